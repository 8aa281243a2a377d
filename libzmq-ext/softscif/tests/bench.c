/* SPDX-License-Identifier: MPL-2.0 */
/*
 * SoftSCIF side by side with what it is made of: one-byte round trips through
 * epoll against a bare AF_UNIX socket, a stream against the same, and memory
 * through a mapped window against plain shared memory, and the registration of
 * fresh memory against making a memfd. Runs alternate, the medians are
 * compared. With --check only what is judged is measured: the round trip has to
 * be within 1.5 times the bare one, mapped memory within 10 % of plain, fresh
 * memory within 3 times the memfd, a refused connect within 200 us. As a busy
 * machine can spoil a measurement, one of several has to be.
 */
#include "check.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define RUNS 7
#define ATTEMPTS 4
#define ROUND_TRIPS 4000
#define STREAM ((size_t) 8 << 20)
#define WINDOW ((size_t) 8 << 20)
#define PASSES 20
#define FRESH ((size_t) 1 << 20)

typedef int (*move_fn) (int fd, char *bytes, int len);

static double now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

static int scif_put (int fd, char *bytes, int len)
{
    return scif_send (fd, bytes, len, 0);
}

static int scif_take (int fd, char *bytes, int len)
{
    return scif_recv (fd, bytes, len, 0);
}

static int unix_put (int fd, char *bytes, int len)
{
    return (int) send (fd, bytes, (size_t) len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int unix_take (int fd, char *bytes, int len)
{
    return (int) recv (fd, bytes, (size_t) len, MSG_DONTWAIT);
}

static int watch (int fd, uint32_t events)
{
    struct epoll_event event = {events, {0}};
    const int set = epoll_create1 (EPOLL_CLOEXEC);
    epoll_ctl (set, EPOLL_CTL_ADD, fd, &event);
    return set;
}

/* One-way time of one byte, seconds. */
static double ping_pong (const int pair[2], move_fn put, move_fn take)
{
    char byte = 'p';
    const pid_t child = fork ();
    const int fd = child ? pair[1] : pair[0];
    const int set = watch (fd, EPOLLIN);
    const double start = now ();
    for (int i = 0; i < ROUND_TRIPS; i++) {
        struct epoll_event event;
        if (child && put (fd, &byte, 1) != 1)
            break;
        if (epoll_wait (set, &event, 1, 5000) != 1 || take (fd, &byte, 1) != 1)
            break;
        if (!child && put (fd, &byte, 1) != 1)
            break;
    }
    if (child == 0)
        _exit (0);
    const double took = now () - start;
    CHECK_EQUAL (check_reap (child), 0);
    close (set);
    return took / ROUND_TRIPS / 2;
}

/* Bytes per second of a stream in pieces of len. */
static double stream (const int pair[2], move_fn put, move_fn take, int len)
{
    static char buffer[65536];
    const pid_t child = fork ();
    const int fd = child ? pair[1] : pair[0];
    const int set = watch (fd, child ? EPOLLIN : EPOLLOUT);
    const double start = now ();
    for (size_t done = 0; done < STREAM;) {
        const int n = child ? take (fd, buffer, (int) sizeof buffer)
                            : put (fd, buffer, len);
        struct epoll_event event;
        if (n > 0)
            done += (size_t) n;
        else if (epoll_wait (set, &event, 1, 5000) != 1)
            break;
    }
    if (child == 0)
        _exit (0);
    const double took = now () - start;
    CHECK_EQUAL (check_reap (child), 0);
    close (set);
    return (double) STREAM / took;
}

/* Bytes per second written to memory and read back. */
static double touch (char *memory)
{
    static char copy[WINDOW];
    const double start = now ();
    for (int i = 0; i < PASSES; i++) {
        memcpy (memory, copy, WINDOW);
        memcpy (copy, memory, WINDOW);
    }
    return 2.0 * PASSES * WINDOW / (now () - start);
}

static int ascending (const void *a, const void *b)
{
    const double x = *(const double *) a, y = *(const double *) b;
    return x < y ? -1 : x > y;
}

static double median (double *values)
{
    qsort (values, RUNS, sizeof *values, ascending);
    return values[RUNS / 2];
}

/* Of neighbouring runs, so that a busy machine hits both alike. */
static double median_ratio (const double *a, const double *b)
{
    double ratios[RUNS];
    for (int i = 0; i < RUNS; i++)
        ratios[i] = a[i] / b[i];
    return median (ratios);
}

/* How many times the bare one's time a round trip takes. */
static double compare_round_trips (const int scif[2], const int bare[2])
{
    double a[RUNS], b[RUNS];
    for (int i = 0; i < RUNS; i++) {
        a[i] = ping_pong (scif, scif_put, scif_take);
        b[i] = ping_pong (bare, unix_put, unix_take);
    }
    const double ratio = median_ratio (a, b);
    printf ("1 byte one way    scif %8.2f us      AF_UNIX %8.2f us   x%.2f\n",
            median (a) * 1e6, median (b) * 1e6, ratio);
    return ratio;
}

static void compare_streams (const int scif[2], const int bare[2])
{
    static const int lens[] = {64, 1024, 4095};
    double a[RUNS], b[RUNS];
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < RUNS; i++) {
            a[i] = stream (scif, scif_put, scif_take, lens[k]);
            b[i] = stream (bare, unix_put, unix_take, lens[k]);
        }
        printf ("stream of %4d B   scif %8.0f MB/s    AF_UNIX %8.0f MB/s\n",
                lens[k], median (a) / 1e6, median (b) / 1e6);
    }
}

