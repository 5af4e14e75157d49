/* SPDX-License-Identifier: MIT
 * live_page.c - the live page's document: its packed markup, style and script, and between them the numbers of now as plain
 * tables, for whoever runs no script. It is not compressed: a browser asks for it once, and the
 * numbers in it are new each time.
 */
#include "app/live_impl.h"
#include "console/frame_text.h"
#include "lib/printf.h"
#include "lib/string.h"

struct doc {
	struct http_page *page;
	const struct live *live;
	struct live_sample *s;
	struct live_names *names;
};

static u64 number(const struct doc *d, const char *name) { return live_number(d->s, d->names, name); }

/* Text from the wire and from tables: nothing in it is markup. */
static void put_text(struct http_page *p, const char *s)
{
	for (; *s; s++) {
		const char *as = *s == '<' ? "&lt;" : *s == '>' ? "&gt;" : *s == '&' ? "&amp;" : NULL;

		if (as)
			http_page_printf(p, "%s", as);
		else
			http_page_printf(p, "%c", *s);
	}
}

static void table_begin(struct doc *d, const char *title, const char *const *columns)
{
	http_page_printf(d->page, "<h2>%s</h2><table><thead><tr>", title);
	for (; *columns; columns++)
		http_page_printf(d->page, "<th scope=col>%s", *columns);
	http_page_printf(d->page, "</thead><tbody>\n");
}

static void table_end(struct doc *d) { http_page_printf(d->page, "</tbody></table>\n"); }

static void cell(struct doc *d, u64 v) { http_page_printf(d->page, "<td class=n>%llu", (unsigned long long)v); }

/* ---- the path, a row for each stage ---- */

/* The sum over all devices of NAME.WAYq.field. */
static u64 queues(const struct doc *d, const char *way, const char *field)
{
	u64 sum = 0;

	for (unsigned i = 0; i < d->live->net->nr_devs; i++) {
		const struct net_device *dev = d->live->net->devs[i];

		for (unsigned q = 0; dev && dev->link->addr_len && q < dev->nr_txq; q++) {
			char name[48];

			snprintf(name, sizeof(name), "%s.%s%u.%s", dev->name, way, q, field);
			sum += number(d, name);
		}
	}
	return sum;
}

static void stage(struct doc *d, const char *name, u64 passed, u64 depth, u64 high, const char *remark)
{
	http_page_printf(d->page, "<tr><th scope=row>%s", name);
	cell(d, passed);
	cell(d, depth);
	cell(d, high);
	http_page_printf(d->page, "<td>%s\n", remark);
}

static void put_stages(struct doc *d)
{
	char name[32], known[32];

	for (unsigned i = 0; i < NR_STAGES; i++) {
		snprintf(name, sizeof(name), "stage.%s", stages[i].name);
		snprintf(known, sizeof(known), "stage.%s.known", stages[i].name);
		http_page_printf(d->page, " %s: %s.", stages[i].name, number(d, name) == number(d, known) ? "balanced" : "NOT BALANCED");
	}
	http_page_printf(d->page, "\n");
}

static void put_path(struct doc *d)
{
	static const char *const columns[] = { "Stage", "Passed", "Waiting", "Highest", "What is counted", NULL };
	bool in = number(d, "balance.in") == number(d, "balance.in_known");
	bool skbs = number(d, "balance.skbs") == number(d, "balance.skbs_known");

	table_begin(d, "The way of a frame", columns);
	stage(d, "NIC, in", queues(d, "rx", "packets"), 0, 0, "frames received");
	stage(d, "rx ring", queues(d, "rx", "packets"), queues(d, "rx", "waiting"), queues(d, "rx", "high"), "frames taken");
	stage(d, "hard IRQ", queues(d, "rx", "interrupts"), 0, 0, "interrupts");
	stage(d, "NAPI", number(d, "stat.SkbAllocs"), number(d, "balance.backlog"), 0, "skbs");
	stage(d, "GRO", queues(d, "rx", "gro_merged"), 0, 0, "segments merged into others");
	stage(d, "IP, in", number(d, "stat.IpInReceives") + number(d, "stat.Ip6InReceives"), 0, 0, "packets");
	stage(d, "hooks, in", number(d, "nf.INPUT.calls"), number(d, "ct.count"), 0, "packets that met a rule; connections tracked");
	stage(d, "TCP, in", number(d, "stat.TcpInSegs"), number(d, "tcp.ESTAB"), 0, "segments; connections");
	stage(d, "socket", number(d, "tcp.recvq"), number(d, "tcp.recvq"), 0, "bytes that wait for the application");
	stage(d, "application", number(d, "http.requests"), number(d, "http.conns.idle"), 0, "HTTP requests; idle connections");
	stage(d, "TCP, out", number(d, "stat.TcpOutSegs"), number(d, "tcp.sendq"), 0, "segments; bytes not acknowledged");
	stage(d, "IP, out", number(d, "stat.IpOutRequests") + number(d, "stat.Ip6OutRequests"), 0, 0, "packets");
	stage(d, "qdisc", queues(d, "tx", "packets"), 0, queues(d, "tx", "qhigh"), "frames let through");
	stage(d, "tx ring", queues(d, "tx", "packets"), queues(d, "tx", "posted"), queues(d, "tx", "high"), "frames; descriptors in use");
	table_end(d);
	http_page_printf(d->page, "<p>Frames in: %s. skbs: %s.", in ? "balanced" : "NOT BALANCED", skbs ? "balanced" : "NOT BALANCED");
	put_stages(d);
}

/* ---- CPUs, connections, drops ---- */

