/* SPDX-License-Identifier: MIT
 * cmd_machine.c - what the machine does: top, irq, timers, history, and crash for the reports.
 */
#include "console/commands.h"
#include "console/line.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/socket/socket.h"
#include "platform.h"

static const char *const row_names[NR_SOFTIRQS] = { "INBOX", "TIMER", "NET_RX", "NET_TX" };

int cmd_irq(struct console_call *c)
{
	struct net_cpu *cpu;
	struct platform_irq q;
	unsigned i, k;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	out_printf(c->out, "    ");
	for_each_cpu(c->cpu->net, cpu, k)
		out_printf(c->out, " %10s%u", "CPU", k);
	out_printf(c->out, "\n");
	for (i = 0; platform_irq(i, &q); i++) {
		out_printf(c->out, "%3u:", q.vector);
		for_each_cpu(c->cpu->net, cpu, k)
			out_printf(c->out, " %11llu", (unsigned long long)READ_ONCE(q.count[k]));
		out_printf(c->out, "  %s", q.name);
		if (q.unhandled)
			out_printf(c->out, " (%llu unhandled)", (unsigned long long)q.unhandled);
		out_printf(c->out, "\n");
	}
	return 0;
}

int cmd_timers(struct console_call *c)
{
	struct net_cpu *cpu;
	unsigned i;
	u64 next;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	for_each_cpu(c->cpu->net, cpu, i) {
		next = timer_wheel_next(&cpu->wheel);
		out_printf(c->out, "cpu%u: %llu armed, %llu fired, next ", i, (unsigned long long)cpu->wheel.armed,
			   (unsigned long long)cpu->wheel.fired);
		if (next == TIME_NEVER)
			out_printf(c->out, "never\n");
		else
			out_printf(c->out, "in %llu us\n", (unsigned long long)(next > clock_ns() ? (next - clock_ns()) / 1000 : 0));
	}
	return 0;
}

int cmd_history(struct console_call *c)
{
	const struct line_editor *l = c->line;
	unsigned i;

	if (c->argc > 1)
		return console_usage(c, c->argv[1]);
	if (!l) {
		out_printf(c->out, "history: this door keeps no lines\n");
		return -EOPNOTSUPP;
	}
	for (i = l->nr_history > LINE_HISTORY ? l->nr_history - LINE_HISTORY : 0; i < l->nr_history; i++)
		out_printf(c->out, "%5u  %s\n", i + 1, l->history[i % LINE_HISTORY]);
	return 0;
}

int cmd_crash(struct console_call *c)
{
	const char *kind;
	unsigned i;

	if (c->argc == 2 && !c->may_change)
		return console_refuse(c);
	if (c->argc == 2 && platform_crash(c->argv[1]))
		return 0; /* a fault that did not end the machine */
	out_printf(c->out, "kinds:");
	for (i = 0; (kind = platform_crash_kind(i)); i++)
		out_printf(c->out, " %s", kind);
	out_printf(c->out, "\n");
	return console_usage(c, c->argc > 1 ? c->argv[1] : NULL);
}

/* ---------------------------------------------------------------- top */

struct top_cpu {
	u64 idle_ns, row_ns[NR_SOFTIRQS], runs[NR_SOFTIRQS], frames, switches;
};

static void sample(struct net *net, struct top_cpu *s)
{
	struct net_cpu *cpu;
	unsigned i, r;

	for_each_cpu(net, cpu, i) {
		s[i].idle_ns = platform_idle_ns(i);
		s[i].frames = cpu->softnet.processed;
		s[i].switches = cpu->fibers ? cpu->fibers->switches : 0;
		for (r = 0; r < NR_SOFTIRQS; r++) {
			s[i].row_ns[r] = cpu->softnet.cycles[r];
			s[i].runs[r] = cpu->softnet.runs[r];
		}
	}
}

static void print_share(struct console_call *c, u64 part, u64 whole)
{
	u64 permille = whole ? MIN(part * 1000 / whole, 1000ull) : 0;

	out_printf(c->out, " %5llu.%llu", (unsigned long long)permille / 10, (unsigned long long)permille % 10);
}

static void print_top(struct console_call *c, const struct top_cpu *a, const struct top_cpu *b, u64 took)
{
	struct net_cpu *cpu;
	unsigned i, r;

	out_printf(c->out, "CPU  %%idle  %%base");
	for (r = 0; r < NR_SOFTIRQS; r++)
		out_printf(c->out, " %%%6s", row_names[r]);
	out_printf(c->out, "   frames/s switches/s\n");
	for_each_cpu(c->cpu->net, cpu, i) {
		u64 idle = b[i].idle_ns - a[i].idle_ns, busy = 0;

		for (r = 0; r < NR_SOFTIRQS; r++)
			busy += b[i].row_ns[r] - a[i].row_ns[r];
		out_printf(c->out, "%3u", i);
		print_share(c, idle, took);
		print_share(c, took > idle + busy ? took - idle - busy : 0, took);
		for (r = 0; r < NR_SOFTIRQS; r++)
			print_share(c, b[i].row_ns[r] - a[i].row_ns[r], took);
		out_printf(c->out, " %10llu %10llu\n", (unsigned long long)((b[i].frames - a[i].frames) * NSEC_PER_SEC / took),
			   (unsigned long long)((b[i].switches - a[i].switches) * NSEC_PER_SEC / took));
	}
}

/* Sleeps in short steps, so that Ctrl-C is heard. */
static void wait(struct console_call *c, u64 ns)
{
	u64 until = clock_ns() + ns;

	while (!c->stop && clock_ns() < until)
		sys_nanosleep(c->cpu, MIN(until - clock_ns(), 20 * NSEC_PER_MSEC));
}

int cmd_top(struct console_call *c)
{
	struct top_cpu *s;
	u64 seconds = 1, times = 1, start;
	char was[8];
	int i;

	for (i = 1; i < c->argc; i += 2) {
		u64 *to = !strcmp(c->argv[i], "-d") ? &seconds : !strcmp(c->argv[i], "-n") ? &times : NULL;

		if (!to || i + 1 == c->argc)
			return console_usage(c, c->argv[i]);
		if (str_to_u64(c->argv[i + 1], to) || !*to || *to > 3600)
			return console_usage(c, c->argv[i + 1]);
	}
	s = kmalloc(2 * MAX_CPUS * sizeof(*s));
	if (!s)
		return -ENOMEM;
	net_sysctl_get(c->cpu->net, "net.core.softirq_times", was, sizeof(was));
	net_sysctl_set(c->cpu->net, "net.core.softirq_times", "1"); /* rows are timed only while somebody looks */
	for (; times && !c->stop; times--) {
		sample(c->cpu->net, s);
		start = clock_ns();
		wait(c, seconds * NSEC_PER_SEC);
		sample(c->cpu->net, s + MAX_CPUS);
		print_top(c, s, s + MAX_CPUS, clock_ns() - start);
	}
	net_sysctl_set(c->cpu->net, "net.core.softirq_times", was);
	kfree(s);
	return 0;
}
