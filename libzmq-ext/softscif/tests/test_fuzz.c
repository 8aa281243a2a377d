/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Random calls of the whole API with random, mostly wrong, arguments, for a
 * bounded time (SOFTSCIF_FUZZ_SECONDS, 8 by default), from several threads and
 * with a peer that is random too. Nothing may crash or hang, and errno is
 * always one that the interface knows. SOFTSCIF_FUZZ_SEED repeats a run.
 */
#include "check.h"

#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096
#define SLOTS 24

/*
 * The threads close and overwrite what others are using, on purpose. That is
 * just what ThreadSanitizer would report.
 */
#ifdef __SANITIZE_THREAD__
#define THREADS 1
#else
#define THREADS 3
#endif
#define ARENA_PAGES 64
#define GUARD_PAGES 4096

/* Descriptors that calls are made on; also stale ones and other kinds. */
static _Atomic int slots[SLOTS];
static char *arena; /* pages that may be registered */
static char *hole;  /* never mapped */
static char *read_only;
static _Atomic bool stop;
static _Atomic long calls;

static const int known[] = {
  0,      EINVAL,  EBADF,  ENOTTY,   EISCONN,     ENOTCONN,   ECONNRESET,
  EFAULT, EAGAIN,  ENODEV, ENXIO,    EPERM,       EADDRINUSE, ECONNREFUSED,
  ENOMEM, EACCES,  EINTR,  EMFILE,   EOPNOTSUPP,  EINPROGRESS, ENOSPC,
  ENFILE, EEXIST,
};

static unsigned long long next (unsigned long long *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 8;
}

#define R(n) ((int) (next (state) % (unsigned long long) (n)))

static int any_epd (unsigned long long *state)
{
    switch (R (20)) {
        case 0:
            return -1;
        case 1:
            return INT_MAX - R (3);
        case 2:
            return 900 + R (10);
        default:
            return slots[R (SLOTS)];
    }
}

static size_t any_len (unsigned long long *state)
{
    static const size_t odd[] = {0, 1, 7, 64, 4095, 4096, 4097, 8192, 65536};
    switch (R (8)) {
        case 0:
            return SIZE_MAX - (size_t) R (5000);
        case 1:
            return (size_t) 1 << R (63);
        case 2:
            return (size_t) R (ARENA_PAGES) * PAGE;
        default:
            return odd[R (9)];
    }
}

static void *any_memory (unsigned long long *state)
{
    switch (R (8)) {
        case 0:
            return NULL;
        case 1:
            return hole + R (PAGE);
        case 2:
            return read_only + R (PAGE);
        case 3:
            return (void *) (uintptr_t) (next (state) << 20);
        case 4:
            return arena + R (ARENA_PAGES * PAGE);
        default:
            return arena + (size_t) R (ARENA_PAGES) * PAGE;
    }
}

static off_t any_offset (unsigned long long *state)
{
    switch (R (6)) {
        case 0:
            return -(off_t) R (100000);
        case 1:
            return (off_t) (next (state) << 7);
        case 2:
            return 0x7ffffffffffff000 - (off_t) R (8) * PAGE;
        case 3:
            return R (1000000);
        default:
            return (off_t) R (8) * PAGE;
    }
}

static int any_flags (unsigned long long *state)
{
    switch (R (6)) {
        case 0:
            return (int) next (state);
        case 1:
            return 1 << R (31);
        default:
            return R (4);
    }
}

static void put (unsigned long long *state, int epd)
{
    if (epd < 0)
        return;
    fcntl (epd, F_SETFL, O_NONBLOCK);
    const int old = atomic_exchange (&slots[R (SLOTS)], epd);
    if (R (10))
        scif_close (old);
    else
        close (old);
}

/* A fresh pair, so that most calls have something to work on. */
static void add_pair (unsigned long long *state)
{
    struct scif_portID at = {0, 0}, peer;
    int accepted;
    const int listener = scif_open ();
    const int epd = scif_open ();
    at.port = (uint16_t) scif_bind (listener, 0);
    fcntl (epd, F_SETFL, O_NONBLOCK);
    if (scif_listen (listener, 1) == 0 && scif_connect (epd, &at) == -1
        && errno == EINPROGRESS
        && scif_accept (listener, &peer, &accepted, 0) == 0) {
        scif_connect (epd, &at);
        put (state, accepted);
    }
    put (state, epd);
    if (R (2))
        put (state, listener);
    else
        scif_close (listener);
}

static void unmap_later (void *m, size_t len)
{
    if (m != SCIF_MMAP_FAILED)
        scif_munmap (m, len);
}

