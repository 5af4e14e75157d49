/* SPDX-License-Identifier: MIT
 * prefix.c - what routers advertise: themselves, prefixes, times, resolvers (RFC 4861 6.3.4 to 6.3.6, RFC 4862 5.5, RFC
 * 4191, RFC 5942, RFC 8106), and the end of all lifetimes.
 *
 * Owns the tables of routers, prefixes and resolvers in struct autoconf, on CPU 0. Each is bounded, so that a flood of
 * advertisements fills a table and no memory: what is known stays, newcomers wait for room. A prefix is on link only where
 * its flag says so, whatever addresses are formed of it. Runs in net_rx and timer.
 */
#include "net/ipv6/autoconf.h"

#define TWO_HOURS_NS       (7200 * NSEC_PER_SEC)
#define METRIC_RA          1024     /* of a router of medium preference, as Linux has it */
#define REACHABLE_MAX_MS   3600000u /* RFC 4861 6.2.1 */
#define METRIC_PREFIX      256
#define AUTO_ADDRS_PER_DEV 8

static u64 until(const struct autoconf *ac, u32 seconds)
{
	return seconds == 0xffffffff ? TIME_NEVER : ac->cpu->now_ns + seconds * NSEC_PER_SEC;
}

/* ---- lifetimes ---- */
static int apply_new_generation(struct net_cpu *cpu, const struct ip6_change *c)
{
	cpu->dst_gen++; /* sources are chosen anew */
	return 0;
}

static void router_forget(struct autoconf *ac, struct ip6_router *r)
{
	struct ip_addr any = { .q = { 0, 0 } };

	ip6_route_del(ac->cpu->net, &any, 0, &r->addr, r->dev);
	r->dev = NULL;
}

static void prefix_forget(struct autoconf *ac, struct ip6_prefix *p)
{
	struct ip_addr none = { .q = { 0, 0 } };

	ip6_route_del(ac->cpu->net, &p->prefix, p->plen, &none, p->dev);
	p->dev = NULL;
}

/* Removes what is over; the next end of the rest. */
static u64 expire_tables(struct autoconf *ac, u64 now_ns)
{
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < IP6_ROUTERS_MAX; i++) {
		if (ac->routers[i].dev && ac->routers[i].expires_ns <= now_ns)
			router_forget(ac, &ac->routers[i]);
		if (ac->routers[i].dev)
			next = MIN(next, ac->routers[i].expires_ns);
	}
	for (unsigned i = 0; i < IP6_PREFIXES_MAX; i++) {
		if (ac->prefixes[i].dev && ac->prefixes[i].expires_ns <= now_ns)
			prefix_forget(ac, &ac->prefixes[i]);
		if (ac->prefixes[i].dev)
			next = MIN(next, ac->prefixes[i].expires_ns);
	}
	for (unsigned i = 0; i < IP6_DNS_MAX; i++) {
		if (ac->dns[i].expires_ns <= now_ns)
			ac->dns[i].expires_ns = 0;
		else
			next = MIN(next, ac->dns[i].expires_ns);
	}
	return next;
}

static u64 expire_addresses(struct autoconf *ac, u64 now_ns)
{
	struct net_cpu *cpu = ac->cpu;
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < cpu->ip6->nr_addrs;) {
		struct ip6_ifaddr a = cpu->ip6->addrs[i];

		if (a.valid_ns <= now_ns) {
			autoconf_end(ac, a.dev, &a.addr); /* another one moves into its place */
			continue;
		}
		next = MIN(next, a.valid_ns);
		if (a.preferred_ns > now_ns)
			next = MIN(next, a.preferred_ns);
		i++;
	}
	return next;
}

static void life_run(struct autoconf *ac, u64 now_ns)
{
	u64 next = expire_addresses(ac, now_ns), tables = expire_tables(ac, now_ns);

	next = MIN(next, tables);
	if (next != TIME_NEVER)
		timer_arm(&ac->cpu->wheel, &ac->life, next);
}

void prefix_life_timer(struct timer *t, u64 now_ns)
{
	struct autoconf *ac = container_of(t, struct autoconf, life);

	life_run(ac, now_ns);
	ip6_change_all(ac->cpu->net, &(struct ip6_change){ .apply = apply_new_generation });
}

