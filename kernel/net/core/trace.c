/* SPDX-License-Identifier: MIT
 * trace.c - records of the tracepoints. Owns cpu->trace, which is made when tracing is first asked for and kept from then on:
 * another CPU may be writing to it at any moment, so it is only ever freed with the whole stack.
 */
#include "net/core/trace.h"
#include "lib/errno.h"
#include "net/core/dev.h"

#define TRACE_ORDER 5
_Static_assert(sizeof(struct trace_cpu) <= 4096u << TRACE_ORDER, "a CPU's trace fits its pages");

static const char *const names[] = {
#define X(name, text, help) text,
	TRACE_EVENTS(X)
#undef X
};
static const char *const helps[] = {
#define X(name, text, help) help,
	TRACE_EVENTS(X)
#undef X
};

const char *trace_event_name(unsigned event) { return event < NR_TRACE_EVENTS ? names[event] : "?"; }
const char *trace_event_help(unsigned event) { return event < NR_TRACE_EVENTS ? helps[event] : "?"; }

static bool is_first(enum trace_event ev) { return ev == TRACE_RECEIVE || ev == TRACE_XMIT; }
static bool is_last(enum trace_event ev) { return ev == TRACE_CONSUME || ev == TRACE_DROP; }

static struct trace_slot *slot_of(struct trace_cpu *t, const struct sk_buff *skb)
{
	return &t->slots[((uintptr_t)skb >> 6) * 0x9e3779b1u >> 8 & (TRACE_SLOTS - 1)];
}

/* Addresses and ports of a frame that stands at its link header. */
static void read_flow(struct trace_record *r, const struct sk_buff *skb)
{
	u32 at = skb->dev->link->hdr_len, l4;
	u8 ip[40] = { 0 }, ports[4];

	if (skb_copy_bits(skb, at, ip, 20))
		return;
	if (ip[0] >> 4 == 4) {
		be32 a[2];

		memcpy(a, ip + 12, sizeof(a));
		r->src = ip_from_v4(a[0]);
		r->dst = ip_from_v4(a[1]);
		r->proto = ip[9];
		l4 = at + (ip[0] & 15u) * 4;
	} else if (ip[0] >> 4 == 6 && !skb_copy_bits(skb, at, ip, 40)) {
		memcpy(&r->src, ip + 8, 16);
		memcpy(&r->dst, ip + 24, 16);
		r->proto = ip[6];
		l4 = at + 40;
	} else {
		return;
	}
	if ((r->proto != 6 && r->proto != 17) || skb_copy_bits(skb, l4, ports, 4))
		return;
	r->sport = (u16)(ports[0] << 8 | ports[1]);
	r->dport = (u16)(ports[2] << 8 | ports[3]);
}

/* Does the trace want this event of this frame? Keeps the slots. */
static bool is_followed(struct trace_cpu *t, struct trace_slot *s, enum trace_event ev, const struct sk_buff *skb, u64 now)
{
	bool known = s->skb == skb;
	u64 took = now - s->time_ns;

	if (known && !(is_first(ev) && s->event == ev)) {
		t->hops[s->event][took ? MIN(63 - __builtin_clzll(took), TRACE_BINS - 1) : 0]++;
		s->event = (u8)ev;
		s->time_ns = now;
		if (is_last(ev))
			s->skb = NULL;
		return true;
	}
	if (!is_first(ev))
		return !t->filtered;
	if (!t->follow || (t->filtered && !bpf_run(t->prog[!skb->dev->link->addr_len], skb)))
		return false;
	t->follow -= t->follow != ~0u;
	*s = (struct trace_slot){ skb, now, (u8)ev };
	return true;
}

void trace_record(struct net_cpu *cpu, enum trace_event ev, const struct sk_buff *skb, enum drop_reason verdict)
{
	struct trace_cpu *t = cpu->trace;
	struct trace_record *r;
	u64 now = clock_ns();

	if (!is_followed(t, slot_of(t, skb), ev, skb, now) || !(t->mask & 1u << ev))
		return;
	r = &t->ring[t->head % TRACE_RING];
	*r = (struct trace_record){ .time_ns = now, .skb = skb, .len = skb->len, .event = (u8)ev, .cpu = (u8)cpu->id,
				    .reason = (u8)drop_why(verdict), .place = drop_place(verdict),
				    .ifindex = skb->dev ? skb->dev->ifindex : 0 };
	if (is_first(ev) && skb->dev)
		read_flow(r, skb);
	WRITE_ONCE(t->head, t->head + 1);
}

/* Tests of other bits may run beside: these are changed alone. */
static void watch(struct net_cpu *cpu, u32 bits)
{
	__atomic_fetch_and(&cpu->watch, ~TRACE_ALL, __ATOMIC_RELEASE);
	__atomic_fetch_or(&cpu->watch, bits, __ATOMIC_RELEASE);
}

static void start_on(struct net_cpu *cpu, u32 mask, const struct bpf_insn *eth, const struct bpf_insn *raw, u32 follow)
{
	struct trace_cpu *t = cpu->trace;

	t->mask = mask;
	t->head = 0;
	t->follow = follow ? follow : ~0u;
	t->filtered = eth != NULL;
	memset(t->hops, 0, sizeof(t->hops));
	memset(t->slots, 0, sizeof(t->slots));
	if (eth) {
		memcpy(t->prog[0], eth, sizeof(t->prog[0]));
		memcpy(t->prog[1], raw, sizeof(t->prog[1]));
	}
	watch(cpu, TRACE_ALL); /* frames are followed through all, whatever is recorded */
}

int trace_start(struct net *net, u32 mask, const struct bpf_insn *eth, const struct bpf_insn *raw, u32 follow)
{
	struct net_cpu *cpu;
	unsigned i;

	trace_stop(net);
	for_each_cpu(net, cpu, i) {
		if (cpu->trace)
			continue;
		cpu->trace = pages_alloc(TRACE_ORDER);
		if (!cpu->trace)
			return -ENOMEM;
		memset(cpu->trace, 0, sizeof(*cpu->trace));
	}
	for_each_cpu(net, cpu, i)
		start_on(cpu, mask, eth, raw, follow);
	return 0;
}

void trace_stop(struct net *net)
{
	struct net_cpu *cpu;
	unsigned i;

	for_each_cpu(net, cpu, i)
		watch(cpu, 0);
}

int trace_cpu_init(struct net_cpu *cpu) { return 0; }

void trace_cpu_destroy(struct net_cpu *cpu)
{
	if (cpu->trace)
		pages_free(cpu->trace, TRACE_ORDER);
	cpu->trace = NULL;
}
