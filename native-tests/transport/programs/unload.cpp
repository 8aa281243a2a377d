// SPDX-License-Identifier: MPL-2.0
//
// unload LIBZMQ ENDPOINT: a program that loads libzmq as a plug-in and connects to a listener that does not accept. Told
// to by a byte on its standard input, a socket, it closes all that it has opened and unloads libzmq; then it sends a byte
// back, and ends when its last other thread has.

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <stdio.h>

namespace
{
template <typename Function> void find (Function &function, void *library, const char *name)
{
    function = reinterpret_cast<Function> (dlsym (library, name));
}

//  Each thread is a folder there.
bool is_alone ()
{
    struct stat tasks;
    return stat ("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
}
}

int main (int argc, char **argv)
{
    void *const library = argc == 3 ? dlopen (argv[1], RTLD_NOW | RTLD_LOCAL) : nullptr;
    if (!library) {
        fprintf (stderr, "unload: %s\n", argc == 3 ? dlerror () : "usage: unload LIBZMQ ENDPOINT");
        return 2;
    }
    void *(*new_context) ();
    void *(*new_socket) (void *, int);
    int (*connect_to) (void *, const char *);
    int (*close_socket) (void *);
    int (*terminate) (void *);
    find (new_context, library, "zmq_ctx_new");
    find (new_socket, library, "zmq_socket");
    find (connect_to, library, "zmq_connect");
    find (close_socket, library, "zmq_close");
    find (terminate, library, "zmq_ctx_term");
    const int subscriber = 2;
    void *const context = new_context ();
    void *const socket = new_socket (context, subscriber);
    char byte;
    if (connect_to (socket, argv[2]) != 0 || read (0, &byte, 1) != 1)
        return 3;
    if (close_socket (socket) != 0 || terminate (context) != 0 || dlclose (library) != 0)
        return 4;
    if (write (0, &byte, 1) != 1)
        return 5;
    for (int i = 0; i < 1500 && !is_alone (); ++i)
        usleep (10000);
    return is_alone () ? 0 : 6;
}
