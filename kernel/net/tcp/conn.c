/* SPDX-License-Identifier: MIT
 * conn.c - which connection is it? The table of connections, the life of a TCB, its states.
 *
 * Owns cpu->tcp. The table grows by doubling, a few chains per insertion, so that no single packet pays for it.
 * A TCB dies in two steps: tcp_done() takes it out of sight, tcp_flush() frees it.
 */
#include "net/tcp/tcp_impl.h"

#define CONN_ORDER_MIN 1 /* pages: 1024 chains */
#define CONN_MOVES     4 /* old chains emptied per insertion */

/* ---- the table ---- */

static inline const struct ip_addr *node_addrs(struct conn_node *n, const struct ip_addr **remote)
{
	const struct ip_addr *small = (const struct ip_addr *)(n + 1);

	if (likely(n->kind == CONN_TCB)) {
		*remote = &node_tcb(n)->sk.daddr;
		return &node_tcb(n)->sk.saddr;
	}
	*remote = small + 1;
	return small;
}

static inline u32 hash_of(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport)
{
	u32 ports = (u32)lport << 16 | rport;

	if (likely(ip_is_v4(l)))
		return conn_hash_v4(cpu, l->w[3], r->w[3], ports);
	return conn_hash_v6(cpu, l, r, ports);
}

u32 conn_hash(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport)
{
	return hash_of(cpu, l, r, lport, rport);
}

static struct hlist_head *chains_alloc(u32 n)
{
	struct hlist_head *h = NULL;
	unsigned order = 0;

	while ((4096ull << order) < n * sizeof(*h))
		order++;
	h = pages_alloc(order);
	if (h)
		memset(h, 0, n * sizeof(*h));
	return h;
}

static void chains_free(struct hlist_head *h, u32 n)
{
	unsigned order = 0;

	while ((4096ull << order) < n * sizeof(*h))
		order++;
	if (h)
		pages_free(h, order);
}

static void conn_move_chains(struct conn_table *ct, u32 n)
{
	struct conn_node *c, *next;

	while (n-- && ct->moved <= ct->old_mask) {
		struct hlist_head *from = &ct->old[ct->moved++];

		hlist_for_each_entry_safe(c, next, from, link) {
			hlist_del(&c->link);
			hlist_add(&c->link, &ct->chains[c->hash & ct->mask]);
		}
	}
	if (ct->moved > ct->old_mask) {
		chains_free(ct->old, ct->old_mask + 1);
		ct->old = NULL;
	}
}

static void conn_grow(struct conn_table *ct)
{
	u32 size = (ct->mask + 1) * 2;
	struct hlist_head *h = size ? chains_alloc(size) : NULL;

	if (!h)
		return; /* longer chains, until memory comes back */
	ct->old = ct->chains;
	ct->old_mask = ct->mask;
	ct->moved = 0;
	ct->chains = h;
	ct->mask = size - 1;
}

/* Both ports, as they lie in a node. */
static inline u32 ports_of(u16 lport, u16 rport) { return lport | (u32)rport << 16; }
static inline u32 node_ports(const struct conn_node *n)
{
	u32 ports;

	_Static_assert(offsetof(struct conn_node, rport) == offsetof(struct conn_node, lport) + 2, "one word");
	memcpy(&ports, &n->lport, sizeof(ports));
	return ports;
}

static inline struct conn_node *chain_find(struct hlist_head *chain, u32 hash, const struct ip_addr *l, const struct ip_addr *r, u32 ports)
{
	const struct ip_addr *nl, *nr;
	struct conn_node *n;

	hlist_for_each_entry(n, chain, link) {
		if (n->hash != hash || node_ports(n) != ports)
			continue;
		nl = node_addrs(n, &nr);
		if (ip_eq(nl, l) && ip_eq(nr, r))
			return n;
	}
	return NULL;
}

/* What was not moved yet to the larger table. */
static __noinline struct conn_node *find_in_old(const struct conn_table *ct, u32 hash, const struct ip_addr *l, const struct ip_addr *r,
					       u32 ports)
{
	return (hash & ct->old_mask) < ct->moved ? NULL : chain_find(&ct->old[hash & ct->old_mask], hash, l, r, ports);
}

