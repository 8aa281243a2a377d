/* SPDX-License-Identifier: MPL-2.0 */
/* Section 2: poll and epoll, state by state. */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#define EVERY (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)

/*
 * The table of states is checked with scif_poll, which must tell exactly the
 * bits of the facts, and with the system's poll and epoll. With those, the
 * states that a program waits in (listening, connected) are exact as well. In
 * the others a descriptor that is no endpoint of a kernel module may have
 * further bits: there the bits that make a program act are checked first, the
 * exact ones in cases of their own.
 */
typedef int poll_function (scif_epd_t epd, int events);

static int epoll_now (scif_epd_t epd, int events)
{
    int set = epoll_new (), seen;
    epoll_change (set, EPOLL_CTL_ADD, epd, (uint32_t) events);
    seen = (int) epoll_next (set, 0);
    close (set);
    return seen;
}

static void check_not_connected (poll_function *ask)
{
    struct scif_portID to;
    scif_epd_t unbound = endpoint (), bound, refused = endpoint ();
    to = address (dead_port (&bound));
    EVENTS (ask (unbound, EVERY), POLLERR);
    EVENTS (ask (unbound, 0), POLLERR);
    EVENTS (ask (bound, EVERY), POLLERR);
    FAILS (scif_connect (refused, &to), ECONNREFUSED);
    EVENTS (ask (refused, EVERY), POLLERR);
}

static void check_not_connected_acted_on (poll_function *ask)
{
    struct scif_portID to;
    scif_epd_t unbound = endpoint (), bound, refused = endpoint ();
    to = address (dead_port (&bound));
    CHECK (ask (unbound, EVERY) & (POLLERR | POLLHUP));
    CHECK (ask (unbound, 0) & (POLLERR | POLLHUP));
    CHECK (ask (bound, EVERY) & (POLLERR | POLLHUP));
    FAILS (scif_connect (refused, &to), ECONNREFUSED);
    CHECK (ask (refused, EVERY) & (POLLERR | POLLHUP));
}

static void check_connecting (poll_function *ask)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint (), accepted;
    struct scif_portID peer;
    struct call connect;
    start_connect (&connect, epd, address (port));
    await_request (from, &connect);
    await_blocked (&connect);
    EVENTS (ask (epd, EVERY), POLLERR);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    finish (&connect, AT_ONCE);
    EVENTS (ask (epd, EVERY), POLLOUT);
}

static void check_listening (poll_function *ask)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    struct call connect;
    EVENTS (ask (from, EVERY), 0);
    start_connect (&connect, endpoint (), address (port));
    await_request (from, &connect);
    EVENTS (ask (from, EVERY), POLLIN);
    EVENTS (ask (from, POLLOUT), 0);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    EVENTS (ask (from, EVERY), 0);
    finish (&connect, AT_ONCE);
}

static void check_connected (poll_function *ask)
{
    struct pair pair = pair_open ();
    char bytes[ROOM];
    int end;
    for (end = 0; end < 2; end++) {
        scif_epd_t own = end ? pair.accepted : pair.connecter;
        scif_epd_t other = end ? pair.connecter : pair.accepted;
        EVENTS (ask (own, EVERY), POLLOUT);
        EVENTS (ask (own, POLLIN), 0);
        EVENTS (ask (own, 0), 0);
        send_all (other, "x", 1);
        poll_for (own, POLLIN);
        EVENTS (ask (own, EVERY), POLLIN | POLLOUT);
        EVENTS (ask (own, POLLOUT), POLLOUT);
        EVENTS (ask (own, 0), 0);
        RETURNS (send_until_full (own, 1, 0), ROOM);
        EVENTS (ask (own, EVERY), POLLIN);
        recv_all (own, bytes, 1);
        EVENTS (ask (own, EVERY), 0);
        recv_all (other, bytes, 1);
        EVENTS (poll_for (own, POLLOUT), POLLOUT);
        EVENTS (ask (own, EVERY), POLLOUT);
        recv_all (other, bytes, ROOM - 1);
        EVENTS (ask (own, EVERY), POLLOUT);
        EVENTS (ask (other, EVERY), POLLOUT);
    }
}

