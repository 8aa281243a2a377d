/* SPDX-License-Identifier: MPL-2.0 */
#include "support.h"

int main (int argc, char **argv)
{
    return conf_main (argc, argv, scif_is_there);
}
