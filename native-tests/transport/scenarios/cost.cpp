// SPDX-License-Identifier: MPL-2.0
//
// What the transport takes of time and of the I/O thread: as little as tcp, measured in the same run, in turns.

#include "common_sides.hpp"
#include "hooked_scif.hpp"
#include "payload.hpp"
#include "process.hpp"
#include "raw_ring.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

using namespace tt;

namespace
{
double median (std::vector<double> values)
{
    std::sort (values.begin (), values.end ());
    return values[values.size () / 2];
}

//  Of what can only be made more by others.
double least (std::vector<double> values)
{
    return *std::min_element (values.begin (), values.end ());
}

//  What is measured, and what it is held against.
struct Both
{
    double scif;
    double tcp;
};

//  `measure` over scif and over tcp, in turns.
template <typename Measure>
Both compare (const char *what, int rounds, Measure measure, double (*of) (std::vector<double>) = median)
{
    std::vector<double> over_scif, over_tcp;
    for (int i = 0; i < rounds; ++i) {
        over_scif.push_back (measure (wildcard (Transport::scif)));
        over_tcp.push_back (measure (wildcard (Transport::tcp)));
    }
    const Both both = {of (over_scif), of (over_tcp)};
    figure ("%s: %.2f over scif, %.2f over tcp", what, both.scif, both.tcp);
    return both;
}

//  Whether others keep the processors busy: a thread that wants one does not get it.
bool is_busy ()
{
    const auto used_ms = [] {
        timespec time;
        CHECK_RC (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &time));
        return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
    };
    const double start = now_ms (), used = used_ms ();
    while (now_ms () < start + 200)
        continue;
    const double got = (used_ms () - used) / (now_ms () - start);
    note ("a thread gets %.0f %% of a processor", got * 100);
    return got < 0.9;
}

//  Up to `limit`, or `factor` times what tcp takes. Who has more threads waits more often for a processor that is busy.
bool is_within (const Both &both, double limit, double factor)
{
    const auto bound = [&] (double stretch) { return std::max (limit * stretch, both.tcp * factor); };
    if (both.scif <= bound (settings ().timeout_factor) || (both.scif <= bound (5) && is_busy ()))
        return true;
    note ("%.2f are more than %.2f", both.scif, bound (settings ().timeout_factor));
    return false;
}

void check_bound (const Both &both, double limit, double factor)
{
    CHECK (is_within (both, limit, factor));
}

//  Milliseconds from zmq_connect to the first message of a PUB.
double first_message_ms (const std::string &wildcard)
{
    Ctx context;
    Sock sub (context, ZMQ_SUB), pub (context, ZMQ_PUB);
    sub.set (ZMQ_SUBSCRIBE, std::string ()).set (ZMQ_LINGER, 0);
    pub.set (ZMQ_LINGER, 0);
    const std::string endpoint = sub.bind (wildcard);
    const double start = now_ms ();
    pub.connect (endpoint);
    std::string message;
    CHECK (eventually (5000, [&] {
        for (int i = 0; i < 20; ++i) {
            pub.send ("there?");
            if (sub.get_int (ZMQ_EVENTS) & ZMQ_POLLIN)
                return true;
            usleep (200);
        }
        return false;
    }));
    return now_ms () - start;
}

//  Microseconds of processor time that an attempt takes at a port on which nobody listens.
double refused_attempt_us (const std::string &wildcard)
{
    const int sockets = 10;
    Ctx context;
    std::string endpoint;
    {
        Sock probe (context, ZMQ_PULL);
        endpoint = probe.bind (wildcard);
        CHECK_RC (zmq_unbind (probe.get (), endpoint.c_str ()));
    }
    std::deque<Sock> pushes;
    for (int i = 0; i < sockets; ++i) {
        pushes.emplace_back (context, ZMQ_PUSH);
        pushes.back ().set (ZMQ_RECONNECT_IVL, 5).set (ZMQ_LINGER, 0);
    }
    Monitor monitor (context, pushes[0], ZMQ_EVENT_CONNECT_RETRIED);
    const double before = cpu_seconds (getpid ());
    for (Sock &push : pushes)
        push.connect (endpoint);
    const int attempts = monitor.count (ZMQ_EVENT_CONNECT_RETRIED, 300);
    CHECK (attempts > 3);
    return (cpu_seconds (getpid ()) - before) * 1e6 / attempts / sockets;
}

