/* SPDX-License-Identifier: MIT
 * loopback.h - the device lo: what it sends it receives.
 */
#pragma once

#include "net/core/dev.h"

/* Makes and registers lo; it is opened by net_configure() or dev_open(). 0 or -errno. */
int loopback_create(struct net *net);
/* lo of this stack; NULL when there is none. */
struct net_device *loopback_dev(struct net *net);
/* Frees what loopback_create() made (net_destroy). */
void loopback_destroy(struct net *net);
