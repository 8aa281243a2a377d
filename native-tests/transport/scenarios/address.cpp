// SPDX-License-Identifier: MPL-2.0
//
// scif:// endpoints as people write them: what is accepted, what it means, and what is refused at once.

#include "common_sides.hpp"
#include "raw.hpp"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

using namespace tt;

namespace
{
std::vector<std::string> malformed ()
{
    std::vector<std::string> list = {
      "scif://",           "scif://x",           "scif://0:",          "scif://0:70000",    "scif://0:65536",
      "scif://-1:5",       "scif://0:6666:7",    "scif:// 6666",       "scif://00x1:5",     "scif://0:+5",
      "scif://+0:6666",    "scif://:6666",       "scif://0:6666 ",     "scif://0: 6666",    "scif:// 0:6666",
      "scif://0 :6666",    "scif://0x0:6666",    "scif://0:0x1a0a",    "scif://0:66.6",     "scif://0:6666/",
      "scif://0:-6666",    "scif://*:",          "scif://*:*:*",       "scif://0:6*",       "scif://**:6666",
      "scif://host",       "scif://host:",       "scif://hosts:6666",  "scif://hos:6666",   "scif://mic:6666",
      "scif://mic-1:6666", "scif://micx:6666",   "scif://mic0",        "scif://mic0x:6666", "scif://mic99999:6666",
      "scif://mic 0:6666", "scif://65536:6666",  "scif://70000:6666",  "scif://0,6666",     "scif://0;6666",
      "scif://[0]:6666",   "scif://127.0.0.1:5", "scif://localhost:5", "scif:///0:6666",    "scif://0:6666\n",
      "scif://99999999999999999999:5", "scif://0:99999999999999999999", "scif://0:4294967297", "scif://4294967296:6666",
      "scif://0:18446744073709558282"};
    list.push_back ("scif://" + std::string (300, '0') + "x:6666");
    list.push_back ("scif://0:" + std::string (5000, '6'));
    list.push_back ("scif://" + std::string (100000, 'a'));
    list.push_back ("scif://" + std::string (5000, ':'));
    return list;
}

std::string shortened (const std::string &endpoint)
{
    return show (endpoint.substr (0, 60));
}

//  All wrong endpoints are tried before the scenario fails, so that one run shows them all.
void expect_einval (const std::vector<std::string> &endpoints, int (*call) (void *, const char *), const char *name)
{
    Ctx context;
    Sock socket (context, ZMQ_PAIR);
    int wrong = 0;
    for (const std::string &endpoint : endpoints) {
        errno = 0;
        const int rc = call (socket.get (), endpoint.c_str ());
        if (rc == -1 && errno == EINVAL)
            continue;
        ++wrong;
        note ("%s (%s) %s%s", name, shortened (endpoint).c_str (), rc == -1 ? "failed with " : "succeeded",
              rc == -1 ? zmq_strerror (errno) : "");
    }
    if (wrong)
        FAIL ("%d of %zu endpoints were not refused with EINVAL by %s", wrong, endpoints.size (), name);
}

std::string canonical (int port)
{
    return "scif://" + std::to_string (own_node ()) + ":" + std::to_string (port);
}

int port_of (const std::string &endpoint)
{
    return atoi (endpoint.c_str () + endpoint.rfind (':') + 1);
}

void check_traffic (Sock &bound, Sock &connected)
{
    connected.send ("there");
    CHECK_EQ (bound.recv (), std::string ("there"));
    bound.send ("and back");
    CHECK_EQ (connected.recv (), std::string ("and back"));
}

//  zmq_unbind leaves the rest to the I/O thread, and a connection ends when its socket is called next. A SCIF port is
//  free when the connections that were accepted on it are closed.
std::string bind_soon (Sock &socket, const std::string &endpoint)
{
    const double start = now_ms ();
    CHECK (eventually (1000, [&] {
        if (zmq_bind (socket.get (), endpoint.c_str ()) == 0)
            return true;
        CHECK_EQ (zmq_errno (), EADDRINUSE);
        std::string ignored;
        socket.try_recv (ignored, 0);
        return false;
    }));
    note ("%s could be bound again after %.1f ms", endpoint.c_str (), now_ms () - start);
    return socket.get_string (ZMQ_LAST_ENDPOINT);
}

//  Holds a port as another process.
SIDE (hold_port)
{
    Ctx context;
    Sock socket (context, ZMQ_PULL);
    attach (socket, args);
    hear ();
}

//  Without SCIF on the machine: see harness/absent_scif.cpp.
SIDE (without_scif)
{
    CHECK_EQ (scif ().open (), -1);

    Ctx context;
    Sock socket (context, ZMQ_DEALER);
    const int expected[] = {ENODEV, ENXIO, ENOENT, EACCES, EPROTONOSUPPORT};
    for (const auto &call : {zmq_bind, zmq_connect}) {
        for (int i = 0; i < 3; ++i) {
            const char *const endpoint = call == zmq_bind ? "scif://*" : "scif://0:6666";
            const char *const name = call == zmq_bind ? "zmq_bind" : "zmq_connect";
            const int rc = call (socket.get (), endpoint);
            const int error = errno;
            if (rc != -1)
                FAIL ("%s to %s succeeded without SCIF", name, endpoint);
            note ("%s: %s", name, zmq_strerror (error));
            if (std::find (std::begin (expected), std::end (expected), error) == std::end (expected))
                FAIL ("%s to %s: %s does not say that there is no SCIF", name, endpoint, zmq_strerror (error));
        }
    }
    //  The socket, its context and other transports go on.
    Sock other (context, ZMQ_DEALER);
    other.connect (socket.bind ("tcp://127.0.0.1:*"));
    check_traffic (socket, other);
    Sock third (context, ZMQ_DEALER), fourth (context, ZMQ_DEALER);
    third.bind ("inproc://still-here");
    fourth.connect ("inproc://still-here");
    check_traffic (third, fourth);
    say ("fine");
}

//  A node other than 0, as SoftSCIF simulates it.
SIDE (node_echo)
{
    const int wanted = static_cast<int> (arg_number (args, "node", 0));
    if (own_node () != wanted)
        skip ("this libscif does not simulate nodes");
    Ctx context;
    Sock socket (context, ZMQ_ROUTER);
    attach (socket, args);
    echo_until_told (socket);
}

SIDE (node_ping)
{
    Ctx context;
    Sock dealer (context, ZMQ_DEALER);
    dealer.connect (arg (args, "endpoint"));
    ping_until_answered (dealer, 5000);
    say ("answered");
}
}

