/* SPDX-License-Identifier: MIT
 * tcp_peer.h - the world of the TCP fuzzer: one stack, one device, and the peers on the other side of its wire.
 */
#pragma once

#include "fuzz/fuzz.h"
#include "fuzz/held.h"
#include "host/netlab.h"
#include "net/tcp/tcp_impl.h"

#define CONNS    6  /* tuples of peers: the first half connects to us, the other is connected to */
#define FDS      4  /* files of the application; the first listens */

struct peer {
	u16 sport, dport; /* the peer's, ours */
	u32 isn;          /* of its next SYN */
	u32 seq, ack;     /* of what was said last, when there is no connection */
	u32 iss;          /* of our last SYN */
	u32 ts_echo;      /* our last timestamp */
	u8 cookie[16], cookie_len; /* of Fast Open, from our last SYN-ACK */
};
/* What the stack has of a tuple; all NULL: nothing. Good until something runs. */
struct view {
	struct tcb *t;
	struct tcp_request *r;
	struct tcp_timewait *tw;
};
struct world {
	struct lab *lab;
	struct lab_host *host;
	struct net_device *dev;
	struct peer peers[CONNS];
	struct held held;
	u64 budget;           /* allocations that succeed in the next step */
	int fds[FDS];         /* -1: none */
	u32 clock;            /* the peers' timestamps */
	bool ether, no_ts, no_sack, no_ws, odd_bytes, urgent; /* the last two: bytes are no longer a function of their number */
	u8 wscale;
	u16 mss;
};

void world_open(struct world *w, u8 how);
void world_close(struct world *w);
/* Lets time pass and takes what was sent. */
void world_settle(struct world *w, u64 ns);
/* The byte of that number of a stream. */
static inline u8 byte_of(u32 n) { return (u8)(n * 167 + (n >> 8) * 13); }

void peer_options(struct world *w, u8 how);
struct view peer_view(const struct world *w, const struct peer *p);
void peer_opens(struct world *w, unsigned conn);
void peer_acknowledges(struct world *w, u8 who);
void peer_segment(struct world *w, struct input *in);
void peer_icmp(struct world *w, struct input *in);
