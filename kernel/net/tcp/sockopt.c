/* SPDX-License-Identifier: MIT
 * sockopt.c - the options of a TCP socket and TCP_INFO, with Linux's numbers and units. An unknown option is -ENOPROTOOPT.
 */
#include "net/tcp/tcp_impl.h"

#define WINDOW_CLAMP_MIN 1152u /* half the least SO_RCVBUF */

struct linger {
	int l_onoff, l_linger;
};

/* ---- set ---- */

static int set_maxseg(struct tcb *t, int v)
{
	if (v && (v < 88 || v > 32767))
		return -EINVAL;
	t->user_mss = (u16)v;
	return 0;
}

static int set_keepalive(struct tcb *t, int opt, int v)
{
	int max = opt == TCP_KEEPCNT ? 127 : 32767;

	if (v < 1 || v > max)
		return -EINVAL;
	if (opt == TCP_KEEPIDLE) {
		t->keepidle_s = (u16)v;
		if (t->sk.state != TCP_CLOSE && t->sk.state != TCP_LISTEN)
			tcp_keepalive_start(t);
	} else if (opt == TCP_KEEPINTVL) {
		t->keepintvl_s = (u16)v;
	} else {
		t->keepcnt = (u8)v;
	}
	return 0;
}

/* 0 takes the limit away, before there is a connection; less than a small buffer holds is taken as that. */
static int set_window_clamp(struct tcb *t, int v)
{
	if (v < 0 || (!v && t->sk.state != TCP_CLOSE))
		return -EINVAL;
	t->rcv.clamp = v ? MAX((u32)v, WINDOW_CLAMP_MIN) : 0;
	if (v)
		t->rcv.ssthresh = MIN(t->rcv.ssthresh, t->rcv.clamp);
	t->snd.window = 0;
	return 0;
}

static int set_quickack(struct tcb *t, int v)
{
	t->ack.pingpong = !v;
	if (v && t->ack.delayed)
		tcp_ack_now(t);
	return 0;
}

static int set_nagle(struct tcb *t, int opt, int v)
{
	if (opt == TCP_NODELAY)
		t->nodelay = v != 0;
	else
		t->corked = v != 0;
	if ((opt == TCP_NODELAY) == (v != 0)) { /* what was held goes, once, cork or not */
		t->push = opt == TCP_NODELAY;
		t->more = false;
		tcp_mark(t);
	}
	return 0;
}

static int set_congestion(struct tcb *t, const void *val, unsigned len)
{
	const struct tcp_congestion_ops *ca;
	char name[16] = "";

	memcpy(name, val, MIN(len, (unsigned)sizeof(name) - 1));
	ca = tcp_cong_find(name);
	if (!ca)
		return -ENOENT;
	t->ca = ca;
	if (t->sk.state != TCP_CLOSE && t->sk.state != TCP_LISTEN && t->sk.state != TCP_SYN_SENT)
		tcp_cong_init(t); /* else when the connection is made */
	return 0;
}

/* How many retransmissions of a SYN-ACK fill so many seconds, and back: what TCP_DEFER_ACCEPT is kept as. */
static u8 retrans_of_secs(int seconds)
{
	int wait = 1, period = 1;
	u8 n = 0;

	if (seconds <= 0)
		return 0;
	for (n = 1; seconds > period && n < 255; n++) {
		wait = MIN(wait * 2, (int)(TCP_RTO_MAX_US / USEC_PER_SEC));
		period += wait;
	}
	return n;
}

static int secs_of_retrans(u8 n)
{
	int wait = 1, period = 0;

	for (; n; n--) {
		period += wait;
		wait = MIN(wait * 2, (int)(TCP_RTO_MAX_US / USEC_PER_SEC));
	}
	return period;
}

