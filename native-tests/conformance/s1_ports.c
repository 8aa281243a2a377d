/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 1.1 to 1.4: endpoints, ports, bind and listen. */
#define _GNU_SOURCE
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <unistd.h>

#define FIRST_AUTOMATIC 1089
#define ADMIN_END 1024

CASE (open_flags, "1.1",
      "scif_open gives a read-write descriptor with FD_CLOEXEC", 0)
{
    scif_epd_t epd = endpoint ();
    long long flags;
    CHECK (SUCCEEDS (fcntl (epd, F_GETFD)) & FD_CLOEXEC);
    flags = SUCCEEDS (fcntl (epd, F_GETFL));
    CHECK ((flags & O_ACCMODE) == O_RDWR);
    CHECK (!(flags & O_NONBLOCK));
    close_epd (epd);
}

CASE (accepted_flags, "1.1",
      "an accepted descriptor has neither FD_CLOEXEC nor the listener's "
      "O_NONBLOCK",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct pair pair;
    set_nonblocking (from, true);
    pair = pair_through (from, port);
    CHECK (!(SUCCEEDS (fcntl (pair.accepted, F_GETFD)) & FD_CLOEXEC));
    CHECK (!(SUCCEEDS (fcntl (pair.accepted, F_GETFL)) & O_NONBLOCK));
    CHECK (!(SUCCEEDS (fcntl (pair.connecter, F_GETFL)) & O_NONBLOCK));
    CHECK (SUCCEEDS (fcntl (pair.connecter, F_GETFD)) & FD_CLOEXEC);
    pair_close (&pair);
}

CASE (get_fd, "1.1", "scif_get_fd returns its argument in every state", 0)
{
    scif_epd_t epd = endpoint (), from;
    struct pair pair;
    int port;
    RETURNS (scif_get_fd (epd), epd);
    from = listener (1, &port);
    RETURNS (scif_get_fd (from), from);
    pair = pair_through (from, port);
    RETURNS (scif_get_fd (pair.connecter), pair.connecter);
    RETURNS (scif_get_fd (pair.accepted), pair.accepted);
}

/* Four automatic ports in a row are the lowest free ones. Not so when another
   program's endpoint, or the last of a case before, goes away meanwhile. */
static bool lowest_are_free (scif_epd_t epds[4], int ports[4])
{
    int i, port;
    bool lowest = true;
    for (i = 0; i < 4; i++) {
        epds[i] = endpoint ();
        ports[i] = (int) SUCCEEDS (scif_bind (epds[i], 0));
        CHECK (ports[i] >= FIRST_AUTOMATIC && ports[i] <= 0xffff);
        lowest &= i == 0 || ports[i] > ports[i - 1];
    }
    for (port = FIRST_AUTOMATIC; port < ports[0]; port++) {
        scif_epd_t epd = endpoint ();
        lowest &= scif_bind (epd, (uint16_t) port) == -1 && errno == EINVAL;
        close_epd (epd);
    }
    return lowest;
}

CASE (automatic_ports, "1.2",
      "bind to 0 gives the lowest free port from 1089 up; a freed one is "
      "reused at once",
      EXCLUSIVE)
{
    scif_epd_t epds[4];
    int ports[4], attempt, i;
    for (attempt = 0; !lowest_are_free (epds, ports); attempt++) {
        if (attempt == 5)
            FAIL ("%d is not the lowest free port", ports[0]);
        for (i = 0; i < 4; i++)
            close_epd (epds[i]);
        sleep_ms (200);
    }
    close_epd (epds[1]);
    close_epd (epds[2]);
    epds[1] = endpoint ();
    RETURNS (scif_bind (epds[1], 0), ports[1]);
    epds[2] = endpoint ();
    RETURNS (scif_bind (epds[2], (uint16_t) ports[2]), ports[2]);
}

/* Binds to the first free port of the range; 0 when none is. */
static int bind_within (int first, int last)
{
    int port;
    for (port = first; port <= last; port++) {
        scif_epd_t epd = endpoint ();
        if (scif_bind (epd, (uint16_t) port) == port)
            return port;
        if (errno != EINVAL)
            FAIL ("bind to %d: errno %d %s", port, errno, errno_name (errno));
        close_epd (epd);
    }
    return 0;
}

CASE (admin_ports_denied, "1.2",
      "ports 1 to 1023 without CAP_SYS_ADMIN: EACCES", 0)
{
    static const int ports[] = {1, 39, 500, ADMIN_END - 1};
    size_t i;
    drop_capability (CAP_SYS_ADMIN);
    for (i = 0; i < sizeof ports / sizeof *ports; i++) {
        scif_epd_t epd = endpoint ();
        FAILS (scif_bind (epd, (uint16_t) ports[i]), EACCES);
        CHECK (SUCCEEDS (scif_bind (epd, 0)) > 0);
        close_epd (epd);
    }
}

