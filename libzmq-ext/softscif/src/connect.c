/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scif_open, scif_bind, scif_close and scif_connect.
 *
 * A request is a connection to the listener's socket with a greeting that
 * carries the shared segment, followed by tokens that keep the connecter's
 * socket unwritable. The accepter marks the segment accepted and takes the
 * tokens: the socket turns writable at the very moment the connection exists.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "wire.h"

#define HOLD_PATIENCE_MS 100

scif_epd_t do_open (void)
{
    const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SCIF_OPEN_FAILED;
    struct endpoint *endpoint = endpoint_create (fd);
    if (!endpoint) {
        close (fd);
        errno = ENOMEM;
        return SCIF_OPEN_FAILED;
    }
    endpoint_put (endpoint);
    return fd;
}

int do_close (scif_epd_t epd)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return errno == ENOTTY ? close (epd) : -1;
    pthread_mutex_lock (&endpoint->lock);
    for (struct accept_waiter *w = endpoint->waiters; w; w = w->next)
        if (w->fd == epd) {
            const uint64_t one = 1;
            if (write (w->event_fd, &one, sizeof one) < 0)
                continue; /* it has been told already */
        }
    pthread_mutex_unlock (&endpoint->lock);
    async_drain (endpoint);
    mappings_check (endpoint);
    const int rc = endpoint_close (endpoint, epd);
    endpoint_put (endpoint);
    windows_tidy ();
    return rc;
}

int do_bind (scif_epd_t epd, uint16_t pn)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int rc = -1;
    pthread_mutex_lock (&endpoint->lock);
    if (endpoint->state == STATE_BOUND)
        errno = EINVAL;
    else if (endpoint->state != STATE_UNBOUND)
        errno = EISCONN;
    else if (pn != 0 && pn < SCIF_ADMIN_PORT_END
             && !config_may_use_admin_ports ())
        errno = EACCES;
    else if ((rc = port_bind (endpoint, epd, pn)) > 0)
        endpoint->state = STATE_BOUND;
    pthread_mutex_unlock (&endpoint->lock);
    endpoint_put (endpoint);
    return rc;
}

static int send_greeting (int fd, int segment_fd, struct process *self)
{
    struct greeting greeting = {SEGMENT_MAGIC, SEGMENT_VERSION,
                                process_id (self)};
    const int fds[GREETING_FDS] = {segment_fd, process_mailbox (self)};
    if (wire_send (fd, &greeting, sizeof greeting, fds, GREETING_FDS)
        != (ssize_t) sizeof greeting)
        return ECONNREFUSED;
    return tokens_send (fd, tokens_when_full ()) == 0 ? 0 : ECONNREFUSED;
}

bool wire_user_is_welcome (int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return false;
    return peer.uid == geteuid () || peer.uid == 0 || config_get ()->any_user;
}

/* Puts a used socket aside; the endpoint is bound again, or unbound. */
static void start_over (struct endpoint *endpoint, int fd)
{
    if (endpoint_renew_socket (endpoint, fd) && port_rebind (endpoint, fd)) {
        endpoint->state = STATE_BOUND;
    } else {
        endpoint->port = 0;
        endpoint->state = STATE_UNBOUND;
    }
    segment_unmap (endpoint->segment);
    endpoint->segment = NULL;
    process_expect (-1);
}

/* Sends the request; 0 or errno. The endpoint is bound, its lock held. */
static int send_request (struct endpoint *endpoint,
                         int fd,
                         const struct scif_portID *dst)
{
    int segment_fd;
    struct process *self = process_self ();
    int error = !self                        ? errno
                : tokens_prepare (fd, false) ? port_dial (fd, dst)
                                             : EBADF;
    if (error)
        return error == ENOMEM || error == EBADF || error == EMFILE
                   || error == ENFILE
                 ? error
                 : ECONNREFUSED;
    process_expect (1);
    /* Not before somebody is known to listen: refusals are frequent. */
    struct segment *segment = endpoint_take_prepared (endpoint, &segment_fd);
    if (!segment && !(segment = segment_create (&segment_fd))) {
        error = errno == EMFILE || errno == ENFILE ? errno : ENOMEM;
        start_over (endpoint, fd);
        return error;
    }
    segment->side[0].process = process_id (self);
    segment->node = config_get ()->node;
    segment->port = endpoint->port;
    segment->peer_node = dst->node;
    segment->peer_port = dst->port;
    segment->born_ms = now_ms ();
    segment->timeout_ms = config_get ()->connect_timeout_ms;

    error = wire_user_is_welcome (fd) ? send_greeting (fd, segment_fd, self)
                                      : ECONNREFUSED;
    close (segment_fd);
    endpoint->segment = segment;
    endpoint->side = 0;
    endpoint->peer = *dst;
    endpoint->deadline_ms = segment->born_ms + segment->timeout_ms;
    if (error)
        start_over (endpoint, fd);
    return error;
}

/* Withdraws the request; false when it was accepted before. */
static bool cancel_request (struct endpoint *endpoint)
{
    uint32_t expected = REQUEST_WAITING;
    return atomic_compare_exchange_strong (&endpoint->segment->request,
                                           &expected, REQUEST_CANCELLED)
           || expected == REQUEST_CANCELLED;
}

