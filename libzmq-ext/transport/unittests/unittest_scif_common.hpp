/* SPDX-License-Identifier: MPL-2.0 */

#ifndef __UNITTEST_SCIF_COMMON_INCLUDED__
#define __UNITTEST_SCIF_COMMON_INCLUDED__

#include <unity.h>
#include "../tests/testutil.hpp"

#include <options.hpp>
#include <scif_channel.hpp>
#include <scif_stream.hpp>
#include <wire.hpp>

#include <scif.h>

#include <dlfcn.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <vector>

static const size_t greeting_size = 64;
static const size_t version_pos = 8;
static const size_t region_size_pos = 16;
static const size_t offset_pos = 24;

static const size_t region_size = 65536;
static const size_t ring_size = region_size - 4096;
static const int read_write = SCIF_PROT_READ | SCIF_PROT_WRITE;

//  The calls of libscif go through this program, which sees them, can have
//  them fail, and can act in the middle of them.
static int send_errno;
static int receive_errno;
static int mmap_errno;
static size_t max_window;
static std::vector<size_t> windows;
static void (*before_receive) ();
static void (*after_receive) ();

static void reset_calls ()
{
    send_errno = receive_errno = mmap_errno = 0;
    max_window = static_cast<size_t> (-1);
    windows.clear ();
    before_receive = after_receive = NULL;
}

//  The library's own function. The first argument is for its type only.
template <typename T> static T library (T, const char *name_)
{
    void *const symbol = dlsym (RTLD_NEXT, name_);
    T function;
    memcpy (&function, &symbol, sizeof function);
    return function;
}

static bool fails (int errno_)
{
    errno = errno_;
    return errno_ != 0;
}

int scif_send (scif_epd_t epd_, void *data_, int size_, int flags_)
{
    //  While the other node sleeps a call that may block wakes it up.
    const bool wakes = send_errno == ENODEV && (flags_ & SCIF_SEND_BLOCK);
    if (!wakes && fails (send_errno))
        return -1;
    return library (scif_send, "scif_send") (epd_, data_, size_, flags_);
}

int scif_recv (scif_epd_t epd_, void *data_, int size_, int flags_)
{
    if (fails (receive_errno))
        return -1;
    if (before_receive)
        before_receive ();
    const int rc =
      library (scif_recv, "scif_recv") (epd_, data_, size_, flags_);
    const int err = errno;
    if (after_receive)
        after_receive ();
    errno = err;
    return rc;
}

off_t scif_register (scif_epd_t epd_,
                     void *region_,
                     size_t size_,
                     off_t offset_,
                     int prot_,
                     int flags_)
{
    windows.push_back (size_);
    if (size_ > max_window && fails (ENOMEM))
        return SCIF_REGISTER_FAILED;
    return library (scif_register, "scif_register") (epd_, region_, size_,
                                                     offset_, prot_, flags_);
}

void *scif_mmap (void *addr_,
                 size_t size_,
                 int prot_,
                 int flags_,
                 scif_epd_t epd_,
                 off_t offset_)
{
    if (fails (mmap_errno))
        return SCIF_MMAP_FAILED;
    return library (scif_mmap, "scif_mmap") (addr_, size_, prot_, flags_, epd_,
                                             offset_);
}

static bool is_readable (int fd_, int timeout_)
{
    struct pollfd pfd = {fd_, POLLIN, 0};
    return poll (&pfd, 1, timeout_) == 1;
}

struct connect_t
{
    scif_epd_t epd;
    struct scif_portID address;
    int rc;
};

static void run_connect (void *connect_)
{
    connect_t *const self = static_cast<connect_t *> (connect_);
    self->rc = scif_connect (self->epd, &self->address);
}

//  The first one has accepted, the second one connected.
static void connect_endpoints (scif_epd_t *epds_)
{
    const scif_epd_t listener = scif_open ();
    const int port = scif_bind (listener, 0);
    TEST_ASSERT_TRUE (port > 0);
    TEST_ASSERT_EQUAL (0, scif_listen (listener, 1));

    //  To connect takes until the other end accepts.
    connect_t connect;
    connect.epd = epds_[1] = scif_open ();
    TEST_ASSERT_EQUAL (0,
                       zmq::scif_address_t::local_node (&connect.address.node));
    connect.address.port = static_cast<uint16_t> (port);
    connect.rc = -1;
    void *const thread = zmq_threadstart (run_connect, &connect);
    struct scif_portID peer;
    TEST_ASSERT_EQUAL (
      0, scif_accept (listener, &peer, &epds_[0], SCIF_ACCEPT_SYNC));
    zmq_threadclose (thread);
    TEST_ASSERT_TRUE (connect.rc != -1);
    TEST_ASSERT_EQUAL (0, scif_close (listener));
}

static void expect_failure (int errno_, int rc_)
{
    const int err = errno;
    TEST_ASSERT_EQUAL (-1, rc_);
    TEST_ASSERT_EQUAL (errno_, err);
}

//  A channel, or later a stream, and the other end of its connection, which is
//  done by hand.
struct pair_t
{
    explicit pair_t (bool connecting_ = false,
                     bool same_node_ = true,
                     int rcvbuf_ = 1) :
        connecting (connecting_), region (NULL), mapped (NULL), stream (NULL)
    {
        scif_epd_t epds[2];
        connect_endpoints (epds);
        epd = epds[connecting ? 0 : 1];
        zmq::options_t options;
        options.rcvbuf = rcvbuf_;
        options.sndbuf = 1;
        channel = new zmq::scif_channel_t (epds[connecting ? 1 : 0], options);
        channel->set_addresses (zmq::scif_address_t (0, 1),
                                zmq::scif_address_t (same_node_ ? 0 : 1, 1));
        if (connecting)
            expect_failure (EAGAIN, channel->greet ());
    }

