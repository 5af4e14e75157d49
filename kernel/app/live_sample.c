/* SPDX-License-Identifier: MIT
 * live_sample.c - what a round of the live page asks every CPU, each about what it owns, one after the other.
 */
#include "app/live_impl.h"
#include "console/frame_text.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/tap.h"
#include "net/ipv4/udp.h"
#include "net/netfilter/conntrack.h"

#define LOSS_WEIGHT 1000 /* a byte sent again counts as so many, when connections are ranked */

struct round { /* one CPU's share */
	struct live_sample *s;
	struct net_cpu *cpu;
};

/* ---- connections ---- */

/* Into its place in the order of rank, the last one falling out when there is no room. */
static struct live_conn *place(struct live_sample *s, u64 rank)
{
	u32 at = s->nr_conns;

	while (at && s->conns[at - 1].rank < rank)
		at--;
	if (at == LIVE_CONNS)
		return NULL;
	if (s->nr_conns < LIVE_CONNS)
		s->nr_conns++;
	memmove(&s->conns[at + 1], &s->conns[at], (s->nr_conns - 1 - at) * sizeof(s->conns[0]));
	return &s->conns[at];
}

static void take_tcb(struct round *r, struct tcb *t)
{
	u32 recvq = (u32)seq_diff(t->rcv.nxt, t->rcv.copied), sendq = (u32)seq_diff(t->snd.write, t->snd.una);
	u64 again = t->tx ? t->tx->bytes_retrans : 0, rank = t->bytes_acked + t->bytes_received + again * LOSS_WEIGHT + 1;
	unsigned len = sizeof(struct tcp_info);
	struct live_conn *c;

	r->s->sums.tcp_recvq += recvq;
	r->s->sums.tcp_sendq += sendq;
	c = place(r->s, rank);
	if (!c)
		return;
	memset(c, 0, sizeof(*c));
	c->laddr = t->sk.saddr;
	c->raddr = t->sk.daddr;
	c->lport = t->sk.sport;
	c->rport = t->sk.dport;
	c->state = t->sk.state;
	c->cpu = (u8)r->cpu->id;
	c->recvq = recvq;
	c->sendq = sendq;
	c->ca = t->ca->name;
	c->rank = rank;
	tcp_prot.getsockopt(&t->sk, SOL_TCP, TCP_INFO, &c->info, &len);
}

static void take_conn(void *arg, struct tcb *t, struct tcp_request *rq, struct tcp_timewait *tw)
{
	struct round *r = arg;
	u8 state = t ? t->sk.state : rq ? TCP_SYN_RECEIVED : TCP_TIME_WAIT;

	if (state < ARRAY_SIZE(r->s->sums.tcp_state))
		r->s->sums.tcp_state[state]++;
	if (t && state != TCP_LISTEN)
		take_tcb(r, t);
}

static void take_udp(struct round *r)
{
	const struct sock *sk = NULL;

	while ((sk = udp_next(r->cpu, sk))) {
		r->s->sums.udp_socks++;
		r->s->sums.udp_recvq += sk->rmem_alloc;
	}
}

/* ---- disciplines ---- */

static void take_qdisc(struct live_sample *s, struct qdisc *q)
{
	struct netdev_queue *txq = q->txq;
	bool root = txq->qdisc == q;
	struct live_qdisc *d;

	if (s->nr_qdiscs == LIVE_QDISCS)
		return;
	d = &s->qdiscs[s->nr_qdiscs++];
	memset(d, 0, sizeof(*d)); /* rounds are compared as memory */
	*d = (struct live_qdisc){
		.dev = txq->dev, .id = q->ops->id, .handle = q->handle, .minor = q->minor, .queue = txq->index,
		.qlen = q->qlen, .backlog_bytes = q->backlog_bytes, .drops = q->drops, .overlimits = q->overlimits,
		.packets = root ? txq->stats.packets - q->sent_packets : q->packets,
		.bytes = root ? txq->stats.bytes - q->sent_bytes : q->bytes,
	};
	q->ops->dump(q, d->text, sizeof(d->text));
}

