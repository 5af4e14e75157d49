/* SPDX-License-Identifier: MIT
 * autoconf.c - addresses that form themselves, and what is asked before one is used (RFC 4862; identifiers: RFC 7217,
 * RFC 5453; probes with a nonce: RFC 7527; looking for routers: RFC 4861 6.3.7, RFC 7559).
 *
 * Owns struct autoconf, on CPU 0 alone; what follows of it for packets is sent to every CPU (ip6_change_all). An
 * identifier follows from prefix, device and a secret: net.ipv6 gets it from ip6.secret= on the command line and else draws
 * one per boot, so that addresses tell nothing of the hardware. Runs in timer, net_rx and the control path.
 */
#include "net/ipv6/autoconf.h"

#define DAD_DELAY_NS    NSEC_PER_SEC             /* MAX_RTR_SOLICITATION_DELAY */
#define DAD_RETRIES     3                        /* IDGEN_RETRIES of RFC 7217 */
#define RS_INTERVAL_NS  (4 * NSEC_PER_SEC)       /* RTR_SOLICITATION_INTERVAL, then doubled (RFC 7559) */
#define RS_INTERVAL_MAX (3600 * NSEC_PER_SEC)

u64 autoconf_random(struct autoconf *ac, u64 max)
{
	return siphash_2u64(ac->random++, ac->cpu->now_ns, &ac->cpu->net->port_key) % (max + 1);
}

/* ---- identifiers ---- */
static bool is_reserved(const u8 *iid) /* RFC 5453: subnet-router anycast, and the 128 anycast identifiers at the end */
{
	static const u8 zero[8], anycast[7] = { 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return !memcmp(iid, zero, 8) || (!memcmp(iid, anycast, 7) && iid[7] >= 0x80);
}

static void stable_identifier(const struct autoconf *ac, struct ip6_ifaddr *a)
{
	struct { /* what the function of RFC 7217 5 sees: no padding */
		u8 prefix[8], mac[6], dad_count, again;
	} f = { .dad_count = a->dad_count };
	u64 rid;

	memcpy(f.prefix, a->addr.b, 8);
	memcpy(f.mac, a->dev->addr, 6);
	do {
		rid = siphash(&f, sizeof(f), &ac->secret);
		memcpy(a->addr.b + 8, &rid, 8);
		f.again++;
	} while (is_reserved(a->addr.b + 8));
}

/* RFC 4291, appendix A. */
static void eui64_identifier(struct ip6_ifaddr *a)
{
	const u8 *m = a->dev->addr;
	u8 iid[8] = { m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5] };

	memcpy(a->addr.b + 8, iid, 8);
}

void autoconf_address(struct autoconf *ac, struct ip6_ifaddr *a)
{
	if (ac->cpu->sysctl.ip6_addr_gen_mode || !a->dev->link->addr_len) {
		a->flags |= IP6_F_STABLE;
		stable_identifier(ac, a);
	} else {
		eui64_identifier(a);
	}
}

/* ---- duplicate address detection ---- */
static struct dad *dad_find(struct autoconf *ac, const struct net_device *dev, const struct ip_addr *addr)
{
	for (unsigned i = 0; i < IP6_ADDRS_MAX; i++)
		if (ac->dads[i].ac && ac->dads[i].dev == dev && ip_eq(&ac->dads[i].addr, addr))
			return &ac->dads[i];
	return NULL;
}

static void dad_free(struct dad *d)
{
	timer_cancel(&d->ac->cpu->wheel, &d->timer);
	d->ac = NULL;
}

static void rs_start(struct ip6_link *l)
{
	const struct net_sysctls *sc = &l->ac->cpu->sysctl;

	if (!sc->ip6_accept_ra || (sc->ip6_forwarding && sc->ip6_accept_ra < 2))
		return;
	l->rs_interval_ns = RS_INTERVAL_NS;
	timer_arm(&l->ac->cpu->wheel, &l->rs_timer, l->ac->cpu->now_ns);
}

static void rs_timer(struct timer *t, u64 now_ns)
{
	struct ip6_link *l = container_of(t, struct ip6_link, rs_timer);

	nd_send_router_solicit(l->ac->cpu, l->dev);
	timer_arm(&l->ac->cpu->wheel, t, now_ns + l->rs_interval_ns);
	l->rs_interval_ns = MIN(l->rs_interval_ns * 2, RS_INTERVAL_MAX);
}

