/* SPDX-License-Identifier: MPL-2.0 */
/*
 * libscif-strict: an LD_PRELOAD library under which the endpoints of a libscif that is made of sockets look to its
 * callers as those of Intel's driver do. What rests on an endpoint being a socket, or on epoll waking for everything,
 * works on such a libscif and hangs on a card; under this library it fails on any machine.
 *
 * To everybody but libscif an endpoint
 *   - is no socket: getpeername, getsockname, getsockopt, setsockopt, shutdown, send*, recv*, accept*, bind, listen and
 *     connect fail with ENOTSOCK;
 *   - can't be read or written: read*, write* fail with EINVAL, lseek with ESPIPE;
 *   - is hooked into an epoll set once and for all by EPOLL_CTL_ADD:
 *       connected            the directions in `events` at the ADD are what can wake it ever after; a MOD to others
 *                            reports what is ready in them at the MOD itself, for as long as it stays ready, and is not
 *                            woken for them later. ADDed with none it isn't woken by the peer's close either;
 *       connect in progress  ADDed then, it is woken by the completion, and by nothing after scif_connect has told the
 *                            result;
 *       not connected yet    ADDed before scif_connect or scif_listen it reports EPOLLERR, once, and is never woken;
 *       listening            woken for everything.
 *     EPOLL_CTL_DEL and a new ADD start afresh. poll and select are right always, as they are on the driver;
 *   - has a port that is given twice, by a defect of the driver: the end of a connection that closes first puts its port
 *     twice. A listener whose accepted endpoints have gone that way has lost its port, and so has the next endpoint that
 *     is given the port of a connecter that went that way. scif_bind with port 0 gives such a port, if it is the lowest,
 *     to another one, while connects to it go to the older listener. Nobody comes to the newer one.
 *
 * How: scif_* are interposed to learn which descriptors are endpoints and in what state. Directions that can't wake are
 * kept out of the kernel's registration, and a registration that nothing can wake is kept out of the kernel's set.
 * EPOLLERR is reported by a pipe without a reader that is registered in the endpoint's place. Ports are counted as the
 * driver counts them; the endpoint that is told another's number has one of its own that nobody knows. A call is libscif's own
 * when it comes from libscif's code, or on a thread that is inside a scif_* call.
 *
 * Limits. The driver is sometimes more generous: when an endpoint is woken for one direction it reports the others that
 * the last MOD asks for as well; here it reports only those that were hooked at the ADD. EPOLLERR of an endpoint that is not
 * connected comes once per ADD or MOD, not again and again. What the socket itself reports is not translated: after the
 * peer's close EPOLLIN accompanies EPOLLHUP with nothing left to read, and before the result of a non-blocking connect
 * is collected EPOLLIN is possible. What has ceased to be ready is noticed on entry to epoll_wait and its kin, not to
 * poll on an epoll descriptor. fstat and /proc still say "socket". Duplicates made by others than dup, dup2, dup3 and
 * fcntl, descriptors closed by close_range, and numbers beyond MAX_FD are not followed. Ports are given twice within one
 * process only, and always, where the driver has to be hit in a certain moment if it was a connecter's. System calls made without
 * libc's functions, by io_uring or splice are not seen.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define MAX_FD (1 << 20)

#define IN_EVENTS (EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLPRI | EPOLLRDHUP)
#define OUT_EVENTS (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define ALL_EVENTS ((uint32_t) (IN_EVENTS | OUT_EVENTS))

/* ---- the functions behind this library ---- */

/* real (name) is the next definition of a function; its type is that of the declaration. */
#define real(name)                                                                                             \
    ({                                                                                                         \
        static _Atomic (void *) found;                                                                         \
        void *function = atomic_load_explicit (&found, memory_order_relaxed);                                  \
        if (!function) {                                                                                       \
            function = next_symbol (#name);                                                                    \
            atomic_store_explicit (&found, function, memory_order_relaxed);                                    \
        }                                                                                                      \
        (__typeof__ (&name)) function;                                                                         \
    })

static void *next_symbol (const char *name)
{
    void *symbol = dlsym (RTLD_NEXT, name);
    if (!symbol)
        abort ();
    return symbol;
}

/* ---- whose call is it ---- */

/* Calls of scif_* that this thread is in. */
static _Thread_local int inside_libscif;

/* libscif's code, once a scif_* function has been called. */
static _Atomic uintptr_t code_begin, code_end;

static int find_code (struct dl_phdr_info *info, size_t size, void *address)
{
    (void) size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW (Phdr) *part = &info->dlpi_phdr[i];
        const uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || (uintptr_t) address < begin || (uintptr_t) address >= begin + part->p_memsz)
            continue;
        atomic_store (&code_end, begin + part->p_memsz);
        atomic_store (&code_begin, begin);
        return 1;
    }
    return 0;
}

