/* SPDX-License-Identifier: MPL-2.0 */
/* The memory that the two ends of a connection share. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* Without these a peer could shrink the file and let our access fault. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static struct segment *map (int fd)
{
    void *p = mmap (NULL, SEGMENT_SIZE_FOR (SLOTS_AT_FIRST),
                    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void segment_init_side (struct segment *segment, int side)
{
    struct segment_side *s = &segment->side[side];
    struct turnstile *turnstiles[] = {&s->send, &s->recv};
    for (int i = 0; i < 2; i++) {
        robust_init (&turnstiles[i]->lock);
        robust_init (&turnstiles[i]->turn);
        turnstiles[i]->blocked = 0;
        turnstiles[i]->owed = 0;
        turnstiles[i]->wide = 0;
    }
    robust_init (&s->windows_lock);
}

struct segment *segment_create (int *fd)
{
    struct segment *segment = NULL;
    *fd = memfd_create ("softscif", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0)
        return NULL;
    if (ftruncate (*fd, sizeof *segment) == 0
        && fcntl (*fd, F_ADD_SEALS, SEALS) == 0)
        segment = map (*fd);
    if (!segment) {
        const int saved = errno;
        close (*fd);
        errno = saved;
        return NULL;
    }
    segment->magic = SEGMENT_MAGIC;
    segment->version = SEGMENT_VERSION;
    segment->size = sizeof *segment;
    segment->tokens = tokens_when_full ();
    segment_init_side (segment, 0);
    atomic_store (&segment->request, REQUEST_WAITING);
    return segment;
}

struct segment *segment_attach (int fd)
{
    struct stat st;
    const int seals = fcntl (fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat (fd, &st) != 0
        || st.st_size != (off_t) sizeof (struct segment))
        return NULL;
    struct segment *segment = map (fd);
    if (segment
        && (segment->magic != SEGMENT_MAGIC
            || segment->version != SEGMENT_VERSION
            || segment->size != sizeof *segment || segment->tokens < 2
            || segment->tokens > TOKENS_MAX)) {
        segment_unmap (segment);
        return NULL;
    }
    return segment;
}

void segment_unmap (struct segment *segment)
{
    if (segment)
        munmap (segment, SEGMENT_SIZE_FOR (SLOTS_AT_FIRST));
}

struct segment *segment_map_more (struct segment *segment, uint32_t slots)
{
    /* An old size of 0 leaves the old mapping, and needs no descriptor. */
    void *p = mremap (segment, 0, SEGMENT_SIZE_FOR (slots), MREMAP_MAYMOVE);
    return p == MAP_FAILED ? NULL : p;
}
