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
    bool memlock;                     /* registered memory is limited */
    const char *dir;                  /* where names are files, or null */
    int async_us;                     /* longest delay of an RMA, 0 for none */
    double link_rate;                 /* MB/s of the modelled link, 0: none */
    double link_latency;              /* us */
    int admin_ports;                  /* 1 allow, 0 refuse, -1 by capability */
    bool stale;                       /* old requests are as on the driver */
};

const struct config *config_get (void);
bool config_node_online (uint16_t node);
bool config_may_use_admin_ports (void);
/* Asked each time: a program may drop its privileges. */
bool config_has_capability (int capability);

/* ---- shared segment of a connection (segment.c) ---- */

#define SEGMENT_MAGIC 0x53434946u
#define SEGMENT_VERSION 3u
#define QUEUE_SIZE 4096u              /* bytes in a ring, a power of two */
#define QUEUE_CAPACITY (QUEUE_SIZE - 1u)
#define TOKENS_MAX 16u                /* to fill a narrow socket at most */

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
    uint32_t wide;        /* the socket may have its wide send buffer */
};

/*
 * A piece of a registered window: one run of pages of one memory object. The
 * owner of the table fills slots; both ends pin them.
 */
struct window_slot
{
    _Atomic uint32_t state; /* SLOT_ flags and the number of pins */
    uint32_t prot;
    uint64_t offset; /* of the piece in the registered address space */
    uint64_t len;
    uint64_t window_offset; /* of the whole window */
    uint64_t window_len;
    uint64_t process; /* who has the object */
    uint64_t object;  /* its id there */
    uint64_t object_offset;
};

#define SLOT_USED 0x80000000u
#define SLOT_DOOMED 0x40000000u /* unregistered, but still pinned */
#define SLOT_PINS 0x3fffffffu
#define WINDOW_SLOTS 32768u

/* The registered address space of one end: what is not in its slots. */
struct window_table
{
    _Alignas (64) _Atomic uint64_t generation; /* counts changes */
    _Atomic uint32_t used;                     /* slots ever used, from 0 */
};

/* One end's own part of the segment: the peer takes none of its locks. */
struct segment_side
{
    _Alignas (64) struct turnstile send;
    _Alignas (64) struct turnstile recv;
    _Alignas (64) pthread_mutex_t windows_lock; /* changes to the table */
    uint64_t process; /* id of the process that connected or accepted */
    /* Asynchronous transfers of this end (checking mode). */
    _Atomic uint32_t submitted;
    _Atomic uint32_t finished; /* all up to this one are complete */
    _Atomic uint64_t link_busy_until; /* ns, of the link from this end */
};

/*
 * A byte queue. positions holds the free running write position in its upper
 * 16 bits, the read position in the next 16 and the number of tokens in the
 * lower half, so that each step is one atomic operation, and everything before
 * and after it is known exactly.
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
    uint32_t tokens; /* tokens that make a narrow socket unwritable */
    uint16_t node;   /* address of the connecter */
    uint16_t port;
    uint16_t peer_node; /* address of the listener */
    uint16_t peer_port;
    int64_t born_ms; /* CLOCK_MONOTONIC at the request */
    int32_t timeout_ms;
    _Atomic uint32_t request;    /* enum request_state */
    struct segment_side side[2]; /* 0 connecter, 1 accepter */
    struct queue queue[2];       /* [i] is written by side i */
    struct window_table windows[2]; /* [i] is registered by side i */
    /* [][i] are of side i. The file has room for all, the memory only once
       they are written; how many are mapped doubles as they come into use. */
    _Alignas (64) struct window_slot slots[WINDOW_SLOTS][2];
};

#define SLOTS_AT_FIRST 16u
#define SLOT_MAPPINGS 12 /* the last one has all WINDOW_SLOTS */
#define SEGMENT_SIZE_FOR(slots_mapped)                                         \
    (offsetof (struct segment, slots)                                          \
     + (slots_mapped) * sizeof (struct window_slot[2]))

/* Creates a segment; *fd is its memfd. Null and errno on failure. */
struct segment *segment_create (int *fd);
/* Maps a segment that a peer sent; null when it is not a sound one. */
struct segment *segment_attach (int fd);
void segment_init_side (struct segment *segment, int side);
void segment_unmap (struct segment *segment);
/* Maps it once more, with as many slots; null and errno. */
struct segment *segment_map_more (struct segment *segment, uint32_t slots);

