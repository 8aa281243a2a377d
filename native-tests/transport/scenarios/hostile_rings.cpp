// SPDX-License-Identifier: MPL-2.0
//
// Peers that agree on rings as they should and then lie: about the indices, about their memory, by bells without end,
// or by stopping half-way. The other end closes the connection, or waits for no longer than it is told to, and serves
// others meanwhile. The first scenario shows that what the strangers speak would be understood.

#include "besieged.hpp"
#include "common_sides.hpp"
#include "raw_ring.hpp"

#include <stdlib.h>

#include <deque>

using namespace tt;

namespace
{
//  An index that can't be: which word, and what to add to what it should be.
struct Lie
{
    const char *what;
    Word word;
    bool absolute;
    uint64_t value;
};

const Lie lies[] = {
  {"more written than the ring holds", Word::head, false, (size_t (1) << 19) - RawRing::control_size + 1},
  {"far more written", Word::head, false, uint64_t (1) << 40},
  {"half of all numbers ahead", Word::head, false, uint64_t (1) << 63},
  {"written index goes back by one", Word::head, false, static_cast<uint64_t> (-1)},
  {"written index goes back to the beginning", Word::head, true, 0},
  {"written index at its largest", Word::head, true, static_cast<uint64_t> (-1)},
  {"one byte more read than written", Word::tail, false, 1},
  {"far more read than written", Word::tail, false, uint64_t (1) << 40},
  {"read index goes back to the beginning and by one more", Word::tail, true, static_cast<uint64_t> (-1)},
  {"read index half of all numbers away", Word::tail, false, uint64_t (1) << 63},
};

//  Tells the lie to an end with which the handshake was completed. It looks at how much was read when it writes, and
//  is made to by a message, if it is one that echoes.
void tell (RawRing &ring, const Lie &lie)
{
    note ("%s", lie.what);
    //  What the other end has written so far has been read, in full.
    const uint64_t truth = lie.word == Word::head ? ring.head () : ring.tail ();
    ring.set (lie.word, lie.absolute ? lie.value : truth + lie.value);
    if (lie.word == Word::tail)
        ring.put_message ("is there an answer?");
    ring.ring_bell ();
}

//  Where a stranger can stop.
enum Stop
{
    after_half_a_greeting,
    after_greeting,
    after_answer,
    after_half_of_zmtps_greeting,
    after_zmtps_greeting,
    after_handshake,
    after_half_a_message,
    stops
};

void go_as_far_as (RawRing &ring, int stop, const std::string &socket_type)
{
    switch (stop) {
        case after_half_a_greeting:
            CHECK (ring.endpoint ().send (ring.greeting ().substr (0, 40)));
            return;
        case after_greeting:
            return ring.greet ();
        case after_answer:
            ring.greet ();
            return ring.agree ();
        case after_half_of_zmtps_greeting:
            ring.greet ();
            ring.agree ();
            return ring.put (zmtp_greeting ().substr (0, 5));
        case after_zmtps_greeting:
            ring.greet ();
            ring.agree ();
            return ring.put (zmtp_greeting ());
        case after_handshake:
            return ring.open (socket_type);
        case after_half_a_message:
            ring.open (socket_type);
            return ring.put (std::string ("\0\x40half of it", 12));
    }
}

bool is_before_the_handshake (int stop)
{
    return stop < after_handshake;
}

//  Stops where it is told to, and waits to be killed.
SIDE (ring_stranger)
{
    RawRing ring (RawPeer (arg (args, "endpoint")));
    go_as_far_as (ring, static_cast<int> (arg_number (args, "stop", 0)), "DEALER");
    say ("there");
    hear ();
}

//  Anything into the control words and the ring; told by the seed.
void act_at_random (RawRing &ring, std::mt19937_64 &random)
{
    const Word words[] = {Word::head, Word::tail, Word::sleeping, Word::waiting};
    std::mt19937 bytes (static_cast<uint32_t> (random ()));
    for (int i = 0; i < 30; ++i) {
        const Word word = words[random () % 4];
        switch (random () % 8) {
            case 0:
                //  Any number at all, which mostly ends it.
                ring.set (word, random ());
                break;
            case 1:
                ring.set (word, random () % (ring.peer_ring_size () + 2));
                break;
            case 2:
                //  Frames that may be none.
                ring.put (random_bytes (bytes, 1 + random () % 500));
                break;
            case 3:
                ring.put_message ("a message");
                break;
            case 4:
                ring.take (100, 0);
                break;
            case 5:
                ring.ring_bell ();
                break;
            default:
                ring.set (random () % 2 ? Word::sleeping : Word::waiting, random ());
        }
    }
    ring.ring_bell ();
}
}

