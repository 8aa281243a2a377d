// SPDX-License-Identifier: MPL-2.0
//
// Calls of libscif that fail now and then, as they do on a machine that is short of memory or has sent the other node to
// sleep: no message and no wake-up is lost, and the connection lives on.

#include "common_sides.hpp"
#include "hooked_scif.hpp"
#include "payload.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <atomic>

using namespace tt;

namespace
{
//  Questions and answers, where each wake-up counts; then many messages at a time.
void exchange (Sock &dealer)
{
    const int rounds = 400, batch = 400;
    for (int i = 0; i < rounds; ++i) {
        send_payload (dealer.get (), 1, i, 10);
        recv_payload (dealer.get (), 1, i, 10);
    }
    for (int i = 0; i < batch; ++i)
        send_payload (dealer.get (), 2, i, 3000);
    for (int i = 0; i < batch; ++i)
        recv_payload (dealer.get (), 2, i, 3000);
}

//  Every seventh call fails, once.
void check_calls_that_fail (Call call)
{
    for (const int error : {EINTR, ENOMEM, ENODEV})
        for (const bool binds : {false, true}) {
            note ("%s, here the %s", strerror (error), binds ? "listener" : "connecter");
            Ctx context;
            Sock dealer (context, ZMQ_DEALER);
            Monitor monitor (context, dealer, ZMQ_EVENT_DISCONNECTED);
            const Args connecting = binds ? Args{"role=connect", "endpoint=" + dealer.bind ()} : Args{};
            Args echo_args = {"type=dealer"};
            echo_args.insert (echo_args.end (), connecting.begin (), connecting.end ());
            Peer echo ("echo", echo_args);
            const std::string endpoint = echo.value ("endpoint");
            if (!binds)
                dealer.connect (endpoint);
            ping_until_answered (dealer, 5000);
            set_fault (call, every (7, error));
            exchange (dealer);
            set_fault (call, nullptr);
            CHECK_EQ (monitor.count (ZMQ_EVENT_DISCONNECTED, 10), 0);
        }
}

std::string listed (const std::vector<size_t> &sizes, size_t from)
{
    std::string text;
    for (; from < sizes.size (); ++from)
        text += std::to_string (sizes[from] >> 10) + " ";
    return text;
}
}

SCENARIO_SCIF (fault_of_a_send_loses_no_wake_up, 60)
{
    check_calls_that_fail (Call::send);
}

SCENARIO_SCIF (fault_of_a_receive_is_no_end, 60)
{
    check_calls_that_fail (Call::receive);
}

//  What is refused is asked for in less; what is asked for follows ZMQ_RCVBUF within bounds.
SCENARIO_SCIF (fault_of_a_registration_makes_it_smaller, 30)
{
    if (settings ().mode == Mode::any)
        skip ("--mode does not say whether memory can be registered");
    const struct
    {
        int rcvbuf;
        size_t granted_kib;
        const char *asked_kib;
    } cases[] = {{-1, 512, "512 "},        {-1, 256, "512 256 "}, {-1, 64, "512 256 64 "}, {-1, 0, "512 256 64 "},
                 {100 << 20, 512, "512 "}, {1, 512, "64 "},       {1, 0, "64 "}};
    Peer echo ("echo");
    const std::string endpoint = echo.value ("endpoint");
    for (const auto &each : cases) {
        note ("ZMQ_RCVBUF %d, %zu KiB are granted", each.rcvbuf, each.granted_kib);
        set_fault (Call::enroll, [&] (size_t size) { return size > each.granted_kib << 10 ? ENOMEM : 0; });
        const size_t before = registrations ().size ();
        Ctx context;
        Sock dealer (context, ZMQ_DEALER);
        dealer.set (ZMQ_RCVBUF, each.rcvbuf).connect (endpoint);
        ping_until_answered (dealer, 5000);
        //  Where libscif grants nothing, all is asked for.
        const std::string asked = listed (registrations (), before);
        if (asked != "512 256 64 ")
            CHECK_EQ (asked, std::string (each.asked_kib));
        const long long sent = sent_through_endpoints ().bytes;
        exchange (dealer);
        const bool rings = sent_through_endpoints ().bytes - sent < 400 * 3000;
        CHECK_EQ (rings, settings ().mode == Mode::rings && each.granted_kib > 0);
    }
    set_fault (Call::enroll, nullptr);
}

namespace
{
const size_t large = size_t (4) << 20;

//  Sends large messages to another node while transfers fail: all of them ("all"), or one.
SIDE (sender_by_transfer)
{
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_RECONNECT_IVL, 50);
    Monitor monitor (context, push, ZMQ_EVENT_DISCONNECTED);
    push.connect (arg (args, "endpoint"));
    send_payload (push.get (), 1, 0, large);
    hear ();
    const bool all = arg (args, "which") == "all";
    const int error = static_cast<int> (arg_number (args, "error", 0));
    static std::atomic<int> failed (0);
    set_fault (Call::transfer, [=] (size_t) { return failed++ == 0 || all ? error : 0; });
    for (int i = 1; i <= 5; ++i)
        send_payload (push.get (), 1, i, large);
    hear ();
    say ("failed %d", failed.load ());
    say ("disconnected %d", monitor.count (ZMQ_EVENT_DISCONNECTED, 100));
    hear ();
}

SIDE (receiver_by_transfer)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    attach (pull, args);
    uint64_t next = 0;
    while (next <= 5) {
        const std::string message = pull.recv ();
        CHECK_EQ (message.size (), large);
        //  Some may be lost, none is altered or comes out of its turn.
        while (next <= 5 && !is_payload (message.data (), message.size (), 1, next))
            ++next;
        CHECK (next <= 5);
        say ("%llu", static_cast<unsigned long long> (next++));
    }
    hear ();
}

void check_transfer (int error, const char *which, bool ends)
{
    const auto node = [] (const char *number) { return std::vector<std::string>{"SOFTSCIF_NODES=2", std::string ("SOFTSCIF_NODE=") + number}; };
    Peer receiver ("receiver_by_transfer", {}, node ("1"));
    const std::string endpoint = receiver.value ("endpoint");
    if (endpoint.compare (0, 9, "scif://1:") != 0)
        skip ("this libscif does not simulate nodes");
    Peer sender ("sender_by_transfer", {"endpoint=" + endpoint, std::string ("which=") + which, "error=" + std::to_string (error)}, node ("0"));
    CHECK_EQ (receiver.line (), std::string ("0"));
    sender.tell ("fail");
    int received = 1;
    for (std::string line; line != "5"; ++received)
        line = receiver.line (15000);
    sender.tell ("report");
    const int failed = atoi (sender.value ("failed").c_str ());
    if (!failed)
        skip ("nothing was transferred");
    CHECK_EQ (sender.value ("disconnected"), std::string (ends ? "1" : "0"));
    if (!ends)
        CHECK_EQ (received, 6);
}
}

//  What can't be transferred is copied; what may have been transferred in part is not, the connection ends.
SCENARIO_SCIF (fault_of_a_transfer, 40)
{
    check_transfer (EFAULT, "all", false);
    check_transfer (EIO, "one", true);
}
