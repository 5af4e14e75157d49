/* SPDX-License-Identifier: MIT
 * test_tcp_stamp.c - SO_TIMESTAMPING, SO_TIMESTAMPNS and SO_TIMESTAMP of a stream: when which byte left, arrived, was read.
 */
#include "host/tcprig.h"
#include "platform.h"

#define ALL_TX                                                                                                        \
	(SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | \
	 SOF_TIMESTAMPING_OPT_ID)

static int ask(struct sock *sk, int opt, int v)
{
	return tcp_prot.setsockopt(sk, SOL_SOCKET, opt, &v, sizeof(v));
}

static int asked(struct sock *sk, int opt)
{
	unsigned len = sizeof(int);
	int v = -1;

	CHECK_EQ(tcp_prot.getsockopt(sk, SOL_SOCKET, opt, &v, &len), 0);
	return v;
}

/* The next of the error queue; stamp 255: it is empty. */
static struct msg_notes fetch(struct sock *sk, int *flags)
{
	struct msg_notes n = { .stamp = 255 };
	struct msghdr m = { .msg_notes = &n };

	if (sk->notes & SOCK_NOTE_STAMP)
		CHECK_EQ(tcp_prot.stamp(sk, &m), 0);
	if (flags)
		*flags = m.msg_flags;
	return n;
}

static bool fetch_is(struct rig *r, u8 stamp, u32 key, u64 at_ns)
{
	struct msg_notes n = fetch(r->sk, NULL);

	return CHECK_EQ(n.stamp, stamp) && CHECK(n.has_stamp) && CHECK_EQ(n.stamp_key, key) &&
	       CHECK_EQ((s64)(n.stamp_ns - wall_clock_ns(at_ns)) / 1000000, 0);
}

static u64 now_of(struct rig *r) { return r->cpu->now_ns; }

TEST(a_send_is_told_when_it_leaves_and_when_it_is_acknowledged_by_the_number_of_its_last_byte)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	u64 sent;

	rig_write(r, 50, 0); /* before it was asked for: number 0 is the first byte not acknowledged */
	rig_drain(r);
	inject(r, .ack = 50);
	CHECK_EQ(ask(r->sk, SO_TIMESTAMPING, ALL_TX), 0);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLERR));
	rig_write(r, 100, 0);
	expect(r, .seq = 50, .len = 100);
	sent = now_of(r);
	CHECK(tcp_prot.poll(r->sk) & EPOLLERR);
	fetch_is(r, SCM_TSTAMP_SCHED, 99, sent);
	fetch_is(r, SCM_TSTAMP_SND, 99, sent);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	CHECK(!(tcp_prot.poll(r->sk) & EPOLLERR));
	rig_run_ms(r, 30);
	inject(r, .ack = 149);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255); /* all but the last byte */
	rig_run_ms(r, 5);
	inject(r, .ack = 150);
	CHECK(now_of(r) >= sent + 35 * NSEC_PER_MSEC);
	fetch_is(r, SCM_TSTAMP_ACK, 99, now_of(r));
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	rig_end(r);
}

TEST(two_sends_in_one_segment_are_told_of_each)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_setsockopt(r, SOL_TCP, TCP_CORK, 1);
	ask(r->sk, SO_TIMESTAMPING, ALL_TX & ~SOF_TIMESTAMPING_TX_SCHED);
	rig_write(r, 10, 0);
	rig_write(r, 20, 0);
	expect_nothing(r);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	rig_setsockopt(r, SOL_TCP, TCP_CORK, 0);
	rig_run_us(r, 10);
	expect(r, .len = 30);
	fetch_is(r, SCM_TSTAMP_SND, 9, now_of(r));
	fetch_is(r, SCM_TSTAMP_SND, 29, now_of(r));
	inject(r, .ack = 30);
	fetch_is(r, SCM_TSTAMP_ACK, 9, now_of(r));
	fetch_is(r, SCM_TSTAMP_ACK, 29, now_of(r));
	rig_end(r);
}

