/* SPDX-License-Identifier: MIT
 * lone.c - the net_tx row of TCP (tcp_flush), and new data as an answer mostly is: one segment into an empty pipe.
 *
 * Where nothing stands between here and the ring, the whole frame is made at once in front of the payload as it lies in its
 * buffer, and that goes to the device: no skb. A bare ACK and a SYN-ACK are made so in a buffer of their own. What is not that
 * plain goes to tcp_output().
 */
#include "net/core/netfilter.h"
#include "net/ipv6/ip6.h"
#include "net/link/neigh.h"
#include "net/tcp/segment.h"
#include "net/wire/ipv4.h"
#include "net/wire/ipv6.h"

/* ---- new data, as an answer mostly is: one segment into an empty pipe ---- */

/* No reason to hold skb back, which is the first of sendq, to cut it, to pace it or to write other options than the timestamp,
 * and no loss to repair. */
static inline bool is_lone(const struct tcb *t, const struct sk_buff *skb)
{
	if (t->packets_out || skb->next != (const struct sk_buff *)&t->sendq || skb->len > t->mss)
		return false;
	if (t->trouble || t->fo)
		return false;
	if (!t->ts_ok || t->ecn_ok || t->stamping || t->pacing || t->fq || t->corked || t->more) /* whose algorithm is cong_control() is paced */
		return false;
	return dst_valid(t->sk.cpu, &t->sk.dst) && seq_le(tcp_cb(skb)->end_seq, tcp_wnd_end(t)) &&
	       tcp_now(t) - t->last_send_ns <= t->rto_us * NSEC_PER_USEC;
}

/* What data_was_sent() does, with queues that hold nothing else. */
static inline void lone_was_sent(struct tcb *t, struct sk_buff *skb)
{
	struct tcp_skb_cb *cb = tcp_cb(skb);
	struct net_cpu *cpu = t->sk.cpu;
	u64 now = cpu->now_ns;

	skb_queue_init(&t->sendq);
	t->rtxq = (struct sk_buff_head){ skb, skb, 1 };
	skb->next = skb->prev = (struct sk_buff *)&t->rtxq;
	t->tsorted = (struct list_head){ &cb->ts, &cb->ts };
	cb->ts = (struct list_head){ &t->tsorted, &t->tsorted };
	cb->tx_ns = now;
	t->first_tx_us = t->delivered_us = cpu_us(cpu);
	cb->delivered_us = 0; /* tcp_rate_sent() */
	t->snd.nxt = cb->end_seq;
	if (skb->len < t->mss)
		t->snd.small = cb->end_seq;
	t->packets_out = 1;
	t->data_segs_out++;
	STAT(cpu, TcpExtTCPOrigDataSent);
	if (t->ca->cwnd_event)
		t->ca->cwnd_event(t, CA_EVENT_TX_START);
	if (unlikely(!t->ack.pingpong) && now - t->last_rcv_ns < t->ack.ato_us * NSEC_PER_USEC)
		t->ack.pingpong = 1;
	t->last_send_ns = now;
}

/* As arm_for_data(): a probe, after 2 SRTT and the delay its ACK may have (RFC 8985 7.2), for one segment and nothing suspected. */
static inline void arm_for_lone(struct tcb *t)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;
	u32 pto_us = MIN((t->srtt_us >> 2) + (u32)s->tcp_rto_min_us, t->rto_us);

	if (likely(s->tcp_early_retrans && t->sack_ok && t->srtt_us && !t->tlp_out)) {
		tcp_rtx_arm(t, TCPT_TLP, tcp_now(t) + pto_us * NSEC_PER_USEC);
		t->snd.lone = !t->rack.dsack_seen;
	} else if (!tcp_schedule_tlp(t, true)) {
		tcp_rearm_rto(t);
	}
}

#define LONE_STATES (1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT | 1u << TCP_FIN_WAIT_1 | 1u << TCP_LAST_ACK)

/* All that waits is one segment, which may leave, FIN included. */
static inline bool may_send_lone(struct tcb *t, const struct sk_buff *skb)
{
	if (skb_queue_empty(&t->sendq) || !(likely(t->sk.state == TCP_ESTABLISHED) || 1u << t->sk.state & LONE_STATES))
		return false;
	if (unlikely(t->fin_wanted && !t->fin_queued))
		tcp_queue_fin(t); /* it goes with skb, so there is nothing that could fail */
	return is_lone(t, skb) && (likely(t->tx != NULL) || tcp_tx_start(t));
}

