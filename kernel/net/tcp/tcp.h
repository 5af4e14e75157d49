/* SPDX-License-Identifier: MIT
 * tcp.h - TCP (RFC 9293): what the rest of the stack and the operator's tools see of it.
 *
 * The map. State changes go through tcp_set_state(), which asserts that the arrow is one of these:
 *
 *   CLOSE        -> LISTEN         [tcp_listen]
 *   CLOSE        -> SYN_SENT       [tcp_connect]            active open; SYN leaves with the next flush
 *   CLOSE        -> SYN_RECEIVED   [tcp_request_to_tcb]     the ACK of a request's SYN-ACK makes the TCB
 *   LISTEN       -> CLOSE          [tcp_stop_listening]
 *   SYN_SENT     -> ESTABLISHED    [tcp_rcv_syn_sent]
 *   SYN_SENT     -> SYN_RECEIVED   [tcp_rcv_syn_sent]       simultaneous open
 *   SYN_RECEIVED -> ESTABLISHED    [check_ack]
 *   SYN_RECEIVED -> FIN_WAIT_1     [tcp_close_state]
 *   ESTABLISHED  -> FIN_WAIT_1     [tcp_close_state]        we close first
 *   ESTABLISHED  -> CLOSE_WAIT     [take_fin]               the peer closes first
 *   SYN_RECEIVED -> CLOSE_WAIT     [take_fin]
 *   FIN_WAIT_1   -> FIN_WAIT_2     [ack_of_our_fin, rcv_farewell]
 *   FIN_WAIT_1   -> CLOSING        [take_fin]               simultaneous close
 *   FIN_WAIT_1   -> TIME_WAIT      [take_fin, rcv_farewell] the segment acknowledged our FIN too
 *   FIN_WAIT_2   -> TIME_WAIT      [take_fin, rcv_farewell]
 *   CLOSING      -> TIME_WAIT      [ack_of_our_fin]
 *   CLOSE_WAIT   -> LAST_ACK       [tcp_close_state]
 *   LAST_ACK     -> CLOSE          [ack_of_our_fin, rcv_farewell]
 *   any          -> CLOSE          [tcp_done]               RST, timeout, abort, disconnect, TIME_WAIT handed to tcp_timewait
 *
 * A connection is one of three things in one table (struct conn_table): a request (SYN_RECEIVED from a listener, small),
 * a TCB, or a tcp_timewait (small). All belong to one CPU, the owner of the flow.
 *
 * Input marks, flush sends: *_rcv() and the socket calls put a TCB on tcp_cpu.dirty (tcp_mark), the net_tx row calls
 * tcp_flush() once per poll. There the events go up, the data and the ACK go down, and dead TCBs are freed; nothing else
 * frees a TCB, so that a pointer to one is good until the end of the poll.
 */
#pragma once

#include "core/timer.h"
#include "lib/rbtree.h"
#include "lib/siphash.h"
#include "net/core/sock.h"
#include "net/wire/tcp.h"

/* ---- what net.c and socket/ use ---- */
extern const struct proto tcp_prot;
extern const struct inet_protocol tcp_protocol;

int tcp_cpu_init(struct net_cpu *cpu); /* 0 or -ENOMEM */
void tcp_cpu_destroy(struct net_cpu *cpu);
/* The net_tx row: for every marked TCB its events, its data, its ACK; frees the dead. */
void tcp_flush(struct net_cpu *cpu);

/* Options at SOL_TCP, Linux's numbers. */
enum {
	TCP_NODELAY = 1, TCP_MAXSEG, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2,
	TCP_DEFER_ACCEPT, TCP_WINDOW_CLAMP, TCP_INFO, TCP_QUICKACK, TCP_CONGESTION, TCP_USER_TIMEOUT = 18,
	TCP_FASTOPEN_OPT = 23, TCP_TIMESTAMP = 24, TCP_NOTSENT_LOWAT = 25, TCP_CC_INFO = 26,
	TCP_FASTOPEN_CONNECT = 30, TCP_FASTOPEN_KEY = 33, TCP_FASTOPEN_NO_COOKIE = 34, TCP_INQ = 36,
	TCP_ACCEPT_DATA = 250, /* our own: who waits for connections is told when the first has text, or several wait (request.c) */
};

