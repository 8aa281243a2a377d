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

union greeting_control
{
    struct cmsghdr align;
    char bytes[CMSG_SPACE (GREETING_FDS * sizeof (int))];
};

/* True when the process at the other end may talk to us. */
bool wire_user_is_welcome (int fd);

#endif
