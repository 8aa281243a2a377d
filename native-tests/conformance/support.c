/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

void check_at_once (double since, const char *what)
{
    double took = now () - since;
    if (took > AT_ONCE)
        FAIL ("%s took %.2f s, expected at once", what, took);
}

void sleep_ms (int milliseconds)
{
    poll (NULL, 0, milliseconds);
}

/* ---- endpoints ---- */

static int scif_poll_until (scif_epd_t epd, int events, int timeout_ms)
{
    struct scif_pollepd one;
    one.epd = epd;
    one.events = (short) events;
    one.revents = 0;
    SUCCEEDS (scif_poll (&one, 1, timeout_ms));
    return one.revents;
}

uint16_t self_node (void)
{
    uint16_t nodes[1], self = 0xffff;
    SUCCEEDS (scif_get_nodeIDs (nodes, 1, &self));
    return self;
}

uint16_t absent_node (uint16_t least)
{
    uint16_t nodes[1024], self;
    int online = (int) SUCCEEDS (scif_get_nodeIDs (nodes, 1024, &self)), i;
    unsigned candidate;
    for (candidate = least; candidate <= 0xffff; candidate++) {
        for (i = 0; i < online && i < 1024; i++)
            if (nodes[i] == candidate)
                break;
        if (i == online || i == 1024)
            return (uint16_t) candidate;
    }
    FAIL ("every node from %u up is there", least);
}

struct scif_portID address (int port)
{
    struct scif_portID id;
    id.node = self_node ();
    id.port = (uint16_t) port;
    return id;
}

scif_epd_t endpoint (void)
{
    return (scif_epd_t) SUCCEEDS (scif_open ());
}

scif_epd_t listener (int backlog, int *port)
{
    scif_epd_t epd = endpoint ();
    *port = (int) SUCCEEDS (scif_bind (epd, 0));
    RETURNS (scif_listen (epd, backlog), 0);
    return epd;
}

int dead_port (scif_epd_t *holder)
{
    *holder = endpoint ();
    return (int) SUCCEEDS (scif_bind (*holder, 0));
}

void close_epd (scif_epd_t epd)
{
    RETURNS (scif_close (epd), 0);
}

void await_request (scif_epd_t listener_epd, const struct call *connect)
{
    double since = now ();
    while (!(scif_poll_until (listener_epd, POLLIN, 20) & POLLIN)) {
        if (connect && returned (connect))
            FAIL ("scif_connect returned %ld (errno %d %s) before any accept",
                  connect->result, connect->error, errno_name (connect->error));
        if (now () - since > AT_ONCE)
            FAIL ("the connection request did not arrive within %.0f s",
                  AT_ONCE);
    }
}

struct pair pair_through (scif_epd_t listener_epd, int port)
{
    struct pair pair;
    struct call connect;
    memset (&pair, 0, sizeof pair);
    pair.port = port;
    pair.connecter = endpoint ();
    start_connect (&connect, pair.connecter, address (port));
    await_request (listener_epd, &connect);
    RETURNS (scif_accept (listener_epd, &pair.peer, &pair.accepted,
                          SCIF_ACCEPT_SYNC),
             0);
    finish (&connect, AT_ONCE);
    if (connect.result < 0)
        FAIL ("scif_connect: errno %d %s", connect.error,
              errno_name (connect.error));
    pair.local_port = (int) connect.result;
    return pair;
}

struct pair pair_open (void)
{
    int port;
    scif_epd_t epd = listener (1, &port);
    struct pair pair = pair_through (epd, port);
    close_epd (epd);
    return pair;
}

void pair_close (struct pair *pair)
{
    close_epd (pair->connecter);
    close_epd (pair->accepted);
}

void await_hangup (scif_epd_t epd)
{
    double since = now ();
    while (!(scif_poll_now (epd, POLLIN) & POLLHUP)) {
        if (now () - since > 5)
            FAIL ("no HUP within 5 s of the peer's end");
        sleep_ms (1);
    }
}

