/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_stream.hpp"

#if defined ZMQ_HAVE_SCIF

#include "clock.hpp"
#include "err.hpp"
#include "scif_channel.hpp"

#include <new>

#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

//  For how long, in microseconds, to look for the peer to go on before going
//  to sleep, which takes longer. After each time that it was of no use it is
//  left out twice as often, up to 64 times.
static const uint64_t max_look = 20;
static const int max_failures = 6;

zmq::scif_stream_t::scif_stream_t (scif_channel_t *channel_) :
    _channel (channel_),
    _rings (channel_->rings ()),
    _poll_fd (epoll_create1 (EPOLL_CLOEXEC)),
    _owns_fd (_poll_fd != retired_fd),
    _events (0),
    _in_awaited (false),
    _out_awaited (false),
    _bell_owed (false),
    _error (0),
    _failures (0),
    _skips (0)
{
}

zmq::scif_stream_t::~scif_stream_t ()
{
    delete _channel;
    if (_owns_fd) {
        const int rc = close (_poll_fd);
        errno_assert (rc == 0);
    }
}

zmq::scif_stream_t *zmq::scif_stream_t::create (scif_channel_t *channel_)
{
    scif_stream_t *stream = new (std::nothrow) scif_stream_t (channel_);
    alloc_assert (stream);
    if (stream->_poll_fd != retired_fd)
        return stream;
    delete stream;
    return NULL;
}

zmq::fd_t zmq::scif_stream_t::release_fd ()
{
    _owns_fd = false;
    return _poll_fd;
}

int zmq::scif_stream_t::read (void *data_, size_t size_)
{
    if (!_rings)
        return _channel->receive (data_, size_);

    //  A peer that is known to have gone has written all it ever will.
    const int error = _error;
    _in_awaited = false;
    const int rc = _rings->read (data_, size_);
    if (rc > 0) {
        ring_bell ();
        return rc;
    }
    if (rc == 0)
        errno = error != 0 ? error : EAGAIN;
    return -1;
}

int zmq::scif_stream_t::write (const void *data_, size_t size_)
{
    if (!_rings)
        return _channel->send (data_, size_);

    _out_awaited = false;
    if (_error != 0) {
        errno = _error;
        return -1;
    }
    const int rc = _rings->write (data_, size_);
    if (rc > 0)
        ring_bell ();

    //  It is for who reads to close the connection, and not before what has
    //  arrived is read.
    if (rc == -1)
        _error = errno;
    return rc;
}

bool zmq::scif_stream_t::wait (bool in_, bool out_)
{
    if (!_rings)
        watch (in_, out_);
    else if ((in_ || out_) && !await (in_, out_))
        return false;
    else {
        //  A bell may be for either. There is always space for one more, which
        //  is why waiting for it is a way to wake oneself up.
        ring_bell ();
        watch (in_ || out_, _bell_owed);
    }
    return true;
}

bool zmq::scif_stream_t::await (bool in_, bool out_)
{
    if (_error != 0)
        return false;
    if ((!in_ || _in_awaited) && (!out_ || _out_awaited))
        return true;
    if (is_ready (in_, out_) || becomes_ready (in_, out_))
        return false;

    //  Bells may only be taken by who says anew what it waits for, and then
    //  looks once more.
    receive_bells ();
    _in_awaited = in_ && _rings->sleep ();
    _out_awaited = out_ && _rings->wait ();
    return _error == 0 && in_ == _in_awaited && out_ == _out_awaited;
}

bool zmq::scif_stream_t::is_ready (bool in_, bool out_) const
{
    return (in_ && _rings->is_readable ()) || (out_ && _rings->is_writable ());
}

bool zmq::scif_stream_t::becomes_ready (bool in_, bool out_)
{
    if (_skips > 0) {
        --_skips;
        return false;
    }
    const uint64_t start = clock_t::now_us ();
    while (clock_t::now_us () - start < max_look)
        if (is_ready (in_, out_)) {
            _failures = 0;
            return true;
        }
    if (_failures < max_failures)
        ++_failures;
    _skips = 1 << _failures;
    return false;
}

void zmq::scif_stream_t::wake ()
{
    watch (true, true);
}

void zmq::scif_stream_t::ring_bell ()
{
    if (_rings->must_ring ())
        _bell_owed = true;
    if (_bell_owed) {
        const char bell = 0;
        _bell_owed = _channel->send (&bell, 1) == 0;
    }
}

void zmq::scif_stream_t::receive_bells ()
{
    char bells[4095];
    const int rc = _channel->receive (bells, sizeof bells);
    if (rc == -1 && errno == ECONNRESET && _error == 0)
        _error = ECONNRESET;
}

void zmq::scif_stream_t::watch (bool in_, bool out_)
{
    int events = 0;
    if (in_)
        events |= EPOLLIN;
    if (out_)
        events |= EPOLLOUT;

    //  See the class for why it is always added with both. That the peer has
    //  gone is reported even if nothing is asked for.
    if (_events == 0 && events != 0)
        control (EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    if (_events != events)
        control (events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, events);
}

void zmq::scif_stream_t::control (int op_, int events_)
{
    struct epoll_event ev;
    memset (&ev, 0, sizeof ev);
    ev.events = static_cast<uint32_t> (events_);
    const int rc = epoll_ctl (_poll_fd, op_, _channel->epd (), &ev);
    errno_assert (rc == 0);
    _events = events_;
}

#endif
