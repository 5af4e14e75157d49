/* SPDX-License-Identifier: MIT
 * fake_e1000_rig.h - what the tests of the e1000 family have in common: frames in, frames out, the proof that a device works.
 */
#pragma once

#include <stdlib.h>

#include "drivers/e1000/e1000_impl.h"
#include "host/fake_e1000.h"
#include "host/fake_rig.h"
#include "host/harness.h"
#include "lib/string.h"
#include "net/core/ethtool.h"

static inline struct e1000 *e1000_of(struct rig *r) { return r->dev->priv; }

static inline void finish(struct rig *r, struct fake_e1000 *d)
{
	rig_destroy(r);
	free(d);
}

static inline bool give(struct fake_e1000 *d, u32 len)
{
	u8 frame[2048];

	rig_bytes(frame, len);
	return fake_e1000_receive(d, frame, len, 0, E1000_RXD_IXSM, 0);
}

/* A frame that comes after poll's last look, just before the device may interrupt again. */
static inline void one_more(struct fake_e1000 *d)
{
	d->before_unmask = NULL;
	CHECK(give(d, 60));
}

static inline void expect_none_forgotten(struct rig *r, struct fake_e1000 *d)
{
	for (unsigned i = 0; i < 100; i++) {
		d->before_unmask = one_more;
		CHECK(give(d, 60));
		rig_run(r, 0);
		CHECK(!d->before_unmask);
		CHECK_EQ(r->nr_in, 2 * (i + 1));
	}
}

static inline void expect_working(struct rig *r, struct fake_e1000 *d)
{
	static const u32 sizes[] = { 14, 60, 64, 590, 1514 };
	u8 frame[1514];

	for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
		unsigned before = r->nr_in, sent = d->nr_sent;

		rig_bytes(frame, sizes[i]);
		CHECK(give(d, sizes[i]));
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
	CHECK_EQ(e1000_of(r)->queues[0].tx.clean, e1000_of(r)->queues[0].tx.use);
}

/* As `ethtool -C`, `-G` and `-K` do. */
static inline int set(struct rig *r, char group, const char *name, const char *value)
{
	struct ethtool_change c;

	ethtool_begin(r->dev, &c);
	return ethtool_set(r->dev, &c, group, name, value) ?: ethtool_commit(r->cpu, r->dev, &c);
}
