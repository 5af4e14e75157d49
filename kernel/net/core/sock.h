/* SPDX-License-Identifier: MIT
 * sock.h - struct sock, what every transport's endpoint has in common, and struct proto, its operations.
 *
 * file -> socket -> sock -> tcb: an fd names a struct file (socket/), its struct socket has a struct sock, a TCP sock is
 * the head of a struct tcb. A sock belongs to one CPU and outlives its socket (TIME_WAIT, orphans).
 * No proto operation blocks: -EAGAIN, and socket/ waits for the fiber. All are called with softirq held off.
 */
#pragma once

#include "net/core/dst.h"
#include "lib/errno.h"

enum { AF_UNSPEC = 0, AF_INET = 2, AF_INET6 = 10 };
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_NONBLOCK = 04000, SOCK_CLOEXEC = 02000000 };
enum { IPPROTO_IP = 0, IPPROTO_ICMP = 1, IPPROTO_IGMP = 2, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41, IPPROTO_ICMPV6 = 58 };
enum { SHUT_RD, SHUT_WR, SHUT_RDWR };
enum {
	MSG_OOB = 1, MSG_PEEK = 2, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100,
	MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000, MSG_MORE = 0x8000, MSG_ZEROCOPY = 0x4000000, MSG_FASTOPEN = 0x20000000,
};
enum {
	EPOLLIN = 1, EPOLLPRI = 2, EPOLLOUT = 4, EPOLLERR = 8, EPOLLHUP = 0x10, EPOLLRDHUP = 0x2000,
	EPOLLEXCLUSIVE = 1 << 28, EPOLLONESHOT = 1 << 30,
};
#define EPOLLET (1u << 31)

struct iovec {
	void *iov_base;
	size_t iov_len;
};
struct sockaddr_ip { /* an address of either family with its port; IPv4 is v4-mapped */
	u16 family;
	u16 port; /* host order */
	struct ip_addr addr;
	u32 scope_id;
};
/* What Linux tells about a stream in control messages: TCP_CM_INQ, when the last byte read had come; with MSG_ERRQUEUE, that sends
 * with MSG_ZEROCOPY are done, or where one is on its way. */
enum scm_tstamp { SCM_TSTAMP_SND, SCM_TSTAMP_SCHED, SCM_TSTAMP_ACK };
struct msg_notes {
	bool has_inq, has_zerocopy, has_stamp;
	u8 stamp;                         /* with MSG_ERRQUEUE: enum scm_tstamp */
	int inq;                          /* bytes that wait after this call; 1 at least where the end of the stream does */
	u32 zerocopy_first, zerocopy_last; /* the sends, counted from 0, whose memory is the application's again */
	u32 stamp_key;                    /* SOF_TIMESTAMPING_OPT_ID: the number of the byte, the last of a send; else 0 */
	u64 stamp_ns;                     /* by the wall clock, as wall_clock_ns() */
};
struct msghdr {
	struct sockaddr_ip *msg_name; /* in or out, may be NULL */
	struct iovec *msg_iov;
	size_t msg_iovlen;
	int msg_flags;
	struct ip_pktinfo *msg_pktinfo; /* in or out, may be NULL */
	struct msg_notes *msg_notes;    /* out, may be NULL */
};

/* States of RFC 9293 3.3.2 with Linux's numbers; X(name, number, what `ss` prints). */
#define TCP_STATES(X)                                                                              \
	X(ESTABLISHED, 1, "ESTAB")                                                                 \
	X(SYN_SENT, 2, "SYN-SENT")                                                                 \
	X(SYN_RECEIVED, 3, "SYN-RECV")                                                             \
	X(FIN_WAIT_1, 4, "FIN-WAIT-1")                                                             \
	X(FIN_WAIT_2, 5, "FIN-WAIT-2")                                                             \
	X(TIME_WAIT, 6, "TIME-WAIT")                                                               \
	X(CLOSE, 7, "UNCONN")                                                                      \
	X(CLOSE_WAIT, 8, "CLOSE-WAIT")                                                             \
	X(LAST_ACK, 9, "LAST-ACK")                                                                 \
	X(LISTEN, 10, "LISTEN")                                                                    \
	X(CLOSING, 11, "CLOSING")
enum tcp_state {
#define X(name, number, text) TCP_##name = number,
	TCP_STATES(X)
#undef X
	NR_TCP_STATES
};

struct sock;
struct socket;

enum { SOCK_NOTE_ZEROCOPY = 1, SOCK_NOTE_STAMP = 2 };

