/* SPDX-License-Identifier: MIT
 * route.c - where does a packet go? Longest prefix match, source address, path MTU (RFC 1122 3.3.1,
 * RFC 1812 5.2.4, RFC 1191).
 *
 * Owns cpu->ip->fib, a CPU's copy of the table: one array sorted by prefix length, destination and
 * metric, searched by halving within each length that occurs. In front of it stands a small
 * direct-mapped cache of finished answers, valid for one generation (cpu->dst_gen); sockets keep
 * their own.
 */
#include "net/ipv4/ip_impl.h"
#include "net/link/loopback.h"

#define PMTU_EXPIRES_NS (600 * NSEC_PER_SEC) /* RFC 1191 6.3 */
#define PMTU_FLOOR      552 /* below, an attack is likelier than a link (as Linux's min_pmtu) */

/* ---- table ---- */
static unsigned level_of(unsigned plen) { return 32 - plen; }

/* Order of the array; 0: the same route but for what it leads to. */
static int route_cmp(const struct ip_route *a, const struct ip_route *b)
{
	u32 x = be32_get(a->dst), y = be32_get(b->dst);

	if (a->plen != b->plen)
		return a->plen > b->plen ? -1 : 1;
	if (x != y)
		return x < y ? -1 : 1;
	return a->metric < b->metric ? -1 : a->metric > b->metric;
}

static bool route_same(const struct ip_route *a, const struct ip_route *b)
{
	return !route_cmp(a, b) && be32_eq(a->gateway, b->gateway) && a->dev == b->dev &&
	       a->type == b->type;
}

static void fib_index(struct net_cpu *cpu)
{
	struct fib *f = &cpu->ip->fib;
	unsigned i = 0;

	f->lengths = 0;
	for (unsigned level = 0; level <= 32; level++) {
		f->first[level] = i;
		for (; i < f->nr && level_of(f->routes[i].plen) == level; i++)
			f->lengths |= 1ull << level;
	}
	f->first[33] = f->nr;
	cpu->dst_gen++;
}

static int fib_grow(struct fib *f)
{
	unsigned cap = f->cap ? f->cap * 2 : 16;
	struct ip_route *routes = kmalloc(cap * sizeof(*routes));

	if (!routes)
		return -ENOMEM;
	if (f->nr)
		memcpy(routes, f->routes, f->nr * sizeof(*routes));
	kfree(f->routes);
	f->routes = routes;
	f->cap = cap;
	return 0;
}

int ip_fib_insert(struct net_cpu *cpu, const struct ip_route *r)
{
	struct fib *f = &cpu->ip->fib;
	unsigned i = f->nr;

	for (unsigned j = 0; j < f->nr; j++)
		if (route_same(&f->routes[j], r))
			return -EEXIST;
	if (f->nr == f->cap && fib_grow(f))
		return -ENOMEM;
	for (; i && route_cmp(&f->routes[i - 1], r) > 0; i--)
		f->routes[i] = f->routes[i - 1];
	f->routes[i] = *r;
	f->nr++;
	fib_index(cpu);
	return 0;
}

unsigned ip_fib_remove(struct net_cpu *cpu, bool (*match)(const struct ip_route *, const void *),
		       const void *arg)
{
	struct fib *f = &cpu->ip->fib;
	unsigned kept = 0, removed;

	for (unsigned i = 0; i < f->nr; i++)
		if (!match(&f->routes[i], arg))
			f->routes[kept++] = f->routes[i];
	removed = f->nr - kept;
	f->nr = kept;
	if (removed)
		fib_index(cpu);
	return removed;
}

void ip_fib_destroy(struct net_cpu *cpu)
{
	kfree(cpu->ip->fib.routes);
	if (cpu->ip->pmtu)
		timer_cancel(&cpu->wheel, &cpu->ip->pmtu->timer);
	kfree(cpu->ip->pmtu);
}

const struct ip_route *ip_route_get(const struct net_cpu *cpu, unsigned i)
{
	return i < cpu->ip->fib.nr ? &cpu->ip->fib.routes[i] : NULL;
}

/* ---- control path ---- */
static int apply_route_add(struct net_cpu *cpu, const struct ip_change *c)
{
	be32 mask = v4_mask(c->plen);

	return ip_fib_insert(cpu, &(struct ip_route){ .dst = c->addr,
						      .mask = mask,
						      .gateway = c->gateway,
						      .dev = c->dev,
						      .metric = c->metric,
						      .plen = c->plen,
						      .type = c->type });
}

