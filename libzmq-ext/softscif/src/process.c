/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Peer processes and the memory objects they share with us.
 *
 * A window's pages are part of a memory object, a memfd as a rule. Before its
 * owner announces the window it puts the object's descriptor into the peer's
 * mailbox; the peer empties its mailbox when it meets an id it does not know.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"
#include "wire.h"

/* Objects are mapped in slabs, so that a growing one need not be remapped. */
#define SLAB_SIZE ((uint64_t) 4 << 20)
#define SLAB_BLOCK (SLAB_SIZE / 64)
#define SLABS_MOST 1024 /* at a time, unless they are in use */

#define MAILBOX_PATIENCE_MS 1000

enum parcel_kind
{
    PARCEL_INTRODUCTION = 1, /* with the sender's mailbox */
    PARCEL_OBJECT,           /* with the object's descriptor */
    PARCEL_RETIREMENT
};

struct parcel
{
    uint32_t magic;
    uint32_t kind;
    uint64_t from;
    uint64_t object;
};

struct slab
{
    uint64_t number;
    char *bytes;
    uint64_t populated; /* a bit for each block */
};

struct object
{
    struct object *next;
    uint64_t id;
    int fd;
    bool sealed; /* cannot shrink: safe to touch through a mapping */
    bool writable;
    uint64_t size; /* as last seen, bytes */
    struct slab *slabs; /* by number: files are large and sparse */
    size_t slab_count;
    _Atomic unsigned users; /* spans that are in use */
};

