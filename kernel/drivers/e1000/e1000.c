/* SPDX-License-Identifier: MIT
 * e1000.c - Intel 8254x and 82574L gigabit controllers: initialisation (SDM 14.3 to 14.5), open and stop, link, recovery, settings.
 *
 * open() resets the device and writes every register it needs; so does the recovery of a device that lied about a length or
 * stopped sending, at most once in E1000_RETRY_NS. Where there are two queues each CPU leaves and enters its own (e1000_mq.c).
 */
#include "drivers/e1000/e1000.h"
#include "drivers/e1000/e1000_impl.h"

#include "arch/x86_64/paging.h"
#include "core/irq.h"
#include "lib/errno.h"
#include "net/core/steer.h"
#include "platform.h"

#define ETH_MTU		 1500
#define IPV4_MIN_MTU	 68 /* RFC 791 */

/* ---- registers: 14.3 general, 14.4 receive, 14.5 transmit ---- */

static void init_general(struct e1000 *e)
{
	const u8 *mac = e->dev.addr;
	u32 ctrl = e1000_read(e, E1000_CTRL);
	unsigned i;

	ctrl &= ~(E1000_CTRL_LRST | E1000_CTRL_ILOS | E1000_CTRL_PHY_RST | E1000_CTRL_VME);
	e1000_write(e, E1000_CTRL, ctrl | E1000_CTRL_SLU | E1000_CTRL_ASDE);
	e1000_write(e, E1000_FCAL, 0);
	e1000_write(e, E1000_FCAH, 0);
	e1000_write(e, E1000_FCT, 0);
	e1000_write(e, E1000_FCTTV, 0);
	e1000_write(e, E1000_RAL0,
		    mac[0] | (u32)mac[1] << 8 | (u32)mac[2] << 16 | (u32)mac[3] << 24);
	e1000_write(e, E1000_RAH0, mac[4] | (u32)mac[5] << 8 | E1000_RAH_AV);
	for (i = 0; i < E1000_MTA_WORDS; i++)
		e1000_write(e, E1000_MTA + 4 * i, 0);
}

static void init_rx_ring(struct e1000_queue *q)
{
	u64 ring = virt_to_phys(q->rx.desc);
	u32 at = q->index * E1000_QUEUE_STRIDE;

	e1000_write(q->e, E1000_RDBAL + at, (u32)ring);
	e1000_write(q->e, E1000_RDBAH + at, (u32)(ring >> 32));
	e1000_write(q->e, E1000_RDLEN + at, (q->rx.mask + 1u) * (u32)sizeof(union e1000_rx_desc));
	e1000_write(q->e, E1000_RDH + at, 0);
	e1000_write(q->e, E1000_RDT + at, 0);
}

static void init_tx_ring(struct e1000_queue *q)
{
	u64 ring = virt_to_phys(q->tx.desc);
	u32 at = q->index * E1000_QUEUE_STRIDE;

	e1000_write(q->e, E1000_TDBAL + at, (u32)ring);
	e1000_write(q->e, E1000_TDBAH + at, (u32)(ring >> 32));
	e1000_write(q->e, E1000_TDLEN + at, (q->tx.mask + 1u) * (u32)sizeof(union e1000_tx_desc));
	e1000_write(q->e, E1000_TDH + at, 0);
	e1000_write(q->e, E1000_TDT + at, 0);
}

/* All multicast is let in: the stack above knows its groups. QEMU holds back what arrives in the first second after each
 * write of RCTL, so that it is written once, here. */
static void init_receive(struct e1000 *e)
{
	u32 promisc = e->dev.flags & IFF_PROMISC ? E1000_RCTL_UPE : 0;

	for (unsigned i = 0; i < e->nr_queues; i++)
		init_rx_ring(&e->queues[i]);
	e1000_write(e, E1000_RCTL,
		    E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_MPE | E1000_RCTL_SECRC |
			    E1000_RCTL_BSIZE_2048 | promisc);
}