TEST(a_long_send_is_told_of_once_when_its_end_leaves)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	inject(r, .ack = 0, .len = 1);
	inject(r, .seq = 1, .ack = 0, .wnd = 3000);
	rig_drain(r);
	ask(r->sk, SO_TIMESTAMPING, ALL_TX);
	rig_write(r, 4000, 0);
	CHECK(rig_drain(r) >= 2);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	rig_run_ms(r, 7);
	inject(r, .seq = 1, .ack = r->t->snd.nxt.v - r->iss - 1, .wnd = 30000);
	rig_drain(r);
	fetch_is(r, SCM_TSTAMP_SCHED, 3999, now_of(r));
	fetch_is(r, SCM_TSTAMP_SND, 3999, now_of(r));
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	rig_end(r);
}

TEST(a_retransmission_is_told_of_again)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	ask(r->sk, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE);
	rig_write(r, 100, 0);
	expect(r, .len = 100);
	fetch_is(r, SCM_TSTAMP_SND, 0, now_of(r)); /* without OPT_ID sends have no number */
	rig_run_ms(r, 1500);
	CHECK(rig_drain(r) >= 1);
	CHECK_EQ(fetch(r->sk, NULL).stamp, SCM_TSTAMP_SND);
	rig_end(r);
}

TEST(flags_are_checked_and_read_back_and_the_segment_does_not_come_back)
{
	struct rig *r = tcb_in(TCP_LISTEN);
	int flags, err;

	CHECK_EQ(asked(r->listener, SO_TIMESTAMPING), 0);
	CHECK_EQ(ask(r->listener, SO_TIMESTAMPING, ALL_TX), -EINVAL); /* no byte has a number yet */
	CHECK_EQ(ask(r->listener, SO_TIMESTAMPING, 1 << 30), -EINVAL);
	CHECK_EQ(ask(r->listener, SO_TIMESTAMPING, ALL_TX & ~SOF_TIMESTAMPING_OPT_ID), 0);
	CHECK_EQ(asked(r->listener, SO_TIMESTAMPING), ALL_TX & ~SOF_TIMESTAMPING_OPT_ID);
	inject(r, .flags = TCP_SYN);
	rig_take(r);
	inject(r, .ack = 0);
	r->sk = tcp_prot.accept(r->listener, &err);
	REQUIRE(r->sk);
	r->t = tcb_of(r->sk);
	CHECK_EQ(asked(r->sk, SO_TIMESTAMPING), ALL_TX & ~SOF_TIMESTAMPING_OPT_ID); /* a child's are its listener's */
	CHECK(r->t->stamps != tcb_of(r->listener)->stamps);
	rig_write(r, 10, 0);
	rig_drain(r);
	fetch(r->sk, &flags);
	CHECK_EQ(flags, MSG_ERRQUEUE | MSG_TRUNC);
	CHECK_EQ(ask(r->sk, SO_TIMESTAMPING, ALL_TX | SOF_TIMESTAMPING_OPT_TSONLY), 0);
	fetch(r->sk, &flags);
	CHECK_EQ(flags, MSG_ERRQUEUE);
	rig_end(r);
}

TEST(who_does_not_ask_is_told_nothing_and_keeps_the_short_ways)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	rig_write(r, 10, 0);
	rig_drain(r);
	CHECK(!r->t->stamps);
	CHECK(r->t->snd.lone);
	inject(r, .ack = 10);
	ask(r->sk, SO_TIMESTAMPING, ALL_TX & ~SOF_TIMESTAMPING_SOFTWARE); /* made, but not to be reported */
	rig_write(r, 10, 0);
	rig_drain(r);
	CHECK(r->t->snd.lone);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	inject(r, .ack = 20);
	ask(r->sk, SO_TIMESTAMPING, ALL_TX);
	rig_write(r, 10, 0);
	rig_drain(r);
	CHECK(!r->t->snd.lone);
	CHECK_EQ(fetch(r->sk, NULL).stamp, SCM_TSTAMP_SCHED);
	rig_end(r);
}

