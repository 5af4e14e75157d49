/* SPDX-License-Identifier: MIT
 * e1000_io.c - the family's frames (SDM chapter 3): both directions, in NAPI's poll and in start_xmit().
 *
 * Receive: a buffer of the CPU's pool per descriptor; the status byte, written last by the device, says that it is done.
 * Transmit: data descriptors of the extended kind; a context descriptor before them when the checksum's place differs from
 * the last one's (the device keeps it, 3.3.5), and before each TSO frame. Only a stopped queue asks for interrupts of
 * completions; else poll, flush and a timer of a millisecond reap them.
 */
#include "drivers/e1000/e1000_impl.h"

#include "arch/x86_64/paging.h"
#include "net/core/gro.h"
#include "net/core/qdisc.h"
#include "net/core/shed.h"
#include "san/san.h"

#define ETH_HEADER_BYTES 14

/* ---- interrupt: acknowledge, mask, schedule ---- */

/* 13.4.17: reading the cause clears it. The line may be another function's. */
bool e1000_irq(void *arg)
{
	struct e1000 *e = arg;
	struct e1000_queue *q = &e->queues[0];
	u32 cause = e1000_read(e, E1000_ICR);

	if (!cause)
		return false;
	if (q->down)
		return true;
	q->dev->rx[0].interrupts++;
	e1000_write(e, E1000_IMC, ~0u);
	if (cause & (E1000_INT_LSC | E1000_INT_RXO))
		q->attention = true;
	napi_schedule(&q->napi);
	return true;
}

/* 82574 7.4.1: firing has cleared and masked the cause (EIAC, IAM). */
bool e1000_queue_irq(void *arg)
{
	struct e1000_queue *q = arg;

	if (q->down)
		return true;
	q->dev->rx[q->index].interrupts++;
	napi_schedule(&q->napi);
	return true;
}

/* Link changes, overruns. */
bool e1000_other_irq(void *arg)
{
	struct e1000_queue *first = &((struct e1000 *)arg)->queues[0];

	first->attention = true;
	napi_schedule(&first->napi);
	return true;
}

__cold void e1000_halt(struct e1000_queue *q)
{
	if (q->down)
		return;
	q->down = q->broken = true;
	netif_stop_queue(&q->dev->txq[q->index]);
	e1000_call(q);
}

static void arm_timer(struct e1000_queue *q, u64 delay_ns)
{
	timer_arm(&q->cpu->wheel, &q->timer, q->cpu->now_ns + delay_ns);
}

void e1000_rings_reset(struct e1000_queue *q)
{
	memset((void *)q->rx.desc, 0, (q->rx.mask + 1u) * sizeof(union e1000_rx_desc));
	memset((void *)q->tx.desc, 0, (q->tx.mask + 1u) * sizeof(union e1000_tx_desc));
	q->rx.clean = q->rx.use = q->rx.tail = 0;
	q->rx.skip = false;
	q->tx.clean = q->tx.use = q->tx.tail = 0;
	q->tx.nr_free = q->tx.mask; /* head == tail is an empty ring (3.4): never use all */
	q->tx.context = 0;
}

/* ---- receive ---- */

static u16 rx_posted(const struct e1000_rx_ring *rx)
{
	return (rx->use - rx->clean) & rx->mask;
}

/* Buffers for up to n descriptors from rx->use on, which do not go round; returns how many there were. */
static unsigned refill_run(struct e1000_queue *q, unsigned n)
{
	struct e1000_rx_ring *rx = &q->rx;
	volatile union e1000_rx_desc *d = &rx->desc[rx->use];
	struct skb_buf **b = &rx->bufs[rx->use], **end;

	n = skb_buf_alloc_bulk(q->cpu, b, n);
	for (end = b + n; b < end; b++, d++) {
		san_device_owns(skb_buf_room(*b), SKB_BUF_ROOM);
		d->addr = (*b)->dma + sizeof(**b) + E1000_RX_OFF;
		d->word = 0;
	}
	rx->use = (rx->use + n) & rx->mask;
	return n;
}

