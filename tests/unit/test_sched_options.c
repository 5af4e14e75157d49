/* SPDX-License-Identifier: MIT
 * test_sched_options.c - words of options, what is said about wrong ones, the exchange of disciplines under load, classes.
 */
#include "unit/schedkit.h"
#include "net/sched/config.h"

static struct out out[4096];

TEST(parameters_are_printed_as_tc_prints_them)
{
	static const char *const cases[][3] = {
		{ "pfifo", "limit 100p", "limit 100p" },
		{ "bfifo", "limit 15k", "limit 15Kb" },
		{ "bfifo", "", "limit 1514000b" },
		{ "prio", "", "bands 3 priomap  1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1" },
		{ "prio", "bands 4 priomap 3 3", "bands 4 priomap  3 3 2 2 1 2 0 0 1 1 1 1 1 1 1 1" },
		{ "tbf", "rate 10mbit burst 15k latency 50ms", "rate 10Mbit burst 15Kb lat 50ms" },
		{ "tbf", "rate 1.5mbit buffer 1540 limit 1mb", "rate 1500Kbit burst 1540b limit 1Mb" },
		{ "tbf", "rate 125kbps burst 2kb latency 1.5s", "rate 1Mbit burst 2Kb lat 1.5s" },
		{ "netem", "delay 100ms 10ms 25% distribution normal seed 3",
		  "limit 1000 delay 100ms  10ms 25% distribution normal seed 3" },
		{ "netem", "loss 0.5% 25% duplicate 1% corrupt 0.1% rate 10mbit seed 4",
		  "limit 1000 loss 0.5% 25% duplicate 1% corrupt 0.1% rate 10Mbit seed 4" },
		{ "netem", "loss gemodel 1% 20% 75% 0.1% seed 5",
		  "limit 1000 loss gemodel p 1% r 20% 1-h 75% 1-k 0.1% seed 5" },
		{ "netem", "delay 10ms reorder 25% 50% gap 5 limit 10 seed 6",
		  "limit 10 delay 10ms reorder 25% 50% seed 6 gap 5" },
		{ "fq", "", "limit 10000p flow_limit 100p buckets 1024 quantum 3028b initial_quantum 15140b "
			    "refill_delay 40ms horizon 10s horizon_drop" },
		{ "fq", "maxrate 2mbit horizon 2s horizon_cap nopacing buckets 16",
		  "limit 10000p flow_limit 100p buckets 16 nopacing quantum 3028b initial_quantum 15140b maxrate 2Mbit "
		  "refill_delay 40ms horizon 2s horizon_cap" },
		{ "fq_codel", "memory_limit 4mb",
		  "limit 10240p flows 1024 quantum 1514 target 5ms interval 100ms memory_limit 4Mb ecn drop_batch 64" },
		{ "fq_codel", "limit 100 flows 8 target 800us interval 0.5s quantum 300 noecn memory_limit 64k",
		  "limit 100p flows 8 quantum 300 target 800us interval 500ms memory_limit 64Kb drop_batch 64" },
	};
	char text[400];
	struct kit k;

	kit_make(&k, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!CHECK_EQ(kit_use(&k, cases[i][0], cases[i][1]), 0))
			test_note("%s", k.e.text);
		CHECK_STR(kit_dump(&k, text, sizeof(text)), cases[i][2]);
	}
	lab_destroy(k.lab);
}

