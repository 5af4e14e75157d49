/* SPDX-License-Identifier: MIT
 * e1000_io.c - the 8254x's frames (SDM chapter 3): both directions, in NAPI's poll and in start_xmit().
 *
 * Receive: a buffer of the CPU's pool per descriptor; the status byte, written last by the device, says that it is done.
 * Transmit: data descriptors of the extended kind; a context descriptor before them when the checksum's place differs from
 * the last one's (the device keeps it, 3.3.5), and before each TSO frame. Only a stopped queue asks for interrupts of
 * completions; else poll, flush and a timer of a millisecond reap them.
 */
#include "drivers/e1000/e1000_impl.h"

#include "arch/x86_64/paging.h"
#include "net/core/gro.h"
#include "san/san.h"

#define ETH_HEADER_BYTES 14

/* ---- interrupt: acknowledge, mask, schedule ---- */

/* 13.4.17: reading the cause clears it. The line may be another function's. */
bool e1000_irq(void *arg)
{
	struct e1000 *e = arg;
	u32 cause = e1000_read(e, E1000_ICR);

	if (!cause)
		return false;
	if (e->down)
		return true;
	e->dev.rx[0].interrupts++;
	e1000_write(e, E1000_IMC, ~0u);
	if (cause & (E1000_INT_LSC | E1000_INT_RXO))
		e->attention = true;
	napi_schedule(&e->napi);
	return true;
}

/* Nothing more goes in or out until poll has reset the device. */
static __cold void halt(struct e1000 *e)
{
	if (e->down)
		return;
	e->down = e->broken = e->attention = true;
	netif_stop_queue(&e->dev.txq[0]);
	napi_schedule(&e->napi);
}

static void arm_timer(struct e1000 *e, u64 delay_ns)
{
	timer_arm(&e->cpu->wheel, &e->timer, e->cpu->now_ns + delay_ns);
}

void e1000_rings_reset(struct e1000 *e)
{
	memset((void *)e->rx.desc, 0, (e->rx.mask + 1u) * sizeof(struct e1000_rx_desc));
	memset((void *)e->tx.desc, 0, (e->tx.mask + 1u) * sizeof(union e1000_tx_desc));
	e->rx.clean = e->rx.use = e->rx.tail = 0;
	e->rx.skip = false;
	e->tx.clean = e->tx.use = e->tx.tail = 0;
	e->tx.nr_free = e->tx.mask; /* head == tail is an empty ring (3.4): never use all */
	e->tx.context = 0;
}

/* ---- receive ---- */

static u16 rx_posted(const struct e1000_rx_ring *rx)
{
	return (rx->use - rx->clean) & rx->mask;
}

void e1000_refill(struct e1000 *e)
{
	struct e1000_rx_ring *rx = &e->rx;

	while (rx_posted(rx) < rx->mask) {
		struct skb_buf *b = skb_buf_alloc(e->cpu);

		if (!b) {
			e->dev.rx[0].no_buf++;
			break;
		}
		rx->bufs[rx->use] = b;
		san_device_owns(skb_buf_room(b), SKB_BUF_ROOM);
		rx->desc[rx->use].addr = virt_to_phys(skb_buf_room(b) + E1000_RX_OFF);
		rx->desc[rx->use].status = 0;
		rx->use = (rx->use + 1) & rx->mask;
	}
	if (rx->tail == rx->use)
		return;
	rx->tail = rx->use;
	wmb();
	e1000_write(e, E1000_RDT, rx->tail);
	e->dev.rx[0].kicks++;
}

/* In batches; when buffers are so short that interrupts could stay away, the timer tries again. */
static void refill_batch(struct e1000 *e)
{
	if (e->rx.mask - rx_posted(&e->rx) < E1000_REFILL)
		return;
	e1000_refill(e);
	if (unlikely(rx_posted(&e->rx) < E1000_REFILL && !e->timer.armed))
		arm_timer(e, E1000_REAP_NS);
}

/* A frame that died before it was an skb. */
static __cold void lose(struct e1000 *e, struct skb_buf *b, enum drop_reason reason)
{
	e->dev.rx[0].dropped++;
	e->cpu->drops[reason]++;
	skb_buf_put(e->cpu, b);
}

static void receive(struct e1000 *e, struct skb_buf *b, u16 len, u8 status, u8 errors)
{
	struct dev_stats *stats = &e->dev.rx[0];
	bool summed = !(status & E1000_RXD_IXSM) && status & E1000_RXD_TCPCS && !(errors & E1000_RXE_TCPE);
	struct sk_buff *skb;

	if (unlikely(len < ETH_HEADER_BYTES || errors & E1000_RXE_FRAME)) {
		stats->errors++;
		lose(e, b, DROP_DEV_HDR);
		return;
	}
	stats->csum_good += summed;
	if (gro_wants(e->cpu, &e->dev, len) && gro_receive(e->cpu, &e->dev, 0, b, E1000_RX_OFF, len, summed))
		return;
	skb = build_skb(e->cpu, b, E1000_RX_OFF, len);
	if (unlikely(!skb)) {
		lose(e, b, DROP_NOMEM);
		return;
	}
	skb->dev = &e->dev;
	skb->queue_mapping = 0;
	if (summed)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	netif_receive_skb(e->cpu, skb);
}

