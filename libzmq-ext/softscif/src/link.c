/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A model of the link between two nodes: each direction carries one transfer
 * at a time, at a fixed rate, and each transfer has a fixed latency. The state
 * is in the shared segment, so both ends see the same link.
 */
#include "internal.h"

void link_carry (struct endpoint *endpoint, int from_side, uint64_t bytes)
{
    const struct config *config = config_get ();
    if (config->link_rate <= 0)
        return;
    _Atomic uint64_t *busy =
      &endpoint->segment->side[from_side].link_busy_until;
    const uint64_t duration =
      (uint64_t) ((double) bytes * 1000.0 / config->link_rate);
    const uint64_t now = (uint64_t) now_ns ();
    uint64_t until = atomic_load (busy), end;
    do
        end = (until > now ? until : now) + duration;
    while (!atomic_compare_exchange_weak (busy, &until, end));
    sleep_until_ns ((int64_t) (end
                               + (uint64_t) (config->link_latency * 1000.0)));
}
