/* SPDX-License-Identifier: MIT
 * netdev.c - devices come, are opened, closed and go; their names, queues and disciplines, which CPU sends through which queue
 * (XPS: FEATURES TX13), and whether there is a link.
 *
 * The way of frames is dev.c's. Base, with softirq held off.
 */
#include "net/core/dev.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/core/qdisc.h"
#include "net/core/steer.h"

static void name_device(struct net *net, struct net_device *dev)
{
	char name[sizeof(dev->name)], *at = strstr(dev->name, "%d");

	if (!at)
		return;
	for (unsigned n = 0; n <= MAX_NETDEVS; n++) {
		snprintf(name, sizeof(name), "%.*s%u", (int)(at - dev->name), dev->name, n);
		if (!dev_by_name(net, name))
			break;
	}
	str_copy(dev->name, name, sizeof(dev->name));
}

int register_netdev(struct net *net, struct net_device *dev)
{
	unsigned i;

	if (!dev->nr_txq || dev->nr_txq > MAX_TXQ || dev->nr_rxq > MAX_TXQ)
		return -EINVAL;
	for (i = 0; i < MAX_NETDEVS && net->devs[i]; i++)
		;
	if (i == MAX_NETDEVS)
		return -ENOSPC;
	name_device(net, dev);
	if (dev_by_name(net, dev->name))
		return -EEXIST;
	net->devs[i] = dev;
	if (i >= net->nr_devs)
		net->nr_devs = i + 1;
	dev->ifindex = i + 1;
	dev->net = net;
	dev->wanted_features = dev->features;
	if (!dev->tx_queue_len)
		dev->tx_queue_len = 1000;
	for (unsigned q = 0; q < MAX_TXQ; q++) { /* those that there are not, too: each CPU looks at the one of its number */
		struct netdev_queue *txq = &dev->txq[q];

		*txq = (struct netdev_queue){ .dev = dev, .index = (u16)q, .cpu = (u16)(q % net->nr_cpus) };
		list_init(&txq->dirty_link);
	}
	for (unsigned cpu = 0; cpu < net->nr_cpus; cpu++)
		dev->xps_wanted[cpu] = (u8)(cpu % dev->nr_txq);
	dev_set_channels(dev, dev->nr_txq);
	return 0;
}

void unregister_netdev(struct net_device *dev)
{
	dev_close(dev);
	dev->net->devs[dev->ifindex - 1] = NULL;
}

struct net_device *dev_by_name(struct net *net, const char *name)
{
	for (unsigned i = 0; i < net->nr_devs; i++)
		if (net->devs[i] && !strcmp(net->devs[i]->name, name))
			return net->devs[i];
	return NULL;
}

/* ---- which queue does a CPU send through? Other CPUs read the map as they send: each entry is good by itself ---- */

static void map_queues(struct net_device *dev)
{
	unsigned nr = dev->one_queue ? 1 : dev->nr_channels;

	WRITE_ONCE(dev->real_num_tx_queues, nr);
	for (unsigned cpu = 0; cpu < dev->net->nr_cpus; cpu++)
		WRITE_ONCE(dev->xps[cpu], dev->xps_wanted[cpu] < nr ? dev->xps_wanted[cpu] : (u8)(cpu % nr));
	dev_stop_direct(dev);
}

void dev_set_channels(struct net_device *dev, unsigned n)
{
	dev->nr_channels = n;
	map_queues(dev);
}

void dev_set_one_queue(struct net_device *dev, bool one)
{
	dev->one_queue = one;
	map_queues(dev);
}

int dev_set_xps(struct net_device *dev, unsigned txq, u32 cpus)
{
	unsigned nr = dev->nr_channels;

	if (nr == 1)
		return ~cpus & ((1u << dev->net->nr_cpus) - 1) ? -EINVAL : 0;
	for (unsigned cpu = 0; cpu < dev->net->nr_cpus; cpu++) {
		if (cpus >> cpu & 1)
			dev->xps_wanted[cpu] = (u8)txq;
		else if (dev->xps_wanted[cpu] == txq)
			dev->xps_wanted[cpu] = (u8)(cpu % nr != txq ? cpu % nr : (txq + 1) % nr);
	}
	map_queues(dev);
	return 0;
}

u32 dev_xps(const struct net_device *dev, unsigned txq)
{
	u32 cpus = 0;

	for (unsigned cpu = 0; cpu < dev->net->nr_cpus; cpu++) {
		unsigned wanted = dev->xps_wanted[cpu];

		cpus |= (u32)((wanted < dev->nr_channels ? wanted : cpu % dev->nr_channels) == txq) << cpu;
	}
	return cpus;
}

/* ---- disciplines ---- */

static void drop_qdiscs(struct net_device *dev)
{
	for (unsigned q = 0; q < dev->nr_txq; q++) {
		struct netdev_queue *txq = &dev->txq[q];

		qdisc_release(txq);
		list_del(&txq->dirty_link);
		txq->dirty = txq->direct = txq->need_flush = txq->stopped = false;
	}
}

static int make_qdiscs(struct net_device *dev)
{
	const char *id = qdisc_default(dev->net)->id;
	struct qdisc_error e;
	int err;

	dev_set_one_queue(dev, false);
	for (unsigned q = 0; q < dev->nr_txq; q++) {
		struct netdev_queue *txq = &dev->txq[q];

		txq->qdisc = qdisc_create(dev->net->cpus[txq->cpu], txq, id, &(struct qdisc_args){ "", NULL, &e }, &err);
		if (!txq->qdisc)
			return err;
	}
	return 0;
}

int dev_open(struct net_device *dev)
{
	int err;

	if (dev->flags & IFF_UP)
		return 0;
	err = make_qdiscs(dev);
	if (!err && dev->ops->open)
		err = dev->ops->open(dev);
	if (err) {
		drop_qdiscs(dev);
		return err;
	}
	dev->flags |= IFF_UP;
	dev->rx_direct = !dev->net->steer->on;
	dev->rcv_frame = dev->link == &eth_link_ops ? net_packet_types[0].rcv_frame : dev_rcv_frame;
	dev->rcv_bare = dev->link == &eth_link_ops ? net_packet_types[0].rcv_bare : NULL;
	return 0;
}

void dev_close(struct net_device *dev)
{
	if (!(dev->flags & IFF_UP))
		return;
	dev->flags &= ~(u32)IFF_UP;
	dev->rx_direct = false;
	dev_stop_direct(dev);
	if (dev->ops->stop)
		dev->ops->stop(dev);
	drop_qdiscs(dev);
}

void netif_carrier_on(struct net_device *dev)
{
	if (dev->carrier)
		return;
	dev->carrier = true;
	if (dev->speed_mbit)
		log_info("%s: link is up, %u Mbit/s", dev->name, dev->speed_mbit);
	else
		log_info("%s: link is up", dev->name);
}

void netif_carrier_off(struct net_device *dev)
{
	if (!dev->carrier)
		return;
	dev->carrier = false;
	dev_stop_direct(dev);
	log_info("%s: link is down", dev->name);
}
