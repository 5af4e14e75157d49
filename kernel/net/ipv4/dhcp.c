/* SPDX-License-Identifier: MIT
 * dhcp.c - DHCP client (RFC 2131 4.4, RFC 2132): finds a device an address and keeps the lease.
 *
 *	INIT -> SELECTING        [start_over]
 *	SELECTING -> REQUESTING  [take_offer]
 *	REQUESTING -> BOUND      [take_ack]     -> INIT [take_nak, no answer]
 *	BOUND -> RENEWING        [T1]
 *	RENEWING -> BOUND        [take_ack]     -> REBINDING [T2]  -> INIT [take_nak]
 *	REBINDING -> BOUND       [take_ack]     -> INIT [take_nak, the lease is over]
 *	BOUND and later -> INIT  [conflict]
 *
 * Owns one struct dhcp per device in cpu->ip->dhcp of CPU 0, with a UDP sock of the stack's own.
 * Runs in net_rx (its sock's event) and timer. Deviations: the first DISCOVER leaves at once and is
 * repeated after one second, not after one to ten and four (4.4.1, 4.1): a guest's boot waits for
 * it; the first good offer is taken. The address is probed for as arp.c does it, in use meanwhile.
 */
#include "net/ipv4/dhcp.h"
#include "net/ipv4/ip_impl.h"
#include "net/ipv4/linklocal.h"
#include "net/ipv4/udp.h"
#include "net/wire/dhcp.h"

#define RETRANS_FIRST_S   1
#define RETRANS_MAX_S     64
#define REQUEST_TRIES     4
#define LINKLOCAL_TRIES   4   /* unanswered DISCOVERs, some seven seconds: a server that boots too has its chance */
#define DECLINE_WAIT_S    10  /* RFC 2131 3.1 (5) */
#define RENEW_RETRY_MIN_S 60  /* RFC 2131 4.4.5 */
#define LEASE_MIN_S       10  /* a shorter one would be nothing but renewing */
#define MTU_MIN           576

enum dhcp_phase {
	DHCP_INIT,
	DHCP_SELECTING,
	DHCP_REQUESTING,
	DHCP_BOUND,
	DHCP_RENEWING,
	DHCP_REBINDING
};

struct dhcp {
	struct list_head link;
	struct net_cpu *cpu;
	struct net_device *dev;
	struct sock *sk;
	struct timer timer;
	enum dhcp_phase phase;
	u32 xid;
	unsigned tries;
	u64 started_ns;    /* of this attempt: the secs field */
	u64 t1_ns, t2_ns, end_ns; /* of the lease; TIME_NEVER: it lasts for ever */
	struct linklocal *own; /* an address meanwhile; NULL: none */
	struct dhcp_lease lease; /* offered (REQUESTING) or in force (BOUND and later) */
	dhcp_fn fn;
	void *arg;
};

static bool is_bound(const struct dhcp *d) { return d->phase >= DHCP_BOUND; }

static struct dhcp *dhcp_find(struct net_device *dev)
{
	struct dhcp *d;

	list_for_each_entry(d, &dev->net->cpus[0]->ip->dhcp, link)
		if (d->dev == dev)
			return d;
	return NULL;
}

/* ---- out ---- */
static void send(struct dhcp *d, struct dhcp_msg *m, be32 to)
{
	u8 buf[DHCP_MSG_MAX];
	struct sockaddr_ip name = { .family = AF_INET,
				    .port = DHCP_SERVER_PORT,
				    .addr = ip_from_v4(to) };
	struct iovec iov = { .iov_base = buf };
	struct msghdr msg = { .msg_name = &name, .msg_iov = &iov, .msg_iovlen = 1 };

	m->xid = d->xid;
	m->secs = (u16)MIN((d->cpu->now_ns - d->started_ns) / NSEC_PER_SEC, 0xffffull);
	memcpy(m->chaddr, d->dev->addr, 6);
	iov.iov_len = dhcp_build(buf, m);
	/* what does not leave is sent again by the timer */
	udp_prot.sendmsg(d->sk, &msg, MSG_DONTWAIT);
}

static void broadcast(struct dhcp *d, struct dhcp_msg *m)
{
	send(d, m, be32_of(0xffffffff));
}

static void new_xid(struct dhcp *d)
{
	d->xid = (u32)siphash_2u64(d->cpu->now_ns, d->xid ^ (u64)d->dev->ifindex << 32,
				   &d->cpu->net->port_key);
}

/* ---- timers ---- */
static void arm_after_ns(struct dhcp *d, u64 ns)
{
	timer_arm(&d->cpu->wheel, &d->timer, d->cpu->now_ns + ns);
}

/* RFC 2131 4.1: doubled each time, one second more or less at random (half of it while it is
 * short). */
