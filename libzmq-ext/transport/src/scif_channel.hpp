/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_CHANNEL_HPP_INCLUDED__
#define __ZMQ_SCIF_CHANNEL_HPP_INCLUDED__

#include <stddef.h>
#include <sys/types.h>

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "scif_address.hpp"
#include "scif_ring.hpp"

namespace zmq
{
struct options_t;

//  A connected SCIF endpoint, and the memory that its two ends have agreed to
//  write to.
//
//  The connecting end registers memory, and greets with where it is. Then the
//  accepting end maps it, registers its own and greets with that. At last the
//  connecting end answers whether it could map that too. If not, or if either
//  end has no memory, the endpoint carries the bytes; else it carries bells,
//  each a byte, for whoever sleeps. All this belongs in a thread that may wait.
class scif_channel_t
{
  public:
    //  Takes over an endpoint, and closes it in the end.
    scif_channel_t (int epd_, const options_t &options_);
    ~scif_channel_t ();

    //  Tells where the ends are, once the endpoint is connected.
    void set_addresses (const scif_address_t &local_,
                        const scif_address_t &remote_)
    {
        _local = local_;
        _remote = remote_;
    }

    //  Begins the greeting, as the connecting end, or goes on with it, as far
    //  as what has arrived allows. Returns 0 when it is over, or -1 and sets
    //  errno: EAGAIN if more has to arrive, ECONNRESET if the peer has gone,
    //  EPROTO if it does not greet like this.
    int greet ();
    int agree ();

    //  Returns the number of bytes, for send 0 if there is no space, or -1 with
    //  ECONNRESET if the peer has gone, for receive EAGAIN if there is nothing.
    int send (const void *data_, size_t size_);
    int receive (void *data_, size_t size_);

    int epd () const { return _epd; }
    const scif_address_t &local () const { return _local; }
    const scif_address_t &remote () const { return _remote; }

    //  The rings, or NULL if the endpoint carries the bytes.
    scif_ring_t *rings () { return _region && _peer_region ? &_rings : NULL; }

  private:
    enum
    {
        greeting_size = 64,
        use_rings = 'R',
        use_endpoint = 'E'
    };

    int poll (int events_) const;
    int send_all (const void *data_, int size_);
    int send_greeting ();
    int receive_greeting ();
    void register_region ();
    bool try_to_register (size_t size_);
    bool map_peer ();
    void free_memory ();
    void unmap_memory ();

    const int _epd;
    scif_address_t _local;
    scif_address_t _remote;

    //  How much memory to receive in, and how much of the peer's to fill.
    const size_t _wanted_size;
    const size_t _limit;

    //  Whether this end greets first, and what has come of the peer's greeting.
    bool _connecting;
    unsigned char _greeting[greeting_size];
    size_t _greeting_bytes;

    //  This end's memory, and the mapped memory of the peer, or NULL.
    void *_region;
    size_t _region_size;
    off_t _offset;
    void *_peer_region;
    size_t _peer_region_size;

    scif_ring_t _rings;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_channel_t)
};
}

#endif

#endif
