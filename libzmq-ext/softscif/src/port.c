/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Ports are names of sockets in the abstract name space, which vanish with
 * their last descriptor however a process ends. A bound endpoint's own socket
 * has the name of its port. An accepted endpoint's socket cannot have a name
 * of its own, so each process that accepted on a port claims it by one extra
 * socket for as long as such endpoints live.
 *
 * With SOFTSCIF_DIR names are files in a directory, which containers can
 * share. A port is then claimed by a lock on a file, which also goes with the
 * process; what a killed one leaves is a file that nobody has locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"

#define PORT_FIRST_AUTOMATIC (SCIF_PORT_RSVD + 1)
#define PORT_LAST 65535
#define FEW_TRIES 64
#define TRIES_SHARE 10

struct claim
{
    struct claim *next;
    uint16_t port;
    int fd; /* -1 when another process has the claim */
    unsigned refs;
};

static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;
static struct claim *claims;

struct name
{
    struct sockaddr_un address;
    socklen_t size;
};

/* The path of a port's socket, or lock; false when the directory's is too long. */
static bool path_of (
  uint16_t node, uint16_t port, const char *suffix, char *path, size_t size)
{
    const struct config *config = config_get ();
    const int n =
      snprintf (path, size, "%s/softscif.%s.%u.%u%s", config->dir,
                config->realm, (unsigned) node, (unsigned) port, suffix);
    return n > 0 && (size_t) n < size;
}

static struct name name_of (uint16_t node, uint16_t port, const char *suffix)
{
    struct name name;
    memset (&name, 0, sizeof name);
    name.address.sun_family = AF_UNIX;
    if (config_get ()->dir) {
        name.size = sizeof name.address;
        if (!path_of (node, port, suffix, name.address.sun_path,
                      sizeof name.address.sun_path))
            name.address.sun_path[0] = '\0';
        return name;
    }
    const int n = snprintf (name.address.sun_path + 1,
                            sizeof name.address.sun_path - 1,
                            "softscif/%s/%u/%u%s", config_get ()->realm,
                            (unsigned) node, (unsigned) port, suffix);
    name.size = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + 1
                             + (size_t) n);
    return name;
}

static int bind_to (int fd, const struct name *name)
{
    return bind (fd, (const struct sockaddr *) &name->address, name->size) == 0
             ? 0
             : errno;
}

