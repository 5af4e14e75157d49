/* SPDX-License-Identifier: MIT
 * frag.c - reassembly for both families (RFC 791 3.2, RFC 815, RFC 1122 3.3.2, RFC 8200 4.5; overlaps:
 * RFC 5722; ECN: RFC 3168 5.3).
 *
 * Owns cpu->frags: one queue per datagram, its pieces in order of offset, never overlapping. An
 * exact duplicate is dropped; any other overlap ends the whole datagram, whose later pieces die too
 * until its time is over. Bounded by memory (oldest datagrams give way), by datagrams per source
 * and by pieces per datagram, over both families together. Runs in net_rx and timer.
 */
#include "net/core/frag.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "net/wire/ipv4.h"

struct frag_queue {
	struct hlist_node hash;
	struct list_head lru;  /* in order of creation */
	struct timer timer;
	struct net_cpu *cpu;
	struct frag_key key;
	const struct frag_ops *ops;
	bool dead;             /* it had an overlap: nothing of it is believed */
	u8 ecn_seen;           /* bit per codepoint */
	bool have_last;
	u8 source;             /* slot in frag_cpu.sources */
	u16 nr;                /* pieces */
	u16 max;               /* bytes of the largest packet that brought one */
	u32 end;               /* of the payload as far as seen; exact once have_last */
	u32 got;               /* bytes of payload here */
	u32 mem;
	struct sk_buff_head pieces;
};

struct frag_cpu {
	struct hlist_head buckets[FRAG_BUCKETS];
	struct list_head lru;
	u32 mem;
	u16 sources[256];      /* datagrams in reassembly by hashed source */
};

struct frag_piece { /* in skb->cb */
	u32 off, end;
};
static struct frag_piece *piece(struct sk_buff *skb) { return (struct frag_piece *)skb->cb; }

/* ---- queues ---- */
static u32 addr_mix(const struct ip_addr *a)
{
	return a->w[0].raw ^ a->w[1].raw * 0x9e3779b1u ^ a->w[2].raw * 0x85ebca6bu ^ a->w[3].raw;
}

static struct hlist_head *bucket(struct net_cpu *cpu, const struct frag_key *k)
{
	u32 h = hsiphash_3u32(addr_mix(&k->src), addr_mix(&k->dst), k->id ^ (u32)k->proto << 24,
			      &cpu->net->hash_key);

	return &cpu->frags->buckets[h % FRAG_BUCKETS];
}

static struct frag_queue *queue_find(struct hlist_head *h, const struct frag_key *k)
{
	struct frag_queue *q;

	hlist_for_each_entry(q, h, hash)
		if (q->key.id == k->id && q->key.proto == k->proto && ip_eq(&q->key.src, &k->src) &&
		    ip_eq(&q->key.dst, &k->dst))
			return q;
	return NULL;
}

static void account(struct frag_queue *q, s32 bytes)
{
	q->mem += (u32)bytes;
	q->cpu->frags->mem += (u32)bytes;
}

/* Drops the pieces; the queue stays, to catch those that are still on their way. */
static void queue_empty(struct frag_queue *q, enum drop_reason reason)
{
	skb_queue_purge(q->cpu, &q->pieces, reason);
	account(q, (s32)(sizeof(*q) - q->mem));
}

static void queue_free(struct frag_queue *q, enum drop_reason reason)
{
	struct frag_cpu *f = q->cpu->frags;

	timer_cancel(&q->cpu->wheel, &q->timer);
	skb_queue_purge(q->cpu, &q->pieces, reason);
	f->mem -= q->mem;
	f->sources[q->source]--;
	hlist_del(&q->hash);
	list_del(&q->lru);
	kfree(q);
}

static void queue_fail(struct frag_queue *q, enum drop_reason reason)
{
	if (!q->dead)
		q->cpu->stats[q->ops->fails]++;
	queue_free(q, reason);
}

/* RFC 1122 3.3.2: told to the sender only if the first fragment is here, since only it shows whose
 * datagram it was. */
static void queue_timer(struct timer *t, u64 now_ns)
{
	struct frag_queue *q = container_of(t, struct frag_queue, timer);
	struct sk_buff *first = skb_peek(&q->pieces);

	q->cpu->stats[q->ops->timeouts]++;
	if (first && !piece(first)->off)
		q->ops->timed_out(q->cpu, first);
	queue_fail(q, DROP(FRAG_TIMEOUT));
}

