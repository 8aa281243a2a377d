/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 4.1, 4.2 and 4.4: register and unregister. */
#define _GNU_SOURCE
#include "support.h"

#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB (1024 * 1024)

/* A file in memory: a memfd, or what comes nearest on old systems. */
static int memory_file (void)
{
    char path[] = "/dev/shm/conformance-XXXXXX";
    int fd = -1;
#ifdef SYS_memfd_create
    fd = (int) syscall (SYS_memfd_create, "conformance", 0);
#endif
    if (fd < 0) {
        fd = (int) SUCCEEDS (mkstemp (path));
        unlink (path);
    }
    return fd;
}

static void *shared_pages (size_t count)
{
    int fd = memory_file ();
    void *memory;
    RETURNS (ftruncate (fd, (off_t) (count * PAGE)), 0);
    memory = mmap (NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                   0);
    CHECK (memory != MAP_FAILED);
    close (fd);
    return memory;
}

/* The peer reads the window, writes it, and the owner sees that in place. */
static void check_window (const struct pair *pair, void *memory, size_t len)
{
    unsigned char *own = memory, *copy = lasting (len);
    off_t offset;
    fill (own, len, 1, 0);
    offset = window (pair->accepted, own, len, READ_WRITE);
    CHECK (offset >= 0 && offset % PAGE == 0);
    check_pattern (own, len, 1, 0);
    RETURNS (scif_vreadfrom (pair->connecter, copy, len, offset,
                             SCIF_RMA_SYNC),
             0);
    check_pattern (copy, len, 1, 0);
    own[0] ^= 0xff;
    own[len - 1] ^= 0xff;
    RETURNS (scif_vreadfrom (pair->connecter, copy, len, offset,
                             SCIF_RMA_SYNC),
             0);
    SAME_BYTES (copy, own, len);
    fill (copy, len, 2, 0);
    RETURNS (scif_vwriteto (pair->connecter, copy, len, offset, SCIF_RMA_SYNC),
             0);
    check_pattern (own, len, 2, 0);
    RETURNS (scif_unregister (pair->accepted, offset, len), 0);
    check_pattern (own, len, 2, 0);
    own[1] = 9;
    CHECK (own[1] == 9);
}

CASE (register_anonymous, "4.1", "a window over anonymous memory", 0)
{
    struct pair pair = pair_open ();
    check_window (&pair, pages (1), PAGE);
    check_window (&pair, pages (9), 9 * PAGE);
}

CASE (register_heap, "4.1", "a window over page-aligned heap memory", 0)
{
    struct pair pair = pair_open ();
    void *memory = NULL;
    RETURNS (posix_memalign (&memory, PAGE, 3 * PAGE), 0);
    check_window (&pair, memory, 3 * PAGE);
    free (memory);
}

CASE (register_static, "4.1", "a window over static memory", 0)
{
    static char zeroed[2 * PAGE] __attribute__ ((aligned (PAGE)));
    static char filled[2 * PAGE] __attribute__ ((aligned (PAGE))) = {1};
    struct pair pair = pair_open ();
    check_window (&pair, zeroed, sizeof zeroed);
    check_window (&pair, filled, sizeof filled);
}

CASE (register_stack, "4.1", "a window over stack memory", 0)
{
    struct pair pair = pair_open ();
    char memory[2 * PAGE] __attribute__ ((aligned (PAGE)));
    check_window (&pair, memory, sizeof memory);
}

