// SPDX-License-Identifier: MPL-2.0

#include "runner.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

namespace tt
{
namespace
{
//  Of a long log: where it began (a sanitizer's report may be there), and how it ended.
const size_t first_lines_shown = 60;
const size_t last_lines_shown = 80;

struct Running
{
    const Scenario *scenario;
    pid_t group;
    double started;
    double deadline; ///< in seconds from the start
    std::string log;
};

struct Totals
{
    int number = 0;
    int ran = 0;
    int failed = 0;
    int skipped = 0;
    int known = 0;
};

std::string slurp (const std::string &path)
{
    std::ifstream file (path);
    std::ostringstream text;
    text << file.rdbuf ();
    return text.str ();
}

std::vector<std::string> lines_of (const std::string &path)
{
    std::vector<std::string> lines;
    std::ifstream file (path);
    for (std::string line; std::getline (file, line);)
        lines.push_back (line);
    return lines;
}

//  What each thread of the group is waiting in: the state of a hang, as far as /proc tells it.
std::string describe_group (pid_t group)
{
    std::string text;
    DIR *const proc = opendir ("/proc");
    if (!proc)
        return text;
    while (const dirent *const entry = readdir (proc)) {
        const pid_t pid = atoi (entry->d_name);
        if (pid <= 0 || getpgid (pid) != group)
            continue;
        const std::string tasks = std::string ("/proc/") + entry->d_name + "/task";
        DIR *const threads = opendir (tasks.c_str ());
        if (!threads)
            continue;
        while (const dirent *const thread = readdir (threads)) {
            if (atoi (thread->d_name) <= 0)
                continue;
            const std::string base = tasks + "/" + thread->d_name;
            std::string name = slurp (base + "/comm");
            name.erase (name.find_last_not_of ('\n') + 1);
            const std::string stat = slurp (base + "/stat");
            const size_t bracket = stat.rfind (')');
            const char state = bracket + 2 < stat.size () ? stat[bracket + 2] : '?';
            text += "# process " + std::to_string (pid) + " thread " + name + ": state " + state + ", in "
                    + slurp (base + "/wchan") + "\n";
        }
        closedir (threads);
    }
    closedir (proc);
    return text;
}

std::string join_words (const std::string &text)
{
    std::string line = text;
    for (char &c : line)
        if (c == '\n')
            c = ' ';
    return line;
}

Running start (const Scenario &scenario)
{
    Running running;
    running.scenario = &scenario;
    const bool large = settings ().full || settings ().messages;
    running.deadline = (large ? scenario.full_deadline : scenario.deadline) * settings ().timeout_factor;
    running.log = settings ().temp_dir + "/" + scenario.name + ".log";
    running.started = now_ms ();

    std::vector<std::string> words = {"transport-tests", "--transport", transport_name (), "--scale",
                                      settings ().full ? "full" : "small", "--timeout-factor",
                                      std::to_string (settings ().timeout_factor), "--internal-temp",
                                      settings ().temp_dir, "--internal-run", scenario.name};
    if (settings ().messages)
        words.insert (words.begin () + 1, {"--messages", std::to_string (settings ().messages)});
    if (settings ().mode != Mode::any)
        words.insert (words.begin () + 1, {"--mode", settings ().mode == Mode::rings ? "rings" : "endpoint"});
    for (const std::string &variable : settings ().peer_env) {
        words.insert (words.begin () + 1, variable);
        words.insert (words.begin () + 1, "--peer-env");
    }
    std::vector<char *> argv;
    for (const std::string &word : words)
        argv.push_back (const_cast<char *> (word.c_str ()));
    argv.push_back (nullptr);

    fflush (stdout);
    const pid_t parent = getpid ();
    running.group = fork ();
    if (running.group == 0) {
        setpgid (0, 0);
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)
            _exit (1);
        const int log = open (running.log.c_str (), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND, 0600);
        const int null = open ("/dev/null", O_RDONLY);
        dup2 (null, 0);
        dup2 (log, 1);
        dup2 (log, 2);
        dup2 (log, log_fd);
        //  Also keeps the number free in the scenario itself: its peers have their control channel there.
        dup2 (null, control_fd);
        //  What the caller left open is none of the scenario's business.
        for (int fd = control_fd + 1; fd < 1024; ++fd)
            close (fd);
        sigset_t none;
        sigemptyset (&none);
        sigprocmask (SIG_SETMASK, &none, nullptr);
        setenv ("TMPDIR", settings ().temp_dir.c_str (), 1);
        char epoch[32];
        snprintf (epoch, sizeof epoch, "%.3f", now_ms ());
        setenv ("TT_EPOCH", epoch, 1);
        execv ("/proc/self/exe", argv.data ());
        _exit (127);
    }
    //  Both sides set the group, so that it exists whoever comes first.
    setpgid (running.group, running.group);
    return running;
}

void print_diagnostics (const Running &running)
{
    const std::vector<std::string> lines = lines_of (running.log);
    for (size_t i = 0; i < lines.size (); ++i) {
        if (i == first_lines_shown && lines.size () > first_lines_shown + last_lines_shown) {
            const size_t left_out = lines.size () - first_lines_shown - last_lines_shown;
            printf ("# ... %zu lines left out ...\n", left_out);
            i += left_out;
        }
        printf ("# %s\n", lines[i].c_str ());
    }
}

void print_figures (const Running &running)
{
    for (const std::string &line : lines_of (running.log)) {
        const size_t at = line.find (figure_mark);
        if (at != std::string::npos)
            printf ("# %s\n", line.c_str () + at + strlen (figure_mark));
    }
}

//  The reason of a skip stands in the last SKIP line of the log.
std::string skip_reason (const Running &running)
{
    std::string reason = "the scenario does not apply here";
    for (const std::string &line : lines_of (running.log)) {
        const size_t at = line.find (": SKIP ");
        if (at != std::string::npos)
            reason = line.substr (at + 7);
    }
    return reason;
}

const char *known_defect (const Scenario &scenario)
{
    switch (settings ().transport) {
        case Transport::tcp:
            return scenario.known_tcp;
        case Transport::ipc:
            return scenario.known_ipc;
        case Transport::scif:
            break;
    }
    return nullptr;
}

//  Reports the end of a scenario. `status` as from waitpid; `hang` holds the state at the deadline, or is empty.
void report (const Running &running, int status, const std::string &hang, Totals &totals)
{
    const char *const name = running.scenario->name;
    const double seconds = (now_ms () - running.started) / 1000;
    const int number = ++totals.number;
    if (hang.empty () && WIFEXITED (status) && WEXITSTATUS (status) == exit_skipped) {
        ++totals.skipped;
        printf ("ok %d - %s # SKIP %s\n", number, name, join_words (skip_reason (running)).c_str ());
        return;
    }
    ++totals.ran;
    const bool passed = hang.empty () && WIFEXITED (status) && WEXITSTATUS (status) == 0;
    const char *const known = known_defect (*running.scenario);
    printf ("%s %d - %s (%.2f s)%s%s\n", passed ? "ok" : "not ok", number, name, seconds, known ? " # TODO " : "",
            known ? known : "");
    if (passed) {
        print_figures (running);
        return;
    }
    ++(known ? totals.known : totals.failed);
    if (!hang.empty ())
        printf ("# hang after %.1f s; until then:\n", seconds);
    else if (WIFSIGNALED (status))
        printf ("# ended by %s; until then:\n", strsignal (WTERMSIG (status)));
    print_diagnostics (running);
    fputs (hang.c_str (), stdout);
}

//  Ends the whole group and waits until it is gone; false when something of it can't be killed. A process that is
//  stuck in a driver stays for as long as the driver likes. `status` is the leader's, as from waitpid.
bool end_group (const Running &running, int &status)
{
    //  The leader has not been reaped yet: as long as it is there, nobody else can get its number.
    kill (-running.group, SIGKILL);
    bool leader_gone = false;
    for (const double end = now_ms () + 15000; now_ms () < end; sleep_ms (2)) {
        int ended;
        pid_t pid;
        while ((pid = waitpid (-running.group, &ended, WNOHANG)) > 0)
            if (pid == running.group) {
                leader_gone = true;
                status = ended;
            }
        if (pid == -1 && leader_gone)
            return true;
        //  Children of the leader become this process's own, as their next of kin, when the leader is gone.
        kill (-running.group, SIGKILL);
    }
    return false;
}

bool select (const std::string &filter, std::vector<const Scenario *> &selected)
{
    try {
        const std::regex expression (filter);
        const bool selftest = getenv ("TT_SELFTEST") != nullptr;
        for (const Scenario &scenario : scenarios ())
            if (std::regex_search (scenario.name, expression)
                && (selftest || strncmp (scenario.name, "selftest_", 9) != 0))
                selected.push_back (&scenario);
        return true;
    } catch (const std::regex_error &error) {
        fprintf (stderr, "transport-tests: --filter '%s': %s\n", filter.c_str (), error.what ());
        return false;
    }
}

class Scheduler
{
  public:
    Scheduler (std::vector<const Scenario *> selected, int jobs) : _waiting (selected.begin (), selected.end ()), _jobs (jobs)
    {
        sigemptyset (&_signals);
        sigaddset (&_signals, SIGCHLD);
        sigaddset (&_signals, SIGINT);
        sigaddset (&_signals, SIGTERM);
        sigprocmask (SIG_BLOCK, &_signals, nullptr);
        //  What a scenario leaves behind becomes a child of this process, so that its end can be waited for.
        prctl (PR_SET_CHILD_SUBREAPER, 1);
    }

