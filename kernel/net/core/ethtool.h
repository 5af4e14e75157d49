/* SPDX-License-Identifier: MIT
 * ethtool.h - a device's settings by name: interrupt moderation, rings, offloads, pairs of queues. The console's `ethtool` and the word
 * ethtool= of the kernel command line are two doors to it:
 *
 *	ethtool=DEV:C|G|K|L,NAME=VALUE[,NAME=VALUE]...
 *	ethtool=eth0:C,adaptive-rx=on        ethtool=eth0:G,rx=128,tx=128        ethtool=eth0:K,tso=off        ethtool=eth0:L,combined=1
 */
#pragma once

#include "net/core/dev.h"

/* Starts as what is in use, is edited word by word, then carried out whole. */
struct ethtool_change {
	struct dev_coalesce coalesce;
	struct dev_rings rings;
	u32 channels;
	u32 wanted_features;
	char why[160]; /* of an error: the value, and what is allowed */
};

void ethtool_begin(const struct net_device *dev, struct ethtool_change *c);
/* One setting; group is ethtool's letter: 'C', 'G', 'K' or 'L'. 0, or -EINVAL and c->why. */
int ethtool_set(const struct net_device *dev, struct ethtool_change *c, char group, const char *name, const char *value);
/* Carries it out, on the CPU of the device's queue 0. 0, or -errno and c->why; then nothing was changed. */
int ethtool_commit(struct net_cpu *cpu, struct net_device *dev, struct ethtool_change *c);
/* Of what was asked for, that which goes together: segmentation needs gathering and checksums. */
u32 ethtool_features(const struct net_device *dev, u32 wanted);
/* The offloads that can be switched (NETIF_F_*). */
#define ETHTOOL_SWITCHED (NETIF_F_RXCSUM | NETIF_F_HW_CSUM | NETIF_F_SG | NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | \
			  NETIF_F_GRO | NETIF_F_RXHASH)
/* Applies every ethtool= word; the devices are open. A word that cannot be used is logged with the reason and does nothing. */
void ethtool_configure(struct net *net, const char *cmdline);
