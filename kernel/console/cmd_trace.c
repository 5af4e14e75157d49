/* SPDX-License-Identifier: MIT
 * cmd_trace.c - `trace`: the tracepoints on and off, what they recorded, how long frames stay in each hop.
 *
 *	trace on [EVENT...] [filter EXPR]     all events, or those named; of all frames, or those the filter takes
 *	trace follow EXPR                     the next frame that the filter takes, through all its stages
 *	trace off | show | hist
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/trace.h"

static int start(struct console_call *c, u32 mask, int filter_at, u32 follow)
{
	struct bpf_insn *prog = NULL;
	int err = 0;

	if (!c->may_change)
		return console_refuse(c);
	if (filter_at < c->argc) {
		prog = kmalloc(2 * BPF_MAX_INSNS * sizeof(*prog));
		err = prog ? console_filter(c, filter_at, prog, prog + BPF_MAX_INSNS) : -ENOMEM;
	}
	if (!err)
		err = trace_start(c->cpu->net, mask, prog, prog ? prog + BPF_MAX_INSNS : NULL, follow);
	kfree(prog);
	return err;
}

static int event_of(const char *word)
{
	for (int e = 0; e < NR_TRACE_EVENTS; e++)
		if (!strcmp(word, trace_event_name((unsigned)e)))
			return e;
	return -1;
}

static int on(struct console_call *c)
{
	u32 mask = 0;
	int i, e;

	for (i = 2; i < c->argc && strcmp(c->argv[i], "filter"); i++) {
		e = event_of(c->argv[i]);
		if (e < 0) {
			out_printf(c->out, "trace: no event '%s'; there are:\n", c->argv[i]);
			for (e = 0; e < NR_TRACE_EVENTS; e++)
				out_printf(c->out, "  %-20s %s\n", trace_event_name((unsigned)e), trace_event_help((unsigned)e));
			return -EINVAL;
		}
		mask |= 1u << e;
	}
	if (i + 1 == c->argc) /* "filter" and nothing behind it */
		return console_usage(c, c->argv[i]);
	return start(c, mask ?: TRACE_ALL, i + 1, 0);
}

/* The time since the same frame's record before this one; 0: this is its first. */
static u64 since_last(const struct trace_cpu *t, u64 i, u64 oldest)
{
	const struct trace_record *r = &t->ring[i % TRACE_RING], *p;

	while (i-- > oldest) {
		p = &t->ring[i % TRACE_RING];
		if (p->skb != r->skb)
			continue;
		return p->event == TRACE_CONSUME || p->event == TRACE_DROP ? 0 : r->time_ns - p->time_ns;
	}
	return 0;
}

static void show_record(struct console_call *c, const struct trace_cpu *t, u64 i, u64 oldest)
{
	const struct trace_record *r = &t->ring[i % TRACE_RING];
	u64 took = since_last(t, i, oldest);
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX], where[DROP_WHERE_MAX];

	out_printf(c->out, "%5llu.%09llu cpu%u %06llx %-18s", (unsigned long long)(r->time_ns / NSEC_PER_SEC),
		   (unsigned long long)(r->time_ns % NSEC_PER_SEC), r->cpu, (unsigned long long)((uintptr_t)r->skb >> 6 & 0xffffff),
		   trace_event_name(r->event));
	if (took)
		out_printf(c->out, " +%llu.%03llu us", (unsigned long long)(took / 1000), (unsigned long long)(took % 1000));
	out_printf(c->out, " len %u", r->len);
	if (r->event == TRACE_DROP)
		out_printf(c->out, " %s %s", drop_name((enum drop_reason)r->reason), drop_where(r->place, where));
	if (r->proto)
		out_printf(c->out, " %s.%u > %s.%u proto %u", ip_ntop(&r->src, a), r->sport, ip_ntop(&r->dst, b), r->dport, r->proto);
	out_printf(c->out, "\n");
}

static void show(struct console_call *c)
{
	struct net_cpu *cpu;
	unsigned i;

	for_each_cpu(c->cpu->net, cpu, i) {
		const struct trace_cpu *t = cpu->trace;
		u64 head = t ? READ_ONCE(t->head) : 0, k;
		u64 oldest = head > TRACE_RING ? head - TRACE_RING : 0;

		if (oldest)
			out_printf(c->out, "cpu%u: %llu older records are gone\n", i, (unsigned long long)oldest);
		for (k = oldest; k < head && !c->stop; k++)
			show_record(c, t, k, oldest);
	}
}

static u64 hop_sum(struct net *net, unsigned event, unsigned bin)
{
	struct net_cpu *cpu;
	unsigned i;
	u64 sum = 0;

	for_each_cpu(net, cpu, i)
		if (cpu->trace)
			sum += READ_ONCE(cpu->trace->hops[event][bin]);
	return sum;
}

static void hist_json(struct console_call *c)
{
	unsigned e, b;

	out_printf(c->out, "{");
	for (e = 0; e < NR_TRACE_EVENTS; e++) {
		out_printf(c->out, "%s\"%s\":[", e ? "," : "", trace_event_name(e));
		for (b = 0; b < TRACE_BINS; b++)
			out_printf(c->out, "%s%llu", b ? "," : "", (unsigned long long)hop_sum(c->cpu->net, e, b));
		out_printf(c->out, "]");
	}
	out_printf(c->out, "}\n");
}

/* How long frames took from each event to their next, by powers of two. */
static void hist(struct console_call *c)
{
	unsigned e, b;
	u64 n, all;

	for (e = 0; e < NR_TRACE_EVENTS; e++) {
		for (all = 0, b = 0; b < TRACE_BINS; b++)
			all += hop_sum(c->cpu->net, e, b);
		if (!all)
			continue;
		out_printf(c->out, "from %s to the next event: %llu frames\n", trace_event_name(e), (unsigned long long)all);
		for (b = 0; b < TRACE_BINS; b++) {
			n = hop_sum(c->cpu->net, e, b);
			if (n)
				out_printf(c->out, "  %10llu ns .. %10llu ns %10llu |%.*s\n", b ? 1ull << b : 0ull, (2ull << b) - 1,
					   (unsigned long long)n, (int)MAX(n * 40 / all, 1ull),
					   "########################################");
		}
	}
}

int cmd_trace(struct console_call *c)
{
	const char *what = c->argc > 1 ? c->argv[1] : "";

	if (!strcmp(what, "on"))
		return on(c);
	if (!strcmp(what, "follow"))
		return c->argc > 2 ? start(c, TRACE_ALL, 2, 1) : console_usage(c, what);
	if (!strcmp(what, "hist") && c->argc == 3 && !strcmp(c->argv[2], "--json")) {
		hist_json(c);
		return 0;
	}
	if (c->argc != 2)
		return console_usage(c, c->argc > 2 ? c->argv[2] : NULL);
	if (!strcmp(what, "off")) {
		if (!c->may_change)
			return console_refuse(c);
		trace_stop(c->cpu->net);
	} else if (!strcmp(what, "show")) {
		show(c);
	} else if (!strcmp(what, "hist")) {
		hist(c);
	} else {
		return console_usage(c, what);
	}
	return 0;
}