struct proto {
	const char *name;
	u8 type, protocol;
	struct sock *(*create)(struct net_cpu *cpu, u16 family); /* NULL: no memory */
	/* The application let go; the sock goes on by itself as long as its protocol needs it. */
	void (*close)(struct sock *sk);
	int (*bind)(struct sock *sk, const struct sockaddr_ip *a);
	int (*connect)(struct sock *sk, const struct sockaddr_ip *a); /* 0, -EINPROGRESS, -errno */
	int (*disconnect)(struct sock *sk);
	int (*listen)(struct sock *sk, int backlog);
	struct sock *(*accept)(struct sock *sk, int *err); /* *err = -EAGAIN when none waits */
	long (*sendmsg)(struct sock *sk, const struct msghdr *m, int flags);
	long (*recvmsg)(struct sock *sk, struct msghdr *m, int flags);
	/* Zero copy: `mem` is referenced and must stay as it is for ever (site files). Bytes taken, or -errno. */
	long (*send_static)(struct sock *sk, const void *mem, size_t len, int flags);
	/* Zero copy: the oldest received skb with payload at skb->data becomes the caller's; NULL: *err as for recvmsg, 0 at end of stream.
	 * With an skb, *err is a hint: -EAGAIN when another call would find nothing. */
	struct sk_buff *(*recv_skb)(struct sock *sk, int *err);
	/* Zero copy: sends the payload of skb (no headers; headroom not needed). Consumes it when it returns 0; -errno: it stays the caller's.
	 * A datagram sock that is not connected sends a received skb back to its sender, from the address it came to. */
	int (*send_skb)(struct sock *sk, struct sk_buff *skb, int flags);
	int (*shutdown)(struct sock *sk, int how);
	/* SO_LINGER: so many ns a close shall wait for the peer to have it all; 0: not at all, or it has. A change wakes EPOLLOUT. */
	u64 (*lingers)(const struct sock *sk);
	u32 (*poll)(struct sock *sk); /* EPOLL* that hold now */
	/* recvmsg() with MSG_ERRQUEUE, when notes has SOCK_NOTE_STAMP, which NULL never sets: 0. */
	long (*stamp)(struct sock *sk, struct msghdr *m);
	int (*setsockopt)(struct sock *sk, int level, int opt, const void *val, unsigned len);
	int (*getsockopt)(struct sock *sk, int level, int opt, void *val, unsigned *len);
	int (*ioctl)(struct sock *sk, int cmd, int *val); /* SIOCINQ, SIOCOUTQ, SIOCATMARK */
};

struct sock {
	struct net_cpu *cpu;
	const struct proto *prot;
	const struct af_ops *af;
	struct socket *socket; /* NULL: orphan, or not accepted yet */
	struct ip_addr saddr, daddr; /* local, remote; unspecified: wildcard */
	u16 sport, dport;            /* host order; 0: not bound, not connected */
	u8 family, type, protocol;
	u8 state;              /* enum tcp_state; UDP uses TCP_ESTABLISHED for connected, TCP_CLOSE otherwise */
	u8 shutdown;           /* bit 0: receive, bit 1: send */
	bool reuseaddr, reuseport, broadcast, keepopen, bound_by_user;
	bool v6only;           /* AF_INET6: no v4-mapped addresses */
	u8 tos, ttl;           /* ttl 0: sysctl */
	bool zerocopy : 1;     /* SO_ZEROCOPY */
	bool lowat : 1;        /* SO_RCVLOWAT asks for more than a byte */
	u8 notes;              /* SOCK_NOTE_*: what MSG_ERRQUEUE has to tell, and EPOLLERR that there is something */
	u8 priority;           /* SO_PRIORITY and 1; 0: by tos */
	int err;               /* sk_err: taken by the next call, positive errno */
	int err_soft;
	u32 rcvbuf, sndbuf;    /* bytes of truesize */
	u32 rmem_alloc, wmem_alloc;
	u32 mark;
	struct net_device *bound_dev;
	struct dst dst;        /* cached way; check gen */
	struct hlist_node hash; /* in the protocol's table */
	/* Tells the owner (socket/): readable, writable, error. NULL while nobody listens. */
	void (*event)(struct sock *sk, u32 events);
};

static inline void sock_event(struct sock *sk, u32 events)
{
	if (sk->event)
		sk->event(sk, events);
}
/* Is this local address one for a sock bound to the wildcard? An AF_INET6 sock takes IPv4 too, v4-mapped (RFC 3493 3.7, 5.3). */
static inline bool sock_any_takes(const struct sock *sk, const struct ip_addr *local)
{
	return ip_is_v4(local) ? sk->family == AF_INET || !sk->v6only : sk->family == AF_INET6;
}
/* Would some packet be for both, a bound to `at` and b to `bt`? */
static inline bool sock_binds_overlap(const struct sock *a, const struct ip_addr *at, const struct sock *b,
				      const struct ip_addr *bt)
{
	if (ip_is_any(at) && ip_is_any(bt))
		return a->family == b->family || !(a->family == AF_INET6 ? a->v6only : b->v6only);
	if (ip_is_any(at))
		return sock_any_takes(a, bt);
	return ip_is_any(bt) ? sock_any_takes(b, at) : ip_eq(at, bt);
}
/* May sk, bound to `bound`, talk with dst at all? 0, -EINVAL (another family), -ENETUNREACH (IPv4 through a v6only sock). */
static inline int sock_family_fits(const struct sock *sk, const struct ip_addr *bound, const struct ip_addr *dst)
{
	if (sk->v6only && ip_is_v4(dst))
		return -ENETUNREACH;
	return ip_is_any(bound) || ip_is_v4(bound) == ip_is_v4(dst) ? 0 : -EINVAL;
}
/* The nr-th of equals in a SO_REUSEPORT group: is it the one for the flow of this hash, of those seen so far? Each of n is so
 * with chance 1/n, for each choice is a new throw, and the same one for the same flow. */
