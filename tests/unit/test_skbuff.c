/* SPDX-License-Identifier: MIT
 * test_skbuff.c - geometry, sharing, pulls over frags, copies and sums, and pools that run out. One CPU without a stack.
 */
#include "host/harness.h"
#include "lib/errno.h"
#include "net/core/skbuff.h"
#include "net/wire/checksum.h"

struct cpu_room {
	struct net net;
	struct net_cpu *cpu;
};

static struct net_cpu *cpu_make(struct cpu_room *r, size_t bytes)
{
	memset(r, 0, sizeof(*r));
	r->cpu = kzalloc(sizeof(*r->cpu));
	r->cpu->net = &r->net;
	r->net.nr_cpus = 1;
	r->net.cpus[0] = r->cpu;
	REQUIRE(!skb_pool_init(r->cpu, bytes));
	return r->cpu;
}

/* All came home, and nothing was lost. */
static void cpu_end(struct cpu_room *r)
{
	struct skb_pool *p = r->cpu->skb_pool;

	CHECK_EQ(p->nr_free_skbs, p->nr_skbs);
	CHECK_EQ(p->nr_free_bufs, p->nr_bufs);
	CHECK_EQ(r->cpu->stats[STAT_SkbAllocs], r->cpu->stats[STAT_SkbFrees]);
	skb_pool_destroy(r->cpu);
	kfree(r->cpu);
}

static u8 byte_at(unsigned i) { return (u8)(i * 7 + (i >> 8)); }

/* An skb whose byte i is byte_at(i): `linear` bytes, then frags of `piece` bytes each up to len. */
static struct sk_buff *make_skb(struct net_cpu *cpu, unsigned linear, unsigned len, unsigned piece)
{
	struct sk_buff *skb = alloc_skb(cpu, 64);
	unsigned off = linear;

	REQUIRE(skb);
	for (unsigned i = 0; i < linear; i++)
		*skb_put(skb, 1) = byte_at(i);
	while (off < len) {
		struct skb_buf *b = skb_buf_alloc(cpu);
		unsigned n = MIN(piece, len - off);

		REQUIRE(b);
		for (unsigned i = 0; i < n; i++)
			skb_buf_room(b)[i] = byte_at(off + i);
		REQUIRE(skb_add_frag(skb, b, skb_buf_room(b), n));
		off += n;
	}
	CHECK_EQ(skb->len, len);
	return skb;
}

static bool holds(const struct sk_buff *skb, unsigned from, unsigned len)
{
	static u8 got[70000];

	if (!CHECK_EQ(skb->len, len) || !CHECK_EQ(skb_copy_bits(skb, 0, got, len), 0))
		return false;
	for (unsigned i = 0; i < len; i++)
		if (!CHECK_EQ(got[i], byte_at(from + i)))
			return false;
	return true;
}

TEST(a_new_skb_is_empty_behind_its_headroom)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = alloc_skb(cpu, SKB_HEADROOM);

	CHECK_EQ(skb->len, 0);
	CHECK_EQ(skb_headroom(skb), SKB_HEADROOM);
	CHECK_EQ(skb_tailroom(skb), SKB_BUF_ROOM - SKB_HEADROOM);
	CHECK_EQ((uintptr_t)skb->buf % SKB_BUF_SIZE, 0);
	CHECK_EQ(skb->mac_header, SKB_NO_OFFSET);
	skb_put(skb, 10);
	skb_push(skb, 4);
	skb_pull(skb, 2);
	CHECK_EQ(skb->len, 12);
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(a_freed_skb_comes_back_clean)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 100, 5000, 1500), *again;

	skb->gso_size = 1;
	skb->mark = skb->hash = 7;
	skb->ip_summed = CHECKSUM_PARTIAL;
	consume_skb(cpu, skb);
	again = alloc_skb(cpu, 0);
	CHECK(again == skb);
	CHECK_EQ(again->nr_frags + again->data_len + again->gso_size + again->mark + again->hash + again->ip_summed, 0);
	consume_skb(cpu, again);
	cpu_end(&r);
}

static void put_too_much(void *arg) { skb_put(arg, SKB_BUF_ROOM); }
static void push_too_much(void *arg) { skb_push(arg, 65); }
static void pull_too_much(void *arg) { skb_pull(arg, 11); }
static void put_behind_frags(void *arg)
{
	static u8 site[10];

	skb_add_frag(arg, NULL, site, 10);
	skb_put(arg, 1);
}

