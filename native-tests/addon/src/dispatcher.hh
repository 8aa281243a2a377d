// SPDX-License-Identifier: MPL-2.0
//
// From any thread back to the thread of JavaScript.

#pragma once

#include <napi.h>

#include <functional>
#include <mutex>
#include <vector>

namespace addon
{
class Dispatcher
{
  public:
    using Job = std::function<void (Napi::Env)>;

    explicit Dispatcher (Napi::Env env);

    /// Runs the job on the thread of JavaScript soon; drops it when the environment is going away.
    void post (Job job);

    /// The event loop lives on while something is held. On the thread of JavaScript only.
    void hold ();
    void letGo ();

    /// No job runs after this. On the thread of JavaScript only.
    void close ();

  private:
    static void run (napi_env env, napi_value, void *context, void *);

    Napi::Env _env;
    napi_threadsafe_function _function = nullptr;
    unsigned _held = 0;
    std::mutex _mutex;
    std::vector<Job> _jobs;
    bool _closed = false;
};
}
