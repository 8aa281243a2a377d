// SPDX-License-Identifier: MPL-2.0
//
// zmq_ctx_term is prompt whatever state a connect is in, and a connect that waits harms nobody else.

#include "common_sides.hpp"
#include "raw.hpp"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <filesystem>

using namespace tt;

namespace
{
const double prompt_ms = 1000;

void check_prompt (double took)
{
    note ("zmq_ctx_term took %.1f ms", took);
    if (took > bound_ms (prompt_ms))
        FAIL ("zmq_ctx_term took %.0f ms", took);
}

//  Longest round trip on `dealer` over `milliseconds`.
double longest_round_trip (Sock &dealer, double milliseconds)
{
    double longest = 0;
    int count = 0;
    for (const double end = now_ms () + milliseconds; now_ms () < end; ++count) {
        const double start = now_ms ();
        dealer.send ("ping " + std::to_string (count));
        CHECK_EQ (dealer.recv (), "ping " + std::to_string (count));
        longest = std::max (longest, now_ms () - start);
        sleep_ms (5);
    }
    note ("%d round trips, the longest took %.1f ms", count, longest);
    return longest;
}
}

SCENARIO (terminate_with_connect_never_accepted, 30)
{
    RawListener listener;
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_LINGER, 0).connect (listener.endpoint ());
    CHECK (listener.waiting (3000));
    push.try_send ("never leaves");
    sleep_ms (200);
    push.close ();
    check_prompt (context.term ());
}

//  The same with a listener that accepts and then says nothing, for as long as it likes. What was opened for it is closed.
SCENARIO (terminate_with_greeting_never_answered, 30)
{
    RawListener listener;
    Ctx context;
    std::deque<Sock> sockets;
    std::deque<RawPeer> silent;
    for (const bool reads_greeting : {true, false}) {
        sockets.emplace_back (context, ZMQ_PUSH);
        sockets.back ().set (ZMQ_LINGER, 0).set (ZMQ_HANDSHAKE_IVL, 0).connect (listener.endpoint ());
        silent.push_back (listener.accept ());
        if (reads_greeting)
            CHECK (!silent.back ().recv (8, 3000).empty ());
    }
    sockets.clear ();
    check_prompt (context.term ());
    for (RawPeer &peer : silent)
        CHECK (peer.closed_within (3000));
}

SCENARIO (terminate_at_once_after_connect, 30)
{
    RawListener listener (64);
    for (int i = 0; i < 20; ++i) {
        Ctx context;
        Sock push (context, ZMQ_PUSH);
        push.set (ZMQ_LINGER, 0).connect (listener.endpoint ());
        push.close ();
        check_prompt (context.term ());
    }
}

SCENARIO (terminate_with_many_connects_never_accepted, 40)
{
    RawListener listener (64);
    Ctx context;
    std::vector<Sock> sockets;
    for (int i = 0; i < 30; ++i) {
        sockets.emplace_back (context, ZMQ_PUSH);
        sockets.back ().set (ZMQ_LINGER, 0).connect (listener.endpoint ());
    }
    CHECK (listener.waiting (3000));
    sleep_ms (200);
    sockets.clear ();
    check_prompt (context.term ());
}

SCENARIO (terminate_while_connects_are_refused, 20)
{
    Ctx context;
    std::vector<Sock> sockets;
    for (int i = 0; i < 10; ++i) {
        sockets.emplace_back (context, ZMQ_PUSH);
        sockets.back ().set (ZMQ_LINGER, 0).set (ZMQ_RECONNECT_IVL, i % 2 ? 1 : 100);
        sockets.back ().connect (free_endpoint ());
    }
    sleep_ms (350);
    sockets.clear ();
    check_prompt (context.term ());
}

