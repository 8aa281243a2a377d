/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_ADDRESS_HPP_INCLUDED__
#define __ZMQ_SCIF_ADDRESS_HPP_INCLUDED__

#include <string>

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "stdint.hpp"

namespace zmq
{
//  Address of a SCIF endpoint: a node (0 is the host, 1 is the first card)
//  and a port on that node.
class scif_address_t
{
  public:
    scif_address_t () : _node (0), _port (0) {}
    scif_address_t (uint16_t node_, uint16_t port_) :
        _node (node_), _port (port_)
    {
    }

    //  Parses "NODE:PORT" and, if 'bind_' is true, also the forms that leave
    //  the node or the port to this machine: "PORT", "*:PORT", "NODE:*",
    //  "*:*" and "*". NODE is a number, "host", "mic0", "mic1" and so on.
    //  Returns -1 and sets errno: EINVAL if that is no address, EADDRNOTAVAIL if
    //  it is to be bound but on another node, ENODEV if there is no SCIF here.
    int resolve (const char *name_, bool bind_);

    //  The canonical form, "scif://NODE:PORT".
    int to_string (std::string &addr_) const;

    //  The canonical form of an endpoint that is known to be bound or
    //  connected here, the string itself if it has none.
    static std::string canonical (const std::string &uri_);

    //  Gets the number of the node that this process runs on. Returns -1
    //  and sets errno to ENODEV if there is no SCIF here.
    static int local_node (uint16_t *node_);

    uint16_t node () const { return _node; }

    //  The port; 0 stands for any free one.
    uint16_t port () const { return _port; }

  private:
    uint16_t _node;
    uint16_t _port;
};
}

#endif

#endif
