// SPDX-License-Identifier: MPL-2.0
//
// Many connections: on one listener, from one process, inside one context; and sockets by the thousand.

#include "common_sides.hpp"
#include "process.hpp"

#include <unistd.h>

#include <algorithm>
#include <set>

using namespace tt;

namespace
{
const int connecters = 50;

//  Connects `count` REQ sockets in one context, sends on all, and collects all the answers.
void ask_from_many_sockets (Ctx &context, const std::string &endpoint, int count)
{
    std::vector<Sock> sockets;
    for (int i = 0; i < count; ++i) {
        sockets.emplace_back (context, ZMQ_REQ);
        sockets.back ().connect (endpoint);
    }
    for (int i = 0; i < count; ++i)
        sockets[i].send ("question " + std::to_string (i));
    for (int i = 0; i < count; ++i)
        CHECK_EQ (sockets[i].recv (), "question " + std::to_string (i));
}

//  Descriptors of this process once the transport has been used and let go: a library may keep a few of its own for
//  good, from the first use on.
size_t descriptors_at_rest ()
{
    {
        Ctx context, other;
        Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
        connected.connect (bound.bind ());
        connected.send ("there");
        CHECK_EQ (bound.recv (), std::string ("there"));
    }
    //  A thread that connected may be about to close its last descriptor.
    size_t count = descriptor_count (getpid ());
    for (const double end = now_ms () + 200; now_ms () < end; sleep_ms (10))
        count = std::min (count, descriptor_count (getpid ()));
    note ("%zu descriptors at rest", count);
    return count;
}

//  Fails unless the process has no more than `count` descriptors again, at once or very soon.
void check_descriptors_back_to (size_t count)
{
    if (eventually (2000, [&] { return descriptor_count (getpid ()) <= count; }))
        return;
    for (const std::string &descriptor : descriptors (getpid ()))
        note ("open: %s", descriptor.c_str ());
    FAIL ("%zu descriptors are open, there were %zu", descriptor_count (getpid ()), count);
}

SIDE (ask_once)
{
    Ctx context;
    Sock req (context, ZMQ_REQ);
    req.connect (arg (args, "endpoint"));
    req.send (arg (args, "question"));
    say ("answer %s", req.recv ().c_str ());
    hear ();
}

SIDE (ask_from_many)
{
    Ctx context;
    ask_from_many_sockets (context, arg (args, "endpoint"), static_cast<int> (arg_number (args, "count", 1)));
    say ("answered");
}
}

SCENARIO (many_connecter_processes, 40)
{
    Peer echo ("echo");
    const std::string endpoint = echo.value ("endpoint");
    std::vector<Peer> peers;
    for (int i = 0; i < connecters; ++i)
        peers.emplace_back ("ask_once", Args{"endpoint=" + endpoint, "question=" + std::to_string (i)});
    //  All of them are connected at the same time: each stays until it is told to go.
    for (int i = 0; i < connecters; ++i)
        CHECK_EQ (peers[i].value ("answer", 20000), std::to_string (i));
    for (Peer &peer : peers)
        peer.tell ("go");
    for (Peer &peer : peers)
        peer.finish ();
}

SCENARIO (many_connecters_in_one_process, 30)
{
    Peer echo ("echo");
    Peer asker ("ask_from_many", {"endpoint=" + echo.value ("endpoint"), "count=" + std::to_string (connecters)});
    CHECK_EQ (asker.line (20000), std::string ("answered"));
    asker.finish ();
}

//  The I/O thread that accepts is the one that connects.
SCENARIO (many_connecters_in_the_listeners_context, 30)
{
    Ctx context (1);
    Sock pull (context, ZMQ_PULL);
    const std::string endpoint = pull.bind ();
    std::vector<Sock> sockets;
    for (int i = 0; i < connecters; ++i) {
        sockets.emplace_back (context, ZMQ_PUSH);
        sockets.back ().connect (endpoint);
        sockets.back ().send (std::to_string (i));
    }
    std::set<std::string> seen;
    for (int i = 0; i < connecters; ++i)
        seen.insert (pull.recv ());
    CHECK_EQ (seen.size (), size_t (connecters));
}

