/* SPDX-License-Identifier: MIT
 * test_tcp_oracle_opt.c - what test_tcp_oracle.c leaves out: the request that a SYN to a listener makes, SACK blocks of every
 * kind, timestamps at the edges of PAWS, MSS by window scale, options whose lengths lie, every data offset and urgent pointer.
 * What must come of each is worked out here from the RFCs, and from Linux's ways where they leave room.
 */
#include "host/tcprig.h"

#define MSS 1460
#define SEGS 10

/* ---- SYN_RECEIVED of a listener ---- */

enum { SILENT, ACKED, REFUSED, SYNACKED };
enum { STAYS, GONE, OPENED };

struct outcome {
	u8 answer, request;
};

/* RFC 9293 3.10.7.4 with RFC 5961, for a connection whose text is nobody's yet. */
static struct outcome judge_request(const struct rig_seg *s, s64 right)
{
	s64 seq = s->flags & TCP_SYN ? s->seq - 1 : s->seq;
	s64 end = seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);

	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && seq == -1)
		return (struct outcome){ SYNACKED, STAYS };
	if (end < 0 || seq > right)
		return (struct outcome){ s->flags & TCP_RST ? SILENT : ACKED, STAYS };
	if (s->flags & TCP_RST)
		return seq == 0 ? (struct outcome){ SILENT, GONE } : (struct outcome){ ACKED, STAYS };
	if (s->flags & TCP_SYN)
		return (struct outcome){ ACKED, STAYS };
	if (!(s->flags & TCP_ACK))
		return (struct outcome){ SILENT, STAYS };
	if (s->ack)
		return (struct outcome){ REFUSED, STAYS };
	return (struct outcome){ s->len || s->flags & TCP_FIN ? ACKED : SILENT, OPENED };
}

static u8 answer_now(struct rig *r)
{
	if (!lab_sent_count(r->dev))
		rig_run_ms(r, 45);
	if (!rig_take(r))
		return SILENT;
	CHECK(!lab_sent_count(r->dev));
	return r->last.flags & TCP_RST ? REFUSED : r->last.flags & TCP_SYN ? SYNACKED : ACKED;
}

static void try_request(struct rig_seg s)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	struct tcp_listener *q = tcb_of(r->listener)->listener;
	struct outcome want;
	u8 request, got;

	inject(r, .flags = TCP_SYN);
	REQUIRE(rig_take(r));
	rig_run_ms(r, 600); /* a SYN-ACK may be repeated */
	want = judge_request(&s, r->last.wnd);
	s.no_ack = !(s.flags & TCP_ACK);
	rig_inject(r, &s);
	got = answer_now(r);
	request = q->nr_requests ? STAYS : q->accept_len ? OPENED : GONE;
	if (!CHECK(got == want.answer) | !CHECK(request == want.request))
		test_note("flags %#x seq %lld ack %lld len %u: %u and %u, wanted %u and %u", s.flags, (long long)s.seq,
			  (long long)s.ack, s.len, got, request, want.answer, want.request);
	rig_end(r);
}

static const u8 flag_sets[] = { 0, TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN, TCP_FIN | TCP_ACK,
				TCP_SYN | TCP_RST, TCP_PSH | TCP_ACK | TCP_URG };

TEST(a_request_answers_every_flag_and_number_as_syn_received_does)
{
	REQ("9293 3.10.7.4/noack", "5961 3.2/exact", "5961 3.2/inside", "5961 3.2/outside", "5961 4.2");
	static const s64 seqs[] = { 0, 1, -1, 500, 65535, 65536, 1 << 30, -70000 };
	static const s64 acks[] = { 0, 1, -1, 100000, -70000 };

	for (unsigned f = 0; f < ARRAY_SIZE(flag_sets); f++)
		for (unsigned q = 0; q < ARRAY_SIZE(seqs); q++)
			for (unsigned a = 0; a < (flag_sets[f] & TCP_ACK ? ARRAY_SIZE(acks) : 1); a++)
				try_request((struct rig_seg){ .flags = flag_sets[f], .seq = seqs[q], .ack = acks[a],
							      .len = flag_sets[f] & TCP_SYN ? 0 : (q + a) % 3 * 7 });
}

