// SPDX-License-Identifier: MPL-2.0

#include "sockets.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <random>

namespace tt
{
Ctx::Ctx (int io_threads, int max_sockets) : _context (zmq_ctx_new ())
{
    CHECK (_context);
    CHECK_RC (zmq_ctx_set (_context, ZMQ_IO_THREADS, io_threads));
    if (max_sockets)
        CHECK_RC (zmq_ctx_set (_context, ZMQ_MAX_SOCKETS, max_sockets));
}

Ctx::~Ctx ()
{
    term ();
}

double Ctx::term ()
{
    if (!_context)
        return 0;
    const double start = now_ms ();
    CHECK_RC (zmq_ctx_term (_context));
    _context = nullptr;
    return now_ms () - start;
}

Sock::Sock (Ctx &context, int type) : _socket (zmq_socket (context.get (), type))
{
    if (!_socket)
        FAIL ("zmq_socket (%d): %s", type, zmq_strerror (errno));
    set (ZMQ_SNDTIMEO, bound_ms (10000));
    set (ZMQ_RCVTIMEO, bound_ms (10000));
    set (ZMQ_LINGER, bound_ms (5000));
}

Sock::Sock (Sock &&other) noexcept : _socket (other._socket)
{
    other._socket = nullptr;
}

Sock::~Sock ()
{
    close ();
}

void Sock::close ()
{
    if (_socket)
        CHECK_RC (zmq_close (_socket));
    _socket = nullptr;
}

Sock &Sock::set (int option, int value)
{
    if (zmq_setsockopt (_socket, option, &value, sizeof value) == -1)
        FAIL ("option %d = %d: %s", option, value, zmq_strerror (errno));
    return *this;
}

Sock &Sock::set64 (int option, long long value)
{
    int64_t wide = value;
    if (zmq_setsockopt (_socket, option, &wide, sizeof wide) == -1)
        FAIL ("option %d = %lld: %s", option, value, zmq_strerror (errno));
    return *this;
}

Sock &Sock::set (int option, const std::string &value)
{
    if (zmq_setsockopt (_socket, option, value.data (), value.size ()) == -1)
        FAIL ("option %d = %s: %s", option, show (value).c_str (), zmq_strerror (errno));
    return *this;
}

int Sock::get_int (int option) const
{
    int value = 0;
    size_t size = sizeof value;
    CHECK_RC (zmq_getsockopt (_socket, option, &value, &size));
    return value;
}

std::string Sock::get_string (int option) const
{
    char text[1024];
    size_t size = sizeof text;
    CHECK_RC (zmq_getsockopt (_socket, option, text, &size));
    return std::string (text, size > 0 && text[size - 1] == '\0' ? size - 1 : size);
}

std::string Sock::bind ()
{
    return bind (wildcard ());
}

std::string Sock::bind (const std::string &endpoint)
{
    if (zmq_bind (_socket, endpoint.c_str ()) == -1)
        FAIL ("bind to %s: %s", endpoint.c_str (), zmq_strerror (errno));
    return get_string (ZMQ_LAST_ENDPOINT);
}

Sock &Sock::connect (const std::string &endpoint)
{
    if (zmq_connect (_socket, endpoint.c_str ()) == -1)
        FAIL ("connect to %s: %s", endpoint.c_str (), zmq_strerror (errno));
    return *this;
}

void Sock::send (const std::string &message, int flags)
{
    if (zmq_send (_socket, message.data (), message.size (), flags) == -1)
        FAIL ("send of %zu bytes: %s", message.size (), errno == EAGAIN ? "nothing could be sent in time" : zmq_strerror (errno));
}

void Sock::send_all (const std::vector<std::string> &parts)
{
    for (size_t i = 0; i < parts.size (); ++i)
        send (parts[i], i + 1 < parts.size () ? ZMQ_SNDMORE : 0);
}

bool Sock::try_send (const std::string &message, int flags)
{
    if (zmq_send (_socket, message.data (), message.size (), flags | ZMQ_DONTWAIT) >= 0)
        return true;
    if (errno != EAGAIN)
        FAIL ("send of %zu bytes: %s", message.size (), zmq_strerror (errno));
    return false;
}

std::string Sock::recv ()
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    if (zmq_msg_recv (&message, _socket, 0) == -1)
        FAIL ("recv: %s", errno == EAGAIN ? "nothing came in time" : zmq_strerror (errno));
    std::string bytes (static_cast<char *> (zmq_msg_data (&message)), zmq_msg_size (&message));
    zmq_msg_close (&message);
    return bytes;
}

std::vector<std::string> Sock::recv_all ()
{
    std::vector<std::string> parts;
    do
        parts.push_back (recv ());
    while (more ());
    return parts;
}

bool Sock::try_recv (std::string &message, double milliseconds)
{
    zmq_pollitem_t item = {_socket, 0, ZMQ_POLLIN, 0};
    if (CHECK_RC (zmq_poll (&item, 1, bound_ms (milliseconds))) == 0)
        return false;
    message = recv ();
    return true;
}

