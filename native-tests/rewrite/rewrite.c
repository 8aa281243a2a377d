/* SPDX-License-Identifier: MPL-2.0 */
/*
 * libzmq-rewrite: an LD_PRELOAD library that takes a program of libzmq's to another transport. Endpoints of tcp on this
 * machine and of ipc are rewritten on their way into zmq_bind, zmq_connect, zmq_unbind, zmq_disconnect and
 * zmq_connect_peer; all others pass as they are. What ZMQ_LAST_ENDPOINT tells of a rewritten bind is an endpoint of the
 * new transport, which passes as it is, too.
 *
 *   ZMQ_REWRITE_TO     scif or ipc; unset: nothing is rewritten
 *   ZMQ_REWRITE_LOG    a file that gets a line for each call with an endpoint of tcp or ipc, before the call is made:
 *                      process, function, test case, endpoint, what it became - the same if it was kept -,
 *                      separated by tabs. The first line of a process names the libzmq that it calls.
 *   ZMQ_REWRITE_KEEP   test cases, separated by commas, in which nothing is rewritten
 *   ZMQ_REWRITE_REALM  a word of letters and digits that keeps the ipc endpoints of one run apart from another's
 *
 * What becomes of an endpoint:
 *
 *                              to scif                             to ipc
 *   tcp, HOST:* (bind)         a wildcard                          a wildcard
 *   tcp, HOST:PORT             *:PORT (bind, unbind), or 0:PORT    the abstract name REALM-tcp-PORT
 *   ipc, a wildcard (bind)     a wildcard                          as it is
 *   ipc, a path or name        as tcp, with a port made of it      as it is
 *
 * HOST is one of *, 127.0.0.1, 0.0.0.0, localhost, [::1] and [::]. A source address, other hosts and what is no endpoint
 * at all stay with tcp, which knows what to make of them.
 *
 * The case is the one that Unity, libzmq's test framework, is at: the member CurrentTestName of its global state, which
 * is found by its name in the program's symbol table; "-" in programs that have none.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPORT __attribute__ ((visibility ("default")))

/* Where Unity's state begins; nothing but the first two members is used. */
struct unity_state
{
    const char *test_file;
    const char *current_test_name;
};

enum target
{
    TO_NOTHING,
    TO_SCIF,
    TO_IPC
};

/* Set by the constructor, and never again. */
static enum target target;
static const char *keep;
static const char *realm;
static int log_fd = -1;
static const struct unity_state *unity;

/* Whether the call is one of those that name what this side binds to. */
enum side
{
    BINDING,
    CONNECTING
};

/* ------------------------------------------------------------------ cases */

