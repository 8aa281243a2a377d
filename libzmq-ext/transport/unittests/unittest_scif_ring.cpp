/* SPDX-License-Identifier: MPL-2.0 */

#include <unity.h>
#include "../tests/testutil.hpp"

#include <scif_ring.hpp>

#include <scif.h>

#include <string.h>
#include <vector>

using zmq::scif_ring_t;

void setUp ()
{
}

void tearDown ()
{
}

//  The layout of a region is part of the protocol.
static const size_t region_size = 65536;
static const size_t control_size = 4096;
static const size_t ring_size = region_size - control_size;
static const size_t all = static_cast<size_t> (-1);

//  The DMA engine is played by the test.
static const scif_epd_t dma_epd = 77;
static const off_t dma_offset = 0x7000000;
static unsigned char *dma_target;
static size_t dma_calls;
static int dma_errno;

int scif_vwriteto (
  scif_epd_t epd_, void *data_, size_t size_, off_t offset_, int flags_)
{
    TEST_ASSERT_EQUAL (dma_epd, epd_);
    //  Otherwise the data might arrive after the index.
    TEST_ASSERT_BITS_HIGH (SCIF_RMA_SYNC, flags_);
    //  Only the ring, never the control words.
    const off_t pos = offset_ - dma_offset - static_cast<off_t> (control_size);
    TEST_ASSERT_TRUE (size_ > 0 && pos >= 0);
    TEST_ASSERT_TRUE (static_cast<size_t> (pos) + size_ <= ring_size);
    ++dma_calls;
    if (dma_errno != 0) {
        errno = dma_errno;
        return -1;
    }
    memcpy (dma_target + control_size + pos, data_, size_);
    return 0;
}

class region_t
{
  public:
    explicit region_t (size_t size_) :
        _memory (size_ / sizeof (uint64_t)), _size (size_)
    {
    }

    unsigned char *data ()
    {
        return reinterpret_cast<unsigned char *> (&_memory[0]);
    }
    size_t size () const { return _size; }
    unsigned char *ring () { return data () + control_size; }
    uint64_t &head () { return _memory[0]; }
    uint64_t &tail () { return _memory[8]; }
    uint32_t &sleeping () { return word (128); }
    uint32_t &waiting () { return word (192); }

  private:
    uint32_t &word (size_t pos_)
    {
        return *reinterpret_cast<uint32_t *> (data () + pos_);
    }

    std::vector<uint64_t> _memory;
    const size_t _size;
};

//  Two ends that write to each other's region, as if on two nodes if 'epd_' is
//  not -1.
struct pair_t
{
    explicit pair_t (size_t limit_ = all,
                     scif_epd_t epd_ = -1,
                     size_t size_ = region_size) :
        a_region (size_), b_region (size_), head (0), tail (0)
    {
        a.set_local (a_region.data (), size_);
        a.set_remote (b_region.data (), size_, limit_, epd_, dma_offset);
        b.set_local (b_region.data (), size_);
        b.set_remote (a_region.data (), size_, limit_, -1, 0);
        dma_target = b_region.data ();
        dma_calls = 0;
        dma_errno = 0;
    }

    //  What a writes is a stream without an end.
    static unsigned char byte (uint64_t pos_)
    {
        //  A prime, so that no two blocks are the same.
        return static_cast<unsigned char> (pos_ % 251);
    }

    //  Has a write some bytes, of which it has to take so many.
    void write (size_t size_, size_t expected_)
    {
        std::vector<unsigned char> data (size_ + 1);
        for (size_t i = 0; i < size_; ++i)
            data[i] = byte (head + i);
        TEST_ASSERT_EQUAL (expected_, a.write (&data[0], size_));
        head += expected_;
    }
    void write (size_t size_) { write (size_, size_); }

