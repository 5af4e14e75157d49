/* SPDX-License-Identifier: MIT
 * cmd_tcpdump.c - `tcpdump [-c N] [-i DEV] [EXPR]`: frames as lines, until N are seen or Ctrl-C.
 *
 * A tap on each CPU would need a lock for the lines; the tap is on the console's CPU, which is where one-CPU guests work. What
 * comes faster than the line prints is counted as dropped, as tcpdump counts it.
 */
#include "console/commands.h"
#include "console/frame_text.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/filter.h"
#include "net/core/tap.h"
#include "net/socket/socket.h"

#define LINES 64u /* that wait to be printed; a power of two */

struct dump {
	struct tap tap;
	struct bpf_insn prog[2][BPF_MAX_INSNS]; /* for Ethernet, for raw IP */
	u64 count, captured, printed, dropped;
	char line[LINES][FRAME_TEXT_MAX];
};

static void dump_frame(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct dump *d = container_of(t, struct dump, tap);
	bool raw = !skb->dev->link->addr_len;
	char *line = d->line[d->captured % LINES];
	u64 us;
	int n;

	if (d->captured == d->count || !bpf_run(d->prog[raw], skb))
		return;
	if (d->captured - d->printed == LINES) {
		d->dropped++;
		return;
	}
	us = wall_clock_ns(cpu->now_ns) / NSEC_PER_USEC;
	n = scnprintf(line, FRAME_TEXT_MAX, "%02llu:%02llu:%02llu.%06llu ", (unsigned long long)(us / 3600000000ull % 24),
		      (unsigned long long)(us / 60000000 % 60), (unsigned long long)(us / 1000000 % 60),
		      (unsigned long long)(us % 1000000));
	if (!t->dev)
		n += scnprintf(line + n, FRAME_TEXT_MAX - (size_t)n, "%-5s %s ", skb->dev->name, dir == TAP_IN ? "In " : "Out");
	frame_text(skb, raw, line + n, FRAME_TEXT_MAX - (size_t)n);
	d->captured++;
}

/* The rest of the words, with blanks between, as one text. */
int console_filter(struct console_call *c, int at, struct bpf_insn *eth, struct bpf_insn *raw)
{
	char text[CONSOLE_LINE_MAX] = "", wrong[200];
	struct filter_error e;
	size_t n = 0;
	int err;

	for (; at < c->argc; at++)
		n += (size_t)scnprintf(text + n, sizeof(text) - n, "%s%s", n ? " " : "", c->argv[at]);
	err = filter_compile(text, FILTER_ETHERNET, 262144, eth, &e);
	if (err > 0)
		err = filter_compile(text, FILTER_RAW_IP, 262144, raw, &e);
	if (err > 0)
		return 0;
	filter_error_text(&e, wrong, sizeof(wrong));
	out_printf(c->out, "%s: %s\n", c->argv[0], wrong);
	return err;
}

static int dump_parse(struct console_call *c, struct dump *d)
{
	int i;

	d->count = UINT64_MAX;
	for (i = 1; i < c->argc && c->argv[i][0] == '-' && c->argv[i][1] && !c->argv[i][2]; i += 2) {
		const char *value = i + 1 < c->argc ? c->argv[i + 1] : "";

		if (c->argv[i][1] == 'n') {
			i--; /* numbers are all we have */
		} else if (c->argv[i][1] == 'c') {
			if (str_to_u64(value, &d->count) || !d->count)
				return console_usage(c, value);
		} else if (c->argv[i][1] == 'i') {
			d->tap.dev = dev_by_name(c->cpu->net, value);
			if (!d->tap.dev && strcmp(value, "any")) {
				out_printf(c->out, "tcpdump: no device '%s'; `ip link` lists them\n", value);
				return -ENODEV;
			}
		} else {
			return console_usage(c, c->argv[i]);
		}
	}
	return console_filter(c, i, d->prog[0], d->prog[1]);
}

static void dump_run(struct console_call *c, struct dump *d)
{
	bh_disable(c->cpu);
	tap_add(c->cpu, &d->tap);
	bh_enable(c->cpu);
	while (!c->stop && d->printed < d->count) {
		if (d->printed < d->captured) {
			out_printf(c->out, "%s\n", d->line[d->printed % LINES]);
			d->printed++;
		} else {
			sys_nanosleep(c->cpu, 5 * NSEC_PER_MSEC);
		}
	}
	bh_disable(c->cpu);
	tap_remove(c->cpu, &d->tap);
	bh_enable(c->cpu);
	out_printf(c->out, "%llu packets captured\n%llu packets dropped by kernel\n", (unsigned long long)d->captured,
		   (unsigned long long)d->dropped);
}

#define DUMP_ORDER 4
_Static_assert(sizeof(struct dump) <= 4096u << DUMP_ORDER, "a dump fits its pages");

int cmd_tcpdump(struct console_call *c)
{
	struct dump *d = pages_alloc(DUMP_ORDER);
	int err;

	if (!d)
		return -ENOMEM;
	memset(d, 0, sizeof(*d));
	d->tap.fn = dump_frame;
	err = dump_parse(c, d);
	if (!err)
		dump_run(c, d);
	pages_free(d, DUMP_ORDER);
	return err;
}
