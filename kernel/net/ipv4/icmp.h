/* SPDX-License-Identifier: MIT
 * icmp.h - ICMP: echo, errors received for the transports, errors sent about packets (RFC 792, RFC
 * 1122 3.2.2, RFC 1812 4.3).
 */
#pragma once

#include "net/core/dst.h"
#include "net/wire/icmp.h"

extern const struct inet_protocol icmp_protocol;

/* Sends an error about an inbound skb whose skb->ip and network_header are valid, unless RFC 1122
 * 3.2.2 or the rates forbid it. info: next-hop MTU (3/4) or pointer (12). Does not consume. */
void icmp_send(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);
/* The same about a packet on its way out, network_header set: our own senders are told at once,
 * others by a message. */
void icmp_report(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);

/* ---- echo client ---- */
struct icmp_ping { /* registered while it waits for replies; its memory is the caller's */
	struct list_head link;
	struct net_cpu *cpu;
	u16 id;
	/* A reply with our id: skb->data is behind the ICMP header, skb->ip says who; must not keep
	 * skb. */
	void (*reply)(struct icmp_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq);
	/* An error about a request of ours. */
	void (*error)(struct icmp_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type,
		      u8 code, u16 seq);
};
/* Gives p an id that is free. */
void icmp_ping_open(struct net_cpu *cpu, struct icmp_ping *p);
void icmp_ping_close(struct icmp_ping *p);
/* An echo request with `len` bytes of payload (its bytes count up). 0 or -errno. */
int icmp_ping_send(struct net_cpu *cpu, const struct icmp_ping *p, struct flow *fl, u16 seq,
		   unsigned len);
