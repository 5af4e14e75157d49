/* SPDX-License-Identifier: MIT
 * cmd_ss.c - `ss`: the sockets of every kind, printed as iproute2's ss prints them.
 */
#include "console/commands.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/ipv4/udp.h"
#include "net/tcp/tcp.h"
#include "net/tcp/tcp.h"

struct ss_options {
	struct console_call *c;
	bool four, six, tcp, udp, listening, all, info, numeric;
};

static int ss_parse(struct ss_options *o)
{
	struct console_call *c = o->c;
	const char *p;
	int i;

	for (i = 1; i < c->argc; i++) {
		if (c->argv[i][0] != '-')
			return console_usage(c, c->argv[i]);
		for (p = c->argv[i] + 1; *p; p++) {
			switch (*p) {
			case '4': o->four = true; break;
			case '6': o->six = true; break;
			case 't': o->tcp = true; break;
			case 'u': o->udp = true; break;
			case 'l': o->listening = true; break;
			case 'a': o->all = true; break;
			case 'i': o->info = true; break;
			case 'n': o->numeric = true; break; /* rates; addresses and ports always are */
			case 'p': break;
			default: return console_usage(c, c->argv[i]);
			}
		}
	}
	if (!o->tcp && !o->udp)
		o->tcp = o->udp = true;
	return 0;
}

static void print_end(struct console_out *out, const struct ip_addr *a, u16 port, const char *after)
{
	char text[IP_NTOP_MAX], p[8];

	if (port)
		snprintf(p, sizeof(p), "%u", port);
	else
		str_copy(p, "*", sizeof(p));
	ip_ntop(a, text);
	if (ip6_is_unspecified(a))
		out_printf(out, "%18s:%-5s%s", "*", p, after);
	else if (ip_is_v4(a))
		out_printf(out, "%18s:%-5s%s", text, p, after);
	else
		out_printf(out, "%*s[%s]:%-5s%s", (int)(16 - MIN(strlen(text), (size_t)16)), "", text, p, after);
}

/* A sock of both families is shown with either. */
static bool is_asked_for(const struct ss_options *o, const struct ip_addr *laddr)
{
	if (o->four == o->six || ip6_is_unspecified(laddr))
		return true;
	return ip_is_v4(laddr) ? o->four : o->six;
}

static void print_row(struct ss_options *o, const char *netid, const char *state, u32 recvq, u32 sendq,
		      const struct ip_addr *laddr, u16 lport, const struct ip_addr *raddr, u16 rport)
{
	if (!is_asked_for(o, laddr))
		return;
	out_printf(o->c->out, "%-5s %-10s %-6u %-6u ", netid, state, recvq, sendq);
	print_end(o->c->out, laddr, lport, " ");
	print_end(o->c->out, raddr, rport, "\n");
}

static const char *ss_state(u8 state)
{
	static const char *const names[] = { "UNKNOWN",    "ESTAB",    "SYN-SENT", "SYN-RECV",   "FIN-WAIT-1", "FIN-WAIT-2",
					     "TIME-WAIT",  "UNCONN",   "CLOSE-WAIT", "LAST-ACK", "LISTEN",     "CLOSING" };

	return state < ARRAY_SIZE(names) ? names[state] : names[0];
}

/* Three digits and a unit, or with -n all of them. */
static void print_rate(struct ss_options *o, const char *name, u64 bps)
{
	static const char units[] = " KMGT";
	unsigned unit = 0;
	u64 v = bps * 100;

	if (o->numeric || bps < 1000) {
		out_printf(o->c->out, "%s%llubps", name, (unsigned long long)bps);
		return;
	}
	for (; v >= 1000 * 100 && units[unit + 1]; unit++)
		v /= 1000;
	if (v < 1000)
		out_printf(o->c->out, "%s%u.%02u%cbps", name, (unsigned)v / 100, (unsigned)v % 100, units[unit]);
	else if (v < 10000)
		out_printf(o->c->out, "%s%u.%u%cbps", name, (unsigned)v / 100, (unsigned)v / 10 % 10, units[unit]);
	else
		out_printf(o->c->out, "%s%llu%cbps", name, (unsigned long long)v / 100, units[unit]);
}

