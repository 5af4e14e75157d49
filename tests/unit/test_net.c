/* SPDX-License-Identifier: MIT
 * test_net.c - the heartbeat: rows in order, restarts and their limit, NAPI budgets, held-off softirq, inboxes, skbs that
 * go home, keys from a seed, and a stack that cannot be made for lack of memory.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/errno.h"
#include "lib/printf.h"
#include "net/core/netfilter.h"
#include "net/core/tap.h"

static struct net *stack(unsigned nr_cpus)
{
	struct net_params p = { .nr_cpus = nr_cpus, .now_ns = NSEC_PER_SEC, .skb_pool_bytes = 1 << 20 };
	struct net *net;

	host_clock = NSEC_PER_SEC;
	net = net_create(&p);
	REQUIRE(net);
	return net;
}

struct source {
	struct napi_struct napi;
	int left;       /* frames it still has */
	u64 cost_ns;    /* of the clock, each */
	unsigned calls;
};

static int source_poll(struct napi_struct *napi, int budget)
{
	struct source *s = container_of(napi, struct source, napi);
	int n = MIN(s->left, budget);

	s->calls++;
	s->left -= n;
	host_clock += (u64)n * s->cost_ns;
	if (n < budget)
		napi_complete(napi, n);
	return n;
}

static void source_add(struct source *s, struct net_cpu *cpu, int frames, int weight)
{
	*s = (struct source){ .left = frames };
	netif_napi_add(cpu, NULL, &s->napi, source_poll, weight);
	s->left = frames;
}

/* As the loop of a CPU turns while it has nothing else to do. */
static void idle_turn(struct net_cpu *cpu)
{
	if (cpu->busy_until_ns)
		busy_poll_turn(cpu, host_clock);
	net_poll(cpu, host_clock);
}

TEST(busy_polling_asks_the_devices_until_its_time_is_over_and_masks_their_interrupts)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s, backlog;

	source_add(&backlog, cpu, 5, 0);
	source_add(&s, cpu, 0, 0);
	s.napi.dev = net->devs[0]; /* any */
	idle_turn(cpu);
	CHECK_EQ(s.calls, 0);
	busy_poll(cpu, 0);
	CHECK_EQ(cpu->busy_until_ns, 0);
	busy_poll(cpu, 50);
	busy_poll(cpu, 20); /* does not shorten */
	s.left = 3;
	idle_turn(cpu);
	CHECK(s.napi.busy);
	CHECK_EQ(s.left, 0);
	CHECK_EQ(cpu->stats[STAT_TcpExtBusyPollRxPackets], 3);
	host_clock += 49 * NSEC_PER_USEC;
	idle_turn(cpu);
	CHECK_EQ(s.calls, 2);
	CHECK(s.napi.busy);
	host_clock += NSEC_PER_USEC;
	s.left = 2;
	idle_turn(cpu); /* the last time: it unmasks */
	CHECK(!s.napi.busy);
	CHECK_EQ(s.left, 0);
	CHECK_EQ(cpu->stats[STAT_TcpExtBusyPollRxPackets], 3);
	CHECK_EQ(cpu->busy_until_ns, 0);
	idle_turn(cpu);
	CHECK_EQ(s.calls, 3);
	CHECK_EQ(backlog.calls, 0);
	net_destroy(net);
}

TEST(the_clock_is_told_in_three_units)
{
	static const u64 times[] = { 999, 1000, NSEC_PER_MSEC - 1, NSEC_PER_MSEC, 2 * NSEC_PER_MSEC - 1, 2 * NSEC_PER_MSEC + 1,
				     NSEC_PER_SEC - 1, NSEC_PER_SEC, 70 * NSEC_PER_SEC + 5, 70 * NSEC_PER_SEC + NSEC_PER_MSEC + 4,
				     5000000 * NSEC_PER_SEC, NSEC_PER_SEC + 1 };
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];

	for (unsigned i = 0; i < ARRAY_SIZE(times); i++) {
		net_set_now(cpu, times[i]);
		CHECK_EQ(cpu->now_ns, times[i]);
		CHECK_EQ(cpu->now_us, (u32)(times[i] / NSEC_PER_USEC) ?: 1);
		CHECK_EQ(cpu->now_ms, (u32)(times[i] / NSEC_PER_MSEC));
		CHECK_EQ(cpu->now_s, (u32)(times[i] / NSEC_PER_SEC));
	}
	net_destroy(net);
}

