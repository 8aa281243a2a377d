// SPDX-License-Identifier: MPL-2.0
//
// Messages of mixed sizes by the thousand (full scale: by the million), every byte checked: none lost, reordered
// or altered.

#include "common_sides.hpp"
#include "payload.hpp"

#include <stdlib.h>

using namespace tt;

namespace
{
size_t largest ()
{
    return scaled (size_t (1) << 20, size_t (8) << 20);
}

long count ()
{
    return scaled (20000, 3400000);
}

std::string mixed ()
{
    return "mixed:" + std::to_string (largest ());
}

void note_progress (long i)
{
    if (i % 10000 == 0)
        note ("%ld messages", i);
}

//  Several dealers send to one router, which sends everything back.
SIDE (mixed_dealer)
{
    const uint32_t stream = static_cast<uint32_t> (arg_number (args, "stream", 0));
    const long number = arg_number (args, "count", 0);
    const size_t limit = static_cast<size_t> (arg_number (args, "largest", 0));
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_SNDHWM, 50).set (ZMQ_RCVHWM, 50).set (ZMQ_RCVTIMEO, bound_ms (20000));
    dealer.connect (arg (args, "endpoint"));
    long sent = 0;
    for (long received = 0; received < number; ++received) {
        //  A window of messages is on its way in both directions.
        for (; sent < number && sent < received + 20; ++sent)
            send_payload (dealer.get (), stream, sent, mixed_size (sent, limit));
        recv_payload (dealer.get (), stream, received, mixed_size (received, limit));
        note_progress (received);
    }
    say ("complete");
}

SIDE (mixed_subscriber)
{
    const long number = arg_number (args, "count", 0);
    const size_t limit = static_cast<size_t> (arg_number (args, "largest", 0));
    Ctx context;
    Sock sub (context, ZMQ_SUB);
    sub.set (ZMQ_RCVHWM, 0).set (ZMQ_SUBSCRIBE, "").set (ZMQ_RCVTIMEO, bound_ms (20000));
    sub.connect (arg (args, "endpoint"));
    for (long i = 0; i < number; ++i) {
        recv_payload (sub.get (), 1, i, mixed_size (i, limit));
        note_progress (i);
    }
    say ("complete");
}
}

SCENARIO_SCALED (mixed_sizes_push_to_pull, 40, 1200)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDTIMEO, bound_ms (20000));
    const std::string endpoint = push.bind ();
    Peer pull ("pull", {"role=connect", "endpoint=" + endpoint, "count=" + std::to_string (count ()), "size=" + mixed ()});
    pull.value ("endpoint");
    for (long i = 0; i < count (); ++i)
        send_payload (push.get (), 1, i, mixed_size (i, largest ()));
    CHECK_EQ (pull.value ("received", scaled (20000, 60000)), std::to_string (count ()));
    pull.finish ();
}

SCENARIO_SCALED (mixed_sizes_pull_from_connecting_pushes, 40, 1200)
{
    const int pushers = 3;
    const long share = count () / pushers;
    Peer push[pushers] = {
      Peer ("push", {"role=bind", "count=" + std::to_string (share), "size=" + mixed (), "linger=-1"}),
      Peer ("push", {"role=bind", "count=" + std::to_string (share), "size=" + mixed (), "linger=-1"}),
      Peer ("push", {"role=bind", "count=" + std::to_string (share), "size=" + mixed (), "linger=-1"})};
    Ctx context;
    //  One socket each, so that the order within a stream can be told.
    std::vector<Sock> pulls;
    for (Peer &peer : push) {
        pulls.emplace_back (context, ZMQ_PULL);
        pulls.back ().set (ZMQ_RCVTIMEO, bound_ms (20000));
        pulls.back ().connect (peer.value ("endpoint"));
    }
    for (long i = 0; i < share; ++i)
        for (Sock &pull : pulls)
            recv_payload (pull.get (), 1, i, mixed_size (i, largest ()));
    for (Peer &peer : push) {
        peer.value ("sent");
        peer.value ("terminated");
        peer.finish ();
    }
}

SCENARIO_SCALED (mixed_sizes_router_and_dealers, 60, 1800)
{
    const int dealers = 3;
    Peer echo ("echo");
    const std::string endpoint = echo.value ("endpoint");
    std::vector<Peer> peers;
    for (int i = 0; i < dealers; ++i)
        peers.emplace_back ("mixed_dealer", Args{"endpoint=" + endpoint, "stream=" + std::to_string (i),
                                                 "count=" + std::to_string (count () / dealers / 2), "largest=" + std::to_string (largest ())});
    for (Peer &peer : peers)
        CHECK_EQ (peer.line (scaled (40000, 1500000)), std::string ("complete"));
}

SCENARIO_SCALED (mixed_sizes_pub_to_subs, 60, 1800)
{
    Ctx context;
    //  An XPUB tells when a subscription is in place, and with NODROP it waits rather than drops.
    Sock pub (context, ZMQ_XPUB);
    pub.set (ZMQ_SNDHWM, 100).set (ZMQ_XPUB_NODROP, 1).set (ZMQ_XPUB_VERBOSE, 1).set (ZMQ_SNDTIMEO, bound_ms (20000));
    const std::string endpoint = pub.bind ();
    std::vector<Peer> subs;
    const Args args = {"endpoint=" + endpoint, "count=" + std::to_string (count () / 2), "largest=" + std::to_string (largest ())};
    for (int i = 0; i < 2; ++i)
        subs.emplace_back ("mixed_subscriber", args);
    for (size_t i = 0; i < subs.size (); ++i)
        CHECK_EQ (pub.recv (), std::string ("\1"));
    for (long i = 0; i < count () / 2; ++i)
        send_payload (pub.get (), 1, i, mixed_size (i, largest ()));
    for (Peer &sub : subs)
        CHECK_EQ (sub.line (scaled (20000, 60000)), std::string ("complete"));
}
