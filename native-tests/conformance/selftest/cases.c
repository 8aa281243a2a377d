/* SPDX-License-Identifier: MPL-2.0 */
/* Cases for the runner's own test: run.sh knows what each must come to. */
#include "harness.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

CASE (later, "1.10", "sorted after 1.2", 0)
{
    note ("a comment");
}

CASE (passes, "1.2", "passes", 0)
{
    RETURNS (2 + 2, 4);
    FAILS ((errno = EBADF, -1), EBADF);
    EVENTS (0, 0);
    SAME_BYTES ("abc", "abc", 3);
}

CASE (wrong_value, "2.1", "returns the wrong value", 0)
{
    RETURNS (2 + 2, 5);
}

CASE (wrong_errno, "2.2", "sets the wrong errno", 0)
{
    FAILS ((errno = ENXIO, -1), ECONNRESET);
}

CASE (wrong_bytes, "2.3", "holds the wrong bytes", 0)
{
    SAME_BYTES ("abcd", "abzd", 4);
}

CASE (crashes, "3.1", "crashes", 0)
{
    raise (SIGSEGV);
}

CASE (crashing_quirk, "3.2", "crashes, as a quirk", QUIRK)
{
    raise (SIGABRT);
}

CASE (exits, "3.3", "exits by itself", 0)
{
    _exit (3);
}

CASE (hangs, "4.1", "hangs, with a child that ignores signals", 0)
{
    signal (SIGTERM, SIG_IGN);
    if (fork () == 0)
        for (;;)
            pause ();
    for (;;)
        pause ();
}

CASE (leaves_child, "4.2", "leaves a child behind", 0)
{
    if (fork () == 0)
        for (;;)
            pause ();
}

CASE (skips, "5.1", "skips", 0)
{
    skip ("there is no %s", "card");
}

CASE (seen, "6.1", "reproduced", QUIRK)
{
    observe (true, "seen");
}

CASE (unseen, "6.2", "not reproduced", QUIRK)
{
    observe (false, "not seen");
}

CASE (failing_quirk, "6.3", "a quirk whose check fails", QUIRK)
{
    RETURNS (1, 2);
}

CASE (half_seen, "6.4", "reproduced in part", QUIRK)
{
    observe (true, "one");
    observe (false, "two");
}

CASE (dangerous, "6.5", "hangs where that is allowed", QUIRK | DANGEROUS)
{
    for (;;)
        pause ();
}

CASE (slow_a, "7.1", "slow, side by side", SLOW)
{
    sleep (2);
}

CASE (slow_b, "7.2", "slow, side by side", SLOW)
{
    sleep (2);
}

CASE (alone, "7.3", "alone", EXCLUSIVE)
{
    sleep (0);
}

int main (int argc, char **argv)
{
    return conf_main (argc, argv, NULL);
}
