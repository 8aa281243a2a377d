// SPDX-License-Identifier: MPL-2.0
//
// processor ID BIND SINK
// On a card: takes events, checks and changes them, and pushes them on. Ends on SIGTERM.

#include "event.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

static volatile sig_atomic_t stopped = 0;

static void stop (int)
{
    stopped = 1;
}

int main (int argc, char **argv)
{
    if (argc != 4) {
        fprintf (stderr, "usage: processor ID BIND SINK\n");
        return 2;
    }
    const uint32_t id = atoi (argv[1]);
    struct sigaction action = {};
    action.sa_handler = stop;
    sigaction (SIGTERM, &action, nullptr);

    void *context = zmq_ctx_new ();
    void *pull = zmq_socket (context, ZMQ_PULL);
    void *push = zmq_socket (context, ZMQ_PUSH);
    check (pull && push, "zmq_socket");
    keep_little_in_flight (pull);
    keep_little_in_flight (push);
    const int patience = 100;
    // So that SIGTERM is seen between two calls, too.
    zmq_setsockopt (pull, ZMQ_RCVTIMEO, &patience, sizeof patience);
    check (zmq_connect (push, argv[3]) == 0, argv[3]);
    check (zmq_bind (pull, argv[2]) == 0, argv[2]);
    fprintf (stderr, "processor %u is up\n", id);

    uint64_t events = 0, bytes = 0;
    double start = 0, end = 0;
    while (!stopped) {
        Header header;
        const int got = zmq_recv (pull, &header, sizeof header, 0);
        if (got < 0) {
            check (zmq_errno () == EINTR || zmq_errno () == EAGAIN, "zmq_recv");
            continue;
        }
        check (got == sizeof header, "a header");
        if (header.end) {
            check (zmq_send (push, &header, sizeof header, 0) >= 0, "zmq_send");
            continue;
        }
        zmq_msg_t data;
        zmq_msg_init (&data);
        check (zmq_msg_recv (&data, pull, 0) >= 0, "zmq_msg_recv");
        const size_t size = zmq_msg_size (&data);
        if (checksum (zmq_msg_data (&data), size) != header.raw_checksum) {
            fprintf (stderr, "processor %u: event %u of sampler %u has changed on its way\n", id, header.event,
                     header.sampler);
            return 1;
        }
        process (zmq_msg_data (&data), size);
        header.processed_checksum = checksum (zmq_msg_data (&data), size);
        header.processor = id;
        check (zmq_send (push, &header, sizeof header, ZMQ_SNDMORE) >= 0, "zmq_send");
        check (zmq_msg_send (&data, push, 0) >= 0, "zmq_msg_send");
        if (events++ == 0)
            start = now ();
        bytes += size;
        end = now ();
    }
    report ("processor", id, events, bytes, end - start);
    zmq_close (pull);
    zmq_close (push);
    zmq_ctx_term (context);
}
