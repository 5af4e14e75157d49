/* SPDX-License-Identifier: MIT
 * test_tcp_oracle.c - every state against every header field at 0, 1, just right, just wrong and far off: what is answered and
 * which state follows is compared with a second reading of RFC 9293 3.10.7 (with 5961, 7323 and 1337), written here from the
 * text and not from the stack. Linux's ways where the text leaves room are marked.
 */
#include "host/tcprig.h"

enum { NONE = 0, ANY = 0xffff }; /* answers: NONE, or flags that must be there; ANY: not judged */

struct verdict {
	u16 answer;
	u8 state;
};

/* What the oracle knows of the connection: relative numbers as the rig's. */
struct view {
	u8 state;
	s64 rcv_nxt, right;   /* next expected, right edge of our window */
	s64 una, nxt;         /* ours */
	s64 max_wnd;
};

static const u8 states[] = { TCP_LISTEN, TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
			     TCP_CLOSING, TCP_CLOSE_WAIT, TCP_LAST_ACK, TCP_TIME_WAIT };

static struct rig *in_state(u8 state)
{
	struct rig *r = tcb_in(state == TCP_TIME_WAIT ? TCP_FIN_WAIT_2 : state);

	if (state == TCP_TIME_WAIT) {
		inject(r, .ack = 1, .flags = TCP_FIN);
		rig_drain(r);
	}
	return r;
}

static struct view look(const struct rig *r, u8 state)
{
	bool fin_came = state == TCP_CLOSING || state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_TIME_WAIT;
	bool fin_sent = state == TCP_FIN_WAIT_1 || state == TCP_FIN_WAIT_2 || state == TCP_CLOSING || state == TCP_LAST_ACK ||
			state == TCP_TIME_WAIT;
	struct view v = { .state = state, .rcv_nxt = fin_came, .nxt = fin_sent, .max_wnd = 65535,
			  .una = state == TCP_FIN_WAIT_2 || state == TCP_TIME_WAIT ? 1 : state == TCP_SYN_RECEIVED ? -1 : 0 };

	if (state != TCP_LISTEN && state != TCP_SYN_SENT && state != TCP_TIME_WAIT)
		v.right = seq_diff(seq_add(r->t->rcv.wup, r->t->rcv.wnd), r->t->rcv.irs) - 1;
	return v;
}

/* 3.10.7.2 */
static struct verdict listening(const struct rig_seg *s)
{
	if (s->flags & TCP_RST)
		return (struct verdict){ NONE, TCP_LISTEN };
	if (s->flags & TCP_ACK)
		return (struct verdict){ TCP_RST, TCP_LISTEN };
	if (s->flags & TCP_SYN && !(s->flags & TCP_FIN)) /* SYN with FIN: as Linux, it is nobody's */
		return (struct verdict){ TCP_SYN | TCP_ACK, TCP_LISTEN };
	return (struct verdict){ NONE, TCP_LISTEN };
}

/* 3.10.7.3 */
static struct verdict syn_sent(const struct rig_seg *s)
{
	bool good = s->ack == 0;

	if (s->flags & TCP_ACK && !good)
		return (struct verdict){ s->flags & TCP_RST ? NONE : TCP_RST, TCP_SYN_SENT };
	if (s->flags & TCP_RST)
		return (struct verdict){ NONE, s->flags & TCP_ACK ? TCP_CLOSE : TCP_SYN_SENT };
	if (!(s->flags & TCP_SYN))
		return (struct verdict){ NONE, TCP_SYN_SENT };
	if (!(s->flags & TCP_ACK))
		return (struct verdict){ TCP_SYN | TCP_ACK, TCP_SYN_RECEIVED };
	return (struct verdict){ TCP_ACK, s->flags & TCP_FIN ? TCP_CLOSE_WAIT : TCP_ESTABLISHED };
}

