/* SPDX-License-Identifier: MIT
 * netlab.c - the laboratory's world: hosts, wires with their impairments, and the clock that all share.
 */
#include <stdlib.h>

#include "host/lab_impl.h"
#include "lib/printf.h"
#include "host/family.h"
#include "net/core/stage.h"
#include "net/ipv4/ip.h"
#include "net/ipv6/ip6.h"

#define ROUND_NS     1000 /* a round of work takes a microsecond */
#define QUEUE_FRAMES 1000
#define REORDER_NS   NSEC_PER_MSEC
#define POOL_BYTES   (8u << 20)

struct lab *lab_create(u64 seed)
{
	struct lab *lab = calloc(1, sizeof(*lab));

	lab->rng.s = seed * 0x9e3779b97f4a7c15ull + 1;
	lab->last_host = &lab->hosts;
	lab->now = NSEC_PER_SEC;
	host_clock = lab->now;
	host_clock_step = 0;
	return lab;
}

struct lab_host *lab_host_cpus(struct lab *lab, const char *name, unsigned nr_cpus, size_t skb_pool_bytes)
{
	struct lab_host *h = calloc(1, sizeof(*h));
	struct net_params p = { .nr_cpus = nr_cpus, .now_ns = lab->now };

	h->lab = lab;
	h->name = name;
	p.skb_pool_bytes = skb_pool_bytes ? skb_pool_bytes : POOL_BYTES;
	for (unsigned i = 0; i < sizeof(p.seed); i++)
		p.seed[i] = (u8)rng_next(&lab->rng);
	for (unsigned i = 0; i < nr_cpus; i++) {
		fiber_sched_init(&h->fibers[i]);
		p.fibers[i] = &h->fibers[i];
	}
	h->net = net_create(&p);
	if (!h->net) {
		free(h);
		REQUIRE(!"net_create() worked");
	}
	h->cpu = h->net->cpus[0];
	*lab->last_host = h;
	lab->last_host = &h->next;
	lab->nr_hosts++;
	return h;
}

struct lab_host *lab_host(struct lab *lab, const char *name)
{
	return lab_host_cpus(lab, name, 1, 0);
}

/* Fibers that still sleep are ended where they are. */
static void end_fibers(struct fiber_sched *s)
{
	while (!list_empty(&s->all)) {
		struct fiber *f = list_first(&s->all, struct fiber, all);

		list_del(&f->all);
		stack_free(f->stack, FIBER_STACK);
		kfree(f);
	}
}

static void note_stages(const struct lab_host *h, const struct net_balance *b)
{
	u64 in, out;

	for (unsigned i = 0; i < NR_STAGES; i++)
		if (!stage_holds(&stages[i], b->terms, &in, &out))
			test_note("%s: stage %s: %llu in, %llu out", h->name, stages[i].name, (unsigned long long)in,
				  (unsigned long long)out);
}

static void host_destroy(struct lab_host *h)
{
	unsigned errors = host_log_errors, nr_cpus = h->net->nr_cpus;
	struct net_balance b;

	if (!CHECK(net_balance(h->net, &b))) {
		note_stages(h, &b);
		test_note("%s: rx %llu = %llu + %llu + %llu; skbs %llu = %llu + %llu + %llu", h->name,
			  (unsigned long long)b.rx_frames, (unsigned long long)b.rx_done,
			  (unsigned long long)b.rx_taken, (unsigned long long)b.rx_dropped,
			  (unsigned long long)b.allocs, (unsigned long long)b.consumed,
			  (unsigned long long)b.dropped, (unsigned long long)b.alive);
	}
	net_destroy(h->net);
	CHECK_EQ(host_log_errors, errors); /* skbs and buffers were all given back */
	for (unsigned i = 0; i < nr_cpus; i++)
		end_fibers(&h->fibers[i]);
	free(h);
}

static struct lab_frame *wire_first(struct lab *lab)
{
	struct rb_node *n = rb_first(&lab->wire);

	return n ? rb_entry(n, struct lab_frame, node) : NULL;
}

void lab_destroy(struct lab *lab)
{
	struct lab_frame *f;

	while (lab->hosts) {
		struct lab_host *h = lab->hosts;

		lab->hosts = h->next;
		host_destroy(h);
	}
	while ((f = wire_first(lab))) {
		rb_erase(&lab->wire, &f->node);
		free(f);
	}
	while (lab->devs) {
		struct lab_dev *d = lab->devs;

		lab->devs = d->next;
		lab_dev_free(d);
	}
	free(lab);
}

/* ---- wires ---- */

static void wire_one_way(struct lab_dev *from, struct lab_dev *to, const struct lab_link *link)
{
	from->peer = to;
	from->link = *link;
	from->queue_max = link->queue_frames ? link->queue_frames : QUEUE_FRAMES;
	from->departures = calloc(from->queue_max, sizeof(u64));
}

void lab_wire2(struct net_device *a, struct net_device *b, const struct lab_link *ab, const struct lab_link *ba)
{
	wire_one_way(lab_dev_of(a), lab_dev_of(b), ab);
	wire_one_way(lab_dev_of(b), lab_dev_of(a), ba);
}

