/* SPDX-License-Identifier: MPL-2.0 */
/* Sections 3.1 to 3.7: the byte stream. */
#define _GNU_SOURCE
#include "support.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

CASE (queue_of_4095, "3.1", "each direction holds 4095 bytes, either end first",
      0)
{
    static char bytes[10000];
    struct pair pair = pair_open ();
    int end;
    for (end = 0; end < 2; end++) {
        scif_epd_t own = end ? pair.accepted : pair.connecter;
        scif_epd_t other = end ? pair.connecter : pair.accepted;
        fill (bytes, sizeof bytes, 7, 0);
        RETURNS (scif_send (own, bytes, sizeof bytes, 0), ROOM);
        RETURNS (scif_send (own, bytes, 1, 0), 0);
        memset (bytes, 0, sizeof bytes);
        RETURNS (scif_recv (other, bytes, sizeof bytes, 0), ROOM);
        check_pattern (bytes, ROOM, 7, 0);
        RETURNS (scif_recv (other, bytes, sizeof bytes, 0), 0);
    }
}

CASE (queue_in_bytes, "3.1", "4095 sends of one byte fit, one more does not", 0)
{
    struct pair pair = pair_open ();
    char bytes[ROOM];
    int i;
    for (i = 0; i < ROOM; i++) {
        fill (bytes, 1, 3, (size_t) i);
        RETURNS (scif_send (pair.connecter, bytes, 1, 0), 1);
    }
    RETURNS (scif_send (pair.connecter, bytes, 1, 0), 0);
    recv_soon (pair.accepted, bytes, ROOM);
    check_pattern (bytes, ROOM, 3, 0);
}

CASE (no_boundaries, "3.1",
      "no message boundaries: three sends in one recv, one send in many", 0)
{
    struct pair pair = pair_open ();
    char bytes[30];
    int i;
    fill (bytes, 30, 1, 0);
    for (i = 0; i < 30; i += 10)
        send_all (pair.connecter, bytes + i, 10);
    memset (bytes, 0, 30);
    recv_all (pair.accepted, bytes, 30);
    check_pattern (bytes, 30, 1, 0);
    send_all (pair.connecter, bytes, 30);
    for (i = 0; i < 30; i++) {
        RETURNS (scif_recv (pair.accepted, bytes, 1, 0), 1);
        check_pattern (bytes, 1, 1, (size_t) i);
    }
}

CASE (directions_independent, "3.1",
      "a full queue one way leaves the other way free", 0)
{
    struct pair pair = pair_open ();
    char bytes[ROOM];
    RETURNS (send_until_full (pair.connecter, 1, 0), ROOM);
    RETURNS (send_until_full (pair.accepted, 2, 0), ROOM);
    recv_all (pair.connecter, bytes, ROOM);
    check_pattern (bytes, ROOM, 2, 0);
    recv_all (pair.accepted, bytes, ROOM);
    check_pattern (bytes, ROOM, 1, 0);
}

CASE (odd_sizes, "3.1", "the stream is intact over many sizes and wrap-arounds",
      0)
{
    struct pair pair = pair_open ();
    static char bytes[ROOM + 100];
    size_t sent = 0, got = 0;
    unsigned seed = 12345;
    while (got < 400000) {
        int n;
        seed = seed * 1103515245u + 12345u;
        n = (int) (seed >> 16) % (ROOM + 100) + 1;
        fill (bytes, (size_t) n, 9, sent);
        sent += (size_t) SUCCEEDS (scif_send (pair.connecter, bytes, n, 0));
        CHECK (sent - got <= ROOM);
        seed = seed * 1103515245u + 12345u;
        n = (int) (seed >> 16) % (ROOM + 100) + 1;
        n = (int) SUCCEEDS (scif_recv (pair.accepted, bytes, n, 0));
        check_pattern (bytes, (size_t) n, 9, got);
        got += (size_t) n;
    }
}

