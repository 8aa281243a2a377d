/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_listener.hpp"

#if defined ZMQ_HAVE_SCIF

#include <new>

#include "err.hpp"
#include "io_thread.hpp"
#include "scif_engine.hpp"
#include "scif_stream.hpp"
#include "session_base.hpp"
#include "socket_base.hpp"

#include <scif.h>

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

zmq::scif_listener_t::scif_listener_t (io_thread_t *io_thread_,
                                       socket_base_t *socket_,
                                       const options_t &options_) :
    stream_listener_base_t (io_thread_, socket_, options_), _epd (-1)
{
}

void zmq::scif_listener_t::in_event ()
{
    scif_address_t peer;
    const int epd = accept (&peer);

    //  If connection was reset by the peer in the meantime, just ignore it.
    if (epd == -1 || create_session (epd, peer) != 0) {
        const int err = zmq_errno ();
        _socket->event_accept_failed (
          make_unconnected_bind_endpoint_pair (_endpoint), err);

        //  An endpoint that does not listen, or does not any more, as when
        //  the application has closed a duplicate of it, never will again.
        if (epd == -1 && (err == EINVAL || err == ENOTTY))
            reset_pollin (_handle);
    }
}

std::string
zmq::scif_listener_t::get_socket_name (zmq::fd_t fd_,
                                       socket_end_t socket_end_) const
{
    LIBZMQ_UNUSED (fd_);
    zmq_assert (socket_end_ == socket_end_local);
    return _endpoint;
}

int zmq::scif_listener_t::set_local_address (const char *addr_)
{
    if (_address.resolve (addr_, true) != 0)
        return -1;

    if (options.use_fd != -1) {
        //  The application has an endpoint that listens already, and says
        //  where, as an endpoint can't be asked for its port.
        if (_address.port () == 0) {
            errno = EINVAL;
            return -1;
        }
        _epd = options.use_fd;
    } else if (open () != 0)
        goto error;

    _address.to_string (_endpoint);

    _s = epoll_create1 (EPOLL_CLOEXEC);
    if (_s == retired_fd)
        goto error;

    struct epoll_event ev;
    memset (&ev, 0, sizeof ev);
    ev.events = EPOLLIN;
    if (epoll_ctl (_s, EPOLL_CTL_ADD, _epd, &ev) != 0)
        goto error;

    _socket->event_listening (make_unconnected_bind_endpoint_pair (_endpoint),
                              _s);
    return 0;

error:
    const int err = errno;
    if (_epd != -1 && options.use_fd == -1)
        scif_close (_epd);
    if (_s != retired_fd)
        ::close (_s);
    _s = retired_fd;
    errno = err;
    return -1;
}

int zmq::scif_listener_t::open ()
{
    _epd = scif_open ();
    if (_epd == -1)
        return -1;

    const int port = scif_bind (_epd, _address.port ());
    if (port == -1) {
        //  As the endpoint is a new one, only the port can be invalid, and
        //  it is so because somebody has it.
        if (errno == EINVAL)
            errno = EADDRINUSE;
        return -1;
    }
    _address = scif_address_t (_address.node (), static_cast<uint16_t> (port));

    //  Unlike a socket, an endpoint can't do without a backlog.
    return scif_listen (_epd, options.backlog > 0 ? options.backlog : 1);
}

int zmq::scif_listener_t::close ()
{
    const int rc = scif_close (_epd);
    errno_assert (rc == 0);
    return stream_listener_base_t::close ();
}

int zmq::scif_listener_t::accept (scif_address_t *peer_) const
{
    struct scif_portID peer;
    scif_epd_t epd;
    if (scif_accept (_epd, &peer, &epd, 0) != 0) {
        errno_assert (errno != EBADF && errno != EFAULT);
        return -1;
    }
    *peer_ = scif_address_t (peer.node, peer.port);

    //  Accepted endpoints do not inherit it.
    const int rc = fcntl (epd, F_SETFD, FD_CLOEXEC);
    errno_assert (rc != -1);
    return epd;
}

int zmq::scif_listener_t::create_session (int epd_, const scif_address_t &peer_)
{
    const bool same_node = peer_.node () == _address.node ();
    scif_stream_t *stream =
      new (std::nothrow) scif_stream_t (epd_, same_node, options);
    alloc_assert (stream);
    if (stream->get_fd () == retired_fd) {
        delete stream;
        return -1;
    }

    std::string remote_address;
    peer_.to_string (remote_address);
    const endpoint_uri_pair_t endpoint_pair (_endpoint, remote_address,
                                             endpoint_type_bind);

    const fd_t fd = stream->get_fd ();
    i_engine *engine =
      new (std::nothrow) scif_engine_t (stream, options, endpoint_pair);
    alloc_assert (engine);

    //  Choose I/O thread to run connecter in. Given that we are already
    //  running in an I/O thread, there must be at least one available.
    io_thread_t *io_thread = choose_io_thread (options.affinity);
    zmq_assert (io_thread);

    //  Create and launch a session object.
    session_base_t *session =
      session_base_t::create (io_thread, false, _socket, options, NULL);
    errno_assert (session);
    session->inc_seqnum ();
    launch_child (session);
    send_attach (session, engine, false);

    _socket->event_accepted (endpoint_pair, fd);
    return 0;
}

#endif
