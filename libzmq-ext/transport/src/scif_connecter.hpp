/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_CONNECTER_HPP_INCLUDED__
#define __ZMQ_SCIF_CONNECTER_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "stdint.hpp"
#include "stream_connecter_base.hpp"

namespace zmq
{
class scif_connect_t;

class scif_connecter_t ZMQ_FINAL : public stream_connecter_base_t
{
  public:
    //  If 'delayed_start' is true connecter first waits for a while,
    //  then starts connection process.
    scif_connecter_t (zmq::io_thread_t *io_thread_,
                      zmq::session_base_t *session_,
                      const options_t &options_,
                      address_t *addr_,
                      bool delayed_start_);
    ~scif_connecter_t () ZMQ_OVERRIDE;

  protected:
    //  Handlers for incoming commands.
    void process_term (int linger_) ZMQ_FINAL;

  private:
    //  ID of the timer used to check the connect timeout, must be different
    //  from stream_connecter_base_t::reconnect_timer_id.
    enum
    {
        connect_timer_id = 2
    };

    //  Handlers for I/O events.
    void out_event () ZMQ_FINAL;
    void timer_event (int id_) ZMQ_FINAL;

    //  Internal function to start the actual connection establishment.
    void start_connecting () ZMQ_FINAL;

    //  Waits no longer for the attempt under way.
    void stop_waiting ();

    //  The same if it is of no use, which is told to the monitor.
    void close ();

    //  Lets go of the attempt, which ends by itself.
    void drop ();

    //  Attaches an engine for the new connection to the session. Takes over
    //  the endpoint. Returns -1 if there are no resources for it.
    int attach_engine (int epd_, uint16_t local_port_);

    //  The attempt under way, or NULL. It is waited for if there is a handle.
    scif_connect_t *_connect;

    //  True iff a timer has been started.
    bool _connect_timer_started;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_connecter_t)
};
}

#endif

#endif
