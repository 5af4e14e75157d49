/* SPDX-License-Identifier: MIT
 * byteorder.h - conversions between host order and the wire integers of types.h.
 */
#pragma once

#include "lib/types.h"

static inline u16 be16_get(be16 x) { return __builtin_bswap16(x.raw); }
static inline u32 be32_get(be32 x) { return __builtin_bswap32(x.raw); }
static inline u64 be64_get(be64 x) { return __builtin_bswap64(x.raw); }
static inline be16 be16_of(u16 x) { return (be16){ __builtin_bswap16(x) }; }
static inline be32 be32_of(u32 x) { return (be32){ __builtin_bswap32(x) }; }
static inline be64 be64_of(u64 x) { return (be64){ __builtin_bswap64(x) }; }
static inline bool be16_eq(be16 a, be16 b) { return a.raw == b.raw; }
static inline bool be32_eq(be32 a, be32 b) { return a.raw == b.raw; }

/* A constant in wire order, usable in static initialisers. */
#define BE16_C(x) ((be16){ (u16)((((x) & 0xff) << 8) | (((x) >> 8) & 0xff)) })

/* Sequence numbers: RFC 9293 3.4, comparison modulo 2^32. */
static inline seq_t seq_of(u32 v) { return (seq_t){ v }; }
static inline seq_t seq_add(seq_t a, u32 n) { return (seq_t){ a.v + n }; }
static inline s32 seq_diff(seq_t a, seq_t b) { return (s32)(a.v - b.v); }
static inline bool seq_lt(seq_t a, seq_t b) { return seq_diff(a, b) < 0; }
static inline bool seq_le(seq_t a, seq_t b) { return seq_diff(a, b) <= 0; }
static inline bool seq_gt(seq_t a, seq_t b) { return seq_diff(a, b) > 0; }
static inline bool seq_ge(seq_t a, seq_t b) { return seq_diff(a, b) >= 0; }
static inline bool seq_eq(seq_t a, seq_t b) { return a.v == b.v; }
static inline seq_t seq_max(seq_t a, seq_t b) { return seq_gt(a, b) ? a : b; }
static inline seq_t seq_min(seq_t a, seq_t b) { return seq_lt(a, b) ? a : b; }
