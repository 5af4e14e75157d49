/* SPDX-License-Identifier: MIT
 * test_neigh.c - the neighbour table: every arrow between its states, parked packets, bounds,
 * several CPUs (RFC 4861 7.3, RFC 1122 2.3.2).
 */
#include "unit/ipkit.h"
#include "lib/printf.h"
#include "net/link/arp.h"
#include "net/link/link_impl.h"

static const u8 OTHER_MAC[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 2 };

static struct neigh *entry(struct kit *k, const char *a)
{
	struct ip_addr ip = addr(a);

	return neigh_lookup(k->cpu, k->dev, &ip);
}
static int state(struct kit *k, const char *a)
{
	struct neigh *n = entry(k, a);

	return n ? n->state : -1;
}

static void reply(struct kit *k, const char *from, const u8 *ha)
{
	struct arp_info a = { .op = ARPOP_REPLY, .spa = v4(from), .tpa = v4("10.0.0.1") };
	u8 f[42];

	memcpy(a.sha, ha, 6);
	memcpy(a.tha, k->dev->addr, 6);
	arp_build(eth_build(f, k->dev->addr, ha, ETH_P_ARP), &a);
	lab_inject(k->dev, f, sizeof(f));
	kit_settle(k);
}

/* Counts what was sent: requests (by broadcast or not) and IP frames; the last IP frame stays in
 * *last. */
struct sent {
	unsigned bcast, ucast, ip;
	struct pkt last;
};
static struct sent sent;

static struct sent *drain(struct kit *k)
{
	static struct pkt p;

	memset(&sent, 0, offsetof(struct sent, last));
	while (kit_sent(k, &p)) {
		if (p.b[13] == 6 && eth_is_broadcast(p.b))
			sent.bcast++;
		else if (p.b[13] == 6)
			sent.ucast++;
		else
			sent.last = p;
		sent.ip += p.b[13] == 0;
	}
	return &sent;
}

struct nk {
	struct kit k;
	struct sock *sk;
};
static struct nk nk_open(void)
{
	struct nk n = { .k = kit_open(LAB_ETHER) };

	n.sk = kit_sock(&n.k, 9);
	return n;
}
static void nk_close(struct nk *n)
{
	udp_prot.close(n->sk);
	kit_close(&n->k);
}
static void say(struct nk *n, const char *to, const char *what)
{
	kit_send(&n->k, n->sk, to, 9, what, strlen(what));
}

/* 1122§2.3.2.2, 1122§2.4: no entry is no reason to give up */
TEST(a_first_packet_asks_and_waits_for_the_answer)
{
	REQ("1122 2.3.2.2", "1122 2.4/unreachable");
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "hello");
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_INCOMPLETE);
	CHECK(drain(&n.k)->bcast == 1 && sent.ip == 0);
	reply(&n.k, "10.0.0.5", PEER_MAC);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	CHECK_EQ(drain(&n.k)->ip, 1);
	CHECK(eth_addr_eq(sent.last.b, PEER_MAC));
	CHECK_MEM(sent.last.b + 42, "hello", 5);
	say(&n, "10.0.0.5", "again");
	CHECK_EQ(drain(&n.k)->ip, 1);
	nk_close(&n);
}

TEST(requests_are_at_most_one_a_second_whatever_is_sent) /* 1122§2.3.2.1: MUST prevent ARP floods */
{
	REQ("1122 2.3.2.1/flood");
	struct nk n = nk_open();
	unsigned asked = 0;

	for (unsigned i = 0; i < 200; i++) {
		say(&n, "10.0.0.5", "x");
		kit_run(&n.k, 50 * NSEC_PER_MSEC);
		asked += drain(&n.k)->bcast;
	}
	CHECK(asked >= 8 && asked <= 11); /* ten seconds */
	nk_close(&n);
}

