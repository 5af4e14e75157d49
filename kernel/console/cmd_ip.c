/* SPDX-License-Identifier: MIT
 * cmd_ip.c - `ip addr|link|route|neigh` and `ethtool`, printed as iproute2 and ethtool print them.
 */
#include "console/commands.h"
#include "console/route.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/core/qdisc.h"
#include "net/ipv4/ip.h"
#include "console/ip6.h"
#include "net/link/neigh.h"

struct flag_name {
	u32 bit;
	const char *name;
};

static const struct flag_name iff_names[] = {
	{ IFF_LOOPBACK, "LOOPBACK" }, { IFF_BROADCAST, "BROADCAST" }, { IFF_NOARP, "NOARP" },
	{ IFF_PROMISC, "PROMISC" },   { IFF_MULTICAST, "MULTICAST" }, { IFF_UP, "UP" },
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

static void print_link(struct console_call *c, const struct net_device *dev)
{
	const struct qdisc *q = dev->txq[0].qdisc;
	const char *sep = "";
	unsigned i;

	out_printf(c->out, "%u: %s: <", dev->ifindex, dev->name);
	for (i = 0; i < ARRAY_SIZE(iff_names); i++)
		if (dev->flags & iff_names[i].bit) {
			out_printf(c->out, "%s%s", sep, iff_names[i].name);
			sep = ",";
		}
	out_printf(c->out, "%s> mtu %u qdisc %s state %s qlen %u\n", dev->carrier ? ",LOWER_UP" : ",NO-CARRIER", dev->mtu,
		   q ? q->ops->id : "noqueue",
		   dev->flags & IFF_LOOPBACK ? "UNKNOWN" : dev->flags & IFF_UP && dev->carrier ? "UP" : "DOWN",
		   dev->tx_queue_len);
	out_printf(c->out, "    link/%s ", dev->flags & IFF_LOOPBACK ? "loopback" : dev->link->addr_len ? "ether" : "none");
	print_mac(c->out, dev->addr);
	out_printf(c->out, " brd ");
	print_mac(c->out, dev->broadcast);
	out_printf(c->out, "\n");
}

static void print_link_stats(struct console_call *c, const struct net_device *dev)
{
	struct dev_stats rx = { 0 }, tx = { 0 };
	unsigned i;

	for (i = 0; i < MAX_TXQ; i++) {
		rx.bytes += dev->rx[i].bytes;
		rx.packets += dev->rx[i].packets;
		rx.errors += dev->rx[i].errors;
		rx.dropped += dev->rx[i].dropped;
		tx.bytes += dev->txq[i].stats.bytes;
		tx.packets += dev->txq[i].stats.packets;
		tx.errors += dev->txq[i].stats.errors;
		tx.dropped += dev->txq[i].stats.dropped;
	}
	out_printf(c->out, "    RX: %12s %10s %8s %8s\n        %12llu %10llu %8llu %8llu\n", "bytes", "packets", "errors",
		   "dropped", (unsigned long long)rx.bytes, (unsigned long long)rx.packets,
		   (unsigned long long)rx.errors, (unsigned long long)rx.dropped);
	out_printf(c->out, "    TX: %12s %10s %8s %8s\n        %12llu %10llu %8llu %8llu\n", "bytes", "packets", "errors",
		   "dropped", (unsigned long long)tx.bytes, (unsigned long long)tx.packets,
		   (unsigned long long)tx.errors, (unsigned long long)tx.dropped);
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
	out_printf(c->out, " scope %s %s\n", dev->flags & IFF_LOOPBACK ? "host" : "global", dev->name);
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
	if (r->dev && !r->gateway.raw)
		out_printf(c->out, " scope link");
	if (r->src.raw)
		out_printf(c->out, " src %s", v4(r->src, a));
	if (r->metric)
		out_printf(c->out, " metric %u", r->metric);
	out_printf(c->out, "\n");
}

static void print_neigh(struct console_call *c, const struct neigh *n)
{
	char a[IP_NTOP_MAX];

	out_printf(c->out, "%s dev %s", ip_ntop(&n->addr, a), n->dev->name);
	if (n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED) {
		out_printf(c->out, " lladdr ");
		print_mac(c->out, n->link_hdr);
	}
	out_printf(c->out, "%s %s\n", n->is_router ? " router" : "", neigh_state_name((enum neigh_state)n->state));
}

static bool is_prefix(const char *word, const char *full)
{
	return *word && !strncmp(word, full, strlen(word));
}

/* ip link set [dev] DEV txqueuelen N. The discipline that a device gets by itself takes it over at once. */
static int set_link(struct console_call *c)
{
	int at = 3 + (c->argc > 3 && !strcmp(c->argv[3], "dev"));
	struct net_device *dev;
	struct qdisc_error e;
	u64 n;

	if (c->argc != at + 3 || strcmp(c->argv[at + 1], "txqueuelen"))
		return console_usage(c, c->argc > at + 1 ? c->argv[at + 1] : NULL);
	if (!c->may_change)
		return console_refuse(c);
	dev = dev_by_name(c->cpu->net, c->argv[at]);
	if (!dev || str_to_u64(c->argv[at + 2], &n) || !n || n > 1000000) {
		out_printf(c->out, "ip: '%s' is not %s\n", c->argv[dev ? at + 2 : at],
			   dev ? "a number of packets, 1 to 1000000" : "a device");
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

int cmd_ip(struct console_call *c)
{
	struct net *net = c->cpu->net;
	bool stats = c->argc > 1 && !strcmp(c->argv[1], "-s");
	bool six = c->argc > 1 && !strcmp(c->argv[1], "-6"), four = c->argc > 1 && !strcmp(c->argv[1], "-4");
	int words = 1 + (stats || six || four);
	const char *what = c->argc > words ? c->argv[words] : "";
	const struct neigh *n = NULL;
	const struct ip_route *r;
	bool addr = is_prefix(what, "addr") || is_prefix(what, "address");
	unsigned i;

	if (words == 1 && c->argc > 2 && is_prefix(what, "link") && !strcmp(c->argv[2], "set"))
		return set_link(c);
	if (words == 1 && is_prefix(what, "maddr"))
		return ip_maddr_cmd(c);
	if (words == 1 && c->argc > 2 && is_prefix(what, "route"))
		return ip_route_cmd(c);
	if (words == 1 && c->argc > 2 && addr)
		return ip_addr_cmd(c);
	if (c->argc > words + 1)
		return console_usage(c, c->argv[words + 1]);
	if (addr || is_prefix(what, "link")) {
		for (i = 0; i < net->nr_devs; i++) {
			print_link(c, net->devs[i]);
			if (addr && !six)
				print_inet(c, net->devs[i]);
			if (addr && !four)
				ip6_show_addrs(c, net->devs[i]);
			if (stats)
				print_link_stats(c, net->devs[i]);
		}
	} else if (is_prefix(what, "route")) {
		for (i = 0; !six && (r = ip_route_get(c->cpu, i)); i++)
			print_route(c, r);
		if (six) /* as iproute2 does: IPv4's alone unless asked */
			ip6_show_routes(c);
	} else if (is_prefix(what, "neigh") || is_prefix(what, "neighbour")) {
		while ((n = neigh_next(c->cpu, n)))
			if (ip_is_v4(&n->addr) ? !six : !four)
				print_neigh(c, n);
	} else {
		return console_usage(c, *what ? what : NULL);
	}
	return 0;
}

static const struct flag_name feature_names[] = {
	{ NETIF_F_RXCSUM, "rx-checksumming" },      { NETIF_F_HW_CSUM, "tx-checksumming" },
	{ NETIF_F_SG, "scatter-gather" },           { NETIF_F_TSO, "tcp-segmentation-offload" },
	{ NETIF_F_TSO6, "tx-tcp6-segmentation" },   { NETIF_F_GRO, "generic-receive-offload" },
	{ NETIF_F_LRO, "large-receive-offload" },   { NETIF_F_RXHASH, "receive-hashing" },
};

static void print_queue_stats(struct console_call *c, const char *dir, unsigned i, const struct dev_stats *s)
{
	const struct {
		const char *name;
		u64 value;
	} rows[] = {
		{ "packets", s->packets },       { "bytes", s->bytes },     { "dropped", s->dropped },
		{ "errors", s->errors },         { "kicks", s->kicks },     { "interrupts", s->interrupts },
		{ "stopped", s->stopped },       { "requeued", s->requeued }, { "no_buf", s->no_buf },
		{ "lies", s->lies },             { "resets", s->resets },   { "csum_good", s->csum_good },
		{ "gro_packets", s->gro_packets }, { "gro_merged", s->gro_merged },
	};
	unsigned k;

	for (k = 0; k < ARRAY_SIZE(rows); k++)
		out_printf(c->out, "     %s_queue_%u_%s: %llu\n", dir, i, rows[k].name, (unsigned long long)rows[k].value);
}

static void print_features(struct console_call *c, const struct net_device *dev)
{
	unsigned i;

	out_printf(c->out, "Features for %s:\n", dev->name);
	for (i = 0; i < ARRAY_SIZE(feature_names); i++)
		out_printf(c->out, "%s: %s%s\n", feature_names[i].name,
			   dev->features & feature_names[i].bit ? "on" : "off",
			   dev->hw_features & feature_names[i].bit ? "" : " [fixed]");
}

int cmd_ethtool(struct console_call *c)
{
	const char *opt = c->argc == 3 ? c->argv[1] : "";
	struct net_device *dev;
	unsigned i;

	if (c->argc < 2 || c->argc > 3)
		return console_usage(c, c->argc > 3 ? c->argv[3] : NULL);
	dev = dev_by_name(c->cpu->net, c->argv[c->argc - 1]);
	if (!dev) {
		out_printf(c->out, "ethtool: no device '%s'; `ip link` lists them\n", c->argv[c->argc - 1]);
		return -ENODEV;
	}
	if (!strcmp(opt, "-S")) {
		out_printf(c->out, "NIC statistics:\n");
		for (i = 0; i < dev->nr_rxq; i++)
			print_queue_stats(c, "rx", i, &dev->rx[i]);
		for (i = 0; i < dev->nr_txq; i++)
			print_queue_stats(c, "tx", i, &dev->txq[i].stats);
	} else if (!strcmp(opt, "-k")) {
		print_features(c, dev);
	} else if (!*opt) {
		out_printf(c->out, "Settings for %s:\n\tdriver: %s\n\tbus-info: %s\n\tSpeed: %uMb/s\n\tLink detected: %s\n",
			   dev->name, dev->driver ? dev->driver : "-", dev->bus ? dev->bus : "-", dev->speed_mbit,
			   dev->carrier ? "yes" : "no");
	} else {
		return console_usage(c, opt);
	}
	return 0;
}