    Totals run ()
    {
        while (!_waiting.empty () || !_running.empty ()) {
            while (!_waiting.empty () && static_cast<int> (_running.size ()) < _jobs)
                start_next ();
            collect ();
            if (!_running.empty ())
                wait ();
        }
        return _totals;
    }

  private:
    void start_next ()
    {
        const Scenario *const scenario = _waiting.front ();
        _waiting.pop_front ();
        if (scenario->scif_only && settings ().transport != Transport::scif) {
            ++_totals.skipped;
            printf ("ok %d - %s # SKIP is about scif:// alone\n", ++_totals.number, scenario->name);
            return;
        }
        _running.push_back (start (*scenario));
    }

    void collect ()
    {
        for (size_t i = 0; i < _running.size ();) {
            Running &running = _running[i];
            siginfo_t info;
            memset (&info, 0, sizeof info);
            waitid (P_PID, running.group, &info, WEXITED | WNOHANG | WNOWAIT);
            const bool ended = info.si_pid != 0;
            std::string hang;
            if (!ended) {
                if (now_ms () - running.started < running.deadline * 1000) {
                    ++i;
                    continue;
                }
                hang = describe_group (running.group);
                if (hang.empty ())
                    hang = "# no thread of it is left\n";
            }
            int status = 0;
            if (!end_group (running, status))
                hang += "# part of it can't be killed\n";
            report (running, status, hang, _totals);
            fflush (stdout);
            _running.erase (_running.begin () + i);
        }
    }

