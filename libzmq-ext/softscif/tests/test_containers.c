/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Two containers that share nothing but a volume, which each has mounted at a
 * path of its own: separate mounts, process ids, network and IPC. One is the
 * host of the simulated machine, the other its card. Where the system does not
 * allow such name spaces the test says so and is skipped.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define SKIPPED 77 /* as ctest is told in CMakeLists.txt */
#define PAGE 4096
#define SIZE (16 * PAGE)
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)
#define PORT 2000

static char root[] = "/tmp/softscif-volume-XXXXXX";
static char volume[64];

static bool write_file (const char *path, const char *text)
{
    const int fd = open (path, O_WRONLY | O_CLOEXEC);
    const ssize_t len = (ssize_t) strlen (text);
    const bool ok = fd >= 0 && write (fd, text, (size_t) len) == len;
    if (fd >= 0)
        close (fd);
    return ok;
}

/* Makes this process able to make containers; false when it may not. */
static bool become_able (void)
{
    char map[64];
    const unsigned user = geteuid (), group = getegid ();
    if (user == 0)
        return true;
    if (unshare (CLONE_NEWUSER) != 0
        || !write_file ("/proc/self/setgroups", "deny"))
        return false;
    snprintf (map, sizeof map, "%u %u 1", user, user);
    if (!write_file ("/proc/self/uid_map", map))
        return false;
    snprintf (map, sizeof map, "%u %u 1", group, group);
    return write_file ("/proc/self/gid_map", map);
}

/* The volume at a path that only this process and its children see. */
static bool mount_volume (const char *path)
{
    if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
        || mount (volume, path, NULL, MS_BIND, NULL) != 0)
        return false;
    /* A container has a /proc of its own, if nothing forbids to mount it. */
    if (mount ("proc", "/proc", "proc", 0, NULL) != 0)
        fprintf (stderr, "# /proc stays the host's: %s\n", strerror (errno));
    return true;
}

/* Runs fn as the first process of a container; exit status as of waitpid. */
static pid_t
start_container (const char *name, const char *node, void (*fn) (void))
{
    char path[96];
    snprintf (path, sizeof path, "%s/%s", root, name);
    if (mkdir (path, 0700) != 0)
        return -1;
    const pid_t outer = fork ();
    if (outer != 0)
        return outer;
    if (unshare (CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC) != 0)
        _exit (SKIPPED);
    const pid_t inner = fork ();
    if (inner == 0) {
        if (!mount_volume (path))
            _exit (SKIPPED);
        alarm (20);
        check_failures = 0;
        CHECK_EQUAL (getpid (), 1);
        setenv ("SOFTSCIF_DIR", path, 1);
        setenv ("SOFTSCIF_NODES", "2", 1);
        setenv ("SOFTSCIF_NODE", node, 1);
        fn ();
        fflush (stdout);
        _exit (check_failures ? 1 : 0);
    }
    const int status = check_reap (inner);
    _exit (status < 0 ? 100 : status);
}

