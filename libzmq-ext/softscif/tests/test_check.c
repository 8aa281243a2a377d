/* SPDX-License-Identifier: MPL-2.0 */
/*
 * What the environment changes: nodes, names as files, faults, the trace,
 * asynchronous transfers, the link model. Each case is a process of its own,
 * for the environment is read once.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define PAGE 4096
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)

static char *pages (size_t n)
{
    char *p = mmap (NULL, n * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK (p != MAP_FAILED);
    return p;
}

/* Runs fn in a child, whose checks count here. */
static void in_child (check_fn fn)
{
    fflush (stdout);
    const pid_t child = fork ();
    if (child == 0) {
        check_failures = 0;
        fn ();
        fflush (stdout);
        _exit (check_failures ? 1 : 0);
    }
    CHECK_EQUAL (check_reap (child), 0);
}

/* ---- nodes ---- */

static void be_a_card (void)
{
    uint16_t ids[8], self;
    struct scif_portID peer;
    int accepted;
    char byte;
    setenv ("SOFTSCIF_NODES", "0,1,3", 1);
    setenv ("SOFTSCIF_NODE", "1", 1);
    CHECK_EQUAL (scif_get_nodeIDs (ids, 8, &self), 3);
    CHECK (self == 1 && ids[0] == 0 && ids[1] == 1 && ids[2] == 3);
    CHECK_EQUAL (scif_get_nodeIDs (ids, 2, &self), 3);
    const int listener = scif_open ();
    CHECK_EQUAL (scif_bind (listener, 2000), 2000);
    CHECK_EQUAL (scif_listen (listener, 1), 0);
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC),
                 0);
    CHECK_EQUAL (peer.node, 0);
    CHECK_EQUAL (scif_send (accepted, "c", 1, 0), 1);
    scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK);
}

static void be_the_host (void)
{
    struct scif_portID to = {1, 2000};
    char byte = 0;
    setenv ("SOFTSCIF_NODES", "0,1,3", 1);
    const int own = scif_open (); /* the same port on another node */
    CHECK_EQUAL (scif_bind (own, 2000), 2000);
    const int epd = scif_open ();
    CHECK_SOON (scif_connect (epd, &to) > 0 || errno == EISCONN);
    CHECK_EQUAL (scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK), 1);
    CHECK_EQUAL (byte, 'c');
    to.node = 2;
    CHECK_ERRNO (scif_connect (own, &to), ENODEV);
    to.node = 3;
    CHECK_ERRNO (scif_connect (own, &to), ECONNREFUSED);
}

static void test_nodes (void)
{
    const pid_t card = fork ();
    if (card == 0) {
        be_a_card ();
        _exit (check_failures ? 1 : 0);
    }
    in_child (be_the_host);
    CHECK_EQUAL (check_reap (card), 0);
}

/* ---- names as files ---- */

static char directory[] = "/tmp/softscif-test-XXXXXX";

static int count_files (void)
{
    int n = 0;
    DIR *dir = opendir (directory);
    for (struct dirent *e; dir && (e = readdir (dir));)
        n += e->d_name[0] != '.';
    if (dir)
        closedir (dir);
    return n;
}

static void use_directory (void)
{
    struct scif_portID at;
    int pair[2];
    char byte;
    setenv ("SOFTSCIF_DIR", directory, 1);
    const int listener = check_listen (2, &at);
    struct stat st;
    char path[200];
    snprintf (path, sizeof path, "%s/softscif.%s.0.%u", directory,
              getenv ("SOFTSCIF_REALM"), at.port);
    CHECK (stat (path, &st) == 0 && S_ISSOCK (st.st_mode));
    const int other = scif_open ();
    CHECK_ERRNO (scif_bind (other, at.port), EINVAL);
    scif_close (other);
    check_pair (pair);
    CHECK_EQUAL (scif_send (pair[0], "x", 1, 0), 1);
    CHECK_EQUAL (scif_recv (pair[1], &byte, 1, 0), 1);
    scif_close (pair[0]);
    scif_close (pair[1]);
    scif_close (listener);
    CHECK_EQUAL (count_files (), 0);

    /* A killed process leaves files, which are in nobody's way. */
    const pid_t child = fork ();
    if (child == 0) {
        const int epd = scif_open ();
        scif_bind (epd, 3000);
        scif_listen (epd, 1);
        raise (SIGKILL);
    }
    CHECK_EQUAL (check_reap (child), -SIGKILL);
    CHECK_EQUAL (count_files (), 2);
    const int epd = scif_open ();
    at.port = 3000;
    CHECK_ERRNO (scif_connect (epd, &at), ECONNREFUSED);
    scif_close (epd);
    const int again = scif_open ();
    CHECK_EQUAL (scif_bind (again, 3000), 3000);
    CHECK_EQUAL (scif_listen (again, 1), 0);
    scif_close (again);
    CHECK_EQUAL (count_files (), 0);
}

static void test_names_as_files (void)
{
    CHECK (mkdtemp (directory) != NULL);
    in_child (use_directory);
    CHECK_EQUAL (rmdir (directory), 0);
}

/* ---- faults and trace ---- */

