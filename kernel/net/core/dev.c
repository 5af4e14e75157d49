/* SPDX-License-Identifier: MIT
 * dev.c - how a frame gets from a driver into the stack and from the stack to a driver.
 *
 * Owns cpu->dev (the backlog and its NAPI, the counts of frames) and the list of queues that want a doorbell. The only
 * place that frees frames on the way in: every *_rcv() above returns a verdict, which is counted here. A tx queue belongs
 * to one CPU; a frame for another CPU's queue goes through that CPU's inbox, and so does one that came in and is of a flow
 * that another CPU owns (core/steer.h). Softirq, or base with softirq held off.
 */
#include "net/core/dev.h"
#include "lib/errno.h"
#include "net/core/gso.h"
#include "net/core/qdisc.h"
#include "net/core/steer.h"
#include "net/core/tap.h"

#define WATCHDOG_NS NSEC_PER_SEC

struct dev_cpu {
	u64 rx_frames, rx_done, rx_taken, rx_dropped; /* see struct net_balance */
	u64 rx_merged; /* of those taken: by GRO */
	struct sk_buff_head backlog;  /* from lo */
	struct sk_buff_head steered;  /* from other CPUs, behind their link header */
	struct napi_struct backlog_napi;
	struct timer watchdog; /* armed while something may be in a ring */
	struct net_cpu *cpu;
	bool sent;             /* since the watchdog last looked */
};

/* ---------------------------------------------------------------- in */

void netif_rx_verdict(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason verdict)
{
	struct dev_cpu *dc = cpu->dev;

	if (verdict == SKB_CONSUMED) {
		dc->rx_taken++;
	} else if (verdict == RX_OK) {
		dc->rx_done++;
		consume_skb(cpu, skb);
	} else {
		dc->rx_dropped++;
		kfree_skb_reason(cpu, skb, verdict);
	}
}

static inline enum drop_reason deliver(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct packet_type *p = net_packet_types; /* the first or second row is nearly always it */

	if (likely(p[0].type == skb->protocol))
		return p[0].rcv(cpu, skb);
	if (likely(p[1].type == skb->protocol))
		return p[1].rcv(cpu, skb);
	for (p += 2; p < net_packet_types + net_nr_packet_types; p++)
		if (p->type == skb->protocol)
			return p->rcv(cpu, skb);
	FLOW(cpu, LinkDropped);
	return DROP(UNHANDLED_PROTO);
}

enum drop_reason dev_rcv_frame(struct net_cpu *cpu, struct sk_buff *skb)
{
	enum drop_reason verdict = skb->dev->link->rcv(cpu, skb);

	if (likely(verdict == RX_OK))
		return deliver(cpu, skb);
	FLOW(cpu, LinkDropped);
	return verdict;
}

/* What came from another CPU waits for net_rx, under its budget. */
static void steered_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);
	struct dev_cpu *dc = cpu->dev;

	if (dc->steered.qlen >= (u64)cpu->sysctl.netdev_max_backlog) {
		cpu->softnet.dropped++;
		kfree_skb_reason(cpu, skb, DROP(CPU_BACKLOG));
		return;
	}
	cpu->softnet.received_rps++;
	skb_queue_tail(&dc->steered, skb);
	if (!dc->backlog_napi.scheduled)
		napi_schedule(&dc->backlog_napi);
}

/* The device is down, or there are several CPUs: the flow's owner goes on. Who goes on counts the frame as taken in. */
static __noinline void receive_steered(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct inbox_msg *msg = (struct inbox_msg *)skb->cb;
	enum drop_reason verdict = DROP(DEV_READY);
	unsigned owner = cpu->id;

	if (skb->dev->flags & IFF_UP)
		verdict = skb->dev->link->rcv(cpu, skb);
	if (verdict == RX_OK)
		owner = steer_frame(cpu, skb);
	if (owner == cpu->id) {
		cpu->dev->rx_frames++;
		if (verdict != RX_OK)
			FLOW(cpu, LinkDropped);
		netif_rx_verdict(cpu, skb, verdict == RX_OK ? deliver(cpu, skb) : verdict);
		return;
	}
	msg->fn = steered_rcv;
	if (!inbox_put(cpu, cpu->net->cpus[owner], msg)) {
		cpu->softnet.dropped++;
		kfree_skb_reason(cpu, skb, DROP(CPU_BACKLOG));
	}
}

