/* SPDX-License-Identifier: MPL-2.0 */
/*
 * test-rewrite scif|ipc|tcp LIBRARY: runs itself under libzmq-rewrite, rewriting to that transport, and checks where its
 * messages went and what was logged. "tcp" asks for nothing to be rewritten. Writes TAP.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

/* Stands for Unity's state, which the library looks for by this name. */
struct
{
    const char *test_file;
    const char *current_test_name;
} Unity;

static const char *target;
static int checks, failures;

static void check (bool good, const char *what, const char *seen)
{
    printf ("%sok %d - %s", good ? "" : "not ", ++checks, what);
    printf (good ? "\n" : " (%s)\n", seen);
    failures += !good;
}

static void *context;

static void *new_socket (void)
{
    void *const socket = zmq_socket (context, ZMQ_PAIR);
    const int timeout = 10000, linger = 0;
    zmq_setsockopt (socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
    zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger);
    return socket;
}

static bool is_bound_to (void *socket, const char *start, char *endpoint, size_t size)
{
    return zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0
           && strncmp (endpoint, start, strlen (start)) == 0;
}

static bool passes (void *from, void *to)
{
    char buffer[8];
    return zmq_send (from, "hello", 5, 0) == 5 && zmq_recv (to, buffer, sizeof buffer, 0) == 5
           && memcmp (buffer, "hello", 5) == 0;
}

/* Binds, connects to 'connect', or to what ZMQ_LAST_ENDPOINT tells, sends both ways, and undoes it by the same names. */
static void exchange (const char *name, const char *bind, const char *connect, const char *bound)
{
    char endpoint[256] = "?", what[128];
    void *const server = new_socket (), *const client = new_socket ();
    Unity.current_test_name = name;

    snprintf (what, sizeof what, "%s: bound to %s", name, bound);
    check (zmq_bind (server, bind) == 0 && is_bound_to (server, bound, endpoint, sizeof endpoint), what, endpoint);
    const char *const peer = connect ? connect : endpoint;
    snprintf (what, sizeof what, "%s: messages pass", name);
    check (zmq_connect (client, peer) == 0 && passes (client, server) && passes (server, client), what,
           zmq_strerror (zmq_errno ()));
    snprintf (what, sizeof what, "%s: disconnect and unbind know the names", name);
    const bool undone = zmq_disconnect (client, peer) == 0 && zmq_unbind (server, connect ? bind : endpoint) == 0;
    check (undone, what, zmq_strerror (zmq_errno ()));
    zmq_close (client);
    zmq_close (server);
    Unity.current_test_name = NULL;
}

/* The number of lines in the log that have all three of these. */
static int logged (const char *function, const char *name, const char *to)
{
    char line[2048], middle[256];
    int count = 0;
    FILE *const log = fopen (getenv ("ZMQ_REWRITE_LOG"), "r");
    snprintf (middle, sizeof middle, "\t%s\t%s\t", function, name);
    while (log && fgets (line, sizeof line, log)) {
        const char *const last = strrchr (line, '\t');
        count += strstr (line, middle) && last && strncmp (last + 1, to, strlen (to)) == 0;
    }
    if (log)
        fclose (log);
    return count;
}

