/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_unity.hpp"

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

void test_req_connects ()
{
    char my_endpoint[MAX_SOCKET_STRING];

    void *rep = test_context_socket (ZMQ_REP);
    test_bind (rep, "scif://*", my_endpoint, sizeof my_endpoint);

    void *req = test_context_socket (ZMQ_REQ);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (req, my_endpoint));

    bounce (rep, req);

    test_context_socket_close (req);
    test_context_socket_close (rep);
}

void test_rep_connects ()
{
    char my_endpoint[MAX_SOCKET_STRING];

    void *req = test_context_socket (ZMQ_REQ);
    test_bind (req, "scif://*", my_endpoint, sizeof my_endpoint);

    void *rep = test_context_socket (ZMQ_REP);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (rep, my_endpoint));

    bounce (rep, req);

    test_context_socket_close (rep);
    test_context_socket_close (req);
}

//  Every peer of a listener has a connection of its own.
void test_many_req ()
{
    enum
    {
        count = 10
    };
    char my_endpoint[MAX_SOCKET_STRING];

    void *rep = test_context_socket (ZMQ_REP);
    test_bind (rep, "scif://*", my_endpoint, sizeof my_endpoint);

    void *reqs[count];
    for (int i = 0; i < count; ++i) {
        reqs[i] = test_context_socket (ZMQ_REQ);
        TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (reqs[i], my_endpoint));
    }

    for (int i = 0; i < count; ++i)
        bounce (rep, reqs[i]);

    for (int i = 0; i < count; ++i)
        test_context_socket_close (reqs[i]);
    test_context_socket_close (rep);
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_req_connects);
    RUN_TEST (test_rep_connects);
    RUN_TEST (test_many_req);
    return UNITY_END ();
}