static inline void receive(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct net_device *dev = skb->dev;
	enum drop_reason verdict;

	if (unlikely(!dev->rx_direct)) {
		receive_steered(cpu, skb);
		return;
	}
	cpu->dev->rx_frames++;
	verdict = dev->rcv_frame(cpu, skb);
	if (likely(verdict == SKB_CONSUMED))
		cpu->dev->rx_taken++;
	else
		netif_rx_verdict(cpu, skb, verdict);
}

/* Somebody looks. The last call of who asks, as in all hooks of the path: so nothing is saved across it while nobody does. */
static __noinline void receive_watched(struct net_cpu *cpu, struct sk_buff *skb)
{
	tap_run(cpu, skb, TAP_IN);
	receive(cpu, skb);
}

void netif_receive_skb(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct dev_stats *rx = &skb->dev->rx[skb->queue_mapping];

	rx->packets++;
	rx->bytes += skb->len;
	if (unlikely(watched(cpu, WATCH_ALL)))
		receive_watched(cpu, skb);
	else
		receive(cpu, skb);
}

bool netif_rcv_bare(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, const u8 *frame, unsigned len, bool vouched)
{
	struct dev_stats *rx = &dev->rx[rxq];

	if (unlikely(!dev->rx_direct || !dev->rcv_bare || watched(cpu, WATCH_ALL)) || !dev->rcv_bare(cpu, dev, frame, vouched)) {
		cpu->acks_expected = false;
		return false;
	}
	rx->packets++;
	rx->bytes += len;
	cpu->dev->rx_frames++;
	cpu->dev->rx_done++;
	return true;
}

void netif_rx_merged(struct net_cpu *cpu, const struct sk_buff *skb, unsigned frames, unsigned hdr_len)
{
	struct dev_stats *rx = &skb->dev->rx[skb->queue_mapping];

	cpu->dev->rx_frames += frames;
	cpu->dev->rx_taken += frames;
	cpu->dev->rx_merged += frames;
	rx->packets += frames;
	rx->bytes += (u64)frames * hdr_len; /* their payload is counted with skb */
	rx->gro_packets++;
	rx->gro_merged += frames;
}

void netif_rx_shed(struct net_cpu *cpu, struct net_device *dev, unsigned rxq, struct skb_buf *b, u32 len, enum drop_reason reason)
{
	struct dev_stats *rx = &dev->rx[rxq];

	rx->packets++;
	rx->bytes += len;
	cpu->dev->rx_frames++;
	cpu->dev->rx_dropped++;
	cpu->softnet.shed++;
	cpu->shed_seen = true;
	skb_buf_drop(cpu, b, reason);
}

void netif_rx(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct dev_cpu *dc = cpu->dev;

	if (dc->backlog.qlen >= (u64)cpu->sysctl.netdev_max_backlog) {
		cpu->softnet.dropped++;
		kfree_skb_reason(cpu, skb, DROP(CPU_BACKLOG));
		return;
	}
	skb_queue_tail(&dc->backlog, skb);
	if (!dc->backlog_napi.scheduled)
		napi_schedule(&dc->backlog_napi);
}

static int backlog_poll(struct napi_struct *napi, int budget)
{
	struct net_cpu *cpu = napi->cpu;
	struct sk_buff *skb;
	int work = 0;

	while (work < budget && (skb = skb_dequeue(&cpu->dev->steered))) {
		cpu->dev->rx_frames++;
		netif_rx_verdict(cpu, skb, deliver(cpu, skb));
		work++;
	}
	while (work < budget && (skb = skb_dequeue(&cpu->dev->backlog))) {
		netif_receive_skb(cpu, skb);
		work++;
	}
	if (work < budget)
		napi_complete(napi, work);
	return work;
}

/* ---------------------------------------------------------------- out */

void out_drop(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason reason)
{
	FLOW(cpu, OutDropped);
	kfree_skb_reason(cpu, skb, reason);
}

/* Noted until dev_stop_direct(), that it does. */
static __noinline bool lets_pass(const struct net_cpu *cpu, struct netdev_queue *txq)
{
	const struct net_device *dev = txq->dev;
	u32 gen = __atomic_load_n(&dev->way_gen, __ATOMIC_ACQUIRE); /* before what it stands for: a change meanwhile is seen next time */

	if (!(dev->ops->xmit_frame && dev->flags & IFF_UP && dev->carrier && dev->features & NETIF_F_HW_CSUM &&
	      txq->index == cpu->id && txq->cpu == cpu->id && dev->xps[cpu->id] == cpu->id))
		return false;
	txq->way_gen = gen;
	return true;
}

