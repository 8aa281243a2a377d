/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_unity.hpp"

#include <stdlib.h>
#include <string.h>

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

//  Sends a message of the given size, and checks that it arrives unaltered.
static void transfer (void *from_, void *to_, size_t size_)
{
    //  A prime, so that no two blocks of a buffer are the same.
    static const size_t period = 251;

    unsigned char *const content =
      static_cast<unsigned char *> (malloc (size_ + 1));
    TEST_ASSERT_NOT_NULL (content);
    for (size_t i = 0; i < size_; ++i)
        content[i] = static_cast<unsigned char> (i % period);

    TEST_ASSERT_EQUAL_INT (static_cast<int> (size_),
                           zmq_send (from_, content, size_, 0));

    zmq_msg_t msg;
    TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_init (&msg));
    TEST_ASSERT_EQUAL_INT (
      static_cast<int> (size_),
      TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_recv (&msg, to_, 0)));
    TEST_ASSERT_TRUE (memcmp (content, zmq_msg_data (&msg), size_) == 0);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_close (&msg));
    free (content);
}

void test_roundtrip ()
{
    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    test_bind (sb, "scif://*", my_endpoint, sizeof my_endpoint);

    void *sc = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));

    bounce (sb, sc);
    bounce (sc, sb);

    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

//  The sizes are around those of a frame's length field, of what an endpoint
//  queues, and of a batch.
void test_sizes ()
{
    static const size_t sizes[] = {0,    1,    255,   256,    4095,   4096,
                                   8191, 8192, 65536, 100000, 4194304};

    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    test_bind (sb, "scif://*", my_endpoint, sizeof my_endpoint);

    void *sc = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; ++i) {
        transfer (sb, sc, sizes[i]);
        transfer (sc, sb, sizes[i]);
    }

    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_roundtrip);
    RUN_TEST (test_sizes);
    return UNITY_END ();
}
