// SPDX-License-Identifier: MPL-2.0
//
// A stream in ring mode: what its descriptor signals, what a hostile peer can do to it, what it leaves behind.

#include "random.hpp"
#include "scif_hooks.hpp"
#include "stream_holder.hpp"

#include <scif.h>

#include <cstdio>
#include <cstring>
#include <vector>

#include <dirent.h>

namespace
{
const size_t ring_size = 4096;

//  A stream in ring mode, and a peer that has both regions at hand.
struct ring_and_peer_t : rt::stream_and_peer_t
{
    explicit ring_and_peer_t (rt::buffers_t buffers = {-1, -1}) : rt::stream_and_peer_t (true, buffers)
    {
        peer->exchange_greetings (ring_size);
        char byte;
        CHECK_ERRNO ((*stream)->read (&byte, 1), EAGAIN);
        peer->receive (&byte, 1);
        CHECK_EQ (byte, 'R');
        peer->send ("R", 1);
        CHECK_ERRNO ((*stream)->read (&byte, 1), EAGAIN);
        CHECK (stream->has_ring ());
        (*stream)->watch (true, false);
    }

    //  The words of the stream's region, which the peer writes.
    void store_head (uint64_t value) { store64 (rt::head_pos, value); }
    void store_tail (uint64_t value) { store64 (rt::tail_pos, value); }
    void store_sleeping (uint32_t value) { store32 (rt::sleeping_pos, value); }
    void store_waiting (uint32_t value) { store32 (rt::waiting_pos, value); }

    //  The words of the peer's region, which the stream writes.
    uint64_t load_head () const
    {
        return __atomic_load_n (reinterpret_cast<uint64_t *> (peer->region () + rt::head_pos), __ATOMIC_SEQ_CST);
    }

    void store32 (size_t pos, uint32_t value)
    {
        __atomic_store_n (reinterpret_cast<uint32_t *> (peer->mapped () + pos), value, __ATOMIC_SEQ_CST);
    }

    void store64 (size_t pos, uint64_t value)
    {
        __atomic_store_n (reinterpret_cast<uint64_t *> (peer->mapped () + pos), value, __ATOMIC_SEQ_CST);
    }
};

//  Descriptors that are open.
int count_descriptors ()
{
    int count = 0;
    DIR *const dir = opendir ("/proc/self/fd");
    CHECK (dir != NULL);
    while (readdir (dir))
        ++count;
    closedir (dir);
    return count;
}

//  Shared mappings, which regions are, and sanitizers have none of.
int count_shared_mappings ()
{
    int count = 0;
    FILE *const maps = fopen ("/proc/self/maps", "r");
    CHECK (maps != NULL);
    char line[4096];
    while (fgets (line, sizeof line, maps)) {
        char flags[5] = "";
        CHECK_EQ (sscanf (line, "%*s %4s", flags), 1);
        count += flags[3] == 's';
    }
    fclose (maps);
    return count;
}
}

TEST (silent_when_idle)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
    for (int i = 0; i != 4; ++i) {
        (*streams.a)->watch ((i & 1) != 0, (i & 2) != 0);
        CHECK (!streams.a->is_readable (20));
    }
}

TEST (bell_for_data)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
    (*streams.b)->watch (true, false);
    for (int i = 0; i != 100; ++i) {
        CHECK (!streams.b->is_readable (0));
        CHECK ((*streams.b)->read_is_signalled ());
        CHECK_EQ ((*streams.a)->write ("x", 1), 1);
        CHECK (streams.b->is_readable (1000));
        char bytes[2];
        CHECK_EQ ((*streams.b)->read (bytes, 2), 1);
        CHECK (!(*streams.b)->read_is_signalled ());
        CHECK_ERRNO ((*streams.b)->read (bytes, 2), EAGAIN);
    }
}

