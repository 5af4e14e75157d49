/* SPDX-License-Identifier: MIT
 * dns.h - messages of a stub resolver as they lie on the wire (RFC 1035 section 4, RFC 3596).
 *
 * Compression pointers are followed backwards only, so a message cannot make a reader run in circles.
 */
#pragma once

#include "lib/ip_addr.h"

enum { DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_SOA = 6, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28 };
enum { DNS_PORT = 53, DNS_MSG_MAX = 512, DNS_NAME_MAX = 256 }; /* bytes of a UDP message (4.2.1), of a name as text */
enum { DNS_NOERROR = 0, DNS_NXDOMAIN = 3 };

struct dns_header {
	u16 id;
	u8 rcode;
	bool truncated, recursion;
	u16 answers;
};

struct dns_record {
	char name[DNS_NAME_MAX];
	u16 type;
	u32 ttl;               /* s */
	const u8 *data;        /* in the message */
	u16 len;
	u16 data_off;
};

/* A question for `name` with recursion desired, into buf of DNS_MSG_MAX bytes. Its length, or -EINVAL: no name of RFC 1035 2.3. */
int dns_query(u8 *buf, u16 id, const char *name, u16 type);
/* Is it an answer to that question (2: same id, and the question repeated, letter case aside)? *at: where the records begin. */
bool dns_answer(const u8 *msg, unsigned len, const u8 *query, unsigned query_len, struct dns_header *h, unsigned *at);
/* The record at *at, which advances; false: malformed. */
bool dns_record(const u8 *msg, unsigned len, unsigned *at, struct dns_record *r);
/* The name at `off` as text; where it ends in the message, or 0: malformed. */
unsigned dns_name(const u8 *msg, unsigned len, unsigned off, char *text, size_t size);
/* "A" and the like; 0 and NULL: not known. */
u16 dns_type_of(const char *text);
const char *dns_type_name(u16 type);
