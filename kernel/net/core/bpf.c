/* SPDX-License-Identifier: MIT
 * bpf.c - classic BPF: reads, checks and runs filters. No state of its own.
 */
#include "net/core/bpf.h"
#include "lib/byteorder.h"
#include "lib/errno.h"

enum { /* classes: the low three bits */
	BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_RET, BPF_MISC,
};
enum { BPF_W = 0x00, BPF_H = 0x08, BPF_B = 0x10 };                        /* sizes of loads */
enum { BPF_IMM = 0x00, BPF_ABS = 0x20, BPF_IND = 0x40, BPF_MEM = 0x60, BPF_LEN = 0x80, BPF_MSH = 0xa0 };
enum { BPF_ADD = 0x00, BPF_SUB = 0x10, BPF_MUL = 0x20, BPF_DIV = 0x30, BPF_OR = 0x40, BPF_AND = 0x50, BPF_LSH = 0x60,
       BPF_RSH = 0x70, BPF_NEG = 0x80, BPF_MOD = 0x90, BPF_XOR = 0xa0 };
enum { BPF_JA = 0x00, BPF_JEQ = 0x10, BPF_JGT = 0x20, BPF_JGE = 0x30, BPF_JSET = 0x40 };
enum { BPF_K = 0x00, BPF_X = 0x08, BPF_A = 0x10 };
enum { BPF_TAX = 0x00, BPF_TXA = 0x80 };

#define CLASS(code) ((code) & 0x07u)
#define OP(code)    ((code) & 0xf0u)
#define SIZE(code)  ((code) & 0x18u)
#define MODE(code)  ((code) & 0xe0u)

/* ---------------------------------------------------------------- check */

static bool load_is_known(const struct bpf_insn *i)
{
	bool x = CLASS(i->code) == BPF_LDX;

	switch (MODE(i->code)) {
	case BPF_IMM:
	case BPF_LEN:
		return SIZE(i->code) == BPF_W;
	case BPF_MEM:
		return SIZE(i->code) == BPF_W && i->k < BPF_MEM_WORDS;
	case BPF_MSH:
		return x && SIZE(i->code) == BPF_B;
	case BPF_ABS:
	case BPF_IND:
		return !x && SIZE(i->code) != (BPF_H | BPF_B);
	}
	return false;
}

static bool alu_is_known(const struct bpf_insn *i)
{
	u32 op = OP(i->code);

	if (op == BPF_NEG)
		return !(i->code & BPF_X);
	if ((op == BPF_DIV || op == BPF_MOD) && !(i->code & BPF_X))
		return i->k != 0;
	if ((op == BPF_LSH || op == BPF_RSH) && !(i->code & BPF_X))
		return i->k < 32;
	return op <= BPF_XOR;
}

/* `left`: instructions behind this one. */
static bool jump_is_inside(const struct bpf_insn *i, unsigned left)
{
	if (OP(i->code) == BPF_JA)
		return !(i->code & BPF_X) && i->k < left;
	return OP(i->code) <= BPF_JSET && i->jt < left && i->jf < left;
}

static bool insn_is_good(const struct bpf_insn *i, unsigned left)
{
	if (i->code > 0xff)
		return false;
	switch (CLASS(i->code)) {
	case BPF_LD:
	case BPF_LDX:
		return load_is_known(i);
	case BPF_ST:
	case BPF_STX:
		return i->code == CLASS(i->code) && i->k < BPF_MEM_WORDS;
	case BPF_ALU:
		return alu_is_known(i);
	case BPF_JMP:
		return jump_is_inside(i, left);
	case BPF_RET:
		return i->code == (BPF_RET | BPF_K) || i->code == (BPF_RET | BPF_A);
	default:
		return i->code == (BPF_MISC | BPF_TAX) || i->code == (BPF_MISC | BPF_TXA);
	}
}

int bpf_check(const struct bpf_insn *prog, unsigned n, unsigned *bad)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		*bad = i;
		if (n > BPF_MAX_INSNS || !insn_is_good(&prog[i], n - 1 - i))
			return -EINVAL;
	}
	return n && CLASS(prog[n - 1].code) == BPF_RET ? 0 : -EINVAL;
}

/* ---------------------------------------------------------------- run */

struct bpf_machine {
	const struct sk_buff *skb;
	u32 a, x, mem[BPF_MEM_WORDS];
};

/* false: behind the end of the frame. */
static bool load_packet(struct bpf_machine *m, u32 off, u32 size, u32 *out)
{
	u8 b[4] = { 0 };
	u32 n = size == BPF_W ? 4 : size == BPF_H ? 2 : 1;

	if (off > m->skb->len || n > m->skb->len - off || skb_copy_bits(m->skb, off, b, n))
		return false;
	*out = n == 4 ? (u32)b[0] << 24 | (u32)b[1] << 16 | (u32)b[2] << 8 | b[3] : n == 2 ? (u32)b[0] << 8 | b[1] : b[0];
	return true;
}

