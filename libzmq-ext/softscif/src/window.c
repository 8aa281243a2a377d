/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Windows: scif_register and scif_unregister, and finding and pinning the
 * pages behind a range of a registered address space.
 *
 * The table of an end is in the shared segment. Only its owner fills slots,
 * under a lock that the peer does not take. Readers keep a sorted copy, made
 * anew when the table's generation has moved on, and check a slot again after
 * they have pinned it: a pinned slot does not change.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Where offsets that we choose are below, as in the driver. */
#define OFFSET_TOP UINT64_C (0x7ffffffffffff000)

#define PIN_TRIES 1000 /* at the table of a peer that goes on changing it */

/* ---- views; views_lock is held ---- */

static int by_offset (const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->offset > y->offset ? -1 : x->offset < y->offset;
}

/* The i-th from below; the memory is the other way round. */
static struct piece *piece_at (const struct view *view, size_t i)
{
    return &view->pieces[view->count - 1 - i];
}

/* Puts n pieces before the i-th. Windows come from the top down as a rule. */
static bool
view_insert (struct view *view, size_t i, const struct piece *new, size_t n)
{
    if (view->capacity - view->count < n) {
        const size_t capacity = 2 * (view->count + n) + 16;
        struct piece *pieces =
          realloc (view->pieces, capacity * sizeof *pieces);
        if (!pieces)
            return false;
        view->pieces = pieces;
        view->capacity = capacity;
    }
    struct piece *to = view->pieces + (view->count - i);
    memmove (to + n, to, i * sizeof *to);
    view->count += n;
    for (size_t k = 0; k < n; k++)
        *piece_at (view, i + k) = new[k];
    return true;
}

static void view_remove (struct view *view, size_t i, size_t n)
{
    struct piece *to = view->pieces + (view->count - i - n);
    memmove (to, to + n, i * sizeof *to);
    view->count -= n;
    view->packed_from = 0;
}

static struct piece piece_of (const struct window_slot *slot, uint32_t number)
{
    return (struct piece){slot->offset,
                          slot->len,
                          slot->window_offset,
                          slot->window_len,
                          slot->process,
                          slot->object,
                          slot->object_offset,
                          slot->prot,
                          number};
}

static struct window_table *table_of (const struct endpoint *endpoint, int side)
{
    return &endpoint->segment->windows[side];
}

/*
 * A slot of a side. Those beyond the first few are in a larger mapping, made
 * when one of its slots is wanted, and never moved; null when it cannot be.
 */
static struct window_slot *
slot_at (struct endpoint *endpoint, int side, uint32_t number)
{
    if (number < SLOTS_AT_FIRST)
        return &endpoint->segment->slots[number][side];
    size_t i = 1;
    while (number >= SLOTS_AT_FIRST << i)
        i++;
    struct segment *more = atomic_load (&endpoint->more[i]), *other = NULL;
    if (!more) {
        more = segment_map_more (endpoint->segment, SLOTS_AT_FIRST << i);
        if (!more)
            return NULL;
        if (!atomic_compare_exchange_strong (&endpoint->more[i], &other,
                                             more)) {
            munmap (more, SEGMENT_SIZE_FOR (SLOTS_AT_FIRST << i));
            more = other;
        }
    }
    return &more->slots[number][side];
}

static uint32_t used_slots (const struct endpoint *endpoint, int side)
{
    const uint32_t used = atomic_load (&table_of (endpoint, side)->used);
    return used < WINDOW_SLOTS ? used : WINDOW_SLOTS;
}

