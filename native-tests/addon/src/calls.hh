// SPDX-License-Identifier: MPL-2.0
//
// libzmq's functions that belong to no object.

#pragma once

#include <napi.h>

namespace addon
{
/// (items: {socket | fd, events}[], milliseconds): Promise<events[]>
Napi::Value poll (const Napi::CallbackInfo &info);

/// (frontend, backend, capture?, control?): Promise<void>
Napi::Value proxy (const Napi::CallbackInfo &info);

Napi::Value version (const Napi::CallbackInfo &info);
Napi::Value has (const Napi::CallbackInfo &info);
Napi::Value curveKeypair (const Napi::CallbackInfo &info);
Napi::Value curvePublic (const Napi::CallbackInfo &info);
Napi::Value z85Encode (const Napi::CallbackInfo &info);
Napi::Value z85Decode (const Napi::CallbackInfo &info);

/// The file that libzmq was loaded from.
Napi::Value library (const Napi::CallbackInfo &info);

/// {contexts, sockets, buffers}: how many are open, or share memory with libzmq.
Napi::Value open (const Napi::CallbackInfo &info);
}
