/* SPDX-License-Identifier: MPL-2.0 */

//  What libzmq's own configuration would find on Linux, as far as the sources
//  under test and those that they need ask for it.

#ifndef RING_TESTS_PLATFORM_HPP
#define RING_TESTS_PLATFORM_HPP

#define ZMQ_HAVE_SCIF
#define ZMQ_HAVE_LINUX
#define ZMQ_HAVE_EVENTFD
#define ZMQ_HAVE_EVENTFD_CLOEXEC
#define ZMQ_HAVE_IPC
#define ZMQ_HAVE_IFADDRS
#define ZMQ_HAVE_UIO
#define ZMQ_HAVE_O_CLOEXEC
#define ZMQ_HAVE_SOCK_CLOEXEC
#define ZMQ_HAVE_SO_KEEPALIVE
#define ZMQ_HAVE_TCP_KEEPCNT
#define ZMQ_HAVE_TCP_KEEPIDLE
#define ZMQ_HAVE_TCP_KEEPINTVL
#define ZMQ_HAVE_PTHREAD_SETNAME_2
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC
#define ZMQ_POLL_BASED_ON_POLL
#define ZMQ_CACHELINE_SIZE 64
#define ZMQ_USE_BUILTIN_SHA1
#define HAVE_CLOCK_GETTIME
#define HAVE_FORK
#define HAVE_STRNLEN
#define HAVE_ACCEPT4

#endif
