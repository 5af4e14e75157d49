/* SPDX-License-Identifier: MIT
 * cmd_ip.c - `ip addr|link|route|neigh`, printed as iproute2 prints them.
 */
#include "console/commands.h"
#include "console/ip_json.h"
#include "console/route.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/core/qdisc.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "console/ip6.h"
#include "net/link/neigh.h"
#include "net/wire/ipv6.h"

const struct ip_flag ip_iff_names[] = {
	{ IFF_LOOPBACK, "LOOPBACK" }, { IFF_BROADCAST, "BROADCAST" }, { IFF_NOARP, "NOARP" },
	{ IFF_PROMISC, "PROMISC" },   { IFF_MULTICAST, "MULTICAST" }, { IFF_UP, "UP" }, { 0, NULL },
};

static void print_mac(struct console_out *out, const u8 *a)
{
	out_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x", a[0], a[1], a[2], a[3], a[4], a[5]);
}

static const char *v4(be32 a, char *buf)
{
	struct ip_addr ip = ip_from_v4(a);

	return ip_ntop(&ip, buf);
}

const char *ip_oper_state(const struct net_device *dev)
{
	return dev->flags & IFF_LOOPBACK ? "UNKNOWN" : dev->flags & IFF_UP && dev->carrier ? "UP" : "DOWN";
}

const char *ip_qdisc_name(const struct net_device *dev)
{
	return dev->txq[0].qdisc ? dev->txq[0].qdisc->ops->id : "noqueue";
}

/* iproute2's forms: of `link` with the mode, of `addr` without, of one family's `addr` without the link's address, and short
 * for all devices of IPv6. */
static void print_link(struct console_call *c, const struct net_device *dev, const struct ip_options *o, bool addr)
{
	const char *sep = "";

	out_printf(c->out, "%u: %s: <", dev->ifindex, dev->name);
	for (const struct ip_flag *f = ip_iff_names; f->name; f++)
		if (dev->flags & f->bit) {
			out_printf(c->out, "%s%s", sep, f->name);
			sep = ",";
		}
	out_printf(c->out, "%s> mtu %u ", dev->carrier ? ",LOWER_UP" : ",NO-CARRIER", dev->mtu);
	if (addr && o->six && !o->dev) {
		out_printf(c->out, "state %s qlen %u\n", ip_oper_state(dev), dev->tx_queue_len);
		return;
	}
	out_printf(c->out, "qdisc %s state %s %sgroup default qlen %u\n", ip_qdisc_name(dev), ip_oper_state(dev),
		   addr ? "" : "mode DEFAULT ", dev->tx_queue_len);
	if (addr && (o->four || o->six))
		return;
	out_printf(c->out, "    link/%s ", dev->flags & IFF_LOOPBACK ? "loopback" : dev->link->addr_len ? "ether" : "none");
	print_mac(c->out, dev->addr);
	out_printf(c->out, " brd ");
	print_mac(c->out, dev->broadcast);
	out_printf(c->out, "\n");
}

void ip_link_stats(const struct net_device *dev, struct dev_stats *rx, struct dev_stats *tx)
{
	*rx = *tx = (struct dev_stats){ 0 };
	for (unsigned i = 0; i < MAX_TXQ; i++) {
		rx->bytes += dev->rx[i].bytes;
		rx->packets += dev->rx[i].packets;
		rx->errors += dev->rx[i].errors;
		rx->dropped += dev->rx[i].dropped;
		tx->bytes += dev->txq[i].stats.bytes;
		tx->packets += dev->txq[i].stats.packets;
		tx->errors += dev->txq[i].stats.errors;
		tx->dropped += dev->txq[i].stats.dropped;
	}
}

static void print_stats(struct console_call *c, const char *dir, const struct dev_stats *s)
{
	out_printf(c->out, "    %s: %12s %10s %8s %8s\n        %12llu %10llu %8llu %8llu\n", dir, "bytes", "packets", "errors",
		   "dropped", (unsigned long long)s->bytes, (unsigned long long)s->packets, (unsigned long long)s->errors,
		   (unsigned long long)s->dropped);
}

static void print_link_stats(struct console_call *c, const struct net_device *dev)
{
	struct dev_stats rx, tx;

	ip_link_stats(dev, &rx, &tx);
	print_stats(c, "RX", &rx);
	print_stats(c, "TX", &tx);
}

static void print_inet(struct console_call *c, struct net_device *dev)
{
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX];
	unsigned plen;
	be32 addr = ip_dev_addr(c->cpu, dev, &plen);

	if (!addr.raw)
		return;
	out_printf(c->out, "    inet %s/%u", v4(addr, a), plen);
	if (dev->flags & IFF_BROADCAST && plen < 31)
		out_printf(c->out, " brd %s", v4((be32){ addr.raw | ~v4_mask(plen).raw }, b));
	out_printf(c->out, " scope %s %s\n       valid_lft forever preferred_lft forever\n",
		   dev->flags & IFF_LOOPBACK ? "host" : "global", dev->name);
}

