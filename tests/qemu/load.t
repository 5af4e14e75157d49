#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Under load from wrk there are no socket errors and no answers but 200, and afterwards the books balance: every frame that came
in was delivered, is queued, or was dropped for a reason; every skb that was taken is back or in use."""
import json
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import make_tap, need_private_network
from qemu import NICS, pick
from tap import case, check, check_eq, note, run

SECONDS = pick(5, 30)


def balance(g):
    """The equations that the guest's `balance` command prints: name -> (left side, terms of the right side)."""
    status, _, body = g.get("/debug/balance")
    check_eq(status, 200, "/debug/balance")
    rows = re.findall(r"^(in|skbs) +(\d+) = (.*)$", body.decode(), re.M)
    check_eq([r[0] for r in rows], ["in", "skbs"], body)
    check("NOT BALANCED" not in body.decode(), body)
    return {name: (int(whole), [int(n) for n in re.findall(r"\d+", rest)]) for name, whole, rest in rows}


need_private_network()
make_tap()
for nic in NICS:
    @case("%s: wrk with 64 connections for %d s: no errors, and the counters balance" % (nic, SECONDS))
    def _(nic=nic):
        with Guest(nic=nic) as g:
            out = subprocess.run(["wrk", "-t2", "-c64", "-d%ds" % SECONDS, "--timeout", "%ds" % LIMIT, g.url("/index.html")],
                                 capture_output=True, text=True, check=True).stdout
            note(re.search(r"Requests/sec.*", out).group(0))
            check("Socket errors" not in out and "Non-2xx" not in out, out)
            check(int(re.search(r"(\d+) requests in", out).group(1)) > 0, out)
            for name, (whole, parts) in balance(g).items():
                note("%s: %d = %s" % (name, whole, " + ".join(map(str, parts))))
                check_eq(sum(parts), whole, name)
            stages = json.loads(g.get("/debug/balance?--json")[2])["stages"]
            check_eq([name for name, s in stages.items() if not s["balanced"]], [], stages)
            check(stages["transport"]["out"]["tcp"] and stages["output"]["in"]["ip"], stages)

run()
