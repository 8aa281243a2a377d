// SPDX-License-Identifier: MPL-2.0
//
// Connections on which nothing moves cost no CPU: idle ones, blocked ones, and ones whose peer is gone.

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"

#include <unistd.h>

using namespace tt;

SCENARIO (idle_connections_use_no_cpu, 20)
{
    Ctx context, other;
    std::vector<Sock> bound, connected;
    for (int i = 0; i < 20; ++i) {
        bound.emplace_back (context, ZMQ_PAIR);
        connected.emplace_back (other, ZMQ_PAIR);
        connected.back ().connect (bound.back ().bind ());
    }
    for (int i = 0; i < 20; ++i) {
        connected[i].send ("first");
        CHECK_EQ (bound[i].recv (), std::string ("first"));
    }
    sleep_ms (100);
    check_idle (getpid (), 500, "a connection that was set up");
    for (int i = 0; i < 20; ++i)
        for (int message = 0; message < 200; ++message)
            connected[i].send (payload (1, message, 3000));
    for (int i = 0; i < 20; ++i)
        for (int message = 0; message < 200; ++message)
            bound[i].recv ();
    sleep_ms (100);
    check_idle (getpid (), 1000, "a connection after its traffic");
}

//  The receiver does not read, so that its side stops reading the transport and the sender's side waits.
SCENARIO (idle_while_receiver_does_not_read, 20)
{
    for (const char *const role : {"bind", "connect"}) {
        Ctx context;
        Sock pull (context, ZMQ_PULL);
        pull.set (ZMQ_RCVHWM, 1);
        const bool peer_binds = std::string (role) == "bind";
        const std::string endpoint = peer_binds ? free_endpoint_of_peers () : free_endpoint ();
        if (peer_binds)
            pull.connect (endpoint);
        else
            pull.bind (endpoint);
        Peer push ("push", {std::string ("role=") + role, "endpoint=" + endpoint, "hwm=1", "count=400", "size=20000"});
        push.value ("endpoint");
        std::string said;
        CHECK (!push.try_line (said, 300));
        check_idle (getpid (), 600, "a receiver that does not read");
        check_idle (push.pid (), 600, "a sender that waits for the receiver");
        for (int i = 0; i < 400; ++i)
            recv_payload (pull.get (), 1, i, 20000);
        push.value ("sent");
    }
}

//  The same, and the sender is killed while the receiver's side is not reading: a hang-up that cannot be read away.
SCENARIO (idle_after_sender_is_killed_unread, 20)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_RCVHWM, 1);
    const std::string endpoint = pull.bind ();
    {
        Peer push ("push", {"role=connect", "endpoint=" + endpoint, "hwm=1", "count=400", "size=20000"});
        push.value ("endpoint");
        std::string said;
        CHECK (!push.try_line (said, 300));
        push.kill ();
    }
    check_idle (getpid (), 700, "a receiver that has not read what a killed sender sent");
    //  What had arrived in full is there; a new sender gets through.
    long received = 0;
    std::string message;
    while (pull.try_recv (message, 200)) {
        CHECK (is_payload (message.data (), message.size (), 1, received));
        ++received;
    }
    note ("%ld messages of the killed sender arrived", received);
    CHECK (received >= 1);
    Ctx other;
    Sock push (other, ZMQ_PUSH);
    push.connect (endpoint).send ("new");
    CHECK_EQ (pull.recv (), std::string ("new"));
    check_idle (getpid (), 500, "a receiver afterwards");
}

SCENARIO (idle_while_peer_is_absent, 20)
{
    Ctx context;
    std::vector<Sock> sockets;
    for (int i = 0; i < 5; ++i) {
        sockets.emplace_back (context, ZMQ_PUSH);
        sockets.back ().set (ZMQ_RECONNECT_IVL, 200).set (ZMQ_LINGER, 0);
        sockets.back ().connect (free_endpoint ());
    }
    check_idle_but_for_attempts (getpid (), 1000, "a connecter whose listener is absent", 5, 200);
}