TEST(an_idle_cpu_says_that_nothing_is_to_be_done)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct timer t;

	net_poll(cpu, NSEC_PER_SEC);
	CHECK(!softirq_pending(cpu));
	timer_init(&t, NULL);
	timer_arm(&cpu->wheel, &t, 2 * NSEC_PER_SEC);
	CHECK(net_poll(cpu, NSEC_PER_SEC) <= 2 * NSEC_PER_SEC + TIMER_GRANULE_NS);
	CHECK(net_is_idle(cpu, NSEC_PER_SEC));
	CHECK(!net_is_idle(cpu, 2 * NSEC_PER_SEC + TIMER_GRANULE_NS)); /* the timer is due */
	raise_softirq(cpu, SOFTIRQ_NET_TX);
	CHECK(!net_is_idle(cpu, NSEC_PER_SEC));
	net_poll(cpu, NSEC_PER_SEC);
	cpu->away = 1; /* an skb waits here to go home */
	CHECK(!net_is_idle(cpu, NSEC_PER_SEC));
	cpu->away = 0;
	cpu->app_ticks = 1; /* the application's turn, which a poll ends */
	CHECK(!net_is_idle(cpu, NSEC_PER_SEC));
	net_poll(cpu, NSEC_PER_SEC);
	CHECK(net_is_idle(cpu, NSEC_PER_SEC));
	timer_cancel(&cpu->wheel, &t);
	net_destroy(net);
}

TEST(napi_polls_until_the_source_is_dry_and_counts)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	source_add(&s, cpu, 150, 64);
	napi_schedule(&s.napi);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(s.left, 0);
	CHECK_EQ(s.calls, 3);
	CHECK_EQ(s.napi.frames, 150);
	CHECK_EQ(s.napi.completes, 1);
	CHECK(!s.napi.scheduled);
	CHECK_EQ(cpu->softnet.processed, 150);
	CHECK_EQ(cpu->softnet.time_squeeze, 0);
	CHECK_EQ(cpu->softnet.runs[SOFTIRQ_NET_RX], 1);
	net_destroy(net);
}

TEST(the_budget_of_frames_squeezes_net_rx_and_the_rest_is_taken_later)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	source_add(&s, cpu, 10000, 64);
	napi_schedule(&s.napi);
	CHECK_EQ(net_poll(cpu, NSEC_PER_SEC), NSEC_PER_SEC); /* work is left: come again at once */
	CHECK(cpu->softnet.time_squeeze >= 10);
	CHECK_EQ(s.left, 10000 - 10 * 320); /* ten rounds of the first weight that reaches 300 */
	while (net_poll(cpu, NSEC_PER_SEC) <= NSEC_PER_SEC)
		;
	CHECK_EQ(s.left, 0);
	net_destroy(net);
}

TEST(the_budget_of_time_squeezes_net_rx)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	REQUIRE(!net_sysctl_set(net, "net.core.netdev_budget_usecs", "100"));
	source_add(&s, cpu, 1000, 10);
	s.cost_ns = 6000; /* ten of them: 60 us */
	napi_schedule(&s.napi);
	net_set_now(cpu, host_clock);
	net_rx_action(cpu);
	CHECK_EQ(s.calls, 2);
	CHECK_EQ(cpu->softnet.time_squeeze, 1);
	CHECK(softirq_pending(cpu));
	s.left = 0;
	net_rx_action(cpu);
	net_destroy(net);
}

TEST(a_poll_gives_up_after_its_rounds_or_its_time)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	REQUIRE(!net_sysctl_set(net, "net.core.netdev_budget", "1"));
	source_add(&s, cpu, 100000, 1);
	napi_schedule(&s.napi);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(s.calls, 10);
	CHECK_EQ(cpu->softnet.restarts, 10);
	s.cost_ns = NSEC_PER_MSEC;
	net_poll(cpu, host_clock);
	CHECK_EQ(s.calls, 12); /* 2 ms are over */
	s.left = 0;
	net_poll(cpu, host_clock);
	net_destroy(net);
}

