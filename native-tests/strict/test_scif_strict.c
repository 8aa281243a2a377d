/* SPDX-License-Identifier: MPL-2.0 */
/*
 * test-scif-strict driver: endpoints look as those of Intel's driver do; right under libscif-strict, and on the driver.
 * test-scif-strict sockets: they look like sockets; right for a socket-based libscif without the library. It is the
 * control, which shows that the first would notice if the library did nothing.
 *
 * TAP on standard output; exit status 1 when a case fails, 2 for wrong usage.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <scif.h>

/* A wake-up that is to come comes within WAIT_MS; one that must not come is awaited for ABSENT_MS. */
#define WAIT_MS 2000
#define ABSENT_MS 150

static bool driver;
static int case_failures;

static void check_that (bool holds, int line, const char *text)
{
    if (holds)
        return;
    case_failures++;
    printf ("# line %d: not true: %s (errno %d)\n", line, text, errno);
}

#define CHECK(condition) check_that ((condition), __LINE__, #condition)

/* ---- a connection inside this process ---- */

struct pair
{
    int listener, connecter, accepted;
    struct scif_portID address;
};

static void *connect_thread (void *argument)
{
    struct pair *const pair = argument;
    CHECK (scif_connect (pair->connecter, &pair->address) > 0);
    return NULL;
}

static void start_listening (struct pair *pair)
{
    pair->listener = scif_open ();
    uint16_t self = 0;
    scif_get_nodeIDs (NULL, 0, &self);
    pair->address.node = self;
    const int port = scif_bind (pair->listener, 0);
    CHECK (port > 0);
    pair->address.port = (uint16_t) port;
    CHECK (scif_listen (pair->listener, 4) == 0);
}

static void accept_one (struct pair *pair)
{
    struct scif_portID peer;
    CHECK (scif_accept (pair->listener, &peer, &pair->accepted, SCIF_ACCEPT_SYNC) == 0);
}

/* The connecting side must be open. */
static void connect_pair (struct pair *pair)
{
    pthread_t thread;
    pthread_create (&thread, NULL, connect_thread, pair);
    accept_one (pair);
    pthread_join (thread, NULL);
}

static struct pair open_pair (void)
{
    struct pair pair;
    start_listening (&pair);
    pair.connecter = scif_open ();
    connect_pair (&pair);
    return pair;
}

static void close_pair (struct pair *pair)
{
    scif_close (pair->connecter);
    scif_close (pair->accepted);
    scif_close (pair->listener);
}

static void send_byte (int epd)
{
    char byte = 'x';
    CHECK (scif_send (epd, &byte, 1, 0) == 1);
}

static void drain (int epd)
{
    char bytes[4096];
    while (scif_recv (epd, bytes, sizeof bytes, 0) > 0) {
    }
}

static void fill (int epd)
{
    static char bytes[4096];
    while (scif_send (epd, bytes, sizeof bytes, 0) > 0) {
    }
}

/* ---- an epoll set ---- */

static int new_set (void)
{
    return epoll_create1 (EPOLL_CLOEXEC);
}

static int control (int set, int op, int epd, uint32_t events)
{
    struct epoll_event event;
    memset (&event, 0, sizeof event);
    event.events = events;
    event.data.u64 = 0x5c1f;
    return epoll_ctl (set, op, epd, &event);
}

/* Events of the one registered endpoint, 0 when none come. */
static uint32_t wait_for (int set, int milliseconds)
{
    struct epoll_event event;
    if (epoll_wait (set, &event, 1, milliseconds) != 1)
        return 0;
    CHECK (event.data.u64 == 0x5c1f);
    return event.events;
}

/* What the driver does not report is reported for sockets. */
#define CHECK_DEAF(set, events)                                                                                \
    do {                                                                                                       \
        if (driver)                                                                                            \
            CHECK (wait_for (set, ABSENT_MS) == 0);                                                            \
        else                                                                                                   \
            CHECK ((wait_for (set, WAIT_MS) & (events)) != 0);                                                 \
    } while (0)

#define CHECK_WOKEN(set, events) CHECK ((wait_for (set, WAIT_MS) & (events)) != 0)

/* ---- the cases ---- */

#define CHECK_REFUSED(call, error)                                                                             \
    do {                                                                                                       \
        errno = 0;                                                                                             \
        const long rc = (call);                                                                                \
        CHECK ((rc == -1 && errno == (error)) == driver);                                                      \
    } while (0)

