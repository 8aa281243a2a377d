/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 4.5 and 4.6: mappings of the peer's windows, and fork. */
#define _GNU_SOURCE
#include "support.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* scif_mmap fails with this errno. */
#define MAP_FAILS(call, code)                                                  \
    do {                                                                       \
        errno = 0;                                                             \
        if ((call) != SCIF_MMAP_FAILED)                                        \
            FAIL ("%s succeeded, expected errno %s", #call,                    \
                  errno_name (code));                                          \
        if (errno != code)                                                     \
            FAIL ("%s: expected errno %s, actual %d %s", #call,                \
                  errno_name (code), errno, errno_name (errno));               \
    } while (0)

CASE (mapping_is_shared, "4.5",
      "scif_mmap shows the peer's own pages, coherent both ways", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (4), *mapped;
    int end;
    for (end = 0; end < 2; end++) {
        scif_epd_t owner = end ? pair.connecter : pair.accepted;
        scif_epd_t other = end ? pair.accepted : pair.connecter;
        off_t offset = window (owner, memory, 4 * PAGE, READ_WRITE);
        fill (memory, 4 * PAGE, 1, 0);
        mapped = map (other, offset, 4 * PAGE, READ_WRITE);
        CHECK (mapped != memory);
        check_pattern (mapped, 4 * PAGE, 1, 0);
        fill (memory, 4 * PAGE, 2, 0);
        check_pattern (mapped, 4 * PAGE, 2, 0);
        fill (mapped, 4 * PAGE, 3, 0);
        check_pattern (memory, 4 * PAGE, 3, 0);
        RETURNS (scif_munmap (mapped, 4 * PAGE), 0);
    }
}

static void own_and_increment (struct peer *me, void *unused)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID peer;
    uint64_t *words = pages (1);
    (void) unused;
    peer_tell (me, port);
    RETURNS (scif_accept (from, &peer, &epd, SCIF_ACCEPT_SYNC), 0);
    window_at (epd, 0, words, PAGE, READ_WRITE);
    peer_tell (me, 0);
    for (;;) {
        uint64_t ping = __atomic_load_n (&words[0], __ATOMIC_ACQUIRE);
        __atomic_store_n (&words[8], ping, __ATOMIC_RELEASE);
        if (ping == 1000)
            return;
    }
}

CASE (mapping_across_processes, "4.5",
      "1000 rounds of words through a mapping between two processes", 0)
{
    struct peer peer = peer_start (own_and_increment, NULL);
    struct scif_portID to = address ((int) peer_hear (&peer));
    scif_epd_t epd = endpoint ();
    uint64_t *words, i;
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    peer_hear (&peer);
    words = map (epd, 0, PAGE, READ_WRITE);
    for (i = 1; i <= 1000; i++) {
        double since = now ();
        __atomic_store_n (&words[0], i, __ATOMIC_RELEASE);
        while (__atomic_load_n (&words[8], __ATOMIC_ACQUIRE) != i)
            check_at_once (since, "the answer through memory");
    }
    peer_finish (&peer);
}

CASE (mapping_part, "4.5",
      "a mapping may begin and end inside a window; its length is rounded up",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (4), *mapped;
    window_at (pair.accepted, 0x10000, memory, 4 * PAGE, READ_WRITE);
    fill (memory, 4 * PAGE, 1, 0);
    mapped = map (pair.connecter, 0x10000 + PAGE, PAGE + 1, SCIF_PROT_READ);
    check_pattern (mapped, 2 * PAGE, 1, PAGE);
    RETURNS (scif_munmap (mapped, 2 * PAGE), 0);
    mapped = map (pair.connecter, 0x10000 + 3 * PAGE, 1, SCIF_PROT_READ);
    check_pattern (mapped, PAGE, 1, 3 * PAGE);
}

CASE (mapping_adjacent, "4.5", "one mapping over two adjacent windows", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (2), *other = pages (2), *mapped;
    window_at (pair.accepted, 0x10000, memory, 2 * PAGE, READ_WRITE);
    window_at (pair.accepted, 0x10000 + 2 * PAGE, other, 2 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0x10000 + PAGE, 2 * PAGE, READ_WRITE);
    fill (mapped, 2 * PAGE, 1, 0);
    check_pattern (memory + PAGE, PAGE, 1, 0);
    check_pattern (other, PAGE, 1, PAGE);
}