static char *pages (void)
{
    return mmap (NULL, SIZE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Either end: messages, and memory of the other's in both directions. */
static void talk (int epd, char mine, char other)
{
    static char block[100000];
    char *window = pages (), byte = 0;
    memset (window, mine, SIZE);
    CHECK_EQUAL (scif_register (epd, window, SIZE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK_EQUAL (scif_send (epd, &mine, 1, 0), 1);
    CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (byte, other);

    char *mapped = scif_mmap (NULL, SIZE, RW, 0, epd, 0);
    if (!CHECK (mapped != SCIF_MMAP_FAILED))
        return;
    CHECK_EQUAL (mapped[SIZE - 1], other);
    mapped[1] = 'm'; /* a store that the other one sees */
    CHECK_EQUAL (scif_vwriteto (epd, block, PAGE, PAGE, SCIF_RMA_SYNC), 0);
    CHECK_EQUAL (scif_send (epd, &mine, 1, 0), 1);
    CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (window[1], 'm');
    CHECK (memcmp (window + PAGE, block, PAGE) == 0);
    CHECK_EQUAL (window[2 * PAGE], mine);
    CHECK_EQUAL (scif_munmap (mapped, SIZE), 0);
}

static void be_the_card (void)
{
    struct scif_portID peer = {0, 0};
    int accepted = -1;
    char byte;
    const int listener = scif_open ();
    CHECK_EQUAL (scif_bind (listener, PORT), PORT);
    CHECK_EQUAL (scif_listen (listener, 1), 0);
    if (!CHECK (check_poll (listener, SCIF_POLLIN, 10000) == SCIF_POLLIN))
        return;
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, 0), 0);
    CHECK_EQUAL (peer.node, 0);
    talk (accepted, 'c', 'h');
    /* The host is killed: what it leaves is a connection that has ended. */
    CHECK_EQUAL (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (check_poll (accepted, SCIF_POLLIN, 0), 0);
    CHECK_EQUAL (scif_send (accepted, "g", 1, 0), 1);
    CHECK (check_poll (accepted, SCIF_POLLIN, 10000) & SCIF_POLLHUP);
    CHECK_ERRNO (scif_recv (accepted, &byte, 1, 0), ECONNRESET);
    scif_close (accepted);
    scif_close (listener);
}

static void be_the_host (void)
{
    const struct scif_portID to = {1, PORT};
    struct scif_portID at;
    uint16_t nodes[4], self;
    char byte;
    CHECK_EQUAL (scif_get_nodeIDs (nodes, 4, &self), 2);
    CHECK_EQUAL (self, 0);
    const int own = scif_open (); /* the number is free on this node */
    CHECK_EQUAL (scif_bind (own, PORT), PORT);
    const int epd = scif_open ();
    at = to;
    CHECK_SOON (scif_connect (epd, &at) > 0 || errno == EISCONN);
    talk (epd, 'h', 'c');
    scif_close (own);
    if (check_failures)
        return;
    /* The first process of a container is not killed by its own signals. */
    const pid_t child = fork ();
    if (child == 0) {
        CHECK_EQUAL (scif_send (epd, "k", 1, 0), 1);
        for (;;)
            pause ();
    }
    CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
    scif_close (epd);
    CHECK_EQUAL (kill (child, SIGKILL), 0);
    CHECK_EQUAL (check_reap (child), -SIGKILL);
}

static int reap_both (pid_t card, pid_t host)
{
    const int a = check_reap (host), b = check_reap (card);
    if (a == SKIPPED || b == SKIPPED)
        return SKIPPED;
    CHECK_EQUAL (a, 0);
    CHECK_EQUAL (b, 0);
    return 0;
}

/* Removes everything; the number of names that were in the volume. */
static int clean_up (void)
{
    char path[400];
    int left = 0;
    DIR *dir = opendir (volume);
    for (struct dirent *e; dir && (e = readdir (dir));)
        if (e->d_name[0] != '.') {
            snprintf (path, sizeof path, "%s/%s", volume, e->d_name);
            CHECK_EQUAL (unlink (path), 0);
            left++;
        }
    if (dir)
        closedir (dir);
    static const char *const names[] = {"volume", "card", "host"};
    for (int i = 0; i < 3; i++) {
        snprintf (path, sizeof path, "%s/%s", root, names[i]);
        rmdir (path);
    }
    CHECK_EQUAL (rmdir (root), 0);
    return left;
}

int main (void)
{
    check_begin ("containers", 50);
    CHECK (mkdtemp (root) != NULL);
    snprintf (volume, sizeof volume, "%s/volume", root);
    CHECK_EQUAL (mkdir (volume, 0700), 0);
    int status = SKIPPED;
    if (become_able ()) {
        const pid_t card = start_container ("card", "1", be_the_card);
        const pid_t host = start_container ("host", "0", be_the_host);
        status = reap_both (card, host);
    }
    if (status == SKIPPED) {
        clean_up ();
        printf ("skipped: name spaces may not be made on this system\n");
        return SKIPPED;
    }
    /* The killed one had no time to remove the lock file of its port. */
    CHECK (clean_up () <= 1);
    return check_end ();
}
