/* SPDX-License-Identifier: MIT
 * page.c - buddy allocator of 4 KiB pages.
 *
 * One byte per page frame is all its bookkeeping: the kind and order of the block that begins there. Free blocks are
 * linked through their own first words. A buddy can be merged exactly when its byte says "free, of this order".
 */
#include "mm/page.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/spinlock.h"
#include "lib/list.h"
#include "lib/string.h"
#include "platform.h"
#include "san/san.h"

#define MAX_RANGES  256
#define FIRST_USED  0x100000ull /* real-mode tables, EBDA, ROMs and the trampoline live below */
#define EARLY_LIMIT (1ull << 32) /* boot page tables reach so far */

#define STATE(kind, order)  ((u8)((kind) << 5 | (order)))
#define STATE_KIND(state)   ((enum page_kind)((state) >> 5))
#define STATE_ORDER(state)  ((state) & 31u)

struct range {
	u64 start, end;
};

static struct range ranges[MAX_RANGES];
static unsigned nr_ranges;
static u64 total_bytes;

static u8 *states; /* by page frame */
static u64 nr_frames;
static struct list_head free_blocks[PAGE_MAX_ORDER + 1];
static u32 orders_free; /* a bit per order whose list is not empty */
static u64 free_pages;
static u64 blocks_taken;
static struct spinlock lock;

static void range_add(u64 start, u64 end)
{
	start = ALIGN_UP(MAX(start, FIRST_USED), PAGE_SIZE);
	end = ALIGN_DOWN(end, PAGE_SIZE);
	if (start < end && nr_ranges < MAX_RANGES)
		ranges[nr_ranges++] = (struct range){ start, end };
}

/* Takes [start, end) out of every range; a range may fall into two. */
static void range_cut(u64 start, u64 end)
{
	unsigned i, n = nr_ranges;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	for (i = 0; i < n; i++) {
		struct range *r = &ranges[i];
		u64 old_end = r->end;

		if (start >= r->end || end <= r->start)
			continue;
		r->end = MAX(start, r->start);
		range_add(end, old_end);
	}
}

void mem_init(const struct boot_info *bi)
{
	u64 image_start, image_end;
	unsigned i;

	for (i = 0; i < bi->nr_regions; i++) {
		const struct mem_region *r = &bi->regions[i];

		if (r->type != MEM_USABLE)
			continue;
		range_add(r->base, r->base + r->len);
		total_bytes += r->len;
	}
	kernel_image_range(&image_start, &image_end);
	range_cut(image_start, image_end);
	for (i = 0; i < bi->nr_modules; i++)
		range_cut(bi->modules[i].base, bi->modules[i].base + bi->modules[i].len);
}

void *early_alloc(size_t bytes)
{
	struct range *best = NULL;
	unsigned i;
	void *p;

	bytes = ALIGN_UP(bytes, PAGE_SIZE);
	for (i = 0; i < nr_ranges; i++) {
		struct range *r = &ranges[i];

		if (r->end > EARLY_LIMIT || r->end - r->start < bytes)
			continue;
		if (!best || r->end - r->start > best->end - best->start)
			best = r;
	}
	if (!best)
		return NULL;
	best->end -= bytes;
	p = phys_to_virt(best->end);
	memset(p, 0, bytes);
	return p;
}

static struct list_head *block_at(u64 frame) { return phys_to_virt(frame << PAGE_SHIFT); }

static void block_insert(u64 frame, unsigned order)
{
	states[frame] = STATE(PAGE_FREE, order);
	list_add(block_at(frame), &free_blocks[order]);
	orders_free |= 1u << order;
}

static void block_remove(u64 frame, unsigned order)
{
	states[frame] = 0;
	list_del(block_at(frame));
	if (list_empty(&free_blocks[order]))
		orders_free &= ~(1u << order);
}

