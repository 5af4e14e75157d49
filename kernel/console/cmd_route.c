/* SPDX-License-Identifier: MIT
 * cmd_route.c - what `ip` changes: addresses and routes of both families, groups of IPv4, in iproute2's words; and `ip route
 * get`, `ip maddr`. The family is -6's, or that of the first address with a colon.
 */
#include "console/route.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/ipv4/ip.h"
#include "net/ipv4/multicast.h"
#include "net/ipv6/ip6.h"
#include "net/wire/igmp.h"

#define IP6_METRIC 1024 /* of a route for which none is said, as Linux has it */

/* What the words after the verb say. */
struct spec {
	struct ip_addr dst, via;
	unsigned plen;
	struct net_device *dev;
	u32 metric;
	u8 type; /* enum ip_route_type */
	bool six, has_via, has_metric;
};

static const char *const type_names[] = {
	[ROUTE_UNICAST] = "unicast", [ROUTE_UNREACHABLE] = "unreachable",
	[ROUTE_PROHIBIT] = "prohibit", [ROUTE_BLACKHOLE] = "blackhole",
};

static int wrong(struct console_call *c, const char *word, const char *what)
{
	out_printf(c->out, "ip: '%s' is not %s\n", word, what);
	return -EINVAL;
}

static bool parse_addr(const char *word, bool six, struct ip_addr *out)
{
	return !ip_pton(word, out) && ip_is_v4(out) != six;
}

static int not_an_address(struct console_call *c, const char *word, bool six)
{
	return wrong(c, word, six ? "an IPv6 address" : "an IPv4 address");
}

/* "10.0.0.0/8", "fd00::/8", "10.0.0.1" or "default". */
static bool parse_prefix(char *word, struct spec *s)
{
	char *slash = strchr(word, '/');
	u64 most = s->six ? 128 : 32, plen = most;
	bool good;

	if (!strcmp(word, "default"))
		return true; /* all zero */
	if (slash) {
		*slash = 0;
		good = !str_to_u64(slash + 1, &plen) && plen <= most;
		good = parse_addr(word, s->six, &s->dst) && good;
		*slash = '/';
	} else {
		good = parse_addr(word, s->six, &s->dst);
	}
	s->plen = (unsigned)plen;
	return good;
}

static int parse_option(struct console_call *c, int i, struct spec *s)
{
	const char *name = c->argv[i], *value = i + 1 < c->argc ? c->argv[i + 1] : "";
	u64 n;

	if (!strcmp(name, "via")) {
		s->has_via = true;
		return parse_addr(value, s->six, &s->via) ? 0 : not_an_address(c, value, s->six);
	}
	if (!strcmp(name, "dev")) {
		s->dev = dev_by_name(c->cpu->net, value);
		return s->dev ? 0 : wrong(c, value, "a device; `ip link` lists them");
	}
	if (!strcmp(name, "metric")) {
		s->has_metric = true;
		if (str_to_u64(value, &n) || n > UINT32_MAX)
			return wrong(c, value, "a metric, 0 to 4294967295");
		s->metric = (u32)n;
		return 0;
	}
	return console_usage(c, name);
}

/* Some word from argv[at] on is of IPv6. */
static bool says_six(const struct console_call *c, int at)
{
	for (; at < c->argc; at++)
		if (strchr(c->argv[at], ':'))
			return true;
	return false;
}

/* [TYPE] PREFIX [via ADDRESS] [dev DEV] [metric N], from argv[at] on. */
static int parse(struct console_call *c, int at, bool six, struct spec *s)
{
	int err = 0;

	six |= says_six(c, at);
	*s = (struct spec){ .type = ROUTE_UNICAST, .six = six };
	if (!six)
		s->dst = s->via = ip_from_v4((be32){ 0 });
	for (u8 t = ROUTE_UNICAST; at < c->argc && t < ARRAY_SIZE(type_names); t++)
		if (!strcmp(c->argv[at], type_names[t])) {
			s->type = t;
			at++;
			break;
		}
	if (at >= c->argc)
		return console_usage(c, NULL);
	if (!parse_prefix(c->argv[at], s))
		return wrong(c, c->argv[at], six ? "ADDRESS[/0..128] or 'default'" : "ADDRESS[/0..32] or 'default'");
	for (at++; !err && at < c->argc; at += 2)
		err = parse_option(c, at, s);
	return err;
}

