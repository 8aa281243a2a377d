/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_ring.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"

#include <scif.h>

#include <limits.h>
#include <string.h>

static const size_t min_ring_size = 4096;
static const size_t max_ring_size = 1 << 30;

//  From this size on the DMA engine is faster than the processor.
static const size_t min_dma_size = 32768;

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

size_t zmq::scif_ring_t::region_size (size_t ring_size_)
{
    return page_size + ring_size_;
}

bool zmq::scif_ring_t::is_valid_size (uint64_t ring_size_)
{
    return ring_size_ >= min_ring_size && ring_size_ <= max_ring_size
           && (ring_size_ & (ring_size_ - 1)) == 0;
}

zmq::scif_ring_t::scif_ring_t () :
    _local (NULL),
    _local_data (NULL),
    _local_size (0),
    _tail (0),
    _published_tail (0),
    _remote (NULL),
    _remote_data (NULL),
    _remote_size (0),
    _limit (0),
    _head (0),
    _acknowledged (0),
    _epd (-1),
    _offset (0),
    _sleeping (0),
    _waiting (0),
    _rung_sleeping (0),
    _rung_waiting (0),
    _wrote (false),
    _freed (false)
{
}

void zmq::scif_ring_t::set_local (void *region_, size_t ring_size_)
{
    zmq_assert (is_valid_size (ring_size_));
    _local = static_cast<const control_t *> (region_);
    _local_data = static_cast<const unsigned char *> (region_) + page_size;
    _local_size = ring_size_;
}

void zmq::scif_ring_t::set_remote (
  void *region_, size_t ring_size_, size_t limit_, int epd_, int64_t offset_)
{
    zmq_assert (is_valid_size (ring_size_));
    zmq_assert (limit_ > 0);
    _remote = static_cast<control_t *> (region_);
    _remote_data = static_cast<unsigned char *> (region_) + page_size;
    _remote_size = ring_size_;
    _limit = limit_ < ring_size_ ? limit_ : ring_size_;
    _epd = epd_;
    _offset = offset_ + page_size;
}

int zmq::scif_ring_t::read (void *data_, size_t size_)
{
    const uint64_t available = load (&_local->head) - _tail;
    if (available > _local_size) {
        errno = EPROTO;
        return -1;
    }
    if (available == 0)
        return 0;

    const size_t size =
      available < size_ ? static_cast<size_t> (available) : size_;
    const size_t pos = static_cast<size_t> (_tail) & (_local_size - 1);
    const size_t first = size < _local_size - pos ? size : _local_size - pos;
    memcpy (data_, _local_data + pos, first);
    memcpy (static_cast<unsigned char *> (data_) + first, _local_data,
            size - first);
    _tail += size;

    //  As long as the other end does not ask for it, it is enough to tell it
    //  now and then.
    if (_tail - _published_tail >= _local_size / 4
        || load (&_local->waiting) != _rung_waiting)
        publish_tail ();
    return static_cast<int> (size);
}

void zmq::scif_ring_t::publish_tail ()
{
    if (_published_tail == _tail)
        return;
    store (&_remote->tail, _tail);
    _published_tail = _tail;
    _freed = true;
}

bool zmq::scif_ring_t::is_readable () const
{
    return load (&_local->head) != _tail;
}

size_t zmq::scif_ring_t::space () const
{
    //  What is out of bounds here is an error in write.
    const uint64_t used = _head - load (&_local->tail);
    return used < _limit ? _limit - static_cast<size_t> (used) : 0;
}

int zmq::scif_ring_t::write (const void *data_, size_t size_)
{
    const uint64_t tail = load (&_local->tail);
    if (_head - tail > _remote_size || tail - _acknowledged > _remote_size) {
        errno = EPROTO;
        return -1;
    }
    _acknowledged = tail;
    const size_t used = static_cast<size_t> (_head - tail);
    if (used >= _limit)
        return 0;

    const size_t size = size_ < _limit - used ? size_ : _limit - used;
    const unsigned char *const data =
      static_cast<const unsigned char *> (data_);
    const size_t pos = static_cast<size_t> (_head) & (_remote_size - 1);
    const size_t first = size < _remote_size - pos ? size : _remote_size - pos;
    if (copy_out (pos, data, first) != 0
        || copy_out (0, data + first, size - first) != 0)
        return -1;

    _head += size;
    flush ();
    store (&_remote->head, _head);
    _wrote = true;
    return static_cast<int> (size);
}

int zmq::scif_ring_t::copy_out (size_t pos_,
                                const unsigned char *data_,
                                size_t size_)
{
    //  The processor must not tell the other end of data that the DMA engine
    //  has yet to write. Memory that the driver can't pin, such as that of
    //  another device, is left to the processor.
    if (_epd != -1 && size_ >= min_dma_size) {
        if (scif_vwriteto (_epd, const_cast<unsigned char *> (data_), size_,
                           _offset + static_cast<int64_t> (pos_), SCIF_RMA_SYNC)
            == 0)
            return 0;
        if (errno == ECONNRESET)
            return -1;
    }
    memcpy (_remote_data + pos_, data_, size_);
    return 0;
}

void zmq::scif_ring_t::flush () const
{
    //  The processor gathers what it writes to the memory of another node,
    //  and sends it in whatever order, unless told to.
    if (_epd != -1)
        __sync_synchronize ();
}

void zmq::scif_ring_t::full_barrier () const
{
    __sync_synchronize ();

    //  What was written to the memory of another node may still be on its way
    //  there, but stays ahead of the answer to this.
    if (_epd != -1) {
        load (&_remote->head);
        __sync_synchronize ();
    }
}

bool zmq::scif_ring_t::sleep ()
{
    publish_tail ();
    store (&_remote->sleeping, ++_sleeping);
    full_barrier ();
    return load (&_local->head) == _tail;
}

bool zmq::scif_ring_t::wait ()
{
    store (&_remote->waiting, ++_waiting);
    full_barrier ();
    return space () == 0;
}

bool zmq::scif_ring_t::must_ring ()
{
    if (!_wrote && !_freed)
        return false;

    full_barrier ();
    const uint32_t sleeping = load (&_local->sleeping);
    const uint32_t waiting = load (&_local->waiting);
    const bool ring = (_wrote && sleeping != _rung_sleeping)
                      || (_freed && waiting != _rung_waiting);
    if (_wrote)
        _rung_sleeping = sleeping;
    if (_freed)
        _rung_waiting = waiting;
    _wrote = false;
    _freed = false;
    return ring;
}

#endif