//  Milliseconds that 100 kB take with the least of buffers.
double least_buffer_ms (const std::string &wildcard)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
    push.set (ZMQ_SNDBUF, 1).connect (pull.bind (wildcard)).send ("first");
    pull.recv ();
    const double start = now_ms ();
    send_payload (push.get (), 1, 0, 100000);
    recv_payload (pull.get (), 1, 0, 100000);
    return now_ms () - start;
}

//  A connection of an I/O thread of which something else is asked meanwhile.
class Neighbour
{
  public:
    explicit Neighbour (Ctx &context) : _echo ("echo"), _dealer (context, ZMQ_DEALER)
    {
        _dealer.connect (_echo.value ("endpoint"));
        ping_until_answered (_dealer, 5000);
        for (int i = 0; i < 50; ++i)
            round_trip ();
    }

    //  Round trips while `work` is done, in milliseconds.
    template <typename Work> std::vector<double> while_doing (Work work)
    {
        std::atomic<bool> done (false);
        std::vector<double> took;
        std::thread thread ([&] {
            do {
                took.push_back (round_trip ());
                usleep (500);
            } while (!done);
        });
        work ();
        done = true;
        thread.join ();
        return took;
    }

  private:
    double round_trip ()
    {
        const double start = now_ms ();
        _dealer.send ("ping");
        CHECK_EQ (_dealer.recv (), std::string ("ping"));
        return now_ms () - start;
    }

    Peer _echo;
    Sock _dealer;
};

//  The longest round trip of a neighbour while a connection with a large buffer is made.
double neighbour_of_large_buffer_ms (const std::string &wildcard, int buffer)
{
    Ctx context;
    Neighbour neighbour (context);
    const std::vector<double> took = neighbour.while_doing ([&] {
        Sock pull (context, ZMQ_PULL), push (context, ZMQ_PUSH);
        pull.set (ZMQ_RCVBUF, buffer);
        push.connect (pull.bind (wildcard)).send ("first");
        CHECK_EQ (pull.recv (), std::string ("first"));
    });
    return *std::max_element (took.begin (), took.end ());
}

const int crowd = 150;

SIDE (crowd_of_subscribers)
{
    Ctx context;
    std::deque<Sock> subs;
    for (int i = 0; i < crowd; ++i) {
        subs.emplace_back (context, ZMQ_SUB);
        subs.back ().set (ZMQ_SUBSCRIBE, std::string ()).connect (arg (args, "endpoint"));
    }
    for (Sock &sub : subs)
        sub.recv ();
    say ("served");
    hear ();
}

//  Milliseconds until a crowd of subscribers is served; and the longest round trip of a neighbour meanwhile.
double crowd_served_ms (const std::string &wildcard, double &longest)
{
    Ctx context (1, 2000);
    Neighbour neighbour (context);
    Sock pub (context, ZMQ_PUB);
    pub.set (ZMQ_LINGER, 0).set (ZMQ_BACKLOG, 2 * crowd);
    Peer subscribers ("crowd_of_subscribers", {"endpoint=" + pub.bind (wildcard)});
    const double start = now_ms ();
    const std::vector<double> took = neighbour.while_doing ([&] {
        std::string line;
        CHECK (eventually (20000, [&] {
            pub.send ("to all");
            return subscribers.try_line (line, 1);
        }));
        CHECK_EQ (line, std::string ("served"));
    });
    longest = *std::max_element (took.begin (), took.end ());
    return now_ms () - start;
}

//  Writes a large message three bytes at a time, each as soon as the other end can have taken the ones before.
SIDE (trickler)
{
    RawRing ring ((RawPeer (arg (args, "endpoint"))));
    ring.open ("DEALER");
    ring.put (std::string ("\2\0\0\0\0\x4\0\0\0", 9));
    say ("trickles");
    uint32_t sleeps = 0;
    std::atomic<bool> done (false);
    std::thread thread ([&] {
        hear ();
        done = true;
    });
    for (double next = now_ms (); !done; next += 0.019) {
        while (now_ms () < next)
            continue;
        ring.put_silently ("...");
        if (ring.sleeps () != sleeps) {
            sleeps = ring.sleeps ();
            ring.ring_bell ();
        }
    }
    thread.join ();
}
}