SCENARIO (capability_is_told_by_zmq_has, 10)
{
    CHECK_EQ (zmq_has (transport_name ()), transport_name () == std::string ("tcp") ? 0 : 1);
    CHECK_EQ (zmq_has ("no such thing"), 0);
}

SCENARIO_SCIF (address_malformed_bind_is_einval, 20)
{
    expect_einval (malformed (), zmq_bind, "zmq_bind");
}

SCENARIO_SCIF (address_malformed_connect_is_einval, 20)
{
    std::vector<std::string> endpoints = malformed ();
    //  A connect names the node and the port.
    endpoints.insert (endpoints.end (), {"scif://6666", "scif://*", "scif://*:*", "scif://*:6666", "scif://0:*", "scif://0:0",
                                         "scif://host:*", "scif://host:0"});
    expect_einval (endpoints, zmq_connect, "zmq_connect");
}

SCENARIO_SCIF (address_refused_endpoint_leaves_socket_usable, 15)
{
    Ctx context;
    Sock bound (context, ZMQ_PAIR), connected (context, ZMQ_PAIR);
    CHECK_ERRNO (zmq_bind (bound.get (), "scif://x"), EINVAL);
    CHECK_ERRNO (zmq_connect (connected.get (), "scif://x"), EINVAL);
    connected.connect (bound.bind ());
    check_traffic (bound, connected);
}

SCENARIO_SCIF (address_bind_to_other_node_is_refused, 15)
{
    Ctx context;
    Sock socket (context, ZMQ_PAIR);
    const int other = own_node () == 0 ? 1 : 0;
    for (const std::string &node : {std::to_string (other), other == 0 ? std::string ("host") : "mic" + std::to_string (other - 1),
                                    std::string ("65535")}) {
        const std::string endpoint = "scif://" + node + ":6666";
        const int rc = zmq_bind (socket.get (), endpoint.c_str ());
        const int error = errno;
        if (rc != -1)
            FAIL ("bind to %s succeeded, though this is node %d", endpoint.c_str (), own_node ());
        note ("bind to %s: %s", endpoint.c_str (), zmq_strerror (error));
        if (error != EADDRNOTAVAIL && error != EINVAL)
            FAIL ("bind to %s: %s is neither EADDRNOTAVAIL nor EINVAL", endpoint.c_str (), zmq_strerror (error));
    }
}

SCENARIO_SCIF (address_forms_of_bind_and_last_endpoint, 15)
{
    const int port = port_of (free_endpoint ());
    const std::string number = std::to_string (port);
    const std::string node = std::to_string (own_node ());
    const std::string name = own_node () == 0 ? "host" : "mic" + std::to_string (own_node () - 1);
    for (const std::string &form : {"scif://" + number, "scif://*:" + number, "scif://" + node + ":" + number,
                                    "scif://" + name + ":" + number}) {
        Ctx context, other;
        Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
        note ("bind to %s", form.c_str ());
        CHECK_EQ (bound.bind (form), canonical (port));
        connected.connect (canonical (port));
        check_traffic (bound, connected);
    }
    for (const char *const form : {"scif://*", "scif://*:*"}) {
        Ctx context, other;
        Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
        const std::string endpoint = bound.bind (form);
        note ("%s gave %s", form, endpoint.c_str ());
        CHECK (port_of (endpoint) > 0);
        CHECK_EQ (endpoint, canonical (port_of (endpoint)));
        connected.connect (endpoint);
        check_traffic (bound, connected);
    }
}

