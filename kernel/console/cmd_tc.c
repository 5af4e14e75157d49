/* SPDX-License-Identifier: MIT
 * cmd_tc.c - `tc qdisc`: the queueing disciplines of a device, shown and exchanged, printed as iproute2 prints them.
 *
 *	tc [-s] [-d] qdisc [show] [dev DEV] [--json]
 *	tc qdisc add|replace|change dev DEV {root | parent MAJOR:MINOR} [handle MAJOR:] KIND OPTIONS [/ KIND OPTIONS]
 *	tc qdisc del dev DEV root
 *	tc qdisc help
 *
 * What stands behind "/" is for the classes of a tbf or prio. At boot: qdisc=eth0:tbf,rate=10mbit,... (net/sched/config.c).
 */
#include "console/commands.h"
#include "console/json.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/qdisc.h"

#define CLASSES_MAX 16

/* ---------------------------------------------------------------- show */

struct tc_show {
	struct console_call *c;
	struct json j;
	bool stats, details, json;
	const struct net_device *dev; /* the one that was asked for, which is then not named; NULL: all */
};

static const char *dev_words(const struct tc_show *s, const struct net_device *dev, char buf[16 + 8])
{
	buf[0] = '\0';
	if (!s->dev)
		snprintf(buf, 16 + 8, "dev %s ", dev->name);
	return buf;
}

static void value_json(struct json *j, const char *name, const char *word)
{
	u64 v;

	if (!str_to_u64(word, &v))
		json_number(j, name, v);
	else
		json_text(j, name, word);
}

/* The words of dump(): a name, then its values, which begin with a digit. Numbers are numbers, what has a unit stays text, several
 * values are an array, none is true. */
static void options_json(struct json *j, char *text)
{
	char *words[64];
	unsigned nr = 0, i, end;

	for (char *p = text; *p && nr < ARRAY_SIZE(words);) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p)
			words[nr++] = p;
		while (*p && *p != ' ')
			p++;
	}
	json_open(j, "options", '{');
	for (i = 0; i < nr; i = end) {
		const char *name = words[i];

		for (end = i + 1; end < nr && words[end][0] >= '0' && words[end][0] <= '9'; end++)
			;
		if (end == i + 1) {
			json_bool(j, name, true);
		} else if (end == i + 2) {
			value_json(j, name, words[i + 1]);
		} else {
			json_open(j, name, '[');
			while (++i < end)
				value_json(j, NULL, words[i]);
			json_close(j, ']');
		}
	}
	json_close(j, '}');
}

/* As iproute2 says it of every root: the kernel's reference and the device's. */
static void root_json(struct json *j)
{
	json_bool(j, "root", true);
	json_number(j, "refcnt", 2);
}

struct tc_counts {
	u64 bytes, packets;
};

static void qdisc_json(struct tc_show *s, struct qdisc *q, const char *parent, const struct tc_counts *n)
{
	struct json *j = &s->j;
	char text[400] = "", handle[16];

	snprintf(handle, sizeof(handle), "%x:", q->handle);
	q->ops->dump(q, text, sizeof(text));
	json_open(j, NULL, '{');
	json_text(j, "kind", q->ops->id);
	json_text(j, "handle", handle);
	json_text(j, "dev", q->txq->dev->name);
	if (parent)
		json_text(j, "parent", parent);
	else
		root_json(j);
	options_json(j, text);
	if (s->stats) {
		json_number(j, "bytes", n->bytes);
		json_number(j, "packets", n->packets);
		json_number(j, "drops", q->drops);
		json_number(j, "overlimits", q->overlimits);
		json_number(j, "requeues", 0);
		json_number(j, "backlog", q->backlog_bytes);
		json_number(j, "qlen", q->qlen);
	}
	json_close(j, '}');
}

/* What -d adds to a tbf: cells of a rate table, which neither end has any more, and by what a frame's size is told. */
static void add_details(const struct qdisc *q, char *text, size_t size)
{
	char *burst = strcmp(q->ops->id, "tbf") ? NULL : strstr(text, "burst "), rest[200];
	size_t at;

	if (!burst)
		return;
	at = (size_t)(burst - text) + 6;
	while (text[at] && text[at] != ' ')
		at++;
	str_copy(rest, text + at, sizeof(rest));
	snprintf(text + at, size - at, "/1 mpu 0b%s linklayer ethernet", rest);
}