static int set_number(struct tcb *t, int opt, int v)
{
	switch (opt) {
	case TCP_NODELAY:
	case TCP_CORK:
		return set_nagle(t, opt, v);
	case TCP_MAXSEG:
		return set_maxseg(t, v);
	case TCP_KEEPIDLE:
	case TCP_KEEPINTVL:
	case TCP_KEEPCNT:
		return set_keepalive(t, opt, v);
	case TCP_SYNCNT:
		if (v < 1 || v > 127)
			return -EINVAL;
		t->synretries_max = (u8)v;
		return 0;
	case TCP_LINGER2:
		t->linger2_s = (s8)CLAMP(v, -1, 120);
		return 0;
	case TCP_DEFER_ACCEPT:
		t->defer_accept = retrans_of_secs(v);
		return 0;
	case TCP_ACCEPT_DATA:
		t->accept_data = v != 0;
		return 0;
	case TCP_WINDOW_CLAMP:
		return set_window_clamp(t, v);
	case TCP_QUICKACK:
		return set_quickack(t, v);
	case TCP_USER_TIMEOUT:
		if (v < 0)
			return -EINVAL;
		t->user_timeout_ms = (u32)v;
		return 0;
	case TCP_FASTOPEN_OPT:
	case TCP_FASTOPEN_CONNECT:
	case TCP_FASTOPEN_NO_COOKIE:
		return tcp_fastopen_set(t, opt, v);
	case TCP_INQ:
		if (v < 0 || v > 1)
			return -EINVAL;
		t->wants_inq = v;
		return 0;
	case TCP_NOTSENT_LOWAT:
		t->notsent_lowat = (u32)v;
		tcp_event(t, tcp_may_write(t) ? EPOLLOUT : 0);
		return 0;
	}
	return -ENOPROTOOPT;
}

/* Bytes per second, 32 bits or 64; all ones: no limit. */
static int set_max_pacing_rate(struct tcb *t, const void *val, unsigned len)
{
	u64 rate = 0;

	memcpy(&rate, val, MIN(len, (unsigned)sizeof(rate)));
	if (len < sizeof(rate) && (u32)rate == ~0u)
		rate = ~0ull;
	if (!rate)
		return -EINVAL;
	t->max_pacing_rate = rate >= ~0u ? 0 : (u32)rate;
	tcp_pacing_update(t);
	return 0;
}

static u64 max_pacing_rate(const struct tcb *t)
{
	return t->max_pacing_rate ?: ~0ull;
}

/* As Linux: no more than the buffer can hold, which grows for it unless it was set. */
static int set_rcvlowat(struct tcb *t, int v)
{
	u32 cap = t->rcvbuf_locked ? t->sk.rcvbuf / 2 : (u32)t->sk.cpu->sysctl.tcp_rmem_max / 2;

	t->rcvlowat = MIN((u32)v, cap); /* a negative one is a large one */
	t->sk.lowat = t->rcvlowat > 1;
	if (!t->rcvbuf_locked && 2 * t->rcvlowat > t->sk.rcvbuf) {
		t->sk.rcvbuf = 2 * t->rcvlowat;
		t->rcv.clamp = tcp_win_from_space(t->sk.rcvbuf);
		t->snd.window = 0;
	}
	if (!skb_queue_empty(&t->rcvq))
		tcp_event(t, EPOLLIN); /* perhaps enough now */
	return 0;
}

