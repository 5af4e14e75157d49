/* SPDX-License-Identifier: MIT
 * route.c - where does a packet go? Longest prefix match over 128 bits, next hop, path MTU (RFC 4861 5.2, RFC 8201).
 *
 * Owns cpu->ip6->fib, a CPU's copy of the table: one array sorted by prefix length, destination and metric, searched by
 * halving within each length that occurs. In front of it stands a small direct-mapped cache of finished answers, valid
 * for one generation (cpu->dst_gen); sockets keep their own.
 *
 * A link-local destination without a device is looked for where its source address lives, else on the first device that
 * is up: each link-local address of ours is of one device alone, so answers find their way back without a scope.
 */
#include "net/ipv6/ip6_impl.h"

#define PMTU_EXPIRES_NS (600 * NSEC_PER_SEC) /* RFC 8201 4: not sooner than five minutes, ten recommended */
#define ROUTES_MAX      4096

/* ---- table ---- */
static int addr_cmp(const struct ip_addr *a, const struct ip_addr *b) { return memcmp(a->b, b->b, 16); }

/* Order of the array; 0: the same route but for what it leads to. */
static int route_cmp(const struct ip6_route *a, const struct ip6_route *b)
{
	int d;

	if (a->plen != b->plen)
		return a->plen > b->plen ? -1 : 1;
	d = addr_cmp(&a->dst, &b->dst);
	return d ? d : a->metric < b->metric ? -1 : a->metric > b->metric;
}

static bool route_same(const struct ip6_route *a, const struct ip6_route *b)
{
	return a->plen == b->plen && ip_eq(&a->dst, &b->dst) && ip_eq(&a->gateway, &b->gateway) && a->dev == b->dev;
}

static void fib_index(struct net_cpu *cpu)
{
	struct ip6_fib *f = &cpu->ip6->fib;
	unsigned i = 0;

	memset(f->lengths, 0, sizeof(f->lengths));
	for (unsigned level = 0; level <= 128; level++) {
		f->first[level] = (u16)i;
		for (; i < f->nr && 128u - f->routes[i].plen == level; i++)
			f->lengths[level / 64] |= 1ull << level % 64;
	}
	f->first[129] = (u16)f->nr;
	cpu->dst_gen++;
}

static int fib_grow(struct ip6_fib *f)
{
	unsigned cap = f->cap ? f->cap * 2 : 16;
	struct ip6_route *routes = f->nr < ROUTES_MAX ? kmalloc(cap * sizeof(*routes)) : NULL;

	if (!routes)
		return f->nr < ROUTES_MAX ? -ENOMEM : -ENOSPC;
	if (f->nr)
		memcpy(routes, f->routes, f->nr * sizeof(*routes));
	kfree(f->routes);
	f->routes = routes;
	f->cap = cap;
	return 0;
}

static int apply_route_add(struct net_cpu *cpu, const struct ip6_change *c)
{
	struct ip6_fib *f = &cpu->ip6->fib;
	unsigned i = f->nr;
	int err;

	for (unsigned j = 0; j < f->nr; j++)
		if (route_same(&f->routes[j], &c->route))
			return -EEXIST;
	err = f->nr == f->cap ? fib_grow(f) : 0;
	if (err)
		return err;
	for (; i && route_cmp(&f->routes[i - 1], &c->route) > 0; i--)
		f->routes[i] = f->routes[i - 1];
	f->routes[i] = c->route;
	f->nr++;
	fib_index(cpu);
	return 0;
}

static int apply_route_del(struct net_cpu *cpu, const struct ip6_change *c)
{
	struct ip6_fib *f = &cpu->ip6->fib;

	for (unsigned i = 0; i < f->nr; i++) {
		if (!route_same(&f->routes[i], &c->route))
			continue;
		memmove(&f->routes[i], &f->routes[i + 1], (--f->nr - i) * sizeof(f->routes[0]));
		fib_index(cpu);
		return 0;
	}
	return -ENOENT;
}

void ip6_fib_destroy(struct net_cpu *cpu)
{
	kfree(cpu->ip6->fib.routes);
	if (cpu->ip6->pmtu)
		timer_cancel(&cpu->wheel, &cpu->ip6->pmtu->timer);
	kfree(cpu->ip6->pmtu);
}

const struct ip6_route *ip6_route_get(const struct net_cpu *cpu, unsigned i)
{
	return i < cpu->ip6->fib.nr ? &cpu->ip6->fib.routes[i] : NULL;
}

/* A gateway must be a neighbour: link-local, or in a prefix that is on link. */
static bool is_neighbour(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *gateway)
{
	const struct ip6_route *r;

	if (ip6_addr_type(cpu, gateway) != ADDR_UNICAST)
		return false;
	return ip6_is_link_local(gateway) ||
	       (!ip6_fib_lookup(cpu, gateway, dev, &r) && ip6_is_unspecified(&r->gateway));
}

