/* SPDX-License-Identifier: MPL-2.0 */
/* Registering memory of all kinds, and mapping the peer's windows. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)
#define TOP 0x7ffffffffffff000

static int pair[2];

static char *pages (size_t n, int flags)
{
    char *p = mmap (NULL, n * PAGE, PROT_READ | PROT_WRITE,
                    flags | MAP_ANONYMOUS, -1, 0);
    CHECK (p != MAP_FAILED);
    return p;
}

static void test_register_errors (void)
{
    char *p = pages (4, MAP_PRIVATE);
    const int unbound = scif_open ();
    CHECK_ERRNO (scif_register (unbound, p, PAGE, 0, RW, 0), ENOTCONN);
    scif_close (unbound);
    check_pair (pair);
    CHECK_ERRNO (scif_register (pair[0], p + 1, PAGE, 0, RW, 0), EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE + 1, 0, RW, 0), EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, 0, 0, RW, 0), EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, 4, 0), EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, 1), EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_KERNEL),
                 EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 100, RW, SCIF_MAP_FIXED),
                 EINVAL);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, -PAGE, RW, SCIF_MAP_FIXED),
                 EINVAL);
    CHECK_ERRNO (scif_register (pair[0], NULL, PAGE, 0, RW, 0), EFAULT);
    munmap (p + 3 * PAGE, PAGE);
    CHECK_ERRNO (scif_register (pair[0], p, 4 * PAGE, 0, RW, 0), EFAULT);
    mprotect (p + 2 * PAGE, PAGE, PROT_NONE);
    CHECK_ERRNO (scif_register (pair[0], p, 3 * PAGE, 0, SCIF_PROT_READ, 0),
                 EFAULT);
    mprotect (p + 2 * PAGE, PAGE, PROT_READ);
    CHECK_ERRNO (scif_register (pair[0], p, 3 * PAGE, 0, RW, 0), EFAULT);
    CHECK (scif_register (pair[0], p, 3 * PAGE, 0, SCIF_PROT_READ, 0) >= 0);
    CHECK (scif_register (pair[0], p, PAGE, 0, 0, 0) >= 0);
    scif_close (pair[1]);
    CHECK (check_poll (pair[0], 0, 1000) == SCIF_POLLHUP);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, 0), ECONNRESET);
    CHECK_ERRNO (scif_unregister (pair[0], 0, PAGE), ECONNRESET);
    scif_close (pair[0]);
    munmap (p, 3 * PAGE);
}

static void test_offsets (void)
{
    char *p = pages (4, MAP_PRIVATE);
    check_pair (pair);
    CHECK_EQUAL (scif_register (pair[0], p, PAGE, 77, RW, 0), TOP - PAGE);
    CHECK_EQUAL (scif_register (pair[0], p, 2 * PAGE, 0, RW, 0),
                 TOP - 3 * PAGE);
    CHECK_EQUAL (scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_FIXED),
                 EADDRINUSE);
    CHECK_ERRNO (
      scif_register (pair[0], p, PAGE, TOP - 2 * PAGE, RW, SCIF_MAP_FIXED),
      EADDRINUSE);
    CHECK_EQUAL (
      scif_register (pair[0], p, 4 * PAGE, PAGE, RW, SCIF_MAP_FIXED), PAGE);
    CHECK_ERRNO (scif_unregister (pair[0], PAGE, PAGE), EINVAL);
    CHECK_ERRNO (scif_unregister (pair[0], 2 * PAGE, 10 * PAGE), EINVAL);
    CHECK_EQUAL (scif_unregister (pair[0], 100 * PAGE, PAGE), 0);
    CHECK_EQUAL (scif_unregister (pair[0], 0, 100 * PAGE), 0);
    CHECK_EQUAL (scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK_EQUAL (scif_unregister (pair[0], TOP - PAGE, PAGE), 0);
    CHECK_EQUAL (scif_register (pair[0], p, PAGE, 0, RW, 0), TOP - PAGE);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, 4 * PAGE);
}

static void test_mmap_errors (void)
{
    char *p = pages (2, MAP_PRIVATE);
    check_pair (pair);
    CHECK_EQUAL (scif_register (pair[0], p, PAGE, 0, SCIF_PROT_READ,
                                SCIF_MAP_FIXED),
                 0);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, RW, 0, pair[1], 0), EPERM);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, pair[1], 5),
                 EINVAL);
    CHECK_ERRNO (scif_mmap (NULL, 0, SCIF_PROT_READ, 0, pair[1], 0), EINVAL);
    CHECK_ERRNO (scif_mmap (NULL, 2 * PAGE, SCIF_PROT_READ, 0, pair[1], 0),
                 ENXIO);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, pair[1], PAGE),
                 ENXIO);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, pair[0], 0), ENXIO);
    CHECK_ERRNO (scif_munmap ((void *) 1, PAGE), EINVAL);
    scif_close (pair[0]);
    CHECK (check_poll (pair[1], 0, 1000) == SCIF_POLLHUP);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, SCIF_PROT_READ, 0, pair[1], 0),
                 ECONNRESET);
    scif_close (pair[1]);
    munmap (p, 2 * PAGE);
}

/* Registers n pages at p and checks that a mapping shows the same pages. */
static void check_shared (const char *what, char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        memset (p + i * PAGE, (int) ('a' + i), 8);
    const off_t at = scif_register (pair[0], p, n * PAGE, 0, RW, 0);
    if (!check_that (at >= 0, what, __FILE__, __LINE__)) {
        fprintf (stderr, "#   %s\n", strerror (errno));
        return;
    }
    char *m = scif_mmap (NULL, n * PAGE, RW, 0, pair[1], at);
    if (!check_that (m != SCIF_MMAP_FAILED, what, __FILE__, __LINE__))
        return;
    for (size_t i = 0; i < n; i++) {
        check_that (m[i * PAGE] == (char) ('a' + i), what, __FILE__, __LINE__);
        p[i * PAGE + 1] = 'o';
        m[i * PAGE + 2] = 'p';
        check_that (m[i * PAGE + 1] == 'o', what, __FILE__, __LINE__);
        check_that (p[i * PAGE + 2] == 'p', what, __FILE__, __LINE__);
    }
    CHECK_EQUAL (scif_munmap (m, n * PAGE), 0);
    CHECK_EQUAL (scif_unregister (pair[0], at, n * PAGE), 0);
}

