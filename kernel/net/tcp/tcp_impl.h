/* SPDX-License-Identifier: MIT
 * tcp_impl.h - what the files of tcp/ share among themselves.
 */
#pragma once

#include "net/tcp/tcp.h"

#define TCP_RTO_INIT_US     1000000u   /* RFC 6298 2.1 */
#define TCP_RTO_SYN_US      3000000u   /* RFC 6298 5.7: for data, when the SYN was retransmitted */
#define TCP_RTO_MAX_US      120000000u /* RFC 6298 2.5 */
#define TCP_ATO_MIN_US      40000u
#define TCP_DELACK_MAX_US   200000u
#define TCP_INIT_CWND       10u        /* RFC 6928 */
#define TCP_INFINITE_SSTHRESH 0x7fffffffu
#define TCP_QUICKACKS       16u
#define TCP_SKB_COST        1024       /* bytes of metadata charged for each skb queued for sending */
#define TCP_COPY_MAX        640        /* payload up to this many bytes is copied behind the header: cheaper than a frag */
#define TCP_MAX_GSO         (65535u - TCP_HDR_MAX - 60) /* payload of one skb: what an IP length can say */
#define TCP_RETRY_US        10000      /* when memory was out: try again */

/* ---- an skb of ours: in a send queue, or received ---- */
enum { /* tcp_skb_cb.sacked */
	TCPCB_SACKED = 1,
	TCPCB_LOST = 2,
	TCPCB_RETRANS = 4,      /* a retransmission of it is in flight */
	TCPCB_EVER_RETRANS = 8, /* Karn: no sample from it */
};
struct tcp_skb_cb {
	struct rb_node rb;      /* in rtx_tree or ofo */
	seq_t seq, end_seq;     /* FIN counted */
	u8 flags;               /* FIN, PSH, URG; received: as on the wire */
	u8 sacked : 4;
	bool own : 1;           /* send: bytes behind the last piece are ours to append to */
	bool eor : 1;           /* send: MSG_EOR, nothing is appended */
	bool app_limited : 1;   /* sent while tcb.app_limited */
	u16 segs;               /* on the wire */
	u32 charged;            /* to sk.wmem_alloc or sk.rmem_alloc */
	u64 tx_ns;              /* last (re)transmission; received: arrival, while tcb.stamping */
	struct list_head ts;    /* in tcb.tsorted */
	union {
		struct sk_buff *skip;  /* SACKed: a later skb before which all are SACKed, too; NULL: not known */
		struct {               /* not SACKed: the sender's state at the last transmission, for rate.c */
			u32 first_tx_us;
			u32 delivered_us; /* 0: not known */
		};
	};
	u32 delivered;
};
_Static_assert(sizeof(struct tcp_skb_cb) <= sizeof(((struct sk_buff *)0)->cb), "fits the control block");
static inline struct tcp_skb_cb *tcp_cb(const struct sk_buff *skb) { return (struct tcp_skb_cb *)skb->cb; }
static inline struct sk_buff *rb_to_skb(struct rb_node *n)
{
	struct tcp_skb_cb *cb = rb_entry(n, struct tcp_skb_cb, rb);

	return container_of((u64 (*)[10])(void *)cb, struct sk_buff, cb);
}

/* A segment on its way through the steps. */
struct tcp_in {
	struct tcp_seg seg;
	struct tcp_options opt;
	struct sk_buff *skb;
	u32 hash; /* of its tuple, as in conn_node */
};

static inline struct tcb *node_tcb(struct conn_node *n) { return container_of(n, struct tcb, node); }
static inline struct tcp_request *node_request(struct conn_node *n) { return container_of(n, struct tcp_request, node); }
static inline struct tcp_timewait *node_timewait(struct conn_node *n) { return container_of(n, struct tcp_timewait, node); }

/* ---- time ---- */
static inline u64 tcp_now(const struct tcb *t) { return t->sk.cpu->now_ns; }
static inline u32 cpu_ms(const struct net_cpu *cpu) { return cpu->now_ms; }
static inline u32 cpu_s(const struct net_cpu *cpu) { return cpu->now_s; }
static inline u32 cpu_us(const struct net_cpu *cpu) { return cpu->now_us; }
static inline u32 tcp_ts_now(const struct tcb *t) { return cpu_ms(t->sk.cpu) + t->ts_off; }

/* ---- marks and events ---- */
static inline void tcp_mark(struct tcb *t)
{
	struct tcp_cpu *tc = t->sk.cpu->tcp;

	if (t->marked)
		return;
	t->marked = true;
	t->dirty_next = NULL;
	*tc->dirty_tail = t;
	tc->dirty_tail = &t->dirty_next;
	raise_softirq(t->sk.cpu, SOFTIRQ_NET_TX);
}
static inline void tcp_event(struct tcb *t, u32 events)
{
	t->events |= events;
	tcp_mark(t);
}
/* An ACK is to leave at the next flush. */
static inline void tcp_ack_now(struct tcb *t)
{
	t->ack.now = true;
	tcp_mark(t);
}

