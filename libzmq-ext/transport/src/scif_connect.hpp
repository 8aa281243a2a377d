/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_CONNECT_HPP_INCLUDED__
#define __ZMQ_SCIF_CONNECT_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "atomic_counter.hpp"
#include "fd.hpp"
#include "macros.hpp"
#include "scif_address.hpp"
#include "signaler.hpp"

namespace zmq
{
//  One attempt to connect, made by a thread of its own.
//
//  A SCIF connection is there only when the peer has accepted it, which may
//  take as long as 10 seconds. While it does the driver also lets
//  non-blocking attempts, to whatever port, wait for each other, and for
//  closing the endpoint as well. So none of it may happen in an I/O thread.
class scif_connect_t
{
  public:
    //  Starts an attempt. Returns NULL and sets errno if it can't be started.
    static scif_connect_t *start (const scif_address_t &address_);

    //  The descriptor that becomes readable when the attempt has ended.
    fd_t get_fd () const;

    //  Gets the result of an attempt that has ended: the connected endpoint,
    //  which from now on belongs to the caller, and the port that it got on
    //  this node, or -1 and the reason in errno.
    int take (uint16_t *local_port_);

    //  Has the object destroyed, and the endpoint closed if it was not taken,
    //  as soon as the attempt has ended.
    void release ();

  private:
    explicit scif_connect_t (const scif_address_t &address_);
    ~scif_connect_t ();

    //  Body of the thread.
    static void *routine (void *arg_);
    void run ();

    const scif_address_t _address;

    //  The endpoint, -1 if there is none to close in the end.
    int _epd;

    //  The result: the local port, or -1 and the reason.
    int _port;
    int _errno;

    //  Tells the I/O thread that the attempt has ended.
    signaler_t _signaler;

    //  The I/O thread and the thread that connects both hold the object.
    atomic_counter_t _refs;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_connect_t)
};
}

#endif

#endif