/* parent: the class it is in, NULL at the root. */
static void show_one(struct tc_show *s, struct qdisc *q, const char *parent)
{
	const struct netdev_queue *txq = q->txq;
	struct console_out *out = s->c->out;
	bool root = txq->qdisc == q;
	struct tc_counts n = { root ? txq->stats.bytes - q->sent_bytes : q->bytes,
			       root ? txq->stats.packets - q->sent_packets : q->packets };
	char text[400] = "", dev[16 + 8];

	if (s->json) {
		qdisc_json(s, q, parent, &n);
		return;
	}
	q->ops->dump(q, text, sizeof(text));
	if (s->details)
		add_details(q, text, sizeof(text));
	out_printf(out, "qdisc %s %x: %s%s%s %s \n", q->ops->id, q->handle, dev_words(s, txq->dev, dev),
		   parent ? "parent " : "root refcnt 2", parent ?: "", text);
	if (!s->stats)
		return;
	out_printf(out, " Sent %llu bytes %llu pkt (dropped %llu, overlimits %llu requeues 0) \n backlog %ub %up requeues 0\n",
		   (unsigned long long)n.bytes, (unsigned long long)n.packets, (unsigned long long)q->drops,
		   (unsigned long long)q->overlimits, q->backlog_bytes, q->qlen);
	if (!q->ops->dump_stats)
		return;
	text[0] = '\0';
	q->ops->dump_stats(q, text, sizeof(text));
	out_printf(out, "%s", text);
}

/* The classes' disciplines that somebody chose; the ones that come with the root are not worth a line. */
static void show_classes(struct tc_show *s, struct qdisc *root)
{
	struct qdisc **class;
	char parent[24];
	u32 minor;

	for (minor = 1; minor <= CLASSES_MAX && (class = root->ops->leaf(root, minor)); minor++) {
		if (!(*class)->handle && !s->stats)
			continue;
		snprintf(parent, sizeof(parent), "%x:%x", root->handle, minor);
		show_one(s, *class, parent);
	}
}

/* A root that is no struct qdisc: of a device that is down, or the one above several queues. */
static void show_plain(struct tc_show *s, const struct net_device *dev, const char *kind, const char *refcnt)
{
	char words[16 + 8];

	if (!s->json) {
		out_printf(s->c->out, "qdisc %s 0: %sroot %s\n", kind, dev_words(s, dev, words), refcnt);
		return;
	}
	json_open(&s->j, NULL, '{');
	json_text(&s->j, "kind", kind);
	json_text(&s->j, "handle", "0:");
	json_text(&s->j, "dev", dev->name);
	root_json(&s->j);
	json_open(&s->j, "options", '{');
	json_close(&s->j, '}');
	json_close(&s->j, '}');
}

static void show_dev(struct tc_show *s, struct net_device *dev)
{
	bool many = dev->real_num_tx_queues > 1;
	char parent[16];
	unsigned i;

	if (!(dev->flags & IFF_UP)) {
		show_plain(s, dev, "noqueue", "refcnt 2 ");
		return;
	}
	if (many)
		show_plain(s, dev, "mq", "");
	for (i = 0; i < dev->real_num_tx_queues; i++) {
		struct qdisc *q = dev->txq[i].qdisc;

		snprintf(parent, sizeof(parent), ":%x", i + 1);
		show_one(s, q, many ? parent : NULL);
		if (q->ops->leaf)
			show_classes(s, q);
	}
}

static int no_device(struct console_call *c, const char *name)
{
	out_printf(c->out, "Cannot find device \"%s\"; `ip link` lists them\n", name);
	return -ENODEV;
}

/* [dev DEV] from word `at` on. */
static int show(struct console_call *c, int at, bool stats, bool details, bool json)
{
	struct tc_show s = { .c = c, .j.out = c->out, .stats = stats, .details = details, .json = json };
	struct net *net = c->cpu->net;
	struct net_device *dev = NULL;
	unsigned i;

	if (at < c->argc && (strcmp(c->argv[at], "dev") || at + 2 != c->argc))
		return console_usage(c, c->argv[at]);
	if (at < c->argc && !(dev = dev_by_name(net, c->argv[at + 1])))
		return no_device(c, c->argv[at + 1]);
	s.dev = dev;
	if (s.json)
		json_open(&s.j, NULL, '[');
	for (i = 0; i < net->nr_devs; i++)
		if (net->devs[i] && (!dev || net->devs[i] == dev))
			show_dev(&s, net->devs[i]);
	if (s.json) {
		json_close(&s.j, ']');
		json_end(&s.j);
	}
	return 0;
}

static int help(struct console_call *c)
{
	unsigned i;

	out_printf(c->out, "tc [-s] [-d] qdisc [show] [dev DEV]\n"
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
	bool long_word = console_take_word(c, "--json"), json = console_take_word(c, "-j") || long_word;
	bool stats = console_take_word(c, "-s"), details = console_take_word(c, "-d");
	const char *verb;
	int at = 1;
	unsigned i;

	if (at >= c->argc || strcmp(c->argv[at], "qdisc"))
		return console_usage(c, at < c->argc ? c->argv[at] : NULL);
	verb = ++at < c->argc ? c->argv[at] : "show";
	if (!strcmp(verb, "help"))
		return help(c);
	if (!strcmp(verb, "show") || !strcmp(verb, "dev"))
		return show(c, at + !strcmp(verb, "show"), stats, details, json);
	for (i = 0; i < ARRAY_SIZE(verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return change(c, verb, at + 1);
	return console_usage(c, verb);
}
