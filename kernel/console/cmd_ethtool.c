/* SPDX-License-Identifier: MIT
 * cmd_ethtool.c - `ethtool`: a device, its statistics, moderation, rings, channels and offloads, printed as ethtool prints
 * them. What is changed goes through net/core/ethtool.h, on the CPU that owns the device's first queue.
 */
#include "console/commands.h"
#include "console/json.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/ethtool.h"
#include "net/core/steer.h"

struct feature_name {
	u32 bit;
	const char *name;
};

static const struct feature_name feature_names[] = {
	{ NETIF_F_RXCSUM, "rx-checksumming" },      { NETIF_F_HW_CSUM, "tx-checksumming" },
	{ NETIF_F_SG, "scatter-gather" },           { NETIF_F_TSO, "tcp-segmentation-offload" },
	{ NETIF_F_TSO6, "tx-tcp6-segmentation" },   { NETIF_F_GRO, "generic-receive-offload" },
	{ NETIF_F_LRO, "large-receive-offload" },   { NETIF_F_RXHASH, "receive-hashing" },
	{ NETIF_F_TSO_ECN, "tx-tcp-ecn-segmentation" },
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
		{ "held", s->held },             { "completed", s->completed }, { "missed", s->missed },
		{ "lies", s->lies },             { "resets", s->resets },   { "csum_good", s->csum_good },
		{ "gro_packets", s->gro_packets }, { "gro_merged", s->gro_merged },
	};
	unsigned k;

	for (k = 0; k < ARRAY_SIZE(rows); k++)
		out_printf(c->out, "     %s_queue_%u_%s: %llu\n", dir, i, rows[k].name, (unsigned long long)rows[k].value);
}

static void json_features(struct console_call *c, const struct net_device *dev)
{
	struct json j = { .out = c->out };

	json_open(&j, NULL, '[');
	json_open(&j, NULL, '{');
	json_text(&j, "ifname", dev->name);
	for (unsigned i = 0; i < ARRAY_SIZE(feature_names); i++) {
		json_open(&j, feature_names[i].name, '{');
		json_bool(&j, "active", dev->features & feature_names[i].bit);
		json_bool(&j, "fixed", !(dev->hw_features & feature_names[i].bit & ETHTOOL_SWITCHED));
		json_bool(&j, "requested", dev->wanted_features & feature_names[i].bit);
		json_close(&j, '}');
	}
	json_close(&j, '}');
	json_close(&j, ']');
	json_end(&j);
}

static void print_features(struct console_call *c, const struct net_device *dev)
{
	unsigned i;

	out_printf(c->out, "Features for %s:\n", dev->name);
	for (i = 0; i < ARRAY_SIZE(feature_names); i++)
		out_printf(c->out, "%s: %s%s\n", feature_names[i].name,
			   dev->features & feature_names[i].bit ? "on" : "off",
			   dev->hw_features & feature_names[i].bit & ETHTOOL_SWITCHED ? "" : " [fixed]");
}

static void print_coalesce(struct console_call *c, const struct net_device *dev)
{
	static const char absent[] = "rx-usecs-low: n/a\nrx-frame-low: n/a\ntx-usecs-low: n/a\ntx-frame-low: n/a\n\n"
				     "rx-usecs-high: n/a\nrx-frame-high: n/a\ntx-usecs-high: n/a\ntx-frame-high: n/a\n\n"
				     "CQE mode RX: n/a  TX: n/a\n\n";
	const struct dev_coalesce *k = &dev->coalesce;

	out_printf(c->out, "Coalesce parameters for %s:\nAdaptive RX: %s  TX: n/a\n", dev->name, k->adaptive_rx ? "on" : "off");
	out_printf(c->out, "stats-block-usecs: n/a\nsample-interval: n/a\npkt-rate-low: n/a\npkt-rate-high: n/a\n\n");
	out_printf(c->out, "rx-usecs: %u\nrx-frames: ", k->rx_usecs);
	if (dev->rx_frames_max)
		out_printf(c->out, "%u\n", k->rx_frames);
	else
		out_printf(c->out, "n/a\n");
	out_printf(c->out, "rx-usecs-irq: n/a\nrx-frames-irq: n/a\n\n");
	out_printf(c->out, "tx-usecs: %u\ntx-frames: %u\ntx-usecs-irq: n/a\ntx-frames-irq: n/a\n\n%s", k->tx_usecs, k->tx_frames,
		   absent);
	if (dev->has_delays) /* timers that Linux has as module parameters */
		out_printf(c->out, "rx-delay: %u\nrx-abs-delay: %u\ntx-delay: %u\ntx-abs-delay: %u\n\n", k->rx_delay,
			   k->rx_abs_delay, k->tx_delay, k->tx_abs_delay);
}

