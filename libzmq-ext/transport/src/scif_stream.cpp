/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_stream.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"

#include <scif.h>

#include <string.h>
#include <sys/epoll.h>

//  An endpoint queues 4095 bytes. The driver allocates a buffer of the size
//  that it is asked to transfer, so asking for more only costs time.
static const size_t max_transfer = 4095;

zmq::scif_stream_t::scif_stream_t (int epd_) :
    _epd (epd_),
    _poll_fd (epoll_create1 (EPOLL_CLOEXEC)),
    _events (-1)
{
    if (_poll_fd != retired_fd)
        watch (false, false);
}

zmq::scif_stream_t::~scif_stream_t ()
{
    const int err = errno;
    if (_poll_fd != retired_fd)
        unwatch ();
    const int rc = scif_close (_epd);
    errno_assert (rc == 0);
    errno = err;
}

zmq::fd_t zmq::scif_stream_t::get_fd () const
{
    return _poll_fd;
}

void zmq::scif_stream_t::watch (bool in_, bool out_)
{
    int events = 0;
    if (in_)
        events |= EPOLLIN;
    if (out_)
        events |= EPOLLOUT;

    //  See the class for why the endpoint is always added with both.
    if (_events == -1)
        control (EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    if (_events != events)
        control (EPOLL_CTL_MOD, events);
}

void zmq::scif_stream_t::unwatch ()
{
    if (_events != -1) {
        control (EPOLL_CTL_DEL, 0);
        _events = -1;
    }
}

void zmq::scif_stream_t::control (int op_, int events_)
{
    struct epoll_event ev;
    memset (&ev, 0, sizeof ev);
    ev.events = static_cast<uint32_t> (events_);
    const int rc = epoll_ctl (_poll_fd, op_, _epd, &ev);
    errno_assert (rc == 0);
    _events = events_;
}

int zmq::scif_stream_t::read (void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    const int rc = scif_recv (_epd, data_, static_cast<int> (size), 0);

    //  Nothing to read is no error to SCIF, and no end of the stream either.
    if (rc == 0 || (rc == -1 && errno == EINTR)) {
        errno = EAGAIN;
        return -1;
    }
    errno_assert (rc != -1 || errno != EBADF);
    return rc;
}

int zmq::scif_stream_t::write (const void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    const int rc = scif_send (_epd, const_cast<void *> (data_),
                              static_cast<int> (size), 0);
    if (rc == -1 && errno == EINTR)
        return 0;
    errno_assert (rc != -1 || errno != EBADF);
    return rc;
}

#endif
