/* SPDX-License-Identifier: MPL-2.0 */
/*
 * For people who write SCIF programs: faults that are hard to provoke, and a
 * trace of calls.
 *
 *   SOFTSCIF_FAULTS=register=ENOMEM@3,send=short,connect=delay:200,peer=lost@50
 *
 * is a list of point=fault@n; every n-th call at that point meets the fault,
 * every one without @n. SOFTSCIF_TRACE=stderr or a file name (%p: process id).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define MAX_FAULTS 16

enum fault_kind
{
    KIND_ERRNO,
    KIND_SHORT,
    KIND_DELAY,
    KIND_LOST
};

struct fault
{
    enum fault_point point;
    enum fault_kind kind;
    int value; /* errno, or ms */
    unsigned every;
    _Atomic unsigned calls;
};

static struct fault faults[MAX_FAULTS];
static unsigned fault_count;
static int trace_fd = -1;
static bool is_on;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct
{
    const char *name;
    int value;
} errors[] = {
  {"ENOMEM", ENOMEM},     {"EAGAIN", EAGAIN}, {"ECONNREFUSED", ECONNREFUSED},
  {"ENOSPC", ENOSPC},     {"ENODEV", ENODEV}, {"ECONNRESET", ECONNRESET},
  {"EADDRINUSE", EADDRINUSE}, {"EINTR", EINTR},
};

static const char *const points[FAULT_POINTS] = {"register", "send", "recv",
                                                 "connect", "peer"};

static bool parse_kind (const char *text, struct fault *fault)
{
    if (strcmp (text, "short") == 0)
        fault->kind = KIND_SHORT;
    else if (strcmp (text, "lost") == 0)
        fault->kind = KIND_LOST;
    else if (strncmp (text, "delay:", 6) == 0) {
        fault->kind = KIND_DELAY;
        fault->value = atoi (text + 6);
    } else {
        for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
            if (strcmp (text, errors[i].name) == 0) {
                fault->kind = KIND_ERRNO;
                fault->value = errors[i].value;
                return true;
            }
        return false;
    }
    return true;
}

static bool parse_fault (char *text, struct fault *fault)
{
    char *kind = strchr (text, '=');
    if (!kind)
        return false;
    *kind++ = '\0';
    char *every = strchr (kind, '@');
    if (every)
        *every++ = '\0';
    fault->every = every && atoi (every) > 0 ? (unsigned) atoi (every) : 1;
    for (int i = 0; i < FAULT_POINTS; i++)
        if (strcmp (text, points[i]) == 0) {
            fault->point = (enum fault_point) i;
            return parse_kind (kind, fault);
        }
    return false;
}

static void read_faults (void)
{
    const char *text = secure_getenv ("SOFTSCIF_FAULTS");
    char *copy = text && *text ? strdup (text) : NULL;
    char *rest = NULL;
    for (char *item = copy ? strtok_r (copy, ",", &rest) : NULL;
         item && fault_count < MAX_FAULTS; item = strtok_r (NULL, ",", &rest))
        if (parse_fault (item, &faults[fault_count]))
            fault_count++;
        else
            fprintf (stderr, "softscif: SOFTSCIF_FAULTS: what is \"%s\"?\n",
                     item);
    free (copy);
}

static void open_trace (void)
{
    const char *text = secure_getenv ("SOFTSCIF_TRACE");
    char path[4096];
    if (!text || !*text)
        return;
    if (strcmp (text, "stderr") == 0) {
        trace_fd = fcntl (2, F_DUPFD_CLOEXEC, 0);
        return;
    }
    const char *mark = strstr (text, "%p");
    if (mark)
        snprintf (path, sizeof path, "%.*s%ld%s", (int) (mark - text), text,
                  (long) getpid (), mark + 2);
    else
        snprintf (path, sizeof path, "%s", text);
    trace_fd =
      open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
}

static void start (void)
{
    read_faults ();
    open_trace ();
    is_on = fault_count > 0 || trace_fd >= 0;
}

bool check_is_on (void)
{
    pthread_once (&once, start);
    return is_on;
}

/* Counts the call for one fault; true when it is due. */
static bool is_due (struct fault *fault)
{
    return (atomic_fetch_add (&fault->calls, 1) + 1) % fault->every == 0;
}

int check_fault (enum fault_point point, int epd, int *len)
{
    int error = 0;
    /* All of them count each call, whichever comes first. */
    for (unsigned i = 0; i < fault_count; i++) {
        struct fault *fault = &faults[i];
        /* Losing the peer can happen wherever data moves. */
        const bool here = fault->point == point
                          || (fault->point == FAULT_PEER
                              && (point == FAULT_SEND || point == FAULT_RECV));
        if (!here || !is_due (fault))
            continue;
        switch (fault->kind) {
            case KIND_ERRNO:
                error = fault->value;
                break;
            case KIND_SHORT:
                if (len)
                    *len = (*len + 1) / 2;
                break;
            case KIND_DELAY:
                sleep_until_ns (now_ns () + fault->value * INT64_C (1000000));
                break;
            case KIND_LOST:
                shutdown (epd, SHUT_RDWR);
                break;
        }
    }
    return error;
}

void check_trace (long long rc, const char *format, ...)
{
    char line[512];
    const int saved = errno;
    if (trace_fd < 0)
        return;
    const int64_t now = now_ns ();
    int n = snprintf (line, sizeof line, "%lld.%06lld %ld ",
                      (long long) (now / 1000000000),
                      (long long) (now / 1000 % 1000000),
                      (long) syscall (SYS_gettid));
    va_list arguments;
    va_start (arguments, format);
    n += vsnprintf (line + n, sizeof line - (size_t) n, format, arguments);
    va_end (arguments);
    if (n < (int) sizeof line && rc == -1)
        n += snprintf (line + n, sizeof line - (size_t) n, " = -1 (%d: %s)\n",
                       saved, strerror (saved));
    else if (n < (int) sizeof line)
        n += snprintf (line + n, sizeof line - (size_t) n, " = %lld\n", rc);
    if (n >= (int) sizeof line)
        n = sizeof line - 1;
    if (write (trace_fd, line, (size_t) n) < 0)
        trace_fd = -1; /* the disk is full or the reader gone */
    errno = saved;
}
