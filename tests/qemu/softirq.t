#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stack does not wait for the application: while that spins, ping is answered, because softirq runs at the end of the
interrupt. No time is measured: what counts is that the answers come before the application does."""
import os
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import make_tap, need_private_network
from qemu import NICS
from tap import case, check, check_eq, note, run

PINGS = 10

need_private_network()
make_tap()
for nic in NICS:
    @case("%s: %d pings are answered while a handler spins for five seconds" % (nic, PINGS))
    def _(nic=nic):
        with Guest(nic=nic, cmdline="app.spin=1") as g:
            subprocess.run(["ping", "-c1", "-w30", g.ip], check=True, capture_output=True)
            done = threading.Event()
            spinning = threading.Thread(target=lambda: (g.get("/debug/spin?ms=5000"), done.set()))
            spinning.start()
            p = subprocess.run(["ping", "-c", str(PINGS), "-i", "0.2", "-w", "20", g.ip], capture_output=True, text=True)
            before = not done.is_set()
            spinning.join()
            note(p.stdout.strip().split("\n")[-1])
            check_eq(re.search(r"(\d+) received", p.stdout).group(1), str(PINGS), "answers")
            check(before, "the answers came only after the application was done")

run()
