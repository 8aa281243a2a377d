/* SPDX-License-Identifier: MPL-2.0 */
/* Section 4.3: readfrom, writeto, vreadfrom, vwriteto. */
#define _GNU_SOURCE
#include "support.h"

#include <string.h>
#include <sys/mman.h>

#define LOCAL_BASE 0x100000
#define REMOTE_BASE 0x900000
#define SPAN (4 * PAGE)

/* Both ends' memory, registered: local at the connecter, remote at the
   accepted end. Each in three windows side by side, of 1, 1 and 2 pages. */
struct arena {
    struct pair pair;
    unsigned char *local, *remote;
};

static void windows_side_by_side (scif_epd_t epd, off_t base,
                                  unsigned char *memory, int prot)
{
    window_at (epd, base + PAGE, memory + PAGE, PAGE, prot);
    window_at (epd, base, memory, PAGE, prot);
    window_at (epd, base + 2 * PAGE, memory + 2 * PAGE, 2 * PAGE, prot);
}

static struct arena arena_open (void)
{
    struct arena a;
    a.pair = pair_open ();
    a.local = pages (4);
    a.remote = pages (4);
    windows_side_by_side (a.pair.connecter, LOCAL_BASE, a.local, READ_WRITE);
    windows_side_by_side (a.pair.accepted, REMOTE_BASE, a.remote, READ_WRITE);
    return a;
}

enum transfer { READ, WRITE, VREAD, VWRITE };
static const char *const transfer_names[] = {"readfrom", "writeto", "vreadfrom",
                                             "vwriteto"};

/* One transfer between a place in local and a place in remote memory. */
static int transfer (const struct arena *a, enum transfer what, size_t local,
                     size_t len, size_t remote, int flags)
{
    scif_epd_t epd = a->pair.connecter;
    off_t loffset = LOCAL_BASE + (off_t) local;
    off_t roffset = REMOTE_BASE + (off_t) remote;
    switch (what) {
        case READ:
            return scif_readfrom (epd, loffset, len, roffset, flags);
        case WRITE:
            return scif_writeto (epd, loffset, len, roffset, flags);
        case VREAD:
            return scif_vreadfrom (epd, a->local + local, len, roffset, flags);
        default:
            return scif_vwriteto (epd, a->local + local, len, roffset, flags);
    }
}

/* The transfer moves these bytes and no others. */
static void check_transfer (const struct arena *a, enum transfer what,
                            size_t local, size_t len, size_t remote, int flags)
{
    static unsigned char before_local[SPAN], before_remote[SPAN];
    fill (a->local, SPAN, 1, local * 7 + len);
    fill (a->remote, SPAN, 2, remote * 5 + len);
    memcpy (before_local, a->local, SPAN);
    memcpy (before_remote, a->remote, SPAN);
    if (transfer (a, what, local, len, remote, flags) != 0)
        FAIL ("%s of %zu bytes, local %zu, remote %zu, flags %d: errno %d %s",
              transfer_names[what], len, local, remote, flags, errno,
              errno_name (errno));
    if (what == READ || what == VREAD)
        memcpy (before_local + local, before_remote + remote, len);
    else
        memcpy (before_remote + remote, before_local + local, len);
    SAME_BYTES (a->local, before_local, SPAN);
    SAME_BYTES (a->remote, before_remote, SPAN);
}

static void check_alignments (enum transfer what)
{
    static const size_t places[] = {0, 1, 3, 8, 63, 64, 65, PAGE - 1, PAGE + 7};
    static const size_t lens[] = {1,  2,   7,    8,        9,           63,
                                  64, 129, 1000, PAGE - 1, 2 * PAGE + 11};
    struct arena a = arena_open ();
    size_t i, j, k;
    for (i = 0; i < sizeof places / sizeof *places; i++)
        for (j = 0; j < sizeof places / sizeof *places; j++)
            for (k = 0; k < sizeof lens / sizeof *lens; k++)
                check_transfer (&a, what, places[i], lens[k], places[j],
                                SCIF_RMA_SYNC);
    check_transfer (&a, what, 0, SPAN, 0, SCIF_RMA_SYNC);
}

