/* SPDX-License-Identifier: MIT
 * icmp.c - reads the ICMP header (RFC 792).
 */
#include "net/wire/icmp.h"

bool icmp_parse(const u8 *p, unsigned linear, struct icmp_info *out)
{
	const struct icmp_hdr *h = (const struct icmp_hdr *)p;

	if (linear < ICMP_HLEN)
		return false;
	*out = (struct icmp_info){
		.type = h->type,
		.code = h->code,
		.id = be16_get(h->id),
		.seq = be16_get(h->seq),
	};
	if (h->type == ICMP_DEST_UNREACH && h->code == ICMP_FRAG_NEEDED)
		out->info = be16_get(h->mtu);
	else if (h->type == ICMP_PARAMETERPROB)
		out->info = h->pointer;
	return true;
}

bool icmp_is_error(u8 type)
{
	switch (type) {
	case ICMP_ECHO:
	case ICMP_ECHOREPLY:
	case ICMP_TIMESTAMP:
	case ICMP_TIMESTAMPREPLY:
		return false;
	default:
		return !(type >= 15 && type <= 18); /* information and address mask queries */
	}
}

u32 icmp_mtu_plateau(u32 len)
{
	static const u16 plateau[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296 };

	for (unsigned i = 0; i < ARRAY_SIZE(plateau); i++)
		if (plateau[i] < len)
			return plateau[i];
	return IPV4_MTU_MIN;
}