static void print_route(struct console_call *c, const struct ip_route *r)
{
	static const char *const types[] = { "", "unreachable ", "prohibit ", "blackhole " };
	char a[IP_NTOP_MAX];

	out_printf(c->out, "%s", types[r->type]);
	if (!r->plen)
		out_printf(c->out, "default");
	else if (r->plen == 32)
		out_printf(c->out, "%s", v4(r->dst, a));
	else
		out_printf(c->out, "%s/%u", v4(r->dst, a), r->plen);
	if (r->gateway.raw)
		out_printf(c->out, " via %s", v4(r->gateway, a));
	if (r->dev)
		out_printf(c->out, " dev %s", r->dev->name);
	if (r->src.raw)
		out_printf(c->out, " proto kernel");
	if (r->dev && !r->gateway.raw)
		out_printf(c->out, " scope link");
	if (r->src.raw)
		out_printf(c->out, " src %s", v4(r->src, a));
	if (r->metric)
		out_printf(c->out, " metric %u", r->metric);
	out_printf(c->out, " \n");
}

static void print_neigh(struct console_call *c, const struct neigh *n)
{
	char a[IP_NTOP_MAX];

	out_printf(c->out, "%s dev %s", ip_ntop(&n->addr, a), n->dev->name);
	if (n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED) {
		out_printf(c->out, " lladdr ");
		print_mac(c->out, n->link_hdr);
	}
	out_printf(c->out, "%s %s \n", n->is_router ? " router" : "", neigh_state_name((enum neigh_state)n->state));
}

static bool is_prefix(const char *word, const char *full)
{
	return *word && !strncmp(word, full, strlen(word));
}

/* The discipline that a device gets by itself takes it over at once. */
static int set_queue_len(struct console_call *c, struct net_device *dev, const char *value)
{
	struct qdisc_error e;
	u64 n;

	if (str_to_u64(value, &n) || !n || n > 1000000) {
		out_printf(c->out, "ip: '%s' is not a number of packets, 1 to 1000000\n", value);
		return -EINVAL;
	}
	dev->tx_queue_len = (u32)n;
	if (!(dev->flags & IFF_UP) || strcmp(dev->txq[0].qdisc->ops->id, "pfifo_fast"))
		return 0;
	bh_disable(c->cpu);
	qdisc_replace(c->cpu, dev, &(struct qdisc_request){ .id = "pfifo_fast", .options = "", .change = true }, &e);
	bh_enable(c->cpu);
	return 0;
}

/* Has dev an IPv6 address? -6 leaves out the others. */
static bool has_ip6(struct console_call *c, const struct net_device *dev)
{
	const struct ip6_ifaddr *a;

	for (unsigned i = 0; (a = ip6_addr_get(c->cpu, i)); i++)
		if (a->dev == dev)
			return true;
	return dev->flags & IFF_LOOPBACK;
}

static void ways_again(struct console_call *c, void *arg)
{
	c->cpu->dst_gen++;
}

/* Sockets hear of it with their next packet. Linux takes IPv6 from a device whose MTU falls below 1280; here it is refused. */
static int set_mtu(struct console_call *c, struct net_device *dev, const char *value)
{
	u32 least = has_ip6(c, dev) ? MAX(dev->min_mtu, (u32)IPV6_MTU_MIN) : dev->min_mtu;
	u64 n;

	if (str_to_u64(value, &n) || n < least || n > dev->max_mtu) {
		out_printf(c->out, "ip: '%s' is not an MTU of %s, %u to %u\n", value, dev->name, least, dev->max_mtu);
		return -EINVAL;
	}
	dev->mtu = (u32)n;
	console_on_each_cpu(c, ways_again, NULL);
	return 0;
}

/* ip link set [dev] DEV txqueuelen|mtu N */
static int set_link(struct console_call *c)
{
	int at = 3 + (c->argc > 3 && !strcmp(c->argv[3], "dev"));
	const char *what = c->argc == at + 3 ? c->argv[at + 1] : "";
	struct net_device *dev;

	if (strcmp(what, "txqueuelen") && strcmp(what, "mtu"))
		return console_usage(c, c->argc > at + 1 ? c->argv[at + 1] : NULL);
	if (!c->may_change)
		return console_refuse(c);
	dev = dev_by_name(c->cpu->net, c->argv[at]);
	if (!dev) {
		out_printf(c->out, "ip: '%s' is not a device\n", c->argv[at]);
		return -EINVAL;
	}
	return *what == 'm' ? set_mtu(c, dev, c->argv[at + 2]) : set_queue_len(c, dev, c->argv[at + 2]);
}

