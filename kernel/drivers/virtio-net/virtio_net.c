/* SPDX-License-Identifier: MIT
 * virtio_net.c - the virtio network device (virtio 1.2, 5.1): features, configuration, open and stop, link, recovery.
 *
 * Of the features offered, those that this driver can live up to: see choose_features(). open() goes through the whole
 * initialisation of 3.1.1 each time, and so does the reset of a device that lied, at most once in VIRTNET_RETRY_NS.
 */
#include "drivers/virtio-net/virtio_net.h"
#include "drivers/virtio-net/virtio_net_impl.h"

#include "lib/errno.h"
#include "platform.h"

#define ETH_HEADER_BYTES 14
#define VLAN_TAG_BYTES	 4
#define ETH_MTU		 1500
#define IPV4_MIN_MTU	 68 /* RFC 791 */

#define GUEST_GSO (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6 | VIRTIO_NET_F_GUEST_ECN)

/* Device-side LRO gives frames of 64 KiB: they must fit the buffers of one skb. */
_Static_assert(MAX_SKB_FRAGS *VIRTNET_RX_LEN >= 65550 + sizeof(struct virtio_net_hdr_hash), "5.1.6.3.1");

static const u64 wanted_features =
	VIRTIO_F_VERSION_1 | VIRTIO_F_RING_EVENT_IDX | VIRTIO_F_RING_INDIRECT_DESC |
	VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM | VIRTIO_NET_F_MTU | VIRTIO_NET_F_MAC |
	GUEST_GSO | VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6 | VIRTIO_NET_F_HOST_ECN |
	VIRTIO_NET_F_MRG_RXBUF | VIRTIO_NET_F_STATUS | VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ |
	VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT;

static void update_carrier(struct virtnet *vn)
{
	u16 status = VIRTIO_NET_S_LINK_UP;

	if (vn->features & VIRTIO_NET_F_STATUS)
		vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_STATUS, &status,
					   sizeof(status));
	if (status & VIRTIO_NET_S_LINK_UP)
		netif_carrier_on(&vn->dev);
	else
		netif_carrier_off(&vn->dev);
}

static bool virtnet_config_irq(void *arg)
{
	struct virtnet *vn = arg;

	vn->pairs[0].attention = true;
	napi_schedule(&vn->pairs[0].napi);
	return true;
}

/* ---- up and down: 3.1.1, steps 1 to 8 ---- */

static int negotiate(struct virtnet *vn)
{
	const struct virtio_transport_ops *ops = vn->vdev->ops;
	u8 status = VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER;

	if (ops->reset(vn->vdev) < 0) {
		vn->dead = true;
		return -EIO;
	}
	ops->set_status(vn->vdev, VIRTIO_S_ACKNOWLEDGE);
	ops->set_status(vn->vdev, status);
	ops->set_features(vn->vdev, vn->features);
	ops->set_status(vn->vdev, status | VIRTIO_S_FEATURES_OK);
	if (!(ops->get_status(vn->vdev) & VIRTIO_S_FEATURES_OK))
		return -ENODEV;
	ops->config_irq(vn->vdev);
	return 0;
}

/* The rings, empty, to the device. The CPU of each pair has left it. */
static int enable_pair(struct virtnet_pair *p)
{
	const struct virtio_transport_ops *ops = p->vn->vdev->ops;
	bool event_idx = p->vn->features & VIRTIO_F_RING_EVENT_IDX;

	virtqueue_reset(&p->rx, event_idx);
	virtqueue_reset(&p->tx, event_idx);
	return ops->queue_enable(p->vn->vdev, &p->rx) ?: ops->queue_enable(p->vn->vdev, &p->tx);
}

static int enable_queues(struct virtnet *vn)
{
	int err = 0;

	for (unsigned i = 0; i < vn->nr_pairs && !err; i++)
		err = enable_pair(&vn->pairs[i]);
	if (err || !(vn->features & VIRTIO_NET_F_CTRL_VQ))
		return err;
	virtqueue_reset(&vn->ctrl, vn->features & VIRTIO_F_RING_EVENT_IDX);
	return vn->vdev->ops->queue_enable(vn->vdev, &vn->ctrl);
}