struct process
{
    struct process *next;
    uint64_t id;
    int mailbox; /* to send to it, -1 when not known yet */
    int refs;
    struct object *objects; /* that it has sent to us */
    uint64_t *given;        /* ids of objects of ours that it may have */
    size_t given_count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct process *all;
static struct process *self;
static int inbox = -1;
static int expected; /* connections that may yet bring a new process */

/* ---- all of these are called with the lock held ---- */

static void unmap_slabs (struct object *object)
{
    for (size_t i = 0; i < object->slab_count; i++)
        munmap (object->slabs[i].bytes, SLAB_SIZE);
    object->slab_count = 0;
}

static void object_free (struct object *object)
{
    unmap_slabs (object);
    free (object->slabs);
    close (object->fd);
    free (object);
}

static struct object *find_object (struct process *process, uint64_t id)
{
    struct object *object = process ? process->objects : NULL;
    while (object && object->id != id)
        object = object->next;
    return object;
}

static void drop_object (struct process *process, uint64_t id)
{
    struct object **link = &process->objects;
    while (*link && (*link)->id != id)
        link = &(*link)->next;
    if (*link) {
        struct object *object = *link;
        *link = object->next;
        object_free (object);
    }
}

static bool add_object (struct process *process, uint64_t id, int fd)
{
    struct object *object =
      find_object (process, id) ? NULL : calloc (1, sizeof *object);
    if (!object) {
        close (fd);
        return false;
    }
    const int seals = fcntl (fd, F_GET_SEALS);
    object->id = id;
    object->fd = fd;
    object->sealed = seals >= 0 && (seals & F_SEAL_SHRINK) != 0;
    object->writable = (fcntl (fd, F_GETFL) & O_ACCMODE) == O_RDWR;
    object->next = process->objects;
    process->objects = object;
    return true;
}

static struct process *find_process (uint64_t id)
{
    struct process *process = all;
    while (process && process->id != id)
        process = process->next;
    return process;
}

static struct process *get_process (uint64_t id)
{
    struct process *process = find_process (id);
    if (!process && (process = calloc (1, sizeof *process))) {
        process->id = id;
        process->mailbox = -1;
        process->next = all;
        all = process;
    }
    return process;
}

static void set_mailbox (struct process *process, int fd)
{
    if (process && process->mailbox < 0)
        process->mailbox = fd;
    else
        close (fd);
}

/* Forgets processes that no endpoint refers to or is about to. */
static void sweep (void)
{
    struct process **link = &all;
    while (*link) {
        struct process *process = *link;
        if (process->refs > 0 || expected > 0) {
            link = &process->next;
            continue;
        }
        *link = process->next;
        while (process->objects)
            drop_object (process, process->objects->id);
        if (process->mailbox >= 0)
            close (process->mailbox);
        free (process->given);
        free (process);
    }
}

/* Notes that the object is on its way; false: no memory. */
static bool give (struct process *to, uint64_t object)
{
    for (size_t i = 0; i < to->given_count; i++)
        if (to->given[i] == object)
            return true;
    uint64_t *given =
      realloc (to->given, (to->given_count + 1) * sizeof *given);
    if (!given)
        return false;
    to->given = given;
    given[to->given_count++] = object;
    return true;
}

/* True when it had been given the object, which it then no longer is. */
static bool take_back (struct process *from, uint64_t object)
{
    for (size_t i = 0; i < from->given_count; i++)
        if (from->given[i] == object) {
            from->given[i] = from->given[--from->given_count];
            return true;
        }
    return false;
}

static void open_parcel (const struct parcel *parcel, int fd)
{
    struct process *from =
      parcel->magic == SEGMENT_MAGIC ? get_process (parcel->from) : NULL;
    if (!from || from == self) {
        if (fd >= 0)
            close (fd);
        return;
    }
    if (parcel->kind == PARCEL_INTRODUCTION && fd >= 0)
        set_mailbox (from, fd);
    else if (parcel->kind == PARCEL_OBJECT && fd >= 0)
        add_object (from, parcel->object, fd);
    else if (parcel->kind == PARCEL_RETIREMENT)
        drop_object (from, parcel->object);
    else if (fd >= 0)
        close (fd);
}

static void empty_inbox (void)
{
    for (;;) {
        struct parcel parcel;
        int fd;
        const ssize_t n =
          inbox < 0 ? -1
                    : wire_receive (inbox, &parcel, sizeof parcel, &fd, 1);
        if (n < 0)
            return;
        if (n == (ssize_t) sizeof parcel)
            open_parcel (&parcel, fd);
        else if (fd >= 0)
            close (fd);
    }
}

static bool make_self (void)
{
    int pair[2];
    uint64_t id = 0;
    if (self)
        return true;
    while (id == 0)
        if (getrandom (&id, sizeof id, 0) != (ssize_t) sizeof id)
            return false;
    if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    self = get_process (id);
    if (!self) {
        close (pair[0]);
        close (pair[1]);
        errno = ENOMEM;
        return false;
    }
    self->refs = 1;
    self->mailbox = pair[1];
    inbox = pair[0];
    return true;
}

/* ---- */

struct process *process_self (void)
{
    pthread_mutex_lock (&lock);
    const bool ok = make_self ();
    pthread_mutex_unlock (&lock);
    return ok ? self : NULL;
}

uint64_t process_id (const struct process *process)
{
    return process->id;
}

int process_mailbox (const struct process *process)
{
    return process->mailbox;
}

struct process *process_meet (uint64_t id, int mailbox)
{
    pthread_mutex_lock (&lock);
    struct process *process = get_process (id);
    if (process) {
        process->refs++;
        set_mailbox (process, mailbox);
    } else
        close (mailbox);
    pthread_mutex_unlock (&lock);
    return process;
}

void process_expect (int change)
{
    pthread_mutex_lock (&lock);
    expected += change;
    if (expected == 0)
        sweep ();
    pthread_mutex_unlock (&lock);
}

struct process *process_find (uint64_t id)
{
    pthread_mutex_lock (&lock);
    empty_inbox ();
    struct process *process = find_process (id);
    if (process)
        process->refs++;
    pthread_mutex_unlock (&lock);
    return process;
}

void process_put (struct process *process)
{
    if (!process)
        return;
    pthread_mutex_lock (&lock);
    process->refs--;
    sweep ();
    pthread_mutex_unlock (&lock);
}

bool process_is_dead (const struct process *process)
{
    struct pollfd p = {process->mailbox, 0, 0};
    return p.fd >= 0 && poll (&p, 1, 0) == 1 && (p.revents & POLLHUP) != 0;
}

/* This process has to have been made. */
static int send_parcel (const struct process *to,
                        enum parcel_kind kind,
                        uint64_t object,
                        int fd,
                        int patience_ms)
{
    struct parcel parcel = {SEGMENT_MAGIC, kind, 0, object};
    if (to == self)
        return 0;
    parcel.from = self->id;
    for (;;) {
        if (wire_send (to->mailbox, &parcel, sizeof parcel, &fd, fd >= 0) >= 0)
            return 0;
        /* A peer that never looks has its mailbox full at some time. */
        struct pollfd p = {to->mailbox, POLLOUT, 0};
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN || poll (&p, 1, patience_ms) <= 0)
            return errno == EPIPE || errno == ECONNRESET ? ECONNRESET : EAGAIN;
    }
}