SCENARIO (many_connecters_on_several_io_threads, 30)
{
    Ctx context (4);
    Sock router (context, ZMQ_ROUTER);
    const std::string endpoint = router.bind ();
    std::vector<Sock> sockets;
    for (int i = 0; i < connecters; ++i) {
        sockets.emplace_back (context, ZMQ_DEALER);
        sockets.back ().connect (endpoint);
    }
    for (int round = 0; round < 20; ++round) {
        for (Sock &socket : sockets)
            socket.send (std::to_string (round));
        for (int i = 0; i < connecters; ++i)
            router.send_all (router.recv_all ());
        for (Sock &socket : sockets)
            CHECK_EQ (socket.recv (), std::to_string (round));
    }
}

//  Sockets come and go, connected and talking; in the end nothing of them is left.
SCENARIO_SCALED (many_sockets_leave_nothing_behind, 40, 400)
{
    const int rounds = scaled (40, 400);
    const int pairs = 25;
    const size_t descriptors_before = descriptors_at_rest ();
    size_t descriptors_in_context = 0;
    long memory_early = 0;
    {
        Ctx context (1, 2000);
        for (int round = 0; round < rounds; ++round) {
            std::vector<Sock> bound, connected;
            for (int i = 0; i < pairs; ++i) {
                bound.emplace_back (context, ZMQ_PAIR);
                connected.emplace_back (context, ZMQ_PAIR);
                connected.back ().set (ZMQ_LINGER, 0).connect (bound.back ().bind ());
            }
            for (int i = 0; i < pairs; ++i)
                connected[i].send ("there");
            for (int i = 0; i < pairs; ++i) {
                CHECK_EQ (bound[i].recv (), std::string ("there"));
                bound[i].send ("and back");
            }
            for (int i = 0; i < pairs; ++i)
                CHECK_EQ (connected[i].recv (), std::string ("and back"));
            if (round == 4) {
                descriptors_in_context = descriptor_count (getpid ());
                memory_early = resident_kib (getpid ());
            }
        }
        note ("%d sockets made and closed", rounds * pairs * 2);
        //  Sockets are closed in the background. The context keeps descriptors of slots that were in use at most.
        CHECK (eventually (5000, [&] { return descriptor_count (getpid ()) <= descriptors_in_context; }));
        const long growth = resident_kib (getpid ()) - memory_early;
        note ("resident memory grew by %ld KiB since round 5", growth);
        CHECK (growth < 16 * 1024);
    }
    check_descriptors_back_to (descriptors_before);
}

//  Contexts end at any point of a connection's life: before, while and after it comes to be.
SCENARIO_SCALED (many_contexts_end_at_any_point, 30, 120)
{
    const int rounds = scaled (150, 2000);
    const size_t descriptors_before = descriptors_at_rest ();
    Ctx server_context;
    Sock pull (server_context, ZMQ_PULL);
    const std::string endpoint = pull.bind ();
    double longest = 0;
    for (int round = 0; round < rounds; ++round) {
        Ctx context;
        Sock push (context, ZMQ_PUSH);
        push.set (ZMQ_LINGER, 0).connect (endpoint);
        if (round % 3)
            push.try_send ("perhaps");
        sleep_ms (round % 10 * 0.2);
        push.close ();
        longest = std::max (longest, context.term ());
    }
    note ("longest termination %.1f ms", longest);
    CHECK (longest < bound_ms (1000));
    //  The listener still works.
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.connect (endpoint).send ("last");
    CHECK (eventually (10000, [&] {
        std::string message;
        return pull.try_recv (message, 100) && message == "last";
    }));
    push.close ();
    context.term ();
    pull.close ();
    server_context.term ();
    check_descriptors_back_to (descriptors_before);
}
