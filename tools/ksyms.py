#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ksyms.py - the kernel's own symbol table, for its back traces.

    ksyms.py PASS1.elf OUT.S      write the table of PASS1's functions as an assembler file
    ksyms.py --check A.elf B.elf  fail unless both images have the same functions at the same addresses

Pass 1 is linked without the table, the image with it. The table lies behind the text, which therefore does not
move; --check proves that after the second link. Only functions (STT_FUNC) of .text count: local labels and data
would put wrong names into a trace.
"""
import struct
import sys

SHT_SYMTAB = 2
STT_FUNC = 2
STB_LOCAL = 0


class BadElf(Exception):
    pass


def sections(image):
    """(type, offset, size, link, entsize) of each section of a little-endian ELF64."""
    if image[:6] != b"\x7fELF\x02\x01" or len(image) < 64:
        raise BadElf("not a little-endian ELF64 file")
    shoff, = struct.unpack_from("<Q", image, 40)
    shentsize, shnum = struct.unpack_from("<HH", image, 58)
    if shentsize != 64 or shoff + shnum * 64 > len(image):
        raise BadElf("section headers are outside the file")
    for i in range(shnum):
        kind, offset, size, link, entsize = struct.unpack_from("<4xI16xQQI12xQ", image, shoff + i * 64)
        yield kind, offset, size, link, entsize


def symbols(image):
    """(name, value, type, binding) of each symbol."""
    table = list(sections(image))
    for kind, offset, size, link, _ in table:
        if kind != SHT_SYMTAB:
            continue
        names = table[link][1]
        for at in range(offset, offset + size, 24):
            name, info, value = struct.unpack_from("<IB3xQ", image, at)
            end = image.index(b"\0", names + name)
            yield image[names + name:end].decode("ascii", "replace"), value, info & 15, info >> 4


def functions(path):
    """Sorted (offset from __text_start, name), one name an address: the global one, else the first by name."""
    try:
        with open(path, "rb") as f:
            syms = list(symbols(f.read()))
    except (BadElf, IndexError, ValueError, struct.error) as e:
        raise BadElf(f"{path}: {e}") from e
    where = {name: value for name, value, _, _ in syms if name in ("__text_start", "__text_end")}
    if len(where) != 2:
        raise BadElf(f"{path}: no __text_start and __text_end")
    start, end = where["__text_start"], where["__text_end"]
    found = {}
    for name, value, kind, binding in syms:
        if kind == STT_FUNC and name and start <= value < end:
            found.setdefault(value - start, []).append((binding == STB_LOCAL, name))
    return [(offset, min(names)[1]) for offset, names in sorted(found.items())]


def render(funcs):
    """The assembler file: what kernel/core/ksyms.c declares."""
    lines = ["/* Made by tools/ksyms.py. */", '\t.section .ksyms, "a"', "\t.balign 4"]

    def label(name):
        lines.extend([f"\t.globl {name}", f"{name}:"])

    label("ksyms_count")
    lines.append(f"\t.long {len(funcs)}")
    label("ksyms_addrs")
    lines.extend(f"\t.long {offset:#x}" for offset, _ in funcs)
    label("ksyms_names")
    at = 0
    for _, name in funcs:
        lines.append(f"\t.long {at}")
        at += len(name) + 1
    label("ksyms_strings")
    lines.extend(f'\t.asciz "{name}"' for _, name in funcs)
    lines.extend(['\t.byte 0', '\t.section .note.GNU-stack, "", @progbits', ""])
    return "\n".join(lines)


def check(a, b):
    one, two = functions(a), functions(b)
    if one != two:
        first = next((pair for pair in zip(one, two) if pair[0] != pair[1]), (one[-1], two[-1]))
        raise BadElf(f"text moved between the links: {first[0]} became {first[1]}")


def main(args):
    try:
        if len(args) == 3 and args[0] == "--check":
            check(args[1], args[2])
        elif len(args) == 2:
            text = render(functions(args[0]))
            with open(args[1], "w", encoding="ascii") as f:
                f.write(text)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except (BadElf, OSError) as e:
        print(f"ksyms.py: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