/* A mailbox that is full has an earlier introduction of ours, as a rule. */
void process_introduce (struct process *to)
{
    const struct process *me = process_self ();
    if (me)
        send_parcel (to, PARCEL_INTRODUCTION, 0, me->mailbox, 0);
}

int process_send_object (struct process *to, uint64_t object, int fd)
{
    if (!to || !process_self ())
        return ENODEV;
    pthread_mutex_lock (&lock);
    const bool ok = object == OBJECT_ARENA || give (to, object);
    pthread_mutex_unlock (&lock);
    return ok ? send_parcel (to, PARCEL_OBJECT, object, fd, MAILBOX_PATIENCE_MS)
              : ENOMEM;
}

void process_retire_object (uint64_t object)
{
    pthread_mutex_lock (&lock);
    for (struct process *p = all; p; p = p->next)
        if (take_back (p, object))
            send_parcel (p, PARCEL_RETIREMENT, object, -1, 0);
    if (self)
        drop_object (self, object);
    pthread_mutex_unlock (&lock);
}

void process_read_mail (void)
{
    pthread_mutex_lock (&lock);
    empty_inbox ();
    sweep ();
    pthread_mutex_unlock (&lock);
}

bool process_add_object (uint64_t object, int fd)
{
    pthread_mutex_lock (&lock);
    const bool ok = make_self () && add_object (self, object, fd);
    pthread_mutex_unlock (&lock);
    return ok;
}

