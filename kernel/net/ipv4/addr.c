/* SPDX-License-Identifier: MIT
 * addr.c - the IPv4 addresses of this host, and how a change of the control path reaches every CPU.
 *
 * Owns cpu->ip->addrs and the table of what is local or a subnet's broadcast (RFC 1122 3.2.1.3,
 * 3.3.6), which the way in asks for each packet. CPU 0 makes a change and says whether it is
 * allowed; the others make the same one when its message comes.
 */
#include "net/ipv4/ip_impl.h"

static void change_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct ip_change *c = container_of(msg, struct ip_change, msg);

	c->apply(cpu, c);
	kfree(c);
}

int ip_change_all(struct net *net, const struct ip_change *c)
{
	int err = c->apply(net->cpus[0], c);

	for (unsigned i = 1; !err && i < net->nr_cpus; i++) {
		struct ip_change *copy = kmalloc(sizeof(*copy));

		if (copy) {
			*copy = *c;
			copy->msg.fn = change_rcv;
			if (inbox_post(net->cpus[0], net->cpus[i], &copy->msg))
				continue;
			kfree(copy);
		}
		log_err("ip: CPU %u was not told of a change of addresses or routes", i);
		err = -ENOMEM;
	}
	return err;
}

/* ---- what an address is ---- */
static void local_insert(struct net_cpu *cpu, be32 addr, enum addr_type type,
			 struct net_device *dev)
{
	struct ip_local *tab = cpu->ip->local;
	u32 i = (addr.raw * 0x9e3779b1u) >> 25;

	for (; tab[i].addr.raw; i = (i + 1) % IP_LOCAL_SLOTS)
		if (be32_eq(tab[i].addr, addr))
			break;
	if (tab[i].addr.raw && tab[i].type == ADDR_LOCAL)
		return; /* ours is stronger than a broadcast of another subnet */
	tab[i] = (struct ip_local){ .addr = addr, .type = (u8)type, .dev = dev };
}

/* Subnets with a broadcast address have two forms of it: all ones and, of old, all zeros (RFC 1122
 * 3.3.6). */
static bool has_broadcast(const struct ip_ifaddr *a)
{
	return a->plen <= 30 && !(a->dev->flags & IFF_LOOPBACK);
}

static void local_rebuild(struct net_cpu *cpu)
{
	struct ip_cpu *ip = cpu->ip;

	memset(ip->local, 0, sizeof(ip->local));
	for (unsigned i = 0; i < ip->nr_addrs; i++)
		local_insert(cpu, ip->addrs[i].addr, ADDR_LOCAL, ip->addrs[i].dev);
	for (unsigned i = 0; i < ip->nr_addrs; i++) {
		const struct ip_ifaddr *a = &ip->addrs[i];

		if (!has_broadcast(a))
			continue;
		local_insert(cpu, (be32){ a->addr.raw | ~a->mask.raw }, ADDR_BROADCAST, a->dev);
		local_insert(cpu, (be32){ a->addr.raw & a->mask.raw }, ADDR_BROADCAST, a->dev);
	}
	cpu->dst_gen++;
}

enum addr_type ip_addr_type_slow(struct net_cpu *cpu, be32 a)
{
	u32 h = be32_get(a);

	if (h == 0)
		return ADDR_ANY;
	if (h == 0xffffffff)
		return ADDR_BROADCAST;
	if (v4_is_multicast(a))
		return ADDR_MULTICAST;
	if (v4_is_loopback(a))
		return ADDR_LOCAL;
	return h >> 28 == 0xf || h >> 24 == 0 ? ADDR_INVALID : ADDR_UNICAST;
}

/* ---- adding and taking away ---- */
static int find_addr(const struct ip_cpu *ip, const struct net_device *dev, be32 addr)
{
	for (unsigned i = 0; i < ip->nr_addrs; i++)
		if (ip->addrs[i].dev == dev && be32_eq(ip->addrs[i].addr, addr))
			return (int)i;
	return -ENOENT;
}

static struct ip_route connected_route(const struct ip_ifaddr *a)
{
	return (struct ip_route){
		.dst = { a->addr.raw & a->mask.raw },
		.mask = a->mask,
		.src = a->addr,
		.dev = a->dev,
		.plen = a->plen,
	};
}

