// SPDX-License-Identifier: MPL-2.0
//
// Connected endpoints within one process, channels of them, and streams as engines hold them.

#ifndef RING_TESTS_STREAMS_HPP
#define RING_TESTS_STREAMS_HPP

#include "harness.hpp"

#include "precompiled.hpp"
#include "options.hpp"
#include "scif_channel.hpp"
#include "scif_stream.hpp"

#include <memory>
#include <thread>

#include <poll.h>
#include <scif.h>

namespace rt
{
/// Connects two endpoints of this process. The caller closes them.
inline void connect_endpoints (int *accepted, int *connected)
{
    const int listener = scif_open ();
    CHECK (listener != -1);
    scif_portID address = {};
    const int port = scif_bind (listener, 0);
    CHECK (port > 0);
    address.port = static_cast<uint16_t> (port);
    uint16_t node;
    CHECK (scif_get_nodeIDs (&node, 1, &address.node) >= 1);
    CHECK_EQ (scif_listen (listener, 1), 0);

    const int epd = scif_open ();
    CHECK (epd != -1);
    int rc = -1;
    //  A connect lasts until the other end accepts.
    std::thread connecter ([&] { rc = scif_connect (epd, &address); });
    scif_portID peer;
    CHECK_EQ (scif_accept (listener, &peer, accepted, SCIF_ACCEPT_SYNC), 0);
    connecter.join ();
    CHECK (rc != -1);
    CHECK_EQ (scif_close (listener), 0);
    *connected = epd;
}

/// The buffer sizes of a stream; -1: the default.
struct buffers_t
{
    int sndbuf;
    int rcvbuf;
};

/// Takes over the endpoint.
inline std::unique_ptr<zmq::scif_channel_t> make_channel (int epd, bool same_node, buffers_t buffers)
{
    zmq::options_t options;
    options.sndbuf = buffers.sndbuf;
    options.rcvbuf = buffers.rcvbuf;
    std::unique_ptr<zmq::scif_channel_t> channel (new zmq::scif_channel_t (epd, options));
    channel->set_addresses (zmq::scif_address_t (0, 1), zmq::scif_address_t (same_node ? 0 : 1, 1));
    return channel;
}

class stream_holder_t
{
  public:
    /// Takes over a channel whose ends have agreed.
    explicit stream_holder_t (std::unique_ptr<zmq::scif_channel_t> channel) :
        _stream (zmq::scif_stream_t::create (channel.release ()))
    {
        CHECK (_stream != nullptr);
    }

    zmq::scif_stream_t *operator->() const { return _stream.get (); }

    /// True if the descriptor signals within that time.
    bool is_readable (int milliseconds) const
    {
        pollfd entry = {_stream->get_fd (), POLLIN, 0};
        return poll (&entry, 1, milliseconds) == 1;
    }

    /// Has the stream read until it returns something or an error other than EAGAIN.
    int read_or_error (void *data, size_t size) const
    {
        const int64_t deadline = now_ms () + static_cast<int64_t> (5000 * timeout_factor ());
        while (now_ms () < deadline) {
            const int rc = _stream->read (data, size);
            if (rc != -1 || errno != EAGAIN)
                return rc;
            if (_stream->wait (true, false))
                is_readable (100);
        }
        FAIL ("nothing to read and no error");
    }

  private:
    std::unique_ptr<zmq::scif_stream_t> _stream;
};

/// Two streams, connected; the ends have agreed.
struct streams_t
{
    explicit streams_t (bool same_node = true, buffers_t a_buffers = {-1, -1}, buffers_t b_buffers = {-1, -1})
    {
        int accepted;
        int connected;
        connect_endpoints (&accepted, &connected);
        auto accepting = make_channel (accepted, same_node, a_buffers);
        auto connecting = make_channel (connected, same_node, b_buffers);
        CHECK_ERRNO (connecting->greet (), EAGAIN);
        const int rc = accepting->agree ();
        CHECK (rc == 0 || errno == EAGAIN);
        CHECK_EQ (connecting->agree (), 0);
        if (rc != 0)
            CHECK_EQ (accepting->agree (), 0);
        has_rings = accepting->rings () != nullptr;
        CHECK_EQ (connecting->rings () != nullptr, has_rings);
        a.reset (new stream_holder_t (std::move (accepting)));
        b.reset (new stream_holder_t (std::move (connecting)));
    }

    bool has_rings;
    std::unique_ptr<stream_holder_t> a;
    std::unique_ptr<stream_holder_t> b;
};
}

#endif
