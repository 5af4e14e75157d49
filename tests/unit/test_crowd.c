/* SPDX-License-Identifier: MIT
 * test_crowd.c - overload by connections, in virtual time: clients come at a rate, whether those before were answered or not, send their
 * SYN again as TCP does, ask once, and hang up when their patience is over; the application works for a while on each. What counts is how
 * much of its work is for somebody. Then the ends of single connections: who has hung up, and who only ends its stream.
 */
#include <stdlib.h>

#include "host/tcprig.h"

#define WORK_MS    10    /* for each request: a hundred a second is all that can be done */
#define SECONDS    12    /* for so long clients come */
#define CLIENTS    16384 /* of a run, at most */
#define HORIZON    32768 /* ms, a run is shorter */
#define ASKED      40    /* bytes of a request */
#define FIRST_PORT 1024
#define BACKLOG    4096

enum due { SYN_DUE, ASK_DUE, PATIENCE_OVER, NR_DUE };

struct client {
	struct client *next[NR_DUE]; /* of the same millisecond */
	u64 came_ms;
	u32 iss;                     /* the server's */
	u16 port;
	u8 tries;
	bool waits, connected, acked, asked;
};

struct crowd {
	u32 times;       /* what the application can do */
	u32 patience_ms, rtt_ms;
	u32 ask_ms;      /* from the end of the handshake to the request; 0: they come together */
	u32 burst;       /* so many at once instead, at the start */
};

struct outcome {
	unsigned came, served, in_vain;
	unsigned good; /* served in vain they were not, nor after the last has come */
	u64 refused;
};

struct scene {
	const struct crowd *how;
	struct rig *r;
	struct client c[CLIENTS];
	struct client *due[HORIZON][NR_DUE];
	struct client *by_port[65536];
	struct sock *idle[CLIENTS]; /* accepted, their requests are not there yet */
	struct sock *at_work;
	unsigned nr_idle;
	u64 now_ms, free_ms; /* since the play began */
	struct outcome out;
};

/* ---- the clients ---- */

static void at(struct scene *s, struct client *c, u64 ms, enum due what)
{
	REQUIRE(ms < HORIZON);
	c->next[what] = s->due[ms][what];
	s->due[ms][what] = c;
}

/* The rig's peer is this one now. */
static void be(struct scene *s, const struct client *c)
{
	s->r->peer.port = c->port;
	s->r->iss = c->iss;
}

static void sends_syn(struct scene *s, struct client *c)
{
	if (c->connected)
		return;
	be(s, c);
	give(s->r, .flags = TCP_SYN);
	at(s, c, s->now_ms + (1000u << c->tries++), SYN_DUE);
}

static void asks(struct scene *s, struct client *c)
{
	be(s, c);
	c->asked = c->acked || !s->how->ask_ms;
	give(s->r, .ack = 0, .len = c->asked ? ASKED : 0);
	if (!c->asked)
		at(s, c, s->now_ms + s->how->ask_ms, ASK_DUE);
	c->acked = true;
}

static void hangs_up(struct scene *s, struct client *c)
{
	be(s, c);
	c->waits = false;
	if (c->connected)
		give(s->r, .seq = c->asked ? ASKED : 0, .ack = 0, .flags = TCP_FIN);
}

static void does(struct scene *s, struct client *c, enum due what)
{
	static void (*const things[NR_DUE])(struct scene *, struct client *) = {
		[SYN_DUE] = sends_syn, [ASK_DUE] = asks, [PATIENCE_OVER] = hangs_up,
	};

	if (c->waits)
		things[what](s, c);
}

static void clients_act(struct scene *s)
{
	struct client *next;

	for (enum due what = SYN_DUE; what < NR_DUE; what++)
		for (struct client *c = s->due[s->now_ms][what]; c; c = next) {
			next = c->next[what];
			does(s, c, what);
		}
}

static void clients_come(struct scene *s)
{
	u64 all = s->how->burst;

	if (!all)
		all = (MIN(s->now_ms, SECONDS * 1000ull) + 1) * s->how->times / WORK_MS;
	while (s->out.came < all) {
		struct client *c = &s->c[s->out.came++];

		c->port = (u16)(FIRST_PORT + s->out.came);
		c->came_ms = s->now_ms;
		c->waits = true;
		s->by_port[c->port] = c;
		at(s, c, s->now_ms + s->how->patience_ms, PATIENCE_OVER);
		sends_syn(s, c);
	}
}

static void hears_synack(struct scene *s, struct client *c)
{
	c->iss = s->r->last.seq.v;
	if (!c->waits) {
		be(s, c);
		give(s->r, .flags = TCP_RST);
	} else if (!c->connected) {
		c->connected = true;
		at(s, c, s->now_ms + 1 + s->how->rtt_ms, ASK_DUE);
	}
}

