// SPDX-License-Identifier: MPL-2.0

#include "harness.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <unistd.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RING_TESTS_SANITIZED
#endif
#elif defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define RING_TESTS_SANITIZED
#endif

namespace
{
#if defined RING_TESTS_SANITIZED
double factor = 6;
#else
double factor = 1;
#endif
}

double rt::timeout_factor ()
{
    return factor;
}

void rt::set_timeout_factor (double value)
{
    factor = value;
}

void rt::fail (const char *file, int line, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start (args, format);
    std::vsnprintf (text, sizeof text, format, args);
    va_end (args);
    std::fprintf (stderr, "%s:%d: %s\n", file, line, text);
    std::fflush (stderr);
    //  Neither destructors nor other threads are to have a say.
    _exit (failed_status);
}

void rt::check_equal (const char *file, int line, const char *text, long long actual, long long expected)
{
    if (actual != expected)
        fail (file, line, "%s is %lld, not %lld (errno %d)", text, actual, expected, errno);
}

void rt::check_errno (const char *file, int line, const char *text, long long actual, int expected)
{
    const int code = errno;
    if (actual != -1)
        fail (file, line, "%s is %lld, not -1 with errno %d (%s)", text, actual, expected, strerror (expected));
    if (code != expected)
        fail (file, line, "%s sets errno to %d (%s), not %d (%s)", text, code, strerror (code), expected,
              strerror (expected));
}

int64_t rt::now_ms ()
{
    timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return static_cast<int64_t> (now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}