static void arm_retransmission(struct dhcp *d)
{
	u64 base =
		MIN((u64)RETRANS_FIRST_S << MIN(d->tries, 6u), (u64)RETRANS_MAX_S) * NSEC_PER_SEC;
	u64 jitter = MIN(base / 2, (u64)NSEC_PER_SEC);
	u64 r = siphash_2u64(d->cpu->now_ns, d->xid, &d->cpu->net->port_key) % (2 * jitter);

	d->tries++;
	arm_after_ns(d, base - jitter + r);
}

/* RFC 2131 4.4.5: half of the time that is left, but at least a minute. */
static void arm_half_way(struct dhcp *d, u64 until_ns)
{
	u64 left = until_ns - MIN(until_ns, d->cpu->now_ns),
	    wait = MAX(left / 2, (u64)RENEW_RETRY_MIN_S * NSEC_PER_SEC);

	arm_after_ns(d, MIN(left, wait));
}

/* ---- the search ---- */
static void discover(struct dhcp *d)
{
	broadcast(d, &(struct dhcp_msg){ .type = DHCPDISCOVER });
	if (d->tries == LINKLOCAL_TRIES && !d->own)
		d->own = linklocal_start(d->dev);
	arm_retransmission(d);
}

static void start_over(struct dhcp *d)
{
	d->phase = DHCP_SELECTING;
	d->tries = 0;
	d->started_ns = d->cpu->now_ns;
	d->cpu->ip->dhcp_devs |= 1u << d->dev->ifindex;
	new_xid(d);
	discover(d);
}

static void request(struct dhcp *d)
{
	broadcast(d, &(struct dhcp_msg){ .type = DHCPREQUEST,
					 .requested = d->lease.addr,
					 .server_id = d->lease.server });
	arm_retransmission(d);
}

/* ---- a lease ---- */
static unsigned mask_len(be32 mask, be32 addr)
{
	u32 m = be32_get(mask), top = be32_get(addr) >> 24;

	if (m && m != ~0u && !(~m & (~m + 1)))
		return 32 - (unsigned)__builtin_ctz(m);
	/* none or nonsense: the class, RFC 950 */
	return m == ~0u ? 32 : top < 128 ? 8 : top < 192 ? 16 : 24;
}

/* Is it an address that a host can have? */
static bool usable_addr(struct dhcp *d, const struct dhcp_msg *m)
{
	unsigned plen = mask_len(m->mask, m->yiaddr);
	u32 host = be32_get(m->yiaddr) & ~be32_get(v4_mask(plen));
	enum addr_type type = ip_addr_type_slow(d->cpu, m->yiaddr);

	return type == ADDR_UNICAST && (plen > 30 || (host && host != ~be32_get(v4_mask(plen))));
}

static void lease_from(struct dhcp *d, const struct dhcp_msg *m, struct dhcp_lease *l)
{
	*l = (struct dhcp_lease){
		.addr = m->yiaddr,
		.server = m->server_id,
		.lease_s = m->lease_s,
		.nr_dns = m->nr_dns,
	};
	l->prefix_len = (u8)mask_len(m->mask, m->yiaddr);
	if (!((m->router.raw ^ m->yiaddr.raw) & v4_mask(l->prefix_len).raw) &&
	    !be32_eq(m->router, m->yiaddr))
		l->router = m->router; /* one outside the subnet could not be reached */
	if (m->mtu >= MTU_MIN && m->mtu <= d->dev->max_mtu)
		l->mtu = m->mtu;
	l->renew_s = m->renew_s;
	l->rebind_s = m->rebind_s;
	/* RFC 2131 4.4.5: the defaults */
	if (!l->renew_s || l->renew_s >= l->rebind_s || l->rebind_s >= l->lease_s) {
		l->renew_s = l->lease_s / 2;
		l->rebind_s = (u32)((u64)l->lease_s * 7 / 8);
	}
	memcpy(l->dns, m->dns, sizeof(l->dns));
	memcpy(l->hostname, m->hostname, sizeof(l->hostname));
	memcpy(l->domain, m->domain, sizeof(l->domain));
}

static void unconfigure(struct dhcp *d)
{
	ip_addr_del(d->dev->net, d->dev, d->lease.addr); /* its routes go with it */
}

static void lose_lease(struct dhcp *d)
{
	if (!is_bound(d))
		return;
	unconfigure(d);
	d->phase = DHCP_INIT;
	d->fn(d->dev, &d->lease, false, d->arg);
}