TEST(growing_and_shrinking_beyond_the_bounds_is_a_bug)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 10, 10, 1);

	CHECK(host_panics(put_too_much, skb));
	CHECK(host_panics(push_too_much, skb));
	CHECK(host_panics(pull_too_much, skb));
	CHECK(host_panics(put_behind_frags, skb));
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(pulls_over_frags_make_headers_linear_at_every_length)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);

	for (unsigned n = 0; n <= 300; n++) {
		struct sk_buff *skb = make_skb(cpu, 20, 300, 33);

		if (!CHECK(skb_may_pull(cpu, skb, n)) || !CHECK(skb_headlen(skb) >= n) || !holds(skb, 0, 300))
			n = 1000;
		CHECK(!skb_may_pull(cpu, skb, 301));
		CHECK(!skb_may_pull(cpu, skb, UINT32_MAX));
		consume_skb(cpu, skb);
	}
	cpu_end(&r);
}

TEST(a_pull_that_needs_more_tail_than_there_is_moves_the_headroom)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 40, 5000, 1900);

	skb_reset_network_header(skb);
	CHECK(skb_may_pull(cpu, skb, SKB_BUF_ROOM)); /* the headroom of 64 has to go */
	CHECK_EQ(skb_headroom(skb), 0);
	CHECK_EQ(skb->network_header, 0);
	CHECK(holds(skb, 0, 5000));
	CHECK(!skb_may_pull(cpu, skb, SKB_BUF_ROOM + 1));
	CHECK(holds(skb, 0, 5000));
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(a_pull_never_writes_into_bytes_that_a_clone_sees)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 100, 400, 100), *clone;

	clone = skb_clone(cpu, skb);
	skb_trim(cpu, skb, 50);
	CHECK(skb_add_frag(skb, NULL, (u8 *)"0123456789", 10));
	CHECK(skb_may_pull(cpu, skb, 60));
	CHECK_MEM(skb->data + 50, "0123456789", 10);
	CHECK(holds(clone, 0, 400));
	consume_skb(cpu, skb);
	CHECK(holds(clone, 0, 400));
	consume_skb(cpu, clone);
	cpu_end(&r);
}

TEST(trims_and_pulls_take_bytes_off_either_end_wherever_they_lie)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct test_rng rng = { 99 };

	for (int round = 0; round < 500; round++) {
		unsigned len = 1 + rng_below(&rng, 3000), from = 0;
		struct sk_buff *skb = make_skb(cpu, rng_below(&rng, MIN(len, 1000u)), len, 1 + rng_below(&rng, 200) + len / 30);

		while (len) {
			unsigned n = rng_below(&rng, len + 1);

			if (rng_below(&rng, 2)) {
				skb_trim(cpu, skb, len - n);
			} else {
				skb_pull_any(cpu, skb, n);
				from += n;
			}
			len -= n;
			if (!holds(skb, from, len)) {
				round = 1000;
				break;
			}
		}
		skb_trim(cpu, skb, 100000); /* longer than it is: nothing happens */
		consume_skb(cpu, skb);
	}
	cpu_end(&r);
}

TEST(a_clone_shares_the_bytes_and_outlives_the_original)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 200, 4000, 1000), *c;

	skb->protocol = 0x800;
	skb->mark = 5;
	c = skb_clone(cpu, skb);
	CHECK(c->data == skb->data);
	CHECK_EQ(skb->buf->refs, 2);
	CHECK_EQ(skb->frags[0].buf->refs, 2);
	CHECK_EQ(c->protocol, 0x800);
	CHECK_EQ(c->mark, 5);
	CHECK(c->cloned && skb->cloned);
	consume_skb(cpu, skb);
	CHECK(holds(c, 0, 4000));
	consume_skb(cpu, c);
	cpu_end(&r);
}

