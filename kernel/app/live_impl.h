/* SPDX-License-Identifier: MIT
 * live_impl.h - what the files of the live page share: a sample of the stack, and the names of its numbers.
 */
#pragma once

#include "app/app_impl.h"
#include "app/live.h"
#include "net/core/last_drop.h"
#include "net/core/qdisc.h"
#include "net/core/stage.h"
#include "net/tcp/tcp.h"

#define LIVE_NUMBERS 4096u /* of a sample; what does not fit is left out */
#define LIVE_CONNS   32u   /* connections shown: those that moved most, lost bytes counting many times */
#define LIVE_QDISCS  24u   /* disciplines shown */

struct live_conn {
	struct ip_addr laddr, raddr;
	u16 lport, rport;
	u8 state, cpu;
	u32 recvq, sendq; /* bytes */
	const char *ca;   /* congestion control */
	u64 rank;
	struct tcp_info info;
};

struct live_qdisc {
	const struct net_device *dev;
	const char *id;
	u32 handle, minor; /* minor: class of the root; 0: it is the root */
	u16 queue;
	u32 qlen, backlog_bytes;
	u64 packets, bytes, drops, overlimits;
	char text[144];    /* parameters */
};

/* Highest fill seen, since looking began, by the owner of the queue. */
struct live_high {
	u32 rx, tx, qlen;
};

/* Sums that only the owners of what is summed can take. */
struct live_sums {
	struct net_balance balance;
	u64 tcp_state[12]; /* by enum of tcp_info */
	u64 tcp_recvq, tcp_sendq, udp_socks, udp_recvq; /* bytes; socks */
	u64 ct_count;
	struct ct_sums {
		u64 found, invalid, insert, insert_failed, drop, early_drop, deleted, flow;
	} ct;
	u64 nf_fns[5], nf_calls[5], nf_drops[5]; /* by enum nf_hook */
	u64 taps;
};

struct live_sample {
	u64 time_ns;
	u32 nr;                     /* numbers */
	u64 v[LIVE_NUMBERS];
	u32 nr_conns, nr_qdiscs;
	struct live_conn conns[LIVE_CONNS]; /* the first in rank first */
	struct live_qdisc qdiscs[LIVE_QDISCS];
	struct drop_frame drops[DROP_MAX];  /* the last of each reason */
	struct live_sums sums;
};

struct live_names { /* of a sample's numbers */
	u32 nr;
	u32 off[LIVE_NUMBERS]; /* in text behind HTTP_PAGE_HEAD; each ends with NUL */
	struct http_page text;
};

struct live_viewer { /* a connection with the feed open; of its CPU */
	struct list_head link;
	struct http_conn *c;
	struct live_cpu *lc;
	u64 seq; /* the last round it was shown; 0: none, it needs everything */
};

struct live_cpu {
	struct net_cpu *cpu;
	struct live *live;
	struct timer timer;       /* looks at queues for their highest fill */
	struct list_head viewers;
	u32 nr_viewers;
	u32 behind;               /* viewers that need everything */
};

struct live {
	struct net *net;
	bool on;                  /* somebody looks; the first CPU's */
	bool times_were_off;      /* net.core.softirq_times before */
	u64 next_ns, seq;         /* of rounds */
	struct live_sample *now, *before;
	struct live_names *names;
	struct http_page full, delta; /* the round's event, in both forms; full: len 0 when nobody needs it */
	struct live_high high[MAX_NETDEVS][MAX_TXQ];
	struct live_cpu cpu[MAX_CPUS];
};

/* Asks every CPU and fills s, but for numbers. In a fiber; 0 or -ENOMEM. */
int live_collect(struct net_cpu *cpu, struct live_sample *s);
/* Then the numbers, into s, or into names too where that is not NULL. */
void live_numbers(const struct live *l, struct live_sample *s, struct live_names *names);
/* By name; 0: there is none. */
u64 live_number(const struct live_sample *s, const struct live_names *names, const char *name);
static inline const char *live_name(const struct live_names *n, u32 i)
{
	return (const char *)n->text.buf + HTTP_PAGE_HEAD + n->off[i];
}
/* Appends an event: all of s, or what differs from `before`. */
void live_event(struct http_page *out, const struct live *l, const struct live_sample *s, const struct live_sample *before);

/* "ESTAB" and so on, as ss prints them. */
const char *live_state(u8 state);
/* "10.0.0.1:80", "[fe80::1]:80". */
#define LIVE_END_MAX (IP_NTOP_MAX + 8)
const char *live_end(const struct ip_addr *a, u16 port, char out[LIVE_END_MAX]);
/* The place that dropped a frame, and its text as tcpdump prints it, where something of it was left. */
void live_drop_text(const struct drop_frame *f, char *out, size_t size);

/* The packed document (tools/livepage): what stands before the tables, and behind them. */
extern const u8 live_doc_head[], live_doc_tail[];
extern const u32 live_doc_head_len, live_doc_tail_len;