/* For the length of a burst; what changes it meanwhile says so. */
static inline bool is_direct(const struct net_cpu *cpu, struct netdev_queue *txq)
{
	return (likely(txq->way_gen == READ_ONCE(txq->dev->way_gen)) || lets_pass(cpu, txq)) && !txq->stopped &&
	       txq->qdisc->may_bypass && !txq->qdisc->qlen;
}

void dev_stop_direct(struct net_device *dev)
{
	__atomic_store_n(&dev->way_gen, dev->way_gen + 1 ?: 1, __ATOMIC_RELEASE);
	for (unsigned q = 0; q < dev->nr_txq; q++)
		dev->txq[q].direct = false;
}

static void mark_dirty(struct net_cpu *cpu, struct netdev_queue *txq, bool direct)
{
	struct dev_cpu *dc = cpu->dev;

	txq->dirty = true;
	txq->direct = direct;
	list_add_tail(&txq->dirty_link, &cpu->tx_dirty);
	if (!cpu->in_net_tx)
		raise_softirq(cpu, SOFTIRQ_NET_TX);
	dc->sent = true;
	if (unlikely(!dc->watchdog.armed))
		timer_arm(&cpu->wheel, &dc->watchdog, cpu->now_ns + WATCHDOG_NS);
}

struct netdev_queue *dev_begin_direct(struct net_cpu *cpu, struct netdev_queue *txq)
{
	if (txq->dirty || watched(cpu, WATCH_ALL) || !is_direct(cpu, txq))
		return NULL;
	mark_dirty(cpu, txq, true);
	return txq;
}

/* The first frame of a burst, or somebody looks. */
static __noinline void first_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	trace(cpu, TRACE_START_XMIT, skb);
	if (!txq->dirty)
		mark_dirty(cpu, txq, is_direct(cpu, txq));
	txq->dev->ops->start_xmit(txq->dev, txq->index, skb);
}

/* `looked`: somebody may look. */
static inline void hard_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb, bool looked)
{
	txq->stats.packets += skb->gso_segs ? skb->gso_segs : 1;
	txq->stats.bytes += skb->len;
	txq->need_flush = true;
	if (unlikely(!txq->dirty || (looked && watched(cpu, 1u << TRACE_START_XMIT))))
		first_xmit(cpu, txq, skb);
	else
		txq->dev->ops->start_xmit(txq->dev, txq->index, skb);
}

void dev_hard_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	hard_xmit(cpu, txq, skb, true);
}

void dev_frame_drop(struct net_cpu *cpu, void *token, enum drop_reason reason)
{
	struct skb_buf *b = dev_frame_buf(token);

	if (b)
		skb_buf_drop(cpu, b, reason);
	else
		kfree_skb_reason(cpu, token, reason);
}

static void xmit_segments(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb);

static __noinline void enqueue(struct net_cpu *cpu, struct qdisc *q, struct sk_buff *skb)
{
	if (skb->gso_size && q->splits_gso) {
		xmit_segments(cpu, q->txq, skb); /* which come here again, one by one */
		return;
	}
	trace(cpu, TRACE_ENQUEUE, skb);
	q->txq->enqueued++;
	q->txq->direct = false;
	q->ops->enqueue(cpu, q, skb);
	qdisc_run(cpu, q);
	if (unlikely(qdisc_is_half_full(q)))
		cpu->behind = q->txq;
}

static inline void queue_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb, bool looked)
{
	struct qdisc *q = txq->qdisc;

	if (likely(q->may_bypass && !q->qlen && !txq->stopped)) {
		q->bypassed++;
		hard_xmit(cpu, txq, skb, looked);
	} else {
		enqueue(cpu, q, skb);
	}
}

/* All bytes into the linear part, for a device that cannot gather; RX_OK, or why not. */
static enum drop_reason linearize(struct net_cpu *cpu, struct sk_buff *skb)
{
	STAT_ADD(cpu, CopyOutBytes, skb->data_len);
	return skb_may_pull(cpu, skb, skb->len) ? RX_OK : DROP(DEV_TX_FAIL);
}

/* What the device does not do is done here. Then the frame is as it will be on the wire. */
static void fit_and_xmit(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	u32 features = txq->dev->features;
	enum drop_reason reason = RX_OK;

	if (skb->ip_summed == CHECKSUM_PARTIAL && !(features & NETIF_F_HW_CSUM))
		skb_checksum_help(cpu, skb);
	if (skb->nr_frags && !(features & NETIF_F_SG))
		reason = linearize(cpu, skb);
	if (reason == RX_OK)
		queue_xmit(cpu, txq, skb, true);
	else
		out_drop(cpu, skb, reason);
}

