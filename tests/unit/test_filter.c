/* SPDX-License-Identifier: MIT
 * test_filter.c - the filter language against tcpdump: the same frames are taken, the same texts refused.
 *
 * A pcap of generated frames (whole, cut, fragmented, both families) is read by tcpdump with each expression; what it keeps
 * is compared frame by frame with what the program compiled here keeps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "host/harness.h"
#include "host/netlab.h"
#include "lib/string.h"
#include "net/core/filter.h"
#include "net/core/tap.h"

#define FRAMES 600
#define FRAME_MAX 128

struct frame {
	unsigned len;
	u8 b[FRAME_MAX];
};

static struct frame frames[FRAMES];

static u8 pick(struct test_rng *r, const u8 *of, u32 n) { return of[rng_below(r, n)]; }

static void put16(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static u32 some_port(struct test_rng *r)
{
	static const u16 ports[] = { 80, 443, 53, 7, 1024, 40000 };

	return ports[rng_below(r, ARRAY_SIZE(ports))];
}

static void fill_v4(struct frame *f, struct test_rng *r)
{
	static const u8 protos[] = { 6, 6, 17, 1, 2, 132, 47 }, hosts[] = { 1, 2, 3, 255 }, nets[] = { 0, 1 };
	u8 *ip = f->b + 14, *l4, ihl = (u8)(5 + rng_below(r, 4) % 3);

	put16(f->b + 12, 0x800);
	ip[0] = 0x40 | ihl;
	put16(ip + 2, f->len - 14);
	put16(ip + 6, rng_below(r, 4) ? 0x4000 : rng_below(r, 200));
	ip[8] = 64;
	ip[9] = pick(r, protos, sizeof(protos));
	memcpy(ip + 12, (u8[]){ 10, pick(r, nets, 2), 0, pick(r, hosts, 4), rng_below(r, 8) ? 10 : 224, pick(r, nets, 2), 0,
				pick(r, hosts, 4) }, 8);
	l4 = ip + ihl * 4;
	put16(l4, ip[9] == 1 ? rng_below(r, 12) << 8 : some_port(r));
	put16(l4 + 2, some_port(r));
	l4[13] = (u8)rng_below(r, 256);
}

static void fill_v6(struct frame *f, struct test_rng *r)
{
	static const u8 protos[] = { 6, 17, 58, 44, 132, 0 };
	u8 *ip = f->b + 14;

	put16(f->b + 12, 0x86dd);
	ip[0] = 0x60;
	ip[6] = pick(r, protos, sizeof(protos));
	ip[8] = 0xfe, ip[9] = 0x80, ip[23] = (u8)(1 + rng_below(r, 3));
	ip[24] = rng_below(r, 3) ? 0xfe : 0xff, ip[25] = 0x80, ip[39] = (u8)(1 + rng_below(r, 3));
	ip[40] = rng_below(r, 3) ? (u8)(6 + 11 * rng_below(r, 2)) : (u8)(128 + rng_below(r, 8));
	if (ip[6] == 6 || ip[6] == 17) {
		put16(ip + 40, some_port(r));
		put16(ip + 42, some_port(r));
	}
}

static void fill_arp(struct frame *f, struct test_rng *r)
{
	put16(f->b + 12, rng_below(r, 5) ? 0x806 : 0x8035);
	memcpy(f->b + 28, (u8[]){ 10, 0, 0, (u8)(1 + rng_below(r, 3)) }, 4);
	memcpy(f->b + 38, (u8[]){ 10, 0, 0, (u8)(1 + rng_below(r, 3)) }, 4);
}

static void make_frames(void)
{
	static void (*const fill[])(struct frame *f, struct test_rng *r) = { fill_v4, fill_v4, fill_v4, fill_v6, fill_v6, fill_arp };
	struct test_rng r = { 20261121 };

	for (unsigned i = 0; i < FRAMES; i++) {
		struct frame *f = &frames[i];

		for (unsigned k = 0; k < FRAME_MAX; k++)
			f->b[k] = (u8)rng_next(&r);
		memcpy(f->b, rng_below(&r, 5) ? (u8[]){ 0x52, 0x54, 0, 0, 0, (u8)rng_below(&r, 3) } :
						(u8[]){ 255, 255, 255, 255, 255, 255 }, 6);
		memcpy(f->b + 6, (u8[]){ 0x52, 0x54, 0, 0, 0, (u8)rng_below(&r, 3) }, 6);
		f->len = 60 + rng_below(&r, FRAME_MAX - 60);
		fill[rng_below(&r, ARRAY_SIZE(fill))](f, &r);
		if (!rng_below(&r, 4))
			f->len = 1 + rng_below(&r, f->len); /* cut short */
	}
}

