/* SPDX-License-Identifier: MIT
 * http_value.c - dates, ranges, entity tags, codings and paths (RFC 9110 5.6.7, 8.8, 12.5.3, 13, 14; RFC 3986).
 */
#include "app/http_value.h"
#include "app/http_parse.h"
#include "lib/string.h"

/* ---- dates ---- */
static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970-01-01 of a date of the Gregorian calendar, counted from March, so that leap days come last. */
static s64 days_of(s64 year, unsigned month, unsigned day)
{
	s64 y = month > 2 ? year : year - 1;
	unsigned m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void put_number(char *out, unsigned v, unsigned digits)
{
	while (digits--) {
		out[digits] = (char)('0' + v % 10);
		v /= 10;
	}
}

void http_date_format(char *out, u64 unix_secs)
{
	u64 days = unix_secs / 86400, secs = unix_secs % 86400;
	s64 year = 1970 + (s64)(days / 366);
	unsigned month = 1, day;

	while (days_of(year + 1, 1, 1) <= (s64)days)
		year++;
	while (month < 12 && days_of(year, month + 1, 1) <= (s64)days)
		month++;
	day = (unsigned)((s64)days - days_of(year, month, 1)) + 1;
	memcpy(out, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_LEN);
	memcpy(out, day_names + (days + 4) % 7 * 3, 3);
	put_number(out + 5, day, 2);
	memcpy(out + 8, month_names + (month - 1) * 3, 3);
	put_number(out + 12, (unsigned)year, 4);
	put_number(out + 17, (unsigned)(secs / 3600), 2);
	put_number(out + 20, (unsigned)(secs / 60 % 60), 2);
	put_number(out + 23, (unsigned)(secs % 60), 2);
}

struct date {
	unsigned year, month, day, hour, min, sec;
};

static bool get_number(const u8 *s, unsigned digits, unsigned *v)
{
	for (*v = 0; digits--; s++) {
		if (!http_is(*s, HTTP_C_DIGIT))
			return false;
		*v = *v * 10 + (unsigned)(*s - '0');
	}
	return true;
}

static bool get_month(const u8 *s, unsigned *month)
{
	for (*month = 1; *month <= 12; ++*month)
		if (!memcmp(s, month_names + (*month - 1) * 3, 3))
			return true;
	return false;
}

static bool get_time(const u8 *s, struct date *d)
{
	return get_number(s, 2, &d->hour) && s[2] == ':' && get_number(s + 3, 2, &d->min) && s[5] == ':' &&
	       get_number(s + 6, 2, &d->sec);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool imf_fixdate(const u8 *s, size_t len, struct date *d)
{
	return len == HTTP_DATE_LEN && s[3] == ',' && s[4] == ' ' && get_number(s + 5, 2, &d->day) && s[7] == ' ' &&
	       get_month(s + 8, &d->month) && s[11] == ' ' && get_number(s + 12, 4, &d->year) && s[16] == ' ' &&
	       get_time(s + 17, d) && !memcmp(s + 25, " GMT", 4);
}

/* Sunday, 06-Nov-94 08:49:37 GMT: a year that seems more than 50 years ahead is past; 2070 is far enough to be fixed. */
static bool rfc850_date(const u8 *s, size_t len, struct date *d)
{
	const u8 *comma = memchr(s, ',', len);

	if (!comma || (size_t)(s + len - comma) != 24)
		return false;
	s = comma + 2;
	if (comma[1] != ' ' || !get_number(s, 2, &d->day) || s[2] != '-' || !get_month(s + 3, &d->month) ||
	    s[6] != '-' || !get_number(s + 7, 2, &d->year) || s[9] != ' ')
		return false;
	d->year += d->year < 70 ? 2000 : 1900;
	return get_time(s + 10, d) && !memcmp(s + 18, " GMT", 4);
}

/* Sun Nov  6 08:49:37 1994 */
static bool asctime_date(const u8 *s, size_t len, struct date *d)
{
	if (len != 24 || s[3] != ' ' || !get_month(s + 4, &d->month) || s[7] != ' ')
		return false;
	if (!(s[8] == ' ' ? get_number(s + 9, 1, &d->day) : get_number(s + 8, 2, &d->day)))
		return false;
	return s[10] == ' ' && get_time(s + 11, d) && s[19] == ' ' && get_number(s + 20, 4, &d->year);
}

bool http_date_parse(const u8 *s, size_t len, u64 *unix_secs)
{
	struct date d;
	s64 days;

	if (!imf_fixdate(s, len, &d) && !rfc850_date(s, len, &d) && !asctime_date(s, len, &d))
		return false;
	if (d.year < 1970 || !d.day || d.day > 31 || d.hour > 23 || d.min > 59 || d.sec > 60)
		return false;
	days = days_of(d.year, d.month, d.day);
	*unix_secs = (u64)days * 86400 + d.hour * 3600 + d.min * 60 + d.sec;
	return true;
}

/* ---- ranges ---- */
/* Digits up to the first other byte; -1: none. Numbers beyond 2^63 are as good as that. */
static int get_offset(const u8 **p, const u8 *end, u64 *v)
{
	const u8 *start = *p;

	for (*v = 0; *p < end && http_is(**p, HTTP_C_DIGIT); ++*p)
		*v = *v > (u64)INT64_MAX / 10 - 1 ? (u64)INT64_MAX : *v * 10 + (**p - '0');
	return *p == start ? -1 : 0;
}

enum http_range http_range_parse(const u8 *s, size_t len, u64 size, u64 *first, u64 *last)
{
	const u8 *end = s + len;
	u64 a, b = INT64_MAX;
	bool suffix;

	if (len < 6 || !http_equals(s, 6, "bytes="))
		return HTTP_RANGE_NONE;
	for (s += 6; s < end && (*s == ' ' || *s == '\t'); s++)
		;
	suffix = get_offset(&s, end, &a) < 0;
	if (s == end || *s++ != '-')
		return HTTP_RANGE_NONE;
	if (get_offset(&s, end, &b) < 0) {
		if (suffix)
			return HTTP_RANGE_NONE;
		b = INT64_MAX;
	}
	if (s != end || (!suffix && b < a))
		return HTTP_RANGE_NONE;
	if (suffix) { /* the last b bytes */
		if (!b || !size)
			return HTTP_RANGE_UNSATISFIABLE;
		a = b < size ? size - b : 0;
		b = size - 1;
	}
	if (a >= size)
		return HTTP_RANGE_UNSATISFIABLE;
	*first = a;
	*last = MIN(b, size - 1);
	return HTTP_RANGE_OK;
}

/* ---- entity tags and codings ---- */
bool http_etag_match(const u8 *s, size_t len, const char *etag, size_t etag_len, bool weak)
{
	const u8 *p = s, *item;
	size_t n;

	if (len == 1 && *s == '*')
		return true;
	while (http_list_next(&p, s + len, &item, &n)) {
		if (weak && n > 2 && item[0] == 'W' && item[1] == '/') {
			item += 2;
			n -= 2;
		}
		if (n == etag_len && !memcmp(item, etag, n))
			return true;
	}
	return false;
}

/* ";q=0", ";q=0.0" ...: is the quality zero? */
static bool quality_is_zero(const u8 *s, size_t len)
{
	const u8 *q = memchr(s, '=', len), *end = s + len;

	if (!q || q == s || (q[-1] | 0x20) != 'q')
		return false;
	for (q++; q < end; q++)
		if (*q != '0' && *q != '.')
			return false;
	return true;
}

bool http_accepts_gzip(const u8 *s, size_t len)
{
	const u8 *p = s, *item;
	bool any = false;
	size_t n;

	while (http_list_next(&p, s + len, &item, &n)) {
		const u8 *semi = memchr(item, ';', n);
		size_t name = semi ? (size_t)(semi - item) : n;

		while (name && (item[name - 1] == ' ' || item[name - 1] == '\t'))
			name--;
		if (http_equals(item, name, "gzip") || http_equals(item, name, "x-gzip"))
			return !semi || !quality_is_zero(semi, n - (size_t)(semi - item));
		if (name == 1 && *item == '*')
			any = !semi || !quality_is_zero(semi, n - (size_t)(semi - item));
	}
	return any;
}

/* ---- paths ---- */
static int hex_value(u8 c)
{
	if (!http_is(c, HTTP_C_HEX))
		return -1;
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* One byte of the path, its escape decoded. -400: broken escape or NUL; -404: a slash that must not act as one. */
static int next_byte(const u8 **p, const u8 *end)
{
	int hi, lo;

	if (**p != '%')
		return *(*p)++;
	if (end - *p < 3)
		return -400;
	hi = hex_value((*p)[1]);
	lo = hex_value((*p)[2]);
	*p += 3;
	if (hi < 0 || lo < 0 || !(hi | lo))
		return -400;
	return hi * 16 + lo == '/' ? -404 : hi * 16 + lo;
}

/* A segment out[seg, n) is complete: "." and ".." go. The new length; -400: above the root. */
static int end_segment(const char *out, int seg, int n)
{
	if (n - seg == 1 && out[seg] == '.')
		return seg;
	if (n - seg != 2 || out[seg] != '.' || out[seg + 1] != '.')
		return n;
	if (seg < 2)
		return -400;
	for (seg--; out[seg - 1] != '/'; seg--)
		;
	return seg;
}

int http_path_decode(const u8 *s, size_t len, char *out, size_t size)
{
	const u8 *p = s, *end = s + len;
	int n = 0, seg = 0, slash = 0; /* seg: where the current segment starts */

	while (p < end) {
		bool is_slash = *p == '/';
		int c = next_byte(&p, end);

		if (c == -404)
			slash = -404;
		if (c < 0 && c != -404)
			return c;
		if (is_slash && n) {
			n = end_segment(out, seg, n);
			if (n < 0)
				return n;
		}
		if (is_slash && n && out[n - 1] == '/') {
			seg = n;
			continue;
		}
		if ((size_t)n + 1 >= size)
			return -404;
		out[n++] = c == -404 ? '/' : (char)c;
		if (is_slash)
			seg = n;
	}
	n = end_segment(out, seg, n);
	return slash && n >= 0 ? slash : n;
}
