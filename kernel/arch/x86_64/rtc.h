/* SPDX-License-Identifier: MIT
 * rtc.h - the battery clock.
 */
#pragma once

#include "lib/types.h"

/* Seconds since 1970-01-01 UTC, taking the clock for UTC; 0 when it shows no date. At boot only: may wait 2 ms. */
u64 rtc_read(void);
