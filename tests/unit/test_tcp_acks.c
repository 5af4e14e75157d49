/* SPDX-License-Identifier: MIT
 * test_tcp_acks.c - several acknowledgments in one poll: each is held against what TCP knows, what they free and tell is worked out
 * once; that nothing which must be seen one by one is lost with it; and bare ACKs that are taken where they lie.
 */
#include <stdlib.h>

#include "host/family.h"
#include "host/tcprig.h"
#include "net/core/frames.h"
#include "net/socket/socket.h"

#define SEG (RIG_MSS - 12)

/* ESTABLISHED with n full segments of ours under way, all that is to be sent. */
static struct rig *sending(unsigned n)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, n * SEG, 0);
	CHECK_EQ(rig_drain(r), n);
	CHECK_EQ(r->t->packets_out, n);
	return r;
}

static u32 una(const struct rig *r)
{
	return (u32)seq_diff(r->t->snd.una, seq_of(r->iss)) - 1;
}

TEST(acks_of_one_poll_are_counted_each_and_free_what_the_last_says)
{
	struct rig *r = sending(10);
	u64 delivered = r->t->delivered;
	u64 before = stat(r, TcpExtTCPHPAcks), segs = stat(r, TcpInSegs);

	give(r, .ack = 2 * SEG);
	give(r, .ack = 4 * SEG);
	inject(r, .ack = 7 * SEG);
	CHECK_EQ(stat(r, TcpExtTCPHPAcks) - before, 3);
	CHECK_EQ(stat(r, TcpInSegs) - segs, 3);
	CHECK_EQ(r->t->delivered - delivered, 7);
	CHECK_EQ(r->t->packets_out, 3);
	CHECK_EQ(r->t->rtxq.qlen, 3);
	CHECK_EQ(r->t->bytes_acked, 7 * SEG);
	CHECK_EQ(r->t->noted, 0);
	CHECK(tcp_timer_armed(r->t, TCPT_RTO) || tcp_timer_armed(r->t, TCPT_TLP));
	inject(r, .ack = 10 * SEG);
	CHECK_EQ(r->t->packets_out, 0);
	CHECK_EQ(r->t->sk.wmem_alloc, 0);
	CHECK(!tcp_timer_armed(r->t, TCPT_RTO) && !tcp_timer_armed(r->t, TCPT_TLP));
	rig_end(r);
}

/* One ACK, or one for each segment, in one poll or in several at the same time: what is delivered counts. */
static u32 cwnd_after(bool one_by_one, bool in_one_poll)
{
	struct rig *r = sending(10);
	u32 cwnd;

	rig_run_ms(r, 20);
	for (unsigned i = 1; i < 10 && one_by_one; i++) {
		if (in_one_poll)
			give(r, .ack = i * SEG);
		else
			inject(r, .ack = i * SEG);
	}
	inject(r, .ack = 10 * SEG);
	cwnd = r->t->cwnd;
	rig_end(r);
	return cwnd;
}

TEST(cwnd_grows_by_what_was_acknowledged_in_however_many_acks)
{
	REQ("5681 3.1/slow");
	REQ("3465 2.2");
	CHECK_EQ(cwnd_after(true, true), cwnd_after(true, false));
	CHECK_EQ(cwnd_after(true, true), cwnd_after(false, false));
	CHECK(cwnd_after(true, true) > TCP_INIT_CWND);
}

TEST(the_round_trip_is_that_of_the_oldest_segment_they_acknowledge)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	REQ("6298 3/rate");
	rig_write(r, 4 * SEG, 0);
	rig_run_us(r, 1000);
	rig_write(r, 4 * SEG, 0);
	rig_run_us(r, 500);
	CHECK_EQ(rig_drain(r), 8);
	r->t->srtt_us = 0; /* the next sample is the first */
	give(r, .ack = 2 * SEG);
	give(r, .ack = 4 * SEG);
	inject(r, .ack = 6 * SEG);
	CHECK(r->t->srtt_us >> 3 >= 1500 && r->t->srtt_us >> 3 < 1600);
	CHECK(r->t->rack.rtt_us >= 500 && r->t->rack.rtt_us < 600); /* and RACK's of the newest */
	CHECK_EQ(seq_diff(r->t->rack.end_seq, seq_of(r->iss + 1)), 6 * SEG);
	rig_end(r);
}

