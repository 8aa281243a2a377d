// SPDX-License-Identifier: MPL-2.0
//
// Messages whose every byte is known from a stream number and a sequence number, so that the receiver can
// tell a lost, reordered or altered one at once.

#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>

#include <zmq.h>

namespace tt
{
/// Message `sequence` of `stream` with `size` bytes.
std::string payload (uint32_t stream, uint64_t sequence, size_t size);

/// The same, sent without an extra copy. False when `flags` say not to wait and it would block.
bool send_payload (void *socket, uint32_t stream, uint64_t sequence, size_t size, int flags = 0);

/// Receives a message and fails the scenario when it is not exactly that payload.
void recv_payload (void *socket, uint32_t stream, uint64_t sequence, size_t size);

/// Whether these bytes are that payload.
bool is_payload (const void *data, size_t size, uint32_t stream, uint64_t sequence);

/// Size of message `sequence` in a mixed run: from 0 to `largest` bytes (a power of two). Most are small, and each
/// doubling of the size adds a quarter more bytes than the one before. The same on both sides.
size_t mixed_size (uint64_t sequence, size_t largest);
}