/* A gateway must be a neighbour: in a subnet of the device. */
static bool on_link(struct net_cpu *cpu, const struct net_device *dev, be32 gateway)
{
	const struct ip_route *r = NULL;

	return ip_addr_type(cpu, gateway) == ADDR_UNICAST &&
	       !ip_fib_lookup(cpu, gateway, (struct net_device *)dev, &r) && !r->gateway.raw;
}

int ip_route_add(struct net *net, be32 dst, unsigned prefix_len, be32 gateway,
		 struct net_device *dev, u32 metric)
{
	if (!dev || prefix_len > 32 || (dst.raw & ~v4_mask(prefix_len).raw))
		return -EINVAL;
	if (gateway.raw && !on_link(net->cpus[0], dev, gateway))
		return -ENETUNREACH;
	return ip_change_all(net, &(struct ip_change){ .apply = apply_route_add,
						       .dev = dev,
						       .addr = dst,
						       .gateway = gateway,
						       .metric = metric,
						       .plen = (u8)prefix_len });
}

int ip_route_add_reject(struct net *net, be32 dst, unsigned prefix_len, enum ip_route_type type,
			u32 metric)
{
	if (prefix_len > 32 || (dst.raw & ~v4_mask(prefix_len).raw) || type == ROUTE_UNICAST)
		return -EINVAL;
	return ip_change_all(net, &(struct ip_change){ .apply = apply_route_add,
						       .addr = dst,
						       .metric = metric,
						       .plen = (u8)prefix_len,
						       .type = (u8)type });
}

static bool route_named(const struct ip_route *r, const void *arg)
{
	const struct ip_change *c = arg;

	return be32_eq(r->dst, c->addr) && r->plen == c->plen && be32_eq(r->gateway, c->gateway) &&
	       (!c->dev || r->dev == c->dev);
}

static int apply_route_del(struct net_cpu *cpu, const struct ip_change *c)
{
	return ip_fib_remove(cpu, route_named, c) ? 0 : -ENOENT;
}

int ip_route_del(struct net *net, be32 dst, unsigned prefix_len, be32 gateway,
		 struct net_device *dev)
{
	return ip_change_all(net, &(struct ip_change){ .apply = apply_route_del,
						       .dev = dev,
						       .addr = dst,
						       .gateway = gateway,
						       .plen = (u8)prefix_len });
}

static bool route_is(const struct ip_route *r, const void *arg)
{
	const struct ip_change *c = arg;

	return be32_eq(r->dst, c->addr) && r->plen == c->plen && be32_eq(r->gateway, c->gateway) && r->dev == c->dev &&
	       r->metric == c->metric && r->type == c->type;
}

static int apply_route_remove(struct net_cpu *cpu, const struct ip_change *c)
{
	return ip_fib_remove(cpu, route_is, c) ? 0 : -ENOENT;
}

int ip_route_remove(struct net *net, const struct ip_route *r)
{
	return ip_change_all(net, &(struct ip_change){ .apply = apply_route_remove,
						       .dev = r->dev,
						       .addr = r->dst,
						       .gateway = r->gateway,
						       .metric = r->metric,
						       .plen = r->plen,
						       .type = r->type });
}

/* ---- lookup ---- */
static bool usable(const struct ip_route *r, const struct net_device *dev)
{
	if (!r->dev)
		return !dev;
	return (r->dev->flags & IFF_UP) && (!dev || r->dev == dev);
}

static bool gateway_failed(struct net_cpu *cpu, const struct ip_route *r)
{
	struct ip_addr gw = ip_from_v4(r->gateway);

	return r->gateway.raw && neigh_is_failed(cpu, r->dev, &gw);
}

