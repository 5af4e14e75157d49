/* SPDX-License-Identifier: MIT
 * exit_codes.h - what the machine ends with: the value written to QEMU's isa-debug-exit port.
 *
 * QEMU exits with (value << 1) | 1. Success is not 0, because a triple fault under -no-reboot is 0.
 */
#pragma once

#define EXIT_CODES(X)                                                                              \
	X(CLEAN, 0x10, "clean end")                                                                \
	X(PANIC, 0x21, "panic")                                                                    \
	X(ASSERT, 0x22, "failed assertion")                                                        \
	X(NULL_DEREF, 0x23, "null pointer dereference")                                            \
	X(STACK, 0x24, "stack overflow")                                                           \
	X(TEXT_WRITE, 0x25, "write to read-only memory")                                           \
	X(EXEC, 0x26, "execution of data")                                                         \
	X(DOUBLE_FAULT, 0x27, "double fault")                                                      \
	X(EXCEPTION, 0x28, "exception")                                                            \
	X(PAGE_FAULT, 0x29, "page fault")                                                          \
	X(CANARY, 0x2a, "stack smashed")                                                           \
	X(NO_MEMORY, 0x2b, "out of memory while booting")                                          \
	X(STUCK, 0x2c, "a CPU was stuck")                                                          \
	X(SANITIZER, 0x2d, "bad access, found by the sanitizer")                                   \
	X(UNDEFINED, 0x2e, "undefined behaviour, found by the sanitizer")

enum exit_code {
#define X(name, value, text) EXIT_##name = value,
	EXIT_CODES(X)
#undef X
};
