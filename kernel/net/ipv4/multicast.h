/* SPDX-License-Identifier: MIT
 * multicast.h - membership in IPv4 groups (RFC 1112), and IGMP, which tells routers of it (RFC 2236, RFC 3376).
 *
 * Each CPU has its own members and takes in what comes to it for their groups. CPU 0 speaks for all of them.
 */
#pragma once

#include "net/core/dst.h"

extern const struct inet_protocol igmp_protocol;

struct ip_mc {
	be32 group;
	struct net_device *dev;
	u32 users;
};
/* One more user of a group on a device. 0, -EINVAL (no group), -ENODEV (no device that could), -ENOBUFS (table full),
 * -ENOMEM. *dev NULL becomes the device that a datagram to the group would leave by. */
int ip_mc_join(struct net_cpu *cpu, struct net_device **dev, be32 group);
/* One less. -EADDRNOTAVAIL: there is none. */
int ip_mc_leave(struct net_cpu *cpu, struct net_device *dev, be32 group);
/* Does this CPU take in what comes by dev for this group? 224.0.0.1 always; by lo what any device takes. */
bool ip_mc_is_member(const struct net_cpu *cpu, const struct net_device *dev, be32 group);
/* The i-th membership of this CPU, NULL past the last. */
const struct ip_mc *ip_mc_get(const struct net_cpu *cpu, unsigned i);
/* The version that is spoken on dev: 1, 2 or 3. Of CPU 0. */
unsigned igmp_version(struct net_device *dev);