static const char pcap_name[] = "/tmp/test_filter.%d.pcap";

static void write_pcap(const char *path)
{
	const u32 head[] = { 0xa1b2c3d4, 2 | 4 << 16, 0, 0, 65535, 1 };
	FILE *f = fopen(path, "wb");

	REQUIRE(f);
	fwrite(head, sizeof(head), 1, f);
	for (unsigned i = 0; i < FRAMES; i++) {
		const u32 rec[] = { i, 0, frames[i].len, frames[i].len };

		fwrite(rec, sizeof(rec), 1, f);
		fwrite(frames[i].b, frames[i].len, 1, f);
	}
	fclose(f);
}

/* Which frames tcpdump keeps, by their times; false: it refuses the expression. */
static bool tcpdump_keeps(const char *path, const char *expr, bool keeps[FRAMES])
{
	char cmd[512];
	u32 rec[6];
	u8 skip[FRAME_MAX];
	FILE *p;

	snprintf(cmd, sizeof(cmd), "tcpdump -nr %s -w - -- '%s' 2>/dev/null", path, expr);
	p = popen(cmd, "r");
	REQUIRE(p);
	memset(keeps, 0, FRAMES);
	if (fread(rec, sizeof(rec), 1, p) == 1)
		while (fread(rec, 16, 1, p) == 1 && fread(skip, rec[2], 1, p) == 1)
			keeps[rec[0]] = true;
	return pclose(p) == 0;
}

static bool same_frames(const char *expr, const struct bpf_insn *prog, const bool keeps[FRAMES])
{
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "a");
	unsigned differ = 0, taken = 0;

	for (unsigned i = 0; i < FRAMES; i++) {
		struct sk_buff *skb = alloc_skb(h->cpu, 0);
		bool ours;

		memcpy(skb_put(skb, frames[i].len), frames[i].b, frames[i].len);
		ours = bpf_run(prog, skb) != 0;
		taken += ours;
		if (ours != keeps[i] && !differ++)
			test_note("%s: frame %u of %u bytes is %s here", expr, i, frames[i].len, ours ? "taken" : "refused");
		consume_skb(h->cpu, skb);
	}
	lab_destroy(lab);
	if (differ)
		test_note("%s: %u frames differ, %u taken", expr, differ, taken);
	return !differ;
}

static const char *const corpus[] = {
	"", "ip", "ip6", "arp", "rarp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "host 10.0.0.1", "src host 10.0.0.2",
	"dst 10.0.0.3", "src 10.0.0.1", "src or dst 10.0.0.1", "src and dst host 10.0.0.1", "ip host 10.0.0.1", "arp host 10.0.0.2",
	"net 10.0.0.0/8", "src net 10.1", "net 10", "dst net 10.0.0.0/16", "net 10.0.0.0 mask 255.255.0.0", "net 224.0.0.0/4",
	"host 10.0", "src 10", "src net 10", "ip net 10.1.0.0/16",
	"host fe80::1", "ip6 host fe80::2", "src host fe80::3", "net fe80::/10", "dst net ff80::/16", "dst net ::/0",
	"port 80", "tcp port 80", "udp port 53", "src port 7", "dst port 443", "port http", "sctp port 7", "port 0x50",
	"src and dst port 80", "portrange 1-100", "tcp portrange 80-443", "portrange 100-1", "dst portrange 40000", "portrange 50-60",
	"tcp port 80 or 443", "tcp port (80 or 443)", "host 10.0.0.1 and not 10.0.0.2", "not port 80", "not tcp", "! udp",
	"tcp and port 80", "tcp or udp and port 53", "tcp or (udp and port 53)", "not (tcp or udp)", "ip && tcp || arp",
	"host 10.0.0.1 or 10.0.0.2 and port 80", "src host 10.0.0.1 or dst port 80 or 443", "not not tcp", "(tcp)",
	"tcp[tcpflags] & tcp-syn != 0", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[tcpflags] == tcp-syn",
	"tcp[13] = 2", "tcp[tcpflags] & (tcp-rst|tcp-ack) == tcp-ack", "(tcp[tcpflags] & tcp-push) != 0 and port 80",
	"tcp[0:2] = 80", "udp[2:2] > 1023", "ip[0] & 0xf > 5", "ip[8] < 65", "ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
	"icmp[icmptype] = icmp-echo", "icmp[0] != icmp-echo and icmp[0] != icmp-echoreply", "icmp6[icmp6type] = 135", "ip6[6] = 58",
	"ether[0] & 1 = 0 and ip[16] >= 224", "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420", "ip[ip[0] & 3] > 4", "arp[6:2] = 1",
	"ip[9] = 6 or ip6[6] = 6", "ip[2:2] % 2 = 0", "ip[2:2] * 2 / 3 > 50", "-ip[8] = 0xffffffc0", "ip[12:4] = ip[16:4]",
	"5 - 1 = 4", "len > 80", "len & 1 = 0", "less 64", "greater 100", "less 60 or greater 120",
	"ip proto 6", "ip proto 6 or 17", "ip proto \\tcp", "ip6 proto 58", "proto 17", "proto \\udp", "ether proto 0x806",
	"ether proto \\ip", "ether host 52:54:00:00:00:01", "ether src 52:54:0:0:0:2", "ether dst ff:ff:ff:ff:ff:ff",
	"ether broadcast", "broadcast", "multicast", "ether multicast", "ip multicast", "ip6 multicast",
	/* refused */
	"1.2.3.4", "tcp 80", "ip host ::1", "port 70000", "ip proto tcp", "net 10.0.0.1/8", "tcp[1:3] = 1", "ip[0] / 0 = 1",
	"host foo.invalid", "udp host 10.0.0.1", "icmp port 4", "tcp net 10", "ether src 10.0.0.1", "host 1:2:3:4:5:6", "tcp port",
	"and tcp", "tcp and", "(tcp", "tcp)", "port tcp", "src tcp port 80", "tcp or or udp", "5-1=4", "net ::1/64", "tcp[0", "ip[1]",
	"nonsense", "host", "tcp[0] =", "host 10.0.0.256", "net 10.0.0.0/33", "ip6 host 10.0.0.1", "not", "( )", "ether", "less tcp",
};