static void xmit_segments(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	struct sk_buff_head segs;

	skb_queue_init(&segs);
	if (!skb_gso_segment(cpu, skb, &segs)) {
		out_drop(cpu, skb, DROP(NOMEM));
		return;
	}
	FLOW_ADD(cpu, OutSegments, segs.qlen - 1);
	consume_skb(cpu, skb);
	while ((skb = skb_dequeue(&segs)))
		fit_and_xmit(cpu, txq, skb);
}

/* What of NETIF_F_* the frame needs to go to the device as it is. */
static inline u32 features_needed(const struct sk_buff *skb)
{
	u32 f = 0;

	if (skb->nr_frags)
		f = NETIF_F_SG;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		f |= NETIF_F_HW_CSUM;
	if (unlikely(skb->gso_size))
		f |= (skb->gso_type & SKB_GSO_TCPV6 ? NETIF_F_TSO6 : NETIF_F_TSO) |
		     (skb->gso_type & SKB_GSO_TCP_ECN ? NETIF_F_TSO_ECN : 0);
	return f;
}

/* The device cannot do all. */
static __noinline void xmit_slow(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb, u32 lacks)
{
	if (lacks & (NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN))
		xmit_segments(cpu, txq, skb);
	else
		fit_and_xmit(cpu, txq, skb);
}

/* Somebody looks. */
static __noinline void xmit_watched(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	u32 lacks = features_needed(skb) & ~txq->dev->features;

	tap_run(cpu, skb, TAP_OUT);
	if (lacks)
		xmit_slow(cpu, txq, skb, lacks);
	else
		queue_xmit(cpu, txq, skb, true);
}

static inline void xmit_on(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb);

/* Through the queue that the sender's CPU has, if it is still in use. */
static void owner_xmit(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = steer_skb(msg);
	struct net_device *dev = skb->dev;

	FLOW(cpu, OutMovedIn);
	if (skb->queue_mapping < dev->real_num_tx_queues)
		xmit_on(cpu, &dev->txq[skb->queue_mapping], skb);
	else
		dev_queue_xmit(cpu, skb);
}

/* Counts are this CPU's: what somebody here still refers to, or answers for, is lent. What lo gets does not come back soon,
 * so it is copied, and the sock is let go. */
static struct sk_buff *skb_for_elsewhere(struct net_cpu *cpu, struct sk_buff *skb)
{
	bool shared = skb->buf->refs > 1 || skb->destructor;
	struct sk_buff *copy;

	for (unsigned i = 0; i < skb->nr_frags && !shared; i++)
		shared = skb->frags[i].buf && skb->frags[i].buf->refs > 1;
	if (!shared)
		return skb;
	copy = skb->dev->flags & IFF_LOOPBACK ? NULL : skb_lend(cpu, skb);
	if (copy)
		return copy;
	copy = skb_copy(cpu, skb);
	if (copy)
		consume_skb(cpu, skb);
	else
		out_drop(cpu, skb, DROP(NOMEM));
	return copy;
}

/* Another CPU owns the queue: one hop through its inbox. */
static __noinline void xmit_elsewhere(struct net_cpu *cpu, const struct netdev_queue *txq, struct sk_buff *skb)
{
	struct inbox_msg *msg;

	skb = skb_for_elsewhere(cpu, skb);
	if (!skb)
		return;
	msg = (struct inbox_msg *)skb->cb;
	msg->fn = owner_xmit;
	skb->queue_mapping = txq->index;
	if (inbox_put(cpu, cpu->net->cpus[txq->cpu], msg))
		FLOW(cpu, OutMovedOut);
	else
		out_drop(cpu, skb, DROP(CPU_BACKLOG));
}

static inline void xmit_on(struct net_cpu *cpu, struct netdev_queue *txq, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	u32 lacks = features_needed(skb) & ~dev->features;

	keep_pointer(txq);
	if (unlikely(!(dev->flags & IFF_UP) || !dev->carrier))
		out_drop(cpu, skb, DROP(DEV_READY));
	else if (unlikely(txq->cpu != cpu->id))
		xmit_elsewhere(cpu, txq, skb);
	else if (unlikely(watched(cpu, WATCH_ALL)))
		xmit_watched(cpu, txq, skb);
	else if (unlikely(lacks))
		xmit_slow(cpu, txq, skb, lacks);
	else
		queue_xmit(cpu, txq, skb, false);
}

