/* SPDX-License-Identifier: MIT
 * socket_other.c - the hosts beyond the wire of the socket fuzzer, of both families: they answer SYNs by the port, acknowledge what
 * comes or do not, and send bytes in order and out of it, FIN, RST, datagrams and ICMP errors when the input says so.
 */
#include "fuzz/bytes.h"
#include "fuzz/socket_play.h"
#include "host/harness.h"
#include "net/wire/ipv6.h"
#include "net/wire/tcp.h"

#include <string.h>

#define L4      40 /* where transport headers begin in `frame` */
#define TEXT    (L4 + 40)
#define MSS     1400

static u8 frame[TEXT + BUF_MAX];

struct ip_addr other_addr(bool v6, bool ours)
{
	struct ip_addr a = { .b = { 0x20, 1, 0x0d, 0xb8, [15] = ours ? 1 : 2 } };

	return v6 ? a : ip_from_v4(be32_of(ours ? 0x0a000001 : 0x0a000002));
}

static u32 sum16(const u8 *p, size_t n, u32 sum)
{
	for (size_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	return sum;
}
static u16 folded(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum;
}

/* ---- frames ---- */

/* A transport's packet of n bytes at L4, whose checksum stands `place` bytes in; from the peer to us, or to a group. */
static void inject(struct play *p, bool v6, u8 proto, u32 n, u32 place, const struct ip_addr *dst)
{
	struct ip_addr us = other_addr(v6, true), them = other_addr(v6, false);
	u8 *ip = frame + L4 - (v6 ? 40 : 20), *at = v6 ? ip + 8 : ip + 12, size = v6 ? 16 : 4;

	memset(ip, 0, v6 ? 40 : 20);
	memcpy(at, them.b + 16 - size, size);
	memcpy(at + size, (dst ? dst : &us)->b + 16 - size, size);
	put16(frame + L4 + place, 0);
	put16(frame + L4 + place, folded(sum16(frame + L4, n, proto == 1 ? 0 : sum16(at, size * 2u, proto + n))));
	ip[0] = v6 ? 0x60 : 0x45;
	if (v6) {
		put16(ip + 4, n);
		ip[6] = proto;
		ip[7] = 64;
	} else {
		put16(ip + 2, 20 + n);
		ip[8] = 64;
		ip[9] = proto;
		put16(ip + 10, folded(sum16(ip, 20, 0)));
	}
	lab_inject(p->dev, ip, n + (v6 ? 40 : 20));
}

/* Text is what stands at TEXT, options fill the 20 bytes before it from the front. */
static void segment(struct play *p, const struct talk *f, u8 flags, u32 seq, u32 len, u32 opts)
{
	u8 *t = frame + L4;

	memmove(t + 20 + opts, frame + TEXT, len);
	put16(t, f->theirs);
	put16(t + 2, f->ours);
	put32(t + 4, seq);
	put32(t + 8, flags & TCP_ACK ? f->next : 0);
	t[12] = (u8)((20 + opts) << 2);
	t[13] = flags;
	put16(t + 14, f->wnd);
	put16(t + 18, flags & TCP_URG ? len : 0);
	inject(p, f->v6, 6, 20 + opts + len, 16, NULL);
}

static void syn(struct play *p, const struct talk *f, u8 flags)
{
	static const u8 opts[] = { 2, 4, MSS >> 8, MSS & 255, 1, 1, 4, 2, 1, 3, 3, 2 };

	memcpy(frame + L4 + 20, opts, sizeof(opts));
	segment(p, f, flags | TCP_SYN, f->isn, 0, sizeof(opts));
}

/* ---- connections ---- */

static struct talk *talk_find(struct play *p, bool v6, u16 ours, u16 theirs)
{
	for (unsigned i = 0; i < TALKS; i++)
		if (p->talks[i].used && p->talks[i].v6 == v6 && p->talks[i].ours == ours && p->talks[i].theirs == theirs)
			return &p->talks[i];
	return NULL;
}

static struct talk *talk_new(struct play *p, bool v6, u16 ours, u16 theirs)
{
	struct talk *f = talk_find(p, v6, ours, theirs) ?: &p->talks[p->nr_talks % TALKS];

	p->nr_talks++;
	*f = (struct talk){ .used = true, .v6 = v6, .ours = ours, .theirs = theirs, .wnd = 60000 };
	f->isn = p->nr_talks & 4 ? -300u : 1000000 * p->nr_talks;
	f->una = f->isn + 1;
	return f;
}

void other_opens(struct play *p, bool v6, u16 port)
{
	syn(p, talk_new(p, v6, port, (u16)(40000 + p->nr_talks)), 0);
}

/* A SYN to one of the other side's ports. */
static void meet(struct play *p, bool v6, const u8 *t)
{
	u16 ours = (u16)get16(t), theirs = (u16)get16(t + 2);
	struct talk *f = talk_find(p, v6, ours, theirs);

	if (theirs == OTHER_SILENT)
		return;
	if (!f || f->iss != get32(t + 4))
		f = talk_new(p, v6, ours, theirs);
	f->iss = get32(t + 4);
	f->next = f->iss + 1;
	if (theirs == OTHER_REFUSES) {
		f->used = false;
		segment(p, f, TCP_RST | TCP_ACK, 0, 0, 0);
	} else {
		syn(p, f, theirs == OTHER_OPENS ? 0 : TCP_ACK);
	}
}

/* Text of ours is as it must be; what is next of it is taken, and all is acknowledged. */
static void take_text(struct play *p, struct talk *f, const u8 *t, u32 len, u8 flags)
{
	u32 seq = get32(t + 4) + !!(flags & TCP_SYN), from = seq - f->iss - 1;
	const u8 *text = t + (t[12] >> 4) * 4;

	for (u32 i = 0; i < len && !play_is_odd(p, f->ours); i++)
		CHECK_EQ(text[i], play_byte(f->ours, from + i));
	if ((s32)(seq - f->next) <= 0 && (s32)(seq + len - f->next) >= 0 && !f->silent)
		f->next = seq + len + !!(flags & TCP_FIN);
	if ((len || flags & (TCP_FIN | TCP_SYN)) && !f->silent)
		segment(p, f, TCP_ACK, f->una, 0, 0);
}

static void take_segment(struct play *p, bool v6, const u8 *t, u32 len)
{
	u8 flags = t[13];
	struct talk *f;

	if ((flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
		meet(p, v6, t);
		return;
	}
	f = talk_find(p, v6, (u16)get16(t), (u16)get16(t + 2));
	if (flags & TCP_RST || !f) {
		if (f)
			f->used = false;
		else if (!(flags & TCP_RST)) /* of one that is forgotten */
			segment(p, &(struct talk){ .v6 = v6, .ours = (u16)get16(t), .theirs = (u16)get16(t + 2) }, TCP_RST, get32(t + 8), 0, 0);
		return;
	}
	if (flags & TCP_SYN) {
		f->iss = get32(t + 4);
		f->next = f->iss + 1;
	}
	if (flags & TCP_ACK && (s32)(get32(t + 8) - f->una) > 0)
		f->una = get32(t + 8);
	take_text(p, f, t, len - (t[12] >> 4) * 4u, flags);
}

/* Every packet is whole, and from an address of ours. */
static void take_packet(struct play *p, const u8 *ip, u32 len)
{
	bool v6 = ip[0] >> 4 == 6;
	u32 hdr = v6 ? 40 : (ip[0] & 15u) * 4, total = v6 ? 40 + get16(ip + 4) : get16(ip + 2);
	struct ip_addr us = other_addr(v6, true);
	u8 proto = v6 ? ip[6] : ip[9];

	CHECK(total <= len && hdr <= total);
	if (proto == 6 || proto == 17) {
		const u8 *src = v6 ? ip + 8 : ip + 12;

		CHECK(v6 ? src[0] == 0xfe || !memcmp(src, us.b, 16) : !memcmp(src, us.b + 12, 4));
		p->quotes[p->nr_quotes % QUOTES].len = MIN(total, (u32)QUOTE);
		memcpy(p->quotes[p->nr_quotes++ % QUOTES].data, ip, MIN(total, (u32)QUOTE));
	}
	if (proto == 6 && (v6 || !(get16(ip + 6) & 0x3fff)))
		take_segment(p, v6, ip + hdr, total - hdr);
}

bool other_hears(struct play *p)
{
	static u8 buf[70000];
	bool any = false;
	unsigned n;

	for (; (n = lab_sent(p->dev, buf, sizeof(buf))); any = true)
		take_packet(p, buf, n);
	return any;
}

/* ---- what the input says ---- */

static struct talk *talk_of(struct play *p, u8 which)
{
	for (unsigned i = 0; i < TALKS; i++)
		if (p->talks[(which + i) % TALKS].used)
			return &p->talks[(which + i) % TALKS];
	return NULL;
}

void other_sends(struct play *p, struct input *in)
{
	static const u16 lens[] = { 1, 100, 1400, 10, 536, 700, 2, 1399 };
	struct talk *f = talk_of(p, input_u8(in));
	u8 how = input_u8(in), size = input_u8(in);
	u32 len = lens[size & 7], seq, n = 1 + (size >> 3 & 15);
	u8 flags = TCP_ACK | (how & 8 ? TCP_PSH : 0) | (how & 16 ? TCP_FIN : 0) | (how & 32 ? TCP_URG : 0);

	if (!f)
		return;
	seq = f->una + (how & 7 ? (u32[]){ 0, len, -len, -(len / 2), 1000000, 2 * len, -1u, 1 }[how & 7] : 0);
	for (; n; n--, seq += len) {
		for (u32 i = 0; i < len; i++)
			frame[TEXT + i] = play_byte(f->theirs, seq + i - f->isn - 1);
		segment(p, f, n == 1 ? flags : TCP_ACK, seq, len, 0);
	}
}

/* FIN, RST, another window, silence. */
void other_says(struct play *p, struct input *in)
{
	static const u16 windows[] = { 60000, 0, 1, 1000, 65535, 2, 536, 0 };
	struct talk *f = talk_of(p, input_u8(in));
	u8 how = input_u8(in);

	if (!f)
		return;
	switch (how & 7) {
	case 0: segment(p, f, TCP_FIN | TCP_ACK, f->una, 0, 0); break;
	case 1: segment(p, f, TCP_RST | TCP_ACK, f->una + (how & 64 ? 5 : 0), 0, 0); break;
	case 2: case 3:
		f->wnd = windows[how >> 3 & 7];
		segment(p, f, TCP_ACK, f->una, 0, 0);
		break;
	case 4: f->silent = true; break;
	case 5: f->silent = false; break;
	case 6: segment(p, f, TCP_SYN | (how & 64 ? TCP_ACK : 0), f->isn, 0, 0); break;
	case 7: f->used = false; break; /* it restarted: RST for what comes is another's */
	}
}

static const struct sock *datagram_sock(const struct play *p, u8 which)
{
	for (int i = 0; i < SLOTS; i++) {
		const struct sock *sk = play_sock(p, (which + i) % SLOTS);

		if (sk && sk->type == SOCK_DGRAM && sk->sport)
			return sk;
	}
	return NULL;
}

void other_datagram(struct play *p, struct input *in)
{
	static const u16 lens[] = { 0, 1, 100, 1000, 1400, 1472, 10, 500 };
	static const u32 groups[] = { 0xe0000001, 0xef010203, 0x0a0000ff, 0xffffffff };
	u8 which = input_u8(in);
	const struct sock *sk = datagram_sock(p, which & 64 ? 6 : which);
	u8 how = input_u8(in);
	bool v6 = how & 1 && sk && sk->family == AF_INET6;
	struct ip_addr group = ip_from_v4(be32_of(groups[how >> 5 & 3]));
	u32 len = lens[how >> 1 & 7];

	for (u32 n = 1 + (how & 16 ? input_u8(in) : 0); n; n--) {
		put16(frame + L4, how & 128 ? OTHER_TAKES : 4000);
		put16(frame + L4 + 2, sk ? sk->sport : 9);
		put16(frame + L4 + 4, 8 + len);
		play_fill(frame + L4 + 8, (u16)len, 0, len);
		inject(p, v6, 17, 8 + len, 6, !v6 && how & 8 && how & 64 ? &group : NULL);
	}
}

void other_icmp(struct play *p, struct input *in)
{
	static const u8 four[][2] = { { 3, 0 }, { 3, 1 }, { 3, 2 }, { 3, 3 }, { 3, 4 }, { 3, 4 }, { 3, 13 }, { 11, 0 }, { 12, 0 } };
	static const u8 six[][2] = { { 1, 0 }, { 1, 1 }, { 1, 3 }, { 1, 4 }, { 2, 0 }, { 2, 0 }, { 3, 0 }, { 4, 0 }, { 1, 5 } };
	static const u16 mtus[] = { 1280, 1400, 576, 68, 0, 1500, 1000, 1281 };
	const struct quote *q = &p->quotes[input_u8(in) % QUOTES];
	u8 kind = input_u8(in), mtu = input_u8(in);
	bool v6 = q->len && q->data[0] >> 4 == 6;

	if (!q->len)
		return;
	memset(frame + L4, 0, 8);
	memcpy(frame + L4, v6 ? six[kind % 9] : four[kind % 9], 2);
	put16(frame + L4 + 6, mtus[mtu & 7]);
	memcpy(frame + L4 + 8, q->data, q->len);
	inject(p, v6, v6 ? 58 : 1, 8 + q->len, 2, NULL);
}
