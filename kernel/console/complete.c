/* SPDX-License-Identifier: MIT
 * complete.c - which words may follow: one row for each beginning of a line, the longest that fits decides. Options between
 * do not count. "@kind" stands for names that the machine knows.
 */
#include "console/complete.h"
#include "console/console.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/core/qdisc.h"
#include "net/core/trace.h"
#include "platform.h"

static const struct {
	const char *line, *words;
} rows[] = {
	{ "", "@command" },
	{ "help", "@command" },
	{ "nstat", "-z --json" },
	{ "drops", "-z --json" },
	{ "softnet", "--json" },
	{ "balance", "--json" },
	{ "ip", "addr link route neigh maddr -4 -6 -s --json" },
	{ "ip addr", "show add del dev" },
	{ "ip link", "show set dev" },
	{ "ip link set", "dev @device txqueuelen" },
	{ "ip route", "show add del get" },
	{ "ip route add", "default unreachable prohibit blackhole via dev metric" },
	{ "ip route del", "default via dev metric" },
	{ "ip neigh", "show dev" },
	{ "ip maddr", "show add del dev" },
	{ "ethtool", "@device -i -S -c -g -k -l -x -C -G -K -L --reset" },
	{ "cat", "@queue" },
	{ "echo", "@queue" },
	{ "tc", "qdisc -s -d" },
	{ "tc qdisc", "show add replace change del help dev --json" },
	{ "tc qdisc show", "dev --json" },
	{ "tc qdisc add", "dev root parent handle @qdisc" },
	{ "tc qdisc replace", "dev root parent handle @qdisc" },
	{ "tc qdisc change", "dev root parent handle @qdisc" },
	{ "tc qdisc del", "dev root" },
	{ "conntrack", "-L -C -S -F --json" },
	{ "nft", "list add insert delete flush -a" },
	{ "nft list", "ruleset" },
	{ "nft add", "rule chain table set element" },
	{ "nft delete", "rule chain table set element" },
	{ "nft flush", "ruleset table chain set" },
	{ "ss", "-tin -tln -uln -46tulnaip --json" },
	{ "sysctl", "-a @tunable" },
	{ "profile", "on off show" },
	{ "crash", "@fault" },
	{ "tcpdump", "-c -i -n tcp udp icmp arp host port net" },
	{ "trace", "on off follow show hist" },
	{ "trace on", "@event filter" },
	{ "trace hist", "--json" },
};

/* The i-th name of a kind that the machine knows; NULL past the last. */
static const char *command_name(const struct net *net, unsigned i, char *buf)
{
	const struct console_cmd *cmd = console_cmds;

	while (cmd->name && i--)
		cmd++;
	return cmd->name;
}

static const char *device_name(const struct net *net, unsigned i, char *buf)
{
	return net && i < net->nr_devs && net->devs[i] ? net->devs[i]->name : NULL;
}

static const char *tunable_name(const struct net *net, unsigned i, char *buf)
{
	const struct net_sysctl_row *r;

	for (unsigned k = 0; (r = net_sysctl_row(k)); k++)
		if (!r->component && !i--)
			return r->name;
	return NULL;
}

static const char *qdisc_name(const struct net *net, unsigned i, char *buf)
{
	unsigned k = 0;

	while (qdisc_table[k] && k < i)
		k++;
	return qdisc_table[k] ? qdisc_table[k]->id : NULL;
}

static const char *event_name(const struct net *net, unsigned i, char *buf)
{
	return i < NR_TRACE_EVENTS ? trace_event_name(i) : NULL;
}

static const char *fault_name(const struct net *net, unsigned i, char *buf)
{
	return platform_crash_kind(i);
}

/* The files of console/cmd_sysfs.c. */
static const char *queue_name(const struct net *net, unsigned i, char *buf)
{
	for (unsigned k = 0; net && k < net->nr_devs; k++) {
		const struct net_device *dev = net->devs[k];

		if (!dev)
			continue;
		if (i < 2 * dev->nr_channels) {
			snprintf(buf, CONSOLE_WORD_MAX, "/sys/class/net/%s/queues/%s-%u/%s_cpus", dev->name, i % 2 ? "rx" : "tx", i / 2,
				 i % 2 ? "rps" : "xps");
			return buf;
		}
		i -= 2 * dev->nr_channels;
	}
	return NULL;
}

static const struct {
	const char *kind;
	const char *(*name)(const struct net *net, unsigned i, char *buf); /* it may be in buf */
} kinds[] = {
	{ "@command", command_name }, { "@device", device_name }, { "@tunable", tunable_name },
	{ "@qdisc", qdisc_name },     { "@event", event_name },   { "@fault", fault_name },
	{ "@queue", queue_name },
};

/* The line's whole words before `end`, options left out, with one blank between; *after_dev: the last one asks for a device. */
static void beginning(const char *line, unsigned end, char key[CONSOLE_LINE_MAX], bool *after_dev)
{
	unsigned at = 0, n = 0, start;

	*after_dev = false;
	while (at < end) {
		for (; at < end && line[at] == ' '; at++)
			;
		for (start = at; at < end && line[at] != ' '; at++)
			;
		if (start == at)
			break;
		*after_dev = (at - start == 3 && !memcmp(line + start, "dev", 3)) || (at - start == 2 && !memcmp(line + start, "-i", 2));
		if (line[start] == '-')
			continue;
		if (n)
			key[n++] = ' ';
		memcpy(key + n, line + start, at - start);
		n += at - start;
	}
	key[n] = '\0';
}

static const char *words_after(const char *key)
{
	const char *best = "";
	size_t longest = 0, n;

	if (!*key)
		return rows[0].words;
	for (unsigned i = 1; i < ARRAY_SIZE(rows); i++) {
		n = strlen(rows[i].line);
		if (n > longest && !strncmp(rows[i].line, key, n) && (!key[n] || key[n] == ' ')) {
			longest = n;
			best = rows[i].words;
		}
	}
	return best;
}

/* The names of the kind in buf: the i-th, perhaps in buf itself, or NULL with *i less as many as there are. */
static const char *nth_name(const struct net *net, unsigned *i, char *buf)
{
	const char *name;
	unsigned k = 0;

	while (k < ARRAY_SIZE(kinds) && strcmp(kinds[k].kind, buf))
		k++;
	for (unsigned m = 0; k < ARRAY_SIZE(kinds) && (name = kinds[k].name(net, m, buf)); m++)
		if (!(*i)--)
			return name;
	return NULL;
}

/* The i-th of a row's words, kinds replaced by their names. */
static const char *nth(const struct net *net, const char *words, unsigned i, char buf[CONSOLE_WORD_MAX])
{
	while (*words) {
		const char *name;
		unsigned n = 0;

		while (words[n] && words[n] != ' ')
			n++;
		memcpy(buf, words, n);
		buf[n] = '\0';
		words += n + (words[n] == ' ');
		if (*buf == '@')
			name = nth_name(net, &i, buf);
		else
			name = i-- ? NULL : buf;
		if (name)
			return name;
	}
	return NULL;
}

const char *console_candidate(const struct net *net, const char *line, unsigned word, unsigned i, char buf[CONSOLE_WORD_MAX])
{
	char key[CONSOLE_LINE_MAX];
	bool after_dev;

	beginning(line, word, key, &after_dev);
	return after_dev ? device_name(net, i, buf) : nth(net, words_after(key), i, buf);
}
