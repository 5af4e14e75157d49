/* SPDX-License-Identifier: MIT
 * neigh.c - which link address has a next hop? (RFC 4861 7.3, RFC 1122 2.3.2)
 *
 * Owns cpu->neigh, one table per CPU for both families. A packet whose next hop is unknown is
 * parked on its entry, at most NEIGH_PARKED of them, and leaves when the answer comes, or is
 * dropped with NEIGH_FAILED. What one CPU learns it tells the others. Each entry has one timer,
 * which ends its state. Runs in net_rx, timer, and under the transports' output.
 */
#include "net/link/link_impl.h"
#include "lib/errno.h"

#define LOCKTIME_NS                                                                                \
	NSEC_PER_SEC /* a link address does not change faster: two hosts fighting for an address */
#define EVICT_STEPS 32           /* entries looked at to make room for one */
#define GONE_MAX    64           /* entries that left the table before their memory is free again */

static unsigned family_of(const struct ip_addr *addr)
{
	return ip_is_v4(addr) ? NEIGH_V4 : NEIGH_V6;
}
static struct neigh_family *home_of(const struct neigh *n)
{
	return &n->cpu->neigh->families[family_of(&n->addr)];
}
static u64 ms(s64 n) { return (u64)n * NSEC_PER_MSEC; }

static const struct neigh_ops *ops_of(const struct neigh *n)
{
	return n->cpu->neigh->ops[family_of(&n->addr)];
}

/* Times that a router announced for the link go before ours (RFC 4861 6.3.4). */
static u64 retrans_ns(const struct neigh *n)
{
	const struct neigh_ops *ops = ops_of(n);
	u32 said = ops && ops->retrans_ms ? ops->retrans_ms(n->cpu, n->dev) : 0;

	return ms(said ? said : n->cpu->sysctl.neigh_retrans);
}

static u64 base_reachable_ns(const struct neigh *n)
{
	const struct neigh_ops *ops = ops_of(n);
	u32 said = ops && ops->reachable_ms ? ops->reachable_ms(n->cpu, n->dev) : 0;

	return ms(said ? said : n->cpu->sysctl.neigh_base_reachable);
}

const char *neigh_state_name(enum neigh_state s)
{
	static const char *const names[] = {
		[NEIGH_NONE] = "NONE",           [NEIGH_INCOMPLETE] = "INCOMPLETE",
		[NEIGH_REACHABLE] = "REACHABLE", [NEIGH_STALE] = "STALE",
		[NEIGH_DELAY] = "DELAY",         [NEIGH_PROBE] = "PROBE",
		[NEIGH_FAILED] = "FAILED",
	};

	return (unsigned)s < ARRAY_SIZE(names) ? names[s] : "?";
}

/* ---- table ---- */
static struct hlist_head *bucket(struct net_cpu *cpu, struct net_device *dev,
				 const struct ip_addr *addr)
{
	u32 h = hsiphash_3u32(addr->w[3].raw, addr->w[2].raw ^ addr->w[1].raw, dev->ifindex,
			      &cpu->net->hash_key);

	return &cpu->neigh->buckets[h % NEIGH_BUCKETS];
}

struct neigh *neigh_lookup(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr)
{
	struct neigh *n;

	hlist_for_each_entry(n, bucket(cpu, dev, addr), hash)
		if (n->dev == dev && ip_eq(&n->addr, addr))
			return n;
	return NULL;
}

static struct sk_buff *unpark(struct neigh *n)
{
	struct sk_buff *skb = skb_dequeue(&n->parked);

	n->cpu->neigh->nr_parked -= !!skb;
	return skb;
}

/* From here on nobody has them: every cached route is asked for again. */
static void free_gone(struct net_cpu *cpu)
{
	struct neigh_cpu *t = cpu->neigh;

	cpu->dst_gen++;
	while (!list_empty(&t->gone)) {
		struct neigh *n = list_first(&t->gone, struct neigh, lru);

		list_del(&n->lru);
		kmem_cache_free(t->cache, n);
	}
	t->nr_gone = 0;
}

/* Takes it out of the table. Its memory waits for others, so that a flood, which evicts one entry for each that it makes,
 * does not have all routes asked for again each time. */
