/* SPDX-License-Identifier: MIT
 * tap.c - who listens to frames on this CPU. Owns cpu->tap; taps belong to those who add them.
 */
#include "net/core/tap.h"
#include "lib/errno.h"
#include "net/core/sock.h"
#include "net/wire/ether.h"

static const struct tap_known { /* frames of a class have these bytes */
	u32 class;
	struct bpf_byte bytes[3];
} classes[] = {
	{ TAP_TCP, { { 12, 0x08 }, { 13, 0x00 }, { 23, IPPROTO_TCP } } },
	{ TAP_UDP, { { 12, 0x08 }, { 13, 0x00 }, { 23, IPPROTO_UDP } } },
	{ TAP_TCP6, { { 12, 0x86 }, { 13, 0xdd }, { 20, IPPROTO_TCP } } },
	{ TAP_UDP6, { { 12, 0x86 }, { 13, 0xdd }, { 20, IPPROTO_UDP } } },
};

u32 tap_spared(const struct bpf_insn *prog)
{
	u32 spared = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(classes); i++)
		if (bpf_takes_none(prog, classes[i].bytes, ARRAY_SIZE(classes[i].bytes)))
			spared |= classes[i].class;
	return spared;
}

/* 0: of none that is told here. */
static inline u32 class_of(const struct sk_buff *skb)
{
	const u8 *p = skb->data;
	bool v4;
	u8 proto;
	be16 type;

	if (unlikely(skb_headlen(skb) < ETH_HLEN + 10u || !skb->dev->link->addr_len))
		return 0;
	memcpy(&type, p + 12, sizeof(type));
	v4 = be16_get(type) == ETH_P_IP;
	if (!v4 && be16_get(type) != ETH_P_IPV6)
		return 0;
	proto = v4 ? p[23] : p[20];
	if (likely(proto == IPPROTO_TCP))
		return v4 ? TAP_TCP : TAP_TCP6;
	return proto != IPPROTO_UDP ? 0 : v4 ? TAP_UDP : TAP_UDP6;
}

static void taps_changed(struct net_cpu *cpu)
{
	struct tap *t;

	cpu->tap->spared = ~0u;
	list_for_each_entry(t, &cpu->tap->taps, link)
		cpu->tap->spared &= t->spared;
}

void tap_add(struct net_cpu *cpu, struct tap *t)
{
	t->frames = 0;
	list_add_tail(&t->link, &cpu->tap->taps);
	cpu->tap->nr++;
	taps_changed(cpu);
	__atomic_fetch_or(&cpu->watch, WATCH_TAP, __ATOMIC_RELAXED);
}

void tap_remove(struct net_cpu *cpu, struct tap *t)
{
	if (list_empty(&t->link))
		return;
	list_del(&t->link);
	taps_changed(cpu);
	if (!--cpu->tap->nr)
		__atomic_fetch_and(&cpu->watch, ~(u32)WATCH_TAP, __ATOMIC_RELAXED);
}

static __noinline void show(struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct tap *t, *n;

	trace(cpu, dir == TAP_IN ? TRACE_RECEIVE : TRACE_XMIT, skb);
	if (cpu->watch & WATCH_FRAMES)
		frames_keep(cpu, skb, dir == TAP_OUT);
	list_for_each_entry_safe(t, n, &cpu->tap->taps, link) {
		if (t->dev && t->dev != skb->dev)
			continue;
		t->frames++;
		t->fn(t, cpu, skb, dir);
	}
}

/* Mostly a capture of something else looks alone. */
void tap_run(struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	if (watched(cpu, WATCH_ALL & ~(u32)WATCH_TAP) || !(cpu->tap->spared & class_of(skb)))
		show(cpu, skb, dir);
}

void tap_dropped(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason reason)
{
	struct tap *t, *n;

	if (cpu->watch & 1u << TRACE_DROP)
		trace_record(cpu, TRACE_DROP, skb, reason);
	if (cpu->watch & WATCH_FRAMES)
		frames_dropped(cpu, skb, reason);
	list_for_each_entry_safe(t, n, &cpu->tap->taps, link)
		if (t->dropped)
			t->dropped(t, skb, reason);
}

int tap_cpu_init(struct net_cpu *cpu)
{
	cpu->tap = kzalloc(sizeof(*cpu->tap));
	if (!cpu->tap)
		return -ENOMEM;
	list_init(&cpu->tap->taps);
	return 0;
}

void tap_cpu_destroy(struct net_cpu *cpu)
{
	kfree(cpu->tap);
	cpu->tap = NULL;
}
