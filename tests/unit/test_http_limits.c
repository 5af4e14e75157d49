/* SPDX-License-Identifier: MIT
 * test_http_limits.c - the server's deadlines, least rates and bounds, and how it ends.
 */
#include "unit/httpkit.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: b\r\n\r\n"

TEST(a_head_that_trickles_is_ended_with_408_while_others_are_served)
{
	struct talk slow = { .send = "GET / HTTP/1.1\r\nHost: b\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", .len = 60, .step = 1,
			     .pause_ns = NSEC_PER_SEC };
	struct kit k;
	char *got;

	kit_start(&k);
	talk_start(&slow, &k);
	lab_run(k.lab, 3 * NSEC_PER_SEC);
	got = ask(&k, GET("/health"));
	CHECK_EQ(status_in(got), 200);
	free(got);
	CHECK(LAB_UNTIL(k.lab, slow.done, 70 * NSEC_PER_SEC));
	CHECK_EQ(kit_http(&k)->stats.head_timeouts, 1);
	CHECK(status_in(slow.got) == 408 || slow.err);
	free(slow.got);
	kit_stop(&k);
}

TEST(an_idle_connection_is_closed_after_its_time)
{
	struct talk t = { .send = GET("/health"), .len = strlen(GET("/health")) };
	struct kit k;
	u64 start;

	kit_start(&k);
	start = lab_now(k.lab);
	talk_run(&t, &k, 100 * NSEC_PER_SEC);
	CHECK_EQ(t.err, 0);
	CHECK(t.done_ns - start > 74 * NSEC_PER_SEC && t.done_ns - start < 77 * NSEC_PER_SEC);
	CHECK_EQ(kit_http(&k)->stats.idle_timeouts, 1);
	free(t.got);
	kit_stop(&k);
}

TEST(a_body_that_stops_coming_is_ended)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 100\r\n\r\n";
	struct talk t = { .send = text, .len = sizeof(text) - 1 };
	struct kit k;

	kit_start(&k);
	talk_run(&t, &k, 30 * NSEC_PER_SEC);
	CHECK_EQ(status_in(t.got), 408);
	CHECK_EQ(kit_http(&k)->stats.body_timeouts, 1);
	free(t.got);
	kit_stop(&k);
}

TEST(a_body_that_drips_below_the_least_rate_is_ended_and_one_above_it_is_not)
{
	static char text[4096 + 128];
	struct talk t = { .send = text, .pause_ns = 100 * NSEC_PER_MSEC, .half_close = true };
	struct kit k;

	t.len = (size_t)sprintf(text, "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 4096\r\n\r\n");
	t.step = t.len; /* the head at once, then the body in steps of as many bytes */
	memset(text + t.len, 'x', 4096);
	t.len += 4096;
	kit_start(&k);
	k.b->cpu->sysctl.http_body_timeout = 2000;
	k.b->cpu->sysctl.http_body_rate = (s64)t.step * 10 * 2;
	talk_run(&t, &k, 30 * NSEC_PER_SEC);
	CHECK_EQ(kit_http(&k)->stats.body_timeouts, 1);
	CHECK(strlen(body_of(t.got)) < 4096); /* the echo had begun, and is cut off */
	free(t.got);
	t = (struct talk){ .send = text, .len = t.len, .step = t.step, .pause_ns = t.pause_ns, .half_close = true };
	k.b->cpu->sysctl.http_body_rate = (s64)t.step * 10 / 2;
	talk_run(&t, &k, 30 * NSEC_PER_SEC);
	CHECK_EQ(kit_http(&k)->stats.body_timeouts, 1);
	CHECK_EQ(strlen(body_of(t.got)), 4096);
	free(t.got);
	kit_stop(&k);
}

TEST(a_client_that_does_not_read_is_let_go_and_costs_no_more_than_a_buffer)
{
	static char text[40 * 400 + 1];
	struct talk t = { .send = text, .read_after_ns = 200 * NSEC_PER_SEC };
	struct kit k;

	for (int i = 0; i < 400; i++)
		strcat(text, "GET /metrics HTTP/1.1\r\nHost: b\r\n\r\n");
	t.len = strlen(text);
	kit_start(&k);
	talk_start(&t, &k);
	CHECK(LAB_UNTIL(k.lab, kit_http(&k)->stats.send_timeouts == 1, 120 * NSEC_PER_SEC));
	CHECK_EQ(kit_http(&k)->nr_conns, 0);
	LAB_UNTIL(k.lab, t.done, 300 * NSEC_PER_SEC);
	free(t.got);
	kit_stop(&k);
}

