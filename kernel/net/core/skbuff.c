/* SPDX-License-Identifier: MIT
 * skbuff.c - the pools of a CPU and the life of an skb: allocation, clones, the end (FEATURES RX7, TX6).
 *
 * Owns cpu->skb_pool. Metadata and data buffers are cut from chunks of pages when they are first needed and never given
 * back; from then on taking one is a pop, and only what an owner may read before it writes is initialised. What was freed on a CPU that
 * does not own it waits in home_skbs and home_bufs and goes home as one chain per poll. Bytes: skb_data.c.
 */
#include "net/core/drop_count.h"
#include "net/core/skbuff.h"
#include "lib/errno.h"
#include "lib/poison.h"
#include "net/core/last_drop.h"
#include "net/core/tap.h"

#define CHUNK_BYTES (4096ul << SKB_CHUNK_ORDER)
#define SKB_STRIDE  ALIGN_UP(sizeof(struct sk_buff) + POISON_TRACK, (size_t)CACHE_LINE)
#define SKBS_PER_CHUNK (u32)(CHUNK_BYTES / SKB_STRIDE)
#define SKB_LEND_FRONT 192u /* bytes copied of an skb that is lent: all headers are among them */

_Static_assert(CHUNK_BYTES % SKB_BUF_SIZE == 0, "buffers fill a chunk");
_Static_assert(SKB_HEADROOM < SKB_BUF_ROOM, "headroom leaves room");
_Static_assert(sizeof(struct inbox_msg) <= sizeof(((struct sk_buff *)0)->cb), "an skb can be a message");

/* ---- the memory. It is taken in chunks and cut piece by piece, so what was never needed was never touched ---- */

static bool take_chunk(struct skb_pool *pool, struct skb_uncut *u, size_t piece)
{
	u8 *p = u->chunks_left ? pages_alloc(SKB_CHUNK_ORDER) : NULL;

	if (!p)
		return false;
	mem_poison(p, CHUNK_BYTES);
	pool->chunks[pool->nr_chunks++] = p;
	u->chunks_left--;
	u->at = p;
	u->end = p + CHUNK_BYTES / piece * piece;
	return true;
}

/* The next piece that was never used; NULL: all are out, or the machine has no memory. */
static void *cut(struct skb_pool *pool, struct skb_uncut *u, size_t piece)
{
	void *p = u->at;

	if (p == u->end) {
		if (!take_chunk(pool, u, piece))
			return NULL;
		p = u->at;
	}
	u->at += piece;
	mem_unpoison(p, piece);
	return p;
}

static __noinline struct sk_buff *cut_skb(struct net_cpu *cpu)
{
	struct sk_buff *skb = cut(cpu->skb_pool, &cpu->skb_pool->uncut_skbs, SKB_STRIDE);

	if (skb)
		skb->cpu = (u8)cpu->id;
	else
		cpu->skb_pool->skb_fail++;
	return skb;
}

static __noinline struct skb_buf *cut_buf(struct net_cpu *cpu)
{
	struct skb_buf *b = cut(cpu->skb_pool, &cpu->skb_pool->uncut_bufs, SKB_BUF_SIZE);

	if (b)
		*b = (struct skb_buf){ .cpu = (u16)cpu->id, .dma = dma_addr(b) };
	else
		cpu->skb_pool->buf_fail++;
	return b;
}

static void pool_free(struct net_cpu *cpu)
{
	struct skb_pool *pool = cpu->skb_pool;

	for (u32 i = 0; i < pool->nr_chunks; i++) {
		mem_unpoison(pool->chunks[i], CHUNK_BYTES);
		pages_free(pool->chunks[i], SKB_CHUNK_ORDER);
	}
	kfree(pool->chunks);
	kfree(pool);
	cpu->skb_pool = NULL;
}

/* ---- free lists. What lies there is poisoned but for the link ---- */

static inline void push_skb(struct skb_pool *pool, struct sk_buff *skb)
{
	pool->nr_free_skbs++;
	mem_freed(skb, sizeof(*skb));
	mem_unpoison(skb, offsetof(struct sk_buff, prev));
	mem_poison(&skb->prev, sizeof(*skb) - offsetof(struct sk_buff, prev));
	skb = mem_quarantine_put(&pool->late_skbs, skb, sizeof(*skb));
	if (POISON_TRACK && !skb)
		return;
	skb->next = pool->free_skbs;
	pool->free_skbs = skb;
}