static void put_cpus(struct doc *d)
{
	static const char *const columns[] = { "CPU", "Frames", "Polls", "Out of budget", "Idle, s", "Buffers free", "of", NULL };
	static const char *const fields[] = { "frames", "napi_polls", "squeeze", "idle", "bufs_free", "bufs" };

	table_begin(d, "CPUs", columns);
	for (unsigned i = 0; i < d->live->net->nr_cpus; i++) {
		http_page_printf(d->page, "<tr><th scope=row>%u", i);
		for (unsigned k = 0; k < ARRAY_SIZE(fields); k++) {
			char name[32];
			u64 v;

			snprintf(name, sizeof(name), "cpu%u.%s", i, fields[k]);
			v = number(d, name);
			cell(d, !strcmp(fields[k], "idle") ? v / NSEC_PER_SEC : v);
		}
	}
	table_end(d);
}

static void put_conns(struct doc *d)
{
	static const char *const columns[] = { "Local", "Peer", "State", "Recv-Q", "Send-Q", "Control", "cwnd", "RTT, us", "Acked",
					       "Received", "Resent", NULL };
	char a[LIVE_END_MAX], b[LIVE_END_MAX];

	table_begin(d, "Connections", columns);
	for (u32 i = 0; i < d->s->nr_conns; i++) {
		const struct live_conn *c = &d->s->conns[i];

		http_page_printf(d->page, "<tr><th scope=row>%s<td>%s<td>%s", live_end(&c->laddr, c->lport, a),
				 live_end(&c->raddr, c->rport, b), live_state(c->state));
		cell(d, c->recvq);
		cell(d, c->sendq);
		http_page_printf(d->page, "<td>%s", c->ca);
		cell(d, c->info.tcpi_snd_cwnd);
		cell(d, c->info.tcpi_rtt);
		cell(d, c->info.tcpi_bytes_acked);
		cell(d, c->info.tcpi_bytes_received);
		cell(d, c->info.tcpi_total_retrans);
	}
	table_end(d);
}

static void put_drops(struct doc *d)
{
	static const char *const columns[] = { "Reason", "Frames", "Meaning", "The last one", NULL };
	char text[FRAME_TEXT_MAX];
	u64 n;

	table_begin(d, "Drops", columns);
	for (unsigned r = 1; r < DROP_MAX; r++) {
		snprintf(text, sizeof(text), "drop.%s", drop_name(r));
		n = number(d, text);
		if (!n)
			continue;
		http_page_printf(d->page, "<tr><th scope=row>%s", drop_name(r));
		cell(d, n);
		http_page_printf(d->page, "<td>");
		put_text(d->page, drop_text(r));
		live_drop_text(&d->s->drops[r], text, sizeof(text));
		http_page_printf(d->page, "<td>");
		put_text(d->page, text);
		http_page_printf(d->page, "\n");
	}
	table_end(d);
}

static void put_qdiscs(struct doc *d)
{
	static const char *const columns[] = { "Device", "Queue", "Discipline", "Parameters", "Packets", "Waiting", "Dropped", NULL };

	table_begin(d, "Queueing disciplines", columns);
	for (u32 i = 0; i < d->s->nr_qdiscs; i++) {
		const struct live_qdisc *q = &d->s->qdiscs[i];

		http_page_printf(d->page, "<tr><th scope=row>%s<td>%u<td>%s %x:<td>", q->dev->name, q->queue, q->id, q->handle);
		put_text(d->page, q->text);
		cell(d, q->packets);
		cell(d, q->qlen);
		cell(d, q->drops);
	}
	table_end(d);
}

/* All numbers of a group that are not 0. */
static void put_group(struct doc *d, const char *title, const char *prefix)
{
	static const char *const columns[] = { "Name", "Value", NULL };
	size_t n = strlen(prefix);

	table_begin(d, title, columns);
	for (u32 i = 0; i < d->s->nr; i++) {
		const char *name = live_name(d->names, i);

		if (!d->s->v[i] || strncmp(name, prefix, n))
			continue;
		http_page_printf(d->page, "<tr><th scope=row>%s", name + n);
		cell(d, d->s->v[i]);
	}
	table_end(d);
}

static void put_document(struct doc *d)
{
	http_page_printf(d->page, "%.*s", (int)live_doc_head_len, (const char *)live_doc_head);
	put_path(d);
	put_cpus(d);
	put_conns(d);
	put_drops(d);
	put_qdiscs(d);
	put_group(d, "Connection tracking", "ct.");
	put_group(d, "HTTP", "http.");
	put_group(d, "Counters", "stat.");
	http_page_printf(d->page, "%.*s", (int)live_doc_tail_len, (const char *)live_doc_tail);
}

void http_live(struct http_conn *c, const struct http_request *rq)
{
	struct live *l = c->srv->cpu->app->live;
	struct live_sample *s = kzalloc(sizeof(*s));
	struct live_names *names = kzalloc(sizeof(*names));
	struct http_page page;
	struct doc d = { .page = &page, .live = l, .s = s, .names = names };
	int err = s && names ? 0 : -1;

	http_page_init(&page);
	if (!err) {
		http_page_init(&names->text);
		c->srv->held = true;
		err = live_collect(c->srv->cpu, s);
		c->srv->held = false;
		live_numbers(l, s, names);
	}
	if (!err && !names->text.failed)
		put_document(&d);
	else
		page.failed = true;
	if (names)
		kfree(names->text.buf);
	kfree(names);
	kfree(s);
	http_reply_page(c, rq, 200, "text/html; charset=utf-8", &page);
}