TEST(a_request_that_is_shot_at_answers_twice_a_second)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_drain(r);
	for (int i = 0; i < 50; i++)
		inject(r, .seq = 1 << 30, .len = i % 2 * 10);
	CHECK_EQ(rig_drain(r), 1);
	CHECK_EQ(stat(r, TcpExtTCPACKSkippedSynRecv), 49);
	rig_run_ms(r, 600);
	inject(r, .seq = 1 << 30);
	expect(r, .ack = 0);
	rig_end(r);
}

/* ---- timestamps ---- */

/* What a SYN-ACK echoes must be of a SYN of ours (as Linux has it; RFC 7323 leaves it open), of the first or the last. */
TEST(a_syn_ack_that_echoes_what_was_never_sent_is_refused)
{
	static const struct {
		bool of_first;
		s32 later;
		bool refused;
	} echoes[] = { { false, 0, false }, { true, 0, false }, { false, 1000, true }, { true, -5000, true }, { true, -100000, true },
		       { false, 0x7fffffff, true }, { true, -0x70000000, true } };

	for (int again = 0; again < 2; again++) /* the SYN was repeated, or was not */
		for (unsigned i = 0; i < ARRAY_SIZE(echoes); i++) {
			struct rig *r = tcb_in(TCP_SYN_SENT);
			u32 first = r->opt.tsval;

			if (again) {
				rig_run_ms(r, 1100);
				CHECK(rig_take(r));
				CHECK(r->opt.tsval - first >= 1000);
			}
			r->opt.tsval = (echoes[i].of_first ? first : r->opt.tsval) + (u32)echoes[i].later;
			inject(r, .flags = TCP_SYN | TCP_ACK);
			CHECK(rig_take(r));
			if (!CHECK_EQ(r->last.flags & TCP_RST, echoes[i].refused ? TCP_RST : 0))
				test_note("again %d, echo %u", again, i);
			CHECK_EQ(r->t->sk.state, echoes[i].refused ? TCP_SYN_SENT : TCP_ESTABLISHED);
			CHECK_EQ(stat(r, TcpExtPAWSActive), echoes[i].refused);
			rig_end(r);
		}
}

/* How far a timestamp is from the last, and whether that was noted 24 days ago. */
TEST(paws_at_its_edges_in_every_synchronized_state)
{
	REQ("7323 5.3/old", "7323 5.2");
	static const u8 states[] = { TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK };
	static const s32 steps[] = { 0, 1, -1, 0x7fffffff, -0x7fffffff, -0x7fffffff - 1, 1000, -1000 };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned i = 0; i < ARRAY_SIZE(steps); i++)
			for (int idle = 0; idle < 2; idle++) {
				struct rig *r = tcb_in(states[st]);
				struct tcb *t = r->t;
				bool good = steps[i] >= 0 || idle;
				u32 tsval = t->ts_recent + (u32)steps[i];

				if (idle)
					t->ts_recent_s -= 24 * 86400;
				inject(r, .seq = seq_diff(t->rcv.nxt, t->rcv.irs) - 1, .ack = seq_diff(t->snd.una, t->snd.iss) - 1,
				       .tsval = tsval ?: 1);
				CHECK_EQ(drops(r, TCP_RFC7323_PAWS), !good);
				CHECK_EQ(rig_drain(r), !good);
				CHECK_EQ(t->sk.state, states[st]);
				if (good)
					CHECK_EQ(t->ts_recent, tsval ?: 1);
				rig_end(r);
			}
}

TEST(an_old_timestamp_does_not_end_a_handshake_or_a_time_wait)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	inject(r, .flags = TCP_SYN);
	rig_drain(r);
	inject(r, .tsval = r->ts_val - 1);
	expect(r, .ack = 0);
	CHECK_EQ(tcb_of(r->listener)->listener->nr_requests, 1);
	inject(r, .tsval = r->ts_val);
	CHECK_EQ(tcb_of(r->listener)->listener->accept_len, 1);
	rig_end(r);
	r = tcb_in(TCP_FIN_WAIT_2);
	inject(r, .ack = 1, .flags = TCP_FIN);
	rig_drain(r);
	inject(r, .seq = 1, .ack = 1, .flags = TCP_RST);
	inject(r, .seq = 0, .ack = 1, .len = 5, .tsval = 2);
	CHECK_EQ(stat(r, TcpExtPAWSEstab), 1);
	rig_end(r);
}

