/* SPDX-License-Identifier: MIT
 * udp_opt.c - the options of UDP endpoints: TOS, TTL, path MTU, IP options, and groups (RFC 1122 4.1.4, RFC 1112 6, 7).
 *
 * Owns u->groups and u->opts. Runs in base with softirq held off.
 */
#include "net/ipv4/udp_impl.h"
#include "net/ipv4/ip_impl.h"

/* ---- groups ---- */
/* The device that a request names: by number, by an address of it, or none (*dev NULL: the route decides). */
static int mreq_dev(struct net_cpu *cpu, const struct ip_mreqn *m, struct net_device **dev)
{
	*dev = NULL;
	if (m->imr_ifindex) {
		*dev = m->imr_ifindex > 0 && m->imr_ifindex <= MAX_NETDEVS ? cpu->net->devs[m->imr_ifindex - 1] : NULL;
		return *dev ? 0 : -ENODEV;
	}
	if (!m->imr_address.raw)
		return 0;
	for (unsigned i = 0; i < cpu->ip->nr_addrs; i++)
		if (be32_eq(cpu->ip->addrs[i].addr, m->imr_address))
			*dev = cpu->ip->addrs[i].dev;
	return *dev ? 0 : -ENODEV;
}

static struct udp_group **group_find(struct udp_sock *u, const struct net_device *dev, be32 group)
{
	struct udp_group **at = &u->groups;

	while (*at && !(be32_eq((*at)->group, group) && (!dev || (*at)->dev == dev)))
		at = &(*at)->next;
	return at;
}

static int group_join(struct udp_sock *u, struct net_device *dev, be32 group)
{
	struct net_cpu *cpu = u->sk.cpu;
	struct udp_group *g;
	s64 n = 0;
	int err;

	for (g = u->groups; g; g = g->next)
		n++;
	if (*group_find(u, dev, group))
		return -EADDRINUSE;
	if (n >= cpu->sysctl.igmp_max_memberships)
		return -ENOBUFS;
	g = kzalloc(sizeof(*g));
	if (!g)
		return -ENOMEM;
	err = ip_mc_join(cpu, &dev, group);
	if (err) {
		kfree(g);
		return err;
	}
	*g = (struct udp_group){ .next = u->groups, .dev = dev, .group = group };
	u->groups = g;
	return 0;
}

static int group_leave(struct udp_sock *u, struct net_device *dev, be32 group)
{
	struct udp_group **at = group_find(u, dev, group), *g = *at;

	if (!g)
		return -EADDRNOTAVAIL;
	*at = g->next;
	ip_mc_leave(u->sk.cpu, g->dev, g->group);
	kfree(g);
	return 0;
}

static int set_group(struct udp_sock *u, int opt, const void *val, unsigned len)
{
	struct ip_mreqn m = { .imr_ifindex = 0 };
	struct net_device *dev;
	int err;

	if (len < offsetof(struct ip_mreqn, imr_ifindex))
		return -EINVAL;
	memcpy(&m, val, MIN(len, (unsigned)sizeof(m)));
	err = mreq_dev(u->sk.cpu, &m, &dev);
	if (err)
		return err;
	if (opt == IP_MULTICAST_IF) {
		u->mc_dev = dev;
		return 0;
	}
	return opt == IP_ADD_MEMBERSHIP ? group_join(u, dev, m.imr_multiaddr) : group_leave(u, dev, m.imr_multiaddr);
}

/* ---- options of IP ---- */
static int set_options(struct udp_sock *u, const void *val, unsigned len)
{
	u8 hdr[IPV4_HLEN_MAX] = { 0 };
	unsigned padded = (len + 3) & ~3u;
	struct ipv4_options parsed;
	u8 *opts = NULL;

	if (len > IP_OPTIONS_MAX)
		return -EINVAL;
	if (len)
		memcpy(hdr + IPV4_HLEN, val, len);
	if (!ipv4_options_parse(hdr, IPV4_HLEN + padded, &parsed) || parsed.source_route)
		return -EINVAL;
	if (len && !(opts = kzalloc(padded)))
		return -ENOMEM;
	if (len)
		memcpy(opts, hdr + IPV4_HLEN, padded);
	kfree(u->opts);
	u->opts = opts;
	u->optlen = (u8)padded;
	return 0;
}

void udp_options_drop(struct udp_sock *u)
{
	while (u->groups)
		group_leave(u, u->groups->dev, u->groups->group);
	kfree(u->opts);
	u->opts = NULL;
	u->optlen = 0;
}

/* ---- numbers ---- */
static int set_number(struct udp_sock *u, int opt, int v)
{
	switch (opt) {
	case IP_TOS:
		if (v < 0 || v > 255)
			return -EINVAL;
		u->sk.tos = (u8)v;
		u->sk.priority = 0; /* the last word counts */
		return 0;
	case IP_TTL:
		if (v < -1 || v > 255 || !v)
			return -EINVAL;
		u->sk.ttl = v < 0 ? 0 : (u8)v;
		return 0;
	case IP_MTU_DISCOVER:
		if (v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_DO)
			return -EINVAL;
		u->pmtudisc = (u8)v;
		return 0;
	case IP_MULTICAST_TTL:
		if (v < -1 || v > 255)
			return -EINVAL;
		u->mc_ttl = v < 0 ? 1 : (u8)v;
		return 0;
	case IP_MULTICAST_LOOP:
		u->mc_loop = v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

int udp_setsockopt(struct sock *sk, int level, int opt, const void *val, unsigned len)
{
	int v;

	if (level != SOL_IP)
		return -ENOPROTOOPT;
	if (opt == IP_OPTIONS)
		return set_options(udp_sk(sk), val, len);
	if (opt == IP_ADD_MEMBERSHIP || opt == IP_DROP_MEMBERSHIP || opt == IP_MULTICAST_IF)
		return set_group(udp_sk(sk), opt, val, len);
	if (!len)
		return -EINVAL;
	v = *(const u8 *)val; /* a byte is enough */
	if (len >= sizeof(v))
		memcpy(&v, val, sizeof(v));
	return set_number(udp_sk(sk), opt, v);
}

static int get_number(struct sock *sk, int opt, int *v)
{
	switch (opt) {
	case IP_TOS:
		*v = sk->tos;
		return 0;
	case IP_TTL:
		*v = sk->ttl ? sk->ttl : (int)sk->cpu->sysctl.ip_default_ttl;
		return 0;
	case IP_MTU_DISCOVER:
		*v = udp_sk(sk)->pmtudisc;
		return 0;
	case IP_MULTICAST_TTL:
		*v = udp_sk(sk)->mc_ttl;
		return 0;
	case IP_MULTICAST_LOOP:
		*v = udp_sk(sk)->mc_loop;
		return 0;
	case IP_MTU:
		*v = (int)sk->dst.mtu;
		return udp_sk(sk)->connected ? 0 : -ENOTCONN;
	default:
		return -ENOPROTOOPT;
	}
}

int udp_getsockopt(struct sock *sk, int level, int opt, void *val, unsigned *len)
{
	struct udp_sock *u = udp_sk(sk);
	int v, err;

	if (level == SOL_IP && opt == IP_OPTIONS) {
		if (*len < u->optlen)
			return -EINVAL;
		if (u->optlen)
			memcpy(val, u->opts, u->optlen);
		*len = u->optlen;
		return 0;
	}
	err = level == SOL_IP ? get_number(sk, opt, &v) : -ENOPROTOOPT;
	if (err)
		return err;
	*len = MIN(*len, (unsigned)sizeof(v));
	memcpy(val, &v, *len);
	return 0;
}
