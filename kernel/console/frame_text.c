/* SPDX-License-Identifier: MIT
 * frame_text.c - frames in tcpdump's words: ARP, IPv4 and IPv6 with TCP, UDP and ICMP, the rest by its numbers.
 */
#include "console/frame_text.h"
#include "lib/printf.h"
#include "net/wire/arp.h"
#include "net/wire/ether.h"
#include "net/wire/icmp.h"
#include "net/wire/ipv4.h"
#include "net/wire/tcp.h"
#include "net/wire/udp.h"

struct text {
	char *buf;
	size_t size, len;
	u8 b[192]; /* the frame's first bytes */
	unsigned have;
};

static void __printf_(2, 3) say(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->len += (size_t)vscnprintf(t->buf + t->len, t->size - t->len, fmt, ap);
	va_end(ap);
}

static u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }
static u32 get32(const u8 *p) { return get16(p) << 16 | get16(p + 2); }

static void say_flags(struct text *t, u8 flags)
{
	static const struct {
		u8 bit;
		char c;
	} names[] = { { TCP_FIN, 'F' }, { TCP_SYN, 'S' }, { TCP_RST, 'R' }, { TCP_PSH, 'P' }, { TCP_ACK, '.' },
		      { TCP_URG, 'U' }, { TCP_ECE, 'E' }, { TCP_CWR, 'W' } };

	say(t, "Flags [%s", flags ? "" : "none");
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].bit)
			say(t, "%c", names[i].c);
	say(t, "]");
}

static void say_option(struct text *t, const u8 *o, u8 len)
{
	switch (o[0]) {
	case TCPOPT_MSS: say(t, "mss %u", len == 4 ? get16(o + 2) : 0); break;
	case TCPOPT_WSCALE: say(t, "wscale %u", len == 3 ? o[2] : 0u); break;
	case TCPOPT_SACK_PERM: say(t, "sackOK"); break;
	case TCPOPT_TIMESTAMP:
		if (len == 10)
			say(t, "TS val %u ecr %u", get32(o + 2), get32(o + 6));
		break;
	case TCPOPT_SACK:
		say(t, "sack %u ", (len - 2u) / 8);
		for (unsigned i = 2; i + 8 <= len; i += 8)
			say(t, "{%u:%u}", get32(o + i), get32(o + i + 4));
		break;
	default: say(t, "unknown-%u", o[0]);
	}
}

static void say_options(struct text *t, const u8 *o, unsigned n)
{
	const char *sep = "";

	say(t, ", options [");
	while (n && *o != TCPOPT_EOL) {
		u8 len = *o == TCPOPT_NOP ? 1 : n > 1 ? o[1] : 0;

		say(t, "%s", sep);
		sep = ",";
		if (!len || len > n || (len < 2 && *o != TCPOPT_NOP)) {
			say(t, "[bad opt]");
			break;
		}
		if (*o == TCPOPT_NOP)
			say(t, "nop");
		else
			say_option(t, o, len);
		o += len;
		n -= len;
	}
	if (n && *o == TCPOPT_EOL)
		say(t, "%seol", sep);
	say(t, "]");
}

/* `len`: bytes of the segment; absolute sequence numbers, as tcpdump -S. */
static void say_tcp(struct text *t, unsigned at, unsigned len)
{
	const u8 *p = t->b + at;
	struct tcp_seg s;

	if (!tcp_parse(p, t->have - at, len, &s) || s.hdr_len > len) {
		say(t, "tcp %u [bad hdr length or truncated]", len);
		return;
	}
	say_flags(t, s.flags);
	if (s.len || s.flags & (TCP_SYN | TCP_FIN | TCP_RST)) {
		say(t, ", seq %u", s.seq.v);
		if (s.len)
			say(t, ":%u", s.seq.v + s.len);
	}
	if (s.flags & TCP_ACK)
		say(t, ", ack %u", s.ack.v);
	say(t, ", win %u", s.wnd);
	if (s.flags & TCP_URG)
		say(t, ", urg %u", s.urg);
	if (s.hdr_len > TCP_HDR_LEN)
		say_options(t, p + TCP_HDR_LEN, s.hdr_len - TCP_HDR_LEN);
	say(t, ", length %u", s.len);
}

static void say_icmp(struct text *t, const u8 *p, unsigned n, unsigned len, bool v6)
{
	u8 type = n ? p[0] : 0;

	say(t, v6 ? "ICMP6, " : "ICMP ");
	if (n < 8)
		say(t, "truncated");
	else if (type == (v6 ? 128 : 8) || type == (v6 ? 129 : 0))
		say(t, "echo %s, id %u, seq %u", type == (v6 ? 128 : 8) ? "request" : "reply", get16(p + 4), get16(p + 6));
	else if (!v6 && type == 3 && p[1] == 3 && n >= 32)
		say(t, "%u.%u.%u.%u udp port %u unreachable", p[24], p[25], p[26], p[27], n >= 8 + 24 ? get16(p + 8 + 22) : 0);
	else if (!v6 && type == 11)
		say(t, "time exceeded in-transit");
	else if (v6 && (type == 135 || type == 136))
		say(t, "neighbor %s", type == 135 ? "solicitation" : "advertisement");
	else if (v6 && (type == 133 || type == 134))
		say(t, "router %s", type == 133 ? "solicitation" : "advertisement");
	else
		say(t, "type %u code %u", type, p[1]);
	say(t, ", length %u", len);
}

