/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scif.h - the Symmetric Communications Interface, user space.
 *
 * Types, constants and calling conventions match libscif.so.0 of Intel MPSS,
 * so that a program compiled against either header runs on either library.
 *
 * Every function that returns int or off_t returns -1 and sets errno on
 * failure. EBADF means the descriptor is not open, ENOTTY that it is open but
 * is not an endpoint; both apply to all functions that take one and are not
 * repeated below.
 */
#ifndef SCIF_H
#define SCIF_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An endpoint descriptor: an ordinary file descriptor. */
typedef int scif_epd_t;

/* The address of an endpoint. */
struct scif_portID
{
    uint16_t node; /* node the endpoint is on, 0 is the host */
    uint16_t port; /* port on that node */
};

/* An entry of scif_poll(), the same in memory as struct pollfd. */
struct scif_pollepd
{
    scif_epd_t epd; /* endpoint descriptor */
    short events;   /* requested events */
    short revents;  /* returned events */
};

#define SCIF_OPEN_FAILED ((scif_epd_t) -1)
#define SCIF_REGISTER_FAILED ((off_t) -1)
#define SCIF_MMAP_FAILED ((void *) -1)

/* scif_accept(), scif_send() and scif_recv() flags */
#define SCIF_ACCEPT_SYNC 1
#define SCIF_SEND_BLOCK 1
#define SCIF_RECV_BLOCK 1

/* Window protection */
#define SCIF_PROT_READ (1 << 0)
#define SCIF_PROT_WRITE (1 << 1)

/* scif_register() and scif_mmap() flags */
#define SCIF_MAP_FIXED 0x10
#define SCIF_MAP_KERNEL 0x20

/* Fence flags */
#define SCIF_FENCE_INIT_SELF (1 << 0)
#define SCIF_FENCE_INIT_PEER (1 << 1)
#define SCIF_FENCE_RAS_SELF (1 << 2)
#define SCIF_FENCE_RAS_PEER (1 << 3)
#define SCIF_SIGNAL_LOCAL (1 << 4)
#define SCIF_SIGNAL_REMOTE (1 << 5)

/* RMA flags */
#define SCIF_RMA_USECPU 1
#define SCIF_RMA_USECACHE (1 << 1)
#define SCIF_RMA_SYNC (1 << 2)
#define SCIF_RMA_ORDERED (1 << 3)

/* scif_poll() events */
#define SCIF_POLLIN POLLIN
#define SCIF_POLLOUT POLLOUT
#define SCIF_POLLERR POLLERR
#define SCIF_POLLHUP POLLHUP
#define SCIF_POLLNVAL POLLNVAL

/*
 * Ports below SCIF_ADMIN_PORT_END need CAP_SYS_ADMIN. Those up to and
 * including SCIF_PORT_RSVD are set aside for known services; automatic ports
 * come after it.
 */
#define SCIF_COI_PORT_0 40
#define SCIF_COI_PORT_1 41
#define SCIF_COI_PORT_2 42
#define SCIF_COI_PORT_3 43
#define SCIF_COI_PORT_4 44
#define SCIF_COI_PORT_5 45
#define SCIF_COI_PORT_6 46
#define SCIF_COI_PORT_7 47
#define SCIF_COI_PORT_8 48
#define SCIF_COI_PORT_9 49
#define SCIF_OFED_PORT_0 60
#define SCIF_NETDEV_PORT_0 80
#define SCIF_RAS_PORT_0 100
#define SCIF_PM_PORT_0 120
#define SCIF_BT_PORT_0 130
#define SCIF_ADMIN_PORT_END 1024
#define SCIF_MYO_PORT_0 1025
#define SCIF_ST_PORT_0 1044
#define SCIF_PORT_RSVD 1088

/* Older spellings that existing sources still use. */
#define portID scif_portID
typedef struct scif_portID portID_t;
#define ACCEPT_SYNC SCIF_ACCEPT_SYNC
#define SEND_BLOCK SCIF_SEND_BLOCK
#define RECV_BLOCK SCIF_RECV_BLOCK

