// SPDX-License-Identifier: MPL-2.0
//
// Two threads, a ring each, bells through eventfds, as two I/O threads do. The content is checked, and that nobody is
// left asleep: whoever has slept for long looks for whether there was something to do, while the other one is asleep
// as well and so can't be about to ring. That is counted as a rescue, and there must be none.

#include "memory.hpp"
#include "random.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace
{
struct setup_t
{
    size_t region_size;
    size_t limit;
    size_t max_chunk;
    int milliseconds;
    //  One bell in that many is not rung: for the test of the watchdog. 0: all are.
    uint64_t lose_one_in;
    //  Who has written more than the other one waits for an answer: most of the time somebody goes to sleep.
    bool in_turn;
};

const int watchdog_ms = 200;

struct side_t
{
    zmq::scif_ring_t *ring;
    rt::region_t *region;
    int bell;
    side_t *peer;

    //  Odd while asleep.
    std::atomic<uint64_t> naps;
    //  How many bytes it will have written in the end, once that is settled.
    std::atomic<uint64_t> total;
    uint64_t written;
    uint64_t read;
    uint64_t bells;
    uint64_t sleeps;
    uint64_t waits;
    uint64_t rescues;
    bool wants_space;
    bool is_first;
};

const uint64_t unsettled = UINT64_MAX;

void drain (side_t &self)
{
    uint64_t count;
    const ssize_t rc = read (self.bell, &count, sizeof count);
    CHECK (rc == sizeof count || errno == EAGAIN);
}

bool rang (const side_t &self)
{
    pollfd entry = {self.bell, POLLIN, 0};
    return poll (&entry, 1, 0) == 1;
}

bool has_work (side_t &self)
{
    return self.region->load_head () != self.read || (self.wants_space && self.ring->is_writable ());
}

//  True if nobody will ever ring, although there is something to do.
bool is_forgotten (side_t &self)
{
    const uint64_t nap = self.peer->naps.load ();
    return (nap & 1) != 0 && has_work (self) && !rang (self) && self.peer->naps.load () == nap;
}

void nap (side_t &self)
{
    pollfd entry = {self.bell, POLLIN, 0};
    ++self.naps;
    while (poll (&entry, 1, watchdog_ms) != 1) {
        if (is_forgotten (self)) {
            ++self.rescues;
            break;
        }
    }
    ++self.naps;
}

void run (side_t &self, const setup_t &setup, uint64_t seed, int64_t deadline)
{
    rt::random_t random (seed);
    std::vector<unsigned char> buffer (setup.max_chunk);
    while (true) {
        //  Reading, in the order that matters: look, take the bells off, say so, look again.
        bool signalled = false;
        while (!signalled) {
            const size_t size = 1 + random.below (setup.max_chunk);
            int rc = self.ring->read (buffer.data (), size);
            if (rc == 0) {
                drain (self);
                signalled = self.ring->sleep ();
                self.sleeps += signalled;
            }
            CHECK (rc != -1);
            for (int i = 0; i != rc; ++i)
                if (buffer[i] != rt::stream_byte (self.read + i))
                    FAIL ("byte %d of %d at position %llu is wrong", i, rc,
                          static_cast<unsigned long long> (self.read));
            self.read += rc;
            //  Now and then the other direction has its turn before this one is done.
            if (random.one_in (4))
                break;
        }

        //  Writing.
        bool must_poll = signalled;
        self.wants_space = false;
        const bool is_over = rt::now_ms () >= deadline;
        const bool has_turn = !setup.in_turn || is_over || self.written < self.read
                              || (self.is_first && self.written == self.read);
        if (has_turn && self.written != self.total.load ()) {
            size_t size = 1 + random.below (setup.max_chunk);
            if (self.total.load () == unsettled && is_over)
                self.total.store (self.written + size);
            if (self.total.load () != unsettled)
                size = static_cast<size_t> (self.total.load () - self.written);
            for (size_t i = 0; i != size; ++i)
                buffer[i] = rt::stream_byte (self.written + i);
            const int rc = self.ring->write (buffer.data (), size);
            CHECK (rc != -1);
            self.written += rc;
            if (static_cast<size_t> (rc) < size) {
                self.wants_space = self.ring->wait ();
                self.waits += self.wants_space;
            }
            must_poll = signalled && self.wants_space;
        }

        if (self.ring->must_ring () && (setup.lose_one_in == 0 || !random.one_in (setup.lose_one_in))) {
            ++self.bells;
            const uint64_t one = 1;
            CHECK_EQ (write (self.peer->bell, &one, sizeof one), sizeof one);
        }

        if (self.written == self.total.load () && self.read == self.peer->total.load ())
            break;
        if (must_poll)
            nap (self);
    }
    //  Nothing more to expect from here.
    ++self.naps;
}

uint64_t stress (const setup_t &setup)
{
    rt::pair_t pair (setup.region_size, setup.limit);
    side_t sides[2] = {};
    zmq::scif_ring_t *const rings[2] = {&pair.a, &pair.b};
    rt::region_t *const regions[2] = {&pair.a_region, &pair.b_region};
    for (int i = 0; i != 2; ++i) {
        sides[i].ring = rings[i];
        sides[i].region = regions[i];
        sides[i].bell = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
        CHECK (sides[i].bell != -1);
        sides[i].peer = &sides[1 - i];
        sides[i].total.store (unsettled);
        sides[i].is_first = i == 0;
    }

    const int64_t deadline = rt::now_ms () + setup.milliseconds;
    std::thread other (run, std::ref (sides[1]), std::cref (setup), rt::seed () + 1, deadline);
    run (sides[0], setup, rt::seed (), deadline);
    other.join ();

    for (const side_t &side : sides) {
        rt::note ("%llu bytes in, %llu sleeps, %llu waits, %llu bells, %llu rescues",
                  static_cast<unsigned long long> (side.read), static_cast<unsigned long long> (side.sleeps),
                  static_cast<unsigned long long> (side.waits), static_cast<unsigned long long> (side.bells),
                  static_cast<unsigned long long> (side.rescues));
        CHECK_EQ (side.read, side.peer->written);
        CHECK (side.read > 0);
        close (side.bell);
    }
    return sides[0].rescues + sides[1].rescues;
}
}

const size_t smallest = 65536;

TEST_WITHIN (stress_random_sizes, 20)
{
    const setup_t setup = {2 * smallest, SIZE_MAX, 20000, 3000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_small_messages, 20)
{
    const setup_t setup = {1 << 20, SIZE_MAX, 100, 3000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_more_than_the_ring, 20)
{
    const setup_t setup = {smallest, SIZE_MAX, 90000, 3000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_small_limit, 20)
{
    const setup_t setup = {smallest, 4096, 6000, 3000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_tiny_limit, 20)
{
    const setup_t setup = {smallest, 3, 10, 3000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_limit_of_one, 20)
{
    const setup_t setup = {smallest, 1, 2, 2000, 0, false};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_in_turn, 20)
{
    const setup_t setup = {smallest, SIZE_MAX, 2000, 3000, 0, true};
    CHECK_EQ (stress (setup), 0);
}

TEST_WITHIN (stress_in_turn_with_tiny_limit, 20)
{
    const setup_t setup = {smallest, 50, 200, 3000, 0, true};
    CHECK_EQ (stress (setup), 0);
}

//  The control: a bell that is not rung is noticed.
TEST_WITHIN (watchdog_sees_a_lost_bell, 60)
{
    const setup_t setup = {smallest, 4096, 6000, 1500, 20, false};
    CHECK (stress (setup) > 0);
}
