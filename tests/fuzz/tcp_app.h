/* SPDX-License-Identifier: MIT
 * tcp_app.h - the application of the TCP fuzzer: system calls on a few files, none of which waits.
 */
#pragma once

#include "fuzz/tcp_peer.h"

void app_connects(struct world *w, int fd, unsigned conn);
void app_writes(struct world *w, int fd, u32 n);
void app_closes_all(struct world *w);
void app_transfers(struct world *w, struct input *in);
void app_sets(struct world *w, struct input *in);
void app_opens(struct world *w, struct input *in);
void app_asks(struct world *w, struct input *in);
void app_closes(struct world *w, struct input *in);