/*
 * Opens an unbound endpoint (close-on-exec).
 * Returns its descriptor, or SCIF_OPEN_FAILED: EMFILE, ENFILE, ENOMEM.
 */
scif_epd_t scif_open (void);

/*
 * Closes the descriptor. When it was the last one of the endpoint the
 * connection ends (the peer still reads what was sent), the port is released
 * and a thread blocked in scif_accept() on it returns EINTR.
 */
int scif_close (scif_epd_t epd);

/*
 * Binds the endpoint to port pn of this node, 0 for the lowest free one.
 * Returns the port. EACCES: an administrative port without CAP_SYS_ADMIN;
 * EINVAL: port taken or endpoint already bound; EISCONN: listening, connecting
 * or connected; ENOSPC: no automatic port left.
 */
int scif_bind (scif_epd_t epd, uint16_t pn);

/*
 * Turns a bound endpoint into a listener that keeps up to backlog requests
 * (at most 1024) waiting.
 * EINVAL: not bound or backlog below 1; EISCONN: listening or connected.
 */
int scif_listen (scif_epd_t epd, int backlog);

/*
 * Connects to the listener at dst and returns the local port once the peer has
 * accepted. An unbound endpoint is bound first.
 * With O_NONBLOCK set on the descriptor: EINPROGRESS; the descriptor becomes
 * writable when the attempt is over and a second call returns its result.
 * ECONNREFUSED: nobody listens, the backlog is full or nobody accepted within
 * 10 s, the endpoint stays bound and may try again; ENODEV: no such node;
 * EINVAL: dst is null, its port is 0, or the endpoint was disconnected;
 * EISCONN: connected or a blocking attempt is under way; EOPNOTSUPP: listening;
 * ENOSPC: no automatic port left.
 */
int scif_connect (scif_epd_t epd, struct scif_portID *dst);

/*
 * Accepts a connection request: the new endpoint goes to *newepd (not
 * close-on-exec), the address of the peer to *peer. Waits for a request when
 * flags is SCIF_ACCEPT_SYNC, whatever O_NONBLOCK says.
 * EAGAIN: no request waits; EINTR: a signal came or the listener was closed;
 * EINVAL: null pointer, unknown flag or not a listener.
 */
int scif_accept (scif_epd_t epd,
                 struct scif_portID *peer,
                 scif_epd_t *newepd,
                 int flags);

/*
 * Sends up to len bytes of msg. Without SCIF_SEND_BLOCK as many as there is
 * room for now, possibly 0; with it all of them, or as many as were sent when
 * a signal came or the peer closed. Returns the number of bytes.
 * EINVAL: negative len or bad flags; ENOTCONN: never connected; ECONNRESET:
 * disconnected; EFAULT: msg not readable; EINTR: signal before the first byte.
 */
int scif_send (scif_epd_t epd, void *msg, int len, int flags);

/*
 * Receives up to len bytes into msg, with SCIF_RECV_BLOCK exactly len. Returns
 * the number of bytes, 0 when there are none now. What the peer sent before
 * it closed is delivered first, then ECONNRESET. Other errors as scif_send().
 */
int scif_recv (scif_epd_t epd, void *msg, int len, int flags);

/*
 * poll(2) for endpoints; other descriptors may be among them. timeout is in
 * milliseconds, negative for ever. Returns the number of entries with events,
 * 0 after the timeout.
 */
int scif_poll (struct scif_pollepd *epds, unsigned int nepds, long timeout);

/* Returns the file descriptor of the endpoint: epd itself. */
int scif_get_fd (scif_epd_t epd);

/*
 * Writes the ids of up to len nodes that are online to nodes and the id of
 * this node to *self. Returns the number of nodes online, which may be more
 * than len. EFAULT: self, or nodes with len above 0, is not writable.
 */
