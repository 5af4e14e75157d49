/* SPDX-License-Identifier: MIT
 * arp.h - who has this IPv4 address? (RFC 826, RFC 1122 2.3.2, RFC 5227)
 */
#pragma once

#include "net/link/neigh.h"

extern const struct neigh_ops arp_neigh_ops;

enum drop_reason arp_rcv(struct net_cpu *cpu, struct sk_buff *skb); /* ETH_P_ARP */

/* Somebody else answers for addr: found while we probe for it or later (RFC 5227 2.1, 2.4). */
typedef void (*arp_conflict_fn)(struct net_cpu *cpu, struct net_device *dev, be32 addr,
				const u8 *ha, void *arg);
/* This CPU answers for addr on dev from now on. `announce`: it also probes for, then announces the
 * address (CPU 0). 0, -EEXIST, -ENOSPC. */
int arp_own_add(struct net_cpu *cpu, struct net_device *dev, be32 addr, be32 mask, bool announce);
/* addr is being probed for (RFC 3927 2.2.1): it is not answered for, but whoever uses it or probes for it too is a
 * conflict. arp_own_del() ends that. 0, -EEXIST, -ENOSPC, -ENOMEM. */
int arp_own_tentative(struct net_cpu *cpu, struct net_device *dev, be32 addr, arp_conflict_fn fn, void *arg);
/* Asks for an address from 0.0.0.0; says that it is ours. */
void arp_probe(struct net_cpu *cpu, struct net_device *dev, be32 addr);
void arp_announce(struct net_cpu *cpu, struct net_device *dev, be32 addr);
void arp_own_del(struct net_cpu *cpu, struct net_device *dev, be32 addr);
/* Who hears of conflicts about an address already added; NULL fn: defend it (RFC 5227 2.4 (b)). */
void arp_own_watch(struct net_cpu *cpu, struct net_device *dev, be32 addr, arp_conflict_fn fn,
		   void *arg);
