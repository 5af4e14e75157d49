/* SPDX-License-Identifier: MIT
 * conntrack.c - the table of connections of a CPU. Owns cpu->ct. Runs in net_rx, in base on the way out, and in timer.
 *
 * Bounded by nf_conntrack_max: when it is full, a connection near the new one's place that never was assured makes room,
 * else the new packet is dropped. A connection that is not confirmed yet stands beside the table, and there is at most
 * one: a packet reaches its last hook, or dies, before the next one is begun.
 */
#include "net/netfilter/ct_impl.h"
#include "lib/errno.h"
#include "net/netfilter/nat.h"

#define EARLY_DROP_BUCKETS 8

/* ---- the table ---- */
void ct_free(struct nf_conn *ct)
{
	struct ct_cpu *c = ct->cpu->ct;

	if (ct->confirmed) {
		timer_cancel(&ct->cpu->wheel, &ct->timer);
		hlist_del(&ct->end[CT_ORIGINAL].node);
		hlist_del(&ct->end[CT_REPLY].node);
		c->count--;
		c->stats.deleted++;
	}
	if (ct->map)
		nat_map_put(ct->cpu, ct->map);
	if (c->walk.ct == ct)
		c->walk.ct = NULL;
	kmem_cache_free(c->cache, ct);
}

static void forget_fresh(struct ct_cpu *c)
{
	if (c->fresh)
		ct_free(c->fresh);
	c->fresh = NULL;
}

static void conn_timer(struct timer *t, u64 now_ns)
{
	struct nf_conn *ct = container_of(t, struct nf_conn, timer);

	if (ct->expires_ns > now_ns)
		timer_arm(&ct->cpu->wheel, t, ct->expires_ns);
	else
		ct_free(ct);
}

/* Somebody in the buckets from `hash` on who was never assured, the last of the chain: it came first. */
static bool early_drop(struct net_cpu *cpu, u32 hash)
{
	struct ct_cpu *c = cpu->ct;
	struct nf_conn *victim = NULL;
	struct ct_end *e;

	for (u32 i = 0; i < EARLY_DROP_BUCKETS && !victim; i++)
		hlist_for_each_entry(e, &c->buckets[(hash + i) & c->mask], node)
			if (!ct_of(e)->assured)
				victim = ct_of(e);
	if (!victim)
		return false;
	ct_free(victim);
	c->stats.early_drop++;
	return true;
}

static struct nf_conn *table_full(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	c->stats.drop++;
	if (cpu->now_ns >= c->log_at) {
		log_warn("nf_conntrack: table full, dropping packet");
		c->log_at = cpu->now_ns + 5 * NSEC_PER_SEC;
	}
	return NULL;
}

static void end_init(struct nf_conn *ct, enum ct_dir dir, const struct ct_tuple *t)
{
	struct ct_end *e = &ct->end[dir];

	e->tuple = *t;
	e->dir = (u8)dir;
	e->acked = false;
	e->packets = e->bytes = 0;
	e->flow.gen = 0;
}

struct nf_conn *ct_create(struct net_cpu *cpu, const struct ct_packet *p, u32 hash)
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
	end_init(ct, CT_ORIGINAL, &p->tuple);
	end_init(ct, CT_REPLY, &back);
	ct->end[CT_ORIGINAL].hash = hash;
	ct->cpu = cpu;
	ct->created_ns = cpu->now_ns;
	ct->mark = 0;
	ct->tcp_state = CT_TCP_NONE;
	ct->seen_reply = ct->assured = ct->confirmed = ct->masq = false;
	ct->nat = ct->nat_done = 0;
	ct->map = NULL;
	timer_init(&ct->timer, conn_timer);
	ct_refresh(ct, ct_advance(ct, p, CT_ORIGINAL));
	c->fresh = ct;
	return ct;
}

bool ct_insert(struct net_cpu *cpu, struct nf_conn *ct)
{
	struct ct_end *o = &ct->end[CT_ORIGINAL], *r = &ct->end[CT_REPLY];
	struct ct_cpu *c = cpu->ct;

	c->fresh = NULL;
	r->hash = ct_tuple_hash(cpu, &r->tuple); /* NAT may have changed it */
	if (ct_find(cpu, &o->tuple, o->hash) || ct_find(cpu, &r->tuple, r->hash)) {
		c->stats.insert_failed++;
		ct_free(ct);
		return false;
	}
	hlist_add(&o->node, &c->buckets[o->hash & c->mask]);
	hlist_add(&r->node, &c->buckets[r->hash & c->mask]);
	ct->confirmed = true;
	timer_arm(&cpu->wheel, &ct->timer, ct->expires_ns);
	c->count++;
	c->stats.insert++;
	return true;
}

