/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_engine.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"

//  How many times one event may fill the endpoint's queue before the other
//  endpoints of the I/O thread get their turn.
static const int max_writes_per_event = 64;

zmq::scif_engine_t::scif_engine_t (
  scif_stream_t *stream_,
  const options_t &options_,
  const endpoint_uri_pair_t &endpoint_uri_pair_) :
    zmtp_engine_t (stream_->get_fd (), options_, endpoint_uri_pair_),
    _stream (stream_),
    _want_in (false),
    _want_out (false),
    _base_next_msg (NULL),
    _more (false)
{
}

zmq::scif_engine_t::~scif_engine_t ()
{
    //  The descriptor that is polled is closed by the base class.
    delete _stream;
}

void zmq::scif_engine_t::in_event ()
{
    //  A hang-up is signalled whether it is asked for or not. If there is
    //  neither room for input nor anything to write, it has to wait until
    //  there is, as there may still be data to read.
    if (!_want_in && !_want_out) {
        _stream->unwatch ();
        return;
    }

    //  The set of descriptors that is polled can't be polled for output, so
    //  this event may mean either.
    if (_want_out)
        out_event ();

    //  This may destroy the engine.
    if (_want_in)
        zmtp_engine_t::in_event ();
}

void zmq::scif_engine_t::out_event ()
{
    const next_msg_fun_t next_msg_if_written =
      static_cast<next_msg_fun_t> (&scif_engine_t::next_msg_if_written);

    int writes = 0;
    do {
        if (_next_msg != next_msg_if_written) {
            _base_next_msg = _next_msg;
            _next_msg = next_msg_if_written;
        }
        zmtp_engine_t::out_event ();
    } while (_want_out && _outsize == 0 && _encoder
             && ++writes != max_writes_per_event);
}

int zmq::scif_engine_t::next_msg_if_written (msg_t *msg_)
{
    //  To find that there is no next message since the socket is closed
    //  makes the session destroy the engine, with all that is encoded but not
    //  written. So look for one only when all is written, or when there is
    //  one for certain.
    if (_outsize > 0 && !_more) {
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
    return _stream->read (data_, size_);
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
    _stream->watch (_want_in, _want_out);
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
