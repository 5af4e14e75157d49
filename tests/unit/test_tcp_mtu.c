/* SPDX-License-Identifier: MIT
 * test_tcp_mtu.c - packetization-layer path MTU discovery (RFC 4821): what is tried, what is concluded, and that a lost probe is
 * no congestion.
 */
#include "host/tcprig.h"

#define OPTS   12u                             /* the timestamp */
#define MIDDLE ((1460u + 1024u) / 2u - OPTS)   /* payload of the first probe */

static struct rig *probing(s64 mode)
{
	struct rig *r = rig_new();

	r->cpu->sysctl.tcp_mtu_probing = mode;
	rig_state(r, TCP_ESTABLISHED);
	r->t->sk.sndbuf = 1 << 20;
	r->t->sndbuf_locked = true;
	r->t->cwnd = 20;
	return r;
}

/* Takes all that was sent; how many bytes the longest had, and where it began. */
static u32 longest(struct rig *r, s64 *at)
{
	u32 max = 0;

	while (rig_take(r)) {
		if (r->last.len <= max)
			continue;
		max = r->last.len;
		*at = (s64)(r->last.seq.v - r->iss) - 1;
	}
	return max;
}

TEST(always_probing_starts_small_and_tries_the_middle)
{
	REQ("4821 7.3/low", "4821 7.4");
	struct rig *r = probing(2);
	s64 at = -1;

	rig_write(r, 1000, 0);
	CHECK_EQ(r->t->mss, 1024 - OPTS);
	rig_drain(r);
	inject(r, .ack = 1000);
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	CHECK_EQ(at, 1000);
	rig_end(r);
}

TEST(a_probe_that_arrives_raises_the_segment_size_until_nothing_is_left_to_try)
{
	REQ("4821 7.6.1", "4821 7.5/one");
	struct rig *r = probing(2);
	s64 sent = 0, at;
	u32 probes = 0;

	for (int i = 0; i < 40; i++) {
		rig_write(r, 12000, 0);
		sent += 12000;
		rig_drain(r);
		inject(r, .ack = r->t->snd.nxt.v - r->iss - 1);
		while (tcp_send_head(r->t) || r->t->packets_out) {
			rig_run_ms(r, 1);
			longest(r, &at);
			inject(r, .ack = r->t->snd.nxt.v - r->iss - 1);
		}
		r->t->cwnd = MAX(r->t->cwnd, 20u);
	}
	probes = (u32)stat(r, TcpExtTCPMTUPSuccess);
	CHECK(probes >= 4 && probes <= 9); /* halvings of 436 down to tcp_probe_threshold */
	CHECK_EQ(stat(r, TcpExtTCPMTUPFail), 0);
	CHECK(r->t->mss + OPTS > 1460 - 8 && r->t->mss + OPTS <= 1460);
	CHECK_EQ(r->t->bytes_acked, sent);
	rig_end(r);
}

/* One probe is out and the three segments behind it arrive. */
static s64 lose_probe(struct rig *r)
{
	s64 at = -1;

	rig_write(r, 1000, 0);
	rig_drain(r);
	inject(r, .ack = 1000);
	r->t->min_rtt_us = 1000;
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	rig_run_ms(r, 2);
	for (u32 i = 1; i <= 3; i++)
		inject(r, .ack = at, .nr_sacks = 1,
		       .sacks = { { seq_of((u32)at + MIDDLE), seq_of((u32)at + MIDDLE + i * (1024 - OPTS)) } });
	rig_run_ms(r, 2);
	return at;
}

TEST(a_lost_probe_is_sent_again_in_small_segments_and_is_no_congestion)
{
	REQ("4821 7.6.2", "4821 7.6.2/congestion");
	struct rig *r = probing(2);
	s64 at = lose_probe(r), first = -1;

	CHECK_EQ(stat(r, TcpExtTCPMTUPFail), 1);
	CHECK_EQ(stat(r, TcpExtTCPSackRecovery), 0);
	CHECK(r->t->ssthresh >= TCP_INFINITE_SSTHRESH);
	CHECK(r->t->cwnd >= 20);
	CHECK_EQ(longest(r, &first), 1024 - OPTS);
	CHECK_EQ(first, at);
	CHECK_EQ(r->t->tx->mtup.high, MIDDLE + OPTS - 1);
	inject(r, .ack = r->t->snd.nxt.v - r->iss - 1);
	CHECK_EQ(r->t->ca_state, TCP_CA_OPEN);
	rig_end(r);
}

