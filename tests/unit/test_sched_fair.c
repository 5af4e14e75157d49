/* SPDX-License-Identifier: MIT
 * test_sched_fair.c - prio, fq and fq_codel in virtual time: who goes first, who gets how much, how long a frame stays.
 */
#include "unit/schedkit.h"
#include "lib/printf.h"

static struct out out[20000];

TEST(prio_serves_the_lowest_band_that_has_something)
{
	static const u8 tos[] = { 0x08, 0x00, 0x10, 0x08, 0x00, 0x10 };
	static const u32 order[] = { 2, 5, 1, 4, 0, 3 };
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "prio", ""));
	lab_dev_stall(k.dev, true);
	for (unsigned i = 0; i < 256; i++) /* fills the ring */
		kit_send(&k, 1, 100);
	for (unsigned i = 0; i < 6; i++)
		kit_send_at(&k, 1, 100, tos[i], 0);
	lab_dev_stall(k.dev, false);
	CHECK_EQ(kit_run(&k, NSEC_PER_MSEC, out, 1000), 262);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(out[256 + i].m.number, 256 + order[i]);
	lab_destroy(k.lab);
}

/* ---------------------------------------------------------------- fq */

/* Bytes of each flow among the first n frames that came out. */
static void bytes_by_flow(unsigned n, u64 *bytes, unsigned flows)
{
	memset(bytes, 0, flows * sizeof(*bytes));
	for (unsigned i = 0; i < n; i++)
		if (out[i].m.flow < flows)
			bytes[out[i].m.flow] += out[i].len;
}

TEST(fq_gives_each_flow_the_same_bytes_whatever_its_frames)
{
	static const char *const kinds[] = { "fq", "fq_codel" };

	for (unsigned kind = 0; kind < ARRAY_SIZE(kinds); kind++) {
		char options[96];
		struct kit k;
		u64 bytes[3];
		unsigned n;

		kit_make(&k, kind);
		snprintf(options, sizeof(options), "rate 10mbit burst 2k limit 1m / %s %s", kinds[kind],
			 kind ? "target 10s" : "initial_quantum 3028");
		REQUIRE(!kit_use(&k, "tbf", options));
		for (unsigned i = 0; i < 90; i++) {
			kit_send(&k, 0, 1500);
			kit_send(&k, 1, 500);
			kit_send(&k, 1, 500);
			kit_send(&k, 2, 1000);
		}
		n = kit_run(&k, 80 * NSEC_PER_MSEC, out, ARRAY_SIZE(out));
		bytes_by_flow(n, bytes, 3);
		CHECK(kit_near(bytes[1], bytes[0], 120));
		CHECK(kit_near(bytes[2], bytes[0], 120));
		lab_destroy(k.lab);
	}
}

TEST(fq_sends_no_skb_before_its_time)
{
	struct kit k;
	unsigned n;
	u64 start;

	kit_make(&k, 1);
	start = lab_now(k.lab);
	REQUIRE(!kit_use(&k, "fq", ""));
	for (unsigned i = 0; i < 50; i++)
		kit_send_at(&k, 1, 500, 0, start + i * NSEC_PER_MSEC);
	kit_send(&k, 2, 500); /* another flow does not wait */
	n = kit_run(&k, 100 * NSEC_PER_MSEC, out, 100);
	CHECK_EQ(n, 51);
	for (unsigned i = 0; i < n; i++) {
		u64 due = out[i].m.flow == 2 ? start : start + out[i].m.number * NSEC_PER_MSEC;

		CHECK(out[i].at_ns >= due && out[i].at_ns <= due + 2 * TIMER_GRANULE_NS);
	}
	lab_destroy(k.lab);
}

TEST(fq_sorts_a_flow_by_departure_and_an_earlier_one_wakes_it)
{
	struct kit k;
	u64 start;

	kit_make(&k, 1);
	start = lab_now(k.lab);
	REQUIRE(!kit_use(&k, "fq", ""));
	kit_send_at(&k, 1, 500, 0, start + 30 * NSEC_PER_MSEC);
	kit_send_at(&k, 1, 500, 0, start + 10 * NSEC_PER_MSEC);
	kit_send_at(&k, 1, 500, 0, start + 20 * NSEC_PER_MSEC);
	CHECK_EQ(kit_run(&k, 15 * NSEC_PER_MSEC, out, 10), 1);
	CHECK_EQ(out[0].m.number, 1);
	CHECK_EQ(kit_run(&k, 50 * NSEC_PER_MSEC, out, 10), 2);
	CHECK_EQ(out[0].m.number, 2);
	lab_destroy(k.lab);
}