/* ---- conn.c, port.c: tables, ports, TCBs, states ---- */
u32 conn_hash(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport);
/* *hashed: the tuple's hash, found or not. */
struct conn_node *conn_lookup(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport,
			      u32 *hashed);
static inline u32 conn_hash_v4(struct net_cpu *cpu, be32 l, be32 r, u32 ports)
{
	return nhash_2u64((u64)l.raw << 32 | r.raw, ports, &cpu->net->hash_key);
}
/* Two products of keyed words: as nhash_2u64(), over both halves of both addresses. */
static inline u32 conn_hash_v6(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u32 ports)
{
	return nhash_4u64(r->q[0], r->q[1], &cpu->net->hash_key, l->q[0] ^ l->q[1], ports, &cpu->net->hash6_key);
}
/* n's hash and ports are set; its addresses too. */
void conn_insert(struct net_cpu *cpu, struct conn_node *n);
void conn_remove(struct net_cpu *cpu, struct conn_node *n);
/* n, of the same hash, takes old's place in its chain. */
void conn_replace(struct conn_node *old, struct conn_node *n);
struct tcb *tcp_find_listener(struct net_cpu *cpu, const struct ip_addr *laddr, u16 lport, u32 hash);
struct tcb *tcb_alloc(struct net_cpu *cpu, u16 family);
/* A child of listener l, in no table yet: a copy, for a listener is as new but for its settings. NULL: no memory. */
struct tcb *tcb_child(const struct tcb *l);
/* A TCB in CLOSE is as new, but for its options, its error and what bind() gave it; what was not read is gone. */
void tcb_renew(struct tcb *t);
void tcb_free(struct tcb *t); /* tcp_flush() only */
void tcp_set_state(struct tcb *t, u8 state);
/* The connection is over: out of the table, timers off, events told. The TCB is freed by the flush once it is an orphan. */
void tcp_done(struct tcb *t);
/* tcp_done() with an error for the application. */
void tcp_done_error(struct tcb *t, int err);
/* Is addr:port another's, who does not share it with t? Linux's rules for SO_REUSEADDR and SO_REUSEPORT. */
bool tcp_port_conflict(const struct tcb *t, const struct ip_addr *addr, u16 port);
int tcp_bind_port(struct tcb *t, const struct ip_addr *addr, u16 port); /* port 0: choose */
void tcp_unbind(struct tcb *t);
/* What other CPUs get for t's port, and have nobody for, is handed over to this one. */
void tcp_tell_port(struct tcb *t);
/* Chooses a local port for a connect whose addresses are set, and enters the table. 0 or -EADDRNOTAVAIL. */
int tcp_connect_port(struct tcb *t);
u32 tcp_isn(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport);
u32 tcp_ts_offset(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r);
/* The dst of the sock, asked for again when stale. 0 or -errno. */
int tcp_route(struct tcb *t);
void tcp_flow(const struct tcb *t, struct flow *fl);

/* ---- predict.c, input.c ---- */
enum drop_reason tcp_rcv_plain(struct net_cpu *cpu, struct sk_buff *skb); /* see struct inet_protocol */
enum drop_reason tcp_rcv_plain6(struct net_cpu *cpu, struct sk_buff *skb);
bool tcp_rcv_bare(struct net_cpu *cpu, const void *ip, bool vouched);
bool tcp_rcv_bare6(struct net_cpu *cpu, const struct ip_addr *src, const struct ip_addr *dst, const void *tcp, bool vouched);
enum drop_reason tcp_rcv_tcb(struct tcb *t, struct tcp_in *in);
void tcp_established(struct tcb *t); /* entered: buffers, congestion control, keepalive */
void tcp_ready(struct tcb *t);       /* its part that only needs to know the peer */
enum drop_reason tcp_fastopen_text(struct tcb *t, struct tcp_in *in);
void tcp_take_syn_options(struct tcb *t, const struct tcp_in *in);
/* The MSS of a peer that told none. */
static inline u16 tcp_mss_default(const struct ip_addr *peer) { return ip_is_v4(peer) ? TCP_MSS_DEFAULT : TCP_MSS_DEFAULT6; }
void tcp_pred_update(struct tcb *t);
/* RFC 5961 7: an ACK that lets a true peer correct itself; limited per connection, so that no counter can be probed. */
void tcp_challenge_ack(struct tcb *t);

