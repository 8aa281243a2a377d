/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Asynchronous transfers, a checking mode: hardware may carry out a transfer
 * any time until a fence, its cache lines in any order. So does this thread,
 * as visibly as it can, and a program that lacks a fence fails here.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "rma.h"

#define LINE 64u
#define LARGE_LINE 4096u
#define LARGE ((uint64_t) 256 << 10)
#define FENCE_POLL_NS 50000
#define DRAIN_LIMIT_NS INT64_C (10000000000)

/* Comes before no other lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rma_operation *list;
static bool running;
static uint64_t seed = 88172645463325252u;

static uint64_t random_number (void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Its memory may be gone by now: an error is the program's, not a fault. */
static void move_line (struct rma_operation *op, uint64_t at, uint64_t len)
{
    char bounce[LARGE_LINE];
    struct rma_request part = op->request;
    part.local += at;
    part.remote += at;
    part.len = len;
    if (part.user) {
        struct iovec here = {bounce, len};
        struct iovec there = {op->request.user + at, len};
        part.user = bounce;
        if (part.to_peer
            && process_vm_readv (getpid (), &here, 1, &there, 1, 0)
                 != (ssize_t) len)
            return;
        if (rma_move (&part, &op->local, &op->remote) == 0 && !part.to_peer
            && process_vm_writev (getpid (), &here, 1, &there, 1, 0) < 0)
            return;
    } else
        rma_move (&part, &op->local, &op->remote);
}

/* All lines once, in an order that a stride without common divisor gives. */
static void move_shuffled (struct rma_operation *op)
{
    const uint64_t len = op->request.len;
    const uint64_t line = len > LARGE ? LARGE_LINE : LINE;
    const uint64_t lines = (len + line - 1) / line;
    const bool ordered = (op->request.flags & SCIF_RMA_ORDERED) != 0;
    const uint64_t shuffled = ordered ? lines - 1 : lines;
    uint64_t stride = random_number () % lines | 1;
    for (uint64_t a = stride, b = shuffled; b != 0 && shuffled > 1;) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
        if (b == 0 && a != 1) { /* try the next one */
            a = stride += 2;
            b = shuffled;
        }
    }
    uint64_t i = shuffled ? random_number () % shuffled : 0;
    for (uint64_t n = 0; n < lines; n++) {
        const uint64_t at = (n < shuffled ? i : lines - 1) * line;
        move_line (op, at, len - at < line ? len - at : line);
        i = shuffled ? (i + stride) % shuffled : 0;
    }
}

/* Everything before the oldest operation that is left is complete. */
static void publish_finished (struct endpoint *endpoint)
{
    struct segment_side *side = &endpoint->segment->side[endpoint->side];
    uint32_t oldest = atomic_load (&side->submitted) + 1;
    for (struct rma_operation *op = list; op; op = op->next)
        if (op->endpoint == endpoint && op->number < oldest)
            oldest = op->number;
    atomic_store (&side->finished, oldest - 1);
}

static struct rma_operation **pick (void)
{
    unsigned n = 0;
    for (struct rma_operation *op = list; op; op = op->next)
        n++;
    struct rma_operation **link = &list;
    for (n = (unsigned) (random_number () % n); n > 0; n--)
        link = &(*link)->next;
    return link;
}

static void *run (void *unused)
{
    (void) unused;
    pthread_mutex_lock (&lock);
    while (list) {
        const uint64_t us =
          random_number () % (uint64_t) (config_get ()->async_us + 1);
        struct rma_operation *op = *pick ();
        pthread_mutex_unlock (&lock);
        sleep_until_ns (now_ns () + (int64_t) us * 1000);
        move_shuffled (op);
        rma_carry (op);
        pthread_mutex_lock (&lock);
        struct rma_operation **link = &list;
        while (*link != op)
            link = &(*link)->next;
        *link = op->next;
        publish_finished (op->endpoint);
        pthread_mutex_unlock (&lock);
        rma_free (op);
        pthread_mutex_lock (&lock);
    }
    running = false;
    pthread_mutex_unlock (&lock);
    return NULL;
}

/* With all signals blocked: they are the program's. */
static bool start_thread (void)
{
    pthread_t thread;
    sigset_t all, old;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    const int rc = pthread_create (&thread, NULL, run, NULL);
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    if (rc == 0)
        pthread_detach (thread);
    return rc == 0;
}

bool async_submit (struct rma_operation *op)
{
    struct segment *segment = op->endpoint->segment;
    pthread_mutex_lock (&lock);
    if (!running)
        running = start_thread ();
    if (running) {
        op->number =
          atomic_fetch_add (&segment->side[op->endpoint->side].submitted, 1)
          + 1;
        op->next = list;
        list = op;
    }
    pthread_mutex_unlock (&lock);
    return running;
}

/* Waits for one side's transfers up to a number; 0 or ECONNRESET. */
static int await (struct endpoint *endpoint, int fd, int side, uint32_t number)
{
    struct segment_side *s = &endpoint->segment->side[side];
    while ((int32_t) (atomic_load (&s->finished) - number) < 0) {
        if (side != endpoint->side && endpoint_is_hung_up (fd))
            return ECONNRESET;
        const struct timespec pause = {0, FENCE_POLL_NS};
        nanosleep (&pause, NULL);
    }
    return 0;
}

#define MARK_PEER 0x40000000
#define MARK_NUMBER 0x3fffffff

int async_mark (struct endpoint *endpoint, bool of_peer)
{
    const int side = of_peer ? 1 - endpoint->side : endpoint->side;
    const uint32_t n =
      atomic_load (&endpoint->segment->side[side].submitted) & MARK_NUMBER;
    return n == 0 ? MARK_COMPLETE : (int) n | (of_peer ? MARK_PEER : 0);
}

int async_wait (struct endpoint *endpoint, int fd, int mark)
{
    const int side =
      mark & MARK_PEER ? 1 - endpoint->side : endpoint->side;
    const uint32_t n = (uint32_t) mark & MARK_NUMBER;
    const uint32_t submitted =
      atomic_load (&endpoint->segment->side[side].submitted);
    if (mark < 0 || n == 0 || n > submitted)
        return mark == MARK_COMPLETE ? 0 : EINVAL;
    return await (endpoint, fd, side, n);
}

int async_fence (struct endpoint *endpoint, int fd, bool of_peer)
{
    return async_wait (endpoint, fd, async_mark (endpoint, of_peer));
}

void async_drain (struct endpoint *endpoint)
{
    const int64_t limit = now_ns () + DRAIN_LIMIT_NS;
    if (!endpoint->segment || config_get ()->async_us == 0)
        return;
    struct segment_side *s = &endpoint->segment->side[endpoint->side];
    while (atomic_load (&s->finished) != atomic_load (&s->submitted)
           && now_ns () < limit) {
        const struct timespec pause = {0, FENCE_POLL_NS};
        nanosleep (&pause, NULL);
    }
}

/* The thread must be between two looks at the list when the child begins. */
void async_fork (enum fork_step step)
{
    if (step == BEFORE_FORK) {
        pthread_mutex_lock (&lock);
        return;
    }
    if (step == IN_CHILD) {
        /* The parent's transfers are the parent's. */
        list = NULL;
        running = false;
    }
    pthread_mutex_unlock (&lock);
}