    ~pair_t ()
    {
        delete channel;
        delete stream;
        close ();
    }

    void close ()
    {
        //  As long as memory is mapped the connection stays open.
        if (mapped)
            scif_munmap (mapped, region_size);
        if (epd != -1)
            scif_close (epd);
        if (region)
            munmap (region, region_size);
        epd = -1;
        region = mapped = NULL;
    }

    void send (const void *data_, size_t size_) const
    {
        TEST_ASSERT_EQUAL (size_, scif_send (epd, const_cast<void *> (data_),
                                             static_cast<int> (size_), 0));
    }

    void receive (void *data_, size_t size_) const
    {
        TEST_ASSERT_EQUAL (
          size_,
          scif_recv (epd, data_, static_cast<int> (size_), SCIF_RECV_BLOCK));
    }

    //  Receives what there is, which are bells or 'expected_'.
    int receive_all (char expected_ = 0) const
    {
        char bytes[4095];
        const int rc = scif_recv (epd, bytes, sizeof bytes, 0);
        for (int i = 0; i < rc; ++i)
            TEST_ASSERT_EQUAL (expected_, bytes[i]);
        return rc;
    }

    //  Registers memory, and makes the greeting that offers it.
    void make_greeting (unsigned char *greeting_, int prot_ = read_write)
    {
        region = mmap (NULL, region_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        TEST_ASSERT_TRUE (region != MAP_FAILED);
        const off_t offset =
          scif_register (epd, region, region_size, 0, prot_, 0);
        TEST_ASSERT_TRUE (offset != SCIF_REGISTER_FAILED);
        memset (greeting_, 0, greeting_size);
        memcpy (greeting_, "SCIFZMTP\2", 9);
        zmq::put_uint64 (greeting_ + region_size_pos, region_size);
        zmq::put_uint64 (greeting_ + offset_pos, offset);
    }

    //  Exchanges greetings. Returns what the channel makes of this one.
    int greet (const unsigned char *greeting_)
    {
        if (connecting)
            receive (received, sizeof received);
        send (greeting_, greeting_size);
        const int rc = channel->agree ();
        const int err = errno;
        if (!connecting)
            receive (received, sizeof received);
        errno = err;
        return rc;
    }

    int answer (char answer_) const
    {
        send (&answer_, 1);
        return channel->agree ();
    }

    void make_stream ()
    {
        stream = zmq::scif_stream_t::create (channel);
        channel = NULL;
        TEST_ASSERT_NOT_NULL (stream);
    }

    bool is_signalled (int timeout_ = 0) const
    {
        return is_readable (stream->get_fd (), timeout_);
    }

    //  Has the stream read until there is something, or an end to it.
    int read_or_fail (void *data_, size_t size_) const
    {
        int size = stream->read (data_, size_);
        while (size == -1 && errno == EAGAIN) {
            if (stream->wait (true, false)) {
                TEST_ASSERT_TRUE (is_signalled (5000));
            }
            size = stream->read (data_, size_);
        }
        return size;
    }

    const bool connecting;
    scif_epd_t epd;
    void *region;
    void *mapped;
    unsigned char received[greeting_size];
    zmq::scif_channel_t *channel;
    zmq::scif_stream_t *stream;
};

//  The same, with rings agreed on. The peer uses one of its own.
struct rings_t : public pair_t
{
    explicit rings_t (bool connecting_ = false, bool same_node_ = true) :
        pair_t (connecting_, same_node_)
    {
        unsigned char greeting[greeting_size];
        make_greeting (greeting);
        const int rc = greet (greeting);
        if (!connecting)
            expect_failure (EAGAIN, rc);
        TEST_ASSERT_EQUAL (region_size,
                           zmq::get_uint64 (received + region_size_pos));
        mapped = scif_mmap (NULL, region_size, read_write, 0, epd,
                            zmq::get_uint64 (received + offset_pos));
        TEST_ASSERT_TRUE (mapped != SCIF_MMAP_FAILED);
        TEST_ASSERT_EQUAL (connecting, receive_all ('R'));
        TEST_ASSERT_EQUAL (0, connecting ? rc : answer ('R'));
        TEST_ASSERT_NOT_NULL (channel->rings ());
        ring.set_local (region, region_size);
        ring.set_remote (mapped, region_size, region_size, -1, 0);
        make_stream ();
    }

    //  Has the peer write or read, and ring the bell.
    void write (size_t size_)
    {
        const std::vector<char> data (size_, 'x');
        TEST_ASSERT_EQUAL (size_, ring.write (&data[0], size_));
        ring_bell ();
    }
    void read (size_t size_)
    {
        std::vector<char> data (size_);
        TEST_ASSERT_EQUAL (size_, ring.read (&data[0], size_));
        ring_bell ();
    }
    void ring_bell ()
    {
        if (ring.must_ring ())
            send ("", 1);
    }

    //  Has the stream write and read.
    void stream_write (size_t size_, size_t expected_) const
    {
        const std::vector<char> data (size_, 'x');
        TEST_ASSERT_EQUAL (expected_, stream->write (&data[0], size_));
    }
    void stream_read (size_t size_) const
    {
        std::vector<char> data (size_);
        TEST_ASSERT_EQUAL (size_, stream->read (&data[0], size_));
    }

    //  Sets a control word that is the peer's to write.
    template <typename T> void set_word (size_t pos_, T value_) const
    {
        memcpy (static_cast<char *> (mapped) + pos_, &value_, sizeof value_);
    }

    zmq::scif_ring_t ring;
};

#endif
