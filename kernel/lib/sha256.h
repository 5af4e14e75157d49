/* SPDX-License-Identifier: MIT
 * sha256.h - SHA-256 (FIPS 180-4), fed in pieces.
 */
#pragma once

#include "lib/types.h"

#define SHA256_LEN 32

struct sha256 {
	u32 h[8];
	u64 bytes;
	u8 part[64]; /* bytes % 64 of them wait for a whole block */
};
void sha256_init(struct sha256 *s);
void sha256_update(struct sha256 *s, const void *data, size_t len);
void sha256_final(struct sha256 *s, u8 out[SHA256_LEN]);
