// SPDX-License-Identifier: MPL-2.0
// nanomsg_perf local_thr|remote_thr|local_lat|remote_lat ENDPOINT SIZE COUNT: what libzmq's perf
// programs do, with nanomsg's pipeline and request-reply sockets. All is nanomsg's default but
// the limit of a message's size. A sender does not end by itself, because nanomsg drops what is
// unsent when a socket is closed: it is to be ended when the receiver has printed its figures.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <nanomsg/nn.h>
#include <nanomsg/pipeline.h>
#include <nanomsg/reqrep.h>
#include <unistd.h>

#include "perf_program.hpp"

namespace
{
[[noreturn]] void fail (const char *what_)
{
    fprintf (stderr, "%s: %s\n", what_, nn_strerror (nn_errno ()));
    exit (1);
}

class peer_t
{
  public:
    peer_t (const perf_t &perf_)
    {
        const int kinds[] = {NN_PULL, NN_PUSH, NN_REP, NN_REQ};
        _socket = nn_socket (AF_SP, kinds[(perf_.latency ? 2 : 0) + (perf_.local ? 0 : 1)]);
        if (_socket < 0)
            fail ("nn_socket");
        const int unlimited = -1;
        if (nn_setsockopt (_socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &unlimited, sizeof unlimited) < 0)
            fail ("NN_RCVMAXSIZE");
        if ((perf_.local ? nn_bind : nn_connect) (_socket, perf_.endpoint) < 0)
            fail (perf_.endpoint);
    }

    void *create (size_t size_)
    {
        void *message = nn_allocmsg (size_, 0);
        if (!message)
            fail ("nn_allocmsg");
        return message;
    }
    void *data (void *message_) { return message_; }
    void send (void *message_)
    {
        if (nn_send (_socket, &message_, NN_MSG, 0) < 0)
            fail ("nn_send");
    }
    void *receive (size_t size_)
    {
        void *message = nullptr;
        const int received = nn_recv (_socket, &message, NN_MSG, 0);
        if (received < 0)
            fail ("nn_recv");
        check_size (received, size_);
        return message;
    }
    void release (void *message_) { nn_freemsg (message_); }

  private:
    int _socket;
};
}

int main (int argc, char **argv)
{
    const perf_t perf = read_arguments (argc, argv);
    peer_t peer (perf);
    run (perf, peer);
}
