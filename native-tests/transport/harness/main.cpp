// SPDX-License-Identifier: MPL-2.0
//
// transport-tests: scenarios that a libzmq transport must hold, run over scif://, tcp:// or ipc://.

#include "runner.hpp"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include <stdexcept>

namespace
{
const char usage[] =
  "usage: transport-tests [--list] [--filter REGEX] [--transport scif|tcp|ipc] [--jobs N]\n"
  "                       [--scale small|full] [--timeout-factor X] [--messages N] [--mode rings|endpoint]\n"
  "                       [--peer-env NAME=VALUE] [--expect N]\n"
  "\n"
  "  --list              print the names of the scenarios that --filter selects\n"
  "  --filter REGEX      only scenarios whose name has a match\n"
  "  --transport NAME    what the scenarios run over (default scif)\n"
  "  --jobs N            scenarios at once (default 2)\n"
  "  --scale small|full  counts for every day (default), or as large as the issues name them\n"
  "  --messages N        messages of the scenarios that send millions at full scale, whatever the scale\n"
  "  --mode NAME         rings or endpoint: scenarios that look at how the bytes go fail if it is the other way\n"
  "  --timeout-factor X  multiplies every bound in time, for slow machines and sanitizers\n"
  "  --peer-env N=V      sets a variable in the far side's processes only; may be repeated\n"
  "  --expect N          fail when fewer than N scenarios ran\n"
  "\n"
  "TAP on standard output. Exit status: 0 all passed, 1 a failure, 2 wrong usage.\n";

struct UsageError : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

struct CommandLine
{
    tt::Settings settings;
    tt::RunOptions options;
    bool list = false;
    bool help = false;
    std::string scenario; ///< this process is that scenario
    std::string side;     ///< this process is that peer
    tt::Args side_args;
};

double number (const std::string &option, const std::string &text, double least)
{
    char *end = nullptr;
    const double value = strtod (text.c_str (), &end);
    if (text.empty () || *end || !(value >= least))
        throw UsageError (option + " wants a number of at least " + std::to_string (least) + ", not '" + text + "'");
    return value;
}

tt::Transport transport (const std::string &name)
{
    if (name == "scif")
        return tt::Transport::scif;
    if (name == "tcp")
        return tt::Transport::tcp;
    if (name == "ipc")
        return tt::Transport::ipc;
    throw UsageError ("--transport wants scif, tcp or ipc, not '" + name + "'");
}

tt::Mode mode (const std::string &name)
{
    if (name == "rings")
        return tt::Mode::rings;
    if (name == "endpoint")
        return tt::Mode::endpoint;
    throw UsageError ("--mode wants rings or endpoint, not '" + name + "'");
}

CommandLine parse (int argc, char **argv)
{
    CommandLine line;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        const auto value = [&] () -> std::string {
            if (i + 1 >= argc)
                throw UsageError (option + " wants a value");
            return argv[++i];
        };
        if (option == "--list")
            line.list = true;
        else if (option == "--help" || option == "-h")
            line.help = true;
        else if (option == "--filter")
            line.options.filter = value ();
        else if (option == "--transport")
            line.settings.transport = transport (value ());
        else if (option == "--jobs")
            line.options.jobs = static_cast<int> (number (option, value (), 1));
        else if (option == "--expect")
            line.options.expect = static_cast<int> (number (option, value (), 0));
        else if (option == "--messages")
            line.settings.messages = static_cast<long> (number (option, value (), 100));
        else if (option == "--mode")
            line.settings.mode = mode (value ());
        else if (option == "--timeout-factor")
            line.settings.timeout_factor = number (option, value (), 0.1);
        else if (option == "--scale") {
            const std::string scale = value ();
            if (scale != "small" && scale != "full")
                throw UsageError ("--scale wants small or full, not '" + scale + "'");
            line.settings.full = scale == "full";
        } else if (option == "--peer-env") {
            const std::string variable = value ();
            if (variable.find ('=') == std::string::npos || variable[0] == '=')
                throw UsageError ("--peer-env wants NAME=VALUE, not '" + variable + "'");
            line.settings.peer_env.push_back (variable);
        } else if (option == "--internal-temp")
            line.settings.temp_dir = value ();
        else if (option == "--internal-run")
            line.scenario = value ();
        else if (option == "--internal-side") {
            line.side = value ();
            line.side_args.assign (argv + i + 1, argv + argc);
            break;
        } else
            throw UsageError ("unknown argument '" + option + "'");
    }
    return line;
}
}

int main (int argc, char **argv)
{
    CommandLine line;
    try {
        line = parse (argc, argv);
    } catch (const UsageError &error) {
        fprintf (stderr, "transport-tests: %s\n\n%s", error.what (), usage);
        return 2;
    }
    if (line.help) {
        fputs (usage, stdout);
        return 0;
    }
    tt::set_settings (line.settings);
    if (!line.side.empty ())
        return tt::run_side (line.side, line.side_args);
    if (!line.scenario.empty ())
        return tt::run_scenario (line.scenario);
    if (!line.list) {
        int major, minor, patch;
        zmq_version (&major, &minor, &patch);
        printf ("# libzmq %d.%d.%d, transport %s\n", major, minor, patch, tt::transport_name ());
    }
    return line.list ? tt::list_scenarios (line.options) : tt::run_all (line.options);
}
