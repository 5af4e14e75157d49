/* SPDX-License-Identifier: MIT
 * records.c - how libFuzzer changes the inputs of tcp.c, forward.c and socket.c, which are a head and records of one size each
 * (fuzz.h): whole records come, go, are repeated and move, so that what follows keeps its meaning; or bytes change, its own way.
 */
#include "fuzz/fuzz.h"
#include "host/harness.h"

#include <string.h>

size_t LLVMFuzzerMutate(u8 *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed);

static size_t insert(u8 *at, const u8 *rec, u8 *data, size_t size)
{
	memmove(at + FUZZ_RECORD, at, size - (size_t)(at - data));
	memcpy(at, rec, FUZZ_RECORD);
	return size + FUZZ_RECORD;
}

size_t LLVMFuzzerCustomMutator(u8 *data, size_t size, size_t max, unsigned seed)
{
	struct test_rng rng = { seed * 0x9e3779b97f4a7c15ull + 1 };
	u32 n = size > FUZZ_HEAD ? (u32)(size - FUZZ_HEAD) / FUZZ_RECORD : 0;
	u8 rec[FUZZ_RECORD] = { 0 }, *at = data + FUZZ_HEAD + rng_below(&rng, n + 1) * FUZZ_RECORD;
	u32 what = rng_below(&rng, 8);

	if (what < 2 || size < FUZZ_HEAD)
		return LLVMFuzzerMutate(data, size, max);
	if (what == 2 && n > 1) { /* one less */
		at = data + FUZZ_HEAD + rng_below(&rng, n) * FUZZ_RECORD;
		memmove(at, at + FUZZ_RECORD, size - (size_t)(at - data) - FUZZ_RECORD);
		return size - FUZZ_RECORD;
	}
	if (what < 5 && size + FUZZ_RECORD <= max) { /* a new one, or a copy of another */
		if (what == 3 && n)
			memcpy(rec, data + FUZZ_HEAD + rng_below(&rng, n) * FUZZ_RECORD, FUZZ_RECORD);
		else
			for (unsigned i = 0; i < FUZZ_RECORD; i++)
				rec[i] = rng_below(&rng, 2) ? (u8)rng_next(&rng) : 0;
		return insert(at, rec, data, size);
	}
	if (!n)
		return LLVMFuzzerMutate(data, size, max);
	at = data + FUZZ_HEAD + rng_below(&rng, n) * FUZZ_RECORD + rng_below(&rng, FUZZ_RECORD);
	*at = what == 5 ? (u8)rng_next(&rng) : *at ^ (u8)(1u << rng_below(&rng, 8));
	return size;
}
