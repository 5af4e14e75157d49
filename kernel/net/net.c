/* SPDX-License-Identifier: MIT
 * net.c - the stack as a whole: its tables, its making, and the heartbeat net_poll().
 *
 * The only file that sees every room. All dispatch of the stack stands here as constant tables: EtherTypes, IP
 * protocols, softirq rows in the order of the data path, rooms in the order of their making.
 */
#include "net/core/drop_count.h"
#include "net/net.h"
#include "lib/errno.h"
#include "net/core/dev.h"
#include "net/core/frag.h"
#include "net/core/frames.h"
#include "net/core/gro.h"
#include "net/core/netfilter.h"
#include "net/core/shed.h"
#include "net/core/stage.h"
#include "net/core/steer.h"
#include "net/core/tap.h"
#include "net/core/trace.h"
#include "net/ipv4/dhcp.h"
#include "net/ipv4/icmp.h"
#include "net/ipv4/ip.h"
#include "net/ipv4/multicast.h"
#include "net/ipv4/udp.h"
#include "net/ipv6/ip6.h"
#include "net/link/arp.h"
#include "net/link/loopback.h"
#include "net/link/neigh.h"
#include "net/netfilter/conntrack.h"
#include "net/netfilter/nft.h"
#include "net/socket/socket.h"
#include "net/tcp/tcp.h"
#include "net/wire/ether.h"

/* ---------------------------------------------------------------- tables */

const struct packet_type net_packet_types[] = {
	{ ETH_P_IP, ip_rcv, ip_rcv_frame, ip_shed_frame, ip_rcv_bare },
	{ ETH_P_IPV6, ip6_rcv, ip6_rcv_frame, ip6_shed_frame, ip6_rcv_bare },
	{ ETH_P_ARP, arp_rcv, NULL, NULL, NULL },
};
const unsigned net_nr_packet_types = ARRAY_SIZE(net_packet_types);

const struct inet_protocol *const net_inet_protocols[256] = {
	[IPPROTO_ICMP] = &icmp_protocol,
	[IPPROTO_IGMP] = &igmp_protocol,
	[IPPROTO_TCP] = &tcp_protocol,
	[IPPROTO_UDP] = &udp_protocol,
};

/* The rooms of a CPU, lowest first; undone in the opposite order. An init that fails leaves nothing behind. */
static const struct room {
	int (*init)(struct net_cpu *cpu);
	void (*destroy)(struct net_cpu *cpu);
} rooms[] = {
	{ drop_cpu_init, drop_cpu_destroy },     { steer_cpu_init, steer_cpu_destroy },
	{ dev_cpu_init, dev_cpu_destroy },       { gro_cpu_init, gro_cpu_destroy },
	{ shed_cpu_init, shed_cpu_destroy },     { nf_cpu_init, nf_cpu_destroy },
	{ tap_cpu_init, tap_cpu_destroy },       { neigh_cpu_init, neigh_cpu_destroy },
	{ frames_cpu_init, frames_cpu_destroy }, { trace_cpu_init, trace_cpu_destroy },
	{ frag_cpu_init, frag_cpu_destroy },
	{ ip_cpu_init, ip_cpu_destroy },         { ip6_cpu_init, ip6_cpu_destroy },
	{ udp_cpu_init, udp_cpu_destroy },
	{ ct_cpu_init, ct_cpu_destroy },
	{ nft_cpu_init, nft_cpu_destroy },
	{ dhcp_cpu_init, dhcp_cpu_destroy },     { tcp_cpu_init, tcp_cpu_destroy },
	{ socket_cpu_init, socket_cpu_destroy },
};

/* ---------------------------------------------------------------- the heartbeat */

#define POLL_ROUNDS   10                  /* of net_poll(), then the application has its turn */
#define POLL_TIME_NS  (2 * NSEC_PER_MSEC) /* likewise */
#define TIMER_BATCH   1024u               /* timers in one round */
#define INBOX_BATCH   256                 /* messages from one CPU in one round */
#define APP_TICKS     2                   /* under overload: the turn of the application, unless its fibers are done earlier */
#define APP_TICK_NS   NSEC_PER_MSEC
#define INBOX_SHARE   64                  /* after so many the application goes first, if it waits */
#define HOME_RETRY_NS NSEC_PER_MSEC       /* a full inbox is tried again */

