/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Byte queues, and the tokens that make the socket's readiness follow them.
 *
 * The writer of a queue puts tokens (single bytes) into the socket, the reader
 * takes them out. How many there are depends on the fill level only:
 *
 *   empty    none     the reader's descriptor is not readable
 *   between  one      readable; the writer's descriptor is writable
 *   full     several  as many as it takes to make the writer's unwritable
 *
 * Each step changes the fill level by one atomic operation, whose old value
 * tells which tokens it has to send or take. Nothing is locked against the
 * peer, so no peer can be waited for. The writer sends just after its step; a
 * reader that gets there first waits a moment for the token, and remembers it
 * as owed should the writer have been stopped or killed in between.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define TOKEN_PATIENCE 200 /* yields before a token is taken to be late */

static int send_buffer;
static uint32_t full_tokens;
static pthread_once_t calibrate_once = PTHREAD_ONCE_INIT;

/* Number of one-byte sends that make a socket with this buffer unwritable. */
static uint32_t count_until_unwritable (int buffer)
{
    int pair[2];
    uint32_t n = 0;
    if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return 0;
    setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    for (; n < TOKENS_MAX; n++) {
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
 * What a byte in flight costs depends on the kernel. The smallest buffer that
 * is still writable with one token in it is the one to use.
 */
static void calibrate (void)
{
    for (send_buffer = 1; send_buffer < 65536; send_buffer += 256) {
        full_tokens = count_until_unwritable (send_buffer);
        if (full_tokens != 1)
            break;
    }
    if (full_tokens < 2) /* no descriptors left: what current kernels give */
        full_tokens = 2;
}

uint32_t tokens_when_full (void)
{
    pthread_once (&calibrate_once, calibrate);
    return full_tokens;
}

bool tokens_prepare (int fd)
{
    tokens_when_full ();
    return setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &send_buffer,
                       sizeof send_buffer)
           == 0;
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
    char sink[TOKENS_MAX];
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
    return (uint32_t) (positions >> 32) - (uint32_t) positions;
}

uint32_t queue_used (const struct queue *queue)
{
    return used_of (atomic_load (&queue->positions));
}

static uint32_t level (const struct segment *segment, uint32_t used)
{
    return used == 0 ? 0 : used < QUEUE_CAPACITY ? 1 : segment->tokens;
}

/* Moves the write or read position on; returns the fill level before. */
static uint32_t advance (struct queue *queue, uint32_t written, uint32_t read)
{
    uint64_t old = atomic_load (&queue->positions);
    uint64_t new;
    do {
        const uint32_t head = (uint32_t) (old >> 32) + written;
        const uint32_t tail = (uint32_t) old + read;
        new = (uint64_t) head << 32 | tail;
    } while (!atomic_compare_exchange_weak (&queue->positions, &old, new));
    return used_of (old);
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

int queue_write (struct endpoint *endpoint, int fd, const void *from, int len)
{
    struct segment *segment = endpoint->segment;
    struct queue *queue = &segment->queue[endpoint->side];
    const uint64_t positions = atomic_load (&queue->positions);
    const uint32_t used = used_of (positions);
    if (used > QUEUE_CAPACITY)
        return reset ();
    /* On an empty queue the token that follows finds out by itself. */
    if (used > 0 && peer_is_gone (fd))
        return reset ();

    const uint32_t room = QUEUE_CAPACITY - used;
    const uint32_t n = (uint32_t) len < room ? (uint32_t) len : room;
    if (n == 0)
        return 0;
    if (!memory_is_readable (from, n)) {
        errno = EFAULT;
        return -1;
    }
    const uint32_t at = (uint32_t) (positions >> 32) % QUEUE_SIZE;
    const uint32_t first = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
    memcpy (queue->ring + at, from, first);
    memcpy (queue->ring, (const char *) from + first, n - first);

    const uint32_t before = advance (queue, n, 0);
    const uint32_t due =
      level (segment, before + n) - level (segment, before);
    if (due > 0 && tokens_send (fd, due) != 0)
        return reset ();
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
    const uint32_t used = used_of (positions);
    if (used > QUEUE_CAPACITY)
        return reset ();

    const uint32_t n = (uint32_t) len < used ? (uint32_t) len : used;
    const bool writable = memory_is_writable (to, n);
    if (writable) {
        const uint32_t at = (uint32_t) positions % QUEUE_SIZE;
        const uint32_t first = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
        memcpy (to, queue->ring + at, first);
        memcpy ((char *) to + first, queue->ring, n - first);
    }
    /* As from the driver, bytes that could not be delivered are dropped. */
    const uint32_t before = advance (queue, 0, n);
    take_due (mine, fd, level (segment, before) - level (segment, before - n));
    if (!writable) {
        errno = EFAULT;
        return -1;
    }
    return (int) n;
}
