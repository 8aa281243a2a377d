// SPDX-License-Identifier: MPL-2.0
//
// How a stream and its peer come to an agreement, and what becomes of peers that do not keep to it.

#include "random.hpp"
#include "scif_hooks.hpp"
#include "stream_holder.hpp"

#include <scif.h>

#include <cstring>
#include <functional>
#include <string>

#include <sys/resource.h>

namespace
{
const size_t ring_size = 4096;
const int read_write = SCIF_PROT_READ | SCIF_PROT_WRITE;

//  Offsets are given out from the top down; nothing is ever there.
const uint64_t unregistered_offset = 0x10000;

typedef std::function<void (rt::raw_peer_t &, unsigned char *)> edit_t;

//  Sends a good greeting, edited, and an answer. Wants this answer from the stream.
void expect_answer (char expected, char answer, bool ring, const edit_t &edit)
{
    rt::stream_and_peer_t pair;
    rt::raw_peer_t &peer = *pair.peer;
    rt::stream_holder_t &stream = *pair.stream;

    unsigned char greeting[rt::greeting_size];
    rt::make_greeting (greeting, ring_size, peer.register_region (ring_size, read_write));
    edit (peer, greeting);
    peer.send (greeting, sizeof greeting);

    char byte;
    CHECK_ERRNO (stream->read (&byte, 1), EAGAIN);
    CHECK_EQ (stream->write ("x", 1), 0);
    CHECK (!stream.has_ring ());
    unsigned char received[rt::greeting_size];
    peer.receive (received, sizeof received);
    peer.receive (&byte, 1);
    CHECK_EQ (byte, expected);

    peer.send (&answer, 1);
    CHECK (stream.is_readable (1000));
    CHECK_ERRNO (stream->read (&byte, 1), EAGAIN);
    CHECK_EQ (stream.has_ring (), ring);
    if (ring)
        return;

    //  All that follows are the bytes themselves, in both directions.
    CHECK_EQ (stream->write ("hello", 5), 5);
    char text[5];
    peer.receive (text, 5);
    CHECK_EQ (memcmp (text, "hello", 5), 0);
    peer.send ("world", 5);
    CHECK_EQ (stream.read_or_error (text, 5), 5);
    CHECK_EQ (memcmp (text, "world", 5), 0);
    peer.close ();
    CHECK_EQ (stream.read_or_error (text, 5), -1);
    CHECK_EQ (errno, ECONNRESET);
}

void no_edit (rt::raw_peer_t &, unsigned char *)
{
}

edit_t set_ring_size (uint64_t value)
{
    return [value] (rt::raw_peer_t &, unsigned char *greeting) { rt::put_uint64 (greeting + rt::ring_size_pos, value); };
}

edit_t set_offset (uint64_t value)
{
    return [value] (rt::raw_peer_t &, unsigned char *greeting) { rt::put_uint64 (greeting + rt::offset_pos, value); };
}
}

TEST (greeting_of_the_stream)
{
    rt::stream_and_peer_t pair;
    unsigned char greeting[rt::greeting_size];
    pair.peer->receive (greeting, sizeof greeting);
    CHECK_EQ (memcmp (greeting, "SCIFZMTP", 8), 0);
    CHECK_EQ (greeting[rt::version_pos], 1);
    CHECK_EQ (rt::get_uint64 (greeting + rt::ring_size_pos), 1 << 20);
    for (int i = 9; i != 16; ++i)
        CHECK_EQ (greeting[i], 0);
    for (int i = 32; i != 64; ++i)
        CHECK_EQ (greeting[i], 0);
    //  The region is there to be mapped, whole, and zero.
    const off_t offset = static_cast<off_t> (rt::get_uint64 (greeting + rt::offset_pos));
    const size_t size = rt::page_size + (1 << 20);
    void *const region = scif_mmap (NULL, size, read_write, 0, pair.peer->epd (), offset);
    CHECK (region != SCIF_MMAP_FAILED);
    for (size_t i = 0; i != size; ++i)
        CHECK_EQ (static_cast<unsigned char *> (region)[i], 0);
    CHECK_EQ (scif_munmap (region, size), 0);
    //  Nothing else is said.
    CHECK_EQ (pair.peer->receive_some (greeting, 1), 0);
}

