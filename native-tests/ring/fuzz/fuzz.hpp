// SPDX-License-Identifier: MPL-2.0
//
// What a fuzz target consists of. The same sources are a libFuzzer target, or a program that mutates its seeds itself.

#ifndef RING_TESTS_FUZZ_HPP
#define RING_TESTS_FUZZ_HPP

#include <cstddef>
#include <cstdint>
#include <vector>

/// Runs one input. Ends the process if what comes of it is wrong.
extern "C" int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/// The inputs that mutation starts from.
std::vector<std::vector<uint8_t> > fuzz_seeds ();

#endif
