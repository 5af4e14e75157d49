/* SPDX-License-Identifier: MIT
 * stamp.c - SO_TIMESTAMPING of a stream, and SO_TIMESTAMP and SO_TIMESTAMPNS: when the bytes that an application wrote left and
 * were acknowledged, and when those came that it reads. By the wall clock, as Linux tells it.
 *
 * Owns tcb.stamps, which only a socket has that asked once; while it asks, `stamping` keeps its segments off the short ways of
 * lone.c and predict.c. What is asked about is the last byte of each send call; where Linux lets two calls share an skb and
 * tells of the second alone, both are told here. Two things are less than Linux's: the segment itself does not come back with
 * its stamp (its absence is MSG_TRUNC, but with OPT_TSONLY), and a segment counts as sent when IP takes it, though a queueing
 * discipline may hold it yet. Nothing here has hardware stamps: the flags for them are taken, and nothing comes of them.
 */
#include "lib/string.h"
#include "net/tcp/tcp_impl.h"
#include "platform.h"

#define STAMPS_MAX 64 /* bytes asked about and not acknowledged, and stamps that nobody fetched; more are not told of */
#define SOF_KNOWN                                                                                                  \
	(SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_RX_HARDWARE |              \
	 SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RAW_HARDWARE |                \
	 SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_OPT_CMSG | \
	 SOF_TIMESTAMPING_OPT_TSONLY)
#define SOF_TX (SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED | SOF_TIMESTAMPING_TX_ACK)
#define SOF_RX (SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE)

struct stamp {
	u64 ns;
	u32 key;
	u8 what; /* enum scm_tstamp */
};
struct tcp_stamps {
	u32 flags;              /* SO_TIMESTAMPING's */
	int plain;              /* SO_TIMESTAMP or SO_TIMESTAMPNS; 0: neither */
	seq_t base;             /* OPT_ID: the byte that is number 0 */
	u32 asked_at, nr_asked; /* rings */
	u32 told_at, nr_told;
	seq_t asked[STAMPS_MAX]; /* behind the last byte of a call, in order */
	struct stamp told[STAMPS_MAX];
};

static struct tcp_stamps *stamps_get(struct tcb *t)
{
	if (!t->stamps)
		t->stamps = kzalloc(sizeof(*t->stamps));
	return t->stamps;
}

static void stamping_update(struct tcb *t)
{
	t->stamping = t->stamps->plain || t->stamps->flags & SOF_TIMESTAMPING_SOFTWARE;
	t->snd.lone = false;
}

static int set_flags(struct tcb *t, u32 flags)
{
	u32 had = t->stamps ? t->stamps->flags : 0;

	if (flags & ~(u32)SOF_KNOWN)
		return -EINVAL;
	if (flags & ~had & SOF_TIMESTAMPING_OPT_ID && (t->sk.state == TCP_CLOSE || t->sk.state == TCP_LISTEN))
		return -EINVAL; /* there is no first byte yet */
	if (!stamps_get(t))
		return -ENOMEM;
	if (flags & ~had & SOF_TIMESTAMPING_OPT_ID)
		t->stamps->base = t->snd.una;
	t->stamps->flags = flags;
	stamping_update(t);
	return 0;
}

int tcp_stamps_set(struct tcb *t, int opt, int v)
{
	if (opt == SO_TIMESTAMPING)
		return set_flags(t, (u32)v);
	if (!stamps_get(t))
		return -ENOMEM;
	t->stamps->plain = v ? opt : 0;
	stamping_update(t);
	return 0;
}

int tcp_stamps_setting(const struct tcb *t, int opt)
{
	if (!t->stamps)
		return 0;
	return opt == SO_TIMESTAMPING ? (int)t->stamps->flags : t->stamps->plain == opt;
}

void tcp_stamps_inherit(struct tcb *t, const struct tcb *l)
{
	if (!l->stamps || !stamps_get(t))
		return;
	t->stamps->flags = l->stamps->flags;
	t->stamps->plain = l->stamps->plain;
	stamping_update(t);
}

