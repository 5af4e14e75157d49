/* SPDX-License-Identifier: MIT
 * predict.c - header prediction as it succeeds most of the time (Van Jacobson's): text in order with the timestamp alone,
 * whose acknowledgment tells nothing, or all of the one segment that was under way; and bare ACKs of a part of what is.
 *
 * Its fields are compared where they lie, against what the TCB expects, before anything is decoded; whatever differs in any
 * of it goes on to tcp_rcv() as it came. Each family has a copy of all this, by the constant `v6`. Runs in net_rx.
 */
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "net/tcp/receive.h"
#include "net/wire/checksum.h"
#include "net/wire/ipv4.h"
#include "net/wire/ipv6.h"

/* As almost every segment begins, behind its IP header. */
struct __packed plain_hdr {
	be16 sport, dport;
	be32 seq, ack;
	union {
		be32 word;  /* length, flags, window: as tcb.pred */
		u8 word_bytes[4];
	};
	be16 csum, urg;
	be32 kinds; /* NOP, NOP, timestamp */
	be32 tsval, tsecr;
};
_Static_assert(sizeof(struct plain_hdr) == TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED, "with its usual option");

#define PLAIN_KINDS be32_of(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | 10)

static inline u32 ip_len(bool v6)
{
	return v6 ? (u32)IPV6_HLEN : (u32)IPV4_HLEN;
}
static inline const struct ipv4_hdr *ip_of(const struct plain_hdr *h)
{
	return (const struct ipv4_hdr *)h - 1;
}

/* Nobody vouches for its sum: it is made here, once; a wrong one is tcp_rcv()'s to tell. */
static inline bool sum_is_right(struct net_cpu *cpu, struct sk_buff *skb, const struct plain_hdr *h, bool v6)
{
	u32 len = skb->len - ip_len(v6);
	u32 pseudo = v6 ? ip6_pseudo_sum(&skb->ip.src, &skb->ip.dst, IPPROTO_TCP, len)
			: csum_tcpudp_nofold(ip_of(h)->saddr, ip_of(h)->daddr, len, IPPROTO_TCP);

	if (skb->data_len || !csum_ok(csum_partial(h, len, pseudo)))
		return false;
	STAT_ADD(cpu, CsumSoftBytes, len);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	return true;
}

/* Text with the timestamp and no other option, whatever its flags. */
static inline bool is_plain(const struct sk_buff *skb, const struct plain_hdr *h, bool v6)
{
	return skb_headlen(skb) > ip_len(v6) + sizeof(*h) && be32_get(h->word) >> 28 == sizeof(*h) / 4 &&
	       h->kinds.raw == PLAIN_KINDS.raw;
}

/* Its connection, by addresses that for IPv4 are those in front of h: in the chain where it stands but while the table grows; NULL: look properly. */
static inline struct tcb *find(struct net_cpu *cpu, const struct ip_addr *src, const struct ip_addr *dst, const struct plain_hdr *h,
			       bool v6)
{
	const struct conn_table *ct = &cpu->tcp->conns;
	u32 ports, hash;
	struct conn_node *n;
	struct tcb *t;

	memcpy(&ports, &h->sport, sizeof(ports));
	ports = __builtin_bswap32(ports); /* the local one in the lower half: as a node has them in memory */
	if (v6)
		hash = conn_hash_v6(cpu, dst, src, ports << 16 | ports >> 16);
	else
		hash = conn_hash_v4(cpu, ip_of(h)->daddr, ip_of(h)->saddr, ports << 16 | ports >> 16);
	n = hlist_entry_safe(ct->chains[hash & ct->mask].first, struct conn_node, link);
	while (n && n->hash != hash)
		n = hlist_entry_safe(n->link.next, struct conn_node, link);
	if (unlikely(!n || n->kind != CONN_TCB || n->lport != (u16)ports || n->rport != ports >> 16))
		return NULL;
	t = node_tcb(n);
	if (v6)
		return likely(ip_eq(&t->sk.saddr, dst) && ip_eq(&t->sk.daddr, src)) ? t : NULL;
	return likely(t->sk.af == &ipv4_af && be32_eq(t->sk.saddr.w[3], ip_of(h)->daddr) && be32_eq(t->sk.daddr.w[3], ip_of(h)->saddr)) ? t : NULL;
}

