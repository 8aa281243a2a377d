// SPDX-License-Identifier: MPL-2.0
// nng_perf local_thr|remote_thr|local_lat|remote_lat ENDPOINT SIZE COUNT: what libzmq's perf
// programs do, with nng's pipeline and request-reply sockets. All is nng's default but the limit
// of a message's size. A sender does not end by itself, because nng drops what is unsent when a
// socket is closed: it is to be ended when the receiver has printed its figures.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <unistd.h>

#include "perf_program.hpp"

namespace
{
void check (int rc_, const char *what_)
{
    if (rc_ == 0)
        return;
    fprintf (stderr, "%s: %s\n", what_, nng_strerror (rc_));
    exit (1);
}

class peer_t
{
  public:
    peer_t (const perf_t &perf_)
    {
        if (perf_.latency)
            check ((perf_.local ? nng_rep0_open : nng_req0_open) (&_socket), "open");
        else
            check ((perf_.local ? nng_pull0_open : nng_push0_open) (&_socket), "open");
        check (nng_socket_set_size (_socket, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
        if (perf_.local)
            check (nng_listen (_socket, perf_.endpoint, nullptr, 0), perf_.endpoint);
        else
            //  In the background, as libzmq connects: the other end may not be there yet.
            check (nng_dial (_socket, perf_.endpoint, nullptr, NNG_FLAG_NONBLOCK), perf_.endpoint);
    }

    nng_msg *create (size_t size_)
    {
        nng_msg *message;
        check (nng_msg_alloc (&message, size_), "nng_msg_alloc");
        return message;
    }
    void *data (nng_msg *message_) { return nng_msg_body (message_); }
    void send (nng_msg *message_) { check (nng_sendmsg (_socket, message_, 0), "nng_sendmsg"); }
    nng_msg *receive (size_t size_)
    {
        nng_msg *message;
        check (nng_recvmsg (_socket, &message, 0), "nng_recvmsg");
        check_size (nng_msg_len (message), size_);
        return message;
    }
    void release (nng_msg *message_) { nng_msg_free (message_); }

  private:
    nng_socket _socket;
};
}

int main (int argc, char **argv)
{
    const perf_t perf = read_arguments (argc, argv);
    peer_t peer (perf);
    run (perf, peer);
}