CASE (admin_ports_allowed, "1.2", "ports 1 to 1023 with CAP_SYS_ADMIN: bound",
      0)
{
    if (!has_capability (CAP_SYS_ADMIN))
        skip ("needs CAP_SYS_ADMIN");
    CHECK (bind_within (500, ADMIN_END - 1) > 0);
}

CASE (user_ports, "1.2", "ports from 1024 up are free to all", 0)
{
    drop_capability (CAP_SYS_ADMIN);
    CHECK (bind_within (ADMIN_END, 1043) > 0);
    CHECK (bind_within (1060, FIRST_AUTOMATIC - 1) > 0);
    CHECK (bind_within (65000, 65535) > 0);
}

CASE (port_held_until_close, "1.2",
      "a port is free again once its endpoint is closed", EXCLUSIVE)
{
    scif_epd_t first = endpoint (), second = endpoint ();
    int port = (int) SUCCEEDS (scif_bind (first, 0));
    FAILS (scif_bind (second, (uint16_t) port), EINVAL);
    close_epd (first);
    RETURNS (scif_bind (second, (uint16_t) port), port);
}

CASE (bind_busy, "1.3", "bind to a busy port: EINVAL, listened on or not", 0)
{
    int port, listening;
    scif_epd_t holder, epd = endpoint ();
    port = dead_port (&holder);
    listener (1, &listening);
    FAILS (scif_bind (epd, (uint16_t) port), EINVAL);
    FAILS (scif_bind (epd, (uint16_t) listening), EINVAL);
    CHECK (SUCCEEDS (scif_bind (epd, 0)) > 0);
}

CASE (bind_bound, "1.3", "bind of a bound endpoint: EINVAL", 0)
{
    scif_epd_t epd = endpoint ();
    int port = (int) SUCCEEDS (scif_bind (epd, 0));
    FAILS (scif_bind (epd, 0), EINVAL);
    FAILS (scif_bind (epd, (uint16_t) port), EINVAL);
}

CASE (bind_later_states, "1.3",
      "bind of a listening, connected or disconnected endpoint: EISCONN", 0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct pair pair;
    FAILS (scif_bind (from, 0), EISCONN);
    pair = pair_through (from, port);
    FAILS (scif_bind (pair.connecter, 0), EISCONN);
    FAILS (scif_bind (pair.accepted, 0), EISCONN);
    FAILS (scif_bind (disconnected_endpoint (), 0), EISCONN);
}

CASE (bind_bad_fd, "1.3", "bind of a closed descriptor: EBADF, of another "
                          "kind: ENOTTY",
      0)
{
    FAILS (scif_bind (closed_fd (), 0), EBADF);
    FAILS (scif_bind (-1, 0), EBADF);
    FAILS (scif_bind (foreign_fd (), 0), ENOTTY);
}

CASE (listen_unbound, "1.4", "listen on an unbound endpoint: EINVAL", 0)
{
    scif_epd_t epd = endpoint ();
    FAILS (scif_listen (epd, 1), EINVAL);
    CHECK (SUCCEEDS (scif_bind (epd, 0)) > 0);
    RETURNS (scif_listen (epd, 1), 0);
}

CASE (listen_backlog, "1.4", "listen with a backlog of 0 or less: EINVAL", 0)
{
    scif_epd_t epd;
    dead_port (&epd);
    FAILS (scif_listen (epd, 0), EINVAL);
    FAILS (scif_listen (epd, -1), EINVAL);
    FAILS (scif_listen (epd, INT_MIN), EINVAL);
    RETURNS (scif_listen (epd, 1), 0);
}

CASE (listen_later_states, "1.4",
      "listen twice or on a connected endpoint: EISCONN; disconnected: EINVAL",
      0)
{
    int port;
    scif_epd_t from = listener (1, &port);
    struct pair pair;
    FAILS (scif_listen (from, 1), EISCONN);
    pair = pair_through (from, port);
    FAILS (scif_listen (pair.connecter, 1), EISCONN);
    FAILS (scif_listen (pair.accepted, 1), EISCONN);
    FAILS (scif_listen (disconnected_endpoint (), 1), EINVAL);
}

CASE (listen_bad_fd, "1.4",
      "listen on a closed descriptor: EBADF, on another kind: ENOTTY", 0)
{
    FAILS (scif_listen (closed_fd (), 1), EBADF);
    FAILS (scif_listen (-1, 1), EBADF);
    FAILS (scif_listen (foreign_fd (), 1), ENOTTY);
}

CASE (listen_huge_backlog, "1.4", "a backlog above 1024 is accepted", 0)
{
    scif_epd_t epd;
    struct pair pair;
    int port = dead_port (&epd);
    RETURNS (scif_listen (epd, INT_MAX), 0);
    pair = pair_through (epd, port);
    pair_close (&pair);
}