TEST(what_nobody_fetches_is_bounded)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);
	unsigned n = 0;

	ask(r->sk, SO_TIMESTAMPING, SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_ID);
	for (u32 i = 0; i < 100; i++) {
		rig_write(r, 10, 0);
		rig_drain(r);
		inject(r, .ack = (i + 1) * 10);
	}
	for (struct msg_notes m; (m = fetch(r->sk, NULL)).stamp != 255; n++)
		CHECK_EQ(m.stamp_key, n * 10 + 9);
	CHECK_EQ(n, 64);
	rig_write(r, 10, 0); /* there is room again */
	rig_drain(r);
	inject(r, .ack = 1010);
	fetch_is(r, SCM_TSTAMP_ACK, 1009, now_of(r));
	rig_end(r);
}

TEST(a_disconnect_takes_the_numbers_and_what_was_not_fetched)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	ask(r->sk, SO_TIMESTAMPING, ALL_TX);
	rig_write(r, 10, 0);
	rig_drain(r);
	CHECK_EQ(tcp_prot.disconnect(r->sk), 0);
	rig_drain(r);
	CHECK_EQ(fetch(r->sk, NULL).stamp, 255);
	CHECK_EQ(asked(r->sk, SO_TIMESTAMPING), ALL_TX & ~SOF_TIMESTAMPING_OPT_ID);
	rig_end(r);
}

/* ---- received ---- */

static struct msg_notes read_notes(struct rig *r, size_t n, int flags)
{
	u8 buf[4000];
	struct iovec v = { buf, n };
	struct msg_notes notes = { 0 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_notes = &notes };

	CHECK_EQ(tcp_prot.recvmsg(r->sk, &m, flags), (long)n);
	return notes;
}

TEST(a_read_tells_when_its_last_byte_came)
{
	static const int opts[] = { SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING };

	for (unsigned i = 0; i < ARRAY_SIZE(opts); i++) {
		int on = opts[i] == SO_TIMESTAMPING ? SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE : 1;
		struct rig *r = tcb_in(TCP_ESTABLISHED);
		u64 came[3];

		inject(r, .len = 10);
		CHECK(!read_notes(r, 10, 0).has_stamp);
		CHECK_EQ(ask(r->sk, opts[i], on), 0);
		CHECK_EQ(asked(r->sk, opts[i]), on);
		inject(r, .seq = 10, .len = 100);
		came[0] = now_of(r);
		rig_run_ms(r, 10);
		inject(r, .seq = 210, .len = 100); /* out of order: it waits, but it came now */
		came[2] = now_of(r);
		rig_run_ms(r, 10);
		inject(r, .seq = 110, .len = 100);
		came[1] = now_of(r);
		rig_run_ms(r, 10);
		CHECK_EQ(read_notes(r, 150, MSG_PEEK).stamp_ns, wall_clock_ns(came[1]));
		CHECK_EQ(read_notes(r, 100, 0).stamp_ns, wall_clock_ns(came[0]));
		CHECK_EQ(read_notes(r, 1, 0).stamp_ns, wall_clock_ns(came[1]));
		CHECK_EQ(read_notes(r, 199, 0).stamp_ns, wall_clock_ns(came[2]));
		CHECK_EQ(ask(r->sk, opts[i], 0), 0);
		inject(r, .seq = 310, .len = 10);
		CHECK(!read_notes(r, 10, 0).has_stamp);
		rig_end(r);
	}
}

TEST(of_so_timestamp_and_so_timestampns_one_is_on_at_most)
{
	struct rig *r = tcb_in(TCP_ESTABLISHED);

	ask(r->sk, SO_TIMESTAMP, 1);
	ask(r->sk, SO_TIMESTAMPNS, 1);
	CHECK_EQ(asked(r->sk, SO_TIMESTAMP), 0);
	CHECK_EQ(asked(r->sk, SO_TIMESTAMPNS), 1);
	rig_end(r);
}
