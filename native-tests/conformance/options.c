/* SPDX-License-Identifier: MPL-2.0 */
#define _GNU_SOURCE
#include "harness.h"

#include <getopt.h>
#include <stdlib.h>

/* Sanitizers make everything several times slower. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define TIMEOUT 60
#else
#define TIMEOUT 20
#endif
#define STRING(x) #x
#define STRING_OF(x) STRING (x)

static const char usage[] =
  "Usage: %s [option]...\n"
  "Runs the SCIF conformance cases and writes TAP.\n"
  "\n"
  "  --filter <fact|regex>  only the cases of this fact (3.2), of this section\n"
  "                         (3), or whose \"fact title\" matches the expression\n"
  "  --list                 print the cases, run nothing\n"
  "  --quirks               also run the cases that can wedge a real driver\n"
  "  --timeout <seconds>    what one case may take (" STRING_OF (TIMEOUT)
  "; slow cases 25 more)\n"
  "  --jobs <n>             cases at a time, slow ones not counted (1)\n"
  "  --floor <n>            fail when fewer cases than this ran (1)\n"
  "  --deviation <title>    this libscif is known to depart from the facts in the\n"
  "                         case of this \"fact title\": its failure is a TODO,\n"
  "                         and that it holds after all is a failure\n"
  "  --tap-out <file>       write the TAP there, not to standard output\n"
  "  --foreground           run the one selected case in this process\n"
  "\n"
  "Exit code: 0 all held, 1 a case failed or too few ran, 2 wrong usage.\n";

/* Reads a number in [least, most]; false when the text is not one. */
static bool number (const char *text, double least, double most, double *value)
{
    char *end;
    *value = strtod (text, &end);
    return end != text && !*end && *value >= least && *value <= most;
}

int conf_main (int argc, char **argv, void (*preflight) (void))
{
    static const struct option options[] = {
      {"filter", required_argument, NULL, 'f'},
      {"list", no_argument, NULL, 'l'},
      {"quirks", no_argument, NULL, 'q'},
      {"timeout", required_argument, NULL, 't'},
      {"jobs", required_argument, NULL, 'j'},
      {"floor", required_argument, NULL, 'n'},
      {"deviation", required_argument, NULL, 'd'},
      {"tap-out", required_argument, NULL, 'o'},
      {"foreground", no_argument, NULL, 'g'},
      {"help", no_argument, NULL, 'h'},
      {NULL, 0, NULL, 0}};
    struct conf_options chosen = {.timeout = TIMEOUT, .jobs = 1, .floor = 1,
                                  .preflight = preflight};
    double value = 0;
    bool wrong = false;
    int option;
    while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
        switch (option) {
            case 'f':
                chosen.filter = optarg;
                wrong |= !*optarg;
                break;
            case 'l':
                chosen.list = true;
                break;
            case 'q':
                chosen.quirks = true;
                break;
            case 't':
                wrong |= !number (optarg, 1, 3600, &chosen.timeout);
                break;
            case 'j':
                wrong |= !number (optarg, 1, 64, &value);
                chosen.jobs = (int) value;
                break;
            case 'n':
                wrong |= !number (optarg, 0, 1e6, &value);
                chosen.floor = (long) value;
                break;
            case 'd':
                chosen.deviation = optarg;
                break;
            case 'o':
                if (!freopen (optarg, "w", stdout)) {
                    perror (optarg);
                    return 2;
                }
                break;
            case 'g':
                chosen.foreground = true;
                break;
            case 'h':
                printf (usage, argv[0]);
                return 0;
            default:
                wrong = true;
        }
    if (wrong || optind != argc) {
        fprintf (stderr, usage, argv[0]);
        return 2;
    }
    return conf_run (&chosen);
}
