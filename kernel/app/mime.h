/* SPDX-License-Identifier: MIT
 * mime.h - what a file is, by the end of its name.
 */
#pragma once

#include "lib/types.h"

/* A media type for Content-Type; "application/octet-stream" when the ending is unknown. */
const char *mime_type(const char *name, size_t len);
