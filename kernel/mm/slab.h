/* SPDX-License-Identifier: MIT
 * slab.h - objects smaller than pages; kmalloc() and kmem_cache_*() are declared in platform.h.
 */
#pragma once

#include "platform.h"

/* Makes kmalloc() work; needs page_init(). */
void slab_init(void);
