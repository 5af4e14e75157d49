/* SPDX-License-Identifier: MIT
 * cmd_conntrack.c - `conntrack`: connections that the packet filter tracks, as conntrack-tools prints them.
 */
#include "console/commands.h"
#include "console/json.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/core/sock.h"
#include "net/netfilter/conntrack.h"
#include "net/wire/icmp.h"
#include "net/wire/icmpv6.h"

static const char *proto_name(u8 proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : proto == IPPROTO_ICMP ? "icmp" :
	       proto == IPPROTO_ICMPV6 ? "icmpv6" : "unknown";
}

static void print_tuple(struct console_out *out, const struct ct_tuple *t)
{
	char a[IP_NTOP_MAX], b[IP_NTOP_MAX];

	out_printf(out, "src=%s dst=%s ", ip_ntop(&t->src, a), ip_ntop(&t->dst, b));
	if (t->proto == IPPROTO_ICMP || t->proto == IPPROTO_ICMPV6)
		out_printf(out, "type=%u code=0 id=%u ", t->type, be16_get(t->sport));
	else if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP)
		out_printf(out, "sport=%u dport=%u ", be16_get(t->sport), be16_get(t->dport));
}

static void print_conn(void *arg, const struct nf_conn *ct)
{
	const struct ct_tuple *t = &ct->end[CT_ORIGINAL].tuple;
	u64 now = ct->cpu->now_ns;
	struct console_out *out = arg;

	out_printf(out, "%-8s %u %llu ", proto_name(t->proto), t->proto,
		   (unsigned long long)(ct->expires_ns > now ? (ct->expires_ns - now) / NSEC_PER_SEC : 0));
	if (t->proto == IPPROTO_TCP)
		out_printf(out, "%s ", ct_tcp_state_name(ct->tcp_state));
	print_tuple(out, t);
	if (!ct->seen_reply)
		out_printf(out, "[UNREPLIED] ");
	print_tuple(out, &ct->end[CT_REPLY].tuple);
	if (ct->assured)
		out_printf(out, "[ASSURED] ");
	out_printf(out, "mark=%u use=1\n", ct->mark);
}

static void tuple_json(struct json *j, const char *name, const struct ct_tuple *t)
{
	char text[IP_NTOP_MAX];

	json_open(j, name, '{');
	json_text(j, "src", ip_ntop(&t->src, text));
	json_text(j, "dst", ip_ntop(&t->dst, text));
	if (t->proto == IPPROTO_ICMP) {
		json_number(j, "type", t->type);
		json_number(j, "id", be16_get(t->sport));
	} else if (t->proto == IPPROTO_TCP || t->proto == IPPROTO_UDP) {
		json_number(j, "sport", be16_get(t->sport));
		json_number(j, "dport", be16_get(t->dport));
	}
	json_close(j, '}');
}

static void conn_json(void *arg, const struct nf_conn *ct)
{
	const struct ct_tuple *t = &ct->end[CT_ORIGINAL].tuple;
	u64 now = ct->cpu->now_ns;
	struct json *j = arg;

	json_open(j, NULL, '{');
	json_text(j, "protocol", proto_name(t->proto));
	json_number(j, "timeout", ct->expires_ns > now ? (ct->expires_ns - now) / NSEC_PER_SEC : 0);
	if (t->proto == IPPROTO_TCP)
		json_text(j, "state", ct_tcp_state_name(ct->tcp_state));
	tuple_json(j, "original", t);
	tuple_json(j, "reply", &ct->end[CT_REPLY].tuple);
	json_bool(j, "unreplied", !ct->seen_reply);
	json_bool(j, "assured", ct->assured);
	json_number(j, "mark", ct->mark);
	json_close(j, '}');
}

struct ct_list {
	u64 shown;
	bool json, comma; /* comma: a connection stands before */
};

static void list_cpu(struct console_call *c, void *arg)
{
	struct ct_list *l = arg;
	struct json j = { .out = c->out, .comma = l->comma };

	bh_disable(c->cpu);
	if (l->json)
		ct_for_each(c->cpu, conn_json, &j);
	else
		ct_for_each(c->cpu, print_conn, c->out);
	l->comma = j.comma;
	l->shown += ct_count(c->cpu);
	bh_enable(c->cpu);
}

/* Connections belong to their CPUs. */
static int list(struct console_call *c)
{
	struct ct_list l = { .json = console_take_word(c, "--json") };

	if (l.json)
		out_printf(c->out, "[");
	console_on_each_cpu(c, list_cpu, &l);
	if (l.json)
		out_printf(c->out, "]\n");
	else
		out_printf(c->out, "conntrack: %llu flow entries have been shown.\n", (unsigned long long)l.shown);
	return 0;
}

static int stats(struct console_call *c)
{
	struct net_cpu *cpu;
	unsigned i;

	for_each_cpu(c->cpu->net, cpu, i) {
		const struct ct_stats *s = ct_stats(cpu);

		out_printf(c->out, "cpu=%u \tfound=%llu invalid=%llu insert=%llu insert_failed=%llu drop=%llu early_drop=%llu\n",
			   i, (unsigned long long)s->found, (unsigned long long)s->invalid, (unsigned long long)s->insert,
			   (unsigned long long)s->insert_failed, (unsigned long long)s->drop,
			   (unsigned long long)s->early_drop);
	}
	return 0;
}

static int count(struct console_call *c)
{
	struct net_cpu *cpu;
	u64 sum = 0;
	unsigned i;

	for_each_cpu(c->cpu->net, cpu, i)
		sum += ct_count(cpu);
	out_printf(c->out, "%llu\n", (unsigned long long)sum);
	return 0;
}

static void flush_cpu(struct net_cpu *cpu, void *arg)
{
	bh_disable(cpu);
	ct_flush(cpu);
	bh_enable(cpu);
}

static int flush(struct console_call *c)
{
	if (!c->may_change)
		return console_refuse(c);
	net_on_each_cpu(c->cpu, flush_cpu, NULL);
	out_printf(c->out, "conntrack: connection tracking table has been emptied.\n");
	return 0;
}

int cmd_conntrack(struct console_call *c)
{
	static const struct {
		const char *option;
		int (*run)(struct console_call *c);
	} options[] = { { "-L", list }, { "-C", count }, { "-S", stats }, { "-F", flush } };

	bool json = c->argc == 3 && !strcmp(c->argv[1], "-L") && !strcmp(c->argv[2], "--json");

	if (c->argc != 2 && !json)
		return console_usage(c, c->argc > 2 ? c->argv[2] : NULL);
	for (unsigned i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(c->argv[1], options[i].option))
			return options[i].run(c);
	return console_usage(c, c->argv[1]);
}