static bool is_libscif (const void *caller)
{
    const uintptr_t begin = atomic_load_explicit (&code_begin, memory_order_acquire);
    return inside_libscif > 0
           || (begin && (uintptr_t) caller >= begin && (uintptr_t) caller < atomic_load (&code_end));
}

/* ---- endpoints ---- */

enum state
{
    NO_ENDPOINT = 0,
    NOT_CONNECTED, /* unbound, bound, or a blocking connect in progress */
    CONNECTING,    /* by a non-blocking scif_connect whose result has not been collected */
    CONNECTED,
    LISTENING
};

static _Atomic unsigned char states[MAX_FD];

/* True for an epoll descriptor that endpoints are registered in: its end has to be noticed. */
static _Atomic unsigned char epoll_sets[MAX_FD];

static enum state state_of (int fd)
{
    return fd < 0 || fd >= MAX_FD ? NO_ENDPOINT
                                  : (enum state) atomic_load_explicit (&states[fd], memory_order_relaxed);
}

static void set_state (int fd, enum state state)
{
    if (fd >= 0 && fd < MAX_FD)
        atomic_store (&states[fd], (unsigned char) state);
}

/* True when a stranger asks a socket's service of an endpoint. */
static bool is_foreign (int fd, const void *caller)
{
    return state_of (fd) != NO_ENDPOINT && !is_libscif (caller);
}

/* ---- registrations of endpoints in epoll sets ---- */

struct item
{
    struct item *next;
    int epfd;
    int fd;
    uint32_t events;     /* as the caller asked last */
    epoll_data_t data;
    uint32_t hooks;      /* directions that can wake it */
    bool until_result;   /* woken by the end of a non-blocking connect, and dead afterwards */
    bool ready;          /* found ready outside hooks; reported until it no longer is */
    bool in_kernel;
    int error_fd;        /* the pipe that reports EPOLLERR in its place, or -1 */
};

static pthread_mutex_t items_lock = PTHREAD_MUTEX_INITIALIZER;
static struct item *items;
static _Atomic int ready_items;

/* A child of fork has but one thread, and must not find the lock held by another. */
static void lock_items (void)
{
    pthread_mutex_lock (&items_lock);
}

static void unlock_items (void)
{
    pthread_mutex_unlock (&items_lock);
}

__attribute__ ((constructor)) static void watch_forks (void)
{
    pthread_atfork (lock_items, unlock_items, unlock_items);
}

static struct item **find_item (int epfd, int fd)
{
    for (struct item **link = &items; *link; link = &(*link)->next)
        if ((*link)->epfd == epfd && (*link)->fd == fd)
            return link;
    return NULL;
}

static void set_ready (struct item *item, bool ready)
{
    if (item->ready != ready)
        atomic_fetch_add (&ready_items, ready ? 1 : -1);
    item->ready = ready;
}

/* Is something ready that the item asks for but can't be woken for? */
static bool ready_outside_hooks (const struct item *item)
{
    struct pollfd ask = {item->fd, (short) (item->events & ALL_EVENTS & ~item->hooks), 0};
    if (poll (&ask, 1, 0) != 1)
        return false;
    /* With any hook at all the peer's close wakes it. */
    return item->hooks == 0 || (ask.revents & ask.events) != 0;
}

