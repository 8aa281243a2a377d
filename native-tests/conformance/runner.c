/* SPDX-License-Identifier: MPL-2.0 */
/*
 * Forks the cases, watches them, and writes TAP.
 *
 * A case has a process group of its own and writes its diagnostics into a pipe.
 * Whatever is left of the group when the case has ended is killed. A case that
 * does not end in time is killed too; one that does not die even then, because
 * the driver keeps it in uninterruptible sleep, is given up and left behind.
 */
#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A killed case may sit out a connect, which cannot be interrupted for 10 s. */
#define KILL_GRACE 15.0
#define SLOW_EXTRA 25.0
#define OUTPUT_MAX (64 * 1024)
#define SLOW_AT_ONCE 32

enum state { WAITING, RUNNING, KILLED, ENDED };
enum verdict { PASSED, FAILED, SKIPPED };

struct run {
    const struct conf_case *conf_case;
    enum state state;
    enum verdict verdict;
    pid_t pid;
    int out;
    double started, killed, seconds;
    char *text; /* what the case wrote */
    size_t used;
    int seen, unseen; /* quirks */
    char skipped[256];
    char ending[128]; /* how it ended, when not by itself */
};

static struct conf_case **cases;
static size_t case_count;

static volatile sig_atomic_t interrupted;

void conf_add (struct conf_case *conf_case)
{
    cases = realloc (cases, (case_count + 1) * sizeof *cases);
    if (!cases)
        abort ();
    conf_case->order = case_count;
    cases[case_count++] = conf_case;
}

