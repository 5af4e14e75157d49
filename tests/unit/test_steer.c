/* SPDX-License-Identifier: MIT
 * test_steer.c - four CPUs in one thread: the hash, who owns a frame, and that nothing of a flow is touched by two CPUs.
 *
 * The stack under test has a device of one queue, so that software does all the steering. While one of its CPUs runs, objects
 * of the others are poisoned (host_isolate): a TCB, a socket or a fragment queue that two CPUs touch stops the test.
 */
#include "app/app.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "net/core/steer.h"
#include "net/ipv4/icmp.h"
#include "net/ipv4/ip.h"
#include "net/ipv4/udp.h"
#include "net/ipv6/ip6.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"
#include "net/wire/ether.h"

#define CPUS  4
#define FLOWS 48
#define DATAGRAMS 16 /* in three fragments each: as many as wait for a neighbour's address */

/* ---- the hash ---- */

/* Bit by bit, as Microsoft describes it: each bit set adds 32 bits of the key from its place on. */
static u32 toeplitz(const u8 *key, const u8 *in, unsigned len)
{
	u32 hash = 0;

	for (unsigned i = 0; i < len * 8; i++) {
		u32 window = 0;

		for (unsigned k = 0; k < 32; k++)
			window = window << 1 | (key[(i + k) / 8] >> (7 - (i + k) % 8) & 1);
		if (in[i / 8] >> (7 - i % 8) & 1)
			hash ^= window;
	}
	return hash;
}

TEST(the_reference_hash_is_that_of_rss)
{
	static const u8 key[40] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
		0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa };
	static const u8 in[12] = { 66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255 };

	CHECK_EQ(toeplitz(key, in, 12), 0x51ccc178);
	CHECK_EQ(toeplitz(key, in, 8), 0x323e8fc2);
}

static void put_ports(u8 *at, u16 a, u16 b)
{
	memcpy(at, (u8[]){ (u8)(a >> 8), (u8)a, (u8)(b >> 8), (u8)b }, 4);
}

TEST(software_hashes_as_a_nic_does_with_the_key_and_alike_for_both_directions)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host_cpus(lab, "a", CPUS, 0);
	const struct steer *s = h->net->steer;
	struct test_rng rng = { 7 };
	u8 key[STEER_KEY_BYTES], in[36];

	steer_key(s, key);
	for (int i = 0; i < 500; i++) {
		u32 r[2] = { (u32)rng_next(&rng), (u32)rng_next(&rng) };
		struct ip_addr a = ip_from_v4((be32){ r[0] }), b = ip_from_v4((be32){ r[1] });
		u16 p = (u16)rng_next(&rng), q = (u16)rng_next(&rng), hash = steer_hash(s, &a, &b, p, q);

		memcpy(in, r, 8);
		put_ports(in + 8, p, q);
		CHECK_EQ(toeplitz(key, in, 12), (u32)hash << 16 | hash);
		CHECK_EQ(steer_hash(s, &b, &a, q, p), hash);
		for (unsigned k = 0; k < 16; k++) {
			a.b[k] = (u8)rng_next(&rng);
			b.b[k] = (u8)rng_next(&rng);
		}
		memcpy(in, &a, 16);
		memcpy(in + 16, &b, 16);
		put_ports(in + 32, p, q);
		CHECK_EQ(toeplitz(key, in, 36) & 0xffff, steer_hash(s, &a, &b, p, q));
	}
	lab_destroy(lab);
}

TEST(flows_are_spread_evenly_whatever_the_seed)
{
	for (u64 seed = 1; seed < 40; seed++) {
		struct lab *lab = lab_create(seed);
		struct lab_host *h = lab_host_cpus(lab, "a", CPUS, 0);
		struct ip_addr a = ip_from_v4(be32_of(0x0a000001)), b = ip_from_v4(be32_of(0x0a000002));
		unsigned count[CPUS] = { 0 };

		for (u16 port = 32768; port < 32768 + 1024; port++)
			count[steer_owner(h->net, &a, &b, 80, port)]++;
		for (unsigned i = 0; i < CPUS; i++)
			if (!CHECK_EQ(count[i], 256))
				test_note("seed %llu cpu %u key %04x", (unsigned long long)seed, i, h->net->steer->key);
		lab_destroy(lab);
	}
}

