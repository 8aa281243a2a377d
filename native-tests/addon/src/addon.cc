// SPDX-License-Identifier: MPL-2.0

#include "calls.hh"
#include "context.hh"
#include "instance.hh"
#include "message.hh"
#include "options.hh"
#include "socket.hh"

#include <napi.h>

static Napi::Object init (Napi::Env env, Napi::Object exports)
{
    auto *instance = new addon::Instance (env);
    env.SetInstanceData (instance);
    const Napi::Function contextClass = addon::Context::define (env);
    const Napi::Function socketClass = addon::Socket::define (env);
    instance->contextClass = Napi::Persistent (contextClass);
    instance->socketClass = Napi::Persistent (socketClass);
    exports.Set ("Context", contextClass);
    exports.Set ("Socket", socketClass);
    exports.Set ("socketTypes", addon::socketTypes (env));
    const auto function = [&] (const char *name, auto *call) {
        exports.Set (name, Napi::Function::New (env, call, name));
    };
    function ("allocate", addon::allocate);
    function ("curveKeypair", addon::curveKeypair);
    function ("curvePublic", addon::curvePublic);
    function ("has", addon::has);
    function ("library", addon::library);
    function ("open", addon::open);
    function ("poll", addon::poll);
    function ("proxy", addon::proxy);
    function ("version", addon::version);
    function ("z85Decode", addon::z85Decode);
    function ("z85Encode", addon::z85Encode);
    return exports;
}

NODE_API_MODULE (zeromq_scif, init)
