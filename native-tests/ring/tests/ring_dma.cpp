// SPDX-License-Identifier: MPL-2.0
//
// A ring on another node: what is large goes by DMA. The DMA engine is played by the test.

#include "memory.hpp"
#include "random.hpp"
#include "scif_hooks.hpp"

#include <scif.h>

#include <cstring>
#include <vector>

namespace
{
const size_t ring_size = 1 << 18;
const int some_epd = 77;
const off_t some_offset = 0x7000000;

rt::region_t *target;
size_t dma_calls;
size_t dma_bytes;
int dma_errno;

int play_dma (int epd, void *addr, size_t len, off_t offset, int flags)
{
    CHECK_EQ (epd, some_epd);
    //  Without this the data might arrive after the index.
    CHECK ((flags & SCIF_RMA_SYNC) != 0);
    //  Only the ring, never the control words.
    CHECK (len > 0 && len <= ring_size);
    CHECK (offset >= some_offset + rt::page_size);
    CHECK (offset + static_cast<off_t> (len) <= some_offset + rt::page_size + static_cast<off_t> (ring_size));
    ++dma_calls;
    dma_bytes += len;
    if (dma_errno != 0) {
        errno = dma_errno;
        return -1;
    }
    memcpy (static_cast<unsigned char *> (target->get ()) + (offset - some_offset), addr, len);
    return 0;
}

struct dma_pair_t
{
    dma_pair_t () : a_region (ring_size), b_region (ring_size)
    {
        a.set_local (a_region.get (), ring_size);
        a.set_remote (b_region.get (), ring_size, SIZE_MAX, some_epd, some_offset);
        b.set_local (b_region.get (), ring_size);
        b.set_remote (a_region.get (), ring_size, SIZE_MAX, -1, 0);
        target = &b_region;
        dma_calls = dma_bytes = 0;
        dma_errno = 0;
        rt::scif_hooks.vwriteto = play_dma;
    }

    rt::region_t a_region;
    rt::region_t b_region;
    zmq::scif_ring_t a;
    zmq::scif_ring_t b;
};
}

TEST (large_writes_go_by_dma)
{
    dma_pair_t pair;
    rt::random_t random (rt::seed ());
    std::vector<unsigned char> data (ring_size);
    std::vector<unsigned char> received (ring_size);
    uint64_t position = 0;
    uint64_t small = 0;
    for (int i = 0; i != 400; ++i) {
        const size_t size = static_cast<size_t> (random.one_in (2) ? random.below (1000) : random.below (ring_size));
        for (size_t k = 0; k != size; ++k)
            data[k] = rt::stream_byte (position + k);
        CHECK_EQ (pair.a.write (data.data (), size), size);
        CHECK_EQ (pair.b.read (received.data (), ring_size), size);
        CHECK_EQ (memcmp (data.data (), received.data (), size), 0);
        CHECK (pair.b.sleep ());
        position += size;
        small += size < 1000 ? size : 0;
    }
    CHECK (dma_calls > 50);
    CHECK (dma_bytes <= position - small);
    CHECK (dma_bytes > position / 2);
}

TEST (failed_dma_is_not_told_of)
{
    dma_pair_t pair;
    std::vector<unsigned char> data (ring_size);
    CHECK_EQ (pair.a.write (data.data (), 100000), 100000);
    dma_errno = ECONNRESET;
    CHECK_ERRNO (pair.a.write (data.data (), 100000), ECONNRESET);
    CHECK_EQ (pair.b_region.load_head (), 100000);
}

//  Memory that can't be pinned is left to the processor.
TEST (what_dma_does_not_take_is_copied)
{
    dma_pair_t pair;
    std::vector<unsigned char> data (ring_size);
    std::vector<unsigned char> received (ring_size);
    for (size_t k = 0; k != ring_size; ++k)
        data[k] = rt::stream_byte (k);
    for (const int error : {EFAULT, ENOMEM, EAGAIN}) {
        dma_errno = error;
        dma_calls = 0;
        CHECK_EQ (pair.a.write (data.data (), 100000), 100000);
        CHECK (dma_calls > 0);
        CHECK_EQ (pair.b.read (received.data (), ring_size), 100000);
        CHECK_EQ (memcmp (data.data (), received.data (), 100000), 0);
        CHECK (pair.b.sleep ());
    }
}
