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
const size_t page_size = 4096;
const size_t greeting_size = 64;
const char magic[] = "SCIFZMTP";
const unsigned char version = 1;
const size_t version_pos = 8, ring_size_pos = 16, offset_pos = 24;
const size_t local_size = page_size + RawRing::ring_size;

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

RawRing::RawRing (RawPeer &&peer) : _peer (std::move (peer))
{
    void *const region = mmap (nullptr, local_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK (region != MAP_FAILED);
    _local = static_cast<unsigned char *> (region);
}

RawRing::~RawRing ()
{
    //  As long as the other end's memory is mapped the connection stays open.
    if (_remote)
        CHECK_RC (scif ().unmap (_remote, page_size + _peer_ring_size));
    _peer.close ();
    CHECK_RC (munmap (_local, local_size));
}

std::string RawRing::greeting ()
{
    //  What was registered before counts against the limit on locked memory until the other end has let go of it.
    off_t offset = -1;
    eventually (3000, [&] {
        offset = scif ().enroll (_peer.descriptor (), _local, local_size, 0, read_and_write, 0);
        return offset != -1 || errno != EAGAIN;
    });
    if (offset == -1)
        skip ("no memory can be registered: %s", strerror (errno));
    std::string bytes (greeting_size, '\0');
    bytes.replace (0, strlen (magic), magic);
    bytes[version_pos] = version;
    put_number (bytes, ring_size_pos, ring_size);
    put_number (bytes, offset_pos, static_cast<uint64_t> (offset));
    return bytes;
}

void RawRing::greet ()
{
    CHECK (_peer.send (greeting ()));
    const std::string theirs = _peer.recv (greeting_size, 5000);
    CHECK (theirs.size () >= greeting_size);
    CHECK_EQ (theirs.substr (0, strlen (magic)), std::string (magic));
    CHECK_EQ (theirs[version_pos], static_cast<char> (version));
    _peer_ring_size = get_number (theirs, ring_size_pos);
    if (_peer_ring_size == 0)
        skip ("the other end has no ring");
    void *const region = scif ().map (nullptr, page_size + _peer_ring_size, read_and_write, 0, _peer.descriptor (),
                                      static_cast<off_t> (get_number (theirs, offset_pos)));
    if (region == MAP_FAILED)
        FAIL ("the other end's memory can't be mapped: %s", strerror (errno));
    _remote = static_cast<unsigned char *> (region);
    //  The other end's answer may have come with its greeting.
    CHECK_EQ ((theirs + _peer.recv (greeting_size + 1 - theirs.size (), 5000)).substr (greeting_size), std::string ("R"));
}

void RawRing::agree ()
{
    CHECK (_peer.send ("R"));
}

void RawRing::open (const std::string &socket_type)
{
    greet ();
    agree ();
    std::string zmtp ("\xff\0\0\0\0\0\0\0\1\x7f\3\1NULL", 16);
    zmtp.resize (64, '\0');
    std::string ready ("\5READY\xbSocket-Type\0\0\0", 21);
    ready += static_cast<char> (socket_type.size ());
    ready += socket_type;
    //  As libzmq does. Without it a socket that asks for the identity copies no bytes from nowhere (mechanism.cpp),
    //  which UBSan minds.
    ready += std::string ("\x8Identity\0\0\0\0", 13);
    put (zmtp);
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
        _remote[page_size + (_head++ & (_peer_ring_size - 1))] = static_cast<unsigned char> (byte);
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
        CHECK (head - _tail <= ring_size);
        for (; _tail != head && bytes.size () < wanted; ++_tail)
            bytes += static_cast<char> (_local[page_size + (_tail & (ring_size - 1))]);
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
