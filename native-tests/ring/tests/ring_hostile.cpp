// SPDX-License-Identifier: MPL-2.0
//
// A peer that writes anything to the control words, between the calls and during them. Regions and buffers lie between
// pages without access.

#include "memory.hpp"
#include "random.hpp"
#include "ring_model.hpp"

#include <atomic>
#include <cstring>
#include <thread>

namespace
{
const size_t ring_size = 4096;
}

TEST (head_out_of_bounds)
{
    static const uint64_t deltas[] = {
      ring_size + 1,       ring_size + 2,          2 * ring_size,          static_cast<uint64_t> (1) << 31,
      UINT32_MAX,          UINT64_C (1) << 32,     UINT64_C (1) << 63,     UINT64_MAX,
      UINT64_MAX - 1,      UINT64_MAX - ring_size, UINT64_C (0) - INT32_MAX};
    for (const uint64_t delta : deltas) {
        rt::pair_t pair (ring_size);
        rt::guarded_t buffer (3 * ring_size);
        for (int i = 0; i != 3; ++i) {
            //  At each position, and again as long as it is wrong.
            const uint64_t tail = 1000 * i;
            pair.b_region.store_head (tail + delta);
            CHECK_ERRNO (pair.b.read (buffer.data (), 3 * ring_size), EPROTO);
            CHECK_ERRNO (pair.b.read (buffer.data (), 0), EPROTO);
            //  Who goes to sleep has to find it.
            CHECK (!pair.b.sleep ());
            pair.b_region.store_head (tail + 1000);
            CHECK_EQ (pair.b.read (buffer.data (), 3 * ring_size), 1000);
        }
    }
}

TEST (tail_out_of_bounds)
{
    rt::guarded_t buffer (3 * ring_size);
    static const uint64_t deltas[] = {1,          2,          ring_size,          ring_size + 1,
                                      UINT32_MAX, UINT64_MAX, UINT64_MAX / 2 + 1, UINT64_C (0) - 2 * ring_size};
    for (const uint64_t delta : deltas) {
        rt::pair_t pair (ring_size);
        CHECK_EQ (pair.a.write (buffer.data (), 3000), 3000);
        //  Ahead of what was written, or more than a ring behind.
        pair.a_region.store_tail (3000 + delta);
        if (3000 - (3000 + delta) <= ring_size)
            pair.a_region.store_tail (3001 + ring_size);
        CHECK_ERRNO (pair.a.write (buffer.data (), 3 * ring_size), EPROTO);
        CHECK_EQ (pair.b_region.load_head (), 3000);
        //  space() must not promise what write refuses.
        CHECK_EQ (pair.a.space (), 0);
    }
}

TEST (tail_running_backwards)
{
    rt::pair_t pair (ring_size);
    rt::guarded_t buffer (ring_size);
    CHECK_EQ (pair.a.write (buffer.data (), 3000), 3000);
    pair.a_region.store_tail (2000);
    CHECK_EQ (pair.a.write (buffer.data (), 10), 10);
    pair.a_region.store_tail (1999);
    CHECK_ERRNO (pair.a.write (buffer.data (), 10), EPROTO);
    pair.a_region.store_tail (2000);
    CHECK_EQ (pair.a.write (buffer.data (), 10), 10);
}

TEST_WITHIN (random_control_words, 30)
{
    rt::random_t random (rt::seed ());
    const int64_t end = rt::now_ms () + 3000;
    uint64_t rounds = 0;
    for (; rt::now_ms () < end; ++rounds) {
        uint8_t program[1024];
        for (uint8_t &byte : program)
            byte = static_cast<uint8_t> (random.next ());
        rt::stage ("program %llu of seed %llu", static_cast<unsigned long long> (rounds),
                   static_cast<unsigned long long> (rt::seed ()));
        rt::ring_model_t::run (program, sizeof program);
    }
    rt::note ("%llu programs", static_cast<unsigned long long> (rounds));
}

TEST_WITHIN (control_words_changing_during_calls, 30)
{
    rt::pair_t pair (ring_size, 3000);
    std::atomic<bool> stop (false);
    std::thread scribbler ([&] {
        rt::random_t random (rt::seed () + 1);
        uint64_t head = 0;
        uint64_t tail = 0;
        while (!stop.load ()) {
            //  Mostly near what is allowed, so that each check is passed, and missed, by little.
            head += random.below (3 * ring_size) - ring_size;
            tail += random.below (3 * ring_size) - ring_size;
            pair.a_region.store_head (random.one_in (8) ? random.next () : head);
            pair.a_region.store_tail (random.one_in (8) ? random.next () : tail);
            if (random.one_in (4)) {
                //  What the ring itself has stored is a good guess at what it takes for right.
                head = pair.b_region.load_tail ();
                tail = pair.b_region.load_head ();
            }
            pair.a_region.store_sleeping (static_cast<uint32_t> (random.next ()));
            pair.a_region.store_waiting (static_cast<uint32_t> (random.next ()));
        }
    });

    rt::random_t random (rt::seed ());
    const int64_t end = rt::now_ms () + 3000;
    uint64_t done = 0;
    uint64_t refused = 0;
    const size_t buffer_size = 2 * ring_size;
    rt::guarded_t buffer (buffer_size);
    while (rt::now_ms () < end) {
        for (int i = 0; i != 100; ++i) {
            const size_t size = static_cast<size_t> (random.below (buffer_size));
            unsigned char *const data = buffer.data () + buffer_size - size;
            const uint64_t head = pair.b_region.load_head ();
            errno = 0;
            const int rc = random.one_in (2) ? pair.a.read (data, size) : pair.a.write (data, size);
            if (rc == -1) {
                CHECK_EQ (errno, EPROTO);
                CHECK_EQ (pair.b_region.load_head (), head);
                ++refused;
            } else {
                CHECK (rc >= 0 && static_cast<size_t> (rc) <= size);
                ++done;
            }
            CHECK (pair.a.space () <= 3000);
            pair.a.sleep ();
            pair.a.wait ();
            pair.a.must_ring ();
        }
    }
    stop.store (true);
    scribbler.join ();
    rt::note ("%llu calls done, %llu refused", static_cast<unsigned long long> (done),
              static_cast<unsigned long long> (refused));
    CHECK (done > 0 && refused > 0);
}
