// SPDX-License-Identifier: MPL-2.0
//
// A peer that writes anything to the control words during the calls. Regions and buffers lie between pages without
// access. What it writes between the calls is for fuzz-ring.

#include "memory.hpp"
#include "random.hpp"

#include <atomic>
#include <thread>

namespace
{
const size_t region_size = 65536;
const size_t ring_size = region_size - rt::page_size;
const size_t limit = 50000;
}

TEST_WITHIN (control_words_changing_during_calls, 30)
{
    rt::pair_t pair (region_size, limit);
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
