/* SPDX-License-Identifier: MIT
 * live_numbers.c - the numbers of the live page, each with its name. One walk makes both, so that they cannot differ.
 *
 * Other CPUs' numbers are read while they run: each is one aligned word, a moment old at most.
 */
#include "app/live_impl.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/netfilter.h"

struct fill {
	const struct live *live;
	struct net *net;
	struct live_sample *s;
	struct live_names *names; /* NULL: they are known */
};

static void __printf_(3, 4) put(struct fill *f, u64 v, const char *fmt, ...)
{
	struct live_sample *s = f->s;
	char name[48];
	va_list ap;

	if (s->nr == LIVE_NUMBERS)
		return;
	s->v[s->nr++] = v;
	if (likely(!f->names))
		return;
	va_start(ap, fmt);
	vscnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	f->names->off[f->names->nr++] = f->names->text.len - HTTP_PAGE_HEAD;
	http_page_printf(&f->names->text, "%s%c", name, '\0');
}

static void put_counters(struct fill *f)
{
	struct net_cpu *cpu;
	unsigned i, k;
	u64 sum;

	for (k = 0; k < STAT_MAX; k++) {
		sum = 0;
		for_each_cpu(f->net, cpu, i)
			sum += READ_ONCE(cpu->stats[k]);
		put(f, sum, "stat.%s", stat_name(k));
	}
	for (k = 1; k < DROP_MAX; k++) {
		sum = 0;
		for_each_cpu(f->net, cpu, i)
			sum += READ_ONCE(cpu->drops[k]);
		put(f, sum, "drop.%s", drop_name(k));
	}
}

static void put_cpus(struct fill *f)
{
	static const char *const rows[NR_SOFTIRQS] = { "inbox", "timer", "net_rx", "net_tx" };
	struct net_cpu *cpu;
	unsigned i, r;

	for_each_cpu(f->net, cpu, i) {
		const struct softnet_stats *st = &cpu->softnet;
		u64 polls = 0, frames = 0;

		put(f, platform_idle_ns(i), "cpu%u.idle", i);
		for (r = 0; r < NR_SOFTIRQS; r++)
			put(f, READ_ONCE(st->cycles[r]), "cpu%u.%s", i, rows[r]);
		put(f, READ_ONCE(st->processed), "cpu%u.frames", i);
		put(f, READ_ONCE(st->time_squeeze), "cpu%u.squeeze", i);
		put(f, READ_ONCE(st->hardirqs), "cpu%u.hardirqs", i);
		put(f, READ_ONCE(st->dropped), "cpu%u.dropped", i);
		put(f, READ_ONCE(st->received_rps), "cpu%u.steered", i);
		put(f, cpu->fibers ? READ_ONCE(cpu->fibers->switches) : 0, "cpu%u.switches", i);
		for (r = 0; r < cpu->nr_napi; r++) {
			polls += READ_ONCE(cpu->napi[r]->polls);
			frames += READ_ONCE(cpu->napi[r]->frames);
		}
		put(f, polls, "cpu%u.napi_polls", i);
		put(f, frames, "cpu%u.napi_frames", i);
		put(f, READ_ONCE(cpu->skb_pool->nr_free_bufs), "cpu%u.bufs_free", i);
		put(f, cpu->skb_pool->nr_bufs, "cpu%u.bufs", i);
		put(f, READ_ONCE(cpu->skb_pool->low_bufs), "cpu%u.bufs_low", i);
	}
}

static void put_ring(struct fill *f, const struct net_device *dev, unsigned q, bool tx)
{
	struct dev_ring r = dev->ops->ring ? dev->ops->ring(dev, q, tx) : (struct dev_ring){ .size = 0 };
	const char *way = tx ? "tx" : "rx";

	put(f, r.size, "%s.%s%u.size", dev->name, way, q);
	put(f, r.at, "%s.%s%u.at", dev->name, way, q);
	put(f, r.posted, "%s.%s%u.posted", dev->name, way, q);
	put(f, r.waiting, "%s.%s%u.waiting", dev->name, way, q);
}

static void put_rx(struct fill *f, const struct net_device *dev, unsigned q)
{
	const struct dev_stats *st = &dev->rx[q];

#define X(field) put(f, READ_ONCE(st->field), "%s.rx%u." #field, dev->name, q);
	X(packets) X(bytes) X(dropped) X(errors) X(interrupts) X(no_buf) X(lies) X(gro_packets) X(gro_merged)
#undef X
	put(f, f->live->high[dev->ifindex - 1][q].rx, "%s.rx%u.high", dev->name, q);
	put_ring(f, dev, q, false);
}

static void put_tx(struct fill *f, const struct net_device *dev, unsigned q)
{
	const struct dev_stats *st = &dev->txq[q].stats;
	const struct live_high *high = &f->live->high[dev->ifindex - 1][q];

#define X(field) put(f, READ_ONCE(st->field), "%s.tx%u." #field, dev->name, q);
	X(packets) X(bytes) X(dropped) X(errors) X(interrupts) X(kicks) X(stopped) X(lies)
#undef X
	put(f, high->tx, "%s.tx%u.high", dev->name, q);
	put(f, high->qlen, "%s.tx%u.qhigh", dev->name, q);
	put_ring(f, dev, q, true);
}

