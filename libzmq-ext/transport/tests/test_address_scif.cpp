/* SPDX-License-Identifier: MPL-2.0 */

#include "testutil.hpp"
#include "testutil_monitoring.hpp"
#include "testutil_unity.hpp"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SETUP_TEARDOWN_TESTCONTEXT

//  The first of a few ports that are likely to be free. They are not those
//  that are handed out for a wildcard, so other tests may run meanwhile.
static unsigned int first_port;

static void skip_without_scif ()
{
    if (!is_scif_available ())
        TEST_IGNORE_MESSAGE ("SCIF is not available");
}

//  Returns the number of the node that the test runs on.
static unsigned int get_local_node ()
{
    char my_endpoint[MAX_SOCKET_STRING];
    void *socket = test_context_socket (ZMQ_PAIR);
    test_bind (socket, "scif://*", my_endpoint, sizeof my_endpoint);
    test_context_socket_close (socket);

    unsigned int node;
    unsigned int port;
    TEST_ASSERT_EQUAL_INT (2,
                           sscanf (my_endpoint, "scif://%u:%u", &node, &port));
    return node;
}

//  Formats the canonical endpoint.
static void
make_endpoint (char *endpoint_, unsigned int node_, unsigned int port_)
{
    snprintf (endpoint_, MAX_SOCKET_STRING, "scif://%u:%u", node_, port_);
}

//  Formats an endpoint with the node's name instead of its number.
static void
make_named_endpoint (char *endpoint_, unsigned int node_, unsigned int port_)
{
    if (node_ == 0)
        snprintf (endpoint_, MAX_SOCKET_STRING, "scif://host:%u", port_);
    else
        snprintf (endpoint_, MAX_SOCKET_STRING, "scif://mic%u:%u", node_ - 1,
                  port_);
}

static void expect_last_endpoint (void *socket_, const char *expected_)
{
    char endpoint[MAX_SOCKET_STRING];
    size_t size = sizeof endpoint;
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_getsockopt (socket_, ZMQ_LAST_ENDPOINT, endpoint, &size));
    TEST_ASSERT_EQUAL_STRING (expected_, endpoint);
}

//  Like TEST_ASSERT_FAILURE_ERRNO, but names the endpoint.
static void expect_failure (int errno_, int rc_, const char *endpoint_)
{
    const int err = zmq_errno ();
    TEST_ASSERT_EQUAL_INT_MESSAGE (-1, rc_, endpoint_);
    TEST_ASSERT_EQUAL_INT_MESSAGE (errno_, err, endpoint_);
}

//  Binds to a port that has been in use until just now. It is free as soon as
//  the I/O thread has closed the listener and the connections.
static void bind_again (void *socket_, const char *endpoint_)
{
    int rc = zmq_bind (socket_, endpoint_);
    for (int i = 0; i < 100 && rc == -1 && zmq_errno () == EADDRINUSE; ++i) {
        msleep (50);
        rc = zmq_bind (socket_, endpoint_);
    }
    TEST_ASSERT_SUCCESS_MESSAGE_ERRNO (rc, endpoint_);
}

//  Binds to 'address_', in which %u stands for the port, and checks that the
//  canonical endpoint is told, and can be connected to and unbound.
static void
check_bind (const char *address_, unsigned int node_, unsigned int port_)
{
    char address[MAX_SOCKET_STRING];
    snprintf (address, sizeof address, address_, port_);
    char my_endpoint[MAX_SOCKET_STRING];
    make_endpoint (my_endpoint, node_, port_);

    void *sb = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_MESSAGE_ERRNO (zmq_bind (sb, address), address);
    expect_last_endpoint (sb, my_endpoint);

    void *sc = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
    expect_last_endpoint (sc, my_endpoint);
    bounce (sb, sc);

    TEST_ASSERT_SUCCESS_ERRNO (zmq_disconnect (sc, my_endpoint));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_unbind (sb, my_endpoint));
    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

void test_bind_port ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();

    check_bind ("scif://%u", node, first_port);
    check_bind ("scif://*:%u", node, first_port + 1);

    char address[MAX_SOCKET_STRING];
    snprintf (address, sizeof address, "scif://%u:%%u", node);
    check_bind (address, node, first_port + 2);

    if (node == 0)
        strcpy (address, "scif://host:%u");
    else
        snprintf (address, sizeof address, "scif://mic%u:%%u", node - 1);
    check_bind (address, node, first_port + 3);
}

