/* SPDX-License-Identifier: MIT
 * san.h - what the allocators, the page tables and the drivers tell the sanitizer of `make SAN=1`. In any other image all
 * of this is nothing.
 *
 * Each 8 bytes of memory have a byte of shadow: 0 means all may be touched, 1..7 the first so many, above 0x80 why not.
 * Behind each object lies a struct san_track: who took it, who gave it back.
 */
#pragma once

#include "lib/poison.h"
#include "lib/types.h"

#ifdef KERNEL_SAN

#define SAN_SHADOW_OFFSET 0xdffffc0000000000ul /* the compiler is told the same */
static inline u64 san_shadow(u64 va) { return (va >> 3) + SAN_SHADOW_OFFSET; }

/* Makes a shadow for the image in the boot tables: from kmain(), before anything that has a frame. */
void san_early(void);
/* Physical address and size of the image's shadow, which begins at san_shadow(KERNEL_BASE). */
u64 san_image_shadow(u64 *size);
/* Memory that has a shadow now: from the page tables. */
void san_covers(u64 start, u64 end);
/* From here on accesses are checked; globals get their red zones. */
void san_start(void);
/* No checks any more: for a report. */
void san_stop(void);

void san_poison_pages(const void *p, size_t bytes);
void san_unpoison(const void *p, size_t bytes);
/* A slab nothing of which is handed out. */
void san_poison_slab(const void *p, size_t bytes);

/* A receive buffer in a device's hands: nobody else may look into it. */
void san_device_owns(const void *p, size_t bytes);
static inline void san_device_gave(const void *p, size_t bytes) { san_unpoison(p, bytes); }

#else

static inline u64 san_image_shadow(u64 *size) { return *size = 0; }
static inline u64 san_shadow(u64 va) { return va; }
static inline void san_early(void) {}
static inline void san_covers(u64 start, u64 end) { (void)start, (void)end; }
static inline void san_start(void) {}
static inline void san_stop(void) {}
static inline void san_poison_pages(const void *p, size_t bytes) { (void)p, (void)bytes; }
static inline void san_unpoison(const void *p, size_t bytes) { (void)p, (void)bytes; }
static inline void san_poison_slab(const void *p, size_t bytes) { (void)p, (void)bytes; }
static inline void san_device_owns(const void *p, size_t bytes) { (void)p, (void)bytes; }
static inline void san_device_gave(const void *p, size_t bytes) { (void)p, (void)bytes; }

#endif