void tcp_stamps_renew(struct tcb *t)
{
	struct tcp_stamps *s = t->stamps;

	s->nr_asked = s->nr_told = 0;
	s->flags &= ~(u32)SOF_TIMESTAMPING_OPT_ID; /* its bytes are gone */
	t->sk.notes &= (u8)~SOCK_NOTE_STAMP;
	stamping_update(t);
}

/* ---- on the way out ---- */

static void tell(struct tcb *t, u8 what, seq_t end)
{
	struct tcp_stamps *s = t->stamps;
	bool numbered = s->flags & SOF_TIMESTAMPING_OPT_ID;

	if (s->nr_told == STAMPS_MAX)
		return;
	s->told[(s->told_at + s->nr_told++) % STAMPS_MAX] = (struct stamp){
		wall_clock_ns(tcp_now(t)), numbered ? (u32)seq_diff(end, s->base) - 1 : 0, what
	};
	t->sk.notes |= SOCK_NOTE_STAMP;
	tcp_event(t, EPOLLERR);
}

void tcp_stamp_ask(struct tcb *t)
{
	struct tcp_stamps *s = t->stamps;

	if (s->flags & SOF_TX && s->nr_asked < STAMPS_MAX)
		s->asked[(s->asked_at + s->nr_asked++) % STAMPS_MAX] = t->snd.write;
}

void tcp_stamp_sent(struct tcb *t, const struct tcp_skb_cb *cb)
{
	struct tcp_stamps *s = t->stamps;

	for (u32 i = 0; i < s->nr_asked; i++) {
		seq_t end = s->asked[(s->asked_at + i) % STAMPS_MAX];

		if (seq_gt(end, cb->end_seq))
			break;
		if (seq_le(end, cb->seq))
			continue;
		if (s->flags & SOF_TIMESTAMPING_TX_SCHED)
			tell(t, SCM_TSTAMP_SCHED, end);
		if (s->flags & SOF_TIMESTAMPING_TX_SOFTWARE)
			tell(t, SCM_TSTAMP_SND, end);
	}
}

void tcp_stamp_acked(struct tcb *t)
{
	struct tcp_stamps *s = t->stamps;

	while (s->nr_asked && seq_le(s->asked[s->asked_at], t->snd.una)) {
		if (s->flags & SOF_TIMESTAMPING_TX_ACK)
			tell(t, SCM_TSTAMP_ACK, s->asked[s->asked_at]);
		s->asked_at = (s->asked_at + 1) % STAMPS_MAX;
		s->nr_asked--;
	}
}

long tcp_stamp_fetch(struct sock *sk, struct msghdr *m)
{
	struct tcp_stamps *s = tcb_of(sk)->stamps;
	struct stamp st = s->told[s->told_at];

	s->told_at = (s->told_at + 1) % STAMPS_MAX;
	if (!--s->nr_told)
		sk->notes &= (u8)~SOCK_NOTE_STAMP;
	if (m->msg_notes)
		*m->msg_notes = (struct msg_notes){ .has_stamp = true, .stamp = st.what, .stamp_key = st.key, .stamp_ns = st.ns };
	m->msg_flags = MSG_ERRQUEUE | (s->flags & SOF_TIMESTAMPING_OPT_TSONLY ? 0 : MSG_TRUNC);
	return 0;
}

/* ---- on the way in ---- */

u64 tcp_stamp_arrival(const struct tcb *t, size_t want)
{
	const struct tcp_stamps *s = t->stamps;
	const struct sk_buff *skb = t->rcvq.next;

	if (!s->plain && (s->flags & SOF_RX) != SOF_RX)
		return 0;
	while (skb->len < want && skb->next != (const struct sk_buff *)&t->rcvq) {
		want -= skb->len;
		skb = skb->next;
	}
	return wall_clock_ns(tcp_cb(skb)->tx_ns);
}
