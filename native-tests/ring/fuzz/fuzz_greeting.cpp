// SPDX-License-Identifier: MPL-2.0
//
// The greeting: a peer sends the input to either end, in one or two pieces. What the channel makes of it is held against
// the protocol. In an input the offset of the peer's window stands as all bits but the lowest.

#include "fuzz.hpp"
#include "memory.hpp"
#include "streams.hpp"

#include "wire.hpp"

#include <algorithm>
#include <cstring>

namespace
{
const size_t region_size = 65536;
const uint64_t own_offset = UINT64_MAX - 1;

const char magic[] = "SCIFZMTP";
const size_t greeting_size = 64;
const size_t region_size_pos = 16;
const size_t offset_pos = 24;

//  Receives what is there.
std::vector<unsigned char> receive (int epd)
{
    std::vector<unsigned char> data (4095);
    const int rc = scif_recv (epd, data.data (), static_cast<int> (data.size ()), 0);
    CHECK (rc >= 0);
    data.resize (rc);
    return data;
}

void run (int epd, std::unique_ptr<zmq::scif_channel_t> channel, bool connecting, size_t split,
          std::vector<unsigned char> input, const rt::region_t &region)
{
    const off_t offset = scif_register (epd, region.get (), region_size, 0, SCIF_PROT_READ | SCIF_PROT_WRITE, 0);
    CHECK (offset != SCIF_REGISTER_FAILED);
    if (input.size () >= offset_pos + 8 && zmq::get_uint64 (input.data () + offset_pos) == own_offset)
        zmq::put_uint64 (input.data () + offset_pos, static_cast<uint64_t> (offset));

    //  What the protocol says about it.
    const bool greeted = std::equal (magic, magic + std::min<size_t> (input.size (), 8), input.begin ());
    const bool complete = greeted && input.size () >= greeting_size;
    const uint64_t size = complete ? zmq::get_uint64 (input.data () + region_size_pos) : 0;
    const bool mapped = complete && input[8] == 2 && size == region_size
                        && zmq::get_uint64 (input.data () + offset_pos) == static_cast<uint64_t> (offset);
    //  Who accepts wants an answer if it has offered memory.
    const bool asks = !connecting && mapped;
    const size_t used = greeting_size + asks;
    const bool over = complete && input.size () >= used;
    const unsigned char answer = asks && over ? input[greeting_size] : 'R';
    const bool agreed = answer == 'R' || answer == 'E';
    const bool rings = over && mapped && answer == 'R';

    //  Sends it, as long as the channel has something left to agree on.
    int rc = -1;
    errno = EAGAIN;
    if (connecting)
        rc = channel->greet ();
    const size_t middle = std::min (split, input.size ());
    const size_t ends[] = {middle, input.size ()};
    size_t begin = 0;
    for (const size_t end : ends) {
        if (end != begin)
            CHECK_EQ (scif_send (epd, input.data () + begin, static_cast<int> (end - begin), 0), end - begin);
        begin = end;
        if (rc == -1 && errno == EAGAIN)
            rc = channel->agree ();
    }
    const int code = errno;
    CHECK_EQ (rc, over && agreed ? 0 : -1);
    if (rc != 0)
        CHECK_EQ (code, greeted && agreed ? EAGAIN : EPROTO);
    CHECK_EQ (over && agreed && channel->rings () != nullptr, rings);

    //  It has greeted, if it had to, and answered what was an offer.
    const std::vector<unsigned char> said = receive (epd);
    const size_t expected = connecting ? greeting_size + (size != 0) : complete ? greeting_size : 0;
    CHECK_EQ (said.size (), expected);
    if (expected != 0)
        CHECK_EQ (memcmp (said.data (), magic, 8), 0);
    if (expected > greeting_size)
        CHECK_EQ (said[greeting_size], mapped ? 'R' : 'E');
    if (rc != 0)
        return;

    //  With rings all that follows are bells, else it is data.
    rt::stream_holder_t stream (std::move (channel));
    std::vector<unsigned char> data (4095);
    const int count = stream->read (data.data (), data.size ());
    CHECK_EQ (count, rings || input.size () == used ? -1 : static_cast<int> (input.size () - used));
    if (count > 0)
        CHECK_EQ (memcmp (data.data (), input.data () + used, count), 0);
    CHECK_EQ (stream->write ("hello", 5), 5);
    CHECK_EQ (memcmp (rings ? region.ring () : receive (epd).data (), "hello", 5), 0);
}
}

extern "C" int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const bool connecting = (data[0] & 1) != 0;
    std::vector<unsigned char> input (data + 1, data + std::min<size_t> (size, 2000));
    int accepted;
    int connected;
    rt::connect_endpoints (&accepted, &connected);
    const int epd = connecting ? accepted : connected;
    const rt::region_t region (region_size);
    run (epd, rt::make_channel (connecting ? connected : accepted, true, {-1, 1}), connecting, data[0] / 2, input,
         region);
    CHECK_EQ (scif_close (epd), 0);
    return 0;
}

std::vector<std::vector<uint8_t> > fuzz_seeds ()
{
    std::vector<std::vector<uint8_t> > seeds;
    for (int kind = 0; kind != 8; ++kind) {
        unsigned char input[1 + greeting_size + 1 + 20] = {};
        input[0] = static_cast<unsigned char> (kind * 29);
        memcpy (input + 1, magic, 8);
        input[9] = 2;
        zmq::put_uint64 (input + 1 + region_size_pos, kind / 2 == 1 ? 0 : region_size);
        zmq::put_uint64 (input + 1 + offset_pos, kind / 2 == 2 ? 0x1000 : own_offset);
        memset (input + 1 + greeting_size, 'd', 21);
        input[1 + greeting_size] = kind / 2 == 3 ? 'E' : 'R';
        seeds.push_back (std::vector<uint8_t> (input, input + sizeof input));
        seeds.push_back (std::vector<uint8_t> (input, input + 1 + greeting_size + 1));
    }
    return seeds;
}
