/* SPDX-License-Identifier: MPL-2.0 */
/* One call of the RMA family. */
#ifndef SOFTSCIF_RMA_H
#define SOFTSCIF_RMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rma_request
{
    bool to_peer;
    bool user_given; /* the local side is memory, not a window */
    char *user;
    uint64_t local; /* offsets in the registered address spaces */
    uint64_t remote;
    size_t len;
    int flags;
};

#endif