TEST(a_packet_over_the_same_bytes_has_headers_of_its_own_and_either_may_end_first)
{
	for (int first = 0; first < 2; first++) {
		struct sk_buff *skb, *over;
		struct cpu_room r;
		struct net_cpu *cpu = cpu_make(&r, 1 << 20);

		skb = alloc_skb(cpu, SKB_HEADROOM);
		memcpy(skb_put(skb, 4), "text", 4);
		CHECK(skb_has_headroom_alone(cpu, skb));
		over = skb_over(cpu, skb);
		REQUIRE(over);
		CHECK(!skb_has_headroom_alone(cpu, skb)); /* it is taken */
		CHECK(over->cloned && over->data == skb->data);
		memcpy(skb_push(over, 3), "hdr", 3);
		CHECK_EQ(over->len, 7);
		CHECK_EQ(skb->len, 4);
		CHECK_MEM(over->data, "hdrtext", 7);
		consume_skb(cpu, first ? skb : over);
		CHECK_MEM((first ? over : skb)->data, first ? "hdrtext" : "text", 4);
		CHECK(first || skb_has_headroom_alone(cpu, skb));
		consume_skb(cpu, first ? over : skb);
		cpu_end(&r);
	}
}

TEST(a_copy_shares_nothing_and_keeps_the_headers)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 200, 60000, 1984), *c;

	skb_reset_network_header(skb);
	skb_pull(skb, 20);
	c = skb_copy(cpu, skb);
	REQUIRE(c);
	CHECK_EQ(c->network_header, skb->network_header);
	memset(skb->head, 0, (size_t)(skb->tail - skb->head));
	consume_skb(cpu, skb);
	CHECK_EQ(skb_network_header(c)[0], byte_at(0));
	CHECK(holds(c, 20, 59980));
	CHECK_EQ(c->cloned, 0);
	consume_skb(cpu, c);
	cpu_end(&r);
}

TEST(sharing_any_range_gives_the_same_bytes_without_a_copy)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *src = make_skb(cpu, 150, 3000, 130);
	struct test_rng rng = { 5 };

	for (int i = 0; i < 300; i++) {
		unsigned off = rng_below(&rng, 3001), len = rng_below(&rng, 3001 - off);
		struct sk_buff *dst = alloc_skb(cpu, 64);

		CHECK(skb_share(cpu, dst, src, off, len));
		if (!holds(dst, off, len))
			i = 1000;
		CHECK_EQ(dst->data_len, len);
		consume_skb(cpu, dst);
	}
	CHECK(holds(src, 0, 3000));
	consume_skb(cpu, src);
	cpu_end(&r);
}

TEST(a_share_that_needs_too_many_frags_changes_nothing)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *src = make_skb(cpu, 100, 100 + MAX_SKB_FRAGS * 10, 10), *dst = make_skb(cpu, 5, 20, 15);

	CHECK_EQ(src->nr_frags, MAX_SKB_FRAGS);
	CHECK(!skb_share(cpu, dst, src, 0, src->len));
	CHECK(holds(dst, 0, 20));
	CHECK_EQ(src->buf->refs, 1);
	CHECK(!skb_add_frag(src, NULL, (u8 *)"x", 1));
	consume_skb(cpu, src);
	consume_skb(cpu, dst);
	cpu_end(&r);
}

TEST(neighbouring_pieces_of_one_buffer_become_one_frag)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *src = make_skb(cpu, 1000, 1000, 1), *dst = alloc_skb(cpu, 0);

	for (unsigned off = 0; off < 1000; off += 10)
		CHECK(skb_share(cpu, dst, src, off, 10));
	CHECK_EQ(dst->nr_frags, 1);
	CHECK_EQ(src->buf->refs, 2);
	CHECK(holds(dst, 0, 1000));
	consume_skb(cpu, src);
	consume_skb(cpu, dst);
	cpu_end(&r);
}

TEST(copies_out_are_refused_beyond_the_end)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 10, 100, 20);
	u8 buf[200];

	CHECK_EQ(skb_copy_bits(skb, 0, buf, 100), 0);
	CHECK_EQ(skb_copy_bits(skb, 100, buf, 0), 0);
	CHECK_EQ(skb_copy_bits(skb, 0, buf, 101), -EFAULT);
	CHECK_EQ(skb_copy_bits(skb, 101, buf, 0), -EFAULT);
	CHECK_EQ(skb_copy_bits(skb, 50, buf, UINT32_MAX), -EFAULT);
	CHECK_EQ(skb_copy_bits(skb, UINT32_MAX, buf, 2), -EFAULT);
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(the_sum_over_frags_is_the_sum_over_the_bytes_at_every_alignment)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct test_rng rng = { 11 };
	u8 flat[2000];

	for (int i = 0; i < 400; i++) {
		unsigned len = rng_below(&rng, 2000), piece = 60 + rng_below(&rng, 100);
		struct sk_buff *skb = make_skb(cpu, rng_below(&rng, MIN(len + 1, 500u)), len, piece);
		unsigned off = rng_below(&rng, len + 1), n = rng_below(&rng, len - off + 1);

		REQUIRE(!skb_copy_bits(skb, off, flat, n));
		if (!CHECK_EQ(csum_fold(skb_checksum(skb, off, n, 99)).raw, csum_fold(csum_partial(flat, n, 99)).raw))
			i = 1000;
		consume_skb(cpu, skb);
	}
	cpu_end(&r);
}

