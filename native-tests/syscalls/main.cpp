// SPDX-License-Identifier: MPL-2.0
//
// What the I/O threads ask of the kernel: next to nothing in steady streaming, and nothing at all when idle.
#include "counted_calls.hpp"

#include <zmq.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace
{
const size_t message_size = 64;

//  What is sent before the counting begins, for it to be the steady state, and what is counted.
const unsigned long warm_up = 200000;
const unsigned long counted = 1000000;

//  As many messages as may wait at either end. With libzmq's 1000 a side that waits for the other one is told to go on
//  every 500 messages, by seven system calls of libzmq's mailbox over any transport.
const int high_water_mark = 100000;

//  How often to try: the machine may be busy with other things. A transport that needs more calls needs them always.
const int attempts = 3;

[[noreturn]] __attribute__ ((format (printf, 1, 2))) void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    fprintf (stderr, "FAILED: ");
    vfprintf (stderr, format, arguments);
    fprintf (stderr, "\n");
    va_end (arguments);
    exit (1);
}

void check (bool ok, const char *what)
{
    if (!ok)
        fail ("%s: %s", what, zmq_strerror (errno));
}

//  A context with one socket. Calls that take longer than 20 s fail.
struct socket_t
{
    explicit socket_t (int type) : context (zmq_ctx_new ()), socket (zmq_socket (context, type))
    {
        check (socket != nullptr, "zmq_socket");
        const int limit = 20000;
        check (zmq_setsockopt (socket, ZMQ_RCVTIMEO, &limit, sizeof limit) == 0, "ZMQ_RCVTIMEO");
        check (zmq_setsockopt (socket, ZMQ_SNDTIMEO, &limit, sizeof limit) == 0, "ZMQ_SNDTIMEO");
        check (zmq_setsockopt (socket, ZMQ_SNDHWM, &high_water_mark, sizeof high_water_mark) == 0, "ZMQ_SNDHWM");
        check (zmq_setsockopt (socket, ZMQ_RCVHWM, &high_water_mark, sizeof high_water_mark) == 0, "ZMQ_RCVHWM");
        check (zmq_setsockopt (socket, ZMQ_LINGER, &limit, sizeof limit) == 0, "ZMQ_LINGER");
    }

    ~socket_t ()
    {
        zmq_close (socket);
        zmq_ctx_term (context);
    }

    socket_t (const socket_t &) = delete;
    socket_t &operator= (const socket_t &) = delete;

    std::string bind ()
    {
        char endpoint[64];
        size_t size = sizeof endpoint;
        check (zmq_bind (socket, "scif://*:*") == 0, "zmq_bind");
        check (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "ZMQ_LAST_ENDPOINT");
        return endpoint;
    }

    void send (unsigned long count)
    {
        const char data[message_size] = "";
        for (unsigned long i = 0; i != count; ++i)
            check (zmq_send (socket, data, sizeof data, 0) == static_cast<int> (sizeof data), "zmq_send");
    }

    void receive (unsigned long count)
    {
        char data[message_size];
        for (unsigned long i = 0; i != count; ++i)
            check (zmq_recv (socket, data, sizeof data, 0) == static_cast<int> (sizeof data), "zmq_recv");
    }

    void *const context;
    void *const socket;
};

