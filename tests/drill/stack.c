/* SPDX-License-Identifier: MIT
 * stack.c - one stack on a raw IP device that segments for itself, and a clock that the shim moves.
 */
#include <stdio.h>
#include <stdlib.h>

#include "drill/stack.h"
#include "lib/printf.h"
#include "net/core/dev.h"
#include "net/core/qdisc.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"

extern u64 host_clock; /* tests/host/platform.c */

#define RX_PIECES 40

struct packet {
	struct packet *next;
	u64 at_ns;
	unsigned len;
	u8 data[];
};

static struct stack {
	struct net *net;
	struct net_cpu *cpu;
	struct net_device dev;
	struct fiber_sched fibers;
	struct packet *sent, **last_sent;
	u64 now;
} st;

/* ---- the device ---- */

static int dev_up(struct net_device *dev)
{
	netif_carrier_on(dev);
	return 0;
}

static void dev_down(struct net_device *dev)
{
	netif_carrier_off(dev);
}

/* A whole GSO skb is one packet, as a capture on Linux shows it. */
static void dev_send(struct net_device *dev, unsigned txq, struct sk_buff *skb)
{
	struct packet *p;
	u8 head[7];

	skb_copy_bits(skb, 0, head, sizeof(head));
	if (head[0] >> 4 == 6 && !head[6]) { /* hop-by-hop options: a multicast report, of which scripts know nothing */
		consume_skb(st.cpu, skb);
		return;
	}
	p = malloc(sizeof(*p) + skb->len);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		skb_checksum_help(st.cpu, skb);
	p->len = skb->len;
	p->at_ns = st.now;
	p->next = NULL;
	skb_copy_bits(skb, 0, p->data, skb->len);
	consume_skb(st.cpu, skb);
	*st.last_sent = p;
	st.last_sent = &p->next;
}

static void dev_doorbell(struct net_device *dev, unsigned txq)
{
}

static const struct net_device_ops dev_ops = {
	.open = dev_up,
	.stop = dev_down,
	.start_xmit = dev_send,
	.flush = dev_doorbell,
};

static void address4(const struct ip_addr *local)
{
	struct ip_addr gateway;

	ip_pton("192.168.0.254", &gateway);
	ip_addr_add(st.net, &st.dev, ip_v4(local), 16);
	ip_route_add(st.net, be32_of(0), 0, ip_v4(&gateway), &st.dev, 0);
}

/* In use at once, and no router is looked for. */
static void address6(const struct ip_addr *local)
{
	st.dev.mtu = 1520; /* the header is 20 bytes longer than the one that scripts were written for */
	st.cpu->sysctl.ip6_accept_ra = st.cpu->sysctl.ip6_dad_transmits = 0;
	ip6_dev_up(st.net, &st.dev);
	ip6_addr_add(st.net, &st.dev, local, 64);
	ip6_route_add(st.net, &(struct ip6_route){ .dev = &st.dev });
}

void stack_init(const char *local)
{
	struct ip_addr addr;
	struct net_params p = { .nr_cpus = 1, .now_ns = 1000 * NSEC_PER_SEC, .skb_pool_bytes = 64u << 20 };
	struct net_device *dev = &st.dev;

	st.now = host_clock = p.now_ns;
	st.last_sent = &st.sent;
	fiber_sched_init(&st.fibers);
	p.fibers[0] = &st.fibers;
	st.net = net_create(&p);
	st.cpu = st.net->cpus[0];
	str_copy(dev->name, "tun%d", sizeof(dev->name));
	dev->mtu = 1500;
	dev->min_mtu = 68;
	dev->max_mtu = 65535;
	dev->features = dev->hw_features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6;
	dev->ops = &dev_ops;
	dev->link = &raw_link_ops;
	dev->flags = IFF_NOARP;
	dev->nr_txq = dev->nr_rxq = 1;
	dev->driver = "drill";
	dev->bus = "";
	register_netdev(st.net, dev);
	dev_open(dev);
	if (ip_pton(local, &addr)) {
		fprintf(stderr, "DRILL_LOCAL_IP=%s: not an address\n", local);
		exit(2);
	}
	if (ip_is_v4(&addr))
		address4(&addr);
	else
		address6(&addr);
}