CASE (empty_and_full, "3.2",
      "non-blocking send without room and recv without data return 0 at once, "
      "errno untouched",
      0)
{
    struct pair pair = pair_open ();
    char byte;
    double since = now ();
    int result;
    errno = EDEADLK;
    result = scif_recv (pair.connecter, &byte, 1, 0);
    CHECK (errno == EDEADLK);
    RETURNS (result, 0);
    send_until_full (pair.connecter, 1, 0);
    errno = EDEADLK;
    result = scif_send (pair.connecter, &byte, 1, 0);
    CHECK (errno == EDEADLK);
    RETURNS (result, 0);
    check_at_once (since, "the answers");
}

CASE (partial, "3.2", "non-blocking send and recv transfer what they can", 0)
{
    struct pair pair = pair_open ();
    static char bytes[ROOM + 1];
    send_all (pair.connecter, bytes, 4000);
    RETURNS (scif_send (pair.connecter, bytes, 1000, 0), ROOM - 4000);
    RETURNS (scif_recv (pair.accepted, bytes, 100, 0), 100);
    RETURNS (scif_send (pair.connecter, bytes, 1000, 0), 100);
    RETURNS (scif_recv (pair.accepted, bytes, sizeof bytes, 0), ROOM);
}

CASE (blocking_recv, "3.2",
      "a blocking recv waits until all bytes are there, O_NONBLOCK or not", 0)
{
    struct pair pair = pair_open ();
    int nonblocking;
    for (nonblocking = 0; nonblocking < 2; nonblocking++) {
        char bytes[100], part[40];
        struct call recv;
        set_nonblocking (pair.accepted, nonblocking);
        start_recv (&recv, pair.accepted, bytes, 100, SCIF_RECV_BLOCK);
        await_blocked (&recv);
        fill (part, 40, 5, 0);
        send_all (pair.connecter, part, 40);
        await_blocked (&recv);
        fill (part, 40, 5, 40);
        send_all (pair.connecter, part, 40);
        await_blocked (&recv);
        fill (part, 20, 5, 80);
        send_all (pair.connecter, part, 20);
        finish_returning (&recv, 100);
        check_pattern (bytes, 100, 5, 0);
    }
}

CASE (blocking_send, "3.2",
      "a blocking send waits until all bytes are queued, O_NONBLOCK or not", 0)
{
    struct pair pair = pair_open ();
    static char out[10000], in[10000];
    int nonblocking;
    for (nonblocking = 0; nonblocking < 2; nonblocking++) {
        struct call send;
        set_nonblocking (pair.connecter, nonblocking);
        fill (out, sizeof out, 6, 0);
        start_send (&send, pair.connecter, out, sizeof out, SCIF_SEND_BLOCK);
        await_blocked (&send);
        recv_all (pair.accepted, in, 5000);
        await_blocked (&send);
        recv_all (pair.accepted, in + 5000, 905);
        finish_returning (&send, sizeof out);
        RETURNS (scif_recv (pair.accepted, in + 5905, 5000, 0), ROOM);
        check_pattern (in, sizeof out, 6, 0);
    }
}

CASE (signal_recv_nothing, "3.3",
      "a signal ends a blocked recv that has nothing with EINTR, SA_RESTART or "
      "not",
      0)
{
    static const int flags[] = {0, SA_RESTART};
    struct pair pair = pair_open ();
    char bytes[100];
    int i;
    for (i = 0; i < 2; i++) {
        struct call recv;
        start_recv (&recv, pair.connecter, bytes, 100, SCIF_RECV_BLOCK);
        await_blocked (&recv);
        interrupt (&recv, flags[i]);
        finish_failing (&recv, EINTR);
    }
}

CASE (signal_recv_part, "3.3",
      "a signal ends a blocked recv that has some bytes with their count", 0)
{
    static const int flags[] = {0, SA_RESTART};
    struct pair pair = pair_open ();
    char bytes[100], part[10];
    int i;
    for (i = 0; i < 2; i++) {
        struct call recv;
        fill (part, 10, 4, 0);
        send_all (pair.accepted, part, 10);
        start_recv (&recv, pair.connecter, bytes, 100, SCIF_RECV_BLOCK);
        await_blocked (&recv);
        interrupt (&recv, flags[i]);
        finish_returning (&recv, 10);
        check_pattern (bytes, 10, 4, 0);
        RETURNS (scif_recv (pair.connecter, bytes, 100, 0), 0);
    }
}