void dev_queue_xmit(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;

	xmit_on(cpu, &dev->txq[dev->xps[cpu->id]], skb); /* XPS: a CPU has its queue */
}

void dev_flush(struct net_cpu *cpu)
{
	while (!list_empty(&cpu->tx_dirty)) {
		struct netdev_queue *txq = list_first(&cpu->tx_dirty, struct netdev_queue, dirty_link);

		if (txq->qdisc->qlen)
			qdisc_run(cpu, txq->qdisc);
		list_del(&txq->dirty_link);
		txq->dirty = txq->direct = false;
		if (txq->need_flush) {
			txq->need_flush = false;
			if (txq->dev->ops->flush)
				txq->dev->ops->flush(txq->dev, txq->index);
		}
	}
}

void netif_wake_queue(struct net_cpu *cpu, struct netdev_queue *q)
{
	if (!q->stopped)
		return;
	q->stopped = false;
	if (q->qdisc && q->qdisc->qlen && !q->dirty)
		mark_dirty(cpu, q, is_direct(cpu, q));
}

/* ---------------------------------------------------------------- watchdog */

/* Looks at the devices whose queues this CPU owns; true while one of them has work in hand. */
static bool watch_device(struct net_cpu *cpu, struct net_device *dev)
{
	bool busy = false;

	for (unsigned q = 0; q < dev->nr_txq; q++) {
		const struct netdev_queue *txq = &dev->txq[q];

		if (txq->cpu != cpu->id)
			continue;
		busy |= txq->stopped || (txq->qdisc && txq->qdisc->qlen);
		if (dev->ops->watchdog)
			dev->ops->watchdog(dev, q, cpu->now_ns);
	}
	return busy;
}

static void watchdog_fn(struct timer *t, u64 now_ns)
{
	struct dev_cpu *dc = container_of(t, struct dev_cpu, watchdog);
	struct net_cpu *cpu = dc->cpu;
	bool again = dc->sent;

	dc->sent = false;
	for (unsigned i = 0; i < cpu->net->nr_devs; i++) {
		struct net_device *dev = cpu->net->devs[i];

		if (dev && dev->flags & IFF_UP)
			again |= watch_device(cpu, dev);
	}
	if (again)
		timer_arm(&cpu->wheel, t, now_ns + WATCHDOG_NS);
}

/* ---------------------------------------------------------------- this room */

void dev_balance(struct net_cpu *cpu, struct net_balance *b)
{
	const struct net_device *dev;

	b->rx_frames += cpu->dev->rx_frames;
	b->rx_done += cpu->dev->rx_done;
	b->rx_taken += cpu->dev->rx_taken;
	b->rx_dropped += cpu->dev->rx_dropped;
	b->backlog += cpu->dev->backlog.qlen + cpu->dev->steered.qlen;
	b->terms[FLOW_Frames] += cpu->dev->rx_frames;
	b->terms[FLOW_LinkMerged] += cpu->dev->rx_merged;
	for (unsigned i = 0; i < cpu->nr_napi; i++) {
		dev = cpu->napi[i]->dev;
		if (dev && dev->ops->ring)
			b->terms[FLOW_RxRingTaken] += cpu->napi[i]->frames;
	}
	for (unsigned i = 0; i < cpu->net->nr_devs; i++) {
		dev = cpu->net->devs[i];
		for (unsigned q = 0; dev && q < dev->nr_txq; q++) {
			if (dev->txq[q].cpu != cpu->id)
				continue;
			qdisc_balance(&dev->txq[q], b->terms);
			if (dev->ops->ring)
				rings_balance(&dev->txq[q], b->terms);
		}
	}
}

int dev_cpu_init(struct net_cpu *cpu)
{
	struct dev_cpu *dc = kzalloc(sizeof(*dc));

	if (!dc)
		return -ENOMEM;
	dc->cpu = cpu;
	skb_queue_init(&dc->backlog);
	skb_queue_init(&dc->steered);
	timer_init(&dc->watchdog, watchdog_fn);
	netif_napi_add(cpu, NULL, &dc->backlog_napi, backlog_poll, 0);
	cpu->dev = dc;
	return 0;
}

void dev_cpu_destroy(struct net_cpu *cpu)
{
	if (!cpu->dev)
		return;
	timer_cancel(&cpu->wheel, &cpu->dev->watchdog);
	skb_queue_purge(cpu, &cpu->dev->backlog, DROP(DEV_READY));
	skb_queue_purge(cpu, &cpu->dev->steered, DROP(DEV_READY));
	kfree(cpu->dev);
	cpu->dev = NULL;
}
