/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Asks the kernel whether user memory can be touched, so that a bad address
 * is EFAULT as from the driver and not a signal. Each probe is a system call
 * that has no effect but copying a few bytes from or to the address.
 */
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define KERNEL_SIGSET_SIZE (_NSIG / 8)
#define NO_SUCH_HOW 77

/* From so many pages on one system call for all of them is cheaper. */
#define MANY_PAGES 8

size_t page_size (void)
{
    static _Atomic size_t size;
    if (size == 0)
        size = (size_t) sysconf (_SC_PAGESIZE);
    return size;
}

bool memory_populate (uintptr_t start, size_t len, int advice)
{
    const uintptr_t page = page_size ();
    const uintptr_t first = start & ~(page - 1);
    return madvise ((void *) first, start + len - first, advice) == 0;
}

/* The page that we are running on needs no question. */
static bool is_on_this_page (uintptr_t start, size_t len)
{
    const uintptr_t page = page_size ();
    const uintptr_t here = (uintptr_t) __builtin_frame_address (0);
    return start / page == here / page
           && (start + len - 1) / page == here / page;
}

/* rt_sigprocmask copies the set in before it rejects an unknown "how". */
static bool probe_read (uintptr_t address)
{
    return syscall (SYS_rt_sigprocmask, NO_SUCH_HOW,
                    address & ~(uintptr_t) (KERNEL_SIGSET_SIZE - 1), NULL,
                    KERNEL_SIGSET_SIZE)
             == 0
           || errno != EFAULT;
}

/* Without a new set it only stores the current one. */
static bool probe_write (uintptr_t address)
{
    return syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, address,
                    KERNEL_SIGSET_SIZE)
             == 0
           || errno != EFAULT;
}

/* What can be told without a look at all pages; -1 for what cannot. */
static int easily_told (uintptr_t start, size_t len, int advice)
{
    const uintptr_t page = page_size ();
    if (len == 0 || is_on_this_page (start, len))
        return true;
    if (start < page || start + len < start)
        return false; /* nothing is mapped at null */
    const bool many = len >= MANY_PAGES * page;
    return many && memory_populate (start, len, advice) ? true : -1;
}

/* Probes the first byte and the beginning of each further page. */
static bool probe_all (
  uintptr_t start, size_t len, uintptr_t last, bool (*probe) (uintptr_t))
{
    const uintptr_t page = page_size ();
    bool ok = probe (start);
    for (uintptr_t p = (start | (page - 1)) + 1; ok && p && p < start + len;
         p += page)
        ok = probe (p < last ? p : last);
    return ok;
}

bool memory_is_readable (const void *address, size_t len)
{
    const uintptr_t start = (uintptr_t) address;
    const int saved = errno;
    const int told = easily_told (start, len, MADV_POPULATE_READ);
    const bool ok =
      told < 0 ? probe_all (start, len, UINTPTR_MAX, probe_read) : told;
    errno = saved;
    return ok;
}

bool memory_is_writable (void *address, size_t len)
{
    const uintptr_t start = (uintptr_t) address;
    const int saved = errno;
    int ok = easily_told (start, len, MADV_POPULATE_WRITE);
    if (ok < 0 && len < KERNEL_SIGSET_SIZE) {
        const long n =
          syscall (SYS_getrandom, address, len, GRND_NONBLOCK);
        ok = n == (long) len || (n < 0 && errno != EFAULT);
    } else if (ok < 0)
        ok = probe_all (start, len, start + len - KERNEL_SIGSET_SIZE,
                        probe_write);
    errno = saved;
    return ok;
}
