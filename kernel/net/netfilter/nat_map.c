/* SPDX-License-Identifier: MIT
 * nat_map.c - which outside endpoint an inside endpoint has: chosen here, kept as long as a connection uses it. Owns
 * cpu->ct->nat. Runs wherever a hook does.
 *
 * RFC 4787: the same inside address and port keeps its outside address and port for all destinations (REQ-1), inside
 * addresses keep to one outside address of several (REQ-2), ports are not overloaded (REQ-3) until none is free; then one is
 * shared between endpoints that talk to different destinations. Ports below 1024 stay below (REQ-3 b), parity is not kept.
 *
 * CPUs: a connection is in the table of the CPU that its first packet came to, and its replies must come there too. A
 * port is chosen whose reply's hash leads home (net/core/steer.h), also where the destination alone is translated. So with
 * several CPUs an endpoint may have one port per CPU, and tables need not know of each other: a reply's tuple has one home.
 * An echo's id is chosen likewise. What has neither (GRE, say) cannot choose; its answers are lost where they hash elsewhere.
 */
#include "net/netfilter/ct_impl.h"
#include "lib/errno.h"
#include "lib/siphash.h"
#include "net/core/steer.h"

#define TRIES 512u /* ports looked at before a range counts as full */

struct nat_end {
	struct ip_addr addr;
	be16 port;
	u8 proto;
};

struct nat_map {
	struct hlist_node by_in, by_out;
	struct nat_end in, out;
	u32 refs; /* connections */
};

struct nat_cpu {
	struct hlist_head *in, *out; /* as many buckets as connections have */
	struct kmem_cache *cache;
};

/* ---- the two tables ---- */
static bool end_eq(const struct nat_end *a, const struct nat_end *b)
{
	return be16_eq(a->port, b->port) && a->proto == b->proto && ip_eq(&a->addr, &b->addr);
}

static struct hlist_head *bucket(struct net_cpu *cpu, struct hlist_head *table, const struct nat_end *e)
{
	u64 low = e->addr.q[1], high = e->addr.q[0] ^ ((u64)e->port.raw << 8 | e->proto);

	return &table[nhash_2u64(low, high, &cpu->net->hash_key) & cpu->ct->mask];
}

static struct nat_map *find_in(struct net_cpu *cpu, const struct nat_end *in)
{
	struct nat_map *m;

	hlist_for_each_entry(m, bucket(cpu, cpu->ct->nat->in, in), by_in)
		if (end_eq(&m->in, in))
			return m;
	return NULL;
}

static bool out_is_taken(struct net_cpu *cpu, const struct nat_end *out)
{
	struct nat_map *m;

	hlist_for_each_entry(m, bucket(cpu, cpu->ct->nat->out, out), by_out)
		if (end_eq(&m->out, out))
			return true;
	return false;
}

static struct nat_map *map_create(struct net_cpu *cpu, const struct nat_end *in, const struct nat_end *out)
{
	struct nat_map *m = kmem_cache_alloc(cpu->ct->nat->cache);

	if (!m)
		return NULL;
	*m = (struct nat_map){ .in = *in, .out = *out };
	hlist_add(&m->by_in, bucket(cpu, cpu->ct->nat->in, in));
	hlist_add(&m->by_out, bucket(cpu, cpu->ct->nat->out, out));
	return m;
}

void nat_map_put(struct net_cpu *cpu, struct nat_map *m)
{
	if (--m->refs)
		return;
	hlist_del(&m->by_in);
	hlist_del(&m->by_out);
	kmem_cache_free(cpu->ct->nat->cache, m);
}

/* ---- choosing ---- */
static bool has_endpoints(u8 proto) { return ct_has_ports(proto) || proto == IPPROTO_ICMP; }

bool nat_reply_fits(struct net_cpu *cpu, const struct ct_tuple *reply)
{
	u16 dport = ct_has_ports(reply->proto) ? be16_get(reply->dport) : 0; /* an id counts once */

	if (has_endpoints(reply->proto) && !steer_is_home(cpu, &reply->src, &reply->dst, be16_get(reply->sport), dport))
		return false;
	return !ct_tuple_taken(cpu, reply);
}

struct search {
	struct net_cpu *cpu;
	struct ct_tuple reply; /* with what is tried */
	struct nat_end out;
	bool share;            /* a port that another inside endpoint has will do */
};

/* Of the range, always the same one for the same peer. */
static be32 pick_addr(struct net_cpu *cpu, const struct nat_range *r, be32 peer)
{
	u32 lo = be32_get(r->lo), nr = be32_get(r->hi) - lo + 1;

	if (nr == 1)
		return r->lo;
	return be32_of(lo + hsiphash_3u32(peer.raw, r->lo.raw, r->hi.raw, &cpu->net->port_key) % (nr ?: 1u));
}

/* Which ports may stand for `port`: those that the rule says, or those of its kind. */
static void port_range(const struct nat_range *r, u8 proto, u16 port, u32 *lo, u32 *nr)
{
	u32 hi = 65535;

	if (r->port_lo) {
		*lo = r->port_lo;
		hi = r->port_hi;
	} else if (proto == IPPROTO_ICMP) {
		*lo = 0;
	} else if (port < 512) {
		*lo = 1;
		hi = 511;
	} else if (port < 1024) {
		*lo = 600;
		hi = 1023;
	} else {
		*lo = 1024;
	}
	*nr = hi - *lo + 1;
}

