/* SPDX-License-Identifier: MIT
 * cmd_stat.c - the counters: nstat, drops, softnet, uptime. Values are sums over the CPUs, read without stopping them.
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/dev.h"
#include "net/core/drop_count.h"
#include "net/core/stats.h"

static u64 stat_sum(struct net *net, enum net_stat s)
{
	struct net_cpu *cpu;
	u64 sum = 0;
	unsigned i;

	for_each_cpu(net, cpu, i)
		sum += READ_ONCE(cpu->stats[s]);
	return sum;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* nstat's patterns: `*` stands for any run of characters, the rest for itself, letter case ignored. Only the last
 * star needs to be tried again, so the time is at most pattern x name. */
static bool matches(const char *pattern, const char *name)
{
	const char *star = NULL, *retry = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			retry = name;
		} else if (lower(*pattern) == lower(*name)) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

struct nstat_options {
	bool zeros, json;
	int nr_patterns;
	char *patterns[CONSOLE_ARGS_MAX];
};

static int nstat_parse(struct console_call *c, struct nstat_options *o)
{
	int i;

	memset(o, 0, sizeof(*o));
	for (i = 1; i < c->argc; i++) {
		if (!strcmp(c->argv[i], "-z") || !strcmp(c->argv[i], "-az") || !strcmp(c->argv[i], "-za"))
			o->zeros = true;
		else if (!strcmp(c->argv[i], "--json"))
			o->json = true;
		else if (c->argv[i][0] == '-' && strcmp(c->argv[i], "-a"))
			return console_usage(c, c->argv[i]);
		else if (c->argv[i][0] != '-')
			o->patterns[o->nr_patterns++] = c->argv[i];
	}
	return 0;
}

static bool nstat_wanted(const struct nstat_options *o, const char *name, u64 value)
{
	int i;

	if (!value && !o->zeros)
		return false;
	for (i = 0; i < o->nr_patterns; i++)
		if (matches(o->patterns[i], name))
			return true;
	return !o->nr_patterns;
}

int cmd_nstat(struct console_call *c)
{
	struct nstat_options o;
	const char *sep = "";
	unsigned s;
	u64 v;
	int err = nstat_parse(c, &o);

	if (err)
		return err;
	out_printf(c->out, o.json ? "{\"kernel\":{" : "#kernel\n");
	for (s = 0; s < STAT_MAX; s++) {
		v = stat_sum(c->cpu->net, (enum net_stat)s);
		if (!nstat_wanted(&o, stat_name((enum net_stat)s), v))
			continue;
		if (o.json)
			out_printf(c->out, "%s\"%s\":%llu", sep, stat_name((enum net_stat)s), (unsigned long long)v);
		else
			out_printf(c->out, "%-31s %-18llu 0.0\n", stat_name((enum net_stat)s), (unsigned long long)v);
		sep = ",";
	}
	if (o.json)
		out_printf(c->out, "}}\n");
	return 0;
}

static u64 drop_sum(struct net *net, unsigned reason)
{
	struct net_cpu *cpu;
	u64 sum = 0;
	unsigned i;

	for_each_cpu(net, cpu, i)
		sum += READ_ONCE(cpu->drops[reason]);
	return sum;
}

/* The places that gave this reason. */
static void show_places(struct console_call *c, unsigned reason, const char **sep, bool json)
{
	char where[DROP_WHERE_MAX];
	unsigned nr;
	const struct drop_site *s = drop_site_table(&nr);

	for (const struct drop_site *end = s + nr; s < end; s++) {
		u64 v = drop_count_sum(c->cpu->net, s->place << 8 | reason);

		if (!v)
			continue;
		drop_where(s->place, where);
		if (json)
			out_printf(c->out, "%s{\"reason\":\"%s\",\"place\":\"%s\",\"frames\":%llu}", *sep,
				   drop_name((enum drop_reason)reason), where, (unsigned long long)v);
		else
			out_printf(c->out, "    at %-28s %llu\n", where, (unsigned long long)v);
		*sep = ",";
	}
}

/* All places, as the member of JSON's object that stands behind its reasons. */
static void json_places(struct console_call *c, const char *before)
{
	const char *sep = "";

	out_printf(c->out, "%s\"places\":[", before);
	for (unsigned r = 1; r < DROP_MAX; r++)
		show_places(c, r, &sep, true);
	out_printf(c->out, "]}\n");
}

int cmd_drops(struct console_call *c)
{
	struct nstat_options o;
	const char *sep = "";
	unsigned r;
	u64 v;
	int err = nstat_parse(c, &o);

	if (err)
		return err;
	if (o.json)
		out_printf(c->out, "{");
	for (r = 1; r < DROP_MAX; r++) {
		v = drop_sum(c->cpu->net, r);
		if (!nstat_wanted(&o, drop_name((enum drop_reason)r), v))
			continue;
		if (o.json)
			out_printf(c->out, "%s\"%s\":%llu", sep, drop_name((enum drop_reason)r), (unsigned long long)v);
		else
			out_printf(c->out, "%-22s %-12llu %s\n", drop_name((enum drop_reason)r), (unsigned long long)v,
				   drop_text((enum drop_reason)r));
		if (!o.json)
			show_places(c, r, &sep, false);
		sep = ",";
	}
	if (o.json)
		json_places(c, sep);
	return 0;
}

