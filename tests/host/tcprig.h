/* SPDX-License-Identifier: MIT
 * tcprig.h - one TCP under glass: a stack on a raw IP device, a peer that is the test, one constructor per state.
 *
 *	struct rig *r = tcb_in(TCP_ESTABLISHED);
 *	inject(r, .seq = -1, .flags = TCP_RST);
 *	expect_nothing(r);
 *	CHECK_EQ(drops(r, TCP_INVALID_SEQUENCE), 1);
 *	rig_end(r);
 *
 * Sequence numbers are relative: .seq 0 is the first byte the sender of the segment sends after its SYN, .ack 0 that of the
 * other side. The peer's window is not scaled unless the rig was told so.
 */
#pragma once

#include "host/family.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/string.h"
#include "net/tcp/tcp_impl.h"

#define RIG_PEER_ISN 1000000u
#define RIG_PORT     8080
#define RIG_PEER_PORT 5555
#define RIG_MSS      1460

struct rig {
	struct lab *lab;
	struct lab_host *host;
	struct net_device *dev;
	struct net_cpu *cpu;
	struct sock *listener, *sk;
	struct tcb *t;
	u32 iss;             /* ours, learned from our SYN */
	u32 peer_isn;
	struct tcp_seg last; /* the segment expect() took, absolute numbers */
	struct tcp_options opt;
	u8 last_frame[65536];
	unsigned last_len;
	/* options of the peer, before the connection is made */
	bool no_ts, no_sack, no_ws, active;
	u32 peer_mss, peer_wnd, ts_val, drop_ts;
	u8 peer_wscale;
	unsigned mtu;
	struct sockaddr_ip peer;
};

struct rig_seg {
	s64 seq, ack;
	u32 len, wnd;        /* wnd 0: the rig's usual; NO_WINDOW: none */
	u8 flags;            /* ACK is added unless .no_ack or SYN or RST alone */
	bool no_ack, no_ts, bad_csum, psh;
	bool no_urg_flag;    /* the pointer stands there without the bit */
	u16 urg;
	u32 tsval, tsecr;    /* 0: the rig's clock; the last one we sent */
	struct tcp_sack_block sacks[4]; /* relative to ack 0 */
	unsigned nr_sacks;
	u32 src, dst;        /* IPv4, host order; 0: the peer, us */
	u8 tos;              /* of the IP header, ECN bits included */
	u8 reserved;         /* the four bits beside the data offset */
	u8 doff;             /* data offset in words; 0: the right one */
	const u8 *opts;      /* instead of the usual options: opts_len bytes, a multiple of 4 */
	u8 opts_len;
	const u8 *ip_opts;   /* IP options: ip_opts_len bytes, a multiple of 4 */
	u8 ip_opts_len;
	const void *data;    /* NULL: bytes that follow from their sequence number */
};
#define NO_WINDOW 0xffffffffu

struct rig *rig_new(void);
/* Settings may be made between the two. */
struct rig *rig_state(struct rig *r, u8 state);
static inline struct rig *tcb_in(u8 state) { return rig_state(rig_new(), state); }
void rig_end(struct rig *r);
/* The first of the listener's queue becomes the rig's. */
void rig_accept(struct rig *r);

void rig_inject(struct rig *r, const struct rig_seg *s);
/* The same, taken in with what is injected next: in one poll. */
void rig_give(struct rig *r, const struct rig_seg *s);
#define give(r, ...) rig_give(r, &(struct rig_seg){ __VA_ARGS__ })
#define inject(r, ...) rig_inject(r, &(struct rig_seg){ __VA_ARGS__ })
/* Takes the next segment that was sent and compares flags, seq, ack (when it has ACK) and length. */
bool rig_expect(struct rig *r, const struct rig_seg *s, const char *file, int line);
#define expect(r, ...) rig_expect(r, &(struct rig_seg){ __VA_ARGS__ }, __FILE__, __LINE__)
/* Takes the next one whatever it is; false: there is none. */
bool rig_take(struct rig *r);
bool rig_expect_nothing(struct rig *r, const char *file, int line);
#define expect_nothing(r) rig_expect_nothing(r, __FILE__, __LINE__)
/* Throws away what was sent; how many segments. */
unsigned rig_drain(struct rig *r);
/* Lets time pass. */
void rig_run_us(struct rig *r, u64 us);
static inline void rig_run_ms(struct rig *r, u64 ms) { rig_run_us(r, ms * 1000); }
/* Writes n bytes that follow from their sequence numbers; what sendmsg() said. */
long rig_write(struct rig *r, u32 n, int flags);

/* An option that is a number; <0: refused. */
static inline int rig_get(struct sock *sk, int level, int opt)
{
	unsigned len = sizeof(int);
	int v = -1, err = tcp_prot.getsockopt(sk, level, opt, &v, &len);

	return err ? err : v;
}

static inline int rig_set(struct sock *sk, int level, int opt, int v)
{
	return tcp_prot.setsockopt(sk, level, opt, &v, sizeof(v));
}

/* n segments of 1460 that left 100 ms ago, which is the round trip; without timestamps, `ca` in charge. */
struct rig *rig_in_flight(u32 n, bool sack, const char *ca);
/* Reads and checks up to n bytes; what recvmsg() said. */
long rig_read(struct rig *r, u32 n);
/* An ICMP error of type and code about our segment with relative sequence number seq. */
void rig_icmp(struct rig *r, u8 type, u8 code, u16 info, s64 seq);
#define drops(r, reason) lab_drops((r)->host, DROP_##reason)
#define stat(r, name)    lab_stat((r)->host, STAT_##name)
void rig_setsockopt(struct rig *r, int level, int opt, int v);