//  Closing one socket with a connect that waits must not hold up the context's other work either.
SCENARIO (terminate_by_disconnect_while_connect_waits, 30)
{
    RawListener listener;
    Peer echo ("echo");
    const std::string healthy = echo.value ("endpoint");
    Ctx context;
    Sock dealer (context, ZMQ_DEALER), push (context, ZMQ_PUSH);
    dealer.connect (healthy);
    push.set (ZMQ_LINGER, 0).connect (listener.endpoint ());
    CHECK (listener.waiting (3000));
    CHECK_RC (zmq_disconnect (push.get (), listener.endpoint ().c_str ()));
    CHECK (longest_round_trip (dealer, 300) < bound_ms (500));
    push.close ();
    CHECK (longest_round_trip (dealer, 300) < bound_ms (500));
    dealer.close ();
    check_prompt (context.term ());
}

//  Small scale looks for a while, full scale for longer than the driver lets a connect wait (10 s).
SCENARIO_SCALED (terminate_neighbour_of_waiting_connect_unharmed, 30, 60)
{
    RawListener listener;
    Peer echo ("echo");
    const std::string healthy = echo.value ("endpoint");
    Ctx context (1);
    Sock before (context, ZMQ_DEALER), push (context, ZMQ_PUSH), after (context, ZMQ_DEALER);
    before.connect (healthy);
    ping_until_answered (before, 5000);
    push.set (ZMQ_LINGER, 0).connect (listener.endpoint ());
    CHECK (listener.waiting (3000));
    CHECK (longest_round_trip (before, scaled (1000, 12000)) < bound_ms (500));
    //  A connection that begins while the other waits.
    after.connect (healthy);
    const double took = ping_until_answered (after, 5000);
    note ("a new connection answered after %.1f ms", took);
    CHECK (took < bound_ms (500));
    CHECK (longest_round_trip (after, 300) < bound_ms (500));
    before.close ();
    push.close ();
    after.close ();
    check_prompt (context.term ());
}

//  A listener that accepts late is connected to, not given up.
SCENARIO (terminate_not_before_late_accept_is_used, 30)
{
    const std::string endpoint = free_endpoint_of_peers ();
    Peer echo ("echo", {"endpoint=" + endpoint});
    echo.value ("endpoint");
    echo.signal (SIGSTOP);
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.connect (endpoint);
    dealer.send ("early");
    sleep_ms (700);
    echo.signal (SIGCONT);
    CHECK_EQ (dealer.recv (), std::string ("early"));
}

//  A program that unloads libzmq when its context is gone; see programs/unload.cpp.
SCENARIO_SCIF (terminate_and_unload_with_connect_pending, 30)
{
    RawListener listener;
    Dl_info libzmq;
    CHECK (dladdr (reinterpret_cast<void *> (&zmq_ctx_new), &libzmq));
    int ends[2];
    CHECK_RC (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    const std::string program = std::filesystem::read_symlink ("/proc/self/exe").replace_filename ("transport-unload");
    const pid_t child = fork ();
    if (child == 0) {
        dup2 (ends[1], 0);
        //  libscif-strict needs a libscif that comes with the program.
        unsetenv ("LD_PRELOAD");
        execl (program.c_str (), program.c_str (), libzmq.dli_fname, listener.endpoint ().c_str (), nullptr);
        _exit (127);
    }
    close (ends[1]);
    CHECK (listener.waiting (5000));
    char byte = 'x';
    CHECK_EQ (write (ends[0], &byte, 1), ssize_t (1));
    //  It answers when all is closed and unloaded. Then the attempt comes to its end.
    CHECK_EQ (read (ends[0], &byte, 1), ssize_t (1));
    RawPeer peer = listener.accept ();
    int status = 0;
    CHECK (eventually (15000, [&] { return waitpid (child, &status, WNOHANG) == child; }));
    if (status)
        FAIL ("ended by %s, status %d", WIFSIGNALED (status) ? strsignal (WTERMSIG (status)) : "itself", status);
}

SCENARIO (terminate_waits_for_linger_only, 20)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_LINGER, 400).connect (free_endpoint ());
    push.send ("for nobody");
    push.close ();
    const double took = context.term ();
    note ("zmq_ctx_term took %.1f ms", took);
    CHECK (took >= 390);
    CHECK (took < bound_ms (400 + prompt_ms));
}
