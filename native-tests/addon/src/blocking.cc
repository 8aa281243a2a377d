// SPDX-License-Identifier: MPL-2.0
//
// Calls that block on several sockets at once: zmq_poll and the proxies.

#include "calls.hh"
#include "error.hh"
#include "instance.hh"
#include "socket.hh"

#include <zmq.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <vector>

namespace addon
{
namespace
{
/// Sockets that a blocking call has; all of them or none.
class Loan
{
  public:
    Loan (Napi::Env env, const char *call) : _env (env), _call (call) {}

    void *add (const Napi::Value &value)
    {
        if (!value.IsObject ()
            || !value.As<Napi::Object> ().InstanceOf (Instance::of (_env).socketClass.Value ()))
            throw Napi::TypeError::New (_env, std::string (_call) + ": not a Socket");
        Socket *socket = Socket::Unwrap (value.As<Napi::Object> ());
        // The same socket twice, as both sides of a proxy for instance, is lent once.
        for (const auto &[lent, handle] : _lent)
            if (lent == socket)
                return handle;
        void *handle = socket->lend (_env, _call);
        _lent.emplace_back (socket, handle);
        return handle;
    }

    void end ()
    {
        for (const auto &[socket, handle] : _lent)
            socket->takeBack (_env);
        _lent.clear ();
    }

  private:
    Napi::Env _env;
    const char *_call;
    std::vector<std::pair<Socket *, void *>> _lent;
};

/// Runs `work`, which returns 0 or an errno, on a thread; `result` makes the promise's value.
Napi::Value onThread (Napi::Env env, const char *call, const std::shared_ptr<Loan> &loan,
                      std::function<int ()> work, std::function<Napi::Value (Napi::Env)> result)
{
    Instance &instance = Instance::of (env);
    const auto dispatcher = instance.dispatcher;
    const auto deferred = Napi::Promise::Deferred::New (env);
    instance.threads.run ([=] {
        const int error = work ();
        dispatcher->post ([=] (Napi::Env home) {
            dispatcher->letGo ();
            loan->end ();
            settle (home, deferred, call, error, [&] { return result (home); });
        });
    });
    dispatcher->hold ();
    return deferred.Promise ();
}
}

Napi::Value poll (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    if (!info[0].IsArray ())
        throw Napi::TypeError::New (env, "poll: the items are an array of {socket | fd, events}");
    const auto array = info[0].As<Napi::Array> ();
    const long timeout = info[1].IsNumber () ? static_cast<long> (info[1].As<Napi::Number> ().Int64Value ()) : -1;
    const auto loan = std::make_shared<Loan> (env, "zmq_poll");
    const auto items = std::make_shared<std::vector<zmq_pollitem_t>> ();
    try {
        for (uint32_t i = 0; i < array.Length (); ++i) {
            const Napi::Value entry = array.Get (i);
            if (!entry.IsObject ())
                throw Napi::TypeError::New (env, "poll: an item is {socket | fd, events}");
            const auto item = entry.As<Napi::Object> ();
            const bool isSocket = item.Has ("socket");
            void *socket = isSocket ? loan->add (item.Get ("socket")) : nullptr;
            if (!item.Get ("events").IsNumber () || (!isSocket && !item.Get ("fd").IsNumber ()))
                throw Napi::TypeError::New (env, "poll: an item is {socket | fd, events}");
            const int fd = isSocket ? -1 : item.Get ("fd").As<Napi::Number> ().Int32Value ();
            const int events = item.Get ("events").As<Napi::Number> ().Int32Value ();
            items->push_back ({socket, fd, static_cast<short> (events), 0});
        }
        items->push_back ({nullptr, Instance::of (env).stopFd (), ZMQ_POLLIN, 0});
        return onThread (
          env, "zmq_poll", loan,
          [items, timeout] {
              return zmq_poll (items->data (), static_cast<int> (items->size ()), timeout) < 0 ? zmq_errno () : 0;
          },
          [items] (Napi::Env home) {
              Napi::Array events = Napi::Array::New (home, items->size () - 1);
              for (uint32_t i = 0; i + 1 < items->size (); ++i)
                  events.Set (i, Napi::Number::New (home, (*items)[i].revents));
              return events;
          });
    }
    catch (...) {
        loan->end ();
        throw;
    }
}

Napi::Value proxy (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    const auto loan = std::make_shared<Loan> (env, "zmq_proxy");
    try {
        const auto optional = [&] (const Napi::Value &value) -> void * {
            return value.IsUndefined () || value.IsNull () ? nullptr : loan->add (value);
        };
        void *frontend = loan->add (info[0]);
        void *backend = loan->add (info[1]);
        void *capture = optional (info[2]);
        void *control = optional (info[3]);
        return onThread (
          env, "zmq_proxy", loan,
          [=] {
              const int rc = control ? zmq_proxy_steerable (frontend, backend, capture, control)
                                     : zmq_proxy (frontend, backend, capture);
              return rc == 0 ? 0 : zmq_errno ();
          },
          [] (Napi::Env home) { return home.Undefined (); });
    }
    catch (...) {
        loan->end ();
        throw;
    }
}
}
