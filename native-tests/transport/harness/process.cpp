// SPDX-License-Identifier: MPL-2.0

#include "process.hpp"

#include "harness.hpp"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <fstream>

namespace tt
{
double cpu_seconds (pid_t pid)
{
    clockid_t clock;
    timespec time;
    if (clock_getcpuclockid (pid, &clock) != 0 || clock_gettime (clock, &time) != 0)
        FAIL ("no CPU clock of process %d", pid);
    return time.tv_sec + time.tv_nsec / 1e9;
}

double cpu_share (pid_t pid, double milliseconds)
{
    const double start = now_ms ();
    const double used = cpu_seconds (pid);
    sleep_ms (milliseconds);
    return (cpu_seconds (pid) - used) * 1000 / (now_ms () - start);
}

void check_idle (pid_t pid, double milliseconds, const char *what)
{
    const double share = cpu_share (pid, milliseconds);
    note ("%s: %.2f %% of a CPU", what, share * 100);
    if (share > idle_share)
        FAIL ("%s uses %.1f %% of a CPU", what, share * 100);
}

std::vector<std::string> descriptors (pid_t pid)
{
    std::vector<std::string> list;
    const std::string folder = "/proc/" + std::to_string (pid) + "/fd";
    DIR *const entries = opendir (folder.c_str ());
    CHECK (entries);
    while (const dirent *const entry = readdir (entries)) {
        char target[256];
        const ssize_t size = readlink ((folder + "/" + entry->d_name).c_str (), target, sizeof target);
        if (size < 0 || (pid == getpid () && atoi (entry->d_name) == dirfd (entries)))
            continue;
        list.push_back (std::string (entry->d_name) + " " + std::string (target, size));
    }
    closedir (entries);
    return list;
}

size_t descriptor_count (pid_t pid)
{
    return descriptors (pid).size ();
}

long resident_kib (pid_t pid)
{
    std::ifstream statm ("/proc/" + std::to_string (pid) + "/statm");
    long total = 0, resident = 0;
    statm >> total >> resident;
    return resident * (sysconf (_SC_PAGESIZE) / 1024);
}
}