static inline struct sk_buff *pop_skb(struct net_cpu *cpu)
{
	struct skb_pool *pool = cpu->skb_pool;
	struct sk_buff *skb = pool->free_skbs;

	if (likely(skb)) {
		mem_unpoison(skb, sizeof(*skb));
		pool->free_skbs = skb->next;
	} else if (!(skb = cut_skb(cpu)) && !(skb = mem_quarantine_take(&pool->late_skbs))) {
		return NULL;
	}
	pool->nr_free_skbs--;
	mem_taken(skb, sizeof(*skb), "sk_buff");
	return skb;
}

static inline void push_buf(struct skb_pool *pool, struct skb_buf *b)
{
	pool->nr_free_bufs++;
	mem_freed(b, sizeof(*b) + SKB_BUF_ROOM);
	mem_unpoison(b, sizeof(*b));
	mem_poison(b + 1, SKB_BUF_ROOM);
	b = mem_quarantine_put(&pool->late_bufs, b, sizeof(*b) + SKB_BUF_ROOM);
	if (POISON_TRACK && !b)
		return;
	b->next_free = pool->free_bufs;
	pool->free_bufs = b;
}

static inline struct skb_buf *pop_buf(struct net_cpu *cpu)
{
	struct skb_pool *pool = cpu->skb_pool;
	struct skb_buf *b = pool->free_bufs;

	if (likely(b)) {
		mem_unpoison(b + 1, SKB_BUF_ROOM);
		pool->free_bufs = b->next_free;
	} else if (!(b = cut_buf(cpu)) && !(b = mem_quarantine_take(&pool->late_bufs))) {
		return NULL;
	}
	if (--pool->nr_free_bufs < pool->low_bufs)
		pool->low_bufs = pool->nr_free_bufs;
	mem_taken(b, sizeof(*b) + SKB_BUF_ROOM, "skb_buf");
	b->refs = 1;
	return b;
}

/* ---- pools ---- */

int skb_pool_init(struct net_cpu *cpu, size_t bytes)
{
	struct skb_pool *pool = kzalloc(sizeof(*pool));
	u32 buf_chunks, skb_chunks;

	cpu->skb_pool = pool;
	if (!pool)
		return -ENOMEM;
	buf_chunks = (u32)DIV_ROUND_UP(MAX(bytes, (size_t)1), CHUNK_BYTES);
	pool->nr_bufs = pool->nr_free_bufs = pool->low_bufs = buf_chunks * (u32)(CHUNK_BYTES / SKB_BUF_SIZE);
	skb_chunks = DIV_ROUND_UP(pool->nr_bufs * 3 / 2, SKBS_PER_CHUNK); /* clones have no buffer of their own */
	pool->nr_skbs = pool->nr_free_skbs = skb_chunks * SKBS_PER_CHUNK;
	pool->uncut_bufs.chunks_left = buf_chunks;
	pool->uncut_skbs.chunks_left = skb_chunks;
	pool->chunks = kmalloc((buf_chunks + skb_chunks) * sizeof(void *));
	if (pool->chunks && take_chunk(pool, &pool->uncut_bufs, SKB_BUF_SIZE) &&
	    take_chunk(pool, &pool->uncut_skbs, SKB_STRIDE))
		return 0;
	pool_free(cpu);
	return -ENOMEM;
}

void skb_pool_destroy(struct net_cpu *cpu)
{
	struct skb_pool *pool = cpu->skb_pool;

	if (!pool)
		return;
	if (pool->nr_free_skbs != pool->nr_skbs || pool->nr_free_bufs != pool->nr_bufs)
		log_err("cpu %u: %u skbs and %u buffers are lost", cpu->id, pool->nr_skbs - pool->nr_free_skbs,
			pool->nr_bufs - pool->nr_free_bufs);
	pool_free(cpu);
}

/* ---- the way home. The first of a chain is the message ---- */

