// SPDX-License-Identifier: MPL-2.0
//
// libzmq's contexts and sockets for scenarios: owned, with bounded waits, and failing loudly.

#pragma once

#include "harness.hpp"

#include <zmq.h>

#include <string>
#include <vector>

namespace tt
{
/// A context with `io_threads` I/O threads. The destructor terminates it, and so waits for lingering messages.
class Ctx
{
  public:
    explicit Ctx (int io_threads = 1, int max_sockets = 0);
    ~Ctx ();
    Ctx (const Ctx &) = delete;
    Ctx &operator= (const Ctx &) = delete;
    /// Terminates the context; gives the milliseconds that took.
    double term ();
    void *get () const { return _context; }

  private:
    void *_context;
};

/// A socket. Sending and receiving wait 10 s at most (stretched by --timeout-factor), then fail the scenario;
/// closing lingers 5 s at most, unless set otherwise.
class Sock
{
  public:
    Sock (Ctx &context, int type);
    ~Sock ();
    Sock (Sock &&other) noexcept;
    Sock (const Sock &) = delete;
    Sock &operator= (const Sock &) = delete;

    Sock &set (int option, int value);
    Sock &set (int option, const std::string &value);
    Sock &set64 (int option, long long value);
    int get_int (int option) const;
    std::string get_string (int option) const;

    /// Binds to an endpoint of the transport under test that is free; gives it in canonical form.
    std::string bind ();
    /// Binds; gives the canonical endpoint.
    std::string bind (const std::string &endpoint);
    Sock &connect (const std::string &endpoint);
    void close ();

    void send (const std::string &message, int flags = 0);
    void send_all (const std::vector<std::string> &parts);
    /// False when it would block.
    bool try_send (const std::string &message, int flags = 0);

    std::string recv ();
    std::vector<std::string> recv_all ();
    /// False when no message comes within `milliseconds` (stretched).
    bool try_recv (std::string &message, double milliseconds);
    bool more () const { return get_int (ZMQ_RCVMORE) != 0; }

    void *get () const { return _socket; }

  private:
    void *_socket;
};

/// What to bind to for a free endpoint of a transport.
std::string wildcard (Transport transport = settings ().transport);

/// An endpoint in canonical form that is free now: for scenarios in which the connecter comes first, or the
/// listener comes back at the same place.
std::string free_endpoint ();

/// Sends "ping" on a DEALER until the echo at the other end answers; gives the milliseconds until then.
/// Fails after `milliseconds` (stretched).
double ping_until_answered (Sock &dealer, double milliseconds);

/// Events of a socket, as zmq_socket_monitor tells them.
class Monitor
{
  public:
    struct Event
    {
        int id;
        long long value;
        std::string endpoint;
    };

    /// Starts to watch; do this before bind or connect.
    Monitor (Ctx &context, Sock &socket, int events = ZMQ_EVENT_ALL);
    ~Monitor ();

    bool try_next (Event &event, double milliseconds);
    /// Waits for an event; others before it are noted and passed over. Fails after `milliseconds` (stretched).
    Event expect (int id, double milliseconds = 5000);
    /// Number of these events among those that come within `milliseconds`.
    int count (int id, double milliseconds);

    static const char *name (int id);

  private:
    void *_watched;
    Sock *_events;
};
}
