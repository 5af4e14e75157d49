/* SPDX-License-Identifier: MIT
 * loopback.c - the device lo, and the raw link that it shares with test shims: bare IP packets, no
 * link header.
 *
 * What lo is given to send goes to the backlog of the same CPU, so it is received in the next round
 * of net_rx and never inside the sender's call. Nothing is summed: memory does not flip bits. Each
 * CPU has a queue of its own.
 */
#include "net/link/loopback.h"
#include "net/wire/ether.h"
#include "lib/errno.h"

#define LO_MTU 65535 /* what an IPv4 length can say */

static int lo_open(struct net_device *dev)
{
	netif_carrier_on(dev);
	return 0;
}

static void lo_stop(struct net_device *dev)
{
	netif_carrier_off(dev);
}

static void lo_xmit(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	if (skb->destructor)
		skb->destructor(skb);
	skb->destructor = NULL;
	skb->sk = NULL;
	skb->priority = 0;
	skb->tstamp_ns = 0;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	netif_rx(dev->net->cpus[dev->txq[txq].cpu], skb);
}

static void lo_flush(struct net_device *dev, unsigned txq)
{
}

static const struct net_device_ops lo_ops = {
	.open = lo_open,
	.stop = lo_stop,
	.start_xmit = lo_xmit,
	.flush = lo_flush,
};

static enum drop_reason raw_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (unlikely(!skb_may_pull(cpu, skb, 1)))
		return DROP(DEV_HDR);
	skb_reset_mac_header(skb);
	skb_reset_network_header(skb);
	skb->pkt_type = PACKET_HOST;
	skb->protocol = skb->data[0] >> 4 == 6 ? ETH_P_IPV6 : ETH_P_IP;
	return RX_OK;
}

static void raw_header(struct net_device *dev, struct sk_buff *skb, const u8 *dst)
{
}

const struct link_ops raw_link_ops = {
	.name = "raw",
	.rcv = raw_rcv,
	.header = raw_header,
};

int loopback_create(struct net *net)
{
	struct net_device *dev = kzalloc(sizeof(*dev));
	int err;

	if (!dev)
		return -ENOMEM;
	str_copy(dev->name, "lo", sizeof(dev->name));
	dev->mtu = dev->max_mtu = LO_MTU;
	dev->min_mtu = 68;
	dev->features = dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
					   NETIF_F_TSO | NETIF_F_TSO6 | NETIF_F_TSO_ECN | NETIF_F_LOOPBACK;
	dev->flags = IFF_LOOPBACK | IFF_NOARP;
	dev->ops = &lo_ops;
	dev->link = &raw_link_ops;
	dev->driver = "loopback";
	dev->bus = "";
	dev->nr_txq = dev->nr_rxq = net->nr_cpus;
	err = register_netdev(net, dev);
	if (err)
		kfree(dev);
	return err;
}

struct net_device *loopback_dev(struct net *net)
{
	for (unsigned i = 0; i < MAX_NETDEVS; i++)
		if (net->devs[i] && (net->devs[i]->flags & IFF_LOOPBACK))
			return net->devs[i];
	return NULL;
}

void loopback_destroy(struct net *net)
{
	struct net_device *dev = loopback_dev(net);

	if (!dev)
		return;
	net->devs[dev->ifindex - 1] = NULL;
	kfree(dev);
}