SCENARIO_SCIF (address_forms_of_connect, 15)
{
    const std::string name = own_node () == 0 ? "host" : "mic" + std::to_string (own_node () - 1);
    for (const std::string &node : {std::to_string (own_node ()), name}) {
        Ctx context, other;
        Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
        const int port = port_of (bound.bind ());
        const std::string endpoint = "scif://" + node + ":" + std::to_string (port);
        note ("connect to %s", endpoint.c_str ());
        connected.connect (endpoint);
        check_traffic (bound, connected);
    }
}

//  A node that could be there but is not is like a listener that is not there: tried again until it is.
SCENARIO_SCIF (address_connect_to_absent_node_is_retried, 15)
{
    Ctx context;
    Sock socket (context, ZMQ_PUSH);
    socket.set (ZMQ_LINGER, 0).set (ZMQ_RECONNECT_IVL, 50);
    Monitor monitor (context, socket);
    const std::string endpoint = "scif://" + std::string (own_node () == 0 ? "mic0" : "host") + ":6666";
    if (zmq_connect (socket.get (), endpoint.c_str ()) == -1) {
        note ("connect: %s", zmq_strerror (errno));
        CHECK (errno == ENODEV || errno == ENETUNREACH || errno == EHOSTUNREACH);
        return;
    }
    monitor.expect (ZMQ_EVENT_CONNECT_RETRIED);
    monitor.expect (ZMQ_EVENT_CONNECT_RETRIED);
}

SCENARIO_SCIF (address_two_nodes, 20)
{
    const std::vector<std::string> host = {"SOFTSCIF_NODES=2", "SOFTSCIF_NODE=0"};
    const std::vector<std::string> card = {"SOFTSCIF_NODES=2", "SOFTSCIF_NODE=1"};
    Peer on_card ("node_echo", {"node=1"}, card);
    const std::string endpoint = on_card.value ("endpoint");
    CHECK_EQ (endpoint, "scif://1:" + std::to_string (port_of (endpoint)));
    for (const std::string &to : {endpoint, "scif://mic0:" + std::to_string (port_of (endpoint))}) {
        Peer on_host ("node_ping", {"endpoint=" + to}, host);
        CHECK_EQ (on_host.line (), std::string ("answered"));
    }
}

SCENARIO (address_busy_is_eaddrinuse, 20)
{
    Ctx context, other;
    Sock first (context, ZMQ_PULL), second (context, ZMQ_PULL), third (other, ZMQ_PULL);
    if (settings ().transport == Transport::ipc)
        skip ("libzmq takes over an ipc path that is in use");
    const std::string endpoint = first.bind ();
    CHECK_ERRNO (zmq_bind (second.get (), endpoint.c_str ()), EADDRINUSE);
    CHECK_ERRNO (zmq_bind (third.get (), endpoint.c_str ()), EADDRINUSE);

    const std::string held = free_endpoint ();
    //  Ports are a matter of each node.
    Peer holder ("hold_port", {"endpoint=" + held}, {"SOFTSCIF_NODE=" + std::to_string (is_scif () ? own_node () : 0)});
    holder.value ("endpoint");
    CHECK_ERRNO (zmq_bind (second.get (), held.c_str ()), EADDRINUSE);

    RawListener raw;
    CHECK_ERRNO (zmq_bind (second.get (), raw.endpoint ().c_str ()), EADDRINUSE);
    //  A failed bind leaves the socket as it was.
    second.bind ();
}

SCENARIO_SCIF (address_bound_by_others_without_listening_is_eaddrinuse, 10)
{
    const int epd = static_cast<int> (CHECK_RC (scif ().open ()));
    const int port = static_cast<int> (CHECK_RC (scif ().bind (epd, 0)));
    Ctx context;
    Sock socket (context, ZMQ_PULL);
    CHECK_ERRNO (zmq_bind (socket.get (), canonical (port).c_str ()), EADDRINUSE);
    CHECK_RC (scif ().close (epd));
    CHECK_EQ (socket.bind (canonical (port)), canonical (port));
}