/* RFC 2131 3.1 (5): ARP found another host with the address. */
static void conflict(struct net_cpu *cpu, struct net_device *dev, be32 addr, const u8 *ha,
		     void *arg)
{
	struct dhcp *d = arg;

	broadcast(d, &(struct dhcp_msg){ .type = DHCPDECLINE,
					 .requested = addr,
					 .server_id = d->lease.server });
	lose_lease(d);
	d->phase = DHCP_INIT;
	arm_after_ns(d, DECLINE_WAIT_S * NSEC_PER_SEC);
}

static int configure(struct dhcp *d)
{
	const struct dhcp_lease *l = &d->lease;
	struct net *net = d->dev->net;
	int err;

	if (l->mtu)
		d->dev->mtu = l->mtu;
	linklocal_stop(d->own); /* RFC 3927 1.9 */
	d->own = NULL;
	err = ip_addr_add(net, d->dev, l->addr, l->prefix_len);
	if (err)
		return err;
	arp_own_watch(d->cpu, d->dev, l->addr, conflict, d);
	if (l->router.raw)
		err = ip_route_add(net, (be32){ 0 }, 0, l->router, d->dev, d->dev->ifindex);
	return err == -EEXIST ? 0 : err;
}

static void set_times(struct dhcp *d)
{
	u64 now = d->cpu->now_ns;

	d->t1_ns = d->t2_ns = d->end_ns = TIME_NEVER;
	timer_cancel(&d->cpu->wheel, &d->timer);
	if (d->lease.lease_s == UINT32_MAX)
		return;
	d->t1_ns = now + d->lease.renew_s * NSEC_PER_SEC;
	d->t2_ns = now + d->lease.rebind_s * NSEC_PER_SEC;
	d->end_ns = now + d->lease.lease_s * NSEC_PER_SEC;
	timer_arm(&d->cpu->wheel, &d->timer, d->t1_ns);
}

static bool same_config(const struct dhcp_lease *a, const struct dhcp_lease *b)
{
	return be32_eq(a->addr, b->addr) && be32_eq(a->router, b->router) &&
	       a->prefix_len == b->prefix_len && a->mtu == b->mtu;
}

/* ---- in ---- */
static void take_offer(struct dhcp *d, const struct dhcp_msg *m)
{
	if (!usable_addr(d, m))
		return;
	lease_from(d, m, &d->lease);
	d->phase = DHCP_REQUESTING;
	d->tries = 0;
	request(d);
}

static void take_ack(struct dhcp *d, const struct dhcp_msg *m)
{
	bool renewed = is_bound(d);
	struct dhcp_lease l;

	if (m->lease_s < LEASE_MIN_S || !usable_addr(d, m))
		return;
	lease_from(d, m, &l);
	if (!renewed || !same_config(&l, &d->lease)) {
		if (renewed)
			unconfigure(d);
		renewed = false;
		d->lease = l;
		if (configure(d)) {
			d->phase = DHCP_INIT;
			arm_after_ns(d, DECLINE_WAIT_S * NSEC_PER_SEC);
			return;
		}
	}
	d->lease = l;
	d->phase = DHCP_BOUND;
	d->cpu->ip->dhcp_devs &= ~(1u << d->dev->ifindex);
	set_times(d);
	if (!renewed)
		d->fn(d->dev, &d->lease, true, d->arg);
}

static void take_nak(struct dhcp *d)
{
	lose_lease(d);
	d->phase = DHCP_INIT;
	/* a server that only refuses is not asked in a loop */
	arm_after_ns(d, RETRANS_FIRST_S * NSEC_PER_SEC);
}

/* Is it an answer to what this client asked last, from a server that it listens to now? */
static bool is_ours(const struct dhcp *d, const struct dhcp_msg *m)
{
	if (m->xid != d->xid || memcmp(m->chaddr, d->dev->addr, 6) || !m->server_id.raw)
		return false;
	return d->phase == DHCP_SELECTING || d->phase == DHCP_REBINDING ||
	       be32_eq(m->server_id, d->lease.server);
}

static void rcv(struct dhcp *d, const struct dhcp_msg *m)
{
	bool asked = d->phase == DHCP_REQUESTING || d->phase == DHCP_RENEWING ||
		     d->phase == DHCP_REBINDING;

	if (!is_ours(d, m))
		return;
	if (m->type == DHCPOFFER && d->phase == DHCP_SELECTING)
		take_offer(d, m);
	else if (m->type == DHCPACK && asked)
		take_ack(d, m);
	else if (m->type == DHCPNAK && asked)
		take_nak(d);
}

