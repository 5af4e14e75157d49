/* SPDX-License-Identifier: MIT
 * socket.c - fuzz target: the calls that applications make. The input is a program of calls on a few descriptors, by fibers that wait
 * too, among frames of hosts that answer (socket_other.c), clocks that go on, memory that is out, a device and addresses that go and
 * come. After each step poll, epoll and the calls must agree (socket_check.c); at the end all is closed, and must be gone in time.
 */
#include "fuzz/socket_play.h"
#include "host/harness.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"
#include "net/link/loopback.h"
#include "net/socket/socket_impl.h"
#include "net/tcp/tcp_impl.h"

#include <string.h>

#define STEPS_MAX 96

void play_settle(struct play *p, u64 ns)
{
	lab_run(p->lab, ns);
	for (unsigned i = 0; i < 8 && other_hears(p); i++)
		lab_run(p->lab, 10 * NSEC_PER_USEC);
}

/* ---- time, memory, settings ---- */

static void pass_time(struct play *p, u8 b)
{
	if (b < 128) { /* 1 us to 68 s */
		play_settle(p, 1000ull << b % 27);
		return;
	}
	for (unsigned i = 0; i <= b % 8u; i++) /* from timer to timer */
		lab_step(p->lab, lab_now(p->lab) + 200 * NSEC_PER_SEC);
	play_settle(p, 200 * NSEC_PER_USEC);
}

static void change_setting(struct play *p, u8 b)
{
	static const char *const settings[][2] = {
		{ "net.ipv4.tcp_rmem", "4096 131072 6291456" }, /* as it is */
		{ "net.ipv4.tcp_fastopen", "1031" }, { "net.ipv4.tcp_fastopen", "1543" }, { "net.ipv4.tcp_fastopen", "0" },
		{ "net.core.somaxconn", "1" }, { "net.core.somaxconn", "4096" }, { "net.ipv4.tcp_mem", "1 2 3" },
		{ "net.ipv4.tcp_mem", "100 1000 2000" }, { "net.ipv4.tcp_max_orphans", "0" }, { "net.ipv4.tcp_tw_reuse", "1" },
		{ "net.ipv4.ip_local_port_range", "1024 1026" }, { "net.ipv4.ip_local_port_range", "32768 60999" },
		{ "net.ipv4.tcp_syncookies", "2" }, { "net.ipv4.tcp_abort_on_overflow", "1" }, { "fs.file-max", "16" },
		{ "fs.file-max", "24" }, { "fs.file-max", "1024" }, { "net.core.wmem_max", "4608" }, { "net.core.rmem_max", "2304" },
		{ "net.core.busy_read", "50" }, { "net.core.busy_poll", "50" }, { "net.ipv4.tcp_autocorking", "0" },
		{ "net.ipv4.tcp_limit_output_bytes", "4096" }, { "net.ipv4.tcp_congestion_control", "bbr" },
		{ "net.ipv4.igmp_max_memberships", "1" }, { "net.core.default_qdisc", "fq" }, { "net.ipv4.tcp_retries2", "3" },
		{ "net.ipv4.tcp_syn_retries", "1" }, { "net.ipv4.tcp_keepalive_time", "1" }, { "net.ipv4.tcp_wmem", "4096 4608 8192" },
		{ "net.core.netdev_max_backlog", "1" }, { "net.core.rmem_default", "2304" }, { "net.core.wmem_default", "4608" },
	};

	net_sysctl_set(p->host->net, settings[b % ARRAY_SIZE(settings)][0], settings[b % ARRAY_SIZE(settings)][1]);
}

static void change_address(struct play *p, bool v6, bool there)
{
	struct ip_addr a = other_addr(v6, true);

	if (v6 && there)
		ip6_addr_add(p->host->net, p->dev, &a, 64);
	else if (v6)
		ip6_addr_del(p->host->net, p->dev, &a);
	else if (there)
		ip_addr_add(p->host->net, p->dev, ip_v4(&a), 24);
	else
		ip_addr_del(p->host->net, p->dev, ip_v4(&a));
}

