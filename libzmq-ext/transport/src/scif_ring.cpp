/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_ring.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"

#include <scif.h>

#include <string.h>

#include <algorithm>

//  From this size on the DMA engine is faster than the processor, and up to
//  this one it gets faster.
static const size_t min_dma_size = 32768;
static const size_t max_dma_size = 262144;

//  What the processor moves at once: the other end is to go on meanwhile.
static const size_t max_piece = 65536;

//  What was written before the word is visible to whoever has read the word,
//  and what was read before it can't have been changed by them.
template <typename T> static inline T load (const T *word_)
{
    return __atomic_load_n (word_, __ATOMIC_ACQUIRE);
}

template <typename T> static inline void store (T *word_, T value_)
{
    __atomic_store_n (word_, value_, __ATOMIC_RELEASE);
}

static inline void barrier ()
{
#if defined __k1om__ || defined __KNC__ || defined __MIC__
    //  The first Xeon Phi has no fences.
    __asm__ volatile ("lock; addl $0, (%%rsp)" ::: "memory");
#else
    __sync_synchronize ();
#endif
}

void zmq::scif_ring_t::set_local (void *region_, size_t region_size_)
{
    _in.control = static_cast<const control_t *> (region_);
    _in.data = static_cast<const unsigned char *> (region_) + control_size;
    _in.size = region_size_ - control_size;
}

void zmq::scif_ring_t::set_remote (
  void *region_, size_t region_size_, size_t limit_, int epd_, int64_t offset_)
{
    _out.control = static_cast<control_t *> (region_);
    _out.data = static_cast<unsigned char *> (region_) + control_size;
    _out.size = region_size_ - control_size;
    _out.limit = std::min (limit_, _out.size);
    _out.epd = epd_;
    _out.offset = offset_ + control_size;
}

int zmq::scif_ring_t::read (void *data_, size_t size_)
{
    const uint64_t available = load (&_in.control->head) - _in.tail;
    if (available > _in.size) {
        errno = EPROTO;
        return -1;
    }
    if (available == 0)
        return 0;

    const size_t size =
      std::min (std::min (static_cast<size_t> (available), size_), max_piece);
    const size_t pos = static_cast<size_t> (_in.tail % _in.size);
    const size_t first = std::min (size, _in.size - pos);
    memcpy (data_, _in.data + pos, first);
    memcpy (static_cast<unsigned char *> (data_) + first, _in.data,
            size - first);
    _in.tail += size;

    //  As long as the other end does not ask for it, it is enough to tell it
    //  now and then.
    if (_in.tail - _in.published_tail >= _in.size / 4
        || load (&_in.control->waiting) != _in.rung_waiting)
        publish_tail ();
    return static_cast<int> (size);
}

void zmq::scif_ring_t::publish_tail ()
{
    if (_in.published_tail == _in.tail)
        return;
    store (&_out.control->tail, _in.tail);
    _in.published_tail = _in.tail;
    _in.freed = true;
}

bool zmq::scif_ring_t::is_readable () const
{
    return load (&_in.control->head) != _in.tail;
}

bool zmq::scif_ring_t::is_writable () const
{
    //  If it is out of bounds there is an error to report.
    const uint64_t used = _out.head - load (&_in.control->tail);
    return used < _out.limit || used > _out.size;
}

int zmq::scif_ring_t::write (const void *data_, size_t size_)
{
    const uint64_t tail = load (&_in.control->tail);
    if (_out.head - tail > _out.size || tail - _out.acknowledged > _out.size) {
        errno = EPROTO;
        return -1;
    }
    _out.acknowledged = tail;
    const size_t used = static_cast<size_t> (_out.head - tail);
    if (used >= _out.limit)
        return 0;

    const size_t size = std::min (std::min (size_, _out.limit - used),
                                  _out.epd == -1 ? max_piece : max_dma_size);
    const unsigned char *const data =
      static_cast<const unsigned char *> (data_);
    const size_t pos = static_cast<size_t> (_out.head % _out.size);
    const size_t first = std::min (size, _out.size - pos);
    if (copy_out (pos, data, first) != 0
        || copy_out (0, data + first, size - first) != 0)
        return -1;

    //  The processor gathers what it writes to the memory of another node,
    //  and sends it in whatever order, unless told to.
    if (_out.epd != -1)
        barrier ();
    _out.head += size;
    store (&_out.control->head, _out.head);
    _out.wrote = true;
    return static_cast<int> (size);
}

int zmq::scif_ring_t::copy_out (size_t pos_,
                                const unsigned char *data_,
                                size_t size_)
{
    //  The processor must not tell the other end of data that the DMA engine
    //  has yet to write.
    if (_out.epd != -1 && size_ >= min_dma_size) {
        if (scif_vwriteto (_out.epd, const_cast<unsigned char *> (data_), size_,
                           _out.offset + static_cast<int64_t> (pos_),
                           SCIF_RMA_SYNC)
            == 0)
            return 0;

        //  Memory that the driver can't pin, such as that of another device,
        //  is left to the processor. With any other error the DMA engine may
        //  be at work there still.
        if (errno != EFAULT && errno != ENOMEM && errno != EAGAIN)
            return -1;
    }
    memcpy (_out.data + pos_, data_, size_);
    return 0;
}

void zmq::scif_ring_t::full_barrier () const
{
    barrier ();

    //  What was written to the memory of another node may still be on its way
    //  there, but stays ahead of the answer to this.
    if (_out.epd != -1) {
        load (&_out.control->head);
        barrier ();
    }
}

bool zmq::scif_ring_t::sleep ()
{
    publish_tail ();
    store (&_out.control->sleeping, ++_in.sleeping);
    full_barrier ();
    return !is_readable ();
}

bool zmq::scif_ring_t::wait ()
{
    store (&_out.control->waiting, ++_out.waiting);
    full_barrier ();
    return !is_writable ();
}

bool zmq::scif_ring_t::must_ring ()
{
    if (!_out.wrote && !_in.freed)
        return false;

    full_barrier ();
    const uint32_t sleeping = load (&_in.control->sleeping);
    const uint32_t waiting = load (&_in.control->waiting);
    const bool ring = (_out.wrote && sleeping != _out.rung_sleeping)
                      || (_in.freed && waiting != _in.rung_waiting);
    if (_out.wrote)
        _out.rung_sleeping = sleeping;
    if (_in.freed)
        _in.rung_waiting = waiting;
    _out.wrote = false;
    _in.freed = false;
    return ring;
}

#endif