static void print_rings(struct console_call *c, const struct net_device *dev)
{
	static const char form[] = "RX:\t\t%u\nRX Mini:\tn/a\nRX Jumbo:\tn/a\nTX:\t\t%u\n";

	out_printf(c->out, "Ring parameters for %s:\nPre-set maximums:\n", dev->name);
	out_printf(c->out, form, dev->rings_max.rx, dev->rings_max.tx);
	out_printf(c->out, "Current hardware settings:\n");
	out_printf(c->out, form, dev->rings.rx, dev->rings.tx);
}

static void print_channels(struct console_call *c, const struct net_device *dev)
{
	static const char form[] = "RX:\t\tn/a\nTX:\t\tn/a\nOther:\t\tn/a\nCombined:\t%u\n";

	out_printf(c->out, "Channel parameters for %s:\nPre-set maximums:\n", dev->name);
	out_printf(c->out, form, dev->nr_txq);
	out_printf(c->out, "Current hardware settings:\n");
	out_printf(c->out, form, dev->nr_channels);
}

/* The key is not told: who knows it can choose flows that all are one CPU's. */
static void print_rss(struct console_call *c, const struct net_device *dev)
{
	const struct steer *s = dev->net->steer;

	if (dev->nr_rxq < 2 || s->mode != STEER_RSS) {
		out_printf(c->out, "Cannot get RX ring count: Operation not supported\n");
		return;
	}
	out_printf(c->out, "RX flow hash indirection table for %s with %u RX ring(s):\n", dev->name, dev->nr_channels);
	for (unsigned i = 0; i < STEER_SLOTS; i++) {
		if (i % 8 == 0)
			out_printf(c->out, "%5u: ", i);
		out_printf(c->out, " %5u%s", s->cpu[i] % dev->nr_channels, i % 8 == 7 ? "\n" : "");
	}
	out_printf(c->out, "RSS hash key:\nOperation not supported\nRSS hash function:\n    toeplitz: on\n    xor: off\n    crc32: off\n");
}

static void print_settings(struct console_call *c, const struct net_device *dev)
{
	out_printf(c->out, "Settings for %s:\n\tdriver: %s\n\tbus-info: %s\n\tSpeed: %uMb/s\n\tLink detected: %s\n",
		   dev->name, dev->driver ? dev->driver : "-", dev->bus ? dev->bus : "-", dev->speed_mbit,
		   dev->carrier ? "yes" : "no");
}

/* ethtool -i: which driver has it, and where it sits. */
static void print_driver(struct console_call *c, const struct net_device *dev)
{
	out_printf(c->out, "driver: %s\nversion: \nfirmware-version: \nexpansion-rom-version: \nbus-info: %s\n",
		   dev->driver ? dev->driver : "", dev->bus ? dev->bus : "");
	out_printf(c->out, "supports-statistics: yes\nsupports-test: no\nsupports-eeprom-access: no\n"
			   "supports-register-dump: no\nsupports-priv-flags: no\n");
}

static void print_stats(struct console_call *c, const struct net_device *dev)
{
	unsigned i;

	out_printf(c->out, "NIC statistics:\n");
	for (i = 0; i < dev->nr_rxq; i++)
		print_queue_stats(c, "rx", i, &dev->rx[i]);
	for (i = 0; i < dev->nr_txq; i++)
		print_queue_stats(c, "tx", i, &dev->txq[i].stats);
}