TEST(fq_holds_a_flow_to_maxrate)
{
	struct kit k;
	unsigned n;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "fq", "maxrate 8mbit flow_limit 2000"));
	for (unsigned i = 0; i < 1000; i++) /* a millisecond each */
		kit_send(&k, 1, 1000);
	n = kit_run(&k, 500 * NSEC_PER_MSEC, out, 2000);
	CHECK(kit_near(n, 500, 20));
	lab_destroy(k.lab);
}

TEST(fq_bounds_a_flow_the_queue_and_the_future)
{
	struct kit k;
	u64 far;

	kit_make(&k, 1);
	far = lab_now(k.lab) + 5 * NSEC_PER_SEC;
	REQUIRE(!kit_use(&k, "fq", "limit 30 flow_limit 20 horizon 10s buckets 1"));
	for (unsigned i = 0; i < 25; i++)
		kit_send_at(&k, 1, 100, 0, far);
	CHECK_EQ(k.txq->qdisc->qlen, 20);
	for (unsigned i = 0; i < 25; i++)
		kit_send_at(&k, 2, 100, 0, far);
	CHECK_EQ(k.txq->qdisc->qlen, 30);
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 20);
	lab_run(k.lab, 6 * NSEC_PER_SEC);
	CHECK_EQ(k.txq->qdisc->qlen, 0);
	kit_send_at(&k, 1, 100, 0, lab_now(k.lab) + 11 * NSEC_PER_SEC);
	CHECK_EQ(lab_drops(k.h, DROP_QDISC_DROP), 21);
	REQUIRE(!kit_use(&k, "fq", "horizon 10ms horizon_cap"));
	kit_send_at(&k, 1, 100, 0, lab_now(k.lab) + NSEC_PER_SEC);
	CHECK_EQ(k.txq->qdisc->qlen, 1);
	lab_run(k.lab, 11 * NSEC_PER_MSEC);
	CHECK_EQ(k.txq->qdisc->qlen, 0);
	lab_destroy(k.lab);
}

TEST(fq_serves_more_flows_than_it_has)
{
	struct kit k;
	unsigned n = 0;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "fq", "buckets 4"));
	for (unsigned i = 0; i < 1000; i++) {
		kit_send_at(&k, i, 100, 0, lab_now(k.lab) + (i % 5) * NSEC_PER_MSEC);
		n += kit_run(&k, 100 * NSEC_PER_USEC, out + n, ARRAY_SIZE(out) - n);
	}
	n += kit_run(&k, NSEC_PER_SEC, out + n, ARRAY_SIZE(out) - n);
	CHECK_EQ(n + lab_drops(k.h, DROP_QDISC_DROP), 1000);
	CHECK(n > 900);
	lab_destroy(k.lab);
}

/* ---------------------------------------------------------------- fq_codel */

#define RATE_OPTIONS "rate 10mbit burst 2k limit 10m / "

struct response { /* of a sender that halves at a loss, as TCP does */
	u64 worst_bulk, sum_bulk, worst_ping;
	unsigned bulk, pings, marks, drops;
};

/* A bulk flow with a window (halved once a round trip when something was lost or marked, else one frame more), and a ping each
 * 10 ms, through a 10 Mbit/s link for so long; what is measured after the first two seconds. */
static struct response bulk_and_ping(struct kit *k, const char *inner, u8 tos, unsigned seconds)
{
	u64 start = lab_now(k->lab), next_ping = start, calm_until = 0;
	u64 window = 100, in_flight = 0, grow = 0, lost_before = 0;
	struct response r = { 0 };
	char options[128];

	snprintf(options, sizeof(options), RATE_OPTIONS "%s", inner);
	if (!CHECK_EQ(kit_use(k, "tbf", options), 0))
		test_note("%s", k->e.text);
	while (lab_now(k->lab) < start + seconds * NSEC_PER_SEC) {
		u64 now = lab_now(k->lab), lost = lab_drops(k->h, DROP_QDISC_DROP);
		bool bad = lost > lost_before;
		unsigned n;

		in_flight -= lost - lost_before;
		lost_before = lost;
		for (; in_flight < window; in_flight++)
			kit_send_at(k, 1, 1514, tos, 0);
		if (now >= next_ping) {
			kit_send(k, 2, 100);
			next_ping += 10 * NSEC_PER_MSEC;
		}
		n = kit_run(k, NSEC_PER_MSEC, out, 1000);
		for (unsigned i = 0; i < n; i++) {
			u64 stay = out[i].at_ns - out[i].m.born_ns;
			bool counts = now > start + 2 * NSEC_PER_SEC, bulk = out[i].m.flow == 1;

			in_flight -= bulk;
			bad |= bulk && (out[i].tos & 3) == 3;
			r.marks += (out[i].tos & 3) == 3;
			if (bulk && ++grow >= window) {
				grow = 0;
				window++;
			}
			if (counts && bulk) {
				r.worst_bulk = MAX(r.worst_bulk, stay);
				r.sum_bulk += stay;
				r.bulk++;
			} else if (counts) {
				r.worst_ping = MAX(r.worst_ping, stay);
				r.pings++;
			}
			CHECK(out[i].whole);
		}
		if (bad && now > calm_until) {
			window = MAX(window / 2, 4ull);
			calm_until = now + 50 * NSEC_PER_MSEC;
		}
	}
	r.drops = (unsigned)lost_before;
	return r;
}

