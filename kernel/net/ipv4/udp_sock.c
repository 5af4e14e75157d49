/* SPDX-License-Identifier: MIT
 * udp_sock.c - UDP endpoints of both families: udp_prot, their life and names (RFC 768, RFC 1122 4.1.3, 4.1.4; ports:
 * RFC 6056). What they send is in udp_send.c and ipv6/udp.c, what they take in udp_recv.c.
 *
 * Owns each struct udp_sock. No call blocks. Runs in base with softirq held off, and in softirq for the stack's own.
 */
#include "net/ipv4/udp_impl.h"
#include "net/core/steer.h"
#include "net/ipv4/ip.h"
#include "lib/errno.h"

/* ---- life ---- */
/* The wildcard of sk's family. */
static struct ip_addr any_addr(const struct sock *sk)
{
	return sk->family == AF_INET ? ip_from_v4((be32){ 0 }) : (struct ip_addr){ .q = { 0, 0 } };
}

static struct sock *udp_create(struct net_cpu *cpu, u16 family)
{
	struct udp_sock *u = kmem_cache_alloc(cpu->udp->cache);

	if (!u)
		return NULL;
	sock_init(&u->sk, cpu, &udp_prot, family);
	u->sk.af = family == AF_INET6 ? &ipv6_af : &ipv4_af;
	u->sk.saddr = u->sk.daddr = any_addr(&u->sk);
	u->has_saddr = u->connected = u->closed = false;
	u->pmtudisc = IP_PMTUDISC_WANT;
	u->mc_loop = true;
	u->mc_ttl = 1;
	u->optlen = 0;
	u->opts = NULL;
	u->mc_dev = NULL;
	u->groups = NULL;
	skb_queue_init(&u->rx);
	cpu->udp->nr++;
	return &u->sk;
}

void udp_sock_free(struct sock *sk)
{
	sk->cpu->udp->nr--;
	kmem_cache_free(sk->cpu->udp->cache, udp_sk(sk));
}

static void udp_close(struct sock *sk)
{
	struct udp_sock *u = udp_sk(sk);

	if (sk->sport)
		port_home_del(sk->cpu, IPPROTO_UDP, sk->sport);
	if (sk->cpu->udp->full == u)
		sk->cpu->udp->full = NULL;
	hlist_del(&sk->hash);
	skb_queue_purge(sk->cpu, &u->rx, DROP(SOCKET_CLOSE));
	udp_options_drop(u);
	sk->socket = NULL;
	sk->event = NULL;
	u->closed = true;
	if (!sk->wmem_alloc)
		udp_sock_free(sk);
}

/* ---- names ---- */
static bool addrs_overlap(const struct sock *a, const struct sock *b)
{
	if (a->bound_dev && b->bound_dev && a->bound_dev != b->bound_dev)
		return false;
	return sock_binds_overlap(a, &a->saddr, b, &b->saddr);
}

/* `wanted` has its address set, not yet its port. */
static bool port_taken(const struct sock *wanted, u16 port)
{
	struct udp_sock *u;

	hlist_for_each_entry(u, udp_bucket(wanted->cpu, port), sk.hash) {
		if (u->sk.sport != port || &u->sk == wanted || !addrs_overlap(&u->sk, wanted))
			continue;
		if (!(u->sk.reuseaddr && wanted->reuseaddr) &&
		    !(u->sk.reuseport && wanted->reuseport))
			return true;
	}
	return false;
}

static void set_port(struct sock *sk, u16 port)
{
	sk->sport = port;
	hlist_add(&sk->hash, udp_bucket(sk->cpu, port));
	port_home_add(sk->cpu, IPPROTO_UDP, port);
}

/* RFC 6056 3.3.1: from a random place on, the first that is free; fl: and that makes the flow to dport this CPU's. */
int udp_autobind(struct sock *sk, const struct flow *fl, u16 dport)
{
	const struct net_sysctls *sc = &sk->cpu->sysctl;
	u32 lo = (u32)MIN(sc->local_port_lo, sc->local_port_hi),
	    n = (u32)MAX(sc->local_port_lo, sc->local_port_hi) - lo + 1;
	u64 r = siphash_3u64(sk->cpu->udp->port_seq++, sk->cpu->now_ns, sk->cpu->id,
			     &sk->cpu->net->port_key);
	u32 start = (u32)(r % n);

	for (u32 i = 0; i < n; i++) {
		u16 port = (u16)(lo + (start + i) % n);

		if (fl && !steer_is_home(sk->cpu, &fl->src, &fl->dst, port, dport))
			continue;
		if (!port_taken(sk, port)) {
			set_port(sk, port);
			return 0;
		}
	}
	return -EADDRINUSE;
}

