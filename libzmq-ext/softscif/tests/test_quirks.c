/* SPDX-License-Identifier: MPL-2.0 */
/* Defects of the driver that SOFTSCIF_QUIRKS asks for. */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>

#define LIMIT_MS 600

enum fate
{
    KEPT,
    CLOSED,
    RETRIED,
    KILLED
};

/* Requests are sent in a process of their own, which may be killed. */
static pid_t request (const struct scif_portID *to, enum fate fate)
{
    const pid_t child = fork ();
    if (child != 0)
        return child;
    struct scif_portID at = *to;
    const int epd = scif_open ();
    if (fate == KILLED)
        fcntl (epd, F_SETFL, O_NONBLOCK);
    scif_connect (epd, &at);
    if (fate == KILLED)
        raise (SIGKILL);
    if (fate == CLOSED)
        scif_close (epd);
    if (fate == RETRIED)
        scif_connect (epd, &at);
    pause ();
    _exit (0);
}

static void end (pid_t child)
{
    kill (child, SIGKILL);
    check_reap (child);
}

/* Accepts in a child of which stderr goes to a pipe: how it ended, and that. */
static int accept_in_child (int listener, int flags, char *text, size_t size)
{
    int pipes[2], accepted;
    struct scif_portID peer;
    CHECK_EQUAL (pipe (pipes), 0);
    const pid_t child = fork ();
    if (child == 0) {
        const struct rlimit none = {0, 0};
        setrlimit (RLIMIT_CORE, &none);
        signal (SIGABRT, SIG_DFL);
        dup2 (pipes[1], 2);
        _exit (scif_accept (listener, &peer, &accepted, flags) == 0 ? 0 : errno);
    }
    close (pipes[1]);
    size_t n = 0;
    for (ssize_t got; (got = read (pipes[0], text + n, size - 1 - n)) > 0;)
        n += (size_t) got;
    text[n] = '\0';
    close (pipes[0]);
    return check_reap (child);
}

static void check_stale (enum fate fate, int flags)
{
    struct scif_portID at;
    char text[256];
    const int listener = check_listen (4, &at);
    const pid_t connecter = request (&at, fate);
    CHECK (check_poll (listener, SCIF_POLLIN, 5000) == SCIF_POLLIN);
    usleep ((LIMIT_MS + 200) * 1000);
    CHECK (check_poll (listener, SCIF_POLLIN, 0) == SCIF_POLLIN);
    CHECK_EQUAL (accept_in_child (listener, flags, text, sizeof text),
                 -SIGABRT);
    CHECK (strcmp (text, "softscif: accepted a request that has outlived its "
                         "connecter's 0.6 s: a real driver would now work on "
                         "freed memory\n")
           == 0);
    CHECK_EQUAL (scif_close (listener), 0);
    end (connecter);
}

static void test_stale_requests_are_deadly (void)
{
    check_stale (KEPT, 0);
    check_stale (CLOSED, SCIF_ACCEPT_SYNC);
    check_stale (RETRIED, 0);
    check_stale (KILLED, 0);
}

static void test_requests_in_time_are_not (void)
{
    struct scif_portID at, peer;
    int accepted;
    const int listener = check_listen (4, &at);
    const pid_t connecter = request (&at, KILLED);
    CHECK (check_poll (listener, SCIF_POLLIN, 5000) == SCIF_POLLIN);
    CHECK_EQUAL (check_reap (connecter), -SIGKILL);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
    CHECK (check_poll (accepted, SCIF_POLLIN, 1000) & SCIF_POLLHUP);
    scif_close (accepted);
    scif_close (listener);
}

/* Its closing drops them, and the port is free. */
static void test_closing_the_listener_drops_them (void)
{
    struct scif_portID at, peer;
    struct check_connect c;
    int accepted;
    const int listener = check_listen (4, &at);
    const pid_t connecter = request (&at, KEPT);
    CHECK (check_poll (listener, SCIF_POLLIN, 5000) == SCIF_POLLIN);
    usleep ((LIMIT_MS + 200) * 1000);
    CHECK (check_poll (listener, SCIF_POLLIN, 0) == SCIF_POLLIN);
    scif_close (listener);
    end (connecter);
    const int next = scif_open ();
    CHECK_EQUAL (scif_bind (next, at.port), at.port);
    CHECK_EQUAL (scif_listen (next, 1), 0);
    check_connect_start (&c, &at);
    CHECK_EQUAL (scif_accept (next, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    pthread_join (c.thread, NULL);
    CHECK (c.rc > 0);
    scif_close (accepted);
    scif_close (c.epd);
    scif_close (next);
}

/* Neither the blocking nor the non-blocking one notices. */
static void test_connecters_are_not_told (void)
{
    struct scif_portID at;
    struct check_connect c;
    const int64_t start = check_now_ms ();
    const int listener = check_listen (4, &at);
    check_connect_start (&c, &at);
    const int async = scif_open ();
    fcntl (async, F_SETFL, O_NONBLOCK);
    CHECK_ERRNO (scif_connect (async, &at), EINPROGRESS);
    usleep (100000);
    scif_close (listener);
    struct pollfd raw = {async, POLLIN | POLLOUT, 0};
    CHECK_EQUAL (poll (&raw, 1, 100), 0);
    CHECK_ERRNO (scif_connect (async, &at), EINPROGRESS);
    pthread_join (c.thread, NULL);
    CHECK (c.rc == -1 && c.error == ECONNREFUSED);
    CHECK (check_now_ms () - start >= LIMIT_MS);
    CHECK_EQUAL (check_poll (async, SCIF_POLLOUT, 2000), SCIF_POLLOUT);
    CHECK_ERRNO (scif_connect (async, &at), ECONNREFUSED);
    CHECK (check_now_ms () - start < 4 * LIMIT_MS);
    scif_close (async);
    scif_close (c.epd);
}

int main (void)
{
    check_begin ("quirks", 40);
    setenv ("SOFTSCIF_CONNECT_TIMEOUT", "600", 1);
    setenv ("SOFTSCIF_QUIRKS", "stale", 1);
    RUN (test_stale_requests_are_deadly);
    RUN (test_requests_in_time_are_not);
    RUN (test_closing_the_listener_drops_them);
    RUN (test_connecters_are_not_told);
    return check_end ();
}
