# SPDX-License-Identifier: MIT
"""Two ways that a guest can be, measured in turns: what one is slower than the other.

A machine is seldom as fast in one second as in the next, so the two are compared within each round, the order changes with
every round, and the median of the rounds' ratios is told. Requests per second are those of the clock, which other work on this
machine disturbs; requests per second of QEMU's own processor time are disturbed less."""
import os
import statistics


def processor_s(guest):
    """Seconds of processor time that QEMU's threads have had."""
    ran, tasks = 0, "/proc/%d/task" % guest.qemu_pid()
    for thread in os.listdir(tasks):
        try:
            with open("%s/%s/schedstat" % (tasks, thread), encoding="ascii") as f:
                ran += int(f.read().split()[0])
        except FileNotFoundError:
            pass  # a worker that had nothing to do
    return ran / 1e9


def rates(guest, load, service, port, words, operations):
    """(operations per second, per second of processor time); None when the load failed."""
    before = processor_s(guest)
    r = load(service, guest.ip, port, *words, "-n", operations)
    return r and (r["rate"], operations / (processor_s(guest) - before))


def rounds(ways, n):
    """Each of the two functions `ways` n times, in turns: the pairs of what they returned, without those that failed."""
    pairs = []
    for i in range(n):
        pair = [None, None]
        for which in ((0, 1) if i % 2 else (1, 0)):
            pair[which] = ways[which]()
        if all(pair):
            pairs.append(pair)
    return pairs


def put(lab, guest, nic, what, names, pairs):
    """Rows for two names: the medians of their rates, and how many per cent fewer the second has, by clock and by processor time."""
    for i, name in enumerate(names):
        lab.put("%s/s, %s" % (what, name), guest, nic, statistics.median(p[i][0] for p in pairs))
    for i, how in enumerate(("", " of processor time")):
        fewer = [100 * (1 - p[1][i] / p[0][i]) for p in pairs]
        lab.put("%s/s%s, %s, %% fewer" % (what, how, names[1]), guest, nic, statistics.median(fewer))
