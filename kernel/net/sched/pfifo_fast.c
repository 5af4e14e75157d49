/* SPDX-License-Identifier: MIT
 * pfifo_fast.c - three bands, the lowest number first; a packet's band comes from its type of service (RFC 1349), with
 * the default map of Linux: interactive traffic first, then the normal, then bulk. Limit: packets in all bands together.
 */
#include "net/sched/sched_impl.h"
#include "lib/printf.h"
#include "net/wire/ether.h"

#define BANDS 3

/* By the four TOS bits of the octet (delay 8, throughput 4, reliability 2, cost 1). */
static const u8 tos_band[16] = { 1, 1, 1, 1, 2, 2, 2, 2, 0, 0, 0, 0, 1, 1, 1, 1 };

struct pfifo_fast {
	struct sk_buff_head band[BANDS];
};

/* The TOS octet; frames that are not IP are ARP and the like: a normal packet's. */
static inline u8 tos_of(const struct sk_buff *skb)
{
	const u8 *ip = skb->head + skb->network_header;

	if (skb->network_header == SKB_NO_OFFSET || ip + 2 > skb->tail)
		return 0;
	if (skb->protocol == ETH_P_IP)
		return ip[1];
	if (skb->protocol == ETH_P_IPV6)
		return (u8)(ip[0] << 4 | ip[1] >> 4);
	return 0;
}

static int pfifo_fast_init(struct net_cpu *cpu, struct qdisc *q, const char *options)
{
	struct pfifo_fast *p = qdisc_priv(q);

	for (unsigned b = 0; b < BANDS; b++)
		skb_queue_init(&p->band[b]);
	return sched_parse_limit(q, options);
}

static void pfifo_fast_enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	struct pfifo_fast *p = qdisc_priv(q);

	if (q->qlen >= q->limit) {
		qdisc_drop(cpu, q, skb, DROP_QDISC_DROP);
		return;
	}
	skb_queue_tail(&p->band[tos_band[tos_of(skb) >> 1 & 15]], skb);
	qdisc_added(q, skb);
}

static struct sk_buff *pfifo_fast_dequeue(struct net_cpu *cpu, struct qdisc *q)
{
	struct pfifo_fast *p = qdisc_priv(q);
	struct sk_buff *skb;

	for (unsigned b = 0; b < BANDS; b++) {
		skb = skb_dequeue(&p->band[b]);
		if (skb) {
			qdisc_removed(q, skb);
			return skb;
		}
	}
	return NULL;
}

static void pfifo_fast_reset(struct net_cpu *cpu, struct qdisc *q)
{
	struct sk_buff *skb;

	while ((skb = pfifo_fast_dequeue(cpu, q)))
		qdisc_drop(cpu, q, skb, DROP_QDISC_DROP);
}

static int pfifo_fast_dump(struct qdisc *q, char *buf, size_t size)
{
	return scnprintf(buf, size, "bands %u limit %up", BANDS, q->limit);
}

const struct qdisc_ops pfifo_fast_qdisc = {
	.id = "pfifo_fast",
	.priv_size = sizeof(struct pfifo_fast),
	.init = pfifo_fast_init,
	.enqueue = pfifo_fast_enqueue,
	.dequeue = pfifo_fast_dequeue,
	.reset = pfifo_fast_reset,
	.dump = pfifo_fast_dump,
	.can_bypass = true,
};
