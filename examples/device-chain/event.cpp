// SPDX-License-Identifier: MPL-2.0

#include "event.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

static uint64_t mix (uint64_t value)
{
    value ^= value >> 31;
    value *= 0x9e3779b97f4a7c15u;
    return value ^ (value >> 29);
}

uint64_t checksum (const void *data, size_t size)
{
    const unsigned char *bytes = static_cast<const unsigned char *> (data);
    uint64_t sum = mix (size + 1);
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        uint64_t word;
        memcpy (&word, bytes + at, 8);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 32;
    }
    for (; at < size; ++at)
        sum = mix (sum ^ bytes[at]);
    return sum;
}

void process (void *data, size_t size)
{
    unsigned char *bytes = static_cast<unsigned char *> (data);
    for (size_t at = 0; at < size; ++at)
        bytes[at] = static_cast<unsigned char> (bytes[at] * 3 + 1);
}

size_t event_size (uint32_t sampler, uint32_t event, size_t least, size_t most)
{
    return least + mix ((uint64_t (sampler) << 32 | event) + 1) % (most - least + 1);
}

void fill (void *data, size_t size, uint32_t sampler, uint32_t event)
{
    unsigned char *bytes = static_cast<unsigned char *> (data);
    uint64_t word = mix ((uint64_t (event) << 32 | sampler) + 7);
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        word = word * 6364136223846793005u + 1442695040888963407u;
        memcpy (bytes + at, &word, 8);
    }
    for (; at < size; ++at)
        bytes[at] = static_cast<unsigned char> (at);
}

void keep_little_in_flight (void *socket)
{
    const int messages = 2, bytes = 256 * 1024;
    zmq_setsockopt (socket, ZMQ_SNDHWM, &messages, sizeof messages);
    zmq_setsockopt (socket, ZMQ_RCVHWM, &messages, sizeof messages);
    // The kernel's buffers, for tcp and ipc.
    zmq_setsockopt (socket, ZMQ_SNDBUF, &bytes, sizeof bytes);
    zmq_setsockopt (socket, ZMQ_RCVBUF, &bytes, sizeof bytes);
}

void check (bool ok, const char *what)
{
    if (ok)
        return;
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

double now ()
{
    timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec * 1e-9;
}

void report (const char *device, int id, uint64_t events, uint64_t bytes, double seconds, const std::string &more)
{
    printf ("{\"device\":\"%s\",\"id\":%d,\"events\":%llu,\"bytes\":%llu,\"seconds\":%.6f%s}\n", device, id,
            static_cast<unsigned long long> (events), static_cast<unsigned long long> (bytes), seconds,
            more.c_str ());
    fflush (stdout);
}
