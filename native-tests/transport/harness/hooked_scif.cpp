// SPDX-License-Identifier: MPL-2.0
//
// Stands in front of libscif's scif_recv, as counted_scif.cpp does of scif_send.

#include "hooked_scif.hpp"

#include <dlfcn.h>

#include <atomic>

namespace
{
std::atomic<std::function<void ()> *> pending;
}

void tt::after_next_receive (std::function<void ()> hook)
{
    delete pending.exchange (new std::function<void ()> (std::move (hook)));
}

extern "C" {
int scif_recv (int endpoint, void *data, int size, int flags);

int scif_recv (int endpoint, void *data, int size, int flags)
{
    using Receive = int (*) (int, void *, int, int);
    static const Receive next = reinterpret_cast<Receive> (dlsym (RTLD_NEXT, "scif_recv"));
    const int rc = next (endpoint, data, size, flags);
    if (rc > 0 && pending.load (std::memory_order_relaxed)) {
        std::function<void ()> *const hook = pending.exchange (nullptr);
        if (hook) {
            (*hook) ();
            delete hook;
        }
    }
    return rc;
}
}
