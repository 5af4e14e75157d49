/* SPDX-License-Identifier: MIT
 * nat_mangle.c - headers rewritten in place, sums brought along by what changed (RFC 1624). Stateless; IPv4.
 *
 * Only headers are made linear, and made our own where others read them too; payload stays where it is. A sum that the
 * device is to finish (CHECKSUM_PARTIAL) has the pseudo header's in its field: of that the addresses alone are part.
 */
#include "net/netfilter/ct_impl.h"
#include "net/wire/udp.h"

#define QUOTE_MAX (IPV4_HLEN_MAX + TCP_HDR_LEN) /* bytes of a quoted packet that can change */

static u32 delta32(be32 from, be32 to) { return csum_add(~from.raw, to.raw); }
static u32 delta16(be16 from, be16 to) { return csum_add((u16)~from.raw, to.raw); }

/* Where the checksum of a transport is; 0: it has none. */
static unsigned sum_offset(u8 proto)
{
	return proto == IPPROTO_TCP ? 16 : proto == IPPROTO_UDP ? 6 : proto == IPPROTO_ICMP ? 2 : 0;
}

static u32 set_addr(struct ipv4_hdr *h, be32 to, bool source)
{
	u32 delta = delta32(source ? h->saddr : h->daddr, to);

	if (source)
		h->saddr = to;
	else
		h->daddr = to;
	h->check = nat_csum(h->check, delta);
	return delta;
}

/* A port, or the id of an echo; what the sum gains. */
static u32 set_port(u8 *t, u8 proto, be16 to, bool source)
{
	unsigned off = proto == IPPROTO_ICMP ? 4 : source ? 0 : 2;
	be16 from;

	if (proto != IPPROTO_ICMP && !ct_has_ports(proto))
		return 0;
	memcpy(&from, t + off, sizeof(from));
	memcpy(t + off, &to, sizeof(to));
	return delta16(from, to);
}

/* addr: what the addresses added to the sum; port: what port or id did. */
static void fix_sum(u8 *t, u8 proto, u32 addr, u32 port, bool partial)
{
	be16 check;

	if (proto == IPPROTO_ICMP)
		addr = 0; /* it covers no pseudo header */
	memcpy(&check, t + sum_offset(proto), sizeof(check));
	if (partial) {
		check = nat_csum_partial(check, addr);
	} else {
		if (proto == IPPROTO_UDP && !check.raw)
			return; /* RFC 768: none was made */
		check = nat_csum(check, csum_add(addr, port));
		if (proto == IPPROTO_UDP && !check.raw)
			check.raw = 0xffff;
	}
	memcpy(t + sum_offset(proto), &check, sizeof(check));
}

static bool is_so(const struct ipv4_hdr *h, const u8 *t, const struct ct_tuple *to, bool source)
{
	be32 addr = source ? h->saddr : h->daddr;
	be16 port, want = source ? to->sport : to->dport;
	unsigned off = h->proto == IPPROTO_ICMP ? 4 : source ? 0 : 2;

	if (!be32_eq(addr, ip_v4(source ? &to->src : &to->dst)))
		return false;
	if (!sum_offset(h->proto))
		return true;
	memcpy(&port, t + off, sizeof(port));
	return be16_eq(port, want);
}

bool nat_mangle(struct net_cpu *cpu, struct sk_buff *skb, const struct ct_tuple *to, bool source)
{
	unsigned hdr_len = ipv4_hdr_bytes(skb->data), sum = sum_offset(to->proto), need = sum ? MAX(sum + 2, 8u) : 0;
	struct ipv4_hdr *h = (struct ipv4_hdr *)skb->data;
	u32 addr, port;
	u8 *t;

	if (is_so(h, skb->data + hdr_len, to, source))
		return true;
	if (!skb_make_writable(cpu, skb, hdr_len + need))
		return false;
	h = (struct ipv4_hdr *)skb->data;
	t = skb->data + hdr_len;
	addr = set_addr(h, ip_v4(source ? &to->src : &to->dst), source);
	*(source ? &skb->ip.src : &skb->ip.dst) = source ? to->src : to->dst;
	if (sum) {
		port = set_port(t, to->proto, source ? to->sport : to->dport, source);
		fix_sum(t, to->proto, addr, port, skb->ip_summed == CHECKSUM_PARTIAL);
	}
	return true;
}

bool nat_mangle_addr(struct net_cpu *cpu, struct sk_buff *skb, be32 addr, bool source)
{
	if (!skb_make_writable(cpu, skb, ipv4_hdr_bytes(skb->data)))
		return false;
	set_addr((struct ipv4_hdr *)skb->data, addr, source);
	*(source ? &skb->ip.src : &skb->ip.dst) = ip_from_v4(addr);
	return true;
}

/* ---- quotes ---- */
/* A quoted packet of which len bytes are at q, of them 8 behind its header. */
static void rewrite_quote(u8 *q, unsigned len, const struct ct_tuple *to)
{
	struct ipv4_hdr *h = (struct ipv4_hdr *)q;
	unsigned hdr_len = ipv4_hdr_bytes(q), sum = sum_offset(to->proto);
	u32 addr = csum_add(set_addr(h, ip_v4(&to->src), true), set_addr(h, ip_v4(&to->dst), false));
	u32 port = set_port(q + hdr_len, to->proto, to->sport, true);

	if (to->proto != IPPROTO_ICMP)
		port = csum_add(port, set_port(q + hdr_len, to->proto, to->dport, false));
	if (sum && hdr_len + sum + 2 <= len)
		fix_sum(q + hdr_len, to->proto, addr, port, false);
}

/* The sum of the whole message changes by as much as that of the quoted bytes. */
bool nat_mangle_quote(struct net_cpu *cpu, struct sk_buff *skb, const struct ct_tuple *to)
{
	unsigned at = ipv4_hdr_bytes(skb->data) + ICMP_HLEN, len = MIN(skb->len - at, (unsigned)QUOTE_MAX);
	struct icmp_hdr *icmp;
	u32 before;

	if (!skb_make_writable(cpu, skb, at + len))
		return false;
	icmp = (struct icmp_hdr *)(skb->data + at - ICMP_HLEN);
	before = csum_partial(skb->data + at, len, 0);
	rewrite_quote(skb->data + at, len, to);
	icmp->check = nat_csum(icmp->check, csum_sub(csum_partial(skb->data + at, len, 0), before));
	return true;
}