static char static_pages[3 * PAGE] __attribute__ ((aligned (PAGE)));
static char initialised[2 * PAGE] __attribute__ ((aligned (PAGE))) = {1};

static void *use_thread_stack (void *unused)
{
    char local[4 * PAGE] __attribute__ ((aligned (PAGE)));
    (void) unused;
    check_shared ("a thread's stack", local, 4);
    return NULL;
}

static void test_kinds_of_memory (void)
{
    char name[] = "/tmp/softscif-test-XXXXXX";
    pthread_t thread;
    char *p;
    check_pair (pair);
    p = pages (5, MAP_PRIVATE);
    check_shared ("anonymous private", p, 5);
    check_shared ("the same again", p + PAGE, 2);
    munmap (p, 5 * PAGE);
    p = pages (3, MAP_SHARED);
    check_shared ("anonymous shared", p, 3);
    munmap (p, 3 * PAGE);
    p = aligned_alloc (PAGE, 6 * PAGE);
    check_shared ("heap", p, 6);
    free (p);
    check_shared ("static", static_pages, 3);
    check_shared ("initialised", initialised, 2);
    char local[4 * PAGE] __attribute__ ((aligned (PAGE)));
    check_shared ("stack", local, 4);
    pthread_create (&thread, NULL, use_thread_stack, NULL);
    pthread_join (thread, NULL);

    int fd = mkstemp (name);
    CHECK (fd >= 0 && ftruncate (fd, 3 * PAGE) == 0);
    p = mmap (NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    check_shared ("private file", p, 3);
    munmap (p, 3 * PAGE);
    p = mmap (NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
    check_shared ("shared file", p, 2);
    char byte = 0;
    CHECK (pread (fd, &byte, 1, PAGE + 2) == 1 && byte == 'p');
    close (fd);
    check_shared ("shared file whose descriptor is closed", p, 2);
    munmap (p, 2 * PAGE);
    unlink (name);

    fd = memfd_create ("test", MFD_CLOEXEC);
    CHECK (ftruncate (fd, 2 * PAGE) == 0);
    p = mmap (NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check_shared ("shared memfd", p, 2);
    munmap (p, 2 * PAGE);
    close (fd);

    /* A range that is made of several kinds. */
    p = pages (6, MAP_PRIVATE);
    mmap (p + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
          MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    check_shared ("mixed", p, 6);
    check_shared ("mixed again", p, 6);
    munmap (p, 6 * PAGE);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

/* Pages that were written, only read, or not touched, in runs of all lengths. */
static void test_partly_touched_memory (void)
{
    enum { N = 1200 };
    char *p = pages (N, MAP_PRIVATE), seen = 0;
    int bad = 0;
    check_pair (pair);
    for (int i = 0; i < N; i++)
        if (i % 7 == 3 || (i > 100 && i < 140) || i > 1100)
            p[i * PAGE + 5] = 'w';
        else if (i % 11 == 0)
            seen |= *(volatile char *) &p[i * PAGE];
    const off_t at = scif_register (pair[0], p, N * PAGE, 0, RW, 0);
    char *m = scif_mmap (NULL, N * PAGE, RW, 0, pair[1], at);
    if (!CHECK (seen == 0 && m != SCIF_MMAP_FAILED))
        return;
    for (int i = 0; i < N; i++) {
        const bool written =
          i % 7 == 3 || (i > 100 && i < 140) || i > 1100;
        bad += p[i * PAGE + 5] != (written ? 'w' : 0);
        p[i * PAGE] = 'x';
        bad += m[i * PAGE] != 'x' || m[i * PAGE + 5] != (written ? 'w' : 0);
    }
    CHECK_EQUAL (bad, 0);
    scif_munmap (m, N * PAGE);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, N * PAGE);
}

static void test_mmap_spans_windows (void)
{
    char *a = pages (2, MAP_PRIVATE), *b = pages (2, MAP_PRIVATE);
    check_pair (pair);
    a[0] = 'a';
    b[PAGE] = 'b';
    scif_register (pair[0], a, 2 * PAGE, 0, RW, SCIF_MAP_FIXED);
    scif_register (pair[0], b, 2 * PAGE, 2 * PAGE, RW, SCIF_MAP_FIXED);
    char *m = scif_mmap (NULL, 3 * PAGE + 5, RW, MAP_PRIVATE, pair[1], 0);
    CHECK (m != SCIF_MMAP_FAILED && m[0] == 'a' && m[3 * PAGE] == 'b');
    m[PAGE] = 'x';
    m[2 * PAGE] = 'y';
    CHECK (a[PAGE] == 'x' && b[0] == 'y');
    CHECK_EQUAL (scif_munmap (m + PAGE, PAGE), 0);
    CHECK (m[0] == 'a' && m[2 * PAGE] == 'y');

    /* Unregistered, but mapped: usable, and the offset taken. */
    CHECK_EQUAL (scif_unregister (pair[0], 0, 4 * PAGE), 0);
    CHECK_ERRNO (scif_register (pair[0], a, PAGE, 0, RW, SCIF_MAP_FIXED),
                 EADDRINUSE);
    char *n = scif_mmap (NULL, PAGE, RW, 0, pair[1], 0);
    CHECK (n != SCIF_MMAP_FAILED && n[0] == 'a');
    char byte = 'w';
    CHECK_EQUAL (scif_vwriteto (pair[1], &byte, 1, 7, 0), 0);
    CHECK_EQUAL (a[7], 'w');
    munmap (a, 2 * PAGE);
    CHECK (m[0] == 'a' && n[7] == 'w');
    CHECK_EQUAL (scif_munmap (m, PAGE), 0);
    CHECK_EQUAL (scif_munmap (n, PAGE), 0);
    CHECK_EQUAL (scif_munmap (m + 2 * PAGE, 2 * PAGE), 0);
    CHECK_ERRNO (scif_mmap (NULL, PAGE, RW, 0, pair[1], 0), ENXIO);
    CHECK_EQUAL (scif_register (pair[0], b, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (b, 2 * PAGE);
}

static void test_mapping_keeps_the_connection (void)
{
    char *p = pages (1, MAP_SHARED);
    check_pair (pair);
    scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_FIXED);
    char *m = scif_mmap (NULL, PAGE, RW, 0, pair[1], 0);
    CHECK (m != SCIF_MMAP_FAILED);
    CHECK_EQUAL (scif_close (pair[1]), 0);
    CHECK_EQUAL (check_poll (pair[0], 0, 50), 0);
    m[0] = 'k';
    CHECK_EQUAL (p[0], 'k');
    CHECK_EQUAL (scif_munmap (m, PAGE), 0);
    CHECK_EQUAL (check_poll (pair[0], 0, 1000), SCIF_POLLHUP);
    scif_close (pair[0]);

    /* The peer's end does not end the mapping. */
    check_pair (pair);
    scif_register (pair[0], p, PAGE, 0, RW, SCIF_MAP_FIXED);
    m = scif_mmap (NULL, PAGE, RW, 0, pair[1], 0);
    CHECK (m != SCIF_MMAP_FAILED);
    scif_close (pair[0]);
    p[1] = 'l';
    CHECK (m[0] == 'k' && m[1] == 'l');
    munmap (p, PAGE);
    m[2] = 'm';
    CHECK (m[0] == 'k' && m[2] == 'm');
    scif_munmap (m, PAGE);
    scif_close (pair[1]);
}

/* What mremap adds to a registered mapping is fresh, whatever its size. */
static void test_mremap_shows_no_other_window (void)
{
    static const size_t sizes[] = {1, 2, 16, 300};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        const size_t n = sizes[k];
        char *p[4];
        check_pair (pair);
        for (int i = 0; i < 4; i++) {
            p[i] = pages (n, MAP_PRIVATE);
            memset (p[i], 'a' + i, n * PAGE);
            CHECK (scif_register (pair[0], p[i], n * PAGE, 0, RW, 0) > 0);
        }
        for (int i = 0; i < 4; i++) {
            p[i] = mremap (p[i], n * PAGE, 3 * n * PAGE, MREMAP_MAYMOVE);
            CHECK (p[i] != MAP_FAILED && p[i][n * PAGE - 1] == 'a' + i);
            CHECK (p[i][n * PAGE] == 0 && p[i][3 * n * PAGE - 1] == 0);
            memset (p[i] + n * PAGE, 'x', 2 * n * PAGE);
        }
        for (int i = 0; i < 4; i++) {
            CHECK (p[i][0] == 'a' + i && p[i][n * PAGE - 1] == 'a' + i);
            munmap (p[i], 3 * n * PAGE);
        }
        scif_close (pair[0]);
        scif_close (pair[1]);
    }
}

static void check_discarded (char *p, size_t n)
{
    int bad = 0;
    CHECK_EQUAL (madvise (p, n * PAGE, MADV_DONTNEED), 0);
    for (size_t i = 0; i < n * PAGE; i++)
        bad += p[i] != 0;
    CHECK_EQUAL (bad, 0);
    p[0] = p[n * PAGE - 1] = 'n';
    CHECK (p[0] == 'n' && p[n * PAGE - 1] == 'n');
}

/* Memory is private again when no window has it, and can be discarded. */
static void test_unregistered_memory_is_private (void)
{
    const size_t n = 20;
    char *p = pages (n, MAP_PRIVATE);
    check_pair (pair);
    memset (p, 'k', n * PAGE);
    off_t at = scif_register (pair[0], p, n * PAGE, 0, RW, 0);
    const off_t part = scif_register (pair[1], p, 4 * PAGE, 0, RW, 0);
    CHECK_EQUAL (scif_unregister (pair[0], at, n * PAGE), 0);
    CHECK (p[0] == 'k' && p[n * PAGE - 1] == 'k');
    check_discarded (p + 4 * PAGE, n - 4);
    /* A part is in another window still. */
    strcpy (p, "still");
    char seen[6] = "";
    CHECK_EQUAL (scif_vreadfrom (pair[0], seen, 6, part, 0), 0);
    CHECK (strcmp (seen, "still") == 0);
    CHECK_EQUAL (scif_unregister (pair[1], part, 4 * PAGE), 0);
    CHECK (strcmp (p, "still") == 0);
    check_discarded (p, n);

    /* The same memory can be a window again. */
    check_shared ("registered again", p, n);

    /* What the peer has mapped stays what it shows. */
    at = scif_register (pair[0], p, n * PAGE, 0, RW, 0);
    char *m = scif_mmap (NULL, PAGE, RW, 0, pair[1], at);
    CHECK (m != SCIF_MMAP_FAILED);
    CHECK_EQUAL (scif_unregister (pair[0], at, n * PAGE), 0);
    p[9] = '9';
    CHECK_EQUAL (m[9], '9');
    scif_munmap (m, PAGE);

    CHECK (scif_register (pair[0], p, n * PAGE, 0, RW, 0) > 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
    CHECK_EQUAL (p[9], '9');
    check_discarded (p, n);
    munmap (p, n * PAGE);
}

static _Atomic bool done;

/* Counts up in each page, as fast as it goes. */
static void *keep_storing (void *memory)
{
    volatile uint64_t *counters = memory;
    uint64_t n = 0, bad = 0;
    while (!done) {
        for (size_t i = 0; i < 64; i++) {
            bad += counters[i * PAGE / 8] != n;
            counters[i * PAGE / 8] = n + 1;
        }
        n++;
    }
    return (void *) bad;
}

/* Others may write to memory while it is being unregistered. */
static void test_unregistering_loses_no_stores (void)
{
    char *p = pages (64, MAP_PRIVATE);
    check_pair (pair);
    for (int i = 0; i < 50; i++) {
        pthread_t thread;
        void *bad;
        const off_t at = scif_register (pair[0], p, 64 * PAGE, 0, RW, 0);
        for (int k = 0; k < 64; k++)
            memset (p + k * PAGE, 0, 8);
        done = false;
        pthread_create (&thread, NULL, keep_storing, p);
        usleep (500);
        CHECK_EQUAL (scif_unregister (pair[0], at, 64 * PAGE), 0);
        usleep (500);
        done = true;
        pthread_join (thread, &bad);
        CHECK_EQUAL ((intptr_t) bad, 0);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, 64 * PAGE);
}

/* Between processes: shared pages, survival of the owner, fork. */
static void test_two_processes (void)
{
    char *p = pages (2, MAP_PRIVATE);
    int accepted;
    struct scif_portID at, peer;
    char byte;
    const int listener = check_listen (1, &at);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (listener);
        const int epd = scif_open ();
        if (scif_connect (epd, &at) < 0)
            _exit (1);
        strcpy (p, "from the child");
        if (scif_register (epd, p, 2 * PAGE, 0, RW, SCIF_MAP_FIXED) != 0)
            _exit (2);
        scif_send (epd, "r", 1, 0);
        scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK);
        if (strcmp (p + PAGE, "from the parent") != 0)
            _exit (3);
        strcpy (p, "last");
        scif_send (epd, "d", 1, 0);
        raise (SIGKILL);
    }
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK), 1);
    char *m = scif_mmap (NULL, 2 * PAGE, RW, 0, accepted, 0);
    CHECK (m != SCIF_MMAP_FAILED);
    CHECK (strcmp (m, "from the child") == 0);
    CHECK (p[0] == 0);
    strcpy (m + PAGE, "from the parent");
    scif_send (accepted, "g", 1, 0);
    CHECK_EQUAL (check_reap (child), -SIGKILL);
    CHECK (strcmp (m, "last") == 0);
    strcpy (m, "no fault");
    const pid_t other = fork ();
    if (other == 0) {
        struct rlimit none = {0, 0};
        setrlimit (RLIMIT_CORE, &none);
        signal (SIGSEGV, SIG_DFL);
        m[0] = 'x';
        _exit (0);
    }
    CHECK (check_reap (other) != 0); /* not inherited: SIGSEGV */
    CHECK_EQUAL (m[0], 'n');
    CHECK_EQUAL (scif_munmap (m, 2 * PAGE), 0);
    scif_close (accepted);
    scif_close (listener);
    munmap (p, 2 * PAGE);
}

/* A child of the owner has a copy; the owner's windows stay the owner's. */
static void test_fork_of_the_owner (void)
{
    char *p = aligned_alloc (PAGE, 2 * PAGE);
    char local[PAGE] __attribute__ ((aligned (PAGE)));
    check_pair (pair);
    strcpy (p, "before");
    strcpy (local, "stack");
    CHECK_EQUAL (
      scif_register (pair[0], p, 2 * PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK (scif_register (pair[0], local, PAGE, 0, RW, 0) > 0);
    const pid_t child = fork ();
    if (child == 0) {
        const bool same =
          strcmp (p, "before") == 0 && strcmp (local, "stack") == 0;
        strcpy (p, "child");
        strcpy (local, "child");
        _exit (same ? 0 : 1);
    }
    CHECK_EQUAL (check_reap (child), 0);
    CHECK (strcmp (p, "before") == 0 && strcmp (local, "stack") == 0);
    CHECK_EQUAL (scif_vwriteto (pair[1], "after", 6, 0, 0), 0);
    CHECK (strcmp (p, "after") == 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
    free (p);
}

/* What the parent does after a fork is not for the child to see. */
static void test_parent_goes_on_after_fork (void)
{
    const size_t size = 16 << 20;
    char *p = pages (size / PAGE, MAP_PRIVATE);
    check_pair (pair);
    memset (p, 'b', size);
    const off_t at = scif_register (pair[0], p, size, 0, RW, 0);
    const pid_t child = fork ();
    if (child == 0) {
        int bad = 0;
        for (size_t i = 0; i < size; i++)
            bad += p[i] != 'b';
        _exit (bad ? 1 : 0);
    }
    memset (p, 'a', size);
    CHECK_EQUAL (scif_unregister (pair[0], at, size), 0);
    CHECK_EQUAL (check_reap (child), 0);
    CHECK (p[0] == 'a' && p[size - 1] == 'a');
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, size);
}

/* A child has the peer's windows, whether or not the parent had used them. */
static void check_child_of_the_user (bool look_before)
{
    struct scif_portID at, peer;
    int accepted;
    char byte = 0;
    const int listener = check_listen (1, &at);
    const pid_t owner = fork ();
    if (owner == 0) {
        char *p = pages (1, MAP_PRIVATE);
        const int epd = scif_open ();
        scif_connect (epd, &at);
        memset (p, 7, PAGE);
        if (scif_register (epd, p, PAGE, 0, RW, SCIF_MAP_FIXED) != 0)
            _exit (1);
        scif_send (epd, "r", 1, SCIF_SEND_BLOCK);
        scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK);
        _exit (p[1]);
    }
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK), 1);
    if (look_before)
        CHECK (scif_vreadfrom (accepted, &byte, 1, 0, 0) == 0 && byte == 7);
    const pid_t child = fork ();
    if (child == 0) {
        char *m = scif_mmap (NULL, PAGE, RW, 0, accepted, 0);
        if (scif_vreadfrom (accepted, &byte, 1, 99, 0) != 0 || byte != 7)
            _exit (1);
        if (m == SCIF_MMAP_FAILED || m[5] != 7)
            _exit (2);
        m[1] = 8;
        _exit (0);
    }
    CHECK_EQUAL (check_reap (child), 0);
    CHECK (scif_vreadfrom (accepted, &byte, 1, 1, 0) == 0 && byte == 8);
    scif_send (accepted, "x", 1, 0);
    CHECK_EQUAL (check_reap (owner), 8);
    scif_close (accepted);
    scif_close (listener);
}

