// SPDX-License-Identifier: MPL-2.0
// measured FILE PROGRAM [ARGUMENT...]: runs the program and writes to FILE, as one line of JSON,
// what the kernel has counted for it and for all its threads. Ends as the program has ended.

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace
{
volatile sig_atomic_t child = 0;

void forward (int signal)
{
    if (child > 0)
        kill (child, signal);
}

double seconds (const timeval &time)
{
    return time.tv_sec + time.tv_usec / 1e6;
}

double now ()
{
    timespec time;
    clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}
}

int main (int argc, char **argv)
{
    if (argc < 3) {
        fprintf (stderr, "usage: measured <file> <program> [<argument>...]\n");
        return 2;
    }
    //  Whoever ends this process means the program; its figures are wanted all the same.
    sigset_t ending, before;
    sigemptyset (&ending);
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaddset (&ending, signal);
    sigprocmask (SIG_BLOCK, &ending, &before);

    const double start = now ();
    const pid_t parent = getpid ();
    child = fork ();
    if (child < 0) {
        perror ("fork");
        return 2;
    }
    if (child == 0) {
        sigprocmask (SIG_SETMASK, &before, nullptr);
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        if (getppid () != parent)
            _exit (2);
        execvp (argv[2], argv + 2);
        fprintf (stderr, "%s: %s\n", argv[2], strerror (errno));
        _exit (127);
    }
    struct sigaction action = {};
    action.sa_handler = forward;
    for (int signal : {SIGTERM, SIGINT, SIGHUP})
        sigaction (signal, &action, nullptr);
    sigprocmask (SIG_SETMASK, &before, nullptr);

    int status;
    rusage usage;
    while (wait4 (child, &status, 0, &usage) < 0) {
        if (errno != EINTR) {
            perror ("wait4");
            return 2;
        }
    }
    const double wall = now () - start;
    //  The number may be another process' by now.
    child = 0;

    FILE *file = fopen (argv[1], "w");
    if (!file) {
        perror (argv[1]);
        return 2;
    }
    fprintf (file,
             "{\"wall\":%.6f,\"user\":%.6f,\"system\":%.6f,\"voluntary\":%ld,"
             "\"involuntary\":%ld,\"maxRss\":%ld}\n",
             wall, seconds (usage.ru_utime), seconds (usage.ru_stime), usage.ru_nvcsw,
             usage.ru_nivcsw, usage.ru_maxrss * 1024);
    if (fclose (file) != 0) {
        perror (argv[1]);
        return 2;
    }
    if (WIFSIGNALED (status)) {
        signal (WTERMSIG (status), SIG_DFL);
        raise (WTERMSIG (status));
        return 128 + WTERMSIG (status);
    }
    return WEXITSTATUS (status);
}