/* Next in order and in the window, its window the one before, no flag but ACK and PSH, its timestamp no older; nothing about
 * the TCB that would want more to be looked at, and nobody who looks on. */
static inline bool is_expected(const struct tcb *t, const struct plain_hdr *h, u32 len)
{
	const struct net_cpu *cpu = t->sk.cpu;
	u32 word = be32_get(h->word) & ~((u32)TCP_PSH << 16);

	return word == t->pred && be32_get(h->seq) == t->rcv.nxt.v && (s32)(be32_get(h->tsval) - t->ts_recent) >= 0 &&
	       seq_le(seq_add(t->rcv.nxt, len), seq_add(t->rcv.wup, t->rcv.wnd)) && (word & 0xffff) << t->snd.wscale == t->snd.wnd &&
	       !(t->ecn_ok | t->marked | t->stamping) && !t->sk.rmem_alloc && !watched(cpu, WATCH_ALL) && !tcp_memory_out(cpu);
}

/* What its acknowledgment asks for: nothing, or what tcp_lone_ack() does. */
static inline bool ack_is_plain(const struct tcb *t, seq_t ack)
{
	return seq_eq(ack, t->snd.una) || tcp_is_lone_ack(t, ack);
}

static inline void queue_text(struct tcb *t, struct sk_buff *skb)
{
	skb->prev = skb->next = (struct sk_buff *)&t->rcvq; /* it was empty */
	t->rcvq = (struct sk_buff_head){ skb, skb, 1 };
	tcp_rmem_charge(t, skb);
}

/* What rcv_predicted() does, in one go. */
static __force_inline void take_expected(struct tcb *t, struct sk_buff *skb, const struct plain_hdr *h, u32 len, seq_t ack)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	seq_t seq = t->rcv.nxt;

	t->segs_in++;
	t->ts_echo = be32_get(h->tsecr);
	if (likely(seq_eq(t->rcv.wup, seq))) { /* RFC 7323 4.3: Last.ACK.sent */
		t->ts_recent = be32_get(h->tsval);
		t->ts_recent_s = cpu_s(t->sk.cpu);
	}
	STAT(t->sk.cpu, TcpExtTCPHPHits);
	t->data_segs_in++;
	if (likely(!seq_eq(ack, t->snd.una)))
		tcp_lone_ack(t, seq, ack);
	skb->data += skb->len - len;
	skb->len = len;
	cb->seq = seq;
	cb->flags = h->word_bytes[1];
	cb->end_seq = seq_add(seq, len);
	tcp_text_event(t, skb);
	t->rcv.nxt = seq_add(seq, len);
	t->bytes_received += len;
	queue_text(t, skb);
	tcp_tell_readable(t);
	tcp_text_acked(t);
}

/* ---- a bare ACK, where it lies ---- */

/* Of a part of what is under way, with the timestamp and no flag; its window may be another one, for the ACK is news. */
static inline bool is_bare_ack(const struct tcb *t, const struct plain_hdr *h, u32 word)
{
	seq_t ack = seq_of(be32_get(h->ack));

	return !((word ^ t->pred) >> 16) && word & 0xffff && be32_get(h->seq) == t->rcv.nxt.v && h->kinds.raw == PLAIN_KINDS.raw &&
	       (s32)(be32_get(h->tsval) - t->ts_recent) >= 0 && seq_gt(ack, t->snd.una) && seq_le(ack, t->snd.nxt) &&
	       tcp_is_untroubled(t) && !t->snd.lone;
}

/* Nobody vouches for the sum of its 32 bytes. */
static inline bool bare_sum_is_right(struct net_cpu *cpu, const struct plain_hdr *h, u32 pseudo)
{
	const struct __packed words {
		u64 a, b, c, d;
	} *w = (const struct words *)h;
	u64 sum = csum_add64(csum_add64(csum_add64(csum_add64(w->a, w->b), w->c), w->d), pseudo);

	_Static_assert(sizeof(*w) == sizeof(*h), "all of it");
	STAT_ADD(cpu, CsumSoftBytes, sizeof(*h));
	return csum_ok(csum_fold64(sum));
}

