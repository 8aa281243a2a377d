// SPDX-License-Identifier: MPL-2.0
//
// Connected SCIF endpoints within one process, and a peer that speaks the protocol of the stream by hand.

#ifndef RING_TESTS_ENDPOINTS_HPP
#define RING_TESTS_ENDPOINTS_HPP

#include "harness.hpp"
#include "memory.hpp"

#include <cstddef>
#include <cstdint>

namespace rt
{
/// Connects two endpoints of this process. The caller closes them.
void connect_endpoints (int *accepted, int *connected);

enum
{
    greeting_size = 64,
    version_pos = 8,
    ring_size_pos = 16,
    offset_pos = 24
};

/// The greeting of a peer with a ring of that size at that offset.
void make_greeting (unsigned char *greeting, uint64_t ring_size, uint64_t offset);

uint64_t get_uint64 (const unsigned char *data);
void put_uint64 (unsigned char *data, uint64_t value);

/// The other end of a stream's connection: a bare endpoint.
class raw_peer_t
{
  public:
    /// Takes over the endpoint.
    explicit raw_peer_t (int epd);
    ~raw_peer_t ();
    raw_peer_t (const raw_peer_t &) = delete;
    raw_peer_t &operator= (const raw_peer_t &) = delete;

    void send (const void *data, size_t size);

    /// Receives exactly that much.
    void receive (void *data, size_t size);

    /// Receives what is there; -1 if the other end has gone.
    int receive_some (void *data, size_t size);

    /// Registers a region for a ring of that size. Returns its offset.
    uint64_t register_region (size_t ring_size, int prot);

    /// Sends a greeting with a region of its own, receives that of the stream and maps its region.
    void exchange_greetings (size_t ring_size);

    /// Ends the connection in the order that SCIF needs.
    void close ();

    int epd () const { return _epd; }

    /// The peer's own region, which the stream writes to.
    unsigned char *region () const { return _region; }

    /// The stream's region, mapped.
    unsigned char *mapped () const { return _mapped; }
    size_t mapped_ring_size () const { return _mapped_size - page_size; }

  private:
    int _epd;
    unsigned char *_region;
    size_t _region_size;
    unsigned char *_mapped;
    size_t _mapped_size;
};
}

#endif
