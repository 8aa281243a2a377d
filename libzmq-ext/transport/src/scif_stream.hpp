/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_STREAM_HPP_INCLUDED__
#define __ZMQ_SCIF_STREAM_HPP_INCLUDED__

#include <stddef.h>

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "fd.hpp"
#include "macros.hpp"

namespace zmq
{
//  The byte stream of a connected SCIF endpoint, and the descriptor by which
//  a poller can wait for it.
//
//  The SCIF driver hooks an endpoint into the wait queues of an epoll set
//  when it is added, and only for the events asked for at that moment; what
//  is asked for later is never signalled. It also reports a hang-up whether
//  asked for or not. As neither suits libzmq's pollers, the endpoint sits in
//  an epoll set of its own, added with all events it will ever want, and
//  libzmq polls that set.
class scif_stream_t
{
  public:
    //  Takes over a connected endpoint, and closes it in the end.
    explicit scif_stream_t (int epd_);
    ~scif_stream_t ();

    //  The descriptor to poll for input: readable when something that is
    //  watched for has happened, or the peer has gone. It is up to the caller
    //  to close it. It is retired_fd, with errno set, if the process
    //  has run out of descriptors.
    fd_t get_fd () const;

    //  Sets what is to be signalled: data to read, space to write.
    void watch (bool in_, bool out_);

    //  Stops all signals, that of the peer's having gone included, until
    //  watch is called again.
    void unwatch ();

    //  Reads what has arrived, at most 'size_' bytes. Returns the number of
    //  bytes, or -1 and sets errno: EAGAIN if there is nothing, ECONNRESET if
    //  the peer has gone and all that it had sent has been read.
    int read (void *data_, size_t size_);

    //  Writes what there is space for. Returns the number of bytes, which may
    //  be 0, or -1 and sets errno if the peer has gone.
    int write (const void *data_, size_t size_);

  private:
    void control (int op_, int events_);

    const int _epd;

    //  The epoll set that the endpoint is in.
    const fd_t _poll_fd;

    //  What is watched for at present, or -1 if nothing is signalled at all.
    int _events;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_stream_t)
};
}

#endif

#endif
