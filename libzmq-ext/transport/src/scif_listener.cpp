/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_listener.hpp"

#if defined ZMQ_HAVE_SCIF

#include <algorithm>
#include <new>

#include "clock.hpp"
#include "ctx.hpp"
#include "err.hpp"
#include "io_thread.hpp"
#include "random.hpp"
#include "scif_channel.hpp"
#include "scif_engine.hpp"
#include "scif_stream.hpp"
#include "session_base.hpp"
#include "socket_base.hpp"

#include <scif.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

//  How old a request may be, in microseconds. The driver gives it up after 10
//  seconds, and some time may pass between looking at the clock and accepting.
static const uint64_t max_age = 8000000;

//  How often to look whether the queue is empty, and to try again what has
//  failed; how long to wait for the thread to end. In milliseconds.
static const int look_ivl = 3000;
static const int retry_ivl = 100;
static const int stop_timeout = 5000;

//  How many requests can wait at most, whatever the backlog is.
static const int max_queue_size = 1024;

//  How many to accept before going on with those that have been.
static const int max_accepts = 16;

//  A wildcard stands for the upper half of all ports. The lowest free one, which
//  the driver would choose, may be given twice, as it takes a port for free when
//  one of two connections has been closed.
static const uint32_t half = 32768;

zmq::scif_acceptor_t::scif_acceptor_t (const scif_address_t &address_,
                                       const options_t &options_) :
    _address (address_),
    _options (options_),
    _epd (-1),
    _fd (retired_fd),
    _thread_fd (retired_fd),
    _oldest (clock_t::now_us ()),
    _since (_oldest),
    _accepted (0),
    _queue_size (max_queue_size),
    _failed (false)
{
}

zmq::scif_acceptor_t::~scif_acceptor_t ()
{
    if (_epd != -1 && _epd != _options.use_fd)
        scif_close (_epd);
    if (_thread_fd != retired_fd)
        ::close (_thread_fd);
}

int zmq::scif_acceptor_t::listen ()
{
    //  An endpoint of the application's has to listen, and can't tell where.
    const int fd = _options.use_fd;
    errno = EINVAL;
    if (fd == -1 ? open () != 0
                 : _address.port () == 0
                     || (scif_listen (fd, 1) != 0 && errno != EISCONN))
        return -1;
    if (fd != -1)
        _epd = fd;

    int fds[2];
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    _fd = fds[0];
    _thread_fd = fds[1];
    return 0;
}

int zmq::scif_acceptor_t::open ()
{
    _epd = scif_open ();
    if (_epd == -1)
        return -1;

    //  Unlike a socket, an endpoint can't do without a backlog.
    _queue_size = std::max (_options.backlog, 1);
    if (bind () == 0 && scif_listen (_epd, _queue_size) == 0) {
        _oldest = _since = clock_t::now_us ();
        _accepted = 0;
        return 0;
    }
    const int err = errno;
    scif_close (_epd);
    _epd = -1;
    errno = err;
    return -1;
}

int zmq::scif_acceptor_t::bind ()
{
    const uint32_t tries = _address.port () == 0 ? half : 1;
    const uint32_t offset = generate_random ();
    for (uint32_t i = 0; i != tries; ++i) {
        const uint16_t port =
          _address.port () != 0
            ? _address.port ()
            : static_cast<uint16_t> (half + (offset + i) % half);
        if (scif_bind (_epd, port) != -1) {
            _address = scif_address_t (_address.node (), port);
            return 0;
        }

        //  As the endpoint is a new one, only the port can be invalid, and it
        //  is so because somebody has it.
        if (errno != EINVAL)
            return -1;
    }
    errno = EADDRINUSE;
    return -1;
}

void zmq::scif_acceptor_t::run (void *self_)
{
    scif_acceptor_t *const self = static_cast<scif_acceptor_t *> (self_);
    self->wait ();
    while (!self->_pollset[0].revents) {
        self->agree ();
        self->accept ();
        self->wait ();
    }
    self->close ();
    self->report (0, 0);
}