TEST(silence_fails_the_entry_and_drops_what_waited)
{
	struct nk n = nk_open();

	for (unsigned i = 0; i < 5; i++)
		say(&n, "10.0.0.5", "x");
	kit_run(&n.k, 2900 * NSEC_PER_MSEC);
	CHECK_EQ(drain(&n.k)->bcast, 3);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_INCOMPLETE);
	kit_run(&n.k, 200 * NSEC_PER_MSEC);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_FAILED);
	CHECK_EQ(drops(&n.k, DROP_NEIGH_FAILED), 5);
	kit_run(&n.k, 61 * NSEC_PER_SEC); /* 1122§2.3.2.1: out-of-date entries are flushed */
	CHECK_EQ(state(&n.k, "10.0.0.5"), -1);
	nk_close(&n);
}

TEST(silence_is_told_to_the_sock_that_spoke)
{
	REQ("1122 3.3.1.4/detect");
	struct nk n = nk_open();
	struct sockaddr_ip a = { .family = AF_INET, .port = 9, .addr = addr("10.0.0.5") };

	REQUIRE(!udp_prot.connect(n.sk, &a));
	kit_send(&n.k, n.sk, NULL, 0, "x", 1);
	kit_run(&n.k, 4 * NSEC_PER_SEC);
	CHECK_EQ(n.sk->err_soft, EHOSTUNREACH);
	nk_close(&n);
}

/* 1122§2.3.2.2: save at least the latest */
TEST(parked_packets_are_bounded_and_the_oldest_goes_first)
{
	REQ("1122 2.3.2.2");
	struct nk n = nk_open();
	char text[8];

	for (unsigned i = 0; i < NEIGH_PARKED + 10; i++) {
		snprintf(text, sizeof(text), "%04u", i);
		say(&n, "10.0.0.5", text);
	}
	CHECK_EQ(drops(&n.k, DROP_NEIGH_QUEUEFULL), 10);
	drain(&n.k);
	reply(&n.k, "10.0.0.5", PEER_MAC);
	CHECK_EQ(drain(&n.k)->ip, NEIGH_PARKED);
	snprintf(text, sizeof(text), "%04u", NEIGH_PARKED + 9);
	CHECK_MEM(sent.last.b + 42, text, 4); /* in order */
	nk_close(&n);
}

TEST(what_waits_for_many_neighbours_together_is_bounded_and_each_of_them_may_have_one)
{
	struct nk n = nk_open();
	unsigned full = NEIGH_PARKED_ALL / NEIGH_PARKED;
	char a[16];

	n.sk->sndbuf = 64 << 20; /* what waits counts there, too */
	for (unsigned i = 0; i < full + 10; i++) {
		snprintf(a, sizeof(a), "10.0.0.%u", 2 + i);
		for (unsigned j = 0; j < NEIGH_PARKED; j++)
			say(&n, a, "x");
	}
	CHECK_EQ(n.k.cpu->neigh->nr_parked, NEIGH_PARKED_ALL + 10);
	CHECK_EQ(drops(&n.k, DROP_NEIGH_QUEUEFULL), 10 * (NEIGH_PARKED - 1));
	drain(&n.k);
	reply(&n.k, "10.0.0.2", PEER_MAC);
	CHECK_EQ(drain(&n.k)->ip, NEIGH_PARKED);
	CHECK_EQ(n.k.cpu->neigh->nr_parked, NEIGH_PARKED_ALL + 10 - NEIGH_PARKED);
	kit_run(&n.k, 5 * NSEC_PER_SEC); /* the others fail */
	CHECK_EQ(n.k.cpu->neigh->nr_parked, 0);
	nk_close(&n);
}