//  Binds to 'address_', which leaves the port open, and returns the port.
static unsigned int
bind_wildcard (void *socket_, const char *address_, unsigned int node_)
{
    char my_endpoint[MAX_SOCKET_STRING];
    test_bind (socket_, address_, my_endpoint, sizeof my_endpoint);

    unsigned int node;
    unsigned int port;
    TEST_ASSERT_EQUAL_INT (2,
                           sscanf (my_endpoint, "scif://%u:%u", &node, &port));
    TEST_ASSERT_EQUAL_UINT (node_, node);
    //  The ports below are for privileged processes.
    TEST_ASSERT_TRUE_MESSAGE (port >= 1024 && port <= 65535, my_endpoint);

    char expected[MAX_SOCKET_STRING];
    make_endpoint (expected, node, port);
    TEST_ASSERT_EQUAL_STRING (expected, my_endpoint);
    return port;
}

void test_bind_wildcard ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char by_number[MAX_SOCKET_STRING];
    snprintf (by_number, sizeof by_number, "scif://%u:*", node);
    char by_name[MAX_SOCKET_STRING];
    if (node == 0)
        strcpy (by_name, "scif://host:*");
    else
        snprintf (by_name, sizeof by_name, "scif://mic%u:*", node - 1);
    const char *const addresses[] = {"scif://*", "scif://*:*", by_number,
                                     by_name};
    enum
    {
        count = sizeof addresses / sizeof addresses[0]
    };

    //  One socket can have them all, each with a port of its own.
    void *sb = test_context_socket (ZMQ_DEALER);
    unsigned int ports[count];
    for (int i = 0; i < count; ++i) {
        ports[i] = bind_wildcard (sb, addresses[i], node);
        for (int j = 0; j < i; ++j)
            TEST_ASSERT_NOT_EQUAL (ports[j], ports[i]);
    }

    for (int i = 0; i < count; ++i) {
        char my_endpoint[MAX_SOCKET_STRING];
        make_endpoint (my_endpoint, node, ports[i]);
        void *sc = test_context_socket (ZMQ_DEALER);
        TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
        send_string_expect_success (sc, addresses[i], 0);
        recv_string_expect_success (sb, addresses[i], 0);
        test_context_socket_close (sc);
    }

    test_context_socket_close (sb);
}

//  What is neither an endpoint to bind to nor one to connect to.
static const char *const invalid_endpoints[] = {
  "scif://",
  "scif://:",
  "scif://:5555",
  "scif://0:",
  "scif://*:",
  "scif://0",
  "scif://0:0",
  "scif://*:0",
  "scif://host",
  "scif://mic0",
  "scif://mic:5555",
  "scif://mic-1:5555",
  "scif://mic 0:5555",
  "scif://mic65535:5555",
  "scif://MIC0:5555",
  "scif://micro:5555",
  "scif://hosts:5555",
  "scif://Host:5555",
  "scif://localhost:5555",
  "scif://-1:5555",
  "scif://+0:5555",
  "scif:// 0:5555",
  "scif://0 :5555",
  "scif://0x0:5555",
  "scif://65536:5555",
  "scif://99999999999999999999:5555",
  "scif://0:-1",
  "scif://0:+5555",
  "scif://0: 5555",
  "scif://0:5555 ",
  "scif://0:0x5555",
  "scif://0:65536",
  "scif://0:99999999999999999999",
  "scif://0:http",
  "scif://0:5555:5555",
  "scif://0:5555/",
  "scif://0.0:5555",
  "scif://127.0.0.1:5555",
  "scif://**:5555",
  "scif://0:**",
  "scif://65536",
  "scif://-5555",
  "scif://**",
};

void test_invalid ()
{
    void *socket = test_context_socket (ZMQ_PAIR);
    for (size_t i = 0;
         i < sizeof invalid_endpoints / sizeof invalid_endpoints[0]; ++i) {
        const char *const endpoint = invalid_endpoints[i];
        expect_failure (EINVAL, zmq_bind (socket, endpoint), endpoint);
        expect_failure (EINVAL, zmq_connect (socket, endpoint), endpoint);
    }
    test_context_socket_close (socket);
}

//  Only an endpoint to bind to may leave something open.
void test_invalid_connect ()
{
    static const char *const endpoints[] = {
      "scif://5555", "scif://*",      "scif://*:*",    "scif://*:5555",
      "scif://0:*",  "scif://host:*", "scif://mic0:*",
    };

    void *socket = test_context_socket (ZMQ_PAIR);
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; ++i)
        expect_failure (EINVAL, zmq_connect (socket, endpoints[i]),
                        endpoints[i]);
    test_context_socket_close (socket);
}