void virtnet_enter(struct virtnet_pair *p)
{
	p->left = p->held = false;
	virtnet_refill(p);
	p->down = false;
	p->dev->rx[p->index].kicks += virtqueue_kick(&p->rx, true);
	virtqueue_irq_on(&p->rx, 0);
	napi_schedule(&p->napi);
	netif_wake_queue(p->cpu, &p->dev->txq[p->index]);
}

static int start(struct virtnet *vn)
{
	const struct virtio_transport_ops *ops = vn->vdev->ops;
	int err = negotiate(vn) ?: enable_queues(vn);

	if (err) {
		ops->set_status(vn->vdev, VIRTIO_S_FAILED);
		return err;
	}
	ops->set_status(vn->vdev, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK |
					  VIRTIO_S_DRIVER_OK);
	virtnet_mq_start(vn);
	virtnet_enter_all(vn);
	update_carrier(vn);
	return 0;
}

/* Counts and names the lie of a queue. */
static void note_lies(struct virtnet_pair *p)
{
	enum vq_lie lie = p->rx.lie ?: p->tx.lie;

	p->dev->rx[p->index].lies += p->rx.lie != VQ_LIE_NONE;
	p->dev->txq[p->index].stats.lies += p->tx.lie != VQ_LIE_NONE;
	if (lie)
		log_warn("%s: queue pair %u: %s: resetting", p->dev->name, p->index, vq_lie_text(lie));
	p->rx.lie = p->tx.lie = VQ_LIE_NONE;
}

void virtnet_leave(struct virtnet_pair *p)
{
	struct netdev_queue *q = &p->dev->txq[p->index];

	p->down = true;
	if (!q->stopped)
		netif_stop_queue(q); /* what is sent meanwhile waits in the discipline */
	note_lies(p);
	virtnet_reclaim(p);
	__atomic_store_n(&p->left, true, __ATOMIC_RELEASE);
}

/* No DMA after reset() returns: either the device is in reset or it is off the bus. True: no CPU uses a ring any more; else
 * attention is called when that is so. */
static bool quiesce(struct virtnet *vn)
{
	if (!vn->dead && !vn->quieting && vn->vdev->ops->reset(vn->vdev) < 0) {
		log_err("%s: the device does not reset: cut off", vn->dev.name);
		vn->dead = true;
		netif_carrier_off(&vn->dev);
	}
	vn->quieting = !virtnet_leave_all(vn);
	return !vn->quieting;
}

static int virtnet_open(struct net_device *dev)
{
	struct virtnet *vn = dev->priv;
	int err = vn->dead ? -EIO : start(vn);

	if (err) {
		quiesce(vn);
		return err;
	}
	vn->open = true;
	return 0;
}

static void virtnet_stop(struct net_device *dev)
{
	struct virtnet *vn = dev->priv;

	vn->open = false;
	timer_cancel(&vn->pairs[0].cpu->wheel, &vn->settle);
	quiesce(vn);
	netif_carrier_off(dev);
}

/* ---- what goes wrong ---- */

/* A queue lied, or the device itself asks for a reset (2.1.2). */
static bool is_broken(struct virtnet *vn)
{
	bool broken = vn->vdev->ops->get_status(vn->vdev) & VIRTIO_S_NEEDS_RESET;

	for (unsigned i = 0; i < vn->nr_pairs; i++)
		broken |= !virtnet_is_ordered(&vn->pairs[i]) && READ_ONCE(vn->pairs[i].down);
	return broken;
}

static void restart(struct virtnet *vn)
{
	if (start(vn) < 0) {
		log_err("%s: reset failed", vn->dev.name);
		quiesce(vn);
		return;
	}
	for (unsigned i = 0; i < vn->nr_pairs; i++)
		vn->dev.rx[i].resets++;
}

/* One queue with another number of entries; as it was when there is no memory. The device is in reset. */
static bool resize_queue(struct virtnet *vn, struct virtqueue *vq, u32 size)
{
	struct virtqueue old = *vq;

	if (size == vq->size)
		return true;
	if (virtqueue_create(vq, vn->vdev, old.index, (u16)size, old.tables) < 0) {
		*vq = old;
		return false;
	}
	virtqueue_destroy(&old);
	return true;
}

