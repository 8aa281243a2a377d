// SPDX-License-Identifier: MPL-2.0
//
// The ring: an input is a sequence of calls and of what the peer writes in between (see ring_model.hpp).

#include "fuzz.hpp"
#include "ring_model.hpp"

extern "C" int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    rt::ring_model_t::run (data, size);
    return 0;
}

std::vector<std::vector<uint8_t> > fuzz_seeds ()
{
    std::vector<std::vector<uint8_t> > seeds;
    //  The peer writes, the ring reads, says so and sleeps.
    static const uint8_t reading[] = {0xff, 0xff, 3, 8, 100, 0, 2, 0, 50, 0, 0, 7, 0, 200, 0, 0, 4, 13, 1, 0, 0, 0,
                                      8,    0,    16, 2, 0,  0, 16, 0, 7, 4, 12, 2, 0, 0, 0, 7};
    //  The ring writes until it is full, waits, the peer reads.
    static const uint8_t writing[] = {0xff, 0xff, 1, 2, 0, 240, 1, 6, 2, 0, 0, 1, 5, 12, 1, 0, 0, 0, 7, 9, 0,
                                      0xf0, 1,    6, 2, 1, 2,   0, 9, 0, 0, 2, 7, 3, 0,  8, 0, 5, 7};
    //  What is wrong.
    static const uint8_t lying[] = {0, 1, 0, 10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0,
                                    11, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 8, 0, 0, 0, 4};
    seeds.push_back (std::vector<uint8_t> (reading, reading + sizeof reading));
    seeds.push_back (std::vector<uint8_t> (writing, writing + sizeof writing));
    seeds.push_back (std::vector<uint8_t> (lying, lying + sizeof lying));
    return seeds;
}