void e1000_refill(struct e1000_queue *q)
{
	struct e1000_rx_ring *rx = &q->rx;
	unsigned missing;

	while ((missing = rx->mask - rx_posted(rx))) {
		unsigned n = MIN(missing, rx->mask + 1u - rx->use);

		if (refill_run(q, n) < n) {
			q->dev->rx[q->index].no_buf++;
			break;
		}
	}
	if (rx->tail == rx->use)
		return;
	rx->tail = rx->use;
	wmb();
	mmio_write32(q->rdt, rx->tail);
	q->dev->rx[q->index].kicks++;
}

/* In batches; when buffers are so short that interrupts could stay away, the timer tries again. */
static void refill_batch(struct e1000_queue *q)
{
	if (q->rx.mask - rx_posted(&q->rx) < E1000_REFILL)
		return;
	e1000_refill(q);
	if (unlikely(rx_posted(&q->rx) < E1000_REFILL && !q->timer.armed))
		arm_timer(q, E1000_REAP_NS);
}

/* A frame that died before it was an skb. */
static __cold void lose(struct e1000_queue *q, struct skb_buf *b, enum drop_reason reason)
{
	q->dev->rx[q->index].dropped++;
	skb_buf_drop(q->cpu, b, reason);
}

/* What the device wrote behind the address is read at once: a half has the length, the other status and errors. Their places are
 * those of the kind of descriptor. */
static inline u16 rx_len(u64 word, bool ext) { return (u16)(ext ? word >> 32 : word); }
static inline u32 rx_status(u64 word, bool ext) { return (u32)(ext ? word : word >> 32); }
static inline u32 rx_bits(bool ext, u8 status, u8 errors) { return status | (u32)errors << (ext ? 24 : 8); }

static inline void receive(struct e1000_queue *q, struct skb_buf *b, unsigned len, bool summed)
{
	struct sk_buff *skb = build_skb(q->cpu, b, E1000_RX_OFF, len);

	if (unlikely(!skb)) {
		lose(q, b, DROP(NOMEM));
		return;
	}
	skb->dev = q->dev;
	skb->queue_mapping = q->index;
	if (summed)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	netif_receive_skb(q->cpu, skb);
}

/* Under overload: true: it is gone. */
static __noinline bool dies_early(struct e1000_queue *q, struct skb_buf *b, unsigned len)
{
	return sheds(q->cpu, q->dev, q->index, b, skb_buf_room(b) + E1000_RX_OFF, len);
}

/* GRO did not take it. Not inline: in the loop below nothing is kept in registers for it. */
static __noinline void receive_unmerged(struct e1000_queue *q, struct skb_buf *b, unsigned len, bool summed)
{
	receive(q, b, len, summed);
}

/* Too short, damaged, or longer than a buffer: what was not asked for (RCTL.LPE is off). Such a frame's pieces are dropped and it is
 * counted once. false: no device writes that. */
static __cold bool refuse(struct e1000_queue *q, struct skb_buf *b, unsigned len, bool last)
{
	if (len > E1000_RX_LEN) {
		q->dev->rx[q->index].lies++;
		e1000_halt(q);
		return false;
	}
	san_device_gave(skb_buf_room(b), SKB_BUF_ROOM);
	if (!q->rx.skip) {
		q->dev->rx[q->index].errors++;
		lose(q, b, DROP(DEV_HDR));
	} else {
		skb_buf_put(q->cpu, b);
	}
	q->rx.skip = !last;
	return true;
}

static inline void take_in(struct e1000_queue *q, struct skb_buf *b, unsigned len, bool summed)
{
	u8 *frame = skb_buf_room(b) + E1000_RX_OFF;

	if (gro_wants(q->cpu, q->dev, len)) {
		if (!gro_receive(q->cpu, q->dev, q->index, frame, len, summed))
			receive_unmerged(q, b, len, summed);
	} else if (may_be_bare(q->cpu, len) && netif_rcv_bare(q->cpu, q->dev, q->index, frame, len, summed)) {
		skb_buf_put(q->cpu, b);
	} else {
		receive(q, b, len, summed);
	}
}