static void init_transmit(struct e1000 *e)
{
	for (unsigned i = 0; i < e->nr_queues; i++)
		init_tx_ring(&e->queues[i]);
	e1000_write(e, E1000_TIPG, E1000_TIPG_COPPER);
	e1000_write(e, E1000_TCTL,
		    E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_RTLC |
			    0x0fu << E1000_TCTL_CT_SHIFT | 0x40u << E1000_TCTL_COLD_SHIFT);
}

static void update_carrier(struct e1000 *e)
{
	u32 status = e1000_read(e, E1000_STATUS);

	e->dev.speed_mbit = status & E1000_STATUS_SPEED_1000  ? 1000
			    : status & E1000_STATUS_SPEED_100 ? 100
							      : 10;
	if (status & E1000_STATUS_LU)
		netif_carrier_on(&e->dev);
	else
		netif_carrier_off(&e->dev);
}

/* ---- up and down ---- */

void e1000_enter(struct e1000_queue *q)
{
	q->left = q->broken = q->down = false;
	e1000_refill(q);
	e1000_write(q->e, E1000_IMS, q->ims);
	netif_wake_queue(q->cpu, &q->dev->txq[q->index]);
}

void e1000_leave(struct e1000_queue *q)
{
	struct netdev_queue *txq = &q->dev->txq[q->index];

	q->down = true;
	if (!txq->stopped)
		netif_stop_queue(txq); /* what is sent meanwhile waits in the discipline */
	e1000_reclaim(q);
	__atomic_store_n(&q->left, true, __ATOMIC_RELEASE);
}

/* With vectors, link changes and overruns have one of their own. */
static void unmask_rest(struct e1000 *e)
{
	if (e->vectors)
		e1000_write(e, E1000_IMS, E1000_INT_OTHER | E1000_INT_LSC);
}

static int start(struct e1000 *e)
{
	int err;

	pci_enable(e->pdev);
	err = e1000_hw_reset(e);
	if (err)
		return err;
	for (unsigned i = 0; i < e->nr_queues; i++)
		e1000_rings_reset(&e->queues[i]);
	init_general(e);
	e1000_init_82574(e);
	e->running = true;
	e1000_retune(&e->dev);
	init_receive(e);
	init_transmit(e);
	e1000_enter_all(e);
	unmask_rest(e);
	update_carrier(e);
	return 0;
}

static void cut(struct e1000 *e)
{
	log_err("%s: the device does not reset: cut off", e->dev.name);
	e->dead = true;
	netif_carrier_off(&e->dev);
}

/* No DMA afterwards: the device is in reset, or off the bus. True: no CPU uses a ring any more; else attention is called when that
 * is so. */
static bool quiesce(struct e1000 *e)
{
	e->running = false;
	if (!e->dead && !e->quieting && e1000_hw_reset(e) < 0)
		cut(e);
	e->quieting = !e1000_leave_all(e);
	return !e->quieting;
}

static int e1000_open(struct net_device *dev)
{
	struct e1000 *e = dev->priv;
	int err = e->dead ? -EIO : start(e);

	e->open = !err;
	return err;
}

static void e1000_stop(struct net_device *dev)
{
	struct e1000 *e = dev->priv;

	e->open = false;
	quiesce(e);
	netif_carrier_off(dev);
}

static bool is_broken(const struct e1000 *e)
{
	bool broken = false;

	for (unsigned i = 0; i < e->nr_queues; i++)
		broken |= !e1000_is_ordered(&e->queues[i]) && READ_ONCE(e->queues[i].down);
	return broken;
}

static void restart(struct e1000 *e)
{
	log_warn("%s: resetting the device", e->dev.name);
	if (start(e) < 0) {
		cut(e);
		return;
	}
	for (unsigned i = 0; i < e->nr_queues; i++)
		e->dev.rx[i].resets++;
}

/* A device that is gone from the bus reads as all ones, which no STATUS is: its reset will not end, and that cuts it off.
 * What the vector of the rest stands for is acknowledged before the look, so that a change after it interrupts again. */
static void look(struct e1000 *e)
{
	u32 missed;

	if (e1000_read(e, E1000_STATUS) == E1000_ALL_ONES) {
		e->dev.rx[0].lies++;
		e1000_halt(&e->queues[0]);
		return;
	}
	if (e->vectors)
		e1000_write(e, E1000_ICR, E1000_INT_REST);
	missed = e1000_read(e, E1000_MPC);
	e->dev.rx[0].dropped += missed;
	e->dev.rx[0].missed += missed;
	update_carrier(e);
	unmask_rest(e);
}

