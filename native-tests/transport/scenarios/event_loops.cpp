// SPDX-License-Identifier: MPL-2.0
//
// Proxies, polling, and processes that are started meanwhile.

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

using namespace tt;

namespace
{
//  Says which descriptors it was born with, but for those that every peer has.
SIDE (descriptors_at_birth)
{
    for (const std::string &descriptor : descriptors (getpid ()))
        if (atoi (descriptor.c_str ()) > control_fd)
            say ("has %s", descriptor.c_str ());
    say ("that is all");
}

void wait_readable (int fd, double milliseconds)
{
    pollfd item = {fd, POLLIN, 0};
    if (poll (&item, 1, bound_ms (milliseconds)) != 1)
        FAIL ("ZMQ_FD is not readable after %d ms", bound_ms (milliseconds));
}
}

SCENARIO (proxy_between_processes, 30)
{
    Ctx context;
    Sock frontend (context, ZMQ_ROUTER), backend (context, ZMQ_DEALER);
    const std::string front = frontend.bind (), back = backend.bind ();
    std::thread proxy ([&] {
        CHECK_ERRNO (zmq_proxy (frontend.get (), backend.get (), nullptr), ETERM);
        frontend.close ();
        backend.close ();
    });
    {
        //  Workers are routers' counterparts: each echoes with the envelope that the proxy's router made.
        Peer first ("echo", {"type=dealer", "role=connect", "endpoint=" + back});
        Peer second ("echo", {"type=dealer", "role=connect", "endpoint=" + back});
        first.value ("endpoint");
        second.value ("endpoint");
        Ctx client_context;
        std::vector<Sock> clients;
        for (int i = 0; i < 4; ++i) {
            clients.emplace_back (client_context, ZMQ_REQ);
            clients.back ().connect (front);
        }
        for (int round = 0; round < 100; ++round) {
            for (int i = 0; i < 4; ++i)
                send_payload (clients[i].get (), i, round, round * 200);
            for (int i = 0; i < 4; ++i)
                recv_payload (clients[i].get (), i, round, round * 200);
        }
    }
    context.term ();
    proxy.join ();
}

SCENARIO (proxy_steerable, 20)
{
    Ctx context;
    Sock frontend (context, ZMQ_PULL), backend (context, ZMQ_PUSH), control (context, ZMQ_PAIR), control_end (context, ZMQ_PAIR);
    const std::string front = frontend.bind (), back = backend.bind ();
    control_end.connect (control.bind ());
    std::thread proxy ([&] { CHECK_RC (zmq_proxy_steerable (frontend.get (), backend.get (), nullptr, control_end.get ())); });
    Ctx other;
    Sock push (other, ZMQ_PUSH), pull (other, ZMQ_PULL);
    push.connect (front);
    pull.connect (back);
    for (int i = 0; i < 500; ++i)
        send_payload (push.get (), 1, i, 2000);
    for (int i = 0; i < 500; ++i)
        recv_payload (pull.get (), 1, i, 2000);
    control.send ("TERMINATE");
    proxy.join ();
}

SCENARIO (poll_on_zmq_fd, 20)
{
    Ctx context, other;
    Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    connected.connect (bound.bind ());
    const int fds[] = {bound.get_int (ZMQ_FD), connected.get_int (ZMQ_FD)};
    Sock *const sockets[] = {&bound, &connected};
    for (int i = 0; i < 200; ++i) {
        Sock &from = *sockets[i % 2], &to = *sockets[1 - i % 2];
        send_payload (from.get (), 1, i, 100 + i);
        //  The descriptor is edge-triggered: it says "look", and ZMQ_EVENTS says what at.
        while (!(to.get_int (ZMQ_EVENTS) & ZMQ_POLLIN))
            wait_readable (fds[1 - i % 2], 5000);
        recv_payload (to.get (), 1, i, 100 + i);
    }
}

