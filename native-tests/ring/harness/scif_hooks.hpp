// SPDX-License-Identifier: MPL-2.0
//
// Stands between the sources under test and libscif (the linker's --wrap), so that a test can have a call fail, or act
// in the middle of one.

#ifndef RING_TESTS_SCIF_HOOKS_HPP
#define RING_TESTS_SCIF_HOOKS_HPP

namespace rt
{
struct scif_hooks_t
{
    /// Makes that call fail with this errno; 0: does not.
    int register_errno;
    int mmap_errno;

    /// Called before and after each scif_recv if set.
    void (*around_recv) ();
};

extern scif_hooks_t scif_hooks;
}

#endif
