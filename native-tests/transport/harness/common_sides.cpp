// SPDX-License-Identifier: MPL-2.0

#include "common_sides.hpp"

#include "payload.hpp"
#include "process.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <deque>

namespace tt
{
std::string arg (const Args &args, const std::string &name, const std::string &fallback)
{
    for (const std::string &word : args)
        if (word.compare (0, name.size () + 1, name + "=") == 0)
            return word.substr (name.size () + 1);
    return fallback;
}

long arg_number (const Args &args, const std::string &name, long fallback)
{
    const std::string text = arg (args, name);
    return text.empty () ? fallback : atol (text.c_str ());
}

void attach (Sock &socket, const Args &args)
{
    const std::string hwm = arg (args, "hwm");
    if (!hwm.empty ()) {
        socket.set (ZMQ_SNDHWM, atoi (hwm.c_str ()));
        socket.set (ZMQ_RCVHWM, atoi (hwm.c_str ()));
    }
    std::string endpoint = arg (args, "endpoint", wildcard ());
    if (arg (args, "role", "bind") == "bind")
        endpoint = socket.bind (endpoint);
    else
        socket.connect (endpoint);
    note ("attached to %s", endpoint.c_str ());
    say ("endpoint %s", endpoint.c_str ());
}

size_t size_of (const std::string &size, uint64_t sequence)
{
    const std::string mixed = "mixed:";
    if (size.compare (0, mixed.size (), mixed) == 0)
        return mixed_size (sequence, strtoull (size.c_str () + mixed.size (), nullptr, 10));
    return strtoull (size.c_str (), nullptr, 10);
}

SIDE (free_endpoint)
{
    say ("endpoint %s", free_endpoint ().c_str ());
}

std::string free_endpoint_of_peers ()
{
    return Peer ("free_endpoint").value ("endpoint");
}

void check_idle_but_for_attempts (pid_t pid, double milliseconds, const char *what, int sockets, int interval)
{
    const double share = cpu_share (pid, milliseconds);
    note ("%s: %.2f %% of a CPU", what, share * 100);
    if (share < idle_share)
        return;
    Ctx context;
    std::deque<Sock> pushes;
    Sock probe (context, ZMQ_PUSH);
    const std::string endpoint = probe.bind (wildcard (Transport::tcp));
    CHECK_RC (zmq_unbind (probe.get (), endpoint.c_str ()));
    for (int i = 0; i < sockets; ++i) {
        pushes.emplace_back (context, ZMQ_PUSH);
        pushes.back ().set (ZMQ_RECONNECT_IVL, interval).set (ZMQ_LINGER, 0).connect (endpoint);
    }
    const double over_tcp = cpu_share (getpid (), milliseconds) - (pid == getpid () ? share : 0);
    if (share > 4 * over_tcp)
        FAIL ("%s uses %.1f %% of a CPU, over tcp it would be %.1f", what, share * 100, over_tcp * 100);
}

void echo_until_told (Sock &socket)
{
    while (true) {
        zmq_pollitem_t items[] = {{socket.get (), 0, ZMQ_POLLIN, 0}, {nullptr, control_fd, ZMQ_POLLIN, 0}};
        CHECK_RC (zmq_poll (items, 2, -1));
        if (items[1].revents)
            return;
        if (items[0].revents)
            socket.send_all (socket.recv_all ());
    }
}

SIDE (echo)
{
    Ctx context;
    Sock socket (context, arg (args, "type", "router") == "router" ? ZMQ_ROUTER : ZMQ_DEALER);
    attach (socket, args);
    echo_until_told (socket);
}

SIDE (pull)
{
    const long count = arg_number (args, "count", 1);
    const std::string size = arg (args, "size", "0");
    Ctx context;
    Sock socket (context, ZMQ_PULL);
    attach (socket, args);
    sleep_ms (static_cast<double> (arg_number (args, "pause", 0)));
    for (long i = 0; i < count; ++i) {
        recv_payload (socket.get (), 1, i, size_of (size, i));
        if (i % 1000 == 0)
            note ("received %ld of %ld", i + 1, count);
    }
    say ("received %ld", count);
    //  Nothing may come after the last one.
    std::string extra;
    CHECK (!socket.try_recv (extra, 20));
}

SIDE (push)
{
    const long count = arg_number (args, "count", 1);
    const std::string size = arg (args, "size", "0");
    Ctx context;
    Sock socket (context, ZMQ_PUSH);
    const std::string linger = arg (args, "linger");
    if (!linger.empty ())
        socket.set (ZMQ_LINGER, atoi (linger.c_str ()));
    attach (socket, args);
    for (long i = 0; i < count; ++i)
        send_payload (socket.get (), 1, i, size_of (size, i));
    note ("sent %ld", count);
    say ("sent %ld", count);
    socket.close ();
    const double waited = context.term ();
    note ("terminated after %.0f ms", waited);
    say ("terminated %.0f", waited);
}
}
