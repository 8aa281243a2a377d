/* SPDX-License-Identifier: MPL-2.0 */
#ifndef CONFORMANCE_HARNESS_H
#define CONFORMANCE_HARNESS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * A case is one process: CASE() defines and registers it, the runner forks it,
 * and the first check that does not hold ends it. Nothing here knows of SCIF.
 */

enum traits {
    /* Lasts 10 s or so because the fact does: all such cases run side by side. */
    SLOW = 1 << 0,
    /* Leaves a non-blocking connect pending. The driver carries those out one
       after another for the whole node, so no two such cases run at a time. */
    ASYNC = 1 << 1,
    /* Needs to be alone on the node (looks at which ports are free). */
    EXCLUSIVE = 1 << 2,
    /* A defect or accident of the measured driver: the outcome is reported, but
       not reproducing it is no failure. A crash or a hang is one all the same. */
    QUIRK = 1 << 3,
    /* A property of the descriptor as a kernel object, which a libscif without
       a kernel module may be unable to give: reported like a quirk. */
    DESCRIPTOR = 1 << 4,
    /* Can wedge a real driver: runs with --quirks only. A hang is no failure. */
    DANGEROUS = 1 << 5,
};

struct conf_case {
    const char *fact;  /* "3.2", or "api" for the table of functions */
    const char *title; /* what holds, in one clause */
    const char *file;
    int line;
    int traits;
    void (*run) (void);
    size_t order; /* of registration; conf_add() sets it */
};

/* Adds a case to the list of all cases; CASE() calls it before main(). */
void conf_add (struct conf_case *conf_case);

#define CASE(name, fact_, title_, traits_)                                     \
    static void name (void);                                                   \
    static struct conf_case name##_case = {                                    \
      fact_, title_, __FILE__, __LINE__, traits_, name, 0};                    \
    __attribute__ ((constructor)) static void name##_add (void)                \
    {                                                                          \
        conf_add (&name##_case);                                               \
    }                                                                          \
    static void name (void)

/* How a case process, or a peer process that it started, ends. */
enum outcome { CASE_PASSED = 0, CASE_FAILED = 60, CASE_SKIPPED = 61 };

/* Ends the case as failed, with a diagnostic. */
#define FAIL(...) conf_fail (__FILE__, __LINE__, __VA_ARGS__)
void conf_fail (const char *file, int line, const char *format, ...)
  __attribute__ ((format (printf, 3, 4), noreturn));

/* Ends the case as skipped: something that it needs is not on this machine. */
void skip (const char *format, ...)
  __attribute__ ((format (printf, 1, 2), noreturn));

/* Adds a comment to the report of the case. */
void note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/* Reports whether something optional was seen; never ends the case. */
void observe (bool reproduced, const char *format, ...)
  __attribute__ ((format (printf, 2, 3)));

/* The condition holds. */
#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition))                                                      \
            FAIL ("%s does not hold", #condition);                             \
    } while (0)

/* The call returns exactly this value. errno is 0 before the call. */
#define RETURNS(call, value)                                                   \
    do {                                                                       \
        errno = 0;                                                             \
        conf_returns (__FILE__, __LINE__, #call, (long long) (call),           \
                      (long long) (value));                                    \
    } while (0)
void conf_returns (const char *file, int line, const char *call,
                   long long actual, long long expected);

/* The call returns -1 and sets errno to this code. */
#define FAILS(call, code)                                                      \
    do {                                                                       \
        errno = 0;                                                             \
        conf_fails (__FILE__, __LINE__, #call, (long long) (call), code);      \
    } while (0)
void conf_fails (const char *file, int line, const char *call,
                 long long actual, int expected);

/* The call returns something other than -1, which is the value of this
   expression. */
#define SUCCEEDS(call)                                                         \
    (errno = 0, conf_succeeds (__FILE__, __LINE__, #call, (long long) (call)))
long long conf_succeeds (const char *file, int line, const char *call,
                         long long actual);

/* The poll bits are exactly these. */
#define EVENTS(actual, expected)                                               \
    conf_events (__FILE__, __LINE__, #actual, actual, expected)
void conf_events (const char *file, int line, const char *call, int actual,
                  int expected);

/* The two buffers hold the same bytes. */
#define SAME_BYTES(actual, expected, len)                                      \
    conf_same (__FILE__, __LINE__, #actual, actual, expected, len)
void conf_same (const char *file, int line, const char *what,
                const void *actual, const void *expected, size_t len);

/* The name of an errno value, like "ECONNRESET". */
const char *errno_name (int code);

/* Writes poll bits as "IN|HUP" into text and returns it. */
const char *events_name (int events, char *text, size_t size);

struct conf_options {
    const char *filter;   /* a fact, a prefix of facts, or a regular expression */
    double timeout;       /* seconds that one case may take */
    int jobs;             /* cases at a time, slow ones not counted */
    long floor;           /* fewer cases that ran than this is a failure */
    const char *deviation; /* "fact title" of the case that this libscif is known
                              to fail, or null */
    bool quirks;          /* run the DANGEROUS cases too */
    bool list;            /* print the cases, run nothing */
    bool foreground;      /* run the one selected case in this process */
    void (*preflight) (void); /* run first, as a case; its failure ends the run */
};

/* Runs the selected cases and writes TAP to standard output.
   Returns the exit code: 0 all held, 1 some did not, 2 nothing selected. */
int conf_run (const struct conf_options *options);

/* Reads the command line, then conf_run(). The main() of a suite. */
int conf_main (int argc, char **argv, void (*preflight) (void));

#endif