TEST(a_frame_is_of_the_flow_that_its_ends_name_short_way_or_long)
{
	struct lab *lab = lab_create(7);
	struct lab_host *h = lab_host_cpus(lab, "a", CPUS, 0);
	struct test_rng rng = { 815 };

	for (unsigned i = 0; i < 2000; i++) {
		struct sk_buff *skb = alloc_skb(h->cpu, SKB_HEADROOM);
		unsigned hlen = rng_below(&rng, 4) ? 20 : 24; /* with options: the long way */
		struct ipv4_hdr *ip = (struct ipv4_hdr *)skb_put(skb, hlen + 20);
		u16 sport = (u16)rng_next(&rng), dport = (u16)rng_next(&rng);
		be16 ports[2] = { be16_of(sport), be16_of(dport) };
		struct ip_addr src, dst;

		memset(ip, 0, hlen + 20);
		ip->ver_ihl = (u8)(0x40 | hlen / 4);
		ip->proto = rng_below(&rng, 3) ? IPPROTO_TCP : IPPROTO_UDP;
		ip->saddr = be32_of((u32)rng_next(&rng));
		ip->daddr = be32_of((u32)rng_next(&rng));
		if (!rng_below(&rng, 4)) { /* a fragment goes by its addresses */
			ip->frag = be16_of(IP_MF);
			sport = dport = 0;
		}
		memcpy((u8 *)ip + hlen, ports, sizeof(ports));
		skb->protocol = ETH_P_IP;
		src = ip_from_v4(ip->saddr);
		dst = ip_from_v4(ip->daddr);
		if (dport != 68) /* which is CPU 0's when it is UDP */
			CHECK_EQ(steer_frame(h->cpu, skb), steer_owner(h->net, &src, &dst, sport, dport));
		consume_skb(h->cpu, skb);
	}
	lab_destroy(lab);
}

TEST(with_steering_off_the_first_cpu_owns_every_flow)
{
	struct net_params p = { .nr_cpus = CPUS, .now_ns = 1, .steer = STEER_OFF, .skb_pool_bytes = 1 };
	struct ip_addr a = ip_from_v4(be32_of(0x0a000001)), b = ip_from_v4(be32_of(0x0a000002));
	struct net *net = net_create(&p);

	REQUIRE(net);
	for (u16 port = 1; port < 1000; port++)
		CHECK_EQ(steer_owner(net, &a, &b, 80, port), 0);
	CHECK_STR(steer_mode_name(STEER_OFF), "off");
	net_destroy(net);
}

/* ---- two hosts: a with four CPUs and one queue, b with one CPU ---- */

struct pair {
	struct lab *lab;
	struct lab_host *a, *b;
	struct net_device *da;
	unsigned done, wrong;
	bool v6; /* the clients' family */
};

static struct pair pair(u64 seed)
{
	struct pair p = { .lab = lab_create(seed) };
	struct net_device *db;

	p.a = lab_host_cpus(p.lab, "a", CPUS, 0);
	p.b = lab_host(p.lab, "b");
	p.da = lab_dev(p.a, LAB_ETHER);
	db = lab_dev(p.b, LAB_ETHER);
	lab_addr(p.da, "10.0.0.1/24");
	lab_addr(db, "10.0.0.2/24");
	lab_wire(p.da, db, &(struct lab_link){ .delay_ns = 50000 });
	return p;
}

/* The services' fibers see the end. */
static void stop(struct lab *lab, struct lab_host *h)
{
	app_stop(h->net);
	lab_run(lab, NSEC_PER_SEC);
}

static struct sockaddr_ip peer(u32 addr, u16 port)
{
	return (struct sockaddr_ip){ .family = AF_INET, .port = port, .addr = ip_from_v4(be32_of(addr)) };
}

/* Each CPU's frames balance by themselves. */
static void expect_balanced(struct lab_host *h)
{
	for (unsigned i = 0; i < h->net->nr_cpus; i++) {
		struct net_balance b = { 0 };

		net_balance_add(h->net->cpus[i], &b);
		CHECK(net_balance_holds(&b));
	}
}