/* A packet with this payload, headers to come: its own bytes where they have room in front, and none of it is on its way. */
static inline struct sk_buff *packet_of(struct net_cpu *cpu, struct sk_buff *payload)
{
	struct sk_buff *skb;

	if (likely(skb_has_headroom_alone(cpu, payload)))
		return skb_over(cpu, payload);
	skb = alloc_skb(cpu, SKB_HEADROOM);
	if (likely(skb != NULL) && unlikely(!attach_payload(cpu, skb, payload))) {
		kfree_skb_reason(cpu, skb, DROP(NOMEM));
		return NULL;
	}
	return skb;
}

static __cold void lone_fills_window(struct tcb *t)
{
	t->cwnd_limited = true;
}

/* What follows from its having left. */
static __force_inline void lone_left(struct tcb *t, struct sk_buff *payload)
{
	ack_was_sent(t);
	t->segs_out++;
	STAT(t->sk.cpu, TcpOutSegs);
	lone_was_sent(t, payload);
	arm_for_lone(t);
	t->max_packets_out = 1; /* as tcp_cwnd_validate(): nothing was in flight, so una has reached cwnd_usage_seq */
	t->cwnd_usage_seq = t->snd.nxt;
	t->cwnd_limited = false;
	if (unlikely(t->cwnd <= 1))
		lone_fills_window(t);
	else
		t->app_limited = t->delivered + 1 ?: 1; /* as tcp_rate_check_app_limited() has it */
	if (likely(t->chrono == CHRONO_IDLE && !t->nospace)) { /* as tcp_chrono() */
		t->tx->chrono_ms = cpu_ms(t->sk.cpu);
		t->chrono = CHRONO_BUSY;
	} else {
		tcp_chrono(t, held_by(t, false));
	}
}

/* ---- straight to the ring ---- */

struct __packed lone_hdr { /* behind those of the link and IP */
	u32 ports;
	be32 seq, ack, word;
	u32 csum; /* and the urgent pointer */
	be32 kinds, tsval, tsecr;
};
_Static_assert(sizeof(struct lone_hdr) == TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED, "as on the wire");
_Static_assert(SKB_HEADROOM >= ETH_HLEN + IPV6_HLEN + sizeof(struct lone_hdr) + FRAME_HEADROOM, "room for all in front");
_Static_assert(offsetof(struct sock, dport) == offsetof(struct sock, sport) + 2, "one word");

/* The queue that takes a frame with so many bytes; NULL: hooks, a router that cuts, a neighbour to be asked, or something before
 * the ring. */
static inline struct netdev_queue *direct_way(struct net_cpu *cpu, const struct dst *dst, u32 len)
{
	if (cpu->nf->nr[NF_LOCAL_OUT] | cpu->nf->nr[NF_POST_ROUTING] || dst->no_df || !dst->neigh ||
	    dst->neigh->state != NEIGH_REACHABLE || len > dst->mtu)
		return NULL;
	return dev_direct_queue(cpu, dst->dev);
}

/* Likewise, of a segment with so much text. */
static inline struct netdev_queue *direct_way_of(const struct tcb *t, u32 len)
{
	if (unlikely(t->may_fragment))
		return NULL;
	return direct_way(t->sk.cpu, &t->sk.dst, len + (u32)sizeof(struct lone_hdr) + t->sk.af->hdr_len);
}

/* The pseudo header's, with the sum of its addresses; not folded. */
static inline u32 pseudo_of(u32 sum, u32 len) { return sum + be16_of((u16)len).raw + BE16_C(IPPROTO_TCP).raw; }

/* In front of at, where len bytes follow; `sum` is that of the addresses, as struct dst has it. Returns the pseudo header's sum.
 * ttl 0: the operator's. */
static inline u32 put_ipv4(struct net_cpu *cpu, be32 saddr, be32 daddr, u32 sum, u8 tos, u8 ttl, u8 *at, u32 len)
{
	u32 first = 0x45 | (u32)tos << 8, total = be16_of((u16)(len + IPV4_HLEN)).raw, df = BE16_C(IP_DF).raw;
	u32 hops = (likely(!ttl) ? (u8)cpu->sysctl.ip_default_ttl : ttl) | IPPROTO_TCP << 8;
	struct __packed words {
		u32 w[3];
		be32 saddr, daddr;
	} *ip = (struct words *)at - 1;

	_Static_assert(sizeof(*ip) == IPV4_HLEN, "RFC 791 3.1");
	ip->w[0] = first | total << 16;
	ip->w[1] = df << 16;
	ip->w[2] = hops | (u32)csum_fold(sum + first + total + df + hops).raw << 16;
	ip->saddr = saddr;
	ip->daddr = daddr;
	STAT(cpu, IpOutRequests);
	STAT_ADD(cpu, IpExtOutOctets, len + IPV4_HLEN);
	return pseudo_of(sum, len);
}