/* Puts the item into the kernel's set as far as it can be woken, or is ready. */
static int place (struct item *item)
{
    const bool wanted = item->hooks != 0 || item->ready;
    struct epoll_event event;
    event.data = item->data;
    event.events = item->ready ? item->events : item->events & (~ALL_EVENTS | item->hooks);
    if (!wanted) {
        if (item->in_kernel)
            real (epoll_ctl) (item->epfd, EPOLL_CTL_DEL, item->fd, NULL);
        item->in_kernel = false;
        return 0;
    }
    const int rc = real (epoll_ctl) (item->epfd, item->in_kernel ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, item->fd, &event);
    if (rc == 0)
        item->in_kernel = true;
    return rc;
}

static void drop_error (struct item *item)
{
    if (item->error_fd == -1)
        return;
    real (epoll_ctl) (item->epfd, EPOLL_CTL_DEL, item->error_fd, NULL);
    real (close) (item->error_fd);
    item->error_fd = -1;
}

/* EPOLLERR, once. */
static int report_error (struct item *item)
{
    int ends[2];
    drop_error (item);
    if (pipe2 (ends, O_CLOEXEC) != 0)
        return -1;
    real (close) (ends[0]);
    item->error_fd = ends[1];
    struct epoll_event event;
    event.data = item->data;
    event.events = EPOLLONESHOT;
    return real (epoll_ctl) (item->epfd, EPOLL_CTL_ADD, item->error_fd, &event);
}

static void unlink_item (struct item **link)
{
    struct item *item = *link;
    set_ready (item, false);
    drop_error (item);
    *link = item->next;
    free (item);
}

static int item_add (int epfd, int fd, const struct epoll_event *event)
{
    if (find_item (epfd, fd)) {
        errno = EEXIST;
        return -1;
    }
    /* The kernel's own checks: is epfd an epoll descriptor, is fd open. */
    struct epoll_event none = {0, {0}};
    if (real (epoll_ctl) (epfd, EPOLL_CTL_ADD, fd, &none) != 0)
        return -1;
    real (epoll_ctl) (epfd, EPOLL_CTL_DEL, fd, NULL);

    struct item *item = calloc (1, sizeof *item);
    if (!item) {
        errno = ENOMEM;
        return -1;
    }
    item->epfd = epfd;
    item->fd = fd;
    item->events = event->events;
    item->data = event->data;
    item->error_fd = -1;
    item->next = items;
    items = item;
    if (epfd >= 0 && epfd < MAX_FD)
        atomic_store (&epoll_sets[epfd], 1);

    int rc;
    switch (state_of (fd)) {
        case CONNECTED:
            item->hooks = item->events & ALL_EVENTS;
            if (item->hooks == 0)
                set_ready (item, ready_outside_hooks (item));
            rc = place (item);
            break;
        case CONNECTING:
            item->until_result = true;
            /* fall through */
        case LISTENING:
            item->hooks = ALL_EVENTS;
            rc = place (item);
            break;
        default:
            rc = report_error (item);
            break;
    }
    if (rc != 0) {
        const int error = errno;
        unlink_item (&items);
        errno = error;
    }
    return rc;
}

static int item_mod (struct item *item, const struct epoll_event *event)
{
    item->events = event->events;
    item->data = event->data;
    if (state_of (item->fd) == NOT_CONNECTED)
        return report_error (item);
    drop_error (item);
    set_ready (item, ready_outside_hooks (item));
    return place (item);
}

static int item_del (struct item **link)
{
    if ((*link)->in_kernel)
        real (epoll_ctl) ((*link)->epfd, EPOLL_CTL_DEL, (*link)->fd, NULL);
    unlink_item (link);
    return 0;
}

/* The result of a non-blocking connect is known: what was registered meanwhile can't be woken any more. */
static void result_collected (int fd)
{
    lock_items ();
    for (struct item *item = items; item; item = item->next)
        if (item->fd == fd && item->until_result) {
            item->until_result = false;
            item->hooks = 0;
            set_ready (item, ready_outside_hooks (item));
            place (item);
        }
    unlock_items ();
}

/* What was found ready at a MOD and no longer is goes to sleep. */
static void settle_ready_items (void)
{
    if (atomic_load_explicit (&ready_items, memory_order_relaxed) == 0)
        return;
    const int error = errno;
    lock_items ();
    for (struct item *item = items; item; item = item->next)
        if (item->ready && !ready_outside_hooks (item)) {
            set_ready (item, false);
            place (item);
        }
    unlock_items ();
    errno = error;
}

