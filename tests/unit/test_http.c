/* SPDX-License-Identifier: MIT
 * test_http.c - the server and its clients, stack to stack: what is asked comes back, and who misbehaves is let go.
 */
#include "unit/httpkit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: b\r\n\r\n"

static void check_status(struct kit *k, const char *request, int want)
{
	char *got = ask(k, request);

	if (!CHECK_EQ(status_in(got), want))
		test_note("%.60s", request);
	free(got);
}

TEST(a_page_is_served_with_all_its_fields)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, GET("/index.html"));
	CHECK_EQ(status_in(got), 200);
	CHECK(has_line(got, "Server: barewire"));
	CHECK(has_line(got, "Content-Type: text/html; charset=utf-8"));
	CHECK(has_line(got, "Accept-Ranges: bytes"));
	CHECK(strstr(got, "\r\nDate: ") && strstr(got, "\r\nETag: \"") && strstr(got, "\r\nLast-Modified: "));
	CHECK(strstr(got, "\r\nContent-Length: "));
	CHECK_EQ(strlen(body_of(got)), (size_t)atoi(strstr(got, "Content-Length: ") + 16));
	CHECK(strstr(body_of(got), "<h1>barewire</h1>"));
	free(got);
	kit_stop(&k);
}

TEST(each_request_gets_the_status_it_deserves)
{
	static const struct {
		const char *request;
		int status;
	} rows[] = {
		{ GET("/"), 200 },
		{ GET("/index.html"), 200 },
		{ GET("/index.html?x=y"), 200 },
		{ GET("/./x/../style.css"), 200 },
		{ GET("/%73tyle.css"), 200 },
		{ GET("//style.css"), 200 },
		{ GET("http://b/style.css"), 200 },
		{ GET("http://b"), 200 },
		{ GET("/health"), 200 },
		{ GET("/metrics"), 200 },
		{ GET("/log"), 200 },
		{ GET("/nothing"), 404 },
		{ GET("/style.css/"), 404 },
		{ GET("/%2e%2e/etc/passwd"), 400 },
		{ GET("/../x"), 400 },
		{ GET("/a%00"), 400 },
		{ GET("/%zz"), 400 },
		{ GET("/..%2fx"), 404 },
		{ "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n", 200 },
		{ "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", 204 },
		{ "OPTIONS /echo HTTP/1.1\r\nHost: b\r\n\r\n", 204 },
		{ "OPTIONS / HTTP/1.1\r\nHost: b\r\n\r\n", 204 },
		{ "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 405 },
		{ "PUT /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx", 405 },
		{ "DELETE /health HTTP/1.1\r\nHost: b\r\n\r\n", 405 },
		{ "TRACE / HTTP/1.1\r\nHost: b\r\n\r\n", 405 },
		{ "CONNECT b:80 HTTP/1.1\r\nHost: b\r\n\r\n", 405 },
		{ "BREW / HTTP/1.1\r\nHost: b\r\n\r\n", 501 },
		{ "GET / HTTP/2.0\r\nHost: b\r\n\r\n", 505 },
		{ "GET / HTTP/1.1\r\n\r\n", 400 },
		{ "GET /\r\n\r\n", 400 },
		{ "nonsense\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nHo", 400 }, /* RFC 9112 8: incomplete */
		{ "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 9999999999999999999\r\n\r\n", 413 },
		{ "POST /echo HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\n", 400 },
		{ "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\n", 200 },
		{ "POST / HTTP/1.1\r\nHost: b\r\nExpect: x\r\n\r\n", 417 },
		{ "GET /ws HTTP/1.1\r\nHost: b\r\n\r\n", 426 },
		{ "GET / HTTP/1.0\r\n\r\n", 200 },
	};
	struct kit k;

	kit_start(&k);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_status(&k, rows[i].request, rows[i].status);
	CHECK_EQ(kit_http(&k)->nr_conns, 0);
	kit_stop(&k);
}

TEST(refusals_name_the_methods_that_are_allowed)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, "PUT /echo HTTP/1.1\r\nHost: b\r\n\r\n");
	CHECK(has_line(got, "Allow: OPTIONS, POST"));
	free(got);
	got = ask(&k, "DELETE / HTTP/1.1\r\nHost: b\r\n\r\n");
	CHECK(has_line(got, "Allow: OPTIONS, GET, HEAD"));
	free(got);
	kit_stop(&k);
}