static int refuse(struct console_call *c, int err)
{
	if (err)
		out_printf(c->out, "ip: %s\n", errno_text(err));
	return err;
}

/* Tables are changed on CPU 0, which tells the others. */
static int may_change(struct console_call *c)
{
	if (!c->may_change)
		out_printf(c->out, "ip: changing is not allowed from this door\n");
	else if (c->cpu->id)
		out_printf(c->out, "ip: this door is on CPU %u, and CPU 0 makes changes: ask again, or on the serial line\n",
			   c->cpu->id);
	return !c->may_change ? -EPERM : c->cpu->id ? -EAGAIN : 0;
}

/* ---- ip route ---- */
static int find_way(struct net_cpu *cpu, bool six, struct flow *fl, struct dst *dst)
{
	return six ? ip6_route_output(cpu, fl, dst) : ip_route_output(cpu, fl, dst);
}

/* The device of a gateway is the one whose net it is in; a link-local one may be on any. */
static struct net_device *dev_towards(struct console_call *c, const struct spec *s)
{
	struct flow fl = { .dst = s->via };
	struct dst dst;

	return ip6_is_link_local(&s->via) || find_way(c->cpu, s->six, &fl, &dst) ? NULL : dst.dev;
}

static int route_add(struct console_call *c, const struct spec *s)
{
	struct net *net = c->cpu->net;
	struct net_device *dev = s->dev;

	if (s->type != ROUTE_UNICAST && s->six)
		return -EOPNOTSUPP;
	if (s->type != ROUTE_UNICAST)
		return ip_route_add_reject(net, ip_v4(&s->dst), s->plen, s->type, s->metric);
	if (!dev && s->has_via)
		dev = dev_towards(c, s);
	if (!dev) {
		out_printf(c->out, "ip: 'via ADDRESS' or 'dev DEV' is missing, or that address is on no link\n");
		return -ENETUNREACH;
	}
	if (!s->six)
		return ip_route_add(net, ip_v4(&s->dst), s->plen, ip_v4(&s->via), dev, s->metric);
	return ip6_route_add(net, &(struct ip6_route){ .dst = s->dst, .gateway = s->via, .dev = dev, .plen = (u8)s->plen,
						       .boot = true, .metric = s->has_metric ? s->metric : IP6_METRIC });
}

/* As iproute2: the first route that has all that was said. */
static const struct ip6_route *find6(const struct console_call *c, const struct spec *s)
{
	const struct ip6_route *r;

	for (unsigned i = 0; (r = ip6_route_get(c->cpu, i)); i++)
		if (ip_eq(&r->dst, &s->dst) && r->plen == s->plen && (!s->has_via || ip_eq(&r->gateway, &s->via)) &&
		    (!s->dev || r->dev == s->dev) && (!s->has_metric || r->metric == s->metric))
			return r;
	return NULL;
}

static int route_del6(struct console_call *c, const struct spec *s)
{
	const struct ip6_route *found = s->type == ROUTE_UNICAST ? find6(c, s) : NULL;
	struct ip6_route r;

	if (!found)
		return -ENOENT;
	r = *found;
	return ip6_route_del(c->cpu->net, &r.dst, r.plen, &r.gateway, r.dev);
}

static int route_del(struct console_call *c, const struct spec *s)
{
	const struct ip_route *r;

	if (s->six)
		return route_del6(c, s);
	for (unsigned i = 0; (r = ip_route_get(c->cpu, i)); i++)
		if (be32_eq(r->dst, ip_v4(&s->dst)) && r->plen == s->plen && (s->type == ROUTE_UNICAST || r->type == s->type) &&
		    (!s->has_via || be32_eq(r->gateway, ip_v4(&s->via))) && (!s->dev || r->dev == s->dev) &&
		    (!s->has_metric || r->metric == s->metric))
			return ip_route_remove(c->cpu->net, r);
	return -ENOENT;
}

