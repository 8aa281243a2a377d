// SPDX-License-Identifier: MPL-2.0
//
// Socket options that a transport takes part in.

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"
#include "raw_ring.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

using namespace tt;

SCENARIO (option_sndhwm_without_peer, 15)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDHWM, 5).set (ZMQ_LINGER, 0).connect (free_endpoint ());
    for (int i = 0; i < 5; ++i)
        CHECK (push.try_send ("kept"));
    CHECK (!push.try_send ("one too many"));
}

SCENARIO (option_linger_zero_drops, 15)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_LINGER, 0).connect (free_endpoint ());
    for (int i = 0; i < 100; ++i)
        push.send (payload (1, i, 10000));
    push.close ();
    CHECK (context.term () < bound_ms (500));
}

SCENARIO (option_linger_delivers_to_late_listener, 20)
{
    const std::string endpoint = free_endpoint ();
    Peer push ("push", {"role=connect", "endpoint=" + endpoint, "count=100", "size=5000", "linger=8000"});
    push.value ("endpoint");
    push.value ("sent");
    sleep_ms (300);
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.bind (endpoint);
    for (int i = 0; i < 100; ++i)
        recv_payload (pull.get (), 1, i, 5000);
    push.value ("terminated");
    push.finish ();
}

SCENARIO (option_immediate, 15)
{
    const std::string endpoint = free_endpoint ();
    Ctx context, other;
    Sock push (other, ZMQ_PUSH);
    push.set (ZMQ_IMMEDIATE, 1).set (ZMQ_LINGER, 0).set (ZMQ_RECONNECT_IVL, 50).connect (endpoint);
    sleep_ms (200);
    CHECK (!push.try_send ("nobody is there"));
    {
        Sock pull (context, ZMQ_PULL);
        pull.bind (endpoint);
        push.send ("somebody is there");
        CHECK_EQ (pull.recv (), std::string ("somebody is there"));
    }
    CHECK (eventually (3000, [&] { return !push.try_send ("nobody any more"); }));
}

SCENARIO (option_conflate, 15)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH), gauge (other, ZMQ_PUSH), gauge_end (context, ZMQ_PULL);
    pull.set (ZMQ_CONFLATE, 1);
    const std::string endpoint = pull.bind ();
    push.connect (endpoint);
    for (int i = 1; i <= 1000; ++i)
        push.send (std::to_string (i));
    //  Only the newest is kept; at the latest the last one comes after all others.
    std::string message;
    int received = 0, last = 0;
    CHECK (eventually (5000, [&] {
        if (pull.try_recv (message, 100)) {
            ++received;
            CHECK (atoi (message.c_str ()) > last);
            last = atoi (message.c_str ());
        }
        sleep_ms (20);
        return last == 1000;
    }));
    note ("received %d of 1000", received);
    CHECK (received < 1000);
}

SCENARIO (option_probe_router, 15)
{
    for (const bool router_binds : {true, false}) {
        Ctx context, other;
        Sock router (context, ZMQ_ROUTER), dealer (other, ZMQ_DEALER);
        dealer.set (ZMQ_PROBE_ROUTER, 1).set (ZMQ_ROUTING_ID, "prober");
        if (router_binds)
            dealer.connect (router.bind ());
        else {
            router.connect (dealer.bind ());
            //  A bound socket sends its probe when it is called next.
            CHECK (eventually (5000, [&] {
                dealer.get_int (ZMQ_EVENTS);
                return (router.get_int (ZMQ_EVENTS) & ZMQ_POLLIN) != 0;
            }));
        }
        CHECK_EQ (router.recv (), std::string ("prober"));
        CHECK (router.more ());
        CHECK_EQ (router.recv (), std::string (""));
        router.send_all ({"prober", "welcome"});
        CHECK_EQ (dealer.recv (), std::string ("welcome"));
    }
}