static void neigh_free(struct net_cpu *cpu, struct neigh *n, enum drop_reason reason)
{
	struct neigh_family *f = home_of(n);

	timer_cancel(&cpu->wheel, &n->timer);
	FLOW_ADD(cpu, OutDropped, n->parked.qlen);
	cpu->neigh->nr_parked -= n->parked.qlen;
	skb_queue_purge(cpu, &n->parked, reason);
	hlist_del(&n->hash);
	list_del(&n->lru);
	f->nr--;
	f->nr_heard -= n->heard;
	if (n->is_router || n->state == NEIGH_FAILED)
		cpu->dst_gen++; /* it is no reason any more to go another way */
	n->state = NEIGH_NONE;
	n->gone = true;
	list_add_tail(&n->lru, &cpu->neigh->gone);
	if (++cpu->neigh->nr_gone >= GONE_MAX)
		free_gone(cpu);
}

/* ---- who makes room ---- */
/* In use: a table full of these takes no newcomer, so that a scan of the net does not push out
 * those we talk with. */
static bool is_precious(const struct neigh *n)
{
	return neigh_is_valid(n) && (n->state != NEIGH_STALE ||
				     n->cpu->now_ns - n->used_ns < ms(n->cpu->sysctl.neigh_gc_stale));
}
static bool is_not_precious(const struct neigh *n) { return !is_precious(n); }
/* Not in use, and nobody waits for it. */
static bool is_spare(const struct neigh *n) { return !is_precious(n) && n->state != NEIGH_INCOMPLETE; }
/* Asked us once, was answered, and nothing since. */
static bool is_stranger(const struct neigh *n) { return n->sent < 2 || !neigh_is_valid(n); }
static bool is_any(const struct neigh *n) { return n != NULL; }

static bool evict(struct net_cpu *cpu, struct list_head *list, bool (*may_go)(const struct neigh *n))
{
	for (unsigned i = 0; i < EVICT_STEPS && !list_empty(list); i++) {
		struct neigh *n = list_first(list, struct neigh, lru);

		if (may_go(n)) {
			cpu->neigh->evicted++;
			neigh_free(cpu, n, DROP(NEIGH_NOMEM));
			return true;
		}
		list_del(&n->lru);
		list_add_tail(&n->lru, list);
	}
	return false;
}

/* For one that we look for. */
static bool room_for_wanted(struct net_cpu *cpu, struct neigh_family *f, unsigned max)
{
	return f->nr < max || evict(cpu, &f->heard, is_stranger) || evict(cpu, &f->wanted, is_spare) ||
	       evict(cpu, &f->heard, is_any) || evict(cpu, &f->wanted, is_not_precious);
}

/* For one that spoke to us: of those that we look for none makes room. */
static bool room_for_heard(struct net_cpu *cpu, struct neigh_family *f, unsigned max, unsigned max_heard)
{
	if (f->nr < max && f->nr_heard < max_heard)
		return true;
	return evict(cpu, &f->heard, is_stranger) || evict(cpu, &f->heard, is_any) ||
	       (f->nr_heard < max_heard && evict(cpu, &f->wanted, is_spare));
}

static bool make_room(struct net_cpu *cpu, unsigned family, bool heard)
{
	const struct net_sysctls *sc = &cpu->sysctl;
	struct neigh_family *f = &cpu->neigh->families[family];
	unsigned max = (unsigned)(family == NEIGH_V6 ? sc->neigh6_max : sc->neigh_max);
	unsigned max_heard = (unsigned)(family == NEIGH_V6 ? sc->neigh6_heard : sc->neigh_heard);

	if (heard ? room_for_heard(cpu, f, max, max_heard) : room_for_wanted(cpu, f, max))
		return true;
	cpu->neigh->full++;
	return false;
}

static void neigh_timer(struct timer *timer, u64 now_ns);

static struct neigh *get(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr, bool heard)
{
	struct neigh_family *f = &cpu->neigh->families[family_of(addr)];
	struct neigh *n = neigh_lookup(cpu, dev, addr);

	if (n)
		return n;
	if (!make_room(cpu, family_of(addr), heard))
		return NULL;
	n = kmem_cache_alloc(cpu->neigh->cache);
	if (!n)
		return NULL;
	*n = (struct neigh){ .cpu = cpu, .dev = dev, .addr = *addr, .used_ns = cpu->now_ns, .heard = heard };
	skb_queue_init(&n->parked);
	timer_init(&n->timer, neigh_timer);
	timer_arm(&cpu->wheel, &n->timer, cpu->now_ns + ms(cpu->sysctl.neigh_gc_stale));
	hlist_add(&n->hash, bucket(cpu, dev, addr));
	list_add_tail(&n->lru, heard ? &f->heard : &f->wanted);
	f->nr++;
	f->nr_heard += heard;
	return n;
}

