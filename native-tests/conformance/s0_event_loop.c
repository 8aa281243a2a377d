/* SPDX-License-Identifier: MPL-2.0 */
/* Section 0: what an event loop meets. */
#define _GNU_SOURCE
#include "support.h"

#include <sys/epoll.h>
#include <sys/select.h>

/* What makes an endpoint ready. */
enum cause { DATA, ROOM_AGAIN, PEER_CLOSE };

static const char *const cause_names[] = {"arriving data", "room in the queue",
                                          "the peer's close"};
static const int cause_bits[] = {EPOLLIN, EPOLLOUT, EPOLLHUP};

static void bring_about (enum cause cause, scif_epd_t other)
{
    char buffer[ROOM];
    if (cause == DATA)
        send_all (other, "x", 1);
    else if (cause == ROOM_AGAIN)
        recv_all (other, buffer, sizeof buffer);
    else
        close_epd (other);
}

/* Whether an epoll_wait that sleeps is woken by it. The set's member is own and
   waits for nothing that is there already. */
static bool wakes (int set, enum cause cause, scif_epd_t other, int timeout_ms)
{
    struct call wait;
    start_epoll (&wait, set, timeout_ms);
    await_blocked (&wait);
    bring_about (cause, other);
    finish (&wait, timeout_ms / 1000.0 + AT_ONCE);
    return wait.result == 1 && (wait.events & cause_bits[cause]);
}

static void check_wakes (int set, enum cause cause, scif_epd_t own,
                         scif_epd_t other)
{
    double since = now ();
    char byte;
    if (!wakes (set, cause, other, 5000))
        FAIL ("epoll is not woken by %s", cause_names[cause]);
    check_at_once (since, "the wake-up");
    if (cause == DATA)
        recv_all (own, &byte, 1);
}

/* All three wake-ups, when change() is what turns interest on. */
static void check_all_wakes (int set, scif_epd_t own, scif_epd_t other,
                             void (*change) (int, scif_epd_t, uint32_t))
{
    change (set, own, EPOLLIN);
    check_wakes (set, DATA, own, other);
    RETURNS (send_until_full (own, 1, 0), ROOM);
    change (set, own, EPOLLOUT);
    check_wakes (set, ROOM_AGAIN, own, other);
    change (set, own, EPOLLIN);
    check_wakes (set, PEER_CLOSE, own, other);
}

static void modify (int set, scif_epd_t own, uint32_t events)
{
    epoll_change (set, EPOLL_CTL_MOD, own, events);
}

static void modify_to_nothing_first (int set, scif_epd_t own, uint32_t events)
{
    epoll_change (set, EPOLL_CTL_MOD, own, 0);
    EVENTS (epoll_next (set, 0), 0);
    epoll_change (set, EPOLL_CTL_MOD, own, events);
}

static void delete_and_add (int set, scif_epd_t own, uint32_t events)
{
    epoll_change (set, EPOLL_CTL_DEL, own, 0);
    epoll_change (set, EPOLL_CTL_ADD, own, events);
}

static void check_both_ends (uint32_t added,
                             void (*change) (int, scif_epd_t, uint32_t))
{
    int end;
    for (end = 0; end < 2; end++) {
        struct pair pair = pair_open ();
        scif_epd_t own = end ? pair.accepted : pair.connecter;
        scif_epd_t other = end ? pair.connecter : pair.accepted;
        int set = epoll_new ();
        note ("the %s end", end ? "accepted" : "connecting");
        epoll_change (set, EPOLL_CTL_ADD, own, added);
        check_all_wakes (set, own, other, change);
    }
}

CASE (added_both_modified, "0.1",
      "epoll ADD IN|OUT then MOD to a subset: all wake-ups arrive", 0)
{
    check_both_ends (EPOLLIN | EPOLLOUT, modify);
}

CASE (added_both_off_and_on, "0.1",
      "epoll ADD IN|OUT then MOD 0 and back: all wake-ups arrive", 0)
{
    check_both_ends (EPOLLIN | EPOLLOUT, modify_to_nothing_first);
}

CASE (delete_add, "0.1", "epoll DEL+ADD in place of MOD: all wake-ups arrive",
      0)
{
    check_both_ends (0, delete_and_add);
}

