// SPDX-License-Identifier: MPL-2.0

#include "context.hh"

#include "error.hh"
#include "instance.hh"
#include "options.hh"
#include "socket.hh"

#include <zmq.h>

#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

namespace addon
{
ContextCore::ContextCore (Instance &instance) : _instance (&instance), _handle (zmq_ctx_new ())
{
    if (_handle)
        instance.contexts.insert (this);
}

ContextCore::~ContextCore ()
{
    if (_handle)
        abandon ();
}

void ContextCore::shutdown ()
{
    if (_handle)
        zmq_ctx_shutdown (_handle);
}

template <typename Done> void ContextCore::terminate (Done done)
{
    void *handle = _handle;
    std::thread ([handle, done = std::move (done)] {
        int rc;
        do
            rc = zmq_ctx_term (handle);
        while (rc != 0 && zmq_errno () == EINTR);
        done (rc == 0 ? 0 : zmq_errno ());
    }).detach ();
    _handle = nullptr;
    _instance->contexts.erase (this);
}

void ContextCore::abandon ()
{
    try {
        terminate ([] (int) {});
    }
    catch (const std::system_error &) {
        // The machine has no thread left: the context stays until the process ends.
        _handle = nullptr;
        _instance->contexts.erase (this);
    }
}

Napi::Function Context::define (Napi::Env env)
{
    return DefineClass (env, "Context",
                        {InstanceMethod<&Context::get> ("get"), InstanceMethod<&Context::set> ("set"),
                         InstanceMethod<&Context::shutdown> ("shutdown"), InstanceMethod<&Context::term> ("term"),
                         InstanceAccessor<&Context::closed> ("closed")});
}

Context::Context (const Napi::CallbackInfo &info) :
    ObjectWrap (info), _core (std::make_shared<ContextCore> (Instance::of (info.Env ())))
{
    if (!_core->handle ())
        throwZmqError (info.Env (), "zmq_ctx_new");
}

void *Context::open (Napi::Env env, const char *call) const
{
    if (!_core->handle ())
        throw zmqError (env, ETERM, call);
    return _core->handle ();
}

Napi::Value Context::get (const Napi::CallbackInfo &info)
{
    return getContextOption (info.Env (), open (info.Env (), "zmq_ctx_get"), info[0]);
}

void Context::set (const Napi::CallbackInfo &info)
{
    setContextOption (info.Env (), open (info.Env (), "zmq_ctx_set"), info[0], info[1]);
}

void Context::shutdown (const Napi::CallbackInfo &)
{
    _core->shutdown ();
}

Napi::Value Context::closed (const Napi::CallbackInfo &info)
{
    return Napi::Boolean::New (info.Env (), _core->handle () == nullptr);
}

Napi::Value Context::term (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    open (env, "zmq_ctx_term");
    const auto dispatcher = Instance::of (env).dispatcher;
    const auto deferred = Napi::Promise::Deferred::New (env);
    // Ends what blocks in threads; the sockets there close as soon as they are back.
    _core->shutdown ();
    const std::vector<Socket *> sockets (_core->sockets.begin (), _core->sockets.end ());
    for (Socket *socket : sockets)
        socket->close (env, ETERM);
    _core->terminate ([dispatcher, deferred] (int error) {
        dispatcher->post ([dispatcher, deferred, error] (Napi::Env env) {
            dispatcher->letGo ();
            if (error == 0)
                deferred.Resolve (env.Undefined ());
            else
                deferred.Reject (zmqError (env, error, "zmq_ctx_term").Value ());
        });
    });
    dispatcher->hold ();
    return deferred.Promise ();
}
}
