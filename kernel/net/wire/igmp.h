/* SPDX-License-Identifier: MIT
 * igmp.h - IGMP messages as they lie on the wire (RFC 1112 appendix I, RFC 2236 2, RFC 3376 4).
 */
#pragma once

#include "net/wire/ipv4.h"

enum {
	IGMP_QUERY = 0x11,
	IGMP_V1_REPORT = 0x12,
	IGMP_V2_REPORT = 0x16,
	IGMP_V2_LEAVE = 0x17,
	IGMP_V3_REPORT = 0x22,
};
enum { IGMP_IS_IN = 1, IGMP_IS_EX, IGMP_TO_IN, IGMP_TO_EX }; /* of a group record, RFC 3376 4.2.12 */

#define IGMP_HLEN     8
#define IGMPV3_QUERY_LEN 12 /* at least; sources follow */
#define IGMP_ALL_SYSTEMS be32_of(0xe0000001) /* 224.0.0.1: joined always, reported never */
#define IGMP_ALL_ROUTERS be32_of(0xe0000002)
#define IGMP_V3_ROUTERS  be32_of(0xe0000016) /* 224.0.0.22 takes the reports of version 3 */

struct __packed igmp_hdr { /* versions 1 and 2, and how a query of version 3 begins */
	u8 type, max_resp; /* tenths of a second; version 3: a code */
	be16 check;
	be32 group;
};
_Static_assert(sizeof(struct igmp_hdr) == IGMP_HLEN, "IGMP header");

struct __packed igmpv3_report { /* and its group records */
	u8 type, reserved1;
	be16 check, reserved2, nr_records;
};
_Static_assert(sizeof(struct igmpv3_report) == IGMP_HLEN, "IGMPv3 report");

struct __packed igmpv3_record { /* without sources */
	u8 type, aux_len;
	be16 nr_sources;
	be32 group;
};
_Static_assert(sizeof(struct igmpv3_record) == 8, "IGMPv3 group record");

struct igmp_info {
	u8 type;
	u8 version;      /* of a query: 1, 2, 3 */
	u8 robustness;   /* of a query of version 3, 0: not told */
	u32 max_resp_ms; /* of a query */
	u32 interval_s;  /* of a query of version 3: between general queries, 0: not told */
	be32 group;      /* 0.0.0.0 in a general query */
};
/* Decodes a message of `len` bytes, of which the first 12 (or all) are readable; the checksum is the caller's. false: it
 * is malformed. Unknown types are decoded too. */
bool igmp_parse(const u8 *p, unsigned len, struct igmp_info *out);