static void clients_hear(struct scene *s)
{
	while (rig_take(s->r)) {
		struct client *c = s->by_port[s->r->last.dport];

		if (s->r->last.flags & TCP_SYN) {
			hears_synack(s, c);
		} else if (s->r->last.flags & TCP_FIN) { /* the answer's end */
			be(s, c);
			give(s->r, .seq = ASKED + !c->waits, .flags = TCP_RST);
			c->waits = false;
		}
	}
}

/* ---- the application ---- */

static long reads(struct sock *sk)
{
	u8 buf[2 * ASKED];
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

	return tcp_prot.recvmsg(sk, &m, MSG_DONTWAIT);
}

/* A connection has its turn; false: there is nothing to read yet. */
static bool takes_up(struct scene *s, struct sock *sk)
{
	long n = reads(sk);

	if (n == -EAGAIN)
		return false;
	s->at_work = sk;
	s->free_ms = s->now_ms + (n > 0 ? WORK_MS : 0);
	s->out.served += n > 0;
	s->out.in_vain += n > 0 && !s->by_port[sk->dport]->waits;
	return true;
}

static void is_done(struct scene *s)
{
	s->out.good += s->by_port[s->at_work->dport]->waits && s->now_ms < 1000 * SECONDS;
	tcp_prot.close(s->at_work);
	s->at_work = NULL;
}

/* What is ready first, then who waits to be accepted. */
static void takes_next(struct scene *s)
{
	struct sock *sk;
	int err;

	for (unsigned i = 0; i < s->nr_idle; i++)
		if (takes_up(s, s->idle[i])) {
			memmove(&s->idle[i], &s->idle[i + 1], (--s->nr_idle - i) * sizeof(s->idle[0]));
			return;
		}
	while ((sk = tcp_prot.accept(s->r->listener, &err)) && !takes_up(s, sk))
		s->idle[s->nr_idle++] = sk;
}

static void application(struct scene *s)
{
	while (s->now_ms >= s->free_ms) {
		if (s->at_work)
			is_done(s);
		takes_next(s);
		if (!s->at_work)
			return;
	}
}

/* ---- the play ---- */

static void end(struct scene *s)
{
	while (s->nr_idle)
		tcp_prot.close(s->idle[--s->nr_idle]);
	if (s->at_work)
		tcp_prot.close(s->at_work);
	s->out.refused = stat(s->r, TcpExtListenDrops);
	rig_drain(s->r);
	rig_end(s->r); /* frames balance, nothing is left */
}

static struct outcome play(const struct crowd *how)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct outcome out;
	u64 began, until = SECONDS * 1000 + how->patience_ms + 4000;

	s->how = how;
	s->r = tcb_in(TCP_LISTEN);
	tcp_prot.listen(s->r->listener, BACKLOG);
	rig_run_ms(s->r, 100000); /* no time since boot is as good as that since somebody was refused */
	began = lab_now(s->r->lab);
	for (; s->now_ms < until; s->now_ms++) {
		clients_come(s);
		clients_act(s);
		application(s);
		lab_run(s->r->lab, began + (s->now_ms + 1) * NSEC_PER_MSEC - lab_now(s->r->lab));
		clients_hear(s);
	}
	end(s);
	out = s->out;
	free(s);
	return out;
}

/* % of what the application can do while clients come. */
static unsigned share(unsigned n) { return n * 100 / (SECONDS * 1000 / WORK_MS); }

/* What can be done, twice, five times and ten times of it; `least` and most_in_vain are %. */
static void curve(struct crowd how, unsigned least, unsigned most_in_vain)
{
	static const u32 times[] = { 1, 2, 5, 10 };

	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		struct outcome o;

		how.times = times[i];
		o = play(&how);
		test_note("patience %u ms, round trip %u ms, request after %u ms: x%-2u %3u %%, in vain %u of %u, SYNs refused %llu", how.patience_ms,
			  how.rtt_ms, how.ask_ms, how.times, share(o.good), o.in_vain, o.served, (unsigned long long)o.refused);
		CHECK(share(o.good) >= least);
		CHECK(o.in_vain * 100 <= o.served * most_in_vain);
	}
}

TEST(at_ten_times_what_the_application_can_do_nearly_all_that_it_does_is_for_somebody)
{
	curve((struct crowd){ .patience_ms = 10000 }, 97, 1);
	curve((struct crowd){ .patience_ms = 3000 }, 97, 1);
}

TEST(nor_do_long_ways_and_late_requests_change_that)
{
	curve((struct crowd){ .patience_ms = 10000, .rtt_ms = 200 }, 95, 1);
	curve((struct crowd){ .patience_ms = 3000, .rtt_ms = 200 }, 95, 1);
	curve((struct crowd){ .patience_ms = 10000, .ask_ms = 100 }, 95, 1);
	curve((struct crowd){ .patience_ms = 3000, .ask_ms = 500 }, 85, 10);
}

TEST(a_thousand_at_once_who_have_the_patience_are_all_served)
{
	struct outcome o = play(&(struct crowd){ .burst = 1000, .patience_ms = 15000 });

	CHECK_EQ(o.came, 1000);
	CHECK_EQ(o.served, 1000);
	CHECK_EQ(o.in_vain, 0);
	CHECK_EQ(o.refused, 0);
}

