/* SPDX-License-Identifier: MIT
 * lossy.c - two stacks and a bad wire: whatever it does to the frames, every byte arrives, once, in order, both ways.
 *
 * Time is virtual, a seed makes a run repeatable. The bytes of a direction follow from its seed and their position, so the
 * receiver checks each one itself; sizes of reads and writes are random.
 */
#include "host/family.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"
#include "net/wire/ether.h"

#define PORT 7

struct stream { /* one direction of the connection */
	struct lab_host *from, *to;
	int from_fd, to_fd;
	u64 seed, length;
	u64 sent, received, wrong;
	struct test_rng rng;
	bool ended;
};
struct run {
	struct lab *lab;
	struct lab_host *a, *b;
	int listen_fd;
	struct stream ab, ba;
	unsigned done;
	bool failed;
};

static u8 byte_at(u64 seed, u64 pos)
{
	u64 x = (pos >> 3) * 0x9e3779b97f4a7c15ull + seed;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	return (u8)(x >> (8 * (pos & 7)));
}

static void writer(void *arg)
{
	struct stream *s = arg;
	u8 buf[8192];

	while (s->sent < s->length) {
		size_t n = MIN((u64)(1 + rng_below(&s->rng, sizeof(buf))), s->length - s->sent);
		long w;

		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(s->seed, s->sent + i);
		w = sys_write(s->from->cpu, s->from_fd, buf, n);
		if (w < 0) {
			test_note("write: %s after %llu", errno_name((int)w), (unsigned long long)s->sent);
			break;
		}
		s->sent += (u64)w;
	}
	sys_shutdown(s->from->cpu, s->from_fd, SHUT_WR);
}

static void reader(void *arg)
{
	struct stream *s = arg;
	u8 buf[8192];
	long n;

	while ((n = sys_read(s->to->cpu, s->to_fd, buf, 1 + rng_below(&s->rng, sizeof(buf)))) > 0) {
		for (long i = 0; i < n; i++)
			s->wrong += buf[i] != byte_at(s->seed, s->received + (u64)i);
		s->received += (u64)n;
	}
	if (n < 0)
		test_note("read: %s after %llu", errno_name((int)n), (unsigned long long)s->received);
	s->ended = true;
}

static struct sockaddr_ip address_of_b(void)
{
	struct sockaddr_ip sa = { .family = lab_family(), .port = PORT };

	sa.addr = lab_ip_of("10.0.0.2");
	return sa;
}

static void server(void *arg)
{
	struct run *r = arg;
	struct sockaddr_ip sa = { .family = lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };
	int fd;

	r->listen_fd = sys_socket(r->b->cpu, lab_family(), SOCK_STREAM, 0);
	sys_bind(r->b->cpu, r->listen_fd, &sa);
	sys_listen(r->b->cpu, r->listen_fd, 16);
	fd = sys_accept4(r->b->cpu, r->listen_fd, NULL, 0);
	r->ab.to_fd = r->ba.from_fd = fd;
	lab_spawn(r->b, "b-writer", writer, &r->ba);
	reader(&r->ab);
}

static void client(void *arg)
{
	struct run *r = arg;
	struct sockaddr_ip sa = address_of_b();
	int fd = sys_socket(r->a->cpu, lab_family(), SOCK_STREAM, 0);
	int err = sys_connect(r->a->cpu, fd, &sa);

	if (err) {
		test_note("connect: %s", errno_name(err));
		r->failed = true;
		return;
	}
	r->ab.from_fd = r->ba.to_fd = fd;
	lab_spawn(r->a, "a-writer", writer, &r->ab);
	reader(&r->ba);
}

static struct stream stream_of(struct lab_host *from, struct lab_host *to, u64 seed, u64 length)
{
	return (struct stream){ .from = from, .to = to, .seed = seed, .length = length, .rng = { seed | 1 } };
}

static bool finished(const struct run *r)
{
	return r->failed || (r->ab.ended && r->ba.ended);
}

/* All skbs and connections of a stack are back where they were. */
static void check_clean(struct lab_host *h)
{
	CHECK_EQ(h->cpu->tcp->nr_tcbs, 0);
	CHECK_EQ(h->cpu->tcp->nr_requests, 0);
	CHECK_EQ(h->cpu->tcp->nr_timewait, 0);
	CHECK_EQ(h->cpu->tcp->nr_orphans, 0);
	CHECK_EQ(h->cpu->tcp->conns.count, 0);
	CHECK_EQ(h->cpu->tcp->mem_bytes, 0);
	CHECK_EQ(h->cpu->skb_pool->nr_free_bufs, h->cpu->skb_pool->nr_bufs);
	CHECK_EQ(h->cpu->skb_pool->nr_free_skbs, h->cpu->skb_pool->nr_skbs);
}

