/* SPDX-License-Identifier: MIT
 * http_metrics.c - GET /metrics: all counters of the stack and of the server in Prometheus' text format, version 0.0.4.
 *
 * The stack's counters keep the names nstat has for them. Other CPUs' counters are read while they run: each is one
 * aligned word, so a value is never torn, only a moment old.
 */
#include "app/app_impl.h"
#include "app/http.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/trace.h"

static void metric(struct http_page *p, const char *name, const char *type, const char *help, u64 value)
{
	http_page_printf(p, "# HELP barewire_%s %s\n# TYPE barewire_%s %s\nbarewire_%s %llu\n", name, help, name, type, name,
			 (unsigned long long)value);
}

static void stack_counters(struct http_page *p, struct net *net)
{
	for (unsigned s = 0; s < STAT_MAX; s++) {
		bool gauge = s == STAT_TcpCurrEstab;
		struct net_cpu *cpu;
		unsigned i;
		u64 sum = 0;

		for_each_cpu(net, cpu, i)
			sum += READ_ONCE(cpu->stats[s]);
		http_page_printf(p, "# HELP barewire_%s %s (%s)\n# TYPE barewire_%s %s\nbarewire_%s %lld\n", stat_name(s),
				 stat_help(s), stat_unit(s), stat_name(s), gauge ? "gauge" : "counter", stat_name(s), (long long)sum);
	}
}

static void drop_counters(struct http_page *p, struct net *net)
{
	http_page_printf(p, "# HELP barewire_drops_total frames that died, by reason\n# TYPE barewire_drops_total counter\n");
	for (unsigned r = 1; r < DROP_MAX; r++) {
		struct net_cpu *cpu;
		unsigned i;
		u64 sum = 0;

		for_each_cpu(net, cpu, i)
			sum += READ_ONCE(cpu->drops[r]);
		http_page_printf(p, "barewire_drops_total{reason=\"%s\"} %llu\n", drop_name(r), (unsigned long long)sum);
	}
}

/* What softnet_stat shows, a row per CPU. */
static void softnet(struct http_page *p, struct net *net)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} rows[] = {
		{ "softnet_processed", "frames taken by net_rx", offsetof(struct softnet_stats, processed) },
		{ "softnet_dropped", "frames dropped because the backlog was full", offsetof(struct softnet_stats, dropped) },
		{ "softnet_time_squeeze", "times net_rx left with work to do", offsetof(struct softnet_stats, time_squeeze) },
		{ "softnet_polls", "runs of the softirq rows", offsetof(struct softnet_stats, polls) },
		{ "softnet_received_rps", "frames that came from other CPUs", offsetof(struct softnet_stats, received_rps) },
		{ "softnet_moved", "datagrams and errors handed on to another CPU", offsetof(struct softnet_stats, moved) },
		{ "softnet_shed", "frames dropped before they were skbs: their socket's queue was full", offsetof(struct softnet_stats, shed) },
		{ "softnet_shed_ticks", "polls under overload, a millisecond apart", offsetof(struct softnet_stats, shed_ticks) },
		{ "softnet_strays", "connections made away from the owner of their flow", offsetof(struct softnet_stats, strays) },
	};
	struct net_cpu *cpu;
	unsigned i;

	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		http_page_printf(p, "# HELP barewire_%s_total %s\n# TYPE barewire_%s_total counter\n", rows[r].name,
				 rows[r].help, rows[r].name);
		for_each_cpu(net, cpu, i)
			http_page_printf(p, "barewire_%s_total{cpu=\"%u\"} %llu\n", rows[r].name, i,
					 (unsigned long long)*(const u64 *)((const u8 *)&cpu->softnet + rows[r].offset));
	}
}

static u64 hop_count(struct net *net, unsigned event, unsigned bin)
{
	struct net_cpu *cpu;
	unsigned i;
	u64 sum = 0;

	for_each_cpu(net, cpu, i)
		if (cpu->trace)
			sum += READ_ONCE(cpu->trace->hops[event][bin]);
	return sum;
}

/* How long frames stay in each hop: there is something once tracing was on. */
static void hops(struct http_page *p, struct net *net)
{
	http_page_printf(p, "# HELP barewire_hop_ns time from a tracepoint to the frame's next one\n"
			    "# TYPE barewire_hop_ns histogram\n");
	for (unsigned e = 0; e < NR_TRACE_EVENTS; e++) {
		const char *from = trace_event_name(e);
		u64 all = 0, ns = 0;

		for (unsigned b = 0; b < TRACE_BINS; b++) {
			u64 n = hop_count(net, e, b);

			all += n;
			ns += n * (b ? 3ull << b >> 1 : 1); /* the middle of the bin: what the sum is known to */
			if (n)
				http_page_printf(p, "barewire_hop_ns_bucket{from=\"%s\",le=\"%llu\"} %llu\n", from,
						 (unsigned long long)((2ull << b) - 1), (unsigned long long)all);
		}
		if (all)
			http_page_printf(p, "barewire_hop_ns_bucket{from=\"%s\",le=\"+Inf\"} %llu\n"
					    "barewire_hop_ns_sum{from=\"%s\"} %llu\nbarewire_hop_ns_count{from=\"%s\"} %llu\n",
					 from, (unsigned long long)all, from, (unsigned long long)ns, from, (unsigned long long)all);
	}
}

