/* SPDX-License-Identifier: MIT
 * test_http_parse.c - request heads and bodies: right, borderline and hostile ones, whole and in pieces.
 *
 * Where nginx 1.22 takes what is refused here, or the other way round, the row says so (tests/qemu/http-peer.t asks both).
 */
#include "host/harness.h"
#include "app/http_body.h"
#include "app/http_parse.h"
#include "lib/string.h"

#define OK 0
#define MORE 1

struct parse_case {
	const char *what;
	const char *bytes;
	size_t len;
	int status; /* OK, MORE, or the status it is refused with */
};
#define CASE(what, text, status) { what, text, sizeof(text) - 1, status }
#define H "Host: a\r\n"

static const struct parse_case cases[] = {
	/* ---- right ---- */
	CASE("the least 1.1 request", "GET / HTTP/1.1\r\n" H "\r\n", OK),
	CASE("the least 1.0 request", "GET / HTTP/1.0\r\n\r\n", OK),
	CASE("1.0 with a Host", "GET / HTTP/1.0\r\n" H "\r\n", OK),
	CASE("HEAD", "HEAD / HTTP/1.1\r\n" H "\r\n", OK),
	CASE("POST with a length", "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n", OK),
	CASE("POST chunked", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", OK),
	CASE("chunked in capitals", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n", OK),
	CASE("PUT", "PUT /a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("DELETE", "DELETE /a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("PATCH", "PATCH /a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("TRACE", "TRACE /a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("OPTIONS of a path", "OPTIONS /a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("OPTIONS *; nginx has no OPTIONS", "OPTIONS * HTTP/1.1\r\n" H "\r\n", OK),
	CASE("CONNECT host:port", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", OK),
	CASE("a query", "GET /a?b=c&d HTTP/1.1\r\n" H "\r\n", OK),
	CASE("an empty query", "GET /a? HTTP/1.1\r\n" H "\r\n", OK),
	CASE("a query with slashes and question marks", "GET /a?/b?c HTTP/1.1\r\n" H "\r\n", OK),
	CASE("escapes in the path", "GET /%41%2fb HTTP/1.1\r\n" H "\r\n", OK),
	CASE("bytes above 127 in the path", "GET /\xc3\xbc HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form", "GET http://a/b HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form, scheme in capitals", "GET HTTP://a/b HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form with a port", "GET http://a:80/b HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form without a path", "GET http://a HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form with only a query", "GET http://a?b HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form of https", "GET https://a/ HTTP/1.1\r\n" H "\r\n", OK),
	CASE("absolute form with an IPv6 address", "GET http://[::1]/ HTTP/1.1\r\n" H "\r\n", OK),
	CASE("Host with a port", "GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n", OK),
	CASE("Host with an empty port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", OK),
	CASE("Host with an IPv4 address", "GET / HTTP/1.1\r\nHost: 10.0.2.15\r\n\r\n", OK),
	CASE("Host with an IPv6 address and a port", "GET / HTTP/1.1\r\nHost: [fe80::1]:80\r\n\r\n", OK),
	CASE("HOST in capitals", "GET / HTTP/1.1\r\nHOST: a\r\n\r\n", OK),
	CASE("no space behind the colon", "GET / HTTP/1.1\r\nHost:a\r\n\r\n", OK),
	CASE("tabs and spaces around a value; nginx takes no tab in Host", "GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", OK),
	CASE("an empty value", "GET / HTTP/1.1\r\n" H "X-Empty:\r\n\r\n", OK),
	CASE("a tab within a value", "GET / HTTP/1.1\r\n" H "X: a\tb\r\n\r\n", OK),
	CASE("bytes above 127 in a value", "GET / HTTP/1.1\r\n" H "X: \xe4\xf6\r\n\r\n", OK),
	CASE("every character of a token in a name", "GET / HTTP/1.1\r\n" H "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n", OK),
	CASE("an empty line before the request", "\r\nGET / HTTP/1.1\r\n" H "\r\n", OK),
	CASE("two empty lines before the request", "\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n", OK),
	CASE("lines that end with LF alone", "GET / HTTP/1.1\nHost: a\n\n", OK),
	CASE("LF and CR LF mixed", "GET / HTTP/1.1\r\nHost: a\n\r\n", OK),
	CASE("HTTP/1.2 is answered as 1.1", "GET / HTTP/1.2\r\n" H "\r\n", OK),
	CASE("HTTP/1.9", "GET / HTTP/1.9\r\n" H "\r\n", OK),
	CASE("two Connection fields", "GET / HTTP/1.1\r\n" H "Connection: a\r\nConnection: close\r\n\r\n", OK),
	CASE("a repeated unknown field", "GET / HTTP/1.1\r\n" H "X: 1\r\nX: 2\r\n\r\n", OK),
	CASE("Expect: 100-continue", "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n", OK),
	CASE("Expect: 100-CONTINUE", "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nExpect: 100-CONTINUE\r\n\r\n", OK),
	CASE("an unknown expectation of 1.0 means nothing", "GET / HTTP/1.0\r\nExpect: x\r\n\r\n", OK),
	CASE("Content-Length: 0", "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", OK),
	CASE("Content-Length with zeros in front", "POST / HTTP/1.1\r\n" H "Content-Length: 0005\r\n\r\n", OK),
	CASE("bytes of the next request behind", "GET / HTTP/1.1\r\n" H "\r\nGET /next", OK),
	/* ---- not complete ---- */
	CASE("nothing", "", MORE),
	CASE("one letter", "G", MORE),
	CASE("no end of line", "GET / HTTP/1.1", MORE),
	CASE("a CR that waits for its LF", "GET / HTTP/1.1\r", MORE),
	CASE("no empty line", "GET / HTTP/1.1\r\n" H, MORE),
	CASE("the last LF is missing", "GET / HTTP/1.1\r\n" H "\r", MORE),
	CASE("only empty lines", "\r\n\r\n", MORE),
	/* ---- request lines that are none ---- */
	CASE("HTTP/0.9: nginx serves it; nobody speaks it, and caches were poisoned with it", "GET /\r\n", 400),
	CASE("no target", "GET HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a method alone", "GET\r\n", 400),
	CASE("two spaces behind the method: nginx accepts", "GET  / HTTP/1.1\r\n" H "\r\n", 400),
	CASE("two spaces before the version: nginx accepts", "GET /  HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a tab behind the method", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a space at the end of the line: nginx accepts", "GET / HTTP/1.1 \r\n" H "\r\n", 400),
	CASE("a space before the method", " GET / HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a space within the target: nginx accepts", "GET /a b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a fragment: nginx cuts it off", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a target without a slash", "GET a HTTP/1.1\r\n" H "\r\n", 400),
	CASE("* for GET", "GET * HTTP/1.1\r\n" H "\r\n", 400),
	CASE("an absolute target of another scheme", "GET ftp://a/b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("an absolute target without a host", "GET http:///b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("an absolute target with user information", "GET http://u@a/b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("CONNECT with a path", "CONNECT /a HTTP/1.1\r\n" H "\r\n", 400),
	CASE("NUL in the target", "GET /a\0b HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a control character in the target", "GET /a\x01 HTTP/1.1\r\n" H "\r\n", 400),
	CASE("DEL in the target", "GET /a\x7f HTTP/1.1\r\n" H "\r\n", 400),
	CASE("a bare CR in the request line", "GET /a\rb HTTP/1.1\r\n" H "\r\n", 400),
	CASE("CR CR LF", "GET / HTTP/1.1\r\r\n" H "\r\n", 400),
	CASE("no version number", "GET / HTTP/\r\n" H "\r\n", 400),
	CASE("a version in lower case", "GET / http/1.1\r\n" H "\r\n", 400),
	CASE("a version of three digits; nginx takes it for 1.1", "GET / HTTP/1.10\r\n" H "\r\n", 400),
	CASE("a version without a point", "GET / HTTP/11\r\n" H "\r\n", 400),
	CASE("a comma in the version", "GET / HTTP/1,1\r\n" H "\r\n", 400),
	CASE("another protocol's name", "GET / HTTQ/1.1\r\n" H "\r\n", 400),
	CASE("a TLS hello", "\x16\x03\x01\x02", 400),
	CASE("a method with a character that is none", "G(T / HTTP/1.1\r\n" H "\r\n", 400),
	CASE("HTTP/2.0", "GET / HTTP/2.0\r\n" H "\r\n", 505),
	CASE("HTTP/3.0", "GET / HTTP/3.0\r\n" H "\r\n", 505),
	CASE("HTTP/0.9 said aloud", "GET / HTTP/0.9\r\n" H "\r\n", 505),
	CASE("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
	CASE("an unknown method; nginx says 405, RFC 9110 9.1 says 501", "BREW / HTTP/1.1\r\n" H "\r\n", 501),
	CASE("a method in lower case is another method; nginx says 400", "get / HTTP/1.1\r\n" H "\r\n", 501),
	/* ---- fields ---- */
	CASE("no Host in 1.1", "GET / HTTP/1.1\r\n\r\n", 400),
	CASE("two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400),
	CASE("two Hosts in 1.0", "GET / HTTP/1.0\r\n" H "Host: b\r\n\r\n", 400),
	CASE("an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
	CASE("a Host of blanks", "GET / HTTP/1.1\r\nHost:   \r\n\r\n", 400),
	CASE("a space within Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
	CASE("a slash in Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
	CASE("user information in Host: nginx takes it for part of the name", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
	CASE("a port that is no number: nginx cuts it off", "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 400),
	CASE("an IPv6 address without its bracket: nginx does not look", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400),
	CASE("something behind the bracket: nginx does not look", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", 400),
	CASE("Host with a comma list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
	CASE("a field without a colon: nginx leaves it out", "GET / HTTP/1.1\r\n" H "Broken\r\n\r\n", 400),
	CASE("a field without a name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400),
	CASE("a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
	CASE("a space within a name", "GET / HTTP/1.1\r\n" H "A B: c\r\n\r\n", 400),
	CASE("a folded line", "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", 400),
	CASE("a folded line with a tab", "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", 400),
	CASE("white space between request line and fields", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
	CASE("a bare CR in a value", "GET / HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400),
	CASE("NUL in a value", "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 400),
	CASE("a control character in a value: nginx accepts", "GET / HTTP/1.1\r\n" H "X: \x02\r\n\r\n", 400),
	CASE("DEL in a value: nginx accepts", "GET / HTTP/1.1\r\n" H "X: \x7f\r\n\r\n", 400),
	CASE("NUL in a name", "GET / HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n", 400),
	CASE("a name with a parenthesis: nginx leaves the field out", "GET / HTTP/1.1\r\n" H "X(: a\r\n\r\n", 400),
	CASE("an unknown expectation", "POST / HTTP/1.1\r\n" H "Expect: x\r\n\r\n", 417),
	CASE("one known expectation and one not", "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nExpect: x\r\n\r\n", 417),
	/* ---- where a request ends ---- */
	CASE("Content-Length and chunked", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
	CASE("chunked and Content-Length", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
	CASE("two lengths that differ", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
	CASE("two equal lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
	CASE("a list of lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 5, 5\r\n\r\n", 400),
	CASE("an empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400),
	CASE("a negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n", 400),
	CASE("a length with a plus", "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\n", 400),
	CASE("a hexadecimal length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\n", 400),
	CASE("a length with a space within", "POST / HTTP/1.1\r\n" H "Content-Length: 1 2\r\n\r\n", 400),
	CASE("a length with a fraction", "POST / HTTP/1.1\r\n" H "Content-Length: 5.0\r\n\r\n", 400),
	CASE("chunked twice", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
	CASE("chunked not last", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
	CASE("two Transfer-Encodings", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
	CASE("an empty Transfer-Encoding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 400),
	CASE("chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
	CASE("gzip as transfer coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501),
	CASE("gzip, then chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
	CASE("identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501),
	CASE("a coding with a vertical tab in front", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b" "chunked\r\n\r\n", 400),
	CASE("a quoted coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 501),
	CASE("a coding with a parameter", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;a=b\r\n\r\n", 501),
};

static const struct http_limits usual = { .line_max = 8192, .head_max = 32768, .fields_max = 100 };

/* The answer when the bytes come in steps of `step` (0: all at once), each call seeing all that came so far. */
static int answer(const struct parse_case *c, const struct http_limits *lim, size_t step, struct http_head *h)
{
	size_t have = step ? 0 : c->len;
	int r;

	http_head_init(h);
	for (;;) {
		/* A copy of just the bytes that came, so that the sanitizer sees a look beyond them. */
		u8 *copy = __builtin_memcpy(__builtin_malloc(have + 1), c->bytes, have);

		r = http_parse(h, lim, copy, (u32)have);
		__builtin_free(copy);
		if (r || have == c->len)
			break;
		have = MIN(have + step, c->len);
	}
	return r < 0 ? -r : r ? OK : MORE;
}

TEST(each_head_gets_its_answer_however_it_is_cut)
{
	CHECK(ARRAY_SIZE(cases) >= 100);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct parse_case *c = &cases[i];
		struct http_head h;

		for (size_t step = 0; step <= 3; step++) {
			int got = answer(c, &usual, step, &h);

			if (!CHECK_EQ(got, c->status))
				test_note("%s (steps of %zu)", c->what, step);
		}
	}
}

TEST(every_cut_into_two_gives_the_same_spans)
{
	static const char text[] = "POST http://x.y:1/a/b?c=d HTTP/1.1\r\nHost: h\r\nConnection: close, upgrade\r\n"
				   "Content-Length: 42\r\nRange:  bytes=1-2 \r\nUser-Agent: me\r\n\r\nrest";
	u32 len = sizeof(text) - 1 - 4;

	for (u32 cut = 0; cut < len; cut++) {
		struct http_head h;

		http_head_init(&h);
		CHECK_EQ(http_parse(&h, &usual, (const u8 *)text, cut), 0);
		if (!CHECK_EQ(http_parse(&h, &usual, (const u8 *)text, sizeof(text) - 1), len))
			break;
		CHECK_EQ(h.method, HTTP_POST);
		CHECK_EQ(h.path.len, 4);
		CHECK_MEM(text + h.path.off, "/a/b", 4);
		CHECK_MEM(text + h.query.off, "c=d", 3);
		CHECK(h.conn_close && h.conn_upgrade && !h.keep_alive && h.absolute);
		CHECK_EQ(h.content_length, 42);
		CHECK_EQ(h.field[HTTP_F_RANGE].len, 9);
		CHECK_MEM(text + h.field[HTTP_F_RANGE].off, "bytes=1-2", 9);
	}
}

static int status_of(const char *text, const struct http_limits *lim, bool bytewise)
{
	struct parse_case c = { "", text, strlen(text), 0 };
	struct http_head h;

	return answer(&c, lim, bytewise, &h);
}

TEST(limits_hold_at_the_byte_and_give_414_and_431)
{
	static char text[9000];
	struct http_limits lim = { .line_max = 40, .head_max = 200, .fields_max = 3 };
	const char *line = "GET /0123456789012345678901234 HTTP/1.1"; /* 39 bytes */

	for (int bytewise = 0; bytewise < 2; bytewise++) {
		__builtin_sprintf(text, "%s\r\n" H "\r\n", line);
		CHECK_EQ(status_of(text, &lim, bytewise), OK);
		__builtin_sprintf(text, "GET /012345678901234567890123456 HTTP/1.1\r\n" H "\r\n");
		CHECK_EQ(status_of(text, &lim, bytewise), 414);
		__builtin_sprintf(text, "GET / HTTP/1.1\r\n" H "X: %.37s\r\n\r\n", line);
		CHECK_EQ(status_of(text, &lim, bytewise), OK);
		__builtin_sprintf(text, "GET / HTTP/1.1\r\n" H "X: %.38s\r\n\r\n", line);
		CHECK_EQ(status_of(text, &lim, bytewise), 431);
		CHECK_EQ(status_of("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\n\r\n", &lim, bytewise), OK);
		CHECK_EQ(status_of("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\n\r\n", &lim, bytewise), 431);
		lim.fields_max = 100;
		memset(text, 0, sizeof(text));
		__builtin_strcpy(text, "GET / HTTP/1.1\r\n" H);
		for (int i = 0; i < 9; i++)
			__builtin_strcat(text, "X: 0123456789012345\r\n");
		CHECK_EQ(status_of(text, &lim, bytewise), 431);
		lim.fields_max = 3;
	}
}

TEST(a_line_without_end_is_refused_as_soon_as_it_is_too_long)
{
	static char text[8300];

	memset(text, 'a', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	CHECK_EQ(status_of(text, &usual, false), 414);
	text[8192] = '\0';
	CHECK_EQ(status_of(text, &usual, false), MORE);
}

TEST(an_endless_number_is_a_large_one)
{
	struct parse_case c = CASE("", "POST / HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999999\r\n\r\n", OK);
	struct http_head h;

	CHECK_EQ(answer(&c, &usual, 0, &h), OK);
	CHECK(h.content_length > 1ull << 58 && h.content_length <= INT64_MAX);
}

static bool keeps_alive(const char *text)
{
	struct parse_case c = { "", text, strlen(text), 0 };
	struct http_head h;

	CHECK_EQ(answer(&c, &usual, 0, &h), OK);
	return h.keep_alive;
}

TEST(connections_persist_as_their_version_says)
{
	CHECK(keeps_alive("GET / HTTP/1.1\r\n" H "\r\n"));
	CHECK(!keeps_alive("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
	CHECK(!keeps_alive("GET / HTTP/1.1\r\n" H "Connection: keep-alive, Close\r\n\r\n"));
	CHECK(!keeps_alive("GET / HTTP/1.0\r\n\r\n"));
	CHECK(keeps_alive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
	CHECK(!keeps_alive("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"));
	CHECK(keeps_alive("GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n"));
}

TEST(a_repeated_condition_is_not_believed)
{
	struct parse_case c = CASE("", "GET / HTTP/1.1\r\n" H "Range: bytes=0-1\r\nRange: bytes=2-3\r\n\r\n", OK);
	struct http_head h;

	CHECK_EQ(answer(&c, &usual, 0, &h), OK);
	CHECK(!http_has(&h, HTTP_F_RANGE));
}

TEST(random_bytes_are_answered_the_same_whole_and_in_pieces)
{
	static const char alphabet[] = "GET / HTTP/1.1\r\nHost: a\r\n:, \t\0\x7f/?#%chunkedTransfer-Encoding";
	struct test_rng rng = { 7 };
	char text[120];

	for (int i = 0; i < 20000; i++) {
		struct parse_case c = { "", text, rng_below(&rng, sizeof(text)), 0 };
		struct http_head h;
		u32 keep = rng_below(&rng, 40);
		int whole;

		for (u32 k = 0; k < c.len; k++)
			text[k] = k < keep ? "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nabcdefg"[k]
					   : alphabet[rng_below(&rng, sizeof(alphabet))];
		whole = answer(&c, &usual, 0, &h);
		if (!CHECK_EQ(answer(&c, &usual, 1 + rng_below(&rng, 5), &h), whole))
			break;
	}
}

TEST(paths_that_need_no_decoding_are_known_as_such)
{
	static const struct {
		const char *text;
		bool plain;
	} rows[] = {
		{ "GET / HTTP/1.0\r\n\r\n", true },	       { "GET /a.b/c HTTP/1.0\r\n\r\n", true },
		{ "GET /a?/../%41 HTTP/1.0\r\n\r\n", true }, { "GET //a HTTP/1.0\r\n\r\n", false },
		{ "GET /a/../c HTTP/1.0\r\n\r\n", false },   { "GET /.a HTTP/1.0\r\n\r\n", false },
		{ "GET /%41 HTTP/1.0\r\n\r\n", false },      { "GET http://h/a HTTP/1.0\r\n\r\n", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct parse_case c = { "", rows[i].text, strlen(rows[i].text), 0 };
		struct http_head h;

		CHECK_EQ(answer(&c, &usual, 0, &h), OK);
		CHECK_EQ(h.plain_path, rows[i].plain);
	}
}

TEST(every_field_is_found_by_its_name_in_any_case)
{
	static const char *const names[] = {
#define X(name, text) text,
		HTTP_FIELDS(X)
#undef X
	};

	for (unsigned f = 0; f < NR_HTTP_FIELDS; f++) {
		char upper[32];
		u32 len = (u32)strlen(names[f]);

		for (u32 i = 0; i < len; i++)
			upper[i] = names[f][i] >= 'a' && names[f][i] <= 'z' ? (char)(names[f][i] - 32) : names[f][i];
		CHECK_EQ(http_field_of((const u8 *)names[f], len), f);
		CHECK_EQ(http_field_of((const u8 *)upper, len), f);
		CHECK_EQ(http_field_of((const u8 *)names[f], len - 1), NR_HTTP_FIELDS);
	}
	CHECK_EQ(http_field_of((const u8 *)"", 0), NR_HTTP_FIELDS);
	CHECK_EQ(http_field_of((const u8 *)"a-name-that-is-longer-than-all", 30), NR_HTTP_FIELDS);
}

/* ---- bodies ---- */
struct body_case {
	const char *what;
	const char *bytes;
	size_t len;
	const char *payload; /* NULL: refused */
	size_t rest;         /* bytes behind the body */
};
#define BODY(what, text, payload, rest) { what, text, sizeof(text) - 1, payload, rest }

static const struct body_case bodies[] = {
	BODY("no chunk", "0\r\n\r\n", "", 0),
	BODY("one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", 0),
	BODY("two chunks", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", 0),
	BODY("sizes in both cases", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", 0),
	BODY("zeros before the size", "0005\r\nhello\r\n000\r\n\r\n", "hello", 0),
	BODY("an extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", "hello", 0),
	BODY("a quoted extension", "5;a=\"b c\"\r\nhello\r\n0\r\n\r\n", "hello", 0),
	BODY("trailers", "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\n", "hello", 0),
	BODY("the next request behind", "5\r\nhello\r\n0\r\n\r\nGET", "hello", 3),
	BODY("no size", "\r\nhello", NULL, 0),
	BODY("a size that is none", "g\r\n", NULL, 0),
	BODY("a size with 0x", "0x5\r\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("a negative size", "-5\r\n", NULL, 0),
	BODY("a size with a space behind", "5 \r\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("a space before the size", " 5\r\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("a size of seventeen digits", "10000000000000000\r\n", NULL, 0),
	BODY("LF alone behind the size", "5\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("CR alone behind the size", "5\rhello\r\n0\r\n\r\n", NULL, 0),
	BODY("LF alone behind the data", "5\r\nhello\n0\r\n\r\n", NULL, 0),
	BODY("data longer than its size", "5\r\nhello!\r\n0\r\n\r\n", NULL, 0),
	BODY("NUL in an extension", "5;\0\r\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("a bare LF in an extension", "5;a\nb\r\nhello\r\n0\r\n\r\n", NULL, 0),
	BODY("a trailer without a colon", "0\r\nbroken\r\n\r\n", NULL, 0),
	BODY("a folded trailer", "0\r\nA: b\r\n c\r\n\r\n", NULL, 0),
	BODY("a trailer that ends with LF", "0\r\nA: b\n\r\n", NULL, 0),
	BODY("the last line ends with LF", "0\r\n\n", NULL, 0),
};

/* Feeds a chunked body in steps; false: refused. */
static bool decode(const struct body_case *c, size_t step, char *out, size_t *rest)
{
	struct http_head h = { .framing = HTTP_BODY_CHUNKED };
	struct http_body b;
	size_t pos = 0, n = 0;

	http_body_init(&b, &h);
	while (pos < c->len && !http_body_is_done(&b)) {
		u32 used, len = (u32)MIN(step ?: c->len, c->len - pos);
		enum http_body_step s = http_body_next(&b, (const u8 *)c->bytes + pos, len, &used);

		if (s == HTTP_BODY_BAD)
			return false;
		if (s == HTTP_BODY_DATA) {
			memcpy(out + n, c->bytes + pos, used);
			n += used;
		}
		pos += used;
	}
	out[n] = '\0';
	*rest = c->len - pos;
	return http_body_is_done(&b);
}

TEST(each_chunked_body_is_taken_apart_however_it_is_cut)
{
	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
		for (size_t step = 0; step <= 4; step++) {
			const struct body_case *c = &bodies[i];
			char out[256];
			size_t rest = 0;
			bool ok = decode(c, step, out, &rest);

			if (!CHECK_EQ(ok, c->payload != NULL)) {
				test_note("%s (steps of %zu)", c->what, step);
			} else if (ok) {
				CHECK_STR(out, c->payload);
				CHECK_EQ(rest, c->rest);
			}
		}
}

TEST(extensions_and_trailers_are_bounded)
{
	struct http_head h = { .framing = HTTP_BODY_CHUNKED };
	struct http_body b;
	enum http_body_step s = HTTP_BODY_FRAME;
	u32 used, n = 0;

	http_body_init(&b, &h);
	http_body_next(&b, (const u8 *)"5;", 2, &used);
	while (s == HTTP_BODY_FRAME && n++ < 100000)
		s = http_body_next(&b, (const u8 *)"x", 1, &used);
	CHECK_EQ(s, HTTP_BODY_BAD);
	CHECK(n <= 4097);
}

TEST(a_sized_body_ends_at_its_last_byte)
{
	struct http_head h = { .framing = HTTP_BODY_LENGTH, .content_length = 10 };
	struct http_body b;
	u32 used;

	http_body_init(&b, &h);
	CHECK_EQ(http_body_next(&b, (const u8 *)"0123456", 7, &used), HTTP_BODY_DATA);
	CHECK_EQ(used, 7);
	CHECK_EQ(http_body_next(&b, (const u8 *)"789GET", 6, &used), HTTP_BODY_DATA);
	CHECK_EQ(used, 3);
	CHECK(http_body_is_done(&b));
	CHECK_EQ(b.taken, 10);
	h.content_length = 0;
	http_body_init(&b, &h);
	CHECK(http_body_is_done(&b));
}