/* Nobody objected. */
static int address_is_good(struct autoconf *ac, struct ip6_ifaddr *a)
{
	char text[IP_NTOP_MAX];
	int err;

	a->state = IP6_VALID;
	a->flags &= (u8)~IP6_F_OPTIMISTIC;
	err = ip6_addr_set(ac->cpu->net, a);
	if (err)
		return err;
	log_notice("%s: address %s/%u", a->dev->name, ip_ntop(&a->addr, text), a->plen);
	if (ip6_is_link_local(&a->addr))
		rs_start(&ac->links[a->dev->ifindex]);
	return 0;
}

static u64 retrans_ns(const struct autoconf *ac, const struct net_device *dev)
{
	u32 said = ac->cpu->ip6->params[dev->ifindex].retrans_ms;

	return (said ? said : (u64)ac->cpu->sysctl.neigh_retrans) * NSEC_PER_MSEC;
}

static void dad_timer(struct timer *t, u64 now_ns)
{
	struct dad *d = container_of(t, struct dad, timer);
	struct ip_addr none = { .q = { 0, 0 } }, group = ip6_solicited_node(&d->addr);
	struct autoconf *ac = d->ac;
	struct ip6_ifaddr a;

	if (d->sent < ac->cpu->sysctl.ip6_dad_transmits) {
		d->sent++;
		nd_send_solicit(ac->cpu, d->dev, &none, &group, &d->addr, d->nonce);
		timer_arm(&ac->cpu->wheel, t, now_ns + retrans_ns(ac, d->dev));
		return;
	}
	a = *ip6_find_addr(ac->cpu, d->dev, &d->addr);
	dad_free(d);
	address_is_good(ac, &a);
}

/* RFC 4862 5.4.2: the first that a link hears of us, and what a router's call makes many hosts do, is delayed; not so what is in
 * use already (RFC 4429 3.3). */
static void dad_start(struct autoconf *ac, const struct ip6_ifaddr *a)
{
	struct ip6_link *l = &ac->links[a->dev->ifindex];
	bool waits = a->state == IP6_TENTATIVE && (!l->probed || a->flags & IP6_F_AUTO);
	u64 delay = waits ? autoconf_random(ac, DAD_DELAY_NS) : 0;
	struct dad *d = ac->dads;

	while (d->ac) /* as many as addresses: one is free */
		d++;
	l->probed = true;
	*d = (struct dad){ .ac = ac, .dev = a->dev, .addr = a->addr, .nonce = autoconf_random(ac, (1ull << 48) - 2) + 1 };
	timer_init(&d->timer, dad_timer);
	timer_arm(&ac->cpu->wheel, &d->timer, ac->cpu->now_ns + delay);
}

/* RFC 4429 3.3: no router's, and only what a router's advertisement formed: before one came nobody is there to send to. */
static bool may_be_optimistic(const struct autoconf *ac, const struct ip6_ifaddr *a)
{
	const struct net_sysctls *sc = &ac->cpu->sysctl;

	return sc->ip6_optimistic_dad && !sc->ip6_forwarding && a->flags & IP6_F_AUTO;
}

int autoconf_begin(struct autoconf *ac, const struct ip6_ifaddr *wanted)
{
	bool ask = wanted->dev->link->addr_len && ac->cpu->sysctl.ip6_dad_transmits;
	struct ip_addr group = ip6_solicited_node(&wanted->addr);
	struct ip6_ifaddr a = *wanted;
	int err;

	a.state = IP6_TENTATIVE;
	a.flags &= (u8)~IP6_F_OPTIMISTIC;
	if (ask && may_be_optimistic(ac, &a)) {
		a.state = IP6_VALID;
		a.flags |= IP6_F_OPTIMISTIC;
	}
	err = ip6_addr_set(ac->cpu->net, &a);
	if (err)
		return err;
	mld_joined(ac->cpu, a.dev, &group);
	if (!ask)
		return address_is_good(ac, &a);
	dad_start(ac, &a);
	return 0;
}