TEST (no_bell_for_who_is_awake)
{
    ring_and_peer_t pair;
    char byte;
    while (pair.peer->receive_some (&byte, 1) > 0)
        ;
    for (int i = 0; i != 1000; ++i) {
        CHECK_EQ ((*pair.stream)->write ("x", 1), 1);
        pair.store_tail (i + 1);
    }
    CHECK_EQ (pair.peer->receive_some (&byte, 1), 0);
    //  And one for who is not.
    pair.store_sleeping (1);
    CHECK_EQ ((*pair.stream)->write ("xx", 2), 2);
    CHECK_EQ (pair.peer->receive_some (&byte, 1), 1);
    CHECK_EQ (pair.peer->receive_some (&byte, 1), 0);
}

TEST (bell_for_space)
{
    rt::streams_t streams (true, {-1, 4096}, {-1, 4096});
    CHECK (streams.settle ());
    std::vector<char> data (10000, 'x');
    CHECK_EQ ((*streams.a)->write (data.data (), data.size ()), 4096);
    CHECK ((*streams.a)->write_is_signalled ());
    CHECK (!streams.a->has_ring ());
    (*streams.a)->watch (false, true);
    CHECK (!streams.a->is_readable (0));
    CHECK_EQ ((*streams.b)->read (data.data (), 1), 1);
    CHECK (streams.a->is_readable (1000));
    (*streams.a)->ignore_input ();
    CHECK_EQ ((*streams.a)->write (data.data (), data.size ()), 1);
    CHECK (!streams.a->is_readable (0));
}

TEST (send_buffer_is_a_limit)
{
    rt::streams_t streams (true, {100, -1}, {1, -1});
    CHECK (streams.settle ());
    std::vector<char> data (10000, 'x');
    CHECK_EQ ((*streams.a)->write (data.data (), data.size ()), 100);
    CHECK_EQ ((*streams.a)->write (data.data (), data.size ()), 0);
    CHECK_EQ ((*streams.b)->write (data.data (), data.size ()), 1);
    CHECK_EQ ((*streams.b)->read (data.data (), data.size ()), 100);
    CHECK ((*streams.a)->has_space (1));
    CHECK (!(*streams.a)->has_space (101));
}

//  However large a message and the ring, others have their turn.
TEST (one_call_moves_no_more_than_a_mebibyte)
{
    const size_t most = 1 << 20;
    rt::streams_t streams (true, {-1, -1}, {-1, static_cast<int> (4 * most)});
    CHECK (streams.settle ());
    CHECK ((*streams.a)->has_space (most));
    CHECK (!(*streams.a)->has_space (most + 1));

    std::vector<unsigned char> data (3 * most);
    for (int i = 0; i != 3; ++i) {
        CHECK_EQ ((*streams.a)->write (data.data (), data.size ()), most);
        //  Nobody is going to signal that there is more space than that.
        CHECK (!(*streams.a)->write_is_signalled ());
    }
    for (int i = 0; i != 3; ++i) {
        CHECK_EQ ((*streams.b)->read (data.data (), data.size ()), most);
        CHECK (!(*streams.b)->read_is_signalled ());
    }
    CHECK_ERRNO ((*streams.b)->read (data.data (), 1), EAGAIN);
}

TEST (wakes_itself)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
    (*streams.a)->watch (true, false);
    for (int i = 0; i != 3; ++i) {
        CHECK (!streams.a->is_readable (0));
        (*streams.a)->wake (true);
        CHECK (streams.a->is_readable (1000));
        (*streams.a)->wake (false);
    }
    CHECK (!streams.a->is_readable (0));
}

TEST (ignored_input_is_silent)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
    (*streams.b)->watch (false, true);
    CHECK_EQ ((*streams.a)->write ("x", 1), 1);
    CHECK (streams.b->is_readable (1000));
    (*streams.b)->ignore_input ();
    CHECK (!streams.b->is_readable (0));
    (*streams.b)->watch (true, false);
    char byte;
    CHECK_EQ ((*streams.b)->read (&byte, 1), 1);
}

