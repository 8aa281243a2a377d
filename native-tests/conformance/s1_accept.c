/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 1.10, 1.12, 1.14 and 1.15: accept, and what happens to listeners. */
#define _GNU_SOURCE
#include "support.h"

#include <sys/wait.h>
#include <unistd.h>

CASE (accept_nothing, "1.10",
      "accept without SYNC and nothing waiting: EAGAIN, at once", 0)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    double since = now ();
    FAILS (scif_accept (from, &peer, &accepted, 0), EAGAIN);
    set_nonblocking (from, true);
    FAILS (scif_accept (from, &peer, &accepted, 0), EAGAIN);
    check_at_once (since, "the answer");
}

CASE (accept_waiting, "1.10", "accept without SYNC takes a waiting request", 0)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    struct call connect;
    start_connect (&connect, endpoint (), address (port));
    await_request (from, &connect);
    RETURNS (scif_accept (from, &peer, &accepted, 0), 0);
    finish_returning (&connect, peer.port);
    FAILS (scif_accept (from, &peer, &accepted, 0), EAGAIN);
}

CASE (accept_arguments, "1.10",
      "accept with bad flags or null pointers: EINVAL", 0)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    FAILS (scif_accept (from, &peer, &accepted, 2), EINVAL);
    FAILS (scif_accept (from, &peer, &accepted, 3), EINVAL);
    FAILS (scif_accept (from, &peer, &accepted, -1), EINVAL);
    FAILS (scif_accept (from, NULL, &accepted, 0), EINVAL);
    FAILS (scif_accept (from, &peer, NULL, 0), EINVAL);
    FAILS (scif_accept (from, NULL, NULL, SCIF_ACCEPT_SYNC), EINVAL);
}

CASE (accept_states, "1.10",
      "accept on anything but a listener: EINVAL; closed: EBADF; another kind: "
      "ENOTTY",
      0)
{
    scif_epd_t bound, accepted;
    struct scif_portID peer;
    struct pair pair = pair_open ();
    dead_port (&bound);
    FAILS (scif_accept (endpoint (), &peer, &accepted, 0), EINVAL);
    FAILS (scif_accept (bound, &peer, &accepted, SCIF_ACCEPT_SYNC), EINVAL);
    FAILS (scif_accept (pair.connecter, &peer, &accepted, 0), EINVAL);
    FAILS (scif_accept (pair.accepted, &peer, &accepted, 0), EINVAL);
    FAILS (scif_accept (disconnected_endpoint (), &peer, &accepted, 0), EINVAL);
    FAILS (scif_accept (closed_fd (), &peer, &accepted, 0), EBADF);
    FAILS (scif_accept (foreign_fd (), &peer, &accepted, 0), ENOTTY);
}

CASE (accept_sync_blocks, "1.10",
      "accept with SYNC blocks until a request comes, O_NONBLOCK or not", 0)
{
    int nonblocking;
    for (nonblocking = 0; nonblocking < 2; nonblocking++) {
        int port;
        scif_epd_t from = listener (1, &port);
        struct call accept, connect;
        set_nonblocking (from, nonblocking);
        start_accept (&accept, from);
        await_blocked (&accept);
        start_connect (&connect, endpoint (), address (port));
        finish_returning (&accept, 0);
        finish_returning (&connect, accept.id.port);
        close_epd (connect.epd);
        close_epd (accept.accepted);
        close_epd (from);
    }
}

CASE (accept_closed_listener, "1.10",
      "accept blocked while another thread closes the listener: EINTR at once",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct call accept;
    start_accept (&accept, from);
    await_blocked (&accept);
    close_epd (from);
    finish_failing (&accept, EINTR);
}

CASE (accept_signal, "1.10",
      "a signal ends a blocked accept with EINTR, SA_RESTART or not", 0)
{
    static const int flags[] = {0, SA_RESTART};
    int port, i;
    scif_epd_t from = listener (1, &port);
    for (i = 0; i < 2; i++) {
        struct call accept;
        start_accept (&accept, from);
        await_blocked (&accept);
        interrupt (&accept, flags[i]);
        finish_failing (&accept, EINTR);
    }
}

