/* SPDX-License-Identifier: MIT
 * strutil.c - string helpers that the C library lacks: bounded copies, ASCII comparisons without case, whole numbers,
 * and formatted text that returns what was written. Kernel and host alike.
 */
#include "lib/errno.h"
#include "lib/printf.h"
#include "lib/string.h"

long str_copy(char *dst, const char *src, size_t size)
{
	size_t i;

	if (!size)
		return -E2BIG;
	for (i = 0; i + 1 < size && src[i]; i++)
		dst[i] = src[i];
	dst[i] = 0;
	return src[i] ? -E2BIG : (long)i;
}

static inline int lower(int c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; }

int str_casecmp(const char *a, const char *b)
{
	int d;

	do
		d = lower((u8)*a) - lower((u8)*b++);
	while (!d && *a++);
	return d;
}

int mem_casecmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;
	int d = 0;

	while (n-- && !d)
		d = lower(*x++) - lower(*y++);
	return d;
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)lower((u8)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

int str_to_u64(const char *s, u64 *out)
{
	unsigned base = 10;
	u64 v = 0;
	bool over = false;

	if (s[0] == '0' && (s[1] | 0x20) == 'x') {
		base = 16;
		s += 2;
	}
	if (!*s)
		return -EINVAL;
	for (; *s; s++) {
		unsigned d = (unsigned)digit_value(*s);

		if (d >= base)
			return -EINVAL;
		over |= __builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)d, &v);
	}
	if (over)
		return -ERANGE;
	*out = v;
	return 0;
}

int str_to_s64(const char *s, s64 *out)
{
	bool neg = *s == '-';
	u64 v;
	int err = str_to_u64(s + (neg || *s == '+'), &v);

	if (err)
		return err;
	if (v > (u64)INT64_MAX + neg)
		return -ERANGE;
	*out = neg ? (s64)-v : (s64)v;
	return 0;
}

int vscnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(buf, size, fmt, ap);

	if (n < 0 || !size)
		return 0;
	return (size_t)n < size ? n : (int)size - 1;
}

int scnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vscnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
