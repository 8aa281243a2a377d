// SPDX-License-Identifier: MPL-2.0
//
// sink BIND SAMPLERS EVENTS LEAST MOST SILENCE
// On the host: takes what the processors send, and makes sure of every byte. It ends when all events
// of all samplers are there, or when nothing has come for SILENCE milliseconds after all samplers'
// last words, or for ten times as long at any time. What is missing by then is counted.

#include "event.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

int main (int argc, char **argv)
{
    if (argc != 7) {
        fprintf (stderr, "usage: sink BIND SAMPLERS EVENTS LEAST MOST SILENCE\n");
        return 2;
    }
    const uint32_t samplers = atoi (argv[2]);
    const uint32_t events = atoi (argv[3]);
    const size_t least = strtoul (argv[4], nullptr, 10);
    const size_t most = strtoul (argv[5], nullptr, 10);
    const int silence = atoi (argv[6]);

    void *context = zmq_ctx_new ();
    void *pull = zmq_socket (context, ZMQ_PULL);
    check (pull, "zmq_socket");
    keep_little_in_flight (pull);
    const int step = silence / 10 + 1;
    zmq_setsockopt (pull, ZMQ_RCVTIMEO, &step, sizeof step);
    check (zmq_bind (pull, argv[1]) == 0, argv[1]);
    fprintf (stderr, "sink is up\n");

    // How often each event has come.
    std::vector<std::vector<uint8_t>> seen (samplers, std::vector<uint8_t> (events));
    std::map<uint32_t, uint64_t> byProcessor;
    uint64_t received = 0, bytes = 0, damaged = 0, twice = 0;
    uint32_t ended = 0;
    double start = 0, last = now ();
    while (received < uint64_t (samplers) * events) {
        Header header;
        const int got = zmq_recv (pull, &header, sizeof header, 0);
        if (got < 0) {
            check (zmq_errno () == EINTR || zmq_errno () == EAGAIN, "zmq_recv");
            const double quiet = (now () - last) * 1000;
            if (quiet > (ended >= samplers ? silence : 10 * silence))
                break;
            continue;
        }
        check (got == sizeof header && header.sampler < samplers, "a header");
        last = now ();
        if (header.end) {
            ++ended;
            continue;
        }
        zmq_msg_t data;
        zmq_msg_init (&data);
        check (zmq_msg_recv (&data, pull, 0) >= 0, "zmq_msg_recv");
        const size_t size = zmq_msg_size (&data);
        if (received == 0)
            start = now ();
        // End to end: the event as it should be, made and processed here once more.
        std::string expected (event_size (header.sampler, header.event, least, most), 0);
        fill (&expected[0], expected.size (), header.sampler, header.event);
        const bool raw = checksum (expected.data (), expected.size ()) == header.raw_checksum;
        process (&expected[0], expected.size ());
        const uint64_t sum = checksum (zmq_msg_data (&data), size);
        if (header.event >= events || !raw || size != expected.size () || sum != header.processed_checksum
            || sum != checksum (expected.data (), expected.size ()))
            ++damaged;
        else if (seen[header.sampler][header.event]++)
            ++twice;
        else
            ++received;
        bytes += size;
        ++byProcessor[header.processor];
        zmq_msg_close (&data);
        last = now ();
        fprintf (stderr, "sink has %llu\n", static_cast<unsigned long long> (received));
    }
    const uint64_t missing = uint64_t (samplers) * events - received;
    std::string more = ",\"missing\":" + std::to_string (missing) + ",\"damaged\":" + std::to_string (damaged)
                       + ",\"twice\":" + std::to_string (twice) + ",\"processors\":{";
    for (const auto &[processor, count] : byProcessor)
        more += (more.back () == '{' ? "\"" : ",\"") + std::to_string (processor) + "\":" + std::to_string (count);
    report ("sink", 0, received, bytes, last - start, more + "}");
    zmq_close (pull);
    zmq_ctx_term (context);
}