CASE (register_shared, "4.1",
      "a window over shared memory, of a memfd and anonymous", 0)
{
    struct pair pair = pair_open ();
    void *memory = mmap (NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK (memory != MAP_FAILED);
    check_window (&pair, memory, 2 * PAGE);
    check_window (&pair, shared_pages (4), 4 * PAGE);
}

CASE (register_private_file, "4.1", "a window over a private file mapping", 0)
{
    struct pair pair = pair_open ();
    char path[] = "/tmp/conformance-XXXXXX", bytes[3 * PAGE], again[PAGE];
    int fd = (int) SUCCEEDS (mkstemp (path));
    void *memory;
    unlink (path);
    fill (bytes, sizeof bytes, 5, 0);
    RETURNS (write (fd, bytes, sizeof bytes), sizeof bytes);
    memory = mmap (NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
                   PAGE);
    CHECK (memory != MAP_FAILED);
    check_window (&pair, memory, 2 * PAGE);
    RETURNS (pread (fd, again, PAGE, PAGE), PAGE);
    check_pattern (again, PAGE, 5, PAGE);
    close (fd);
}

CASE (register_states, "4.1",
      "register unless connected: ENOTCONN; after the peer's close: "
      "ECONNRESET; bad descriptors",
      0)
{
    void *memory = pages (1);
    int port;
    FAILS (scif_register (endpoint (), memory, PAGE, 0, READ_WRITE, 0),
           ENOTCONN);
    FAILS (scif_register (listener (1, &port), memory, PAGE, 0, READ_WRITE, 0),
           ENOTCONN);
    FAILS (scif_register (disconnected_endpoint (), memory, PAGE, 0, READ_WRITE,
                          0),
           ECONNRESET);
    FAILS (scif_register (closed_fd (), memory, PAGE, 0, READ_WRITE, 0), EBADF);
    FAILS (scif_register (-1, memory, PAGE, 0, READ_WRITE, 0), EBADF);
    FAILS (scif_register (foreign_fd (), memory, PAGE, 0, READ_WRITE, 0),
           ENOTTY);
}

CASE (register_alignment, "4.1",
      "address and length page-aligned, length above 0, else EINVAL", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (4);
    FAILS (scif_register (pair.connecter, memory + 1, PAGE, 0, READ_WRITE, 0),
           EINVAL);
    FAILS (scif_register (pair.connecter, memory + 64, PAGE, 0, READ_WRITE, 0),
           EINVAL);
    FAILS (scif_register (pair.connecter, memory, PAGE - 1, 0, READ_WRITE, 0),
           EINVAL);
    FAILS (scif_register (pair.connecter, memory, PAGE + 1, 0, READ_WRITE, 0),
           EINVAL);
    FAILS (scif_register (pair.connecter, memory, 0, 0, READ_WRITE, 0), EINVAL);
}

CASE (register_fixed, "4.1",
      "SCIF_MAP_FIXED: the chosen offset, page-aligned and not negative, 0 too",
      0)
{
    static const off_t offsets[] = {0, PAGE, 0x10000, (off_t) 1 << 40,
                                    ((off_t) 1 << 61) + PAGE};
    struct pair pair = pair_open ();
    char *memory = pages (1), copy[PAGE];
    size_t i;
    fill (memory, PAGE, 3, 0);
    for (i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        window_at (pair.accepted, offsets[i], memory, PAGE, READ_WRITE);
        memset (copy, 0, PAGE);
        RETURNS (scif_vreadfrom (pair.connecter, copy, PAGE, offsets[i],
                                 SCIF_RMA_SYNC),
                 0);
        check_pattern (copy, PAGE, 3, 0);
    }
    FAILS (scif_register (pair.accepted, memory, PAGE, 0x200001, READ_WRITE,
                          SCIF_MAP_FIXED),
           EINVAL);
    FAILS (scif_register (pair.accepted, memory, PAGE, -PAGE, READ_WRITE,
                          SCIF_MAP_FIXED),
           EINVAL);
    FAILS (scif_register (pair.accepted, memory, PAGE, -1, READ_WRITE,
                          SCIF_MAP_FIXED),
           EINVAL);
}

CASE (register_overlap, "4.1",
      "SCIF_MAP_FIXED over a window in part or in whole: EADDRINUSE; beside it "
      "is fine",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (8);
    off_t base = 0x100000;
    off_t bad[] = {0, PAGE, 3 * PAGE};
    size_t i;
    window_at (pair.connecter, base, memory, 4 * PAGE, READ_WRITE);
    for (i = 0; i < sizeof bad / sizeof *bad; i++)
        FAILS (scif_register (pair.connecter, memory, 2 * PAGE, base + bad[i],
                              READ_WRITE, SCIF_MAP_FIXED),
               EADDRINUSE);
    window_at (pair.connecter, base + 4 * PAGE, memory, PAGE, READ_WRITE);
    window_at (pair.connecter, base - PAGE, memory, PAGE, READ_WRITE);
    window_at (pair.accepted, base, memory + 4 * PAGE, 4 * PAGE, READ_WRITE);
}

CASE (register_overlap_from_before, "4.1",
      "SCIF_MAP_FIXED that begins before a window and reaches into it fails; "
      "the driver may try for 10 s, and say ENODEV",
      SLOW | QUIRK)
{
    struct pair pair = pair_open ();
    char *memory = pages (8);
    off_t base = 0x100000;
    int i;
    window_at (pair.connecter, base, memory, 4 * PAGE, READ_WRITE);
    for (i = 0; i < 2; i++) {
        CHECK (scif_register (pair.connecter, memory, i ? 8 * PAGE : 2 * PAGE,
                              base - PAGE, READ_WRITE, SCIF_MAP_FIXED)
               == SCIF_REGISTER_FAILED);
        CHECK (errno == EADDRINUSE || errno == ENODEV);
        observe (errno == ENODEV, "%s", errno_name (errno));
    }
}

CASE (register_chosen, "4.1",
      "without SCIF_MAP_FIXED the offset argument is ignored: offsets are 2^62 "
      "and up, and windows do not overlap",
      0)
{
    static const off_t hints[] = {0, PAGE, 12345, -PAGE, -1, (off_t) 1 << 62};
    struct pair pair = pair_open ();
    char *memory = pages (2);
    off_t got[6];
    size_t i, j;
    window_at (pair.connecter, 0, memory, PAGE, READ_WRITE);
    for (i = 0; i < 6; i++) {
        got[i] = scif_register (pair.connecter, memory, 2 * PAGE, hints[i],
                                READ_WRITE, 0);
        if (got[i] == SCIF_REGISTER_FAILED)
            FAIL ("offset %lld: errno %d %s", (long long) hints[i], errno,
                  errno_name (errno));
        CHECK (got[i] >= (off_t) 1 << 62 && got[i] % PAGE == 0);
        for (j = 0; j < i; j++)
            CHECK (got[i] >= got[j] + 2 * PAGE || got[j] >= got[i] + 2 * PAGE);
    }
}

CASE (register_from_the_top, "4.1",
      "automatic offsets come from the top down, first 0x7ffffffffffff000 - "
      "length",
      QUIRK)
{
    struct pair pair = pair_open ();
    char *memory = pages (2);
    off_t first = window (pair.connecter, memory, 2 * PAGE, READ_WRITE);
    off_t second = window (pair.connecter, memory, PAGE, READ_WRITE);
    observe (first == 0x7ffffffffffff000 - 2 * PAGE, "the first is 0x%llx",
             (unsigned long long) first);
    observe (second < first, "the second is lower, 0x%llx",
             (unsigned long long) second);
}

CASE (register_flags, "4.1",
      "protection 0 is accepted; other protection bits or flags, and "
      "MAP_KERNEL: EINVAL",
      0)
{
    static const int bad_prot[] = {4, 7, 8, -1}, bad_flags[] = {1, 2, 0x40, -1};
    struct pair pair = pair_open ();
    char *memory = pages (1);
    size_t i;
    window (pair.connecter, memory, PAGE, 0);
    window (pair.connecter, memory, PAGE, SCIF_PROT_READ);
    window (pair.connecter, memory, PAGE, SCIF_PROT_WRITE);
    for (i = 0; i < 4; i++) {
        FAILS (scif_register (pair.connecter, memory, PAGE, 0, bad_prot[i], 0),
               EINVAL);
        FAILS (scif_register (pair.connecter, memory, PAGE, 0, READ_WRITE,
                              bad_flags[i]),
               EINVAL);
    }
    FAILS (scif_register (pair.connecter, memory, PAGE, 0, READ_WRITE,
                          SCIF_MAP_KERNEL),
           EINVAL);
    FAILS (scif_register (pair.connecter, memory, PAGE, 0, READ_WRITE,
                          SCIF_MAP_KERNEL | SCIF_MAP_FIXED),
           EINVAL);
}

CASE (register_bad_memory, "4.1",
      "unmapped or PROT_NONE memory, or write access to read-only: EFAULT", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (5);
    RETURNS (munmap (memory + PAGE, PAGE), 0);
    RETURNS (mprotect (memory + 3 * PAGE, PAGE, PROT_NONE), 0);
    RETURNS (mprotect (memory + 4 * PAGE, PAGE, PROT_READ), 0);
    FAILS (scif_register (pair.connecter, memory + PAGE, PAGE, 0, READ_WRITE,
                          0),
           EFAULT);
    FAILS (scif_register (pair.connecter, memory, 3 * PAGE, 0, READ_WRITE, 0),
           EFAULT);
    FAILS (scif_register (pair.connecter, memory + 3 * PAGE, PAGE, 0,
                          SCIF_PROT_READ, 0),
           EFAULT);
    FAILS (scif_register (pair.connecter, memory + 2 * PAGE, 2 * PAGE, 0,
                          READ_WRITE, 0),
           EFAULT);
    FAILS (scif_register (pair.connecter, memory + 4 * PAGE, PAGE, 0,
                          READ_WRITE, 0),
           EFAULT);
    FAILS (scif_register (pair.connecter, NULL, PAGE, 0, READ_WRITE, 0),
           EFAULT);
    window (pair.connecter, memory + 4 * PAGE, PAGE, SCIF_PROT_READ);
    window (pair.connecter, memory, PAGE, READ_WRITE);
}

CASE (register_repeatedly, "4.1",
      "the same pages in several windows, also of several endpoints", 0)
{
    struct pair one = pair_open (), two = pair_open ();
    char *memory = pages (4), copy[PAGE];
    off_t offsets[4];
    int i;
    offsets[0] = window (one.accepted, memory, 4 * PAGE, READ_WRITE);
    offsets[1] = window (one.accepted, memory, 4 * PAGE, READ_WRITE);
    offsets[2] = window (two.accepted, memory + PAGE, PAGE, READ_WRITE);
    offsets[3] = window (one.connecter, memory + PAGE, 2 * PAGE, READ_WRITE);
    fill (memory, 4 * PAGE, 6, 0);
    for (i = 0; i < 4; i++) {
        scif_epd_t reader = i == 2   ? two.connecter
                            : i == 3 ? one.accepted
                                     : one.connecter;
        off_t at = offsets[i] + (i < 2 ? PAGE : 0);
        RETURNS (scif_vreadfrom (reader, copy, PAGE, at, SCIF_RMA_SYNC), 0);
        check_pattern (copy, PAGE, 6, PAGE);
    }
    fill (copy, PAGE, 7, 0);
    RETURNS (scif_vwriteto (two.connecter, copy, PAGE, offsets[2],
                            SCIF_RMA_SYNC),
             0);
    memset (copy, 0, PAGE);
    RETURNS (scif_vreadfrom (one.connecter, copy, PAGE, offsets[1] + PAGE,
                             SCIF_RMA_SYNC),
             0);
    check_pattern (copy, PAGE, 7, 0);
    check_pattern (memory + PAGE, PAGE, 7, 0);
}

CASE (register_large, "4.1", "a window of 256 MiB", 0)
{
    const size_t len = 256 * MIB;
    struct pair pair = pair_open ();
    char *memory, copy[100];
    off_t offset;
    size_t at;
    need_memlock (len + 16 * MIB);
    if (sysconf (_SC_AVPHYS_PAGES) * (long long) PAGE < 1024LL * MIB)
        skip ("less than 1 GiB of free memory");
    memory = pages (len / PAGE);
    offset = window (pair.accepted, memory, len, READ_WRITE);
    for (at = 0; at + 100 <= len; at += 31 * MIB) {
        fill (memory + at, 100, 1, at);
        RETURNS (scif_vreadfrom (pair.connecter, copy, 100, offset + (off_t) at,
                                 SCIF_RMA_SYNC),
                 0);
        check_pattern (copy, 100, 1, at);
    }
    fill (copy, 100, 2, 0);
    RETURNS (scif_vwriteto (pair.connecter, copy, 100,
                            offset + (off_t) len - 100, SCIF_RMA_SYNC),
             0);
    check_pattern (memory + len - 100, 100, 2, 0);
    FAILS (scif_vwriteto (pair.connecter, copy, 100, offset + (off_t) len - 99,
                          SCIF_RMA_SYNC),
           ENXIO);
}

/* A sanitizer looks at each byte that a library moves in its tables: a quarter
   of the windows shows what it can show. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define WINDOWS 5000
#else
#define WINDOWS 20000
#endif

CASE (register_many, "4.1", "20000 windows of one page on one endpoint", 0)
{
    static off_t offsets[WINDOWS];
    struct pair pair = pair_open ();
    char *memory = pages (64), copy[8];
    int i;
    need_memlock ((size_t) WINDOWS * PAGE);
    for (i = 0; i < 64; i++)
        fill (memory + i * PAGE, 8, 1, (size_t) i);
    for (i = 0; i < WINDOWS; i++)
        offsets[i] = window (pair.accepted, memory + i % 64 * PAGE, PAGE,
                             READ_WRITE);
    for (i = 0; i < WINDOWS; i += 97) {
        RETURNS (scif_vreadfrom (pair.connecter, copy, 8, offsets[i],
                                 SCIF_RMA_SYNC),
                 0);
        check_pattern (copy, 8, 1, (size_t) i % 64);
    }
    for (i = 0; i < WINDOWS; i += 997) {
        RETURNS (scif_unregister (pair.accepted, offsets[i], PAGE), 0);
        await_unregistered (pair.connecter, offsets[i]);
        RETURNS (scif_vreadfrom (pair.connecter, copy, 8, offsets[i + 1],
                                 SCIF_RMA_SYNC),
                 0);
        check_pattern (copy, 8, 1, (size_t) (i + 1) % 64);
    }
}

CASE (register_over_memlock, "4.1",
      "over RLIMIT_MEMLOCK without CAP_IPC_LOCK: EAGAIN", 0)
{
    const struct rlimit limit = {64 * 1024, 64 * 1024};
    struct pair pair = pair_open ();
    char *memory = pages (256);
    drop_capability (CAP_IPC_LOCK);
    RETURNS (setrlimit (RLIMIT_MEMLOCK, &limit), 0);
    FAILS (scif_register (pair.connecter, memory, 256 * PAGE, 0, READ_WRITE, 0),
           EAGAIN);
    window (pair.connecter, memory, PAGE, READ_WRITE);
}

CASE (register_survives_munmap, "4.1",
      "a window keeps its pages when the owner unmaps the memory", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (2), *other, copy[2 * PAGE];
    off_t offset;
    fill (memory, 2 * PAGE, 1, 0);
    offset = window (pair.accepted, memory, 2 * PAGE, READ_WRITE);
    RETURNS (munmap (memory, 2 * PAGE), 0);
    other = mmap (memory, 2 * PAGE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK (other == memory);
    memset (other, 0xee, 2 * PAGE);
    RETURNS (scif_vreadfrom (pair.connecter, copy, 2 * PAGE, offset,
                             SCIF_RMA_SYNC),
             0);
    check_pattern (copy, 2 * PAGE, 1, 0);
    /* The same addresses registered anew are the new pages. */
    offset = window (pair.accepted, other, 2 * PAGE, READ_WRITE);
    RETURNS (scif_vreadfrom (pair.connecter, copy, 2 * PAGE, offset,
                             SCIF_RMA_SYNC),
             0);
    SAME_BYTES (copy, other, 2 * PAGE);
}

