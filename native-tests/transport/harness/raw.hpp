// SPDX-License-Identifier: MPL-2.0
//
// The transport without libzmq: peers that say what they like, and listeners that never accept.
// For scif:// through the SCIF API of the libscif that libzmq itself uses, loaded at run time.

#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <string>

namespace tt
{
/// The SCIF functions that tests call. Found by name in the whole process, so that a preloaded library that
/// stands in front of libscif is seen here as well.
struct ScifApi
{
    struct Port
    {
        uint16_t node;
        uint16_t port;
    };

    int (*open) ();
    int (*close) (int);
    int (*bind) (int, uint16_t);
    int (*listen) (int, int);
    int (*connect) (int, Port *);
    int (*accept) (int, Port *, int *, int);
    int (*send) (int, void *, int, int);
    int (*recv) (int, void *, int, int);
    int (*get_node_ids) (uint16_t *, int, uint16_t *);
    off_t (*enroll) (int, void *, size_t, off_t, int, int); ///< scif_register: its own name is a keyword
    void *(*map) (void *, size_t, int, int, int, off_t);
    int (*unmap) (void *, size_t);
};

const ScifApi &scif ();

/// Number of this node, as libscif says.
int own_node ();

/// One end of a connection of the transport under test.
class RawPeer
{
  public:
    /// Connects; fails the scenario when that takes more than 10 s.
    explicit RawPeer (const std::string &endpoint);
    RawPeer (RawPeer &&other) noexcept;
    ~RawPeer ();
    RawPeer (const RawPeer &) = delete;
    RawPeer &operator= (const RawPeer &) = delete;

    /// Sends what can be sent within a second; false when the other side has closed.
    bool send (const std::string &bytes);
    /// Sends what can be sent at once.
    void try_send (const std::string &bytes);
    /// What comes within `milliseconds`, until `wanted` bytes are there or the other side closes.
    std::string recv (size_t wanted, double milliseconds);
    /// Closes, if that was not done before.
    void close ();
    int descriptor () const { return _fd; }
    /// Whether the other side is the one that connected.
    bool accepted () const { return _accepted; }
    /// Whether the other side closes within `milliseconds`. Bytes that come until then are dropped.
    bool closed_within (double milliseconds);

  private:
    friend class RawListener;
    RawPeer () = default;
    //  Bytes moved, 0 for "not now", -1 for an end.
    long send_some (const char *bytes, size_t size);
    long recv_some (char *bytes, size_t size);

    int _fd = -1;
    bool _accepted = false;
};

/// A listener that accepts only when told to.
class RawListener
{
  public:
    explicit RawListener (int backlog = 8);
    ~RawListener ();
    RawListener (const RawListener &) = delete;
    RawListener &operator= (const RawListener &) = delete;

    /// In libzmq's form.
    const std::string &endpoint () const { return _endpoint; }
    /// The listening descriptor.
    int fd () const { return _fd; }
    /// Accepts one connection; fails the scenario when none comes within `milliseconds`.
    RawPeer accept (double milliseconds = 5000);
    /// Whether a connection is waiting, or comes within `milliseconds`.
    bool waiting (double milliseconds);

  private:
    int _fd = -1;
    std::string _endpoint;
    std::string _path;
};
}
