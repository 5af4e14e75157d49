/* SPDX-License-Identifier: MIT
 * test_bpf.c - classic BPF: what the checker lets through, what programs of tcpdump answer, hostile programs.
 */
#include "host/harness.h"
#include "host/netlab.h"
#include "net/core/bpf.h"
#include "lib/errno.h"
#include "lib/string.h"

struct bench {
	struct lab *lab;
	struct lab_host *host;
	struct sk_buff *skb;
};

static struct bench bench_with(const u8 *frame, unsigned len)
{
	struct bench b;

	b.lab = lab_create(1);
	b.host = lab_host(b.lab, "a");
	b.skb = alloc_skb(b.host->cpu, 0);
	memcpy(skb_put(b.skb, len), frame, len);
	return b;
}

static void bench_end(struct bench *b)
{
	consume_skb(b->host->cpu, b->skb);
	lab_destroy(b->lab);
}

static const u8 syn_to_80[54] = {
	[12] = 8, [14] = 0x45, [23] = 6, [34] = 0x30, [35] = 0x39, [36] = 0, [37] = 80,
};

TEST(a_tcpdump_program_takes_what_it_says_and_nothing_else)
{
	struct bench b = bench_with(syn_to_80, sizeof(syn_to_80));
	struct bpf_insn prog[BPF_MAX_INSNS];

	/* tcpdump -ddd "tcp dst port 80", its IPv4 half */
	CHECK_EQ(bpf_parse("11,40 0 0 12,21 0 8 2048,48 0 0 23,21 0 6 6,40 0 0 20,69 4 0 8191,177 0 0 14,72 0 0 16,21 0 1 80,"
			   "6 0 0 262144,6 0 0 0", prog), 11);
	CHECK_EQ(bpf_run(prog, b.skb), 262144);
	b.skb->data[37] = 81;
	CHECK_EQ(bpf_run(prog, b.skb), 0);
	b.skb->data[37] = 80;
	b.skb->data[21] = 1; /* a later fragment has no ports */
	CHECK_EQ(bpf_run(prog, b.skb), 0);
	bench_end(&b);
}

TEST(a_load_behind_the_end_says_no)
{
	struct bench b = bench_with(syn_to_80, 14);
	struct bpf_insn prog[BPF_MAX_INSNS];

	REQUIRE(bpf_parse("2,40 0 0 12,6 0 0 1", prog) == 2);
	CHECK_EQ(bpf_run(prog, b.skb), 1);
	REQUIRE(bpf_parse("2,40 0 0 13,6 0 0 1", prog) == 2);
	CHECK_EQ(bpf_run(prog, b.skb), 0);
	REQUIRE(bpf_parse("2,32 0 0 4294967295,6 0 0 1", prog) == 2);
	CHECK_EQ(bpf_run(prog, b.skb), 0);
	REQUIRE(bpf_parse("3,1 0 0 4294967295,80 0 0 4294967295,6 0 0 1", prog) == 3); /* x + k wraps */
	CHECK_EQ(bpf_run(prog, b.skb), 0);
	bench_end(&b);
}

