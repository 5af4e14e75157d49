/* SPDX-License-Identifier: MIT
 * multicast.c - which groups does this CPU belong to? (RFC 1112 6, 7)
 *
 * Owns cpu->ip->mc, a short table that the way in asks for each multicast; drivers take in all groups. The first user of
 * a group and the last are told to CPU 0, whose igmp.c tells the routers.
 */
#include "net/ipv4/ip_impl.h"

static struct ip_mc *find(struct ip_cpu *ip, const struct net_device *dev, be32 group)
{
	for (unsigned i = 0; i < ip->nr_mc; i++)
		if (ip->mc[i].dev == dev && be32_eq(ip->mc[i].group, group))
			return &ip->mc[i];
	return NULL;
}

bool ip_mc_is_member(const struct net_cpu *cpu, const struct net_device *dev, be32 group)
{
	const struct ip_cpu *ip = cpu->ip;

	if (be32_eq(group, IGMP_ALL_SYSTEMS))
		return true;
	for (unsigned i = 0; i < ip->nr_mc; i++)
		if (be32_eq(ip->mc[i].group, group) && (ip->mc[i].dev == dev || (dev->flags & IFF_LOOPBACK)))
			return true;
	return false;
}

const struct ip_mc *ip_mc_get(const struct net_cpu *cpu, unsigned i)
{
	return i < cpu->ip->nr_mc ? &cpu->ip->mc[i] : NULL;
}

/* ---- CPU 0 hears of it ---- */
struct mc_msg {
	struct inbox_msg msg;
	struct net_device *dev;
	be32 group;
	bool joined;
};

static void mc_msg_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct mc_msg *m = container_of(msg, struct mc_msg, msg);

	igmp_group_users(cpu, m->dev, m->group, m->joined);
	kfree(m);
}

static int tell(struct net_cpu *cpu, struct net_device *dev, be32 group, bool joined)
{
	struct mc_msg *m;

	if (!cpu->id)
		return igmp_group_users(cpu, dev, group, joined);
	m = kmalloc(sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct mc_msg){ .msg.fn = mc_msg_rcv, .dev = dev, .group = group, .joined = joined };
	if (inbox_post(cpu, cpu->net->cpus[0], &m->msg))
		return 0;
	kfree(m);
	return -ENOBUFS;
}

/* ---- joining and leaving ---- */
static struct net_device *default_dev(struct net_cpu *cpu, be32 group)
{
	struct flow fl = { .dst = ip_from_v4(group) };
	struct dst dst;

	return ip_route_output(cpu, &fl, &dst) ? NULL : dst.dev;
}

int ip_mc_join(struct net_cpu *cpu, struct net_device **on, be32 group)
{
	struct ip_cpu *ip = cpu->ip;
	struct net_device *dev = *on;
	struct ip_mc *m;
	int err;

	if (!v4_is_multicast(group))
		return -EINVAL;
	dev = *on = dev ?: default_dev(cpu, group);
	if (!dev)
		return -ENODEV;
	m = find(ip, dev, group);
	if (m) {
		m->users++;
		return 0;
	}
	if (ip->nr_mc == IP_MC_MAX)
		return -ENOBUFS;
	err = tell(cpu, dev, group, true);
	if (!err)
		ip->mc[ip->nr_mc++] = (struct ip_mc){ .group = group, .dev = dev, .users = 1 };
	return err;
}

int ip_mc_leave(struct net_cpu *cpu, struct net_device *dev, be32 group)
{
	struct ip_cpu *ip = cpu->ip;
	struct ip_mc *m;

	m = find(ip, dev, group);
	if (!m)
		return -EADDRNOTAVAIL;
	if (--m->users)
		return 0;
	*m = ip->mc[--ip->nr_mc];
	if (tell(cpu, dev, group, false))
		log_warn("ip: CPU 0 was not told that CPU %u left a group", cpu->id);
	return 0;
}