/* ---- ports, counted as the driver does; under items_lock ---- */

struct port
{
    unsigned short references;
    unsigned short listeners;
    bool owed; /* a connecter put it once and will do so again, whoever has it by then */
};

static struct port ports[UINT16_MAX + 1];

/* Of each endpoint, as its owner was told; 0: none. */
static uint16_t own_ports[MAX_FD];

static struct port *port_of (int fd)
{
    return fd >= 0 && fd < MAX_FD && own_ports[fd] ? &ports[own_ports[fd]] : NULL;
}

static void take_port (int fd, uint16_t port)
{
    if (fd < 0 || fd >= MAX_FD)
        return;
    own_ports[fd] = port;
    ports[port].references++;
}

/* The lowest port that counts as free although somebody listens on it, or 0. */
static uint16_t port_given_twice (void)
{
    for (int port = 1; port <= UINT16_MAX; port++)
        if (ports[port].listeners && !ports[port].references)
            return (uint16_t) port;
    return 0;
}

/* The number that the owner of an endpoint is told when `port` was free for it. */
static uint16_t port_bound (int fd, uint16_t port, bool any)
{
    const uint16_t twice = any ? port_given_twice () : 0;
    const uint16_t told = twice && twice < port ? twice : port;
    take_port (fd, told);
    if (any && ports[told].owed)
        ports[told].references--;
    ports[told].owed = false;
    return told;
}

static void put_port (int fd, enum state state)
{
    struct port *port = port_of (fd);
    if (!port)
        return;
    own_ports[fd] = 0;
    struct pollfd peer = {fd, POLLIN, 0};
    const bool first = state == CONNECTED && poll (&peer, 1, 0) >= 0 && !(peer.revents & (POLLHUP | POLLERR));
    if (state == LISTENING)
        port->listeners--;
    if (port->references)
        port->references--;
    if (first && !port->listeners)
        port->owed = true;
    else if (first && port->references)
        port->references--;
}

/* A descriptor is about to be closed, by anybody. */
static void forget (int fd)
{
    if (fd < 0 || fd >= MAX_FD)
        return;
    const bool set = atomic_exchange (&epoll_sets[fd], 0);
    if (!set && state_of (fd) == NO_ENDPOINT)
        return;
    lock_items ();
    put_port (fd, state_of (fd));
    set_state (fd, NO_ENDPOINT);
    for (struct item **link = &items; *link;) {
        if ((*link)->fd == fd || (*link)->epfd == fd)
            unlink_item (link);
        else
            link = &(*link)->next;
    }
    unlock_items ();
}

EXPORT int epoll_ctl (int epfd, int op, int fd, struct epoll_event *event)
{
    if (!is_foreign (fd, __builtin_return_address (0)) || (op != EPOLL_CTL_DEL && !event))
        return real (epoll_ctl) (epfd, op, fd, event);
    lock_items ();
    struct item **link = find_item (epfd, fd);
    int rc;
    if (op == EPOLL_CTL_ADD)
        rc = item_add (epfd, fd, event);
    else if (!link)
        rc = real (epoll_ctl) (epfd, op, fd, event);
    else if (op == EPOLL_CTL_MOD)
        rc = item_mod (*link, event);
    else
        rc = item_del (link);
    const int error = errno;
    unlock_items ();
    errno = error;
    return rc;
}

EXPORT int epoll_wait (int epfd, struct epoll_event *events, int count, int timeout)
{
    settle_ready_items ();
    return real (epoll_wait) (epfd, events, count, timeout);
}

EXPORT int epoll_pwait (int epfd, struct epoll_event *events, int count, int timeout, const sigset_t *mask)
{
    settle_ready_items ();
    return real (epoll_pwait) (epfd, events, count, timeout, mask);
}

#if defined __GLIBC_PREREQ
#if __GLIBC_PREREQ(2, 35)
EXPORT int epoll_pwait2 (int epfd, struct epoll_event *events, int count, const struct timespec *timeout, const sigset_t *mask)
{
    settle_ready_items ();
    return real (epoll_pwait2) (epfd, events, count, timeout, mask);
}
#endif
#endif