static void register_and_tell (struct peer *me, void *unused)
{
    int port, i;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID peer;
    char *memory = pages (1);
    (void) unused;
    peer_tell (me, port);
    RETURNS (scif_accept (from, &peer, &epd, SCIF_ACCEPT_SYNC), 0);
    for (i = 0; i < 200; i++) {
        off_t offset;
        fill (memory, 16, 1, (size_t) i);
        offset = window (epd, memory, PAGE, READ_WRITE);
        send_all (epd, &offset, sizeof offset);
        recv_all (epd, &offset, sizeof offset);
        RETURNS (scif_unregister (epd, offset, PAGE), 0);
    }
}

CASE (usable_at_once, "4.2",
      "the peer can use a window as soon as register has returned, 200 times",
      0)
{
    struct peer peer = peer_start (register_and_tell, NULL);
    struct scif_portID to = address ((int) peer_hear (&peer));
    scif_epd_t epd = endpoint ();
    char bytes[16];
    int i;
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    for (i = 0; i < 200; i++) {
        off_t offset;
        recv_all (epd, &offset, sizeof offset);
        RETURNS (scif_vreadfrom (epd, bytes, 16, offset, SCIF_RMA_SYNC), 0);
        check_pattern (bytes, 16, 1, (size_t) i);
        send_all (epd, &offset, sizeof offset);
    }
    peer_finish (&peer);
}

