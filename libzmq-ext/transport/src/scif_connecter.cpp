/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_connecter.hpp"

#if defined ZMQ_HAVE_SCIF

#include <new>
#include <string>

#include "address.hpp"
#include "err.hpp"
#include "io_thread.hpp"
#include "scif_address.hpp"
#include "scif_connect.hpp"
#include "scif_engine.hpp"
#include "scif_stream.hpp"
#include "session_base.hpp"

#include <scif.h>

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
        _connect = scif_connect_t::start (*_addr->resolved.scif_addr);
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

        //  The attempt can't be called off, and goes on for up to 10 seconds.
        //  More of them would only fill the backlog of a peer that does not
        //  accept, so the next attempt is to wait for this one again.
        if (options.reconnect_ivl <= 0)
            drop ();
        add_reconnect_timer ();
    } else
        stream_connecter_base_t::timer_event (id_);
}

void zmq::scif_connecter_t::out_event ()
{
    uint16_t local_port;
    const int epd = _connect->take (&local_port);
    if (epd == -1) {
        const bool refused = errno == ECONNREFUSED;
        close ();
        drop ();
        if (refused
            && (options.reconnect_stop & ZMQ_RECONNECT_STOP_CONN_REFUSED)) {
            send_conn_failed (_session);
            terminate ();
        } else
            add_reconnect_timer ();
        return;
    }

    stop_waiting ();
    drop ();
    if (attach_engine (epd, local_port) != 0)
        add_reconnect_timer ();
}

int zmq::scif_connecter_t::attach_engine (int epd_, uint16_t local_port_)
{
    uint16_t local_node;
    if (scif_address_t::local_node (&local_node) != 0) {
        scif_close (epd_);
        return -1;
    }
    const bool same_node = _addr->resolved.scif_addr->node () == local_node;
    scif_stream_t *stream =
      new (std::nothrow) scif_stream_t (epd_, same_node, options);
    alloc_assert (stream);
    if (stream->get_fd () == retired_fd) {
        delete stream;
        return -1;
    }

    std::string local_address;
    scif_address_t (local_node, local_port_).to_string (local_address);
    const endpoint_uri_pair_t endpoint_pair (local_address, _endpoint,
                                             endpoint_type_connect);

    const fd_t fd = stream->get_fd ();
    i_engine *engine =
      new (std::nothrow) scif_engine_t (stream, options, endpoint_pair);
    alloc_assert (engine);

    //  Attach the engine to the corresponding session object.
    send_attach (_session, engine);

    //  Shut the connecter down.
    terminate ();

    _socket->event_connected (endpoint_pair, fd);
    return 0;
}

#endif
