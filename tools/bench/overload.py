# SPDX-License-Identifier: MIT
"""Receive livelock: datagrams to the UDP echo from half to ten times what it can answer, and how many come back.

The sender does not wait for answers (overload.c). What the guest can answer is found first: the most that comes back at rates that
double. The guest's processor is slowed by the plugin that counts its instructions, so that the guest is what ends first and
not QEMU's I/O thread or the sender. Answers per second depend on who else uses this machine, and the sender at ten times the capacity
uses much of it. So they are counted per second of QEMU's processor time too, and instructions per answer depend on nothing else:
a guest that works on what it then drops needs more of them."""
import json
import os
import statistics
import subprocess

import insns
from net import BUILD

TIMES = (0.5, 0.75, 1, 1.5, 2, 3, 5, 7, 10)
FIRST_RATE, MOST_RATE = 4000, 1000000


def offer(guest, rate, seconds):
    p = subprocess.run([os.path.join(BUILD, "overload"), guest.ip, "7", str(int(rate)), str(seconds)], capture_output=True, text=True,
                       timeout=seconds + 30)
    if p.returncode:
        raise RuntimeError("overload: " + p.stderr)
    return json.loads(p.stdout)


def answered(guest):
    """Datagrams that the guest has sent: what this machine loses of them is not the guest's doing."""
    return guest.metrics()["UdpOutDatagrams"]


def capacity(guest, seconds):
    """Answers per second, where more questions bring no more of them."""
    rate, best = FIRST_RATE, 0
    while rate <= MOST_RATE:
        before = answered(guest)
        offer(guest, rate, seconds)
        got = (answered(guest) - before) / seconds
        if got < 0.7 * rate and got < 1.1 * best:
            break
        best, rate = max(best, got), 2 * rate
    return best


def processor_s(guest):
    """Seconds of processor time that QEMU has had."""
    with open("/proc/%d/stat" % guest.qemu_pid(), encoding="ascii") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def sweep(guest, path, limit, seconds, rounds):
    """times the capacity -> (offered/s, goodput/s, instructions per answer, answers per second of QEMU's processor time), medians of the rounds."""
    runs = {k: [] for k in TIMES}
    for _ in range(rounds):
        for k in TIMES:
            first, before, ran = answered(guest), insns.Counts(path), processor_s(guest)
            r = offer(guest, k * limit, seconds)
            spent, n = insns.Counts(path).since(before)["insns"], answered(guest) - first
            runs[k].append((r["offered"], n / seconds, spent / max(1, n), n / max(0.01, processor_s(guest) - ran)))
    return {k: tuple(statistics.median(x[i] for x in v) for i in range(4)) for k, v in runs.items()}


def measure(lab, guest, path, nic, boot, folder=None):
    boot(guest)
    try:
        limit = capacity(guest, lab.seconds)
        lab.put("overload: capacity, answers/s", guest, nic, limit)
        rows = sweep(guest, path, limit, lab.seconds, lab.rounds)
    finally:
        guest.stop()
    for k, (_, good, cost, rate) in rows.items():
        lab.put("overload x%g, answers/s" % k, guest, nic, good)
        lab.put("overload x%g, answers/s of QEMU's CPU" % k, guest, nic, rate)
        lab.put("insns/answer, overload x%g" % k, guest, nic, cost)
    loaded = [cost for k, (_, _, cost, _) in rows.items() if k >= 1]
    lab.put("overload x10, % of the peak", guest, nic, 100 * rows[10][1] / max(row[1] for row in rows.values()))
    lab.put("overload x10, % of the peak by QEMU's CPU", guest, nic, 100 * rows[10][3] / max(row[3] for row in rows.values()))
    lab.put("overload x10, % of the peak by insns", guest, nic, 100 * min(loaded) / rows[10][2])
    if folder:
        plot(folder, nic, rows)


def plot(folder, nic, rows):
    with open(os.path.join(folder, "overload-" + nic), "w", encoding="utf-8") as f:
        f.write("# UDP echo under overload: what comes back of what is offered (%s)\n" % nic)
        f.write("offered, times the capacity\tanswers/s: goodput\tanswers/s: of QEMU's processor time\tinstructions: per answer\n")
        for k, (_, good, cost, rate) in rows.items():
            f.write("%g\t%g\t%g\t%g\n" % (k, good, rate, cost))