/* The slab that has the offset, mapped; null when it cannot be. */
static struct slab *slab_of (struct object *object, uint64_t offset)
{
    const uint64_t number = offset / SLAB_SIZE;
    size_t low = 0, high = object->slab_count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (object->slabs[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < object->slab_count && object->slabs[low].number == number)
        return &object->slabs[low];
    if (object->slab_count >= SLABS_MOST && object->users == 0) {
        unmap_slabs (object);
        low = 0;
    }
    struct slab *slabs =
      realloc (object->slabs, (object->slab_count + 1) * sizeof *slabs);
    if (!slabs)
        return NULL;
    object->slabs = slabs;
    void *p = mmap (NULL, SLAB_SIZE,
                    object->writable ? PROT_READ | PROT_WRITE : PROT_READ,
                    MAP_SHARED, object->fd, (off_t) (number * SLAB_SIZE));
    if (p == MAP_FAILED)
        return NULL;
    memmove (slabs + low + 1, slabs + low,
             (object->slab_count++ - low) * sizeof *slabs);
    slabs[low] = (struct slab){number, p, 0};
    return &slabs[low];
}

/*
 * What a large transfer uses for the first time is faulted in at once. Not
 * more than that: what follows may be a hole of the file.
 */
static bool is_unpopulated (struct slab *slab, const struct span *span)
{
    const uint64_t at = (uint64_t) (span->bytes - slab->bytes);
    bool missing = false;
    for (uint64_t b = (at + SLAB_BLOCK - 1) / SLAB_BLOCK;
         (b + 1) * SLAB_BLOCK <= at + span->len; b++) {
        missing |= (slab->populated >> b & 1) == 0;
        slab->populated |= UINT64_C (1) << b;
    }
    return missing;
}

static struct object *locate (uint64_t process, uint64_t id)
{
    struct object *object = find_object (find_process (process), id);
    if (!object) {
        empty_inbox ();
        /* Among it may be what processes have left that are long gone. */
        sweep ();
        object = find_object (find_process (process), id);
    }
    return object;
}

static bool reaches (struct object *object, uint64_t end)
{
    struct stat st;
    if (end > object->size && fstat (object->fd, &st) == 0)
        object->size = (uint64_t) st.st_size;
    return end <= object->size;
}

bool process_object_span (uint64_t process,
                          uint64_t id,
                          uint64_t offset,
                          size_t len,
                          struct span *span)
{
    int advice = 0;
    pthread_mutex_lock (&lock);
    struct object *object = locate (process, id);
    bool ok = object && len <= UINT64_MAX - offset
              && (!object->sealed || reaches (object, offset + len));
    if (ok) {
        span->bytes = NULL;
        span->users = NULL;
        span->fd = object->fd;
        span->fd_offset = (off_t) offset;
        span->len = len;
        if (object->sealed) {
            struct slab *slab = slab_of (object, offset);
            const uint64_t left = SLAB_SIZE - offset % SLAB_SIZE;
            ok = slab != NULL;
            if (ok) {
                span->users = &object->users;
                object->users++;
                span->bytes = slab->bytes + offset % SLAB_SIZE;
                span->len = len < left ? len : (size_t) left;
                if (is_unpopulated (slab, span))
                    advice = object->writable ? MADV_POPULATE_WRITE
                                              : MADV_POPULATE_READ;
            }
        }
    }
    pthread_mutex_unlock (&lock);
    if (advice)
        memory_populate ((uintptr_t) span->bytes, span->len, advice);
    return ok;
}

void process_span_done (const struct span *span)
{
    if (span->users)
        atomic_fetch_sub (span->users, 1);
}

void process_unmap_own (void)
{
    pthread_mutex_lock (&lock);
    for (struct object *o = self ? self->objects : NULL; o; o = o->next)
        if (o->users == 0)
            unmap_slabs (o);
    pthread_mutex_unlock (&lock);
}

int process_object_fd (uint64_t process, uint64_t id)
{
    pthread_mutex_lock (&lock);
    struct object *object = locate (process, id);
    const int fd = object ? fcntl (object->fd, F_DUPFD_CLOEXEC, 0) : -1;
    pthread_mutex_unlock (&lock);
    if (!object)
        errno = ENXIO;
    return fd;
}

bool process_is_internal (uintptr_t address)
{
    bool found = false;
    pthread_mutex_lock (&lock);
    for (struct object *o = self ? self->objects : NULL; o; o = o->next)
        for (size_t i = 0; i < o->slab_count; i++)
            found |= address - (uintptr_t) o->slabs[i].bytes < SLAB_SIZE;
    pthread_mutex_unlock (&lock);
    return found;
}

/*
 * The child must not find the list half changed, nor the lock held by a thread
 * that it does not have.
 */
void process_before_fork (void)
{
    pthread_mutex_lock (&lock);
    /* What peers have registered so far is the child's as well. */
    empty_inbox ();
}

void process_end_fork (void)
{
    pthread_mutex_unlock (&lock);
}

/*
 * The child is a process of its own. What the parent had registered stays
 * reachable under the parent's id, through the inherited descriptors.
 */
void process_after_fork (void)
{
    pthread_mutex_init (&lock, NULL);
    expected = 0;
    if (inbox >= 0)
        close (inbox);
    inbox = -1;
    self = NULL;
    for (struct process *p = all; p; p = p->next)
        p->given_count = 0; /* those were the parent's */
}
