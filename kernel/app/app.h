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

/* After net_configure(), before other CPUs run: spawns the services' fibers on each CPU that owns flows. The line "barewire ready" follows when they listen and a
 * device has its address. 0, or -ENOMEM when nothing could be started. */
int app_start(struct net *net, const struct app_params *p);
/* On CPU 0. Takes no new connections, finishes the answers under way (http.drain_timeout_ms at most), then calls end(), once. This is
 * what the power button does, and net->shutdown for others. */
void app_shutdown(struct net *net, void (*end)(void));
/* Ends everything and frees it (host builds and tests). The fibers end when they next run. */
void app_stop(struct net *net);