SCENARIO (option_handshake_ivl_drops_silent_connecter, 15)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_HANDSHAKE_IVL, 400);
    const std::string endpoint = pull.bind ();
    RawPeer silent (endpoint);
    const double start = now_ms ();
    CHECK (silent.closed_within (3000));
    const double took = now_ms () - start;
    note ("dropped after %.0f ms", took);
    CHECK (took > 200);
}

SCENARIO (option_handshake_ivl_drops_silent_listener, 15)
{
    RawListener listener;
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_HANDSHAKE_IVL, 300).set (ZMQ_RECONNECT_IVL, 50).set (ZMQ_LINGER, 0);
    push.connect (listener.endpoint ());
    for (int i = 0; i < 2; ++i) {
        RawPeer silent = listener.accept ();
        CHECK (silent.closed_within (3000));
        note ("dropped, and tries again");
    }
}

SCENARIO (option_connect_timeout, 20)
{
    if (!is_scif ())
        skip ("the kernel accepts for a listener that does not");
    RawListener listener;
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_CONNECT_TIMEOUT, 300).set (ZMQ_RECONNECT_IVL, 50).set (ZMQ_LINGER, 0);
    Monitor monitor (context, push);
    const double start = now_ms ();
    push.connect (listener.endpoint ());
    monitor.expect (ZMQ_EVENT_CLOSED, 3000);
    const double took = now_ms () - start;
    note ("given up after %.0f ms", took);
    CHECK (took >= 250);
    CHECK (took < bound_ms (1500));
    monitor.expect (ZMQ_EVENT_CONNECT_RETRIED, 1000);
}

//  SCIF can't be told to give up an attempt: many of them would fill the backlog of a peer that is busy for a while, and
//  take threads and descriptors meanwhile.
SCENARIO (option_connect_timeout_keeps_to_one_attempt, 30)
{
    if (!is_scif ())
        skip ("the kernel accepts for a listener that does not");
    RawListener listener;
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_CONNECT_TIMEOUT, 50).set (ZMQ_RECONNECT_IVL, 20).set (ZMQ_LINGER, 0);
    Monitor monitor (context, push);
    push.connect (listener.endpoint ());
    monitor.expect (ZMQ_EVENT_CONNECT_RETRIED, 3000);
    const size_t descriptors = descriptor_count (getpid ());
    for (int i = 0; i < 10; ++i)
        monitor.expect (ZMQ_EVENT_CONNECT_RETRIED, 3000);
    CHECK (descriptor_count (getpid ()) <= descriptors + 1);

    //  The one that is there is still good.
    RawPeer peer = listener.accept ();
    greet_without_ring (peer);
    monitor.expect (ZMQ_EVENT_CONNECTED, 3000);
    CHECK (!listener.waiting (300));
    peer.close ();
    //  And what comes after the end of that connection is a new one.
    RawPeer next = listener.accept ();
    CHECK (!next.recv (8, 3000).empty ());
}

SCENARIO (option_reconnect_ivl, 20)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_RECONNECT_IVL, 50).set (ZMQ_LINGER, 0);
    Monitor monitor (context, push);
    push.connect (free_endpoint ());
    //  Each interval is 50 ms and up to as much again by chance.
    const int retries = monitor.count (ZMQ_EVENT_CONNECT_RETRIED, 1000);
    note ("%d retries in a second", retries);
    CHECK (retries >= 5);
    CHECK (retries <= 21);
}

SCENARIO (option_reconnect_ivl_max, 20)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_RECONNECT_IVL, 20).set (ZMQ_RECONNECT_IVL_MAX, 300).set (ZMQ_LINGER, 0);
    Monitor monitor (context, push);
    push.connect (free_endpoint ());
    long long longest = 0;
    for (int i = 0; i < 6; ++i)
        longest = std::max (longest, monitor.expect (ZMQ_EVENT_CONNECT_RETRIED).value);
    note ("longest interval %lld ms", longest);
    CHECK (longest > 100);
    //  The chance on top is that of the first interval.
    CHECK (longest <= 320);
}

