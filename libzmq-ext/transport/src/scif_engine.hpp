/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_ENGINE_HPP_INCLUDED__
#define __ZMQ_SCIF_ENGINE_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "scif_stream.hpp"
#include "zmtp_engine.hpp"

namespace zmq
{
//  Speaks ZMTP over a SCIF endpoint. All of the protocol is that of the base
//  class; what differs is how bytes are moved and how they are waited for.
class scif_engine_t ZMQ_FINAL : public zmtp_engine_t
{
  public:
    //  Takes over the stream, whose descriptor must be a valid one.
    scif_engine_t (scif_stream_t *stream_,
                   const options_t &options_,
                   const endpoint_uri_pair_t &endpoint_uri_pair_);
    ~scif_engine_t () ZMQ_OVERRIDE;

    //  i_poll_events interface implementation.
    void in_event () ZMQ_FINAL;
    void out_event () ZMQ_FINAL;

  protected:
    int read (void *data_, size_t size_) ZMQ_FINAL;
    int write (const void *data_, size_t size_) ZMQ_FINAL;

    void set_pollin () ZMQ_FINAL;
    void reset_pollin () ZMQ_FINAL;
    void set_pollout () ZMQ_FINAL;
    void reset_pollout () ZMQ_FINAL;

  private:
    typedef int (stream_engine_base_t::*next_msg_fun_t) (msg_t *);

    //  Has the descriptor signal at once if nothing else is going to.
    void wake_if_needed ();

    //  Stands in for the base class's function that gets the next message
    //  to encode, and calls it only when nothing can get lost by that.
    int next_msg_if_written (msg_t *msg_);

    scif_stream_t *const _stream;

    //  What the base class wants to be told of.
    bool _want_in;
    bool _want_out;

    //  The function that next_msg_if_written stands in for.
    next_msg_fun_t _base_next_msg;

    //  True iff the last message got was not the last part of a message.
    bool _more;

    //  How many bytes the event that is handled has moved so far.
    size_t _moved;

    //  Set by the destructor, for in_event to know; NULL outside of it.
    bool *_destroyed;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_engine_t)
};
}

#endif

#endif
