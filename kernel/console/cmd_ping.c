/* SPDX-License-Identifier: MIT
 * cmd_ping.c - `ping`: echo requests and what came back, printed as iputils' ping prints it.
 */
#include "console/commands.h"
#include "console/resolve.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/ipv4/icmp.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/icmp6.h"
#include "net/socket/socket.h"

#define PING_SLOTS    64u               /* requests that may be outstanding at once */
#define PING_MAX_SIZE 65507             /* 65535 less the IP and ICMP headers */
#define PING_WAIT_NS  (NSEC_PER_SEC)    /* for the last answer */
#define PING_STEP_NS  (5 * NSEC_PER_MSEC)

struct ping {
	struct icmp_ping icmp;   /* registered while `to` is of its family */
	struct icmp6_ping icmp6;
	struct console_call *c;
	const char *host;        /* as it was typed */
	int family;              /* AF_INET, AF_INET6; 0: the host's */
	struct ip_addr to;
	u64 count, interval_ns, size;
	u64 sent_ns[PING_SLOTS]; /* by sequence number; 0: answered */
	u64 sent, received, errors;
	u64 min_us, max_us, sum_us, sum_sq;
};

static void got_reply(struct ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	u64 *sent = &p->sent_ns[seq % PING_SLOTS], us;
	char from[IP_NTOP_MAX];
	bool again = !*sent;

	us = again ? 0 : (cpu->now_ns - *sent) / NSEC_PER_USEC;
	out_printf(p->c->out, "%u bytes from %s: icmp_seq=%u ttl=%u time=%llu.%03llu ms%s\n", skb->len + 8,
		   ip_ntop(&skb->ip.src, from), seq, skb->ip.ttl, (unsigned long long)us / 1000,
		   (unsigned long long)us % 1000, again ? " (DUP!)" : "");
	if (again)
		return;
	*sent = 0;
	p->received++;
	p->min_us = MIN(p->min_us, us);
	p->max_us = MAX(p->max_us, us);
	p->sum_us += us;
	p->sum_sq += us * us;
}

static void ping_reply(struct icmp_ping *ip, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	got_reply(container_of(ip, struct ping, icmp), cpu, skb, seq);
}

static void ping6_reply(struct icmp6_ping *ip, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	got_reply(container_of(ip, struct ping, icmp6), cpu, skb, seq);
}

static void got_error(struct ping *p, const struct ip_addr *from, const char *what, u8 type, u8 code, u16 seq)
{
	char text[IP_NTOP_MAX];

	p->errors++;
	p->sent_ns[seq % PING_SLOTS] = 0;
	out_printf(p->c->out, "From %s icmp_seq=%u %s (type %u code %u)\n", ip_ntop(from, text), seq, what, type, code);
}

static void ping_error(struct icmp_ping *ip, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq)
{
	got_error(container_of(ip, struct ping, icmp), from,
		  type == 3 ? "Destination Unreachable" : type == 11 ? "Time to live exceeded" : "error", type, code, seq);
}

static void ping6_error(struct icmp6_ping *ip, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq)
{
	static const char *const what[] = { "", "Destination Unreachable", "Packet too big", "Time exceeded" };

	got_error(container_of(ip, struct ping, icmp6), from, type < ARRAY_SIZE(what) ? what[type] : "error", type, code, seq);
}

static u64 square_root(u64 v)
{
	u64 r = 0, bit = 1ull << 62;

	for (; bit; bit >>= 2) {
		if (v >= r + bit) {
			v -= r + bit;
			r = (r >> 1) + bit;
		} else {
			r >>= 1;
		}
	}
	return r;
}

static void ping_summary(struct ping *p, const char *to, u64 took_ns)
{
	u64 avg, mdev;

	out_printf(p->c->out, "\n--- %s ping statistics ---\n%llu packets transmitted, %llu received, ", to,
		   (unsigned long long)p->sent, (unsigned long long)p->received);
	if (p->errors)
		out_printf(p->c->out, "+%llu errors, ", (unsigned long long)p->errors);
	out_printf(p->c->out, "%llu%% packet loss, time %llums\n",
		   (unsigned long long)(p->sent ? (p->sent - MIN(p->received, p->sent)) * 100 / p->sent : 0),
		   (unsigned long long)(took_ns / NSEC_PER_MSEC));
	if (!p->received)
		return;
	avg = p->sum_us / p->received;
	mdev = square_root(p->sum_sq / p->received - MIN(avg * avg, p->sum_sq / p->received));
	out_printf(p->c->out, "rtt min/avg/max/mdev = %llu.%03llu/%llu.%03llu/%llu.%03llu/%llu.%03llu ms\n",
		   (unsigned long long)p->min_us / 1000, (unsigned long long)p->min_us % 1000,
		   (unsigned long long)avg / 1000, (unsigned long long)avg % 1000, (unsigned long long)p->max_us / 1000,
		   (unsigned long long)p->max_us % 1000, (unsigned long long)mdev / 1000, (unsigned long long)mdev % 1000);
}

