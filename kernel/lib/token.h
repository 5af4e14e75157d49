/* SPDX-License-Identifier: MIT
 * token.h - a token bucket: so many events at once, and one more each interval.
 */
#pragma once

#include "lib/types.h"

struct token_bucket { /* all zero: full */
	u64 stamp_ns; /* the tokens are counted up to here */
	u32 tokens;
};

/* Takes one token of at most `burst`, of which one comes back each `interval_ns`; false: there is none. */
static inline bool token_take(struct token_bucket *b, u64 now_ns, u64 interval_ns, u32 burst)
{
	u64 fresh = (now_ns - b->stamp_ns) / interval_ns;

	if (!b->stamp_ns || fresh + b->tokens >= burst) {
		b->tokens = burst;
		b->stamp_ns = now_ns;
	} else {
		b->tokens += (u32)fresh;
		b->stamp_ns += fresh * interval_ns;
	}
	if (!b->tokens)
		return false;
	b->tokens--;
	return true;
}