static inline bool sock_group_takes(u32 *hash, u32 nr)
{
	*hash = *hash * 1664525 + 1013904223;
	return (u64)*hash * nr >> 32 == nr - 1;
}
/* Linux's priority for an octet, by its four TOS bits (RFC 1349: delay 8, throughput 4, reliability 2, cost 1): 0 best effort, 2 bulk,
 * 4 interactive bulk, 6 interactive. */
static inline u8 sock_tos_priority(u8 tos)
{
	static const u8 priority[16] = { 0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4 };

	return priority[tos >> 1 & 15];
}
/* Common fields of a new sock. */
void sock_init(struct sock *sk, struct net_cpu *cpu, const struct proto *prot, u16 family);
/* Takes and clears the pending error: 0 or -errno. */
static inline int sock_error(struct sock *sk)
{
	int e = sk->err;

	sk->err = 0;
	return -e;
}

/* Socket options, Linux's numbers. */
enum { SOL_IP = 0, SOL_SOCKET = 1, SOL_TCP = 6, SOL_UDP = 17, SOL_IPV6 = 41 };
enum {
	SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF, SO_RCVBUF, SO_KEEPALIVE,
	SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_BSDCOMPAT, SO_REUSEPORT, SO_RCVLOWAT = 18, SO_SNDLOWAT,
	SO_RCVTIMEO, SO_SNDTIMEO, SO_BINDTODEVICE = 25, SO_TIMESTAMP = 29, SO_ACCEPTCONN = 30, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 35, SO_MARK = 36, SO_TIMESTAMPING = 37, SO_PROTOCOL = 38, SO_DOMAIN = 39,
	SO_BUSY_POLL = 46, SO_MAX_PACING_RATE = 47, SO_ZEROCOPY = 60,
};
enum { /* of SO_TIMESTAMPING */
	SOF_TIMESTAMPING_TX_HARDWARE = 1, SOF_TIMESTAMPING_TX_SOFTWARE = 2, SOF_TIMESTAMPING_RX_HARDWARE = 4,
	SOF_TIMESTAMPING_RX_SOFTWARE = 8, SOF_TIMESTAMPING_SOFTWARE = 0x10, SOF_TIMESTAMPING_RAW_HARDWARE = 0x40,
	SOF_TIMESTAMPING_OPT_ID = 0x80, SOF_TIMESTAMPING_TX_SCHED = 0x100, SOF_TIMESTAMPING_TX_ACK = 0x200,
	SOF_TIMESTAMPING_OPT_CMSG = 0x400, SOF_TIMESTAMPING_OPT_TSONLY = 0x800,
};
enum { SIOCINQ = 0x541b, SIOCOUTQ = 0x5411, SIOCATMARK = 0x8905 };
enum { IP_PMTUDISC_DONT, IP_PMTUDISC_WANT, IP_PMTUDISC_DO, IP_PMTUDISC_PROBE };
enum {
	IP_TOS = 1, IP_TTL = 2, IP_OPTIONS = 4, IP_MTU_DISCOVER = 10, IP_RECVERR = 11, IP_RECVTTL = 12, IP_RECVTOS = 13,
	IP_MTU = 14, IP_MULTICAST_IF = 32, IP_MULTICAST_TTL = 33, IP_MULTICAST_LOOP = 34, IP_ADD_MEMBERSHIP = 35,
	IP_DROP_MEMBERSHIP = 36,
};
/* Of IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP and IP_MULTICAST_IF. The first two members alone are struct ip_mreq. */
struct ip_mreqn {
	be32 imr_multiaddr;
	be32 imr_address; /* of the device; 0.0.0.0: the route decides */
	int imr_ifindex;  /* 0: by address */
};
#define IP_OPTIONS_MAX 40 /* bytes */
/* How a datagram came, or how it is to go: what Linux has in control messages (IP_PKTINFO, IP_TOS, IP_TTL, IP_RECVOPTS). */
struct ip_pktinfo {
	struct ip_addr addr; /* it was sent to; out: its source, unspecified: as usual */
	unsigned ifindex;    /* in only */
	u8 tos, ttl;         /* in only */
	u8 optlen;           /* in only */
	u8 opts[IP_OPTIONS_MAX];
};
enum { IPV6_UNICAST_HOPS = 16, IPV6_MTU_DISCOVER = 23, IPV6_MTU = 24, IPV6_V6ONLY = 26, IPV6_TCLASS = 67 };