static void skbs_came_home(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct sk_buff *skb = (struct sk_buff *)((u8 *)msg - offsetof(struct sk_buff, cb)), *next;

	for (; skb; skb = next) {
		next = skb->next;
		cpu->skb_pool->in_transit--;
		push_skb(cpu->skb_pool, skb);
	}
}

/* At home. One that stood for an skb of ours lets go of it. */
static void buf_arrived(struct net_cpu *cpu, struct skb_buf *b)
{
	struct sk_buff *lent = b->lent;

	b->cpu = (u16)cpu->id;
	b->lent = NULL;
	push_buf(cpu->skb_pool, b);
	if (lent)
		consume_skb(cpu, lent);
}

static void bufs_came_home(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct skb_buf *b = container_of(msg, struct skb_buf, home), *next;

	for (; b; b = next) {
		next = b->next_free;
		buf_arrived(cpu, b);
	}
}

static bool send_skbs_home(struct net_cpu *cpu, struct net_cpu *to)
{
	struct sk_buff *skb = cpu->skb_pool->home_skbs[to->id];
	struct inbox_msg *msg;

	if (!skb)
		return true;
	msg = (struct inbox_msg *)skb->cb;
	msg->fn = skbs_came_home;
	if (!inbox_put(cpu, to, msg))
		return false;
	cpu->skb_pool->home_skbs[to->id] = NULL;
	return true;
}

static bool send_bufs_home(struct net_cpu *cpu, struct net_cpu *to)
{
	struct skb_buf *b = cpu->skb_pool->home_bufs[to->id];

	if (!b)
		return true;
	b->home.fn = bufs_came_home;
	if (!inbox_put(cpu, to, &b->home))
		return false;
	cpu->skb_pool->home_bufs[to->id] = NULL;
	return true;
}

void skb_pool_send_home(struct net_cpu *cpu)
{
	u32 away = cpu->away;

	for (; away; away &= away - 1) {
		struct net_cpu *to = cpu->net->cpus[__builtin_ctz(away)];

		if (send_skbs_home(cpu, to) && send_bufs_home(cpu, to))
			cpu->away &= ~(1u << to->id);
	}
}

static __noinline void skb_leave(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct skb_pool *pool = cpu->skb_pool;

	skb->next = pool->home_skbs[skb->cpu];
	pool->home_skbs[skb->cpu] = skb;
	pool->in_transit++;
	cpu->away |= 1u << skb->cpu;
}

static __noinline void buf_leave(struct net_cpu *cpu, struct skb_buf *b)
{
	struct skb_pool *pool = cpu->skb_pool;
	unsigned home = b->cpu & (SKB_BUF_LENT - 1u);

	if (home == cpu->id) {
		buf_arrived(cpu, b);
		return;
	}
	b->next_free = pool->home_bufs[home];
	pool->home_bufs[home] = b;
	cpu->away |= 1u << home;
}

/* ---- buffers ---- */

static __noinline struct skb_buf *buf_alloc_slow(struct net_cpu *cpu)
{
	return pop_buf(cpu);
}

struct skb_buf *skb_buf_alloc(struct net_cpu *cpu)
{
	return likely(cpu->skb_pool->free_bufs) ? pop_buf(cpu) : buf_alloc_slow(cpu);
}

unsigned skb_buf_alloc_bulk(struct net_cpu *cpu, struct skb_buf **bufs, unsigned n)
{
	struct skb_pool *pool = cpu->skb_pool;
	struct skb_buf *b = pool->free_bufs;
	unsigned i = 0;

	for (; b && i < n; b = b->next_free) {
		mem_unpoison(b + 1, SKB_BUF_ROOM);
		mem_taken(b, sizeof(*b) + SKB_BUF_ROOM, "skb_buf");
		b->refs = 1;
		bufs[i++] = b;
	}
	pool->free_bufs = b;
	pool->nr_free_bufs -= i;
	pool->low_bufs = MIN(pool->low_bufs, pool->nr_free_bufs);
	for (; i < n && (b = pop_buf(cpu)); i++)
		bufs[i] = b;
	return i;
}

static inline void put_buf(struct net_cpu *cpu, struct skb_buf *b)
{
	BUG_ON(!b->refs);
	if (--b->refs)
		return;
	if (likely(b->cpu == cpu->id))
		push_buf(cpu->skb_pool, b);
	else
		buf_leave(cpu, b);
}