std::string wildcard (Transport transport)
{
    switch (transport) {
        case Transport::tcp:
            return "tcp://127.0.0.1:*";
        case Transport::ipc:
            return "ipc://*";
        case Transport::scif:
            break;
    }
    return "scif://*";
}

std::string free_endpoint ()
{
    static std::mt19937 random (std::random_device{}());
    if (settings ().transport == Transport::ipc)
        return "ipc://" + settings ().temp_dir + "/" + std::to_string (getpid ()) + "-" + std::to_string (random () % 1000000);
    //  Not from a wildcard bind: the ports that those hand out are the first that others get as well.
    for (int attempt = 0; attempt < 50; ++attempt) {
        const std::string port = std::to_string (20000 + random () % 12000);
        Ctx context;
        Sock probe (context, ZMQ_PULL);
        const std::string pattern = is_scif () ? "scif://" + port : "tcp://127.0.0.1:" + port;
        if (zmq_bind (probe.get (), pattern.c_str ()) == 0)
            return probe.get_string (ZMQ_LAST_ENDPOINT);
        if (errno != EADDRINUSE)
            FAIL ("bind to %s: %s", pattern.c_str (), zmq_strerror (errno));
    }
    FAIL ("no free port found");
}

double ping_until_answered (Sock &dealer, double milliseconds)
{
    static long count = 0;
    const double start = now_ms ();
    const double end = start + bound_ms (milliseconds);
    while (now_ms () < end) {
        const std::string ping = "ping " + std::to_string (++count);
        dealer.try_send (ping);
        //  Answers to earlier pings may come first.
        std::string answer;
        const double retry = now_ms () + 200;
        while (now_ms () < retry && dealer.try_recv (answer, 200))
            if (answer == ping)
                return now_ms () - start;
    }
    FAIL ("no answer to a ping for %.0f ms", now_ms () - start);
}

Monitor::Monitor (Ctx &context, Sock &socket, int events) : _watched (socket.get ())
{
    static int count = 0;
    const std::string endpoint = "inproc://monitor-" + std::to_string (++count);
    CHECK_RC (zmq_socket_monitor (_watched, endpoint.c_str (), events));
    _events = new Sock (context, ZMQ_PAIR);
    _events->connect (endpoint);
}

Monitor::~Monitor ()
{
    delete _events;
}

bool Monitor::try_next (Event &event, double milliseconds)
{
    zmq_pollitem_t item = {_events->get (), 0, ZMQ_POLLIN, 0};
    if (milliseconds < 0 || CHECK_RC (zmq_poll (&item, 1, bound_ms (milliseconds))) == 0)
        return false;
    const std::string head = _events->recv ();
    CHECK_EQ (head.size (), size_t (6));
    uint16_t id;
    uint32_t value;
    memcpy (&id, head.data (), sizeof id);
    memcpy (&value, head.data () + 2, sizeof value);
    event.id = id;
    event.value = value;
    event.endpoint = _events->recv ();
    note ("event %s, value %lld, endpoint %s", name (event.id), event.value, event.endpoint.c_str ());
    return true;
}

Monitor::Event Monitor::expect (int id, double milliseconds)
{
    const double end = now_ms () + bound_ms (milliseconds);
    Event event;
    while (try_next (event, std::max (0.0, (end - now_ms ()) / settings ().timeout_factor))) {
        if (event.id == id)
            return event;
        if (now_ms () > end)
            break;
    }
    FAIL ("no %s within %d ms", name (id), bound_ms (milliseconds));
}

int Monitor::count (int id, double milliseconds)
{
    const double end = now_ms () + milliseconds;
    int number = 0;
    Event event;
    while (now_ms () < end)
        if (try_next (event, (end - now_ms ()) / settings ().timeout_factor) && event.id == id)
            ++number;
    return number;
}

const char *Monitor::name (int id)
{
    switch (id) {
        case ZMQ_EVENT_CONNECTED:
            return "CONNECTED";
        case ZMQ_EVENT_CONNECT_DELAYED:
            return "CONNECT_DELAYED";
        case ZMQ_EVENT_CONNECT_RETRIED:
            return "CONNECT_RETRIED";
        case ZMQ_EVENT_LISTENING:
            return "LISTENING";
        case ZMQ_EVENT_BIND_FAILED:
            return "BIND_FAILED";
        case ZMQ_EVENT_ACCEPTED:
            return "ACCEPTED";
        case ZMQ_EVENT_ACCEPT_FAILED:
            return "ACCEPT_FAILED";
        case ZMQ_EVENT_CLOSED:
            return "CLOSED";
        case ZMQ_EVENT_CLOSE_FAILED:
            return "CLOSE_FAILED";
        case ZMQ_EVENT_DISCONNECTED:
            return "DISCONNECTED";
        case ZMQ_EVENT_MONITOR_STOPPED:
            return "MONITOR_STOPPED";
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            return "HANDSHAKE_FAILED_NO_DETAIL";
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            return "HANDSHAKE_SUCCEEDED";
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return "HANDSHAKE_FAILED_PROTOCOL";
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return "HANDSHAKE_FAILED_AUTH";
    }
    return "unknown event";
}
}
