// SPDX-License-Identifier: MPL-2.0

#include "scif_hooks.hpp"

#include <scif.h>

#include <cerrno>

rt::scif_hooks_t rt::scif_hooks = {0, 0, NULL, NULL, NULL};

extern "C" {
off_t __real_scif_register (scif_epd_t epd, void *addr, size_t len, off_t offset, int prot_flags, int map_flags);int __real_scif_recv (scif_epd_t epd, void *msg, int len, int flags);
int __wrap_scif_recv (scif_epd_t epd, void *msg, int len, int flags);

off_t __wrap_scif_register (scif_epd_t epd, void *addr, size_t len, off_t offset, int prot_flags, int map_flags);
void *__real_scif_mmap (void *addr, size_t len, int prot_flags, int map_flags, scif_epd_t epd, off_t offset);
void *__wrap_scif_mmap (void *addr, size_t len, int prot_flags, int map_flags, scif_epd_t epd, off_t offset);
int __real_scif_vwriteto (scif_epd_t epd, void *addr, size_t len, off_t offset, int rma_flags);
int __wrap_scif_vwriteto (scif_epd_t epd, void *addr, size_t len, off_t offset, int rma_flags);

off_t __wrap_scif_register (scif_epd_t epd, void *addr, size_t len, off_t offset, int prot_flags, int map_flags)
{
    if (rt::scif_hooks.register_errno != 0) {
        errno = rt::scif_hooks.register_errno;
        return SCIF_REGISTER_FAILED;
    }
    return __real_scif_register (epd, addr, len, offset, prot_flags, map_flags);
}

void *__wrap_scif_mmap (void *addr, size_t len, int prot_flags, int map_flags, scif_epd_t epd, off_t offset)
{
    if (rt::scif_hooks.mmap_errno != 0) {
        errno = rt::scif_hooks.mmap_errno;
        return SCIF_MMAP_FAILED;
    }
    return __real_scif_mmap (addr, len, prot_flags, map_flags, epd, offset);
}

int __wrap_scif_vwriteto (scif_epd_t epd, void *addr, size_t len, off_t offset, int rma_flags)
{
    if (rt::scif_hooks.vwriteto)
        return rt::scif_hooks.vwriteto (epd, addr, len, offset, rma_flags);
    return __real_scif_vwriteto (epd, addr, len, offset, rma_flags);
}

int __wrap_scif_recv (scif_epd_t epd, void *msg, int len, int flags)
{
    if (rt::scif_hooks.before_recv)
        rt::scif_hooks.before_recv ();
    const int rc = __real_scif_recv (epd, msg, len, flags);
    const int code = errno;
    if (rt::scif_hooks.after_recv)
        rt::scif_hooks.after_recv ();
    errno = code;
    return rc;
}
}
