// SPDX-License-Identifier: MPL-2.0
//
// Processes killed at any time: the survivor sees a disconnect and a reconnect; never a crash, a hang, a spin
// or half a message.

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"

#include <signal.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

using namespace tt;

namespace
{
const int reconnect_ms = 50;

//  A client that pings through a DEALER; told "ping" it says "answered MS", and leaves messages on their way.
SIDE (pinger)
{
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_RECONNECT_IVL, reconnect_ms).set (ZMQ_LINGER, 0);
    dealer.connect (arg (args, "endpoint"));
    while (hear () == "ping") {
        const double took = ping_until_answered (dealer, 8000);
        for (int i = 0; i < 50; ++i)
            dealer.try_send (payload (0, i, 5000));
        say ("answered %.0f", took);
    }
}

double ping (Peer &pinger)
{
    pinger.tell ("ping");
    return atof (pinger.value ("answered").c_str ());
}

//  Sends large payloads for ever.
SIDE (stream_large)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDHWM, 2);
    push.connect (arg (args, "endpoint"));
    const size_t size = size_of (arg (args, "size"), 0);
    say ("started");
    for (uint64_t i = 0;; ++i)
        send_payload (push.get (), static_cast<uint32_t> (arg_number (args, "stream", 0)), i, size);
}

//  Receives for ever.
SIDE (swallow)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    attach (pull, args);
    for (long i = 0;; ++i) {
        pull.recv ();
        if (i == 0)
            say ("first");
    }
}

//  What must not grow in the survivor of many cycles. It is a process that starts no others: what a forked child holds
//  for a moment would be counted as well.
class Survivor
{
  public:
    explicit Survivor (Peer &peer) : _peer (peer), _descriptors (descriptor_count (peer.pid ())), _resident (resident_kib (peer.pid ())) {}

    void check () const
    {
        if (!eventually (3000, [this] { return descriptor_count (_peer.pid ()) <= _descriptors + 1; })) {
            for (const std::string &descriptor : descriptors (_peer.pid ()))
                note ("open: %s", descriptor.c_str ());
            FAIL ("%zu descriptors are open, there were %zu", descriptor_count (_peer.pid ()), _descriptors);
        }
        const long growth = resident_kib (_peer.pid ()) - _resident;
        note ("resident memory grew by %ld KiB", growth);
        CHECK (growth < 8 * 1024);
    }

  private:
    Peer &_peer;
    size_t _descriptors;
    long _resident;
};

//  The first cycles fill caches and pools.
const int settled_cycle = 4;

void check_longest (double longest)
{
    note ("longest time to an answer %.0f ms", longest);
    CHECK (longest <= bound_ms (reconnect_ms + 1000));
}

void kill_listener_again_and_again (int cycles, bool look_at_cpu)
{
    const std::string endpoint = free_endpoint_of_peers ();
    Peer pinger ("pinger", {"endpoint=" + endpoint});
    std::unique_ptr<Survivor> survivor;
    double longest = 0;
    for (int cycle = 0; cycle < cycles; ++cycle) {
        Peer echo ("echo", {"endpoint=" + endpoint});
        echo.value ("endpoint");
        const double took = ping (pinger);
        longest = std::max (longest, took);
        note ("cycle %d: answered after %.0f ms", cycle, took);
        if (cycle == settled_cycle)
            survivor = std::make_unique<Survivor> (pinger);
        echo.kill ();
        if (look_at_cpu && cycle == 0)
            check_idle_but_for_attempts (pinger.pid (), 700, "the connecter of a killed listener", 1, reconnect_ms);
    }
    check_longest (longest);
    if (look_at_cpu)
        check_idle_but_for_attempts (pinger.pid (), 700, "the connecter of a listener that was killed again", 1, reconnect_ms);
    if (survivor)
        survivor->check ();
}

void kill_connecter_again_and_again (int cycles, bool look_at_cpu)
{
    Peer echo ("echo");
    const std::string endpoint = echo.value ("endpoint");
    std::unique_ptr<Survivor> survivor;
    double longest = 0;
    for (int cycle = 0; cycle < cycles; ++cycle) {
        Peer pinger ("pinger", {"endpoint=" + endpoint});
        const double took = ping (pinger);
        longest = std::max (longest, took);
        note ("cycle %d: answered after %.0f ms", cycle, took);
        if (cycle == settled_cycle)
            survivor = std::make_unique<Survivor> (echo);
        pinger.kill ();
    }
    check_longest (longest);
    if (look_at_cpu)
        check_idle (echo.pid (), 700, "the listener of a killed connecter");
    if (survivor)
        survivor->check ();
}
}