/* Nobody uses a ring: those of other sizes than wanted are made anew. */
static void resize(struct virtnet *vn)
{
	struct dev_rings *now = &vn->dev.rings;
	bool done = true;

	vn->renew = false;
	for (unsigned i = 0; i < vn->nr_pairs; i++) {
		done &= resize_queue(vn, &vn->pairs[i].rx, vn->want.rx);
		done &= resize_queue(vn, &vn->pairs[i].tx, vn->want.tx);
	}
	if (!done)
		log_warn("%s: no memory for rings of %u and %u", vn->dev.name, vn->want.rx, vn->want.tx);
	*now = (struct dev_rings){ vn->pairs[0].rx.size, vn->pairs[0].tx.size };
}

static void virtnet_reset(struct net_device *dev)
{
	struct virtnet *vn = dev->priv;

	vn->renew = true;
	virtnet_call(&vn->pairs[0]);
}

void virtnet_attend(struct virtnet *vn, u64 now_ns)
{
	struct virtnet_pair *first = &vn->pairs[0];

	first->attention = false;
	if (!vn->open || vn->dead)
		return;
	if (!vn->quieting && !vn->renew && !is_broken(vn)) {
		update_carrier(vn);
		return;
	}
	if (!quiesce(vn)) {
		timer_arm(&first->cpu->wheel, &first->timer, now_ns + VIRTNET_REAP_NS); /* look again, whoever forgets to call */
		return;
	}
	if (!vn->dead && (vn->renew || now_ns >= vn->retry_ns)) {
		vn->retry_ns = now_ns + VIRTNET_RETRY_NS;
		resize(vn);
		restart(vn);
	}
	if (!vn->dead && first->down)
		timer_arm(&first->cpu->wheel, &first->timer, vn->retry_ns);
}

/* ---- what `ethtool` asks for ---- */

static int virtnet_set_rings(struct net_device *dev, struct dev_rings rings)
{
	struct virtnet *vn = dev->priv;

	vn->want = rings;
	if (vn->open)
		virtnet_reset(dev);
	else
		resize(vn);
	return vn->dead ? -EIO : 0;
}

/* ---- probe ---- */

static struct dev_ring virtnet_ring(const struct net_device *dev, unsigned q, bool tx)
{
	const struct virtnet *vn = dev->priv;
	const struct virtqueue *vq = tx ? &vn->pairs[q].tx : &vn->pairs[q].rx;
	struct dev_ring r = { .size = 0 };

	if (vn->open && q < vn->nr_pairs && !READ_ONCE(vn->pairs[q].down)) {
		u32 used = tx ? (u32)vq->size - vq->nr_free : vq->in_flight;

		r.size = vq->size;
		r.at = vq->last_used & (vq->size - 1);
		r.waiting = MIN((u32)(u16)(vq->used->idx - vq->last_used), used);
		r.posted = used - r.waiting;
	}
	return r;
}

static u32 virtnet_tx_frames(const struct net_device *dev, unsigned q)
{
	const struct virtnet *vn = dev->priv;
	const struct virtnet_pair *p = &vn->pairs[q];
	u32 n = 0;

	for (unsigned i = 0; q < vn->nr_pairs && !p->left && i < p->tx.size; i++)
		n += p->tx.slots[i].token != NULL;
	return n;
}

#define OPS(xmit, frame)                        \
	{                                       \
		.open = virtnet_open,           \
		.stop = virtnet_stop,           \
		.start_xmit = xmit,             \
		.xmit_frame = frame,            \
		.flush = virtnet_flush,         \
		.watchdog = virtnet_watchdog,   \
		.ring = virtnet_ring,           \
		.tx_frames = virtnet_tx_frames, \
		.retune = virtnet_retune,       \
		.set_rings = virtnet_set_rings, \
		.set_channels = virtnet_set_channels, \
		.reset = virtnet_reset,         \
	}
static const struct net_device_ops virtnet_ops = OPS(virtnet_xmit, virtnet_xmit_frame);
static const struct net_device_ops virtnet_hash_ops = OPS(virtnet_hash_xmit, virtnet_hash_xmit_frame);