static inline int receive_batch(struct e1000_queue *q, int budget, const bool ext)
{
	const u32 done = rx_bits(ext, E1000_RXD_DD, 0), end = rx_bits(ext, E1000_RXD_EOP, 0), bad = rx_bits(ext, 0, E1000_RXE_FRAME);
	const u32 sum = rx_bits(ext, E1000_RXD_TCPCS, 0), no_sum = rx_bits(ext, E1000_RXD_IXSM, E1000_RXE_TCPE | E1000_RXE_IPE);
	struct e1000_rx_ring *rx = &q->rx;
	unsigned at = rx->clean, most = MIN((unsigned)budget, (unsigned)rx_posted(rx)), left;

	for (left = most; left; left--, at = (at + 1) & rx->mask) {
		u64 word = rx->desc[at].word;
		struct skb_buf *b = rx->bufs[at];
		unsigned len = rx_len(word, ext);
		u32 status = rx_status(word, ext);
		bool summed = (status & (sum | no_sum)) == sum;

		rmb();
		if (unlikely((status & (done | end | bad)) != (done | end) || len - ETH_HEADER_BYTES > E1000_RX_LEN - ETH_HEADER_BYTES ||
			     rx->skip)) {
			bool further = rx->skip; /* a piece of a frame that was counted */

			if (!(status & done) || !refuse(q, b, len, status & end))
				break;
			if (further && ((rx->use - at - 1) & rx->mask) >= left)
				left++; /* it takes no turn from a frame: who stops before the ring's end has a full budget */
			else
				most -= further;
			continue;
		}
		san_device_gave(skb_buf_room(b), SKB_BUF_ROOM);
		if (unlikely(q->cpu->shedding) && dies_early(q, b, len))
			continue;
		if (summed)
			q->dev->rx[q->index].csum_good++;
		take_in(q, b, len, summed);
	}
	rx->clean = (u16)at;
	return (int)(most - left);
}

/* ---- transmit ---- */

/* Frees what the device has sent; wakes a queue that waits for room. Returns whether anything moved. */
static bool reap(struct e1000_queue *q)
{
	struct e1000_tx_ring *tx = &q->tx;
	struct netdev_queue *txq = &q->dev->txq[q->index];
	unsigned sent = 0;

	while (tx->clean != tx->tail) {
		struct e1000_tx_slot *slot = &tx->slots[tx->clean];
		u16 after = (slot->last + 1) & tx->mask;

		if (!(tx->desc[slot->last].data.status & E1000_TXD_DD))
			break;
		tx->nr_free += (after - tx->clean) & tx->mask;
		tx->clean = after;
		sent++;
		dev_frame_sent(q->cpu, slot->token);
		slot->token = NULL;
	}
	txq->stats.completed += sent;
	if (unlikely(txq->stopped) && !q->down && tx->nr_free >= 2 * E1000_TX_FREE)
		netif_wake_queue(q->cpu, txq);
	return sent;
}

static void put_context(struct e1000_tx_ring *tx, struct e1000_tx_context c)
{
	c.cmd_len |= E1000_TXD_DEXT | E1000_TXD_TYPE_CONTEXT;
	tx->desc[tx->use].context = c;
	tx->use = (tx->use + 1) & tx->mask;
	tx->nr_free--;
}

/* 3.3.6: where to sum from and where to put it; to the end of the frame (TUCSE 0). false: farther than the device counts, as behind
 * many extension headers of a frame that goes on. */
static __noinline bool change_checksum_context(struct e1000_tx_ring *tx, unsigned start, unsigned offset)
{
	if (start + offset > 0xff)
		return false;
	tx->context = (u32)start << 16 | offset;
	put_context(tx, (struct e1000_tx_context){.tucss = (u8)start, .tucso = (u8)(start + offset)});
	return true;
}

static inline bool put_checksum_context(struct e1000_tx_ring *tx, unsigned start, unsigned offset)
{
	return likely(((u32)start << 16 | offset) == tx->context) || change_checksum_context(tx, start, offset);
}

/* The device fills in lengths and both checksums of each segment: it wants the IP length and checksum zero, and the
 * pseudo header summed without a length (3.5.5). Returns the offset of the TCP header from the frame's start. */
static unsigned prepare_tso(struct sk_buff *skb)
{
	u8 *ip = skb->head + skb->network_header, *tcp = skb->head + skb->csum_start;
	unsigned start = skb->csum_start - skb_headroom(skb);
	u32 tcp_len = skb->len - start, sum;

	memset(ip + 2, 0, 2);
	memset(ip + 10, 0, 2);
	sum = (u32)tcp[skb->csum_offset] << 8 | tcp[skb->csum_offset + 1];
	sum += 0xffff ^ (tcp_len & 0xffff);
	sum += tcp_len >> 16 ? 0xfffe : 0;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	tcp[skb->csum_offset] = (u8)(sum >> 8);
	tcp[skb->csum_offset + 1] = (u8)sum;
	return start;
}

