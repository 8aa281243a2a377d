/* SPDX-License-Identifier: MPL-2.0 */

#include "unittest_scif_common.hpp"

void setUp ()
{
    uint16_t node;
    if (zmq::scif_address_t::local_node (&node) != 0)
        TEST_IGNORE_MESSAGE ("SCIF is not available");
    reset_calls ();
}

void tearDown ()
{
}

//  The endpoint has to carry the bytes from now on.
static void expect_endpoint (pair_t &pair_)
{
    TEST_ASSERT_NULL (pair_.channel->rings ());
    //  No memory is kept for nothing.
    const uint64_t size = zmq::get_uint64 (pair_.received + region_size_pos);
    const uint64_t offset = zmq::get_uint64 (pair_.received + offset_pos);
    TEST_ASSERT_TRUE (
      size == 0
      || scif_mmap (NULL, size, read_write, 0, pair_.epd, offset)
           == SCIF_MMAP_FAILED);
    pair_.make_stream ();
    char text[10];
    TEST_ASSERT_EQUAL (5, pair_.stream->write ("hello", 5));
    pair_.receive (text, 5);
    TEST_ASSERT_EQUAL_MEMORY ("hello", text, 5);
    pair_.send ("world", 5);
    TEST_ASSERT_EQUAL (5, pair_.read_or_fail (text, sizeof text));
    TEST_ASSERT_EQUAL_MEMORY ("world", text, 5);
    pair_.close ();
    expect_failure (ECONNRESET, pair_.read_or_fail (text, sizeof text));
}

//  Greets either end, with these 8 bytes at that place, in vain.
static void expect_no_rings (size_t pos_, uint64_t value_)
{
    for (int connecting = 0; connecting < 2; ++connecting) {
        pair_t pair (connecting != 0);
        unsigned char greeting[greeting_size];
        pair.make_greeting (greeting);
        windows.clear ();
        zmq::put_uint64 (greeting + pos_, value_);
        TEST_ASSERT_EQUAL (0, pair.greet (greeting));

        //  Who accepts has registered nothing.
        TEST_ASSERT_EQUAL (0, windows.size ());
        TEST_ASSERT_EQUAL (connecting ? region_size : 0,
                           zmq::get_uint64 (pair.received + region_size_pos));
        const bool offered = zmq::get_uint64 (greeting + region_size_pos) != 0;
        TEST_ASSERT_EQUAL (connecting && offered, pair.receive_all ('E'));
        expect_endpoint (pair);
    }
}

static void test_greeting ()
{
    pair_t pair (true, true, -1);
    unsigned char expected[greeting_size + 1] = "SCIFZMTP\2\0\0\0\0\0\0\0"
                                                "\0\0\0\0\0\x08\0\0";
    pair.receive (pair.received, greeting_size);
    const uint64_t offset = zmq::get_uint64 (pair.received + offset_pos);
    zmq::put_uint64 (expected + offset_pos, offset);
    TEST_ASSERT_EQUAL_MEMORY (expected, pair.received, greeting_size);

    //  The memory is there, whole and zero, and nothing else is said.
    const size_t size = 1 << 19;
    void *const region =
      scif_mmap (NULL, size, read_write, 0, pair.epd, offset);
    TEST_ASSERT_TRUE (region != SCIF_MMAP_FAILED);
    const std::vector<char> zeros (size);
    TEST_ASSERT_EQUAL (0, memcmp (&zeros[0], region, size));
    TEST_ASSERT_EQUAL (0, scif_munmap (region, size));
    TEST_ASSERT_EQUAL (0, pair.receive_all ());
}

static void test_nothing_for_strangers ()
{
    pair_t pair;
    expect_failure (EAGAIN, pair.channel->agree ());
    pair.send ("SCIFZMTP", 8);
    expect_failure (EAGAIN, pair.channel->agree ());
    TEST_ASSERT_EQUAL (0, windows.size ());
    TEST_ASSERT_EQUAL (0, pair.receive_all ());
}