/* ---- libscif's functions: which descriptors are endpoints, and in what state ---- */

struct scif_portID;
struct scif_pollepd;

int scif_open (void);
int scif_close (int);
int scif_bind (int, uint16_t);
int scif_listen (int, int);
int scif_connect (int, struct scif_portID *);
int scif_accept (int, struct scif_portID *, int *, int);
int scif_send (int, void *, int, int);
int scif_recv (int, void *, int, int);
off_t scif_register (int, void *, size_t, off_t, int, int);
int scif_unregister (int, off_t, size_t);
void *scif_mmap (void *, size_t, int, int, int, off_t);
int scif_munmap (void *, size_t);
int scif_readfrom (int, off_t, size_t, off_t, int);
int scif_writeto (int, off_t, size_t, off_t, int);
int scif_vreadfrom (int, void *, size_t, off_t, int);
int scif_vwriteto (int, void *, size_t, off_t, int);
int scif_fence_mark (int, int, int *);
int scif_fence_wait (int, int);
int scif_fence_signal (int, off_t, uint64_t, off_t, uint64_t, int);
int scif_get_nodeIDs (uint16_t *, int, uint16_t *);
int scif_poll (struct scif_pollepd *, unsigned int, long);

/* Calls a function of libscif, on whose behalf the calls below it are. */
#define enter(name, ...)                                                                                       \
    ({                                                                                                         \
        inside_libscif++;                                                                                      \
        __typeof__ (real (name) (__VA_ARGS__)) result = real (name) (__VA_ARGS__);                             \
        inside_libscif--;                                                                                      \
        result;                                                                                                \
    })

EXPORT int scif_open (void)
{
    if (!atomic_load (&code_begin))
        dl_iterate_phdr (find_code, (void *) (uintptr_t) real (scif_open));
    const int epd = enter (scif_open);
    set_state (epd, NOT_CONNECTED);
    return epd;
}

EXPORT int scif_close (int epd)
{
    forget (epd);
    return enter (scif_close, epd);
}

EXPORT int scif_bind (int epd, uint16_t port)
{
    const int rc = enter (scif_bind, epd, port);
    if (rc <= 0)
        return rc;
    lock_items ();
    const int told = port_bound (epd, (uint16_t) rc, port == 0);
    unlock_items ();
    return told;
}

EXPORT int scif_listen (int epd, int backlog)
{
    const int rc = enter (scif_listen, epd, backlog);
    if (rc == 0) {
        lock_items ();
        set_state (epd, LISTENING);
        if (port_of (epd))
            port_of (epd)->listeners++;
        unlock_items ();
    }
    return rc;
}

EXPORT int scif_connect (int epd, struct scif_portID *destination)
{
    const int rc = enter (scif_connect, epd, destination);
    const int error = errno;
    const enum state before = state_of (epd);
    if (rc != -1) {
        set_state (epd, CONNECTED);
        lock_items ();
        if (!port_of (epd))
            take_port (epd, (uint16_t) rc);
        unlock_items ();
    } else if (error == EINPROGRESS)
        set_state (epd, CONNECTING);
    else if (before == CONNECTING)
        set_state (epd, NOT_CONNECTED);
    if (before == CONNECTING && (rc != -1 || error != EINPROGRESS))
        result_collected (epd);
    errno = error;
    return rc;
}

EXPORT int scif_accept (int epd, struct scif_portID *peer, int *accepted, int flags)
{
    const int rc = enter (scif_accept, epd, peer, accepted, flags);
    if (rc == 0) {
        set_state (*accepted, CONNECTED);
        lock_items ();
        if (port_of (epd))
            take_port (*accepted, own_ports[epd]);
        unlock_items ();
    }
    return rc;
}

#define PASS_ON(type, name, parameters, ...)                                                                   \
    EXPORT type name parameters                                                                                \
    {                                                                                                          \
        return enter (name, __VA_ARGS__);                                                                      \
    }

