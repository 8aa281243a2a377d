// SPDX-License-Identifier: MPL-2.0
//
// One pair of rings, one thread: what each call returns, stores and asks for.

#include "memory.hpp"
#include "random.hpp"

#include <cstring>
#include <vector>

using zmq::scif_ring_t;

namespace
{
const size_t ring_size = 4096;

//  Writes that many bytes of the stream from its position on, all of which have to be taken.
void write_stream (scif_ring_t &ring, uint64_t position, size_t size)
{
    std::vector<unsigned char> data (size + 1);
    for (size_t i = 0; i != size; ++i)
        data[i] = rt::stream_byte (position + i);
    CHECK_EQ (ring.write (data.data (), size), size);
}

//  Reads into exactly that much memory, and wants 'expected' bytes of the stream from its position on.
void read_stream (scif_ring_t &ring, uint64_t position, size_t size, size_t expected)
{
    std::vector<unsigned char> data (size + 1, 0xa5);
    CHECK_EQ (ring.read (data.data (), size), expected);
    for (size_t i = 0; i != expected; ++i)
        if (data[i] != rt::stream_byte (position + i))
            FAIL ("byte %zu of %zu at position %llu is wrong", i, expected,
                  static_cast<unsigned long long> (position));
    for (size_t i = expected; i != data.size (); ++i)
        if (data[i] != 0xa5)
            FAIL ("read has touched byte %zu behind the %zu that it returned", i, expected);
}
}

TEST (sizes)
{
    for (int bits = 0; bits != 64; ++bits) {
        const uint64_t power = static_cast<uint64_t> (1) << bits;
        CHECK_EQ (scif_ring_t::is_valid_size (power), bits >= 12 && bits <= 30);
        if (bits > 1) {
            CHECK (!scif_ring_t::is_valid_size (power - 1));
            CHECK (!scif_ring_t::is_valid_size (power + 1));
            CHECK (!scif_ring_t::is_valid_size (power + power / 2));
        }
    }
    CHECK (!scif_ring_t::is_valid_size (0));
    CHECK (!scif_ring_t::is_valid_size (UINT64_MAX));
    CHECK_EQ (scif_ring_t::region_size (4096), 8192);
    CHECK_EQ (scif_ring_t::region_size (1 << 30), (1 << 30) + 4096);
}

TEST (empty_ring)
{
    rt::pair_t pair (ring_size);
    char byte = 1;
    CHECK_EQ (pair.a.read (&byte, 1), 0);
    CHECK_EQ (byte, 1);
    CHECK_EQ (pair.a.read (&byte, 0), 0);
    CHECK_EQ (pair.a.write (&byte, 0), 0);
    CHECK_EQ (pair.b.read (&byte, 1), 0);
    CHECK_EQ (pair.a.space (), ring_size);
}

TEST (layout_is_the_protocol)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, 5);
    CHECK_EQ (pair.b_region.load_head (), 5);
    for (int i = 0; i != 5; ++i)
        CHECK_EQ (pair.b_region.ring ()[i], rt::stream_byte (i));
    read_stream (pair.b, 0, 5, 5);
    CHECK (pair.b.sleep ());
    CHECK_EQ (pair.a_region.load_tail (), 5);
    CHECK (pair.a_region.load_sleeping () != 0);
    CHECK_EQ (pair.a_region.load_waiting (), 0);
    write_stream (pair.b, 0, ring_size);
    CHECK (pair.b.wait ());
    CHECK (pair.a_region.load_waiting () != 0);

    //  Nothing but the four words and the ring is written to.
    for (size_t i = 0; i != 4096; ++i) {
        const size_t in_line = i % 64;
        const bool word = i < 256 && in_line < (i < 128 ? 8 : 4);
        if (!word)
            CHECK_EQ (static_cast<unsigned char *> (pair.a_region.get ())[i], 0);
    }
    //  One's own region is the other end's to write.
    CHECK_EQ (pair.b_region.load_tail (), 0);
    CHECK_EQ (pair.b_region.load_waiting (), 0);
}