/* Seconds with up to three decimals, as ping's -i takes them. */
static int parse_seconds(const char *word, u64 *ns)
{
	u64 ms = 0, scale = 1000;
	const char *p = word;

	for (; *p >= '0' && *p <= '9' && ms < 3600 * 1000; p++)
		ms = ms * 10 + (u64)(*p - '0') * 1000;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9' && scale > 1; p++)
			ms += (u64)(*p - '0') * (scale /= 10);
	*ns = ms * NSEC_PER_MSEC;
	return *p || p == word || ms > 3600 * 1000 ? -EINVAL : 0;
}

static int ping_parse(struct ping *p)
{
	struct console_call *c = p->c;
	int i, err;

	for (i = 1; i < c->argc; i++) {
		const char *value = i + 1 < c->argc ? c->argv[i + 1] : "";

		if (!strcmp(c->argv[i], "-4") || !strcmp(c->argv[i], "-6")) {
			p->family = c->argv[i][1] == '4' ? AF_INET : AF_INET6;
			continue;
		}
		if (!strcmp(c->argv[i], "-c"))
			err = str_to_u64(value, &p->count) ?: p->count ? 0 : -EINVAL;
		else if (!strcmp(c->argv[i], "-s"))
			err = str_to_u64(value, &p->size) ?: p->size > PING_MAX_SIZE ? -ERANGE : 0;
		else if (!strcmp(c->argv[i], "-i"))
			err = parse_seconds(value, &p->interval_ns) ?: p->interval_ns < 2 * NSEC_PER_MSEC ? -ERANGE : 0;
		else if (!p->host && c->argv[i][0] != '-') {
			p->host = c->argv[i];
			continue;
		} else {
			return console_usage(c, c->argv[i]);
		}
		if (err)
			return console_usage(c, *value ? value : c->argv[i]);
		i++;
	}
	return p->host ? 0 : console_usage(c, NULL);
}

static void send_one(struct ping *p, const char *to)
{
	struct flow fl = { .dst = p->to, .proto = IPPROTO_ICMP };
	struct net_cpu *cpu = p->c->cpu;
	u16 seq = (u16)(p->sent + 1);
	int err;

	bh_disable(cpu);
	net_set_now(cpu, MAX(cpu->now_ns, clock_ns()));
	p->sent_ns[seq % PING_SLOTS] = cpu->now_ns;
	err = ip_is_v4(&p->to) ? icmp_ping_send(cpu, &p->icmp, &fl, seq, (unsigned)p->size)
			       : icmp6_ping_send(cpu, &p->icmp6, &fl, seq, (unsigned)p->size);
	bh_enable(cpu);
	p->sent++;
	if (!err)
		return;
	p->errors++;
	out_printf(p->c->out, "ping: %s: %s\n", to, errno_text(err));
}

/* Sleeps in short steps, so that Ctrl-C is heard. */
static void pause(struct ping *p, u64 ns, bool until_answered)
{
	u64 until = clock_ns() + ns;

	while (!p->c->stop && clock_ns() < until && !(until_answered && p->received + p->errors >= p->sent))
		sys_nanosleep(p->c->cpu, MIN(until - clock_ns(), PING_STEP_NS));
}

static void ping_open(struct ping *p, bool open)
{
	struct net_cpu *cpu = p->c->cpu;

	bh_disable(cpu);
	if (ip_is_v4(&p->to))
		open ? icmp_ping_open(cpu, &p->icmp) : icmp_ping_close(&p->icmp);
	else
		open ? icmp6_ping_open(cpu, &p->icmp6) : icmp6_ping_close(&p->icmp6);
	bh_enable(cpu);
}

int cmd_ping(struct console_call *c)
{
	struct ping *p = kzalloc(sizeof(*p));
	char to[IP_NTOP_MAX];
	u64 start;
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct ping){ .c = c, .count = UINT64_MAX, .interval_ns = NSEC_PER_SEC, .size = 56, .min_us = UINT64_MAX };
	p->icmp.reply = ping_reply;
	p->icmp.error = ping_error;
	p->icmp6.reply = ping6_reply;
	p->icmp6.error = ping6_error;
	err = ping_parse(p);
	if (!err && (err = resolve_host(c->cpu, p->host, p->family, &c->stop, &p->to)))
		out_printf(c->out, "ping: %s: %s\n", p->host, errno_text(err));
	if (!err) {
		ip_ntop(&p->to, to);
		if (ip_is_v4(&p->to))
			out_printf(c->out, "PING %s (%s) %llu(%llu) bytes of data.\n", p->host, to, (unsigned long long)p->size,
				   (unsigned long long)p->size + 28);
		else
			out_printf(c->out, "PING %s(%s) %llu data bytes\n", p->host, to, (unsigned long long)p->size);
		start = clock_ns();
		ping_open(p, true);
		while (!c->stop && p->sent < p->count) {
			send_one(p, to);
			if (p->sent < p->count)
				pause(p, p->interval_ns, false);
		}
		pause(p, PING_WAIT_NS, true);
		ping_open(p, false);
		ping_summary(p, p->host, clock_ns() - start);
	}
	kfree(p);
	return err;
}
