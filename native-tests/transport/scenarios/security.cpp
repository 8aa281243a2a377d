// SPDX-License-Identifier: MPL-2.0
//
// Security mechanisms, ZAP and metadata: they come with ZMTP, and the transport adds the peer's address.

#include "common_sides.hpp"
#include "payload.hpp"

#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>

using namespace tt;

namespace
{
struct ZapRequest
{
    std::string domain;
    std::string address;
    std::string mechanism;
    std::string first_credential;
};

//  Answers ZAP requests: 200 when `accepts` says so, else 400.
class ZapServer
{
  public:
    template <typename Accepts> ZapServer (Ctx &context, Accepts accepts) : _socket (context, ZMQ_REP)
    {
        _socket.bind ("inproc://zeromq.zap.01");
        _thread = std::thread ([this, accepts] {
            while (!_stop) {
                zmq_pollitem_t item = {_socket.get (), 0, ZMQ_POLLIN, 0};
                if (CHECK_RC (zmq_poll (&item, 1, 20)) == 0)
                    continue;
                const std::vector<std::string> parts = _socket.recv_all ();
                CHECK (parts.size () >= 6);
                CHECK_EQ (parts[0], std::string ("1.0"));
                const ZapRequest request = {parts[2], parts[3], parts[5], parts.size () > 6 ? parts[6] : ""};
                note ("ZAP request: domain %s, address %s, mechanism %s", request.domain.c_str (), request.address.c_str (),
                      request.mechanism.c_str ());
                //  An access list needs an address to go by.
                CHECK (!request.address.empty ());
                if (is_scif ())
                    CHECK (request.address.compare (0, 2, "0:") == 0);
                const bool accepted = accepts (request);
                _socket.send_all ({"1.0", parts[1], accepted ? "200" : "400", accepted ? "OK" : "No", accepted ? "somebody" : "", ""});
            }
        });
    }
    ~ZapServer ()
    {
        _stop = true;
        _thread.join ();
    }

  private:
    Sock _socket;
    std::atomic<bool> _stop{false};
    std::thread _thread;
};

void check_exchange (Sock &bound, Sock &connected)
{
    for (int i = 0; i < 20; ++i) {
        send_payload (connected.get (), 1, i, i * 1500);
        recv_payload (bound.get (), 1, i, i * 1500);
        send_payload (bound.get (), 2, i, i * 1700);
        recv_payload (connected.get (), 2, i, i * 1700);
    }
}

struct Keys
{
    Keys ()
    {
        char public_text[41], secret_text[41];
        CHECK_RC (zmq_curve_keypair (public_text, secret_text));
        public_key = public_text;
        secret_key = secret_text;
    }
    std::string public_key, secret_key;
};

//  ipc has no address of the peer to tell.
void skip_without_address ()
{
    if (settings ().transport == Transport::ipc)
        skip ("ipc tells no peer address");
}
}

SCENARIO (security_null_with_zap, 15)
{
    skip_without_address ();
    Ctx context, other;
    ZapServer zap (context, [] (const ZapRequest &request) { return request.mechanism == "NULL" && request.domain == "here"; });
    Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    bound.set (ZMQ_ZAP_DOMAIN, "here");
    connected.connect (bound.bind ());
    check_exchange (bound, connected);
}

SCENARIO (security_null_denied_by_zap, 15)
{
    skip_without_address ();
    Ctx context, other;
    ZapServer zap (context, [] (const ZapRequest &) { return false; });
    Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    bound.set (ZMQ_ZAP_DOMAIN, "here");
    connected.set (ZMQ_LINGER, 0);
    Monitor monitor (context, bound);
    connected.connect (bound.bind ());
    CHECK_EQ (monitor.expect (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH).value, 400LL);
    connected.try_send ("let me in");
    std::string message;
    CHECK (!bound.try_recv (message, 200));
}