int stack_sysctl(const char *name, const char *value)
{
	return net_sysctl_set(st.net, name, value);
}

const char *stack_sysctl_name(unsigned i)
{
	const struct net_sysctl_row *r = net_sysctl_row(i);

	return r ? r->name : NULL;
}

int stack_congestion(const char *name)
{
	return net_sysctl_set(st.net, "net.ipv4.tcp_congestion_control", name);
}

void stack_forget_peers(void)
{
	tcp_fastopen_forget(st.cpu);
}

static void tcp_row(void *arg, struct tcb *t, struct tcp_request *r, struct tcp_timewait *tw)
{
	if (t)
		fprintf(arg, "   0: 00000000:%04X 00000000:%04X %02X 00000000:00000000\n", t->sk.sport, t->sk.dport, t->sk.state);
}

void stack_tcp_table(void *file)
{
	tcp_for_each(st.cpu, tcp_row, file);
}

void stack_segment(bool on)
{
	const u32 tso = NETIF_F_TSO | NETIF_F_TSO6;

	st.dev.features = on ? st.dev.features | tso : st.dev.features & ~tso;
}

void stack_qdisc(const char *name)
{
	struct qdisc_error e;

	bh_disable(st.cpu);
	if (qdisc_replace(st.cpu, &st.dev, &(struct qdisc_request){ .id = name, .options = "" }, &e))
		fprintf(stderr, "qdisc %s: %s\n", name, e.text);
	bh_enable(st.cpu);
}

void stack_mtu(unsigned mtu)
{
	st.dev.mtu = mtu;
	st.cpu->dst_gen++;
}

/* ---- time and packets ---- */

uint64_t stack_now(void)
{
	return st.now;
}

static void settle(void)
{
	int rounds = 0;

	do {
		host_clock = st.now;
		net_poll(st.cpu, st.now);
	} while (softirq_pending(st.cpu) && ++rounds < 100);
}

uint64_t stack_next(void)
{
	return timer_wheel_next(&st.cpu->wheel);
}

void stack_run(uint64_t at_ns, int stop_at_packet)
{
	for (;;) {
		u64 next;

		settle();
		if (stop_at_packet && st.sent)
			return;
		next = stack_next();
		if (next > at_ns)
			break;
		st.now = MAX(st.now + 1, next);
	}
	st.now = MAX(st.now, at_ns);
	settle();
}

void stack_input(const void *packet, unsigned len)
{
	const u8 *from = packet;
	unsigned n = MIN(len, (unsigned)(SKB_BUF_ROOM - SKB_HEADROOM));
	struct sk_buff *skb = alloc_skb(st.cpu, SKB_HEADROOM);

	memcpy(skb_put(skb, n), from, n);
	for (unsigned off = n; off < len; off += n) {
		struct skb_buf *b = skb_buf_alloc(st.cpu);

		n = MIN(len - off, (unsigned)SKB_BUF_ROOM);
		memcpy(skb_buf_room(b), from + off, n);
		skb_add_frag(skb, b, skb_buf_room(b), n);
	}
	skb->dev = &st.dev;
	bh_disable(st.cpu);
	net_set_now(st.cpu, st.now);
	netif_receive_skb(st.cpu, skb);
	bh_enable(st.cpu);
	settle();
}

unsigned stack_output(void *packet, unsigned size, uint64_t *at_ns)
{
	struct packet *p = st.sent;
	unsigned len;

	if (!p)
		return 0;
	st.sent = p->next;
	if (!st.sent)
		st.last_sent = &st.sent;
	len = MIN(p->len, size);
	*at_ns = p->at_ns;
	memcpy(packet, p->data, len);
	free(p);
	return len;
}

/* ---- calls ---- */

/* What a call changed leaves at once. */
static long done(long r)
{
	settle();
	return r;
}

