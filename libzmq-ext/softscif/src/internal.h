/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the parts of SoftSCIF share. An endpoint is an AF_UNIX stream socket;
 * its bytes travel through a ring in memory that both ends share, and the
 * socket carries only tokens, which make poll(2) and epoll(7) tell the truth
 * about that ring.
 */
#ifndef SOFTSCIF_INTERNAL_H
#define SOFTSCIF_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "scif.h"

#define SCIF_EXPORT __attribute__ ((visibility ("default")))

/* ---- configuration (config.c) ---- */

#define SOFTSCIF_MAX_NODES 256
#define SOFTSCIF_REALM_MAX 64

/* The environment as it was at the first call. */
struct config
{
    uint16_t node;                    /* id of this node */
    unsigned nodes;                   /* number of nodes online */
    uint16_t ids[SOFTSCIF_MAX_NODES]; /* their ids, ascending */
    char realm[SOFTSCIF_REALM_MAX];   /* which simulated machine */
    int connect_timeout_ms;           /* how long a request waits for accept */
    bool any_user;                    /* talk to processes of other users */
    int admin_ports;                  /* 1 allow, 0 refuse, -1 by capability */
};

const struct config *config_get (void);
bool config_node_online (uint16_t node);
bool config_may_use_admin_ports (void);

/* ---- shared segment of a connection (segment.c) ---- */

#define SEGMENT_MAGIC 0x53434946u
#define SEGMENT_VERSION 1u
#define QUEUE_SIZE 4096u              /* bytes in a ring, a power of two */
#define QUEUE_CAPACITY (QUEUE_SIZE - 1u)
#define TOKENS_MAX 16u                /* in a socket at a time */

/* Life of a connection request; leaves REQUEST_WAITING exactly once. */
enum request_state
{
    REQUEST_WAITING = 1,
    REQUEST_ACCEPTED,
    REQUEST_CANCELLED
};

/* Serialises the threads and forked processes of one end in one direction. */
struct turnstile
{
    pthread_mutex_t lock; /* held for a copy, never while waiting */
    pthread_mutex_t turn; /* held through a whole blocking transfer */
    uint32_t blocked;     /* a blocking transfer is between two copies */
    uint32_t owed;        /* tokens consumed from the ring, not the socket */
};

/* One end's own part of the segment: the peer never touches it. */
struct segment_side
{
    _Alignas (64) struct turnstile send;
    _Alignas (64) struct turnstile recv;
};

/*
 * A byte queue. positions holds the free running write position in its upper
 * and the read position in its lower half, so that each step is one atomic
 * operation and the fill level before and after it is known exactly.
 */
struct queue
{
    _Alignas (64) _Atomic uint64_t positions;
    _Alignas (64) unsigned char ring[QUEUE_SIZE];
};

struct segment
{
    uint32_t magic;
    uint32_t version;
    uint32_t size;   /* of the whole segment, bytes */
    uint32_t tokens; /* tokens in a socket that make it unwritable */
    uint16_t node;   /* address of the connecter */
    uint16_t port;
    uint16_t peer_node; /* address of the listener */
    uint16_t peer_port;
    int64_t born_ms; /* CLOCK_MONOTONIC at the request */
    int32_t timeout_ms;
    _Atomic uint32_t request;    /* enum request_state */
    struct segment_side side[2]; /* 0 connecter, 1 accepter */
    struct queue queue[2];       /* [i] is written by side i */
};

/* Creates a segment; *fd is its memfd. Null and errno on failure. */
struct segment *segment_create (int *fd);
/* Maps a segment that a peer sent; null when it is not a sound one. */
struct segment *segment_attach (int fd);
void segment_init_side (struct segment *segment, int side);
void segment_unmap (struct segment *segment);

/* ---- endpoints (endpoint.c) ---- */

enum endpoint_state
{
    STATE_UNBOUND,
    STATE_BOUND,
    STATE_LISTENING,
    STATE_CONNECTING, /* a blocking scif_connect is under way */
    STATE_PENDING,    /* a non-blocking one is, or waits to be collected */
    STATE_CONNECTED   /* also when the peer has gone since */
};