CASE (readfrom_alignments, "4.3",
      "readfrom: any alignment and length, across adjacent windows", 0)
{
    check_alignments (READ);
}

CASE (writeto_alignments, "4.3",
      "writeto: any alignment and length, across adjacent windows", 0)
{
    check_alignments (WRITE);
}

CASE (vreadfrom_alignments, "4.3",
      "vreadfrom: any alignment and length, across adjacent windows", 0)
{
    check_alignments (VREAD);
}

CASE (vwriteto_alignments, "4.3",
      "vwriteto: any alignment and length, across adjacent windows", 0)
{
    check_alignments (VWRITE);
}

CASE (rma_from_the_accepted_end, "4.3",
      "the accepted end reads and writes the connecter's windows alike", 0)
{
    struct arena a = arena_open ();
    fill (a.local, SPAN, 1, 0);
    RETURNS (scif_readfrom (a.pair.accepted, REMOTE_BASE, SPAN, LOCAL_BASE,
                            SCIF_RMA_SYNC),
             0);
    check_pattern (a.remote, SPAN, 1, 0);
    fill (a.remote, SPAN, 2, 0);
    RETURNS (scif_writeto (a.pair.accepted, REMOTE_BASE + 5, 100,
                           LOCAL_BASE + 9, SCIF_RMA_SYNC),
             0);
    check_pattern (a.local + 9, 100, 2, 5);
}

CASE (rma_large, "4.3", "transfers of 8 MiB are intact", 0)
{
    const size_t len = 8 * 1024 * 1024;
    struct pair pair = pair_open ();
    unsigned char *local, *remote;
    off_t loffset, roffset;
    need_memlock (4 * len);
    local = pages (len / PAGE);
    remote = pages (len / PAGE);
    loffset = window (pair.connecter, local, len, READ_WRITE);
    roffset = window (pair.accepted, remote, len, READ_WRITE);
    fill (local, len, 1, 0);
    RETURNS (scif_writeto (pair.connecter, loffset, len, roffset,
                           SCIF_RMA_SYNC),
             0);
    check_pattern (remote, len, 1, 0);
    fill (remote, len, 2, 0);
    RETURNS (scif_vreadfrom (pair.connecter, local, len, roffset,
                             SCIF_RMA_SYNC),
             0);
    check_pattern (local, len, 2, 0);
}

CASE (rma_length_zero, "4.3", "length 0: EINVAL", 0)
{
    struct arena a = arena_open ();
    int what;
    for (what = READ; what <= VWRITE; what++)
        FAILS (transfer (&a, (enum transfer) what, 0, 0, 0, SCIF_RMA_SYNC),
               EINVAL);
}

CASE (rma_uncovered, "4.3",
      "a range, local or remote, that windows do not wholly cover: ENXIO", 0)
{
    struct arena a = arena_open ();
    int what;
    for (what = READ; what <= VWRITE; what++) {
        enum transfer t = (enum transfer) what;
        note ("%s", transfer_names[what]);
        FAILS (transfer (&a, t, 0, 2, SPAN - 1, SCIF_RMA_SYNC), ENXIO);
        FAILS (transfer (&a, t, 0, 1, SPAN, SCIF_RMA_SYNC), ENXIO);
        FAILS (transfer (&a, t, 0, 1, 16 * SPAN, SCIF_RMA_SYNC), ENXIO);
        if (t == VREAD || t == VWRITE)
            continue;
        FAILS (transfer (&a, t, SPAN - 1, 2, 0, SCIF_RMA_SYNC), ENXIO);
        FAILS (transfer (&a, t, SPAN, 1, 0, SCIF_RMA_SYNC), ENXIO);
        FAILS (transfer (&a, t, 16 * SPAN, 1, 0, SCIF_RMA_SYNC), ENXIO);
    }
}

