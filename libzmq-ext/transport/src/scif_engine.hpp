/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_ENGINE_HPP_INCLUDED__
#define __ZMQ_SCIF_ENGINE_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "zmtp_engine.hpp"

namespace zmq
{
class scif_stream_t;

//  Speaks ZMTP over a SCIF stream. All of the protocol is that of the base
//  class; what differs is how bytes are moved and how they are waited for.
class scif_engine_t ZMQ_FINAL : public zmtp_engine_t
{
  public:
    //  Takes over the stream, whose descriptor must be a valid one.
    scif_engine_t (scif_stream_t *stream_,
                   const options_t &options_,
                   endpoint_type_t type_);
    ~scif_engine_t () ZMQ_OVERRIDE;

  private:
    void in_event () ZMQ_FINAL;
    void out_event () ZMQ_FINAL;

    int read (void *data_, size_t size_) ZMQ_FINAL;
    int write (const void *data_, size_t size_) ZMQ_FINAL;

    void set_pollin () ZMQ_FINAL;
    void reset_pollin () ZMQ_FINAL { _want_in = false; }
    void set_pollout () ZMQ_FINAL { _want_out = true; }
    void reset_pollout () ZMQ_FINAL { _want_out = false; }

    scif_stream_t *const _stream;

    //  What the base class wants to be told of.
    bool _want_in;
    bool _want_out;

    //  Set by the destructor, for in_event to know; NULL outside of it.
    bool *_destroyed;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_engine_t)
};
}

#endif

#endif