/* ---- reass.c: what arrived, and when it is acknowledged ---- */
enum drop_reason tcp_data_rcv(struct tcb *t, struct tcp_in *in, bool *fin);
enum drop_reason tcp_text_predicted(struct tcb *t, struct tcp_in *in); /* as header prediction had it, with an ACK or without */
void tcp_ack_policy(struct tcb *t);
/* Parts of receive.h that are seldom called for. */
void tcp_rcv_rtt_round(struct tcb *t);     /* a window has come since the last */
void tcp_grow_window(struct tcb *t, const struct sk_buff *skb);
void tcp_text_after_pause(struct tcb *t);  /* text, the first or not close behind the one before */
void tcp_enter_quickack(struct tcb *t, u8 n);
void tcp_read_done(struct tcb *t); /* the application took bytes: window update? */
void tcp_ofo_empty(struct tcb *t, enum drop_reason reason);
static inline void tcp_ofo_purge(struct tcb *t, enum drop_reason reason)
{
	if (unlikely(t->ofo_segs))
		tcp_ofo_empty(t, reason);
	t->nr_sacks = 0;
}
void tcp_rcv_window_init(struct tcb *t);
u32 tcp_initial_window(u32 rcvbuf, u32 mss, const struct net_sysctls *s, bool ws, u8 *wscale);
u16 tcp_window_anew(struct tcb *t); /* the field of a segment that leaves; advances wup and wnd */
u32 tcp_next_window(const struct tcb *t);
u32 tcp_rcv_space(const struct tcb *t);
static inline u32 tcp_win_from_space(u32 bytes) { return bytes / 2; } /* the other half is metadata of skbs */
static inline u32 tcp_receive_window(const struct tcb *t)
{
	s32 w = seq_diff(seq_add(t->rcv.wup, t->rcv.wnd), t->rcv.nxt);

	return w > 0 ? (u32)w : 0;
}
static inline void tcp_rmem_charge(struct tcb *t, struct sk_buff *skb)
{
	u32 cost = skb->truesize;

	tcp_cb(skb)->charged = cost;
	t->sk.rmem_alloc += cost;
	t->sk.cpu->tcp->mem_bytes += cost;
}
static inline void tcp_rmem_uncharge(struct tcb *t, struct sk_buff *skb)
{
	u32 cost = tcp_cb(skb)->charged;

	t->sk.rmem_alloc -= cost;
	t->sk.cpu->tcp->mem_bytes -= cost;
}

/* ---- memory: shares of the skb pool that TCP leaves to others ---- */
#define TCP_PAGE 4096 /* tcp_mem counts in these */
/* Pressure: from tcp_mem's middle value down to its first, or three quarters of the pool in use. */
static inline bool tcp_memory_tight(const struct net_cpu *cpu)
{
	const struct skb_pool *p = cpu->skb_pool;
	const struct net_sysctls *s = &cpu->sysctl;
	u64 limit = (u64)(cpu->tcp->pressure ? s->tcp_mem_low : s->tcp_mem_pressure) * TCP_PAGE;

	return p->nr_free_bufs < p->nr_bufs / 4 || cpu->tcp->mem_bytes > limit;
}
/* No new data is taken for sending: acknowledgments are what frees memory, and must still be received. */
static inline bool tcp_memory_low(const struct net_cpu *cpu)
{
	const struct skb_pool *p = cpu->skb_pool;

	return p->nr_free_bufs < p->nr_bufs / 8 || p->nr_free_skbs < p->nr_skbs / 8 ||
	       cpu->tcp->mem_bytes > (u64)cpu->sysctl.tcp_mem_max * TCP_PAGE;
}
/* The last buffers are for ACKs: text goes, although its window was offered, and comes again when somebody has read. */
static inline bool tcp_memory_out(const struct net_cpu *cpu)
{
	return unlikely(cpu->skb_pool->nr_free_bufs < cpu->skb_pool->nr_bufs / 16);
}

