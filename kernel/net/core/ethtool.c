/* SPDX-License-Identifier: MIT
 * ethtool.c - a device's settings by name: one table of them, checked against what the device says it can do.
 *
 * The settings live in struct net_device; a driver reads moderation from there, and is told by retune(). Base context, on
 * the CPU of the device's queue 0.
 */
#include "net/core/ethtool.h"

#include "core/cmdline.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/net.h"

#define MAX_USECS 10000 /* a frame that waits longer is taken for lost by its sender */
#define WORD_MAX  160

enum kind { NUMBER, SWITCH, FEATURE };

struct setting {
	const char *name;
	char group;
	u8 kind;
	u16 at;       /* of struct ethtool_change; FEATURE: the bits */
	u32 min, max; /* NUMBER */
};

#define AT(field) offsetof(struct ethtool_change, field)

static const struct setting settings[] = {
	{ "rx-usecs", 'C', NUMBER, AT(coalesce.rx_usecs), 0, MAX_USECS },
	{ "rx-frames", 'C', NUMBER, AT(coalesce.rx_frames), 0, UINT32_MAX },
	{ "tx-usecs", 'C', NUMBER, AT(coalesce.tx_usecs), 1, MAX_USECS },
	{ "tx-frames", 'C', NUMBER, AT(coalesce.tx_frames), 1, 1024 },
	{ "rx-delay", 'C', NUMBER, AT(coalesce.rx_delay), 0, MAX_USECS },
	{ "rx-abs-delay", 'C', NUMBER, AT(coalesce.rx_abs_delay), 0, MAX_USECS },
	{ "tx-delay", 'C', NUMBER, AT(coalesce.tx_delay), 0, MAX_USECS },
	{ "tx-abs-delay", 'C', NUMBER, AT(coalesce.tx_abs_delay), 0, MAX_USECS },
	{ "adaptive-rx", 'C', SWITCH, AT(coalesce.adaptive_rx), 0, 0 },
	{ "rx", 'G', NUMBER, AT(rings.rx), 0, UINT32_MAX },
	{ "tx", 'G', NUMBER, AT(rings.tx), 0, UINT32_MAX },
	{ "combined", 'L', NUMBER, AT(channels), 1, MAX_TXQ },
	{ "rx", 'K', FEATURE, NETIF_F_RXCSUM, 0, 0 },
	{ "tx", 'K', FEATURE, NETIF_F_HW_CSUM, 0, 0 },
	{ "sg", 'K', FEATURE, NETIF_F_SG, 0, 0 },
	{ "tso", 'K', FEATURE, NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN, 0, 0 },
	{ "gro", 'K', FEATURE, NETIF_F_GRO, 0, 0 },
	{ "rxhash", 'K', FEATURE, NETIF_F_RXHASH, 0, 0 },
};

static void say(struct ethtool_change *c, const char *fmt, ...) __printf_(2, 3);
static void say(struct ethtool_change *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
}

void ethtool_begin(const struct net_device *dev, struct ethtool_change *c)
{
	*c = (struct ethtool_change){ .coalesce = dev->coalesce, .rings = dev->rings, .channels = dev->nr_channels,
				      .wanted_features = dev->wanted_features };
}

u32 ethtool_features(const struct net_device *dev, u32 wanted)
{
	u32 f = (dev->features & ~(u32)ETHTOOL_SWITCHED) | (wanted & dev->hw_features & ETHTOOL_SWITCHED);

	if ((f & (NETIF_F_SG | NETIF_F_HW_CSUM)) != (NETIF_F_SG | NETIF_F_HW_CSUM))
		f &= ~(u32)(NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN);
	return f;
}

static const struct setting *find(char group, const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].group == group && !strcmp(settings[i].name, name))
			return &settings[i];
	return NULL;
}

static int no_such_name(struct ethtool_change *c, char group, const char *name)
{
	size_t n = (size_t)scnprintf(c->why, sizeof(c->why), "'%s' is no setting of -%c; there are", name, group);

	for (unsigned i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].group == group)
			n += (size_t)scnprintf(c->why + n, sizeof(c->why) - n, " %s", settings[i].name);
	return -EINVAL;
}

static int set_feature(const struct net_device *dev, struct ethtool_change *c, const struct setting *s, bool on)
{
	if (on && !(dev->hw_features & s->at)) {
		say(c, "%s on: %s does not do that", s->name, dev->name);
		return -EINVAL;
	}
	c->wanted_features = on ? c->wanted_features | (s->at & dev->hw_features) : c->wanted_features & ~(u32)s->at;
	return 0;
}

int ethtool_set(const struct net_device *dev, struct ethtool_change *c, char group, const char *name, const char *value)
{
	const struct setting *s = find(group, name);
	u64 n = 0;

	if (!s)
		return no_such_name(c, group, name);
	if (s->kind == NUMBER) {
		if (str_to_u64(value, &n) || n < s->min || n > s->max) {
			say(c, "%s %s: allowed is a number from %u to %u", name, value, s->min, s->max);
			return -EINVAL;
		}
		*(u32 *)((u8 *)c + s->at) = (u32)n;
		return 0;
	}
	n = !strcmp(value, "on");
	if (!n && strcmp(value, "off")) {
		say(c, "%s %s: allowed are on and off", name, value);
		return -EINVAL;
	}
	if (s->kind == FEATURE)
		return set_feature(dev, c, s, n);
	*(u32 *)((u8 *)c + s->at) = (u32)n;
	return 0;
}

