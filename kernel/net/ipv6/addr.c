/* SPDX-License-Identifier: MIT
 * addr.c - the IPv6 addresses of this host, which of them to send from (RFC 6724), and how a change of the control path
 * reaches every CPU.
 *
 * Owns cpu->ip6->addrs and the table of what is local. CPU 0 makes a change and says whether it is allowed; the others
 * make the same one when its message comes. An address is local when its state is IP6_VALID.
 */
#include "net/ipv6/ip6_impl.h"

const struct ip_addr ip6_all_nodes = { .b = { 0xff, 2, [15] = 1 } };
const struct ip_addr ip6_all_routers = { .b = { 0xff, 2, [15] = 2 } };
const struct ip_addr ip6_all_mld2 = { .b = { 0xff, 2, [15] = 0x16 } };

static void change_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct ip6_change *c = container_of(msg, struct ip6_change, msg);

	c->apply(cpu, c);
	kfree(c);
}

int ip6_change_all(struct net *net, const struct ip6_change *c)
{
	int err = c->apply(net->cpus[0], c);

	for (unsigned i = 1; !err && i < net->nr_cpus; i++) {
		struct ip6_change *copy = kmalloc(sizeof(*copy));

		if (copy) {
			*copy = *c;
			copy->msg.fn = change_rcv;
			if (inbox_post(net->cpus[0], net->cpus[i], &copy->msg))
				continue;
			kfree(copy);
		}
		log_err("ipv6: CPU %u was not told of a change of addresses or routes", i);
		err = -ENOMEM;
	}
	return err;
}

/* ---- what an address is ---- */
enum addr_type ip6_addr_type_slow(const struct ip_addr *a)
{
	if (ip6_is_multicast(a))
		return ADDR_MULTICAST;
	if (ip6_is_unspecified(a))
		return ADDR_ANY;
	if (ip6_is_loopback(a))
		return ADDR_LOCAL;
	return ip_is_v4(a) ? ADDR_INVALID : ADDR_UNICAST; /* v4-mapped: never on the wire (RFC 4291 2.5.5.2) */
}

static void local_rebuild(struct net_cpu *cpu)
{
	struct ip6_cpu *ip6 = cpu->ip6;

	memset(ip6->local, 0, sizeof(ip6->local));
	for (unsigned i = 0; i < ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *a = &ip6->addrs[i];
		u32 at = ip6_hash(&a->addr) % IP6_LOCAL_SLOTS;

		if (a->state != IP6_VALID)
			continue;
		while (!ip6_is_unspecified(&ip6->local[at].addr))
			at = (at + 1) % IP6_LOCAL_SLOTS;
		ip6->local[at] = (struct ip6_local){ a->addr, a->dev };
	}
	cpu->dst_gen++;
}

static const struct ip_addr all_nodes_if = { .b = { 0xff, 1, [15] = 1 } };

/* The groups follow from what we are: every node's, every router's, and one per address. */
bool ip6_is_member(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *group)
{
	if (ip_eq(group, &ip6_all_nodes) || ip_eq(group, &all_nodes_if))
		return true;
	if (ip_eq(group, &ip6_all_routers))
		return cpu->sysctl.ip6_forwarding;
	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];
		struct ip_addr g = ip6_solicited_node(&a->addr);

		if (a->dev == dev && a->state != IP6_DUPLICATE && ip_eq(&g, group))
			return true;
	}
	return false;
}

unsigned ip6_groups(const struct net_cpu *cpu, const struct net_device *dev, struct ip_addr *out, unsigned max)
{
	unsigned n = 0, i, k;

	for (i = 0; i < cpu->ip6->nr_addrs && n < max; i++) {
		const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];

		out[n] = ip6_solicited_node(&a->addr);
		for (k = 0; k < n && !ip_eq(&out[k], &out[n]); k++)
			;
		n += a->dev == dev && a->state != IP6_DUPLICATE && k == n;
	}
	if (n < max)
		out[n++] = ip6_all_nodes;
	if (n < max)
		out[n++] = all_nodes_if;
	if (n < max && cpu->sysctl.ip6_forwarding)
		out[n++] = ip6_all_routers;
	return n;
}

struct ip6_ifaddr *ip6_find_addr(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++)
		if (cpu->ip6->addrs[i].dev == dev && ip_eq(&cpu->ip6->addrs[i].addr, addr))
			return &cpu->ip6->addrs[i];
	return NULL;
}

const struct ip6_ifaddr *ip6_link_local(struct net_cpu *cpu, const struct net_device *dev, bool tentative_too)
{
	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];

		if (a->dev == dev && ip6_is_link_local(&a->addr) &&
		    (a->state == IP6_VALID || (tentative_too && a->state == IP6_TENTATIVE)))
			return a;
	}
	return NULL;
}

const struct ip6_ifaddr *ip6_addr_get(const struct net_cpu *cpu, unsigned i)
{
	return i < cpu->ip6->nr_addrs ? &cpu->ip6->addrs[i] : NULL;
}

