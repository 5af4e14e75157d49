/* SPDX-License-Identifier: MIT
 * dim.c - adaptive interrupt moderation: the rule that core/dim.h describes. Its caller owns the state.
 */
#include "net/core/dim.h"

#include "platform.h"

bool dim_update(struct dim *d, u64 now_ns, u64 frames, u64 bytes)
{
	u64 nr = frames - d->frames, length = bytes - d->bytes, took = now_ns - d->at_ns;
	u8 level = 0;

	if (took < DIM_SAMPLE_NS)
		return false;
	/* after a pause the sample is the pause's */
	if (took < 8 * DIM_SAMPLE_NS && nr >= DIM_MIN_FRAMES && length >= nr * DIM_BULK_BYTES)
		level = (u8)MIN(d->level + 1, DIM_LEVELS - 1);
	*d = (struct dim){ .at_ns = now_ns, .frames = frames, .bytes = bytes, .level = d->level };
	if (level == d->level)
		return false;
	d->level = level;
	return true;
}
