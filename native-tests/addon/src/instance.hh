// SPDX-License-Identifier: MPL-2.0
//
// What the addon keeps for each environment: the main thread's, and that of each worker thread.

#pragma once

#include "dispatcher.hh"
#include "threads.hh"
#include "watcher.hh"

#include <napi.h>

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <unordered_set>

namespace addon
{
class ContextCore;
class Socket;

class Instance
{
  public:
    explicit Instance (Napi::Env env);
    Instance (const Instance &) = delete;
    Instance &operator= (const Instance &) = delete;

    static Instance &of (Napi::Env env) { return *env.GetInstanceData<Instance> (); }

    /// Shared with work that may outlive the environment.
    const std::shared_ptr<Dispatcher> dispatcher;
    Threads threads;

    Napi::FunctionReference contextClass;
    Napi::FunctionReference socketClass;

    /// Open ones; on the thread of JavaScript only.
    std::unordered_set<ContextCore *> contexts;
    std::unordered_map<uint64_t, Socket *> sockets;
    uint64_t nextSocketId = 0;

    /// Made at the first use.
    Watcher &watcher ();

    /// Readable when the environment is being torn down: ends polls that no context would end.
    int stopFd () const { return _stopFd; }

  private:
    void tearDown ();

    std::unique_ptr<Watcher> _watcher;
    int _stopFd;
};
}