CASE (signal_send, "3.3",
      "a signal ends a blocked send with the count so far, or EINTR if none",
      0)
{
    static const int flags[] = {0, SA_RESTART};
    static char bytes[10000];
    int i;
    for (i = 0; i < 2; i++) {
        struct pair pair = pair_open ();
        struct call send;
        fill (bytes, sizeof bytes, 8, 0);
        start_send (&send, pair.connecter, bytes, sizeof bytes,
                    SCIF_SEND_BLOCK);
        await_blocked (&send);
        interrupt (&send, flags[i]);
        finish_returning (&send, ROOM);
        start_send (&send, pair.connecter, bytes, 10, SCIF_SEND_BLOCK);
        await_blocked (&send);
        interrupt (&send, flags[i]);
        finish_failing (&send, EINTR);
        RETURNS (scif_recv (pair.accepted, bytes, sizeof bytes, 0), ROOM);
        check_pattern (bytes, ROOM, 8, 0);
        RETURNS (scif_recv (pair.accepted, bytes, 1, 0), 0);
        pair_close (&pair);
    }
}

CASE (length_zero, "3.4", "length 0: 0, in every state and with either flag", 0)
{
    struct pair pair = pair_open ();
    scif_epd_t epds[4];
    char byte;
    int port, i;
    epds[0] = endpoint ();
    epds[1] = listener (1, &port);
    epds[2] = pair.connecter;
    epds[3] = disconnected_endpoint ();
    for (i = 0; i < 4; i++) {
        RETURNS (scif_send (epds[i], &byte, 0, 0), 0);
        RETURNS (scif_recv (epds[i], &byte, 0, 0), 0);
        RETURNS (scif_send (epds[i], &byte, 0, SCIF_SEND_BLOCK), 0);
        RETURNS (scif_recv (epds[i], &byte, 0, SCIF_RECV_BLOCK), 0);
    }
}

CASE (length_negative, "3.4", "a negative length: EINVAL", 0)
{
    struct pair pair = pair_open ();
    char byte;
    FAILS (scif_send (pair.connecter, &byte, -1, 0), EINVAL);
    FAILS (scif_recv (pair.connecter, &byte, -1, 0), EINVAL);
    FAILS (scif_send (pair.connecter, &byte, INT_MIN, SCIF_SEND_BLOCK), EINVAL);
    FAILS (scif_recv (pair.connecter, &byte, INT_MIN, SCIF_RECV_BLOCK), EINVAL);
}

CASE (flags_without_bit_0, "3.4", "flags nonzero without bit 0: EINVAL", 0)
{
    static const int flags[] = {2, 4, 0x10, -2, INT_MIN};
    struct pair pair = pair_open ();
    char byte = 'x';
    size_t i;
    for (i = 0; i < sizeof flags / sizeof *flags; i++) {
        FAILS (scif_send (pair.connecter, &byte, 1, flags[i]), EINVAL);
        FAILS (scif_recv (pair.accepted, &byte, 1, flags[i]), EINVAL);
    }
    RETURNS (scif_recv (pair.accepted, &byte, 1, 0), 0);
}

CASE (flags_with_bit_0, "3.4", "flags 3 and -1 mean blocking", 0)
{
    static const int flags[] = {3, -1};
    struct pair pair = pair_open ();
    char bytes[2];
    size_t i;
    for (i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct call recv;
        start_recv (&recv, pair.accepted, bytes, 2, flags[i]);
        await_blocked (&recv);
        RETURNS (scif_send (pair.connecter, "xy", 2, flags[i]), 2);
        finish_returning (&recv, 2);
    }
}

