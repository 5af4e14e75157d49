# SPDX-License-Identifier: MIT
"""gdb commands that know barewire: `source tools/gdb/barewire.py`, then `k help`. `make debug` loads it.

They read memory only and call nothing in the guest, so they work wherever it is stopped, and on a core alike.
One file per topic: machine.py (CPUs, back traces, log), memory.py (pages, slabs, page tables), device.py (devices, rings,
qdiscs), stack.py (counters, one skb), sockets.py (ss, TCBs, HTTP), routes.py (neighbours, routes, prefixes, fragments), skbs.py
(who has which skb), traces.py (trace events, kept frames, tracked connections), flows.py (steering, GRO, the flow cache, NAT),
check.py (invariants), stops.py (break-...), printers.py (how values look, functions as $sk).
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(os.path.expanduser(__file__)))
if HERE not in sys.path:
    sys.path.insert(0, HERE)
sys.dont_write_bytecode = True

import commands  # noqa: E402
import machine  # noqa: E402,F401  importing a topic registers its commands
import device  # noqa: E402,F401
import stack  # noqa: E402,F401
import sockets  # noqa: E402,F401
import routes  # noqa: E402,F401
import memory  # noqa: E402,F401
import skbs  # noqa: E402,F401
import traces  # noqa: E402,F401
import flows  # noqa: E402,F401
import check  # noqa: E402,F401
import stops  # noqa: E402,F401
import printers  # noqa: E402,F401

commands.finish()