/* ---- routers ---- */
static struct ip6_router *router_find(struct autoconf *ac, const struct net_device *dev, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < IP6_ROUTERS_MAX; i++)
		if (ac->routers[i].dev == dev && ip_eq(&ac->routers[i].addr, addr))
			return &ac->routers[i];
	return NULL;
}

static void take_router(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr, const struct nd_router *m)
{
	struct ip6_router *r = router_find(ac, dev, addr);
	u32 metric = (u32)(METRIC_RA - m->preference);
	struct ip6_route route = { .gateway = *addr, .dev = dev, .metric = metric, .ra = true };

	if (r && (!m->lifetime_s || r->metric != metric)) {
		router_forget(ac, r);
		r = NULL;
	}
	if (!m->lifetime_s)
		return;
	for (unsigned i = 0; !r && i < IP6_ROUTERS_MAX; i++)
		if (!ac->routers[i].dev && !ip6_route_add(ac->cpu->net, &route)) {
			r = &ac->routers[i];
			*r = (struct ip6_router){ .dev = dev, .addr = *addr, .metric = metric };
		}
	if (r)
		r->expires_ns = until(ac, m->lifetime_s);
	timer_cancel(&ac->cpu->wheel, &ac->links[dev->ifindex].rs_timer); /* RFC 7559: this one will do */
}

void prefix_no_router(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr)
{
	struct ip6_router *r = router_find(ac, dev, addr);

	if (r)
		router_forget(ac, r);
}

/* ---- prefixes ---- */
static void take_on_link(struct autoconf *ac, struct net_device *dev, const struct nd_prefix *m)
{
	struct ip6_route route = { .dst = m->prefix, .plen = m->plen, .dev = dev, .metric = METRIC_PREFIX, .ra = true };
	struct ip6_prefix *p = NULL, *free = NULL;

	for (unsigned i = 0; i < IP6_PREFIXES_MAX && !p; i++) {
		struct ip6_prefix *x = &ac->prefixes[i];

		if (x->dev == dev && x->plen == m->plen && ip_eq(&x->prefix, &m->prefix))
			p = x;
		else if (!x->dev)
			free = x;
	}
	if (!m->valid_s) {
		if (p)
			prefix_forget(ac, p);
		return;
	}
	if (!p && free && !ip6_route_add(ac->cpu->net, &route)) {
		p = free;
		*p = (struct ip6_prefix){ .dev = dev, .prefix = m->prefix, .plen = m->plen };
	}
	if (p)
		p->expires_ns = until(ac, m->valid_s);
}

/* RFC 4862 5.5.3 (e): nobody shortens a lifetime below two hours by an advertisement that anyone could send. */
static void refresh_address(struct autoconf *ac, const struct ip6_ifaddr *old, const struct nd_prefix *m)
{
	u64 now = ac->cpu->now_ns, valid = until(ac, m->valid_s);
	struct ip6_ifaddr a = *old;

	a.preferred_ns = until(ac, m->preferred_s);
	if (m->valid_s > 7200 || valid > a.valid_ns)
		a.valid_ns = valid;
	else if (a.valid_ns - now > TWO_HOURS_NS)
		a.valid_ns = now + TWO_HOURS_NS;
	ip6_addr_set(ac->cpu->net, &a);
}

static void take_autonomous(struct autoconf *ac, struct net_device *dev, const struct nd_prefix *m)
{
	struct ip6_ifaddr a = { .addr = m->prefix, .dev = dev, .plen = 64, .flags = IP6_F_AUTO,
				.valid_ns = until(ac, m->valid_s), .preferred_ns = until(ac, m->preferred_s) };
	unsigned formed = 0;

	if (m->preferred_s > m->valid_s || m->plen != 64)
		return;
	for (unsigned i = 0; i < ac->cpu->ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *old = &ac->cpu->ip6->addrs[i];

		if (old->dev != dev || !(old->flags & IP6_F_AUTO))
			continue;
		formed++;
		if (ip_prefix_eq(&old->addr, &m->prefix, 64)) {
			refresh_address(ac, old, m);
			return;
		}
	}
	if (!m->valid_s || formed >= AUTO_ADDRS_PER_DEV)
		return;
	autoconf_address(ac, &a);
	autoconf_begin(ac, &a);
}

