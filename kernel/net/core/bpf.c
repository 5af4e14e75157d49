/* SPDX-License-Identifier: MIT
 * bpf.c - classic BPF: reads, checks and runs filters. No state of its own.
 */
#include "net/core/bpf.h"
#include "lib/byteorder.h"
#include "lib/errno.h"
#include "lib/string.h"

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

/* On every way to a load from scratch memory the word was stored: it is not cleared for a run. Jumps go forward only, so
 * one pass knows all ways. */
static bool loads_follow_stores(const struct bpf_insn *prog, unsigned n)
{
	u16 stored[BPF_MAX_INSNS], now = 0; /* a bit per word */

	memset(stored, 0xff, sizeof(stored));
	for (unsigned i = 0; i < n; i++) {
		const struct bpf_insn *in = &prog[i];

		now &= stored[i];
		if (CLASS(in->code) == BPF_ST || CLASS(in->code) == BPF_STX)
			now |= (u16)(1u << in->k);
		else if (CLASS(in->code) <= BPF_LDX && MODE(in->code) == BPF_MEM && !(now >> in->k & 1))
			return false;
		if (CLASS(in->code) == BPF_JMP) {
			bool always = OP(in->code) == BPF_JA;

			stored[i + 1 + (always ? in->k : in->jt)] &= now;
			stored[i + 1 + (always ? in->k : in->jf)] &= now;
		}
		if (CLASS(in->code) == BPF_JMP || CLASS(in->code) == BPF_RET)
			now = 0xffff; /* what follows is reached by jumps alone */
	}
	return true;
}

int bpf_check(const struct bpf_insn *prog, unsigned n, unsigned *bad)
{
	unsigned i;

	for (i = 0; i < n; i++) {
		*bad = i;
		if (n > BPF_MAX_INSNS || !insn_is_good(&prog[i], n - 1 - i))
			return -EINVAL;
	}
	return n && CLASS(prog[n - 1].code) == BPF_RET && loads_follow_stores(prog, n) ? 0 : -EINVAL;
}

/* ---------------------------------------------------------------- run */

/* `n` bytes at off that are not all linear. */
static __noinline bool load_frags(const struct sk_buff *skb, u32 off, u32 n, u32 *out)
{
	u8 b[4];

	if (off > skb->len || n > skb->len - off || skb_copy_bits(skb, off, b, n))
		return false;
	*out = 0;
	for (u32 i = 0; i < n; i++)
		*out = *out << 8 | b[i];
	return true;
}

/* Of a frame with `linear` bytes at data. false: behind its end. */
static __force_inline bool load_packet(const struct sk_buff *skb, u32 linear, u64 off, u32 n, u32 *out)
{
	const u8 *p = skb->data + off;
	be32 w;
	be16 h;

	if (unlikely(off + n > linear))
		return off <= UINT32_MAX && load_frags(skb, (u32)off, n, out);
	if (n == 4) {
		memcpy(&w, p, 4);
		*out = be32_get(w);
	} else if (n == 2) {
		memcpy(&h, p, 2);
		*out = be16_get(h);
	} else {
		*out = *p;
	}
	return true;
}

/* false: division by zero. */
static __noinline bool divide(u32 *a, u32 by, bool modulo)
{
	if (!by)
		return false;
	*a = modulo ? *a % by : *a / by;
	return true;
}

#define LOAD(bytes, at)                                                                            \
	if (!load_packet(skb, linear, at, bytes, &v))                                              \
		return 0;                                                                          \
	a = v;                                                                                     \
	goto compare
#define ALU(op, expr)                                                                              \
	case BPF_ALU | (op) | BPF_K: v = i->k; a = (expr); break;                                \
	case BPF_ALU | (op) | BPF_X: v = x; a = (expr); break
#define JUMP(op, cond)                                                                             \
	case BPF_JMP | (op) | BPF_K: v = i->k; i += (cond) ? i->jt : i->jf; break;                 \
	case BPF_JMP | (op) | BPF_X: v = x; i += (cond) ? i->jt : i->jf; break