/* The first route of the level that covers daddr; `end` when there is none. */
static const struct ip_route *level_search(const struct ip_route *lo, const struct ip_route *end,
					   be32 daddr)
{
	u32 key = lo < end ? be32_get(daddr) & be32_get(lo->mask) : 0;
	const struct ip_route *hi = end;

	while (lo < hi) {
		const struct ip_route *mid = lo + (hi - lo) / 2;

		if (be32_get(mid->dst) < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < end && be32_get(lo->dst) == key ? lo : end;
}

/* Longest prefix first, then metric; a gateway that does not answer is passed over while there is
 * another way (RFC 1122 3.3.1.5). */
static const struct ip_route *fib_match(struct net_cpu *cpu, be32 daddr,
					const struct net_device *dev)
{
	const struct fib *f = &cpu->ip->fib;
	const struct ip_route *fallback = NULL;

	for (u64 lengths = f->lengths; lengths; lengths &= lengths - 1) {
		unsigned level = (unsigned)__builtin_ctzll(lengths);
		const struct ip_route *end = f->routes + f->first[level + 1];
		const struct ip_route *r = level_search(f->routes + f->first[level], end, daddr);

		for (be32 dst = r < end ? r->dst : daddr; r < end && be32_eq(r->dst, dst); r++) {
			if (!usable(r, dev))
				continue;
			if (!gateway_failed(cpu, r))
				return r;
			if (!fallback)
				fallback = r;
		}
	}
	return fallback;
}

int ip_fib_lookup(struct net_cpu *cpu, be32 daddr, struct net_device *dev,
		  const struct ip_route **route)
{
	static const s16 refusal[] = {
		[ROUTE_UNICAST] = 0,
		[ROUTE_UNREACHABLE] = -EHOSTUNREACH,
		[ROUTE_PROHIBIT] = -EACCES,
		[ROUTE_BLACKHOLE] = -EINVAL,
	};
	const struct ip_route *r = fib_match(cpu, daddr, dev);

	if (!r)
		return -ENETUNREACH;
	*route = r;
	return refusal[r->type];
}

/* ---- path MTU ---- */
static struct ip_pmtu *pmtu_slot(struct net_cpu *cpu, be32 daddr)
{
	return &cpu->ip->pmtu->slots[hsiphash_3u32(daddr.raw, 0, 0, &cpu->net->hash_key) % IP_PMTU_SLOTS];
}

/* What is over is forgotten by sockets and cached routes too: RFC 1191 6.3, a larger path is found some time. */
static void pmtu_timer(struct timer *t, u64 now_ns)
{
	struct ip_pmtus *p = container_of(t, struct ip_pmtus, timer);
	u64 next = TIME_NEVER;

	for (unsigned i = 0; i < IP_PMTU_SLOTS; i++)
		if (p->slots[i].expires_ns > now_ns)
			next = MIN(next, p->slots[i].expires_ns);
	p->cpu->dst_gen++;
	if (next != TIME_NEVER)
		timer_arm(&p->cpu->wheel, t, MAX(next, now_ns + NSEC_PER_SEC));
}

static struct ip_pmtus *pmtus(struct net_cpu *cpu)
{
	struct ip_pmtus *p = cpu->ip->pmtu;

	if (p)
		return p;
	p = kzalloc(sizeof(*p));
	if (!p)
		return NULL;
	p->cpu = cpu;
	timer_init(&p->timer, pmtu_timer);
	return cpu->ip->pmtu = p;
}

static void path_mtu(struct net_cpu *cpu, be32 daddr, struct dst *dst)
{
	const struct ip_pmtu *p;

	dst->mtu = dst->dev->mtu;
	if (likely(!cpu->ip->pmtu))
		return;
	p = pmtu_slot(cpu, daddr);
	if (!be32_eq(p->daddr, daddr) || cpu->now_ns >= p->expires_ns)
		return;
	dst->mtu = MIN(p->mtu, dst->mtu);
	dst->no_df = p->no_df;
}

void ip_pmtu_update(struct net_cpu *cpu, be32 daddr, u32 mtu)
{
	struct flow fl = { .dst = ip_from_v4(daddr) };
	bool no_df = mtu < PMTU_FLOOR;
	struct dst dst;

	mtu = MAX(mtu, (u32)PMTU_FLOOR);
	if (ip_route_output(cpu, &fl, &dst) || dst.type != ADDR_UNICAST || mtu > dst.mtu)
		return;
	if (mtu == dst.mtu && no_df == dst.no_df)
		return;
	if (!pmtus(cpu))
		return;
	if (!cpu->ip->pmtu->timer.armed)
		timer_arm(&cpu->wheel, &cpu->ip->pmtu->timer, cpu->now_ns + PMTU_EXPIRES_NS);
	*pmtu_slot(cpu, daddr) = (struct ip_pmtu){
		.daddr = daddr,
		.mtu = mtu,
		.no_df = no_df,
		.expires_ns = cpu->now_ns + PMTU_EXPIRES_NS,
	};
	cpu->dst_gen++;
}

/* ---- output ---- */
static int route_local(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	dst->dev = loopback_dev(cpu->net);
	if (!dst->dev || !(dst->dev->flags & IFF_UP))
		return -ENETDOWN;
	if (!ip_v4(&fl->src).raw)
		fl->src = fl->dst;
	dst->loopback = true;
	dst->next_hop = fl->dst;
	dst->mtu = dst->dev->mtu;
	return 0;
}

/* The device for a broadcast or multicast: the one asked for, the subnet's, the default route's,
 * any that is up. */
static struct net_device *group_dev(struct net_cpu *cpu, const struct flow *fl)
{
	const struct ip_local *l = ip_local_find(cpu, ip_v4(&fl->dst));
	const struct ip_route *r = NULL;

	if (fl->dev)
		return fl->dev;
	if (l)
		return l->dev;
	if (!ip_fib_lookup(cpu, ip_v4(&fl->dst), NULL, &r))
		return r->dev;
	for (unsigned i = 0; i < MAX_NETDEVS; i++) {
		struct net_device *dev = cpu->net->devs[i];

		if (dev && (dev->flags & IFF_UP) && !(dev->flags & IFF_LOOPBACK))
			return dev;
	}
	return NULL;
}

static bool is_dhcp_search(const struct net_cpu *cpu, const struct net_device *dev, be32 daddr)
{
	return (cpu->ip->dhcp_devs >> dev->ifindex & 1) && be32_get(daddr) == 0xffffffff;
}

static int route_group(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	dst->dev = group_dev(cpu, fl);
	if (!dst->dev || !(dst->dev->flags & IFF_UP))
		return -ENETUNREACH;
	/* RFC 2131 4.1: a client that searches shouts from nobody, whatever address it has meanwhile (RFC 3927). */
	if (!ip_v4(&fl->src).raw && !is_dhcp_search(cpu, dst->dev, ip_v4(&fl->dst)))
		fl->src = ip_from_v4(ip_select_src(cpu, dst->dev, ip_v4(&fl->dst)));
	dst->next_hop = fl->dst;
	dst->mtu = dst->dev->mtu;
	return 0;
}

static int route_unicast(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	const struct ip_route *r = NULL;
	be32 hop;
	int err = ip_fib_lookup(cpu, ip_v4(&fl->dst), fl->dev, &r);

	if (err)
		return err;
	hop = r->gateway.raw ? r->gateway : ip_v4(&fl->dst);
	if (!ip_v4(&fl->src).raw)
		fl->src = ip_from_v4(r->src.raw ? r->src : ip_select_src(cpu, r->dev, hop));
	if (!ip_v4(&fl->src).raw)
		return -ENETUNREACH;
	if (v4_is_loopback(ip_v4(&fl->src)) && !(r->dev->flags & IFF_LOOPBACK))
		return -EINVAL; /* RFC 1122 3.2.1.3 (g) */
	dst->dev = r->dev;
	dst->next_hop = ip_from_v4(hop);
	path_mtu(cpu, ip_v4(&fl->dst), dst);
	if (r->dev->link->addr_len)
		dst->neigh = neigh_get(cpu, r->dev, &dst->next_hop);
	return 0;
}

static int route_slow(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	be32 saddr = ip_v4(&fl->src), daddr = ip_v4(&fl->dst);
	enum addr_type type = ip_addr_type(cpu, daddr);
	int err;

	if (saddr.raw && ip_addr_type(cpu, saddr) != ADDR_LOCAL)
		return -EINVAL;
	*dst = (struct dst){ .type = (u8)type };
	switch (type) {
	case ADDR_UNICAST:
		err = route_unicast(cpu, fl, dst);
		break;
	case ADDR_LOCAL:
		err = route_local(cpu, fl, dst);
		break;
	case ADDR_BROADCAST:
	case ADDR_MULTICAST:
		err = route_group(cpu, fl, dst);
		break;
	default:
		err = -EINVAL;
	}
	dst->sum = csum_fold16(csum_fold64((u64)ip_v4(&fl->src).raw + ip_v4(&fl->dst).raw)).raw;
	dst->gen = err ? 0 : cpu->dst_gen; /* after neigh_get(), which may have moved it */
	return err;
}

int ip_route_output(struct net_cpu *cpu, struct flow *fl, struct dst *dst)
{
	be32 saddr = ip_v4(&fl->src), daddr = ip_v4(&fl->dst);
	struct ip_dst_slot *slot = fl->dev ? NULL : ip_dst_cached(cpu, saddr, daddr);
	int err;

	if (likely(slot)) {
		*dst = slot->dst;
		fl->src = ip_from_v4(slot->src);
		return 0;
	}
	err = route_slow(cpu, fl, dst);
	if (!err && !fl->dev)
		*ip_dst_slot(cpu, daddr) = (struct ip_dst_slot){
			.daddr = daddr,
			.saddr = saddr,
			.src = ip_v4(&fl->src),
			.dst = *dst,
		};
	return err;
}
