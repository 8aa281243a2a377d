/* SPDX-License-Identifier: MPL-2.0 */
/* 10,000 connections come and go: descriptors, memory and names stay level. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
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

int main (void)
{
    check_begin ("leak", 50);
    RUN (test_cycles);
    return check_end ();
}