SCENARIO_SCIF (hostile_ring_but_by_the_rules, 20)
{
    Besieged listener;
    {
        RawRing ring ((RawPeer (listener.endpoint)));
        ring.open ("DEALER");
        //  More than the ring holds, so that the indices go round.
        for (int batch = 0; batch < 100; ++batch) {
            std::string frames;
            for (int i = 0; i < 100; ++i) {
                const std::string body = "message " + std::to_string (i) + std::string (i * 2, '.');
                frames += std::string (1, '\0') + static_cast<char> (body.size ()) + body;
            }
            ring.put (frames);
            CHECK_EQ (ring.take (frames.size (), 5000), frames);
        }
        CHECK (ring.head () > ring.peer_ring_size ());
    }
    listener.check_unharmed ();
}

SCENARIO_SCIF (hostile_ring_indices, 60)
{
    Besieged listener;
    for (const Lie &lie : lies) {
        RawRing ring ((RawPeer (listener.endpoint)));
        ring.open ("DEALER");
        ring.put_message ("first");
        CHECK_EQ (ring.take (7, 5000), std::string ("\0\5first", 7));
        tell (ring, lie);
        if (!ring.endpoint ().closed_within (3000))
            FAIL ("the listener does not mind: %s", lie.what);
        listener.check_served ();
    }
    listener.check_unharmed ();
}

//  The same before ZMTP has begun.
SCENARIO_SCIF (hostile_ring_indices_at_once, 60)
{
    Besieged listener;
    for (const Lie &lie : lies) {
        RawRing ring ((RawPeer (listener.endpoint)));
        ring.greet ();
        ring.agree ();
        note ("%s", lie.what);
        ring.set (lie.word, lie.value);
        ring.ring_bell ();
        //  At the latest the time for the handshake is over.
        CHECK (ring.endpoint ().closed_within (3000));
        listener.check_served ();
    }
    listener.check_unharmed ();
}

SCENARIO_SCIF (hostile_ring_bell_flood, 40)
{
    Besieged listener;
    {
        RawRing ring ((RawPeer (listener.endpoint)));
        ring.open ("DEALER");
        const std::string bells (4095, '\0');
        long rung = 0;
        for (const double end = now_ms () + scaled (1500, 10000); now_ms () < end;) {
            for (int i = 0; i < 50; ++i, ++rung) {
                //  Whether it sleeps has changed as well, so that it rings back.
                ring.set (Word::sleeping, rung);
                ring.set (Word::waiting, rung);
                ring.endpoint ().try_send (bells);
            }
            listener.check_served ();
        }
        figure ("%ld times up to %zu bells were rung", rung, bells.size ());
        //  The flood is over, and nothing of it is left in the way.
        ring.put_message ("still there?");
        CHECK_EQ (ring.take (14, 5000), std::string ("\0\x0cstill there?", 14));
    }
    listener.check_unharmed ();
}