TEST(an_unconfirmed_entry_grows_stale_is_used_delayed_probed_and_fails) /* 4861§7.3.3 */
{
	REQ("1122 2.3.2.1/unicast", "1122 3.3.1.4/detect", "1122 3.3.1.4/forever",
	    "1122 3.3.1.4/traffic");
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	kit_run(&n.k, 46 * NSEC_PER_SEC); /* reachable time is at most 1.5 times 30 s */
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_STALE);
	drain(&n.k);
	say(&n, "10.0.0.5", "y");
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_DELAY);
	CHECK(drain(&n.k)->ip == 1 && !sent.ucast && !sent.bcast); /* the packet leaves at once */
	kit_run(&n.k, 5100 * NSEC_PER_MSEC);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_PROBE);
	CHECK(drain(&n.k)->ucast == 1 && !sent.bcast);
	say(&n, "10.0.0.5", "z");
	CHECK_EQ(drain(&n.k)->ip, 1); /* still used */
	kit_run(&n.k, 3 * NSEC_PER_SEC);
	CHECK_EQ(drain(&n.k)->ucast, 2);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_FAILED);
	nk_close(&n);
}

TEST(a_probe_that_is_answered_makes_it_reachable_again)
{
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	kit_run(&n.k, 46 * NSEC_PER_SEC);
	say(&n, "10.0.0.5", "y");
	kit_run(&n.k, 5100 * NSEC_PER_MSEC);
	/* it has another card now: an answer to a question is believed */
	reply(&n.k, "10.0.0.5", OTHER_MAC);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	CHECK(eth_addr_eq(neigh_ha(entry(&n.k, "10.0.0.5")), OTHER_MAC));
	nk_close(&n);
}

/* 4861§7.3.1, 1122§2.3.2.1: higher-layer advice */
TEST(progress_of_a_transport_keeps_it_reachable_without_probes)
{
	REQ("1122 3.3.1.4/indication", "1122 3.3.1.4/advice", "1122 3.3.1.4/ping");
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	drain(&n.k);
	for (unsigned i = 0; i < 200; i++) {
		kit_run(&n.k, NSEC_PER_SEC);
		net_set_now(n.k.cpu, lab_now(n.k.lab));
		neigh_confirm(n.k.cpu, entry(&n.k, "10.0.0.5"));
		say(&n, "10.0.0.5", "x");
		CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	}
	CHECK(drain(&n.k)->ip == 200 && !sent.ucast && !sent.bcast);
	kit_run(&n.k, 46 * NSEC_PER_SEC);
	say(&n, "10.0.0.5", "x");
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_DELAY);
	neigh_confirm(n.k.cpu, entry(&n.k, "10.0.0.5"));
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	nk_close(&n);
}

TEST(an_entry_unused_for_a_minute_goes)
{
	REQ("1122 2.3.2.1/flush");
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	kit_run(&n.k, 120 * NSEC_PER_SEC);
	CHECK_EQ(state(&n.k, "10.0.0.5"), -1);
	drain(&n.k);
	say(&n, "10.0.0.5", "y"); /* whoever has it cached asks for it again */
	CHECK_EQ(drain(&n.k)->bcast, 1);
	CHECK_EQ(sent.ip, 0);
	nk_close(&n);
}

TEST(reachable_time_differs_from_one_to_the_next) /* 4861§6.3.2: 0.5 to 1.5 */
{
	REQ("1122 2.3.2.1/timeout");
	struct nk n = nk_open();
	char text[20];
	unsigned early = 0, late = 0;

	for (unsigned i = 10; i < 60; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		say(&n, text, "x");
		reply(&n.k, text, PEER_MAC);
	}
	kit_run(&n.k, 14500 * NSEC_PER_MSEC);
	for (unsigned i = 10; i < 60; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		CHECK_EQ(state(&n.k, text), NEIGH_REACHABLE);
	}
	kit_run(&n.k, 15500 * NSEC_PER_MSEC);
	for (unsigned i = 10; i < 60; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		early += state(&n.k, text) == NEIGH_STALE;
		late += state(&n.k, text) == NEIGH_REACHABLE;
	}
	CHECK(early > 10 && late > 10);
	nk_close(&n);
}