    //  Has b read up to so many bytes, of which so many have to be there.
    void read (size_t size_, size_t expected_)
    {
        std::vector<unsigned char> data (size_ + 1);
        TEST_ASSERT_EQUAL (expected_, b.read (&data[0], size_));
        bool right = true;
        for (size_t i = 0; i < expected_; ++i)
            right = right && data[i] == byte (tail + i);
        for (size_t i = expected_; i < data.size (); ++i)
            right = right && data[i] == 0;
        TEST_ASSERT_TRUE (right);
        tail += expected_;
    }
    void read (size_t size_) { read (size_, size_); }

    region_t a_region;
    region_t b_region;
    scif_ring_t a;
    scif_ring_t b;
    uint64_t head;
    uint64_t tail;
};

static void expect_failure (int errno_, int rc_)
{
    const int err = errno;
    TEST_ASSERT_EQUAL (-1, rc_);
    TEST_ASSERT_EQUAL (errno_, err);
}

static void test_region_sizes ()
{
    const uint64_t unit = 65536;
    const uint64_t one = 1;
    for (uint64_t size = unit; size <= 1024 * unit; size += unit) {
        TEST_ASSERT_TRUE (scif_ring_t::is_valid_region_size (size));
        TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (size - 1));
        TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (size + 1));
        TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (size + 4096));
    }
    TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (0));
    TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (4096));
    TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (1025 * unit));
    for (int i = 27; i < 64; ++i)
        TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (one << i));
    TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (0 - one));
    TEST_ASSERT_FALSE (scif_ring_t::is_valid_region_size (0 - unit));
}

static void test_layout ()
{
    pair_t pair;
    pair.write (0);
    pair.read (10, 0);
    TEST_ASSERT_FALSE (pair.b.is_readable ());
    TEST_ASSERT_TRUE (pair.a.is_writable ());
    pair.write (5);
    TEST_ASSERT_EQUAL (5, pair.b_region.head ());
    for (size_t i = 0; i < 5; ++i)
        TEST_ASSERT_EQUAL (i, pair.b_region.ring ()[i]);
    pair.read (5);

    //  One's own region is only read.
    region_t before (region_size);
    memcpy (before.data (), pair.b_region.data (), region_size);
    TEST_ASSERT_TRUE (pair.b.sleep ());
    std::vector<char> data (ring_size, 'x');
    TEST_ASSERT_EQUAL (ring_size, pair.b.write (&data[0], ring_size));
    TEST_ASSERT_TRUE (pair.b.wait ());
    pair.b.must_ring ();
    TEST_ASSERT_EQUAL_MEMORY (before.data (), pair.b_region.data (),
                              region_size);

    //  Of the other one nothing but the words and the ring is written to.
    region_t expected (region_size);
    expected.head () = ring_size;
    expected.tail () = 5;
    expected.sleeping () = 1;
    expected.waiting () = 1;
    memset (expected.ring (), 'x', ring_size);
    TEST_ASSERT_EQUAL_MEMORY (expected.data (), pair.a_region.data (),
                              region_size);
}

static void test_wrap_around ()
{
    //  What divides the size of the ring gets nowhere near every offset.
    pair_t pair;
    for (size_t i = 0; i < ring_size; ++i) {
        pair.write (7);
        pair.read (7);
    }
}

static void test_piece ()
{
    //  Others are to have their turn, however large the ring and the message.
    const size_t piece = 65536;
    pair_t pair (all, -1, 4 * region_size);
    for (int i = 0; i < 3; ++i)
        pair.write (5 * piece, piece);
    pair.write (5 * piece, piece - control_size);
    for (int i = 0; i < 3; ++i)
        pair.read (5 * piece, piece);
    pair.read (5 * piece, piece - control_size);
    pair.read (1, 0);
}

