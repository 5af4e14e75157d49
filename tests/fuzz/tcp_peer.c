/* SPDX-License-Identifier: MIT
 * tcp_peer.c - the peers of the TCP fuzzer: segments and ICMP errors at the numbers that matter now, and a look at all that comes.
 */
#include "fuzz/tcp_peer.h"
#include "host/harness.h"
#include "net/socket/socket.h"
#include "net/ipv4/ip.h"
#include "net/tcp/segment.h"
#include "net/wire/checksum.h"

#include <string.h>

#define L2    14
#define L3    20
#define LEN_MAX 4000

static const u8 peer_mac[6] = { 2, 0, 0, 0, 0, 0xee };
static const u8 peer_ip[4] = { 10, 0, 0, 2 }, our_ip[4] = { 10, 0, 0, 1 };
static u8 frame[70000];

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}
static u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }

/* ---- what the stack has ---- */

struct search {
	const struct peer *p;
	struct view v;
};

static bool is_node_of(const struct peer *p, const struct conn_node *n)
{
	return n->lport == p->dport && n->rport == p->sport;
}

static void look_at(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct search *s = arg;

	if (t && t->sk.state != TCP_LISTEN && t->sk.sport == s->p->dport && t->sk.dport == s->p->sport)
		s->v.t = t;
	if (r && is_node_of(s->p, &r->node))
		s->v.r = r;
	if (tw && is_node_of(s->p, &tw->node))
		s->v.tw = tw;
}

struct view peer_view(const struct world *w, const struct peer *p)
{
	struct search s = { .p = p };

	tcp_for_each(w->host->cpu, look_at, &s);
	return s.v;
}

static u32 nth_in_flight(const struct tcb *t, unsigned n)
{
	struct sk_buff *skb;

	skb_queue_walk(&t->rtxq, skb)
		if (!n--)
			return tcp_cb(skb)->seq.v;
	return t->snd.nxt.v;
}

/* Numbers of the peer's stream. */
static u32 their_point(const struct peer *p, const struct view *v, u8 which)
{
	const struct tcb *t = v->t;

	if (v->r)
		return v->r->irs + (which & 1 ? 1 + v->r->rcv_wnd : 1);
	if (v->tw)
		return v->tw->rcv_nxt.v + (which & 1 ? v->tw->rcv_wnd : 0);
	if (!t || t->sk.state == TCP_SYN_SENT)
		return p->isn + (which & 1);
	switch (which & 15) {
	case 1: return t->rcv.wup.v + t->rcv.wnd;
	case 2: return t->rcv.wup.v;
	case 3: return t->rcv.copied.v;
	case 4: return t->rcv.irs.v;
	case 5: return t->sacks ? t->sacks->block[0].start.v : t->rcv.nxt.v;
	case 6: return t->sacks ? t->sacks->block[0].end.v : t->rcv.nxt.v;
	case 7: return t->sacks ? t->sacks->block[1].start.v : t->rcv.nxt.v;
	case 8: return t->rcv.urg.v;
	default: return t->rcv.nxt.v;
	}
}

/* Numbers of ours. */
static u32 our_point(const struct peer *p, const struct view *v, u8 which)
{
	const struct tcb *t = v->t;

	if (v->r)
		return v->r->iss + 1;
	if (v->tw)
		return v->tw->snd_nxt.v;
	if (!t)
		return p->ack;
	switch (which & 15) {
	case 1: return t->snd.una.v;
	case 2: return t->snd.write.v;
	case 3: return t->snd.iss.v;
	case 4: return t->high_seq.v;
	case 5: return t->high_sack.v;
	case 6: return t->tx ? t->tx->tlp_high_seq.v : t->snd.una.v;
	case 7: return t->tx ? t->tx->mtup.start.v : t->snd.una.v;
	case 8: return t->tx ? t->tx->mtup.end.v : t->snd.una.v;
	case 9: case 10: case 11: case 12: case 13: return nth_in_flight(t, (which & 15) - 8u);
	case 14: return nth_in_flight(t, t->rtxq.qlen / 2);
	case 15: return nth_in_flight(t, t->rtxq.qlen - 1u);
	default: return t->snd.nxt.v;
	}
}