void skb_buf_put(struct net_cpu *cpu, struct skb_buf *b)
{
	put_buf(cpu, b);
}

/* ---- skbs ---- */

/* All that an owner may read before it writes; cb, ip, hash sources and offsets of CHECKSUM_PARTIAL are not among it. */
static inline void skb_reset(struct sk_buff *skb, struct skb_buf *b, unsigned off)
{
	u8 *room = skb_buf_room(b);

	skb->next = skb->prev = NULL;
	skb->head = room;
	skb->data = skb->tail = room + off;
	skb->end = room + SKB_BUF_ROOM;
	skb->len = skb->data_len = 0;
	skb->buf = b;
	skb->dev = NULL;
	skb->sk = NULL;
	skb->destructor = NULL;
	skb->mac_header = skb->network_header = skb->transport_header = SKB_NO_OFFSET;
	skb->protocol = 0;
	skb->ip_summed = CHECKSUM_NONE;
	skb->pkt_type = PACKET_HOST;
	skb->gso_type = skb->nr_frags = 0;
	skb->gso_size = skb->gso_segs = 0;
	skb->queue_mapping = 0;
	skb->cloned = 0;
	skb->priority = 0;
	skb->hash = skb->mark = 0;
	skb->truesize = SKB_TRUESIZE;
	skb->tstamp_ns = 0;
	skb->nfct = NULL;
}

static inline struct sk_buff *skb_start(struct net_cpu *cpu, struct sk_buff *skb, struct skb_buf *b, unsigned off, unsigned len)
{
	STAT(cpu, SkbAllocs);
	skb_reset(skb, b, off);
	skb->tail += len;
	skb->len = len;
	return skb;
}

/* The list of free ones is empty, or the caller is wrong. */
static __noinline struct sk_buff *build_skb_slow(struct net_cpu *cpu, struct skb_buf *buf, unsigned off, unsigned len)
{
	struct sk_buff *skb;

	BUG_ON(off > SKB_BUF_ROOM || len > SKB_BUF_ROOM - off);
	skb = pop_skb(cpu);
	return skb ? skb_start(cpu, skb, buf, off, len) : NULL;
}

struct sk_buff *build_skb(struct net_cpu *cpu, struct skb_buf *buf, unsigned off, unsigned len)
{
	if (unlikely(!cpu->skb_pool->free_skbs || (u64)off + len > SKB_BUF_ROOM))
		return build_skb_slow(cpu, buf, off, len);
	return skb_start(cpu, pop_skb(cpu), buf, off, len);
}

static __noinline struct sk_buff *alloc_skb_slow(struct net_cpu *cpu, unsigned headroom)
{
	struct skb_buf *b = pop_buf(cpu);
	struct sk_buff *skb;

	if (unlikely(!b))
		return NULL;
	skb = build_skb(cpu, b, headroom, 0);
	if (unlikely(!skb))
		push_buf(cpu->skb_pool, b);
	return skb;
}

struct sk_buff *alloc_skb(struct net_cpu *cpu, unsigned headroom)
{
	if (unlikely(!cpu->skb_pool->free_skbs || !cpu->skb_pool->free_bufs || headroom > SKB_BUF_ROOM))
		return alloc_skb_slow(cpu, headroom);
	return skb_start(cpu, pop_skb(cpu), pop_buf(cpu), headroom, 0);
}

struct sk_buff *skb_over(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct sk_buff *c = pop_skb(cpu);

	if (unlikely(!c))
		return NULL;
	skb_start(cpu, c, skb->buf, (unsigned)(skb->data - skb_buf_room(skb->buf)), skb->len);
	skb_buf_get(skb->buf);
	c->cloned = skb->cloned = 1;
	return c;
}

static inline void put_frags(struct net_cpu *cpu, const struct skb_frag *f, const struct skb_frag *end)
{
	struct skb_pool *pool = cpu->skb_pool;
	unsigned id = cpu->id;

	for (; f < end; f++) {
		struct skb_buf *b = f->buf;

		if (!b)
			continue;
		if (likely(b->refs == 1 && b->cpu == id)) {
			b->refs = 0;
			push_buf(pool, b);
		} else {
			put_buf(cpu, b);
		}
	}
}