static void test_limit ()
{
    static const size_t limits[] = {1, 2, 1023, 8192, ring_size, 2 * ring_size};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; ++i) {
        const size_t room = limits[i] < ring_size ? limits[i] : ring_size;
        pair_t pair (limits[i]);
        for (int round = 0; round < 20; ++round) {
            pair.write (2 * ring_size, room);
            pair.write (1, 0);
            TEST_ASSERT_FALSE (pair.a.is_writable ());
            //  Who waits is told of each byte, until it is woken up.
            TEST_ASSERT_TRUE (pair.a.wait ());
            pair.read (1);
            TEST_ASSERT_TRUE (pair.a.is_writable ());
            pair.read (2 * ring_size, room - 1);
            TEST_ASSERT_TRUE (pair.b.must_ring ());
            TEST_ASSERT_TRUE (pair.b.sleep ());
            //  The next time it begins elsewhere.
            pair.write (room / 3);
            pair.read (room / 3);
            TEST_ASSERT_TRUE (pair.b.sleep ());
        }
    }
}

static void test_tail_told_at_a_quarter ()
{
    pair_t pair;
    pair.write (ring_size);
    pair.read (ring_size / 4 - 1);
    TEST_ASSERT_EQUAL (0, pair.a_region.tail ());
    pair.read (1);
    TEST_ASSERT_EQUAL (ring_size / 4, pair.a_region.tail ());
    pair.read (ring_size / 4 - 1);
    TEST_ASSERT_EQUAL (ring_size / 4, pair.a_region.tail ());
    pair.read (100);
    TEST_ASSERT_EQUAL (ring_size / 2 + 99, pair.a_region.tail ());
    //  Nobody waits for it.
    TEST_ASSERT_FALSE (pair.b.must_ring ());
}

static void test_tail_told_at_sleep ()
{
    pair_t pair;
    pair.write (10);
    pair.read (10);
    TEST_ASSERT_EQUAL (0, pair.a_region.tail ());
    TEST_ASSERT_TRUE (pair.b.sleep ());
    TEST_ASSERT_EQUAL (10, pair.a_region.tail ());
    TEST_ASSERT_FALSE (pair.b.must_ring ());

    //  As well if there turns out to be something to read.
    pair.write (10);
    pair.read (5);
    TEST_ASSERT_EQUAL (10, pair.a_region.tail ());
    TEST_ASSERT_FALSE (pair.b.sleep ());
    TEST_ASSERT_EQUAL (15, pair.a_region.tail ());
}

static void test_tail_told_to_who_waits ()
{
    pair_t pair;
    pair.write (ring_size);
    pair.read (10);
    TEST_ASSERT_EQUAL (0, pair.a_region.tail ());
    TEST_ASSERT_TRUE (pair.a.wait ());
    TEST_ASSERT_FALSE (pair.b.must_ring ());
    pair.read (1);
    TEST_ASSERT_EQUAL (11, pair.a_region.tail ());
    TEST_ASSERT_TRUE (pair.b.must_ring ());
    //  Once woken up it does not wait any more.
    pair.read (1);
    TEST_ASSERT_EQUAL (11, pair.a_region.tail ());
    TEST_ASSERT_FALSE (pair.b.must_ring ());

    //  It may have been read already when the writer goes to wait.
    TEST_ASSERT_TRUE (pair.a.is_writable ());
    pair.write (ring_size, 11);
    TEST_ASSERT_TRUE (pair.a.wait ());
    TEST_ASSERT_FALSE (pair.b.sleep ());
    TEST_ASSERT_EQUAL (12, pair.a_region.tail ());
    TEST_ASSERT_TRUE (pair.b.must_ring ());
    TEST_ASSERT_FALSE (pair.b.must_ring ());
}

