/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_address.hpp"

#if defined ZMQ_HAVE_SCIF

#include "address.hpp"
#include "err.hpp"

#include <scif.h>

#include <stdlib.h>

#include <sstream>

//  Nodes and ports are numbers of 16 bits.
static const long max_number = 0xffff;

//  Parses a decimal number without sign or blanks. Returns false if the text
//  is anything else or the number is larger than 'max_'.
static bool parse_number (const std::string &text_, long max_, long *number_)
{
    if (text_.empty ()
        || text_.find_first_not_of ("0123456789") != std::string::npos)
        return false;
    *number_ = strtol (text_.c_str (), NULL, 10);
    return *number_ <= max_;
}

//  Parses a node: a number, or the name by which Intel's tools know it.
static bool parse_node (const std::string &text_, uint16_t *node_)
{
    if (text_ == "host") {
        *node_ = 0;
        return true;
    }
    const int card = text_.compare (0, 3, "mic") == 0 ? 1 : 0;
    long number;
    if (!parse_number (text_.substr (3 * card), max_number - card, &number))
        return false;
    *node_ = static_cast<uint16_t> (number + card);
    return true;
}

int zmq::scif_address_t::resolve (const char *name_, bool bind_)
{
    const std::string name (name_);
    const std::string::size_type colon = name.find (':');

    //  Only an address to bind to may leave out the node, or leave the node
    //  or the port open.
    const bool any_node =
      bind_
      && (colon == std::string::npos || name.compare (0, colon, "*") == 0);
    const std::string port_name =
      colon == std::string::npos ? name : name.substr (colon + 1);

    long port = 0;
    if (!(bind_ && port_name == "*")
        && (!parse_number (port_name, max_number, &port) || port == 0)) {
        errno = EINVAL;
        return -1;
    }

    uint16_t node = 0;
    if (!any_node
        && (colon == std::string::npos
            || !parse_node (name.substr (0, colon), &node))) {
        errno = EINVAL;
        return -1;
    }

    uint16_t self;
    if (local_node (&self) != 0)
        return -1;
    if (any_node)
        node = self;
    else if (bind_ && node != self) {
        errno = EADDRNOTAVAIL;
        return -1;
    }

    _node = node;
    _port = static_cast<uint16_t> (port);
    return 0;
}

int zmq::scif_address_t::to_string (std::string &addr_) const
{
    std::ostringstream s;
    s << protocol_name::scif << "://" << _node << ":" << _port;
    addr_ = s.str ();
    return 0;
}

std::string zmq::scif_address_t::canonical (const std::string &uri_)
{
    static const std::string::size_type scheme_size =
      sizeof protocol_name::scif - 1 + sizeof "://" - 1;

    std::string result (uri_);
    scif_address_t address;
    if (address.resolve (uri_.c_str () + scheme_size, true) == 0
        || address.resolve (uri_.c_str () + scheme_size, false) == 0)
        address.to_string (result);
    return result;
}

int zmq::scif_address_t::local_node (uint16_t *node_)
{
    uint16_t node;
    if (scif_get_nodeIDs (&node, 1, node_) != -1)
        return 0;

    //  Whether the driver or only its device is missing makes no difference
    //  to the caller.
    if (errno == ENOENT || errno == ENXIO)
        errno = ENODEV;
    return -1;
}

#endif