static long one_call (unsigned long long *state)
{
    const int epd = any_epd (state);
    struct scif_portID id = {(uint16_t) (R (4) ? 0 : R (65536)),
                             (uint16_t) (1089 + R (8))};
    uint16_t ids[4];
    int value = 0;
    switch (R (26)) {
        case 0:
            put (state, scif_open ());
            return 0;
        case 1: {
            const int old = atomic_exchange (&slots[R (SLOTS)], -1);
            return scif_close (old);
        }
        case 2:
            return scif_bind (epd, (uint16_t) R (65536));
        case 3:
            return scif_listen (epd, R (5) ? R (20) - 3 : (int) next (state));
        case 4:
            return scif_connect (epd, R (10) ? &id : NULL);
        case 5: {
            const int rc =
              scif_accept (epd, R (10) ? &id : NULL, R (10) ? &value : NULL,
                           R (4) ? 0 : 2 + R (100));
            if (rc == 0)
                put (state, value);
            return rc;
        }
        case 6:
        case 7:
            return scif_send (epd, any_memory (state),
                              R (9) ? R (70000) : -R (INT_MAX),
                              R (4) ? 0 : 2 * R (100));
        case 8:
        case 9:
            return scif_recv (epd, any_memory (state),
                              R (9) ? R (70000) : -R (INT_MAX),
                              R (4) ? 0 : 2 * R (100));
        case 10:
        case 11:
            return (long) scif_register (
              epd, any_memory (state),
              R (3) ? (size_t) (1 + R (4)) * PAGE : any_len (state),
              any_offset (state), R (6) ? 3 : any_flags (state),
              R (6) ? SCIF_MAP_FIXED * R (2) : any_flags (state));
        case 12:
            return scif_unregister (
              epd, any_offset (state),
              R (2) ? (size_t) R (16) * PAGE : any_len (state));
        case 13: {
            const size_t len =
              R (3) ? (size_t) (1 + R (4)) * PAGE : any_len (state);
            void *m = scif_mmap (NULL, len, R (4), 0, epd, any_offset (state));
            unmap_later (m, len);
            return m == SCIF_MMAP_FAILED ? -1 : 0;
        }
        case 14:
            return scif_munmap ((void *) (uintptr_t) (1 + R (PAGE - 1)),
                                any_len (state));
        case 15:
            return scif_readfrom (epd, any_offset (state), any_len (state),
                                  any_offset (state), any_flags (state));
        case 16:
            return scif_writeto (epd, any_offset (state), any_len (state),
                                 any_offset (state), any_flags (state));
        case 17:
            return scif_vreadfrom (epd, any_memory (state), any_len (state),
                                   any_offset (state), any_flags (state));
        case 18:
            return scif_vwriteto (epd, any_memory (state), any_len (state),
                                  any_offset (state), any_flags (state));
        case 19:
            return scif_fence_mark (epd, any_flags (state),
                                    R (4) ? &value : any_memory (state));
        case 20:
            return scif_fence_wait (epd, R (2) ? 0xdead : (int) next (state));
        case 21:
            return scif_fence_signal (epd, any_offset (state), next (state),
                                      any_offset (state), next (state),
                                      any_flags (state) | (R (4) << 4));
        case 22:
            return scif_get_nodeIDs (R (3) ? ids : any_memory (state), R (5),
                                     R (3) ? ids : any_memory (state));
        case 23: {
            struct scif_pollepd p[3] = {{epd, (short) next (state), 0},
                                        {any_epd (state), POLLIN, 0},
                                        {any_epd (state), POLLOUT, 0}};
            return scif_poll (R (9) ? p : any_memory (state), 3, R (2));
        }
        case 24: {
            const int copy = dup (epd);
            put (state, copy);
            return 0;
        }
        default:
            add_pair (state);
            return 0;
    }
}

static void *fuzz (void *argument)
{
    unsigned long long state_value =
      (unsigned long long) (uintptr_t) argument * 0x9e3779b97f4a7c15u + 1;
    unsigned long long *state = &state_value;
    long strange = 0;
    while (!atomic_load (&stop)) {
        errno = 0;
        const long rc = one_call (state);
        const int error = rc == -1 ? errno : 0;
        size_t i = 0;
        while (i < sizeof known / sizeof *known && known[i] != error)
            i++;
        if (i == sizeof known / sizeof *known) {
            fprintf (stderr, "# unexpected errno %d (%s)\n", error,
                     strerror (error));
            strange++;
        }
        atomic_fetch_add (&calls, 1);
    }
    return (void *) strange;
}

static void test_random_calls (void)
{
    const char *text = getenv ("SOFTSCIF_FUZZ_SECONDS");
    const int seconds = text ? atoi (text) : 8;
    text = getenv ("SOFTSCIF_FUZZ_SEED");
    const unsigned long seed =
      text ? strtoul (text, NULL, 10) : (unsigned long) check_now_ms ();
    pthread_t threads[THREADS];
    printf ("# seed %lu, %d s\n", seed, seconds);
    for (uintptr_t i = 0; i < THREADS; i++)
        pthread_create (&threads[i], NULL, fuzz,
                        (void *) (uintptr_t) (seed + i * 1000003));
    int64_t last = check_now_ms ();
    long before = 0;
    const int64_t end = last + seconds * 1000L;
    while (check_now_ms () < end) {
        usleep (100000);
        if (calls != before) {
            before = calls;
            last = check_now_ms ();
        }
        CHECK (check_now_ms () - last < 5000);
    }
    atomic_store (&stop, true);
    for (int i = 0; i < THREADS; i++) {
        void *strange;
        pthread_join (threads[i], &strange);
        CHECK (strange == NULL);
    }
    printf ("# %ld calls\n", (long) calls);
    CHECK (calls > 1000);
    for (int i = 0; i < SLOTS; i++)
        scif_close (slots[i]);
}

int main (void)
{
    check_begin ("fuzz", 55);
    setenv ("SOFTSCIF_CONNECT_TIMEOUT", "200", 1);
    setenv ("SOFTSCIF_ADMIN_PORTS", "1", 1);
    /* Far from anything else: calls may well write beyond its end. */
    arena = mmap (NULL, (ARENA_PAGES + GUARD_PAGES) * PAGE, PROT_NONE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mprotect (arena, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE);
    hole = mmap (NULL, 16 * PAGE, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    read_only = mmap (NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    for (int i = 0; i < SLOTS; i++)
        slots[i] = i % 8 == 7 ? open ("/dev/null", O_RDWR) : scif_open ();
    RUN (test_random_calls);
    return check_end ();
}