static void run_inbox(struct net_cpu *cpu)
{
	for (unsigned from = 0; from < cpu->net->nr_cpus; from++) {
		struct inbox_msg *msg;
		int n = 0;

		if (!cpu->inbox[from])
			continue;
		while (n++ < INBOX_BATCH && !(n % INBOX_SHARE == 0 && app_waits(cpu)) && (msg = ring_get(cpu->inbox[from])))
			msg->fn(cpu, msg);
		if (ring_len(cpu->inbox[from]))
			raise_softirq(cpu, SOFTIRQ_INBOX);
	}
}

static void run_timers(struct net_cpu *cpu)
{
	if (timer_wheel_run(&cpu->wheel, cpu->now_ns, TIMER_BATCH) == TIMER_BATCH)
		raise_softirq(cpu, SOFTIRQ_TIMER);
}

static void run_net_tx(struct net_cpu *cpu)
{
	cpu->in_net_tx = true;
	tcp_flush(cpu);
	dev_flush(cpu);
	cpu->in_net_tx = false;
}

static void (*const softirq_rows[NR_SOFTIRQS])(struct net_cpu *) = {
	[SOFTIRQ_INBOX] = run_inbox,
	[SOFTIRQ_TIMER] = run_timers,
	[SOFTIRQ_NET_RX] = net_rx_action,
	[SOFTIRQ_NET_TX] = run_net_tx,
};

static inline void run_row(struct net_cpu *cpu, enum softirq s)
{
	u64 start;

	cpu->softnet.runs[s]++;
	if (likely(!cpu->sysctl.softirq_times)) {
		softirq_rows[s](cpu);
		return;
	}
	start = clock_ns();
	softirq_rows[s](cpu);
	cpu->softnet.cycles[s] += clock_ns() - start;
}

/* One walk over the rows. A row raised by an earlier one runs in the same walk. */
static inline void run_pending(struct net_cpu *cpu)
{
	for (unsigned s = 0; s < NR_SOFTIRQS; s++) {
		if (!(READ_ONCE(cpu->pending) & 1u << s))
			continue;
		__atomic_fetch_and(&cpu->pending, ~(1u << s), __ATOMIC_ACQUIRE);
		run_row(cpu, s);
	}
}

/* Time goes on during long polls, and never back. */
static inline bool time_is_over(struct net_cpu *cpu, u64 until)
{
	u64 now = clock_ns();

	if (now > cpu->now_ns)
		net_set_now(cpu, now);
	return now >= until;
}

/* An interrupt for a CPU that was told and did not look yet would say nothing new. */
static void kick(struct net_cpu *to)
{
	if (!(__atomic_fetch_or(&to->pending, 1u << SOFTIRQ_INBOX, __ATOMIC_ACQ_REL) & 1u << SOFTIRQ_INBOX))
		cpu_kick(to->id);
}

static __noinline void send_kicks(struct net_cpu *cpu)
{
	for (; cpu->kicks; cpu->kicks &= cpu->kicks - 1)
		kick(cpu->net->cpus[__builtin_ctz(cpu->kicks)]);
}

/* What was freed here goes to the CPUs that own it; returns when to come again for what does not fit into their inboxes. */
static __noinline u64 send_home(struct net_cpu *cpu, u64 next)
{
	skb_pool_send_home(cpu);
	send_kicks(cpu);
	return cpu->away ? MIN(next, cpu->now_ns + HOME_RETRY_NS) : next;
}

/* Frames wait behind a round, and so does the application, which shall take those of the round first: more of them would only
 * overflow its sockets, after all the work. Left in the ring they cost nothing, and what overflows there is lost for nothing. */
static inline bool is_overloaded(struct net_cpu *cpu)
{
	return READ_ONCE(cpu->pending) & (1u << SOFTIRQ_NET_RX | 1u << SOFTIRQ_INBOX) && app_waits(cpu);
}

/* What was left behind, and who goes first. */
static __noinline u64 leave_rest(struct net_cpu *cpu)
{
	if (app_waits(cpu) || (cpu->fibers && cpu->fibers->current))
		cpu->app_ticks = APP_TICKS;
	cpu->app_tick_ns = clock_ns() + APP_TICK_NS;
	return cpu->now_ns;
}

bool app_tick(struct net_cpu *cpu, u64 now_ns)
{
	if (cpu->app_ticks && now_ns >= cpu->app_tick_ns) {
		cpu->app_ticks--;
		cpu->app_tick_ns = now_ns + APP_TICK_NS;
	}
	return cpu->app_ticks;
}

