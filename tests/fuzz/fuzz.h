/* SPDX-License-Identifier: MIT
 * fuzz.h - a fuzz target is one function. libFuzzer calls it (make fuzz), and so does replay.c with the kept inputs
 * (make test), which needs no libFuzzer.
 */
#pragma once

#include "lib/types.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The input as a stream of small things; past its end come zeros. */
struct input {
	const u8 *p, *end;
};
static inline size_t input_left(const struct input *in) { return (size_t)(in->end - in->p); }
static inline u8 input_u8(struct input *in) { return in->p < in->end ? *in->p++ : 0; }
/* Up to n bytes; *got says how many there are. */
static inline const u8 *input_bytes(struct input *in, size_t n, size_t *got)
{
	const u8 *p = in->p;

	*got = MIN(n, input_left(in));
	in->p += *got;
	return p;
}
/* Inputs that are lists of steps, of targets that know states: a head, and records of one size, past whose end come zeros, too. */
#define FUZZ_HEAD   4
#define FUZZ_RECORD 14
static inline struct input input_record(struct input *in)
{
	size_t n;
	const u8 *p = input_bytes(in, FUZZ_RECORD, &n);

	return (struct input){ p, p + n };
}