/* The upper half of the byte that chose a point. */
static u32 beside(const struct view *v, u8 which)
{
	u32 mss = v->t ? v->t->mss : 536;
	u32 by[16] = { 0, 0, 0, 1, -1u, 2, -2u, mss, -mss, 10, -100u, 2 * mss, 65535, -70000u, 1u << 30, 1u << 31 };

	return by[which >> 4];
}

/* ---- the peer sends ---- */

static void send_frame(struct world *w, u32 ip_len, u8 proto, u8 tos)
{
	u8 *ip = frame + L2;
	be16 c;

	memcpy(frame, w->dev->addr, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0800);
	memset(ip, 0, L3);
	ip[0] = 0x45;
	ip[1] = tos;
	put16(ip + 2, ip_len);
	ip[8] = 64;
	ip[9] = proto;
	memcpy(ip + 12, peer_ip, 4);
	memcpy(ip + 16, our_ip, 4);
	c = csum_fold(csum_partial(ip, L3, 0));
	memcpy(ip + 10, &c, 2);
	if (w->ether)
		lab_inject(w->dev, frame, L2 + ip_len);
	else
		lab_inject(w->dev, ip, ip_len);
}

struct seg {
	u32 seq, ack, wnd, len, tsval, tsecr;
	u16 urg;
	u8 flags, tos, nr_sacks, opts_len;
	bool ts;
	struct tcp_sack_block sacks[4];
	u8 opts[40]; /* put first, as they are */
};

static unsigned put_sacks(const struct seg *s, u8 *o, unsigned room)
{
	unsigned n = MIN((unsigned)s->nr_sacks, (room - 4) / 8);

	if (!s->nr_sacks || room < 12)
		return 0;
	o[0] = o[1] = TCPOPT_NOP;
	o[2] = TCPOPT_SACK;
	o[3] = (u8)(2 + 8 * n);
	for (unsigned i = 0; i < n; i++) {
		put32(o + 4 + 8 * i, s->sacks[i].start.v);
		put32(o + 8 + 8 * i, s->sacks[i].end.v);
	}
	return 4 + 8 * n;
}

static void send_seg(struct world *w, const struct peer *p, const struct seg *s)
{
	u8 *t = frame + L2 + L3, *o = t + 20;
	unsigned n = s->opts_len;
	be32 src, dst;
	be16 c;

	put16(t, p->sport);
	put16(t + 2, p->dport);
	put32(t + 4, s->seq);
	put32(t + 8, s->ack);
	t[13] = s->flags;
	put16(t + 14, s->wnd);
	put32(t + 16, s->urg);
	memcpy(o, s->opts, n);
	if (s->ts && n <= 28)
		n += tcp_put_timestamp(o + n, s->tsval, s->tsecr);
	n += put_sacks(s, o + n, 40 - n);
	t[12] = (u8)((20 + n) << 2);
	for (u32 i = 0; i < s->len; i++)
		o[n + i] = byte_of(s->seq + !!(s->flags & TCP_SYN) + i);
	memcpy(&src, peer_ip, 4);
	memcpy(&dst, our_ip, 4);
	c = csum_fold(csum_partial(t, 20 + n + s->len, csum_tcpudp_nofold(src, dst, 20 + n + s->len, 6)));
	memcpy(t + 16, &c, 2);
	send_frame(w, L3 + 20 + n + s->len, 6, s->tos);
}

/* The options of a SYN of this peer, as peer_options() chose them. */
static void syn_options(const struct world *w, const struct peer *p, struct seg *s, u8 how)
{
	struct tfo_cookie cookie = { .len = p->cookie_len, .exp = how & 8 };
	struct tcp_syn_options so = { .mss = w->mss, .ts = !w->no_ts, .sack = !w->no_sack, .ws = !w->no_ws, .wscale = w->wscale,
				      .tsval = s->tsval, .tsecr = s->tsecr };

	if (how & 1)
		so.cookie = &cookie;
	memcpy(cookie.val, p->cookie, sizeof(cookie.val));
	if (how & 2)
		cookie.len = how & 4 ? 0 : 8;
	s->opts_len = (u8)tcp_put_syn_options(s->opts, &so);
	s->ts = false;
}

