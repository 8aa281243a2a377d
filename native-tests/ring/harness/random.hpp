// SPDX-License-Identifier: MPL-2.0

#ifndef RING_TESTS_RANDOM_HPP
#define RING_TESTS_RANDOM_HPP

#include <cstdint>

namespace rt
{
/// SplitMix64: the same numbers on every machine for the same seed.
class random_t
{
  public:
    explicit random_t (uint64_t seed) : _state (seed) {}

    uint64_t next ()
    {
        _state += 0x9e3779b97f4a7c15ull;
        uint64_t z = _state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }

    /// A number from 0 to limit - 1.
    uint64_t below (uint64_t limit) { return next () % limit; }

    /// True once in n times.
    bool one_in (uint64_t n) { return below (n) == 0; }

  private:
    uint64_t _state;
};

/// The byte at a position of the stream that tests send: no two neighbouring KiB are the same.
inline unsigned char stream_byte (uint64_t position)
{
    return static_cast<unsigned char> ((position * 0x9e3779b97f4a7c15ull) >> 56);
}
}

#endif
