/* SPDX-License-Identifier: MIT
 * tcprig.c - the peer of the TCP under glass: builds segments, takes what was sent, and leads a connection into a state.
 */
#include <stdlib.h>

#include "host/family.h"
#include "host/tcprig.h"
#include "net/ipv4/ip.h"
#include "net/tcp/segment.h"
#include "net/wire/checksum.h"

#define US_ADDR   "192.168.0.1"
#define PEER_ADDR "192.0.2.1"

static u8 byte_of(u32 seq)
{
	return (u8)(seq * 167 + (seq >> 8) * 13);
}

struct rig *rig_new(void)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->lab = lab_create(99);
	r->host = lab_host(r->lab, "us");
	r->dev = lab_dev_with(r->host, LAB_RAW, 0, 0);
	r->cpu = r->host->cpu;
	lab_addr(r->dev, US_ADDR "/16");
	lab_default_route(r->dev, "192.168.0.2");
	r->peer_isn = RIG_PEER_ISN;
	r->peer_mss = RIG_MSS;
	r->peer_wnd = 65535;
	r->ts_val = 5000;
	r->peer = (struct sockaddr_ip){ .family = lab_family(), .port = RIG_PEER_PORT };
	r->peer.addr = lab_ip_of(PEER_ADDR);
	if (lab_ipv6()) {
		r->dev->mtu += 20; /* the same MSS */
		rig_run_ms(r, 3000); /* reports of groups are out */
		while (lab_sent(r->dev, r->last_frame, sizeof(r->last_frame)))
			;
	}
	rig_run_us(r, 10);
	return r;
}

void rig_end(struct rig *r)
{
	bh_disable(r->cpu);
	if (r->sk)
		tcp_prot.close(r->sk);
	if (r->listener)
		tcp_prot.close(r->listener);
	bh_enable(r->cpu);
	rig_drain(r);
	rig_run_us(r, 10);
	rig_drain(r);
	lab_destroy(r->lab);
	free(r);
}

void rig_run_us(struct rig *r, u64 us)
{
	lab_run(r->lab, us * NSEC_PER_USEC);
}

/* ---- the peer sends ---- */

static void store16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static void store32(u8 *p, u32 v)
{
	store16(p, (u16)(v >> 16));
	store16(p + 2, (u16)v);
}

static unsigned put_syn_options(struct rig *r, u8 *o)
{
	struct tcp_syn_options so = { .mss = (u16)r->peer_mss, .ts = !r->no_ts, .sack = !r->no_sack, .ws = !r->no_ws,
				      .wscale = r->peer_wscale, .tsval = r->ts_val };

	if (!r->peer_mss) /* a SYN without the option */
		return 0;
	if (r->active)
		so.tsecr = r->opt.tsval;
	return tcp_put_syn_options(o, &so);
}

static unsigned put_options(struct rig *r, const struct rig_seg *s, u8 *o)
{
	unsigned n = 0;

	if (s->flags & TCP_SYN)
		return put_syn_options(r, o);
	if (!r->no_ts && !s->no_ts && !(s->flags & TCP_RST))
		n = tcp_put_timestamp(o, s->tsval ? s->tsval : ++r->ts_val, s->tsecr ? s->tsecr : r->opt.tsval);
	if (s->nr_sacks) {
		o[n] = o[n + 1] = TCPOPT_NOP;
		o[n + 2] = TCPOPT_SACK;
		o[n + 3] = (u8)(2 + 8 * s->nr_sacks);
		for (unsigned i = 0; i < s->nr_sacks; i++) {
			store32(o + n + 4 + 8 * i, r->iss + 1 + s->sacks[i].start.v);
			store32(o + n + 8 + 8 * i, r->iss + 1 + s->sacks[i].end.v);
		}
		n += 4 + 8 * s->nr_sacks;
	}
	return n;
}

static void put_ip(struct rig *r, u8 *p, unsigned len, u8 proto)
{
	be32 src = ip_v4(&r->peer.addr);
	struct ip_addr us;

	ip_pton(US_ADDR, &us);
	memset(p, 0, 20);
	p[0] = 0x45;
	store16(p + 2, (u16)len);
	p[8] = 64;
	p[9] = proto;
	memcpy(p + 12, &src, 4);
	memcpy(p + 16, &us.w[3], 4);
	be16 c = csum_fold(csum_partial(p, 20, 0));
	memcpy(p + 10, &c, 2);
}

