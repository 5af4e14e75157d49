/* SPDX-License-Identifier: MIT
 * live.c - the live page's feed: who looks, and the round about once a second that all of them are shown.
 *
 * A round is one fiber's, the tick of the first CPU: it asks every CPU, makes one event of what changed, and has every CPU
 * give it to its viewers. A newcomer, and a viewer whose connection was still busy with the last event, is given everything
 * in the next round; so a slow client costs no memory and no other client. With the first viewer begin the timing of
 * softirq rows, the table of last drops, the histogram of latencies and the watch over fill levels; they end with the last.
 */
#include "app/live_impl.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

#define ROUND_NS       (NSEC_PER_SEC - HTTP_TICK_NS / 2)
#define WATCH_NS       (20 * NSEC_PER_MSEC) /* between two looks at the fill of queues */
#define VIEWERS_MAX    32                   /* of a CPU */

/* ---- each CPU's part ---- */

static void watch_fill(struct timer *t, u64 now_ns)
{
	struct live_cpu *lc = container_of(t, struct live_cpu, timer);
	struct net_cpu *cpu = lc->cpu;
	struct live *l = lc->live;

	for (unsigned i = 0; i < cpu->net->nr_devs; i++) {
		const struct net_device *dev = cpu->net->devs[i];

		for (unsigned q = 0; dev && dev->flags & IFF_UP && q < dev->nr_txq; q++) {
			const struct netdev_queue *txq = &dev->txq[q];
			struct live_high *high = &l->high[i][q];

			if (txq->cpu != cpu->id)
				continue;
			if (txq->qdisc)
				high->qlen = MAX(high->qlen, txq->qdisc->qlen);
			if (!dev->ops->ring)
				continue;
			high->tx = MAX(high->tx, dev->ops->ring(dev, q, true).posted);
			if (q < dev->nr_rxq)
				high->rx = MAX(high->rx, dev->ops->ring(dev, q, false).waiting);
		}
	}
	timer_arm(&cpu->wheel, t, now_ns + WATCH_NS);
}

static void begin_on(struct net_cpu *cpu, void *arg)
{
	struct live *l = arg;
	struct live_cpu *lc = &l->cpu[cpu->id];

	last_drop_set(cpu, true); /* without memory the page shows no dropped frames */
	if (!cpu->app)
		return;
	if (cpu->app->http)
		cpu->app->http->latency = kzalloc(LIVE_LATENCY_BINS * sizeof(u64));
	bh_disable(cpu);
	timer_arm(&cpu->wheel, &lc->timer, cpu->now_ns + WATCH_NS);
	bh_enable(cpu);
}

static void end_on(struct net_cpu *cpu, void *arg)
{
	struct live *l = arg;

	last_drop_set(cpu, false);
	bh_disable(cpu);
	timer_cancel(&cpu->wheel, &l->cpu[cpu->id].timer);
	bh_enable(cpu);
	if (!cpu->app || !cpu->app->http)
		return;
	kfree(cpu->app->http->latency);
	cpu->app->http->latency = NULL;
}

/* ---- viewers ---- */

static void show(struct live_viewer *v, const struct live *l)
{
	bool all = v->seq + 1 != l->seq || !v->seq;
	const struct http_page *event = all ? &l->full : &l->delta;
	struct iovec iov = { event->buf + HTTP_PAGE_HEAD, event->len - HTTP_PAGE_HEAD };
	struct http_conn *c = v->c;

	if (!iov.iov_len || !http_out_is_empty(&c->out))
		return;
	v->seq = l->seq;
	c->since_ns = c->progress_ns = c->srv->cpu->now_ns;
	http_send(c, &iov, 1, 0);
	http_conn_run(c);
}

static void show_on(struct net_cpu *cpu, void *arg)
{
	struct live *l = arg;
	struct live_cpu *lc = &l->cpu[cpu->id];
	struct live_viewer *v, *n;
	u32 behind = 0;

	if (!cpu->app || !cpu->app->http || cpu->app->http->held) {
		WRITE_ONCE(lc->behind, lc->nr_viewers); /* a handler waits: nobody else touches its connections */
		return;
	}
	list_for_each_entry_safe(v, n, &lc->viewers, link)
		show(v, l);
	list_for_each_entry_safe(v, n, &lc->viewers, link)
		behind += v->seq != l->seq;
	WRITE_ONCE(lc->behind, behind);
}

static int feed_data(struct http_conn *c, u32 n)
{
	http_consume(c, n); /* nothing is expected from the client */
	return 0;
}

static void feed_tick(struct http_conn *c, u64 now_ns)
{
	if (http_out_is_empty(&c->out) || now_ns - c->progress_ns <= (u64)c->srv->cpu->sysctl.http_send_timeout * NSEC_PER_MSEC)
		return;
	c->srv->stats.send_timeouts++;
	http_conn_close(c);
}

static void feed_gone(struct http_conn *c)
{
	struct live_viewer *v = c->sink_data;
	struct live_cpu *lc = v->lc;

	list_del(&v->link);
	WRITE_ONCE(lc->nr_viewers, lc->nr_viewers - 1);
	kfree(v);
}

static const struct http_sink feed_sink = { .name = "live", .data = feed_data, .tick = feed_tick, .gone = feed_gone };

