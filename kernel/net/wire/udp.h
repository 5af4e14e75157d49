/* SPDX-License-Identifier: MIT
 * udp.h - the UDP header (RFC 768).
 */
#pragma once

#include "lib/byteorder.h"

#define UDP_HLEN 8

struct __packed udp_hdr {
	be16 sport, dport, len, check;
};
_Static_assert(sizeof(struct udp_hdr) == UDP_HLEN, "UDP header");

struct udp_info {
	u16 sport, dport;
	u16 len;     /* header and payload, at least 8 and at most what is there */
	bool summed; /* the sender made a checksum */
};

/* Decodes a header of which `linear` bytes are readable and `len` are in the datagram. false:
 * impossible lengths. */
static inline bool udp_parse(const u8 *p, unsigned linear, unsigned len, struct udp_info *out)
{
	const struct udp_hdr *h = (const struct udp_hdr *)p;

	if (unlikely(linear < UDP_HLEN))
		return false;
	out->sport = be16_get(h->sport);
	out->dport = be16_get(h->dport);
	out->len = be16_get(h->len);
	out->summed = h->check.raw != 0;
	return likely(out->len >= UDP_HLEN && out->len <= len);
}