TEST (own_region_is_only_read)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, 100);
    pair.b_region.make_read_only ();
    read_stream (pair.b, 0, 200, 100);
    CHECK (pair.b.sleep ());
    write_stream (pair.b, 0, ring_size);
    CHECK (pair.b.wait ());
    pair.b.must_ring ();
    CHECK_EQ (pair.b.space (), 0);
}

TEST_WITHIN (wraps_around_at_every_offset, 30)
{
    //  Whatever the position and the size, 0 and the whole ring among them.
    static const size_t sizes[] = {0, 1, 2, 63, 64, 65, 4095, 4096};
    for (size_t offset = 0; offset != ring_size; ++offset) {
        rt::pair_t pair (ring_size);
        uint64_t position = 0;
        for (const size_t size : sizes) {
            rt::stage ("offset %zu, size %zu", offset, size);
            //  Brings both ends to the offset, all bytes read.
            const size_t step = (offset + ring_size - static_cast<size_t> (position) % ring_size) % ring_size;
            write_stream (pair.a, position, step);
            read_stream (pair.b, position, step + 1, step);
            position += step;
            CHECK (pair.b.sleep ());

            write_stream (pair.a, position, size);
            CHECK_EQ (pair.a.space (), ring_size - size);
            read_stream (pair.b, position, size, size);
            position += size;
            CHECK (pair.b.sleep ());
        }
    }
}

TEST (writes_what_fits)
{
    rt::pair_t pair (ring_size);
    std::vector<unsigned char> data (3 * ring_size);
    for (size_t i = 0; i != data.size (); ++i)
        data[i] = rt::stream_byte (i);
    CHECK_EQ (pair.a.write (data.data (), data.size ()), ring_size);
    CHECK_EQ (pair.a.write (data.data () + ring_size, 1), 0);
    CHECK_EQ (pair.a.space (), 0);
    read_stream (pair.b, 0, ring_size + 1, ring_size);
    CHECK_EQ (pair.a.write (data.data () + ring_size, 2 * ring_size), ring_size);
    read_stream (pair.b, ring_size, 1, 1);
    read_stream (pair.b, ring_size + 1, 2 * ring_size, ring_size - 1);
}

TEST (limit)
{
    static const size_t limits[] = {1, 2, 63, 1023, 1024, 1025, 4095, 4096, 4097, SIZE_MAX};
    for (const size_t limit : limits) {
        rt::stage ("limit %zu", limit);
        rt::pair_t pair (ring_size, limit);
        const size_t room = limit < ring_size ? limit : ring_size;
        CHECK_EQ (pair.a.space (), room);
        std::vector<unsigned char> data (2 * ring_size);
        uint64_t position = 0;
        for (int round = 0; round != 20; ++round) {
            for (size_t i = 0; i != data.size (); ++i)
                data[i] = rt::stream_byte (position + i);
            CHECK_EQ (pair.a.write (data.data (), data.size ()), room);
            CHECK_EQ (pair.a.write (data.data (), 1), 0);
            CHECK_EQ (pair.a.space (), 0);
            //  The reader learns that the writer waits, and tells it of each byte from then on.
            CHECK (pair.a.wait ());
            read_stream (pair.b, position, 1, 1);
            CHECK_EQ (pair.a.space (), 1);
            read_stream (pair.b, position + 1, 2 * ring_size, room - 1);
            CHECK (pair.b.must_ring ());
            CHECK_EQ (pair.a.space (), room);
            position += room;
        }
    }
}

TEST (space_is_sure_to_be_taken)
{
    rt::random_t random (rt::seed ());
    for (int round = 0; round != 2000; ++round) {
        rt::pair_t pair (ring_size, 1 + random.below (2 * ring_size));
        uint64_t head = 0;
        uint64_t tail = 0;
        for (int i = 0; i != 20; ++i) {
            const size_t space = pair.a.space ();
            const size_t size = random.one_in (3) ? space : random.below (space + 1);
            write_stream (pair.a, head, size);
            head += size;
            CHECK_EQ (pair.a.space (), space - size);
            const size_t wanted = random.below (ring_size);
            const size_t there = static_cast<size_t> (head - tail);
            const size_t expected = wanted < there ? wanted : there;
            read_stream (pair.b, tail, wanted, expected);
            tail += expected;
        }
    }
}