bool zmq::scif_acceptor_t::stop ()
{
    const char request = 0;
    const ssize_t nbytes = send (_fd, &request, sizeof request, MSG_NOSIGNAL);
    errno_assert (nbytes == sizeof request);

    struct pollfd pfd = {_fd, POLLIN, 0};
    report_t report;
    while (poll (&pfd, 1, stop_timeout) == 1 && next (&report)) {
        if (report.event == 0) {
            _thread.stop ();
            return true;
        }
        delete report.stream;
    }
    return false;
}

bool zmq::scif_acceptor_t::next (report_t *report_) const
{
    return recv (_fd, report_, sizeof *report_, MSG_DONTWAIT) != -1;
}

void zmq::scif_acceptor_t::report (int event_, int err_, scif_stream_t *stream_)
{
    const report_t report = {stream_, event_, err_};
    if (send (_thread_fd, &report, sizeof report, MSG_NOSIGNAL) == -1)
        delete stream_;
}

void zmq::scif_acceptor_t::wait ()
{
    struct pollfd pfd = {_thread_fd, POLLIN, 0};
    _pollset.assign (1, pfd);
    pfd.fd = _failed ? -1 : _epd;
    _pollset.push_back (pfd);
    for (size_t i = 0; i != _newcomers.size (); ++i) {
        pfd.fd = _newcomers[i].channel->epd ();
        _pollset.push_back (pfd);
    }
    const bool at_rest = _epd != -1 && !_failed && _newcomers.empty ();
    poll (&_pollset[0], _pollset.size (), at_rest ? look_ivl : retry_ivl);
}

void zmq::scif_acceptor_t::accept ()
{
    if (_epd == -1) {
        if (open () == 0)
            report (ZMQ_EVENT_LISTENING, 0);
        else if (!_failed)
            report (ZMQ_EVENT_BIND_FAILED, errno);
        _failed = _epd == -1;
        return;
    }

    _failed = false;
    for (int i = 0; i != max_accepts; ++i) {
        const uint64_t now = clock_t::now_us ();
        struct pollfd pfd = {_epd, POLLIN, 0};
        if (now - _oldest > max_age && poll (&pfd, 1, 0) != 0) {
            close ();
            return;
        }

        struct scif_portID peer;
        scif_epd_t epd;
        if (scif_accept (_epd, &peer, &epd, 0) != 0) {
            const int err = errno;
            errno_assert (err != EBADF && err != EFAULT);
            _failed = err != EAGAIN;
            if (_failed)
                report (ZMQ_EVENT_ACCEPT_FAILED, err);
            else {
                _oldest = _since = now;
                _accepted = 0;
            }

            //  Who keeps silent is not to keep others from their turn.
            if ((err == EMFILE || err == ENFILE) && !_newcomers.empty ()) {
                delete _newcomers.front ().channel;
                _newcomers.erase (_newcomers.begin ());
            }

            //  An endpoint that does not listen, or does not any more, as when
            //  the application has closed a duplicate of it, never will again.
            if (err == EINVAL || err == ENOTTY)
                close ();
            return;
        }
        if (++_accepted > _queue_size) {
            _oldest = _since;
            _since = now;
            _accepted = 0;
        }

        //  Accepted endpoints do not inherit it.
        const int rc = fcntl (epd, F_SETFD, FD_CLOEXEC);
        errno_assert (rc != -1);

        const uint64_t patience = _options.handshake_ivl;
        const newcomer_t newcomer = {
          new (std::nothrow) scif_channel_t (epd, _options),
          patience > 0 ? now + patience * 1000 : static_cast<uint64_t> (-1)};
        alloc_assert (newcomer.channel);
        newcomer.channel->set_addresses (_address,
                                         scif_address_t (peer.node, peer.port));
        _newcomers.push_back (newcomer);
    }
}

