/* SPDX-License-Identifier: MIT
 * af.c - IPv6 behind struct af_ops, where transports find it; birth and end of cpu->ip6.
 */
#include "net/ipv6/ip6_impl.h"

static u32 ipv6_gen(struct net_cpu *cpu)
{
	return cpu->dst_gen;
}

static u32 ipv6_pseudo_sum(const struct ip_addr *src, const struct ip_addr *dst, u8 proto, u32 len)
{
	return ip6_pseudo_sum(src, dst, proto, len);
}

static enum addr_type ipv6_addr_type(struct net_cpu *cpu, const struct ip_addr *a)
{
	return ip6_addr_type(cpu, a);
}

static void ipv6_confirm(struct net_cpu *cpu, struct dst *dst)
{
	if (dst->neigh && dst_valid(cpu, dst))
		neigh_confirm(cpu, dst->neigh);
}

/* Callers speak of IPv4's codes; ports are what they mean. */
static void ipv6_send_unreach(struct net_cpu *cpu, struct sk_buff *skb, u8 code)
{
	icmp6_send(cpu, skb, ICMPV6_DEST_UNREACH, code == 3 ? ICMPV6_PORT_UNREACH : ICMPV6_ADM_PROHIBITED, 0);
}

const struct af_ops ipv6_af = {
	.name = "ipv6",
	.family = AF_INET6,
	.ethertype = ETH_P_IPV6,
	.hdr_len = IPV6_HLEN,
	.route = ip6_route_output,
	.gen = ipv6_gen,
	.xmit = ip6_xmit,
	.xmit_sock = ip6_xmit_sock,
	.pseudo_sum = ipv6_pseudo_sum,
	.addr_type = ipv6_addr_type,
	.confirm = ipv6_confirm,
	.pmtu_update = ip6_pmtu_update,
	.send_unreach = ipv6_send_unreach,
};

/* A neighbour did not answer: whoever sent the packet hears of it (RFC 4861 7.2.2). */
static void host_unreachable(struct net_cpu *cpu, struct sk_buff *skb)
{
	icmp6_report(cpu, skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
}

int ip6_cpu_init(struct net_cpu *cpu)
{
	struct ip6_cpu *ip6 = kzalloc(sizeof(*ip6));

	if (!ip6)
		return -ENOMEM;
	cpu->ip6 = ip6;
	list_init(&ip6->pings);
	neigh_set_ops(cpu, &nd_neigh_ops);
	neigh_on_error(cpu, ETH_P_IPV6, host_unreachable);
	if (cpu->id == 0 && autoconf_init(cpu)) {
		kfree(ip6);
		cpu->ip6 = NULL;
		return -ENOMEM;
	}
	return 0;
}

void ip6_cpu_destroy(struct net_cpu *cpu)
{
	if (!cpu->ip6)
		return;
	if (cpu->ip6->autoconf)
		autoconf_destroy(cpu);
	ip6_fib_destroy(cpu);
	kfree(cpu->ip6);
	cpu->ip6 = NULL;
}
