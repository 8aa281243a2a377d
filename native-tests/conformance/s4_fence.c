/* SPDX-License-Identifier: MPL-2.0 */
/* Section 4.7: fences, on one node. */
#define _GNU_SOURCE
#include "support.h"

#include <string.h>

#define BOTH (SCIF_SIGNAL_LOCAL | SCIF_SIGNAL_REMOTE)

CASE (fence_mark, "4.7", "on one node a mark is always 0xdead, and wait gives 0",
      0)
{
    static const int flags[] = {SCIF_FENCE_INIT_SELF, SCIF_FENCE_INIT_PEER};
    struct pair pair = pair_open ();
    int i;
    for (i = 0; i < 2; i++) {
        int mark = 0;
        RETURNS (scif_fence_mark (pair.connecter, flags[i], &mark), 0);
        RETURNS (mark, 0xdead);
        RETURNS (scif_fence_wait (pair.connecter, mark), 0);
        RETURNS (scif_fence_mark (pair.accepted, flags[i], &mark), 0);
        RETURNS (scif_fence_wait (pair.accepted, mark), 0);
    }
}

CASE (fence_wait_other, "4.7", "wait for any other mark: EINVAL", 0)
{
    static const int marks[] = {0, 1, -1, 0xdeae, 0x7fffffff};
    struct pair pair = pair_open ();
    size_t i;
    for (i = 0; i < sizeof marks / sizeof *marks; i++)
        FAILS (scif_fence_wait (pair.connecter, marks[i]), EINVAL);
}

CASE (fence_mark_flags, "4.7",
      "mark wants exactly one of INIT_SELF and INIT_PEER, else EINVAL", 0)
{
    struct pair pair = pair_open ();
    int mark;
    FAILS (scif_fence_mark (pair.connecter, 0, &mark), EINVAL);
    FAILS (scif_fence_mark (pair.connecter,
                            SCIF_FENCE_INIT_SELF | SCIF_FENCE_INIT_PEER, &mark),
           EINVAL);
    FAILS (scif_fence_mark (pair.connecter, 0x100, &mark), EINVAL);
}

CASE (fence_after_rma, "4.7",
      "after mark and wait, RMA made without SYNC is complete", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (16), *block = lasting (16 * PAGE);
    off_t offset = window (pair.accepted, memory, 16 * PAGE, READ_WRITE);
    int i, mark;
    for (i = 1; i < 100; i++) {
        memset (block, i, 16 * PAGE);
        RETURNS (scif_vwriteto (pair.connecter, block, 16 * PAGE, offset, 0),
                 0);
        RETURNS (scif_fence_mark (pair.connecter, SCIF_FENCE_INIT_SELF, &mark),
                 0);
        RETURNS (scif_fence_wait (pair.connecter, mark), 0);
        SAME_BYTES (memory, block, 16 * PAGE);
    }
}

/* A window of one page at offset 0 on both sides. */
struct words {
    struct pair pair;
    char *local, *remote;
};

static struct words words_open (int local_prot, int remote_prot)
{
    struct words w;
    w.pair = pair_open ();
    w.local = pages (1);
    w.remote = pages (1);
    window_at (w.pair.connecter, 0, w.local, PAGE, local_prot);
    window_at (w.pair.accepted, 0, w.remote, PAGE, remote_prot);
    return w;
}

static uint64_t word (const char *memory, size_t at)
{
    uint64_t value;
    memcpy (&value, memory + at, sizeof value);
    return value;
}

CASE (signal_writes, "4.7",
      "signal writes the 64-bit values at once, local, remote or both; with "
      "INIT_PEER local and remote are the peer's",
      0)
{
    const uint64_t l = 0x1122334455667788u, r = 0x99aabbccddeeff00u;
    struct words w = words_open (READ_WRITE, READ_WRITE);
    static const int sides[] = {SCIF_FENCE_INIT_SELF, SCIF_FENCE_INIT_PEER};
    static const int here[] = {SCIF_SIGNAL_LOCAL, SCIF_SIGNAL_REMOTE};
    int i;
    for (i = 0; i < 2; i++) {
        memset (w.local, 0, PAGE);
        memset (w.remote, 0, PAGE);
        RETURNS (scif_fence_signal (w.pair.connecter, 8, l, 16, r,
                                    sides[i] | here[i]),
                 0);
        CHECK (word (w.local, 8) == l && word (w.remote, 16) == 0);
        RETURNS (scif_fence_signal (w.pair.connecter, 24, l, 32, r,
                                    sides[i] | here[1 - i]),
                 0);
        CHECK (word (w.local, 24) == 0 && word (w.remote, 32) == r);
        RETURNS (scif_fence_signal (w.pair.connecter, 40, l + 1, PAGE - 8,
                                    r + 1, sides[i] | BOTH),
                 0);
        CHECK (word (w.local, 40) == l + 1);
        CHECK (word (w.remote, PAGE - 8) == r + 1);
        CHECK (word (w.local, 0) == 0 && word (w.local, 16) == 0);
        CHECK (word (w.remote, 8) == 0 && word (w.remote, 24) == 0);
    }
}