void autoconf_end(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr)
{
	struct ip6_ifaddr *found = ip6_find_addr(ac->cpu, dev, addr), a;
	struct ip_addr group = ip6_solicited_node(addr);
	struct dad *d = dad_find(ac, dev, addr);

	if (d)
		dad_free(d);
	if (!found)
		return;
	a = *found;
	ip6_addr_forget(ac->cpu->net, &a);
	mld_left(ac->cpu, dev, &group);
}

/* RFC 4862 5.4.5; RFC 7217 6: another identifier, a few times. A link without a link-local address has no IPv6. */
static void rcv_conflict(struct autoconf *ac, struct net_device *dev, const struct ip_addr *addr, u64 nonce)
{
	struct dad *d = dad_find(ac, dev, addr);
	struct ip6_ifaddr a;
	char text[IP_NTOP_MAX];

	if (!d || (nonce && nonce == d->nonce))
		return;
	a = *ip6_find_addr(ac->cpu, dev, addr);
	log_warn("ipv6: %s: %s is somebody else's already", dev->name, ip_ntop(addr, text));
	STAT(ac->cpu, Ip6DadConflicts);
	dad_free(d);
	if (a.flags & IP6_F_STABLE && a.dad_count < DAD_RETRIES) {
		autoconf_end(ac, dev, addr);
		a.dad_count++;
		autoconf_address(ac, &a);
		autoconf_begin(ac, &a);
		return;
	}
	a.state = IP6_DUPLICATE;
	a.flags &= (u8)~IP6_F_OPTIMISTIC;
	ip6_addr_set(ac->cpu->net, &a);
	if (ip6_is_link_local(addr)) {
		log_err("ipv6: %s: no link-local address is left to try; IPv6 is off there", dev->name);
		ip6_params_set(ac->cpu->net, dev, &(struct ip6_params){ .up = false });
	}
}

/* ---- from other CPUs ---- */
static void act(struct autoconf *ac, const struct note *n, const u8 *data)
{
	switch ((enum note_kind)n->kind) {
	case NOTE_CONFLICT:
		rcv_conflict(ac, n->dev, &n->addr, n->nonce);
		break;
	case NOTE_ADVERT:
		prefix_advert(ac, n->dev, &n->addr, data, n->len);
		break;
	case NOTE_NO_ROUTER:
		prefix_no_router(ac, n->dev, &n->addr);
		break;
	case NOTE_QUERY:
		mld_query(ac, n->dev, data, n->len);
		break;
	}
}

static void note_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct note *n = container_of(msg, struct note, msg);

	act(cpu->ip6->autoconf, n, n->data);
	kfree(n);
}

void autoconf_note(struct net_cpu *cpu, const struct note *n, const u8 *data)
{
	struct note *copy;

	if (cpu->ip6->autoconf) {
		act(cpu->ip6->autoconf, n, data);
		return;
	}
	copy = kmalloc(sizeof(*copy) + n->len);
	if (!copy)
		return;
	memcpy(copy, n, sizeof(*copy));
	if (data)
		memcpy(copy->data, data, n->len);
	copy->msg.fn = note_rcv;
	if (!inbox_post(cpu, cpu->net->cpus[0], &copy->msg))
		kfree(copy);
}

void autoconf_conflict(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr, u64 nonce)
{
	autoconf_note(cpu, &(struct note){ .kind = NOTE_CONFLICT, .dev = dev, .addr = *addr, .nonce = nonce }, NULL);
}

void autoconf_advert(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *router, const u8 *msg, unsigned len)
{
	autoconf_note(cpu, &(struct note){ .kind = NOTE_ADVERT, .dev = dev, .addr = *router, .len = (u16)len }, msg);
}

void autoconf_no_router(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr)
{
	autoconf_note(cpu, &(struct note){ .kind = NOTE_NO_ROUTER, .dev = dev, .addr = *addr }, NULL);
}

