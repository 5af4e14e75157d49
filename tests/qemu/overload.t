#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An application that computes for each datagram, or for each new HTTP connection, is offered ten times what it can answer. Every frame
is delivered or dropped for a reason that is counted, most of those dropped before they are skbs; ping and HTTP are answered meanwhile,
a connection that was there already before those that come; and afterwards the guest is as before. No speed is measured: the load lasts
until all of that was seen."""
import http.client
import json
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import BUILD, make_tap, need_private_network
from qemu import NICS
from tap import case, check, check_eq, note, run

WORK = 30000              # turns: a hundred datagrams a second, or some hundred
RATE, SECONDS = 5000, 60  # so many are offered, for so long at most
LIMIT = 300
HTTP_RATE, PATIENCE = 1000, 5
OTHERS = 128              # requests of others that may come between two of a connection that is kept


def until(what, holds):
    end = time.monotonic() + LIMIT
    while not holds():
        check(time.monotonic() < end, "never: " + what)
        time.sleep(0.1)


def alive(g):
    """skbs in use, where all equations hold."""
    b = json.loads(g.get("/debug/balance?--json")[2])
    wrong = [name for name, s in b["stages"].items() if not s["balanced"]]
    check(not wrong and b["balanced"], b)
    return b["alive"]


def overloaded(g):
    """Starts the load; returns its process once frames are shed."""
    p = subprocess.Popen([os.path.join(BUILD, "overload"), g.ip, "7", str(RATE), str(SECONDS)], stdout=subprocess.PIPE, text=True)
    until("frames are shed", lambda: g.metrics()['softnet_shed_total{cpu="0"}'] > 1000)
    return p


def crowded(g):
    """The same of clients who connect, ask for a page that costs as much, and do not wait for each other."""
    p = subprocess.Popen([os.path.join(BUILD, "crowd"), g.ip, "80", "/debug/spin?turns=%d" % WORK, str(HTTP_RATE), str(SECONDS), str(PATIENCE)],
                         stdout=subprocess.PIPE, text=True)
    kept = Kept(g)
    until("SYNs are shed", lambda: kept.metric('softnet_shed_total{cpu="0"}') > 1000)
    return p, kept


class Kept:
    """A connection that stays."""

    def __init__(self, g):
        self.c = http.client.HTTPConnection(g.ip, timeout=LIMIT)

    def metric(self, name):
        self.c.request("GET", "/metrics")
        return int(re.search("^barewire_%s (.*)$" % re.escape(name), self.c.getresponse().read().decode(), re.M).group(1))


def ping(g):
    p = subprocess.run(["ping", "-c", "3", "-i", "0.2", "-w", str(LIMIT), g.ip], capture_output=True, text=True)
    return int(re.search(r"(\d+) received", p.stdout).group(1))


need_private_network()
make_tap()
for nic in NICS:
    @case("%s: ten times more datagrams than the application can answer: all are counted, ping and GET are answered, and it passes" % nic)
    def _(nic=nic):
        with Guest(nic=nic, cmdline="app.work=%d" % WORK) as g:
            g.get("/health")
            before, skbs = g.metrics(), alive(g)
            load = overloaded(g)
            check_eq(ping(g), 3, "answers to ping")
            check_eq([g.get("/health")[0] for _ in range(5)], [200] * 5)
            m = g.metrics()
            check(m["UdpOutDatagrams"] > before["UdpOutDatagrams"], "none of the datagrams is answered")
            load.terminate()
            load.wait()
            until("all that was taken is answered", lambda: g.metrics()["UdpOutDatagrams"] == g.metrics()["UdpInDatagrams"])
            m = g.metrics()
            died = m['drops_total{reason="SOCKET_RCVBUFF"}']
            note("%d taken, %d dropped, %d of them before they were skbs" % (m["UdpInDatagrams"], died, m['softnet_shed_total{cpu="0"}']))
            check_eq(died, m["UdpRcvbufErrors"])
            check(m['softnet_shed_total{cpu="0"}'] > died / 2, m)
            until("memory is back", lambda: alive(g) <= skbs)
            ticks = lambda: g.metrics()['softnet_shed_ticks_total{cpu="0"}']
            still = lambda: (ticks(), time.sleep(0.2), ticks())[::2]
            until("no tick sheds any more", lambda: len(set(still())) == 1)
            check_eq(subprocess.run(["ping", "-c", "1", "-w", str(LIMIT), g.ip], capture_output=True).returncode, 0)

    @case("%s: ten times more connections: SYNs die early, one who is connected comes before them, ping is answered, and it passes" % nic)
    def _(nic=nic):
        with Guest(nic=nic, cmdline="app.spin=1 http.max_connections_per_address=131072") as g:
            g.get("/health")
            skbs = alive(g)
            load, kept = crowded(g)
            check_eq(ping(g), 3, "answers to ping")
            asked = [kept.metric("http_requests_total") for _ in range(6)]
            others = [b - a - 1 for a, b in zip(asked, asked[1:])]
            note("others between two requests of a connection that is kept: %s" % others)
            check(max(others) <= OTHERS, others)
            load.terminate()
            load.wait()
            until("nobody is left", lambda: g.metrics()["TcpCurrEstab"] <= 2)
            m = g.metrics()
            died, shed = m['drops_total{reason="TCP_LISTEN_OVERFLOW"}'], m['softnet_shed_total{cpu="0"}']
            note("%d accepted, %d SYNs dropped, %d of them before they were skbs, %d hung up" % (
                m["http_accepted_total"], died, shed, m["TcpExtTCPAbandoned"]))
            check_eq(died, m["TcpExtListenDrops"])
            check(shed > died / 4, m) # the rest came while the rings were polled as always
            until("memory is back", lambda: alive(g) <= skbs)

run()
