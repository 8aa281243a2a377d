/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Makes ordinary memory shareable. Private pages are copied into the arena,
 * which is then mapped over them: the program goes on using its addresses and
 * the peer can map or access the same pages. What nobody has touched yet is
 * not copied. Shared mappings of a file or memfd stay; the file itself is
 * handed on.
 *
 * Between the copy and the mapping of a chunk a store of another thread to it
 * is lost: do not write to memory while it is being registered.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "internal.h"

/* Should the child of a fork be stopped. */
#define COPY_PATIENCE_MS 10000

#define CHUNK ((uint64_t) 64 << 10)

/* Of an entry of pagemap: all that a page that is not there may have. */
#define PAGE_SOFT_DIRTY (UINT64_C (1) << 55)
#define PAGES_AT_ONCE 512

/* Our own frames move within this distance of the caller's. */
#define STACK_MARGIN ((uintptr_t) 256 << 10)
#define OTHER_STACK_SIZE ((size_t) 256 << 10)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void capture_lock (void)
{
    pthread_mutex_lock (&lock);
}

void capture_unlock (void)
{
    pthread_mutex_unlock (&lock);
}

bool extents_add (struct extents *extents,
                  uint64_t object,
                  uint64_t offset,
                  uint64_t len)
{
    struct extent *last =
      extents->count ? &extents->list[extents->count - 1] : NULL;
    if (last && last->object == object && last->offset + last->len == offset) {
        last->len += len;
        return true;
    }
    if (extents->count == extents->capacity) {
        const size_t capacity = extents->capacity ? 2 * extents->capacity : 8;
        struct extent *list =
          realloc (extents->list, capacity * sizeof *list);
        if (!list)
            return false;
        extents->list = list;
        extents->capacity = capacity;
    }
    extents->list[extents->count++] =
      (struct extent){object, offset, len};
    return true;
}

/* ---- what is there ---- */

struct survey
{
    uintptr_t at; /* everything below is known */
    uintptr_t end;
    int needed; /* PROT_ bits */
    struct mapped_range *ranges;
    size_t count;
};

static int survey_range (const struct mapped_range *range, void *context)
{
    struct survey *s = context;
    if (range->start > s->at || range->prot == PROT_NONE
        || (range->prot & s->needed) != s->needed
        || strncmp (range->path, "[v", 2) == 0)
        return EFAULT;
    struct mapped_range *ranges =
      realloc (s->ranges, (s->count + 1) * sizeof *ranges);
    if (!ranges)
        return ENOMEM;
    s->ranges = ranges;
    struct mapped_range *mine = &ranges[s->count++];
    *mine = *range;
    if (mine->start < s->at) {
        mine->offset += s->at - mine->start;
        mine->start = s->at;
    }
    if (mine->end > s->end)
        mine->end = s->end;
    s->at = mine->end;
    return 0;
}

/* ---- one capture ---- */

struct job
{
    struct job *next;
    uintptr_t start, end;
    bool on_own_stack;
    struct survey survey;
    struct extents *extents;
    int error;
};

/*
 * The lock is let go while memory is copied: nobody else then starts on a part
 * of it, or takes what it has got for free.
 */
static struct job *jobs;
static pthread_cond_t job_done = PTHREAD_COND_INITIALIZER;

bool capture_is_busy_at (uintptr_t start, uintptr_t end)
{
    for (struct job *j = jobs; j; j = j->next)
        if (j->start < end && start < j->end)
            return true;
    return false;
}

static void begin (struct job *job)
{
    while (capture_is_busy_at (job->start, job->end))
        pthread_cond_wait (&job_done, &lock);
    job->next = jobs;
    jobs = job;
}

static void end (struct job *job)
{
    struct job **link = &jobs;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    pthread_cond_broadcast (&job_done);
}

void capture_for_each_extent (void (*fn) (const struct extent *, void *),
                              void *context)
{
    for (struct job *j = jobs; j; j = j->next)
        for (size_t i = 0; i < j->extents->count; i++)
            fn (&j->extents->list[i], context);
}