TEST(heads_in_single_bytes_get_the_same_answer)
{
	static const char text[] = "GET /robots.txt HTTP/1.1\r\nHost: b\r\nX: y\r\nConnection: close\r\n\r\n";
	struct talk t = { .send = text, .len = sizeof(text) - 1, .step = 1, .pause_ns = NSEC_PER_MSEC };
	struct kit k;

	kit_start(&k);
	talk_run(&t, &k, 10 * NSEC_PER_SEC);
	CHECK_EQ(status_in(t.got), 200);
	CHECK(strstr(body_of(t.got), "User-agent"));
	CHECK_EQ(t.err, 0);
	free(t.got);
	kit_stop(&k);
}

/* How many answers with this status line are in a text. */
static unsigned answers(const char *got, const char *line)
{
	unsigned n = 0;

	while ((got = strstr(got, line))) {
		got++;
		n++;
	}
	return n;
}

TEST(pipelined_requests_are_answered_in_their_order)
{
	struct kit k;
	char *got, *p;

	kit_start(&k);
	got = ask(&k, GET("/health") GET("/nothing") "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\nabc"
		  "HEAD / HTTP/1.1\r\nHost: b\r\n\r\n" GET("/robots.txt"));
	p = strstr(got, "ok\n");
	CHECK(p != NULL);
	p = p ? strstr(p, "404 Not Found") : NULL;
	p = p ? strstr(p, "abcHTTP/1.1 200") : NULL;
	p = p ? strstr(p, "User-agent") : NULL;
	CHECK(p != NULL);
	CHECK_EQ(answers(got, "HTTP/1.1 "), 5);
	free(got);
	kit_stop(&k);
}

TEST(hundreds_of_pipelined_requests_are_all_answered)
{
	size_t len = strlen(GET("/robots.txt"));
	struct talk t = { .half_close = true };
	char *text = malloc(len * 500 + 1);
	struct kit k;

	for (int i = 0; i < 500; i++)
		memcpy(text + len * (size_t)i, GET("/robots.txt"), len + 1);
	t.send = text;
	t.len = len * 500;
	kit_start(&k);
	talk_run(&t, &k, 60 * NSEC_PER_SEC);
	CHECK_EQ(answers(t.got, "HTTP/1.1 200 OK"), 500);
	free(t.got);
	free(text);
	kit_stop(&k);
}

TEST(versions_decide_about_persistence)
{
	struct talk t = { .send = "GET /health HTTP/1.0\r\n\r\n", .len = 24 };
	struct kit k;
	char *got;

	kit_start(&k);
	talk_run(&t, &k, 5 * NSEC_PER_SEC); /* the server closes: no half-close needed */
	CHECK(t.done && has_line(t.got, "Connection: close"));
	free(t.got);
	got = ask(&k, "GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /health HTTP/1.0\r\n\r\n");
	CHECK_EQ(answers(got, "HTTP/1.1 200 OK"), 2);
	CHECK(has_line(got, "Connection: keep-alive"));
	free(got);
	got = ask(&k, "GET /health HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n" GET("/health"));
	CHECK_EQ(answers(got, "HTTP/1.1 200 OK"), 1);
	free(got);
	kit_stop(&k);
}

/* ---- conditions and ranges ---- */
static char *ask_with(struct kit *k, const char *field)
{
	char text[512];

	snprintf(text, sizeof(text), "GET /robots.txt HTTP/1.1\r\nHost: b\r\n%s\r\n\r\n", field);
	return ask(k, text);
}

static void check_condition(struct kit *k, const char *field, const char *value, int want)
{
	char text[256], *got;

	snprintf(text, sizeof(text), "%s: %s", field, value);
	got = ask_with(k, text);
	if (!CHECK_EQ(status_in(got), want))
		test_note("%s", text);
	if (want == 304)
		CHECK_STR(body_of(got), "");
	free(got);
}

