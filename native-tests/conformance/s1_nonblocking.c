/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 1.11 and 1.13: connect with O_NONBLOCK. */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static scif_epd_t accept_one (scif_epd_t from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    await_request (from, NULL);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    return accepted;
}

CASE (pending_then_done, "1.11",
      "EINPROGRESS while pending, poll silent; OUT when accepted; the second "
      "connect gives the port, the third EISCONN",
      ASYNC)
{
    int port, local;
    scif_epd_t from = listener (1, &port), epd = endpoint (), accepted;
    struct scif_portID to = address (port), peer;
    double since = now ();
    set_nonblocking (epd, true);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    check_at_once (since, "the non-blocking connect");
    await_request (from, NULL);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    EVENTS (scif_poll_now (epd, POLLIN | POLLOUT), 0);
    sleep_ms (QUIET_MS);
    EVENTS (scif_poll_now (epd, POLLIN | POLLOUT), 0);
    EVENTS (poll_now (epd, POLLIN | POLLOUT), 0);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    EVENTS (poll_for (epd, POLLIN | POLLOUT), POLLOUT);
    local = (int) SUCCEEDS (scif_connect (epd, &to));
    CHECK (local == peer.port);
    FAILS (scif_connect (epd, &to), EISCONN);
}

CASE (poll_woken_by_completion, "1.11",
      "poll blocked on a pending connect is woken when it is accepted", ASYNC)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = pending_connect (port);
    struct scif_portID to = address (port);
    struct call wait;
    start_poll (&wait, epd, POLLOUT, 5000);
    await_blocked (&wait);
    accept_one (from);
    finish_returning (&wait, 1);
    EVENTS (wait.events, POLLOUT);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
}

CASE (fionbio, "1.11", "FIONBIO is as good as O_NONBLOCK", ASYNC)
{
    int port, on = 1;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    RETURNS (ioctl (epd, FIONBIO, &on), 0);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    accept_one (from);
    EVENTS (poll_for (epd, POLLIN | POLLOUT), POLLOUT);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
}

CASE (collect_after_clearing, "1.11",
      "the second connect collects also if O_NONBLOCK was cleared meanwhile",
      ASYNC)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = pending_connect (port);
    struct scif_portID to = address (port);
    accept_one (from);
    EVENTS (poll_for (epd, POLLOUT), POLLOUT);
    set_nonblocking (epd, false);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    FAILS (scif_connect (epd, &to), EISCONN);
}

CASE (refused_while_nonblocking, "1.11",
      "where nobody listens: OUT, and the second connect gives ECONNREFUSED",
      ASYNC)
{
    scif_epd_t holder;
    int port = dead_port (&holder);
    struct scif_portID to = address (port);
    scif_epd_t epd = pending_connect (port);
    EVENTS (poll_for (epd, POLLIN | POLLOUT), POLLOUT);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
}

CASE (third_call_is_fresh, "1.11",
      "a call after a collected failure is a fresh attempt", ASYNC)
{
    scif_epd_t holder;
    int port = dead_port (&holder);
    struct scif_portID to = address (port);
    scif_epd_t epd = pending_connect (port);
    EVENTS (poll_for (epd, POLLOUT), POLLOUT);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    close_epd (epd);
}

CASE (nonblocking_gives_up, "1.11",
      "without an accept: OUT after 10 s, and the second connect gives "
      "ECONNREFUSED",
      SLOW | ASYNC)
{
    int port;
    scif_epd_t from = listener (1, &port), epd;
    struct scif_portID to = address (port);
    struct call wait;
    double since = now (), took;
    epd = pending_connect (port);
    start_poll (&wait, epd, POLLIN | POLLOUT, 20000);
    finish (&wait, LIMIT_MOST);
    took = now () - since;
    note ("it took %.2f s", took);
    CHECK (took >= LIMIT_LEAST);
    EVENTS (wait.events, POLLOUT);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    close_epd (from);
}

CASE (no_so_error, "1.11", "getsockopt SO_ERROR: ENOTSOCK", ASYNC | DESCRIPTOR)
{
    scif_epd_t holder;
    int error = 0, port = dead_port (&holder);
    scif_epd_t epd = pending_connect (port);
    socklen_t len = sizeof error;
    poll_for (epd, POLLOUT);
    FAILS (getsockopt (epd, SOL_SOCKET, SO_ERROR, &error, &len), ENOTSOCK);
}

CASE (stale_error, "1.11",
      "after a failed attempt, a further one on the same endpoint polls as OUT "
      "though pending",
      ASYNC | QUIRK)
{
    scif_epd_t holder, from, epd;
    int listening, dead = dead_port (&holder);
    struct scif_portID to = address (dead);
    from = listener (1, &listening);
    epd = pending_connect (dead);
    poll_for (epd, POLLOUT);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    to = address (listening);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    observe (scif_poll_now (epd, POLLOUT) == POLLOUT, "OUT at once");
    observe (scif_connect (epd, &to) == -1 && errno == EINPROGRESS,
             "the collecting connect gives EINPROGRESS");
    accept_one (from);
    poll_for (epd, POLLOUT);
    scif_connect (epd, &to);
}

CASE (blocking_ones_in_parallel, "1.13",
      "blocking connects in threads of their own run in parallel", 0)
{
    int stuck_port, port;
    scif_epd_t stuck_listener = listener (1, &stuck_port);
    scif_epd_t from = listener (1, &port);
    struct call stuck, connect;
    start_connect (&stuck, endpoint (), address (stuck_port));
    await_request (stuck_listener, &stuck);
    start_connect (&connect, endpoint (), address (port));
    accept_one (from);
    finish (&connect, AT_ONCE);
    CHECK (connect.result > 0);
    CHECK (!returned (&stuck));
    accept_one (stuck_listener);
    finish (&stuck, AT_ONCE);
    CHECK (stuck.result > 0);
}

static long run_collect (struct call *call)
{
    return scif_connect (call->epd, &call->id);
}

CASE (one_after_another, "1.13",
      "a pending non-blocking connect holds up others, the collecting of a "
      "completed one, and close",
      SLOW | ASYNC | QUIRK)
{
    int port, stuck_port;
    scif_epd_t from = listener (2, &port);
    scif_epd_t stuck_listener = listener (2, &stuck_port);
    scif_epd_t done = pending_connect (port), stuck, held;
    struct call collect, close_call;
    double since, took;
    accept_one (from);
    EVENTS (poll_for (done, POLLOUT), POLLOUT);
    since = now ();
    stuck = pending_connect (stuck_port);
    await_request (stuck_listener, NULL);
    held = pending_connect (port);
    sleep_ms (1000);
    observe (!(scif_poll_now (from, POLLIN) & POLLIN),
             "another connect does not get under way");
    collect.epd = done;
    collect.id = address (port);
    start_call (&collect, run_collect);
    start_close (&close_call, stuck);
    /* When the held connect gets under way, serve it: the others wait for it,
       too. */
    while (!(scif_poll_now (from, POLLIN) & POLLIN)) {
        if (now () - since > LIMIT_MOST)
            FAIL ("the held connect does not get under way");
        sleep_ms (10);
    }
    accept_one (from);
    finish (&close_call, LIMIT_MOST);
    took = close_call.ended - since;
    observe (took >= LIMIT_LEAST, "close took %.2f s", took);
    EVENTS (poll_for (held, POLLOUT), POLLOUT);
    finish (&collect, LIMIT_MOST);
    took = collect.ended - since;
    observe (took >= LIMIT_LEAST, "collecting took %.2f s", took);
    CHECK (collect.result > 0);
    close_epd (stuck_listener);
}
