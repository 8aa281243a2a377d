/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "harness.h"

#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* One write per line: threads and peer processes share the descriptor. */
static void say (const char *tag, const char *format, va_list arguments)
{
    char line[1024];
    size_t used = (size_t) snprintf (line, sizeof line, "%s", tag);
    int more = vsnprintf (line + used, sizeof line - used - 1, format,
                          arguments);
    if (more > 0)
        used += (size_t) more;
    if (used > sizeof line - 2)
        used = sizeof line - 2;
    line[used++] = '\n';
    if (write (STDOUT_FILENO, line, used) < 0)
        return; /* nobody is left to read it */
}

void conf_fail (const char *file, int line, const char *format, ...)
{
    const char *slash = strrchr (file, '/');
    va_list arguments;
    va_start (arguments, format);
    say ("", format, arguments);
    va_end (arguments);
    note ("at %s:%d", slash ? slash + 1 : file, line);
    _exit (CASE_FAILED);
}

void skip (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    say ("!skip ", format, arguments);
    va_end (arguments);
    _exit (CASE_SKIPPED);
}

void note (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    say ("", format, arguments);
    va_end (arguments);
}

void observe (bool reproduced, const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    say (reproduced ? "!seen " : "!unseen ", format, arguments);
    va_end (arguments);
}

static const char *errno_note (char *text, size_t size, int code)
{
    if (code)
        snprintf (text, size, ", errno %d %s", code, errno_name (code));
    else
        text[0] = '\0';
    return text;
}

void conf_returns (const char *file, int line, const char *call,
                   long long actual, long long expected)
{
    char text[64];
    int code = errno;
    if (actual == expected)
        return;
    conf_fail (file, line, "%s: expected %lld, actual %lld%s", call, expected,
               actual, errno_note (text, sizeof text, actual == -1 ? code : 0));
}

void conf_fails (const char *file, int line, const char *call,
                 long long actual, int expected)
{
    char text[64];
    int code = errno;
    if (actual == -1 && code == expected)
        return;
    conf_fail (file, line, "%s: expected -1, errno %d %s; actual %lld%s", call,
               expected, errno_name (expected), actual,
               errno_note (text, sizeof text, actual == -1 ? code : 0));
}

long long conf_succeeds (const char *file, int line, const char *call,
                         long long actual)
{
    int code = errno;
    if (actual == -1)
        conf_fail (file, line, "%s: expected success, actual -1, errno %d %s",
                   call, code, errno_name (code));
    return actual;
}

void conf_events (const char *file, int line, const char *call, int actual,
                  int expected)
{
    char want[96], got[96];
    if (actual == expected)
        return;
    conf_fail (file, line, "%s: expected %s, actual %s", call,
               events_name (expected, want, sizeof want),
               events_name (actual, got, sizeof got));
}

void conf_same (const char *file, int line, const char *what,
                const void *actual, const void *expected, size_t len)
{
    const unsigned char *a = actual, *e = expected;
    size_t i, wrong = 0, first = 0;
    if (!memcmp (actual, expected, len))
        return;
    for (i = len; i-- > 0;)
        if (a[i] != e[i]) {
            wrong++;
            first = i;
        }
    conf_fail (file, line,
               "%s: %zu of %zu bytes differ, the first at %zu: expected 0x%02x,"
               " actual 0x%02x",
               what, wrong, len, first, e[first], a[first]);
}

const char *errno_name (int code)
{
    static const struct {
        int code;
        const char *name;
    } names[] = {
#define NAME(code) {code, #code}
      NAME (EPERM),        NAME (ENOENT),       NAME (EINTR),
      NAME (EIO),          NAME (ENXIO),        NAME (EBADF),
      NAME (EAGAIN),       NAME (ENOMEM),       NAME (EACCES),
      NAME (EFAULT),       NAME (EBUSY),        NAME (EEXIST),
      NAME (ENODEV),       NAME (EINVAL),       NAME (ENFILE),
      NAME (EMFILE),       NAME (ENOTTY),       NAME (ENOSPC),
      NAME (ESPIPE),       NAME (EPIPE),        NAME (ENOSYS),
      NAME (EOPNOTSUPP),   NAME (EADDRINUSE),   NAME (EADDRNOTAVAIL),
      NAME (ENETUNREACH),  NAME (ECONNABORTED), NAME (ECONNRESET),
      NAME (ENOBUFS),      NAME (EISCONN),      NAME (ENOTCONN),
      NAME (ETIMEDOUT),    NAME (ECONNREFUSED), NAME (EALREADY),
      NAME (EINPROGRESS),  NAME (ENOTSOCK),     NAME (EDESTADDRREQ),
      NAME (EPROTO),       NAME (EOVERFLOW),    NAME (ESRCH),
      NAME (ECHILD),       NAME (EDEADLK),      NAME (ENOTEMPTY),
      NAME (EOWNERDEAD),   NAME (EROFS),        NAME (E2BIG),
#undef NAME
    };
    size_t i;
    for (i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == code)
            return names[i].name;
    return strerror (code);
}

const char *events_name (int events, char *text, size_t size)
{
    static const struct {
        int bit;
        const char *name;
    } bits[] = {
      {POLLIN, "IN"},     {POLLOUT, "OUT"}, {POLLERR, "ERR"},
      {POLLHUP, "HUP"},   {POLLPRI, "PRI"}, {POLLNVAL, "NVAL"},
      {POLLRDHUP, "RDHUP"},
    };
    size_t i, used = 0;
    int rest = events;
    snprintf (text, size, "nothing");
    for (i = 0; i < sizeof bits / sizeof *bits; i++)
        if (events & bits[i].bit) {
            used += (size_t) snprintf (text + used, size - used, "%s%s",
                                       used ? "|" : "", bits[i].name);
            rest &= ~bits[i].bit;
        }
    if (rest)
        snprintf (text + used, size - used, "%s0x%x", used ? "|" : "",
                  (unsigned) rest);
    return text;
}