/* One dispatch for each instruction: bpf_check() let only these pass, so nothing else is asked here. */
u32 bpf_run(const struct bpf_insn *prog, const struct sk_buff *skb)
{
	u32 mem[BPF_MEM_WORDS]; /* not cleared: bpf_check() saw that no word is loaded before it is stored */
	u32 linear = skb_headlen(skb), a = 0, x = 0, v;

	for (const struct bpf_insn *i = prog;; i++) {
		switch (i->code) {
		case BPF_LD | BPF_ABS | BPF_W: LOAD(4, i->k);
		case BPF_LD | BPF_ABS | BPF_H: LOAD(2, i->k);
		case BPF_LD | BPF_ABS | BPF_B: LOAD(1, i->k);
		case BPF_LD | BPF_IND | BPF_W: LOAD(4, (u64)i->k + x);
		case BPF_LD | BPF_IND | BPF_H: LOAD(2, (u64)i->k + x);
		case BPF_LD | BPF_IND | BPF_B: LOAD(1, (u64)i->k + x);
		case BPF_LD | BPF_IMM: a = i->k; break;
		case BPF_LD | BPF_LEN: a = skb->len; break;
		case BPF_LD | BPF_MEM: a = mem[i->k]; break;
		case BPF_LDX | BPF_IMM: x = i->k; break;
		case BPF_LDX | BPF_LEN: x = skb->len; break;
		case BPF_LDX | BPF_MEM: x = mem[i->k]; break;
		case BPF_LDX | BPF_MSH | BPF_B: /* four times a nibble: the length of an IPv4 header */
			if (!load_packet(skb, linear, i->k, 1, &v))
				return 0;
			x = (v & 0xf) * 4;
			break;
		case BPF_ST: mem[i->k] = a; break;
		case BPF_STX: mem[i->k] = x; break;
		ALU(BPF_ADD, a + v);
		ALU(BPF_SUB, a - v);
		ALU(BPF_MUL, a * v);
		ALU(BPF_OR, a | v);
		ALU(BPF_AND, a & v);
		ALU(BPF_XOR, a ^ v);
		ALU(BPF_LSH, v < 32 ? a << v : 0);
		ALU(BPF_RSH, v < 32 ? a >> v : 0);
		case BPF_ALU | BPF_NEG: a = -a; break;
		case BPF_ALU | BPF_DIV: case BPF_ALU | BPF_DIV | BPF_X: case BPF_ALU | BPF_MOD: case BPF_ALU | BPF_MOD | BPF_X:
			v = a;
			if (!divide(&v, i->code & BPF_X ? x : i->k, OP(i->code) == BPF_MOD))
				return 0;
			a = v;
			break;
		case BPF_JMP | BPF_JA: i += i->k; break;
		JUMP(BPF_JEQ, a == v);
		JUMP(BPF_JGT, a > v);
		JUMP(BPF_JGE, a >= v);
		JUMP(BPF_JSET, a & v);
		case BPF_RET | BPF_K: return i->k;
		case BPF_RET | BPF_A: return a;
		case BPF_MISC | BPF_TAX: x = a; break;
		case BPF_MISC | BPF_TXA: a = x; break;
		default: __builtin_unreachable();
		}
		continue;
compare: /* what was loaded is mostly compared with numbers: no dispatch for these */
		while (i[1].code == (BPF_JMP | BPF_JEQ | BPF_K)) {
			i++;
			i += a == i->k ? i->jt : i->jf;
		}
	}
}

/* ---------------------------------------------------------------- what it can never take */

struct bpf_way { /* what is known where an instruction begins */
	bool reached, known;
	u32 a; /* if known */
};

/* Two ways meet. */
static void join(struct bpf_way *to, const struct bpf_way *from)
{
	if (!to->reached)
		*to = *from;
	else if (!from->known || from->a != to->a)
		to->known = false;
}

/* The load's value, when all its bytes are known. */
static struct bpf_way known_load(const struct bpf_insn *i, const struct bpf_byte *bytes, unsigned n)
{
	u32 size = SIZE(i->code) == BPF_W ? 4 : SIZE(i->code) == BPF_H ? 2 : 1, found = 0;
	struct bpf_way w = { .reached = true };

	for (u32 k = 0; k < size; k++)
		for (unsigned b = 0; b < n; b++)
			if (bytes[b].at == i->k + k) {
				w.a = w.a << 8 | bytes[b].value;
				found++;
				break;
			}
	w.known = found == size;
	return w;
}

/* Jumps go forward only, so one pass sees all ways. */
bool bpf_takes_none(const struct bpf_insn *prog, const struct bpf_byte *known, unsigned n)
{
	struct bpf_way *ways = kzalloc((BPF_MAX_INSNS + 1) * sizeof(*ways));
	bool none = ways != NULL;
	unsigned last = 0; /* instruction that is reached */

	for (unsigned at = 0; none && at <= last; at++) {
		const struct bpf_insn *i = &prog[at];
		struct bpf_way w = at ? ways[at] : (struct bpf_way){ .reached = true };
		bool compared = i->code == (BPF_JMP | BPF_JEQ | BPF_K) && w.known;

		if (!w.reached)
			continue;
		if (CLASS(i->code) == BPF_RET) {
			none = i->code == (BPF_RET | BPF_K) && !i->k;
			continue;
		}
		if (CLASS(i->code) == BPF_LD && MODE(i->code) == BPF_ABS)
			w = known_load(i, known, n);
		else if (CLASS(i->code) == BPF_LD || CLASS(i->code) == BPF_ALU || i->code == (BPF_MISC | BPF_TXA))
			w.known = false;
		if (CLASS(i->code) != BPF_JMP) {
			join(&ways[at + 1], &w);
			last = MAX(last, at + 1);
			continue;
		}
		for (unsigned side = 0; side < 2; side++) {
			bool yes = !side;
			unsigned to = at + 1 + (OP(i->code) == BPF_JA ? i->k : yes ? i->jt : i->jf);

			if (compared && (w.a == i->k) != yes)
				continue;
			join(&ways[to], &w);
			last = MAX(last, to);
		}
	}
	kfree(ways);
	return none;
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
