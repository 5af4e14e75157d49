/* SPDX-License-Identifier: MIT
 * e1000.c - Intel 8254x gigabit controllers: EEPROM, initialisation (SDM 14.3 to 14.5), open and stop, link, recovery.
 *
 * INTx through core/irq.h. open() resets the device and writes every register it needs; so does the recovery of a device
 * that lied about a length or stopped sending, at most once in E1000_RETRY_NS.
 */
#include "drivers/e1000/e1000.h"
#include "drivers/e1000/e1000_impl.h"

#include "arch/x86_64/paging.h"
#include "core/irq.h"
#include "lib/errno.h"
#include "platform.h"

#define ETH_MTU		 1500
#define IPV4_MIN_MTU	 68 /* RFC 791 */
#define EEPROM_SPINS	 1000
#define RESET_TIMEOUT_NS (20 * NSEC_PER_MSEC)
#define RESET_SETTLE_NS	 (2 * NSEC_PER_USEC) /* 14.2: no register access for 1 us after RST */
#define RX_DELAY	 0 /* units of 1.024 us: the first frame interrupts, ITR holds off the next */

/* ---- EEPROM and address ---- */

/* 5.3: one 16-bit word, or -EIO. */
static int eeprom_word(struct e1000 *e, unsigned index)
{
	unsigned spins;
	u32 v;

	e1000_write(e, E1000_EERD, index << E1000_EERD_ADDR_SHIFT | E1000_EERD_START);
	for (spins = 0; spins < EEPROM_SPINS; spins++) {
		v = e1000_read(e, E1000_EERD);
		if (v & E1000_EERD_DONE)
			return (int)(v >> E1000_EERD_DATA_SHIFT);
		cpu_relax();
	}
	return -EIO;
}

/* The address in the EEPROM, when the sum of all words is right. */
static int mac_from_eeprom(struct e1000 *e, u8 *mac)
{
	u16 sum = 0;
	unsigned i;
	int word;

	for (i = 0; i < E1000_EEPROM_WORDS; i++) {
		word = eeprom_word(e, i);
		if (word < 0)
			return word;
		sum += (u16)word;
		if (i < 3) {
			mac[2 * i] = (u8)word;
			mac[2 * i + 1] = (u8)(word >> 8);
		}
	}
	return sum == E1000_EEPROM_SUM ? 0 : -EPROTO;
}

/* 13.5.2: the device loads its first receive address from the EEPROM itself. */
static void mac_from_registers(struct e1000 *e, u8 *mac)
{
	u32 low = e1000_read(e, E1000_RAL0), high = e1000_read(e, E1000_RAH0);
	unsigned i;

	for (i = 0; i < 4; i++)
		mac[i] = (u8)(low >> (8 * i));
	mac[4] = (u8)high;
	mac[5] = (u8)(high >> 8);
}

static bool mac_usable(const u8 *mac)
{
	return !(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]);
}

static void read_mac(struct e1000 *e)
{
	u8 *mac = e->dev.addr;
	int err = mac_from_eeprom(e, mac);

	if (err) {
		log_warn("e1000 %s: EEPROM unreadable or its checksum wrong (%s)", e->pdev->name,
			 errno_name(err));
		mac_from_registers(e, mac);
	}
	if (mac_usable(mac))
		return;
	random_bytes(mac, sizeof(e->dev.addr));
	mac[0] = (u8)((mac[0] & 0xfe) | 2); /* unicast, locally administered */
}

/* ---- registers: 14.3 general, 14.4 receive, 14.5 transmit ---- */

/* 14.2. -EIO: the reset does not end; the device was cut off the bus. */
static int hw_reset(struct e1000 *e)
{
	u64 start;

	e1000_write(e, E1000_IMC, ~0u);
	if (e1000_read(e, E1000_RCTL) & E1000_RCTL_EN)
		e1000_write(e, E1000_RCTL, 0);
	e1000_write(e, E1000_TCTL, E1000_TCTL_PSP);
	e1000_read(e, E1000_STATUS); /* posted writes are through */
	e1000_write(e, E1000_CTRL, e1000_read(e, E1000_CTRL) | E1000_CTRL_RST);
	start = clock_ns();
	while (clock_ns() - start < RESET_SETTLE_NS)
		cpu_relax();
	while (e1000_read(e, E1000_CTRL) & E1000_CTRL_RST) {
		if (clock_ns() - start > RESET_TIMEOUT_NS) {
			pci_disable_master(e->pdev);
			return -EIO;
		}
		cpu_relax();
	}
	e1000_write(e, E1000_IMC, ~0u);
	e1000_read(e, E1000_ICR);
	return 0;
}

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