TEST(sources_take_turns)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source a, b;

	REQUIRE(!net_sysctl_set(net, "net.core.netdev_budget", "40"));
	source_add(&a, cpu, 1000, 10);
	source_add(&b, cpu, 1000, 10);
	napi_schedule(&a.napi);
	napi_schedule(&b.napi);
	net_rx_action(cpu);
	CHECK_EQ(a.calls, 2);
	CHECK_EQ(b.calls, 2);
	a.left = b.left = 0;
	net_rx_action(cpu);
	net_destroy(net);
}

static int rearming_poll(struct napi_struct *napi, int budget)
{
	struct source *s = container_of(napi, struct source, napi);

	napi_complete(napi, 1);
	if (!s->calls++)
		napi_schedule(napi); /* a frame came between the last look and the unmasking */
	return 1;
}

TEST(a_source_that_reschedules_itself_while_completing_is_polled_again)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s = { 0 };

	netif_napi_add(cpu, NULL, &s.napi, rearming_poll, 64);
	s.calls = 0;
	napi_schedule(&s.napi);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(s.calls, 2);
	net_destroy(net);
}

TEST(without_a_weight_of_its_own_a_source_has_dev_weight)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	REQUIRE(!net_sysctl_set(net, "net.core.dev_weight", "7"));
	source_add(&s, cpu, 14, 0);
	napi_schedule(&s.napi);
	net_rx_action(cpu);
	CHECK_EQ(s.calls, 3);
	net_destroy(net);
}

static struct net_cpu *nest_cpu;
static u64 nest_result;
static unsigned nest_calls;

static void nest_fn(struct timer *t, u64 now_ns)
{
	nest_calls++;
	CHECK(nest_cpu->in_softirq);
	bh_disable(nest_cpu);
	raise_softirq(nest_cpu, SOFTIRQ_NET_RX);
	bh_enable(nest_cpu); /* softirq holds itself off: nothing runs here */
	nest_result = net_poll(nest_cpu, now_ns);
}

static void waiting_fiber(void *arg) { }

/* A source that never dries, and a fiber that is ready: what it has costs nothing more until the fiber has run. */
TEST(under_overload_the_application_goes_first)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct fiber_sched fibers;
	struct source s;

	fiber_sched_init(&fibers);
	cpu->fibers = &fibers;
	source_add(&s, cpu, 1 << 30, 64);
	s.cost_ns = 100;
	napi_schedule(&s.napi);
	net_poll(cpu, host_clock);
	CHECK(s.calls > 2); /* nobody waits: all of the budget */
	CHECK(!app_turn(cpu));

	REQUIRE(fiber_spawn(&fibers, "waits", waiting_fiber, NULL));
	s.calls = 0;
	net_poll(cpu, host_clock);
	CHECK_EQ(s.calls, 1);
	CHECK(app_turn(cpu));
	bh_disable(cpu);
	bh_enable(cpu); /* a call of the application's into the stack does not end its turn */
	CHECK_EQ(s.calls, 1);
	host_clock += 5 * NSEC_PER_MSEC; /* however long the machine stood still */
	CHECK(app_tick(cpu, host_clock));
	CHECK(app_tick(cpu, host_clock));
	host_clock += NSEC_PER_MSEC; /* its turn is over, even if it spins */
	CHECK(!app_tick(cpu, host_clock));
	bh_disable(cpu);
	bh_enable(cpu);
	CHECK_EQ(s.calls, 2);

	CHECK_EQ(fiber_run_ready(&fibers), 1);
	s.left = 10;
	net_poll(cpu, host_clock);
	CHECK(!softirq_pending(cpu));
	CHECK(!app_turn(cpu));
	cpu->fibers = NULL;
	net_destroy(net);
}