static struct frag_queue *queue_create(struct net_cpu *cpu, struct hlist_head *h,
				       const struct frag_key *k, const struct frag_ops *ops)
{
	struct frag_cpu *f = cpu->frags;
	u8 source = (u8)hsiphash_3u32(addr_mix(&k->src), 0, 1, &cpu->net->hash_key);
	struct frag_queue *q;

	if (f->sources[source] >= cpu->sysctl.ipfrag_max_dist)
		return NULL;
	q = kzalloc(sizeof(*q));
	if (!q)
		return NULL;
	q->cpu = cpu;
	q->key = *k;
	q->ops = ops;
	q->source = source;
	f->sources[source]++;
	skb_queue_init(&q->pieces);
	timer_init(&q->timer, queue_timer);
	timer_arm(&cpu->wheel, &q->timer,
		  cpu->now_ns + ops->time_s(cpu) * NSEC_PER_SEC);
	hlist_add(&q->hash, h);
	list_add_tail(&q->lru, &f->lru);
	account(q, sizeof(*q));
	return q;
}

/* Datagrams that wait longest give way. A quarter of the pool is the most: the rest is for what is
 * whole. */
static bool make_room(struct net_cpu *cpu, struct frag_queue *keep, u32 bytes)
{
	struct frag_cpu *f = cpu->frags;
	u64 limit = MIN((u64)cpu->sysctl.ipfrag_high_thresh,
			(u64)cpu->skb_pool->nr_bufs * SKB_BUF_SIZE / 4);
	struct frag_queue *q, *next;

	list_for_each_entry_safe(q, next, &f->lru, lru) {
		if (f->mem + bytes <= limit)
			break;
		if (q != keep)
			queue_fail(q, DROP(FRAG_NOMEM));
	}
	return f->mem + bytes <= limit;
}

/* ---- pieces ---- */
/* It says where the datagram ends, or lies behind where that was said to be. */
static bool end_contradicts(const struct frag_queue *q, const struct frag_piece *p, bool mf)
{
	if (q->have_last)
		return mf ? p->end > q->end : p->end != q->end;
	return !mf && p->end < q->end;
}

static enum drop_reason overlap(struct frag_queue *q)
{
	q->cpu->stats[q->ops->fails]++;
	q->dead = true;
	queue_empty(q, DROP(FRAG_OVERLAP));
	return DROP(FRAG_OVERLAP);
}

/* Links skb behind the last piece that begins at or before it. */
static enum drop_reason insert(struct frag_queue *q, struct sk_buff *skb, bool mf)
{
	const struct frag_piece *p = piece(skb);
	struct sk_buff *head = (struct sk_buff *)&q->pieces, *prev = q->pieces.prev;

	while (prev != head && piece(prev)->off > p->off)
		prev = prev->prev;
	if (prev != head && piece(prev)->off == p->off && piece(prev)->end == p->end)
		return DROP(DUP_FRAG);
	if (prev != head && piece(prev)->end > p->off)
		return overlap(q);
	if (prev->next != head && piece(prev->next)->off < p->end)
		return overlap(q);
	if (end_contradicts(q, p, mf))
		return overlap(q);
	if (q->nr >= FRAG_PIECES_MAX)
		return DROP(FRAG_NOMEM);
	skb_insert(&q->pieces, skb, prev, prev->next);
	q->nr++;
	q->max = (u16)MAX(q->max, MIN(skb->len, 65535u));
	q->got += p->end - p->off;
	q->end = MAX(q->end, p->end);
	q->have_last |= !mf;
	q->ecn_seen |= (u8)(1u << (skb->ip.tos & INET_ECN_MASK));
	account(q, (s32)skb->truesize);
	return SKB_CONSUMED;
}

/* ---- the whole ---- */
u8 *skb_at(struct sk_buff *skb, unsigned off, unsigned *avail)
{
	if (off < skb_headlen(skb)) {
		*avail = skb_headlen(skb) - off;
		return skb->data + off;
	}
	off -= skb_headlen(skb);
	for (unsigned i = 0; i < skb->nr_frags; off -= skb->frags[i++].len) {
		if (off >= skb->frags[i].len)
			continue;
		*avail = skb->frags[i].len - off;
		return skb->frags[i].ptr + off;
	}
	BUG_ON("offset behind the end of an skb");
	return NULL;
}

static unsigned frags_needed(const struct frag_queue *q)
{
	struct sk_buff *skb;
	unsigned n = 0;

	skb_queue_walk(&q->pieces, skb)
		n += 1 + skb->nr_frags;
	return n - 1; /* the first piece's linear part stays linear */
}

/* The later pieces' payload hangs on the first one. */
static struct sk_buff *join(struct net_cpu *cpu, struct frag_queue *q)
{
	struct sk_buff *whole = skb_dequeue(&q->pieces), *skb;

	FLOW(cpu, FragsJoined);
	while ((skb = skb_dequeue(&q->pieces))) {
		if (!skb_share(cpu, whole, skb, skb->ip.hdr_len, skb->len - skb->ip.hdr_len)) {
			kfree_skb_reason(cpu, skb, DROP(FRAG_NOMEM));
			consume_skb(cpu, whole);
			return NULL;
		}
		FLOW(cpu, FragsJoined);
		consume_skb(cpu, skb);
	}
	return whole;
}