/* A thread blocked in scif_accept, so that scif_close can wake it. */
struct accept_waiter
{
    struct accept_waiter *next;
    int fd;       /* descriptor it waits on */
    int event_fd; /* written to wake it */
};

struct claim;

struct endpoint
{
    _Atomic int refs;
    _Atomic uint64_t cookie; /* of its socket: the identity of the file */
    uint64_t inode;          /* of its socket */
    int known_fds;           /* table entries, under the list lock */
    struct endpoint *prev, *next;

    pthread_mutex_t lock; /* everything below; never held while waiting */
    _Atomic int state;
    uint16_t port;      /* 0 when unbound */
    struct claim *claim; /* keeps the port when the socket itself does not */
    struct scif_portID peer;
    struct segment *segment;
    int side;
    int failure; /* STATE_PENDING: errno of an attempt that is over */
    int64_t deadline_ms;
    struct accept_waiter *waiters;
};

/* Looks the endpoint of fd up and takes a reference; null and errno. */
struct endpoint *endpoint_get (int fd);
void endpoint_put (struct endpoint *endpoint);
/* Makes an endpoint for the socket fd and files it; null and errno. */
struct endpoint *endpoint_create (int fd);
/* True while fd still is this endpoint's socket. */
bool endpoint_owns (const struct endpoint *endpoint, int fd);
/* Puts a fresh socket under the number fd; false and errno when it cannot. */
bool endpoint_renew_socket (struct endpoint *endpoint, int fd);
/* Closes fd and forgets the endpoint when that was its last descriptor. */
int endpoint_close (struct endpoint *endpoint, int fd);
/* Forgets endpoints whose descriptors were closed behind our back. */
void endpoint_collect_garbage (void);
/* True when messages may flow, whether collected or not. */
bool endpoint_is_connected (const struct endpoint *endpoint);
/* True when the peer of a connected endpoint has gone. */
bool endpoint_is_hung_up (int fd);

/* ---- ports (port.c) ---- */

/* Binds the endpoint's socket to a port; 0 chooses. Returns it, -1 errno. */
int port_bind (struct endpoint *endpoint, int fd, uint16_t port);
/* Binds again to the port it had, after its socket was renewed. */
bool port_rebind (struct endpoint *endpoint, int fd);
/* Makes an accepted endpoint hold the port of its listener. */
void port_share (struct endpoint *endpoint, uint16_t port);
void port_release (struct endpoint *endpoint);
/* connect(2) to the listener at dst without waiting; 0 or errno. */
int port_dial (int fd, const struct scif_portID *dst);
void port_after_fork (void);

/* ---- byte queues and their tokens (queue.c) ---- */

/* Prepares a socket so that tokens steer its writability; false and errno. */
bool tokens_prepare (int fd);
uint32_t tokens_when_full (void);
/* Sends n tokens; 0, or errno when the peer has gone. */
int tokens_send (int fd, uint32_t n);
/* Takes up to n tokens without waiting; returns how many. */
uint32_t tokens_take (int fd, uint32_t n);

/*
 * Moves up to len bytes without waiting; the caller holds the turnstile lock.
 * Returns the number, 0 when there is no room or no data, or -1 and errno
 * (ECONNRESET, EFAULT).
 */
int queue_write (struct endpoint *endpoint, int fd, const void *from, int len);
int queue_read (struct endpoint *endpoint, int fd, void *to, int len);
/* Bytes that wait in a queue; more than QUEUE_CAPACITY when it is corrupt. */
uint32_t queue_used (const struct queue *queue);

/* ---- user memory (memory.c) ---- */

/* True when the whole range can be read or written by this process. */
bool memory_is_readable (const void *address, size_t len);
/* May overwrite the range: for memory that is about to be written anyway. */
bool memory_is_writable (void *address, size_t len);

/* ---- waiting requests (timer.c) ---- */

/* Ends the endpoint's pending request when its deadline has passed. */
void timer_add (struct endpoint *endpoint, int fd);
void timer_after_fork (void);

/* ---- small things (util.c) ---- */

int64_t now_ms (void);
/* Locks a robust mutex; puts it right when its owner died. */
void robust_lock (pthread_mutex_t *mutex);
bool robust_trylock (pthread_mutex_t *mutex);
void robust_init (pthread_mutex_t *mutex);

#endif