/* An MTU that we can not live up to is not accepted (5.1.4.1): the feature is left out. */
static void read_mtu(struct virtnet *vn)
{
	u32 most =
		VIRTNET_RX_LEN - sizeof(struct virtio_net_hdr_hash) - ETH_HEADER_BYTES - VLAN_TAG_BYTES;
	u16 mtu = 0;

	if (vn->features & VIRTIO_NET_F_MRG_RXBUF)
		most = MIN(most + MAX_SKB_FRAGS * VIRTNET_RX_LEN, (u32)UINT16_MAX);
	if (vn->features & VIRTIO_NET_F_MTU)
		vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_MTU, &mtu, sizeof(mtu));
	if (mtu < IPV4_MIN_MTU || mtu > most) {
		if (mtu)
			log_warn("virtio-net %s: MTU %u of the device not usable, using %u",
				 vn->vdev->bus, mtu, ETH_MTU);
		vn->features &= ~VIRTIO_NET_F_MTU;
		mtu = ETH_MTU;
	} else {
		most = mtu;
	}
	vn->dev.mtu = mtu;
	vn->dev.min_mtu = IPV4_MIN_MTU;
	vn->dev.max_mtu = most;
}

static void read_mac(struct virtnet *vn)
{
	u8 *mac = vn->dev.addr;

	if (vn->features & VIRTIO_NET_F_MAC)
		vn->vdev->ops->config_read(vn->vdev, VIRTIO_NET_CFG_MAC, mac, sizeof(vn->dev.addr));
	if (!(mac[0] & 1) && (mac[0] | mac[1] | mac[2] | mac[3] | mac[4] | mac[5]))
		return;
	random_bytes(mac, sizeof(vn->dev.addr));
	mac[0] = (u8)((mac[0] & 0xfe) | 2); /* unicast, locally administered */
}

static u32 stack_features(u64 f)
{
	u32 features = NETIF_F_SG | NETIF_F_GRO;

	if (f & VIRTIO_NET_F_GUEST_CSUM)
		features |= NETIF_F_RXCSUM;
	if (f & GUEST_GSO)
		features |= NETIF_F_LRO;
	if (f & VIRTIO_NET_F_HASH_REPORT)
		features |= NETIF_F_RXHASH;
	if (!(f & VIRTIO_NET_F_CSUM))
		return features;
	features |= NETIF_F_HW_CSUM;
	features |= f & VIRTIO_NET_F_HOST_TSO4 ? NETIF_F_TSO : 0;
	features |= f & VIRTIO_NET_F_HOST_TSO6 ? NETIF_F_TSO6 : 0;
	features |= f & VIRTIO_NET_F_HOST_ECN ? NETIF_F_TSO_ECN : 0;
	return features;
}

/* 5.1.3.1: what needs another feature goes when that is not there. Large frames in need mergeable buffers here. */
static u64 choose_features(u64 offered)
{
	u64 f = offered & wanted_features;

	if (!(f & VIRTIO_NET_F_GUEST_CSUM) || !(f & VIRTIO_NET_F_MRG_RXBUF) ||
	    !(f & (VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6)))
		f &= ~GUEST_GSO;
	if (!(f & VIRTIO_NET_F_CTRL_VQ))
		f &= ~(VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS | VIRTIO_NET_F_HASH_REPORT);
	if (!(f & VIRTIO_NET_F_CSUM))
		f &= ~(VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6);
	if (!(f & (VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6)))
		f &= ~VIRTIO_NET_F_HOST_ECN;
	return f;
}

/* The device in reset, its features and configuration read. */
static int identify(struct virtnet *vn, const struct net *net)
{
	const struct virtio_transport_ops *ops = vn->vdev->ops;

	if (ops->reset(vn->vdev) < 0)
		return -EIO;
	ops->set_status(vn->vdev, VIRTIO_S_ACKNOWLEDGE);
	ops->set_status(vn->vdev, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER);
	vn->features = choose_features(ops->get_features(vn->vdev));
	if (!(vn->features & VIRTIO_F_VERSION_1))
		return -ENODEV;
	virtnet_choose_pairs(vn, net);
	read_mac(vn);
	read_mtu(vn);
	/* Which queues there are is known when the device knows what is used of it. */
	ops->set_features(vn->vdev, vn->features);
	ops->set_status(vn->vdev, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK);
	return 0;
}

/* The largest power of two up to `size` that the device holds; 0: too small to work with. */
static u16 ring_size(u16 size, u16 offered)
{
	while (size > offered)
		size /= 2;
	return size >= VIRTNET_MIN_RING ? size : 0;
}

