/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_unity.hpp"

#include <string.h>

SETUP_TEARDOWN_TESTCONTEXT

//  Few enough for the buffers of the network to take all of them.
const int message_count = 200;
const size_t message_size = 100;

//  A socket, the context that was made for it, and what closing them gave.
struct sender_t
{
    void *context;
    void *socket;
    void *closing;
    int close_rc;
    int term_rc;
};

static void set_option (void *socket_, int option_, int value_)
{
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_setsockopt (socket_, option_, &value_, sizeof value_));
}

static void close_sender (void *sender_)
{
    sender_t *const sender = static_cast<sender_t *> (sender_);
    sender->close_rc = zmq_close (sender->socket);
    sender->term_rc = zmq_ctx_term (sender->context);
}

//  Sends all messages and closes the socket, and waits until the receiver will
//  have seen the end of the connection.
static void send_and_close (sender_t *sender_,
                            const char *endpoint_,
                            int type_,
                            int heartbeat_ivl_)
{
    sender_->context = zmq_ctx_new ();
    TEST_ASSERT_NOT_NULL (sender_->context);
    sender_->socket = zmq_socket (sender_->context, type_);
    TEST_ASSERT_NOT_NULL (sender_->socket);
    set_option (sender_->socket, ZMQ_LINGER, 5000);
    set_option (sender_->socket, ZMQ_HEARTBEAT_IVL, heartbeat_ivl_);
    set_option (sender_->socket, ZMQ_HEARTBEAT_TIMEOUT, 60000);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sender_->socket, endpoint_));

    char content[message_size];
    for (int i = 0; i != message_count; ++i) {
        memset (content, i, message_size);
        TEST_ASSERT_EQUAL_INT (
          message_size, zmq_send (sender_->socket, content, message_size, 0));
        //  Have heartbeats among the messages.
        if (heartbeat_ivl_ && i % 20 == 10)
            msleep (2 * heartbeat_ivl_);
    }
    sender_->closing = zmq_threadstart (close_sender, sender_);
    msleep (SETTLE_TIME);
}

static void join_sender (sender_t *sender_)
{
    zmq_threadclose (sender_->closing);
    TEST_ASSERT_EQUAL_INT (0, sender_->close_rc);
    TEST_ASSERT_EQUAL_INT (0, sender_->term_rc);
}

static void recv_all (void *receiver_)
{
    char content[message_size];
    for (int i = 0; i != message_count; ++i) {
        char received[message_size];
        TEST_ASSERT_EQUAL_INT (
          message_size, TEST_ASSERT_SUCCESS_ERRNO (
                          zmq_recv (receiver_, received, message_size, 0)));
        memset (content, i, message_size);
        TEST_ASSERT_EQUAL_INT (0, memcmp (content, received, message_size));
    }
}

typedef void (*bind_function_t) (void *socket_, char *endpoint_, size_t len_);

//  All messages arrive, although the peer has gone while the receiver was at
//  its high water mark and did not read from the network.
static void
test_all_arrive (bind_function_t bind_, int hwm_, int heartbeat_ivl_)
{
    void *const receiver = test_context_socket (ZMQ_PULL);
    set_option (receiver, ZMQ_RCVHWM, hwm_);
    set_option (receiver, ZMQ_RCVTIMEO, 5000);
    set_option (receiver, ZMQ_HEARTBEAT_IVL, heartbeat_ivl_);
    set_option (receiver, ZMQ_HEARTBEAT_TIMEOUT, 60000);
    char endpoint[MAX_SOCKET_STRING];
    bind_ (receiver, endpoint, sizeof endpoint);

    //  The second sender shows that the receiver is well after the first.
    for (int i = 0; i != 2; ++i) {
        sender_t sender;
        send_and_close (&sender, endpoint, ZMQ_PUSH, heartbeat_ivl_);
        recv_all (receiver);
        join_sender (&sender);
    }

    test_context_socket_close (receiver);
}

