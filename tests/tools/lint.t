#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/lint says yes to the tree, and no to a copy of it in which a rule is broken, each rule in turn."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check, check_eq, check_in, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
work = tempfile.TemporaryDirectory(prefix="barewire-lint-")


def lint(root, *more):
    p = subprocess.run([os.path.join(root, "tools/lint"), *more], capture_output=True, text=True)
    check(p.returncode in (0, 1), "lint broke: " + p.stderr)
    return p.returncode, p.stdout


def broken(path, text, head="/* SPDX-License-Identifier: MIT */\n", status=1):
    """What lint says of a copy of the tree with `text` added to `path` (where it is new, with `head` above)."""
    copy = os.path.join(work.name, "tree")
    shutil.rmtree(copy, ignore_errors=True)
    for top in ("kernel", "boot", "tools", "tests"):
        shutil.copytree(os.path.join(ROOT, top), os.path.join(copy, top),
                        ignore=shutil.ignore_patterns("__pycache__", "corpus"))
    full = os.path.join(copy, path)
    new = not os.path.exists(full)
    with open(full, "a", encoding="utf-8") as f:
        f.write((head if new else "") + text)
    got, out = lint(copy)
    check_eq(got, status, "exit status")
    return out


@case("the tree is clean")
def _():
    status, out = lint(ROOT)
    check_eq(status, 0, out)


BAD_INCLUDES = [
    ("kernel/net/tcp/input.c", "arch/x86_64/io.h", "tcp may not include arch"),
    ("kernel/net/tcp/input.c", "drivers/pci/pci.h", "tcp may not include pci"),
    ("kernel/net/ipv4/input.c", "net/tcp/tcp.h", "ipv4 may not include tcp"),
    ("kernel/net/core/dev.c", "net/socket/socket.h", "net/core may not include socket"),
    ("kernel/lib/printf.c", "net/net.h", "lib may not include net"),
    ("kernel/lib/printf.c", "platform.h", "lib may not include base"),
    ("kernel/app/http.c", "mm/page.h", "app may not include mm"),
    ("kernel/drivers/e1000/e1000.c", "net/tcp/tcp.h", "drivers may not include tcp"),
]
for source, header, message in BAD_INCLUDES:
    @case("%s: #include \"%s\" is refused" % (source, header))
    def _(source=source, header=header, message=message):
        check_in(message, broken(source, '#include "%s"\n' % header))


@case("a header of the C library is refused")
def _():
    check_in("may not include <string.h>", broken("kernel/net/tcp/input.c", "#include <string.h>\n"))


@case("a path that does not start at kernel/ is refused")
def _():
    check_in("not a path under kernel/", broken("kernel/net/tcp/input.c", '#include "tcp.h"\n'))


@case("a folder that no room has is refused")
def _():
    check_in("no room", broken("kernel/novel.c", "int novel;\n"))


GLOBALS = {
    "a global variable": "int counter = 1;\n",
    "a variable of the file": "static int counter;\nint *where(void)\n{\n\treturn &counter;\n}\n",
    "a static local variable": "int next(void)\n{\n\tstatic int n;\n\treturn ++n;\n}\n",
}
for what, text in GLOBALS.items():
    @case("%s in kernel/net is refused" % what)
    def _(text=text):
        objects = os.path.join(work.name, "objects")
        os.makedirs(os.path.join(objects, "net"), exist_ok=True)
        subprocess.run(["gcc", "-c", "-x", "c", "-", "-fno-pic", "-o", os.path.join(objects, "net/bad.o")],
                       input=text, text=True, check=True)
        status, out = lint(ROOT, "--objects", objects)
        check_eq(status, 1, "exit status")
        check_in("is a writable variable", out)


@case("a constant table in kernel/net is allowed")
def _():
    objects = os.path.join(work.name, "constants")
    os.makedirs(os.path.join(objects, "net"))
    subprocess.run(["gcc", "-c", "-x", "c", "-", "-fno-pic", "-o", os.path.join(objects, "net/good.o")],
                   input="const char *const names[] = { \"a\" };\n", text=True, check=True)
    check_eq(lint(ROOT, "--objects", objects)[0], 0, "exit status")


@case("a file without its SPDX line is refused")
def _():
    check_in("no line 'SPDX", broken("kernel/net/tcp/extra.c", "int x(void);\n", head=""))


@case("somebody's licence text is refused")
def _():
    check_in("licence text", broken("kernel/lib/list.h", "/* Copy" + "right (C) 1999 Somebody */\n"))


@case("a function of 100 lines and a file of 800 are reported, and are no failure")
def _():
    out = broken("kernel/lib/long.c", status=0, text="int f(int x)\n{\n" + "\tx++;\n" * 100 + "}\n" + "int f(int);\n" * 700)
    check_in("function of 101 lines", out)
    check_in("lines, at most 700", out)


run()
