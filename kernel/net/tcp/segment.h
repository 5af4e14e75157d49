/* SPDX-License-Identifier: MIT
 * segment.h - how one segment is made, for the files that send: its header and what follows from its having left.
 *
 * All inline: output.c makes any segment with it, lone.c the one that most are.
 */
#pragma once

#include "net/core/qdisc.h"
#include "net/tcp/tcp_impl.h"
#include "net/wire/checksum.h"

static inline void put32(u8 *p, u32 v)
{
	be32 w = be32_of(v);

	memcpy(p, &w, 4);
}

/* NOP, NOP and the timestamp option; the bytes written. */
static inline u8 tcp_put_timestamp(u8 *p, u32 tsval, u32 tsecr)
{
	put32(p, TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | 10);
	put32(p + 4, tsval);
	put32(p + 8, tsecr);
	return TCPOLEN_TSTAMP_ALIGNED;
}

/* The window field. A SYN's is never scaled (RFC 7323 2.2). */
static inline u16 window_field(struct tcb *t, u8 flags)
{
	if (unlikely(flags & TCP_SYN))
		return (u16)MIN(t->rcv.wnd, 65535u);
	if (unlikely(t->sk.rmem_alloc || t->sk.cpu->tcp->pressure || !t->snd.window))
		return tcp_window_anew(t);
	t->rcv.wup = t->rcv.nxt;
	return t->snd.window;
}

static inline u32 pseudo_sum(const struct sock *sk, u32 len)
{
	if (likely(sk->af == &ipv4_af)) /* spares the call */
		return csum_tcpudp_nofold(ip_v4(&sk->saddr), ip_v4(&sk->daddr), len, IPPROTO_TCP);
	return sk->af->pseudo_sum(&sk->saddr, &sk->daddr, IPPROTO_TCP, len);
}

/* Pushes the header; its options are already counted in opt_len, and put by the caller. */
static inline struct tcp_hdr *push_header(struct tcb *t, struct sk_buff *skb, seq_t seq, u8 flags, unsigned opt_len)
{
	struct sock *sk = &t->sk;
	struct tcp_hdr *h = (struct tcp_hdr *)skb_push(skb, TCP_HDR_LEN + opt_len);

	skb_reset_transport_header(skb);
	h->sport = be16_of(sk->sport);
	h->dport = be16_of(sk->dport);
	h->seq = be32_of(seq.v);
	h->ack = be32_of(flags & TCP_ACK ? t->rcv.nxt.v : 0);
	h->doff = (u8)((TCP_HDR_LEN + opt_len) << 2);
	h->flags = flags;
	h->wnd = be16_of(window_field(t, flags));
	h->urg = be16_of(0);
	h->csum = csum_fold16(pseudo_sum(sk, skb->len));
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb->transport_header;
	skb->csum_offset = TCP_CSUM_OFFSET;
	return h;
}

/* The payload behind the header to come: a copy when it is short, references otherwise. */
static __force_inline bool attach_payload(struct net_cpu *cpu, struct sk_buff *skb, struct sk_buff *payload)
{
	u32 len = payload->len;

	if (len > TCP_COPY_MAX)
		return skb_share(cpu, skb, payload, 0, len);
	if (likely(!payload->data_len))
		memcpy(skb_put(skb, len), payload->data, len);
	else
		skb_copy_bits(payload, 0, skb_put(skb, len), len);
	STAT_ADD(cpu, CopyOutBytes, len);
	return true;
}

/* What follows from any segment that left: the ACK went with it. */
static inline void ack_was_sent(struct tcb *t)
{
	if (t->ack.quick)
		t->ack.quick--;
	t->ack.now = false;
	t->ack.delayed = 0;
	tcp_timer_clear(t, TCPT_DELACK);
}

/* With the timestamp and no other option. */
static __force_inline void put_plain_header(struct tcb *t, struct sk_buff *skb, seq_t seq, u8 flags)
{
	tcp_put_timestamp((u8 *)(push_header(t, skb, seq, flags, TCPOLEN_TSTAMP_ALIGNED) + 1), tcp_ts_now(t), t->ts_recent);
}

static inline void count_sent(struct tcb *t, u32 segs)
{
	t->segs_out += segs;
	STAT_ADD(t->sk.cpu, TcpOutSegs, segs);
	t->fq = t->sk.dst.dev->txq[0].qdisc->paces;
}

/* What holds back what is left, after all left that may: the peer's window, the application that waits for room, or neither. */
static inline enum tcp_chrono held_by(const struct tcb *t, bool wnd_limited)
{
	if (unlikely(wnd_limited))
		return CHRONO_RWND_LIMITED;
	return unlikely(t->nospace) && !tcp_send_head(t) ? CHRONO_SNDBUF_LIMITED : CHRONO_BUSY;
}