static void put_devices(struct fill *f)
{
	for (unsigned i = 0; i < f->net->nr_devs; i++) {
		const struct net_device *dev = f->net->devs[i];

		for (unsigned q = 0; dev && q < dev->nr_rxq; q++)
			put_rx(f, dev, q);
		for (unsigned q = 0; dev && q < dev->nr_txq; q++)
			put_tx(f, dev, q);
	}
}

static void put_stages(struct fill *f, const u64 *terms)
{
	u64 in, out;

	for (unsigned i = 0; i < NR_STAGES; i++) {
		stage_holds(&stages[i], terms, &in, &out);
		put(f, in, "stage.%s", stages[i].name);
		put(f, out, "stage.%s.known", stages[i].name);
	}
}

static void put_sums(struct fill *f)
{
	static const char *const hooks[NR_NF_HOOKS] = { "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING" };
	const struct live_sums *s = &f->s->sums;
	const struct net_balance *b = &s->balance;
	unsigned i;

	put(f, b->rx_frames, "balance.in");
	put(f, b->rx_done + b->rx_taken + b->rx_dropped, "balance.in_known");
	put(f, b->allocs, "balance.skbs");
	put(f, b->consumed + b->dropped + b->alive, "balance.skbs_known");
	put(f, b->dropped + b->bare_dropped, "balance.dropped");
	put(f, b->reasons, "balance.reasons");
	put(f, b->alive, "balance.alive");
	put(f, b->backlog, "balance.backlog");
	put_stages(f, b->terms);
	for (i = 0; i < ARRAY_SIZE(s->tcp_state); i++)
		if (i)
			put(f, s->tcp_state[i], "tcp.%s", live_state((u8)i));
	put(f, s->tcp_recvq, "tcp.recvq");
	put(f, s->tcp_sendq, "tcp.sendq");
	put(f, s->udp_socks, "udp.socks");
	put(f, s->udp_recvq, "udp.recvq");
	for (i = 0; i < NR_NF_HOOKS; i++) {
		put(f, s->nf_fns[i], "nf.%s.fns", hooks[i]);
		put(f, s->nf_calls[i], "nf.%s.calls", hooks[i]);
		put(f, s->nf_drops[i], "nf.%s.drops", hooks[i]);
	}
	put(f, s->ct_count, "ct.count");
#define X(field) put(f, s->ct.field, "ct." #field);
	X(found) X(invalid) X(insert) X(insert_failed) X(drop) X(early_drop) X(deleted) X(flow)
#undef X
	put(f, s->taps, "tap.count");
}

static u64 server_sum(const struct net *net, size_t offset, bool wide)
{
	const struct net_cpu *cpu;
	unsigned i;
	u64 sum = 0;

	for_each_cpu(net, cpu, i) {
		const u8 *at = cpu->app && cpu->app->http ? (const u8 *)cpu->app->http + offset : NULL;

		if (at)
			sum += wide ? READ_ONCE(*(const u64 *)at) : READ_ONCE(*(const u32 *)at);
	}
	return sum;
}

static void put_server(struct fill *f)
{
	static const char *const states[NR_CONN_STATES] = { "idle", "head", "body", "send", "stream", "linger" };
	u64 free, total;
	unsigned i, k;

#define X(name, help) put(f, server_sum(f->net, offsetof(struct http_server, stats.name), true), "http." #name);
	HTTP_STATS(X)
#undef X
	for (i = 0; i < NR_CONN_STATES; i++)
		put(f, server_sum(f->net, offsetof(struct http_server, nr_state[0]) + i * sizeof(u32), false), "http.conns.%s",
		    states[i]);
	for (k = 0; k < LIVE_LATENCY_BINS; k++) {
		const struct net_cpu *cpu;
		u64 sum = 0;

		for_each_cpu(f->net, cpu, i)
			if (cpu->app && cpu->app->http && cpu->app->http->latency)
				sum += READ_ONCE(cpu->app->http->latency[k]);
		put(f, sum, "latency.%u", k);
	}
	mem_totals(&free, &total);
	put(f, free, "mem.free");
	put(f, total, "mem.total");
}

void live_numbers(const struct live *l, struct live_sample *s, struct live_names *names)
{
	struct fill f = { .live = l, .net = l->net, .s = s, .names = names };

	s->nr = 0;
	if (names)
		names->nr = 0;
	put_sums(&f);
	put_server(&f);
	put_cpus(&f);
	put_devices(&f);
	put_counters(&f);
}

u64 live_number(const struct live_sample *s, const struct live_names *names, const char *name)
{
	for (u32 i = 0; i < s->nr && !names->text.failed; i++)
		if (!strcmp(live_name(names, i), name))
			return s->v[i];
	return 0;
}