enum { SO_MEMINFO = 55 };

/* getsockopt(TCP_INFO): Linux's struct, field by field. */
struct tcp_info {
	u8 tcpi_state, tcpi_ca_state, tcpi_retransmits, tcpi_probes, tcpi_backoff, tcpi_options;
	u8 tcpi_snd_wscale : 4, tcpi_rcv_wscale : 4;
	u8 tcpi_delivery_rate_app_limited : 1, tcpi_fastopen_client_fail : 2;
	u32 tcpi_rto, tcpi_ato, tcpi_snd_mss, tcpi_rcv_mss;
	u32 tcpi_unacked, tcpi_sacked, tcpi_lost, tcpi_retrans, tcpi_fackets;
	u32 tcpi_last_data_sent, tcpi_last_ack_sent, tcpi_last_data_recv, tcpi_last_ack_recv; /* ms */
	u32 tcpi_pmtu, tcpi_rcv_ssthresh, tcpi_rtt, tcpi_rttvar, tcpi_snd_ssthresh, tcpi_snd_cwnd, tcpi_advmss;
	u32 tcpi_reordering, tcpi_rcv_rtt, tcpi_rcv_space, tcpi_total_retrans;
	u64 tcpi_pacing_rate, tcpi_max_pacing_rate, tcpi_bytes_acked, tcpi_bytes_received;
	u32 tcpi_segs_out, tcpi_segs_in, tcpi_notsent_bytes, tcpi_min_rtt, tcpi_data_segs_in, tcpi_data_segs_out;
	u64 tcpi_delivery_rate, tcpi_busy_time, tcpi_rwnd_limited, tcpi_sndbuf_limited;
	u32 tcpi_delivered, tcpi_delivered_ce;
	u64 tcpi_bytes_sent, tcpi_bytes_retrans;
	u32 tcpi_dsack_dups, tcpi_reord_seen, tcpi_rcv_ooopack, tcpi_snd_wnd, tcpi_rcv_wnd;
};
enum { TCPI_OPT_TIMESTAMPS = 1, TCPI_OPT_SACK = 2, TCPI_OPT_WSCALE = 4, TCPI_OPT_ECN = 8, TCPI_OPT_ECN_SEEN = 16, TCPI_OPT_SYN_DATA = 32 };

/* ---- connections in their table ---- */
enum conn_kind { CONN_TCB, CONN_REQUEST, CONN_TIMEWAIT };

/* What a lookup compares first; the addresses follow it directly in the small kinds and are the sock's in a TCB. */
struct conn_node {
	struct hlist_node link;
	u32 hash;
	u16 lport, rport;
	u8 kind;
	u32 word;  /* of a TCB over IPv6: ip6_sock_word(), when lone.c asked for it; 0: not yet */
};

/* Chains keyed by a secret hash of the 4-tuple; doubles when there are as many nodes as chains, a few chains per insertion. */
struct conn_table {
	struct hlist_head *chains, *old; /* old: being emptied into chains, NULL otherwise */
	u32 mask, old_mask, moved;       /* chains below `moved` of old are empty */
	u32 count;
};

/* ---- timers are data: a deadline each, one struct timer armed no later than the earliest ---- */
#define TCP_TIMERS(X)                                                                              \
	X(RTO, "retransmission", tcp_rto_timer)                                                    \
	X(TLP, "tail loss probe", tcp_tlp_timer)                                                   \
	X(REO, "RACK reordering", tcp_reo_timer)                                                   \
	X(PERSIST, "zero-window probe", tcp_persist_timer)                                         \
	X(DELACK, "delayed ACK", tcp_delack_timer)                                                 \
	X(KEEPALIVE, "keepalive", tcp_keepalive_timer)                                             \
	X(LINGER, "FIN_WAIT_2 and lingering close", tcp_linger_timer)                              \
	X(RETRY, "memory was out", tcp_retry_timer)                                                \
	X(PACE, "pacing", tcp_pace_timer)