static void print_limited(struct ss_options *o, const char *name, u64 us, u64 busy_us)
{
	u64 tenths = us * 1000 / busy_us;

	if (us)
		out_printf(o->c->out, " %s:%llums(%llu.%llu%%)", name, (unsigned long long)us / 1000,
			   (unsigned long long)tenths / 10, (unsigned long long)tenths % 10);
}

/* How fast it goes: the algorithm's own words, then rates. */
static void print_rates(struct ss_options *o, const struct tcb *t, const struct tcp_info *i)
{
	char text[160] = "";

	if (t->ca->info && t->ca->info(t, text, sizeof(text)))
		out_printf(o->c->out, " %s", text);
	if (i->tcpi_rtt)
		print_rate(o, " send ", (u64)i->tcpi_snd_mss * i->tcpi_snd_cwnd * 8 * 1000000 / i->tcpi_rtt);
	if (i->tcpi_pacing_rate != UINT64_MAX)
		print_rate(o, " pacing_rate ", i->tcpi_pacing_rate * 8);
	if (i->tcpi_max_pacing_rate != UINT64_MAX)
		print_rate(o, i->tcpi_pacing_rate != UINT64_MAX ? "/" : " max_pacing_rate ", i->tcpi_max_pacing_rate * 8);
	if (i->tcpi_delivery_rate)
		print_rate(o, " delivery_rate ", i->tcpi_delivery_rate * 8);
}

/* What of that arrived, and what the sender waits for. */
static void print_delivery(struct ss_options *o, const struct tcp_info *i)
{
	if (i->tcpi_delivered)
		out_printf(o->c->out, " delivered:%u", i->tcpi_delivered);
	if (i->tcpi_delivered_ce)
		out_printf(o->c->out, " delivered_ce:%u", i->tcpi_delivered_ce);
	if (i->tcpi_delivery_rate_app_limited)
		out_printf(o->c->out, " app_limited");
	if (!i->tcpi_busy_time)
		return;
	out_printf(o->c->out, " busy:%llums", (unsigned long long)i->tcpi_busy_time / 1000);
	print_limited(o, "rwnd_limited", i->tcpi_rwnd_limited, i->tcpi_busy_time);
	print_limited(o, "sndbuf_limited", i->tcpi_sndbuf_limited, i->tcpi_busy_time);
}

/* The second line of `ss -i`: what the connection is doing. */
static void print_info(struct ss_options *o, struct tcb *t)
{
	struct tcp_info i;
	unsigned len = sizeof(i);

	if (tcp_prot.getsockopt(&t->sk, SOL_TCP, TCP_INFO, &i, &len))
		return;
	out_printf(o->c->out, "\t%s%s %s", i.tcpi_options & TCPI_OPT_TIMESTAMPS ? "ts " : "",
		   i.tcpi_options & TCPI_OPT_SACK ? "sack" : "", t->ca->name);
	if (i.tcpi_options & TCPI_OPT_WSCALE)
		out_printf(o->c->out, " wscale:%u,%u", i.tcpi_snd_wscale, i.tcpi_rcv_wscale);
	out_printf(o->c->out, " rto:%u rtt:%u.%03u/%u.%03u ato:%u mss:%u pmtu:%u advmss:%u cwnd:%u", i.tcpi_rto / 1000,
		   i.tcpi_rtt / 1000, i.tcpi_rtt % 1000, i.tcpi_rttvar / 1000, i.tcpi_rttvar % 1000, i.tcpi_ato / 1000,
		   i.tcpi_snd_mss, i.tcpi_pmtu, i.tcpi_advmss, i.tcpi_snd_cwnd);
	if (i.tcpi_snd_ssthresh < 0x7fffffff)
		out_printf(o->c->out, " ssthresh:%u", i.tcpi_snd_ssthresh);
	out_printf(o->c->out, " bytes_acked:%llu bytes_received:%llu segs_out:%u segs_in:%u data_segs_out:%u data_segs_in:%u",
		   (unsigned long long)i.tcpi_bytes_acked, (unsigned long long)i.tcpi_bytes_received, i.tcpi_segs_out,
		   i.tcpi_segs_in, i.tcpi_data_segs_out, i.tcpi_data_segs_in);
	print_rates(o, t, &i);
	print_delivery(o, &i);
	if (i.tcpi_unacked)
		out_printf(o->c->out, " unacked:%u", i.tcpi_unacked);
	if (i.tcpi_total_retrans)
		out_printf(o->c->out, " retrans:%u/%u", i.tcpi_retrans, i.tcpi_total_retrans);
	if (i.tcpi_lost)
		out_printf(o->c->out, " lost:%u", i.tcpi_lost);
	if (i.tcpi_reord_seen)
		out_printf(o->c->out, " reordering:%u reord_seen:%u", i.tcpi_reordering, i.tcpi_reord_seen);
	out_printf(o->c->out, " rcv_space:%u rcv_ssthresh:%u", i.tcpi_rcv_space, i.tcpi_rcv_ssthresh);
	if (i.tcpi_min_rtt != UINT32_MAX)
		out_printf(o->c->out, " minrtt:%u.%03u", i.tcpi_min_rtt / 1000, i.tcpi_min_rtt % 1000);
	out_printf(o->c->out, "\n");
}