CASE (not_connected, "3.4", "send and recv when never connected: ENOTCONN", 0)
{
    scif_epd_t epds[4];
    struct scif_portID to;
    char byte = 'x';
    int i, port, blocking;
    epds[0] = endpoint ();
    to = address (dead_port (&epds[1]));
    epds[2] = listener (1, &port);
    epds[3] = endpoint ();
    FAILS (scif_connect (epds[3], &to), ECONNREFUSED);
    for (i = 0; i < 4; i++)
        for (blocking = 0; blocking < 2; blocking++) {
            FAILS (scif_send (epds[i], &byte, 1, blocking), ENOTCONN);
            FAILS (scif_recv (epds[i], &byte, 1, blocking), ENOTCONN);
        }
}

CASE (stream_bad_fd, "3.4",
      "send and recv on a closed descriptor: EBADF, on another kind: ENOTTY", 0)
{
    char byte = 'x';
    int closed = closed_fd (), foreign;
    FAILS (scif_send (closed, &byte, 1, 0), EBADF);
    FAILS (scif_recv (closed, &byte, 1, 0), EBADF);
    FAILS (scif_send (-1, &byte, 1, 1), EBADF);
    FAILS (scif_recv (-1, &byte, 1, 1), EBADF);
    foreign = foreign_fd ();
    FAILS (scif_send (foreign, &byte, 1, 0), ENOTTY);
    FAILS (scif_recv (foreign, &byte, 1, 0), ENOTTY);
}

