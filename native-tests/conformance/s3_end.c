/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 3.8 to 3.11: how connections end, processes, and many at once. */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a pair across two processes ---- */

/* The accepting half: listens, tells its port, accepts. */
static scif_epd_t serve (struct peer *me)
{
    int port;
    scif_epd_t from = listener (1, &port), accepted;
    struct scif_portID peer;
    peer_tell (me, port);
    RETURNS (scif_accept (from, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    close_epd (from);
    return accepted;
}

/* The connecting half. */
static scif_epd_t reach (struct peer *peer)
{
    struct scif_portID to = address ((int) peer_hear (peer));
    scif_epd_t epd = endpoint ();
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    return epd;
}

/* The rest of the stream called 1 from position on, then the reset. Returns
   where it ended. */
static size_t drain_stream (scif_epd_t epd, size_t position)
{
    char bytes[100];
    for (;;) {
        int got = scif_recv (epd, bytes, sizeof bytes, SCIF_RECV_BLOCK);
        if (got == -1 && errno == ECONNRESET)
            return position;
        CHECK (got > 0);
        check_pattern (bytes, (size_t) got, 1, position);
        position += (size_t) got;
    }
}

static void check_over (scif_epd_t epd)
{
    char byte = 'x';
    FAILS (scif_recv (epd, &byte, 1, 0), ECONNRESET);
    FAILS (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), ECONNRESET);
    FAILS (scif_send (epd, &byte, 1, 0), ECONNRESET);
    FAILS (scif_send (epd, &byte, 1, SCIF_SEND_BLOCK), ECONNRESET);
}

CASE (drain_after_close, "3.8",
      "what the peer sent before its close stays readable, in pieces, then "
      "ECONNRESET",
      0)
{
    char bytes[ROOM];
    int end;
    for (end = 0; end < 2; end++) {
        struct pair pair = pair_open ();
        scif_epd_t own = end ? pair.accepted : pair.connecter;
        scif_epd_t other = end ? pair.connecter : pair.accepted;
        RETURNS (send_until_full (other, 1, 0), ROOM);
        close_epd (other);
        await_hangup (own);
        RETURNS (scif_recv (own, bytes, 1, 0), 1);
        check_pattern (bytes, 1, 1, 0);
        RETURNS (scif_recv (own, bytes, 1000, SCIF_RECV_BLOCK), 1000);
        check_pattern (bytes, 1000, 1, 1);
        RETURNS (scif_recv (own, bytes, ROOM, SCIF_RECV_BLOCK), ROOM - 1001);
        check_pattern (bytes, ROOM - 1001, 1, 1001);
        check_over (own);
        close_epd (own);
    }
}

CASE (send_after_close, "3.8",
      "send after the peer's close: ECONNRESET at once, and no SIGPIPE", 0)
{
    struct pair pair = pair_open ();
    double since;
    int i;
    signal (SIGPIPE, SIG_DFL);
    send_all (pair.connecter, "unread", 6);
    send_all (pair.accepted, "unread", 6);
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    since = now ();
    for (i = 0; i < 3; i++) {
        FAILS (scif_send (pair.connecter, "x", 1, 0), ECONNRESET);
        FAILS (scif_send (pair.connecter, "x", 1, SCIF_SEND_BLOCK), ECONNRESET);
    }
    check_at_once (since, "the answers");
}

CASE (blocked_recv_closed, "3.8",
      "the peer's close ends a blocked recv: the count so far, else ECONNRESET",
      0)
{
    int queued;
    for (queued = 0; queued <= 10; queued += 10) {
        struct pair pair = pair_open ();
        struct call recv;
        char bytes[100], part[10];
        fill (part, 10, 1, 0);
        if (queued)
            send_all (pair.accepted, part, queued);
        start_recv (&recv, pair.connecter, bytes, 100, SCIF_RECV_BLOCK);
        await_blocked (&recv);
        close_epd (pair.accepted);
        if (queued) {
            finish_returning (&recv, queued);
            check_pattern (bytes, (size_t) queued, 1, 0);
        } else
            finish_failing (&recv, ECONNRESET);
        check_over (pair.connecter);
        close_epd (pair.connecter);
    }
}

CASE (blocked_send_closed, "3.8",
      "the peer's close ends a blocked send: the count so far, else ECONNRESET",
      0)
{
    static char bytes[ROOM * 2];
    int full;
    for (full = 0; full < 2; full++) {
        struct pair pair = pair_open ();
        struct call send;
        if (full)
            RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
        start_send (&send, pair.connecter, bytes, sizeof bytes,
                    SCIF_SEND_BLOCK);
        await_blocked (&send);
        close_epd (pair.accepted);
        if (full)
            finish_failing (&send, ECONNRESET);
        else
            finish_returning (&send, ROOM);
        check_over (pair.connecter);
        close_epd (pair.connecter);
    }
}

static void send_some_and_stay (struct peer *me, void *unused)
{
    scif_epd_t epd = serve (me);
    (void) unused;
    RETURNS (send_until_full (epd, 1, 0), ROOM);
    peer_tell (me, 0);
    peer_hear (me);
}

CASE (drain_after_kill, "3.8",
      "what a killed process had sent stays readable, then ECONNRESET", 0)
{
    struct peer peer = peer_start (send_some_and_stay, NULL);
    scif_epd_t epd = reach (&peer);
    peer_hear (&peer);
    peer_kill (&peer, AT_ONCE);
    await_hangup (epd);
    CHECK (drain_stream (epd, 0) == ROOM);
    check_over (epd);
}

static void send_for_ever (struct peer *me, void *unused)
{
    (void) unused;
    send_forever (serve (me));
}

CASE (killed_in_blocked_send, "3.8",
      "a process killed in a blocked send: a whole prefix of its stream, then "
      "ECONNRESET",
      0)
{
    int round;
    for (round = 0; round < 10; round++) {
        struct peer peer = peer_start (send_for_ever, NULL);
        scif_epd_t epd = reach (&peer);
        static char bytes[ROOM];
        int i;
        for (i = 0; i < round; i++) {
            recv_all (epd, bytes, ROOM);
            check_pattern (bytes, ROOM, 1, (size_t) i * ROOM);
        }
        peer_kill (&peer, AT_ONCE);
        await_hangup (epd);
        drain_stream (epd, (size_t) round * ROOM);
        check_over (epd);
        close_epd (epd);
    }
}

static void recv_and_stay (struct peer *me, void *unused)
{
    char bytes[100];
    scif_epd_t epd = serve (me);
    (void) unused;
    recv_all (epd, bytes, 10);
    peer_tell (me, 0);
    recv_all (epd, bytes, 100);
}

CASE (killed_in_blocked_recv, "3.8",
      "a process killed in a blocked recv: its peer's blocked calls end", 0)
{
    struct peer peer = peer_start (recv_and_stay, NULL);
    scif_epd_t epd = reach (&peer);
    struct call recv;
    char bytes[10] = "0123456789";
    send_all (epd, bytes, 10);
    peer_hear (&peer);
    start_recv (&recv, epd, bytes, 10, SCIF_RECV_BLOCK);
    await_blocked (&recv);
    peer_kill (&peer, AT_ONCE);
    finish_failing (&recv, ECONNRESET);
    check_over (epd);
}

static void exit_quietly (struct peer *me, void *unused)
{
    scif_epd_t epd = serve (me);
    (void) unused;
    send_all (epd, "bye", 3);
}

CASE (peer_exits, "3.8", "a process that exits without close: the same as close",
      0)
{
    struct peer peer = peer_start (exit_quietly, NULL);
    scif_epd_t epd = reach (&peer);
    char bytes[10];
    peer_finish (&peer);
    await_hangup (epd);
    RETURNS (scif_recv (epd, bytes, 10, SCIF_RECV_BLOCK), 3);
    SAME_BYTES (bytes, "bye", 3);
    check_over (epd);
}

CASE (own_fd_closed_in_recv, "3.9",
      "own descriptor closed in another thread: a blocked recv stays blocked "
      "and ends by data",
      QUIRK)
{
    struct pair pair = pair_open ();
    struct call recv;
    char byte;
    start_recv (&recv, pair.connecter, &byte, 1, SCIF_RECV_BLOCK);
    await_blocked (&recv);
    close_epd (pair.connecter);
    sleep_ms (QUIET_MS);
    observe (!returned (&recv), "recv stays blocked");
    observe (!(scif_poll_now (pair.accepted, POLLIN) & POLLHUP),
             "no HUP at the peer");
    scif_send (pair.accepted, "x", 1, 0);
    finish (&recv, AT_ONCE);
    observe (recv.result == 1, "recv gets the byte");
    await_hangup (pair.accepted);
}

CASE (not_a_file_or_socket, "3.10",
      "read and write: EINVAL; getsockopt and shutdown: ENOTSOCK; lseek: "
      "ESPIPE",
      DESCRIPTOR)
{
    struct pair pair = pair_open ();
    char byte = 'x';
    int value;
    socklen_t len = sizeof value;
    observe (lseek (pair.connecter, 0, SEEK_CUR) == -1 && errno == ESPIPE,
             "lseek: ESPIPE");
    observe (getsockopt (pair.connecter, SOL_SOCKET, SO_ERROR, &value, &len)
                 == -1
               && errno == ENOTSOCK,
             "getsockopt: ENOTSOCK");
    observe (read (pair.connecter, &byte, 0) == -1 && errno == EINVAL,
             "read: EINVAL");
    observe (write (pair.connecter, &byte, 0) == -1 && errno == EINVAL,
             "write: EINVAL");
}

/* ---- close, dup, fork ---- */

CASE (close_argument, "3.11", "scif_close of a descriptor that is not open: "
                              "EBADF",
      0)
{
    FAILS (scif_close (closed_fd ()), EBADF);
    FAILS (scif_close (-1), EBADF);
}

CASE (close_foreign, "3.11", "scif_close of another kind of descriptor: close",
      0)
{
    int fd = foreign_fd ();
    RETURNS (scif_close (fd), 0);
    FAILS (fcntl (fd, F_GETFD), EBADF);
}

CASE (close_states, "3.11", "scif_close works at once in every state", 0)
{
    scif_epd_t bound;
    int port;
    double since = now ();
    close_epd (endpoint ());
    dead_port (&bound);
    close_epd (bound);
    close_epd (listener (3, &port));
    close_epd (disconnected_endpoint ());
    check_at_once (since, "four closes");
}

CASE (plain_close, "3.11", "close of the system does what scif_close does", 0)
{
    struct pair pair = pair_open ();
    char byte;
    RETURNS (close (pair.accepted), 0);
    await_hangup (pair.connecter);
    FAILS (scif_recv (pair.connecter, &byte, 1, 0), ECONNRESET);
}

CASE (dup_shares, "3.11",
      "a dup is the same connection: bytes through either, HUP on the last "
      "close",
      0)
{
    struct pair pair = pair_open ();
    int copy = (int) SUCCEEDS (dup (pair.connecter));
    char byte = 0;
    send_all (copy, "a", 1);
    recv_all (pair.accepted, &byte, 1);
    CHECK (byte == 'a');
    close_epd (pair.connecter);
    sleep_ms (QUIET_MS);
    EVENTS (scif_poll_now (pair.accepted, POLLIN), 0);
    send_all (pair.accepted, "b", 1);
    recv_all (copy, &byte, 1);
    CHECK (byte == 'b');
    send_all (copy, "c", 1);
    RETURNS (close (copy), 0);
    await_hangup (pair.accepted);
    recv_all (pair.accepted, &byte, 1);
    CHECK (byte == 'c');
    FAILS (scif_recv (pair.accepted, &byte, 1, 0), ECONNRESET);
}

CASE (dup2_over, "3.11", "dup2 over an endpoint closes it", 0)
{
    struct pair pair = pair_open ();
    int fd = foreign_fd ();
    char byte;
    RETURNS (dup2 (fd, pair.accepted), pair.accepted);
    await_hangup (pair.connecter);
    FAILS (scif_recv (pair.connecter, &byte, 1, 0), ECONNRESET);
    FAILS (scif_send (pair.accepted, &byte, 1, 0), ENOTTY);
}

static void use_both_ways (struct peer *me, void *epd)
{
    char bytes[3];
    recv_all (*(scif_epd_t *) epd, bytes, 3);
    SAME_BYTES (bytes, "abc", 3);
    send_all (*(scif_epd_t *) epd, "def", 3);
    peer_tell (me, 0);
    peer_hear (me);
    send_all (*(scif_epd_t *) epd, "g", 1);
}

CASE (fork_shares, "3.11",
      "after fork the child uses the connection too; HUP on the last close", 0)
{
    struct pair pair = pair_open ();
    char bytes[4];
    struct peer peer = peer_start (use_both_ways, &pair.connecter);
    send_all (pair.accepted, "abc", 3);
    peer_hear (&peer);
    recv_all (pair.accepted, bytes, 3);
    SAME_BYTES (bytes, "def", 3);
    close_epd (pair.connecter);
    sleep_ms (QUIET_MS);
    EVENTS (scif_poll_now (pair.accepted, POLLIN), 0);
    peer_tell (&peer, 0);
    /* The child holds a copy of the accepted end as well: it must be gone. */
    peer_finish (&peer);
    await_hangup (pair.accepted);
    recv_all (pair.accepted, bytes, 1);
    CHECK (bytes[0] == 'g');
    FAILS (scif_recv (pair.accepted, bytes, 1, 0), ECONNRESET);
}

static void accept_inherited (struct peer *me, void *from)
{
    struct scif_portID peer;
    scif_epd_t accepted;
    char byte;
    peer_tell (me, 0);
    RETURNS (scif_accept (*(scif_epd_t *) from, &peer, &accepted,
                          SCIF_ACCEPT_SYNC),
             0);
    close_epd (*(scif_epd_t *) from);
    recv_all (accepted, &byte, 1);
    send_all (accepted, &byte, 1);
}

CASE (fork_accepts, "3.11", "a child accepts on a listener it inherited", 0)
{
    int port;
    scif_epd_t from = listener (1, &port), epd = endpoint ();
    struct scif_portID to = address (port);
    struct peer peer = peer_start (accept_inherited, &from);
    char byte = 'q';
    peer_hear (&peer);
    CHECK (SUCCEEDS (scif_connect (epd, &to)) > 0);
    close_epd (from);
    send_all (epd, &byte, 1);
    byte = 0;
    recv_all (epd, &byte, 1);
    CHECK (byte == 'q');
    peer_finish (&peer);
}

static void connect_inherited (struct peer *me, void *epd)
{
    struct scif_portID to;
    peer_tell (me, 0);
    to = address ((int) peer_hear (me));
    CHECK (SUCCEEDS (scif_connect (*(scif_epd_t *) epd, &to)) > 0);
    send_all (*(scif_epd_t *) epd, "child", 5);
}

CASE (fork_connects, "3.11",
      "an endpoint that a child connects is connected in the parent too", 0)
{
    int port;
    scif_epd_t epd = endpoint (), from = listener (1, &port), accepted;
    struct scif_portID id;
    struct peer peer = peer_start (connect_inherited, &epd);
    char bytes[6];
    peer_hear (&peer);
    peer_tell (&peer, port);
    await_request (from, NULL);
    RETURNS (scif_accept (from, &id, &accepted, SCIF_ACCEPT_SYNC), 0);
    recv_all (accepted, bytes, 5);
    SAME_BYTES (bytes, "child", 5);
    peer_finish (&peer);
    EVENTS (scif_poll_now (epd, POLLIN | POLLOUT), POLLOUT);
    send_all (epd, "parent", 6);
    recv_all (accepted, bytes, 6);
    SAME_BYTES (bytes, "parent", 6);
}

/* ---- many ---- */

#define MANY 1000

CASE (thousand_pairs, "3.11", "1000 pairs open at once, each with its own bytes",
      0)
{
    static struct pair pairs[MANY];
    int port, i;
    char bytes[16], expected[16];
    scif_epd_t from;
    need_descriptors (2 * MANY + 64);
    from = listener (5, &port);
    for (i = 0; i < MANY; i++)
        pairs[i] = pair_through (from, port);
    for (i = 0; i < MANY; i++) {
        snprintf (bytes, sizeof bytes, "to %d", i);
        send_all (pairs[i].connecter, bytes, sizeof bytes);
        snprintf (bytes, sizeof bytes, "back %d", i);
        send_all (pairs[i].accepted, bytes, sizeof bytes);
    }
    for (i = MANY; i-- > 0;) {
        memset (expected, 0, sizeof expected);
        snprintf (expected, sizeof expected, "to %d", i);
        recv_all (pairs[i].accepted, bytes, sizeof bytes);
        CHECK (!strcmp (bytes, expected));
        snprintf (expected, sizeof expected, "back %d", i);
        recv_all (pairs[i].connecter, bytes, sizeof bytes);
        CHECK (!strcmp (bytes, expected));
    }
    for (i = 0; i < MANY; i++)
        pair_close (&pairs[i]);
}

CASE (simultaneous_closes, "3.11",
      "500 pairs closed from both sides at once with data in flight", 0)
{
    int i;
    for (i = 0; i < 500; i++) {
        struct pair pair = pair_open ();
        struct call other;
        send_all (pair.connecter, "in flight", 9);
        send_all (pair.accepted, "in flight", 9);
        start_close (&other, pair.accepted);
        close_epd (pair.connecter);
        finish_returning (&other, 0);
    }
}

CASE (no_leaked_descriptors, "3.11",
      "connecting and closing leaves no descriptor behind", 0)
{
    struct pair pair;
    int before, after, i;
    pair = pair_open ();
    pair_close (&pair);
    before = open_descriptors ();
    for (i = 0; i < 200; i++) {
        pair = pair_open ();
        if (i % 2)
            pair_close (&pair);
        else {
            close_epd (pair.accepted);
            await_hangup (pair.connecter);
            close_epd (pair.connecter);
        }
    }
    after = open_descriptors ();
    if (after > before)
        FAIL ("%d descriptors before 200 connections, %d after", before, after);
}
