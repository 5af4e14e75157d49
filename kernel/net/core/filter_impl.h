/* SPDX-License-Identifier: MIT
 * filter_impl.h - what reads a filter's text (filter.c, filter_words.c) and what makes instructions of it (filter_gen.c) share:
 * a tree of tests on the frame.
 */
#pragma once

#include "lib/ip_addr.h"
#include "net/core/filter.h"

#define FILTER_NODES 512 /* of one expression; "host A" takes twelve */
#define FILTER_DEPTH 16  /* of parentheses, within a fiber's stack */

enum bpf_code { /* classes, sizes, modes and operators that are made here */
	LD_W_ABS = 0x20, LD_H_ABS = 0x28, LD_B_ABS = 0x30, LD_W_IND = 0x40, LD_LEN = 0x80, LD_IMM = 0x00, LD_MEM = 0x60,
	LDX_MSH = 0xb1, ST_A = 0x02, ALU_ADD_X = 0x0c, ALU_AND_K = 0x54, ALU_NEG = 0x84, JMP_JA = 0x05,
	JMP_JEQ = 0x15, JMP_JGT = 0x25, JMP_JGE = 0x35, JMP_JSET = 0x45, RET_K = 0x06, MISC_TAX = 0x07, BPF_SRC_X = 0x08,
};

enum filter_kind {
	/* conditions */
	F_AND, F_OR, F_NOT, F_TRUE, F_FALSE,
	F_TEST, /* load, mask, compare with k */
	F_REL,  /* two values compared */
	/* values */
	F_NUM, F_LEN, F_LOAD, F_OP, F_NEG,
};

struct filter_node {
	u8 kind, size;      /* size: bytes of a load */
	u8 jump;            /* of F_TEST, F_REL: JMP_JEQ, JMP_JGT, JMP_JGE */
	bool negate;        /* the jump's answer is turned round */
	bool behind_ip;     /* the load's offset counts from the end of the IPv4 header */
	u16 op;             /* of F_OP: an ALU instruction with a constant */
	u32 off, mask, k;
	struct filter_node *a, *b;
	struct filter_node *needs; /* of a value: what must hold before it is loaded */
};

struct filter {
	/* text */
	const char *text, *at;    /* the word being looked at begins at `at`, behind blanks */
	unsigned brackets, depth;
	struct filter_error *e;
	bool failed;
	/* tree */
	u32 link_len;             /* bytes of the link header: 14, or 0 for raw IP */
	unsigned nr;
	struct filter_node nodes[FILTER_NODES];
};

enum filter_type { Q_NO_TYPE, Q_HOST, Q_NET, Q_PORT, Q_PORTRANGE, Q_PROTO };
enum filter_dir { Q_NO_DIR, Q_SRC, Q_DST, Q_SRC_OR_DST, Q_SRC_AND_DST };
enum filter_proto { Q_NO_PROTO, Q_LINK, Q_IP, Q_IP6, Q_ARP, Q_RARP, Q_TCP, Q_UDP, Q_SCTP, Q_ICMP, Q_ICMP6, Q_IGMP };

struct filter_quals {
	enum filter_type type;
	enum filter_dir dir;
	enum filter_proto proto;
	bool given; /* there are some: a value may follow */
};

/* ---- filter_tree.c: conditions by their meaning. NULL after filter_fail(). ---- */
struct filter_node *filter_new(struct filter *f, enum filter_kind kind);
struct filter_node *filter_and(struct filter *f, struct filter_node *a, struct filter_node *b);
struct filter_node *filter_or(struct filter *f, struct filter_node *a, struct filter_node *b);
struct filter_node *filter_not(struct filter *f, struct filter_node *a);
struct filter_node *filter_proto_alone(struct filter *f, enum filter_proto p);
struct filter_node *filter_proto_number(struct filter *f, enum filter_proto p, u32 number);
struct filter_node *filter_address(struct filter *f, const struct filter_quals *q, u32 addr, u32 mask);
struct filter_node *filter_address6(struct filter *f, const struct filter_quals *q, const struct ip_addr *a, unsigned plen);
struct filter_node *filter_mac(struct filter *f, const struct filter_quals *q, const u8 mac[6]);
struct filter_node *filter_ports(struct filter *f, const struct filter_quals *q, u32 lo, u32 hi);
struct filter_node *filter_cast(struct filter *f, enum filter_proto p, bool multicast);
struct filter_node *filter_length(struct filter *f, bool greater, u32 n);
struct filter_node *filter_load(struct filter *f, enum filter_proto p, struct filter_node *index, u32 size);

/* ---- filter.c ---- */
/* Notes the first mistake, at `at`; returns NULL. */
void *filter_fail(struct filter *f, const char *at, const char *why);
/* ---- filter_value.c: numbers, what is in brackets, comparisons ---- */
const char *filter_skip(struct filter *f);
bool filter_take(struct filter *f, const char *symbol);
unsigned filter_word(struct filter *f, char *word, size_t size);
void filter_eat(struct filter *f, const char *word);
bool filter_number(const char *word, u32 *out);
struct filter_node *filter_relation(struct filter *f);
/* ---- filter_gen.c ---- */
int filter_generate(struct filter *f, struct filter_node *root, u32 snaplen, struct bpf_insn prog[BPF_MAX_INSNS]);