TEST(a_scan_does_not_push_out_those_we_talk_with)
{
	struct nk n = nk_open();
	char text[20];

	n.k.cpu->sysctl.neigh_max = 32;
	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	for (unsigned i = 20; i < 220; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		say(&n, text, "scan");
	}
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	CHECK(drops(&n.k, DROP_NEIGH_NOMEM) > 100); /* the scan's own */
	nk_close(&n);
}

static void ask(struct kit *k, const char *from)
{
	struct arp_info a = { .op = ARPOP_REQUEST, .spa = v4(from), .tpa = v4("10.0.0.1") };
	u8 f[42];

	memcpy(a.sha, PEER_MAC, 6);
	arp_build(eth_build(f, k->dev->addr, PEER_MAC, ETH_P_ARP), &a);
	lab_inject(k->dev, f, sizeof(f));
	kit_settle(k);
}

TEST(strangers_who_ask_take_each_others_place_and_nobody_elses)
{
	struct nk n = nk_open();
	char text[20];
	u32 gen;

	n.k.cpu->sysctl.neigh_max = 64;
	n.k.cpu->sysctl.neigh_heard = 16;
	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC); /* a friend */
	say(&n, "10.0.0.6", "waits");      /* one whose answer we wait for */
	ask(&n.k, "10.0.0.7");             /* and one who asked, and whom we speak with since */
	say(&n, "10.0.0.7", "one");
	say(&n, "10.0.0.7", "two");
	drain(&n.k);
	gen = n.k.cpu->dst_gen;
	for (unsigned i = 20; i < 220; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		ask(&n.k, text);
		CHECK_EQ(drain(&n.k)->ucast, 1); /* each is answered */
		CHECK_EQ(state(&n.k, text), NEIGH_STALE);
	}
	CHECK_EQ(n.k.cpu->neigh->families[NEIGH_V4].nr_heard, 16);
	CHECK(n.k.cpu->dst_gen - gen <= 200 / 64 + 1); /* cached routes are not asked for again with each */
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	CHECK_EQ(state(&n.k, "10.0.0.7"), NEIGH_DELAY);
	CHECK_EQ(state(&n.k, "10.0.0.6"), NEIGH_INCOMPLETE);
	reply(&n.k, "10.0.0.6", PEER_MAC);
	CHECK_EQ(drain(&n.k)->ip, 1); /* what waited leaves */
	for (unsigned i = 20; i < 120; i++) { /* whom we look for takes a stranger's place, then that of another such */
		snprintf(text, sizeof(text), "10.0.0.%u", i + 100);
		say(&n, text, "x");
	}
	CHECK_EQ(n.k.cpu->neigh->families[NEIGH_V4].nr, 64);
	CHECK_EQ(state(&n.k, "10.0.0.5"), NEIGH_REACHABLE);
	CHECK_EQ(state(&n.k, "10.0.0.219"), NEIGH_INCOMPLETE);
	nk_close(&n);
}

TEST(one_family_leaves_the_other_its_places)
{
	struct nk n = nk_open();
	struct ip_addr a = { .b = { 0xfe, 0x80 } };

	n.k.cpu->sysctl.neigh6_max = 32;
	n.k.cpu->sysctl.neigh6_heard = 8;
	for (unsigned i = 0; i < 200; i++) {
		a.b[15] = (u8)i;
		CHECK(neigh_update(n.k.cpu, n.k.dev, &a, PEER_MAC, NEIGH_CREATE | NEIGH_OVERRIDE));
	}
	CHECK_EQ(n.k.cpu->neigh->families[NEIGH_V6].nr, 8);
	for (unsigned i = 0; i < 200; i++) {
		a.b[14] = 1, a.b[15] = (u8)i;
		CHECK(neigh_get(n.k.cpu, n.k.dev, &a));
	}
	CHECK_EQ(n.k.cpu->neigh->families[NEIGH_V6].nr, 32);
	say(&n, "10.0.0.5", "x");
	reply(&n.k, "10.0.0.5", PEER_MAC);
	CHECK_EQ(drain(&n.k)->ip, 1);
	CHECK_EQ(n.k.cpu->neigh->families[NEIGH_V4].nr, 1);
	nk_close(&n);
}

