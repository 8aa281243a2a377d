/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Threads that connect, register and fork at the same time, each with
 * endpoints of its own or with one of another's. Under ThreadSanitizer it
 * tells whether what the library keeps in common is locked.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "check.h"

#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)
#define PAGE 4096
#define WINDOW ((size_t) 4 << 20)
#define ROUNDS 60

static atomic_int shared = -1; /* an endpoint that is never connected */
static atomic_bool stop;

static int open_non_blocking (void)
{
    const int epd = scif_open ();
    fcntl (epd, F_SETFL, O_NONBLOCK);
    return epd;
}

/* Connects, registers before the connection is collected, and closes. */
static void *connect_and_close (void *unused)
{
    struct scif_portID at, peer;
    char *p = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const int listener = check_listen (1, &at);
    for (int i = 0; i < ROUNDS; i++) {
        const int epd = open_non_blocking ();
        int accepted;
        CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
        CHECK_EQUAL (
          scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
        CHECK_EQUAL (scif_register (epd, p, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
        CHECK (check_poll (epd, SCIF_POLLOUT, 5000) & SCIF_POLLOUT);
        CHECK (scif_connect (epd, &at) > 0);
        CHECK_EQUAL (scif_close (epd), 0);
        CHECK_EQUAL (scif_close (accepted), 0);
    }
    scif_close (listener);
    munmap (p, PAGE);
    return unused;
}

/* Registers so much that room no longer in use is looked for. */
static void *register_and_unregister (void *unused)
{
    int pair[2];
    check_pair (pair);
    for (int i = 0; i < ROUNDS; i++) {
        char *p = mmap (NULL, WINDOW, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const off_t at = scif_register (pair[0], p, WINDOW, 0, RW, 0);
        CHECK (at != SCIF_REGISTER_FAILED);
        CHECK_EQUAL (scif_unregister (pair[0], at, WINDOW), 0);
        munmap (p, WINDOW);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
    return unused;
}

/* Connects in vain, again and again, with the endpoint that others use. */
static void *connect_in_vain (void *unused)
{
    const int epd = open_non_blocking ();
    shared = epd;
    for (int i = 0; i < ROUNDS; i++) {
        struct scif_portID at;
        const int listener = check_listen (1, &at);
        CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
        CHECK_EQUAL (scif_close (listener), 0);
        /* A child may have the listener a little longer. */
        CHECK (check_poll (epd, SCIF_POLLOUT, 5000) & SCIF_POLLOUT);
        CHECK_ERRNO (scif_connect (epd, &at), ECONNREFUSED);
    }
    stop = true;
    return unused;
}

static void *use_unconnected (void *unused)
{
    char *p = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    while (!stop) {
        char byte;
        const int epd = shared;
        if (epd < 0)
            continue;
        CHECK_ERRNO (scif_send (epd, "x", 1, 0), ENOTCONN);
        CHECK_ERRNO (scif_recv (epd, &byte, 1, 0), ENOTCONN);
        CHECK_ERRNO (scif_register (epd, p, PAGE, 0, RW, 0), ENOTCONN);
        usleep (200);
    }
    munmap (p, PAGE);
    return unused;
}

static void *fork_and_reap (void *unused)
{
    for (int i = 0; i < ROUNDS / 2; i++) {
        const pid_t child = fork ();
        if (child == 0)
            _exit (scif_close (scif_open ()) == 0 ? 0 : 1);
        CHECK_EQUAL (check_reap (child), 0);
    }
    return unused;
}

static void test_threads_at_the_same_time (void)
{
    void *(*const runs[]) (void *) = {
      connect_and_close, register_and_unregister, connect_in_vain,
      use_unconnected, fork_and_reap};
    enum { N = sizeof runs / sizeof runs[0] };
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        CHECK_EQUAL (pthread_create (&threads[i], NULL, runs[i], NULL), 0);
    for (int i = 0; i < N; i++)
        pthread_join (threads[i], NULL);
    scif_close (shared);
}

struct overlap
{
    char *memory;
    pthread_barrier_t *start;
    int pair[2];
    off_t at;
};

static void *register_overlapping (void *argument)
{
    struct overlap *o = argument;
    pthread_barrier_wait (o->start);
    o->at = scif_register (o->pair[0], o->memory, WINDOW, 0, RW, 0);
    return NULL;
}

/* Whichever is first, all windows show the pages that the program has. */
static void test_registering_the_same_memory (void)
{
    pthread_barrier_t start;
    struct overlap o[3];
    pthread_t threads[3];
    pthread_barrier_init (&start, NULL, 3);
    for (int i = 0; i < 3; i++)
        check_pair (o[i].pair);
    for (int round = 0; round < ROUNDS / 6; round++) {
        char *p = mmap (NULL, 2 * WINDOW, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset (p, 1, WINDOW);
        for (int i = 0; i < 3; i++) {
            o[i].memory = p + (size_t) i * PAGE * 8;
            o[i].start = &start;
            pthread_create (&threads[i], NULL, register_overlapping, &o[i]);
        }
        for (int i = 0; i < 3; i++)
            pthread_join (threads[i], NULL);
        p[PAGE * 16] = 'a';
        p[WINDOW - 1] = 'z';
        for (int i = 0; i < 3; i++) {
            char first = 0, last = 0;
            const off_t at = o[i].at - i * PAGE * 8;
            scif_vreadfrom (o[i].pair[1], &first, 1, at + PAGE * 16, 0);
            scif_vreadfrom (o[i].pair[1], &last, 1, at + (off_t) WINDOW - 1, 0);
            CHECK (first == 'a' && last == 'z');
            CHECK_EQUAL (scif_unregister (o[i].pair[0], o[i].at, WINDOW), 0);
        }
        munmap (p, 2 * WINDOW);
    }
    for (int i = 0; i < 3; i++) {
        scif_close (o[i].pair[0]);
        scif_close (o[i].pair[1]);
    }
    pthread_barrier_destroy (&start);
}

int main (void)
{
    check_begin ("threads", 60);
    setenv ("SOFTSCIF_CONNECT_TIMEOUT", "2000", 1);
    RUN (test_threads_at_the_same_time);
    RUN (test_registering_the_same_memory);
    return check_end ();
}