static void test_one_bell_for_each_sleep ()
{
    pair_t pair;
    for (int round = 0; round < 100; ++round) {
        //  Nobody sleeps.
        pair.write (1);
        TEST_ASSERT_FALSE (pair.a.must_ring ());
        pair.read (2, 1);
        TEST_ASSERT_TRUE (pair.b.sleep ());
        //  It does, but there is nothing new for it.
        TEST_ASSERT_FALSE (pair.a.must_ring ());
        pair.write (1);
        TEST_ASSERT_TRUE (pair.a.must_ring ());
        TEST_ASSERT_FALSE (pair.a.must_ring ());
        pair.write (1);
        TEST_ASSERT_FALSE (pair.a.must_ring ());
        pair.read (2);
        //  To say it twice does no harm.
        TEST_ASSERT_TRUE (pair.b.sleep ());
        TEST_ASSERT_TRUE (pair.b.sleep ());
        pair.write (1);
        TEST_ASSERT_TRUE (pair.a.must_ring ());
        pair.read (1);
    }
}

static void test_one_bell_for_each_wait ()
{
    pair_t pair;
    for (int round = 0; round < 100; ++round) {
        pair.write (2 * ring_size, round == 0 ? ring_size : 14);
        TEST_ASSERT_TRUE (pair.a.wait ());
        TEST_ASSERT_FALSE (pair.b.must_ring ());
        pair.read (7);
        TEST_ASSERT_TRUE (pair.b.must_ring ());
        TEST_ASSERT_FALSE (pair.b.must_ring ());
        pair.read (7);
        TEST_ASSERT_FALSE (pair.b.must_ring ());
        //  What is left untold is told at the next occasion.
        TEST_ASSERT_FALSE (pair.b.sleep ());
        TEST_ASSERT_FALSE (pair.b.must_ring ());
    }
}

static void test_bells_of_both_kinds ()
{
    //  Who sleeps is not woken up for space, who waits not for data.
    pair_t pair;
    pair.write (ring_size / 2);
    TEST_ASSERT_TRUE (pair.a.sleep ());
    pair.read (ring_size / 2);
    TEST_ASSERT_FALSE (pair.b.must_ring ());
    TEST_ASSERT_EQUAL (1, pair.b.write ("x", 1));
    TEST_ASSERT_TRUE (pair.b.must_ring ());

    pair.write (ring_size);
    TEST_ASSERT_TRUE (pair.a.wait ());
    TEST_ASSERT_EQUAL (1, pair.b.write ("x", 1));
    TEST_ASSERT_FALSE (pair.b.must_ring ());
    pair.read (1);
    TEST_ASSERT_TRUE (pair.b.must_ring ());

    //  One is enough for who does both.
    char bytes[10];
    TEST_ASSERT_EQUAL (2, pair.a.read (bytes, sizeof bytes));
    pair.write (1);
    TEST_ASSERT_TRUE (pair.a.wait ());
    TEST_ASSERT_TRUE (pair.a.sleep ());
    TEST_ASSERT_EQUAL (1, pair.b.write ("x", 1));
    pair.read (1);
    TEST_ASSERT_TRUE (pair.b.must_ring ());
    TEST_ASSERT_FALSE (pair.b.must_ring ());
}

static void test_sleep_and_wait_look_again ()
{
    pair_t pair;
    pair.read (1, 0);
    pair.write (ring_size);
    TEST_ASSERT_FALSE (pair.a.must_ring ());
    TEST_ASSERT_FALSE (pair.b.sleep ());
    pair.read (ring_size);
    TEST_ASSERT_FALSE (pair.a.wait ());
    pair.write (ring_size);
    TEST_ASSERT_TRUE (pair.a.wait ());
}

static void test_numbers_wrap_around ()
{
    //  All that counts is that they change.
    static const uint32_t numbers[] = {0xffffffff, 0, 1, 0x80000000, 0};
    pair_t pair;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
        pair.a_region.sleeping () = numbers[i];
        pair.write (1);
        TEST_ASSERT_TRUE (pair.a.must_ring ());
        pair.write (1);
        TEST_ASSERT_FALSE (pair.a.must_ring ());
    }
}