/* Odd seeds run with segments merged on the way in. */
static void begin(struct run *r, u64 seed, const struct lab_link *link, u64 length)
{
	r->lab = lab_pair(seed, link, &r->a, &r->b);
	if (seed & 1) {
		dev_by_name(r->a->net, "eth0")->features |= NETIF_F_GRO;
		dev_by_name(r->b->net, "eth0")->features |= NETIF_F_GRO;
	}
	r->ab = stream_of(r->a, r->b, seed * 2 + 1, length);
	r->ba = stream_of(r->b, r->a, seed * 2 + 2, length / 2);
}

static void check_bytes(struct run *r, u64 seconds)
{
	unsigned long long seed = r->ab.seed / 2;

	lab_spawn(r->b, "server", server, r);
	lab_spawn(r->a, "client", client, r);
	if (!CHECK(LAB_UNTIL(r->lab, finished(r), seconds * NSEC_PER_SEC)))
		test_note("seed %llu: %llu of %llu there, %llu of %llu back", seed,
			  (unsigned long long)r->ab.received, (unsigned long long)r->ab.length,
			  (unsigned long long)r->ba.received, (unsigned long long)r->ba.length);
	CHECK_EQ(r->ab.received, r->ab.length);
	CHECK_EQ(r->ba.received, r->ba.length);
	CHECK_EQ(r->ab.wrong + r->ba.wrong, 0);
	test_note("seed %llu: %llu ms, %llu retransmitted, %llu timeouts", seed, (unsigned long long)(lab_now(r->lab) / NSEC_PER_MSEC),
		  (unsigned long long)(lab_stat(r->a, STAT_TcpRetransSegs) + lab_stat(r->b, STAT_TcpRetransSegs)),
		  (unsigned long long)(lab_stat(r->a, STAT_TcpExtTCPTimeouts) + lab_stat(r->b, STAT_TcpExtTCPTimeouts)));
}

static void end(struct run *r)
{
	sys_close(r->a->cpu, r->ab.from_fd);
	sys_close(r->b->cpu, r->ab.to_fd);
	sys_close(r->b->cpu, r->listen_fd);
	lab_run(r->lab, 200 * NSEC_PER_SEC);
	check_clean(r->a);
	check_clean(r->b);
	lab_destroy(r->lab);
}

static void transfer(u64 seed, const struct lab_link *link, u64 length, u64 seconds)
{
	struct run r = { 0 };

	begin(&r, seed, link, length);
	check_bytes(&r, seconds);
	end(&r);
}

TEST(a_perfect_wire_carries_everything)
{
	transfer(1, &(struct lab_link){ 0 }, 4 << 20, 60);
}

TEST(a_slow_and_long_wire_carries_everything)
{
	transfer(2, &(struct lab_link){ .rate_bps = 20000000, .delay_ns = 20 * NSEC_PER_MSEC }, 4 << 20, 60);
}

TEST(loss_of_one_in_a_hundred)
{
	for (u64 seed = 10; seed < 18; seed++)
		transfer(seed, &(struct lab_link){ .rate_bps = 50000000, .delay_ns = 5 * NSEC_PER_MSEC, .loss_ppm = 10000 },
			 1 << 20, 120);
}

TEST(loss_of_one_in_ten)
{
	for (u64 seed = 20; seed < 26; seed++)
		transfer(seed, &(struct lab_link){ .rate_bps = 50000000, .delay_ns = 5 * NSEC_PER_MSEC, .loss_ppm = 100000 },
			 256 << 10, 600);
}

TEST(frames_that_come_twice_or_out_of_order)
{
	for (u64 seed = 30; seed < 36; seed++)
		transfer(seed, &(struct lab_link){ .rate_bps = 50000000, .delay_ns = 5 * NSEC_PER_MSEC, .dup_ppm = 50000,
						   .reorder_ppm = 50000, .reorder_ns = 3 * NSEC_PER_MSEC },
			 1 << 20, 120);
}

TEST(frames_with_wrong_bits_are_found_by_the_checksum)
{
	for (u64 seed = 40; seed < 46; seed++)
		transfer(seed, &(struct lab_link){ .rate_bps = 50000000, .delay_ns = 2 * NSEC_PER_MSEC, .corrupt_ppm = 20000 },
			 512 << 10, 300);
}

