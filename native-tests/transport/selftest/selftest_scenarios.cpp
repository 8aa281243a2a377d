// SPDX-License-Identifier: MPL-2.0
//
// Scenarios that end in each way a scenario can end, for the runner's own test. They are listed and run only when
// TT_SELFTEST is set.

#include "harness.hpp"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

using namespace tt;

namespace
{
SIDE (selftest_side)
{
    say ("pid %d", getpid ());
    note ("the side waits");
    hear ();
}

SIDE (selftest_failing_side)
{
    CHECK_EQ (1, 2);
}
}

SCENARIO (selftest_passes, 10)
{
    Peer side ("selftest_side");
    side.value ("pid");
    side.tell ("go");
    side.finish ();
    note ("of no interest when all is well");
    figure ("%d messages of %d", 41 + 1, 42);
}

SCENARIO (selftest_fails, 10)
{
    note ("before the failure");
    CHECK_EQ (std::string ("left"), std::string ("right"));
}

SCENARIO (selftest_hangs, 1)
{
    Peer side ("selftest_side");
    note ("side has pid %s", side.value ("pid").c_str ());
    while (true)
        pause ();
}

SCENARIO (selftest_crashes, 10)
{
    abort ();
}

SCENARIO (selftest_loses_a_peer, 10)
{
    Peer side ("selftest_failing_side");
    side.line ();
}

SCENARIO (selftest_skips, 10)
{
    skip ("for the runner's own test");
}

SCENARIO_KNOWN (selftest_fails_as_known, 10, "a defect that is known", nullptr)
{
    FAIL ("as ever");
}
