/* SPDX-License-Identifier: MIT
 * cmd_tc.c - `tc qdisc`: the queueing disciplines of a device, shown and exchanged, printed as iproute2 prints them.
 *
 *	tc [-s] qdisc [show] [dev DEV]
 *	tc qdisc add|replace|change dev DEV {root | parent MAJOR:MINOR} [handle MAJOR:] KIND OPTIONS [/ KIND OPTIONS]
 *	tc qdisc del dev DEV root
 *	tc qdisc help
 *
 * What stands behind "/" is for the classes of a tbf or prio. At boot: qdisc=eth0:tbf,rate=10mbit,... (net/sched/config.c).
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/qdisc.h"

#define CLASSES_MAX 16

/* ---------------------------------------------------------------- show */

static void show_one(struct console_call *c, struct qdisc *q, const char *place, bool stats)
{
	const struct netdev_queue *txq = q->txq;
	bool root = txq->qdisc == q;
	u64 packets = root ? txq->stats.packets - q->sent_packets : q->packets;
	u64 bytes = root ? txq->stats.bytes - q->sent_bytes : q->bytes;
	char text[400] = "";

	q->ops->dump(q, text, sizeof(text));
	out_printf(c->out, "qdisc %s %x: dev %s %s %s \n", q->ops->id, q->handle, txq->dev->name, place, text);
	if (!stats)
		return;
	out_printf(c->out, " Sent %llu bytes %llu pkt (dropped %llu, overlimits %llu requeues 0) \n backlog %ub %up requeues 0\n",
		   (unsigned long long)bytes, (unsigned long long)packets, (unsigned long long)q->drops,
		   (unsigned long long)q->overlimits, q->backlog_bytes, q->qlen);
	if (!q->ops->dump_stats)
		return;
	text[0] = '\0';
	q->ops->dump_stats(q, text, sizeof(text));
	out_printf(c->out, "%s", text);
}

/* The classes' disciplines that somebody chose; the ones that come with the root are not worth a line. */
static void show_classes(struct console_call *c, struct qdisc *root, bool stats)
{
	struct qdisc **class;
	char place[32];
	u32 minor;

	for (minor = 1; minor <= CLASSES_MAX && (class = root->ops->leaf(root, minor)); minor++) {
		if (!(*class)->handle && !stats)
			continue;
		snprintf(place, sizeof(place), "parent %x:%x", root->handle, minor);
		show_one(c, *class, place, stats);
	}
}

static void show_dev(struct console_call *c, struct net_device *dev, bool stats)
{
	char place[32] = "root refcnt 2";
	unsigned i;

	if (!(dev->flags & IFF_UP)) {
		out_printf(c->out, "qdisc noqueue 0: dev %s root refcnt 2 \n", dev->name);
		return;
	}
	if (dev->real_num_tx_queues > 1)
		out_printf(c->out, "qdisc mq 0: dev %s root \n", dev->name);
	for (i = 0; i < dev->real_num_tx_queues; i++) {
		struct qdisc *q = dev->txq[i].qdisc;

		if (dev->real_num_tx_queues > 1)
			snprintf(place, sizeof(place), "parent :%x", i + 1);
		show_one(c, q, place, stats);
		if (q->ops->leaf)
			show_classes(c, q, stats);
	}
}

static int no_device(struct console_call *c, const char *name)
{
	out_printf(c->out, "Cannot find device \"%s\"; `ip link` lists them\n", name);
	return -ENODEV;
}

/* [dev DEV] from word `at` on. */
static int show(struct console_call *c, int at, bool stats)
{
	struct net *net = c->cpu->net;
	struct net_device *dev = NULL;
	unsigned i;

	if (at < c->argc && (strcmp(c->argv[at], "dev") || at + 2 != c->argc))
		return console_usage(c, c->argv[at]);
	if (at < c->argc && !(dev = dev_by_name(net, c->argv[at + 1])))
		return no_device(c, c->argv[at + 1]);
	for (i = 0; i < net->nr_devs; i++)
		if (net->devs[i] && (!dev || net->devs[i] == dev))
			show_dev(c, net->devs[i], stats);
	return 0;
}

static int help(struct console_call *c)
{
	unsigned i;

	out_printf(c->out, "tc [-s] qdisc [show] [dev DEV]\n"
			   "tc qdisc add|replace|change dev DEV {root | parent MAJOR:MINOR} [handle MAJOR:] KIND OPTIONS\n"
			   "tc qdisc del dev DEV root\n"
			   "at boot: qdisc=[DEV:]KIND,OPTION=VALUE,...[/KIND,...]\nKIND and its OPTIONS:\n");
	for (i = 0; qdisc_table[i]; i++)
		out_printf(c->out, "  %-10s %s\n", qdisc_table[i]->id, qdisc_table[i]->usage);
	return 0;
}

