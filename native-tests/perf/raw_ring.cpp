// SPDX-License-Identifier: MPL-2.0
// raw_ring thr|lat SIZE COUNT: what two processes of this machine can do at most by sharing
// memory: bytes copied into a ring by one and out of it by the other, nobody ever sleeping, no
// messages, no threads, no protocol. The limit that a transport in shared memory is held against.
// Prints its figures as libzmq's perf programs do.

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace
{
const size_t capacity = 1 << 20;
//  A long message is published in pieces, so that both ends copy at the same time.
const size_t piece = 64 << 10;

struct ring_t
{
    alignas (64) std::atomic<uint64_t> written;
    alignas (64) std::atomic<uint64_t> read;
    alignas (64) unsigned char bytes[capacity];
};

//  With a single processor spinning would keep the other process from running.
void relax (unsigned turns_)
{
    if (turns_ % 4096 == 4095)
        sched_yield ();
#if defined __x86_64__ || defined __i386__
    else
        __builtin_ia32_pause ();
#elif defined __aarch64__
    else
        asm volatile("yield");
#endif
}

class sender_t
{
  public:
    explicit sender_t (ring_t &ring_) : _ring (ring_) {}

    void send (const unsigned char *data_, size_t size_)
    {
        while (size_ > 0) {
            unsigned turns = 0;
            size_t room;
            while ((room = capacity - (_written - _read)) == 0) {
                _read = _ring.read.load (std::memory_order_acquire);
                if (_written - _read == capacity)
                    relax (turns++);
            }
            const size_t at = _written % capacity;
            const size_t n = std::min ({size_, room, piece, capacity - at});
            memcpy (_ring.bytes + at, data_, n);
            _written += n;
            _ring.written.store (_written, std::memory_order_release);
            data_ += n;
            size_ -= n;
        }
    }

  private:
    ring_t &_ring;
    uint64_t _written = 0;
    uint64_t _read = 0;
};

class receiver_t
{
  public:
    explicit receiver_t (ring_t &ring_) : _ring (ring_) {}

    void receive (unsigned char *data_, size_t size_)
    {
        while (size_ > 0) {
            unsigned turns = 0;
            while (_written == _read) {
                _written = _ring.written.load (std::memory_order_acquire);
                if (_written == _read)
                    relax (turns++);
            }
            const size_t at = _read % capacity;
            const size_t n = std::min<size_t> (
              {size_, static_cast<size_t> (_written - _read), piece, capacity - at});
            memcpy (data_, _ring.bytes + at, n);
            _read += n;
            _ring.read.store (_read, std::memory_order_release);
            data_ += n;
            size_ -= n;
        }
    }

  private:
    ring_t &_ring;
    uint64_t _written = 0;
    uint64_t _read = 0;
};

double microseconds ()
{
    timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

void throughput_sender (ring_t *rings_, unsigned char *message_, size_t size_, long count_)
{
    sender_t sender (rings_[0]);
    for (long i = 0; i < count_; i++)
        sender.send (message_, size_);
}

void throughput_receiver (ring_t *rings_, unsigned char *message_, size_t size_, long count_)
{
    receiver_t receiver (rings_[0]);
    receiver.receive (message_, size_);
    const double start = microseconds ();
    for (long i = 1; i < count_; i++)
        receiver.receive (message_, size_);
    const double elapsed = std::max (microseconds () - start, 1.0);
    const double rate = count_ / elapsed * 1e6;
    printf ("message size: %zu [B]\nmessage count: %ld\n", size_, count_);
    printf ("mean throughput: %.0f [msg/s]\nmean throughput: %.3f [Mb/s]\n", rate,
            rate * size_ * 8 / 1e6);
}

void echo (ring_t *rings_, unsigned char *message_, size_t size_, long count_)
{
    receiver_t receiver (rings_[0]);
    sender_t sender (rings_[1]);
    for (long i = 0; i <= count_; i++) {
        receiver.receive (message_, size_);
        sender.send (message_, size_);
    }
}

void latency (ring_t *rings_, unsigned char *message_, size_t size_, long count_)
{
    sender_t sender (rings_[0]);
    receiver_t receiver (rings_[1]);
    //  The clock starts when the other process is there.
    sender.send (message_, size_);
    receiver.receive (message_, size_);
    const double start = microseconds ();
    for (long i = 0; i < count_; i++) {
        sender.send (message_, size_);
        receiver.receive (message_, size_);
    }
    const double elapsed = microseconds () - start;
    printf ("message size: %zu [B]\nroundtrip count: %ld\n", size_, count_);
    printf ("average latency: %.3f [us]\n", elapsed / (2.0 * count_));
}
}

int main (int argc, char **argv)
{
    const bool thr = argc == 4 && strcmp (argv[1], "thr") == 0;
    const bool lat = argc == 4 && strcmp (argv[1], "lat") == 0;
    const long size = argc == 4 ? atol (argv[2]) : 0;
    const long count = argc == 4 ? atol (argv[3]) : 0;
    if ((!thr && !lat) || size < 1 || count < 1) {
        fprintf (stderr, "usage: raw_ring thr|lat <message-size> <message-count>\n");
        return 2;
    }
    void *memory = mmap (nullptr, 2 * sizeof (ring_t), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        perror ("mmap");
        return 2;
    }
    ring_t *rings = static_cast<ring_t *> (memory);
    new (&rings[0]) ring_t;
    new (&rings[1]) ring_t;

    const pid_t child = fork ();
    if (child < 0) {
        perror ("fork");
        return 2;
    }
    std::vector<unsigned char> message (size);
    if (child == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        (thr ? throughput_sender : echo) (rings, message.data (), message.size (), count);
        _exit (0);
    }
    (thr ? throughput_receiver : latency) (rings, message.data (), message.size (), count);
    int status;
    return waitpid (child, &status, 0) == child && status == 0 ? 0 : 1;
}
