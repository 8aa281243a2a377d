/* SPDX-License-Identifier: MPL-2.0 */
/* The environment, read once at the first call into the library. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "internal.h"

#define DEFAULT_CONNECT_TIMEOUT_MS 10000

/*
 * Fits the published curve of DMA throughput by size between host and card:
 * 1 GB/s at 8 KB, 3.5 at 50 KB, 4.5 at 100 KB, 6.5 from 1 MB.
 */
#define LINK_PCIE2X16_RATE 6500.0
#define LINK_PCIE2X16_LATENCY 6.8

static struct config config;
static pthread_once_t config_once = PTHREAD_ONCE_INIT;

/* The number in a variable, or fallback when it is unset or out of range. */
static long number_of (const char *name, long low, long high, long fallback)
{
    const char *text = secure_getenv (name);
    if (!text || !*text)
        return fallback;
    char *end;
    const long value = strtol (text, &end, 10);
    return *end || value < low || value > high ? fallback : value;
}

static void add_node (uint16_t id)
{
    unsigned i = 0;
    while (i < config.nodes && config.ids[i] < id)
        i++;
    if ((i < config.nodes && config.ids[i] == id)
        || config.nodes == SOFTSCIF_MAX_NODES)
        return;
    memmove (&config.ids[i + 1], &config.ids[i],
             (config.nodes - i) * sizeof config.ids[0]);
    config.ids[i] = id;
    config.nodes++;
}

/* SOFTSCIF_NODES is a count, "2" is nodes 0 and 1, or a list: "0,2,3". */
static void read_nodes (void)
{
    const char *text = secure_getenv ("SOFTSCIF_NODES");
    if (text && strchr (text, ',')) {
        while (*text) {
            char *end;
            const long id = strtol (text, &end, 10);
            if (end != text && id >= 0 && id < SOFTSCIF_MAX_NODES)
                add_node ((uint16_t) id);
            text = *end ? end + 1 : end;
        }
    } else {
        const long count =
          number_of ("SOFTSCIF_NODES", 1, SOFTSCIF_MAX_NODES, 1);
        for (long id = 0; id < count; id++)
            add_node ((uint16_t) id);
    }
    add_node (config.node);
}

/* "pcie2x16", or "<MB/s>:<us>" per direction. */
static void read_link (void)
{
    const char *text = secure_getenv ("SOFTSCIF_LINK");
    double rate = 0, latency = 0;
    if (!text || !*text)
        return;
    if (strcmp (text, "pcie2x16") == 0) {
        rate = LINK_PCIE2X16_RATE;
        latency = LINK_PCIE2X16_LATENCY;
    } else if (sscanf (text, "%lf:%lf", &rate, &latency) < 1)
        return;
    if (rate > 0 && latency >= 0 && latency < 1e6) {
        config.link_rate = rate;
        config.link_latency = latency;
    }
}

static void read_quirks (void)
{
    const char *text = secure_getenv ("SOFTSCIF_QUIRKS");
    char *copy = text ? strdup (text) : NULL;
    char *rest = NULL;
    for (char *item = copy ? strtok_r (copy, ",", &rest) : NULL; item;
         item = strtok_r (NULL, ",", &rest))
        if (strcmp (item, "stale") == 0)
            config.stale = true;
        else
            fprintf (stderr, "softscif: SOFTSCIF_QUIRKS: what is \"%s\"?\n",
                     item);
    free (copy);
}

static void read_config (void)
{
    config.node =
      (uint16_t) number_of ("SOFTSCIF_NODE", 0, SOFTSCIF_MAX_NODES - 1, 0);
    read_nodes ();
    const char *realm = secure_getenv ("SOFTSCIF_REALM");
    if (realm && *realm)
        snprintf (config.realm, sizeof config.realm, "%s", realm);
    else
        snprintf (config.realm, sizeof config.realm, "%u",
                  (unsigned) geteuid ());
    config.connect_timeout_ms =
      (int) number_of ("SOFTSCIF_CONNECT_TIMEOUT", 1, 3600000,
                       DEFAULT_CONNECT_TIMEOUT_MS);
    config.any_user = number_of ("SOFTSCIF_ANY_USER", 0, 1, 0) == 1;
    config.dir = secure_getenv ("SOFTSCIF_DIR");
    if (config.dir && !*config.dir)
        config.dir = NULL;
    config.async_us = (int) number_of ("SOFTSCIF_ASYNC", 0, 1000000, 0);
    read_link ();
    read_quirks ();
    config.memlock = number_of ("SOFTSCIF_MEMLOCK", 0, 1, 1) == 1;
    config.admin_ports = (int) number_of ("SOFTSCIF_ADMIN_PORTS", 0, 1, -1);
}

const struct config *config_get (void)
{
    pthread_once (&config_once, read_config);
    return &config;
}

bool config_node_online (uint16_t node)
{
    const struct config *c = config_get ();
    for (unsigned i = 0; i < c->nodes; i++)
        if (c->ids[i] == node)
            return true;
    return false;
}

bool config_may_use_admin_ports (void)
{
    const struct config *c = config_get ();
    if (c->admin_ports >= 0)
        return c->admin_ports == 1;
    return config_has_capability (CAP_SYS_ADMIN);
}

bool config_has_capability (int capability)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
    memset (data, 0, sizeof data);
    return syscall (SYS_capget, &header, data) == 0
           && (data[CAP_TO_INDEX (capability)].effective
               & CAP_TO_MASK (capability))
                != 0;
}