TEST(a_poll_never_enters_itself)
{
	struct net *net = stack(1);
	struct timer t;

	nest_cpu = net->cpus[0];
	nest_calls = 0;
	timer_init(&t, nest_fn);
	timer_arm(&nest_cpu->wheel, &t, 0);
	net_poll(nest_cpu, 2 * NSEC_PER_SEC);
	CHECK_EQ(nest_calls, 1);
	CHECK_EQ(nest_cpu->softnet.polls, 1);
	CHECK_EQ(nest_cpu->bh_count, 0);
	CHECK(!nest_cpu->in_softirq);
	net_destroy(net);
}

TEST(what_came_while_softirq_was_held_off_runs_at_the_last_enable)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	source_add(&s, cpu, 5, 64);
	bh_disable(cpu);
	bh_disable(cpu);
	napi_schedule(&s.napi);
	CHECK(net_poll(cpu, NSEC_PER_SEC) <= NSEC_PER_SEC);
	bh_enable(cpu);
	CHECK_EQ(s.calls, 0);
	bh_enable(cpu);
	CHECK_EQ(s.calls, 1);
	bh_disable(cpu);
	raise_softirq(cpu, SOFTIRQ_NET_TX); /* not urgent: waits for the loop */
	bh_enable(cpu);
	CHECK(softirq_pending(cpu));
	net_destroy(net);
}

struct note {
	struct inbox_msg msg;
	unsigned seen_by, order;
};
static unsigned note_order;

static void note_fn(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct note *n = container_of(msg, struct note, msg);

	n->seen_by = cpu->id;
	n->order = ++note_order;
}

TEST(messages_arrive_in_order_on_the_other_cpu_and_kick_it)
{
	struct net *net = stack(3);
	struct note n[10];

	note_order = 0;
	for (unsigned i = 0; i < 10; i++) {
		n[i] = (struct note){ .msg.fn = note_fn };
		CHECK(inbox_post(net->cpus[0], net->cpus[2], &n[i].msg));
	}
	CHECK_EQ(host_kicked, 4);
	net_poll(net->cpus[1], NSEC_PER_SEC);
	CHECK_EQ(note_order, 0);
	net_poll(net->cpus[2], NSEC_PER_SEC);
	for (unsigned i = 0; i < 10; i++) {
		CHECK_EQ(n[i].seen_by, 2);
		CHECK_EQ(n[i].order, i + 1);
	}
	host_kicked = 0; /* one that is put has time until the sender's next poll */
	CHECK(inbox_put(net->cpus[0], net->cpus[2], &n[0].msg));
	CHECK_EQ(host_kicked, 0);
	net_poll(net->cpus[0], NSEC_PER_SEC);
	CHECK_EQ(host_kicked, 4);
	net_poll(net->cpus[2], NSEC_PER_SEC);
	CHECK_EQ(n[0].order, 11);
	net_destroy(net);
}

TEST(a_full_inbox_refuses_and_a_long_one_is_emptied_over_rounds)
{
	struct net *net = stack(2);
	static struct note n[INBOX_SLOTS + 1];
	unsigned sent = 0;

	note_order = 0;
	for (unsigned i = 0; i <= INBOX_SLOTS; i++) {
		n[i] = (struct note){ .msg.fn = note_fn };
		sent += inbox_post(net->cpus[0], net->cpus[1], &n[i].msg);
	}
	CHECK_EQ(sent, INBOX_SLOTS);
	net_poll(net->cpus[1], NSEC_PER_SEC);
	CHECK_EQ(note_order, INBOX_SLOTS);
	net_destroy(net);
}

