#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/lib/prove ends with the reasons of every test that failed, whichever way it did, and is silent about the others."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check, check_eq, check_in, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = {  # name: what a shell does
    "good": "echo 1..2; echo ok 1 - one; echo '# of its own'; echo ok 2 - two",
    "skipped": "echo '1..0 # SKIP not here'",
    "bad": "echo 1..3; echo ok 1 - one; echo not ok 2 - two; echo '# because of this'; echo '# req 1 MUST-1'; echo ok 3; echo '# a note';"
           "exit 1",
    "long": "echo 1..1; echo not ok 1 - long; seq -f '# line %g' 100; exit 1",
    "dies": "echo 1..3; echo ok 1 - one; echo no memory >&2; kill -SEGV $$",
    "short": "echo 1..3; echo ok 1 - one",
}


def prove(*names):
    """Status, and what is printed behind prove's last line."""
    with tempfile.TemporaryDirectory(prefix="barewire-prove-") as work:
        for name in names:
            path = os.path.join(work, name + ".t")
            with open(path, "w", encoding="ascii") as f:
                f.write("#!/bin/bash\n" + TESTS[name] + "\n")
            os.chmod(path, 0o755)
        p = subprocess.run([os.path.join(ROOT, "tests/lib/prove"), "-j2", *(os.path.join(work, n + ".t") for n in names)],
                           env={**os.environ, "B": os.path.join(work, "build")}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    return p.returncode, re.split(r"^Result: \w+\n", p.stdout, flags=re.M)[1]


@case("nothing stands behind tests that passed")
def _():
    check_eq(prove("good", "skipped"), (0, ""))


@case("a case that failed stands at the end with what it said, and nothing else of its test")
def _():
    status, end = prove("good", "bad")
    check(status != 0, "it passes")
    check_eq(end.split("\n")[2:], ["not ok 2 - two", "# because of this", ""])
    check_in("/bad.t", end)
    check("good" not in end, end)


@case("what is too long is cut, and says where the rest is")
def _():
    lines = prove("long")[1].strip().split("\n")
    check_eq(len(lines), 42)
    check_eq(lines[-2], "# line 39")
    check_in("61 lines more: ", lines[-1])


@case("a test that died is named with its standard error and its end; so is one with fewer results than it said")
def _():
    end = prove("dies")[1]
    for part in "did not come to its end", "ok 1 - one", "no memory", "ended with status 139":
        check_in(part, end)
    check_in("did not come to its end", prove("short")[1])


run()
