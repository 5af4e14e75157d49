# SPDX-License-Identifier: MIT
"""Memory: pages, slabs, page tables."""
import gdb

from commands import (DIRECT_MAP_BASE, Problem, command, memory, number, symbol, text, type_of, walk_list)

KERNEL_BASE = 0xffffffff80000000
AREAS = [(0, "page zero and user space: nothing"), (DIRECT_MAP_BASE, "direct map"), (0xffffc00000000000, "stacks"),
         (0xffffd00000000000, "device registers"), (KERNEL_BASE, "kernel image")]
PAGE, FRAME = 4096, 0x000ffffffffff000
PTE_BITS = {2: "writable", 16: "uncached", 32: "accessed", 64: "dirty", 256: "global", 1 << 63: "no execute"}
LEVELS = ["PML4", "PDPT", "PD", "PT"]


def static(name, file):
    """A static variable of one file: others may have one of that name."""
    try:
        return gdb.parse_and_eval("'%s'::%s" % (file, name))
    except gdb.error:
        return symbol(name)


@command("mem", "", "Pages: all, free, and the free blocks of each order.")
def k_mem(_words):
    yield "total %d KiB, free %d KiB, frames %d" % (int(static("total_bytes", "kernel/mm/page.c")) >> 10,
                                                   int(static("free_pages", "kernel/mm/page.c")) * 4,
                                                   int(static("nr_frames", "kernel/mm/page.c")))
    blocks = static("free_blocks", "kernel/mm/page.c")
    for order in range(blocks.type.range()[1] + 1):
        n = sum(1 for _ in nodes(blocks[order]))
        if n:
            yield "  order %-2d %8d KiB: %d free blocks" % (order, 4 << order, n)


def nodes(head):
    """Addresses of the nodes of a list_head list."""
    node = head["next"]
    for _ in range(1 << 20):
        if int(node) in (0, int(head.address)):
            return
        yield int(node)
        node = node["next"]


def slab_caches():
    """Every kmem_cache in the list of all."""
    yield from walk_list(static("caches", "kernel/mm/slab.c"), "struct kmem_cache", "all")


@command("slab", "", "Slab caches: object size, objects out, slabs, bytes.")
def k_slab(_words):
    yield "%-20s %7s %9s %7s %9s" % ("cache", "size", "in use", "slabs", "KiB")
    for c in slab_caches():
        if int(c["slabs"]):
            yield "%-20s %7d %9d %7d %9d" % (text(c["name"]), int(c["size"]), int(c["in_use"]) - int(c["nr_hot"]), int(c["slabs"]),
                                            int(c["slabs"]) * 4 << int(c["order"]))


# ---------------------------------------------------------------- page tables
def root_table():
    """Physical address of the kernel's own top table."""
    return int(symbol("kernel_pml4").address) - KERNEL_BASE


@command("pt", "ADDRESS", "How a virtual address is mapped: the entry of each level, rights, physical address.")
def k_pt(words):
    if not words:
        raise Problem("usage: k pt ADDRESS")
    va = number("(unsigned long)(%s)" % " ".join(words))
    yield "0x%016x: %s" % (va, next(name for start, name in reversed(AREAS) if va >= start))
    table = root_table()
    for level, name in enumerate(LEVELS):
        shift = 39 - 9 * level
        index = va >> shift & 511
        entry = int.from_bytes(memory(DIRECT_MAP_BASE + table + 8 * index, 8), "little")
        bits = ",".join(text_ for bit, text_ in PTE_BITS.items() if entry & bit)
        yield "  %-4s [%3d] at physical 0x%x: 0x%016x %s" % (name, index, table + 8 * index, entry,
                                                           bits if entry & 1 else "NOT PRESENT")
        if not entry & 1:
            return
        table = entry & FRAME
        if level == 3 or (entry & 128 and level):
            size = 1 << shift
            yield "  physical 0x%x, in a page of %d KiB" % ((entry & FRAME & ~(size - 1)) + va % size, size >> 10)
            return
