// SPDX-License-Identifier: MPL-2.0

#include "endpoints.hpp"

#include <scif.h>

#include <cstring>
#include <thread>

#include <sys/mman.h>

namespace
{
const int64_t patience_ms = 5000;
}

void rt::connect_endpoints (int *accepted, int *connected)
{
    const int listener = scif_open ();
    CHECK (listener != -1);
    const int port = scif_bind (listener, 0);
    CHECK (port > 0);
    CHECK_EQ (scif_listen (listener, 1), 0);
    uint16_t node;
    uint16_t self;
    CHECK (scif_get_nodeIDs (&node, 1, &self) >= 1);

    const int epd = scif_open ();
    CHECK (epd != -1);
    int rc = -1;
    //  A connect lasts until the other end accepts.
    std::thread connecter ([&] {
        scif_portID dst;
        dst.node = self;
        dst.port = static_cast<uint16_t> (port);
        rc = scif_connect (epd, &dst);
    });
    scif_portID peer;
    CHECK_EQ (scif_accept (listener, &peer, accepted, SCIF_ACCEPT_SYNC), 0);
    connecter.join ();
    CHECK (rc != -1);
    CHECK_EQ (scif_close (listener), 0);
    *connected = epd;
}

uint64_t rt::get_uint64 (const unsigned char *data)
{
    uint64_t value = 0;
    for (int i = 0; i != 8; ++i)
        value = value << 8 | data[i];
    return value;
}

void rt::put_uint64 (unsigned char *data, uint64_t value)
{
    for (int i = 7; i >= 0; --i, value >>= 8)
        data[i] = static_cast<unsigned char> (value);
}

void rt::make_greeting (unsigned char *greeting, uint64_t ring_size, uint64_t offset)
{
    memset (greeting, 0, greeting_size);
    memcpy (greeting, "SCIFZMTP", 8);
    greeting[version_pos] = 1;
    put_uint64 (greeting + ring_size_pos, ring_size);
    put_uint64 (greeting + offset_pos, offset);
}

rt::raw_peer_t::raw_peer_t (int epd) : _epd (epd), _region (NULL), _region_size (0), _mapped (NULL), _mapped_size (0)
{
}

rt::raw_peer_t::~raw_peer_t ()
{
    close ();
}

void rt::raw_peer_t::close ()
{
    if (_mapped)
        CHECK_EQ (scif_munmap (_mapped, _mapped_size), 0);
    _mapped = NULL;
    if (_epd != -1)
        CHECK_EQ (scif_close (_epd), 0);
    _epd = -1;
    if (_region)
        CHECK_EQ (munmap (_region, _region_size), 0);
    _region = NULL;
}

void rt::raw_peer_t::send (const void *data, size_t size)
{
    CHECK_EQ (scif_send (_epd, const_cast<void *> (data), static_cast<int> (size), 0), size);
}

void rt::raw_peer_t::receive (void *data, size_t size)
{
    const int64_t deadline = now_ms () + patience_ms;
    for (size_t done = 0; done != size;) {
        const int rc = scif_recv (_epd, static_cast<char *> (data) + done, static_cast<int> (size - done), 0);
        CHECK (rc != -1);
        done += rc;
        if (rc == 0) {
            scif_pollepd entry = {_epd, POLLIN, 0};
            scif_poll (&entry, 1, 100);
            if (now_ms () > deadline)
                FAIL ("only %zu of %zu bytes have arrived", done, size);
        }
    }
}

int rt::raw_peer_t::receive_some (void *data, size_t size)
{
    return scif_recv (_epd, data, static_cast<int> (size), 0);
}

uint64_t rt::raw_peer_t::register_region (size_t ring_size, int prot)
{
    _region_size = page_size + ring_size;
    void *const region = mmap (NULL, _region_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK (region != MAP_FAILED);
    _region = static_cast<unsigned char *> (region);
    const off_t offset = scif_register (_epd, _region, _region_size, 0, prot, 0);
    CHECK (offset != SCIF_REGISTER_FAILED);
    return static_cast<uint64_t> (offset);
}

void rt::raw_peer_t::exchange_greetings (size_t ring_size)
{
    unsigned char greeting[greeting_size];
    make_greeting (greeting, ring_size, register_region (ring_size, SCIF_PROT_READ | SCIF_PROT_WRITE));
    send (greeting, greeting_size);
    receive (greeting, greeting_size);
    _mapped_size = page_size + get_uint64 (greeting + ring_size_pos);
    void *const mapped = scif_mmap (NULL, _mapped_size, SCIF_PROT_READ | SCIF_PROT_WRITE, 0, _epd,
                                    static_cast<off_t> (get_uint64 (greeting + offset_pos)));
    CHECK (mapped != SCIF_MMAP_FAILED);
    _mapped = static_cast<unsigned char *> (mapped);
}
