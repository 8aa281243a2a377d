/* SPDX-License-Identifier: MPL-2.0 */
/*
 * scif_mmap and scif_munmap. A mapping pins the pieces it shows, and keeps a
 * duplicate of the endpoint's descriptor: as with the driver, the connection
 * stays as long as a mapping does.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* mmap(2) flags that make sense for a window. */
#define PASSED_FLAGS (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_LOCKED)

struct range
{
    uintptr_t start, end;
};

struct mapping
{
    struct mapping *next;
    struct endpoint *endpoint;
    struct pins pins;
    struct range *left; /* what of it has not been unmapped */
    size_t count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct mapping *all;

/* ---- keeping the connection; the lock is held ---- */

static bool keep (struct endpoint *endpoint, int fd)
{
    if (endpoint->mappings == 0) {
        endpoint->keep_fd = fcntl (fd, F_DUPFD_CLOEXEC, 0);
        if (endpoint->keep_fd < 0)
            return false;
    }
    endpoint->mappings++;
    return true;
}

static void release (struct mapping *mapping)
{
    struct endpoint *endpoint = mapping->endpoint;
    windows_unpin (&mapping->pins);
    if (--endpoint->mappings == 0)
        endpoint_close (endpoint, endpoint->keep_fd);
    endpoint_put (endpoint);
    free (mapping->left);
    free (mapping);
}

/* Takes a range off a mapping; false when there is no memory to note it. */
static bool subtract (struct mapping *mapping, uintptr_t start, uintptr_t end)
{
    for (size_t i = 0; i < mapping->count; i++) {
        struct range *r = &mapping->left[i];
        if (r->end <= start || r->start >= end)
            continue;
        if (r->start < start && r->end > end) {
            struct range *more =
              realloc (mapping->left, (mapping->count + 1) * sizeof *more);
            if (!more)
                return false;
            mapping->left = more;
            more[mapping->count++] = (struct range){end, more[i].end};
            more[i].end = start;
        } else if (r->start < start) {
            r->end = start;
        } else if (r->end > end) {
            r->start = end;
        } else {
            *r = mapping->left[--mapping->count];
            i--;
        }
    }
    return true;
}

/* Lets go of mappings of which nothing is left. */
static void sweep (void)
{
    for (struct mapping **link = &all; *link;) {
        struct mapping *mapping = *link;
        if (mapping->count > 0) {
            link = &mapping->next;
            continue;
        }
        *link = mapping->next;
        release (mapping);
    }
}

static void forget (uintptr_t start, uintptr_t end)
{
    for (struct mapping *m = all; m; m = m->next)
        subtract (m, start, end);
    sweep ();
}

/* ---- mapping ---- */

static int map_piece (
  const struct piece *p, char *at, uint64_t into, size_t len, int prot)
{
    struct stat st;
    const uint64_t from = p->object_offset + into;
    const int fd = process_object_fd (p->process, p->object);
    if (fd < 0)
        return errno == EMFILE ? EMFILE : ENXIO;
    /* Beyond the object's end there are no pages, only SIGBUS. */
    const uint64_t page = (uint64_t) sysconf (_SC_PAGESIZE);
    if (from < into || fstat (fd, &st) != 0
        || (S_ISREG (st.st_mode)
            && (from > UINT64_MAX - len
                || from + len > ((uint64_t) st.st_size + page - 1) / page * page))) {
        close (fd);
        return ENXIO;
    }
    void *mapped = mmap (at, len, prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE,
                         fd, (off_t) from);
    const int error = mapped == MAP_FAILED ? errno : 0;
    close (fd);
    return error;
}

/* Maps all pieces at the address, which has been reserved. */
static int map_pieces (
  const struct pins *pins, char *at, uint64_t offset, size_t len, int prot)
{
    int error = 0;
    for (size_t i = 0, done = 0; i < pins->count && !error; i++) {
        const struct piece *p = &pins->pieces[i];
        const uint64_t into = offset + done - p->offset;
        const size_t left = len - done;
        const size_t n =
          p->len - into < left ? (size_t) (p->len - into) : left;
        error = map_piece (p, at + done, into, n, prot);
        done += n;
    }
    /* A child of a fork does not inherit it. */
    if (!error && madvise (at, len, MADV_DONTFORK) != 0)
        error = errno;
    return error;
}

static int map_window (struct endpoint *endpoint,
                   int fd,
                   void **at,
                   size_t len,
                   int prot,
                   int flags,
                   uint64_t offset)
{
    const int wanted = (prot & PROT_READ ? SCIF_PROT_READ : 0)
                       | (prot & PROT_WRITE ? SCIF_PROT_WRITE : 0);
    struct mapping *mapping = calloc (1, sizeof *mapping);
    struct range *left = malloc (sizeof *left);
    char *address = MAP_FAILED;
    int error = mapping && left
                  ? windows_pin (endpoint, 1 - endpoint->side, offset, len,
                                 wanted, &mapping->pins)
                  : ENOMEM;
    if (!error) {
        address = mmap (*at, len, PROT_NONE,
                        (flags & PASSED_FLAGS) | MAP_PRIVATE | MAP_ANONYMOUS
                          | MAP_NORESERVE,
                        -1, 0);
        error = address == MAP_FAILED ? errno : 0;
        if (!error)
            error = map_pieces (&mapping->pins, address, offset, len, prot);
        if (!error && !keep (endpoint, fd))
            error = errno;
        if (error)
            windows_unpin (&mapping->pins);
    }
    if (error) {
        if (address != MAP_FAILED)
            munmap (address, len);
        free (mapping);
        free (left);
        return error;
    }
    forget ((uintptr_t) address, (uintptr_t) address + len);
    *left = (struct range){(uintptr_t) address, (uintptr_t) address + len};
    mapping->left = left;
    mapping->count = 1;
    mapping->endpoint = endpoint;
    atomic_fetch_add (&endpoint->refs, 1);
    mapping->next = all;
    all = mapping;
    *at = address;
    return 0;
}

void *do_mmap (void *addr,
                             size_t len,
                             int prot_flags,
                             int map_flags,
                             scif_epd_t epd,
                             off_t offset)
{
    const size_t page = page_size ();
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return SCIF_MMAP_FAILED;
    int error = 0;
    if (len == 0 || len > INT64_MAX - page || offset < 0
        || offset % (off_t) page != 0)
        error = EINVAL;
    if (!error)
        error = endpoint_may_use_memory (endpoint, epd);
    if (!error) {
        pthread_mutex_lock (&lock);
        error =
          map_window (endpoint, epd, &addr, (len + page - 1) / page * page,
                  prot_flags, map_flags, (uint64_t) offset);
        pthread_mutex_unlock (&lock);
    }
    return endpoint_finish (endpoint, error) == 0 ? addr : SCIF_MMAP_FAILED;
}

int do_munmap (void *addr, size_t len)
{
    const size_t page = page_size ();
    if ((uintptr_t) addr % page != 0 || len == 0
        || len > SIZE_MAX - page - (uintptr_t) addr) {
        errno = EINVAL;
        return -1;
    }
    pthread_mutex_lock (&lock);
    const int rc = munmap (addr, len);
    const int saved = errno;
    if (rc == 0)
        forget ((uintptr_t) addr,
                (uintptr_t) addr + (len + page - 1) / page * page);
    pthread_mutex_unlock (&lock);
    if (rc == 0)
        windows_tidy ();
    errno = saved;
    return rc;
}

/* ---- mappings that went without scif_munmap ---- */

struct gaps
{
    uintptr_t at;
    struct mapping *mapping;
};

/* Everything between the last object mapping and this one is gone. */
static int note_gap (const struct mapped_range *range, void *context)
{
    struct gaps *gaps = context;
    if (!range->shared || range->inode == 0)
        return 0;
    if (range->start > gaps->at)
        subtract (gaps->mapping, gaps->at, range->start);
    gaps->at = range->end;
    return 0;
}

void mappings_check (struct endpoint *endpoint)
{
    pthread_mutex_lock (&lock);
    for (struct mapping *mapping = all; mapping; mapping = mapping->next)
        if (mapping->endpoint == endpoint) {
            struct gaps gaps = {0, mapping};
            if (maps_for_each (0, UINTPTR_MAX, note_gap, &gaps) == 0)
                subtract (mapping, gaps.at, UINTPTR_MAX);
        }
    sweep ();
    pthread_mutex_unlock (&lock);
}

void mappings_after_fork (void)
{
    pthread_mutex_init (&lock, NULL);
    while (all) {
        struct mapping *mapping = all;
        all = mapping->next;
        /* The pins and the connection are the parent's to keep. */
        if (--mapping->endpoint->mappings == 0)
            close (mapping->endpoint->keep_fd);
        atomic_fetch_sub (&mapping->endpoint->refs, 1);
        free (mapping->left);
        free (mapping);
    }
}