TEST(a_wrong_word_is_named_with_what_is_allowed_and_the_old_discipline_stays)
{
	static const struct {
		const char *id, *options, *text;
	} cases[] = {
		{ "nosuch", "", "there is no discipline 'nosuch'; there are pfifo_fast pfifo bfifo" },
		{ "pfifo", "limt 3", "pfifo: 'limt' is not understood; allowed: [limit PACKETS]" },
		{ "pfifo", "limit", "pfifo: limit needs a number of packets" },
		{ "pfifo", "limit 0", "pfifo: limit '0' is out of range, 1 to 1000000 are allowed" },
		{ "pfifo", "limit 1.5", "'1.5' is not a number of packets" },
		{ "pfifo", "limit 99999999999999999999999", "is out of range" },
		{ "pfifo", "limit 10 averyverylongwordthatnobodyhaseverheardofinhislife", "is not understood" },
		{ "pfifo", "limit 3 / pfifo", "pfifo has no classes" },
		{ "pfifo_fast", "limit 3", "'limit' is not understood; allowed: nothing" },
		{ "prio", "bands 17", "'17' is out of range, 2 to 16" },
		{ "prio", "bands 2", "priomap names band 2, there are 0 to 1" },
		{ "prio", "/ nosuch", "there is no discipline 'nosuch'" },
		{ "tbf", "", "tbf: rate is needed" },
		{ "tbf", "rate 1mbit", "tbf: burst is needed" },
		{ "tbf", "rate 1mbit burst 15k", "one of latency and limit is needed" },
		{ "tbf", "rate 1mbit burst 15k latency 5ms limit 3k", "one of latency and limit is needed" },
		{ "tbf", "rate 1mbit burst 1000b latency 5ms", "burst 1000b is less than a frame, which has up to 1514b" },
		{ "tbf", "rate 10mb burst 15k latency 5ms", "tbf: rate '10mb' is not a rate, as 10mbit" },
		{ "tbf", "rate -1 burst 15k latency 5ms", "rate '-1' is not a rate" },
		{ "tbf", "rate 1mbit burst 15k latency 5ms / tbf rate x", "tbf: rate 'x' is not a rate" },
		{ "netem", "delay 10 parsecs", "'parsecs' is not understood" },
		{ "netem", "delay 10parsecs", "delay '10parsecs' is not a time" },
		{ "netem", "loss 101%", "loss '101%' is out of range, 0% to 100% are allowed" },
		{ "netem", "loss sometimes", "loss 'sometimes' is not a percentage, random or gemodel" },
		{ "netem", "loss gemodel", "loss gemodel needs a percentage" },
		{ "netem", "reorder 5%", "reorder needs a delay" },
		{ "netem", "delay 5ms distribution normal", "a distribution needs a jitter" },
		{ "netem", "delay 5ms 1ms distribution gauss", "'gauss' is none of uniform|normal|pareto" },
		{ "fq", "horizon_drop maybe", "fq: 'maybe' is not understood" },
		{ "fq_codel", "flows 65537", "is out of range" },
		{ "fq_codel", "target", "target needs a time, as 50ms" },
	};
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "pfifo", "limit 77"));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!CHECK(kit_use(&k, cases[i].id, cases[i].options) < 0) ||
		    !CHECK(strstr(k.e.text, cases[i].text) != NULL))
			test_note("%s %s: %s", cases[i].id, cases[i].options, k.e.text);
		CHECK_EQ(k.txq->qdisc->limit, 77);
	}
	lab_destroy(k.lab);
}

TEST(without_memory_the_old_discipline_stays)
{
	static const char *const kinds[] = { "pfifo", "prio", "tbf rate 1mbit burst 15k latency 5ms",
					     "netem delay 5ms 1ms distribution normal", "fq", "fq_codel" };
	char kind[64], *options;
	struct kit k;

	kit_make(&k, 1);
	for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++) {
		str_copy(kind, kinds[i], sizeof(kind));
		options = strchr(kind, ' ');
		if (options)
			*options++ = 0;
		for (host_alloc_budget = 0; host_alloc_budget < 20;) {
			u64 budget = host_alloc_budget;
			int err = kit_use(&k, kind, options ?: "");

			host_alloc_budget = budget + 1;
			if (!err)
				break;
			CHECK_EQ(err, -ENOMEM);
		}
		host_alloc_budget = UINT64_MAX;
		CHECK_STR(k.txq->qdisc->ops->id, kind);
	}
	lab_destroy(k.lab);
}

