// SPDX-License-Identifier: MPL-2.0

#include "socket.hh"

#include "error.hh"
#include "instance.hh"
#include "options.hh"
#include "transfer.hh"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace addon
{
Napi::Function Socket::define (Napi::Env env)
{
    return DefineClass (
      env, "Socket",
      {InstanceMethod<&Socket::bind> ("bind"), InstanceMethod<&Socket::connect> ("connect"),
       InstanceMethod<&Socket::unbind> ("unbind"), InstanceMethod<&Socket::disconnect> ("disconnect"),
#ifdef ZMQ_BUILD_DRAFT_API
       InstanceMethod<&Socket::join> ("join"), InstanceMethod<&Socket::leave> ("leave"),
#endif
       InstanceMethod<&Socket::monitor> ("_monitor"), InstanceMethod<&Socket::get> ("get"),
       InstanceMethod<&Socket::set> ("set"), InstanceMethod<&Socket::send> ("_send"),
       InstanceMethod<&Socket::receive> ("_receive"), InstanceMethod<&Socket::trySend> ("trySend"),
       InstanceMethod<&Socket::tryReceive> ("tryReceive"), InstanceMethod<&Socket::sendOnThread> ("sendOnThread"),
       InstanceMethod<&Socket::receiveOnThread> ("receiveOnThread"),
       InstanceMethod<&Socket::forgetWaiter> ("_forget"), InstanceMethod<&Socket::closeNow> ("close"),
       InstanceAccessor<&Socket::closed> ("closed")});
}

Socket::Socket (const Napi::CallbackInfo &info) : ObjectWrap (info), _instance (&Instance::of (info.Env ()))
{
    const Napi::Env env = info.Env ();
    if (!info[0].IsObject () || !info[0].As<Napi::Object> ().InstanceOf (_instance->contextClass.Value ()))
        throw Napi::TypeError::New (env, "a socket is made in a Context");
    const int type = socketType (env, info[1]);
    _context = Context::Unwrap (info[0].As<Napi::Object> ())->core ();
    if (!_context->handle ())
        throw zmqError (env, ETERM, "zmq_socket");
    _handle = zmq_socket (_context->handle (), type);
    if (!_handle)
        throwZmqError (env, "zmq_socket");
    _id = _instance->nextSocketId++;
    _instance->sockets.emplace (_id, this);
    _context->sockets.insert (this);
}

/// Collected without having been closed. Nothing waits on it, as a waiter would have kept it.
Socket::~Socket ()
{
    if (_handle)
        closeHandle (Env (), ENOTSOCK);
}

void *Socket::open (Napi::Env env, const char *call) const
{
    if (!_handle || _closing)
        throw zmqError (env, ENOTSOCK, call);
    if (_lent)
        throw zmqError (env, EBUSY, call);
    return _handle;
}

void *Socket::lend (Napi::Env env, const char *call)
{
    void *handle = open (env, call);
    if (!_receivers.empty () || !_senders.empty ())
        throw zmqError (env, EBUSY, call);
    _lent = true;
    waiting ();
    return handle;
}

void Socket::takeBack (Napi::Env env)
{
    _lent = false;
    if (_closing)
        closeHandle (env, ENOTSOCK);
    notWaiting ();
}

// Whoever waits keeps the object and the event loop.
void Socket::waiting ()
{
    Ref ();
    _instance->dispatcher->hold ();
}

void Socket::notWaiting ()
{
    _instance->dispatcher->letGo ();
    Unref ();
}

std::string Socket::onEndpoint (const Napi::CallbackInfo &info, EndpointCall *function, const char *call)
{
    const Napi::Env env = info.Env ();
    if (!info[0].IsString ())
        throw Napi::TypeError::New (env, "an endpoint is a string");
    const std::string endpoint = info[0].As<Napi::String> ().Utf8Value ();
    void *handle = open (env, call);
    if (function (handle, endpoint.c_str ()) != 0)
        throwZmqError (env, call, endpoint);
    // The call may have taken commands from the mailbox that a waiter is to see.
    serve (env);
    return endpoint;
}

Napi::Value Socket::bind (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_bind, "zmq_bind");
    return getSocketOption (info.Env (), _handle, Napi::String::New (info.Env (), "last_endpoint"));
}

void Socket::connect (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_connect, "zmq_connect");
}

void Socket::unbind (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_unbind, "zmq_unbind");
}

void Socket::disconnect (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_disconnect, "zmq_disconnect");
}

#ifdef ZMQ_BUILD_DRAFT_API
void Socket::join (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_join, "zmq_join");
}

void Socket::leave (const Napi::CallbackInfo &info)
{
    onEndpoint (info, zmq_leave, "zmq_leave");
}
#endif

void Socket::monitor (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    const bool stop = info[0].IsNull ();
    const std::string endpoint = stop ? std::string () : info[0].As<Napi::String> ().Utf8Value ();
    const int events = stop ? 0 : info[1].As<Napi::Number> ().Int32Value ();
    void *handle = open (env, "zmq_socket_monitor");
    if (zmq_socket_monitor (handle, stop ? nullptr : endpoint.c_str (), events) != 0)
        throwZmqError (env, "zmq_socket_monitor", endpoint);
}

