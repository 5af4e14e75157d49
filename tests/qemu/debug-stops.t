#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""gdb's stops, printers and functions on a guest under load."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import HOST_IP, die_with_parent, make_tap, need_private_network
from qemu import gdb
from tap import case, check, check_in, run


def under_load(*commands):
    with Guest(gdb=True) as g:
        load = subprocess.Popen(["wrk", "-t1", "-c4", "-d600s", "--timeout", "60s", g.url("/index.html")], stdout=subprocess.DEVNULL,
                                preexec_fn=die_with_parent)
        try:
            g.get("/")
            return gdb(g, *commands)
        finally:
            load.kill()
            load.wait()


need_private_network()
make_tap()


@case("k break-conn stops at a segment of the port, and what is printed there is readable")
def _():
    out = under_load("k break-conn 80", "continue", "p *skb", "p skb->ip.src", "p $sk(80)->snd.una", "p $cpu(0)->id",
                     'p $ip("1.2.3.4") == 0x04030201', "p $sk(80)->timer", "p *skb->dev", "p $sk(80)->tsorted", "p $when(skb->tstamp_ns)", "delete")
    for pattern in (r"^Breakpoint 1.*tcp_rcv", r"= skb 0x\w+ len \d+", r"= " + re.escape(HOST_IP), r"= seq \d+", r"= 0$", r"= 1$",
                    r"= timer \w+ (at [\d.]+ s \([+-][\d.]+\)|not armed)", r"= device eth0 \[UP,\S+\] mtu 1500 features \S*RXCSUM",
                    r"= list(, empty| of \d+, first 0x)", r'= "[\d.]+ s \(-?\+?[\d.]+\)"'):
        check(re.search(pattern, out, re.M), "no %r in:\n%s" % (pattern, out[-2000:]))


@case("k watch-tcb stops when the field changes")
def _():
    out = under_load("k watch-tcb $sk(80) snd.nxt", "continue", "bt", "delete")
    check(re.search(r"^Old value = ", out, re.M), out[-2000:])
    check_in("tcp_", out[out.index("Old value"):])


@case("k break-drop and k break-state take names, and refuse others with a list of them")
def _():
    out = under_load("k break-drop NO_SOCKET", "k break-state ESTABLISHED CLOSE_WAIT", "k break-state - NONSENSE",
                     "k break-drop NONSENSE", "delete")
    check_in("in tcp_set_state if t->sk.state == 1 && state == 8", out)
    check_in("in kfree_skb_reason if reason > 0 && (reason & 255) == ", out)
    check(out.count("'NONSENSE' is none of") == 2, out[-2000:])


run()
