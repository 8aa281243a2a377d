/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A very small test harness: checks that print and count, child processes,
 * and a watchdog so that a hang is a failure with a message.
 */
#ifndef SOFTSCIF_CHECK_H
#define SOFTSCIF_CHECK_H

#include <errno.h>
#include <pthread.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "scif.h"

static _Atomic int check_failures;
static _Atomic int check_count;
static const char *check_case = "";

#define CHECK(condition)                                                       \
    check_that ((condition) ? true : false, #condition, __FILE__, __LINE__)

/* The call fails with this errno. */
#define CHECK_ERRNO(call, expected)                                            \
    do {                                                                       \
        errno = 0;                                                             \
        const long check_rc = (long) (call);                                   \
        const int check_errno = errno;                                         \
        if (!check_that (check_rc == -1 && check_errno == (expected),          \
                         #call " fails with " #expected, __FILE__, __LINE__))  \
            fprintf (stderr, "#   returned %ld, errno %d (%s)\n", check_rc,    \
                     check_errno, strerror (check_errno));                     \
    } while (0)

#define CHECK_EQUAL(got, expected)                                             \
    do {                                                                       \
        const long long check_got = (long long) (got);                         \
        const long long check_want = (long long) (expected);                   \
        if (!check_that (check_got == check_want, #got " == " #expected,       \
                         __FILE__, __LINE__))                                  \
            fprintf (stderr, "#   %lld, not %lld (errno %d)\n", check_got,     \
                     check_want, errno);                                       \
    } while (0)

static inline bool
check_that (bool ok, const char *what, const char *file, int line)
{
    check_count++;
    if (!ok) {
        check_failures++;
        fprintf (stderr, "# %s:%d: in %s: %s\n", file, line, check_case, what);
    }
    return ok;
}

static inline int64_t check_now_ms (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void check_hang (int signal)
{
    static const char text[] = "# hang: the test took too long, in ";
    (void) signal;
    if (write (2, text, sizeof text - 1) < 0
        || write (2, check_case, strlen (check_case)) < 0
        || write (2, "\n", 1) < 0)
        _exit (3);
    _exit (2);
}

/* Starts a test program: a realm of its own and a time limit. */
static inline void check_begin (const char *name, unsigned seconds)
{
    char realm[64];
    snprintf (realm, sizeof realm, "%.40s-%ld", name, (long) getpid ());
    setenv ("SOFTSCIF_REALM", realm, 1);
    signal (SIGALRM, check_hang);
    alarm (seconds);
    setvbuf (stdout, NULL, _IOLBF, 0);
}

typedef void (*check_fn) (void);

static inline void check_run (const char *name, check_fn fn)
{
    static int number;
    const int before = check_failures;
    check_case = name;
    fn ();
    printf ("%s %d - %s\n", check_failures == before ? "ok" : "not ok",
            ++number, name);
}

#define RUN(fn) check_run (#fn, fn)

static inline int check_end (void)
{
    printf ("# %d checks, %d failed\n", check_count, check_failures);
    return check_failures ? 1 : 0;
}

/* The exit status of a child, -signal when it was killed. */
static inline int check_reap (pid_t pid)
{
    int status;
    if (waitpid (pid, &status, 0) != pid)
        return 1000;
    return WIFSIGNALED (status) ? -WTERMSIG (status) : WEXITSTATUS (status);
}

/* Waits up to limit ms for events; returns revents. */
static inline short check_poll (int epd, short events, int limit)
{
    struct scif_pollepd p = {epd, events, 0};
    return scif_poll (&p, 1, limit) == 1 ? p.revents : 0;
}

/* Polls a condition for up to 5 s. */
#define CHECK_SOON(condition)                                                  \
    do {                                                                       \
        const int64_t check_until = check_now_ms () + 5000;                    \
        while (!(condition) && check_now_ms () < check_until)                  \
            usleep (1000);                                                     \
        CHECK (condition);                                                     \
    } while (0)

/* A listener on a fresh port. */
static inline int check_listen (int backlog, struct scif_portID *at)
{
    const int epd = scif_open ();
    const int port = scif_bind (epd, 0);
    CHECK (epd >= 0 && port >= 1089);
    CHECK_EQUAL (scif_listen (epd, backlog), 0);
    at->node = 0;
    at->port = (uint16_t) port;
    return epd;
}

struct check_connect
{
    pthread_t thread;
    struct scif_portID to;
    int epd;
    int rc;
    int error;
};

static void *check_connect_run (void *argument)
{
    struct check_connect *c = argument;
    c->rc = scif_connect (c->epd, &c->to);
    c->error = errno;
    return NULL;
}

/* A blocking connect in a thread. */
static inline void check_connect_start (struct check_connect *c,
                                        const struct scif_portID *to)
{
    c->to = *to;
    c->epd = scif_open ();
    CHECK (c->epd >= 0);
    pthread_create (&c->thread, NULL, check_connect_run, c);
}

/* A connected pair: [0] connecter, [1] accepter. */
static inline void check_pair (int pair[2])
{
    struct scif_portID at, peer;
    struct check_connect c;
    const int listener = check_listen (1, &at);
    check_connect_start (&c, &at);
    pair[1] = -1;
    CHECK_EQUAL (scif_accept (listener, &peer, &pair[1], SCIF_ACCEPT_SYNC), 0);
    pthread_join (c.thread, NULL);
    CHECK (c.rc > 0);
    CHECK_EQUAL (peer.port, c.rc);
    pair[0] = c.epd;
    CHECK_EQUAL (scif_close (listener), 0);
}

#endif