/* The roots of this CPU's queues, and what waits in their classes. */
static void take_qdiscs(struct round *r)
{
	struct net *net = r->cpu->net;
	struct qdisc **class;

	for (unsigned i = 0; i < net->nr_devs; i++) {
		struct net_device *dev = net->devs[i];

		for (unsigned q = 0; dev && dev->flags & IFF_UP && q < dev->nr_channels; q++) {
			struct qdisc *root = dev->txq[q].qdisc;

			if (dev->txq[q].cpu != r->cpu->id)
				continue;
			take_qdisc(r->s, root);
			for (u32 minor = 1; root->ops->leaf && (class = root->ops->leaf(root, minor)); minor++)
				take_qdisc(r->s, *class);
		}
	}
}

/* ---- the rest ---- */

static void take_filter(struct round *r)
{
	const struct ct_stats *ct = ct_stats(r->cpu);
	struct live_sums *sums = &r->s->sums;

	for (unsigned h = 0; h < NR_NF_HOOKS; h++) {
		sums->nf_fns[h] += r->cpu->nf->nr[h];
		sums->nf_calls[h] += r->cpu->nf->calls[h];
		sums->nf_drops[h] += r->cpu->nf->verdict_drop[h];
	}
	sums->ct_count += ct_count(r->cpu);
	if (!ct)
		return;
	sums->ct.found += ct->found;
	sums->ct.invalid += ct->invalid;
	sums->ct.insert += ct->insert;
	sums->ct.insert_failed += ct->insert_failed;
	sums->ct.drop += ct->drop;
	sums->ct.early_drop += ct->early_drop;
	sums->ct.deleted += ct->deleted;
	sums->ct.flow += ct->flow;
}

static void take_drops(struct round *r)
{
	for (unsigned i = 1; i < DROP_MAX; i++) {
		const struct drop_frame *f = &r->cpu->last_drops[i];

		if (f->time_ns > r->s->drops[i].time_ns)
			r->s->drops[i] = *f;
	}
}

static void collect_on(struct net_cpu *cpu, void *arg)
{
	struct round r = { .s = arg, .cpu = cpu };

	bh_disable(cpu);
	net_balance_add(cpu, &r.s->sums.balance);
	tcp_for_each(cpu, take_conn, &r);
	take_udp(&r);
	take_qdiscs(&r);
	take_filter(&r);
	r.s->sums.taps += cpu->tap->nr;
	if (cpu->last_drops)
		take_drops(&r);
	bh_enable(cpu);
}

int live_collect(struct net_cpu *cpu, struct live_sample *s)
{
	s->time_ns = clock_ns();
	s->nr = s->nr_conns = s->nr_qdiscs = 0;
	memset(s->drops, 0, sizeof(s->drops));
	s->sums = (struct live_sums){ .taps = 0 };
	return net_on_each_cpu(cpu, collect_on, s);
}

/* ---- texts ---- */

const char *live_state(u8 state)
{
	static const char *const names[] = {
		[TCP_ESTABLISHED] = "ESTAB", [TCP_SYN_SENT] = "SYN-SENT", [TCP_SYN_RECEIVED] = "SYN-RECV",
		[TCP_FIN_WAIT_1] = "FIN-WAIT-1", [TCP_FIN_WAIT_2] = "FIN-WAIT-2", [TCP_TIME_WAIT] = "TIME-WAIT",
		[TCP_CLOSE] = "UNCONN", [TCP_CLOSE_WAIT] = "CLOSE-WAIT", [TCP_LAST_ACK] = "LAST-ACK",
		[TCP_LISTEN] = "LISTEN", [TCP_CLOSING] = "CLOSING",
	};

	return state < ARRAY_SIZE(names) && names[state] ? names[state] : "UNKNOWN";
}

const char *live_end(const struct ip_addr *a, u16 port, char out[LIVE_END_MAX])
{
	char text[IP_NTOP_MAX];

	snprintf(out, LIVE_END_MAX, ip_is_v4(a) ? "%s:%u" : "[%s]:%u", ip_ntop(a, text), port);
	return out;
}

void live_drop_text(const struct drop_frame *f, char *out, size_t size)
{
	char where[DROP_WHERE_MAX];
	size_t n = 0;

	out[0] = '\0';
	if (f->place)
		n = (size_t)scnprintf(out, size, "at %s: ", drop_where(f->place, where));
	if (f->caplen)
		frame_bytes_text(f->data, f->caplen, f->len, f->raw, out + n, size - n);
}
