// SPDX-License-Identifier: MPL-2.0

#include "raw_ring.hpp"

#include "harness.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>

namespace tt
{
namespace
{
const size_t greeting_size = 64;
const std::string magic = "SCIFZMTP";
const char version = 2;
const size_t version_pos = 8, region_size_pos = 16, offset_pos = 24;

//  Bits of SCIF_PROT_READ and SCIF_PROT_WRITE.
const int read_and_write = 3;

void put_number (std::string &bytes, size_t at, uint64_t value)
{
    for (int i = 7; i >= 0; --i, value >>= 8)
        bytes[at + i] = static_cast<char> (value);
}

uint64_t get_number (const std::string &bytes, size_t at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i)
        value = value << 8 | static_cast<unsigned char> (bytes[at + i]);
    return value;
}

template <typename T> T *word_at (unsigned char *region, Word word)
{
    return reinterpret_cast<T *> (region + static_cast<size_t> (word));
}
}

std::string scif_greeting (uint64_t region_size, uint64_t offset)
{
    std::string bytes = magic + version;
    bytes.resize (greeting_size, '\0');
    put_number (bytes, region_size_pos, region_size);
    put_number (bytes, offset_pos, offset);
    return bytes;
}

uint64_t greeted_region_size (const std::string &greeting)
{
    CHECK_EQ (greeting.size (), greeting_size);
    CHECK_EQ (greeting.substr (0, version_pos + 1), magic + version);
    return get_number (greeting, region_size_pos);
}

void greet_without_ring (RawPeer &peer)
{
    if (!peer.accepted ())
        CHECK (peer.send (scif_greeting (0, 0)));
    const bool has_ring = greeted_region_size (peer.recv (greeting_size, 5000)) != 0;
    if (peer.accepted ())
        CHECK (peer.send (scif_greeting (0, 0)));
    else
        CHECK (!has_ring);
}

std::string zmtp_greeting ()
{
    std::string greeting ("\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL", 16);
    greeting.resize (64, '\0');
    return greeting;
}

RawRing::RawRing (RawPeer &&peer, size_t region_size) : _peer (std::move (peer)), _region_size (region_size)
{
    void *const region = mmap (nullptr, _region_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK (region != MAP_FAILED);
    _local = static_cast<unsigned char *> (region);
}

RawRing::~RawRing ()
{
    //  As long as the other end's memory is mapped the connection stays open.
    if (_remote)
        CHECK_RC (scif ().unmap (_remote, control_size + _peer_ring_size));
    _peer.close ();
    CHECK_RC (munmap (_local, _region_size));
}

std::string RawRing::greeting ()
{
    //  What was registered before counts against the limit on locked memory until the other end has let go of it.
    off_t offset = -1;
    eventually (3000, [&] {
        offset = scif ().enroll (_peer.descriptor (), _local, _region_size, 0, read_and_write, 0);
        return offset != -1 || errno != EAGAIN;
    });
    if (offset == -1)
        skip ("no memory can be registered: %s", strerror (errno));
    return scif_greeting (_region_size, static_cast<uint64_t> (offset));
}

void RawRing::greet ()
{
    if (!_peer.accepted ())
        CHECK (_peer.send (greeting ()));
    const std::string theirs = _peer.recv (greeting_size, 5000);
    const uint64_t size = greeted_region_size (theirs);
    if (size == 0)
        skip ("the other end has no ring");
    CHECK_EQ (size % least_region_size, uint64_t (0));
    void *const region = scif ().map (nullptr, size, read_and_write, 0, _peer.descriptor (),
                                      static_cast<off_t> (get_number (theirs, offset_pos)));
    if (region == MAP_FAILED)
        FAIL ("the other end's memory can't be mapped: %s", strerror (errno));
    _remote = static_cast<unsigned char *> (region);
    _peer_ring_size = size - control_size;
    if (_peer.accepted ())
        CHECK (_peer.send (greeting ()));
}

void RawRing::agree ()
{
    if (_peer.accepted ())
        CHECK_EQ (_peer.recv (1, 5000), std::string ("R"));
    else
        CHECK (_peer.send ("R"));
}

void RawRing::open (const std::string &socket_type)
{
    greet ();
    agree ();
    std::string ready ("\5READY\xbSocket-Type\0\0\0", 21);
    ready += static_cast<char> (socket_type.size ());
    ready += socket_type;
    //  As libzmq does. Without it a socket that asks for the identity copies no bytes from nowhere (mechanism.cpp),
    //  which UBSan minds.
    ready += std::string ("\x8Identity\0\0\0\0", 13);
    put (zmtp_greeting ());
    CHECK_EQ (take (64, 5000).size (), size_t (64));
    put (std::string ("\4") + static_cast<char> (ready.size ()) + ready);
    const std::string command = take (2, 5000);
    CHECK_EQ (command.substr (0, 1), std::string ("\4"));
    const size_t size = static_cast<unsigned char> (command[1]);
    CHECK_EQ (take (size, 5000).substr (0, 6), std::string ("\5READY"));
}

void RawRing::put (const std::string &bytes)
{
    put_silently (bytes);
    ring_bell ();
}

void RawRing::put_silently (const std::string &bytes)
{
    for (const char byte : bytes)
        _remote[control_size + _head++ % _peer_ring_size] = static_cast<unsigned char> (byte);
    set (Word::head, _head);
}

void RawRing::put_message (const std::string &body)
{
    CHECK (body.size () < 256);
    put (std::string (1, '\0') + static_cast<char> (body.size ()) + body);
}

std::string RawRing::take (size_t wanted, double milliseconds)
{
    std::string bytes;
    eventually (milliseconds, [&] {
        const uint64_t head = __atomic_load_n (word_at<uint64_t> (_local, Word::head), __ATOMIC_ACQUIRE);
        CHECK (head - _tail <= _region_size - control_size);
        for (; _tail != head && bytes.size () < wanted; ++_tail)
            bytes += static_cast<char> (_local[control_size + _tail % (_region_size - control_size)]);
        return bytes.size () >= wanted;
    });
    set (Word::tail, _tail);
    return bytes;
}

void RawRing::set (Word word, uint64_t value)
{
    if (word == Word::head || word == Word::tail)
        __atomic_store_n (word_at<uint64_t> (_remote, word), value, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n (word_at<uint32_t> (_remote, word), static_cast<uint32_t> (value), __ATOMIC_SEQ_CST);
}

uint32_t RawRing::sleeps () const
{
    return __atomic_load_n (word_at<uint32_t> (_local, Word::sleeping), __ATOMIC_ACQUIRE);
}

void RawRing::ring_bell ()
{
    _peer.send (std::string (1, '\0'));
}
}