CASE (length_huge, "3.4", "a length of INT_MAX is accepted", 0)
{
    struct pair pair = pair_open ();
    char *huge = mmap (NULL, INT_MAX, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (huge == MAP_FAILED)
        skip ("no 2 GiB of address space");
    fill (huge, ROOM, 2, 0);
    RETURNS (scif_send (pair.connecter, huge, INT_MAX, 0), ROOM);
    memset (huge, 0, ROOM);
    RETURNS (scif_recv (pair.accepted, huge, INT_MAX, 0), ROOM);
    check_pattern (huge, ROOM, 2, 0);
}

/* A page that may be used, in front of one that may not. */
static char *guarded_page (void)
{
    char *memory = pages (2);
    RETURNS (mprotect (memory + PAGE, PAGE, PROT_NONE), 0);
    return memory;
}

CASE (send_bad_buffer, "3.5",
      "send from a bad buffer: EFAULT, and the stream loses nothing", 0)
{
    struct pair pair = pair_open ();
    char *memory = guarded_page (), bytes[20];
    int blocking;
    for (blocking = 0; blocking < 2; blocking++) {
        send_all (pair.connecter, "abcde", 5);
        FAILS (scif_send (pair.connecter, memory + PAGE, 10, blocking), EFAULT);
        FAILS (scif_send (pair.connecter, NULL, 10, blocking), EFAULT);
        send_all (pair.connecter, "fghij", 5);
        RETURNS (scif_recv (pair.accepted, bytes, 20, 0), 10);
        SAME_BYTES (bytes, "abcdefghij", 10);
    }
}

CASE (send_half_bad_buffer, "3.5",
      "send from a buffer that is bad towards its end: EFAULT", 0)
{
    struct pair pair = pair_open ();
    char *memory = guarded_page (), byte;
    FAILS (scif_send (pair.connecter, memory + PAGE - 5, 10, 0), EFAULT);
    RETURNS (scif_recv (pair.accepted, &byte, 1, 0), 0);
    send_all (pair.connecter, memory + PAGE - 5, 5);
}

CASE (recv_bad_buffer, "3.5",
      "recv into a bad buffer: EFAULT, and the bytes it took are dropped", 0)
{
    struct pair pair = pair_open ();
    char *memory = guarded_page (), bytes[20];
    send_all (pair.connecter, "abcdefghij", 10);
    FAILS (scif_recv (pair.accepted, memory + PAGE, 4, 0), EFAULT);
    RETURNS (scif_recv (pair.accepted, bytes, 20, 0), 6);
    SAME_BYTES (bytes, "efghij", 6);
    send_all (pair.connecter, "abcdefghij", 10);
    FAILS (scif_recv (pair.accepted, NULL, 4, SCIF_RECV_BLOCK), EFAULT);
    RETURNS (scif_recv (pair.accepted, bytes, 20, 0), 6);
    SAME_BYTES (bytes, "efghij", 6);
}

CASE (recv_read_only_buffer, "3.5",
      "recv into read-only or half bad memory: EFAULT", 0)
{
    struct pair pair = pair_open ();
    char *memory = guarded_page ();
    send_all (pair.connecter, "abcdefghij", 10);
    FAILS (scif_recv (pair.accepted, memory + PAGE - 2, 4, 0), EFAULT);
    RETURNS (mprotect (memory, PAGE, PROT_READ), 0);
    FAILS (scif_recv (pair.accepted, memory, 4, 0), EFAULT);
    RETURNS (scif_send (pair.connecter, memory, 4, 0), 4);
}

#define BULK (8 * 1024 * 1024)

CASE (bulk, "3.6", "8 MiB in one blocking call, both ways at once, is intact",
      0)
{
    struct pair pair = pair_open ();
    char *there = lasting (BULK), *back = lasting (BULK);
    char *there_in = lasting (BULK), *back_in = lasting (BULK);
    struct call send_there, send_back, recv_there;
    fill (there, BULK, 1, 0);
    fill (back, BULK, 2, 0);
    start_send (&send_there, pair.connecter, there, BULK, SCIF_SEND_BLOCK);
    start_send (&send_back, pair.accepted, back, BULK, SCIF_SEND_BLOCK);
    start_recv (&recv_there, pair.accepted, there_in, BULK, SCIF_RECV_BLOCK);
    recv_all (pair.connecter, back_in, BULK);
    finish (&send_there, 15);
    finish (&send_back, 15);
    finish (&recv_there, 15);
    RETURNS (send_there.result, BULK);
    RETURNS (send_back.result, BULK);
    RETURNS (recv_there.result, BULK);
    SAME_BYTES (there_in, there, BULK);
    SAME_BYTES (back_in, back, BULK);
}

CASE (one_lock_per_direction, "3.7",
      "a blocked send makes another thread's non-blocking send wait, not its "
      "recv",
      QUIRK)
{
    struct pair pair = pair_open ();
    static char bytes[ROOM * 2];
    struct call blocked, second;
    char byte;
    start_send (&blocked, pair.connecter, bytes, ROOM + 1, SCIF_SEND_BLOCK);
    await_blocked (&blocked);
    RETURNS (scif_recv (pair.connecter, &byte, 1, 0), 0);
    start_send (&second, pair.connecter, bytes, 1, 0);
    sleep_ms (QUIET_MS);
    observe (!returned (&second), "the non-blocking send waits");
    recv_all (pair.accepted, bytes, ROOM);
    finish_returning (&blocked, ROOM + 1);
    finish (&second, AT_ONCE);
}

CASE (other_direction_free, "3.7",
      "a blocked recv leaves send free, a blocked send leaves recv free", 0)
{
    struct pair pair = pair_open ();
    static char bytes[ROOM * 2];
    char byte = 'x';
    struct call blocked;
    double since;
    start_recv (&blocked, pair.connecter, &byte, 1, SCIF_RECV_BLOCK);
    await_blocked (&blocked);
    since = now ();
    send_all (pair.connecter, "abc", 3);
    check_at_once (since, "send beside a blocked recv");
    send_all (pair.accepted, "x", 1);
    finish_returning (&blocked, 1);
    recv_all (pair.accepted, bytes, 3);

    send_all (pair.accepted, "y", 1);
    start_send (&blocked, pair.connecter, bytes, ROOM + 1, SCIF_SEND_BLOCK);
    await_blocked (&blocked);
    since = now ();
    recv_all (pair.connecter, &byte, 1);
    check_at_once (since, "recv beside a blocked send");
    CHECK (byte == 'y');
    recv_all (pair.accepted, bytes, ROOM + 1);
    finish_returning (&blocked, ROOM + 1);
}
