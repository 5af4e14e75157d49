/* SPDX-License-Identifier: MIT
 * options.c - the socket options every protocol shares; the others go down to the proto.
 *
 * Values are ints, as in POSIX, but for the two timeouts (struct timeval: 64-bit seconds and microseconds) and a device's
 * name. Buffer sizes are doubled for bookkeeping, as Linux does, and read back doubled.
 */
#include "net/socket/socket_impl.h"
#include "lib/string.h"

#define SOCKBUF_MIN 2304u /* of receiving; a sender has room for two segments at least: as Linux */
#define SOCKBUF_MAX (16 << 20) /* of those that no tunable bounds */

struct timeval64 {
	s64 tv_sec, tv_usec;
};

static int set_timeout(u64 *timeo_ns, const void *val, unsigned len)
{
	struct timeval64 tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, val, sizeof(tv));
	if (tv.tv_usec < 0 || tv.tv_usec >= USEC_PER_SEC)
		return -EINVAL;
	if (tv.tv_sec < 0)
		*timeo_ns = 0;
	else if (!tv.tv_sec && !tv.tv_usec)
		*timeo_ns = TIME_NEVER;
	else if (tv.tv_sec >= (s64)(TIME_NEVER / NSEC_PER_SEC / 2))
		*timeo_ns = TIME_NEVER;
	else
		*timeo_ns = (u64)tv.tv_sec * NSEC_PER_SEC + (u64)tv.tv_usec * NSEC_PER_USEC;
	return 0;
}

static int get_timeout(u64 timeo_ns, void *val, unsigned *len)
{
	struct timeval64 tv = { 0, 0 };

	if (timeo_ns != TIME_NEVER) {
		tv.tv_sec = (s64)(timeo_ns / NSEC_PER_SEC);
		tv.tv_usec = (s64)(timeo_ns % NSEC_PER_SEC / NSEC_PER_USEC);
	}
	*len = MIN(*len, (unsigned)sizeof(tv));
	memcpy(val, &tv, *len);
	return 0;
}

static int set_device(struct sock *sk, const void *val, unsigned len)
{
	char name[sizeof(((struct net_device *)0)->name)] = "";
	struct net_device *dev;

	memcpy(name, val, MIN((size_t)len, sizeof(name) - 1));
	dev = name[0] ? dev_by_name(sk->cpu->net, name) : NULL;
	if (name[0] && !dev)
		return -ENODEV;
	sk->bound_dev = dev;
	sk->dst.gen = 0;
	sk->dst.dev = NULL;
	return 0;
}

/* As Linux: what is asked for is bounded by net.core's tunable, where a negative number is a large one, or with ...FORCE is not; twice
 * that is granted, for metadata. */
static u32 sockbuf_size(int v, s64 max, u32 min)
{
	return MAX(MIN((u32)v, (u32)max) * 2, min);
}

/* The options whose value is a flag or a number kept in struct sock. -ENOPROTOOPT: not one of them. */
static int set_number(struct sock *sk, int opt, int v)
{
	switch (opt) {
	case SO_REUSEADDR:
		sk->reuseaddr = v;
		return 0;
	case SO_REUSEPORT:
		sk->reuseport = v;
		return 0;
	case SO_BROADCAST:
		sk->broadcast = v;
		return 0;
	case SO_KEEPALIVE:
		sk->keepopen = v;
		return 0;
	case SO_MARK:
		sk->mark = (u32)v;
		return 0;
	case SO_PRIORITY:
		if (v < 0 || v > 15)
			return -EINVAL;
		sk->priority = (u8)(v + 1);
		return 0;
	case SO_BUSY_POLL:
		if (v < 0)
			return -EINVAL;
		sk->socket->busy_poll_us = (u32)v;
		return 0;
	case SO_ZEROCOPY:
		if (v < 0 || v > 1)
			return -EINVAL;
		sk->zerocopy = v;
		return 0;
	case SO_SNDBUF:
		sk->sndbuf = sockbuf_size(v, sk->cpu->sysctl.wmem_max, 2 * SOCKBUF_MIN);
		sock_event(sk, EPOLLOUT); /* perhaps there is room now */
		return 0;
	case SO_SNDBUFFORCE:
		sk->sndbuf = sockbuf_size(MAX(v, 0), SOCKBUF_MAX, 2 * SOCKBUF_MIN);
		sock_event(sk, EPOLLOUT);
		return 0;
	case SO_RCVBUF:
		sk->rcvbuf = sockbuf_size(v, sk->cpu->sysctl.rmem_max, SOCKBUF_MIN);
		return 0;
	case SO_RCVBUFFORCE:
		sk->rcvbuf = sockbuf_size(MAX(v, 0), SOCKBUF_MAX, SOCKBUF_MIN);
		return 0;
	}
	return -ENOPROTOOPT;
}

