/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Byte queues, and the tokens that make the socket's readiness follow them.
 *
 * The writer of a queue puts tokens (single bytes) into the socket, the reader
 * takes them out:
 *
 *   empty    none             the reader's descriptor is not readable
 *   between  one or more      readable; the writer's descriptor is writable
 *   full     several, narrow  as many as make the writer's unwritable
 *
 * Each write puts in a token, also when there is one, as it is the arrival of
 * a token that gives an edge-triggered epoll set its event. The socket stays
 * writable, for it has a send buffer so wide that it takes many to fill it;
 * when they come near to that, no more are sent until the reader takes some.
 * When the queue gets full the writer makes the send buffer narrow, and the
 * reader then leaves a single token, which a narrow socket has room for.
 *
 * Each step changes the fill level and the number of tokens by one atomic
 * operation, whose old value tells which tokens it has to send or take. Nothing
 * is locked against the peer, so no peer can be waited for. The writer sends
 * just after its step; a reader that gets there first waits a moment for the
 * token, and remembers it as owed should the writer have been stopped or
 * killed in between.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define TOKEN_PATIENCE 200 /* yields before a token is taken to be late */

/* Asks for a socket that holds a token for each byte of a queue. */
#define WIDE_BUFFER (8 << 20)

static int narrow_buffer;
static uint32_t full_tokens;
static uint32_t wide_tokens; /* a wide socket is writable with so many */
static pthread_once_t calibrate_once = PTHREAD_ONCE_INIT;

/*
 * Number of one-byte sends that make a socket with this buffer unwritable, at
 * most limit.
 */