/* All multicast is let in: the stack above knows its groups. QEMU holds back what arrives in the first second after each
 * write of RCTL, so that it is written once, here. */
static void init_receive(struct e1000 *e)
{
	u64 ring = virt_to_phys(e->rx.desc);
	u32 promisc = e->dev.flags & IFF_PROMISC ? E1000_RCTL_UPE : 0;

	e1000_write(e, E1000_RDBAL, (u32)ring);
	e1000_write(e, E1000_RDBAH, (u32)(ring >> 32));
	e1000_write(e, E1000_RDLEN, (e->rx.mask + 1u) * (u32)sizeof(struct e1000_rx_desc));
	e1000_write(e, E1000_RDH, 0);
	e1000_write(e, E1000_RDT, 0);
	e1000_write(e, E1000_RDTR, RX_DELAY);
	e1000_write(e, E1000_RADV, RX_DELAY);
	e1000_write(e, E1000_RCTL,
		    E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_MPE | E1000_RCTL_SECRC |
			    E1000_RCTL_BSIZE_2048 | promisc);
}

static void init_transmit(struct e1000 *e)
{
	u64 ring = virt_to_phys(e->tx.desc);

	e1000_write(e, E1000_TDBAL, (u32)ring);
	e1000_write(e, E1000_TDBAH, (u32)(ring >> 32));
	e1000_write(e, E1000_TDLEN, (e->tx.mask + 1u) * (u32)sizeof(union e1000_tx_desc));
	e1000_write(e, E1000_TDH, 0);
	e1000_write(e, E1000_TDT, 0);
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

static int start(struct e1000 *e)
{
	int err;

	pci_enable(e->pdev);
	err = hw_reset(e);
	if (err)
		return err;
	e1000_rings_reset(e);
	init_general(e);
	init_receive(e);
	init_transmit(e);
	e->down = e->broken = false;
	e1000_retune(&e->dev);
	e1000_refill(e);
	e1000_write(e, E1000_IMS, E1000_INT_ALWAYS);
	update_carrier(e);
	return 0;
}

/* After this no DMA: the device is in reset, or off the bus. */
static int quiesce(struct e1000 *e)
{
	int err;

	e->down = true;
	err = hw_reset(e);
	e1000_reclaim(e);
	return err;
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

static void restart(struct e1000 *e)
{
	log_warn("%s: resetting the device", e->dev.name);
	if (quiesce(e) < 0 || start(e) < 0) {
		log_err("%s: the device does not reset: cut off", e->dev.name);
		e->dead = true;
		netif_carrier_off(&e->dev);
		return;
	}
	e->dev.rx[0].resets++;
	netif_wake_queue(e->cpu, &e->dev.txq[0]);
}

void e1000_attend(struct e1000 *e, u64 now_ns)
{
	e->attention = false;
	if (!e->open || e->dead)
		return;
	if (!e->broken) {
		e->dev.rx[0].dropped += e1000_read(e, E1000_MPC);
		update_carrier(e);
	} else if (now_ns >= e->retry_ns) {
		e->retry_ns = now_ns + E1000_RETRY_NS;
		restart(e);
	} else {
		quiesce(e);
		timer_arm(&e->cpu->wheel, &e->timer, e->retry_ns);
	}
}

/* ---- what `ethtool` asks for ---- */

static void e1000_reset(struct net_device *dev)
{
	struct e1000 *e = dev->priv;

	if (!e->open || e->dead)
		return;
	netif_stop_queue(&dev->txq[0]);
	restart(e);
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

static int e1000_set_rings(struct net_device *dev, struct dev_rings rings)
{
	struct e1000 *e = dev->priv;
	struct e1000_rx_ring rx;
	struct e1000_tx_ring tx;
	int err = e->dead ? -EIO : alloc_rings(&rx, &tx, rings);

	if (err)
		return err;
	netif_stop_queue(&dev->txq[0]);
	quiesce(e);
	free_rings(&e->rx, &e->tx);
	e->rx = rx;
	e->tx = tx;
	dev->rings = rings;
	if (e->open)
		restart(e);
	return e->dead ? -EIO : 0;
}

/* ---- probe ---- */

static struct dev_ring e1000_ring(const struct net_device *dev, unsigned q, bool tx)
{
	const struct e1000 *e = dev->priv;
	struct dev_ring r = { .size = 0 };

	if (!e->open || e->down)
		return r;
	r.size = (tx ? e->tx.mask : e->rx.mask) + 1u;
	r.at = tx ? e->tx.clean : e->rx.clean;
	r.posted = tx ? (u32)e->tx.mask - e->tx.nr_free : (u32)(e->rx.use - e->rx.clean) & e->rx.mask;
	while (!tx && r.posted && e->rx.desc[(r.at + r.waiting) & e->rx.mask].status & E1000_RXD_DD) {
		r.waiting++;
		r.posted--;
	}
	return r;
}

static const struct net_device_ops e1000_ops = {
	.open = e1000_open,
	.stop = e1000_stop,
	.start_xmit = e1000_xmit,
	.flush = e1000_flush,
	.watchdog = e1000_watchdog,
	.ring = e1000_ring,
	.retune = e1000_retune,
	.set_rings = e1000_set_rings,
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
	dev->driver = "e1000";
	dev->bus = e->pdev->name;
	dev->nr_txq = dev->nr_rxq = 1;
	dev->coalesce = (struct dev_coalesce){ .rx_usecs = E1000_ITR_USECS, .tx_usecs = E1000_REAP_NS / NSEC_PER_USEC,
					       .tx_frames = E1000_TX_FRAMES };
	dev->rings = (struct dev_rings){ e->rx.mask + 1u, e->tx.mask + 1u };
	dev->rings_min = E1000_RING_MIN;
	dev->rings_max = (struct dev_rings){ E1000_RING_MAX, E1000_RING_MAX };
}

static void destroy(struct e1000 *e)
{
	free_rings(&e->rx, &e->tx);
	kfree(e);
}

/* Registers, rings, address. */
static int prepare(struct e1000 *e)
{
	pci_enable(e->pdev);
	e->regs = pci_map_bar(e->pdev, 0, 0, E1000_REGS_BYTES);
	if (!e->regs)
		return -ENXIO;
	if (alloc_rings(&e->rx, &e->tx, (struct dev_rings){ E1000_RING, E1000_RING }) < 0)
		return -ENOMEM;
	if (hw_reset(e) < 0)
		return -EIO;
	read_mac(e);
	return 0;
}

static int e1000_probe(struct net *net, struct pci_dev *pdev)
{
	struct e1000 *e = kzalloc(sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->pdev = pdev;
	e->down = true;
	timer_init(&e->timer, e1000_timer);
	err = prepare(e);
	if (!err) {
		fill_netdev(e);
		err = register_netdev(net, &e->dev);
	}
	if (err) {
		destroy(e);
		return err;
	}
	e->cpu = net->cpus[e->dev.txq[0].cpu];
	netif_napi_add(e->cpu, &e->dev, &e->napi, e1000_poll, 64);
	err = irq_request_intx(pdev, e->dev.name, e1000_irq, e);
	if (err) {
		log_err("%s: no interrupt: %s", e->dev.name, errno_name(err));
		e->dead = true; /* it stays registered, and open() refuses */
		return 0;
	}
	log_info("%s: e1000 %04x:%04x at %s, INTx pin %c, rings %u/%u", e->dev.name, pdev->vendor,
		 pdev->device, pdev->name, 'A' + pdev->irq_pin - 1, E1000_RING, E1000_RING);
	return 0;
}

static const struct pci_id e1000_ids[] = {
	{E1000_VENDOR, E1000_82540EM},
	{E1000_VENDOR, E1000_82544GC},
	{E1000_VENDOR, E1000_82545EM},
	{0, 0},
};

const struct pci_driver e1000_driver = {.name = "e1000", .ids = e1000_ids, .probe = e1000_probe};