TEST(everything_at_once)
{
	for (u64 seed = 50; seed < 58; seed++)
		transfer(seed, &(struct lab_link){ .rate_bps = 30000000, .delay_ns = 10 * NSEC_PER_MSEC,
						   .jitter_ns = 2 * NSEC_PER_MSEC, .queue_frames = 50, .loss_ppm = 20000,
						   .dup_ppm = 20000, .corrupt_ppm = 10000, .reorder_ppm = 20000 },
			 512 << 10, 600);
}

/* ---- a path that swallows long packets and tells nobody ---- */

static bool is_too_long(void *arg, const u8 *frame, unsigned len)
{
	return len > ETH_HLEN + *(const unsigned *)arg;
}

static void through_a_black_hole(u64 seed, unsigned mtu, s64 probing)
{
	unsigned fits = mtu - (lab_ipv6() ? 60 : 40) - TCPOLEN_TSTAMP_ALIGNED, len = sizeof(struct tcp_info);
	struct run r = { 0 };
	struct tcp_info info;

	begin(&r, seed, &(struct lab_link){ .rate_bps = 50000000, .delay_ns = 5 * NSEC_PER_MSEC, .filter = is_too_long,
					    .filter_arg = &mtu }, 2 << 20);
	r.a->cpu->sysctl.tcp_mtu_probing = r.b->cpu->sysctl.tcp_mtu_probing = probing;
	check_bytes(&r, 60);
	CHECK(lab_stat(r.a, STAT_TcpExtTCPMTUPSuccess) > 0);
	CHECK(lab_stat(r.a, STAT_TcpExtTCPMTUPFail) > 0);
	CHECK_EQ(sys_getsockopt(r.a->cpu, r.ab.from_fd, SOL_TCP, TCP_INFO, &info, &len), 0);
	if (!CHECK(info.tcpi_snd_mss <= fits && info.tcpi_snd_mss + 16 > fits))
		test_note("segments of %u bytes, where %u fit", info.tcpi_snd_mss, fits);
	end(&r);
}

TEST(where_long_packets_vanish_silently_timeouts_begin_a_search_and_every_byte_arrives)
{
	REQ("4821 7.8");
	through_a_black_hole(60, 1400, 1);
	through_a_black_hole(61, 1400, 1);
	through_a_black_hole(62, 1280, 1);
}

TEST(where_long_packets_vanish_silently_a_search_from_the_start_needs_no_timeout)
{
	REQ("4821 7.4");
	through_a_black_hole(63, 1400, 2);
}

/* ---- many connections, one after the other ---- */

struct churn {
	struct run r;
	unsigned wanted, done;
};

static void churn_server(void *arg)
{
	struct churn *c = arg;
	struct net_cpu *cpu = c->r.b->cpu;
	struct sockaddr_ip sa = { .family = lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };
	int l = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	u8 buf[64];

	c->r.listen_fd = l;
	sys_bind(cpu, l, &sa);
	sys_listen(cpu, l, 128);
	for (unsigned i = 0; i < c->wanted; i++) {
		int fd = sys_accept4(cpu, l, NULL, 0);
		long n;

		while ((n = sys_read(cpu, fd, buf, sizeof(buf))) > 0)
			sys_write(cpu, fd, buf, (size_t)n);
		sys_close(cpu, fd);
	}
	sys_close(cpu, l);
}

static void churn_client(void *arg)
{
	struct churn *c = arg;
	struct net_cpu *cpu = c->r.a->cpu;
	struct sockaddr_ip sa = address_of_b();
	char buf[16];

	for (unsigned i = 0; i < c->wanted; i++) {
		int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);

		if (!CHECK_EQ(sys_connect(cpu, fd, &sa), 0))
			break;
		sys_write(cpu, fd, "hello", 5);
		if (!CHECK_EQ(sys_read(cpu, fd, buf, sizeof(buf)), 5) || !CHECK_MEM(buf, "hello", 5))
			break;
		sys_close(cpu, fd);
		c->done++;
	}
}

