/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A libscif as the linker sees it, and nothing behind it: what test_linked is
 * linked against, to run on SoftSCIF afterwards.
 */
#include <stdlib.h>

#define FUNCTION(name)                                                         \
    void name (void);                                                          \
    void name (void) { abort (); }

FUNCTION (scif_accept)
FUNCTION (scif_bind)
FUNCTION (scif_close)
FUNCTION (scif_connect)
FUNCTION (scif_fence_mark)
FUNCTION (scif_fence_signal)
FUNCTION (scif_fence_wait)
FUNCTION (scif_get_fd)
FUNCTION (scif_get_nodeIDs)
FUNCTION (scif_listen)
FUNCTION (scif_mmap)
FUNCTION (scif_munmap)
FUNCTION (scif_open)
FUNCTION (scif_poll)
FUNCTION (scif_readfrom)
FUNCTION (scif_recv)
FUNCTION (scif_register)
FUNCTION (scif_send)
FUNCTION (scif_unregister)
FUNCTION (scif_vreadfrom)
FUNCTION (scif_vwriteto)
FUNCTION (scif_writeto)