/* What rcv_tcb() and rcv_predicted() do with it. */
static inline void take_bare(struct tcb *t, const struct plain_hdr *h, u32 word)
{
	u32 wnd = (word & 0xffff) << t->snd.wscale;

	STAT(t->sk.cpu, TcpInSegs);
	STAT(t->sk.cpu, TcpExtTCPHPAcks);
	t->segs_in++;
	t->ts_echo = be32_get(h->tsecr);
	if (likely(seq_eq(t->rcv.wup, t->rcv.nxt))) { /* RFC 7323 4.3: Last.ACK.sent */
		t->ts_recent = be32_get(h->tsval);
		t->ts_recent_s = cpu_s(t->sk.cpu);
	}
	if (unlikely(wnd != t->snd.wnd))
		tcp_take_window(t, wnd);
	tcp_plain_ack(t, t->rcv.nxt, seq_of(be32_get(h->ack)));
}

bool tcp_rcv_bare(struct net_cpu *cpu, const void *ip, bool vouched)
{
	const struct ipv4_hdr *ih = ip;
	const struct plain_hdr *h = (const struct plain_hdr *)(ih + 1);
	struct tcb *t = find(cpu, NULL, NULL, h, false);
	u32 word = be32_get(h->word);

	if (unlikely(!t || !is_bare_ack(t, h, word)) ||
	    (!vouched && unlikely(!bare_sum_is_right(cpu, h, csum_tcpudp_nofold(ih->saddr, ih->daddr, sizeof(*h), IPPROTO_TCP)))))
		return false;
	take_bare(t, h, word);
	return true;
}

bool tcp_rcv_bare6(struct net_cpu *cpu, const struct ip_addr *src, const struct ip_addr *dst, const void *tcp, bool vouched)
{
	const struct plain_hdr *h = tcp;
	struct tcb *t = find(cpu, src, dst, h, true);
	u32 word = be32_get(h->word);

	if (unlikely(!t || !is_bare_ack(t, h, word)) ||
	    (!vouched && unlikely(!bare_sum_is_right(cpu, h, ip6_pseudo_sum(src, dst, IPPROTO_TCP, sizeof(*h))))))
		return false;
	take_bare(t, h, word);
	return true;
}

/* ---- text ---- */

/* As each family's door has it. */
static __force_inline enum drop_reason other(struct net_cpu *cpu, struct sk_buff *skb, bool v6)
{
	return v6 ? ip6_rcv_decoded(cpu, skb) : ip_rcv_decoded(cpu, skb);
}

static inline const struct plain_hdr *plain_hdr(const struct sk_buff *skb, bool v6)
{
	return (const struct plain_hdr *)(skb->data + ip_len(v6));
}

static __force_inline enum drop_reason rcv_plain(struct net_cpu *cpu, struct sk_buff *skb, bool v6)
{
	const struct plain_hdr *h = plain_hdr(skb, v6);
	u32 len = skb->len - ip_len(v6) - (u32)sizeof(*h);
	seq_t ack = seq_of(be32_get(h->ack));
	struct tcb *t;

	if (unlikely(!(t = find(cpu, &skb->ip.src, &skb->ip.dst, h, v6)) || !is_expected(t, h, len) || !ack_is_plain(t, ack)))
		return other(cpu, skb, v6);
	if (skb->ip_summed == CHECKSUM_NONE && unlikely(!sum_is_right(cpu, skb, h, v6)))
		return other(cpu, skb, v6);
	STAT(cpu, TcpInSegs);
	take_expected(t, skb, h, len, ack);
	return SKB_CONSUMED;
}

/* On their own: no register is saved for what is not plain. */
static __noinline enum drop_reason rcv_plain4(struct net_cpu *cpu, struct sk_buff *skb)
{
	return rcv_plain(cpu, skb, false);
}

static __noinline enum drop_reason rcv_plain6(struct net_cpu *cpu, struct sk_buff *skb)
{
	return rcv_plain(cpu, skb, true);
}

enum drop_reason tcp_rcv_plain(struct net_cpu *cpu, struct sk_buff *skb)
{
	return is_plain(skb, plain_hdr(skb, false), false) ? rcv_plain4(cpu, skb) : other(cpu, skb, false);
}

enum drop_reason tcp_rcv_plain6(struct net_cpu *cpu, struct sk_buff *skb)
{
	return is_plain(skb, plain_hdr(skb, true), true) ? rcv_plain6(cpu, skb) : other(cpu, skb, true);
}
