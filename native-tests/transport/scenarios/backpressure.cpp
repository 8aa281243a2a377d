// SPDX-License-Identifier: MPL-2.0
//
// Slow receivers: nothing accepted for sending is lost when the sender closes in order, and a side that only
// sends for a while does not stall the other.

#include "common_sides.hpp"
#include "payload.hpp"

#include <stdlib.h>

using namespace tt;

namespace
{
//  Upstream drops what it still holds when the peer hangs up while input is stopped, and the tail of a batch at
//  close: issue #4660 there. Over tcp only small kernel buffers show it.
const char lost_at_close[] = "libzmq loses messages at close under back-pressure (zeromq/libzmq#4660)";

//  A receiver with RCVHWM=1 that pauses; a sender that sends all at once and closes early. Both roles at once,
//  so that the pauses overlap.
void all_arrive (long count, size_t size, int linger)
{
    const std::string count_text = std::to_string (count);
    const Args common = {"count=" + count_text, "size=" + std::to_string (size), "hwm=1"};
    Args pull_args = common, push_args = common;
    pull_args.insert (pull_args.end (), {"pause=800"});
    push_args[2] = "hwm=0";
    push_args.insert (push_args.end (), {"linger=" + std::to_string (linger)});
    const auto with = [] (Args args, const std::string &role, const std::string &endpoint) {
        args.insert (args.end (), {"role=" + role, "endpoint=" + endpoint});
        return args;
    };
    const std::string first = free_endpoint_of_peers (), second = free_endpoint_of_peers ();
    Peer binding_pull ("pull", with (pull_args, "bind", first));
    binding_pull.value ("endpoint");
    Peer connecting_push ("push", with (push_args, "connect", first));
    Peer binding_push ("push", with (push_args, "bind", second));
    Peer connecting_pull ("pull", with (pull_args, "connect", second));
    for (Peer *const push : {&connecting_push, &binding_push}) {
        push->value ("endpoint");
        CHECK_EQ (push->value ("sent"), count_text);
    }
    connecting_pull.value ("endpoint");
    note ("the connecter sends, the binder receives");
    CHECK_EQ (binding_pull.value ("received", 15000), count_text);
    note ("the binder sends, the connecter receives");
    CHECK_EQ (connecting_pull.value ("received", 15000), count_text);
    for (Peer *const push : {&connecting_push, &binding_push}) {
        //  The linger time was enough, and was not waited for in full.
        CHECK (atof (push->value ("terminated", 12000).c_str ()) < bound_ms (12000));
        push->finish ();
    }
}

//  Receives payloads of 20 kB on a DEALER and answers each with three small ones.
SIDE (answer_three_times)
{
    const long count = arg_number (args, "count", 0);
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    //  The replies wait here while the other side is not receiving.
    socket.set (ZMQ_SNDHWM, 0).set (ZMQ_RCVHWM, 2);
    attach (socket, args);
    for (long i = 0; i < count; ++i) {
        recv_payload (socket.get (), 1, i, 20000);
        for (int reply = 0; reply < 3; ++reply)
            send_payload (socket.get (), 2, i * 3 + reply, 100);
        if (i % 50 == 49)
            note ("answered %ld", i + 1);
    }
    hear ();
}

void send_without_receiving (Sock &socket, long count)
{
    for (long i = 0; i < count; ++i) {
        send_payload (socket.get (), 1, i, 20000);
        if (i % 50 == 49)
            note ("sent %ld", i + 1);
    }
    for (long i = 0; i < count * 3; ++i)
        recv_payload (socket.get (), 2, i, 100);
}
}

#define SLOW_RECEIVER(name, count, size, linger)                                                               \
    SCENARIO_KNOWN (name, 40, lost_at_close, lost_at_close)                                                    \
    {                                                                                                          \
        all_arrive (count, size, linger);                                                                      \
    }

SLOW_RECEIVER (slow_receiver_23_messages, 23, 1000, 15000)
SLOW_RECEIVER (slow_receiver_150_messages, 150, 1000, 15000)
SLOW_RECEIVER (slow_receiver_154_messages, 154, 1000, -1)
SLOW_RECEIVER (slow_receiver_1000_messages, 1000, 1000, 15000)
SLOW_RECEIVER (slow_receiver_3003_messages, 3003, 1000, -1)
SLOW_RECEIVER (slow_receiver_3004_messages, 3004, 1000, 15000)
SLOW_RECEIVER (slow_receiver_100_of_64_kib, 100, 65536, 15000)
SLOW_RECEIVER (slow_receiver_5_of_8_mib, 5, size_t (8) << 20, -1)

SCENARIO (flood_from_connecter_while_replies_wait, 30)
{
    Peer server ("answer_three_times", {"role=bind", "count=200"});
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    socket.set (ZMQ_SNDHWM, 2).set (ZMQ_RCVHWM, 2);
    socket.connect (server.value ("endpoint"));
    send_without_receiving (socket, 200);
}

SCENARIO (flood_from_binder_while_replies_wait, 30)
{
    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    socket.set (ZMQ_SNDHWM, 2).set (ZMQ_RCVHWM, 2);
    const std::string endpoint = socket.bind ();
    Peer server ("answer_three_times", {"role=connect", "endpoint=" + endpoint, "count=200"});
    server.value ("endpoint");
    send_without_receiving (socket, 200);
}

//  What a sender may hand over while nobody reads is bounded, and all of it arrives.
SCENARIO (high_water_marks_bound_what_is_on_its_way, 20)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
    pull.set (ZMQ_RCVHWM, 5);
    push.set (ZMQ_SNDHWM, 5);
    push.connect (pull.bind ());
    //  In quick steps until nothing is taken for a while.
    long accepted = 0;
    for (double last = now_ms (); now_ms () - last < 300;)
        if (send_payload (push.get (), 1, accepted, 65536, ZMQ_DONTWAIT)) {
            ++accepted;
            last = now_ms ();
            CHECK (accepted < 2000);
        } else
            sleep_ms (2);
    note ("%ld messages of 64 KiB were accepted", accepted);
    CHECK (accepted >= 10);
    for (long i = 0; i < accepted; ++i)
        recv_payload (pull.get (), 1, i, 65536);
    send_payload (push.get (), 1, accepted, 65536);
    recv_payload (pull.get (), 1, accepted, 65536);
}