enum tcp_timer {
#define X(name, text, fn) TCPT_##name,
	TCP_TIMERS(X)
#undef X
	NR_TCP_TIMERS
};
#define TCPT_NR_RTX (TCPT_PERSIST + 1) /* the first four exclude each other: tcp_rtx_arm() */

/* ---- congestion control: one file and one row of tcp_cong_table (cong.c) per algorithm ---- */
enum tcp_ca_state { TCP_CA_OPEN, TCP_CA_DISORDER, TCP_CA_CWR, TCP_CA_RECOVERY, TCP_CA_LOSS };
enum tcp_ca_event { CA_EVENT_TX_START, CA_EVENT_CWND_RESTART, CA_EVENT_COMPLETE_CWR, CA_EVENT_LOSS };
#define TCP_CA_PRIV 80 /* bytes of private state in each TCB */

struct tcb;
struct ack_sample { /* what one ACK, or all of one poll, told about time */
	u32 acks;   /* at least 1: each of them would be a sample of its own, none of less than rtt_us */
	u32 pkts_acked;
	s64 rtt_us; /* -1: none */
	u32 in_flight;
};
/* How fast the path delivered (rate.c): `delivered` segments in `interval_us`, up to the newest segment that this ACK covers. */
struct rate_sample {
	u32 prior_us;        /* when the interval began; 0: no sample */
	u32 prior_delivered; /* tcb.delivered then */
	s32 delivered;       /* -1: no sample */
	s32 interval_us;     /* -1: no sample, or shorter than any round trip */
	u32 send_us;         /* of it, the sending */
	u32 tx_us;           /* when the newest segment left */
	seq_t end_seq;       /* its end */
	u32 acked, lost;     /* segments, by this ACK */
	u32 prior_in_flight;
	s32 rtt_us;          /* of the newest; -1: none */
	bool app_limited;    /* the application was slower than the path */
};
/* getsockopt(TCP_CC_INFO): Linux's structs. */
struct tcpvegas_info {
	u32 tcpv_enabled, tcpv_rttcnt;      /* samples in this round */
	u32 tcpv_rtt, tcpv_minrtt;          /* us: of the path without queues, least of this round; ~0: not known */
};
struct tcp_bbr_info {
	u32 bbr_bw_lo, bbr_bw_hi;           /* bytes/s, the halves of 64 bits */
	u32 bbr_min_rtt;                    /* us; ~0: not known */
	u32 bbr_pacing_gain, bbr_cwnd_gain; /* of 256 */
};
union tcp_cc_info {
	struct tcpvegas_info vegas;         /* Westwood's too */
	struct tcp_bbr_info bbr;
};
struct tcp_congestion_ops {
	const char *name;
	u16 priv_size;
	void (*init)(struct tcb *t);
	u32 (*ssthresh)(struct tcb *t);                 /* after a loss, in segments */
	void (*cong_avoid)(struct tcb *t, u32 acked);   /* an ACK of new data; grows cwnd. NULL with cong_control */
	u32 (*undo_cwnd)(struct tcb *t);                /* the loss was none */
	void (*set_state)(struct tcb *t, enum tcp_ca_state s);   /* NULL allowed */
	void (*cwnd_event)(struct tcb *t, enum tcp_ca_event ev); /* NULL allowed */
	void (*pkts_acked)(struct tcb *t, const struct ack_sample *s); /* NULL allowed */
	/* Takes the place of cong_avoid and of proportional rate reduction: sets cwnd and pacing_rate at every ACK, and paces. NULL allowed */
	void (*cong_control)(struct tcb *t, const struct rate_sample *rs);
	/* getsockopt(TCP_CC_INFO): fills Linux's struct; its bytes. NULL: none. With t->tx */
	unsigned (*get_info)(const struct tcb *t, union tcp_cc_info *info);
	/* For `ss -i`: "bbr:(...)" and the like; what scnprintf() says. NULL allowed */
	int (*info)(const struct tcb *t, char *buf, size_t size);
	bool paces; /* sets tcb.pacing_rate, and wants it kept */
	bool wants_lone; /* pkts_acked: of a segment that was alone in flight too, not only when it is the fastest yet */
};
extern const struct tcp_congestion_ops tcp_reno, tcp_cubic, tcp_vegas, tcp_westwood, tcp_bic, tcp_bbr;
/* NULL-terminated, in the order of tcp_cong_names (net_sysctl.h); the first is the default. */
extern const struct tcp_congestion_ops *const tcp_cong_table[];
/* NULL: no such algorithm. */
const struct tcp_congestion_ops *tcp_cong_find(const char *name);

