/* SPDX-License-Identifier: MPL-2.0 */
/* One call of the RMA family, and what is left of it when it is deferred. */
#ifndef SOFTSCIF_RMA_H
#define SOFTSCIF_RMA_H

#include "internal.h"

/* What the driver's marks are where transfers complete at once. */
#define MARK_COMPLETE 0xdead

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

struct rma_operation
{
    struct rma_operation *next;
    struct endpoint *endpoint;
    uint32_t number; /* counts from 1 */
    struct rma_request request;
    struct pins local, remote; /* what they hold is not moved about */
};

/* Copies; the pins cover the request. 0 or ENXIO. */
int rma_move (const struct rma_request *request,
              const struct pins *local,
              const struct pins *remote);
/* Takes the time that the modelled link needs. */
void rma_carry (const struct rma_operation *operation);
/* Lets go of the operation's pins and endpoint. */
void rma_free (struct rma_operation *operation);

/* ---- asynchronous transfers (async.c) ---- */

/* Takes the operation over; false when no thread can be had. */
bool async_submit (struct rma_operation *operation);
/* A mark for the transfers of one end so far. */
int async_mark (struct endpoint *endpoint, bool of_peer);
/* Waits for a mark; 0, EINVAL or ECONNRESET. */
int async_wait (struct endpoint *endpoint, int fd, int mark);
/* Waits for all transfers of one end so far. */
int async_fence (struct endpoint *endpoint, int fd, bool of_peer);

#endif
