/* SPDX-License-Identifier: MIT
 * pic.h - the two 8259s, which nobody here uses, and the edge/level register that outlived them.
 */
#pragma once

#include "lib/types.h"

/* Moves them off the exception vectors and masks every input. */
void pic_disable(void);
/* Is ISA interrupt 0..15 level triggered by the ELCR (as a PCI interrupt routed there is)? */
bool pic_is_level(unsigned irq);
/* Makes it so; firmware does this for lines it routes itself. */
void pic_set_level(unsigned irq);
