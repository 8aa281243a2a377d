/* SPDX-License-Identifier: MPL-2.0 */

#include "precompiled.hpp"

#include "scif_stream.hpp"

#if defined ZMQ_HAVE_SCIF

#include "clock.hpp"
#include "err.hpp"
#include "options.hpp"
#include "wire.hpp"

#include <scif.h>

#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

//  An endpoint queues 4095 bytes. The driver allocates a buffer of the size
//  that it is asked to transfer, so asking for more only costs time.
static const size_t max_transfer = 4095;

//  How much memory to receive in, if the user has no opinion.
static const size_t default_ring_size = 1 << 20;

//  What is moved through the rings before the other end is told of it. That
//  it goes on while this end does too is what makes large messages fast.
static const size_t piece_size = 1 << 16;

//  For how long to look for the peer to go on before going to sleep, and how
//  often at most not to look at all since it was of no use. To wake up takes
//  as long or longer, but other connections have to wait meanwhile.
static const uint64_t max_spin_us = 20;
static const int max_skips = 64;

//  How often to look before looking at the clock.
static const int spin_looks = 16;

//  How much one call reads or writes at most, for others to have their turn.
static const size_t max_move = 1 << 20;

//  The greeting: what to know it by, the version of the rings, and the size
//  of the ring and the place of the region that the other end is to write to.
//  It does not begin like that of ZMTP, which begins with 0xff or with the
//  small length of a message. What is not defined is 0.
static const char magic[] = "SCIFZMTP";
static const size_t magic_size = sizeof magic - 1;
static const size_t version_pos = 8;
static const size_t ring_size_pos = 16;
static const size_t offset_pos = 24;
static const unsigned char version = 1;

//  The smallest ring that holds that many bytes.
static size_t fitting_ring_size (size_t size_)
{
    size_t ring_size = 4096;
    while (ring_size < size_ && zmq::scif_ring_t::is_valid_size (2 * ring_size))
        ring_size *= 2;
    return ring_size;
}

//  Lets a processor that runs several threads at once run the others.
static inline void relax ()
{
#if (defined __i386__ || defined __x86_64__) && !defined __MIC__
    __asm__ volatile ("pause");
#endif
}

zmq::scif_stream_t::scif_stream_t (int epd_,
                                   bool same_node_,
                                   const options_t &options_) :
    _epd (epd_),
    _same_node (same_node_),
    _poll_fd (epoll_create1 (EPOLL_CLOEXEC)),
    _events (-1),
    _watch_in (false),
    _watch_out (false),
    _wake (false),
    _state (receiving_greeting),
    _greeting_bytes (0),
    _region (NULL),
    _region_size (0),
    _offset (0),
    _peer_region (NULL),
    _peer_region_size (0),
    _limit (options_.sndbuf > 0 ? options_.sndbuf : static_cast<size_t> (-1)),
    _read_patience (),
    _write_patience (),
    _spins (sysconf (_SC_NPROCESSORS_ONLN) > 1),
    _peer_gone (false),
    _error (0),
    _read_is_signalled (false),
    _write_is_signalled (false)
{
    if (_poll_fd == retired_fd)
        return;

    update_events ();
    send_greeting (options_.rcvbuf > 0 ? fitting_ring_size (options_.rcvbuf)
                                       : default_ring_size);
}

zmq::scif_stream_t::~scif_stream_t ()
{
    const int err = errno;
    if (_poll_fd != retired_fd)
        unwatch ();

    //  As long as memory of the peer is mapped the connection stays open.
    unmap_peer ();
    free_region ();
    const int rc = scif_close (_epd);
    errno_assert (rc == 0);
    errno = err;
}

zmq::fd_t zmq::scif_stream_t::get_fd () const
{
    return _poll_fd;
}

void zmq::scif_stream_t::watch (bool in_, bool out_)
{
    _watch_in = in_;
    _watch_out = out_;
    update_events ();
}

void zmq::scif_stream_t::wake (bool wake_)
{
    if (_state == ring_mode && _wake != wake_) {
        _wake = wake_;
        update_events ();
    }
}