static __noinline void poll_rows(struct net_cpu *cpu)
{
	u64 until = cpu->now_ns + POLL_TIME_NS;
	unsigned round = 0;

	while (softirq_pending(cpu)) {
		if (round++) {
			cpu->softnet.restarts++;
			if (round > POLL_ROUNDS || is_overloaded(cpu) || time_is_over(cpu, until))
				break;
		}
		run_pending(cpu);
		if (unlikely(cpu->kicks))
			send_kicks(cpu);
	}
}

/* What fibers sent is to leave, and that is all: the usual end of their turn. */
static inline bool is_tx_alone(const struct net_cpu *cpu)
{
	return READ_ONCE(cpu->pending) == 1u << SOFTIRQ_NET_TX && !cpu->sysctl.softirq_times;
}

u64 net_poll(struct net_cpu *cpu, u64 now_ns)
{
	u64 next;

	if (cpu->bh_count)
		return now_ns;
	cpu->bh_count = 1;
	barrier();
	cpu->in_softirq = true;
	cpu->softnet.polls++;
	if (now_ns > cpu->now_ns)
		net_set_now(cpu, now_ns);
	if (timer_wheel_next(&cpu->wheel) <= cpu->now_ns)
		raise_softirq(cpu, SOFTIRQ_TIMER);
	if (is_tx_alone(cpu)) {
		__atomic_fetch_and(&cpu->pending, ~(1u << SOFTIRQ_NET_TX), __ATOMIC_ACQUIRE);
		cpu->softnet.runs[SOFTIRQ_NET_TX]++;
		run_net_tx(cpu);
		if (unlikely(cpu->kicks))
			send_kicks(cpu);
	}
	if (softirq_pending(cpu))
		poll_rows(cpu);
	cpu->app_ticks = 0;
	next = softirq_pending(cpu) ? leave_rest(cpu) : timer_wheel_next(&cpu->wheel);
	if (unlikely(cpu->away))
		next = send_home(cpu, next);
	cpu->in_softirq = false;
	barrier();
	cpu->bh_count--;
	return next;
}

void bh_enable_slow(struct net_cpu *cpu)
{
	if (!app_turn(cpu))
		net_poll(cpu, clock_ns());
}

bool inbox_post(struct net_cpu *from, struct net_cpu *to, struct inbox_msg *msg)
{
	if (!ring_put(to->inbox[from->id], msg))
		return false;
	kick(to);
	return true;
}

bool inbox_put(struct net_cpu *from, struct net_cpu *to, struct inbox_msg *msg)
{
	if (!ring_put(to->inbox[from->id], msg))
		return false;
	from->kicks |= 1u << to->id;
	if (!from->in_softirq)
		raise_softirq(from, SOFTIRQ_NET_TX); /* a round will come, and kick */
	return true;
}

/* ---------------------------------------------------------------- a function on each CPU */

struct errand {
	struct inbox_msg msg;
	void (*fn)(struct net_cpu *cpu, void *arg);
	void *arg;
	struct net_cpu *from, *at;
	struct fiber *waiter;
	struct timer retry;
	int err;
	bool done; /* told to the one who waits, on its CPU */
};

static void errand_back(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct errand *e = container_of(msg, struct errand, msg);

	e->done = true;
	fiber_wake(e->waiter);
}

/* A full inbox is tried again. */
static void errand_return(struct timer *t, u64 now_ns)
{
	struct errand *e = container_of(t, struct errand, retry);

	if (!inbox_post(e->at, e->from, &e->msg))
		timer_arm(&e->at->wheel, t, now_ns + HOME_RETRY_NS);
}

static void errand_end(struct errand *e, int err)
{
	e->err = err;
	e->msg.fn = errand_back;
	timer_init(&e->retry, errand_return);
	errand_return(&e->retry, e->at->now_ns);
}

static void errand_fiber(void *arg)
{
	struct errand *e = arg;
	struct net_cpu *cpu = e->at;

	e->fn(cpu, e->arg);
	bh_disable(cpu);
	errand_end(e, 0);
	bh_enable(cpu);
}

static void errand_rcv(struct net_cpu *cpu, struct inbox_msg *msg)
{
	struct errand *e = container_of(msg, struct errand, msg);

	if (!fiber_spawn(cpu->fibers, "errand", errand_fiber, e))
		errand_end(e, -ENOMEM);
}

static int errand_run(struct errand *e, struct net_cpu *from, struct net_cpu *at)
{
	BUG_ON(!from->fibers->current);
	e->from = from;
	e->at = at;
	e->waiter = from->fibers->current;
	e->done = false;
	e->msg.fn = errand_rcv;
	bh_disable(from);
	while (!inbox_post(from, at, &e->msg))
		fiber_yield(from->fibers);
	while (!e->done)
		fiber_block(from->fibers, "another CPU");
	bh_enable(from);
	return e->err;
}