/* ---- endpoints (endpoint.c) ---- */

/* What is shared is locked before a fork, and put right in the child. */
enum fork_step
{
    BEFORE_FORK,
    IN_PARENT,
    IN_CHILD
};

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
struct process;

/* A window piece as this process last saw it. */
struct piece
{
    uint64_t offset;
    uint64_t len;
    uint64_t window_offset;
    uint64_t window_len;
    uint64_t process;
    uint64_t object;
    uint64_t object_offset;
    uint32_t prot;
    uint32_t slot;
};

/* The pieces of one end, sorted by offset, the highest first. */
struct view
{
    uint64_t generation;
    size_t count;
    struct piece *pieces;
    size_t capacity;
    uint64_t packed_from; /* everything above is taken; 0: not known */
};

struct endpoint
{
    _Atomic int refs;
    _Atomic uint64_t cookie; /* of its socket: the identity of the file */
    uint64_t inode;          /* of its socket, under the list lock */
    int known_fds;           /* table entries, under the list lock */
    struct endpoint *prev, *next;

    pthread_mutex_t lock; /* everything below; never held while waiting */
    _Atomic int state;
    uint16_t port;      /* 0 when unbound */
    struct claim *claim; /* keeps the port when the socket itself does not */
    struct scif_portID peer;
    struct segment *segment;
    struct segment *_Atomic more[SLOT_MAPPINGS]; /* see window_slot_at */
    int side;
    int failure; /* STATE_PENDING: errno of an attempt that is over */
    int64_t deadline_ms;
    struct accept_waiter *waiters;
    bool inherited; /* by a fork: closing it here ends no listener */

    struct process *peer_process; /* who to send memory objects to */

    /*
     * This process has registered windows, which are looked for with other
     * locks held. As only what is connected can, segment never changes then.
     */
    _Atomic bool has_windows;

    pthread_mutex_t views_lock;
    struct view views[2];
    uint64_t *sent; /* objects sent for it, under the capture lock */
    size_t sent_count;
    uint32_t free_slot; /* where to look for one */

    /*
     * Since a fork, another process may bind or connect this endpoint. The
     * segment for that is made before, so that both have it. Forks put it
     * here, under the list lock, while prepared is null; it is taken under
     * this endpoint's lock while it is not. So the descriptor is written
     * before prepared is set and read before it is cleared.
     */
    _Atomic bool forked;
    struct segment *_Atomic prepared;
    int prepared_fd;

    int mappings;  /* live scif_mmaps, under the mappings' lock */
    int keep_fd;   /* keeps the connection while there are any */
};

/* Looks the endpoint of fd up and takes a reference; null and errno. */
struct endpoint *endpoint_get (int fd);
void endpoint_put (struct endpoint *endpoint);
/* The same at the end of a call: returns 0, or -1 and errno. */
int endpoint_finish (struct endpoint *endpoint, int error);
/* Makes an endpoint for the socket fd and files it; null and errno. */
struct endpoint *endpoint_create (int fd);
/* True while fd still is this endpoint's socket. */
bool endpoint_owns (const struct endpoint *endpoint, int fd);
/* Puts a fresh socket under the number fd; false and errno when it cannot. */
bool endpoint_renew_socket (struct endpoint *endpoint, int fd);
/* The segment made for this endpoint before a fork, or null. */
struct segment *endpoint_take_prepared (struct endpoint *endpoint, int *fd);
/* Gives it up: the endpoint will not connect. */
void endpoint_drop_prepared (struct endpoint *endpoint);
/* Closes fd and forgets the endpoint when that was its last descriptor. */
int endpoint_close (struct endpoint *endpoint, int fd);
/* Forgets endpoints whose descriptors were closed behind our back. */
void endpoint_collect_garbage (void);
/* True when messages may flow, whether collected or not. */
bool endpoint_is_connected (struct endpoint *endpoint);
/* The process at the other end, looked up once; null when not known. */
struct process *endpoint_find_peer (struct endpoint *endpoint);
/* True when the peer of a connected endpoint has gone. */
bool endpoint_is_hung_up (int fd);

