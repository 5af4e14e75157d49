/* SPDX-License-Identifier: MIT
 * dhcp.c - reads a server's reply and writes a client's message (RFC 2131 section 2, RFC 2132).
 *
 * Every option's length is checked against what is there and against what the option means; one
 * that lies spoils the message.
 */
#include "net/wire/dhcp.h"
#include "lib/string.h"

#define COOKIE 0x63825363

enum { OP_REQUEST = 1, OP_REPLY = 2, HTYPE_ETHER = 1 };
enum { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

/* ---- in ---- */
static u32 get32(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }

static be32 get_addr(const u8 *p)
{
	be32 a;

	memcpy(&a, p, sizeof(a));
	return a;
}

/* A name with other characters than names have is as good as none. */
static void get_name(char *to, const u8 *p, unsigned len)
{
	while (len && !p[len - 1])
		len--; /* some servers count a terminator in */
	for (unsigned i = 0; i < len; i++) {
		u8 c = p[i], l = c | 0x20;

		if (!(l >= 'a' && l <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return;
	}
	if (len >= DHCP_NAME_MAX)
		return;
	memcpy(to, p, len);
	to[len] = 0;
}

static void get_dns(struct dhcp_msg *m, const u8 *p, unsigned len)
{
	for (m->nr_dns = 0; m->nr_dns < DHCP_DNS && m->nr_dns * 4u < len; m->nr_dns++)
		m->dns[m->nr_dns] = get_addr(p + m->nr_dns * 4u);
}

/* Lengths that an option may have: exactly `len`, or a multiple of it, at least one (RFC 2132). */
struct option_rule {
	u8 len;
	bool many;
};
static const struct option_rule rules[256] = {
	[DHO_SUBNET_MASK] = { 4, false },  [DHO_ROUTERS] = { 4, true },
	[DHO_DNS] = { 4, true },          [DHO_HOST_NAME] = { 1, true },
	[DHO_DOMAIN_NAME] = { 1, true },   [DHO_MTU] = { 2, false },
	[DHO_LEASE_TIME] = { 4, false },   [DHO_OVERLOAD] = { 1, false },
	[DHO_MESSAGE_TYPE] = { 1, false }, [DHO_SERVER_ID] = { 4, false },
	[DHO_RENEWAL_TIME] = { 4, false }, [DHO_REBINDING_TIME] = { 4, false },
};

static bool length_fits(u8 code, unsigned len)
{
	const struct option_rule *r = &rules[code];

	if (!r->len)
		return true; /* one we do not read */
	return r->many ? len && len % r->len == 0 : len == r->len;
}

static void take_option(struct dhcp_msg *m, u8 code, const u8 *p, unsigned len, u8 *overload)
{
	switch (code) {
	case DHO_SUBNET_MASK:
		m->mask = get_addr(p);
		break;
	case DHO_ROUTERS:
		m->router = get_addr(p);
		break;
	case DHO_DNS:
		get_dns(m, p, len);
		break;
	case DHO_HOST_NAME:
		get_name(m->hostname, p, len);
		break;
	case DHO_DOMAIN_NAME:
		get_name(m->domain, p, len);
		break;
	case DHO_MTU:
		m->mtu = (u16)(p[0] << 8 | p[1]);
		break;
	case DHO_LEASE_TIME:
		m->lease_s = get32(p);
		break;
	case DHO_OVERLOAD:
		*overload = p[0];
		break;
	case DHO_MESSAGE_TYPE:
		m->type = p[0];
		break;
	case DHO_SERVER_ID:
		m->server_id = get_addr(p);
		break;
	case DHO_RENEWAL_TIME:
		m->renew_s = get32(p);
		break;
	case DHO_REBINDING_TIME:
		m->rebind_s = get32(p);
		break;
	}
}

/* The end option may be missing where the field is full, as some servers send it. */
static bool parse_options(struct dhcp_msg *m, const u8 *p, unsigned len, u8 *overload)
{
	for (unsigned off = 0; off < len && p[off] != DHO_END;) {
		unsigned n;

		if (p[off] == DHO_PAD) {
			off++;
			continue;
		}
		if (len - off < 2)
			return false;
		n = p[off + 1];
		if (n > len - off - 2 || !length_fits(p[off], n))
			return false;
		take_option(m, p[off], p + off + 2, n, overload);
		off += 2 + n;
	}
	return true;
}

bool dhcp_parse(const u8 *p, unsigned len, struct dhcp_msg *out)
{
	const struct dhcp_hdr *h = (const struct dhcp_hdr *)p;
	u8 overload = 0, ignored = 0;

	if (len < sizeof(*h) || h->op != OP_REPLY || h->htype != HTYPE_ETHER || h->hlen != 6 ||
	    be32_get(h->cookie) != COOKIE)
		return false;
	*out = (struct dhcp_msg){
		.xid = be32_get(h->xid),
		.ciaddr = h->ciaddr,
		.yiaddr = h->yiaddr,
	};
	memcpy(out->chaddr, h->chaddr, 6);
	if (!parse_options(out, p + sizeof(*h), len - sizeof(*h), &overload))
		return false;
	if ((overload & OVERLOAD_FILE) && !parse_options(out, h->file, sizeof(h->file), &ignored))
		return false;
	return !(overload & OVERLOAD_SNAME) ||
	       parse_options(out, h->sname, sizeof(h->sname), &ignored);
}

/* ---- out ---- */
static u8 *put_option(u8 *p, u8 code, const void *data, u8 len)
{
	*p++ = code;
	*p++ = len;
	memcpy(p, data, len);
	return p + len;
}

static u8 *put_addr(u8 *p, u8 code, be32 addr)
{
	return addr.raw ? put_option(p, code, &addr, sizeof(addr)) : p;
}

static u8 *put_wishes(u8 *p)
{
	static const u8 wanted[] = {
		DHO_SUBNET_MASK, DHO_ROUTERS, DHO_DNS, DHO_HOST_NAME, DHO_DOMAIN_NAME, DHO_MTU,
		DHO_LEASE_TIME,  DHO_SERVER_ID, DHO_RENEWAL_TIME, DHO_REBINDING_TIME,
	};
	be16 max = be16_of(DHCP_MSG_MAX);

	p = put_option(p, DHO_MAX_SIZE, &max, sizeof(max));
	return put_option(p, DHO_PARAMETERS, wanted, sizeof(wanted));
}

unsigned dhcp_build(u8 *buf, const struct dhcp_msg *m)
{
	struct dhcp_hdr *h = (struct dhcp_hdr *)buf;
	u8 *p = buf + sizeof(*h), client_id[7] = { HTYPE_ETHER };

	memset(buf, 0, DHCP_MSG_MIN);
	h->op = OP_REQUEST;
	h->htype = HTYPE_ETHER;
	h->hlen = 6;
	h->xid = be32_of(m->xid);
	h->secs = be16_of(m->secs);
	h->ciaddr = m->ciaddr;
	memcpy(h->chaddr, m->chaddr, 6);
	h->cookie = be32_of(COOKIE);
	memcpy(client_id + 1, m->chaddr, 6);
	p = put_option(p, DHO_MESSAGE_TYPE, &m->type, 1);
	p = put_option(p, DHO_CLIENT_ID, client_id, sizeof(client_id));
	p = put_addr(p, DHO_REQUESTED_ADDRESS, m->requested);
	p = put_addr(p, DHO_SERVER_ID, m->server_id);
	if (m->type == DHCPDISCOVER || m->type == DHCPREQUEST)
		p = put_wishes(p);
	*p++ = DHO_END;
	return p - buf < DHCP_MSG_MIN ? DHCP_MSG_MIN : (unsigned)(p - buf);
}
