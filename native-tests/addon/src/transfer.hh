// SPDX-License-Identifier: MPL-2.0
//
// Whole messages to and from libzmq. No JavaScript here: any thread may do it.

#pragma once

#include "message.hh"

namespace addon
{
/// Sends the parts from `next` on, and moves it forward. Returns 0 or an errno: EAGAIN when they
/// cannot be sent now, with ZMQ_DONTWAIT in `flags` or when ZMQ_SNDTIMEO is over.
int sendParts (void *socket, Parts &parts, size_t &next, int flags);

/// Receives all parts of the next message. Returns 0 or an errno.
int receiveParts (void *socket, Parts &parts, int flags);
}
