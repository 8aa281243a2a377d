// SPDX-License-Identifier: MPL-2.0
//
// Counts the system calls of the I/O threads, without slowing them down as a tracer would.
#ifndef SYSCALLS_COUNTED_CALLS_HPP
#define SYSCALLS_COUNTED_CALLS_HPP

//  How many system calls libzmq's I/O threads in this process have made through the functions of the C library that
//  are listed in counted_calls.cpp. What the C library calls within itself, for contended locks and for memory, is
//  not among them.
unsigned long io_thread_calls ();

#endif
