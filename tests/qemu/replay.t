#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A recorded run with traffic, once more: the same log and the same end; and gdb goes backwards in it."""
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest, Typed, exit_codes
from net import need_private_network
from qemu import curl, gdb
from tap import case, check, check_eq, check_in, run

REQUESTS = 5
LIMIT = 900  # seconds, where a replay that lost its recording would stand still for ever


def told(console):
    """The guest's own lines, without tools/run's."""
    return [line for line in console.replace("\r", "").split("\n") if not line.startswith("barewire: ")]


class Recorded:
    """A run that served requests and an echo, and was turned off on its console."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="barewire-replay-")
        self.path = os.path.join(self.folder.name, "rr")
        with Typed(net="user", options=("--record", self.path)) as g:
            for _ in range(REQUESTS):
                check_in("barewire", curl(g.url("/")).decode())
            check_eq(g.echo(b"hello" * 1000), b"hello" * 1000, "the echo")
            g.type("")
            g.proc.stdin.write(b"poweroff\r")
            g.proc.stdin.flush()
            self.status, self.console = g.wait_exit(), told(g.console())

    def again(self, **more):
        return Guest(net="user", options=("--replay", self.path, *more.pop("options", ())), **more)


need_private_network()
subject = {}


@case("a run with requests and an echo is recorded")
def _():
    subject["run"] = Recorded()
    check_eq(subject["run"].status, exit_codes()["CLEAN"], "exit status")


@case("replayed, it has the same log and the same exit status, without any traffic from outside")
def _():
    recorded, g = subject["run"], subject["run"].again()
    try:
        g.start()
        check_eq(g.wait_exit(LIMIT), recorded.status, "exit status")
        check_eq(told(g.console()), recorded.console, "console")
    finally:
        g.stop()


@case("gdb reaches a breakpoint by stepping backwards, and by continuing backwards")
def _():
    g = subject["run"].again(gdb=True, options=("--halted",))
    try:
        g.start()
        while not os.path.exists(g.gdb_path):
            check(g.proc.poll() is None, g.console())
            time.sleep(0.02)
        out = gdb(g, "hbreak tcp_rcv", "continue", "printf \"first %lu\\n\", cpus[0].turns", "reverse-stepi", "info symbol $pc",
                  "delete", "hbreak ip_rcv", "reverse-continue", "bt", "printf \"then %lu\\n\", cpus[0].turns", "delete", "kill",
                  limit=LIMIT)
    finally:
        g.stop()
    stops = re.findall(r"^Breakpoint [\d.]+, (?:0x\w+ in )?(\w+)", out, re.M)
    check_eq(stops, ["tcp_rcv", "ip_rcv"], "where it stopped\n" + out[-3000:])
    check(re.search(r"^(?!tcp_rcv)\w+ \+ \d+ in section .text", out, re.M), "no step back into the caller\n" + out[-3000:])
    turns = [int(n) for n in re.findall(r"^(?:first|then) (\d+)", out, re.M)]
    check(len(turns) == 2 and 0 < turns[1] <= turns[0], "not back in time: %s" % turns)
    check_in("netif_receive_skb", out, "the trace there")


run()