static inline struct conn_node *find(const struct conn_table *ct, u32 hash, const struct ip_addr *l, const struct ip_addr *r, u32 ports)
{
	struct conn_node *n = chain_find(&ct->chains[hash & ct->mask], hash, l, r, ports);

	return n || likely(!ct->old) ? n : find_in_old(ct, hash, l, r, ports);
}

/* Apart, so that a lookup of IPv4 gets along with few registers. */
static __noinline struct conn_node *lookup_v6(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport,
					     u16 rport, u32 *hashed)
{
	*hashed = conn_hash(cpu, l, r, lport, rport);
	return find(&cpu->tcp->conns, *hashed, l, r, ports_of(lport, rport));
}

struct conn_node *conn_lookup(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport,
			      u32 *hashed)
{
	u32 hash;

	if (unlikely(!ip_is_v4(l)))
		return lookup_v6(cpu, l, r, lport, rport, hashed);
	*hashed = hash = conn_hash(cpu, l, r, lport, rport);
	return find(&cpu->tcp->conns, hash, l, r, ports_of(lport, rport));
}

void conn_insert(struct net_cpu *cpu, struct conn_node *n)
{
	struct conn_table *ct = &cpu->tcp->conns;

	if (ct->old)
		conn_move_chains(ct, CONN_MOVES);
	else if (ct->count > ct->mask)
		conn_grow(ct);
	hlist_add(&n->link, &ct->chains[n->hash & ct->mask]);
	ct->count++;
}

void conn_remove(struct net_cpu *cpu, struct conn_node *n)
{
	if (hlist_unhashed(&n->link))
		return;
	hlist_del(&n->link);
	cpu->tcp->conns.count--;
}

void conn_replace(struct conn_node *old, struct conn_node *n)
{
	BUG_ON(hlist_unhashed(&old->link) || old->hash != n->hash);
	hlist_replace(&old->link, &n->link);
}

/* ---- the way to the peer ---- */

void tcp_flow(const struct tcb *t, struct flow *fl)
{
	const struct sock *sk = &t->sk;

	fl->src = sk->saddr;
	fl->dst = sk->daddr;
	fl->proto = IPPROTO_TCP;
	fl->tos = sk->tos;
	fl->ttl = sk->ttl;
	fl->df = !t->may_fragment; /* RFC 1191 */
	fl->mark = sk->mark;
	fl->dev = sk->bound_dev;
}

int tcp_route(struct tcb *t)
{
	struct sock *sk = &t->sk;
	struct flow fl;
	int err;

	if (likely(dst_valid(sk->cpu, &sk->dst)))
		return 0;
	tcp_flow(t, &fl);
	err = sk->af->route(sk->cpu, &fl, &sk->dst);
	if (err) {
		sk->dst.gen = 0;
		return err;
	}
	if (ip_is_any(&sk->saddr))
		sk->saddr = fl.src;
	return 0;
}

/* ---- the life of a TCB ---- */

/* What a new connection has of the former one's settings, beside those of its sock, which stays. */
static void tcp_inherit(struct tcb *t, const struct tcb *l)
{
	t->rcvlowat = l->rcvlowat;
	t->nodelay = l->nodelay;
	t->corked = l->corked;
	t->may_fragment = l->may_fragment;
	t->linger_set = l->linger_set;
	t->linger_s = l->linger_s;
	t->linger2_s = l->linger2_s;
	t->sndbuf_locked = l->sndbuf_locked;
	t->rcvbuf_locked = l->rcvbuf_locked;
	t->keepidle_s = l->keepidle_s;
	t->keepintvl_s = l->keepintvl_s;
	t->keepcnt = l->keepcnt;
	t->synretries_max = l->synretries_max;
	t->defer_accept = l->defer_accept;
	t->notsent_lowat = l->notsent_lowat;
	t->user_mss = l->user_mss;
	t->user_timeout_ms = l->user_timeout_ms;
	t->ack.pingpong = l->ack.pingpong; /* TCP_QUICKACK 0: answers carry the ACKs from the first segment on */
	t->rcv.clamp = l->rcv.clamp;
	t->ca = l->ca;
}

