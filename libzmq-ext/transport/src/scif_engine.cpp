/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_engine.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"

//  How many times one event may read or write, and how many bytes, before the
//  other descriptors of the I/O thread get their turn.
static const int max_calls_per_event = 64;
static const size_t max_bytes_per_event = 8 << 20;

zmq::scif_engine_t::scif_engine_t (
  scif_stream_t *stream_,
  const options_t &options_,
  const endpoint_uri_pair_t &endpoint_uri_pair_) :
    zmtp_engine_t (stream_->get_fd (), options_, endpoint_uri_pair_),
    _stream (stream_),
    _want_in (false),
    _want_out (false),
    _base_next_msg (NULL),
    _more (false),
    _moved (0),
    _destroyed (NULL)
{
}

zmq::scif_engine_t::~scif_engine_t ()
{
    if (_destroyed)
        *_destroyed = true;

    //  The descriptor that is polled is closed by the base class.
    delete _stream;
}

void zmq::scif_engine_t::in_event ()
{
    //  The descriptor tells that something has happened, but not what. That
    //  the peer has gone is told even if neither reading nor writing is
    //  wanted, and has to wait until there is room for what it has left.
    if (!_want_in)
        _stream->ignore_input ();

    bool destroyed = false;
    _destroyed = &destroyed;
    _moved = 0;
    for (int i = 0;
         _want_in && i != max_calls_per_event && _moved < max_bytes_per_event;
         ++i) {
        zmtp_engine_t::in_event ();
        if (destroyed)
            return;
        if (_stream->read_is_signalled ())
            break;
    }
    _destroyed = NULL;

    if (_want_out)
        out_event ();
    else
        wake_if_needed ();
}

void zmq::scif_engine_t::out_event ()
{
    const next_msg_fun_t next_msg_if_written =
      static_cast<next_msg_fun_t> (&scif_engine_t::next_msg_if_written);

    int calls = 0;
    _moved = 0;
    do {
        if (_next_msg != next_msg_if_written) {
            _base_next_msg = _next_msg;
            _next_msg = next_msg_if_written;
        }
        zmtp_engine_t::out_event ();
    } while (_want_out && _encoder
             && (_outsize == 0 || !_stream->write_is_signalled ())
             && ++calls != max_calls_per_event && _moved < max_bytes_per_event);

    wake_if_needed ();
}

void zmq::scif_engine_t::wake_if_needed ()
{
    _stream->wake ((_want_in && !_stream->read_is_signalled ())
                   || (_want_out && !_stream->write_is_signalled ()));
}

int zmq::scif_engine_t::next_msg_if_written (msg_t *msg_)
{
    //  To find that there is no next message since the socket is closed
    //  makes the session destroy the engine, with all that is encoded but not
    //  written. So look for one only when all is written or sure to be so, or
    //  when there is one for certain.
    if (_outsize > 0 && !_more && !_stream->has_space (_outsize)) {
        errno = EAGAIN;
        return -1;
    }

    //  The base class replaces the function as the protocol goes on.
    const next_msg_fun_t next_msg_if_written = _next_msg;
    _next_msg = _base_next_msg;
    const int rc = (this->*_base_next_msg) (msg_);
    _base_next_msg = _next_msg;
    _next_msg = next_msg_if_written;

    _more = rc == 0 && (msg_->flags () & msg_t::more) != 0;
    return rc;
}

int zmq::scif_engine_t::read (void *data_, size_t size_)
{
    const int rc = _stream->read (data_, size_);

    //  SCIF has one error for every end of a connection. The monitors of the
    //  other transports tell of the end of a stream by this one.
    if (rc == -1 && errno == ECONNRESET)
        errno = EPIPE;
    if (rc > 0)
        _moved += rc;
    return rc;
}

int zmq::scif_engine_t::write (const void *data_, size_t size_)
{
    const int rc = _stream->write (data_, size_);
    if (rc > 0)
        _moved += rc;
    return rc;
}

void zmq::scif_engine_t::set_pollin ()
{
    //  Writing is signalled by the same descriptor, so it is always polled
    //  for input.
    zmtp_engine_t::set_pollin ();
    _want_in = true;
    _stream->watch (_want_in, _want_out);

    //  Bells were ignored as long as reading was not wanted, and the base
    //  class reads but once when it is wanted again. So there may be more to
    //  read than the peer is going to ring for.
    _stream->wake (true);
}

void zmq::scif_engine_t::reset_pollin ()
{
    _want_in = false;
    _stream->watch (_want_in, _want_out);
}

void zmq::scif_engine_t::set_pollout ()
{
    _want_out = true;
    _stream->watch (_want_in, _want_out);
}

void zmq::scif_engine_t::reset_pollout ()
{
    _want_out = false;
    _stream->watch (_want_in, _want_out);
}

#endif