CASE (poll_registers_anew, "0.1",
      "poll is woken by data, by room and by the peer's close", 0)
{
    static const int bits[] = {POLLIN, POLLOUT, POLLHUP};
    static const int asked[] = {POLLIN, POLLOUT, POLLIN};
    struct pair pair = pair_open ();
    struct call wait;
    char byte;
    int cause;
    for (cause = DATA; cause <= PEER_CLOSE; cause++) {
        if (cause == ROOM_AGAIN)
            RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
        start_poll (&wait, pair.connecter, asked[cause], 5000);
        await_blocked (&wait);
        bring_about ((enum cause) cause, pair.accepted);
        finish (&wait, AT_ONCE);
        if (!(wait.events & bits[cause]))
            FAIL ("poll woken by %s: revents 0x%x", cause_names[cause],
                  (unsigned) wait.events);
        if (cause == DATA)
            recv_all (pair.connecter, &byte, 1);
    }
}

static long run_select (struct call *call)
{
    struct timeval limit = {5, 0};
    fd_set in, out;
    FD_ZERO (&in);
    FD_ZERO (&out);
    if (call->flags & POLLIN)
        FD_SET (call->epd, &in);
    else
        FD_SET (call->epd, &out);
    return select (call->epd + 1, &in, &out, NULL, &limit);
}

CASE (select_registers_anew, "0.1",
      "select is woken by data, by room and by the peer's close", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    char byte;
    int cause;
    for (cause = DATA; cause <= PEER_CLOSE; cause++) {
        if (cause == ROOM_AGAIN)
            RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
        wait.epd = pair.connecter;
        wait.flags = cause == ROOM_AGAIN ? POLLOUT : POLLIN;
        start_call (&wait, run_select);
        await_blocked (&wait);
        bring_about ((enum cause) cause, pair.accepted);
        finish_returning (&wait, 1);
        if (cause == DATA)
            recv_all (pair.connecter, &byte, 1);
    }
}

CASE (set_in_a_set, "0.1",
      "an epoll set of an endpoint wakes a poll of the set itself", 0)
{
    struct pair pair = pair_open ();
    struct call wait;
    char byte;
    int cause, inner = epoll_new ();
    epoll_change (inner, EPOLL_CTL_ADD, pair.connecter, EPOLLIN | EPOLLOUT);
    for (cause = DATA; cause <= PEER_CLOSE; cause++) {
        if (cause == ROOM_AGAIN)
            RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
        modify (inner, pair.connecter,
                cause == ROOM_AGAIN ? EPOLLOUT : EPOLLIN);
        EVENTS (epoll_next (inner, 0), 0);
        start_poll (&wait, inner, POLLIN, 5000);
        await_blocked (&wait);
        bring_about ((enum cause) cause, pair.accepted);
        finish_returning (&wait, 1);
        CHECK (epoll_next (inner, 0) & (uint32_t) cause_bits[cause]);
        if (cause == DATA)
            recv_all (pair.connecter, &byte, 1);
    }
}

CASE (added_with_nothing, "0.1",
      "epoll ADD 0 then MOD: no wake-up for data, room or close", QUIRK)
{
    int cause;
    for (cause = DATA; cause <= PEER_CLOSE; cause++) {
        struct pair pair = pair_open ();
        int set = epoll_new ();
        epoll_change (set, EPOLL_CTL_ADD, pair.connecter, 0);
        if (cause == ROOM_AGAIN)
            RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
        epoll_change (set, EPOLL_CTL_MOD, pair.connecter,
                      cause == ROOM_AGAIN ? EPOLLOUT : EPOLLIN);
        observe (!wakes (set, (enum cause) cause, pair.accepted, 1000),
                 "not woken by %s", cause_names[cause]);
    }
}

CASE (added_with_one, "0.1",
      "epoll ADD of one direction then MOD to the other: no wake-up", QUIRK)
{
    struct pair pair = pair_open ();
    int set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN);
    RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
    epoll_change (set, EPOLL_CTL_MOD, pair.connecter, EPOLLIN | EPOLLOUT);
    observe (!wakes (set, ROOM_AGAIN, pair.accepted, 1000),
             "ADD IN, MOD IN|OUT: not woken by room");
    pair = pair_open ();
    set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, pair.connecter, EPOLLOUT);
    epoll_change (set, EPOLL_CTL_MOD, pair.connecter, EPOLLIN);
    observe (!wakes (set, DATA, pair.accepted, 1000),
             "ADD OUT, MOD IN: not woken by data");
}