/* ---- options that lie, data offsets, urgent pointers ---- */

static const u8 open_states[] = { TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2 }; /* those that take text */

static struct rig *no_ts_in(u8 state)
{
	struct rig *r = rig_new();

	r->no_ts = true;
	return rig_state(r, state);
}

/* Each known kind and some unknown, each length, at the front and in the header's last byte: the text is taken all the same, for
 * what cannot be understood is no reason to lose it (MUST-7), and nothing is taken for an option that is not one. */
TEST(no_length_of_an_option_harms_the_text_behind_it)
{
	REQ("9293 MUST-6", "9293 MUST-7");
	static const u8 kinds[] = { 2, 3, 4, 5, 8, 19, 28, 30, 34, 69, 253, 254, 255 };
	static const u8 lens[] = { 0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 40, 41, 128, 255 };

	for (unsigned st = 0; st < ARRAY_SIZE(open_states); st++)
		for (unsigned k = 0; k < ARRAY_SIZE(kinds); k++)
			for (unsigned l = 0; l < ARRAY_SIZE(lens); l++)
				for (unsigned at = 0; at < 12; at += 11) {
					struct rig *r = no_ts_in(open_states[st]);
					u8 o[12] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
					u32 mss = r->t->mss, scale = r->t->snd.wscale;

					o[at] = kinds[k];
					if (at < 11)
						o[at + 1] = lens[l];
					inject(r, .len = 10, .opts = o, .opts_len = 12, .ack = r->t->snd.nxt.v - r->iss - 1);
					if (!CHECK_EQ(rig_read(r, 100), 10))
						test_note("in %s: kind %u length %u at %u", tcp_state_name(open_states[st]),
							  kinds[k], lens[l], at);
					CHECK(r->t->mss == mss && r->t->snd.wscale == scale && !r->t->ts_ok);
					CHECK_EQ(r->t->sacked_out, 0);
					rig_end(r);
				}
}

TEST(every_data_offset_is_either_impossible_or_says_where_the_text_begins)
{
	static u8 ones[60]; /* what a large offset takes from the text are end-of-list options */

	for (unsigned st = 0; st < ARRAY_SIZE(open_states); st++)
		for (u8 doff = 1; doff < 16; doff++)
			for (u32 len = 0; len <= 44; len += 22) {
				struct rig *r = no_ts_in(open_states[st]);
				u32 total = 20 + len, hdr = doff * 4u;
				bool fits = hdr >= 20 && hdr <= total;
				u32 text = fits ? total - hdr : 0;

				inject(r, .len = len, .doff = doff, .data = ones, .ack = r->t->snd.nxt.v - r->iss - 1);
				CHECK_EQ(drops(r, TCP_HDR), !fits);
				CHECK_EQ(seq_diff(r->t->rcv.nxt, r->t->rcv.irs) - 1, text);
				rig_end(r);
			}
}

/* RFC 6093: the pointer is a mark and nothing else; every byte stays in line, and without the bit it means nothing. */
TEST(no_urgent_pointer_takes_a_byte_out_of_the_stream)
{
	REQ("9293 MUST-31");
	static const u16 pointers[] = { 0, 1, 9, 10, 11, 1000, 65535 };

	for (unsigned st = 0; st < ARRAY_SIZE(open_states); st++)
		for (unsigned p = 0; p < ARRAY_SIZE(pointers); p++)
			for (int bit = 0; bit < 2; bit++) {
				struct rig *r = no_ts_in(open_states[st]);
				struct rig_seg s = { .len = 10, .flags = bit ? TCP_URG : 0, .urg = pointers[p],
						     .ack = r->t->snd.nxt.v - r->iss - 1 };
				long read, n;

				s.no_urg_flag = !bit;
				rig_inject(r, &s);
				CHECK_EQ(r->t->urg_valid, bit && pointers[p]);
				if (r->t->urg_valid)
					CHECK_EQ(seq_diff(r->t->rcv.urg, r->t->rcv.irs) - 1, pointers[p]);
				inject(r, .seq = 10, .len = 10, .ack = r->t->snd.nxt.v - r->iss - 1);
				for (read = 0, n = 1; n > 0; read += MAX(n, 0)) /* a read ends at the mark */
					n = rig_read(r, 100);
				CHECK_EQ(read, 20);
				rig_end(r);
			}
}

