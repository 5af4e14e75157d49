/* SPDX-License-Identifier: MIT
 * dim.h - adaptive interrupt moderation: how long may frames wait for an interrupt, given what passes by?
 *
 * Every DIM_SAMPLE_NS a queue's traffic is looked at: bytes of both directions per frame that came in. Bulk transfers have
 * many, whether they come (full frames) or go (few acknowledgments for much), and requests and echoes have few. A bulk
 * sample goes up one level, any other down to none at once: who waits for an answer never waits for a timer. Few frames in a
 * sample are no bulk either.
 */
#pragma once

#include "lib/types.h"

#define DIM_SAMPLE_NS   (4 * NSEC_PER_MSEC)
#define DIM_MIN_FRAMES  16  /* of a sample: below that moderation saves nothing */
#define DIM_BULK_BYTES  700 /* per frame that came in */
#define DIM_LEVELS      3

struct dim {
	u64 at_ns, frames, bytes; /* when the last sample ended, and the counters then */
	u8 level;
};

struct dim_level {
	u16 usecs, frames;
};

static inline struct dim_level dim_level(const struct dim *d)
{
	static const struct dim_level levels[DIM_LEVELS] = { { 0, 0 }, { 65, 16 }, { 130, 64 } };

	return levels[d->level];
}

/* Takes a sample when it is time for one: counters of frames in, and of bytes both ways. Returns whether the level changed. */
bool dim_update(struct dim *d, u64 now_ns, u64 frames, u64 bytes);