//  The end of the connection is told after all that came before it.
static void test_notified_at_end (bind_function_t bind_)
{
    void *const receiver = test_context_socket (ZMQ_ROUTER);
    set_option (receiver, ZMQ_RCVHWM, 10);
    set_option (receiver, ZMQ_RCVTIMEO, 5000);
    char endpoint[MAX_SOCKET_STRING];
    bind_ (receiver, endpoint, sizeof endpoint);

    void *const monitor = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_socket_monitor (receiver, "inproc://monitor",
                                                   ZMQ_EVENT_DISCONNECTED));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (monitor, "inproc://monitor"));

    sender_t sender;
    send_and_close (&sender, endpoint, ZMQ_DEALER, 0);

    for (int i = 0; i != message_count; ++i) {
        char received[message_size];
        TEST_ASSERT_EQUAL_INT (5, TEST_ASSERT_SUCCESS_ERRNO (zmq_recv (
                                    receiver, received, message_size, 0)));
        TEST_ASSERT_EQUAL_INT (
          message_size, TEST_ASSERT_SUCCESS_ERRNO (
                          zmq_recv (receiver, received, message_size, 0)));
    }

    set_option (monitor, ZMQ_RCVTIMEO, 5000);
    char event[6];
    TEST_ASSERT_EQUAL_INT (sizeof event,
                           zmq_recv (monitor, event, sizeof event, 0));

    TEST_ASSERT_SUCCESS_ERRNO (zmq_socket_monitor (receiver, NULL, 0));
    test_context_socket_close_zero_linger (monitor);
    test_context_socket_close (receiver);
    join_sender (&sender);
}

//  A receiver that closes before it has read all of it.
static void test_close_before_end (bind_function_t bind_)
{
    void *const receiver = test_context_socket (ZMQ_PULL);
    set_option (receiver, ZMQ_RCVHWM, 10);
    set_option (receiver, ZMQ_RCVTIMEO, 5000);
    char endpoint[MAX_SOCKET_STRING];
    bind_ (receiver, endpoint, sizeof endpoint);

    sender_t sender;
    send_and_close (&sender, endpoint, ZMQ_PUSH, 0);

    char received[message_size];
    for (int i = 0; i != 5; ++i)
        TEST_ASSERT_EQUAL_INT (message_size,
                               zmq_recv (receiver, received, message_size, 0));
    test_context_socket_close (receiver);
    join_sender (&sender);
}

#define TEST_CASES(name, bind)                                                 \
    void test_all_arrive_hwm_1_##name ()                                       \
    {                                                                          \
        test_all_arrive (bind, 1, 0);                                          \
    }                                                                          \
    void test_all_arrive_hwm_10_##name ()                                      \
    {                                                                          \
        test_all_arrive (bind, 10, 0);                                         \
    }                                                                          \
    void test_all_arrive_heartbeats_##name ()                                  \
    {                                                                          \
        test_all_arrive (bind, 10, 10);                                        \
    }                                                                          \
    void test_notified_at_end_##name ()                                        \
    {                                                                          \
        test_notified_at_end (bind);                                           \
    }                                                                          \
    void test_close_before_end_##name ()                                       \
    {                                                                          \
        test_close_before_end (bind);                                          \
    }

TEST_CASES (tcp, bind_loopback_ipv4)
TEST_CASES (ipc, bind_loopback_ipc)

#define RUN_TEST_CASES(name)                                                   \
    RUN_TEST (test_all_arrive_hwm_1_##name);                                   \
    RUN_TEST (test_all_arrive_hwm_10_##name);                                  \
    RUN_TEST (test_all_arrive_heartbeats_##name);                              \
    RUN_TEST (test_notified_at_end_##name);                                    \
    RUN_TEST (test_close_before_end_##name)

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST_CASES (tcp);
    RUN_TEST_CASES (ipc);
    return UNITY_END ();
}
