// SPDX-License-Identifier: MPL-2.0
//
// Every socket type that speaks ZMTP, with either side connecting.

#include "common_sides.hpp"
#include "hooked_scif.hpp"
#include "payload.hpp"

#include <dlfcn.h>
#include <string.h>

#include <algorithm>

using namespace tt;

namespace
{
//  A function that is not in every libzmq.
template <typename Function> bool find (Function &function, const char *name)
{
    function = reinterpret_cast<Function> (dlsym (RTLD_DEFAULT, name));
    return function != nullptr;
}

//  Two sockets in contexts of their own, joined over the transport.
struct Joined
{
    Joined (int binder_type, int connecter_type) : binder (binder_context, binder_type), connecter (connecter_context, connecter_type) {}

    void join ()
    {
        endpoint = binder.bind ();
        connecter.connect (endpoint);
    }

    Ctx binder_context;
    Ctx connecter_context;
    Sock binder;
    Sock connecter;
    std::string endpoint;
};

void request_and_reply (Sock &req, Sock &rep)
{
    for (int i = 0; i < scaled (300, 10000); ++i) {
        send_payload (req.get (), 1, i, i % 600);
        recv_payload (rep.get (), 1, i, i % 600);
        send_payload (rep.get (), 2, i, i % 500);
        recv_payload (req.get (), 2, i, i % 500);
    }
}

//  Sends on `publisher` until `subscriber` gets something: from then on the subscription is in place.
void await_subscription (Sock &publisher, Sock &subscriber, const std::string &topic)
{
    std::string message;
    CHECK (eventually (5000, [&] {
        publisher.send (topic + "sync");
        return subscriber.try_recv (message, 20);
    }));
    while (subscriber.try_recv (message, 50)) {
    }
}

void publish_and_check (Sock &publisher, Sock &subscriber)
{
    subscriber.set (ZMQ_SUBSCRIBE, "a");
    await_subscription (publisher, subscriber, "a");
    for (int i = 0; i < 1000; ++i) {
        publisher.send ("b" + std::to_string (i));
        publisher.send ("a" + std::to_string (i));
    }
    for (int i = 0; i < 1000; ++i)
        CHECK_EQ (subscriber.recv (), "a" + std::to_string (i));

    //  Unsubscribing travels the other way; afterwards nothing comes.
    subscriber.set (ZMQ_UNSUBSCRIBE, "a");
    std::string message;
    CHECK (eventually (5000, [&] {
        publisher.send ("a again");
        return !subscriber.try_recv (message, 50);
    }));
}

std::vector<std::string> parts_of (int i)
{
    std::vector<std::string> parts;
    for (int part = 0; part <= i % 7; ++part)
        parts.push_back (payload (3, i * 10 + part, (i * 37 + part * 911) % 5000));
    parts.push_back ("");
    return parts;
}
}

SCENARIO (pattern_req_connects_to_rep, 15)
{
    Joined sockets (ZMQ_REP, ZMQ_REQ);
    sockets.join ();
    request_and_reply (sockets.connecter, sockets.binder);
}

SCENARIO (pattern_rep_connects_to_req, 15)
{
    Joined sockets (ZMQ_REQ, ZMQ_REP);
    sockets.join ();
    request_and_reply (sockets.binder, sockets.connecter);
}

SCENARIO (pattern_pair_both_ways_at_once, 20)
{
    Joined sockets (ZMQ_PAIR, ZMQ_PAIR);
    sockets.join ();
    const uint64_t count = scaled (5000, 100000);
    uint64_t sent[2] = {0, 0}, received[2] = {0, 0};
    Sock *const ends[2] = {&sockets.binder, &sockets.connecter};
    //  Neither end waits for the other: both directions are under way all the time.
    CHECK (eventually (15000, [&] {
        for (int i = 0; i < 2; ++i) {
            for (int burst = 0; burst < 500 && sent[i] < count; ++burst, ++sent[i])
                if (!send_payload (ends[i]->get (), i, sent[i], mixed_size (sent[i], 16384), ZMQ_DONTWAIT))
                    break;
            zmq_pollitem_t item = {ends[i]->get (), 0, ZMQ_POLLIN, 0};
            for (int burst = 0; burst < 500 && zmq_poll (&item, 1, 0) == 1; ++burst, ++received[i])
                recv_payload (ends[i]->get (), 1 - i, received[i], mixed_size (received[i], 16384));
        }
        return received[0] == count && received[1] == count;
    }));
}

