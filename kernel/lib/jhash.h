/* SPDX-License-Identifier: MIT
 * jhash.h - Bob Jenkins' lookup3 mixing for hash tables whose keys an outsider does not choose.
 */
#pragma once

#include "lib/types.h"

u32 jhash(const void *key, size_t len, u32 seed);
u32 jhash_3words(u32 a, u32 b, u32 c, u32 seed);
