// SPDX-License-Identifier: MPL-2.0

#ifndef RING_TESTS_MUTATE_HPP
#define RING_TESTS_MUTATE_HPP

#include "random.hpp"

#include <cstdint>
#include <vector>

namespace rt
{
/// A seed, changed in a few places. The same for the same seeds, number and iteration.
inline std::vector<uint8_t>
mutate (const std::vector<std::vector<uint8_t> > &seeds, uint64_t seed, uint64_t iteration)
{
    static const size_t max_size = 4000;
    static const uint8_t telling[] = {0, 1, 2, 0x7f, 0x80, 0xfe, 0xff, '0', '9', '*', ':', 'R', 'E'};
    random_t random (random_t (seed).next () ^ random_t (iteration).next ());
    std::vector<uint8_t> input = seeds[random.below (seeds.size ())];
    for (uint64_t changes = random.below (5); changes != 0; --changes) {
        const size_t at = static_cast<size_t> (random.below (input.size () + 1));
        const std::vector<uint8_t> &other = seeds[random.below (seeds.size ())];
        switch (random.below (8)) {
            case 0:
                if (at < input.size ())
                    input[at] = static_cast<uint8_t> (input[at] ^ (1 << random.below (8)));
                break;
            case 1:
                if (at < input.size ())
                    input[at] = telling[random.below (sizeof telling)];
                break;
            case 2:
                for (size_t i = at; i < input.size () && i != at + 8; ++i)
                    input[i] = static_cast<uint8_t> (random.next ());
                break;
            case 3:
                input.insert (input.begin () + at, telling[random.below (sizeof telling)]);
                break;
            case 4:
                if (at < input.size ())
                    input.erase (input.begin () + at,
                                 input.begin () + at + 1 + random.below (input.size () - at));
                break;
            case 5:
                for (uint64_t count = random.below (32); count != 0; --count)
                    input.push_back (static_cast<uint8_t> (random.next ()));
                break;
            case 6:
                input.insert (input.begin () + at, other.begin (), other.end ());
                break;
            case 7:
                input.resize (at);
                break;
        }
    }
    if (input.size () > max_size)
        input.resize (max_size);
    return input;
}
}

#endif
