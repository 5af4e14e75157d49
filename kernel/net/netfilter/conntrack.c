/* SPDX-License-Identifier: MIT
 * conntrack.c - the table of connections of a CPU. Owns cpu->ct. Runs in net_rx, in base on the way out, and in timer.
 *
 * Bounded by nf_conntrack_max: when it is full, a connection near the new one's place that never was assured makes room,
 * else the new packet is dropped. A connection that is not confirmed yet stands beside the table, and there is at most
 * one: a packet reaches its last hook, or dies, before the next one is begun.
 */
#include "net/netfilter/ct_impl.h"
#include "lib/errno.h"

#define EARLY_DROP_BUCKETS 8
#define INFO_MASK          15ul /* low bits of skb->nfct */
#define INFO_REPLY         1ul
#define INFO_NEW           2ul
#define INFO_RELATED       4ul
#define INFO_UNTRACKED     8ul
_Static_assert(_Alignof(struct nf_conn) > INFO_MASK, "low bits are free");

static void nfct_set(struct sk_buff *skb, struct nf_conn *ct, unsigned long info)
{
	skb->nfct = (void *)((uintptr_t)ct | info);
}
static struct nf_conn *nfct_get(const struct sk_buff *skb)
{
	return (struct nf_conn *)((uintptr_t)skb->nfct & ~INFO_MASK);
}
static unsigned long nfct_info(const struct sk_buff *skb) { return (uintptr_t)skb->nfct & INFO_MASK; }

u32 ct_state(const struct net_cpu *cpu, const struct sk_buff *skb)
{
	unsigned long info = nfct_info(skb);

	if (!cpu->ct->buckets || (info & INFO_UNTRACKED))
		return CT_STATE_UNTRACKED;
	if (!nfct_get(skb))
		return CT_STATE_INVALID;
	return info & INFO_RELATED ? CT_STATE_RELATED : info & INFO_NEW ? CT_STATE_NEW : CT_STATE_ESTABLISHED;
}

/* ---- the table ---- */
static u32 tuple_hash(const struct net_cpu *cpu, const struct ct_tuple *t)
{
	u64 w[2];

	memcpy(w, t, sizeof(w));
	return nhash_2u64(w[0], w[1], &cpu->net->hash_key);
}

static struct ct_end *find(struct net_cpu *cpu, const struct ct_tuple *t, u32 hash)
{
	struct ct_end *e;

	hlist_for_each_entry(e, &cpu->ct->buckets[hash & cpu->ct->mask], node)
		if (e->hash == hash && !memcmp(&e->tuple, t, sizeof(*t)))
			return e;
	return NULL;
}

static struct nf_conn *conn_of(struct ct_end *e)
{
	return container_of(e - e->dir, struct nf_conn, end[0]);
}

static void conn_free(struct nf_conn *ct)
{
	struct ct_cpu *c = ct->cpu->ct;

	if (ct->confirmed) {
		timer_cancel(&ct->cpu->wheel, &ct->timer);
		hlist_del(&ct->end[CT_ORIGINAL].node);
		hlist_del(&ct->end[CT_REPLY].node);
		c->count--;
		c->stats.deleted++;
	}
	kmem_cache_free(c->cache, ct);
}

static void forget_fresh(struct ct_cpu *c)
{
	if (c->fresh)
		conn_free(c->fresh);
	c->fresh = NULL;
}

static void conn_timer(struct timer *t, u64 now_ns)
{
	struct nf_conn *ct = container_of(t, struct nf_conn, timer);

	if (ct->expires_ns > now_ns)
		timer_arm(&ct->cpu->wheel, t, ct->expires_ns);
	else
		conn_free(ct);
}

/* The timer moves at once when the end came nearer; else it finds out when it fires. */
static void refresh(struct nf_conn *ct, u64 timeout_ns)
{
	ct->expires_ns = ct->cpu->now_ns + timeout_ns;
	if (ct->confirmed && ct->expires_ns < ct->timer.expires_ns)
		timer_arm(&ct->cpu->wheel, &ct->timer, ct->expires_ns);
}

/* Somebody in the buckets from `hash` on who was never assured, the last of the chain: it came first. */
static bool early_drop(struct net_cpu *cpu, u32 hash)
{
	struct ct_cpu *c = cpu->ct;
	struct nf_conn *victim = NULL;
	struct ct_end *e;

	for (u32 i = 0; i < EARLY_DROP_BUCKETS && !victim; i++)
		hlist_for_each_entry(e, &c->buckets[(hash + i) & c->mask], node)
			if (!conn_of(e)->assured)
				victim = conn_of(e);
	if (!victim)
		return false;
	conn_free(victim);
	c->stats.early_drop++;
	return true;
}