struct dev_sum {
	u64 rx_packets, rx_bytes, tx_packets, tx_bytes;
};

static struct dev_sum dev_sum(const struct net_device *dev)
{
	struct dev_sum s = { 0, 0, 0, 0 };

	for (unsigned q = 0; q < dev->nr_rxq; q++) {
		s.rx_packets += dev->rx[q].packets;
		s.rx_bytes += dev->rx[q].bytes;
	}
	for (unsigned q = 0; q < dev->nr_txq; q++) {
		s.tx_packets += dev->txq[q].stats.packets;
		s.tx_bytes += dev->txq[q].stats.bytes;
	}
	return s;
}

static void devices(struct http_page *p, struct net *net)
{
	static const struct {
		const char *name, *help;
		size_t offset;
	} rows[] = {
		{ "device_rx_packets", "frames received", offsetof(struct dev_sum, rx_packets) },
		{ "device_rx_bytes", "bytes received", offsetof(struct dev_sum, rx_bytes) },
		{ "device_tx_packets", "frames sent", offsetof(struct dev_sum, tx_packets) },
		{ "device_tx_bytes", "bytes sent", offsetof(struct dev_sum, tx_bytes) },
	};

	for (unsigned r = 0; r < ARRAY_SIZE(rows); r++) {
		http_page_printf(p, "# HELP barewire_%s_total %s\n# TYPE barewire_%s_total counter\n", rows[r].name,
				 rows[r].help, rows[r].name);
		for (unsigned i = 0; i < net->nr_devs; i++) {
			struct dev_sum s = dev_sum(net->devs[i]);

			http_page_printf(p, "barewire_%s_total{device=\"%s\"} %llu\n", rows[r].name, net->devs[i]->name,
					 (unsigned long long)*(const u64 *)((const u8 *)&s + rows[r].offset));
		}
	}
}

/* Sums over the servers of all CPUs of the number at `offset`, of 4 or 8 bytes. */
static u64 server_sum(const struct net *net, size_t offset, size_t size)
{
	const struct net_cpu *cpu;
	unsigned i;
	u64 sum = 0;

	for_each_cpu(net, cpu, i) {
		const u8 *at = cpu->app && cpu->app->http ? (const u8 *)cpu->app->http + offset : NULL;

		if (at)
			sum += size == sizeof(u32) ? READ_ONCE(*(const u32 *)at) : READ_ONCE(*(const u64 *)at);
	}
	return sum;
}
#define SERVER_SUM(net, field) \
	server_sum(net, offsetof(struct http_server, field), sizeof(((struct http_server *)0)->field))

static void server(struct http_page *p, const struct net *net)
{
	static const char *const states[NR_CONN_STATES] = {
		[CONN_IDLE] = "idle", [CONN_HEAD] = "head", [CONN_BODY] = "body", [CONN_SEND] = "send",
		[CONN_STREAM] = "stream", [CONN_LINGER] = "linger",
	};

#define X(name, help) metric(p, "http_" #name "_total", "counter", help, SERVER_SUM(net, stats.name));
	HTTP_STATS(X)
#undef X
	http_page_printf(p, "# HELP barewire_http_connections connections now\n# TYPE barewire_http_connections gauge\n");
	for (unsigned s = 0; s < NR_CONN_STATES; s++)
		http_page_printf(p, "barewire_http_connections{state=\"%s\"} %llu\n", states[s],
				 (unsigned long long)SERVER_SUM(net, nr_state[s]));
}

static void machine(struct http_page *p, const struct http_server *srv)
{
	u64 free, total;

	mem_totals(&free, &total);
	metric(p, "memory_free_bytes", "gauge", "memory that nobody has", free);
	metric(p, "memory_total_bytes", "gauge", "memory in all", total);
	metric(p, "uptime_seconds", "gauge", "since the stack was made",
	       (srv->cpu->now_ns - srv->cpu->net->boot_ns) / NSEC_PER_SEC);
	metric(p, "site_files", "gauge", "files of the site", srv->site->files);
	metric(p, "site_bytes", "gauge", "bytes of all of them", srv->site->bytes);
}

void http_metrics(struct http_conn *c, const struct http_request *rq)
{
	struct net *net = c->srv->cpu->net;
	struct http_page page;

	http_page_init(&page);
	machine(&page, c->srv);
	server(&page, net);
	devices(&page, net);
	softnet(&page, net);
	stack_counters(&page, net);
	drop_counters(&page, net);
	hops(&page, net);
	http_reply_page(c, rq, 200, "text/plain; version=0.0.4; charset=utf-8", &page);
}
