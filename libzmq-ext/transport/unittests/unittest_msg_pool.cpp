/* SPDX-License-Identifier: MPL-2.0 */

#include "../tests/testutil.hpp"

#include <msg_pool.hpp>

#include <unity.h>

#include <string.h>

static zmq::thread_ctx_t *thread_ctx;
static zmq::poller_t *poller;
static zmq::msg_pool_t *pool;

void setUp ()
{
    thread_ctx = new zmq::thread_ctx_t;
    poller = new zmq::poller_t (*thread_ctx);
    pool = new zmq::msg_pool_t (poller);
}

void tearDown ()
{
    if (pool)
        pool->close ();
    delete poller;
    delete thread_ctx;
}

static void init_msg (zmq::msg_t *msg_, size_t size_)
{
    TEST_ASSERT_EQUAL_INT (0, pool->init_msg (msg_, size_));
    TEST_ASSERT_EQUAL (size_, msg_->size ());
    TEST_ASSERT_FALSE (msg_->flags () & zmq::msg_t::shared);
    memset (msg_->data (), 0x5a, size_);
}

static void close_msg (zmq::msg_t *msg_)
{
    TEST_ASSERT_EQUAL_INT (0, msg_->close ());
}

//  What happens when there was no large message for long enough.
static void expire ()
{
    for (int i = 0; i != 2; ++i) {
        poller->cancel_timer (pool, 0);
        pool->timer_event (0);
    }
}

void test_used_again ()
{
    zmq::msg_t msg;
    init_msg (&msg, 100000);
    const void *const data = msg.data ();
    TEST_ASSERT_EQUAL (0, reinterpret_cast<uintptr_t> (data) % 16);
    TEST_ASSERT_EQUAL (0, pool->unused ());
    close_msg (&msg);
    TEST_ASSERT_GREATER_OR_EQUAL (100000, pool->unused ());

    init_msg (&msg, 99000);
    TEST_ASSERT_EQUAL_PTR (data, msg.data ());
    TEST_ASSERT_EQUAL (0, pool->unused ());

    zmq::msg_t other;
    init_msg (&other, 100000);
    TEST_ASSERT_TRUE (data != other.data ());
    close_msg (&msg);
    close_msg (&other);
}

void test_copies ()
{
    zmq::msg_t msg;
    init_msg (&msg, zmq::msg_pool_t::min_size);
    zmq::msg_t copy;
    TEST_ASSERT_EQUAL_INT (0, copy.init ());
    TEST_ASSERT_EQUAL_INT (0, copy.copy (msg));
    close_msg (&msg);
    TEST_ASSERT_EQUAL (0, pool->unused ());
    close_msg (&copy);
    TEST_ASSERT_EQUAL (zmq::msg_pool_t::min_size, pool->unused ());
}

void test_sizes ()
{
    //  None is too small for the message, and none much larger.
    const size_t max = zmq::msg_pool_t::max_size;
    for (size_t size = zmq::msg_pool_t::min_size; size <= max;
         size += 1 + size / 7) {
        zmq::msg_t msg;
        init_msg (&msg, size);
        close_msg (&msg);
        TEST_ASSERT_GREATER_OR_EQUAL (size, pool->unused ());
        TEST_ASSERT_LESS_OR_EQUAL (size + size / 4 + 1, pool->unused ());
        expire ();
        TEST_ASSERT_EQUAL (0, pool->unused ());
        init_msg (&msg, size);
        close_msg (&msg);
        expire ();
    }

    const size_t others[] = {0, 1, 100, zmq::msg_pool_t::min_size - 1, max + 1};
    for (size_t i = 0; i != sizeof others / sizeof others[0]; ++i) {
        zmq::msg_t msg;
        init_msg (&msg, others[i]);
        close_msg (&msg);
        TEST_ASSERT_EQUAL (0, pool->unused ());
    }

    zmq::msg_t msg;
    init_msg (&msg, max);
    close_msg (&msg);
    TEST_ASSERT_EQUAL (max, pool->unused ());
}