static void test_rings ()
{
    for (int connecting = 0; connecting < 2; ++connecting) {
        rings_t pair (connecting != 0);
        char text[10];
        TEST_ASSERT_EQUAL (5, pair.stream->write ("hello", 5));
        TEST_ASSERT_EQUAL (5, pair.ring.read (text, sizeof text));
        TEST_ASSERT_EQUAL_MEMORY ("hello", text, 5);
        TEST_ASSERT_EQUAL (5, pair.ring.write ("world", 5));
        TEST_ASSERT_EQUAL (5, pair.stream->read (text, sizeof text));
        TEST_ASSERT_EQUAL_MEMORY ("world", text, 5);
        TEST_ASSERT_EQUAL (0, pair.receive_all ());
    }
}

static void test_both_ends ()
{
    scif_epd_t epds[2];
    connect_endpoints (epds);
    zmq::options_t options;
    zmq::scif_channel_t accepting (epds[0], options);
    zmq::scif_channel_t connecting (epds[1], options);
    expect_failure (EAGAIN, connecting.greet ());
    expect_failure (EAGAIN, accepting.agree ());
    TEST_ASSERT_EQUAL (0, connecting.agree ());
    TEST_ASSERT_EQUAL (0, accepting.agree ());
    TEST_ASSERT_NOT_NULL (connecting.rings ());
    TEST_ASSERT_NOT_NULL (accepting.rings ());
}

static void test_undefined_bytes ()
{
    pair_t pair;
    unsigned char greeting[greeting_size];
    pair.make_greeting (greeting);
    memset (greeting + 9, 0xff, 7);
    memset (greeting + 32, 0xff, 32);
    expect_failure (EAGAIN, pair.greet (greeting));
    TEST_ASSERT_EQUAL (0, pair.answer ('R'));
    TEST_ASSERT_NOT_NULL (pair.channel->rings ());
}

static void test_window_sizes ()
{
    static const struct
    {
        int rcvbuf;
        size_t size;
    } cases[] = {{1, 65536},       {65536, 65536}, {65537, 131072},
                 {200000, 262144}, {-1, 1 << 19},  {1 << 30, 1 << 19}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
        windows.clear ();
        pair_t pair (true, true, cases[i].rcvbuf);
        TEST_ASSERT_EQUAL (1, windows.size ());
        TEST_ASSERT_EQUAL (cases[i].size, windows[0]);
    }
}

static void test_less_memory ()
{
    //  Little of it is better than none.
    static const size_t tried[] = {1 << 19, 1 << 18, 1 << 16};
    static const size_t had[] = {1 << 19, 1 << 18, 1 << 16, 0};
    for (size_t i = 0; i < 4; ++i) {
        windows.clear ();
        max_window = had[i];
        pair_t pair (true, true, -1);
        TEST_ASSERT_EQUAL (i < 3 ? i + 1 : 3, windows.size ());
        TEST_ASSERT_EQUAL (
          0, memcmp (tried, &windows[0], windows.size () * sizeof windows[0]));
        pair.receive (pair.received, greeting_size);
        TEST_ASSERT_EQUAL (had[i],
                           zmq::get_uint64 (pair.received + region_size_pos));
    }
}

static void test_no_memory ()
{
    for (int connecting = 0; connecting < 2; ++connecting) {
        max_window = connecting ? 0 : region_size;
        pair_t pair (connecting != 0);
        max_window = region_size;
        unsigned char greeting[greeting_size];
        pair.make_greeting (greeting);
        max_window = 0;
        TEST_ASSERT_EQUAL (0, pair.greet (greeting));
        for (size_t i = version_pos + 1; i < greeting_size; ++i)
            TEST_ASSERT_EQUAL (0, pair.received[i]);
        TEST_ASSERT_EQUAL (connecting, pair.receive_all ('E'));
        expect_endpoint (pair);
    }
}

static void test_other_versions ()
{
    for (uint64_t version = 0; version < 256; ++version)
        if (version != 2)
            expect_no_rings (version_pos, version << 56);
}

static void test_other_sizes ()
{
    //  That of the window is the only right one; of a region that is too large
    //  not even the attempt is made.
    const uint64_t one = 1;
    static const uint64_t sizes[] = {
      0,         1,          4096,      65535,     65537,           131072,
      one << 26, 1025 << 16, one << 32, one << 63, 0 - one * 65536, 0 - one};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i)
        expect_no_rings (region_size_pos, sizes[i]);
}