/* 3.10.7.4 with 1337, and 6191 for a SYN, whose timestamp here equals the last: the number decides. */
static struct verdict time_wait(const struct view *v, const struct rig_seg *s, s64 seq)
{
	u8 f = s->flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	if (f & TCP_RST)
		return (struct verdict){ NONE, TCP_TIME_WAIT };
	if ((f & (TCP_SYN | TCP_ACK)) == TCP_SYN && seq > v->rcv_nxt)
		return (struct verdict){ f & TCP_FIN ? NONE : TCP_SYN | TCP_ACK, TCP_CLOSE };
	if (!(f & (TCP_ACK | TCP_SYN)))
		return (struct verdict){ NONE, TCP_TIME_WAIT };
	if (!s->len && !(f & (TCP_FIN | TCP_SYN)) && seq == v->rcv_nxt)
		return (struct verdict){ NONE, TCP_TIME_WAIT };
	return (struct verdict){ TCP_ACK, TCP_TIME_WAIT };
}

static u8 after_ack_of_fin(u8 state)
{
	return state == TCP_FIN_WAIT_1 ? TCP_FIN_WAIT_2 : state == TCP_CLOSING ? TCP_TIME_WAIT : TCP_CLOSE;
}

static u8 after_fin(u8 state)
{
	return state == TCP_FIN_WAIT_1 ? TCP_CLOSING : state == TCP_FIN_WAIT_2 ? TCP_TIME_WAIT : TCP_CLOSE_WAIT;
}

/* Seventh and eighth. */
static struct verdict text_and_fin(const struct view *v, const struct rig_seg *s, s64 seq, u8 state)
{
	bool fin_in_order = s->flags & TCP_FIN && seq <= v->rcv_nxt && seq + s->len + 1 > v->rcv_nxt;

	if (!s->len && !(s->flags & TCP_FIN))
		return (struct verdict){ NONE, state };
	if (state == TCP_CLOSE || state == TCP_TIME_WAIT)
		return (struct verdict){ ANY, state };
	if (state == TCP_CLOSING || state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK)
		return (struct verdict){ TCP_ACK, state };
	return (struct verdict){ TCP_ACK, fin_in_order ? after_fin(state) : state };
}

/* 3.10.7.4 */
static struct verdict synchronized(const struct view *v, const struct rig_seg *s)
{
	s64 seq = s->flags & TCP_SYN ? s->seq - 1 : s->seq;
	s64 end = seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	u8 state = v->state;

	if (end < v->rcv_nxt || seq > v->right || (seq == v->right && end > seq)) /* first */
		return (struct verdict){ s->flags & TCP_RST ? NONE : TCP_ACK, state };
	if (s->flags & TCP_RST) /* second: RFC 5961 3.2 */
		return seq == v->rcv_nxt ? (struct verdict){ NONE, TCP_CLOSE } : (struct verdict){ TCP_ACK, state };
	if (s->flags & TCP_SYN) { /* fourth: RFC 5961 4.2; a simultaneous open's SYN-ACK repeats its SYN */
		if (!(state == TCP_SYN_RECEIVED && s->flags & TCP_ACK && seq == -1 && s->ack == v->nxt))
			return (struct verdict){ TCP_ACK, state };
		return (struct verdict){ TCP_ACK, s->flags & TCP_FIN ? TCP_CLOSE_WAIT : TCP_ESTABLISHED }; /* as Linux, told that it came twice */
	}
	if (!(s->flags & TCP_ACK)) /* fifth */
		return (struct verdict){ NONE, state };
	if (state == TCP_SYN_RECEIVED) {
		if (s->ack <= v->una || s->ack > v->nxt)
			return (struct verdict){ TCP_RST, state };
		state = TCP_ESTABLISHED;
	} else if (s->ack > v->nxt || s->ack < v->una - v->max_wnd) { /* RFC 5961 5.2 */
		return (struct verdict){ TCP_ACK, state };
	}
	if (s->ack == v->nxt && (state == TCP_FIN_WAIT_1 || state == TCP_CLOSING || state == TCP_LAST_ACK))
		state = after_ack_of_fin(state);
	return text_and_fin(v, s, seq, state);
}

static struct verdict judge(const struct view *v, const struct rig_seg *s)
{
	switch (v->state) {
	case TCP_LISTEN:
		return listening(s);
	case TCP_SYN_SENT:
		return syn_sent(s);
	case TCP_TIME_WAIT:
		return time_wait(v, s, s->flags & TCP_SYN ? s->seq - 1 : s->seq);
	}
	return synchronized(v, s);
}

