/* SPDX-License-Identifier: MPL-2.0 */
/* dup, fork, plain close(2), reuse of descriptors, death of a process. */
#include "check.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

static void test_dup_keeps_the_connection (void)
{
    int pair[2];
    char byte;
    check_pair (pair);
    const int copy = dup (pair[0]);
    CHECK_EQUAL (scif_close (pair[0]), 0);
    CHECK_ERRNO (scif_send (pair[0], "x", 1, 0), EBADF);
    CHECK_EQUAL (check_poll (pair[1], 0, 50), 0);
    CHECK_EQUAL (scif_send (copy, "x", 1, 0), 1);
    CHECK_EQUAL (scif_recv (pair[1], &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (scif_close (copy), 0);
    CHECK_EQUAL (check_poll (pair[1], 0, 1000), SCIF_POLLHUP);
    scif_close (pair[1]);
}

static void test_dup2_over_an_endpoint (void)
{
    int a[2], b[2];
    char byte;
    check_pair (a);
    check_pair (b);
    CHECK_EQUAL (dup2 (a[0], b[0]), b[0]);
    CHECK_EQUAL (check_poll (b[1], 0, 1000), SCIF_POLLHUP);
    CHECK_EQUAL (scif_send (b[0], "y", 1, 0), 1);
    CHECK_EQUAL (scif_recv (a[1], &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (byte, 'y');
    scif_close (a[0]);
    CHECK_EQUAL (check_poll (a[1], 0, 20), 0);
    scif_close (b[0]);
    CHECK_EQUAL (check_poll (a[1], 0, 1000), SCIF_POLLHUP);
    scif_close (a[1]);
    scif_close (b[1]);
}

static void test_plain_close_and_reuse (void)
{
    int pair[2], sockets[2];
    char byte;
    check_pair (pair);
    const int number = pair[0];
    CHECK_EQUAL (close (pair[0]), 0);
    CHECK_EQUAL (check_poll (pair[1], 0, 1000), SCIF_POLLHUP);
    CHECK_ERRNO (scif_recv (number, &byte, 1, 0), EBADF);
    CHECK_EQUAL (socketpair (AF_UNIX, SOCK_STREAM, 0, sockets), 0);
    CHECK (sockets[0] == number || sockets[1] == number);
    CHECK_ERRNO (scif_send (number, "x", 1, 0), ENOTTY);
    CHECK_EQUAL (recv (sockets[1], &byte, 1, MSG_DONTWAIT), -1);
    close (sockets[0]);
    close (sockets[1]);
    const int lower = number == sockets[0] ? -1 : scif_open ();
    const int again = scif_open ();
    CHECK_EQUAL (again, number);
    CHECK_ERRNO (scif_send (again, "x", 1, 0), ENOTCONN);
    scif_close (again);
    if (lower >= 0)
        scif_close (lower);
    scif_close (pair[1]);
}

static void test_plain_close_frees_ports (void)
{
    struct scif_portID at, peer;
    struct check_connect c;
    int accepted;
    const int listener = check_listen (1, &at);
    check_connect_start (&c, &at);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    pthread_join (c.thread, NULL);
    close (listener);
    close (accepted);
    close (c.epd);
    const int other = scif_open ();
    CHECK_EQUAL (scif_bind (other, at.port), at.port);
    scif_close (other);
}

static void test_fork_shares_the_connection (void)
{
    int pair[2];
    char in[8];
    check_pair (pair);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (pair[1]);
        if (scif_recv (pair[0], in, 2, SCIF_RECV_BLOCK) != 2)
            _exit (1);
        if (scif_send (pair[0], "child", 5, SCIF_SEND_BLOCK) != 5)
            _exit (2);
        scif_recv (pair[0], in, 1, SCIF_RECV_BLOCK);
        _exit (0);
    }
    scif_close (pair[0]);
    CHECK_EQUAL (scif_send (pair[1], "go", 2, 0), 2);
    CHECK_EQUAL (scif_recv (pair[1], in, 5, SCIF_RECV_BLOCK), 5);
    CHECK_EQUAL (check_poll (pair[1], 0, 50), 0);
    CHECK_EQUAL (scif_send (pair[1], ".", 1, 0), 1);
    CHECK_EQUAL (check_reap (child), 0);
    CHECK_EQUAL (check_poll (pair[1], 0, 1000), SCIF_POLLHUP);
    scif_close (pair[1]);
}

/* A peer that is killed leaves its bytes, a HUP and its port. */
static void test_killed_peer (void)
{
    struct scif_portID at, peer;
    int accepted;
    char in[16];
    const int listener = check_listen (1, &at);
    for (int i = 0; i < 2; i++) {
        const pid_t child = fork ();
        if (child == 0) {
            scif_close (listener);
            const int epd = scif_open ();
            if (scif_connect (epd, &at) > 0)
                scif_send (epd, "last words", 10, 0);
            raise (SIGKILL);
        }
        CHECK_EQUAL (
          scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
        CHECK_EQUAL (check_reap (child), -SIGKILL);
        CHECK_EQUAL (check_poll (accepted, SCIF_POLLIN, 0),
                     SCIF_POLLIN | SCIF_POLLHUP);
        CHECK_EQUAL (scif_recv (accepted, in, 16, 0), 10);
        CHECK_ERRNO (scif_recv (accepted, in, 16, 0), ECONNRESET);
        CHECK_EQUAL (peer.port, 1090);
        scif_close (accepted);
    }
    scif_close (listener);
}

static void test_connecter_killed_while_waiting (void)
{
    struct scif_portID at, peer;
    int accepted;
    const int listener = check_listen (1, &at);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (listener);
        scif_connect (scif_open (), &at);
        _exit (0);
    }
    CHECK_EQUAL (check_poll (listener, SCIF_POLLIN, 5000), SCIF_POLLIN);
    usleep (50000);
    kill (child, SIGKILL);
    CHECK_EQUAL (check_reap (child), -SIGKILL);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
    CHECK_EQUAL (check_poll (accepted, 0, 1000), SCIF_POLLHUP);
    scif_close (accepted);
    scif_close (listener);
}

/* A listener that is killed leaves nothing behind: it can start again. */
static void test_killed_listener (void)
{
    struct scif_portID at = {0, 6000};
    for (int i = 0; i < 3; i++) {
        int ready[2];
        CHECK_EQUAL (pipe (ready), 0);
        const pid_t child = fork ();
        if (child == 0) {
            struct scif_portID peer;
            int accepted;
            const int listener = scif_open ();
            if (scif_bind (listener, 6000) != 6000
                || scif_listen (listener, 4) != 0
                || write (ready[1], "r", 1) != 1
                || scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC))
                _exit (1);
            raise (SIGKILL);
        }
        char byte;
        CHECK_EQUAL (read (ready[0], &byte, 1), 1);
        close (ready[0]);
        close (ready[1]);
        const int epd = scif_open ();
        CHECK (scif_connect (epd, &at) > 0);
        CHECK_EQUAL (check_poll (epd, SCIF_POLLIN, 5000), SCIF_POLLHUP);
        CHECK_ERRNO (scif_recv (epd, &byte, 1, 1), ECONNRESET);
        CHECK_EQUAL (check_reap (child), -SIGKILL);
        scif_close (epd);
    }
}

#define PENDING 400

/* Many requests pending at once, accepted before any is collected. */
static void test_many_pending_connects (void)
{
    struct scif_portID at, peer;
    static int epds[PENDING];
    int bad = 0, step[2];
    char byte;
    CHECK_EQUAL (pipe (step), 0);
    const int listener = check_listen (PENDING, &at);
    const pid_t child = fork ();
    if (child == 0) {
        for (int i = 0; i < PENDING; i++) {
            epds[i] = scif_open ();
            fcntl (epds[i], F_SETFL, O_NONBLOCK);
            bad += scif_connect (epds[i], &at) != -1 || errno != EINPROGRESS;
        }
        bad += read (step[0], &byte, 1) != 1;
        for (int i = 0; i < PENDING; i++) {
            bad += check_poll (epds[i], SCIF_POLLOUT, 5000) != SCIF_POLLOUT;
            bad += scif_connect (epds[i], &at) <= 0;
            bad += scif_send (epds[i], "x", 1, 0) != 1;
        }
        _exit (bad != 0);
    }
    static int accepted[PENDING];
    const int64_t start = check_now_ms ();
    for (int i = 0; i < PENDING; i++)
        bad += scif_accept (listener, &peer, &accepted[i], SCIF_ACCEPT_SYNC);
    CHECK (check_now_ms () - start < 8000);
    CHECK_EQUAL (write (step[1], "g", 1), 1);
    for (int i = 0; i < PENDING; i++)
        bad += scif_recv (accepted[i], &byte, 1, SCIF_RECV_BLOCK) != 1;
    CHECK_EQUAL (bad, 0);
    CHECK_EQUAL (check_reap (child), 0);
    for (int i = 0; i < PENDING; i++)
        scif_close (accepted[i]);
    scif_close (listener);
    close (step[0]);
    close (step[1]);
}

#define PAIRS 1000

static void test_thousand_pairs (void)
{
    struct rlimit limit;
    getrlimit (RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * PAIRS + 64) {
        printf ("# only %ld descriptors allowed\n", (long) limit.rlim_max);
        CHECK (false);
        return;
    }
    static int left[PAIRS], right[PAIRS];
    struct scif_portID at, peer;
    char byte;
    int bad = 0;
    const int listener = check_listen (8, &at);
    for (int i = 0; i < PAIRS; i++) {
        left[i] = scif_open ();
        fcntl (left[i], F_SETFL, O_NONBLOCK);
        bad += scif_connect (left[i], &at) != -1 || errno != EINPROGRESS;
        bad += scif_accept (listener, &peer, &right[i], SCIF_ACCEPT_SYNC) != 0;
        bad += scif_connect (left[i], &at) <= 0;
        bad += scif_send (left[i], "x", 1, 0) != 1;
    }
    for (int i = 0; i < PAIRS; i++)
        bad += scif_recv (right[i], &byte, 1, 0) != 1;
    CHECK_EQUAL (bad, 0);
    const pid_t child = fork ();
    if (child == 0) {
        for (int i = 0; i < PAIRS; i++)
            scif_close (left[i]);
        _exit (0);
    }
    for (int i = 0; i < PAIRS; i++) {
        scif_close (left[i]);
        scif_close (right[i]);
    }
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (listener);
}

/* An automatic port passes over claimed ones without a fresh socket. */
static void test_child_connects_past_a_claimed_port (void)
{
    struct scif_portID at, peer;
    int holder[2], accepted = -1;
    char byte = 0;
    check_pair (holder); /* its listener has gone, the port is still taken */
    const int epd = scif_open ();
    const int listener = check_listen (1, &at);
    const pid_t child = fork ();
    if (child == 0)
        _exit (scif_connect (epd, &at) > 0 && scif_send (epd, "c", 1, 0) == 1
                 ? 0
                 : 1);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    CHECK_EQUAL (check_reap (child), 0);
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (check_poll (epd, SCIF_POLLIN | SCIF_POLLOUT, 0),
                 SCIF_POLLOUT);
    CHECK_EQUAL (scif_send (epd, "p", 1, 0), 1);
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (byte, 'p');
    scif_close (epd);
    scif_close (accepted);
    scif_close (listener);
    scif_close (holder[0]);
    scif_close (holder[1]);
}

int main (void)
{
    check_begin ("process", 50);
    RUN (test_dup_keeps_the_connection);
    RUN (test_dup2_over_an_endpoint);
    RUN (test_plain_close_and_reuse);
    RUN (test_plain_close_frees_ports);
    RUN (test_fork_shares_the_connection);
    RUN (test_killed_peer);
    RUN (test_connecter_killed_while_waiting);
    RUN (test_killed_listener);
    RUN (test_many_pending_connects);
    RUN (test_thousand_pairs);
    RUN (test_child_connects_past_a_claimed_port);
    return check_end ();
}