/* The protocols know these by IPv4's names; -1: there is no such option. */
static int ip_name_of(int opt)
{
	switch (opt) {
	case IPV6_TCLASS:
		return IP_TOS;
	case IPV6_UNICAST_HOPS:
		return IP_TTL;
	case IPV6_MTU_DISCOVER:
		return IP_MTU_DISCOVER;
	case IPV6_MTU:
		return IP_MTU;
	}
	return -1;
}

/* RFC 3493 5.3: decided before the sock has a name. */
static int set_v6only(struct sock *sk, const void *val, unsigned len)
{
	int v;

	if (len < sizeof(v) || sk->sport)
		return -EINVAL;
	memcpy(&v, val, sizeof(v));
	sk->v6only = v != 0;
	return 0;
}

int socket_setsockopt(struct socket *s, int level, int opt, const void *val, unsigned len)
{
	struct sock *sk = s->sk;
	int v = 0, err = -ENOPROTOOPT, below;

	if (level == SOL_IPV6) {
		if (sk->family != AF_INET6)
			return -ENOPROTOOPT;
		if (opt == IPV6_V6ONLY)
			return set_v6only(sk, val, len);
		opt = ip_name_of(opt);
		level = SOL_IP;
	}
	if (level == SOL_SOCKET) {
		if (opt == SO_RCVTIMEO || opt == SO_SNDTIMEO)
			return set_timeout(opt == SO_RCVTIMEO ? &s->rcvtimeo_ns : &s->sndtimeo_ns, val, len);
		if (opt == SO_BINDTODEVICE)
			return set_device(sk, val, len);
		if (len < sizeof(v))
			return -EINVAL;
		memcpy(&v, val, sizeof(v));
		err = set_number(sk, opt, v);
	}
	/* A protocol may have timers or windows behind a common option (SO_KEEPALIVE, SO_RCVBUF), so it hears of it too. */
	below = sk->prot->setsockopt ? sk->prot->setsockopt(sk, level, opt, val, len) : -ENOPROTOOPT;
	if (opt == SO_LINGER && level == SOL_SOCKET && !below && sk->prot->lingers)
		socket_to_file(s)->lingers = true;
	return below == -ENOPROTOOPT ? err : below;
}

static int get_number(struct sock *sk, int opt, int *v)
{
	switch (opt) {
	case SO_ERROR:
		*v = -sock_error(sk);
		return 0;
	case SO_TYPE:
		*v = sk->type;
		return 0;
	case SO_PROTOCOL:
		*v = sk->protocol;
		return 0;
	case SO_DOMAIN:
		*v = sk->family;
		return 0;
	case SO_ACCEPTCONN:
		*v = sk->type == SOCK_STREAM && sk->state == TCP_LISTEN;
		return 0;
	case SO_REUSEADDR:
		*v = sk->reuseaddr;
		return 0;
	case SO_REUSEPORT:
		*v = sk->reuseport;
		return 0;
	case SO_BROADCAST:
		*v = sk->broadcast;
		return 0;
	case SO_KEEPALIVE:
		*v = sk->keepopen;
		return 0;
	case SO_MARK:
		*v = (int)sk->mark;
		return 0;
	case SO_PRIORITY:
		*v = sk->priority ? sk->priority - 1 : sock_tos_priority(sk->tos);
		return 0;
	case SO_BUSY_POLL:
		*v = (int)sk->socket->busy_poll_us;
		return 0;
	case SO_ZEROCOPY:
		*v = sk->zerocopy;
		return 0;
	case SO_SNDBUF:
		*v = (int)sk->sndbuf;
		return 0;
	case SO_RCVBUF:
		*v = (int)sk->rcvbuf;
		return 0;
	}
	return -ENOPROTOOPT;
}

int socket_getsockopt(struct socket *s, int level, int opt, void *val, unsigned *len)
{
	struct sock *sk = s->sk;
	int v;

	if (level == SOL_SOCKET && (opt == SO_RCVTIMEO || opt == SO_SNDTIMEO))
		return get_timeout(opt == SO_RCVTIMEO ? s->rcvtimeo_ns : s->sndtimeo_ns, val, len);
	if (level == SOL_IPV6 && sk->family != AF_INET6)
		return -ENOPROTOOPT;
	if (level == SOL_IPV6 && opt != IPV6_V6ONLY) {
		opt = ip_name_of(opt);
		level = SOL_IP;
	}
	if (level == SOL_IPV6)
		v = sk->v6only;
	if (level == SOL_IPV6 || (level == SOL_SOCKET && !get_number(sk, opt, &v))) {
		*len = MIN(*len, (unsigned)sizeof(v)); /* as much as there is room for */
		memcpy(val, &v, *len);
		return 0;
	}
	return sk->prot->getsockopt ? sk->prot->getsockopt(sk, level, opt, val, len) : -ENOPROTOOPT;
}