/* ---- sendq.c: the application's bytes, before and after they were sent ---- */
size_t tcp_message_len(const struct msghdr *m);
long tcp_queue_bytes(struct tcb *t, const struct msghdr *m, int flags);
long tcp_queue_static(struct tcb *t, const u8 *mem, size_t len, int flags);
int tcp_queue_skb(struct tcb *t, struct sk_buff *skb, int flags);
bool tcp_queue_fin(struct tcb *t); /* false: no memory, fin_wanted stays */
/* Cuts skb after len bytes; the rest follows it in its queue. false: no memory. */
bool tcp_split(struct tcb *t, struct sk_buff *skb, u32 len, u32 mss);
static inline void tcp_set_segs(struct sk_buff *skb, u32 mss)
{
	tcp_cb(skb)->segs = likely(skb->len <= mss) ? 1 : (u16)DIV_ROUND_UP(skb->len, mss);
}
/* Payload of each of a sent skb's segments but the last: the MSS of now, unless another one cut it. */
static inline u32 tcp_skb_mss(const struct tcb *t, const struct sk_buff *skb)
{
	u32 segs = tcp_cb(skb)->segs;

	return DIV_ROUND_UP(skb->len, (u32)t->mss) == segs ? t->mss : DIV_ROUND_UP(skb->len, segs);
}
void tcp_tree_insert(struct tcb *t, struct sk_buff *skb);
/* The tree is empty until somebody looks for something in it, which only SACK does. */
static inline void tcp_rtx_insert(struct tcb *t, struct sk_buff *skb)
{
	if (unlikely(t->rtx_tree.node != NULL))
		tcp_tree_insert(t, skb);
}
/* The end of an skb that is out of its queue. */
static inline void tcp_wmem_free_skb(struct tcb *t, struct sk_buff *skb)
{
	t->sk.wmem_alloc -= tcp_cb(skb)->charged;
	t->sk.cpu->tcp->mem_bytes -= tcp_cb(skb)->charged;
	consume_skb(t->sk.cpu, skb);
}
void tcp_rtx_unlink_free(struct tcb *t, struct sk_buff *skb);
/* The first skb of the retransmit queue that ends after seq; NULL: none. O(log n). */
struct sk_buff *tcp_rtx_find(struct tcb *t, seq_t seq);
void tcp_trim_head(struct tcb *t, struct sk_buff *skb, u32 len, u32 mss);
void tcp_trim_acked(struct tcb *t, struct sk_buff *skb, u32 len, u32 segs);
/* The first skb of sendq gets to hold just `len` bytes, from those behind it. false: it cannot. */
bool tcp_gather(struct tcb *t, u32 len);
void tcp_sendq_empty(struct tcb *t);
static inline void tcp_sendq_purge(struct tcb *t)
{
	if (!skb_queue_empty(&t->sendq) || !skb_queue_empty(&t->rtxq))
		tcp_sendq_empty(t);
}
static inline struct sk_buff *tcp_send_head(const struct tcb *t) { return skb_peek(&t->sendq); }
static inline struct sk_buff *tcp_rtx_head(const struct tcb *t) { return skb_peek(&t->rtxq); }
static inline struct sk_buff *tcp_rtx_tail(const struct tcb *t) { return skb_peek_tail(&t->rtxq); }
static inline struct sk_buff *tcp_rtx_next(const struct tcb *t, struct sk_buff *skb)
{
	return skb->next == (const struct sk_buff *)&t->rtxq ? NULL : skb->next;
}
u32 tcp_sndbuf_space(const struct tcb *t);
bool tcp_may_write(const struct tcb *t); /* enough room for EPOLLOUT */
void tcp_new_space(struct tcb *t);
void tcp_sndbuf_expand(struct tcb *t);

/* ---- output.c ---- */
void tcp_chrono_set(struct tcb *t, enum tcp_chrono c);
static inline void tcp_chrono(struct tcb *t, enum tcp_chrono c)
{
	if (t->chrono != c)
		tcp_chrono_set(t, c);
}
void tcp_output(struct tcb *t);           /* all that may leave now */
bool tcp_send_ack(struct tcb *t);
bool tcp_send_syn(struct tcb *t);         /* SYN, or SYN-ACK of a simultaneous open */
void tcp_send_active_reset(struct tcb *t);
void tcp_send_reset(struct net_cpu *cpu, struct sk_buff *skb, const struct tcp_seg *seg);
bool tcp_retransmit(struct tcb *t, struct sk_buff *skb, u32 segs);
bool tcp_xmit_probe(struct tcb *t); /* zero-window or keepalive probe */
bool tcp_send_loss_probe(struct tcb *t);
/* Everything in flight that is now too long is lost, for certain and through no congestion: again. */
void tcp_simple_retransmit(struct tcb *t);
void tcp_sync_mss(struct tcb *t);
u32 tcp_path_mss(const struct tcb *t); /* what the path lets through, as the MSS option counts */
u32 tcp_size_goal(const struct tcb *t);
/* An ACK or SYN-ACK without a TCB. */
struct tcp_reply {
	const struct ip_addr *src, *dst;
	u16 sport, dport;
	seq_t seq, ack;
	u16 wnd;
	u8 flags, tos;
	bool ts;         /* with a timestamp alone */
	u32 tsval, tsecr;
	const struct tcp_syn_options *syn; /* or with these options; NULL: without */
	u32 mark;
	struct dst *way; /* NULL: not known yet */
};
bool tcp_reply_xmit(struct net_cpu *cpu, const struct tcp_reply *r);
static inline struct flow tcp_reply_flow(const struct tcp_reply *r)
{
	return (struct flow){ .src = *r->src, .dst = *r->dst, .proto = IPPROTO_TCP, .tos = r->tos, .df = true, .mark = r->mark };
}
/* Its header and options, without the checksum; returns their bytes. */
u32 tcp_put_reply(struct tcp_hdr *h, const struct tcp_reply *r);
struct tcp_syn_options {
	u16 mss;
	bool ts, sack, ws;
	u8 wscale;
	u32 tsval, tsecr;
	const struct tfo_cookie *cookie; /* NULL: no such option */
};
unsigned tcp_put_syn_options(u8 *p, const struct tcp_syn_options *o); /* bytes put, at most TCP_OPTS_MAX */

/* ---- mtu_probe.c ---- */
void tcp_mtu_start(struct tcb *t);
void tcp_mtu_black_hole(struct tcb *t);   /* retransmissions time out */
/* How long a probe is to leave now, which is what the first skb of sendq then holds; 0: none. While mtup_on. */
u32 tcp_mtu_probe_size(struct tcb *t);
void tcp_mtu_probe_sent(struct tcb *t, u32 size);
/* Something is lost. true: it was the probe, and what is too long is sent again: no congestion. While mtup_on. */
bool tcp_mtu_probe_lost(struct tcb *t);
void tcp_mtu_told(struct tcb *t);         /* a router named the path's MTU. While mtup_on */
void tcp_mtu_probe_void(struct tcb *t);   /* the probe that is out will tell nothing. While mtup_on */

