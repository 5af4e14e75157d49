/* SPDX-License-Identifier: MIT
 * icmp6.h - ICMPv6: echo, errors received for the transports, errors sent about packets (RFC 4443).
 */
#pragma once

#include "net/core/dst.h"
#include "net/wire/icmpv6.h"

/* Sends an error about an inbound skb whose skb->ip and network_header are valid, unless RFC 4443 2.4 (e) or the rates
 * forbid it. info: MTU (type 2) or pointer (type 4). Does not consume. */
void icmp6_send(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);
/* The same about a packet on its way out, skb->data at its IP header: our own senders are told at once, others by a message. */
void icmp6_report(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);

/* ---- echo client ---- */
struct icmp6_ping { /* registered while it waits for replies; its memory is the caller's */
	struct list_head link;
	struct net_cpu *cpu;
	u16 id;
	/* A reply with our id: skb->data is behind the ICMPv6 header, skb->ip says who; must not keep skb. */
	void (*reply)(struct icmp6_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq);
	/* An error about a request of ours. */
	void (*error)(struct icmp6_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq);
};
/* Gives p an id that is free. */
void icmp6_ping_open(struct net_cpu *cpu, struct icmp6_ping *p);
void icmp6_ping_close(struct icmp6_ping *p);
/* An echo request with `len` bytes of payload (its bytes count up). 0 or -errno. */
int icmp6_ping_send(struct net_cpu *cpu, const struct icmp6_ping *p, struct flow *fl, u16 seq, unsigned len);