void zmq::scif_acceptor_t::agree ()
{
    const uint64_t now = clock_t::now_us ();
    std::vector<newcomer_t> left;
    for (size_t i = 0; i != _newcomers.size (); ++i) {
        scif_channel_t *const channel = _newcomers[i].channel;
        const bool late = _newcomers[i].deadline <= now;
        const bool arrived = _pollset[2 + i].revents != 0;
        if (arrived && channel->agree () == 0) {
            scif_stream_t *const stream = scif_stream_t::create (channel);
            report (stream ? ZMQ_EVENT_ACCEPTED : ZMQ_EVENT_ACCEPT_FAILED,
                    errno, stream);
        } else if (late || (arrived && errno != EAGAIN)) {
            report (ZMQ_EVENT_ACCEPT_FAILED, late ? ETIMEDOUT : errno);
            delete channel;
        } else
            left.push_back (_newcomers[i]);
    }
    _newcomers.swap (left);
}

void zmq::scif_acceptor_t::close ()
{
    //  Who has yet to agree has sent nothing that could be lost, and holds
    //  the port.
    for (size_t i = 0; i != _newcomers.size (); ++i)
        delete _newcomers[i].channel;
    _newcomers.clear ();

    if (_epd != -1) {
        scif_close (_epd);
        _epd = -1;
        _failed = false;
        report (ZMQ_EVENT_CLOSED, 0);
    }
}

zmq::scif_listener_t::scif_listener_t (io_thread_t *io_thread_,
                                       socket_base_t *socket_,
                                       const options_t &options_) :
    stream_listener_base_t (io_thread_, socket_, options_), _acceptor (NULL)
{
}

void zmq::scif_listener_t::in_event ()
{
    scif_acceptor_t::report_t report;
    if (!_acceptor->next (&report))
        return;

    const endpoint_uri_pair_t endpoint_pair =
      make_unconnected_bind_endpoint_pair (_endpoint);
    if (report.event == ZMQ_EVENT_ACCEPTED)
        create_session (report.stream);
    else if (report.event == ZMQ_EVENT_ACCEPT_FAILED)
        _socket->event_accept_failed (endpoint_pair, report.err);
    else if (report.event == ZMQ_EVENT_CLOSED)
        _socket->event_closed (endpoint_pair, _s);
    else if (report.event == ZMQ_EVENT_BIND_FAILED)
        _socket->event_bind_failed (endpoint_pair, report.err);
    else if (report.event == ZMQ_EVENT_LISTENING)
        _socket->event_listening (endpoint_pair, _s);
}

int zmq::scif_listener_t::set_local_address (const char *addr_)
{
    scif_address_t address;
    if (address.resolve (addr_, true) != 0)
        return -1;

    _acceptor = new (std::nothrow) scif_acceptor_t (address, options);
    alloc_assert (_acceptor);
    if (_acceptor->listen () != 0) {
        const int err = errno;
        LIBZMQ_DELETE (_acceptor);
        errno = err;
        return -1;
    }
    _acceptor->address ().to_string (_endpoint);
    _s = _acceptor->get_fd ();
    _socket->event_listening (make_unconnected_bind_endpoint_pair (_endpoint),
                              _s);
    get_ctx ()->start_thread (_acceptor->thread (), scif_acceptor_t::run,
                              _acceptor, "SCIF");
    return 0;
}

int zmq::scif_listener_t::close ()
{
    if (_acceptor->stop ())
        delete _acceptor;
    _acceptor = NULL;
    return stream_listener_base_t::close ();
}

void zmq::scif_listener_t::create_session (scif_stream_t *stream_)
{
    const fd_t fd = stream_->get_fd ();
    i_engine *engine =
      new (std::nothrow) scif_engine_t (stream_, options, endpoint_type_bind);
    alloc_assert (engine);
    const endpoint_uri_pair_t endpoint_pair = engine->get_endpoint ();

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
}

#endif