/* The state that the stack is in now. */
static u8 state_of(struct rig *r, u8 before)
{
	if (before == TCP_LISTEN)
		return r->listener->state;
	if (r->cpu->tcp->nr_timewait)
		return TCP_TIME_WAIT;
	return before == TCP_TIME_WAIT ? TCP_CLOSE : r->t->sk.state;
}

static void compare(struct rig *r, const struct view *v, const struct rig_seg *s)
{
	struct verdict want = judge(v, s);
	u16 got = NONE;
	bool ok = true;

	rig_inject(r, s);
	if (want.answer == TCP_ACK && !lab_sent_count(r->dev))
		rig_run_ms(r, 45); /* it may be delayed */
	while (rig_take(r)) {
		ok &= CHECK(got == NONE); /* one answer at most */
		got = r->last.flags & (TCP_SYN | TCP_ACK | TCP_RST);
	}
	if (want.answer == NONE)
		ok &= CHECK_EQ(got, NONE);
	else if (want.answer == TCP_ACK)
		ok &= CHECK((got & (TCP_ACK | TCP_RST)) == TCP_ACK);
	else if (want.answer != ANY)
		ok &= CHECK_EQ(got & want.answer, want.answer);
	ok &= CHECK_EQ(state_of(r, v->state), want.state);
	if (!ok)
		test_note("in %s: flags %#x seq %lld ack %lld len %u wnd %u; answered %#x, state %s, wanted %#x and %s",
			  tcp_state_name(v->state), s->flags, (long long)s->seq, (long long)s->ack, s->len, s->wnd, got,
			  tcp_state_name(state_of(r, v->state)), want.answer, tcp_state_name(want.state));
}

static void try(u8 state, struct rig_seg s, s64 seq_off, bool at_right)
{
	struct rig *r = in_state(state);
	struct view v = look(r, state);

	s.seq = (at_right ? v.right : v.rcv_nxt) + seq_off + !!(s.flags & TCP_SYN);
	s.no_ack = !(s.flags & TCP_ACK);
	compare(r, &v, &s);
	rig_end(r); /* and nothing leaks: frames balance, memory is back */
}

static const u8 flag_sets[] = { 0, TCP_ACK, TCP_RST, TCP_RST | TCP_ACK, TCP_SYN, TCP_SYN | TCP_ACK, TCP_FIN, TCP_FIN | TCP_ACK,
				TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_PSH | TCP_ACK | TCP_URG, TCP_SYN | TCP_FIN | TCP_ACK };

static bool means_nothing_twice(u8 state, u8 flags)
{
	return (state == TCP_LISTEN || state == TCP_SYN_SENT) && flags & TCP_SYN; /* the peer's number is its own to choose */
}

TEST(every_state_flag_and_number_is_answered_as_the_rfc_says)
{
	REQ("9293 3.10.7.4/ack", "9293 3.10.7.4/unsent", "9293 3.10.7.4/noack", "9293 3.10.7.3/ack", "9293 3.10.7.3/rst",
	    "9293 3.10.7.2/ack", "9293 3.10.7.2/rst", "9293 3.4/acceptable", "5961 3.2/exact", "5961 3.2/inside",
	    "5961 3.2/outside", "5961 4.2", "5961 5.2", "9293 3.10.7.4/fin");
	static const struct {
		s64 off;
		bool at_right;
	} seqs[] = { { 0, false }, { 1, false }, { -1, false }, { 500, false }, { 0, true }, { 1, true }, { 1 << 30, false },
		     { -70000, false } };
	static const s64 acks[] = { 0, 1, -1, 100000, -70000 };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned f = 0; f < ARRAY_SIZE(flag_sets); f++)
			for (unsigned q = 0; q < ARRAY_SIZE(seqs); q++)
				for (unsigned a = 0; a < (flag_sets[f] & TCP_ACK ? ARRAY_SIZE(acks) : 1); a++) {
					if (means_nothing_twice(states[st], flag_sets[f]) && q)
						continue;
					try(states[st], (struct rig_seg){ .flags = flag_sets[f], .ack = acks[a],
									  .len = flag_sets[f] & TCP_SYN ? 0 : (q + a) % 3 * 7 },
					    seqs[q].off, seqs[q].at_right);
				}
}

