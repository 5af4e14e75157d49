/* SPDX-License-Identifier: MIT
 * ct_impl.h - what the files of connection tracking and NAT share.
 */
#pragma once

#include "net/netfilter/conntrack.h"
#include "net/core/sock.h"
#include "net/wire/icmp.h"
#include "net/wire/tcp.h"

struct nat_cpu;

struct ct_cpu {
	struct hlist_head *buckets; /* NULL: tracking is off */
	u32 mask;
	u32 flow_gen;               /* of what cached flows were made of; never 0 */
	struct ct_walk {            /* the packet under way; one at a time */
		struct nf_conn *ct;
		u8 dir;
		bool cacheable;
	} walk;
	struct nf_conn *fresh;      /* not confirmed yet: its packet is under way, or died */
	u32 count;                  /* of confirmed connections */
	unsigned order;             /* pages of buckets */
	struct kmem_cache *cache;
	struct ct_stats stats;
	u64 log_at;
	struct nat_cpu *nat;        /* nat_map.c; NULL: nothing is translated */
};

struct ct_packet {
	struct ct_tuple tuple;
	struct tcp_seg seg; /* of TCP */
};

/* ---- skb->nfct: a connection and what the packet is to it ---- */
#define INFO_MASK      15ul /* low bits */
#define INFO_REPLY     1ul
#define INFO_NEW       2ul
#define INFO_RELATED   4ul
#define INFO_UNTRACKED 8ul
_Static_assert(_Alignof(struct nf_conn) > INFO_MASK, "low bits are free");

static inline void nfct_set(struct sk_buff *skb, struct nf_conn *ct, unsigned long info)
{
	skb->nfct = (void *)((uintptr_t)ct | info);
}
static inline struct nf_conn *nfct_get(const struct sk_buff *skb)
{
	return (struct nf_conn *)((uintptr_t)skb->nfct & ~INFO_MASK);
}
static inline unsigned long nfct_info(const struct sk_buff *skb) { return (uintptr_t)skb->nfct & INFO_MASK; }
static inline enum ct_dir nfct_dir(const struct sk_buff *skb)
{
	return nfct_info(skb) & INFO_REPLY ? CT_REPLY : CT_ORIGINAL;
}

/* ---- tuples ---- */
static inline bool ct_tuple_eq(const struct ct_tuple *a, const struct ct_tuple *b)
{
	u64 x, y;

	memcpy(&x, &a->sport, sizeof(x));
	memcpy(&y, &b->sport, sizeof(y));
	return !((x ^ y) | (a->src.q[1] ^ b->src.q[1]) | (a->dst.q[1] ^ b->dst.q[1]) | (a->src.q[0] ^ b->src.q[0]) |
		 (a->dst.q[0] ^ b->dst.q[0]));
}
static inline u32 ct_tuple_hash(const struct net_cpu *cpu, const struct ct_tuple *t)
{
	const struct siphash_key *key = &cpu->net->hash_key;
	u64 ports;

	memcpy(&ports, &t->sport, sizeof(ports));
	if (likely(ip_is_v4(&t->src)))
		return nhash_2u64((u64)ip_v4(&t->src).raw << 32 | ip_v4(&t->dst).raw, ports, key);
	return nhash_2u64(siphash_2u64(t->src.q[0], t->src.q[1], key) - siphash_2u64(t->dst.q[0], t->dst.q[1], key), ports,
			  key);
}
static inline bool ct_has_ports(u8 proto) { return proto == IPPROTO_TCP || proto == IPPROTO_UDP; }

/* ---- conntrack.c: the table ---- */
static inline struct ct_end *ct_find(struct net_cpu *cpu, const struct ct_tuple *t, u32 hash)
{
	struct ct_end *e;

	hlist_for_each_entry(e, &cpu->ct->buckets[hash & cpu->ct->mask], node)
		if (e->hash == hash && ct_tuple_eq(&e->tuple, t))
			return e;
	return NULL;
}
static inline bool ct_tuple_taken(struct net_cpu *cpu, const struct ct_tuple *t)
{
	return ct_find(cpu, t, ct_tuple_hash(cpu, t)) != NULL;
}
static inline struct nf_conn *ct_of(struct ct_end *e)
{
	return container_of(e - e->dir, struct nf_conn, end[0]);
}
/* A new connection that p begins stands beside the table: cpu->ct->fresh. NULL: the table is full, which is counted. */
struct nf_conn *ct_create(struct net_cpu *cpu, const struct ct_packet *p, u32 hash);
/* Moves it into the table; false: somebody has one of its tuples, and it is gone. */
bool ct_insert(struct net_cpu *cpu, struct nf_conn *ct);
void ct_free(struct nf_conn *ct);
/* It lasts for `timeout_ns` from now. */
static inline void ct_refresh(struct nf_conn *ct, u64 timeout_ns)
{
	ct->expires_ns = ct->cpu->now_ns + timeout_ns;
	/* The timer moves at once when the end came nearer; else it finds out when it fires. */
	if (unlikely(ct->confirmed && ct->expires_ns < ct->timer.expires_ns))
		timer_arm(&ct->cpu->wheel, &ct->timer, ct->expires_ns);
}

