/* SPDX-License-Identifier: MIT
 * linklocal.h - an address that a device gives itself while no server does (RFC 3927).
 */
#pragma once

#include "net/core/dst.h"

struct linklocal;

/* Looks for a free address of 169.254/16 for dev, uses it, and moves on when another host has it. On CPU 0. NULL: no memory. */
struct linklocal *linklocal_start(struct net_device *dev);
/* Gives the address up. NULL is allowed. */
void linklocal_stop(struct linklocal *l);
/* Ends it with the stack: the device may be gone. NULL is allowed. */
void linklocal_free(struct linklocal *l);
