/* SPDX-License-Identifier: MIT
 * arp.c - who has this IPv4 address? (RFC 826, RFC 1122 2.3.2.1; probes, announcements and
 * conflicts: RFC 5227)
 *
 * Owns cpu->neigh->own, the addresses that we answer for. Learns from a stranger only when it asks
 * for us; what is said to others only refreshes entries that exist. Runs in net_rx and timer.
 *
 * Deviation from RFC 5227 2.1: one probe instead of three, and the address is used meanwhile. A
 * guest serves within milliseconds of its boot; a conflict found later still takes the address away
 * (DHCP) or is defended and logged (static).
 */
#include "net/link/link_impl.h"
#include "net/wire/arp.h"
#include "lib/errno.h"

#define ANNOUNCE_WAIT_NS     (100 * NSEC_PER_MSEC) /* an answer to the probe is here by then */
#define ANNOUNCE_NUM         2
#define ANNOUNCE_INTERVAL_NS (2 * NSEC_PER_SEC)
#define DEFEND_INTERVAL_NS   (10 * NSEC_PER_SEC)

static struct arp_own *own_find(struct net_cpu *cpu, const struct net_device *dev, be32 addr)
{
	struct arp_own *o;

	list_for_each_entry(o, &cpu->neigh->own, link)
		if (o->dev == dev && be32_eq(o->addr, addr))
			return o;
	return NULL;
}

/* An address of ours on dev in whose subnet `addr` is; NULL: none. */
static struct arp_own *own_subnet(struct net_cpu *cpu, const struct net_device *dev, be32 addr)
{
	struct arp_own *o;

	list_for_each_entry(o, &cpu->neigh->own, link)
		if (o->dev == dev && !((o->addr.raw ^ addr.raw) & o->mask.raw))
			return o;
	return NULL;
}

/* ---- out ---- */
static void arp_send(struct net_cpu *cpu, struct net_device *dev, const struct arp_info *a,
		     const u8 *to)
{
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	if (!skb)
		return; /* counted by the pool; the timer asks again */
	arp_build(skb_put(skb, sizeof(struct arp_hdr)), a);
	skb_reset_network_header(skb);
	skb->protocol = ETH_P_ARP;
	skb->dev = dev;
	dev->link->header(dev, skb, to);
	FLOW(cpu, ArpOut);
	dev_queue_xmit(cpu, skb);
}

static void arp_request(struct net_cpu *cpu, struct net_device *dev, be32 spa, be32 tpa,
			const u8 *to)
{
	struct arp_info a = { .op = ARPOP_REQUEST, .spa = spa, .tpa = tpa };

	memcpy(a.sha, dev->addr, ETH_ALEN);
	arp_send(cpu, dev, &a, to);
}

static void arp_solicit(struct net_cpu *cpu, struct neigh *n, bool unicast)
{
	be32 target = ip_v4(&n->addr);
	struct arp_own *o = own_subnet(cpu, n->dev, target), *any;

	list_for_each_entry(any, &cpu->neigh->own, link) {
		if (o)
			break;
		if (any->dev == n->dev)
			o = any; /* a gateway outside our subnet */
	}
	if (o)
		arp_request(cpu, n->dev, o->addr, target,
			    unicast ? neigh_ha(n) : n->dev->broadcast);
}

const struct neigh_ops arp_neigh_ops = {
	.ethertype = ETH_P_IP,
	.solicit = arp_solicit,
};

void arp_probe(struct net_cpu *cpu, struct net_device *dev, be32 addr)
{
	arp_request(cpu, dev, (be32){ 0 }, addr, dev->broadcast);
}

void arp_announce(struct net_cpu *cpu, struct net_device *dev, be32 addr)
{
	arp_request(cpu, dev, addr, addr, dev->broadcast);
}

static void announce(struct arp_own *o)
{
	arp_announce(o->cpu, o->dev, o->addr);
}

/* ---- in ---- */
static bool bad_sender(const struct net_device *dev, const struct arp_info *a)
{
	if (eth_is_multicast(a->sha) || eth_is_zero(a->sha) || eth_addr_eq(a->sha, dev->addr))
		return true;
	return v4_is_multicast(a->spa) || v4_is_loopback(a->spa) ||
	       be32_get(a->spa) == 0xffffffff || v4_is_multicast(a->tpa) || v4_is_loopback(a->tpa);
}

/* RFC 5227 2.4: somebody else uses an address of ours. */
static void arp_conflict(struct net_cpu *cpu, struct arp_own *o, const u8 *ha)
{
	struct neigh_cpu *t = cpu->neigh;
	struct ip_addr addr = ip_from_v4(o->addr);
	char text[IP_NTOP_MAX];

	if (!t->conflict_logged_ns || cpu->now_ns - t->conflict_logged_ns >= DEFEND_INTERVAL_NS) {
		t->conflict_logged_ns = cpu->now_ns;
		log_warn("arp: %s: %02x:%02x:%02x:%02x:%02x:%02x uses our address %s too",
			 o->dev->name, ha[0], ha[1], ha[2], ha[3], ha[4], ha[5],
			 ip_ntop(&addr, text));
	}
	if (o->conflict) {
		o->conflict(cpu, o->dev, o->addr, ha, o->arg);
	} else if (!o->defended_ns || cpu->now_ns - o->defended_ns >= DEFEND_INTERVAL_NS) {
		o->defended_ns = cpu->now_ns;
		announce(o);
	}
}