CASE (mapping_partial_munmap, "4.5",
      "a mapping can be unmapped in part, the rest stays", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (3), *mapped;
    window_at (pair.accepted, 0, memory, 3 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, 3 * PAGE, READ_WRITE);
    RETURNS (scif_munmap (mapped + PAGE, PAGE), 0);
    fill (mapped, PAGE, 1, 0);
    fill (mapped + 2 * PAGE, PAGE, 1, 2 * PAGE);
    check_pattern (memory, PAGE, 1, 0);
    check_pattern (memory + 2 * PAGE, PAGE, 1, 2 * PAGE);
    RETURNS (scif_munmap (mapped, PAGE), 0);
    RETURNS (scif_munmap (mapped + 2 * PAGE, PAGE), 0);
}

CASE (mapping_errors, "4.5",
      "unaligned offset: EINVAL; no window or too short a one: ENXIO", 0)
{
    struct pair pair = pair_open ();
    scif_epd_t epd = pair.connecter;
    window_at (pair.accepted, 0x10000, pages (2), 2 * PAGE, READ_WRITE);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, epd, 0x10001), EINVAL);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, epd, 0x10000 + 64),
               EINVAL);
    MAP_FAILS (scif_mmap (NULL, 0, READ_WRITE, 0, epd, 0x10000), EINVAL);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, epd, 0x20000), ENXIO);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, epd, 0), ENXIO);
    MAP_FAILS (scif_mmap (NULL, 3 * PAGE, READ_WRITE, 0, epd, 0x10000), ENXIO);
    MAP_FAILS (scif_mmap (NULL, 2 * PAGE, READ_WRITE, 0, epd, 0x10000 - PAGE),
               ENXIO);
    MAP_FAILS (scif_mmap (NULL, 2 * PAGE, READ_WRITE, 0, epd, 0x10000 + PAGE),
               ENXIO);
    /* The own windows are not the peer's. */
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, pair.accepted, 0x10000),
               ENXIO);
}

CASE (mapping_protection, "4.5",
      "more access than the window gives: EPERM", 0)
{
    struct pair pair = pair_open ();
    scif_epd_t epd = pair.connecter;
    char *memory = pages (1);
    off_t readable, neither;
    /* Written first: else it is the zero page that gets pinned for reading. */
    *memory = 'r';
    readable = window (pair.accepted, memory, PAGE, SCIF_PROT_READ);
    neither = window (pair.accepted, memory, PAGE, 0);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, epd, readable), EPERM);
    MAP_FAILS (scif_mmap (NULL, PAGE, SCIF_PROT_WRITE, 0, epd, readable),
               EPERM);
    MAP_FAILS (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, epd, neither), EPERM);
    CHECK (*(char *) map (epd, readable, PAGE, SCIF_PROT_READ) == 'r');
}

CASE (mapping_states, "4.5",
      "scif_mmap unless connected: ENOTCONN; after the peer's close: "
      "ECONNRESET; closed descriptor: EBADF",
      0)
{
    struct pair pair = pair_open ();
    int port;
    window_at (pair.accepted, 0, pages (1), PAGE, READ_WRITE);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, endpoint (), 0), ENOTCONN);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, listener (1, &port), 0),
               ENOTCONN);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, closed_fd (), 0), EBADF);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    MAP_FAILS (scif_mmap (NULL, PAGE, READ_WRITE, 0, pair.connecter, 0),
               ECONNRESET);
}

CASE (mapping_private, "4.5", "MAP_PRIVATE shares all the same", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1), *mapped;
    window_at (pair.accepted, 0, memory, PAGE, READ_WRITE);
    mapped = scif_mmap (NULL, PAGE, READ_WRITE, MAP_PRIVATE, pair.connecter, 0);
    CHECK (mapped != SCIF_MMAP_FAILED);
    fill (mapped, PAGE, 1, 0);
    check_pattern (memory, PAGE, 1, 0);
}

