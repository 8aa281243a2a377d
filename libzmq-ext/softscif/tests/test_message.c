/* SPDX-License-Identifier: MPL-2.0 */
/* scif_send and scif_recv: byte streams of 4095 bytes, blocking, the end. */
#include "check.h"

#include <limits.h>
#include <sys/mman.h>

static char big[1 << 20];

static void test_queue_is_a_byte_stream (void)
{
    int pair[2];
    char out[5000], in[5000];
    check_pair (pair);
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (char) (i * 7);
    for (int way = 0; way < 2; way++) {
        const int from = pair[way], to = pair[1 - way];
        CHECK_EQUAL (scif_recv (to, in, 10, 0), 0);
        CHECK_EQUAL (scif_send (from, out, 5000, 0), 4095);
        CHECK_EQUAL (scif_send (from, out, 1, 0), 0);
        CHECK_EQUAL (scif_recv (to, in, 1, 0), 1);
        CHECK_EQUAL (scif_send (from, out + 4095, 100, 0), 1);
        CHECK_EQUAL (scif_recv (to, in + 1, 4000, 0), 4000);
        CHECK_EQUAL (scif_recv (to, in + 4001, 4000, 0), 95);
        CHECK_EQUAL (scif_recv (to, in, 10, 0), 0);
        CHECK (memcmp (in, out, 4096) == 0);
        for (int i = 0; i < 4095; i++)
            if (scif_send (from, out + i, 1, 0) != 1)
                CHECK (false);
        CHECK_EQUAL (scif_send (from, out, 1, 0), 0);
        CHECK_EQUAL (scif_recv (to, in, 5000, 0), 4095);
        CHECK (memcmp (in, out, 4095) == 0);
    }
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_argument_errors (void)
{
    int pair[2];
    char byte = 0;
    const int unbound = scif_open ();
    CHECK_EQUAL (scif_send (unbound, &byte, 0, 0), 0);
    CHECK_EQUAL (scif_recv (unbound, &byte, 0, 0), 0);
    CHECK_ERRNO (scif_send (unbound, &byte, 1, 0), ENOTCONN);
    CHECK_ERRNO (scif_recv (unbound, &byte, 1, 1), ENOTCONN);
    scif_close (unbound);
    CHECK_ERRNO (scif_send (unbound, &byte, 1, 0), EBADF);
    check_pair (pair);
    CHECK_ERRNO (scif_send (pair[0], &byte, -1, 0), EINVAL);
    CHECK_ERRNO (scif_recv (pair[0], &byte, INT_MIN, 0), EINVAL);
    CHECK_ERRNO (scif_send (pair[0], &byte, 1, 2), EINVAL);
    CHECK_EQUAL (scif_send (pair[0], &byte, 1, 3), 1);
    CHECK_EQUAL (scif_recv (pair[1], &byte, 1, -1), 1);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_bad_buffers (void)
{
    int pair[2];
    char in[4];
    char *page = mmap (NULL, 8192, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset (page, 'p', 4096);
    mprotect (page + 4096, 4096, PROT_NONE);
    check_pair (pair);
    CHECK_ERRNO (scif_send (pair[0], NULL, 1, 0), EFAULT);
    CHECK_ERRNO (scif_send (pair[0], page + 4096, 100, 0), EFAULT);
    CHECK_ERRNO (scif_send (pair[0], page + 4000, 100, 0), EFAULT);
    CHECK_EQUAL (scif_recv (pair[1], in, 4, 0), 0);
    CHECK_EQUAL (scif_send (pair[0], page + 4000, 96, 0), 96);
    CHECK_EQUAL (scif_recv (pair[1], page + 4094, 2, 0), 2);
    CHECK_ERRNO (scif_recv (pair[1], page + 4094, 3, 0), EFAULT);
    CHECK_ERRNO (scif_recv (pair[1], page + 4092, 20, 0), EFAULT);
    CHECK_ERRNO (scif_recv (pair[1], NULL, 2, 0), EFAULT);
    mprotect (page, 4096, PROT_READ);
    CHECK_ERRNO (scif_recv (pair[1], page, 1, 0), EFAULT);
    munmap (page, 8192);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void *send_big (void *argument)
{
    return (void *) (long) scif_send (*(int *) argument, big, sizeof big,
                                      SCIF_SEND_BLOCK);
}

static void test_blocking_moves_everything (void)
{
    int pair[2];
    pthread_t thread;
    void *sent;
    char *in = malloc (sizeof big);
    check_pair (pair);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char) (i * 31 + i / 4096);
    pthread_create (&thread, NULL, send_big, &pair[0]);
    CHECK_EQUAL (scif_recv (pair[1], in, sizeof big, SCIF_RECV_BLOCK),
                 sizeof big);
    pthread_join (thread, &sent);
    CHECK_EQUAL ((long) sent, sizeof big);
    CHECK (memcmp (in, big, sizeof big) == 0);
    free (in);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

static void test_rest_is_readable_then_reset (void)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        int pair[2];
        char in[64];
        check_pair (pair);
        CHECK_EQUAL (scif_send (pair[0], "0123456789", 10, 0), 10);
        CHECK_EQUAL (scif_send (pair[1], "lost", 4, 0), 4);
        scif_close (pair[0]);
        CHECK_ERRNO (scif_send (pair[1], "x", 1, blocking), ECONNRESET);
        CHECK_EQUAL (scif_recv (pair[1], in, 4, blocking), 4);
        CHECK_EQUAL (check_poll (pair[1], SCIF_POLLIN | SCIF_POLLOUT, 0),
                     SCIF_POLLIN | SCIF_POLLOUT | SCIF_POLLHUP);
        CHECK_EQUAL (scif_recv (pair[1], in, 60, blocking), 6);
        CHECK (memcmp (in, "456789", 6) == 0);
        CHECK_ERRNO (scif_recv (pair[1], in, 1, blocking), ECONNRESET);
        CHECK_ERRNO (scif_send (pair[1], "x", 1, blocking), ECONNRESET);
        scif_close (pair[1]);
    }
}

static void *receive_100 (void *argument)
{
    char in[100];
    errno = 0;
    const int rc = scif_recv (*(int *) argument, in, 100, SCIF_RECV_BLOCK);
    return (void *) (long) (rc < 0 ? -errno : rc);
}

static void on_signal (int number)
{
    (void) number;
}

static void test_blocked_calls_end (void)
{
    int pair[2];
    pthread_t thread;
    void *result;
    struct sigaction action;
    memset (&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction (SIGUSR1, &action, NULL);

    check_pair (pair);
    pthread_create (&thread, NULL, receive_100, &pair[0]);
    usleep (100000);
    pthread_kill (thread, SIGUSR1);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, -EINTR);

    CHECK_EQUAL (scif_send (pair[1], big, 30, 0), 30);
    pthread_create (&thread, NULL, receive_100, &pair[0]);
    usleep (100000);
    pthread_kill (thread, SIGUSR1);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, 30);

    CHECK_EQUAL (scif_send (pair[1], big, 7, 0), 7);
    pthread_create (&thread, NULL, receive_100, &pair[0]);
    usleep (100000);
    CHECK_EQUAL (scif_recv (pair[0], big, 1, 0), 0); /* it is taken */
    scif_close (pair[1]);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, 7);
    CHECK_EQUAL ((long) receive_100 (&pair[0]), -ECONNRESET);
    scif_close (pair[0]);

    check_pair (pair);
    pthread_create (&thread, NULL, send_big, &pair[0]);
    usleep (100000);
    scif_close (pair[1]);
    pthread_join (thread, &result);
    CHECK_EQUAL ((long) result, 4095);
    scif_close (pair[0]);
}