static void say_ends(struct text *t, const struct ip_addr *src, const struct ip_addr *dst, const u8 *ports)
{
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX];

	say(t, "%s ", ip_is_v4(src) ? "IP" : "IP6");
	if (ports)
		say(t, "%s.%u > %s.%u: ", ip_ntop(src, a), get16(ports), ip_ntop(dst, b), get16(ports + 2));
	else
		say(t, "%s > %s: ", ip_ntop(src, a), ip_ntop(dst, b));
}

/* The payload of IP at `at`, of `len` bytes. */
static void say_transport(struct text *t, u8 proto, unsigned at, unsigned len, const struct ip_addr *src, const struct ip_addr *dst)
{
	bool ports = (proto == 6 || proto == 17) && at + 4 <= t->have && len >= 8;
	unsigned n = at < t->have ? t->have - at : 0;

	say_ends(t, src, dst, ports ? t->b + at : NULL);
	if (ports && proto == 6)
		say_tcp(t, at, len);
	else if (ports && n >= UDP_HLEN)
		say(t, "UDP, length %u", get16(t->b + at + 4) - UDP_HLEN);
	else if (proto == 1 || proto == 58)
		say_icmp(t, t->b + at, MIN(n, len), len, proto == 58);
	else
		say(t, "ip-proto-%u %u", proto, len);
}

static void say_ip(struct text *t, unsigned at)
{
	struct ipv4_info ip;
	struct ip_addr src, dst;

	if (ipv4_parse_quoted(t->b + at, t->have - at, &ip) != IPV4_OK) {
		say(t, "IP truncated or with a wrong header, length %u", t->have - at);
		return;
	}
	src = ip_from_v4(ip.saddr);
	dst = ip_from_v4(ip.daddr);
	if (ip.frag_off) {
		say_ends(t, &src, &dst, NULL);
		say(t, "ip-proto-%u, fragment at %u, length %u", ip.proto, ip.frag_off, ip.tot_len - ip.hdr_len);
		return;
	}
	say_transport(t, ip.proto, at + ip.hdr_len, (unsigned)(ip.tot_len - ip.hdr_len), &src, &dst);
}

static void say_ip6(struct text *t, unsigned at)
{
	struct ip_addr src, dst;
	const u8 *p = t->b + at;

	if (t->have < at + 40) {
		say(t, "IP6 truncated, length %u", t->have - at);
		return;
	}
	memcpy(&src, p + 8, 16);
	memcpy(&dst, p + 24, 16);
	say_transport(t, p[6], at + 40, get16(p + 4), &src, &dst);
}

static void say_arp(struct text *t, unsigned at, unsigned len)
{
	const u8 *p = t->b + at;

	if (t->have < at + 28) {
		say(t, "ARP, truncated, length %u", len);
		return;
	}
	if (get16(p + 6) == 1)
		say(t, "ARP, Request who-has %u.%u.%u.%u tell %u.%u.%u.%u", p[24], p[25], p[26], p[27], p[14], p[15], p[16], p[17]);
	else
		say(t, "ARP, Reply %u.%u.%u.%u is-at %02x:%02x:%02x:%02x:%02x:%02x", p[14], p[15], p[16], p[17], p[8], p[9], p[10],
		    p[11], p[12], p[13]);
	say(t, ", length %u", len);
}

/* A frame of len bytes, of which t->b holds the first. */
static int say_frame(struct text *t, u32 len, bool raw)
{
	unsigned at = raw ? 0 : ETH_HLEN;
	u32 type;

	if (t->have <= at) {
		say(t, "truncated, length %u", len);
		return (int)t->len;
	}
	type = !raw ? get16(t->b + 12) : t->b[0] >> 4 == 4 ? ETH_P_IP : ETH_P_IPV6;
	switch (type) {
	case ETH_P_IP: say_ip(t, at); break;
	case ETH_P_IPV6: say_ip6(t, at); break;
	case ETH_P_ARP: say_arp(t, at, len - at); break;
	default: say(t, "ethertype 0x%04x, length %u", type, len);
	}
	return (int)t->len;
}

int frame_text(const struct sk_buff *skb, bool raw, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size, .have = MIN(skb->len, (u32)sizeof(t.b)) };

	skb_copy_bits(skb, 0, t.b, t.have);
	return say_frame(&t, skb->len, raw);
}

int frame_bytes_text(const u8 *bytes, u32 have, u32 len, bool raw, char *buf, size_t size)
{
	struct text t = { .buf = buf, .size = size, .have = MIN(have, (u32)sizeof(t.b)) };

	memcpy(t.b, bytes, t.have);
	return say_frame(&t, len, raw);
}
