/* SPDX-License-Identifier: MIT
 * ipv4.c - the options of an IPv4 header (RFC 791 3.1): walked with every length checked, never
 * believed.
 */
#include "net/wire/ipv4.h"
#include "lib/string.h"

/* Bytes of the option at p, `left` of which are in the header; 0: its length is impossible. */
static unsigned option_len(const u8 *p, unsigned left)
{
	if (*p == IPOPT_NOOP)
		return 1;
	return left < 2 || p[1] < 2 || p[1] > left ? 0 : p[1];
}

/* Offset in the option of an octet that is wrong in a route or timestamp option; 0: none. */
static unsigned option_fault(const u8 *p, unsigned len)
{
	unsigned min_ptr = *p == IPOPT_TS ? 5 : 4;

	switch (*p) {
	case IPOPT_RR:
	case IPOPT_LSRR:
	case IPOPT_SSRR:
	case IPOPT_TS:
		if (len < min_ptr - 1)
			return 1;
		return p[2] < min_ptr ? 2 : 0;
	default:
		return 0;
	}
}

bool ipv4_options_parse(const u8 *hdr, unsigned hdr_len, struct ipv4_options *out)
{
	unsigned off = IPV4_HLEN;

	*out = (struct ipv4_options){ 0 };
	while (off < hdr_len && hdr[off] != IPOPT_END) {
		unsigned len = option_len(hdr + off, hdr_len - off);
		unsigned fault = len ? option_fault(hdr + off, len) : 1;

		if (fault) {
			out->bad = (u8)(off + fault);
			return false;
		}
		out->source_route |= hdr[off] == IPOPT_LSRR || hdr[off] == IPOPT_SSRR;
		out->router_alert |= hdr[off] == IPOPT_RA;
		off += len;
	}
	return true;
}

void ipv4_options_fragment(u8 *hdr, unsigned hdr_len)
{
	unsigned off = IPV4_HLEN;

	while (off < hdr_len && hdr[off] != IPOPT_END) {
		unsigned len = option_len(hdr + off, hdr_len - off);

		if (!len)
			return;
		if (!(hdr[off] & IPOPT_COPIED))
			memset(hdr + off, IPOPT_NOOP, len);
		off += len;
	}
}
