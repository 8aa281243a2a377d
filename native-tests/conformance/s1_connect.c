/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 1.5 to 1.9: connect and the backlog. */
#define _GNU_SOURCE
#include "support.h"

#include <string.h>

/* A request was waiting: takes it, so that its connecter is served. */
static scif_epd_t accept_now (scif_epd_t from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    return accepted;
}

CASE (connect_returns_local_port, "1.5",
      "connect returns the local port, accept tells the same; an unbound "
      "endpoint is bound automatically",
      0)
{
    struct pair pair = pair_open ();
    CHECK (pair.local_port > 0 && pair.local_port <= 0xffff);
    CHECK (pair.peer.port == pair.local_port);
    CHECK (pair.peer.node == self_node ());
    pair_close (&pair);
}

CASE (connect_from_bound, "1.5", "a bound endpoint connects from its own port",
      0)
{
    int port, own;
    scif_epd_t from = listener (1, &port), connecter, accepted;
    struct scif_portID peer;
    struct call connect;
    own = dead_port (&connecter);
    start_connect (&connect, connecter, address (port));
    await_request (from, &connect);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    finish_returning (&connect, own);
    CHECK (peer.port == own);
}

CASE (connect_refused, "1.5",
      "connect where nobody listens: ECONNREFUSED at once; the endpoint stays "
      "bound and can be used again",
      0)
{
    struct scif_portID to;
    scif_epd_t holder, epd = endpoint (), from;
    struct call connect;
    int port, round;
    double since;
    to = address (dead_port (&holder));
    for (round = 0; round < 3; round++) {
        since = now ();
        FAILS (scif_connect (epd, &to), ECONNREFUSED);
        check_at_once (since, "the refusal");
    }
    FAILS (scif_bind (epd, 0), EINVAL);
    from = listener (1, &port);
    start_connect (&connect, epd, address (port));
    await_request (from, &connect);
    accept_now (from);
    finish (&connect, AT_ONCE);
    CHECK (connect.result > 0);
    since = now ();
    to.port = (uint16_t) connect.result;
    FAILS (scif_connect (holder, &to), ECONNREFUSED);
    check_at_once (since, "the refusal by a connected endpoint's port");
}

CASE (refused_may_listen, "1.5", "an endpoint that was refused can listen", 0)
{
    struct scif_portID to;
    scif_epd_t holder, epd = endpoint ();
    to = address (dead_port (&holder));
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    RETURNS (scif_listen (epd, 1), 0);
}

CASE (connect_port_zero, "1.5", "connect to port 0 or a null address: EINVAL",
      0)
{
    struct scif_portID to = address (0);
    scif_epd_t epd = endpoint ();
    FAILS (scif_connect (epd, &to), EINVAL);
    FAILS (scif_connect (epd, NULL), EINVAL);
}

CASE (connect_absent_node, "1.5",
      "connect to a node that is not there: ENODEV at once, non-blocking too",
      0)
{
    static const uint16_t least[] = {1, 2, 128, 1000, 65535};
    size_t i;
    int nonblocking;
    for (nonblocking = 0; nonblocking < 2; nonblocking++)
        for (i = 0; i < sizeof least / sizeof *least; i++) {
            scif_epd_t epd = endpoint ();
            struct scif_portID to = address (2000);
            double since = now ();
            to.node = absent_node (least[i]);
            set_nonblocking (epd, nonblocking);
            FAILS (scif_connect (epd, &to), ENODEV);
            check_at_once (since, "the answer");
            close_epd (epd);
        }
}

CASE (connect_states, "1.5",
      "connect of a listener: EOPNOTSUPP; connected: EISCONN; disconnected: "
      "EINVAL",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct scif_portID to = address (port);
    struct pair pair;
    FAILS (scif_connect (from, &to), EOPNOTSUPP);
    pair = pair_through (from, port);
    FAILS (scif_connect (pair.connecter, &to), EISCONN);
    FAILS (scif_connect (pair.accepted, &to), EISCONN);
    FAILS (scif_connect (disconnected_endpoint (), &to), EINVAL);
}

CASE (connect_twice, "1.5",
      "connect while another thread's blocking connect is in progress: "
      "EISCONN",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    struct call connect;
    double since;
    start_connect (&connect, epd, to);
    await_blocked (&connect);
    since = now ();
    FAILS (scif_connect (epd, &to), EISCONN);
    check_at_once (since, "the answer");
    accept_now (from);
    finish (&connect, AT_ONCE);
    CHECK (connect.result > 0);
}

CASE (connect_bad_fd, "1.5",
      "connect of a closed descriptor: EBADF, of another kind: ENOTTY", 0)
{
    struct scif_portID to = address (2000);
    FAILS (scif_connect (closed_fd (), &to), EBADF);
    FAILS (scif_connect (-1, &to), EBADF);
    FAILS (scif_connect (foreign_fd (), &to), ENOTTY);
}

CASE (connect_other_node, "1.5",
      "connect to another node where nobody listens: ECONNREFUSED", 0)
{
    uint16_t nodes[1024], self;
    int online = (int) SUCCEEDS (scif_get_nodeIDs (nodes, 1024, &self)), i;
    scif_epd_t holder, epd = endpoint ();
    struct scif_portID to = address (65535);
    if (online < 2)
        skip ("one node only");
    for (i = 0; nodes[i] == self; i++)
        continue;
    to.node = nodes[i];
    dead_port (&holder);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
}

