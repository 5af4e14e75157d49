/* SPDX-License-Identifier: MIT
 * nd.c - reads and writes neighbour discovery (RFC 4861 4, 4.6; RFC 4191 2.2; RFC 7527; RFC 8106 5.1).
 */
#include "net/wire/nd.h"
#include "lib/string.h"

#define NONCE_LEN 6

static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static u32 get32(const u8 *p) { return (u32)get16(p) << 16 | get16(p + 2); }

/* The option at *off and its length in bytes; NULL at the end, and *bad when that comes too early. */
static const u8 *next_option(const u8 *p, unsigned len, unsigned *off, unsigned *opt_len, bool *bad)
{
	const u8 *o = p + *off;

	*bad = false;
	if (*off == len)
		return NULL;
	*bad = true;
	if (len - *off < 8)
		return NULL;
	*opt_len = o[1] * 8u;
	if (!*opt_len || *opt_len > len - *off)
		return NULL;
	*off += *opt_len;
	*bad = false;
	return o;
}

bool nd_neigh_parse(const u8 *p, unsigned len, bool advert, struct nd_neigh *out)
{
	unsigned off = ND_NS_LEN, n;
	const u8 *o;
	bool bad;

	if (len < ND_NS_LEN)
		return false;
	*out = (struct nd_neigh){ .flags = p[4] };
	memcpy(&out->target, p + 8, 16);
	while ((o = next_option(p, len, &off, &n, &bad))) {
		if (o[0] == (advert ? ND_OPT_TARGET_LL : ND_OPT_SOURCE_LL) && n == ND_LL_OPT_LEN && !out->ha)
			out->ha = o + 2;
		else if (o[0] == ND_OPT_NONCE && n == 8)
			out->nonce = (u64)get16(o + 2) << 32 | get32(o + 4);
	}
	return !bad;
}

bool nd_solicit_parse(const u8 *p, unsigned len, const u8 **ha)
{
	unsigned off = ND_RS_LEN, n;
	const u8 *o;
	bool bad;

	*ha = NULL;
	if (len < ND_RS_LEN)
		return false;
	while ((o = next_option(p, len, &off, &n, &bad)))
		if (o[0] == ND_OPT_SOURCE_LL && n == ND_LL_OPT_LEN)
			*ha = o + 2;
	return !bad;
}

static void take_prefix(struct nd_router *r, const u8 *o)
{
	struct nd_prefix *x = &r->prefixes[r->nr_prefixes];

	if (r->nr_prefixes >= ND_PREFIXES_MAX || o[2] > 128)
		return;
	r->nr_prefixes++;
	*x = (struct nd_prefix){ .plen = o[2], .flags = o[3], .valid_s = get32(o + 4), .preferred_s = get32(o + 8) };
	memcpy(&x->prefix, o + 16, 16);
	x->prefix = ip_prefix_of(&x->prefix, x->plen);
}

/* RFC 8106 5.1: 8 bytes and 16 for each address; of any other length it holds none. */
static void take_dns(struct nd_router *r, const u8 *o, unsigned len)
{
	if (len % 16 != 8)
		return;
	for (unsigned at = 8; at + 16 <= len && r->nr_dns < ND_RDNSS_MAX; at += 16) {
		memcpy(&r->dns[r->nr_dns], o + at, 16);
		r->dns_s[r->nr_dns++] = get32(o + 4);
	}
}

static void take_option(struct nd_router *r, const u8 *o, unsigned len)
{
	if (o[0] == ND_OPT_SOURCE_LL && len == ND_LL_OPT_LEN)
		r->ha = o + 2;
	else if (o[0] == ND_OPT_PREFIX && len == 32)
		take_prefix(r, o);
	else if (o[0] == ND_OPT_MTU && len == 8)
		r->mtu = get32(o + 4);
	else if (o[0] == ND_OPT_RDNSS)
		take_dns(r, o, len);
}

bool nd_router_parse(const u8 *p, unsigned len, struct nd_router *out)
{
	static const s8 preferences[] = { 0, 1, 0 /* reserved: as medium */, -1 };
	unsigned off = ND_RA_LEN, n;
	const u8 *o;
	bool bad;

	if (len < ND_RA_LEN)
		return false;
	*out = (struct nd_router){
		.hop_limit = p[4],
		.preference = preferences[p[5] >> 3 & 3],
		.lifetime_s = get16(p + 6),
		.reachable_ms = get32(p + 8),
		.retrans_ms = get32(p + 12),
	};
	while ((o = next_option(p, len, &off, &n, &bad)))
		take_option(out, o, n);
	return !bad;
}

unsigned nd_neigh_build(u8 *p, const struct ip_addr *target, u8 flags, u8 opt, const u8 *ha, u64 nonce)
{
	unsigned len = ND_NS_LEN;

	memset(p + 4, 0, 4);
	p[4] = flags;
	memcpy(p + 8, target, 16);
	if (ha) {
		p[len] = opt;
		p[len + 1] = 1;
		memcpy(p + len + 2, ha, ETH_ALEN);
		len += ND_LL_OPT_LEN;
	}
	if (nonce) {
		p[len] = ND_OPT_NONCE;
		p[len + 1] = 1;
		for (unsigned i = 0; i < NONCE_LEN; i++)
			p[len + 2 + i] = (u8)(nonce >> 8 * (NONCE_LEN - 1 - i));
		len += 8;
	}
	return len;
}
