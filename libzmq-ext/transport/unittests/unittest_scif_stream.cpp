/* SPDX-License-Identifier: MPL-2.0 */

#include "unittest_scif_common.hpp"

#include <sys/resource.h>

//  What a stream writes at most if asked to be modest.
static const size_t limit = 8192;

//  Places of control words.
static const size_t head_pos = 0;
static const size_t tail_pos = 64;
static const size_t sleeping_pos = 128;

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

//  What the peer does in the middle of a call of the stream's.
static rings_t *acting;
static int calls;

static void write_once ()
{
    before_receive = after_receive = NULL;
    acting->write (1);
}

static void read_once ()
{
    before_receive = after_receive = NULL;
    acting->read (1);
    //  It is only told by who goes on, or asks for more.
    acting->ring.sleep ();
    acting->ring_bell ();
}

static void fill_queue ()
{
    char bells[100] = {0};
    while (scif_send (acting->epd, bells, sizeof bells, 0) > 0)
        continue;
    ++calls;
}

static void lie_and_go ()
{
    before_receive = NULL;
    acting->set_word (head_pos, static_cast<uint64_t> (-1));
    acting->close ();
}

static void test_wait ()
{
    rings_t pair;
    //  There is space, but nothing to read.
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    TEST_ASSERT_FALSE (pair.stream->wait (false, true));
    TEST_ASSERT_FALSE (pair.stream->wait (true, true));

    //  There is neither.
    pair.stream_write (limit + 1, limit);
    for (int i = 0; i < 4; ++i) {
        TEST_ASSERT_TRUE (pair.stream->wait ((i & 1) != 0, (i & 2) != 0));
        TEST_ASSERT_FALSE (pair.is_signalled (10));
    }

    //  There is something to read, but no space.
    rings_t other;
    other.stream_write (limit, limit);
    other.write (1);
    TEST_ASSERT_FALSE (other.stream->wait (true, false));
    TEST_ASSERT_FALSE (other.stream->wait (true, true));
    TEST_ASSERT_TRUE (other.stream->wait (false, true));
    TEST_ASSERT_FALSE (other.is_signalled ());
}

static void test_bell_for_data ()
{
    rings_t pair;
    char byte;
    for (int i = 0; i < 100; ++i) {
        expect_failure (EAGAIN, pair.stream->read (&byte, 1));
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_FALSE (pair.is_signalled ());
        pair.write (1);
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        pair.stream_read (1);
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    }
}

static void test_bell_for_space ()
{
    rings_t pair;
    pair.stream_write (limit + 1, limit);
    for (int i = 0; i < 100; ++i) {
        pair.stream_write (1, 0);
        TEST_ASSERT_TRUE (pair.stream->wait (false, true));
        TEST_ASSERT_FALSE (pair.is_signalled ());
        pair.read (1);
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        pair.stream_write (2, 1);
    }
}

static void test_bells_for_the_peer ()
{
    //  None for who is awake, one for who is not.
    rings_t pair;
    for (int i = 0; i < 100; ++i) {
        pair.stream_write (1, 1);
        pair.read (1);
        pair.write (1);
        pair.stream_read (1);
    }
    TEST_ASSERT_EQUAL (0, pair.receive_all ());
    TEST_ASSERT_TRUE (pair.ring.sleep ());
    pair.stream_write (1, 1);
    TEST_ASSERT_EQUAL (1, pair.receive_all ());
    pair.stream_write (1, 1);
    TEST_ASSERT_EQUAL (0, pair.receive_all ());

    //  What was read is told at the latest when the stream goes to sleep.
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    pair.write (ring_size);
    TEST_ASSERT_TRUE (pair.ring.wait ());
    pair.stream_read (1);
    TEST_ASSERT_EQUAL (1, pair.receive_all ());
    pair.stream_read (1);
    TEST_ASSERT_EQUAL (0, pair.receive_all ());
}

