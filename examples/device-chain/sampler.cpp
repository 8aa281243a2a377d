// SPDX-License-Identifier: MPL-2.0
//
// sampler ID EVENTS LEAST MOST ENDPOINT...
// On the host: makes events and pushes them to the processors, to whichever has room.

#include "event.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main (int argc, char **argv)
{
    if (argc < 6) {
        fprintf (stderr, "usage: sampler ID EVENTS LEAST MOST ENDPOINT...\n");
        return 2;
    }
    const uint32_t id = atoi (argv[1]);
    const uint32_t events = atoi (argv[2]);
    const size_t least = strtoul (argv[3], nullptr, 10);
    const size_t most = strtoul (argv[4], nullptr, 10);

    void *context = zmq_ctx_new ();
    void *push = zmq_socket (context, ZMQ_PUSH);
    check (push, "zmq_socket");
    keep_little_in_flight (push);
    // A processor that is not there gets nothing; when it is back it gets its share again.
    const int immediate = 1, reconnect = 20;
    zmq_setsockopt (push, ZMQ_IMMEDIATE, &immediate, sizeof immediate);
    zmq_setsockopt (push, ZMQ_RECONNECT_IVL, &reconnect, sizeof reconnect);
    for (int i = 5; i < argc; ++i)
        check (zmq_connect (push, argv[i]) == 0, argv[i]);

    uint64_t bytes = 0;
    double start = 0;
    for (uint32_t event = 0; event < events; ++event) {
        const size_t size = event_size (id, event, least, most);
        zmq_msg_t data;
        check (zmq_msg_init_size (&data, size) == 0, "zmq_msg_init_size");
        fill (zmq_msg_data (&data), size, id, event);
        const Header header = {id, event, checksum (zmq_msg_data (&data), size), 0, 0, 0};
        check (zmq_send (push, &header, sizeof header, ZMQ_SNDMORE) >= 0, "zmq_send");
        check (zmq_msg_send (&data, push, 0) >= 0, "zmq_msg_send");
        if (event == 0)
            start = now ();
        bytes += size;
    }
    const Header last = {id, events, 0, 0, 0, 1};
    check (zmq_send (push, &last, sizeof last, 0) >= 0, "zmq_send");
    report ("sampler", id, events, bytes, now () - start);

    // Waits until all has been written.
    zmq_close (push);
    zmq_ctx_term (context);
}