/* ---- MSS and window scale ---- */

static unsigned put_mss_and_scale(u8 *o, s32 mss, s32 scale)
{
	unsigned n = 0;

	if (mss >= 0) {
		o[n++] = TCPOPT_MSS;
		o[n++] = 4;
		o[n++] = (u8)(mss >> 8);
		o[n++] = (u8)mss;
	}
	if (scale >= 0) {
		o[n++] = TCPOPT_NOP;
		o[n++] = TCPOPT_WSCALE;
		o[n++] = 3;
		o[n++] = (u8)scale;
	}
	return n;
}

TEST(what_a_peer_says_of_mss_and_scale_holds_from_the_first_segment_behind_its_syn)
{
	REQ("7323 2.2/field", "7323 2.2/both", "7323 2.3");
	static const s32 sizes[] = { -1, 0, 1, 47, 48, 536, 1460, 65535 }, scales[] = { -1, 0, 1, 7, 14, 15, 255 };

	for (unsigned m = 0; m < ARRAY_SIZE(sizes); m++)
		for (unsigned w = 0; w < ARRAY_SIZE(scales); w++)
			for (int active = 0; active < 2; active++) {
				struct rig *r = tcb_in(active ? TCP_SYN_SENT : TCP_LISTEN);
				u32 mss = sizes[m] > 0 ? (u32)sizes[m] : lab_ipv6() ? 1220 : 536;
				u32 shift = scales[w] < 0 ? 0 : MIN(scales[w], 14);
				u8 o[8];
				int err;

				inject(r, .flags = active ? TCP_SYN | TCP_ACK : TCP_SYN, .opts = o, .wnd = 1000,
				       .opts_len = (u8)put_mss_and_scale(o, sizes[m], scales[w]));
				REQUIRE(rig_take(r));
				r->no_ts = true;
				if (!active) {
					inject(r, .wnd = 1000);
					r->sk = tcp_prot.accept(r->listener, &err);
					REQUIRE(r->sk);
					r->t = tcb_of(r->sk);
				}
				if (active)
					CHECK_EQ(r->t->snd.wnd, 1000); /* a SYN's is never scaled */
				inject(r, .len = 1, .wnd = 1000);
				CHECK_EQ(r->t->snd.wnd, 1000u << shift);
				rig_run_ms(r, 50);
				rig_drain(r);
				r->t->cwnd = 10;
				rig_write(r, 900, 0);
				while (rig_take(r))
					CHECK(r->last.len <= MIN(MAX(mss, 48u), 1460u));
				rig_end(r);
			}
}

/* ---- SACK blocks ---- */

struct sack_case {
	const char *what;
	s32 b[4][2]; /* in quarters of a segment from snd.una; both 0: none */
};
#define Q(from, to) { (from) * 4, (to) * 4 }

