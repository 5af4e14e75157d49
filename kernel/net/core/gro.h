/* SPDX-License-Identifier: MIT
 * gro.h - generic receive offload: in-order TCP segments of one flow become one skb before they enter the stack (RX8).
 *
 * A driver offers each received buffer; what continues a segment that is held is appended to it without an skb of its own.
 * Held segments enter the stack when something of their flow comes that does not continue them, when a PSH or a short
 * segment ends them, and at the end of the poll at the latest: nothing is held longer than a poll lasts.
 * No merge hides anything that TCP must see: flags other than ACK and PSH, another acknowledgment, window, option, TOS (and
 * so ECN), TTL or a gap end what is held. IPv4 packets without DF are left alone, so their identification needs no care
 * (RFC 6864); IPv6 ones with extension headers, too.
 */
#pragma once

#include "net/core/dev.h"
#include "net/core/skbuff.h"

/* Whether gro_receive() is to be asked about a frame of len bytes: it may begin something, or something is held. */
static inline bool gro_wants(const struct net_cpu *cpu, const struct net_device *dev, unsigned len)
{
	return unlikely((len >= GRO_MIN_FRAME || cpu->gro_held) && dev->features & NETIF_F_GRO);
}

/* A frame of len bytes at p, in a buffer of the pools, link header first, from rx queue rxq of dev; `vouched`: the device checked
 * its TCP checksum. true: it is held or merged, and the buffer was taken. false: it is the caller's, to be received at once; what was
 * held of its flow has entered the stack before it. */
bool gro_receive(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, u8 *p, unsigned len, bool vouched);

/* Everything held enters the stack: after each poll function, and before a frame that goes another way. */
void gro_flush_all(struct net_cpu *cpu);
static inline void gro_flush(struct net_cpu *cpu)
{
	if (unlikely(cpu->gro_held))
		gro_flush_all(cpu);
}

int gro_cpu_init(struct net_cpu *cpu);
void gro_cpu_destroy(struct net_cpu *cpu);
