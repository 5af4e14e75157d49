/* SPDX-License-Identifier: MIT
 * family.c - the translation behind family.h, stateless and byte by byte: it shares nothing with the code under test but
 * the sum of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "host/family.h"
#include "net/core/sock.h"
#include "net/wire/checksum.h"

bool lab_ipv6(void)
{
	const char *family = getenv("LAB_FAMILY");

	return family && !strcmp(family, "6");
}

int lab_family(void)
{
	return lab_ipv6() ? AF_INET6 : AF_INET;
}

static void map_addr(u8 *to, const u8 *v4)
{
	static const u8 unicast[12] = { 0x20, 1, 0x0d, 0xb8 }, group[12] = { 0xff, 0x0e }, zero[4];

	memcpy(to, v4[0] >> 4 == 14 ? group : unicast, 12);
	memcpy(to + 12, v4, 4);
	if (!memcmp(v4, zero, 4))
		memset(to, 0, 16);
}

struct ip_addr lab_ip(be32 v4)
{
	struct ip_addr a = ip_from_v4(v4);

	if (lab_ipv6())
		map_addr(a.b, (const u8 *)&v4);
	return a;
}

struct ip_addr lab_ip_of(const char *text)
{
	struct ip_addr a;

	if (ip_pton(text, &a))
		abort();
	return lab_ip(ip_v4(&a));
}

static unsigned get16(const u8 *p) { return (unsigned)(p[0] << 8 | p[1]); }
static void put16(u8 *p, unsigned v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

/* Moves the sum at `field` from one pseudo header to another; a wrong one stays as wrong. */
static void move_sum(u8 *field, u32 from, u32 to)
{
	u32 sum = (u32)(u16)~(field[0] | field[1] << 8);

	sum = csum_add(csum_sub(sum, csum_fold64(from)), csum_fold64(to));
	be16 c = csum_fold(sum);
	memcpy(field, &c, 2);
}

static u32 addrs_sum(const u8 *v4) { return csum_partial(v4 + 12, 8, 0); }

static void header6(u8 *out, const u8 *v4, unsigned payload, u8 proto)
{
	memset(out, 0, 40);
	out[0] = (u8)(0x60 | v4[1] >> 4);
	out[1] = (u8)(v4[1] << 4);
	put16(out + 4, payload);
	out[6] = proto;
	out[7] = v4[8];
	map_addr(out + 8, v4 + 12);
	map_addr(out + 24, v4 + 16);
}

static unsigned tcp_to6(u8 *out, const u8 *v4, unsigned len)
{
	unsigned ihl = (v4[0] & 15) * 4u, payload = len - ihl;

	header6(out, v4, payload, v4[9]);
	memmove(out + 40, v4 + ihl, payload);
	if (v4[9] == IPPROTO_TCP && payload >= 18)
		move_sum(out + 40 + 16, addrs_sum(v4), csum_partial(out + 8, 32, 0));
	return 40 + payload;
}

/* RFC 7915 4.2, as far as errors about TCP need it. */
static void error_to6(u8 *h6, const u8 *h4)
{
	static const u8 unreach[][2] = { { 1, 0 }, { 1, 3 }, { 4, 1 }, { 1, 4 }, { 2, 0 }, { 1, 0 }, { 1, 3 }, { 1, 3 },
					 { 1, 3 }, { 1, 1 }, { 1, 1 }, { 1, 0 }, { 1, 3 }, { 1, 1 } };

	memset(h6, 0, 8);
	h6[0] = h4[0] == 11 ? 3 : h4[0] == 12 ? 4 : 100 /* source quench: nothing that exists */;
	h6[1] = h4[0] == 11 ? h4[1] : 0;
	if (h4[0] != 3 || h4[1] >= sizeof(unreach) / 2)
		return;
	h6[0] = unreach[h4[1]][0];
	h6[1] = unreach[h4[1]][1];
	if (h6[0] == 2)
		put16(h6 + 6, get16(h4 + 6) + 20);
	if (h6[0] == 4)
		h6[7] = 6;
}

unsigned family_to6(u8 *out, const u8 *v4, unsigned len)
{
	unsigned ihl = (v4[0] & 15) * 4u, n;
	be16 c;

	if (v4[9] != IPPROTO_ICMP)
		return tcp_to6(out, v4, len);
	n = 8 + tcp_to6(out + 48, v4 + ihl + 8, len - ihl - 8);
	header6(out, v4, n, IPPROTO_ICMPV6);
	error_to6(out + 40, v4 + ihl);
	c = csum_fold(csum_add(csum_partial(out + 8, 32 + n, 0), be32_of(n + IPPROTO_ICMPV6).raw));
	memcpy(out + 42, &c, 2);
	return 40 + n;
}

unsigned family_to4(u8 *out, const u8 *v6, unsigned len)
{
	unsigned payload = get16(v6 + 4);
	be16 c;

	if (len < 60 || v6[0] >> 4 != 6 || v6[6] != IPPROTO_TCP || payload > len - 40)
		return 0;
	memset(out, 0, 20);
	out[0] = 0x45;
	out[1] = (u8)(v6[0] << 4 | v6[1] >> 4);
	put16(out + 2, payload + 20);
	put16(out + 6, 0x4000);
	out[8] = v6[7];
	out[9] = IPPROTO_TCP;
	memcpy(out + 12, v6 + 20, 4);
	memcpy(out + 16, v6 + 36, 4);
	c = csum_fold(csum_partial(out, 20, 0));
	memcpy(out + 10, &c, 2);
	memcpy(out + 20, v6 + 40, payload);
	move_sum(out + 20 + 16, csum_partial(v6 + 8, 32, 0), addrs_sum(out));
	return 20 + payload;
}
