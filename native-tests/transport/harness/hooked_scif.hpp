// SPDX-License-Identifier: MPL-2.0
//
// Lets a scenario act at a place in libzmq's I/O thread that it could hit by chance only.

#pragma once

#include <functional>

namespace tt
{
/// Calls `hook` once, in the thread that next receives anything by scif_recv, after it has done so.
void after_next_receive (std::function<void ()> hook);
}
