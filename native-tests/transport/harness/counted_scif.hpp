// SPDX-License-Identifier: MPL-2.0
//
// How much of what this process sends goes through SCIF endpoints: all of it, or bells only, where the bytes go
// through the peer's memory.

#pragma once

namespace tt
{
/// Bytes that this process has sent by scif_send so far.
long long bytes_sent_through_endpoints ();
}