/* The symbol's address in the program itself, or NULL: Unity is linked into it, but not exported. */
static const void *find_in_program (const char *name, uintptr_t base)
{
    const void *found = NULL;
    const int fd = open ("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd == -1)
        return NULL;
    if (fstat (fd, &info) == 0 && (size_t) info.st_size > sizeof (ElfW (Ehdr))) {
        const size_t size = (size_t) info.st_size;
        const char *const file = mmap (NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (file != MAP_FAILED) {
            const ElfW (Ehdr) *const header = (const void *) file;
            const ElfW (Shdr) *const sections = (const void *) (file + header->e_shoff);
            const bool whole =
              memcmp (header->e_ident, ELFMAG, SELFMAG) == 0
              && header->e_shoff + header->e_shnum * sizeof *sections <= size;
            for (unsigned i = 0; whole && i < header->e_shnum; ++i) {
                if (sections[i].sh_type != SHT_SYMTAB)
                    continue;
                const ElfW (Sym) *const symbols =
                  (const void *) (file + sections[i].sh_offset);
                const char *const names = file + sections[sections[i].sh_link].sh_offset;
                const size_t count = sections[i].sh_size / sizeof *symbols;
                for (size_t j = 0; j < count && !found; ++j)
                    if (symbols[j].st_shndx != SHN_UNDEF
                        && strcmp (names + symbols[j].st_name, name) == 0)
                        found = (const void *) (base + symbols[j].st_value);
            }
            munmap ((void *) file, size);
        }
    }
    close (fd);
    return found;
}

/* The program itself is the first that the dynamic linker tells of. */
static int take_base (struct dl_phdr_info *info, size_t size, void *base)
{
    (void) size;
    *(uintptr_t *) base = info->dlpi_addr;
    return 1;
}

static const char *current_case (void)
{
    const char *const name = unity ? unity->current_test_name : NULL;
    return name ? name : "-";
}

/* Whether the list, separated by commas, has the word. */
static bool has_word (const char *list, const char *word)
{
    const size_t length = strlen (word);
    for (const char *at = list; at; at = strchr (at, ',')) {
        at += *at == ',';
        if (strncmp (at, word, length) == 0 && (at[length] == ',' || at[length] == 0))
            return true;
    }
    return false;
}

/* -------------------------------------------------------------------- log */

__attribute__ ((format (printf, 1, 2))) static void write_log (const char *format, ...)
{
    char line[2048];
    va_list args;
    if (log_fd == -1)
        return;
    va_start (args, format);
    const int length = vsnprintf (line, sizeof line, format, args);
    va_end (args);
    /* A whole line by one write, so that lines of several processes do not get mixed. */
    if (length > 0 && (size_t) length < sizeof line && write (log_fd, line, (size_t) length) != length)
        abort ();
}

__attribute__ ((constructor)) static void begin (void)
{
    const char *const to = getenv ("ZMQ_REWRITE_TO");
    const char *const file = getenv ("ZMQ_REWRITE_LOG");
    target = !to ? TO_NOTHING : strcmp (to, "scif") == 0 ? TO_SCIF : strcmp (to, "ipc") == 0 ? TO_IPC : TO_NOTHING;
    keep = getenv ("ZMQ_REWRITE_KEEP");
    realm = getenv ("ZMQ_REWRITE_REALM");
    if (file) {
        const int fd = open (file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        /* Out of the way of programs that count on getting low numbers. */
        log_fd = fd == -1 ? -1 : fcntl (fd, F_DUPFD_CLOEXEC, 200);
        if (log_fd == -1)
            log_fd = fd;
        else
            close (fd);
    }
    uintptr_t base = 0;
    dl_iterate_phdr (take_base, &base);
    unity = find_in_program ("Unity", base);
    /* Of a program that dies, all that it has printed is wanted. */
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
}

/* -------------------------------------------------------------- endpoints */

/* 20000 to 59999: none that libzmq's tests name, and none that SCIF gives out by itself before thousands of others. */
static unsigned port_of_path (const char *path)
{
    uint32_t hash = 2166136261u;
    for (; *path; ++path)
        hash = (hash ^ (unsigned char) *path) * 16777619u;
    return 20000 + hash % 40000;
}

/* The port of an endpoint of tcp on this machine: digits, or "*"; NULL if it is none. */
static const char *port_of_tcp (const char *address)
{
    static const char *const hosts[] = {"*", "127.0.0.1", "0.0.0.0", "localhost", "[::1]", "[::]"};
    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; ++i) {
        const size_t length = strlen (hosts[i]);
        if (strncmp (address, hosts[i], length) != 0 || address[length] != ':')
            continue;
        const char *const port = address + length + 1;
        const size_t digits = strspn (port, "0123456789");
        if (strcmp (port, "*") == 0 || (digits > 0 && digits <= 5 && port[digits] == 0))
            return port;
    }
    return NULL;
}

/* Writes what becomes of the endpoint, which may be the same, into 'out'. */
static void rewrite (const char *endpoint, enum side side, char *out, size_t size)
{
    const bool ipc = strncmp (endpoint, "ipc://", 6) == 0;
    const char *const port = strncmp (endpoint, "tcp://", 6) == 0 ? port_of_tcp (endpoint + 6) : NULL;
    const bool open_port = ipc ? strcmp (endpoint + 6, "*") == 0 : port && (strcmp (port, "*") == 0 || strcmp (port, "0") == 0);
    const char *const node = side == BINDING ? "*" : "0";

    snprintf (out, size, "%s", endpoint);
    if (keep && has_word (keep, current_case ()))
        return;
    if (target == TO_SCIF && (ipc || port)) {
        if (open_port)
            snprintf (out, size, side == BINDING ? "scif://*" : "scif://0:*");
        else if (ipc)
            snprintf (out, size, "scif://%s:%u", node, port_of_path (endpoint + 6));
        else
            snprintf (out, size, "scif://%s:%s", node, port);
    } else if (target == TO_IPC && port) {
        if (open_port)
            snprintf (out, size, "ipc://*");
        else
            snprintf (out, size, "ipc://@%s-tcp-%s", realm ? realm : "", port);
    }
}

/* libzmq's own function of that name; without one the program could not have been linked. */
static void *original (const char *function)
{
    void *const found = dlsym (RTLD_NEXT, function);
    static int told;
    if (!found) {
        fprintf (stderr, "libzmq-rewrite: there is no %s\n", function);
        abort ();
    }
    if (!__atomic_exchange_n (&told, 1, __ATOMIC_RELAXED)) {
        Dl_info info;
        write_log ("%d\tlibzmq\t-\t%s\t-\n", (int) getpid (), dladdr (found, &info) && info.dli_fname ? info.dli_fname : "?");
    }
    return found;
}

/* Tells of the call, and returns the endpoint to make it with. */
static const char *take (const char *function, const char *endpoint, enum side side, char *out, size_t size)
{
    if (!endpoint || (strncmp (endpoint, "tcp://", 6) != 0 && strncmp (endpoint, "ipc://", 6) != 0) || strlen (endpoint) >= size)
        return endpoint;
    rewrite (endpoint, side, out, size);
    write_log ("%d\t%s\t%s\t%s\t%s\n", (int) getpid (), function, current_case (), endpoint, out);
    return out;
}

#define LONGEST_ENDPOINT 512

typedef int endpoint_fn (void *socket, const char *endpoint);
typedef uint32_t peer_fn (void *socket, const char *endpoint);

#define INTERPOSE(result, name, type, side)                                                                             \
    EXPORT result name (void *socket, const char *endpoint);                                                            \
    EXPORT result name (void *socket, const char *endpoint)                                                             \
    {                                                                                                                   \
        char buffer[LONGEST_ENDPOINT];                                                                                  \
        type *const function = (type *) original (#name);                                                               \
        return function (socket, take (#name, endpoint, side, buffer, sizeof buffer));                                  \
    }

INTERPOSE (int, zmq_bind, endpoint_fn, BINDING)
INTERPOSE (int, zmq_unbind, endpoint_fn, BINDING)
INTERPOSE (int, zmq_connect, endpoint_fn, CONNECTING)
INTERPOSE (int, zmq_disconnect, endpoint_fn, CONNECTING)
INTERPOSE (uint32_t, zmq_connect_peer, peer_fn, CONNECTING)
