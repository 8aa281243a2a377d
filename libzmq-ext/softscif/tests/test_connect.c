/* SPDX-License-Identifier: MPL-2.0 */
/* Opening, binding, listening, connecting, accepting. */
#include "check.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static void test_open_gives_a_descriptor (void)
{
    const int epd = scif_open ();
    CHECK (epd >= 0);
    CHECK_EQUAL (fcntl (epd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CHECK_EQUAL (fcntl (epd, F_GETFL) & O_ACCMODE, O_RDWR);
    CHECK_EQUAL (scif_get_fd (epd), epd);
    CHECK_EQUAL (scif_close (epd), 0);
    CHECK_ERRNO (scif_close (epd), EBADF);
}

static void test_automatic_ports_are_the_lowest (void)
{
    const int a = scif_open (), b = scif_open ();
    CHECK_EQUAL (scif_bind (a, 0), 1089);
    CHECK_EQUAL (scif_bind (b, 0), 1090);
    CHECK_EQUAL (scif_close (a), 0);
    const int c = scif_open ();
    CHECK_EQUAL (scif_bind (c, 0), 1089);
    scif_close (b);
    scif_close (c);
}

/* Where thousands of ports are taken the next one is found as quickly. */
static void test_many_ports_are_taken (void)
{
    enum { TAKEN = 1500, MORE = 500 };
    struct rlimit limit;
    int ready[2], epds[MORE], bad = 0;
    char byte;
    CHECK_EQUAL (getrlimit (RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_max < TAKEN + 100) {
        printf ("# many ports not tried: too few descriptors\n");
        return;
    }
    CHECK_EQUAL (pipe (ready), 0);
    const pid_t child = fork ();
    if (child == 0) {
        limit.rlim_cur = TAKEN + 100;
        setrlimit (RLIMIT_NOFILE, &limit);
        for (int i = 0; i < TAKEN; i++)
            bad += scif_bind (scif_open (), 0) != 1089 + i;
        if (bad || write (ready[1], "r", 1) != 1)
            _exit (1);
        pause ();
    }
    CHECK_EQUAL (read (ready[0], &byte, 1), 1);
    const int64_t start = check_now_ms ();
    for (int i = 0; i < MORE; i++) {
        epds[i] = scif_open ();
        bad += scif_bind (epds[i], 0) != 1089 + TAKEN + i;
    }
    CHECK_EQUAL (bad, 0);
    CHECK (check_now_ms () - start < 2000);
    /* Its own is reused at once, another process' soon. */
    scif_close (epds[7]);
    epds[7] = scif_open ();
    CHECK_EQUAL (scif_bind (epds[7], 0), 1089 + TAKEN + 7);
    kill (child, SIGKILL);
    check_reap (child);
    int port = 0;
    for (int i = 0; i < 5000 && port != 1089; i++) {
        scif_close (epds[7]);
        epds[7] = scif_open ();
        port = scif_bind (epds[7], 0);
        usleep (1000);
    }
    CHECK_EQUAL (port, 1089);
    for (int i = 0; i < MORE; i++)
        scif_close (epds[i]);
    close (ready[0]);
    close (ready[1]);
}

static void test_bind_errors (void)
{
    struct scif_portID at;
    const int a = scif_open (), b = scif_open ();
    CHECK_EQUAL (scif_bind (a, 5000), 5000);
    CHECK_ERRNO (scif_bind (b, 5000), EINVAL);
    CHECK_ERRNO (scif_bind (a, 5001), EINVAL);
    CHECK_ERRNO (scif_bind (-1, 5001), EBADF);
    CHECK_ERRNO (scif_bind (4000, 5001), EBADF);
    const int file = open ("/dev/null", O_RDWR | O_CLOEXEC);
    CHECK_ERRNO (scif_bind (file, 5001), ENOTTY);
    close (file);
    int pipes[2];
    CHECK_EQUAL (pipe (pipes), 0);
    CHECK_ERRNO (scif_send (pipes[1], "x", 1, 0), ENOTTY);
    close (pipes[0]);
    close (pipes[1]);
    scif_close (a);
    scif_close (b);
    const int listener = check_listen (1, &at);
    CHECK_ERRNO (scif_bind (listener, 0), EISCONN);
    CHECK_ERRNO (scif_listen (listener, 1), EISCONN);
    scif_close (listener);
}

static void test_listen_errors (void)
{
    const int epd = scif_open ();
    CHECK_ERRNO (scif_listen (epd, 1), EINVAL);
    scif_bind (epd, 0);
    CHECK_ERRNO (scif_listen (epd, 0), EINVAL);
    CHECK_ERRNO (scif_listen (epd, -1), EINVAL);
    CHECK_EQUAL (scif_listen (epd, 100000), 0);
    scif_close (epd);
}

static void test_admin_ports (void)
{
    const int epd = scif_open ();
    if (geteuid () == 0) {
        CHECK_EQUAL (scif_bind (epd, 77), 77);
        scif_close (epd);
        const pid_t child = fork ();
        if (child == 0) {
            const int mine = scif_open ();
            if (setresuid (12345, 12345, 12345) != 0)
                _exit (2);
            errno = 0;
            if (scif_bind (mine, 77) != -1 || errno != EACCES)
                _exit (1);
            _exit (scif_bind (mine, 1024) == 1024 ? 0 : 3);
        }
        CHECK_EQUAL (check_reap (child), 0);
    } else {
        CHECK_ERRNO (scif_bind (epd, 77), EACCES);
        scif_close (epd);
    }
}

static void test_connect_errors (void)
{
    struct scif_portID to = {0, 7000};
    const int epd = scif_open ();
    CHECK_ERRNO (scif_connect (epd, NULL), EINVAL);
    to.port = 0;
    CHECK_ERRNO (scif_connect (epd, &to), EINVAL);
    to.port = 7000;
    to.node = 1;
    CHECK_ERRNO (scif_connect (epd, &to), ENODEV);
    to.node = 65535;
    CHECK_ERRNO (scif_connect (epd, &to), ENODEV);
    to.node = 0;
    CHECK_ERRNO (scif_connect (epd, &to), ECONNREFUSED);
    CHECK_ERRNO (scif_bind (epd, 0), EINVAL); /* it stays bound */
    CHECK_ERRNO (scif_connect (epd, &to), ECONNREFUSED);
    scif_close (epd);
    struct scif_portID at;
    const int listener = check_listen (1, &at);
    CHECK_ERRNO (scif_connect (listener, &at), EOPNOTSUPP);
    scif_close (listener);
}

static void test_pair_and_states (void)
{
    int pair[2];
    struct scif_portID peer = {0, 7000};
    int accepted;
    check_pair (pair);
    for (int i = 0; i < 2; i++) {
        CHECK_ERRNO (scif_bind (pair[i], 0), EISCONN);
        CHECK_ERRNO (scif_listen (pair[i], 1), EISCONN);
        CHECK_ERRNO (scif_connect (pair[i], &peer), EISCONN);
        CHECK_ERRNO (scif_accept (pair[i], &peer, &accepted, 0), EINVAL);
    }
    CHECK_EQUAL (fcntl (pair[1], F_GETFD) & FD_CLOEXEC, 0);
    scif_close (pair[0]);
    CHECK (check_poll (pair[1], 0, 1000) == SCIF_POLLHUP);
    CHECK_ERRNO (scif_bind (pair[1], 0), EISCONN);
    CHECK_ERRNO (scif_listen (pair[1], 1), EINVAL);
    CHECK_ERRNO (scif_connect (pair[1], &peer), EINVAL);
    scif_close (pair[1]);
}

static void test_accept_errors (void)
{
    struct scif_portID at, peer;
    int accepted;
    const int listener = check_listen (1, &at);
    CHECK_ERRNO (scif_accept (listener, &peer, &accepted, 0), EAGAIN);
    CHECK_ERRNO (scif_accept (listener, NULL, &accepted, 0), EINVAL);
    CHECK_ERRNO (scif_accept (listener, &peer, NULL, 0), EINVAL);
    CHECK_ERRNO (scif_accept (listener, &peer, &accepted, 2), EINVAL);
    scif_close (listener);
    CHECK_ERRNO (scif_accept (listener, &peer, &accepted, 0), EBADF);
}

static void test_backlog (void)
{
    struct scif_portID at, peer;
    struct check_connect c[3];
    int accepted[3];
    const int listener = check_listen (3, &at);
    for (int i = 0; i < 3; i++)
        check_connect_start (&c[i], &at);
    /* The one that is refused shows that three wait. */
    const int extra = scif_open ();
    const int64_t until = check_now_ms () + 5000;
    fcntl (extra, F_SETFL, O_NONBLOCK);
    CHECK (check_poll (listener, SCIF_POLLIN, 1000) == SCIF_POLLIN);
    usleep (200000);
    CHECK_ERRNO (scif_connect (extra, &at), EINPROGRESS);
    CHECK_EQUAL (check_poll (extra, SCIF_POLLOUT, 1000), SCIF_POLLOUT);
    CHECK_ERRNO (scif_connect (extra, &at), ECONNREFUSED);
    CHECK (check_now_ms () < until);
    for (int i = 0; i < 3; i++)
        CHECK_EQUAL (
          scif_accept (listener, &peer, &accepted[i], SCIF_ACCEPT_SYNC), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join (c[i].thread, NULL);
        CHECK (c[i].rc > 0);
        scif_close (c[i].epd);
        scif_close (accepted[i]);
    }
    scif_close (extra);
    scif_close (listener);
}

static void test_non_blocking (void)
{
    struct scif_portID at, peer;
    int accepted;
    char byte;
    const int listener = check_listen (1, &at);
    const int epd = scif_open ();
    fcntl (epd, F_SETFL, O_NONBLOCK);
    CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
    CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
    CHECK_EQUAL (check_poll (epd, SCIF_POLLIN | SCIF_POLLOUT, 50), 0);
    struct pollfd raw = {epd, POLLIN | POLLOUT, 0};
    CHECK_EQUAL (poll (&raw, 1, 50), 0);
    CHECK_ERRNO (scif_send (epd, "x", 1, 0), ENOTCONN);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
    CHECK_EQUAL (fcntl (accepted, F_GETFL) & O_NONBLOCK, 0);
    CHECK_EQUAL (check_poll (epd, SCIF_POLLIN | SCIF_POLLOUT, 1000),
                 SCIF_POLLOUT);
    fcntl (epd, F_SETFL, 0);
    CHECK_EQUAL (scif_connect (epd, &at), peer.port);
    CHECK_ERRNO (scif_connect (epd, &at), EISCONN);
    CHECK_EQUAL (scif_send (epd, "x", 1, 0), 1);
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, 0), 1);
    scif_close (epd);
    scif_close (accepted);
    scif_close (listener);
}

/* Pending requests end when the listener closes, or after the time limit. */
static void test_request_without_accept (void)
{
    struct scif_portID at;
    struct check_connect c;
    int64_t start = check_now_ms ();
    int listener = check_listen (2, &at);
    check_connect_start (&c, &at);
    CHECK (check_poll (listener, SCIF_POLLIN, 1000) == SCIF_POLLIN);
    CHECK_ERRNO (scif_connect (c.epd, &at), EISCONN);
    CHECK_EQUAL (check_poll (c.epd, 0, 0), SCIF_POLLERR);
    scif_close (listener);
    pthread_join (c.thread, NULL);
    CHECK (c.rc == -1 && c.error == ECONNREFUSED);
    CHECK (check_now_ms () - start < 5000);

    /* The refused one may try again, and times out; so does the other. */
    listener = check_listen (2, &at);
    const int async = scif_open ();
    fcntl (async, F_SETFL, O_NONBLOCK);
    const int set = epoll_create1 (EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLOUT, {0}};
    CHECK_ERRNO (scif_connect (async, &at), EINPROGRESS);
    CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_ADD, async, &event), 0);
    start = check_now_ms ();
    CHECK_ERRNO (scif_connect (c.epd, &at), ECONNREFUSED);
    const int64_t took = check_now_ms () - start;
    CHECK (took >= 1400 && took < 4000);
    CHECK_EQUAL (epoll_wait (set, &event, 1, 2000), 1);
    CHECK (event.events & EPOLLOUT);
    CHECK_EQUAL (check_poll (async, SCIF_POLLOUT, 0), SCIF_POLLOUT);
    CHECK_ERRNO (scif_connect (async, &at), ECONNREFUSED);
    struct scif_portID peer;
    int accepted;
    CHECK_ERRNO (scif_accept (listener, &peer, &accepted, 0), EAGAIN);
    close (set);
    scif_close (async);
    scif_close (c.epd);
    scif_close (listener);
}