static void test_wake ()
{
    rings_t pair;
    for (int i = 0; i < 3; ++i) {
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_FALSE (pair.is_signalled ());
        pair.stream->wake ();
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
    }
    TEST_ASSERT_TRUE (pair.stream->wait (false, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    pair.stream->wake ();
    TEST_ASSERT_TRUE (pair.is_signalled (5000));
}

static void test_wait_for_nothing ()
{
    //  It is silent, also when the peer has gone.
    rings_t pair;
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    pair.write (10);
    TEST_ASSERT_TRUE (pair.is_signalled (5000));
    TEST_ASSERT_TRUE (pair.stream->wait (false, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    pair.close ();
    TEST_ASSERT_FALSE (pair.is_signalled (20));
    TEST_ASSERT_TRUE (pair.stream->wait (false, false));
    TEST_ASSERT_FALSE (pair.is_signalled (20));

    //  It is all there when it is asked for again.
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_TRUE (pair.is_signalled (5000));
    pair.stream_read (10);
    char byte;
    expect_failure (ECONNRESET, pair.read_or_fail (&byte, 1));
}

static void test_bells_taken_for_the_other ()
{
    //  The bell for what is not waited for any more is taken with those for
    //  what is.
    rings_t pair;
    pair.stream_write (limit, limit);
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    pair.write (1);
    TEST_ASSERT_TRUE (pair.stream->wait (false, true));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    TEST_ASSERT_FALSE (pair.stream->wait (true, true));
    pair.stream_read (1);

    TEST_ASSERT_TRUE (pair.stream->wait (false, true));
    pair.read (1);
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    TEST_ASSERT_FALSE (pair.stream->wait (true, true));
}

static void test_bells_in_the_middle ()
{
    //  Whatever was waited for before, and is waited for now, and whether it
    //  happens before or after bells are taken, or later.
    for (int i = 0; i < 64; ++i) {
        rings_t pair;
        pair.stream_write (limit, limit);
        TEST_ASSERT_TRUE (pair.stream->wait ((i & 1) != 0, (i & 2) != 0));
        const bool is_read = (i & 4) != 0;
        void (*const action) () = is_read ? read_once : write_once;
        acting = &pair;
        (i & 8 ? before_receive : after_receive) = action;
        const bool in = (i & 16) != 0;
        const bool out = (i & 32) != 0;
        bool found = !pair.stream->wait (in, out);
        if (before_receive || after_receive)
            action ();
        if (!(is_read ? out : in))
            found = !pair.stream->wait (!is_read, is_read);
        TEST_ASSERT_TRUE (found || pair.is_signalled (1000));
    }
}

static void test_bell_owed ()
{
    static const int errors[] = {EINTR, ENOMEM};
    for (int i = 0; i < 2; ++i) {
        rings_t pair;
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_TRUE (pair.ring.sleep ());
        send_errno = errors[i];
        pair.stream_write (1, 1);
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_EQUAL (0, pair.receive_all ());
        //  It is tried again at once, whatever is waited for.
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        TEST_ASSERT_TRUE (pair.stream->wait (false, false));
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        send_errno = 0;
        TEST_ASSERT_TRUE (pair.stream->wait (false, false));
        TEST_ASSERT_EQUAL (1, pair.receive_all ());
        TEST_ASSERT_FALSE (pair.is_signalled ());
    }

    //  The other node sleeps.
    rings_t pair;
    TEST_ASSERT_TRUE (pair.ring.sleep ());
    send_errno = ENODEV;
    pair.stream_write (1, 1);
    send_errno = 0;
    TEST_ASSERT_EQUAL (1, pair.receive_all ());
}

static void test_bells_that_nobody_takes ()
{
    const uint32_t queue_size = 4095;
    rings_t pair;
    for (uint32_t i = 1; i <= queue_size + 10; ++i) {
        pair.set_word (sleeping_pos, i);
        pair.stream_write (1, 1);
        pair.read (1);
    }
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    TEST_ASSERT_EQUAL (queue_size, pair.receive_all ());
    TEST_ASSERT_TRUE (pair.is_signalled (5000));
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_EQUAL (1, pair.receive_all ());
    TEST_ASSERT_FALSE (pair.is_signalled ());
}

static void test_bells_without_end ()
{
    //  However many there are, they do not keep a call.
    rings_t pair;
    acting = &pair;
    for (int i = 0; i < 20; ++i) {
        before_receive = fill_queue;
        calls = 0;
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_TRUE (calls > 0 && calls < 10);
        before_receive = NULL;
        char byte;
        expect_failure (EAGAIN, pair.stream->read (&byte, 1));
    }
    TEST_ASSERT_TRUE (pair.stream->wait (true, false));
    TEST_ASSERT_FALSE (pair.is_signalled ());
    pair.write (1);
    TEST_ASSERT_TRUE (pair.is_signalled (5000));
}

static void test_receive_that_fails ()
{
    //  Only ECONNRESET is the end.
    static const int errors[] = {EINTR, ENOMEM, ENODEV, ENXIO};
    rings_t pair;
    for (int i = 0; i < 4; ++i) {
        receive_errno = errors[i];
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        receive_errno = 0;
        pair.write (1);
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        pair.stream_read (1);
        pair.stream_write (1, 1);
    }
}

static void test_what_outlives_its_writer ()
{
    for (int same_node = 0; same_node < 2; ++same_node) {
        rings_t pair (false, same_node != 0);
        pair.write (20000);
        pair.close ();
        char bytes[500];
        for (int i = 0; i < 40; ++i)
            TEST_ASSERT_EQUAL (500, pair.read_or_fail (bytes, sizeof bytes));
        for (int i = 0; i < 2; ++i) {
            expect_failure (ECONNRESET,
                            pair.read_or_fail (bytes, sizeof bytes));
            expect_failure (ECONNRESET, pair.stream->write ("x", 1));
            TEST_ASSERT_FALSE (pair.stream->wait (true, false));
            TEST_ASSERT_FALSE (pair.stream->wait (false, true));
        }

        rings_t other (false, same_node != 0);
        other.stream_write (limit, limit);
        delete other.stream;
        other.stream = NULL;
        other.read (limit);
        TEST_ASSERT_EQUAL (-1, other.receive_all ());
    }
}

static void test_broken_rules ()
{
    const uint64_t one = 1;
    static const uint64_t ahead[] = {ring_size + 1, one << 32, one << 63,
                                     0 - one};
    char bytes[10];
    for (int i = 0; i < 4; ++i) {
        rings_t pair;
        pair.set_word (head_pos, ahead[i]);
        TEST_ASSERT_FALSE (pair.stream->wait (true, false));
        expect_failure (EPROTO, pair.stream->read (bytes, sizeof bytes));
        TEST_ASSERT_FALSE (pair.stream->wait (true, false));
        expect_failure (EPROTO, pair.stream->read (bytes, sizeof bytes));
    }
    for (int i = 0; i < 4; ++i) {
        //  It is for who reads to have the connection closed.
        rings_t pair;
        pair.set_word (tail_pos, ahead[i]);
        TEST_ASSERT_FALSE (pair.stream->wait (false, true));
        expect_failure (EPROTO, pair.stream->write ("x", 1));
        TEST_ASSERT_FALSE (pair.stream->wait (true, false));
        expect_failure (EPROTO, pair.stream->read (bytes, sizeof bytes));
    }

    //  That it has gone as well does not hide it.
    rings_t pair;
    acting = &pair;
    before_receive = lie_and_go;
    TEST_ASSERT_FALSE (pair.stream->wait (true, false));
    expect_failure (EPROTO, pair.stream->read (bytes, sizeof bytes));
}

static void test_endpoint ()
{
    pair_t pair;
    unsigned char greeting[greeting_size];
    pair.make_greeting (greeting);
    max_window = 0;
    TEST_ASSERT_EQUAL (0, pair.greet (greeting));
    pair.make_stream ();

    char bytes[10000] = {0};
    for (int i = 0; i < 10; ++i) {
        expect_failure (EAGAIN, pair.stream->read (bytes, sizeof bytes));
        TEST_ASSERT_TRUE (pair.stream->wait (true, false));
        TEST_ASSERT_FALSE (pair.is_signalled ());
        pair.send ("x", 1);
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        receive_errno = EINTR;
        expect_failure (EAGAIN, pair.stream->read (bytes, sizeof bytes));
        receive_errno = 0;
        TEST_ASSERT_EQUAL (1, pair.stream->read (bytes, sizeof bytes));
        bytes[0] = 0;

        TEST_ASSERT_EQUAL (4095, pair.stream->write (bytes, sizeof bytes));
        TEST_ASSERT_EQUAL (0, pair.stream->write (bytes, sizeof bytes));
        TEST_ASSERT_TRUE (pair.stream->wait (true, true));
        TEST_ASSERT_FALSE (pair.is_signalled ());
        TEST_ASSERT_EQUAL (4095, pair.receive_all ());
        TEST_ASSERT_TRUE (pair.is_signalled (5000));
        send_errno = EINTR;
        TEST_ASSERT_EQUAL (0, pair.stream->write (bytes, sizeof bytes));
        send_errno = ENODEV;
        TEST_ASSERT_EQUAL (1, pair.stream->write (bytes, sizeof bytes));
        send_errno = 0;
        TEST_ASSERT_EQUAL (1, pair.receive_all ());
    }
    pair.send ("x", 1);
    pair.close ();
    TEST_ASSERT_TRUE (pair.stream->wait (false, false));
    TEST_ASSERT_FALSE (pair.is_signalled (20));
    TEST_ASSERT_EQUAL (1, pair.read_or_fail (bytes, sizeof bytes));
    expect_failure (ECONNRESET, pair.read_or_fail (bytes, sizeof bytes));
    expect_failure (ECONNRESET, pair.stream->write ("x", 1));
}

static void test_no_descriptor ()
{
    pair_t pair;
    struct rlimit before;
    TEST_ASSERT_EQUAL (0, getrlimit (RLIMIT_NOFILE, &before));
    struct rlimit none = before;
    none.rlim_cur = 0;
    TEST_ASSERT_EQUAL (0, setrlimit (RLIMIT_NOFILE, &none));
    pair.stream = zmq::scif_stream_t::create (pair.channel);
    const int err = errno;
    pair.channel = NULL;
    TEST_ASSERT_EQUAL (0, setrlimit (RLIMIT_NOFILE, &before));
    TEST_ASSERT_NULL (pair.stream);
    TEST_ASSERT_EQUAL (EMFILE, err);

    //  The channel was closed all the same.
    TEST_ASSERT_TRUE (is_readable (pair.epd, 5000));
    TEST_ASSERT_EQUAL (-1, pair.receive_all ());
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_wait);
    RUN_TEST (test_bell_for_data);
    RUN_TEST (test_bell_for_space);
    RUN_TEST (test_bells_for_the_peer);
    RUN_TEST (test_wake);
    RUN_TEST (test_wait_for_nothing);
    RUN_TEST (test_bells_taken_for_the_other);
    RUN_TEST (test_bells_in_the_middle);
    RUN_TEST (test_bell_owed);
    RUN_TEST (test_bells_that_nobody_takes);
    RUN_TEST (test_bells_without_end);
    RUN_TEST (test_receive_that_fails);
    RUN_TEST (test_what_outlives_its_writer);
    RUN_TEST (test_broken_rules);
    RUN_TEST (test_endpoint);
    RUN_TEST (test_no_descriptor);
    return UNITY_END ();
}