static void is_no_socket (void)
{
    struct pair pair = open_pair ();
    const int epds[] = {pair.connecter, pair.accepted, pair.listener};
    struct sockaddr_storage name;
    char byte;
    for (int i = 0; i < 3; i++) {
        const int epd = epds[i];
        socklen_t size = sizeof name;
        int value;
        socklen_t value_size = sizeof value;
        CHECK_REFUSED (getsockname (epd, (struct sockaddr *) &name, &size), ENOTSOCK);
        CHECK_REFUSED (getsockopt (epd, SOL_SOCKET, SO_ERROR, &value, &value_size), ENOTSOCK);
        value = 1;
        CHECK_REFUSED (setsockopt (epd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof value), ENOTSOCK);
        CHECK_REFUSED (recv (epd, &byte, 0, MSG_DONTWAIT), ENOTSOCK);
        CHECK_REFUSED (read (epd, &byte, 0), EINVAL);
        errno = 0;
        CHECK (lseek (epd, 0, SEEK_CUR) == -1 && errno == ESPIPE);
        /* What any descriptor can do, these can. */
        CHECK (fcntl (epd, F_GETFL) != -1);
        CHECK (fcntl (epd, F_SETFD, FD_CLOEXEC) == 0);
    }
    socklen_t size = sizeof name;
    CHECK_REFUSED (getpeername (pair.connecter, (struct sockaddr *) &name, &size), ENOTSOCK);
    if (driver) {
        CHECK_REFUSED (send (pair.connecter, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL), ENOTSOCK);
        CHECK_REFUSED (write (pair.connecter, "x", 1), EINVAL);
        CHECK_REFUSED (shutdown (pair.connecter, SHUT_WR), ENOTSOCK);
        CHECK_REFUSED (accept (pair.listener, NULL, NULL), ENOTSOCK);
    }
    /* A duplicate is one as well, and a number is nothing special once it is closed. */
    const int copy = fcntl (pair.connecter, F_DUPFD_CLOEXEC, 0);
    CHECK_REFUSED (getpeername (copy, (struct sockaddr *) &name, &size), ENOTSOCK);
    close (copy);
    const int again = socket (AF_UNIX, SOCK_STREAM, 0);
    CHECK (again == copy);
    int value;
    socklen_t value_size = sizeof value;
    CHECK (getsockopt (again, SOL_SOCKET, SO_ERROR, &value, &value_size) == 0);
    close (again);
    /* The connection still works. */
    send_byte (pair.connecter);
    CHECK (scif_recv (pair.accepted, &byte, 1, SCIF_RECV_BLOCK) == 1);
    close_pair (&pair);
}

/* What libzmq's epoll_t does: ADD with nothing, then MOD. It hangs on the driver. */
static void naive_event_loop_hangs (void)
{
    struct pair pair = open_pair ();
    const int set = new_set ();
    CHECK (control (set, EPOLL_CTL_ADD, pair.accepted, 0) == 0);
    CHECK (control (set, EPOLL_CTL_MOD, pair.accepted, EPOLLIN) == 0);
    send_byte (pair.connecter);
    CHECK_DEAF (set, EPOLLIN);
    close (set);
    close_pair (&pair);
}

static void careful_event_loop_works (void)
{
    struct pair pair = open_pair ();
    const int set = new_set ();
    const int epd = pair.accepted;
    CHECK (control (set, EPOLL_CTL_ADD, epd, EPOLLIN | EPOLLOUT) == 0);
    CHECK_WOKEN (set, EPOLLOUT);
    CHECK (control (set, EPOLL_CTL_MOD, epd, 0) == 0);
    send_byte (pair.connecter);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLIN) == 0);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    drain (epd);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    send_byte (pair.connecter);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    drain (epd);
    fill (epd);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLOUT) == 0);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    drain (pair.connecter);
    CHECK (wait_for (set, WAIT_MS) == EPOLLOUT);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLIN) == 0);
    scif_close (pair.connecter);
    CHECK_WOKEN (set, EPOLLHUP);
    scif_close (epd);
    scif_close (pair.listener);
    close (set);
}

static void directions_are_hooked_one_by_one (void)
{
    struct pair pair = open_pair ();
    const int epd = pair.accepted;
    int set = new_set ();
    fill (epd);
    CHECK (control (set, EPOLL_CTL_ADD, epd, EPOLLIN) == 0);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLIN | EPOLLOUT) == 0);
    drain (pair.connecter);
    CHECK_DEAF (set, EPOLLOUT);
    send_byte (pair.connecter);
    CHECK_WOKEN (set, EPOLLIN);
    drain (epd);
    close (set);

    set = new_set ();
    CHECK (control (set, EPOLL_CTL_ADD, epd, EPOLLOUT) == 0);
    CHECK_WOKEN (set, EPOLLOUT);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLIN) == 0);
    send_byte (pair.connecter);
    CHECK_DEAF (set, EPOLLIN);
    close (set);
    close_pair (&pair);
}