int scif_get_nodeIDs (uint16_t *nodes, int len, uint16_t *self);

/*
 * Registered memory. These need a connected endpoint: ENOTCONN when it never
 * was, ECONNRESET when the peer has gone. Offsets are bytes in the registered
 * address space of an endpoint, addresses and lengths of windows are multiples
 * of the page size.
 */

/*
 * Makes [addr, addr + len) a window that the peer can use when this returns.
 * With SCIF_MAP_FIXED at offset, else where there is room. The pages stay the
 * window's whatever happens to the addresses later. Returns the offset.
 * EINVAL: unaligned, empty, or bad flags; EADDRINUSE: overlaps a window;
 * EFAULT: not mapped, or not writable for SCIF_PROT_WRITE; EAGAIN: over
 * RLIMIT_MEMLOCK, or memory that cannot be shared; ENOMEM.
 */
off_t scif_register (scif_epd_t epd,
                     void *addr,
                     size_t len,
                     off_t offset,
                     int prot_flags,
                     int map_flags);

/*
 * Removes all windows in [offset, offset + len); none there is no error. One
 * that the peer has mapped stays usable, and its offsets taken, until the last
 * mapping is gone. EINVAL: unaligned, or the range cuts a window.
 */
int scif_unregister (scif_epd_t epd, off_t offset, size_t len);

/*
 * Maps the peer's windows at [offset, offset + len): the very pages. The range
 * may span adjacent windows. The mapping is not inherited by fork, survives
 * the window and the peer, and keeps the connection open until scif_munmap().
 * EINVAL: offset unaligned; ENXIO: not all registered; EPERM: a window does
 * not allow prot_flags; ENOMEM.
 */
void *scif_mmap (void *addr,
                 size_t len,
                 int prot_flags,
                 int map_flags,
                 scif_epd_t epd,
                 off_t offset);

/* Unmaps all or part of such mappings. EINVAL as munmap(2). */
int scif_munmap (void *addr, size_t len);

/*
 * Copies len bytes between a local window at loffset, or memory at addr, and
 * the peer's window at roffset: read from or written to the peer. Without
 * SCIF_RMA_SYNC a fence tells when it is done.
 * EINVAL: len is 0 or no flag is known; ENXIO: not all registered; EPERM: a
 * window does not allow it; EFAULT: bad memory at addr.
 */
int scif_readfrom (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags);
int scif_writeto (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags);
int scif_vreadfrom (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags);
int scif_vwriteto (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags);

/*
 * Marks the transfers initiated so far by this end (SCIF_FENCE_INIT_SELF) or
 * by the peer (SCIF_FENCE_INIT_PEER), exactly one of them.
 * EINVAL: bad flags; EFAULT: mark not writable.
 */
int scif_fence_mark (scif_epd_t epd, int flags, int *mark);

/* Waits until the transfers of a mark are complete. EINVAL: no such mark. */
int scif_fence_wait (scif_epd_t epd, int mark);

/*
 * When the transfers initiated so far by one end are complete, stores the
 * 8-byte lval at loff of a local window (SCIF_SIGNAL_LOCAL) and rval at roff
 * of the peer's (SCIF_SIGNAL_REMOTE). With SCIF_FENCE_INIT_PEER the two flags
 * are as the peer sees them: SCIF_SIGNAL_LOCAL stores rval at roff of the
 * peer's window, SCIF_SIGNAL_REMOTE lval at loff of a local one. Offsets are
 * multiples of 4, loff for SCIF_SIGNAL_LOCAL, roff for SCIF_SIGNAL_REMOTE.
 * EINVAL: bad flags or offsets; ENXIO: no window; EPERM: not writable.
 */
int scif_fence_signal (scif_epd_t epd,
                       off_t loff,
                       uint64_t lval,
                       off_t roff,
                       uint64_t rval,
                       int flags);

#ifdef __cplusplus
}
#endif

#endif /* SCIF_H */