TEST(an_exchange_under_load_loses_nothing)
{
	static const char *const chain[][2] = {
		{ "tbf", "rate 1mbit burst 2k limit 1m" }, { "fq_codel", "limit 5" }, { "netem", "delay 20ms 5ms limit 3" },
		{ "prio", "" }, { "fq", "limit 2 flow_limit 1" }, { "bfifo", "limit 100b" }, { "pfifo_fast", "" },
		{ "tbf", "rate 2mbit burst 2k limit 2k / fq_codel limit 3" }, { "fq", "maxrate 1mbit" }, { "pfifo", "limit 1" },
	};
	bool seen[1024] = { false };
	struct kit k;
	unsigned n;

	kit_make(&k, 3);
	REQUIRE(!kit_use(&k, "pfifo", "limit 1000"));
	lab_dev_stall(k.dev, true);
	for (unsigned i = 0; i < 256 + 300; i++) /* the ring takes the first */
		kit_send(&k, i % 7, 200);
	CHECK_EQ(k.txq->qdisc->qlen, 300);
	for (unsigned i = 0; i < ARRAY_SIZE(chain); i++) {
		if (!CHECK_EQ(kit_use(&k, chain[i][0], chain[i][1]), 0))
			test_note("%s", k.e.text);
		CHECK_EQ(k.txq->qdisc->qlen, 300);
		CHECK_EQ(k.txq->qdisc->backlog_bytes, 300 * 200);
	}
	lab_dev_stall(k.dev, false);
	n = kit_run(&k, NSEC_PER_SEC, out, ARRAY_SIZE(out));
	CHECK_EQ(n, 556);
	for (unsigned i = 0; i < n; i++)
		seen[out[i].m.number] = true;
	for (unsigned i = 0; i < n; i++)
		CHECK(seen[i]);
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 0);
	lab_destroy(k.lab);
}

TEST(an_exchange_while_frames_flow_loses_nothing)
{
	static const char *const chain[][2] = {
		{ "tbf", "rate 20mbit burst 3k limit 1m" }, { "fq_codel", "" }, { "netem", "delay 2ms" }, { "prio", "" },
		{ "fq", "" }, { "pfifo_fast", "" },
	};
	struct kit k;
	unsigned n = 0;

	kit_make(&k, 4);
	for (unsigned i = 0; i < 3000; i++) {
		kit_send(&k, i % 11, 300);
		if (i % 50 == 0)
			REQUIRE(!kit_use(&k, chain[i / 50 % 6][0], chain[i / 50 % 6][1]));
		n += kit_run(&k, 100 * NSEC_PER_USEC, out + n, ARRAY_SIZE(out) - n);
	}
	n += kit_run(&k, NSEC_PER_SEC, out + n, ARRAY_SIZE(out) - n);
	CHECK_EQ(n, 3000);
	lab_destroy(k.lab);
}

TEST(change_keeps_what_is_not_named_and_refuses_another_kind)
{
	struct qdisc_request rq = { .id = "tbf", .options = "rate 2mbit", .change = true };
	char text[400];
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "tbf", "rate 1mbit burst 2k latency 50ms"));
	CHECK_EQ(kit_request(&k, &rq), 0);
	CHECK_STR(kit_dump(&k, text, sizeof(text)), "rate 2Mbit burst 2Kb lat 50ms");
	rq.options = "limit 30k";
	CHECK_EQ(kit_request(&k, &rq), 0);
	CHECK_STR(kit_dump(&k, text, sizeof(text)), "rate 2Mbit burst 2Kb limit 30Kb");
	rq = (struct qdisc_request){ .id = "fq", .options = "", .change = true };
	CHECK_EQ(kit_request(&k, &rq), -EINVAL);
	CHECK(strstr(k.e.text, "there is tbf now, not fq") != NULL);
	lab_destroy(k.lab);
}

TEST(a_class_gets_a_discipline_of_its_own_and_what_waited_there)
{
	struct qdisc_request rq = { .id = "fq_codel", .options = "target 1s", .parent = 0x10, .minor = 1 };
	struct kit k;
	unsigned n;

	kit_make(&k, 1);
	REQUIRE(!kit_request(&k, &(struct qdisc_request){ .id = "tbf", .handle = 0x10,
							  .options = "rate 1mbit burst 2k limit 100k" }));
	for (unsigned i = 0; i < 20; i++)
		kit_send(&k, 1, 1000);
	CHECK_EQ(k.txq->qdisc->qlen, 18);
	CHECK_EQ(kit_request(&k, &rq), 0);
	CHECK_EQ(k.txq->qdisc->qlen, 18);
	CHECK_STR((*k.txq->qdisc->ops->leaf(k.txq->qdisc, 1))->ops->id, "fq_codel");
	rq.parent = 0x11;
	CHECK_EQ(kit_request(&k, &rq), -EINVAL);
	CHECK_STR(k.e.text, "eth0 has no discipline 11:");
	rq.parent = 0x10;
	rq.minor = 2;
	CHECK_EQ(kit_request(&k, &rq), -EINVAL);
	CHECK_STR(k.e.text, "tbf 10: has no class 10:2");
	n = kit_run(&k, NSEC_PER_SEC, out, 100);
	CHECK_EQ(n, 20);
	CHECK_EQ(k.txq->qdisc->qlen, 0);
	CHECK_EQ(k.txq->qdisc->backlog_bytes, 0);
	lab_destroy(k.lab);
}