static int apply_addr_add(struct net_cpu *cpu, const struct ip_change *c)
{
	struct ip_cpu *ip = cpu->ip;
	struct ip_ifaddr a = {
		.addr = c->addr, .mask = v4_mask(c->plen), .dev = c->dev, .plen = c->plen
	};
	struct ip_route connected = connected_route(&a);
	int err;

	if (ip->nr_addrs >= ARP_OWN_MAX)
		return -ENOSPC;
	err = arp_own_add(cpu, c->dev, c->addr, a.mask, cpu->id == 0);
	if (err)
		return err;
	err = ip_fib_insert(cpu, &connected);
	if (err && err != -EEXIST) { /* a second address of the same subnet shares its route */
		arp_own_del(cpu, c->dev, c->addr);
		return err;
	}
	ip->addrs[ip->nr_addrs++] = a;
	local_rebuild(cpu);
	return 0;
}

int ip_addr_add(struct net *net, struct net_device *dev, be32 addr, unsigned prefix_len)
{
	struct net_cpu *cpu = net->cpus[0];
	u32 host = prefix_len <= 32 ? be32_get(addr) & ~be32_get(v4_mask(prefix_len)) : 0;
	bool loopback = dev->flags & IFF_LOOPBACK;
	enum addr_type want = v4_is_loopback(addr) && loopback ? ADDR_LOCAL : ADDR_UNICAST;

	if (!prefix_len || prefix_len > 32 || ip_addr_type_slow(cpu, addr) != want)
		return -EINVAL;
	if (prefix_len <= 30 && (!host || host == ~be32_get(v4_mask(prefix_len))))
		return -EINVAL; /* the subnet itself or its broadcast */
	for (unsigned i = 0; i < cpu->ip->nr_addrs; i++)
		if (be32_eq(cpu->ip->addrs[i].addr, addr))
			return -EEXIST;
	return ip_change_all(net, &(struct ip_change){ .apply = apply_addr_add,
						       .dev = dev,
						       .addr = addr,
						       .plen = (u8)prefix_len });
}

/* The connected route of the address, and what was reached through a gateway of its subnet. */
static bool route_of_addr(const struct ip_route *r, const void *arg)
{
	const struct ip_ifaddr *a = arg;

	if (r->dev != a->dev)
		return false;
	if (be32_eq(r->src, a->addr))
		return true;
	return r->gateway.raw && !((r->gateway.raw ^ a->addr.raw) & a->mask.raw);
}

static int apply_addr_del(struct net_cpu *cpu, const struct ip_change *c)
{
	struct ip_cpu *ip = cpu->ip;
	int i = find_addr(ip, c->dev, c->addr);
	struct ip_ifaddr a;

	if (i < 0)
		return -EADDRNOTAVAIL;
	a = ip->addrs[i];
	ip->nr_addrs--;
	memmove(&ip->addrs[i], &ip->addrs[i + 1], (ip->nr_addrs - (unsigned)i) * sizeof(a));
	ip_fib_remove(cpu, route_of_addr, &a);
	/* one that shared the route has it now; no memory is needed for it */
	for (unsigned j = 0; j < ip->nr_addrs; j++) {
		struct ip_route connected = connected_route(&ip->addrs[j]);

		ip_fib_insert(cpu, &connected);
	}
	arp_own_del(cpu, c->dev, c->addr);
	local_rebuild(cpu);
	return 0;
}

int ip_addr_del(struct net *net, struct net_device *dev, be32 addr)
{
	return ip_change_all(
		net, &(struct ip_change){ .apply = apply_addr_del, .dev = dev, .addr = addr });
}

be32 ip_dev_addr(struct net_cpu *cpu, struct net_device *dev, unsigned *prefix_len)
{
	for (unsigned i = 0; i < cpu->ip->nr_addrs; i++) {
		const struct ip_ifaddr *a = &cpu->ip->addrs[i];

		if (a->dev != dev)
			continue;
		if (prefix_len)
			*prefix_len = a->plen;
		return a->addr;
	}
	return (be32){ 0 };
}

/* RFC 1122 3.3.4.3: the address in whose subnet the next hop is, else the first of the device. */
be32 ip_select_src(struct net_cpu *cpu, const struct net_device *dev, be32 next_hop)
{
	be32 first = { 0 };

	for (unsigned i = 0; i < cpu->ip->nr_addrs; i++) {
		const struct ip_ifaddr *a = &cpu->ip->addrs[i];

		if (a->dev != dev)
			continue;
		if (!((a->addr.raw ^ next_hop.raw) & a->mask.raw))
			return a->addr;
		if (!first.raw)
			first = a->addr;
	}
	return first;
}
