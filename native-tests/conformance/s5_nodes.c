/* SPDX-License-Identifier: MPL-2.0 */
/* Section 5.1: which nodes there are. */
#define _GNU_SOURCE
#include "support.h"

#include <sys/mman.h>

#define MOST 1024

CASE (nodes_online, "5.1",
      "get_nodeIDs returns how many nodes are online, lists them, and tells "
      "the own one",
      0)
{
    uint16_t nodes[MOST], self = 0xffff;
    int online = (int) SUCCEEDS (scif_get_nodeIDs (nodes, MOST, &self)), i, j;
    bool found = false;
    CHECK (online >= 1 && online <= MOST);
    for (i = 0; i < online; i++) {
        found |= nodes[i] == self;
        for (j = 0; j < i; j++)
            CHECK (nodes[i] != nodes[j]);
    }
    CHECK (found);
}

CASE (one_node, "5.1", "with one node online: 1, and it is node 0", 0)
{
    uint16_t nodes[2] = {0xaaaa, 0xaaaa}, self = 0xffff;
    int online = (int) SUCCEEDS (scif_get_nodeIDs (nodes, 2, &self));
    if (online > 1)
        skip ("%d nodes are online", online);
    CHECK (nodes[0] == 0 && self == 0);
}

CASE (nodes_short_list, "5.1",
      "get_nodeIDs fills no more than length; length 0 and no list is allowed",
      0)
{
    uint16_t nodes[MOST], list[2] = {0xaaaa, 0xaaaa}, self = 0xffff;
    int online = (int) SUCCEEDS (scif_get_nodeIDs (nodes, MOST, &self));
    uint16_t again = 0xffff;
    RETURNS (scif_get_nodeIDs (list, 1, &again), online);
    CHECK (list[0] == nodes[0] && list[1] == 0xaaaa && again == self);
    list[0] = 0xaaaa;
    again = 0xffff;
    RETURNS (scif_get_nodeIDs (list, 0, &again), online);
    CHECK (list[0] == 0xaaaa && again == self);
    RETURNS (scif_get_nodeIDs (NULL, 0, &again), online);
}

CASE (nodes_bad_pointers, "5.1", "get_nodeIDs with bad pointers: EFAULT", 0)
{
    uint16_t nodes[4], self;
    uint16_t *bad = pages (1);
    RETURNS (mprotect (bad, PAGE, PROT_NONE), 0);
    FAILS (scif_get_nodeIDs (bad, 1, &self), EFAULT);
    FAILS (scif_get_nodeIDs (nodes, 4, bad), EFAULT);
}

static void ask_again (struct peer *me, void *unused)
{
    uint16_t nodes[MOST], self = 0xffff;
    (void) unused;
    SUCCEEDS (scif_get_nodeIDs (nodes, MOST, &self));
    peer_tell (me, self);
}

CASE (nodes_in_child, "5.1", "a child process is on the same node", 0)
{
    struct peer peer = peer_start (ask_again, NULL);
    RETURNS (peer_hear (&peer), self_node ());
    peer_finish (&peer);
}
