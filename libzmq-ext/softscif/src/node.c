/* SPDX-License-Identifier: MPL-2.0 */
/* scif_get_nodeIDs. */
#include <errno.h>
#include <string.h>

#include "internal.h"

int do_get_nodeIDs (uint16_t *nodes, int len, uint16_t *self)
{
    const struct config *config = config_get ();
    const unsigned wanted = len > 0 ? (unsigned) len : 0;
    const unsigned n = wanted < config->nodes ? wanted : config->nodes;
    if (!memory_is_writable (self, sizeof *self)
        || !memory_is_writable (nodes, n * sizeof *nodes)) {
        errno = EFAULT;
        return -1;
    }
    memcpy (self, &config->node, sizeof *self);
    if (n > 0)
        memcpy (nodes, config->ids, n * sizeof *nodes);
    return (int) config->nodes;
}