SCENARIO (security_plain, 15)
{
    skip_without_address ();
    Ctx context, other;
    ZapServer zap (context, [] (const ZapRequest &request) { return request.first_credential == "admin"; });
    Sock bound (context, ZMQ_DEALER), stranger (other, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    bound.set (ZMQ_PLAIN_SERVER, 1);
    Monitor monitor (context, bound);
    const std::string endpoint = bound.bind ();
    stranger.set (ZMQ_PLAIN_USERNAME, "guest").set (ZMQ_PLAIN_PASSWORD, "guest").set (ZMQ_LINGER, 0);
    stranger.connect (endpoint);
    monitor.expect (ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    stranger.close ();
    connected.set (ZMQ_PLAIN_USERNAME, "admin").set (ZMQ_PLAIN_PASSWORD, "secret");
    connected.connect (endpoint);
    check_exchange (bound, connected);
}

SCENARIO (security_curve, 20)
{
    if (!zmq_has ("curve"))
        skip ("this libzmq is built without CURVE");
    const Keys server, client;
    for (const bool server_binds : {true, false}) {
        Ctx context, other;
        Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER);
        Sock &server_socket = server_binds ? bound : connected;
        Sock &client_socket = server_binds ? connected : bound;
        server_socket.set (ZMQ_CURVE_SERVER, 1).set (ZMQ_CURVE_SECRETKEY, server.secret_key);
        client_socket.set (ZMQ_CURVE_SERVERKEY, server.public_key);
        client_socket.set (ZMQ_CURVE_PUBLICKEY, client.public_key).set (ZMQ_CURVE_SECRETKEY, client.secret_key);
        connected.connect (bound.bind ());
        check_exchange (bound, connected);
        send_payload (connected.get (), 3, 0, 4 << 20);
        recv_payload (bound.get (), 3, 0, 4 << 20);
    }
}

SCENARIO (security_curve_with_zap_and_stranger, 20)
{
    if (!zmq_has ("curve"))
        skip ("this libzmq is built without CURVE");
    skip_without_address ();
    const Keys server, client;
    Ctx context, other;
    ZapServer zap (context, [] (const ZapRequest &request) { return request.mechanism == "CURVE" && request.first_credential.size () == 32; });
    Sock bound (context, ZMQ_DEALER), plain (other, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    bound.set (ZMQ_CURVE_SERVER, 1).set (ZMQ_CURVE_SECRETKEY, server.secret_key);
    const std::string endpoint = bound.bind ();
    //  One that speaks NULL only must stay outside, and not disturb.
    plain.set (ZMQ_LINGER, 0).connect (endpoint);
    plain.try_send ("in the clear");
    connected.set (ZMQ_CURVE_SERVERKEY, server.public_key);
    connected.set (ZMQ_CURVE_PUBLICKEY, client.public_key).set (ZMQ_CURVE_SECRETKEY, client.secret_key);
    connected.connect (endpoint);
    check_exchange (bound, connected);
}

namespace
{
//  A mechanism, and the part in it that a socket takes.
struct Part
{
    const char *mechanism;
    bool server;
};

std::vector<Part> parts ()
{
    std::vector<Part> list = {{"NULL", false}, {"PLAIN", false}, {"PLAIN", true}};
    if (zmq_has ("curve"))
        list.insert (list.end (), {{"CURVE", false}, {"CURVE", true}});
    return list;
}

void take_part (Sock &socket, const Part &part)
{
    const std::string mechanism = part.mechanism;
    socket.set (ZMQ_LINGER, 0).set (ZMQ_RECONNECT_IVL, 20);
    if (mechanism == "PLAIN" && part.server)
        socket.set (ZMQ_PLAIN_SERVER, 1);
    else if (mechanism == "PLAIN")
        socket.set (ZMQ_PLAIN_USERNAME, "admin").set (ZMQ_PLAIN_PASSWORD, "secret");
    else if (mechanism == "CURVE") {
        const Keys keys;
        socket.set (ZMQ_CURVE_SECRETKEY, keys.secret_key);
        if (part.server)
            socket.set (ZMQ_CURVE_SERVER, 1);
        else
            socket.set (ZMQ_CURVE_PUBLICKEY, keys.public_key).set (ZMQ_CURVE_SERVERKEY, keys.public_key);
    }
}

//  Binds a socket of each.
std::vector<std::string> bind_parts (Ctx &context, std::deque<Sock> &sockets)
{
    std::vector<std::string> endpoints;
    for (const Part &part : parts ()) {
        sockets.emplace_back (context, ZMQ_DEALER);
        take_part (sockets.back (), part);
        endpoints.push_back (sockets.back ().bind ());
    }
    return endpoints;
}

SIDE (parts_in_mechanisms)
{
    Ctx context;
    std::deque<Sock> sockets;
    for (const std::string &endpoint : bind_parts (context, sockets))
        say ("endpoint %s", endpoint.c_str ());
    hear ();
}

//  A connecter of each part and each listener that speaks another mechanism.
void check_mismatches (Ctx &context, const std::vector<std::string> &endpoints)
{
    struct Connecter
    {
        Connecter (Ctx &context, const std::string &what) : what (what), socket (context, ZMQ_DEALER), monitor (context, socket) {}
        const std::string what;
        Sock socket;
        Monitor monitor;
    };
    std::deque<Connecter> connecters;
    for (size_t i = 0; i < endpoints.size (); ++i)
        for (const Part &part : parts ()) {
            const Part theirs = parts ()[i];
            if (std::string (part.mechanism) == theirs.mechanism)
                continue;
            const auto name = [] (const Part &part) { return std::string (part.mechanism) + (part.server ? " server" : ""); };
            connecters.emplace_back (context, name (part) + " to " + name (theirs));
            take_part (connecters.back ().socket, part);
            connecters.back ().socket.connect (endpoints[i]);
        }
    for (Connecter &connecter : connecters) {
        note ("%s", connecter.what.c_str ());
        connecter.monitor.expect (ZMQ_EVENT_CONNECTED);
        Monitor::Event event;
        do
            CHECK (connecter.monitor.try_next (event, 5000));
        while (event.id & (ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CONNECTED));
        //  Over tcp and ipc it is a matter of chance whether libzmq finds that it can't write before it reads why.
        if (is_scif () || event.id != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
            CHECK_EQ (Monitor::name (event.id), "HANDSHAKE_FAILED_PROTOCOL");
    }
    if (!is_scif ())
        return;
    //  And that was it: nobody tries again, which would be after 20 to 40 ms.
    const double end = now_ms () + 200;
    for (Connecter &connecter : connecters) {
        note ("%s", connecter.what.c_str ());
        CHECK_EQ (connecter.monitor.count (ZMQ_EVENT_CONNECTED, std::max (1.0, end - now_ms ())), 0);
    }
}
}

//  Who speaks another mechanism is told so before the other end closes, and does not come back.
SCENARIO (security_mechanisms_must_match, 30)
{
    note ("one I/O thread for both ends");
    Ctx context;
    std::deque<Sock> bound;
    check_mismatches (context, bind_parts (context, bound));
    note ("another process");
    Peer peer ("parts_in_mechanisms");
    std::vector<std::string> endpoints;
    for (size_t i = 0; i < parts ().size (); ++i)
        endpoints.push_back (peer.value ("endpoint"));
    check_mismatches (context, endpoints);
}

SCENARIO (metadata_peer_address, 15)
{
    skip_without_address ();
    Ctx context, other;
    Sock bound (context, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    connected.set (ZMQ_ROUTING_ID, "me");
    const std::string endpoint = bound.bind ();
    connected.connect (endpoint);
    connected.send ("there");
    bound.send ("and back");
    const char *const types[] = {"DEALER", "DEALER"};
    Sock *const sockets[] = {&bound, &connected};
    for (int i = 0; i < 2; ++i) {
        zmq_msg_t message;
        zmq_msg_init (&message);
        CHECK_RC (zmq_msg_recv (&message, sockets[i]->get (), 0));
        const char *const address = zmq_msg_gets (&message, "Peer-Address");
        const char *const type = zmq_msg_gets (&message, "Socket-Type");
        CHECK (address);
        CHECK (type);
        note ("Peer-Address %s", address);
        CHECK (*address);
        CHECK_EQ (type, types[i]);
        if (is_scif ())
            CHECK (std::string (address).compare (0, 2, "0:") == 0);
        zmq_msg_close (&message);
    }
}
