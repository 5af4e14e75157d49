/* SPDX-License-Identifier: MIT
 * filter_tree.c - what the words of a filter mean for the bytes of a frame. The order of the tests is libpcap's, so that
 * a frame cut short is judged as it judges it: a load behind the end refuses the frame whatever the rest would say.
 */
#include "net/core/filter_impl.h"
#include "net/wire/ether.h"

#define T_NET  (f->link_len) /* where the network header begins */

struct filter_node *filter_new(struct filter *f, enum filter_kind kind)
{
	if (f->nr == FILTER_NODES)
		return filter_fail(f, f->at, "the filter is too long");
	f->nodes[f->nr] = (struct filter_node){ .kind = (u8)kind, .mask = ~0u, .jump = JMP_JEQ };
	return &f->nodes[f->nr++];
}

static struct filter_node *join(struct filter *f, enum filter_kind kind, struct filter_node *a, struct filter_node *b)
{
	struct filter_node *n;

	if (!a || !b || !(n = filter_new(f, kind)))
		return NULL;
	n->a = a;
	n->b = b;
	return n;
}

struct filter_node *filter_and(struct filter *f, struct filter_node *a, struct filter_node *b)
{
	return join(f, F_AND, a, b);
}

struct filter_node *filter_or(struct filter *f, struct filter_node *a, struct filter_node *b)
{
	return join(f, F_OR, a, b);
}

struct filter_node *filter_not(struct filter *f, struct filter_node *a)
{
	return join(f, F_NOT, a, a);
}

static struct filter_node *test(struct filter *f, u32 off, u8 size, u32 mask, u32 k)
{
	struct filter_node *n = filter_new(f, F_TEST);

	if (!n)
		return NULL;
	n->off = off;
	n->size = size;
	n->mask = size == 1 && mask == 0xff ? ~0u : size == 2 && mask == 0xffff ? ~0u : mask;
	n->k = k;
	return n;
}

static struct filter_node *compare(struct filter *f, struct filter_node *n, u8 jump, bool negate)
{
	if (n) {
		n->jump = jump;
		n->negate = negate;
	}
	return n;
}

static struct filter_node *ether_type(struct filter *f, u32 type)
{
	if (f->link_len)
		return test(f, ETH_HLEN - 2, 2, ~0u, type);
	if (type == ETH_P_IP || type == ETH_P_IPV6)
		return test(f, 0, 1, 0xf0, type == ETH_P_IP ? 0x40 : 0x60);
	return filter_new(f, F_FALSE);
}

static struct filter_node *ip_proto(struct filter *f, u32 number)
{
	return filter_and(f, ether_type(f, ETH_P_IP), test(f, T_NET + 9, 1, ~0u, number));
}

/* Also behind a fragment header, where it is the first. */
static struct filter_node *ip6_proto(struct filter *f, u32 number)
{
	struct filter_node *type = ether_type(f, ETH_P_IPV6);
	struct filter_node *frag = filter_and(f, test(f, T_NET + 6, 1, ~0u, 44), test(f, T_NET + 40, 1, ~0u, number));

	return filter_and(f, type, filter_or(f, frag, test(f, T_NET + 6, 1, ~0u, number)));
}

struct filter_node *filter_proto_number(struct filter *f, enum filter_proto p, u32 number)
{
	switch (p) {
	case Q_LINK:
		return ether_type(f, number);
	case Q_IP:
		return ip_proto(f, number);
	case Q_IP6:
		return ip6_proto(f, number);
	default:
		return filter_or(f, ip_proto(f, number), ip6_proto(f, number));
	}
}

struct filter_node *filter_proto_alone(struct filter *f, enum filter_proto p)
{
	switch (p) {
	case Q_IP: return ether_type(f, ETH_P_IP);
	case Q_IP6: return ether_type(f, ETH_P_IPV6);
	case Q_ARP: return ether_type(f, ETH_P_ARP);
	case Q_RARP: return ether_type(f, 0x8035);
	case Q_TCP: return filter_proto_number(f, Q_NO_PROTO, 6);
	case Q_UDP: return filter_proto_number(f, Q_NO_PROTO, 17);
	case Q_SCTP: return filter_proto_number(f, Q_NO_PROTO, 132);
	case Q_ICMP: return ip_proto(f, 1);
	case Q_IGMP: return ip_proto(f, 2);
	case Q_ICMP6: return ip6_proto(f, 58);
	default: return filter_fail(f, f->at, "'ether' and 'link' need host, proto, broadcast, multicast or [index] behind them");
	}
}

