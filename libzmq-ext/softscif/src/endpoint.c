/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Which endpoint a descriptor is.
 *
 * Programs close, duplicate and reuse descriptors without telling us, so the
 * table from numbers to endpoints is only a hint: the socket's cookie, unique
 * to the open file, decides on each call. A number whose cookie belongs to
 * another known endpoint is a duplicate and is filed under it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <dirent.h>

#include "internal.h"

#define LEAF_SIZE 1024
#define LEAVES 1024

/*
 * Endpoints that have lost their descriptors are looked for when so many have
 * gathered, and otherwise as often as takes a tenth of the time.
 */
#define ORPHAN_BATCH 64
#define GARBAGE_SHARE 10

/* Guards the table, the list and the known_fds of all endpoints. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct endpoint **table[LEAVES];
static struct endpoint *all;
static _Atomic unsigned orphans;
static _Atomic unsigned orphan_limit = ORPHAN_BATCH;
static _Atomic int64_t garbage_next_ns;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* ---- the table; table_lock is held ---- */

static struct endpoint **slot_of (int fd, bool make)
{
    if (fd < 0 || fd >= LEAF_SIZE * LEAVES)
        return NULL;
    struct endpoint ***leaf = &table[fd / LEAF_SIZE];
    if (!*leaf && make)
        *leaf = calloc (LEAF_SIZE, sizeof **leaf);
    return *leaf ? &(*leaf)[fd % LEAF_SIZE] : NULL;
}

static void table_clear (struct endpoint **slot)
{
    if (slot && *slot) {
        if (--(*slot)->known_fds == 0)
            orphans++;
        *slot = NULL;
    }
}

static void table_set (struct endpoint **slot, struct endpoint *endpoint)
{
    table_clear (slot);
    if (endpoint->known_fds++ == 0)
        orphans--;
    *slot = endpoint;
}

static void list_remove (struct endpoint *endpoint)
{
    if (endpoint->prev)
        endpoint->prev->next = endpoint->next;
    else
        all = endpoint->next;
    if (endpoint->next)
        endpoint->next->prev = endpoint->prev;
    endpoint->prev = endpoint->next = NULL;
    orphans--;
}

/* ---- identity of sockets ---- */

/* The cookie of a socket; 0 and errno (EBADF, ENOTTY) when fd is none. */
static uint64_t cookie_of (int fd)
{
    uint64_t cookie = 0;
    socklen_t size = sizeof cookie;
    if (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0)
        return cookie;

    /* Kernels before 4.12 and qemu-user have no cookies. A socket's inode
       number is as good until 2^32 more sockets have been made. */
    struct stat st;
    if (errno != EBADF && errno != ENOTSOCK && fstat (fd, &st) == 0
        && S_ISSOCK (st.st_mode))
        return st.st_ino;
    if (errno != EBADF)
        errno = ENOTTY;
    return 0;
}

bool endpoint_owns (const struct endpoint *endpoint, int fd)
{
    return cookie_of (fd) == atomic_load (&endpoint->cookie);
}

/*
 * The inode of the socket that an entry of /proc/self/fd leads to, or 0. The
 * link tells: the descriptor is another thread's, which may just close it.
 */