TEST(they_are_as_many_samples_of_the_round_trip_to_hystart)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	struct hystart h;

	REQ("9406 4.2");
	tcp_hystart_init(r->t, &h);
	tcp_hystart_sample(r->t, &h, 10000, 8);
	h.round_end = seq_add(r->t->snd.una, -1u); /* the next round */
	tcp_hystart_sample(r->t, &h, 50000, 7);
	CHECK_EQ(h.css_rtt_us, 0);
	tcp_hystart_sample(r->t, &h, 50000, 1);
	CHECK_EQ(h.css_rtt_us, 50000);
	rig_end(r);
}

TEST(new_data_leaves_once_for_them_all)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 30 * SEG, 0);
	CHECK_EQ(rig_drain(r), 10);
	give(r, .ack = 1 * SEG);
	give(r, .ack = 2 * SEG);
	inject(r, .ack = 3 * SEG);
	CHECK_EQ(rig_drain(r), 6); /* 3 are acknowledged, and the window is 3 larger */
	CHECK_EQ(r->t->packets_out, 13);
	rig_end(r);
}

TEST(duplicates_behind_an_ack_count_each_and_the_third_resends_what_is_missing)
{
	struct rig *r = sending(10);

	REQ("5681 3.2/third");
	give(r, .ack = 2 * SEG);
	give(r, .ack = 4 * SEG);
	for (unsigned i = 1; i < 3; i++)
		give(r, .ack = 4 * SEG, .sacks = { { seq_of(5 * SEG), seq_of((5 + i) * SEG) } }, .nr_sacks = 1);
	inject(r, .ack = 4 * SEG, .sacks = { { seq_of(5 * SEG), seq_of(8 * SEG) } }, .nr_sacks = 1);
	expect(r, .seq = 4 * SEG, .len = SEG, .flags = TCP_ACK);
	expect_nothing(r);
	CHECK_EQ(r->t->sacked_out, 3);
	CHECK_EQ(r->t->ca_state, TCP_CA_RECOVERY);
	CHECK_EQ(stat(r, TcpRetransSegs), 1);
	rig_end(r);
}

TEST(a_window_that_closes_behind_an_ack_is_taken)
{
	struct rig *r = sending(10);

	give(r, .ack = 2 * SEG, .wnd = 60000);
	inject(r, .ack = 10 * SEG, .wnd = NO_WINDOW);
	CHECK_EQ(r->t->snd.wnd, 0);
	CHECK_EQ(r->t->packets_out, 0);
	rig_write(r, 100, 0);
	expect_nothing(r);
	CHECK(tcp_timer_armed(r->t, TCPT_PERSIST));
	rig_end(r);
}

TEST(an_ack_of_what_was_never_sent_is_refused_and_those_before_it_count)
{
	struct rig *r = sending(10);

	REQ("9293 3.10.7.4/unsent");
	give(r, .ack = 2 * SEG);
	give(r, .ack = 4 * SEG);
	inject(r, .ack = 11 * SEG);
	CHECK_EQ(drops(r, TCP_ACK_UNSENT_DATA), 1);
	CHECK_EQ(una(r), 4 * SEG);
	CHECK_EQ(r->t->packets_out, 6);
	rig_end(r);
}

TEST(an_old_ack_behind_a_new_one_takes_nothing_back)
{
	struct rig *r = sending(10);

	give(r, .ack = 6 * SEG);
	inject(r, .ack = 3 * SEG);
	CHECK_EQ(una(r), 6 * SEG);
	CHECK_EQ(r->t->packets_out, 4);
	CHECK_EQ(r->t->rtxq.qlen, 4);
	rig_end(r);
}

TEST(text_with_an_ack_among_them_is_read_and_its_ack_counts)
{
	struct rig *r = sending(10);

	give(r, .ack = 2 * SEG);
	give(r, .ack = 4 * SEG, .len = 500);
	inject(r, .seq = 500, .ack = 6 * SEG, .len = 500);
	CHECK_EQ(rig_read(r, 2000), 1000);
	CHECK_EQ(r->t->packets_out, 4);
	CHECK_EQ(una(r), 6 * SEG);
	rig_end(r);
}

