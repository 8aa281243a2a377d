// SPDX-License-Identifier: MPL-2.0
//
// Which way the bytes go. What the other scenarios show is about rings, or about endpoints, only if they were used.

#include "common_sides.hpp"
#include "hooked_scif.hpp"
#include "payload.hpp"

using namespace tt;

namespace
{
const int rounds = 200;
const size_t size = 10000;

//  Sends to a peer that sends all of it back.
void check_mode (Sock &dealer)
{
    ping_until_answered (dealer, 5000);
    const long long before = sent_through_endpoints ().bytes;
    for (int i = 0; i < rounds; ++i) {
        send_payload (dealer.get (), 1, i, size);
        recv_payload (dealer.get (), 1, i, size);
    }
    const long long through_endpoint = sent_through_endpoints ().bytes - before;
    figure ("%lld of %zu bytes went through the endpoint", through_endpoint, rounds * size);
    if (settings ().mode == Mode::rings)
        //  A bell for each message, and one for each that was answered.
        CHECK (through_endpoint <= 4 * rounds);
    else
        CHECK (through_endpoint >= static_cast<long long> (rounds * size));
}
}

SCENARIO_SCIF (mode_of_a_connection_made, 20)
{
    if (settings ().mode == Mode::any)
        skip ("--mode does not say which mode is expected");
    Peer echo ("echo");
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.connect (echo.value ("endpoint"));
    check_mode (dealer);
}

SCENARIO_SCIF (mode_of_a_connection_accepted, 20)
{
    if (settings ().mode == Mode::any)
        skip ("--mode does not say which mode is expected");
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    Peer echo ("echo", {"type=dealer", "role=connect", "endpoint=" + dealer.bind ()});
    check_mode (dealer);
}