static u64 sum(struct lab_host *h, size_t offset)
{
	u64 n = 0;

	for (unsigned i = 0; i < h->net->nr_cpus; i++)
		n += *(u64 *)((u8 *)&h->net->cpus[i]->softnet + offset);
	return n;
}
#define SUM(h, field) sum(h, offsetof(struct softnet_stats, field))

/* Echo on a. */
static struct sockaddr_ip server(const struct pair *p)
{
	struct sockaddr_ip to = peer(0x0a000001, 7);

	if (p->v6) {
		to.family = AF_INET6;
		ip_pton("fd00::1", &to.addr);
	}
	return to;
}

/* In use at once. */
static void add_v6(struct net_device *dev, const char *text)
{
	struct net_sysctls *sc = &dev->net->cpus[0]->sysctl;
	struct ip_addr a;

	sc->ip6_accept_ra = sc->ip6_dad_transmits = 0;
	REQUIRE(!ip_pton(text, &a) && !ip6_dev_up(dev->net, dev) && !ip6_addr_add(dev->net, dev, &a, 64));
}

static void echo_client(void *arg)
{
	struct pair *p = arg;
	struct net_cpu *cpu = p->b->cpu;
	struct sockaddr_ip to = server(p);
	int fd = sys_socket(cpu, to.family, SOCK_STREAM, 0);
	u8 out[5000], in[5000];
	size_t got = 0;
	long n;

	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = (u8)(i * 31 + (unsigned)fd);
	p->wrong += sys_connect(cpu, fd, &to) != 0;
	p->wrong += sys_write(cpu, fd, out, sizeof(out)) != sizeof(out);
	while (got < sizeof(in) && (n = sys_read(cpu, fd, in + got, sizeof(in) - got)) > 0)
		got += (size_t)n;
	p->wrong += got != sizeof(in) || memcmp(in, out, sizeof(in));
	sys_close(cpu, fd);
	p->done++;
}

static void udp_client(void *arg)
{
	struct pair *p = arg;
	struct net_cpu *cpu = p->b->cpu;
	struct sockaddr_ip to = server(p);
	int fd = sys_socket(cpu, to.family, SOCK_DGRAM, 0);
	u8 out[4000], in[4000]; /* three fragments */

	memset(out, fd, sizeof(out));
	p->wrong += sys_connect(cpu, fd, &to) != 0;
	p->wrong += sys_write(cpu, fd, out, sizeof(out)) != sizeof(out);
	p->wrong += sys_read(cpu, fd, in, sizeof(in)) != sizeof(in) || memcmp(in, out, sizeof(in));
	sys_close(cpu, fd);
	p->done++;
}

TEST(every_cpu_serves_the_flows_it_owns_and_no_object_is_touched_by_two)
{
	struct pair p = pair(2);

	host_isolate(true);
	REQUIRE(!app_start(p.a->net, &(struct app_params){ .cmdline = "" }));
	for (int i = 0; i < FLOWS; i++)
		lab_spawn(p.b, "client", echo_client, &p);
	CHECK(LAB_UNTIL(p.lab, p.done == FLOWS, 20 * NSEC_PER_SEC));
	lab_run(p.lab, NSEC_PER_SEC);
	CHECK_EQ(p.wrong, 0);
	for (unsigned i = 0; i < CPUS; i++)
		CHECK(p.a->net->cpus[i]->stats[STAT_TcpPassiveOpens] > FLOWS / CPUS / 3);
	CHECK_EQ(lab_stat(p.a, STAT_TcpPassiveOpens), FLOWS);
	CHECK_EQ(lab_stat(p.a, STAT_TcpOutRsts), 0);
	CHECK(SUM(p.a, received_rps) > FLOWS);
	CHECK_EQ(SUM(p.a, strays), 0);
	CHECK_EQ(SUM(p.a, moved), 0);
	expect_balanced(p.a);
	host_isolate(false);
	stop(p.lab, p.a);
	lab_destroy(p.lab);
}