TEST(ten_thousand_connections_leave_nothing_behind)
{
	struct churn c = { .wanted = 10000 };
	c.r.lab = lab_pair(7, &(struct lab_link){ .delay_ns = 100 * NSEC_PER_USEC }, &c.r.a, &c.r.b);
	lab_spawn(c.r.b, "server", churn_server, &c);
	lab_spawn(c.r.a, "client", churn_client, &c);
	CHECK(LAB_UNTIL(c.r.lab, c.done == c.wanted, 600 * NSEC_PER_SEC));
	lab_run(c.r.lab, NSEC_PER_SEC);
	CHECK_EQ(c.r.a->cpu->tcp->nr_timewait, c.wanted);
	lab_run(c.r.lab, 70 * NSEC_PER_SEC);
	check_clean(c.r.a);
	check_clean(c.r.b);
	lab_destroy(c.r.lab);
}

/* ---- too little memory ---- */

#define STARVING 60

struct starving {
	struct lab_host *a, *b;
	struct net_cpu *cpu;
	int listen_fd;
	unsigned accepted, finished;
	bool may_read;
	u64 sent, received, wrong;
};
struct starving_conn {
	struct starving *s;
	int fd;
	u64 seed;
};

static void starving_reader(void *arg)
{
	struct starving_conn *c = arg;
	struct starving *s = c->s;
	u64 pos = 0;
	u8 buf[4096];
	long n;

	while (!s->may_read)
		sys_nanosleep(s->b->cpu, 100 * NSEC_PER_MSEC);
	while ((n = sys_read(s->b->cpu, c->fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++)
			s->wrong += buf[i] != (u8)(pos + (u64)i);
		pos += (u64)n;
	}
	s->received += pos;
	s->finished++;
	sys_close(s->b->cpu, c->fd);
	kfree(c);
}

static void starving_server(void *arg)
{
	struct starving *s = arg;
	struct sockaddr_ip sa = { .family = lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };

	s->listen_fd = sys_socket(s->b->cpu, lab_family(), SOCK_STREAM, 0);
	sys_bind(s->b->cpu, s->listen_fd, &sa);
	sys_listen(s->b->cpu, s->listen_fd, STARVING);
	for (unsigned i = 0; i < STARVING; i++) {
		struct starving_conn *c = kzalloc(sizeof(*c));

		c->s = s;
		c->fd = sys_accept4(s->b->cpu, s->listen_fd, NULL, 0);
		s->accepted++;
		lab_spawn(s->b, "reader", starving_reader, c);
	}
}

static void starving_client(void *arg)
{
	struct starving *s = arg;
	struct sockaddr_ip sa = address_of_b();
	int fd = sys_socket(s->a->cpu, lab_family(), SOCK_STREAM, 0);
	u8 buf[4096];

	if (sys_connect(s->a->cpu, fd, &sa))
		return;
	for (u32 pos = 0; pos < 200000; pos += sizeof(buf)) {
		for (u32 i = 0; i < sizeof(buf); i++)
			buf[i] = (u8)(pos + i);
		s->sent += (u64)MAX(sys_write(s->a->cpu, fd, buf, sizeof(buf)), 0);
	}
	sys_close(s->a->cpu, fd);
}

TEST(a_stack_without_memory_slows_down_and_goes_on)
{
	struct lab_link link = { .rate_bps = 100000000, .delay_ns = NSEC_PER_MSEC };
	struct lab *lab = lab_create(77);
	struct starving s = { .a = lab_host_cpus(lab, "a", 1, 16 << 20), .b = lab_host_cpus(lab, "b", 1, 2 << 20) };
	struct net_device *da = lab_dev(s.a, LAB_ETHER), *db = lab_dev(s.b, LAB_ETHER);

	lab_addr(da, "10.0.0.1/24");
	lab_addr(db, "10.0.0.2/24");
	lab_wire(da, db, &link);
	lab_spawn(s.b, "server", starving_server, &s);
	for (unsigned i = 0; i < STARVING; i++)
		lab_spawn(s.a, "client", starving_client, &s);
	lab_run(lab, 20 * NSEC_PER_SEC); /* the windows promise more than there is, and nobody reads */
	CHECK_EQ(s.accepted, STARVING);
	CHECK(lab_stat(s.b, STAT_TcpExtTCPMemoryPressures) > 0);
	s.may_read = true;
	CHECK(LAB_UNTIL(lab, s.finished == STARVING, 600 * NSEC_PER_SEC));
	CHECK_EQ(s.received, s.sent);
	CHECK_EQ(s.wrong, 0);
	sys_close(s.b->cpu, s.listen_fd);
	lab_run(lab, 100 * NSEC_PER_SEC);
	check_clean(s.a);
	check_clean(s.b);
	lab_destroy(lab);
}
