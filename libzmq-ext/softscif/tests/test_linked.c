/* SPDX-License-Identifier: MPL-2.0 */
/*
 * A program that was linked against another libscif, of the same soname and
 * symbol version as Intel's, runs on SoftSCIF as it is: it uses all of the 22
 * functions, and each would abort if it were still the other's.
 */
#include "check.h"

#include <sys/mman.h>

#define PAGE 4096
#define RW (SCIF_PROT_READ | SCIF_PROT_WRITE)

static char *page (void)
{
    char *p = mmap (NULL, PAGE, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset (p, 'p', PAGE);
    return p;
}

static void test_every_function (void)
{
    int pair[2], mark;
    char text[4] = "abc", *mine = page (), *other = page ();
    uint16_t node, self;
    check_pair (pair); /* open, bind, listen, connect, accept, close */
    CHECK_EQUAL (scif_get_nodeIDs (&node, 1, &self), 1);
    CHECK_EQUAL (scif_get_fd (pair[0]), pair[0]);
    CHECK_EQUAL (scif_send (pair[0], text, 3, SCIF_SEND_BLOCK), 3);
    CHECK_EQUAL (check_poll (pair[1], SCIF_POLLIN, 1000), SCIF_POLLIN);
    CHECK_EQUAL (scif_recv (pair[1], text, 3, SCIF_RECV_BLOCK), 3);

    CHECK_EQUAL (scif_register (pair[0], mine, PAGE, 0, RW, SCIF_MAP_FIXED), 0);
    CHECK_EQUAL (scif_register (pair[1], other, PAGE, 0, RW, SCIF_MAP_FIXED),
                 0);
    other[0] = 'o';
    CHECK_EQUAL (scif_readfrom (pair[0], 0, 1, 0, SCIF_RMA_SYNC), 0);
    CHECK_EQUAL (mine[0], 'o');
    mine[1] = 'm';
    CHECK_EQUAL (scif_writeto (pair[0], 1, 1, 1, SCIF_RMA_SYNC), 0);
    CHECK_EQUAL (other[1], 'm');
    CHECK_EQUAL (scif_vwriteto (pair[0], text, 3, 8, SCIF_RMA_SYNC), 0);
    CHECK_EQUAL (scif_vreadfrom (pair[1], text, 1, 1, SCIF_RMA_SYNC), 0);
    CHECK_EQUAL (text[0], mine[1]);
    CHECK_EQUAL (scif_fence_mark (pair[0], SCIF_FENCE_INIT_SELF, &mark), 0);
    CHECK_EQUAL (scif_fence_wait (pair[0], mark), 0);
    CHECK_EQUAL (scif_fence_signal (pair[0], 0, 0, 16, 7,
                                    SCIF_FENCE_INIT_SELF | SCIF_SIGNAL_REMOTE),
                 0);
    CHECK_EQUAL (other[16], 7);
    char *mapped = scif_mmap (NULL, PAGE, RW, 0, pair[0], 0);
    CHECK (mapped != SCIF_MMAP_FAILED && mapped[16] == 7);
    CHECK_EQUAL (scif_munmap (mapped, PAGE), 0);
    CHECK_EQUAL (scif_unregister (pair[0], 0, PAGE), 0);
    CHECK_EQUAL (scif_close (pair[0]), 0);
    CHECK_EQUAL (scif_close (pair[1]), 0);
}

int main (void)
{
    check_begin ("linked", 20);
    RUN (test_every_function);
    return check_end ();
}
