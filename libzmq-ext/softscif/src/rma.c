/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Remote memory access: copies by the processor between windows, or between a
 * window and the caller's memory. They are complete on return, except in the
 * checking mode that defers them.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rma.h"

#define KNOWN_FLAGS                                                            \
    (SCIF_RMA_USECPU | SCIF_RMA_USECACHE | SCIF_RMA_SYNC | SCIF_RMA_ORDERED)
#define LINE 64u
#define BOUNCE 4096u

/* A place in a window or in the caller's memory. */
struct cursor
{
    char *user; /* null for a window */
    const struct pins *pins;
    size_t piece;
    uint64_t offset;
};

static bool span_at (struct cursor *cursor, size_t len, struct span *span)
{
    if (cursor->user) {
        *span = (struct span){.bytes = cursor->user, .len = len};
        return true;
    }
    const struct piece *p = &cursor->pins->pieces[cursor->piece];
    while (cursor->offset >= p->offset + p->len)
        p = &cursor->pins->pieces[++cursor->piece];
    const uint64_t into = cursor->offset - p->offset;
    return process_object_span (
      p->process, p->object, p->object_offset + into,
      len < p->len - into ? len : (size_t) (p->len - into), span);
}

static void advance (struct cursor *cursor, size_t n)
{
    if (cursor->user)
        cursor->user += n;
    else
        cursor->offset += n;
}

/* Files that may shrink are read and written, so that nothing can fault. */
static bool
copy_span (const struct span *to, const struct span *from, size_t len)
{
    char bounce[BOUNCE];
    if (to->bytes && from->bytes) {
        memcpy (to->bytes, from->bytes, len);
        return true;
    }
    for (size_t done = 0; done < len;) {
        const size_t n = len - done < BOUNCE ? len - done : BOUNCE;
        char *at = to->bytes ? to->bytes + done : bounce;
        if (from->bytes)
            memcpy (at, from->bytes + done, n);
        else if (pread (from->fd, at, n, from->fd_offset + (off_t) done)
                 != (ssize_t) n)
            return false;
        if (!to->bytes
            && pwrite (to->fd, at, n, to->fd_offset + (off_t) done)
                 != (ssize_t) n)
            return false;
        done += n;
    }
    return true;
}

static int copy (struct cursor *to, struct cursor *from, uint64_t len)
{
    while (len > 0) {
        struct span target, source;
        const size_t most = len < SIZE_MAX ? (size_t) len : SIZE_MAX;
        if (!span_at (to, most, &target))
            return ENXIO;
        if (!span_at (from, most, &source)) {
            process_span_done (&target);
            return ENXIO;
        }
        const size_t n = target.len < source.len ? target.len : source.len;
        const bool ok = copy_span (&target, &source, n);
        process_span_done (&target);
        process_span_done (&source);
        if (!ok)
            return ENXIO;
        advance (to, n);
        advance (from, n);
        len -= n;
    }
    return 0;
}

/* An ordered transfer shows its last cache line after all the others. */
static int copy_ordered (struct cursor *to, struct cursor *from, uint64_t len)
{
    const uint64_t tail = len < LINE ? len : LINE;
    const int error = copy (to, from, len - tail);
    if (error)
        return error;
    __sync_synchronize ();
    return copy (to, from, tail);
}

int rma_move (const struct rma_request *r,
              const struct pins *local,
              const struct pins *remote)
{
    struct cursor here = {r->user, local, 0, r->local};
    struct cursor there = {NULL, remote, 0, r->remote};
    struct cursor *to = r->to_peer ? &there : &here;
    struct cursor *from = r->to_peer ? &here : &there;
    const int error = r->flags & SCIF_RMA_ORDERED
                        ? copy_ordered (to, from, r->len)
                        : copy (to, from, r->len);
    /* What the program stores or sends next comes after the data. */
    __sync_synchronize ();
    return error;
}

