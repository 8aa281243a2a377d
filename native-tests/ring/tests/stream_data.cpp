// SPDX-License-Identifier: MPL-2.0
//
// Two streams, each in a thread that waits for its descriptor as an I/O thread does: all that is written arrives,
// unaltered, in every mode, and nobody is left waiting.

#include "random.hpp"
#include "scif_hooks.hpp"
#include "stream_holder.hpp"

#include <cstring>
#include <thread>
#include <vector>

namespace
{
struct setup_t
{
    bool same_node;
    //  False: one end can't register memory.
    bool rings;
    rt::buffers_t buffers[2];
    size_t max_chunk;
    uint64_t bytes[2];
    //  Once in that many turns an end does not want to read for a while. 0: never.
    uint64_t pause_one_in;
};

//  More calls than that per event are not made, so that other descriptors of the thread have their turn.
const int max_calls = 64;

struct end_t
{
    rt::stream_holder_t *stream;
    uint64_t to_write;
    uint64_t to_read;
    uint64_t written;
    uint64_t read;
};

void read_some (end_t &self, rt::random_t &random, std::vector<unsigned char> &buffer)
{
    for (int i = 0; i != max_calls; ++i) {
        const int rc = (*self.stream)->read (buffer.data (), 1 + random.below (buffer.size ()));
        if (rc == -1) {
            CHECK_EQ (errno, EAGAIN);
            if ((*self.stream)->read_is_signalled ())
                return;
            continue;
        }
        CHECK (rc > 0);
        for (int k = 0; k != rc; ++k)
            if (buffer[k] != rt::stream_byte (self.read + k))
                FAIL ("byte %d of %d at position %llu is wrong", k, rc, static_cast<unsigned long long> (self.read));
        self.read += rc;
        CHECK (self.read <= self.to_read);
    }
}

void write_some (end_t &self, rt::random_t &random, std::vector<unsigned char> &buffer)
{
    for (int i = 0; i != max_calls && self.written != self.to_write; ++i) {
        size_t size = 1 + random.below (buffer.size ());
        if (size > self.to_write - self.written)
            size = static_cast<size_t> (self.to_write - self.written);
        for (size_t k = 0; k != size; ++k)
            buffer[k] = rt::stream_byte (self.written + k);
        const bool sure = (*self.stream)->has_space (size);
        const int rc = (*self.stream)->write (buffer.data (), size);
        if (rc == -1)
            FAIL ("write fails with errno %d", errno);
        if (sure)
            CHECK_EQ (rc, size);
        self.written += rc;
        if (static_cast<size_t> (rc) < size)
            return;
    }
}

void run (end_t &self, const setup_t &setup, uint64_t seed)
{
    rt::random_t random (seed);
    std::vector<unsigned char> buffer (setup.max_chunk);
    rt::stream_holder_t &stream = *self.stream;
    //  How many milliseconds not to read for.
    int pause = 0;
    const int patience = static_cast<int> (20000 * rt::timeout_factor ());
    while (self.written != self.to_write || self.read != self.to_read) {
        //  An engine always wants to read until the handshake is done.
        const bool settled = self.read != 0 || self.written != 0;
        if (pause == 0 && settled && setup.pause_one_in != 0 && random.one_in (setup.pause_one_in))
            pause = static_cast<int> (1 + random.below (3));
        const bool want_in = pause == 0;
        stream->watch (want_in, self.written != self.to_write);
        if (want_in)
            read_some (self, random, buffer);
        else
            stream->ignore_input ();
        if (self.written != self.to_write)
            write_some (self, random, buffer);
        const bool want_out = self.written != self.to_write;
        stream->watch (want_in, want_out);
        stream->wake ((want_in && !stream->read_is_signalled ()) || (want_out && !stream->write_is_signalled ()));
        if (!want_out && self.read == self.to_read)
            return;

        if (!stream.is_readable (pause != 0 ? pause : patience) && pause == 0)
            FAIL ("not woken up: read %llu of %llu, written %llu of %llu", static_cast<unsigned long long> (self.read),
                  static_cast<unsigned long long> (self.to_read), static_cast<unsigned long long> (self.written),
                  static_cast<unsigned long long> (self.to_write));
        pause = 0;
    }
}

void transfer (const setup_t &setup)
{
    rt::streams_t streams (setup.same_node, setup.buffers[0], setup.buffers[1]);
    if (!setup.rings) {
        rt::scif_hooks.mmap_errno = ENOMEM;
        char byte;
        CHECK_ERRNO ((*streams.a)->read (&byte, 1), EAGAIN);
        rt::scif_hooks.mmap_errno = 0;
    }
    end_t a = {streams.a.get (), setup.bytes[0], setup.bytes[1], 0, 0};
    end_t b = {streams.b.get (), setup.bytes[1], setup.bytes[0], 0, 0};
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
const rt::buffers_t small = {4096, 4096};
const rt::buffers_t tiny = {7, 4096};
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

TEST_WITHIN (tiny_limits, 60)
{
    const setup_t setup = {true, true, {tiny, tiny}, 30, {MiB / 8, MiB / 8}, 0};
    transfer (setup);
}

TEST_WITHIN (tiny_limits_with_pauses, 60)
{
    const setup_t setup = {true, true, {tiny, tiny}, 30, {MiB / 32, MiB / 32}, 100};
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