TEST (ring_size_follows_the_receive_buffer)
{
    static const struct
    {
        int rcvbuf;
        uint64_t ring_size;
    } cases[] = {{-1, 1 << 20},  {1, 4096},       {4096, 4096},           {4097, 8192},
                 {8192, 8192},   {100000, 1 << 17}, {(1 << 24) + 1, 1 << 25}};
    for (const auto &c : cases) {
        rt::stream_and_peer_t pair (true, {-1, c.rcvbuf});
        unsigned char greeting[rt::greeting_size];
        pair.peer->receive (greeting, sizeof greeting);
        CHECK_EQ (rt::get_uint64 (greeting + rt::ring_size_pos), c.ring_size);
    }
}

TEST (streams_agree_on_rings)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
}

TEST (answers_settle_the_mode)
{
    expect_answer ('R', 'R', true, no_edit);
    expect_answer ('R', 'E', false, no_edit);
    expect_answer ('E', 'E', false, set_ring_size (0));
    expect_answer ('E', 'R', false, set_ring_size (0));
}

TEST (other_versions_go_without_rings)
{
    for (int version = 0; version != 256; ++version)
        if (version != 1)
            expect_answer ('E', version % 2 ? 'R' : 'E', false,
                           [version] (rt::raw_peer_t &, unsigned char *greeting) {
                               greeting[rt::version_pos] = static_cast<unsigned char> (version);
                           });
}

TEST (undefined_bytes_are_ignored)
{
    expect_answer ('R', 'R', true, [] (rt::raw_peer_t &, unsigned char *greeting) {
        memset (greeting + 9, 0xff, 7);
        memset (greeting + 32, 0xff, 32);
    });
}

TEST (invalid_ring_sizes_go_without_rings)
{
    static const uint64_t sizes[] = {1,          2048,         4095,         4097,      6144,
                                     UINT32_MAX, 1ull << 31,   1ull << 32,   1ull << 63, UINT64_MAX,
                                     UINT64_MAX - 4095};
    for (const uint64_t size : sizes) {
        rt::stage ("ring size %llu", static_cast<unsigned long long> (size));
        expect_answer ('E', 'R', false, set_ring_size (size));
    }
}

TEST (rings_larger_than_the_window_go_without)
{
    static const uint64_t sizes[] = {8192, 1 << 20, 1 << 30};
    for (const uint64_t size : sizes)
        expect_answer ('E', 'R', false, set_ring_size (size));
}

TEST (unregistered_offsets_go_without_rings)
{
    static const uint64_t offsets[] = {unregistered_offset, 0, 1, 4095, 4096, 1ull << 62, (1ull << 63) - 4096,
                                       1ull << 63, UINT64_MAX, UINT64_MAX - 4095};
    for (const uint64_t offset : offsets) {
        rt::stage ("offset %llx", static_cast<unsigned long long> (offset));
        expect_answer ('E', 'R', false, set_offset (offset));
    }
    //  The window, but not from its beginning.
    for (int delta = -4096; delta <= 4096; delta += 1024)
        if (delta != 0)
            expect_answer ('E', 'R', false, [delta] (rt::raw_peer_t &, unsigned char *greeting) {
                rt::put_uint64 (greeting + rt::offset_pos, rt::get_uint64 (greeting + rt::offset_pos) + delta);
            });
}

TEST (read_only_windows_go_without_rings)
{
    static const int prots[] = {SCIF_PROT_READ, SCIF_PROT_WRITE, 0};
    for (const int prot : prots)
        expect_answer ('E', 'R', false, [prot] (rt::raw_peer_t &peer, unsigned char *greeting) {
            //  Another window of the same size.
            const off_t offset = scif_register (peer.epd (), peer.region (), rt::page_size + ring_size, 0, prot, 0);
            CHECK (offset != SCIF_REGISTER_FAILED);
            rt::put_uint64 (greeting + rt::offset_pos, static_cast<uint64_t> (offset));
        });
}

TEST (a_window_taken_back_goes_without_rings)
{
    expect_answer ('E', 'R', false, [] (rt::raw_peer_t &peer, unsigned char *greeting) {
        CHECK_EQ (scif_unregister (peer.epd (), static_cast<off_t> (rt::get_uint64 (greeting + rt::offset_pos)),
                                   rt::page_size + ring_size),
                  0);
    });
}

