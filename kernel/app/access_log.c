/* SPDX-License-Identifier: MIT
 * access_log.c - the last requests, in the combined log format with the duration behind, in a ring that GET /log shows.
 *
 * A record is kept as it came, cut to fixed sizes, and made text only when somebody reads it, so that a request costs a few
 * copies. The duration of an answer that does not leave at once is set right when it has left.
 */
#include "app/app_impl.h"
#include "app/http.h"
#include "lib/printf.h"
#include "lib/string.h"

#define LOG_RECORDS 1024u

struct record {
	u64 start_ns, took_ns;
	u64 bytes;
	struct ip_addr addr;
	u16 port, status;
	u8 method, minor;
	u8 path_len, referer_len, agent_len;
	char path[80], referer[48], agent[56];
};

struct access_log {
	u64 next; /* sequence number of the next record, from 1 */
	struct record ring[LOG_RECORDS];
};

struct access_log *access_log_create(void)
{
	struct access_log *l = kzalloc(sizeof(*l));

	if (l)
		l->next = 1;
	return l;
}

void access_log_destroy(struct access_log *l)
{
	kfree(l);
}

static u8 keep_text(char *out, size_t size, const void *s, size_t len)
{
	len = MIN(len, size);
	memcpy(out, s, len);
	return (u8)len;
}

static u8 keep_field(char *out, size_t size, const struct http_request *rq, enum http_field f)
{
	size_t len;
	const u8 *s = http_field(rq, f, &len);

	return keep_text(out, size, s, len);
}

/* What a client wrote must not end a quoted text, nor change a terminal. */
static void tame(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '"' || s[i] == '\\' || (u8)s[i] < ' ' || (u8)s[i] >= 0x7f)
			s[i] = '?';
}

/* The text of a record into out; its length. */
static int format(const struct record *kept, u64 now_ns, char *out, size_t size)
{
	char ip[IP_NTOP_MAX], date[HTTP_DATE_LEN];
	struct record copy = *kept, *r = &copy;
	u64 wall = wall_clock_ns(now_ns) - (now_ns - r->start_ns);

	tame(r->path, r->path_len);
	tame(r->referer, r->referer_len);
	tame(r->agent, r->agent_len);
	http_date_format(date, wall / NSEC_PER_SEC);
	return scnprintf(out, size, "%s - - [%.2s/%.3s/%.4s:%.8s +0000] \"%s %.*s HTTP/1.%u\" %u %llu \"%.*s\" \"%.*s\" %llu us\n",
			 ip_ntop(&r->addr, ip), date + 5, date + 8, date + 12, date + 17,
			 r->method == HTTP_UNKNOWN ? "-" : http_method_name(r->method), r->path_len ? r->path_len : 1,
			 r->path_len ? r->path : "-", r->minor, r->status, (unsigned long long)r->bytes,
			 r->referer_len ? r->referer_len : 1, r->referer_len ? r->referer : "-",
			 r->agent_len ? r->agent_len : 1, r->agent_len ? r->agent : "-",
			 (unsigned long long)(r->took_ns / NSEC_PER_USEC));
}

void access_log_add(struct http_conn *c, const struct http_request *rq, int status, u64 bytes)
{
	struct access_log *l = c->srv->log;
	struct record *r = &l->ring[l->next % LOG_RECORDS];

	c->log_seq = l->next++;
	r->start_ns = c->request_ns;
	r->took_ns = c->srv->cpu->now_ns - c->request_ns;
	r->bytes = bytes;
	r->addr = c->addr->addr;
	r->port = c->peer_port;
	r->status = (u16)status;
	r->method = HTTP_UNKNOWN;
	r->minor = 1;
	r->path_len = r->referer_len = r->agent_len = 0;
	c->log_open = c->srv->cpu->sysctl.http_access_log > 1;
	if (!rq)
		return;
	r->method = rq->head->method;
	r->minor = rq->head->minor;
	r->path_len = keep_text(r->path, sizeof(r->path), rq->base + rq->head->path.off, rq->head->path.len);
	if (http_has(rq->head, HTTP_F_REFERER))
		r->referer_len = keep_field(r->referer, sizeof(r->referer), rq, HTTP_F_REFERER);
	if (http_has(rq->head, HTTP_F_USER_AGENT))
		r->agent_len = keep_field(r->agent, sizeof(r->agent), rq, HTTP_F_USER_AGENT);
}

void access_log_done(struct http_conn *c)
{
	struct access_log *l = c->srv->log;
	struct net_cpu *cpu = c->srv->cpu;
	struct record *r = &l->ring[c->log_seq % LOG_RECORDS];
	char line[512];
	int n;

	if (l->next - c->log_seq <= LOG_RECORDS) { /* not overwritten by later ones */
		r->took_ns = cpu->now_ns - r->start_ns;
		if (c->chunked && c->begun)
			r->bytes = c->body.taken;
		if (cpu->sysctl.http_access_log > 1) {
			n = format(r, cpu->now_ns, line, sizeof(line));
			log_info("%.*s", n - 1, line);
		}
	}
	c->log_seq = 0;
	c->log_open = false;
}

struct log_reader { /* of one CPU's ring */
	const struct access_log *log;
	u64 seq, end;
	struct record now; /* that of seq, unless seq is end */
};

/* A copy of the next record. Another CPU goes on writing meanwhile: what it overwrote is left out. */
static void read_next(struct log_reader *r)
{
	for (; r->seq < r->end; r->seq++) {
		r->now = r->log->ring[r->seq % LOG_RECORDS];
		barrier();
		if (READ_ONCE(r->log->next) - r->seq <= LOG_RECORDS)
			return;
	}
}

static unsigned open_readers(const struct net *net, struct log_reader *r)
{
	const struct net_cpu *cpu;
	unsigned i, n = 0;

	for_each_cpu(net, cpu, i) {
		if (!cpu->app || !cpu->app->http)
			continue;
		r[n].log = cpu->app->http->log;
		r[n].end = READ_ONCE(r[n].log->next);
		r[n].seq = r[n].end > LOG_RECORDS ? r[n].end - LOG_RECORDS : 1;
		read_next(&r[n++]);
	}
	return n;
}

static struct log_reader *oldest_of(struct log_reader *r, unsigned n)
{
	struct log_reader *best = NULL;

	for (unsigned i = 0; i < n; i++)
		if (r[i].seq < r[i].end && (!best || r[i].now.start_ns < best->now.start_ns))
			best = &r[i];
	return best;
}

/* The records of all CPUs, in the order in which the requests began. */
void http_access_log(struct http_conn *c, const struct http_request *rq)
{
	const struct net *net = c->srv->cpu->net;
	struct log_reader *r = kmalloc(net->nr_cpus * sizeof(*r)), *best;
	unsigned n = r ? open_readers(net, r) : 0;
	struct http_page page;
	char line[512];

	http_page_init(&page);
	while ((best = oldest_of(r, n))) {
		format(&best->now, c->srv->cpu->now_ns, line, sizeof(line));
		http_page_printf(&page, "%s", line);
		best->seq++;
		read_next(best);
	}
	kfree(r);
	http_reply_page(c, rq, 200, "text/plain; charset=utf-8", &page);
}