SCENARIO (poll_many_sockets, 20)
{
    Ctx context, other;
    std::vector<Sock> bound, connected;
    for (int i = 0; i < 10; ++i) {
        bound.emplace_back (context, ZMQ_DEALER);
        connected.emplace_back (other, ZMQ_DEALER);
        connected.back ().connect (bound.back ().bind ());
        //  Ready for output as soon as it is connected.
        zmq_pollitem_t item = {connected.back ().get (), 0, ZMQ_POLLOUT, 0};
        CHECK_EQ (zmq_poll (&item, 1, bound_ms (5000)), 1);
    }
    for (int i = 0; i < 200; ++i) {
        const int sender = i * 7 % 10;
        send_payload (connected[sender].get (), 1, i, 1000);
        std::vector<zmq_pollitem_t> items;
        for (Sock &socket : bound)
            items.push_back ({socket.get (), 0, ZMQ_POLLIN, 0});
        CHECK_EQ (zmq_poll (items.data (), 10, bound_ms (5000)), 1);
        for (int j = 0; j < 10; ++j)
            CHECK_EQ (items[j].revents != 0, j == sender);
        recv_payload (bound[sender].get (), 1, i, 1000);
    }
}

//  A program that uses libzmq starts another one: the other must not hold connections open.
SCENARIO (exec_inherits_no_descriptors, 20)
{
    Ctx context, other;
    Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER), waiting (other, ZMQ_DEALER);
    connected.connect (bound.bind ());
    waiting.set (ZMQ_LINGER, 0).connect (free_endpoint ());
    for (int i = 0; i < 100; ++i) {
        send_payload (connected.get (), 1, i, 20000);
        recv_payload (bound.get (), 1, i, 20000);
        send_payload (bound.get (), 2, i, 20000);
        recv_payload (connected.get (), 2, i, 20000);
    }
    for (const std::string &descriptor : descriptors (getpid ()))
        note ("open here: %s", descriptor.c_str ());
    Peer child ("descriptors_at_birth");
    std::string leaked;
    for (std::string line = child.line (); line != "that is all"; line = child.line ())
        leaked += " [" + line.substr (4) + "]";
    if (!leaked.empty ())
        FAIL ("inherited over exec:%s", leaked.c_str ());
}

//  The same for a connection's end: the peer sees it although a child that was started meanwhile lives on.
SCENARIO (exec_child_does_not_keep_connection_open, 20)
{
    for (const bool binder_closes : {true, false}) {
        Ctx binder_context, connecter_context;
        Sock bound (binder_context, ZMQ_DEALER), connected (connecter_context, ZMQ_DEALER);
        Monitor monitor (binder_closes ? connecter_context : binder_context, binder_closes ? connected : bound);
        connected.connect (bound.bind ());
        connected.send ("there");
        CHECK_EQ (bound.recv (), std::string ("there"));
        Peer child ("echo");
        child.value ("endpoint");
        if (binder_closes) {
            bound.close ();
            binder_context.term ();
        } else {
            connected.close ();
            connecter_context.term ();
        }
        monitor.expect (ZMQ_EVENT_DISCONNECTED, 3000);
    }
}

//  fork without exec, as upstream's test_fork does: the child uses a context of its own.
SCENARIO (fork_child_uses_context_of_its_own, 20)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    const std::string endpoint = pull.bind ();
    Ctx other;
    Sock connected (other, ZMQ_PUSH);
    connected.connect (endpoint).send ("from the parent");
    CHECK_EQ (pull.recv (), std::string ("from the parent"));
    const pid_t child = fork ();
    if (child == 0) {
        //  Closing what was inherited must not touch the parent's connections.
        zmq_close (pull.get ());
        zmq_close (connected.get ());
        zmq_ctx_term (context.get ());
        zmq_ctx_term (other.get ());
        void *const own = zmq_ctx_new ();
        void *const push = zmq_socket (own, ZMQ_PUSH);
        const bool sent = zmq_connect (push, endpoint.c_str ()) == 0 && zmq_send (push, "from the child", 14, 0) == 14;
        zmq_close (push);
        zmq_ctx_term (own);
        _exit (sent ? 0 : 1);
    }
    CHECK_EQ (pull.recv (), std::string ("from the child"));
    int status = 0;
    CHECK (eventually (5000, [&] { return waitpid (child, &status, WNOHANG) == child; }));
    CHECK_EQ (status, 0);
    for (int i = 0; i < 100; ++i)
        connected.send (std::to_string (i));
    for (int i = 0; i < 100; ++i)
        CHECK_EQ (pull.recv (), std::to_string (i));
}
