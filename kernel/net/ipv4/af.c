/* SPDX-License-Identifier: MIT
 * af.c - IPv4 behind struct af_ops, where transports find it; birth and end of cpu->ip.
 */
#include "net/ipv4/ip_impl.h"
#include "net/core/sock.h"

static u32 ipv4_gen(struct net_cpu *cpu)
{
	return cpu->dst_gen;
}

static u32 ipv4_pseudo_sum(const struct ip_addr *src, const struct ip_addr *dst, u8 proto, u32 len)
{
	return csum_tcpudp_nofold(ip_v4(src), ip_v4(dst), len, proto);
}

static enum addr_type ipv4_addr_type(struct net_cpu *cpu, const struct ip_addr *a)
{
	return ip_addr_type(cpu, ip_v4(a));
}

static void ipv4_confirm(struct net_cpu *cpu, struct dst *dst)
{
	if (dst->neigh && dst_valid(cpu, dst))
		neigh_confirm(cpu, dst->neigh);
}

static void ipv4_pmtu_update(struct net_cpu *cpu, const struct ip_addr *daddr, u32 mtu)
{
	ip_pmtu_update(cpu, ip_v4(daddr), mtu);
}

static void ipv4_send_unreach(struct net_cpu *cpu, struct sk_buff *skb, u8 code)
{
	icmp_send(cpu, skb, ICMP_DEST_UNREACH, code, 0);
}

const struct af_ops ipv4_af = {
	.name = "ipv4",
	.family = AF_INET,
	.ethertype = ETH_P_IP,
	.hdr_len = IPV4_HLEN,
	.route = ip_route_output,
	.gen = ipv4_gen,
	.xmit = ip_xmit,
	.xmit_sock = ip_xmit_sock,
	.pseudo_sum = ipv4_pseudo_sum,
	.addr_type = ipv4_addr_type,
	.confirm = ipv4_confirm,
	.pmtu_update = ipv4_pmtu_update,
	.send_unreach = ipv4_send_unreach,
};

/* A neighbour did not answer: whoever sent the packet hears of it (RFC 1812 5.2.7.1). */
static void host_unreachable(struct net_cpu *cpu, struct sk_buff *skb)
{
	icmp_report(cpu, skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
}

int ip_cpu_init(struct net_cpu *cpu)
{
	struct ip_cpu *ip = kzalloc(sizeof(*ip));

	if (!ip)
		return -ENOMEM;
	cpu->ip = ip;
	icmp_cpu_init(cpu);
	list_init(&ip->igmp.links);
	list_init(&ip->igmp.groups);
	neigh_on_error(cpu, ETH_P_IP, host_unreachable);
	return 0;
}

void ip_cpu_destroy(struct net_cpu *cpu)
{
	if (!cpu->ip)
		return;
	igmp_destroy(cpu);
	ip_fib_destroy(cpu);
	kfree(cpu->ip);
	cpu->ip = NULL;
}