TEST(a_partial_checksum_is_finished_in_software)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = make_skb(cpu, 100, 777, 301);
	be16 pseudo = { 0x1234 };

	memcpy(skb->data + 34 + 16, &pseudo, 2);
	skb->csum_start = (u16)(skb_headroom(skb) + 34);
	skb->csum_offset = 16;
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb_checksum_help(cpu, skb);
	CHECK_EQ(skb->ip_summed, CHECKSUM_NONE);
	CHECK(csum_ok(skb_checksum(skb, 34, 777 - 34, pseudo.raw)));
	CHECK_EQ(cpu->stats[STAT_CsumSoftBytes], 777 - 34);
	consume_skb(cpu, skb);
	cpu_end(&r);
}

TEST(big_skbs_hold_up_to_64_kib)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = alloc_skb_with_frags(cpu, SKB_HEADROOM, SKB_LEN_MAX);

	REQUIRE(skb);
	CHECK_EQ(skb->len, SKB_LEN_MAX);
	CHECK_EQ(skb_headlen(skb), SKB_BUF_ROOM - SKB_HEADROOM);
	consume_skb(cpu, skb);
	CHECK(!alloc_skb_with_frags(cpu, 0, SKB_LEN_MAX + 1));
	cpu_end(&r);
}

TEST(exhausted_pools_refuse_count_and_recover)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1);
	struct skb_pool *p = cpu->skb_pool;
	struct sk_buff_head q;
	struct sk_buff *skb, *kept;
	u32 n = 0;

	skb_queue_init(&q);
	while ((skb = alloc_skb(cpu, 0)))
		skb_queue_tail(&q, skb), n++;
	CHECK_EQ(n, p->nr_bufs);
	CHECK_EQ(p->buf_fail, 1);
	CHECK_EQ(p->low_bufs, 0);
	CHECK(!skb_buf_alloc(cpu));
	kept = skb_peek(&q);
	CHECK(!skb_copy(cpu, kept));
	CHECK(!alloc_skb_with_frags(cpu, 0, 5000));
	while ((skb = skb_clone(cpu, kept)))
		skb_queue_tail(&q, skb);
	CHECK_EQ(p->nr_free_skbs, 0);
	CHECK(p->skb_fail >= 1);
	skb_queue_purge(cpu, &q, DROP_NOMEM);
	CHECK_EQ(cpu->drops[DROP_NOMEM], p->nr_skbs);
	CHECK_EQ(p->dropped, p->nr_skbs);
	cpu_end(&r);
}

/* A ring's refill: of those that were used before, of those that never were, and no more than there are. */
TEST(a_batch_of_buffers_is_as_large_as_asked_or_as_there_are)
{
	static struct skb_buf *got[1024];
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20); /* 512 */
	struct skb_pool *p = cpu->skb_pool;
	unsigned n;

	CHECK_EQ(skb_buf_alloc_bulk(cpu, got, 0), 0);
	CHECK_EQ(skb_buf_alloc_bulk(cpu, got, 100), 100);
	for (unsigned i = 0; i < 50; i++)
		skb_buf_put(cpu, got[i]);
	CHECK_EQ(skb_buf_alloc_bulk(cpu, got, 50), 50); /* the same again */
	CHECK_EQ(p->nr_free_bufs, 412);
	n = 100 + skb_buf_alloc_bulk(cpu, got + 100, 900);
	CHECK_EQ(n, 512);
	CHECK_EQ(p->nr_free_bufs, 0);
	CHECK_EQ(p->low_bufs, 0);
	CHECK_EQ(p->buf_fail, 1);
	for (unsigned i = 0; i < n; i++) {
		CHECK_EQ(got[i]->refs, 1);
		got[i]->refs = 1000 + i; /* nobody else's */
	}
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(got[i]->refs, 1000 + i);
	CHECK_EQ(skb_buf_alloc_bulk(cpu, got + n, 8), 0);
	for (unsigned i = 0; i < n; i++) {
		got[i]->refs = 1;
		skb_buf_put(cpu, got[i]);
	}
	CHECK_EQ(skb_buf_alloc_bulk(cpu, got, 32), 32);
	for (unsigned i = 0; i < 32; i++)
		skb_buf_put(cpu, got[i]);
	cpu_end(&r);
}