/* Joins what holds of the source and of the destination as the direction says. */
static struct filter_node *directed(struct filter *f, enum filter_dir dir, struct filter_node *src, struct filter_node *dst)
{
	switch (dir) {
	case Q_SRC: return src;
	case Q_DST: return dst;
	case Q_SRC_AND_DST: return filter_and(f, src, dst);
	default: return filter_or(f, src, dst);
	}
}

static struct filter_node *address_at(struct filter *f, enum filter_dir dir, u32 type, u32 src, u32 dst, u32 addr, u32 mask)
{
	return filter_and(f, ether_type(f, type), directed(f, dir, test(f, T_NET + src, 4, mask, addr),
							   test(f, T_NET + dst, 4, mask, addr)));
}

struct filter_node *filter_address(struct filter *f, const struct filter_quals *q, u32 addr, u32 mask)
{
	struct filter_node *ip, *arp, *rarp;

	if (q->proto == Q_LINK)
		return filter_fail(f, f->at, "'ether' needs a hardware address like 52:54:00:12:34:56");
	if (q->proto != Q_NO_PROTO && q->proto != Q_IP && q->proto != Q_ARP && q->proto != Q_RARP)
		return filter_fail(f, f->at, "an IPv4 address goes with ip, arp, rarp, or no protocol");
	ip = address_at(f, q->dir, ETH_P_IP, 12, 16, addr, mask);
	if (q->proto == Q_IP)
		return ip;
	arp = address_at(f, q->dir, ETH_P_ARP, 14, 24, addr, mask);
	if (q->proto == Q_ARP)
		return arp;
	rarp = address_at(f, q->dir, 0x8035, 14, 24, addr, mask);
	if (q->proto == Q_RARP)
		return rarp;
	return filter_or(f, filter_or(f, ip, arp), rarp);
}

/* The words of an address, the last first; a word no bit of which counts is left out. */
static struct filter_node *address6_at(struct filter *f, u32 off, const struct ip_addr *a, unsigned plen)
{
	struct filter_node *n = NULL, *t;

	for (int w = 3; w >= 0; w--) {
		int bits = CLAMP((int)plen - w * 32, 0, 32);

		if (!bits)
			continue;
		t = test(f, off + (u32)w * 4, 4, ~0u << (32 - bits), be32_get(a->w[w]));
		n = n ? filter_and(f, n, t) : t;
	}
	return n ?: filter_new(f, F_TRUE);
}

struct filter_node *filter_address6(struct filter *f, const struct filter_quals *q, const struct ip_addr *a, unsigned plen)
{
	if (q->proto == Q_LINK)
		return filter_fail(f, f->at, "'ether' needs a hardware address like 52:54:00:12:34:56");
	if (q->proto != Q_NO_PROTO && q->proto != Q_IP6)
		return filter_fail(f, f->at, "an IPv6 address goes with ip6, or no protocol");
	return filter_and(f, ether_type(f, ETH_P_IPV6), directed(f, q->dir, address6_at(f, T_NET + 8, a, plen),
								 address6_at(f, T_NET + 24, a, plen)));
}

static struct filter_node *mac_at(struct filter *f, u32 off, const u8 *m)
{
	struct filter_node *low = test(f, off + 2, 4, ~0u, (u32)m[2] << 24 | (u32)m[3] << 16 | (u32)m[4] << 8 | m[5]);

	return filter_and(f, low, test(f, off, 2, ~0u, (u32)m[0] << 8 | m[1]));
}

struct filter_node *filter_mac(struct filter *f, const struct filter_quals *q, const u8 mac[6])
{
	if (q->proto != Q_LINK || (q->type != Q_HOST && q->type != Q_NO_TYPE))
		return filter_fail(f, f->at, "a hardware address stands behind ether host, ether src or ether dst");
	return directed(f, q->dir, mac_at(f, 6, mac), mac_at(f, 0, mac));
}

/* ---------------------------------------------------------------- ports */

static struct filter_node *port_at(struct filter *f, u32 off, bool behind_ip, u32 lo, u32 hi)
{
	struct filter_node *n = test(f, off, 2, ~0u, lo), *top;