/* ---- lone.c ---- */
/* A bare ACK with the timestamp alone, by a valid dst straight to the ring. false: not that way, and nothing has left. */
bool tcp_ack_direct(struct tcb *t);
/* The same for what answers without a TCB, by a valid r->way. */
bool tcp_reply_direct(struct net_cpu *cpu, const struct tcp_reply *r);
void tcp_hold_over(struct timer *timer, u64 now_ns); /* the flush goes on where it waited for a device */

/* ---- timer.c ---- */
void tcp_timer_fire(struct timer *timer, u64 now_ns);
static inline void tcp_timer_set(struct tcb *t, enum tcp_timer which, u64 at_ns)
{
	u64 g = (at_ns + TIMER_GRANULE_NS - 1) >> TIMER_GRANULE_SHIFT;

	t->deadline[which] = (u32)g ?: 1; /* 0 says: none */
	at_ns = g << TIMER_GRANULE_SHIFT;
	if (unlikely(!t->timer.armed || at_ns < t->timer.expires_ns))
		timer_arm_lazily(&t->sk.cpu->wheel, &t->timer, at_ns);
}
static inline void tcp_timer_clear(struct tcb *t, enum tcp_timer which) { t->deadline[which] = 0; }
static inline bool tcp_timer_armed(const struct tcb *t, enum tcp_timer which) { return t->deadline[which] != 0; }
static inline void tcp_rtx_clear(struct tcb *t) { memset(t->deadline, 0, TCPT_NR_RTX * sizeof(t->deadline[0])); }
/* One of RTO, TLP, REO, PERSIST; the others are cleared. */
static inline void tcp_rtx_arm(struct tcb *t, enum tcp_timer which, u64 at_ns)
{
	tcp_rtx_clear(t);
	tcp_timer_set(t, which, at_ns);
}
u64 tcp_timer_at_ns(const struct tcb *t, enum tcp_timer which);
void tcp_timers_stop(struct tcb *t);
void tcp_keepalive_start(struct tcb *t);
void tcp_persist_start(struct tcb *t);
void tcp_delack_start(struct tcb *t);
void tcp_rearm_rto(struct tcb *t);
u64 tcp_rto_at(const struct tcb *t); /* when the RTO of the oldest segment in flight is over */

/* ---- rtt.c ---- */
void tcp_rtt_take(struct tcb *t, u32 rtt_us); /* 1 to TCP_RTO_MAX_US */
static inline void tcp_rtt_sample(struct tcb *t, s64 rtt_us) { tcp_rtt_take(t, (u32)CLAMP(rtt_us, 1, (s64)TCP_RTO_MAX_US)); }
static inline void tcp_rto_update(struct tcb *t) /* from srtt and rttvar */
{
	u32 rto = (t->srtt_us >> 3) + t->rttvar_us;

	t->rto_us = CLAMP(rto, (u32)t->sk.cpu->sysctl.tcp_rto_min_us, TCP_RTO_MAX_US);
}
void tcp_rtt_first(struct tcb *t, u32 rtt_us);
#define MIN_RTT_WINDOW_MS 300000 /* a minimum is believed for five minutes */
static inline void tcp_min_rtt_update(struct tcb *t, u32 rtt_us)
{
	u32 now = cpu_ms(t->sk.cpu);

	if (unlikely(rtt_us <= t->min_rtt_us || now - t->min_rtt_ms > MIN_RTT_WINDOW_MS)) {
		t->min_rtt_us = MAX(rtt_us, 1u);
		t->min_rtt_ms = now;
	}
}

