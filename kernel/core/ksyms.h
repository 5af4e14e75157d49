/* SPDX-License-Identifier: MIT
 * ksyms.h - the image's own symbol table (made by tools/ksyms.py between the two links).
 */
#pragma once

#include "lib/types.h"

/* Is the address kernel code? */
bool ksym_is_text(u64 addr);
/* First byte of the function that holds addr, 0 where nothing is known. */
u64 ksym_start(u64 addr);
/* Writes "name+0x12", or "?" where nothing is known, into text. */
void ksym_text(u64 addr, char *text, size_t size);
