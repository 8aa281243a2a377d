/* SPDX-License-Identifier: MPL-2.0 */
/* Files and memfds of the program, of which shared mappings are registered. */
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

struct foreign
{
    struct foreign *next;
    uint64_t id;
    uint64_t dev, inode;
    bool writable;
    bool needed; /* while sweeping */
};

static struct foreign *_Atomic all;
static uint64_t last_id = OBJECT_ARENA;

uint64_t foreign_find (uint64_t dev, uint64_t inode, bool writable)
{
    for (struct foreign *f = all; f; f = f->next)
        if (f->dev == dev && f->inode == inode && f->writable >= writable)
            return f->id;
    return 0;
}

uint64_t foreign_add (uint64_t dev, uint64_t inode, bool writable, int fd)
{
    struct foreign *f = calloc (1, sizeof *f);
    if (!f) {
        close (fd);
        return 0;
    }
    f->id = last_id + 1;
    f->dev = dev;
    f->inode = inode;
    f->writable = writable;
    if (!process_add_object (f->id, fd)) {
        free (f);
        return 0;
    }
    last_id = f->id;
    f->next = all;
    all = f;
    return f->id;
}

static void mark (const struct extent *extent, void *unused)
{
    (void) unused;
    for (struct foreign *f = all; f; f = f->next)
        if (f->id == extent->object)
            f->needed = true;
}

/* No endpoint takes it for sent any more. */
static void forget (struct endpoint *endpoint, void *context)
{
    const uint64_t id = *(const uint64_t *) context;
    for (size_t i = 0; i < endpoint->sent_count; i++)
        if (endpoint->sent[i] == id) {
            endpoint->sent[i] = endpoint->sent[--endpoint->sent_count];
            break;
        }
}

bool foreign_any (void)
{
    return atomic_load (&all) != NULL;
}

void foreign_sweep (void)
{
    if (!all)
        return;
    for (struct foreign *f = all; f; f = f->next)
        f->needed = false;
    windows_for_each_extent (mark, NULL);
    struct foreign *f = all, *kept = NULL;
    while (f) {
        struct foreign *next = f->next;
        if (f->needed) {
            f->next = kept;
            kept = f;
        } else {
            endpoint_for_each (forget, &f->id);
            process_retire_object (f->id);
            free (f);
        }
        f = next;
    }
    all = kept;
}

void foreign_after_fork (void)
{
    /* They are the parent's; the child opens what it registers itself. */
    all = NULL;
}