TEST(a_fin_behind_them_closes_with_all_of_them_counted)
{
	struct rig *r = sending(10);

	give(r, .ack = 2 * SEG);
	give(r, .ack = 9 * SEG);
	inject(r, .ack = 10 * SEG, .flags = TCP_FIN);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE_WAIT);
	CHECK_EQ(r->t->packets_out, 0);
	CHECK_EQ(r->t->bytes_acked, 10 * SEG);
	rig_end(r);
}

TEST(a_reset_behind_them_ends_the_connection)
{
	struct rig *r = sending(10);

	give(r, .ack = 2 * SEG);
	inject(r, .flags = TCP_RST);
	CHECK_EQ(r->t->sk.state, TCP_CLOSE);
	expect_nothing(r);
	rig_end(r);
}

TEST(a_path_that_takes_less_resends_nothing_of_what_they_acknowledge)
{
	struct rig *r = sending(10);

	give(r, .ack = 4 * SEG);
	rig_icmp(r, 3, 4, 1300, 4 * SEG);
	CHECK(rig_take(r));
	CHECK_EQ(r->last.seq.v - (r->iss + 1), 4 * SEG);
	rig_end(r);
}

TEST(a_flush_that_waits_for_its_device_leaves_no_time_out_for_what_is_acknowledged)
{
	struct rig *r = sending(10);
	struct timer *timer = &r->t->timer;

	bh_disable(r->cpu); /* the flush does not come */
	tcp_plain_ack(r->t, r->t->rcv.nxt, seq_add(r->t->snd.una, 2 * SEG));
	CHECK_EQ(r->t->noted, 1);
	tcp_rtx_arm(r->t, TCPT_RTO, 1);
	tcp_timer_fire(timer, tcp_now(r->t));
	CHECK_EQ(r->t->noted, 0);
	CHECK_EQ(r->t->packets_out, 8);
	CHECK_EQ(tcp_cb(tcp_rtx_head(r->t))->seq.v - (r->iss + 1), 2 * SEG);
	bh_enable(r->cpu);
	rig_end(r);
}

/* ---- where they lie: a download between two hosts ---- */

#define PORT 80
#define BYTES (2u << 20)

struct load {
	struct lab *lab;
	struct lab_host *client, *server;
	struct net_device *dev; /* the server's */
	u8 *text;
	u32 got;
};

static void serve(void *arg)
{
	struct load *k = arg;
	struct net_cpu *cpu = k->server->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip(be32_of(0)) };
	int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0), conn;
	u32 sent = 0;
	long n;

	sys_bind(cpu, fd, &sa);
	sys_listen(cpu, fd, 1);
	conn = sys_accept4(cpu, fd, NULL, 0);
	sys_close(cpu, fd);
	while (sent < BYTES && (n = sys_write(cpu, conn, k->text + sent, BYTES - sent)) > 0)
		sent += (u32)n;
	sys_read(cpu, conn, &n, sizeof(n)); /* the client closes first: until then its ACKs are predicted */
	sys_close(cpu, conn);
}

static void fetch(void *arg)
{
	struct load *k = arg;
	struct net_cpu *cpu = k->client->cpu;
	struct sockaddr_ip sa = { .family = (u16)lab_family(), .port = PORT, .addr = lab_ip_of("10.0.0.2") };
	int fd = sys_socket(cpu, lab_family(), SOCK_STREAM, 0);
	static u8 buf[65536];
	long n;

	if (!CHECK_EQ(sys_connect(cpu, fd, &sa), 0))
		return;
	while (k->got < BYTES && (n = sys_read(cpu, fd, buf, sizeof(buf))) > 0) {
		if (memcmp(buf, k->text + k->got, (size_t)n))
			break;
		k->got += (u32)n;
	}
	sys_close(cpu, fd);
}

enum { BARE = 1, LOOKED_AT, SUMS_WRONG };

static bool spoil(void *arg, const u8 *frame, unsigned len)
{
	unsigned *n = arg;

	if ((len == BARE_FRAME || len == BARE_FRAME6) && ++*n % 8 == 0)
		((u8 *)frame)[len - 14] ^= 1; /* of the TCP checksum, or what it sums */
	return false;
}

