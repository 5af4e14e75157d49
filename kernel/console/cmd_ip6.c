/* SPDX-License-Identifier: MIT
 * cmd_ip6.c - the IPv6 half of `ip`: addresses with their state and lifetimes, routes, neighbours, as iproute2 prints them.
 */
#include "console/ip6.h"
#include "net/ipv6/ip6.h"

static void print_life(struct console_call *c, const char *name, u64 until_ns)
{
	if (until_ns == TIME_NEVER)
		out_printf(c->out, " %s forever", name);
	else
		out_printf(c->out, " %s %llusec", name,
			   (unsigned long long)(until_ns > c->cpu->now_ns ? (until_ns - c->cpu->now_ns) / NSEC_PER_SEC : 0));
}

static void print_addr(struct console_call *c, const struct ip6_ifaddr *a)
{
	static const char *const states[] = { [IP6_TENTATIVE] = " tentative", [IP6_VALID] = "", [IP6_DUPLICATE] = " dadfailed" };
	char text[IP_NTOP_MAX];

	out_printf(c->out, "    inet6 %s/%u scope %s%s%s%s%s%s\n      ", ip_ntop(&a->addr, text), a->plen,
		   ip6_is_link_local(&a->addr) ? "link" : "global", a->flags & IP6_F_AUTO ? " dynamic" : "",
		   a->flags & IP6_F_OPTIMISTIC ? " optimistic tentative" : "", states[a->state], a->preferred_ns <= c->cpu->now_ns ? " deprecated" : "",
		   a->flags & IP6_F_STABLE ? " stable-privacy" : "");
	print_life(c, "valid_lft", a->valid_ns);
	print_life(c, "preferred_lft", a->preferred_ns);
	out_printf(c->out, "\n");
}

void ip6_show_addrs(struct console_call *c, const struct net_device *dev)
{
	const struct ip6_ifaddr *a;

	if (dev->flags & IFF_LOOPBACK)
		out_printf(c->out, "    inet6 ::1/128 scope host \n       valid_lft forever preferred_lft forever\n");
	for (unsigned i = 0; (a = ip6_addr_get(c->cpu, i)); i++)
		if (a->dev == dev)
			print_addr(c, a);
}

/* A link's own prefix comes with its address. */
const char *ip6_route_proto(const struct ip6_route *r)
{
	return r->boot ? "boot" : r->ra ? "ra" : ip6_is_unspecified(&r->gateway) ? "kernel" : "static";
}

void ip6_show_routes(struct console_call *c)
{
	const struct ip6_route *r;
	struct ip_addr dns[IP6_DNS_MAX];
	char text[IP_NTOP_MAX];

	for (unsigned i = 0; (r = ip6_route_get(c->cpu, i)); i++) {
		if (!r->plen)
			out_printf(c->out, "default");
		else if (r->plen == 128)
			out_printf(c->out, "%s", ip_ntop(&r->dst, text));
		else
			out_printf(c->out, "%s/%u", ip_ntop(&r->dst, text), r->plen);
		if (!ip6_is_unspecified(&r->gateway))
			out_printf(c->out, " via %s", ip_ntop(&r->gateway, text));
		out_printf(c->out, " dev %s", r->dev->name);
		if (!r->boot)
			out_printf(c->out, " proto %s", ip6_route_proto(r));
		out_printf(c->out, " metric %u pref medium\n", r->metric);
	}
	for (unsigned i = 0, n = ip6_dns_servers(c->cpu, dns, IP6_DNS_MAX); i < n; i++)
		out_printf(c->out, "# resolver %s\n", ip_ntop(&dns[i], text));
}