/* What a connection has before anything is known of it. */
static void tcb_start(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;

	skb_queue_init(&t->sendq);
	skb_queue_init(&t->rtxq);
	skb_queue_init(&t->rcvq);
	list_init(&t->tsorted);
	timer_init(&t->timer, tcp_timer_fire);
	t->node.kind = CONN_TCB;
	t->mss = TCP_MSS_DEFAULT;
	t->mss_clamp = TCP_MSS_DEFAULT;
	t->rto_us = TCP_RTO_INIT_US;
	t->mdev_us = TCP_RTO_INIT_US;
	t->min_rtt_us = ~0u;
	t->rack.reo_wnd_mult = 1;
	t->cwnd = TCP_INIT_CWND;
	t->ssthresh = TCP_INFINITE_SSTHRESH;
	t->reordering = (u8)MIN(cpu->sysctl.tcp_reordering, 255);
	t->tcp_hdr_len = TCP_HDR_LEN;
}

struct tcb *tcb_alloc(struct net_cpu *cpu, u16 family)
{
	struct tcb *t = kmem_cache_alloc(cpu->tcp->tcbs);
	struct sock *sk;

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	sk = &t->sk;
	sock_init(sk, cpu, &tcp_prot, family);
	sk->af = family == AF_INET6 ? &ipv6_af : &ipv4_af; /* until the peer's address says more */
	sk->rcvbuf = (u32)cpu->sysctl.tcp_rmem_def;
	sk->sndbuf = (u32)cpu->sysctl.tcp_wmem_def;
	tcb_start(t);
	t->ca = tcp_cong_table[cpu->sysctl.tcp_congestion];
	cpu->tcp->nr_tcbs++;
	return t;
}

/* What a listener has beside its settings, which alone are a child's. */
static void forget_listener(struct tcb *t)
{
	struct sock *sk = &t->sk;

	sk->socket = NULL;
	sk->event = NULL;
	sk->hash = (struct hlist_node){ NULL, NULL };
	sk->state = TCP_CLOSE;
	sk->shutdown = 0;
	sk->bound_by_user = false;
	sk->err = sk->err_soft = 0;
	t->accept_next = NULL;
	t->dirty_next = NULL;
	t->fo = NULL;
	t->tx = NULL; /* it may have been a connection before */
	t->sacks = NULL;
	t->events = 0;
	t->stamps = NULL;
	t->marked = t->port_told = t->addr_locked = t->stamping = false;
}

struct tcb *tcb_child(const struct tcb *l)
{
	struct tcp_cpu *tc = l->sk.cpu->tcp;
	struct tcb *t = kmem_cache_alloc(tc->tcbs);

	if (!t)
		return NULL;
	if (likely(tc->vectors))
		vector_copy(t, l, sizeof(*t));
	else
		*t = *l;
	forget_listener(t);
	tcb_start(t);
	if (unlikely(l->stamps != NULL))
		tcp_stamps_inherit(t, l);
	t->passive = true;
	tc->nr_tcbs++;
	return t;
}

void tcb_renew(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct tcb old;

	BUG_ON(t->sk.state != TCP_CLOSE);
	tcp_timers_stop(t);
	skb_queue_purge(cpu, &t->rcvq, RX_OK);
	cpu->tcp->mem_bytes -= t->sk.rmem_alloc;
	t->sk.rmem_alloc = 0;
	old = *t;
	memset(t, 0, sizeof(*t));
	t->sk = old.sk;
	t->marked = old.marked;
	t->dirty_next = old.dirty_next;
	t->events = old.events;
	t->addr_locked = old.addr_locked;
	t->fo = old.fo;
	t->sacks = old.sacks;
	t->stamps = old.stamps;
	if (t->stamps)
		tcp_stamps_renew(t);
	if (old.tx)
		kmem_cache_free(cpu->tcp->txs, old.tx);
	tcp_inherit(t, &old);
	t->rcv.clamp = 0;
	tcb_start(t);
	t->sk.shutdown = 0;
	t->sk.dport = 0;
	t->sk.dst.gen = 0;
	t->sk.daddr = ip_from_v4(be32_of(0));
	if (!t->addr_locked)
		t->sk.saddr = ip_from_v4(be32_of(0));
	if (!t->sk.bound_by_user)
		t->sk.sport = 0;
}