/* Hands the device an IPv4 packet, or what it is over IPv6. */
static void hand_over(struct rig *r, const u8 *f, unsigned len)
{
	static u8 six[70000];

	if (lab_ipv6())
		lab_inject(r->dev, six, family_to6(six, f, len));
	else
		lab_inject(r->dev, f, len);
}

/* What is unusual about the IP header of a segment: addresses, TOS, options. */
static void change_ip(u8 *p, const struct rig_seg *s)
{
	unsigned ihl = 20u + s->ip_opts_len;
	be16 c = be16_of(0);

	p[0] = (u8)(0x40 | ihl / 4);
	p[1] = s->tos;
	if (s->src)
		store32(p + 12, s->src);
	if (s->dst)
		store32(p + 16, s->dst);
	if (s->ip_opts_len)
		memcpy(p + 20, s->ip_opts, s->ip_opts_len);
	memcpy(p + 10, &c, 2);
	c = csum_fold(csum_partial(p, ihl, 0));
	memcpy(p + 10, &c, 2);
}

void rig_inject(struct rig *r, const struct rig_seg *s)
{
	rig_give(r, s);
	rig_run_us(r, 10);
}

void rig_give(struct rig *r, const struct rig_seg *s)
{
	static u8 f[70000];
	u8 *p = f + 20 + s->ip_opts_len, *o = p + 20;
	bool ack = !s->no_ack && !(s->flags & TCP_RST) && !(s->flags == TCP_SYN);
	unsigned olen = s->opts ? s->opts_len : put_options(r, s, o), hlen = 20 + olen;
	u32 seq = r->peer_isn + 1 + (u32)s->seq, wnd = s->wnd == NO_WINDOW ? 0 : s->wnd ? s->wnd : r->peer_wnd;
	be32 src, dst;
	be16 c;

	if (s->opts)
		memcpy(o, s->opts, s->opts_len);
	if (s->flags & TCP_SYN)
		seq = r->peer_isn + (u32)s->seq;
	store16(p, r->peer.port);
	store16(p + 2, r->active ? r->t->sk.sport : RIG_PORT);
	store32(p + 4, seq);
	store32(p + 8, ack || s->flags & TCP_ACK ? r->iss + 1 + (u32)s->ack : 0);
	p[12] = (u8)((s->doff ? s->doff * 4u : hlen) << 2 | s->reserved);
	p[13] = (u8)(s->flags | (ack ? TCP_ACK : 0) | (s->psh ? TCP_PSH : 0) | (s->urg && !s->no_urg_flag ? TCP_URG : 0));
	store16(p + 14, (u16)wnd);
	store16(p + 16, 0);
	store16(p + 18, s->urg);
	for (u32 i = 0; i < s->len; i++)
		p[hlen + i] = s->data ? ((const u8 *)s->data)[i] : byte_of((u32)s->seq + i);
	put_ip(r, f, (unsigned)(p - f) + hlen + s->len, 6);
	change_ip(f, s);
	memcpy(&src, f + 12, 4);
	memcpy(&dst, f + 16, 4);
	c = csum_fold(csum_partial(p, hlen + s->len, csum_tcpudp_nofold(src, dst, hlen + s->len, 6)));
	memcpy(p + 16, &c, 2);
	if (s->bad_csum)
		p[17] ^= 1;
	hand_over(r, f, (unsigned)(p - f) + hlen + s->len);
}

void rig_icmp(struct rig *r, u8 type, u8 code, u16 info, s64 seq)
{
	u8 f[56] = { 0 }, *q = f + 28;
	be16 c;

	f[20] = type;
	f[21] = code;
	store16(f + 26, info);
	put_ip(r, q, 40, 6);
	memcpy(q + 12, f + 16, 0);
	for (int i = 0; i < 4; i++) { /* quoted: from us to the peer */
		u8 b = q[12 + i];

		q[12 + i] = q[16 + i];
		q[16 + i] = b;
	}
	store16(q + 20, r->t->sk.sport);
	store16(q + 22, r->peer.port);
	store32(q + 24, r->iss + 1 + (u32)seq);
	c = csum_fold(csum_partial(f + 20, 36, 0));
	memcpy(f + 22, &c, 2);
	put_ip(r, f, 56, 1);
	hand_over(r, f, 56);
	rig_run_us(r, 10);
}

