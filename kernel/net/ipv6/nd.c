/* SPDX-License-Identifier: MIT
 * nd.c - neighbour discovery: who has this IPv6 address? (RFC 4861 7; no fragments: RFC 6980)
 *
 * Owns nothing: link addresses are kept in the one neighbour table, addresses in addr.c, routers in prefix.c. A message
 * that did not come from the link itself (hop limit 255), that came in pieces or has a bad option is dropped whole.
 * Redirects are counted and ignored: a redirect is a route from a stranger, as in IPv4. Runs in net_rx and timer.
 */
#include "net/ipv6/ip6_impl.h"

#define CONFLICT_LOG_NS (10 * NSEC_PER_SEC)

/* ---- out ---- */
static struct sk_buff *message(struct net_cpu *cpu, u8 type, unsigned len)
{
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	if (skb)
		memset(skb_put(skb, len), 0, len);
	if (skb)
		skb->data[0] = type;
	return skb;
}

void nd_send_solicit(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *src, const struct ip_addr *dst,
		     const struct ip_addr *target, u64 nonce)
{
	struct sk_buff *skb = message(cpu, ICMPV6_NEIGH_SOLICIT, ND_NS_LEN + 16);
	bool probe = ip6_is_unspecified(src); /* tells nobody our link address */

	if (!skb)
		return; /* counted by the pool; the timer asks again */
	skb_trim(cpu, skb, nd_neigh_build(skb->data, target, 0, ND_OPT_SOURCE_LL, probe ? NULL : dev->addr, nonce));
	icmp6_send_link(cpu, dev, skb, src, dst, false);
}

void nd_send_router_solicit(struct net_cpu *cpu, struct net_device *dev)
{
	const struct ip6_ifaddr *from = ip6_link_local(cpu, dev, false);
	struct sk_buff *skb = from ? message(cpu, ICMPV6_ROUTER_SOLICIT, ND_RS_LEN + ND_LL_OPT_LEN) : NULL;

	if (!skb)
		return;
	if (dev->link->addr_len) {
		skb->data[ND_RS_LEN] = ND_OPT_SOURCE_LL;
		skb->data[ND_RS_LEN + 1] = 1;
		memcpy(skb->data + ND_RS_LEN + 2, dev->addr, ETH_ALEN);
	} else {
		skb_trim(cpu, skb, ND_RS_LEN);
	}
	icmp6_send_link(cpu, dev, skb, &from->addr, &ip6_all_routers, false);
}

static bool is_optimistic(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *addr)
{
	const struct ip6_ifaddr *a = ip6_find_addr(cpu, dev, addr);

	return a && a->flags & IP6_F_OPTIMISTIC;
}

static void send_advert(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *target, const struct ip_addr *dst,
			u8 flags)
{
	struct sk_buff *skb = message(cpu, ICMPV6_NEIGH_ADVERT, ND_NS_LEN + ND_LL_OPT_LEN);

	if (!skb)
		return;
	if (is_optimistic(cpu, dev, target))
		flags &= (u8)~ND_NA_OVERRIDE; /* RFC 4429 3.2 */
	if (cpu->sysctl.ip6_forwarding)
		flags |= ND_NA_ROUTER;
	skb_trim(cpu, skb, nd_neigh_build(skb->data, target, flags, ND_OPT_TARGET_LL,
					  dev->link->addr_len ? dev->addr : NULL, 0));
	icmp6_send_link(cpu, dev, skb, target, dst, false);
}

void nd_announce(struct net_cpu *cpu, const struct ip6_ifaddr *a)
{
	send_advert(cpu, a->dev, &a->addr, &ip6_all_nodes, ND_NA_OVERRIDE);
}

/* ---- what the neighbour table asks of us ---- */
static void nd_solicit(struct net_cpu *cpu, struct neigh *n, bool unicast)
{
	struct ip_addr src = ip6_select_src(cpu, n->dev, &n->addr), group = ip6_solicited_node(&n->addr);

	/* Else none of ours is in use yet, or certain (RFC 4429 3.2): neighbours wait, and routers are known by their word. The next
	 * try may find one. */
	if (!ip6_is_unspecified(&src) && !is_optimistic(cpu, n->dev, &src))
		nd_send_solicit(cpu, n->dev, &src, unicast ? &n->addr : &group, &n->addr, 0);
}

static u32 nd_reachable_ms(struct net_cpu *cpu, const struct net_device *dev)
{
	return cpu->ip6->params[dev->ifindex].reachable_ms;
}

static u32 nd_retrans_ms(struct net_cpu *cpu, const struct net_device *dev)
{
	return cpu->ip6->params[dev->ifindex].retrans_ms;
}

const struct neigh_ops nd_neigh_ops = {
	.ethertype = ETH_P_IPV6,
	.solicit = nd_solicit,
	.reachable_ms = nd_reachable_ms,
	.retrans_ms = nd_retrans_ms,
};

/* ---- in ---- */
static bool bad_link_addr(const struct net_device *dev, const u8 *ha)
{
	return ha && (eth_is_multicast(ha) || eth_is_zero(ha) || eth_addr_eq(ha, dev->addr));
}

