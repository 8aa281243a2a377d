// SPDX-License-Identifier: MPL-2.0

#include "harness.hpp"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace tt
{
namespace
{
Settings current_settings;
std::string process_name = "?";

std::vector<Scenario> &scenario_list ()
{
    static std::vector<Scenario> list;
    return list;
}

std::vector<Side> &side_list ()
{
    static std::vector<Side> list;
    return list;
}

//  Time 0 of a scenario's log, handed on to peers by the environment.
double log_epoch ()
{
    static const double epoch = [] {
        const char *const text = getenv ("TT_EPOCH");
        return text ? atof (text) : now_ms ();
    }();
    return epoch;
}

//  One write per line: the log is shared by several processes and opened for appending.
void write_log (const char *kind, const char *format, va_list args)
{
    char text[2048];
    int used = snprintf (text, sizeof text, "[%8.3f s] %s(%d): %s", (now_ms () - log_epoch ()) / 1000,
                         process_name.c_str (), static_cast<int> (getpid ()), kind);
    used += vsnprintf (text + used, sizeof text - used - 1, format, args);
    used = std::min<int> (used, sizeof text - 2);
    text[used++] = '\n';
    if (write (log_fd, text, used) < 0) {
        //  Nowhere left to complain to.
    }
}
}

const Settings &settings ()
{
    return current_settings;
}

void set_settings (const Settings &settings)
{
    current_settings = settings;
}

const char *transport_name ()
{
    switch (settings ().transport) {
        case Transport::tcp:
            return "tcp";
        case Transport::ipc:
            return "ipc";
        case Transport::scif:
            break;
    }
    return "scif";
}

int bound_ms (double milliseconds)
{
    return static_cast<int> (milliseconds * settings ().timeout_factor);
}

const std::vector<Scenario> &scenarios ()
{
    //  Static initialisation has no order between files; names do.
    static const std::vector<Scenario> sorted = [] {
        std::vector<Scenario> list = scenario_list ();
        std::sort (list.begin (), list.end (),
                   [] (const Scenario &a, const Scenario &b) { return strcmp (a.name, b.name) < 0; });
        return list;
    }();
    return sorted;
}

const std::vector<Side> &sides ()
{
    return side_list ();
}

RegisterScenario::RegisterScenario (const Scenario &scenario)
{
    scenario_list ().push_back (scenario);
}

RegisterSide::RegisterSide (const Side &side)
{
    side_list ().push_back (side);
}

void note (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    write_log ("", format, args);
    va_end (args);
}

void figure (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    write_log (figure_mark, format, args);
    va_end (args);
}

void fail (const char *file, int line, const char *format, ...)
{
    const char *const slash = strrchr (file, '/');
    char kind[256];
    snprintf (kind, sizeof kind, "FAIL %s:%d: ", slash ? slash + 1 : file, line);
    va_list args;
    va_start (args, format);
    write_log (kind, format, args);
    va_end (args);
    //  Not exit(): other threads may be inside libzmq, and what they hold must not delay the report.
    _exit (1);
}

void skip (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    write_log ("SKIP ", format, args);
    va_end (args);
    _exit (exit_skipped);
}

std::string show (const std::string &value)
{
    std::string text = "\"";
    for (const unsigned char c : value.substr (0, 120)) {
        if (c >= ' ' && c < 127)
            text += static_cast<char> (c);
        else {
            char hex[8];
            snprintf (hex, sizeof hex, "\\x%02x", c);
            text += hex;
        }
    }
    text += '"';
    if (value.size () > 120)
        text += "... (" + std::to_string (value.size ()) + " bytes)";
    return text;
}

std::string show (const char *value)
{
    return show (std::string (value));
}

void check_equal (const char *file, int line, const char *actual_text, const std::string &actual,
                  const char *expected_text, const std::string &expected)
{
    if (actual != expected)
        fail (file, line, "%s is %s, not %s = %s", actual_text, actual.c_str (), expected_text, expected.c_str ());
}

long check_rc (const char *file, int line, const char *text, long rc)
{
    const int error = errno;
    if (rc == -1)
        fail (file, line, "%s: %s (errno %d)", text, strerror (error), error);
    return rc;
}

void check_errno (const char *file, int line, const char *text, long rc, int expected)
{
    const int error = errno;
    if (rc != -1)
        fail (file, line, "%s returned %ld, should have failed with %s", text, rc, strerror (expected));
    if (error != expected)
        fail (file, line, "%s failed with %s (errno %d), not %s", text, strerror (error), error, strerror (expected));
}

double now_ms ()
{
    timespec now;
    clock_gettime (CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000.0 + now.tv_nsec / 1e6;
}

void sleep_ms (double milliseconds)
{
    timespec rest;
    rest.tv_sec = static_cast<time_t> (milliseconds / 1000);
    rest.tv_nsec = static_cast<long> ((milliseconds - rest.tv_sec * 1000.0) * 1e6);
    while (nanosleep (&rest, &rest) == -1 && errno == EINTR) {
    }
}

int run_scenario (const std::string &name)
{
    for (const Scenario &scenario : scenarios ())
        if (name == scenario.name) {
            process_name = name;
            scenario.run ();
            return 0;
        }
    return 2;
}

int run_side (const std::string &name, const Args &args)
{
    for (const Side &side : sides ())
        if (name == side.name) {
            process_name = name;
            side.run (args);
            return 0;
        }
    FAIL ("no side is called %s", name.c_str ());
}
}
