// SPDX-License-Identifier: MPL-2.0

#include "scif_hooks.hpp"

#include <scif.h>

#include <cerrno>

rt::scif_hooks_t rt::scif_hooks = {0, 0, nullptr};

extern "C" {
decltype (scif_register) __real_scif_register, __wrap_scif_register;
decltype (scif_mmap) __real_scif_mmap, __wrap_scif_mmap;
decltype (scif_recv) __real_scif_recv, __wrap_scif_recv;

off_t __wrap_scif_register (scif_epd_t epd, void *addr, size_t len, off_t offset, int prot_flags, int map_flags)
{
    errno = rt::scif_hooks.register_errno;
    return errno != 0 ? SCIF_REGISTER_FAILED : __real_scif_register (epd, addr, len, offset, prot_flags, map_flags);
}

void *__wrap_scif_mmap (void *addr, size_t len, int prot_flags, int map_flags, scif_epd_t epd, off_t offset)
{
    errno = rt::scif_hooks.mmap_errno;
    return errno != 0 ? SCIF_MMAP_FAILED : __real_scif_mmap (addr, len, prot_flags, map_flags, epd, offset);
}

int __wrap_scif_recv (scif_epd_t epd, void *msg, int len, int flags)
{
    if (rt::scif_hooks.around_recv)
        rt::scif_hooks.around_recv ();
    const int rc = __real_scif_recv (epd, msg, len, flags);
    const int code = errno;
    if (rt::scif_hooks.around_recv)
        rt::scif_hooks.around_recv ();
    errno = code;
    return rc;
}
}
