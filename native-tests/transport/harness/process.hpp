// SPDX-License-Identifier: MPL-2.0
//
// What a process uses: CPU time, descriptors, memory.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tt
{
/// CPU seconds of all threads of a process, to the nanosecond clock of the kernel.
double cpu_seconds (pid_t pid);

/// Share of one CPU that a process uses over `milliseconds` from now: 0.01 is one per cent.
double cpu_share (pid_t pid, double milliseconds);

/// Of a CPU; a process that has nothing to do uses less.
const double idle_share = 0.03;

/// Fails unless the process uses less than that over `milliseconds`. `what` says what it should be doing.
void check_idle (pid_t pid, double milliseconds, const char *what);

/// Open descriptors of a process, as "number target".
std::vector<std::string> descriptors (pid_t pid);
size_t descriptor_count (pid_t pid);

/// Resident memory in KiB.
long resident_kib (pid_t pid);
}
