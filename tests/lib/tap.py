# SPDX-License-Identifier: MIT
"""Test cases in TAP, for prove. A case is a function under @case("a sentence"); it fails by an exception.

    @case("an echo comes back")
    def _():
        check_eq(echo(b"hello"), b"hello")

    run()
"""
import sys
import time
import traceback

_cases = []
_reqs = []  # that the running case names


class Skip(Exception):
    """Raised by a case that cannot run here; its text says why."""


def case(sentence):
    def keep(fn):
        _cases.append((sentence, fn))
        return fn
    return keep


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def check_eq(got, want, what=""):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what or "differs", got, want))


def check_in(part, whole, what=""):
    if part not in whole:
        raise AssertionError("%s: no %r in %r" % (what or "missing", part, whole[-2000:]))


def req(*names):
    """Names requirements that this case shows, for tools/rfc: req("9293 MUST-12"), first in the case."""
    _reqs.extend(names)


def note(*words):
    """A line for the reader of the test's output."""
    for line in " ".join(map(str, words)).split("\n"):
        print("#", line, flush=True)


def skip_all(why):
    print("1..0 # SKIP " + why)
    sys.exit(0)


def run():
    """Runs the cases in the order in which they stand; the process's status says whether all held."""
    print("1..%d" % len(_cases), flush=True)
    failed = 0
    for number, (sentence, fn) in enumerate(_cases, 1):
        start = time.monotonic()
        _reqs.clear()
        try:
            fn()
            print("ok %d - %s" % (number, sentence), flush=True)
        except Skip as e:
            print("ok %d - %s # SKIP %s" % (number, sentence, e), flush=True)
        except Exception as e:  # a failed check, or a program that ended otherwise than it should
            failed += 1
            print("not ok %d - %s" % (number, sentence), flush=True)
            if isinstance(e, AssertionError):
                where = traceback.extract_tb(e.__traceback__)
                last = [f for f in where if not f.filename.endswith("tap.py")][-1]
                note("%s:%d: %s" % (last.filename, last.lineno, e))
            else:
                note(traceback.format_exc().rstrip())
        for name in _reqs:
            note("req", name)
        if "-t" in sys.argv:
            note("%.1f s" % (time.monotonic() - start))
    sys.exit(bool(failed))
