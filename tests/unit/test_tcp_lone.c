/* SPDX-License-Identifier: MIT
 * test_tcp_lone.c - answers of one segment between two hosts: frames without an skb, and that they are as those with one.
 */
#include "host/family.h"
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/string.h"
#include "net/core/frames.h"
#include "net/net.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"
#include "net/wire/checksum.h"
#include "unit/obstacles.h"

#define PORT 7
#define SIZE 64

struct talk {
	struct lab *lab;
	struct lab_host *client, *server;
	struct net_device *dev;   /* the server's */
	int fd, peer_fd;
	unsigned rounds, answers, wrong; /* to be had; had; other bytes than were sent */
	unsigned len;             /* of the last answer's frame */
	u8 frame[256];
};

/* The way from the server: keeps the last frame with text. */
static bool keep(void *arg, const u8 *frame, unsigned len)
{
	struct talk *k = arg;

	if (len > SIZE + 60 && len <= sizeof(k->frame)) {
		k->len = len;
		memcpy(k->frame, frame, len);
	}
	return false;
}

static void serve(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->server->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };
	int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	u8 buf[SIZE];
	long n;

	sys_bind(cpu, fd, &sa);
	sys_listen(cpu, fd, 1);
	k->peer_fd = sys_accept4(cpu, fd, NULL, 0);
	sys_close(cpu, fd);
	while ((n = sys_read(cpu, k->peer_fd, buf, sizeof(buf))) > 0)
		sys_write(cpu, k->peer_fd, buf, (size_t)n);
	sys_close(cpu, k->peer_fd);
}

static void ask(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->client->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip_of("10.0.0.2") };
	u8 out[SIZE], in[SIZE];

	k->fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	if (!CHECK_EQ(sys_connect(cpu, k->fd, &sa), 0))
		return;
	while (k->answers < k->rounds) {
		memset(out, (int)k->answers + 'a', sizeof(out));
		sys_write(cpu, k->fd, out, sizeof(out));
		if (sys_read(cpu, k->fd, in, sizeof(in)) != SIZE)
			break;
		k->wrong += memcmp(in, out, SIZE) != 0;
		k->answers++;
	}
}

/* Two hosts whose devices sum, and so take frames without an skb; the first answer was had. */
static void begin(struct talk *k)
{
	struct net_device *dev;

	*k = (struct talk){ .lab = lab_create(5), .rounds = 1000, .fd = -1 };
	k->client = lab_host(k->lab, "c");
	k->server = lab_host(k->lab, "s");
	dev = lab_dev_with(k->client, LAB_ETHER, NETIF_F_SG | NETIF_F_HW_CSUM, 0);
	k->dev = lab_dev_with(k->server, LAB_ETHER, NETIF_F_SG | NETIF_F_HW_CSUM, 0);
	lab_addr(dev, "10.0.0.1/24");
	lab_addr(k->dev, "10.0.0.2/24");
	lab_wire(dev, k->dev, &(struct lab_link){ .delay_ns = 100 * NSEC_PER_USEC });
	lab_link(k->dev)->filter = keep;
	lab_link(k->dev)->filter_arg = k;
	lab_spawn(k->server, "server", serve, k);
	lab_spawn(k->client, "client", ask, k);
	REQUIRE(LAB_UNTIL(k->lab, k->answers, 10 * NSEC_PER_SEC));
}

/* So many answers more; how many of the server's frames had no skb. */
static unsigned more(struct talk *k, unsigned n)
{
	unsigned before = lab_bare_frames(k->dev), from = k->answers;

	CHECK(LAB_UNTIL(k->lab, k->answers >= from + n, 10 * NSEC_PER_SEC));
	CHECK_EQ(k->wrong, 0);
	return lab_bare_frames(k->dev) - before;
}

static unsigned more_of(void *talk, unsigned n) { return more(talk, n); }