/* Waits until the request is accepted, refused or too old; 0 or errno. */
static int await_answer (struct endpoint *endpoint, int fd)
{
    struct segment *segment = endpoint->segment;
    while (atomic_load (&segment->request) == REQUEST_WAITING) {
        const int64_t left = endpoint->deadline_ms - now_ms ();
        struct pollfd p = {fd, POLLOUT, 0};
        if (left <= 0)
            break;
        /* Signals do not end the wait, as in the driver. */
        if (poll (&p, 1, (int) left) <= 0)
            continue;
        if (atomic_load (&segment->request) != REQUEST_WAITING)
            break;
        if ((p.revents & (POLLHUP | POLLERR)) != 0)
            break;
        if (!endpoint_owns (endpoint, fd)) {
            cancel_request (endpoint);
            return EBADF;
        }
        /* Writable too early: the tokens did not fill it. Look again soon. */
        const struct timespec pause = {0, 1000000};
        nanosleep (&pause, NULL);
    }
    if (cancel_request (endpoint))
        return ECONNREFUSED;
    /* The accepter takes its hold off the socket just now. */
    struct pollfd p = {fd, POLLOUT, 0};
    poll (&p, 1, HOLD_PATIENCE_MS);
    return 0;
}

static void connected (struct endpoint *endpoint, int fd)
{
    if (!endpoint->peer_process) /* else something was registered already */
        endpoint->peer_process =
          process_find (endpoint->segment->side[1].process);
    process_expect (-1);
    queue_open (endpoint, fd);
    endpoint->state = STATE_CONNECTED;
}

/* Connects and waits. The lock is held on entry and return, not between. */
static int connect_blocking (struct endpoint *endpoint,
                             int fd,
                             const struct scif_portID *dst)
{
    int error = send_request (endpoint, fd, dst);
    if (error)
        return error;
    endpoint->state = STATE_CONNECTING;
    pthread_mutex_unlock (&endpoint->lock);
    error = await_answer (endpoint, fd);
    pthread_mutex_lock (&endpoint->lock);
    if (error)
        start_over (endpoint, fd);
    else
        connected (endpoint, fd);
    return error;
}

/* Always EINPROGRESS: even a refusal at once is for the second call. */
static int connect_begin (struct endpoint *endpoint,
                          int fd,
                          const struct scif_portID *dst)
{
    endpoint->failure = send_request (endpoint, fd, dst);
    endpoint->state = STATE_PENDING;
    if (!endpoint->failure)
        timer_add (endpoint, fd);
    return EINPROGRESS;
}

/* The second call of a non-blocking connect. */
static int connect_collect (struct endpoint *endpoint, int fd)
{
    int error = endpoint->failure;
    if (error) {
        endpoint->failure = 0;
        endpoint->state = endpoint->port ? STATE_BOUND : STATE_UNBOUND;
        return error;
    }
    const bool over = now_ms () >= endpoint->deadline_ms
                      || endpoint_is_hung_up (fd);
    if (atomic_load (&endpoint->segment->request) == REQUEST_WAITING && !over)
        return EINPROGRESS;
    if (cancel_request (endpoint)) {
        start_over (endpoint, fd);
        return ECONNREFUSED;
    }
    connected (endpoint, fd);
    return 0;
}

/* Returns 0 or errno; the lock is held. */
static int connect_locked (struct endpoint *endpoint,
                           int fd,
                           const struct scif_portID *dst)
{
    switch (atomic_load (&endpoint->state)) {
        case STATE_LISTENING:
            return EOPNOTSUPP;
        case STATE_CONNECTING:
            return EISCONN;
        case STATE_PENDING:
            return connect_collect (endpoint, fd);
        case STATE_CONNECTED:
            return endpoint_is_hung_up (fd) ? EINVAL : EISCONN;
        case STATE_UNBOUND:
            if (port_bind (endpoint, fd, 0) < 0)
                return errno;
            endpoint->state = STATE_BOUND;
            break;
        default:
            break;
    }
    const int flags = fcntl (fd, F_GETFL);
    if (flags < 0)
        return EBADF;
    return flags & O_NONBLOCK ? connect_begin (endpoint, fd, dst)
                              : connect_blocking (endpoint, fd, dst);
}

int do_connect (scif_epd_t epd, struct scif_portID *dst)
{
    struct scif_portID to = {0, 0};
    if (dst && !memory_is_readable (dst, sizeof *dst)) {
        errno = EFAULT;
        return -1;
    }
    if (dst)
        memcpy (&to, dst, sizeof to);
    if (to.port == 0) {
        errno = EINVAL;
        return -1;
    }
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = ENODEV;
    int port = -1;
    if (config_node_online (to.node)) {
        pthread_mutex_lock (&endpoint->lock);
        error = connect_locked (endpoint, epd, &to);
        port = endpoint->port;
        pthread_mutex_unlock (&endpoint->lock);
    }
    return endpoint_finish (endpoint, error) == 0 ? port : -1;
}