static void plain(struct world *w, struct peer *p, const struct view *v, struct seg *s)
{
	*s = (struct seg){ .seq = their_point(p, v, 0), .ack = our_point(p, v, 0), .flags = TCP_ACK, .wnd = 60000,
			   .ts = !w->no_ts, .tsval = ++w->clock, .tsecr = p->ts_echo };
}

void peer_opens(struct world *w, unsigned conn)
{
	struct peer *p = &w->peers[conn];
	struct seg s = { .seq = p->isn, .flags = TCP_SYN, .wnd = 60000, .tsval = ++w->clock };
	struct view v;

	syn_options(w, p, &s, 0);
	send_seg(w, p, &s);
	world_settle(w, 10 * NSEC_PER_USEC);
	v = peer_view(w, p);
	plain(w, p, &v, &s);
	send_seg(w, p, &s);
}

/* All that is in flight; of a connection that opens, that. */
void peer_acknowledges(struct world *w, u8 who)
{
	struct peer *p = &w->peers[who % CONNS];
	struct view v = peer_view(w, p);
	struct seg s;

	plain(w, p, &v, &s);
	if (v.t && v.t->sk.state == TCP_SYN_SENT) {
		s.flags |= TCP_SYN;
		s.seq = p->isn;
		syn_options(w, p, &s, who / CONNS);
	}
	send_seg(w, p, &s);
}

static u32 odd_tsval(const struct world *w, const struct view *v, u8 b)
{
	static const u32 by[] = { 0, -1u, 1, 1u << 31, (1u << 31) - 1, -1000u, 100000, 5 };

	return (v->t ? v->t->ts_recent : v->tw ? v->tw->ts_recent : w->clock) + by[b % 8];
}

static u32 odd_tsecr(const struct peer *p, const struct view *v, u8 b)
{
	switch (b % 6) {
	case 1: return v->t ? v->t->retrans_stamp_ms : 0;
	case 2: return 0;
	case 3: return p->ts_echo + 1;
	case 4: return v->t ? tcp_ts_now(v->t) + 5 : 77;
	case 5: return p->ts_echo - 100;
	default: return p->ts_echo;
	}
}

static void sack_blocks(const struct peer *p, const struct view *v, struct seg *s, unsigned n, struct input *in)
{
	for (unsigned i = 0; i < n && n <= 4; i++) {
		u8 from = input_u8(in), to = input_u8(in);

		s->sacks[i].start = seq_of(our_point(p, v, from) + beside(v, from));
		s->sacks[i].end = seq_of(our_point(p, v, to) + beside(v, to));
		s->nr_sacks = (u8)(i + 1);
	}
}

static void more_options(struct world *w, const struct peer *p, const struct view *v, struct seg *s, u8 opts, struct input *in)
{
	const u8 *raw;
	size_t n;
	u8 b;

	sack_blocks(p, v, s, opts >> 2 & 7, in);
	if ((opts & 3) == 1) {
		b = input_u8(in);
		s->tsval = odd_tsval(w, v, b);
		s->tsecr = odd_tsecr(p, v, b >> 3);
	}
	if (opts & 32) {
		raw = input_bytes(in, input_u8(in) % 11 * 4, &n);
		memcpy(s->opts, raw, n);
		s->opts_len = (u8)(n & ~3u);
	}
	if (opts & 64) {
		s->urg = input_u8(in);
		s->flags |= TCP_URG;
		w->urgent = true;
	}
	if (opts & 128)
		s->tos = input_u8(in);
}