/* ---- the peer receives ---- */

static bool frame_ok(struct rig *r)
{
	const u8 *f = r->last_frame;
	unsigned ihl = (f[0] & 15) * 4u, len = (unsigned)(f[2] << 8 | f[3]);
	be32 src, dst;

	memcpy(&src, f + 12, 4);
	memcpy(&dst, f + 16, 4);
	return CHECK_EQ(f[9], 6) && CHECK(len <= r->last_len) && CHECK(tcp_parse(f + ihl, len - ihl, len - ihl, &r->last)) &&
	       CHECK(csum_ok(csum_partial(f + ihl, len - ihl, csum_tcpudp_nofold(src, dst, len - ihl, 6))));
}

/* The next packet that was sent, as IPv4, into last_frame; its length. Over IPv6 reports of groups are passed over. */
static unsigned receive(struct rig *r)
{
	static u8 six[70000];
	unsigned len, n = 0;

	if (!lab_ipv6())
		return lab_sent(r->dev, r->last_frame, sizeof(r->last_frame));
	while (!n && (len = lab_sent(r->dev, six, sizeof(six))))
		n = family_to4(r->last_frame, six, len);
	return n;
}

bool rig_take(struct rig *r)
{
	u32 old = r->opt.tsval;

	r->last_len = receive(r);
	if (!r->last_len)
		return false;
	if (!frame_ok(r))
		return true;
	tcp_parse_options(r->last_frame + 20, &r->last, &r->opt);
	if (!r->opt.has_ts)
		r->opt.tsval = old;
	if (r->last.flags & TCP_SYN)
		r->iss = r->last.seq.v;
	return true;
}

bool rig_expect(struct rig *r, const struct rig_seg *s, const char *file, int line)
{
	u8 want = s->flags, got;
	bool ok;

	if (!rig_take(r))
		return test_check(false, file, line, "a segment was sent");
	if (!s->no_ack && !(want & TCP_RST) && want != TCP_SYN)
		want |= TCP_ACK;
	got = r->last.flags & (u8)~TCP_PSH;
	ok = test_check_eq(got, want & (u8)~TCP_PSH, file, line, "flags");
	if (!(want & TCP_SYN))
		ok &= test_check_eq((s32)(r->last.seq.v - r->iss - 1), s->seq, file, line, "seq");
	if (want & TCP_ACK)
		ok &= test_check_eq((s32)(r->last.ack.v - r->peer_isn - 1), s->ack, file, line, "ack");
	ok &= test_check_eq(r->last.len, s->len, file, line, "length");
	for (u32 i = 0; i < r->last.len; i++)
		if (r->last_frame[20 + r->last.hdr_len + i] != byte_of(r->last.seq.v - r->iss - 1 + i))
			return test_check(false, file, line, "the right bytes");
	return ok;
}

bool rig_expect_nothing(struct rig *r, const char *file, int line)
{
	if (!lab_sent_count(r->dev))
		return true;
	rig_take(r);
	test_note("sent: flags %#x seq %d ack %d len %u", r->last.flags, (int)(r->last.seq.v - r->iss - 1),
		  (int)(r->last.ack.v - r->peer_isn - 1), r->last.len);
	return test_check(false, file, line, "nothing was sent");
}

unsigned rig_drain(struct rig *r)
{
	unsigned n = 0;

	while (rig_take(r))
		n++;
	return n;
}

/* ---- the application ---- */

