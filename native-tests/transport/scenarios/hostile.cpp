// SPDX-License-Identifier: MPL-2.0
//
// Peers that are not libzmq, or pretend to be: the listener drops them and goes on serving others.

#include "besieged.hpp"
#include "common_sides.hpp"
#include "hooked_scif.hpp"
#include "process.hpp"
#include "raw_ring.hpp"

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <thread>

using namespace tt;

namespace
{
//  What libzmq says first when it connects: a greeting of ZMTP, or what the transport puts before it.
std::string first_words ()
{
    RawListener stranger;
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_LINGER, 0).connect (stranger.endpoint ());
    const std::string bytes = stranger.accept ().recv (64, 150);
    note ("a stranger is greeted with %zu bytes: %s", bytes.size (), show (bytes).c_str ());
    CHECK (bytes.size () >= 10);
    return bytes;
}
}

SCENARIO_SCALED (hostile_random_bytes, 30, 120)
{
    Besieged listener;
    std::mt19937 random (20161);
    for (int i = 0; i < scaled (60, 2000); ++i) {
        RawPeer peer (listener.endpoint);
        peer.send (random_bytes (random, 1 + random () % 4000));
        if (i % 3 == 0)
            peer.closed_within (20);
        if (i % 20 == 0)
            listener.check_served ();
    }
    listener.check_unharmed ();
}

SCENARIO (hostile_half_a_greeting, 30)
{
    Besieged listener;
    const std::string greeting = zmtp_greeting ();
    std::vector<RawPeer> silent;
    for (size_t size = 1; size < greeting.size (); size += 7) {
        silent.emplace_back (listener.endpoint);
        CHECK (silent.back ().send (greeting.substr (0, size)));
    }
    listener.check_served ();
    //  The listener's handshake time ends them all; closing is the listener's part.
    for (RawPeer &peer : silent)
        CHECK (peer.closed_within (3000));
    silent.clear ();
    //  And the other way round: the stranger closes half-way.
    for (size_t size = 1; size < greeting.size (); size += 5)
        RawPeer (listener.endpoint).send (greeting.substr (0, size));
    listener.check_unharmed ();
}

SCENARIO_SCALED (hostile_immediate_close, 30, 120)
{
    Besieged listener;
    for (int i = 0; i < scaled (200, 5000); ++i) {
        RawPeer peer (listener.endpoint);
        if (i % 50 == 0)
            listener.check_served ();
    }
    listener.check_unharmed ();
}

//  Many connections that say nothing, all open at once.
SCENARIO (hostile_connect_flood, 40)
{
    Besieged listener;
    {
        std::vector<RawPeer> flood;
        for (int i = 0; i < scaled (150, 400); ++i) {
            flood.emplace_back (listener.endpoint);
            if (i % 25 == 0)
                listener.check_served ();
        }
        listener.check_served ();
    }
    listener.check_unharmed ();
}

//  As long as they say nothing that is a greeting they are not let in: what they cost is a descriptor.
SCENARIO_SCIF (hostile_silence_costs_a_descriptor, 30)
{
    const size_t crowd = 20;
    const auto threads = [] { return std::distance (std::filesystem::directory_iterator ("/proc/self/task"), {}); };
    //  What both ends of a connection cost that nobody makes anything of.
    size_t before = descriptor_count (getpid ());
    std::deque<RawPeer> strangers;
    {
        RawListener raw;
        std::deque<RawPeer> accepted;
        for (size_t i = 0; i < crowd; ++i) {
            std::thread thread ([&] { strangers.emplace_back (raw.endpoint ()); });
            accepted.push_back (raw.accept ());
            thread.join ();
        }
        before = descriptor_count (getpid ()) - before;
        strangers.clear ();
    }
    const size_t cost = before;

    Ctx context;
    Sock router (context, ZMQ_ROUTER);
    router.set (ZMQ_HANDSHAKE_IVL, 0);
    Monitor monitor (context, router, ZMQ_EVENT_ALL & ~ZMQ_EVENT_LISTENING);
    const std::string endpoint = router.bind ();
    before = descriptor_count (getpid ());
    const auto threads_before = threads ();
    for (size_t i = 0; i < crowd; ++i) {
        strangers.emplace_back (endpoint);
        CHECK (strangers.back ().send (scif_greeting (RawRing::least_region_size, 0).substr (0, i * 3)));
    }
    Monitor::Event event;
    CHECK (!monitor.try_next (event, 300));
    note ("%zu descriptors for %zu strangers, %zu for as many raw connections", descriptor_count (getpid ()) - before, crowd, cost);
    CHECK (descriptor_count (getpid ()) - before <= cost);
    CHECK_EQ (threads (), threads_before);
    CHECK (registrations ().empty ());
    //  They are in nobody's way.
    Peer echo ("echo", {"type=dealer", "role=connect", "endpoint=" + endpoint});
    echo.value ("endpoint");
    CHECK_EQ (monitor.expect (ZMQ_EVENT_ACCEPTED).endpoint, endpoint);
    monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    //  And go with what they wait for, who was let in does not.
    CHECK_RC (zmq_unbind (router.get (), endpoint.c_str ()));
    for (RawPeer &stranger : strangers)
        CHECK (stranger.closed_within (3000));
    CHECK_EQ (monitor.count (ZMQ_EVENT_DISCONNECTED, 50), 0);
}