static bool refresh (struct endpoint *endpoint, int side)
{
    struct window_table *table = table_of (endpoint, side);
    struct view *view = &endpoint->views[side];
    uint64_t generation;
    while ((generation = atomic_load (&table->generation))
           != view->generation) {
        const uint32_t used = used_slots (endpoint, side);
        view->count = 0;
        view->packed_from = 0;
        for (uint32_t i = 0; i < used; i++) {
            struct window_slot *slot = slot_at (endpoint, side, i);
            if (!slot)
                return false;
            if ((atomic_load (&slot->state) & SLOT_USED) == 0)
                continue;
            const struct piece piece = piece_of (slot, i);
            if (!view_insert (view, 0, &piece, 1))
                return false;
        }
        if (view->count)
            qsort (view->pieces, view->count, sizeof *view->pieces, by_offset);
        view->generation = generation;
    }
    return true;
}

/* The first piece that ends above the offset. */
static size_t first_above (const struct view *view, uint64_t offset)
{
    size_t low = 0, high = view->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        const struct piece *p = piece_at (view, middle);
        if (p->offset + p->len > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool is_free (const struct view *view, uint64_t offset, uint64_t len)
{
    const size_t i = first_above (view, offset);
    return i == view->count || piece_at (view, i)->offset >= offset + len;
}

/* The highest free offset; false when there is no room at all. */
static bool choose (struct view *view, uint64_t len, uint64_t *offset)
{
    uint64_t end = view->packed_from ? view->packed_from : OFFSET_TOP;
    bool packed = true;
    for (size_t i = first_above (view, end); i-- > 0 && end >= len;) {
        const struct piece *p = piece_at (view, i);
        if (p->offset + p->len <= end - len)
            break;
        packed &= p->offset + p->len >= end;
        end = p->offset;
        if (packed)
            view->packed_from = end;
    }
    if (end < len)
        return false;
    *offset = end - len;
    return true;
}

/* ---- pins ---- */

static void unpin_slot (const struct pins *pins, uint32_t number)
{
    struct window_slot *slot = slot_at (pins->endpoint, pins->side, number);
    uint32_t state = atomic_fetch_sub (&slot->state, 1) - 1;
    /* Whoever lets go last of a doomed one frees it. */
    if (state == (SLOT_USED | SLOT_DOOMED)
        && atomic_compare_exchange_strong (&slot->state, &state, 0))
        atomic_fetch_add (&table_of (pins->endpoint, pins->side)->generation, 1);
}

static bool pin_slot (const struct pins *pins, const struct piece *piece)
{
    struct window_slot *slot =
      slot_at (pins->endpoint, pins->side, piece->slot);
    uint32_t state = atomic_load (&slot->state);
    do
        if ((state & SLOT_USED) == 0 || (state & SLOT_PINS) == SLOT_PINS)
            return false;
    while (!atomic_compare_exchange_weak (&slot->state, &state, state + 1));
    /* It may have been freed and used again since the view was made. */
    const struct piece now = piece_of (slot, piece->slot);
    if (memcmp (&now, piece, sizeof now) == 0)
        return true;
    unpin_slot (pins, piece->slot);
    return false;
}

void windows_no_pins (struct pins *pins)
{
    pins->endpoint = NULL;
    pins->count = 0;
    pins->pieces = pins->few;
}

void windows_unpin (struct pins *pins)
{
    for (size_t i = 0; i < pins->count; i++)
        unpin_slot (pins, pins->pieces[i].slot);
    if (pins->pieces != pins->few)
        free (pins->pieces);
    pins->count = 0;
    pins->pieces = pins->few;
}

/* Finds and pins; EAGAIN when the table changed under our hands. */
static int try_pin (struct endpoint *endpoint,
                    int side,
                    uint64_t offset,
                    uint64_t len,
                    int prot,
                    struct pins *pins)
{
    const struct view *view = &endpoint->views[side];
    if (!refresh (endpoint, side))
        return ENOMEM;
    const size_t first = first_above (view, offset);
    size_t last = first;
    uint64_t at = offset;
    bool allowed = true;
    for (; last < view->count && at < offset + len; last++) {
        const struct piece *p = piece_at (view, last);
        if (p->offset > at)
            break;
        allowed &= ((int) p->prot & prot) == prot;
        at = p->offset + p->len;
    }
    if (at < offset + len)
        return ENXIO;
    if (!allowed)
        return EPERM;
    if (last - first > sizeof pins->few / sizeof pins->few[0]) {
        pins->pieces = malloc ((last - first) * sizeof *pins->pieces);
        if (!pins->pieces) {
            pins->pieces = pins->few;
            return ENOMEM;
        }
    }
    for (size_t i = first; i < last; i++) {
        if (!pin_slot (pins, piece_at (view, i))) {
            windows_unpin (pins);
            return EAGAIN;
        }
        pins->pieces[pins->count++] = *piece_at (view, i);
    }
    return 0;
}

int windows_pin (struct endpoint *endpoint,
                 int side,
                 uint64_t offset,
                 uint64_t len,
                 int prot,
                 struct pins *pins)
{
    pins->endpoint = endpoint;
    pins->side = side;
    pins->count = 0;
    pins->pieces = pins->few;
    if (offset > INT64_MAX || len > INT64_MAX - offset)
        return ENXIO;
    int error;
    pthread_mutex_lock (&endpoint->views_lock);
    for (int tries = 0;
         (error = try_pin (endpoint, side, offset, len, prot, pins)) == EAGAIN;
         tries++) {
        if (tries == PIN_TRIES) {
            error = ENXIO;
            break;
        }
        /* Who changed the slot may have died before it could say so. */
        endpoint->views[side].generation--;
    }
    pthread_mutex_unlock (&endpoint->views_lock);
    return error;
}

/* ---- registering; windows_lock and views_lock are held ---- */

/* A free slot, in use before if there is one; taken is how many are not. */
static struct window_slot *
find_slot (struct endpoint *endpoint, size_t taken, uint32_t *number)
{
    const uint32_t used = used_slots (endpoint, endpoint->side);
    for (uint32_t i = 0; i < used && taken < used; i++) {
        *number = (endpoint->free_slot + i) % used;
        struct window_slot *slot = slot_at (endpoint, endpoint->side, *number);
        if (slot && atomic_load (&slot->state) == 0) {
            endpoint->free_slot = *number + 1;
            return slot;
        }
    }
    *number = used;
    return used < WINDOW_SLOTS ? slot_at (endpoint, endpoint->side, used)
                               : NULL;
}

/* Fills slots; frees them again and returns ENOMEM when there are too few. */
static int fill_slots (struct endpoint *endpoint,
                       uint64_t offset,
                       uint64_t len,
                       int prot,
                       const struct extents *extents)
{
    struct window_table *table = table_of (endpoint, endpoint->side);
    atomic_store (&endpoint->has_windows, true);
    struct view *view = &endpoint->views[endpoint->side];
    struct piece *added = malloc (extents->count * sizeof *added);
    uint64_t at = offset;
    size_t n = 0;
    for (; added && n < extents->count; n++) {
        const struct extent *extent = &extents->list[n];
        uint32_t number;
        struct window_slot *slot =
          find_slot (endpoint, view->count + n, &number);
        if (!slot)
            break;
        slot->prot = (uint32_t) prot;
        slot->offset = at;
        slot->len = extent->len;
        slot->window_offset = offset;
        slot->window_len = len;
        slot->process = process_id (process_self ());
        slot->object = extent->object;
        slot->object_offset = extent->offset;
        added[n] = piece_of (slot, number);
        atomic_store (&slot->state, SLOT_USED);
        if (number >= atomic_load (&table->used))
            atomic_store (&table->used, number + 1);
        at += extent->len;
    }
    const bool complete =
      n == extents->count
      && view_insert (view, first_above (view, offset), added, n);
    for (size_t i = 0; !complete && i < n; i++)
        atomic_store (
          &slot_at (endpoint, endpoint->side, added[i].slot)->state, 0);
    free (added);
    /* When only we changed the table, the view is up to date already. */
    if (atomic_fetch_add (&table->generation, 1) == view->generation
        && complete)
        view->generation++;
    return complete ? 0 : ENOMEM;
}

/* Makes sure the peer has the objects of the extents. */
static int send_objects (struct endpoint *endpoint,
                         struct process *peer,
                         const struct extents *extents)
{
    for (size_t i = 0; i < extents->count; i++) {
        const uint64_t id = extents->list[i].object;
        size_t k = 0;
        while (k < endpoint->sent_count && endpoint->sent[k] != id)
            k++;
        if (k < endpoint->sent_count)
            continue;
        uint64_t *sent =
          realloc (endpoint->sent, (k + 1) * sizeof *sent);
        if (!sent)
            return ENOMEM;
        endpoint->sent = sent;
        const int fd =
          process_object_fd (process_id (process_self ()), id);
        if (fd < 0)
            return errno;
        const int error = process_send_object (peer, id, fd);
        close (fd);
        if (error)
            return error;
        endpoint->sent[endpoint->sent_count++] = id;
    }
    return 0;
}

/* 0 or errno; *offset is where the window is. */
static int add_window (struct endpoint *endpoint,
                       void *address,
                       uint64_t len,
                       bool fixed,
                       uint64_t *offset,
                       int prot)
{
    struct view *view = &endpoint->views[endpoint->side];
    struct extents extents = {NULL, 0, 0};
    if (!refresh (endpoint, endpoint->side))
        return ENOMEM;
    if (fixed ? !is_free (view, *offset, len) : !choose (view, len, offset))
        return fixed ? EADDRINUSE : ENOMEM;
    struct process *peer = endpoint_find_peer (endpoint);
    int error = capture (address, len, prot, &extents);
    if (!error)
        error = send_objects (endpoint, peer, &extents);
    if (!error)
        error = fill_slots (endpoint, *offset, len, prot, &extents);
    free (extents.list);
    return error;
}

static void lock_windows (struct endpoint *endpoint)
{
    robust_lock (&endpoint->segment->side[endpoint->side].windows_lock);
    pthread_mutex_lock (&endpoint->views_lock);
    capture_lock ();
}

static void unlock_windows (struct endpoint *endpoint)
{
    capture_unlock ();
    pthread_mutex_unlock (&endpoint->views_lock);
    pthread_mutex_unlock (
      &endpoint->segment->side[endpoint->side].windows_lock);
}

off_t do_register (scif_epd_t epd,
                                 void *addr,
                                 size_t len,
                                 off_t offset,
                                 int prot_flags,
                                 int map_flags)
{
    const size_t page = page_size ();
    const bool fixed = (map_flags & SCIF_MAP_FIXED) != 0;
    if ((map_flags & ~SCIF_MAP_FIXED) != 0
        || (prot_flags & ~(SCIF_PROT_READ | SCIF_PROT_WRITE)) != 0 || len == 0
        || len % page != 0 || (uintptr_t) addr % page != 0
        || len > INT64_MAX
        || (fixed
            && (offset < 0 || offset % (off_t) page != 0
                || (uint64_t) offset > INT64_MAX - len))) {
        errno = EINVAL;
        return SCIF_REGISTER_FAILED;
    }
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return SCIF_REGISTER_FAILED;
    uint64_t at = (uint64_t) offset;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error && (uintptr_t) addr + len < (uintptr_t) addr)
        error = EFAULT;
    if (!error && !memlock_charge (len))
        error = EAGAIN;
    else if (!error) {
        lock_windows (endpoint);
        error = add_window (endpoint, addr, len, fixed, &at, prot_flags);
        unlock_windows (endpoint);
        if (error)
            memlock_release (len);
    }
    return endpoint_finish (endpoint, error) == 0 ? (off_t) at
                                                  : SCIF_REGISTER_FAILED;
}

/* ---- unregistering ---- */

/* Frees the slot, or dooms it while it is pinned; false when it was doomed. */
static bool doom_slot (struct window_slot *slot)
{
    uint32_t state = atomic_load (&slot->state);
    do
        if ((state & SLOT_USED) == 0 || (state & SLOT_DOOMED) != 0)
            return false;
    while (!atomic_compare_exchange_weak (
      &slot->state, &state,
      (state & SLOT_PINS) == 0 ? 0 : state | SLOT_DOOMED));
    return true;
}

static int remove_windows (struct endpoint *endpoint,
                           uint64_t offset,
                           uint64_t len)
{
    struct window_table *table = table_of (endpoint, endpoint->side);
    struct view *view = &endpoint->views[endpoint->side];
    if (!refresh (endpoint, endpoint->side))
        return ENOMEM;
    const size_t first = first_above (view, offset);
    size_t last = first;
    for (; last < view->count && piece_at (view, last)->offset < offset + len;
         last++) {
        const struct piece *p = piece_at (view, last);
        if (p->window_offset < offset
            || p->window_offset + p->window_len > offset + len)
            return EINVAL;
    }
    const uint64_t me = process_id (process_self ());
    uint64_t from = UINT64_MAX, to = 0;
    bool all_free = true;
    for (size_t i = first; i < last; i++) {
        const struct piece *p = piece_at (view, i);
        if (p->process == me && p->object == OBJECT_ARENA) {
            from = p->object_offset < from ? p->object_offset : from;
            to = p->object_offset + p->len > to ? p->object_offset + p->len : to;
        }
        struct window_slot *slot =
          slot_at (endpoint, endpoint->side, p->slot);
        if (doom_slot (slot) && p->process == me)
            memlock_release (p->len);
        all_free &= atomic_load (&slot->state) == 0;
    }
    if (last == first)
        return 0;
    if (atomic_fetch_add (&table->generation, 1) == view->generation
        && all_free) {
        view_remove (view, first, last - first);
        view->generation++;
    }
    if (from < to)
        arena_release (from, to);
    return 0;
}

int do_unregister (scif_epd_t epd, off_t offset, size_t len)
{
    const size_t page = page_size ();
    if (offset < 0 || offset % (off_t) page != 0 || len == 0
        || len % page != 0 || len > (uint64_t) INT64_MAX - (uint64_t) offset) {
        errno = EINVAL;
        return -1;
    }
    struct endpoint *endpoint = endpoint_get (epd);
    if (!endpoint)
        return -1;
    int error = endpoint_may_use_memory (endpoint, epd);
    if (!error && !process_self ())
        error = ENOMEM;
    if (!error) {
        lock_windows (endpoint);
        error = remove_windows (endpoint, (uint64_t) offset, len);
        unlock_windows (endpoint);
        windows_tidy ();
    }
    return endpoint_finish (endpoint, error);
}

/* ---- the end of an endpoint, and what outlives it ---- */

struct lingering
{
    struct lingering *next;
    struct endpoint *endpoint;
};

static pthread_mutex_t lingering_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lingering *_Atomic lingering;
static _Atomic bool some_went; /* endpoints with windows of this process */

struct each
{
    void (*fn) (const struct extent *, void *);
    void *context;
};

/* 0 when this process has never registered; the segment may be no more. */
static uint32_t used_by_us (struct endpoint *endpoint)
{
    return atomic_load (&endpoint->has_windows)
             ? used_slots (endpoint, endpoint->side)
             : 0;
}

/* The extents of this process in one table. */
static void each_of_endpoint (struct endpoint *endpoint, void *context)
{
    const struct each *each = context;
    const uint32_t used = used_by_us (endpoint);
    for (uint32_t i = 0; i < used; i++) {
        const struct window_slot *slot = slot_at (endpoint, endpoint->side, i);
        if (slot && (atomic_load (&slot->state) & SLOT_USED) != 0
            && slot->process == process_id (process_self ())) {
            const struct extent extent = {slot->object, slot->object_offset,
                                          slot->len};
            each->fn (&extent, each->context);
        }
    }
}

static bool has_pins (struct endpoint *endpoint)
{
    const uint32_t used = used_by_us (endpoint);
    for (uint32_t i = 0; i < used; i++) {
        struct window_slot *slot = slot_at (endpoint, endpoint->side, i);
        if (slot && (atomic_load (&slot->state) & SLOT_PINS) != 0)
            return true;
    }
    return false;
}

/* Lets those go that nobody can have mapped any more. */
static void sweep_lingering (void)
{
    struct lingering *gone = NULL, *kept = NULL;
    pthread_mutex_lock (&lingering_lock);
    for (struct lingering *l = lingering, *next; l; l = next) {
        const bool dead = l->endpoint->peer_process
                          && process_is_dead (l->endpoint->peer_process);
        struct lingering **to =
          has_pins (l->endpoint) && !dead ? &kept : &gone;
        next = l->next;
        l->next = *to;
        *to = l;
    }
    lingering = kept;
    pthread_mutex_unlock (&lingering_lock);
    while (gone) {
        struct lingering *next = gone->next;
        endpoint_put (gone->endpoint);
        free (gone);
        gone = next;
    }
}

void windows_for_each_extent (void (*fn) (const struct extent *, void *),
                              void *context)
{
    struct each each = {fn, context};
    sweep_lingering ();
    capture_for_each_extent (fn, context);
    endpoint_for_each (each_of_endpoint, &each);
    pthread_mutex_lock (&lingering_lock);
    for (struct lingering *l = lingering; l; l = l->next)
        each_of_endpoint (l->endpoint, &each);
    pthread_mutex_unlock (&lingering_lock);
}

void windows_tidy (void)
{
    process_read_mail ();
    if (atomic_load (&lingering))
        sweep_lingering ();
    const bool release = atomic_exchange (&some_went, false);
    if (release || foreign_any ()) {
        capture_lock ();
        foreign_sweep ();
        if (release) {
            arena_release (0, UINT64_MAX);
            process_unmap_own ();
        }
        capture_unlock ();
    }
}

void windows_linger (struct endpoint *endpoint)
{
    const uint32_t used = used_by_us (endpoint);
    if (used == 0)
        return;
    atomic_store (&some_went, true);
    const uint64_t me = process_id (process_self ());
    bool mine = false;
    for (uint32_t i = 0; i < used; i++) {
        struct window_slot *slot = slot_at (endpoint, endpoint->side, i);
        const uint32_t state = slot ? atomic_load (&slot->state) : 0;
        if ((state & SLOT_USED) == 0 || slot->process != me)
            continue;
        mine |= (state & SLOT_PINS) != 0;
        if ((state & SLOT_DOOMED) == 0)
            memlock_release (slot->len);
    }
    struct lingering *l = mine ? malloc (sizeof *l) : NULL;
    if (!l)
        return;
    atomic_fetch_add (&endpoint->refs, 1);
    l->endpoint = endpoint;
    pthread_mutex_lock (&lingering_lock);
    l->next = lingering;
    lingering = l;
    pthread_mutex_unlock (&lingering_lock);
}

void windows_after_fork (void)
{
    pthread_mutex_init (&lingering_lock, NULL);
    /* The parent lingers; the child never had these mappings to look after. */
    lingering = NULL;
}

void windows_free (struct endpoint *endpoint)
{
    for (size_t i = 1; i < SLOT_MAPPINGS; i++)
        if (endpoint->more[i])
            munmap (endpoint->more[i], SEGMENT_SIZE_FOR (SLOTS_AT_FIRST << i));
    for (int side = 0; side < 2; side++)
        free (endpoint->views[side].pieces);
    free (endpoint->sent);
}