#define SENDERS 4
#define MESSAGES 200
#define MESSAGE 5000

static int many_epd;

static void *send_marked (void *argument)
{
    char out[MESSAGE];
    memset (out, (int) (long) argument, sizeof out);
    for (int i = 0; i < MESSAGES; i++)
        if (scif_send (many_epd, out, MESSAGE, SCIF_SEND_BLOCK) != MESSAGE)
            return (void *) 1;
    return NULL;
}

/* Blocking transfers of several threads do not get mixed up. */
static void test_blocking_sends_stay_whole (void)
{
    int pair[2];
    pthread_t threads[SENDERS];
    int mixed = 0, count[SENDERS + 1] = {0};
    void *result;
    check_pair (pair);
    many_epd = pair[0];
    for (long i = 0; i < SENDERS; i++)
        pthread_create (&threads[i], NULL, send_marked, (void *) (i + 1));
    for (int i = 0; i < SENDERS * MESSAGES; i++) {
        char in[MESSAGE];
        if (scif_recv (pair[1], in, MESSAGE, SCIF_RECV_BLOCK) != MESSAGE) {
            CHECK (false);
            break;
        }
        if (in[0] < 1 || in[0] > SENDERS)
            mixed++;
        else
            count[(int) in[0]]++;
        for (int k = 1; k < MESSAGE; k++)
            if (in[k] != in[0]) {
                mixed++;
                break;
            }
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join (threads[i], &result);
        CHECK (result == NULL);
        CHECK_EQUAL (count[i + 1], MESSAGES);
    }
    CHECK_EQUAL (mixed, 0);
    scif_close (pair[0]);
    scif_close (pair[1]);
}

int main (void)
{
    check_begin ("message", 40);
    RUN (test_queue_is_a_byte_stream);
    RUN (test_argument_errors);
    RUN (test_bad_buffers);
    RUN (test_blocking_moves_everything);
    RUN (test_rest_is_readable_then_reset);
    RUN (test_blocked_calls_end);
    RUN (test_blocking_sends_stay_whole);
    return check_end ();
}