long rig_write(struct rig *r, u32 n, int flags)
{
	u32 from = r->t->snd.write.v - r->t->snd.iss.v - 1;
	u8 *buf = malloc(n);
	struct iovec v = { buf, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	long done;

	for (u32 i = 0; i < n; i++)
		buf[i] = byte_of(from + i);
	net_set_now(r->cpu, host_clock);
	bh_disable(r->cpu);
	done = tcp_prot.sendmsg(r->sk, &m, flags);
	bh_enable(r->cpu);
	free(buf);
	rig_run_us(r, 10);
	return done;
}

long rig_read(struct rig *r, u32 n)
{
	u32 from = r->t->rcv.copied.v - r->peer_isn - 1;
	u8 *buf = malloc(n);
	struct iovec v = { buf, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	long done;

	bh_disable(r->cpu);
	done = tcp_prot.recvmsg(r->sk, &m, 0);
	bh_enable(r->cpu);
	for (long i = 0; i < done; i++)
		if (buf[i] != byte_of(from + (u32)i)) {
			CHECK(!"the right bytes were read");
			break;
		}
	free(buf);
	rig_run_us(r, 10);
	return done;
}

void rig_setsockopt(struct rig *r, int level, int opt, int v)
{
	CHECK_EQ(tcp_prot.setsockopt(r->sk ? r->sk : r->listener, level, opt, &v, sizeof(v)), 0);
}

/* ---- one constructor per state ---- */

static void listen_on(struct rig *r)
{
	struct sockaddr_ip sa = { .family = lab_family(), .port = RIG_PORT, .addr = lab_ip(be32_of(0)) };

	r->listener = tcp_prot.create(r->cpu, lab_family());
	CHECK_EQ(tcp_prot.bind(r->listener, &sa), 0);
	CHECK_EQ(tcp_prot.listen(r->listener, 8), 0);
}

void rig_accept(struct rig *r)
{
	int err;

	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk != NULL);
	r->t = tcb_of(r->sk);
}

static void passive_open(struct rig *r)
{
	listen_on(r);
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .flags = TCP_ACK);
	rig_accept(r);
}

static void active_open(struct rig *r)
{
	r->active = true;
	r->sk = tcp_prot.create(r->cpu, lab_family());
	r->t = tcb_of(r->sk);
	CHECK_EQ(tcp_prot.connect(r->sk, &r->peer), -EINPROGRESS);
	rig_run_us(r, 10);
	rig_take(r);
}

static void shut_wr(struct rig *r)
{
	tcp_prot.shutdown(r->sk, SHUT_WR);
	rig_run_us(r, 10);
	rig_take(r);
}

struct rig *rig_state(struct rig *r, u8 state)
{
	if (state == TCP_LISTEN) {
		listen_on(r);
		return r;
	}
	if (state == TCP_SYN_SENT || state == TCP_SYN_RECEIVED) {
		active_open(r);
		if (state == TCP_SYN_RECEIVED) { /* simultaneous open */
			inject(r, .flags = TCP_SYN);
			rig_take(r);
		}
		goto out;
	}
	passive_open(r);
	switch (state) {
	case TCP_FIN_WAIT_1:
		shut_wr(r);
		break;
	case TCP_FIN_WAIT_2:
		shut_wr(r);
		inject(r, .ack = 1);
		break;
	case TCP_CLOSING:
		shut_wr(r);
		inject(r, .flags = TCP_FIN);
		rig_take(r);
		break;
	case TCP_CLOSE_WAIT:
		inject(r, .flags = TCP_FIN);
		rig_run_ms(r, 50);
		rig_drain(r);
		break;
	case TCP_LAST_ACK:
		inject(r, .flags = TCP_FIN);
		rig_run_ms(r, 50);
		rig_drain(r);
		shut_wr(r);
		break;
	}
out:
	REQUIRE(CHECK_EQ(r->t->sk.state, state));
	CHECK_EQ(lab_sent_count(r->dev), 0);
	return r;
}

struct rig *rig_in_flight(u32 n, bool sack, const char *ca)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	r->no_sack = !sack;
	rig_state(r, TCP_ESTABLISHED);
	CHECK_EQ(tcp_prot.setsockopt(r->sk, SOL_TCP, TCP_CONGESTION, ca, (unsigned)strlen(ca)), 0);
	r->t->sk.sndbuf = 1 << 20;
	r->t->sndbuf_locked = true;
	r->t->cwnd = n;
	r->t->srtt_us = 100000 << 3;
	r->t->min_rtt_us = 100000;
	r->t->mdev_us = r->t->rttvar_us = r->t->mdev_max_us = 200000;
	tcp_rto_update(r->t);
	inject(r, .ack = 0, .wnd = 65535);
	rig_write(r, n * 1460, 0);
	CHECK_EQ(rig_drain(r), n);
	rig_run_ms(r, 100);
	rig_drain(r);
	return r;
}
