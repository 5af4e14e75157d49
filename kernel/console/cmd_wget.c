/* SPDX-License-Identifier: MIT
 * cmd_wget.c - `wget URL`: fetches over HTTP/1.1 and prints the status, the length and the SHA-256 of the body.
 *
 * Nothing is kept. Connection: close delimits the body, and Content-Length is held against what came; chunked bodies are asked
 * away with HTTP/1.0.
 */
#include "console/commands.h"
#include "console/resolve.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/sha256.h"
#include "lib/string.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"

#define WGET_WAIT_NS (30 * NSEC_PER_SEC) /* without a byte */
#define WGET_STEP_NS (50 * NSEC_PER_MSEC)
#define WGET_HEAD    1500u

struct wget {
	struct console_call *c;
	char host[128];
	const char *path;
	u16 port;
	struct ip_addr addr;
	int fd;
	struct sha256 sum;
	u64 body, length, start_ns; /* length: UINT64_MAX when the server does not say */
	u32 have;
	char head[WGET_HEAD], piece[512];
};

/* [http://]HOST[:PORT][/PATH], where HOST may be an IPv6 address in brackets */
static int wget_parse(struct wget *w, const char *url)
{
	const char *p = strncmp(url, "http://", 7) ? url : url + 7, *colon;
	char *bracket = NULL;
	size_t len = 0;
	u64 port = 80;

	while (p[len] && p[len] != '/')
		len++;
	if (!len || len >= sizeof(w->host) || strstr(url, "https://"))
		return console_usage(w->c, url);
	memcpy(w->host, p, len);
	if (w->host[0] == '[' && (bracket = strchr(w->host, ']')))
		*bracket = '\0';
	colon = strchr(bracket ? bracket + 1 : w->host, ':');
	if (colon && (str_to_u64(colon + 1, &port) || !port || port > 65535))
		return console_usage(w->c, colon + 1);
	if (colon)
		w->host[colon - w->host] = '\0';
	if (bracket)
		memmove(w->host, w->host + 1, (size_t)(bracket - w->host));
	w->port = (u16)port;
	w->path = p[len] ? p + len : "/";
	return 0;
}

/* Until fd is ready for `events`; 0, -EINTR or -ETIMEDOUT. */
static int ready(struct wget *w, s16 events)
{
	struct pollfd p = { .fd = w->fd, .events = events };
	u64 until = clock_ns() + WGET_WAIT_NS;

	while (clock_ns() < until) {
		if (w->c->stop)
			return -EINTR;
		if (sys_poll(w->c->cpu, &p, 1, WGET_STEP_NS) > 0)
			return 0;
	}
	return -ETIMEDOUT;
}

static int wget_send(struct wget *w)
{
	u16 family = ip_is_v4(&w->addr) ? AF_INET : AF_INET6;
	struct sockaddr_ip to = { .family = family, .port = w->port, .addr = w->addr };
	int n, err, one = 1;
	long sent;

	w->fd = sys_socket(w->c->cpu, family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return w->fd;
	sys_setsockopt(w->c->cpu, w->fd, SOL_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)); /* a GET may come twice; refused: without */
	err = sys_connect(w->c->cpu, w->fd, &to);
	if (err && err != -EINPROGRESS)
		return err;
	n = snprintf(w->head, sizeof(w->head), "GET %s HTTP/1.0\r\nHost: %s%s%s\r\nUser-Agent: barewire\r\nAccept: */*\r\n\r\n", w->path,
		     strchr(w->host, ':') ? "[" : "", w->host, strchr(w->host, ':') ? "]" : "");
	for (int at = 0; at < n; at += (int)sent) {
		err = ready(w, EPOLLOUT);
		if (err)
			return err;
		sent = sys_send(w->c->cpu, w->fd, w->head + at, (size_t)(n - at), 0);
		if (sent < 0 && sent != -EAGAIN && sent != -EINPROGRESS)
			return (int)sent;
		sent = MAX(sent, 0l);
	}
	return 0;
}

static void content_length(struct wget *w)
{
	static const char name[] = "\r\ncontent-length:";
	u64 v = 0;

	for (char *p = w->head; *p; p++) {
		if (mem_casecmp(p, name, sizeof(name) - 1))
			continue;
		for (p += sizeof(name) - 1; *p == ' '; p++)
			;
		if (*p < '0' || *p > '9')
			return;
		for (; *p >= '0' && *p <= '9' && v < UINT64_MAX / 16; p++)
			v = v * 10 + (u64)(*p - '0');
		w->length = v;
		return;
	}
}

static void take_body(struct wget *w, const char *p, size_t n)
{
	sha256_update(&w->sum, p, n);
	w->body += n;
}

/* Up to the empty line; what is behind it belongs to the body. */
static int take_head(struct wget *w, size_t n)
{
	char *end;

	if (w->have + n >= sizeof(w->head))
		return -EMSGSIZE;
	memcpy(w->head + w->have, w->piece, n);
	w->have += (u32)n;
	w->head[w->have] = '\0';
	end = strstr(w->head, "\r\n\r\n");
	if (!end)
		return -EAGAIN;
	take_body(w, end + 4, w->have - (size_t)(end + 4 - w->head));
	end[2] = '\0';
	content_length(w);
	*strchr(w->head, '\r') = '\0';
	return 0;
}

static int wget_receive(struct wget *w)
{
	bool in_body = false;

	w->have = 0;
	for (;;) {
		int err = ready(w, EPOLLIN);
		long n;

		if (err)
			return err;
		n = sys_recv(w->c->cpu, w->fd, w->piece, sizeof(w->piece), 0);
		if (n == -EAGAIN)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : in_body ? 0 : -EPROTO;
		if (in_body) {
			take_body(w, w->piece, (size_t)n);
			continue;
		}
		err = take_head(w, (size_t)n);
		if (err && err != -EAGAIN)
			return err;
		in_body = !err;
	}
}

static void report(struct wget *w)
{
	u64 us = (clock_ns() - w->start_ns) / NSEC_PER_USEC;
	u8 sum[SHA256_LEN];

	sha256_final(&w->sum, sum);
	out_printf(w->c->out, "%s\nLength: %llu%s\nsha256: ", w->head, (unsigned long long)w->body,
		   w->length == UINT64_MAX || w->length == w->body ? "" : " (not as long as announced)");
	for (unsigned i = 0; i < SHA256_LEN; i++)
		out_printf(w->c->out, "%02x", sum[i]);
	out_printf(w->c->out, "\nin %llu.%03llu ms\n", (unsigned long long)us / 1000, (unsigned long long)us % 1000);
}

int cmd_wget(struct console_call *c)
{
	struct wget *w;
	int err;

	if (c->argc != 2)
		return console_usage(c, c->argc > 2 ? c->argv[2] : NULL);
	w = pages_alloc(0);
	if (!w)
		return -ENOMEM;
	_Static_assert(sizeof(*w) <= 4096, "fits a page");
	memset(w, 0, sizeof(*w));
	w->c = c;
	w->fd = -1;
	w->length = UINT64_MAX;
	w->start_ns = clock_ns();
	sha256_init(&w->sum);
	err = wget_parse(w, c->argv[1]);
	if (!err) {
		err = resolve_host(c->cpu, w->host, 0, &c->stop, &w->addr) ?: wget_send(w) ?: wget_receive(w);
		if (err)
			out_printf(c->out, "wget: %s: %s\n", w->host, errno_text(err));
		else
			report(w);
	}
	if (w->fd >= 0)
		sys_close(c->cpu, w->fd);
	pages_free(w, 0);
	return err;
}