/* ---- changes ---- */
static int apply_addr_set(struct net_cpu *cpu, const struct ip6_change *c)
{
	struct ip6_cpu *ip6 = cpu->ip6;
	struct ip6_ifaddr *a = ip6_find_addr(cpu, c->addr.dev, &c->addr.addr);
	bool same_use = a && a->state == c->addr.state && !((a->flags ^ c->addr.flags) & IP6_F_OPTIMISTIC);

	if (!a && ip6->nr_addrs >= IP6_ADDRS_MAX)
		return -ENOSPC;
	if (!a)
		a = &ip6->addrs[ip6->nr_addrs++];
	*a = c->addr;
	if (!same_use)
		local_rebuild(cpu);
	return 0;
}

static int apply_addr_forget(struct net_cpu *cpu, const struct ip6_change *c)
{
	struct ip6_cpu *ip6 = cpu->ip6;
	struct ip6_ifaddr *a = ip6_find_addr(cpu, c->addr.dev, &c->addr.addr);

	if (!a)
		return -EADDRNOTAVAIL;
	*a = ip6->addrs[--ip6->nr_addrs];
	local_rebuild(cpu);
	return 0;
}

static int apply_params(struct net_cpu *cpu, const struct ip6_change *c)
{
	struct ip6_params *p = &cpu->ip6->params[c->dev->ifindex];

	if (p->mtu != c->params.mtu || p->up != c->params.up || p->hop_limit != c->params.hop_limit)
		cpu->dst_gen++;
	*p = c->params;
	return 0;
}

int ip6_addr_set(struct net *net, const struct ip6_ifaddr *a)
{
	return ip6_change_all(net, &(struct ip6_change){ .apply = apply_addr_set, .addr = *a });
}

int ip6_addr_forget(struct net *net, const struct ip6_ifaddr *a)
{
	return ip6_change_all(net, &(struct ip6_change){ .apply = apply_addr_forget, .addr = *a });
}

int ip6_params_set(struct net *net, struct net_device *dev, const struct ip6_params *p)
{
	return ip6_change_all(net, &(struct ip6_change){ .apply = apply_params, .dev = dev, .params = *p });
}

/* ---- which address to send from (RFC 6724) ---- */
/* RFC 4291 2.7, RFC 6724 3.1: link-local is 2, all other unicast global. */
static unsigned scope_of(const struct ip_addr *a)
{
	if (ip6_is_multicast(a))
		return a->b[1] & 15;
	return ip6_is_link_local(a) || ip6_is_loopback(a) ? 2 : 14;
}

static unsigned label_of(const struct ip_addr *a) /* RFC 6724 2.1, the default policy table */
{
	static const struct {
		struct ip_addr prefix;
		u8 plen, label;
	} table[] = {
		{ { .b = { [15] = 1 } }, 128, 0 },
		{ { .b = { 0x20, 1 } }, 32, 5 },
		{ { .b = { 0x20, 2 } }, 16, 2 },
		{ { .b = { 0x3f, 0xfe } }, 16, 12 },
		{ { .b = { 0xfe, 0xc0 } }, 10, 11 },
		{ { .b = { 0xfc } }, 7, 13 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(table); i++)
		if (ip_prefix_eq(a, &table[i].prefix, table[i].plen))
			return table[i].label;
	return 1;
}

static unsigned common_bits(const struct ip_addr *a, const struct ip_addr *b, unsigned most)
{
	unsigned n = 0;

	while (n < most && !((a->b[n / 8] ^ b->b[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return n;
}

/* Deprecated, or, as Linux has it, optimistic. */
static bool is_second_choice(const struct net_cpu *cpu, const struct ip6_ifaddr *a)
{
	return a->preferred_ns <= cpu->now_ns || (a->flags & IP6_F_OPTIMISTIC && !cpu->sysctl.ip6_use_optimistic);
}

/* Rules 1, 2, 3, 6 and 8 of RFC 6724 5; the candidates are of the outgoing device (rule 5), and rules 4 and 7 are about
 * kinds of addresses that we have none of. */
static bool is_better(struct net_cpu *cpu, const struct ip6_ifaddr *a, const struct ip6_ifaddr *b, const struct ip_addr *dst)
{
	unsigned sa = scope_of(&a->addr), sb = scope_of(&b->addr), sd = scope_of(dst), label = label_of(dst);
	bool old_a = is_second_choice(cpu, a), old_b = is_second_choice(cpu, b);

	if (ip_eq(&a->addr, dst) || ip_eq(&b->addr, dst))
		return ip_eq(&a->addr, dst);
	if (sa != sb)
		return sa < sb ? sa >= sd : sb < sd;
	if (old_a != old_b)
		return old_b;
	if ((label_of(&a->addr) == label) != (label_of(&b->addr) == label))
		return label_of(&a->addr) == label;
	return common_bits(&a->addr, dst, a->plen) > common_bits(&b->addr, dst, b->plen);
}

struct ip_addr ip6_select_src(struct net_cpu *cpu, const struct net_device *dev, const struct ip_addr *dst)
{
	const struct ip6_ifaddr *best = NULL;

	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];

		if (a->dev == dev && a->state == IP6_VALID && (!best || is_better(cpu, a, best, dst)))
			best = a;
	}
	return best ? best->addr : (struct ip_addr){ .q = { 0, 0 } };
}
