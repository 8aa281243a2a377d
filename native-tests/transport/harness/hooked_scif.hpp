// SPDX-License-Identifier: MPL-2.0
//
// What this process asks of libscif, looked at and made to fail: so a scenario sees which way the bytes go and what is
// registered, meets faults that no libscif can be asked for, and acts at a place in libzmq's I/O thread that it could
// hit by chance only.

#pragma once

#include <stddef.h>

#include <functional>
#include <vector>

namespace tt
{
/// What scif_send has sent so far.
struct Sent
{
    long long bytes;
    long long calls;
};
Sent sent_through_endpoints ();

/// The size of each registration that was asked for, granted or not.
std::vector<size_t> registrations ();

/// Functions of libscif that can be made to fail.
enum class Call
{
    send,
    receive,
    enroll,  ///< scif_register
    transfer ///< scif_vwriteto
};

/// Asked before each such call, in whatever thread makes it: 0, or the errno with which the call fails instead.
using Fault = std::function<int (size_t size)>;
void set_fault (Call call, Fault fault);
/// Fails every n-th call.
Fault every (int n, int error);

/// Calls `hook` once, in the thread that next receives anything by scif_recv, after it has done so.
void after_next_receive (std::function<void ()> hook);
}
