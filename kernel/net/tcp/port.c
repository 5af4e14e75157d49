/* SPDX-License-Identifier: MIT
 * port.c - who owns a local port, which listener takes a SYN, and what a stranger must not guess of a new connection.
 *
 * Owns cpu->tcp->bound, all sockets with a port by its hash. ISNs: RFC 6528. Ports: RFC 6056 algorithm 3.
 */
#include "net/core/steer.h"
#include "net/tcp/tcp_impl.h"

/* ---- secrets ---- */

enum { TUPLE_ISN = 1, TUPLE_TS = 2, TUPLE_PORT = 3, TUPLE_IPV6 = 4 };

/* By AES where the CPU has its rounds: of one block for IPv4; for IPv6 the last of three in a chain, whose first is none of IPv4's. */
static u64 tuple_aes(const struct aes_keys *k, const struct ip_addr *l, const struct ip_addr *r, u64 rest)
{
	u64 a = 0, b = rest;

	if (likely(ip_is_v4(l) && ip_is_v4(r))) {
		a = (u64)l->w[3].raw << 32 | r->w[3].raw;
		aes_block(&a, &b, k);
		return a;
	}
	b |= TUPLE_IPV6;
	aes_block(&a, &b, k);
	a ^= l->q[0];
	b ^= l->q[1];
	aes_block(&a, &b, k);
	a ^= r->q[0];
	b ^= r->q[1];
	aes_block(&a, &b, k);
	return a;
}

static u64 tuple_prf(const struct net *net, const struct siphash_key *key, const struct ip_addr *l, const struct ip_addr *r,
		     u32 ports, u32 tag)
{
	u64 rest = (u64)ports << 32 | tag;

	if (likely(net->has_aes))
		return tuple_aes(&net->tuple_keys, l, r, rest);
	if (likely(ip_is_v4(l) && ip_is_v4(r)))
		return siphash_2u64((u64)l->w[3].raw << 32 | r->w[3].raw, rest, key);
	return siphash_5u64((const u64[]){ l->q[0], l->q[1], r->q[0], r->q[1], rest }, key);
}

/* RFC 6528 3: a clock of 4 us and a keyed hash of the connection. */
u32 tcp_isn(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r, u16 lport, u16 rport)
{
	return (u32)(cpu->now_ns / 4000) + (u32)tuple_prf(cpu->net, &cpu->net->isn_key, l, r, (u32)lport << 16 | rport, TUPLE_ISN);
}

/* RFC 7323 7.1: where our timestamp clock starts, per pair of hosts, so that TIME_WAIT reuse still sees it rise. */
u32 tcp_ts_offset(struct net_cpu *cpu, const struct ip_addr *l, const struct ip_addr *r)
{
	struct tcp_ts_memo *m = &cpu->tcp->ts_memo[r->w[3].raw * 0x9e3779b1u >> (32 - TCP_TS_MEMO_BITS)];

	if (cpu->sysctl.tcp_timestamps != 1)
		return 0;
	if (unlikely(!ip_eq(&m->r, r) || !ip_eq(&m->l, l)))
		*m = (struct tcp_ts_memo){ *l, *r, (u32)tuple_prf(cpu->net, &cpu->net->isn_key, l, r, 0, TUPLE_TS) };
	return m->off;
}

/* ---- ports ---- */

static struct hlist_head *bound_chain(struct net_cpu *cpu, u16 port)
{
	return &cpu->tcp->bound[port % TCP_BOUND_BUCKETS];
}

static bool bound_overlap(const struct sock *a, const struct sock *b, const struct ip_addr *addr)
{
	return sock_binds_overlap(a, &a->saddr, b, addr);
}

bool tcp_port_conflict(const struct tcb *t, const struct ip_addr *addr, u16 port)
{
	struct sock *o;

	hlist_for_each_entry(o, bound_chain(t->sk.cpu, port), hash) {
		if (o->sport != port || o == &t->sk || !bound_overlap(o, &t->sk, addr))
			continue;
		if (o->reuseport && t->sk.reuseport)
			continue;
		if (o->reuseaddr && t->sk.reuseaddr && o->state != TCP_LISTEN)
			continue;
		return true;
	}
	return false;
}

static bool port_is_bound(struct net_cpu *cpu, u16 port)
{
	struct sock *o;

	hlist_for_each_entry(o, bound_chain(cpu, port), hash)
		if (o->sport == port)
			return true;
	return false;
}

static int choose_port(struct tcb *t, const struct ip_addr *addr)
{
	struct net_cpu *cpu = t->sk.cpu;
	u32 lo = (u32)cpu->sysctl.local_port_lo, n = (u32)cpu->sysctl.local_port_hi - lo + 1, i, off;

	if (cpu->sysctl.local_port_hi < (s64)lo)
		return -EADDRINUSE;
	off = (u32)tuple_prf(cpu->net, &cpu->net->port_key, addr, addr, 0, TUPLE_PORT) + cpu->tcp->port_step;
	for (i = 0; i < n; i++) {
		u16 port = (u16)(lo + (off + i) % n);

		if (!port_is_bound(cpu, port)) {
			cpu->tcp->port_step += i + 1;
			return port;
		}
	}
	return -EADDRINUSE;
}