static uint64_t inode_of_entry (DIR *dir, const char *name)
{
    char text[64];
    unsigned long long inode;
    const ssize_t n = readlinkat (dirfd (dir), name, text, sizeof text - 1);
    if (n < 0)
        return 0;
    text[n] = '\0';
    return sscanf (text, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

/* For each endpoint, whether a descriptor of this process is its socket. */
static bool *find_inodes (struct endpoint **wanted, unsigned n)
{
    bool *found = calloc (n, sizeof *found);
    DIR *dir = found ? opendir ("/proc/self/fd") : NULL;
    if (!dir) {
        free (found);
        return NULL;
    }
    for (struct dirent *entry; (entry = readdir (dir));) {
        const uint64_t inode = inode_of_entry (dir, entry->d_name);
        for (unsigned i = 0; inode != 0 && i < n; i++)
            if (wanted[i]->inode == inode)
                found[i] = true;
    }
    closedir (dir);
    return found;
}

/* Nothing refers to the endpoint any more but calls under way and mappings. */
static void retire (struct endpoint *endpoint)
{
    windows_linger (endpoint);
    list_remove (endpoint);
    port_release (endpoint);
}

/* Drops the orphans that have no descriptor left in this process. */
static void collect_orphans (void)
{
    unsigned n = 0;
    pthread_mutex_lock (&table_lock);
    struct endpoint **list =
      orphans ? malloc (orphans * sizeof *list) : NULL;
    if (list)
        for (struct endpoint *e = all; e; e = e->next)
            if (e->known_fds == 0)
                list[n++] = e;
    bool *found = n ? find_inodes (list, n) : NULL;
    unsigned dead = 0;
    for (unsigned i = 0; found && i < n; i++)
        if (!found[i]) {
            retire (list[i]);
            list[dead++] = list[i];
        }
    orphan_limit = 2 * orphans + ORPHAN_BATCH;
    pthread_mutex_unlock (&table_lock);
    for (unsigned i = 0; i < dead; i++)
        endpoint_put (list[i]);
    free (found);
    free (list);
}

void endpoint_collect_garbage (void)
{
    pthread_mutex_lock (&table_lock);
    for (int fd = 0; fd < LEAF_SIZE * LEAVES; fd++) {
        if (!table[fd / LEAF_SIZE]) {
            fd += LEAF_SIZE - 1;
            continue;
        }
        struct endpoint **slot = slot_of (fd, false);
        if (*slot && !endpoint_owns (*slot, fd))
            table_clear (slot);
    }
    pthread_mutex_unlock (&table_lock);
    collect_orphans ();
}

/* To look takes a while when there are many descriptors, hence not always. */
static void collect_garbage_now_and_then (void)
{
    if (orphans >= orphan_limit || now_ns () > garbage_next_ns) {
        const int64_t start = used_ns ();
        endpoint_collect_garbage ();
        garbage_next_ns =
          now_ns () + (used_ns () - start) * (GARBAGE_SHARE - 1);
    }
}

/* ---- fork ---- */

static void before_fork (void)
{
    capture_fork (BEFORE_FORK);
    pthread_mutex_lock (&table_lock);
    process_before_fork ();
    for (struct endpoint *e = all; e; e = e->next) {
        atomic_store (&e->forked, true);
        if (atomic_load (&e->state) <= STATE_BOUND
            && !atomic_load (&e->prepared))
            atomic_store (&e->prepared, segment_create (&e->prepared_fd));
    }
    timer_fork (BEFORE_FORK);
    async_fork (BEFORE_FORK);
}

static void after_fork_in_parent (void)
{
    async_fork (IN_PARENT);
    timer_fork (IN_PARENT);
    process_end_fork ();
    pthread_mutex_unlock (&table_lock);
    capture_fork (IN_PARENT);
}

/* Only the forking thread lives on: nobody else holds or waits any more. */
static void after_fork_in_child (void)
{
    async_fork (IN_CHILD);
    timer_fork (IN_CHILD);
    pthread_mutex_unlock (&table_lock); /* taken before the fork */
    for (struct endpoint *e = all; e; e = e->next) {
        pthread_mutex_init (&e->lock, NULL);
        pthread_mutex_init (&e->views_lock, NULL);
        e->waiters = NULL;
        e->inherited = true;
        e->sent_count = 0; /* those were the parent's objects */
    }
    process_end_fork ();
    capture_fork (IN_CHILD);
    mappings_after_fork ();
    windows_after_fork ();
    process_after_fork ();
    port_after_fork ();
}

static void watch_forks (void)
{
    pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
}

/* ---- endpoints ---- */

struct endpoint *endpoint_create (int fd)
{
    struct stat st;
    pthread_once (&fork_once, watch_forks);
    collect_garbage_now_and_then ();
    struct endpoint *endpoint = calloc (1, sizeof *endpoint);
    if (!endpoint)
        return NULL;
    endpoint->cookie = cookie_of (fd);
    endpoint->inode = fstat (fd, &st) == 0 ? st.st_ino : 0;
    endpoint->refs = 2; /* the list's and the caller's */
    pthread_mutex_init (&endpoint->lock, NULL);
    pthread_mutex_init (&endpoint->views_lock, NULL);

    pthread_mutex_lock (&table_lock);
    struct endpoint **slot = slot_of (fd, true);
    if (slot) {
        endpoint->next = all;
        if (all)
            all->prev = endpoint;
        all = endpoint;
        orphans++;
        table_set (slot, endpoint);
    }
    pthread_mutex_unlock (&table_lock);
    if (!slot) {
        free (endpoint);
        errno = ENOMEM;
        return NULL;
    }
    return endpoint;
}

void endpoint_drop_prepared (struct endpoint *endpoint)
{
    struct segment *segment = atomic_load (&endpoint->prepared);
    if (!segment)
        return;
    segment_unmap (segment);
    close (endpoint->prepared_fd);
    atomic_store (&endpoint->prepared, NULL);
}

void endpoint_put (struct endpoint *endpoint)
{
    if (atomic_fetch_sub (&endpoint->refs, 1) > 1)
        return;
    const int saved = errno;
    port_release (endpoint);
    if (endpoint->state == STATE_PENDING && endpoint->segment)
        process_expect (-1);
    process_put (endpoint->peer_process);
    endpoint_drop_prepared (endpoint);
    windows_free (endpoint);
    segment_unmap (endpoint->segment);
    pthread_mutex_destroy (&endpoint->views_lock);
    pthread_mutex_destroy (&endpoint->lock);
    free (endpoint);
    errno = saved;
}

int endpoint_finish (struct endpoint *endpoint, int error)
{
    endpoint_put (endpoint);
    if (!error)
        return 0;
    errno = error;
    return -1;
}

struct segment *endpoint_take_prepared (struct endpoint *endpoint, int *fd)
{
    struct segment *segment = atomic_load (&endpoint->prepared);
    if (!segment)
        return NULL;
    *fd = endpoint->prepared_fd;
    atomic_store (&endpoint->prepared, NULL);
    if (atomic_load (&segment->request) != REQUEST_WAITING) {
        /* Another process has used it for an attempt that failed. */
        segment_unmap (segment);
        close (*fd);
        segment = NULL;
    }
    return segment;
}

/* Catches up with what another process did to an endpoint that is shared. */
static void catch_up (struct endpoint *endpoint, int fd)
{
    int listening = 0;
    socklen_t size = sizeof listening;
    pthread_mutex_lock (&endpoint->lock);
    if (endpoint->state == STATE_UNBOUND
        && (endpoint->port = port_of_socket (fd)) != 0)
        endpoint->state = STATE_BOUND;
    struct segment *prepared = atomic_load (&endpoint->prepared);
    if (endpoint->state == STATE_BOUND && prepared
        && atomic_load (&prepared->request) == REQUEST_ACCEPTED) {
        endpoint->segment = prepared;
        close (endpoint->prepared_fd);
        atomic_store (&endpoint->prepared, NULL);
        endpoint->side = 0;
        endpoint->port = endpoint->segment->port;
        endpoint->peer.node = endpoint->segment->peer_node;
        endpoint->peer.port = endpoint->segment->peer_port;
        endpoint->peer_process =
          process_find (endpoint->segment->side[1].process);
        endpoint->state = STATE_CONNECTED;
    }
    if (endpoint->state == STATE_BOUND
        && getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0
        && listening)
        endpoint->state = STATE_LISTENING;
    if (endpoint->state == STATE_LISTENING)
        endpoint_drop_prepared (endpoint);
    pthread_mutex_unlock (&endpoint->lock);
}

struct endpoint *endpoint_get (int fd)
{
    uint64_t cookie = cookie_of (fd);
    int error = errno;
    pthread_mutex_lock (&table_lock);
    struct endpoint **slot = slot_of (fd, false);
    struct endpoint *endpoint = slot ? *slot : NULL;
    if (endpoint && endpoint->cookie != cookie) {
        /* Its socket may have been replaced since we asked. */
        cookie = cookie_of (fd);
        error = errno;
    }
    if (endpoint && (cookie == 0 || endpoint->cookie != cookie)) {
        table_clear (slot);
        endpoint = NULL;
    }
    if (!endpoint && cookie != 0) {
        for (endpoint = all; endpoint; endpoint = endpoint->next)
            if (endpoint->cookie == cookie)
                break;
        slot = endpoint ? slot_of (fd, true) : NULL;
        if (slot)
            table_set (slot, endpoint);
    }
    if (endpoint)
        atomic_fetch_add (&endpoint->refs, 1);
    pthread_mutex_unlock (&table_lock);
    if (!endpoint)
        errno = cookie ? ENOTTY : error;
    else if (atomic_load (&endpoint->forked) && endpoint->state <= STATE_BOUND)
        catch_up (endpoint, fd);
    return endpoint;
}

bool endpoint_renew_socket (struct endpoint *endpoint, int fd)
{
    struct stat st;
    const int fd_flags = fcntl (fd, F_GETFD);
    const int status = fcntl (fd, F_GETFL);
    const int fresh = socket (
      AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | (status & O_NONBLOCK), 0);
    if (fresh < 0)
        return false;
    const uint64_t cookie = cookie_of (fresh);
    const ino_t inode = fstat (fresh, &st) == 0 ? st.st_ino : 0;
    pthread_mutex_lock (&table_lock);
    const bool done =
      endpoint_owns (endpoint, fd)
      && dup3 (fresh, fd, fd_flags & FD_CLOEXEC ? O_CLOEXEC : 0) == fd;
    if (done) {
        atomic_store (&endpoint->cookie, cookie);
        endpoint->inode = inode;
    }
    pthread_mutex_unlock (&table_lock);
    close (fresh);
    return done;
}

/*
 * Closes fd; true when the file behind it lives on: duplicated, inherited by
 * another process, or held by a system call. An epoll set lists a file for
 * exactly as long.
 */
static bool close_and_watch (int fd, int *rc)
{
    char text[512];
    bool alive = true;
    struct epoll_event event = {0, {0}};
    const int watch = epoll_create1 (EPOLL_CLOEXEC);
    const bool watching =
      watch >= 0 && epoll_ctl (watch, EPOLL_CTL_ADD, fd, &event) == 0;
    *rc = close (fd);
    if (watching) {
        snprintf (text, sizeof text, "/proc/self/fdinfo/%d", watch);
        const int info = open (text, O_RDONLY | O_CLOEXEC);
        const ssize_t n = info < 0 ? -1 : read (info, text, sizeof text - 1);
        if (n >= 0) {
            text[n] = '\0';
            alive = strstr (text, "tfd:") != NULL;
        }
        if (info >= 0)
            close (info);
    }
    if (watch >= 0)
        close (watch);
    return alive;
}

int endpoint_close (struct endpoint *endpoint, int fd)
{
    int rc;
    pthread_mutex_lock (&table_lock);
    struct endpoint **slot = slot_of (fd, false);
    if (slot && *slot == endpoint)
        table_clear (slot);
    bool orphan = endpoint->known_fds == 0;
    pthread_mutex_unlock (&table_lock);

    if (!orphan)
        return close (fd);
    accept_hold_requests (endpoint, fd);
    /* When the file lives on, an unknown duplicate here or another process
       has it: it is left to the garbage collection. */
    if (!close_and_watch (fd, &rc)) {
        pthread_mutex_lock (&table_lock);
        /* Another thread may have filed or dropped it meanwhile. */
        orphan = endpoint->known_fds == 0
                 && (endpoint->prev || all == endpoint);
        if (orphan)
            retire (endpoint);
        pthread_mutex_unlock (&table_lock);
        if (orphan)
            endpoint_put (endpoint);
    } else
        collect_garbage_now_and_then ();
    return rc;
}

bool endpoint_is_connected (struct endpoint *endpoint)
{
    const int state = atomic_load (&endpoint->state);
    if (state != STATE_PENDING)
        return state == STATE_CONNECTED;
    /* Until it is accepted another thread may give the segment up. */
    pthread_mutex_lock (&endpoint->lock);
    const bool accepted =
      endpoint->segment
      && atomic_load (&endpoint->segment->request) == REQUEST_ACCEPTED;
    pthread_mutex_unlock (&endpoint->lock);
    return accepted;
}

struct process *endpoint_find_peer (struct endpoint *endpoint)
{
    pthread_mutex_lock (&endpoint->lock);
    if (!endpoint->peer_process)
        endpoint->peer_process = process_find (
          endpoint->segment->side[1 - endpoint->side].process);
    struct process *peer = endpoint->peer_process;
    pthread_mutex_unlock (&endpoint->lock);
    return peer;
}

bool endpoint_is_hung_up (int fd)
{
    struct pollfd p = {fd, 0, 0};
    return poll (&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

int endpoint_may_use_memory (struct endpoint *endpoint, int fd)
{
    if (!endpoint_is_connected (endpoint))
        return ENOTCONN;
    return endpoint_is_hung_up (fd) ? ECONNRESET : 0;
}

void endpoint_for_each (void (*fn) (struct endpoint *, void *), void *context)
{
    pthread_mutex_lock (&table_lock);
    for (struct endpoint *e = all; e; e = e->next)
        fn (e, context);
    pthread_mutex_unlock (&table_lock);
}