/* How many times plain memory's throughput mapped memory has. */
static double compare_memory (char *mapped, char *plain)
{
    double a[RUNS], b[RUNS];
    touch (plain);
    touch (mapped);
    for (int i = 0; i < RUNS; i++) {
        a[i] = touch (mapped);
        b[i] = touch (plain);
    }
    const double ratio = median_ratio (a, b);
    printf ("mapped memory     scif %8.0f MB/s    plain   %8.0f MB/s   x%.2f\n",
            median (a) / 1e6, median (b) / 1e6, ratio);
    return ratio;
}

/* Each page is used once, which is where plain memory is slow. */
static void use_pages (char *memory)
{
    for (size_t i = 0; i < FRESH; i += 4096)
        memory[i] = 1;
}

static double register_fresh (const int scif[2], double *peer)
{
    char *memory = mmap (NULL, FRESH, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const double start = now ();
    const off_t at = scif_register (scif[1], memory, FRESH, 0, 3, 0);
    use_pages (memory);
    const double done = now ();
    char *mapped = scif_mmap (NULL, FRESH, 3, 0, scif[0], at);
    if (CHECK (mapped != SCIF_MMAP_FAILED))
        use_pages (mapped);
    *peer = now () - done;
    scif_munmap (mapped, FRESH);
    scif_unregister (scif[1], at, FRESH);
    munmap (memory, FRESH);
    return done - start;
}

static double make_memfd (void)
{
    const double start = now ();
    const int fd = memfd_create ("bench", MFD_CLOEXEC);
    CHECK_EQUAL (ftruncate (fd, FRESH), 0);
    char *memory =
      mmap (NULL, FRESH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    use_pages (memory);
    const double took = now () - start;
    munmap (memory, FRESH);
    close (fd);
    return took;
}

/* How many times a memfd's time it takes to register 1 MiB and use it. */
static double compare_registration (const int scif[2])
{
    double a[RUNS], b[RUNS], peer[RUNS];
    for (int i = 0; i < RUNS; i++) {
        a[i] = register_fresh (scif, &peer[i]);
        b[i] = make_memfd ();
    }
    const double ratio = median_ratio (a, b);
    printf ("register 1 MiB    scif %8.0f us      memfd   %8.0f us   x%.2f, "
            "scif_mmap %.0f us\n",
            median (a) * 1e6, median (b) * 1e6, ratio, median (peer) * 1e6);
    return ratio;
}

/* Processor time of an attempt to connect when nobody listens, seconds. */
static double time_refusals (void)
{
    enum { N = 1000 };
    struct scif_portID nobody = {0, 7000};
    const clock_t start = clock ();
    for (int i = 0; i < N; i++) {
        const int epd = scif_open ();
        CHECK_ERRNO (scif_connect (epd, &nobody), ECONNREFUSED);
        scif_close (epd);
    }
    const double each = (double) (clock () - start) / CLOCKS_PER_SEC / N;
    printf ("refused connect   scif %8.1f us of the processor\n", each * 1e6);
    return each;
}

static void time_transfers (int epd, char *from, off_t to)
{
    for (size_t size = 4096; size <= WINDOW; size *= 16) {
        const int n = (int) (((size_t) 256 << 20) / size);
        const double start = now ();
        for (int i = 0; i < n; i++)
            if (scif_vwriteto (epd, from, size, to, 0) != 0)
                CHECK (false);
        printf ("vwriteto %7zu B scif %8.0f MB/s\n", size,
                (double) size * n / (now () - start) / 1e6);
    }
}

int main (int argc, char **argv)
{
    const bool check = argc > 1 && strcmp (argv[1], "--check") == 0;
    int scif[2], bare[2];
    check_begin ("bench", 110);
    check_pair (scif);
    CHECK_EQUAL (socketpair (AF_UNIX, SOCK_STREAM, 0, bare), 0);
    char *plain = mmap (NULL, WINDOW, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *window = mmap (NULL, WINDOW, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const off_t at = scif_register (scif[1], window, WINDOW, 0, 3, 0);
    char *mapped = scif_mmap (NULL, WINDOW, 3, 0, scif[0], at);
    if (!CHECK (mapped != SCIF_MMAP_FAILED))
        return check_end ();

    bool quick = false, as_fast = false, fresh = false, cheap = false;
    for (int i = 0;
         check && i < ATTEMPTS && !(quick && as_fast && fresh && cheap); i++) {
        cheap = cheap || time_refusals () <= 200e-6;
        fresh = fresh || compare_registration (scif) <= 3;
        quick = quick || compare_round_trips (scif, bare) <= 1.5;
        as_fast = as_fast || compare_memory (mapped, plain) >= 0.9;
    }
    if (check) {
        CHECK (quick);
        CHECK (as_fast);
        CHECK (fresh);
        CHECK (cheap);
    } else {
        compare_round_trips (scif, bare);
        compare_streams (scif, bare);
        compare_memory (mapped, plain);
        compare_registration (scif);
        time_refusals ();
        time_transfers (scif[0], plain, at);
    }
    scif_munmap (mapped, WINDOW);
    return check_end ();
}
