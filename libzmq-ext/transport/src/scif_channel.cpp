/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_channel.hpp"

#if defined ZMQ_HAVE_SCIF

#include "err.hpp"
#include "options.hpp"
#include "wire.hpp"

#include <scif.h>

#include <string.h>
#include <sys/mman.h>

//  An endpoint queues 4095 bytes. The driver allocates a buffer of the size
//  that it is asked to transfer, so asking for more only costs time.
static const size_t max_transfer = 4095;

//  How much memory to receive in at most, and if the user has no opinion. With
//  the driver of the first Xeon Phi a card can't register more than 512 pages.
static const size_t max_region_size = 1 << 19;
static const size_t unit = zmq::scif_ring_t::region_unit;

//  How much of the peer's ring may be filled at least, which is what libzmq
//  writes at once.
static const size_t min_limit = 8192;

//  The greeting: what to know it by (ZMTP begins with 0xff or a small length),
//  the version, and the size and the place of the memory that the other end is
//  to write to. What is not defined is 0.
static const char magic[] = "SCIFZMTP";
static const size_t magic_size = sizeof magic - 1;
static const size_t version_pos = 8;
static const size_t region_size_pos = 16;
static const size_t offset_pos = 24;
static const unsigned char version = 2;

//  The size that the user wants within these bounds, or else the larger one.
static size_t buffer_size (int option_, size_t min_, size_t max_)
{
    const size_t size = option_ > 0 ? static_cast<size_t> (option_) : max_;
    return size < min_ ? min_ : size < max_ ? size : max_;
}

zmq::scif_channel_t::scif_channel_t (int epd_, const options_t &options_) :
    _epd (epd_),
    _wanted_size (buffer_size (options_.rcvbuf, unit, max_region_size)),
    _limit (buffer_size (options_.sndbuf, min_limit, static_cast<size_t> (-1))),
    _connecting (false),
    _greeting_bytes (0),
    _region (NULL),
    _region_size (0),
    _offset (0),
    _peer_region (NULL),
    _peer_region_size (0)
{
}

zmq::scif_channel_t::~scif_channel_t ()
{
    //  As long as memory of the peer is mapped the connection stays open.
    const int err = errno;
    unmap_memory ();
    const int rc = scif_close (_epd);
    errno_assert (rc == 0);
    errno = err;
}

int zmq::scif_channel_t::greet ()
{
    _connecting = true;
    register_region ();
    return send_greeting () == 0 ? agree () : -1;
}