/* Merges with free buddies as far as it goes. */
static void block_free(u64 frame, unsigned order)
{
	free_pages += 1ull << order;
	states[frame] = 0;
	for (; order < PAGE_MAX_ORDER; order++) {
		u64 buddy = frame ^ 1ull << order;

		if (buddy >= nr_frames || states[buddy] != STATE(PAGE_FREE, order))
			break;
		block_remove(buddy, order);
		frame &= ~(1ull << order);
	}
	block_insert(frame, order);
}

static void range_free(const struct range *r)
{
	u64 frame = r->start >> PAGE_SHIFT, end = r->end >> PAGE_SHIFT;

	while (frame < end) {
		unsigned order = MIN((unsigned)__builtin_ctzll(frame), (unsigned)PAGE_MAX_ORDER);

		while (frame + (1ull << order) > end)
			order--;
		san_poison_pages(phys_to_virt(frame << PAGE_SHIFT), PAGE_SIZE << order);
		block_free(frame, order);
		frame += 1ull << order;
	}
}

void page_init(void)
{
	unsigned i;

	for (i = 0; i <= PAGE_MAX_ORDER; i++)
		list_init(&free_blocks[i]);
	for (i = 0; i < nr_ranges; i++)
		nr_frames = MAX(nr_frames, ranges[i].end >> PAGE_SHIFT);
	states = early_alloc(nr_frames);
	if (!states)
		panic("no memory for the page allocator");
	for (i = 0; i < nr_ranges; i++)
		range_free(&ranges[i]);
	log_info("mem: %llu KiB usable, %llu KiB free", (unsigned long long)(total_bytes >> 10),
		 (unsigned long long)(free_pages << PAGE_SHIFT >> 10));
}

void *pages_alloc(unsigned order)
{
	u64 flags = spin_lock(&lock), frame;
	u32 fit = order <= PAGE_MAX_ORDER ? orders_free >> order << order : 0;
	unsigned have;

	if (!fit) {
		spin_unlock(&lock, flags);
		return NULL;
	}
	have = (unsigned)__builtin_ctz(fit);
	frame = virt_to_phys(free_blocks[have].next) >> PAGE_SHIFT;
	block_remove(frame, have);
	while (have > order) {
		have--;
		block_insert(frame + (1ull << have), have);
	}
	states[frame] = STATE(PAGE_USED, order);
	free_pages -= 1ull << order;
	blocks_taken++;
	spin_unlock(&lock, flags);
	san_unpoison(phys_to_virt(frame << PAGE_SHIFT), PAGE_SIZE << order);
	return phys_to_virt(frame << PAGE_SHIFT);
}

void pages_free(void *p, unsigned order)
{
	u64 frame, flags;

	if (!p)
		return;
	frame = virt_to_phys(p) >> PAGE_SHIFT;
	flags = spin_lock(&lock);
	BUG_ON((u64)p & ~PAGE_MASK || frame >= nr_frames || states[frame] != STATE(PAGE_USED, order));
	san_poison_pages(p, PAGE_SIZE << order);
	block_free(frame, order);
	spin_unlock(&lock, flags);
}

enum page_kind page_lookup(const void *p, unsigned *order)
{
	u64 frame = virt_to_phys(p) >> PAGE_SHIFT;

	if (frame >= nr_frames)
		return PAGE_OTHER;
	*order = STATE_ORDER(states[frame]);
	return STATE_KIND(states[frame]);
}

void page_set_slab(void *block, unsigned order, bool slab)
{
	u64 frame = virt_to_phys(block) >> PAGE_SHIFT;

	memset(&states[frame], slab ? STATE(PAGE_SLAB, order) : 0, 1ul << order);
	if (!slab)
		states[frame] = STATE(PAGE_USED, order);
}

u64 page_allocs(void) { return READ_ONCE(blocks_taken); }

void mem_totals(u64 *free, u64 *total)
{
	*free = READ_ONCE(free_pages) << PAGE_SHIFT;
	*total = total_bytes;
}