struct neigh *neigh_get(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr)
{
	return get(cpu, dev, addr, false);
}

bool neigh_is_failed(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr)
{
	struct neigh *n = neigh_lookup(cpu, dev, addr);

	return n && n->state == NEIGH_FAILED;
}

void neigh_flush(struct net_cpu *cpu, struct net_device *dev)
{
	const struct neigh *n = neigh_next(cpu, NULL), *next;

	for (; n; n = next) {
		next = neigh_next(cpu, n);
		if (n->dev == dev)
			neigh_free(cpu, (struct neigh *)n, DROP(DEV_READY));
	}
	free_gone(cpu);
}

#define NR_LISTS (2u * NR_NEIGH_FAMILIES)
static const struct list_head *list_nr(const struct net_cpu *cpu, unsigned i)
{
	const struct neigh_family *f = &cpu->neigh->families[i / 2];

	return i % 2 ? &f->heard : &f->wanted;
}

const struct neigh *neigh_next(const struct net_cpu *cpu, const struct neigh *n)
{
	unsigned i = n ? family_of(&n->addr) * 2 + n->heard : 0;
	const struct list_head *next = n ? n->lru.next : list_nr(cpu, 0)->next;

	while (next == list_nr(cpu, i)) {
		if (++i == NR_LISTS)
			return NULL;
		next = list_nr(cpu, i)->next;
	}
	return list_entry(next, const struct neigh, lru);
}

u64 neigh_parked(const struct net_cpu *cpu)
{
	u64 n = 0;

	for (const struct neigh *e = neigh_next(cpu, NULL); e; e = neigh_next(cpu, e))
		n += e->parked.qlen;
	return n;
}

/* ---- states ---- */
static void enter(struct neigh *n, enum neigh_state state, u64 for_ns)
{
	n->state = (u8)state;
	n->probes = 0;
	timer_arm(&n->cpu->wheel, &n->timer, n->cpu->now_ns + for_ns);
}

/* RFC 4861 6.3.2: the base value times 0.5 to 1.5, so that hosts do not probe in step. */
static void enter_reachable(struct neigh *n)
{
	u64 base = base_reachable_ns(n);
	u32 r = (u32)(siphash_2u64(n->cpu->now_ns, n->addr.q[1], &n->cpu->net->hash_key) >> 32);

	if (n->heard) { /* it answered */
		n->heard = false;
		home_of(n)->nr_heard--;
		list_del(&n->lru);
		list_add_tail(&n->lru, &home_of(n)->wanted);
	}
	n->reachable_ns = base / 2 + (base >> 8) * (r >> 24);
	enter(n, NEIGH_REACHABLE, n->reachable_ns);
}

static void solicit(struct neigh *n, bool unicast)
{
	const struct neigh_ops *ops = ops_of(n);

	n->probes++;
	n->solicited_ns = n->cpu->now_ns;
	timer_arm(&n->cpu->wheel, &n->timer, n->cpu->now_ns + retrans_ns(n));
	if (ops)
		ops->solicit(n->cpu, n, unicast);
}

/* The first packet to an unknown neighbour asks at once, unless we asked for it a moment ago. */
static void start_resolution(struct neigh *n)
{
	u64 retrans = retrans_ns(n), since = n->cpu->now_ns - n->solicited_ns;

	if (n->solicited_ns && since < retrans) {
		enter(n, NEIGH_INCOMPLETE, retrans - since);
		return;
	}
	enter(n, NEIGH_INCOMPLETE, retrans);
	solicit(n, false);
}

static void fail(struct neigh *n)
{
	struct net_cpu *cpu = n->cpu;
	neigh_error_fn error = cpu->neigh->error[family_of(&n->addr)];
	struct sk_buff *chain = NULL, **tail = &chain, *skb;

	enter(n, NEIGH_FAILED, ms(cpu->sysctl.neigh_gc_stale));
	cpu->dst_gen++; /* another gateway may do */
	while ((*tail = unpark(n)))
		tail = &(*tail)->next;
	while ((skb = chain)) { /* n may be gone: an error's way out can evict */
		chain = skb->next;
		skb->next = NULL;
		if (error)
			error(cpu, skb);
		out_drop(cpu, skb, DROP(NEIGH_FAILED));
	}
}

