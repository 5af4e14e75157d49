/* SPDX-License-Identifier: MIT
 * ip6.h - what `ip` prints of IPv6 (cmd_ip6.c).
 */
#pragma once

#include "console/commands.h"

struct net_device;
void ip6_show_addrs(struct console_call *c, const struct net_device *dev);
void ip6_show_routes(struct console_call *c);
struct ip6_route;
/* Who made the route, in iproute2's words: ra, kernel, static or boot. */
const char *ip6_route_proto(const struct ip6_route *r);