PASS_ON (int, scif_send, (int epd, void *data, int size, int flags), epd, data, size, flags)
PASS_ON (int, scif_recv, (int epd, void *data, int size, int flags), epd, data, size, flags)
PASS_ON (off_t, scif_register, (int epd, void *address, size_t size, off_t offset, int prot, int flags), epd, address,
         size, offset, prot, flags)
PASS_ON (int, scif_unregister, (int epd, off_t offset, size_t size), epd, offset, size)
PASS_ON (void *, scif_mmap, (void *address, size_t size, int prot, int flags, int epd, off_t offset), address, size,
         prot, flags, epd, offset)
PASS_ON (int, scif_munmap, (void *address, size_t size), address, size)
PASS_ON (int, scif_readfrom, (int epd, off_t here, size_t size, off_t there, int flags), epd, here, size, there, flags)
PASS_ON (int, scif_writeto, (int epd, off_t here, size_t size, off_t there, int flags), epd, here, size, there, flags)
PASS_ON (int, scif_vreadfrom, (int epd, void *here, size_t size, off_t there, int flags), epd, here, size, there, flags)
PASS_ON (int, scif_vwriteto, (int epd, void *here, size_t size, off_t there, int flags), epd, here, size, there, flags)
PASS_ON (int, scif_fence_mark, (int epd, int flags, int *mark), epd, flags, mark)
PASS_ON (int, scif_fence_wait, (int epd, int mark), epd, mark)
PASS_ON (int, scif_fence_signal, (int epd, off_t here, uint64_t value, off_t there, uint64_t their_value, int flags), epd,
         here, value, there, their_value, flags)
PASS_ON (int, scif_get_nodeIDs, (uint16_t *nodes, int length, uint16_t *self), nodes, length, self)
PASS_ON (int, scif_poll, (struct scif_pollepd *epds, unsigned int count, long timeout), epds, count, timeout)

/* ---- descriptors come and go ---- */

static void copy_state (int from, int to)
{
    if (to < 0 || to >= MAX_FD || state_of (from) == NO_ENDPOINT)
        return;
    set_state (to, state_of (from));
    /* A connection ends with its first descriptor, for the count of ports. */
    lock_items ();
    if (port_of (from) && state_of (from) == LISTENING) {
        take_port (to, own_ports[from]);
        port_of (to)->listeners++;
    }
    unlock_items ();
}

EXPORT int close (int fd)
{
    forget (fd);
    return real (close) (fd);
}

EXPORT int dup (int fd)
{
    const int copy = real (dup) (fd);
    copy_state (fd, copy);
    return copy;
}

EXPORT int dup2 (int from, int to)
{
    if (from != to && !is_libscif (__builtin_return_address (0)))
        forget (to);
    const int copy = real (dup2) (from, to);
    copy_state (from, copy);
    return copy;
}

EXPORT int dup3 (int from, int to, int flags)
{
    /* libscif may put another socket under an endpoint's number; to others it stays what it was. */
    if (!is_libscif (__builtin_return_address (0)))
        forget (to);
    const int copy = real (dup3) (from, to, flags);
    copy_state (from, copy);
    return copy;
}

#define FCNTL(name)                                                                                            \
    EXPORT int name (int fd, int command, ...)                                                                 \
    {                                                                                                          \
        va_list args;                                                                                          \
        va_start (args, command);                                                                              \
        void *const argument = va_arg (args, void *);                                                          \
        va_end (args);                                                                                         \
        const int rc = real (name) (fd, command, argument);                                                    \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)                                                  \
            copy_state (fd, rc);                                                                               \
        return rc;                                                                                             \
    }

FCNTL (fcntl)
#undef fcntl64
int fcntl64 (int fd, int command, ...);
FCNTL (fcntl64)

/* ---- what only sockets can do ---- */

#define REFUSE(type, name, error, fd, parameters, ...)                                                         \
    EXPORT type name parameters                                                                                \
    {                                                                                                          \
        if (is_foreign (fd, __builtin_return_address (0))) {                                                   \
            errno = error;                                                                                     \
            return -1;                                                                                         \
        }                                                                                                      \
        return real (name) (__VA_ARGS__);                                                                      \
    }

