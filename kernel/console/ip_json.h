/* SPDX-License-Identifier: MIT
 * ip_json.h - what `ip --json` prints, with the members that iproute2's -j has.
 */
#pragma once

#include "console/commands.h"

struct net_device;
/* What the words before and behind `ip`'s object ask for. */
struct ip_options {
	bool four, six, stats, json, addr; /* addr: addresses of links, too */
	const struct net_device *dev; /* NULL: all */
};
extern const struct ip_flag {
	u32 bit;
	const char *name;
} ip_iff_names[]; /* ends with a row without a name; in cmd_ip.c */

const char *ip_oper_state(const struct net_device *dev);
const char *ip_qdisc_name(const struct net_device *dev);
struct dev_stats;
void ip_link_stats(const struct net_device *dev, struct dev_stats *rx, struct dev_stats *tx);

/* addrs: with addr_info, as `ip addr`. */
void ip_json_links(struct console_call *c, const struct ip_options *o, bool addrs);
void ip_json_routes(struct console_call *c, const struct ip_options *o);
void ip_json_neighs(struct console_call *c, const struct ip_options *o);