static struct net_cpu *enter(void)
{
	net_set_now(st.cpu, st.now);
	return st.cpu;
}

static struct sockaddr_ip addr_of(struct stack_addr a)
{
	struct sockaddr_ip sa = { .family = a.family, .port = a.port };

	memcpy(sa.addr.b, a.ip, sizeof(a.ip));
	return sa;
}

int stack_socket(int family, int type)
{
	return sys_socket(enter(), family, type | SOCK_NONBLOCK, 0);
}

int stack_bind(int fd, struct stack_addr a)
{
	struct sockaddr_ip sa = addr_of(a);

	return sys_bind(enter(), fd, &sa);
}

int stack_listen(int fd, int backlog)
{
	return sys_listen(enter(), fd, backlog);
}

int stack_accept(int fd, struct stack_addr *peer)
{
	struct sockaddr_ip sa;
	int r = sys_accept4(enter(), fd, &sa, SOCK_NONBLOCK);

	if (r < 0)
		return r;
	*peer = (struct stack_addr){ .port = sa.port, .family = sa.family };
	memcpy(peer->ip, sa.addr.b, sizeof(peer->ip));
	return r;
}

int stack_connect(int fd, struct stack_addr a)
{
	struct sockaddr_ip sa = addr_of(a);

	return (int)done(sys_connect(enter(), fd, &sa));
}

long stack_send(int fd, const struct stack_iov *iov, unsigned n, int flags, const struct stack_addr *to)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n };
	struct sockaddr_ip sa;

	if (to) {
		sa = addr_of(*to);
		m.msg_name = &sa;
	}

	return done(sys_sendmsg(enter(), fd, &m, flags));
}

long stack_recv(int fd, const struct stack_iov *iov, unsigned n, int flags)
{
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n };

	return done(sys_recvmsg(enter(), fd, &m, flags | MSG_DONTWAIT));
}

long stack_recvmsg(int fd, const struct stack_iov *iov, unsigned n, int flags, struct stack_notes *notes)
{
	struct msg_notes got = { 0 };
	struct msghdr m = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n, .msg_notes = &got };
	long r = done(sys_recvmsg(enter(), fd, &m, flags | MSG_DONTWAIT));

	*notes = (struct stack_notes){ got.has_inq, got.has_zerocopy, got.has_stamp, got.stamp, got.inq, got.zerocopy_first,
				       got.zerocopy_last, got.stamp_key, got.stamp_ns - wall_clock_ns(0), m.msg_flags };
	return r;
}

int stack_shutdown(int fd, int how)
{
	return (int)done(sys_shutdown(enter(), fd, how));
}

int stack_close(int fd)
{
	return (int)done(sys_close(enter(), fd));
}

int stack_setsockopt(int fd, int level, int opt, const void *val, unsigned len)
{
	return (int)done(sys_setsockopt(enter(), fd, level, opt, val, len));
}

int stack_getsockopt(int fd, int level, int opt, void *val, unsigned *len)
{
	return sys_getsockopt(enter(), fd, level, opt, val, len);
}

int stack_ioctl(int fd, int cmd, int *val)
{
	return sys_ioctl(enter(), fd, cmd, val);
}

unsigned stack_poll(int fd)
{
	struct file *f = file_get(enter(), fd);

	return f ? f->ops->poll(f) : EPOLLERR;
}

int stack_epoll_create(void)
{
	return sys_epoll_create(enter());
}

int stack_epoll_ctl(int epfd, int op, int fd, const struct stack_event *ev)
{
	struct epoll_event e = { ev ? ev->events : 0, ev ? ev->data : 0 };

	return sys_epoll_ctl(enter(), epfd, op, fd, &e);
}

int stack_epoll_wait(int epfd, struct stack_event *ev, int max)
{
	struct epoll_event e[64];
	int n = sys_epoll_wait(enter(), epfd, e, MIN(max, 64), 0);

	for (int i = 0; i < n; i++)
		ev[i] = (struct stack_event){ e[i].events, e[i].data };
	return n;
}
