/* SPDX-License-Identifier: MPL-2.0 */
#include "support.h"

#if defined __SANITIZE_THREAD__
/*
 * Some facts are about a descriptor that one thread uses while another closes
 * it, or connects it. That is what ThreadSanitizer calls a race on the
 * descriptor; it is the kernel's to sort out.
 */
const char *__tsan_default_suppressions (void);
const char *__tsan_default_suppressions (void)
{
    return "race:^close$\nrace:interceptor_close$\n"
           "race:^epoll_ctl$\nrace:interceptor_epoll_ctl$\n";
}

/* A report is a failure, also in a case whose outcome is not judged. */
const char *__tsan_default_options (void);
const char *__tsan_default_options (void)
{
    return "halt_on_error=1";
}
#endif

int main (int argc, char **argv)
{
    return conf_main (argc, argv, scif_is_there);
}