SCENARIO (option_reconnect_ivl_never, 20)
{
    const std::string endpoint = free_endpoint ();
    Ctx context, other;
    Sock pull (context, ZMQ_PULL);
    pull.bind (endpoint);
    Sock push (other, ZMQ_PUSH);
    push.set (ZMQ_RECONNECT_IVL, -1).set (ZMQ_LINGER, 0);
    Monitor monitor (other, push);
    push.connect (endpoint).send ("once");
    CHECK_EQ (pull.recv (), std::string ("once"));
    pull.close ();
    monitor.expect (ZMQ_EVENT_DISCONNECTED);
    CHECK_EQ (monitor.count (ZMQ_EVENT_CONNECT_RETRIED, 400), 0);
}

//  ZMQ_RECONNECT_STOP is a draft option: its number is stable, its name is in draft builds only.
SCENARIO (option_reconnect_stop_when_refused, 20)
{
    const int reconnect_stop = 109, stop_conn_refused = 1;
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    int value = stop_conn_refused;
    if (zmq_setsockopt (push.get (), reconnect_stop, &value, sizeof value) == -1)
        skip ("this libzmq is built without its draft API");
    if (settings ().transport == Transport::ipc)
        skip ("a refused ipc connect is not counted as refused");
    push.set (ZMQ_RECONNECT_IVL, 50).set (ZMQ_LINGER, 0);
    Monitor monitor (context, push);
    push.connect (free_endpoint ());
    CHECK_EQ (monitor.count (ZMQ_EVENT_CONNECT_RETRIED, 500), 0);
}

SCENARIO (option_maxmsgsize, 15)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
    pull.set64 (ZMQ_MAXMSGSIZE, 10000);
    push.set (ZMQ_LINGER, 0);
    Monitor monitor (context, pull);
    push.connect (pull.bind ());
    send_payload (push.get (), 1, 0, 10000);
    recv_payload (pull.get (), 1, 0, 10000);
    send_payload (push.get (), 1, 1, 10001);
    monitor.expect (ZMQ_EVENT_DISCONNECTED);
    //  The sender comes back and may send what is small enough.
    CHECK (eventually (5000, [&] {
        send_payload (push.get (), 1, 2, 500, ZMQ_DONTWAIT);
        std::string message;
        return pull.try_recv (message, 100) && is_payload (message.data (), message.size (), 1, 2);
    }));
}

SCENARIO (option_backlog_shorter_than_the_crowd, 30)
{
    if (settings ().transport == Transport::tcp)
        skip ("the kernel answers a full backlog by silence, and tries again after seconds");
    Ctx context, other;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_BACKLOG, 1);
    const std::string endpoint = pull.bind ();
    std::vector<Sock> sockets;
    for (int i = 0; i < 30; ++i) {
        sockets.emplace_back (other, ZMQ_PUSH);
        sockets.back ().set (ZMQ_RECONNECT_IVL, 20).connect (endpoint);
        sockets.back ().send ("in");
    }
    for (int i = 0; i < 30; ++i)
        CHECK_EQ (pull.recv (), std::string ("in"));
}

SCENARIO (option_heartbeat_finds_stopped_peer, 20)
{
    const std::string endpoint = free_endpoint_of_peers ();
    Peer echo ("echo", {"endpoint=" + endpoint});
    echo.value ("endpoint");
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_HEARTBEAT_IVL, 100).set (ZMQ_HEARTBEAT_TIMEOUT, 500).set (ZMQ_RECONNECT_IVL, 50).set (ZMQ_LINGER, 0);
    Monitor monitor (context, dealer);
    dealer.connect (endpoint);
    ping_until_answered (dealer, 5000);
    //  While the peer answers, the connection stays, though nobody sends.
    CHECK_EQ (monitor.count (ZMQ_EVENT_DISCONNECTED, 900), 0);
    echo.signal (SIGSTOP);
    const double start = now_ms ();
    monitor.expect (ZMQ_EVENT_DISCONNECTED, 3000);
    const double took = now_ms () - start;
    note ("found after %.0f ms", took);
    CHECK (took > 350);
    CHECK (took < bound_ms (1500));
    echo.signal (SIGCONT);
    ping_until_answered (dealer, 8000);
}