static void *accept_run (void *argument)
{
    struct scif_portID peer;
    int accepted;
    const long rc = scif_accept (*(int *) argument, &peer, &accepted,
                                 SCIF_ACCEPT_SYNC);
    return (void *) (rc == 0 ? 0L : (long) errno);
}

static void on_signal (int number)
{
    (void) number;
}

static void test_accept_is_interrupted (void)
{
    struct scif_portID at;
    pthread_t thread;
    void *result;
    const int listener = check_listen (1, &at);
    struct sigaction action;
    memset (&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction (SIGUSR1, &action, NULL);
    int epd = listener;
    pthread_create (&thread, NULL, accept_run, &epd);
    usleep (100000);
    pthread_kill (thread, SIGUSR1);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, EINTR);

    pthread_create (&thread, NULL, accept_run, &epd);
    usleep (100000);
    scif_close (listener);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, EINTR);
}

static void test_accepted_keeps_the_port (void)
{
    struct scif_portID at, peer;
    struct check_connect c;
    int accepted;
    const int listener = check_listen (1, &at);
    check_connect_start (&c, &at);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    pthread_join (c.thread, NULL);
    scif_close (listener);
    const int other = scif_open ();
    CHECK_ERRNO (scif_bind (other, at.port), EINVAL);
    CHECK_EQUAL (scif_send (c.epd, "x", 1, 0), 1);
    scif_close (c.epd);
    CHECK_ERRNO (scif_bind (other, at.port), EINVAL);
    scif_close (accepted);
    CHECK_EQUAL (scif_bind (other, at.port), at.port);
    scif_close (other);
}