/* So many small pieces that references do not fit: their bytes move together. */
static struct sk_buff *gather(struct net_cpu *cpu, struct frag_queue *q)
{
	struct sk_buff *first = skb_peek(&q->pieces), *skb;
	struct sk_buff *whole = alloc_skb_with_frags(cpu, SKB_HEADROOM, first->ip.hdr_len + q->end);
	unsigned at = 0, n;

	if (!whole)
		return NULL;
	skb_queue_walk(&q->pieces, skb) {
		for (unsigned from = skb == first ? 0 : skb->ip.hdr_len; from < skb->len;
		     from += n, at += n) {
			u8 *to = skb_at(whole, at, &n);

			n = MIN(n, skb->len - from);
			skb_copy_bits(skb, from, to, n);
		}
	}
	STAT_ADD(cpu, CopyInBytes, q->end);
	whole->dev = first->dev;
	whole->protocol = first->protocol;
	whole->pkt_type = first->pkt_type;
	whole->tstamp_ns = first->tstamp_ns;
	whole->queue_mapping = first->queue_mapping;
	whole->ip = first->ip;
	FLOW_ADD(cpu, FragsJoined, q->pieces.qlen);
	skb_queue_purge(cpu, &q->pieces, RX_OK);
	return whole;
}

static enum drop_reason assemble(struct net_cpu *cpu, struct frag_queue *q, struct sk_buff **out)
{
	/* Of q, which is gone when the whole is there. A router that cuts the whole again makes no piece that is
	 * larger than the largest that came. */
	u8 ecn = q->ecn_seen;
	u16 largest = q->max;
	const struct frag_ops *ops = q->ops;
	bool oversize = q->end + skb_peek(&q->pieces)->ip.hdr_len > 65535u + ops->spare;
	struct sk_buff *whole;

	/* RFC 3168 5.3: congestion was met, but not every sender of a piece could have said so. */
	if (oversize || ((ecn & 1u << INET_ECN_CE) && (ecn & 1u << INET_ECN_NOT_ECT))) {
		queue_fail(q, DROP(FRAG_HDR));
		return SKB_CONSUMED; /* it was among the pieces */
	}
	whole = frags_needed(q) <= MAX_SKB_FRAGS ? join(cpu, q) : gather(cpu, q);
	if (!whole) {
		queue_fail(q, DROP(FRAG_NOMEM));
		return SKB_CONSUMED;
	}
	queue_free(q, RX_OK);
	skb_reset_network_header(whole);
	whole->ip_summed = CHECKSUM_NONE; /* whoever vouched did so for pieces */
	whole->hash = 0;
	whole->ip.frag_max = largest;
	ops->finish(whole, ecn & 1u << INET_ECN_CE);
	cpu->stats[ops->oks]++;
	*out = whole;
	return RX_OK;
}

enum drop_reason frag_rcv(struct net_cpu *cpu, struct sk_buff **skb, const struct frag_key *key, u32 off,
			  bool mf, const struct frag_ops *ops)
{
	u32 len = (*skb)->len - (*skb)->ip.hdr_len;
	struct hlist_head *h = bucket(cpu, key);
	struct frag_queue *q = queue_find(h, key);
	enum drop_reason r;

	if (q && q->dead)
		return DROP(FRAG_OVERLAP);
	if (!make_room(cpu, q, (*skb)->truesize + sizeof(*q)))
		return DROP(FRAG_NOMEM);
	if (!q)
		q = queue_create(cpu, h, key, ops);
	if (!q)
		return DROP(FRAG_NOMEM);
	*piece(*skb) = (struct frag_piece){ .off = off, .end = off + len };
	r = insert(q, *skb, mf);
	if (r == SKB_CONSUMED && q->have_last && q->got == q->end)
		return assemble(cpu, q, skb);
	return r;
}

u64 frags_waiting(const struct net_cpu *cpu)
{
	const struct frag_queue *q;
	u64 n = 0;

	list_for_each_entry(q, &cpu->frags->lru, lru)
		n += q->pieces.qlen;
	return n;
}

void frag_count(const struct net_cpu *cpu, u32 count[2])
{
	const struct frag_queue *q;

	list_for_each_entry(q, &cpu->frags->lru, lru)
		count[!ip_is_v4(&q->key.src)]++;
}

int frag_cpu_init(struct net_cpu *cpu)
{
	struct frag_cpu *f = kzalloc(sizeof(*f));

	if (!f)
		return -ENOMEM;
	list_init(&f->lru);
	cpu->frags = f;
	return 0;
}

void frag_cpu_destroy(struct net_cpu *cpu)
{
	struct frag_cpu *f = cpu->frags;

	if (!f)
		return;
	while (!list_empty(&f->lru))
		queue_free(list_first(&f->lru, struct frag_queue, lru), DROP(FRAG_TIMEOUT));
	kfree(f);
	cpu->frags = NULL;
}