TEST(conditions_are_judged_as_the_rfc_orders)
{
	struct kit k;
	char tag[64], weak[80], *got;

	kit_start(&k);
	got = ask(&k, GET("/robots.txt"));
	snprintf(tag, sizeof(tag), "%.18s", strstr(got, "ETag: ") + 6);
	snprintf(weak, sizeof(weak), "W/%s", tag);
	free(got);
	check_condition(&k, "If-None-Match", tag, 304);
	check_condition(&k, "If-None-Match", weak, 304);
	check_condition(&k, "If-None-Match", "\"other\"", 200);
	check_condition(&k, "If-None-Match", "*", 304);
	check_condition(&k, "If-Match", tag, 200);
	check_condition(&k, "If-Match", weak, 412);
	check_condition(&k, "If-Match", "\"other\"", 412);
	check_condition(&k, "If-Match", "*", 200);
	check_condition(&k, "If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", 304);
	check_condition(&k, "If-Modified-Since", "Wed, 31 Dec 2025 23:59:59 GMT", 200);
	check_condition(&k, "If-Modified-Since", "nonsense", 200);
	check_condition(&k, "If-Unmodified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", 200);
	check_condition(&k, "If-Unmodified-Since", "Wed, 31 Dec 2025 23:59:59 GMT", 412);
	/* A tag outweighs a date. */
	check_condition(&k, "If-None-Match: \"other\"\r\nIf-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", 200);
	kit_stop(&k);
}

TEST(ranges_are_cut_out_of_the_file)
{
	struct kit k;
	char *whole, *got, field[128];
	size_t size;

	kit_start(&k);
	whole = ask(&k, GET("/robots.txt"));
	size = strlen(body_of(whole));
	got = ask_with(&k, "Range: bytes=2-5");
	CHECK_EQ(status_in(got), 206);
	CHECK_EQ(strlen(body_of(got)), 4);
	CHECK_MEM(body_of(got), body_of(whole) + 2, 4);
	snprintf(field, sizeof(field), "Content-Range: bytes 2-5/%zu", size);
	CHECK(has_line(got, field) && has_line(got, "Content-Length: 4"));
	free(got);
	got = ask_with(&k, "Range: bytes=-3");
	CHECK_STR(body_of(got), body_of(whole) + size - 3);
	free(got);
	got = ask_with(&k, "Range: bytes=9999-");
	CHECK_EQ(status_in(got), 416);
	snprintf(field, sizeof(field), "Content-Range: bytes */%zu", size);
	CHECK(has_line(got, field));
	free(got);
	got = ask_with(&k, "Range: bytes=0-1,2-3"); /* several: the whole */
	CHECK_EQ(status_in(got), 200);
	free(got);
	got = ask_with(&k, "Range: bytes=0-1\r\nIf-Range: \"other\"");
	CHECK_EQ(status_in(got), 200);
	free(got);
	snprintf(field, sizeof(field), "Range: bytes=0-1\r\nIf-Range: %.18s", strstr(whole, "ETag: ") + 6);
	got = ask_with(&k, field);
	CHECK_EQ(status_in(got), 206);
	free(got);
	free(whole);
	kit_stop(&k);
}

