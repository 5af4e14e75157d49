/* SPDX-License-Identifier: MIT
 * test_live.c - the live page: its document, its feed, and that nothing is collected while nobody looks.
 */
#include "unit/httpkit.h"

#include "app/live_impl.h"
#include "net/core/last_drop.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: b\r\n\r\n"
#define DOCUMENT_MAX (100u << 10)

static struct live *kit_live(struct kit *k) { return k->b->cpu->app->live; }

/* A client that holds the feed open until it has read so much. */
static struct talk viewer(size_t bytes)
{
	return (struct talk){ .send = GET("/debug/live/feed"), .len = strlen(GET("/debug/live/feed")), .read_max = bytes };
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (text = strstr(text, what); text; text = strstr(text + 1, what))
		n++;
	return n;
}

TEST(the_document_has_the_numbers_of_now_in_tables_and_stays_under_100_kib)
{
	struct kit k;
	char *got;

	kit_start(&k);
	got = ask(&k, GET("/"));
	CHECK(strstr(got, "HTTP/1.1 200 OK\r\n") == got && strstr(got, "Content-Type: text/html; charset=utf-8\r\n"));
	CHECK(strstr(got, "<h2>The way of a frame</h2>") && strstr(got, "<th scope=row>TcpInSegs"));
	CHECK(strstr(got, "Frames in: balanced. skbs: balanced. rxring: balanced. link: balanced."));
	CHECK(strstr(got, "</html>"));
	CHECK(!strstr(got, "{{"));
	CHECK(strlen(got) < DOCUMENT_MAX);
	free(got);
	got = ask(&k, GET("/debug/live"));
	CHECK(strstr(got, "<h2>The way of a frame</h2>") != NULL);
	free(got);
	kit_stop(&k);
}

TEST(the_feed_gives_everything_first_and_then_what_changed)
{
	struct talk t = viewer(16000);
	struct kit k;

	kit_start(&k);
	CHECK(!kit_live(&k)->on);
	talk_run(&t, &k, 60 * NSEC_PER_SEC);
	CHECK_EQ(count(t.got, "event: full\n"), 1);
	CHECK(strstr(t.got, "\"names\":[\"balance.in\",") && strstr(t.got, "\"stat.TcpInSegs\""));
	CHECK(strstr(t.got, "\"conns\":[[\"10.0.0.2:80>10.0.0.1:") != NULL);
	CHECK(strstr(t.got, "\ndata: {\"ms\":") != NULL);
	CHECK(count(t.got, "\ndata: ") > 2);
	CHECK(count(t.got, ",\"n\":[") >= count(t.got, "\ndata: ") - 2);
	free(t.got);
	kit_stop(&k);
}

TEST(with_the_last_viewer_goes_all_that_looking_needed)
{
	struct talk a = viewer(20000), b = viewer(40000);
	struct kit k;

	kit_start(&k);
	talk_start(&a, &k);
	talk_start(&b, &k);
	CHECK(LAB_UNTIL(k.lab, a.done, 60 * NSEC_PER_SEC));
	lab_run(k.lab, 2 * NSEC_PER_SEC);
	CHECK(kit_live(&k)->on);
	CHECK(k.b->cpu->sysctl.softirq_times && k.b->cpu->last_drops && kit_http(&k)->latency);
	CHECK(kit_live(&k)->cpu[0].timer.armed);
	CHECK(LAB_UNTIL(k.lab, b.done, 120 * NSEC_PER_SEC));
	lab_run(k.lab, 2 * NSEC_PER_SEC);
	CHECK(!kit_live(&k)->on && !kit_live(&k)->now);
	CHECK(!k.b->cpu->sysctl.softirq_times && !k.b->cpu->last_drops && !kit_http(&k)->latency);
	CHECK(!kit_live(&k)->cpu[0].timer.armed);
	free(a.got);
	free(b.got);
	kit_stop(&k);
}

TEST(a_client_that_does_not_read_is_let_go_and_costs_the_others_nothing)
{
	struct talk slow = viewer(0), quick = viewer(60000);
	struct kit k;

	kit_start(&k);
	slow.read_after_ns = 300 * NSEC_PER_SEC; /* it is let go long before */
	talk_start(&slow, &k);
	talk_start(&quick, &k);
	CHECK(LAB_UNTIL(k.lab, quick.done, 240 * NSEC_PER_SEC));
	CHECK_EQ(count(quick.got, "event: full\n"), 1);
	CHECK(LAB_UNTIL(k.lab, !kit_live(&k)->cpu[0].nr_viewers || slow.done, 900 * NSEC_PER_SEC));
	CHECK(LAB_UNTIL(k.lab, slow.done, 900 * NSEC_PER_SEC));
	free(slow.got);
	free(quick.got);
	kit_stop(&k);
}

TEST(the_server_may_end_while_somebody_looks)
{
	struct talk t = viewer(0);
	struct kit k;

	kit_start(&k);
	talk_start(&t, &k);
	lab_run(k.lab, 3 * NSEC_PER_SEC);
	CHECK(kit_live(&k)->on);
	kit_stop(&k);
	free(t.got);
}

TEST(the_last_frame_of_a_drop_reason_is_kept_from_its_link_header_on)
{
	struct lab_host *a, *b;
	struct lab *lab = lab_pair(1, NULL, &a, &b);
	const struct drop_frame *f;
	struct sockaddr_ip to = { .family = AF_INET, .port = 5555 };
	char text[400];
	int fd;

	CHECK_EQ(last_drop_set(b->cpu, true), 0);
	CHECK_EQ(ip_pton("10.0.0.2", &to.addr), 0);
	fd = sys_socket(a->cpu, AF_INET, SOCK_DGRAM, 0);
	sys_sendto(a->cpu, fd, "to nobody", 9, 0, &to);
	lab_run(lab, NSEC_PER_SEC);
	f = &b->cpu->last_drops[DROP_NO_SOCKET];
	CHECK(f->time_ns != 0);
	CHECK_EQ(f->len, f->raw ? 37 : 51);
	live_drop_text(f, text, sizeof(text));
	CHECK(strstr(text, "IP 10.0.0.1.") && strstr(text, "> 10.0.0.2.5555: UDP, length 9"));
	CHECK_EQ(last_drop_set(b->cpu, false), 0);
	CHECK(!b->cpu->last_drops);
	sys_close(a->cpu, fd);
	lab_destroy(lab);
}

TEST(latencies_fall_into_four_bins_for_each_power_of_two)
{
	CHECK_EQ(live_latency_bin(0), 0);
	CHECK_EQ(live_latency_bin(1023), 0);
	CHECK_EQ(live_latency_bin(1024), 0);
	CHECK_EQ(live_latency_bin(1280), 1);
	CHECK_EQ(live_latency_bin(2047), 3);
	CHECK_EQ(live_latency_bin(2048), 4);
	CHECK_EQ(live_latency_bin(1ull << 20), 40);
	CHECK_EQ(live_latency_bin(~0ull), LIVE_LATENCY_BINS - 1);
}