TEST(a_timeout_with_a_probe_out_tells_nothing_of_it)
{
	REQ("4821 7.6.3");
	struct rig *r = probing(2);
	s64 at;

	rig_write(r, 10000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	rig_run_ms(r, 3000);
	CHECK(stat(r, TcpExtTCPTimeouts) >= 1);
	CHECK_EQ(stat(r, TcpExtTCPMTUPFail), 0);
	CHECK_EQ(r->t->tx->mtup.size, 0);
	CHECK_EQ(r->t->tx->mtup.high, 1460);
	rig_end(r);
}

/* What goes again may be the probe's text: its ACK tells nothing of the longer segment. */
TEST(a_retransmission_while_a_probe_is_out_voids_it)
{
	REQ("4821 7.6.3");
	struct rig *r = probing(2);
	u32 mss;
	s64 at;

	rig_write(r, 1000, 0);
	rig_drain(r);
	inject(r, .ack = 1000);
	mss = r->t->mss;
	r->t->nodelay = true; /* all of it leaves, and its last segment is the tail's probe */
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	for (int i = 0; i < 1000 && !stat(r, TcpExtTCPLossProbes); i++)
		rig_run_ms(r, 1);
	CHECK_EQ(stat(r, TcpExtTCPLossProbes), 1);
	CHECK_EQ(stat(r, TcpExtTCPTimeouts), 0);
	CHECK_EQ(r->t->tx->mtup.size, 0);
	rig_drain(r);
	inject(r, .ack = 10000);
	rig_write(r, 100, 0);
	CHECK_EQ(stat(r, TcpExtTCPMTUPSuccess) + stat(r, TcpExtTCPMTUPFail), 0);
	CHECK_EQ(r->t->mss, mss);
	rig_end(r);
}

TEST(no_probe_leaves_without_enough_behind_it_or_in_doubt)
{
	REQ("4821 7.5/data", "4821 7.5/doubt");
	struct rig *r = probing(2);
	s64 at;

	rig_write(r, 3000, 0); /* too little follows */
	CHECK_EQ(longest(r, &at), 1024 - OPTS);
	inject(r, .ack = 3000);
	r->t->cwnd = 10; /* too small a window */
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), 1024 - OPTS);
	inject(r, .ack = 12000);
	r->t->cwnd = 20;
	r->t->ca_state = TCP_CA_DISORDER; /* something may be lost */
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), 1024 - OPTS);
	rig_end(r);
}

TEST(timeouts_in_a_row_are_taken_for_a_black_hole_and_segments_shrink)
{
	REQ("4821 7.8", "4821 7.8/again");
	struct rig *r = probing(1);
	u16 before;
	s64 at;

	rig_write(r, 20000, 0);
	CHECK_EQ(longest(r, &at), 1460 - OPTS); /* nothing is suspected yet */
	for (int i = 0; i < 100 && r->t->retransmits < 4; i++)
		rig_run_ms(r, 100);
	rig_drain(r);
	CHECK_EQ(r->t->mss, 1024 - OPTS);
	before = r->t->mss;
	for (int i = 0; i < 300 && r->t->mss == before; i++)
		rig_run_ms(r, 100);
	CHECK_EQ(r->t->mss, 512 - OPTS);
	CHECK_EQ(longest(r, &at), 512 - OPTS);
	CHECK_EQ(at, 0);
	inject(r, .ack = 500); /* that one arrives, and the rest will */
	CHECK_EQ(r->t->retransmits, 0);
	rig_end(r);
}

TEST(segments_never_shrink_below_the_floor)
{
	struct rig *r = probing(1);
	u32 floor = 300;

	r->cpu->sysctl.tcp_mtu_probe_floor = floor;
	rig_write(r, 20000, 0);
	for (int i = 0; i < 4000 && r->t->retransmits < 10; i++) {
		rig_run_ms(r, 100);
		rig_drain(r);
	}
	CHECK_EQ(r->t->mss, floor - OPTS);
	rig_end(r);
}

TEST(without_the_tunable_timeouts_change_no_segment)
{
	struct rig *r = probing(0);
	s64 at;

	rig_write(r, 20000, 0);
	rig_drain(r);
	for (int i = 0; i < 200 && r->t->retransmits < 5; i++)
		rig_run_ms(r, 100);
	CHECK_EQ(longest(r, &at), 1460 - OPTS);
	CHECK_EQ(r->t->mss, 1460 - OPTS);
	rig_end(r);
}

TEST(after_the_interval_a_failed_size_is_tried_again)
{
	REQ("4821 7.7");
	struct rig *r = probing(2);
	struct tcp_mtup *p;
	s64 at;

	rig_write(r, 1000, 0);
	rig_drain(r);
	inject(r, .ack = 1000);
	p = &r->t->tx->mtup;
	p->high = p->low + 4; /* all was tried */
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), 1024 - OPTS);
	inject(r, .ack = 10000);
	rig_run_ms(r, 601000);
	r->t->cwnd = 20;
	rig_write(r, 9000, 0); /* finds that the time is over, and tries with the next */
	longest(r, &at);
	inject(r, .ack = 19000);
	r->t->cwnd = 20;
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	rig_end(r);
}

TEST(a_routers_word_still_counts_while_probing)
{
	REQ("4821 7.2/icmp");
	struct rig *r;
	s64 at;

	if (lab_ipv6())
		test_skip("the message is ICMPv4's");
	r = probing(2);
	rig_write(r, 9000, 0);
	CHECK_EQ(longest(r, &at), MIDDLE);
	rig_icmp(r, 3, 4, 1100, 0);
	CHECK(longest(r, &at) <= 1060 - OPTS);
	inject(r, .ack = 9000);
	r->t->cwnd = 20;
	rig_write(r, 9000, 0);
	CHECK(longest(r, &at) <= 1060 - OPTS);
	CHECK(r->t->tx->mtup.high <= 1060);
	rig_end(r);
}