void await_unregistered (scif_epd_t epd, off_t offset)
{
    char byte;
    double since = now ();
    while (scif_vreadfrom (epd, &byte, 1, offset, SCIF_RMA_SYNC) == 0) {
        check_at_once (since, "the end of a window");
        sleep_ms (1);
    }
    FAILS (scif_vreadfrom (epd, &byte, 1, offset, SCIF_RMA_SYNC), ENXIO);
}

scif_epd_t disconnected_endpoint (void)
{
    struct pair pair = pair_open ();
    close_epd (pair.accepted);
    await_hangup (pair.connecter);
    return pair.connecter;
}

void set_nonblocking (scif_epd_t epd, bool on)
{
    int flags = (int) SUCCEEDS (fcntl (epd, F_GETFL));
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    RETURNS (fcntl (epd, F_SETFL, flags), 0);
}

scif_epd_t pending_connect (int port)
{
    struct scif_portID to = address (port);
    scif_epd_t epd = endpoint ();
    set_nonblocking (epd, true);
    FAILS (scif_connect (epd, &to), EINPROGRESS);
    return epd;
}

int foreign_fd (void)
{
    return (int) SUCCEEDS (open ("/dev/null", O_RDWR | O_CLOEXEC));
}

int closed_fd (void)
{
    int fd = foreign_fd ();
    close (fd);
    return fd;
}

/* ---- polling ---- */

int scif_poll_now (scif_epd_t epd, int events)
{
    return scif_poll_until (epd, events, 0);
}

int poll_now (scif_epd_t epd, int events)
{
    struct pollfd one = {epd, (short) events, 0};
    SUCCEEDS (poll (&one, 1, 0));
    return one.revents;
}

int poll_for (scif_epd_t epd, int events)
{
    int seen = scif_poll_until (epd, events, (int) (AT_ONCE * 1000));
    if (!seen)
        FAIL ("poll reports nothing within %.0f s", AT_ONCE);
    return seen;
}

int epoll_new (void)
{
    return (int) SUCCEEDS (epoll_create1 (EPOLL_CLOEXEC));
}

void epoll_change (int set, int operation, scif_epd_t epd, uint32_t events)
{
    struct epoll_event event;
    memset (&event, 0, sizeof event);
    event.events = events;
    event.data.fd = epd;
    RETURNS (epoll_ctl (set, operation, epd, &event), 0);
}

uint32_t epoll_next (int set, int timeout_ms)
{
    struct epoll_event event;
    return SUCCEEDS (epoll_wait (set, &event, 1, timeout_ms)) ? event.events
                                                              : 0;
}

/* ---- bytes ---- */

unsigned char pattern (unsigned seed, size_t position)
{
    uint64_t x = (uint64_t) position * 0x9e3779b97f4a7c15u + seed * 0x51ed27u;
    return (unsigned char) (x >> 56);
}

void fill (void *buffer, size_t len, unsigned seed, size_t position)
{
    unsigned char *bytes = buffer;
    size_t i;
    for (i = 0; i < len; i++)
        bytes[i] = pattern (seed, position + i);
}

void check_pattern (const void *buffer, size_t len, unsigned seed,
                    size_t position)
{
    const unsigned char *bytes = buffer;
    size_t i;
    for (i = 0; i < len; i++)
        if (bytes[i] != pattern (seed, position + i))
            FAIL ("byte %zu of the stream: expected 0x%02x, actual 0x%02x",
                  position + i, pattern (seed, position + i), bytes[i]);
}

void *lasting (size_t len)
{
    static void **kept;
    void **block = calloc (1, sizeof (void *) * 2 + len);
    if (!block)
        FAIL ("no memory for %zu bytes", len);
    *block = kept;
    kept = block;
    return block + 2;
}

void send_all (scif_epd_t epd, const void *buffer, int len)
{
    RETURNS (scif_send (epd, (void *) (uintptr_t) buffer, len, SCIF_SEND_BLOCK),
             len);
}

void recv_all (scif_epd_t epd, void *buffer, int len)
{
    RETURNS (scif_recv (epd, buffer, len, SCIF_RECV_BLOCK), len);
}

