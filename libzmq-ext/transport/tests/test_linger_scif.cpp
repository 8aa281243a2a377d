/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_unity.hpp"

#include <stdlib.h>
#include <string.h>

//  What a socket has accepted for sending arrives, although the socket is
//  closed at once and its peer is slow: it reads only after a while, and has
//  room for no more than one message.

void setUp ()
{
    if (!is_scif_available ())
        TEST_IGNORE_MESSAGE ("SCIF is not available");
    setup_test_context ();
}

void tearDown ()
{
    teardown_test_context ();
}

struct sender_t
{
    void *ctx;
    void *socket;
};

//  Ends when everything is sent, as the linger period is infinite.
static void close_sender (void *sender_)
{
    sender_t *const sender = static_cast<sender_t *> (sender_);
    zmq_close (sender->socket);
    zmq_ctx_term (sender->ctx);
}

static void set_option (void *socket_, int option_, int value_)
{
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_setsockopt (socket_, option_, &value_, sizeof value_));
}

//  A 'buffer_' of -1 leaves the size of the buffers to the transport.
static void
test_early_close (int count_, size_t size_, int buffer_, bool sender_connects_)
{
    //  The sender has a context of its own, which goes with it.
    sender_t sender;
    sender.ctx = zmq_ctx_new ();
    TEST_ASSERT_NOT_NULL (sender.ctx);
    sender.socket = zmq_socket (sender.ctx, ZMQ_PUSH);
    TEST_ASSERT_NOT_NULL (sender.socket);
    set_option (sender.socket, ZMQ_LINGER, -1);
    set_option (sender.socket, ZMQ_SNDBUF, buffer_);
    set_option (sender.socket, ZMQ_SNDTIMEO, 5000);

    void *receiver = test_context_socket (ZMQ_PULL);
    set_option (receiver, ZMQ_RCVHWM, 1);
    set_option (receiver, ZMQ_RCVBUF, buffer_);
    set_option (receiver, ZMQ_RCVTIMEO, 5000);

    void *const listener = sender_connects_ ? receiver : sender.socket;
    void *const connecter = sender_connects_ ? sender.socket : receiver;
    char my_endpoint[MAX_SOCKET_STRING];
    test_bind (listener, "scif://*", my_endpoint, sizeof my_endpoint);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (connecter, my_endpoint));

    unsigned char *const content =
      static_cast<unsigned char *> (malloc (size_));
    TEST_ASSERT_NOT_NULL (content);
    for (int i = 0; i < count_; ++i) {
        memset (content, i, size_);
        TEST_ASSERT_EQUAL_INT (static_cast<int> (size_),
                               TEST_ASSERT_SUCCESS_ERRNO (
                                 zmq_send (sender.socket, content, size_, 0)));
    }
    void *const closing = zmq_threadstart (close_sender, &sender);

    //  Give the sender the time to get as far as it can.
    msleep (SETTLE_TIME);

    for (int i = 0; i < count_; ++i) {
        zmq_msg_t msg;
        TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_init (&msg));
        TEST_ASSERT_EQUAL_INT (
          static_cast<int> (size_),
          TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_recv (&msg, receiver, 0)));
        memset (content, i, size_);
        TEST_ASSERT_TRUE (memcmp (content, zmq_msg_data (&msg), size_) == 0);
        TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_close (&msg));
    }
    free (content);

    zmq_threadclose (closing);
    test_context_socket_close (receiver);
}

//  How much of the last batch is under way when the sender is closed depends
//  on the number of messages.
static void test_counts (int buffer_, bool sender_connects_)
{
    static const int counts[] = {23, 150, 154};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; ++i)
        test_early_close (counts[i], 1000, buffer_, sender_connects_);
}

void test_sender_connects ()
{
    test_counts (-1, true);
}

void test_sender_binds ()
{
    test_counts (-1, false);
}

void test_small_buffers_sender_connects ()
{
    test_counts (2304, true);
}

void test_small_buffers_sender_binds ()
{
    test_counts (2304, false);
}

void test_large_messages_sender_connects ()
{
    test_early_close (23, 200000, -1, true);
}

void test_large_messages_sender_binds ()
{
    test_early_close (23, 200000, -1, false);
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_sender_connects);
    RUN_TEST (test_sender_binds);
    RUN_TEST (test_small_buffers_sender_connects);
    RUN_TEST (test_small_buffers_sender_binds);
    RUN_TEST (test_large_messages_sender_connects);
    RUN_TEST (test_large_messages_sender_binds);
    return UNITY_END ();
}