/* ---- ports (port.c) ---- */

/* Binds the endpoint's socket to a port; 0 chooses. Returns it, -1 errno. */
int port_bind (struct endpoint *endpoint, int fd, uint16_t port);
/* Binds again to the port it had, after its socket was renewed. */
bool port_rebind (struct endpoint *endpoint, int fd);
/* Makes an accepted endpoint hold the port of its listener. */
void port_share (struct endpoint *endpoint, uint16_t port);
/* Gives a listener the name that connecters look for; 0 or errno. */
int port_name_listener (const struct endpoint *endpoint, int fd);
void port_release (struct endpoint *endpoint);
/* The port the socket has been bound to by its name, 0 for none. */
uint16_t port_of_socket (int fd);
/* connect(2) to the listener at dst without waiting; 0 or errno. */
int port_dial (int fd, const struct scif_portID *dst);
void port_after_fork (void);

/* ---- byte queues and their tokens (queue.c) ---- */

/*
 * Gives a socket its narrow or wide send buffer, so that tokens steer its
 * writability; false and errno.
 */
bool tokens_prepare (int fd, bool wide);
/* Number of tokens that make a narrow socket unwritable. */
uint32_t tokens_when_full (void);
/* Sends n tokens; 0, or errno when the peer has gone. */
int tokens_send (int fd, uint32_t n);
/* Takes up to n tokens without waiting; returns how many. */
uint32_t tokens_take (int fd, uint32_t n);

/* Makes a connection's socket ready for the tokens of many messages. */
void queue_open (struct endpoint *endpoint, int fd);

/*
 * Moves up to len bytes without waiting; the caller holds the turnstile lock.
 * Returns the number, 0 when there is no room or no data, or -1 and errno
 * (ECONNRESET, EFAULT).
 */
int queue_write (struct endpoint *endpoint, int fd, const void *from, int len);
int queue_read (struct endpoint *endpoint, int fd, void *to, int len);
/* Bytes that wait in a queue; more than QUEUE_CAPACITY when it is corrupt. */
uint32_t queue_used (const struct queue *queue);

/* ---- processes and their memory objects (process.c, object.c) ---- */

/*
 * Each process has an id and a mailbox, a socket into which its peers put the
 * descriptors of the memory objects that their windows are made of. One
 * mailbox serves all connections.
 */

/* This process; made on first use. Null and errno when it cannot. */
struct process *process_self (void);
uint64_t process_id (const struct process *process);
/* The descriptor peers send to; for the greeting. */
int process_mailbox (const struct process *process);
/* Records a peer's mailbox, taking over the descriptor; a new reference. */
struct process *process_meet (uint64_t id, int mailbox);
/* Reads the mailbox and looks the peer up; a new reference or null. */
struct process *process_find (uint64_t id);
void process_put (struct process *process);
/* Connections under way: processes met meanwhile are kept. +1 or -1. */
void process_expect (int change);
/* True for the library's own mappings of this process' objects. */
bool process_is_internal (uintptr_t address);
/* True when the process has ended. */
bool process_is_dead (const struct process *process);
/* Sends this process' id and mailbox. */
void process_introduce (struct process *to);
/* Sends an object of this process; 0 or errno. */
int process_send_object (struct process *to, uint64_t object, int fd);
/*
 * Drops an object of this process, which will not be used again, and tells
 * everybody who was given it.
 */
void process_retire_object (uint64_t object);
/* Lets go of what others have retired meanwhile. */
void process_read_mail (void);
void process_before_fork (void);
void process_end_fork (void); /* in the parent and in the child */
void process_after_fork (void);

/* Some bytes of an object: mapped, or to be reached through its descriptor. */
struct span
{
    char *bytes; /* null when only fd and fd_offset can be used */
    int fd;
    off_t fd_offset;
    size_t len;
    _Atomic unsigned *users; /* of the mapping, null for none */
};

/*
 * Gives the object's bytes from offset on, at most len, as far as one mapping
 * reaches. False when there is no such object or it is too short.
 */
bool process_object_span (uint64_t process,
                          uint64_t object,
                          uint64_t offset,
                          size_t len,
                          struct span *span);