#define TOLD(X) X(TcpInSegs) X(TcpExtTCPHPAcks) X(TcpExtTCPPureAcks) X(TcpExtTCPDelivered) X(TcpOutSegs) X(TcpRetransSegs) \
	X(IpInReceives) X(IpExtInOctets) X(IpInDelivers) X(Ip6InReceives) X(Ip6InOctets) X(Ip6InDelivers)
enum {
#define X(name) N_##name,
	TOLD(X)
#undef X
	NR_TOLD
};

struct told {
	u64 stats[NR_TOLD], packets, bytes, wrong;
	unsigned bare;
};

/* A whole transfer; what the server's counters say of it. */
static struct told download(int how, const struct lab_link *link)
{
	static const enum net_stat told[] = {
#define X(name) STAT_##name,
		TOLD(X)
#undef X
	};
	struct load k = { .lab = lab_create(7), .text = malloc(BYTES) };
	struct net_device *dev;
	unsigned acks = 0;
	struct told t;

	for (unsigned i = 0; i < BYTES; i++)
		k.text[i] = (u8)(i * 31 + (i >> 12));
	k.client = lab_host(k.lab, "c");
	k.server = lab_host(k.lab, "s");
	dev = lab_dev_with(k.client, LAB_ETHER, NETIF_F_SG, 0);
	k.dev = lab_dev_with(k.server, LAB_ETHER, NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO | NETIF_F_TSO6, 0);
	lab_addr(dev, "10.0.0.1/24");
	lab_addr(k.dev, "10.0.0.2/24");
	lab_wire(dev, k.dev, link);
	if (how == SUMS_WRONG) {
		lab_link(dev)->filter = spoil;
		lab_link(dev)->filter_arg = &acks;
	}
	if (how == LOOKED_AT) {
		k.server->cpu->sysctl.frame_ring = 8;
		CHECK_EQ(frames_resize(k.server->net), 0);
	}
	lab_spawn(k.server, "server", serve, &k);
	lab_spawn(k.client, "client", fetch, &k);
	CHECK(LAB_UNTIL(k.lab, k.got == BYTES, 60 * NSEC_PER_SEC));
	lab_run(k.lab, 5 * NSEC_PER_SEC);
	for (unsigned i = 0; i < NR_TOLD; i++)
		t.stats[i] = lab_stat(k.server, told[i]);
	t.packets = k.dev->rx[0].packets;
	t.bytes = k.dev->rx[0].bytes;
	t.wrong = lab_stat(k.server, STAT_TcpInCsumErrors);
	t.bare = lab_bare_acks(k.dev);
	lab_destroy(k.lab); /* where the balance is struck */
	free(k.text);
	return t;
}

TEST(a_download_is_told_by_bare_acks_and_every_count_is_as_with_somebody_looking_on)
{
	struct lab_link link = { .rate_bps = 100000000, .delay_ns = 5 * NSEC_PER_MSEC };
	struct told bare = download(BARE, &link), looked = download(LOOKED_AT, &link);

	CHECK(bare.bare > BYTES / SEG / 3);
	CHECK_EQ(looked.bare, 0);
	CHECK_EQ(bare.packets, looked.packets);
	CHECK_EQ(bare.bytes, looked.bytes);
	for (unsigned i = 0; i < NR_TOLD; i++)
		CHECK_EQ(bare.stats[i], looked.stats[i]);
}

TEST(so_it_is_where_frames_are_lost_and_come_in_disorder)
{
	struct lab_link link = { .rate_bps = 100000000, .delay_ns = 5 * NSEC_PER_MSEC, .loss_ppm = 10000, .reorder_ppm = 20000 };
	struct told bare = download(BARE, &link), looked = download(LOOKED_AT, &link);

	CHECK(bare.bare > 0);
	CHECK(bare.stats[N_TcpRetransSegs] > 0);
	for (unsigned i = 0; i < NR_TOLD; i++)
		CHECK_EQ(bare.stats[i], looked.stats[i]);
}

TEST(one_whose_sum_is_wrong_is_not_taken_and_is_counted)
{
	struct told t = download(SUMS_WRONG, &(struct lab_link){ .rate_bps = 100000000, .delay_ns = 5 * NSEC_PER_MSEC });

	REQ("9293 MUST-3");
	CHECK(t.bare > 0);
	CHECK(t.wrong > 0);
}