void test_bind_other_node ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node () + 1;
    char endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    make_endpoint (endpoint, node, first_port);
    expect_failure (EADDRNOTAVAIL, zmq_bind (sb, endpoint), endpoint);
    make_named_endpoint (endpoint, node, first_port);
    expect_failure (EADDRNOTAVAIL, zmq_bind (sb, endpoint), endpoint);
    snprintf (endpoint, sizeof endpoint, "scif://%u:*", node);
    expect_failure (EADDRNOTAVAIL, zmq_bind (sb, endpoint), endpoint);
    test_context_socket_close (sb);
}

void test_bind_busy ()
{
    skip_without_scif ();
    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    test_bind (sb, "scif://*", my_endpoint, sizeof my_endpoint);

    void *other = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_FAILURE_ERRNO (EADDRINUSE, zmq_bind (other, my_endpoint));
    TEST_ASSERT_FAILURE_ERRNO (EADDRINUSE, zmq_bind (sb, my_endpoint));

    test_context_socket_close (other);
    test_context_socket_close (sb);
}

void test_connect_names ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    const unsigned int port = bind_wildcard (sb, "scif://*", node);

    //  The name of this node
    void *sc = test_context_socket (ZMQ_PAIR);
    make_named_endpoint (my_endpoint, node, port);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
    make_endpoint (my_endpoint, node, port);
    expect_last_endpoint (sc, my_endpoint);
    bounce (sb, sc);
    test_context_socket_close (sc);
    test_context_socket_close (sb);

    //  Whether a node is there is found out later, over and over again.
    sc = test_context_socket (ZMQ_DEALER);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, "scif://host:1"));
    expect_last_endpoint (sc, "scif://0:1");
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, "scif://mic0:65535"));
    expect_last_endpoint (sc, "scif://1:65535");
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, "scif://mic65534:1"));
    expect_last_endpoint (sc, "scif://65535:1");
    test_context_socket_close_zero_linger (sc);
}

void test_unbind ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char my_endpoint[MAX_SOCKET_STRING];
    char alias[MAX_SOCKET_STRING];
    void *sb = test_context_socket (ZMQ_PAIR);

    //  By the string that it was bound with
    snprintf (alias, sizeof alias, "scif://*:%u", first_port + 4);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_bind (sb, alias));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_unbind (sb, alias));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_unbind (sb, alias));

    //  By another one
    snprintf (alias, sizeof alias, "scif://%u", first_port + 5);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_bind (sb, alias));
    make_named_endpoint (alias, node, first_port + 5);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_unbind (sb, alias));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_unbind (sb, alias));

    //  By ZMQ_LAST_ENDPOINT, the only way if the port was left open
    test_bind (sb, "scif://*", my_endpoint, sizeof my_endpoint);
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_unbind (sb, "scif://*"));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_unbind (sb, "scif://*:*"));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_unbind (sb, my_endpoint));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_unbind (sb, my_endpoint));

    test_context_socket_close (sb);
}

void test_disconnect ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char named_endpoint[MAX_SOCKET_STRING];
    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_PAIR);
    const unsigned int port = bind_wildcard (sb, "scif://*", node);
    make_named_endpoint (named_endpoint, node, port);
    make_endpoint (my_endpoint, node, port);
    void *sc = test_context_socket (ZMQ_DEALER);

    //  By the string that it was connected with
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, named_endpoint));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_disconnect (sc, named_endpoint));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_disconnect (sc, named_endpoint));

    //  By another one
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_disconnect (sc, named_endpoint));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_disconnect (sc, my_endpoint));

    //  By ZMQ_LAST_ENDPOINT
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, named_endpoint));
    expect_last_endpoint (sc, my_endpoint);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_disconnect (sc, my_endpoint));
    TEST_ASSERT_FAILURE_ERRNO (ENOENT, zmq_disconnect (sc, my_endpoint));

    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

//  Sockets of some types connect but once to an endpoint, whatever it is called.
void test_connect_twice ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char named_endpoint[MAX_SOCKET_STRING];
    char my_endpoint[MAX_SOCKET_STRING];

    void *sb = test_context_socket (ZMQ_XPUB);
    const int verbose = 1;
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_setsockopt (sb, ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose));
    const unsigned int port = bind_wildcard (sb, "scif://*", node);
    make_named_endpoint (named_endpoint, node, port);
    make_endpoint (my_endpoint, node, port);

    void *sc = test_context_socket (ZMQ_SUB);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_setsockopt (sc, ZMQ_SUBSCRIBE, "A", 1));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, named_endpoint));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, named_endpoint));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));

    //  Each connection would tell of the subscription.
    recv_string_expect_success (sb, "\1A", 0);
    const int timeout = SETTLE_TIME;
    TEST_ASSERT_SUCCESS_ERRNO (
      zmq_setsockopt (sb, ZMQ_RCVTIMEO, &timeout, sizeof timeout));
    char buffer[16];
    TEST_ASSERT_FAILURE_ERRNO (EAGAIN, zmq_recv (sb, buffer, sizeof buffer, 0));

    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

