/* SPDX-License-Identifier: MIT
 * ipv6.c - reads IPv6 headers: each step of a walk advances, and none goes past what is there (RFC 8200).
 */
#include "net/wire/ipv6.h"
#include "lib/string.h"

static void decode(const struct ipv6_hdr *h, struct ipv6_info *out)
{
	u32 w = be32_get(h->ver_tc_flow);

	memcpy(&out->saddr, h->saddr, 16);
	memcpy(&out->daddr, h->daddr, 16);
	out->flow = w & 0xfffff;
	out->tclass = (u8)(w >> 20);
	out->payload_len = be16_get(h->payload_len);
	out->nexthdr = h->nexthdr;
	out->hop_limit = h->hop_limit;
}

enum ipv6_fault ipv6_parse(const u8 *p, unsigned linear, unsigned len, struct ipv6_info *out)
{
	if (linear < IPV6_HLEN)
		return IPV6_SHORT;
	if (p[0] >> 4 != 6)
		return IPV6_VERSION;
	decode((const struct ipv6_hdr *)p, out);
	if (!out->payload_len && out->nexthdr == NEXTHDR_HOP)
		return IPV6_JUMBO;
	return out->payload_len > len - IPV6_HLEN ? IPV6_TRUNCATED : IPV6_OK;
}

bool ipv6_parse_quoted(const u8 *p, unsigned linear, struct ipv6_info *out)
{
	if (linear < IPV6_HLEN || p[0] >> 4 != 6)
		return false;
	decode((const struct ipv6_hdr *)p, out);
	return true;
}

bool ipv6_skip_ext(const u8 *p, unsigned linear, u8 *nexthdr, unsigned *off, unsigned *fragment)
{
	unsigned start = *off, n, len;

	if (fragment)
		*fragment = 0;
	for (n = 0; ipv6_ext_has_len(*nexthdr) || *nexthdr == NEXTHDR_FRAGMENT; n++) {
		if (n >= IPV6_EXT_MAX || *off + 8 > linear)
			return false;
		len = *nexthdr == NEXTHDR_FRAGMENT ? IPV6_FRAG_HLEN : (p[*off + 1] + 1u) * 8;
		if (*off + len > linear || *off + len - start > IPV6_EXT_BYTES_MAX)
			return false;
		if (*nexthdr == NEXTHDR_FRAGMENT) {
			bool later = (p[*off + 2] << 8 | p[*off + 3]) >> 3;

			if (fragment)
				*fragment = *off;
			*nexthdr = p[*off];
			*off += len;
			if (later)
				return true;
			continue;
		}
		*nexthdr = p[*off];
		*off += len;
	}
	return true;
}

static enum ipv6_opt_verdict judge_unknown(u8 type)
{
	static const u8 verdicts[] = { IPV6_OPT_OK, IPV6_OPT_DISCARD, IPV6_OPT_REPORT, IPV6_OPT_REPORT_UNICAST };

	return verdicts[type >> 6];
}

/* Bytes of the option at p, `left` of which are in the header; 0: it does not fit. */
static unsigned option_len(const u8 *p, unsigned left)
{
	if (*p == IPV6_OPT_PAD1)
		return 1;
	return left < 2 || p[1] + 2u > left ? 0 : p[1] + 2u;
}

enum ipv6_opt_verdict ipv6_options_walk(const u8 *p, unsigned len, bool hop_by_hop, unsigned *bad)
{
	unsigned options = 0, pad = 0, n;

	for (unsigned off = 2; off < len; off += n) {
		enum ipv6_opt_verdict v;

		*bad = off;
		n = option_len(p + off, len - off);
		if (!n)
			return IPV6_OPT_MALFORMED;
		if (p[off] == IPV6_OPT_PAD1 || p[off] == IPV6_OPT_PADN) {
			pad += n;
			if (pad > IPV6_PAD_MAX)
				return IPV6_OPT_MALFORMED;
			continue;
		}
		pad = 0;
		if (++options > IPV6_OPTIONS_MAX)
			return IPV6_OPT_MALFORMED;
		if (p[off] == IPV6_OPT_ROUTER_ALERT && hop_by_hop) {
			if (n != 4)
				return IPV6_OPT_MALFORMED;
			continue;
		}
		v = judge_unknown(p[off]);
		if (v)
			return v;
	}
	return IPV6_OPT_OK;
}