/* ---- ack.c, sack.c, rack.c, recovery.c: acknowledgments ---- */
enum { /* what one ACK did */
	FLAG_DATA = 1,              /* it carried data */
	FLAG_WIN_UPDATE = 2,
	FLAG_DATA_ACKED = 4,
	FLAG_RETRANS_DATA_ACKED = 8,
	FLAG_SYN_ACKED = 0x10,
	FLAG_DATA_SACKED = 0x20,
	FLAG_ECE = 0x40,
	FLAG_LOST_RETRANS = 0x80,   /* a retransmission was lost again */
	FLAG_UNA_ADVANCED = 0x100,
	FLAG_DSACK = 0x200,
	FLAG_ORIG_SACK_ACKED = 0x800, /* data never retransmitted, sent before the RTO, arrived */
	FLAG_SET_XMIT_TIMER = 0x1000,
	FLAG_DSACK_TLP = 0x2000,
	FLAG_FAST = 0x4000,         /* by header prediction: no options but the timestamp, window as before */
	FLAG_NOT_DUP = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_DATA_ACKED | FLAG_SYN_ACKED,
	FLAG_CA_ALERT = FLAG_DATA_SACKED | FLAG_ECE | FLAG_DSACK,
};
struct ack_state {
	u32 flag;
	seq_t prior_una;
	u32 prior_packets, prior_delivered, prior_in_flight;
	u32 prior_lost;             /* tcb.lost */
	u32 acked;                  /* segments, cumulatively */
	seq_t reord;                /* lowest sequence number sacked or acked late, when `reord_set` */
	bool reord_set;
	seq_t prior_fack;           /* end of the highest SACKed segment before this ACK; una without one */
	u64 first_tx_ns, last_tx_ns;  /* of never retransmitted skbs acknowledged; 0: none */
	u64 sack_first_ns, sack_last_ns;
	s64 rtt_us, ca_rtt_us;      /* -1: none */
	struct rate_sample rs;
};
/* Nothing is lost and nothing suspected. */
static inline bool tcp_is_untroubled(const struct tcb *t)
{
	return !(t->ca_state | t->tlp_out | t->sacked_out | t->lost_out | t->retrans_out) && t->sack_ok && !t->rack.dsack_seen;
}
void tcp_tell_lone(struct tcb *t, u32 rtt_us); /* the algorithm, of a round of one segment */
/* Check 5 of RFC 9293 3.10.7.4. RX_OK: go on to the text. */
enum drop_reason tcp_ack_rcv(struct tcb *t, struct tcp_in *in, u32 flag);
void tcp_take_window(struct tcb *t, u32 wnd); /* another one than before, in bytes */
/* The same of one that is acceptable and news, without SACK or ECE, while tcp_is_untroubled(). */
void tcp_plain_ack(struct tcb *t, seq_t seq, seq_t ack);
/* What the ACKs noted since the last flush free and tell. Before anything looks at rtxq or packets_out: the flush, a timer, an ACK that
 * is not plain, an ICMP error. */
void tcp_settle_noted(struct tcb *t);
static inline void tcp_settle(struct tcb *t)
{
	if (unlikely(t->noted))
		tcp_settle_noted(t);
}

void tcp_sack_rcv(struct tcb *t, struct tcp_in *in, struct ack_state *s);
void tcp_sacks_note(struct tcb *t, seq_t start, seq_t end); /* receiver: a block came out of order */
void tcp_sacks_trim(struct tcb *t);                         /* rcv.nxt moved */
void tcp_dsack_set(struct tcb *t, seq_t start, seq_t end);
unsigned tcp_sacks_put(struct tcb *t, u8 *p, unsigned room);

void tcp_rack_advance(struct tcb *t, u8 sacked, seq_t end_seq, u64 xmit_ns);
bool tcp_rack_mark_lost(struct tcb *t);
bool tcp_rack_skb_lost(struct tcb *t, const struct sk_buff *skb, u32 reo_wnd_us, u64 *left_ns);
u32 tcp_rack_reo_wnd(const struct tcb *t);
void tcp_rack_dsack(struct tcb *t, struct ack_state *s);
void tcp_check_reordering(struct tcb *t, seq_t low, bool ts);

bool tcp_schedule_tlp(struct tcb *t, bool rto_restarts);

void tcp_recovery(struct tcb *t, struct ack_state *s, u32 num_dupack);
void tcp_enter_loss(struct tcb *t);
void tcp_enter_recovery(struct tcb *t, bool ece);
void tcp_process_tlp_ack(struct tcb *t, struct ack_state *s, seq_t ack);
void tcp_mark_lost(struct tcb *t, struct sk_buff *skb);
void tcp_remove_reno_sacks(struct tcb *t, u32 acked);
void tcp_try_keep_open(struct tcb *t);
void tcp_xmit_lost(struct tcb *t);
void tcp_set_ca_state(struct tcb *t, enum tcp_ca_state s);

/* ---- cong.c ---- */
void tcp_cong_init(struct tcb *t); /* the algorithm's state is as new; where no data was sent, later */
bool tcp_tx_start(struct tcb *t);  /* before the first data: t->tx. false: no memory */
u32 tcp_slow_start(struct tcb *t, u32 acked);
void tcp_cong_avoid_ai(struct tcb *t, u32 w, u32 acked);
void tcp_cong_control(struct tcb *t, struct ack_state *s);
void tcp_init_cwnd_reduction(struct tcb *t);
void tcp_end_cwnd_reduction(struct tcb *t);
void tcp_cwnd_reduction(struct tcb *t, u32 newly_acked, u32 newly_lost, u32 flag);
static inline void tcp_cwnd_validate(struct tcb *t, bool limited)
{
	if (!seq_lt(t->snd.una, t->cwnd_usage_seq) || limited || (!t->cwnd_limited && t->packets_out > t->max_packets_out)) {
		if (unlikely(t->cwnd_limited != limited))
			t->cwnd_limited = limited;
		t->max_packets_out = t->packets_out;
		t->cwnd_usage_seq = t->snd.nxt;
	}
}
void tcp_cwnd_restart(struct tcb *t);
u32 tcp_reno_ssthresh(struct tcb *t);
u32 tcp_reno_undo_cwnd(struct tcb *t);
void tcp_reno_cong_avoid(struct tcb *t, u32 acked);
static inline bool tcp_in_slow_start(const struct tcb *t) { return t->cwnd < t->ssthresh; }
static inline u32 tcp_left_out(const struct tcb *t) { return t->sacked_out + t->lost_out; }
static inline u32 tcp_in_flight(const struct tcb *t) { return t->packets_out - tcp_left_out(t) + t->retrans_out; }
static inline seq_t tcp_wnd_end(const struct tcb *t) { return seq_add(t->snd.una, t->snd.wnd); }
/* The window may grow only when it is used: in slow start, when half of it was. */
static inline bool tcp_is_cwnd_limited(const struct tcb *t)
{
	return t->cwnd_limited || (tcp_in_slow_start(t) && t->cwnd < 2 * t->max_packets_out);
}
/* How far the peer has said it received something. */
static inline seq_t tcp_fack(const struct tcb *t) { return t->sacked_out && t->sack_ok ? t->high_sack : t->snd.una; }
static inline bool tcp_in_cwnd_reduction(const struct tcb *t)
{
	return t->ca_state == TCP_CA_CWR || t->ca_state == TCP_CA_RECOVERY;
}

