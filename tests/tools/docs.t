#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What README.md and ARCHITECTURE.md name is there: functions, tables, types, files, make targets."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check_eq, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDERS = ["", "kernel", "kernel/net", "kernel/drivers", "tests", "tools"]  # where a path in the text may start


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def source_words():
    """Every identifier of the C and assembler sources."""
    words = set()
    for top in ("kernel", "boot"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if name.endswith((".c", ".h", ".S")):
                    words.update(re.findall(r"\w+", read(os.path.join(folder, name))))
    return words


def quoted(text):
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", text)


words = source_words()
targets = set(re.findall(r"^([\w%-]+):", read("Makefile"), re.M))
for doc in ("README.md", "ARCHITECTURE.md"):
    names = quoted(read(doc))

    @case("%s: every function, table and struct it names exists" % doc)
    def _(names=names):
        found = [re.fullmatch(r"(?:struct )?(\w+)(\(.*\)|\[\])?", n) for n in names]
        wanted = {m.group(1) for n, m in zip(names, found) if m and (m.group(2) or n.startswith("struct "))}
        check_eq(sorted(wanted - words), [])

    @case("%s: every file and folder it names exists" % doc)
    def _(names=names):
        paths = [n for n in names if re.fullmatch(r"[\w./-]+/[\w./-]*|[\w-]+\.(c|h|py|t|md)", n)]
        missing = [p for p in paths if not p.startswith("build/") and not p.startswith("/") and "NAME" not in p
                   and not p.startswith("etc/")  # files of the site that is served
                   and not any(os.path.exists(os.path.join(ROOT, f, p)) for f in FOLDERS)]
        check_eq(missing, [])

    @case("%s: every make target it names exists" % doc)
    def _(doc=doc):
        named = re.findall(r"(?:`|^    )make ([a-z][\w-]*)", read(doc), re.M)
        check_eq([t for t in named if t not in targets and not t.startswith("test-")], [])


@case("the handler that README shows compiles")
def _():
    handler, row = re.findall(r"^```c\n(.*?)^```", read("README.md"), re.M | re.S)
    source = read("kernel/app/http_route.c")
    table = "#define ROUTES(X)"
    before, after = source.split(table)
    first_row = after.index("\n") + 1
    text = before + handler + table + after[:first_row] + row + after[first_row:]
    p = subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-ffreestanding",
                        "-I" + os.path.join(ROOT, "kernel"), "-fsyntax-only", "-x", "c", "-"], input=text, text=True,
                       capture_output=True)
    check_eq(p.stderr, "")


@case("tools/run knows every variable that README names")
def _():
    table = read("README.md").split("| variable |")[1].split("\n\n")[0]
    known = subprocess.run([os.path.join(ROOT, "tools/run"), "--help"], capture_output=True, text=True).stdout
    check_eq([v for v in re.findall(r"`([A-Z_]+)`", table) if v + "=" not in known], [])


run()