int ip6_route_add(struct net *net, const struct ip6_route *r)
{
	struct ip_addr masked = ip_prefix_of(&r->dst, MIN(r->plen, 128u));

	if (!r->dev || r->plen > 128 || !ip_eq(&masked, &r->dst) || ip6_is_multicast(&r->dst))
		return -EINVAL;
	if (!ip6_is_unspecified(&r->gateway) && !is_neighbour(net->cpus[0], r->dev, &r->gateway))
		return -ENETUNREACH;
	return ip6_change_all(net, &(struct ip6_change){ .apply = apply_route_add, .route = *r });
}

int ip6_route_del(struct net *net, const struct ip_addr *dst, unsigned plen, const struct ip_addr *gateway,
		  const struct net_device *dev)
{
	const struct ip6_route *r;

	for (unsigned i = 0; (r = ip6_route_get(net->cpus[0], i)); i++)
		if (r->plen == plen && ip_eq(&r->dst, dst) && ip_eq(&r->gateway, gateway) && (!dev || r->dev == dev))
			return ip6_change_all(net, &(struct ip6_change){ .apply = apply_route_del, .route = *r });
	return -ENOENT;
}

/* ---- lookup ---- */
static bool usable(const struct ip6_route *r, const struct net_device *dev)
{
	return (r->dev->flags & IFF_UP) && (!dev || r->dev == dev);
}

static bool gateway_failed(struct net_cpu *cpu, const struct ip6_route *r)
{
	return !ip6_is_unspecified(&r->gateway) && neigh_is_failed(cpu, r->dev, &r->gateway);
}

