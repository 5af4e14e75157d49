/* SPDX-License-Identifier: MIT
 * http_events.c - GET /events: counters as they change, as server-sent events (WHATWG HTML 9.2), once a second.
 *
 * A client that does not read gets no new event while the last one waits, and is let go after the send timeout.
 */
#include "app/app_impl.h"
#include "app/http.h"
#include "lib/printf.h"

static u64 stat_sum(const struct net *net, enum net_stat s)
{
	const struct net_cpu *cpu;
	unsigned i;
	u64 sum = 0;

	for_each_cpu(net, cpu, i)
		sum += READ_ONCE(cpu->stats[s]);
	return sum;
}

/* Of both families. */
static unsigned long long both(const struct net *net, enum net_stat four, enum net_stat six)
{
	return stat_sum(net, four) + stat_sum(net, six);
}

static void send_event(struct http_conn *c, u64 now_ns)
{
	const struct net *net = c->srv->cpu->net;
	const struct net_cpu *cpu;
	u64 requests = 0, conns = 0;
	char text[512];
	struct iovec iov = { text, 0 };
	unsigned i;

	for_each_cpu(net, cpu, i) {
		if (!cpu->app || !cpu->app->http)
			continue;
		requests += READ_ONCE(cpu->app->http->stats.requests);
		conns += READ_ONCE(cpu->app->http->nr_conns);
	}
	iov.iov_len = (size_t)scnprintf(text, sizeof(text),
		"id: %llu\ndata: {\"uptime_ms\":%llu,\"requests\":%llu,\"connections\":%llu,\"ip_in\":%llu,\"ip_out\":%llu,"
		"\"tcp_in\":%llu,\"tcp_out\":%llu,\"tcp_retrans\":%llu,\"udp_in\":%llu}\n\n",
		(unsigned long long)(now_ns / NSEC_PER_MSEC), (unsigned long long)((now_ns - net->boot_ns) / NSEC_PER_MSEC),
		(unsigned long long)requests, (unsigned long long)conns,
		both(net, STAT_IpInReceives, STAT_Ip6InReceives), both(net, STAT_IpOutRequests, STAT_Ip6OutRequests),
		(unsigned long long)stat_sum(net, STAT_TcpInSegs), (unsigned long long)stat_sum(net, STAT_TcpOutSegs),
		(unsigned long long)stat_sum(net, STAT_TcpRetransSegs), both(net, STAT_UdpInDatagrams, STAT_Udp6InDatagrams));
	http_send(c, &iov, 1, 0);
}

static int events_data(struct http_conn *c, u32 n)
{
	http_consume(c, n); /* nothing is expected from the client */
	return 0;
}

static void events_tick(struct http_conn *c, u64 now_ns)
{
	u64 timeout = (u64)c->srv->cpu->sysctl.http_send_timeout * NSEC_PER_MSEC;

	if (!http_out_is_empty(&c->out)) {
		if (now_ns - c->progress_ns > timeout) {
			c->srv->stats.send_timeouts++;
			http_conn_close(c);
		}
		return;
	}
	if (now_ns - c->since_ns < NSEC_PER_SEC)
		return;
	c->since_ns = c->progress_ns = now_ns;
	send_event(c, now_ns);
}

static const struct http_sink events_sink = { .name = "events", .data = events_data, .tick = events_tick };

void http_events(struct http_conn *c, const struct http_request *rq)
{
	char head[512];
	struct iovec iov = { head, 0 };
	u32 n;

	c->keep_alive = false; /* the end of the connection is the end of the stream */
	n = http_head_format(c, head, sizeof(head), 200);
	n += (u32)scnprintf(head + n, sizeof(head) - n, "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n");
	iov.iov_len = n;
	http_account(c, rq, 200, 0);
	http_send(c, &iov, 1, 0);
	if (rq->head->method == HTTP_HEAD) {
		c->replied = true;
		return;
	}
	c->body.framing = HTTP_BODY_NONE;
	http_take_stream(c, &events_sink, NULL);
	send_event(c, c->srv->cpu->now_ns);
}
