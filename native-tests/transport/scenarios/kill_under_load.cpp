// SPDX-License-Identifier: MPL-2.0
//
// A thousand times over (full scale): one side is killed while messages stream both ways, and started again. The
// survivor is served by the new one in time, every message that arrives is whole, and nothing piles up.

#include "common_sides.hpp"
#include "payload.hpp"
#include "process.hpp"

#include <stdlib.h>

#include <algorithm>
#include <memory>

using namespace tt;

namespace
{
const int reconnect_ms = 50;
const size_t largest = 16384;

//  Cycles until caches and pools are full.
const int settling = 10;

size_t load_size (uint64_t sequence)
{
    return mixed_size (sequence, largest);
}

//  Sends as much as is taken, and looks at what comes back: the number of the server that sent it, the sequence
//  number, the payload. Told "expect N" it says "answered MS" when server N has answered. The stream never pauses.
SIDE (load_client)
{
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.set (ZMQ_RECONNECT_IVL, reconnect_ms).set (ZMQ_LINGER, 0).set (ZMQ_SNDHWM, 100).set (ZMQ_RCVHWM, 100);
    dealer.connect (arg (args, "endpoint"));
    std::string expected;
    double since = 0;
    //  A new client begins anew, so that sequence numbers alone do not tell one's answers from another's.
    uint64_t sequence = 0;
    while (true) {
        bool full = false;
        for (int i = 0; i < 20 && !full; ++i) {
            zmq_pollitem_t item = {dealer.get (), 0, ZMQ_POLLOUT, 0};
            CHECK_RC (zmq_poll (&item, 1, 0));
            full = !(item.revents & ZMQ_POLLOUT);
            if (!full) {
                dealer.send (std::to_string (sequence), ZMQ_SNDMORE);
                send_payload (dealer.get (), 1, sequence, load_size (sequence));
                ++sequence;
            }
        }
        zmq_pollitem_t items[] = {{dealer.get (), 0, static_cast<short> (full ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN), 0},
                                  {nullptr, control_fd, ZMQ_POLLIN, 0}};
        CHECK_RC (zmq_poll (items, 2, 100));
        for (std::string first; dealer.try_recv (first, 0);) {
            const std::string number = dealer.recv ();
            const uint64_t answered = strtoull (number.c_str (), nullptr, 10);
            recv_payload (dealer.get (), 1, answered, load_size (answered));
            CHECK (!dealer.more ());
            if (!expected.empty () && first == expected) {
                say ("answered %.0f", now_ms () - since);
                expected.clear ();
            }
        }
        if (items[1].revents) {
            const std::string line = hear ();
            if (line == "end")
                return;
            expected = line.substr (line.find (' ') + 1);
            since = now_ms ();
        }
    }
}

//  Sends everything back, with its own number before it.
SIDE (load_server)
{
    const std::string number = arg (args, "number");
    Ctx context;
    Sock router (context, ZMQ_ROUTER);
    router.set (ZMQ_LINGER, 0).set (ZMQ_SNDHWM, 100).set (ZMQ_RCVHWM, 100);
    attach (router, args);
    while (true) {
        zmq_pollitem_t items[] = {{router.get (), 0, ZMQ_POLLIN, 0}, {nullptr, control_fd, ZMQ_POLLIN, 0}};
        CHECK_RC (zmq_poll (items, 2, -1));
        if (items[1].revents)
            return;
        std::vector<std::string> parts = router.recv_all ();
        CHECK_EQ (parts.size (), size_t (3));
        const uint64_t sequence = strtoull (parts[1].c_str (), nullptr, 10);
        CHECK_EQ (parts[2].size (), load_size (sequence));
        CHECK (is_payload (parts[2].data (), parts[2].size (), 1, sequence));
        parts.insert (parts.begin () + 1, number);
        router.send_all (parts);
    }
}

//  What must not grow in the survivor.
class Survivor
{
  public:
    explicit Survivor (Peer &peer) : _peer (peer) {}

    //  A cycle is over: the survivor has been served again after that long.
    void served (double took)
    {
        _longest = std::max (_longest, took);
        note ("cycle %d: served after %.0f ms", _cycle, took);
        if (took > bound_ms (reconnect_ms + 1000))
            FAIL ("cycle %d took %.0f ms", _cycle, took);
        if (++_cycle == settling) {
            _descriptors = descriptor_count (_peer.pid ());
            _resident = resident_kib (_peer.pid ());
        }
    }

    void check (const char *killed)
    {
        CHECK (_cycle > settling);
        if (!eventually (3000, [this] { return descriptor_count (_peer.pid ()) <= _descriptors + 1; })) {
            for (const std::string &descriptor : descriptors (_peer.pid ()))
                note ("open: %s", descriptor.c_str ());
            FAIL ("%zu descriptors are open, there were %zu", descriptor_count (_peer.pid ()), _descriptors);
        }
        const long growth = resident_kib (_peer.pid ()) - _resident;
        figure ("%s killed %d times: the survivor was served again after at most %.0f ms; %zu descriptors became %zu, "
                "%ld KiB became %ld",
                killed, _cycle, _longest, _descriptors, descriptor_count (_peer.pid ()), _resident, _resident + growth);
        CHECK (growth < 8 * 1024);
    }

  private:
    Peer &_peer;
    int _cycle = 0;
    double _longest = 0;
    size_t _descriptors = 0;
    long _resident = 0;
};

//  How long the stream runs before the kill: another moment in each cycle.
double moment_ms (int cycle)
{
    return (cycle * 7919 % 230) / 10.0;
}
}

SCENARIO_SCALED (kill_listener_under_load, 60, 900)
{
    const std::string endpoint = free_endpoint_of_peers ();
    Peer client ("load_client", {"endpoint=" + endpoint});
    Survivor survivor (client);
    for (int cycle = 0; cycle < scaled (40, 1000); ++cycle) {
        const std::string number = std::to_string (cycle);
        Peer server ("load_server", {"endpoint=" + endpoint, "number=" + number});
        server.value ("endpoint");
        client.tell ("expect " + number);
        survivor.served (atof (client.value ("answered").c_str ()));
        sleep_ms (moment_ms (cycle));
        server.kill ();
    }
    survivor.check ("the listener");
    client.tell ("end");
    client.finish ();
}

SCENARIO_SCALED (kill_connecter_under_load, 60, 900)
{
    Peer server ("load_server", {"number=0"});
    const std::string endpoint = server.value ("endpoint");
    Survivor survivor (server);
    for (int cycle = 0; cycle < scaled (40, 1000); ++cycle) {
        Peer client ("load_client", {"endpoint=" + endpoint});
        client.tell ("expect 0");
        survivor.served (atof (client.value ("answered").c_str ()));
        sleep_ms (moment_ms (cycle));
        client.kill ();
    }
    survivor.check ("the connecter");
    server.tell ("end");
    server.finish ();
}