TEST (ignored_hang_up_is_silent)
{
    rt::streams_t streams;
    CHECK (streams.settle ());
    CHECK_EQ ((*streams.a)->write ("last", 4), 4);
    (*streams.b)->watch (false, false);
    streams.a.reset ();
    CHECK (streams.b->is_readable (1000));
    for (int i = 0; i != 3 && streams.b->is_readable (0); ++i)
        (*streams.b)->ignore_input ();
    CHECK (!streams.b->is_readable (20));
    //  As soon as there is room for what is left it is all there.
    (*streams.b)->watch (true, false);
    char bytes[10];
    CHECK_EQ (streams.b->read_or_error (bytes, sizeof bytes), 4);
    CHECK_EQ (streams.b->read_or_error (bytes, sizeof bytes), -1);
    CHECK_EQ (errno, ECONNRESET);
}

TEST (what_was_written_outlives_the_writer)
{
    for (int same_node = 0; same_node != 2; ++same_node) {
        rt::streams_t streams (same_node != 0);
        CHECK (streams.settle ());
        const size_t size = 1 << 20;
        std::vector<unsigned char> data (size);
        for (size_t i = 0; i != size; ++i)
            data[i] = rt::stream_byte (i);
        CHECK_EQ ((*streams.a)->write (data.data (), size), size);
        streams.a.reset ();
        std::vector<unsigned char> received (size);
        for (size_t done = 0; done != size;) {
            const int rc = streams.b->read_or_error (received.data () + done, size - done);
            CHECK (rc > 0);
            done += rc;
        }
        CHECK_EQ (memcmp (data.data (), received.data (), size), 0);
        char byte;
        CHECK_EQ (streams.b->read_or_error (&byte, 1), -1);
        CHECK_EQ (errno, ECONNRESET);
        CHECK_ERRNO ((*streams.b)->read (&byte, 1), ECONNRESET);
        CHECK_ERRNO ((*streams.b)->write ("x", 1), ECONNRESET);
    }
}

TEST (bell_flood)
{
    ring_and_peer_t pair;
    char bells[4095];
    memset (bells, 0xff, sizeof bells);
    size_t sent = 0;
    char byte;
    for (int i = 0; i != 200; ++i) {
        int rc;
        while ((rc = scif_send (pair.peer->epd (), bells, sizeof bells, 0)) > 0)
            sent += rc;
        CHECK_EQ (rc, 0);
        CHECK (pair.stream->is_readable (1000));
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
    }
    CHECK (sent > 200 * 1000);
    //  It is still in order.
    CHECK (!pair.stream->is_readable (0));
    pair.peer->mapped ()[rt::page_size] = 'd';
    pair.store_head (1);
    pair.peer->send (bells, 1);
    CHECK (pair.stream->is_readable (1000));
    CHECK_EQ ((*pair.stream)->read (&byte, 1), 1);
    CHECK_EQ (byte, 'd');
    CHECK_EQ ((*pair.stream)->write ("x", 1), 1);
    CHECK_EQ (pair.load_head (), 1);
}

namespace
{
int flooding_epd;
int recv_calls;

//  Whenever the stream looks, the queue is full again.
void flood ()
{
    static char bells[4095];
    while (scif_send (flooding_epd, bells, sizeof bells, 0) > 0)
        ;
    if (++recv_calls > 100)
        FAIL ("one call takes bells for ever");
}
}

TEST (endless_bells_do_not_keep_a_call)
{
    ring_and_peer_t pair;
    flooding_epd = pair.peer->epd ();
    rt::scif_hooks.before_recv = flood;
    char byte;
    for (int i = 0; i != 100; ++i) {
        recv_calls = 0;
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EAGAIN);
        CHECK (recv_calls > 0);
        recv_calls = 0;
        (*pair.stream)->ignore_input ();
    }
}

TEST (bells_that_nobody_takes)
{
    //  A peer that asks for more bells than the connection can queue: there are bells enough.
    ring_and_peer_t pair;
    for (uint32_t i = 1; i <= 10000; ++i) {
        pair.store_sleeping (i);
        CHECK_EQ ((*pair.stream)->write ("x", 1), 1);
        pair.store_tail (i);
    }
    char bells[8000];
    int count = 0;
    for (int rc; (rc = pair.peer->receive_some (bells, sizeof bells)) > 0;)
        count += rc;
    CHECK (count > 1000 && count < 10000);
}

