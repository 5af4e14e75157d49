/* SPDX-License-Identifier: MIT
 * utf8.h - is a stream of bytes UTF-8 (RFC 3629)? Byte by byte, failing at the first byte that cannot be.
 */
#pragma once

#include "lib/types.h"

struct utf8 {
	u8 left;   /* continuation bytes still to come */
	u8 lo, hi; /* what the next of them may be */
};

static inline void utf8_init(struct utf8 *u) { u->left = 0; }
/* Between two characters? */
static inline bool utf8_is_whole(const struct utf8 *u) { return !u->left; }

static inline bool utf8_take(struct utf8 *u, u8 c)
{
	if (u->left) {
		if (c < u->lo || c > u->hi)
			return false;
		u->left--;
		u->lo = 0x80;
		u->hi = 0xbf;
		return true;
	}
	if (c < 0x80)
		return true;
	if (c < 0xc2 || c > 0xf4)
		return false;
	u->left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
	u->lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80; /* no overlong forms */
	u->hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf; /* no surrogates, nothing above U+10FFFF */
	return true;
}
