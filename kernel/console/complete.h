/* SPDX-License-Identifier: MIT
 * complete.h - what the Tab key may put at the end of a line.
 */
#pragma once

#include "net/net.h"

#define CONSOLE_WORD_MAX 64

/* The i-th word that may stand where the line's last word (perhaps empty) begins at `word`, those included that do not begin
 * as it does; NULL past the last. It may be in `buf`. net NULL: no devices are known. */
const char *console_candidate(const struct net *net, const char *line, unsigned word, unsigned i, char buf[CONSOLE_WORD_MAX]);