/* ---- bodies ---- */
TEST(echo_sends_back_sized_and_chunked_bodies)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 11\r\n\r\nhello world");
	CHECK_STR(body_of(got), "hello world");
	CHECK(has_line(got, "Content-Length: 11"));
	free(got);
	got = ask(&k, "POST /echo HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
	CHECK_STR(body_of(got), "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
	CHECK(has_line(got, "Transfer-Encoding: chunked"));
	free(got);
	got = ask(&k, "POST /echo HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" GET("/health"));
	CHECK_EQ(answers(got, "HTTP/1.1 200 OK"), 2);
	CHECK(has_line(got, "Content-Length: 0"));
	CHECK(!strncmp(body_of(got), "HTTP/1.1 200 OK", 15));
	free(got);
	kit_stop(&k);
}

TEST(a_client_that_asks_before_it_sends_is_told_to_go_on)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nhi");
	CHECK(!strncmp(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", 42));
	CHECK_STR(body_of(got + 25), "hi");
	free(got);
	/* One that is refused anyway is told so, and the connection ends: nobody knows whether the body follows. */
	got = ask(&k, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	CHECK_EQ(status_in(got), 405);
	CHECK(has_line(got, "Connection: close"));
	free(got);
	kit_stop(&k);
}

TEST(a_body_nobody_wants_is_read_so_that_the_connection_lives)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nabcdeGET /health HTTP/1.1\r\nHost: b\r\n\r\n");
	CHECK_EQ(status_in(got), 405);
	CHECK(strstr(got, "ok\n") != NULL);
	free(got);
	got = ask(&k, "GET / HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n" GET("/health"));
	CHECK(strstr(got, "ok\n") != NULL);
	free(got);
	got = ask(&k, "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 99999999\r\n\r\nabc");
	CHECK_EQ(status_in(got), 405);
	CHECK(has_line(got, "Connection: close"));
	free(got);
	kit_stop(&k);
}

TEST(an_error_page_reaches_a_client_that_still_sends)
{
	size_t len = 200000;
	char *text = malloc(len);
	struct talk t = { .send = text, .len = len };
	struct kit k;

	memset(text, 'x', len);
	memcpy(text, "GET / HTTP/1.1\r\nHost : b\r\n\r\n", 28);
	kit_start(&k);
	talk_run(&t, &k, 20 * NSEC_PER_SEC);
	CHECK_EQ(t.err, 0); /* no reset overtook it */
	CHECK_EQ(status_in(t.got), 400);
	free(t.got);
	free(text);
	kit_stop(&k);
}

TEST(a_megabyte_comes_back_over_a_lossy_link)
{
	static const struct lab_link bad = { .rate_bps = 100000000, .delay_ns = 2000000, .loss_ppm = 5000, .reorder_ppm = 5000 };
	size_t head, len = 1 << 20;
	char *text = malloc(len + 200);
	struct talk t = { .send = text, .half_close = true };
	struct test_rng rng = { 11 };
	struct kit k;

	head = (size_t)sprintf(text, "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: %zu\r\n\r\n", len);
	for (size_t i = 0; i < len; i++)
		text[head + i] = (char)rng_next(&rng);
	t.len = head + len;
	kit_start_with(&k, &bad, NULL, 0, "");
	talk_run(&t, &k, 300 * NSEC_PER_SEC);
	CHECK_EQ(t.err, 0);
	if (CHECK(t.got_len > len))
		CHECK(!memcmp(t.got + t.got_len - len, text + head, len));
	free(t.got);
	free(text);
	kit_stop(&k);
}

TEST(a_large_file_is_sent_from_the_archive_without_a_copy)
{
	size_t len = 3 << 20;
	u8 *tar = calloc(1, 512 + len + 1024);
	struct test_rng rng = { 5 };
	struct talk t = { .send = GET("/big.bin"), .len = strlen(GET("/big.bin")), .half_close = true };
	unsigned sum = 0;
	struct kit k;
	u64 copied;

	for (size_t i = 0; i < len; i++)
		tar[512 + i] = (u8)rng_next(&rng);
	strcpy((char *)tar, "big.bin");
	sprintf((char *)tar + 124, "%011zo", len);
	sprintf((char *)tar + 136, "%011o", 1);
	tar[156] = '0';
	memcpy(tar + 257, "ustar\00000", 8);
	memset(tar + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += tar[i];
	sprintf((char *)tar + 148, "%06o", sum);
	kit_start_with(&k, NULL, tar, 512 + len + 1024, "");
	copied = lab_stat(k.b, STAT_CopyOutBytes);
	talk_run(&t, &k, 60 * NSEC_PER_SEC);
	CHECK_EQ(status_in(t.got), 200);
	CHECK_EQ(strlen("") + t.got_len - (size_t)(body_of(t.got) - t.got), len);
	CHECK(!memcmp(body_of(t.got), tar + 512, len));
	CHECK(lab_stat(k.b, STAT_CopyOutBytes) - copied < 1000);
	free(t.got);
	kit_stop(&k);
	free(tar);
}

TEST(a_folder_without_an_index_is_403_and_nothing_is_listed)
{
	u8 tar[512 * 4] = { 0 };
	unsigned sum = 8 * ' ';
	struct kit k;
	char *got;

	strcpy((char *)tar, "folder/secret.txt");
	memcpy(tar + 124, "00000000001", 12);
	memcpy(tar + 136, "00000000001", 12);
	tar[156] = '0';
	tar[512] = 'x';
	for (int i = 0; i < 512; i++)
		sum += tar[i];
	sprintf((char *)tar + 148, "%06o", sum);
	kit_start_with(&k, NULL, tar, sizeof(tar), "");
	check_status(&k, GET("/folder/secret.txt"), 200);
	check_status(&k, GET("/folder"), 301);
	check_status(&k, GET("/"), 200); /* the live page: it lists nothing either */
	got = ask(&k, GET("/folder/"));
	CHECK_EQ(status_in(got), 403);
	CHECK(!strstr(got, "secret"));
	free(got);
	kit_stop(&k);
}

/* ---- what the operator sees ---- */
TEST(metrics_and_log_tell_of_what_happened)
{
	struct kit k;
	char *got;

	kit_start(&k);
	free(ask(&k, "GET /robots.txt HTTP/1.1\r\nHost: b\r\nUser-Agent: te\"st\r\nReferer: http://x/\r\n\r\n"));
	got = ask(&k, GET("/metrics"));
	CHECK(strstr(got, "# TYPE barewire_http_requests_total counter\nbarewire_http_requests_total 1\n") != NULL);
	CHECK(strstr(got, "# HELP barewire_TcpPassiveOpens connections accepted (connections)\n") != NULL);
	CHECK(strstr(got, "# HELP barewire_IpExtInOctets IPv4 bytes received (bytes)\n") != NULL);
	CHECK(strstr(got, "# TYPE barewire_TcpPassiveOpens counter\nbarewire_TcpPassiveOpens 2\n") != NULL);
	CHECK(strstr(got, "barewire_drops_total{reason=\"TCP_CSUM\"} 0\n") != NULL);
	free(got);
	got = ask(&k, GET("/log"));
	CHECK(strstr(got, "10.0.0.1 - - [") != NULL);
	CHECK(strstr(got, "\"GET /robots.txt HTTP/1.1\" 200 ") != NULL);
	CHECK(strstr(got, "\"http://x/\" \"te?st\" ") != NULL);
	free(got);
	kit_stop(&k);
}

TEST(an_idle_connection_costs_its_object_and_no_buffer)
{
	struct talk t = { .send = GET("/"), .len = strlen(GET("/")) };
	struct http_conn *c;
	struct kit k;

	kit_start(&k);
	talk_start(&t, &k);
	lab_run(k.lab, 100 * NSEC_PER_MSEC);
	c = list_first(&kit_http(&k)->state[CONN_IDLE], struct http_conn, list);
	CHECK(!c->in && !c->part && !c->out.buf && !c->out.skb);
	CHECK(sizeof(*c) <= 1024);
	LAB_UNTIL(k.lab, t.done, 100 * NSEC_PER_SEC);
	free(t.got);
	kit_stop(&k);
}

TEST(memory_that_runs_out_ends_requests_not_the_server)
{
	struct kit k;
	char *got;

	kit_start(&k);
	for (u64 budget = 0; budget < 40; budget++) {
		struct talk t = { .send = GET("/metrics") GET("/"), .len = strlen(GET("/metrics") GET("/")), .half_close = true };

		talk_start(&t, &k);
		host_alloc_budget = budget;
		CHECK(LAB_UNTIL(k.lab, t.done, 200 * NSEC_PER_SEC));
		host_alloc_budget = UINT64_MAX;
		free(t.got);
	}
	got = ask(&k, GET("/health"));
	CHECK_EQ(status_in(got), 200);
	free(got);
	kit_stop(&k);
}

TEST(events_come_every_second_until_the_client_leaves)
{
	struct talk t = { .send = GET("/events"), .len = strlen(GET("/events")), .read_max = 1500 };
	struct kit k;

	kit_start(&k);
	talk_run(&t, &k, 30 * NSEC_PER_SEC);
	CHECK(has_line(t.got, "Content-Type: text/event-stream"));
	CHECK(answers(t.got, "\ndata: {\"uptime_ms\":") >= 4);
	lab_run(k.lab, 3 * NSEC_PER_SEC);
	CHECK_EQ(kit_http(&k)->nr_conns, 0);
	free(t.got);
	kit_stop(&k);
}

/* ---- heads that come again ---- */
static bool is_kept(struct kit *k, const char *request)
{
	const struct net_sysctls *sys = &k->b->cpu->sysctl;
	struct http_limits lim = { (u32)sys->http_line_max, (u32)sys->http_head_max, (u32)sys->http_fields_max };

	return http_memo_find(kit_http(k)->memo, &lim, (const u8 *)request, (u32)strlen(request)) != NULL;
}

TEST(a_head_that_comes_again_has_the_same_answer)
{
	static const char head[] = GET("/style.css"), other[] = "HEAD /style.css HTTP/1.1\r\nHost: b\r\n\r\n";
	struct kit k;
	char *first, *again;

	kit_start(&k);
	CHECK(!is_kept(&k, head));
	first = ask(&k, head);
	CHECK(is_kept(&k, head));
	again = ask(&k, head);
	CHECK_EQ(status_in(again), 200);
	CHECK_STR(body_of(again), body_of(first));
	free(again);
	again = ask(&k, other);
	CHECK(is_kept(&k, other) || is_kept(&k, head));
	CHECK_EQ(strlen(body_of(again)), 0);
	free(again);
	again = ask(&k, other);
	CHECK(has_line(again, "Content-Type: text/css; charset=utf-8"));
	CHECK_EQ(strlen(body_of(again)), 0);
	free(again);
	free(first);
	again = ask(&k, "GET /log HTTP/1.1\r\nHost: b\r\n\r\n");
	CHECK_EQ(answers(again, "\"GET /style.css HTTP/1.1\" 200"), 2);
	CHECK_EQ(answers(again, "\"HEAD /style.css HTTP/1.1\" 200 0"), 2);
	free(again);
	kit_stop(&k);
}

TEST(a_head_that_came_before_is_refused_when_the_limits_are_tighter_now)
{
	static const char head[] = "GET /style.css HTTP/1.1\r\nHost: b\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n";
	struct kit k;

	kit_start(&k);
	check_status(&k, head, 200);
	check_status(&k, head, 200);
	CHECK(is_kept(&k, head));
	k.b->cpu->sysctl.http_fields_max = 4;
	check_status(&k, head, 431);
	k.b->cpu->sysctl.http_fields_max = 100;
	check_status(&k, head, 200);
	kit_stop(&k);
}

TEST(what_depends_on_more_than_its_head_is_not_kept)
{
	static const char *const heads[] = {
		GET("/health"), GET("/nothing"), "GET /style.css HTTP/1.1\r\nHost: b\r\nIf-None-Match: \"x\"\r\n\r\n",
		"GET /style.css HTTP/1.1\r\nHost: b\r\nRange: bytes=0-1\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
		"GET /style.css HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\n\r\nx",
	};
	struct kit k;

	kit_start(&k);
	for (unsigned i = 0; i < ARRAY_SIZE(heads); i++) {
		free(ask(&k, heads[i]));
		if (!CHECK(!is_kept(&k, heads[i])))
			test_note("%.60s", heads[i]);
	}
	kit_stop(&k);
}

TEST(of_two_heads_for_one_place_the_one_that_keeps_coming_stays)
{
	struct http_memo *m = http_memo_create();
	struct http_limits lim = { 8192, 32768, 100 };
	struct http_head h = { .framing = HTTP_BODY_NONE };
	static const u8 a[] = "GET /abcdefgh HTTP/1.1\r\nA: 1\r\n\r\n", b[] = "GET /abcdefgh HTTP/1.1\r\nA: 2\r\n\r\n";
	struct site_file f = { 0 };

	http_memo_keep(m, &lim, &h, a, sizeof(a), &f);
	CHECK(http_memo_find(m, &lim, a, sizeof(a)));
	http_memo_keep(m, &lim, &h, b, sizeof(b), &f);
	CHECK(!http_memo_find(m, &lim, b, sizeof(b)));
	for (int i = 0; i < 8; i++)
		http_memo_keep(m, &lim, &h, b, sizeof(b), &f);
	CHECK(http_memo_find(m, &lim, b, sizeof(b)));
	CHECK(!http_memo_find(m, &lim, a, sizeof(a)));
	http_memo_keep(m, &lim, &h, a, HTTP_MEMO_MIN - 1, &f);
	CHECK(!http_memo_find(m, &lim, a, HTTP_MEMO_MIN - 1));
	http_memo_destroy(m);
}
