// SPDX-License-Identifier: MPL-2.0

#include "raw.hpp"

#include "harness.hpp"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <random>

namespace tt
{
namespace
{
template <typename Function> void find (Function &function, const char *name)
{
    function = reinterpret_cast<Function> (dlsym (RTLD_DEFAULT, name));
    if (!function)
        FAIL ("libscif has no %s", name);
}

ScifApi load_scif ()
{
    if (!dlopen ("libscif.so.0", RTLD_NOW | RTLD_GLOBAL))
        FAIL ("%s", dlerror ());
    ScifApi api;
    find (api.open, "scif_open");
    find (api.close, "scif_close");
    find (api.bind, "scif_bind");
    find (api.listen, "scif_listen");
    find (api.connect, "scif_connect");
    find (api.accept, "scif_accept");
    find (api.send, "scif_send");
    find (api.recv, "scif_recv");
    find (api.get_node_ids, "scif_get_nodeIDs");
    find (api.enroll, "scif_register");
    find (api.map, "scif_mmap");
    find (api.unmap, "scif_munmap");
    return api;
}

//  What stands behind "://".
std::string address_of (const std::string &endpoint)
{
    return endpoint.substr (endpoint.find ("://") + 3);
}

//  "NODE:PORT" or "ADDRESS:PORT".
std::pair<std::string, int> split_port (const std::string &address)
{
    const size_t colon = address.rfind (':');
    return {address.substr (0, colon), atoi (address.c_str () + colon + 1)};
}

struct SocketAddress
{
    sockaddr_storage storage = {};
    socklen_t size = 0;
    int family = AF_UNSPEC;
};

SocketAddress socket_address (const std::string &endpoint)
{
    SocketAddress result;
    if (settings ().transport == Transport::tcp) {
        const auto [host, port] = split_port (address_of (endpoint));
        sockaddr_in *const in = reinterpret_cast<sockaddr_in *> (&result.storage);
        result.family = in->sin_family = AF_INET;
        in->sin_port = htons (static_cast<uint16_t> (port));
        CHECK_EQ (inet_pton (AF_INET, host.c_str (), &in->sin_addr), 1);
        result.size = sizeof *in;
    } else {
        const std::string path = address_of (endpoint);
        sockaddr_un *const un = reinterpret_cast<sockaddr_un *> (&result.storage);
        result.family = un->sun_family = AF_UNIX;
        CHECK (path.size () < sizeof un->sun_path);
        strcpy (un->sun_path, path.c_str ());
        result.size = sizeof *un;
    }
    return result;
}

//  -1 with errno, as a socket would, also for scif.
int open_and_connect (const std::string &endpoint)
{
    if (is_scif ()) {
        const auto [node, port] = split_port (address_of (endpoint));
        ScifApi::Port destination = {static_cast<uint16_t> (atoi (node.c_str ())), static_cast<uint16_t> (port)};
        const int fd = static_cast<int> (CHECK_RC (scif ().open ()));
        if (scif ().connect (fd, &destination) != -1)
            return fd;
        const int error = errno;
        scif ().close (fd);
        errno = error;
        return -1;
    }
    const SocketAddress address = socket_address (endpoint);
    const int fd = static_cast<int> (CHECK_RC (socket (address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    if (connect (fd, reinterpret_cast<const sockaddr *> (&address.storage), address.size) == 0 || errno == EINPROGRESS)
        return fd;
    const int error = errno;
    close (fd);
    errno = error;
    return -1;
}
}

const ScifApi &scif ()
{
    static const ScifApi api = load_scif ();
    return api;
}

int own_node ()
{
    uint16_t self = 0;
    CHECK_RC (scif ().get_node_ids (nullptr, 0, &self));
    return self;
}

RawPeer::RawPeer (const std::string &endpoint)
{
    //  A full backlog refuses (scif, ipc); the listener makes room by and by.
    int error = 0;
    if (!eventually (10000, [&] {
            _fd = open_and_connect (endpoint);
            error = errno;
            return _fd != -1 || (error != ECONNREFUSED && error != EAGAIN);
        }) || _fd == -1)
        FAIL ("raw connect to %s: %s", endpoint.c_str (), strerror (error));
}

RawPeer::RawPeer (RawPeer &&other) noexcept : _fd (other._fd), _accepted (other._accepted)
{
    other._fd = -1;
}

RawPeer::~RawPeer ()
{
    close ();
}

void RawPeer::close ()
{
    if (_fd == -1)
        return;
    if (is_scif ())
        scif ().close (_fd);
    else
        ::close (_fd);
    _fd = -1;
}

long RawPeer::send_some (const char *bytes, size_t size)
{
    if (is_scif ())
        return scif ().send (_fd, const_cast<char *> (bytes), static_cast<int> (std::min<size_t> (size, 4095)), 0);
    const long rc = ::send (_fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    return rc == -1 && (errno == EAGAIN || errno == ENOTCONN) ? 0 : rc;
}

long RawPeer::recv_some (char *bytes, size_t size)
{
    if (is_scif ())
        return scif ().recv (_fd, bytes, static_cast<int> (std::min<size_t> (size, 4095)), 0);
    const long rc = ::recv (_fd, bytes, size, MSG_DONTWAIT);
    if (rc == -1 && (errno == EAGAIN || errno == ENOTCONN))
        return 0;
    return rc == 0 ? -1 : rc;
}

bool RawPeer::send (const std::string &bytes)
{
    size_t sent = 0;
    bool open = true;
    eventually (1000, [&] {
        const long count = send_some (bytes.data () + sent, bytes.size () - sent);
        open = count >= 0;
        sent += open ? count : 0;
        return !open || sent == bytes.size ();
    });
    return open;
}

void RawPeer::try_send (const std::string &bytes)
{
    send_some (bytes.data (), bytes.size ());
}

std::string RawPeer::recv (size_t wanted, double milliseconds)
{
    std::string bytes;
    eventually (milliseconds, [&] {
        char some[4095];
        const long count = recv_some (some, std::min (sizeof some, wanted - bytes.size ()));
        if (count > 0)
            bytes.append (some, count);
        return count < 0 || bytes.size () == wanted;
    });
    return bytes;
}

bool RawPeer::closed_within (double milliseconds)
{
    return eventually (milliseconds, [&] {
        char some[4095];
        return recv_some (some, sizeof some) < 0;
    });
}

RawListener::RawListener (int backlog)
{
    if (is_scif ()) {
        _fd = static_cast<int> (CHECK_RC (scif ().open ()));
        //  Not port 0: the driver gives such ports twice.
        static std::mt19937 random (std::random_device{}());
        int port = -1;
        for (int attempt = 0; port == -1 && attempt < 50; ++attempt)
            port = scif ().bind (_fd, static_cast<uint16_t> (32768 + random () % 32768));
        CHECK_RC (port);
        CHECK_RC (scif ().listen (_fd, backlog));
        _endpoint = "scif://" + std::to_string (own_node ()) + ":" + std::to_string (port);
        return;
    }
    if (settings ().transport == Transport::tcp)
        _endpoint = "tcp://127.0.0.1:0";
    else {
        static int count = 0;
        _path = settings ().temp_dir + "/raw-" + std::to_string (getpid ()) + "-" + std::to_string (++count);
        _endpoint = "ipc://" + _path;
    }
    SocketAddress address = socket_address (_endpoint);
    _fd = static_cast<int> (CHECK_RC (socket (address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    sockaddr *const name = reinterpret_cast<sockaddr *> (&address.storage);
    CHECK_RC (bind (_fd, name, address.size));
    CHECK_RC (listen (_fd, backlog));
    if (settings ().transport == Transport::tcp) {
        CHECK_RC (getsockname (_fd, name, &address.size));
        const int port = ntohs (reinterpret_cast<sockaddr_in *> (name)->sin_port);
        _endpoint = "tcp://127.0.0.1:" + std::to_string (port);
    }
}

RawListener::~RawListener ()
{
    if (is_scif ())
        scif ().close (_fd);
    else
        close (_fd);
    if (!_path.empty ())
        unlink (_path.c_str ());
}

bool RawListener::waiting (double milliseconds)
{
    pollfd item = {_fd, POLLIN, 0};
    return poll (&item, 1, bound_ms (milliseconds)) == 1 && (item.revents & POLLIN);
}

RawPeer RawListener::accept (double milliseconds)
{
    RawPeer peer;
    const bool accepted = eventually (milliseconds, [&] {
        if (is_scif ()) {
            ScifApi::Port from;
            return scif ().accept (_fd, &from, &peer._fd, 0) != -1;
        }
        peer._fd = ::accept4 (_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        return peer._fd != -1;
    });
    if (!accepted)
        FAIL ("no connection came within %d ms", bound_ms (milliseconds));
    peer._accepted = true;
    return peer;
}
}