/* ---- ct_track.c: hook functions ---- */
enum drop_reason ct_track(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv);
enum drop_reason ct_confirm(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			    struct net_device *out, void *priv);

/* ---- ct_flow.c ---- */
/* A packet of a cached flow is sent on at once: SKB_CONSUMED. RX_OK: it goes the long way. skb->data is at a plain IPv4 header. */
enum drop_reason ct_flow_rcv(struct net_cpu *cpu, struct sk_buff *skb);
/* The packet passed all hooks on its way from one device to another: does what comes after it need them? */
void ct_flow_learn(struct net_cpu *cpu, struct sk_buff *skb, struct net_device *in);

/* ---- ct_proto.c ---- */
/* The tuple of a packet whose IP header of hdr_len bytes (with IPv6's extension headers) is at skb->data; false: it has none
 * that can be tracked. */
bool ct_read(struct net_cpu *cpu, struct sk_buff *skb, struct ct_packet *p, unsigned hdr_len);
/* The tuple of a quoted packet, of which `len` bytes are at p. */
bool ct_read_quote(const u8 *p, unsigned len, struct ct_tuple *t);
struct ct_tuple ct_invert(const struct ct_tuple *t);
/* May this packet begin a connection? */
bool ct_may_begin(const struct ct_packet *p);
/* The connection goes on by this packet of direction dir: its state, and how long it now lasts in ns; 0: it is invalid. */
u64 ct_advance(struct nf_conn *ct, const struct ct_packet *p, enum ct_dir dir);
/* The same for a plain acknowledgment (ACK, perhaps PSH) in ESTABLISHED, and for a datagram. */
u64 ct_advance_established(struct nf_conn *ct, seq_t ack, enum ct_dir dir);
u64 ct_advance_datagram(struct nf_conn *ct);

/* ---- nat.c ---- */
enum drop_reason nat_hook(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			  struct net_device *out, void *priv);

/* ---- nat_map.c ---- */
/* What a rule asks for; all zero: nothing. */
struct nat_range {
	be32 lo, hi;       /* addresses; 0: as it is */
	u16 port_lo, port_hi; /* 0: as it is, where that is free */
	bool random;       /* not as it is even where that is free */
};
int nat_init(struct net_cpu *cpu);
void nat_destroy(struct net_cpu *cpu);
/* Can a connection have this reply? It is nobody else's, and comes to this CPU. */
bool nat_reply_fits(struct net_cpu *cpu, const struct ct_tuple *reply);
/* Gives the connection a source, or destination, out of the range; false: there is none left. */
bool nat_bind_src(struct net_cpu *cpu, struct nf_conn *ct, const struct nat_range *r);
bool nat_bind_dst(struct net_cpu *cpu, struct nf_conn *ct, const struct nat_range *r);
/* One connection less uses its map. */
void nat_map_put(struct net_cpu *cpu, struct nat_map *m);

/* ---- nat_mangle.c ---- */
/* Rewrites source (else destination) to what t says, sums included; false: no memory. */
bool nat_mangle(struct net_cpu *cpu, struct sk_buff *skb, const struct ct_tuple *t, bool source);
/* Rewrites the packet that an ICMP error quotes to t. */
bool nat_mangle_quote(struct net_cpu *cpu, struct sk_buff *skb, const struct ct_tuple *t);
/* Rewrites the outer address of an ICMP error. */
bool nat_mangle_addr(struct net_cpu *cpu, struct sk_buff *skb, be32 addr, bool source);
/* A finished checksum after what it covers changed by delta; one in CHECKSUM_PARTIAL's field. */
static inline be16 nat_csum(be16 check, u32 delta) { return csum_fold(csum_add((u16)~check.raw, delta)); }
static inline be16 nat_csum_partial(be16 check, u32 delta) { return csum_fold16(csum_add(check.raw, delta)); }
