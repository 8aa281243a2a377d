/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <time.h>

#include "internal.h"

/* The number was closed, and perhaps used again, while we were busy. */
int if_closed (int error)
{
    return error == ENOTSOCK ? EBADF : error;
}

int64_t now_ms (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t now_ns (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The last bit is spun: sleeping is not that exact. */
void sleep_until_ns (int64_t when)
{
    const int64_t margin = 80000;
    for (int64_t left; (left = when - now_ns ()) > 0;) {
        if (left <= margin)
            continue;
        left -= margin;
        const struct timespec t = {left / 1000000000, left % 1000000000};
        nanosleep (&t, NULL);
    }
}

void robust_init (pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;
    pthread_mutexattr_init (&attr);
    pthread_mutexattr_setpshared (&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust (&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init (mutex, &attr);
    pthread_mutexattr_destroy (&attr);
}

void robust_lock (pthread_mutex_t *mutex)
{
    if (pthread_mutex_lock (mutex) == EOWNERDEAD)
        pthread_mutex_consistent (mutex);
}

bool robust_trylock (pthread_mutex_t *mutex)
{
    const int rc = pthread_mutex_trylock (mutex);
    if (rc == EOWNERDEAD)
        pthread_mutex_consistent (mutex);
    return rc == 0 || rc == EOWNERDEAD;
}