/* The span is not needed any more. */
void process_span_done (const struct span *span);
/* Unmaps what is mapped of this process' objects for transfers. */
void process_unmap_own (void);
/* A duplicate of the object's descriptor for mmap; -1 and errno. */
int process_object_fd (uint64_t process, uint64_t object);

/* Adds an object of this process; it takes over fd. False: no memory. */
bool process_add_object (uint64_t object, int fd);

/* ---- memory that windows are made of (arena.c, capture.c) ---- */

/* A run of pages in an object of this process. */
struct extent
{
    uint64_t object;
    uint64_t offset;
    uint64_t len;
};

struct extents
{
    struct extent *list;
    size_t count;
    size_t capacity;
};

#define OBJECT_ARENA 1u

/* Registration changes the address space; one at a time. */
void capture_lock (void);
void capture_unlock (void);
/*
 * Turns the pages of a range into extents of objects of this process, which
 * stay what the range shows, both ways. The lock is held, but let go while
 * pages are copied. 0 or errno.
 */
int capture (void *address, size_t len, int prot, struct extents *extents);
/* True when a part of the range is being captured. */
bool capture_is_busy_at (uintptr_t start, uintptr_t end);
/* Calls fn for the extents of captures under way. */
void capture_for_each_extent (void (*fn) (const struct extent *, void *),
                              void *context);
bool extents_add (struct extents *extents,
                  uint64_t object,
                  uint64_t offset,
                  uint64_t len);

/* Gives private memory to the child, and our own stack to ourselves. */
void capture_fork (enum fork_step step);

/* Files that shared mappings belong to (foreign.c); the capture lock is held. */
uint64_t foreign_find (uint64_t dev, uint64_t inode, bool writable);
/* Takes over fd; 0 when there is no memory. */
uint64_t foreign_add (uint64_t dev, uint64_t inode, bool writable, int fd);
/* Lets go of files that no window needs any more. */
void foreign_sweep (void);
bool foreign_any (void);
void foreign_after_fork (void);

struct mapped_range
{
    uintptr_t start, end;
    uint64_t offset; /* in the file */
    uint64_t dev, inode;
    int prot;
    bool shared;
    size_t path_len;
    char path[256]; /* cut off when it is longer */
};

/* Calls fn for each mapping that overlaps the range, in order; 0 or errno. */
int maps_for_each (uintptr_t start,
                   uintptr_t end,
                   int (*fn) (const struct mapped_range *, void *),
                   void *context);

/* Room for len bytes in the arena; 0 or errno. The lock is held. */
int arena_allocate (uint64_t len, uint64_t *offset);
/* Makes pages at these offsets private that no window needs. The lock is held. */
void arena_release (uint64_t from, uint64_t to);
int arena_fd (void);
bool arena_is (uint64_t dev, uint64_t inode);
void arena_after_fork (void);

/* Counts locked memory against RLIMIT_MEMLOCK; false when it is too much. */
bool memlock_charge (uint64_t len);
void memlock_release (uint64_t len);

/* ---- windows (window.c) ---- */

/* Pieces held so that their pages stay what they are. */
struct pins
{
    struct endpoint *endpoint;
    int side;
    size_t count;
    struct piece *pieces;
    struct piece few[4];
};

/*
 * Pins the pieces of [offset, offset + len) of one side. Returns 0, ENXIO when
 * part of it is not registered, EPERM when the protection does not allow
 * prot, ENOMEM.
 */
int windows_pin (struct endpoint *endpoint,
                 int side,
                 uint64_t offset,
                 uint64_t len,
                 int prot,
                 struct pins *pins);
void windows_unpin (struct pins *pins);
void windows_no_pins (struct pins *pins);
/* Calls fn for each extent of this process that a window still needs. */
void windows_for_each_extent (void (*fn) (const struct extent *, void *),
                              void *context);
/* Keeps what the peer still has pinned of an endpoint that goes. */
void windows_linger (struct endpoint *endpoint);
/* Lets go of what only windows that have gone needed. */
void windows_tidy (void);
void windows_free (struct endpoint *endpoint);
void windows_after_fork (void);

/* 0, ENOTCONN or ECONNRESET. */
int endpoint_may_use_memory (struct endpoint *endpoint, int fd);
/* Calls fn for each endpoint; the table's lock is held. */
void endpoint_for_each (void (*fn) (struct endpoint *, void *), void *context);

