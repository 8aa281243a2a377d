// SPDX-License-Identifier: MPL-2.0
//
// A peer that speaks the ring protocol of the transport by hand: in order, so that it gets as far as it likes, and
// then as badly as a test wants. Written from the layout, not from the transport's sources, so that it notices when
// the two part.

#pragma once

#include "raw.hpp"

namespace tt
{
/// What an end says first: where its region is and how large, 0 if it has none.
std::string scif_greeting (uint64_t region_size, uint64_t offset);
/// The size of the region that a greeting tells of. Fails the scenario if it is no greeting.
uint64_t greeted_region_size (const std::string &greeting);
/// Exchanges greetings with the other end, and has no ring: ZMTP goes through the endpoint from here on.
void greet_without_ring (RawPeer &peer);
/// ZMTP's greeting, version 3.1 with the NULL mechanism.
std::string zmtp_greeting ();

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
    /// Control words, and the ring behind them.
    static const size_t least_region_size = 65536;
    static const size_t control_size = 4096;

    explicit RawRing (RawPeer &&peer, size_t region_size = least_region_size);
    RawRing (RawRing &&other) = delete;
    ~RawRing ();

    RawPeer &endpoint () { return _peer; }

    /// What a well-behaved end says first. Registers the memory that it tells of.
    std::string greeting ();
    /// Exchanges greetings, the connecter's first, and maps the other end's memory. Skips the scenario if the other end
    /// has none.
    void greet ();
    /// The connecter's answer, sent or awaited: from here on the bytes go through the rings.
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
    const size_t _region_size;
    unsigned char *_local = nullptr;
    unsigned char *_remote = nullptr;
    size_t _peer_ring_size = 0;
    uint64_t _head = 0;
    uint64_t _tail = 0;
};
}
