/* SPDX-License-Identifier: MIT
 * bpf.h - the classic BSD packet filter (McCanne and Jacobson, "The BSD Packet Filter", 1993): what tcpdump compiles to.
 *
 * A program is checked once before it runs: every opcode known, every jump forward and inside, every scratch word
 * inside and stored before it is loaded, no division by a constant zero, a return at the end. So it ends after at most its own length in steps. A load
 * behind the end of the frame ends it with "no".
 */
#pragma once

#include "net/core/skbuff.h"

#define BPF_MAX_INSNS 512 /* instructions of a filter; tcpdump's largest usual ones have under a hundred */
#define BPF_MEM_WORDS 16

struct bpf_insn {
	u16 code;
	u8 jt, jf;
	u32 k;
};

/* 0, or -EINVAL with *bad the index of the instruction that is wrong. */
int bpf_check(const struct bpf_insn *prog, unsigned n, unsigned *bad);
/* Runs a checked program over a frame that begins at skb->data: how many bytes to keep, 0: none. */
u32 bpf_run(const struct bpf_insn *prog, const struct sk_buff *skb);
/* Of a checked program: true when it takes no frame that has these bytes, whatever else is in it. false: it might take some. */
struct bpf_byte {
	u32 at;
	u8 value;
};
bool bpf_takes_none(const struct bpf_insn *prog, const struct bpf_byte *known, unsigned n);
/* Reads a program as `tcpdump -ddd` prints it: the number of instructions, then four numbers each; commas may stand for
 * line ends. The number of instructions, or -EINVAL (not of this form), -E2BIG. It is checked as well. */
int bpf_parse(const char *text, struct bpf_insn prog[BPF_MAX_INSNS]);
