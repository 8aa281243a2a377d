// SPDX-License-Identifier: MPL-2.0
//
// A libzmq socket. It belongs to the thread of JavaScript, except while a blocking call has it on a
// thread of its own; until that call is back every other use fails with EBUSY.

#pragma once

#include "context.hh"
#include "message.hh"

#include <napi.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>

namespace addon
{
class Socket : public Napi::ObjectWrap<Socket>
{
  public:
    static Napi::Function define (Napi::Env env);
    /// (context: Context, type: string)
    explicit Socket (const Napi::CallbackInfo &info);
    ~Socket () override;

    /// The descriptor has become readable: serves whoever waits.
    void ready (Napi::Env env);

    /// Closes now, or as soon as the blocking call is back.
    /// Who waits fails with `errnum`.
    void close (Napi::Env env, int errnum);

    /// At the end of the environment, when no JavaScript runs any more: drops everything.
    void abandon ();

    /// The handle for a blocking call on another thread; must be given back. Throws EBUSY, ENOTSOCK.
    void *lend (Napi::Env env, const char *call);
    void takeBack (Napi::Env env);

  private:
    struct Receiver
    {
        uint64_t id;
        Napi::Promise::Deferred deferred;
    };

    struct Sender
    {
        uint64_t id;
        Napi::Promise::Deferred deferred;
        Parts parts;
        /// The first part that libzmq has not taken yet.
        size_t next;
    };

    Napi::Value bind (const Napi::CallbackInfo &info);
    void connect (const Napi::CallbackInfo &info);
    void unbind (const Napi::CallbackInfo &info);
    void disconnect (const Napi::CallbackInfo &info);
    void join (const Napi::CallbackInfo &info);
    void leave (const Napi::CallbackInfo &info);
    void monitor (const Napi::CallbackInfo &info);
    Napi::Value get (const Napi::CallbackInfo &info);
    void set (const Napi::CallbackInfo &info);
    Napi::Value send (const Napi::CallbackInfo &info);
    Napi::Value receive (const Napi::CallbackInfo &info);
    Napi::Value trySend (const Napi::CallbackInfo &info);
    Napi::Value tryReceive (const Napi::CallbackInfo &info);
    Napi::Value sendOnThread (const Napi::CallbackInfo &info);
    Napi::Value receiveOnThread (const Napi::CallbackInfo &info);
    Napi::Value forgetWaiter (const Napi::CallbackInfo &info);
    void closeNow (const Napi::CallbackInfo &info);
    Napi::Value closed (const Napi::CallbackInfo &info);

    /// The handle for a call on this thread.
    void *open (Napi::Env env, const char *call) const;
    using EndpointCall = int (void *, const char *);
    std::string onEndpoint (const Napi::CallbackInfo &info, EndpointCall *function, const char *call);
    /// `work` blocks and returns 0 or an errno; `result` makes the promise's value.
    Napi::Value onThread (Napi::Env env, const char *call, std::function<int (void *)> work,
                          std::function<Napi::Value (Napi::Env)> result);

    void serve (Napi::Env env);
    bool serveSender (Napi::Env env);
    bool serveReceiver (Napi::Env env);
    void failWaiters (Napi::Env env, int errnum);
    void waiting ();
    void notWaiting ();
    void closeHandle (Napi::Env env, int errnum);

    Instance *_instance;
    std::shared_ptr<ContextCore> _context;
    void *_handle = nullptr;
    uint64_t _id = 0;
    int _fd = -1;
    bool _watched = false;
    bool _lent = false;
    bool _closing = false;
    std::deque<Receiver> _receivers;
    std::deque<Sender> _senders;
};
}
