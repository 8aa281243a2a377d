// SPDX-License-Identifier: MPL-2.0

#include "harness.hpp"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

extern char **environ;

namespace tt
{
namespace
{
std::vector<char *> pointers (const std::vector<std::string> &strings)
{
    std::vector<char *> list;
    for (const std::string &text : strings)
        list.push_back (const_cast<char *> (text.c_str ()));
    list.push_back (nullptr);
    return list;
}

//  The environment with some variables set anew.
std::vector<std::string> environment (const std::vector<std::string> &changes)
{
    std::vector<std::string> list;
    for (char **entry = environ; *entry; ++entry) {
        const std::string name (*entry, strcspn (*entry, "=") + 1);
        const bool replaced = std::any_of (changes.begin (), changes.end (), [&] (const std::string &change) {
            return change.compare (0, name.size (), name) == 0;
        });
        if (!replaced)
            list.push_back (*entry);
    }
    list.insert (list.end (), changes.begin (), changes.end ());
    return list;
}

//  Takes one line off `buffer`, reading from `fd` until there is one.
//  1: a line; 0: none in time; -1: end of file.
int read_line (int fd, std::string &buffer, std::string &line, double end_ms)
{
    while (true) {
        const size_t newline = buffer.find ('\n');
        if (newline != std::string::npos) {
            line = buffer.substr (0, newline);
            buffer.erase (0, newline + 1);
            return 1;
        }
        const double left = end_ms - now_ms ();
        pollfd item = {fd, POLLIN, 0};
        const int rc = poll (&item, 1, left < 0 ? 0 : static_cast<int> (left) + 1);
        if (rc == 0)
            return 0;
        if (rc < 0)
            continue;
        char bytes[512];
        const ssize_t count = read (fd, bytes, sizeof bytes);
        if (count > 0)
            buffer.append (bytes, count);
        else if (count == 0 || errno != EINTR)
            return -1;
    }
}

void write_line (int fd, const std::string &line)
{
    const std::string text = line + "\n";
    if (send (fd, text.data (), text.size (), MSG_NOSIGNAL) != static_cast<ssize_t> (text.size ()))
        note ("could not write \"%s\" to the other process: %s", line.c_str (), strerror (errno));
}
}

Peer::Peer (const char *side, const Args &args, const std::vector<std::string> &env) : _name (side)
{
    int ends[2];
    CHECK_RC (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    char factor[32];
    snprintf (factor, sizeof factor, "%g", settings ().timeout_factor);
    std::vector<std::string> words = {"transport-tests",  "--transport", transport_name (), "--scale",
                                      settings ().full ? "full" : "small", "--timeout-factor", factor,
                                      "--internal-temp",  settings ().temp_dir, "--internal-side", side};
    words.insert (words.end (), args.begin (), args.end ());
    //  Of a name that is there twice the first one counts.
    std::vector<std::string> changes = env;
    changes.insert (changes.end (), settings ().peer_env.begin (), settings ().peer_env.end ());
    const std::vector<std::string> variables = environment (changes);
    //  Everything that allocates comes before fork: another thread may hold the allocator's lock.
    const std::vector<char *> argv = pointers (words);
    const std::vector<char *> envp = pointers (variables);
    const pid_t parent = getpid ();

    _pid = static_cast<pid_t> (CHECK_RC (fork ()));
    if (_pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)
            _exit (1);
        //  dup2 also takes FD_CLOEXEC off, unless the number is right already.
        if (ends[1] == control_fd)
            fcntl (ends[1], F_SETFD, 0);
        else
            dup2 (ends[1], control_fd);
        execve ("/proc/self/exe", argv.data (), envp.data ());
        _exit (127);
    }
    close (ends[1]);
    _control = ends[0];
}

Peer::Peer (Peer &&other) noexcept :
    _name (std::move (other._name)),
    _pid (other._pid),
    _control (other._control),
    _status (other._status),
    _reaped (other._reaped),
    _received (std::move (other._received))
{
    other._pid = other._control = -1;
    other._reaped = true;
}

Peer::~Peer ()
{
    if (_pid > 0)
        kill ();
    if (_control >= 0)
        close (_control);
}

void Peer::reap (bool wait)
{
    if (!_reaped && waitpid (_pid, &_status, wait ? 0 : WNOHANG) == _pid)
        _reaped = true;
}

std::string Peer::describe_end () const
{
    if (!_reaped)
        return "still runs";
    if (WIFSIGNALED (_status))
        return std::string ("was ended by ") + strsignal (WTERMSIG (_status));
    return "ended with status " + std::to_string (WEXITSTATUS (_status));
}

bool Peer::try_line (std::string &line, double milliseconds)
{
    return read_line (_control, _received, line, now_ms () + bound_ms (milliseconds)) == 1;
}

std::string Peer::line (double milliseconds)
{
    std::string line;
    const int rc = read_line (_control, _received, line, now_ms () + bound_ms (milliseconds));
    if (rc == 1)
        return line;
    if (rc == -1) {
        reap (true);
        //  A peer that skips found the reason why this scenario does not apply; its note says it.
        if (WIFEXITED (_status) && WEXITSTATUS (_status) == exit_skipped)
            _exit (exit_skipped);
        FAIL ("peer %s(%d) %s, while a line was awaited from it", _name.c_str (), _pid, describe_end ().c_str ());
    }
    FAIL ("peer %s(%d) said nothing for %d ms", _name.c_str (), _pid, bound_ms (milliseconds));
}

std::string Peer::value (const std::string &key, double milliseconds)
{
    const std::string said = line (milliseconds);
    if (said.compare (0, key.size () + 1, key + " ") != 0)
        FAIL ("peer %s(%d) said \"%s\", expected \"%s ...\"", _name.c_str (), _pid, said.c_str (), key.c_str ());
    return said.substr (key.size () + 1);
}

void Peer::tell (const std::string &line)
{
    write_line (_control, line);
}

void Peer::signal (int number)
{
    if (_reaped)
        return;
    ::kill (_pid, number);
    //  Until one thread has taken it the others run on.
    siginfo_t stopped;
    if (number == SIGSTOP)
        CHECK_RC (waitid (P_PID, _pid, &stopped, WSTOPPED | WEXITED | WNOWAIT));
}

void Peer::kill ()
{
    signal (SIGKILL);
    reap (true);
}

void Peer::finish (double milliseconds)
{
    if (!eventually (milliseconds, [this] {
            reap (false);
            return _reaped;
        }))
        FAIL ("peer %s(%d) did not end within %d ms", _name.c_str (), _pid, bound_ms (milliseconds));
    if (!WIFEXITED (_status) || WEXITSTATUS (_status) != 0)
        FAIL ("peer %s(%d) %s", _name.c_str (), _pid, describe_end ().c_str ());
}

void say (const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    write_line (control_fd, text);
}

std::string hear ()
{
    static std::string buffer;
    std::string line;
    //  The runner's deadline bounds this wait.
    while (true) {
        const int rc = read_line (control_fd, buffer, line, now_ms () + 1000);
        if (rc == 1)
            return line;
        if (rc == -1)
            _exit (0);
    }
}
}