CASE (stale_request, "1.12",
      "a request that outlived its connecter's 10 s keeps POLLIN up until the "
      "listener is closed",
      SLOW | QUIRK)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    observe (scif_poll_now (from, POLLIN) == POLLIN, "POLLIN is still up");
    close_epd (from);
}

static void accept_stale (struct peer *me, void *from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    peer_tell (me, 0);
    scif_accept (*(scif_epd_t *) from, &peer, &accepted, SCIF_ACCEPT_SYNC);
}

CASE (stale_request_accepted, "1.12",
      "accepting a stale request never returns, even to SIGKILL",
      SLOW | QUIRK | DANGEROUS)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    struct peer peer;
    double since;
    FAILS (scif_connect (epd, &to), ECONNREFUSED);
    if (scif_poll_now (from, POLLIN) != POLLIN) {
        observe (false, "no stale request");
        return;
    }
    peer = peer_start (accept_stale, &from);
    peer_hear (&peer);
    sleep_ms (1000);
    RETURNS (kill (peer.pid, SIGKILL), 0);
    since = now ();
    while (waitpid (peer.pid, NULL, WNOHANG) == 0) {
        if (now () - since > 5) {
            observe (true, "SIGKILL does nothing for 5 s");
            return;
        }
        sleep_ms (10);
    }
    observe (false, "the accept could be killed");
}

static void connect_and_stay (struct peer *me, void *port)
{
    struct scif_portID to = address (*(int *) port);
    scif_epd_t epd = endpoint ();
    peer_tell (me, 0);
    scif_connect (epd, &to);
}

CASE (killed_while_pending, "1.12",
      "a connecter killed in its pending connect can still be accepted, which "
      "shows HUP",
      SLOW | QUIRK)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID id;
    struct peer peer = peer_start (connect_and_stay, &port);
    peer_hear (&peer);
    await_request (from, NULL);
    RETURNS (kill (peer.pid, SIGKILL), 0);
    if (scif_accept (from, &id, &accepted, 0) == 0) {
        await_hangup (accepted);
        observe (true, "accepted, with HUP");
    } else
        observe (false, "accept: errno %d %s", errno, errno_name (errno));
    peer_status (&peer, LIMIT_MOST);
}

CASE (listener_survives_dead_connecter, "1.12",
      "after a connecter died while pending, a new listener on the node serves "
      "others",
      SLOW)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct peer peer = peer_start (connect_and_stay, &port);
    struct pair pair;
    peer_hear (&peer);
    await_request (from, NULL);
    peer_kill (&peer, LIMIT_MOST);
    close_epd (from);
    pair = pair_open ();
    pair_close (&pair);
}

CASE (connection_outlives_listener, "1.14",
      "the connections go on when the listener is closed", 0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct pair pair = pair_through (from, port);
    char byte = 0;
    close_epd (from);
    send_all (pair.connecter, "a", 1);
    recv_all (pair.accepted, &byte, 1);
    CHECK (byte == 'a');
    send_all (pair.accepted, "b", 1);
    recv_all (pair.connecter, &byte, 1);
    CHECK (byte == 'b');
    EVENTS (scif_poll_now (pair.connecter, POLLIN | POLLOUT), POLLOUT);
}

CASE (closed_listener_refuses, "1.14",
      "connect to the port of a closed listener with an accepted endpoint: "
      "ECONNREFUSED",
      0)
{
    struct pair pair = pair_open ();
    struct scif_portID to = address (pair.port);
    double since = now ();
    FAILS (scif_connect (endpoint (), &to), ECONNREFUSED);
    check_at_once (since, "the refusal");
}

CASE (accepted_keeps_port, "1.14",
      "an accepted endpoint keeps its listener's port busy", QUIRK)
{
    struct pair pair = pair_open ();
    scif_epd_t epd = endpoint ();
    int result = scif_bind (epd, (uint16_t) pair.port);
    observe (result == -1 && errno == EINVAL, "bind to it: EINVAL");
    pair_close (&pair);
    close_epd (epd);
}