namespace
{
//  A peer in order, with a ring of its own, that acts in the middle of the stream's calls.
struct interloper_t
{
    interloper_t (ring_and_peer_t &pair_) : pair (pair_), random (rt::seed ()), written (0), read (0)
    {
        ring.set_local (pair.peer->region (), ring_size);
        ring.set_remote (pair.peer->mapped (), pair.peer->mapped_ring_size (), 20, -1, 0);
    }

    void act ()
    {
        char bytes[30] = "";
        if (random.one_in (3)) {
            const int rc = ring.write (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc >= 0);
            written += rc;
        }
        if (random.one_in (3)) {
            const int rc = ring.read (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc >= 0);
            read += rc;
            if (rc == 0)
                ring.sleep ();
        }
        if (ring.must_ring ())
            CHECK (scif_send (pair.peer->epd (), bytes, 1, 0) >= 0);
        pair.peer->receive_some (bytes, sizeof bytes);
    }

    ring_and_peer_t &pair;
    rt::random_t random;
    zmq::scif_ring_t ring;
    uint64_t written;
    uint64_t read;
};

interloper_t *the_interloper;

//  The peer's own calls are not to be interrupted in turn.
void interrupt ()
{
    interloper_t *const interloper = the_interloper;
    if (!interloper)
        return;
    the_interloper = NULL;
    interloper->act ();
    the_interloper = interloper;
}
}

TEST_WITHIN (nothing_gets_lost_in_the_middle_of_a_call, 30)
{
    //  The stream may send 20 bytes ahead, so that it often waits.
    ring_and_peer_t pair (rt::buffers_t {20, -1});
    interloper_t interloper (pair);
    rt::scif_hooks.before_recv = interrupt;
    rt::scif_hooks.after_recv = interrupt;
    rt::random_t random (rt::seed () + 1);
    uint64_t read = 0;
    uint64_t written = 0;
    uint64_t slept = 0;
    uint64_t waited = 0;
    (*pair.stream)->watch (true, true);
    for (int i = 0; i != 20000; ++i) {
        rt::stage ("round %d", i);
        char bytes[30];
        the_interloper = &interloper;
        const int in = (*pair.stream)->read (bytes, 1 + random.below (sizeof bytes));
        const int in_code = errno;
        the_interloper = NULL;
        CHECK (in > 0 || (in == -1 && in_code == EAGAIN));
        read += in > 0 ? in : 0;
        const size_t size = 1 + random.below (sizeof bytes);
        const int out = (*pair.stream)->write (bytes, size);
        CHECK (out >= 0);
        written += out;

        //  Who sleeps although there is something to do has a bell to wake it up.
        const bool asleep = in == -1 && (*pair.stream)->read_is_signalled ();
        const bool waits = static_cast<size_t> (out) < size && (*pair.stream)->write_is_signalled ();
        slept += asleep;
        waited += waits;
        if (random.one_in (2))
            interloper.act ();
        if (asleep && interloper.written != read)
            CHECK (pair.stream->is_readable (0));
        if (waits && (*pair.stream)->has_space (1))
            CHECK (pair.stream->is_readable (0));
    }
    rt::note ("%llu bytes in, %llu out, %llu sleeps, %llu waits", static_cast<unsigned long long> (read),
              static_cast<unsigned long long> (written), static_cast<unsigned long long> (slept),
              static_cast<unsigned long long> (waited));
    CHECK (slept > 100 && waited > 100);
}

TEST (head_of_a_liar)
{
    static const uint64_t heads[] = {(1 << 20) + 1, 1ull << 32, 1ull << 63, UINT64_MAX};
    for (const uint64_t head : heads) {
        ring_and_peer_t pair;
        pair.store_head (head);
        char bytes[100];
        CHECK_ERRNO ((*pair.stream)->read (bytes, sizeof bytes), EPROTO);
        CHECK_ERRNO ((*pair.stream)->read (bytes, sizeof bytes), EPROTO);
    }
}

