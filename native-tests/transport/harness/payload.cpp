// SPDX-License-Identifier: MPL-2.0

#include "payload.hpp"

#include "harness.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>

namespace tt
{
namespace
{
uint64_t mix (uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t seed (uint32_t stream, uint64_t sequence, size_t size)
{
    return mix (mix (mix (stream) ^ sequence) ^ size);
}

//  The bytes are words of a counter times an odd number: cheap enough for gigabytes, and no two places of a
//  message, and no two messages, look alike.
const uint64_t step = 0xd1342543de82ef95u;

void fill (unsigned char *data, size_t size, uint64_t word)
{
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word, word += step)
        memcpy (data + at, &word, sizeof word);
    memcpy (data + at, &word, size - at);
}

//  Offset of the first wrong byte, or `size`.
size_t first_difference (const unsigned char *data, size_t size, uint64_t word)
{
    size_t at = 0;
    for (; at + sizeof word <= size; at += sizeof word, word += step) {
        uint64_t found;
        memcpy (&found, data + at, sizeof found);
        if (found != word)
            break;
    }
    const size_t rest = std::min (sizeof word, size - at);
    for (size_t i = 0; i < rest; ++i, ++at)
        if (data[at] != reinterpret_cast<const unsigned char *> (&word)[i])
            return at;
    return at;
}
}

std::string payload (uint32_t stream, uint64_t sequence, size_t size)
{
    std::string bytes (size, '\0');
    fill (reinterpret_cast<unsigned char *> (&bytes[0]), size, seed (stream, sequence, size));
    return bytes;
}

bool send_payload (void *socket, uint32_t stream, uint64_t sequence, size_t size, int flags)
{
    zmq_msg_t message;
    CHECK_RC (zmq_msg_init_size (&message, size));
    fill (static_cast<unsigned char *> (zmq_msg_data (&message)), size, seed (stream, sequence, size));
    if (zmq_msg_send (&message, socket, flags) >= 0)
        return true;
    const int error = errno;
    zmq_msg_close (&message);
    if (error == EAGAIN && (flags & ZMQ_DONTWAIT))
        return false;
    FAIL ("send of message %llu (%zu bytes): %s", static_cast<unsigned long long> (sequence), size,
          error == EAGAIN ? "nothing could be sent in time" : zmq_strerror (error));
}

bool is_payload (const void *data, size_t size, uint32_t stream, uint64_t sequence)
{
    return first_difference (static_cast<const unsigned char *> (data), size, seed (stream, sequence, size)) == size;
}

void recv_payload (void *socket, uint32_t stream, uint64_t sequence, size_t size)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    if (zmq_msg_recv (&message, socket, 0) == -1)
        FAIL ("recv of message %llu (%zu bytes): %s", static_cast<unsigned long long> (sequence), size,
              errno == EAGAIN ? "nothing came in time" : zmq_strerror (errno));
    const size_t got = zmq_msg_size (&message);
    const unsigned char *const data = static_cast<const unsigned char *> (zmq_msg_data (&message));
    if (got != size)
        FAIL ("message %llu has %zu bytes, expected %zu", static_cast<unsigned long long> (sequence), got, size);
    const size_t at = first_difference (data, size, seed (stream, sequence, size));
    if (at != size)
        FAIL ("message %llu of %zu bytes is wrong from byte %zu on", static_cast<unsigned long long> (sequence), size, at);
    zmq_msg_close (&message);
}

size_t mixed_size (uint64_t sequence, size_t largest)
{
    uint64_t random = mix (sequence ^ 0x5ca1ab1e);
    //  From 64 bytes on, five of eight go on to the next doubling.
    size_t limit = 64;
    for (; limit < largest && (random & 7) < 5; limit *= 2)
        random = mix (random);
    return mix (random ^ sequence) % (limit + 1);
}
}
