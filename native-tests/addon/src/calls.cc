// SPDX-License-Identifier: MPL-2.0

#include "calls.hh"

#include "error.hh"
#include "instance.hh"
#include "message.hh"

#include <zmq.h>

#include <dlfcn.h>

#include <cerrno>
#include <string>
#include <vector>

namespace addon
{
static std::string text (const Napi::CallbackInfo &info, const char *what)
{
    if (!info[0].IsString ())
        throw Napi::TypeError::New (info.Env (), std::string (what) + " is a string");
    return info[0].As<Napi::String> ().Utf8Value ();
}

Napi::Value version (const Napi::CallbackInfo &info)
{
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    const std::string all = std::to_string (major) + "." + std::to_string (minor) + "." + std::to_string (patch);
    return Napi::String::New (info.Env (), all);
}

Napi::Value has (const Napi::CallbackInfo &info)
{
    return Napi::Boolean::New (info.Env (), zmq_has (text (info, "a capability").c_str ()) == 1);
}

Napi::Value curveKeypair (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    char publicKey[41], secretKey[41];
    if (zmq_curve_keypair (publicKey, secretKey) != 0)
        throwZmqError (env, "zmq_curve_keypair");
    Napi::Object keys = Napi::Object::New (env);
    keys.Set ("publicKey", publicKey);
    keys.Set ("secretKey", secretKey);
    return keys;
}

Napi::Value curvePublic (const Napi::CallbackInfo &info)
{
    const std::string secretKey = text (info, "a key");
    char publicKey[41];
    if (zmq_curve_public (publicKey, secretKey.c_str ()) != 0)
        throwZmqError (info.Env (), "zmq_curve_public");
    return Napi::String::New (info.Env (), publicKey);
}

Napi::Value z85Encode (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    if (!info[0].IsBuffer ())
        throw Napi::TypeError::New (env, "z85Encode takes a Buffer");
    const auto data = info[0].As<Napi::Buffer<uint8_t>> ();
    std::vector<char> encoded (data.Length () * 5 / 4 + 1);
    if (!zmq_z85_encode (encoded.data (), data.Data (), data.Length ()))
        throwZmqError (env, "zmq_z85_encode");
    return Napi::String::New (env, encoded.data ());
}

Napi::Value z85Decode (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    const std::string encoded = text (info, "Z85");
    std::vector<uint8_t> data (encoded.size () * 4 / 5 + 1);
    if (!zmq_z85_decode (data.data (), encoded.c_str ()))
        throwZmqError (env, "zmq_z85_decode");
    return Napi::Buffer<uint8_t>::Copy (env, data.data (), encoded.size () * 4 / 5);
}

Napi::Value library (const Napi::CallbackInfo &info)
{
    Dl_info found = {};
    if (dladdr (reinterpret_cast<void *> (zmq_version), &found) == 0 || !found.dli_fname)
        return info.Env ().Undefined ();
    return Napi::String::New (info.Env (), found.dli_fname);
}

Napi::Value open (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    const Instance &instance = Instance::of (env);
    Napi::Object counts = Napi::Object::New (env);
    counts.Set ("contexts", Napi::Number::New (env, static_cast<double> (instance.contexts.size ())));
    counts.Set ("sockets", Napi::Number::New (env, static_cast<double> (instance.sockets.size ())));
    counts.Set ("buffers", Napi::Number::New (env, static_cast<double> (sharedBuffers ())));
    return counts;
}
}
