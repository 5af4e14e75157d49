# SPDX-License-Identifier: MIT
"""Receive livelock: an application of a given cost is offered half to ten times what it can do, and how much of it is done.

UDP: the echo computes for each datagram (app.work, a number of turns of the same instructions), and senders do not wait for answers
(overload.c). HTTP: GETs of a page that costs something (/debug/spin?turns=), from clients who come at a rate, connect, ask once, and give
up after some seconds (crowd.c). What the guest can do is found first: the most that comes back at rates that double. The application's
cost is chosen so that ten times that rate is still one which QEMU's I/O thread and the sender handle: it is the guest that ends first.

Answers per second depend on who else uses this machine. So they are counted per second of QEMU's processor time too, and instructions
per answer depend on nothing else: a guest that works on what it then drops needs more of them."""
import json
import os
import statistics
import subprocess
import time

import insns
from net import BUILD

TIMES = (0.5, 0.75, 1, 1.5, 2, 3, 5, 7, 10)
HTTP_TIMES = (1, 2, 5, 10)
WORK, HTTP_WORK = 1500, 100000  # turns, of 171 instructions each: ten times what is left is a rate that QEMU and the senders carry, too
PATIENCE = 10                 # seconds, of HTTP clients
CMDLINE = "app.work=%d app.spin=1 http.max_connections_per_address=131072" % WORK


def run(tool, *words, limit):
    p = subprocess.run([os.path.join(BUILD, tool), *map(str, words)], capture_output=True, text=True, timeout=limit)
    if p.returncode:
        raise RuntimeError(tool + ": " + p.stderr)
    return json.loads(p.stdout)


class Udp:
    name, times, first_rate, most_rate = "overload", TIMES, 500, 200000

    @staticmethod
    def offer(guest, rate, seconds):
        """Answers per second, all of them, and what was offered per second. Those that the guest has sent: what this machine loses of
        them is not the guest's doing."""
        before = guest.metrics()["UdpOutDatagrams"]
        r = run("overload", guest.ip, 7, int(rate), seconds, limit=seconds + 30)
        n = guest.metrics()["UdpOutDatagrams"] - before
        return n / seconds, n, r["offered"]


class Http:
    name, times, first_rate, most_rate = "overload HTTP", HTTP_TIMES, 50, 20000

    @staticmethod
    def offer(guest, rate, seconds):
        """Answers per second while clients came, those to the last of them too, and what was offered."""
        r = run("crowd", guest.ip, 80, "/debug/spin?turns=%d" % HTTP_WORK, int(rate), seconds, PATIENCE, limit=seconds + 60)
        time.sleep(2)  # what is left of those who gave up
        return r["goodput"], r["answered"], r["came"] / seconds


def capacity(kind, guest, seconds):
    """Answers per second, where more questions bring no more of them."""
    rate, best = kind.first_rate, 0
    while rate <= kind.most_rate:
        got = kind.offer(guest, rate, seconds)[0]
        if got < 0.7 * rate and got < 1.1 * best:
            break
        best, rate = max(best, got), 2 * rate
    return best


def processor_s(guest):
    """Seconds of processor time that QEMU has had."""
    with open("/proc/%d/stat" % guest.qemu_pid(), encoding="ascii") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def sweep(kind, guest, path, limit, seconds, rounds, profiled):
    """times the capacity -> (offered/s, goodput/s, instructions per answer, answers per second of QEMU's processor time), medians of the
    rounds. profiled(times, after, before, answers) is called for each."""
    runs = {k: [] for k in kind.times}
    for _ in range(rounds):
        for k in kind.times:
            before, ran = insns.Counts(path), processor_s(guest)
            good, n, offered = kind.offer(guest, k * limit, seconds)
            after, n = insns.Counts(path), max(1, n)
            profiled(k, after, before, n)
            runs[k].append((offered, good, after.since(before)["insns"] / n, n / max(0.01, processor_s(guest) - ran)))
    return {k: tuple(statistics.median(x[i] for x in v) for i in range(4)) for k, v in runs.items()}


def put_rows(lab, kind, guest, nic, rows):
    for k, (_, good, cost, rate) in rows.items():
        lab.put("%s x%g, answers/s" % (kind.name, k), guest, nic, good)
        lab.put("%s x%g, answers/s of QEMU's CPU" % (kind.name, k), guest, nic, rate)
        lab.put("insns/answer, %s x%g" % (kind.name, k), guest, nic, cost)
    loaded = [cost for k, (_, _, cost, _) in rows.items() if k >= 1]
    lab.put(kind.name + " x10, % of the peak", guest, nic, 100 * rows[10][1] / max(row[1] for row in rows.values()))
    lab.put(kind.name + " x10, % of the peak by QEMU's CPU", guest, nic, 100 * rows[10][3] / max(row[3] for row in rows.values()))
    lab.put(kind.name + " x10, % of the peak by insns", guest, nic, 100 * min(loaded) / rows[10][2])


def measure(lab, guest, path, nic, boot, folder=None, symbols=None):
    def profiled(k, after, before, answers):
        if symbols and k in (1, 10):
            lab.profiles += ["insns/answer, %s x%g, %s" % (kind.name, k, nic), *insns.profile(symbols, after, before, answers)]

    boot(guest)
    try:
        for kind, seconds in ((Udp, lab.seconds), (Http, 4 * lab.seconds)):
            if kind is Http and folder:  # a plot is of datagrams
                continue
            limit = capacity(kind, guest, lab.seconds)
            lab.put(kind.name + ": capacity, answers/s", guest, nic, limit)
            rows = sweep(kind, guest, path, limit, seconds, lab.rounds, profiled)
            put_rows(lab, kind, guest, nic, rows)
            if folder:
                plot(folder, nic, rows)
    finally:
        guest.stop()


def plot(folder, nic, rows):
    with open(os.path.join(folder, "overload-" + nic), "w", encoding="utf-8") as f:
        f.write("# UDP echo that costs something, under overload: what comes back of what is offered (%s)\n" % nic)
        f.write("offered, times the capacity\tanswers/s: goodput\tanswers/s: of QEMU's processor time\tinstructions: per answer\n")
        for k, (_, good, cost, rate) in rows.items():
            f.write("%g\t%g\t%g\t%g\n" % (k, good, rate, cost))