TEST (tail_is_told_at_a_quarter)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, ring_size);
    read_stream (pair.b, 0, 1023, 1023);
    CHECK_EQ (pair.a_region.load_tail (), 0);
    CHECK (!pair.b.must_ring ());
    read_stream (pair.b, 1023, 1, 1);
    CHECK_EQ (pair.a_region.load_tail (), 1024);
    read_stream (pair.b, 1024, 1023, 1023);
    CHECK_EQ (pair.a_region.load_tail (), 1024);
    read_stream (pair.b, 2047, 2000, 2000);
    CHECK_EQ (pair.a_region.load_tail (), 4047);
    CHECK (!pair.b.must_ring ());
}

TEST (tail_is_told_at_sleep)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, 10);
    read_stream (pair.b, 0, 10, 10);
    CHECK_EQ (pair.a_region.load_tail (), 0);
    CHECK (pair.b.sleep ());
    CHECK_EQ (pair.a_region.load_tail (), 10);
    //  Nobody waits for it.
    CHECK (!pair.b.must_ring ());

    //  It is told as well if there turns out to be something to read.
    write_stream (pair.a, 10, 10);
    read_stream (pair.b, 10, 5, 5);
    CHECK_EQ (pair.a_region.load_tail (), 10);
    CHECK (!pair.b.sleep ());
    CHECK_EQ (pair.a_region.load_tail (), 15);
}

TEST (tail_is_told_when_the_writer_waits)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, ring_size);
    read_stream (pair.b, 0, 10, 10);
    CHECK_EQ (pair.a_region.load_tail (), 0);
    //  What was read before the writer went to wait is told with the next byte.
    CHECK (pair.a.wait ());
    CHECK (!pair.b.must_ring ());
    read_stream (pair.b, 10, 1, 1);
    CHECK_EQ (pair.a_region.load_tail (), 11);
    CHECK (pair.b.must_ring ());
    //  Once woken up it does not wait any more.
    read_stream (pair.b, 11, 1, 1);
    CHECK_EQ (pair.a_region.load_tail (), 11);
    CHECK (!pair.b.must_ring ());
}

TEST (tail_told_by_sleep_wakes_who_waits)
{
    rt::pair_t pair (ring_size, 100);
    write_stream (pair.a, 0, 100);
    read_stream (pair.b, 0, 100, 100);
    //  The reader has not seen yet that the writer waits.
    CHECK_EQ (pair.a_region.load_tail (), 0);
    CHECK (pair.a.wait ());
    CHECK (pair.b.sleep ());
    CHECK_EQ (pair.a_region.load_tail (), 100);
    CHECK (pair.b.must_ring ());
    CHECK (!pair.b.must_ring ());
    CHECK_EQ (pair.a.space (), 100);
}

TEST (rings_once_for_each_sleep)
{
    rt::pair_t pair (ring_size);
    uint64_t position = 0;
    CHECK (!pair.a.must_ring ());
    for (int round = 0; round != 100; ++round) {
        //  Awake: no bell.
        write_stream (pair.a, position, 1);
        CHECK (!pair.a.must_ring ());
        read_stream (pair.b, position++, 2, 1);
        CHECK (pair.b.sleep ());
        //  Asleep, but nothing new for it.
        CHECK (!pair.a.must_ring ());
        write_stream (pair.a, position, 1);
        CHECK (pair.a.must_ring ());
        CHECK (!pair.a.must_ring ());
        write_stream (pair.a, position + 1, 1);
        CHECK (!pair.a.must_ring ());
        read_stream (pair.b, position, 2, 2);
        position += 2;
    }
}

