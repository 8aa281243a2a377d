// SPDX-License-Identifier: MPL-2.0
//
// Waits for the descriptors of sockets (ZMQ_FD) on a thread of its own. Node-API has no way to
// watch a descriptor, and libuv's headers are not everywhere where Node.js is.

#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace addon
{
class Watcher
{
  public:
    /// Called on the watcher's thread with the id of a descriptor that has become readable.
    using Ready = std::function<void (uint64_t id)>;

    explicit Watcher (Ready ready);
    ~Watcher ();
    Watcher (const Watcher &) = delete;
    Watcher &operator= (const Watcher &) = delete;

    /// Waits once for the descriptor; must be called again for a further time. With `retry` it is
    /// taken for readable after a short time anyway. Returns false with errno.
    bool arm (int fd, uint64_t id, bool retry);

    /// Forgets a descriptor that arm () knows, before it is closed.
    void forget (int fd);

  private:
    void loop ();

    Ready _ready;
    int _epoll;
    /// Wakes the thread: to stop, or for a first retry.
    int _wake;
    std::mutex _mutex;
    std::vector<uint64_t> _retries;
    bool _stopping = false;
    std::thread _thread;
};
}
