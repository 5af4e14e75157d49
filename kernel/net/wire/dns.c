/* SPDX-License-Identifier: MIT
 * dns.c - DNS questions written, answers checked and read (RFC 1035 section 4).
 */
#include "net/wire/dns.h"
#include "lib/errno.h"
#include "lib/string.h"

#define HEADER  12
#define LABEL   63

static u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }

static const struct {
	const char *name;
	u16 type;
} types[] = {
	{ "A", DNS_A }, { "NS", DNS_NS }, { "CNAME", DNS_CNAME }, { "SOA", DNS_SOA }, { "PTR", DNS_PTR }, { "MX", DNS_MX },
	{ "TXT", DNS_TXT }, { "AAAA", DNS_AAAA },
};

u16 dns_type_of(const char *text)
{
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (!str_casecmp(text, types[i].name))
			return types[i].type;
	return 0;
}

const char *dns_type_name(u16 type)
{
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].type == type)
			return types[i].name;
	return NULL;
}

/* Length octets and labels; the length with the root, or -EINVAL. */
static int put_name(u8 *to, const char *name)
{
	int n = 0;

	while (*name) {
		const char *dot = strchr(name, '.');
		size_t len = dot ? (size_t)(dot - name) : strlen(name);

		if (!len || len > LABEL || n + (int)len + 2 > 255)
			return -EINVAL;
		to[n++] = (u8)len;
		memcpy(to + n, name, len);
		n += (int)len;
		name += len + (dot != NULL);
	}
	to[n++] = 0;
	return n;
}

int dns_query(u8 *buf, u16 id, const char *name, u16 type)
{
	int n;

	memcpy(buf, (u8[]){ (u8)(id >> 8), (u8)id, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0 }, HEADER); /* RD, one question */
	n = put_name(buf + HEADER, name[0] == '.' && !name[1] ? "" : name);
	if (n < 0)
		return n;
	memcpy(buf + HEADER + n, (u8[]){ (u8)(type >> 8), (u8)type, 0, 1 }, 4);
	return HEADER + n + 4;
}

bool dns_answer(const u8 *msg, unsigned len, const u8 *query, unsigned query_len, struct dns_header *h, unsigned *at)
{
	if (len < query_len || get16(msg) != get16(query) || !(msg[2] & 0x80) || (msg[2] & 0x78) || get16(msg + 4) != 1 ||
	    mem_casecmp(msg + HEADER, query + HEADER, query_len - HEADER))
		return false;
	*h = (struct dns_header){ .id = get16(msg), .rcode = msg[3] & 15, .truncated = msg[2] & 2, .recursion = msg[3] & 0x80,
				  .answers = get16(msg + 6) };
	*at = query_len;
	return true;
}

unsigned dns_name(const u8 *msg, unsigned len, unsigned off, char *text, size_t size)
{
	unsigned end = 0, low = off;
	size_t n = 0;

	for (;;) {
		u8 c;

		if (off >= len)
			return 0;
		c = msg[off];
		if (c >= 0xc0) { /* a pointer leads to an earlier place, each further back than the last */
			if (off + 1 >= len || (get16(msg + off) & 0x3fffu) >= low)
				return 0;
			end = end ?: off + 2;
			off = low = get16(msg + off) & 0x3fff;
			continue;
		}
		if (c > LABEL || off + 1 + c > len || n + c + 2 > size)
			return 0;
		if (!c)
			break;
		for (unsigned i = 1; i <= c; i++)
			text[n++] = msg[off + i] > 0x20 && msg[off + i] < 0x7f ? (char)msg[off + i] : '?';
		text[n++] = '.';
		off += 1u + c;
	}
	if (!n)
		text[n++] = '.';
	text[n] = '\0';
	return end ?: off + 1;
}

bool dns_record(const u8 *msg, unsigned len, unsigned *at, struct dns_record *r)
{
	unsigned off = dns_name(msg, len, *at, r->name, sizeof(r->name));

	if (!off || off + 10 > len)
		return false;
	r->type = get16(msg + off);
	r->ttl = (u32)get16(msg + off + 4) << 16 | get16(msg + off + 6);
	r->len = get16(msg + off + 8);
	r->data = msg + off + 10;
	r->data_off = (u16)(off + 10);
	*at = off + 10 + r->len;
	return *at <= len;
}