static void print_tcb(struct ss_options *o, struct tcb *t)
{
	bool listen = t->sk.state == TCP_LISTEN;

	if (!o->all && listen != o->listening)
		return;
	if (listen)
		print_row(o, "tcp", "LISTEN", t->listener->accept_len, t->listener->backlog, &t->sk.saddr, t->sk.sport,
			  &t->sk.daddr, 0);
	else
		print_row(o, "tcp", ss_state(t->sk.state), (u32)seq_diff(t->rcv.nxt, t->rcv.copied),
			  (u32)seq_diff(t->snd.write, t->snd.una), &t->sk.saddr, t->sk.sport, &t->sk.daddr, t->sk.dport);
	if (o->info && !listen && is_asked_for(o, &t->sk.saddr))
		print_info(o, t);
}

static void print_tcp(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct ss_options *o = arg;

	if (t)
		print_tcb(o, t);
	else if (r && (o->all || !o->listening))
		print_row(o, "tcp", "SYN-RECV", 0, 0, &r->laddr, r->node.lport, &r->raddr, r->node.rport);
	else if (tw && (o->all || !o->listening))
		print_row(o, "tcp", "TIME-WAIT", 0, 0, &tw->laddr, tw->node.lport, &tw->raddr, tw->node.rport);
}

static void print_udp(struct ss_options *o, struct net_cpu *cpu)
{
	const struct sock *sk = NULL;

	while ((sk = udp_next(cpu, sk)))
		if (o->all || o->listening == !sk->dport)
			print_row(o, "udp", sk->dport ? "ESTAB" : "UNCONN", sk->rmem_alloc, sk->wmem_alloc, &sk->saddr,
				  sk->sport, &sk->daddr, sk->dport);
}

/* Tables belong to their CPUs. A service stands there once for each. */
static void print_cpu(struct console_call *c, void *arg)
{
	struct ss_options o = *(const struct ss_options *)arg;

	o.c = c;
	if (o.udp)
		print_udp(&o, c->cpu);
	if (o.tcp)
		tcp_for_each(c->cpu, print_tcp, &o);
}

int cmd_ss(struct console_call *c)
{
	struct ss_options o = { .c = c };
	int err = ss_parse(&o);

	if (err)
		return err;
	out_printf(c->out, "%-5s %-10s %-6s %-6s %24s %24s\n", "Netid", "State", "Recv-Q", "Send-Q", "Local Address:Port",
		   "Peer Address:Port");
	console_on_each_cpu(c, print_cpu, &o);
	return 0;
}
