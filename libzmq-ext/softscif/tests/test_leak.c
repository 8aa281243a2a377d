/* SPDX-License-Identifier: MPL-2.0 */
/*
 * 10,000 connections come and go: descriptors, memory and names stay level. So
 * they do when a peer process or a child of a fork has a part in it.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>

#define CYCLES 10000
#define WARM_UP 500
#define PAGE 4096
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)

static int count_descriptors (void)
{
    int n = 0;
    DIR *dir = opendir ("/proc/self/fd");
    while (dir && readdir (dir))
        n++;
    if (dir)
        closedir (dir);
    return n;
}

/* A number of /proc/self/status, or the lines of a file when key is null. */
static long number_in (const char *path, const char *key)
{
    char line[512];
    long value = 0;
    FILE *f = fopen (path, "r");
    while (f && fgets (line, sizeof line, f))
        if (!key)
            value++;
        else if (strncmp (line, key, strlen (key)) == 0)
            value = atol (line + strlen (key));
    if (f)
        fclose (f);
    return value;
}

static long count_names (void)
{
    char line[512];
    long n = 0;
    FILE *f = fopen ("/proc/net/unix", "r");
    while (f && fgets (line, sizeof line, f))
        if (strstr (line, getenv ("SOFTSCIF_REALM")))
            n++;
    if (f)
        fclose (f);
    return n;
}

static char *page;

/* One connection in one of several ways to begin and end. */
static int cycle (int listener, struct scif_portID *at, int i)
{
    struct scif_portID peer;
    int accepted, bad = 0;
    char byte;
    const int epd = scif_open ();
    fcntl (epd, F_SETFL, O_NONBLOCK);
    bad += scif_connect (epd, at) != -1 || errno != EINPROGRESS;
    if (i % 50 == 7) { /* given up before it is accepted */
        scif_close (epd);
        bad += scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC) != 0;
        scif_close (accepted);
        return bad;
    }
    bad += scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC) != 0;
    bad += scif_connect (epd, at) <= 0;
    bad += scif_send (epd, "x", 1, 0) != 1;
    if (i % 4)
        bad += scif_recv (accepted, &byte, 1, 0) != 1;
    if (i % 10 == 3) {
        const off_t where = scif_register (epd, page, PAGE, 0, RW, 0);
        char *m = scif_mmap (NULL, PAGE, RW, 0, accepted, where);
        bad += m == SCIF_MMAP_FAILED;
        if (i % 20 == 3)
            bad += scif_unregister (epd, where, PAGE) != 0;
        scif_munmap (m, PAGE);
    }
    if (i % 2)
        scif_close (epd);
    scif_close (accepted);
    if (i % 2 == 0)
        (i % 100 ? scif_close : close) (epd);
    return bad;
}

static void test_cycles (void)
{
    struct scif_portID at;
    const int listener = check_listen (4, &at);
    page = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int descriptors = 0, bad = 0;
    long rss = 0, maps = 0, names = 0;
    for (int i = 0; i < WARM_UP + CYCLES; i++) {
        bad += cycle (listener, &at, i);
        if (i == WARM_UP - 1) {
            descriptors = count_descriptors ();
            rss = number_in ("/proc/self/status", "VmRSS:");
            maps = number_in ("/proc/self/maps", NULL);
            names = count_names ();
        }
    }
    CHECK_EQUAL (bad, 0);
    CHECK_EQUAL (count_descriptors (), descriptors);
    CHECK_EQUAL (count_names (), names);
    const long maps_now = number_in ("/proc/self/maps", NULL);
    const long rss_now = number_in ("/proc/self/status", "VmRSS:");
    printf ("# descriptors %d, mappings %ld -> %ld, RSS %ld -> %ld kB\n",
            descriptors, maps, maps_now, rss, rss_now);
#ifndef SANITIZED
    /* Up to a batch of endpoints closed by close(2) may wait for collection. */
    CHECK (maps_now <= maps + 140);
    CHECK (rss_now <= rss + 4096);
#endif
    scif_close (listener);
    munmap (page, PAGE);
}

/* ---- with a peer process ---- */