CASE (port_freed_twice, "1.14",
      "closing the accepted end first frees the port of the open listener",
      QUIRK | DANGEROUS | EXCLUSIVE)
{
    int port;
    scif_epd_t from = listener (2, &port), second = endpoint ();
    struct pair pair = pair_through (from, port);
    int result;
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    close_epd (pair.connecter);
    result = scif_bind (second, (uint16_t) port);
    observe (result == port, "another endpoint gets the port");
    close_epd (second);
    close_epd (from);
}

/* Whether the listener still serves a connect. */
static void check_serves (scif_epd_t from, int port)
{
    struct pair pair = pair_through (from, port);
    pair_close (&pair);
}

CASE (dup_closed_before_accept, "1.15",
      "closing a dup of a listener before the first accept does no harm", 0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    int copy = (int) SUCCEEDS (dup (from));
    RETURNS (close (copy), 0);
    check_serves (from, port);
}

static void close_copy (struct peer *me, void *epd)
{
    (void) me;
    RETURNS (close (*(scif_epd_t *) epd), 0);
}

CASE (fork_copy_closed, "1.15",
      "closing a fork child's copy of a listener does no harm, before and "
      "after the first accept",
      0)
{
    int port, round;
    scif_epd_t from = listener (1, &port);
    for (round = 0; round < 2; round++) {
        struct peer peer = peer_start (close_copy, &from);
        peer_finish (&peer);
        check_serves (from, port);
    }
}

CASE (dup_closed_after_accept, "1.15",
      "closing a dup of a listener that has accepted kills the listener",
      QUIRK)
{
    int port, result;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    check_serves (from, port);
    RETURNS (close ((int) SUCCEEDS (dup (from))), 0);
    observe (scif_poll_now (from, POLLIN) == POLLERR, "poll: ERR");
    result = scif_accept (from, &peer, &accepted, 0);
    observe (result == -1 && errno == EINVAL, "accept: EINVAL");
}

static void accept_and_stay (struct peer *me, void *from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    peer_tell (me, 0);
    scif_accept (*(scif_epd_t *) from, &peer, &accepted, SCIF_ACCEPT_SYNC);
}

/* The same defect by another way: the child is the last to have accepted, and
   its end closes its copy. */
CASE (killed_in_accept, "1.15",
      "a child killed in a blocked accept on an inherited listener kills the "
      "listener",
      QUIRK)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct peer peer = peer_start (accept_and_stay, &from);
    bool dead;
    peer_hear (&peer);
    sleep_ms (QUIET_MS);
    peer_kill (&peer, AT_ONCE);
    dead = scif_poll_now (from, POLLIN) == POLLERR;
    observe (dead, "poll: ERR");
    if (!dead)
        check_serves (from, port);
}

static void bind_and_stay (struct peer *me, void *unused)
{
    scif_epd_t epd;
    (void) unused;
    peer_tell (me, dead_port (&epd));
    peer_hear (me);
}

CASE (killed_bound, "1.2", "the port of a killed process is free", EXCLUSIVE)
{
    struct peer peer = peer_start (bind_and_stay, NULL);
    int port = (int) peer_hear (&peer);
    scif_epd_t epd = endpoint ();
    FAILS (scif_bind (epd, (uint16_t) port), EINVAL);
    peer_kill (&peer, AT_ONCE);
    RETURNS (scif_bind (epd, (uint16_t) port), port);
}

static void listen_and_stay (struct peer *me, void *unused)
{
    int port;
    (void) unused;
    listener (1, &port);
    peer_tell (me, port);
    peer_hear (me);
}

CASE (killed_listener, "1.2",
      "a killed process leaves nothing: its listener refuses, its port is free",
      EXCLUSIVE)
{
    struct peer peer = peer_start (listen_and_stay, NULL);
    int port = (int) peer_hear (&peer);
    struct scif_portID to = address (port);
    scif_epd_t connecter, epd = endpoint ();
    /* Bound beforehand: else it would be given the very port. */
    dead_port (&connecter);
    peer_kill (&peer, AT_ONCE);
    FAILS (scif_connect (connecter, &to), ECONNREFUSED);
    RETURNS (scif_bind (epd, (uint16_t) port), port);
    RETURNS (scif_listen (epd, 1), 0);
    check_serves (epd, port);
}