CASE (mapping_fixed, "4.5", "SCIF_MAP_FIXED maps at the address given", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1), *place = pages (3), *mapped;
    window_at (pair.accepted, 0, memory, PAGE, READ_WRITE);
    mapped = scif_mmap (place + PAGE, PAGE, READ_WRITE, SCIF_MAP_FIXED,
                        pair.connecter, 0);
    CHECK (mapped == place + PAGE);
    fill (mapped, PAGE, 1, 0);
    check_pattern (memory, PAGE, 1, 0);
    place[0] = place[2 * PAGE] = 1;
    RETURNS (scif_munmap (mapped, PAGE), 0);
}

CASE (munmap_errors, "4.5", "scif_munmap, unaligned or of length 0: EINVAL", 0)
{
    struct pair pair = pair_open ();
    char *mapped;
    window_at (pair.accepted, 0, pages (2), 2 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, 2 * PAGE, READ_WRITE);
    FAILS (scif_munmap (mapped + 1, PAGE), EINVAL);
    FAILS (scif_munmap (mapped, 0), EINVAL);
    mapped[2 * PAGE - 1] = 1;
    RETURNS (scif_munmap (mapped, 2 * PAGE), 0);
}

static void touch (struct peer *me, void *memory)
{
    (void) me;
    signal (SIGSEGV, SIG_DFL);
    signal (SIGBUS, SIG_DFL);
    note ("in the child, byte 0 of the mapping is %d",
          *(volatile char *) memory);
}

CASE (mapping_not_inherited, "4.5",
      "a mapping is not inherited on fork: the child gets SIGSEGV", 0)
{
    struct pair pair = pair_open ();
    char *mapped;
    struct peer peer;
    int status;
    window_at (pair.accepted, 0, pages (1), PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, PAGE, READ_WRITE);
    peer = peer_start (touch, mapped);
    status = peer_status (&peer, 15);
    CHECK (WIFSIGNALED (status) && WTERMSIG (status) == SIGSEGV);
    mapped[0] = 1;
}

CASE (mapping_survives_unregister, "4.5",
      "a mapping survives the owner's unregister and munmap", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (2), *mapped;
    window_at (pair.accepted, 0, memory, 2 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, 2 * PAGE, READ_WRITE);
    RETURNS (scif_unregister (pair.accepted, 0, 2 * PAGE), 0);
    fill (memory, 2 * PAGE, 1, 0);
    check_pattern (mapped, 2 * PAGE, 1, 0);
    fill (mapped, 2 * PAGE, 2, 0);
    check_pattern (memory, 2 * PAGE, 2, 0);
    RETURNS (munmap (memory, 2 * PAGE), 0);
    check_pattern (mapped, 2 * PAGE, 2, 0);
    fill (mapped, 2 * PAGE, 3, 0);
    check_pattern (mapped, 2 * PAGE, 3, 0);
    RETURNS (scif_munmap (mapped, 2 * PAGE), 0);
}

CASE (mapping_survives_close, "4.5",
      "a mapping survives the peer's close: no fault, the same pages", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (2), *mapped;
    window_at (pair.accepted, 0, memory, 2 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, 2 * PAGE, READ_WRITE);
    fill (memory, 2 * PAGE, 1, 0);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    check_pattern (mapped, 2 * PAGE, 1, 0);
    fill (mapped, 2 * PAGE, 2, 0);
    check_pattern (memory, 2 * PAGE, 2, 0);
    RETURNS (scif_munmap (mapped, 2 * PAGE), 0);
}

static void own_and_stay (struct peer *me, void *unused)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID peer;
    char *memory = pages (16);
    (void) unused;
    fill (memory, 16 * PAGE, 1, 0);
    peer_tell (me, port);
    RETURNS (scif_accept (from, &peer, &epd, SCIF_ACCEPT_SYNC), 0);
    window_at (epd, 0, memory, 16 * PAGE, READ_WRITE);
    peer_tell (me, 0);
    peer_hear (me);
}

CASE (mapping_survives_kill, "4.5",
      "a mapping survives the owner's death by SIGKILL: no fault", 0)
{
    struct peer peer = peer_start (own_and_stay, NULL);
    struct scif_portID to = address ((int) peer_hear (&peer));
    scif_epd_t epd = endpoint ();
    char *mapped;
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    peer_hear (&peer);
    mapped = map (epd, 0, 16 * PAGE, READ_WRITE);
    peer_kill (&peer, AT_ONCE);
    await_hangup (epd);
    check_pattern (mapped, 16 * PAGE, 1, 0);
    fill (mapped, 16 * PAGE, 2, 0);
    check_pattern (mapped, 16 * PAGE, 2, 0);
    RETURNS (scif_munmap (mapped, 16 * PAGE), 0);
}

