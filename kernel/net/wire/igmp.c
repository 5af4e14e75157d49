/* SPDX-License-Identifier: MIT
 * igmp.c - reads the IGMP message: the three shapes of a query are told apart by length and code (RFC 3376 7.1).
 */
#include "net/wire/igmp.h"

/* RFC 3376 4.1.1, 4.1.7: from 128 on a floating point number. */
static u32 code_value(u8 code)
{
	return code < 128 ? code : ((code & 15u) | 16u) << ((code >> 4 & 7) + 3);
}

static bool query_parse(const u8 *p, unsigned len, struct igmp_info *out)
{
	out->version = len >= IGMPV3_QUERY_LEN ? 3 : p[1] ? 2 : 1;
	out->max_resp_ms = out->version == 1 ? 10000 : p[1] * 100u;
	if (out->version < 3)
		return len == IGMP_HLEN; /* RFC 3376 7.1: between the two lengths there is no version */
	out->max_resp_ms = code_value(p[1]) * 100;
	out->robustness = p[8] & 7;
	out->interval_s = code_value(p[9]);
	return len >= IGMPV3_QUERY_LEN + 4u * (unsigned)(p[10] << 8 | p[11]);
}

bool igmp_parse(const u8 *p, unsigned len, struct igmp_info *out)
{
	const struct igmp_hdr *h = (const struct igmp_hdr *)p;

	if (len < IGMP_HLEN)
		return false;
	*out = (struct igmp_info){ .type = h->type, .group = h->group };
	if (h->type != IGMP_QUERY)
		return true;
	return query_parse(p, len, out) && (!out->group.raw || be32_get(out->group) >> 28 == 0xe);
}
