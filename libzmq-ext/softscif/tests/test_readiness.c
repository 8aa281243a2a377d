/* SPDX-License-Identifier: MPL-2.0 */
/* What poll and epoll say, and that no wake-up is lost. */
#include "check.h"

#include <fcntl.h>
#include <sys/epoll.h>

static void test_poll_by_state (void)
{
    struct scif_portID at, peer;
    const int both = SCIF_POLLIN | SCIF_POLLOUT;
    const int epd = scif_open ();
    CHECK_EQUAL (check_poll (epd, both, -1), SCIF_POLLERR);
    scif_bind (epd, 0);
    CHECK_EQUAL (check_poll (epd, 0, -1), SCIF_POLLERR);
    scif_close (epd);
    CHECK_EQUAL (check_poll (epd, both, 0), SCIF_POLLNVAL);

    const int listener = check_listen (1, &at);
    CHECK_EQUAL (check_poll (listener, both, 0), 0);
    struct check_connect c;
    int accepted;
    check_connect_start (&c, &at);
    CHECK_EQUAL (check_poll (listener, both, 5000), SCIF_POLLIN);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
    CHECK_EQUAL (check_poll (listener, both, 0), 0);
    pthread_join (c.thread, NULL);

    const int pair[2] = {c.epd, accepted};
    char bytes[4095] = {0};
    for (int way = 0; way < 2; way++) {
        const int from = pair[way], to = pair[1 - way];
        CHECK_EQUAL (check_poll (to, both, 0), SCIF_POLLOUT);
        CHECK_EQUAL (scif_send (from, bytes, 1, 0), 1);
        CHECK_EQUAL (check_poll (to, both, 0), both);
        CHECK_EQUAL (check_poll (from, both, 0), SCIF_POLLOUT);
        CHECK_EQUAL (scif_send (from, bytes, 4093, 0), 4093);
        CHECK_EQUAL (check_poll (from, both, 0), SCIF_POLLOUT);
        CHECK_EQUAL (scif_send (from, bytes, 1, 0), 1);
        CHECK_EQUAL (check_poll (from, both, 0), 0);
        CHECK_EQUAL (scif_recv (to, bytes, 1, 0), 1);
        CHECK_EQUAL (check_poll (from, both, 0), SCIF_POLLOUT);
        CHECK_EQUAL (scif_recv (to, bytes, 4095, 0), 4094);
        CHECK_EQUAL (check_poll (to, both, 0), SCIF_POLLOUT);
    }
    /* A dead queue that is full gives no room, HUP is there unasked. */
    CHECK_EQUAL (scif_send (pair[0], bytes, 4095, 0), 4095);
    scif_close (pair[1]);
    CHECK_EQUAL (check_poll (pair[0], 0, 1000), SCIF_POLLHUP);
    CHECK_EQUAL (check_poll (pair[0], both, 0), SCIF_POLLHUP);
    scif_close (pair[0]);
    scif_close (listener);
}

static void test_epoll_follows_mod (void)
{
    int pair[2];
    char byte;
    struct epoll_event event = {EPOLLIN | EPOLLOUT, {0}};
    const int set = epoll_create1 (EPOLL_CLOEXEC);
    check_pair (pair);
    for (int way = 0; way < 2; way++) {
        const int mine = pair[way], other = pair[1 - way];
        event.events = EPOLLIN | EPOLLOUT;
        CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_ADD, mine, &event), 0);
        CHECK_EQUAL (epoll_wait (set, &event, 1, 0), 1);
        CHECK_EQUAL (event.events, EPOLLOUT);
        event.events = 0;
        CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_MOD, mine, &event), 0);
        CHECK_EQUAL (scif_send (other, "x", 1, 0), 1);
        CHECK_EQUAL (epoll_wait (set, &event, 1, 0), 0);
        event.events = EPOLLIN;
        CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_MOD, mine, &event), 0);
        for (int i = 0; i < 3; i++) { /* level-triggered */
            CHECK_EQUAL (epoll_wait (set, &event, 1, 0), 1);
            CHECK_EQUAL (event.events, EPOLLIN);
        }
        CHECK_EQUAL (scif_recv (mine, &byte, 1, 0), 1);
        CHECK_EQUAL (epoll_wait (set, &event, 1, 0), 0);
        CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_DEL, mine, NULL), 0);
    }
    event.events = EPOLLIN;
    CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_ADD, pair[0], &event), 0);
    scif_close (pair[1]);
    CHECK_EQUAL (epoll_wait (set, &event, 1, 1000), 1);
    CHECK (event.events & EPOLLHUP);
    close (set);
    scif_close (pair[0]);
}

