/* SPDX-License-Identifier: MIT
 * test_virtqueue.c - the split virtqueue alone: chains out and back, free descriptors, event index, and every lie.
 */
#include <stdlib.h>

#include "drivers/virtio-net/virtio.h"
#include "host/harness.h"
#include "lib/string.h"

static unsigned notified;

static void count_notify(struct virtqueue *vq)
{
	notified++;
}

static const struct virtio_transport_ops test_ops = { .name = "test", .notify = count_notify };
static struct virtio_device test_device = { .ops = &test_ops };
static char tokens[VQ_MAX_SIZE];

static struct virtqueue *make(u16 size, bool event_idx, bool indirect)
{
	struct virtqueue *vq = malloc(sizeof(*vq));

	REQUIRE(virtqueue_create(vq, &test_device, 0, size, indirect) == 0);
	virtqueue_reset(vq, event_idx);
	notified = 0;
	return vq;
}

static void drop(struct virtqueue *vq)
{
	virtqueue_destroy(vq);
	free(vq);
}

/* The device's side: uses entry `id`. */
static void use(struct virtqueue *vq, u32 id, u32 len)
{
	vq->used->ring[vq->used->idx & (vq->size - 1)].id = id;
	vq->used->ring[vq->used->idx & (vq->size - 1)].len = len;
	vq->used->idx++;
}

static u16 avail_head(struct virtqueue *vq, u16 n)
{
	return vq->avail->ring[n & (vq->size - 1)];
}

static u16 *avail_event(struct virtqueue *vq)
{
	return (u16 *)(void *)&((struct vring_used *)vq->used)->ring[vq->size];
}

TEST(a_buffer_goes_out_and_comes_back_with_its_length)
{
	struct virtqueue *vq = make(8, false, false);
	struct vq_done done;

	virtqueue_add_in(vq, 0x1000, 1500, &tokens[1]);
	CHECK_EQ(vq->avail->idx, 0); /* not shown before the kick */
	CHECK(virtqueue_kick(vq, false));
	CHECK_EQ(vq->avail->idx, 1);
	CHECK_EQ(vq->desc[avail_head(vq, 0)].flags, VRING_DESC_F_WRITE);
	CHECK(!virtqueue_get(vq).token);
	use(vq, avail_head(vq, 0), 60);
	CHECK(virtqueue_has_used(vq));
	done = virtqueue_get(vq);
	CHECK(done.token == &tokens[1]);
	CHECK_EQ(done.len, 60);
	CHECK_EQ(vq->nr_free, 8);
	CHECK_EQ(vq->in_flight, 0);
	drop(vq);
}

TEST(chains_of_any_length_come_back_in_any_order_for_ever)
{
	struct virtqueue *vq = make(64, false, true);
	struct test_rng rng = { 7 };
	u16 heads[64], nr = 0;
	struct vq_seg segs[VQ_MAX_SEGS];
	u32 sent = 0, back = 0;

	for (unsigned i = 0; i < VQ_MAX_SEGS; i++)
		segs[i] = (struct vq_seg){ 0x1000 * i, 100 };
	while (back < 100000) {
		unsigned n = 1 + rng_below(&rng, VQ_MAX_SEGS);

		while (vq->nr_free >= n && nr < 64) {
			virtqueue_add_chain(vq, segs, n, &tokens[sent++ % 64]);
			heads[nr++] = avail_head(vq, (u16)(vq->avail_idx - 1));
			n = 1 + rng_below(&rng, VQ_MAX_SEGS);
		}
		virtqueue_kick(vq, false);
		while (nr) { /* all of them, at random */
			u16 pick = (u16)rng_below(&rng, nr);

			use(vq, heads[pick], 0);
			heads[pick] = heads[--nr];
		}
		while (virtqueue_get(vq).token)
			back++;
		if (!CHECK_EQ(vq->lie, VQ_LIE_NONE) || !CHECK_EQ(vq->nr_free, 64))
			break;
	}
	CHECK_EQ(vq->nr_free_tables, vq->nr_tables);
	drop(vq);
}

