/* SPDX-License-Identifier: MIT
 * test_tcp_matrix.c - every state against every combination of flags, with numbers that are right, off by one and far off:
 * nothing crashes, nothing leaks, a RST is never answered with a RST, and only what RFC 9293 allows ends a connection.
 */
#include "host/tcprig.h"

static const u8 states[] = { TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
			     TCP_CLOSING, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT };
static const s64 seqs[] = { 0, 1, -1, 1000, 64240, 10000000, -70000 };
static const s64 acks[] = { 0, 1, -1, 100000, -70000 };
static const u32 lens[] = { 0, 1, 1448 };

/* TIME_WAIT has no TCB: it is reached through FIN_WAIT_2. */
static struct rig *in_state(u8 state)
{
	struct rig *r = tcb_in(state == TCP_TIME_WAIT ? TCP_FIN_WAIT_2 : state);

	if (state == TCP_TIME_WAIT) {
		inject(r, .ack = 1, .flags = TCP_FIN);
		rig_drain(r);
	}
	return r;
}

static bool is_synchronized(u8 state)
{
	return state != TCP_LISTEN && state != TCP_SYN_SENT && state != TCP_SYN_RECEIVED && state != TCP_TIME_WAIT;
}

/* What must hold after any single segment. */
static void check_answer(struct rig *r, u8 state, const struct rig_seg *s)
{
	u32 alive = r->cpu->tcp->nr_tcbs;
	unsigned answers = 0;

	while (rig_take(r)) {
		answers++;
		if (s->flags & TCP_RST)
			CHECK(!(r->last.flags & TCP_RST));
		if (r->last.flags & TCP_RST && is_synchronized(state) && s->len == 0)
			CHECK(!"a synchronized state resets only for text that nobody will read");
	}
	CHECK(answers <= 2);
	CHECK(alive <= 3);
}

static void one_segment(u8 state, const struct rig_seg *s)
{
	struct rig *r = in_state(state);
	s64 rcv_nxt = state == TCP_CLOSING || state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK;
	bool exact_rst = s->flags & TCP_RST && s->seq - !!(s->flags & TCP_SYN) == rcv_nxt; /* the rig counts a SYN's from the ISN */

	rig_inject(r, s);
	check_answer(r, state, s);
	if (is_synchronized(state) && s->flags & TCP_RST && !exact_rst)
		CHECK_EQ(r->t->sk.state, state);
	if (is_synchronized(state) && s->flags & TCP_SYN && !(s->flags & TCP_RST))
		CHECK_EQ(r->t->sk.state, state);
	rig_run_ms(r, 300);
	rig_drain(r);
	rig_end(r);
}

TEST(one_segment_of_any_kind_in_any_state)
{
	struct test_rng rng = { 4242 };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
		for (unsigned flags = 0; flags < 256; flags++) {
			struct rig_seg s = { .flags = (u8)flags, .no_ack = !(flags & TCP_ACK),
					     .seq = seqs[rng_below(&rng, ARRAY_SIZE(seqs))],
					     .ack = acks[rng_below(&rng, ARRAY_SIZE(acks))],
					     .len = lens[rng_below(&rng, ARRAY_SIZE(lens))],
					     .wnd = rng_below(&rng, 2) ? 0 : NO_WINDOW, .urg = (u16)(rng_below(&rng, 2) * 5) };

			one_segment(states[i], &s);
		}
}

TEST(a_hail_of_segments_in_any_state)
{
	struct test_rng rng = { 777 };

	for (unsigned i = 0; i < ARRAY_SIZE(states); i++)
		for (unsigned round = 0; round < 10; round++) {
			struct rig *r = in_state(states[i]);

			for (unsigned n = 0; n < 100; n++) {
				struct rig_seg s = { .flags = (u8)rng_next(&rng) & (u8) ~(rng_below(&rng, 4) ? TCP_RST : 0),
						     .seq = seqs[rng_below(&rng, ARRAY_SIZE(seqs))] + rng_below(&rng, 3),
						     .ack = acks[rng_below(&rng, ARRAY_SIZE(acks))] + rng_below(&rng, 3),
						     .len = rng_below(&rng, 1449), .no_ts = rng_below(&rng, 4) == 0,
						     .wnd = rng_below(&rng, 65536), .nr_sacks = rng_below(&rng, 3),
						     .no_ack = rng_below(&rng, 8) == 0 };

				for (unsigned b = 0; b < s.nr_sacks; b++)
					s.sacks[b] = (struct tcp_sack_block){ seq_of((u32)rng_next(&rng) & 0xffff),
									      seq_of((u32)rng_next(&rng) & 0xffff) };
				rig_inject(r, &s);
				if (r->sk && rng_below(&rng, 4) == 0)
					rig_write(r, rng_below(&rng, 3000), 0);
				if (r->sk && rng_below(&rng, 4) == 0)
					rig_read(r, 4096);
				rig_drain(r);
			}
			rig_end(r);
		}
}