static enum drop_reason table_full(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	c->stats.drop++;
	if (cpu->now_ns >= c->log_at) {
		log_warn("nf_conntrack: table full, dropping packet");
		c->log_at = cpu->now_ns + 5 * NSEC_PER_SEC;
	}
	return DROP_CONNTRACK;
}

static void end_init(struct net_cpu *cpu, struct nf_conn *ct, enum ct_dir dir, const struct ct_tuple *t)
{
	ct->end[dir] = (struct ct_end){ .tuple = *t, .hash = tuple_hash(cpu, t), .dir = (u8)dir };
}

static enum drop_reason conn_begin(struct net_cpu *cpu, struct sk_buff *skb, const struct ct_packet *p, u32 hash)
{
	struct ct_tuple back = ct_invert(&p->tuple);
	struct ct_cpu *c = cpu->ct;
	struct nf_conn *ct;

	forget_fresh(c);
	if (c->count >= cpu->sysctl.ct_max && !early_drop(cpu, hash))
		return table_full(cpu);
	ct = kmem_cache_alloc(c->cache);
	if (!ct)
		return table_full(cpu);
	end_init(cpu, ct, CT_ORIGINAL, &p->tuple);
	end_init(cpu, ct, CT_REPLY, &back);
	ct->cpu = cpu;
	ct->created_ns = cpu->now_ns;
	ct->mark = 0;
	ct->tcp_state = CT_TCP_NONE;
	ct->seen_reply = ct->assured = ct->confirmed = false;
	timer_init(&ct->timer, conn_timer);
	refresh(ct, ct_advance(ct, p, CT_ORIGINAL));
	c->fresh = ct;
	nfct_set(skb, ct, INFO_NEW);
	return RX_OK;
}