TEST(a_crowd_that_is_less_than_the_application_can_do_is_never_refused)
{
	struct outcome o = play(&(struct crowd){ .times = 1, .patience_ms = 3000, .rtt_ms = 50 });

	CHECK_EQ(o.served, o.came);
	CHECK_EQ(o.refused, 0);
}

/* ---- one who hangs up ---- */

#define LATE_MS 1100

/* As if the listener had just refused somebody. */
static void overload(struct rig *r)
{
	r->cpu->tcp->full = tcb_of(r->listener);
	r->cpu->tcp->refused_s = cpu_s(r->cpu);
}

/* A connection that has asked, of a listener that has refused somebody or has not. */
static struct rig *one_asked(bool overloaded)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	if (overloaded)
		overload(r);
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0, .len = ASKED);
	rig_drain(r);
	return r;
}

static struct sock *accepted(struct rig *r)
{
	int err;
	struct sock *sk = tcp_prot.accept(r->listener, &err);

	if (!sk)
		CHECK_EQ(err, -EAGAIN);
	return sk;
}

TEST(who_hangs_up_before_it_is_accepted_under_overload_is_not_accepted)
{
	struct rig *r = one_asked(true);

	rig_run_ms(r, LATE_MS);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	expect(r, .flags = TCP_RST | TCP_ACK, .ack = ASKED + 1);
	CHECK_EQ(stat(r, TcpExtTCPAbandoned), 1);
	CHECK(!accepted(r));
	CHECK_EQ(stat(r, TcpCurrEstab), 0);
	CHECK_EQ(r->cpu->tcp->mem_bytes, 0);
	rig_end(r);
}

TEST(who_is_accepted_but_not_read_when_it_hangs_up_is_reset)
{
	struct rig *r = one_asked(true);

	r->sk = accepted(r);
	rig_run_ms(r, LATE_MS);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	expect(r, .flags = TCP_RST | TCP_ACK, .ack = ASKED + 1);
	CHECK_EQ(reads(r->sk), -ECONNRESET);
	rig_end(r);
}

/* Its FIN comes, and it is served as always. */
static void check_served(struct rig *r, u32 fin_after_ms, s64 accept_wait_ms)
{
	r->cpu->sysctl.tcp_accept_wait = accept_wait_ms;
	rig_run_ms(r, fin_after_ms);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	rig_run_ms(r, LATE_MS);
	r->sk = accepted(r);
	REQUIRE(r->sk != NULL);
	CHECK_EQ(reads(r->sk), ASKED);
	CHECK_EQ(reads(r->sk), 0);
	CHECK_EQ(stat(r, TcpExtTCPAbandoned), 0);
	rig_end(r);
}

TEST(who_asks_and_ends_its_stream_is_served_even_under_overload)
{
	check_served(one_asked(true), 10, 1000);
}

TEST(who_ends_its_stream_late_is_served_where_there_is_no_overload)
{
	check_served(one_asked(false), LATE_MS, 1000);
}

TEST(nobody_has_hung_up_where_accept_queues_may_be_of_any_length)
{
	check_served(one_asked(true), LATE_MS, 0);
}

TEST(an_overload_is_over_after_a_minute)
{
	check_served(one_asked(true), 62000, 1000);
}

TEST(who_has_asked_for_nothing_is_not_reset_when_it_leaves)
{
	struct rig *r = tcb_in(TCP_LISTEN);

	overload(r);
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	r->sk = accepted(r);
	rig_run_ms(r, LATE_MS);
	inject(r, .flags = TCP_FIN);
	CHECK_EQ(reads(r->sk), 0);
	CHECK_EQ(r->sk->state, TCP_CLOSE_WAIT);
	rig_end(r);
}

TEST(the_overload_of_one_port_is_none_of_anothers)
{
	struct rig *r = one_asked(true);

	r->cpu->tcp->full = &(struct tcb){ .sk.sport = RIG_PORT + 1 };
	rig_run_ms(r, LATE_MS);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	r->cpu->tcp->full = NULL;
	CHECK(accepted(r) != NULL);
	rig_end(r);
}

TEST(a_peer_that_we_connected_to_from_the_same_port_has_not_hung_up)
{
	struct rig *r = one_asked(true);

	r->sk = accepted(r);
	tcb_of(r->sk)->passive = false;
	rig_run_ms(r, LATE_MS);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	CHECK_EQ(reads(r->sk), ASKED);
	rig_end(r);
}

TEST(a_connection_of_which_something_was_read_ends_as_always)
{
	struct rig *r = one_asked(true);

	r->sk = accepted(r);
	CHECK_EQ(reads(r->sk), ASKED);
	rig_run_ms(r, LATE_MS);
	rig_drain(r);
	inject(r, .seq = ASKED, .flags = TCP_FIN);
	CHECK_EQ(reads(r->sk), 0);
	CHECK_EQ(r->sk->state, TCP_CLOSE_WAIT);
	rig_end(r);
}