SCENARIO (pattern_pub_binds_sub_connects, 15)
{
    Joined sockets (ZMQ_PUB, ZMQ_SUB);
    sockets.binder.set (ZMQ_SNDHWM, 0);
    sockets.connecter.set (ZMQ_RCVHWM, 0);
    sockets.join ();
    publish_and_check (sockets.binder, sockets.connecter);
}

SCENARIO (pattern_sub_binds_pub_connects, 15)
{
    Joined sockets (ZMQ_SUB, ZMQ_PUB);
    sockets.binder.set (ZMQ_RCVHWM, 0);
    sockets.connecter.set (ZMQ_SNDHWM, 0);
    sockets.join ();
    publish_and_check (sockets.connecter, sockets.binder);
}

SCENARIO (pattern_xpub_xsub, 15)
{
    for (const bool xpub_binds : {true, false}) {
        Joined sockets (xpub_binds ? ZMQ_XPUB : ZMQ_XSUB, xpub_binds ? ZMQ_XSUB : ZMQ_XPUB);
        sockets.join ();
        Sock &xpub = xpub_binds ? sockets.binder : sockets.connecter;
        Sock &xsub = xpub_binds ? sockets.connecter : sockets.binder;
        xsub.send ("\1topic");
        //  A bound XSUB hands its subscription to a new connection when it is called next, not before.
        std::string subscription;
        CHECK (eventually (5000, [&] {
            xsub.get_int (ZMQ_EVENTS);
            return xpub.try_recv (subscription, 5);
        }));
        CHECK_EQ (subscription, std::string ("\1topic"));
        for (int i = 0; i < 100; ++i) {
            xpub.send ("other " + std::to_string (i));
            xpub.send ("topic " + std::to_string (i));
        }
        for (int i = 0; i < 100; ++i)
            CHECK_EQ (xsub.recv (), "topic " + std::to_string (i));
        xsub.send (std::string ("\0topic", 6));
        CHECK_EQ (xpub.recv (), std::string ("\0topic", 6));
    }
}

SCENARIO (pattern_router_and_dealers, 20)
{
    Ctx binder_context, connecter_context;
    Sock router (binder_context, ZMQ_ROUTER);
    router.set (ZMQ_ROUTER_MANDATORY, 1);
    const std::string endpoint = router.bind ();
    std::vector<Sock> dealers;
    const int dealer_count = 5;
    const int rounds = scaled (200, 5000);
    for (int i = 0; i < dealer_count; ++i) {
        dealers.emplace_back (connecter_context, ZMQ_DEALER);
        dealers.back ().set (ZMQ_ROUTING_ID, "dealer " + std::to_string (i));
        dealers.back ().connect (endpoint);
    }
    for (int round = 0; round < rounds; ++round) {
        for (int i = 0; i < dealer_count; ++i)
            send_payload (dealers[i].get (), i, round, 50 * i);
        for (int i = 0; i < dealer_count; ++i) {
            const std::string id = router.recv ();
            const int from = id.back () - '0';
            recv_payload (router.get (), from, round, 50 * from);
            router.send (id, ZMQ_SNDMORE);
            send_payload (router.get (), 100 + from, round, 70 * from);
        }
        for (int i = 0; i < dealer_count; ++i)
            recv_payload (dealers[i].get (), 100 + i, round, 70 * i);
    }
    //  A router knows whom it can reach.
    CHECK_ERRNO (zmq_send (router.get (), "nobody", 6, ZMQ_SNDMORE), EHOSTUNREACH);
}