CASE (rma_gap, "4.3", "a gap inside the range: ENXIO", 0)
{
    struct arena a = arena_open ();
    int what;
    RETURNS (scif_unregister (a.pair.accepted, REMOTE_BASE + PAGE, PAGE), 0);
    await_unregistered (a.pair.connecter, REMOTE_BASE + PAGE);
    for (what = READ; what <= VWRITE; what++) {
        FAILS (transfer (&a, (enum transfer) what, 0, SPAN, 0, SCIF_RMA_SYNC),
               ENXIO);
        RETURNS (transfer (&a, (enum transfer) what, 0, PAGE, 0, SCIF_RMA_SYNC),
                 0);
        RETURNS (transfer (&a, (enum transfer) what, 0, PAGE, 2 * PAGE,
                           SCIF_RMA_SYNC),
                 0);
    }
}

CASE (rma_remote_protection, "4.3",
      "reading a window without READ, writing one without WRITE: EPERM", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1), bytes[8];
    off_t own = window (pair.connecter, pages (1), PAGE, READ_WRITE);
    off_t readable = window (pair.accepted, memory, PAGE, SCIF_PROT_READ);
    off_t writable = window (pair.accepted, memory, PAGE, SCIF_PROT_WRITE);
    off_t neither = window (pair.accepted, memory, PAGE, 0);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 8, readable, SCIF_RMA_SYNC),
             0);
    RETURNS (scif_vwriteto (pair.connecter, bytes, 8, writable, SCIF_RMA_SYNC),
             0);
    FAILS (scif_vwriteto (pair.connecter, bytes, 8, readable, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_vreadfrom (pair.connecter, bytes, 8, writable, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_vreadfrom (pair.connecter, bytes, 8, neither, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_vwriteto (pair.connecter, bytes, 8, neither, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_writeto (pair.connecter, own, 8, readable, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_readfrom (pair.connecter, own, 8, writable, SCIF_RMA_SYNC),
           EPERM);
}

CASE (rma_local_protection, "4.3",
      "readfrom into a local window without WRITE, writeto from one without "
      "READ: EPERM",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1);
    off_t remote = window (pair.accepted, pages (1), PAGE, READ_WRITE);
    off_t readable = window (pair.connecter, memory, PAGE, SCIF_PROT_READ);
    off_t writable = window (pair.connecter, memory, PAGE, SCIF_PROT_WRITE);
    RETURNS (scif_writeto (pair.connecter, readable, 8, remote, SCIF_RMA_SYNC),
             0);
    RETURNS (scif_readfrom (pair.connecter, writable, 8, remote, SCIF_RMA_SYNC),
             0);
    FAILS (scif_readfrom (pair.connecter, readable, 8, remote, SCIF_RMA_SYNC),
           EPERM);
    FAILS (scif_writeto (pair.connecter, writable, 8, remote, SCIF_RMA_SYNC),
           EPERM);
}

CASE (rma_flags, "4.3",
      "flags: 0 and every known bit are accepted; nonzero without a known bit: "
      "EINVAL; with one, unknown bits are ignored",
      0)
{
    static const int good[] = {0,
                               SCIF_RMA_USECPU,
                               SCIF_RMA_USECACHE,
                               SCIF_RMA_SYNC,
                               SCIF_RMA_ORDERED,
                               15,
                               0x100 | SCIF_RMA_SYNC,
                               -1};
    static const int bad[] = {0x10, 0x20, 0x100, 0x40000000, -16};
    struct arena a = arena_open ();
    size_t i;
    int what;
    for (what = READ; what <= VWRITE; what++) {
        enum transfer t = (enum transfer) what;
        for (i = 0; i < sizeof good / sizeof *good; i++)
            RETURNS (transfer (&a, t, 3, 100, 5, good[i]), 0);
        for (i = 0; i < sizeof bad / sizeof *bad; i++)
            FAILS (transfer (&a, t, 3, 100, 5, bad[i]), EINVAL);
    }
}

CASE (rma_bad_memory, "4.3",
      "vreadfrom into read-only memory, vwriteto from unmapped memory: EFAULT",
      0)
{
    struct pair pair = pair_open ();
    off_t offset = window (pair.accepted, pages (1), PAGE, READ_WRITE);
    char *memory = pages (3);
    RETURNS (mprotect (memory, PAGE, PROT_READ), 0);
    RETURNS (munmap (memory + 2 * PAGE, PAGE), 0);
    FAILS (scif_vreadfrom (pair.connecter, memory, 8, offset, SCIF_RMA_SYNC),
           EFAULT);
    RETURNS (scif_vwriteto (pair.connecter, memory, 8, offset, SCIF_RMA_SYNC),
             0);
    FAILS (scif_vwriteto (pair.connecter, memory + 2 * PAGE, 8, offset,
                          SCIF_RMA_SYNC),
           EFAULT);
    FAILS (scif_vreadfrom (pair.connecter, memory + 2 * PAGE, 8, offset,
                           SCIF_RMA_SYNC),
           EFAULT);
    FAILS (scif_vwriteto (pair.connecter, memory + 2 * PAGE - 4, 8, offset,
                          SCIF_RMA_SYNC),
           EFAULT);
}

CASE (rma_null, "4.3",
      "vreadfrom and vwriteto with a null pointer fail: EFAULT, or ENXIO as a "
      "local range without a window",
      0)
{
    struct pair pair = pair_open ();
    off_t offset = window (pair.accepted, pages (1), PAGE, READ_WRITE);
    CHECK (scif_vwriteto (pair.connecter, NULL, 8, offset, SCIF_RMA_SYNC) == -1
           && (errno == EFAULT || errno == ENXIO));
    CHECK (scif_vreadfrom (pair.connecter, NULL, 8, offset, SCIF_RMA_SYNC) == -1
           && (errno == EFAULT || errno == ENXIO));
}

static void check_all_fail (scif_epd_t epd, int code)
{
    char bytes[8];
    FAILS (scif_readfrom (epd, 0, 8, 0, SCIF_RMA_SYNC), code);
    FAILS (scif_writeto (epd, 0, 8, 0, SCIF_RMA_SYNC), code);
    FAILS (scif_vreadfrom (epd, bytes, 8, 0, SCIF_RMA_SYNC), code);
    FAILS (scif_vwriteto (epd, bytes, 8, 0, SCIF_RMA_SYNC), code);
}

CASE (rma_states, "4.3",
      "unless connected: ENOTCONN; closed descriptor: EBADF; another kind: "
      "ENOTTY",
      0)
{
    scif_epd_t bound;
    int port;
    dead_port (&bound);
    check_all_fail (endpoint (), ENOTCONN);
    check_all_fail (bound, ENOTCONN);
    check_all_fail (listener (1, &port), ENOTCONN);
    check_all_fail (closed_fd (), EBADF);
    check_all_fail (-1, EBADF);
    check_all_fail (foreign_fd (), ENOTTY);
}

CASE (rma_after_close, "4.3", "after the peer's close: ECONNRESET", 0)
{
    struct pair pair = pair_open ();
    window_at (pair.connecter, 0, pages (1), PAGE, READ_WRITE);
    window_at (pair.accepted, 0, pages (1), PAGE, READ_WRITE);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    check_all_fail (pair.connecter, ECONNRESET);
}

CASE (rma_before_message, "4.3",
      "2000 times vwriteto without SYNC, then a 1-byte message: the data are "
      "there with the message (one node)",
      0)
{
    struct pair pair = pair_open ();
    uint64_t *memory = pages (16), value;
    off_t offset = window (pair.accepted, memory, 16 * PAGE, READ_WRITE);
    unsigned char *block = lasting (16 * PAGE);
    char byte = 'm';
    int i;
    for (i = 1; i <= 2000; i++) {
        const size_t len = i % 16 ? 64 : 16 * PAGE;
        memset (block, i & 0xff, len);
        value = (uint64_t) i;
        memcpy (block + len - 8, &value, 8);
        RETURNS (scif_vwriteto (pair.connecter, block, len, offset, 0), 0);
        send_all (pair.connecter, &byte, 1);
        recv_all (pair.accepted, &byte, 1);
        SAME_BYTES (memory, block, len);
    }
}

static void own_a_window (struct peer *me, void *unused)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID peer;
    (void) unused;
    peer_tell (me, port);
    RETURNS (scif_accept (from, &peer, &epd, SCIF_ACCEPT_SYNC), 0);
    window_at (epd, 0, pages (16), 16 * PAGE, READ_WRITE);
    peer_tell (me, 0);
    peer_hear (me);
}

/* What goes first when the owner dies, its windows or the connection, is a
   matter of moments. */
static long run_writes (struct call *call)
{
    double gone = 0;
    for (;;) {
        int result = scif_vwriteto (call->epd, call->buffer, 16 * PAGE, 0,
                                    SCIF_RMA_SYNC);
        if (result && errno == ENXIO && (gone == 0 || now () - gone < 1)) {
            gone = gone == 0 ? now () : gone;
            continue;
        }
        __atomic_fetch_add (&call->len, 1, __ATOMIC_RELAXED);
        if (result)
            return result;
    }
}

CASE (owner_killed_in_rma, "4.3",
      "the owner of a window is killed while its peer writes: ECONNRESET, no "
      "crash",
      0)
{
    struct peer peer = peer_start (own_a_window, NULL);
    struct scif_portID to = address ((int) peer_hear (&peer));
    struct call writes = {.epd = endpoint (), .buffer = pages (16), .len = 0};
    double since = now ();
    CHECK (SUCCEEDS (scif_connect (writes.epd, &to)) > 0);
    peer_hear (&peer);
    start_call (&writes, run_writes);
    while (__atomic_load_n (&writes.len, __ATOMIC_RELAXED) < 100) {
        if (returned (&writes) || now () - since > 5)
            FAIL ("the writes do not go on: %ld, errno %d %s", writes.result,
                  writes.error, errno_name (writes.error));
        sleep_ms (1);
    }
    peer_kill (&peer, AT_ONCE);
    finish_failing (&writes, ECONNRESET);
}

static void write_for_ever (struct peer *me, void *port)
{
    struct scif_portID to = address (*(int *) port);
    scif_epd_t epd = endpoint ();
    char *memory = pages (16);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    peer_hear (me);
    for (;;) {
        memset (memory, *memory + 1, 16 * PAGE);
        RETURNS (scif_vwriteto (epd, memory, 16 * PAGE, 0, SCIF_RMA_SYNC), 0);
    }
}

CASE (writer_killed_in_rma, "4.3",
      "a process is killed while it writes: its peer sees HUP and keeps its "
      "memory",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID id;
    struct peer peer = peer_start (write_for_ever, &port);
    volatile char *memory = pages (16);
    double since;
    RETURNS (scif_accept (from, &id, &epd, SCIF_ACCEPT_SYNC), 0);
    window_at (epd, 0, (void *) (uintptr_t) memory, 16 * PAGE, READ_WRITE);
    peer_tell (&peer, 0);
    since = now ();
    while (!memory[16 * PAGE - 1])
        check_at_once (since, "the first write");
    peer_kill (&peer, AT_ONCE);
    await_hangup (epd);
    memory[0] = 42;
    CHECK (memory[0] == 42);
    FAILS (scif_register (epd, pages (1), PAGE, 0, READ_WRITE, 0), ECONNRESET);
}