/* ---- epoll and non-blocking connects ---- */

/* Accepts the request of a connect in progress. */
static scif_epd_t accept_one (scif_epd_t from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    await_request (from, NULL);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    return accepted;
}

static void collect (scif_epd_t epd, int port)
{
    struct scif_portID to = address (port);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
}

CASE (added_in_progress, "0.2",
      "epoll ADD during a non-blocking connect: woken by its completion; "
      "DEL+ADD after collecting gives the other wake-ups",
      ASYNC)
{
    struct call wait;
    int port, set = epoll_new ();
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port), accepted;
    epoll_change (set, EPOLL_CTL_ADD, connecter, EPOLLOUT);
    start_epoll (&wait, set, 5000);
    await_blocked (&wait);
    accepted = accept_one (from);
    close_epd (from);
    finish (&wait, AT_ONCE);
    RETURNS (wait.result, 1);
    EVENTS (wait.events, EPOLLOUT);
    collect (connecter, port);
    delete_and_add (set, connecter, EPOLLIN | EPOLLOUT);
    check_all_wakes (set, connecter, accepted, modify);
}

CASE (added_in_progress_with_nothing, "0.2",
      "epoll ADD 0 and MOD OUT during a non-blocking connect: woken by its "
      "completion",
      ASYNC)
{
    struct call wait;
    int port, set = epoll_new ();
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port);
    epoll_change (set, EPOLL_CTL_ADD, connecter, 0);
    epoll_change (set, EPOLL_CTL_MOD, connecter, EPOLLOUT);
    start_epoll (&wait, set, 5000);
    await_blocked (&wait);
    accept_one (from);
    finish (&wait, AT_ONCE);
    RETURNS (wait.result, 1);
    EVENTS (wait.events, EPOLLOUT);
    collect (connecter, port);
}

CASE (kept_over_connect, "0.2",
      "epoll ADD during a non-blocking connect: no data wake-ups after "
      "collecting, whatever MOD",
      ASYNC | QUIRK)
{
    int port, set = epoll_new ();
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port), accepted;
    epoll_change (set, EPOLL_CTL_ADD, connecter, EPOLLIN | EPOLLOUT);
    accepted = accept_one (from);
    EVENTS (epoll_next (set, 5000), EPOLLOUT);
    collect (connecter, port);
    epoll_change (set, EPOLL_CTL_MOD, connecter, EPOLLIN);
    EVENTS (epoll_next (set, 0), 0);
    observe (!wakes (set, DATA, accepted, 1000), "not woken by data");
}

CASE (added_before_connect, "0.2",
      "epoll ADD before connect: ERR at once, then neither completion nor data "
      "wake",
      ASYNC | QUIRK)
{
    struct scif_portID to;
    struct call wait;
    int port, set = epoll_new ();
    scif_epd_t from = listener (1, &port), accepted;
    scif_epd_t connecter = endpoint ();
    set_nonblocking (connecter, true);
    epoll_change (set, EPOLL_CTL_ADD, connecter, EPOLLIN | EPOLLOUT);
    observe (epoll_next (set, 0) == EPOLLERR, "ERR at once");
    to = address (port);
    FAILS (scif_connect (connecter, &to), EINPROGRESS);
    EVENTS (epoll_next (set, 0), 0);
    start_epoll (&wait, set, 1000);
    await_blocked (&wait);
    accepted = accept_one (from);
    finish (&wait, 1 + AT_ONCE);
    observe (wait.result == 0, "not woken by the completion");
    collect (connecter, port);
    epoll_change (set, EPOLL_CTL_MOD, connecter, EPOLLIN);
    EVENTS (epoll_next (set, 0), 0);
    observe (!wakes (set, DATA, accepted, 1000), "not woken by data");
}

/* Whether epoll_wait on the listener is woken by a connection request. */
static bool listener_wakes (int set, scif_epd_t from, int port, int timeout_ms)
{
    struct call wait, connect;
    start_epoll (&wait, set, timeout_ms);
    await_blocked (&wait);
    start_connect (&connect, endpoint (), address (port));
    finish (&wait, timeout_ms / 1000.0 + AT_ONCE);
    accept_one (from);
    finish (&connect, AT_ONCE);
    CHECK (connect.result > 0);
    return wait.result == 1 && wait.events == EPOLLIN;
}

