/* SPDX-License-Identifier: MPL-2.0 */
/* Reads what is mapped where. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal.h"

/* The whole file, zero-terminated; null when it cannot be read. */
static char *read_maps (void)
{
    const int fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t len = 0, capacity = 64 * 1024;
    char *text = fd < 0 ? NULL : malloc (capacity);
    while (text) {
        const ssize_t n = read (fd, text + len, capacity - len - 1);
        if (n <= 0)
            break;
        len += (size_t) n;
        if (capacity - len < 8192) {
            char *larger = realloc (text, capacity *= 2);
            if (!larger)
                free (text);
            text = larger;
        }
    }
    if (text)
        text[len] = '\0';
    if (fd >= 0)
        close (fd);
    return text;
}

static bool parse (const char *line, struct mapped_range *range)
{
    char flags[5];
    unsigned long start, end;
    unsigned long long offset, inode;
    unsigned major_number, minor_number;
    int path = 0;
    if (sscanf (line, "%lx-%lx %4s %llx %x:%x %llu %n", &start, &end, flags,
                &offset, &major_number, &minor_number, &inode, &path)
        < 7)
        return false;
    range->start = start;
    range->end = end;
    range->offset = offset;
    range->dev = makedev (major_number, minor_number);
    range->inode = inode;
    range->prot = (flags[0] == 'r' ? PROT_READ : 0)
                  | (flags[1] == 'w' ? PROT_WRITE : 0)
                  | (flags[2] == 'x' ? PROT_EXEC : 0);
    range->shared = flags[3] == 's';
    const char *name = line + path;
    const size_t len = strcspn (name, "\n");
    range->path_len = len;
    snprintf (range->path, sizeof range->path, "%.*s", (int) len, name);
    return true;
}

int maps_for_each (uintptr_t start,
                   uintptr_t end,
                   int (*fn) (const struct mapped_range *, void *),
                   void *context)
{
    char *text = read_maps ();
    if (!text)
        return EAGAIN;
    int rc = 0;
    for (const char *line = text; *line && rc == 0;) {
        struct mapped_range range;
        char *dash;
        if (strtoul (line, &dash, 16) >= end)
            break;
        /* The rest of most lines is of no interest. */
        if (strtoul (dash + 1, NULL, 16) > start && parse (line, &range))
            rc = fn (&range, context);
        const char *newline = strchr (line, '\n');
        if (!newline)
            break;
        line = newline + 1;
    }
    free (text);
    return rc;
}
