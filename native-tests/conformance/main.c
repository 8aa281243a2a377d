/* SPDX-License-Identifier: MPL-2.0 */
#include "support.h"

#if defined __SANITIZE_THREAD__
/* Some facts are about closing a descriptor that another thread is using. That
   is what ThreadSanitizer calls a race on the descriptor. */
const char *__tsan_default_suppressions (void);
const char *__tsan_default_suppressions (void)
{
    return "race:^close$\nrace:interceptor_close$\n";
}
#endif

int main (int argc, char **argv)
{
    return conf_main (argc, argv, scif_is_there);
}