/* What is ready at a MOD is reported, as long as it is; nothing that comes later. */
static void modifying_reports_what_is_ready (void)
{
    struct pair pair = open_pair ();
    const int epd = pair.accepted, set = new_set ();
    CHECK (control (set, EPOLL_CTL_ADD, epd, 0) == 0);
    send_byte (pair.connecter);
    CHECK (control (set, EPOLL_CTL_MOD, epd, EPOLLIN) == 0);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    drain (epd);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    send_byte (pair.connecter);
    CHECK_DEAF (set, EPOLLIN);
    /* DEL and ADD repair it. */
    CHECK (control (set, EPOLL_CTL_DEL, epd, 0) == 0);
    CHECK (control (set, EPOLL_CTL_ADD, epd, EPOLLIN) == 0);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    drain (epd);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    send_byte (pair.connecter);
    CHECK_WOKEN (set, EPOLLIN);
    close (set);
    close_pair (&pair);
}

static void hang_up_wakes_what_is_hooked (void)
{
    for (int hooked = 0; hooked < 3; hooked++) {
        static const uint32_t events[] = {0, EPOLLIN, EPOLLOUT};
        struct pair pair = open_pair ();
        const int epd = pair.accepted, set = new_set ();
        fill (epd);
        CHECK (control (set, EPOLL_CTL_ADD, epd, events[hooked]) == 0);
        CHECK (wait_for (set, ABSENT_MS) == 0);
        scif_close (pair.connecter);
        if (hooked == 0)
            CHECK_DEAF (set, EPOLLHUP);
        else
            CHECK_WOKEN (set, EPOLLHUP);
        /* A MOD tells. */
        CHECK (control (set, EPOLL_CTL_MOD, epd, 0) == 0);
        CHECK_WOKEN (set, EPOLLHUP);
        close (set);
        scif_close (epd);
        scif_close (pair.listener);
    }
}

static void added_before_connect_is_dead (void)
{
    struct pair pair;
    start_listening (&pair);
    pair.connecter = scif_open ();
    const int set = new_set ();
    CHECK (control (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN | EPOLLOUT) == 0);
    if (driver)
        CHECK_WOKEN (set, EPOLLERR);
    connect_pair (&pair);
    send_byte (pair.accepted);
    if (driver) {
        CHECK (wait_for (set, ABSENT_MS) == 0);
        CHECK (control (set, EPOLL_CTL_DEL, pair.connecter, 0) == 0);
        CHECK (control (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN) == 0);
        CHECK_WOKEN (set, EPOLLIN);
    }
    /* A libscif made of sockets may wake it or not: to find a free port it may
       have to put another socket in the place of the first. */
    close (set);
    close_pair (&pair);
}

static void added_before_listen_is_dead (void)
{
    struct pair pair;
    pair.listener = scif_open ();
    const int set = new_set ();
    const int port = scif_bind (pair.listener, 0);
    CHECK (control (set, EPOLL_CTL_ADD, pair.listener, EPOLLIN) == 0);
    if (driver)
        CHECK_WOKEN (set, EPOLLERR);
    CHECK (scif_listen (pair.listener, 4) == 0);
    pair.connecter = scif_open ();
    uint16_t self = 0;
    scif_get_nodeIDs (NULL, 0, &self);
    pair.address.node = self;
    pair.address.port = (uint16_t) port;
    pthread_t thread;
    pthread_create (&thread, NULL, connect_thread, &pair);
    CHECK_DEAF (set, EPOLLIN);
    accept_one (&pair);
    pthread_join (thread, NULL);
    close (set);
    close_pair (&pair);
}

static void listener_wakes_for_everything (void)
{
    struct pair pair;
    start_listening (&pair);
    const int set = new_set ();
    CHECK (control (set, EPOLL_CTL_ADD, pair.listener, 0) == 0);
    CHECK (control (set, EPOLL_CTL_MOD, pair.listener, EPOLLIN) == 0);
    pair.connecter = scif_open ();
    pthread_t thread;
    pthread_create (&thread, NULL, connect_thread, &pair);
    CHECK (wait_for (set, WAIT_MS) == EPOLLIN);
    accept_one (&pair);
    pthread_join (thread, NULL);
    CHECK (wait_for (set, ABSENT_MS) == 0);
    close (set);
    close_pair (&pair);
}