void tcb_free(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;

	tcp_sendq_purge(t);
	if (!skb_queue_empty(&t->rcvq))
		skb_queue_purge(cpu, &t->rcvq, RX_OK);
	tcp_ofo_purge(t, RX_OK);
	kfree(t->fo);
	kfree(t->sacks);
	kfree(t->stamps);
	if (t->tx)
		kmem_cache_free(cpu->tcp->txs, t->tx);
	cpu->tcp->mem_bytes -= t->sk.rmem_alloc;
	cpu->tcp->nr_tcbs--;
	if (t->orphan)
		cpu->tcp->nr_orphans--;
	kmem_cache_free(cpu->tcp->tcbs, t);
}

#define S(name) (1u << TCP_##name)
/* The map of tcp.h: from a state, the states it may go to. CLOSE is always allowed. */
static const u16 tcp_arrows[NR_TCP_STATES] = {
	[TCP_CLOSE] = S(LISTEN) | S(SYN_SENT) | S(SYN_RECEIVED),
	[TCP_SYN_SENT] = S(ESTABLISHED) | S(SYN_RECEIVED),
	[TCP_SYN_RECEIVED] = S(ESTABLISHED) | S(FIN_WAIT_1) | S(CLOSE_WAIT),
	[TCP_ESTABLISHED] = S(FIN_WAIT_1) | S(CLOSE_WAIT),
	[TCP_FIN_WAIT_1] = S(FIN_WAIT_2) | S(CLOSING),
	[TCP_CLOSE_WAIT] = S(LAST_ACK),
};
#undef S

/* 1 or 0: RFC 4022 tcpCurrEstab. */
static inline u64 counts_as_established(u8 state)
{
	return (1u << TCP_ESTABLISHED | 1u << TCP_CLOSE_WAIT) >> state & 1;
}

void tcp_set_state(struct tcb *t, u8 state)
{
	struct net_cpu *cpu = t->sk.cpu;
	u8 old = t->sk.state;

	BUG_ON(state != TCP_CLOSE && !(tcp_arrows[old] & 1u << state));
	t->sk.state = state;
	t->pred = 0;
	STAT_ADD(cpu, TcpCurrEstab, counts_as_established(state) - counts_as_established(old));
}

void tcp_done(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	u8 old = t->sk.state;

	if (old == TCP_SYN_SENT || old == TCP_SYN_RECEIVED)
		STAT(cpu, TcpAttemptFails);
	tcp_set_state(t, TCP_CLOSE);
	if (unlikely(t->fo != NULL))
		tcp_fastopen_end(t, false);
	tcp_timers_stop(t);
	conn_remove(cpu, &t->node);
	if (t->orphan || !t->sk.bound_by_user) /* what bind() gave it, it keeps until it is closed */
		tcp_unbind(t);
	tcp_sendq_purge(t);
	tcp_ofo_purge(t, RX_OK);
	tcp_chrono(t, CHRONO_IDLE);
	t->sk.shutdown = 3;
	t->ack.now = false;
	t->dead = t->orphan;
	tcp_event(t, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP | (t->sk.err ? EPOLLERR : 0));
}

void tcp_done_error(struct tcb *t, int err)
{
	t->sk.err = err;
	tcp_done(t);
}

const char *tcp_state_name(u8 state)
{
	static const char *const names[NR_TCP_STATES] = {
#define X(name, number, text) [number] = text,
		TCP_STATES(X)
#undef X
	};

	return state < NR_TCP_STATES && names[state] ? names[state] : "?";
}

static void for_each_in_chain(struct hlist_head *chain, void (*fn)(void *, struct tcb *, struct tcp_request *,
								   struct tcp_timewait *), void *arg)
{
	struct conn_node *n, *next;

	hlist_for_each_entry_safe(n, next, chain, link)
		fn(arg, n->kind == CONN_TCB ? node_tcb(n) : NULL, n->kind == CONN_REQUEST ? node_request(n) : NULL,
		   n->kind == CONN_TIMEWAIT ? node_timewait(n) : NULL);
}