Napi::Value Socket::get (const Napi::CallbackInfo &info)
{
    const Napi::Value value = getSocketOption (info.Env (), open (info.Env (), "zmq_getsockopt"), info[0]);
    serve (info.Env ());
    return value;
}

void Socket::set (const Napi::CallbackInfo &info)
{
    setSocketOption (info.Env (), open (info.Env (), "zmq_setsockopt"), info[0], info[1]);
    serve (info.Env ());
}

Napi::Value Socket::closed (const Napi::CallbackInfo &info)
{
    return Napi::Boolean::New (info.Env (), !_handle || _closing);
}

Napi::Value Socket::trySend (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    //  A getter of the message may close the socket.
    Parts parts = partsOf (info[0]);
    void *handle = open (env, "zmq_msg_send");
    // Not before those that wait.
    if (!_senders.empty ())
        return Napi::Boolean::New (env, false);
    size_t next = 0;
    const int error = sendParts (handle, parts, next, ZMQ_DONTWAIT);
    if (error != 0 && !(error == EAGAIN && next == 0))
        throw zmqError (env, error, "zmq_msg_send");
    serve (env);
    return Napi::Boolean::New (env, error == 0);
}

Napi::Value Socket::tryReceive (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    void *handle = open (env, "zmq_msg_recv");
    if (!_receivers.empty ())
        return env.Undefined ();
    Parts parts;
    const int error = receiveParts (handle, parts, ZMQ_DONTWAIT);
    if (error != 0 && error != EAGAIN)
        throw zmqError (env, error, "zmq_msg_recv");
    serve (env);
    return error == 0 ? toArray (env, std::move (parts)) : env.Undefined ();
}

Napi::Value Socket::send (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    const auto id = static_cast<uint64_t> (info[0].As<Napi::Number> ().Int64Value ());
    Parts parts = partsOf (info[1]);
    open (env, "zmq_msg_send");
    Sender sender = {id, Napi::Promise::Deferred::New (env), std::move (parts), 0};
    const Napi::Value promise = sender.deferred.Promise ();
    _senders.push_back (std::move (sender));
    waiting ();
    serve (env);
    return promise;
}

Napi::Value Socket::receive (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    open (env, "zmq_msg_recv");
    const auto id = static_cast<uint64_t> (info[0].As<Napi::Number> ().Int64Value ());
    const Receiver receiver = {id, Napi::Promise::Deferred::New (env)};
    _receivers.push_back (receiver);
    waiting ();
    serve (env);
    return receiver.deferred.Promise ();
}

/// (id): true when that waiter had not been served and is not going to be.
Napi::Value Socket::forgetWaiter (const Napi::CallbackInfo &info)
{
    const auto id = static_cast<uint64_t> (info[0].As<Napi::Number> ().Int64Value ());
    const auto isIt = [id] (const auto &waiter) { return waiter.id == id; };
    const auto receiver = std::find_if (_receivers.begin (), _receivers.end (), isIt);
    if (receiver != _receivers.end ()) {
        receiver->deferred.Resolve (info.Env ().Undefined ());
        _receivers.erase (receiver);
        notWaiting ();
        return Napi::Boolean::New (info.Env (), true);
    }
    const auto sender = std::find_if (_senders.begin (), _senders.end (), isIt);
    // A message that has been sent in part has to be sent.
    if (sender == _senders.end () || sender->next > 0)
        return Napi::Boolean::New (info.Env (), false);
    sender->deferred.Resolve (info.Env ().Undefined ());
    _senders.erase (sender);
    notWaiting ();
    return Napi::Boolean::New (info.Env (), true);
}

bool Socket::serveSender (Napi::Env env)
{
    Sender &sender = _senders.front ();
    const int error = sendParts (_handle, sender.parts, sender.next, ZMQ_DONTWAIT);
    if (error == EAGAIN)
        return false;
    const Sender served = std::move (sender);
    _senders.pop_front ();
    settle (env, served.deferred, "zmq_msg_send", error, [&] { return env.Undefined (); });
    notWaiting ();
    return true;
}

bool Socket::serveReceiver (Napi::Env env)
{
    Parts parts;
    const int error = receiveParts (_handle, parts, ZMQ_DONTWAIT);
    if (error == EAGAIN)
        return false;
    const Receiver served = _receivers.front ();
    _receivers.pop_front ();
    settle (env, served.deferred, "zmq_msg_recv", error, [&] { return toArray (env, std::move (parts)); });
    notWaiting ();
    return true;
}