TEST (failing_to_register_goes_without_rings)
{
    static const int codes[] = {ENOMEM, EAGAIN, ENOSYS, EPERM};
    for (const int code : codes) {
        rt::scif_hooks.register_errno = code;
        rt::stream_and_peer_t pair;
        rt::scif_hooks.register_errno = 0;
        unsigned char greeting[rt::greeting_size];
        pair.peer->receive (greeting, sizeof greeting);
        CHECK_EQ (rt::get_uint64 (greeting + rt::ring_size_pos), 0);
        CHECK_EQ (rt::get_uint64 (greeting + rt::offset_pos), 0);
        rt::make_greeting (greeting, ring_size, pair.peer->register_region (ring_size, read_write));
        pair.peer->send (greeting, sizeof greeting);
        char byte;
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
        pair.peer->receive (&byte, 1);
        CHECK_EQ (byte, 'E');
        pair.peer->send ("E!", 2);
        CHECK_EQ (pair.stream->read_or_error (&byte, 1), 1);
        CHECK_EQ (byte, '!');
    }

    //  Between two streams, one of which can.
    rt::scif_hooks.register_errno = EAGAIN;
    int epds[2];
    rt::connect_endpoints (&epds[0], &epds[1]);
    rt::stream_holder_t a (epds[0]);
    rt::scif_hooks.register_errno = 0;
    rt::stream_holder_t b (epds[1]);
    char byte;
    for (int i = 0; i != 3; ++i) {
        CHECK_ERRNO (a->read (&byte, 1), EAGAIN);
        CHECK_ERRNO (b->read (&byte, 1), EAGAIN);
    }
    CHECK (!a.has_ring ());
    CHECK (!b.has_ring ());
    CHECK_EQ (a->write ("1", 1), 1);
    CHECK_EQ (b.read_or_error (&byte, 1), 1);
    CHECK_EQ (b->write ("2", 1), 1);
    CHECK_EQ (a.read_or_error (&byte, 1), 1);
}

TEST (failing_to_map_goes_without_rings)
{
    rt::streams_t streams;
    rt::scif_hooks.mmap_errno = ENOMEM;
    char byte;
    CHECK_ERRNO ((*streams.a)->read (&byte, 1), EAGAIN);
    rt::scif_hooks.mmap_errno = 0;
    CHECK (!streams.settle ());
    CHECK_EQ ((*streams.b)->write ("3", 1), 1);
    CHECK_EQ (streams.a->read_or_error (&byte, 1), 1);
    CHECK_EQ (byte, '3');
}

TEST (greeting_byte_by_byte)
{
    rt::stream_and_peer_t pair;
    unsigned char greeting[rt::greeting_size];
    rt::make_greeting (greeting, ring_size, pair.peer->register_region (ring_size, read_write));
    char byte;
    for (size_t i = 0; i != sizeof greeting; ++i) {
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
        CHECK (!pair.stream->is_readable (0));
        pair.peer->send (greeting + i, 1);
        CHECK (pair.stream->is_readable (1000));
    }
    CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
    CHECK (!pair.stream->has_ring ());
    pair.peer->send ("R", 1);
    CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
    CHECK (pair.stream->has_ring ());
}

TEST_WITHIN (greeting_cut_anywhere, 20)
{
    unsigned char greeting[rt::greeting_size + 1];
    for (size_t cut = 0; cut <= sizeof greeting - 1; ++cut) {
        rt::stage ("%zu bytes", cut);
        rt::stream_and_peer_t pair;
        rt::make_greeting (greeting, ring_size, pair.peer->register_region (ring_size, read_write));
        if (cut != 0)
            pair.peer->send (greeting, cut);
        char byte;
        for (int i = 0; i != 3; ++i)
            CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
        CHECK_EQ ((*pair.stream)->write ("x", 1), 0);
        //  Waiting for more is not to keep the processor busy.
        CHECK (!pair.stream->is_readable (0));
        pair.peer->close ();
        CHECK (pair.stream->is_readable (1000));
        CHECK_EQ (pair.stream->read_or_error (&byte, 1), -1);
        CHECK_EQ (errno, ECONNRESET);
    }
}

TEST (greeting_then_gone_at_once)
{
    //  All was sent before the stream looked.
    for (size_t size = 0; size <= rt::greeting_size + 1; ++size) {
        rt::stream_and_peer_t pair;
        unsigned char bytes[rt::greeting_size + 1];
        rt::make_greeting (bytes, 0, 0);
        bytes[rt::greeting_size] = 'E';
        if (size != 0)
            pair.peer->send (bytes, size);
        pair.peer->close ();
        char byte;
        CHECK_EQ (pair.stream->read_or_error (&byte, 1), -1);
        CHECK_EQ (errno, ECONNRESET);
    }
}

