// SPDX-License-Identifier: MPL-2.0
//
// A machine without SCIF, played in one process: with TT_ABSENT_SCIF set to an errno the two functions of libscif
// that need no endpoint fail with it, as they do where there is no driver. Symbols of an executable come before
// those of libraries, so libzmq calls these, whichever libscif it is linked to. Without the variable they only
// pass the call on.

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

namespace
{
bool is_absent ()
{
    const char *const error = getenv ("TT_ABSENT_SCIF");
    if (!error)
        return false;
    errno = atoi (error);
    return true;
}
}

extern "C" {
int scif_open ();
int scif_get_nodeIDs (uint16_t *nodes, int length, uint16_t *self);

int scif_open ()
{
    if (is_absent ())
        return -1;
    return reinterpret_cast<int (*) ()> (dlsym (RTLD_NEXT, "scif_open")) ();
}

int scif_get_nodeIDs (uint16_t *nodes, int length, uint16_t *self)
{
    if (is_absent ())
        return -1;
    return reinterpret_cast<int (*) (uint16_t *, int, uint16_t *)> (dlsym (RTLD_NEXT, "scif_get_nodeIDs")) (nodes, length, self);
}
}
