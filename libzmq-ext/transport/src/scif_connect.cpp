/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_connect.hpp"

#if defined ZMQ_HAVE_SCIF

#include <new>

#include "err.hpp"

#include <scif.h>

#include <pthread.h>
#include <signal.h>

zmq::scif_connect_t::scif_connect_t (const scif_address_t &address_) :
    _address (address_),
    _epd (scif_open ()),
    _port (-1),
    _errno (errno),
    _refs (2)
{
}

zmq::scif_connect_t::~scif_connect_t ()
{
    if (_epd != -1)
        scif_close (_epd);
}

zmq::scif_connect_t *zmq::scif_connect_t::start (const scif_address_t &address_)
{
    scif_connect_t *self = new (std::nothrow) scif_connect_t (address_);
    alloc_assert (self);

    int err = 0;
    if (self->_epd == -1)
        err = self->_errno;
    else if (!self->_signaler.valid ())
        err = EMFILE;
    else {
        //  No signal is to be handled in the thread, which inherits the mask.
        sigset_t all_signals;
        sigset_t old_signals;
        sigfillset (&all_signals);
        int rc = pthread_sigmask (SIG_SETMASK, &all_signals, &old_signals);
        posix_assert (rc);

        pthread_attr_t attr;
        rc = pthread_attr_init (&attr);
        posix_assert (rc);
        rc = pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
        posix_assert (rc);
        pthread_t thread;
        err = pthread_create (&thread, &attr, routine, self);
        rc = pthread_attr_destroy (&attr);
        posix_assert (rc);

        rc = pthread_sigmask (SIG_SETMASK, &old_signals, NULL);
        posix_assert (rc);
    }

    if (err != 0) {
        delete self;
        errno = err;
        return NULL;
    }
    return self;
}

zmq::fd_t zmq::scif_connect_t::get_fd () const
{
    return _signaler.get_fd ();
}

void *zmq::scif_connect_t::routine (void *arg_)
{
    static_cast<scif_connect_t *> (arg_)->run ();
    return NULL;
}

void zmq::scif_connect_t::run ()
{
    struct scif_portID dst;
    dst.node = _address.node ();
    dst.port = _address.port ();
    _port = scif_connect (_epd, &dst);

    //  The request of an attempt that was refused because it took too long
    //  stays in the listener's backlog, where it stops whoever accepts it for
    //  as long as the endpoint is there.
    if (_port == -1) {
        _errno = errno;
        scif_close (_epd);
        _epd = -1;
    }

    _signaler.send ();
    release ();
}

int zmq::scif_connect_t::take (uint16_t *local_port_)
{
    //  That the thread has sent the signal orders its writes before this.
    _signaler.recv ();
    const int epd = _epd;
    _epd = -1;
    *local_port_ = static_cast<uint16_t> (_port);
    errno = _errno;
    return epd;
}

void zmq::scif_connect_t::release ()
{
    if (!_refs.sub (1))
        delete this;
}

#endif
