// SPDX-License-Identifier: MPL-2.0
//
// Two streams, each in a thread that waits for its descriptor as an I/O thread does: all that is written arrives,
// unaltered, in every mode, and nobody is left waiting.

#include "random.hpp"
#include "scif_hooks.hpp"
#include "streams.hpp"

#include <thread>
#include <vector>

namespace
{
struct setup_t
{
    bool same_node;
    //  False: one end can't map memory.
    bool rings;
    rt::buffers_t buffers[2];
    size_t max_chunk;
    uint64_t bytes[2];
    //  Once in that many turns an end does not want to read for a while. 0: never.
    uint64_t pause_one_in;
};

//  More rounds than that per event are not made, so that other descriptors of the thread have their turn.
const int max_rounds = 16;

struct end_t
{
    const rt::stream_holder_t &stream;
    const uint64_t to_write;
    const uint64_t to_read;
    uint64_t written;
    uint64_t read;

    bool is_done () const { return written == to_write && read == to_read; }
};

void read_some (end_t &self, rt::random_t &random, std::vector<unsigned char> &buffer)
{
    const int rc = self.stream->read (buffer.data (), 1 + random.below (buffer.size ()));
    if (rc == -1) {
        CHECK_EQ (errno, EAGAIN);
        return;
    }
    CHECK (rc > 0);
    for (int k = 0; k != rc; ++k)
        if (buffer[k] != rt::stream_byte (self.read + k))
            FAIL ("byte %d of %d at position %llu is wrong", k, rc, static_cast<unsigned long long> (self.read));
    self.read += rc;
    CHECK (self.read <= self.to_read);
}

void write_some (end_t &self, rt::random_t &random, std::vector<unsigned char> &buffer)
{
    size_t size = 1 + random.below (buffer.size ());
    if (size > self.to_write - self.written)
        size = static_cast<size_t> (self.to_write - self.written);
    for (size_t k = 0; k != size; ++k)
        buffer[k] = rt::stream_byte (self.written + k);
    const int rc = self.stream->write (buffer.data (), size);
    if (rc == -1)
        FAIL ("write fails with errno %d", errno);
    self.written += rc;
}

//  As an engine does: what there is to do, then what there is to wait for.
void run (end_t &self, const setup_t &setup, uint64_t seed)
{
    rt::random_t random (seed);
    std::vector<unsigned char> buffer (setup.max_chunk);
    const int patience = static_cast<int> (20000 * rt::timeout_factor ());
    while (!self.is_done ()) {
        //  How many milliseconds not to read for.
        const bool pauses = setup.pause_one_in != 0 && random.one_in (setup.pause_one_in);
        const int pause = pauses ? static_cast<int> (1 + random.below (3)) : 0;
        bool ready = true;
        for (int i = 0; ready && i != max_rounds; ++i) {
            if (self.written != self.to_write)
                write_some (self, random, buffer);
            if (!pauses)
                read_some (self, random, buffer);
            if (self.is_done ())
                return;
            ready = !self.stream->wait (!pauses, self.written != self.to_write);
        }
        if (ready)
            self.stream->wake ();
        if (!self.stream.is_readable (pauses ? pause : patience) && !pauses)
            FAIL ("not woken up: read %llu of %llu, written %llu of %llu", static_cast<unsigned long long> (self.read),
                  static_cast<unsigned long long> (self.to_read), static_cast<unsigned long long> (self.written),
                  static_cast<unsigned long long> (self.to_write));
    }
}

void transfer (const setup_t &setup)
{
    rt::scif_hooks.mmap_errno = setup.rings ? 0 : ENOMEM;
    rt::streams_t streams (setup.same_node, setup.buffers[0], setup.buffers[1]);
    CHECK_EQ (streams.has_rings, setup.rings);
    end_t a = {*streams.a, setup.bytes[0], setup.bytes[1], 0, 0};
    end_t b = {*streams.b, setup.bytes[1], setup.bytes[0], 0, 0};
    const int64_t begin = rt::now_ms ();
    std::thread other (run, std::ref (b), std::cref (setup), rt::seed () + 1);
    run (a, setup, rt::seed ());
    other.join ();
    rt::note ("%llu bytes in %lld ms", static_cast<unsigned long long> (a.read + b.read),
              static_cast<long long> (rt::now_ms () - begin));

    //  In order, to the end.
    streams.a.reset ();
    char byte;
    CHECK_EQ (streams.b->read_or_error (&byte, 1), -1);
    CHECK_EQ (errno, ECONNRESET);
}

const rt::buffers_t standard = {-1, -1};
//  As small as they get.
const rt::buffers_t small = {1, 1};
const uint64_t MiB = 1 << 20;
}

TEST_WITHIN (rings_both_ways, 60)
{
    const setup_t setup = {true, true, {standard, standard}, 200000, {100 * MiB, 100 * MiB}, 0};
    transfer (setup);
}

TEST_WITHIN (rings_one_way, 60)
{
    const setup_t setup = {true, true, {standard, standard}, 10000, {100 * MiB, 0}, 0};
    transfer (setup);
}

TEST_WITHIN (rings_with_pauses, 60)
{
    const setup_t setup = {true, true, {standard, small}, 100000, {50 * MiB, 10 * MiB}, 50};
    transfer (setup);
}

TEST_WITHIN (small_rings, 60)
{
    const setup_t setup = {true, true, {small, small}, 6000, {10 * MiB, 10 * MiB}, 0};
    transfer (setup);
}

TEST_WITHIN (small_rings_with_pauses, 60)
{
    const setup_t setup = {true, true, {small, small}, 30000, {4 * MiB, 4 * MiB}, 100};
    transfer (setup);
}

TEST_WITHIN (other_node, 60)
{
    const setup_t setup = {false, true, {standard, standard}, 200000, {100 * MiB, 100 * MiB}, 0};
    transfer (setup);
}

TEST_WITHIN (other_node_with_pauses, 60)
{
    const setup_t setup = {false, true, {standard, {1 << 18, 1 << 18}}, 300000, {30 * MiB, 30 * MiB}, 50};
    transfer (setup);
}

TEST_WITHIN (endpoint_both_ways, 60)
{
    const setup_t setup = {true, false, {standard, standard}, 20000, {10 * MiB, 10 * MiB}, 0};
    transfer (setup);
}

TEST_WITHIN (endpoint_with_pauses, 60)
{
    const setup_t setup = {true, false, {standard, small}, 5000, {2 * MiB, 2 * MiB}, 50};
    transfer (setup);
}
