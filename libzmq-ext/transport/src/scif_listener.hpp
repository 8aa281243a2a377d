/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_LISTENER_HPP_INCLUDED__
#define __ZMQ_SCIF_LISTENER_HPP_INCLUDED__

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include <string>

#include "fd.hpp"
#include "scif_address.hpp"
#include "stream_listener_base.hpp"

namespace zmq
{
class scif_listener_t ZMQ_FINAL : public stream_listener_base_t
{
  public:
    scif_listener_t (zmq::io_thread_t *io_thread_,
                     zmq::socket_base_t *socket_,
                     const options_t &options_);

    //  Set address to listen on.
    int set_local_address (const char *addr_);

  protected:
    std::string get_socket_name (fd_t fd_,
                                 socket_end_t socket_end_) const ZMQ_FINAL;

    int close () ZMQ_FINAL;

  private:
    //  Handlers for I/O events.
    void in_event () ZMQ_FINAL;

    //  Opens the endpoint, binds it and has it listen.
    int open ();

    //  Accept the new connection. Returns the newly created endpoint, or -1
    //  if the connection was dropped while waiting in the listen backlog.
    int accept (scif_address_t *peer_) const;

    //  Creates the engine and the session for a new connection. Takes over
    //  the endpoint. Returns -1 if there are no resources for it.
    int create_session (int epd_, const scif_address_t &peer_);

    // Address to listen on
    scif_address_t _address;

    //  The listening endpoint. What the base class polls is an epoll set that
    //  it is in, for the reason given with scif_stream_t.
    int _epd;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_listener_t)
};
}

#endif

#endif