SCENARIO_KNOWN (address_unbind_by_last_endpoint_and_rebind, 20, nullptr, "a closing ipc listener of libzmq unlinks the path of the next one")
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL);
    std::string endpoint = pull.bind (free_endpoint ());
    for (int i = 0; i < 5; ++i) {
        Sock push (other, ZMQ_PUSH);
        push.connect (endpoint).send (std::to_string (i));
        CHECK_EQ (pull.recv (), std::to_string (i));
        CHECK_RC (zmq_unbind (pull.get (), endpoint.c_str ()));
        CHECK_EQ (bind_soon (pull, endpoint), endpoint);
        //  The connecter comes back by itself; what it sends before it knows of the end may be lost.
        std::string message;
        CHECK (eventually (5000, [&] {
            push.try_send ("again");
            return pull.try_recv (message, 20);
        }));
        while (pull.try_recv (message, 20)) {
        }
    }
    CHECK_RC (zmq_unbind (pull.get (), endpoint.c_str ()));
    CHECK_ERRNO (zmq_unbind (pull.get (), endpoint.c_str ()), ENOENT);
}

//  Without connections, only the I/O thread has to let go.
SCENARIO_KNOWN (address_unbind_and_rebind_unused, 20, nullptr, "a closing ipc listener of libzmq unlinks the path of the next one")
{
    Ctx context;
    Sock pull (context, ZMQ_PULL), another (context, ZMQ_PULL);
    const std::string endpoint = pull.bind (free_endpoint ());
    for (int i = 0; i < 20; ++i) {
        CHECK_RC (zmq_unbind (pull.get (), endpoint.c_str ()));
        CHECK_EQ (bind_soon (another, endpoint), endpoint);
        CHECK_RC (zmq_unbind (another.get (), endpoint.c_str ()));
        CHECK_EQ (bind_soon (pull, endpoint), endpoint);
    }
}

SCENARIO (address_rebind_at_once_after_termination, 20)
{
    const std::string endpoint = free_endpoint ();
    for (int i = 0; i < 20; ++i) {
        Ctx context, other;
        Sock bound (context, ZMQ_PAIR), connected (other, ZMQ_PAIR);
        CHECK_EQ (bound.bind (endpoint), endpoint);
        connected.connect (endpoint);
        check_traffic (bound, connected);
        connected.close ();
        other.term ();
        bound.close ();
        context.term ();
    }
}

SCENARIO (address_disconnect_by_endpoint, 20)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL), push (other, ZMQ_PUSH);
    const std::string endpoint = pull.bind ();
    push.set (ZMQ_LINGER, 0).connect (endpoint);
    push.send ("one");
    CHECK_EQ (pull.recv (), std::string ("one"));
    CHECK_RC (zmq_disconnect (push.get (), endpoint.c_str ()));
    CHECK_ERRNO (zmq_disconnect (push.get (), endpoint.c_str ()), ENOENT);
    CHECK (eventually (2000, [&] { return !push.try_send ("nobody is connected"); }));
    push.connect (endpoint);
    push.send ("two");
    std::string message;
    CHECK (eventually (5000, [&] { return pull.try_recv (message, 100) && message == "two"; }));
}

SCENARIO (address_several_binds_on_one_socket, 20)
{
    Ctx context, other;
    Sock pull (context, ZMQ_PULL);
    std::vector<std::string> endpoints;
    for (int i = 0; i < 5; ++i)
        endpoints.push_back (pull.bind ());
    for (const std::string &endpoint : endpoints) {
        Sock push (other, ZMQ_PUSH);
        push.connect (endpoint).send (endpoint);
        CHECK_EQ (pull.recv (), endpoint);
    }
    CHECK_RC (zmq_unbind (pull.get (), endpoints[2].c_str ()));
    Sock push (other, ZMQ_PUSH);
    push.connect (endpoints[3]).send ("still here");
    CHECK_EQ (pull.recv (), std::string ("still here"));
}

SCENARIO_SCIF (address_stream_sockets_are_refused, 10)
{
    Ctx context;
    Sock stream (context, ZMQ_STREAM);
    CHECK_ERRNO (zmq_bind (stream.get (), "scif://*"), ENOCOMPATPROTO);
    CHECK_ERRNO (zmq_connect (stream.get (), "scif://0:6666"), ENOCOMPATPROTO);
    //  A ROUTER that is told to be one, too.
    Sock router (context, ZMQ_ROUTER);
    router.set (ZMQ_ROUTER_RAW, 1);
    CHECK_ERRNO (zmq_bind (router.get (), "scif://*"), ENOCOMPATPROTO);
    CHECK_ERRNO (zmq_connect (router.get (), "scif://0:6666"), ENOCOMPATPROTO);
}

SCENARIO_SCIF (address_without_scif_on_the_machine, 30)
{
    for (const int error : {ENODEV, ENOENT, ENXIO, EACCES}) {
        note ("scif_open gives %s", strerror (error));
        Peer peer ("without_scif", {}, {"TT_ABSENT_SCIF=" + std::to_string (error)});
        CHECK_EQ (peer.line (15000), std::string ("fine"));
        peer.finish ();
    }
}
