// SPDX-License-Identifier: MPL-2.0
// What the perf programs of nanomsg and nng have in common: libzmq's, step by step.
#ifndef ZEROMQ_SCIF_PERF_PROGRAM_HPP
#define ZEROMQ_SCIF_PERF_PROGRAM_HPP

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <time.h>
#include <unistd.h>

struct perf_t
{
    bool local;
    bool latency;
    const char *endpoint;
    size_t size;
    long count;
};

inline perf_t read_arguments (int argc_, char **argv_)
{
    const char *names[] = {"local_thr", "remote_thr", "local_lat", "remote_lat"};
    for (int i = 0; argc_ == 5 && i < 4; i++) {
        if (strcmp (argv_[1], names[i]) == 0)
            return {i % 2 == 0, i >= 2, argv_[2], static_cast<size_t> (atol (argv_[3])),
                    atol (argv_[4])};
    }
    fprintf (stderr, "usage: %s local_thr|remote_thr|local_lat|remote_lat <endpoint> "
                     "<message-size> <message-count>\n",
             argv_[0]);
    exit (2);
}

inline void check_size (size_t received_, size_t expected_)
{
    if (received_ == expected_)
        return;
    fprintf (stderr, "message of incorrect size received\n");
    exit (1);
}

inline double microseconds ()
{
    timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

//  As local_thr: the clock starts with the first message.
template <typename Peer> void receive_all (const perf_t &perf_, Peer &peer_)
{
    peer_.release (peer_.receive (perf_.size));
    const double start = microseconds ();
    for (long i = 1; i < perf_.count; i++)
        peer_.release (peer_.receive (perf_.size));
    double elapsed = microseconds () - start;
    if (elapsed < 1)
        elapsed = 1;
    const double rate = perf_.count / elapsed * 1e6;
    printf ("message size: %zu [B]\nmessage count: %ld\n", perf_.size, perf_.count);
    printf ("mean throughput: %.0f [msg/s]\nmean throughput: %.3f [Mb/s]\n", rate,
            rate * perf_.size * 8 / 1e6);
}

//  As remote_lat: one message goes to and fro.
template <typename Peer> void exchange (const perf_t &perf_, Peer &peer_)
{
    auto *message = peer_.create (perf_.size);
    memset (peer_.data (message), 0, perf_.size);
    const double start = microseconds ();
    for (long i = 0; i < perf_.count; i++) {
        peer_.send (message);
        message = peer_.receive (perf_.size);
    }
    const double elapsed = microseconds () - start;
    peer_.release (message);
    printf ("message size: %zu [B]\nroundtrip count: %ld\n", perf_.size, perf_.count);
    printf ("average latency: %.3f [us]\n", elapsed / (2.0 * perf_.count));
}

template <typename Peer> void run (const perf_t &perf_, Peer &peer_)
{
    if (perf_.local && !perf_.latency) {
        receive_all (perf_, peer_);
    } else if (!perf_.local && perf_.latency) {
        exchange (perf_, peer_);
    } else {
        for (long i = 0; i < perf_.count; i++)
            peer_.send (perf_.local ? peer_.receive (perf_.size) : peer_.create (perf_.size));
        pause ();
    }
}

#endif
