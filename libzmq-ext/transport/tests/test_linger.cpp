/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_unity.hpp"

#include <string.h>

SETUP_TEARDOWN_TESTCONTEXT

const size_t message_size = 1000;

//  A socket, the context that was made for it, and what closing them gave.
struct sender_t
{
    void *context;
    void *socket;
    int close_rc;
    int term_rc;
};

//  Does not return before all messages are sent, as the linger period is
//  infinite.
static void close_sender (void *sender_)
{
    sender_t *const sender = static_cast<sender_t *> (sender_);
    sender->close_rc = zmq_close (sender->socket);
    sender->term_rc = zmq_ctx_term (sender->context);
}

static void set_option (void *socket_, int option_, int value_)
{
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_setsockopt (socket_, option_, &value_, sizeof value_));
}

//  All messages that were accepted for sending arrive, although the socket is
//  closed at once, the network takes only a few of them, and the receiver does
//  not read before the sender has sent what it can.
static void test_all_arrive (int count_)
{
    //  The smallest buffers that Linux grants.
    const int buffer_size = 1152;

    void *const receiver = test_context_socket (ZMQ_PULL);
    set_option (receiver, ZMQ_RCVHWM, 1);
    set_option (receiver, ZMQ_RCVBUF, buffer_size);
    set_option (receiver, ZMQ_RCVTIMEO, 5000);
    char endpoint[MAX_SOCKET_STRING];
    bind_loopback_ipv4 (receiver, endpoint, sizeof endpoint);

    sender_t sender;
    sender.context = zmq_ctx_new ();
    TEST_ASSERT_NOT_NULL (sender.context);
    sender.socket = zmq_socket (sender.context, ZMQ_PUSH);
    TEST_ASSERT_NOT_NULL (sender.socket);
    set_option (sender.socket, ZMQ_LINGER, -1);
    set_option (sender.socket, ZMQ_SNDBUF, buffer_size);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sender.socket, endpoint));

    char content[message_size];
    for (int i = 0; i != count_; ++i) {
        memset (content, i, message_size);
        TEST_ASSERT_EQUAL_INT (
          message_size, zmq_send (sender.socket, content, message_size, 0));
    }
    void *const closing = zmq_threadstart (close_sender, &sender);
    msleep (SETTLE_TIME);

    for (int i = 0; i != count_; ++i) {
        char received[message_size];
        TEST_ASSERT_EQUAL_INT (
          message_size, TEST_ASSERT_SUCCESS_ERRNO (
                          zmq_recv (receiver, received, message_size, 0)));
        memset (content, i, message_size);
        TEST_ASSERT_EQUAL_INT (0, memcmp (content, received, message_size));
    }

    zmq_threadclose (closing);
    TEST_ASSERT_EQUAL_INT (0, sender.close_rc);
    TEST_ASSERT_EQUAL_INT (0, sender.term_rc);
    test_context_socket_close (receiver);
}

//  What is left over for the last batch differs with the number of messages.
void test_23_messages ()
{
    test_all_arrive (23);
}

void test_100_messages ()
{
    test_all_arrive (100);
}

void test_154_messages ()
{
    test_all_arrive (154);
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_23_messages);
    RUN_TEST (test_100_messages);
    RUN_TEST (test_154_messages);
    return UNITY_END ();
}
