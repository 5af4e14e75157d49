/* SPDX-License-Identifier: MIT
 * frag.h - reassembly of datagrams, bounded and in order, for both families.
 *
 * A family checks what one fragment can have wrong, and says in struct frag_ops what differs: its counters, how long it
 * waits, and how the header of the whole is made of the first piece's.
 */
#pragma once

#include "net/core/dev.h"

struct frag_key { /* of one datagram */
	struct ip_addr src, dst;
	u32 id;
	u8 proto; /* IPv4: of the payload; IPv6: 0 */
};

struct frag_ops {
	u16 oks, fails, timeouts; /* enum net_stat */
	u32 spare;                /* bytes of the first piece's header that a length of 65535 does not count */
	u64 (*time_s)(const struct net_cpu *cpu);
	/* Time is over; the first fragment is here, skb->data at its IP header. */
	void (*timed_out)(struct net_cpu *cpu, struct sk_buff *first);
	/* skb is the whole behind the first piece's header: the header becomes that of a datagram. */
	void (*finish)(struct sk_buff *skb, bool congestion);
};

/* Takes a fragment, skb->data at its IP header, skb->ip filled, payload from skb->ip.hdr_len on, which is bytes [off, ...)
 * of the whole. RX_OK: *skb is the whole datagram now, in the same shape, and the caller's; else the verdict. */
enum drop_reason frag_rcv(struct net_cpu *cpu, struct sk_buff **skb, const struct frag_key *key, u32 off, bool mf,
			  const struct frag_ops *ops);

/* Contiguous bytes of an skb at `off` (smaller than its length): where they are, and how many in *avail. */
u8 *skb_at(struct sk_buff *skb, unsigned off, unsigned *avail);

/* Adds the unfinished reassemblies, of IPv4 to count[0], of IPv6 to count[1]. */
void frag_count(const struct net_cpu *cpu, u32 count[2]);
/* Fragments in unfinished reassemblies. */
u64 frags_waiting(const struct net_cpu *cpu);

int frag_cpu_init(struct net_cpu *cpu); /* 0 or -ENOMEM */
void frag_cpu_destroy(struct net_cpu *cpu);
