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
//  At full scale the four scenarios below send 13.6 million messages.
long count ()
{
    return settings ().messages ? settings ().messages : scaled (20000L, 3400000L);
}

size_t largest ()
{
    return size_t (settings ().messages ? 8 : scaled (1, 8)) << 20;
}

void tell (const char *pattern, long streams, long each, double started)
{
    double bytes = 0;
    for (long i = 0; i < each; ++i)
        bytes += static_cast<double> (mixed_size (i, largest ()));
    figure ("%s: %ld messages of 0 to %zu bytes, %.2f GB, all intact and in order, in %.1f s", pattern, streams * each, largest (),
            static_cast<double> (streams) * bytes / 1e9, (now_ms () - started) / 1000);
}

std::string mixed ()
{
    return "mixed:" + std::to_string (largest ());
}

//  The runner's deadline ends a run that takes too long as a whole.
double complete_ms ()
{
    return settings ().messages || settings ().full ? 1500000 : 40000;
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
    const double started = now_ms ();
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDTIMEO, bound_ms (20000));
    const std::string endpoint = push.bind ();
    Peer pull ("pull", {"role=connect", "endpoint=" + endpoint, "count=" + std::to_string (count ()), "size=" + mixed ()});
    pull.value ("endpoint");
    for (long i = 0; i < count (); ++i)
        send_payload (push.get (), 1, i, mixed_size (i, largest ()));
    CHECK_EQ (pull.value ("received", complete_ms ()), std::to_string (count ()));
    pull.finish ();
    tell ("PUSH to PULL", 1, count (), started);
}

SCENARIO_SCALED (mixed_sizes_pull_from_connecting_pushes, 40, 1200)
{
    const double started = now_ms ();
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
    tell ("three PUSH to connecting PULL", pushers, share, started);
}

SCENARIO_SCALED (mixed_sizes_router_and_dealers, 60, 1800)
{
    const double started = now_ms ();
    const int dealers = 3;
    const long share = count () / dealers / 2;
    Peer echo ("echo");
    const std::string endpoint = echo.value ("endpoint");
    std::vector<Peer> peers;
    for (int i = 0; i < dealers; ++i)
        peers.emplace_back ("mixed_dealer", Args{"endpoint=" + endpoint, "stream=" + std::to_string (i),
                                                 "count=" + std::to_string (share), "largest=" + std::to_string (largest ())});
    for (Peer &peer : peers)
        CHECK_EQ (peer.line (complete_ms ()), std::string ("complete"));
    tell ("three DEALER to ROUTER and back", 2 * dealers, share, started);
}

SCENARIO_SCALED (mixed_sizes_pub_to_subs, 60, 1800)
{
    const double started = now_ms ();
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
        CHECK_EQ (sub.line (complete_ms ()), std::string ("complete"));
    tell ("PUB to two SUB", 2, count () / 2, started);
}