/* Longer than a buffer: not asked for (RCTL.LPE is off), so each of its pieces is dropped and the frame counted once. */
static __cold void skip_piece(struct e1000 *e, struct skb_buf *b, bool last)
{
	if (!e->rx.skip) {
		e->dev.rx[0].errors++;
		lose(e, b, DROP_DEV_HDR);
	} else {
		skb_buf_put(e->cpu, b);
	}
	e->rx.skip = !last;
}

static int receive_batch(struct e1000 *e, int budget)
{
	struct e1000_rx_ring *rx = &e->rx;
	int work = 0;

	while (work < budget && rx->clean != rx->use) {
		volatile struct e1000_rx_desc *d = &rx->desc[rx->clean];
		struct skb_buf *b = rx->bufs[rx->clean];
		u8 status = d->status, errors;
		u16 len;

		if (!(status & E1000_RXD_DD))
			break;
		rmb();
		len = d->length;
		errors = d->errors;
		if (unlikely(len > E1000_RX_LEN)) {
			e->dev.rx[0].lies++;
			halt(e);
			break;
		}
		rx->bufs[rx->clean] = NULL;
		san_device_gave(skb_buf_room(b), SKB_BUF_ROOM);
		rx->clean = (rx->clean + 1) & rx->mask;
		work++;
		if (unlikely(rx->skip || !(status & E1000_RXD_EOP)))
			skip_piece(e, b, status & E1000_RXD_EOP);
		else
			receive(e, b, len, status, errors);
	}
	return work;
}

/* ---- transmit ---- */

/* Frees what the device has sent; wakes a queue that waits for room. Returns whether anything moved. */
static bool reap(struct e1000 *e)
{
	struct e1000_tx_ring *tx = &e->tx;
	struct netdev_queue *q = &e->dev.txq[0];
	bool moved = false;

	while (tx->clean != tx->tail) {
		struct e1000_tx_slot *slot = &tx->slots[tx->clean];
		u16 after = (slot->last + 1) & tx->mask;

		if (!(tx->desc[slot->last].data.status & E1000_TXD_DD))
			break;
		tx->nr_free += (after - tx->clean) & tx->mask;
		tx->clean = after;
		moved = true;
		consume_skb(e->cpu, slot->skb);
		slot->skb = NULL;
	}
	if (unlikely(q->stopped) && !e->down && tx->nr_free >= 2 * E1000_TX_FREE)
		netif_wake_queue(e->cpu, q);
	return moved;
}

static void put_context(struct e1000_tx_ring *tx, struct e1000_tx_context c)
{
	c.cmd_len |= E1000_TXD_DEXT | E1000_TXD_TYPE_CONTEXT;
	tx->desc[tx->use].context = c;
	tx->use = (tx->use + 1) & tx->mask;
	tx->nr_free--;
}

/* 3.3.6: where to sum from and where to put it; to the end of the frame (TUCSE 0). */
static void put_checksum_context(struct e1000_tx_ring *tx, const struct sk_buff *skb)
{
	unsigned start = skb->csum_start - skb_headroom(skb);
	u32 context = (u32)start << 16 | skb->csum_offset;

	if (context == tx->context)
		return;
	tx->context = context;
	put_context(tx, (struct e1000_tx_context){.tucss = (u8)start,
						  .tucso = (u8)(start + skb->csum_offset)});
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

static void put_frame(struct e1000_tx_ring *tx, struct sk_buff *skb)
{
	const u32 end = E1000_TXD_EOP | E1000_TXD_RS;
	u32 cmd = E1000_TXD_DEXT | E1000_TXD_TYPE_DATA | E1000_TXD_IFCS;
	struct e1000_tx_slot *slot = &tx->slots[tx->use];
	unsigned i, nr_frags = skb->nr_frags;
	u8 popts = 0;

	if (skb->gso_size) {
		put_tso_context(tx, skb);
		cmd |= E1000_TXD_TSE;
		popts = E1000_TXD_POPTS_TXSM | E1000_TXD_POPTS_IXSM;
	} else if (skb->ip_summed == CHECKSUM_PARTIAL) {
		put_checksum_context(tx, skb);
		popts = E1000_TXD_POPTS_TXSM;
	}
	put_part(tx, skb->data, skb_headlen(skb), cmd, popts, nr_frags ? 0 : end);
	for (i = 0; i < nr_frags; i++)
		put_part(tx, skb->frags[i].ptr, skb->frags[i].len, cmd, popts,
			 i + 1 < nr_frags ? 0 : end);
	slot->skb = skb;
	slot->last = (tx->use - 1) & tx->mask;
}

void e1000_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	struct e1000 *e = dev->priv;
	struct netdev_queue *q = &dev->txq[txq];

	if (unlikely(e->down)) {
		q->stats.dropped++;
		kfree_skb_reason(e->cpu, skb, DROP_FULL_RING);
		return;
	}
	put_frame(&e->tx, skb);
	if (likely(e->tx.nr_free >= E1000_TX_FREE))
		return;
	netif_stop_queue(q);
	e1000_write(e, E1000_IMS, E1000_INT_TXDW);
}