static void put_tso_context(struct e1000_tx_ring *tx, struct sk_buff *skb)
{
	unsigned start = prepare_tso(skb);
	unsigned ip = skb->network_header - skb_headroom(skb);
	/* RFC 9293 3.1: the TCP header's length, in words, is the upper half of its byte 12 */
	unsigned hdrlen = start + (skb->head[skb->csum_start + 12] >> 4) * 4u;

	tx->context = 0; /* an 82574L keeps one context for both (82574 7.2.5) */
	put_context(tx, (struct e1000_tx_context){
				.ipcss = (u8)ip,
				.ipcso = (u8)(ip + 10),
				.ipcse = (u16)(start - 1),
				.tucss = (u8)start,
				.tucso = (u8)(start + skb->csum_offset),
				.cmd_len = (skb->len - hdrlen) | E1000_TXD_TSE | E1000_TXD_TCP | E1000_TXD_IP,
				.hdrlen = (u8)hdrlen,
				.mss = skb->gso_size,
			});
}

static inline void put_data(struct e1000_tx_ring *tx, u64 addr, u32 cmd_len, u8 popts)
{
	volatile struct e1000_tx_data *d = &tx->desc[tx->use].data;

	d->addr = addr;
	d->cmd_len = cmd_len;
	*(volatile u32 *)&d->status = (u32)popts << 8; /* status 0, options, special 0 */
	tx->use = (tx->use + 1) & tx->mask;
	tx->nr_free--;
}

/* One part of a frame, in descriptors of at most E1000_TX_PIECE; `last` goes with the last of them. */
static inline void put_part(struct e1000_tx_ring *tx, const u8 *p, u32 len, u32 cmd, u8 popts,
			    u32 last)
{
	u64 addr = virt_to_phys(p);

	for (; unlikely(len > E1000_TX_PIECE); len -= E1000_TX_PIECE, addr += E1000_TX_PIECE)
		put_data(tx, addr, cmd | E1000_TX_PIECE, popts);
	put_data(tx, addr, cmd | last | len, popts);
}

static void put_frame(struct e1000_queue *q, struct sk_buff *skb)
{
	struct e1000_tx_ring *tx = &q->tx;
	u32 cmd = q->tx_cmd;
	const u32 end = E1000_TXD_EOP | E1000_TXD_RS;
	struct e1000_tx_slot *slot = &tx->slots[tx->use];
	unsigned i, nr_frags = skb->nr_frags;
	u8 popts = 0;

	if (skb->gso_size) {
		put_tso_context(tx, skb);
		cmd |= E1000_TXD_TSE;
		popts = E1000_TXD_POPTS_TXSM | E1000_TXD_POPTS_IXSM;
	} else if (skb->ip_summed == CHECKSUM_PARTIAL) {
		if (likely(put_checksum_context(tx, skb->csum_start - skb_headroom(skb), skb->csum_offset)))
			popts = E1000_TXD_POPTS_TXSM;
		else
			skb_checksum_help(q->cpu, skb);
	}
	put_part(tx, skb->data, skb_headlen(skb), cmd, popts, nr_frags ? 0 : end);
	for (i = 0; i < nr_frags; i++)
		put_part(tx, skb->frags[i].ptr, skb->frags[i].len, cmd, popts,
			 i + 1 < nr_frags ? 0 : end);
	slot->token = skb;
	slot->last = (tx->use - 1) & tx->mask;
}

static __noinline void stop_queue(struct e1000_queue *q, struct netdev_queue *nq)
{
	netif_stop_queue(nq);
	e1000_write(q->e, E1000_IMS, q->ims_tx);
}

void e1000_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	struct e1000_queue *q = &((struct e1000 *)dev->priv)->queues[txq];
	struct netdev_queue *nq = &dev->txq[txq];

	if (unlikely(q->down)) {
		nq->stats.dropped++;
		kfree_skb_reason(q->cpu, skb, DROP(FULL_RING));
		return;
	}
	put_frame(q, skb);
	if (unlikely(q->tx.nr_free < E1000_TX_FREE))
		stop_queue(q, nq);
}

