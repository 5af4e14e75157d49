/* SPDX-License-Identifier: MIT
 * drop.h - why a frame died: one row each, with Linux's word where Linux has one (skb_drop_reason).
 *
 * Every inbound *_rcv() returns one of these: 0 = go on, SKB_CONSUMED = the skb now belongs to somebody else,
 * anything else = dead for this reason, said as DROP(TCP_CSUM), which notes the place. Only dev.c frees and counts on the
 * way in.
 */
#pragma once

#include "lib/types.h"

#define DROP_REASONS(X)                                                                            \
	X(NOT_SPECIFIED, "no reason given")                                                        \
	/* device and core */                                                                      \
	X(DEV_HDR, "truncated or impossible link header or device descriptor")                     \
	X(DEV_READY, "the device is down")                                                         \
	X(NOMEM, "no skb or buffer left")                                                          \
	X(CPU_BACKLOG, "inbox or backlog of the owner CPU full (netdev_max_backlog)")              \
	X(UNHANDLED_PROTO, "EtherType without a handler")                                          \
	X(OTHERHOST, "addressed to another host")                                                  \
	X(VLAN_FILTER, "tagged for a VLAN we are not in")                                          \
	X(FULL_RING, "tx ring or device gone")                                                     \
	X(QDISC_DROP, "refused by the queueing discipline")                                        \
	X(NETEM_LOSS, "netem loss")                                                                \
	X(DEV_TX_FAIL, "the device could not send it")                                             \
	X(LOOP, "too many passes through loopback")                                                \
	/* ARP and neighbours */                                                                   \
	X(ARP_HDR, "ARP header truncated or of another hardware")                                  \
	X(ARP_SPOOF, "ARP sender address is ours, multicast or invalid")                           \
	X(NEIGH_FAILED, "next hop did not answer")                                                 \
	X(NEIGH_QUEUEFULL, "too many packets wait for this next hop")                              \
	X(NEIGH_NOMEM, "neighbour table full")                                                     \
	/* IP */                                                                                   \
	X(IP_SHORT, "shorter than an IPv4 header")                                                 \
	X(IP_VERSION, "IP version is not the EtherType's")                                         \
	X(IP_INHDR, "IHL or total length impossible")                                              \
	X(IP_CSUM, "IPv4 header checksum wrong")                                                   \
	X(IP_OPTIONS, "malformed IP option")                                                       \
	X(IP_SOURCE_ROUTE, "source route refused")                                                 \
	X(IP_INVALID_SOURCE, "martian source address")                                             \
	X(IP_INVALID_DEST, "martian destination address")                                          \
	X(IP_NO_MEMBER, "multicast for a group that nobody joined")                                \
	X(UNICAST_IN_L2_MULTICAST, "unicast address in a link broadcast (RFC 1122 3.3.6)")         \
	X(IP_RPFILTER, "reverse path filter")                                                      \
	X(IP_INNOROUTES, "no route to forward")                                                    \
	X(IP_OUTNOROUTES, "no route for our own packet")                                           \
	X(IP_TTL, "TTL exceeded in transit")                                                       \
	X(IP_NOTFORWARDING, "not for us and we are no router")                                     \
	X(IP_NOPROTO, "protocol without a handler")                                                \
	X(PKT_TOO_BIG, "larger than the MTU and DF set")                                           \
	X(FRAG_HDR, "fragment with impossible offset or length")                                   \
	X(FRAG_OVERLAP, "fragment overlaps another (RFC 5722)")                                    \
	X(FRAG_TIMEOUT, "reassembly timed out")                                                    \
	X(FRAG_NOMEM, "reassembly memory, queues or per-source limit")                             \
	X(DUP_FRAG, "fragment seen already")                                                       \
	X(IP6_SHORT, "shorter than an IPv6 header")                                                \
	X(IP6_INHDR, "IPv6 payload length impossible, or a jumbogram")                             \
	X(IP6_EXTHDR, "extension headers malformed, too many, too long or refused")                \
	X(IP6_OPTIONS, "IPv6 option malformed, too many, or unknown and not to be passed over")    \
	X(IP6_NOT_MEMBER, "a multicast group that nobody here listens to")                         \
	X(IP6_DISABLED, "IPv6 is off on this device")                                              \
	X(ND_MALFORMED, "neighbour discovery: malformed or an impossible address")                 \
	X(ND_NOT_ON_LINK, "neighbour discovery: hop limit is not the link's, or in fragments")     \
	X(ND_NOT_OURS, "neighbour discovery about an address that concerns us not")                \
	X(ND_CONFLICT, "somebody advertises an address of ours")                                   \
	X(NETFILTER_DROP, "a rule said drop")                                                      \
	X(CONNTRACK, "connection tracking refused it")                                             \
	X(NAT_EXHAUSTED, "no address or port left to translate to")                                \
	X(TCP_NOMEM_REQ, "no memory for a connection request")                                     \
	/* ICMP, IGMP, UDP */                                                                      \
	X(ICMP_HDR, "ICMP shorter than its header")                                                \
	X(ICMP_CSUM, "ICMP checksum wrong")                                                        \
	X(ICMP_TYPE, "ICMP type unknown or not for a host")                                        \
	X(ICMP_QUOTE, "ICMP error that quotes no packet of ours")                                  \
	X(ICMP_IGNORED, "echo ignored by sysctl or broadcast")                                     \
	X(ICMP_RATELIMIT, "our ICMP error over its rate")                                          \
	X(IGMP_HDR, "IGMP malformed")                                                              \
	X(IGMP_CSUM, "IGMP checksum wrong")                                                        \
	X(IGMP_IGNORED, "IGMP for routers, or from afar")                                          \
	X(UDP_HDR, "UDP length impossible")                                                        \
	X(UDP_CSUM, "UDP checksum wrong")                                                          \
	X(NO_SOCKET, "nobody listens there")                                                       \
	X(SOCKET_RCVBUFF, "socket receive buffer full")                                            \
	X(SOCKET_CLOSE, "the socket is closing")                                                   \
	/* TCP */                                                                                  \
	X(TCP_HDR, "TCP header truncated or data offset impossible")                               \
	X(TCP_CSUM, "TCP checksum wrong")                                                          \
	X(TCP_FLAGS, "flags that make no sense in this state")                                     \
	X(TCP_INVALID_SEQUENCE, "sequence numbers outside the receive window (RFC 9293 3.10.7.4)") \
	X(TCP_OLD_DATA, "data received before")                                                    \
	X(TCP_OLD_ACK, "old acknowledgment")                                                       \
	X(TCP_TOO_OLD_ACK, "acknowledgment older than any window (RFC 5961 5.2)")                  \
	X(TCP_ACK_UNSENT_DATA, "acknowledges what was never sent")                                 \
	X(TCP_RFC7323_PAWS, "timestamp too old (RFC 7323 5.3)")                                    \
	X(TCP_OVERWINDOW, "beyond the receive window")                                             \
	X(TCP_ZEROWINDOW, "the receive window is closed")                                          \
	X(TCP_OFOMERGE, "already in the out-of-order queue")                                       \
	X(TCP_OFO_QUEUE_PRUNE, "out-of-order queue over its bound")                                \
	X(TCP_INVALID_SYN, "SYN in a synchronised connection (RFC 5961 4.2)")                      \
	X(TCP_INVALID_RST, "RST not at rcv.nxt (RFC 5961 3.2)")                                    \
	X(TCP_RESET, "valid RST: the connection is over")                                          \
	X(TCP_LISTEN_OVERFLOW, "SYN or accept queue full")                                         \
	X(TCP_TIMEWAIT, "belongs to a connection in TIME_WAIT")                                    \
	X(TCP_CLOSE, "state CLOSED")                                                               \
	X(TCP_ABORT_ON_DATA, "data after the application closed")                                  \
	X(TCP_FASTOPEN, "fast open cookie wrong")                                                  \
	X(TCP_MD5, "authentication option we cannot check")