/* Its label is made once (RFC 6437 3). */
static inline u32 word_of(struct tcb *t)
{
	if (unlikely(!t->node.word))
		t->node.word = ip6_sock_word(&t->sk);
	return (likely(t->sk.cpu->sysctl.ip6_flowlabels) ? t->node.word : 0x60000000) | (u32)t->sk.tos << 20;
}

static inline u32 put_ipv6(struct tcb *t, u8 *at, u32 len)
{
	u8 hops = likely(!t->sk.ttl) ? t->sk.dst.hop_limit : t->sk.ttl;
	struct ip_addr saddr = t->sk.saddr, daddr = t->sk.daddr; /* what is written may be anything, so says C */
	struct net_cpu *cpu = t->sk.cpu;
	struct __packed header {
		be32 word;
		be16 payload_len;
		u8 nexthdr, hop_limit;
		struct ip_addr saddr, daddr;
	} *ip = (struct header *)at - 1;

	_Static_assert(sizeof(*ip) == IPV6_HLEN, "RFC 8200 3");
	ip->word = be32_of(word_of(t));
	ip->payload_len = be16_of((u16)len);
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = hops ?: (u8)cpu->sysctl.ip6_hop_limit;
	ip->saddr = saddr;
	ip->daddr = daddr;
	STAT(cpu, Ip6OutRequests);
	STAT_ADD(cpu, Ip6OutOctets, len + IPV6_HLEN);
	return pseudo_of(t->sk.dst.sum, len);
}

static inline void put_tcp(struct tcb *t, struct lone_hdr *f, seq_t seq, u32 flags, u32 pseudo)
{
	u32 ports;

	memcpy(&ports, &t->sk.sport, sizeof(ports));
	ports = __builtin_bswap32(ports);
	f->ports = ports << 16 | ports >> 16;
	f->seq = be32_of(seq.v);
	f->ack = be32_of(t->rcv.nxt.v);
	f->word = be32_of((u32)(TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED) << 26 | flags << 16 | window_field(t, 0));
	f->csum = csum_fold16(pseudo).raw;
	f->kinds = be32_of(TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | 10);
	f->tsval = be32_of(tcp_ts_now(t));
	f->tsecr = be32_of(t->ts_recent);
}

/* The link's header, the last, of `before` bytes in front of TCP's. */
static __force_inline void xmit_direct(struct net_cpu *cpu, struct netdev_queue *txq, struct neigh *n, struct skb_buf *buf, u8 *at,
				       u32 before, u32 len)
{
	memcpy(at, n->link_hdr, ETH_HLEN);
	n->used_ns = cpu->now_ns;
	dev_xmit_frame(txq, buf, at, len + before, before | TCP_CSUM_OFFSET << 16);
}

/* In front of `data`, which lies in buf and whose reference the ring takes. */
static __force_inline void send_direct(struct tcb *t, struct netdev_queue *txq, struct skb_buf *buf, u8 *data, u32 data_len, seq_t seq,
				       u32 flags)
{
	struct lone_hdr *f = (struct lone_hdr *)data - 1;
	bool v4 = t->sk.af == &ipv4_af;
	u32 len = data_len + (u32)sizeof(*f), before = ETH_HLEN + (likely(v4) ? (u32)IPV4_HLEN : (u32)IPV6_HLEN);
	struct sock *sk = &t->sk;
	u32 pseudo = likely(v4) ? put_ipv4(sk->cpu, ip_v4(&sk->saddr), ip_v4(&sk->daddr), sk->dst.sum, sk->tos, sk->ttl, (u8 *)f, len)
				: put_ipv6(t, (u8 *)f, len);

	put_tcp(t, f, seq, flags, pseudo);
	xmit_direct(sk->cpu, txq, sk->dst.neigh, buf, (u8 *)f - before, before, len);
}

/* false: memory is out, nothing has changed. */
static __noinline bool send_by_skb(struct tcb *t, struct sk_buff *payload)
{
	struct sk_buff *skb = packet_of(t->sk.cpu, payload);

	if (unlikely(!skb))
		return false;
	put_plain_header(t, skb, tcp_cb(payload)->seq, tcp_cb(payload)->flags | TCP_ACK);
	t->fq = t->sk.dst.dev->txq[0].qdisc->paces;
	t->sk.af->xmit_sock(&t->sk, skb, !t->may_fragment);
	return true;
}

/* The same. */
static __force_inline bool send_lone(struct tcb *t, struct sk_buff *payload)
{
	struct tcp_skb_cb *cb = tcp_cb(payload);
	struct netdev_queue *txq = NULL;

	if (likely(skb_has_headroom_alone(t->sk.cpu, payload)))
		txq = direct_way_of(t, payload->len);
	cb->segs = 1;
	if (likely(txq != NULL)) {
		payload->cloned = 1;
		skb_buf_get(payload->buf);
		send_direct(t, txq, payload->buf, payload->data, payload->len, cb->seq, cb->flags | TCP_ACK);
	} else if (!send_by_skb(t, payload)) {
		return false;
	}
	lone_left(t, payload);
	return true;
}