static uint32_t next_edge (int set, int timeout)
{
    struct epoll_event event = {0, {0}};
    return epoll_wait (set, &event, 1, timeout) == 1 ? event.events : 0;
}

/*
 * Each message is an edge, read or not: 50 in a row, while the queue runs full
 * and empty, and the other end's readiness is what it always was.
 */
static void test_edge_per_message (void)
{
    int pair[2];
    char bytes[4095] = {0};
    check_pair (pair);
    for (int way = 0; way < 2; way++) {
        const int from = pair[way], to = pair[1 - way];
        const int set = epoll_create1 (EPOLL_CLOEXEC);
        struct epoll_event event = {EPOLLIN | EPOLLET, {0}};
        CHECK_EQUAL (epoll_ctl (set, EPOLL_CTL_ADD, to, &event), 0);
        for (int round = 0; round < 3; round++) {
            int held = 0;
            for (int i = 0; i < 50; i++) {
                CHECK_EQUAL (scif_send (from, bytes, 1, 0), 1);
                CHECK_EQUAL (next_edge (set, 1000), EPOLLIN);
                CHECK_EQUAL (next_edge (set, 0), 0);
                CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), SCIF_POLLOUT);
                held++;
            }
            CHECK_EQUAL (scif_recv (to, bytes, 20, 0), 20);
            CHECK_EQUAL (next_edge (set, 0), 0);
            CHECK_EQUAL (check_poll (to, SCIF_POLLIN, 0), SCIF_POLLIN);
            held -= 20;
            const int rest = 4095 - held;
            CHECK_EQUAL (scif_send (from, bytes, sizeof bytes, 0), rest);
            CHECK_EQUAL (next_edge (set, 1000), EPOLLIN);
            CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), 0);
            CHECK_EQUAL (scif_send (from, bytes, 1, 0), 0);
            CHECK_EQUAL (next_edge (set, 0), 0);
            CHECK_EQUAL (scif_recv (to, bytes, 1, 0), 1);
            CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), SCIF_POLLOUT);
            CHECK_EQUAL (scif_recv (to, bytes, sizeof bytes, 0), 4094);
            CHECK_EQUAL (check_poll (to, SCIF_POLLIN, 0), 0);
        }
        close (set);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
}

/* However many messages wait unread, none is lost and readiness stays true. */
static void test_fill_with_single_bytes (void)
{
    int pair[2];
    char bytes[4095];
    check_pair (pair);
    for (int way = 0; way < 2; way++) {
        const int from = pair[way], to = pair[1 - way];
        for (int i = 0; i < 4095; i++) {
            CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), SCIF_POLLOUT);
            CHECK_EQUAL (scif_send (from, &i, 1, 0), 1);
        }
        CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), 0);
        for (int i = 0; i < 4095; i++) {
            CHECK_EQUAL (check_poll (to, SCIF_POLLIN, 0), SCIF_POLLIN);
            CHECK_EQUAL (scif_recv (to, bytes, 1, 0), 1);
            CHECK_EQUAL (bytes[0], (char) i);
            CHECK_EQUAL (check_poll (from, SCIF_POLLOUT, 0), SCIF_POLLOUT);
        }
        CHECK_EQUAL (check_poll (to, SCIF_POLLIN, 0), 0);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
}

#define FLOOD (4 << 20)