/* The fields that decide nothing about state and answer, each at 0, 1, small, large and all ones. */
TEST(other_fields_change_neither_answer_nor_state)
{
	REQ("9293 3.1/reserved-in", "9293 MUST-1");
	static const u32 windows[] = { NO_WINDOW, 1, 100, 40000, 65535 };
	static const u16 pointers[] = { 1, 2, 1000, 40000, 65535 };
	static const u8 more[] = { 0, TCP_PSH, TCP_ECE, TCP_CWR, TCP_ECE | TCP_CWR | TCP_PSH };
	static const u8 base[] = { TCP_ACK, TCP_FIN | TCP_ACK, TCP_RST, TCP_SYN };

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned b = 0; b < ARRAY_SIZE(base); b++)
			for (unsigned i = 0; i < 5; i++) {
				u8 flags = base[b];
				s64 ack = 0;

				try(states[st], (struct rig_seg){ .flags = flags, .ack = ack, .wnd = windows[i] }, 0, false);
				try(states[st], (struct rig_seg){ .flags = flags, .ack = ack, .urg = pointers[i] }, 0, false);
				try(states[st], (struct rig_seg){ .flags = flags | more[i], .ack = ack }, 0, false);
				try(states[st], (struct rig_seg){ .flags = flags, .ack = ack, .reserved = (u8)(i * 15 / 4) }, 0, false);
			}
}

/* A header that lies about itself is dropped in any state, whatever else it says. */
TEST(a_wrong_checksum_offset_or_port_never_matters)
{
	REQ("9293 MUST-3");

	for (unsigned st = 0; st < ARRAY_SIZE(states); st++)
		for (unsigned f = 0; f < ARRAY_SIZE(flag_sets); f++)
			for (unsigned lie = 0; lie < 4; lie++) {
				struct rig *r = in_state(states[st]);
				struct view v = look(r, states[st]);
				struct rig_seg s = { .flags = flag_sets[f], .no_ack = !(flag_sets[f] & TCP_ACK), .seq = v.rcv_nxt,
						     .ack = v.nxt };
				u16 port = r->peer.port;

				s.bad_csum = lie == 0;
				s.doff = lie == 1 ? 4 : lie == 2 ? 15 : 0;
				if (lie == 3)
					r->peer.port++; /* another connection, which there is none of */
				if (lie == 3 && states[st] == TCP_LISTEN) {
					rig_end(r);
					continue;
				}
				rig_inject(r, &s);
				r->peer.port = port;
				if (lie < 3)
					CHECK_EQ(rig_drain(r), 0);
				if (!CHECK_EQ(state_of(r, states[st]), states[st]))
					test_note("in %s: flags %#x lie %u", tcp_state_name(states[st]), s.flags, lie);
				rig_drain(r);
				rig_end(r);
			}
}

/* Timestamps of a synchronized state: absent, older, equal, newer, half the circle away. */
TEST(timestamps_are_judged_before_the_numbers_in_every_synchronized_state)
{
	REQ("7323 5.3/old", "7323 3.2/missing", "7323 3.2/abort", "7323 5.2");

	for (unsigned st = 2; st < ARRAY_SIZE(states) - 1; st++)
		for (int kind = 0; kind < 5; kind++) {
			struct rig *r = in_state(states[st]);
			struct view v = look(r, states[st]);
			u32 recent = r->t->ts_recent;
			u32 tsval[] = { 0, recent - 1, recent, recent + 1, recent + 0x80000000u };
			unsigned sent;

			inject(r, .seq = v.rcv_nxt, .ack = v.una, .tsval = tsval[kind], .no_ts = kind == 0, .len = 1);
			sent = rig_drain(r);
			CHECK_EQ(drops(r, TCP_RFC7323_PAWS), kind == 0 || kind == 1 || kind == 4);
			CHECK_EQ(sent, kind != 0); /* none: silently; old: an ACK; good: an ACK or a refusal of una - 1 */
			if (kind == 0 || kind == 1 || kind == 4)
				CHECK_EQ(r->t->sk.state, states[st]);
			inject(r, .seq = v.rcv_nxt + (r->t->rcv.nxt.v != r->t->rcv.irs.v + 1 + (u32)v.rcv_nxt), .flags = TCP_RST,
			       .tsval = recent - 1);
			CHECK_EQ(r->t->sk.state, TCP_CLOSE);
			rig_end(r);
		}
}