/// The descriptor tells of changes, not of states: libzmq's mailbox may be read by any call. So
/// whoever can be served is served after each call, and only when nobody can is the descriptor
/// waited for.
void Socket::serve (Napi::Env env)
{
    while (_handle && !_closing && !_lent && (!_senders.empty () || !_receivers.empty ())) {
        int events = 0;
        size_t size = sizeof events;
        if (zmq_getsockopt (_handle, ZMQ_EVENTS, &events, &size) != 0) {
            if (zmq_errno () != EINTR)
                failWaiters (env, zmq_errno ());
            continue;
        }
        bool served = false;
        if (!_senders.empty () && (events & ZMQ_POLLOUT))
            served = serveSender (env);
        if (!_receivers.empty () && (events & ZMQ_POLLIN))
            served = serveReceiver (env) || served;
        if (served)
            continue;
        // A router says POLLOUT although a peer's pipe is full, and a request socket neither when it
        // is not its turn: the call tells.
        if (!(events & ZMQ_POLLOUT) && !_senders.empty () && serveSender (env))
            continue;
        if (!(events & ZMQ_POLLIN) && !_receivers.empty () && serveReceiver (env))
            continue;
        // These calls may have read the mailbox once more: what has changed with it must not be lost.
        int now = events;
        size = sizeof now;
        if (zmq_getsockopt (_handle, ZMQ_EVENTS, &now, &size) != 0 || now != events)
            continue;
        if (_watched)
            return;
        size = sizeof _fd;
        if (_fd < 0 && zmq_getsockopt (_handle, ZMQ_FD, &_fd, &size) != 0) {
            _fd = -1;
            failWaiters (env, zmq_errno ());
            continue;
        }
        // Where POLLOUT does not tell when one can send, the change may have been in what was read.
        const bool unsure = !_senders.empty () && (events & ZMQ_POLLOUT);
        if (!_instance->watcher ().arm (_fd, _id, unsure)) {
            failWaiters (env, errno);
            continue;
        }
        _watched = true;
        return;
    }
}

void Socket::ready (Napi::Env env)
{
    _watched = false;
    serve (env);
}

void Socket::failWaiters (Napi::Env env, int errnum)
{
    const auto senders = std::move (_senders);
    const auto receivers = std::move (_receivers);
    _senders.clear ();
    _receivers.clear ();
    for (const Sender &sender : senders) {
        sender.deferred.Reject (zmqError (env, errnum, "zmq_msg_send").Value ());
        notWaiting ();
    }
    for (const Receiver &receiver : receivers) {
        receiver.deferred.Reject (zmqError (env, errnum, "zmq_msg_recv").Value ());
        notWaiting ();
    }
}

void Socket::closeNow (const Napi::CallbackInfo &info)
{
    close (info.Env (), ENOTSOCK);
}

void Socket::close (Napi::Env env, int errnum)
{
    if (!_handle || _closing)
        return;
    if (_lent)
        _closing = true;
    else
        closeHandle (env, errnum);
}

void Socket::closeHandle (Napi::Env env, int errnum)
{
    void *handle = _handle;
    _handle = nullptr;
    _closing = true;
    if (_fd >= 0)
        _instance->watcher ().forget (_fd);
    _instance->sockets.erase (_id);
    _context->sockets.erase (this);
    zmq_close (handle);
    failWaiters (env, errnum);
    // The context may be terminated with its last socket.
    _context.reset ();
}

void Socket::abandon ()
{
    const int linger = 0;
    zmq_setsockopt (_handle, ZMQ_LINGER, &linger, sizeof linger);
    zmq_close (_handle);
    _handle = nullptr;
    _closing = true;
    _senders.clear ();
    _receivers.clear ();
    _context->sockets.erase (this);
    _context.reset ();
}

Napi::Value Socket::onThread (Napi::Env env, const char *call, std::function<int (void *)> work,
                              std::function<Napi::Value (Napi::Env)> result)
{
    void *handle = lend (env, call);
    const auto deferred = Napi::Promise::Deferred::New (env);
    const auto dispatcher = _instance->dispatcher;
    try {
        _instance->threads.run ([=] {
            const int error = work (handle);
            dispatcher->post ([=] (Napi::Env home) {
                settle (home, deferred, call, error, [&] { return result (home); });
                takeBack (home);
            });
        });
    }
    catch (...) {
        takeBack (env);
        throw;
    }
    return deferred.Promise ();
}

Napi::Value Socket::sendOnThread (const Napi::CallbackInfo &info)
{
    const Napi::Env env = info.Env ();
    open (env, "zmq_msg_send");
    const auto parts = std::make_shared<Parts> (partsOf (info[0]));
    return onThread (
      env, "zmq_msg_send",
      [parts] (void *handle) {
          size_t next = 0;
          return sendParts (handle, *parts, next, 0);
      },
      [] (Napi::Env home) { return home.Undefined (); });
}

Napi::Value Socket::receiveOnThread (const Napi::CallbackInfo &info)
{
    const auto parts = std::make_shared<Parts> ();
    return onThread (
      info.Env (), "zmq_msg_recv", [parts] (void *handle) { return receiveParts (handle, *parts, 0); },
      [parts] (Napi::Env home) -> Napi::Value { return toArray (home, std::move (*parts)); });
}
}