static double now (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Facts in their numerical order, "1.2" before "1.10", words after numbers. */
static int compare_facts (const char *a, const char *b)
{
    while (*a && *b) {
        char *a_end, *b_end;
        long x = strtol (a, &a_end, 10), y = strtol (b, &b_end, 10);
        if (a_end == a || b_end == b) {
            if (a_end != a || b_end != b)
                return a_end != a ? -1 : 1;
            return strcmp (a, b);
        }
        if (x != y)
            return x < y ? -1 : 1;
        a = a_end + (*a_end == '.');
        b = b_end + (*b_end == '.');
    }
    return (*a != '\0') - (*b != '\0');
}

static int compare_cases (const void *a, const void *b)
{
    const struct conf_case *x = *(struct conf_case *const *) a;
    const struct conf_case *y = *(struct conf_case *const *) b;
    int order = compare_facts (x->fact, y->fact);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

/* Whether a filter of digits and dots names the fact or a group it is in. */
static bool fact_has_prefix (const char *fact, const char *prefix)
{
    size_t len = strlen (prefix);
    if (strncmp (fact, prefix, len))
        return false;
    return !fact[len] || fact[len] == '.' || prefix[len - 1] == '.';
}

static bool selected (const struct conf_case *c, const char *filter,
                      const regex_t *expression)
{
    char text[512];
    if (!filter)
        return true;
    if (filter[strspn (filter, "0123456789.")] == '\0')
        return fact_has_prefix (c->fact, filter);
    snprintf (text, sizeof text, "%s %s", c->fact, c->title);
    return regexec (expression, text, 0, NULL, 0) == 0;
}

static void list (const struct conf_case *c)
{
    static const char *const names[] = {"slow",       "async",    "exclusive",
                                        "quirk",      "descriptor",
                                        "dangerous"};
    size_t i;
    bool any = false;
    printf ("%-4s %s", c->fact, c->title);
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (c->traits & (1 << i)) {
            printf ("%s%s", any ? ", " : "  [", names[i]);
            any = true;
        }
    printf (any ? "]\n" : "\n");
}

static void start (struct run *run, struct run *all, size_t count)
{
    int ends[2];
    size_t i;
    if (pipe2 (ends, O_CLOEXEC) < 0) {
        perror ("pipe2");
        exit (1);
    }
    fflush (stdout);
    run->started = now ();
    run->pid = fork ();
    if (run->pid < 0) {
        perror ("fork");
        exit (1);
    }
    if (run->pid == 0) {
        const struct rlimit no_core = {0, 0};
        int null = open ("/dev/null", O_RDONLY);
        setpgid (0, 0);
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        setrlimit (RLIMIT_CORE, &no_core);
        signal (SIGINT, SIG_DFL);
        signal (SIGTERM, SIG_DFL);
        dup2 (null, STDIN_FILENO);
        dup2 (ends[1], STDOUT_FILENO);
        dup2 (ends[1], STDERR_FILENO);
        close (null);
        close (ends[0]);
        close (ends[1]);
        for (i = 0; i < count; i++)
            if (all[i].out >= 0)
                close (all[i].out);
        run->conf_case->run ();
        exit (CASE_PASSED);
    }
    setpgid (run->pid, run->pid);
    close (ends[1]);
    fcntl (ends[0], F_SETFL, O_NONBLOCK);
    run->out = ends[0];
    run->state = RUNNING;
}

static void drain (struct run *run)
{
    char chunk[4096];
    ssize_t got;
    while (run->out >= 0 && (got = read (run->out, chunk, sizeof chunk)) != 0) {
        if (got < 0) {
            if (errno != EINTR)
                return;
            continue;
        }
        if (run->used + (size_t) got >= OUTPUT_MAX)
            continue;
        run->text = realloc (run->text, run->used + (size_t) got + 1);
        if (!run->text)
            abort ();
        memcpy (run->text + run->used, chunk, (size_t) got);
        run->used += (size_t) got;
        run->text[run->used] = '\0';
    }
    if (run->out >= 0) {
        close (run->out);
        run->out = -1;
    }
}

/* Takes the tagged lines out of the text; what stays is for the reader. */
static void parse (struct run *run)
{
    char *line = run->text, *next;
    for (; line && *line; line = next) {
        next = strchr (line, '\n');
        next = next ? next + 1 : line + strlen (line);
        if (!strncmp (line, "!seen ", 6))
            run->seen++;
        else if (!strncmp (line, "!unseen ", 8))
            run->unseen++;
        else if (!strncmp (line, "!skip ", 6))
            snprintf (run->skipped, sizeof run->skipped, "%.*s",
                      (int) strcspn (line + 6, "\n"), line + 6);
    }
}

static void judge (struct run *run, int status)
{
    bool optional = run->conf_case->traits & (QUIRK | DESCRIPTOR);
    bool hung = run->state == KILLED;
    parse (run);
    if (hung)
        snprintf (run->ending, sizeof run->ending, "hang: no end after %.0f s%s",
                  run->killed - run->started,
                  status == -1 ? ", and cannot be killed: left behind" : "");
    else if (WIFSIGNALED (status))
        snprintf (run->ending, sizeof run->ending, "crash: signal %d %s",
                  WTERMSIG (status), strsignal (WTERMSIG (status)));
    else if (WEXITSTATUS (status) != CASE_PASSED
             && WEXITSTATUS (status) != CASE_FAILED
             && WEXITSTATUS (status) != CASE_SKIPPED)
        snprintf (run->ending, sizeof run->ending,
                  "exit status %d, not of the case's own making",
                  WEXITSTATUS (status));

    if (run->ending[0])
        run->verdict =
          hung && (run->conf_case->traits & DANGEROUS) ? PASSED : FAILED;
    else if (WEXITSTATUS (status) == CASE_SKIPPED)
        run->verdict = SKIPPED;
    else if (WEXITSTATUS (status) == CASE_FAILED) {
        run->verdict = optional ? PASSED : FAILED;
        run->unseen += optional;
    }
    run->state = ENDED;
    run->seconds = now () - run->started;
}

/* Looks after one running case: output, end, deadline. */
static void watch (struct run *run, double timeout)
{
    siginfo_t info;
    int status;
    drain (run);
    info.si_pid = 0;
    if (waitid (P_PID, (id_t) run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0
        && info.si_pid == run->pid) {
        /* Not reaped yet, so the group's number is still its own. */
        kill (-run->pid, SIGKILL);
        waitpid (run->pid, &status, 0);
        drain (run);
        judge (run, status);
    } else if (run->state == RUNNING) {
        if (run->conf_case->traits & SLOW)
            timeout += SLOW_EXTRA;
        if (now () - run->started > timeout) {
            kill (-run->pid, SIGKILL);
            run->state = KILLED;
            run->killed = now ();
        }
    } else if (now () - run->killed > KILL_GRACE)
        judge (run, -1);
    if (run->state == ENDED && run->out >= 0) {
        close (run->out);
        run->out = -1;
    }
}

static const char *quirk_label (const struct run *run)
{
    if (run->conf_case->traits & DESCRIPTOR)
        return run->unseen ? " (descriptor detail: not reproduced)"
                           : " (descriptor detail: reproduced)";
    if (!(run->conf_case->traits & QUIRK))
        return "";
    if (run->ending[0])
        return " (quirk: hangs)";
    if (run->unseen)
        return run->seen ? " (quirk: reproduced in part)"
                         : " (quirk: not reproduced)";
    return " (quirk: reproduced)";
}

static bool is_deviation (const struct run *run,
                          const struct conf_options *options)
{
    const char *fact = run->conf_case->fact;
    const size_t n = strlen (fact);
    return options->deviation && !strncmp (options->deviation, fact, n)
           && options->deviation[n] == ' '
           && !strcmp (options->deviation + n + 1, run->conf_case->title);
}

static void report (const struct run *run, size_t number, bool deviation)
{
    const struct conf_case *c = run->conf_case;
    const char *line, *end;
    /* One that holds after all is no longer to be called a deviation. */
    const bool held_after_all = deviation && run->verdict == PASSED;
    printf ("%sok %zu - %s %s",
            run->verdict == FAILED || held_after_all ? "not " : "", number,
            c->fact, c->title);
    if (run->verdict == SKIPPED)
        printf (" # SKIP %s", run->skipped);
    else if (run->verdict == PASSED)
        printf ("%s", quirk_label (run));
    if (deviation && run->verdict == FAILED)
        printf (" # TODO a known deviation of this libscif");
    printf ("\n");
    if (held_after_all)
        printf ("# held, although given as a deviation\n");
    if (run->ending[0])
        printf ("# %s\n", run->ending);
    for (line = run->text; line && *line; line = *end ? end + 1 : end) {
        end = line + strcspn (line, "\n");
        if (!strncmp (line, "!skip ", 6))
            continue;
        if (!strncmp (line, "!seen ", 6))
            printf ("# reproduced: %.*s\n", (int) (end - line - 6), line + 6);
        else if (!strncmp (line, "!unseen ", 8))
            printf ("# not reproduced: %.*s\n", (int) (end - line - 8),
                    line + 8);
        else
            printf ("# %.*s\n", (int) (end - line), line);
    }
    if (run->verdict == FAILED)
        printf ("# %s:%d, after %.2f s\n",
                strrchr (c->file, '/') ? strrchr (c->file, '/') + 1 : c->file,
                c->line, run->seconds);
    fflush (stdout);
}

struct load {
    int plain, slow, async, exclusive;
};

static void count_load (struct load *load, const struct conf_case *c)
{
    if (c->traits & SLOW)
        load->slow++;
    else
        load->plain++;
    load->async += (c->traits & ASYNC) != 0;
    load->exclusive += (c->traits & EXCLUSIVE) != 0;
}

static bool may_start (const struct conf_case *c, const struct load *load,
                       bool others_wait, int jobs)
{
    if (load->exclusive)
        return false;
    if (c->traits & EXCLUSIVE)
        return !others_wait && load->plain + load->slow == 0;
    if ((c->traits & ASYNC) && load->async)
        return false;
    return c->traits & SLOW ? load->slow < SLOW_AT_ONCE : load->plain < jobs;
}

static void schedule (struct run *runs, size_t count, int jobs)
{
    struct load load = {0, 0, 0, 0};
    bool others_wait = false;
    size_t i;
    int pass;
    for (i = 0; i < count; i++) {
        if (runs[i].state == RUNNING || runs[i].state == KILLED)
            count_load (&load, runs[i].conf_case);
        if (runs[i].state == WAITING
            && !(runs[i].conf_case->traits & EXCLUSIVE))
            others_wait = true;
    }
    for (pass = 0; pass < 2; pass++) /* the slow ones first */
        for (i = 0; i < count; i++) {
            const struct conf_case *c = runs[i].conf_case;
            if (runs[i].state != WAITING
                || ((c->traits & SLOW) ? 0 : 1) != pass
                || !may_start (c, &load, others_wait, jobs))
                continue;
            start (&runs[i], runs, count);
            count_load (&load, c);
        }
}

/* Waits a little, or until a running case writes or ends. */
static void pause_for_output (struct run *runs, size_t count)
{
    struct pollfd *polled = calloc (count + 1, sizeof *polled);
    size_t i;
    nfds_t n = 0;
    if (!polled)
        abort ();
    for (i = 0; i < count; i++)
        if (runs[i].out >= 0) {
            polled[n].fd = runs[i].out;
            polled[n++].events = POLLIN;
        }
    poll (polled, n, 10);
    free (polled);
}

static void run_all (struct run *runs, size_t count, int jobs,
                     const struct conf_options *options, bool printed)
{
    size_t reported = 0, i;
    while (reported < count && !interrupted) {
        schedule (runs, count, jobs);
        pause_for_output (runs, count);
        for (i = 0; i < count; i++)
            if (runs[i].state == RUNNING || runs[i].state == KILLED)
                watch (&runs[i], options->timeout);
        while (reported < count && runs[reported].state == ENDED) {
            if (printed)
                report (&runs[reported], reported + 1,
                        is_deviation (&runs[reported], options));
            reported++;
        }
    }
    if (interrupted)
        for (i = 0; i < count; i++)
            if (runs[i].state == RUNNING || runs[i].state == KILLED)
                kill (-runs[i].pid, SIGKILL);
}

static void on_interrupt (int number)
{
    interrupted = number;
}

static bool preflight_holds (const struct conf_options *options)
{
    const struct conf_case c = {"0", "preflight", __FILE__, __LINE__, 0,
                                options->preflight, 0};
    struct run run = {.conf_case = &c, .out = -1};
    run_all (&run, 1, 1, options, false);
    if (interrupted || run.verdict == PASSED) {
        free (run.text);
        return true;
    }
    printf ("Bail out! %.*s\n",
            run.text ? (int) (strcspn (run.text, "\n")) : 0,
            run.text ? run.text : "");
    printf ("# %s\n", run.text ? run.text + strcspn (run.text, "\n") : "");
    free (run.text);
    return false;
}

static int summary (const struct run *runs, size_t count,
                    const struct conf_options *options)
{
    long passed = 0, failed = 0, skipped = 0, reproduced = 0, optional = 0;
    long deviated = 0;
    size_t i;
    for (i = 0; i < count; i++) {
        const bool deviation = is_deviation (&runs[i], options);
        const bool held = runs[i].verdict == PASSED;
        passed += held && !deviation;
        failed += deviation ? held : runs[i].verdict == FAILED;
        deviated += deviation && runs[i].verdict == FAILED;
        skipped += runs[i].verdict == SKIPPED;
        reproduced += runs[i].seen;
        optional += runs[i].seen + runs[i].unseen;
    }
    printf ("# ran %ld of %zu cases: %ld held, %ld failed; %ld skipped, "
            "%ld known deviations\n",
            passed + failed, count, passed, failed, skipped, deviated);
    printf ("# optional observations: %ld of %ld reproduced\n", reproduced,
            optional);
    if (passed + failed < options->floor) {
        printf ("# fewer cases ran than the floor of %ld\n", options->floor);
        return 1;
    }
    return failed ? 1 : 0;
}

static int run_selected (const struct conf_case **chosen, size_t count,
                         const struct conf_options *options)
{
    const struct sigaction on_signal = {.sa_handler = on_interrupt};
    struct run *runs;
    size_t i;
    int code = 1;
    sigaction (SIGINT, &on_signal, NULL);
    sigaction (SIGTERM, &on_signal, NULL);
    if (options->preflight && !preflight_holds (options))
        return 1;
    runs = calloc (count, sizeof *runs);
    if (!runs)
        abort ();
    for (i = 0; i < count; i++) {
        runs[i].conf_case = chosen[i];
        runs[i].out = -1;
        if ((chosen[i]->traits & DANGEROUS) && !options->quirks) {
            runs[i].state = ENDED;
            runs[i].verdict = SKIPPED;
            snprintf (runs[i].skipped, sizeof runs[i].skipped,
                      "may wedge a real driver: --quirks runs it");
        }
    }
    printf ("1..%zu\n", count);
    run_all (runs, count, options->jobs, options, true);
    if (interrupted) {
        printf ("Bail out! interrupted\n");
        code = 128 + interrupted;
    } else
        code = summary (runs, count, options);
    for (i = 0; i < count; i++)
        free (runs[i].text);
    free (runs);
    return code;
}

int conf_run (const struct conf_options *options)
{
    const struct conf_case **chosen = calloc (case_count + 1, sizeof *chosen);
    regex_t expression;
    size_t count = 0, i;
    int code = 2;
    if (!chosen)
        abort ();
    if (options->filter
        && regcomp (&expression, options->filter, REG_EXTENDED | REG_NOSUB)) {
        fprintf (stderr, "not a regular expression: %s\n", options->filter);
        free (chosen);
        return 2;
    }
    qsort (cases, case_count, sizeof *cases, compare_cases);
    for (i = 0; i < case_count; i++)
        if (selected (cases[i], options->filter, &expression))
            chosen[count++] = cases[i];
    if (options->filter)
        regfree (&expression);

    if (!count)
        fprintf (stderr, "no case matches %s\n", options->filter);
    else if (options->list) {
        for (i = 0; i < count; i++)
            list (chosen[i]);
        code = 0;
    } else if (options->foreground && count != 1)
        fprintf (stderr, "--foreground takes one case, the filter selects %zu\n",
                 count);
    else if (options->foreground) {
        chosen[0]->run ();
        code = 0;
    } else
        code = run_selected (chosen, count, options);
    free (chosen);
    free (cases);
    cases = NULL;
    case_count = 0;
    return code;
}