SCENARIO (kill_listener_three_times, 30)
{
    kill_listener_again_and_again (3, true);
}

SCENARIO (kill_connecter_three_times, 30)
{
    kill_connecter_again_and_again (3, true);
}

SCENARIO_SCALED (kill_listener_many_times, 40, 600)
{
    kill_listener_again_and_again (scaled (20, 1000), false);
}

SCENARIO_SCALED (kill_connecter_many_times, 40, 600)
{
    kill_connecter_again_and_again (scaled (20, 1000), false);
}

//  Whatever the moment, the receiver sees whole messages only, and the next sender is served.
SCENARIO_SCALED (kill_sender_amid_large_messages, 40, 300)
{
    const size_t size = size_t (8) << 20;
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_RCVHWM, 2);
    const std::string endpoint = pull.bind ();
    const int cycles = scaled (6, 60);
    long whole = 0;
    for (int cycle = 0; cycle < cycles; ++cycle) {
        const std::string stream = std::to_string (cycle);
        Peer sender ("stream_large", {"endpoint=" + endpoint, "size=" + std::to_string (size), "stream=" + stream});
        CHECK_EQ (sender.line (), std::string ("started"));
        //  Some messages in full, then the kill at a moment that differs from cycle to cycle.
        for (uint64_t i = 0; i < 2; ++i, ++whole)
            recv_payload (pull.get (), cycle, i, size);
        sleep_ms (cycle * 1.7);
        sender.kill ();
        uint64_t next = 2;
        std::string message;
        while (pull.try_recv (message, 150)) {
            CHECK_EQ (message.size (), size);
            CHECK (is_payload (message.data (), message.size (), cycle, next));
            ++next;
            ++whole;
        }
        note ("cycle %d: %llu whole messages", cycle, static_cast<unsigned long long> (next));
    }
    note ("%ld whole messages", whole);
}

SCENARIO_SCALED (kill_receiver_amid_large_messages, 40, 300)
{
    const size_t size = size_t (8) << 20;
    const std::string endpoint = free_endpoint_of_peers ();
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDHWM, 2).set (ZMQ_RECONNECT_IVL, reconnect_ms).set (ZMQ_LINGER, 0);
    push.connect (endpoint);
    const int cycles = scaled (5, 60);
    for (int cycle = 0; cycle < cycles; ++cycle) {
        Peer receiver ("swallow", {"endpoint=" + endpoint});
        receiver.value ("endpoint");
        std::string line;
        CHECK (eventually (8000, [&] {
            send_payload (push.get (), 1, 0, size, ZMQ_DONTWAIT);
            return receiver.try_line (line, 5);
        }));
        for (int i = 0; i < cycle; ++i)
            send_payload (push.get (), 1, 0, size, ZMQ_DONTWAIT);
        receiver.kill ();
    }
    check_idle_but_for_attempts (getpid (), 700, "a sender whose receiver was killed", 1, reconnect_ms);
}

//  Stopped for a while, and then killed while stopped.
SCENARIO (kill_stopped_peer, 30)
{
    const std::string endpoint = free_endpoint_of_peers ();
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_RECONNECT_IVL, reconnect_ms).set (ZMQ_LINGER, 0);
    dealer.connect (endpoint);
    {
        Peer echo ("echo", {"endpoint=" + endpoint});
        echo.value ("endpoint");
        ping_until_answered (dealer, 5000);
        echo.signal (SIGSTOP);
        for (int i = 0; i < 100; ++i)
            dealer.try_send (payload (0, i, 20000));
        sleep_ms (100);
        check_idle (getpid (), 500, "a sender whose receiver is stopped");
        echo.signal (SIGCONT);
        ping_until_answered (dealer, 5000);
        echo.signal (SIGSTOP);
        dealer.try_send ("never answered");
        echo.kill ();
    }
    check_idle_but_for_attempts (getpid (), 500, "the connecter of a listener killed while stopped", 1, reconnect_ms);
    Peer echo ("echo", {"endpoint=" + endpoint});
    echo.value ("endpoint");
    ping_until_answered (dealer, 5000);
}
