// SPDX-License-Identifier: MPL-2.0
//
// Runs scenarios, each in a process group of its own, several at once, and reports in TAP.

#pragma once

#include "harness.hpp"

namespace tt
{
struct RunOptions
{
    std::string filter; ///< regular expression searched in the names; empty: all
    int jobs = 2;
    int expect = 0; ///< fail when fewer scenarios ran (skipped ones did not run)
};

/// Prints the names that the filter selects. 0, or 2: bad filter.
int list_scenarios (const RunOptions &options);

/// Runs what the filter selects. 0: all passed; 1: something failed, or too little ran; 2: bad filter.
int run_all (const RunOptions &options);
}