//  What the listener would be told by its like, and memory that is not there: as it is, cut short, and with one byte
//  changed.
SCENARIO_SCALED (hostile_first_words_altered, 40, 300)
{
    Besieged listener;
    const std::string words = first_words ();
    std::mt19937 random (2022);
    const auto attack = [&] (const std::string &bytes) {
        RawPeer peer (listener.endpoint);
        peer.send (bytes);
        peer.recv (64, 5);
        peer.send (random_bytes (random, 200));
        peer.recv (64, 5);
    };
    attack (words);
    for (size_t size = 1; size < words.size (); size += scaled (9, 1))
        attack (words.substr (0, size));
    for (size_t at = 0; at < words.size (); ++at)
        for (int i = 0; i < scaled (1, 20); ++i) {
            std::string changed = words;
            changed[at] = static_cast<char> (changed[at] ^ (1 + random () % 255));
            attack (changed);
            if (at % 16 == 0)
                listener.check_served ();
        }
    listener.check_unharmed ();
}

//  A greeting in order, then frames that lie about their size, or are none.
SCENARIO (hostile_frames_after_greeting, 30)
{
    Besieged listener;
    std::mt19937 random (4096);
    const std::string words = first_words ();
    for (int i = 0; i < 60; ++i) {
        RawPeer peer (listener.endpoint);
        //  Whatever the transport says before ZMTP is said, so that the bytes reach the engine.
        if (words[0] != '\xff')
            peer.send (words);
        peer.send (zmtp_greeting ());
        peer.recv (64, 10);
        const std::string frames[] = {
          std::string ("\6\xff\xff\xff\xff\xff\xff\xff\xff", 9), std::string ("\2\x7f\xff\xff\xff\xff\xff\xff\xff", 9),
          std::string ("\4\0", 2), std::string ("\4\5\5READ", 7), random_bytes (random, 300), std::string (4000, '\0')};
        peer.send (frames[i % 6]);
        peer.closed_within (5);
        if (i % 15 == 0)
            listener.check_served ();
    }
    listener.check_unharmed ();
}

//  The same for the side that connects: its listener is a stranger.
SCENARIO (hostile_listener, 40)
{
    std::mt19937 random (1088);
    RawListener stranger (64);
    Peer echo ("echo");
    const std::string healthy = echo.value ("endpoint");
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.connect (healthy);
    ping_until_answered (dealer, 5000);
    for (int i = 0; i < scaled (25, 300); ++i) {
        //  A socket of its own each time: after a breach of protocol libzmq does not come back.
        Sock victim (context, ZMQ_DEALER);
        victim.set (ZMQ_HANDSHAKE_IVL, handshake_ms).set (ZMQ_LINGER, 0).connect (stranger.endpoint ());
        RawPeer peer = stranger.accept ();
        switch (i % 4) {
            case 0:
                break;
            case 1:
                peer.send (random_bytes (random, 1 + random () % 3000));
                peer.closed_within (20);
                break;
            case 2:
                //  Its own first words.
                peer.send (peer.recv (64, 100));
                peer.send (random_bytes (random, 100));
                break;
            case 3:
                peer.send (zmtp_greeting ());
                peer.send (random_bytes (random, 400));
                peer.closed_within (20);
                break;
        }
        if (i % 5 == 0)
            CHECK (ping_until_answered (dealer, 5000) < bound_ms (1000));
    }
    ping_until_answered (dealer, 5000);
    dealer.close ();
    const double took = context.term ();
    CHECK (took < bound_ms (1000));
}
