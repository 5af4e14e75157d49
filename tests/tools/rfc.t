#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/rfc tells what is shown, what is missing, what failed and what no list has; and the tree's own lists are sound."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check, check_eq, check_in, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
work = tempfile.TemporaryDirectory(prefix="barewire-rfc-")

LIST = """# two of each kind
1 MUST-1 | MUST | the first thing
1 MUST-2 | MUST | the second | deviation: it is never needed
1 SHLD-1 | SHOULD NOT | what should not be
"""
SHOWN = "1..2\nok 1 - it does the first\n# req 1 MUST-1\nok 2 - it does another\n"


def rfc(req=LIST, tap=SHOWN, *args):
    """Exit status and output for one list and the TAP of one program, unit-it."""
    paths = [os.path.join(work.name, n) for n in ("1.req", "unit-it.tap")]
    for path, text in zip(paths, (req, tap)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    p = subprocess.run([os.path.join(ROOT, "tools/rfc"), *args, "--lists", work.name, paths[1]], capture_output=True,
                       text=True)
    check(p.returncode in (0, 1) and not p.stderr, "tools/rfc broke: " + p.stderr)
    return p.returncode, p.stdout


def row(out, name):
    return next(re.sub(r" +", " ", line) for line in out.split("\n") if line.startswith(name))


@case("a requirement that a test names and that passed is shown, with the test")
def _():
    status, out = rfc()
    check_eq(status, 0, out)
    check_eq(row(out, "1 MUST-1"), "1 MUST-1 | MUST | shown | the first thing")
    check_in("ok unit-it: it does the first", out)
    check_in("rfc: 2 MUST: 1 shown, 1 deviate with a reason, 0 missing\n", out)


@case("a deviation is printed with its reason, and a SHOULD may be missing")
def _():
    _, out = rfc()
    check_in("deviation: it is never needed", out)
    check_in("rfc: 1 SHOULD: 0 shown, 0 deviate with a reason, 1 missing\n", out)


@case("a MUST without a test is missing, and that is a failure")
def _():
    status, out = rfc(tap="1..1\nok 1 - it does another\n")
    check_eq(status, 1)
    check_in("| missing |", row(out, "1 MUST-1"))


@case("a MUST whose only test was skipped is missing")
def _():
    status, out = rfc(tap="1..1\nok 1 - it does the first # SKIP not here\n# req 1 MUST-1\n")
    check_eq(status, 1)
    check_in("| missing |", row(out, "1 MUST-1"))


@case("a requirement of which one test failed has failed, whatever else passed")
def _():
    for name in ("MUST-1", "SHLD-1", "MUST-2"):
        tap = "1..3\nok 1 - a\n# req 1 MUST-1\nnot ok 2 - b\n# it.c:5: failed: x\n# req 1 %s\nok 3 - c\n" % name
        status, out = rfc(tap=tap)
        check_eq(status, 1)
        check_in("| FAILED |", row(out, "1 " + name))
        check_in("not ok unit-it: b", out)


@case("a test that names what no list has is an error")
def _():
    status, out = rfc(tap=SHOWN + "# req 1 MUST-9\n")
    check_eq(status, 1)
    check_in("rfc: error: unit-it: it does another: no list in tests/rfc has 1 MUST-9", out)


@case("a program that ended early is an error")
def _():
    status, out = rfc(tap=SHOWN.replace("1..2", "1..7"))
    check_eq(status, 1)
    check_in("unit-it: ended after 2 of 7 tests", out)


@case("lines of a list that are not in the format are errors")
def _():
    for bad, message in (("1 MUST-3 | MUST\n", "1.req:5: not `ID | LEVEL"), ("MUST-3 | MUST | x\n", "not `ID | LEVEL"),
                         ("1 MUST-3 | WILL | x\n", "the level is one of MUST"), ("1 MUST-1 | MUST | x\n", "listed twice"),
                         ("1 MUST-3 | MUST | x | because\n", "not `ID"),
                         ("1 MUST-3 | MUST | x | deviation:\n", "not `ID")):
        status, out = rfc(req=LIST + bad)
        check_eq(status, 1, bad)
        check_in(message, out)


@case("the short form prints what is wrong and the sums only")
def _():
    status, out = rfc(LIST, SHOWN, "--short")
    check_eq((status, len(out.strip().split("\n"))), (0, 3), out)
    status, out = rfc(LIST, "1..0\n", "--short")
    check_eq(status, 1)
    check_in("1 MUST-1", out)


@case("each requirement that the tests of the tree name is in a list, and each list is in the format")
def _():
    lists = os.path.join(ROOT, "tests/rfc")
    known = set()
    for name in os.listdir(lists):
        with open(os.path.join(lists, name), encoding="utf-8") as f:
            known |= {line.split("|")[0].strip() for line in f if "|" in line}
    p = subprocess.run([os.path.join(ROOT, "tools/rfc"), "--short"], capture_output=True, text=True)
    check_eq([line for line in p.stdout.split("\n") if line.startswith("rfc: error:")], [])
    unknown = []
    for folder in ("unit", "qemu"):
        for name in sorted(os.listdir(os.path.join(ROOT, "tests", folder))):
            with open(os.path.join(ROOT, "tests", folder, name), encoding="utf-8") as f:
                for ids in re.findall(r'\b(?:REQ|req)\(((?:"[^"]*"(?:,\s*)?)+)\)', f.read()):
                    unknown += [name + ": " + i for i in re.findall(r'"([^"]*)"', ids) if i not in known]
    check_eq(unknown, [])


run()
