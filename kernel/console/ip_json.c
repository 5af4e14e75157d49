/* SPDX-License-Identifier: MIT
 * ip_json.c - `ip --json`: links, addresses, routes and neighbours with the members of iproute2's -j, so that what reads those
 * reads these.
 */
#include "console/ip_json.h"
#include "console/ip6.h"
#include "console/json.h"
#include "lib/printf.h"
#include "net/core/dev.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "net/link/neigh.h"

#define FOREVER 4294967295u

static const char *mac_text(const u8 *a, char buf[18])
{
	snprintf(buf, 18, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
	return buf;
}

static void member_ip(struct json *j, const char *name, const struct ip_addr *a)
{
	char text[IP_NTOP_MAX];

	json_text(j, name, ip_ntop(a, text));
}

static void member_v4(struct json *j, const char *name, be32 a)
{
	struct ip_addr ip = ip_from_v4(a);

	member_ip(j, name, &ip);
}

static void stats(struct json *j, const char *name, const struct dev_stats *s)
{
	json_open(j, name, '{');
	json_number(j, "bytes", s->bytes);
	json_number(j, "packets", s->packets);
	json_number(j, "errors", s->errors);
	json_number(j, "dropped", s->dropped);
	json_close(j, '}');
}

static u64 life(const struct console_call *c, u64 until_ns)
{
	if (until_ns == TIME_NEVER)
		return FOREVER;
	return until_ns > c->cpu->now_ns ? (until_ns - c->cpu->now_ns) / NSEC_PER_SEC : 0;
}

static void lives(struct json *j, u64 valid, u64 preferred)
{
	json_number(j, "valid_life_time", valid);
	json_number(j, "preferred_life_time", preferred);
	json_close(j, '}');
}

static void inet(struct console_call *c, struct json *j, struct net_device *dev)
{
	unsigned plen;
	be32 addr = ip_dev_addr(c->cpu, dev, &plen);

	if (!addr.raw)
		return;
	json_open(j, NULL, '{');
	json_text(j, "family", "inet");
	member_v4(j, "local", addr);
	json_number(j, "prefixlen", plen);
	if (dev->flags & IFF_BROADCAST && plen < 31)
		member_v4(j, "broadcast", (be32){ addr.raw | ~v4_mask(plen).raw });
	json_text(j, "scope", dev->flags & IFF_LOOPBACK ? "host" : "global");
	json_text(j, "label", dev->name);
	lives(j, FOREVER, FOREVER);
}

static void inet6(struct console_call *c, struct json *j, const struct ip6_ifaddr *a)
{
	json_open(j, NULL, '{');
	json_text(j, "family", "inet6");
	member_ip(j, "local", &a->addr);
	json_number(j, "prefixlen", a->plen);
	json_text(j, "scope", ip6_is_link_local(&a->addr) ? "link" : "global");
	if (a->flags & IP6_F_AUTO)
		json_bool(j, "dynamic", true);
	if (a->flags & IP6_F_OPTIMISTIC) {
		json_bool(j, "optimistic", true);
		json_bool(j, "tentative", true);
	}
	if (a->state != IP6_VALID)
		json_bool(j, a->state == IP6_TENTATIVE ? "tentative" : "dadfailed", true);
	if (a->flags & IP6_F_STABLE)
		json_bool(j, "stable-privacy", true);
	lives(j, life(c, a->valid_ns), life(c, a->preferred_ns));
}

static void addr_info(struct console_call *c, struct json *j, const struct ip_options *o, struct net_device *dev)
{
	const struct ip6_ifaddr *a;

	json_open(j, "addr_info", '[');
	if (!o->six)
		inet(c, j, dev);
	if (!o->four && dev->flags & IFF_LOOPBACK)
		inet6(c, j, &(struct ip6_ifaddr){ .addr.b[15] = 1, .plen = 128, .state = IP6_VALID,
						  .valid_ns = TIME_NEVER, .preferred_ns = TIME_NEVER });
	for (unsigned i = 0; !o->four && (a = ip6_addr_get(c->cpu, i)); i++)
		if (a->dev == dev)
			inet6(c, j, a);
	json_close(j, ']');
}

static void link_members(struct json *j, const struct net_device *dev)
{
	char mac[18];

	json_number(j, "ifindex", dev->ifindex);
	json_text(j, "ifname", dev->name);
	json_open(j, "flags", '[');
	for (const struct ip_flag *f = ip_iff_names; f->name; f++)
		if (dev->flags & f->bit)
			json_text(j, NULL, f->name);
	json_text(j, NULL, dev->carrier ? "LOWER_UP" : "NO-CARRIER");
	json_close(j, ']');
	json_number(j, "mtu", dev->mtu);
	json_text(j, "qdisc", ip_qdisc_name(dev));
	json_text(j, "operstate", ip_oper_state(dev));
	json_text(j, "group", "default");
	json_number(j, "txqlen", dev->tx_queue_len);
	json_text(j, "link_type", dev->flags & IFF_LOOPBACK ? "loopback" : dev->link->addr_len ? "ether" : "none");
	json_text(j, "address", mac_text(dev->addr, mac));
	json_text(j, "broadcast", mac_text(dev->broadcast, mac));
}

void ip_json_links(struct console_call *c, const struct ip_options *o, bool addrs)
{
	struct json j = { .out = c->out };
	struct net *net = c->cpu->net;
	struct dev_stats rx, tx;

	json_open(&j, NULL, '[');
	for (unsigned i = 0; i < net->nr_devs; i++) {
		struct net_device *dev = net->devs[i];

		if (o->dev && dev != o->dev)
			continue;
		json_open(&j, NULL, '{');
		link_members(&j, dev);
		if (addrs)
			addr_info(c, &j, o, dev);
		if (o->stats) {
			ip_link_stats(dev, &rx, &tx);
			json_open(&j, "stats64", '{');
			stats(&j, "rx", &rx);
			stats(&j, "tx", &tx);
			json_close(&j, '}');
		}
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_end(&j);
}

static void destination(struct json *j, const struct ip_addr *dst, unsigned plen, unsigned whole)
{
	char a[IP_NTOP_MAX], text[IP_NTOP_MAX + 12];

	ip_ntop(dst, a);
	if (plen && plen < whole)
		snprintf(text, sizeof(text), "%s/%u", a, plen);
	json_text(j, "dst", !plen ? "default" : plen < whole ? text : a);
}

static void route4(struct json *j, const struct ip_route *r)
{
	static const char *const types[] = { "unicast", "unreachable", "prohibit", "blackhole" };
	struct ip_addr dst = ip_from_v4(r->dst);

	json_open(j, NULL, '{');
	if (r->type)
		json_text(j, "type", types[r->type]);
	destination(j, &dst, r->plen, 32);
	if (r->gateway.raw)
		member_v4(j, "gateway", r->gateway);
	if (r->dev)
		json_text(j, "dev", r->dev->name);
	if (r->src.raw)
		json_text(j, "protocol", "kernel");
	if (r->dev && !r->gateway.raw)
		json_text(j, "scope", "link");
	if (r->src.raw)
		member_v4(j, "prefsrc", r->src);
	if (r->metric)
		json_number(j, "metric", r->metric);
	json_open(j, "flags", '[');
	json_close(j, ']');
	json_close(j, '}');
}

static void route6(struct json *j, const struct ip6_route *r)
{
	json_open(j, NULL, '{');
	destination(j, &r->dst, r->plen, 128);
	if (!ip6_is_unspecified(&r->gateway))
		member_ip(j, "gateway", &r->gateway);
	json_text(j, "dev", r->dev->name);
	json_text(j, "protocol", ip6_route_proto(r));
	json_number(j, "metric", r->metric);
	json_open(j, "flags", '[');
	json_close(j, ']');
	json_text(j, "pref", "medium");
	json_close(j, '}');
}

void ip_json_routes(struct console_call *c, const struct ip_options *o)
{
	struct json j = { .out = c->out };
	const struct ip6_route *r6;
	const struct ip_route *r;
	unsigned n = 0;

	json_open(&j, NULL, '[');
	while (!o->six && ip_route_get(c->cpu, n))
		n++;
	while (n--) {
		r = ip_route_get(c->cpu, n);
		if ((!o->dev || r->dev == o->dev) && !(r->dev && r->dev->flags & IFF_LOOPBACK))
			route4(&j, r);
	}
	for (unsigned i = 0; o->six && (r6 = ip6_route_get(c->cpu, i)); i++)
		if (!o->dev || r6->dev == o->dev)
			route6(&j, r6);
	json_close(&j, ']');
	json_end(&j);
}

void ip_json_neighs(struct console_call *c, const struct ip_options *o)
{
	struct json j = { .out = c->out };
	const struct neigh *n = NULL;
	char mac[18];

	json_open(&j, NULL, '[');
	while ((n = neigh_next(c->cpu, n))) {
		if ((ip_is_v4(&n->addr) ? o->six : o->four) || (o->dev && n->dev != o->dev))
			continue;
		json_open(&j, NULL, '{');
		member_ip(&j, "dst", &n->addr);
		json_text(&j, "dev", n->dev->name);
		if (n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED)
			json_text(&j, "lladdr", mac_text(n->link_hdr, mac));
		if (n->is_router)
			json_bool(&j, "router", true);
		json_open(&j, "state", '[');
		json_text(&j, NULL, neigh_state_name((enum neigh_state)n->state));
		json_close(&j, ']');
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_end(&j);
}
