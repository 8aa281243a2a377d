/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_engine.hpp"

#if defined ZMQ_HAVE_SCIF

#include "clock.hpp"
#include "err.hpp"
#include "scif_channel.hpp"
#include "scif_stream.hpp"

//  For how long, in microseconds, an event may go on before the other
//  descriptors of the I/O thread get their turn.
static const uint64_t max_time = 200;

static zmq::endpoint_uri_pair_t
endpoint_pair (const zmq::scif_channel_t &channel_, zmq::endpoint_type_t type_)
{
    std::string local;
    std::string remote;
    channel_.local ().to_string (local);
    channel_.remote ().to_string (remote);
    return zmq::endpoint_uri_pair_t (local, remote, type_);
}

zmq::scif_engine_t::scif_engine_t (scif_stream_t *stream_,
                                   const options_t &options_,
                                   endpoint_type_t type_) :
    zmtp_engine_t (stream_->release_fd (),
                   options_,
                   endpoint_pair (stream_->channel (), type_)),
    _stream (stream_),
    _want_in (false),
    _want_out (false),
    _destroyed (NULL)
{
}

zmq::scif_engine_t::~scif_engine_t ()
{
    if (_destroyed)
        *_destroyed = true;
    delete _stream;
}

void zmq::scif_engine_t::in_event ()
{
    //  The descriptor tells that something has happened, but not what. As
    //  libzmq's pollers do, write first: reading may end the connection.
    bool destroyed = false;
    _destroyed = &destroyed;
    const uint64_t start = clock_t::now_us ();
    bool ready = true;
    while (ready && clock_t::now_us () - start < max_time) {
        if (_want_out)
            zmtp_engine_t::out_event ();
        if (_want_in)
            zmtp_engine_t::in_event ();
        if (destroyed)
            return;
        ready = !_stream->wait (_want_in, _want_out);
    }
    _destroyed = NULL;
    if (ready)
        _stream->wake ();
}

void zmq::scif_engine_t::out_event ()
{
    const uint64_t start = clock_t::now_us ();
    bool ready;
    do {
        zmtp_engine_t::out_event ();
        ready = !_stream->wait (_want_in, _want_out);
    } while (ready && _want_out && _outsize == 0
             && clock_t::now_us () - start < max_time);
    if (ready)
        _stream->wake ();
}

int zmq::scif_engine_t::read (void *data_, size_t size_)
{
    //  In the greeting of the peer there may be what ends the connection, so
    //  it gets ours before more of its own is read.
    if (!_encoder && _outsize > 0)
        zmtp_engine_t::out_event ();

    const int rc = _stream->read (data_, size_);

    //  The monitors of the other transports tell of an end by this error.
    if (rc == -1 && errno == ECONNRESET)
        errno = EPIPE;
    return rc;
}

int zmq::scif_engine_t::write (const void *data_, size_t size_)
{
    return _stream->write (data_, size_);
}

void zmq::scif_engine_t::set_pollin ()
{
    //  Writing is signalled by the same descriptor, so it is always polled
    //  for input.
    zmtp_engine_t::set_pollin ();
    _want_in = true;

    //  When reading goes on the base class reads but once.
    _stream->wake ();
}

#endif