/* ---- hystart.c: the end of slow start before the queue overflows (RFC 9406) ---- */
struct hystart {
	seq_t round_end;            /* a round ends when this is acknowledged */
	u32 last_rtt_us, rtt_us;    /* least of the last round and of this one; ~0: none */
	u32 css_rtt_us;             /* rtt_us when conservative slow start began; 0: it did not */
	u8 samples, css_rounds;
};
void tcp_hystart_init(struct tcb *t, struct hystart *h);
void tcp_hystart_sample(struct tcb *t, struct hystart *h, u32 rtt_us, u32 acks); /* as many samples, the least of them */
/* Slow start with it; what of `acked` is left for congestion avoidance. */
u32 tcp_hystart_grow(struct tcb *t, struct hystart *h, u32 acked);

/* ---- rate.c ---- */
void tcp_rate_delivered(struct tcb *t, const struct tcp_skb_cb *cb, struct rate_sample *rs);
/* The ACK is read: rs becomes a sample, or says that there is none. */
void tcp_rate_gen(struct tcb *t, struct rate_sample *rs, u32 delivered, u32 lost);
u64 tcp_delivery_rate(const struct tcb *t); /* bytes/s; 0: not known */
/* Before cb's segment counts as sent, now. A single one into an empty pipe tells of a round trip, not of a rate: it has no
 * note, and its ACK makes no sample, unless the algorithm lives on samples. */
static inline void tcp_rate_sent(struct tcb *t, struct tcp_skb_cb *cb)
{
	if (!t->packets_out) {
		t->first_tx_us = t->delivered_us = cpu_us(t->sk.cpu);
		if (cb->segs == 1 && !t->ca->cong_control) {
			cb->delivered_us = 0;
			return;
		}
	}
	cb->first_tx_us = t->first_tx_us;
	cb->delivered_us = t->delivered_us;
	cb->delivered = t->delivered;
	cb->app_limited = t->app_limited != 0;
}
/* Everything is sent that there is, and more could be under way. */
static inline void tcp_rate_check_app_limited(struct tcb *t)
{
	if (tcp_in_flight(t) < t->cwnd && t->lost_out <= t->retrans_out)
		t->app_limited = t->delivered + tcp_in_flight(t) ?: 1;
}

/* ---- pacing.c ---- */
u32 tcp_pacing_rate(const struct tcb *t); /* bytes/s; ~0: no limit */
static inline bool tcp_is_paced(const struct tcb *t) { return unlikely(t->pacing | t->fq); }
/* true: not yet; the PACE timer will flush. */
bool tcp_pace_wait(struct tcb *t);
/* skb (of a paced connection, headers not counted) leaves: notes when the next may, and when this one. */
void tcp_pace_sent(struct tcb *t, struct sk_buff *skb, u32 len);
void tcp_pacing_update(struct tcb *t); /* algorithm or limit changed */

/* ---- request.c, timewait.c ---- */
enum drop_reason tcp_listen_rcv(struct tcb *listener, struct tcp_in *in);
/* Under overload, of a SYN that would be refused: see struct inet_protocol. */
enum drop_reason tcp_shed(struct net_cpu *cpu, bool v4, const u8 *p, u32 len);
/* The peer of t has just sent its FIN. true: that was the end of its patience, and so is it of the connection. */
bool tcp_hung_up(struct tcb *t);
/* What lies in the receive queues is for nobody. */
void tcp_forget_unread(struct tcb *t);
enum drop_reason tcp_request_rcv(struct tcp_request *r, struct tcp_in *in);
/* What a SYN to listener l asks for, in no table yet; NULL: no memory, or no way back. */
struct tcp_request *tcp_request_new(struct tcb *l, struct tcp_in *in);
void tcp_cookie_make(struct tcp_request *r);
struct tcp_request *tcp_cookie_check(struct tcb *l, struct tcp_in *in);
void tcp_request_free(struct tcp_request *r); /* out of the table, too */
void tcp_requests_drop(struct tcb *listener);
void tcp_synack_run(struct timer *timer, u64 now_ns);
enum drop_reason tcp_timewait_rcv(struct net_cpu *cpu, struct tcp_timewait *tw, struct tcp_in *in, bool *reopen);
/* The TCB's place in the table goes to a tcp_timewait, which acknowledges the FIN if asked to; the TCB is done. */
void tcp_time_wait(struct tcb *t, bool ack);
void tcp_timewait_free(struct net_cpu *cpu, struct tcp_timewait *tw);
void tcp_timewait_run(struct timer *timer, u64 now_ns);

