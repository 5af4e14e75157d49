/* SPDX-License-Identifier: MIT
 * config.c - gives the devices their IPv6 at boot, as the kernel command line says.
 *
 * Words: ip6=auto (the default), ip6=ADDR/PLEN[,GATEWAY], ip6=none, each also as ip6=DEV,...: for one device; an address
 * without a device is the first one's, and routers are listened to beside it (net.ipv6.conf.all.accept_ra=0 stops that).
 * ipv6.disable=1: no IPv6 anywhere. ip6.secret=TEXT: the secret of RFC 7217, for addresses that outlive a boot.
 */
#include "core/cmdline.h"
#include "net/ipv6/autoconf.h"

#define VALUE_MAX 128

struct ip6_choice {
	bool none, is_static, has_gateway;
	struct ip_addr addr, gateway;
	unsigned plen;
};

/* "ADDR/PLEN[,GATEWAY]", "auto" or "none"; cuts s. */
static bool parse_choice(char *s, struct ip6_choice *c)
{
	char *slash = strchr(s, '/'), *comma = strchr(s, ',');
	u64 plen;

	*c = (struct ip6_choice){ .none = !strcmp(s, "none") };
	if (c->none || !strcmp(s, "auto"))
		return true;
	if (comma)
		*comma++ = 0;
	if (!slash || (comma && slash > comma))
		return false;
	*slash++ = 0;
	if (ip_pton(s, &c->addr) || ip_is_v4(&c->addr) || str_to_u64(slash, &plen) || !plen || plen > 128)
		return false;
	c->plen = (unsigned)plen;
	c->is_static = true;
	c->has_gateway = comma != NULL;
	return !comma || (!ip_pton(comma, &c->gateway) && !ip_is_v4(&c->gateway));
}

/* The device that a word begins with, cut off; NULL: it names none. */
static char *split_device(struct net *net, char *word, struct net_device **dev)
{
	char *comma = strchr(word, ',');

	*dev = NULL;
	if (!comma)
		return word;
	*comma = 0;
	*dev = dev_by_name(net, word);
	if (*dev)
		return comma + 1;
	*comma = ',';
	return word;
}

static struct ip6_choice choose(struct net *net, const char *cmdline, const struct net_device *dev, bool first)
{
	struct ip6_choice choice = { 0 }, c;
	char key[32], word[VALUE_MAX], whole[VALUE_MAX];
	bool named = false;

	while (cmdline_next(&cmdline, key, sizeof(key), word, sizeof(word))) {
		struct net_device *for_dev;
		char *value;

		if (strcmp(key, "ip6"))
			continue;
		str_copy(whole, word, sizeof(whole));
		value = split_device(net, word, &for_dev);
		if ((for_dev && for_dev != dev) || (named && !for_dev))
			continue;
		if (!parse_choice(value, &c)) {
			log_warn("ip6=%s: not auto, none or [DEV,]ADDR/PLEN[,GATEWAY]; %s configures itself", whole, dev->name);
			c = (struct ip6_choice){ 0 };
		}
		if (c.is_static && !for_dev && !first)
			continue;
		named = for_dev != NULL;
		choice = c;
	}
	return choice;
}

static void configure_static(struct net *net, struct net_device *dev, const struct ip6_choice *c)
{
	struct ip6_route r = { .gateway = c->gateway, .dev = dev, .metric = dev->ifindex };
	char text[IP_NTOP_MAX];
	int err = ip6_addr_add(net, dev, &c->addr, c->plen);

	if (err)
		log_warn("ip6=%s/%u: not an address for a host (%s)", ip_ntop(&c->addr, text), c->plen, errno_text(err));
	err = !err && c->has_gateway ? ip6_route_add(net, &r) : 0;
	if (err)
		log_warn("%s: gateway %s is no neighbour; there is no IPv6 default route", dev->name, ip_ntop(&c->gateway, text));
}

static void configure_dev(struct net *net, struct net_device *dev, const struct ip6_choice *c)
{
	int err = c->none ? 0 : ip6_dev_up(net, dev);

	if (err)
		log_warn("%s: no IPv6 there: %s", dev->name, err == -EINVAL ? "its MTU is below 1280" : errno_text(err));
	else if (c->is_static)
		configure_static(net, dev, c);
}

static void take_secret(struct autoconf *ac, const char *text)
{
	struct siphash_key label = { { 0x7217, 0x7217 } };

	for (unsigned i = 0; i < 2; i++, label.k[1]++)
		ac->secret.k[i] = siphash(text, strlen(text), &label);
}

/* Words about all devices; false: there is to be no IPv6. */
static bool read_words(struct net *net, const char *cmdline)
{
	char key[32], word[VALUE_MAX];
	bool on = true;

	while (cmdline_next(&cmdline, key, sizeof(key), word, sizeof(word))) {
		if (!strcmp(key, "ipv6.disable"))
			on = !strcmp(word, "0");
		else if (!strcmp(key, "ip6.secret"))
			take_secret(net->cpus[0]->ip6->autoconf, word);
	}
	return on;
}

void ip6_configure(struct net *net, const char *cmdline)
{
	struct net_cpu *cpu = net->cpus[0];
	bool first = true;

	if (!read_words(net, cmdline))
		return;
	bh_disable(cpu);
	net_set_now(cpu, MAX(cpu->now_ns, clock_ns()));
	for (unsigned i = 0; i < MAX_NETDEVS; i++) {
		struct net_device *dev = net->devs[i];
		struct ip6_choice c;

		if (!dev || (dev->flags & IFF_LOOPBACK))
			continue;
		c = choose(net, cmdline, dev, first);
		configure_dev(net, dev, &c);
		first = false;
	}
	bh_enable(cpu);
}
