// SPDX-License-Identifier: MPL-2.0
//
// What a scenario is written with: registration, assertions, progress notes, and peers, which are
// processes of their own. A scenario runs in a process of its own too, so a failed assertion simply
// ends that process; the runner reports what had been noted until then.

#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace tt
{
enum class Transport
{
    scif,
    tcp,
    ipc
};

/// How the bytes of a connection over SCIF go: through rings in the ends' memory, or through the endpoints.
enum class Mode
{
    any,
    rings,
    endpoint
};

/// What the command line asked for. The same in the runner, in scenarios and in their peers.
struct Settings
{
    Transport transport = Transport::scif;
    bool full = false;           ///< --scale full: counts as the issues name them, minutes instead of seconds
    double timeout_factor = 1.0; ///< multiplies every bound in time
    long messages = 0;           ///< --messages: how many, where they go by the million at full scale; 0: as the scale says
    Mode mode = Mode::any;       ///< --mode: how the bytes have to go
    std::string temp_dir;        ///< folder of this run, removed at its end
    std::vector<std::string> peer_env; ///< NAME=VALUE, set in peers only
};

const Settings &settings ();
void set_settings (const Settings &settings);

const char *transport_name ();
inline bool is_scif ()
{
    return settings ().transport == Transport::scif;
}

/// small at --scale small, large at --scale full.
template <typename T> T scaled (T small, T large)
{
    return settings ().full ? large : small;
}

/// A bound of `milliseconds`, stretched by --timeout-factor.
int bound_ms (double milliseconds);

// --- Registration -------------------------------------------------------------------------------

/// Exit status of a scenario that does not apply on this machine.
const int exit_skipped = 77;

struct Scenario
{
    const char *name;
    double deadline;         ///< seconds at --scale small
    double full_deadline;    ///< seconds at --scale full
    bool scif_only;          ///< says nothing about other transports
    const char *known_tcp;   ///< upstream's own defect over tcp that fails this scenario, or null
    const char *known_ipc;   ///< the same over ipc
    void (*run) ();
};

using Args = std::vector<std::string>;

struct Side
{
    const char *name;
    void (*run) (const Args &args);
};

const std::vector<Scenario> &scenarios ();
const std::vector<Side> &sides ();

struct RegisterScenario
{
    explicit RegisterScenario (const Scenario &scenario);
};

struct RegisterSide
{
    explicit RegisterSide (const Side &side);
};

/// Defines a scenario: SCENARIO (name, deadline in seconds) { body }
#define SCENARIO(name, deadline) TT_SCENARIO (name, deadline, deadline, false, nullptr, nullptr)
/// A scenario whose full scale takes longer.
#define SCENARIO_SCALED(name, deadline, full_deadline) TT_SCENARIO (name, deadline, full_deadline, false, nullptr, nullptr)
/// A scenario about scif:// alone.
#define SCENARIO_SCIF(name, deadline) TT_SCENARIO (name, deadline, deadline, true, nullptr, nullptr)
/// A scenario that a defect of upstream libzmq makes fail over tcp:// or ipc:// (null: does not).
#define SCENARIO_KNOWN(name, deadline, tcp, ipc) TT_SCENARIO (name, deadline, deadline, false, tcp, ipc)

#define TT_SCENARIO(name, deadline, full_deadline, scif_only, tcp, ipc)                                        \
    static void scenario_##name ();                                                                            \
    static const tt::RegisterScenario register_scenario_##name (                                               \
      tt::Scenario{#name, deadline, full_deadline, scif_only, tcp, ipc, scenario_##name});                     \
    static void scenario_##name ()

/// Defines what a peer process does: SIDE (name) { body, with `args` }
#define SIDE(name)                                                                                             \
    static void side_##name (const tt::Args &args);                                                            \
    static const tt::RegisterSide register_side_##name (tt::Side{#name, side_##name});                         \
    static void side_##name ([[maybe_unused]] const tt::Args &args)

// --- Assertions and notes -----------------------------------------------------------------------

/// Adds a line to the scenario's log, which is shown when the scenario fails or hangs.
void note (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/// The same for what was measured: shown whether the scenario fails or not.
void figure (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

/// Ends this process as a failure with a message.
[[noreturn]] void fail (const char *file, int line, const char *format, ...) __attribute__ ((format (printf, 3, 4)));

/// Ends the scenario as skipped: it makes no sense here, and `format` says why.
[[noreturn]] void skip (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#define FAIL(...) tt::fail (__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(condition)                                                                                       \
    do {                                                                                                       \
        if (!(condition))                                                                                      \
            FAIL ("not true: %s", #condition);                                                                 \
    } while (false)

#define CHECK_EQ(actual, expected)                                                                             \
    tt::check_equal (__FILE__, __LINE__, #actual, tt::show (actual), #expected, tt::show (expected))

/// A call in libzmq's convention must not return -1.
#define CHECK_RC(call) tt::check_rc (__FILE__, __LINE__, #call, (call))

/// A call in libzmq's convention must return -1 with this errno.
#define CHECK_ERRNO(call, expected) tt::check_errno (__FILE__, __LINE__, #call, (call), (expected))

std::string show (const std::string &value);
std::string show (const char *value);
template <typename T> std::string show (T value)
{
    return std::to_string (value);
}

void check_equal (const char *file, int line, const char *actual_text, const std::string &actual,
                  const char *expected_text, const std::string &expected);
long check_rc (const char *file, int line, const char *text, long rc);
void check_errno (const char *file, int line, const char *text, long rc, int expected);

// --- Time ---------------------------------------------------------------------------------------

/// Milliseconds of the monotonic clock.
double now_ms ();
void sleep_ms (double milliseconds);

/// Polls `condition` every few milliseconds until it holds, for at most `milliseconds` stretched by
/// --timeout-factor. Returns whether it came to hold.
template <typename Condition> bool eventually (double milliseconds, Condition condition)
{
    const double end = now_ms () + bound_ms (milliseconds);
    while (!condition ()) {
        if (now_ms () > end)
            return false;
        sleep_ms (5);
    }
    return true;
}

// --- Peers --------------------------------------------------------------------------------------

/// A process that runs a SIDE. The two talk in lines: the peer say()s, the scenario hears with line();
/// the scenario tell()s, the peer hear()s. Peers must be made by the scenario's main thread: they are
/// killed when the thread that made them ends.
class Peer
{
  public:
    explicit Peer (const char *side, const Args &args = Args (), const std::vector<std::string> &env = {});
    ~Peer ();
    Peer (const Peer &) = delete;
    Peer &operator= (const Peer &) = delete;
    Peer (Peer &&other) noexcept;

    /// Next line that the peer said. Fails when none comes within `milliseconds` or the peer ends.
    std::string line (double milliseconds = 10000);
    /// Next line must be "key value"; gives the value.
    std::string value (const std::string &key, double milliseconds = 10000);
    /// Whether another line comes within `milliseconds`; never fails.
    bool try_line (std::string &line, double milliseconds);
    void tell (const std::string &line);

    /// Sends a signal; returns after SIGSTOP when the peer has stopped.
    void signal (int number);
    /// SIGKILL, and waits until the process is gone.
    void kill ();
    /// The peer must end by itself, with success, within `milliseconds`.
    void finish (double milliseconds = 10000);
    pid_t pid () const { return _pid; }

  private:
    void reap (bool wait);
    std::string describe_end () const;

    std::string _name;
    pid_t _pid = -1;
    int _control = -1;
    int _status = 0;
    bool _reaped = false;
    std::string _received;
};

/// In a peer: says a line to the scenario.
void say (const char *format, ...) __attribute__ ((format (printf, 1, 2)));
/// In a peer: the next line from the scenario; ends the process quietly when the scenario is gone.
std::string hear ();

/// Entry points of re-executed processes; used by main and the runner only.
int run_scenario (const std::string &name);
int run_side (const std::string &name, const Args &args);

/// What stands before a figure in the log.
const char *const figure_mark = "FIGURE ";

/// Descriptors that runner, scenarios and peers agree on.
const int log_fd = 3;
const int control_fd = 4;
}
