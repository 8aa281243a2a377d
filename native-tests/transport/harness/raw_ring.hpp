// SPDX-License-Identifier: MPL-2.0
//
// A peer that speaks the ring protocol of the transport by hand: in order, so that it gets as far as it likes, and
// then as badly as a test wants. Written from the layout, not from the transport's sources, so that it notices when
// the two part.

#pragma once

#include "raw.hpp"

namespace tt
{
/// A control word in the other end's memory.
enum class Word
{
    head = 0,       ///< bytes ever written to the other end's ring (64 bits)
    tail = 64,      ///< bytes ever read from the own ring (64 bits)
    sleeping = 128, ///< changes when this end goes to sleep for data (32 bits)
    waiting = 192   ///< changes when this end goes to sleep for space (32 bits)
};

class RawRing
{
  public:
    /// The ring of this end.
    static const size_t ring_size = 65536;

    explicit RawRing (RawPeer &&peer);
    RawRing (RawRing &&other) = delete;
    ~RawRing ();

    RawPeer &endpoint () { return _peer; }

    /// What a well-behaved end says first. Registers the memory that it tells of.
    std::string greeting ();
    /// Exchanges greetings, and maps the other end's memory. Skips the scenario if the other end has none.
    void greet ();
    /// Exchanges answers: from here on the bytes go through the rings.
    void agree ();
    /// All of that, and the handshake of ZMTP with the NULL mechanism, as a socket of this type.
    void open (const std::string &socket_type);

    /// Writes to the other end's ring, which must have space, and rings the bell.
    void put (const std::string &bytes);
    /// The same without the bell, which is right only as long as the other end is not asleep.
    void put_silently (const std::string &bytes);
    /// What comes within `milliseconds`, until there are `wanted` bytes.
    std::string take (size_t wanted, double milliseconds);
    /// Sends a message of one frame.
    void put_message (const std::string &body);

    void set (Word word, uint64_t value);
    void ring_bell ();
    /// How often the other end has gone to sleep for data.
    uint32_t sleeps () const;
    /// Bytes written to the other end's ring.
    uint64_t head () const { return _head; }
    /// Bytes read from the own ring.
    uint64_t tail () const { return _tail; }
    /// The size of the other end's ring.
    size_t peer_ring_size () const { return _peer_ring_size; }

  private:
    RawPeer _peer;
    unsigned char *_local = nullptr;
    unsigned char *_remote = nullptr;
    size_t _peer_ring_size = 0;
    uint64_t _head = 0;
    uint64_t _tail = 0;
};
}