TEST(skbs_freed_on_another_cpu_go_home_in_one_message)
{
	struct net *net = stack(2);
	struct net_cpu *a = net->cpus[0], *b = net->cpus[1];
	u32 skbs = a->skb_pool->nr_free_skbs, bufs = a->skb_pool->nr_free_bufs;
	struct net_balance bal;

	for (int i = 0; i < 100; i++) {
		struct sk_buff *skb = alloc_skb_with_frags(a, 0, 5000);

		REQUIRE(skb);
		if (i & 1)
			consume_skb(b, skb);
		else
			kfree_skb_reason(b, skb, DROP_NOMEM);
	}
	CHECK_EQ(a->skb_pool->nr_free_skbs, skbs - 100);
	CHECK(net_balance(net, &bal));
	CHECK_EQ(bal.alive, 0);
	CHECK_EQ(bal.dropped, 50);
	CHECK_EQ(bal.consumed, 50);
	net_poll(b, NSEC_PER_SEC);
	CHECK(net_balance(net, &bal));
	CHECK_EQ(ring_len(a->inbox[1]), 2);
	net_poll(a, NSEC_PER_SEC);
	CHECK_EQ(a->skb_pool->nr_free_skbs, skbs);
	CHECK_EQ(a->skb_pool->nr_free_bufs, bufs);
	CHECK(net_balance(net, &bal));
	CHECK_EQ(bal.alive, 0);
	CHECK_EQ(bal.bufs_alive, 0);
	net_destroy(net);
}

TEST(skbs_wait_when_the_inbox_of_their_home_is_full)
{
	struct net *net = stack(2);
	struct net_cpu *a = net->cpus[0], *b = net->cpus[1];
	u32 skbs = a->skb_pool->nr_free_skbs;
	static struct note n;

	n.msg.fn = note_fn;
	while (inbox_post(b, a, &n.msg))
		;
	consume_skb(b, alloc_skb(a, 0));
	CHECK(net_poll(b, NSEC_PER_SEC) <= NSEC_PER_SEC + NSEC_PER_MSEC);
	net_poll(a, NSEC_PER_SEC);
	CHECK_EQ(a->skb_pool->nr_free_skbs, skbs - 1);
	net_poll(b, NSEC_PER_SEC);
	net_poll(a, NSEC_PER_SEC);
	CHECK_EQ(a->skb_pool->nr_free_skbs, skbs);
	net_destroy(net);
}

TEST(a_stack_that_cannot_have_all_its_memory_is_not_made_and_leaks_nothing)
{
	struct net_params p = { .nr_cpus = 2, .now_ns = 1, .skb_pool_bytes = 1 << 20 };
	struct net *net = NULL;
	u64 budget;

	for (budget = 0; !net && budget < 2000; budget++) {
		host_alloc_budget = budget;
		net = net_create(&p);
	}
	host_alloc_budget = UINT64_MAX;
	REQUIRE(net);
	CHECK(budget > 10);
	net_destroy(net);
}

TEST(keys_depend_on_the_seed_and_differ_among_each_other)
{
	struct net_params p = { .nr_cpus = 1, .skb_pool_bytes = 1 };
	struct net *a = net_create(&p), *same = net_create(&p), *other;

	p.seed[31] = 1;
	other = net_create(&p);
	CHECK_MEM(&a->isn_key, &same->isn_key, sizeof(a->isn_key));
	CHECK(a->isn_key.k[0] != other->isn_key.k[0] && a->isn_key.k[1] != other->isn_key.k[1]);
	CHECK(a->isn_key.k[0] != a->hash_key.k[0]);
	CHECK(a->port_key.k[0] != a->cookie_key.k[0]);
	net_destroy(a);
	net_destroy(same);
	net_destroy(other);
}

TEST(time_of_each_row_is_measured_when_asked)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];
	struct source s;

	source_add(&s, cpu, 10, 64);
	s.cost_ns = 100;
	napi_schedule(&s.napi);
	net_poll(cpu, NSEC_PER_SEC);
	CHECK_EQ(cpu->softnet.cycles[SOFTIRQ_NET_RX], 0);
	REQUIRE(!net_sysctl_set(net, "net.core.softirq_times", "1"));
	s.left = 10;
	napi_schedule(&s.napi);
	net_poll(cpu, host_clock);
	CHECK_EQ(cpu->softnet.cycles[SOFTIRQ_NET_RX], 1000);
	raise_softirq(cpu, SOFTIRQ_NET_TX); /* alone, too */
	net_poll(cpu, host_clock);
	CHECK_EQ(cpu->softnet.runs[SOFTIRQ_NET_TX], 1);
	CHECK(!softirq_pending(cpu));
	REQUIRE(!net_sysctl_set(net, "net.core.softirq_times", "0"));
	raise_softirq(cpu, SOFTIRQ_NET_TX);
	net_poll(cpu, host_clock);
	CHECK_EQ(cpu->softnet.runs[SOFTIRQ_NET_TX], 2);
	CHECK(!softirq_pending(cpu) && !cpu->bh_count && !cpu->in_softirq);
	net_destroy(net);
}