/* ---- control ---- */
struct ct_hook {
	enum nf_hook hook;
	nf_hookfn fn;
	int priority;
};
static const struct ct_hook ct_hooks[] = {
	{ NF_PRE_ROUTING, ct_track, -200 },
	{ NF_LOCAL_OUT, ct_track, -200 },
	{ NF_LOCAL_IN, ct_confirm, 2147483647 },
	{ NF_POST_ROUTING, ct_confirm, 2147483647 },
};
static const struct ct_hook nat_hooks[] = {
	{ NF_PRE_ROUTING, nat_hook, -100 },
	{ NF_LOCAL_OUT, nat_hook, -100 },
	{ NF_LOCAL_IN, nat_hook, 100 },
	{ NF_POST_ROUTING, nat_hook, 100 },
};

static int hook_up(struct net_cpu *cpu, const struct ct_hook *h, unsigned nr)
{
	int err = 0;

	for (unsigned i = 0; i < nr && !err; i++)
		err = nf_register_hook(cpu, h[i].hook, h[i].fn, NULL, h[i].priority);
	return err;
}

static void unhook(struct net_cpu *cpu, const struct ct_hook *h, unsigned nr)
{
	for (unsigned i = 0; i < nr; i++)
		nf_unregister_hook(cpu, h[i].hook, h[i].fn, NULL);
}

void ct_for_each(struct net_cpu *cpu, void (*fn)(void *arg, const struct nf_conn *ct), void *arg)
{
	struct ct_cpu *c = cpu->ct;
	struct ct_end *e;

	for (u32 i = 0; c->buckets && i <= c->mask; i++)
		hlist_for_each_entry(e, &c->buckets[i], node)
			if (e->dir == CT_ORIGINAL)
				fn(arg, ct_of(e));
}

void ct_flush(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	forget_fresh(c);
	for (u32 i = 0; c->buckets && i <= c->mask; i++)
		while (c->buckets[i].first)
			ct_free(ct_of(container_of(c->buckets[i].first, struct ct_end, node)));
}

static void ct_off(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	ct_flush(cpu);
	unhook(cpu, ct_hooks, ARRAY_SIZE(ct_hooks));
	unhook(cpu, nat_hooks, ARRAY_SIZE(nat_hooks));
	cpu->nf->defrag = false;
	cpu->nf->flow_rcv = NULL;
	nat_destroy(cpu);
	if (c->buckets)
		pages_free(c->buckets, c->order);
	c->buckets = NULL;
	kmem_cache_destroy(c->cache);
	c->cache = NULL;
}

static int ct_on(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;

	for (c->order = 0; (4096u << c->order) / sizeof(struct hlist_head) < (u64)cpu->sysctl.ct_max / 2 && c->order < 10;)
		c->order++;
	c->cache = kmem_cache_create("nf_conntrack", sizeof(struct nf_conn), _Alignof(struct nf_conn));
	c->buckets = c->cache ? pages_alloc(c->order) : NULL;
	if (!c->buckets)
		return -ENOMEM;
	memset(c->buckets, 0, 4096ul << c->order);
	c->mask = (u32)((4096u << c->order) / sizeof(struct hlist_head)) - 1;
	cpu->nf->defrag = true;
	cpu->nf->flow_rcv = ct_flow_rcv;
	return hook_up(cpu, ct_hooks, ARRAY_SIZE(ct_hooks));
}

int ct_set(struct net_cpu *cpu, bool on)
{
	int err;

	if (on == !!cpu->ct->buckets)
		return 0;
	err = on ? ct_on(cpu) : 0;
	if (err || !on)
		ct_off(cpu);
	return err;
}

int nat_enable(struct net_cpu *cpu)
{
	int err;

	if (cpu->ct->nat)
		return 0;
	if (!cpu->ct->buckets)
		return -ENOMEM; /* what kept the table from being made */
	err = nat_init(cpu) ?: hook_up(cpu, nat_hooks, ARRAY_SIZE(nat_hooks));
	if (err) {
		unhook(cpu, nat_hooks, ARRAY_SIZE(nat_hooks));
		nat_destroy(cpu);
	}
	return err;
}

u32 ct_count(const struct net_cpu *cpu) { return cpu->ct->count; }
const struct ct_stats *ct_stats(const struct net_cpu *cpu) { return &cpu->ct->stats; }
void ct_not_cacheable(struct net_cpu *cpu) { cpu->ct->walk.cacheable = false; }

void ct_flow_forget(struct net_cpu *cpu)
{
	if (!++cpu->ct->flow_gen)
		cpu->ct->flow_gen = 1;
}

int ct_cpu_init(struct net_cpu *cpu)
{
	cpu->ct = kzalloc(sizeof(*cpu->ct));
	if (!cpu->ct)
		return -ENOMEM;
	cpu->ct->flow_gen = 1;
	return 0;
}

void ct_cpu_destroy(struct net_cpu *cpu)
{
	ct_off(cpu);
	kfree(cpu->ct);
	cpu->ct = NULL;
}
