/* SPDX-License-Identifier: MPL-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"
#include "wire.h"

/* The number was closed, and perhaps used again, while we were busy. */
int if_closed (int error)
{
    return error == ENOTSOCK ? EBADF : error;
}

static int64_t read_clock (clockid_t clock)
{
    struct timespec t;
    clock_gettime (clock, &t);
    return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t now_ms (void)
{
    return now_ns () / 1000000;
}

int64_t now_ns (void)
{
    return read_clock (CLOCK_MONOTONIC);
}

int64_t used_ns (void)
{
    return read_clock (CLOCK_THREAD_CPUTIME_ID);
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

union control
{
    struct cmsghdr align;
    char bytes[CMSG_SPACE (GREETING_FDS * sizeof (int))];
};

ssize_t wire_send (int to, void *bytes, size_t len, const int *fds, size_t n)
{
    struct iovec io = {bytes, len};
    struct msghdr message = {.msg_iov = &io, .msg_iovlen = 1};
    union control control;
    if (n > 0) {
        memset (&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE (n * sizeof *fds);
        struct cmsghdr *header = CMSG_FIRSTHDR (&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN (n * sizeof *fds);
        memcpy (CMSG_DATA (header), fds, n * sizeof *fds);
    }
    return sendmsg (to, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t wire_receive (int from, void *bytes, size_t len, int *fds, size_t n)
{
    struct iovec io = {bytes, len};
    union control control;
    struct msghdr message = {.msg_iov = &io,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    const ssize_t got =
      recvmsg (from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    const struct cmsghdr *header = got < 0 ? NULL : CMSG_FIRSTHDR (&message);
    for (size_t i = 0; i < n; i++)
        fds[i] = -1;
    if (!header || header->cmsg_level != SOL_SOCKET
        || header->cmsg_type != SCM_RIGHTS)
        return got;
    int came[GREETING_FDS];
    const size_t count = (header->cmsg_len - CMSG_LEN (0)) / sizeof *came;
    memcpy (came, CMSG_DATA (header), count * sizeof *came);
    for (size_t i = 0; i < count; i++)
        if (count == n)
            fds[i] = came[i];
        else
            close (came[i]);
    return got;
}