int tcp_bind_port(struct tcb *t, const struct ip_addr *addr, u16 port)
{
	if (!port) {
		int chosen = choose_port(t, addr);

		if (chosen < 0)
			return chosen;
		port = (u16)chosen;
	} else if (tcp_port_conflict(t, addr, port)) {
		return -EADDRINUSE;
	}
	t->sk.saddr = *addr;
	t->sk.sport = port;
	hlist_add(&t->sk.hash, bound_chain(t->sk.cpu, port));
	return 0;
}

void tcp_unbind(struct tcb *t)
{
	hlist_del(&t->sk.hash);
	if (unlikely(t->port_told))
		port_home_del(t->sk.cpu, IPPROTO_TCP, t->sk.sport);
	t->port_told = false;
}

void tcp_tell_port(struct tcb *t)
{
	if (!t->port_told)
		port_home_add(t->sk.cpu, IPPROTO_TCP, t->sk.sport);
	t->port_told = true;
}

static void node_enter(struct tcb *t, u32 hash)
{
	t->node.hash = hash;
	t->node.lport = t->sk.sport;
	t->node.rport = t->sk.dport;
	conn_insert(t->sk.cpu, &t->node);
}

/* Is the 4-tuple free? A TIME_WAIT whose timestamps let us go on gives way (RFC 6191 as a client, tcp_tw_reuse). */
static bool tuple_free(struct tcb *t, u16 port)
{
	struct net_cpu *cpu = t->sk.cpu;
	u32 hash;
	struct conn_node *n = conn_lookup(cpu, &t->sk.saddr, &t->sk.daddr, port, t->sk.dport, &hash);
	struct tcp_timewait *tw;

	if (!n)
		return true;
	if (n->kind != CONN_TIMEWAIT || !cpu->sysctl.tcp_tw_reuse)
		return false;
	tw = node_timewait(n);
	if (!tw->ts_ok || cpu_s(cpu) - tw->ts_recent_s < 1 || (cpu->sysctl.tcp_tw_reuse == 2 && !t->sk.dst.loopback))
		return false;
	t->snd.iss = seq_add(tw->snd_nxt, 65535 + 2);
	t->ts_recent = tw->ts_recent;
	t->ts_recent_s = tw->ts_recent_s;
	tcp_timewait_free(cpu, tw);
	return true;
}

int tcp_connect_port(struct tcb *t)
{
	struct net_cpu *cpu = t->sk.cpu;
	struct sock *sk = &t->sk;
	u32 lo = (u32)cpu->sysctl.local_port_lo, n = (u32)cpu->sysctl.local_port_hi - lo + 1, i, off;

	t->snd.iss = seq_of(0);
	if (sk->sport) {
		if (!tuple_free(t, sk->sport))
			return -EADDRNOTAVAIL;
		if (!steer_is_home(cpu, &sk->saddr, &sk->daddr, sk->sport, sk->dport)) {
			cpu->softnet.strays++; /* the port was bound before: the flow's owner hands over what comes */
			tcp_tell_port(t);
		}
	} else {
		off = (u32)tuple_prf(cpu->net, &cpu->net->port_key, &sk->saddr, &sk->daddr, sk->dport, TUPLE_PORT);
		off += cpu->tcp->port_step;
		for (i = 0; i < n; i++) {
			u16 port = (u16)(lo + (off + i) % n);

			if (steer_is_home(cpu, &sk->saddr, &sk->daddr, port, sk->dport) && !port_is_bound(cpu, port) &&
			    tuple_free(t, port)) {
				sk->sport = port;
				break;
			}
		}
		if (!sk->sport)
			return -EADDRNOTAVAIL;
		cpu->tcp->port_step += i + 1;
	}
	if (!t->snd.iss.v)
		t->snd.iss = seq_of(tcp_isn(cpu, &sk->saddr, &sk->daddr, sk->sport, sk->dport));
	node_enter(t, conn_hash(cpu, &sk->saddr, &sk->daddr, sk->sport, sk->dport));
	return 0;
}

/* The best listener: its own address beats the wildcard; of a SO_REUSEPORT group the flow's hash takes one. */
struct tcb *tcp_find_listener(struct net_cpu *cpu, const struct ip_addr *laddr, u16 lport, u32 hash)
{
	struct tcb *best = NULL;
	int best_score = 0;
	u32 equals = 0;
	struct sock *o;

	hlist_for_each_entry(o, bound_chain(cpu, lport), hash) {
		int score = 1;

		if (o->sport != lport || o->state != TCP_LISTEN)
			continue;
		if (!ip_is_any(&o->saddr)) {
			if (!ip_eq(&o->saddr, laddr))
				continue;
			score = 2;
		} else if (!sock_any_takes(o, laddr)) {
			continue;
		}
		if (score > best_score) {
			best = tcb_of(o);
			best_score = score;
			equals = 1;
		} else if (score == best_score) {
			if (sock_group_takes(&hash, ++equals))
				best = tcb_of(o);
		}
	}
	return best;
}