/* ---- options, each at 0, 1, small, large and of a wrong length ---- */

struct option_case {
	u8 bytes[12];
	u8 len; /* of a multiple of four */
};

static const struct option_case syn_options[] = {
	{ { 2, 4, 0, 0 }, 4 },                  { { 2, 4, 0, 1 }, 4 },          { { 2, 4, 0, 100 }, 4 },
	{ { 2, 4, 255, 255 }, 4 },              { { 2, 3, 5, 1 }, 4 },          { { 2, 2, 1, 1 }, 4 },
	{ { 3, 3, 0, 1 }, 4 },                  { { 3, 3, 1, 1 }, 4 },          { { 3, 3, 14, 1 }, 4 },
	{ { 3, 3, 15, 1 }, 4 },                 { { 3, 3, 255, 1 }, 4 },        { { 3, 2, 1, 1 }, 4 },
	{ { 4, 2, 1, 1 }, 4 },                  { { 4, 3, 0, 1 }, 4 },          { { 4, 2, 4, 2 }, 4 },
	{ { 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1 }, 12 }, { { 8, 10, 255, 255, 255, 255, 0, 0, 0, 0, 1, 1 }, 12 },
	{ { 8, 9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1 }, 12 },  { { 8, 2, 1, 1 }, 4 }, { { 5, 10, 0, 0, 0, 1, 0, 0, 0, 9, 1, 1 }, 12 },
	{ { 5, 2, 1, 1 }, 4 },                  { { 34, 2, 1, 1 }, 4 },         { { 34, 3, 7, 1 }, 4 },
	{ { 2, 4, 2, 0, 2, 4, 4, 0, 2, 4, 5, 0 }, 12 }, /* told three times: the last counts, as in Linux */
	{ { 0, 2, 4, 9 }, 4 },                  { { 255, 255, 255, 255 }, 4 },
};

/* Text goes and comes, whatever the handshake said; no segment is longer than the peer's MSS, or the least one. */
static void check_talks(struct rig *r, u32 mss)
{
	u32 got = 0;

	r->t->cwnd = 100;
	inject(r, .len = 20, .no_ts = !r->t->ts_ok, .wnd = 65535, .tsval = r->t->ts_recent + 1);
	CHECK_EQ(rig_read(r, 100), 20);
	rig_drain(r);
	CHECK_EQ(rig_write(r, 500, 0), 500);
	while (rig_take(r)) {
		CHECK(r->last.len <= MAX(mss, 48u));
		got += r->last.len;
		inject(r, .seq = 20, .ack = got, .no_ts = !r->t->ts_ok, .wnd = 65535, .tsval = r->t->ts_recent + 1);
	}
	CHECK_EQ(got, 500);
}

TEST(whatever_options_a_syn_has_the_connection_works)
{
	REQ("9293 MUST-5", "9293 MUST-6", "9293 MUST-7", "9293 MUST-14", "7323 2.3");

	for (unsigned i = 0; i < ARRAY_SIZE(syn_options); i++)
		for (int active = 0; active < 2; active++) {
			const struct option_case *c = &syn_options[i];
			struct rig *r = tcb_in(active ? TCP_SYN_SENT : TCP_LISTEN);
			u32 mss = c->bytes[0] == 2 && c->bytes[1] == 4 ? (u32)c->bytes[2] << 8 | c->bytes[3] : 536;
			int err;

			mss = c->len == 12 && c->bytes[0] == 2 ? 1280 : mss ?: 536;
			inject(r, .flags = active ? TCP_SYN | TCP_ACK : TCP_SYN, .opts = c->bytes, .opts_len = c->len);
			CHECK(rig_take(r));
			if (!active) {
				CHECK_EQ(r->last.flags, TCP_SYN | TCP_ACK);
				inject(r, .ack = 0, .no_ts = !r->opt.has_ts, .tsval = r->opt.tsecr + 1);
				r->sk = tcp_prot.accept(r->listener, &err);
				REQUIRE(r->sk);
				r->t = tcb_of(r->sk);
			}
			CHECK_EQ(r->t->sk.state, TCP_ESTABLISHED);
			CHECK(r->t->snd.wscale <= 14);
			check_talks(r, mss);
			rig_end(r);
		}
}