void http_live_feed(struct http_conn *c, const struct http_request *rq)
{
	struct live_cpu *lc = &c->srv->cpu->app->live->cpu[c->srv->cpu->id];
	struct live_viewer *v = lc->nr_viewers < VIEWERS_MAX ? kzalloc(sizeof(*v)) : NULL;
	bool head_only = rq->head->method == HTTP_HEAD;
	char head[512];
	struct iovec iov = { head, 0 };

	if (!v) {
		http_error(c, rq, 503, "Retry-After: 10\r\n");
		return;
	}
	c->keep_alive = false; /* the end of the connection is the end of the stream */
	iov.iov_len = http_head_format(c, head, sizeof(head), 200);
	iov.iov_len += (size_t)scnprintf(head + iov.iov_len, sizeof(head) - iov.iov_len,
					 "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n%s",
					 head_only ? "" : "retry: 1000\n\n");
	http_account(c, rq, 200, 0);
	http_send(c, &iov, 1, 0);
	if (head_only || c->fd < 0) {
		c->replied = true;
		kfree(v);
		return;
	}
	v->c = c;
	v->lc = lc;
	list_add_tail(&v->link, &lc->viewers);
	WRITE_ONCE(lc->nr_viewers, lc->nr_viewers + 1);
	WRITE_ONCE(lc->behind, lc->behind + 1);
	c->body.framing = HTTP_BODY_NONE;
	http_take_stream(c, &feed_sink, v);
}

/* ---- rounds ---- */

static void page_empty(struct http_page *p)
{
	p->len = HTTP_PAGE_HEAD;
}

static void free_buffers(struct live *l)
{
	kfree(l->now);
	kfree(l->before);
	if (l->names)
		kfree(l->names->text.buf);
	kfree(l->names);
	kfree(l->full.buf);
	kfree(l->delta.buf);
	l->now = l->before = NULL;
	l->names = NULL;
	l->full.buf = l->delta.buf = NULL;
}

static bool make_buffers(struct live *l)
{
	l->now = kzalloc(sizeof(*l->now));
	l->before = kzalloc(sizeof(*l->before));
	l->names = kzalloc(sizeof(*l->names));
	http_page_init(&l->full);
	http_page_init(&l->delta);
	if (l->names)
		http_page_init(&l->names->text);
	return l->now && l->before && l->names && !l->full.failed && !l->delta.failed && !l->names->text.failed;
}

static void live_end_looking(struct net_cpu *cpu, struct live *l)
{
	net_on_each_cpu(cpu, end_on, l);
	free_buffers(l);
	if (l->times_were_off)
		net_sysctl_set(l->net, "net.core.softirq_times", "0");
	l->on = false;
}

static bool live_begin(struct net_cpu *cpu, struct live *l)
{
	if (!make_buffers(l)) {
		free_buffers(l);
		return false;
	}
	l->times_were_off = !cpu->sysctl.softirq_times;
	if (l->times_were_off)
		net_sysctl_set(l->net, "net.core.softirq_times", "1");
	memset(l->high, 0, sizeof(l->high));
	l->on = true;
	net_on_each_cpu(cpu, begin_on, l);
	return true;
}

static bool make_events(struct live *l, bool first, bool newcomers)
{
	page_empty(&l->full);
	page_empty(&l->delta);
	live_numbers(l, l->now, l->names->nr == l->before->nr && !first ? NULL : l->names);
	if (!first && l->now->nr == l->before->nr)
		live_event(&l->delta, l, l->now, l->before);
	if (newcomers)
		live_event(&l->full, l, l->now, NULL);
	return !l->full.failed && !l->delta.failed && !l->names->text.failed;
}

static void live_round(struct net_cpu *cpu, struct live *l, bool newcomers)
{
	struct live_sample *s = l->now;

	if (live_collect(cpu, s) || !cpu->app || !make_events(l, !l->before->nr, newcomers)) {
		if (cpu->app)
			live_end_looking(cpu, l); /* no memory: from the beginning at the next tick */
		return;
	}
	l->seq++;
	net_on_each_cpu(cpu, show_on, l);
	if (!cpu->app)
		return;
	l->now = l->before;
	l->before = s;
}

void live_tick(struct net_cpu *cpu)
{
	struct live *l = cpu->app->live;
	u32 viewers = 0, newcomers = 0;

	for (unsigned i = 0; i < l->net->nr_cpus; i++) {
		viewers += READ_ONCE(l->cpu[i].nr_viewers);
		newcomers += READ_ONCE(l->cpu[i].behind);
	}
	if (!viewers && l->on)
		live_end_looking(cpu, l);
	if (!viewers || (!newcomers && cpu->now_ns < l->next_ns) || (!l->on && !live_begin(cpu, l)) || !cpu->app)
		return;
	l->next_ns = cpu->now_ns + ROUND_NS;
	live_round(cpu, l, newcomers);
}

struct live *live_create(struct net *net)
{
	struct live *l = kzalloc(sizeof(*l));

	if (!l)
		return NULL;
	l->net = net;
	for (unsigned i = 0; i < net->nr_cpus; i++) {
		l->cpu[i].cpu = net->cpus[i];
		l->cpu[i].live = l;
		timer_init(&l->cpu[i].timer, watch_fill);
		list_init(&l->cpu[i].viewers);
	}
	return l;
}

void live_destroy(struct live *l)
{
	if (!l)
		return;
	for (unsigned i = 0; l->on && i < l->net->nr_cpus; i++)
		end_on(l->net->cpus[i], l);
	free_buffers(l);
	kfree(l);
}