static int set_socket_level(struct tcb *t, int opt, const void *val, unsigned len)
{
	struct linger l;
	int v;

	switch (opt) {
	case SO_OOBINLINE: /* RFC 6093: it always is */
		if (len < sizeof(v))
			return -EINVAL;
		memcpy(&v, val, sizeof(v));
		return v ? 0 : -EINVAL;
	case SO_LINGER:
		if (len < sizeof(l))
			return -EINVAL;
		memcpy(&l, val, sizeof(l));
		t->linger_set = l.l_onoff != 0;
		t->linger_s = (u16)CLAMP(l.l_linger, 0, 32767);
		return 0;
	case SO_KEEPALIVE: /* sk.keepopen is set already */
		if (t->sk.state != TCP_CLOSE && t->sk.state != TCP_LISTEN)
			tcp_keepalive_start(t);
		return 0;
	case SO_MAX_PACING_RATE:
		return set_max_pacing_rate(t, val, len);
	case SO_TIMESTAMP:
	case SO_TIMESTAMPNS:
	case SO_TIMESTAMPING:
		memcpy(&v, val, sizeof(v)); /* socket/ saw that it is there */
		return tcp_stamps_set(t, opt, v);
	case SO_RCVLOWAT:
		memcpy(&v, val, sizeof(v));
		return set_rcvlowat(t, v);
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		t->sndbuf_locked = true;
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		t->rcvbuf_locked = true;
		t->snd.window = 0;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int set_ip_level(struct tcb *t, int opt, int v)
{
	switch (opt) {
	case IP_TOS:
		t->sk.tos = (u8)(v & ~3); /* the ECN bits are TCP's */
		t->sk.priority = 0; /* the last word counts */
		return 0;
	case IP_TTL:
		if (v != -1 && (v < 1 || v > 255))
			return -EINVAL;
		t->sk.ttl = v == -1 ? 0 : (u8)v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_PROBE)
			return -EINVAL;
		t->may_fragment = v == IP_PMTUDISC_DONT;
		return 0;
	}
	return -ENOPROTOOPT;
}

int tcp_setsockopt(struct sock *sk, int level, int opt, const void *val, unsigned len)
{
	struct tcb *t = tcb_of(sk);
	int v;

	if (level == SOL_TCP && opt == TCP_CONGESTION)
		return set_congestion(t, val, len);
	if (level == SOL_TCP && opt == TCP_FASTOPEN_KEY)
		return tcp_fastopen_set_key(t, val, len);
	if (level == SOL_SOCKET)
		return set_socket_level(t, opt, val, len);
	if (level != SOL_TCP && level != SOL_IP)
		return -ENOPROTOOPT;
	if (level == SOL_IP && len && len < sizeof(v)) { /* a byte is enough there */
		v = *(const u8 *)val;
		return set_ip_level(t, opt, v);
	}
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	return level == SOL_TCP ? set_number(t, opt, v) : set_ip_level(t, opt, v);
}

/* ---- TCP_INFO ---- */

static u32 ms_ago(const struct tcb *t, u64 ns)
{
	return ns ? (u32)((tcp_now(t) - ns) / NSEC_PER_MSEC) : cpu_ms(t->sk.cpu);
}

static void info_counts(const struct tcb *t, struct tcp_info *i)
{
	i->tcpi_unacked = t->packets_out;
	i->tcpi_sacked = t->sacked_out;
	i->tcpi_lost = t->lost_out;
	i->tcpi_retrans = t->retrans_out;
	i->tcpi_total_retrans = t->total_retrans;
	i->tcpi_bytes_acked = t->bytes_acked;
	i->tcpi_bytes_received = t->bytes_received;
	i->tcpi_bytes_retrans = t->tx ? t->tx->bytes_retrans : 0;
	i->tcpi_segs_out = t->segs_out;
	i->tcpi_segs_in = t->segs_in;
	i->tcpi_data_segs_in = t->data_segs_in;
	i->tcpi_data_segs_out = t->data_segs_out;
	i->tcpi_delivered = t->delivered;
	i->tcpi_delivered_ce = t->delivered_ce;
	i->tcpi_dsack_dups = t->tx ? t->tx->dsack_dups : 0;
	i->tcpi_reord_seen = t->reord_seen;
	i->tcpi_rcv_ooopack = t->rcv_ooopack;
}

static void info_timing(const struct tcb *t, struct tcp_info *i)
{
	i->tcpi_rto = t->rto_us;
	i->tcpi_ato = t->ack.ato_us;
	i->tcpi_rtt = t->srtt_us >> 3;
	i->tcpi_rttvar = t->mdev_us >> 2;
	i->tcpi_min_rtt = t->min_rtt_us;
	i->tcpi_rcv_rtt = t->rcv_rtt_us >> 3;
	i->tcpi_last_data_sent = ms_ago(t, t->last_send_ns);
	i->tcpi_last_data_recv = ms_ago(t, t->last_rcv_ns);
	i->tcpi_last_ack_recv = cpu_ms(t->sk.cpu) - t->last_ack_rcv_ms;
	i->tcpi_retransmits = t->retransmits;
	i->tcpi_probes = t->probes;
	i->tcpi_backoff = t->backoff;
}

/* Busy: with text to send or to be acknowledged; of that, limited by the peer's window or by our buffer. */
static void info_chrono(const struct tcb *t, struct tcp_info *i)
{
	u64 us[NR_TCP_CHRONOS];
	unsigned c;

	if (!t->tx)
		return;
	for (c = CHRONO_BUSY; c < NR_TCP_CHRONOS; c++) {
		us[c] = (u64)t->tx->chrono_sum_ms[c - 1] * USEC_PER_MSEC;
		if (t->chrono == c)
			us[c] += (u64)(cpu_ms(t->sk.cpu) - t->tx->chrono_ms) * USEC_PER_MSEC;
	}
	i->tcpi_rwnd_limited = us[CHRONO_RWND_LIMITED];
	i->tcpi_sndbuf_limited = us[CHRONO_SNDBUF_LIMITED];
	i->tcpi_busy_time = us[CHRONO_BUSY] + us[CHRONO_RWND_LIMITED] + us[CHRONO_SNDBUF_LIMITED];
}

static void info_rates(const struct tcb *t, struct tcp_info *i)
{
	u32 rate = tcp_pacing_rate(t);

	i->tcpi_pacing_rate = rate == ~0u ? ~0ull : rate;
	i->tcpi_max_pacing_rate = max_pacing_rate(t);
	i->tcpi_delivery_rate = tcp_delivery_rate(t);
	i->tcpi_delivery_rate_app_limited = t->rate_app_limited;
}

/* Once each: sequence numbers but for those of SYN and FIN. */
static u64 text_sent(const struct tcb *t)
{
	bool syn = seq_eq(t->snd.una, t->snd.iss) && !seq_eq(t->snd.nxt, t->snd.iss);
	bool fin = t->fin_queued && seq_eq(t->snd.nxt, t->snd.write);

	return t->bytes_acked + (u32)seq_diff(t->snd.nxt, t->snd.una) - syn - fin;
}

static void tcp_get_info(const struct tcb *t, struct tcp_info *i)
{
	memset(i, 0, sizeof(*i));
	i->tcpi_state = t->sk.state;
	i->tcpi_reordering = t->reordering;
	i->tcpi_snd_cwnd = t->cwnd;
	info_rates(t, i);
	if (t->sk.state == TCP_LISTEN) {
		i->tcpi_unacked = t->listener->accept_len;
		i->tcpi_sacked = t->listener->backlog;
		return;
	}
	i->tcpi_ca_state = t->ca_state;
	i->tcpi_fastopen_client_fail = t->fo_fail & 3;
	i->tcpi_options = (t->ts_ok ? TCPI_OPT_TIMESTAMPS : 0) | (t->sack_ok ? TCPI_OPT_SACK : 0) |
			  (t->ws_ok ? TCPI_OPT_WSCALE : 0) | (t->ecn_ok ? TCPI_OPT_ECN : 0) |
			  (t->ecn_seen ? TCPI_OPT_ECN_SEEN : 0) | (t->syn_data ? TCPI_OPT_SYN_DATA : 0);
	i->tcpi_snd_wscale = t->ws_ok ? t->snd.wscale : 0;
	i->tcpi_rcv_wscale = t->ws_ok ? t->rcv.wscale : 0;
	info_timing(t, i);
	info_counts(t, i);
	info_chrono(t, i);
	i->tcpi_bytes_sent = text_sent(t) + i->tcpi_bytes_retrans;
	i->tcpi_notsent_bytes = (u32)MAX(seq_diff(t->snd.write, t->snd.nxt), 0);
	i->tcpi_snd_mss = t->mss;
	i->tcpi_rcv_mss = t->rcv.mss;
	i->tcpi_advmss = t->advmss;
	i->tcpi_pmtu = t->sk.dst.mtu;
	i->tcpi_snd_ssthresh = t->ssthresh;
	i->tcpi_rcv_ssthresh = t->rcv.ssthresh;
	i->tcpi_rcv_space = t->space_bytes;
	i->tcpi_snd_wnd = t->snd.wnd;
	i->tcpi_rcv_wnd = t->rcv.wnd;
}

/* ---- get ---- */

static int get_number(const struct tcb *t, int opt, int *v)
{
	const struct net_sysctls *s = &t->sk.cpu->sysctl;

	switch (opt) {
	case TCP_NODELAY:
		*v = t->nodelay;
		return 0;
	case TCP_CORK:
		*v = t->corked;
		return 0;
	case TCP_MAXSEG:
		*v = t->sk.state == TCP_CLOSE || t->sk.state == TCP_LISTEN ? (t->user_mss ?: TCP_MSS_DEFAULT) : t->mss;
		return 0;
	case TCP_KEEPIDLE:
		*v = t->keepidle_s ?: (int)s->tcp_keepalive_time;
		return 0;
	case TCP_KEEPINTVL:
		*v = t->keepintvl_s ?: (int)s->tcp_keepalive_intvl;
		return 0;
	case TCP_KEEPCNT:
		*v = t->keepcnt ?: (int)s->tcp_keepalive_probes;
		return 0;
	case TCP_SYNCNT:
		*v = t->synretries_max ?: (int)s->tcp_syn_retries;
		return 0;
	case TCP_LINGER2:
		*v = t->linger2_s ?: (int)s->tcp_fin_timeout;
		return 0;
	case TCP_DEFER_ACCEPT:
		*v = secs_of_retrans(t->defer_accept);
		return 0;
	case TCP_ACCEPT_DATA:
		*v = t->accept_data;
		return 0;
	case TCP_WINDOW_CLAMP:
		*v = (int)t->rcv.clamp;
		return 0;
	case TCP_QUICKACK:
		*v = !t->ack.pingpong;
		return 0;
	case TCP_USER_TIMEOUT:
		*v = (int)t->user_timeout_ms;
		return 0;
	case TCP_FASTOPEN_OPT:
		*v = t->fo ? (int)t->fo->max : 0;
		return 0;
	case TCP_FASTOPEN_CONNECT:
		*v = t->fo_connect;
		return 0;
	case TCP_FASTOPEN_NO_COOKIE:
		*v = t->fo_no_cookie;
		return 0;
	case TCP_INQ:
		*v = t->wants_inq;
		return 0;
	case TCP_NOTSENT_LOWAT:
		*v = (int)t->notsent_lowat;
		return 0;
	}
	return -ENOPROTOOPT;
}

static int give(void *val, unsigned *len, const void *from, unsigned size)
{
	*len = MIN(*len, size);
	memcpy(val, from, *len);
	return 0;
}

static int get_number_of(const struct tcb *t, int level, int opt, int *v)
{
	if (level == SOL_TCP)
		return get_number(t, opt, v);
	if (level == SOL_SOCKET && (opt == SO_TIMESTAMP || opt == SO_TIMESTAMPNS || opt == SO_TIMESTAMPING)) {
		*v = tcp_stamps_setting(t, opt);
		return 0;
	}
	if (level == SOL_SOCKET && opt == SO_RCVLOWAT) {
		*v = t->sk.lowat ? (int)t->rcvlowat : 1;
		return 0;
	}
	if (level != SOL_IP)
		return -ENOPROTOOPT;
	switch (opt) {
	case IP_TOS:
		*v = t->sk.tos;
		return 0;
	case IP_TTL:
		*v = t->sk.ttl ?: (int)t->sk.cpu->sysctl.ip_default_ttl;
		return 0;
	case IP_MTU_DISCOVER:
		*v = t->may_fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_WANT;
		return 0;
	case IP_MTU:
		*v = (int)t->sk.dst.mtu;
		return t->sk.state == TCP_CLOSE || t->sk.state == TCP_LISTEN ? -ENOTCONN : 0;
	}
	return -ENOPROTOOPT;
}

/* Linux's SO_MEMINFO: what the buffers hold. */
static int get_meminfo(const struct tcb *t, void *val, unsigned *len)
{
	u32 m[9] = { t->sk.rmem_alloc, t->sk.rcvbuf, 0, t->sk.sndbuf, 0, t->sk.wmem_alloc, 0, 0, 0 };

	return give(val, len, m, sizeof(m));
}

int tcp_getsockopt(struct sock *sk, int level, int opt, void *val, unsigned *len)
{
	struct tcb *t = tcb_of(sk);
	union tcp_cc_info cc;
	struct tcp_info info;
	struct linger l;
	int v, err;

	if (level == SOL_TCP && opt == TCP_INFO) {
		tcp_get_info(t, &info);
		return give(val, len, &info, sizeof(info));
	}
	if (level == SOL_TCP && opt == TCP_CC_INFO)
		return give(val, len, &cc, t->tx && t->ca->get_info ? t->ca->get_info(t, &cc) : 0);
	if (level == SOL_SOCKET && opt == SO_MEMINFO)
		return get_meminfo(t, val, len);
	if (level == SOL_TCP && opt == TCP_CONGESTION)
		return give(val, len, t->ca->name, (unsigned)strlen(t->ca->name) + 1);
	if (level == SOL_SOCKET && opt == SO_MAX_PACING_RATE)
		return give(val, len, &(u64){ max_pacing_rate(t) }, *len < sizeof(u64) ? sizeof(u32) : sizeof(u64));
	if (level == SOL_SOCKET && opt == SO_LINGER) {
		l = (struct linger){ t->linger_set, (int)t->linger_s };
		return give(val, len, &l, sizeof(l));
	}
	if (level == SOL_SOCKET && opt == SO_OOBINLINE) {
		v = 1;
		return give(val, len, &v, sizeof(v));
	}
	err = get_number_of(t, level, opt, &v);
	return err ? err : give(val, len, &v, sizeof(v));
}