/* Emulators send within the write of TDT: what they have sent is freed at once, and needs no timer. */
void e1000_flush(struct net_device *dev, unsigned txq)
{
	struct e1000 *e = dev->priv;
	struct e1000_tx_ring *tx = &e->tx;

	if (unlikely(e->down) || tx->tail == tx->use)
		return;
	tx->tail = tx->use;
	wmb();
	e1000_write(e, E1000_TDT, tx->tail);
	dev->txq[txq].stats.kicks++;
	reap(e);
	if (tx->clean != tx->tail && !e->timer.armed) {
		tx->seen = tx->clean;
		tx->seen_ns = e->cpu->now_ns;
		arm_timer(e, (u64)dev->coalesce.tx_usecs * NSEC_PER_USEC);
	}
}

/* ---- what keeps the rings moving ---- */

static void check_hang(struct e1000 *e, u64 now_ns)
{
	struct e1000_tx_ring *tx = &e->tx;

	if (tx->clean == tx->tail || tx->seen != tx->clean || !e->dev.carrier) {
		tx->seen = tx->clean;
		tx->seen_ns = now_ns;
	} else if (now_ns - tx->seen_ns >= E1000_HANG_NS) {
		e->dev.txq[0].stats.requeued++;
		halt(e);
	}
}

void e1000_timer(struct timer *t, u64 now_ns)
{
	struct e1000 *e = container_of(t, struct e1000, timer);
	bool moved;

	if (e->down) { /* time for the next reset */
		e->attention = true;
		napi_schedule(&e->napi);
		return;
	}
	moved = reap(e);
	check_hang(e, now_ns);
	if (e->down)
		return;
	refill_batch(e);
	if (e->tx.clean != e->tx.tail && !e->timer.armed)
		arm_timer(e, moved ? E1000_REAP_NS : E1000_IDLE_NS);
}

void e1000_watchdog(struct net_device *dev, unsigned txq, u64 now_ns)
{
	struct e1000 *e = dev->priv;

	if (e->down)
		return;
	reap(e);
	check_hang(e, now_ns);
}

void e1000_reclaim(struct e1000 *e)
{
	unsigned i;

	for (i = 0; i <= e->rx.mask; i++) {
		if (e->rx.bufs[i])
			skb_buf_put(e->cpu, e->rx.bufs[i]);
		e->rx.bufs[i] = NULL;
	}
	for (i = 0; i <= e->tx.mask; i++) {
		if (!e->tx.slots[i].skb)
			continue;
		e->dev.txq[0].stats.dropped++;
		kfree_skb_reason(e->cpu, e->tx.slots[i].skb, DROP_FULL_RING);
		e->tx.slots[i].skb = NULL;
	}
	timer_cancel(&e->cpu->wheel, &e->timer);
}

/* ---- moderation: `ethtool -C` ---- */

/* 13.4.18: the least time between two interrupts. RDTR and RADV stay 0: with ITR the first frame of a burst interrupts at
 * once, and they would make it wait. */
static void set_itr(struct e1000 *e, u32 usecs)
{
	e1000_write(e, E1000_ITR, usecs * 1000 / E1000_ITR_UNIT_NS);
}

void e1000_retune(struct net_device *dev)
{
	struct e1000 *e = dev->priv;

	if (e->down)
		return;
	set_itr(e, dev->coalesce.adaptive_rx ? E1000_ITR_LEAST + dim_level(&e->dim).usecs : dev->coalesce.rx_usecs);
	e1000_write(e, E1000_RXCSUM, dev->features & NETIF_F_RXCSUM ? E1000_RXCSUM_IPOFL | E1000_RXCSUM_TUOFL : 0);
}

static __noinline void adapt(struct e1000 *e)
{
	const struct dev_stats *rx = &e->dev.rx[0];

	if (dim_update(&e->dim, e->cpu->now_ns, rx->packets, rx->bytes + e->dev.txq[0].stats.bytes))
		set_itr(e, E1000_ITR_LEAST + dim_level(&e->dim).usecs);
}

/* Unmasking needs no second look: causes that came while masked are kept in ICR, and raise the line at once. */
int e1000_poll(struct napi_struct *napi, int budget)
{
	struct e1000 *e = container_of(napi, struct e1000, napi);
	int work = 0;

	if (unlikely(e->attention))
		e1000_attend(e, e->cpu->now_ns);
	if (!e->down) {
		reap(e);
		work = receive_batch(e, budget);
		if (likely(!e->down))
			refill_batch(e);
	}
	if (work >= budget)
		return work;
	napi_complete(napi, work);
	if (unlikely(e->dev.coalesce.adaptive_rx) && work && !e->down)
		adapt(e);
	if (unlikely(e->attention))
		napi_schedule(napi);
	else if (!e->down)
		e1000_write(e, E1000_IMS,
			    e->dev.txq[0].stopped ? E1000_INT_ALWAYS | E1000_INT_TXDW
						  : E1000_INT_ALWAYS);
	return work;
}