/* Memory of the three kinds that programs make rings of. */
static void *memory_of_kind (int kind)
{
    void *memory;
    if (kind == 0)
        return pages (4);
    if (kind == 1)
        return shared_pages (4);
    memory = mmap (NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK (memory != MAP_FAILED);
    return memory;
}

/* A connection's whole life, with a window on each side and a mapping. */
static void live_with_windows (int kind, bool orderly)
{
    struct pair pair = pair_open ();
    char *memory = memory_of_kind (kind), *other = memory_of_kind (kind);
    char *mapped, byte = 0;
    window_at (pair.accepted, 0, memory, 4 * PAGE, READ_WRITE);
    window_at (pair.connecter, 0, other, 4 * PAGE, READ_WRITE);
    mapped = map (pair.connecter, 0, 4 * PAGE, READ_WRITE);
    mapped[1] = 'w';
    CHECK (memory[1] == 'w');
    RETURNS (scif_vreadfrom (pair.accepted, &byte, 1, 0, SCIF_RMA_SYNC), 0);
    if (orderly) {
        RETURNS (scif_munmap (mapped, 4 * PAGE), 0);
        RETURNS (scif_unregister (pair.accepted, 0, 4 * PAGE), 0);
        RETURNS (scif_unregister (pair.connecter, 0, 4 * PAGE), 0);
        pair_close (&pair);
    } else {
        close_epd (pair.accepted);
        await_hangup (pair.connecter);
        close_epd (pair.connecter);
        RETURNS (scif_munmap (mapped, 4 * PAGE), 0);
    }
    RETURNS (munmap (memory, 4 * PAGE), 0);
    RETURNS (munmap (other, 4 * PAGE), 0);
}

/* Lines of the process's memory map; 0 when a sanitizer fills it as well. */
static int mappings (void)
{
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    return 0;
#else
    FILE *file = fopen ("/proc/self/maps", "re");
    int lines = 0, c;
    CHECK (file);
    while ((c = getc (file)) != EOF)
        lines += c == '\n';
    fclose (file);
    return lines;
#endif
}

CASE (no_leaked_windows, "4.1",
      "close releases what windows held: no descriptor or mapping stays, with "
      "or without unregister",
      0)
{
    int kind, orderly, i;
    for (kind = 0; kind < 3; kind++)
        for (orderly = 0; orderly < 2; orderly++) {
            int descriptors, maps;
            live_with_windows (kind, orderly);
            descriptors = open_descriptors ();
            maps = mappings ();
            for (i = 0; i < 50; i++)
                live_with_windows (kind, orderly);
            if (open_descriptors () > descriptors)
                FAIL ("kind %d, %s unregister: %d descriptors, then %d", kind,
                      orderly ? "with" : "without", descriptors,
                      open_descriptors ());
            /* Some room for what the C library maps for its own use. */
            if (mappings () > maps + 10)
                FAIL ("kind %d, %s unregister: %d mappings, then %d", kind,
                      orderly ? "with" : "without", maps, mappings ());
        }
}

/* ---- unregister ---- */

CASE (unregister_states, "4.4",
      "unregister unless connected: ENOTCONN; after the peer's close: "
      "ECONNRESET; bad descriptors",
      0)
{
    struct pair pair = pair_open ();
    off_t offset = window (pair.connecter, pages (1), PAGE, READ_WRITE);
    FAILS (scif_unregister (endpoint (), 0, PAGE), ENOTCONN);
    FAILS (scif_unregister (closed_fd (), 0, PAGE), EBADF);
    FAILS (scif_unregister (foreign_fd (), 0, PAGE), ENOTTY);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    FAILS (scif_unregister (pair.connecter, offset, PAGE), ECONNRESET);
}

CASE (unregister_frees, "4.4",
      "after unregister the range is ENXIO for the peer and free to register",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (2), bytes[8];
    window_at (pair.accepted, 0, memory, PAGE, READ_WRITE);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 8, 0, SCIF_RMA_SYNC), 0);
    RETURNS (scif_unregister (pair.accepted, 0, PAGE), 0);
    await_unregistered (pair.connecter, 0);
    CHECK (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, pair.connecter, 0)
             == SCIF_MMAP_FAILED
           && errno == ENXIO);
    fill (memory + PAGE, 8, 4, 0);
    window_at (pair.accepted, 0, memory + PAGE, PAGE, READ_WRITE);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 8, 0, SCIF_RMA_SYNC), 0);
    check_pattern (bytes, 8, 4, 0);
}

