#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stack does not wait for the application: while that spins, ping is answered, because softirq runs at the end of the
interrupt. No time is measured: what counts is that the answers come before the application does. And the timer goes on where it
finds the application in a system call, which has softirq wait."""
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import make_tap, need_private_network
from qemu import NICS
from tap import case, check, check_eq, note, run

PINGS = 10
SPIN_MS, FEWEST = 2000, 20  # a tick is due every 10 ms; that of a machine with much else to do may be late


def ping(g):
    return subprocess.run(["ping", "-c", str(PINGS), "-i", "0.2", "-w", str(LIMIT), g.ip], capture_output=True, text=True).stdout.strip()


def timer_interrupts(g):
    return int(re.search(r": +([0-9]+)  timer$", g.get("/debug/irq")[2].decode(), re.M).group(1))


need_private_network()
make_tap()
for nic in NICS:
    @case("%s: %d pings are answered while a handler spins" % (nic, PINGS))
    def _(nic=nic):
        with Guest(nic=nic, cmdline="app.spin=1") as g:
            start = time.monotonic()
            ping(g)
            spin = 4 + 3 * (time.monotonic() - start)  # seconds: more than the same pings take on this machine now
            done = threading.Event()
            spinning = threading.Thread(target=lambda: (g.get("/debug/spin?ms=%d" % (1000 * spin)), done.set()))
            spinning.start()
            said = ping(g)
            before = not done.is_set()
            spinning.join()
            note(said.split("\n")[-1])
            check_eq(re.search(r"(\d+) received", said).group(1), str(PINGS), "answers")
            check(before, "the answers came only after the application was done")

@case("the timer goes on while a handler makes system calls for %d ms" % SPIN_MS)
def _():
    with Guest(cmdline="app.spin=1") as g:
        before = timer_interrupts(g)
        check_eq(g.get("/debug/spin?ms=%d&calls=1" % SPIN_MS)[0], 200)
        ticks = timer_interrupts(g) - before
        check(ticks > FEWEST, "%d interrupts of the timer" % ticks)

run()
