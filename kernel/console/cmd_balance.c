/* SPDX-License-Identifier: MIT
 * cmd_balance.c - where the frames are: the balance of the device, of the skbs, and of each stage (core/stage.h).
 */
#include "console/commands.h"
#include "lib/string.h"
#include "net/core/qdisc.h"
#include "net/core/stage.h"

static void add_balance(struct net_cpu *cpu, void *arg)
{
	bh_disable(cpu);
	net_balance_add(cpu, arg);
	bh_enable(cpu);
}

/* The way out: what the disciplines hold now, refused ever, and what the drivers got. */
static void print_queues(struct console_call *c)
{
	struct net *net = c->cpu->net;
	unsigned i, q;

	for (i = 0; i < net->nr_devs; i++) {
		const struct net_device *dev = net->devs[i];

		for (q = 0; dev && dev->flags & IFF_UP && q < dev->nr_txq; q++) {
			const struct netdev_queue *txq = &dev->txq[q];

			out_printf(c->out, "out     %s queue %u: queued %u + refused %llu, given to the driver %llu\n", dev->name, q,
				   txq->qdisc->qlen, (unsigned long long)txq->qdisc->drops,
				   (unsigned long long)txq->stats.packets);
		}
	}
}

static void print_side(struct console_call *c, const struct stage_term *t, const u64 *terms)
{
	bool any = false;

	for (; t->word; t++) {
		if (!terms[t->stat])
			continue;
		out_printf(c->out, "%s%s %llu", any ? " + " : "", t->word, (unsigned long long)terms[t->stat]);
		any = true;
	}
	if (!any)
		out_printf(c->out, "0");
}

/* What each stage was given and what became of it; terms that are 0 are left out. */
static void print_stages(struct console_call *c, const u64 *terms)
{
	u64 in, out;

	for (unsigned i = 0; i < NR_STAGES; i++) {
		bool ok = stage_holds(&stages[i], terms, &in, &out);

		out_printf(c->out, "%-11s ", stages[i].name);
		print_side(c, stages[i].in, terms);
		out_printf(c->out, " %s ", ok ? "=" : "!=");
		print_side(c, stages[i].out, terms);
		if (ok)
			out_printf(c->out, "\n");
		else
			out_printf(c->out, "   NOT BALANCED: %llu in, %llu out\n", (unsigned long long)in, (unsigned long long)out);
	}
}

static void json_side(struct console_call *c, const char *name, const struct stage_term *t, const u64 *terms)
{
	out_printf(c->out, "\"%s\":{", name);
	for (const char *comma = ""; t->word; t++, comma = ",")
		out_printf(c->out, "%s\"%s\":%llu", comma, t->word, (unsigned long long)terms[t->stat]);
	out_printf(c->out, "},");
}

static void json_stages(struct console_call *c, const u64 *terms)
{
	u64 in, out;

	out_printf(c->out, "\"stages\":{");
	for (unsigned i = 0; i < NR_STAGES; i++) {
		bool ok = stage_holds(&stages[i], terms, &in, &out);

		out_printf(c->out, "%s\"%s\":{", i ? "," : "", stages[i].name);
		json_side(c, "in", stages[i].in, terms);
		json_side(c, "out", stages[i].out, terms);
		out_printf(c->out, "\"balanced\":%s}", ok ? "true" : "false");
	}
	out_printf(c->out, "},");
}

static void print_balance(struct console_call *c, const struct net_balance *b, bool ok)
{
	out_printf(c->out, "in      %llu = done %llu + taken %llu + dropped %llu\n", (unsigned long long)b->rx_frames,
		   (unsigned long long)b->rx_done, (unsigned long long)b->rx_taken, (unsigned long long)b->rx_dropped);
	out_printf(c->out, "skbs    %llu = consumed %llu + dropped %llu + alive %llu\n", (unsigned long long)b->allocs,
		   (unsigned long long)b->consumed, (unsigned long long)b->dropped, (unsigned long long)b->alive);
	out_printf(c->out, "reasons %llu = dropped %llu + without an skb %llu\n", (unsigned long long)b->reasons,
		   (unsigned long long)b->dropped, (unsigned long long)b->bare_dropped);
	print_stages(c, b->terms);
	print_queues(c);
	out_printf(c->out, "backlog %llu, buffers outside the pools %llu\n%s\n", (unsigned long long)b->backlog,
		   (unsigned long long)b->bufs_alive, ok ? "balanced" : "NOT BALANCED");
}

/* Where the frames are, stage by stage. Each CPU adds its terms between two frames, so the sides agree under load too. */
int cmd_balance(struct console_call *c)
{
	struct net_balance sum = { .rx_frames = 0 }, *b = &sum;
	bool ok, json = c->argc == 2 && !strcmp(c->argv[1], "--json");

	if (c->argc > 1 && !json)
		return console_usage(c, c->argv[1]);
	net_on_each_cpu(c->cpu, add_balance, &sum);
	ok = net_balance_holds(b);
	if (!json) {
		print_balance(c, b, ok);
		return 0;
	}
	out_printf(c->out, "{\"rx_frames\":%llu,\"rx_done\":%llu,\"rx_taken\":%llu,\"rx_dropped\":%llu,\"backlog\":%llu,",
		   (unsigned long long)b->rx_frames, (unsigned long long)b->rx_done, (unsigned long long)b->rx_taken,
		   (unsigned long long)b->rx_dropped, (unsigned long long)b->backlog);
	json_stages(c, b->terms);
	out_printf(c->out, "\"allocs\":%llu,\"consumed\":%llu,\"dropped\":%llu,\"alive\":%llu,\"bare_dropped\":%llu,\"reasons\":%llu,"
		   "\"balanced\":%s}\n", (unsigned long long)b->allocs, (unsigned long long)b->consumed, (unsigned long long)b->dropped,
		   (unsigned long long)b->alive, (unsigned long long)b->bare_dropped, (unsigned long long)b->reasons, ok ? "true" : "false");
	return 0;
}
