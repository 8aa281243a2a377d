/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scif_poll: poll(2), and where the socket's own answer differs from the
 * driver's, the driver's.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define FEW 32

/* How an entry is to be asked and answered. */
enum kind
{
    KIND_PLAIN,   /* no endpoint: poll(2) decides */
    KIND_IDLE,    /* an endpoint that can only be in error */
    KIND_PENDING, /* a non-blocking connect */
    KIND_LISTENER,
    KIND_CONNECTED
};

struct entry
{
    struct endpoint *endpoint;
    enum kind kind;
};

static enum kind kind_of (const struct endpoint *endpoint)
{
    switch (atomic_load (&endpoint->state)) {
        case STATE_LISTENING:
            return KIND_LISTENER;
        case STATE_PENDING:
            return KIND_PENDING;
        case STATE_CONNECTED:
            return KIND_CONNECTED;
        default:
            return KIND_IDLE;
    }
}

static short connected_events (const struct endpoint *endpoint,
                               short asked,
                               short raw)
{
    const struct segment *segment = endpoint->segment;
    if ((raw & POLLHUP) == 0)
        return (short) (raw & (asked | POLLERR | POLLNVAL));
    short events = POLLHUP;
    if (queue_used (&segment->queue[1 - endpoint->side]) > 0)
        events |= POLLIN | POLLRDNORM;
    if (queue_used (&segment->queue[endpoint->side]) < QUEUE_CAPACITY)
        events |= POLLOUT | POLLWRNORM;
    return (short) (events & (asked | POLLHUP));
}

static short translate (const struct entry *entry, short asked, short raw)
{
    switch (entry->kind) {
        case KIND_IDLE:
            return POLLERR;
        case KIND_PENDING:
            return (short) (raw ? asked & (POLLOUT | POLLWRNORM) : 0);
        case KIND_LISTENER:
            return (short) (raw & asked & (POLLIN | POLLRDNORM));
        case KIND_CONNECTED:
            return connected_events (entry->endpoint, asked, raw);
        default:
            return raw;
    }
}

/* Asks the kernel once; returns the number of entries with events. */
static int ask (struct scif_pollepd *epds,
                struct entry *entries,
                struct pollfd *fds,
                unsigned n,
                int timeout)
{
    int ready = 0;
    for (unsigned i = 0; i < n; i++) {
        const short asked = epds[i].events;
        fds[i].fd = epds[i].epd;
        fds[i].events = entries[i].kind == KIND_PENDING
                          ? (short) (asked & (POLLOUT | POLLWRNORM))
                          : asked;
        fds[i].revents = 0;
        if (entries[i].kind == KIND_IDLE)
            timeout = 0;
    }
    if (poll (fds, n, timeout) < 0)
        return -1;
    for (unsigned i = 0; i < n; i++) {
        epds[i].revents =
          translate (&entries[i], epds[i].events, fds[i].revents);
        if (epds[i].revents)
            ready++;
    }
    return ready;
}

static int poll_entries (struct scif_pollepd *epds,
                         struct entry *entries,
                         struct pollfd *fds,
                         unsigned n,
                         int timeout)
{
    const int64_t end = timeout < 0 ? INT64_MAX : now_ms () + timeout;
    for (unsigned i = 0; i < n; i++) {
        entries[i].endpoint =
          epds[i].epd < 0 ? NULL : endpoint_get (epds[i].epd);
        entries[i].kind =
          entries[i].endpoint ? kind_of (entries[i].endpoint) : KIND_PLAIN;
    }
    int rc;
    for (;;) {
        rc = ask (epds, entries, fds, n, timeout);
        if (rc != 0)
            break;
        const int64_t left = timeout < 0 ? INT64_MAX : end - now_ms ();
        if (timeout == 0 || left <= 0)
            break;
        /* What woke us says nothing in SCIF's terms: leave it out. */
        for (unsigned i = 0; i < n; i++)
            if (fds[i].revents)
                epds[i].epd = ~epds[i].epd;
        timeout = timeout < 0 ? -1 : (int) left;
    }
    for (unsigned i = 0; i < n; i++)
        if (entries[i].endpoint) {
            if (epds[i].epd < 0)
                epds[i].epd = ~epds[i].epd;
            endpoint_put (entries[i].endpoint);
        }
    return rc;
}

/* Works on a copy, as a system call would: the caller's may be misaligned. */
static int poll_copy (struct scif_pollepd *epds,
                      struct scif_pollepd *copy,
                      struct entry *entries,
                      struct pollfd *fds,
                      unsigned n,
                      int timeout)
{
    if (n > 0)
        memcpy (copy, epds, n * sizeof *copy);
    const int rc = poll_entries (copy, entries, fds, n, timeout);
    if (rc >= 0 && n > 0) {
        if (!memory_is_writable (epds, n * sizeof *epds)) {
            errno = EFAULT;
            return -1;
        }
        memcpy (epds, copy, n * sizeof *epds);
    }
    return rc;
}

int
do_poll (struct scif_pollepd *epds, unsigned int nepds, long timeout)
{
    struct scif_pollepd few_epds[FEW];
    struct entry few_entries[FEW];
    struct pollfd few_fds[FEW];
    const int limit = timeout < 0 ? -1 : timeout > INT_MAX ? INT_MAX
                                                            : (int) timeout;
    if (nepds > 0 && !memory_is_readable (epds, nepds * sizeof *epds)) {
        errno = EFAULT;
        return -1;
    }
    if (nepds <= FEW)
        return poll_copy (epds, few_epds, few_entries, few_fds, nepds, limit);

    int rc = -1;
    struct scif_pollepd *copy = calloc (nepds, sizeof *copy);
    struct entry *entries = calloc (nepds, sizeof *entries);
    struct pollfd *fds = calloc (nepds, sizeof *fds);
    errno = ENOMEM;
    if (copy && entries && fds)
        rc = poll_copy (epds, copy, entries, fds, nepds, limit);
    const int saved = errno;
    free (copy);
    free (entries);
    free (fds);
    errno = saved;
    return rc;
}
