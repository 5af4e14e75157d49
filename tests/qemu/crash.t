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

# crash=KIND on the kernel command line, and the row of kernel/core/exit_codes.h that it must end with.
KINDS = {"null": "NULL_DEREF", "stack": "STACK", "text": "TEXT_WRITE", "exec": "EXEC", "assert": "ASSERT"}
codes = exit_codes()

need_private_network()
for kind, code in KINDS.items():
    @case("crash=%s ends with %s, a report and a symbolised back trace" % (kind, code))
    def _(kind=kind, code=code):
        g = Guest(net="user", cmdline="crash=" + kind)
        try:
            g.start()
            check_eq(g.wait_exit(), codes[code], "exit status; the console:\n%s\n" % g.console()[-3000:])
            console = g.console()
        finally:
            g.stop()
        check(re.search(r"\brip\b.*\b[0-9a-f]{8,16}\b", console, re.I), "no registers in the report:\n" + console[-3000:])
        check(re.search(r"crash_\w*%s\w*\+0x[0-9a-f]+" % kind, console), "no guilty function:\n" + console[-3000:])
        check(re.search(r"kmain|cpu_main|context_entry|fiber", console), "the trace does not reach a root:\n" + console[-3000:])


@case("each kind has a status of its own, and none is 0")
def _():
    statuses = [codes[c] for c in KINDS.values()]
    check(len(set(statuses)) == len(statuses) and 0 not in statuses, str(statuses))


@case("panic=halt stays with the report instead of ending")
def _():
    g = Guest(net="user", cmdline="crash=null panic=halt")
    try:
        g.start()
        g.wait_console(r"(?i)halt")
        check(g.proc.poll() is None, "it ended")
    finally:
        g.stop()


run()
