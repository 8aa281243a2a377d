// SPDX-License-Identifier: MPL-2.0
//
// libzmq's errno values as JavaScript errors.

#pragma once

#include <napi.h>

#include <string>

namespace addon
{
/// "EAGAIN" for EAGAIN; libzmq's own codes, such as EFSM and ETERM, included.
std::string errorCode (int errnum);

/// An Error with errno, code, syscall (libzmq's function) and, when it concerns one, endpoint.
Napi::Error zmqError (Napi::Env env, int errnum, const char *call, const std::string &endpoint = {});

/// Throws what zmqError makes of zmq_errno ().
[[noreturn]] void throwZmqError (Napi::Env env, const char *call, const std::string &endpoint = {});

/// Settles the promise of a call that has ended with `error`, 0 or an errno: with what `result` makes.
template <typename Result>
void settle (Napi::Env env, const Napi::Promise::Deferred &deferred, const char *call, int error, Result result)
{
    if (error != 0) {
        deferred.Reject (zmqError (env, error, call).Value ());
        return;
    }
    try {
        deferred.Resolve (result ());
    }
    catch (const Napi::Error &thrown) {
        // V8 is out of memory for the message.
        deferred.Reject (thrown.Value ());
    }
}
}
