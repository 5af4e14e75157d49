#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every deliberate fault ends the guest with a report that names the guilty function, and with an exit status of its own."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest, exit_codes
from tap import case, check, check_eq, run
from net import need_private_network

# crash=KIND on the kernel command line: the row of kernel/core/exit_codes.h that it must end with, and who is guilty.
KINDS = {
    "null": ("NULL_DEREF", "crash_null"), "write-null": ("NULL_DEREF", "crash_write_null"),
    "stack": ("STACK", "crash_stack_deeper"), "text": ("TEXT_WRITE", "crash_text"),
    "rodata": ("TEXT_WRITE", "crash_rodata"), "alias": ("TEXT_WRITE", "crash_alias"),
    "exec": ("EXEC", "crash_exec"), "jump-null": ("NULL_DEREF", "crash_jump_null"),
    "assert": ("ASSERT", "crash_assert"), "panic": ("PANIC", "crash_panic"),
    "wild": ("PAGE_FAULT", "crash_wild"), "opcode": ("EXCEPTION", "crash_opcode"),
    "canary": ("CANARY", "crash_canary"), "double-free": ("ASSERT", "crash_double_free"),
}
codes = exit_codes()

need_private_network()
for kind, (code, guilty) in KINDS.items():
    @case("crash=%s ends with %s and a report whose back trace names %s" % (kind, code, guilty))
    def _(kind=kind, code=code, guilty=guilty):
        g = Guest(net="user", cmdline="crash=" + kind)
        try:
            g.start()
            status, console = g.wait_exit(), g.console()
        finally:
            g.stop()
        check_eq(status, codes[code], "exit status; the console:\n%s\n" % console[-3000:])
        report = console[console.find("==== panic:"):]
        check(re.search(r"^  [0-9a-f]{16}  %s\+0x" % guilty, report, re.M), "not named:\n" + report)
        if kind != "canary":  # that one overwrites the way back
            check("  (root)" in report, "the trace does not end at a root:\n" + report)


@case("a NULL write, a stack overflow, a write to text, execution of data and a failed assertion have a status each, and none is that of success")
def _():
    statuses = [codes[KINDS[k][0]] for k in ("write-null", "stack", "text", "exec", "assert")]
    check_eq(len(set(statuses)), 5, "different ones")
    check(0 not in statuses and codes["CLEAN"] not in statuses, str(statuses))


@case("panic=halt stays with the report instead of ending")
def _():
    g = Guest(net="user", cmdline="crash=null panic=halt")
    try:
        g.start()
        g.wait_console(r"(?m)^halted")
        check(g.proc.poll() is None, "it ended")
    finally:
        g.stop()


run()