//  The peer of the one who binds has a port that was assigned by the system.
void test_peer_address ()
{
    skip_without_scif ();
    const unsigned int node = get_local_node ();
    char my_endpoint[MAX_SOCKET_STRING];

    const unsigned int port = first_port + 8;
    make_endpoint (my_endpoint, node, port);
    void *sb = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_bind (sb, my_endpoint));
    void *sc = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
    send_string_expect_success (sc, "A", 0);
    send_string_expect_success (sb, "B", 0);

    zmq_msg_t msg;
    TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_init (&msg));
    TEST_ASSERT_EQUAL_INT (
      1, TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_recv (&msg, sb, 0)));
    const char *address = zmq_msg_gets (&msg, "Peer-Address");
    TEST_ASSERT_NOT_NULL (address);
    unsigned int peer_node;
    unsigned int peer_port;
    TEST_ASSERT_EQUAL_INT_MESSAGE (
      2, sscanf (address, "%u:%u", &peer_node, &peer_port), address);
    TEST_ASSERT_EQUAL_UINT (node, peer_node);
    TEST_ASSERT_NOT_EQUAL (port, peer_port);

    TEST_ASSERT_EQUAL_INT (
      1, TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_recv (&msg, sc, 0)));
    address = zmq_msg_gets (&msg, "Peer-Address");
    TEST_ASSERT_NOT_NULL (address);
    TEST_ASSERT_EQUAL_STRING (my_endpoint + strlen ("scif://"), address);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_msg_close (&msg));

    test_context_socket_close (sc);
    test_context_socket_close (sb);
}

void test_rebind ()
{
    skip_without_scif ();
    char my_endpoint[MAX_SOCKET_STRING];
    make_endpoint (my_endpoint, get_local_node (), first_port + 6);

    for (int i = 0; i < 3; ++i) {
        void *sb = test_context_socket (ZMQ_PAIR);
        bind_again (sb, my_endpoint);
        void *sc = test_context_socket (ZMQ_PAIR);
        TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
        bounce (sb, sc);
        test_context_socket_close (sc);
        test_context_socket_close (sb);
    }
}

void test_connect_before_bind ()
{
    skip_without_scif ();
    char my_endpoint[MAX_SOCKET_STRING];
    make_endpoint (my_endpoint, get_local_node (), first_port + 7);

    void *sc = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_socket_monitor (sc, "inproc://monitor-sc",
                                                   ZMQ_EVENT_CONNECT_RETRIED));
    void *sc_mon = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc_mon, "inproc://monitor-sc"));
    TEST_ASSERT_SUCCESS_ERRNO (zmq_connect (sc, my_endpoint));
    expect_monitor_event (sc_mon, ZMQ_EVENT_CONNECT_RETRIED);

    void *sb = test_context_socket (ZMQ_PAIR);
    TEST_ASSERT_SUCCESS_ERRNO (zmq_bind (sb, my_endpoint));
    bounce (sb, sc);

    test_context_socket_close (sc);
    test_context_socket_close_zero_linger (sc_mon);
    test_context_socket_close (sb);
}

//  An endpoint carries no bytes but those of ZMTP.
void test_stream ()
{
    void *socket = test_context_socket (ZMQ_STREAM);
    TEST_ASSERT_FAILURE_ERRNO (ENOCOMPATPROTO, zmq_bind (socket, "scif://*"));
    TEST_ASSERT_FAILURE_ERRNO (ENOCOMPATPROTO,
                               zmq_connect (socket, "scif://0:5555"));
    test_context_socket_close (socket);
}

int main ()
{
    setup_test_environment ();
    first_port = 32768 + static_cast<unsigned int> (getpid ()) % 2000 * 10;

    UNITY_BEGIN ();
    RUN_TEST (test_bind_port);
    RUN_TEST (test_bind_wildcard);
    RUN_TEST (test_invalid);
    RUN_TEST (test_invalid_connect);
    RUN_TEST (test_bind_other_node);
    RUN_TEST (test_bind_busy);
    RUN_TEST (test_connect_names);
    RUN_TEST (test_unbind);
    RUN_TEST (test_disconnect);
    RUN_TEST (test_connect_twice);
    RUN_TEST (test_peer_address);
    RUN_TEST (test_rebind);
    RUN_TEST (test_connect_before_bind);
    RUN_TEST (test_stream);
    return UNITY_END ();
}