CASE (unregister_part, "4.4", "a range that cuts a window: EINVAL", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (4), bytes[8];
    window_at (pair.accepted, 0x10000, memory, 4 * PAGE, READ_WRITE);
    FAILS (scif_unregister (pair.accepted, 0x10000, PAGE), EINVAL);
    FAILS (scif_unregister (pair.accepted, 0x10000 + PAGE, 3 * PAGE), EINVAL);
    FAILS (scif_unregister (pair.accepted, 0x10000 + PAGE, PAGE), EINVAL);
    FAILS (scif_unregister (pair.accepted, 0x10000 - PAGE, 2 * PAGE), EINVAL);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 8, 0x10000 + 3 * PAGE,
                             SCIF_RMA_SYNC),
             0);
    RETURNS (scif_unregister (pair.accepted, 0x10000, 4 * PAGE), 0);
}

CASE (unregister_several, "4.4",
      "a range over several windows, or reaching past them, takes them all", 0)
{
    struct pair pair = pair_open ();
    char *memory = pages (4);
    int i, reach;
    for (reach = 0; reach < 2; reach++) {
        off_t base = 0x40000;
        for (i = 0; i < 3; i++)
            window_at (pair.accepted, base + i * 2 * PAGE, memory, PAGE,
                       READ_WRITE);
        RETURNS (scif_unregister (pair.accepted, base - reach * PAGE,
                                  5 * PAGE + (size_t) reach * 3 * PAGE),
                 0);
        for (i = 0; i < 3; i++)
            await_unregistered (pair.connecter, base + i * 2 * PAGE);
    }
}