static void run_checks (void)
{
    const bool scif = strcmp (target, "scif") == 0, ipc = strcmp (target, "ipc") == 0;
    const char *const wildcard = scif ? "scif://0:" : ipc ? "ipc://" : "tcp://127.0.0.1:";
    const char *const fixed = scif ? "scif://0:" : ipc ? "ipc://@" : "tcp://127.0.0.1:";
    char tcp[64], local[64], path[64];
    const int port = 20000 + getpid () % 12000;
    snprintf (tcp, sizeof tcp, "tcp://127.0.0.1:%d", port);
    snprintf (local, sizeof local, "tcp://localhost:%d", port);
    snprintf (path, sizeof path, "ipc:///tmp/zmq-rewrite-%d", (int) getpid ());

    context = zmq_ctx_new ();
    exchange ("wildcard", "tcp://127.0.0.1:*", NULL, wildcard);
    exchange ("any_host", "tcp://*:*", NULL, scif || ipc ? wildcard : "tcp://0.0.0.0:");
    exchange ("fixed_port", tcp, ipc || scif ? local : tcp, fixed);
    exchange ("ipc_wildcard", "ipc://*", NULL, scif ? "scif://0:" : "ipc://");
    exchange ("ipc_path", path, path, scif ? "scif://0:" : "ipc:///tmp/");
    exchange ("kept_case", "tcp://127.0.0.1:*", NULL, "tcp://127.0.0.1:");
    exchange ("inproc", "inproc://here", "inproc://here", "inproc://here");

    /* What tcp itself refuses goes on to be refused, and a source address is nothing but tcp's. */
    void *const socket = new_socket ();
    Unity.current_test_name = "left_alone";
    check (zmq_bind (socket, "tcp://127.0.0.1:port") == -1, "a port that is no number is refused", "bound");
    check (zmq_bind (socket, "tcp://") == -1 && zmq_bind (socket, "nonsense") == -1, "so is nonsense", "bound");
    zmq_connect (socket, "tcp://127.0.0.1:0;127.0.0.1:1");
    zmq_connect (socket, "tcp://192.0.2.1:5555");
    zmq_close (socket);
    check (logged ("zmq_connect", "left_alone", "tcp://") == 2, "source addresses and other hosts stay with tcp", "not so");

    const char *const becomes = scif || ipc ? target : "tcp";
    check (logged ("zmq_bind", "wildcard", becomes) == 1, "the bind is in the log, with its case", "not so");
    check (logged ("zmq_connect", "fixed_port", becomes) == 1, "the connect, too", "not so");
    check (logged ("zmq_unbind", "fixed_port", becomes) == 1, "the unbind, too", "not so");
    check (logged ("zmq_disconnect", "fixed_port", becomes) == 1, "the disconnect, too", "not so");
    check (logged ("zmq_bind", "kept_case", "tcp://") == 1, "a case that was to be kept is logged as kept", "not so");
    check (logged ("zmq_bind", "inproc", "") == 0, "what is neither tcp nor ipc is not logged", "it is");
    check (logged ("libzmq", "-", "-") == 1, "the log names the libzmq, once", "not so");
    zmq_ctx_term (context);
    unlink (path + strlen ("ipc://"));
}

int main (int argc, char **argv)
{
    char log[] = "/tmp/zmq-rewrite-XXXXXX";
    if (argc == 2) {
        target = argv[1];
        run_checks ();
        printf ("1..%d\n", checks);
        return failures != 0;
    }
    if (argc != 3) {
        fprintf (stderr, "usage: %s scif|ipc|tcp LIBRARY\n", argv[0]);
        return 2;
    }
    const int fd = mkstemp (log);
    if (fd == -1)
        return 2;
    close (fd);
    const pid_t child = fork ();
    if (child == 0) {
        setenv ("LD_PRELOAD", argv[2], 1);
        setenv ("ZMQ_REWRITE_LOG", log, 1);
        setenv ("ZMQ_REWRITE_KEEP", "another_case,kept_case", 1);
        setenv ("ZMQ_REWRITE_REALM", log + strlen ("/tmp/"), 1);
        if (strcmp (argv[1], "tcp") == 0)
            unsetenv ("ZMQ_REWRITE_TO");
        else
            setenv ("ZMQ_REWRITE_TO", argv[1], 1);
        execl (argv[0], argv[0], argv[1], (char *) NULL);
        _exit (127);
    }
    int status = -1;
    if (child != -1)
        waitpid (child, &status, 0);
    unlink (log);
    return WIFEXITED (status) ? WEXITSTATUS (status) : 1;
}
