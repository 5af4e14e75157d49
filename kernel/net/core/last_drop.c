/* SPDX-License-Identifier: MIT
 * last_drop.c - keeps the last frame of each drop reason. Owns cpu->last_drops, which its CPU alone writes.
 */
#include "net/core/last_drop.h"
#include "lib/errno.h"

int last_drop_set(struct net_cpu *cpu, bool on)
{
	struct drop_frame *table = on ? kzalloc(DROP_MAX * sizeof(*table)) : NULL, *old;

	if (on && !table)
		return -ENOMEM;
	bh_disable(cpu);
	old = cpu->last_drops;
	cpu->last_drops = table;
	bh_enable(cpu);
	kfree(old);
	return 0;
}

/* Where the frame begins in the linear bytes, as far as the skb remembers its headers. */
static const u8 *frame_start(const struct sk_buff *skb, bool *raw)
{
	const u8 *mac = skb->head + skb->mac_header, *net = skb->head + skb->network_header;
	bool has_link = skb->dev && skb->dev->link->addr_len;

	*raw = !has_link;
	if (has_link && skb->mac_header != SKB_NO_OFFSET && mac <= skb->tail)
		return mac;
	if (skb->network_header != SKB_NO_OFFSET && net <= skb->tail) {
		*raw = true;
		return net;
	}
	return skb->data;
}

void last_drop_keep(struct net_cpu *cpu, const struct sk_buff *skb, enum drop_reason reason)
{
	struct drop_frame *f = &cpu->last_drops[drop_why(reason)];
	const u8 *start = frame_start(skb, &f->raw);
	u32 linear = (u32)(skb->tail - start);

	f->time_ns = cpu->now_ns ?: 1;
	f->len = linear + skb->data_len;
	f->place = drop_place(reason);
	f->caplen = (u16)MIN(linear, LAST_DROP_SNAP);
	f->ifindex = (u8)(skb->dev ? skb->dev->ifindex : 0);
	memcpy(f->data, start, f->caplen);
}