    void wait ()
    {
        double end = now_ms () + 60000;
        for (const Running &running : _running)
            end = std::min (end, running.started + running.deadline * 1000);
        const double left = std::max (1.0, end - now_ms ());
        timespec timeout;
        timeout.tv_sec = static_cast<time_t> (left / 1000);
        timeout.tv_nsec = static_cast<long> ((left - timeout.tv_sec * 1000.0) * 1e6);
        const int number = sigtimedwait (&_signals, nullptr, &timeout);
        if (number != SIGINT && number != SIGTERM)
            return;
        int status;
        for (const Running &running : _running)
            end_group (running, status);
        printf ("Bail out! %s\n", strsignal (number));
        fflush (stdout);
        std::error_code ignored;
        std::filesystem::remove_all (settings ().temp_dir, ignored);
        _exit (128 + number);
    }

    std::deque<const Scenario *> _waiting;
    std::vector<Running> _running;
    int _jobs;
    sigset_t _signals;
    Totals _totals;
};
}

int list_scenarios (const RunOptions &options)
{
    std::vector<const Scenario *> selected;
    if (!select (options.filter, selected))
        return 2;
    for (const Scenario *const scenario : selected)
        puts (scenario->name);
    return 0;
}

int run_all (const RunOptions &options)
{
    std::vector<const Scenario *> selected;
    if (!select (options.filter, selected))
        return 2;

    char folder[] = "/tmp/tt-XXXXXX";
    if (!mkdtemp (folder)) {
        fprintf (stderr, "transport-tests: no temporary folder: %s\n", strerror (errno));
        return 1;
    }
    Settings with_folder = settings ();
    with_folder.temp_dir = folder;
    set_settings (with_folder);

    const double started = now_ms ();
    printf ("1..%zu\n", selected.size ());
    const Totals totals = Scheduler (selected, options.jobs).run ();
    std::error_code ignored;
    std::filesystem::remove_all (folder, ignored);

    printf ("# transport %s: %d ran, %d failed, %d failed by a known defect of libzmq, %d skipped, %.1f s\n", transport_name (),
            totals.ran, totals.failed, totals.known, totals.skipped, (now_ms () - started) / 1000);
    const bool enough = totals.ran >= options.expect;
    if (!enough)
        printf ("# only %d scenarios ran, %d were expected\n", totals.ran, options.expect);
    return totals.failed == 0 && enough ? 0 : 1;
}
}
