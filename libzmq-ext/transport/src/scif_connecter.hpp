/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_CONNECTER_HPP_INCLUDED__
#define __ZMQ_SCIF_CONNECTER_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "atomic_counter.hpp"
#include "options.hpp"
#include "scif_address.hpp"
#include "signaler.hpp"
#include "stream_connecter_base.hpp"

namespace zmq
{
class scif_channel_t;
class scif_stream_t;

//  One attempt to connect, made by a thread of its own.
//
//  A SCIF connection is there only when the peer has accepted it, which may
//  take 10 seconds. Meanwhile the driver lets other non-blocking attempts wait,
//  and closing the endpoint. So none of it may happen in an I/O thread.
class scif_connect_t
{
  public:
    //  Starts an attempt. Returns NULL and sets errno if it can't be started.
    static scif_connect_t *start (const scif_address_t &address_,
                                  const options_t &options_);

    //  The descriptor that becomes readable when the attempt has ended.
    fd_t get_fd () const { return _signaler.get_fd (); }

    //  Gets the result of an attempt that has ended: the stream, which from
    //  now on belongs to the caller, or NULL and the reason in errno; and
    //  whether the peer had accepted, but the ends could not agree.
    scif_stream_t *take ();
    bool has_disagreed () const { return _accepted; }

    //  Has the object destroyed as soon as the attempt has ended.
    void release ();

  private:
    scif_connect_t (const scif_address_t &address_, const options_t &options_);
    ~scif_connect_t ();

    //  Body of the thread.
    static void *run (void *self_);
    int connect (scif_channel_t *channel_);

    const scif_address_t _address;
    const options_t _options;

    //  The result.
    scif_stream_t *_stream;
    bool _accepted;
    int _errno;

    //  Tells the I/O thread that the attempt has ended.
    signaler_t _signaler;

    //  The I/O thread and the thread that connects both hold the object.
    atomic_counter_t _refs;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_connect_t)
};

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

  private:
    //  ID of the timer used to check the connect timeout, must be different
    //  from stream_connecter_base_t::reconnect_timer_id.
    enum
    {
        connect_timer_id = 2
    };

    void process_term (int linger_) ZMQ_FINAL;
    void out_event () ZMQ_FINAL;
    void timer_event (int id_) ZMQ_FINAL;
    void start_connecting () ZMQ_FINAL;

    //  Waits no longer for the attempt under way.
    void stop_waiting ();

    //  The same, as it is of no use, which is told to the monitor.
    void close ();

    //  Lets go of the attempt, which ends by itself.
    void drop ();

    //  The attempt under way, or NULL. It is waited for if there is a handle.
    scif_connect_t *_connect;

    bool _connect_timer_started;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_connecter_t)
};
}

#endif

#endif
