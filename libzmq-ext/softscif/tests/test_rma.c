/* SPDX-License-Identifier: MPL-2.0 */
/* readfrom, writeto, vreadfrom, vwriteto and fences. */
#include "check.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define PAGE 4096
#define PAGES 40
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)

static int pair[2];
static char *local, *remote, *user;

static char *pages (size_t n)
{
    char *p = mmap (NULL, n * PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK (p != MAP_FAILED);
    return p;
}

/* Two windows of the accepter side by side, one of the connecter. */
static void set_up (void)
{
    check_pair (pair);
    local = pages (PAGES);
    remote = pages (PAGES);
    user = pages (PAGES);
    CHECK_EQUAL (scif_register (pair[0], local, PAGES * PAGE, 0, RW,
                                SCIF_MAP_FIXED),
                 0);
    CHECK_EQUAL (
      scif_register (pair[1], remote, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK_EQUAL (scif_register (pair[1], remote + PAGE, (PAGES - 1) * PAGE,
                                PAGE, RW, SCIF_MAP_FIXED),
                 PAGE);
    for (int i = 0; i < PAGES * PAGE; i++) {
        local[i] = (char) (i * 5 + 1);
        remote[i] = (char) (i * 3 + 2);
        user[i] = (char) (i * 7 + 3);
    }
}

static void tear_down (void)
{
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (local, PAGES * PAGE);
    munmap (remote, PAGES * PAGE);
    munmap (user, PAGES * PAGE);
}

static void test_copies_at_any_alignment (void)
{
    static const size_t lens[] = {1, 3, 8, 63, 64, 65, 4096, 10001, 131072};
    static const int flags[] = {0, SCIF_RMA_SYNC, SCIF_RMA_ORDERED,
                                SCIF_RMA_USECPU, SCIF_RMA_USECACHE, -1};
    set_up ();
    int bad = 0;
    for (unsigned i = 0; i < sizeof lens / sizeof *lens; i++)
        for (unsigned f = 0; f < sizeof flags / sizeof *flags; f++) {
            const size_t n = lens[i];
            const off_t l = 5 + 13 * i, r = 4090 + f;
            local[l + n] = remote[r + n] = user[l + n] = '!';
            bad += scif_writeto (pair[0], l, n, r, flags[f]) != 0;
            bad += memcmp (local + l, remote + r, n) != 0;
            bad += remote[r + n] != '!';
            remote[r] ^= 0x55;
            bad += scif_readfrom (pair[0], l, n, r, flags[f]) != 0;
            bad += memcmp (local + l, remote + r, n) != 0;
            bad += local[l + n] != '!';
            user[l] ^= 0x33;
            bad += scif_vwriteto (pair[0], user + l, n, r, flags[f]) != 0;
            bad += memcmp (user + l, remote + r, n) != 0;
            remote[r + n - 1] ^= 0x0f;
            bad += scif_vreadfrom (pair[0], user + l, n, r, flags[f]) != 0;
            bad += memcmp (user + l, remote + r, n) != 0;
            bad += user[l + n] != '!';
        }
    CHECK_EQUAL (bad, 0);
    tear_down ();
}

static void test_errors (void)
{
    const off_t end = PAGES * PAGE;
    set_up ();
    CHECK_ERRNO (scif_writeto (pair[0], 0, 0, 0, 0), EINVAL);
    CHECK_ERRNO (scif_writeto (pair[0], 0, 1, 0, 0x100), EINVAL);
    CHECK_EQUAL (scif_writeto (pair[0], 0, 1, 0, 0x101), 0);
    CHECK_ERRNO (scif_writeto (pair[0], end, 1, 0, 0), ENXIO);
    CHECK_ERRNO (scif_writeto (pair[0], end - 1, 2, 0, 0), ENXIO);
    CHECK_ERRNO (scif_readfrom (pair[0], 0, 2, end - 1, 0), ENXIO);
    CHECK_ERRNO (scif_readfrom (pair[0], -1, 2, 0, 0), ENXIO);
    CHECK_ERRNO (scif_readfrom (pair[0], 0, SIZE_MAX, 0, 0), ENXIO);
    CHECK_ERRNO (scif_vreadfrom (pair[0], user, 1, end, 0), ENXIO);
    CHECK_ERRNO (scif_vreadfrom (pair[0], NULL, 1, 0, 0), EFAULT);
    CHECK_ERRNO (scif_vwriteto (pair[0], NULL, 1, 0, 0), EFAULT);
    mprotect (user, PAGE, PROT_READ);
    CHECK_ERRNO (scif_vreadfrom (pair[0], user + PAGE - 1, 2, 0, 0), EFAULT);
    CHECK_EQUAL (scif_vwriteto (pair[0], user, 1, 0, 0), 0);
    munmap (user, PAGE);
    CHECK_ERRNO (scif_vwriteto (pair[0], user, PAGES * PAGE, 0, 0), EFAULT);

    CHECK (scif_register (pair[0], local, PAGE, end, SCIF_PROT_READ,
                          SCIF_MAP_FIXED)
           == end);
    CHECK (scif_register (pair[1], remote, PAGE, end, SCIF_PROT_WRITE,
                          SCIF_MAP_FIXED)
           == end);
    CHECK_ERRNO (scif_readfrom (pair[0], end, 1, 0, 0), EPERM);
    CHECK_ERRNO (scif_readfrom (pair[0], 0, 1, end, 0), EPERM);
    CHECK_ERRNO (scif_writeto (pair[1], 0, 1, end, 0), EPERM);
    CHECK_EQUAL (scif_writeto (pair[0], end, 1, end, 0), 0);
    scif_close (pair[1]);
    CHECK (check_poll (pair[0], 0, 1000) == SCIF_POLLHUP);
    CHECK_ERRNO (scif_writeto (pair[0], 0, 1, 0, 0), ECONNRESET);
    CHECK_ERRNO (scif_vreadfrom (pair[0], local, 1, 0, 0), ECONNRESET);
    int mark;
    CHECK_ERRNO (scif_fence_mark (pair[0], SCIF_FENCE_INIT_SELF, &mark),
                 ECONNRESET);
    tear_down ();
    const int epd = scif_open ();
    CHECK_ERRNO (scif_writeto (epd, 0, 1, 0, 0), ENOTCONN);
    CHECK_ERRNO (scif_fence_wait (epd, 0xdead), ENOTCONN);
    scif_close (epd);
}

static void test_fences (void)
{
    int mark = 0;
    uint64_t value;
    set_up ();
    CHECK_ERRNO (scif_fence_mark (pair[0], 0, &mark), EINVAL);
    CHECK_ERRNO (scif_fence_mark (pair[0], 3, &mark), EINVAL);
    CHECK_ERRNO (scif_fence_mark (pair[0], SCIF_FENCE_INIT_SELF, NULL),
                 EFAULT);
    CHECK_EQUAL (scif_fence_mark (pair[0], SCIF_FENCE_INIT_PEER, &mark), 0);
    CHECK_EQUAL (scif_fence_wait (pair[0], mark), 0);
    CHECK_ERRNO (scif_fence_wait (pair[0], 0x12345678), EINVAL);

    const int self = SCIF_FENCE_INIT_SELF;
    CHECK_EQUAL (scif_fence_signal (pair[0], 16, 0x1122334455667788, 4092,
                                    0x99aabbccddeeff00,
                                    self | SCIF_SIGNAL_LOCAL
                                      | SCIF_SIGNAL_REMOTE),
                 0);
    memcpy (&value, local + 16, 8);
    CHECK (value == 0x1122334455667788);
    memcpy (&value, remote + 4092, 8);
    CHECK (value == 0x99aabbccddeeff00);
    /* Local to the peer is remote to us. */
    const int peer = SCIF_FENCE_INIT_PEER;
    memset (local, 0, 64);
    memset (remote, 0, 64);
    CHECK_EQUAL (scif_fence_signal (pair[0], 8, 'l', 16, 'r',
                                    peer | SCIF_SIGNAL_LOCAL),
                 0);
    CHECK (local[8] == 0 && local[16] == 0);
    CHECK (remote[8] == 0 && remote[16] == 'r');
    CHECK_EQUAL (scif_fence_signal (pair[0], 24, 'l', 32, 'r',
                                    peer | SCIF_SIGNAL_REMOTE),
                 0);
    CHECK (local[24] == 'l' && local[32] == 0);
    CHECK (remote[24] == 0 && remote[32] == 0);
    CHECK_ERRNO (scif_fence_signal (pair[0], 0, 1, 0, 1, self), EINVAL);
    CHECK_ERRNO (scif_fence_signal (pair[0], 0, 1, 0, 1, SCIF_SIGNAL_LOCAL),
                 EINVAL);
    CHECK_ERRNO (
      scif_fence_signal (pair[0], 2, 1, 0, 1, self | SCIF_SIGNAL_LOCAL),
      EINVAL);
    CHECK_EQUAL (
      scif_fence_signal (pair[0], 2, 1, 0, 1, self | SCIF_SIGNAL_REMOTE), 0);
    CHECK_ERRNO (scif_fence_signal (pair[0], 0, 1, PAGES * PAGE, 1,
                                    self | SCIF_SIGNAL_REMOTE),
                 ENXIO);
    CHECK (scif_register (pair[1], remote, PAGE, PAGES * PAGE, SCIF_PROT_READ,
                          SCIF_MAP_FIXED)
           > 0);
    CHECK_ERRNO (scif_fence_signal (pair[0], 0, 1, PAGES * PAGE, 1,
                                    self | SCIF_SIGNAL_REMOTE),
                 EPERM);
    tear_down ();
}

/* What was written is there when the message that follows arrives. */
static void test_data_precede_messages (void)
{
    struct scif_portID at, peer;
    int accepted;
    const int rounds = 2000;
    const int listener = check_listen (1, &at);
    const pid_t child = fork ();
    if (child == 0) {
        char byte;
        const int epd = scif_open ();
        if (scif_connect (epd, &at) < 0
            || scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK) != 1)
            _exit (1);
        for (int i = 0; i < rounds; i++) {
            char block[512];
            memset (block, i, sizeof block);
            if (scif_vwriteto (epd, block, sizeof block, 100, 0) != 0
                || scif_send (epd, "x", 1, SCIF_SEND_BLOCK) != 1
                || scif_recv (epd, &byte, 1, SCIF_RECV_BLOCK) != 1)
                _exit (2);
        }
        _exit (0);
    }
    char *p = pages (1), byte;
    int bad = 0;
    CHECK_EQUAL (scif_accept (listener, &peer, &accepted, SCIF_ACCEPT_SYNC), 0);
    CHECK_EQUAL (scif_register (accepted, p, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    scif_send (accepted, "g", 1, 0);
    for (int i = 0; i < rounds; i++) {
        if (scif_recv (accepted, &byte, 1, SCIF_RECV_BLOCK) != 1) {
            CHECK (false);
            break;
        }
        bad += p[100] != (char) i || p[100 + 511] != (char) i;
        scif_send (accepted, "y", 1, 0);
    }
    CHECK_EQUAL (bad, 0);
    CHECK_EQUAL (check_reap (child), 0);
    scif_close (accepted);
    scif_close (listener);
    munmap (p, PAGE);
}

static void test_large_window (void)
{
    const size_t size = 80 << 20; /* more than one slab */
    char *p = mmap (NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check_pair (pair);
    for (size_t i = 0; i < size; i += PAGE)
        p[i] = (char) (i >> 12);
    const off_t at = scif_register (pair[0], p, size, 0, RW, 0);
    CHECK (at > 0);
    char *copy = malloc (size);
    CHECK_EQUAL (scif_vreadfrom (pair[1], copy, size, at, SCIF_RMA_SYNC), 0);
    CHECK (memcmp (p, copy, size) == 0);
    free (copy);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, size);
}

static _Atomic bool stop;

static void *churn (void *argument)
{
    char *p = argument;
    while (!atomic_load (&stop)) {
        const off_t at = scif_register (pair[1], p, 2 * PAGE, 1 << 20, RW,
                                        SCIF_MAP_FIXED);
        if (at >= 0)
            scif_unregister (pair[1], at, 2 * PAGE);
    }
    return NULL;
}

/* Windows that come and go while the peer uses them: an answer, no harm. */
static void test_windows_come_and_go (void)
{
    pthread_t thread;
    char *p = pages (2), buffer[PAGE];
    int done = 0, missed = 0, other = 0;
    check_pair (pair);
    atomic_store (&stop, false);
    pthread_create (&thread, NULL, churn, p);
    for (int i = 0; i < 20000; i++) {
        const int rc = scif_vwriteto (pair[0], buffer, PAGE, (1 << 20) + 9, 0);
        if (rc == 0)
            done++;
        else if (errno == ENXIO)
            missed++;
        else
            other++;
    }
    atomic_store (&stop, true);
    pthread_join (thread, NULL);
    CHECK_EQUAL (other, 0);
    CHECK (done + missed == 20000);
    scif_close (pair[0]);
    scif_close (pair[1]);
    munmap (p, 2 * PAGE);
}

int main (void)
{
    check_begin ("rma", 50);
    RUN (test_copies_at_any_alignment);
    RUN (test_errors);
    RUN (test_fences);
    RUN (test_data_precede_messages);
    RUN (test_large_window);
    RUN (test_windows_come_and_go);
    return check_end ();
}