/* ---- fastopen.c ---- */
enum tfo_verdict { TFO_NONE, TFO_GIVE, TFO_OPEN, TFO_OPEN_GIVE }; /* a SYN: opens at once? is given a cookie? */
/* t->fo, made when there is none; NULL: no memory. */
struct tcp_fastopen *tcp_fastopen_get(struct tcb *t);
enum tfo_verdict tcp_fastopen_syn(struct tcb *l, const struct tcp_request *r, const struct tcp_in *in, struct tfo_cookie *give);
/* t begins before its handshake is over; give: NULL, or the cookie for its SYN-ACK. false: no memory. */
bool tcp_fastopen_child(struct tcb *l, struct tcb *t, const struct tfo_cookie *give);
void tcp_fastopen_begun(struct tcb *t);           /* such a child may talk */
void tcp_fastopen_confirmed(struct tcb *t);       /* the ACK of its SYN-ACK came */
bool tcp_fastopen_syn_again(struct tcb *t, const struct tcp_seg *seg); /* answers it: its SYN-ACK was lost */
void tcp_fastopen_end(struct tcb *t, bool reset); /* t->fo goes */
void tcp_fastopen_listen(struct tcb *l);          /* where a tunable says that every listener does */
void tcp_fastopen_unlisten(struct tcb *l);
void tcp_fastopen_synack_timeout(struct tcb *t);
void tcp_fastopen_synack(struct tcb *t, const struct tcp_in *in);
void tcp_fastopen_black_hole(struct tcb *t);      /* a SYN of ours with data or a cookie had no answer, twice */
int tcp_fastopen_connect(struct tcb *t);          /* TCP_FASTOPEN_CONNECT: 0 when the SYN waits for data, else -EINPROGRESS */
long tcp_fastopen_sendmsg(struct sock *sk, const struct msghdr *m, int flags);
unsigned tcp_put_fastopen(u8 *p, const struct tfo_cookie *c); /* bytes put, padded */
int tcp_fastopen_set(struct tcb *t, int opt, int v);
int tcp_fastopen_set_key(struct tcb *t, const void *val, unsigned len);
/* A child whose handshake is not over: it may talk all the same. */
static inline bool tcp_is_fastopen_child(const struct tcb *t) { return unlikely(t->fo != NULL) && t->passive; }

/* ---- ecn.c ---- */
bool tcp_ecn_asked(const struct net_cpu *cpu, const struct tcp_in *in); /* by this SYN, and we agree */
u8 tcp_ecn_syn_flags(struct tcb *t);
u8 tcp_ecn_send(struct tcb *t, struct sk_buff *skb, seq_t seq, bool data, u8 flags);
void tcp_ecn_rcv(struct tcb *t, const struct tcp_in *in);

/* ---- err.c ---- */
void tcp_err(struct net_cpu *cpu, struct sk_buff *skb, u8 type, u8 code, u32 info);

/* ---- sockopt.c ---- */
int tcp_setsockopt(struct sock *sk, int level, int opt, const void *val, unsigned len);
int tcp_getsockopt(struct sock *sk, int level, int opt, void *val, unsigned *len);

/* ---- stamp.c: all but the first three while t->stamps is there ---- */
int tcp_stamps_set(struct tcb *t, int opt, int v);          /* 0, -EINVAL, -ENOMEM */
int tcp_stamps_setting(const struct tcb *t, int opt);
void tcp_stamps_inherit(struct tcb *t, const struct tcb *l); /* a child's; without memory it has none */
void tcp_stamps_renew(struct tcb *t);
void tcp_stamp_ask(struct tcb *t);                          /* a send call ends at snd.write */
void tcp_stamp_sent(struct tcb *t, const struct tcp_skb_cb *cb); /* to IP, again too */
void tcp_stamp_acked(struct tcb *t);                        /* up to snd.una */
long tcp_stamp_fetch(struct sock *sk, struct msghdr *m);    /* struct proto's */
/* When the last of the next `want` bytes came, by the wall clock; 0: nobody asks. The receive queue has some. */
u64 tcp_stamp_arrival(const struct tcb *t, size_t want);

/* ---- proto.c ---- */
void tcp_fin_wait_2(struct tcb *t); /* entered: an orphan does not wait for ever */
