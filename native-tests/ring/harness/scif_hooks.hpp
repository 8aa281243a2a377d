// SPDX-License-Identifier: MPL-2.0
//
// Stands between the sources under test and libscif (the linker's --wrap), so that a test can have a call fail or see
// what it was given.

#ifndef RING_TESTS_SCIF_HOOKS_HPP
#define RING_TESTS_SCIF_HOOKS_HPP

#include <cstddef>

#include <sys/types.h>

namespace rt
{
struct scif_hooks_t
{
    /// Makes that call fail with this errno; 0: does not.
    int register_errno;
    int mmap_errno;

    /// Takes the place of scif_vwriteto if set.
    int (*vwriteto) (int epd, void *addr, size_t len, off_t offset, int flags);

    /// Called before and after each scif_recv if set.
    void (*before_recv) ();
    void (*after_recv) ();
};

extern scif_hooks_t scif_hooks;
}

#endif