/* ---------------------------------------------------------------- change */

struct tc_words {
	struct net_device *dev;
	struct qdisc_request rq;
	bool placed; /* root or parent was said */
	char options[CONSOLE_LINE_MAX];
};

/* "MAJOR:" or, where minor is given, "MAJOR:MINOR"; hexadecimal, as all of tc's handles. */
static bool parse_handle(const char *s, u32 *major, u32 *minor)
{
	u32 v[2] = { 0, 0 };
	unsigned part = 0, digits = 0;

	for (; *s; s++) {
		char ch = *s | 0x20;

		if (*s == ':' && !part++)
			continue;
		if (!((ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'f')) || digits++ > 8)
			return false;
		v[part] = v[part] << 4 | (u32)(ch <= '9' ? ch - '0' : ch - 'a' + 10);
	}
	if (part != 1 || !v[0] || v[0] > 0xffff || v[1] > 0xffff || (!minor && v[1]))
		return false;
	*major = v[0];
	if (minor)
		*minor = v[1] ?: 1;
	return true;
}

/* Words up to the kind; returns the index of the first that is none of them, or -errno after it said why. */
static int read_place(struct console_call *c, int at, struct tc_words *t)
{
	for (; at < c->argc; at++) {
		const char *word = c->argv[at], *value = at + 1 < c->argc ? c->argv[at + 1] : "";
		bool ok = true;

		if (!strcmp(word, "root")) {
			t->placed = true;
			continue;
		}
		if (!strcmp(word, "dev") && !(t->dev = dev_by_name(c->cpu->net, value)))
			return no_device(c, value);
		if (!strcmp(word, "dev"))
			ok = true;
		else if (!strcmp(word, "parent"))
			ok = t->placed = parse_handle(value, &t->rq.parent, &t->rq.minor);
		else if (!strcmp(word, "handle"))
			ok = parse_handle(value, &t->rq.handle, NULL);
		else
			return at;
		if (!ok)
			return console_usage(c, *value ? value : word);
		at++;
	}
	return at;
}

/* The options are the words from `at` on, as one text. */
static void join_words(struct console_call *c, int at, struct tc_words *t)
{
	size_t n = 0;

	t->options[0] = '\0';
	for (; at < c->argc; at++)
		n += (size_t)scnprintf(t->options + n, sizeof(t->options) - n, "%s ", c->argv[at]);
}

static int apply(struct console_call *c, struct tc_words *t)
{
	struct qdisc_error e;
	int err;

	bh_disable(c->cpu);
	net_set_now(c->cpu, MAX(c->cpu->now_ns, clock_ns()));
	err = qdisc_replace(c->cpu, t->dev, &t->rq, &e);
	bh_enable(c->cpu);
	if (err)
		out_printf(c->out, "Error: %s; nothing is changed\n", e.text);
	return err;
}

static int change(struct console_call *c, const char *verb, int at)
{
	struct tc_words t = { .rq.options = t.options };
	bool del = !strcmp(verb, "del");

	if (!c->may_change)
		return console_refuse(c);
	t.rq.change = !strcmp(verb, "change");
	at = read_place(c, at, &t);
	if (at < 0)
		return at;
	if (!t.dev || !t.placed || del == (at < c->argc) || (del && t.rq.parent))
		return console_usage(c, at < c->argc ? c->argv[at] : NULL);
	join_words(c, at + 1, &t);
	t.rq.id = del ? qdisc_default(c->cpu->net)->id : c->argv[at];
	return apply(c, &t);
}

int cmd_tc(struct console_call *c)
{
	static const char *const verbs[] = { "add", "replace", "change", "del" };
	int at = 1;
	bool stats = at < c->argc && !strcmp(c->argv[at], "-s");
	const char *verb;
	unsigned i;

	at += stats;
	if (at >= c->argc || strcmp(c->argv[at], "qdisc"))
		return console_usage(c, at < c->argc ? c->argv[at] : NULL);
	verb = ++at < c->argc ? c->argv[at] : "show";
	if (!strcmp(verb, "help"))
		return help(c);
	if (!strcmp(verb, "show") || !strcmp(verb, "dev"))
		return show(c, at + !strcmp(verb, "show"), stats);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return change(c, verb, at + 1);
	return console_usage(c, verb);
}