static const struct sack_case sack_cases[] = {
	{ "one segment", { Q(2, 3) } },
	{ "four runs", { Q(2, 3), Q(4, 5), Q(6, 7), Q(8, 9) } },
	{ "nothing", { { 8, 8 } } },
	{ "inverted", { Q(5, 2) } },
	{ "inverted by half the circle", { { 8, 8 + 0x7fffffff / MSS } } },
	{ "beyond what was sent", { Q(8, 12) } },
	{ "all of it beyond", { Q(20, 30) } },
	{ "one byte too many is beyond", { Q(11, 12) } },
	{ "from the first byte, which the ACK denies", { Q(0, 2) } },
	{ "across the ACK", { { -2, 8 } } },
	{ "below the ACK: a duplicate", { Q(-1, 0) } },
	{ "long below the ACK", { Q(-200000, -199999) } },
	{ "half segments", { { 2, 10 } } },
	{ "part of one", { { 9, 11 } } },
	{ "overlapping", { Q(2, 5), Q(4, 7) } },
	{ "the same twice", { Q(2, 5), Q(2, 5) } },
	{ "inside the second: a duplicate", { Q(3, 4), Q(2, 5) } },
	{ "touching", { Q(2, 3), Q(3, 4), Q(4, 5) } },
	{ "all but the first", { Q(1, 10) } },
	{ "all, which the ACK denies", { Q(0, 10) } },
	{ "good behind bad", { Q(5, 2), Q(20, 30), Q(3, 4) } },
	{ "a duplicate and two runs", { Q(-1, 0), Q(6, 7), Q(3, 4) } },
};

/* One bit for each segment that lies whole in a block that is true: not empty, nor beyond what was sent, and above the ACK. */
static u32 truly_sacked(const struct sack_case *c, u32 sent)
{
	u32 map = 0;

	for (unsigned i = 0; i < 4; i++) {
		s64 from = (s64)c->b[i][0] * MSS / 4, to = (s64)c->b[i][1] * MSS / 4;

		if (from <= 0 || to <= from || to > sent)
			continue;
		for (u32 n = 0; n < SEGS; n++)
			if (n * MSS >= from && (n + 1) * MSS <= to)
				map |= 1u << n;
	}
	return map;
}

/* A sender in any state that sends, with ten segments on the way. */
static struct rig *sender_in(u8 state)
{
	struct rig *r = no_ts_in(state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK ? TCP_CLOSE_WAIT : TCP_ESTABLISHED);

	r->t->cwnd = 20;
	r->t->sk.sndbuf = 1 << 18;
	rig_write(r, SEGS * MSS, 0);
	if (state == TCP_FIN_WAIT_1 || state == TCP_CLOSING || state == TCP_LAST_ACK) {
		tcp_prot.shutdown(r->sk, SHUT_WR);
		rig_run_us(r, 10);
	}
	if (state == TCP_CLOSING)
		inject(r, .flags = TCP_FIN);
	rig_run_ms(r, 50);
	rig_drain(r);
	CHECK_EQ(r->t->sk.state, state);
	return r;
}

static void inject_blocks(struct rig *r, const struct sack_case *c, s64 seq, s64 ack)
{
	struct rig_seg s = { .seq = seq, .ack = ack };

	for (unsigned i = 0; i < 4 && (c->b[i][0] || c->b[i][1]); i++)
		s.sacks[s.nr_sacks++] = (struct tcp_sack_block){ seq_of((u32)((s64)c->b[i][0] * MSS / 4)),
								 seq_of((u32)((s64)c->b[i][1] * MSS / 4)) };
	rig_inject(r, &s);
}

static u32 scoreboard(const struct tcb *t)
{
	u32 map = 0;

	for (struct sk_buff *skb = tcp_rtx_head(t); skb; skb = tcp_rtx_next(t, skb)) {
		u32 first = (u32)seq_diff(tcp_cb(skb)->seq, t->snd.iss) - 1;

		for (u32 off = 0; off < skb->len; off += MSS)
			if (tcp_cb(skb)->sacked & TCPCB_SACKED)
				map |= 1u << (first + off) / MSS;
	}
	return map;
}

/* To its end: what was SACKed is not sent again while that is believed, all the rest is, and the last ACK ends it. */
static void finish(struct rig *r, u8 state, u32 sacked, s64 seq)
{
	u32 again = 0, all = r->t->snd.nxt.v - r->iss - 1;

	for (unsigned i = 0; i < 8; i++) {
		rig_run_ms(r, 400u << i);
		while (rig_take(r))
			for (u32 off = 0; off < r->last.len; off += MSS)
				again |= 1u << (r->last.seq.v - r->iss - 1 + off) / MSS % 32;
	}
	CHECK_EQ(again & sacked, 0);
	CHECK(again & 1);
	inject(r, .seq = seq, .ack = all);
	rig_drain(r);
	if (r->t->sk.state != TCP_CLOSE) {
		CHECK_EQ(r->t->snd.una.v - r->iss - 1, all);
		CHECK_EQ(r->t->sacked_out + r->t->lost_out + r->t->retrans_out + r->t->packets_out, 0);
	}
	CHECK(state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || r->t->sk.state != state);
}