static void test_fork_of_the_user (void)
{
    check_child_of_the_user (true);
    check_child_of_the_user (false);
}

#ifdef SANITIZED
/* Each looks through the process' mappings, of which a sanitizer has many. */
#define MANY 2000
#else
#define MANY 20000
#endif

static void test_many_windows (void)
{
    const int n = MANY;
    char *p = pages (1, MAP_SHARED), byte = 'm';
    int bad = 0;
    check_pair (pair);
    for (int i = 0; i < n; i++)
        bad += scif_register (pair[0], p, PAGE, 0, RW, 0)
               != TOP - (i + 1L) * PAGE;
    CHECK_EQUAL (bad, 0);
    CHECK_EQUAL (
      scif_vwriteto (pair[1], &byte, 1, TOP - n / 2L * PAGE + 9, 0), 0);
    CHECK_EQUAL (p[9], 'm');
    CHECK_EQUAL (scif_unregister (pair[0], TOP - (long) n * PAGE,
                                  (size_t) n * PAGE),
                 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, PAGE);
}

/* A line of the process' status. */
static long status_kb (const char *format)
{
    char line[128];
    long kb = -1;
    FILE *f = fopen ("/proc/self/status", "r");
    while (f && fgets (line, sizeof line, f))
        if (sscanf (line, format, &kb) == 1)
            break;
    if (f)
        fclose (f);
    return kb;
}

