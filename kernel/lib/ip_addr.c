/* SPDX-License-Identifier: MIT
 * ip_addr.c - text of addresses: dotted decimal, and IPv6 read as RFC 4291 2.2 allows, written as RFC 5952 asks.
 */
#include "lib/ip_addr.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

bool ip_prefix_eq(const struct ip_addr *a, const struct ip_addr *b, unsigned plen)
{
	unsigned bytes = plen / 8, bits = plen % 8;

	return !memcmp(a->b, b->b, bytes) && (!bits || !((a->b[bytes] ^ b->b[bytes]) >> (8 - bits)));
}

struct ip_addr ip_prefix_of(const struct ip_addr *a, unsigned plen)
{
	struct ip_addr p = { .q = { 0, 0 } };

	memcpy(p.b, a->b, plen / 8);
	if (plen % 8)
		p.b[plen / 8] = (u8)(a->b[plen / 8] & 0xff00 >> plen % 8);
	return p;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 4.2). *len 0: none. */
static unsigned longest_zero_run(const u16 *g, unsigned *len)
{
	unsigned best = 0, best_len = 1, run = 0;

	for (unsigned i = 0; i < 8; i++) {
		run = g[i] ? 0 : run + 1;
		if (run > best_len) {
			best_len = run;
			best = i + 1 - run;
		}
	}
	*len = best_len > 1 ? best_len : 0;
	return best;
}

static char *ntop6(const struct ip_addr *a, char *buf)
{
	unsigned zeros, at, n = 0;
	u16 g[8];

	for (unsigned i = 0; i < 8; i++)
		g[i] = (u16)(a->b[2 * i] << 8 | a->b[2 * i + 1]);
	at = longest_zero_run(g, &zeros);
	buf[0] = 0;
	for (unsigned i = 0; i < 8; i++) {
		if (zeros && i == at) {
			n += (unsigned)scnprintf(buf + n, IP_NTOP_MAX - n, "::");
			i += zeros - 1;
			continue;
		}
		n += (unsigned)scnprintf(buf + n, IP_NTOP_MAX - n, "%s%x",
					 i && !(zeros && i == at + zeros) ? ":" : "", g[i]);
	}
	return buf;
}

char *ip_ntop(const struct ip_addr *a, char *buf)
{
	if (!ip_is_v4(a))
		return ntop6(a, buf);
	snprintf(buf, IP_NTOP_MAX, "%u.%u.%u.%u", a->b[12], a->b[13], a->b[14], a->b[15]);
	return buf;
}

/* Dotted decimal, four parts of one to three digits; the whole string. */
static int pton4(const char *s, u8 *out)
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned v = 0, digits = 0;

		for (; *s >= '0' && *s <= '9'; s++, digits++)
			v = v * 10 + (unsigned)(*s - '0');
		if (!digits || digits > 3 || v > 255 || *s != (i < 3 ? '.' : 0))
			return -EINVAL;
		out[i] = (u8)v;
		s++;
	}
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One group at *s into out; false when there is none. */
static bool parse_group(const char **s, u8 *out)
{
	unsigned v = 0, digits = 0;

	for (; hex_digit(**s) >= 0; (*s)++, digits++)
		v = v << 4 | (unsigned)hex_digit(**s);
	out[0] = (u8)(v >> 8);
	out[1] = (u8)v;
	return digits && digits <= 4;
}

/* Groups up to the end or a "::" into buf; *n bytes. Returns where it stopped, NULL: malformed. */
static const char *parse_groups(const char *s, u8 *buf, unsigned *n)
{
	const char *start;

	*n = 0;
	while (*s && !(s[0] == ':' && s[1] == ':')) {
		if (*n) {
			if (*s++ != ':')
				return NULL;
		}
		start = s;
		if (*n <= 12 && !pton4(start, buf + *n)) {
			*n += 4;
			return start + strlen(start);
		}
		if (*n >= 16 || !parse_group(&s, buf + *n))
			return NULL;
		*n += 2;
	}
	return s;
}

static int pton6(const char *s, struct ip_addr *out)
{
	u8 head[16], tail[16];
	unsigned nh, nt = 0;

	s = parse_groups(s, head, &nh);
	if (!s)
		return -EINVAL;
	if (!*s && nh != 16)
		return -EINVAL;
	if (*s) {
		s = parse_groups(s + 2, tail, &nt);
		if (!s || *s || nh + nt > 14)
			return -EINVAL;
	}
	memset(out, 0, sizeof(*out));
	memcpy(out->b, head, nh);
	memcpy(out->b + 16 - nt, tail, nt);
	return 0;
}

int ip_pton(const char *s, struct ip_addr *out)
{
	struct ip_addr a;
	be32 v4;
	int err;

	if (strchr(s, ':')) {
		err = pton6(s, &a);
	} else {
		err = pton4(s, (u8 *)&v4);
		a = ip_from_v4(v4);
	}
	if (!err)
		*out = a;
	return err;
}
