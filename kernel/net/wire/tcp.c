/* SPDX-License-Identifier: MIT
 * wire/tcp.c - decoding of TCP headers and options. Trusts no length it has not compared.
 */
#include "net/wire/tcp.h"

static u16 load16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static u32 load32(const u8 *p)
{
	be32 v;

	__builtin_memcpy(&v, p, sizeof(v));
	return be32_get(v);
}

static void parse_sacks(const u8 *p, unsigned len, struct tcp_options *o)
{
	if ((len - 2) % 8 || len == 2)
		return;
	for (p += 2, len -= 2; len && o->nr_sacks < TCP_MAX_SACKS; p += 8, len -= 8) {
		o->sacks[o->nr_sacks].start = seq_of(load32(p));
		o->sacks[o->nr_sacks].end = seq_of(load32(p + 4));
		o->nr_sacks++;
	}
}

/* The cookie of `len` bytes at p. */
static void parse_fastopen(const u8 *p, unsigned len, bool exp, struct tcp_options *o)
{
	if (len && (len < 4 || len > 16 || len % 2))
		return;
	o->has_fastopen = true;
	o->exp_fastopen = exp;
	o->cookie = p;
	o->cookie_len = (u8)len;
}

static void parse_option(const u8 *p, unsigned len, bool syn, struct tcp_options *o)
{
	switch (p[0]) {
	case TCPOPT_MSS:
		if (syn && len == 4)
			o->mss = load16(p + 2);
		break;
	case TCPOPT_WSCALE:
		if (syn && len == 3) {
			o->has_wscale = true;
			o->wscale = p[2] > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : p[2];
		}
		break;
	case TCPOPT_SACK_PERM:
		o->sack_perm |= syn && len == 2;
		break;
	case TCPOPT_SACK:
		parse_sacks(p, len, o);
		break;
	case TCPOPT_TIMESTAMP:
		if (len == 10) {
			o->has_ts = true;
			o->tsval = load32(p + 2);
			o->tsecr = load32(p + 6);
		}
		break;
	case TCPOPT_FASTOPEN:
		if (syn)
			parse_fastopen(p + 2, len - 2, false, o);
		break;
	case TCPOPT_EXP:
		if (syn && len >= 4 && load16(p + 2) == TCPOPT_EXP_FASTOPEN)
			parse_fastopen(p + 4, len - 4, true, o);
		break;
	}
}

/* A SYN's options where most put them: MSS, SACK, the timestamp, NOP, window scale. false: look at each. */
static bool fast_syn_options(const u8 *p, const struct tcp_seg *seg, struct tcp_options *o)
{
	const u8 *at = p + TCP_HDR_LEN;
	u32 mss, ts, ws;

	if (seg->hdr_len != TCP_HDR_LEN + 20)
		return false;
	mss = load32(at);
	ts = load32(at + 4);
	ws = load32(at + 16);
	if (mss >> 16 != (TCPOPT_MSS << 8 | 4) || ws >> 8 != (TCPOPT_NOP << 16 | TCPOPT_WSCALE << 8 | 3) ||
	    ts != (TCPOPT_SACK_PERM << 24 | 2 << 16 | TCPOPT_TIMESTAMP << 8 | 10))
		return false;
	o->mss = (u16)mss;
	o->tsval = load32(at + 8);
	o->tsecr = load32(at + 12);
	o->wscale = (u8)MIN(ws & 0xff, (u32)TCP_WSCALE_MAX);
	o->has_ts = o->has_wscale = o->sack_perm = true;
	return true;
}

void tcp_parse_options(const u8 *p, const struct tcp_seg *seg, struct tcp_options *o)
{
	unsigned off = TCP_HDR_LEN;

	o->mss = 0;
	o->wscale = o->nr_sacks = o->cookie_len = 0;
	o->has_ts = o->has_wscale = o->sack_perm = o->has_fastopen = false;
	o->cookie = NULL;
	if (likely(tcp_fast_timestamp(p, seg->hdr_len, &o->tsval, &o->tsecr))) {
		o->has_ts = true;
		return;
	}
	if (seg->flags & TCP_SYN && likely(fast_syn_options(p, seg, o)))
		return;
	while (off < seg->hdr_len && p[off] != TCPOPT_EOL) {
		unsigned len = 1;

		if (p[off] == TCPOPT_NOP) {
			off++;
			continue;
		}
		if (off + 1 < seg->hdr_len)
			len = p[off + 1];
		if (len < 2 || off + len > seg->hdr_len)
			return;
		parse_option(p + off, len, seg->flags & TCP_SYN, o);
		off += len;
	}
}
