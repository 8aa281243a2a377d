// SPDX-License-Identifier: MPL-2.0
//
// A receiver that has stopped reading, and then goes on, when nothing is going to wake it up.

#include "hooked_scif.hpp"
#include "raw_ring.hpp"
#include "sockets.hpp"

#include <atomic>

using namespace tt;

namespace
{
const int hwm = 50;
const int messages = 2 * hwm;
//  libzmq reads 8 KiB at a time: a few messages, fewer than make it stop again.
const size_t message_size = 2000;

std::string frame (int number)
{
    std::string bytes (9, '\0');
    bytes[0] = 2;
    bytes[7] = static_cast<char> (message_size >> 8);
    bytes[8] = static_cast<char> (message_size & 0xff);
    return bytes + std::string (message_size, static_cast<char> (number));
}

//  What the other end has been rung for has been looked after, and it sleeps.
void wait_for_sleep (const RawRing &ring)
{
    uint32_t sleeps = ring.sleeps ();
    double since = now_ms ();
    eventually (5000, [&] {
        if (ring.sleeps () != sleeps) {
            sleeps = ring.sleeps ();
            since = now_ms ();
        }
        return now_ms () - since > 100;
    });
}
}

//  Between receiving the last bell and going to sleep the receiver finds more in its ring than the socket takes. No
//  bell is needed for that, so none is left to wake the receiver when the application makes room: it has to go on by
//  itself until the ring is empty.
SCENARIO_SCIF (restart_without_a_bell, 30)
{
    Ctx context;
    Sock pull (context, ZMQ_PULL);
    pull.set (ZMQ_RCVHWM, hwm);
    const std::string endpoint = pull.bind ();
    RawRing ring ((RawPeer (endpoint)));
    ring.open ("PUSH");
    ring.put (std::string ("\0\5first", 7));
    CHECK_EQ (pull.recv (), std::string ("first"));
    wait_for_sleep (ring);

    std::string frames;
    for (int i = 0; i < messages; ++i)
        frames += frame (i);
    CHECK (frames.size () < ring.peer_ring_size ());
    std::atomic<bool> done (false);
    after_next_receive ([&] {
        ring.put_silently (frames);
        done = true;
    });
    ring.put (std::string ("\0\6second", 8));
    CHECK (eventually (5000, [&] { return done.load (); }));

    CHECK_EQ (pull.recv (), std::string ("second"));
    for (int i = 0; i < messages; ++i) {
        std::string message;
        if (!pull.try_recv (message, 5000))
            FAIL ("no more than %d of %d messages came", i, messages);
        CHECK_EQ (message, std::string (message_size, static_cast<char> (i)));
    }
}