CASE (unregister_nothing, "4.4", "a range with no window at all: 0", 0)
{
    struct pair pair = pair_open ();
    RETURNS (scif_unregister (pair.connecter, 0, PAGE), 0);
    RETURNS (scif_unregister (pair.connecter, 0x100000, 16 * PAGE), 0);
}

CASE (unregister_mapped, "4.4",
      "with the peer's mapping alive: 0; RMA and new mappings still work, the "
      "offset is EADDRINUSE until the last mapping is gone",
      0)
{
    struct pair pair = pair_open ();
    char *memory = pages (1), *first, *second, bytes[8];
    double since;
    fill (memory, PAGE, 1, 0);
    window_at (pair.accepted, 0, memory, PAGE, READ_WRITE);
    first = map (pair.connecter, 0, PAGE, READ_WRITE);
    RETURNS (scif_unregister (pair.accepted, 0, PAGE), 0);
    RETURNS (scif_vreadfrom (pair.connecter, bytes, 8, 0, SCIF_RMA_SYNC), 0);
    check_pattern (bytes, 8, 1, 0);
    second = map (pair.connecter, 0, PAGE, READ_WRITE);
    check_pattern (second, PAGE, 1, 0);
    FAILS (scif_register (pair.accepted, memory, PAGE, 0, READ_WRITE,
                          SCIF_MAP_FIXED),
           EADDRINUSE);
    RETURNS (scif_munmap (first, PAGE), 0);
    FAILS (scif_register (pair.accepted, memory, PAGE, 0, READ_WRITE,
                          SCIF_MAP_FIXED),
           EADDRINUSE);
    check_pattern (second, PAGE, 1, 0);
    RETURNS (scif_munmap (second, PAGE), 0);
    since = now ();
    while (scif_register (pair.accepted, memory, PAGE, 0, READ_WRITE,
                          SCIF_MAP_FIXED)
           != 0) {
        CHECK (errno == EADDRINUSE);
        check_at_once (since, "freeing the offset");
        sleep_ms (1);
    }
}