TEST(sack_blocks_of_every_kind_in_every_state_that_sends)
{
	REQ("2018 8/timeout", "2018 8/keep");
	static const u8 states[] = { TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT_1, TCP_CLOSING, TCP_LAST_ACK };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned i = 0; i < ARRAY_SIZE(sack_cases); i++) {
			struct rig *r = sender_in(states[st]);
			s64 seq = seq_diff(r->t->rcv.nxt, r->t->rcv.irs) - 1;
			u32 want = truly_sacked(&sack_cases[i], SEGS * MSS);

			for (int twice = 0; twice < 2; twice++) {
				inject_blocks(r, &sack_cases[i], seq, 0);
				if (!CHECK_EQ(scoreboard(r->t), want))
					test_note("in %s: %s", tcp_state_name(states[st]), sack_cases[i].what);
				CHECK(r->t->sacked_out + r->t->lost_out <= r->t->packets_out);
			}
			finish(r, states[st], want, seq);
			rig_end(r);
		}
}

/* SACKed, then forgotten by the receiver: the ACK stops below a block that is no longer told. */
TEST(a_receiver_that_reneges_in_any_state_has_all_of_it_again)
{
	REQ("2018 8/first");
	static const u8 states[] = { TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_FIN_WAIT_1, TCP_CLOSING, TCP_LAST_ACK };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++) {
		struct rig *r = sender_in(states[st]);
		s64 seq = seq_diff(r->t->rcv.nxt, r->t->rcv.irs) - 1;
		u32 want = (u32)MSS, all = r->t->snd.nxt.v - r->iss - 1;

		inject_blocks(r, &(struct sack_case){ "", { Q(1, 10) } }, seq, 0);
		inject(r, .seq = seq, .ack = MSS);
		rig_drain(r);
		for (unsigned i = 0; i < 200 && want < all; i++) { /* it keeps nothing that is out of order */
			rig_run_ms(r, 300);
			while (rig_take(r))
				if (r->last.seq.v - r->iss - 1 <= want && r->last.len + !!(r->last.flags & TCP_FIN))
					want = MAX(want, r->last.seq.v - r->iss - 1 + r->last.len + !!(r->last.flags & TCP_FIN));
			if (r->t->sk.state != TCP_CLOSE)
				inject(r, .seq = seq, .ack = want);
		}
		CHECK_EQ(want, all);
		CHECK(stat(r, TcpExtTCPSACKReneging) >= 1);
		rig_end(r);
	}
}

/* Blocks in states where nothing is on the way, and for a connection that did not agree on SACK, mean nothing. */
TEST(blocks_that_nobody_asked_for_mean_nothing)
{
	static const u8 states[] = { TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_FIN_WAIT_2 };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned i = 0; i < ARRAY_SIZE(sack_cases); i++) {
			struct rig *r = no_ts_in(states[st]);

			inject_blocks(r, &sack_cases[i], 0, states[st] == TCP_FIN_WAIT_2);
			rig_drain(r);
			if (r->t)
				CHECK_EQ(r->t->sacked_out, 0);
			rig_end(r);
		}
	for (unsigned i = 0; i < ARRAY_SIZE(sack_cases); i++) {
		struct rig *r = rig_new();

		r->no_ts = r->no_sack = true;
		rig_state(r, TCP_ESTABLISHED);
		r->t->cwnd = 20;
		rig_write(r, SEGS * MSS, 0);
		rig_drain(r);
		inject_blocks(r, &sack_cases[i], 0, 0);
		CHECK_EQ(scoreboard(r->t), 0);
		CHECK_EQ(stat(r, TcpExtTCPDSACKRecv), 0);
		rig_end(r);
	}
}