static void reachable_timer(struct neigh *n, u64 now_ns)
{
	u64 until = n->confirmed_ns + n->reachable_ns;

	if (now_ns < until)
		timer_arm(&n->cpu->wheel, &n->timer, until);
	else
		enter(n, NEIGH_STALE, ms(n->cpu->sysctl.neigh_gc_stale));
}

static void stale_timer(struct neigh *n, u64 now_ns)
{
	u64 until = n->used_ns + ms(n->cpu->sysctl.neigh_gc_stale);

	if (now_ns < until)
		timer_arm(&n->cpu->wheel, &n->timer, until);
	else
		neigh_free(n->cpu, n, DROP(NEIGH_FAILED));
}

static void neigh_timer(struct timer *timer, u64 now_ns)
{
	struct neigh *n = container_of(timer, struct neigh, timer);
	const struct net_sysctls *sc = &n->cpu->sysctl;

	switch (n->state) {
	case NEIGH_INCOMPLETE:
		if (n->probes >= sc->neigh_mcast_probes)
			fail(n);
		else
			solicit(n, false);
		break;
	case NEIGH_REACHABLE:
		reachable_timer(n, now_ns);
		break;
	case NEIGH_DELAY:
		n->state = NEIGH_PROBE;
		n->probes = 0;
		solicit(n, true);
		break;
	case NEIGH_PROBE:
		if (n->probes >= sc->neigh_ucast_probes)
			fail(n);
		else
			solicit(n, true);
		break;
	case NEIGH_FAILED:
		neigh_free(n->cpu, n, DROP(NEIGH_FAILED));
		break;
	default: /* NONE, STALE */
		stale_timer(n, now_ns);
	}
}

void neigh_confirm_slow(struct net_cpu *cpu, struct neigh *n)
{
	if (neigh_is_valid(n))
		enter_reachable(n);
}

/* ---- out ---- */
static void send_to(struct neigh *n, struct sk_buff *skb)
{
	struct net_cpu *cpu = n->cpu;

	n->used_ns = cpu->now_ns;
	n->sent += n->sent < 2;
	if (n->state == NEIGH_STALE)
		enter(n, NEIGH_DELAY, ms(cpu->sysctl.neigh_delay_probe));
	memcpy(skb_push(skb, ETH_HLEN), n->link_hdr, ETH_HLEN);
	dev_queue_xmit(cpu, skb);
}

/* A flood in the name of neighbours that nobody is takes a share of the buffers, not all; but each
 * neighbour may have one packet here. */
static bool is_park_full(const struct neigh *n)
{
	return n->parked.qlen >= NEIGH_PARKED ||
	       (n->parked.qlen && n->cpu->neigh->nr_parked >= NEIGH_PARKED_ALL);
}

static void park(struct neigh *n, struct sk_buff *skb)
{
	struct net_cpu *cpu = n->cpu;

	n->used_ns = cpu->now_ns;
	if (is_park_full(n))
		out_drop(cpu, unpark(n), DROP(NEIGH_QUEUEFULL));
	skb_queue_tail(&n->parked, skb);
	cpu->neigh->nr_parked++;
	if (n->state != NEIGH_INCOMPLETE)
		start_resolution(n);
}

static void output_unicast(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	struct neigh *n = dst->neigh;

	if (!n || n->gone) {
		n = dst->neigh = neigh_get(cpu, dst->dev, &dst->next_hop);
		if (!n) {
			out_drop(cpu, skb, DROP(NEIGH_NOMEM));
			return;
		}
	}
	if (neigh_is_valid(n))
		send_to(n, skb);
	else
		park(n, skb);
}

/* RFC 1112 6.4, RFC 2464 7. */
static void multicast_ha(const struct ip_addr *group, u8 ha[ETH_ALEN])
{
	static const u8 v4_prefix[] = { 0x01, 0x00, 0x5e }, v6_prefix[] = { 0x33, 0x33 };

	memcpy(ha + 2, group->b + 12, 4);
	if (ip_is_v4(group)) {
		memcpy(ha, v4_prefix, 3);
		ha[3] = group->b[13] & 0x7f;
	} else {
		memcpy(ha, v6_prefix, 2);
	}
}

