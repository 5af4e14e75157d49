/* SPDX-License-Identifier: MIT
 * slab.c - caches of equal objects, and kmalloc() as a row of such caches.
 *
 * A slab is a block of 2^order pages, aligned to its size: its head is found by masking an object's address. Free objects
 * are linked through their first word; the second says that they are free, and a second kfree() is found by it. A
 * kmem_cache belongs to one CPU and takes no lock; kmalloc()'s own are locked. The last few objects that a kmem_cache had
 * back stay out of their slabs, the next ones to be handed out: what comes and goes with each connection touches no slab.
 *
 *   | struct slab | object | object | free -> | ... | never used yet |
 */
#include "mm/slab.h"
#include "mm/page.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/spinlock.h"
#include "lib/list.h"
#include "lib/string.h"
#include "san/san.h"

#define MIN_OBJECT    16
#define MAX_OBJECT    65536 /* of a kmem_cache */
#define MIN_PER_SLAB  8
#define MAX_ORDER     6
#define MAX_HOT       16    /* freed objects that a cache keeps out of their slabs */
#define KMALLOC_MAX   2048  /* larger ones are whole pages */
#define FREE_MARK     0xf4eeb10cf4eeb10cull

struct free_object {
	struct free_object *next;
	u64 mark; /* FREE_MARK ^ its own address */
};

struct slab {
	struct kmem_cache *cache;
	struct list_head link; /* in cache->partial while it has room */
	struct free_object *free;
	u32 in_use, carved;    /* objects out; objects ever handed out: those behind were never touched */
};

struct kmem_cache {
	const char *name;
	u32 bytes;      /* of an object */
	u32 size;       /* from one object to the next */
	u32 first;      /* offset of the first object */
	u32 per_slab, order;
	u64 mask;       /* from the address of an object to that of its slab */
	bool shared;    /* one of kmalloc()'s */
	struct free_object *hot; /* freed last; their slabs count them as in use */
	u32 nr_hot, max_hot;     /* max_hot: 0 of kmalloc()'s own */
	struct list_head partial;
	struct slab *spare; /* an empty slab kept, so that one object going to and fro takes no pages */
	size_t in_use, slabs;
	struct mem_quarantine quarantine;
	struct list_head all;
};

static const u16 kmalloc_sizes[] = { 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048 };

static struct kmem_cache kmalloc_caches[ARRAY_SIZE(kmalloc_sizes)];
static u8 kmalloc_class[KMALLOC_MAX / 16 + 1]; /* by size in units of 16 bytes, rounded up */
static struct list_head caches = { &caches, &caches };
static u64 objects_taken; /* by kmalloc() */
static struct spinlock lock; /* of kmalloc()'s caches and of the list */

static size_t slab_bytes(unsigned order) { return PAGE_SIZE << order; }

static void cache_setup(struct kmem_cache *c, const char *name, size_t size, size_t align)
{
	align = MAX(align, (size_t)MIN_OBJECT);
	c->name = name;
	c->bytes = (u32)MAX(size, (size_t)MIN_OBJECT);
	c->size = (u32)ALIGN_UP(ALIGN_UP(c->bytes, POISON_TRACK ? 8u : 1u) + POISON_TRACK, align);
	c->first = (u32)ALIGN_UP(sizeof(struct slab), align);
	c->order = 0;
	while (c->order < MAX_ORDER && (slab_bytes(c->order) - c->first) / c->size < MIN_PER_SLAB)
		c->order++;
	c->per_slab = (u32)((slab_bytes(c->order) - c->first) / c->size);
	c->mask = ~(u64)(slab_bytes(c->order) - 1);
	c->spare = NULL;
	c->hot = NULL;
	c->nr_hot = 0;
	c->max_hot = MAX_HOT;
	c->in_use = c->slabs = 0;
	list_init(&c->partial);
	list_add_tail(&c->all, &caches);
}

static struct slab *slab_create(struct kmem_cache *c)
{
	struct slab *s = c->spare;

	if (s) {
		c->spare = NULL;
	} else {
		s = pages_alloc(c->order);
		if (!s)
			return NULL;
		page_set_slab(s, c->order, true);
		s->cache = c;
		s->free = NULL;
		s->in_use = s->carved = 0;
		c->slabs++;
		san_poison_slab((char *)s + c->first, slab_bytes(c->order) - c->first);
	}
	list_add(&s->link, &c->partial);
	return s;
}

static void slab_give_back(struct kmem_cache *c, struct slab *s)
{
	c->slabs--;
	page_set_slab(s, c->order, false);
	pages_free(s, c->order);
}

/* An empty one. */
static void slab_retire(struct kmem_cache *c, struct slab *s)
{
	list_del(&s->link);
	if (c->spare)
		slab_give_back(c, s);
	else
		c->spare = s;
}

static __noinline void *slab_take(struct kmem_cache *c)
{
	struct free_object *o;
	struct slab *s;

	s = list_empty(&c->partial) ? slab_create(c) : list_first(&c->partial, struct slab, link);
	if (!s)
		return NULL;
	o = s->free;
	if (o) {
		s->free = o->next;
		o->mark = 0;
	} else {
		o = (void *)((char *)s + c->first + (size_t)s->carved++ * c->size);
	}
	c->in_use++;
	if (++s->in_use == c->per_slab)
		list_del(&s->link);
	return o;
}

static inline void *object_take(struct kmem_cache *c)
{
	struct free_object *o = c->hot;

	if (unlikely(!o))
		return slab_take(c);
	c->hot = o->next;
	c->nr_hot--;
	o->mark = 0;
	return o;
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	void *p = object_take(c);

	if (POISON_TRACK && p)
		san_taken(p, c->bytes, c->bytes, c->name);
	return p;
}

