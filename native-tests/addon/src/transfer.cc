// SPDX-License-Identifier: MPL-2.0

#include "transfer.hh"

#include <cerrno>
#include <utility>

namespace addon
{
int sendParts (void *socket, Parts &parts, size_t &next, int flags)
{
    while (next < parts.size ()) {
        const int more = next + 1 < parts.size () ? ZMQ_SNDMORE : 0;
        if (zmq_msg_send (parts[next].get (), socket, flags | more) >= 0)
            ++next;
        else if (zmq_errno () != EINTR)
            return zmq_errno ();
    }
    return 0;
}

int receiveParts (void *socket, Parts &parts, int flags)
{
    for (;;) {
        Part part;
        if (zmq_msg_recv (part.get (), socket, flags) < 0) {
            if (zmq_errno () == EINTR)
                continue;
            return zmq_errno ();
        }
        const bool more = zmq_msg_more (part.get ()) != 0;
        parts.push_back (std::move (part));
        if (!more)
            return 0;
    }
}
}
