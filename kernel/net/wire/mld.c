/* SPDX-License-Identifier: MIT
 * mld.c - reads listener queries of both versions (RFC 9777 5.1, 8.1).
 */
#include "net/wire/mld.h"
#include "lib/string.h"

/* RFC 9777 5.1.3: a floating-point value above 32767. */
static u32 response_delay(u16 code)
{
	return code < 32768 ? code : (u32)((code & 0xfff) | 0x1000) << ((code >> 12 & 7) + 3);
}

bool mld_query_parse(const u8 *p, unsigned len, struct mld_query *out)
{
	u16 code;

	if (len != MLD1_LEN && len < MLD2_QUERY_LEN)
		return false;
	if (len != MLD1_LEN && len < MLD2_QUERY_LEN + 16u * (unsigned)(p[26] << 8 | p[27]))
		return false;
	code = (u16)(p[4] << 8 | p[5]);
	out->v1 = len == MLD1_LEN;
	out->max_delay_ms = out->v1 ? code : response_delay(code);
	memcpy(&out->group, p + 8, 16);
	return ip6_is_unspecified(&out->group) || ip6_is_multicast(&out->group);
}