SCENARIO_SCIF (hostile_ring_that_stops_half_way, 60)
{
    Besieged listener;
    std::deque<RawRing> rings;
    for (int stop = 0; stop < stops; ++stop) {
        rings.emplace_back (RawPeer (listener.endpoint));
        go_as_far_as (rings.back (), stop, "DEALER");
        listener.check_served ();
    }
    //  Silence is no crime once the handshake is done.
    for (int stop = 0; stop < stops; ++stop)
        if (rings[stop].endpoint ().closed_within (is_before_the_handshake (stop) ? 3000 : 100) != is_before_the_handshake (stop))
            FAIL ("stop %d: the listener %s", stop, is_before_the_handshake (stop) ? "waits for ever" : "has closed");
    rings.clear ();
    listener.check_unharmed ();
}

SCENARIO_SCIF (hostile_ring_that_dies_half_way, 60)
{
    Besieged listener;
    for (int i = 0; i < scaled (3, 50) * stops; ++i) {
        Peer stranger ("ring_stranger", {"endpoint=" + listener.endpoint, "stop=" + std::to_string (i % stops)});
        CHECK_EQ (stranger.line (), std::string ("there"));
        stranger.kill ();
        if (i % 5 == 0)
            listener.check_served ();
    }
    listener.check_unharmed ();
}

namespace
{
//  Greetings that tell of memory that is not there, or that nobody can use: what to put at which place of a right one.
struct Change
{
    size_t at;
    uint64_t value;
};

const size_t version_pos = 8, size_pos = 16, offset_pos = 24;

const Change changes[] = {
  {version_pos, uint64_t (1) << 56},
  {version_pos, uint64_t (3) << 56},
  {size_pos, 0},
  {size_pos, 1},
  {size_pos, 12345},
  {size_pos, 2 * RawRing::least_region_size},
  {size_pos, uint64_t (1) << 30},
  {size_pos, uint64_t (1) << 31},
  {size_pos, uint64_t (1) << 63},
  {size_pos, static_cast<uint64_t> (-1)},
  {offset_pos, uint64_t (1) << 40},
  {offset_pos, uint64_t (1) << 62},
  {offset_pos, uint64_t (1) << 63},
  {offset_pos, static_cast<uint64_t> (-1)},
  {offset_pos, static_cast<uint64_t> (-4096)},
};

std::string changed (std::string greeting, const Change &change)
{
    for (size_t i = 0; i < 8; ++i)
        greeting[change.at + i] = static_cast<char> (change.value >> (56 - 8 * i));
    return greeting;
}

//  The greetings have been exchanged, and there are no rings: ZMTP is spoken through the endpoint.
void check_no_ring (RawPeer &peer)
{
    CHECK (peer.send (zmtp_greeting ()));
    const std::string theirs = peer.recv (64, 5000);
    CHECK_EQ (theirs.size (), size_t (64));
    CHECK_EQ (theirs.substr (0, 1), std::string ("\xff"));
}
}

//  No rings then, or no connection.
SCENARIO_SCIF (hostile_ring_in_no_memory, 40)
{
    Besieged listener;
    for (const Change &change : changes) {
        RawRing ring ((RawPeer (listener.endpoint)));
        CHECK (ring.endpoint ().send (changed (ring.greeting (), change)));
        const std::string answer = ring.endpoint ().recv (64, 3000);
        if (answer.empty ())
            CHECK (ring.endpoint ().closed_within (3000));
        else {
            CHECK_EQ (greeted_region_size (answer), uint64_t (0));
            check_no_ring (ring.endpoint ());
        }
        listener.check_served ();
    }
    listener.check_unharmed ();
}