void rma_carry (const struct rma_operation *operation)
{
    struct endpoint *endpoint = operation->endpoint;
    link_carry (endpoint,
                operation->request.to_peer ? endpoint->side
                                           : 1 - endpoint->side,
                operation->request.len);
}

/* Checks the request and pins what it needs; 0 or errno. */
static int prepare (struct rma_operation *operation)
{
    const struct rma_request *r = &operation->request;
    struct endpoint *endpoint = operation->endpoint;
    const int local_prot = r->to_peer ? SCIF_PROT_READ : SCIF_PROT_WRITE;
    const int remote_prot = r->to_peer ? SCIF_PROT_WRITE : SCIF_PROT_READ;
    int error = 0;
    windows_no_pins (&operation->local);
    windows_no_pins (&operation->remote);
    if (!r->user_given)
        error = windows_pin (endpoint, endpoint->side, r->local, r->len,
                             local_prot, &operation->local);
    if (!error)
        error = windows_pin (endpoint, 1 - endpoint->side, r->remote, r->len,
                             remote_prot, &operation->remote);
    /* Last, as to find out whether memory can be written to is to write. */
    if (!error && r->user_given
        && (r->to_peer ? !memory_is_readable (r->user, r->len)
                       : !memory_is_writable (r->user, r->len)))
        error = EFAULT;
    if (error) {
        windows_unpin (&operation->local);
        windows_unpin (&operation->remote);
    }
    return error;
}

void rma_free (struct rma_operation *operation)
{
    windows_unpin (&operation->local);
    windows_unpin (&operation->remote);
    endpoint_put (operation->endpoint);
    free (operation);
}

/* Hands the transfer to the asynchronous thread; 0 or errno. */
static int defer (struct endpoint *endpoint, const struct rma_request *r)
{
    struct rma_operation *operation = calloc (1, sizeof *operation);
    if (!operation)
        return ENOMEM;
    operation->endpoint = endpoint;
    operation->request = *r;
    const int error = prepare (operation);
    if (error) {
        free (operation);
        return error;
    }
    atomic_fetch_add (&endpoint->refs, 1);
    if (async_submit (operation))
        return 0;
    rma_free (operation);
    return ENOMEM;
}

static int rma (struct endpoint *endpoint, const struct rma_request *r)
{
    struct rma_operation operation = {.endpoint = endpoint, .request = *r};
    if (config_get ()->async_us > 0 && (r->flags & SCIF_RMA_SYNC) == 0)
        return defer (endpoint, r);
    int error = prepare (&operation);
    if (error)
        return error;
    error = rma_move (r, &operation.local, &operation.remote);
    rma_carry (&operation);
    windows_unpin (&operation.local);
    windows_unpin (&operation.remote);
    return error;
}

static int perform (scif_epd_t epd, const struct rma_request *r)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error
        && (r->len == 0 || (r->flags != 0 && (r->flags & KNOWN_FLAGS) == 0)))
        error = EINVAL;
    else if (!error && r->user_given && !r->user)
        error = EFAULT;
    if (!error)
        error = rma (endpoint, r);
    return endpoint_finish (endpoint, error);
}

int do_readfrom (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags)
{
    const struct rma_request r = {
      false, false, NULL, (uint64_t) loffset, (uint64_t) roffset, len,
      rma_flags};
    return perform (epd, &r);
}

int do_writeto (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags)
{
    const struct rma_request r = {
      true, false, NULL, (uint64_t) loffset, (uint64_t) roffset, len,
      rma_flags};
    return perform (epd, &r);
}

int do_vreadfrom (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags)
{
    const struct rma_request r = {false, true, addr, 0, (uint64_t) roffset,
                                  len, rma_flags};
    return perform (epd, &r);
}

int do_vwriteto (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags)
{
    const struct rma_request r = {true, true, addr, 0, (uint64_t) roffset, len,
                                  rma_flags};
    return perform (epd, &r);
}

/* ---- fences ---- */

