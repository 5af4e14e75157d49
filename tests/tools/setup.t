#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/setup finds what is missing, installs it where it can, and says what to install where it can not.

The machine is played: a PATH with the few programs that a case wants to exist, apt-get among them or not."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check, check_eq, check_in, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHELL = "bash env sed id".split()  # what the script itself needs
TOOLS = "gcc ld python3 qemu-system-x86_64 gdb mformat grub-mkrescue xorriso prove curl nc wrk ip ping".split()


def setup(*args, present=TOOLS, scripts=()):
    """(status, stdout and stderr) on a machine with these programs; scripts: name -> shell text."""
    with tempfile.TemporaryDirectory(prefix="barewire-setup-") as d:
        for name in SHELL:
            os.symlink(shutil.which(name), os.path.join(d, name))
        for name, text in {**dict.fromkeys(present, "true"), **dict(scripts)}.items():
            with open(os.path.join(d, name), "w", encoding="ascii") as f:
                f.write("#!/bin/bash\n%s\n" % text)
            os.chmod(os.path.join(d, name), 0o755)
        p = subprocess.run([shutil.which("bash"), os.path.join(ROOT, "tools/setup"), *args], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": d})
        return p.returncode, p.stdout


def without(*names):
    return [t for t in TOOLS if t not in names]


@case("nothing is said when nothing is missing")
def _():
    check_eq(setup("--for", "run"), (0, ""))


@case("what a target does not use is not asked for")
def _():
    check_eq(setup("--for", "run", present=without("wrk", "gdb", "prove", "xorriso")), (0, ""))


@case("clean and help need nothing")
def _():
    check_eq(setup("--for", "clean", "help", present=[]), (0, ""))


@case("as root a missing program is installed with apt-get: one update, no questions, nothing recommended")
def _():
    status, out = setup("--for", "run", present=without("qemu-system-x86_64"),
                        scripts={"apt-get": 'echo "apt-get $* $DEBIAN_FRONTEND"', "id": "echo 0"})
    check_eq(status, 0)
    check_eq(out.splitlines(), ["Installing: qemu-system-x86", "apt-get update -q ",
                                "apt-get install -q -y --no-install-recommends qemu-system-x86 noninteractive"])


@case("without root it goes through sudo")
def _():
    status, out = setup("--for", "run", present=without("gcc"), scripts={
        "apt-get": 'echo "apt-get $1"', "id": "echo 1000", "sudo": 'echo "sudo $*"; "$@"'})
    check_eq(status, 0)
    check_in("sudo apt-get update", out)


@case("without root and sudo it says what to run, and fails")
def _():
    status, out = setup("--for", "run", present=without("gcc"), scripts={"apt-get": "exit 9", "id": "echo 1000"})
    check_eq(status, 1)
    check_in("apt-get install --no-install-recommends gcc\n", out)


@case("on another system it names what to install, and fails")
def _():
    status, out = setup("--for", "test", present=without("wrk", "gdb"))
    check_eq(status, 1)
    check_in("    gdb python3-drgn qemu-utils wrk ", out)


@case("an apt-get that fails is not taken for success")
def _():
    status, out = setup("--for", "run", present=without("gcc"), scripts={"apt-get": "exit 100", "id": "echo 0"})
    check_eq(status, 1)
    check_in("apt-get failed", out)


@case("--list marks what is missing")
def _():
    status, out = setup("--list", present=without("wrk"))
    check(status == 0 and "- wrk " in out and "  curl " in out, out)


run()
