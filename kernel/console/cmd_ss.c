/* SPDX-License-Identifier: MIT
 * cmd_ss.c - `ss`: the sockets of every kind, printed as iproute2's ss prints them.
 */
#include "console/commands.h"
#include "console/json.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/frag.h"
#include "net/ipv4/udp.h"
#include "net/tcp/tcp.h"

struct ss_options {
	struct console_call *c;
	bool four, six, tcp, udp, listening, all, info, numeric, json, summary;
	bool comma; /* of JSON: a socket stands before */
};

/* What a row says. */
struct ss_row {
	const char *netid, *state;
	u32 recvq, sendq;
	const struct ip_addr *laddr, *raddr;
	u16 lport, rport;
};

static int ss_parse(struct ss_options *o)
{
	struct console_call *c = o->c;
	const char *p;
	int i;

	o->json = console_take_word(c, "--json");
	o->json |= console_take_word(c, "-j");
	for (i = 1; i < c->argc; i++) {
		if (c->argv[i][0] != '-' || !c->argv[i][1])
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
			case 's': o->summary = true; break;
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

static void row_json(const struct ss_row *r, struct json *j)
{
	char text[IP_NTOP_MAX];

	json_open(j, NULL, '{');
	json_text(j, "netid", r->netid);
	json_text(j, "state", r->state);
	json_number(j, "recv_q", r->recvq);
	json_number(j, "send_q", r->sendq);
	json_text(j, "local", ip_ntop(r->laddr, text));
	json_number(j, "local_port", r->lport);
	json_text(j, "peer", ip_ntop(r->raddr, text));
	json_number(j, "peer_port", r->rport);
}

/* As ss does, the kind is named where several are asked for. */
static void row_text(struct ss_options *o, const struct ss_row *r)
{
	struct console_out *out = o->c->out;

	if (o->tcp && o->udp)
		out_printf(out, "%-5s ", r->netid);
	out_printf(out, "%-10s %-6u %-6u ", r->state, r->recvq, r->sendq);
	print_end(out, r->laddr, r->lport, " ");
	print_end(out, r->raddr, r->rport, "\n");
}

static void info_text(struct ss_options *o, struct tcb *t, const struct tcp_info *i);
static void info_json(struct json *j, const struct tcb *t, const struct tcp_info *i);

/* t: whose tcp_info belongs to the row; NULL: nobody's. */
static void print_row(struct ss_options *o, const struct ss_row *r, struct tcb *t)
{
	struct json j = { .out = o->c->out, .comma = o->comma };
	struct tcp_info i;
	unsigned len = sizeof(i);

	if (!is_asked_for(o, r->laddr))
		return;
	if (t && (!o->info || tcp_prot.getsockopt(&t->sk, SOL_TCP, TCP_INFO, &i, &len)))
		t = NULL;
	if (!o->json) {
		row_text(o, r);
		if (t)
			info_text(o, t, &i);
		return;
	}
	row_json(r, &j);
	if (t)
		info_json(&j, t, &i);
	json_close(&j, '}');
	o->comma = true;
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

	if (t->tx && t->ca->info && t->ca->info(t, text, sizeof(text)))
		out_printf(o->c->out, " %s", text);
	if (i->tcpi_rtt)
		print_rate(o, " send ", (u64)i->tcpi_snd_mss * i->tcpi_snd_cwnd * 8 * 1000000 / i->tcpi_rtt);
	out_printf(o->c->out, " lastsnd:%u lastrcv:%u lastack:%u", i->tcpi_last_data_sent, i->tcpi_last_data_recv,
		   i->tcpi_last_ack_recv);
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

/* Segments and bytes, in the order of ss. */
static void print_volume(struct ss_options *o, const struct tcp_info *i)
{
	if (i->tcpi_bytes_sent)
		out_printf(o->c->out, " bytes_sent:%llu", (unsigned long long)i->tcpi_bytes_sent);
	if (i->tcpi_bytes_retrans)
		out_printf(o->c->out, " bytes_retrans:%llu", (unsigned long long)i->tcpi_bytes_retrans);
	out_printf(o->c->out, " bytes_acked:%llu bytes_received:%llu segs_out:%u segs_in:%u data_segs_out:%u data_segs_in:%u",
		   (unsigned long long)i->tcpi_bytes_acked, (unsigned long long)i->tcpi_bytes_received, i->tcpi_segs_out,
		   i->tcpi_segs_in, i->tcpi_data_segs_out, i->tcpi_data_segs_in);
}

/* What was lost and came twice, and the receiver's side. */
static void print_trouble(struct ss_options *o, const struct tcp_info *i)
{
	struct console_out *out = o->c->out;

	if (i->tcpi_unacked)
		out_printf(out, " unacked:%u", i->tcpi_unacked);
	if (i->tcpi_total_retrans)
		out_printf(out, " retrans:%u/%u", i->tcpi_retrans, i->tcpi_total_retrans);
	if (i->tcpi_lost)
		out_printf(out, " lost:%u", i->tcpi_lost);
	if (i->tcpi_sacked)
		out_printf(out, " sacked:%u", i->tcpi_sacked);
	if (i->tcpi_dsack_dups)
		out_printf(out, " dsack_dups:%u", i->tcpi_dsack_dups);
	if (i->tcpi_reord_seen)
		out_printf(out, " reordering:%u reord_seen:%u", i->tcpi_reordering, i->tcpi_reord_seen);
	if (i->tcpi_rcv_rtt)
		out_printf(out, " rcv_rtt:%u.%03u", i->tcpi_rcv_rtt / 1000, i->tcpi_rcv_rtt % 1000);
	out_printf(out, " rcv_space:%u rcv_ssthresh:%u", i->tcpi_rcv_space, i->tcpi_rcv_ssthresh);
	if (i->tcpi_min_rtt != UINT32_MAX)
		out_printf(out, " minrtt:%u.%03u", i->tcpi_min_rtt / 1000, i->tcpi_min_rtt % 1000);
	out_printf(out, " snd_wnd:%u\n", i->tcpi_snd_wnd);
}

/* The second line of `ss -i`: what the connection is doing. */
static void info_text(struct ss_options *o, struct tcb *t, const struct tcp_info *i)
{
	out_printf(o->c->out, "\t%s%s %s", i->tcpi_options & TCPI_OPT_TIMESTAMPS ? "ts " : "",
		   i->tcpi_options & TCPI_OPT_SACK ? "sack" : "", t->ca->name);
	if (i->tcpi_options & TCPI_OPT_WSCALE)
		out_printf(o->c->out, " wscale:%u,%u", i->tcpi_snd_wscale, i->tcpi_rcv_wscale);
	out_printf(o->c->out, " rto:%u rtt:%u.%03u/%u.%03u ato:%u mss:%u pmtu:%u rcvmss:%u advmss:%u cwnd:%u", i->tcpi_rto / 1000,
		   i->tcpi_rtt / 1000, i->tcpi_rtt % 1000, i->tcpi_rttvar / 1000, i->tcpi_rttvar % 1000, i->tcpi_ato / 1000,
		   i->tcpi_snd_mss, i->tcpi_pmtu, i->tcpi_rcv_mss, i->tcpi_advmss, i->tcpi_snd_cwnd);
	if (i->tcpi_snd_ssthresh < 0x7fffffff)
		out_printf(o->c->out, " ssthresh:%u", i->tcpi_snd_ssthresh);
	print_volume(o, i);
	print_rates(o, t, i);
	print_delivery(o, i);
	print_trouble(o, i);
}

/* The same as members; round trips are milliseconds, rates bits per second. */
static void info_json(struct json *j, const struct tcb *t, const struct tcp_info *i)
{
	const struct {
		const char *name;
		u64 value;
	} rows[] = {
		{ "mss", i->tcpi_snd_mss }, { "pmtu", i->tcpi_pmtu }, { "rcvmss", i->tcpi_rcv_mss },
		{ "advmss", i->tcpi_advmss }, { "cwnd", i->tcpi_snd_cwnd }, { "bytes_sent", i->tcpi_bytes_sent },
		{ "bytes_retrans", i->tcpi_bytes_retrans }, { "bytes_acked", i->tcpi_bytes_acked },
		{ "bytes_received", i->tcpi_bytes_received }, { "segs_out", i->tcpi_segs_out }, { "segs_in", i->tcpi_segs_in },
		{ "data_segs_out", i->tcpi_data_segs_out }, { "data_segs_in", i->tcpi_data_segs_in },
		{ "lastsnd", i->tcpi_last_data_sent }, { "lastrcv", i->tcpi_last_data_recv },
		{ "lastack", i->tcpi_last_ack_recv }, { "delivery_rate", i->tcpi_delivery_rate * 8 },
		{ "delivered", i->tcpi_delivered }, { "unacked", i->tcpi_unacked }, { "retrans", i->tcpi_total_retrans },
		{ "lost", i->tcpi_lost }, { "sacked", i->tcpi_sacked }, { "rcv_space", i->tcpi_rcv_space },
		{ "rcv_ssthresh", i->tcpi_rcv_ssthresh }, { "snd_wnd", i->tcpi_snd_wnd },
	};

	json_open(j, "tcp_info", '{');
	json_text(j, "ca", t->ca->name);
	json_number(j, "rto", i->tcpi_rto / 1000);
	json_thousandths(j, "rtt", i->tcpi_rtt);
	json_thousandths(j, "rttvar", i->tcpi_rttvar);
	if (i->tcpi_snd_ssthresh < 0x7fffffff)
		json_number(j, "ssthresh", i->tcpi_snd_ssthresh);
	if (i->tcpi_min_rtt != UINT32_MAX)
		json_thousandths(j, "minrtt", i->tcpi_min_rtt);
	for (unsigned k = 0; k < ARRAY_SIZE(rows); k++)
		json_number(j, rows[k].name, rows[k].value);
	json_close(j, '}');
}

static void print_tcb(struct ss_options *o, struct tcb *t)
{
	bool listen = t->sk.state == TCP_LISTEN;
	struct ss_row r = { .netid = "tcp", .state = ss_state(t->sk.state), .laddr = &t->sk.saddr, .lport = t->sk.sport,
			    .raddr = &t->sk.daddr, .rport = listen ? 0 : t->sk.dport };

	if (!o->all && listen != o->listening)
		return;
	r.recvq = listen ? t->listener->accept_len : (u32)seq_diff(t->rcv.nxt, t->rcv.copied);
	r.sendq = listen ? t->listener->backlog : (u32)seq_diff(t->snd.write, t->snd.una);
	print_row(o, &r, listen ? NULL : t);
}

static void print_tcp(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct ss_options *o = arg;

	if (t)
		print_tcb(o, t);
	else if (r && (o->all || !o->listening))
		print_row(o, &(struct ss_row){ .netid = "tcp", .state = "SYN-RECV", .laddr = &r->laddr, .lport = r->node.lport,
					       .raddr = &r->raddr, .rport = r->node.rport }, NULL);
	else if (tw && (o->all || !o->listening))
		print_row(o, &(struct ss_row){ .netid = "tcp", .state = "TIME-WAIT", .laddr = &tw->laddr,
					       .lport = tw->node.lport, .raddr = &tw->raddr, .rport = tw->node.rport }, NULL);
}

static void print_udp(struct ss_options *o, struct net_cpu *cpu)
{
	const struct sock *sk = NULL;

	while ((sk = udp_next(cpu, sk)))
		if (o->all || o->listening == !sk->dport)
			print_row(o, &(struct ss_row){ .netid = "udp", .state = sk->dport ? "ESTAB" : "UNCONN",
						       .recvq = sk->rmem_alloc, .sendq = sk->wmem_alloc, .laddr = &sk->saddr,
						       .lport = sk->sport, .raddr = &sk->daddr, .rport = sk->dport }, NULL);
}

/* Tables belong to their CPUs. A service stands there once for each. */
static void print_cpu(struct console_call *c, void *arg)
{
	struct ss_options *o = arg;

	o->c = c;
	if (o->udp)
		print_udp(o, c->cpu);
	if (o->tcp)
		tcp_for_each(c->cpu, print_tcp, o);
}

/* ---- ss -s ---- */
struct ss_sums {
	u32 udp[2], tcp[2], frag[2]; /* by family: IPv4 alone; IPv6, and both */
	u32 estab, orphaned, timewait, all;
};

static void count_tcp(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct ss_sums *s = arg;

	s->all++;
	if (t) {
		s->tcp[t->sk.family == AF_INET6]++;
		s->estab += t->sk.state == TCP_ESTABLISHED;
		s->orphaned += !t->sk.socket && t->sk.state != TCP_LISTEN;
	} else if (tw) {
		s->timewait++;
	} else {
		s->tcp[!ip_is_v4(&r->laddr)]++;
	}
}

static void count_cpu(struct console_call *c, void *arg)
{
	struct ss_sums *s = arg;
	const struct sock *sk = NULL;

	while ((sk = udp_next(c->cpu, sk)))
		s->udp[sk->family == AF_INET6]++;
	tcp_for_each(c->cpu, count_tcp, s);
	frag_count(c->cpu, s->frag);
}

static void print_transport(struct console_call *c, const char *name, u32 v4, u32 v6)
{
	out_printf(c->out, "%-9s %-9u %-9u %-9u\n", name, v4 + v6, v4, v6);
}

static int print_summary(struct console_call *c)
{
	struct ss_sums s = { .all = 0 };

	console_on_each_cpu(c, count_cpu, &s);
	out_printf(c->out, "Total: %u\nTCP:   %u (estab %u, closed %u, orphaned %u, timewait %u)\n\n",
		   s.udp[0] + s.udp[1] + s.tcp[0] + s.tcp[1], s.all, s.estab, s.timewait, s.orphaned, s.timewait);
	out_printf(c->out, "Transport Total     IP        IPv6\n");
	print_transport(c, "RAW", 0, 0);
	print_transport(c, "UDP", s.udp[0], s.udp[1]);
	print_transport(c, "TCP", s.tcp[0], s.tcp[1]);
	print_transport(c, "INET", s.udp[0] + s.tcp[0], s.udp[1] + s.tcp[1]);
	print_transport(c, "FRAG", s.frag[0], s.frag[1]);
	out_printf(c->out, "\n");
	return 0;
}

int cmd_ss(struct console_call *c)
{
	struct ss_options o = { .c = c };
	int err = ss_parse(&o);

	if (err)
		return err;
	if (o.summary)
		return print_summary(c);
	if (o.json)
		out_printf(c->out, "[");
	else
		out_printf(c->out, "%s%-10s %-6s %-6s %24s %24s\n", o.tcp && o.udp ? "Netid " : "", "State", "Recv-Q", "Send-Q",
			   "Local Address:Port", "Peer Address:Port");
	console_on_each_cpu(c, print_cpu, &o);
	if (o.json)
		out_printf(c->out, "]\n");
	return 0;
}
