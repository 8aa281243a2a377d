/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __ZMQ_SCIF_RING_HPP_INCLUDED__
#define __ZMQ_SCIF_RING_HPP_INCLUDED__

#include <stddef.h>

#include "platform.hpp"

#if defined ZMQ_HAVE_SCIF

#include "macros.hpp"
#include "stdint.hpp"

namespace zmq
{
//  The two rings by which the ends of a connection write into each other's
//  memory.
//
//  Each end has a region of memory that the other one has mapped: a page of
//  control words, and behind it the ring that the other end writes to. All
//  control words are written by the other end and read by the owner, so each
//  has one writer only, and no one ever reads across the bus but to flush.
//
//  Nobody sleeps without having said so, and nobody who has said so is left
//  without a bell: whoever changes an index looks, behind a full barrier, for
//  whether the other end sleeps, and whoever goes to sleep looks, behind a
//  full barrier, at the index once more. That somebody sleeps is told by a
//  number that changes with each time, as a flag would have two writers.
//
//  No word that the other end writes is trusted.
class scif_ring_t
{
  public:
    //  A region consists of a page of control words and a ring, whose size
    //  is a power of two from 4 KiB to 1 GiB.
    static size_t region_size (size_t ring_size_);
    static bool is_valid_size (uint64_t ring_size_);

    scif_ring_t ();

    //  Gives the memory to receive in, zeroed.
    void set_local (void *region_, size_t ring_size_);

    //  Gives the mapped memory of the other end, and how much of its ring to
    //  fill at most. If the memory is that of another node, 'epd_' and
    //  'offset_' say how to reach it by DMA, else 'epd_' is -1.
    void set_remote (void *region_,
                     size_t ring_size_,
                     size_t limit_,
                     int epd_,
                     int64_t offset_);

    //  Moves what is there out of the local ring. Returns the number of bytes,
    //  which may be 0, or -1 with errno set to EPROTO if the other end has
    //  broken the rules.
    int read (void *data_, size_t size_);

    //  Moves what there is space for into the remote ring. Returns the number
    //  of bytes, which may be 0, or -1 with errno set to EPROTO if the other
    //  end has broken the rules, or to what DMA has failed with.
    int write (const void *data_, size_t size_);

    //  Tells the other end what was read, which read does now and then only.
    void publish_tail ();

    //  True iff read has something to do, be it to report an error.
    bool is_readable () const;

    //  The number of bytes that a call of write is sure to take.
    size_t space () const;

    //  Tells the other end that from now on only a bell will have read called
    //  again. Returns false if there is something to read after all.
    bool sleep ();

    //  The same for write, and for space.
    bool wait ();

    //  Returns true, once for each time, if the other end has to be woken up
    //  for what was read or written. Has to be called after either.
    bool must_ring ();

  private:
    //  A control word has a cache line of its own.
    enum
    {
        line_size = 64,
        page_size = 4096
    };
    struct control_t
    {
        //  How many bytes have ever been written to this ring.
        uint64_t head;
        char pad1[line_size - sizeof (uint64_t)];
        //  How many bytes have ever been read from the ring of the writer.
        uint64_t tail;
        char pad2[line_size - sizeof (uint64_t)];
        //  Changes each time that the writer goes to sleep for data.
        uint32_t sleeping;
        char pad3[line_size - sizeof (uint32_t)];
        //  Changes each time that the writer goes to sleep for space.
        uint32_t waiting;
        char pad4[line_size - sizeof (uint32_t)];
    };

    //  Makes what was copied to the remote ring visible to the other end
    //  before anything that is written after.
    void flush () const;

    //  Makes all that was written before visible to the other end before
    //  anything is read after.
    void full_barrier () const;

    //  Copies to the remote ring.
    int copy_out (size_t pos_, const unsigned char *data_, size_t size_);

    //  Local ring.
    const control_t *_local;
    const unsigned char *_local_data;
    size_t _local_size;
    uint64_t _tail;
    uint64_t _published_tail;

    //  Remote ring.
    control_t *_remote;
    unsigned char *_remote_data;
    size_t _remote_size;
    size_t _limit;
    uint64_t _head;
    uint64_t _acknowledged;

    //  How to reach the remote ring by DMA, if _epd is not -1.
    int _epd;
    int64_t _offset;

    //  The numbers given when going to sleep.
    uint32_t _sleeping;
    uint32_t _waiting;

    //  The numbers of the other end for which the bell was rung.
    uint32_t _rung_sleeping;
    uint32_t _rung_waiting;

    //  True iff something was read or written that the other end may be
    //  sleeping for.
    bool _wrote;
    bool _freed;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_ring_t)
};
}

#endif

#endif
