// SPDX-License-Identifier: MPL-2.0

#include "watcher.hh"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace addon
{
/// The id of the descriptor that wakes the thread; no socket has it.
static constexpr uint64_t wakeId = UINT64_MAX;

/// Milliseconds until a retry.
static constexpr int retryTime = 10;

Watcher::Watcher (Ready ready) :
    _ready (std::move (ready)),
    _epoll (epoll_create1 (EPOLL_CLOEXEC)),
    _wake (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK))
{
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = wakeId;
    if (_epoll < 0 || _wake < 0 || epoll_ctl (_epoll, EPOLL_CTL_ADD, _wake, &event) != 0) {
        const std::system_error error (errno, std::generic_category (), "epoll");
        close (_epoll);
        close (_wake);
        throw error;
    }
    _thread = std::thread ([this] { loop (); });
}

Watcher::~Watcher ()
{
    {
        const std::lock_guard<std::mutex> lock (_mutex);
        _stopping = true;
    }
    eventfd_write (_wake, 1);
    _thread.join ();
    close (_epoll);
    close (_wake);
}

bool Watcher::arm (int fd, uint64_t id, bool retry)
{
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = id;
    if (epoll_ctl (_epoll, EPOLL_CTL_MOD, fd, &event) != 0
        && (errno != ENOENT || epoll_ctl (_epoll, EPOLL_CTL_ADD, fd, &event) != 0))
        return false;
    if (retry) {
        const std::lock_guard<std::mutex> lock (_mutex);
        _retries.push_back (id);
        eventfd_write (_wake, 1);
    }
    return true;
}

void Watcher::forget (int fd)
{
    epoll_ctl (_epoll, EPOLL_CTL_DEL, fd, nullptr);
}

void Watcher::loop ()
{
    epoll_event events[64];
    bool retrying = false;
    for (;;) {
        const int count = epoll_wait (_epoll, events, 64, retrying ? retryTime : -1);
        for (int i = 0; i < count; ++i) {
            if (events[i].data.u64 != wakeId)
                _ready (events[i].data.u64);
        }
        std::vector<uint64_t> due;
        {
            const std::lock_guard<std::mutex> lock (_mutex);
            if (_stopping)
                return;
            eventfd_t ignored;
            eventfd_read (_wake, &ignored);
            if (count == 0)
                due.swap (_retries);
            retrying = !_retries.empty ();
        }
        for (const uint64_t id : due)
            _ready (id);
    }
}
}