/* Whose poll function it is. */
static const char *napi_name(const struct napi_struct *napi, const struct net_cpu *cpu)
{
	return napi->dev ? napi->dev->name : napi == cpu->napi[0] ? "backlog" : "console";
}

static void napi_json(struct console_call *c, const struct net_cpu *cpu)
{
	for (unsigned i = 0; i < cpu->nr_napi; i++) {
		const struct napi_struct *n = cpu->napi[i];

		out_printf(c->out, "%s{\"name\":\"%s\",\"polls\":%llu,\"frames\":%llu,\"schedules\":%llu,\"completes\":%llu}", i ? "," : "",
			   napi_name(n, cpu), (unsigned long long)n->polls, (unsigned long long)n->frames,
			   (unsigned long long)n->schedules, (unsigned long long)n->completes);
	}
}

static void print_napi(struct console_call *c, const struct net_cpu *cpu)
{
	for (unsigned i = 0; i < cpu->nr_napi; i++) {
		const struct napi_struct *n = cpu->napi[i];

		out_printf(c->out, "      napi %-7s polls %llu frames %llu schedules %llu completes %llu\n", napi_name(n, cpu),
			   (unsigned long long)n->polls, (unsigned long long)n->frames, (unsigned long long)n->schedules,
			   (unsigned long long)n->completes);
	}
}

static void softnet_json(struct console_call *c)
{
	struct net_cpu *cpu;
	unsigned i, r;

	out_printf(c->out, "[");
	for_each_cpu(c->cpu->net, cpu, i) {
		const struct softnet_stats *s = &cpu->softnet;

		out_printf(c->out, "%s{\"cpu\":%u,\"polls\":%llu,\"restarts\":%llu,\"processed\":%llu,\"dropped\":%llu,\"time_squeeze\":%llu,"
			   "\"received_rps\":%llu,\"moved\":%llu,\"strays\":%llu,\"shed\":%llu,\"shed_ticks\":%llu,\"runs\":[", i ? "," : "", i, (unsigned long long)s->polls,
			   (unsigned long long)s->restarts, (unsigned long long)s->processed, (unsigned long long)s->dropped,
			   (unsigned long long)s->time_squeeze, (unsigned long long)s->received_rps, (unsigned long long)s->moved,
			   (unsigned long long)s->strays, (unsigned long long)s->shed, (unsigned long long)s->shed_ticks);
		for (r = 0; r < NR_SOFTIRQS; r++)
			out_printf(c->out, "%s%llu", r ? "," : "", (unsigned long long)s->runs[r]);
		out_printf(c->out, "],\"napi\":[");
		napi_json(c, cpu);
		out_printf(c->out, "]}");
	}
	out_printf(c->out, "]\n");
}

int cmd_softnet(struct console_call *c)
{
	static const char *const rows[NR_SOFTIRQS] = { "INBOX", "TIMER", "NET_RX", "NET_TX" };
	struct net_cpu *cpu;
	unsigned i, r;

	if (c->argc == 2 && !strcmp(c->argv[1], "--json")) {
		softnet_json(c);
		return 0;
	}
	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	for_each_cpu(c->cpu->net, cpu, i) {
		const struct softnet_stats *s = &cpu->softnet;

		out_printf(c->out, "cpu%u: polls %llu restarts %llu frames %llu dropped %llu time_squeeze %llu received_rps %llu"
			   " moved %llu strays %llu shed %llu shed_ticks %llu\n",
			   i, (unsigned long long)s->polls, (unsigned long long)s->restarts,
			   (unsigned long long)s->processed, (unsigned long long)s->dropped,
			   (unsigned long long)s->time_squeeze, (unsigned long long)s->received_rps,
			   (unsigned long long)s->moved, (unsigned long long)s->strays, (unsigned long long)s->shed,
			   (unsigned long long)s->shed_ticks);
		for (r = 0; r < NR_SOFTIRQS; r++)
			out_printf(c->out, "      %-7s %llu\n", rows[r], (unsigned long long)s->runs[r]);
		print_napi(c, cpu);
	}
	return 0;
}

int cmd_uptime(struct console_call *c)
{
	u64 s = (c->cpu->now_ns - c->cpu->net->boot_ns) / NSEC_PER_SEC;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	out_printf(c->out, "up %llu days, %02llu:%02llu:%02llu\n", (unsigned long long)(s / 86400),
		   (unsigned long long)(s / 3600 % 24), (unsigned long long)(s / 60 % 60), (unsigned long long)(s % 60));
	return 0;
}