SCENARIO (pattern_router_to_router, 15)
{
    Joined sockets (ZMQ_ROUTER, ZMQ_ROUTER);
    sockets.binder.set (ZMQ_ROUTING_ID, "binder").set (ZMQ_ROUTER_MANDATORY, 1);
    sockets.connecter.set (ZMQ_ROUTING_ID, "connecter").set (ZMQ_ROUTER_MANDATORY, 1);
    sockets.join ();
    CHECK (eventually (5000, [&] { return zmq_send (sockets.connecter.get (), "binder", 6, ZMQ_SNDMORE) == 6; }));
    sockets.connecter.send ("hello");
    CHECK_EQ (sockets.binder.recv (), std::string ("connecter"));
    CHECK_EQ (sockets.binder.recv (), std::string ("hello"));
    sockets.binder.send_all ({"connecter", "hello back"});
    CHECK_EQ (sockets.connecter.recv (), std::string ("binder"));
    CHECK_EQ (sockets.connecter.recv (), std::string ("hello back"));
}

SCENARIO (pattern_multipart, 20)
{
    for (const bool connecter_sends : {true, false}) {
        Joined sockets (ZMQ_DEALER, ZMQ_DEALER);
        sockets.join ();
        Sock &from = connecter_sends ? sockets.connecter : sockets.binder;
        Sock &to = connecter_sends ? sockets.binder : sockets.connecter;
        for (int i = 0; i < 300; ++i)
            from.send_all (parts_of (i));
        for (int i = 0; i < 300; ++i)
            CHECK (to.recv_all () == parts_of (i));

        std::vector<std::string> many;
        for (int i = 0; i < 5000; ++i)
            many.push_back (std::to_string (i));
        from.send_all (many);
        CHECK (to.recv_all () == many);
    }
}

SCENARIO (pattern_push_to_several_pulls, 15)
{
    Ctx binder_context, connecter_context;
    Sock push (binder_context, ZMQ_PUSH);
    const std::string endpoint = push.bind ();
    std::vector<Sock> pulls;
    for (int i = 0; i < 4; ++i) {
        pulls.emplace_back (connecter_context, ZMQ_PULL);
        pulls.back ().connect (endpoint);
    }
    //  Each message goes to exactly one puller; with all of them connected each gets its share.
    std::vector<bool> reached (pulls.size (), false);
    std::string message;
    CHECK (eventually (5000, [&] {
        push.send ("warm up");
        for (size_t i = 0; i < pulls.size (); ++i)
            while (pulls[i].try_recv (message, 2))
                reached[i] = true;
        return std::count (reached.begin (), reached.end (), true) == 4;
    }));
    for (Sock &pull : pulls)
        while (pull.try_recv (message, 30)) {
        }
    for (int i = 0; i < 400; ++i)
        push.send (std::to_string (i));
    std::vector<int> seen (400, 0);
    for (Sock &pull : pulls)
        for (int i = 0; i < 100; ++i)
            ++seen[atoi (pull.recv ().c_str ())];
    CHECK (std::count (seen.begin (), seen.end (), 1) == 400);
}

SCENARIO (pattern_one_socket_binds_and_connects, 15)
{
    Ctx context, other;
    Sock middle (context, ZMQ_DEALER), bound (other, ZMQ_DEALER), connected (other, ZMQ_DEALER);
    middle.connect (bound.bind ());
    connected.connect (middle.bind ());
    //  Fair queueing in, round robin out.
    bound.send ("from bound");
    connected.send ("from connected");
    const std::string first = middle.recv (), second = middle.recv ();
    CHECK (first != second);
    middle.send ("one");
    middle.send ("two");
    CHECK (bound.recv () != connected.recv ());
}

