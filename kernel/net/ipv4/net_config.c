/* SPDX-License-Identifier: MIT
 * net_config.c - gives the devices their addresses at boot, as the kernel command line says.
 *
 * Words: ip=dhcp, ip=none, ip=ADDR/PLEN[,GATEWAY], each also as ip=DEV:... for one device. A word
 * for a device wins over one for all; the last of several wins; an address without a device is the
 * first device's. No word: DHCP. Runs once, on CPU 0.
 */
#include "net/ipv4/net_config.h"
#include "net/ipv4/dhcp.h"
#include "net/ipv4/ip_impl.h"
#include "core/cmdline.h"
#include "net/link/loopback.h"

#define VALUE_MAX 96

enum ip_method { IP_DHCP, IP_STATIC, IP_NONE };

struct ip_choice {
	enum ip_method method;
	be32 addr, gateway;
	unsigned plen;
};

static const char *text(be32 addr, char buf[IP_NTOP_MAX])
{
	struct ip_addr a = ip_from_v4(addr);

	return ip_ntop(&a, buf);
}

/* ---- reading the words ---- */
static bool parse_v4(const char *s, be32 *out)
{
	struct ip_addr a;

	if (ip_pton(s, &a) || !ip_is_v4(&a))
		return false;
	*out = ip_v4(&a);
	return true;
}

/* "ADDR/PLEN[,GATEWAY]"; cuts s into its parts. */
static bool parse_static(char *s, struct ip_choice *c)
{
	char *slash = strchr(s, '/'), *comma = strchr(s, ',');
	u64 plen;

	if (comma)
		*comma++ = 0;
	if (!slash || (comma && slash > comma))
		return false;
	*slash++ = 0;
	if (!parse_v4(s, &c->addr) || str_to_u64(slash, &plen) || !plen || plen > 32)
		return false;
	c->plen = (unsigned)plen;
	c->method = IP_STATIC;
	return !comma || parse_v4(comma, &c->gateway);
}

static bool parse_choice(const char *value, struct ip_choice *c)
{
	char s[VALUE_MAX];

	*c = (struct ip_choice){ .method = IP_DHCP };
	if (!strcmp(value, "dhcp"))
		return true;
	c->method = IP_NONE;
	if (!strcmp(value, "none") || !strcmp(value, "off"))
		return true;
	return str_copy(s, value, sizeof(s)) >= 0 && parse_static(s, c);
}

/* The device that a word names, cut off from its value; NULL: it names none. *known: there is such
 * a device. */
static const char *split_device(struct net *net, char *word, struct net_device **dev, bool *known)
{
	char *colon = strchr(word, ':');

	*dev = NULL;
	*known = true;
	if (!colon)
		return word;
	*colon = 0;
	*dev = dev_by_name(net, word);
	*known = *dev != NULL;
	return colon + 1;
}

/* What the command line says for dev; `first`: addresses without a device are for it. */
static struct ip_choice choose(struct net *net, const char *cmdline, struct net_device *dev,
			       bool first)
{
	struct ip_choice choice = { .method = IP_DHCP }, c;
	char key[32], word[VALUE_MAX], whole[VALUE_MAX];
	bool named = false, known;

	while (cmdline_next(&cmdline, key, sizeof(key), word, sizeof(word))) {
		struct net_device *for_dev;
		const char *value;

		if (strcmp(key, "ip"))
			continue;
		str_copy(whole, word, sizeof(whole));
		value = split_device(net, word, &for_dev, &known);
		if (!known && first)
			log_warn("ip=%s: there is no device %s; the word is ignored", whole, word);
		if (!known || (for_dev && for_dev != dev) || (named && !for_dev))
			continue;
		if (!parse_choice(value, &c)) {
			log_warn("ip=%s: not dhcp, none or [DEV:]ADDR/PLEN[,GATEWAY]; %s uses DHCP",
				 whole, dev->name);
			c = (struct ip_choice){ .method = IP_DHCP };
		}
		if (c.method == IP_STATIC && !for_dev && !first)
			continue;
		named = for_dev != NULL;
		choice = c;
	}
	return choice;
}

/* ---- doing it ---- */
static void on_lease(struct net_device *dev, const struct dhcp_lease *l, bool bound, void *arg)
{
	char addr[IP_NTOP_MAX], router[IP_NTOP_MAX], server[IP_NTOP_MAX];

	if (bound)
		log_notice("%s: address %s/%u gateway %s, by DHCP from %s for %u s", dev->name,
			   text(l->addr, addr), l->prefix_len,
			   l->router.raw ? text(l->router, router) : "none",
			   text(l->server, server), l->lease_s);
	else
		log_warn("%s: address %s is lost, asking for another", dev->name,
			 text(l->addr, addr));
}

static void start_dhcp(struct net_device *dev)
{
	int err = dhcp_start(dev, on_lease, NULL);

	if (err)
		log_err("%s: DHCP did not start: %s", dev->name, errno_text(err));
}

static void configure_static(struct net *net, struct net_device *dev, const struct ip_choice *c)
{
	char addr[IP_NTOP_MAX], gateway[IP_NTOP_MAX];
	int err = ip_addr_add(net, dev, c->addr, c->plen);

	if (err) {
		log_warn("ip=%s/%u: not an address for a host (%s); %s uses DHCP",
			 text(c->addr, addr), c->plen, errno_text(err), dev->name);
		start_dhcp(dev);
		return;
	}
	err = c->gateway.raw ? ip_route_add(net, (be32){ 0 }, 0, c->gateway, dev, dev->ifindex) : 0;
	if (err)
		log_warn("%s: gateway %s is not in the subnet of %s/%u; there is no default route",
			 dev->name, text(c->gateway, gateway), text(c->addr, addr), c->plen);
	log_notice("%s: address %s/%u gateway %s", dev->name, text(c->addr, addr), c->plen,
		   c->gateway.raw && !err ? text(c->gateway, gateway) : "none");
}

static int configure_dev(struct net *net, struct net_device *dev, const struct ip_choice *c)
{
	int err = dev_open(dev);

	if (err) {
		log_err("%s: could not be opened: %s", dev->name, errno_text(err));
		return err;
	}
	if (c->method == IP_STATIC)
		configure_static(net, dev, c);
	else if (c->method == IP_DHCP)
		start_dhcp(dev);
	return 0;
}

static int configure_lo(struct net *net)
{
	struct net_device *lo = loopback_dev(net);
	int err = lo ? dev_open(lo) : -ENODEV;

	return err ?: ip_addr_add(net, lo, be32_of(0x7f000001), 8);
}

int net_configure(struct net *net, const char *cmdline)
{
	struct net_cpu *cpu = net->cpus[0];
	bool first = true;
	int err;

	bh_disable(cpu);
	net_set_now(cpu, MAX(cpu->now_ns, clock_ns()));
	err = configure_lo(net);
	for (unsigned i = 0; i < MAX_NETDEVS; i++) {
		struct net_device *dev = net->devs[i];
		struct ip_choice c;

		if (!dev || (dev->flags & IFF_LOOPBACK))
			continue;
		c = choose(net, cmdline, dev, first);
		err = configure_dev(net, dev, &c) ?: err;
		first = false;
	}
	bh_enable(cpu);
	return err;
}
