/* SPDX-License-Identifier: MIT
 * test_qdisc.c - queueing disciplines: order, limits, options, back-pressure of a full ring. A device that is a list.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "net/core/qdisc.h"
#include "net/wire/ether.h"

struct bench {
	struct lab *lab;
	struct lab_host *h;
	struct net_device *dev;
	struct netdev_queue *txq;
};

static void bench_make(struct bench *b, unsigned ring)
{
	b->lab = lab_create(1);
	b->h = lab_host(b->lab, "a");
	b->dev = lab_dev_with(b->h, LAB_ETHER, NETIF_F_SG, ring);
	b->txq = &b->dev->txq[0];
}

static void use_qdisc(struct bench *b, const char *id, const char *options)
{
	struct qdisc_error e;

	REQUIRE(!qdisc_replace(b->h->cpu, b->dev, &(struct qdisc_request){ .id = id, .options = options }, &e));
}

/* An IPv4 frame of 40 bytes with this TOS and a number in its last byte. */
static void send(struct bench *b, u8 tos, u8 number)
{
	struct sk_buff *skb = alloc_skb(b->h->cpu, SKB_HEADROOM);
	u8 *p = skb_put(skb, 40);

	memset(p, 0, 40);
	p[12] = 8;
	p[14] = 0x45;
	p[15] = tos;
	p[39] = number;
	skb->dev = b->dev;
	skb->protocol = ETH_P_IP;
	skb->network_header = (u16)(skb_headroom(skb) + 14);
	FLOW(b->h->cpu, OutMovedIn); /* the way another CPU's frames come */
	dev_queue_xmit(b->h->cpu, skb);
}

/* The numbers of the frames that came out, as text. */
static const char *sent(struct bench *b)
{
	static char text[512];
	u8 frame[64];
	size_t n = 0;

	lab_run(b->lab, NSEC_PER_MSEC);
	while (n + 1 < sizeof(text) && lab_sent(b->dev, frame, sizeof(frame)))
		text[n++] = (char)frame[39];
	text[n] = 0;
	return text;
}

TEST(an_empty_queue_is_passed_by)
{
	struct bench b;

	bench_make(&b, 16);
	CHECK_STR(b.txq->qdisc->ops->id, "pfifo_fast");
	send(&b, 0, 'a');
	CHECK_EQ(b.txq->qdisc->bypassed, 1);
	CHECK_EQ(b.txq->qdisc->qlen, 0);
	CHECK_STR(sent(&b), "a");
	CHECK_EQ(b.txq->stats.packets, 1);
	CHECK_EQ(b.txq->stats.bytes, 40);
	CHECK_EQ(b.txq->stats.kicks, 1);
	lab_destroy(b.lab);
}

TEST(one_doorbell_rings_for_a_burst)
{
	struct bench b;

	bench_make(&b, 64);
	for (char c = 'a'; c <= 'z'; c++)
		send(&b, 0, (u8)c);
	CHECK_STR(sent(&b), "abcdefghijklmnopqrstuvwxyz");
	CHECK_EQ(b.txq->stats.kicks, 1);
	lab_destroy(b.lab);
}

TEST(a_full_ring_stops_the_queue_and_nothing_is_lost_below_the_qdisc)
{
	struct bench b;

	bench_make(&b, 4);
	lab_dev_stall(b.dev, true);
	for (char c = 'a'; c <= 'j'; c++)
		send(&b, 0, (u8)c);
	CHECK(b.txq->stopped);
	CHECK_EQ(b.txq->qdisc->qlen, 6);
	CHECK_EQ(b.txq->qdisc->backlog_bytes, 240);
	CHECK_STR(sent(&b), "");
	lab_dev_stall(b.dev, false);
	CHECK_STR(sent(&b), "abcdefghij");
	CHECK_EQ(b.txq->qdisc->qlen, 0);
	CHECK_EQ(b.txq->qdisc->backlog_bytes, 0);
	CHECK_EQ(b.txq->qdisc->bypassed, 4);
	CHECK_EQ(b.txq->qdisc->packets, 6);
	CHECK_EQ(b.txq->stats.packets, 10);
	CHECK(!b.txq->stopped);
	lab_destroy(b.lab);
}

TEST(pfifo_keeps_order_and_refuses_beyond_its_limit)
{
	struct bench b;

	bench_make(&b, 2);
	use_qdisc(&b, "pfifo", "limit 3");
	lab_dev_stall(b.dev, true);
	for (char c = 'a'; c <= 'h'; c++)
		send(&b, c & 1 ? 0x10 : 0x08, (u8)c);
	CHECK_EQ(b.txq->qdisc->drops, 3);
	CHECK_EQ(lab_drops(b.h, DROP_QDISC_DROP), 3);
	lab_dev_stall(b.dev, false);
	CHECK_STR(sent(&b), "abcde");
	lab_destroy(b.lab);
}

