/* SPDX-License-Identifier: MPL-2.0 */
/* scif_listen and scif_accept. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"
#include "wire.h"

#define BACKLOG_MAX 1024

/* The greeting follows the request at once, unless its sender was stopped. */
#define GREETING_PATIENCE_MS 1000

int do_listen (scif_epd_t epd, int backlog)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = 0;
    pthread_mutex_lock (&endpoint->lock);
    if (endpoint->state == STATE_UNBOUND || backlog <= 0)
        error = EINVAL;
    else if (endpoint->state == STATE_CONNECTED && endpoint_is_hung_up (epd))
        error = EINVAL;
    else if (endpoint->state != STATE_BOUND)
        error = EISCONN;
    else {
        /* accept must not block when another thread was faster. */
        const struct timeval tick = {0, 1};
        if (backlog > BACKLOG_MAX)
            backlog = BACKLOG_MAX;
        setsockopt (epd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick);
        /* The kernel lets one more wait than it is told. */
        error = port_name_listener (endpoint, epd);
        if (!error && listen (epd, backlog - 1) != 0)
            error = errno;
        if (error)
            error = error == EADDRINUSE ? EINVAL : if_closed (error);
        else {
            endpoint->state = STATE_LISTENING;
            endpoint_drop_prepared (endpoint);
        }
    }
    pthread_mutex_unlock (&endpoint->lock);
    return endpoint_finish (endpoint, error);
}

/* The next request's socket, or -1 and errno: EAGAIN when there is none. */
static int next_request (int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    const int ready = poll (&p, 1, 0);
    if (ready < 0)
        return -1;
    if (ready == 0) {
        errno = EAGAIN;
        return -1;
    }
    return accept4 (fd, NULL, NULL, 0);
}

/*
 * Reads the greeting, meets the process that sent it and attaches the segment
 * that came with it. Null when anything is wrong.
 */
static struct segment *receive_greeting (int fd, struct process **process)
{
    struct greeting greeting;
    int fds[GREETING_FDS];
    struct pollfd p = {fd, POLLIN, 0};
    struct segment *segment = NULL;
    if (poll (&p, 1, GREETING_PATIENCE_MS) != 1)
        return NULL;
    const ssize_t n =
      wire_receive (fd, &greeting, sizeof greeting, fds, GREETING_FDS);
    if (fds[GREETING_SEGMENT] < 0)
        return NULL;
    if (n == (ssize_t) sizeof greeting && greeting.magic == SEGMENT_MAGIC
        && greeting.version == SEGMENT_VERSION)
        segment = segment_attach (fds[GREETING_SEGMENT]);
    if (segment)
        *process = process_meet (greeting.process, fds[GREETING_MAILBOX]);
    else
        close (fds[GREETING_MAILBOX]);
    close (fds[GREETING_SEGMENT]);
    return segment;
}

/* Takes the tokens that follow the greeting: the connecter gets going. */
static void take_hold (int fd, uint32_t tokens)
{
    struct pollfd p = {fd, POLLIN, 0};
    for (;;) {
        tokens -= tokens_take (fd, tokens);
        if (tokens == 0 || endpoint_is_hung_up (fd)
            || poll (&p, 1, GREETING_PATIENCE_MS) <= 0)
            return;
    }
}

/*
 * A connecter that was killed can still be accepted until its time is up. What
 * is older is skipped, unless it is to be as deadly as on the driver.
 */
static bool is_stale (const struct segment *segment, int fd)
{
    if (now_ms () - segment->born_ms < segment->timeout_ms)
        return false;
    if (!config_get ()->stale)
        return endpoint_is_hung_up (fd);
    fprintf (stderr,
             "softscif: accepted a request that has outlived its connecter's "
             "%g s: a real driver would now work on freed memory\n",
             segment->timeout_ms / 1000.0);
    abort ();
}

/*
 * The driver does not tell connecters that a listener has gone. Their sockets
 * would: so the requests are kept until their time is up, or the next listener
 * after that closes.
 */
void accept_hold_requests (struct endpoint *listener, int fd)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static struct held
    {
        struct held *next;
        int fd;
        int64_t until_ms;
    } *all;
    if (!config_get ()->stale || listener->state != STATE_LISTENING
        || listener->inherited)
        return;
    const int64_t now = now_ms ();
    pthread_mutex_lock (&lock);
    for (struct held **link = &all, *h; (h = *link);)
        if (h->until_ms <= now) {
            *link = h->next;
            close (h->fd);
            free (h);
        } else
            link = &h->next;
    for (struct held *h; (h = malloc (sizeof *h)); all = h) {
        h->fd = next_request (fd);
        if (h->fd < 0) {
            free (h);
            break;
        }
        fcntl (h->fd, F_SETFD, FD_CLOEXEC);
        h->until_ms = now + config_get ()->connect_timeout_ms;
        h->next = all;
    }
    pthread_mutex_unlock (&lock);
}

