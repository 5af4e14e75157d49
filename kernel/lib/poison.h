/* SPDX-License-Identifier: MIT
 * poison.h - tells a sanitized build that memory in a pool is nobody's, so that use after free is found there too.
 * Nothing in a build without AddressSanitizer.
 */
#pragma once

#include "lib/types.h"

#ifdef __has_feature
#define POISON_ASAN __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define POISON_ASAN 1
#else
#define POISON_ASAN 0
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
