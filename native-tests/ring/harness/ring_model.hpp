// SPDX-License-Identifier: MPL-2.0
//
// A ring whose peer writes whatever it likes to the control words, driven by a string of bytes, and held against a
// model of what each call has to return and to store.

#ifndef RING_TESTS_RING_MODEL_HPP
#define RING_TESTS_RING_MODEL_HPP

#include "memory.hpp"
#include "random.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace rt
{
class ring_model_t
{
  public:
    /// Runs the operations that the bytes stand for, to their end; fails the test where ring and model differ.
    static void run (const uint8_t *program, size_t size)
    {
        ring_model_t model (program, size);
        while (model._pos < size)
            model.step ();
    }

  private:
    enum
    {
        //  Of the rings; the regions are a page larger. The remote one is larger than what is moved at once.
        local_size = 65536 - page_size,
        remote_size = 2 * 65536 - page_size,
        max_piece = 65536,
        buffer_size = 2 * remote_size
    };

    ring_model_t (const uint8_t *program, size_t size) :
        _program (program), _size (size), _pos (0), _local (page_size + local_size), _remote (page_size + remote_size), _limit (0), _head (0),
        _tail (0), _published (0), _acknowledged (0), _sleeping (0), _waiting (0), _rung_sleeping (0),
        _rung_waiting (0), _wrote (false), _freed (false), _written (remote_size), _buffer (buffer_size)
    {
        for (size_t i = 0; i != local_size; ++i)
            _local.ring ()[i] = stream_byte (i);
        _limit = 1 + static_cast<size_t> (number (3)) % (2 * remote_size);
        _ring.set_local (_local.get (), page_size + local_size);
        _ring.set_remote (_remote.get (), page_size + remote_size, _limit, -1, 0);
        if (_limit > remote_size)
            _limit = remote_size;
    }

    /// The next bytes as a number, zeros behind the end.
    uint64_t number (int bytes)
    {
        uint64_t value = 0;
        for (int i = 0; i != bytes; ++i, ++_pos)
            value |= static_cast<uint64_t> (_pos < _size ? _program[_pos] : 0) << (8 * i);
        return value;
    }

    /// A number of either sign, within one of the rings or not much beyond.
    uint64_t small_number () { return number (3) % (3 * remote_size) - remote_size; }

    void step ()
    {
        switch (number (1) % 14) {
            case 0:
            case 1:
                read (static_cast<size_t> (number (3)) % (2 * local_size));
                break;
            case 2:
            case 3:
                write (static_cast<size_t> (number (3)) % (2 * remote_size));
                break;
            case 4:
                publish ();
                ++_sleeping;
                CHECK_EQ (_ring.sleep (), _local.load_head () == _tail);
                break;
            case 5:
                ++_waiting;
                CHECK_EQ (_ring.wait (), !is_writable ());
                break;
            case 6:
                CHECK_EQ (_ring.is_readable (), _local.load_head () != _tail);
                CHECK_EQ (_ring.is_writable (), is_writable ());
                break;
            case 7:
                must_ring ();
                break;
            case 8:
                _local.store_head (_tail + small_number ());
                break;
            case 9:
                _local.store_tail (_head + small_number ());
                break;
            case 10:
                _local.store_head (number (8));
                break;
            case 11:
                _local.store_tail (number (8));
                break;
            case 12:
                _local.store_sleeping (static_cast<uint32_t> (number (4)));
                break;
            case 13:
                _local.store_waiting (static_cast<uint32_t> (number (4)));
                break;
        }
        CHECK_EQ (_remote.load_head (), _head);
        CHECK_EQ (_remote.load_tail (), _published);
        CHECK_EQ (_remote.load_sleeping (), _sleeping);
        CHECK_EQ (_remote.load_waiting (), _waiting);
    }

    /// Memory that ends where the call may end.
    unsigned char *buffer (size_t size) const { return _buffer.data () + buffer_size - size; }

    uint64_t used () const { return _head - _local.load_tail (); }
    bool is_writable () const { return used () < _limit || used () > remote_size; }

    void read (size_t size)
    {
        unsigned char *const data = buffer (size);
        const uint64_t available = _local.load_head () - _tail;
        if (available > local_size) {
            CHECK_ERRNO (_ring.read (data, size), EPROTO);
            return;
        }
        const size_t expected = available < size ? static_cast<size_t> (available) : size;
        CHECK_EQ (_ring.read (data, size), expected);
        for (size_t i = 0; i != expected; ++i)
            CHECK_EQ (data[i], stream_byte ((_tail + i) % local_size));
        _tail += expected;
        //  Who finds nothing goes to sleep next, which tells the tail.
        if (available == 0)
            return;
        if (_tail - _published >= local_size / 4 || _local.load_waiting () != _rung_waiting)
            publish ();
    }

    void publish ()
    {
        _freed = _freed || _published != _tail;
        _published = _tail;
    }

    void write (size_t size)
    {
        unsigned char *const data = buffer (size);
        for (size_t i = 0; i != size; ++i)
            data[i] = stream_byte (_head + i);
        const uint64_t tail = _local.load_tail ();
        if (_head - tail > remote_size || tail - _acknowledged > remote_size) {
            CHECK_ERRNO (_ring.write (data, size), EPROTO);
        } else {
            _acknowledged = tail;
            const size_t room = used () < _limit ? _limit - static_cast<size_t> (used ()) : 0;
            const size_t expected = std::min (std::min (size, room), static_cast<size_t> (max_piece));
            CHECK_EQ (_ring.write (data, size), expected);
            for (size_t i = 0; i != expected; ++i)
                _written[(_head + i) % remote_size] = data[i];
            _head += expected;
            //  Nothing was written is nothing to wake up for, but allowed to.
            _wrote = _wrote || room > 0;
        }
        CHECK_EQ (memcmp (_written.data (), _remote.ring (), remote_size), 0);
    }

    void must_ring ()
    {
        const uint32_t sleeping = _local.load_sleeping ();
        const uint32_t waiting = _local.load_waiting ();
        CHECK_EQ (_ring.must_ring (),
                  (_wrote && sleeping != _rung_sleeping) || (_freed && waiting != _rung_waiting));
        if (_wrote)
            _rung_sleeping = sleeping;
        if (_freed)
            _rung_waiting = waiting;
        _wrote = _freed = false;
    }

    const uint8_t *const _program;
    const size_t _size;
    size_t _pos;
    region_t _local;
    region_t _remote;
    zmq::scif_ring_t _ring;
    size_t _limit;
    uint64_t _head, _tail, _published, _acknowledged;
    uint32_t _sleeping, _waiting, _rung_sleeping, _rung_waiting;
    bool _wrote, _freed;
    std::vector<unsigned char> _written;
    guarded_t _buffer;
};
}

#endif