TEST(a_datagram_in_fragments_reaches_the_owner_of_the_whole)
{
	struct pair p = pair(3);

	host_isolate(true);
	REQUIRE(!app_start(p.a->net, &(struct app_params){ .cmdline = "" }));
	for (int i = 0; i < DATAGRAMS; i++)
		lab_spawn(p.b, "client", udp_client, &p);
	CHECK(LAB_UNTIL(p.lab, p.done == DATAGRAMS, 20 * NSEC_PER_SEC));
	lab_run(p.lab, NSEC_PER_SEC);
	CHECK_EQ(p.wrong, 0);
	CHECK_EQ(lab_stat(p.a, STAT_IpReasmOKs), DATAGRAMS);
	CHECK(SUM(p.a, moved) > DATAGRAMS / 2); /* three of four flows are another CPU's than their fragments */
	expect_balanced(p.a);
	host_isolate(false);
	stop(p.lab, p.a);
	lab_destroy(p.lab);
}

TEST(the_same_holds_for_ipv6)
{
	struct pair p = pair(10);

	add_v6(p.da, "fd00::1");
	add_v6(p.b->net->devs[1], "fd00::2");
	p.v6 = true;
	host_isolate(true);
	REQUIRE(!app_start(p.a->net, &(struct app_params){ .cmdline = "" }));
	lab_run(p.lab, NSEC_PER_MSEC); /* all CPUs know of the addresses */
	for (int i = 0; i < DATAGRAMS; i++) {
		lab_spawn(p.b, "client", echo_client, &p);
		lab_spawn(p.b, "client", udp_client, &p);
	}
	CHECK(LAB_UNTIL(p.lab, p.done == 2 * DATAGRAMS, 20 * NSEC_PER_SEC));
	lab_run(p.lab, NSEC_PER_SEC);
	CHECK_EQ(p.wrong, 0);
	CHECK_EQ(lab_stat(p.a, STAT_TcpPassiveOpens), DATAGRAMS);
	CHECK(SUM(p.a, received_rps) > DATAGRAMS);
	CHECK(SUM(p.a, moved) > DATAGRAMS / 2);
	CHECK_EQ(SUM(p.a, strays), 0);
	expect_balanced(p.a);
	host_isolate(false);
	stop(p.lab, p.a);
	lab_destroy(p.lab);
}

/* ---- going out ---- */

struct caller {
	struct pair *p;
	struct net_cpu *cpu;
};

static void connector(void *arg)
{
	struct caller *c = arg;
	struct sockaddr_ip to = peer(0x0a000002, 7);
	int tcp = sys_socket(c->cpu, AF_INET, SOCK_STREAM, 0), udp = sys_socket(c->cpu, AF_INET, SOCK_DGRAM, 0);
	char in[8];

	c->p->wrong += sys_connect(c->cpu, tcp, &to) || sys_write(c->cpu, tcp, "hello", 5) != 5 ||
		       sys_read(c->cpu, tcp, in, sizeof(in)) != 5;
	c->p->wrong += sys_connect(c->cpu, udp, &to) || sys_write(c->cpu, udp, "hello", 5) != 5 ||
		       sys_read(c->cpu, udp, in, sizeof(in)) != 5;
	sys_close(c->cpu, tcp);
	sys_close(c->cpu, udp);
	c->p->done++;
}

TEST(connect_takes_a_port_whose_flow_is_the_callers)
{
	struct pair p = pair(4);
	struct caller c[CPUS * 8];

	host_isolate(true);
	REQUIRE(!app_start(p.b->net, &(struct app_params){ .cmdline = "" }));
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = (struct caller){ &p, p.a->net->cpus[i % CPUS] };
		lab_spawn_on(p.a, i % CPUS, "caller", connector, &c[i]);
	}
	CHECK(LAB_UNTIL(p.lab, p.done == ARRAY_SIZE(c), 20 * NSEC_PER_SEC));
	lab_run(p.lab, NSEC_PER_SEC);
	CHECK_EQ(p.wrong, 0);
	CHECK_EQ(SUM(p.a, strays), 0);
	CHECK_EQ(SUM(p.a, moved), 0);
	expect_balanced(p.a);
	host_isolate(false);
	stop(p.lab, p.b);
	lab_destroy(p.lab);
}

/* ---- connections that are tracked ---- */