bool tcp_ack_direct(struct tcb *t)
{
	struct netdev_queue *txq = direct_way_of(t, 0);
	struct skb_buf *buf;

	if (unlikely(!txq) || unlikely(!(buf = skb_buf_alloc(t->sk.cpu))))
		return false;
	send_direct(t, txq, buf, skb_buf_room(buf) + SKB_HEADROOM, 0, t->snd.nxt, TCP_ACK);
	return true;
}

static __noinline u32 put_reply_ipv6(struct net_cpu *cpu, const struct tcp_reply *r, u8 *at, u32 len)
{
	struct flow fl = tcp_reply_flow(r);

	return ip6_put_flow_header(cpu, &fl, r->way, at, len);
}

bool tcp_reply_direct(struct net_cpu *cpu, const struct tcp_reply *r)
{
	bool v4 = ip_is_v4(r->dst);
	u32 ip_len = v4 ? (u32)IPV4_HLEN : (u32)IPV6_HLEN, len;
	struct netdev_queue *txq = direct_way(cpu, r->way, ip_len + TCP_HDR_LEN + TCP_OPTS_MAX);
	struct skb_buf *buf;
	struct tcp_hdr *h;

	if (unlikely(!txq) || unlikely(!(buf = skb_buf_alloc(cpu))))
		return false;
	h = (struct tcp_hdr *)(skb_buf_room(buf) + SKB_HEADROOM);
	len = tcp_put_reply(h, r);
	h->csum = csum_fold16(v4 ? put_ipv4(cpu, ip_v4(r->src), ip_v4(r->dst), r->way->sum, r->tos, 0, (u8 *)h, len)
				 : put_reply_ipv6(cpu, r, (u8 *)h, len));
	xmit_direct(cpu, txq, r->way->neigh, buf, (u8 *)h - ip_len - ETH_HLEN, ip_len + ETH_HLEN, len);
	return true;
}

/* ---- the flush ---- */

/* Under pressure no window and no buffer grows, and what is still offered is little. */
static __cold void turn_pressure(struct tcp_cpu *tc)
{
	tc->pressure = !tc->pressure;
	if (tc->pressure)
		STAT(tc->cpu, TcpExtTCPMemoryPressures);
}

#define HOLD_NS NSEC_PER_MSEC

/* What was marked meanwhile follows the rest of the list, which ends at `tail`. */
static __cold void hold(struct tcp_cpu *tc, struct tcb *rest, struct tcb **tail)
{
	if (tc->dirty)
		*tail = tc->dirty;
	else
		tc->dirty_tail = tail;
	tc->dirty = rest;
	if (!tc->hold_timer.armed)
		timer_arm(&tc->cpu->wheel, &tc->hold_timer, tc->cpu->now_ns + HOLD_NS);
}

void tcp_hold_over(struct timer *timer, u64 now_ns)
{
	raise_softirq(container_of(timer, struct tcp_cpu, hold_timer)->cpu, SOFTIRQ_NET_TX);
}

/* A device does not keep up with a burst, of thousands of FINs for example. Their TCBs wait, where their segments would be lost
 * in the discipline to be sent again after a time out, all at the same time. */
static __cold bool is_behind(struct net_cpu *cpu)
{
	const struct qdisc *q = cpu->behind->qdisc;

	if (q && qdisc_is_half_full(q))
		return true;
	cpu->behind = NULL;
	return false;
}

void tcp_flush(struct net_cpu *cpu)
{
	struct tcp_cpu *tc = cpu->tcp;
	struct tcb *t = tc->dirty, *next, **tail = tc->dirty_tail;

	if (unlikely(tcp_memory_tight(cpu) != tc->pressure))
		turn_pressure(tc);
	tc->dirty = NULL;
	tc->dirty_tail = &tc->dirty;
	for (; t; t = next) {
		struct sk_buff *skb;
		u32 events;

		if (unlikely(cpu->behind != NULL) && is_behind(cpu)) {
			hold(tc, t, tail);
			return;
		}
		next = t->dirty_next;
		if (unlikely(t->dead)) {
			tcb_free(t);
			continue;
		}
		tcp_settle(t);
		t->marked = false;
		events = t->events;
		if (events) {
			t->events = 0;
			sock_event(&t->sk, events);
		}
		skb = t->sendq.next;
		if (!(may_send_lone(t, skb) && likely(send_lone(t, skb))))
			tcp_output(t);
	}
}
