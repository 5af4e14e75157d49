# SPDX-License-Identifier: MIT
"""CPUs, their contexts, back traces of CPUs and fibers, interrupts, the log."""
import re

import gdb

from commands import (Problem, array_text, command, flags, machine_cpus, memory, net_cpus, symbol, text,
                      type_of, walk_list, where)

SOFTIRQ_ROWS = ["INBOX", "TIMER", "NET_RX", "NET_TX"]
FIBER_STATES = ["ready", "running", "blocked", "dead"]
# Functions at which one context ends and another begins, with what the frames below (printed above) are.
BOUNDARIES = {"irq_common": "hard interrupt", "exception_common": "exception", "net_poll": "softirq",
              "context_entry": "fiber"}
FRAME_LIMIT = 64


def pending_text(bits):
    return flags(bits, {1 << i: name for i, name in enumerate(SOFTIRQ_ROWS)})


# ---------------------------------------------------------------- CPUs
def threads():
    """gdb's thread of each CPU, in CPU order, leaving the selected one as it was."""
    selected = gdb.selected_thread()
    try:
        for t in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            t.switch()
            yield t
    finally:
        if selected is not None and selected.is_valid():
            selected.switch()


def contexts():
    """From the running function outwards, the contexts of the selected thread."""
    out, frame = [], gdb.newest_frame()
    for _ in range(FRAME_LIMIT):
        if frame is None:
            break
        what = BOUNDARIES.get(frame.name())
        if what and (not out or out[-1] != what):
            out.append(what)
        frame = frame.older()
    return out or ["base"]


@command("cpus", "", "Every CPU: context, what it runs, pending softirqs, deadline of its timer, idle time.")
def k_cpus(_words):
    running = {}
    for t in threads():
        running[t.num - 1] = (contexts(), gdb.newest_frame().name() or hex(gdb.newest_frame().pc()))
    for i, c in enumerate(machine_cpus()):
        context, function = running.get(i, (["?"], "?"))
        net = c["net"]
        line = "cpu%d apic %d %s: %s in %s" % (int(c["id"]), int(c["apic_id"]), "online" if c["online"] else "off",
                                                " in ".join(context), function)
        if int(net):
            line += "; pending %s, bh %d%s" % (pending_text(int(net["pending"])), int(net["bh_count"]),
                                               ", in softirq" if net["in_softirq"] else "")
        armed = int(c["timer_armed_ns"])
        line += "; timer %s" % ("off" if armed == 2**64 - 1 else "%.6f s" % (armed / 1e9))
        yield line + "; idle %.3f s, %d times" % (int(c["idle_ns"]) / 1e9, int(c["idles"]))


@command("softirq", "", "Per CPU: runs and time of each softirq row, polls, restarts, time squeezes.")
def k_softirq(_words):
    for cpu in net_cpus():
        s = cpu["softnet"]
        yield "cpu%d: pending %s, polls %d, restarts %d, frames %d, dropped %d, time_squeeze %d, rps %d, hardirqs %d" % (
            int(cpu["id"]), pending_text(int(cpu["pending"])), *(int(s[f]) for f in (
                "polls", "restarts", "processed", "dropped", "time_squeeze", "received_rps", "hardirqs")))
        for i, name in enumerate(SOFTIRQ_ROWS):
            yield "  %-7s runs %-12d ns %d" % (name, int(s["runs"][i]), int(s["cycles"][i]))


# ---------------------------------------------------------------- back traces
def frame_line(level, frame):
    sal = frame.find_sal()
    place = " at %s:%d" % (sal.symtab.filename, sal.line) if sal.symtab else ""
    return "#%-2d 0x%x %s%s" % (level, frame.pc(), frame.name() or "??", place)


def thread_trace():
    """Frames of the selected thread; a line where the context changes, and what the trace ends at."""
    frame, level = gdb.newest_frame(), 0
    while frame is not None and level < FRAME_LIMIT:
        yield "  " + frame_line(level, frame)
        if frame.name() in BOUNDARIES:
            yield "  ---- %s above" % BOUNDARIES[frame.name()]
        older, reason = frame.older(), frame.unwind_stop_reason()
        if older is None:
            ok = reason in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST)
            yield "  (%s)" % ("root" if ok else "broken: " + gdb.frame_stop_reason_string(reason))
        frame, level = older, level + 1


