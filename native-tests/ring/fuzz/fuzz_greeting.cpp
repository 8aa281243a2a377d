// SPDX-License-Identifier: MPL-2.0
//
// The greeting: a peer sends the input, in one or two pieces, and goes. What the stream makes of it is held against
// the protocol. In an input the offset of the peer's window stands as all bits but the lowest.

#include "fuzz.hpp"
#include "random.hpp"
#include "stream_holder.hpp"

#include <scif.h>

#include <cstring>
#include <string>

namespace
{
const size_t ring_size = 4096;
const uint64_t own_offset = UINT64_MAX - 1;
}

extern "C" int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const size_t split = data[0] < size ? data[0] : 0;
    std::vector<unsigned char> input (data + 1, data + size);
    if (input.size () > 2000)
        input.resize (2000);

    int accepted;
    int connected;
    rt::connect_endpoints (&accepted, &connected);
    rt::raw_peer_t peer (connected);
    rt::stream_holder_t stream (accepted, true, {-1, 4096});
    const uint64_t offset = peer.register_region (ring_size, SCIF_PROT_READ | SCIF_PROT_WRITE);
    if (input.size () >= rt::offset_pos + 8 && rt::get_uint64 (input.data () + rt::offset_pos) == own_offset)
        rt::put_uint64 (input.data () + rt::offset_pos, offset);

    //  What the protocol says about it.
    static const char magic[] = "SCIFZMTP";
    const size_t known = input.size () < 8 ? input.size () : 8;
    const bool greeted = known == 0 || memcmp (input.data (), magic, known) == 0;
    const bool complete = greeted && input.size () >= rt::greeting_size;
    const bool mapped = complete && input[rt::version_pos] == 1
                        && rt::get_uint64 (input.data () + rt::ring_size_pos) == ring_size
                        && rt::get_uint64 (input.data () + rt::offset_pos) == offset;
    const bool answered = complete && input.size () > rt::greeting_size;
    const char answer = answered ? static_cast<char> (input[rt::greeting_size]) : 'E';
    const bool agreed = answer == 'R' || answer == 'E';
    const bool ring = answered && mapped && answer == 'R';

    //  Sends it, and reads what comes of it.
    std::string received;
    int code = EAGAIN;
    for (int piece = 0; piece != 2; ++piece) {
        const size_t begin = piece == 0 ? 0 : split < input.size () ? split : input.size ();
        const size_t end = piece == 0 && split < input.size () ? split : input.size ();
        if (end != begin)
            peer.send (input.data () + begin, end - begin);
        char bytes[100];
        int rc;
        while ((rc = stream->read (bytes, sizeof bytes)) > 0)
            received.append (bytes, rc);
        CHECK_EQ (rc, -1);
        code = errno;
        if (code != EAGAIN)
            break;
    }

    CHECK_EQ (code, greeted && agreed ? EAGAIN : EPROTO);
    CHECK_EQ (stream.has_ring (), ring);
    //  In ring mode all that follows are bells, else it is data.
    const size_t data_size = answered && agreed && !ring ? input.size () - rt::greeting_size - 1 : 0;
    CHECK_EQ (received.size (), data_size);
    if (data_size != 0)
        CHECK_EQ (memcmp (received.data (), input.data () + rt::greeting_size + 1, data_size), 0);

    //  It has greeted, and answered what was a greeting.
    unsigned char greeting[rt::greeting_size];
    peer.receive (greeting, sizeof greeting);
    CHECK_EQ (memcmp (greeting, magic, 8), 0);
    char byte = 0;
    CHECK_EQ (peer.receive_some (&byte, 1), complete);
    if (complete)
        CHECK_EQ (byte, mapped ? 'R' : 'E');

    if (answered && agreed) {
        CHECK_EQ (stream->write ("hello", 5), 5);
        if (ring)
            CHECK_EQ (memcmp (peer.region () + rt::page_size, "hello", 5), 0);
    } else
        CHECK_EQ (stream->write ("hello", 5), 0);
    return 0;
}

std::vector<std::vector<uint8_t> > fuzz_seeds ()
{
    std::vector<std::vector<uint8_t> > seeds;
    for (int kind = 0; kind != 4; ++kind) {
        unsigned char input[1 + rt::greeting_size + 1 + 20];
        memset (input, 'd', sizeof input);
        input[0] = static_cast<unsigned char> (kind * 30);
        rt::make_greeting (input + 1, kind == 1 ? 0 : ring_size, kind == 2 ? 0x1000 : own_offset);
        input[1 + rt::greeting_size] = kind == 3 ? 'E' : 'R';
        seeds.push_back (std::vector<uint8_t> (input, input + sizeof input));
        seeds.push_back (std::vector<uint8_t> (input, input + 1 + rt::greeting_size + 1));
    }
    return seeds;
}
