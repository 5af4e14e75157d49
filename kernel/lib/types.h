/* SPDX-License-Identifier: MIT
 * types.h - the integer names, wire integers, sequence numbers and small macros everything uses.
 *
 * Wire integers (be16, be32, be64) and TCP sequence numbers (seq_t) are one-member structs: mixing byte
 * orders, or comparing sequence numbers with `<`, does not compile. The machine code is the same.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

/* Big-endian integers as they stand on the wire (lib/byteorder.h converts). */
typedef struct { u16 raw; } be16;
typedef struct { u32 raw; } be32;
typedef struct { u64 raw; } be64;

/* A TCP sequence number: arithmetic is modulo 2^32 (RFC 9293 3.4). */
typedef struct { u32 v; } seq_t;

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)

#define MIN(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) _a = (a);                                                                \
		typeof(b) _b = (b);                                                                \
		_a < _b ? _a : _b;                                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) _a = (a);                                                                \
		typeof(b) _b = (b);                                                                \
		_a > _b ? _a : _b;                                                                 \
	})
#define CLAMP(v, lo, hi) MIN(MAX(v, lo), hi)

#define ALIGN_UP(x, a)   (((x) + (typeof(x))(a) - 1) & ~((typeof(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((typeof(x))(a) - 1))
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))

#define READ_ONCE(x)     (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))
/* A pointer that was computed once stays in its register: gcc would rather compute it again at each use. */
#define keep_pointer(p)  __asm__("" : "+r"(p))
#define barrier()        __asm__ volatile("" ::: "memory")

#define __packed        __attribute__((packed))
#define __aligned_(n)   __attribute__((aligned(n)))
#define __printf_(f, a) __attribute__((format(printf, f, a)))
#define __must_check    __attribute__((warn_unused_result))
#define __unused        __attribute__((unused))
#define __noinline      __attribute__((noinline))
#define __force_inline  inline __attribute__((always_inline))
#define __cold          __attribute__((cold))

#ifndef static_assert
#define static_assert _Static_assert /* C11 has the word in <assert.h>, which is libc's */
#endif

#define CACHE_LINE 64

#define NSEC_PER_USEC 1000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_SEC  1000000000ull
#define USEC_PER_MSEC 1000u
#define USEC_PER_SEC  1000000u

/* No deadline: later than any clock can show. */
#define TIME_NEVER UINT64_MAX