TEST(a_scan_leaves_cached_routes_what_they_are_and_who_was_evicted_is_asked_for_again)
{
	struct nk n = nk_open();
	char text[20];
	u32 gen;

	n.k.cpu->sysctl.neigh_max = 32;
	gen = n.k.cpu->dst_gen;
	for (unsigned i = 20; i < 70; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		say(&n, text, "scan");
	}
	CHECK_EQ(n.k.cpu->dst_gen, gen);
	CHECK_EQ(state(&n.k, "10.0.0.20"), -1);
	drain(&n.k);
	say(&n, "10.0.0.20", "by a route that is still cached");
	CHECK_EQ(drain(&n.k)->bcast, 1);
	reply(&n.k, "10.0.0.20", PEER_MAC);
	CHECK_EQ(drain(&n.k)->ip, 1);
	nk_close(&n);
}

TEST(a_table_full_of_friends_refuses_strangers)
{
	struct nk n = nk_open();
	char text[20];

	n.k.cpu->sysctl.neigh_max = 8;
	for (unsigned i = 20; i < 28; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		say(&n, text, "x");
		reply(&n.k, text, PEER_MAC);
	}
	say(&n, "10.0.0.99", "x");
	CHECK_EQ(drops(&n.k, DROP_NEIGH_NOMEM), 1);
	CHECK_EQ(state(&n.k, "10.0.0.99"), -1);
	nk_close(&n);
}

TEST(no_memory_for_an_entry_drops_the_packet)
{
	struct nk n = nk_open();

	host_alloc_budget = 0;
	say(&n, "10.0.0.5", "x");
	host_alloc_budget = UINT64_MAX;
	CHECK(drops(&n.k, DROP_NEIGH_NOMEM) <= 1); /* a slab may have had room */
	say(&n, "10.0.0.6", "x");
	CHECK_EQ(state(&n.k, "10.0.0.6"), NEIGH_INCOMPLETE);
	nk_close(&n);
}

TEST(a_flush_forgets_the_device_and_drops_what_waited)
{
	struct nk n = nk_open();

	say(&n, "10.0.0.5", "x");
	neigh_flush(n.k.cpu, n.k.dev);
	CHECK_EQ(drops(&n.k, DROP_DEV_READY), 1);
	CHECK(!neigh_next(n.k.cpu, NULL));
	nk_close(&n);
}

TEST(what_one_cpu_learns_the_others_know)
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host_cpus(lab, "h", 3, 0);
	struct net_device *dev = lab_dev(h, LAB_ETHER);
	struct ip_addr peer = addr("10.0.0.5");

	lab_addr(dev, "10.0.0.1/24");
	lab_run(lab, NSEC_PER_MSEC);
	REQUIRE(neigh_get(h->net->cpus[2], dev, &peer)); /* it has asked, too */
	CHECK(neigh_update(h->net->cpus[0], dev, &peer, PEER_MAC, NEIGH_CREATE | NEIGH_SOLICITED));
	lab_run(lab, NSEC_PER_MSEC);
	CHECK_EQ(neigh_lookup(h->net->cpus[2], dev, &peer)->state, NEIGH_REACHABLE);
	CHECK(eth_addr_eq(neigh_ha(neigh_lookup(h->net->cpus[2], dev, &peer)), PEER_MAC));
	CHECK(!neigh_lookup(h->net->cpus[1], dev, &peer)); /* it did not want to know */
	lab_destroy(lab);
}

TEST(each_state_has_a_name)
{
	CHECK_STR(neigh_state_name(NEIGH_REACHABLE), "REACHABLE");
	CHECK_STR(neigh_state_name(NEIGH_FAILED), "FAILED");
	CHECK_STR(neigh_state_name((enum neigh_state)99), "?");
}
