// SPDX-License-Identifier: MPL-2.0

#include "dispatcher.hh"

#include <utility>

namespace addon
{
Dispatcher::Dispatcher (Napi::Env env) : _env (env)
{
    const Napi::String name = Napi::String::New (env, "zeromq");
    const napi_status status = napi_create_threadsafe_function (
      env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, run, &_function);
    if (status != napi_ok)
        throw Napi::Error::New (env);
    napi_unref_threadsafe_function (env, _function);
}

void Dispatcher::post (Job job)
{
    const std::lock_guard<std::mutex> lock (_mutex);
    if (_closed)
        return;
    _jobs.push_back (std::move (job));
    if (_jobs.size () == 1)
        napi_call_threadsafe_function (_function, nullptr, napi_tsfn_nonblocking);
}

void Dispatcher::hold ()
{
    if (_held++ == 0)
        napi_ref_threadsafe_function (_env, _function);
}

void Dispatcher::letGo ()
{
    if (--_held == 0)
        napi_unref_threadsafe_function (_env, _function);
}

void Dispatcher::close ()
{
    const std::lock_guard<std::mutex> lock (_mutex);
    _closed = true;
    _jobs.clear ();
    napi_release_threadsafe_function (_function, napi_tsfn_release);
}

void Dispatcher::run (napi_env env, napi_value, void *context, void *)
{
    // Without an environment it is being torn down.
    if (env == nullptr)
        return;
    auto *self = static_cast<Dispatcher *> (context);
    std::vector<Job> jobs;
    {
        const std::lock_guard<std::mutex> lock (self->_mutex);
        jobs.swap (self->_jobs);
    }
    for (const Job &job : jobs) {
        try {
            job (Napi::Env (env));
        }
        catch (const Napi::Error &) {
            // A worker is being terminated: no JavaScript runs any more, and the clean-up follows.
        }
    }
}
}