static void show_links(struct console_call *c, void *arg)
{
	const struct ip_options *o = arg;
	struct net *net = c->cpu->net;
	bool addr = o->addr;

	if (o->json) {
		ip_json_links(c, o, addr);
		return;
	}
	for (unsigned i = 0; i < net->nr_devs; i++) {
		struct net_device *dev = net->devs[i];

		if ((o->dev && dev != o->dev) || (addr && o->six && !has_ip6(c, dev)))
			continue;
		print_link(c, dev, o, addr);
		if (addr && !o->six)
			print_inet(c, dev);
		if (addr && !o->four)
			ip6_show_addrs(c, dev);
		if (o->stats)
			print_link_stats(c, dev);
	}
}

/* As iproute2 does: IPv4's alone unless asked, the widest first; what lo has is no route of the main table. */
static void show_routes(struct console_call *c, void *arg)
{
	const struct ip_options *o = arg;
	const struct ip_route *r;
	unsigned n = 0;

	if (o->json) {
		ip_json_routes(c, o);
		return;
	}
	while (!o->six && ip_route_get(c->cpu, n))
		n++;
	while (n--) {
		r = ip_route_get(c->cpu, n);
		if ((!o->dev || r->dev == o->dev) && !(r->dev && r->dev->flags & IFF_LOOPBACK))
			print_route(c, r);
	}
	if (o->six)
		ip6_show_routes(c);
}

static void show_neighs(struct console_call *c, void *arg)
{
	const struct ip_options *o = arg;
	const struct neigh *n = NULL;

	if (o->json)
		ip_json_neighs(c, o);
	while (!o->json && (n = neigh_next(c->cpu, n)))
		if ((ip_is_v4(&n->addr) ? !o->six : !o->four) && (!o->dev || n->dev == o->dev))
			print_neigh(c, n);
}

/* Takes options out of the front: argv[1] is the object then. */
static int parse_options(struct console_call *c, struct ip_options *o)
{
	char *name = c->argv[0];

	o->json = console_take_word(c, "--json");
	o->json |= console_take_word(c, "-j");
	for (; c->argc > 1 && c->argv[1][0] == '-'; c->argc--, c->argv++, c->argv[0] = name) {
		if (!strcmp(c->argv[1], "-s"))
			o->stats = true;
		else if (!strcmp(c->argv[1], "-4"))
			o->four = true;
		else if (!strcmp(c->argv[1], "-6"))
			o->six = true;
		else
			return console_usage(c, c->argv[1]);
	}
	return 0;
}

/* [show] [[dev] DEV], from argv[2] on. */
static int parse_show(struct console_call *c, struct ip_options *o)
{
	int at = 2;

	at += at < c->argc && (!strcmp(c->argv[at], "show") || !strcmp(c->argv[at], "list"));
	at += at + 1 < c->argc && !strcmp(c->argv[at], "dev");
	if (at + 1 < c->argc)
		return console_usage(c, c->argv[at + 1]);
	if (at < c->argc && !(o->dev = dev_by_name(c->cpu->net, c->argv[at])))
		return console_usage(c, c->argv[at]);
	return 0;
}

/* A verb that cmd_route.c or set_link() has; *done says so. */
static int change(struct console_call *c, const char *what, bool six, bool *done)
{
	const char *verb = c->argc > 2 ? c->argv[2] : "";
	bool show = !*verb || !strcmp(verb, "show") || !strcmp(verb, "list") || !strcmp(verb, "dev") ||
		    dev_by_name(c->cpu->net, verb);

	*done = true;
	if (is_prefix(what, "maddr"))
		return ip_maddr_cmd(c);
	if (is_prefix(what, "link") && !strcmp(verb, "set"))
		return set_link(c);
	if (is_prefix(what, "route") && !show)
		return ip_route_cmd(c, six);
	if ((is_prefix(what, "addr") || is_prefix(what, "address")) && !show)
		return ip_addr_cmd(c, six);
	*done = false;
	return 0;
}

int cmd_ip(struct console_call *c)
{
	struct ip_options o = { .dev = NULL };
	const char *what;
	int err = parse_options(c, &o);
	bool done;

	if (err)
		return err;
	what = c->argc > 1 ? c->argv[1] : "";
	o.addr = *what == 'a';
	err = change(c, what, o.six, &done);
	if (done || err || (*what && (err = parse_show(c, &o))))
		return err;
	if (is_prefix(what, "addr") || is_prefix(what, "address") || is_prefix(what, "link"))
		console_frozen(c, show_links, &o);
	else if (is_prefix(what, "route"))
		console_frozen(c, show_routes, &o);
	else if (is_prefix(what, "neigh") || is_prefix(what, "neighbour"))
		console_frozen(c, show_neighs, &o);
	else
		return console_usage(c, *what ? what : NULL);
	return 0;
}