TEST (wrong_magic_is_found_at_once)
{
    for (int pos = 0; pos != 8; ++pos)
        for (int bit = 0; bit != 8; ++bit) {
            rt::stream_and_peer_t pair;
            unsigned char greeting[rt::greeting_size];
            rt::make_greeting (greeting, 0, 0);
            greeting[pos] ^= 1 << bit;
            //  No more than up to the byte that is wrong.
            pair.peer->send (greeting, pos + 1);
            char byte;
            CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EPROTO);
        }
}

TEST (strangers_are_turned_away)
{
    static const std::string beginnings[] = {
      std::string ("\xff\0\0\0\0\0\0\0\x01\x7f", 10), std::string ("\x01\0", 2),
      "GET / HTTP/1.1\r\n\r\n", "scifzmtp", std::string (100, '\0'), std::string (4000, 'S')};
    for (const std::string &text : beginnings) {
        rt::stream_and_peer_t pair;
        pair.peer->send (text.data (), text.size ());
        char byte;
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EPROTO);
        CHECK_EQ ((*pair.stream)->write ("x", 1), 0);
    }
}

TEST (garbage_answers)
{
    for (int answer = 0; answer != 256; ++answer) {
        if (answer == 'R' || answer == 'E')
            continue;
        rt::stream_and_peer_t pair;
        unsigned char greeting[rt::greeting_size + 1];
        rt::make_greeting (greeting, ring_size, pair.peer->register_region (ring_size, read_write));
        greeting[rt::greeting_size] = static_cast<unsigned char> (answer);
        pair.peer->send (greeting, sizeof greeting);
        char byte;
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EPROTO);
        CHECK_EQ ((*pair.stream)->write ("x", 1), 0);
        CHECK (!pair.stream->has_ring ());
    }
}

TEST (no_answer)
{
    rt::stream_and_peer_t pair;
    unsigned char greeting[rt::greeting_size];
    rt::make_greeting (greeting, ring_size, pair.peer->register_region (ring_size, read_write));
    pair.peer->send (greeting, sizeof greeting);
    char byte;
    for (int i = 0; i != 3; ++i) {
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
        CHECK (!pair.stream->is_readable (0));
    }
    CHECK_EQ ((*pair.stream)->write ("x", 1), 0);
    pair.peer->close ();
    CHECK (pair.stream->is_readable (1000));
    CHECK_ERRNO ((*pair.stream)->read (&byte, 1), ECONNRESET);
}

TEST (data_behind_the_answer_is_kept)
{
    rt::stream_and_peer_t pair;
    unsigned char bytes[rt::greeting_size + 1 + 1000];
    rt::make_greeting (bytes, 0, 0);
    bytes[rt::greeting_size] = 'E';
    for (int i = 0; i != 1000; ++i)
        bytes[rt::greeting_size + 1 + i] = rt::stream_byte (i);
    unsigned char received[2000];
    //  Not before the stream has answered, or it could have no one to answer to.
    pair.peer->send (bytes, rt::greeting_size);
    CHECK_ERRNO ((*pair.stream)->read (received, 1), EAGAIN);
    pair.peer->send (bytes + rt::greeting_size, sizeof bytes - rt::greeting_size);
    pair.peer->close ();
    size_t done = 0;
    while (done != 1000) {
        const int rc = pair.stream->read_or_error (received + done, 100);
        CHECK (rc > 0);
        done += rc;
    }
    CHECK_EQ (memcmp (received, bytes + rt::greeting_size + 1, 1000), 0);
    CHECK_EQ (pair.stream->read_or_error (received, 1), -1);
    CHECK_EQ (errno, ECONNRESET);
}

TEST (out_of_descriptors)
{
    int epds[2];
    rt::connect_endpoints (&epds[0], &epds[1]);
    rlimit old_limit;
    CHECK_EQ (getrlimit (RLIMIT_NOFILE, &old_limit), 0);
    rlimit limit = old_limit;
    limit.rlim_cur = 0;
    CHECK_EQ (setrlimit (RLIMIT_NOFILE, &limit), 0);
    {
        errno = 0;
        rt::stream_holder_t stream (epds[0]);
        const int code = errno;
        CHECK_EQ (setrlimit (RLIMIT_NOFILE, &old_limit), 0);
        CHECK_EQ (stream->get_fd (), -1);
        CHECK_EQ (code, EMFILE);
    }
    //  The endpoint was closed all the same.
    char byte;
    const int64_t deadline = rt::now_ms () + 2000;
    while (scif_recv (epds[1], &byte, 1, 0) == 0)
        CHECK (rt::now_ms () < deadline);
    CHECK_EQ (errno, ECONNRESET);
    CHECK_EQ (scif_close (epds[1]), 0);
}
