# SPDX-License-Identifier: MIT
"""What the hooks for looking inside cost while nobody looks: the usual image beside one without them (make HOOKS=0).

Instructions of the same operations are counted, and their rates are measured in turns. Counters are in both
images: they are always on, and what they count is what there is to look at."""
import os
import time

import beside
import insns
from net import BUILD

IMAGES = {"without hooks": "nohooks/barewire.elf", "with hooks, off": "barewire.elf"}
# What is done, service, port, options, how often while instructions are counted, how often while rates are measured.
DONE = [
    ("GET", "http", 80, ("-p", "/128", "-c", 64), 10000, 20000),
    ("TCP echo", "echo", 7, ("-c", 64), 10000, 20000),
    ("UDP echo", "udp", 7, ("-c", 64), 10000, 20000),
]
COUNTS = 5  # the least of so many: the more are timers that fell into them
PAIRS = 4  # rounds of rates, for each that was asked for


def count(path, guest, load, boot):
    """Instructions per operation, by what is done."""
    found = {}
    boot(guest)
    try:
        for what, service, port, words, n, _ in DONE:
            load(service, guest.ip, port, *words, "-n", n)  # warms caches
            runs = []
            for _ in range(COUNTS):
                time.sleep(0.3)
                before = insns.Counts(path)
                if load(service, guest.ip, port, *words, "-n", n):
                    runs.append(insns.Counts(path).since(before)["insns"] / n)
            found[what] = min(runs, default=None)
    finally:
        guest.stop()
    return found


def run(guest, load, boot):
    """Rates of a fresh guest, by what is done; None when one failed."""
    boot(guest)
    try:
        for _, service, port, words, n, _ in DONE:
            load(service, guest.ip, port, *words, "-n", n)
        found = {what: beside.rates(guest, load, service, port, words, n) for what, service, port, words, _, n in DONE}
    finally:
        guest.stop()
    return found if all(found.values()) else None


def measure(lab, kind, nic, counting, boot, load):
    images = {name: os.path.join(BUILD, file) for name, file in IMAGES.items()}
    counted = {}
    for name, elf in images.items():
        guest, path = counting(lab, kind, nic, elf=elf)
        counted[name] = count(path, guest, load, boot)
    pairs = beside.rounds([lambda elf=elf: run(kind(lab, nic, elf=elf), load, boot) for elf in images.values()], PAIRS * lab.rounds)
    bare, hooked = counted.values()
    for what, *_ in DONE:
        for name in IMAGES:
            lab.put("insns/%s, %s" % (what, name), kind, nic, counted[name][what])
        if bare[what] and hooked[what]:
            lab.put("insns/%s, hooks, %% more" % what, kind, nic, 100 * (hooked[what] / bare[what] - 1))
        if pairs:
            beside.put(lab, kind, nic, what, list(IMAGES), [[p[what] for p in pair] for pair in pairs])