static void resize(struct e1000 *e);

void e1000_attend(struct e1000 *e, u64 now_ns)
{
	struct e1000_queue *first = &e->queues[0];

	first->attention = false;
	if (!e->open || e->dead)
		return;
	if (!e->quieting && !e->renew && !is_broken(e)) {
		look(e);
		return;
	}
	if (!quiesce(e)) {
		timer_arm(&first->cpu->wheel, &first->timer, now_ns + E1000_REAP_NS); /* look again, whoever forgets to call */
		return;
	}
	if (!e->dead && (e->renew || now_ns >= e->retry_ns)) {
		if (!e->renew)
			e->retry_ns = now_ns + E1000_RETRY_NS;
		resize(e);
		restart(e);
	}
	if (!e->dead && first->down)
		timer_arm(&first->cpu->wheel, &first->timer, e->retry_ns);
}

/* ---- what `ethtool` asks for ---- */

static void e1000_reset(struct net_device *dev)
{
	struct e1000 *e = dev->priv;

	if (!e->open || e->dead)
		return;
	e->renew = true;
	e1000_attend(e, e->queues[0].cpu->now_ns);
}

/* Slots with blocks of pages: larger than what kmalloc() has. */
static u8 order_for(size_t bytes)
{
	u8 order = 0;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	return order;
}

static u8 desc_order(u32 n) { return order_for(n * sizeof(union e1000_tx_desc)); }
static u8 slot_order(u32 n) { return order_for(n * sizeof(struct e1000_tx_slot)); }

static void free_rings(struct e1000_rx_ring *rx, struct e1000_tx_ring *tx)
{
	u32 nr_rx = rx->mask + 1u, nr_tx = tx->mask + 1u;

	if (rx->desc)
		pages_free((void *)rx->desc, desc_order(nr_rx));
	if (rx->bufs)
		pages_free(rx->bufs, slot_order(nr_rx));
	if (tx->desc)
		pages_free((void *)tx->desc, desc_order(nr_tx));
	if (tx->slots)
		pages_free(tx->slots, slot_order(nr_tx));
}

static int alloc_rings(struct e1000_rx_ring *rx, struct e1000_tx_ring *tx, struct dev_rings n)
{
	*rx = (struct e1000_rx_ring){ .mask = (u16)(n.rx - 1), .desc = pages_alloc(desc_order(n.rx)), .bufs = pages_alloc(slot_order(n.rx)) };
	*tx = (struct e1000_tx_ring){ .mask = (u16)(n.tx - 1), .desc = pages_alloc(desc_order(n.tx)), .slots = pages_alloc(slot_order(n.tx)) };
	if (!rx->desc || !rx->bufs || !tx->desc || !tx->slots) {
		free_rings(rx, tx);
		*rx = (struct e1000_rx_ring){0};
		*tx = (struct e1000_tx_ring){0};
		return -ENOMEM;
	}
	memset(rx->bufs, 0, n.rx * sizeof(*rx->bufs));
	memset(tx->slots, 0, n.tx * sizeof(*tx->slots));
	return 0;
}

static bool resize_queue(struct e1000_queue *q, struct dev_rings n)
{
	struct e1000_rx_ring rx;
	struct e1000_tx_ring tx;

	if (q->rx.mask + 1u == n.rx && q->tx.mask + 1u == n.tx)
		return true;
	if (alloc_rings(&rx, &tx, n) < 0)
		return false;
	free_rings(&q->rx, &q->tx);
	q->rx = rx;
	q->tx = tx;
	return true;
}

/* Nobody uses a ring: those of other sizes than wanted are made anew, as they were where there is no memory. */
static void resize(struct e1000 *e)
{
	bool done = true;

	e->renew = false;
	for (unsigned i = 0; i < e->nr_queues; i++)
		done &= resize_queue(&e->queues[i], e->want);
	if (!done)
		log_warn("%s: no memory for rings of %u and %u", e->dev.name, e->want.rx, e->want.tx);
	e->dev.rings = (struct dev_rings){ e->queues[0].rx.mask + 1u, e->queues[0].tx.mask + 1u };
}

