/* SPDX-License-Identifier: MIT
 * cmd_traceroute.c - `traceroute [-4|-6] [-m HOPS] [-q PROBES] HOST`: echo requests with growing time to live, as traceroute -I.
 */
#include "console/commands.h"
#include "console/resolve.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/ipv4/icmp.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/icmp6.h"
#include "net/socket/socket.h"

#define PROBE_WAIT_NS (NSEC_PER_SEC)
#define PROBE_STEP_NS (2 * NSEC_PER_MSEC)
#define PROBE_SIZE    32u

struct route_trace {
	struct icmp_ping icmp;   /* registered while `to` is of its family */
	struct icmp6_ping icmp6;
	int family;              /* AF_INET, AF_INET6; 0: the host's */
	struct console_call *c;
	struct ip_addr to, from, last; /* from: who answered; last: who was printed last on this line */
	u64 max_hops, probes, sent_ns, answered_ns;
	u16 seq;
	bool reached, unreachable;
};

static void answered(struct route_trace *t, struct net_cpu *cpu, const struct ip_addr *from, u16 seq)
{
	if (seq != t->seq || t->answered_ns)
		return;
	t->answered_ns = MAX(cpu->now_ns, t->sent_ns + 1);
	t->from = *from;
}

static void trace_reply(struct icmp_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	struct route_trace *t = container_of(p, struct route_trace, icmp);

	t->reached = true;
	answered(t, cpu, &skb->ip.src, seq);
}

static void trace_error(struct icmp_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq)
{
	struct route_trace *t = container_of(p, struct route_trace, icmp);

	t->unreachable |= type == 3 && seq == t->seq;
	answered(t, cpu, from, seq);
}

static void trace6_reply(struct icmp6_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	struct route_trace *t = container_of(p, struct route_trace, icmp6);

	t->reached = true;
	answered(t, cpu, &skb->ip.src, seq);
}

static void trace6_error(struct icmp6_ping *p, struct net_cpu *cpu, const struct ip_addr *from, u8 type, u8 code, u16 seq)
{
	struct route_trace *t = container_of(p, struct route_trace, icmp6);

	t->unreachable |= type == 1 && seq == t->seq;
	answered(t, cpu, from, seq);
}

static int parse(struct route_trace *t, const char **host)
{
	struct console_call *c = t->c;
	int i;

	for (i = 1; i < c->argc; i++) {
		const char *value = i + 1 < c->argc ? c->argv[i + 1] : "";
		u64 *to = !strcmp(c->argv[i], "-m") ? &t->max_hops : !strcmp(c->argv[i], "-q") ? &t->probes : NULL;

		if (to) {
			if (str_to_u64(value, to) || !*to || *to > (to == &t->probes ? 10 : 255))
				return console_usage(c, *value ? value : c->argv[i]);
			i++;
		} else if (!strcmp(c->argv[i], "-4") || !strcmp(c->argv[i], "-6")) {
			t->family = c->argv[i][1] == '4' ? AF_INET : AF_INET6;
		} else if (c->argv[i][0] == '-' && strcmp(c->argv[i], "-n")) {
			return console_usage(c, c->argv[i]);
		} else if (c->argv[i][0] != '-') {
			if (*host)
				return console_usage(c, c->argv[i]);
			*host = c->argv[i];
		}
	}
	return *host ? 0 : console_usage(c, NULL);
}

static void probe(struct route_trace *t, u8 ttl)
{
	struct flow fl = { .dst = t->to, .proto = IPPROTO_ICMP, .ttl = ttl };
	struct net_cpu *cpu = t->c->cpu;
	char text[IP_NTOP_MAX];
	u64 us;
	int err;

	bh_disable(cpu);
	t->seq++;
	t->answered_ns = 0;
	net_set_now(cpu, MAX(cpu->now_ns, clock_ns()));
	t->sent_ns = cpu->now_ns;
	err = ip_is_v4(&t->to) ? icmp_ping_send(cpu, &t->icmp, &fl, t->seq, PROBE_SIZE)
			       : icmp6_ping_send(cpu, &t->icmp6, &fl, t->seq, PROBE_SIZE);
	bh_enable(cpu);
	if (err) {
		out_printf(t->c->out, " !%s", errno_name(err));
		return;
	}
	while (!READ_ONCE(t->answered_ns) && !t->c->stop && clock_ns() < t->sent_ns + PROBE_WAIT_NS)
		sys_nanosleep(cpu, PROBE_STEP_NS);
	if (!t->answered_ns) {
		out_printf(t->c->out, " *");
		return;
	}
	us = (t->answered_ns - t->sent_ns) / NSEC_PER_USEC;
	if (!ip_eq(&t->from, &t->last))
		out_printf(t->c->out, " %s", ip_ntop(&t->from, text));
	t->last = t->from;
	out_printf(t->c->out, "  %llu.%03llu ms%s", (unsigned long long)us / 1000, (unsigned long long)us % 1000,
		   t->unreachable ? " !H" : "");
}

static void listen(struct route_trace *t, bool on)
{
	struct net_cpu *cpu = t->c->cpu;

	bh_disable(cpu);
	if (ip_is_v4(&t->to))
		on ? icmp_ping_open(cpu, &t->icmp) : icmp_ping_close(&t->icmp);
	else
		on ? icmp6_ping_open(cpu, &t->icmp6) : icmp6_ping_close(&t->icmp6);
	bh_enable(cpu);
}

static void walk(struct route_trace *t, const char *host)
{
	char text[IP_NTOP_MAX];

	out_printf(t->c->out, "traceroute to %s (%s), %llu hops max, %u byte packets\n", host, ip_ntop(&t->to, text),
		   (unsigned long long)t->max_hops, PROBE_SIZE + (ip_is_v4(&t->to) ? 28 : 48));
	listen(t, true);
	for (u64 ttl = 1; ttl <= t->max_hops && !t->reached && !t->unreachable && !t->c->stop; ttl++) {
		out_printf(t->c->out, "%2llu ", (unsigned long long)ttl);
		memset(&t->last, 0, sizeof(t->last));
		for (u64 q = 0; q < t->probes && !t->c->stop; q++)
			probe(t, (u8)ttl);
		out_printf(t->c->out, "\n");
	}
	listen(t, false);
}

int cmd_traceroute(struct console_call *c)
{
	struct route_trace *t = kzalloc(sizeof(*t));
	const char *host = NULL;
	int err;

	if (!t)
		return -ENOMEM;
	*t = (struct route_trace){ .c = c, .max_hops = 30, .probes = 3 };
	t->icmp.reply = trace_reply;
	t->icmp.error = trace_error;
	t->icmp6.reply = trace6_reply;
	t->icmp6.error = trace6_error;
	err = parse(t, &host);
	if (!err) {
		err = resolve_host(c->cpu, host, t->family, &c->stop, &t->to);
		if (err)
			out_printf(c->out, "traceroute: %s: %s\n", host, errno_text(err));
		else
			walk(t, host);
	}
	kfree(t);
	return err;
}