static int route_replace6(struct console_call *c, const struct spec *s)
{
	struct spec place = { .dst = s->dst, .plen = s->plen, .has_metric = true, .metric = s->has_metric ? s->metric : IP6_METRIC };
	const struct ip6_route *found = find6(c, &place);
	struct ip6_route old;
	int err;

	if (!found)
		return route_add(c, s);
	old = *found;
	err = route_add(c, s);
	if (err == -EEXIST && ip_eq(&old.gateway, &s->via) && (!s->dev || s->dev == old.dev))
		return 0;
	return err ?: ip6_route_del(c->cpu->net, &old.dst, old.plen, &old.gateway, old.dev);
}

/* The new one takes the place of that with the same prefix and metric; what cannot be added leaves the old one where it is. */
static int route_replace(struct console_call *c, const struct spec *s)
{
	const struct ip_route *r;
	struct ip_route old;
	int err;

	if (s->six)
		return route_replace6(c, s);
	for (unsigned i = 0; (r = ip_route_get(c->cpu, i)); i++)
		if (be32_eq(r->dst, ip_v4(&s->dst)) && r->plen == s->plen && r->metric == s->metric)
			break;
	if (!r)
		return route_add(c, s);
	old = *r;
	err = route_add(c, s);
	if (err == -EEXIST)
		return 0;
	return err ?: ip_route_remove(c->cpu->net, &old);
}

static int route_get(struct console_call *c, bool six)
{
	char text[IP_NTOP_MAX];
	struct flow fl = { .ttl = 0 };
	struct dst dst;
	int err;

	if (c->argc != 4)
		return console_usage(c, c->argc > 4 ? c->argv[4] : NULL);
	six |= says_six(c, 3);
	if (!parse_addr(c->argv[3], six, &fl.dst))
		return not_an_address(c, c->argv[3], six);
	err = find_way(c->cpu, six, &fl, &dst);
	if (err)
		return refuse(c, err);
	out_printf(c->out, "%s%s", dst.loopback ? "local " : "", ip_ntop(&fl.dst, text));
	if (!ip_eq(&dst.next_hop, &fl.dst))
		out_printf(c->out, " via %s", ip_ntop(&dst.next_hop, text));
	out_printf(c->out, " dev %s src %s mtu %u\n", dst.dev->name, ip_ntop(&fl.src, text), dst.mtu);
	return 0;
}

int ip_route_cmd(struct console_call *c, bool six)
{
	static const struct {
		const char *verb;
		int (*fn)(struct console_call *c, const struct spec *s);
	} verbs[] = { { "add", route_add }, { "del", route_del }, { "delete", route_del }, { "replace", route_replace } };
	const char *verb = c->argv[2];
	unsigned i = 0;
	struct spec s;
	int err;

	if (!strcmp(verb, "get"))
		return route_get(c, six);
	while (i < ARRAY_SIZE(verbs) && strcmp(verb, verbs[i].verb))
		i++;
	if (i == ARRAY_SIZE(verbs))
		return console_usage(c, verb);
	err = may_change(c) ?: parse(c, 3, six, &s);
	if (err)
		return err;
	bh_disable(c->cpu);
	err = verbs[i].fn(c, &s);
	bh_enable(c->cpu);
	return refuse(c, err);
}

/* ---- ip addr ---- */
static int addr_change(struct net *net, const struct spec *s, bool add)
{
	if (s->six)
		return add ? ip6_addr_add(net, s->dev, &s->dst, s->plen) : ip6_addr_del(net, s->dev, &s->dst);
	return add ? ip_addr_add(net, s->dev, ip_v4(&s->dst), s->plen) : ip_addr_del(net, s->dev, ip_v4(&s->dst));
}