/* ---- what the sender waits for (tcp_info's busy time and its parts); a later one counts when two hold ---- */
enum tcp_chrono { CHRONO_IDLE, CHRONO_BUSY, CHRONO_RWND_LIMITED, CHRONO_SNDBUF_LIMITED, NR_TCP_CHRONOS };

/* ---- Fast Open (fastopen.c) ---- */
/* tcpi_fastopen_client_fail: of what use a client's SYN with data, or for a cookie, was. */
enum tfo_status { TFO_STATUS_UNSPEC, TFO_COOKIE_UNAVAILABLE, TFO_DATA_NOT_ACKED, TFO_SYN_RETRANSMITTED };
struct tfo_cookie {
	u8 len;         /* 0: a request for one */
	bool exp;       /* in the experimental option (RFC 6994) that came before RFC 7413's */
	u8 val[16];
};
struct tcp_fastopen { /* of a listener, or of a connection until its handshake is over */
	/* a listener's, or of a socket that may become one */
	u32 max;              /* TCP_FASTOPEN: children with data whose handshake is not over; 0: off */
	u32 pending;          /* of them there are */
	u32 resets;           /* and so many were reset lately: they count, too, ... */
	u32 resets_until_s;   /* ... until then */
	struct siphash_key key;
	bool own_key;         /* TCP_FASTOPEN_KEY */
	/* a child's */
	struct tcb *listener; /* whose `pending` counts it; NULL: it closed, or this is no child */
	/* both ends */
	bool has_option;      /* the first SYN or SYN-ACK has `cookie` */
	bool deferred;        /* TCP_FASTOPEN_CONNECT: the SYN waits for the first write */
	struct tfo_cookie cookie;
	u16 mss;              /* the peer's, of last time: bounds the SYN */
};

struct tcp_mtup { /* the search for the path's MTU (mtu_probe.c), in MSS values as the option counts */
	u16 low, high;   /* known to arrive; may arrive */
	u16 size;        /* of the probe that is out; 0: none is */
	seq_t start, end; /* its bytes */
	u32 since_s;     /* when the search began */
};

/* ---- what only a connection needs that has sent data (tcp_tx_start), or got some out of order ---- */
struct tcp_tx {
	u64 ca_priv[TCP_CA_PRIV / 8];         /* first: the algorithm's */
	u32 rate_delivered, rate_interval_us; /* the last sample of rate.c worth telling */
	u32 chrono_ms;                        /* since when `chrono` */
	u32 chrono_sum_ms[NR_TCP_CHRONOS - 1]; /* how long each was before; idleness is not counted */
	u32 dsack_dups;
	/* what a recovery and a probe note, which nothing in flight has none of */
	u32 prior_cwnd, prior_ssthresh;       /* before the reduction; ssthresh 0: it is not to be undone */
	u32 prr_delivered, prr_out;           /* RFC 6937, segments of this reduction */
	seq_t undo_marker;                    /* undo_on: start of what this recovery retransmitted */
	s32 undo_retrans;                     /* retransmissions not yet known to be duplicates; -1: nothing was yet */
	seq_t tlp_high_seq;                   /* tlp_out: snd.nxt behind the probe */
	struct tcp_mtup mtup;                 /* while mtup_on */
	u64 bytes_retrans;
};
struct tcp_sacks_out {
	struct tcp_sack_block block[TCP_MAX_SACKS]; /* the newest first */
	struct tcp_sack_block dsack;
};

/* What both SYNs offered; all of it together is `agreed`. */
#define TCP_AGREED                                                                                 \
	union {                                                                                    \
		struct {                                                                           \
			bool ts_ok : 1, sack_ok : 1, ws_ok : 1, ecn_ok : 1;                        \
		};                                                                                 \
		u8 agreed;                                                                         \
	}

/* ---- the transmission control block ---- */
struct tcp_listener;