static void fill_netdev(struct virtnet *vn)
{
	const struct virtio_transport_ops *ops = vn->vdev->ops;
	struct net_device *dev = &vn->dev;

	memcpy(dev->name, "eth%d", sizeof("eth%d"));
	memset(dev->broadcast, 0xff, sizeof(dev->broadcast));
	dev->features = dev->hw_features = stack_features(vn->features);
	dev->flags = IFF_BROADCAST | IFF_MULTICAST;
	dev->tx_queue_len = 1000;
	dev->ops = vn->features & VIRTIO_NET_F_HASH_REPORT ? &virtnet_hash_ops : &virtnet_ops;
	dev->link = &eth_link_ops;
	dev->priv = vn;
	dev->driver = "virtio-net";
	dev->bus = vn->vdev->bus;
	dev->nr_txq = dev->nr_rxq = vn->nr_pairs;
	dev->coalesce = (struct dev_coalesce){ .tx_usecs = VIRTNET_TX_NS / NSEC_PER_USEC, .tx_frames = VIRTNET_REAP_AT };
	dev->rx_frames_max = vn->features & VIRTIO_F_RING_EVENT_IDX ? vn->pairs[0].rx.size / 2 : 0;
	dev->rings = vn->want = (struct dev_rings){ vn->pairs[0].rx.size, vn->pairs[0].tx.size };
	dev->rings_min = VIRTNET_MIN_RING;
	dev->rings_max = (struct dev_rings){ ring_size(VQ_MAX_SIZE, ops->queue_max(vn->vdev, 0)),
					     ring_size(VQ_MAX_SIZE, ops->queue_max(vn->vdev, 1)) };
}

static int create_pair(struct virtnet *vn, u16 index)
{
	struct virtnet_pair *p = &vn->pairs[index];
	bool indirect = vn->features & VIRTIO_F_RING_INDIRECT_DESC;
	u16 rx = ring_size(VIRTNET_RING, vn->vdev->ops->queue_max(vn->vdev, 2 * index));
	u16 tx = ring_size(VIRTNET_RING, vn->vdev->ops->queue_max(vn->vdev, 2 * index + 1));

	if (!rx || !tx)
		return -ENODEV;
	p->vn = vn;
	p->dev = &vn->dev;
	p->index = index;
	p->down = p->left = true;
	p->mergeable = vn->features & VIRTIO_NET_F_MRG_RXBUF;
	p->partial_csum = vn->features & VIRTIO_NET_F_GUEST_CSUM;
	p->hashed = vn->features & VIRTIO_NET_F_HASH_REPORT;
	timer_init(&p->timer, virtnet_timer);
	if (virtqueue_create(&p->rx, vn->vdev, 2 * index, rx, false) < 0 ||
	    virtqueue_create(&p->tx, vn->vdev, 2 * index + 1, tx, indirect) < 0)
		return -ENOMEM;
	return 0;
}

static void destroy_pair(struct virtnet_pair *p)
{
	virtqueue_destroy(&p->rx);
	virtqueue_destroy(&p->tx);
}

static void destroy_further(struct virtnet *vn)
{
	for (unsigned i = 1; i < vn->nr_pairs; i++)
		destroy_pair(&vn->pairs[i]);
	virtqueue_destroy(&vn->ctrl);
}

/* The other pairs and, behind all that the device has, the control queue (5.1.2); a device that is to know of one pair alone has one. */
static int create_further(struct virtnet *vn)
{
	bool several = vn->features & (VIRTIO_NET_F_MQ | VIRTIO_NET_F_RSS);
	u16 ctrl = several ? (u16)(2 * vn->max_pairs) : 2, size;
	int err = 0;

	for (u16 i = 1; i < vn->nr_pairs && !err; i++)
		err = create_pair(vn, i);
	if (err)
		return err;
	size = ring_size(VIRTNET_RING, vn->vdev->ops->queue_max(vn->vdev, ctrl));
	return size ? virtqueue_create(&vn->ctrl, vn->vdev, ctrl, size, false) : -ENODEV;
}

