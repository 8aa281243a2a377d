/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The 22 functions. Each does its work elsewhere; here faults are injected and
 * calls traced when the environment asks for it, at the cost of a branch or two
 * when it does not.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define SCIF_EXPORT __attribute__ ((visibility ("default")))
#define CHECKING __builtin_expect (check_is_on (), 0)

static intptr_t failed (int error)
{
    errno = error;
    return -1;
}

/*
 * A function by its type and name, its parameters, what it is called with, the
 * fault it may meet and what is traced.
 */
#define FUNCTION(type, name, parameters, arguments, fault, ...)                \
    SCIF_EXPORT type scif_##name parameters                                    \
    {                                                                          \
        const int error = CHECKING ? (fault) : 0;                              \
        type const rc = error ? (type) failed (error) : do_##name arguments;   \
        if (CHECKING)                                                          \
            check_trace ((long long) (intptr_t) rc, "scif_" #name __VA_ARGS__);\
        return rc;                                                             \
    }

FUNCTION (scif_epd_t, open, (void), (), 0, " ()")

FUNCTION (int, close, (scif_epd_t epd), (epd), 0, " (%d)", epd)

FUNCTION (int, bind, (scif_epd_t epd, uint16_t pn), (epd, pn), 0, " (%d, %u)",
          epd, (unsigned) pn)

FUNCTION (int, listen, (scif_epd_t epd, int backlog), (epd, backlog), 0,
          " (%d, %d)", epd, backlog)

FUNCTION (int, connect, (scif_epd_t epd, struct scif_portID *dst), (epd, dst),
          check_fault (FAULT_CONNECT, epd, NULL), " (%d, %d:%d)", epd,
          dst ? dst->node : -1, dst ? dst->port : -1)

FUNCTION (int, accept,
          (scif_epd_t epd, struct scif_portID *peer, scif_epd_t *newepd,
           int flags),
          (epd, peer, newepd, flags), 0, " (%d, %d:%d, %d, %d)", epd,
          rc == 0 ? peer->node : -1, rc == 0 ? peer->port : -1,
          rc == 0 ? *newepd : -1, flags)

/* A fault may leave half of what the call could move. */
#define STREAM_FUNCTION(name, point)                                           \
    SCIF_EXPORT int scif_##name (scif_epd_t epd, void *msg, int len,           \
                                 int flags)                                    \
    {                                                                          \
        int most = len;                                                        \
        const int error =                                                      \
          CHECKING ? check_fault (point, epd, flags || len < 2 ? NULL : &most) \
                   : 0;                                                        \
        const int rc =                                                         \
          error ? (int) failed (error) : do_##name (epd, msg, most, flags);    \
        if (CHECKING)                                                          \
            check_trace (rc, "scif_" #name " (%d, %p, %d, %d)", epd, msg, len, \
                         flags);                                               \
        return rc;                                                             \
    }

STREAM_FUNCTION (send, FAULT_SEND)
STREAM_FUNCTION (recv, FAULT_RECV)

FUNCTION (int, poll,
          (struct scif_pollepd * epds, unsigned int nepds, long timeout),
          (epds, nepds, timeout), 0, " (%p, %u, %ld)", (void *) epds, nepds,
          timeout)

SCIF_EXPORT int scif_get_fd (scif_epd_t epd)
{
    return epd;
}

FUNCTION (int, get_nodeIDs, (uint16_t * nodes, int len, uint16_t *self),
          (nodes, len, self), 0, " (%p, %d, %p)", (void *) nodes, len,
          (void *) self)

FUNCTION (off_t, register,
          (scif_epd_t epd, void *addr, size_t len, off_t offset,
           int prot_flags, int map_flags),
          (epd, addr, len, offset, prot_flags, map_flags),
          check_fault (FAULT_REGISTER, epd, NULL),
          " (%d, %p, %zu, %#llx, %d, %#x)", epd, addr, len,
          (unsigned long long) offset, prot_flags, (unsigned) map_flags)

FUNCTION (int, unregister, (scif_epd_t epd, off_t offset, size_t len),
          (epd, offset, len), 0, " (%d, %#llx, %zu)", epd,
          (unsigned long long) offset, len)

FUNCTION (void *, mmap,
          (void *addr, size_t len, int prot_flags, int map_flags,
           scif_epd_t epd, off_t offset),
          (addr, len, prot_flags, map_flags, epd, offset), 0,
          " (%p, %zu, %d, %#x, %d, %#llx)", addr, len, prot_flags,
          (unsigned) map_flags, epd, (unsigned long long) offset)

FUNCTION (int, munmap, (void *addr, size_t len), (addr, len), 0, " (%p, %zu)",
          addr, len)

/* What the four transfer functions have in common. */
#define TRANSFER(name, local_type, local_format)                               \
    FUNCTION (int, name,                                                       \
              (scif_epd_t epd, local_type local, size_t len, off_t roffset,    \
               int rma_flags),                                                 \
              (epd, local, len, roffset, rma_flags),                           \
              check_fault (FAULT_PEER, epd, NULL),                             \
              " (%d, " local_format ", %zu, %#llx, %d)", epd, local, len,      \
              (unsigned long long) roffset, rma_flags)

TRANSFER (readfrom, off_t, "%#lx")
TRANSFER (writeto, off_t, "%#lx")
TRANSFER (vreadfrom, void *, "%p")
TRANSFER (vwriteto, void *, "%p")

FUNCTION (int, fence_mark, (scif_epd_t epd, int flags, int *mark),
          (epd, flags, mark), 0, " (%d, %#x, %d)", epd, (unsigned) flags,
          rc == 0 ? *mark : -1)

FUNCTION (int, fence_wait, (scif_epd_t epd, int mark), (epd, mark), 0,
          " (%d, %d)", epd, mark)

FUNCTION (int, fence_signal,
          (scif_epd_t epd, off_t loff, uint64_t lval, off_t roff,
           uint64_t rval, int flags),
          (epd, loff, lval, roff, rval, flags), 0,
          " (%d, %#llx, %#llx, %#llx, %#llx, %#x)", epd,
          (unsigned long long) loff, (unsigned long long) lval,
          (unsigned long long) roff, (unsigned long long) rval,
          (unsigned) flags)