static __noinline void skb_free_slow(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (skb->destructor)
		skb->destructor(skb);
	put_frags(cpu, skb->frags, skb->frags + skb->nr_frags);
	put_buf(cpu, skb->buf);
	if (likely(skb->cpu == cpu->id))
		push_skb(cpu->skb_pool, skb);
	else
		skb_leave(cpu, skb);
}

static inline void free_plain(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (!--skb->buf->refs)
		push_buf(cpu->skb_pool, skb->buf);
	push_skb(cpu->skb_pool, skb);
}

static __noinline void free_owned(struct net_cpu *cpu, struct sk_buff *skb)
{
	skb->destructor(skb);
	free_plain(cpu, skb);
}

/* The usual end: one buffer, at home here as the skb is. */
static inline void skb_free(struct net_cpu *cpu, struct sk_buff *skb)
{
	const struct skb_buf *b = skb->buf;

	STAT(cpu, SkbFrees);
	if (unlikely(skb->nr_frags || !b->refs || b->cpu != cpu->id || skb->cpu != cpu->id))
		skb_free_slow(cpu, skb);
	else if (skb->destructor)
		free_owned(cpu, skb);
	else
		free_plain(cpu, skb);
}

struct skb_buf *skb_take_buf(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct skb_buf *b = skb->buf;

	STAT(cpu, SkbFrees);
	push_skb(cpu->skb_pool, skb);
	return b;
}

static __noinline void consume_watched(struct net_cpu *cpu, struct sk_buff *skb)
{
	trace(cpu, TRACE_CONSUME, skb);
	skb_free(cpu, skb);
}

void consume_skb(struct net_cpu *cpu, struct sk_buff *skb)
{
	if (unlikely(watched(cpu, 1u << TRACE_CONSUME)))
		consume_watched(cpu, skb); /* the last call, so that nothing is saved across it */
	else
		skb_free(cpu, skb);
}

void kfree_skb_reason(struct net_cpu *cpu, struct sk_buff *skb, enum drop_reason reason)
{
	BUG_ON((unsigned)drop_why(reason) >= DROP_MAX);
	if (reason != RX_OK) {
		drop_count(cpu, reason);
		cpu->skb_pool->dropped++;
		if (unlikely(watched(cpu, WATCH_ALL)))
			tap_dropped(cpu, skb, reason);
		if (HOOKS && unlikely(cpu->last_drops))
			last_drop_keep(cpu, skb, reason);
	}
	skb_free(cpu, skb);
}

void skb_buf_drop(struct net_cpu *cpu, struct skb_buf *b, enum drop_reason reason)
{
	drop_count(cpu, reason);
	cpu->skb_pool->bare_dropped++;
	skb_buf_put(cpu, b);
}

struct sk_buff *alloc_skb_with_frags(struct net_cpu *cpu, unsigned headroom, unsigned len)
{
	struct sk_buff *skb;
	struct skb_buf *b;
	unsigned n;

	if (len > SKB_LEN_MAX)
		return NULL;
	skb = alloc_skb(cpu, headroom);
	if (!skb)
		return NULL;
	n = MIN(len, (unsigned)SKB_BUF_ROOM - headroom);
	skb_put(skb, n);
	for (len -= n; len; len -= n) {
		n = MIN(len, (unsigned)SKB_BUF_ROOM);
		b = pop_buf(cpu);
		if (!b || !skb_add_frag(skb, b, skb_buf_room(b), n)) {
			if (b)
				push_buf(cpu->skb_pool, b);
			consume_skb(cpu, skb);
			return NULL;
		}
	}
	return skb;
}

/* From head to nfct: what both refer to. cb belongs to the owner of each. */
#define CLONE_FROM offsetof(struct sk_buff, head)
#define CLONE_TO   offsetof(struct sk_buff, cb)

struct sk_buff *skb_clone(struct net_cpu *cpu, struct sk_buff *skb)
{
	struct sk_buff *c = pop_skb(cpu);
	u8 home;