TEST(frames_are_taken_and_texts_refused_as_tcpdump_does)
{
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct filter_error e;
	bool keeps[FRAMES];
	unsigned refused = 0;
	char path[64];

	if (system("tcpdump --version >/dev/null 2>&1"))
		test_skip("tcpdump is not installed");
	snprintf(path, sizeof(path), pcap_name, (int)getpid());
	make_frames();
	write_pcap(path);
	for (unsigned i = 0; i < ARRAY_SIZE(corpus); i++) {
		bool theirs = tcpdump_keeps(path, corpus[i], keeps);
		int n = filter_compile(corpus[i], FILTER_ETHERNET, 65535, prog, &e);

		if (theirs != (n > 0))
			test_note("'%s': tcpdump %s it, here %d", corpus[i], theirs ? "takes" : "refuses", n);
		if (CHECK(theirs == (n > 0)) && n > 0)
			CHECK(same_frames(corpus[i], prog, keeps));
		refused += n < 0;
	}
	unlink(path);
	test_note("%u expressions (%u refused) over %u frames", (unsigned)ARRAY_SIZE(corpus), refused, FRAMES);
	CHECK(refused > 30);
}

struct shown {
	struct tap tap;
	const struct bpf_insn *prog;
	unsigned frames;
	bool taken;
};

static void show(struct tap *t, struct net_cpu *cpu, const struct sk_buff *skb, enum tap_dir dir)
{
	struct shown *s = container_of(t, struct shown, tap);

	s->frames++;
	s->taken = bpf_run(s->prog, skb);
}

TEST(a_tap_is_spared_only_frames_that_its_filter_would_not_take)
{
	struct net_device dev = { .link = &eth_link_ops };
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct shown s = { .tap.fn = show, .prog = prog };
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "a");
	unsigned asked = 0, wrong = 0;
	struct filter_error e;

	make_frames();
	for (unsigned i = 0; i < ARRAY_SIZE(corpus); i++) {
		if (filter_compile(corpus[i], FILTER_ETHERNET, 65535, prog, &e) < 0)
			continue;
		s.tap.spared = tap_spared(prog);
		tap_add(h->cpu, &s.tap);
		for (unsigned k = 0; k < FRAMES; k++, asked++) {
			struct sk_buff *skb = alloc_skb(h->cpu, 0);

			skb->dev = &dev;
			memcpy(skb_put(skb, frames[k].len), frames[k].b, frames[k].len);
			s.taken = false;
			tap_run(h->cpu, skb, TAP_IN);
			if (s.taken != !!bpf_run(prog, skb) && !wrong++)
				test_note("'%s' and frame %u", corpus[i], k);
			consume_skb(h->cpu, skb);
		}
		tap_remove(h->cpu, &s.tap);
	}
	CHECK_EQ(wrong, 0);
	CHECK(s.frames < asked);
	test_note("%u of %u frames were not shown", asked - s.frames, asked);
	lab_destroy(lab);
}

