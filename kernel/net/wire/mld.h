/* SPDX-License-Identifier: MIT
 * mld.h - multicast listener discovery as it lies on the wire (RFC 9777, which is MLDv2; RFC 2710 is MLDv1).
 */
#pragma once

#include "lib/ip_addr.h"

#define MLD1_LEN        24
#define MLD2_QUERY_LEN  28
#define MLD2_REPORT_LEN 8
#define MLD2_RECORD_LEN 20 /* without sources */

enum { MLD2_MODE_IS_EXCLUDE = 2, MLD2_CHANGE_TO_INCLUDE = 3, MLD2_CHANGE_TO_EXCLUDE = 4 };

struct mld_query {
	struct ip_addr group; /* unspecified: all groups */
	u32 max_delay_ms;
	bool v1;
};
/* `len` bytes at p are the whole message. false: neither version's. */
bool mld_query_parse(const u8 *p, unsigned len, struct mld_query *out);