//  This program once more, in another role, whose last line of output is wanted.
struct peer_t
{
    peer_t (const char *role, const std::string &endpoint)
    {
        int ends[2];
        check (pipe (ends) == 0, "pipe");
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init (&actions);
        posix_spawn_file_actions_adddup2 (&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose (&actions, ends[0]);
        std::string name ("/proc/self/exe"), first (role), second (endpoint);
        char *arguments[] = {&name[0], &first[0], &second[0], nullptr};
        errno = posix_spawn (&pid, "/proc/self/exe", &actions, nullptr, arguments, environ);
        check (errno == 0, "posix_spawn");
        posix_spawn_file_actions_destroy (&actions);
        close (ends[1]);
        output = ends[0];
    }

    ~peer_t ()
    {
        close (output);
        int status;
        check (waitpid (pid, &status, 0) == pid, "waitpid");
        if (status != 0)
            fail ("the other process ended with status 0x%x", status);
    }

    peer_t (const peer_t &) = delete;
    peer_t &operator= (const peer_t &) = delete;

    unsigned long number ()
    {
        struct pollfd item = {output, POLLIN, 0};
        check (poll (&item, 1, 30000) == 1, "the other process says nothing");
        char line[32] = "";
        check (read (output, line, sizeof line - 1) > 0, "the other process says nothing");
        return strtoul (line, nullptr, 10);
    }

    pid_t pid;
    int output;
};

void tell (unsigned long number)
{
    printf ("%lu\n", number);
    fflush (stdout);
}

double cpu_seconds ()
{
    struct rusage usage;
    getrusage (RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

//  What it costs to do nothing for two seconds: system calls, and at least a hundred more for 10 ms of processor time.
unsigned long cost_of_idling ()
{
    //  What the last message was still to cause has come to its end.
    usleep (300000);
    const unsigned long calls = io_thread_calls ();
    const double cpu = cpu_seconds ();
    usleep (2000000);
    return io_thread_calls () - calls + static_cast<unsigned long> ((cpu_seconds () - cpu) / 0.01) * 100;
}

//  Roles of the other process.
void be_sender (const char *endpoint)
{
    socket_t push (ZMQ_PUSH);
    check (zmq_connect (push.socket, endpoint) == 0, "zmq_connect");
    push.send (warm_up);
    const unsigned long before = io_thread_calls ();
    push.send (counted);
    tell (io_thread_calls () - before);
}

void be_idle (const char *endpoint)
{
    socket_t pair (ZMQ_PAIR);
    check (zmq_connect (pair.socket, endpoint) == 0, "zmq_connect");
    pair.send (1000);
    pair.receive (1000);
    tell (cost_of_idling ());
    //  Not to say a word before the other process has idled for as long.
    pair.receive (1);
}

//  Tests.
bool is_seldom (const char *who, unsigned long calls)
{
    printf ("%s: %.3f system calls per 100 messages of %zu bytes\n", who, 100.0 * calls / counted, message_size);
    return calls < counted / 100;
}

void test_streaming ()
{
    for (int i = 0; i != attempts; ++i) {
        socket_t pull (ZMQ_PULL);
        peer_t sender ("sender", pull.bind ());
        pull.receive (warm_up);
        const unsigned long before = io_thread_calls ();
        pull.receive (counted);
        const bool receiver_is_well = is_seldom ("receiver", io_thread_calls () - before);
        if (is_seldom ("sender", sender.number ()) && receiver_is_well)
            return;
    }
    fail ("one system call or more per 100 messages, %d times", attempts);
}

void test_idle ()
{
    socket_t pair (ZMQ_PAIR);
    peer_t peer ("idle", pair.bind ());
    pair.receive (1000);
    pair.send (1000);
    const unsigned long own = cost_of_idling ();
    const unsigned long other = peer.number ();
    pair.send (1);
    printf ("idle for 2 s: cost %lu and %lu\n", own, other);
    if (own != 0 || other != 0)
        fail ("an idle connection makes system calls, or uses the processor");
}

//  That the counter counts: one message at a time can't do without system calls.
void test_counter ()
{
    socket_t pair (ZMQ_PAIR);
    socket_t other (ZMQ_PAIR);
    check (zmq_connect (other.socket, pair.bind ().c_str ()) == 0, "zmq_connect");
    other.send (1);
    pair.receive (1);
    const unsigned long before = io_thread_calls ();
    for (int i = 0; i != 1000; ++i) {
        pair.send (1);
        other.receive (1);
        other.send (1);
        pair.receive (1);
    }
    const unsigned long calls = io_thread_calls () - before;
    printf ("%.1f system calls per round trip, both sides\n", calls / 1000.0);
    if (calls < 4000)
        fail ("less than there have to be");
}
}

int main (int argc, char **argv)
{
    const std::string role = argc > 1 ? argv[1] : "";
    if (argc == 3 && role == "sender")
        be_sender (argv[2]);
    else if (argc == 3 && role == "idle")
        be_idle (argv[2]);
    else if (argc == 2 && role == "streaming")
        test_streaming ();
    else if (argc == 2 && role == "idle")
        test_idle ();
    else if (argc == 2 && role == "counter")
        test_counter ();
    else {
        fprintf (stderr, "usage: syscall-tests counter|idle|streaming\n");
        return 2;
    }
    return 0;
}