/*
 * Turns a request into an endpoint; false, and fd closed, when nobody stands
 * behind it. What the connecter may rely on is in place before its socket
 * turns writable.
 */
static bool grant (const struct endpoint *listener,
                   int fd,
                   struct scif_portID *peer)
{
    struct process *process = NULL;
    struct segment *segment =
      wire_user_is_welcome (fd) ? receive_greeting (fd, &process) : NULL;
    struct endpoint *endpoint = NULL;
    if (segment && process && !is_stale (segment, fd) && tokens_prepare (fd, true)
        && process_self ())
        endpoint = endpoint_create (fd);
    if (!endpoint) {
        segment_unmap (segment);
        process_put (process);
        close (fd);
        return false;
    }
    process_introduce (process);
    segment_init_side (segment, 1);
    segment->side[1].send.wide = 1;
    segment->side[1].process = process_id (process_self ());
    endpoint->peer_process = process;
    uint32_t expected = REQUEST_WAITING;
    if (!atomic_compare_exchange_strong (&segment->request, &expected,
                                         REQUEST_ACCEPTED)) {
        is_stale (segment, fd); /* since just now */
        segment_unmap (segment);
        endpoint_close (endpoint, fd);
        endpoint_put (endpoint);
        return false;
    }
    pthread_mutex_lock (&endpoint->lock);
    port_share (endpoint, listener->port);
    endpoint->segment = segment;
    endpoint->side = 1;
    endpoint->peer.node = segment->node;
    endpoint->peer.port = segment->port;
    endpoint->state = STATE_CONNECTED;
    *peer = endpoint->peer;
    pthread_mutex_unlock (&endpoint->lock);
    take_hold (fd, segment->tokens);
    endpoint_put (endpoint);
    return true;
}

/* Sleeps until a request comes or the listener is closed; 0 or errno. */
static int await_request (struct endpoint *listener, int fd)
{
    struct accept_waiter self = {NULL, fd, eventfd (0, EFD_CLOEXEC)};
    if (self.event_fd < 0)
        return errno;
    pthread_mutex_lock (&listener->lock);
    self.next = listener->waiters;
    listener->waiters = &self;
    pthread_mutex_unlock (&listener->lock);

    struct pollfd p[] = {{fd, POLLIN, 0}, {self.event_fd, POLLIN, 0}};
    int error = poll (p, 2, -1) < 0 ? errno : 0;
    if (!error && p[1].revents)
        error = EINTR;
    else if (!error && (p[0].revents & POLLNVAL))
        error = EBADF;

    pthread_mutex_lock (&listener->lock);
    struct accept_waiter **link = &listener->waiters;
    while (*link && *link != &self)
        link = &(*link)->next;
    if (*link)
        *link = self.next;
    pthread_mutex_unlock (&listener->lock);
    close (self.event_fd);
    return error;
}

static int accept_one (struct endpoint *listener,
                       int fd,
                       struct scif_portID *peer,
                       int *accepted,
                       bool wait)
{
    for (;;) {
        const int request = next_request (fd);
        if (request >= 0) {
            if (grant (listener, request, peer)) {
                *accepted = request;
                return 0;
            }
            continue;
        }
        if (errno != EAGAIN && errno != ECONNABORTED)
            return if_closed (errno);
        if (!wait)
            return EAGAIN;
        const int error = await_request (listener, fd);
        if (error)
            return error;
        if (!endpoint_owns (listener, fd))
            return EBADF;
    }
}

int do_accept (scif_epd_t epd,
                             struct scif_portID *peer,
                             scif_epd_t *newepd,
                             int flags)
{
    if (!peer || !newepd || (flags & ~SCIF_ACCEPT_SYNC) != 0) {
        errno = EINVAL;
        return -1;
    }
    struct endpoint *listener = endpoint_get (epd);
    if (!listener)
        return -1;
    struct scif_portID from = {0, 0};
    int accepted = -1;
    int error = listener->state != STATE_LISTENING
                  ? EINVAL
                  : accept_one (listener, epd, &from, &accepted, flags != 0);
    if (!error
        && (!memory_is_writable (peer, sizeof *peer)
            || !memory_is_writable (newepd, sizeof *newepd))) {
        do_close (accepted);
        error = EFAULT;
    }
    if (!error) {
        memcpy (peer, &from, sizeof from);
        memcpy (newepd, &accepted, sizeof accepted);
    }
    return endpoint_finish (listener, error);
}
