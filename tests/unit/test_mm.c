/* SPDX-License-Identifier: MIT
 * test_mm.c - the page and slab allocators of the kernel, on 32 MiB of pretended RAM.
 *
 * The two files are compiled into this program under other names, since the host has a kmalloc() of its own.
 */
#define kmalloc            mm_kmalloc
#define kzalloc            mm_kzalloc
#define kfree              mm_kfree
#define pages_alloc        mm_pages_alloc
#define pages_free         mm_pages_free
#define kmem_cache_create  mm_cache_create
#define kmem_cache_destroy mm_cache_destroy
#define kmem_cache_alloc   mm_cache_alloc
#define kmem_cache_free    mm_cache_free
#define kmem_cache_in_use  mm_cache_in_use
#define mem_totals         mm_totals
#define mem_allocs         mm_allocs

#include <stdlib.h>

#include "mm/page.c"
#define lock slab_lock /* both files have one */
#include "mm/slab.c"
#undef lock

#include "host/harness.h"

#define MIB       (1024ull * 1024)
#define RAM_SIZE  (32 * MIB)
#define MAX_HELD  4096

u8 *host_ram;
u64 host_ram_size = RAM_SIZE, host_image_start = 2 * MIB, host_image_end = 3 * MIB + 0x1234;

static struct boot_info bi;

/* A machine of 32 MiB: the image at 2 MiB, a module at 8 MiB, a hole at 16 MiB. All state of the allocators anew. */
static void power_on(void)
{

	if (!host_ram)
		host_ram = aligned_alloc(RAM_SIZE, RAM_SIZE);
	memset(host_ram, 0xa5, RAM_SIZE);
	memset(&bi, 0, sizeof(bi));
	bi.nr_regions = 4;
	bi.regions[0] = (struct mem_region){ .base = 0, .len = 0x9fc00, .type = MEM_USABLE };
	bi.regions[1] = (struct mem_region){ .base = MIB, .len = 15 * MIB, .type = MEM_USABLE };
	bi.regions[2] = (struct mem_region){ .base = 16 * MIB, .len = MIB, .type = MEM_RESERVED };
	bi.regions[3] = (struct mem_region){ .base = 17 * MIB, .len = 15 * MIB, .type = MEM_USABLE };
	bi.nr_modules = 1;
	bi.modules[0].base = 8 * MIB + 100;
	bi.modules[0].len = 5000;

	nr_ranges = 0;
	total_bytes = nr_frames = free_pages = 0;
	orders_free = 0;
	list_init(&caches);
	memset(kmalloc_caches, 0, sizeof(kmalloc_caches));
	mem_init(&bi);
	page_init();
	slab_init();
}

static u64 free_bytes(void)
{
	u64 free_now, total;

	mem_totals(&free_now, &total);
	return free_now;
}

static bool is_forbidden(u64 at, u64 len)
{
	return at < MIB || (at < host_image_end && at + len > host_image_start) ||
	       (at < bi.modules[0].base + bi.modules[0].len && at + len > bi.modules[0].base) ||
	       (at < 17 * MIB && at + len > 16 * MIB) || at + len > RAM_SIZE;
}

TEST(pages_never_overlap_the_image_modules_holes_or_low_memory)
{
	static u8 seen[RAM_SIZE >> PAGE_SHIFT];
	unsigned got = 0;
	void *p;

	power_on();
	memset(seen, 0, sizeof(seen));
	while ((p = pages_alloc(0))) {
		u64 at = virt_to_phys(p);

		if (!CHECK(!is_forbidden(at, PAGE_SIZE)) || !CHECK_EQ(seen[at >> PAGE_SHIFT]++, 0))
			return;
		got++;
	}
	CHECK(got > 7000); /* of 8192 frames */
	CHECK_EQ(free_bytes(), 0);
}

