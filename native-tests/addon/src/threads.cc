// SPDX-License-Identifier: MPL-2.0

#include "threads.hh"

#include <chrono>
#include <thread>
#include <utility>

namespace addon
{
/// How long a thread waits for more work before it ends.
static constexpr auto idleTime = std::chrono::seconds (1);

void Threads::run (Work work)
{
    const std::lock_guard<std::mutex> lock (_mutex);
    _queue.push_back (std::move (work));
    if (_queue.size () <= _idle) {
        _wake.notify_one ();
        return;
    }
    try {
        std::thread ([this] { loop (); }).detach ();
    }
    catch (...) {
        _queue.pop_back ();
        throw;
    }
    ++_threads;
}

void Threads::join ()
{
    std::unique_lock<std::mutex> lock (_mutex);
    _stopping = true;
    _wake.notify_all ();
    _ended.wait (lock, [this] { return _threads == 0; });
}

void Threads::loop ()
{
    std::unique_lock<std::mutex> lock (_mutex);
    for (;;) {
        if (_queue.empty ()) {
            if (_stopping)
                break;
            ++_idle;
            const auto there_is_work = [this] { return _stopping || !_queue.empty (); };
            const bool woken = _wake.wait_for (lock, idleTime, there_is_work);
            --_idle;
            if (!woken)
                break;
            continue;
        }
        Work work = std::move (_queue.front ());
        _queue.pop_front ();
        lock.unlock ();
        work ();
        work = nullptr;
        lock.lock ();
    }
    --_threads;
    // With the lock held: whoever waits destroys this object.
    _ended.notify_all ();
}
}
