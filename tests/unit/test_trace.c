/* SPDX-License-Identifier: MIT
 * test_trace.c - tracepoints, followed frames, the time in each hop, and the frames kept for a crash.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "net/core/drop_count.h"
#include "net/core/filter.h"
#include "net/core/last_drop.h"
#include "net/core/tap.h"

static const u8 syn_to_80[54] = {
	[12] = 8, [14] = 0x45, [23] = 6, [26] = 10, [29] = 1, [30] = 10, [33] = 2, [34] = 0x30, [35] = 0x39, [37] = 80,
};

struct bench {
	struct lab *lab;
	struct net_cpu *cpu;
	struct net_device eth;
	struct sk_buff *skb[2];
};

static void bench_begin(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->lab = lab_create(1);
	b->cpu = lab_host(b->lab, "a")->cpu;
	b->eth.link = &eth_link_ops;
	b->eth.ifindex = 2;
	for (unsigned i = 0; i < 2; i++) {
		b->skb[i] = alloc_skb(b->cpu, 0);
		memcpy(skb_put(b->skb[i], sizeof(syn_to_80)), syn_to_80, sizeof(syn_to_80));
		b->skb[i]->dev = &b->eth;
	}
	b->skb[1]->data[37] = 81;
}

static void bench_end(struct bench *b)
{
	for (unsigned i = 0; i < 2; i++)
		if (b->skb[i])
			consume_skb(b->cpu, b->skb[i]);
	lab_destroy(b->lab);
}

static void filter(const char *text, struct bpf_insn *eth, struct bpf_insn *raw)
{
	struct filter_error e;

	REQUIRE(filter_compile(text, FILTER_ETHERNET, 1, eth, &e) > 0);
	REQUIRE(filter_compile(text, FILTER_RAW_IP, 1, raw, &e) > 0);
}

static const struct trace_record *record(struct bench *b, u64 i) { return &b->cpu->trace->ring[i % TRACE_RING]; }

TEST(off_nothing_is_written_and_nobody_watches)
{
	struct bench b;

	bench_begin(&b);
	CHECK_EQ(b.cpu->watch, 0);
	trace(b.cpu, TRACE_RECEIVE, b.skb[0]);
	CHECK(b.cpu->trace == NULL);
	bench_end(&b);
}

TEST(an_event_has_its_time_its_frame_and_its_flow)
{
	struct bench b;

	bench_begin(&b);
	REQUIRE(!trace_start(b.cpu->net, TRACE_ALL, NULL, NULL, 0));
	host_clock = 5000;
	tap_run(b.cpu, b.skb[0], TAP_IN);
	host_clock = 5300;
	kfree_skb_reason(b.cpu, b.skb[0], DROP_TCP_CSUM);
	b.skb[0] = NULL;
	CHECK_EQ(b.cpu->trace->head, 2);
	CHECK_EQ(record(&b, 0)->event, TRACE_RECEIVE);
	CHECK_EQ(record(&b, 0)->time_ns, 5000);
	CHECK_EQ(record(&b, 0)->sport, 12345);
	CHECK_EQ(record(&b, 0)->dport, 80);
	CHECK_EQ(record(&b, 1)->event, TRACE_DROP);
	CHECK_EQ(record(&b, 1)->reason, DROP_TCP_CSUM);
	CHECK_EQ(b.cpu->trace->hops[TRACE_RECEIVE][8], 1); /* 300 ns: 2^8 and more */
	trace_stop(b.cpu->net);
	CHECK_EQ(b.cpu->watch, 0);
	bench_end(&b);
}

/* A room of the path, played: it says why, and so where. */
static enum drop_reason refuse(unsigned *line)
{
	*line = __LINE__ + 1;
	return DROP(TCP_CSUM);
}

TEST(a_dead_frame_is_counted_kept_and_traced_with_the_function_and_line_that_said_so)
{
	char want[DROP_WHERE_MAX], where[DROP_WHERE_MAX];
	enum drop_reason verdict;
	struct bench b;
	unsigned line;

	bench_begin(&b);
	REQUIRE(!trace_start(b.cpu->net, TRACE_ALL, NULL, NULL, 0));
	REQUIRE(!last_drop_set(b.cpu, true));
	verdict = refuse(&line);
	snprintf(want, sizeof(want), "refuse:%u", line);
	kfree_skb_reason(b.cpu, b.skb[0], verdict);
	kfree_skb_reason(b.cpu, b.skb[1], refuse(&line));
	b.skb[0] = b.skb[1] = NULL;
	CHECK_EQ(drop_why(verdict), DROP_TCP_CSUM);
	CHECK_EQ(b.cpu->drops[DROP_TCP_CSUM], 2);
	CHECK_EQ(drop_count_sum(b.cpu->net, (u32)verdict), 2);
	CHECK_EQ(drop_count_sum(b.cpu->net, (u32)verdict + 1), 0); /* another reason there */
	CHECK_STR(drop_where(drop_place(verdict), where), want);
	CHECK_STR(drop_where(b.cpu->last_drops[DROP_TCP_CSUM].place, where), want);
	CHECK_STR(drop_where(record(&b, 0)->place, where), want);
	CHECK_EQ(record(&b, 0)->reason, DROP_TCP_CSUM);
	CHECK_STR(drop_where(0, where), "");
	REQUIRE(!last_drop_set(b.cpu, false));
	trace_stop(b.cpu->net);
	bench_end(&b);
}