TEST(what_is_taken_is_counted_and_objects_of_a_cache_are_not)
{
	struct kmem_cache *c;
	void *p;
	u64 n;

	power_on();
	n = mem_allocs();
	p = pages_alloc(0);
	CHECK_EQ(mem_allocs(), n + 1);
	pages_free(p, 0);
	kfree(kmalloc(64)); /* the first of its size: a slab is a block of pages */
	n = mem_allocs();
	kfree(kmalloc(64));
	CHECK_EQ(mem_allocs(), n + 1);
	CHECK(!pages_alloc(PAGE_MAX_ORDER + 1));
	CHECK_EQ(mem_allocs(), n + 1);
	c = kmem_cache_create("some", 64, 8);
	kmem_cache_free(c, kmem_cache_alloc(c));
	n = mem_allocs();
	kmem_cache_free(c, kmem_cache_alloc(c));
	CHECK_EQ(mem_allocs(), n);
	kmem_cache_destroy(c);
}

TEST(blocks_are_aligned_to_their_size)
{
	unsigned order;

	power_on();
	for (order = 0; order <= 10; order++) {
		void *p = pages_alloc(order);

		REQUIRE(p);
		CHECK_EQ(virt_to_phys(p) & ((PAGE_SIZE << order) - 1), 0);
	}
	CHECK(!pages_alloc(PAGE_MAX_ORDER + 1));
	CHECK(!pages_alloc(13)); /* 32 MiB: there is no such hole-free block */
}

TEST(freed_pages_merge_until_the_memory_is_as_at_the_start)
{
	struct test_rng rng = { 42 };
	struct held {
		u64 *p;
		unsigned order;
		u64 stamp;
	} held[MAX_HELD] = { 0 };
	u32 orders_at_start;
	u64 at_start;
	int i;

	power_on();
	at_start = free_bytes();
	orders_at_start = orders_free;
	for (i = 0; i < 100000; i++) {
		struct held *h = &held[rng_below(&rng, MAX_HELD)];

		if (h->p) {
			if (!CHECK_EQ(*h->p, h->stamp)) /* somebody else had the page too */
				return;
			pages_free(h->p, h->order);
			h->p = NULL;
			continue;
		}
		h->order = rng_below(&rng, 5);
		h->p = pages_alloc(h->order);
		if (h->p)
			*h->p = h->stamp = rng_next(&rng);
	}
	for (i = 0; i < MAX_HELD; i++)
		if (held[i].p)
			pages_free(held[i].p, held[i].order);
	CHECK_EQ(free_bytes(), at_start);
	CHECK_EQ(orders_free, orders_at_start);
}

static void free_page_twice(void *p)
{
	pages_free(p, 0);
	pages_free(p, 0);
}
static void free_page_with_wrong_order(void *p) { pages_free(p, 1); }
static void free_object_twice(void *p)
{
	kfree(p);
	kfree(p);
}
static void free_middle_of_object(void *p) { kfree((char *)p + 8); }
static void free_what_was_never_allocated(void *p) { kfree(host_ram + 2 * MIB); }

TEST(a_page_freed_twice_or_with_a_wrong_order_is_a_bug)
{
	power_on();
	CHECK(host_panics(free_page_twice, pages_alloc(0)));
	power_on();
	lock.held = false; /* left by the panic */
	CHECK(host_panics(free_page_with_wrong_order, pages_alloc(0)));
	lock.held = false;
}

TEST(an_object_freed_twice_is_a_bug)
{
	power_on();
	kmalloc(64); /* a neighbour keeps the slab alive */
	CHECK(host_panics(free_object_twice, kmalloc(64)));
	slab_lock.held = false;
	power_on();
	CHECK(host_panics(free_middle_of_object, kmalloc(64)));
	slab_lock.held = false;
	power_on();
	CHECK(host_panics(free_what_was_never_allocated, NULL));
}

TEST(data_that_looks_like_the_mark_of_a_free_object_is_no_double_free)
{
	u64 *p, *q;

	power_on();
	p = kmalloc(64);
	q = kmalloc(64);
	p[1] = FREE_MARK ^ (u64)p;
	kfree(p);
	kfree(q);
	CHECK(kmalloc(64) != NULL);
}

TEST(kmalloc_serves_every_size_and_gives_all_of_it_back)
{
	static void *held[5000];
	u64 at_start;
	size_t size;

	power_on();
	at_start = free_bytes();
	for (size = 0; size < 5000; size++) {
		held[size] = kmalloc(size);
		REQUIRE(held[size]);
		memset(held[size], (int)size, size);
	}
	for (size = 1; size < 5000; size++)
		if (!CHECK_EQ(((u8 *)held[size])[0], (u8)size) || !CHECK_EQ(((u8 *)held[size])[size - 1], (u8)size))
			return;
	for (size = 0; size < 5000; size++)
		kfree(held[size]);
	kfree(NULL);
	/* One spare slab per size class stays. */
	CHECK(at_start - free_bytes() <= ARRAY_SIZE(kmalloc_sizes) * (PAGE_SIZE << 3));
}