REFUSE (int, getpeername, ENOTSOCK, fd, (int fd, struct sockaddr *address, socklen_t *size), fd, address, size)
REFUSE (int, getsockname, ENOTSOCK, fd, (int fd, struct sockaddr *address, socklen_t *size), fd, address, size)
REFUSE (int, getsockopt, ENOTSOCK, fd, (int fd, int level, int name, void *value, socklen_t *size), fd, level, name, value,
        size)
REFUSE (int, setsockopt, ENOTSOCK, fd, (int fd, int level, int name, const void *value, socklen_t size), fd, level, name,
        value, size)
REFUSE (int, shutdown, ENOTSOCK, fd, (int fd, int how), fd, how)
REFUSE (int, bind, ENOTSOCK, fd, (int fd, const struct sockaddr *address, socklen_t size), fd, address, size)
REFUSE (int, listen, ENOTSOCK, fd, (int fd, int backlog), fd, backlog)
REFUSE (int, connect, ENOTSOCK, fd, (int fd, const struct sockaddr *address, socklen_t size), fd, address, size)
REFUSE (int, accept, ENOTSOCK, fd, (int fd, struct sockaddr *address, socklen_t *size), fd, address, size)
REFUSE (int, accept4, ENOTSOCK, fd, (int fd, struct sockaddr *address, socklen_t *size, int flags), fd, address, size,
        flags)
REFUSE (ssize_t, send, ENOTSOCK, fd, (int fd, const void *data, size_t size, int flags), fd, data, size, flags)
REFUSE (ssize_t, sendto, ENOTSOCK, fd,
        (int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t to_size), fd, data, size,
        flags, to, to_size)
REFUSE (ssize_t, sendmsg, ENOTSOCK, fd, (int fd, const struct msghdr *message, int flags), fd, message, flags)
REFUSE (int, sendmmsg, ENOTSOCK, fd, (int fd, struct mmsghdr *messages, unsigned int count, int flags), fd, messages,
        count, flags)
REFUSE (ssize_t, recv, ENOTSOCK, fd, (int fd, void *data, size_t size, int flags), fd, data, size, flags)
REFUSE (ssize_t, recvfrom, ENOTSOCK, fd,
        (int fd, void *data, size_t size, int flags, struct sockaddr *from, socklen_t *from_size), fd, data, size, flags,
        from, from_size)
REFUSE (ssize_t, recvmsg, ENOTSOCK, fd, (int fd, struct msghdr *message, int flags), fd, message, flags)
REFUSE (int, recvmmsg, ENOTSOCK, fd,
        (int fd, struct mmsghdr *messages, unsigned int count, int flags, struct timespec *timeout), fd, messages, count,
        flags, timeout)

REFUSE (ssize_t, read, EINVAL, fd, (int fd, void *data, size_t size), fd, data, size)
REFUSE (ssize_t, write, EINVAL, fd, (int fd, const void *data, size_t size), fd, data, size)
REFUSE (ssize_t, readv, EINVAL, fd, (int fd, const struct iovec *parts, int count), fd, parts, count)
REFUSE (ssize_t, writev, EINVAL, fd, (int fd, const struct iovec *parts, int count), fd, parts, count)
REFUSE (off_t, lseek, ESPIPE, fd, (int fd, off_t offset, int whence), fd, offset, whence)
REFUSE (off64_t, lseek64, ESPIPE, fd, (int fd, off64_t offset, int whence), fd, offset, whence)

/* The same under the names that fortified code calls. */
ssize_t __read_chk (int fd, void *data, size_t size, size_t room);
ssize_t __recv_chk (int fd, void *data, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk (int fd, void *data, size_t size, size_t room, int flags, struct sockaddr *from, socklen_t *from_size);

REFUSE (ssize_t, __read_chk, EINVAL, fd, (int fd, void *data, size_t size, size_t room), fd, data, size, room)
REFUSE (ssize_t, __recv_chk, ENOTSOCK, fd, (int fd, void *data, size_t size, size_t room, int flags), fd, data, size, room,
        flags)
REFUSE (ssize_t, __recvfrom_chk, ENOTSOCK, fd,
        (int fd, void *data, size_t size, size_t room, int flags, struct sockaddr *from, socklen_t *from_size), fd, data,
        size, room, flags, from, from_size)
