/* SPDX-License-Identifier: MPL-2.0 */
/* scif_send and scif_recv. */
#include <errno.h>
#include <poll.h>

#include "internal.h"

typedef int (*step_fn) (struct endpoint *, int fd, char *bytes, int len);

static int write_step (struct endpoint *endpoint, int fd, char *bytes, int len)
{
    link_carry (endpoint, endpoint->side,
                len < (int) QUEUE_CAPACITY ? (uint64_t) len : QUEUE_CAPACITY);
    return queue_write (endpoint, fd, bytes, len);
}

static int read_step (struct endpoint *endpoint, int fd, char *bytes, int len)
{
    return queue_read (endpoint, fd, bytes, len);
}

/* One step without waiting; 0 also while somebody's blocking transfer runs. */
static int transfer_some (struct endpoint *endpoint,
                          int fd,
                          struct turnstile *turnstile,
                          step_fn step,
                          char *bytes,
                          int len)
{
    int rc = 0;
    robust_lock (&turnstile->lock);
    if (turnstile->blocked && robust_trylock (&turnstile->turn)) {
        /* It is set but nobody has the turn: its process was killed. */
        turnstile->blocked = 0;
        pthread_mutex_unlock (&turnstile->turn);
    }
    if (!turnstile->blocked)
        rc = step (endpoint, fd, bytes, len);
    pthread_mutex_unlock (&turnstile->lock);
    return rc;
}

/* Steps until all bytes went through; a partial count beats an error. */
static int transfer_all (struct endpoint *endpoint,
                         int fd,
                         struct turnstile *turnstile,
                         step_fn step,
                         short event,
                         char *bytes,
                         int len)
{
    int done = 0;
    int error = 0;
    robust_lock (&turnstile->turn);
    while (done < len && error == 0) {
        robust_lock (&turnstile->lock);
        turnstile->blocked = 0;
        const int n = step (endpoint, fd, bytes + done, len - done);
        if (n < 0)
            error = errno;
        else if (n == 0)
            turnstile->blocked = 1;
        pthread_mutex_unlock (&turnstile->lock);
        if (n > 0)
            done += n;
        if (n != 0)
            continue;
        struct pollfd p = {fd, event, 0};
        if (poll (&p, 1, -1) < 0)
            error = errno;
        else if (!endpoint_owns (endpoint, fd))
            error = EBADF;
    }
    robust_lock (&turnstile->lock);
    turnstile->blocked = 0;
    pthread_mutex_unlock (&turnstile->lock);
    pthread_mutex_unlock (&turnstile->turn);
    if (done == 0 && error != 0) {
        errno = error;
        return -1;
    }
    return done;
}

static int transfer (int fd, char *bytes, int len, int flags, bool sending)
{
    if (len < 0 || (flags != 0 && (flags & SCIF_SEND_BLOCK) == 0)) {
        errno = EINVAL;
        return -1;
    }
    const int saved = errno;
    struct endpoint *endpoint = endpoint_get (fd);
    if (!endpoint)
        return -1;
    int rc = -1;
    if (len == 0) {
        rc = 0;
    } else if (!endpoint_is_connected (endpoint)) {
        errno = ENOTCONN;
    } else {
        struct segment_side *side = &endpoint->segment->side[endpoint->side];
        struct turnstile *turnstile = sending ? &side->send : &side->recv;
        const step_fn step = sending ? write_step : read_step;
        if (flags)
            rc = transfer_all (endpoint, fd, turnstile, step,
                               sending ? POLLOUT : POLLIN, bytes, len);
        else
            rc = transfer_some (endpoint, fd, turnstile, step, bytes, len);
    }
    endpoint_put (endpoint);
    if (rc >= 0)
        errno = saved; /* 0 for "not now" is no error */
    return rc;
}

int do_send (scif_epd_t epd, void *msg, int len, int flags)
{
    return transfer (epd, msg, len, flags, true);
}

int do_recv (scif_epd_t epd, void *msg, int len, int flags)
{
    return transfer (epd, msg, len, flags, false);
}