TEST(what_a_glance_tells_is_enough_for_common_filters)
{
	static const struct {
		const char *text;
		u32 spared;
	} rows[] = {
		{ "udp port 5555", TAP_TCP | TAP_TCP6 }, { "tcp", TAP_UDP | TAP_UDP6 }, { "tcp port 80", TAP_UDP | TAP_UDP6 },
		{ "arp", TAP_TCP | TAP_UDP | TAP_TCP6 | TAP_UDP6 }, { "icmp", TAP_TCP | TAP_UDP | TAP_TCP6 | TAP_UDP6 },
		{ "ip", TAP_TCP6 | TAP_UDP6 }, { "ip6 and udp", TAP_TCP | TAP_UDP | TAP_TCP6 }, { "port 80", 0 }, { "", 0 },
		{ "not tcp", TAP_TCP | TAP_TCP6 }, { "host 10.0.0.1", TAP_TCP6 | TAP_UDP6 },
	};
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct filter_error e;

	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		REQUIRE(filter_compile(rows[i].text, FILTER_ETHERNET, 65535, prog, &e) > 0);
		if (!CHECK_EQ(tap_spared(prog), rows[i].spared))
			test_note("%s", rows[i].text);
	}
	/* A return of the accumulator may be anything. */
	REQUIRE(bpf_parse("2,0 0 0 0,22 0 0 0", prog) == 2);
	CHECK_EQ(tap_spared(prog), 0);
}

TEST(a_refusal_names_the_column_the_word_and_what_is_allowed)
{
	static const struct {
		const char *text;
		unsigned column;
		const char *found;
	} wrong[] = {
		{ "tcp prot 80", 5, "prot" },  { "host 10.0.0.256", 6, "10.0.0.256" }, { "tcp and", 8, "" }, { "tcp) or udp", 4, ")" },
		{ "port 80000", 6, "80000" },  { "tcp[0:3] = 1", 7, "3" },  { "port 80 and prt 81", 13, "prt" },
	};
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct filter_error e;
	char text[256];

	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		CHECK(filter_compile(wrong[i].text, FILTER_ETHERNET, 1, prog, &e) < 0);
		CHECK_EQ(e.column, wrong[i].column);
		CHECK_STR(e.found, wrong[i].found);
		CHECK(filter_error_text(&e, text, sizeof(text)) > 20 && strstr(text, "column"));
	}
}

TEST(long_and_deep_texts_end_with_a_reason)
{
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct filter_error e;
	char text[8192] = "";
	size_t n = 0;

	for (unsigned i = 0; i < 60; i++)
		text[n++] = '(';
	CHECK(filter_compile(text, FILTER_ETHERNET, 1, prog, &e) < 0);
	CHECK(strstr(e.why, "nested") != NULL);
	for (n = 0; n + 30 < sizeof(text);)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%shost 10.0.0.1", n ? " or " : "");
	CHECK(filter_compile(text, FILTER_ETHERNET, 1, prog, &e) < 0);
	for (n = 0; n + 30 < 110;)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%sport 80", n ? " or " : "");
	CHECK(filter_compile(text, FILTER_ETHERNET, 1, prog, &e) > 256); /* jumps beyond a byte's reach */
	CHECK(filter_compile("- - - - - - - - - - - - - - - - - - - - ip[0] = 1", FILTER_ETHERNET, 1, prog, &e) < 0);
}

TEST(a_filter_for_raw_ip_reads_the_version)
{
	static const u8 tcp4[40] = { 0x45, [9] = 6, [12] = 127, [15] = 1, [22] = 0, [23] = 80 };
	struct lab *lab = lab_create(1);
	struct lab_host *h = lab_host(lab, "a");
	struct sk_buff *skb = alloc_skb(h->cpu, 0);
	struct bpf_insn prog[BPF_MAX_INSNS];
	struct filter_error e;

	memcpy(skb_put(skb, sizeof(tcp4)), tcp4, sizeof(tcp4));
	CHECK(filter_compile("src host 127.0.0.1 and tcp dst port 80", FILTER_RAW_IP, 99, prog, &e) > 0);
	CHECK_EQ(bpf_run(prog, skb), 99);
	CHECK(filter_compile("ip6 or arp", FILTER_RAW_IP, 99, prog, &e) > 0);
	CHECK_EQ(bpf_run(prog, skb), 0);
	consume_skb(h->cpu, skb);
	lab_destroy(lab);
}
