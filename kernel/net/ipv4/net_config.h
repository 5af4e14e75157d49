/* SPDX-License-Identifier: MIT
 * net_config.h - what the kernel command line says about addresses: ip=dhcp,
 * ip=[DEV:]ADDR/PLEN[,GATEWAY], ip=none.
 */
#pragma once

#include "net/net.h"

/* Opens lo and every device, then gives each its address: the ip= that names it, else the first
 * that names none, else DHCP. A value that cannot be used is named on the log with what is used
 * instead. 0 or -errno of the last device that could not be opened. */
int net_configure(struct net *net, const char *cmdline);
