// SPDX-License-Identifier: MPL-2.0
//
// Either order of starting, and every size of message intact.

#include "common_sides.hpp"
#include "payload.hpp"

#include <stdlib.h>

using namespace tt;

namespace
{
//  A pusher here, a puller as a process of its own, in the given roles.
void push_to_peer (const char *my_role, bool connect_first)
{
    const bool i_bind = std::string (my_role) == "bind";
    const std::string endpoint = i_bind ? free_endpoint () : free_endpoint_of_peers ();
    const Args args = {std::string ("role=") + (i_bind ? "connect" : "bind"), "endpoint=" + endpoint, "count=200", "size=1000"};
    Ctx context;
    Sock push (context, ZMQ_PUSH);

    if (i_bind && !connect_first) {
        push.bind (endpoint);
        Peer pull ("pull", args);
        for (int i = 0; i < 200; ++i)
            send_payload (push.get (), 1, i, 1000);
        pull.value ("endpoint");
        CHECK_EQ (pull.value ("received"), std::string ("200"));
        pull.finish ();
    } else if (i_bind) {
        Peer pull ("pull", args);
        pull.value ("endpoint");
        //  Long enough for the first attempts to be refused.
        sleep_ms (350);
        push.bind (endpoint);
        for (int i = 0; i < 200; ++i)
            send_payload (push.get (), 1, i, 1000);
        CHECK_EQ (pull.value ("received"), std::string ("200"));
        pull.finish ();
    } else {
        if (connect_first) {
            push.connect (endpoint);
            sleep_ms (350);
        }
        Peer pull ("pull", args);
        pull.value ("endpoint");
        if (!connect_first)
            push.connect (endpoint);
        for (int i = 0; i < 200; ++i)
            send_payload (push.get (), 1, i, 1000);
        CHECK_EQ (pull.value ("received"), std::string ("200"));
        pull.finish ();
    }
}

const size_t sizes[] = {0,    1,    2,    63,   64,   255,  256,   4094,  4095,  4096,   4097,    8182,   8183,
                        8191, 8192, 8193, 9000, 12288, 65535, 65536, 65537, 262144, 1048575, 1048576, 1048577};

//  Sends each size and gets it back, one at a time and then all at once.
void exchange_sizes (Sock &socket)
{
    uint64_t sequence = 0;
    for (const size_t size : sizes) {
        send_payload (socket.get (), 7, sequence, size);
        recv_payload (socket.get (), 7, sequence, size);
        note ("%zu bytes there and back", size);
        ++sequence;
    }
    const uint64_t first = sequence;
    for (const size_t size : sizes)
        send_payload (socket.get (), 7, sequence++, size);
    sequence = first;
    for (const size_t size : sizes)
        recv_payload (socket.get (), 7, sequence++, size);
}

void exchange_one (Sock &socket, size_t size)
{
    for (uint64_t sequence = 0; sequence < 2; ++sequence) {
        send_payload (socket.get (), 8, sequence, size);
        note ("sent %zu bytes", size);
        recv_payload (socket.get (), 8, sequence, size);
        note ("received %zu bytes", size);
    }
}

const size_t huge = size_t (64) << 20;
}

SCENARIO (start_bind_then_connect_binder_sends, 15)
{
    push_to_peer ("bind", false);
}

SCENARIO (start_bind_then_connect_connecter_sends, 15)
{
    push_to_peer ("connect", false);
}

SCENARIO (start_connect_then_bind_binder_sends, 15)
{
    push_to_peer ("bind", true);
}

SCENARIO (start_connect_then_bind_connecter_sends, 15)
{
    push_to_peer ("connect", true);
}

SCENARIO (sizes_from_connecter_and_back, 30)
{
    Peer echo ("echo", {"role=bind", "type=dealer"});
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    socket.connect (echo.value ("endpoint"));
    exchange_sizes (socket);
}

SCENARIO (sizes_from_binder_and_back, 30)
{
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    const std::string endpoint = socket.bind ();
    Peer echo ("echo", {"role=connect", "type=dealer", "endpoint=" + endpoint});
    exchange_sizes (socket);
}

SCENARIO (size_64_mib_from_connecter_and_back, 60)
{
    Peer echo ("echo", {"role=bind", "type=dealer"});
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    socket.set (ZMQ_RCVTIMEO, bound_ms (40000));
    socket.connect (echo.value ("endpoint"));
    exchange_one (socket, huge);
}

SCENARIO (size_64_mib_from_binder_and_back, 60)
{
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    socket.set (ZMQ_RCVTIMEO, bound_ms (40000));
    const std::string endpoint = socket.bind ();
    Peer echo ("echo", {"role=connect", "type=dealer", "endpoint=" + endpoint});
    exchange_one (socket, huge);
}

//  The perf programs' pattern: a stream one way, and nothing the other way but ZMTP itself.
SCENARIO_SCALED (stream_connecter_only_receives, 30, 120)
{
    const std::string count = std::to_string (scaled (100000, 1000000));
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    const std::string endpoint = push.bind ();
    Peer pull ("pull", {"role=connect", "endpoint=" + endpoint, "count=" + count, "size=100"});
    for (long i = 0; i < atol (count.c_str ()); ++i)
        send_payload (push.get (), 1, i, 100);
    pull.value ("endpoint");
    CHECK_EQ (pull.value ("received", 20000), count);
}

SCENARIO_SCALED (stream_binder_only_receives, 30, 120)
{
    const std::string count = std::to_string (scaled (100000, 1000000));
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    Peer pull ("pull", {"role=bind", "count=" + count, "size=100"});
    push.connect (pull.value ("endpoint"));
    for (long i = 0; i < atol (count.c_str ()); ++i)
        send_payload (push.get (), 1, i, 100);
    CHECK_EQ (pull.value ("received", 20000), count);
}
