/* SPDX-License-Identifier: MIT
 * wire/tcp.h - the TCP header and its options as they stand on the wire (RFC 9293 3.1, 7323, 2018, 7413).
 *
 * tcp_parse() is the one door: it checks the data offset against what is there and gives host-order fields.
 * Options are parsed separately, because header prediction needs only the timestamp in its usual place.
 */
#pragma once

#include "lib/byteorder.h"

struct tcp_hdr {
	be16 sport, dport;
	be32 seq, ack;
	u8 doff; /* header length in words, in the upper four bits; the rest is reserved */
	u8 flags;
	be16 wnd, csum, urg;
} __packed;
_Static_assert(sizeof(struct tcp_hdr) == 20, "TCP header without options");

enum { /* tcp_hdr.flags */
	TCP_FIN = 0x01, TCP_SYN = 0x02, TCP_RST = 0x04, TCP_PSH = 0x08,
	TCP_ACK = 0x10, TCP_URG = 0x20, TCP_ECE = 0x40, TCP_CWR = 0x80,
};

#define TCP_HDR_LEN     20
#define TCP_HDR_MAX     60
#define TCP_OPTS_MAX    40
#define TCP_CSUM_OFFSET 16
#define TCP_MSS_DEFAULT 536 /* without the option, IPv4: RFC 9293 MUST-15 */
#define TCP_MSS_DEFAULT6 1220 /* the same, IPv6 */
#define TCP_WSCALE_MAX  14  /* RFC 7323 2.3 */
#define TCP_MAX_SACKS   4

enum { /* option kinds */
	TCPOPT_EOL = 0, TCPOPT_NOP = 1, TCPOPT_MSS = 2, TCPOPT_WSCALE = 3, TCPOPT_SACK_PERM = 4, TCPOPT_SACK = 5,
	TCPOPT_TIMESTAMP = 8, TCPOPT_FASTOPEN = 34, TCPOPT_EXP = 254,
};
#define TCPOPT_EXP_FASTOPEN 0xf989 /* experiment identifier (RFC 6994) of Fast Open before it had a kind of its own */
#define TCPOLEN_TSTAMP_ALIGNED 12 /* NOP NOP TS: the form everybody sends */

/* One segment's header, host order. */
struct tcp_seg {
	seq_t seq, ack;
	seq_t end;       /* seq + len, SYN and FIN counted */
	u32 len;         /* payload bytes */
	u32 wnd;         /* as on the wire, not scaled */
	u16 sport, dport, urg;
	u8 flags, hdr_len;
};

struct tcp_sack_block {
	seq_t start, end;
};
struct tcp_options {
	u32 tsval, tsecr;
	u16 mss;       /* 0: absent */
	u8 wscale;     /* at most TCP_WSCALE_MAX */
	u8 nr_sacks;
	bool has_ts, has_wscale, sack_perm, has_fastopen;
	bool exp_fastopen; /* it came as an experimental option */
	u8 cookie_len; /* Fast Open; 0: a request for a cookie */
	const u8 *cookie;
	struct tcp_sack_block sacks[TCP_MAX_SACKS]; /* nr_sacks of them */
};

/* Decodes the header at p, of which `linear` bytes are readable and `total` belong to the segment.
 * false: shorter than a header or an impossible data offset. */
static inline bool tcp_parse(const u8 *p, unsigned linear, unsigned total, struct tcp_seg *seg)
{
	const struct tcp_hdr *h = (const struct tcp_hdr *)p;
	unsigned hdr_len;

	if (linear < TCP_HDR_LEN)
		return false;
	hdr_len = (h->doff >> 4) * 4u;
	if (hdr_len < TCP_HDR_LEN || hdr_len > linear)
		return false;
	seg->sport = be16_get(h->sport);
	seg->dport = be16_get(h->dport);
	seg->seq = seq_of(be32_get(h->seq));
	seg->ack = seq_of(be32_get(h->ack));
	seg->flags = h->flags;
	seg->hdr_len = (u8)hdr_len;
	seg->wnd = be16_get(h->wnd);
	seg->urg = be16_get(h->urg);
	seg->len = total - hdr_len;
	seg->end = seq_add(seg->seq, seg->len + !!(h->flags & TCP_SYN) + !!(h->flags & TCP_FIN));
	return true;
}
/* Options of a parsed header. Unknown ones are skipped; an illegal length ends the list (MUST-6, MUST-7). Those that
 * mean something in a SYN only are ignored elsewhere. */
void tcp_parse_options(const u8 *p, const struct tcp_seg *seg, struct tcp_options *o);

/* The timestamp option where everybody puts it: alone, after two NOPs. false: look at the options properly. */
static inline bool tcp_fast_timestamp(const u8 *p, unsigned hdr_len, u32 *tsval, u32 *tsecr)
{
	be32 w[3];

	if (hdr_len != TCP_HDR_LEN + TCPOLEN_TSTAMP_ALIGNED)
		return false;
	__builtin_memcpy(w, p + TCP_HDR_LEN, sizeof(w));
	if (be32_get(w[0]) != (TCPOPT_NOP << 24 | TCPOPT_NOP << 16 | TCPOPT_TIMESTAMP << 8 | 10))
		return false;
	*tsval = be32_get(w[1]);
	*tsecr = be32_get(w[2]);
	return true;
}
