/* SPDX-License-Identifier: MPL-2.0 */
/*
 * The arena: one sparse memfd whose pages take the place of the private
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
#include <unistd.h>

#include "internal.h"

/* So much is captured until room that nobody needs any more is looked for. */
#define RELEASE_AFTER ((uint64_t) 16 << 20)

/*
 * A mapping that mremap(2) makes larger shows what follows in the file. So a
 * hole of this size follows on all that is registered, which reads as zeros,
 * as new private memory does. Only when a process has registered many small
 * pieces are more of those put together, as each is a mapping of its own else.
 */
#define GAP ((uint64_t) 1 << 36)
#define END ((uint64_t) 1 << 62)
#define SMALL ((uint64_t) 32 << 10)
#define SMALL_APART 64
#define SMALL_ROOM ((uint64_t) 1 << 20)

static int fd = -1;
static uint64_t device, inode_number;
static uint64_t size; /* of the file: END, or all that RLIMIT_FSIZE allows */
static uint64_t gap;  /* GAP, or 0 where that is less */
static uint64_t next; /* where never used room begins */
static uint64_t since_release; /* bytes */
static unsigned small_ones;
static uint64_t small_next, small_end; /* room for small ones */

static bool make_arena (void)
{
    struct stat st;
    struct rlimit limit;
    if (fd >= 0)
        return true;
    /* Beyond the limit there would be a signal. */
    size = END;
    if (getrlimit (RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < END)
        size = limit.rlim_cur;
    gap = size < END ? 0 : GAP;
    fd = memfd_create ("softscif-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return false;
    const int copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
    /* Nobody can take pages away from under a mapping. */
    if (copy < 0 || ftruncate (fd, (off_t) size) != 0 || fstat (fd, &st) != 0
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

/* ---- what is in use ---- */

struct in_use
{
    struct extents list;
    uint64_t from, to; /* what else there is is left out */
    bool complete;
    const struct mapped_range *range; /* that is looked at */
    struct in_use *kept;              /* mappings that stay */
};

static void note (const struct extent *extent, void *context)
{
    struct in_use *in_use = context;
    if (extent->object == OBJECT_ARENA && extent->offset < in_use->to
        && extent->offset + extent->len > in_use->from
        && !extents_add (&in_use->list, OBJECT_ARENA, extent->offset,
                         extent->len))
        in_use->complete = false;
}

static int note_mapping (const struct mapped_range *range, void *context)
{
    const struct extent extent = {OBJECT_ARENA, range->offset,
                                  range->end - range->start};
    if (arena_is (range->dev, range->inode)
        && !process_is_internal (range->start))
        note (&extent, context);
    return 0;
}

static int by_offset (const void *a, const void *b)
{
    const struct extent *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Calls fn for each run of the range that is not in use, until it is true. */
static bool for_each_gap (struct in_use *in_use,
                          uint64_t from,
                          uint64_t to,
                          bool (*fn) (uint64_t, uint64_t, struct in_use *))
{
    const struct extents *list = &in_use->list;
    for (size_t i = 0; i <= list->count && from < to; i++) {
        const struct extent *e = i < list->count ? &list->list[i] : NULL;
        const uint64_t until = e && e->offset < to ? e->offset : to;
        if (until > from && fn (from, until - from, in_use))
            return true;
        if (e && e->offset + e->len > from)
            from = e->offset + e->len;
    }
    return false;
}

static void sort (struct extents *list)
{
    if (list->count)
        qsort (list->list, list->count, sizeof *list->list, by_offset);
}

/* ---- private again ---- */

static bool punch (uint64_t offset, uint64_t len, struct in_use *unused)
{
    (void) unused;
    fallocate (fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t) offset,
               (off_t) len);
    return false;
}

/*
 * Pages become private when they are written, which does not lose stores that
 * other threads make meanwhile, as copying would. True if that can't be.
 */
static bool
make_private_again (uint64_t offset, uint64_t len, struct in_use *in_use)
{
    const struct mapped_range *range = in_use->range;
    void *at = (void *) (range->start + (offset - range->offset));
    /* Moved there, as sanitizers would take mmap for a store to all of it. */
    void *private =
      mmap (NULL, len, range->prot, MAP_PRIVATE, fd, (off_t) offset);
    if (private == MAP_FAILED)
        return true;
    if (mremap (private, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) == at)
        return madvise (at, len, MADV_POPULATE_WRITE) != 0;
    munmap (private, len);
    return true;
}

static int release_mapping (const struct mapped_range *range, void *context)
{
    struct in_use *needed = context;
    const uint64_t end = range->offset + (range->end - range->start);
    needed->range = range;
    if (!arena_is (range->dev, range->inode)
        || process_is_internal (range->start))
        return 0;
    if (!range->shared || (range->prot & PROT_WRITE) == 0
        || capture_is_busy_at (range->start, range->end)
        || for_each_gap (
          needed, range->offset > needed->from ? range->offset : needed->from,
          end < needed->to ? end : needed->to, make_private_again))
        note_mapping (range, needed->kept);
    return 0;
}

void arena_release (uint64_t from, uint64_t to)
{
    struct in_use kept = {{NULL, 0, 0}, from, to, true, NULL, NULL};
    struct in_use needed = {{NULL, 0, 0}, from, to, true, NULL, &kept};
    windows_for_each_extent (note, &needed);
    sort (&needed.list);
    if (fd >= 0 && needed.complete
        && maps_for_each (0, UINTPTR_MAX, release_mapping, &needed) == 0) {
        for (size_t i = 0; i < needed.list.count; i++)
            note (&needed.list.list[i], &kept);
        sort (&kept.list);
        /* What the program discards of it is to become zeros. */
        if (kept.complete)
            for_each_gap (&kept, from, to < next ? to : next, punch);
    }
    free (needed.list.list);
    free (kept.list.list);
}

/* ---- room ---- */

/* The run lies between the hole of what is before it and what follows. */
static bool fits (uint64_t offset, uint64_t len, struct in_use *wanted)
{
    if (len < gap + wanted->from + gap)
        return false;
    wanted->to = offset + gap;
    return true;
}

/* The file has been used up to its end: room that is free again. */
static bool find_room (uint64_t len, uint64_t *offset)
{
    struct in_use in_use = {{NULL, 0, 0}, 0, UINT64_MAX, true, NULL, NULL};
    small_next = small_end = 0;
    windows_for_each_extent (note, &in_use);
    bool found = maps_for_each (0, UINTPTR_MAX, note_mapping, &in_use) == 0
                 && in_use.complete;
    sort (&in_use.list);
    in_use.from = len;
    found = found && for_each_gap (&in_use, 0, next, fits);
    *offset = in_use.to;
    free (in_use.list.list);
    return found;
}

static int allocate (uint64_t len, uint64_t *offset)
{
    if (len > size - next || size - next - len < gap)
        return find_room (len, offset) ? 0 : ENOMEM;
    *offset = next;
    next += len + gap;
    return 0;
}

int arena_allocate (uint64_t len, uint64_t *offset)
{
    if (!make_arena ())
        return errno ? errno : ENOMEM;
    since_release += len;
    if (since_release > RELEASE_AFTER) {
        since_release = 0;
        arena_release (0, UINT64_MAX);
    }
    if (len > SMALL || small_ones++ < SMALL_APART)
        return allocate (len, offset);
    if (small_end - small_next < len) {
        const int error = allocate (SMALL_ROOM, &small_next);
        if (error)
            return error;
        small_end = small_next + SMALL_ROOM;
    }
    *offset = small_next;
    small_next += len;
    return 0;
}

void arena_after_fork (void)
{
    /* The parent's; the child's own comes with its first registration. */
    if (fd >= 0)
        close (fd);
    fd = -1;
    next = since_release = small_next = small_end = 0;
    small_ones = 0;
}

/* ---- RLIMIT_MEMLOCK ---- */

static _Atomic uint64_t locked;

bool memlock_charge (uint64_t len)
{
    struct rlimit limit;
    const uint64_t total = atomic_fetch_add (&locked, len) + len;
    if (getrlimit (RLIMIT_MEMLOCK, &limit) != 0
        || limit.rlim_cur == RLIM_INFINITY || total <= limit.rlim_cur
        || !config_get ()->memlock || config_has_capability (CAP_IPC_LOCK))
        return true;
    atomic_fetch_sub (&locked, len);
    return false;
}

void memlock_release (uint64_t len)
{
    atomic_fetch_sub (&locked, len);
}