void peer_segment(struct world *w, struct input *in)
{
	static const u16 lens[] = { 0, 1, 10, 100, 535, 536, 537, 1447, 1448, 1449, 1460, 3000, 3999, 2, 47, 700 };
	static const u32 wnds[] = { 60000, 65535, 0, 1, 1460, 2000, 8, 30000 };
	u8 who = input_u8(in), flags = input_u8(in), seq = input_u8(in), ack = input_u8(in), size = input_u8(in), opts = input_u8(in);
	struct peer *p = &w->peers[who % CONNS];
	struct view v = peer_view(w, p);
	struct seg s;

	plain(w, p, &v, &s);
	s.flags = flags ^ TCP_ACK; /* most segments have it */
	s.seq = their_point(p, &v, seq) + beside(&v, seq);
	s.ack = our_point(p, &v, ack) + beside(&v, ack);
	s.len = lens[size & 15];
	s.wnd = wnds[size >> 4 & 7];
	if ((opts & 3) == 2)
		s.ts = false;
	if (s.flags & TCP_SYN)
		syn_options(w, p, &s, who / CONNS);
	more_options(w, p, &v, &s, opts, in);
	send_seg(w, p, &s);
	if (!v.t && !v.r && !v.tw && s.flags & TCP_SYN)
		p->isn = s.seq;
}

void peer_icmp(struct world *w, struct input *in)
{
	static const u8 kinds[][2] = { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 3, 3 }, { 3, 4 }, { 3, 4 }, { 3, 13 }, { 4, 0 }, { 11, 0 },
				       { 11, 1 }, { 12, 0 }, { 3, 5 }, { 3, 4 }, { 5, 1 }, { 3, 200 }, { 3, 6 } };
	static const u16 mtus[] = { 1400, 576, 68, 67, 0, 552, 1500, 9000, 1000, 296, 65535, 40, 512, 1280, 1492, 1 };
	u8 who = input_u8(in), kind = input_u8(in), at = input_u8(in);
	u8 *ic = frame + L2 + L3, *q = ic + 8;
	struct peer *p = &w->peers[who % CONNS];
	struct view v = peer_view(w, p);
	be16 c;

	memset(ic, 0, 36);
	memcpy(ic, kinds[kind & 15], 2);
	put16(ic + 6, mtus[kind >> 4]);
	q[0] = 0x45;
	put16(q + 2, who & 128 ? 40 : 1500);
	q[8] = 60;
	q[9] = 6;
	memcpy(q + 12, our_ip, 4);
	memcpy(q + 16, peer_ip, 4);
	put16(q + 20, p->dport);
	put16(q + 22, p->sport);
	put32(q + 24, our_point(p, &v, at) + beside(&v, at));
	c = csum_fold(csum_partial(ic, 36, 0));
	memcpy(ic + 2, &c, 2);
	send_frame(w, L3 + 36, 1, 0);
}

/* ---- the peer receives ---- */

/* Ours, numbered from the first byte behind the SYN, whose TCB may be gone already. */
static void check_bytes(const struct world *w, const struct peer *p, const struct tcp_seg *seg, const u8 *text)
{
	u32 from = seg->seq.v + !!(seg->flags & TCP_SYN) - p->iss - 1;

	for (u32 i = 0; !w->odd_bytes && i < seg->len; i++)
		CHECK_EQ(text[i], byte_of(from + i));
}

static void take_options(struct peer *p, const u8 *t, const struct tcp_seg *seg)
{
	struct tcp_options o;

	tcp_parse_options(t, seg, &o);
	if (o.has_ts)
		p->ts_echo = o.tsval;
	if (o.has_fastopen && o.cookie_len && o.cookie_len <= sizeof(p->cookie)) {
		p->cookie_len = o.cookie_len;
		memcpy(p->cookie, o.cookie, o.cookie_len);
	}
}

static void take_tcp(struct world *w, const u8 *ip, unsigned len)
{
	unsigned ihl = (ip[0] & 15u) * 4u;
	const u8 *t = ip + ihl;
	struct tcp_seg seg;

	CHECK(ip[0] >> 4 == 4 && ihl >= L3 && get16(ip + 2) <= len);
	if (get16(ip + 6) & 0x3fff) /* a fragment */
		return;
	len = get16(ip + 2) - ihl;
	CHECK(tcp_parse(t, len, len, &seg));
	for (unsigned i = 0; i < CONNS; i++) {
		struct peer *p = &w->peers[i];

		if (p->sport != seg.dport || p->dport != seg.sport)
			continue;
		if (seg.flags & TCP_SYN)
			p->iss = seg.seq.v;
		p->ack = seg.end.v;
		take_options(p, t, &seg);
		check_bytes(w, p, &seg, t + seg.hdr_len);
	}
}