TEST(the_command_line_chooses_and_a_wrong_word_changes_nothing)
{
	char text[400];
	struct kit k;

	kit_make(&k, 1);
	qdisc_configure(k.h->net, "ip=dhcp qdisc=eth0:tbf,rate=10mbit,burst=15k,latency=50ms/fq_codel,target=8ms,memory_limit=1m x");
	CHECK_STR(kit_dump(&k, text, sizeof(text)), "rate 10Mbit burst 15Kb lat 50ms");
	CHECK_STR((*k.txq->qdisc->ops->leaf(k.txq->qdisc, 1))->ops->id, "fq_codel");
	qdisc_configure(k.h->net, "qdisc=netem,delay=20ms,4ms,distribution=normal,loss=gemodel,1%,20%,seed=1");
	CHECK_STR(kit_dump(&k, text, sizeof(text)),
		  "limit 1000 delay 20ms  4ms distribution normal loss gemodel p 1% r 20% 1-h 100% 1-k 0% seed 1");
	qdisc_configure(k.h->net, "qdisc=eth0:tbf,rate=fast qdisc=eth7:fq qdisc= qdisc=: qdisc=/ qdisc=eth0:");
	CHECK_STR(k.txq->qdisc->ops->id, "netem");
	lab_destroy(k.lab);
}

TEST(the_default_discipline_is_a_tunable)
{
	char value[32];
	struct kit k;

	kit_make(&k, 1);
	CHECK_EQ(net_sysctl_set(k.h->net, "net.core.default_qdisc", "nosuch"), -EINVAL);
	CHECK_EQ(net_sysctl_set(k.h->net, "net.core.default_qdisc", "fq_codel"), 0);
	net_sysctl_get(k.h->net, "net.core.default_qdisc", value, sizeof(value));
	CHECK_STR(value, "fq_codel");
	dev_close(k.dev);
	CHECK_EQ(dev_open(k.dev), 0);
	CHECK_STR(k.txq->qdisc->ops->id, "fq_codel");
	lab_destroy(k.lab);
}

TEST(queues_of_other_cpus_change_when_they_read_their_inbox)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host_cpus(lab, "a", 2, 0);
	struct net_device *dev = lab_dev_with(h, LAB_ETHER, NETIF_F_SG, 256);
	struct qdisc_error e;

	dev_close(dev);
	dev->nr_txq = dev->nr_channels = 2;
	dev->txq[1] = (struct netdev_queue){ .dev = dev, .index = 1, .cpu = 1 };
	list_init(&dev->txq[1].dirty_link);
	REQUIRE(!dev_open(dev));
	CHECK_EQ(qdisc_replace(h->cpu, dev, &(struct qdisc_request){ .id = "fq", .options = "" }, &e), 0);
	CHECK_STR(dev->txq[0].qdisc->ops->id, "fq");
	CHECK_STR(dev->txq[1].qdisc->ops->id, "pfifo_fast");
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_STR(dev->txq[1].qdisc->ops->id, "fq");
	CHECK_EQ(dev->real_num_tx_queues, 2);
	CHECK_EQ(qdisc_replace(h->cpu, dev, &(struct qdisc_request){ .id = "netem", .options = "delay 1ms" }, &e), 0);
	CHECK_EQ(dev->real_num_tx_queues, 1); /* one link, one delay */
	lab_run(lab, NSEC_PER_MSEC);
	lab_destroy(lab);
}