SCENARIO_SCIF (cost_of_connecting, 30)
{
    //  What others do for a moment is in one series and not in the next.
    for (int series = 0; series < 3; ++series)
        if (is_within (compare ("ms to a PUB's first message", 30, first_message_ms), 4, 2))
            return;
    FAIL ("a PUB's first message is late");
}

SCENARIO_SCIF (cost_of_an_attempt_that_is_refused, 30)
{
    check_bound (compare ("us of processor time an attempt", 5, refused_attempt_us, least), 150, 3);
}

SCENARIO_SCIF (cost_of_the_least_send_buffer, 30)
{
    check_bound (compare ("ms for 100 kB", 5, least_buffer_ms), 100, 4);
}

SCENARIO_SCIF (cost_of_large_buffers_to_others, 40)
{
    for (const int mib : {16, 128})
        check_bound (compare (("ms that a neighbour waits beside " + std::to_string (mib) + " MiB").c_str (), 5,
                              [=] (const std::string &wildcard) { return neighbour_of_large_buffer_ms (wildcard, mib << 20); }),
                     5, 3);
}

SCENARIO_SCIF (cost_of_a_crowd_to_others, 60)
{
    std::vector<double> waits[2];
    const Both served = compare ("ms until 150 subscribers are served", 3, [&] (const std::string &wildcard) {
        double longest;
        const double took = crowd_served_ms (wildcard, longest);
        waits[wildcard.compare (0, 4, "scif") != 0].push_back (longest);
        return took;
    });
    //  What else wants a processor, as the threads of 150 subscribers do, only makes it longer.
    const Both waited = {*std::min_element (waits[0].begin (), waits[0].end ()),
                         *std::min_element (waits[1].begin (), waits[1].end ())};
    figure ("ms that a neighbour waits meanwhile: %.2f over scif, %.2f over tcp", waited.scif, waited.tcp);
    check_bound (served, 1000, 4);
    check_bound (waited, 20, 3);
}

//  Whatever a peer does, one event of its connection ends soon. How far the two fall into step is a matter of chance, and
//  so is what else takes the processor for a moment.
SCENARIO_SCIF (cost_of_a_peer_that_trickles, 30)
{
    Ctx context;
    Neighbour neighbour (context);
    Sock router (context, ZMQ_ROUTER);
    const std::string endpoint = router.bind ();
    const double alone = median (neighbour.while_doing ([] { sleep_ms (300); }));
    std::vector<double> beside;
    for (int i = 0; i < 5; ++i) {
        Peer trickler ("trickler", {"endpoint=" + endpoint});
        CHECK_EQ (trickler.line (), std::string ("trickles"));
        beside.push_back (median (neighbour.while_doing ([] { sleep_ms (200); })));
        trickler.tell ("end");
        trickler.finish ();
        note ("%.3f ms for a round trip", beside.back ());
    }
    figure ("ms for a round trip: %.3f beside a peer that trickles, %.3f without", median (beside), alone);
    check_bound ({median (beside), alone}, 1, 5);
}

//  Without rings small messages go many at a time.
SCENARIO_SCIF (cost_of_small_messages_through_an_endpoint, 30)
{
    if (settings ().mode != Mode::endpoint)
        skip ("is about ZMTP through endpoints");
    const int count = 50000;
    const std::string endpoint = free_endpoint_of_peers ();
    Ctx context;
    Sock push (context, ZMQ_PUSH);
    push.set (ZMQ_SNDHWM, 0).connect (endpoint);
    for (int i = 0; i < count; ++i)
        send_payload (push.get (), 1, i, 10);
    const Sent before = sent_through_endpoints ();
    Peer pull ("pull", {"endpoint=" + endpoint, "hwm=0", "size=10", "count=" + std::to_string (count)});
    pull.value ("endpoint");
    pull.value ("received");
    const Sent after = sent_through_endpoints ();
    const double each = static_cast<double> (after.bytes - before.bytes) / static_cast<double> (after.calls - before.calls);
    figure ("%.0f bytes a send", each);
    CHECK (each >= 1000);
}
