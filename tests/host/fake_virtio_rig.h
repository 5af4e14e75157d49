/* SPDX-License-Identifier: MIT
 * fake_virtio_rig.h - what the tests of virtio-net have in common: the device, and the proof that it works.
 */
#pragma once

#include <stdlib.h>

#include "drivers/virtio-net/virtio_net_impl.h"
#include "host/fake_rig.h"
#include "host/fake_virtio.h"
#include "host/harness.h"
#include "lib/string.h"

static const struct virtio_net_hdr plain;

static inline struct fake_virtio *device(void)
{
	fake_machine_reset();
	return fake_virtio_create(3);
}

static inline struct virtnet *net_of(struct rig *r) { return r->dev->priv; }

static inline void finish(struct rig *r, struct fake_virtio *d)
{
	rig_destroy(r);
	free(d);
}

/* Frames of many sizes go in and come out whole. */
static inline void expect_working(struct rig *r, struct fake_virtio *d)
{
	static const u32 sizes[] = { 14, 60, 64, 590, 1514 };
	u8 frame[1514];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned before = r->nr_in, sent = d->nr_sent;

		rig_bytes(frame, sizes[i]);
		CHECK(fake_virtio_receive(d, &plain, frame, sizes[i]));
		rig_run(r, 0);
		CHECK_EQ(r->nr_in, before + 1);
		CHECK_EQ(r->in_len, sizes[i]);
		CHECK_MEM(r->in, frame, sizes[i]);
		rig_send(r, rig_skb(r, sizes[i], 100, 1000, false, 0));
		rig_run(r, 10 * NSEC_PER_MSEC);
		CHECK_EQ(d->nr_sent, sent + 1);
		CHECK_EQ(d->sent_len, sizes[i]);
		CHECK_MEM(d->sent, frame, sizes[i]);
	}
	CHECK_EQ(net_of(r)->pairs[0].tx.in_flight, 0);
}