TEST(long_chains_take_one_descriptor_when_tables_are_there)
{
	struct virtqueue *vq = make(64, false, true);
	struct vq_seg segs[VQ_MAX_SEGS] = { { 0, 0 } };
	const struct vring_desc *table;

	for (unsigned i = 0; i < VQ_MAX_SEGS; i++)
		segs[i] = (struct vq_seg){ 0x1000 + i, 10 + i };
	virtqueue_add_chain(vq, segs, VQ_MAX_SEGS, &tokens[0]);
	CHECK_EQ(vq->nr_free, 63);
	CHECK_EQ(vq->desc[0].flags, VRING_DESC_F_INDIRECT);
	CHECK_EQ(vq->desc[0].len, VQ_MAX_SEGS * sizeof(struct vring_desc));
	table = (const struct vring_desc *)(uintptr_t)vq->desc[0].addr;
	for (unsigned i = 0; i < VQ_MAX_SEGS; i++) {
		CHECK_EQ(table[i].addr, 0x1000 + i);
		CHECK_EQ(table[i].len, 10 + i);
		CHECK_EQ(table[i].flags, i + 1 < VQ_MAX_SEGS ? VRING_DESC_F_NEXT : 0);
	}
	virtqueue_add_chain(vq, segs, 2, &tokens[1]);
	CHECK_EQ(vq->nr_free, 61);
	drop(vq);
}

TEST(the_device_is_notified_only_when_it_asks)
{
	struct virtqueue *vq = make(8, false, false);

	vq->used->flags = VRING_USED_F_NO_NOTIFY;
	virtqueue_add_in(vq, 0, 10, &tokens[0]);
	CHECK(!virtqueue_kick(vq, false));
	CHECK_EQ(vq->avail->idx, 1);
	CHECK(virtqueue_kick(vq, true));
	CHECK_EQ(notified, 1);
	drop(vq);
}

TEST(event_index_notifies_once_when_the_index_passes_it)
{
	struct virtqueue *vq = make(8, true, false);

	*avail_event(vq) = 1; /* tell me when you make the second one available */
	virtqueue_add_in(vq, 0, 10, &tokens[0]);
	CHECK(!virtqueue_kick(vq, false));
	virtqueue_add_in(vq, 0, 10, &tokens[1]);
	virtqueue_add_in(vq, 0, 10, &tokens[2]);
	CHECK(virtqueue_kick(vq, false));
	virtqueue_add_in(vq, 0, 10, &tokens[3]);
	CHECK(!virtqueue_kick(vq, false));
	CHECK_EQ(notified, 1);
	drop(vq);
}

TEST(interrupts_are_asked_for_by_event_and_the_race_is_seen)
{
	struct virtqueue *vq = make(8, true, false);

	for (unsigned i = 0; i < 4; i++)
		virtqueue_add_in(vq, 0, 10, &tokens[i]);
	virtqueue_kick(vq, false);
	CHECK_EQ(vq->avail->ring[8], 0xffff);
	CHECK(!virtqueue_irq_on(vq, 0));
	CHECK_EQ(vq->avail->ring[8], 0);
	use(vq, avail_head(vq, 0), 1);
	CHECK(virtqueue_irq_on(vq, 0)); /* it came before the event was written */
	virtqueue_get(vq);
	CHECK(!virtqueue_irq_on(vq, 1));
	CHECK_EQ(vq->avail->ring[8], 2);
	use(vq, avail_head(vq, 1), 1);
	CHECK(!virtqueue_irq_on(vq, 1));
	use(vq, avail_head(vq, 2), 1);
	CHECK(virtqueue_irq_on(vq, 1));
	drop(vq);
}

/* Both sides ask for each step ahead of it, twice around 65536: no doorbell and no interrupt too many or too few. */
TEST(event_indices_go_around_with_the_ring_indices)
{
	struct virtqueue *vq = make(8, true, false);
	unsigned silent = 0, late = 0, early = 0;

	for (u32 n = 0; n < 2 * 65536 + 10; n++) {
		u16 i = (u16)n;
		bool ask = n % 3 != 1;

		*avail_event(vq) = ask ? i : (u16)(i + 1); /* tell me of this one, or only of the next */
		virtqueue_add_in(vq, 0, 10, &tokens[0]);
		silent += virtqueue_kick(vq, false) != ask;
		early += virtqueue_irq_on(vq, 0);
		early += vq->avail->ring[8] != i; /* used_event */
		use(vq, avail_head(vq, i), 1);
		late += !virtqueue_irq_on(vq, 0) + virtqueue_irq_on(vq, 1) + !virtqueue_get(vq).token;
	}
	CHECK_EQ(silent, 0);
	CHECK_EQ(early, 0);
	CHECK_EQ(late, 0);
	CHECK_EQ(vq->lie, VQ_LIE_NONE);
	drop(vq);
}

