/* SPDX-License-Identifier: MIT
 * sha1.h - SHA-1 (RFC 3174) of short texts and base64 (RFC 4648), for the WebSocket handshake; no secret depends on it.
 */
#pragma once

#include "lib/types.h"

#define SHA1_LEN 20

void sha1(const void *data, size_t len, u8 out[SHA1_LEN]);
/* Writes 4 characters per 3 bytes begun and a terminator; the length. */
size_t base64_encode(const u8 *in, size_t len, char *out);