static void map_and_stay (struct peer *me, void *port)
{
    struct scif_portID to = address (*(int *) port);
    scif_epd_t epd = endpoint ();
    char *mapped;
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    peer_hear (me);
    mapped = map (epd, 0, PAGE, READ_WRITE);
    mapped[3] = 'k';
    peer_tell (me, 0);
    peer_hear (me);
}

CASE (mapper_killed, "4.5",
      "a process killed with a mapping: its peer sees HUP and keeps its memory",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct peer peer = peer_start (map_and_stay, &port);
    struct scif_portID id;
    char *memory = pages (1);
    RETURNS (scif_accept (from, &id, &epd, SCIF_ACCEPT_SYNC), 0);
    window_at (epd, 0, memory, PAGE, READ_WRITE);
    peer_tell (&peer, 0);
    peer_hear (&peer);
    peer_kill (&peer, AT_ONCE);
    await_hangup (epd);
    CHECK (memory[3] == 'k');
    memory[3] = 'l';
    CHECK (memory[3] == 'l');
}

CASE (mapping_holds_connection, "4.5",
      "with a live mapping scif_close does not disconnect: no HUP at the peer "
      "until munmap",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1), *mapped;
    window_at (pair.accepted, 0, memory, PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, PAGE, READ_WRITE);
    close_epd (pair.connecter);
    sleep_ms (QUIET_MS);
    EVENTS (scif_poll_now (pair.accepted, POLLIN), 0);
    mapped[5] = 'm';
    CHECK (memory[5] == 'm');
    RETURNS (scif_munmap (mapped, PAGE), 0);
    await_hangup (pair.accepted);
}

CASE (peer_mapping_survives_own_close, "4.5",
      "the owner's close with the peer's mapping alive disconnects at once", 0)
{
    struct pair pair = pair_open ();
    double since;
    char *mapped;
    window_at (pair.accepted, 0, pages (1), PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, PAGE, READ_WRITE);
    since = now ();
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    check_at_once (since, "the disconnect");
    mapped[0] = 1;
}

/* ---- the owner forks ---- */

static void stay (struct peer *me, void *unused)
{
    (void) unused;
    peer_tell (me, 0);
    peer_hear (me);
}

/* The owner forks, then writes its memory first; whether its peer's reads and
   writes still are of the same pages. */
static bool same_pages_after_fork (char *memory, int advice)
{
    struct pair pair = pair_open ();
    char bytes[16];
    struct peer child;
    off_t offset;
    bool same;
    fill (memory, PAGE, 1, 0);
    offset = window (pair.accepted, memory, PAGE, READ_WRITE);
    if (advice)
        RETURNS (madvise (memory, PAGE, advice), 0);
    child = peer_start (stay, NULL);
    peer_hear (&child);
    fill (memory, PAGE, 2, 0);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 16, offset, SCIF_RMA_SYNC),
             0);
    same = bytes[3] == memory[3] && !memcmp (bytes, memory, 16);
    memset (bytes, 77, 16);
    RETURNS (scif_vwriteto (pair.connecter, bytes, 16, offset, SCIF_RMA_SYNC),
             0);
    same = same && !memcmp (bytes, memory, 16);
    peer_tell (&child, 0);
    peer_finish (&child);
    return same;
}

CASE (fork_private_memory, "4.6",
      "private memory written after fork: RMA goes to a page the owner no "
      "longer sees",
      QUIRK)
{
    observe (!same_pages_after_fork (pages (1), 0), "the pages differ");
}

CASE (fork_shared_memory, "4.6", "MAP_SHARED memory is safe over fork", 0)
{
    char *memory = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK (memory != MAP_FAILED);
    CHECK (same_pages_after_fork (memory, 0));
}

CASE (fork_dontfork, "4.6", "MADV_DONTFORK memory is safe over fork", 0)
{
    CHECK (same_pages_after_fork (pages (1), MADV_DONTFORK));
}
