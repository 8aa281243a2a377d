/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Ends non-blocking connection requests when their time is up. Nobody calls
 * into the library at that moment, so a thread does it, which lives only
 * while such requests are pending.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "internal.h"

#define THREAD_STACK (64 * 1024)

struct pending
{
    struct pending *next;
    struct endpoint *endpoint;
    struct segment *segment; /* the attempt it was made for */
    int fd;
    int64_t deadline_ms;
};

/* Endpoints' locks and the table's come before it; it comes before none. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static struct pending *list;
static bool running;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_condition (void)
{
    pthread_condattr_t attr;
    pthread_condattr_init (&attr);
    pthread_condattr_setclock (&attr, CLOCK_MONOTONIC);
    pthread_cond_init (&changed, &attr);
    pthread_condattr_destroy (&attr);
}

/* Cancels the request and lets the descriptor turn writable. */
static void expire (const struct pending *p)
{
    struct endpoint *endpoint = p->endpoint;
    pthread_mutex_lock (&endpoint->lock);
    uint32_t expected = REQUEST_WAITING;
    if (endpoint->state == STATE_PENDING && endpoint->segment == p->segment
        && endpoint_owns (endpoint, p->fd)
        && atomic_compare_exchange_strong (&endpoint->segment->request,
                                           &expected, REQUEST_CANCELLED)) {
        /* The kernel looks again, and wakes, when the limit is raised. */
        const int roomy = 65536;
        setsockopt (p->fd, SOL_SOCKET, SO_SNDBUF, &roomy, sizeof roomy);
    }
    pthread_mutex_unlock (&endpoint->lock);
}

static bool is_over (const struct pending *p, int64_t now)
{
    return p->deadline_ms <= now || p->endpoint->state != STATE_PENDING
           || !endpoint_owns (p->endpoint, p->fd);
}

static void *run (void *unused)
{
    (void) unused;
    pthread_mutex_lock (&lock);
    while (list) {
        int64_t next = INT64_MAX;
        const int64_t now = now_ms ();
        for (struct pending **link = &list; *link;) {
            struct pending *p = *link;
            if (!is_over (p, now)) {
                if (p->deadline_ms < next)
                    next = p->deadline_ms;
                link = &p->next;
                continue;
            }
            *link = p->next;
            pthread_mutex_unlock (&lock);
            expire (p);
            endpoint_put (p->endpoint);
            free (p);
            pthread_mutex_lock (&lock);
            link = &list;
        }
        if (!list)
            break;
        const struct timespec at = {next / 1000, next % 1000 * 1000000};
        pthread_cond_timedwait (&changed, &lock, &at);
    }
    running = false;
    pthread_mutex_unlock (&lock);
    return NULL;
}

/* Starts the thread with all signals blocked: they are the program's. */
static bool start_thread (void)
{
    pthread_t thread;
    pthread_attr_t attr;
    sigset_t all, old;
    sigfillset (&all);
    pthread_attr_init (&attr);
    pthread_attr_setdetachstate (&attr, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize (&attr, THREAD_STACK);
    pthread_sigmask (SIG_SETMASK, &all, &old);
    const int rc = pthread_create (&thread, &attr, run, NULL);
    pthread_sigmask (SIG_SETMASK, &old, NULL);
    pthread_attr_destroy (&attr);
    return rc == 0;
}

void timer_add (struct endpoint *endpoint, int fd)
{
    /* Without memory or a thread the deadline holds at the next call only. */
    struct pending *p = calloc (1, sizeof *p);
    if (!p)
        return;
    pthread_once (&once, make_condition);
    atomic_fetch_add (&endpoint->refs, 1);
    p->endpoint = endpoint;
    p->segment = endpoint->segment;
    p->fd = fd;
    p->deadline_ms = endpoint->deadline_ms;
    pthread_mutex_lock (&lock);
    p->next = list;
    list = p;
    if (!running)
        running = start_thread ();
    pthread_cond_signal (&changed);
    pthread_mutex_unlock (&lock);
}

/* The thread must be between two looks at the list when the child begins. */
void timer_fork (enum fork_step step)
{
    if (step == BEFORE_FORK) {
        pthread_mutex_lock (&lock);
        return;
    }
    if (step == IN_CHILD) {
        /* The thread and its requests are the parent's. */
        make_condition ();
        running = false;
        list = NULL;
    }
    pthread_mutex_unlock (&lock);
}
