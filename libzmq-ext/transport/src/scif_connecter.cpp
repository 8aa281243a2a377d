/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_connecter.hpp"

#if defined ZMQ_HAVE_SCIF

#include <new>

#include "address.hpp"
#include "clock.hpp"
#include "err.hpp"
#include "io_thread.hpp"
#include "scif_channel.hpp"
#include "scif_engine.hpp"
#include "scif_stream.hpp"
#include "session_base.hpp"

#include <scif.h>

#include <poll.h>
#include <pthread.h>

//  What the thread needs, and a process can afford for many attempts.
static const size_t min_stack_size = 1 << 18;
static const size_t max_stack_size = 1 << 26;

zmq::scif_connect_t::scif_connect_t (const scif_address_t &address_,
                                     const options_t &options_) :
    _address (address_),
    _options (options_),
    _stream (NULL),
    _accepted (false),
    _errno (0),
    _refs (2)
{
}

zmq::scif_connect_t::~scif_connect_t ()
{
    delete _stream;
}

zmq::scif_connect_t *zmq::scif_connect_t::start (const scif_address_t &address_,
                                                 const options_t &options_)
{
    scif_connect_t *self =
      new (std::nothrow) scif_connect_t (address_, options_);
    alloc_assert (self);

    int err = EMFILE;
    if (self->_signaler.valid ()) {
        //  The thread inherits from the I/O thread that it is disturbed by no
        //  signal, and how it is scheduled.
        pthread_attr_t attr;
        int rc = pthread_attr_init (&attr);
        posix_assert (rc);
        rc = pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
        posix_assert (rc);

        //  Thread-local memory of the program may need more of it.
        size_t size = min_stack_size;
        do {
            pthread_t thread;
            pthread_attr_setstacksize (&attr, size);
            err = pthread_create (&thread, &attr, run, self);
        } while (err == EINVAL && (size *= 4) <= max_stack_size);
        pthread_attr_destroy (&attr);
    }
    if (err == 0)
        return self;
    delete self;
    errno = err;
    return NULL;
}

void *zmq::scif_connect_t::run (void *self_)
{
    scif_connect_t *const self = static_cast<scif_connect_t *> (self_);
    const int epd = scif_open ();
    if (epd != -1) {
        scif_channel_t *channel =
          new (std::nothrow) scif_channel_t (epd, self->_options);
        alloc_assert (channel);
        if (self->connect (channel) == 0) {
            self->_accepted = false;
            self->_stream = scif_stream_t::create (channel);
        } else
            delete channel;
    }
    self->_errno = errno;
    self->_signaler.send ();
    self->release ();
    return NULL;
}

int zmq::scif_connect_t::connect (scif_channel_t *channel_)
{
    uint16_t node;
    if (scif_address_t::local_node (&node) != 0)
        return -1;
    struct scif_portID dst;
    dst.node = _address.node ();
    dst.port = _address.port ();
    const int port = scif_connect (channel_->epd (), &dst);
    if (port == -1)
        return -1;
    _accepted = true;
    channel_->set_addresses (
      scif_address_t (node, static_cast<uint16_t> (port)), _address);

    const uint64_t start = clock_t::now_us ();
    const uint64_t limit =
      static_cast<uint64_t> (_options.handshake_ivl) * 1000;
    int rc = channel_->greet ();
    while (rc != 0 && errno == EAGAIN) {
        if (limit > 0 && clock_t::now_us () - start > limit) {
            errno = ETIMEDOUT;
            return -1;
        }

        //  Look now and then whether the I/O thread has let go of it.
        if (_refs.add (0) == 1)
            return -1;
        struct pollfd pfd = {channel_->epd (), POLLIN, 0};
        poll (&pfd, 1, 100);
        rc = channel_->agree ();
    }
    return rc;
}

zmq::scif_stream_t *zmq::scif_connect_t::take ()
{
    //  That the thread has sent the signal orders its writes before this.
    _signaler.recv ();
    scif_stream_t *const stream = _stream;
    _stream = NULL;
    errno = _errno;
    return stream;
}

void zmq::scif_connect_t::release ()
{
    if (!_refs.sub (1))
        delete this;
}

zmq::scif_connecter_t::scif_connecter_t (class io_thread_t *io_thread_,
                                         class session_base_t *session_,
                                         const options_t &options_,
                                         address_t *addr_,
                                         bool delayed_start_) :
    stream_connecter_base_t (
      io_thread_, session_, options_, addr_, delayed_start_),
    _connect (NULL),
    _connect_timer_started (false)
{
    zmq_assert (_addr->protocol == protocol_name::scif);
}

zmq::scif_connecter_t::~scif_connecter_t ()
{
    zmq_assert (!_connect);
    zmq_assert (!_connect_timer_started);
}

void zmq::scif_connecter_t::process_term (int linger_)
{
    if (_handle)
        close ();
    if (_connect)
        drop ();
    stream_connecter_base_t::process_term (linger_);
}

void zmq::scif_connecter_t::start_connecting ()
{
    if (!_connect)
        _connect = scif_connect_t::start (*_addr->resolved.scif_addr, options);
    if (!_connect) {
        add_reconnect_timer ();
        return;
    }

    _handle = add_fd (_connect->get_fd ());
    set_pollin (_handle);
    _socket->event_connect_delayed (
      make_unconnected_connect_endpoint_pair (_endpoint), EINPROGRESS);

    //  add userspace connect timeout
    if (options.connect_timeout > 0) {
        add_timer (options.connect_timeout, connect_timer_id);
        _connect_timer_started = true;
    }
}

void zmq::scif_connecter_t::stop_waiting ()
{
    if (_connect_timer_started) {
        cancel_timer (connect_timer_id);
        _connect_timer_started = false;
    }
    rm_handle ();
}

void zmq::scif_connecter_t::drop ()
{
    _connect->release ();
    _connect = NULL;
}

void zmq::scif_connecter_t::close ()
{
    stop_waiting ();
    _socket->event_closed (make_unconnected_connect_endpoint_pair (_endpoint),
                           _connect->get_fd ());
}

void zmq::scif_connecter_t::timer_event (int id_)
{
    if (id_ == connect_timer_id) {
        _connect_timer_started = false;
        close ();

        //  The attempt can't be called off, and more of them would only fill
        //  the backlog of the peer: the next one is to wait for this again.
        if (options.reconnect_ivl <= 0)
            drop ();
        add_reconnect_timer ();
    } else
        stream_connecter_base_t::timer_event (id_);
}

void zmq::scif_connecter_t::out_event ()
{
    scif_stream_t *const stream = _connect->take ();
    const int err = errno;
    if (stream) {
        stop_waiting ();
        drop ();

        const fd_t fd = stream->get_fd ();
        i_engine *engine = new (std::nothrow)
          scif_engine_t (stream, options, endpoint_type_connect);
        alloc_assert (engine);
        const endpoint_uri_pair_t endpoint_pair = engine->get_endpoint ();
        send_attach (_session, engine);
        terminate ();
        _socket->event_connected (endpoint_pair, fd);
        return;
    }

    int stop_if = err == ECONNREFUSED ? ZMQ_RECONNECT_STOP_CONN_REFUSED : 0;
    if (_connect->has_disagreed ()) {
        stop_if = ZMQ_RECONNECT_STOP_HANDSHAKE_FAILED;
        _socket->event_handshake_failed_no_detail (
          make_unconnected_connect_endpoint_pair (_endpoint), err);
    }
    close ();
    drop ();
    if (options.reconnect_stop & stop_if) {
        send_conn_failed (_session);
        terminate ();
    } else
        add_reconnect_timer ();
}

#endif