CASE (listener_added_in, "0.2",
      "epoll ADD IN of a listener: woken by each request", 0)
{
    int port, set = epoll_new (), i;
    scif_epd_t from = listener (2, &port);
    epoll_change (set, EPOLL_CTL_ADD, from, EPOLLIN);
    for (i = 0; i < 3; i++)
        CHECK (listener_wakes (set, from, port, 5000));
}

CASE (listener_added_with_nothing, "0.2",
      "epoll ADD 0 then MOD IN of a listener: woken by a request", 0)
{
    int port, set = epoll_new ();
    scif_epd_t from = listener (2, &port);
    epoll_change (set, EPOLL_CTL_ADD, from, 0);
    epoll_change (set, EPOLL_CTL_MOD, from, EPOLLIN);
    CHECK (listener_wakes (set, from, port, 5000));
}

CASE (listener_added_before_listen, "0.2",
      "epoll ADD before listen: ERR, then no request wakes", QUIRK)
{
    scif_epd_t from = endpoint ();
    int port = (int) SUCCEEDS (scif_bind (from, 0)), set = epoll_new ();
    epoll_change (set, EPOLL_CTL_ADD, from, EPOLLIN);
    observe (epoll_next (set, 0) == EPOLLERR, "ERR before listen");
    RETURNS (scif_listen (from, 1), 0);
    EVENTS (epoll_next (set, 0), 0);
    observe (!listener_wakes (set, from, port, 1000), "not woken by a request");
}

CASE (only_out_until_collected, "0.3",
      "a completed non-blocking connect polls as OUT only, even with data "
      "waiting, until a second connect collects it",
      ASYNC)
{
    int port;
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port), accepted = accept_one (from);
    EVENTS (poll_for (connecter, POLLIN | POLLOUT), POLLOUT);
    send_all (accepted, "x", 1);
    EVENTS (poll_for (connecter, POLLIN | POLLOUT), POLLOUT);
    EVENTS (scif_poll_now (connecter, POLLIN), 0);
    collect (connecter, port);
    EVENTS (poll_for (connecter, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

CASE (only_out_in_raw_poll, "0.3",
      "the same by poll of the system in place of scif_poll",
      ASYNC | DESCRIPTOR)
{
    int port;
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port), accepted = accept_one (from);
    EVENTS (poll_for (connecter, POLLIN | POLLOUT), POLLOUT);
    send_all (accepted, "x", 1);
    EVENTS (poll_now (connecter, POLLIN | POLLOUT), POLLOUT);
    collect (connecter, port);
    EVENTS (poll_now (connecter, POLLIN | POLLOUT), POLLIN | POLLOUT);
}

CASE (bytes_before_collecting, "0.3",
      "send and recv work before a completed connect is collected", ASYNC)
{
    int port;
    char byte = 0;
    scif_epd_t from = listener (1, &port);
    scif_epd_t connecter = pending_connect (port), accepted = accept_one (from);
    EVENTS (poll_for (connecter, POLLOUT), POLLOUT);
    send_all (accepted, "a", 1);
    recv_soon (connecter, &byte, 1);
    CHECK (byte == 'a');
    send_all (connecter, "c", 1);
    recv_soon (accepted, &byte, 1);
    CHECK (byte == 'c');
    collect (connecter, port);
}

CASE (zero_is_not_the_end, "0.4",
      "0 from recv means no data yet; the end is -1, ECONNRESET, never 0", 0)
{
    struct pair pair = pair_open ();
    char byte;
    int end;
    for (end = 0; end < 2; end++) {
        scif_epd_t own = end ? pair.accepted : pair.connecter;
        scif_epd_t other = end ? pair.connecter : pair.accepted;
        RETURNS (scif_recv (own, &byte, 1, 0), 0);
        send_all (other, "x", 1);
        recv_soon (own, &byte, 1);
        RETURNS (scif_recv (own, &byte, 1, 0), 0);
    }
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    FAILS (scif_recv (pair.connecter, &byte, 1, 0), ECONNRESET);
    FAILS (scif_recv (pair.connecter, &byte, 1, SCIF_RECV_BLOCK), ECONNRESET);
    FAILS (scif_recv (pair.connecter, &byte, 1, 0), ECONNRESET);
}
