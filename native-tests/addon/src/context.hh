// SPDX-License-Identifier: MPL-2.0

#pragma once

#include <napi.h>

#include <memory>
#include <unordered_set>

namespace addon
{
class Instance;
class Socket;

/// A libzmq context. Its sockets keep it, so that it is terminated after the last of them. On the
/// thread of JavaScript only.
class ContextCore
{
  public:
    explicit ContextCore (Instance &instance);
    ~ContextCore ();
    ContextCore (const ContextCore &) = delete;
    ContextCore &operator= (const ContextCore &) = delete;

    /// Null once it is being terminated.
    void *handle () const { return _handle; }

    /// Whatever blocks on its sockets ends with ETERM.
    void shutdown ();

    /// Terminates in a thread of its own, as that takes as long as messages linger. `done` is called
    /// on that thread with 0 or an errno. Throws std::system_error when there can be no thread.
    template <typename Done> void terminate (Done done);

    /// As terminate, for nobody to wait for.
    void abandon ();

    std::unordered_set<Socket *> sockets;

  private:
    Instance *_instance;
    void *_handle;
};

class Context : public Napi::ObjectWrap<Context>
{
  public:
    static Napi::Function define (Napi::Env env);
    explicit Context (const Napi::CallbackInfo &info);

    const std::shared_ptr<ContextCore> &core () const { return _core; }

  private:
    Napi::Value get (const Napi::CallbackInfo &info);
    void set (const Napi::CallbackInfo &info);
    void shutdown (const Napi::CallbackInfo &info);
    Napi::Value term (const Napi::CallbackInfo &info);
    Napi::Value closed (const Napi::CallbackInfo &info);

    void *open (Napi::Env env, const char *call) const;

    std::shared_ptr<ContextCore> _core;
};
}
