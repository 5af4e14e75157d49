/* SPDX-License-Identifier: MIT
 * ip6.h - what `ip` prints of IPv6 (cmd_ip6.c).
 */
#pragma once

#include "console/commands.h"

struct net_device;
void ip6_show_addrs(struct console_call *c, const struct net_device *dev);
void ip6_show_routes(struct console_call *c);