/* The first route of the level that covers daddr; `end` when there is none. */
static const struct ip6_route *level_search(const struct ip6_route *lo, const struct ip6_route *end, const struct ip_addr *daddr)
{
	struct ip_addr key = ip_prefix_of(daddr, lo->plen);
	const struct ip6_route *hi = end;

	while (lo < hi) {
		const struct ip6_route *mid = lo + (hi - lo) / 2;

		if (addr_cmp(&mid->dst, &key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < end && ip_eq(&lo->dst, &key) ? lo : end;
}

/* Longest prefix first, then metric; a router that does not answer is passed over while there is another way (RFC 4861
 * 6.3.6). */
int ip6_fib_lookup(struct net_cpu *cpu, const struct ip_addr *daddr, const struct net_device *dev,
		   const struct ip6_route **route)
{
	const struct ip6_fib *f = &cpu->ip6->fib;
	const struct ip6_route *fallback = NULL;

	for (unsigned level = 0; level <= 128; level++) {
		const struct ip6_route *end = f->routes + f->first[level + 1], *r;
		struct ip_addr dst;

		if (!f->lengths[level / 64]) {
			level |= 63;
			continue;
		}
		if (!(f->lengths[level / 64] >> level % 64 & 1))
			continue;
		r = level_search(f->routes + f->first[level], end, daddr);
		dst = r < end ? r->dst : *daddr;
		for (; r < end && ip_eq(&r->dst, &dst); r++) {
			if (!usable(r, dev))
				continue;
			if (!gateway_failed(cpu, r)) {
				*route = r;
				return 0;
			}
			fallback = fallback ?: r;
		}
	}
	*route = fallback;
	return fallback ? 0 : -ENETUNREACH;
}

/* ---- path MTU ---- */
static struct ip6_pmtu *pmtu_slot(struct net_cpu *cpu, const struct ip_addr *daddr)
{
	u64 h = siphash_2u64(daddr->q[0], daddr->q[1], &cpu->net->hash_key);

	return &cpu->ip6->pmtu->slots[h % IP_PMTU_SLOTS];
}

/* What is over is forgotten by sockets and cached routes too: RFC 8201 4, a larger path is found some time. */
static void pmtu_timer(struct timer *t, u64 now_ns)
{
	struct ip6_pmtus *p = container_of(t, struct ip6_pmtus, timer);
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < IP_PMTU_SLOTS; i++)
		if (p->slots[i].expires_ns > now_ns)
			next = MIN(next, p->slots[i].expires_ns);
	p->cpu->dst_gen++;
	if (next != TIME_NEVER)
		timer_arm(&p->cpu->wheel, t, MAX(next, now_ns + NSEC_PER_SEC));
}

static struct ip6_pmtus *pmtus(struct net_cpu *cpu)
{
	struct ip6_pmtus *p = cpu->ip6->pmtu;

	if (p)
		return p;
	p = kzalloc(sizeof(*p));
	if (!p)
		return NULL;
	p->cpu = cpu;
	timer_init(&p->timer, pmtu_timer);
	return cpu->ip6->pmtu = p;
}

static u32 link_mtu(struct net_cpu *cpu, const struct net_device *dev)
{
	u32 said = cpu->ip6->params[dev->ifindex].mtu;

	return said ? MIN(said, dev->mtu) : dev->mtu;
}

static u32 path_mtu(struct net_cpu *cpu, const struct ip_addr *daddr, const struct net_device *dev)
{
	u32 mtu = link_mtu(cpu, dev);
	const struct ip6_pmtu *p;

	if (likely(!cpu->ip6->pmtu))
		return mtu;
	p = pmtu_slot(cpu, daddr);
	return ip_eq(&p->daddr, daddr) && cpu->now_ns < p->expires_ns ? MIN(p->mtu, mtu) : mtu;
}

/* RFC 8201 4: never raised by a message, and one that says less than 1280 is no news (RFC 8021). */
void ip6_pmtu_update(struct net_cpu *cpu, const struct ip_addr *daddr, u32 mtu)
{
	struct flow fl = { .dst = *daddr };
	struct dst dst;

	if (mtu < IPV6_MTU_MIN || ip6_route_output(cpu, &fl, &dst) || dst.type != ADDR_UNICAST || mtu >= dst.mtu)
		return;
	if (!pmtus(cpu))
		return;
	if (!cpu->ip6->pmtu->timer.armed)
		timer_arm(&cpu->wheel, &cpu->ip6->pmtu->timer, cpu->now_ns + PMTU_EXPIRES_NS);
	*pmtu_slot(cpu, daddr) = (struct ip6_pmtu){ *daddr, mtu, cpu->now_ns + PMTU_EXPIRES_NS };
	cpu->dst_gen++;
}

/* ---- output ---- */
static int route_local(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	dst->dev = loopback_dev(cpu->net);
	if (!dst->dev || !(dst->dev->flags & IFF_UP))
		return -ENETDOWN;
	if (ip_is_any(&fl->src))
		fl->src = fl->dst;
	dst->loopback = true;
	dst->next_hop = fl->dst;
	dst->mtu = dst->dev->mtu;
	return 0;
}

/* The device for what stays on a link: the one asked for, the one the source lives on, the first that is up. */
static struct net_device *scoped_dev(struct net_cpu *cpu, const struct flow *fl)
{
	const struct ip6_local *l = ip6_local_find(cpu, &fl->src);

	if (fl->dev)
		return fl->dev;
	if (l)
		return l->dev;
	for (unsigned i = 0; i < MAX_NETDEVS; i++) {
		struct net_device *dev = cpu->net->devs[i];

		if (dev && (dev->flags & IFF_UP) && !(dev->flags & IFF_LOOPBACK) && cpu->ip6->params[dev->ifindex].up)
			return dev;
	}
	return NULL;
}

static int route_scoped(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	dst->dev = scoped_dev(cpu, fl);
	if (!dst->dev || !(dst->dev->flags & IFF_UP))
		return -ENETUNREACH;
	dst->next_hop = fl->dst;
	dst->mtu = link_mtu(cpu, dst->dev);
	return 0;
}

static int route_unicast(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	const struct ip6_route *r;
	int err = ip6_fib_lookup(cpu, &fl->dst, fl->dev, &r);

	if (err)
		return err;
	dst->dev = r->dev;
	dst->next_hop = ip6_is_unspecified(&r->gateway) ? fl->dst : r->gateway;
	dst->mtu = path_mtu(cpu, &fl->dst, r->dev);
	return 0;
}

static int find_way(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	int err;

	if (dst->type == ADDR_LOCAL)
		return route_local(cpu, fl, dst);
	if (dst->type == ADDR_MULTICAST || ip6_is_link_local(&fl->dst))
		err = route_scoped(cpu, fl, dst);
	else
		err = dst->type == ADDR_UNICAST ? route_unicast(cpu, fl, dst) : -EINVAL;
	if (err)
		return err;
	if (ip_is_any(&fl->src))
		fl->src = ip6_select_src(cpu, dst->dev, &fl->dst);
	if (ip6_is_unspecified(&fl->src))
		return -ENETUNREACH;
	if (ip6_is_loopback(&fl->src))
		return -EINVAL; /* RFC 4291 2.5.3 */
	dst->hop_limit = cpu->ip6->params[dst->dev->ifindex].hop_limit;
	if (dst->dev->link->addr_len && dst->type == ADDR_UNICAST)
		dst->neigh = neigh_get(cpu, dst->dev, &dst->next_hop);
	return 0;
}

int ip6_route_output(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	struct ip6_dst_slot *slot = ip6_dst_slot(cpu, &fl->dst);
	struct ip_addr asked = fl->src;
	int err;

	if (likely(!fl->dev && dst_valid(cpu, &slot->dst) && ip_eq(&slot->daddr, &fl->dst) && ip_eq(&slot->saddr, &asked))) {
		*dst = slot->dst;
		fl->src = slot->src;
		return 0;
	}
	if (!ip_is_any(&asked) && ip6_addr_type(cpu, &asked) != ADDR_LOCAL)
		return -EINVAL;
	*dst = (struct dst){ .type = (u8)ip6_addr_type(cpu, &fl->dst) };
	err = find_way(cpu, fl, dst);
	dst->sum = csum_fold16(ip6_pseudo_sum(&fl->src, &fl->dst, 0, 0)).raw;
	dst->gen = err ? 0 : cpu->dst_gen; /* after neigh_get(), which may have moved it */
	if (!err && !fl->dev)
		*slot = (struct ip6_dst_slot){ .daddr = fl->dst, .saddr = asked, .src = fl->src, .dst = *dst };
	return err;
}