/* A copy with headroom for the link header, where a frame came in over a link with none; NULL: no
 * memory. */
static struct sk_buff *with_headroom(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct sk_buff *copy = alloc_skb(cpu, SKB_HEADROOM);
	/* headers are written to, what follows is shared */
	unsigned hdr = MIN(skb_headlen(skb), 128u);

	if (!copy)
		return NULL;
	memcpy(skb_put(copy, hdr), skb->data, hdr);
	if (skb->len > hdr && !skb_share(cpu, copy, skb, hdr, skb->len - hdr)) {
		consume_skb(cpu, copy);
		return NULL;
	}
	copy->dev = skb->dev;
	copy->protocol = skb->protocol;
	copy->ip_summed = skb->ip_summed == CHECKSUM_PARTIAL ? CHECKSUM_PARTIAL : CHECKSUM_NONE;
	copy->csum_start =
		(u16)(skb->csum_start - (skb->data - skb->head) + (copy->data - copy->head));
	copy->csum_offset = skb->csum_offset;
	copy->gso_type = skb->gso_type;
	copy->gso_size = skb->gso_size;
	copy->gso_segs = skb->gso_segs;
	skb_reset_network_header(copy);
	copy->transport_header =
		(u16)(copy->network_header + (skb->transport_header - skb->network_header));
	return copy;
}

void neigh_output(struct net_cpu *cpu, struct sk_buff *skb, struct dst *dst)
{
	const struct link_ops *link = dst->dev->link;
	u8 ha[ETH_ALEN];

	if (unlikely(skb_headroom(skb) < link->hdr_len)) {
		struct sk_buff *copy = with_headroom(cpu, skb);

		if (!copy) {
			out_drop(cpu, skb, DROP(NOMEM));
			return;
		}
		consume_skb(cpu, skb);
		skb = copy;
		skb->dev = dst->dev;
	}
	if (link->addr_len && dst->type != ADDR_BROADCAST && dst->type != ADDR_MULTICAST) {
		output_unicast(cpu, skb, dst);
		return;
	}
	memcpy(ha, dst->dev->broadcast, ETH_ALEN);
	if (dst->type == ADDR_MULTICAST)
		multicast_ha(&dst->next_hop, ha);
	link->header(dst->dev, skb, ha);
	dev_queue_xmit(cpu, skb);
}

/* ---- learning ---- */
static void set_ha(struct neigh *n, const u8 *ha)
{
	struct eth_hdr h;

	memcpy(h.dst, ha, ETH_ALEN);
	memcpy(h.src, n->dev->addr, ETH_ALEN);
	h.type = be16_of(ip_is_v4(&n->addr) ? ETH_P_IP : ETH_P_IPV6);
	memcpy(n->link_hdr, &h, ETH_HLEN);
	n->updated_ns = n->cpu->now_ns;
}

static void release_parked(struct neigh *n)
{
	struct sk_buff *skb;

	while ((skb = unpark(n)))
		send_to(n, skb);
}

/* RFC 4861 7.2.5: an advertisement never makes an entry, and one that contradicts a confirmed address
 * without saying "override" only casts doubt on it. */
static void advertised(struct net_cpu *cpu, struct neigh *n, const u8 *ha, unsigned how)
{
	bool known = neigh_is_valid(n), differs = known && ha && !eth_addr_eq(neigh_ha(n), ha);

	if (!known && !ha)
		return;
	if (n->is_router && !(how & NEIGH_ROUTER) && (!differs || how & NEIGH_OVERRIDE))
		cpu->dst_gen++;
	if (differs && !(how & NEIGH_OVERRIDE)) {
		if (n->state == NEIGH_REACHABLE)
			enter(n, NEIGH_STALE, ms(cpu->sysctl.neigh_gc_stale));
		return;
	}
	if (!known || differs)
		set_ha(n, ha);
	n->is_router = how & NEIGH_ROUTER;
	if (n->state == NEIGH_FAILED)
		cpu->dst_gen++;
	if (how & NEIGH_SOLICITED) {
		n->confirmed_ns = cpu->now_ns;
		enter_reachable(n);
	} else if (!known || differs) {
		enter(n, NEIGH_STALE, ms(cpu->sysctl.neigh_gc_stale));
	}
	release_parked(n);
}