static void check_disconnected (poll_function *ask)
{
    struct pair pair = pair_open ();
    char bytes[8];
    send_all (pair.accepted, "abc", 3);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    EVENTS (ask (pair.connecter, EVERY), POLLIN | POLLOUT | POLLHUP);
    EVENTS (ask (pair.connecter, POLLIN), POLLIN | POLLHUP);
    EVENTS (ask (pair.connecter, 0), POLLHUP);
    recv_all (pair.connecter, bytes, 2);
    EVENTS (ask (pair.connecter, POLLIN), POLLIN | POLLHUP);
    recv_all (pair.connecter, bytes, 1);
    EVENTS (ask (pair.connecter, EVERY), POLLOUT | POLLHUP);
    EVENTS (ask (pair.connecter, POLLIN), POLLHUP);
    FAILS (scif_recv (pair.connecter, bytes, 1, 0), ECONNRESET);
    EVENTS (ask (pair.connecter, EVERY), POLLOUT | POLLHUP);
    EVENTS (ask (pair.connecter, 0), POLLHUP);
}

static void check_disconnected_acted_on (poll_function *ask)
{
    struct pair pair = pair_open ();
    char bytes[8];
    send_all (pair.accepted, "abc", 3);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    CHECK ((ask (pair.connecter, POLLIN) & (POLLIN | POLLHUP))
           == (POLLIN | POLLHUP));
    CHECK (ask (pair.connecter, 0) & POLLHUP);
    recv_all (pair.connecter, bytes, 2);
    CHECK ((ask (pair.connecter, POLLIN) & (POLLIN | POLLHUP))
           == (POLLIN | POLLHUP));
    recv_all (pair.connecter, bytes, 1);
    CHECK (ask (pair.connecter, POLLIN) & POLLHUP);
    FAILS (scif_recv (pair.connecter, bytes, 1, 0), ECONNRESET);
    CHECK (ask (pair.connecter, 0) & POLLHUP);
}

static void check_disconnected_full (poll_function *ask)
{
    struct pair pair = pair_open ();
    RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    EVENTS (ask (pair.connecter, EVERY), POLLHUP);
}

