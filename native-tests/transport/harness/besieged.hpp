// SPDX-License-Identifier: MPL-2.0
//
// A listener under attack by strangers, and a well-behaved client of it that must not notice.

#pragma once

#include "raw.hpp"
#include "sockets.hpp"

#include <random>

namespace tt
{
/// ZMQ_HANDSHAKE_IVL of those under attack, so that silent strangers do not pile up. Those that get through the
/// handshake must have done so by then, however busy the machine is.
const int handshake_ms = 1000;

class Besieged
{
  public:
    /// Starts the listener, a process of its own that echoes.
    Besieged ();

    /// The connection that was there all the time still answers.
    void check_served ();
    /// In the end newcomers are served too, nothing of the strangers is left, and nothing is going on.
    void check_unharmed ();

  private:
    void serve_newcomer ();
    size_t settled_descriptors ();

    Peer _echo;

  public:
    const std::string endpoint;

  private:
    Ctx _context;
    Sock _dealer;
    size_t _descriptors = 0;
    long _resident = 0;
};

std::string random_bytes (std::mt19937 &random, size_t size);
}