static void added_while_connecting_wakes_for_the_result_only (void)
{
    struct pair pair;
    start_listening (&pair);
    pair.connecter = scif_open ();
    fcntl (pair.connecter, F_SETFL, fcntl (pair.connecter, F_GETFL) | O_NONBLOCK);
    const int set = new_set ();
    CHECK (scif_connect (pair.connecter, &pair.address) == -1 && errno == EINPROGRESS);
    CHECK (control (set, EPOLL_CTL_ADD, pair.connecter, 0) == 0);
    CHECK (control (set, EPOLL_CTL_MOD, pair.connecter, EPOLLOUT) == 0);
    accept_one (&pair);
    CHECK_WOKEN (set, EPOLLOUT);
    CHECK (scif_connect (pair.connecter, &pair.address) > 0);
    CHECK (control (set, EPOLL_CTL_MOD, pair.connecter, EPOLLIN) == 0);
    send_byte (pair.accepted);
    CHECK_DEAF (set, EPOLLIN);
    CHECK (control (set, EPOLL_CTL_DEL, pair.connecter, 0) == 0);
    CHECK (control (set, EPOLL_CTL_ADD, pair.connecter, EPOLLIN | EPOLLOUT) == 0);
    CHECK_WOKEN (set, EPOLLIN);
    close (set);
    close_pair (&pair);
}

/* An epoll set inside another, as the transport uses it. */
static void nested_set_passes_wake_ups_on (void)
{
    struct pair pair = open_pair ();
    const int inner = new_set (), outer = new_set ();
    CHECK (control (inner, EPOLL_CTL_ADD, pair.accepted, EPOLLIN | EPOLLOUT) == 0);
    CHECK (control (inner, EPOLL_CTL_MOD, pair.accepted, 0) == 0);
    CHECK (control (outer, EPOLL_CTL_ADD, inner, EPOLLIN) == 0);
    CHECK (wait_for (outer, ABSENT_MS) == 0);
    CHECK (control (inner, EPOLL_CTL_MOD, pair.accepted, EPOLLIN) == 0);
    CHECK (wait_for (outer, ABSENT_MS) == 0);
    send_byte (pair.connecter);
    CHECK (wait_for (outer, WAIT_MS) == EPOLLIN);
    drain (pair.accepted);
    CHECK (wait_for (outer, ABSENT_MS) == 0);
    close (outer);
    close (inner);
    close_pair (&pair);
}

/* poll() asks anew each time. */
static void poll_is_right_always (void)
{
    struct pair pair = open_pair ();
    struct pollfd item = {pair.accepted, POLLIN, 0};
    CHECK (poll (&item, 1, ABSENT_MS) == 0);
    send_byte (pair.connecter);
    CHECK (poll (&item, 1, WAIT_MS) == 1 && item.revents == POLLIN);
    item.events = POLLIN | POLLOUT;
    CHECK (poll (&item, 1, 0) == 1 && item.revents == (POLLIN | POLLOUT));
    close_pair (&pair);
}

static void registrations_keep_their_rules (void)
{
    struct pair pair = open_pair ();
    const int set = new_set ();
    CHECK (control (set, EPOLL_CTL_MOD, pair.accepted, EPOLLIN) == -1 && errno == ENOENT);
    CHECK (control (set, EPOLL_CTL_DEL, pair.accepted, 0) == -1 && errno == ENOENT);
    CHECK (control (set, EPOLL_CTL_ADD, pair.accepted, 0) == 0);
    CHECK (control (set, EPOLL_CTL_ADD, pair.accepted, EPOLLIN) == -1 && errno == EEXIST);
    CHECK (control (set, EPOLL_CTL_DEL, pair.accepted, 0) == 0);
    CHECK (control (set, EPOLL_CTL_DEL, pair.accepted, 0) == -1 && errno == ENOENT);
    CHECK (control (pair.connecter, EPOLL_CTL_ADD, pair.accepted, EPOLLIN) == -1 && errno == EINVAL);
    /* A closed endpoint leaves the set, and its number starts afresh. */
    CHECK (control (set, EPOLL_CTL_ADD, pair.accepted, 0) == 0);
    const int number = pair.accepted;
    scif_close (pair.accepted);
    scif_close (pair.connecter);
    pair.connecter = scif_open ();
    connect_pair (&pair);
    CHECK (pair.accepted == number || pair.connecter == number);
    CHECK (control (set, EPOLL_CTL_ADD, number, EPOLLIN) == 0);
    send_byte (pair.accepted == number ? pair.connecter : pair.accepted);
    CHECK_WOKEN (set, EPOLLIN);
    close (set);
    close_pair (&pair);
}

