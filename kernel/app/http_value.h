/* SPDX-License-Identifier: MIT
 * http_value.h - what stands in fields and targets: dates, ranges, entity tags, codings, paths. Stateless.
 */
#pragma once

#include "lib/types.h"

#define HTTP_DATE_LEN 29 /* "Sun, 06 Nov 1994 08:49:37 GMT" */

/* Writes HTTP_DATE_LEN bytes (IMF-fixdate, RFC 9110 5.6.7), no terminator. */
void http_date_format(char *out, u64 unix_secs);
/* Any of the three forms a recipient must know. false: not a date. */
bool http_date_parse(const u8 *s, size_t len, u64 *unix_secs);

enum http_range { HTTP_RANGE_NONE, HTTP_RANGE_OK, HTTP_RANGE_UNSATISFIABLE };
/* A single byte range of something of `size` bytes (RFC 9110 14.1.2): OK fills [*first, *last]. NONE: not understood, or
 * several ranges: the whole is sent, as the RFC allows (and so many small overlapping ranges cost nothing). */
enum http_range http_range_parse(const u8 *s, size_t len, u64 size, u64 *first, u64 *last);

/* Is `etag` (quotes included) in the list, or the list "*"? weak: W/ makes no difference (RFC 9110 8.8.3.2). */
bool http_etag_match(const u8 *s, size_t len, const char *etag, size_t etag_len, bool weak);

/* Does Accept-Encoding allow gzip (RFC 9110 12.5.3)? A quality of zero forbids it. */
bool http_accepts_gzip(const u8 *s, size_t len);

/* Decodes %XX, merges slashes, resolves "." and ".." (RFC 3986 5.2.4) into out, which starts with '/'. The length; -400:
 * broken escape, NUL, or out of the root; -404: an encoded slash, or longer than any file's path can be. */
int http_path_decode(const u8 *s, size_t len, char *out, size_t size);