struct tcb {
	struct sock sk; /* first: a sock of tcp_prot is a tcb */
	struct conn_node node;
	struct tcb *dirty_next;     /* in tcp_cpu.dirty while `marked` */
	union {
		struct tcb *accept_next;       /* a child in its listener's accept queue */
		struct tcp_listener *listener; /* LISTEN: its own */
	};
	const struct tcp_congestion_ops *ca;
	struct tcp_tx *tx;          /* NULL: no data was sent yet */
	struct tcp_fastopen *fo;    /* NULL: nothing of Fast Open goes on here */

	/* ---- both ways ---- */
	u32 pred;                   /* header prediction: the fourth word of the expected header, host order; 0: off */
	u16 mss;                    /* payload bytes we put into a segment now, options taken off */
	u16 advmss;                 /* what we told the peer */
	u16 mss_clamp;              /* the peer's MSS option */
	u16 user_mss;               /* TCP_MAXSEG; 0: not set */
	u32 events;                 /* EPOLL* to tell at the flush */
	u8 tcp_hdr_len;             /* of a segment without SACK blocks */
	TCP_AGREED;
	bool marked : 1; /* in tcp_cpu.dirty */
	bool port_told : 1; /* other CPUs know that the port is taken here (port_home_add) */
	bool dead : 1, orphan : 1, fin_wanted : 1, fin_queued : 1;
	bool nodelay : 1, corked : 1, more : 1, push : 1, nospace : 1, cwnd_limited : 1, urg_valid : 1;
	bool stamping : 1;    /* SO_TIMESTAMPING and its like are on */
	bool linger_set : 1, may_fragment : 1, ecn_asked : 1, ecn_ece : 1, ecn_cwr : 1, ecn_seen : 1, frto : 1, frto_new : 1, sndbuf_locked : 1, rcvbuf_locked : 1, passive : 1;
	bool rate_app_limited : 1;  /* the sample of rate_delivered was */
	bool pacing : 1;            /* asked for by the algorithm or the application */
	bool fq : 1;                /* the device's discipline holds to departure times */
	bool syn_data : 1;          /* data in the SYN was taken: ours by the peer, or the peer's by us */
	bool fo_connect : 1;        /* TCP_FASTOPEN_CONNECT */
	bool fo_no_cookie : 1;      /* TCP_FASTOPEN_NO_COOKIE */
	bool wants_inq : 1;         /* TCP_INQ */
	bool mtup_on : 1;           /* segments are no longer than tx->mtup.low says */
	bool undo_on : 1;           /* tx->undo_marker is set */
	bool tlp_retrans : 1;       /* the probe was text once more */
	bool addr_locked : 1;       /* bind() named the address, not only the port */
	bool accept_data : 1;       /* TCP_ACCEPT_DATA */

	/* ---- send: RFC 9293 3.3.1 ---- */
	struct {
		seq_t una, nxt, wl1;
		seq_t write;        /* end of what the application gave us, FIN included */
		seq_t small;        /* end of the last segment shorter than the MSS (Minshall's Nagle) */
		seq_t iss;
		u32 wnd, max_wnd;   /* bytes */
		u8 wscale;
		bool lone;          /* in flight is one segment, sent by lone.c with SACK agreed, and nothing happened to it since */
		u16 window;         /* our window's field, as announced last: good while nobody is behind with reading; 0: ask (tcp_window_anew) */
	} snd;
	u32 notsent_lowat;          /* TCP_NOTSENT_LOWAT; 0: sysctl */
	struct sk_buff_head sendq;  /* not sent yet, in order */
	struct sk_buff_head rtxq;   /* sent, not acknowledged, in order ... */
	struct rb_root rtx_tree;    /* ... by sequence number, made when SACK first asks ... */
	struct list_head tsorted;   /* ... and by the time of the last transmission, for RACK: neither SACKed nor lost */
	struct sk_buff *rtx_hint;   /* first of rtxq that may be lost and not sent again; NULL: none is */
	u64 last_send_ns;           /* of data */