/* ---- changing ---- */

struct job {
	struct net_device *dev;
	struct ethtool_change change;
	bool reset;
	int err;
};

static void carry_out(struct console_call *c, void *arg)
{
	struct job *job = arg;

	if (c->cpu->id != job->dev->txq[0].cpu)
		return;
	if (!job->reset) {
		job->err = ethtool_commit(c->cpu, job->dev, &job->change);
		return;
	}
	bh_disable(c->cpu);
	job->dev->ops->reset(job->dev);
	bh_enable(c->cpu);
}

/* ethtool -C|-G|-K|-L DEV NAME VALUE... */
static int change(struct console_call *c, struct net_device *dev)
{
	struct job job = { .dev = dev };
	int i;

	if (c->argc < 5 || c->argc % 2 == 0)
		return console_usage(c, NULL);
	if (!c->may_change)
		return console_refuse(c);
	ethtool_begin(dev, &job.change);
	for (i = 3; i + 1 < c->argc && !job.err; i += 2)
		job.err = ethtool_set(dev, &job.change, c->argv[1][1], c->argv[i], c->argv[i + 1]);
	if (!job.err)
		console_on_each_cpu(c, carry_out, &job);
	if (job.err)
		out_printf(c->out, "ethtool: %s\n", job.change.why);
	return job.err;
}

static int reset(struct console_call *c, struct net_device *dev)
{
	struct job job = { .dev = dev, .reset = true };

	if (!c->may_change)
		return console_refuse(c);
	if (!dev->ops->reset) {
		out_printf(c->out, "ethtool: %s has nothing to reset\n", dev->name);
		return -EOPNOTSUPP;
	}
	console_on_each_cpu(c, carry_out, &job);
	return 0;
}

static const struct {
	const char *option;
	void (*print)(struct console_call *c, const struct net_device *dev);
	int (*act)(struct console_call *c, struct net_device *dev);
} options[] = {
	{ "-i", print_driver, NULL },
	{ "-S", print_stats, NULL }, { "-k", print_features, NULL },  { "-c", print_coalesce, NULL },
	{ "-g", print_rings, NULL }, { "-l", print_channels, NULL },
	{ "-x", print_rss, NULL },   { "-C", NULL, change },
	{ "-G", NULL, change },      { "-K", NULL, change },          { "-L", NULL, change },
	{ "--reset", NULL, reset },
};

static struct net_device *find_dev(struct console_call *c, const char *name)
{
	struct net_device *dev = dev_by_name(c->cpu->net, name);

	if (!dev)
		out_printf(c->out, "ethtool: no device '%s'; `ip link` lists them\n", name);
	return dev;
}

int cmd_ethtool(struct console_call *c)
{
	bool json = console_take_word(c, "--json");
	const char *opt = c->argc > 1 ? c->argv[1] : "-";
	struct net_device *dev;
	unsigned i;

	if (json) {
		if (c->argc != 3 || strcmp(opt, "-k"))
			return console_usage(c, strcmp(opt, "-k") ? opt : NULL);
		dev = find_dev(c, c->argv[2]);
		if (dev)
			json_features(c, dev);
		return dev ? 0 : -ENODEV;
	}
	if (opt[0] != '-') {
		if (c->argc > 2)
			return console_usage(c, c->argv[2]);
		dev = find_dev(c, opt);
		if (dev)
			print_settings(c, dev);
		return dev ? 0 : -ENODEV;
	}
	for (i = 0; i < ARRAY_SIZE(options) && strcmp(opt, options[i].option); i++)
		;
	if (i == ARRAY_SIZE(options) || c->argc < 3 || (c->argc > 3 && options[i].act != change))
		return console_usage(c, i == ARRAY_SIZE(options) ? (c->argc > 1 ? opt : NULL) : c->argc > 3 ? c->argv[3] : NULL);
	dev = find_dev(c, c->argv[2]);
	if (!dev)
		return -ENODEV;
	if (options[i].act)
		return options[i].act(c, dev);
	options[i].print(c, dev);
	return 0;
}