/* A socket that claims a port by its name, or -1 and errno. */
static int claiming_socket (const struct name *name)
{
    const int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    const int error = bind_to (fd, name);
    if (error) {
        close (fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* Datagram sockets, as connecting to one tells that it is there and no more. */
static bool is_claimed (uint16_t port)
{
    const struct name name = name_of (config_get ()->node, port, "/accepted");
    const int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool claimed =
      fd >= 0
      && connect (fd, (const struct sockaddr *) &name.address, name.size) == 0;
    if (fd >= 0)
        close (fd);
    return claimed;
}

/*
 * 0, or EADDRINUSE and the like. A socket cannot give its name back: one that
 * has got the name of a claimed port is replaced. Other processes that share
 * it would keep the old one, so with such the claim is looked for first, too.
 */
static int try_port (struct endpoint *endpoint, int fd, uint16_t port)
{
    const struct name name = name_of (config_get ()->node, port, "");
    const int error = atomic_load (&endpoint->forked) && is_claimed (port)
                        ? EADDRINUSE
                        : bind_to (fd, &name);
    if (error || !is_claimed (port))
        return error;
    return endpoint_renew_socket (endpoint, fd) ? EADDRINUSE : errno;
}

/* ---- ports as files ---- */

/* Opens and locks the file; -1 and EADDRINUSE when another has it locked. */
static int lock_file (const char *path)
{
    for (;;) {
        struct stat opened, there;
        const int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return -1;
        if (flock (fd, LOCK_EX | LOCK_NB) != 0) {
            close (fd);
            errno = EADDRINUSE;
            return -1;
        }
        /* Its last owner may have removed it between the two calls. */
        if (fstat (fd, &opened) == 0 && stat (path, &there) == 0
            && opened.st_ino == there.st_ino)
            return fd;
        close (fd);
    }
}

static int claim_file (struct endpoint *endpoint, uint16_t port)
{
    char path[sizeof ((struct sockaddr_un *) 0)->sun_path];
    if (!path_of (config_get ()->node, port, ".lock", path, sizeof path))
        return ENAMETOOLONG;
    struct claim *claim = calloc (1, sizeof *claim);
    if (!claim)
        return ENOMEM;
    claim->fd = lock_file (path);
    if (claim->fd < 0) {
        const int error = errno;
        free (claim);
        return error;
    }
    claim->port = port;
    claim->refs = 1;
    pthread_mutex_lock (&claims_lock);
    claim->next = claims;
    claims = claim;
    pthread_mutex_unlock (&claims_lock);
    endpoint->claim = claim;
    return 0;
}

/* Removes a port's files, unless a forked process still has the claim. */
static void remove_files (uint16_t port)
{
    char lock[sizeof ((struct sockaddr_un *) 0)->sun_path];
    char socket_path[sizeof lock];
    const uint16_t node = config_get ()->node;
    if (!path_of (node, port, ".lock", lock, sizeof lock)
        || !path_of (node, port, "", socket_path, sizeof socket_path))
        return;
    const int fd = lock_file (lock);
    if (fd < 0)
        return;
    unlink (socket_path);
    unlink (lock);
    close (fd);
}

int port_name_listener (const struct endpoint *endpoint, int fd)
{
    if (!config_get ()->dir)
        return 0; /* it has its name since it was bound */
    const struct name name =
      name_of (config_get ()->node, endpoint->port, "");
    unlink (name.address.sun_path);
    return bind_to (fd, &name);
}

/* ---- */

/*
 * This process' own ports, which are never tried, and those of others that were
 * found taken. They are not tried each time: that would take long when there
 * are many. As other processes do not tell when they let go of theirs all are
 * tried again now and then, as often as takes a tenth of the time, and always
 * when they are few.
 */
static _Atomic uint64_t own[PORT_LAST / 64 + 1], taken[PORT_LAST / 64 + 1];
static _Atomic int64_t try_all_from_ns;

static void note (_Atomic uint64_t *ports, uint16_t port, bool is_in)
{
    const uint64_t bit = UINT64_C (1) << port % 64;
    if (is_in)
        atomic_fetch_or (&ports[port / 64], bit);
    else
        atomic_fetch_and (&ports[port / 64], ~bit);
}

static int take_port (struct endpoint *endpoint, int fd, uint16_t port)
{
    return config_get ()->dir ? claim_file (endpoint, port)
                              : try_port (endpoint, fd, port);
}

/* The lowest port that is free. */
static int take_any_port (struct endpoint *endpoint, int fd, uint16_t *port)
{
    const bool all = now_ns () >= try_all_from_ns;
    const int64_t start = used_ns ();
    unsigned tries = 0;
    for (size_t i = 0; all && i < sizeof taken / sizeof *taken; i++)
        taken[i] = 0;
    for (unsigned p = PORT_FIRST_AUTOMATIC; p <= PORT_LAST; p++) {
        if ((own[p / 64] | taken[p / 64]) >> p % 64 & 1)
            continue;
        tries++;
        *port = (uint16_t) p;
        const int error = take_port (endpoint, fd, *port);
        if (error == EADDRINUSE) {
            note (taken, *port, true);
            continue;
        }
        if (tries > FEW_TRIES)
            try_all_from_ns =
              now_ns () + (used_ns () - start) * (TRIES_SHARE - 1);
        return error;
    }
    /* Some may be free by now. */
    try_all_from_ns = 0;
    return all ? ENOSPC : take_any_port (endpoint, fd, port);
}

int port_bind (struct endpoint *endpoint, int fd, uint16_t port)
{
    int error = port == 0 ? take_any_port (endpoint, fd, &port)
                          : take_port (endpoint, fd, port);
    if (error == EADDRINUSE) {
        /* Perhaps held by endpoints that were closed behind our back. */
        endpoint_collect_garbage ();
        error = take_port (endpoint, fd, port);
    }
    if (error) {
        errno = error == EADDRINUSE ? EINVAL : if_closed (error);
        return -1;
    }
    note (own, port, true);
    endpoint->port = port;
    return port;
}

bool port_rebind (struct endpoint *endpoint, int fd)
{
    const struct name name =
      name_of (config_get ()->node, endpoint->port, "");
    return config_get ()->dir || bind_to (fd, &name) == 0;
}

void port_share (struct endpoint *endpoint, uint16_t port)
{
    endpoint->port = port;
    pthread_mutex_lock (&claims_lock);
    struct claim *claim = claims;
    while (claim && claim->port != port)
        claim = claim->next;
    if (!claim && (claim = calloc (1, sizeof *claim))) {
        const struct name name =
          name_of (config_get ()->node, port, "/accepted");
        claim->port = port;
        claim->fd = claiming_socket (&name);
        claim->next = claims;
        claims = claim;
    }
    if (claim)
        claim->refs++;
    endpoint->claim = claim;
    pthread_mutex_unlock (&claims_lock);
}

void port_release (struct endpoint *endpoint)
{
    struct claim *claim = endpoint->claim;
    endpoint->claim = NULL;
    note (own, endpoint->port, false);
    endpoint->port = 0;
    if (!claim)
        return;
    pthread_mutex_lock (&claims_lock);
    if (--claim->refs == 0) {
        struct claim **link = &claims;
        while (*link != claim)
            link = &(*link)->next;
        *link = claim->next;
        if (claim->fd >= 0)
            close (claim->fd);
        if (config_get ()->dir)
            remove_files (claim->port);
        free (claim);
    }
    pthread_mutex_unlock (&claims_lock);
}

uint16_t port_of_socket (int fd)
{
    struct name name;
    if (config_get ()->dir)
        return 0;
    const struct name mine = name_of (config_get ()->node, 0, "");
    const size_t prefix = (size_t) mine.size
                          - offsetof (struct sockaddr_un, sun_path) - 1;
    name.size = sizeof name.address;
    memset (&name.address, 0, sizeof name.address);
    if (getsockname (fd, (struct sockaddr *) &name.address, &name.size) != 0
        || name.size <= mine.size - 1
        || memcmp (name.address.sun_path, mine.address.sun_path, prefix) != 0)
        return 0;
    return (uint16_t) strtoul (name.address.sun_path + prefix, NULL, 10);
}

void port_after_fork (void)
{
    pthread_mutex_init (&claims_lock, NULL);
}

int port_dial (int fd, const struct scif_portID *dst)
{
    const struct name name = name_of (dst->node, dst->port, "");
    /* A full backlog would block; one tick is the shortest there is. */
    struct timeval limit = {0, 1};
    setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    int rc;
    do
        rc = connect (fd, (const struct sockaddr *) &name.address, name.size);
    while (rc != 0 && errno == EINTR);
    const int error = rc == 0 ? 0 : errno;
    limit.tv_usec = 0;
    setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return error;
}
