// SPDX-License-Identifier: MPL-2.0
//
// Stands in front of functions of libscif, as absent_scif.cpp does of others.

#include "hooked_scif.hpp"

#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

namespace
{
std::atomic<long long> sent_bytes, sent_calls;
std::atomic<std::function<void ()> *> pending;

std::mutex lock;
std::vector<size_t> sizes;

std::deque<tt::Fault> faults_ever_set;
std::atomic<const tt::Fault *> faults[4];

bool fails (tt::Call call, size_t size)
{
    const tt::Fault *const fault = faults[static_cast<int> (call)];
    const int error = fault && *fault ? (*fault) (size) : 0;
    if (error)
        errno = error;
    return error != 0;
}

template <typename Function> Function *next (Function *, const char *name)
{
    return reinterpret_cast<Function *> (dlsym (RTLD_NEXT, name));
}
}

namespace tt
{
Sent sent_through_endpoints ()
{
    return {sent_bytes, sent_calls};
}

std::vector<size_t> registrations ()
{
    const std::lock_guard<std::mutex> guard (lock);
    return sizes;
}

void set_fault (Call call, Fault fault)
{
    faults_ever_set.push_back (std::move (fault));
    faults[static_cast<int> (call)] = &faults_ever_set.back ();
}

Fault every (int n, int error)
{
    const auto calls = std::make_shared<std::atomic<int>> (0);
    return [=] (size_t) { return ++*calls % n == 0 ? error : 0; };
}

void after_next_receive (std::function<void ()> hook)
{
    delete pending.exchange (new std::function<void ()> (std::move (hook)));
}
}

extern "C" {
int scif_send (int endpoint, void *data, int size, int flags);
int scif_recv (int endpoint, void *data, int size, int flags);
off_t scif_register (int endpoint, void *address, size_t size, off_t offset, int protection, int flags);
int scif_vwriteto (int endpoint, void *address, size_t size, off_t offset, int flags);

int scif_send (int endpoint, void *data, int size, int flags)
{
    if (fails (tt::Call::send, size))
        return -1;
    static const auto call = next (scif_send, "scif_send");
    const int rc = call (endpoint, data, size, flags);
    if (rc > 0) {
        sent_bytes += rc;
        ++sent_calls;
    }
    return rc;
}

int scif_recv (int endpoint, void *data, int size, int flags)
{
    if (fails (tt::Call::receive, size))
        return -1;
    static const auto call = next (scif_recv, "scif_recv");
    const int rc = call (endpoint, data, size, flags);
    if (rc > 0 && pending.load (std::memory_order_relaxed)) {
        const std::unique_ptr<std::function<void ()>> hook (pending.exchange (nullptr));
        if (hook)
            (*hook) ();
    }
    return rc;
}

off_t scif_register (int endpoint, void *address, size_t size, off_t offset, int protection, int flags)
{
    {
        const std::lock_guard<std::mutex> guard (lock);
        sizes.push_back (size);
    }
    if (fails (tt::Call::enroll, size))
        return -1;
    static const auto call = next (scif_register, "scif_register");
    return call (endpoint, address, size, offset, protection, flags);
}

int scif_vwriteto (int endpoint, void *address, size_t size, off_t offset, int flags)
{
    if (fails (tt::Call::transfer, size))
        return -1;
    static const auto call = next (scif_vwriteto, "scif_vwriteto");
    return call (endpoint, address, size, offset, flags);
}
}
