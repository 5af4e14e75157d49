/* SPDX-License-Identifier: MIT
 * ubsan.c - undefined behaviour, found by checks that the compiler puts in: each ends the machine with the place in the source.
 *
 * The handlers' names and arguments are the compiler's (gcc 12, -fsanitize=undefined). All begin with data that
 * begins with the place.
 */
#include "core/panic.h"
#include "san/san.h"

struct place {
	const char *file;
	u32 line, column;
};

static _Noreturn void undefined(const struct place *at, const char *what, u64 a, u64 b)
{
	san_stop();
	panic_report(EXIT_UNDEFINED, NULL, "undefined behaviour: %s (%#llx, %#llx) at %s:%u:%u", what,
		     (unsigned long long)a, (unsigned long long)b, at->file, at->line, at->column);
}

/* name, text, arguments after the place; small values come as they are, wide ones as pointers */
#define HANDLERS(X)                                                                                \
	X(add_overflow, "overflow of +")                                                           \
	X(sub_overflow, "overflow of -")                                                           \
	X(mul_overflow, "overflow of *")                                                           \
	X(divrem_overflow, "overflow of /, or division by zero")                                   \
	X(negate_overflow, "overflow of a negation")                                               \
	X(shift_out_of_bounds, "shift by too much")                                                \
	X(out_of_bounds, "index out of bounds")                                                    \
	X(pointer_overflow, "pointer beyond its object")                                           \
	X(load_invalid_value, "value that its type does not have")                                 \
	X(type_mismatch_v1, "pointer is null or misaligned for its type")                          \
	X(nonnull_arg, "null where an argument must not be")                                       \
	X(invalid_builtin, "zero for a function that counts bits")                                 \
	X(builtin_unreachable, "end of a function that has none")

#define X(name, text)                                                                              \
	void __ubsan_handle_##name(const struct place *at, u64 a, u64 b);                          \
	void __ubsan_handle_##name(const struct place *at, u64 a, u64 b) { undefined(at, text, a, b); }
HANDLERS(X)
#undef X
