// SPDX-License-Identifier: MPL-2.0
//
// A listener that was stopped for longer than the driver lets a request wait (10 s), as by Ctrl-Z, a debugger or a
// paused machine, while others tried to connect. To accept what waits then would be the end of the listener, or of the
// machine; scif-behaviour 1.12.

#include "common_sides.hpp"
#include "payload.hpp"

#include <errno.h>
#include <signal.h>

#include <deque>

using namespace tt;

namespace
{
const double stopped_ms = 13000;
//  A request that was dropped with the queue it waited in may be told so after 10 s only.
const double served_ms = 13000;

//  Echoes, and says what happens to the listening endpoint.
SIDE (stoppable_echo)
{
    Ctx context;
    Sock router (context, ZMQ_ROUTER);
    Monitor monitor (context, router, ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED | ZMQ_EVENT_BIND_FAILED);
    attach (router, args);
    while (true) {
        zmq_pollitem_t items[] = {{router.get (), 0, ZMQ_POLLIN, 0}, {nullptr, control_fd, ZMQ_POLLIN, 0}};
        CHECK_RC (zmq_poll (items, 2, 10));
        if (items[1].revents)
            return;
        if (items[0].revents)
            router.send_all (router.recv_all ());
        Monitor::Event event;
        while (monitor.try_next (event, 0))
            say ("%s %lld", Monitor::name (event.id), event.id == ZMQ_EVENT_BIND_FAILED ? event.value : 0);
    }
}

class Case
{
  public:
    Case (bool living, int newcomers) :
        _what (std::to_string (newcomers) + " newcomers, " + (living ? "with" : "without") + " a connection that lives on"),
        _echo ("stoppable_echo"),
        _endpoint (_echo.value ("endpoint")),
        _count (newcomers)
    {
        CHECK_EQ (_echo.line (), std::string ("LISTENING 0"));
        if (living) {
            _living.emplace_back (_context, ZMQ_DEALER);
            _living.back ().connect (_endpoint);
            ping_until_answered (_living.back (), 5000);
        }
    }

    void stop ()
    {
        _echo.signal (SIGSTOP);
        for (Sock &dealer : _living)
            for (int i = 0; i < messages; ++i)
                send_payload (dealer.get (), 1, i, 2000);
        for (int i = 0; i < _count; ++i) {
            _newcomers.emplace_back (_context, ZMQ_DEALER);
            _newcomers.back ().connect (_endpoint).send ("hello");
        }
    }

    void go_on () { _echo.signal (SIGCONT); }

    void check ()
    {
        note ("%s", _what.c_str ());
        //  The queue is dropped, with all that waited in it.
        CHECK_EQ (_echo.line (), std::string ("CLOSED 0"));
        CHECK_EQ (_echo.line (), _living.empty () ? std::string ("LISTENING 0") : "BIND_FAILED " + std::to_string (EADDRINUSE));
        for (Sock &dealer : _living)
            for (int i = 0; i < messages; ++i)
                recv_payload (dealer.get (), 1, i, 2000);
        if (!_living.empty ()) {
            //  The port is the living connection's until that goes; told once.
            std::string line;
            CHECK (!_echo.try_line (line, 500));
            _living.clear ();
            CHECK_EQ (_echo.line (), std::string ("LISTENING 0"));
        }
        for (Sock &dealer : _newcomers) {
            std::string answer;
            CHECK (dealer.try_recv (answer, served_ms));
            CHECK_EQ (answer, std::string ("hello"));
        }
        Sock dealer (_context, ZMQ_DEALER);
        dealer.connect (_endpoint);
        ping_until_answered (dealer, 5000);
        std::string line;
        CHECK (!_echo.try_line (line, 0));
        _echo.tell ("end");
        _echo.finish ();
    }

  private:
    static const int messages = 200;

    const std::string _what;
    Peer _echo;
    const std::string _endpoint;
    const int _count;
    Ctx _context;
    std::deque<Sock> _living, _newcomers;
};
}

SCENARIO_SCIF (stopped_listener_survives_what_waited, 60)
{
    std::deque<Case> cases;
    for (const bool living : {false, true})
        for (const int newcomers : {1, 4})
            cases.emplace_back (living, newcomers);
    for (Case &each : cases)
        each.stop ();
    sleep_ms (stopped_ms);
    for (Case &each : cases)
        each.go_on ();
    for (Case &each : cases)
        each.check ();
}
