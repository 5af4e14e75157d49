/* SPDX-License-Identifier: MIT
 * icmpv6.c - reads the ICMPv6 header (RFC 4443 2.1).
 */
#include "net/wire/icmpv6.h"

bool icmpv6_parse(const u8 *p, unsigned linear, struct icmpv6_info *out)
{
	const struct icmpv6_hdr *h = (const struct icmpv6_hdr *)p;

	if (linear < ICMPV6_HLEN)
		return false;
	*out = (struct icmpv6_info){
		.type = h->type,
		.code = h->code,
		.id = be16_get(h->id),
		.seq = be16_get(h->seq),
		.word = be32_get(h->word),
	};
	return true;
}