enum drop_reason {
	SKB_CONSUMED = -1, /* no drop: somebody else owns the skb now */
	RX_OK = 0,         /* no drop: go on */
#define X(name, text) DROP_##name,
	DROP_REASONS(X)
#undef X
	DROP_MAX
};

/* A verdict says where it was given as well: its low byte is the reason, the bits above are the place, the line and a mark of
 * function and file that keeps lines of different files apart. A verdict is a constant and costs the path nothing; the
 * function's name is found in the records, which only readers of `drops`, captures and traces look through. */
struct drop_site {
	u32 place;
	const char *func;
};
_Static_assert(DROP_MAX <= 256, "a reason is a verdict's low byte");

#define DROP_LINE_BITS 12
#define DROP_FILE(n) (u32)__FILE__[sizeof(__FILE__) - (n)] /* letters of its name and its folder's, which tell input.c from icmp.c */
#define DROP_FILE_MARK                                                                                 \
	(DROP_FILE(4) + DROP_FILE(5) * 31 + DROP_FILE(6) * 61 + DROP_FILE(9) * 127 + DROP_FILE(10) * 241 + DROP_FILE(11) * 509)
#define DROP_PLACE                                                                                     \
	((u32)__LINE__ | ((u32)(sizeof(__func__) * 37 + sizeof(__FILE__) * 101 + DROP_FILE_MARK) % 2048) << DROP_LINE_BITS)
/* The verdict "dead, for this reason, here": of a name, or of a value. */
#define DROP(name) DROP_HERE(DROP_##name)
#define DROP_HERE(reason)                                                                              \
	({                                                                                             \
		static const struct drop_site site_ __attribute__((section("drop_sites"), used, aligned(16))) = { \
			DROP_PLACE, __func__                                                           \
		};                                                                                     \
		(enum drop_reason)(DROP_PLACE << 8 | (u32)(reason));                                   \
	})

static inline enum drop_reason drop_why(enum drop_reason verdict)
{
	return (enum drop_reason)((u32)verdict & 0xff);
}

/* 0: it does not say. Neither is for SKB_CONSUMED. */
static inline u32 drop_place(enum drop_reason verdict)
{
	return (u32)verdict >> 8;
}

/* All places that give verdicts; *nr of them. Not named as the section, which assemblers would take for it. */
const struct drop_site *drop_site_table(unsigned *nr);
#define DROP_WHERE_MAX 48
/* "udp_rcv:99"; "" for place 0. Returns out. */
const char *drop_where(u32 place, char out[DROP_WHERE_MAX]);
/* "TCP_CSUM" and its text; "?" past the table. */
const char *drop_name(enum drop_reason r);
const char *drop_text(enum drop_reason r);
