/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The arena: one growing memfd whose pages take the place of the private
 * pages that a program registers. Pages of it are free again when neither
 * this process has them mapped nor a window needs them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define GROWTH ((uint64_t) 1 << 20)
#define COLLECT_AFTER ((uint64_t) 16 << 20)

static int fd = -1;
static uint64_t device, inode_number;
static uint64_t size; /* of the file */
static uint64_t next; /* where never used room begins */
static uint64_t since_collection;

/* Free runs below next, unordered. */
static struct extents free_runs;

static bool make_arena (void)
{
    struct stat st;
    if (fd >= 0)
        return true;
    fd = memfd_create ("softscif-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return false;
    const int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
    /* It may grow, and nobody can take pages away from under a mapping. */
    if (copy < 0 || fstat (fd, &st) != 0
        || fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK) != 0) {
        close (fd);
        if (copy >= 0)
            close (copy);
        fd = -1;
        return false;
    }
    device = st.st_dev;
    inode_number = st.st_ino;
    if (!process_add_object (OBJECT_ARENA, copy)) {
        close (fd);
        fd = -1;
        return false;
    }
    return true;
}

int arena_fd (void)
{
    return fd;
}

bool arena_is (uint64_t dev, uint64_t inode)
{
    return fd >= 0 && dev == device && inode == inode_number;
}

/* ---- collecting what is free ---- */

static int by_offset (const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

struct in_use
{
    struct extents list;
    bool complete;
};

static void note (const struct extent *extent, void *context)
{
    struct in_use *used = context;
    if (extent->object == OBJECT_ARENA
        && !extents_add (&used->list, OBJECT_ARENA, extent->offset,
                         extent->len))
        used->complete = false;
}

static int note_mapping (const struct mapped_range *range, void *context)
{
    if (arena_is (range->dev, range->inode)
        && !process_is_internal (range->start)) {
        const struct extent extent = {OBJECT_ARENA, range->offset,
                                      range->end - range->start};
        note (&extent, context);
    }
    return 0;
}

static void collect (void)
{
    struct in_use used = {{NULL, 0, 0}, true};
    since_collection = 0;
    windows_for_each_extent (note, &used);
    if (maps_for_each (0, UINTPTR_MAX, note_mapping, &used) != 0
        || !used.complete) {
        free (used.list.list);
        return;
    }
    if (used.list.count)
        qsort (used.list.list, used.list.count, sizeof *used.list.list,
               by_offset);
    free_runs.count = 0;
    uint64_t at = 0;
    for (size_t i = 0; i <= used.list.count; i++) {
        const uint64_t until =
          i < used.list.count ? used.list.list[i].offset : next;
        if (until > at
            && extents_add (&free_runs, OBJECT_ARENA, at, until - at))
            fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                       (off_t) at, (off_t) (until - at));
        if (i < used.list.count) {
            const uint64_t end =
              used.list.list[i].offset + used.list.list[i].len;
            if (end > at)
                at = end;
        }
    }
    free (used.list.list);
}

static bool take_free_run (uint64_t len, uint64_t *offset)
{
    for (size_t i = 0; i < free_runs.count; i++) {
        struct extent *run = &free_runs.list[i];
        if (run->len < len)
            continue;
        *offset = run->offset;
        run->offset += len;
        run->len -= len;
        if (run->len == 0)
            *run = free_runs.list[--free_runs.count];
        return true;
    }
    return false;
}

int arena_allocate (uint64_t len, uint64_t *offset)
{
    if (!make_arena ())
        return errno ? errno : ENOMEM;
    since_collection += len;
    if (since_collection > COLLECT_AFTER && since_collection > next / 2)
        collect ();
    if (take_free_run (len, offset))
        return 0;
    if (next + len > size) {
        const uint64_t wanted =
          (next + len + GROWTH - 1) / GROWTH * GROWTH;
        if (ftruncate (fd, (off_t) wanted) != 0)
            return ENOMEM;
        size = wanted;
    }
    *offset = next;
    next += len;
    return 0;
}

void arena_after_fork (void)
{
    /* The parent's; the child's own comes with its first registration. */
    if (fd >= 0)
        close (fd);
    fd = -1;
    size = next = since_collection = 0;
    free_runs.count = 0;
}

/* ---- RLIMIT_MEMLOCK ---- */

static _Atomic uint64_t locked;

static bool has_ipc_lock (void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0, 0, 0}};
    return syscall (SYS_capget, &header, data) == 0
           && (data[CAP_TO_INDEX (CAP_IPC_LOCK)].effective
               & CAP_TO_MASK (CAP_IPC_LOCK))
                != 0;
}

bool memlock_charge (uint64_t len)
{
    struct rlimit limit;
    const uint64_t total = atomic_fetch_add (&locked, len) + len;
    if (getrlimit (RLIMIT_MEMLOCK, &limit) != 0
        || limit.rlim_cur == RLIM_INFINITY || total <= limit.rlim_cur
        || !config_get ()->memlock || has_ipc_lock ())
        return true;
    atomic_fetch_sub (&locked, len);
    return false;
}

void memlock_release (uint64_t len)
{
    atomic_fetch_sub (&locked, len);
}