int net_on_each_cpu(struct net_cpu *cpu, void (*fn)(struct net_cpu *cpu, void *arg), void *arg)
{
	struct errand e = { .fn = fn, .arg = arg };
	struct net_cpu *at;
	unsigned i;
	int err = 0;

	for_each_cpu(cpu->net, at, i) {
		if (at == cpu)
			fn(cpu, arg);
		else
			err = errand_run(&e, cpu, at) ?: err;
	}
	return err;
}

/* ---------------------------------------------------------------- making and unmaking */

struct inbox {
	struct ring ring;
	void *slots[INBOX_SLOTS];
};
#define INBOX_ORDER 2 /* pages: a ring's lines are aligned, which kmalloc does not promise */
_Static_assert(sizeof(struct inbox) <= 4096u << INBOX_ORDER, "an inbox fits its pages");

static struct ring *inbox_create(void)
{
	struct inbox *in = pages_alloc(INBOX_ORDER);

	if (!in)
		return NULL;
	ring_init(&in->ring, in->slots, INBOX_SLOTS);
	return &in->ring;
}

/* Independent keys from one seed: SipHash of a label under each half of it. */
static struct siphash_key derive_key(const u8 seed[32], u64 label)
{
	struct siphash_key half[2], out;

	memcpy(half, seed, sizeof(half));
	for (u64 i = 0; i < 2; i++)
		out.k[i] = siphash_2u64(label, i, &half[0]) ^ siphash_2u64(i, label, &half[1]);
	return out;
}

static size_t pool_bytes(const struct net_params *p)
{
	u64 free_bytes, total;

	if (p->skb_pool_bytes)
		return p->skb_pool_bytes;
	mem_totals(&free_bytes, &total);
	return CLAMP(free_bytes / 4 / p->nr_cpus, 2ull << 20, 64ull << 20);
}

static struct net_cpu *cpu_create(struct net *net, unsigned id, const struct net_params *p)
{
	struct net_cpu *cpu = kzalloc(sizeof(*cpu));

	if (!cpu)
		return NULL;
	net->cpus[id] = cpu;
	cpu->net = net;
	cpu->id = id;
	net_set_now(cpu, p->now_ns);
	cpu->dst_gen = 1;
	cpu->fibers = p->fibers[id];
	if (cpu->fibers)
		cpu->fibers->hold = &cpu->bh_count;
	list_init(&cpu->tx_dirty);
	net_sysctl_defaults(&cpu->sysctl);
	timer_wheel_init(&cpu->wheel, p->now_ns);
	for (unsigned from = 0; from < p->nr_cpus; from++)
		if (from != id && !(cpu->inbox[from] = inbox_create()))
			return NULL;
	return skb_pool_init(cpu, pool_bytes(p)) ? NULL : cpu;
}

static void cpu_destroy(struct net_cpu *cpu)
{
	for (unsigned from = 0; from < MAX_CPUS; from++)
		if (cpu->inbox[from])
			pages_free(cpu->inbox[from], INBOX_ORDER);
	skb_pool_destroy(cpu);
	kfree(cpu);
}

/* Undoes the rooms below `room` on all CPUs, and `room` itself on the first `nr` of them. */
static void leave_rooms(struct net *net, unsigned room, unsigned nr)
{
	struct net_cpu *cpu;
	unsigned i;

	for (i = 0; i < nr; i++)
		rooms[room].destroy(net->cpus[i]);
	while (room--)
		for_each_cpu(net, cpu, i)
			rooms[room].destroy(cpu);
}

static int enter_rooms(struct net *net)
{
	struct net_cpu *cpu;
	unsigned i;
	int err;

	for (unsigned r = 0; r < ARRAY_SIZE(rooms); r++) {
		for_each_cpu(net, cpu, i) {
			err = rooms[r].init(cpu);
			if (err) {
				leave_rooms(net, r, i);
				return err;
			}
		}
	}
	return 0;
}

static void net_free(struct net *net)
{
	for (unsigned i = 0; i < net->nr_cpus; i++)
		if (net->cpus[i])
			cpu_destroy(net->cpus[i]);
	steer_destroy(net);
	kfree(net);
}

struct net *net_create(const struct net_params *p)
{
	struct net *net = kzalloc(sizeof(*net));