int ip_addr_cmd(struct console_call *c, bool six)
{
	const char *verb = c->argv[2];
	bool add = !strcmp(verb, "add");
	struct spec s;
	int err;

	if (!add && strcmp(verb, "del") && strcmp(verb, "delete"))
		return console_usage(c, verb);
	err = may_change(c) ?: parse(c, 3, six, &s);
	if (err)
		return err;
	if (!s.dev || s.has_via || s.has_metric)
		return console_usage(c, NULL);
	bh_disable(c->cpu);
	err = addr_change(c->cpu->net, &s, add);
	bh_enable(c->cpu);
	return refuse(c, err);
}

/* ---- ip maddr ---- */
#define GROUPS_SHOWN 32

/* The link's address for a group of either family (RFC 1112 6.4, RFC 2464 7). */
static void print_link_group(struct console_call *c, const struct ip_addr *g)
{
	if (ip_is_v4(g))
		out_printf(c->out, "\tlink  01:00:5e:%02x:%02x:%02x\n", g->b[13] & 0x7f, g->b[14], g->b[15]);
	else
		out_printf(c->out, "\tlink  33:33:%02x:%02x:%02x:%02x\n", g->b[12], g->b[13], g->b[14], g->b[15]);
}

static void show_groups(struct console_call *c, const struct net_device *dev)
{
	struct ip_addr all = ip_from_v4(IGMP_ALL_SYSTEMS), v6[GROUPS_SHOWN];
	unsigned n = dev->link->addr_len || dev->flags & IFF_LOOPBACK ? ip6_groups(c->cpu, dev, v6, GROUPS_SHOWN) : 0;
	char text[IP_NTOP_MAX];
	const struct ip_mc *m;

	out_printf(c->out, "%u:\t%s\n", dev->ifindex, dev->name);
	for (unsigned i = 0; dev->link->addr_len && i < n; i++)
		if (v6[i].b[1] != 1) /* of the link, not of the interface */
			print_link_group(c, &v6[i]);
	if (dev->link->addr_len)
		print_link_group(c, &all);
	for (unsigned i = 0; (m = ip_mc_get(c->cpu, i)); i++) {
		struct ip_addr group = ip_from_v4(m->group);

		if (m->dev != dev)
			continue;
		out_printf(c->out, "\tinet  %s", ip_ntop(&group, text));
		if (m->users > 1)
			out_printf(c->out, " users %u", m->users);
		out_printf(c->out, "\n");
	}
	out_printf(c->out, "\tinet  %s\n", ip_ntop(&all, text));
	for (unsigned i = 0; i < n; i++)
		out_printf(c->out, "\tinet6 %s\n", ip_ntop(&v6[i], text));
}

/* [show] [[dev] DEV] */
static int show_maddr(struct console_call *c)
{
	int at = 2 + (c->argc > 2 && !strcmp(c->argv[2], "show"));
	const struct net_device *dev = NULL;

	at += at + 1 < c->argc && !strcmp(c->argv[at], "dev");
	if (at + 1 < c->argc || (at < c->argc && !(dev = dev_by_name(c->cpu->net, c->argv[at]))))
		return console_usage(c, c->argv[at + 1 < c->argc ? at + 1 : at]);
	for (unsigned i = 0; i < c->cpu->net->nr_devs; i++)
		if (c->cpu->net->devs[i] && (!dev || dev == c->cpu->net->devs[i]))
			show_groups(c, c->cpu->net->devs[i]);
	return 0;
}

int ip_maddr_cmd(struct console_call *c)
{
	bool add = c->argc > 2 && !strcmp(c->argv[2], "add");
	struct spec s;
	int err;

	if (!add && (c->argc == 2 || strcmp(c->argv[2], "del")))
		return show_maddr(c);
	if (!c->may_change)
		return may_change(c);
	err = parse(c, 3, false, &s);
	if (err)
		return err;
	if (s.six)
		return refuse(c, -EOPNOTSUPP);
	bh_disable(c->cpu);
	err = add ? ip_mc_join(c->cpu, &s.dev, ip_v4(&s.dst)) : ip_mc_leave(c->cpu, s.dev, ip_v4(&s.dst));
	bh_enable(c->cpu);
	return refuse(c, err);
}
