/* SPDX-License-Identifier: MIT
 * random.h - seeding of the one generator; random_bytes() is declared in platform.h.
 */
#pragma once

#include "lib/types.h"

/* Stirs hardware entropy, clock jitter and whatever `extra` holds into the key. Boot CPU, before anything asks. */
void random_init(const void *extra, size_t len);
/* Something hard to guess before random_init(): for the stack canary. */
u64 random_early(void);
