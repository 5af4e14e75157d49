#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What barewire boots from: the site archive, the disk's tables, GRUB's quoting; and the kernel's symbol table."""
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(ROOT, "tools")]
import media
from tap import case, check, check_eq, check_in, run

work = tempfile.TemporaryDirectory(prefix="barewire-media-")


def path(*names):
    return os.path.join(work.name, *names)


def put(name, data=b""):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "wb") as f:
        f.write(data)
    os.utime(path(name), (1e9, 1e9))


def fails(what, *args):
    try:
        what(*args)
    except media.MediaError as e:
        return str(e)
    raise AssertionError("it did not fail")


@case("a site is packed sorted, by names below it, without owners, the same bytes each time")
def _():
    for name in "site/z.html", "site/a/b.css", "site/index.html", "site/a.txt":
        put(name, name.encode())
    os.symlink("index.html", path("site/link.html"))
    os.symlink("nowhere", path("site/broken"))
    os.mkfifo(path("site/fifo"))
    media.pack_site(path("site"), path("1.tar"))
    media.pack_site(path("site"), path("2.tar"))
    with open(path("1.tar"), "rb") as a, open(path("2.tar"), "rb") as b:
        check_eq(a.read(), b.read())
    with tarfile.open(path("1.tar")) as tar:
        check_eq(tar.getnames(), ["a.txt", "a/b.css", "index.html", "link.html", "z.html"])
        check_eq({m.uid for m in tar} | {m.gid for m in tar}, {0})
        check_eq(tar.extractfile("link.html").read(), b"site/index.html")
        check_eq(tar.getmember("index.html").mtime, 10**9)


@case("a name that ustar cannot hold is told")
def _():
    put("long/" + "x" * 200, b"")
    check_in("x" * 200, fails(media.pack_site, path("long"), path("long.tar")))


@case("a site that is no directory is told")
def _():
    check_in("SITE=/nowhere: not a directory", fails(media.pack_site, "/nowhere", path("n.tar")))


@case("GRUB's shell leaves the command line alone")
def _():
    check_eq(media.grub_quote("a=1  $b ;c it's"), "'a=1' '$b' ';c' 'it'\\''s'")


@case("a program that is missing is named with its package")
def _():
    check_in("apt-get install the-package", fails(media.tool, "no-such-program", "the-package"))


@case("the disk has a protective MBR, two GPTs with right sums, and an ESP with the files")
def _():
    put("kernel", b"K" * 100000)
    put("loader", b"L" * 5000)
    put("site.tar", b"S" * 7000)
    media.make_disk(path("disk"), path("loader"), path("kernel"), path("site.tar"), "ip=dhcp x=1", bios=False)
    with open(path("disk"), "rb") as f:
        disk = f.read()
    sectors = len(disk) // 512
    check_eq((disk[510:512], disk[450]), (b"\x55\xaa", 0xee))
    for here, other in (1, sectors - 1), (sectors - 1, 1):
        head = bytearray(disk[here * 512:here * 512 + 92])
        crc, = struct.unpack_from("<I", head, 16)
        struct.pack_into("<I", head, 16, 0)
        check_eq(zlib.crc32(head), crc, "header's sum")
        check_eq(struct.unpack_from("<QQ", head, 24), (here, other))
        at, count, size, entries_crc = struct.unpack_from("<QIII", head, 72)
        check_eq(zlib.crc32(disk[at * 512:at * 512 + count * size]), entries_crc, "entries' sum")
    esp, = struct.unpack_from("<Q", disk, 2 * 512 + 128 + 32)
    with open(path("esp"), "wb") as f:
        f.write(disk[esp * 512:])
    for name, data in ("EFI/BOOT/BOOTX64.EFI", b"L" * 5000), ("barewire.elf", b"K" * 100000), \
                      ("site.tar", b"S" * 7000), ("cmdline.txt", b"ip=dhcp x=1\n"):
        got = subprocess.run([media.tool("mtype", "mtools"), "-i", path("esp"), "::" + name], capture_output=True)
        check_eq(got.stdout, data, name)


def link(name, text):
    """A small ELF with the bounds that the kernel's link map gives."""
    put(name + ".S", text.encode())
    subprocess.run(["gcc", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-e,__text_start", "-x",
                    "assembler", path(name + ".S"), "-o", path(name)], check=True)


def ksyms(*args):
    p = subprocess.run([os.path.join(ROOT, "tools/ksyms.py"), *args], capture_output=True, text=True)
    return p.returncode, p.stderr


TEXT = """
.text
.globl __text_start, __text_end, public
__text_start: nop
.type zeta, @function
zeta: nop
label_only: nop
.type alias, @function
.type public, @function
alias: public: nop
__text_end: nop
.type outside, @function
outside: nop
.section .note.GNU-stack, "", @progbits
"""


@case("the symbol table has functions of the text only, sorted, one name an address, the global one")
def _():
    link("a.elf", TEXT)
    check_eq(ksyms(path("a.elf"), path("ksyms.S")), (0, ""))
    with open(path("ksyms.S"), encoding="ascii") as f:
        table = f.read()
    check_eq([line.split('"')[1] for line in table.splitlines() if ".asciz" in line], ["zeta", "public"])
    check_in("ksyms_count:\n\t.long 2\n", table)
    check_in("ksyms_addrs:\n\t.long 0x1\n\t.long 0x3\n", table)
    check_in("ksyms_names:\n\t.long 0\n\t.long 5\n", table)


@case("text that moved between the links fails the build")
def _():
    link("a.elf", TEXT)
    link("b.elf", TEXT.replace("label_only: nop", "label_only: nop; nop"))
    check_eq(ksyms("--check", path("a.elf"), path("a.elf")), (0, ""))
    status, err = ksyms("--check", path("a.elf"), path("b.elf"))
    check_eq(status, 1)
    check_in("text moved between the links: (3, 'public') became (4, 'public')", err)


@case("a file that is no ELF, or a broken one, is told in one line")
def _():
    put("text", b"hello")
    link("a.elf", TEXT)
    with open(path("a.elf"), "rb") as f:
        whole = f.read()
    put("cut", whole[:-100])
    for name in "text", "cut", "nowhere":
        status, err = ksyms(path(name), path("out.S"))
        check_eq(status, 1, name)
        check_eq(err.count("\n"), 1, err)


run()
