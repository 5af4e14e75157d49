/* SPDX-License-Identifier: MIT
 * test_http_value.c - dates, ranges, entity tags, codings and paths.
 */
#include "host/harness.h"
#include "app/http_value.h"
#include "lib/string.h"

static void check_date(u64 secs, const char *text)
{
	char out[HTTP_DATE_LEN + 1] = "";
	u64 back;

	http_date_format(out, secs);
	CHECK_STR(out, text);
	CHECK(http_date_parse((const u8 *)text, strlen(text), &back));
	CHECK_EQ(back, secs);
}

TEST(dates_are_written_and_read_back)
{
	check_date(0, "Thu, 01 Jan 1970 00:00:00 GMT");
	check_date(784111777, "Sun, 06 Nov 1994 08:49:37 GMT"); /* RFC 9110 5.6.7 */
	check_date(951782400, "Tue, 29 Feb 2000 00:00:00 GMT");
	check_date(951868800, "Wed, 01 Mar 2000 00:00:00 GMT");
	check_date(4107542399, "Sun, 28 Feb 2100 23:59:59 GMT");
	check_date(4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"); /* 2100 has no leap day */
	check_date(1735689599, "Tue, 31 Dec 2024 23:59:59 GMT");
	check_date(253402300799, "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(every_day_of_four_centuries_comes_back)
{
	for (u64 day = 0; day < 146097; day++) {
		char out[HTTP_DATE_LEN];
		u64 back;

		http_date_format(out, day * 86400 + 3661);
		if (!CHECK(http_date_parse((const u8 *)out, sizeof(out), &back)) || !CHECK_EQ(back, day * 86400 + 3661))
			break;
	}
}

static bool parses(const char *s, u64 want)
{
	u64 got = 0;

	return http_date_parse((const u8 *)s, strlen(s), &got) && got == want;
}

TEST(the_obsolete_forms_of_dates_are_understood_and_nonsense_is_not)
{
	u64 secs;

	CHECK(parses("Sunday, 06-Nov-94 08:49:37 GMT", 784111777));
	CHECK(parses("Sun Nov  6 08:49:37 1994", 784111777));
	CHECK(parses("Wed Nov 16 08:49:37 1994", 784975777));
	for (size_t i = 0; i < 8; i++) {
		static const char *const bad[] = {
			"", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 6 Nov 1994 08:49:37 GMT",
			"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Now 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
			"Sun, 06 Nov 1969 08:49:37 GMT",
		};

		CHECK(!http_date_parse((const u8 *)bad[i], strlen(bad[i]), &secs));
	}
}

static void check_range(const char *s, u64 size, enum http_range want, u64 first, u64 last)
{
	u64 a = 0, b = 0;
	enum http_range got = http_range_parse((const u8 *)s, strlen(s), size, &a, &b);

	if (!CHECK_EQ(got, want))
		test_note("\"%s\" of %llu", s, (unsigned long long)size);
	if (got == HTTP_RANGE_OK) {
		CHECK_EQ(a, first);
		CHECK_EQ(b, last);
	}
}

TEST(ranges_are_cut_to_the_file_refused_or_ignored)
{
	check_range("bytes=0-0", 100, HTTP_RANGE_OK, 0, 0);
	check_range("bytes=0-99", 100, HTTP_RANGE_OK, 0, 99);
	check_range("bytes=0-100", 100, HTTP_RANGE_OK, 0, 99);
	check_range("bytes=50-", 100, HTTP_RANGE_OK, 50, 99);
	check_range("bytes=-1", 100, HTTP_RANGE_OK, 99, 99);
	check_range("bytes=-100", 100, HTTP_RANGE_OK, 0, 99);
	check_range("bytes=-1000", 100, HTTP_RANGE_OK, 0, 99);
	check_range("BYTES=1-2", 100, HTTP_RANGE_OK, 1, 2);
	check_range("bytes=1-99999999999999999999999", 100, HTTP_RANGE_OK, 1, 99);
	check_range("bytes=99999999999999999999999-", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=100-", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=100-200", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=-0", 100, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=0-", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=-5", 0, HTTP_RANGE_UNSATISFIABLE, 0, 0);
	check_range("bytes=5-4", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("bytes=-", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("bytes=", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("bytes=a-b", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("bytes=0-1x", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("bytes=0-1,3-4", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("lines=0-1", 100, HTTP_RANGE_NONE, 0, 0);
	check_range("", 100, HTTP_RANGE_NONE, 0, 0);
}

static bool etag(const char *list, bool weak)
{
	return http_etag_match((const u8 *)list, strlen(list), "\"abc\"", 5, weak);
}

TEST(entity_tags_match_weakly_and_strongly)
{
	CHECK(etag("\"abc\"", false) && etag("*", false) && etag("*", true));
	CHECK(etag("\"x\", \"abc\"", false) && etag("\"abc\" ,\"y\"", true));
	CHECK(etag("W/\"abc\"", true) && !etag("W/\"abc\"", false));
	CHECK(!etag("abc", true) && !etag("\"abcd\"", true) && !etag("", true) && !etag(",,", true));
}

static bool gzip(const char *s)
{
	return http_accepts_gzip((const u8 *)s, strlen(s));
}

TEST(gzip_is_sent_to_those_who_take_it)
{
	CHECK(gzip("gzip") && gzip("deflate, gzip") && gzip("GZIP;q=0.5") && gzip("br;q=1.0, gzip;q=0.8, *;q=0.1") && gzip("*"));
	CHECK(!gzip("") && !gzip("deflate, br") && !gzip("gzip;q=0") && !gzip("gzip ; q=0.000") && !gzip("*;q=0"));
	CHECK(!gzip("gzip;q=0, *") && gzip("x-gzip"));
}

static void check_path(const char *in, const char *want, int status)
{
	char out[64];
	int n = http_path_decode((const u8 *)in, strlen(in), out, sizeof(out));

	if (want && CHECK(n > 0)) {
		out[n] = '\0';
		CHECK_STR(out, want);
	} else if (!CHECK_EQ(n, want ? n : -status)) {
		test_note("%s", in);
	}
}

TEST(paths_are_decoded_and_stay_below_the_root)
{
	check_path("/", "/", 0);
	check_path("/a/b", "/a/b", 0);
	check_path("//a///b//", "/a/b/", 0);
	check_path("/%61%2Eb", "/a.b", 0);
	check_path("/a%20b", "/a b", 0);
	check_path("/./a/./b/.", "/a/b/", 0);
	check_path("/a/../b", "/b", 0);
	check_path("/a/b/..", "/a/", 0);
	check_path("/a/b/../..", "/", 0);
	check_path("/a/%2e%2E/b", "/b", 0);
	check_path("/...", "/...", 0);
	check_path("/..a/.b", "/..a/.b", 0);
	check_path("/a//../b", "/b", 0);
	check_path("/%c3%bc", "/\xc3\xbc", 0);
	check_path("/..", NULL, 400);
	check_path("/../a", NULL, 400);
	check_path("/a/../..", NULL, 400);
	check_path("/%2e%2e/etc", NULL, 400);
	check_path("/a%00b", NULL, 400);
	check_path("/%", NULL, 400);
	check_path("/%4", NULL, 400);
	check_path("/%zz", NULL, 400);
	check_path("/a%2fb", NULL, 404);
	check_path("/..%2f..%2fetc", NULL, 404);
	check_path("/0123456789012345678901234567890123456789012345678901234567890123456789", NULL, 404);
}