/* One end of a two-way flood, by epoll, in odd pieces. */
static void *flood (void *argument)
{
    const int epd = *(int *) argument;
    const int set = epoll_create1 (EPOLL_CLOEXEC);
    struct epoll_event event = {EPOLLIN | EPOLLOUT, {0}};
    long sent = 0, received = 0, idle = 0;
    unsigned char buffer[4095];
    unsigned seed = (unsigned) epd * 7919u + 1;
    epoll_ctl (set, EPOLL_CTL_ADD, epd, &event);
    while (sent < FLOOD || received < FLOOD) {
        if (epoll_wait (set, &event, 1, 5000) != 1) {
            fprintf (stderr, "# no event for 5 s: sent %ld received %ld\n",
                     sent, received);
            break;
        }
        bool moved = false;
        seed = seed * 1103515245u + 12345u;
        int n = 1 + (int) (seed >> 16) % (seed & 0x100 ? 4095 : 16);
        if ((event.events & EPOLLIN) && received < FLOOD) {
            const int got = scif_recv (epd, buffer, n, 0);
            for (int i = 0; i < got; i++)
                if (buffer[i] != (unsigned char) (received + i)) {
                    close (set);
                    return (void *) 1;
                }
            if (got < 0)
                break;
            received += got;
            moved = got > 0;
        }
        if ((event.events & EPOLLOUT) && sent < FLOOD) {
            if (n > FLOOD - sent)
                n = (int) (FLOOD - sent);
            for (int i = 0; i < n; i++)
                buffer[i] = (unsigned char) (sent + i);
            const int put = scif_send (epd, buffer, n, 0);
            if (put < 0)
                break;
            sent += put;
            moved |= put > 0;
            if (sent == FLOOD) {
                event.events = EPOLLIN;
                epoll_ctl (set, EPOLL_CTL_MOD, epd, &event);
            }
        }
        idle += !moved;
    }
    close (set);
    if (idle > 2000)
        fprintf (stderr, "# %ld wake-ups for nothing\n", idle);
    return sent == FLOOD && received == FLOOD && idle <= 2000 ? NULL
                                                              : (void *) 2;
}

static void test_two_way_flood_in_threads (void)
{
    int pair[2];
    pthread_t threads[2];
    void *result;
    check_pair (pair);
    for (int i = 0; i < 2; i++)
        pthread_create (&threads[i], NULL, flood, &pair[i]);
    for (int i = 0; i < 2; i++) {
        pthread_join (threads[i], &result);
        CHECK (result == NULL);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_two_way_flood_in_processes (void)
{
    int pair[2];
    check_pair (pair);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (pair[1]);
        _exit (flood (&pair[0]) == NULL ? 0 : 1);
    }
    scif_close (pair[0]);
    CHECK (flood (&pair[1]) == NULL);
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (pair[1]);
}

/* Ping-pong of single bytes: each wake-up counts. */
static void test_ping_pong (void)
{
    int pair[2];
    char byte = 'p';
    const int rounds = 20000;
    check_pair (pair);
    const pid_t child = fork ();
    for (int i = 0; i < rounds; i++) {
        const int mine = child ? pair[1] : pair[0];
        if ((i > 0 || child) && scif_send (mine, &byte, 1, 0) != 1)
            break;
        struct pollfd p = {mine, POLLIN, 0};
        if (poll (&p, 1, 5000) != 1 || scif_recv (mine, &byte, 1, 0) != 1) {
            fprintf (stderr, "# lost wake-up in round %d\n", i);
            if (!child)
                _exit (1);
            CHECK (false);
            break;
        }
    }
    if (child == 0) {
        scif_send (pair[0], &byte, 1, 0);
        _exit (0);
    }
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

int main (void)
{
    check_begin ("readiness", 50);
    RUN (test_poll_by_state);
    RUN (test_epoll_follows_mod);
    RUN (test_edge_per_message);
    RUN (test_fill_with_single_bytes);
    RUN (test_two_way_flood_in_threads);
    RUN (test_two_way_flood_in_processes);
    RUN (test_ping_pong);
    return check_end ();
}