TEST(pfifo_fast_serves_interactive_then_normal_then_bulk)
{
	REQ("1122 2.4/tos");
	struct bench b;

	bench_make(&b, 1);
	lab_dev_stall(b.dev, true);
	send(&b, 0, '!'); /* fills the ring */
	send(&b, 0x08, 'E'); /* throughput: bulk */
	send(&b, 0x00, 'c');
	send(&b, 0x10, 'A'); /* low delay: interactive */
	send(&b, 0x02, 'd'); /* ECN bits do not matter */
	send(&b, 0x09, 'F');
	send(&b, 0x12, 'B');
	lab_dev_stall(b.dev, false);
	CHECK_STR(sent(&b), "!ABcdEF");
	lab_destroy(b.lab);
}

TEST(frames_that_are_not_ip_go_with_the_normal_ones)
{
	struct bench b;
	struct sk_buff *skb;

	bench_make(&b, 1);
	lab_dev_stall(b.dev, true);
	send(&b, 0, '!');
	send(&b, 0x08, 'b');
	skb = alloc_skb(b.h->cpu, SKB_HEADROOM);
	memset(skb_put(skb, 40), 'a', 40);
	skb->dev = b.dev;
	skb->protocol = ETH_P_ARP;
	FLOW(b.h->cpu, OutMovedIn);
	dev_queue_xmit(b.h->cpu, skb);
	lab_dev_stall(b.dev, false);
	CHECK_STR(sent(&b), "!ab");
	lab_destroy(b.lab);
}

TEST(closing_a_device_frees_what_was_queued)
{
	struct bench b;

	bench_make(&b, 1);
	lab_dev_stall(b.dev, true);
	for (char c = 'a'; c <= 'e'; c++)
		send(&b, 0, (u8)c);
	dev_close(b.dev);
	CHECK_EQ(lab_drops(b.h, DROP_QDISC_DROP), 4);
	CHECK_EQ(lab_drops(b.h, DROP_FULL_RING), 1);
	send(&b, 0, 'f');
	CHECK_EQ(lab_drops(b.h, DROP_DEV_READY), 1);
	CHECK_EQ(dev_open(b.dev), 0);
	lab_dev_stall(b.dev, false);
	send(&b, 0, 'g');
	CHECK_STR(sent(&b), "g");
	lab_destroy(b.lab);
}

static int create(struct bench *b, const char *id, const char *options)
{
	struct qdisc_error e;
	struct qdisc *q;
	int err = 0;

	q = qdisc_create(b->h->cpu, b->txq, id, &(struct qdisc_args){ options, NULL, &e }, &err);
	if (q)
		qdisc_destroy(b->h->cpu, q);
	return err;
}

TEST(options_are_taken_whole_or_refused)
{
	struct bench b;

	bench_make(&b, 1);
	CHECK_EQ(create(&b, "pfifo", ""), 0);
	CHECK_EQ(create(&b, "pfifo", "limit 100"), 0);
	CHECK_EQ(create(&b, "pfifo", "  limit\t100  "), 0);
	CHECK_EQ(create(&b, "pfifo", "limit"), -EINVAL);
	CHECK_EQ(create(&b, "pfifo", "limit x"), -EINVAL);
	CHECK_EQ(create(&b, "pfifo", "limit 0"), -ERANGE);
	CHECK_EQ(create(&b, "pfifo", "limit 99999999999"), -ERANGE);
	CHECK_EQ(create(&b, "pfifo", "rate 10"), -EINVAL);
	CHECK_EQ(create(&b, "pfifo", "limit 10 averyveryveryverylongword"), -EINVAL);
	CHECK_EQ(create(&b, "nosuch", ""), -ENOENT);
	host_alloc_budget = 0;
	CHECK_EQ(create(&b, "pfifo", ""), -ENOMEM);
	host_alloc_budget = UINT64_MAX;
	lab_destroy(b.lab);
}

TEST(a_discipline_says_its_parameters_as_tc_does)
{
	struct bench b;
	char text[64];

	bench_make(&b, 1);
	use_qdisc(&b, "pfifo", "limit 42");
	b.txq->qdisc->ops->dump(b.txq->qdisc, text, sizeof(text));
	CHECK_STR(text, "limit 42p");
	use_qdisc(&b, "pfifo_fast", "");
	b.txq->qdisc->ops->dump(b.txq->qdisc, text, sizeof(text));
	CHECK_STR(text, "bands 3 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1");
	lab_destroy(b.lab);
}