TEST(when_the_table_is_nearly_full_the_oldest_incomplete_request_goes_first)
{
	static struct talk t[16];
	struct kit k;
	char *got;

	memset(t, 0, sizeof(t));
	kit_start(&k);
	k.b->cpu->sysctl.http_max_conns = 10;
	for (int i = 0; i < 12; i++) {
		t[i].send = "GET / HTTP";
		t[i].len = 10;
		talk_start(&t[i], &k);
		lab_run(k.lab, 10 * NSEC_PER_MSEC);
	}
	CHECK(t[0].done && t[1].done);
	CHECK(!t[11].done);
	got = ask(&k, GET("/health"));
	CHECK_EQ(status_in(got), 200);
	free(got);
	CHECK(kit_http(&k)->stats.evicted >= 3);
	LAB_UNTIL(k.lab, t[11].done, 60 * NSEC_PER_SEC);
	for (int i = 0; i < 12; i++)
		free(t[i].got);
	kit_stop(&k);
}

TEST(one_address_has_no_more_connections_than_its_share)
{
	static struct talk t[6];
	struct kit k;

	memset(t, 0, sizeof(t));
	kit_start(&k);
	k.b->cpu->sysctl.http_max_per_addr = 4;
	for (int i = 0; i < 6; i++) {
		t[i].send = "G";
		t[i].len = 1;
		talk_start(&t[i], &k);
		lab_run(k.lab, 10 * NSEC_PER_MSEC);
	}
	CHECK_EQ(kit_http(&k)->nr_conns, 4);
	CHECK_EQ(kit_http(&k)->stats.refused_addr, 2);
	LAB_UNTIL(k.lab, t[0].done && t[1].done && t[2].done && t[3].done, 60 * NSEC_PER_SEC);
	for (int i = 0; i < 6; i++)
		free(t[i].got);
	kit_stop(&k);
}

static unsigned ends;
static void count_end(void)
{
	ends++;
}

TEST(a_shutdown_finishes_what_is_under_way_and_takes_nothing_new)
{
	static const char text[] = "POST /echo HTTP/1.1\r\nHost: b\r\nContent-Length: 10\r\n\r\n0123456789";
	struct talk busy = { .send = text, .len = sizeof(text) - 1, .step = sizeof(text) - 6, .pause_ns = NSEC_PER_SEC };
	struct talk idle = { .send = GET("/health"), .len = strlen(GET("/health")) };
	struct talk late = { .send = GET("/health"), .len = strlen(GET("/health")) };
	struct kit k;

	kit_start(&k);
	talk_start(&busy, &k);
	talk_start(&idle, &k);
	lab_run(k.lab, 100 * NSEC_PER_MSEC);
	CHECK_EQ(kit_http(&k)->nr_conns, 2);
	ends = 0;
	k.b->net->shutdown(k.b->net, count_end);
	k.b->net->shutdown(k.b->net, count_end); /* one is enough */
	lab_run(k.lab, NSEC_PER_MSEC);
	CHECK_EQ(ends, 0);
	talk_start(&late, &k);
	CHECK(LAB_UNTIL(k.lab, busy.done && idle.done && late.done, 30 * NSEC_PER_SEC));
	CHECK_STR(body_of(busy.got), "0123456789");
	CHECK_EQ(late.err, -ECONNREFUSED);
	CHECK(LAB_UNTIL(k.lab, ends == 1, NSEC_PER_SEC));
	CHECK_EQ(kit_http(&k)->nr_conns, 0);
	free(busy.got);
	free(idle.got);
	free(late.got);
	kit_stop(&k);
}

TEST(a_shutdown_waits_no_longer_than_its_time)
{
	struct talk slow = { .send = "GET / HTTP/1.1\r\n", .len = 16 };
	struct kit k;

	kit_start(&k);
	k.b->cpu->sysctl.http_drain_timeout = 1000;
	talk_start(&slow, &k);
	lab_run(k.lab, 100 * NSEC_PER_MSEC);
	ends = 0;
	app_shutdown(k.b->net, count_end);
	lab_run(k.lab, 900 * NSEC_PER_MSEC);
	CHECK_EQ(ends, 0);
	lab_run(k.lab, 200 * NSEC_PER_MSEC);
	CHECK_EQ(ends, 1);
	LAB_UNTIL(k.lab, slow.done, 60 * NSEC_PER_SEC);
	free(slow.got);
	kit_stop(&k);
}
