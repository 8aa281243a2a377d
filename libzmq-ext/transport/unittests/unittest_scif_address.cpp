/* SPDX-License-Identifier: MPL-2.0 */

#include <unity.h>
#include "../tests/testutil.hpp"

#include <scif_address.hpp>

#include <sstream>
#include <string>

void setUp ()
{
}

void tearDown ()
{
}

static uint16_t get_local_node ()
{
    uint16_t node = 0;
    if (zmq::scif_address_t::local_node (&node) != 0) {
        TEST_ASSERT_EQUAL (ENODEV, errno);
        TEST_IGNORE_MESSAGE ("SCIF is not available");
    }
    return node;
}

static void expect_address (const char *name_,
                            bool bind_,
                            unsigned int node_,
                            unsigned int port_)
{
    zmq::scif_address_t addr;
    TEST_ASSERT_EQUAL_MESSAGE (0, addr.resolve (name_, bind_), name_);
    TEST_ASSERT_EQUAL_MESSAGE (node_, addr.node (), name_);
    TEST_ASSERT_EQUAL_MESSAGE (port_, addr.port (), name_);
}

static void expect_failure (const char *name_, bool bind_, int errno_)
{
    zmq::scif_address_t addr;
    TEST_ASSERT_EQUAL_MESSAGE (-1, addr.resolve (name_, bind_), name_);
    TEST_ASSERT_EQUAL_MESSAGE (errno_, errno, name_);
}

static void expect_canonical (const std::string &expected_, const char *uri_)
{
    TEST_ASSERT_EQUAL_STRING (expected_.c_str (),
                              zmq::scif_address_t::canonical (uri_).c_str ());
}

//  Puts the number of this node between the two texts.
static std::string
local_name (const char *before_, unsigned int node_, const char *after_)
{
    std::ostringstream s;
    s << before_ << node_ << after_;
    return s.str ();
}

//  The name of the node that the test runs on.
static std::string local_node_name (unsigned int node_)
{
    return node_ == 0 ? std::string ("host")
                      : local_name ("mic", node_ - 1, "");
}

static void test_to_string ()
{
    std::string s;
    TEST_ASSERT_EQUAL (0, zmq::scif_address_t ().to_string (s));
    TEST_ASSERT_EQUAL_STRING ("scif://0:0", s.c_str ());
    TEST_ASSERT_EQUAL (0, zmq::scif_address_t (2, 5555).to_string (s));
    TEST_ASSERT_EQUAL_STRING ("scif://2:5555", s.c_str ());
    TEST_ASSERT_EQUAL (0, zmq::scif_address_t (65535, 65535).to_string (s));
    TEST_ASSERT_EQUAL_STRING ("scif://65535:65535", s.c_str ());
}

static void test_resolve_connect_number ()
{
    get_local_node ();
    expect_address ("0:1", false, 0, 1);
    expect_address ("0:5555", false, 0, 5555);
    expect_address ("1:5555", false, 1, 5555);
    expect_address ("65535:65535", false, 65535, 65535);
}

static void test_resolve_connect_name ()
{
    get_local_node ();
    expect_address ("host:5555", false, 0, 5555);
    expect_address ("mic0:5555", false, 1, 5555);
    expect_address ("mic1:5555", false, 2, 5555);
    expect_address ("mic10:5555", false, 11, 5555);
    expect_address ("mic65534:5555", false, 65535, 5555);
}

static void test_resolve_connect_open ()
{
    expect_failure ("5555", false, EINVAL);
    expect_failure ("*", false, EINVAL);
    expect_failure ("*:*", false, EINVAL);
    expect_failure ("*:5555", false, EINVAL);
    expect_failure ("0:*", false, EINVAL);
    expect_failure ("host:*", false, EINVAL);
}

static void test_resolve_bind_open ()
{
    const unsigned int node = get_local_node ();
    expect_address ("*", true, node, 0);
    expect_address ("*:*", true, node, 0);
    expect_address ("5555", true, node, 5555);
    expect_address ("*:5555", true, node, 5555);
    expect_address (local_name ("", node, ":*").c_str (), true, node, 0);
    expect_address ((local_node_name (node) + ":*").c_str (), true, node, 0);
}

static void test_resolve_bind_node ()
{
    const unsigned int node = get_local_node ();
    expect_address (local_name ("", node, ":5555").c_str (), true, node, 5555);
    expect_address ((local_node_name (node) + ":5555").c_str (), true, node,
                    5555);
}

static void test_resolve_bind_other_node ()
{
    const unsigned int node = get_local_node () + 1;
    expect_failure (local_name ("", node, ":5555").c_str (), true,
                    EADDRNOTAVAIL);
    expect_failure (local_name ("", node, ":*").c_str (), true, EADDRNOTAVAIL);
    expect_failure ((local_node_name (node) + ":5555").c_str (), true,
                    EADDRNOTAVAIL);
}

static void test_resolve_invalid ()
{
    static const char *const names[] = {
      "",      ":",       ":5555",   "0:",         "*:",
      "0:0",   "0",       "*:0",     "0:-1",       "0:+1",
      "0: 1",  "0:1 ",    "0:0x1",   "0:65536",    "0:4294967297",
      "0:1:1", "-1:1",    "+0:1",    " 0:1",       "0 :1",
      "0x0:1", "65536:1", "0:**",    "**:1",       "4294967296:1",
      "host",  "host:",   "hosts:1", "HOST:1",     "localhost:1",
      "mic:1", "mic-1:1", "mic 0:1", "mic65535:1", "mic0x0:1",
      "mic0",  "mic*:1",  "MIC0:1",  "mic0 :1",    "mic4294967295:1",
      "0.0:1", "0:1.0",   "0:1/",    "[0]:1",      "18446744073709551616:1",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; ++i) {
        expect_failure (names[i], true, EINVAL);
        expect_failure (names[i], false, EINVAL);
    }
}

static void test_resolve_failure_keeps_address ()
{
    zmq::scif_address_t addr (3, 5555);
    TEST_ASSERT_EQUAL (-1, addr.resolve ("4:65536", false));
    TEST_ASSERT_EQUAL (3, addr.node ());
    TEST_ASSERT_EQUAL (5555, addr.port ());
}

static void test_canonical ()
{
    const unsigned int node = get_local_node ();
    expect_canonical ("scif://0:5555", "scif://0:5555");
    expect_canonical ("scif://0:5555", "scif://host:5555");
    expect_canonical ("scif://2:5555", "scif://mic1:5555");
    expect_canonical (local_name ("scif://", node, ":5555"), "scif://5555");
    expect_canonical (local_name ("scif://", node, ":5555"), "scif://*:5555");
}

static void test_canonical_of_none ()
{
    expect_canonical ("scif://", "scif://");
    expect_canonical ("scif://nowhere:5555", "scif://nowhere:5555");
    expect_canonical ("scif://0:65536", "scif://0:65536");
}

int main ()
{
    setup_test_environment ();

    UNITY_BEGIN ();
    RUN_TEST (test_to_string);
    RUN_TEST (test_resolve_connect_number);
    RUN_TEST (test_resolve_connect_name);
    RUN_TEST (test_resolve_connect_open);
    RUN_TEST (test_resolve_bind_open);
    RUN_TEST (test_resolve_bind_node);
    RUN_TEST (test_resolve_bind_other_node);
    RUN_TEST (test_resolve_invalid);
    RUN_TEST (test_resolve_failure_keeps_address);
    RUN_TEST (test_canonical);
    RUN_TEST (test_canonical_of_none);
    return UNITY_END ();
}
