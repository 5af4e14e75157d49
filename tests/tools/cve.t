#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/cve tells which attack is shown by which case, and what no case shows; the tree's own lists name cases that there are."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import case, check_eq, check_in, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
work = tempfile.TemporaryDirectory(prefix="barewire-cve-")
LIST = "# two\nCVE-2020-0001 | a | loops | it: does_it, it: does_more\nCVE-2020-00002 | b | more | absent: not spoken\n"
SHOWN = "1..2\nok 1 - does it\nok 2 - does more\n"


def cve(text=LIST, tap=SHOWN, *args):
    """Exit status and output for one list and the TAP of one program, unit-it."""
    paths = [os.path.join(work.name, n) for n in ("a.cve", "unit-it.tap")]
    for path, content in zip(paths, (text, tap)):
        with open(path, "w", encoding="utf-8") as f:
            f.write(content)
    p = subprocess.run([os.path.join(ROOT, "tools/cve"), *args, "--lists", work.name, paths[1]], capture_output=True, text=True,
                       check=False)
    check_eq(p.stderr, "")
    return p.returncode, p.stdout


@case("an attack is shown when each case that it names passed")
def _():
    status, out = cve()
    check_eq(status, 0, out)
    check_in("ok it: does_more", out)
    check_in("absent: not spoken", out)
    check_in("cve: 2 attacks: 1 shown by 2 cases, 1 cannot happen here, 0 errors\n", out)


@case("a case that did not run, was skipped or failed is an error")
def _():
    for tap, word in (("1..1\nok 1 - does it\n", "did not run"), (SHOWN.replace("does more", "does more # SKIP no"), "skipped"),
                      (SHOWN.replace("ok 2", "not ok 2"), "not ok")):
        status, out = cve(LIST, tap, "--short")
        check_eq(status, 1, out)
        check_in("cve: error: CVE-2020-0001: %s: it: does_more" % word, out)


@case("a line that is not of the form, and a CVE listed twice, are errors")
def _():
    for bad in ("CVE-2020-1 | a | b | it: does_it\n", "CVE-2020-1234 | a | it: does_it\n", "CVE-2020-1234 | a | b | it does_it\n",
                "CVE-2020-1234 | a | b | absent:\n", "CVE-2020-1234 | | b | it: does_it\n"):
        status, out = cve(LIST + bad)
        check_eq(status, 1, bad)
        check_in("a.cve:4: not `CVE-", out)
    check_in("listed twice", cve(LIST + LIST)[1])


@case("each case that the lists of the tree name is in the unit test that they say")
def _():
    missing = []
    for name in os.listdir(os.path.join(ROOT, "tests/cve")):
        with open(os.path.join(ROOT, "tests/cve", name), encoding="utf-8") as f:
            for test, title in re.findall(r"[|,] (\w+): (\w+)(?=,|$)", f.read(), re.M):
                path = os.path.join(ROOT, "tests/unit/test_%s.c" % test)
                source = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
                if test != "absent" and "TEST(%s)" % title not in source:
                    missing.append("%s: %s: %s" % (name, test, title))
    check_eq(missing, [])


run()