#define STATE(method, state, title, traits)                                    \
    CASE (method##_##state, "2.1", title, traits)                              \
    {                                                                          \
        check_##state (method##_now);                                          \
    }

STATE (scif_poll, not_connected, "scif_poll: unbound, bound, refused: ERR", 0)
STATE (scif_poll, connecting,
       "scif_poll: another thread's blocking connect in progress: ERR", 0)
STATE (scif_poll, listening,
       "scif_poll: listening: IN when a request waits, never OUT", 0)
STATE (scif_poll, connected, "scif_poll: connected: IN if data, OUT if room", 0)
STATE (scif_poll, disconnected,
       "scif_poll: disconnected: HUP, IN while data are left, OUT if room", 0)
STATE (scif_poll, disconnected_full,
       "scif_poll: disconnected with the queue full: HUP alone", 0)

#define SYSTEM_STATES(method)                                                  \
    STATE (method, not_connected_acted_on,                                     \
           #method ": unbound, bound, refused: ERR or HUP", 0)                 \
    STATE (method, not_connected,                                              \
           #method ": unbound, bound, refused: exactly ERR", DESCRIPTOR)       \
    STATE (method, connecting,                                                 \
           #method ": another thread's blocking connect in progress: ERR",     \
           DESCRIPTOR)                                                         \
    STATE (method, listening,                                                  \
           #method ": listening: IN when a request waits, never OUT", 0)       \
    STATE (method, connected, #method ": connected: IN if data, OUT if room",  \
           0)                                                                  \
    STATE (method, disconnected_acted_on,                                      \
           #method ": disconnected: HUP, and IN while data are left", 0)       \
    STATE (method, disconnected,                                               \
           #method ": disconnected: no IN without data, OUT if room, no "      \
                   "RDHUP, no ERR",                                            \
           DESCRIPTOR)                                                         \
    STATE (method, disconnected_full,                                          \
           #method ": disconnected with the queue full: HUP alone",            \
           DESCRIPTOR)

SYSTEM_STATES (poll)
SYSTEM_STATES (epoll)

CASE (one_byte_of_room, "2.2",
      "one byte of room brings OUT back, and wakes a poll that waits for it", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    char byte;
    int round;
    for (round = 0; round < 20; round++) {
        send_until_full (pair.connecter, 1, 0);
        EVENTS (scif_poll_now (pair.connecter, POLLIN | POLLOUT), 0);
        start_poll (&wait, pair.connecter, POLLOUT, 5000);
        await_blocked (&wait);
        recv_all (pair.accepted, &byte, 1);
        finish_returning (&wait, 1);
        EVENTS (wait.events, POLLOUT);
        RETURNS (scif_send (pair.connecter, "xy", 2, 0), 1);
    }
}

CASE (close_wakes_writer, "2.3",
      "the peer's close wakes a poll that waits for OUT", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    send_until_full (pair.connecter, 1, 0);
    start_poll (&wait, pair.connecter, POLLOUT, 5000);
    await_blocked (&wait);
    close_epd (pair.accepted);
    finish_returning (&wait, 1);
    CHECK (wait.events & POLLHUP);
}

CASE (close_wakes_reader, "2.3",
      "the peer's close wakes a poll that waits for IN", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    start_poll (&wait, pair.connecter, POLLIN, 5000);
    await_blocked (&wait);
    close_epd (pair.accepted);
    finish_returning (&wait, 1);
    CHECK (wait.events & POLLHUP);
}

CASE (close_and_poll_for_nothing, "2.3",
      "poll for nothing sleeps its full timeout and only then tells HUP", QUIRK)
{
    struct pair pair = pair_open ();
    struct call wait;
    double took;
    start_poll (&wait, pair.connecter, 0, 1500);
    await_blocked (&wait);
    close_epd (pair.accepted);
    took = finish (&wait, 1.5 + AT_ONCE);
    EVENTS (wait.events, POLLHUP);
    observe (took >= 1.4, "poll returned after %.2f s", took);
}

CASE (close_and_epoll_for_nothing, "2.3",
      "epoll ADD 0 is never told of the peer's close", QUIRK)
{
    struct pair pair = pair_open ();
    struct call wait;
    int set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, pair.connecter, 0);
    start_epoll (&wait, set, 1000);
    await_blocked (&wait);
    close_epd (pair.accepted);
    finish (&wait, 1 + AT_ONCE);
    observe (wait.result == 0, "nothing within 1 s");
}

CASE (level_repeats, "2.4", "level-triggered epoll repeats until read", 0)
{
    struct pair pair = pair_open ();
    int set = epoll_new (), i;
    char byte;
    epoll_change (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN | EPOLLOUT);
    send_all (pair.accepted, "ab", 2);
    poll_for (pair.connecter, POLLIN);
    for (i = 0; i < 3; i++)
        EVENTS (epoll_next (set, 1000), EPOLLIN | EPOLLOUT);
    recv_all (pair.connecter, &byte, 1);
    EVENTS (epoll_next (set, 1000), EPOLLIN | EPOLLOUT);
    recv_all (pair.connecter, &byte, 1);
    EVENTS (epoll_next (set, 1000), EPOLLOUT);
}

/* An edge-triggered set over the connecter, its first event consumed. */
static int edge_set (const struct pair *pair)
{
    int set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, pair->connecter,
                  EPOLLIN | EPOLLOUT | EPOLLET);
    EVENTS (epoll_next (set, 1000), EPOLLOUT);
    EVENTS (epoll_next (set, 0), 0);
    return set;
}

CASE (edge_data, "2.4",
      "EPOLLET: one event, IN|OUT, per message that comes into an empty queue",
      0)
{
    struct pair pair = pair_open ();
    int set = edge_set (&pair), i;
    char byte;
    for (i = 0; i < 20; i++) {
        send_all (pair.accepted, "x", 1);
        EVENTS (epoll_next (set, 2000), EPOLLIN | EPOLLOUT);
        EVENTS (epoll_next (set, 0), 0);
        recv_all (pair.connecter, &byte, 1);
    }
}

CASE (edge_more_data, "2.4",
      "EPOLLET: another event per message while earlier ones are unread", 0)
{
    struct pair pair = pair_open ();
    int set = edge_set (&pair), i;
    for (i = 0; i < 5; i++) {
        send_all (pair.accepted, "x", 1);
        EVENTS (epoll_next (set, 2000), EPOLLIN | EPOLLOUT);
        EVENTS (epoll_next (set, 0), 0);
    }
}

CASE (edge_room, "2.4",
      "EPOLLET: an event when the peer's recv makes room in a full queue", 0)
{
    struct pair pair = pair_open ();
    int set = edge_set (&pair), i;
    char byte;
    send_until_full (pair.connecter, 1, 0);
    epoll_next (set, 0);
    for (i = 0; i < 5; i++) {
        recv_all (pair.accepted, &byte, 1);
        EVENTS (epoll_next (set, 2000), EPOLLOUT);
        RETURNS (scif_send (pair.connecter, "x", 1, 0), 1);
    }
}

CASE (edge_more_room, "2.4",
      "EPOLLET: an event per recv of the peer, also when there was room", QUIRK)
{
    struct pair pair = pair_open ();
    int set = edge_set (&pair), i;
    char byte;
    send_all (pair.connecter, "abcde", 5);
    for (i = 0; i < 5; i++) {
        recv_all (pair.accepted, &byte, 1);
        EVENTS (epoll_next (set, 2000), EPOLLOUT);
        EVENTS (epoll_next (set, 0), 0);
    }
}

CASE (edge_close, "2.4", "EPOLLET: an event with HUP for the peer's close", 0)
{
    struct pair pair = pair_open ();
    int set = edge_set (&pair);
    close_epd (pair.accepted);
    CHECK (epoll_next (set, 2000) & EPOLLHUP);
}

CASE (edge_listener, "2.4", "EPOLLET on a listener: one event per request", 0)
{
    int port, set = epoll_new (), i;
    scif_epd_t from = listener (3, &port), accepted;
    struct scif_portID peer;
    struct call connects[3];
    epoll_change (set, EPOLL_CTL_ADD, from, EPOLLIN | EPOLLET);
    for (i = 0; i < 3; i++) {
        start_connect (&connects[i], endpoint (), address (port));
        EVENTS (epoll_next (set, 2000), EPOLLIN);
        EVENTS (epoll_next (set, 0), 0);
    }
    for (i = 0; i < 3; i++)
        RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    for (i = 0; i < 3; i++)
        finish (&connects[i], AT_ONCE);
}

CASE (closed_in_poll, "2.5",
      "own descriptor closed in another thread: poll is not woken, the peer "
      "sees HUP only after it",
      QUIRK)
{
    struct pair pair = pair_open ();
    struct call wait;
    double took;
    start_poll (&wait, pair.connecter, POLLIN, 1500);
    await_blocked (&wait);
    close_epd (pair.connecter);
    sleep_ms (QUIET_MS);
    observe (!(scif_poll_now (pair.accepted, POLLIN) & POLLHUP),
             "no HUP at the peer while poll sleeps");
    took = finish (&wait, 1.5 + AT_ONCE);
    observe (took >= 1.4, "poll slept %.2f s", took);
    observe (wait.events == POLLNVAL, "revents NVAL");
    await_hangup (pair.accepted);
}

CASE (closed_in_epoll, "2.5",
      "own descriptor closed while in an epoll set: the peer sees HUP at once",
      QUIRK)
{
    struct pair pair = pair_open ();
    double since;
    int set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN | EPOLLOUT);
    close_epd (pair.connecter);
    since = now ();
    await_hangup (pair.accepted);
    observe (now () - since < AT_ONCE, "HUP after %.2f s", now () - since);
    observe (epoll_next (set, 100) == 0, "the member is gone from the set");
}

CASE (select_works, "2.6",
      "select: writable when connected, readable when disconnected", 0)
{
    struct pair pair = pair_open ();
    struct timeval limit = {0, 0};
    fd_set in, out;
    FD_ZERO (&in);
    FD_ZERO (&out);
    FD_SET (pair.connecter, &in);
    FD_SET (pair.connecter, &out);
    RETURNS (select (pair.connecter + 1, &in, &out, NULL, &limit), 1);
    CHECK (FD_ISSET (pair.connecter, &out) && !FD_ISSET (pair.connecter, &in));
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    FD_SET (pair.connecter, &in);
    CHECK (SUCCEEDS (select (pair.connecter + 1, &in, NULL, NULL, &limit)) == 1);
    CHECK (FD_ISSET (pair.connecter, &in));
}

static struct scif_pollepd polled (int fd, short events)
{
    struct scif_pollepd one;
    one.epd = fd;
    one.events = events;
    one.revents = -1;
    return one;
}

CASE (scif_poll_is_poll, "2.6",
      "scif_poll takes other descriptors too, skips negative ones, and tells "
      "NVAL",
      0)
{
    struct pair pair = pair_open ();
    struct scif_pollepd set[5];
    int ends[2];
    RETURNS (pipe2 (ends, O_CLOEXEC), 0);
    set[0] = polled (ends[0], POLLIN);
    set[1] = polled (-1, POLLIN);
    set[2] = polled (pair.connecter, POLLOUT);
    set[3] = polled (closed_fd (), POLLIN);
    set[4] = polled (ends[1], POLLOUT);
    RETURNS (scif_poll (set, 5, 0), 3);
    EVENTS (set[0].revents, 0);
    EVENTS (set[1].revents, 0);
    EVENTS (set[2].revents, POLLOUT);
    EVENTS (set[3].revents, POLLNVAL);
    EVENTS (set[4].revents, POLLOUT);
}

CASE (scif_poll_null, "2.6", "scif_poll with a null list: EFAULT", 0)
{
    FAILS (scif_poll (NULL, 1, 0), EFAULT);
}

static long run_scif_poll (struct call *call)
{
    struct scif_pollepd one = polled (call->epd, (short) call->flags);
    int ready = scif_poll (&one, 1, call->len);
    call->events = one.revents;
    return ready;
}

static void start_scif_poll (struct call *call, scif_epd_t epd, int timeout_ms)
{
    call->epd = epd;
    call->flags = POLLIN;
    call->len = timeout_ms;
    start_call (call, run_scif_poll);
}

CASE (scif_poll_timeouts, "2.6",
      "scif_poll keeps its timeout, waits for ever with -1, and is woken", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    double since = now ();
    struct scif_pollepd one = polled (pair.connecter, POLLIN);
    RETURNS (scif_poll (&one, 1, 300), 0);
    CHECK (now () - since >= 0.25);
    RETURNS (scif_poll (NULL, 0, 0), 0);
    start_scif_poll (&wait, pair.connecter, -1);
    await_blocked (&wait);
    send_all (pair.accepted, "x", 1);
    finish_returning (&wait, 1);
    EVENTS (wait.events, POLLIN);
}

CASE (scif_poll_signal, "2.6", "a signal ends a blocked scif_poll with EINTR",
      0)
{
    struct pair pair = pair_open ();
    struct call wait;
    start_scif_poll (&wait, pair.connecter, 10000);
    await_blocked (&wait);
    interrupt (&wait, SA_RESTART);
    finish_failing (&wait, EINTR);
}
