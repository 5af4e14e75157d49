# SPDX-License-Identifier: MIT
"""Reads what tools/bench/insncount.c counts in a running guest, and says which functions the instructions were in."""
import bisect
import os
import struct
import subprocess

MAX_VCPUS, HEADER, TOTAL, BLOCK = 16, 64, 64, 24


class Counts:
    """One reading; the difference of two is what the guest executed between them. Without a path: all zero."""

    def __init__(self, path=os.devnull):
        with open(path, "rb") as f:
            head = f.read(HEADER + MAX_VCPUS * TOTAL)
            nr_blocks = struct.unpack_from("<Q", head)[0] if head else 0
            self.blocks = f.read(nr_blocks * BLOCK)
        self.insns = self.port_io = self.mmio = self.halts = 0
        for cpu in range(MAX_VCPUS if head else 0):
            insns, port_io, mmio, halts = struct.unpack_from("<4Q", head, HEADER + cpu * TOTAL)
            self.insns += insns
            self.port_io += port_io
            self.mmio += mmio
            self.halts += halts

    def since(self, before):
        return {k: getattr(self, k) - getattr(before, k) for k in ("insns", "port_io", "mmio", "halts")}

    def by_address(self, before):
        """Address of a block -> instructions executed in it since the reading `before`."""
        found = {}
        for i, (vaddr, entered, insns, _, _) in enumerate(struct.iter_unpack("<QQIHH", self.blocks)):
            if (i + 1) * BLOCK <= len(before.blocks):
                entered -= struct.unpack_from("<Q", before.blocks, i * BLOCK + 8)[0]
            if entered:
                found[vaddr] = found.get(vaddr, 0) + entered * insns
        return found


class Symbols:
    """Functions of an ELF file by address."""

    def __init__(self, path):
        out = subprocess.run(["nm", "--defined-only", path], check=True, capture_output=True, text=True).stdout
        lines = [words for words in (line.split() for line in out.splitlines()) if len(words) == 3]
        rows = sorted((int(a, 16), name) for a, kind, name in lines if kind in "tTwW")
        self.addresses, self.names = [r[0] for r in rows], [r[1] for r in rows]

    def name(self, address):
        i = bisect.bisect(self.addresses, address) - 1
        return self.names[i] if i >= 0 else "(firmware)"


def beyond_firmware(symbols, booted):
    """Instructions since the start of the machine that were the image's own."""
    return sum(n for address, n in booted.by_address(Counts()).items() if symbols.name(address) != "(firmware)")


def profile(symbols, after, before, operations, rows=40):
    """Lines `instructions per operation, share, function`, the largest first."""
    functions = {}
    for address, insns in after.by_address(before).items():
        name = symbols.name(address)
        functions[name] = functions.get(name, 0) + insns
    whole = sum(functions.values()) or 1
    top = sorted(functions.items(), key=lambda x: -x[1])[:rows]
    return ["%10.1f %5.1f %%  %s" % (n / operations, 100 * n / whole, name) for name, n in top]