void e1000_xmit_frame(struct net_device *dev, unsigned txq, struct skb_buf *buf, u8 *data, u32 len, u32 csum)
{
	struct e1000_queue *q = &((struct e1000 *)dev->priv)->queues[txq];
	struct e1000_tx_ring *tx = &q->tx;
	struct e1000_tx_slot *slot = &tx->slots[tx->use];

	keep_pointer(q);
	if (unlikely(q->down)) {
		dev->txq[txq].stats.dropped++;
		dev_frame_drop(q->cpu, dev_frame_token(buf), DROP(FULL_RING));
		return;
	}
	put_checksum_context(tx, csum & 0xffff, csum >> 16);
	put_data(tx, buf->dma + (u64)(data - (u8 *)buf), q->tx_cmd | E1000_TXD_EOP | E1000_TXD_RS | len, E1000_TXD_POPTS_TXSM);
	slot->token = dev_frame_token(buf);
	slot->last = (tx->use - 1) & tx->mask;
	if (unlikely(tx->nr_free < E1000_TX_FREE))
		stop_queue(q, &dev->txq[txq]);
}

/* Frames from `before` on were shown to the device. With none before them it begins to move, or not, now. */
static __noinline void await_completions(struct e1000_queue *q, u16 before)
{
	struct e1000_tx_ring *tx = &q->tx;

	if (tx->clean == before) {
		tx->seen = tx->clean;
		tx->seen_ns = q->cpu->now_ns;
	}
	if (!q->timer.armed)
		arm_timer(q, (u64)q->dev->coalesce.tx_usecs * NSEC_PER_USEC);
}

/* Emulators send within the write of TDT: what they have sent is freed at once, and needs no timer. */
void e1000_flush(struct net_device *dev, unsigned txq)
{
	struct e1000_queue *q = &((struct e1000 *)dev->priv)->queues[txq];
	struct e1000_tx_ring *tx = &q->tx;
	u16 before;

	if (unlikely(q->down) || tx->tail == tx->use)
		return;
	before = tx->tail;
	tx->tail = tx->use;
	wmb();
	mmio_write32(q->tdt, tx->tail);
	dev->txq[txq].stats.kicks++;
	reap(q);
	if (tx->clean != tx->tail)
		await_completions(q, before);
}

/* ---- what keeps the rings moving ---- */

static void check_hang(struct e1000_queue *q, u64 now_ns)
{
	struct e1000_tx_ring *tx = &q->tx;

	if (tx->clean == tx->tail || tx->seen != tx->clean || !q->dev->carrier) {
		tx->seen = tx->clean;
		tx->seen_ns = now_ns;
	} else if (now_ns - tx->seen_ns >= E1000_HANG_NS) {
		q->dev->txq[q->index].stats.requeued++;
		e1000_halt(q);
	}
}

void e1000_timer(struct timer *t, u64 now_ns)
{
	struct e1000_queue *q = container_of(t, struct e1000_queue, timer);
	bool moved;

	if (q->down) { /* time for the next reset */
		e1000_call(q);
		return;
	}
	if (q->held) { /* with frames or without: poll goes on */
		q->held = false;
		napi_schedule(&q->napi);
	}
	moved = reap(q);
	check_hang(q, now_ns);
	if (q->down)
		return;
	refill_batch(q);
	if (q->tx.clean != q->tx.tail && !q->timer.armed)
		arm_timer(q, moved ? E1000_REAP_NS : E1000_IDLE_NS);
}

void e1000_watchdog(struct net_device *dev, unsigned txq, u64 now_ns)
{
	struct e1000_queue *q = &((struct e1000 *)dev->priv)->queues[txq];

	if (q->down)
		return;
	reap(q);
	check_hang(q, now_ns);
}

void e1000_reclaim(struct e1000_queue *q)
{
	unsigned i;

	for (i = q->rx.clean; i != q->rx.use; i = (i + 1) & q->rx.mask)
		skb_buf_put(q->cpu, q->rx.bufs[i]);
	q->rx.use = q->rx.clean;
	for (i = 0; i <= q->tx.mask; i++) {
		if (!q->tx.slots[i].token)
			continue;
		q->dev->txq[q->index].stats.dropped++;
		dev_frame_drop(q->cpu, q->tx.slots[i].token, DROP(FULL_RING));
		q->tx.slots[i].token = NULL;
	}
	timer_cancel(&q->cpu->wheel, &q->timer);
}

/* ---- moderation: `ethtool -C` ---- */

