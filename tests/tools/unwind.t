#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every byte of the image's long-mode text is covered by unwind data: gdb can leave a function wherever it is stopped."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from net import BUILD
from tap import case, check, check_eq, note, run

ELF = os.path.join(BUILD, "barewire.elf")
# Entered before there is a stack to unwind: 32-bit code, and what runs at low addresses.
WITHOUT = ("boot_entry_pvh", "boot_entry_mb2", "boot_entry64")


def tool(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def covered():
    """Ranges of addresses that .eh_frame has rules for."""
    rows = re.findall(r"FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)", tool("readelf", "--debug-dump=frames", ELF))
    return sorted((int(a, 16), int(b, 16)) for a, b in rows)


def functions():
    """(address, size, name) of every function in .text."""
    rows = re.findall(r"^\s*\d+: ([0-9a-f]{16})\s+(\d+) FUNC\s+\w+\s+\w+\s+\d+ (\S+)$", tool("readelf", "-sW", ELF), re.M)
    return sorted((int(a, 16), int(n), name) for a, n, name in rows)


def merged(ranges):
    out = []
    for start, end in ranges:
        if out and start <= out[-1][1]:
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end])
    return out


@case("every function has unwind data from its first to its last byte")
def _():
    ranges, found = merged(covered()), functions()
    check(len(found) > 500, "only %d functions in the symbol table" % len(found))
    bare = [name for at, size, name in found if name not in WITHOUT and not name.startswith("trampoline") and
            size and not any(start <= at and at + size <= end for start, end in ranges)]
    check_eq(bare, [], "without unwind data")
    note("%d functions, %d bytes" % (len(found), sum(size for _, size, _ in found)))


@case("between the functions there is only padding")
def _():
    lines = tool("readelf", "-SW", ELF)
    start, size = re.search(r" \.text\s+PROGBITS\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", lines).groups()
    start, end, bare, at = int(start, 16), int(start, 16) + int(size, 16), [], None
    for low, high in merged(covered()):
        if at is not None and low - at >= 64:  # the widest alignment of a function
            bare.append("%x..%x" % (at, low))
        at = high
    boot = max(at for at, _, name in functions() if name in WITHOUT)
    check_eq(bare, [], "holes")
    check(merged(covered())[0][0] - boot < 256 and end - at < 64, "%x..%x" % (boot, merged(covered())[0][0]))


run()