static void change_device(struct play *p, u8 b)
{
	static const u16 mtus[] = { 1500, 576, 1280, 9000, 68, 65535 };

	switch (b & 3) {
	case 0: netif_carrier_off(p->dev); break;
	case 1: netif_carrier_on(p->dev); break;
	default:
		p->dev->mtu = mtus[(b >> 2) % ARRAY_SIZE(mtus)];
		p->cpu->dst_gen++;
	}
}

static void change_world(struct play *p, u8 what, u8 b)
{
	switch (what & 7) {
	case 0: p->budget = b % 16; break; /* for the next step */
	case 1: hold_buffers(p->cpu, &p->held, b % HELD_MAX); break;
	case 2: lab_dev_stall(p->dev, b & 1); break;
	case 3: change_device(p, b); break;
	case 4: change_address(p, b & 1, b & 2); break;
	default: change_setting(p, b);
	}
}

/* ---- the steps ---- */

static void take_step(struct play *p, u8 what, struct input *in)
{
	switch (what % 22) {
	case 0: case 1: call_open(p, in); break;
	case 2: case 3: call_send(p, in); break;
	case 4: case 5: call_recv(p, in); break;
	case 6: call_skbs(p, in); break;
	case 7: set_option(p, in); break;
	case 8: get_option(p, in); break;
	case 9: call_end(p, in); break;
	case 10: set_epoll(p, in); break;
	case 11: set_aio(p, in); break;
	case 12: call_ask(p, in); break;
	case 13: job_start(p, in); break;
	case 14: case 15: other_sends(p, in); break;
	case 16: other_says(p, in); break;
	case 17: other_datagram(p, in); break;
	case 18: other_icmp(p, in); break;
	case 19: pass_time(p, input_u8(in)); break;
	case 20: other_opens(p, input_u8(in) & 1, (u16)(80 + input_u8(in) % 4)); break;
	case 21: change_world(p, input_u8(in), input_u8(in)); break;
	}
}

static void step(struct play *p, struct input *in)
{
	u8 what = input_u8(in);
	bool short_of = p->budget != UINT64_MAX || p->held.nr;

	p->pressed = short_of || p->pressed;
	host_alloc_budget = p->budget;
	p->budget = UINT64_MAX;
	take_step(p, what & 127, in);
	if (what & 128) /* the next step comes in the same poll */
		return;
	play_settle(p, 10 * NSEC_PER_USEC);
	host_alloc_budget = UINT64_MAX;
	judge(p);
	p->pressed = short_of;
}

static struct sockaddr_ip at(const char *text, u16 port)
{
	struct sockaddr_ip a = { .port = port };

	CHECK_EQ(ip_pton(text, &a.addr), 0);
	a.family = ip_is_v4(&a.addr) ? AF_INET : AF_INET6;
	return a;
}

static void binds(struct play *p, int slot, const char *text, u16 port)
{
	struct sockaddr_ip a = at(text, port);

	CHECK_EQ(sys_bind(p->cpu, call_socket(p, slot), &a), 0);
}

static void connects(struct play *p, int slot, const char *text, u16 port)
{
	struct sockaddr_ip a = at(text, port);

	CHECK_EQ(sys_connect(p->cpu, call_socket(p, slot), &a), -EINPROGRESS);
	play_settle(p, NSEC_PER_MSEC);
}

/* Its first bytes go with its SYN. */
static void opens_fast(struct play *p, int slot, const char *text, u16 port)
{
	struct sockaddr_ip a = at(text, port);
	u8 buf[100];

	binds(p, slot, "::", 83);
	play_fill(buf, 83, 0, sizeof(buf));
	sys_sendto(p->cpu, p->slots[slot].fd, buf, sizeof(buf), MSG_FASTOPEN, &a);
	play_settle(p, NSEC_PER_MSEC);
}

/* The states that take many steps to come to: a listener of both families, connections to and from the other side and over lo,
 * endpoints of UDP, sets that watch them, stamps, a fast open. */