struct echo_count {
	struct icmp_ping ping;
	unsigned got;
};
static void echo_got(struct icmp_ping *p, struct net_cpu *cpu, struct sk_buff *skb, u16 seq)
{
	container_of(p, struct echo_count, ping)->got++;
}

/* Neither an echo nor a socket that is not connected chooses whose flow it makes. */
static void careless(void *arg)
{
	struct caller *c = arg;
	struct sockaddr_ip to = peer(0x0a000002, 7);
	struct flow fl = { .dst = to.addr };
	struct echo_count e = { .ping.reply = echo_got };
	int udp = sys_socket(c->cpu, AF_INET, SOCK_DGRAM, 0);
	char in[8];

	c->p->wrong += sys_sendto(c->cpu, udp, "hello", 5, 0, &to) != 5 || sys_recvfrom(c->cpu, udp, in, sizeof(in), 0, NULL) != 5;
	sys_close(c->cpu, udp);
	bh_disable(c->cpu);
	icmp_ping_open(c->cpu, &e.ping);
	c->p->wrong += icmp_ping_send(c->cpu, &e.ping, &fl, 1, 56) != 0;
	bh_enable(c->cpu);
	for (unsigned i = 0; i < 100 && !e.got; i++)
		sys_nanosleep(c->cpu, 10 * NSEC_PER_MSEC);
	c->p->wrong += e.got != 1;
	bh_disable(c->cpu);
	icmp_ping_close(&e.ping);
	bh_enable(c->cpu);
	c->p->done++;
}

TEST(answers_that_come_to_another_cpu_are_of_a_connection_that_it_knows)
{
	struct pair p = pair(8);
	struct caller c[CPUS * 8];
	struct nft_error err;
	u64 invalid = 0;

	REQUIRE(!nft_run(p.a->net, "add rule input ct state established accept; add rule input drop", &err));
	host_isolate(true);
	REQUIRE(!app_start(p.b->net, &(struct app_params){ .cmdline = "" }));
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++) {
		c[i] = (struct caller){ &p, p.a->net->cpus[i % CPUS] };
		lab_spawn_on(p.a, i % CPUS, "careless", careless, &c[i]);
	}
	CHECK(LAB_UNTIL(p.lab, p.done == ARRAY_SIZE(c), 20 * NSEC_PER_SEC));
	CHECK_EQ(p.wrong, 0);
	CHECK(SUM(p.a, moved) > CPUS * 8); /* of 64 answers about three in four */
	for (unsigned i = 0; i < CPUS; i++)
		invalid += ct_stats(p.a->net->cpus[i])->invalid;
	CHECK_EQ(invalid, 0);
	lab_run(p.lab, 40 * NSEC_PER_SEC);
	for (unsigned i = 0; i < CPUS; i++)
		CHECK_EQ(ct_count(p.a->net->cpus[i]), 0);
	expect_balanced(p.a);
	host_isolate(false);
	stop(p.lab, p.b);
	lab_destroy(p.lab);
}

/* ---- a service on one CPU only ---- */

static void lonely_server(void *arg)
{
	struct caller *c = arg;
	struct sockaddr_ip any = peer(0, 7);
	int fd = sys_socket(c->cpu, AF_INET, SOCK_STREAM, 0), conn;
	char buf[5000];
	long n;

	sys_bind(c->cpu, fd, &any);
	sys_listen(c->cpu, fd, 100);
	for (;;) {
		conn = sys_accept4(c->cpu, fd, NULL, 0);
		while ((n = sys_read(c->cpu, conn, buf, sizeof(buf))) > 0)
			sys_write(c->cpu, conn, buf, (size_t)n);
		sys_close(c->cpu, conn);
	}
}

TEST(a_listener_on_one_cpu_gets_the_connections_of_all)
{
	struct pair p = pair(5);
	struct caller c = { &p, p.a->net->cpus[2] };

	host_isolate(true);
	lab_spawn_on(p.a, 2, "server", lonely_server, &c);
	lab_run(p.lab, NSEC_PER_MSEC);
	for (int i = 0; i < 8; i++)
		lab_spawn(p.b, "client", echo_client, &p);
	CHECK(LAB_UNTIL(p.lab, p.done == 8, 20 * NSEC_PER_SEC));
	CHECK_EQ(p.wrong, 0);
	CHECK_EQ(p.a->net->cpus[2]->stats[STAT_TcpPassiveOpens], 8);
	CHECK(SUM(p.a, moved) > 0);
	expect_balanced(p.a);
	host_isolate(false);
	lab_destroy(p.lab);
}