TEST (tail_of_a_liar)
{
    static const uint64_t tails[] = {2, ring_size, 1ull << 32, 1ull << 63, UINT64_MAX, 0 - static_cast<uint64_t> (ring_size)};
    for (const uint64_t tail : tails) {
        ring_and_peer_t pair;
        CHECK_EQ ((*pair.stream)->write ("x", 1), 1);
        pair.store_tail (tail);
        CHECK_ERRNO ((*pair.stream)->write ("x", 1), EPROTO);
        //  It is for read to have the connection closed, so it has to be called, and to say so.
        CHECK (!(*pair.stream)->read_is_signalled ());
        char byte;
        CHECK_ERRNO ((*pair.stream)->read (&byte, 1), EPROTO);
    }
}

namespace
{
ring_and_peer_t *the_liar;

//  Between the look into the ring and the last look before going to sleep.
void lie_and_go ()
{
    rt::scif_hooks.before_recv = NULL;
    the_liar->store_head (UINT64_MAX);
    the_liar->store_waiting (1);
    the_liar->peer->close ();
}
}

//  A liar that has gone as well is a liar all the same: the bell that can't be rung any more does not hide it.
TEST (liar_that_has_gone)
{
    ring_and_peer_t pair;
    char bytes[10];
    pair.store_head (1);
    CHECK_EQ ((*pair.stream)->read (bytes, sizeof bytes), 1);
    the_liar = &pair;
    rt::scif_hooks.before_recv = lie_and_go;
    CHECK_ERRNO ((*pair.stream)->read (bytes, sizeof bytes), EPROTO);
}

TEST (peer_that_stops)
{
    //  It maps, agrees, and then does nothing at all: the stream fills what there is, and waits.
    ring_and_peer_t pair;
    std::vector<char> data (10000, 'x');
    CHECK_EQ ((*pair.stream)->write (data.data (), data.size ()), ring_size);
    for (int i = 0; i != 10; ++i)
        CHECK_EQ ((*pair.stream)->write (data.data (), data.size ()), 0);
    CHECK ((*pair.stream)->write_is_signalled ());
    (*pair.stream)->watch (true, true);
    CHECK (!pair.stream->is_readable (50));
}

TEST (peer_that_forgets_its_region)
{
    //  Unregistered and unmapped at the peer's, the pages live on as long as they are mapped here.
    ring_and_peer_t pair;
    const char text[] = "still there";
    CHECK_EQ ((*pair.stream)->write (text, sizeof text), sizeof text);
    pair.peer->close ();
    char byte;
    CHECK_EQ (pair.stream->read_or_error (&byte, 1), -1);
    CHECK_EQ (errno, ECONNRESET);
    CHECK_ERRNO ((*pair.stream)->write (text, sizeof text), ECONNRESET);
}

TEST_WITHIN (nothing_is_left_behind, 60)
{
    int descriptors = 0;
    int mappings = 0;
    char byte;
    for (int i = 0; i != 220; ++i) {
        //  What is only there once is there by now.
        if (i == 20) {
            descriptors = count_descriptors ();
            mappings = count_shared_mappings ();
        }
        rt::stage ("connection %d", i);
        rt::scif_hooks.register_errno = i % 5 == 4 ? ENOMEM : 0;
        rt::streams_t streams (i % 2 == 0);
        rt::scif_hooks.register_errno = 0;
        if (i % 7 == 3)
            continue;
        CHECK_EQ (streams.settle (), i % 5 != 4);
        CHECK_EQ ((*streams.a)->write ("x", 1), 1);
        CHECK_EQ (streams.b->read_or_error (&byte, 1), 1);
        if (i % 3 == 0)
            streams.a.reset ();
    }
    CHECK_EQ (count_descriptors (), descriptors);
    CHECK_EQ (count_shared_mappings (), mappings);
}
