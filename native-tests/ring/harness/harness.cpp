// SPDX-License-Identifier: MPL-2.0

#include "harness.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace
{
const size_t stage_size = 256;

//  What the test is at; shared with the runner.
char *shared_stage;

uint64_t chosen_seed = 1;
uint64_t chosen_only = UINT64_MAX;
int chosen_seconds = 5;

std::vector<rt::test_t> &all_tests ()
{
    static std::vector<rt::test_t> tests;
    return tests;
}

//  Prints text as TAP comments.
void print_comments (const std::string &text)
{
    for (size_t begin = 0; begin < text.size ();) {
        const size_t end = std::min (text.find ('\n', begin), text.size ());
        std::printf ("# %s\n", text.substr (begin, end - begin).c_str ());
        begin = end + 1;
    }
}

//  Reads what is there; false at the end of the stream.
bool read_some (int fd, std::string *text)
{
    char buffer[4096];
    const ssize_t size = read (fd, buffer, sizeof buffer);
    if (size > 0)
        text->append (buffer, static_cast<size_t> (size));
    return size > 0 || (size == -1 && errno == EINTR);
}

//  Runs one test in a process of its own. Returns why it failed, or nothing.
std::string run_one (const rt::test_t &test, std::string *output)
{
    int pipe_fds[2];
    if (pipe (pipe_fds) != 0)
        return "no pipe";
    shared_stage[0] = 0;
    std::fflush (stdout);

    const pid_t pid = fork ();
    if (pid == -1)
        return "no process";
    if (pid == 0) {
        //  What the test starts ends with it.
        setpgid (0, 0);
        dup2 (pipe_fds[1], STDERR_FILENO);
        dup2 (pipe_fds[1], STDOUT_FILENO);
        close (pipe_fds[0]);
        close (pipe_fds[1]);
        test.run ();
        std::exit (0);
    }
    close (pipe_fds[1]);

    const double bound = test.seconds != 0 ? test.seconds : chosen_seconds + 20;
    const int64_t limit = static_cast<int64_t> (bound * 1000 * rt::timeout_factor ());
    const int64_t deadline = rt::now_ms () + limit;
    bool open = true;
    bool hang = false;
    while (open && !hang) {
        pollfd entry = {pipe_fds[0], POLLIN, 0};
        const int64_t left = deadline - rt::now_ms ();
        if (left <= 0)
            hang = true;
        else if (poll (&entry, 1, static_cast<int> (left)) > 0)
            open = read_some (pipe_fds[0], output);
    }

    //  The process group may outlive its leader only in a hang.
    if (hang)
        kill (-pid, SIGKILL);
    int status = 0;
    while (waitpid (pid, &status, 0) == -1 && errno == EINTR)
        ;
    close (pipe_fds[0]);

    char reason[stage_size + 100];
    const char *const at = shared_stage[0] ? shared_stage : "the beginning";
    if (hang)
        std::snprintf (reason, sizeof reason, "hangs: not done after %" PRId64 " ms, at: %s", limit, at);
    else if (WIFSIGNALED (status))
        std::snprintf (reason, sizeof reason, "killed by signal %d (%s), at: %s", WTERMSIG (status),
                       strsignal (WTERMSIG (status)), at);
    else if (WEXITSTATUS (status) == rt::failed_status)
        std::snprintf (reason, sizeof reason, "failed at: %s", at);
    else if (WEXITSTATUS (status) != 0)
        std::snprintf (reason, sizeof reason, "ended with status %d, at: %s", WEXITSTATUS (status), at);
    else
        reason[0] = 0;
    return reason;
}

int usage (const char *program)
{
    std::fprintf (stderr, "usage: %s [--list] [--filter REGEX] [--expect N] [--seed N] [--timeout-factor X]\n"
                  "fuzz targets: [--seconds N] [--only INPUT]\n",
                  program);
    return 2;
}
}

rt::registration_t::registration_t (const char *name, void (*run) (), int seconds)
{
    const test_t test = {name, run, seconds};
    all_tests ().push_back (test);
}

void rt::stage (const char *format, ...)
{
    va_list args;
    va_start (args, format);
    std::vsnprintf (shared_stage, stage_size, format, args);
    va_end (args);
}

void rt::note (const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start (args, format);
    std::vsnprintf (text, sizeof text, format, args);
    va_end (args);
    std::fprintf (stderr, "%s\n", text);
}

uint64_t rt::seed ()
{
    return chosen_seed;
}

int rt::seconds ()
{
    return chosen_seconds;
}

uint64_t rt::only ()
{
    return chosen_only;
}

int main (int argc, char **argv)
{
    std::string filter;
    bool list = false;
    long expect = 1;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--list")
            list = true;
        else if (i + 1 == argc)
            return usage (argv[0]);
        else if (option == "--filter")
            filter = argv[++i];
        else if (option == "--expect")
            expect = std::strtol (argv[++i], NULL, 10);
        else if (option == "--seed")
            chosen_seed = std::strtoull (argv[++i], NULL, 10);
        else if (option == "--seconds")
            chosen_seconds = std::atoi (argv[++i]);
        else if (option == "--only")
            chosen_only = std::strtoull (argv[++i], NULL, 10);
        else if (option == "--timeout-factor")
            rt::set_timeout_factor (std::strtod (argv[++i], NULL));
        else
            return usage (argv[0]);
    }

    //  An empty expression is undefined in POSIX.
    regex_t expression;
    if (regcomp (&expression, filter.empty () ? "^" : filter.c_str (), REG_EXTENDED | REG_NOSUB) != 0)
        return usage (argv[0]);
    std::vector<rt::test_t> tests;
    for (const rt::test_t &test : all_tests ())
        if (regexec (&expression, test.name, 0, NULL, 0) == 0)
            tests.push_back (test);
    regfree (&expression);
    if (list) {
        for (const rt::test_t &test : tests)
            std::printf ("%s\n", test.name);
        return 0;
    }

    shared_stage = static_cast<char *> (
      mmap (NULL, stage_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    if (shared_stage == MAP_FAILED)
        return 1;

    std::printf ("1..%zu\n", tests.size ());
    size_t failures = 0;
    for (size_t i = 0; i != tests.size (); ++i) {
        std::string output;
        const std::string reason = run_one (tests[i], &output);
        std::printf ("%sok %zu - %s\n", reason.empty () ? "" : "not ", i + 1, tests[i].name);
        if (!reason.empty ()) {
            ++failures;
            print_comments (reason + ", seed " + std::to_string (chosen_seed));
        }
        print_comments (output);
        std::fflush (stdout);
    }
    if (failures != 0)
        std::printf ("# %zu of %zu failed\n", failures, tests.size ());
    if (static_cast<long> (tests.size ()) < expect) {
        std::printf ("# only %zu tests ran, expected at least %ld\n", tests.size (), expect);
        return 1;
    }
    return failures == 0 ? 0 : 1;
}