static void meet_faults (void)
{
    int pair[2];
    char buffer[100], *p = pages (1);
    setenv ("SOFTSCIF_FAULTS",
            "register=ENOMEM@2,register=EAGAIN@3,send=short@2,"
            "connect=delay:150,peer=lost@6",
            1);
    const int64_t start = check_now_ms ();
    check_pair (pair);
    CHECK (check_now_ms () - start >= 150);
    CHECK (scif_register (pair[0], p, PAGE, 0, RW, 0) > 0);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, 0), ENOMEM);
    CHECK_ERRNO (scif_register (pair[0], p, PAGE, 0, RW, 0), EAGAIN);
    CHECK_EQUAL (scif_send (pair[0], buffer, 100, 0), 100);
    CHECK_EQUAL (scif_send (pair[0], buffer, 100, 0), 50);
    CHECK_EQUAL (scif_send (pair[0], buffer, 10, 0), 10);
    CHECK_EQUAL (scif_recv (pair[1], buffer, 100, 0), 100);
    CHECK_EQUAL (scif_recv (pair[1], buffer, 100, 0), 60);
    CHECK_ERRNO (scif_send (pair[0], buffer, 10, 0), ECONNRESET);
    CHECK_EQUAL (check_poll (pair[1], 0, 1000), SCIF_POLLHUP);
}

static void write_trace (void)
{
    int pair[2];
    char path[] = "/tmp/softscif-trace-XXXXXX", text[8192];
    const int fd = mkstemp (path);
    setenv ("SOFTSCIF_TRACE", path, 1);
    check_pair (pair);
    CHECK_EQUAL (scif_send (pair[0], "x", 1, 0), 1);
    CHECK_ERRNO (scif_send (pair[0], "x", -1, 0), EINVAL);
    const ssize_t n = read (fd, text, sizeof text - 1);
    CHECK (n > 0);
    text[n > 0 ? n : 0] = '\0';
    CHECK (strstr (text, "scif_open () = ") != NULL);
    CHECK (strstr (text, ", 1, 0) = 1\n") != NULL);
    CHECK (strstr (text, ", -1, 0) = -1 (22: ") != NULL);
    close (fd);
    unlink (path);
}

static void test_faults (void)
{
    in_child (meet_faults);
}

static void test_trace (void)
{
    in_child (write_trace);
}

/* ---- asynchronous transfers ---- */

static void transfer_asynchronously (void)
{
    int pair[2], mark, late = 0, bad = 0;
    const size_t size = 16 * PAGE;
    char *mine = pages (17), *theirs = pages (17);
    setenv ("SOFTSCIF_ASYNC", "2000", 1);
    check_pair (pair);
    CHECK (scif_register (pair[0], mine, 17 * PAGE, 0, RW, SCIF_MAP_FIXED)
           == 0);
    CHECK (scif_register (pair[1], theirs, 17 * PAGE, 0, RW, SCIF_MAP_FIXED)
           == 0);
    for (int i = 1; i <= 20; i++) {
        memset (mine, i, size);
        bad += scif_writeto (pair[0], 0, size, 0, 0) != 0;
        late += memcmp (mine, theirs, size) != 0;
        bad += scif_fence_mark (pair[0], SCIF_FENCE_INIT_SELF, &mark) != 0;
        bad += scif_fence_wait (pair[0], mark) != 0;
        bad += memcmp (mine, theirs, size) != 0;

        memset (mine, -i, size);
        bad += scif_vwriteto (pair[0], mine, size, 0, SCIF_RMA_ORDERED) != 0;
        bad += scif_fence_mark (pair[1], SCIF_FENCE_INIT_PEER, &mark) != 0;
        bad += scif_fence_wait (pair[1], mark) != 0;
        bad += memcmp (mine, theirs, size) != 0;

        memset (theirs, i + 7, size);
        bad += scif_vreadfrom (pair[0], mine, size, 0, 0) != 0;
        bad += scif_fence_signal (pair[0], size, (uint64_t) i, 0, 0,
                                  SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_LOCAL)
               != 0;
        bad += mine[size] != (char) i;
        bad += memcmp (mine, theirs, size) != 0;

        memset (mine, i + 9, size);
        bad += scif_writeto (pair[0], 0, size, 0, SCIF_RMA_SYNC) != 0;
        bad += memcmp (mine, theirs, size) != 0;
    }
    CHECK_EQUAL (bad, 0);
    CHECK (late > 0); /* a missing fence shows */
    CHECK_ERRNO (scif_fence_wait (pair[0], 5000), EINVAL);
    scif_writeto (pair[0], 0, size, 0, 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_asynchronous_transfers (void)
{
    in_child (transfer_asynchronously);
}

/* ---- link model ---- */

static void use_slow_link (void)
{
    int pair[2];
    const size_t size = 256 * PAGE;
    char *p = pages (256);
    setenv ("SOFTSCIF_LINK", "100:5000", 1); /* 100 MB/s, 5 ms */
    check_pair (pair);
    CHECK (scif_register (pair[1], p, size, 0, RW, SCIF_MAP_FIXED) == 0);
    int64_t start = check_now_ms ();
    CHECK_EQUAL (scif_vwriteto (pair[0], p, size, 0, SCIF_RMA_SYNC), 0);
    int64_t took = check_now_ms () - start;
    CHECK (took >= 14 && took < 1000); /* 10.5 ms for 1 MiB, and 5 */
    start = check_now_ms ();
    CHECK_EQUAL (scif_send (pair[0], "x", 1, 0), 1);
    took = check_now_ms () - start;
    CHECK (took >= 4 && took < 1000);
}

static void test_link_model (void)
{
    in_child (use_slow_link);
}

int main (void)
{
    check_begin ("check", 40);
    RUN (test_nodes);
    RUN (test_names_as_files);
    RUN (test_faults);
    RUN (test_trace);
    RUN (test_asynchronous_transfers);
    RUN (test_link_model);
    return check_end ();
}