CASE (signal_alignment, "4.7",
      "offsets of signal are 4-byte aligned, else EINVAL", 0)
{
    static const off_t bad[] = {1, 2, 3, 7, 9};
    struct words w = words_open (READ_WRITE, READ_WRITE);
    size_t i;
    for (i = 0; i < sizeof bad / sizeof *bad; i++) {
        FAILS (scif_fence_signal (w.pair.connecter, bad[i], 1, 0, 1,
                                  SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_LOCAL),
               EINVAL);
        FAILS (scif_fence_signal (w.pair.connecter, 0, 1, bad[i], 1,
                                  SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_REMOTE),
               EINVAL);
    }
    RETURNS (scif_fence_signal (w.pair.connecter, 4, 5, 12, 6,
                                SCIF_FENCE_INIT_SELF | BOTH),
             0);
    CHECK (word (w.local, 4) == 5 && word (w.remote, 12) == 6);
}

CASE (signal_window, "4.7",
      "signal where no window is: ENXIO; into one without WRITE: EPERM", 0)
{
    const int local = SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_LOCAL;
    const int remote = SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_REMOTE;
    struct words w = words_open (READ_WRITE, READ_WRITE);
    FAILS (scif_fence_signal (w.pair.connecter, 0x10000, 1, 0, 1, local),
           ENXIO);
    FAILS (scif_fence_signal (w.pair.connecter, 0, 1, 0x10000, 1, remote),
           ENXIO);
    w = words_open (SCIF_PROT_READ, SCIF_PROT_READ);
    FAILS (scif_fence_signal (w.pair.connecter, 0, 1, 0, 1, local), EPERM);
    FAILS (scif_fence_signal (w.pair.connecter, 0, 1, 0, 1, remote), EPERM);
}

CASE (signal_flags, "4.7",
      "signal wants exactly one INIT and at least one SIGNAL flag, else EINVAL",
      0)
{
    static const int bad[] = {
      0,
      SCIF_FENCE_INIT_SELF,
      SCIF_FENCE_INIT_PEER,
      SCIF_SIGNAL_LOCAL,
      SCIF_SIGNAL_REMOTE,
      BOTH,
      SCIF_FENCE_INIT_SELF | SCIF_FENCE_INIT_PEER | SCIF_SIGNAL_LOCAL};
    struct words w = words_open (READ_WRITE, READ_WRITE);
    size_t i;
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS (scif_fence_signal (w.pair.connecter, 0, 1, 0, 1, bad[i]),
               EINVAL);
    CHECK (word (w.local, 0) == 0 && word (w.remote, 0) == 0);
}

static void check_fences_fail (scif_epd_t epd, int code)
{
    int mark;
    FAILS (scif_fence_mark (epd, SCIF_FENCE_INIT_SELF, &mark), code);
    FAILS (scif_fence_wait (epd, 0xdead), code);
    FAILS (scif_fence_signal (epd, 0, 1, 0, 1, SCIF_FENCE_INIT_SELF | BOTH),
           code);
}

CASE (fence_states, "4.7",
      "fences unless connected: ENOTCONN; after the peer's close: ECONNRESET; "
      "bad descriptors",
      0)
{
    struct words w = words_open (READ_WRITE, READ_WRITE);
    int port;
    check_fences_fail (endpoint (), ENOTCONN);
    check_fences_fail (listener (1, &port), ENOTCONN);
    check_fences_fail (closed_fd (), EBADF);
    check_fences_fail (-1, EBADF);
    check_fences_fail (foreign_fd (), ENOTTY);
    close_epd (w.pair.accepted);
    await_hangup (w.pair.connecter);
    check_fences_fail (w.pair.connecter, ECONNRESET);
}
