/* SPDX-License-Identifier: MIT
 * test_udp_lone.c - a datagram goes back to its sender in the buffer that it came in: without an skb where nothing stands in the way,
 * with one where something does, and the same bytes arrive.
 */
#include "host/family.h"
#include "lib/string.h"
#include "net/socket/socket.h"
#include "unit/obstacles.h"

#define PORT 7
#define SIZE 100

struct talk {
	struct lab *lab;
	struct lab_host *client, *server;
	struct net_device *dev;  /* the server's */
	unsigned answers, wrong; /* had; other bytes than were sent */
	bool over, done;
};

static struct sockaddr_ip address(const char *text)
{
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT };

	sa.addr = text ? lab_ip_of(text) : lab_ip(be32_of(0));
	return sa;
}

static void serve(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->server->cpu;
	struct sockaddr_ip any = address(NULL);
	int fd = sys_socket(cpu, lab_family(), SOCK_DGRAM, 0), err;
	struct sk_buff *skb;

	REQUIRE(!sys_bind(cpu, fd, &any));
	while (!k->over && (skb = sys_recv_skb(cpu, fd, 0, &err)))
		CHECK_EQ(sys_send_skb(cpu, fd, skb, 0), 0);
	sys_close(cpu, fd);
}

static void ask(void *arg)
{
	struct talk *k = arg;
	struct net_cpu *cpu = k->client->cpu;
	struct sockaddr_ip to = address("10.0.0.2");
	int fd = sys_socket(cpu, lab_family(), SOCK_DGRAM, 0);
	u8 out[SIZE], in[SIZE + 1];

	REQUIRE(!sys_connect(cpu, fd, &to));
	while (!k->over) {
		memset(out, (int)k->answers, sizeof(out));
		CHECK_EQ(sys_write(cpu, fd, out, sizeof(out)), SIZE);
		k->wrong += sys_read(cpu, fd, in, sizeof(in)) != SIZE || memcmp(in, out, SIZE);
		k->answers++;
	}
	sys_close(cpu, fd);
	k->done = true;
}

static void begin(struct talk *k)
{
	struct net_device *dev;

	*k = (struct talk){ .lab = lab_create(5) };
	k->client = lab_host(k->lab, "c");
	k->server = lab_host(k->lab, "s");
	dev = lab_dev_with(k->client, LAB_ETHER, NETIF_F_SG | NETIF_F_HW_CSUM, 0);
	k->dev = lab_dev_with(k->server, LAB_ETHER, NETIF_F_SG | NETIF_F_HW_CSUM, 0);
	lab_addr(dev, "10.0.0.1/24");
	lab_addr(k->dev, "10.0.0.2/24");
	lab_wire(dev, k->dev, &(struct lab_link){ .delay_ns = 100 * NSEC_PER_USEC });
	k->server->cpu->sysctl.neigh_delay_probe = 10;      /* datagrams confirm no neighbour: ask soon, ... */
	k->server->cpu->sysctl.neigh_base_reachable = 3600000; /* ... and once */
	lab_spawn(k->server, "server", serve, k);
	lab_spawn(k->client, "client", ask, k);
	REQUIRE(LAB_UNTIL(k->lab, lab_bare_frames(k->dev), 10 * NSEC_PER_SEC));
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
	k->over = true;
	CHECK(LAB_UNTIL(k->lab, k->done, 10 * NSEC_PER_SEC));
	CHECK_EQ(lab_stat(k->client, STAT_UdpInCsumErrors) + lab_stat(k->client, STAT_Udp6InCsumErrors), 0);
	lab_destroy(k->lab); /* where the balance is struck */
}

TEST(a_datagrams_answer_needs_no_skb_where_nothing_stands_in_the_way_and_goes_past_nothing_that_does)
{
	struct talk k;

	begin(&k);
	more(&k, 4);
	CHECK(more(&k, 10) >= 10);
	pass_no_obstacle(k.dev, more_of, &k);
	end(&k);
}

TEST(a_datagrams_answer_that_meets_a_full_ring_waits_for_room)
{
	struct talk k;
	unsigned had, bare;

	begin(&k);
	more(&k, 4);
	had = k.answers;
	ring_is_full(k.dev, true);
	CHECK(LAB_UNTIL(k.lab, k.dev->txq[0].qdisc->qlen, NSEC_PER_SEC));
	CHECK(k.answers <= had + 1); /* one may have been on the wire */
	had = k.answers;
	bare = lab_bare_frames(k.dev);
	lab_run(k.lab, 10 * NSEC_PER_MSEC);
	CHECK_EQ(k.answers, had);
	CHECK_EQ(lab_bare_frames(k.dev), bare);
	ring_is_full(k.dev, false);
	CHECK(LAB_UNTIL(k.lab, k.answers > had, NSEC_PER_SEC));
	CHECK(more(&k, 4) >= 4);
	end(&k);
}
