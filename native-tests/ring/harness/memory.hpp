// SPDX-License-Identifier: MPL-2.0
//
// Memory between pages that nobody may touch, and regions as scif_ring_t uses them.

#ifndef RING_TESTS_MEMORY_HPP
#define RING_TESTS_MEMORY_HPP

#include "harness.hpp"
#include "scif_ring.hpp"

#include <sys/mman.h>

namespace rt
{
/// The layout of a region is part of the protocol: a page of control words, each in a cache line of its own, then the
/// ring.
enum
{
    page_size = 4096,
    head_pos = 0,
    tail_pos = 64,
    sleeping_pos = 128,
    waiting_pos = 192
};

/// Zeroed memory that ends, and if its size is a multiple of the page size also begins, at a page without access.
class guarded_t
{
  public:
    explicit guarded_t (size_t size) : _mapped ((size + page_size - 1) / page_size * page_size + 2 * page_size)
    {
        void *const base = mmap (NULL, _mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK (base != MAP_FAILED);
        _base = static_cast<unsigned char *> (base);
        CHECK_EQ (mprotect (_base + page_size, _mapped - 2 * page_size, PROT_READ | PROT_WRITE), 0);
        _data = _base + _mapped - page_size - size;
    }
    ~guarded_t () { munmap (_base, _mapped); }
    guarded_t (const guarded_t &) = delete;
    guarded_t &operator= (const guarded_t &) = delete;

    unsigned char *data () const { return _data; }

  private:
    const size_t _mapped;
    unsigned char *_base;
    unsigned char *_data;
};

/// A region between guard pages.
class region_t
{
  public:
    explicit region_t (size_t size) : _memory (size) {}

    void *get () const { return _memory.data (); }
    unsigned char *ring () const { return _memory.data () + page_size; }

    uint64_t load_head () const { return __atomic_load_n (word64 (head_pos), __ATOMIC_ACQUIRE); }
    uint64_t load_tail () const { return __atomic_load_n (word64 (tail_pos), __ATOMIC_ACQUIRE); }
    uint32_t load_sleeping () const { return __atomic_load_n (word32 (sleeping_pos), __ATOMIC_ACQUIRE); }
    uint32_t load_waiting () const { return __atomic_load_n (word32 (waiting_pos), __ATOMIC_ACQUIRE); }
    void store_head (uint64_t value) { __atomic_store_n (word64 (head_pos), value, __ATOMIC_RELEASE); }
    void store_tail (uint64_t value) { __atomic_store_n (word64 (tail_pos), value, __ATOMIC_RELEASE); }
    void store_sleeping (uint32_t value) { __atomic_store_n (word32 (sleeping_pos), value, __ATOMIC_RELEASE); }
    void store_waiting (uint32_t value) { __atomic_store_n (word32 (waiting_pos), value, __ATOMIC_RELEASE); }

  private:
    uint64_t *word64 (size_t pos) const { return reinterpret_cast<uint64_t *> (_memory.data () + pos); }
    uint32_t *word32 (size_t pos) const { return reinterpret_cast<uint32_t *> (_memory.data () + pos); }

    guarded_t _memory;
};

/// Two rings whose regions are each other's, on one node.
struct pair_t
{
    pair_t (size_t region_size, size_t limit) : a_region (region_size), b_region (region_size)
    {
        a.set_local (a_region.get (), region_size);
        a.set_remote (b_region.get (), region_size, limit, -1, 0);
        b.set_local (b_region.get (), region_size);
        b.set_remote (a_region.get (), region_size, limit, -1, 0);
    }

    region_t a_region;
    region_t b_region;
    zmq::scif_ring_t a;
    zmq::scif_ring_t b;
};
}

#endif