//  The socket types of the draft API. Their numbers are stable, their names are in draft builds only.
SCENARIO (pattern_draft_sockets, 30)
{
    const int server_type = 12, client_type = 13, radio_type = 14, dish_type = 15, gather_type = 16, scatter_type = 17,
              channel_type = 20;
    int (*join) (void *, const char *);
    int (*set_group) (zmq_msg_t *, const char *);
    int (*set_routing_id) (zmq_msg_t *, uint32_t);
    uint32_t (*routing_id) (zmq_msg_t *);
    if (!find (join, "zmq_join") || !find (set_group, "zmq_msg_set_group") || !find (set_routing_id, "zmq_msg_set_routing_id")
        || !find (routing_id, "zmq_msg_routing_id"))
        skip ("this libzmq is built without its draft API");
    Ctx context, other;

    for (const bool connecter_first : {true, false}) {
        //  Which of the two binds makes no difference to either.
        const auto attach_pair = [&] (Sock &a, Sock &b) {
            if (connecter_first)
                a.connect (b.bind ());
            else
                b.connect (a.bind ());
        };
        {
            Sock client (context, client_type), server (other, server_type);
            attach_pair (client, server);
            client.send ("question");
            zmq_msg_t message;
            zmq_msg_init (&message);
            CHECK_RC (zmq_msg_recv (&message, server.get (), 0));
            CHECK_EQ (std::string (static_cast<char *> (zmq_msg_data (&message)), zmq_msg_size (&message)), std::string ("question"));
            const uint32_t client_id = routing_id (&message);
            CHECK (client_id != 0);
            zmq_msg_close (&message);
            zmq_msg_init_size (&message, 6);
            memcpy (zmq_msg_data (&message), "answer", 6);
            CHECK_RC (set_routing_id (&message, client_id));
            CHECK_RC (zmq_msg_send (&message, server.get (), 0));
            CHECK_EQ (client.recv (), std::string ("answer"));
        }
        for (const auto &types : {std::make_pair (scatter_type, gather_type), std::make_pair (channel_type, channel_type)}) {
            Sock from (context, types.first), to (other, types.second);
            attach_pair (from, to);
            for (int i = 0; i < 500; ++i)
                send_payload (from.get (), 1, i, i * 37);
            for (int i = 0; i < 500; ++i)
                recv_payload (to.get (), 1, i, i * 37);
        }
        {
            Sock radio (context, radio_type), dish (other, dish_type);
            CHECK_RC (join (dish.get (), "weather"));
            attach_pair (radio, dish);
            std::string heard;
            //  Until the group is known to the radio it sends to nobody.
            CHECK (eventually (5000, [&] {
                for (const char *const group : {"traffic", "weather"}) {
                    zmq_msg_t message;
                    zmq_msg_init_size (&message, 7);
                    memcpy (zmq_msg_data (&message), group, 7);
                    CHECK_RC (set_group (&message, group));
                    CHECK_RC (zmq_msg_send (&message, radio.get (), 0));
                }
                return dish.try_recv (heard, 20);
            }));
            CHECK_EQ (heard, std::string ("weather"));
        }
    }
}

//  A message of RADIO's comes as two, of which the session keeps the second: they go out together all the same. Looked at
//  where each write is a call of scif_send.
SCENARIO_SCIF (pattern_radio_is_not_split, 30)
{
    const int radio_type = 14, dish_type = 15, count = 100;
    int (*join) (void *, const char *);
    int (*set_group) (zmq_msg_t *, const char *);
    if (!find (join, "zmq_join") || !find (set_group, "zmq_msg_set_group"))
        skip ("this libzmq is built without its draft API");
    set_fault (Call::enroll, every (1, ENOMEM));
    Ctx context, other;
    Sock radio (context, radio_type), dish (other, dish_type);
    CHECK_RC (join (dish.get (), "weather"));
    radio.connect (dish.bind ());
    const auto is_heard = [&] (double milliseconds) {
        zmq_msg_t message;
        zmq_msg_init_size (&message, 100);
        memset (zmq_msg_data (&message), 'r', 100);
        CHECK_RC (set_group (&message, "weather"));
        CHECK_RC (zmq_msg_send (&message, radio.get (), 0));
        std::string heard;
        return dish.try_recv (heard, milliseconds);
    };
    CHECK (eventually (5000, [&] { return is_heard (20); }));
    const long long before = sent_through_endpoints ().calls;
    for (int i = 0; i < count; ++i)
        CHECK (is_heard (5000));
    const long long calls = sent_through_endpoints ().calls - before;
    figure ("%lld sends for %d messages", calls, count);
    CHECK (calls <= count * 11 / 10);
}