void zmq::scif_stream_t::update_events ()
{
    int events = 0;
    switch (_state) {
        case receiving_greeting:
        case receiving_answer:
            events = EPOLLIN;
            break;
        case endpoint_mode:
            if (_watch_in)
                events |= EPOLLIN;
            if (_watch_out)
                events |= EPOLLOUT;
            break;
        case ring_mode:
            //  A bell may be for either. There is always space for another
            //  one, which makes it a way to wake oneself up.
            if (_watch_in || _watch_out)
                events |= EPOLLIN;
            if (_wake)
                events |= EPOLLOUT;
            break;
    }

    //  See the class for why the endpoint is always added with both.
    if (_events == -1)
        control (EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
    if (_events != events)
        control (EPOLL_CTL_MOD, events);
}

void zmq::scif_stream_t::unwatch ()
{
    if (_events != -1)
        control (EPOLL_CTL_DEL, -1);
}

void zmq::scif_stream_t::control (int op_, int events_)
{
    struct epoll_event ev;
    memset (&ev, 0, sizeof ev);
    ev.events = static_cast<uint32_t> (events_);
    const int rc = epoll_ctl (_poll_fd, op_, _epd, &ev);
    errno_assert (rc == 0);
    _events = events_;
}

void zmq::scif_stream_t::ignore_input ()
{
    if (_state == ring_mode)
        receive_bells ();

    //  What remains is that the peer has gone, which can't be ignored but by
    //  not asking. To read what it has left is up to the caller.
    if ((_state == endpoint_mode && !_watch_out)
        || (_state == ring_mode && _peer_gone && !_watch_out))
        unwatch ();
}

bool zmq::scif_stream_t::allocate_region (size_t ring_size_)
{
    const size_t page_size = static_cast<size_t> (sysconf (_SC_PAGESIZE));
    _region_size = scif_ring_t::region_size (ring_size_);
    _region_size = (_region_size + page_size - 1) & ~(page_size - 1);

    void *const region = mmap (NULL, _region_size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return false;

    //  If this process forked, it would go on with copies of the pages that
    //  the peer writes to, unless the child has none of them.
    if (madvise (region, _region_size, MADV_DONTFORK) == 0)
        _offset = scif_register (_epd, region, _region_size, 0,
                                 SCIF_PROT_READ | SCIF_PROT_WRITE, 0);
    else
        _offset = SCIF_REGISTER_FAILED;
    if (_offset == SCIF_REGISTER_FAILED) {
        munmap (region, _region_size);
        return false;
    }
    _region = region;
    _ring.set_local (_region, ring_size_);
    return true;
}

void zmq::scif_stream_t::free_region ()
{
    if (_region) {
        //  That it fails if the peer has gone does not matter.
        scif_unregister (_epd, _offset, _region_size);
        const int rc = munmap (_region, _region_size);
        errno_assert (rc == 0);
        _region = NULL;
    }
}

void zmq::scif_stream_t::unmap_peer ()
{
    if (_peer_region) {
        const int rc = scif_munmap (_peer_region, _peer_region_size);
        errno_assert (rc == 0);
        _peer_region = NULL;
    }
}

void zmq::scif_stream_t::send_greeting (size_t ring_size_)
{
    unsigned char greeting[greeting_size];
    memset (greeting, 0, sizeof greeting);
    memcpy (greeting, magic, magic_size);
    greeting[version_pos] = version;

    //  That memory can't be registered, be it for the limit on locked memory,
    //  is told by a ring of size 0.
    if (allocate_region (ring_size_)) {
        put_uint64 (greeting + ring_size_pos, ring_size_);
        put_uint64 (greeting + offset_pos, _offset);
    }

    //  The queue of a new connection has space for it.
    if (scif_send (_epd, greeting, greeting_size, 0) != greeting_size)
        _error = ECONNRESET;
}

bool zmq::scif_stream_t::map_peer (const unsigned char *greeting_)
{
    const uint64_t ring_size = get_uint64 (greeting_ + ring_size_pos);
    if (!_region || greeting_[version_pos] != version
        || !scif_ring_t::is_valid_size (ring_size))
        return false;

    const off_t offset =
      static_cast<off_t> (get_uint64 (greeting_ + offset_pos));
    _peer_region_size =
      scif_ring_t::region_size (static_cast<size_t> (ring_size));
    void *const region =
      scif_mmap (NULL, _peer_region_size, SCIF_PROT_READ | SCIF_PROT_WRITE, 0,
                 _epd, offset);
    if (region == SCIF_MMAP_FAILED)
        return false;

    _peer_region = region;
    _ring.set_remote (_peer_region, static_cast<size_t> (ring_size), _limit,
                      _same_node ? -1 : _epd, offset);
    return true;
}

int zmq::scif_stream_t::open ()
{
    if (_state == receiving_greeting) {
        while (_greeting_bytes < greeting_size) {
            const int rc = read_endpoint (_greeting + _greeting_bytes,
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

        const char answer = map_peer (_greeting) ? use_rings : use_endpoint;
        if (scif_send (_epd, const_cast<char *> (&answer), 1, 0) != 1) {
            errno = ECONNRESET;
            return -1;
        }
        _state = receiving_answer;
    }

    if (_state == receiving_answer) {
        unsigned char answer;
        if (read_endpoint (&answer, 1) == -1)
            return -1;
        if (answer != use_rings && answer != use_endpoint) {
            errno = EPROTO;
            return -1;
        }

        if (answer == use_rings && _peer_region)
            _state = ring_mode;
        else {
            _state = endpoint_mode;
            unmap_peer ();
            free_region ();
        }
        update_events ();
    }
    return 0;
}

int zmq::scif_stream_t::read (void *data_, size_t size_)
{
    if (_error != 0) {
        errno = _error;
        return -1;
    }
    if (_state < endpoint_mode && open () != 0)
        return -1;
    return _state == ring_mode ? read_ring (data_, size_)
                               : read_endpoint (data_, size_);
}

int zmq::scif_stream_t::write (const void *data_, size_t size_)
{
    if (_state < endpoint_mode)
        return 0;
    return _state == ring_mode ? write_ring (data_, size_)
                               : write_endpoint (data_, size_);
}

int zmq::scif_stream_t::read_endpoint (void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    const int rc = scif_recv (_epd, data_, static_cast<int> (size), 0);

    //  Nothing to read is no error to SCIF, and no end of the stream either.
    if (rc == 0 || (rc == -1 && errno == EINTR)) {
        errno = EAGAIN;
        return -1;
    }
    errno_assert (rc != -1 || errno != EBADF);
    return rc;
}

int zmq::scif_stream_t::write_endpoint (const void *data_, size_t size_)
{
    const size_t size = size_ < max_transfer ? size_ : max_transfer;
    const int rc =
      scif_send (_epd, const_cast<void *> (data_), static_cast<int> (size), 0);
    if (rc == -1 && errno == EINTR)
        return 0;
    errno_assert (rc != -1 || errno != EBADF);
    return rc;
}

int zmq::scif_stream_t::read_ring (void *data_, size_t size_)
{
    _read_is_signalled = false;
    bool spin = true;
    while (true) {
        const int rc = move_in (data_, size_);
        if (rc != 0)
            return rc;
        if (spin) {
            spin = false;
            if (spin_for_data ())
                continue;
        }

        //  Bells are left where they are until the ring is empty, so that
        //  none of them can be taken for one that was meant for what comes
        //  after. The peer may only be found to have gone before the last
        //  look into the ring.
        receive_bells ();
        if (_ring.sleep ()) {
            ring_bell ();
            _read_is_signalled = true;
            errno = _peer_gone ? ECONNRESET : EAGAIN;
            return -1;
        }
    }
}

int zmq::scif_stream_t::move_in (void *data_, size_t size_)
{
    unsigned char *const data = static_cast<unsigned char *> (data_);
    size_t done = 0;
    while (done < size_ && done < max_move) {
        const size_t left = size_ - done;
        const int rc =
          _ring.read (data + done, left < piece_size ? left : piece_size);
        if (rc == -1 && done == 0)
            return -1;

        //  What is wrong after all is found again the next time.
        if (rc <= 0)
            break;
        done += rc;
        ring_bell ();
    }
    return static_cast<int> (done);
}

int zmq::scif_stream_t::write_ring (const void *data_, size_t size_)
{
    _write_is_signalled = false;
    if (_peer_gone) {
        errno = ECONNRESET;
        return -1;
    }

    //  A peer that goes on byte by byte is not to keep us here.
    const size_t size = size_ < max_move ? size_ : max_move;
    const unsigned char *const data =
      static_cast<const unsigned char *> (data_);
    size_t spins = 1 + size / piece_size;
    size_t done = 0;
    int rc;
    do {
        rc = move_out (data + done, size - done);
        if (rc > 0)
            done += rc;
    } while (rc >= 0 && done < size && spins-- > 0 && spin_for_space ());

    if (rc == -1) {
        //  It is for the reader to close the connection, and not before it has
        //  read what a peer that has gone has left.
        if (errno != ECONNRESET)
            _error = errno;
        return -1;
    }
    if (done < size)
        _write_is_signalled = _ring.wait ();
    ring_bell ();
    return static_cast<int> (done);
}

int zmq::scif_stream_t::move_out (const void *data_, size_t size_)
{
    const unsigned char *const data =
      static_cast<const unsigned char *> (data_);
    size_t done = 0;
    while (done < size_) {
        //  To set up a transfer by DMA takes its time, for any size.
        const size_t left = size_ - done;
        const int rc = _ring.write (
          data + done, _same_node && left > piece_size ? piece_size : left);
        if (rc == -1)
            return -1;
        if (rc == 0)
            break;
        done += rc;
        ring_bell ();
    }
    return static_cast<int> (done);
}

bool zmq::scif_stream_t::spin_for_data ()
{
    //  If there is something to write that goes first.
    if (_watch_out || _peer_gone || !may_spin (&_read_patience))
        return false;

    //  The peer may be looking for space meanwhile.
    _ring.publish_tail ();
    ring_bell ();

    const uint64_t start = clock_t::now_us ();
    bool ready = false;
    do {
        for (int i = 0; i != spin_looks && !ready; ++i) {
            relax ();
            ready = _ring.is_readable ();
        }
    } while (!ready && clock_t::now_us () - start < max_spin_us);
    has_spun (&_read_patience, ready);
    return ready;
}

bool zmq::scif_stream_t::spin_for_space ()
{
    //  If there is something to read that goes first, since the peer may wait
    //  for it.
    if (_ring.space () > 0)
        return true;
    if (_ring.is_readable () || !may_spin (&_write_patience))
        return false;

    const uint64_t start = clock_t::now_us ();
    bool ready = false;
    do {
        for (int i = 0; i != spin_looks && !ready; ++i) {
            relax ();
            ready = _ring.space () > 0;
        }
    } while (!ready && clock_t::now_us () - start < max_spin_us);
    has_spun (&_write_patience, ready);
    return ready;
}

bool zmq::scif_stream_t::may_spin (patience_t *patience_) const
{
    if (!_spins)
        return false;
    if (patience_->skips == 0)
        return true;
    --patience_->skips;
    return false;
}

void zmq::scif_stream_t::has_spun (patience_t *patience_, bool ready_)
{
    if (ready_)
        patience_->failures = 0;
    else if ((1 << patience_->failures) < max_skips)
        ++patience_->failures;
    patience_->skips = ready_ ? 0 : 1 << patience_->failures;
}

void zmq::scif_stream_t::receive_bells ()
{
    //  Who sends more of them than make sense is not to keep us here.
    static const int max_calls = 4;
    char bells[max_transfer];
    for (int i = 0; i != max_calls; ++i) {
        const int rc = scif_recv (_epd, bells, sizeof bells, 0);
        if (rc == -1 && errno != EINTR)
            _peer_gone = true;
        if (rc < static_cast<int> (sizeof bells))
            break;
    }
}

void zmq::scif_stream_t::ring_bell ()
{
    //  If there is no space for it then there are bells enough. That the peer
    //  has gone is for the reader to find out.
    if (_ring.must_ring ()) {
        char bell = 0;
        const int rc = scif_send (_epd, &bell, 1, 0);
        errno_assert (rc != -1 || errno != EBADF);
    }
}

bool zmq::scif_stream_t::read_is_signalled () const
{
    return _error == 0 && (_state != ring_mode || _read_is_signalled);
}

bool zmq::scif_stream_t::write_is_signalled () const
{
    return _state != ring_mode || _write_is_signalled;
}

bool zmq::scif_stream_t::has_space (size_t size_)
{
    return _state == ring_mode && size_ <= max_move && _ring.space () >= size_;
}

#endif
