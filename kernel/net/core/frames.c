/* SPDX-License-Identifier: MIT
 * frames.c - keeps the last frames of each CPU. Owns cpu->frames. The memory is taken once, for the most there may be, when the
 * tunable first leaves zero; another CPU may be writing into it, so only the end of the stack gives it back.
 */
#include "net/core/frames.h"
#include "lib/errno.h"
#include "net/core/trace.h"

#define FRAMES_ORDER 5
_Static_assert(sizeof(struct frame_slot) * FRAMES_MAX == 4096u << FRAMES_ORDER, "slots fill their pages");

#define LOOK_BACK 8u /* slots that a drop looks through for its frame */

void frames_keep(struct net_cpu *cpu, const struct sk_buff *skb, bool out)
{
	struct frame_ring *r = cpu->frames;
	struct frame_slot *s = &r->slot[r->head++ % r->size];

	s->time_ns = cpu->now_ns;
	s->skb = skb;
	s->len = skb->len;
	s->caplen = (u16)MIN(skb->len, FRAMES_SNAP);
	s->out = out;
	s->ifindex = (u8)(skb->dev ? skb->dev->ifindex : 0);
	s->reason = 0;
	skb_copy_bits(skb, 0, s->data, s->caplen);
}

void frames_dropped(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason verdict)
{
	struct frame_ring *r = cpu->frames;

	u64 kept = MIN(r->head, (u64)MIN(r->size, LOOK_BACK));

	for (u64 back = 1; back <= kept; back++) {
		struct frame_slot *s = &r->slot[(r->head - back) % r->size];

		if (s->skb == skb) {
			s->reason = (u16)drop_why(verdict);
			s->place = drop_place(verdict);
			s->skb = NULL;
			return;
		}
	}
}

static int resize(struct net_cpu *cpu)
{
	u32 size = (u32)cpu->sysctl.frame_ring;

	if (!size) {
		__atomic_fetch_and(&cpu->watch, ~(u32)WATCH_FRAMES, __ATOMIC_RELEASE);
		return 0;
	}
	if (!cpu->frames->slot)
		cpu->frames->slot = pages_alloc(FRAMES_ORDER);
	if (!cpu->frames->slot)
		return -ENOMEM;
	WRITE_ONCE(cpu->frames->size, size);
	__atomic_fetch_or(&cpu->watch, WATCH_FRAMES, __ATOMIC_RELEASE);
	return 0;
}

int frames_resize(struct net *net)
{
	struct net_cpu *cpu;
	unsigned i;
	int err = 0;

	for_each_cpu(net, cpu, i)
		err = resize(cpu) ?: err;
	return err;
}

int frames_cpu_init(struct net_cpu *cpu)
{
	cpu->frames = kzalloc(sizeof(*cpu->frames));
	return cpu->frames ? 0 : -ENOMEM;
}

void frames_cpu_destroy(struct net_cpu *cpu)
{
	if (cpu->frames && cpu->frames->slot)
		pages_free(cpu->frames->slot, FRAMES_ORDER);
	kfree(cpu->frames);
	cpu->frames = NULL;
}
