// SPDX-License-Identifier: MPL-2.0
//
// Peers that many scenarios use. Their arguments are "name=value":
//
//   role=bind|connect endpoint=E  bind to E (default: any free endpoint) or connect to it
//   hwm=N                         ZMQ_SNDHWM and ZMQ_RCVHWM
//
// A peer that binds says "endpoint E" once it is bound, one that connects says "endpoint E" at once.
//
//   echo      type=router|dealer: sends back what it gets, until told anything or left alone
//   pull      count=N size=S pause=MS: waits MS, receives N payloads of stream 1, says "received N".
//             Size "mixed:L" means mixed_size (sequence, L).
//   push      count=N size=S linger=MS: sends N payloads of stream 1, says "sent N", closes, terminates its
//             context, says "terminated MS"

#pragma once

#include "sockets.hpp"

namespace tt
{
/// Value of "name=..." among args, or `fallback`.
std::string arg (const Args &args, const std::string &name, const std::string &fallback = "");
long arg_number (const Args &args, const std::string &name, long fallback);

/// Binds or connects a socket as role= and endpoint= say, sets hwm= before, says "endpoint E".
void attach (Sock &socket, const Args &args);

/// Size of message `sequence` by a size= argument.
size_t size_of (const std::string &size, uint64_t sequence);

/// An endpoint that is free where the peers are, which may be another node.
std::string free_endpoint_of_peers ();

/// As check_idle, for a process in which `sockets` sockets try to connect every `interval` milliseconds: on a slow machine
/// that takes what it takes over tcp, and so it may take four times as much.
void check_idle_but_for_attempts (pid_t pid, double milliseconds, const char *what, int sockets, int interval);

/// Sends back what comes on the socket until a line (or an end) comes on the control channel.
void echo_until_told (Sock &socket);
}