static uint32_t count_until_unwritable (int buffer, uint32_t limit)
{
    int pair[2];
    uint32_t n = 0;
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (; n < limit; n++) {
        struct pollfd p = {pair[0], POLLOUT, 0};
        poll (&p, 1, 0);
        if ((p.revents & POLLOUT) == 0)
            break;
        if (send (pair[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
            break;
    }
    close (pair[0]);
    close (pair[1]);
    return n;
}

/*
 * The same without sending them all: a socket is unwritable when what is in
 * flight takes more than a quarter of its buffer. 0 if it can't be told.
 */
static uint32_t compute_until_unwritable (int buffer)
{
    int pair[2];
    int taken = 0;
    socklen_t size = sizeof buffer;
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, size);
    const bool told =
      send (pair[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1
      && ioctl (pair[0], SIOCOUTQ, &taken) == 0 && taken > 0
      && getsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, &size) == 0;
    close (pair[0]);
    close (pair[1]);
    return told ? (uint32_t) (buffer / 4 / taken) + 1 : 0;
}

/*
 * What a byte in flight costs depends on the kernel, how wide a buffer may be
 * on its settings. The smallest buffer that is still writable with one token
 * in it is the narrow one.
 */
static void calibrate (void)
{
    for (narrow_buffer = 1; narrow_buffer < 65536; narrow_buffer += 256) {
        full_tokens = count_until_unwritable (narrow_buffer, TOKENS_MAX);
        if (full_tokens != 1)
            break;
    }
    if (full_tokens < 2) /* no descriptors left: what current kernels give */
        full_tokens = 2;
    /* To count takes thousands of calls, so where the sum is right do that. */
    uint32_t n = compute_until_unwritable (narrow_buffer) == full_tokens
                   ? compute_until_unwritable (WIDE_BUFFER)
                   : count_until_unwritable (WIDE_BUFFER, QUEUE_CAPACITY);
    if (n > QUEUE_CAPACITY)
        n = QUEUE_CAPACITY;
    wide_tokens = n > 1 ? n - 1 : 1;
}

uint32_t tokens_when_full (void)
{
    pthread_once (&calibrate_once, calibrate);
    return full_tokens;
}

bool tokens_prepare (int fd, bool wide)
{
    tokens_when_full ();
    const int size = wide ? WIDE_BUFFER : narrow_buffer;
    return setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0;
}

int tokens_send (int fd, uint32_t n)
{
    for (int tries = 0; n > 0;) {
        /* One call each: it is the packets that count, not the bytes. */
        if (send (fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1) {
            n--;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
            return errno;
        if (++tries > TOKEN_PATIENCE)
            return 0;
        sched_yield ();
    }
    return 0;
}

uint32_t tokens_take (int fd, uint32_t n)
{
    char sink[512];
    uint32_t taken = 0;
    while (taken < n) {
        const uint32_t want = n - taken;
        const ssize_t got =
          recv (fd, sink, want < sizeof sink ? want : sizeof sink,
                MSG_DONTWAIT);
        if (got > 0)
            taken += (uint32_t) got;
        else if (got == 0 || errno != EINTR)
            break;
    }
    return taken;
}

static uint32_t used_of (uint64_t positions)
{
    return (uint16_t) ((positions >> 48) - (positions >> 32));
}

static uint32_t tokens_of (uint64_t positions)
{
    return (uint32_t) positions;
}

uint32_t queue_used (const struct queue *queue)
{
    return used_of (atomic_load (&queue->positions));
}

/* True for what only a peer that writes nonsense can have left. */
static bool is_corrupt (uint64_t positions)
{
    return used_of (positions) > QUEUE_CAPACITY
           || tokens_of (positions) > QUEUE_CAPACITY + TOKENS_MAX;
}

/* Moves the write position on; returns the positions before. */
static uint64_t
advance_write (struct queue *queue, uint32_t n, uint32_t full, uint32_t *due)
{
    uint64_t old = atomic_load (&queue->positions);
    uint64_t new;
    do {
        const uint32_t tokens = tokens_of (old);
        if (used_of (old) + n >= QUEUE_CAPACITY)
            *due = tokens + 1 < full ? full - tokens : 1;
        else
            *due = tokens < wide_tokens;
        new = (old + ((uint64_t) n << 48)) + *due;
    } while (!atomic_compare_exchange_weak (&queue->positions, &old, new));
    return old;
}

/* Moves the read position on; returns the tokens to take. */
static uint32_t advance_read (struct queue *queue, uint32_t n)
{
    uint64_t old = atomic_load (&queue->positions);
    uint64_t new;
    uint32_t due;
    do {
        const uint32_t used = used_of (old);
        const uint32_t tokens = tokens_of (old);
        const uint32_t tail = (uint16_t) ((old >> 32) + n);
        if (used <= n)
            due = tokens;
        else if (used >= QUEUE_CAPACITY || tokens > wide_tokens / 2)
            due = tokens > 1 ? tokens - 1 : 0;
        else
            due = 0;
        new = (old >> 48 << 48) | (uint64_t) tail << 32 | (tokens - due);
    } while (!atomic_compare_exchange_weak (&queue->positions, &old, new));
    return due;
}

/* A send of nothing fails exactly when the other end is gone. */
static bool peer_is_gone (int fd)
{
    return send (fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

static int reset (void)
{
    errno = ECONNRESET;
    return -1;
}

/* The flag is set whenever the buffer may be wide, also if we get killed. */
static void set_width (struct turnstile *mine, int fd, bool wide)
{
    if ((mine->wide != 0) == wide)
        return;
    mine->wide = 1;
    tokens_prepare (fd, wide);
    mine->wide = wide;
}

void queue_open (struct endpoint *endpoint, int fd)
{
    struct segment *segment = endpoint->segment;
    struct turnstile *mine = &segment->side[endpoint->side].send;
    robust_lock (&mine->lock);
    /* One may send as soon as the peer has accepted, and fill it. */
    if (queue_used (&segment->queue[endpoint->side]) < QUEUE_CAPACITY)
        set_width (mine, fd, true);
    pthread_mutex_unlock (&mine->lock);
}

int queue_write (struct endpoint *endpoint, int fd, const void *from, int len)
{
    struct segment *segment = endpoint->segment;
    struct turnstile *mine = &segment->side[endpoint->side].send;
    struct queue *queue = &segment->queue[endpoint->side];
    const uint64_t positions = atomic_load (&queue->positions);
    if (is_corrupt (positions))
        return reset ();
    const uint32_t room = QUEUE_CAPACITY - used_of (positions);
    const uint32_t n = (uint32_t) len < room ? (uint32_t) len : room;
    /* Where a token follows, it finds out by itself. */
    if ((n == 0 || tokens_of (positions) >= wide_tokens) && peer_is_gone (fd))
        return reset ();
    if (n == 0) {
        set_width (mine, fd, false); /* whoever filled it may be dead */
        return 0;
    }
    if (!memory_is_readable (from, n)) {
        errno = EFAULT;
        return -1;
    }
    const uint32_t at = (uint32_t) (positions >> 48) % QUEUE_SIZE;
    const uint32_t first = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
    memcpy (queue->ring + at, from, first);
    memcpy (queue->ring, (const char *) from + first, n - first);

    uint32_t due;
    const uint64_t before = advance_write (queue, n, segment->tokens, &due);
    const bool full = used_of (before) + n >= QUEUE_CAPACITY;
    if (!full && due > 0 && tokens_of (before) > 0)
        set_width (mine, fd, true);
    if (due > 0 && tokens_send (fd, due) != 0)
        return reset ();
    if (full)
        set_width (mine, fd, false);
    return (int) n;
}

/* Takes tokens that the fill level says are there, or soon will be. */
static void take_due (struct turnstile *mine, int fd, uint32_t due)
{
    for (int tries = 0; due > 0; tries++) {
        due -= tokens_take (fd, due);
        if (due == 0)
            return;
        if (tries == TOKEN_PATIENCE)
            break;
        sched_yield ();
    }
    mine->owed += due;
}

/*
 * The queue was seen empty. Returns -1 and ECONNRESET when the peer is gone, 1
 * when bytes have arrived meanwhile, else 0 after taking tokens that stand for
 * nothing: owed ones, or left by a process that died sharing this end.
 */
static int look_closer (struct queue *queue,
                        struct turnstile *mine,
                        int fd,
                        uint64_t seen)
{
    char sink;
    const ssize_t n = recv (fd, &sink, 1, MSG_DONTWAIT | MSG_PEEK);
    const bool gone = n == 0 || (n < 0 && errno == ECONNRESET);
    if (atomic_load (&queue->positions) != seen)
        return 1;
    if (gone)
        return reset ();
    if (n == 1) {
        int waiting = 0;
        if (ioctl (fd, FIONREAD, &waiting) == 0
            && atomic_load (&queue->positions) == seen && waiting > 0) {
            tokens_take (fd, (uint32_t) waiting);
            mine->owed = 0;
        }
    }
    return 0;
}

int queue_read (struct endpoint *endpoint, int fd, void *to, int len)
{
    struct segment *segment = endpoint->segment;
    struct turnstile *mine = &segment->side[endpoint->side].recv;
    struct queue *queue = &segment->queue[1 - endpoint->side];

    if (mine->owed > 0)
        mine->owed -= tokens_take (fd, mine->owed);
    uint64_t positions = atomic_load (&queue->positions);
    while (used_of (positions) == 0) {
        const int rc = look_closer (queue, mine, fd, positions);
        if (rc <= 0)
            return rc;
        positions = atomic_load (&queue->positions);
    }
    if (is_corrupt (positions))
        return reset ();

    const uint32_t used = used_of (positions);
    const uint32_t n = (uint32_t) len < used ? (uint32_t) len : used;
    const bool writable = memory_is_writable (to, n);
    if (writable) {
        const uint32_t at = (uint32_t) (positions >> 32) % QUEUE_SIZE;
        const uint32_t first = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
        memcpy (to, queue->ring + at, first);
        memcpy ((char *) to + first, queue->ring, n - first);
    }
    /* As from the driver, bytes that could not be delivered are dropped. */
    take_due (mine, fd, advance_read (queue, n));
    if (!writable) {
        errno = EFAULT;
        return -1;
    }
    return (int) n;
}