static void test_nodes (void)
{
    uint16_t ids[4] = {9, 9, 9, 9}, self = 9;
    CHECK_EQUAL (scif_get_nodeIDs (ids, 4, &self), 1);
    CHECK (ids[0] == 0 && ids[1] == 9 && self == 0);
    CHECK_EQUAL (scif_get_nodeIDs (NULL, 0, &self), 1);
    CHECK_ERRNO (scif_get_nodeIDs (NULL, 1, &self), EFAULT);
    CHECK_ERRNO (scif_get_nodeIDs (ids, 4, NULL), EFAULT);
}

int main (void)
{
    check_begin ("connect", 40);
    setenv ("SOFTSCIF_CONNECT_TIMEOUT", "1500", 1);
    RUN (test_open_gives_a_descriptor);
    RUN (test_automatic_ports_are_the_lowest);
    RUN (test_many_ports_are_taken);
    RUN (test_bind_errors);
    RUN (test_listen_errors);
    RUN (test_admin_ports);
    RUN (test_connect_errors);
    RUN (test_pair_and_states);
    RUN (test_accept_errors);
    RUN (test_backlog);
    RUN (test_non_blocking);
    RUN (test_request_without_accept);
    RUN (test_accept_is_interrupted);
    RUN (test_accepted_keeps_the_port);
    RUN (test_nodes);
    return check_end ();
}
