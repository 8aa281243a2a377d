// SPDX-License-Identifier: MPL-2.0

#include "instance.hh"

#include "context.hh"
#include "socket.hh"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace addon
{
Instance::Instance (Napi::Env env) :
    dispatcher (std::make_shared<Dispatcher> (env)), _stopFd (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    if (_stopFd < 0)
        throw std::system_error (errno, std::generic_category (), "eventfd");
    // Hooks run in reverse order: before those of the dispatcher and of the objects' finalizers.
    env.AddCleanupHook ([] (Instance *self) { self->tearDown (); }, this);
}

Watcher &Instance::watcher ()
{
    if (!_watcher)
        _watcher = std::make_unique<Watcher> ([this] (uint64_t id) {
            dispatcher->post ([this, id] (Napi::Env env) {
                const auto found = sockets.find (id);
                if (found != sockets.end ())
                    found->second->ready (env);
            });
        });
    return *_watcher;
}

/// The environment ends with whatever is open or under way: a worker that is terminated, the end of
/// the process. Blocking calls are told to end; nobody is left to wait for messages to be written.
void Instance::tearDown ()
{
    dispatcher->close ();
    for (ContextCore *context : contexts)
        context->shutdown ();
    eventfd_write (_stopFd, 1);
    threads.join ();
    _watcher.reset ();
    const auto open = std::move (sockets);
    sockets.clear ();
    for (const auto &[id, socket] : open)
        socket->abandon ();
    const auto all = std::move (contexts);
    contexts.clear ();
    for (ContextCore *context : all)
        context->abandon ();
    ::close (_stopFd);
}
}