/* ---- sysctls ---- */

TEST(every_default_lies_in_its_range_and_components_are_in_order)
{
	const struct net_sysctl_row *r;

	for (unsigned i = 0; (r = net_sysctl_row(i)); i++) {
		if (!CHECK(r->min <= r->def && r->def <= r->max))
			test_note("%s", r->name);
		CHECK(r->unit[0] && r->help[0]);
	}
}

/* Sets row `i` to `value`; the other components of its name, which stand beside it, to their defaults. 0 or -errno. */
static int set_row(struct net *net, unsigned i, s64 value)
{
	const struct net_sysctl_row *r = net_sysctl_row(i), *row;
	char text[96];
	size_t n = 0;

	for (unsigned k = i - r->component; (row = net_sysctl_row(k)) && !strcmp(row->name, r->name); k++)
		n += (size_t)scnprintf(text + n, sizeof(text) - n, "%s%lld", n ? " " : "", (long long)(k == i ? value : row->def));
	return net_sysctl_set(net, r->name, text);
}

TEST(every_tunable_takes_both_ends_of_its_range_and_refuses_what_is_beyond_with_the_range_and_the_unit)
{
	static const char *const words[] = { "qdisc", "algorithm", "algorithms", "key" }; /* units whose values are no numbers */
	struct net *net = stack(2);
	const struct net_sysctl_row *r;
	unsigned numbers = 0, named;
	char why[200], range[64];

	for (unsigned i = 0; (r = net_sysctl_row(i)); i++) {
		for (named = 0; named < ARRAY_SIZE(words) && strcmp(r->unit, words[named]); named++)
			;
		if (named == ARRAY_SIZE(words)) {
			numbers++;
			if (!CHECK_EQ(set_row(net, i, r->max + 1), -ERANGE))
				test_note("%s %s", r->name, r->unit);
			CHECK_EQ(set_row(net, i, r->min - 1), -ERANGE);
			net_sysctl_why(r->name, -ERANGE, why, sizeof(why));
			snprintf(range, sizeof(range), " %lld..%lld", (long long)r->min, (long long)r->max);
			CHECK(strstr(why, "out of range: allowed ") && strstr(why, range) && strstr(why, r->unit));
			CHECK_EQ(set_row(net, i, r->min), 0);
			CHECK_EQ(set_row(net, i, r->max), 0);
			CHECK_EQ(set_row(net, i, r->def), 0);
		}
		CHECK(net_sysctl_set(net, r->name, "no/such/value") < 0);
		CHECK(net_sysctl_why(r->name, -EINVAL, why, sizeof(why)) > 0);
		if (!CHECK(strlen(why) + 1 < sizeof(why)))
			test_note("%s", r->name);
	}
	CHECK(numbers > 100);
	net_destroy(net);
}

TEST(a_tunable_is_set_on_every_cpu_or_not_at_all)
{
	struct net *net = stack(3);
	char buf[64];

	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "123"), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(net->cpus[i]->sysctl.netdev_budget, 123);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "0"), -ERANGE);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "65537"), -ERANGE);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "99999999999999999999"), -ERANGE);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "many"), -EINVAL);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", ""), -EINVAL);
	CHECK_EQ(net_sysctl_set(net, "net.core.netdev_budget", "1 2"), -EINVAL);
	CHECK_EQ(net_sysctl_set(net, "net.core.nosuch", "1"), -ENOENT);
	CHECK_EQ(net_sysctl_get(net, "net.core.netdev_budget", buf, sizeof(buf)), 3);
	CHECK_STR(buf, "123");
	CHECK_EQ(net_sysctl_get(net, "net.core.nosuch", buf, sizeof(buf)), -ENOENT);
	net_destroy(net);
}

