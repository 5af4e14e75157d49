/* SPDX-License-Identifier: MIT
 * tcp_check.h - what always holds of a stack's connections between two calls into it; a check that fails ends the program.
 */
#pragma once

struct lab_host;

/* Every connection of the host's first CPU: its numbers, its queues counted again, its memory, and a timer for what waits. */
void tcp_check(struct lab_host *h);
/* All sockets were closed and time went by: nothing is left. */
void tcp_check_empty(struct lab_host *h);