int zmq::scif_channel_t::agree ()
{
    if (_greeting_bytes < greeting_size) {
        if (receive_greeting () != 0)
            return -1;
        if (_connecting) {
            const bool offered = get_uint64 (_greeting + region_size_pos) != 0;
            const char answer =
              _region && map_peer () ? use_rings : use_endpoint;
            if (answer == use_endpoint)
                free_memory ();
            return offered ? send_all (&answer, 1) : 0;
        }

        if (map_peer ())
            register_region ();
        if (send_greeting () != 0)
            return -1;
        if (!_region) {
            free_memory ();
            return 0;
        }
    }

    char answer;
    if (receive (&answer, 1) == -1)
        return -1;
    if (answer == use_endpoint)
        free_memory ();
    else if (answer != use_rings) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

int zmq::scif_channel_t::send_greeting ()
{
    unsigned char greeting[greeting_size];
    memset (greeting, 0, sizeof greeting);
    memcpy (greeting, magic, magic_size);
    greeting[version_pos] = version;
    if (_region) {
        put_uint64 (greeting + region_size_pos, _region_size);
        put_uint64 (greeting + offset_pos, _offset);
    }

    return send_all (greeting, greeting_size);
}

int zmq::scif_channel_t::send_all (const void *data_, int size_)
{
    //  The queue of a new connection has space for it.
    const int rc =
      scif_send (_epd, const_cast<void *> (data_), size_, SCIF_SEND_BLOCK);
    return rc == size_ ? 0 : -1;
}

int zmq::scif_channel_t::receive_greeting ()
{
    while (_greeting_bytes < greeting_size) {
        const int rc = receive (_greeting + _greeting_bytes,
                                greeting_size - _greeting_bytes);
        if (rc == -1)
            return -1;
        _greeting_bytes += rc;
        const size_t known =
          _greeting_bytes < magic_size ? _greeting_bytes : magic_size;
        if (memcmp (_greeting, magic, known) != 0) {
            errno = EPROTO;
            return -1;
        }
    }
    return 0;
}

void zmq::scif_channel_t::register_region ()
{
    //  Where locked memory is limited, little of it is better than none.
    size_t size = (_wanted_size + unit - 1) / unit * unit;
    while (!try_to_register (size) && size > unit)
        size = size > 4 * unit ? 4 * unit : unit;
}

bool zmq::scif_channel_t::try_to_register (size_t size_)
{
    void *const region = mmap (NULL, size_, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return false;

    //  If this process forked, it would go on with copies of the pages that
    //  the peer writes to, unless the child has none of them.
    if (madvise (region, size_, MADV_DONTFORK) == 0)
        _offset = scif_register (_epd, region, size_, 0,
                                 SCIF_PROT_READ | SCIF_PROT_WRITE, 0);
    else
        _offset = SCIF_REGISTER_FAILED;
    if (_offset == SCIF_REGISTER_FAILED) {
        munmap (region, size_);
        return false;
    }
    _region = region;
    _region_size = size_;
    _rings.set_local (region, size_);
    return true;
}

bool zmq::scif_channel_t::map_peer ()
{
    const uint64_t size = get_uint64 (_greeting + region_size_pos);
    if (_greeting[version_pos] != version
        || !scif_ring_t::is_valid_region_size (size))
        return false;

    const off_t offset =
      static_cast<off_t> (get_uint64 (_greeting + offset_pos));
    _peer_region_size = static_cast<size_t> (size);
    void *const region =
      scif_mmap (NULL, _peer_region_size, SCIF_PROT_READ | SCIF_PROT_WRITE, 0,
                 _epd, offset);
    if (region == SCIF_MMAP_FAILED)
        return false;

    const bool same_node = _local.node () == _remote.node ();
    _peer_region = region;
    _rings.set_remote (region, _peer_region_size, _limit, same_node ? -1 : _epd,
                       offset);
    return true;
}

void zmq::scif_channel_t::free_memory ()
{
    if (_region)
        scif_unregister (_epd, _offset, _region_size);
    unmap_memory ();
}

void zmq::scif_channel_t::unmap_memory ()
{
    if (_peer_region) {
        const int rc = scif_munmap (_peer_region, _peer_region_size);
        errno_assert (rc == 0);
        _peer_region = NULL;
    }
    if (_region) {
        const int rc = munmap (_region, _region_size);
        errno_assert (rc == 0);
        _region = NULL;
    }
}

int zmq::scif_channel_t::send (const void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    int rc =
      scif_send (_epd, const_cast<void *> (data_), static_cast<int> (size), 0);

    //  While the other node sleeps only a call that may block wakes it up. It
    //  does not block if there is space.
    if (rc == -1 && errno == ENODEV && (poll (SCIF_POLLOUT) & SCIF_POLLOUT))
        rc = scif_send (_epd, const_cast<void *> (data_), 1, SCIF_SEND_BLOCK);

    //  What failed for another reason than that the peer has gone may work the
    //  next time.
    errno_assert (rc != -1 || errno != EBADF);
    return rc == -1 && errno != ECONNRESET ? 0 : rc;
}

int zmq::scif_channel_t::receive (void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    const int rc = scif_recv (_epd, data_, static_cast<int> (size), 0);
    errno_assert (rc != -1 || errno != EBADF);

    //  Nothing to receive is no error to SCIF, and not every error is the end.
    if (rc == 0
        || (rc == -1 && errno != ECONNRESET
            && poll (SCIF_POLLIN) != SCIF_POLLHUP)) {
        errno = EAGAIN;
        return -1;
    }
    if (rc == -1)
        errno = ECONNRESET;
    return rc;
}

int zmq::scif_channel_t::poll (int events_) const
{
    struct scif_pollepd entry = {_epd, static_cast<short> (events_), 0};
    return scif_poll (&entry, 1, 0) == 1 ? entry.revents : 0;
}

#endif