SCENARIO_SCIF (hostile_ring_of_a_listener_in_no_memory, 40)
{
    RawListener stranger (64);
    Ctx context;
    for (const Change &change : changes) {
        Sock dealer (context, ZMQ_DEALER);
        dealer.set (ZMQ_LINGER, 0).set (ZMQ_RECONNECT_IVL, -1).connect (stranger.endpoint ());
        RawRing ring (stranger.accept ());
        RawPeer &peer = ring.endpoint ();
        const uint64_t has_ring = greeted_region_size (peer.recv (64, 5000));
        const std::string greeting = changed (ring.greeting (), change);
        CHECK (peer.send (greeting));
        //  It refuses what it is offered, if it has a ring itself; the rest is ZMTP.
        std::string answer = peer.recv (1, 3000);
        if (answer == "E" && has_ring && (change.at != size_pos || change.value))
            answer = peer.recv (1, 3000);
        if (answer.empty ())
            CHECK (peer.closed_within (3000));
        else {
            CHECK_EQ (answer, std::string ("\xff"));
            CHECK (peer.send (zmtp_greeting ()));
            CHECK_EQ (peer.recv (63, 5000).size (), size_t (63));
        }
    }
    CHECK (context.term () < bound_ms (1000));
}

//  What is mapped of a peer's memory has a bound.
SCENARIO_SCIF (hostile_ring_larger_than_is_mapped, 40)
{
    const size_t largest = size_t (64) << 20;
    Besieged listener;
    {
        RawRing ring (RawPeer (listener.endpoint), largest);
        ring.open ("DEALER");
        ring.put_message ("first");
        CHECK_EQ (ring.take (7, 5000), std::string ("\0\5first", 7));
    }
    {
        RawRing ring (RawPeer (listener.endpoint), largest + RawRing::least_region_size);
        CHECK (ring.endpoint ().send (ring.greeting ()));
        CHECK_EQ (greeted_region_size (ring.endpoint ().recv (64, 5000)), uint64_t (0));
        check_no_ring (ring.endpoint ());
    }
    listener.check_unharmed ();
}

SCENARIO_SCALED (hostile_ring_at_random, 60, 300)
{
    if (!is_scif ())
        skip ("is about scif:// alone");
    Besieged listener;
    std::mt19937_64 random (1989);
    for (int i = 0; i < scaled (100, 3000); ++i) {
        RawRing ring ((RawPeer (listener.endpoint)));
        if (i % 4 == 0) {
            ring.greet ();
            ring.agree ();
        } else
            ring.open ("DEALER");
        act_at_random (ring, random);
        ring.endpoint ().closed_within (2);
        if (i % 10 == 0)
            listener.check_served ();
    }
    listener.check_unharmed ();
}

//  All of that against the side that connects.
SCENARIO_SCIF (hostile_ring_of_a_listener, 60)
{
    RawListener stranger (64);
    Peer echo ("echo");
    Ctx context;
    Sock healthy (context, ZMQ_DEALER);
    healthy.connect (echo.value ("endpoint"));
    ping_until_answered (healthy, 5000);
    std::mt19937_64 random (2007);
    const int kinds = static_cast<int> (sizeof lies / sizeof *lies) + stops + 20;
    for (int kind = 0; kind < kinds; ++kind) {
        //  An echo too, so that it writes when it is told a lie about how much was read.
        Peer victim ("guarded_echo", {"role=connect", "endpoint=" + stranger.endpoint ()});
        victim.value ("endpoint");
        RawRing ring (stranger.accept ());
        if (kind < static_cast<int> (sizeof lies / sizeof *lies)) {
            ring.open ("DEALER");
            tell (ring, lies[kind]);
            if (!ring.endpoint ().closed_within (3000))
                FAIL ("the connecter does not mind: %s", lies[kind].what);
        } else if (kind < kinds - 20) {
            const int stop = kind - static_cast<int> (sizeof lies / sizeof *lies);
            go_as_far_as (ring, stop, "DEALER");
            CHECK_EQ (ring.endpoint ().closed_within (is_before_the_handshake (stop) ? 3000 : 100), is_before_the_handshake (stop));
        } else {
            ring.open ("DEALER");
            act_at_random (ring, random);
        }
        ping_until_answered (healthy, 5000);
        victim.tell ("end");
        victim.finish ();
    }
}