/* Each: a program, and what it leaves in A. */
TEST(arithmetic_is_of_32_bits)
{
	static const struct {
		const char *text;
		u32 a;
	} rows[] = {
		{ "3,0 0 0 7,4 0 0 4294967295,22 0 0 0", 6 },     { "3,0 0 0 1,20 0 0 2,22 0 0 0", UINT32_MAX },
		{ "3,0 0 0 65536,36 0 0 65536,22 0 0 0", 0 },      { "3,0 0 0 7,52 0 0 2,22 0 0 0", 3 },
		{ "3,0 0 0 7,148 0 0 4,22 0 0 0", 3 },             { "3,0 0 0 1,100 0 0 31,22 0 0 0", 0x80000000u },
		{ "4,1 0 0 32,0 0 0 1,108 0 0 0,22 0 0 0", 0 },    { "4,1 0 0 0,0 0 0 1,60 0 0 0,22 0 0 0", 0 },
		{ "3,0 0 0 1,132 0 0 0,22 0 0 0", UINT32_MAX },    { "4,0 0 0 9,2 0 0 15,96 0 0 15,22 0 0 0", 9 },
		{ "4,0 0 0 5,7 0 0 0,135 0 0 0,22 0 0 0", 5 },     { "2,128 0 0 0,22 0 0 0", 54 },
		{ "5,21 1 0 0,2 0 0 3,2 0 0 3,96 0 0 3,22 0 0 0", 0 },
		{ "3,177 0 0 14,135 0 0 0,22 0 0 0", 20 },         { "3,0 0 0 6,164 0 0 3,22 0 0 0", 5 },
	};
	struct bench b = bench_with(syn_to_80, sizeof(syn_to_80));
	struct bpf_insn prog[BPF_MAX_INSNS];

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!CHECK(bpf_parse(rows[i].text, prog) > 0) || !CHECK_EQ(bpf_run(prog, b.skb), rows[i].a))
			test_note("row %u: %s", i, rows[i].text);
	}
	bench_end(&b);
}

TEST(what_could_run_away_or_out_is_refused)
{
	static const char *const bad[] = {
		"", "0", "1", "x", "1,6 0 0", "1,6 0 0 0 0", "1,6 0 0 4294967296", "1,6 256 0 0", "1,65536 0 0 0",
		"1,0 0 0 1",                  /* does not end in a return */
		"2,5 0 0 1,6 0 0 0",          /* jumps out */
		"2,5 0 0 4294967295,6 0 0 0", /* jumps back */
		"2,21 1 0 0,6 0 0 0", "2,21 0 1 0,6 0 0 0",
		"2,52 0 0 0,6 0 0 0", "2,148 0 0 0,6 0 0 0", /* divides by zero */
		"2,2 0 0 16,6 0 0 0", "2,96 0 0 16,6 0 0 0", /* scratch words outside */
		"2,96 0 0 3,22 0 0 0", "4,21 1 0 0,2 0 0 3,96 0 0 3,22 0 0 0", /* loaded, and not stored on every way there */
		"2,100 0 0 32,6 0 0 0",       /* shifts too far */
		"1,14 0 0 0", "2,255 0 0 0,6 0 0 0", "2,56 0 0 0,6 0 0 0", "2,180 0 0 0,6 0 0 0",
	};
	struct bpf_insn prog[BPF_MAX_INSNS];

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (!CHECK_EQ(bpf_parse(bad[i], prog), -EINVAL))
			test_note("program %u: %s", i, bad[i]);
	CHECK_EQ(bpf_parse("513,6 0 0 0", prog), -E2BIG);
}

TEST(any_program_that_passes_the_check_ends)
{
	static const u8 codes[] = { 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0c, 0x15, 0x1d, 0x20, 0x25, 0x28, 0x30, 0x35, 0x3c, 0x40,
				    0x45, 0x48, 0x50, 0x60, 0x61, 0x6c, 0x7c, 0x80, 0x84, 0x87, 0x9c, 0xb1, 0x06, 0x16 };
	struct bench b = bench_with(syn_to_80, sizeof(syn_to_80));
	struct test_rng r = { 7 };
	unsigned passed = 0, bad;

	for (unsigned round = 0; round < 20000; round++) {
		struct bpf_insn prog[12];

		for (unsigned i = 0; i < 11; i++)
			prog[i] = (struct bpf_insn){ codes[rng_below(&r, sizeof(codes))], (u8)rng_below(&r, 4),
						     (u8)rng_below(&r, 4),
						     rng_below(&r, 8) ? rng_below(&r, 16) : (u32)rng_next(&r) };
		prog[11] = (struct bpf_insn){ 6, 0, 0, 1 };
		if (bpf_check(prog, 12, &bad))
			continue;
		passed++;
		bpf_run(prog, b.skb);
	}
	CHECK(passed > 100);
	bench_end(&b);
}
