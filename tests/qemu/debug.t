#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb on a running guest, in batch mode over a unix socket: back traces from every context end at a marked root, and the
project's commands read what is there."""
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import make_tap, need_private_network
from qemu import NICS, gdb
from tap import case, check, check_in, note, run

# A function that only ever runs in the context, and what must stand in its trace further out, in this order.
CONTEXTS = {
    "hard interrupt": ("irq_dispatch", ["irq_entry", "irq_common"]),
    "softirq at the end of an interrupt": ("net_poll", ["irq_common"]),
    "softirq, TCP": ("tcp_flush", ["net_poll"]),
    "the loop": ("fiber_run_ready", ["cpu_main"]),
    "a fiber": ("sys_epoll_wait", ["context_entry"]),
}
COMMANDS = ["cpus", "softirq", "dmesg", "fibers", "bt -a", "irq", "timers", "dev", "napi", "ring eth0", "ring eth0 -v", "pci",
            "ss", "ss -i", "nstat", "drops", "balance", "pools", "neigh", "help"]


class Debugged(Guest):
    """A guest with a gdb socket, and traffic that keeps every context busy while the body runs."""

    def __init__(self, nic):
        super().__init__(nic=nic, gdb=True)
        self.quit = threading.Event()

    def __enter__(self):
        super().__enter__()
        self.traffic = threading.Thread(target=self.talk, daemon=True)
        self.traffic.start()
        return self

    def __exit__(self, *_):
        self.quit.set()
        super().__exit__()
        self.traffic.join()

    def talk(self):
        while not self.quit.wait(0.02):
            try:
                self.get("/")
            except OSError:
                pass  # the guest is stopped, or its end has come


def trace_after(text):
    """The function names of gdb's back trace, innermost first, and whether it ends where a root is marked."""
    frames = re.findall(r"^#\d+\s+(?:0x[0-9a-f]+ in )?([\w.]+)", text, re.M)
    broken = re.search(r"Backtrace stopped: (.*)", text)
    return frames, broken and broken.group(1)


need_private_network()
make_tap()
for name, (function, further) in CONTEXTS.items():
    @case("a back trace from %s (%s) ends at a marked root" % (name, function))
    def _(function=function, further=further):
        with Debugged("virtio-net") as g:
            out = gdb(g, "hbreak " + function, "continue", "bt", "delete")
        frames, broken = trace_after(out[out.find("Breakpoint 1, "):])
        note(" < ".join(frames))
        check(not broken, "gdb gave up: %s\n%s" % (broken, out[-3000:]))
        check(frames and frames[0] == function, "no stop in %s:\n%s" % (function, out[-3000:]))
        rest = iter(frames)
        check(all(f in rest for f in further), "no %s further out" % further)

for nic in NICS:
    @case("%s: every k command reads a live guest without an error" % nic)
    def _(nic=nic):
        with Debugged(nic) as g:
            marks = [c for name in COMMANDS for c in ("echo \\n== %s\\n" % name, "k " + name)]
            out = gdb(g, *marks)
            status, _, _ = g.get("/")
        parts = dict(re.findall(r"^== (.*)\n((?:(?!== ).*\n?)*)", out, re.M))
        for name in COMMANDS:
            text = parts.get(name, "")
            check(text.strip(), "k %s says nothing:\n%s" % (name, out[-3000:]))
            for bad in ("Python Exception", "memory ends here", "this image has no", "broken:", "No such command"):
                check(bad not in text, "k %s: %s" % (name, text))
        check_in("eth0", parts["dev"])
        check_in("LISTEN", parts["ss"])
        check_in("barewire ready", parts["dmesg"])
        check(status == 200, "the guest does not go on")

run()
