/* SPDX-License-Identifier: MIT
 * steer.h - which CPU does a flow belong to? One Toeplitz key and one indirection table, for the NIC and for software.
 *
 * The key repeats every 16 bits, so both directions of a flow hash alike, and the hash depends on the exclusive or of all
 * 16-bit words of addresses and ports alone. The NIC computes it bit by bit, software by two table look-ups. IPv4-mapped
 * addresses hash as the four bytes do: the family does not matter. A fragment has no ports, and goes by its addresses; the
 * datagram made of it moves on to the owner of the whole (steer_move). To software an echo has its id for a port, and an ICMP
 * error goes by what it quotes. What is the host's as a whole (ARP, broadcasts and multicasts, DHCP) is CPU 0's. The table is made at
 * boot and never changes: a flow never moves. A NIC that reports its hash of addresses and ports (skb->hash) spares software the
 * same one; it is tried again and again, and one that is wrong ends the belief.
 */
#pragma once

#include "net/core/skbuff.h"

#define STEER_SLOTS     128 /* of the indirection table; a power of two that every NIC holds */
#define STEER_KEY_BYTES 40  /* of the key as NICs take it */

enum steer_mode {
	STEER_RSS, /* the NIC spreads frames where it can; software sees to it that each is where it belongs */
	STEER_RPS, /* the NIC's first queue takes all frames, software spreads them */
	STEER_OFF, /* every flow is CPU 0's */
	NR_STEER_MODES
};
const char *steer_mode_name(enum steer_mode m); /* "rss" */

struct steer {
	u8 mode;             /* enum steer_mode */
	bool on;             /* there are several CPUs */
	u16 key;             /* repeated, it is the whole key; chosen so that neighbouring ports and addresses spread evenly */
	u8 nr_owners;        /* CPUs that own flows: all, or the first alone */
	u8 cpu[STEER_SLOTS]; /* by the low bits of the hash */
	u16 hash[2][256];    /* of the first and of the second byte of the sum of words */
};

/* The Toeplitz hash of addresses and ports (host order) of a flow, its lower half, which is its upper half too. */
static inline u16 steer_hash(const struct steer *s, const struct ip_addr *a, const struct ip_addr *b, u16 aport, u16 bport)
{
	u64 sum = a->q[0] ^ a->q[1] ^ b->q[0] ^ b->q[1];

	sum ^= sum >> 32;
	sum ^= (sum >> 16) ^ be16_of(aport ^ bport).raw;
	return s->hash[0][sum & 255] ^ s->hash[1][sum >> 8 & 255];
}

/* The owner of the flow between two ends, in either direction; ports 0 and 0: of what has no ports, or not all of them. */
static inline unsigned steer_owner(const struct net *net, const struct ip_addr *a, const struct ip_addr *b, u16 aport, u16 bport)
{
	return net->steer->cpu[steer_hash(net->steer, a, b, aport, bport) % STEER_SLOTS];
}

/* Does the flow belong to this CPU? True for all where there is one CPU. */
static inline bool steer_is_home(const struct net_cpu *cpu, const struct ip_addr *a, const struct ip_addr *b, u16 aport, u16 bport)
{
	return !cpu->net->steer->on || steer_owner(cpu->net, a, b, aport, bport) == cpu->id;
}

/* The owner of a frame whose link header is pulled: protocol and pkt_type are set. This CPU where it is malformed. */
unsigned steer_frame(const struct net_cpu *cpu, const struct sk_buff *skb);

/* Hands an skb that is nobody else's to fn on CPU `to`, in its softirq; msg stands in skb->cb (steer_skb). Takes the skb:
 * where the inbox is full it dies with CPU_BACKLOG. Always SKB_CONSUMED. */
enum drop_reason steer_move(struct net_cpu *cpu, unsigned to, struct sk_buff *skb,
			    void (*fn)(struct net_cpu *cpu, struct inbox_msg *msg));
static inline struct sk_buff *steer_skb(struct inbox_msg *msg)
{
	return (struct sk_buff *)((u8 *)msg - offsetof(struct sk_buff, cb));
}

/* The end of an skb that was moved: it was counted as taken in where it came in. */
void steer_end(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason verdict);

/* The key as a NIC wants it. */
void steer_key(const struct steer *s, u8 out[STEER_KEY_BYTES]);

/* ---- sockets that are on one CPU only. Datagrams and connections for their port may arrive anywhere ---- */
/* Tells the other CPUs that a socket of this one takes what comes for the port; and that it does no longer. */
void port_home_add(struct net_cpu *cpu, u8 proto, u16 port);
void port_home_del(struct net_cpu *cpu, u8 proto, u16 port);
/* Another CPU with such a socket; -1: there is none. */
int port_home_find(const struct net_cpu *cpu, u8 proto, u16 port);

/* What net.c asks. */
int steer_init(struct net *net, enum steer_mode mode, u16 random); /* 0 or -ENOMEM */
void steer_destroy(struct net *net);
int steer_cpu_init(struct net_cpu *cpu);
void steer_cpu_destroy(struct net_cpu *cpu);