static void test_head_out_of_bounds ()
{
    const uint64_t one = 1;
    static const uint64_t ahead[] = {ring_size + 1, one << 32, one << 63,
                                     0 - one, 0 - one * ring_size};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; ++i) {
        pair_t pair;
        char bytes[10];
        pair.write (1000);
        pair.read (1000);
        pair.b_region.head () = 1000 + ahead[i];
        expect_failure (EPROTO, pair.b.read (bytes, sizeof bytes));
        expect_failure (EPROTO, pair.b.read (bytes, 0));
        TEST_ASSERT_TRUE (pair.b.is_readable ());
        TEST_ASSERT_FALSE (pair.b.sleep ());
    }
}

static void test_tail_out_of_bounds ()
{
    //  Ahead of what was written, and more than the ring behind it.
    const uint64_t one = 1;
    static const uint64_t ahead[] = {1, ring_size, one << 32, one << 63,
                                     0 - one * ring_size - 1};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; ++i) {
        pair_t pair;
        pair.write (3000);
        pair.a_region.tail () = 3000 + ahead[i];
        expect_failure (EPROTO, pair.a.write ("x", 1));
        TEST_ASSERT_EQUAL (3000, pair.b_region.head ());
        TEST_ASSERT_TRUE (pair.a.is_writable ());
        TEST_ASSERT_FALSE (pair.a.wait ());
    }

    pair_t pair;
    pair.write (3000);
    pair.a_region.tail () = 2000;
    pair.write (10);
    pair.a_region.tail () = 1999;
    expect_failure (EPROTO, pair.a.write ("x", 1));
}

static void test_dma ()
{
    //  What is small is left to the processor, also where the ring ends.
    pair_t pair (all, dma_epd);
    for (size_t size = 1; size < ring_size; size += 1021) {
        const size_t behind = ring_size - pair.head % ring_size;
        const size_t first = size < behind ? size : behind;
        dma_calls = 0;
        pair.write (size);
        TEST_ASSERT_EQUAL ((first >= 32768) + (size - first >= 32768),
                           dma_calls);
        pair.read (size);
        TEST_ASSERT_TRUE (pair.b.sleep ());
    }
}

static void test_dma_failure ()
{
    //  Memory that can't be pinned is left to the processor.
    static const int not_begun[] = {EFAULT, ENOMEM, EAGAIN};
    for (size_t i = 0; i < sizeof not_begun / sizeof not_begun[0]; ++i) {
        pair_t pair (all, dma_epd);
        dma_errno = not_begun[i];
        pair.write (40000);
        TEST_ASSERT_EQUAL (1, dma_calls);
        pair.read (40000);
    }

    //  Otherwise it may be at work still, and nobody is told.
    pair_t pair (all, dma_epd);
    std::vector<char> data (40000, 'x');
    dma_errno = EIO;
    expect_failure (EIO, pair.a.write (&data[0], data.size ()));
    TEST_ASSERT_EQUAL (0, pair.b_region.head ());
    TEST_ASSERT_EQUAL (0, pair.b_region.ring ()[0]);
    TEST_ASSERT_FALSE (pair.a.must_ring ());
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_region_sizes);
    RUN_TEST (test_layout);
    RUN_TEST (test_wrap_around);
    RUN_TEST (test_piece);
    RUN_TEST (test_limit);
    RUN_TEST (test_tail_told_at_a_quarter);
    RUN_TEST (test_tail_told_at_sleep);
    RUN_TEST (test_tail_told_to_who_waits);
    RUN_TEST (test_one_bell_for_each_sleep);
    RUN_TEST (test_one_bell_for_each_wait);
    RUN_TEST (test_bells_of_both_kinds);
    RUN_TEST (test_sleep_and_wait_look_again);
    RUN_TEST (test_numbers_wrap_around);
    RUN_TEST (test_head_out_of_bounds);
    RUN_TEST (test_tail_out_of_bounds);
    RUN_TEST (test_dma);
    RUN_TEST (test_dma_failure);
    return UNITY_END ();
}
