/* SPDX-License-Identifier: MPL-2.0 */
#ifndef CONFORMANCE_SUPPORT_H
#define CONFORMANCE_SUPPORT_H

/*
 * What the cases share: connected pairs, calls made in a thread, peer
 * processes, patterned bytes, windows. Each function ends the case as failed
 * when it cannot do its work, so no case has to look at a result twice.
 */

#include "harness.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include <scif.h>

/* "At once", in seconds: far above any scheduling delay, far below the 10 s
   after which the driver gives up. */
#define AT_ONCE 2.0
/* The driver's limit of 10 s, with what a busy machine may add or a clock tick
   may take away. */
#define LIMIT_LEAST 8.0
#define LIMIT_MOST 14.0
/* How long to look for something that must not happen. */
#define QUIET_MS 400
/* Bytes that one direction of a connection holds. */
#define ROOM 4095

/* Seconds on the monotonic clock. */
double now (void);
/* Fails when more than AT_ONCE has passed since then. */
void check_at_once (double since, const char *what);
void sleep_ms (int milliseconds);

/* ---- endpoints ---- */

/* This node's number. */
uint16_t self_node (void);
/* A number that no node has, other than those below least. */
uint16_t absent_node (uint16_t least);
/* The address of a port on this node. */
struct scif_portID address (int port);
/* A new endpoint. */
scif_epd_t endpoint (void);
/* A new endpoint, bound to an automatic port and listening; the port in *port. */
scif_epd_t listener (int backlog, int *port);
/* A port that nobody listens on, held by the bound endpoint in *holder. */
int dead_port (scif_epd_t *holder);
/* Closes, and fails when that does not return 0. */
void close_epd (scif_epd_t epd);

/* Two endpoints of this process, connected. */
struct pair {
    scif_epd_t connecter, accepted;
    int port;                /* the listener's, and so the accepted one's */
    int local_port;          /* the connecter's */
    struct scif_portID peer; /* as scif_accept told it */
};
struct pair pair_open (void);
/* A pair over a listener that stays open. */
struct pair pair_through (scif_epd_t listener_epd, int port);
/* Waits until a request waits on the listener; fails if the connect that is to
   bring it, when given, returns before. */
struct call;
void await_request (scif_epd_t listener_epd, const struct call *connect);
/* Connecter first: closing the accepted end while its listener is open lets
   the driver give the port away (fact 1.14). */
void pair_close (struct pair *pair);
/* Waits until the endpoint's peer is gone, as poll tells it. */
void await_hangup (scif_epd_t epd);
/*
 * Waits until a window is gone that the peer has unregistered: it is told of
 * that by a message.
 */
void await_unregistered (scif_epd_t epd, off_t offset);
/* A pair whose accepted end is closed: the connecter, which is disconnected. */
scif_epd_t disconnected_endpoint (void);
/* A non-blocking connect from a new endpoint, in progress. */
scif_epd_t pending_connect (int port);
/* Sets or clears O_NONBLOCK. */
void set_nonblocking (scif_epd_t epd, bool on);
/* A descriptor that is open but not SCIF's. */
int foreign_fd (void);
/* The number of a descriptor that is not open. */
int closed_fd (void);

/* ---- polling ---- */

/* What poll() of the library's own, or the system's, says right now, asked for
   these bits. */
int scif_poll_now (scif_epd_t epd, int events);
int poll_now (scif_epd_t epd, int events);
/* Waits up to AT_ONCE seconds for one of the bits; the revents. */
int poll_for (scif_epd_t epd, int events);
/* An epoll set, and its operations. */
int epoll_new (void);
void epoll_change (int set, int operation, scif_epd_t epd, uint32_t events);
/* The events of the one ready member; 0 when none is within the time. */
uint32_t epoll_next (int set, int timeout_ms);

/* ---- bytes ---- */

/* Byte number position of the stream called seed. */
unsigned char pattern (unsigned seed, size_t position);
void fill (void *buffer, size_t len, unsigned seed, size_t position);
/* Fails unless the buffer holds that part of the stream. */
void check_pattern (const void *buffer, size_t len, unsigned seed,
                    size_t position);