TEST(fq_codel_keeps_ping_low_and_the_bulk_flow_near_the_target)
{
	struct response fifo, codel;
	struct kit k;

	kit_make(&k, 1);
	fifo = bulk_and_ping(&k, "pfifo limit 1000", 0, 12);
	lab_destroy(k.lab);
	kit_make(&k, 1);
	codel = bulk_and_ping(&k, "fq_codel", 0, 12);
	lab_destroy(k.lab);
	test_note("pfifo: bulk stays %llu us, worst ping %llu us; fq_codel: %llu us, %llu us, %u drops",
		  (unsigned long long)(fifo.sum_bulk / fifo.bulk / 1000), (unsigned long long)fifo.worst_ping / 1000,
		  (unsigned long long)(codel.sum_bulk / codel.bulk / 1000), (unsigned long long)codel.worst_ping / 1000,
		  codel.drops);
	CHECK(fifo.worst_ping > 100 * NSEC_PER_MSEC);
	CHECK(codel.worst_ping < 5 * NSEC_PER_MSEC);
	CHECK(codel.sum_bulk / codel.bulk < 15 * NSEC_PER_MSEC);
	CHECK(codel.bulk > fifo.bulk * 9 / 10); /* the link stays busy */
	CHECK(codel.drops > 0);
}

TEST(fq_codel_marks_what_can_be_marked_and_drops_nothing_then)
{
	struct response r;
	struct kit k;

	kit_make(&k, 1);
	r = bulk_and_ping(&k, "fq_codel", 2, 8); /* ECT(0) */
	CHECK(r.marks > 0);
	CHECK_EQ(r.drops, 0);
	CHECK(r.sum_bulk / r.bulk < 15 * NSEC_PER_MSEC);
	lab_destroy(k.lab);
	kit_make(&k, 1);
	r = bulk_and_ping(&k, "fq_codel noecn", 2, 8);
	CHECK_EQ(r.marks, 0);
	CHECK(r.drops > 0);
	lab_destroy(k.lab);
}

/* RFC 8289 5.5: the gap of the n-th drop is interval / sqrt(n). */
TEST(codel_drops_more_and_more_often_while_nobody_answers)
{
	u64 at[64], before = 0;
	unsigned n = 0;
	struct kit k;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "tbf", RATE_OPTIONS "fq_codel noecn"));
	while (n < 30 && lab_now(k.lab) < 20 * NSEC_PER_SEC) {
		while (k.txq->qdisc->qlen < 200)
			kit_send(&k, 1, 1514);
		kit_run(&k, NSEC_PER_MSEC, out, 1000);
		for (; before < lab_drops(k.h, DROP_QDISC_DROP) && n < 30; before++)
			at[n++] = lab_now(k.lab);
	}
	REQUIRE(n == 30);
	CHECK(kit_near(at[1] - at[0], 100 * NSEC_PER_MSEC, 40));
	CHECK(kit_near(at[4] - at[3], 50 * NSEC_PER_MSEC, 60));
	CHECK(kit_near(at[25] - at[24], 20 * NSEC_PER_MSEC, 130));
	lab_destroy(k.lab);
}

TEST(fq_codel_over_its_limit_takes_from_the_longest_queue)
{
	u64 bytes[3];
	struct kit k;
	unsigned n;

	kit_make(&k, 1);
	REQUIRE(!kit_use(&k, "tbf", RATE_OPTIONS "fq_codel limit 100 drop_batch 1 target 10s"));
	for (unsigned i = 0; i < 10; i++)
		kit_send(&k, 2, 500);
	for (unsigned i = 0; i < 300; i++)
		kit_send(&k, 1, 1000);
	CHECK(k.txq->qdisc->qlen <= 101);
	n = kit_run(&k, NSEC_PER_SEC, out, 1000);
	bytes_by_flow(n, bytes, 3);
	CHECK_EQ(bytes[2], 5000); /* the other flow lost nothing */
	CHECK_EQ(n + lab_drops(k.h, DROP_QDISC_DROP), 310);
	REQUIRE(!kit_use(&k, "tbf", RATE_OPTIONS "fq_codel memory_limit 64k"));
	for (unsigned i = 0; i < 300; i++)
		kit_send(&k, 1, 1000);
	CHECK(k.txq->qdisc->qlen < 30);
	lab_destroy(k.lab);
}
