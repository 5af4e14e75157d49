/* SPDX-License-Identifier: MIT
 * config.h - the disciplines that the kernel command line chooses.
 */
#pragma once

#include "net/net.h"

/* Applies every qdisc= word; the devices are open. A word that cannot be used is logged with the reason and does nothing. */
void qdisc_configure(struct net *net, const char *cmdline);
