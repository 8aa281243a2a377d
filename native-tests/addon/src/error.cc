// SPDX-License-Identifier: MPL-2.0

#include "error.hh"

#include <zmq.h>

#include <cerrno>
#include <cstring>

namespace addon
{
std::string errorCode (int errnum)
{
    switch (errnum) {
        case EFSM:
            return "EFSM";
        case ENOCOMPATPROTO:
            return "ENOCOMPATPROTO";
        case ETERM:
            return "ETERM";
        case EMTHREAD:
            return "EMTHREAD";
    }
    const char *name = strerrorname_np (errnum);
    return name ? name : "E" + std::to_string (errnum);
}

Napi::Error zmqError (Napi::Env env, int errnum, const char *call, const std::string &endpoint)
{
    const std::string code = errorCode (errnum);
    std::string text = code + ": " + zmq_strerror (errnum) + ", " + call;
    if (!endpoint.empty ())
        text += " " + endpoint;
    Napi::Error error = Napi::Error::New (env, text);
    error.Set ("errno", Napi::Number::New (env, errnum));
    error.Set ("code", Napi::String::New (env, code));
    error.Set ("syscall", Napi::String::New (env, call));
    if (!endpoint.empty ())
        error.Set ("endpoint", Napi::String::New (env, endpoint));
    return error;
}

void throwZmqError (Napi::Env env, const char *call, const std::string &endpoint)
{
    throw zmqError (env, zmq_errno (), call, endpoint);
}
}
