/* SPDX-License-Identifier: MIT
 * cmd_tcpdump.c - `tcpdump [-c N] [-i DEV] [EXPR]`: frames as lines, until N are seen or Ctrl-C.
 *
 * A tap on each CPU writes lines into that CPU's ring; the console prints the oldest of them first. What comes faster than the
 * line prints is counted as dropped, as tcpdump counts it.
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

struct dump;

struct dump_ring { /* one producer, the tap of its CPU, and one consumer, the console */
	struct tap tap;
	const struct dump *dump;
	u64 captured, printed, dropped;
	char line[LINES][FRAME_TEXT_MAX];
};

struct dump {
	struct bpf_insn prog[2][BPF_MAX_INSNS]; /* for Ethernet, for raw IP */
	struct net_device *dev;                 /* NULL: any */
	u64 count;
	struct dump_ring *ring[MAX_CPUS];
};

static void dump_frame(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct dump_ring *d = container_of(t, struct dump_ring, tap);
	bool raw = !skb->dev->link->addr_len;
	char *line = d->line[d->captured % LINES];
	u64 us;
	int n;

	if (d->captured == d->dump->count || !bpf_run(d->dump->prog[raw], skb))
		return;
	if (d->captured - __atomic_load_n(&d->printed, __ATOMIC_ACQUIRE) == LINES) {
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
	__atomic_store_n(&d->captured, d->captured + 1, __ATOMIC_RELEASE);
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
			d->dev = dev_by_name(c->cpu->net, value);
			if (!d->dev && strcmp(value, "any")) {
				out_printf(c->out, "tcpdump: no device '%s'; `ip link` lists them\n", value);
				return -ENODEV;
			}
		} else {
			return console_usage(c, c->argv[i]);
		}
	}
	return console_filter(c, i, d->prog[0], d->prog[1]);
}

static void listen_on(struct net_cpu *cpu, void *arg)
{
	struct dump *d = arg;

	bh_disable(cpu);
	tap_add(cpu, &d->ring[cpu->id]->tap);
	bh_enable(cpu);
}

static void deafen_on(struct net_cpu *cpu, void *arg)
{
	struct dump *d = arg;

	bh_disable(cpu);
	tap_remove(cpu, &d->ring[cpu->id]->tap);
	bh_enable(cpu);
}

/* The ring whose first line is the oldest: lines begin with their time. NULL: no line waits. */
static struct dump_ring *oldest(struct dump *d)
{
	struct dump_ring *best = NULL;

	for (unsigned i = 0; i < MAX_CPUS && d->ring[i]; i++) {
		struct dump_ring *r = d->ring[i];

		if (r->printed == __atomic_load_n(&r->captured, __ATOMIC_ACQUIRE))
			continue;
		if (!best || strcmp(r->line[r->printed % LINES], best->line[best->printed % LINES]) < 0)
			best = r;
	}
	return best;
}

/* 0, or -ENOMEM: a CPU could not be asked to look away again, and d must stay. */
static int dump_run(struct console_call *c, struct dump *d)
{
	u64 printed = 0, dropped = 0;
	int err;

	net_on_each_cpu(c->cpu, listen_on, d);
	out_printf(c->out, "listening on %s\n", d->dev ? d->dev->name : "any");
	while (!c->stop && printed < d->count) {
		struct dump_ring *r = oldest(d);

		if (!r) {
			sys_nanosleep(c->cpu, 5 * NSEC_PER_MSEC);
			continue;
		}
		out_printf(c->out, "%s\n", r->line[r->printed % LINES]);
		__atomic_store_n(&r->printed, r->printed + 1, __ATOMIC_RELEASE);
		printed++;
	}
	err = net_on_each_cpu(c->cpu, deafen_on, d);
	for (unsigned i = 0; i < MAX_CPUS && d->ring[i]; i++)
		dropped += d->ring[i]->dropped;
	out_printf(c->out, "%llu packets captured\n%llu packets dropped by kernel\n", (unsigned long long)printed,
		   (unsigned long long)dropped);
	return err;
}

#define RING_ORDER 4
_Static_assert(sizeof(struct dump_ring) <= 4096u << RING_ORDER, "a ring fits its pages");

static void dump_free(struct dump *d)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		if (d->ring[i])
			pages_free(d->ring[i], RING_ORDER);
	kfree(d);
}

/* A ring for each CPU; NULL: no memory. */
static struct dump *dump_create(const struct net *net)
{
	struct dump *d = kzalloc(sizeof(*d));

	for (unsigned i = 0; d && i < net->nr_cpus; i++) {
		struct dump_ring *r = pages_alloc(RING_ORDER);

		if (!r) {
			dump_free(d);
			return NULL;
		}
		memset(r, 0, sizeof(*r));
		r->dump = d;
		r->tap.fn = dump_frame;
		list_init(&r->tap.link);
		d->ring[i] = r;
	}
	return d;
}

int cmd_tcpdump(struct console_call *c)
{
	struct dump *d = dump_create(c->cpu->net);
	int err;

	if (!d)
		return -ENOMEM;
	err = dump_parse(c, d);
	for (unsigned i = 0; i < c->cpu->net->nr_cpus; i++)
		d->ring[i]->tap.dev = d->dev;
	for (unsigned i = 0; !err && i < c->cpu->net->nr_cpus; i++)
		d->ring[i]->tap.spared = tap_spared(d->prog[0]);
	if (err || !(err = dump_run(c, d)))
		dump_free(d);
	return err;
}