static void end(struct talk *k)
{
	k->rounds = k->answers;
	lab_run(k->lab, NSEC_PER_SEC);
	sys_close(k->client->cpu, k->fd);
	lab_run(k->lab, 5 * NSEC_PER_SEC);
	CHECK_EQ(lab_stat(k->client, STAT_TcpInCsumErrors), 0);
	CHECK_EQ(lab_stat(k->client, STAT_TcpInErrs), 0);
	CHECK_EQ(lab_stat(k->client, STAT_IpInHdrErrors), 0);
	CHECK_EQ(lab_stat(k->server, STAT_TcpRetransSegs), 0);
	lab_destroy(k->lab);
}

static u64 ip_sent(const struct talk *k)
{
	return lab_stat(k->server, lab_ipv6() ? STAT_Ip6OutRequests : STAT_IpOutRequests);
}

TEST(an_answer_of_one_segment_needs_no_skb_and_arrives_as_it_was_written)
{
	struct talk k;
	u64 before;

	begin(&k);
	more(&k, 4);
	before = ip_sent(&k);
	CHECK(more(&k, 20) >= 20);
	CHECK(ip_sent(&k) - before >= 20);
	end(&k);
}

/* Of both: where who looks on makes an skb of it; all but what follows from when it was sent. */
static void check_same(const u8 *a, const u8 *b)
{
	unsigned ip = lab_ipv6() ? 40 : 20, tcp = 14 + ip;

	CHECK(!memcmp(a, b, lab_ipv6() ? 54 : 24));
	if (!lab_ipv6()) {
		CHECK(!memcmp(a + 26, b + 26, 8));  /* addresses */
		CHECK(csum_ok(csum_partial(a + 14, 20, 0)) && csum_ok(csum_partial(b + 14, 20, 0)));
	}
	CHECK(!memcmp(a + tcp, b + tcp, 4));            /* ports */
	CHECK(!memcmp(a + tcp + 12, b + tcp + 12, 4));  /* length, flags, window */
	CHECK(!memcmp(a + tcp + 18, b + tcp + 18, 6));  /* urgent pointer, what the option is */
}

TEST(it_has_the_headers_of_one_with_an_skb_options_of_the_socket_included)
{
	static const struct {
		int level4, opt4, level6, opt6, v;
	} sets[] = {
		{ SOL_IP, IP_TOS, SOL_IPV6, IPV6_TCLASS, 0x48 },
		{ SOL_IP, IP_TTL, SOL_IPV6, IPV6_UNICAST_HOPS, 33 },
	};
	u8 bare[256];
	struct talk k;

	begin(&k);
	for (unsigned i = 0; i <= ARRAY_SIZE(sets); i++) {
		unsigned len;

		CHECK(more(&k, 4) >= 4);
		len = k.len;
		memcpy(bare, k.frame, len);
		CHECK_EQ(len, 14 + (lab_ipv6() ? 40 : 20) + 32 + SIZE);
		k.dev->features &= ~(u32)NETIF_F_HW_CSUM; /* as for a device that does not sum */
		dev_stop_direct(k.dev);
		CHECK_EQ(more(&k, 4), 0);
		CHECK_EQ(k.len, len);
		check_same(bare, k.frame);
		k.dev->features |= NETIF_F_HW_CSUM;
		dev_stop_direct(k.dev);
		if (i == ARRAY_SIZE(sets))
			break;
		CHECK_EQ(sys_setsockopt(k.server->cpu, k.peer_fd, lab_ipv6() ? sets[i].level6 : sets[i].level4,
					lab_ipv6() ? sets[i].opt6 : sets[i].opt4, &sets[i].v, sizeof(sets[i].v)), 0);
	}
	CHECK_EQ(lab_ipv6() ? (bare[14] & 15) << 4 | bare[15] >> 4 : bare[15], 0x48);
	CHECK_EQ(bare[lab_ipv6() ? 21 : 22], 33);
	end(&k);
}

TEST(over_ipv6_its_label_is_the_flows_and_none_where_the_operator_wants_none)
{
	u8 label[4];
	struct talk k;

	if (!lab_ipv6())
		return;
	REQ("6437 3");
	begin(&k);
	CHECK(more(&k, 4) >= 4);
	memcpy(label, k.frame + 14, 4);
	CHECK(label[1] | label[2] | label[3]);
	k.server->cpu->sysctl.ip6_flowlabels = 0;
	CHECK(more(&k, 4) >= 4);
	CHECK_EQ(k.frame[14], 0x60);
	CHECK(!(k.frame[15] | k.frame[16] | k.frame[17]));
	k.server->cpu->sysctl.ip6_flowlabels = 1;
	CHECK(more(&k, 4) >= 4);
	CHECK(!memcmp(label, k.frame + 14, 4));
	end(&k);
}