#define INIT_FLAGS (SCIF_FENCE_INIT_SELF | SCIF_FENCE_INIT_PEER)
#define SIGNAL_FLAGS (SCIF_SIGNAL_LOCAL | SCIF_SIGNAL_REMOTE)

static bool has_one_initiator (int flags)
{
    const int init = flags & INIT_FLAGS;
    return init == SCIF_FENCE_INIT_SELF || init == SCIF_FENCE_INIT_PEER;
}

int do_fence_mark (scif_epd_t epd, int flags, int *mark)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error && ((flags & ~INIT_FLAGS) != 0 || !has_one_initiator (flags)))
        error = EINVAL;
    else if (!error && !memory_is_writable (mark, sizeof *mark))
        error = EFAULT;
    if (!error) {
        const int value =
          async_mark (endpoint, (flags & SCIF_FENCE_INIT_PEER) != 0);
        memcpy (mark, &value, sizeof value);
    }
    return endpoint_finish (endpoint, error);
}

int do_fence_wait (scif_epd_t epd, int mark)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error)
        error = async_wait (endpoint, epd, mark);
    return endpoint_finish (endpoint, error);
}

/* Stores a value into pinned memory, in one piece when it is aligned. */
static int store (struct pins *pins, uint64_t offset, uint64_t value)
{
    struct cursor to = {NULL, pins, 0, offset};
    struct cursor from = {(char *) &value, NULL, 0, 0};
    struct span span;
    __sync_synchronize ();
    if (offset % sizeof value == 0 && span_at (&to, sizeof value, &span)
        && span.bytes) {
        atomic_store ((_Atomic uint64_t *) (void *) span.bytes, value);
        process_span_done (&span);
        return 0;
    }
    return copy (&to, &from, sizeof value);
}

static int signal_values (struct endpoint *endpoint,
                          off_t loff,
                          uint64_t lval,
                          off_t roff,
                          uint64_t rval,
                          int flags)
{
    struct pins local, remote;
    int error = 0;
    /* With INIT_PEER local and remote are as the peer sees them. */
    const bool by_peer = (flags & SCIF_FENCE_INIT_PEER) != 0;
    const bool here =
      (flags & (by_peer ? SCIF_SIGNAL_REMOTE : SCIF_SIGNAL_LOCAL)) != 0;
    const bool there =
      (flags & (by_peer ? SCIF_SIGNAL_LOCAL : SCIF_SIGNAL_REMOTE)) != 0;
    if (here)
        error = windows_pin (endpoint, endpoint->side, (uint64_t) loff,
                             sizeof lval, SCIF_PROT_WRITE, &local);
    if (error)
        return error;
    if (there) {
        error = windows_pin (endpoint, 1 - endpoint->side, (uint64_t) roff,
                             sizeof rval, SCIF_PROT_WRITE, &remote);
        if (!error) {
            error = store (&remote, (uint64_t) roff, rval);
            windows_unpin (&remote);
        }
    }
    if (here) {
        if (!error)
            error = store (&local, (uint64_t) loff, lval);
        windows_unpin (&local);
    }
    return error;
}

int do_fence_signal (scif_epd_t epd,
                                   off_t loff,
                                   uint64_t lval,
                                   off_t roff,
                                   uint64_t rval,
                                   int flags)
{
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error
        && ((flags & ~(INIT_FLAGS | SIGNAL_FLAGS)) != 0
            || !has_one_initiator (flags) || (flags & SIGNAL_FLAGS) == 0
            || ((flags & SCIF_SIGNAL_LOCAL) && loff % 4 != 0)
            || ((flags & SCIF_SIGNAL_REMOTE) && roff % 4 != 0)))
        error = EINVAL;
    if (!error)
        error =
          async_fence (endpoint, epd, (flags & SCIF_FENCE_INIT_PEER) != 0);
    if (!error)
        error = signal_values (endpoint, loff, lval, roff, rval, flags);
    return endpoint_finish (endpoint, error);
}