	/* ---- receive ---- */
	struct {
		seq_t nxt;
		seq_t wup;          /* rcv.nxt when the window was last announced: left edge of rcv.wnd */
		seq_t copied;       /* what the application has read */
		seq_t urg;          /* first byte after urgent data, when urg_valid */
		seq_t irs;
		u32 wnd;            /* announced, bytes from wup */
		u32 ssthresh;       /* most we announce now; grows with well-filled segments */
		u32 clamp;          /* most we ever announce */
		u16 mss;            /* estimate of what the peer sends */
		u8 wscale;
		u8 challenge_acks;  /* in the running second */
	} rcv;
	u32 ofo_segs;
	struct sk_buff_head rcvq;   /* in order, for the application */
	struct rb_root ofo;         /* out of order, by sequence number */
	u32 last_ack_rcv_ms;        /* of anything */
	u32 rcv_ooopack;
	u64 last_rcv_ns;            /* of data */
	struct tcp_sacks_out *sacks; /* to send; NULL: nothing came out of order or twice yet */
	union {
		struct {
			u8 nr_sacks;
			bool dsack_due;
			u8 ca_state;        /* enum tcp_ca_state */
			u8 backoff;
		};
		u32 trouble;        /* 0: none of these, as almost always */
	};

	/* ---- when to acknowledge (RFC 1122 4.2.3.2) ---- */
	struct {
		bool now;           /* at the next flush */
		u8 delayed;         /* the DELACK deadline stands; 2: for text that ends with a push or less than a segment */
		u8 quick;           /* so many more at once */
		u8 pingpong;        /* interactive: an answer will carry it */
		u32 ato_us;
	} ack;

	/* ---- round trips (RFC 6298, 7323) ---- */
	u32 srtt_us;                /* times 8 */
	u32 mdev_us, mdev_max_us;   /* times 4 */
	u32 rttvar_us;              /* times 4 */
	seq_t rtt_seq;              /* the variance may fall once per window */
	u32 rto_us;
	u32 min_rtt_us;             /* of the last minutes */
	u32 min_rtt_ms;             /* when it was seen */
	u8 retransmits, probes, syn_retries;
	bool tlp_out;               /* a tail loss probe is in flight */
	u32 ts_recent;
	u32 ts_echo;                /* of the last segment: our clock when it left; 0: none */
	u32 ts_off;                 /* of our clock: random per peer */
	u32 ts_recent_s;            /* when it was taken */

	/* ---- congestion and loss, in segments ---- */
	u8 chrono;                  /* enum tcp_chrono: what the sender waits for now */
	u8 reordering;
	u8 noted;                   /* ACKs that moved snd.una while rtxq still has what they free (tcp_settle); stops at 255 */
	u8 defer_accept;            /* TCP_DEFER_ACCEPT of a listener, in retransmissions of the SYN-ACK; 0: off */
	u32 cwnd, ssthresh, cwnd_cnt;
	u32 packets_out, sacked_out, lost_out, retrans_out;
	u32 max_packets_out;
	seq_t cwnd_usage_seq;
	seq_t high_sack;            /* end of the highest SACKed segment */
	seq_t high_seq;             /* snd.nxt when the recovery began */
	u32 delivered;              /* segments, for ever */
	u32 delivered_ce;           /* of those, with congestion experienced */
	u32 lost;                   /* segments marked lost, for ever */
	u32 retrans_stamp_ms;       /* clock of ours in the first retransmission; 0: none */
	u32 total_retrans;
	bool hung_up;               /* under overload its peer gave up before anybody read what it asked (tcp_hung_up) */

	/* ---- RACK (RFC 8985) ---- */
	struct {
		u64 xmit_ns;
		seq_t end_seq;
		u32 rtt_us;
		seq_t dsack_round;
		u8 reo_wnd_mult;
		u8 persist;
		bool advanced, dsack_seen;
	} rack;

	/* ---- delivery rate, pacing (rate.c, pacing.c) ---- */
	u64 pace_ns;                /* the next segment leaves no earlier */
	u32 pacing_rate;            /* bytes/s, when the algorithm paces */
	u32 max_pacing_rate;        /* SO_MAX_PACING_RATE, bytes/s; 0: none */
	u32 first_tx_us;            /* when the newest segment delivered so far had left */
	u32 delivered_us;           /* when `delivered` grew last */
	u32 reord_seen;
	u32 app_limited;            /* until `delivered` is beyond it the application is the slower one; 0: it is not */