static void test_other_offsets ()
{
    const uint64_t one = 1;
    static const uint64_t offsets[] = {
      0, 1, 4096, one << 62, one << 63, 0 - one * 65536, 0 - one};
    for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; ++i)
        expect_no_rings (offset_pos, offsets[i]);
}

static void test_windows_of_no_use ()
{
    static const int prots[] = {SCIF_PROT_READ, SCIF_PROT_WRITE, read_write};
    for (int i = 0; i < 3; ++i) {
        pair_t pair;
        unsigned char greeting[greeting_size];
        pair.make_greeting (greeting, prots[i]);
        mmap_errno = prots[i] == read_write ? ENOMEM : 0;
        TEST_ASSERT_EQUAL (0, pair.greet (greeting));
        TEST_ASSERT_EQUAL (0,
                           zmq::get_uint64 (pair.received + region_size_pos));
        expect_endpoint (pair);
    }
}

static void test_answers ()
{
    for (int answer = 0; answer < 256; ++answer) {
        pair_t pair;
        unsigned char greeting[greeting_size];
        pair.make_greeting (greeting);
        expect_failure (EAGAIN, pair.greet (greeting));
        expect_failure (EAGAIN, pair.channel->agree ());
        const int rc = pair.answer (static_cast<char> (answer));
        if (answer == 'E')
            expect_endpoint (pair);
        else if (answer != 'R')
            expect_failure (EPROTO, rc);
    }
}

static void test_greeting_in_pieces ()
{
    pair_t pair;
    unsigned char greeting[greeting_size];
    pair.make_greeting (greeting);
    for (size_t i = 0; i < greeting_size; ++i) {
        expect_failure (EAGAIN, pair.channel->agree ());
        TEST_ASSERT_EQUAL (0, pair.receive_all ());
        pair.send (greeting + i, 1);
    }
    expect_failure (EAGAIN, pair.channel->agree ());
    pair.receive (pair.received, greeting_size);
    TEST_ASSERT_EQUAL_MEMORY ("SCIFZMTP\2", pair.received, 9);
}

static void test_gone_in_the_middle ()
{
    for (int connecting = 0; connecting < 2; ++connecting)
        for (size_t size = 0; size <= greeting_size; ++size) {
            pair_t pair (connecting != 0);
            unsigned char greeting[greeting_size];
            pair.make_greeting (greeting);
            if (size > 0)
                pair.send (greeting, size);
            pair.close ();
            TEST_ASSERT_TRUE (is_readable (pair.channel->epd (), 5000));
            int rc = pair.channel->agree ();
            while (rc == -1 && errno == EAGAIN)
                rc = pair.channel->agree ();
            expect_failure (ECONNRESET, rc);
        }
}

static void test_wrong_magic ()
{
    //  Is found with the first byte that is wrong.
    for (int connecting = 0; connecting < 2; ++connecting)
        for (size_t pos = 0; pos < 8; ++pos) {
            pair_t pair (connecting != 0);
            char magic[] = "SCIFZMTP";
            magic[pos] ^= 1;
            pair.send (magic, pos + 1);
            expect_failure (EPROTO, pair.channel->agree ());
        }
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_greeting);
    RUN_TEST (test_nothing_for_strangers);
    RUN_TEST (test_rings);
    RUN_TEST (test_both_ends);
    RUN_TEST (test_undefined_bytes);
    RUN_TEST (test_window_sizes);
    RUN_TEST (test_less_memory);
    RUN_TEST (test_no_memory);
    RUN_TEST (test_other_versions);
    RUN_TEST (test_other_sizes);
    RUN_TEST (test_other_offsets);
    RUN_TEST (test_windows_of_no_use);
    RUN_TEST (test_answers);
    RUN_TEST (test_greeting_in_pieces);
    RUN_TEST (test_gone_in_the_middle);
    RUN_TEST (test_wrong_magic);
    return UNITY_END ();
}
