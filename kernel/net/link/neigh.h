/* SPDX-License-Identifier: MIT
 * neigh.h - the neighbour table: which link address has a next hop? One table for both families,
 * one per CPU.
 *
 *	NONE -> INCOMPLETE       [neigh_output: first packet, solicit]
 *	INCOMPLETE -> REACHABLE  [neigh_update: we asked]  -> STALE [we did not]  -> FAILED [timer]
 *	REACHABLE -> STALE       [timer: not confirmed for reachable time]
 *	STALE -> DELAY           [neigh_output: it is used]  -> gone [timer: unused for gc_stale]
 *	DELAY -> PROBE           [timer]  -> REACHABLE [neigh_confirm, neigh_update]
 *	PROBE -> REACHABLE       [neigh_update, neigh_confirm]  -> FAILED [timer: no answers]
 *	FAILED -> INCOMPLETE     [neigh_output]  -> gone [timer]
 *
 * States and timers are those of RFC 4861 7.3, for ARP too. An entry may go whenever softirq runs:
 * whoever caches a pointer to it (struct dst) compares generations first (dst_valid); one that went a
 * moment ago is still there, is of no state, and neigh_output() looks for it anew.
 *
 * Each family has at most gc_thresh3 entries. A stranger's word (a request, a solicitation, an
 * advertisement of a router) makes an entry that stands apart until its neighbour has answered: of
 * such there are at most gc_thresh2, a newcomer among them takes the place of another, and never of
 * one that we look for or know to be there.
 */
#pragma once

#include "net/core/dst.h"
#include "net/wire/ether.h"

enum neigh_state {
	NEIGH_NONE,
	NEIGH_INCOMPLETE,
	NEIGH_REACHABLE,
	NEIGH_STALE,
	NEIGH_DELAY,
	NEIGH_PROBE,
	NEIGH_FAILED
};

struct neigh {
	/* ---- hot ---- */
	u8 state;             /* enum neigh_state */
	u8 probes;            /* sent in this state */
	u8 link_hdr[ETH_HLEN]; /* finished link header, valid where neigh_is_valid() */
	u64 used_ns;
	u64 confirmed_ns;
	struct net_device *dev;
	struct ip_addr addr;
	/* ---- control ---- */
	struct hlist_node hash;
	struct list_head lru; /* of its family and kind: in order of creation, or of the last time eviction passed it by */
	struct net_cpu *cpu;
	struct timer timer;   /* always armed: each state ends some time */
	u64 updated_ns;       /* the link address changed */
	u64 reachable_ns;     /* how long a confirmation lasts this time */
	u64 solicited_ns;     /* last request: at most one per retrans time (RFC 1122 2.3.2.1) */
	struct sk_buff_head parked;
	bool is_router;       /* it said so in its last advertisement (RFC 4861 7.2.5) */
	bool heard;           /* by its own word alone so far */
	bool gone;            /* of the table no more; kept for whoever has it cached (see neigh.c) */
	u8 sent;              /* packets to it while heard, up to 2: a stranger is answered once */
};
static inline const u8 *neigh_ha(const struct neigh *n) { return n->link_hdr; }
/* The link address is known and believed. */
static inline bool neigh_is_valid(const struct neigh *n)
{
	return n->state >= NEIGH_REACHABLE && n->state <= NEIGH_PROBE;
}

/* What a family does for its neighbours; each CPU's table is told at init. */
struct neigh_ops {
	u16 ethertype;
	/* Asks for n->addr: by link broadcast or multicast, or of the cached link address. */
	void (*solicit)(struct net_cpu *cpu, struct neigh *n, bool unicast);
	/* What a router said of the link's times; 0: nothing. NULL: nobody ever does. */
	u32 (*reachable_ms)(struct net_cpu *cpu, const struct net_device *dev);
	u32 (*retrans_ms)(struct net_cpu *cpu, const struct net_device *dev);
};
void neigh_set_ops(struct net_cpu *cpu, const struct neigh_ops *ops);

/* Sends a finished IP packet to its next hop: fills the link header, or parks the packet and asks.
 * Consumes. */
void neigh_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst);
static inline void neigh_xmit(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	struct neigh *n = dst->neigh;

	skb->dev = dst->dev;
	if (likely(n && n->state == NEIGH_REACHABLE && skb_headroom(skb) >= ETH_HLEN)) {
		skb->data -= ETH_HLEN;
		skb->len += ETH_HLEN;
		memcpy(skb->data, n->link_hdr, ETH_HLEN);
		n->used_ns = cpu->now_ns;
		dev_queue_xmit(cpu, skb);
		return;
	}
	neigh_output(cpu, skb, dst);
}

/* Packets parked on all entries of this CPU. */
u64 neigh_parked(const struct net_cpu *cpu);

/* The entry of addr on dev; NULL: none. */
struct neigh *neigh_lookup(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr);
/* The same, made when absent; NULL: table full of entries in use, or no memory. May evict, which
 * may move cpu->dst_gen. */
struct neigh *neigh_get(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr);

enum { /* how a link address was learned */
	NEIGH_SOLICITED = 1, /* it is the answer to a question of ours */
	NEIGH_CREATE = 2,    /* worth an entry even if there is none */
	NEIGH_OVERRIDE = 4,  /* believe it against a known, different address */
	NEIGH_ADVERT = 8,    /* by the rules for neighbour advertisements (RFC 4861 7.2.5); ha may be NULL */
	NEIGH_ROUTER = 16,   /* with NEIGH_ADVERT: the neighbour is a router */
	NEIGH_IF_ASKED = 32, /* the two above hold on CPUs whose entry waits for an answer, no others */
};
/* A link address was heard of; tells the other CPUs' tables. false: refused, it contradicts a fresh
 * entry, or there is no place for it. */
bool neigh_update(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr,
		  const u8 *ha, unsigned how);
/* Forward progress of a transport: the neighbour is there (RFC 4861 7.3.1). */
void neigh_confirm_slow(struct net_cpu *cpu, struct neigh *n);
static inline void neigh_confirm(struct net_cpu *cpu, struct neigh *n)
{
	n->confirmed_ns = cpu->now_ns;
	if (unlikely(n->state != NEIGH_REACHABLE))
		neigh_confirm_slow(cpu, n);
}
/* Is it known not to answer? For the choice among gateways (RFC 1122 3.3.1.5). */
bool neigh_is_failed(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr);
/* Forgets everything about a device (address change, device down). */
void neigh_flush(struct net_cpu *cpu, struct net_device *dev);

/* Called for each packet whose next hop did not answer, network_header set; does not consume. Set
 * by each family at init. */
typedef void (*neigh_error_fn)(struct net_cpu *cpu, struct sk_buff *skb);
void neigh_on_error(struct net_cpu *cpu, u16 ethertype, neigh_error_fn fn);

/* Walks the table for the operator: entries in order of age; NULL ends. Start with NULL. */
const struct neigh *neigh_next(const struct net_cpu *cpu, const struct neigh *n);
const char *neigh_state_name(enum neigh_state s);

int neigh_cpu_init(struct net_cpu *cpu);
void neigh_cpu_destroy(struct net_cpu *cpu);