TEST(who_looks_on_sees_each_of_them_as_an_skb)
{
	struct talk k;

	begin(&k);
	CHECK(more(&k, 4) >= 4);
	k.server->cpu->sysctl.frame_ring = 8;
	CHECK_EQ(frames_resize(k.server->net), 0);
	CHECK_EQ(more(&k, 10), 0);
	k.server->cpu->sysctl.frame_ring = 0;
	CHECK_EQ(frames_resize(k.server->net), 0);
	CHECK(more(&k, 4) >= 4);
	end(&k);
}

/* ---- what stands in the way ---- */

TEST(nothing_goes_past_what_stands_in_the_way_and_all_does_when_it_is_gone)
{
	struct talk k;

	begin(&k);
	more(&k, 4);
	pass_no_obstacle(k.dev, more_of, &k);
	end(&k);
}

/* The ring is full in the middle of a talk: the answer waits in the discipline, and the next ones go past it again. */
TEST(an_answer_that_meets_a_full_ring_waits_for_room)
{
	struct talk k;
	unsigned had;

	begin(&k);
	more(&k, 4);
	had = k.answers;
	ring_is_full(k.dev, true);
	CHECK(LAB_UNTIL(k.lab, k.dev->txq[0].qdisc->qlen, NSEC_PER_SEC));
	CHECK(k.answers <= had + 1); /* one may have been on the wire */
	had = k.answers;
	ring_is_full(k.dev, false);
	CHECK(LAB_UNTIL(k.lab, k.answers > had, NSEC_PER_SEC));
	CHECK(more(&k, 4) >= 4);
	end(&k);
}

/* ---- the answer to a SYN ---- */

#define SECOND_PORT 8

static void listen_second(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->server->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = SECOND_PORT, .addr = lab_ip(be32_of(0)) };
	int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);

	sys_bind(cpu, fd, &sa);
	sys_listen(cpu, fd, 4);
	while (k->answers < k->rounds + 2) {
		sys_close(cpu, sys_accept4(cpu, fd, NULL, 0));
		k->answers++;
	}
	sys_close(cpu, fd);
}

static void connect_second(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->client->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = SECOND_PORT, .addr = lab_ip_of("10.0.0.2") };
	int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);

	CHECK_EQ(sys_connect(cpu, fd, &sa), 0);
	k->len = 1;
	sys_close(cpu, fd);
}

/* How many of the server's frames had no skb, until the client is connected. */
static unsigned connects(struct talk *k)
{
	unsigned before = lab_bare_frames(k->dev);

	k->len = 0;
	lab_spawn(k->client, "second", connect_second, k);
	CHECK(LAB_UNTIL(k->lab, k->len, NSEC_PER_SEC));
	before = lab_bare_frames(k->dev) - before;
	lab_run(k->lab, NSEC_PER_SEC);
	return before;
}

TEST(a_syn_is_answered_without_an_skb_and_with_one_while_somebody_looks)
{
	struct talk k;

	begin(&k);
	k.rounds = k.answers + 1; /* the talk ends */
	lab_run(k.lab, NSEC_PER_SEC);
	k.rounds = k.answers;
	lab_spawn(k.server, "listener", listen_second, &k);
	lab_run(k.lab, NSEC_PER_MSEC);
	CHECK_EQ(connects(&k), 1);
	seen = 0;
	obstacle(k.dev, tap_on);
	CHECK_EQ(connects(&k), 0);
	CHECK(seen >= 1);
	obstacle(k.dev, tap_off);
	end(&k);
}

/* ---- memory ---- */

TEST(a_round_trip_takes_nothing_of_the_general_allocator)
{
	struct talk k;
	u64 before;

	begin(&k);
	more(&k, 50);
	before = mem_allocs();
	more(&k, 500);
	CHECK_EQ(mem_allocs(), before);
	end(&k);
}