/* ---- private memory ---- */

/*
 * How much from the address on is to be treated alike: copied, at most a
 * chunk, or not, as all of it is untouched. What can't be told is copied.
 */
static uint64_t
run_at (int pagemap, uintptr_t at, uint64_t len, bool *untouched)
{
    uint64_t entries[PAGES_AT_ONCE];
    const size_t page = page_size ();
    uint64_t run = 0;
    *untouched = false;
    while (run < len) {
        const uint64_t left = (len - run) / page;
        const ssize_t n = pread (
          pagemap, entries,
          (left < PAGES_AT_ONCE ? left : PAGES_AT_ONCE) * sizeof *entries,
          (off_t) ((at + run) / page * sizeof *entries));
        if (n < (ssize_t) sizeof *entries)
            break;
        for (size_t i = 0; i < (size_t) n / sizeof *entries; i++, run += page) {
            const bool fresh = (entries[i] & ~PAGE_SOFT_DIRTY) == 0;
            if (run == 0)
                *untouched = fresh;
            if (*untouched != fresh || (!fresh && run == CHUNK))
                return run;
        }
    }
    return run > 0 ? run : len < CHUNK ? len : CHUNK;
}

/* Copies and remaps; between the two calls nothing touches the chunk. */
static int move_chunk (int fd,
                       const struct mapped_range *range,
                       uintptr_t at,
                       uint64_t len,
                       uint64_t offset,
                       bool untouched)
{
    for (uint64_t done = 0; done < len && !untouched;) {
        /* Whole pages, whoever else has data in them: a plain system call,
           so that sanitizers do not take it for a program's access. */
        const ssize_t n = syscall (SYS_pwrite64, fd, at + done, len - done,
                                   (off_t) (offset + done));
        if (n <= 0)
            return n < 0 && errno == EFAULT ? EFAULT : ENOMEM;
        done += (uint64_t) n;
    }
    /* All pages at once: to fault them in one by one takes much longer. */
    return mmap ((void *) at, len, range->prot,
                 MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, (off_t) offset)
               == MAP_FAILED
             ? EAGAIN
             : 0;
}