/* One pair is enough: a device that has not the queues it speaks of keeps that. */
static int create_queues(struct virtnet *vn)
{
	int err = create_pair(vn, 0), further;

	if (err || !(vn->features & VIRTIO_NET_F_CTRL_VQ))
		return err;
	further = create_further(vn);
	if (further < 0) {
		log_warn("virtio-net %s: %u pairs of queues and one for commands are said to be there, and are not (%s): one is used",
			 vn->vdev->bus, vn->max_pairs, errno_name(further));
		destroy_further(vn);
		virtnet_one_pair(vn);
	}
	return 0;
}

static void destroy(struct virtnet *vn)
{
	destroy_further(vn);
	destroy_pair(&vn->pairs[0]);
	vn->vdev->ops->reset(vn->vdev);
	kfree(vn);
}

static int request_irqs(struct virtnet *vn)
{
	struct virtio_irq irqs[VIRTIO_MAX_IRQS];

	irqs[0] = (struct virtio_irq){vn->dev.name, virtnet_config_irq, vn, vn->pairs[0].cpu->id};
	for (unsigned i = 0; i < vn->nr_pairs; i++) {
		struct virtnet_pair *p = &vn->pairs[i];

		irqs[1 + 2 * i] = (struct virtio_irq){vn->dev.name, virtnet_rx_irq, p, p->cpu->id};
		irqs[2 + 2 * i] = (struct virtio_irq){vn->dev.name, virtnet_tx_irq, p, p->cpu->id};
	}
	return vn->vdev->ops->request_irqs(vn->vdev, irqs, 1 + 2 * vn->nr_pairs);
}

/* From here on nothing is taken back: handlers and NAPI are known to others. */
static int go_public(struct virtnet *vn, struct net *net)
{
	int err = register_netdev(net, &vn->dev);

	if (err)
		return err;
	for (unsigned i = 0; i < vn->nr_pairs; i++) {
		struct virtnet_pair *p = &vn->pairs[i];

		p->cpu = net->cpus[vn->dev.txq[i].cpu];
		netif_napi_add(p->cpu, &vn->dev, &p->napi, virtnet_poll, 64);
	}
	err = request_irqs(vn);
	if (err) {
		log_err("%s: no interrupt: %s", vn->dev.name, errno_name(err));
		vn->dead = true; /* it stays registered, and open() refuses */
	}
	return 0;
}

static void announce(const struct virtnet *vn)
{
	log_info("%s: virtio-net at %s, %s, features %llx, rings %u/%u", vn->dev.name, vn->vdev->bus,
		 vn->vdev->vectors ? "MSI-X" : vn->vdev->ops->line, (unsigned long long)vn->features, vn->pairs[0].rx.size,
		 vn->pairs[0].tx.size);
	if (vn->features & VIRTIO_NET_F_CTRL_VQ)
		log_info("%s: %u pair%s of queues%s%s", vn->dev.name, vn->nr_pairs, vn->nr_pairs > 1 ? "s" : "",
			 vn->features & VIRTIO_NET_F_RSS ? ", RSS" : "",
			 vn->features & VIRTIO_NET_F_HASH_REPORT ? ", hash report" : "");
}

int virtnet_attach(struct net *net, struct virtio_device *vdev)
{
	struct virtnet *vn = kzalloc(sizeof(*vn) + net->nr_cpus * sizeof(struct virtnet_pair));
	int err;

	if (!vn)
		return -ENOMEM;
	vn->vdev = vdev;
	timer_init(&vn->settle, virtnet_settle);
	err = identify(vn, net);
	if (!err)
		err = create_queues(vn);
	if (!err) {
		fill_netdev(vn);
		err = go_public(vn, net);
	}
	if (err)
		destroy(vn);
	else
		announce(vn);
	return err;
}

static const struct pci_id virtnet_ids[] = {
	{VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET},
	{VIRTIO_PCI_VENDOR, VIRTIO_PCI_NET_OLD},
	{0, 0},
};

static int virtnet_probe(struct net *net, struct pci_dev *pdev)
{
	struct virtio_device *vdev = virtio_pci_create(pdev);
	int err;

	if (!vdev)
		return -ENODEV;
	err = virtnet_attach(net, vdev);
	if (err)
		virtio_pci_destroy(vdev);
	return err;
}

const struct pci_driver virtio_net_driver = {
	.name = "virtio-net", .ids = virtnet_ids, .probe = virtnet_probe};
