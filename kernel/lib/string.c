/* SPDX-License-Identifier: MIT
 * string.c - the memory and string routines of C, for the kernel image only (the host has libc's).
 *
 * Up to 32 bytes go by overlapping moves, then 32 bytes a turn, then `rep`: by words, where an emulator counts one
 * instruction for eight bytes instead of sixteen, or by bytes, where the CPU has ERMS and moves whole lines itself.
 */
#include "lib/string.h"

#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen

#ifndef __clang__ /* gcc would make these loops into calls of themselves; clang obeys -ffreestanding */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#define REP_MIN 256 /* bytes from which the start-up cost of `rep` pays */

static bool rep_bytes;

void string_init(bool byte_rep)
{
	rep_bytes = byte_rep;
}

typedef u64 __attribute__((may_alias, aligned(1))) word;
typedef u32 __attribute__((may_alias, aligned(1))) half;
typedef u16 __attribute__((may_alias, aligned(1))) quarter;

/* 0..16 bytes; all loads before any store, so overlap does no harm. */
static inline void move_tiny(u8 *d, const u8 *s, size_t n)
{
	if (n >= 8) {
		u64 a = *(const word *)s, b = *(const word *)(s + n - 8);

		*(word *)d = a;
		*(word *)(d + n - 8) = b;
	} else if (n >= 4) {
		u32 a = *(const half *)s, b = *(const half *)(s + n - 4);

		*(half *)d = a;
		*(half *)(d + n - 4) = b;
	} else if (n >= 2) {
		u16 a = *(const quarter *)s, b = *(const quarter *)(s + n - 2);

		*(quarter *)d = a;
		*(quarter *)(d + n - 2) = b;
	} else if (n) {
		*d = *s;
	}
}

/* 16..32 bytes, likewise. */
static inline void move_small(u8 *d, const u8 *s, size_t n)
{
	u64 a = ((const word *)s)[0], b = ((const word *)s)[1];
	u64 y = *(const word *)(s + n - 16), z = *(const word *)(s + n - 8);

	((word *)d)[0] = a;
	((word *)d)[1] = b;
	*(word *)(d + n - 16) = y;
	*(word *)(d + n - 8) = z;
}

/* Ascending. Correct when the ranges do not overlap or dst lies below src. */
static inline void move_up(u8 *d, const u8 *s, size_t n)
{
	for (; n > 32; n -= 32, d += 32, s += 32) {
		u64 a = ((const word *)s)[0], b = ((const word *)s)[1];
		u64 y = ((const word *)s)[2], z = ((const word *)s)[3];

		((word *)d)[0] = a;
		((word *)d)[1] = b;
		((word *)d)[2] = y;
		((word *)d)[3] = z;
	}
	if (n >= 16)
		move_small(d, s, n);
	else
		move_tiny(d, s, n);
}

/* Descending: for dst above src. */
static inline void move_down(u8 *d, const u8 *s, size_t n)
{
	for (; n > 32; n -= 32) {
		const word *from = (const word *)(s + n - 32);
		word *to = (word *)(d + n - 32);
		u64 a = from[0], b = from[1], y = from[2], z = from[3];

		to[3] = z;
		to[2] = y;
		to[1] = b;
		to[0] = a;
	}
	if (n >= 16)
		move_small(d, s, n);
	else
		move_tiny(d, s, n);
}

void *memcpy(void *dst, const void *src, size_t n)
{
	void *d = dst;

	if (n < REP_MIN) {
		move_up(dst, src, n);
		return dst;
	}
	if (rep_bytes) {
		__asm__ volatile("rep movsb" : "+D"(d), "+S"(src), "+c"(n)::"memory");
	} else {
		size_t words = n / 8;

		__asm__ volatile("rep movsq" : "+D"(d), "+S"(src), "+c"(words)::"memory");
		move_tiny(d, src, n % 8);
	}
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	size_t distance = (size_t)((u8 *)dst - (const u8 *)src); /* wraps when dst is below */

	if (distance >= n && (size_t)((const u8 *)src - (u8 *)dst) >= n)
		return memcpy(dst, src, n);
	if (distance < n)
		move_down(dst, src, n);
	else
		move_up(dst, src, n);
	return dst;
}

void *memset(void *dst, int c, size_t n)
{
	u64 v = (u8)c * 0x0101010101010101ull;
	u8 *d = dst;

	if (n >= REP_MIN) {
		size_t words = n / 8;

		if (rep_bytes) {
			__asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(v) : "memory");
			return dst;
		}
		__asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
		n %= 8;
	}
	for (; n >= 32; n -= 32, d += 32) {
		((word *)d)[0] = v;
		((word *)d)[1] = v;
		((word *)d)[2] = v;
		((word *)d)[3] = v;
	}
	for (; n >= 8; n -= 8, d += 8)
		*(word *)d = v;
	while (n--)
		*d++ = (u8)v;
	return dst;
}

/* The order of two words as memory has them: the first byte that differs decides. */
static inline int word_order(u64 a, u64 b)
{
	a = __builtin_bswap64(a);
	b = __builtin_bswap64(b);
	return (a > b) - (a < b);
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	if (n >= 8) {
		for (; n > 16 && !((((const word *)x)[0] ^ ((const word *)y)[0]) | (((const word *)x)[1] ^ ((const word *)y)[1])); n -= 16) {
			x += 16;
			y += 16;
		}
		for (; n > 8; n -= 8, x += 8, y += 8)
			if (*(const word *)x != *(const word *)y)
				return word_order(*(const word *)x, *(const word *)y);
		x -= 8 - n; /* the last eight, some of them equal already */
		y -= 8 - n;
		return word_order(*(const word *)x, *(const word *)y);
	}
	if (n >= 4) {
		if (*(const half *)x != *(const half *)y)
			return word_order(*(const half *)x, *(const half *)y);
		return word_order(*(const half *)(x + n - 4), *(const half *)(y + n - 4));
	}
	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

/* Has a zero byte exactly where v has one, but for false ones above the first (Mycroft's test). */
static inline u64 zero_bytes(u64 v) { return (v - 0x0101010101010101ull) & ~v & 0x8080808080808080ull; }

void *memchr(const void *s, int c, size_t n)
{
	u64 pattern = (u8)c * 0x0101010101010101ull, hit;
	const u8 *p = s;

	for (; n >= 8; n -= 8, p += 8) {
		hit = zero_bytes(*(const word *)p ^ pattern);
		if (hit)
			return (void *)(p + __builtin_ctzll(hit) / 8);
	}
	for (; n; n--, p++)
		if (*p == (u8)c)
			return (void *)p;
	return NULL;
}

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p)
		p++;
	return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do
		if (*s == (char)c)
			last = s;
	while (*s++);
	return (char *)last;
}

char *strstr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (;; hay++) {
		if (!strncmp(hay, needle, n))
			return (char *)hay;
		if (!*hay)
			return NULL;
	}
}