TEST(places_beyond_the_table_are_counted_by_their_reason_alone)
{
	struct bench b;
	u64 placed = 0;

	bench_begin(&b);
	for (u32 place = 1; place <= DROP_COUNTS + 10; place++)
		skb_buf_drop(b.cpu, skb_buf_alloc(b.cpu), (enum drop_reason)(place << 8 | DROP_NOMEM));
	for (u32 place = 1; place <= DROP_COUNTS + 10; place++)
		placed += drop_count_sum(b.cpu->net, place << 8 | DROP_NOMEM);
	CHECK_EQ(b.cpu->drops[DROP_NOMEM], DROP_COUNTS + 10);
	CHECK_EQ(placed, DROP_COUNTS);
	bench_end(&b);
}

/* Another mark of function and file is had by another name of the function. */
TEST(each_place_that_drops_has_a_mark_of_its_own)
{
	unsigned nr;
	const struct drop_site *s = drop_site_table(&nr);

	CHECK(nr > 200);
	for (unsigned i = 0; i < nr; i++)
		for (unsigned k = 0; k < i; k++)
			if (s[i].place == s[k].place)
				CHECK_STR(s[i].func, s[k].func);
}

TEST(with_a_filter_only_its_frames_are_followed_and_only_so_many)
{
	struct bpf_insn eth[BPF_MAX_INSNS], raw[BPF_MAX_INSNS];
	struct bench b;

	bench_begin(&b);
	filter("tcp dst port 80", eth, raw);
	REQUIRE(!trace_start(b.cpu->net, TRACE_ALL, eth, raw, 1));
	for (unsigned i = 0; i < 2; i++) {
		tap_run(b.cpu, b.skb[i], TAP_IN);
		trace(b.cpu, TRACE_DELIVER, b.skb[i]);
	}
	CHECK_EQ(b.cpu->trace->head, 2);
	CHECK(record(&b, 1)->skb == b.skb[0]);
	consume_skb(b.cpu, b.skb[0]);
	b.skb[0] = NULL;
	CHECK_EQ(b.cpu->trace->head, 3);
	b.skb[1]->data[37] = 80;
	tap_run(b.cpu, b.skb[1], TAP_IN); /* would be the second */
	CHECK_EQ(b.cpu->trace->head, 3);
	bench_end(&b);
}

TEST(events_that_were_not_asked_for_are_not_recorded_but_timed)
{
	struct bench b;

	bench_begin(&b);
	REQUIRE(!trace_start(b.cpu->net, 1u << TRACE_DELIVER, NULL, NULL, 0));
	tap_run(b.cpu, b.skb[0], TAP_IN);
	trace(b.cpu, TRACE_DELIVER, b.skb[0]);
	CHECK_EQ(b.cpu->trace->head, 1);
	CHECK_EQ(b.cpu->trace->hops[TRACE_RECEIVE][0], 1);
	bench_end(&b);
}

TEST(the_last_frames_are_kept_with_the_reason_of_their_death)
{
	struct frame_ring *r;
	struct bench b;

	bench_begin(&b);
	r = b.cpu->frames;
	CHECK_EQ(net_sysctl_set(b.cpu->net, "net.core.frame_ring", "513"), -ERANGE);
	CHECK_EQ(net_sysctl_set(b.cpu->net, "net.core.frame_ring", "4"), 0);
	for (unsigned i = 0; i < 9; i++)
		tap_run(b.cpu, b.skb[i % 2], i % 2 ? TAP_OUT : TAP_IN);
	CHECK_EQ(r->head, 9);
	CHECK_EQ(r->size, 4);
	CHECK_EQ(r->slot[0].out, 0);
	CHECK_EQ(r->slot[0].caplen, sizeof(syn_to_80));
	CHECK_MEM(r->slot[0].data, b.skb[0]->data, sizeof(syn_to_80));
	kfree_skb_reason(b.cpu, b.skb[0], DROP_NO_SOCKET);
	b.skb[0] = NULL;
	CHECK_EQ(r->slot[0].reason, DROP_NO_SOCKET);
	CHECK_EQ(net_sysctl_set(b.cpu->net, "net.core.frame_ring", "0"), 0);
	CHECK_EQ(b.cpu->watch, 0);
	bench_end(&b);
}