static bool try_port(struct search *s, u32 port)
{
	s->out.port = be16_of((u16)port);
	s->reply.dport = s->out.port;
	if (s->out.proto == IPPROTO_ICMP)
		s->reply.sport = s->out.port;
	return nat_reply_fits(s->cpu, &s->reply) && (s->share || !out_is_taken(s->cpu, &s->out));
}

static bool search_ports(struct search *s, const struct nat_range *r, u16 wanted)
{
	u32 lo, nr, at, tries;

	port_range(r, s->out.proto, wanted, &lo, &nr);
	if (!r->random && wanted - lo < nr && try_port(s, wanted))
		return true;
	random_bytes(&at, sizeof(at));
	tries = MIN(nr, TRIES);
	for (u32 i = 0; i < tries; i++)
		if (try_port(s, lo + (at + i) % nr))
			return true;
	if (s->share)
		return false;
	s->share = true;
	return search_ports(s, r, wanted);
}

static bool in_range(const struct nat_range *r, const struct nat_end *e)
{
	u16 port = be16_get(e->port);

	return be32_get(ip_v4(&e->addr)) - be32_get(r->lo) <= be32_get(r->hi) - be32_get(r->lo) &&
	       (!r->port_lo || (port >= r->port_lo && port <= r->port_hi));
}

/* Endpoint-independent: what the inside endpoint has already, as long as that makes no second connection of the same tuple. */
static struct nat_map *known_map(struct search *s, const struct nat_range *r, const struct nat_end *in)
{
	struct nat_map *m = find_in(s->cpu, in);

	if (!m || !in_range(r, &m->out))
		return NULL;
	s->out.addr = s->reply.dst = m->out.addr;
	s->share = true;
	return try_port(s, be16_get(m->out.port)) ? m : NULL;
}

static void set_source(struct nf_conn *ct, const struct ct_tuple *reply)
{
	const struct ct_tuple *o = &ct->end[CT_ORIGINAL].tuple;

	ct->end[CT_REPLY].tuple = *reply;
	if (!ip_eq(&reply->dst, &o->src) || !be16_eq(reply->dport, o->sport))
		ct->nat |= CT_SNAT;
}

/* An address of the range as it is, or a port for it that makes the tuple the only one. */
static bool choose(struct search *s, const struct nat_range *r, be32 peer, u16 wanted)
{
	s->share = false;
	s->out.addr = s->reply.dst = ip_from_v4(pick_addr(s->cpu, r, peer));
	if (has_endpoints(s->out.proto))
		return search_ports(s, r, wanted);
	return !ct_tuple_taken(s->cpu, &s->reply);
}

bool nat_bind_src(struct net_cpu *cpu, struct nf_conn *ct, const struct nat_range *range)
{
	const struct ct_tuple *o = &ct->end[CT_ORIGINAL].tuple;
	struct nat_end in = { o->src, o->sport, o->proto };
	struct search s = { .cpu = cpu, .reply = ct->end[CT_REPLY].tuple, .out.proto = o->proto };
	struct nat_range r = *range;
	struct nat_map *m;

	if (!r.lo.raw)
		r.lo = r.hi = ip_v4(&o->src);
	m = known_map(&s, &r, &in);
	if (!m) {
		if (!choose(&s, &r, ip_v4(&o->src), be16_get(o->sport)))
			return false;
		/* Where the endpoint has a map that does not fit here, or shares another's port, that map stays what it is. */
		if (has_endpoints(o->proto) && !s.share && !find_in(cpu, &in)) {
			m = map_create(cpu, &in, &s.out);
			if (!m)
				return false;
		}
	}
	if (m) {
		m->refs++;
		ct->map = m;
	}
	set_source(ct, &s.reply);
	return true;
}

bool nat_bind_dst(struct net_cpu *cpu, struct nf_conn *ct, const struct nat_range *r)
{
	const struct ct_tuple *o = &ct->end[CT_ORIGINAL].tuple;
	struct ct_tuple *reply = &ct->end[CT_REPLY].tuple;
	u16 port = be16_get(o->dport);

	if (r->lo.raw)
		reply->src = ip_from_v4(pick_addr(cpu, r, ip_v4(&o->src)));
	if (r->port_lo && (r->random || port < r->port_lo || port > r->port_hi))
		reply->sport = be16_of((u16)(r->port_lo + hsiphash_3u32(o->src.w[3].raw, o->sport.raw, port, &cpu->net->port_key) %
									  (r->port_hi - r->port_lo + 1u)));
	if (!ip_eq(&reply->src, &o->dst) || !be16_eq(reply->sport, o->dport))
		ct->nat |= CT_DNAT;
	return true;
}

/* ---- control ---- */
int nat_init(struct net_cpu *cpu)
{
	struct ct_cpu *c = cpu->ct;
	struct nat_cpu *n = kzalloc(sizeof(*n));

	c->nat = n;
	if (!n)
		return -ENOMEM;
	n->cache = kmem_cache_create("nat_map", sizeof(struct nat_map), _Alignof(struct nat_map));
	n->in = pages_alloc(c->order);
	n->out = pages_alloc(c->order);
	if (!n->cache || !n->in || !n->out)
		return -ENOMEM;
	memset(n->in, 0, 4096ul << c->order);
	memset(n->out, 0, 4096ul << c->order);
	return 0;
}

void nat_destroy(struct net_cpu *cpu)
{
	struct nat_cpu *n = cpu->ct->nat;

	if (!n)
		return;
	if (n->in)
		pages_free(n->in, cpu->ct->order);
	if (n->out)
		pages_free(n->out, cpu->ct->order);
	kmem_cache_destroy(n->cache);
	kfree(n);
	cpu->ct->nat = NULL;
}
