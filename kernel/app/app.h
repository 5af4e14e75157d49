/* SPDX-License-Identifier: MIT
 * app.h - the application: which port gets which service, and its start and end.
 */
#pragma once

#include "net/net.h"

struct app_params {
	const void *site;    /* an archive that stays in memory for ever; site_len 0: none was given */
	size_t site_len;
	const char *cmdline; /* app.* keys: see app.c */
};

/* After net_configure(): spawns the services' fibers on CPU 0. The line "barewire ready" follows when they listen and a
 * device has its address. 0, or -ENOMEM when nothing could be started. */
int app_start(struct net *net, const struct app_params *p);
/* Before a power-off, from base context: no new connections, answers under way are finished. */
void app_drain(struct net *net);
/* Is anybody still being served? */
bool app_is_idle(const struct net *net);
/* Ends everything and frees it (host builds and tests). The fibers end when they next run. */
void app_stop(struct net *net);
