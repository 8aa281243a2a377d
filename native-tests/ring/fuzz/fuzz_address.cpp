// SPDX-License-Identifier: MPL-2.0
//
// The address parser: whatever it takes has a canonical form that stands for the same address, and it takes nothing
// but what a plain reading of the grammar allows.

#include "fuzz.hpp"
#include "harness.hpp"

#include "precompiled.hpp"
#include "scif_address.hpp"

#include <string>

namespace
{
//  A decimal number of any length, up to 'max'; -1 for anything else.
long read_number (const std::string &text, long max)
{
    if (text.empty () || text.find_first_not_of ("0123456789") != std::string::npos)
        return -1;
    const std::string::size_type first = text.find_first_not_of ('0');
    if (first == std::string::npos)
        return 0;
    if (text.size () - first > 5)
        return -1;
    const long number = std::stol (text.substr (first));
    return number <= max ? number : -1;
}

//  What the name stands for, by the grammar. Port 0 is any, node -1 this one.
bool read_name (const std::string &name, bool bind, long *node, long *port)
{
    const std::string::size_type colon = name.find (':');
    const std::string node_name = colon == std::string::npos ? "" : name.substr (0, colon);
    const std::string port_name = colon == std::string::npos ? name : name.substr (colon + 1);

    if (bind && port_name == "*")
        *port = 0;
    else if ((*port = read_number (port_name, 65535)) < 1)
        return false;

    if (colon == std::string::npos || node_name == "*") {
        *node = -1;
        return bind;
    }
    if (node_name == "host")
        *node = 0;
    else if (node_name.compare (0, 3, "mic") == 0) {
        const long card = read_number (node_name.substr (3), 65534);
        if (card < 0)
            return false;
        *node = card + 1;
    } else
        *node = read_number (node_name, 65535);
    return *node >= 0;
}
}

extern "C" int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const bool bind = (data[0] & 1) != 0;
    //  A name is a C string.
    const std::string name (std::string (reinterpret_cast<const char *> (data + 1), size - 1).c_str ());

    uint16_t self;
    CHECK_EQ (zmq::scif_address_t::local_node (&self), 0);
    long node = -1;
    long port = 0;
    const bool valid = read_name (name, bind, &node, &port);
    const std::string uri = "scif://" + name;
    const std::string canonical = zmq::scif_address_t::canonical (uri);
    CHECK (zmq::scif_address_t::canonical (canonical) == canonical);

    zmq::scif_address_t address (7, 77);
    errno = 0;
    if (address.resolve (name.c_str (), bind) != 0) {
        const int code = errno;
        if (!valid)
            CHECK_EQ (code, EINVAL);
        else {
            CHECK (bind && node >= 0 && node != self);
            CHECK_EQ (code, EADDRNOTAVAIL);
        }
        //  What does not resolve changes nothing.
        CHECK_EQ (address.node (), 7);
        CHECK_EQ (address.port (), 77);
        return 0;
    }

    CHECK (valid);
    CHECK_EQ (address.node (), node == -1 ? self : node);
    CHECK_EQ (address.port (), port);
    std::string text;
    CHECK_EQ (address.to_string (text), 0);
    CHECK (text == canonical);
    CHECK (text == "scif://" + std::to_string (address.node ()) + ":" + std::to_string (address.port ()));
    if (address.port () != 0) {
        zmq::scif_address_t again;
        CHECK_EQ (again.resolve (text.c_str () + 7, false), 0);
        CHECK_EQ (again.node (), address.node ());
        CHECK_EQ (again.port (), address.port ());
    }
    return 0;
}

std::vector<std::vector<uint8_t> > fuzz_seeds ()
{
    static const char *const names[] = {"0:5555",  "1:5555",     "host:1",       "mic0:65535", "mic1:1024", "*:*",   "*",
                                        "5555",    "*:5555",     "0:*",          "host:*",     "mic0:*",    "65535:65535",
                                        "00000:1", "mic65534:1", "0:0000000001", ":",          ""};
    std::vector<std::vector<uint8_t> > seeds;
    for (const char *name : names)
        for (char bind = 0; bind != 2; ++bind) {
            const std::string text = bind + std::string (name);
            seeds.push_back (std::vector<uint8_t> (text.begin (), text.end ()));
        }
    return seeds;
}
