/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The 22 functions. Each does its work elsewhere; here faults are injected and
 * calls traced when the environment asks for it, at the cost of one branch
 * when it does not.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

#define SCIF_EXPORT __attribute__ ((visibility ("default")))
#define CHECKING __builtin_expect (check_is_on (), 0)

static int failed (int error)
{
    errno = error;
    return -1;
}

SCIF_EXPORT scif_epd_t scif_open (void)
{
    const scif_epd_t rc = do_open ();
    if (CHECKING)
        check_trace (rc, "scif_open ()");
    return rc;
}

SCIF_EXPORT int scif_close (scif_epd_t epd)
{
    const int rc = do_close (epd);
    if (CHECKING)
        check_trace (rc, "scif_close (%d)", epd);
    return rc;
}

SCIF_EXPORT int scif_bind (scif_epd_t epd, uint16_t pn)
{
    const int rc = do_bind (epd, pn);
    if (CHECKING)
        check_trace (rc, "scif_bind (%d, %u)", epd, (unsigned) pn);
    return rc;
}

SCIF_EXPORT int scif_listen (scif_epd_t epd, int backlog)
{
    const int rc = do_listen (epd, backlog);
    if (CHECKING)
        check_trace (rc, "scif_listen (%d, %d)", epd, backlog);
    return rc;
}

SCIF_EXPORT int scif_connect (scif_epd_t epd, struct scif_portID *dst)
{
    if (!CHECKING)
        return do_connect (epd, dst);
    const int fault = check_fault (FAULT_CONNECT, epd, NULL);
    const int rc = fault ? failed (fault) : do_connect (epd, dst);
    check_trace (rc, "scif_connect (%d, %d:%d)", epd, dst ? dst->node : -1,
                 dst ? dst->port : -1);
    return rc;
}

SCIF_EXPORT int scif_accept (scif_epd_t epd,
                             struct scif_portID *peer,
                             scif_epd_t *newepd,
                             int flags)
{
    const int rc = do_accept (epd, peer, newepd, flags);
    if (CHECKING)
        check_trace (rc, "scif_accept (%d, %d:%d, %d, %d)", epd,
                     rc == 0 ? peer->node : -1, rc == 0 ? peer->port : -1,
                     rc == 0 ? *newepd : -1, flags);
    return rc;
}

SCIF_EXPORT int scif_send (scif_epd_t epd, void *msg, int len, int flags)
{
    if (!CHECKING)
        return do_send (epd, msg, len, flags);
    int allowed = len;
    const int fault =
      check_fault (FAULT_SEND, epd, flags == 0 && len > 1 ? &allowed : NULL);
    const int rc = fault ? failed (fault) : do_send (epd, msg, allowed, flags);
    check_trace (rc, "scif_send (%d, %p, %d, %d)", epd, msg, len, flags);
    return rc;
}

SCIF_EXPORT int scif_recv (scif_epd_t epd, void *msg, int len, int flags)
{
    if (!CHECKING)
        return do_recv (epd, msg, len, flags);
    int allowed = len;
    const int fault =
      check_fault (FAULT_RECV, epd, flags == 0 && len > 1 ? &allowed : NULL);
    const int rc = fault ? failed (fault) : do_recv (epd, msg, allowed, flags);
    check_trace (rc, "scif_recv (%d, %p, %d, %d)", epd, msg, len, flags);
    return rc;
}

SCIF_EXPORT int
scif_poll (struct scif_pollepd *epds, unsigned int nepds, long timeout)
{
    const int rc = do_poll (epds, nepds, timeout);
    if (CHECKING)
        check_trace (rc, "scif_poll (%p, %u, %ld)", (void *) epds, nepds,
                     timeout);
    return rc;
}

SCIF_EXPORT int scif_get_fd (scif_epd_t epd)
{
    return epd;
}

SCIF_EXPORT int scif_get_nodeIDs (uint16_t *nodes, int len, uint16_t *self)
{
    const int rc = do_get_nodeIDs (nodes, len, self);
    if (CHECKING)
        check_trace (rc, "scif_get_nodeIDs (%p, %d, %p)", (void *) nodes, len,
                     (void *) self);
    return rc;
}