static bool run_load(struct bpf_machine *m, const struct bpf_insn *i)
{
	u32 *to = CLASS(i->code) == BPF_LDX ? &m->x : &m->a;

	switch (MODE(i->code)) {
	case BPF_IMM:
		*to = i->k;
		return true;
	case BPF_LEN:
		*to = m->skb->len;
		return true;
	case BPF_MEM:
		*to = m->mem[i->k];
		return true;
	case BPF_MSH: /* four times a nibble: the length of an IPv4 header */
		if (!load_packet(m, i->k, BPF_B, to))
			return false;
		*to = (*to & 0xf) * 4;
		return true;
	case BPF_IND:
		return i->k + m->x >= i->k && load_packet(m, i->k + m->x, SIZE(i->code), to);
	}
	return load_packet(m, i->k, SIZE(i->code), to);
}

/* false: division by zero. */
static bool run_alu(struct bpf_machine *m, const struct bpf_insn *i)
{
	u32 v = i->code & BPF_X ? m->x : i->k;

	switch (OP(i->code)) {
	case BPF_ADD: m->a += v; break;
	case BPF_SUB: m->a -= v; break;
	case BPF_MUL: m->a *= v; break;
	case BPF_OR: m->a |= v; break;
	case BPF_AND: m->a &= v; break;
	case BPF_XOR: m->a ^= v; break;
	case BPF_LSH: m->a = v < 32 ? m->a << v : 0; break;
	case BPF_RSH: m->a = v < 32 ? m->a >> v : 0; break;
	case BPF_NEG: m->a = -m->a; break;
	case BPF_DIV:
		if (!v)
			return false;
		m->a /= v;
		break;
	case BPF_MOD:
		if (!v)
			return false;
		m->a %= v;
		break;
	}
	return true;
}

/* How many instructions are passed over. */
static u32 run_jump(const struct bpf_machine *m, const struct bpf_insn *i)
{
	u32 v = i->code & BPF_X ? m->x : i->k;

	switch (OP(i->code)) {
	case BPF_JEQ: return m->a == v ? i->jt : i->jf;
	case BPF_JGT: return m->a > v ? i->jt : i->jf;
	case BPF_JGE: return m->a >= v ? i->jt : i->jf;
	case BPF_JSET: return m->a & v ? i->jt : i->jf;
	}
	return i->k;
}

u32 bpf_run(const struct bpf_insn *prog, const struct sk_buff *skb)
{
	struct bpf_machine m = { .skb = skb };
	const struct bpf_insn *i;

	for (i = prog;; i++) {
		switch (CLASS(i->code)) {
		case BPF_LD:
		case BPF_LDX:
			if (!run_load(&m, i))
				return 0;
			break;
		case BPF_ST:
			m.mem[i->k] = m.a;
			break;
		case BPF_STX:
			m.mem[i->k] = m.x;
			break;
		case BPF_ALU:
			if (!run_alu(&m, i))
				return 0;
			break;
		case BPF_JMP:
			i += run_jump(&m, i);
			break;
		case BPF_RET:
			return i->code & BPF_A ? m.a : i->k;
		default:
			if (i->code & BPF_TXA)
				m.a = m.x;
			else
				m.x = m.a;
		}
	}
}

/* ---------------------------------------------------------------- text */

/* A decimal number and the separators behind it; false: there is none, or it is larger than `max`. */
static bool take(const char **p, u64 max, u64 *out)
{
	const char *start = *p;

	for (*out = 0; **p >= '0' && **p <= '9' && *out <= max; (*p)++)
		*out = *out * 10 + (u64)(**p - '0');
	if (*p == start || *out > max)
		return false;
	while (**p == ' ' || **p == ',' || **p == '\n' || **p == '\r' || **p == '\t')
		(*p)++;
	return true;
}

int bpf_parse(const char *text, struct bpf_insn prog[BPF_MAX_INSNS])
{
	u64 n, code, jt, jf, k, i;
	unsigned bad;

	if (!take(&text, UINT32_MAX, &n))
		return -EINVAL;
	if (n > BPF_MAX_INSNS)
		return -E2BIG;
	for (i = 0; i < n; i++) {
		if (!take(&text, 0xffff, &code) || !take(&text, 0xff, &jt) || !take(&text, 0xff, &jf) ||
		    !take(&text, UINT32_MAX, &k))
			return -EINVAL;
		prog[i] = (struct bpf_insn){ (u16)code, (u8)jt, (u8)jf, (u32)k };
	}
	return *text || bpf_check(prog, (unsigned)n, &bad) ? -EINVAL : (int)n;
}