void lab_wire(struct net_device *a, struct net_device *b, const struct lab_link *link)
{
	lab_wire2(a, b, link, link);
}

struct lab_link *lab_link(struct net_device *from)
{
	return &lab_dev_of(from)->link;
}

const struct lab_link_stats *lab_link_stats(struct net_device *from)
{
	return &lab_dev_of(from)->stats;
}

static bool chance(struct lab *lab, u32 ppm)
{
	return ppm && rng_below(&lab->rng, 1000000) < ppm;
}

static void wire_insert(struct lab *lab, struct lab_frame *f, u64 at)
{
	struct rb_node **link = &lab->wire.node, *parent = NULL;

	f->at = at;
	f->order = lab->order++;
	while (*link) {
		const struct lab_frame *g = rb_entry(*link, struct lab_frame, node);

		parent = *link;
		link = at < g->at ? &parent->left : &parent->right; /* equal times: in order of sending */
	}
	rb_insert(&lab->wire, &f->node, parent, link);
}

static void wire_queue_trim(struct lab_dev *d, u64 now)
{
	while (d->queue_len && d->departures[d->queue_head] <= now) {
		d->queue_head = (d->queue_head + 1) % d->queue_max;
		d->queue_len--;
	}
}

u32 lab_queue_frames(struct net_device *from)
{
	struct lab_dev *d = lab_dev_of(from);

	wire_queue_trim(d, d->host->lab->now);
	return d->queue_len;
}

/* When the last bit is out at the link's rate; 0: the queue is full. */
static u64 wire_depart(struct lab_dev *d, unsigned len)
{
	u64 now = d->host->lab->now, at = MAX(now, d->busy_until);

	if (!d->link.rate_bps)
		return now;
	wire_queue_trim(d, now);
	if (d->queue_len == d->queue_max)
		return 0;
	at += len * 8ull * NSEC_PER_SEC / d->link.rate_bps;
	d->departures[(d->queue_head + d->queue_len++) % d->queue_max] = at;
	d->busy_until = at;
	return at;
}

/* Propagation, jitter in order, and now and then a frame that others overtake. */
static u64 wire_arrival(struct lab_dev *d, u64 depart)
{
	struct lab *lab = d->host->lab;
	u64 at = depart + d->link.delay_ns;

	if (chance(lab, d->link.reorder_ppm)) {
		d->stats.reordered++;
		return at + (d->link.reorder_ns ? d->link.reorder_ns : REORDER_NS);
	}
	if (d->link.jitter_ns)
		at += rng_next(&lab->rng) % d->link.jitter_ns;
	d->last_arrival = MAX(at, d->last_arrival);
	return d->last_arrival;
}

static void wire_lose(struct lab_frame *f, u64 *counter)
{
	++*counter;
	free(f);
}

void lab_wire_send(struct lab_dev *d, struct lab_frame *f)
{
	struct lab *lab = d->host->lab;
	u64 depart, at;

	if (!d->peer) {
		lab_queue_put(&d->sent, f);
		return;
	}
	d->stats.frames++;
	d->stats.bytes += f->len;
	f->to = d->peer;
	if ((d->link.filter && d->link.filter(d->link.filter_arg, f->data, f->len)) || chance(lab, d->link.loss_ppm)) {
		wire_lose(f, &d->stats.lost);
		return;
	}
	depart = wire_depart(d, f->len);
	if (!depart) {
		wire_lose(f, &d->stats.queue_full);
		return;
	}
	at = wire_arrival(d, depart);
	if (chance(lab, d->link.dup_ppm)) {
		struct lab_frame *twin = lab_frame_new(f->data, f->len);

		twin->to = d->peer;
		d->stats.duplicated++;
		wire_insert(lab, twin, at);
	}
	if (f->len && chance(lab, d->link.corrupt_ppm)) {
		d->stats.corrupted++;
		f->data[rng_below(&lab->rng, f->len)] ^= (u8)(1u << rng_below(&lab->rng, 8));
	}
	wire_insert(lab, f, at);
}

/* ---- the clock ---- */

u64 lab_now(const struct lab *lab)
{
	return lab->now;
}

static void deliver_due(struct lab *lab)
{
	struct lab_frame *f;

	while ((f = wire_first(lab)) && f->at <= lab->now) {
		rb_erase(&lab->wire, &f->node);
		f->to->peer->stats.delivered++;
		lab_dev_arrive(f->to, f);
	}
}

/* True when the CPU has work left at this moment; *next comes down to its next deadline. */
static bool run_cpu(struct lab_host *h, struct net_cpu *cpu, u64 *next)
{
	struct fiber_sched *s = &h->fibers[cpu->id];
	u64 deadline;
	unsigned ran;

	host_run_as(cpu);
	deadline = net_poll(cpu, h->lab->now);
	ran = fiber_run_ready(s);
	host_run_as(NULL);
	if (ran || fiber_any_ready(s) || softirq_pending(cpu) || deadline <= h->lab->now)
		return true;
	*next = MIN(*next, MIN(deadline, timer_wheel_next(&cpu->wheel)));
	return false;
}