void recv_soon (scif_epd_t epd, void *buffer, int len)
{
    double since = now ();
    int have = 0;
    while (have < len) {
        int got = (int) SUCCEEDS (
          scif_recv (epd, (char *) buffer + have, len - have, 0));
        have += got;
        if (!got) {
            if (now () - since > AT_ONCE)
                FAIL ("%d of %d bytes arrived within %.0f s", have, len,
                      AT_ONCE);
            sleep_ms (1);
        }
    }
}

int send_until_full (scif_epd_t epd, unsigned seed, size_t position)
{
    char buffer[1000];
    int total = 0, sent;
    do {
        fill (buffer, sizeof buffer, seed, position + (size_t) total);
        sent = (int) SUCCEEDS (scif_send (epd, buffer, sizeof buffer, 0));
        total += sent;
    } while (sent);
    return total;
}

void send_forever (scif_epd_t epd)
{
    char buffer[777];
    size_t position = 0;
    for (;;) {
        int sent;
        fill (buffer, sizeof buffer, 1, position);
        sent = scif_send (epd, buffer, sizeof buffer, SCIF_SEND_BLOCK);
        if (sent < 0)
            return;
        position += (size_t) sent;
    }
}

/* ---- calls in a thread of their own ---- */

static void *run_call (void *argument)
{
    struct call *call = argument;
    long result;
    __atomic_store_n (&call->tid, (pid_t) syscall (SYS_gettid),
                      __ATOMIC_RELEASE);
    call->began = now ();
    errno = 0;
    result = call->run (call);
    call->error = errno;
    call->ended = now ();
    call->result = result;
    __atomic_store_n (&call->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

void start_call (struct call *call, long (*run) (struct call *call))
{
    call->run = run;
    call->done = 0;
    call->tid = 0;
    call->events = 0;
    call->accepted = -1;
    if (pthread_create (&call->thread, NULL, run_call, call))
        FAIL ("no thread");
}

static long run_connect (struct call *call)
{
    return scif_connect (call->epd, &call->id);
}

static long run_accept (struct call *call)
{
    return scif_accept (call->epd, &call->id, &call->accepted,
                        SCIF_ACCEPT_SYNC);
}

static long run_send (struct call *call)
{
    return scif_send (call->epd, call->buffer, call->len, call->flags);
}

static long run_recv (struct call *call)
{
    return scif_recv (call->epd, call->buffer, call->len, call->flags);
}

static long run_close (struct call *call)
{
    return scif_close (call->epd);
}

static long run_poll (struct call *call)
{
    struct pollfd one = {call->epd, (short) call->flags, 0};
    int ready = poll (&one, 1, call->len);
    call->events = one.revents;
    return ready;
}

static long run_epoll (struct call *call)
{
    struct epoll_event event;
    int ready = epoll_wait (call->epd, &event, 1, call->len);
    call->events = ready == 1 ? (int) event.events : 0;
    return ready;
}

void start_connect (struct call *call, scif_epd_t epd, struct scif_portID to)
{
    call->epd = epd;
    call->id = to;
    start_call (call, run_connect);
}

void start_accept (struct call *call, scif_epd_t epd)
{
    call->epd = epd;
    start_call (call, run_accept);
}

void start_send (struct call *call, scif_epd_t epd, const void *buffer, int len,
                 int flags)
{
    call->epd = epd;
    call->buffer = (void *) (uintptr_t) buffer;
    call->len = len;
    call->flags = flags;
    start_call (call, run_send);
}

void start_recv (struct call *call, scif_epd_t epd, void *buffer, int len,
                 int flags)
{
    call->epd = epd;
    call->buffer = buffer;
    call->len = len;
    call->flags = flags;
    start_call (call, run_recv);
}

void start_close (struct call *call, scif_epd_t epd)
{
    call->epd = epd;
    start_call (call, run_close);
}

void start_poll (struct call *call, scif_epd_t epd, int events, int timeout_ms)
{
    call->epd = epd;
    call->flags = events;
    call->len = timeout_ms;
    start_call (call, run_poll);
}

void start_epoll (struct call *call, int set, int timeout_ms)
{
    call->epd = set;
    call->len = timeout_ms;
    start_call (call, run_epoll);
}

bool returned (const struct call *call)
{
    return __atomic_load_n (&call->done, __ATOMIC_ACQUIRE);
}

/* The scheduler's letter for the thread: S and D are asleep. */
static char thread_state (const struct call *call)
{
    char path[64], text[256], *after_name;
    pid_t tid = __atomic_load_n (&call->tid, __ATOMIC_ACQUIRE);
    FILE *file;
    size_t got;
    if (!tid)
        return '?';
    snprintf (path, sizeof path, "/proc/self/task/%d/stat", (int) tid);
    file = fopen (path, "re");
    if (!file)
        return '?';
    got = fread (text, 1, sizeof text - 1, file);
    fclose (file);
    text[got] = '\0';
    after_name = strrchr (text, ')');
    return after_name && after_name[1] ? after_name[2] : '?';
}

void await_blocked (struct call *call)
{
    double since = now ();
    int asleep = 0;
    /* Ten looks in a row, 10 ms apart: a thread that only waits for a lock or
       a page on its way into the call sleeps less than that. */
    while (asleep < 10) {
        char state = thread_state (call);
        asleep = state == 'S' || state == 'D' ? asleep + 1 : 0;
        if (returned (call))
            FAIL ("the call returned %ld (errno %d %s), expected it to block",
                  call->result, call->error, errno_name (call->error));
        if (now () - since > 5)
            FAIL ("the call neither sleeps nor returns");
        sleep_ms (10);
    }
}

double finish (struct call *call, double within)
{
    double since = now ();
    while (!returned (call)) {
        if (now () - since > within)
            FAIL ("the call did not return within %.1f s", within);
        sleep_ms (1);
    }
    pthread_join (call->thread, NULL);
    return call->ended - call->began;
}

void finish_returning (struct call *call, long value)
{
    finish (call, AT_ONCE);
    if (call->result != value)
        FAIL ("the blocked call: expected %ld, actual %ld, errno %d %s", value,
              call->result, call->error, errno_name (call->error));
}

void finish_failing (struct call *call, int code)
{
    finish (call, AT_ONCE);
    if (call->result != -1 || call->error != code)
        FAIL ("the blocked call: expected -1, errno %d %s; actual %ld, errno %d"
              " %s",
              code, errno_name (code), call->result, call->error,
              errno_name (call->error));
}

static void on_signal (int number)
{
    (void) number;
}

void interrupt (struct call *call, int sigaction_flags)
{
    struct sigaction action;
    double since = now ();
    memset (&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = sigaction_flags;
    RETURNS (sigaction (SIGUSR1, &action, NULL), 0);
    while (!returned (call)) {
        pthread_kill (call->thread, SIGUSR1);
        if (now () - since > 5)
            FAIL ("the call goes on in spite of signals");
        sleep_ms (20);
    }
}

/* ---- peer processes ---- */

struct peer peer_start (void (*run) (struct peer *me, void *argument),
                        void *argument)
{
    struct peer peer, me;
    int up[2], down[2];
    RETURNS (pipe2 (up, O_CLOEXEC), 0);
    RETURNS (pipe2 (down, O_CLOEXEC), 0);
    peer.pid = (pid_t) SUCCEEDS (fork ());
    if (peer.pid == 0) {
        me.pid = getppid ();
        me.from = down[0];
        me.to = up[1];
        close (up[0]);
        close (down[1]);
        run (&me, argument);
        _exit (CASE_PASSED);
    }
    peer.from = up[0];
    peer.to = down[1];
    close (up[1]);
    close (down[0]);
    return peer;
}

long peer_hear (struct peer *peer)
{
    struct pollfd one = {peer->from, POLLIN, 0};
    long value;
    if (poll (&one, 1, 15000) != 1)
        FAIL ("the peer process says nothing for 15 s");
    if (read (peer->from, &value, sizeof value) != (ssize_t) sizeof value)
        FAIL ("the peer process ended too early");
    return value;
}

void peer_tell (struct peer *peer, long value)
{
    if (write (peer->to, &value, sizeof value) != (ssize_t) sizeof value)
        FAIL ("the peer process does not listen");
}

int peer_status (struct peer *peer, double within)
{
    double since = now ();
    int status;
    while (SUCCEEDS (waitpid (peer->pid, &status, WNOHANG)) == 0) {
        if (now () - since > within)
            FAIL ("the peer process did not end within %.1f s", within);
        sleep_ms (1);
    }
    close (peer->from);
    close (peer->to);
    return status;
}

void peer_finish (struct peer *peer)
{
    int status = peer_status (peer, 15);
    if (WIFSIGNALED (status))
        FAIL ("the peer process died of signal %d", WTERMSIG (status));
    if (WEXITSTATUS (status) == CASE_SKIPPED)
        _exit (CASE_SKIPPED);
    if (WEXITSTATUS (status) != CASE_PASSED)
        FAIL ("the peer process failed");
}

double peer_kill (struct peer *peer, double within)
{
    double since = now ();
    RETURNS (kill (peer->pid, SIGKILL), 0);
    peer_status (peer, within);
    return now () - since;
}

/* ---- registered memory ---- */

void *pages (size_t count)
{
    void *memory = mmap (NULL, count * PAGE, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        FAIL ("no memory for %zu pages", count);
    return memory;
}

off_t window (scif_epd_t epd, void *memory, size_t len, int prot)
{
    return (off_t) SUCCEEDS (scif_register (epd, memory, len, 0, prot, 0));
}

void window_at (scif_epd_t epd, off_t offset, void *memory, size_t len,
                int prot)
{
    RETURNS (scif_register (epd, memory, len, offset, prot, SCIF_MAP_FIXED),
             offset);
}

void *map (scif_epd_t epd, off_t offset, size_t len, int prot)
{
    void *memory = scif_mmap (NULL, len, prot, 0, epd, offset);
    if (memory == SCIF_MMAP_FAILED)
        FAIL ("scif_mmap: errno %d %s", errno, errno_name (errno));
    return memory;
}

void need_memlock (size_t len)
{
    struct rlimit limit;
    RETURNS (getrlimit (RLIMIT_MEMLOCK, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_MEMLOCK, &limit);
    if (limit.rlim_cur < len && !has_capability (CAP_IPC_LOCK))
        skip ("RLIMIT_MEMLOCK allows %llu bytes, %zu are needed",
              (unsigned long long) limit.rlim_cur, len);
}

/* ---- privileges ---- */

static void capabilities (int operation,
                          struct __user_cap_data_struct data[2])
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    RETURNS (syscall (operation, &header, data), 0);
}

bool has_capability (int capability)
{
    struct __user_cap_data_struct data[2];
    capabilities (SYS_capget, data);
    return data[CAP_TO_INDEX (capability)].effective
           & CAP_TO_MASK (capability);
}

void drop_capability (int capability)
{
    struct __user_cap_data_struct data[2];
    capabilities (SYS_capget, data);
    data[CAP_TO_INDEX (capability)].effective &= ~CAP_TO_MASK (capability);
    data[CAP_TO_INDEX (capability)].permitted &= ~CAP_TO_MASK (capability);
    capabilities (SYS_capset, data);
}

int open_descriptors (void)
{
    DIR *directory = opendir ("/proc/self/fd");
    int count = 0;
    if (!directory)
        FAIL ("/proc/self/fd cannot be read");
    while (readdir (directory))
        count++;
    closedir (directory);
    return count - 3; /* ".", ".." and the directory itself */
}

void need_descriptors (unsigned long need)
{
    struct rlimit limit;
    RETURNS (getrlimit (RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    RETURNS (setrlimit (RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < need)
        skip ("RLIMIT_NOFILE allows %llu descriptors, %lu are needed",
              (unsigned long long) limit.rlim_cur, need);
}

void scif_is_there (void)
{
    scif_epd_t epd = scif_open ();
    if (epd == SCIF_OPEN_FAILED)
        FAIL ("scif_open fails with errno %d %s: is the SCIF driver there, and"
              " its device readable?",
              errno, errno_name (errno));
    scif_close (epd);
}