static int udp_bind(struct sock *sk, const struct sockaddr_ip *a)
{
	enum addr_type type = af_of(&a->addr)->addr_type(sk->cpu, &a->addr);
	struct ip_addr old = sk->saddr;
	int err = 0;

	if (sk->sport)
		return -EINVAL;
	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (type != ADDR_LOCAL && type != ADDR_ANY)
		return -EADDRNOTAVAIL;
	sk->saddr = a->addr;
	if (!a->port)
		err = udp_autobind(sk, NULL, 0);
	else if (port_taken(sk, a->port))
		err = -EADDRINUSE;
	else
		set_port(sk, a->port);
	if (err) {
		sk->saddr = old;
		return err;
	}
	udp_sk(sk)->has_saddr = sk->bound_by_user = type != ADDR_ANY;
	return 0;
}

int udp_route(struct sock *sk, struct flow *fl, struct dst *dst)
{
	int err = af_of(&fl->dst)->route(sk->cpu, fl, dst);

	if (err && ip_is_v4(&fl->dst))
		STAT(sk->cpu, IpOutNoRoutes);
	else if (err)
		STAT(sk->cpu, Ip6OutNoRoutes);
	else if (dst->type == ADDR_BROADCAST && !sk->broadcast)
		err = -EACCES;
	return err;
}

static int udp_connect(struct sock *sk, const struct sockaddr_ip *a)
{
	struct udp_sock *u = udp_sk(sk);
	struct flow fl = { .src = sk->saddr,
			   .dst = a->addr,
			   .proto = IPPROTO_UDP,
			   .mark = sk->mark,
			   .dev = sk->bound_dev };
	struct dst dst;
	int err;

	if (a->family != sk->family)
		return -EAFNOSUPPORT;
	if (!a->port)
		return -EINVAL;
	if (!sk->bound_by_user)
		fl.src = any_addr(sk);
	err = sock_family_fits(sk, &fl.src, &a->addr) ?: udp_route(sk, &fl, &dst);
	if (!err && !sk->sport)
		err = udp_autobind(sk, &fl, a->port);
	if (err)
		return err;
	sk->af = af_of(&a->addr);
	sk->saddr = fl.src;
	sk->daddr = a->addr;
	sk->dport = a->port;
	sk->dst = dst;
	sk->state = TCP_ESTABLISHED;
	u->has_saddr = u->connected = true;
	return 0;
}

static int udp_disconnect(struct sock *sk)
{
	struct udp_sock *u = udp_sk(sk);

	u->connected = false;
	sk->daddr = any_addr(sk);
	sk->dport = 0;
	sk->state = TCP_CLOSE;
	sk->dst.gen = 0;
	if (!sk->bound_by_user) {
		sk->saddr = any_addr(sk);
		u->has_saddr = false;
	}
	return 0;
}

/* ---- the rest ---- */
static int udp_shutdown(struct sock *sk, int how)
{
	if (!udp_sk(sk)->connected)
		return -ENOTCONN;
	sk->shutdown |= how == SHUT_RDWR ? 3 : how == SHUT_RD ? 1 : 2;
	sock_event(sk, EPOLLIN | EPOLLOUT | EPOLLRDHUP | (sk->shutdown == 3 ? EPOLLHUP : 0));
	return 0;
}

static u32 udp_poll(struct sock *sk)
{
	u32 events = 0;

	if (!skb_queue_empty(&udp_sk(sk)->rx))
		events |= EPOLLIN;
	if (sk->wmem_alloc <= sk->sndbuf / 2)
		events |= EPOLLOUT;
	if (unlikely(sk->err | sk->notes))
		events |= EPOLLERR;
	if (unlikely(sk->shutdown & 1))
		events |= EPOLLIN | EPOLLRDHUP;
	if (unlikely(sk->shutdown == 3))
		events |= EPOLLHUP;
	return events;
}

static int udp_ioctl(struct sock *sk, int cmd, int *val)
{
	struct sk_buff *first = skb_peek(&udp_sk(sk)->rx);

	if (cmd == SIOCINQ)
		*val = first ? (int)first->len : 0;
	else if (cmd == SIOCOUTQ)
		*val = (int)sk->wmem_alloc;
	else
		return -EINVAL;
	return 0;
}

const struct proto udp_prot = {
	.name = "udp",
	.type = SOCK_DGRAM,
	.protocol = IPPROTO_UDP,
	.create = udp_create,
	.close = udp_close,
	.bind = udp_bind,
	.connect = udp_connect,
	.disconnect = udp_disconnect,
	.sendmsg = udp_sendmsg,
	.recvmsg = udp_recvmsg,
	.recv_skb = udp_recv_skb,
	.send_skb = udp_send_skb,
	.shutdown = udp_shutdown,
	.poll = udp_poll,
	.setsockopt = udp_setsockopt,
	.getsockopt = udp_getsockopt,
	.ioctl = udp_ioctl,
};
