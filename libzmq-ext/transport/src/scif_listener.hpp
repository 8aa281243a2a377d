/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_LISTENER_HPP_INCLUDED__
#define __ZMQ_SCIF_LISTENER_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include <poll.h>

#include <string>
#include <vector>

#include "options.hpp"
#include "scif_address.hpp"
#include "stream_listener_base.hpp"
#include "thread.hpp"

namespace zmq
{
class scif_channel_t;
class scif_stream_t;

//  Listens on a port, accepts, and comes to an agreement with the peers, in a
//  thread of its own.
//
//  A request to connect that has waited for 10 seconds is the death of whoever
//  accepts it: the driver works on what its connecter has left, or waits for
//  it for ever. As requests do not tell their age, the endpoint is closed if
//  they can be that old, as after the process was stopped. Its port is free to
//  listen anew when the connections that were accepted on it have ended.
class scif_acceptor_t
{
  public:
    scif_acceptor_t (const scif_address_t &address_, const options_t &options_);
    ~scif_acceptor_t ();

    //  Starts to listen. Returns -1 and sets errno if it can't.
    int listen ();

    //  Body of the thread, and the thread.
    static void run (void *self_);
    thread_t &thread () { return _thread; }

    //  Has the thread end. Returns false if it does not, and the object has to
    //  be left to it.
    bool stop ();

    const scif_address_t &address () const { return _address; }

    //  The descriptor that is readable when the thread has something to tell.
    //  It is up to the caller to close it.
    fd_t get_fd () const { return _fd; }

    //  An event of the socket's monitor with its errno, or a new stream, which
    //  from now on belongs to the caller.
    struct report_t
    {
        scif_stream_t *stream;
        int event;
        int err;
    };
    bool next (report_t *report_) const;

  private:
    int open ();
    int bind ();
    void close ();
    void wait ();
    void accept ();
    void agree ();
    void report (int event_, int err_, scif_stream_t *stream_ = NULL);

    scif_address_t _address;
    const options_t _options;

    //  The listening endpoint, or -1 while the port is not free.
    int _epd;

    //  A pair of sockets: of who is told, and of the thread.
    fd_t _fd;
    fd_t _thread_fd;

    //  No request in the queue is older, in microseconds. When more have been
    //  accepted than fit into it, what is left is not older than '_since'.
    uint64_t _oldest;
    uint64_t _since;
    int _accepted;
    int _queue_size;

    //  True iff something has failed that is to be tried again in a while.
    bool _failed;

    //  Connections whose ends have yet to agree, and until when they may.
    struct newcomer_t
    {
        scif_channel_t *channel;
        uint64_t deadline;
    };
    std::vector<newcomer_t> _newcomers;

    //  The thread's socket, the listening endpoint, and the newcomers.
    std::vector<struct pollfd> _pollset;

    thread_t _thread;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_acceptor_t)
};

class scif_listener_t ZMQ_FINAL : public stream_listener_base_t
{
  public:
    scif_listener_t (zmq::io_thread_t *io_thread_,
                     zmq::socket_base_t *socket_,
                     const options_t &options_);

    //  Set address to listen on.
    int set_local_address (const char *addr_);

  private:
    void in_event () ZMQ_FINAL;
    int close () ZMQ_FINAL;
    std::string get_socket_name (fd_t, socket_end_t) const ZMQ_FINAL
    {
        return _endpoint;
    }

    //  Creates the engine and the session for a new connection.
    void create_session (scif_stream_t *stream_);

    //  Accepts. What the base class polls is the descriptor of this.
    scif_acceptor_t *_acceptor;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_listener_t)
};
}

#endif

#endif
