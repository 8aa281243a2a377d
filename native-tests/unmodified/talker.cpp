// SPDX-License-Identifier: MPL-2.0
//
// talker push|pull|req|rep ENDPOINT COUNT: as talker.py, in C++ against zmq.h.

#include <zmq.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <string>

static void check (bool ok, const char *what)
{
    if (ok)
        return;
    fprintf (stderr, "%s: %s\n", what, zmq_strerror (zmq_errno ()));
    exit (1);
}

static std::string data (int number)
{
    return std::string (number * 997L % 300000, static_cast<char> (number % 251));
}

static void send (void *socket, int number)
{
    const std::string head = std::to_string (number), body = data (number);
    check (zmq_send (socket, head.data (), head.size (), ZMQ_SNDMORE) >= 0, "zmq_send");
    check (zmq_send (socket, body.data (), body.size (), 0) >= 0, "zmq_send");
}

static std::string receivePart (void *socket, bool more)
{
    zmq_msg_t part;
    zmq_msg_init (&part);
    check (zmq_msg_recv (&part, socket, 0) >= 0, "zmq_msg_recv");
    if ((zmq_msg_more (&part) != 0) != more) {
        fprintf (stderr, "not two parts\n");
        exit (1);
    }
    const std::string text (static_cast<char *> (zmq_msg_data (&part)), zmq_msg_size (&part));
    zmq_msg_close (&part);
    return text;
}

static bool receive (void *socket, int number)
{
    const std::string head = receivePart (socket, true), body = receivePart (socket, false);
    return head == std::to_string (number) && body == data (number);
}

/// The files of libzmq and libscif that are mapped into this process, as a list of JSON.
static std::string loaded ()
{
    std::set<std::string> paths;
    std::ifstream maps ("/proc/self/maps");
    for (std::string line; std::getline (maps, line);) {
        const size_t path = line.find ('/');
        if (path != std::string::npos
            && (line.find ("/libzmq") != std::string::npos || line.find ("/libscif") != std::string::npos))
            paths.insert ("\"" + line.substr (path) + "\"");
    }
    std::string list;
    for (const std::string &path : paths)
        list += (list.empty () ? "" : ",") + path;
    return "[" + list + "]";
}

int main (int argc, char **argv)
{
    const std::string role = argc == 4 ? argv[1] : "";
    const int type = role == "push"   ? ZMQ_PUSH
                     : role == "pull" ? ZMQ_PULL
                     : role == "req"  ? ZMQ_REQ
                     : role == "rep"  ? ZMQ_REP
                                      : -1;
    if (type < 0) {
        fprintf (stderr, "usage: talker push|pull|req|rep ENDPOINT COUNT\n");
        return 2;
    }
    void *context = zmq_ctx_new ();
    void *socket = zmq_socket (context, type);
    check (socket, "zmq_socket");
    const int timeout = 30000;
    zmq_setsockopt (socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt (socket, ZMQ_SNDTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt (socket, ZMQ_LINGER, &timeout, sizeof timeout);
    if (type == ZMQ_PULL || type == ZMQ_REP) {
        check (zmq_bind (socket, argv[2]) == 0, argv[2]);
        char endpoint[256];
        size_t size = sizeof endpoint;
        check (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "ZMQ_LAST_ENDPOINT");
        printf ("{\"endpoint\":\"%s\"}\n", endpoint);
        fflush (stdout);
    } else
        check (zmq_connect (socket, argv[2]) == 0, argv[2]);
    int good = 0;
    for (int number = 0; number < atoi (argv[3]); ++number) {
        if (type == ZMQ_PUSH || type == ZMQ_REQ)
            send (socket, number);
        if (type != ZMQ_PUSH)
            good += receive (socket, number);
        if (type == ZMQ_REP)
            send (socket, number);
    }
    zmq_close (socket);
    zmq_ctx_term (context);
    int major, minor, patch;
    zmq_version (&major, &minor, &patch);
    printf ("{\"role\":\"%s\",\"good\":%d,\"version\":\"%d.%d.%d\",\"scif\":%s,\"loaded\":%s}\n", role.c_str (), good,
            major, minor, patch, zmq_has ("scif") ? "true" : "false", loaded ().c_str ());
}