TEST(interrupts_without_event_index_are_a_flag)
{
	struct virtqueue *vq = make(8, false, false);

	CHECK_EQ(vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	CHECK(!virtqueue_irq_on(vq, 3));
	CHECK_EQ(vq->avail->flags, 0);
	virtqueue_irq_off(vq);
	CHECK_EQ(vq->avail->flags, VRING_AVAIL_F_NO_INTERRUPT);
	drop(vq);
}

/* One buffer in flight, then the lie, and what is left afterwards. */
static void expect_lie(u16 used_step, u32 id, u32 len, enum vq_lie lie)
{
	struct virtqueue *vq = make(8, false, false);

	virtqueue_add_in(vq, 0, 100, &tokens[0]);
	virtqueue_kick(vq, false);
	vq->used->ring[0].id = id;
	vq->used->ring[0].len = len;
	vq->used->idx = used_step;
	CHECK(!virtqueue_get(vq).token);
	CHECK_EQ(vq->lie, lie);
	use(vq, 0, 10); /* the truth comes too late */
	CHECK(!virtqueue_get(vq).token);
	CHECK(virtqueue_detach(vq) == &tokens[0]);
	CHECK(!virtqueue_detach(vq));
	virtqueue_reset(vq, false);
	CHECK_EQ(vq->lie, VQ_LIE_NONE);
	CHECK_EQ(vq->nr_free, 8);
	drop(vq);
}

TEST(an_id_out_of_range_is_a_lie) { expect_lie(1, 8, 10, VQ_LIE_ID); }
TEST(a_huge_id_is_a_lie) { expect_lie(1, 0xffffffff, 10, VQ_LIE_ID); }
TEST(an_id_not_in_flight_is_a_lie) { expect_lie(1, 3, 10, VQ_LIE_ID); }
TEST(a_length_beyond_the_buffer_is_a_lie) { expect_lie(1, 0, 101, VQ_LIE_LEN); }
TEST(a_huge_length_is_a_lie) { expect_lie(1, 0, 0xffffffff, VQ_LIE_LEN); }
TEST(an_index_past_what_is_in_flight_is_a_lie) { expect_lie(2, 0, 10, VQ_LIE_INDEX); }
TEST(an_index_that_goes_backwards_is_a_lie) { expect_lie(0xffff, 0, 10, VQ_LIE_INDEX); }

TEST(an_entry_given_back_twice_is_a_lie)
{
	struct virtqueue *vq = make(8, false, false);

	virtqueue_add_in(vq, 0, 100, &tokens[0]);
	virtqueue_add_in(vq, 0, 100, &tokens[1]);
	virtqueue_kick(vq, false);
	use(vq, 0, 10);
	use(vq, 0, 10);
	CHECK(virtqueue_get(vq).token == &tokens[0]);
	CHECK(!virtqueue_get(vq).token);
	CHECK_EQ(vq->lie, VQ_LIE_ID);
	drop(vq);
}

TEST(a_device_that_scribbles_over_descriptors_confuses_only_itself)
{
	struct virtqueue *vq = make(8, false, false);
	struct vq_seg segs[3] = { { 0, 10 }, { 0, 10 }, { 0, 10 } };

	virtqueue_add_chain(vq, segs, 3, &tokens[0]);
	virtqueue_kick(vq, false);
	memset(vq->desc, 0xff, 8 * sizeof(*vq->desc));
	use(vq, 0, 0);
	CHECK(virtqueue_get(vq).token == &tokens[0]);
	CHECK_EQ(vq->nr_free, 8);
	drop(vq);
}

TEST(out_of_memory_leaves_nothing_behind)
{
	struct virtqueue vq;

	for (u64 budget = 0; budget < 3; budget++) {
		host_alloc_budget = budget;
		CHECK(virtqueue_create(&vq, &test_device, 0, 256, true) < 0);
	}
	host_alloc_budget = UINT64_MAX;
}