SCIF_EXPORT off_t scif_register (scif_epd_t epd,
                                 void *addr,
                                 size_t len,
                                 off_t offset,
                                 int prot_flags,
                                 int map_flags)
{
    const int fault =
      CHECKING ? check_fault (FAULT_REGISTER, epd, NULL) : 0;
    const off_t rc =
      fault ? failed (fault)
            : do_register (epd, addr, len, offset, prot_flags, map_flags);
    if (CHECKING)
        check_trace (rc, "scif_register (%d, %p, %zu, %#llx, %d, %#x)", epd,
                     addr, len, (unsigned long long) offset, prot_flags,
                     (unsigned) map_flags);
    return rc;
}

SCIF_EXPORT int scif_unregister (scif_epd_t epd, off_t offset, size_t len)
{
    const int rc = do_unregister (epd, offset, len);
    if (CHECKING)
        check_trace (rc, "scif_unregister (%d, %#llx, %zu)", epd,
                     (unsigned long long) offset, len);
    return rc;
}

SCIF_EXPORT void *scif_mmap (void *addr,
                             size_t len,
                             int prot_flags,
                             int map_flags,
                             scif_epd_t epd,
                             off_t offset)
{
    void *rc = do_mmap (addr, len, prot_flags, map_flags, epd, offset);
    if (CHECKING)
        check_trace ((long long) (intptr_t) rc,
                     "scif_mmap (%p, %zu, %d, %#x, %d, %#llx)", addr, len,
                     prot_flags, (unsigned) map_flags, epd,
                     (unsigned long long) offset);
    return rc;
}

SCIF_EXPORT int scif_munmap (void *addr, size_t len)
{
    const int rc = do_munmap (addr, len);
    if (CHECKING)
        check_trace (rc, "scif_munmap (%p, %zu)", addr, len);
    return rc;
}

/* What the four transfer functions have in common around the transfer. */
#define TRANSFER(name, local_format, local)                                    \
    int fault = CHECKING ? check_fault (FAULT_PEER, epd, NULL) : 0;            \
    const int rc = fault ? failed (fault)                                      \
                         : do_##name (epd, local, len, roffset, rma_flags);    \
    if (CHECKING)                                                              \
        check_trace (rc, "scif_" #name " (%d, " local_format ", %zu, %#llx, "  \
                     "%d)", epd, local, len, (unsigned long long) roffset,     \
                     rma_flags);                                               \
    return rc

SCIF_EXPORT int scif_readfrom (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags)
{
    TRANSFER (readfrom, "%#lx", loffset);
}

SCIF_EXPORT int scif_writeto (
  scif_epd_t epd, off_t loffset, size_t len, off_t roffset, int rma_flags)
{
    TRANSFER (writeto, "%#lx", loffset);
}

SCIF_EXPORT int scif_vreadfrom (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags)
{
    TRANSFER (vreadfrom, "%p", addr);
}

SCIF_EXPORT int scif_vwriteto (
  scif_epd_t epd, void *addr, size_t len, off_t roffset, int rma_flags)
{
    TRANSFER (vwriteto, "%p", addr);
}

SCIF_EXPORT int scif_fence_mark (scif_epd_t epd, int flags, int *mark)
{
    const int rc = do_fence_mark (epd, flags, mark);
    if (CHECKING)
        check_trace (rc, "scif_fence_mark (%d, %#x, %d)", epd,
                     (unsigned) flags, rc == 0 ? *mark : -1);
    return rc;
}

SCIF_EXPORT int scif_fence_wait (scif_epd_t epd, int mark)
{
    const int rc = do_fence_wait (epd, mark);
    if (CHECKING)
        check_trace (rc, "scif_fence_wait (%d, %d)", epd, mark);
    return rc;
}

SCIF_EXPORT int scif_fence_signal (scif_epd_t epd,
                                   off_t loff,
                                   uint64_t lval,
                                   off_t roff,
                                   uint64_t rval,
                                   int flags)
{
    const int rc = do_fence_signal (epd, loff, lval, roff, rval, flags);
    if (CHECKING)
        check_trace (
          rc, "scif_fence_signal (%d, %#llx, %#llx, %#llx, %#llx, %#x)", epd,
          (unsigned long long) loff, (unsigned long long) lval,
          (unsigned long long) roff, (unsigned long long) rval,
          (unsigned) flags);
    return rc;
}