CASE (connect_waits_for_accept, "1.6", "connect blocks until the peer accepts",
      0)
{
    int port;
    scif_epd_t from = listener (5, &port), epd = endpoint ();
    struct call connect;
    start_connect (&connect, epd, address (port));
    await_request (from, &connect);
    await_blocked (&connect);
    sleep_ms (QUIET_MS);
    CHECK (!returned (&connect));
    accept_now (from);
    finish (&connect, AT_ONCE);
    CHECK (connect.result > 0);
}

CASE (connect_gives_up, "1.6",
      "connect without an accept: ECONNREFUSED after 10 s", SLOW)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    double since = now (), took;
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    took = now () - since;
    note ("it took %.2f s", took);
    CHECK (took >= LIMIT_LEAST && took <= LIMIT_MOST);
    close_epd (from);
}

static void connect_and_stay (struct peer *me, void *port)
{
    struct scif_portID to = address (*(int *) port);
    scif_epd_t epd = endpoint ();
    peer_tell (me, 0);
    scif_connect (epd, &to);
}

static void on_signal (int number)
{
    (void) number;
}

CASE (fatal_signal_waits, "1.7",
      "a fatal signal to a blocked connect takes effect when the 10 s are over",
      SLOW | QUIRK)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct peer peer = peer_start (connect_and_stay, &port);
    double took;
    peer_hear (&peer);
    await_request (from, NULL);
    took = peer_kill (&peer, LIMIT_MOST);
    observe (took >= LIMIT_LEAST - 1, "SIGKILL took %.2f s", took);
}

CASE (signal_waits, "1.7",
      "a handled signal does not end a blocked connect either", QUIRK)
{
    int port, i;
    scif_epd_t from = listener (1, &port);
    struct sigaction action;
    struct call connect;
    memset (&action, 0, sizeof action);
    action.sa_handler = on_signal;
    RETURNS (sigaction (SIGUSR1, &action, NULL), 0);
    start_connect (&connect, endpoint (), address (port));
    await_request (from, &connect);
    await_blocked (&connect);
    for (i = 0; i < 10 && !returned (&connect); i++) {
        pthread_kill (connect.thread, SIGUSR1);
        sleep_ms (20);
    }
    observe (!returned (&connect), "connect goes on");
    accept_now (from);
    finish (&connect, AT_ONCE);
    observe (connect.result > 0, "and succeeds");
}

/* Fills the backlog with blocked connects, one by one. */
static void fill_backlog (struct call *connects, int backlog, int port)
{
    int i;
    for (i = 0; i < backlog; i++) {
        start_connect (&connects[i], endpoint (), address (port));
        await_blocked (&connects[i]);
    }
}

CASE (backlog_full, "1.8",
      "N requests wait with backlog N, the next is refused at once and may "
      "connect again",
      0)
{
    static const int backlogs[] = {1, 2, 5};
    size_t b;
    for (b = 0; b < sizeof backlogs / sizeof *backlogs; b++) {
        struct call connects[5], again;
        int port, i, backlog = backlogs[b];
        scif_epd_t from = listener (backlog, &port), extra = endpoint ();
        struct scif_portID to = address (port);
        double since;
        note ("backlog %d", backlog);
        fill_backlog (connects, backlog, port);
        since = now ();
        FAILS (scif_connect (extra, &to), ECONNREFUSED);
        check_at_once (since, "the refusal");
        for (i = 0; i < backlog; i++)
            CHECK (!returned (&connects[i]));
        for (i = 0; i < backlog; i++)
            accept_now (from);
        for (i = 0; i < backlog; i++) {
            finish (&connects[i], AT_ONCE);
            CHECK (connects[i].result > 0);
        }
        start_connect (&again, extra, to);
        await_request (from, &again);
        accept_now (from);
        finish (&again, AT_ONCE);
        CHECK (again.result > 0);
        for (i = 0; i < backlog; i++)
            close_epd (connects[i].epd);
        close_epd (extra);
        close_epd (from);
    }
}

CASE (backlog_in_order, "1.8", "waiting requests are accepted in their order",
      0)
{
    struct call connects[5];
    struct scif_portID peers[5];
    scif_epd_t accepted[5];
    int port, i;
    scif_epd_t from = listener (5, &port);
    fill_backlog (connects, 5, port);
    for (i = 0; i < 5; i++)
        RETURNS (scif_accept (from, &peers[i], &accepted[i], SCIF_ACCEPT_SYNC),
                 0);
    for (i = 0; i < 5; i++) {
        finish (&connects[i], AT_ONCE);
        RETURNS (connects[i].result, peers[i].port);
    }
}

CASE (listener_closed_under_requests, "1.9",
      "a listener closed with requests waiting: the connecters learn it only "
      "after 10 s, as ECONNREFUSED",
      SLOW | QUIRK)
{
    struct call connects[2];
    int port, i;
    scif_epd_t from = listener (2, &port);
    fill_backlog (connects, 2, port);
    close_epd (from);
    for (i = 0; i < 2; i++) {
        double took = finish (&connects[i], LIMIT_MOST);
        RETURNS (connects[i].result, -1);
        RETURNS (connects[i].error, ECONNREFUSED);
        observe (took >= LIMIT_LEAST, "connecter %d refused after %.2f s", i,
                 took);
    }
}