void tcp_for_each(struct net_cpu *cpu, void (*fn)(void *, struct tcb *, struct tcp_request *, struct tcp_timewait *), void *arg)
{
	struct conn_table *ct = &cpu->tcp->conns;
	struct sock *o, *next;
	u32 i;

	for (i = 0; i < TCP_BOUND_BUCKETS; i++)
		hlist_for_each_entry_safe(o, next, &cpu->tcp->bound[i], hash)
			if (o->state == TCP_LISTEN)
				fn(arg, tcb_of(o), NULL, NULL);
	for (i = 0; i <= ct->mask; i++)
		for_each_in_chain(&ct->chains[i], fn, arg);
	for (i = ct->moved; ct->old && i <= ct->old_mask; i++)
		for_each_in_chain(&ct->old[i], fn, arg);
}

/* ---- the CPU's share ---- */

int tcp_cpu_init(struct net_cpu *cpu)
{
	struct tcp_cpu *tc = kzalloc(sizeof(*tc));

	if (!tc)
		return -ENOMEM;
	cpu->tcp = tc;
	tc->cpu = cpu;
	tc->vectors = platform_has_vectors();
	tc->conns.mask = (4096u << CONN_ORDER_MIN) / sizeof(struct hlist_head) - 1;
	tc->conns.chains = chains_alloc(tc->conns.mask + 1);
	tc->tcbs = kmem_cache_create("tcb", sizeof(struct tcb), CACHE_LINE);
	tc->requests = kmem_cache_create("tcp_request", sizeof(struct tcp_request), 8);
	tc->timewaits = kmem_cache_create("tcp_timewait", sizeof(struct tcp_timewait), 8);
	tc->txs = kmem_cache_create("tcp_tx", sizeof(struct tcp_tx), 8);
	if (!tc->conns.chains || !tc->tcbs || !tc->requests || !tc->timewaits || !tc->txs) {
		if (tc->conns.chains)
			chains_free(tc->conns.chains, tc->conns.mask + 1);
		kmem_cache_destroy(tc->tcbs);
		kmem_cache_destroy(tc->requests);
		kmem_cache_destroy(tc->timewaits);
		kmem_cache_destroy(tc->txs);
		kfree(tc);
		cpu->tcp = NULL;
		return -ENOMEM;
	}
	tc->dirty_tail = &tc->dirty;
	for (unsigned i = 0; i < TCP_SYNACK_LISTS; i++)
		list_init(&tc->synacks[i]);
	timer_init(&tc->synack_timer, tcp_synack_run);
	list_init(&tc->timewait);
	timer_init(&tc->timewait_timer, tcp_timewait_run);
	timer_init(&tc->hold_timer, tcp_hold_over);
	return 0;
}

static void destroy_one(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	struct net_cpu *cpu = arg;

	if (r)
		tcp_request_free(r);
	if (tw)
		tcp_timewait_free(cpu, tw);
	if (t) {
		t->sk.event = NULL;
		tcp_prot.close(&t->sk);
		if (t->sk.state != TCP_CLOSE)
			tcp_done(t);
	}
}

void tcp_cpu_destroy(struct net_cpu *cpu)
{
	struct tcp_cpu *tc = cpu->tcp;

	tcp_for_each(cpu, destroy_one, cpu);
	while (tc->dirty) {
		struct tcb *t = tc->dirty;

		tc->dirty = t->dirty_next;
		tcb_free(t);
	}
	timer_cancel(&cpu->wheel, &tc->timewait_timer);
	timer_cancel(&cpu->wheel, &tc->synack_timer);
	timer_cancel(&cpu->wheel, &tc->hold_timer);
	chains_free(tc->conns.chains, tc->conns.mask + 1);
	if (tc->conns.old)
		chains_free(tc->conns.old, tc->conns.old_mask + 1);
	tcp_fastopen_forget(cpu);
	kmem_cache_destroy(tc->tcbs);
	kmem_cache_destroy(tc->requests);
	kmem_cache_destroy(tc->timewaits);
	kmem_cache_destroy(tc->txs);
	kfree(tc);
	cpu->tcp = NULL;
}
