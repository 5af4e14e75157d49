/* SPDX-License-Identifier: MIT
 * poison.h - tells a sanitized build that memory in a pool is nobody's, so that use after free is found there too.
 * Nothing in a build without AddressSanitizer. In the sanitized kernel each object of a pool has POISON_TRACK bytes behind
 * it that keep who took it and who gave it back (kernel/san).
 */
#pragma once

#include "lib/types.h"

#ifdef KERNEL_SAN
#define POISON_ASAN  1
#define POISON_TRACK 56
#else
#ifdef __has_feature
#define POISON_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define POISON_ASAN 1
#else
#define POISON_ASAN 0
#endif
#define POISON_TRACK 0
#endif

#if POISON_ASAN
void __asan_poison_memory_region(void const volatile *p, size_t n);
void __asan_unpoison_memory_region(void const volatile *p, size_t n);
static inline void mem_poison(const void *p, size_t n) { __asan_poison_memory_region(p, n); }
static inline void mem_unpoison(const void *p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
static inline void mem_poison(const void *p, size_t n) { (void)p, (void)n; }
static inline void mem_unpoison(const void *p, size_t n) { (void)p, (void)n; }
#endif

#ifdef KERNEL_SAN
/* An object of `size` bytes is handed out; the track lies behind its `room` bytes. */
void san_taken(const void *p, size_t size, size_t room, const char *kind);
/* It comes back. One that is back already ends the machine. What may be touched of it is the caller's to say. */
void san_freed(const void *p, size_t room);
static inline void mem_taken(const void *p, size_t size, const char *kind) { san_taken(p, size, size, kind); }
static inline void mem_freed(const void *p, size_t size) { san_freed(p, size); }

/* Objects that were given back and wait, so that a late access finds them poisoned. Of one pool, under its lock. */
struct mem_quarantine {
	struct san_track *first, *last;
	size_t count, bytes;
};
/* Takes p (of `room` bytes) in; returns an older one that may really be free now, or NULL. */
void *mem_quarantine_put(struct mem_quarantine *q, void *p, size_t room);
/* The oldest, NULL: it is empty. */
void *mem_quarantine_take(struct mem_quarantine *q);
static inline size_t mem_quarantined(const struct mem_quarantine *q) { return q->count; }
#else
struct mem_quarantine {};
static inline void *mem_quarantine_put(struct mem_quarantine *q, void *p, size_t room) { (void)q, (void)room; return p; }
static inline void *mem_quarantine_take(struct mem_quarantine *q) { (void)q; return NULL; }
static inline size_t mem_quarantined(const struct mem_quarantine *q) { (void)q; return 0; }
static inline void san_taken(const void *p, size_t size, size_t room, const char *kind)
{
	(void)p, (void)size, (void)room, (void)kind;
}
static inline void san_freed(const void *p, size_t room) { (void)p, (void)room; }
static inline void mem_taken(const void *p, size_t size, const char *kind) { (void)p, (void)size, (void)kind; }
static inline void mem_freed(const void *p, size_t size) { (void)p, (void)size; }
#endif