TEST(kzalloc_gives_zeroes)
{
	size_t size;
	u8 *p, *q;

	power_on();
	for (size = 16; size <= 8192; size *= 2) {
		p = kmalloc(size);
		memset(p, 0xff, size);
		kfree(p);
		q = kzalloc(size);
		CHECK_EQ(q[0] | q[8] | q[15] | q[size - 1], 0);
	}
}

TEST(a_cache_aligns_its_objects_and_counts_them)
{
	struct kmem_cache *c;
	void *held[500];
	u64 at_start;
	unsigned i;

	power_on();
	kfree(kmalloc(sizeof(struct kmem_cache))); /* the spare slab of that size is there from now on */
	at_start = free_bytes();
	c = kmem_cache_create("test", 200, 64);
	REQUIRE(c);
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		held[i] = kmem_cache_alloc(c);
		CHECK_EQ((u64)held[i] % 64, 0);
		memset(held[i], (int)i, 200);
	}
	CHECK_EQ(kmem_cache_in_use(c), ARRAY_SIZE(held));
	for (i = 0; i < ARRAY_SIZE(held); i++) {
		CHECK_EQ(((u8 *)held[i])[199], (u8)i);
		kmem_cache_free(c, held[i]);
	}
	CHECK_EQ(kmem_cache_in_use(c), 0);
	kmem_cache_destroy(c);
	CHECK_EQ(free_bytes(), at_start);
	CHECK(!kmem_cache_create("odd", 100, 48));
	CHECK(!kmem_cache_create("huge", MAX_OBJECT + 1, 8));
}

static struct kmem_cache *freed_into;
static void free_into(void *p)
{
	kmem_cache_free(freed_into, p);
	kmem_cache_free(freed_into, p);
}
static void free_into_other(void *p)
{
	kmem_cache_free(freed_into, p);
}

TEST(what_a_cache_had_back_last_goes_out_first_and_never_twice)
{
	struct kmem_cache *c, *other;
	void *p, *q;

	power_on();
	c = kmem_cache_create("test", 200, 64);
	other = kmem_cache_create("other", 200, 64);
	REQUIRE(c && other);
	p = kmem_cache_alloc(c);
	q = kmem_cache_alloc(c);
	kmem_cache_free(c, p);
	kmem_cache_free(c, q);
	CHECK_EQ(kmem_cache_in_use(c), 0);
	CHECK_EQ((u64)kmem_cache_alloc(c), (u64)q);
	CHECK_EQ((u64)kmem_cache_alloc(c), (u64)p);
	CHECK_EQ(kmem_cache_in_use(c), 2);
	freed_into = other;
	CHECK(host_panics(free_into_other, p));
	freed_into = c;
	CHECK(host_panics(free_into, p));
}

TEST(running_out_of_memory_returns_null_and_recovers)
{
	void **all = NULL, **p;
	unsigned n = 0;
	u64 at_start;

	power_on();
	kfree(kmalloc(2048));
	at_start = free_bytes();
	while ((p = kmalloc(2048))) {
		*p = all;
		all = p;
		n++;
	}
	CHECK(n > 10000);
	while (all) {
		p = *all;
		kfree(all);
		all = p;
	}
	CHECK_EQ(free_bytes(), at_start);
}

TEST(early_memory_is_zeroed_and_not_handed_out_again)
{
	u64 at;
	u8 *p;

	power_on();
	nr_ranges = 0;
	mem_init(&bi);
	p = early_alloc(5000);
	REQUIRE(p);
	at = virt_to_phys(p);
	CHECK_EQ(at % PAGE_SIZE, 0);
	CHECK_EQ(p[0] | p[4999] | p[8191], 0);
	page_init();
	while ((p = pages_alloc(0)))
		CHECK(virt_to_phys(p) + PAGE_SIZE <= at || virt_to_phys(p) >= at + 2 * PAGE_SIZE);
	CHECK(!early_alloc(RAM_SIZE));
}