static int move_range (const struct job *job, const struct mapped_range *range)
{
    uint64_t offset;
    const uint64_t len = range->end - range->start;
    int error = arena_allocate (len, &offset);
    if (!error && !extents_add (job->extents, OBJECT_ARENA, offset, len))
        error = ENOMEM;
    if (error)
        return error;
    const int fd = arena_fd ();
    if (!job->on_own_stack)
        capture_unlock ();
    /* Files have content also where nobody has touched a page. */
    const int pagemap = range->inode == 0
                          ? open ("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
                          : -1;
    for (uint64_t done = 0, run; !error && done < len; done += run) {
        bool untouched;
        run = run_at (pagemap, range->start + done, len - done, &untouched);
        error = move_chunk (fd, range, range->start + done, run, offset + done,
                            untouched);
    }
    if (pagemap >= 0)
        close (pagemap);
    if (!job->on_own_stack)
        capture_lock ();
    return error;
}

/* ---- shared memory ---- */

static bool same_file (int fd, const struct mapped_range *range)
{
    struct stat st;
    return fstat (fd, &st) == 0 && st.st_ino == range->inode
           && st.st_dev == range->dev;
}

/* A descriptor of the program that is the file, with enough rights. */
static int find_descriptor (const struct mapped_range *range, int access)
{
    int found = -1;
    DIR *dir = opendir ("/proc/self/fd");
    if (!dir)
        return -1;
    for (struct dirent *entry; found < 0 && (entry = readdir (dir));) {
        const int fd = atoi (entry->d_name);
        if (entry->d_name[0] == '.' || !same_file (fd, range))
            continue;
        const int mode = fcntl (fd, F_GETFL) & O_ACCMODE;
        if (mode == O_RDWR || (mode == O_RDONLY && access == O_RDONLY))
            found = fcntl (fd, F_DUPFD_CLOEXEC, 0);
    }
    closedir (dir);
    return found;
}

static int open_checked (const char *path,
                         const struct mapped_range *range,
                         int access)
{
    const int fd = open (path, access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && !same_file (fd, range)) {
        close (fd);
        return -1;
    }
    return fd;
}

/* What map_files wants: the bounds of the mapping as the kernel has them. */
static int open_map_file (const struct mapped_range *whole, int access)
{
    char path[80];
    snprintf (path, sizeof path, "/proc/self/map_files/%lx-%lx",
              (unsigned long) whole->start, (unsigned long) whole->end);
    return open_checked (path, whole, access);
}

static int find_whole (const struct mapped_range *range, void *context)
{
    *(struct mapped_range *) context = *range;
    return 1;
}

static int open_file_of (const struct mapped_range *range)
{
    const int access = range->prot & PROT_WRITE ? O_RDWR : O_RDONLY;
    struct mapped_range whole = *range;
    int fd = find_descriptor (range, access);
    if (fd < 0) {
        maps_for_each (range->start, range->start + 1, find_whole, &whole);
        fd = open_map_file (&whole, access);
    }
    if (fd < 0 && range->path[0] == '/'
        && range->path_len < sizeof range->path)
        fd = open_checked (range->path, range, access);
    return fd;
}

static int share_range (const struct job *job, const struct mapped_range *range)
{
    uint64_t object;
    if (arena_is (range->dev, range->inode)) {
        object = OBJECT_ARENA;
    } else {
        object = foreign_find (range->dev, range->inode,
                               (range->prot & PROT_WRITE) != 0);
        if (object == 0) {
            const int fd = open_file_of (range);
            if (fd >= 0)
                object = foreign_add (range->dev, range->inode,
                                      (range->prot & PROT_WRITE) != 0, fd);
            else if (strncmp (range->path, "/dev/zero", 9) == 0)
                return move_range (job, range);
        }
        if (object == 0)
            return EAGAIN;
    }
    return extents_add (job->extents, object, range->offset,
                        range->end - range->start)
             ? 0
             : ENOMEM;
}

/* ---- running on another stack ---- */

#ifdef __GLIBC__
static struct
{
    ucontext_t caller, callee;
    void (*fn) (void *);
    void *context;
} elsewhere;

static void run_elsewhere (void)
{
    elsewhere.fn (elsewhere.context);
}

/* The stack that is to be replaced cannot be the one to run on. */
static bool run_on_other_stack (void (*fn) (void *), void *context)
{
    void *stack = mmap (NULL, OTHER_STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED || getcontext (&elsewhere.callee) != 0)
        return false;
    elsewhere.fn = fn;
    elsewhere.context = context;
    elsewhere.callee.uc_stack.ss_sp = stack;
    elsewhere.callee.uc_stack.ss_size = OTHER_STACK_SIZE;
    elsewhere.callee.uc_link = &elsewhere.caller;
    makecontext (&elsewhere.callee, run_elsewhere, 0);
    swapcontext (&elsewhere.caller, &elsewhere.callee);
    munmap (stack, OTHER_STACK_SIZE);
    return true;
}
#else
static bool run_on_other_stack (void (*fn) (void *), void *context)
{
    (void) fn;
    (void) context;
    return false;
}
#endif

static bool is_own_stack (uintptr_t start, uintptr_t end)
{
    const uintptr_t here = (uintptr_t) __builtin_frame_address (0);
    return start < here + STACK_MARGIN && end > here - STACK_MARGIN;
}

/* ---- the whole ---- */

static void capture_ranges (void *context)
{
    struct job *job = context;
    job->error = 0;
    for (size_t i = 0; i < job->survey.count && !job->error; i++) {
        const struct mapped_range *range = &job->survey.ranges[i];
        job->error =
          range->shared ? share_range (job, range) : move_range (job, range);
    }
}

int capture (void *address, size_t len, int prot, struct extents *extents)
{
    const uintptr_t start = (uintptr_t) address;
    /* Not on the stack: that may be what is moved. */
    struct job *job = calloc (1, sizeof *job);
    if (!job)
        return ENOMEM;
    job->start = job->survey.at = start;
    job->end = job->survey.end = start + len;
    job->on_own_stack = is_own_stack (job->start, job->end);
    job->survey.needed = prot & SCIF_PROT_WRITE ? PROT_WRITE : 0;
    job->extents = extents;
    begin (job);
    job->error = maps_for_each (start, job->end, survey_range, &job->survey);
    if (!job->error && job->survey.at < job->end)
        job->error = EFAULT;
    if (!job->error) {
        if (!job->on_own_stack)
            capture_ranges (job);
        else if (!run_on_other_stack (capture_ranges, job))
            job->error = EAGAIN;
    }
    const int error = job->error;
    end (job);
    free (job->survey.ranges);
    free (job);
    return error;
}

/* ---- fork ---- */

/* Puts a private copy of an arena range in its place. */
static int make_private (const struct mapped_range *range, void *unused)
{
    (void) unused;
    if (!range->shared || !arena_is (range->dev, range->inode)
        || process_is_internal (range->start))
        return 0;
    const size_t len = range->end - range->start;
    void *copy = mmap (NULL, len, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (copy == MAP_FAILED)
        return 0; /* it stays shared: better than none */
    for (size_t done = 0; done < len;) {
        const ssize_t n = pread (arena_fd (), (char *) copy + done, len - done,
                                 (off_t) (range->offset + done));
        if (n <= 0)
            break;
        done += (size_t) n;
    }
    if (range->prot != (PROT_READ | PROT_WRITE))
        mprotect (copy, len, range->prot);
    mremap (copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED,
            (void *) range->start);
    return 0;
}

static int make_own_stack_private (const struct mapped_range *range,
                                   void *context)
{
    const uintptr_t here = *(uintptr_t *) context;
    return here >= range->start - STACK_MARGIN
               && here < range->end + STACK_MARGIN
             ? make_private (range, NULL)
             : 0;
}

static uintptr_t stack_before_fork;

static void leave_stack (void *unused)
{
    (void) unused;
    maps_for_each (0, UINTPTR_MAX, make_own_stack_private,
                   &stack_before_fork);
}

/*
 * Two processes cannot run on one stack: the pages of ours that are registered
 * become private again. The windows keep the old pages, as they do in the
 * driver when their owner writes after a fork. And a child gets a copy of
 * private memory. Ours is shared now, so the copy is made here, before anything
 * else runs in the child, and before the parent goes on and changes it.
 */
void capture_fork (enum fork_step step)
{
    static int copying[2] = {-1, -1}; /* the child ends it by closing it */
    const int saved = errno;
    if (step == BEFORE_FORK) {
        pthread_mutex_lock (&lock);
        stack_before_fork = (uintptr_t) __builtin_frame_address (0);
        if (arena_fd () >= 0) {
            run_on_other_stack (leave_stack, NULL);
            if (pipe2 (copying, O_CLOEXEC) != 0)
                copying[0] = copying[1] = -1;
        }
        return;
    }
    if (step == IN_PARENT) {
        struct pollfd p = {copying[0], 0, 0};
        close (copying[1]);
        while (p.fd >= 0 && poll (&p, 1, COPY_PATIENCE_MS) < 0
               && errno == EINTR)
            ;
        close (copying[0]);
        copying[0] = copying[1] = -1;
        pthread_mutex_unlock (&lock);
        errno = saved;
        return;
    }
    pthread_mutex_unlock (&lock);
    jobs = NULL; /* of threads that are not here */
    job_done = (pthread_cond_t) PTHREAD_COND_INITIALIZER;
    if (arena_fd () >= 0)
        maps_for_each (0, UINTPTR_MAX, make_private, NULL);
    close (copying[0]);
    close (copying[1]);
    copying[0] = copying[1] = -1;
    arena_after_fork ();
    foreign_after_fork ();
}