/* All CPUs of h; true: there is work left. */
static bool run_host(struct lab_host *h, u64 *next)
{
	bool busy = false;

	if (h->asleep_until > h->lab->now) {
		*next = MIN(*next, h->asleep_until);
		return false;
	}
	for (unsigned i = 0; i < h->net->nr_cpus; i++)
		busy |= run_cpu(h, h->net->cpus[i], next);
	return busy;
}

void lab_sleep(struct lab_host *h, u64 duration_ns) { h->asleep_until = h->lab->now + duration_ns; }

bool lab_step(struct lab *lab, u64 until)
{
	u64 next = TIME_NEVER;
	struct lab_frame *f;
	bool busy = false;

	if (lab->now >= until)
		return false;
	host_clock = lab->now;
	deliver_due(lab);
	for (struct lab_host *h = lab->hosts; h; h = h->next)
		busy |= run_host(h, &next);
	/* An inbox may have been filled after its owner had its turn. */
	for (struct lab_host *h = lab->hosts; h; h = h->next)
		for (unsigned i = 0; i < h->net->nr_cpus && h->asleep_until <= lab->now; i++)
			busy |= softirq_pending(h->net->cpus[i]);
	f = wire_first(lab);
	if (f)
		next = MIN(next, f->at);
	lab->now = MIN(busy || next <= lab->now ? lab->now + ROUND_NS : next, until);
	host_clock = lab->now;
	return true;
}

void lab_run(struct lab *lab, u64 duration_ns)
{
	u64 until = lab->now + duration_ns;

	while (lab_step(lab, until))
		;
}

struct fiber *lab_spawn(struct lab_host *h, const char *name, void (*fn)(void *), void *arg)
{
	return lab_spawn_on(h, 0, name, fn, arg);
}

struct fiber *lab_spawn_on(struct lab_host *h, unsigned cpu, const char *name, void (*fn)(void *), void *arg)
{
	struct fiber *f = fiber_spawn(&h->fibers[cpu], name, fn, arg);

	REQUIRE(f);
	return f;
}

/* ---- addresses ---- */

/* In use at once, and no router is looked for. */
static void addr6(struct net_device *dev, struct ip_addr addr, unsigned plen)
{
	struct net_sysctls *sc = &dev->net->cpus[0]->sysctl;

	sc->ip6_accept_ra = sc->ip6_dad_transmits = 0;
	REQUIRE(!ip6_dev_up(dev->net, dev));
	REQUIRE(!ip6_addr_add(dev->net, dev, &addr, plen));
}

void lab_addr(struct net_device *dev, const char *addr_plen)
{
	char text[IP_NTOP_MAX + 4], *slash;
	struct ip_addr a;
	u64 plen;

	str_copy(text, addr_plen, sizeof(text));
	slash = strchr(text, '/');
	REQUIRE(slash);
	*slash = 0;
	REQUIRE(!ip_pton(text, &a) && !str_to_u64(slash + 1, &plen));
	if (lab_ipv6()) {
		addr6(dev, lab_ip(ip_v4(&a)), (unsigned)plen + 96);
		return;
	}
	REQUIRE(!ip_addr_add(dev->net, dev, ip_v4(&a), (unsigned)plen));
}

void lab_default_route(struct net_device *dev, const char *gateway)
{
	struct ip_addr gw;

	REQUIRE(!ip_pton(gateway, &gw));
	if (lab_ipv6()) {
		struct ip6_route r = { .gateway = lab_ip(ip_v4(&gw)), .dev = dev };

		REQUIRE(!ip6_route_add(dev->net, &r));
		return;
	}
	REQUIRE(!ip_route_add(dev->net, be32_of(0), 0, ip_v4(&gw), dev, 0));
}

struct lab *lab_pair(u64 seed, const struct lab_link *link, struct lab_host **a, struct lab_host **b)
{
	struct lab *lab = lab_create(seed);
	struct net_device *da, *db;

	*a = lab_host(lab, "a");
	*b = lab_host(lab, "b");
	da = lab_dev(*a, LAB_ETHER);
	db = lab_dev(*b, LAB_ETHER);
	lab_addr(da, "10.0.0.1/24");
	lab_addr(db, "10.0.0.2/24");
	lab_wire(da, db, link ? link : &(struct lab_link){ 0 });
	return lab;
}

/* ---- looking ---- */

u64 lab_stat(struct lab_host *h, enum net_stat s)
{
	u64 sum = 0;

	for (unsigned i = 0; i < h->net->nr_cpus; i++)
		sum += h->net->cpus[i]->stats[s];
	return sum;
}

u64 lab_drops(struct lab_host *h, enum drop_reason r)
{
	u64 sum = 0;

	for (unsigned i = 0; i < h->net->nr_cpus; i++)
		sum += h->net->cpus[i]->drops[r];
	return sum;
}