	/* ---- timers ---- */
	struct timer timer;
	u32 deadline[NR_TCP_TIMERS]; /* in granules of the wheel, modulo 2^32; 0: none */
	u16 keepidle_s, keepintvl_s; /* 0: sysctl */
	u8 keepcnt;
	u8 synretries_max;           /* TCP_SYNCNT; 0: sysctl */
	s8 linger2_s;                /* FIN_WAIT_2; 0: sysctl, <0: none */
	u8 fo_fail;                  /* enum tfo_status: why the SYN of a fast open client had no use */
	u32 user_timeout_ms;
	u32 challenge_s;             /* the running second of challenge_acks */
	u32 oow_ack_ms;              /* last ACK that answered something out of window */

	/* ---- receive buffer autotuning ---- */
	u32 space_bytes;             /* the application read that much in the last round */
	seq_t space_seq;
	u32 space_us;
	u32 rcv_rtt_us;              /* times 8 */
	seq_t rcv_rtt_seq;
	u32 rcv_rtt_stamp_us;

	/* ---- counters of tcp_info ---- */
	u64 bytes_acked, bytes_received;
	u32 segs_in, segs_out, data_segs_in, data_segs_out;

	struct tcp_stamps *stamps;   /* stamp.c; NULL: never asked for */
	u32 rcvlowat;                /* SO_RCVLOWAT, when sk.lowat */
	u16 linger_s;                /* SO_LINGER, when linger_set */
	struct tcb *parent;          /* in its accept queue, of which nobody was told yet */
} __aligned_(CACHE_LINE);
/* What a segment of either direction touches together lies together: the header prediction's word, what a segment to send is
 * asked, and its sequence numbers; those of what comes; the window's and RACK's counts. */
#define TCB_LINE(member) (offsetof(struct tcb, member) / CACHE_LINE)
_Static_assert(TCB_LINE(pred) == TCB_LINE(mss) && TCB_LINE(pred) == TCB_LINE(events), "");
_Static_assert(TCB_LINE(pred) == TCB_LINE(snd.una) && TCB_LINE(pred) == TCB_LINE(snd.max_wnd), "and all between");
_Static_assert(TCB_LINE(snd.wscale) == TCB_LINE(sendq) && TCB_LINE(sendq) == TCB_LINE(rtxq.prev), "");
_Static_assert(TCB_LINE(rcv.nxt) == TCB_LINE(rcv.clamp) && TCB_LINE(rcv.nxt) == TCB_LINE(tsorted), "");
_Static_assert(TCB_LINE(trouble) == TCB_LINE(ack) && TCB_LINE(ack) == TCB_LINE(srtt_us) && TCB_LINE(ack) == TCB_LINE(ts_off), "");
_Static_assert(TCB_LINE(cwnd) == TCB_LINE(packets_out) && TCB_LINE(cwnd) == TCB_LINE(lost), "");

static inline struct tcb *tcb_of(struct sock *sk) { return container_of(sk, struct tcb, sk); }
static inline void *tcp_ca_priv(const struct tcb *t) { return t->tx->ca_priv; }

/* ---- small kinds of connection ---- */
struct tcp_request { /* SYN_RECEIVED of a listener */
	struct conn_node node;
	struct ip_addr laddr, raddr; /* directly behind node */
	struct net_cpu *cpu;
	struct tcb *listener;
	struct list_head link;       /* in tcp_cpu.synacks while its SYN-ACK is to be answered */
	u64 expires_ns;              /* then it is sent again */
	u32 iss, irs;                /* sequence numbers, host order */
	u32 ts_recent, ts_off;
	u32 snd_wnd;                 /* of the SYN */
	u16 mss, advmss;             /* the peer's option, ours */
	u8 snd_wscale, rcv_wscale, tos;
	u8 retries;
	TCP_AGREED;
	bool acked;                  /* TCP_DEFER_ACCEPT: the handshake is complete but for text */
	u16 rcv_wnd;                 /* bytes */
	u32 oow_ack_ms;              /* when nonsense was last answered; 0: never */
	u32 synack_us;               /* when the SYN-ACK left: the first round-trip sample */
	struct dst dst;              /* the way back */
};
_Static_assert(sizeof(struct tcp_request) == 192, "a request is small, and whole lines of vector_zero()");