	if (!net)
		return NULL;
	BUG_ON(!p->nr_cpus || p->nr_cpus > MAX_CPUS);
	net->nr_cpus = p->nr_cpus;
	net->boot_ns = p->now_ns;
	net->hash_key = derive_key(p->seed, 1);
	net->isn_key = derive_key(p->seed, 2);
	net->port_key = derive_key(p->seed, 3);
	net->cookie_key = derive_key(p->seed, 4);
	net->hash6_key = derive_key(p->seed, 5);
	net->fastopen_key[0] = derive_key(p->seed, 7);
	net->has_aes = platform_has_aes();
	for (unsigned i = 0; i < ARRAY_SIZE(net->tuple_keys.round); i++) {
		struct siphash_key k = derive_key(p->seed, 16 + i);

		memcpy(net->tuple_keys.round[i], k.k, sizeof(k.k));
	}
	net->nr_fastopen_keys = 1;
	if (steer_init(net, (enum steer_mode)p->steer, (u16)derive_key(p->seed, 6).k[0])) {
		net_free(net);
		return NULL;
	}
	for (unsigned i = 0; i < p->nr_cpus; i++) {
		if (!cpu_create(net, i, p)) {
			net_free(net);
			return NULL;
		}
	}
	if (enter_rooms(net)) {
		net_free(net);
		return NULL;
	}
	if (loopback_create(net)) {
		leave_rooms(net, ARRAY_SIZE(rooms), 0);
		net_free(net);
		return NULL;
	}
	return net;
}

/* Messages under way are dealt with, so that nothing freed stays in a ring. */
static void drain_inboxes(struct net *net)
{
	struct net_cpu *cpu;
	unsigned i;

	for (int turn = 0; turn < 2; turn++) { /* what came home may send on what was lent */
		for_each_cpu(net, cpu, i)
			skb_pool_send_home(cpu);
		for_each_cpu(net, cpu, i)
			run_inbox(cpu);
	}
}

void net_destroy(struct net *net)
{
	struct net_cpu *cpu;
	unsigned c;

	for (unsigned i = 0; i < net->nr_devs; i++) {
		if (!net->devs[i])
			continue;
		dev_close(net->devs[i]);
		for_each_cpu(net, cpu, c)
			neigh_flush(cpu, net->devs[i]); /* what is parked there belongs to socks */
	}
	drain_inboxes(net);
	net->steer->on = false; /* what ends from here on is told to nobody */
	loopback_destroy(net);
	leave_rooms(net, ARRAY_SIZE(rooms), 0);
	drain_inboxes(net); /* skbs that lay in a room go home */
	net_free(net);
}

/* ---------------------------------------------------------------- the balance */

void net_balance_add(struct net_cpu *cpu, struct net_balance *b)
{
	const struct skb_pool *pool = cpu->skb_pool;
	u64 frees = cpu->stats[STAT_SkbFrees];

	dev_balance(cpu, b);
	b->allocs += cpu->stats[STAT_SkbAllocs];
	b->consumed += frees - pool->dropped;
	b->dropped += pool->dropped;
	b->bare_dropped += pool->bare_dropped;
	b->alive += (u64)((s64)pool->nr_skbs - pool->nr_free_skbs - pool->in_transit);
	b->bufs_alive += (u64)((s64)pool->nr_bufs - pool->nr_free_bufs);
	for (unsigned i = 0; i < FLOW_MAX; i++)
		b->terms[i] += cpu->stats[i];
	for (unsigned r = 1; r < DROP_MAX; r++)
		b->reasons += cpu->drops[r];
	for (unsigned r = DROP_FRAG_HDR; r <= DROP_DUP_FRAG; r++)
		b->terms[FLOW_FragsDropped] += cpu->drops[r];
	b->terms[FLOW_FragsWaiting] += frags_waiting(cpu);
	b->terms[FLOW_OutParked] += neigh_parked(cpu);
	tcp_balance(cpu, b->terms);
}

bool net_balance_holds(const struct net_balance *b)
{
	u64 in, out;

	for (unsigned i = 0; i < NR_STAGES; i++)
		if (!stage_holds(&stages[i], b->terms, &in, &out))
			return false;
	return b->rx_frames == b->rx_done + b->rx_taken + b->rx_dropped && b->allocs == b->consumed + b->dropped + b->alive &&
	       b->reasons == b->dropped + b->bare_dropped;
}

bool net_balance(struct net *net, struct net_balance *b)
{
	struct net_cpu *cpu;
	unsigned i;

	*b = (struct net_balance){ 0 };
	for_each_cpu(net, cpu, i)
		net_balance_add(cpu, b);
	return net_balance_holds(b);
}