TEST (rings_once_for_each_wait)
{
    rt::pair_t pair (ring_size);
    uint64_t position = 0;
    write_stream (pair.a, 0, ring_size);
    uint64_t head = ring_size;
    for (int round = 0; round != 100; ++round) {
        CHECK (pair.a.wait ());
        CHECK (!pair.b.must_ring ());
        read_stream (pair.b, position, 7, 7);
        position += 7;
        CHECK (pair.b.must_ring ());
        CHECK (!pair.b.must_ring ());
        read_stream (pair.b, position, 7, 7);
        position += 7;
        CHECK (!pair.b.must_ring ());
        //  What is left untold is told at the next occasion, so that the ring can be filled again.
        CHECK (!pair.b.sleep ());
        CHECK (!pair.b.must_ring ());
        write_stream (pair.a, head, 14);
        head += 14;
        //  The reader has said that it sleeps, whatever it did after; a bell too many does no harm.
        CHECK (pair.a.must_ring ());
    }
}

TEST (one_bell_for_both)
{
    //  The other end sleeps and waits; what was written and read for it takes one bell.
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, ring_size);
    CHECK (pair.a.wait ());
    CHECK (pair.a.sleep ());
    write_stream (pair.b, 0, 1);
    read_stream (pair.b, 0, 1, 1);
    CHECK (pair.b.must_ring ());
    CHECK (!pair.b.must_ring ());
}

TEST (who_sleeps_is_not_woken_for_space)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, 2048);
    CHECK (pair.a.sleep ());
    read_stream (pair.b, 0, 2048, 2048);
    CHECK (!pair.b.must_ring ());
    //  The bell for the sleep is still owed.
    write_stream (pair.b, 0, 1);
    CHECK (pair.b.must_ring ());
}

TEST (who_waits_is_not_woken_for_data)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, ring_size);
    CHECK (pair.a.wait ());
    write_stream (pair.b, 0, 1);
    CHECK (!pair.b.must_ring ());
    read_stream (pair.b, 0, 1, 1);
    CHECK (pair.b.must_ring ());
}

TEST (sleep_sees_what_came_in_between)
{
    rt::pair_t pair (ring_size);
    char byte;
    CHECK_EQ (pair.b.read (&byte, 1), 0);
    write_stream (pair.a, 0, 3);
    CHECK (!pair.a.must_ring ());
    CHECK (!pair.b.sleep ());
    read_stream (pair.b, 0, 10, 3);
    CHECK (pair.b.sleep ());
    //  Twice in a row is fine; one bell is enough.
    CHECK (pair.b.sleep ());
    write_stream (pair.a, 3, 1);
    CHECK (pair.a.must_ring ());
    CHECK (!pair.a.must_ring ());
}

TEST (wait_sees_what_came_in_between)
{
    rt::pair_t pair (ring_size);
    write_stream (pair.a, 0, ring_size);
    read_stream (pair.b, 0, 1024, 1024);
    CHECK (!pair.a.wait ());
    CHECK_EQ (pair.a.space (), 1024);
    write_stream (pair.a, ring_size, 1024);
    CHECK (pair.a.wait ());
}

TEST (numbers_of_sleeps_wrap_around)
{
    //  After 2^32 sleeps the number is what it was before the first; all that counts is that it changes.
    rt::pair_t pair (ring_size);
    static const uint32_t numbers[] = {0xffffffffu, 0, 1, 0x80000000u, 0x7fffffffu};
    for (const uint32_t number : numbers) {
        pair.a_region.store_sleeping (number);
        write_stream (pair.a, 0, 1);
        CHECK (pair.a.must_ring ());
        write_stream (pair.a, 0, 1);
        CHECK (!pair.a.must_ring ());
    }
}

TEST (both_directions_are_independent)
{
    rt::pair_t pair (ring_size);
    rt::random_t random (rt::seed ());
    uint64_t heads[2] = {0, 0};
    uint64_t tails[2] = {0, 0};
    scif_ring_t *const rings[2] = {&pair.a, &pair.b};
    for (int i = 0; i != 50000; ++i) {
        const int from = static_cast<int> (random.below (2));
        const size_t size = random.below (ring_size);
        if (random.one_in (2)) {
            const size_t space = rings[from]->space ();
            const size_t taken = size < space ? size : space;
            write_stream (*rings[from], heads[from], taken);
            heads[from] += taken;
        } else {
            const size_t there = static_cast<size_t> (heads[from] - tails[from]);
            const size_t expected = size < there ? size : there;
            read_stream (*rings[1 - from], tails[from], size, expected);
            tails[from] += expected;
        }
    }
}
