// SPDX-License-Identifier: MPL-2.0
//
// Tests, each in a process of its own with a deadline, and what they check with. Knows nothing of SCIF.

#ifndef RING_TESTS_HARNESS_HPP
#define RING_TESTS_HARNESS_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace rt
{
/// A test: fails by fail() or by a non-zero end of its process. 'seconds' is its bound in time, without a sanitizer;
/// 0: the time to fuzz for, and 20 seconds.
struct test_t
{
    const char *name;
    void (*run) ();
    int seconds;
};

/// Registers a test; TEST() calls it before main().
struct registration_t
{
    registration_t (const char *name, void (*run) (), int seconds);
};

#define TEST_WITHIN(name, seconds)                                                                                     \
    static void name ();                                                                                               \
    static const rt::registration_t name##_registration (#name, name, seconds);                                        \
    static void name ()
#define TEST(name) TEST_WITHIN (name, 10)

/// The status that a failed check ends the process with.
const int failed_status = 60;

/// Ends the test as failed, with a message.
[[noreturn]] void fail (const char *file, int line, const char *format, ...) __attribute__ ((format (printf, 3, 4)));
#define FAIL(...) rt::fail (__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            FAIL ("does not hold: %s (errno %d)", #condition, errno);                                                  \
    } while (false)

/// Both are integers, and equal.
#define CHECK_EQ(actual, expected)                                                                                     \
    rt::check_equal (__FILE__, __LINE__, #actual, static_cast<long long> (actual), static_cast<long long> (expected))
void check_equal (const char *file, int line, const char *text, long long actual, long long expected);

/// The call returns -1 and sets errno to 'expected'.
#define CHECK_ERRNO(call, expected) rt::check_errno (__FILE__, __LINE__, #call, (errno = 0, (call)), expected)
void check_errno (const char *file, int line, const char *text, long long actual, int expected);

/// Says what the test is at, for the message should it fail, crash or hang.
void stage (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/// Prints a line below the result of the test.
void note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/// The number given by --seed.
uint64_t seed ();

/// How long to fuzz, given by --seconds, and the one input to run, given by --only (UINT64_MAX: all).
int seconds ();
uint64_t only ();

/// By how much a sanitizer, or --timeout-factor, makes everything take longer.
double timeout_factor ();
void set_timeout_factor (double value);

/// Milliseconds of the monotonic clock.
int64_t now_ms ();
}

#endif