SCENARIO (option_heartbeat_of_listener_finds_stopped_connecter, 20)
{
    Ctx context;
    Sock router (context, ZMQ_ROUTER);
    router.set (ZMQ_HEARTBEAT_IVL, 100).set (ZMQ_HEARTBEAT_TIMEOUT, 500).set (ZMQ_LINGER, 0);
    Monitor monitor (context, router);
    const std::string endpoint = router.bind ();
    Peer push ("echo", {"type=dealer", "role=connect", "endpoint=" + endpoint});
    push.value ("endpoint");
    monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    push.signal (SIGSTOP);
    const double start = now_ms ();
    monitor.expect (ZMQ_EVENT_DISCONNECTED, 3000);
    note ("found after %.0f ms", now_ms () - start);
    CHECK (now_ms () - start < bound_ms (1500));
    push.signal (SIGCONT);
    monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED, 8000);
}

SCENARIO (option_buffer_sizes_are_taken, 20)
{
    for (const int size : {-1, 0, 2304, 4096, 65536, 100000, 4 << 20}) {
        Ctx context, other;
        Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
        for (Sock *const socket : {&pull, &push}) {
            //  Upstream knows -1 (the default of the system) since 4.2; it may be refused, but not taken for a size.
            socket->set (ZMQ_SNDBUF, size).set (ZMQ_RCVBUF, size);
            CHECK_EQ (socket->get_int (ZMQ_SNDBUF), size);
            CHECK_EQ (socket->get_int (ZMQ_RCVBUF), size);
        }
        push.connect (pull.bind ());
        for (int i = 0; i < 30; ++i)
            send_payload (push.get (), 1, i, 20000);
        send_payload (push.get (), 1, 30, 3 << 20);
        for (int i = 0; i < 30; ++i)
            recv_payload (pull.get (), 1, i, 20000);
        recv_payload (pull.get (), 1, 30, 3 << 20);
        note ("buffers of %d bytes", size);
    }
}

//  Buffers of different size at the two ends, in both directions at once.
SCENARIO (option_buffer_sizes_may_differ, 20)
{
    Ctx context, other;
    Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
    bound.set (ZMQ_SNDBUF, 8192).set (ZMQ_RCVBUF, 1 << 20);
    connected.set (ZMQ_SNDBUF, 300000).set (ZMQ_RCVBUF, 4096);
    connected.connect (bound.bind ());
    for (int i = 0; i < 50; ++i) {
        send_payload (bound.get (), 1, i, 50000);
        send_payload (connected.get (), 2, i, 70000);
    }
    for (int i = 0; i < 50; ++i) {
        recv_payload (connected.get (), 1, i, 50000);
        recv_payload (bound.get (), 2, i, 70000);
    }
}

//  A listening descriptor that somebody else made, as socket activation does.
SCENARIO (option_use_fd, 20)
{
    RawListener listener;
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
    //  libzmq closes what it is given.
    pull.set (ZMQ_USE_FD, dup (listener.fd ()));
    if (zmq_bind (pull.get (), listener.endpoint ().c_str ()) == -1)
        FAIL ("bind with ZMQ_USE_FD: %s", zmq_strerror (errno));
    CHECK_EQ (pull.get_string (ZMQ_LAST_ENDPOINT), listener.endpoint ());
    push.connect (listener.endpoint ()).send ("hello");
    CHECK_EQ (pull.recv (), std::string ("hello"));
}

//  What is no SCIF endpoint is refused, and stays the application's.
SCENARIO_SCIF (option_use_fd_of_something_else, 20)
{
    int pipe_fds[2];
    CHECK_RC (pipe (pipe_fds));
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_USE_FD, pipe_fds[0]);
    CHECK_EQ (zmq_bind (pull.get (), free_endpoint ().c_str ()), -1);
    CHECK_EQ (errno, ENOTTY);
    CHECK_RC (close (pipe_fds[0]));
    CHECK_RC (close (pipe_fds[1]));
}
