// SPDX-License-Identifier: MPL-2.0

#include "besieged.hpp"

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"

namespace tt
{
SIDE (guarded_echo)
{
    Ctx context;
    Sock router (context, ZMQ_ROUTER);
    router.set (ZMQ_HANDSHAKE_IVL, handshake_ms).set (ZMQ_LINGER, 0);
    router.set64 (ZMQ_MAXMSGSIZE, 1 << 20);
    attach (router, args);
    echo_until_told (router);
}

Besieged::Besieged () : _echo ("guarded_echo"), endpoint (_echo.value ("endpoint")), _dealer (_context, ZMQ_DEALER)
{
    _dealer.connect (endpoint);
    ping_until_answered (_dealer, 5000);

    //  With the first connection that closes a libscif may come to hold, once, what the living ones share.
    const size_t before = descriptor_count (_echo.pid ());
    serve_newcomer ();
    CHECK (eventually (5000, [&] { return (_descriptors = settled_descriptors ()) <= before + 1; }));
    _resident = resident_kib (_echo.pid ());
}

//  The list of descriptors is not read at once, so some may be missing while others come and go. The thread that closes
//  is the one that serves: two lists that are the same before and after a round trip were not taken amid closing.
size_t Besieged::settled_descriptors ()
{
    std::vector<std::string> list, previous;
    CHECK (eventually (5000, [&] {
        previous.swap (list);
        check_served ();
        list = descriptors (_echo.pid ());
        return list == previous;
    }));
    return list.size ();
}

void Besieged::check_served ()
{
    const double took = ping_until_answered (_dealer, 5000);
    if (took > bound_ms (1000))
        FAIL ("a round trip took %.0f ms", took);
}

void Besieged::serve_newcomer ()
{
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.connect (endpoint);
    ping_until_answered (dealer, 5000);
    //  Content as well, not only signs of life.
    for (int i = 0; i < 20; ++i) {
        send_payload (dealer.get (), 1, i, 30000);
        recv_payload (dealer.get (), 1, i, 30000);
    }
}

void Besieged::check_unharmed ()
{
    check_served ();
    serve_newcomer ();
    if (!eventually (5000, [&] { return descriptor_count (_echo.pid ()) <= _descriptors; })) {
        for (const std::string &descriptor : descriptors (_echo.pid ()))
            note ("open in the listener: %s", descriptor.c_str ());
        FAIL ("the listener had %zu descriptors and has %zu", _descriptors, descriptor_count (_echo.pid ()));
    }
    const long growth = resident_kib (_echo.pid ()) - _resident;
    note ("the listener grew by %ld KiB", growth);
    CHECK (growth < 32 * 1024);
    check_idle (_echo.pid (), 500, "the listener afterwards");
    _echo.tell ("end");
    _echo.finish ();
}

std::string random_bytes (std::mt19937 &random, size_t size)
{
    std::string bytes (size, '\0');
    for (char &c : bytes)
        c = static_cast<char> (random ());
    return bytes;
}
}