/* ---- hooks ---- */
/* A SYN for a connection that is over begins a new one in its place. */
static bool is_reborn(const struct nf_conn *ct, const struct ct_packet *p)
{
	return p->tuple.proto == IPPROTO_TCP && (p->seg.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN &&
	       (ct->tcp_state == CT_TCP_TIME_WAIT || ct->tcp_state == CT_TCP_CLOSE);
}

static void conn_seen(struct sk_buff *skb, struct ct_end *e, const struct ct_packet *p)
{
	struct nf_conn *ct = conn_of(e);
	u64 timeout = ct_advance(ct, p, e->dir);

	if (!timeout) {
		ct->cpu->ct->stats.invalid++;
		nfct_set(skb, NULL, 0);
		return;
	}
	refresh(ct, timeout);
	e->packets++;
	e->bytes += skb->len;
	nfct_set(skb, ct, e->dir == CT_REPLY ? INFO_REPLY : ct->seen_reply ? 0 : INFO_NEW);
}

/* An ICMP error belongs to the connection of the packet that it quotes. */
static void track_error(struct net_cpu *cpu, struct sk_buff *skb, unsigned hdr_len)
{
	u8 quote[IPV4_HLEN_MAX + 8];
	unsigned len = MIN(skb->len - hdr_len - ICMP_HLEN, (unsigned)sizeof(quote));
	struct ct_tuple t, back;
	struct ct_end *e = NULL;

	if (!skb_copy_bits(skb, hdr_len + ICMP_HLEN, quote, len) && ct_read_quote(quote, len, &t)) {
		back = ct_invert(&t);
		e = find(cpu, &back, tuple_hash(cpu, &back));
	}
	if (!e) {
		cpu->ct->stats.invalid++;
		return;
	}
	nfct_set(skb, conn_of(e), INFO_RELATED | (e->dir == CT_REPLY ? INFO_REPLY : 0));
}

static bool is_icmp_error(struct net_cpu *cpu, struct sk_buff *skb, unsigned hdr_len)
{
	u8 type;

	return ((const struct ipv4_hdr *)skb->data)->proto == IPPROTO_ICMP && skb->len >= hdr_len + ICMP_HLEN &&
	       !skb_copy_bits(skb, hdr_len, &type, 1) &&
	       (type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB);
}

static enum drop_reason track(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			      struct net_device *out, void *priv)
{
	unsigned hdr_len;
	struct ct_packet p;
	struct ct_end *e;
	u32 hash;

	skb->nfct = NULL;
	if (!skb_may_pull(cpu, skb, IPV4_HLEN))
		return RX_OK;
	hdr_len = ipv4_hdr_bytes(skb->data);
	if (v4_is_multicast(((const struct ipv4_hdr *)skb->data)->daddr)) {
		nfct_set(skb, NULL, INFO_UNTRACKED);
		return RX_OK;
	}
	if (is_icmp_error(cpu, skb, hdr_len)) {
		track_error(cpu, skb, hdr_len);
		return RX_OK;
	}
	if (!ct_read(cpu, skb, &p)) {
		cpu->ct->stats.invalid++;
		return RX_OK;
	}
	hash = tuple_hash(cpu, &p.tuple);
	e = find(cpu, &p.tuple, hash);
	if (e && is_reborn(conn_of(e), &p)) {
		conn_free(conn_of(e));
		e = NULL;
	}
	if (e) {
		cpu->ct->stats.found++;
		conn_seen(skb, e, &p);
		return RX_OK;
	}
	if (ct_may_begin(&p))
		return conn_begin(cpu, skb, &p, hash);
	cpu->ct->stats.invalid++;
	return RX_OK;
}

static enum drop_reason confirm(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
				struct net_device *out, void *priv)
{
	struct nf_conn *ct = nfct_get(skb);
	struct ct_cpu *c = cpu->ct;
	struct ct_end *o, *r;

	if (!ct || ct != c->fresh)
		return RX_OK;
	c->fresh = NULL;
	o = &ct->end[CT_ORIGINAL];
	r = &ct->end[CT_REPLY];
	if (find(cpu, &o->tuple, o->hash) || find(cpu, &r->tuple, r->hash)) {
		c->stats.insert_failed++;
		conn_free(ct);
		return DROP_CONNTRACK;
	}
	o->packets++;
	o->bytes += skb->len;
	hlist_add(&o->node, &c->buckets[o->hash & c->mask]);
	hlist_add(&r->node, &c->buckets[r->hash & c->mask]);
	ct->confirmed = true;
	timer_arm(&cpu->wheel, &ct->timer, ct->expires_ns);
	c->count++;
	c->stats.insert++;
	return RX_OK;
}

/* ---- control ---- */
static const struct ct_hook {
	enum nf_hook hook;
	nf_hookfn fn;
	int priority;
} hooks[] = {
	{ NF_PRE_ROUTING, track, -200 },
	{ NF_LOCAL_OUT, track, -200 },
	{ NF_LOCAL_IN, confirm, 2147483647 },
	{ NF_POST_ROUTING, confirm, 2147483647 },
};

void ct_for_each(struct net_cpu *cpu, void (*fn)(void *arg, const struct nf_conn *ct), void *arg)
{
	struct ct_cpu *c = cpu->ct;
	struct ct_end *e;

	for (u32 i = 0; c->buckets && i <= c->mask; i++)
		hlist_for_each_entry(e, &c->buckets[i], node)
			if (e->dir == CT_ORIGINAL)
				fn(arg, conn_of(e));
}

void ct_flush(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	forget_fresh(c);
	for (u32 i = 0; c->buckets && i <= c->mask; i++)
		while (c->buckets[i].first)
			conn_free(conn_of(container_of(c->buckets[i].first, struct ct_end, node)));
}

static void ct_off(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	ct_flush(cpu);
	for (unsigned i = 0; i < ARRAY_SIZE(hooks); i++)
		nf_unregister_hook(cpu, hooks[i].hook, hooks[i].fn, NULL);
	cpu->nf->defrag = false;
	if (c->buckets)
		pages_free(c->buckets, c->order);
	c->buckets = NULL;
	kmem_cache_destroy(c->cache);
	c->cache = NULL;
}

int ct_set(struct net_cpu *cpu, bool on)
{
	struct ct_cpu *c = cpu->ct;
	int err = 0;

	if (on == !!c->buckets)
		return 0;
	if (!on) {
		ct_off(cpu);
		return 0;
	}
	for (c->order = 0; (4096u << c->order) / sizeof(struct hlist_head) < (u64)cpu->sysctl.ct_max / 2 && c->order < 10;)
		c->order++;
	c->cache = kmem_cache_create("nf_conntrack", sizeof(struct nf_conn), _Alignof(struct nf_conn));
	c->buckets = c->cache ? pages_alloc(c->order) : NULL;
	if (!c->buckets) {
		ct_off(cpu);
		return -ENOMEM;
	}
	memset(c->buckets, 0, 4096ul << c->order);
	c->mask = (u32)((4096u << c->order) / sizeof(struct hlist_head)) - 1;
	for (unsigned i = 0; i < ARRAY_SIZE(hooks) && !err; i++)
		err = nf_register_hook(cpu, hooks[i].hook, hooks[i].fn, NULL, hooks[i].priority);
	if (err)
		ct_off(cpu);
	else
		cpu->nf->defrag = true;
	return err;
}

u32 ct_count(const struct net_cpu *cpu) { return cpu->ct->count; }
const struct ct_stats *ct_stats(const struct net_cpu *cpu) { return &cpu->ct->stats; }

int ct_cpu_init(struct net_cpu *cpu)
{
	cpu->ct = kzalloc(sizeof(*cpu->ct));
	return cpu->ct ? 0 : -ENOMEM;
}

void ct_cpu_destroy(struct net_cpu *cpu)
{
	ct_off(cpu);
	kfree(cpu->ct);
	cpu->ct = NULL;
}