/* One of two connections to the same process ends; the other stays. */
static void be_a_reader (const struct scif_portID *at)
{
    struct scif_portID to = *at;
    const int first = scif_open (), second = scif_open ();
    char text[4];
    CHECK (scif_connect (first, &to) > 0 && scif_connect (second, &to) > 0);
    const int before = count_descriptors ();
    CHECK_EQUAL (scif_send (first, "c", 1, 0), 1);
    CHECK_EQUAL (scif_recv (first, text, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (scif_vreadfrom (first, text, 4, 0, SCIF_RMA_SYNC), 0);
    CHECK (memcmp (text, "abc", 4) == 0);
    CHECK (count_descriptors () > before);
    CHECK_EQUAL (scif_send (first, "r", 1, 0), 1);
    CHECK (check_poll (first, SCIF_POLLIN, 5000) & SCIF_POLLHUP);
    scif_close (first);
    /* The peer tells that its memory is no longer shared, a moment later. */
    CHECK_SOON (scif_close (scif_open ()) == 0
                && count_descriptors () == before - 1);
    CHECK_EQUAL (scif_send (second, "d", 1, 0), 1);
    CHECK_EQUAL (scif_recv (second, text, 1, SCIF_RECV_BLOCK), 1);
    scif_close (second);
}

static void test_shared_memory_of_one_connection (void)
{
    struct scif_portID at, peer;
    int accepted[2];
    char byte;
    const int before = count_descriptors ();
    const int listener = check_listen (2, &at);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (listener);
        be_a_reader (&at);
        fflush (stdout);
        _exit (check_failures ? 1 : 0);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQUAL (scif_accept (listener, &peer, &accepted[i],
                                  SCIF_ACCEPT_SYNC), 0);
    const int memory = memfd_create ("shared", MFD_CLOEXEC);
    CHECK_EQUAL (ftruncate (memory, PAGE), 0);
    char *p = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    memcpy (p, "abc", 4);
    CHECK_EQUAL (scif_recv (accepted[0], &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (scif_register (accepted[0], p, PAGE, 0, RW, SCIF_MAP_FIXED),
                 0);
    CHECK_EQUAL (scif_send (accepted[0], "w", 1, 0), 1);
    CHECK_EQUAL (scif_recv (accepted[0], &byte, 1, SCIF_RECV_BLOCK), 1);
    scif_close (accepted[0]);
    CHECK_EQUAL (scif_recv (accepted[1], &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (scif_send (accepted[1], "e", 1, 0), 1);
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (accepted[1]);
    scif_close (listener);
    munmap (p, PAGE);
    close (memory);
    /* What is this process' own stays: its mailbox, its arena. */
    CHECK (count_descriptors () <= before + 4);
}

/* Registers memory of its own in one connection after the other. */
static void be_an_owner (const struct scif_portID *at, int kind, int rounds)
{
    const int lasting = scif_open ();
    struct scif_portID to = *at;
    char byte;
    CHECK (scif_connect (lasting, &to) > 0);
    for (int i = 0; i < rounds; i++) {
        const int epd = scif_open ();
        char *p = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                        kind | MAP_ANONYMOUS, -1, 0);
        CHECK (scif_connect (epd, &to) > 0);
        CHECK_EQUAL (scif_register (epd, p, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
        CHECK_EQUAL (scif_send (epd, "w", 1, 0), 1);
        CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
        if (i % 2)
            CHECK_EQUAL (scif_unregister (epd, 0, PAGE), 0);
        scif_close (epd);
        munmap (p, PAGE);
    }
    CHECK_EQUAL (scif_recv (lasting, &byte, 1, SCIF_RECV_BLOCK), 1);
    scif_close (lasting);
}

static void use_memory_of (int kind)
{
    struct scif_portID at, peer;
    const int rounds = 20;
    int lasting, epd, before = 0;
    char byte;
    const int listener = check_listen (2, &at);
    const pid_t child = fork ();
    if (child == 0) {
        scif_close (listener);
        be_an_owner (&at, kind, rounds);
        fflush (stdout);
        _exit (check_failures ? 1 : 0);
    }
    CHECK_EQUAL (scif_accept (listener, &peer, &lasting, SCIF_ACCEPT_SYNC), 0);
    for (int i = 0; i < rounds; i++) {
        CHECK_EQUAL (scif_accept (listener, &peer, &epd, SCIF_ACCEPT_SYNC), 0);
        CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
        char *m = scif_mmap (NULL, PAGE, RW, 0, epd, 0);
        CHECK (m != SCIF_MMAP_FAILED);
        CHECK_EQUAL (scif_munmap (m, PAGE), 0);
        CHECK_EQUAL (scif_send (epd, "r", 1, 0), 1);
        CHECK (check_poll (epd, SCIF_POLLIN, 5000) & SCIF_POLLHUP);
        scif_close (epd);
        if (i == 0) /* the arena comes with the first */
            before = count_descriptors ();
    }
    CHECK_SOON (scif_close (scif_open ()) == 0
                && count_descriptors () <= before);
    CHECK_EQUAL (scif_send (lasting, "e", 1, 0), 1);
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (lasting);
    scif_close (listener);
}

static void test_memory_of_many_connections (void)
{
    use_memory_of (MAP_PRIVATE);
    use_memory_of (MAP_SHARED);
}

/* ---- with a child of a fork ---- */

static pid_t start_sleeper (void)
{
    const pid_t child = fork ();
    if (child == 0) {
        alarm (40);
        for (;;)
            pause ();
    }
    return child;
}

static void end_sleeper (pid_t child)
{
    kill (child, SIGKILL);
    CHECK_EQUAL (check_reap (child), -SIGKILL);
}

/* What was made so that the child could connect goes with the descriptor. */
static void test_unconnected_over_fork (void)
{
    scif_close (scif_open ());
    const int before = count_descriptors ();
    const int opened = scif_open (), bound = scif_open ();
    const int closed = scif_open (), listener = scif_open ();
    CHECK (scif_bind (bound, 0) > 0 && scif_bind (listener, 0) > 0);
    const pid_t child = start_sleeper ();
    CHECK_EQUAL (scif_listen (listener, 1), 0);
    close (closed);
    scif_close (opened);
    scif_close (bound);
    usleep (20000); /* so that the next close looks for what is left */
    CHECK_EQUAL (count_descriptors () > before, true);
    scif_close (listener);
    CHECK_EQUAL (count_descriptors (), before);
    end_sleeper (child);
}

/* A listener needs nothing to connect with. */
static void test_listener_over_fork (void)
{
    const int before = count_descriptors ();
    const int listener = scif_open ();
    CHECK (scif_bind (listener, 0) > 0);
    const pid_t child = start_sleeper ();
    CHECK_EQUAL (scif_listen (listener, 1), 0);
    CHECK_EQUAL (count_descriptors (), before + 1);
    scif_close (listener);
    CHECK_EQUAL (count_descriptors (), before);
    end_sleeper (child);
}

int main (void)
{
    check_begin ("leak", 50);
    RUN (test_cycles);
    RUN (test_shared_memory_of_one_connection);
    RUN (test_memory_of_many_connections);
    RUN (test_unconnected_over_fork);
    RUN (test_listener_over_fork);
    return check_end ();
}