/* ---- control path ---- */
int ip6_dev_up(struct net *net, struct net_device *dev)
{
	struct autoconf *ac = net->cpus[0]->ip6->autoconf;
	struct ip6_link *l = &ac->links[dev->ifindex];
	struct ip6_ifaddr a = { .addr = { .b = { 0xfe, 0x80 } }, .dev = dev, .plen = 64,
				.valid_ns = TIME_NEVER, .preferred_ns = TIME_NEVER };

	if (dev->mtu < IPV6_MTU_MIN)
		return -EINVAL;
	if (l->dev)
		return 0;
	l->ac = ac;
	l->dev = dev;
	timer_init(&l->rs_timer, rs_timer);
	timer_init(&l->mld_timer, mld_timer);
	ip6_params_set(net, dev, &(struct ip6_params){ .up = true });
	autoconf_address(ac, &a);
	return autoconf_begin(ac, &a);
}

int ip6_addr_add(struct net *net, struct net_device *dev, const struct ip_addr *addr, unsigned plen)
{
	struct net_cpu *cpu = net->cpus[0];
	struct ip6_ifaddr a = { .addr = *addr, .dev = dev, .plen = (u8)plen, .valid_ns = TIME_NEVER, .preferred_ns = TIME_NEVER };
	struct ip6_route r = { .dst = ip_prefix_of(addr, MIN(plen, 128u)), .dev = dev, .plen = (u8)plen, .metric = 256 };
	int err;

	if (!plen || plen > 128 || ip_is_v4(addr) || ip6_is_unspecified(addr) || ip6_is_multicast(addr) ||
	    ip6_is_loopback(addr) || !cpu->ip6->params[dev->ifindex].up)
		return -EINVAL;
	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++)
		if (ip_eq(&cpu->ip6->addrs[i].addr, addr))
			return -EEXIST;
	err = autoconf_begin(cpu->ip6->autoconf, &a);
	if (!err && plen < 128 && !ip6_is_link_local(addr)) {
		err = ip6_route_add(net, &r);
		err = err == -EEXIST ? 0 : err;
	}
	return err;
}

/* Does another static address keep the on-link route of this one? */
static bool route_is_shared(struct net_cpu *cpu, const struct ip6_ifaddr *gone)
{
	for (unsigned i = 0; i < cpu->ip6->nr_addrs; i++) {
		const struct ip6_ifaddr *a = &cpu->ip6->addrs[i];

		if (a->dev == gone->dev && a->plen == gone->plen && !(a->flags & IP6_F_AUTO) &&
		    ip_prefix_eq(&a->addr, &gone->addr, a->plen))
			return true;
	}
	return false;
}

int ip6_addr_del(struct net *net, struct net_device *dev, const struct ip_addr *addr)
{
	struct ip6_ifaddr *found = ip6_find_addr(net->cpus[0], dev, addr), a;
	struct ip_addr none = { .q = { 0, 0 } }, prefix;

	if (!found)
		return -EADDRNOTAVAIL;
	a = *found;
	autoconf_end(net->cpus[0]->ip6->autoconf, dev, addr);
	prefix = ip_prefix_of(addr, a.plen);
	if (!(a.flags & IP6_F_AUTO) && !route_is_shared(net->cpus[0], &a))
		ip6_route_del(net, &prefix, a.plen, &none, dev);
	return 0;
}

int autoconf_init(struct net_cpu *cpu)
{
	struct autoconf *ac = kzalloc(sizeof(*ac));

	if (!ac)
		return -ENOMEM;
	ac->cpu = cpu;
	ac->random = siphash_2u64(1, 2, &cpu->net->isn_key);
	ac->secret = (struct siphash_key){ { siphash_2u64(3, 4, &cpu->net->isn_key), siphash_2u64(5, 6, &cpu->net->isn_key) } };
	timer_init(&ac->life, prefix_life_timer);
	cpu->ip6->autoconf = ac;
	return 0;
}

void autoconf_destroy(struct net_cpu *cpu)
{
	struct autoconf *ac = cpu->ip6->autoconf;

	for (unsigned i = 0; i < IP6_ADDRS_MAX; i++)
		if (ac->dads[i].ac)
			dad_free(&ac->dads[i]);
	for (unsigned i = 0; i <= MAX_NETDEVS; i++) {
		if (!ac->links[i].dev)
			continue;
		timer_cancel(&cpu->wheel, &ac->links[i].rs_timer);
		timer_cancel(&cpu->wheel, &ac->links[i].mld_timer);
	}
	timer_cancel(&cpu->wheel, &ac->life);
	kfree(ac);
	cpu->ip6->autoconf = NULL;
}