/* 13.4.18, 82574 10.2.4.2: the least time between two interrupts: of the line, or of a queue's vector. */
static void set_itr(struct e1000_queue *q, u32 usecs)
{
	u32 reg = q->e->vectors ? E1000_EITR + 4u * q->index : E1000_ITR;

	e1000_write(q->e, reg, usecs * 1000 / E1000_ITR_UNIT_NS);
}

static u32 delay_units(u32 usecs) { return DIV_ROUND_UP(usecs * 1000, (u32)E1000_DELAY_UNIT_NS); }

/* In units of 1.024 us, of 16 bits, and rounded up: 0 means that there is none, or is not allowed (13.4.43). The timers that start with a frame (13.4.30, 13.4.31, 13.4.43, 13.4.44) are 0 until set: with
 * ITR the first frame of a burst interrupts at once, and they make it wait. */
static void set_delays(struct e1000_queue *q, const struct dev_coalesce *c)
{
	u32 at = q->index * E1000_QUEUE_STRIDE;

	e1000_write(q->e, E1000_RDTR + at, delay_units(c->rx_delay));
	e1000_write(q->e, E1000_RADV + at, delay_units(c->rx_abs_delay));
	e1000_write(q->e, E1000_TIDV + at, delay_units(c->tx_delay));
	e1000_write(q->e, E1000_TADV + at, delay_units(c->tx_abs_delay));
	q->tx_cmd = E1000_TXD_DEXT | E1000_TXD_TYPE_DATA | E1000_TXD_IFCS | (c->tx_delay ? E1000_TXD_IDE : 0);
}

void e1000_retune(struct net_device *dev)
{
	const struct dev_coalesce *c = &dev->coalesce;
	struct e1000 *e = dev->priv;
	u32 sums = dev->features & NETIF_F_RXCSUM ? E1000_RXCSUM_IPOFL | E1000_RXCSUM_TUOFL : 0;

	if (!e->running)
		return;
	for (unsigned i = 0; i < e->nr_queues; i++) {
		struct e1000_queue *q = &e->queues[i];

		set_itr(q, c->adaptive_rx ? E1000_ITR_LEAST + dim_level(&q->dim).usecs : c->rx_usecs);
		set_delays(q, c);
	}
	e1000_write(e, E1000_RXCSUM, sums | (e->nr_queues > 1 ? E1000_RXCSUM_PCSD : 0));
}

static __noinline void adapt(struct e1000_queue *q)
{
	const struct dev_stats *rx = &q->dev->rx[q->index];

	if (dim_update(&q->dim, q->cpu->now_ns, rx->packets, rx->bytes + q->dev->txq[q->index].stats.bytes))
		set_itr(q, E1000_ITR_LEAST + dim_level(&q->dim).usecs);
}

/* Nothing is taken until frames have left, of which the stopped queue's interrupt tells, or at the latest the timer. */
static __cold int leave_frames(struct e1000_queue *q)
{
	q->dev->rx[q->index].held++;
	q->held = true;
	if (!q->timer.armed)
		arm_timer(q, E1000_REAP_NS);
	napi_complete(&q->napi, 0);
	e1000_write(q->e, E1000_IMS, q->ims_tx);
	return 0;
}

/* Unmasking needs no second look: causes that came while masked are kept in ICR, and raise the interrupt at once. */
int e1000_poll(struct napi_struct *napi, int budget)
{
	struct e1000_queue *q = container_of(napi, struct e1000_queue, napi);
	int work = 0;

	if (unlikely(q->attention))
		e1000_attend(q->e, q->cpu->now_ns);
	if (!q->down) {
		reap(q);
		if (qdisc_is_behind(&q->dev->txq[q->index]) && !q->attention)
			return leave_frames(q);
		work = q->ext ? receive_batch(q, budget, true) : receive_batch(q, budget, false);
		if (likely(!q->down))
			refill_batch(q);
	}
	if (work >= budget)
		return work;
	napi_complete(napi, work);
	if (unlikely(q->dev->coalesce.adaptive_rx) && work && !q->down)
		adapt(q);
	if (unlikely(q->attention))
		napi_schedule(napi);
	else if (!q->down && likely(!napi->busy))
		e1000_write(q->e, E1000_IMS, q->dev->txq[q->index].stopped ? q->ims | q->ims_tx : q->ims);
	return work;
}
