/* SPDX-License-Identifier: MIT
 * ct_impl.h - what the files of connection tracking share.
 */
#pragma once

#include "net/netfilter/conntrack.h"
#include "net/core/sock.h"
#include "net/wire/icmp.h"
#include "net/wire/tcp.h"

struct ct_cpu {
	struct hlist_head *buckets; /* NULL: tracking is off */
	u32 mask;
	unsigned order;             /* pages of buckets */
	u32 count;                  /* of confirmed connections */
	struct kmem_cache *cache;
	struct nf_conn *fresh;      /* not confirmed yet: its packet is under way, or died */
	struct ct_stats stats;
	u64 log_at;
};

struct ct_packet {
	struct ct_tuple tuple;
	struct tcp_seg seg; /* of TCP */
};

/* ---- ct_proto.c ---- */
/* The tuple of a packet whose IP header is at skb->data; false: it has none that can be tracked. */
bool ct_read(struct net_cpu *cpu, struct sk_buff *skb, struct ct_packet *p);
/* The tuple of a quoted packet, of which `len` bytes are at p. */
bool ct_read_quote(const u8 *p, unsigned len, struct ct_tuple *t);
struct ct_tuple ct_invert(const struct ct_tuple *t);
/* May this packet begin a connection? */
bool ct_may_begin(const struct ct_packet *p);
/* The connection goes on by this packet of direction dir: its state, and how long it now lasts in ns; 0: it is invalid. */
u64 ct_advance(struct nf_conn *ct, const struct ct_packet *p, enum ct_dir dir);
