// SPDX-License-Identifier: MPL-2.0
//
// A stream as the engine holds it.

#ifndef RING_TESTS_STREAM_HOLDER_HPP
#define RING_TESTS_STREAM_HOLDER_HPP

#include "endpoints.hpp"
#include "harness.hpp"

#include "precompiled.hpp"
#include "options.hpp"
#include "scif_stream.hpp"

#include <memory>

#include <poll.h>
#include <unistd.h>

namespace rt
{
/// The buffer sizes of a stream; -1: the default.
struct buffers_t
{
    int sndbuf;
    int rcvbuf;
};

class stream_holder_t
{
  public:
    /// Takes over the endpoint.
    explicit stream_holder_t (int epd, bool same_node = true, buffers_t buffers = {-1, -1})
    {
        zmq::options_t options;
        options.sndbuf = buffers.sndbuf;
        options.rcvbuf = buffers.rcvbuf;
        _stream.reset (new zmq::scif_stream_t (epd, same_node, options));
    }
    ~stream_holder_t ()
    {
        const int fd = _stream->get_fd ();
        _stream.reset ();
        if (fd != -1)
            ::close (fd);
    }
    stream_holder_t (const stream_holder_t &) = delete;
    stream_holder_t &operator= (const stream_holder_t &) = delete;

    zmq::scif_stream_t *operator->() const { return _stream.get (); }

    /// True if the descriptor signals within that time.
    bool is_readable (int milliseconds) const
    {
        pollfd entry = {_stream->get_fd (), POLLIN, 0};
        return poll (&entry, 1, milliseconds) == 1;
    }

    /// True in ring mode, as soon as that is settled and as long as there is space.
    bool has_ring () const { return _stream->has_space (1); }

    /// Has the stream read until it returns something or an error other than EAGAIN; waits for its descriptor between.
    int read_or_error (void *data, size_t size) const
    {
        const int64_t deadline = now_ms () + static_cast<int64_t> (5000 * timeout_factor ());
        while (now_ms () < deadline) {
            const int rc = _stream->read (data, size);
            if (rc != -1 || errno != EAGAIN)
                return rc;
            is_readable (100);
        }
        FAIL ("nothing to read and no error");
    }

  private:
    std::unique_ptr<zmq::scif_stream_t> _stream;
};

/// A stream, and what it is connected to.
struct stream_and_peer_t
{
    explicit stream_and_peer_t (bool same_node = true, buffers_t buffers = {-1, -1})
    {
        int accepted;
        int connected;
        connect_endpoints (&accepted, &connected);
        peer.reset (new raw_peer_t (connected));
        stream.reset (new stream_holder_t (accepted, same_node, buffers));
    }

    std::unique_ptr<raw_peer_t> peer;
    std::unique_ptr<stream_holder_t> stream;
};

/// Two streams, connected.
struct streams_t
{
    explicit streams_t (bool same_node = true, buffers_t a_buffers = {-1, -1}, buffers_t b_buffers = {-1, -1})
    {
        int accepted;
        int connected;
        connect_endpoints (&accepted, &connected);
        a.reset (new stream_holder_t (accepted, same_node, a_buffers));
        b.reset (new stream_holder_t (connected, same_node, b_buffers));
    }

    /// Has both come to an agreement. Returns whether it is to use rings.
    bool settle ()
    {
        char byte;
        for (int i = 0; i != 3; ++i) {
            CHECK_ERRNO ((*a)->read (&byte, 1), EAGAIN);
            CHECK_ERRNO ((*b)->read (&byte, 1), EAGAIN);
        }
        CHECK_EQ (a->has_ring (), b->has_ring ());
        return a->has_ring ();
    }

    std::unique_ptr<stream_holder_t> a;
    std::unique_ptr<stream_holder_t> b;
};
}

#endif