def fiber_trace(fiber):
    """Frames of a fiber at rest, by the frame pointers that every function keeps, within its stack."""
    frame = fiber["sp"].cast(type_of("struct switch_frame").pointer())
    low = int(fiber["stack"])
    high = low + (1 << 20)  # whatever its size, context_entry ends the walk
    pc, rbp = int(frame["ret"]), int(frame["rbp"])
    for level in range(FRAME_LIMIT):
        name = where(pc)
        yield "  #%-2d 0x%x %s" % (level, pc, name)
        if name.split("+")[0] == "context_entry":
            yield "  (root)"
            return
        if not low <= rbp < high - 16 or rbp & 7:
            yield "  (root)" if rbp == 0 else "  (broken: frame pointer 0x%x)" % rbp
            return
        low = rbp + 1
        pc, rbp = int.from_bytes(memory(rbp + 8, 8), "little"), int.from_bytes(memory(rbp, 8), "little")


def all_fibers():
    for c in machine_cpus():
        for f in walk_list(c["fibers"]["all"], "struct fiber", "all"):
            yield c, f.dereference()


@command("bt", "[-a]", "Back traces of all CPUs, contexts marked; -a: of all fibers too.")
def k_bt(words):
    if words not in ([], ["-a"]):
        raise Problem("usage: k bt [-a]")
    for t in threads():
        yield "cpu%d:" % (t.num - 1)
        yield from thread_trace()
    for c, f in all_fibers() if words else []:
        current = int(c["fibers"]["current"]) == int(f.address)
        yield "fiber %s on cpu%d%s:" % (text(f["name"]), int(c["id"]), " (running: see its CPU)" if current else "")
        if not current:
            yield from fiber_trace(f)


@command("fibers", "", "Every fiber: CPU, state, what it waits for, how often it ran, where it is.")
def k_fibers(_words):
    for c, f in all_fibers():
        frame = f["sp"].cast(type_of("struct switch_frame").pointer())
        current = int(c["fibers"]["current"]) == int(f.address)
        yield "cpu%d %-16s %-8s %-16s runs %-10d %s" % (
            int(c["id"]), text(f["name"]), FIBER_STATES[int(f["state"])], text(f["wait"]), int(f["runs"]),
            "running" if current else where(int(frame["ret"])))


# ---------------------------------------------------------------- interrupts, timers, log
@command("irq", "", "Interrupt lines: vector, name, CPU, counts.")
def k_irq(_words):
    lines, n = symbol("lines"), len(machine_cpus())
    for i in range(lines.type.range()[1] + 1):
        s = lines[i]["stat"]
        if int(s["name"]):
            yield "%3d %-20s cpu%d %s%s" % (int(s["vector"]), text(s["name"]), int(s["cpu"]),
                                           " ".join(str(int(s["count"][c])) for c in range(n)),
                                           ", unhandled %d" % int(s["unhandled"]) if s["unhandled"] else "")


@command("dmesg", "", "The kernel log, as far as its ring goes back.")
def k_dmesg(_words):
    ring, head = symbol("log_ring"), int(symbol("log_head"))
    size = ring.type.range()[1] + 1
    data = memory(int(ring.address), size)
    at = head % size
    data = data[:head] if head <= size else (data[at:] + data[:at]).split(b"\n", 1)[1]
    for line in data.decode("latin-1").rstrip("\n").split("\n"):
        yield re.sub(r"^<\d>", "", line)


@command("panic", "", "The report of a panic, as it was printed.")
def k_panic(_words):
    said = array_text(symbol("panic_text"))
    yield from said.rstrip("\n").split("\n") if said else ["this guest did not panic"]


@command("timers", "", "Armed timers of every CPU, the lazy ones, then the others in the order of their slots: when, and what they call.")
def k_timers(_words):
    for cpu in net_cpus():
        wheel, now = cpu["wheel"], int(cpu["now_ns"])
        yield "cpu%d: %d armed, %d fired" % (int(cpu["id"]), int(wheel["armed"]), int(wheel["fired"]))
        slots = wheel["slots"]
        lists = [slots[level][slot] for level in range(slots.type.range()[1] + 1) for slot in range(slots[level].type.range()[1] + 1)]
        for head in [wheel["lazy"], *lists]:
            for t in walk_list(head, "struct timer", "link"):
                yield "  in %10.3f ms %s  %s" % ((int(t["expires_ns"]) - now) / 1e6, hex(int(t)),
                                                  where(int(t["fn"])).split("+")[0])