/* The mark is there: by chance in live data, or because it was freed before? */
static bool is_among(const struct free_object *f, const struct free_object *o)
{
	while (f && f != o)
		f = f->next;
	return f != NULL;
}

static __cold __noinline void check_double_free(const struct slab *s, const struct free_object *o)
{
	bool freed_twice = is_among(s->cache->hot, o) || is_among(s->free, o);

	if (freed_twice)
		log_err("slab: the %u-byte object %p of %s is freed twice", s->cache->size, (const void *)o,
			s->cache->name);
	BUG_ON(freed_twice);
}

static struct slab *slab_of(const struct kmem_cache *c, const void *p)
{
	return (struct slab *)((u64)p & c->mask);
}

/* o has its mark. */
static void slab_give(struct kmem_cache *c, struct free_object *o)
{
	struct slab *s = slab_of(c, o);

	BUG_ON(!s->in_use || ((u64)o - (u64)s - c->first) % c->size);
	o->next = s->free;
	s->free = o;
	c->in_use--;
	if (s->in_use-- == c->per_slab)
		list_add(&s->link, &c->partial);
	if (!s->in_use)
		slab_retire(c, s);
}

static __noinline void give_checked(struct kmem_cache *c, struct free_object *o)
{
	struct slab *s = slab_of(c, o);

	BUG_ON(s->cache != c);
	if (unlikely(o->mark == (FREE_MARK ^ (u64)o)))
		check_double_free(s, o);
	o->mark = FREE_MARK ^ (u64)o;
	slab_give(c, o);
}

static inline void object_give(struct kmem_cache *c, void *p)
{
	u64 mark = FREE_MARK ^ (u64)p;
	struct free_object *o = p;

	if (unlikely(c->nr_hot >= c->max_hot || slab_of(c, p)->cache != c || o->mark == mark)) {
		give_checked(c, o);
		return;
	}
	o->mark = mark;
	o->next = c->hot;
	c->hot = o;
	c->nr_hot++;
}

void kmem_cache_free(struct kmem_cache *c, void *p)
{
	san_freed(p, c->bytes);
	p = mem_quarantine_put(&c->quarantine, p, c->bytes);
	if (!POISON_TRACK || p)
		object_give(c, p);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c;
	u64 flags;

	if (!size || size > MAX_OBJECT || align & (align - 1) || align > PAGE_SIZE)
		return NULL;
	c = kzalloc(sizeof(*c));
	if (!c)
		return NULL;
	flags = spin_lock(&lock);
	cache_setup(c, name, size, align);
	spin_unlock(&lock, flags);
	return c;
}

void kmem_cache_destroy(struct kmem_cache *c)
{
	u64 flags;
	void *p;

	if (!c)
		return;
	while ((p = mem_quarantine_take(&c->quarantine)) != NULL)
		object_give(c, p);
	while (c->hot) {
		struct free_object *o = c->hot;

		c->hot = o->next;
		slab_give(c, o);
	}
	BUG_ON(c->in_use || !list_empty(&c->partial));
	if (c->spare)
		slab_give_back(c, c->spare);
	flags = spin_lock(&lock);
	list_del(&c->all);
	spin_unlock(&lock, flags);
	kfree(c);
}

size_t kmem_cache_in_use(const struct kmem_cache *c) { return c->in_use - c->nr_hot - mem_quarantined(&c->quarantine); }

void slab_init(void)
{
	unsigned i, units = 0;

	for (i = 0; i < ARRAY_SIZE(kmalloc_sizes); i++) {
		cache_setup(&kmalloc_caches[i], "kmalloc", kmalloc_sizes[i], 0);
		kmalloc_caches[i].shared = true;
		kmalloc_caches[i].max_hot = 0;
		for (; units <= kmalloc_sizes[i] / 16u; units++)
			kmalloc_class[units] = (u8)i;
	}
}

static unsigned order_of(size_t size)
{
	size_t pages = DIV_ROUND_UP(size, PAGE_SIZE);

	return pages <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(pages - 1);
}

void *kmalloc(size_t size)
{
	struct kmem_cache *c;
	u64 flags;
	void *p;

	if (size > KMALLOC_MAX)
		return size < 1ull << 40 ? pages_alloc(order_of(size)) : NULL;
	c = &kmalloc_caches[kmalloc_class[DIV_ROUND_UP(size, 16)]];
	flags = spin_lock(&lock);
	p = object_take(c);
	objects_taken += p != NULL;
	if (POISON_TRACK && p)
		san_taken(p, size, c->bytes, c->name);
	spin_unlock(&lock, flags);
	return p;
}

u64 mem_allocs(void) { return READ_ONCE(objects_taken) + page_allocs(); }

void *kzalloc(size_t size)
{
	void *p = kmalloc(size);

	if (p)
		memset(p, 0, size);
	return p;
}

void kfree(void *p)
{
	unsigned order;
	struct slab *s;
	u64 flags;

	if (!p)
		return;
	switch (page_lookup(p, &order)) {
	case PAGE_USED:
		pages_free(p, order);
		return;
	case PAGE_SLAB:
		s = (struct slab *)ALIGN_DOWN((u64)p, slab_bytes(order));
		BUG_ON(!s->cache->shared);
		flags = spin_lock(&lock);
		kmem_cache_free(s->cache, p);
		spin_unlock(&lock, flags);
		return;
	default:
		panic("kfree: %p was not allocated, or is free already", p);
	}
}