/* ---- ports ---- */

/* An endpoint that listens on `port` although nobody asked for that one, or -1. */
static int listen_on_what_is_free (int port)
{
    int found = -1, others[64];
    size_t count = 0;
    while (found == -1 && count < sizeof others / sizeof *others) {
        const int epd = scif_open ();
        if (scif_bind (epd, 0) == port)
            found = epd;
        else
            others[count++] = epd;
    }
    while (count > 0)
        scif_close (others[--count]);
    if (found != -1)
        CHECK (scif_listen (found, 4) == 0);
    return found;
}

static void accepted_endpoint_takes_the_listeners_port_along (void)
{
    struct pair pair = open_pair ();
    /* The end that closes second puts the port once. */
    scif_close (pair.connecter);
    scif_close (pair.accepted);
    CHECK (listen_on_what_is_free (pair.address.port) == -1);
    pair.connecter = scif_open ();
    connect_pair (&pair);
    scif_close (pair.accepted);
    scif_close (pair.connecter);
    const int newer = listen_on_what_is_free (pair.address.port);
    CHECK ((newer != -1) == driver);
    /* Who connects there comes to the older one. */
    pair.connecter = scif_open ();
    connect_pair (&pair);
    if (newer != -1) {
        struct scif_portID peer;
        int accepted;
        CHECK (scif_accept (newer, &peer, &accepted, 0) == -1 && errno == EAGAIN);
        scif_close (newer);
    }
    close_pair (&pair);
}

/* On the driver the newer owner has to come in a certain moment. */
static void connecter_takes_the_next_owners_port_along (void)
{
    const char *const preloaded = getenv ("LD_PRELOAD");
    const bool always = preloaded && strstr (preloaded, "scif-strict");
    struct pair pair;
    start_listening (&pair);
    pair.connecter = scif_open ();
    const int port = scif_bind (pair.connecter, 0);
    connect_pair (&pair);
    scif_close (pair.connecter);
    scif_close (pair.accepted);
    const int older = listen_on_what_is_free (port);
    CHECK (older != -1);
    const int newer = listen_on_what_is_free (port);
    CHECK (always ? newer != -1 : driver || newer == -1);
    scif_close (newer);
    /* Who asks for a port by its number has it alone. */
    scif_close (older);
    const int named = scif_open ();
    CHECK (scif_bind (named, (uint16_t) port) == port && scif_listen (named, 4) == 0);
    CHECK (listen_on_what_is_free (port) == -1);
    scif_close (named);
    scif_close (pair.listener);
}

int main (int argc, char **argv)
{
    static const struct
    {
        const char *name;
        void (*run) (void);
    } cases[] = {
      {"an endpoint is no socket", is_no_socket},
      {"ADD 0 and MOD IN is never woken", naive_event_loop_hangs},
      {"ADD IN|OUT and MOD is always woken", careful_event_loop_works},
      {"only the directions of the ADD wake", directions_are_hooked_one_by_one},
      {"a MOD reports what is ready", modifying_reports_what_is_ready},
      {"the peer's close wakes what is hooked", hang_up_wakes_what_is_hooked},
      {"ADDed before scif_connect is never woken", added_before_connect_is_dead},
      {"ADDed before scif_listen is never woken", added_before_listen_is_dead},
      {"a listener is woken for everything", listener_wakes_for_everything},
      {"ADDed while connecting is woken by the result only", added_while_connecting_wakes_for_the_result_only},
      {"an epoll set in an epoll set", nested_set_passes_wake_ups_on},
      {"poll is right always", poll_is_right_always},
      {"registrations keep epoll's rules", registrations_keep_their_rules},
      {"an accepted endpoint takes its listener's port along", accepted_endpoint_takes_the_listeners_port_along},
      {"a connecter takes the next owner's port along", connecter_takes_the_next_owners_port_along},
    };
    const int count = sizeof cases / sizeof cases[0];
    if (argc != 2 || (strcmp (argv[1], "driver") != 0 && strcmp (argv[1], "sockets") != 0)) {
        fprintf (stderr, "usage: test-scif-strict driver|sockets\n");
        return 2;
    }
    driver = strcmp (argv[1], "driver") == 0;
    int failures = 0;
    printf ("1..%d\n", count);
    for (int i = 0; i < count; i++) {
        case_failures = 0;
        alarm (20);
        cases[i].run ();
        printf ("%s %d - %s\n", case_failures ? "not ok" : "ok", i + 1, cases[i].name);
        fflush (stdout);
        failures += case_failures != 0;
    }
    return failures ? 1 : 0;
}
