/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Either process of a pair is killed at each step; the other sees what it has
 * to see, and the names are free again.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define PAGE 4096
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)
#define PORT 5500

enum step
{
    BOUND,
    LISTENING,
    CONNECTING,
    CONNECTED,
    SENDING,
    BLOCKED,
    REGISTERED,
    MAPPED,
    COPYING,
    STEPS
};

static int tell[2];

/* Says that the step is reached, and waits to be killed in it. */
static void reached (void)
{
    if (write (tell[1], "r", 1) != 1)
        _exit (1);
}

static void stay (void)
{
    reached ();
    for (;;)
        pause ();
}

/* From a connected endpoint on, the same for either end. */
static void go_on (int epd, enum step step)
{
    static char block[4 * PAGE];
    const size_t size = 256 * PAGE;
    if (step == CONNECTED)
        stay ();
    if (step == SENDING) {
        reached ();
        for (;;)
            scif_send (epd, block, sizeof block, SCIF_SEND_BLOCK);
    }
    if (step == BLOCKED) {
        reached ();
        scif_recv (epd, block, 1, SCIF_RECV_BLOCK);
    }
    char *p = mmap (NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (scif_register (epd, p, size, 0, RW, SCIF_MAP_FIXED) != 0
        || scif_send (epd, "w", 1, 0) != 1
        || scif_recv (epd, block, 1, SCIF_RECV_BLOCK) != 1)
        _exit (1);
    if (step == REGISTERED)
        stay ();
    char *m = scif_mmap (NULL, size, RW, 0, epd, 0);
    if (m == SCIF_MMAP_FAILED)
        _exit (2);
    if (step == MAPPED)
        stay ();
    reached ();
    for (;;)
        scif_writeto (epd, 0, size, 0, 0);
}

static void be_connecter (enum step step)
{
    struct scif_portID at = {0, PORT};
    const int epd = scif_open ();
    if (step <= LISTENING) {
        scif_bind (epd, PORT);
        if (step == LISTENING)
            scif_listen (epd, 1);
        stay ();
    }
    if (step == CONNECTING)
        reached ();
    if (scif_connect (epd, &at) < 0)
        _exit (3);
    go_on (epd, step);
}

static void be_listener (enum step step)
{
    struct scif_portID peer;
    int accepted;
    const int epd = scif_open ();
    if (scif_bind (epd, PORT) != PORT)
        _exit (1);
    if (step == BOUND)
        stay ();
    scif_listen (epd, 1);
    if (step <= CONNECTING)
        stay ();
    if (write (tell[1], "l", 1) != 1
        || scif_accept (epd, &peer, &accepted, SCIF_ACCEPT_SYNC) != 0)
        _exit (2);
    go_on (accepted, step);
}

static bool await_byte (void)
{
    struct pollfd p = {tell[0], POLLIN, 0};
    char byte;
    return poll (&p, 1, 5000) == 1 && read (tell[0], &byte, 1) == 1;
}

static pid_t start (void (*fn) (enum step), enum step step)
{
    if (pipe2 (tell, O_CLOEXEC) != 0)
        return -1;
    const pid_t child = fork ();
    if (child == 0) {
        alarm (20);
        fn (step);
        _exit (4);
    }
    return child;
}

static void finish (pid_t child)
{
    kill (child, SIGKILL);
    CHECK_EQUAL (check_reap (child), -SIGKILL);
    close (tell[0]);
    close (tell[1]);
}

/* What the survivor of a connection sees. */
static void survive (int epd, enum step step, pid_t victim)
{
    static char block[64 * 1024];
    const size_t size = 256 * PAGE;
    char *m = NULL;
    char *p = mmap (NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (step >= REGISTERED) {
        CHECK_EQUAL (scif_register (epd, p, size, 0, RW, SCIF_MAP_FIXED), 0);
        CHECK_EQUAL (scif_send (epd, "w", 1, 0), 1);
        CHECK_EQUAL (scif_recv (epd, block, 1, SCIF_RECV_BLOCK), 1);
        m = scif_mmap (NULL, size, RW, 0, epd, 0);
        CHECK (m != SCIF_MMAP_FAILED);
        m[7] = 'm';
    }
    CHECK (await_byte ());
    if (step == SENDING || step == COPYING)
        usleep (20000); /* in the midst of it */
    if (step == SENDING)
        CHECK (scif_recv (epd, block, 1000, SCIF_RECV_BLOCK) == 1000);
    finish (victim);
    CHECK ((check_poll (epd, SCIF_POLLIN, 2000) & SCIF_POLLHUP) != 0);
    CHECK_ERRNO (scif_send (epd, "x", 1, 0), ECONNRESET);
    int rc, rest = 0;
    while ((rc = scif_recv (epd, block, 700, 0)) > 0)
        rest += rc;
    CHECK (rc == -1 && errno == ECONNRESET);
    CHECK (step == SENDING ? rest == 4095 || rest > 0 : rest == 0);
    if (step >= REGISTERED) {
        CHECK_ERRNO (scif_unregister (epd, 0, size), ECONNRESET);
        CHECK_ERRNO (scif_vwriteto (epd, block, 8, 0, 0), ECONNRESET);
        memset (m, 1, size); /* no fault */
        CHECK_EQUAL (m[size - 1], 1);
        CHECK_EQUAL (scif_munmap (m, size), 0);
        p[0] = 2;
    }
    munmap (p, size);
    CHECK_EQUAL (scif_close (epd), 0);
}

static void check_port_is_free (void)
{
    const int epd = scif_open ();
    CHECK_EQUAL (scif_bind (epd, PORT), PORT);
    scif_close (epd);
}

static void test_killed_connecters (void)
{
    for (int step = 0; step < STEPS; step++) {
        struct scif_portID peer;
        int accepted;
        if (step <= LISTENING) {
            const pid_t child = start (be_connecter, (enum step) step);
            CHECK (await_byte ());
            finish (child);
            check_port_is_free ();
            continue;
        }
        const int listener = scif_open ();
        CHECK_EQUAL (scif_bind (listener, PORT), PORT);
        CHECK_EQUAL (scif_listen (listener, 1), 0);
        const pid_t child = start (be_connecter, (enum step) step);
        CHECK (check_poll (listener, SCIF_POLLIN, 5000) == SCIF_POLLIN);
        if (step == CONNECTING) {
            CHECK (await_byte ());
            usleep (20000);
            finish (child);
            CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
            CHECK_EQUAL (check_poll (accepted, SCIF_POLLIN, 1000),
                         SCIF_POLLHUP);
            scif_close (accepted);
        } else {
            CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
            survive (accepted, (enum step) step, child);
        }
        scif_close (listener);
        check_port_is_free ();
    }
}

static void test_killed_listeners (void)
{
    struct scif_portID at = {0, PORT};
    for (int step = 0; step < STEPS; step++) {
        const pid_t child = start (be_listener, (enum step) step);
        const int epd = scif_open ();
        CHECK (await_byte ());
        if (step == BOUND) {
            CHECK_ERRNO (scif_connect (epd, &at), ECONNREFUSED);
            finish (child);
        } else if (step <= CONNECTING) {
            fcntl (epd, F_SETFL, O_NONBLOCK);
            CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
            finish (child);
            CHECK_EQUAL (check_poll (epd, SCIF_POLLOUT, 2000), SCIF_POLLOUT);
            CHECK_ERRNO (scif_connect (epd, &at), ECONNREFUSED);
        } else {
            CHECK (scif_connect (epd, &at) > 0);
            survive (epd, (enum step) step, child);
            check_port_is_free ();
            continue;
        }
        scif_close (epd);
        check_port_is_free ();
    }
}

static void be_an_accepter (enum step unused)
{
    struct scif_portID peer;
    int accepted;
    const int epd = scif_open ();
    (void) unused;
    if (scif_bind (epd, PORT) != PORT || scif_listen (epd, 1) != 0)
        _exit (1);
    reached ();
    scif_accept (epd, &peer, &accepted, SCIF_ACCEPT_SYNC);
    reached ();
    pause ();
}

/* Blocked in accept, and just when it has accepted, perhaps a little before. */
static void test_killed_accepters (void)
{
    struct scif_portID at = {0, PORT};
    for (int i = 0; i < 50; i++) {
        const pid_t child = start (be_an_accepter, LISTENING);
        const int epd = scif_open ();
        CHECK (await_byte ());
        if (i == 0) {
            usleep (20000);
            finish (child);
            CHECK_ERRNO (scif_connect (epd, &at), ECONNREFUSED);
        } else {
            fcntl (epd, F_SETFL, O_NONBLOCK);
            CHECK_ERRNO (scif_connect (epd, &at), EINPROGRESS);
            usleep ((useconds_t) i * 10);
            finish (child);
            CHECK_EQUAL (check_poll (epd, SCIF_POLLOUT, 2000), SCIF_POLLOUT);
            if (scif_connect (epd, &at) > 0)
                CHECK_EQUAL (check_poll (epd, SCIF_POLLIN, 2000),
                             SCIF_POLLHUP);
            else
                CHECK_EQUAL (errno, ECONNREFUSED);
        }
        scif_close (epd);
        check_port_is_free ();
    }
}

int main (void)
{
    check_begin ("kill", 50);
    RUN (test_killed_connecters);
    RUN (test_killed_listeners);
    RUN (test_killed_accepters);
    return check_end ();
}
