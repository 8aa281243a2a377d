// SPDX-License-Identifier: MPL-2.0
//
// Where blocking calls of libzmq wait. Not libuv's pool: that has four threads, which files and
// name look-ups need, and node waits for them when it exits.

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace addon
{
class Threads
{
  public:
    using Work = std::function<void ()>;

    /// Runs the work on an idle thread, or on a new one. Throws std::system_error when there can be none.
    void run (Work work);

    /// Waits until all work has ended; it must have been told to.
    void join ();

  private:
    void loop ();

    std::mutex _mutex;
    std::condition_variable _wake;
    std::condition_variable _ended;
    std::deque<Work> _queue;
    unsigned _threads = 0;
    unsigned _idle = 0;
    bool _stopping = false;
};
}
