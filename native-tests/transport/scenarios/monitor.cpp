// SPDX-License-Identifier: MPL-2.0
//
// Monitor events: the same as tcp tells, with canonical endpoints.

#include "common_sides.hpp"
#include "raw_ring.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <set>

using namespace tt;

namespace
{
//  zmq_socket_monitor_versioned is exported by draft builds only, and zmq.h declares it to them only.
typedef int (*monitor_versioned_fn) (void *socket, const char *endpoint, uint64_t events, int version, int type);

struct EventV2
{
    uint64_t id;
    std::vector<uint64_t> values;
    std::string local;
    std::string remote;
};

EventV2 read_v2 (Sock &events)
{
    const std::vector<std::string> parts = events.recv_all ();
    CHECK (parts.size () >= 4);
    EventV2 event;
    memcpy (&event.id, parts[0].data (), sizeof event.id);
    uint64_t count;
    CHECK_EQ (parts[1].size (), sizeof count);
    memcpy (&count, parts[1].data (), sizeof count);
    CHECK_EQ (parts.size (), count + 4);
    for (size_t i = 0; i < count; ++i) {
        uint64_t value;
        memcpy (&value, parts[2 + i].data (), sizeof value);
        event.values.push_back (value);
    }
    event.local = parts[2 + count];
    event.remote = parts[3 + count];
    note ("event %s, local %s, remote %s", Monitor::name (static_cast<int> (event.id)), event.local.c_str (), event.remote.c_str ());
    return event;
}
}

SCENARIO (monitor_of_listener, 20)
{
    Ctx context, other;
    Sock bound (context, ZMQ_PAIR);
    Monitor monitor (context, bound);
    const std::string endpoint = bound.bind ();
    Monitor::Event event = monitor.expect (ZMQ_EVENT_LISTENING);
    CHECK_EQ (event.endpoint, endpoint);
    {
        Sock connected (other, ZMQ_PAIR);
        connected.connect (endpoint);
        event = monitor.expect (ZMQ_EVENT_ACCEPTED);
        CHECK_EQ (event.endpoint, endpoint);
        event = monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        CHECK_EQ (event.endpoint, endpoint);
        connected.send ("there");
        CHECK_EQ (bound.recv (), std::string ("there"));
    }
    event = monitor.expect (ZMQ_EVENT_DISCONNECTED);
    CHECK_EQ (event.endpoint, endpoint);
    CHECK_RC (zmq_unbind (bound.get (), endpoint.c_str ()));
    event = monitor.expect (ZMQ_EVENT_CLOSED);
    CHECK_EQ (event.endpoint, endpoint);
    bound.close ();
    monitor.expect (ZMQ_EVENT_MONITOR_STOPPED);
}