static int check_coalesce(const struct net_device *dev, struct ethtool_change *c)
{
	const struct dev_coalesce *k = &c->coalesce;

	if (!dev->ops->retune) {
		say(c, "%s has no interrupts to moderate", dev->name);
		return -EOPNOTSUPP;
	}
	if ((k->rx_delay | k->rx_abs_delay | k->tx_delay | k->tx_abs_delay) && !dev->has_delays)
		say(c, "rx-delay and the like: %s has no such timers", dev->name);
	else if (k->rx_frames > dev->rx_frames_max)
		say(c, "rx-frames %u: %s allows 0 to %u", k->rx_frames, dev->name, dev->rx_frames_max);
	else if (k->rx_frames > 1 && !k->rx_usecs)
		say(c, "rx-frames %u: needs rx-usecs above 0, or the last frames would wait for ever", k->rx_frames);
	else
		return 0;
	return -EINVAL;
}

static int check_ring(const struct net_device *dev, struct ethtool_change *c, const char *name, u32 n, u32 max)
{
	if (n >= dev->rings_min && n <= max && !(n & (n - 1)))
		return 0;
	say(c, "%s %u: allowed is a power of two from %u to %u", name, n, dev->rings_min, max);
	return -EINVAL;
}

static int check_rings(const struct net_device *dev, struct ethtool_change *c)
{
	if (!dev->ops->set_rings) {
		say(c, "%s has no rings", dev->name);
		return -EOPNOTSUPP;
	}
	return check_ring(dev, c, "rx", c->rings.rx, dev->rings_max.rx) ?: check_ring(dev, c, "tx", c->rings.tx, dev->rings_max.tx);
}

static int check_channels(const struct net_device *dev, struct ethtool_change *c)
{
	if (dev->nr_txq == 1 || !dev->ops->set_channels) {
		say(c, "combined %u: %s has %u pair%s of queues, and cannot use another number", c->channels, dev->name, dev->nr_txq,
		    dev->nr_txq > 1 ? "s" : "");
		return -EOPNOTSUPP;
	}
	if (c->channels <= dev->nr_txq)
		return 0;
	say(c, "combined %u: %s allows 1 to %u", c->channels, dev->name, dev->nr_txq);
	return -EINVAL;
}

static int set_channels(struct net_device *dev, struct ethtool_change *c)
{
	int err = dev->ops->set_channels(dev, c->channels);

	if (err)
		say(c, "combined %u: %s refuses: %s", c->channels, dev->name, errno_text(err));
	return err;
}

int ethtool_commit(struct net_cpu *cpu, struct net_device *dev, struct ethtool_change *c)
{
	bool retimed = memcmp(&c->coalesce, &dev->coalesce, sizeof(c->coalesce));
	bool resized = memcmp(&c->rings, &dev->rings, sizeof(c->rings));
	int err = retimed ? check_coalesce(dev, c) : 0;

	if (!err && resized)
		err = check_rings(dev, c);
	if (!err && c->channels != dev->nr_channels)
		err = check_channels(dev, c);
	if (err)
		return err;
	bh_disable(cpu);
	dev->coalesce = c->coalesce;
	dev->wanted_features = c->wanted_features;
	dev->features = ethtool_features(dev, c->wanted_features);
	dev_stop_direct(dev);
	if (dev->ops->retune)
		dev->ops->retune(dev);
	if (resized)
		err = dev->ops->set_rings(dev, c->rings);
	if (err)
		say(c, "rings of %u and %u: %s", c->rings.rx, c->rings.tx, errno_text(err));
	else if (c->channels != dev->nr_channels)
		err = set_channels(dev, c);
	bh_enable(cpu);
	return err;
}

/* ---- the command line ---- */

/* The next word of a list with commas, cut out in place; NULL at its end. */
static char *next_word(char **at)
{
	char *word = *at, *comma;

	if (!word)
		return NULL;
	comma = strchr(word, ',');
	*at = comma ? comma + 1 : NULL;
	if (comma)
		*comma = 0;
	return word;
}

static int apply(struct net *net, char *spec, struct ethtool_change *c)
{
	char *colon = strchr(spec, ':'), *at = colon ? colon + 1 : NULL, *group, *word;
	struct net_device *dev = NULL;
	int err = 0;

	if (colon) {
		*colon = 0;
		dev = dev_by_name(net, spec);
	}
	group = next_word(&at);
	if (!dev || !group || !strchr("CGKL", group[0]) || group[0] == 0 || group[1]) {
		say(c, "%s; it is DEV:C|G|K|L,NAME=VALUE...", dev ? "none of C, G, K and L" : "there is no such device");
		return -EINVAL;
	}
	ethtool_begin(dev, c);
	while (!err && (word = next_word(&at))) {
		char *value = strchr(word, '=');

		if (value)
			*value++ = 0;
		err = ethtool_set(dev, c, group[0], word, value ? value : "");
	}
	return err ?: ethtool_commit(net->cpus[dev->txq[0].cpu], dev, c);
}

void ethtool_configure(struct net *net, const char *cmdline)
{
	char key[16], word[WORD_MAX], spec[WORD_MAX];
	struct ethtool_change c;

	while (cmdline_next(&cmdline, key, sizeof(key), word, sizeof(word))) {
		if (strcmp(key, "ethtool"))
			continue;
		str_copy(spec, word, sizeof(spec));
		if (apply(net, spec, &c))
			log_warn("ethtool=%s: %s; the word is ignored", word, c.why);
		else
			log_info("ethtool=%s", word);
	}
}