static int e1000_set_rings(struct net_device *dev, struct dev_rings rings)
{
	struct e1000 *e = dev->priv;

	e->want = rings;
	if (e->open)
		e1000_reset(dev);
	else
		resize(e);
	return e->dead ? -EIO : 0;
}

/* Frames are hashed to fewer queues or more, and sent through as many; what a queue holds that goes out of use it still gives. */
static int e1000_set_channels(struct net_device *dev, unsigned n)
{
	struct e1000 *e = dev->priv;

	dev_set_channels(dev, n);
	if (e->running)
		e1000_write_table(e);
	return e->dead ? -EIO : 0;
}

/* ---- probe ---- */

static bool is_filled(const struct e1000_queue *q, u32 i)
{
	const volatile union e1000_rx_desc *d = &q->rx.desc[i & q->rx.mask];

	return (q->ext ? (u8)d->ext.status : d->status) & E1000_RXD_DD;
}

static struct dev_ring e1000_ring(const struct net_device *dev, unsigned n, bool tx)
{
	const struct e1000 *e = dev->priv;
	const struct e1000_queue *q = &e->queues[n % E1000_QUEUES];
	struct dev_ring r = { .size = 0 };

	if (!e->open || n >= e->nr_queues || READ_ONCE(q->down))
		return r;
	r.size = (tx ? q->tx.mask : q->rx.mask) + 1u;
	r.at = tx ? q->tx.clean : q->rx.clean;
	r.posted = tx ? (u32)q->tx.mask - q->tx.nr_free : (u32)(q->rx.use - q->rx.clean) & q->rx.mask;
	while (!tx && r.posted && is_filled(q, r.at + r.waiting)) {
		r.waiting++;
		r.posted--;
	}
	return r;
}

static u32 e1000_tx_frames(const struct net_device *dev, unsigned n)
{
	const struct e1000 *e = dev->priv;
	const struct e1000_queue *q = &e->queues[n % E1000_QUEUES];
	u32 frames = 0;

	for (unsigned i = 0; n < e->nr_queues && !q->left && q->tx.slots && i <= q->tx.mask; i++)
		frames += q->tx.slots[i].token != NULL;
	return frames;
}

static const struct net_device_ops e1000_ops = {
	.open = e1000_open,
	.stop = e1000_stop,
	.start_xmit = e1000_xmit,
	.xmit_frame = e1000_xmit_frame,
	.flush = e1000_flush,
	.watchdog = e1000_watchdog,
	.ring = e1000_ring,
	.tx_frames = e1000_tx_frames,
	.retune = e1000_retune,
	.set_rings = e1000_set_rings,
	.set_channels = e1000_set_channels,
	.reset = e1000_reset,
};

static void fill_netdev(struct e1000 *e)
{
	struct net_device *dev = &e->dev;

	memcpy(dev->name, "eth%d", sizeof("eth%d"));
	memset(dev->broadcast, 0xff, sizeof(dev->broadcast));
	dev->mtu = dev->max_mtu = ETH_MTU;
	dev->min_mtu = IPV4_MIN_MTU;
	/* no TSO6: the family counts the IPv6 header into the payload length of what it cuts, which nobody accepts */
	dev->features = dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_TSO | NETIF_F_GRO;
	dev->flags = IFF_BROADCAST | IFF_MULTICAST;
	dev->tx_queue_len = 1000;
	dev->ops = &e1000_ops;
	dev->link = &eth_link_ops;
	dev->priv = e;
	dev->driver = e->is_82574 ? "e1000e" : "e1000";
	dev->bus = e->pdev->name;
	dev->nr_txq = dev->nr_rxq = e->nr_queues;
	dev->coalesce = (struct dev_coalesce){ .rx_usecs = E1000_ITR_USECS, .tx_usecs = E1000_REAP_NS / NSEC_PER_USEC,
					       .tx_frames = E1000_TX_FRAMES };
	dev->has_delays = true;
	dev->rings = e->want = (struct dev_rings){ E1000_RING, E1000_RING };
	dev->rings_min = E1000_RING_MIN;
	dev->rings_max = (struct dev_rings){ E1000_RING_MAX, E1000_RING_MAX };
}