static void take_dns(struct autoconf *ac, const struct ip_addr *addr, u32 seconds)
{
	struct ip6_dns *free = NULL;

	if (ip6_is_multicast(addr) || ip6_is_unspecified(addr) || ip6_is_loopback(addr) || ip_is_v4(addr))
		return;
	for (unsigned i = 0; i < IP6_DNS_MAX; i++) {
		struct ip6_dns *d = &ac->dns[i];

		if (d->expires_ns && ip_eq(&d->addr, addr)) {
			d->expires_ns = seconds ? until(ac, seconds) : 0;
			return;
		}
		if (!d->expires_ns)
			free = d;
	}
	if (free && seconds)
		*free = (struct ip6_dns){ *addr, until(ac, seconds) };
}

unsigned ip6_dns_servers(const struct net_cpu *cpu, struct ip_addr *out, unsigned max)
{
	const struct autoconf *ac = cpu->net->cpus[0]->ip6->autoconf;
	unsigned n = 0;

	for (unsigned i = 0; i < IP6_DNS_MAX && n < max; i++)
		if (ac->dns[i].expires_ns)
			out[n++] = ac->dns[i].addr;
	return n;
}

/* ---- the link's times and sizes ---- */
static void take_params(struct autoconf *ac, struct net_device *dev, const struct nd_router *m)
{
	struct ip6_params old = ac->cpu->ip6->params[dev->ifindex], p = old;

	if (m->hop_limit && m->hop_limit >= ac->cpu->sysctl.ip6_accept_ra_min_hop_limit) /* less, and our packets would die half way */
		p.hop_limit = m->hop_limit;
	if (m->reachable_ms && m->reachable_ms <= REACHABLE_MAX_MS)
		p.reachable_ms = m->reachable_ms;
	if (m->retrans_ms)
		p.retrans_ms = CLAMP(m->retrans_ms, 100u, REACHABLE_MAX_MS);
	if (m->mtu >= IPV6_MTU_MIN && m->mtu <= dev->mtu)
		p.mtu = m->mtu;
	if (p.hop_limit != old.hop_limit || p.reachable_ms != old.reachable_ms || p.retrans_ms != old.retrans_ms ||
	    p.mtu != old.mtu)
		ip6_params_set(ac->cpu->net, dev, &p);
}

/* RFC 4861 6.3.4: who advertises is a router, whatever its lifetime as a default one. */
static void learn_neighbour(struct autoconf *ac, struct net_device *dev, const struct ip_addr *router, const u8 *ha)
{
	struct neigh *n;

	if (!dev->link->addr_len)
		return;
	if (ha)
		neigh_update(ac->cpu, dev, router, ha, NEIGH_CREATE | NEIGH_OVERRIDE);
	n = neigh_lookup(ac->cpu, dev, router);
	if (n)
		n->is_router = true;
}

void prefix_advert(struct autoconf *ac, struct net_device *dev, const struct ip_addr *router, const u8 *msg, unsigned len)
{
	struct nd_router m;

	if (!ac->links[dev->ifindex].dev || !nd_router_parse(msg, len, &m))
		return;
	take_params(ac, dev, &m);
	learn_neighbour(ac, dev, router, m.ha);
	take_router(ac, dev, router, &m);
	for (unsigned i = 0; i < m.nr_prefixes; i++) {
		const struct nd_prefix *p = &m.prefixes[i];

		if (ip6_is_link_local(&p->prefix) || ip6_is_multicast(&p->prefix) || ip_is_v4(&p->prefix))
			continue;
		if (p->flags & ND_PREFIX_ONLINK)
			take_on_link(ac, dev, p);
		if (p->flags & ND_PREFIX_AUTO)
			take_autonomous(ac, dev, p);
	}
	for (unsigned i = 0; i < m.nr_dns; i++)
		take_dns(ac, &m.dns[i], m.dns_s[i]);
	life_run(ac, ac->cpu->now_ns);
}