	if (n)
		n->behind_ip = behind_ip;
	if (lo == hi)
		return n;
	compare(f, n, JMP_JGE, false);
	top = compare(f, test(f, off, 2, ~0u, hi), JMP_JGT, true);
	if (top)
		top->behind_ip = behind_ip;
	return filter_and(f, n, top);
}

/* Of one transport: over IPv4 in the first fragment only. */
static struct filter_node *ports_of(struct filter *f, const struct filter_quals *q, bool v6, u32 proto, u32 lo, u32 hi)
{
	struct filter_node *is = test(f, T_NET + (v6 ? 6 : 9), 1, ~0u, proto), *frag;
	u32 at = v6 ? T_NET + 40 : T_NET;

	if (!v6) {
		frag = compare(f, test(f, T_NET + 6, 2, ~0u, 0x1fff), JMP_JSET, true);
		is = filter_and(f, is, frag);
	}
	return filter_and(f, is, directed(f, q->dir, port_at(f, at, !v6, lo, hi), port_at(f, at + 2, !v6, lo, hi)));
}

static struct filter_node *ports_over(struct filter *f, const struct filter_quals *q, bool v6, u32 lo, u32 hi)
{
	struct filter_node *type = ether_type(f, v6 ? ETH_P_IPV6 : ETH_P_IP), *n;

	switch (q->proto) {
	case Q_TCP: n = ports_of(f, q, v6, 6, lo, hi); break;
	case Q_UDP: n = ports_of(f, q, v6, 17, lo, hi); break;
	case Q_SCTP: n = ports_of(f, q, v6, 132, lo, hi); break;
	default:
		n = filter_or(f, ports_of(f, q, v6, 6, lo, hi), ports_of(f, q, v6, 17, lo, hi));
		n = filter_or(f, n, ports_of(f, q, v6, 132, lo, hi));
	}
	return filter_and(f, type, n);
}

struct filter_node *filter_ports(struct filter *f, const struct filter_quals *q, u32 lo, u32 hi)
{
	if (q->proto != Q_NO_PROTO && q->proto != Q_TCP && q->proto != Q_UDP && q->proto != Q_SCTP)
		return filter_fail(f, f->at, "a port goes with tcp, udp, sctp, or no protocol");
	return filter_or(f, ports_over(f, q, true, MIN(lo, hi), MAX(lo, hi)), ports_over(f, q, false, MIN(lo, hi), MAX(lo, hi)));
}

/* ---------------------------------------------------------------- the rest */

struct filter_node *filter_cast(struct filter *f, enum filter_proto p, bool multicast)
{
	static const u8 all_ones[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	if (p == Q_NO_PROTO || p == Q_LINK)
		return multicast ? compare(f, test(f, 0, 1, ~0u, 1), JMP_JSET, false) : mac_at(f, 0, all_ones);
	if (multicast && p == Q_IP)
		return filter_and(f, ether_type(f, ETH_P_IP), compare(f, test(f, T_NET + 16, 1, ~0u, 224), JMP_JGE, false));
	if (multicast && p == Q_IP6)
		return filter_and(f, ether_type(f, ETH_P_IPV6), test(f, T_NET + 24, 1, ~0u, 255));
	return filter_fail(f, f->at, "[ether] broadcast, [ether|ip|ip6] multicast are known");
}

struct filter_node *filter_length(struct filter *f, bool greater, u32 n)
{
	return compare(f, test(f, 0, 0, ~0u, n), greater ? JMP_JGE : JMP_JGT, !greater);
}

/* A transport's header is looked into over IPv4, in the first fragment; ICMPv6 directly behind IPv6's. */
struct filter_node *filter_load(struct filter *f, enum filter_proto p, struct filter_node *index, u32 size)
{
	struct filter_node *n = filter_new(f, F_LOAD), *frag;

	if (!n || !index)
		return NULL;
	n->a = index;
	n->size = (u8)size;
	n->off = p == Q_LINK ? 0 : p == Q_ICMP6 ? T_NET + 40 : T_NET;
	n->behind_ip = p >= Q_TCP && p != Q_ICMP6;
	if (p != Q_LINK)
		n->needs = filter_proto_alone(f, p);
	if (n->behind_ip) {
		frag = compare(f, test(f, T_NET + 6, 2, ~0u, 0x1fff), JMP_JSET, true);
		n->needs = filter_and(f, ether_type(f, ETH_P_IP), filter_and(f, n->needs, frag));
	}
	if (index->needs)
		n->needs = filter_and(f, index->needs, n->needs);
	return f->failed ? NULL : n;
}