static void on_event(struct sock *sk, u32 events)
{
	u8 buf[1500];
	struct dhcp_msg m;
	struct sk_buff *skb;
	struct dhcp *d;
	int err;

	list_for_each_entry(d, &sk->cpu->ip->dhcp, link)
		if (d->sk == sk)
			break;
	while ((skb = udp_prot.recv_skb(sk, &err))) {
		unsigned len = MIN(skb->len, (u32)sizeof(buf));
		bool good = udp_cb(skb)->sport == DHCP_SERVER_PORT &&
			    !skb_copy_bits(skb, 0, buf, len) && dhcp_parse(buf, len, &m);

		consume_skb(sk->cpu, skb);
		if (good)
			rcv(d, &m);
	}
}

/* ---- time passes ---- */
static void renew(struct dhcp *d)
{
	send(d, &(struct dhcp_msg){ .type = DHCPREQUEST, .ciaddr = d->lease.addr },
	     d->lease.server);
	arm_half_way(d, d->t2_ns);
}

static void rebind(struct dhcp *d)
{
	broadcast(d, &(struct dhcp_msg){ .type = DHCPREQUEST, .ciaddr = d->lease.addr });
	arm_half_way(d, d->end_ns);
}

static void on_lease_timer(struct dhcp *d, u64 now_ns)
{
	if (now_ns >= d->end_ns) {
		lose_lease(d);
		start_over(d);
	} else if (now_ns >= d->t2_ns) {
		d->phase = DHCP_REBINDING;
		rebind(d);
	} else {
		if (d->phase == DHCP_BOUND) {
			d->phase = DHCP_RENEWING;
			d->started_ns = now_ns;
			new_xid(d);
		}
		renew(d);
	}
}

static void on_timer(struct timer *t, u64 now_ns)
{
	struct dhcp *d = container_of(t, struct dhcp, timer);

	if (is_bound(d))
		on_lease_timer(d, now_ns);
	else if (d->phase == DHCP_SELECTING)
		discover(d);
	else if (d->phase == DHCP_REQUESTING && d->tries < REQUEST_TRIES)
		request(d);
	else
		start_over(d);
}

/* ---- life ---- */
static void dhcp_free(struct dhcp *d)
{
	timer_cancel(&d->cpu->wheel, &d->timer);
	linklocal_free(d->own);
	list_del(&d->link);
	d->cpu->ip->dhcp_devs &= ~(1u << d->dev->ifindex);
	if (d->sk)
		udp_prot.close(d->sk);
	kfree(d);
}

static int open_sock(struct dhcp *d)
{
	struct sockaddr_ip any = { .family = AF_INET,
				   .port = DHCP_CLIENT_PORT,
				   .addr = ip_from_v4((be32){ 0 }) };

	d->sk = udp_sock_create(d->cpu);
	if (!d->sk)
		return -ENOMEM;
	d->sk->bound_dev = d->dev;
	d->sk->broadcast = true;
	d->sk->event = on_event;
	return udp_prot.bind(d->sk, &any);
}

int dhcp_start(struct net_device *dev, dhcp_fn fn, void *arg)
{
	struct net_cpu *cpu = dev->net->cpus[0];
	struct dhcp *d;
	int err;

	if (dhcp_find(dev))
		return -EBUSY;
	d = kzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	*d = (struct dhcp){ .cpu = cpu, .dev = dev, .fn = fn, .arg = arg };
	timer_init(&d->timer, on_timer);
	list_add_tail(&d->link, &cpu->ip->dhcp);
	err = open_sock(d);
	if (err) {
		dhcp_free(d);
		return err;
	}
	start_over(d);
	return 0;
}

void dhcp_stop(struct net_device *dev, bool release)
{
	struct dhcp *d = dhcp_find(dev);

	if (!d)
		return;
	if (is_bound(d)) {
		if (release)
			send(d,
			     &(struct dhcp_msg){ .type = DHCPRELEASE,
						 .ciaddr = d->lease.addr,
						 .server_id = d->lease.server },
			     d->lease.server);
		unconfigure(d);
	}
	linklocal_stop(d->own);
	d->own = NULL;
	dhcp_free(d);
}

const struct dhcp_lease *dhcp_lease(struct net_device *dev)
{
	struct dhcp *d = dhcp_find(dev);

	return d && is_bound(d) ? &d->lease : NULL;
}

const char *dhcp_state(struct net_device *dev)
{
	static const char *const names[] = { "INIT",  "SELECTING", "REQUESTING",
					     "BOUND", "RENEWING",  "REBINDING" };
	struct dhcp *d = dhcp_find(dev);

	return d ? names[d->phase] : NULL;
}

int dhcp_cpu_init(struct net_cpu *cpu)
{
	list_init(&cpu->ip->dhcp);
	return 0;
}

void dhcp_cpu_destroy(struct net_cpu *cpu)
{
	while (!list_empty(&cpu->ip->dhcp))
		dhcp_free(list_first(&cpu->ip->dhcp, struct dhcp, link));
}