TEST(a_buffer_without_an_skb_for_it_stays_the_callers)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1);
	struct sk_buff *first = alloc_skb(cpu, 0), *skb;
	struct skb_buf *b = skb_buf_alloc(cpu);
	struct sk_buff_head q;

	skb_queue_init(&q);
	while ((skb = skb_clone(cpu, first)))
		skb_queue_tail(&q, skb);
	CHECK(!build_skb(cpu, b, 64, 100));
	CHECK_EQ(b->refs, 1);
	consume_skb(cpu, skb_dequeue(&q));
	skb = build_skb(cpu, b, 64, 100);
	CHECK_EQ(skb->len, 100);
	CHECK(skb->data == skb_buf_room(b) + 64);
	consume_skb(cpu, skb);
	consume_skb(cpu, first);
	skb_queue_purge(cpu, &q, RX_OK);
	CHECK_EQ(cpu->skb_pool->dropped, 0);
	cpu_end(&r);
}

TEST(a_pool_without_memory_is_refused_whole)
{
	for (u64 budget = 0; budget < 4; budget++) {
		struct net_cpu *cpu = kzalloc(sizeof(*cpu));

		host_alloc_budget = budget;
		CHECK_EQ(skb_pool_init(cpu, 1 << 20), -ENOMEM);
		host_alloc_budget = UINT64_MAX;
		CHECK(!cpu->skb_pool);
		kfree(cpu);
	}
}

TEST(memory_is_taken_as_it_is_needed_and_its_end_is_counted)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20); /* 512 buffers, 128 in a chunk */
	struct sk_buff *skb = NULL;
	struct sk_buff_head q;

	skb_queue_init(&q);
	CHECK_EQ(cpu->skb_pool->nr_chunks, 2);
	host_alloc_budget = 1;
	for (int i = 0; i < 512 && (!i || skb); i++) {
		skb = alloc_skb(cpu, 0);
		if (skb)
			skb_queue_tail(&q, skb);
	}
	CHECK(q.qlen > 80 && q.qlen <= 256);
	CHECK(!alloc_skb(cpu, 0)); /* the machine has no more */
	CHECK(cpu->skb_pool->skb_fail + cpu->skb_pool->buf_fail >= 2);
	host_alloc_budget = UINT64_MAX;
	skb = alloc_skb(cpu, 0);
	CHECK(skb);
	skb_queue_tail(&q, skb);
	skb_queue_purge(cpu, &q, RX_OK);
	cpu_end(&r);
}

static unsigned destroyed;
static void count_destructor(struct sk_buff *skb) { destroyed++; }

TEST(the_destructor_runs_once_and_never_for_clones)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *skb = alloc_skb(cpu, 0), *c;

	destroyed = 0;
	skb->destructor = count_destructor;
	c = skb_clone(cpu, skb);
	consume_skb(cpu, c);
	CHECK_EQ(destroyed, 0);
	consume_skb(cpu, skb);
	CHECK_EQ(destroyed, 1);
	cpu_end(&r);
}

TEST(queues_keep_order_and_count)
{
	struct cpu_room r;
	struct net_cpu *cpu = cpu_make(&r, 1 << 20);
	struct sk_buff *s[4];
	struct sk_buff_head q;

	skb_queue_init(&q);
	for (int i = 0; i < 4; i++)
		s[i] = alloc_skb(cpu, 0);
	skb_queue_tail(&q, s[1]);
	skb_queue_tail(&q, s[2]);
	skb_queue_head(&q, s[0]);
	skb_insert(&q, s[3], s[2], s[2]->next);
	CHECK_EQ(q.qlen, 4);
	CHECK(skb_peek(&q) == s[0] && skb_peek_tail(&q) == s[3]);
	skb_unlink(&q, s[1]);
	CHECK(skb_dequeue(&q) == s[0] && skb_dequeue(&q) == s[2] && skb_dequeue(&q) == s[3] && !skb_dequeue(&q));
	for (int i = 0; i < 4; i++)
		consume_skb(cpu, s[i]);
	cpu_end(&r);
}