struct tcp_timewait {
	struct conn_node node;
	struct ip_addr laddr, raddr; /* directly behind node */
	struct list_head link;       /* in tcp_cpu.timewait */
	u32 ends_s;
	seq_t rcv_nxt, snd_nxt;
	u32 ts_recent, ts_off, ts_recent_s;
	u32 last_ack_ms;
	u16 rcv_wnd;                 /* as on the wire */
	u8 tos;
	bool ts_ok;
};
_Static_assert(sizeof(struct tcp_timewait) <= 128, "a TIME_WAIT is small");

struct tcp_listener {
	struct tcb *accept_head, **accept_tail; /* established, waiting for accept() */
	u32 accept_len, backlog;
	u32 accepted, since_ms;                 /* by the application since then: its pace, while somebody waits; 0: not known */
	u32 admitted;                           /* SYNs, since then */
	u32 most;                               /* that it accepts in tcp_accept_wait at the pace it had last (request.c) */
	u32 nr_requests;                        /* the SYN queue */
	u32 cookie_s;                           /* when a cookie was last sent; 0: never */
};

/* ---- one CPU's share ---- */
#define TCP_BOUND_BUCKETS 256
#define TCP_TS_MEMO_BITS  6
#define TCP_SYNACK_LISTS  8 /* after so many retransmissions a SYN-ACK's time out grows no more */
struct tcp_ts_memo { /* where the timestamp clock starts for a pair of hosts, which seldom have one connection only */
	struct ip_addr l, r; /* both unspecified: free */
	u32 off;
};
struct tcp_cpu {
	struct net_cpu *cpu;
	struct conn_table conns;
	struct hlist_head bound[TCP_BOUND_BUCKETS]; /* socks that own their local port (bind, listen), by port */
	struct tcb *dirty, **dirty_tail; /* FIFO */
	struct timer hold_timer;    /* while they wait for a device that is behind */
	struct list_head synacks[TCP_SYNACK_LISTS]; /* requests by retransmissions, each in the order of their ends */
	struct timer synack_timer;  /* stands at the earliest or before it */
	struct list_head timewait;  /* in the order of their ends */
	struct timer timewait_timer;
	struct kmem_cache *tcbs, *requests, *timewaits, *txs;
	u32 nr_tcbs, nr_requests, nr_timewait, nr_orphans;
	u64 mem_bytes;              /* of all receive and send queues */
	const struct tcb *full;     /* the listener that refused a SYN last, for more wait than it accepts in time; NULL: none has */
	u32 refused_s;              /* when a listener refused one last */
	u32 port_step;              /* RFC 6056: walks on with each connection */
	struct tfo_entry *fo_cache; /* what clients know of servers; NULL: nothing yet */
	u32 fo_hole_s;              /* when a SYN with data vanished last ... */
	u8 fo_holes;                /* ... and how often, with no success between */
	bool pressure;
	bool vectors;               /* lib/vector.h may be used */
	struct tcp_ts_memo ts_memo[1 << TCP_TS_MEMO_BITS];
};

/* Clients of Fast Open forget what they know of servers, as after `ip tcp_metrics flush`. */
void tcp_fastopen_forget(struct net_cpu *cpu);
const char *tcp_state_name(u8 state);
const char *tcp_timer_name(enum tcp_timer which);
/* Adds the terms of the connections' bytes to a balance (core/stage.h). */
void tcp_balance(struct net_cpu *cpu, u64 *terms);
/* Calls fn for every connection, listeners too: exactly one of the three pointers is set. For ss and debuggers. */
void tcp_for_each(struct net_cpu *cpu, void (*fn)(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw),
		  void *arg);
_Static_assert(sizeof(struct tcb) <= 896, "with socket, file and their places in tables an idle connection costs 1 KiB");
_Static_assert(sizeof(struct tcb) % 64 == 0, "tcb_child() copies whole lines");
