/* SPDX-License-Identifier: MIT
 * frame_text.h - one frame as one line, in the words of tcpdump -n.
 */
#pragma once

#include "net/core/skbuff.h"

#define FRAME_TEXT_MAX 400

/* The frame stands at its link header; raw: there is none. Cut and malformed frames are told as such, none is read behind
 * its end. Returns the length. */
int frame_text(const struct sk_buff *skb, bool raw, char *buf, size_t size);
/* The same of a frame of len bytes, of which the first `have` were kept. */
int frame_bytes_text(const u8 *bytes, u32 have, u32 len, bool raw, char *buf, size_t size);