void test_bounded ()
{
    //  As when each of many connections sees one message of 1 MiB.
    const size_t size = 1024 * 1024;
    const int count = 200;
    static zmq::msg_t msgs[count];
    for (int i = 0; i != count; ++i)
        TEST_ASSERT_EQUAL_INT (0, pool->init_msg (&msgs[i], size));
    for (int i = 0; i != count; ++i)
        close_msg (&msgs[i]);
    TEST_ASSERT_EQUAL (zmq::msg_pool_t::max_unused, pool->unused ());

    //  Blocks of that size make room for others.
    zmq::msg_t msg;
    init_msg (&msg, size / 2);
    close_msg (&msg);
    TEST_ASSERT_EQUAL (zmq::msg_pool_t::max_unused - size / 2, pool->unused ());

    expire ();
    TEST_ASSERT_EQUAL (0, pool->unused ());
}

void test_expires ()
{
    zmq::msg_t msg;
    init_msg (&msg, 100000);
    zmq::msg_t late;
    init_msg (&late, 100000);
    close_msg (&msg);

    //  There has been a message since the timer was set.
    poller->cancel_timer (pool, 0);
    pool->timer_event (0);
    TEST_ASSERT_GREATER_THAN (0, pool->unused ());
    //  There has been none.
    poller->cancel_timer (pool, 0);
    pool->timer_event (0);
    TEST_ASSERT_EQUAL (0, pool->unused ());

    close_msg (&late);
    TEST_ASSERT_EQUAL (0, pool->unused ());

    //  It begins anew.
    init_msg (&msg, 100000);
    close_msg (&msg);
    TEST_ASSERT_GREATER_THAN (0, pool->unused ());
}

void test_outlives_thread ()
{
    zmq::msg_t first;
    init_msg (&first, 100000);
    zmq::msg_t second;
    init_msg (&second, 100000);
    pool->close ();
    pool = NULL;
    memset (first.data (), 1, 100000);
    close_msg (&first);
    memset (second.data (), 1, 100000);
    close_msg (&second);
}

//  A queue of messages from the thread that initialises to one that closes.
const size_t queue_size = 8;
static zmq::msg_t queue[queue_size];
static zmq::atomic_counter_t queued;

static void close_messages (void *)
{
    for (size_t i = 0; i != 20000; ++i) {
        //  Only this thread makes it less, so there is one when it succeeds.
        while (queued.get () == 0)
            ;
        zmq::msg_t msg = queue[i % queue_size];
        queued.sub (1);
        unsigned char *const data = static_cast<unsigned char *> (msg.data ());
        if (data[0] != i % 256 || data[msg.size () - 1] != i % 256)
            abort ();
        if (msg.close () != 0)
            abort ();
    }
}

void test_threads ()
{
    void *const thread = zmq_threadstart (close_messages, NULL);
    for (size_t i = 0; i != 20000; ++i) {
        while (queued.get () == queue_size)
            ;
        zmq::msg_t &msg = queue[i % queue_size];
        TEST_ASSERT_EQUAL_INT (
          0, pool->init_msg (&msg, zmq::msg_pool_t::min_size << (i % 3)));
        static_cast<unsigned char *> (msg.data ())[0] = i % 256;
        static_cast<unsigned char *> (msg.data ())[msg.size () - 1] = i % 256;
        queued.add (1);
        if (i % 1000 == 0)
            expire ();
    }
    pool->close ();
    pool = NULL;
    zmq_threadclose (thread);
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_used_again);
    RUN_TEST (test_copies);
    RUN_TEST (test_sizes);
    RUN_TEST (test_bounded);
    RUN_TEST (test_expires);
    RUN_TEST (test_outlives_thread);
    RUN_TEST (test_threads);
    return UNITY_END ();
}