/* RFC 4861 7.1.1, 7.2.3, 7.2.4; RFC 4862 5.4.3. */
static enum drop_reason rcv_solicit(struct net_cpu *cpu, struct sk_buff *skb)
{
	bool probe = ip6_is_unspecified(&skb->ip.src);
	const struct ip6_ifaddr *a;
	struct ip_addr src = skb->ip.src, group;
	struct nd_neigh m;

	if (!nd_neigh_parse(skb->data, skb->len, false, &m) || ip6_is_multicast(&m.target))
		return DROP(ND_MALFORMED);
	group = ip6_solicited_node(&m.target);
	if (bad_link_addr(skb->dev, m.ha) || (probe && (m.ha || !ip_eq(&skb->ip.dst, &group))))
		return DROP(ND_MALFORMED);
	a = ip6_find_addr(cpu, skb->dev, &m.target);
	if (!a || a->state == IP6_DUPLICATE)
		return DROP(ND_NOT_OURS);
	if (a->state == IP6_TENTATIVE || (probe && a->flags & IP6_F_OPTIMISTIC)) {
		if (probe)
			autoconf_conflict(cpu, skb->dev, &m.target, m.nonce);
		return probe ? RX_OK : DROP(ND_NOT_OURS);
	}
	if (!probe && m.ha && skb->dev->link->addr_len &&
	    !neigh_update(cpu, skb->dev, &src, m.ha, NEIGH_CREATE | NEIGH_OVERRIDE))
		return DROP(NEIGH_NOMEM); /* nor is there a place to remember where the answer goes */
	send_advert(cpu, skb->dev, &m.target, probe ? &ip6_all_nodes : &src,
		    ND_NA_OVERRIDE | (probe ? 0 : ND_NA_SOLICITED));
	return RX_OK;
}

/* Somebody advertises an address that we use or want (RFC 4862 5.4.4). */
static enum drop_reason about_ours(struct net_cpu *cpu, struct net_device *dev, const struct ip6_ifaddr *a)
{
	char text[IP_NTOP_MAX];

	if (a->state == IP6_TENTATIVE || a->flags & IP6_F_OPTIMISTIC)
		autoconf_conflict(cpu, dev, &a->addr, 0);
	else if (token_take(&cpu->ip6->conflict_log, cpu->now_ns, CONFLICT_LOG_NS, 1))
		log_warn("ipv6: %s: somebody else uses our address %s too", dev->name, ip_ntop(&a->addr, text));
	return DROP(ND_CONFLICT);
}

/* RFC 4861 7.1.2, 7.2.5. */
static enum drop_reason rcv_advert(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct ip6_ifaddr *a;
	const struct neigh *n;
	struct nd_neigh m;
	unsigned how = NEIGH_ADVERT;

	if (!nd_neigh_parse(skb->data, skb->len, true, &m) || ip6_is_multicast(&m.target) || bad_link_addr(skb->dev, m.ha) ||
	    (m.flags & ND_NA_SOLICITED && ip6_is_multicast(&skb->ip.dst)))
		return DROP(ND_MALFORMED);
	a = ip6_find_addr(cpu, skb->dev, &m.target);
	if (a)
		return about_ours(cpu, skb->dev, a);
	n = neigh_lookup(cpu, skb->dev, &m.target);
	if (!n)
		return DROP(ND_NOT_OURS);
	if (n->is_router && !(m.flags & ND_NA_ROUTER))
		autoconf_no_router(cpu, skb->dev, &m.target);
	how |= m.flags & ND_NA_ROUTER ? NEIGH_ROUTER : 0;
	how |= m.flags & ND_NA_OVERRIDE ? NEIGH_OVERRIDE : 0;
	how |= m.flags & ND_NA_SOLICITED ? NEIGH_SOLICITED : 0;
	neigh_update(cpu, skb->dev, &m.target, m.ha, how);
	return RX_OK;
}

/* RFC 4861 6.1.2. */
static enum drop_reason rcv_router(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct nd_router m;

	if (!ip6_is_link_local(&skb->ip.src) || !nd_router_parse(skb->data, skb->len, &m) || bad_link_addr(skb->dev, m.ha))
		return DROP(ND_MALFORMED);
	if (!cpu->sysctl.ip6_accept_ra || (cpu->sysctl.ip6_forwarding && cpu->sysctl.ip6_accept_ra < 2))
		return DROP(ICMP_IGNORED);
	autoconf_advert(cpu, skb->dev, &skb->ip.src, skb->data, skb->len);
	return RX_OK;
}

enum drop_reason nd_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (skb->ip.ttl != 255 || skb->ip.frag_max)
		return DROP(ND_NOT_ON_LINK);
	if (!skb_may_pull(cpu, skb, skb->len) || skb->data[1])
		return DROP(ND_MALFORMED);
	switch (skb->data[0]) {
	case ICMPV6_NEIGH_SOLICIT:
		return rcv_solicit(cpu, skb);
	case ICMPV6_NEIGH_ADVERT:
		return rcv_advert(cpu, skb);
	case ICMPV6_ROUTER_ADVERT:
		return rcv_router(cpu, skb);
	}
	return DROP(ICMP_IGNORED); /* solicitations of routers, redirects */
}