/* Memory that lives as long as the process; leak checkers see it as in use. */
void *lasting (size_t len);
/* Sends or receives all of it, in blocking mode. */
void send_all (scif_epd_t epd, const void *buffer, int len);
void recv_all (scif_epd_t epd, void *buffer, int len);
/* Receives in pieces, without blocking, up to AT_ONCE seconds. */
void recv_soon (scif_epd_t epd, void *buffer, int len);
/* Sends until there is no more room; the number of bytes, which are the stream
   called seed from position on. */
int send_until_full (scif_epd_t epd, unsigned seed, size_t position);
/* Sends that stream until the connection breaks or the process is killed. */
void send_forever (scif_epd_t epd);

/* ---- calls in a thread of their own ---- */

struct call {
    long (*run) (struct call *call);
    /* what the call needs */
    scif_epd_t epd;
    void *buffer;
    int len, flags; /* of poll and epoll: timeout in ms, bits asked for */
    struct scif_portID id;
    /* what it gave */
    scif_epd_t accepted;
    int events;
    long result;
    int error;
    double began, ended;
    /* the thread */
    pthread_t thread;
    pid_t tid;
    int done;
};
void start_connect (struct call *call, scif_epd_t epd, struct scif_portID to);
void start_accept (struct call *call, scif_epd_t epd);
void start_send (struct call *call, scif_epd_t epd, const void *buffer, int len,
                 int flags);
void start_recv (struct call *call, scif_epd_t epd, void *buffer, int len,
                 int flags);
void start_close (struct call *call, scif_epd_t epd);
void start_poll (struct call *call, scif_epd_t epd, int events, int timeout_ms);
void start_epoll (struct call *call, int set, int timeout_ms);
/* Any other call. */
void start_call (struct call *call, long (*run) (struct call *call));
/* Whether it has returned. */
bool returned (const struct call *call);
/* Waits until the thread sleeps in the call; fails if it returns instead. */
void await_blocked (struct call *call);
/* Waits until it has returned; fails when that takes longer. The seconds that
   the call lasted. */
double finish (struct call *call, double within);
/* finish(), and the result must be this value. */
void finish_returning (struct call *call, long value);
/* finish(), and the result must be -1 with this errno. */
void finish_failing (struct call *call, int code);
/* Sends the thread SIGUSR1, again and again, until the call has returned. */
void interrupt (struct call *call, int sigaction_flags);

/* ---- peer processes ---- */

struct peer {
    pid_t pid;
    int from, to; /* pipes: what the peer says, what it hears */
};
/* Runs the function in a new process. */
struct peer peer_start (void (*run) (struct peer *me, void *argument),
                        void *argument);
/* One number from the other side; fails when none comes within seconds. */
long peer_hear (struct peer *peer);
void peer_tell (struct peer *peer, long value);
/* Waits for its end, which must be a success. */
void peer_finish (struct peer *peer);
/* SIGKILL, and waits for its end. The seconds that took. */
double peer_kill (struct peer *peer, double within);
/* Waits for its end; the status as waitpid gives it. */
int peer_status (struct peer *peer, double within);

/* ---- registered memory ---- */

#define PAGE 4096
#define READ_WRITE (SCIF_PROT_READ | SCIF_PROT_WRITE)

/* Private anonymous memory, writable, page-aligned, zero. */
void *pages (size_t count);
/* A window over this memory, at an offset of the library's choice. */
off_t window (scif_epd_t epd, void *memory, size_t len, int prot);
/* A window at this offset. */
void window_at (scif_epd_t epd, off_t offset, void *memory, size_t len,
                int prot);
/* A mapping of the peer's window. */
void *map (scif_epd_t epd, off_t offset, size_t len, int prot);
/* Skips the case when so many bytes cannot be locked in memory. */
void need_memlock (size_t len);

/* ---- privileges ---- */

/* Whether this thread has the capability in effect. */
bool has_capability (int capability);
/* Gives it up for good. */
void drop_capability (int capability);

/* The number of descriptors that are open in this process. */
int open_descriptors (void);
/* Raises the soft limit on descriptors; skips when it stays below need. */
void need_descriptors (unsigned long need);

/* Preflight of the suite: an endpoint can be had. */
void scif_is_there (void);

#endif
