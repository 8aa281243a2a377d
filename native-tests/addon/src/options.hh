// SPDX-License-Identifier: MPL-2.0
//
// Options by name: those of zmq_setsockopt(3), zmq_getsockopt(3) and zmq_ctx_set(3) in lower case.

#pragma once

#include <napi.h>

namespace addon
{
Napi::Value getSocketOption (Napi::Env env, void *socket, const Napi::Value &name);
void setSocketOption (Napi::Env env, void *socket, const Napi::Value &name, const Napi::Value &value);

Napi::Value getContextOption (Napi::Env env, void *context, const Napi::Value &name);
void setContextOption (Napi::Env env, void *context, const Napi::Value &name, const Napi::Value &value);

/// The number of a socket type such as "push". Throws TypeError when this build has none of that name.
int socketType (Napi::Env env, const Napi::Value &name);

/// The names of the socket types of this build.
Napi::Value socketTypes (Napi::Env env);
}
