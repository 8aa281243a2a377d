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
class scif_channel_t;
class scif_ring_t;

//  The byte stream of a channel, and the descriptor by which a poller can wait
//  for it.
//
//  The driver hooks an endpoint into an epoll set when it is added, and only
//  for the events asked for at that moment, and reports a hang-up whether asked
//  for or not. As neither suits libzmq's pollers, the endpoint sits in a set of
//  its own, added with all events it will ever want, and libzmq polls that set.
class scif_stream_t
{
  public:
    //  Takes over a channel whose ends have agreed. Returns NULL and sets errno
    //  if the process has run out of descriptors.
    static scif_stream_t *create (scif_channel_t *channel_);
    ~scif_stream_t ();

    //  The descriptor to poll for input.
    fd_t get_fd () const { return _poll_fd; }

    //  The same, and leaves it to the caller to close it.
    fd_t release_fd ();

    const scif_channel_t &channel () const { return *_channel; }

    //  Reads some of what has arrived. Returns the number of bytes, or -1 and
    //  sets errno: EAGAIN if there is nothing, ECONNRESET if the peer has gone
    //  and all that it had sent has been read, else if it has broken the rules.
    int read (void *data_, size_t size_);

    //  Writes some of it. Returns the number of bytes, 0 if there is no space,
    //  or -1 and sets errno if the peer has gone or has broken the rules.
    int write (const void *data_, size_t size_);

    //  To be called before the descriptor is polled, with what is waited for:
    //  data to read, space to write. Returns true if the descriptor is going to
    //  be readable when it is there, or the peer has gone, but for nothing if
    //  nothing is waited for; false if read or write has something to do now.
    bool wait (bool in_, bool out_);

    //  Has the descriptor be readable at once, until wait is called.
    void wake ();

  private:
    explicit scif_stream_t (scif_channel_t *channel_);

    //  Has the peer ring, as wait does.
    bool await (bool in_, bool out_);

    bool is_ready (bool in_, bool out_) const;
    bool becomes_ready (bool in_, bool out_);
    void ring_bell ();
    void receive_bells ();
    void watch (bool in_, bool out_);
    void control (int op_, int events_);

    scif_channel_t *const _channel;

    //  The rings of the channel, or NULL.
    scif_ring_t *const _rings;

    //  The epoll set, and what the endpoint in it is asked for at present; 0 if
    //  it is not in the set.
    const fd_t _poll_fd;
    bool _owns_fd;
    int _events;

    //  True iff the peer is going to ring when there is something to read, or
    //  space to write.
    bool _in_awaited;
    bool _out_awaited;

    //  True iff the peer has to be woken up, and could not be so far.
    bool _bell_owed;

    //  Why there is nothing more to expect from the peer, or 0.
    int _error;

    //  How often looking was of no use, and how often to leave it out.
    int _failures;
    int _skips;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_stream_t)
};
}

#endif

#endif