static void begin(struct play *p, u8 how)
{
	if (how & 128)
		net_sysctl_set(p->host->net, "net.ipv4.tcp_fastopen", "1543"); /* without cookies, all listeners */
	binds(p, 0, "::", 80);
	CHECK_EQ(sys_listen(p->cpu, p->slots[0].fd, 4), 0);
	for (u8 i = 0; i < 2 && how & 1; i++) {
		other_opens(p, i, 80);
		play_settle(p, NSEC_PER_MSEC);
		call_accept(p, 0, 10 + i);
	}
	if (how & 2) {
		connects(p, 1, "10.0.0.2", OTHER_TAKES);
		connects(p, 3, "2001:db8::2", OTHER_TAKES);
	}
	if (how & 4) {
		connects(p, 2, "127.0.0.1", 80);
		call_accept(p, 0, 12);
	}
	if (how & 8) {
		binds(p, 5, "0.0.0.0", 81);
		binds(p, 6, "::", 82);
	}
	if (how & 128)
		opens_fast(p, 4, "::1", 80);
	for (int i = 0; i < SLOTS && how & 64; i++)
		sys_setsockopt(p->cpu, p->slots[i].fd, SOL_SOCKET, SO_TIMESTAMPING, &(int){ 0x39a }, sizeof(int));
	for (u8 i = 1; i < 13 && how & 32; i++) { /* all that comes is told of by slot 9 */
		struct aio_sqe e = { .op = AIO_RECV_SKB, .flags = AIO_MULTISHOT, .fd = p->slots[i].fd, .data = i };

		sys_aio_submit(p->cpu, call_socket(p, 9), &e, 1);
	}
	for (int i = 0; i < SLOTS && how & 16; i++) {
		struct epoll_event ev = { 0x1f, (u64)i };

		sys_epoll_ctl(p->cpu, call_socket(p, 7), EPOLL_CTL_ADD, p->slots[i].fd, &ev);
	}
}

static void open_play(struct play *p, u8 how, u8 judge)
{
	static const u8 kinds[SLOTS] = { 1, 0, 0, 1, 1, 2, 3, 4, 4, 5, 0, 1, 0, 2 }; /* as enum of socket_calls.c */
	static const u32 features[] = { NETIF_F_SG, 0, NETIF_F_SG | NETIF_F_HW_CSUM,
					NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6 };
	struct net_device *lo;
	struct net_sysctls *s;

	memset(p, 0, sizeof(*p));
	p->lab = lab_create(1);
	p->host = lab_host_cpus(p->lab, "us", 1, 1 << 20);
	p->cpu = p->host->cpu;
	lo = loopback_dev(p->host->net);
	p->dev = lab_dev_with(p->host, LAB_RAW, features[how & 3] | (how & 4 ? NETIF_F_GRO : 0), how & 8 ? 2 : 0);
	p->budget = UINT64_MAX;
	s = &p->cpu->sysctl;
	s->ip6_accept_ra = s->ip6_dad_transmits = 0;
	CHECK(!dev_open(lo) && !ip_addr_add(p->host->net, lo, be32_of(0x7f000001), 8) && !ip6_dev_up(p->host->net, lo));
	CHECK(!ip6_dev_up(p->host->net, p->dev));
	change_address(p, false, true);
	change_address(p, true, true);
	for (int i = 0; i < SLOTS; i++)
		p->slots[i] = (struct slot){ .fd = -1, .kind = kinds[i] };
	judge_open(p, judge);
	play_settle(p, NSEC_PER_SEC);
}

static void end(struct play *p)
{
	netif_carrier_on(p->dev);
	lab_dev_stall(p->dev, false);
	hold_buffers(p->cpu, &p->held, 0);
	play_settle(p, NSEC_PER_SEC);
	for (int i = 0; i < SLOTS; i++)
		call_close(p, i);
	sys_close(p->cpu, p->judge_fd);
	for (unsigned i = 0; i < 8000 && (p->cpu->tcp->nr_tcbs || p->cpu->socket->nr_open); i++)
		play_settle(p, 2 * NSEC_PER_SEC);
	play_settle(p, 200 * NSEC_PER_SEC); /* requests, TIME_WAIT */
	judge_empty(p);
	lab_destroy(p->lab);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { data, data + size };
	static struct play play;
	u8 how, judges;

	if (size < FUZZ_HEAD)
		return 0;
	how = input_u8(&in);
	judges = input_u8(&in);
	open_play(&play, how, judges);
	begin(&play, input_u8(&in));
	change_setting(&play, input_u8(&in));
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		struct input record = input_record(&in);

		step(&play, &record);
	}
	host_alloc_budget = UINT64_MAX;
	end(&play);
	return 0;
}