/* RFC 826: merge first, then look at the opcode. */
static enum drop_reason arp_learn(struct net_cpu *cpu, struct net_device *dev,
				  const struct arp_info *a, bool for_us, bool to_us)
{
	struct ip_addr addr = ip_from_v4(a->spa);
	unsigned how = 0;

	if (for_us && a->op == ARPOP_REQUEST && own_subnet(cpu, dev, a->spa))
		how = NEIGH_CREATE;
	if (to_us && a->op == ARPOP_REPLY) /* here or on another CPU: the answer comes to CPU 0 */
		how = NEIGH_SOLICITED | NEIGH_OVERRIDE | NEIGH_IF_ASKED;
	return neigh_update(cpu, dev, &addr, a->sha, how) ? RX_OK : DROP(ARP_SPOOF);
}

static void arp_reply(struct net_cpu *cpu, struct net_device *dev, const struct arp_info *req)
{
	struct arp_info a = { .op = ARPOP_REPLY, .spa = req->tpa, .tpa = req->spa };

	memcpy(a.sha, dev->addr, ETH_ALEN);
	memcpy(a.tha, req->sha, ETH_ALEN);
	arp_send(cpu, dev, &a, req->sha);
}

enum drop_reason arp_rcv(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct net_device *dev = skb->dev;
	struct arp_info a;
	struct arp_own *o;
	bool for_us;
	enum drop_reason r;

	FLOW(cpu, ArpIn);
	if (!dev->link->addr_len || !skb_may_pull(cpu, skb, sizeof(struct arp_hdr)) ||
	    !arp_parse(skb->data, skb_headlen(skb), &a))
		return DROP(ARP_HDR);
	if (bad_sender(dev, &a))
		return DROP(ARP_SPOOF);
	o = own_find(cpu, dev, a.spa);
	if (o) {
		arp_conflict(cpu, o, a.sha);
		return DROP(ARP_SPOOF);
	}
	o = own_find(cpu, dev, a.tpa);
	if (unlikely(o && o->tentative)) {
		if (!a.spa.raw) /* somebody else is about to take it */
			arp_conflict(cpu, o, a.sha);
		o = NULL;
	}
	for_us = o != NULL;
	if (a.spa.raw) { /* 0.0.0.0: a probe, which is answered but not learned from */
		r = arp_learn(cpu, dev, &a, for_us, skb->pkt_type == PACKET_HOST);
		if (r)
			return r;
	}
	if (for_us && a.op == ARPOP_REQUEST)
		arp_reply(cpu, dev, &a);
	return RX_OK;
}

/* ---- own addresses ---- */
static void own_timer(struct timer *t, u64 now_ns)
{
	struct arp_own *o = container_of(t, struct arp_own, timer);

	announce(o);
	if (++o->sent < ANNOUNCE_NUM)
		timer_arm(&o->cpu->wheel, t, now_ns + ANNOUNCE_INTERVAL_NS);
}

int arp_own_add(struct net_cpu *cpu, struct net_device *dev, be32 addr, be32 mask,
		bool with_announce)
{
	struct arp_own *o;

	if (!dev->link->addr_len)
		return 0;
	if (own_find(cpu, dev, addr))
		return -EEXIST;
	if (cpu->neigh->nr_own >= ARP_OWN_MAX)
		return -ENOSPC;
	o = kzalloc(sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct arp_own){ .addr = addr, .mask = mask, .dev = dev, .cpu = cpu };
	timer_init(&o->timer, own_timer);
	list_add_tail(&o->link, &cpu->neigh->own);
	cpu->neigh->nr_own++;
	if (with_announce) {
		arp_probe(cpu, dev, addr);
		timer_arm(&cpu->wheel, &o->timer, cpu->now_ns + ANNOUNCE_WAIT_NS);
	}
	return 0;
}

int arp_own_tentative(struct net_cpu *cpu, struct net_device *dev, be32 addr, arp_conflict_fn fn, void *arg)
{
	int err = arp_own_add(cpu, dev, addr, be32_of(0xffffffff), false);
	struct arp_own *o = err ? NULL : own_find(cpu, dev, addr);

	if (o) {
		o->tentative = true;
		o->conflict = fn;
		o->arg = arg;
	}
	return err;
}

static void own_free(struct arp_own *o)
{
	timer_cancel(&o->cpu->wheel, &o->timer);
	list_del(&o->link);
	o->cpu->neigh->nr_own--;
	kfree(o);
}

void arp_own_del(struct net_cpu *cpu, struct net_device *dev, be32 addr)
{
	struct arp_own *o = own_find(cpu, dev, addr);

	if (o)
		own_free(o);
}

void arp_own_watch(struct net_cpu *cpu, struct net_device *dev, be32 addr, arp_conflict_fn fn,
		   void *arg)
{
	struct arp_own *o = own_find(cpu, dev, addr);

	if (o) {
		o->conflict = fn;
		o->arg = arg;
	}
}

void arp_destroy(struct net_cpu *cpu)
{
	while (!list_empty(&cpu->neigh->own))
		own_free(list_first(&cpu->neigh->own, struct arp_own, link));
}
