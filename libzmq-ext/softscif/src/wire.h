/* SPDX-License-Identifier: MPL-2.0 */
/* What connecter and accepter say to each other on the socket. */
#ifndef SOFTSCIF_WIRE_H
#define SOFTSCIF_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* First on each connection, with the segment's descriptor. */
struct greeting
{
    uint32_t magic;
    uint32_t version;
    uint64_t process; /* id of the connecter's process */
};

/* The descriptors that come with it. */
enum greeting_fd
{
    GREETING_SEGMENT,
    GREETING_MAILBOX,
    GREETING_FDS
};

/*
 * Sends, or receives, without waiting; with n descriptors, GREETING_FDS at most.
 * When others than n came they are closed, and those in fds are -1.
 */
ssize_t
wire_send (int to, void *bytes, size_t len, const int *fds, size_t n);
ssize_t wire_receive (int from, void *bytes, size_t len, int *fds, size_t n);

/* True when the process at the other end may talk to us. */
bool wire_user_is_welcome (int fd);

#endif
