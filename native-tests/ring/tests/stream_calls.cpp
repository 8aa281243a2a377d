// SPDX-License-Identifier: MPL-2.0
//
// Two streams in one thread: the one acts in the middle of the other one's calls; nothing is lost, and nothing left
// behind.

#include "random.hpp"
#include "scif_hooks.hpp"
#include "streams.hpp"

#include <cstdio>

#include <dirent.h>

namespace
{
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

//  Shared mappings, which mapped regions are, and sanitizers have none of.
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

//  A peer in order, which does some of what engines do.
struct interloper_t
{
    explicit interloper_t (const rt::stream_holder_t &stream_) :
        stream (stream_), random (rt::seed ()), written (0), read (0)
    {
    }

    void act ()
    {
        char bytes[9000] = "";
        if (random.one_in (3)) {
            const int rc = stream->write (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc >= 0);
            written += rc;
        }
        if (random.one_in (3)) {
            const int rc = stream->read (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc > 0 || errno == EAGAIN);
            read += rc > 0 ? rc : 0;
        }
        stream->wait (random.one_in (2), random.one_in (2));
    }

    const rt::stream_holder_t &stream;
    rt::random_t random;
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
    //  Small buffers, so that there is often no space.
    rt::streams_t streams (true, {1, 1}, {1, 1});
    interloper_t interloper (*streams.b);
    rt::scif_hooks.around_recv = interrupt;
    rt::random_t random (rt::seed () + 1);
    uint64_t read = 0;
    uint64_t written = 0;
    uint64_t sleeps = 0;
    uint64_t waits = 0;
    for (int i = 0; i != 50000; ++i) {
        rt::stage ("round %d", i);
        char bytes[9000] = "";
        if (random.one_in (2)) {
            const int rc = (*streams.a)->read (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc > 0 || errno == EAGAIN);
            read += rc > 0 ? rc : 0;
        }
        if (random.one_in (2)) {
            const int rc = (*streams.a)->write (bytes, 1 + random.below (sizeof bytes));
            CHECK (rc >= 0);
            written += rc;
        }
        const bool in = random.one_in (2);
        const bool out = random.one_in (2);
        the_interloper = &interloper;
        const bool asleep = (*streams.a)->wait (in, out);
        the_interloper = NULL;
        if (random.one_in (2))
            interloper.act ();

        //  Who sleeps although there is something to do has a bell to wake it up.
        if (!asleep || streams.a->is_readable (0))
            continue;
        sleeps += in;
        waits += out;
        if (in)
            CHECK_EQ (read, interloper.written);
        //  What was read is told of by who goes to sleep.
        the_interloper = NULL;
        if (out && interloper.read == written) {
            (*streams.b)->wait (true, false);
            CHECK (streams.a->is_readable (0));
        }
    }
    rt::note ("%llu bytes in, %llu out, %llu sleeps, %llu waits", static_cast<unsigned long long> (read),
              static_cast<unsigned long long> (written), static_cast<unsigned long long> (sleeps),
              static_cast<unsigned long long> (waits));
    CHECK (sleeps > 100 && waits > 100);
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
        rt::scif_hooks.mmap_errno = i % 5 == 3 ? ENOMEM : 0;
        rt::streams_t streams (i % 2 == 0);
        rt::scif_hooks.register_errno = rt::scif_hooks.mmap_errno = 0;
        CHECK_EQ (streams.has_rings, i % 5 < 3);
        CHECK_EQ ((*streams.a)->write ("x", 1), 1);
        CHECK_EQ (streams.b->read_or_error (&byte, 1), 1);
        if (i % 3 == 0)
            streams.a.reset ();
    }
    CHECK_EQ (count_descriptors (), descriptors);
    CHECK_EQ (count_shared_mappings (), mappings);
}
