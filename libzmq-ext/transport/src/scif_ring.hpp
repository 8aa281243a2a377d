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
//  control words are written by the other end, and none is trusted.
//
//  Whoever changes an index looks, behind a full barrier, for whether the other
//  end sleeps and needs a bell, and whoever goes to sleep looks, behind a full
//  barrier, at the index once more. That somebody sleeps is told by a number
//  that changes with each time, as a flag would have two writers.
class scif_ring_t
{
  public:
    //  A region is a multiple of 64 KiB, which every page size divides.
    enum
    {
        region_unit = 65536,
        max_region_size = 64 << 20
    };
    static bool is_valid_region_size (uint64_t size_)
    {
        return size_ > 0 && size_ <= max_region_size
               && size_ % region_unit == 0;
    }

    scif_ring_t () : _in (), _out () {}

    //  Gives the memory to receive in, zeroed.
    void set_local (void *region_, size_t region_size_);

    //  Gives the mapped memory of the other end, and how much of its ring to
    //  fill at most. If the memory is that of another node, 'epd_' and
    //  'offset_' say how to reach it by DMA, else 'epd_' is -1.
    void set_remote (void *region_,
                     size_t region_size_,
                     size_t limit_,
                     int epd_,
                     int64_t offset_);

    //  Moves bytes out of the local ring, or into the remote one. Returns their
    //  number, which may be 0, or -1 with errno set to EPROTO if the other end
    //  has broken the rules, or to what DMA has failed with.
    int read (void *data_, size_t size_);
    int write (const void *data_, size_t size_);

    //  True if read, or write, has something to do, be it to report an error.
    bool is_readable () const;
    bool is_writable () const;

    //  Tells the other end that only a bell will have read, or write, called
    //  again. Returns false if it has something to do after all.
    bool sleep ();
    bool wait ();

    //  Returns true, once for each time, if the other end has to be woken up
    //  for what was read or written. Has to be called after either.
    bool must_ring ();

  private:
    //  A control word has a cache line of its own.
    enum
    {
        line_size = 64,
        control_size = 4096
    };
    struct control_t
    {
        //  How many bytes have ever been written to this ring, and read from
        //  the other one.
        uint64_t head;
        char pad1[line_size - sizeof (uint64_t)];
        uint64_t tail;
        char pad2[line_size - sizeof (uint64_t)];

        //  Change each time that the writer goes to sleep for data, or space.
        uint32_t sleeping;
        char pad3[line_size - sizeof (uint32_t)];
        uint32_t waiting;
        char pad4[line_size - sizeof (uint32_t)];
    };

    //  Tells the other end what was read.
    void publish_tail ();

    //  Makes all that was written before visible to the other end before
    //  anything is read after.
    void full_barrier () const;

    int copy_out (size_t pos_, const unsigned char *data_, size_t size_);

    //  The local ring, what has been read, and what the other end knows of it;
    //  the last sleep, and its last wait that was rung for.
    struct in_t
    {
        const control_t *control;
        const unsigned char *data;
        size_t size;
        uint64_t tail;
        uint64_t published_tail;
        uint32_t sleeping;
        uint32_t rung_waiting;
        bool freed;
    } _in;

    //  The same for the remote ring, and how to reach it by DMA.
    struct out_t
    {
        control_t *control;
        unsigned char *data;
        size_t size;
        size_t limit;
        uint64_t head;
        uint64_t acknowledged;
        uint32_t waiting;
        uint32_t rung_sleeping;
        bool wrote;
        int epd;
        int64_t offset;
    } _out;

    ZMQ_NON_COPYABLE_NOR_MOVABLE (scif_ring_t)
};
}

#endif

#endif