static void say_where(struct world *w)
{
	u8 *p = frame + L2;

	memcpy(frame, w->dev->addr, 6);
	memcpy(frame + 6, peer_mac, 6);
	put16(frame + 12, 0x0806);
	memset(p, 0, 46);
	memcpy(p, (u8[]){ 0, 1, 8, 0, 6, 4, 0, 2 }, 8);
	memcpy(p + 8, peer_mac, 6);
	memcpy(p + 14, peer_ip, 4);
	memcpy(p + 18, w->dev->addr, 6);
	memcpy(p + 24, our_ip, 4);
	lab_inject(w->dev, frame, L2 + 46);
}

static bool take_frames(struct world *w)
{
	static u8 buf[70000];
	bool asked = false;
	unsigned n, l2 = w->ether ? L2 : 0;

	while ((n = lab_sent(w->dev, buf, sizeof(buf)))) {
		if (w->ether && get16(buf + 12) == 0x0806)
			asked = true;
		else if (n >= l2 + L3 + 20 && (!w->ether || get16(buf + 12) == 0x0800) && buf[l2 + 9] == 6)
			take_tcp(w, buf + l2, n - l2);
	}
	return asked;
}

void world_settle(struct world *w, u64 ns)
{
	lab_run(w->lab, ns);
	if (take_frames(w)) {
		say_where(w);
		lab_run(w->lab, 10 * NSEC_PER_USEC);
		take_frames(w);
	}
}

void peer_options(struct world *w, u8 how)
{
	static const u16 mss[] = { 1460, 536, 8960, 88, 1460, 0, 1, 65535 };

	w->no_ts = how & 1;
	w->no_sack = how & 2;
	w->no_ws = how & 4;
	w->wscale = how & 8 ? 14 : 0;
	w->mss = mss[how >> 4 & 7];
	for (unsigned i = 0; i < CONNS; i++) {
		struct peer *p = &w->peers[i];

		p->sport = (u16)(i < CONNS / 2 ? 1000 + i : 3000 + i);
		p->dport = (u16)(i < CONNS / 2 ? 80 : 2000 + i);
		p->isn = how & 128 ? -20u : 1000000 * (i + 1); /* wraps */
	}
}

void world_open(struct world *w, u8 how)
{
	static const u32 features[] = { NETIF_F_SG, 0, NETIF_F_SG | NETIF_F_HW_CSUM, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO };
	struct sockaddr_ip any = { .family = AF_INET, .port = 80, .addr = ip_from_v4(be32_of(0)) };

	memset(w, 0, sizeof(*w));
	w->lab = lab_create(1);
	w->host = lab_host_cpus(w->lab, "us", 1, 512 << 10);
	w->ether = how & 4;
	w->dev = lab_dev_with(w->host, w->ether ? LAB_ETHER : LAB_RAW, features[how & 3] | (how & 8 ? NETIF_F_GRO : 0), how & 16 ? 2 : 0);
	lab_addr(w->dev, "10.0.0.1/24");
	w->clock = 100000;
	w->budget = UINT64_MAX;
	for (int i = 0; i < FDS; i++)
		w->fds[i] = -1;
	w->fds[0] = sys_socket(w->host->cpu, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (how & 32) /* fast open of every listener, and without a cookie */
		CHECK_EQ(net_sysctl_set(w->host->net, "net.ipv4.tcp_fastopen", how & 64 ? "1543" : "1031"), 0);
	if (how & 128) /* for the children, too */
		CHECK_EQ(sys_setsockopt(w->host->cpu, w->fds[0], SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int)), 0);
	CHECK_EQ(sys_bind(w->host->cpu, w->fds[0], &any), 0);
	CHECK_EQ(sys_listen(w->host->cpu, w->fds[0], 4), 0);
	if (w->ether)
		say_where(w);
	world_settle(w, NSEC_PER_MSEC);
}

void world_close(struct world *w)
{
	lab_destroy(w->lab);
}
