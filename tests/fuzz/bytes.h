/* SPDX-License-Identifier: MIT
 * bytes.h - the numbers of frames that fuzz targets make and read, in network order.
 */
#pragma once

#include "lib/types.h"

static inline void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}
static inline void put32(u8 *p, u32 v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}
static inline u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }
static inline u32 get32(const u8 *p) { return get16(p) << 16 | get16(p + 2); }