/* ---- bounds ---- */

TEST(a_full_backlog_drops_with_a_reason_and_the_frames_balance)
{
	struct pair p = pair(6);

	REQUIRE(!net_sysctl_set(p.a->net, "net.core.netdev_max_backlog", "3"));
	REQUIRE(!app_start(p.a->net, &(struct app_params){ .cmdline = "" }));
	for (int i = 0; i < FLOWS; i++)
		lab_spawn(p.b, "client", echo_client, &p);
	CHECK(LAB_UNTIL(p.lab, p.done == FLOWS, 300 * NSEC_PER_SEC));
	lab_run(p.lab, NSEC_PER_SEC);
	CHECK_EQ(p.wrong, 0);
	CHECK(lab_drops(p.a, DROP_CPU_BACKLOG) > 0);
	CHECK_EQ(SUM(p.a, dropped), lab_drops(p.a, DROP_CPU_BACKLOG));
	expect_balanced(p.a);
	stop(p.lab, p.a);
	lab_destroy(p.lab);
}

/* ---- lending ---- */

static unsigned let_go;
static void on_free(struct sk_buff *skb) { let_go++; }

TEST(what_is_lent_ends_at_home_when_the_last_reference_elsewhere_is_gone)
{
	struct lab *lab = lab_create(8);
	struct lab_host *h = lab_host_cpus(lab, "a", 2, 0);
	struct net_cpu *home = h->net->cpus[0], *other = h->net->cpus[1];
	struct sk_buff *skb = alloc_skb_with_frags(home, 100, 4000), *lent, *clone;
	u8 want[4000], got[4000];

	REQUIRE(skb);
	for (unsigned i = 0; i < sizeof(want); i++)
		want[i] = (u8)(i * 7);
	memcpy(skb->data, want, skb_headlen(skb));
	for (unsigned i = 0, at = skb_headlen(skb); i < skb->nr_frags; at += skb->frags[i++].len)
		memcpy(skb->frags[i].ptr, want + at, skb->frags[i].len);
	let_go = 0;
	skb->destructor = on_free;
	lent = skb_lend(home, skb);
	REQUIRE(lent && lent->len == 4000);
	clone = skb_clone(other, lent);
	consume_skb(other, lent);
	net_poll(other, NSEC_PER_SEC);
	net_poll(home, NSEC_PER_SEC);
	CHECK_EQ(let_go, 0);
	CHECK_EQ(skb_copy_bits(clone, 0, got, sizeof(got)), 0);
	CHECK_MEM(got, want, sizeof(want));
	consume_skb(other, clone);
	CHECK_EQ(let_go, 0); /* not here */
	net_poll(other, NSEC_PER_SEC);
	net_poll(home, NSEC_PER_SEC);
	CHECK_EQ(let_go, 1);
	expect_balanced(h);
	lent = skb_lend(home, alloc_skb_with_frags(home, 0, 300)); /* and where it never left */
	consume_skb(home, lent);
	expect_balanced(h);
	lab_destroy(lab);
}

/* ---- errands ---- */

static unsigned visited[CPUS];
static void visit(struct net_cpu *cpu, void *arg)
{
	CHECK(cpu->fibers->current != NULL);
	visited[cpu->id] = ++*(unsigned *)arg;
}

static void visitor(void *arg)
{
	struct pair *p = arg;
	unsigned n = 0;

	CHECK_EQ(net_on_each_cpu(p->a->net->cpus[1], visit, &n), 0);
	p->done++;
}

TEST(a_function_runs_on_each_cpu_in_turn_and_the_caller_waits_for_all)
{
	struct pair p = pair(9);

	lab_spawn_on(p.a, 1, "visitor", visitor, &p);
	CHECK(LAB_UNTIL(p.lab, p.done, NSEC_PER_SEC));
	for (unsigned i = 0; i < CPUS; i++)
		CHECK_EQ(visited[i], i + 1);
	lab_destroy(p.lab);
}
