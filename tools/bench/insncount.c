/* SPDX-License-Identifier: MIT
 * insncount.c - a QEMU TCG plugin: how many instructions the guest executes, and in which blocks of its code.
 *
 * -plugin build/insncount.so,out=FILE[,io=on] makes FILE, a struct report that another process maps or reads while the
 * guest runs: the difference of two readings is what happened between them. A translated block is counted whole when
 * it is entered; one that a fault ends early is counted too far, which is rare. With one vCPU the counts are exact; with
 * more, the totals are (each vCPU has its own) and the counts of blocks are nearly.
 *
 * Debian ships QEMU's plugin loader but not its header, so the declarations of the plugin interface, version 1, that
 * are used here stand here.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
typedef struct qemu_info_t {
	const char *target_name;
	struct {
		int min, cur;
	} version;
} qemu_info_t; /* more follows, which is not looked at */

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
						  void (*fn)(qemu_plugin_id_t, struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*fn)(unsigned, void *), int flags,
						 void *arg);
extern void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
					     void (*fn)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int flags,
					     int rw, void *arg);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
extern const uint8_t *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t info, uint64_t vaddr);
extern bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *hw);
enum { NO_REGISTERS = 0, READ_AND_WRITE = 3 };

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
							       char **argv);

#define MAX_VCPUS  16
#define MAX_BLOCKS (1 << 18)

/* The layout of FILE; tools/bench/insns.py reads it. */
struct total {
	uint64_t insns;
	uint64_t port_io; /* in, out */
	uint64_t mmio;    /* loads and stores to devices (io=on) */
	uint64_t halts;
	uint64_t unused[4]; /* no two vCPUs on one cache line */
};
struct block {
	uint64_t vaddr, entered;
	uint32_t insns;
	uint16_t port_io, halts;
};
struct report {
	uint64_t nr_blocks;
	uint64_t blocks_lost; /* more than MAX_BLOCKS: these are in the totals only, by the last record */
	uint64_t unused[6];
	struct total total[MAX_VCPUS];
	struct block block[MAX_BLOCKS];
};
_Static_assert(sizeof(struct total) == 64 && sizeof(struct block) == 24, "the layout that insns.py reads");

static struct report *report;
static bool watch_io;

static void block_entered(unsigned cpu, void *arg)
{
	struct total *t = &report->total[cpu % MAX_VCPUS];
	struct block *b = arg;

	b->entered++;
	t->insns += b->insns;
	t->port_io += b->port_io;
	t->halts += b->halts;
}

static void memory_touched(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *arg)
{
	struct qemu_plugin_hwaddr *hw = qemu_plugin_get_hwaddr(info, vaddr);

	(void)arg;
	if (hw && qemu_plugin_hwaddr_is_io(hw))
		report->total[cpu % MAX_VCPUS].mmio++;
}

/* The first byte of an instruction that is no prefix (legacy or REX); 0x90 when there is none. */
static uint8_t opcode(const struct qemu_plugin_insn *insn)
{
	static const char prefixes[] = "\x26\x2e\x36\x3e\x64\x65\x66\x67\xf0\xf2\xf3";
	const uint8_t *bytes = qemu_plugin_insn_data(insn);
	size_t i, n = qemu_plugin_insn_size(insn);

	for (i = 0; i < n; i++)
		if (!memchr(prefixes, bytes[i], sizeof prefixes - 1) && (bytes[i] & 0xf0) != 0x40)
			return bytes[i];
	return 0x90;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	uint64_t i = __atomic_fetch_add(&report->nr_blocks, 1, __ATOMIC_RELAXED);
	struct block *b = &report->block[i < MAX_BLOCKS ? i : MAX_BLOCKS - 1];
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (i >= MAX_BLOCKS)
		report->blocks_lost++;
	b->vaddr = qemu_plugin_tb_vaddr(tb);
	b->insns = (uint32_t)n;
	b->port_io = b->halts = 0;
	for (size_t k = 0; k < n; k++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, k);
		uint8_t op = opcode(insn);

		b->port_io += (op & 0xf4) == 0xe4 || (op & 0xfc) == 0x6c; /* in, out; ins, outs */
		b->halts += op == 0xf4;
		if (watch_io)
			qemu_plugin_register_vcpu_mem_cb(insn, memory_touched, NO_REGISTERS, READ_AND_WRITE, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_entered, NO_REGISTERS, b);
}

static struct report *make_report(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	void *p = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(struct report)) == 0)
		p = mmap(NULL, sizeof(struct report), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		perror(path);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	const char *out = NULL;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = argv[i] + 4;
		else if (!strncmp(argv[i], "io=", 3))
			watch_io = !strcmp(argv[i] + 3, "on") || !strcmp(argv[i] + 3, "true");
	}
	if (!out || info->version.min > 1) {
		fprintf(stderr, "insncount: wants out=FILE and a QEMU that knows plugin interface 1\n");
		return -1;
	}
	report = make_report(out);
	if (!report)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	return 0;
}