SCENARIO (monitor_of_connecter, 30)
{
    const std::string endpoint = free_endpoint ();
    Ctx context, other;
    Sock connected (other, ZMQ_PAIR);
    connected.set (ZMQ_RECONNECT_IVL, 100).set (ZMQ_LINGER, 0);
    Monitor monitor (other, connected);
    connected.connect (endpoint);
    //  Nobody there: closed, and tried again after the interval.
    Monitor::Event event = monitor.expect (ZMQ_EVENT_CLOSED);
    CHECK_EQ (event.endpoint, endpoint);
    event = monitor.expect (ZMQ_EVENT_CONNECT_RETRIED);
    CHECK_EQ (event.endpoint, endpoint);
    //  The interval, plus at most as much again by chance.
    CHECK (event.value >= 100 && event.value < 200);
    {
        Sock bound (context, ZMQ_PAIR);
        bound.bind (endpoint);
        event = monitor.expect (ZMQ_EVENT_CONNECTED);
        CHECK_EQ (event.endpoint, endpoint);
        event = monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        CHECK_EQ (event.endpoint, endpoint);
        connected.send ("there");
        CHECK_EQ (bound.recv (), std::string ("there"));
    }
    event = monitor.expect (ZMQ_EVENT_DISCONNECTED);
    CHECK_EQ (event.endpoint, endpoint);
    event = monitor.expect (ZMQ_EVENT_CONNECT_RETRIED);
    CHECK_EQ (event.endpoint, endpoint);
    Sock bound (context, ZMQ_PAIR);
    CHECK (eventually (1000, [&] { return zmq_bind (bound.get (), endpoint.c_str ()) == 0; }));
    monitor.expect (ZMQ_EVENT_CONNECTED);
    monitor.expect (ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
}

SCENARIO (monitor_connect_that_has_to_wait, 20)
{
    if (settings ().transport == Transport::ipc)
        skip ("ipc connects at once");
    Ctx context, other;
    Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
    const std::string endpoint = bound.bind ();
    Monitor monitor (other, connected);
    connected.connect (endpoint);
    Monitor::Event event = monitor.expect (ZMQ_EVENT_CONNECT_DELAYED);
    CHECK_EQ (event.endpoint, endpoint);
    event = monitor.expect (ZMQ_EVENT_CONNECTED);
    CHECK_EQ (event.endpoint, endpoint);
}

SCENARIO (monitor_bind_failed, 20)
{
    if (settings ().transport == Transport::ipc)
        skip ("libzmq takes over an ipc path that is in use");
    Ctx context;
    Sock first (context, ZMQ_PAIR), second (context, ZMQ_PAIR);
    const std::string endpoint = first.bind ();
    Monitor monitor (context, second);
    CHECK_ERRNO (zmq_bind (second.get (), endpoint.c_str ()), EADDRINUSE);
    const Monitor::Event event = monitor.expect (ZMQ_EVENT_BIND_FAILED);
    CHECK_EQ (event.value, static_cast<long long> (EADDRINUSE));
    //  Upstream leaves the scheme out here.
    const std::string address = endpoint.substr (endpoint.find ("://") + 3);
    if (event.endpoint != endpoint)
        CHECK_EQ (event.endpoint, address);
}

SCENARIO (monitor_handshake_that_fails, 20)
{
    Ctx context;
    Sock bound (context, ZMQ_PAIR);
    bound.set (ZMQ_HANDSHAKE_IVL, 200);
    Monitor monitor (context, bound);
    const std::string endpoint = bound.bind ();
    monitor.expect (ZMQ_EVENT_LISTENING);
    RawPeer silent (endpoint);
    //  Over scif too, once what the transport puts before ZMTP is said.
    if (is_scif ())
        greet_without_ring (silent);
    CHECK_EQ (monitor.expect (ZMQ_EVENT_ACCEPTED).endpoint, endpoint);
    CHECK_EQ (monitor.expect (ZMQ_EVENT_DISCONNECTED).endpoint, endpoint);
}

namespace
{
//  What a stranger does, and what those who have to do with him are told.
struct Stranger
{
    const char *what;
    void (*act) (RawPeer &peer);
    int error;
};

const Stranger strangers[] = {
  {"says something else", [] (RawPeer &peer) { peer.send (std::string (64, 'x')); }, EPROTO},
  {"says nothing", [] (RawPeer &) {}, ETIMEDOUT},
  {"says half of it", [] (RawPeer &peer) { peer.send (scif_greeting (0, 0).substr (0, 40)); }, ETIMEDOUT},
  {"closes", [] (RawPeer &peer) { peer.close (); }, ECONNRESET},
};
}

//  Who has not agreed on a greeting has not been accepted, and nobody has lost him.
SCENARIO_SCIF (monitor_of_listener_and_strangers, 20)
{
    Ctx context, other;
    Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
    bound.set (ZMQ_HANDSHAKE_IVL, 300);
    Monitor monitor (context, bound);
    const std::string endpoint = bound.bind ();
    monitor.expect (ZMQ_EVENT_LISTENING);
    for (const Stranger &stranger : strangers) {
        note ("a stranger %s", stranger.what);
        RawPeer peer (endpoint);
        stranger.act (peer);
        Monitor::Event event;
        CHECK (monitor.try_next (event, 5000));
        CHECK_EQ (Monitor::name (event.id), "ACCEPT_FAILED");
        CHECK_EQ (event.value, static_cast<long long> (stranger.error));
        CHECK_EQ (event.endpoint, endpoint);
    }
    connected.connect (endpoint);
    Monitor::Event event;
    CHECK (monitor.try_next (event, 5000));
    CHECK_EQ (Monitor::name (event.id), "ACCEPTED");
}

//  The same for the side that connects.
SCENARIO_SCIF (monitor_of_connecter_and_strangers, 20)
{
    RawListener listener;
    Ctx context;
    Sock connected (context, ZMQ_PAIR);
    connected.set (ZMQ_HANDSHAKE_IVL, 300).set (ZMQ_RECONNECT_IVL, 20).set (ZMQ_LINGER, 0);
    const int delayed = ZMQ_EVENT_CONNECT_DELAYED;
    Monitor monitor (context, connected, ZMQ_EVENT_ALL & ~delayed);
    connected.connect (listener.endpoint ());
    for (const Stranger &stranger : strangers) {
        note ("a stranger %s", stranger.what);
        RawPeer peer = listener.accept ();
        stranger.act (peer);
        Monitor::Event event;
        for (const int id : {ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, ZMQ_EVENT_CLOSED, ZMQ_EVENT_CONNECT_RETRIED}) {
            CHECK (monitor.try_next (event, 5000));
            CHECK_EQ (Monitor::name (event.id), Monitor::name (id));
            CHECK_EQ (event.endpoint, listener.endpoint ());
            if (id == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
                CHECK_EQ (event.value, static_cast<long long> (stranger.error));
        }
    }
    RawPeer peer = listener.accept ();
    greet_without_ring (peer);
    CHECK_EQ (monitor.expect (ZMQ_EVENT_CONNECTED).endpoint, listener.endpoint ());
}

SCENARIO (monitor_tells_both_endpoints_in_version_2, 20)
{
    const monitor_versioned_fn monitor_versioned =
      reinterpret_cast<monitor_versioned_fn> (dlsym (RTLD_DEFAULT, "zmq_socket_monitor_versioned"));
    if (!monitor_versioned)
        skip ("this libzmq is built without its draft API");
    Ctx context, other;
    Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
    Sock bound_events (context, ZMQ_PAIR), connected_events (other, ZMQ_PAIR);
    CHECK_RC (monitor_versioned (bound.get (), "inproc://bound", ZMQ_EVENT_ALL, 2, ZMQ_PAIR));
    CHECK_RC (monitor_versioned (connected.get (), "inproc://connected", ZMQ_EVENT_ALL, 2, ZMQ_PAIR));
    bound_events.connect ("inproc://bound");
    connected_events.connect ("inproc://connected");
    const std::string endpoint = bound.bind ();
    connected.connect (endpoint);
    const auto await = [] (Sock &events, uint64_t id) {
        EventV2 event;
        do
            event = read_v2 (events);
        while (event.id != id);
        return event;
    };
    CHECK_EQ (await (bound_events, ZMQ_EVENT_LISTENING).local, endpoint);
    const EventV2 here = await (bound_events, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    const EventV2 there = await (connected_events, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
    CHECK_EQ (here.local, endpoint);
    CHECK_EQ (there.remote, endpoint);
    //  Two ends of one connection never look the same from one side (libzmq takes that for a fault).
    CHECK (here.local != here.remote);
    CHECK (there.local != there.remote);
    if (settings ().transport != Transport::ipc) {
        CHECK_EQ (here.remote, there.local);
    }
}