/* Address space grows with the windows, and is given back. */
static void test_address_space (void)
{
    enum { N = 50 };
    int pairs[N][2];
    char *p = pages (1, MAP_SHARED);
    const long before = status_kb ("VmSize: %ld");
    for (int i = 0; i < N; i++)
        check_pair (pairs[i]);
    /* A thread's stack or two of the C library may stay. */
    CHECK (status_kb ("VmSize: %ld") - before < N * 64 + 100000);
    const long idle = status_kb ("VmSize: %ld");
    for (int i = 0; i < N; i++)
        CHECK (scif_register (pairs[i][0], p, PAGE, 0, RW, 0) > 0);
    CHECK (status_kb ("VmSize: %ld") - idle < 1000);
    for (int i = 0; i < 600; i++)
        CHECK (scif_register (pairs[0][0], p, PAGE, 0, RW, 0) > 0);
    CHECK (status_kb ("VmSize: %ld") - idle < 2000);
    for (int i = 0; i < N; i++) {
        scif_close (pairs[i][0]);
        scif_close (pairs[i][1]);
    }
    CHECK (status_kb ("VmSize: %ld") <= idle);
    munmap (p, PAGE);
}

/* Memory that was registered and unmapped does not pile up. */
static void test_arena_is_reused (void)
{
    const size_t size = 4 << 20;
    check_pair (pair);
    const long before = status_kb ("RssShmem: %ld");
    for (int i = 0; i < 100; i++) {
        char *p = pages (size / PAGE, MAP_PRIVATE);
        memset (p, 1, size);
        const off_t at = scif_register (pair[0], p, size, 0, RW, 0);
        CHECK (at > 0);
        CHECK_EQUAL (scif_unregister (pair[0], at, size), 0);
        munmap (p, size);
    }
    const long after = status_kb ("RssShmem: %ld");
    CHECK (after - before < 100 * 1024);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_memlock_limit (void)
{
    if (geteuid () != 0) {
        printf ("# limit not tried: needs to start as root\n");
        return;
    }
    check_pair (pair);
    char *p = pages (64, MAP_PRIVATE);
    const pid_t child = fork ();
    if (child == 0) {
        struct rlimit limit = {32 * PAGE, 32 * PAGE};
        setrlimit (RLIMIT_MEMLOCK, &limit);
        if (setresuid (12345, 12345, 12345) != 0)
            _exit (2);
        errno = 0;
        if (scif_register (pair[0], p, 33 * PAGE, 0, RW, 0) != -1
            || errno != EAGAIN)
            _exit (1);
        const off_t at = scif_register (pair[0], p, 32 * PAGE, 0, RW, 0);
        if (at < 0 || scif_register (pair[0], p, PAGE, 0, RW, 0) != -1)
            _exit (3);
        if (scif_unregister (pair[0], at, 32 * PAGE) != 0
            || scif_register (pair[0], p, PAGE, 0, RW, 0) < 0)
            _exit (4);
        _exit (0);
    }
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, 64 * PAGE);
}

int main (void)
{
    check_begin ("window", 50);
    RUN (test_register_errors);
    RUN (test_offsets);
    RUN (test_mmap_errors);
    RUN (test_kinds_of_memory);
    RUN (test_partly_touched_memory);
    RUN (test_mmap_spans_windows);
    RUN (test_mapping_keeps_the_connection);
    RUN (test_mremap_shows_no_other_window);
    RUN (test_unregistered_memory_is_private);
    RUN (test_unregistering_loses_no_stores);
    RUN (test_two_processes);
    RUN (test_fork_of_the_owner);
    RUN (test_parent_goes_on_after_fork);
    RUN (test_fork_of_the_user);
    RUN (test_many_windows);
    RUN (test_address_space);
    RUN (test_arena_is_reused);
    RUN (test_memlock_limit);
    return check_end ();
}