TEST(a_tunable_of_three_values_is_read_and_set_as_linux_does)
{
	struct net *net = stack(2);
	char buf[64];

	CHECK(net_sysctl_get(net, "net.ipv4.tcp_rmem", buf, sizeof(buf)) > 0);
	CHECK_STR(buf, "4096 131072 6291456");
	CHECK_EQ(net_sysctl_set(net, "net.ipv4.tcp_rmem", " 8192\t16384  32768\n"), 0);
	CHECK_EQ(net->cpus[1]->sysctl.tcp_rmem_max, 32768);
	CHECK_EQ(net_sysctl_set(net, "net.ipv4.tcp_rmem", "4096 4096"), -EINVAL);
	CHECK_EQ(net_sysctl_set(net, "net.ipv4.tcp_rmem", "4096 4096 1"), -ERANGE);
	net_sysctl_get(net, "net.ipv4.tcp_rmem", buf, sizeof(buf));
	CHECK_STR(buf, "8192 16384 32768");
	CHECK_EQ(net_sysctl_get(net, "net.ipv4.tcp_rmem", buf, 8), 7);
	CHECK_STR(buf, "8192 16");
	net_destroy(net);
}

/* ---- hooks and taps ---- */

static char hook_trace[16];

static enum drop_reason hook_a(struct net_cpu *cpu, struct sk_buff *skb, enum nf_hook hook, struct net_device *in,
			       struct net_device *out, void *priv)
{
	size_t n = strlen(hook_trace);

	hook_trace[n] = *(const char *)priv;
	hook_trace[n + 1] = 0;
	return *(const char *)priv == 'D' ? DROP_NETFILTER_DROP : RX_OK;
}

TEST(hook_functions_run_in_order_of_priority_until_one_has_a_verdict)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];

	hook_trace[0] = 0;
	CHECK_EQ(nf_hook(cpu, NULL, NF_FORWARD, NULL, NULL), RX_OK);
	CHECK_EQ(nf_register_hook(cpu, NF_FORWARD, hook_a, "b", 0), 0);
	CHECK_EQ(nf_register_hook(cpu, NF_FORWARD, hook_a, "a", -300), 0);
	CHECK_EQ(nf_register_hook(cpu, NF_FORWARD, hook_a, "d", 100), 0);
	CHECK_EQ(nf_register_hook(cpu, NF_FORWARD, hook_a, "c", 0), 0);
	CHECK_EQ(nf_hook(cpu, NULL, NF_FORWARD, NULL, NULL), RX_OK);
	CHECK_EQ(nf_hook(cpu, NULL, NF_LOCAL_IN, NULL, NULL), RX_OK);
	CHECK_STR(hook_trace, "abcd");
	CHECK_EQ(nf_register_hook(cpu, NF_FORWARD, hook_a, "D", -1), 0);
	hook_trace[0] = 0;
	CHECK_EQ(nf_hook(cpu, NULL, NF_FORWARD, NULL, NULL), DROP_NETFILTER_DROP);
	CHECK_STR(hook_trace, "aD");
	CHECK_EQ(cpu->nf->verdict_drop[NF_FORWARD], 1);
	net_destroy(net);
}

TEST(hooks_can_be_taken_away_and_their_number_is_bounded)
{
	struct net *net = stack(1);
	struct net_cpu *cpu = net->cpus[0];

	for (int i = 0; i < NF_MAX_FNS; i++)
		CHECK_EQ(nf_register_hook(cpu, NF_LOCAL_OUT, hook_a, i == 3 ? "x" : "y", i), 0);
	CHECK_EQ(nf_register_hook(cpu, NF_LOCAL_OUT, hook_a, "z", 0), -ENOSPC);
	nf_unregister_hook(cpu, NF_LOCAL_OUT, hook_a, "no such");
	CHECK_EQ(cpu->nf->nr[NF_LOCAL_OUT], NF_MAX_FNS);
	while (cpu->nf->nr[NF_LOCAL_OUT])
		nf_unregister_hook(cpu, NF_LOCAL_OUT, hook_a, cpu->nf->entries[NF_LOCAL_OUT][0].priv);
	CHECK_EQ(nf_hook(cpu, NULL, NF_LOCAL_OUT, NULL, NULL), RX_OK);
	net_destroy(net);
}
