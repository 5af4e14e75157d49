#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every deliberate fault, in every context, ends the guest with a report that names the guilty function, and with an exit
status of its own; what a report has in it; and what is left of it in a core."""
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest, exit_codes
from qemu import LONG, gdb, gdb_core, make_core, pick
from tap import case, check, check_eq, check_in, run
from net import SANITIZED, need_private_network

# crash=KIND@CONTEXT on the kernel command line: the row of kernel/core/exit_codes.h that it must end with, and who is guilty.
KINDS = {
    "null": ("NULL_DEREF", "crash_null"), "write-null": ("NULL_DEREF", "crash_write_null"),
    "stack": ("STACK", "crash_stack_deeper"), "text": ("TEXT_WRITE", "crash_text"),
    "rodata": ("TEXT_WRITE", "crash_rodata"), "alias": ("TEXT_WRITE", "crash_alias"),
    "exec": ("EXEC", "crash_exec"), "jump-null": ("NULL_DEREF", "crash_jump_null"),
    "assert": ("ASSERT", "crash_assert"), "panic": ("PANIC", "crash_panic"),
    "wild": ("PAGE_FAULT", "crash_wild"), "opcode": ("EXCEPTION", "crash_opcode"),
    "canary": ("CANARY", "crash_canary"), "double-free": ("ASSERT", "crash_double_free"),
    "spin": ("STUCK", "crash_spin"), "spin-masked": ("STUCK", "crash_spin_masked"),
}
CONTEXTS = {"fiber": "fiber_main", "irq": "irq_dispatch", "softirq": "net_poll", "last-cpu": "fiber_main", "nmi": "nmi_entry"}
SPINNING = [c for c in CONTEXTS if c != "nmi"]  # nothing looks at a CPU that spins there
# In every context: what depends on its stack, and what is found from outside.
EVERYWHERE = ["stack", "null", "spin", "spin-masked"]
ROWS = [(kind, "boot") for kind in KINDS] + [(kind, context) for context in CONTEXTS
                                             for kind in (EVERYWHERE if context in pick(["irq", "last-cpu"], SPINNING) else ["stack"])]
ROWS += [("null", "nmi")]
if SANITIZED:
    KINDS["double-free"] = ("SANITIZER", "crash_double_free")
    KINDS["canary"] = ("SANITIZER", "crash_canary_smash")
codes = exit_codes()


def crashed(kind, context="boot", words="", cpus=1, machine="pc"):
    """(status, console) of a guest that does this."""
    if context == "last-cpu":
        cpus = 2
    g = Guest(net="user", cpus=cpus, options=("--machine", machine), cmdline="crash=%s@%s watchdog=2 %s" % (kind, context, words))
    try:
        g.start()
        return g.wait_exit(), g.console()
    finally:
        g.stop()


def report_of(console):
    return console[console.find("==== panic:"):].replace("\r", "")


need_private_network()
with ThreadPoolExecutor(2) as pool:  # a guest that spins waits for its watchdog: two at a time
    ended = {row: pool.submit(crashed, *row) for row in ROWS}
for kind, context in ROWS:
    code, guilty = KINDS[kind]

    @case("crash=%s@%s ends with %s and a report whose back trace names %s" % (kind, context, code, guilty))
    def _(kind=kind, context=context, code=code, guilty=guilty):
        status, console = ended[kind, context].result()
        check_eq(status, codes[code], "exit status; the console:\n%s\n" % console[-3000:])
        trace = report_of(console).split("back trace:\n")[1].split("\nend of the log")[0].split("\nCPU ")[0]
        check(re.search(r"^  [0-9a-f]{16}  %s\+0x" % guilty, trace, re.M), "not named:\n" + trace)
        if code != "CANARY":  # that one overwrites the way back
            check("  (root)" in trace, "the trace does not end at a root:\n" + trace)
            check_in(CONTEXTS.get(context, "kmain"), trace)


@case("the double fault's own stack may end, too: the report is written from its top again")
def _():
    status, console = crashed("stack", "double-fault")
    check_eq(status, codes["STACK"], "exit status; the console:\n%s\n" % console[-3000:])
    trace = report_of(console).split("back trace:\n")[1].split("\nend of the log")[0]
    check(re.search(r"^  [0-9a-f]{16}  crash_stack_deeper\+0x", trace, re.M), "not named:\n" + trace)
    check_in("==== end of panic: stack overflow", console)


@case("each kind of fault has a status of its own, and none is that of success")
def _():
    kinds = ("write-null", "stack", "text", "exec", "assert", "spin", "wild", "opcode", "canary", "panic")
    statuses = [codes[KINDS[k][0]] for k in kinds]
    check_eq(len(set(statuses)), len(kinds), "different ones")
    check(0 not in statuses and codes["CLEAN"] not in statuses, str(statuses))


@case("a report has the registers, where every CPU was, the rooms' sections, the log's end and the build id")
def _():
    status, console = crashed("spin-masked", "last-cpu", cpus=2)
    report = report_of(console)
    check_eq(status, codes["STUCK"], "exit status")
    for text in ("is stuck in crash, interrupts off", "rip ", "CPU 0 stopped at:", "CPUs:", "counters:", "end of the log:",
                 "barewire ready", "==== end of panic"):
        check_in(text, report)
    check(re.search(r"build [0-9a-f]{40}", report), report[:300])
    first = report.split("CPU 0 stopped at:")[1].split("end of the log")[0]
    check_in("cpu_main", first, "the other CPU's trace")
    check_in("  (root)", first, "the other CPU's trace")


@case("the watchdog works without an HPET, and watchdog=0 turns it off")
def _():
    status, console = crashed("spin-masked", machine="pc,hpet=off")
    check_eq(status, codes["STUCK"], "exit status")
    check_in("pit through GSI 2", console)
    g = Guest(net="user", cmdline="watchdog=0", options=("--timeout", "600"))
    with g:
        check("watchdog:" not in g.console(), "it is on")


@case("an NMI while the report is written, as the watchdog's come once a second, does not end it")
def _():
    g = Guest(net="user", gdb=True, cmdline="crash=panic", options=("--halted",))
    try:
        g.start()
        while not os.path.exists(g.gdb_path):
            check(g.proc.poll() is None, g.console())
            time.sleep(0.02)
        out = gdb(g, "hbreak report_parts", "continue", "delete", "monitor nmi")
        check_in("Breakpoint 1, report_parts", out)
        check_eq(g.wait_exit(), codes["PANIC"], "exit status")
        check_in("==== end of panic", g.console())
    finally:
        g.stop()


@case("panic=halt stays with the report, and a core of it has the report and its CPUs")
def _():
    g = Guest(net="user", cmdline="crash=null panic=halt")
    try:
        g.start()
        g.wait_console(r"(?m)^halted")
        check(g.proc.poll() is None, "it ended")
        out = gdb_core(make_core(g), "k panic", "k bt")
        report = report_of(g.console())
        check_in(report[:report.index("halted")].strip(), out.replace("\r", ""), "the report in the core")
        check_in("crash_null", out)
    finally:
        g.stop()


@case("panic=reboot resets the machine")
def _():
    check_eq(crashed("null", words="panic=reboot")[0], 1, "status of tools/run after a reset")


if LONG:
    @case("the counter of the watchdog's timer may wrap")
    def _():
        with Guest(net="user", cmdline="watchdog=2") as g:
            time.sleep(50)  # 2^32 ticks of QEMU's HPET are 43 s
            check_eq(g.get("/health")[0], 200, "the guest afterwards")


@case("a pressed NMI button makes a report")
def _():
    with Guest(net="user") as g:
        g.qmp("inject-nmi")
        check_eq(g.wait_exit(), codes["EXCEPTION"], "exit status")
        check_in("==== panic: NMI", g.console())


run()
