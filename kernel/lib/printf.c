/* SPDX-License-Identifier: MIT
 * printf.c - vsnprintf() as C11 7.21.6.1 defines it, for integers, characters, strings and pointers. Kernel image only.
 *
 * An unknown conversion is copied as it stands, so that a wrong format is seen and not hidden. No floating point: the
 * kernel has no FPU state.
 */
#include "lib/printf.h"
#include "lib/string.h"

struct out {
	char *buf;
	size_t size, len; /* len: of the whole text */
};

enum { F_MINUS = 1, F_PLUS = 2, F_SPACE = 4, F_HASH = 8, F_ZERO = 16, F_UPPER = 32, F_SIGNED = 64 };

struct spec {
	unsigned flags;
	int width, precision; /* precision < 0: none given */
	char length;          /* 'H' for hh, 'L' for ll, else the letter or 0 */
	char conv;
};

static inline void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void put_n(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_mem(struct out *o, const char *s, size_t n)
{
	while (n--)
		put(o, *s++);
}

/* A text in a field: the '0' flag is the integers' own affair. */
static void put_field(struct out *o, const struct spec *sp, const char *s, size_t n)
{
	int pad = sp->width > (int)n ? sp->width - (int)n : 0;

	if (!(sp->flags & F_MINUS))
		put_n(o, ' ', pad);
	put_mem(o, s, n);
	if (sp->flags & F_MINUS)
		put_n(o, ' ', pad);
}

static unsigned digits_of(u64 v, unsigned base, bool upper, char *end)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned n = 0;

	for (; v; v /= base, n++)
		*--end = set[v % base];
	return n;
}

static const char *prefix_of(const struct spec *sp, u64 v, bool neg, unsigned base)
{
	if (sp->flags & F_SIGNED)
		return neg ? "-" : sp->flags & F_PLUS ? "+" : sp->flags & F_SPACE ? " " : "";
	if (base == 16 && sp->flags & F_HASH && v)
		return sp->flags & F_UPPER ? "0X" : "0x";
	return "";
}

static void put_int(struct out *o, const struct spec *sp, u64 v, bool neg, unsigned base)
{
	char tmp[24];
	unsigned n = digits_of(v, base, sp->flags & F_UPPER, tmp + sizeof(tmp));
	const char *prefix = prefix_of(sp, v, neg, base);
	int plen = (int)strlen(prefix), zeros, pad;

	zeros = (sp->precision < 0 ? 1 : sp->precision) - (int)n;
	if (base == 8 && sp->flags & F_HASH && zeros < 1)
		zeros = 1;
	if (zeros < 0)
		zeros = 0;
	pad = sp->width - plen - zeros - (int)n;
	if (pad > 0 && sp->flags & F_ZERO && !(sp->flags & F_MINUS) && sp->precision < 0) {
		zeros += pad;
		pad = 0;
	}
	if (!(sp->flags & F_MINUS))
		put_n(o, ' ', pad);
	put_mem(o, prefix, (size_t)plen);
	put_n(o, '0', zeros);
	put_mem(o, tmp + sizeof(tmp) - n, n);
	if (sp->flags & F_MINUS)
		put_n(o, ' ', pad);
}

static u64 arg_unsigned(va_list *ap, char length)
{
	switch (length) {
	case 'H': return (u8)va_arg(*ap, unsigned);
	case 'h': return (u16)va_arg(*ap, unsigned);
	case 'l': case 'L': case 'z': case 't': case 'j': return va_arg(*ap, u64);
	default: return va_arg(*ap, unsigned);
	}
}

static s64 arg_signed(va_list *ap, char length)
{
	switch (length) {
	case 'H': return (s8)va_arg(*ap, int);
	case 'h': return (s16)va_arg(*ap, int);
	case 'l': case 'L': case 'z': case 't': case 'j': return va_arg(*ap, s64);
	default: return va_arg(*ap, int);
	}
}

static int parse_number(const char **fmt, va_list *ap)
{
	int n = 0;

	if (**fmt == '*') {
		(*fmt)++;
		return va_arg(*ap, int);
	}
	while (**fmt >= '0' && **fmt <= '9')
		n = n * 10 + *(*fmt)++ - '0';
	return n;
}

static void parse_length(const char **fmt, struct spec *sp)
{
	char c = **fmt;

	if (c != 'h' && c != 'l' && c != 'z' && c != 't' && c != 'j')
		return;
	sp->length = c;
	if (*++*fmt == c && (c == 'h' || c == 'l')) {
		sp->length = c == 'h' ? 'H' : 'L';
		(*fmt)++;
	}
}

static void parse_spec(const char **fmt, struct spec *sp, va_list *ap)
{
	static const char flags[] = "-+ #0";
	const char *f;

	*sp = (struct spec){ .precision = -1 };
	for (; **fmt && (f = strchr(flags, **fmt)); (*fmt)++)
		sp->flags |= 1u << (f - flags);
	sp->width = parse_number(fmt, ap);
	if (sp->width < 0) {
		sp->flags |= F_MINUS;
		sp->width = -sp->width;
	}
	if (**fmt == '.') {
		(*fmt)++;
		sp->precision = parse_number(fmt, ap); /* negative: as if there were none */
	}
	parse_length(fmt, sp);
	sp->conv = **fmt;
	if (sp->conv)
		(*fmt)++;
}

static void convert(struct out *o, struct spec *sp, va_list *ap)
{
	const char *s;
	char c;
	s64 d;

	switch (sp->conv) {
	case 'd':
	case 'i':
		d = arg_signed(ap, sp->length);
		sp->flags |= F_SIGNED;
		put_int(o, sp, d < 0 ? -(u64)d : (u64)d, d < 0, 10);
		break;
	case 'u':
		put_int(o, sp, arg_unsigned(ap, sp->length), false, 10);
		break;
	case 'o':
		put_int(o, sp, arg_unsigned(ap, sp->length), false, 8);
		break;
	case 'X':
		sp->flags |= F_UPPER;
		/* fall through */
	case 'x':
		put_int(o, sp, arg_unsigned(ap, sp->length), false, 16);
		break;
	case 'p':
		sp->flags |= F_HASH;
		put_int(o, sp, (u64)(uintptr_t)va_arg(*ap, void *), false, 16);
		break;
	case 'c':
		c = (char)va_arg(*ap, int);
		put_field(o, sp, &c, 1);
		break;
	case 's':
		s = va_arg(*ap, const char *) ?: "(null)";
		put_field(o, sp, s, sp->precision < 0 ? strlen(s) : strnlen(s, (size_t)sp->precision));
		break;
	case '%':
		put(o, '%');
		break;
	default:
		put(o, '%');
		if (sp->conv)
			put(o, sp->conv);
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out o = { .buf = buf, .size = size };
	struct spec sp;
	va_list ap;

	va_copy(ap, args);
	while (*fmt) {
		if (*fmt != '%') {
			put(&o, *fmt++);
			continue;
		}
		fmt++;
		parse_spec(&fmt, &sp, &ap);
		convert(&o, &sp, &ap);
	}
	va_end(ap);
	if (size)
		buf[o.len < size ? o.len : size - 1] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