/* ---- mappings (map.c) ---- */

void mappings_after_fork (void);
/* Forgets mappings of the endpoint that were unmapped behind our back. */
void mappings_check (struct endpoint *endpoint);

/* ---- user memory (memory.c) ---- */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

size_t page_size (void);

/* Faults all pages in; false and EFAULT or the like when one cannot be. */
bool memory_populate (uintptr_t start, size_t len, int advice);
/* True when the whole range can be read or written by this process. */
bool memory_is_readable (const void *address, size_t len);
/* May overwrite the range: for memory that is about to be written anyway. */
bool memory_is_writable (void *address, size_t len);

/* ---- waiting requests (accept.c, timer.c) ---- */

/* A listener is about to close: with the quirk, connecters are not told. */
void accept_hold_requests (struct endpoint *listener, int fd);

/* Ends the endpoint's pending request when its deadline has passed. */
void timer_add (struct endpoint *endpoint, int fd);
void timer_fork (enum fork_step step);

/* ---- the functions behind the exported ones (api.c) ---- */

scif_epd_t do_open (void);
int do_close (scif_epd_t epd);
int do_bind (scif_epd_t epd, uint16_t pn);
int do_listen (scif_epd_t epd, int backlog);
int do_connect (scif_epd_t epd, struct scif_portID *dst);
int do_accept (scif_epd_t epd,
               struct scif_portID *peer,
               scif_epd_t *newepd,
               int flags);
int do_send (scif_epd_t epd, void *msg, int len, int flags);
int do_recv (scif_epd_t epd, void *msg, int len, int flags);
off_t do_register (scif_epd_t epd,
                   void *addr,
                   size_t len,
                   off_t offset,
                   int prot_flags,
                   int map_flags);
int do_unregister (scif_epd_t epd, off_t offset, size_t len);
void *do_mmap (void *addr,
               size_t len,
               int prot_flags,
               int map_flags,
               scif_epd_t epd,
               off_t offset);
int do_munmap (void *addr, size_t len);
int do_readfrom (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags);
int do_writeto (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags);
int do_vreadfrom (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags);
int do_vwriteto (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags);
int do_fence_mark (scif_epd_t epd, int flags, int *mark);
int do_fence_wait (scif_epd_t epd, int mark);
int do_fence_signal (scif_epd_t epd,
                     off_t loff,
                     uint64_t lval,
                     off_t roff,
                     uint64_t rval,
                     int flags);
int do_poll (struct scif_pollepd *epds, unsigned int nepds, long timeout);
int do_get_nodeIDs (uint16_t *nodes, int len, uint16_t *self);

/* Waits for the endpoint's deferred transfers (async.c). */
void async_drain (struct endpoint *endpoint);
void async_fork (enum fork_step step);

/* ---- faults and trace (check.c) ---- */

enum fault_point
{
    FAULT_REGISTER,
    FAULT_SEND,
    FAULT_RECV,
    FAULT_CONNECT,
    FAULT_PEER,
    FAULT_POINTS
};

/* True when SOFTSCIF_FAULTS or SOFTSCIF_TRACE asks for anything. */
bool check_is_on (void);
/*
 * Counts a call. Returns the errno to fail with; 0 to go on, perhaps after a
 * delay or with *len made smaller; the peer may be lost on the way.
 */
int check_fault (enum fault_point point, int epd, int *len);
/* Writes a line of the trace; errno is left alone. */
void check_trace (long long rc, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* ---- the link model (link.c) ---- */

/* Waits as long as the bytes take from one side to the other; off: at once. */
void link_carry (struct endpoint *endpoint, int from_side, uint64_t bytes);

/* ---- small things (util.c) ---- */

/* The errno to report when a descriptor may have been closed meanwhile. */
int if_closed (int error);
int64_t now_ns (void);
/* Of the processor, by this thread: what a busy machine makes it wait is not. */
int64_t used_ns (void);
void sleep_until_ns (int64_t when);

int64_t now_ms (void);
/* Locks a robust mutex; puts it right when its owner died. */
void robust_lock (pthread_mutex_t *mutex);
bool robust_trylock (pthread_mutex_t *mutex);
void robust_init (pthread_mutex_t *mutex);

#endif