static void destroy(struct e1000 *e)
{
	for (unsigned i = 0; i < e->nr_queues; i++)
		free_rings(&e->queues[i].rx, &e->queues[i].tx);
	kfree(e);
}

/* Two where the device has them, two CPUs own flows, and each can have a vector. */
static unsigned choose_queues(struct e1000 *e, const struct net *net)
{
	e->vectors = e->is_82574 && irq_msix_count(e->pdev) >= E1000_VECTORS;
	return e->vectors && net->nr_cpus > 1 && net->steer->mode == STEER_RSS ? E1000_QUEUES : 1;
}

static int create_queue(struct e1000 *e, u16 index)
{
	struct e1000_queue *q = &e->queues[index];

	q->e = e;
	q->dev = &e->dev;
	q->index = index;
	q->ext = e->is_82574;
	q->down = q->left = true;
	q->rdt = e->regs + E1000_RDT + index * E1000_QUEUE_STRIDE;
	q->tdt = e->regs + E1000_TDT + index * E1000_QUEUE_STRIDE;
	timer_init(&q->timer, e1000_timer);
	return alloc_rings(&q->rx, &q->tx, (struct dev_rings){ E1000_RING, E1000_RING });
}

/* Registers, rings, address. */
static int prepare(struct e1000 *e, const struct net *net)
{
	int err = 0;

	pci_enable(e->pdev);
	e->regs = pci_map_bar(e->pdev, 0, 0, E1000_REGS_BYTES);
	if (!e->regs)
		return -ENXIO;
	e->nr_queues = choose_queues(e, net);
	for (u16 i = 0; i < e->nr_queues && !err; i++)
		err = create_queue(e, i);
	if (err)
		return err;
	if (e1000_hw_reset(e) < 0)
		return -EIO;
	e1000_read_mac(e);
	return 0;
}

static void announce(const struct e1000 *e)
{
	const struct pci_dev *pdev = e->pdev;

	if (e->vectors)
		log_info("%s: %s %04x:%04x at %s, MSI-X, %u queue%s, rings %u/%u", e->dev.name, e->dev.driver, pdev->vendor,
			 pdev->device, pdev->name, e->nr_queues, e->nr_queues > 1 ? "s, RSS" : "", E1000_RING, E1000_RING);
	else
		log_info("%s: %s %04x:%04x at %s, INTx pin %c, rings %u/%u", e->dev.name, e->dev.driver, pdev->vendor,
			 pdev->device, pdev->name, 'A' + pdev->irq_pin - 1, E1000_RING, E1000_RING);
}

/* From here on nothing is taken back: handlers and NAPI are known to others. */
static void go_public(struct e1000 *e, struct net *net)
{
	int err;

	for (unsigned i = 0; i < e->nr_queues; i++) {
		struct e1000_queue *q = &e->queues[i];

		q->cpu = net->cpus[e->dev.txq[i].cpu];
		netif_napi_add(q->cpu, &e->dev, &q->napi, e1000_poll, 64);
	}
	err = e1000_request_irqs(e);
	if (!err) {
		announce(e);
		return;
	}
	log_err("%s: no interrupt: %s", e->dev.name, errno_name(err));
	e->dead = true; /* it stays registered, and open() refuses */
}

static int e1000_probe(struct net *net, struct pci_dev *pdev)
{
	struct e1000 *e = kzalloc(sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->pdev = pdev;
	e->is_82574 = pdev->device == E1000_82574L;
	err = prepare(e, net);
	if (!err) {
		fill_netdev(e);
		err = register_netdev(net, &e->dev);
	}
	if (err)
		destroy(e);
	else
		go_public(e, net);
	return err;
}

static const struct pci_id e1000_ids[] = {
	{E1000_VENDOR, E1000_82540EM},
	{E1000_VENDOR, E1000_82544GC},
	{E1000_VENDOR, E1000_82545EM},
	{E1000_VENDOR, E1000_82574L},
	{0, 0},
};

const struct pci_driver e1000_driver = {.name = "e1000", .ids = e1000_ids, .probe = e1000_probe};
