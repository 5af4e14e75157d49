/* SPDX-License-Identifier: MIT
 * ether.h - Ethernet as a link: eth_link_ops (declared in net/core/dev.h) takes frames in and puts
 * headers on.
 */
#pragma once

#include "net/core/dev.h"
#include "net/wire/ether.h"

/* link_ops.rcv: pulls the link header, sets protocol, pkt_type and network_header. */
enum drop_reason eth_rcv(struct net_cpu *cpu, struct sk_buff *skb);

/* For dev's own address, from one station: as almost all are. */
static inline bool eth_is_plain(const struct eth_hdr *eh, const struct net_device *dev)
{
	u64 mine, dst; /* and two bytes more, which are shifted out */

	_Static_assert(offsetof(struct net_device, broadcast) == offsetof(struct net_device, addr) + ETH_ALEN, "bytes there are");
	memcpy(&mine, (const u8 *)dev + offsetof(struct net_device, addr), sizeof(mine));
	memcpy(&dst, eh, sizeof(dst));
	return !((mine ^ dst) << 16) && !eth_is_multicast(eh->src);
}
