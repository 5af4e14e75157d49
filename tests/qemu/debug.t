#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb on a running guest, in batch mode over a unix socket: back traces from every context end at a marked root."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import ROOT, die_with_parent, make_tap, need_private_network
from qemu import gdb, pick
from tap import case, check, note, run

SAMPLES = pick(100, 1000)
INTERRUPT = "<signal handler called>"  # what gdb calls a frame of the entry code
# A function that runs in the context (and when), and what must stand in its trace further out, in this order.
CONTEXTS = {
    "hard interrupt": ("irq_dispatch", ["irq_entry", INTERRUPT, "kmain"]),
    "softirq at the end of an interrupt": ("net_poll if cpus[0].irq_depth", ["on_irq_exit", INTERRUPT]),
    "softirq, TCP": ("tcp_flush", ["net_poll"]),
    "the loop": ("fiber_run_ready", ["cpu_main", "kmain"]),
    "a fiber": ("sys_epoll_wait", ["context_entry"]),
}


class Debugged(Guest):
    """A guest with a gdb socket, and with load that keeps every context busy while the body runs."""

    def __init__(self, nic):
        super().__init__(nic=nic, gdb=True)

    def __enter__(self):
        super().__enter__()
        self.load = subprocess.Popen(["wrk", "-t1", "-c8", "-d600s", "--timeout", "60s", self.url("/index.html")],
                                     stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        return self

    def __exit__(self, *_):
        self.load.kill()
        self.load.wait()
        super().__exit__()


def trace_after(text):
    """The function names of gdb's back trace, innermost first, and whether it ends where a root is marked."""
    frames = re.findall(r"^#\d+\s+(?:0x[0-9a-f]+ in )?([\w.]+|<signal handler called>)", text, re.M)
    broken = re.search(r"Backtrace stopped: (.*)", text)
    return frames, broken and broken.group(1)


need_private_network()
make_tap()
for name, (place, further) in CONTEXTS.items():
    @case("a back trace from %s (%s) ends at a marked root" % (name, place))
    def _(place=place, further=further):
        function = place.split()[0]
        with Debugged("virtio-net") as g:
            out = gdb(g, "hbreak " + place, "continue", "bt", "delete")
        frames, broken = trace_after(out[re.search(r"^Breakpoint 1(\.\d+)?, |$", out, re.M).start():])
        note(" < ".join(frames))
        check(not broken, "gdb gave up: %s\n%s" % (broken, out[-3000:]))
        check(frames and frames[0] == function, "no stop in %s:\n%s" % (function, out[-3000:]))
        rest = iter(frames)
        check(all(f in rest for f in further), "no %s further out" % further)

@case("at %d moments taken at random under load the back trace ends at a marked root" % SAMPLES)
def _():
    with Debugged("virtio-net") as g:
        out = gdb(g, "set $samples = %d" % SAMPLES, "source " + os.path.join(ROOT, "tests/lib/sample_gdb.py"))
    result = re.search(r"^samples (\d+) good (\d+) places (\d+) roots (.*)$", out, re.M)
    check(result, out[-3000:])
    note(result.group(0))
    check(result.group(1) == result.group(2), "\n".join(re.findall(r"^sample broken.*", out, re.M)))


run()