static bool update_local(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr,
			 const u8 *ha, unsigned how)
{
	struct neigh *n =
		how & NEIGH_CREATE ? get(cpu, dev, addr, !(how & NEIGH_SOLICITED)) : neigh_lookup(cpu, dev, addr);
	bool known, changed;

	if (!n)
		return !(how & NEIGH_CREATE);
	if (how & NEIGH_ADVERT) {
		advertised(cpu, n, ha, how);
		return true;
	}
	if ((how & NEIGH_IF_ASKED) && n->state != NEIGH_INCOMPLETE && n->state != NEIGH_PROBE)
		how &= ~(unsigned)(NEIGH_SOLICITED | NEIGH_OVERRIDE);
	known = neigh_is_valid(n);
	changed = known && !eth_addr_eq(neigh_ha(n), ha);
	if (changed && !(how & NEIGH_OVERRIDE) && cpu->now_ns - n->updated_ns < LOCKTIME_NS)
		return false;
	if (n->state == NEIGH_FAILED)
		cpu->dst_gen++; /* a better gateway may be back */
	if (!known || changed)
		set_ha(n, ha);
	if (how & NEIGH_SOLICITED) {
		n->confirmed_ns = cpu->now_ns;
		enter_reachable(n);
	} else if (!known || changed) {
		enter(n, NEIGH_STALE, ms(cpu->sysctl.neigh_gc_stale));
	}
	release_parked(n);
	return true;
}

struct neigh_msg {
	struct inbox_msg msg;
	struct net_device *dev;
	struct ip_addr addr;
	u8 ha[ETH_ALEN];
	u8 how;
	bool has_ha;
};

static void neigh_msg_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct neigh_msg *m = container_of(msg, struct neigh_msg, msg);

	update_local(cpu, m->dev, &m->addr, m->has_ha ? m->ha : NULL, m->how);
	kfree(m);
}

bool neigh_update(struct net_cpu *cpu, struct net_device *dev, const struct ip_addr *addr,
		  const u8 *ha, unsigned how)
{
	struct net_cpu *other;
	unsigned i;

	if (!update_local(cpu, dev, addr, ha, how))
		return false;
	for_each_cpu(cpu->net, other, i) {
		struct neigh_msg *m = other == cpu ? NULL : kmalloc(sizeof(*m));

		if (!m) /* the other CPU asks for itself */
			continue;
		*m = (struct neigh_msg){
			.msg.fn = neigh_msg_rcv,
			.dev = dev,
			.addr = *addr,
			.how = (u8)(how & ~NEIGH_CREATE),
			.has_ha = ha != NULL,
		};
		if (ha)
			memcpy(m->ha, ha, ETH_ALEN);
		if (!inbox_post(cpu, other, &m->msg))
			kfree(m);
	}
	return true;
}

/* ---- life ---- */
void neigh_on_error(struct net_cpu *cpu, u16 ethertype, neigh_error_fn fn)
{
	cpu->neigh->error[ethertype == ETH_P_IP ? NEIGH_V4 : NEIGH_V6] = fn;
}

void neigh_set_ops(struct net_cpu *cpu, const struct neigh_ops *ops)
{
	cpu->neigh->ops[ops->ethertype == ETH_P_IP ? NEIGH_V4 : NEIGH_V6] = ops;
}

int neigh_cpu_init(struct net_cpu *cpu)
{
	struct neigh_cpu *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->cache = kmem_cache_create("neigh", sizeof(struct neigh), CACHE_LINE);
	if (!t->cache) {
		kfree(t);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < NR_NEIGH_FAMILIES; i++) {
		list_init(&t->families[i].wanted);
		list_init(&t->families[i].heard);
	}
	list_init(&t->gone);
	list_init(&t->own);
	t->ops[NEIGH_V4] = &arp_neigh_ops;
	cpu->neigh = t;
	return 0;
}

void neigh_cpu_destroy(struct net_cpu *cpu)
{
	struct neigh_cpu *t = cpu->neigh;
	const struct neigh *n;

	if (!t)
		return;
	arp_destroy(cpu);
	while ((n = neigh_next(cpu, NULL)))
		neigh_free(cpu, (struct neigh *)n, DROP(NEIGH_FAILED));
	free_gone(cpu);
	kmem_cache_destroy(t->cache);
	kfree(t);
	cpu->neigh = NULL;
}
