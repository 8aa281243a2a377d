// SPDX-License-Identifier: MPL-2.0
//
// Runs a fuzz target on mutated seeds for a bounded time. Each input follows from --seed and its number alone, so that
// one that fails is run again by --seed S --only N.

#include "fuzz.hpp"
#include "harness.hpp"
#include "mutate.hpp"

//  Registered like a test, so that a crash and a hang are told in the same way.
TEST_WITHIN (fuzz, 0)
{
    const std::vector<std::vector<uint8_t> > seeds = fuzz_seeds ();
    const uint64_t seed = rt::seed ();
    const uint64_t only = rt::only ();
    const int64_t end = rt::now_ms () + 1000 * rt::seconds ();
    uint64_t count = 0;
    for (uint64_t i = only == UINT64_MAX ? 0 : only; rt::now_ms () < end; ++i) {
        rt::stage ("--seed %llu --only %llu", static_cast<unsigned long long> (seed),
                   static_cast<unsigned long long> (i));
        const std::vector<uint8_t> input = rt::mutate (seeds, seed, i);
        //  A copy of its own, so that what is read behind its end is noticed.
        LLVMFuzzerTestOneInput (input.data (), input.size ());
        ++count;
        if (only != UINT64_MAX)
            break;
    }
    rt::note ("seed %llu: %llu inputs", static_cast<unsigned long long> (seed),
              static_cast<unsigned long long> (count));
}
