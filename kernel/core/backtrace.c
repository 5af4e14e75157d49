/* SPDX-License-Identifier: MIT
 * backtrace.c - walks a stack by frame pointers, for reports of broken machines: every address is looked up in the page
 * tables before it is read.
 *
 * A walk passes the entry code, where rbp points at a trap frame's rbp slot, and goes on in what was interrupted.
 */
#include "core/backtrace.h"
#include "core/ksyms.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/paging.h"
#include "lib/string.h"

#define MAX_FRAMES 1000 /* of a back trace; equal ones in a row are printed once */
#define MAX_INTERRUPTED 8 /* one inside the other; more of them: a stack was begun anew, and the walk goes round in it */

void backtrace_place(u64 pc, bool is_return, say_fn say)
{
	char where[96];

	ksym_text(pc - is_return, where, sizeof(where));
	say("  %016llx  %s\n", (unsigned long long)pc, where);
}

struct walk {
	say_fn say;
	u64 last, repeated;
};

/* Recursion is counted, not repeated. */
static void step(struct walk *w, u64 pc, bool is_return)
{
	if (pc == w->last) {
		w->repeated++;
		return;
	}
	if (w->repeated)
		w->say("  ... %llu times more\n", (unsigned long long)w->repeated);
	w->last = pc;
	w->repeated = 0;
	backtrace_place(pc, is_return, w->say);
}

static bool frame_readable(u64 fp)
{
	return !(fp & 7) && paging_readable(fp) && paging_readable(fp + 8);
}

static bool in_entry_code(u64 pc)
{
	return pc >= (u64)entry_text_start && pc < (u64)entry_text_end;
}

/* Down to the root whose caller's rbp is 0. */
static void walk_frames(struct walk *w, u64 fp)
{
	unsigned n, interrupted = 0;

	for (n = 0; n < MAX_FRAMES && interrupted < MAX_INTERRUPTED; n++) {
		u64 *frame = (u64 *)fp, pc;

		if (!fp) {
			w->say("  (root)\n");
			return;
		}
		if (!frame_readable(fp)) {
			w->say("  (frame pointer %016llx leads nowhere)\n", (unsigned long long)fp);
			return;
		}
		fp = frame[0];
		pc = frame[1];
		if (in_entry_code(pc)) {
			/* fp is the address of a trap frame's rbp. */
			const struct trap_frame *f = container_of((u64 *)fp, struct trap_frame, rbp);

			w->say("  -- vector %llu interrupted\n", (unsigned long long)f->vector);
			step(w, f->rip, false);
			fp = f->rbp;
			interrupted++;
			continue;
		}
		step(w, pc, true);
	}
	w->say("  ...\n");
}

/* Has the function at pc made its frame yet? Compilers put what needs none before "push %rbp; mov %rsp, %rbp". */
static bool frame_is_made(u64 pc)
{
	static const u8 prologue[] = { 0x55, 0x48, 0x89, 0xe5 };
	u64 at = ksym_start(pc);

	for (; at && at + sizeof(prologue) <= pc; at++)
		if (!memcmp((const void *)at, prologue, sizeof(prologue)))
			return true;
	return false;
}

void backtrace_print(const struct trap_frame *f, say_fn say)
{
	struct walk w = { .say = say, .last = UINT64_MAX };

	if (!f) {
		walk_frames(&w, (u64)__builtin_frame_address(0));
		return;
	}
	step(&w, f->rip, false);
	/* Without one, as after a call to nowhere, the return address is still on top of the stack. */
	if (!frame_is_made(f->rip) && paging_readable(f->rsp) && ksym_is_text(*(u64 *)f->rsp))
		step(&w, *(u64 *)f->rsp, true);
	walk_frames(&w, f->rbp);
}

void backtrace_save(u32 *pcs, unsigned n)
{
	u64 fp = *(u64 *)__builtin_frame_address(0); /* the caller's */
	unsigned i = 0;

	while (i < n && fp) {
		u64 *frame = (u64 *)fp, pc = frame[1];

		if (in_entry_code(pc))
			break;
		pcs[i++] = (u32)pc;
		fp = frame[0];
	}
	while (i < n)
		pcs[i++] = 0;
}

unsigned backtrace_interrupted(u32 *pcs, unsigned n)
{
	u64 fp = (u64)__builtin_frame_address(0);
	bool inside = false; /* the interrupted code; before it are the interrupt's own frames */
	unsigned i = 0;

	for (unsigned steps = 0; i < n && fp && steps < MAX_FRAMES && frame_readable(fp); steps++) {
		u64 *frame = (u64 *)fp, pc = frame[1];

		fp = frame[0];
		if (in_entry_code(pc)) {
			const struct trap_frame *f = container_of((u64 *)fp, struct trap_frame, rbp);

			inside = true;
			pc = f->rip;
			fp = f->rbp;
		}
		if (inside && ksym_is_text(pc))
			pcs[i++] = (u32)pc;
	}
	return i;
}