	if (unlikely(!c))
		return NULL;
	STAT(cpu, SkbAllocs);
	home = c->cpu;
	skb->cloned = 1;
	memcpy((u8 *)c + CLONE_FROM, (u8 *)skb + CLONE_FROM, CLONE_TO - CLONE_FROM);
	c->cpu = home;
	c->next = c->prev = NULL;
	c->sk = NULL;
	c->destructor = NULL;
	skb_buf_get(skb->buf);
	for (unsigned i = 0; i < skb->nr_frags; i++) {
		c->frags[i] = skb->frags[i];
		if (c->frags[i].buf)
			skb_buf_get(c->frags[i].buf);
	}
	return c;
}

/* Appends data_len bytes of src's frags to dst in fresh buffers. */
static bool copy_frags(struct net_cpu *cpu, struct sk_buff *dst, const struct sk_buff *src)
{
	unsigned off = skb_headlen(src), left = src->data_len, n;
	struct skb_buf *b;

	for (; left; left -= n, off += n) {
		n = MIN(left, (unsigned)SKB_BUF_ROOM);
		b = pop_buf(cpu);
		if (!b)
			return false;
		if (!skb_add_frag(dst, b, skb_buf_room(b), n)) {
			push_buf(cpu->skb_pool, b);
			return false;
		}
		skb_copy_bits(src, off, skb_buf_room(b), n);
	}
	return true;
}

/* An skb with a buffer of its own that looks like skb: offsets, marks and the first `front` bytes of its linear part. */
static struct sk_buff *copy_front(struct net_cpu *cpu, const struct sk_buff *skb, unsigned front)
{
	struct sk_buff *c = alloc_skb(cpu, skb_headroom(skb));
	struct skb_buf *b;
	u32 truesize;
	u8 home;

	if (!c)
		return NULL;
	b = c->buf;
	home = c->cpu;
	truesize = c->truesize;
	memcpy((u8 *)c + CLONE_FROM, (const u8 *)skb + CLONE_FROM, CLONE_TO - CLONE_FROM);
	c->cpu = home;
	c->sk = NULL;
	c->destructor = NULL;
	c->cloned = 0;
	c->truesize = truesize;
	c->buf = b;
	c->head = skb_buf_room(b);
	c->data = c->head + skb_headroom(skb);
	c->tail = c->data + front;
	c->end = c->head + SKB_BUF_ROOM;
	c->nr_frags = 0;
	c->data_len = 0;
	c->len = front;
	memcpy(c->head, skb->head, skb_headroom(skb) + front); /* link and network headers may stand before data */
	return c;
}

struct sk_buff *skb_copy(struct net_cpu *cpu, const struct sk_buff *skb)
{
	struct sk_buff *c = copy_front(cpu, skb, skb_headlen(skb));

	if (!c || copy_frags(cpu, c, skb))
		return c;
	consume_skb(cpu, c);
	return NULL;
}

/* One more piece that stays as long as c's own buffer; memory that stays anyway needs no reference. */
static bool lend_piece(struct sk_buff *c, u8 *ptr, unsigned len, bool counted)
{
	if (counted)
		skb_buf_get(c->buf);
	if (skb_add_frag(c, counted ? c->buf : NULL, ptr, len))
		return true;
	c->buf->refs -= counted; /* never the last: c has one */
	return false;
}

struct sk_buff *skb_lend(struct net_cpu *cpu, struct sk_buff *skb)
{
	unsigned front = MIN(skb_headlen(skb), SKB_LEND_FRONT), rest = skb_headlen(skb) - front;
	struct sk_buff *c = copy_front(cpu, skb, front);
	bool ok;

	if (!c)
		return NULL;
	ok = !rest || lend_piece(c, skb->data + front, rest, true);
	for (unsigned i = 0; ok && i < skb->nr_frags; i++)
		ok = lend_piece(c, skb->frags[i].ptr, skb->frags[i].len, skb->frags[i].buf);
	if (!ok) {
		consume_skb(cpu, c);
		return NULL;
	}
	c->buf->cpu |= SKB_BUF_LENT;
	c->buf->lent = skb;
	return c;
}

void skb_queue_purge(struct net_cpu *cpu, struct sk_buff_head *q, enum drop_reason reason)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(q)))
		kfree_skb_reason(cpu, skb, reason);
}
