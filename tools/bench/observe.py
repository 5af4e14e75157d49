# SPDX-License-Identifier: MIT
"""What looking costs a guest that serves: instructions of the same requests with nothing on, and with captures open whose filter
takes none of their frames, or all of them, and with all tracepoints recorded."""
import statistics
import subprocess
import time

import insns

REQUESTS, ROUNDS = 20000, 3
TRACE = "trace"
TOKEN = "observes-all-there-is"
WORDS = ("-p", "/128", "-c", "64", "-n", str(REQUESTS))
FILTERS = {"off": None, "capture of another protocol": "udp+port+5555", "capture of another port": "tcp+port+5555",
           "capture, filter takes all": "tcp+port+80", "trace on": TRACE}


def spent(path, load, guest):
    """Instructions per request, all that ran meanwhile included; None when the load failed."""
    a = insns.Counts(path)
    if not load("http", guest.ip, 80, *WORDS):
        return None
    return insns.Counts(path).since(a)["insns"] / REQUESTS


def tell(guest, words):
    """Has the console do something that changes what it records."""
    subprocess.run(["curl", "-sf", "-o", "/dev/null", "-H", "Authorization: Bearer " + TOKEN, guest.url("/debug/" + words)], check=True)


def looking(guest, path, load, expression):
    """One run with a capture by that filter open, or with every event traced."""
    if not expression:
        return spent(path, load, guest)
    if expression == TRACE:
        tell(guest, "trace?on")
        try:
            return spent(path, load, guest)
        finally:
            tell(guest, "trace?off")
    p = subprocess.Popen(["curl", "-sN", guest.url("/debug/pcap?dev=eth0&filter=" + expression)], stdout=subprocess.DEVNULL)
    time.sleep(1)
    try:
        return spent(path, load, guest)
    finally:
        p.terminate()
        p.wait()
        time.sleep(1)  # the guest notices


def measure(lab, guest, path, nic, boot, load):
    """All kinds in turns, so that they see the same machine; medians."""
    runs = {name: [] for name in FILTERS}
    boot(guest)
    try:
        spent(path, load, guest)  # warms caches
        for _ in range(ROUNDS):
            for name, expression in FILTERS.items():
                runs[name].append(looking(guest, path, load, expression))
    finally:
        guest.stop()
    medians = {name: statistics.median(x for x in values if x) for name, values in runs.items()}
    for name, value in medians.items():
        lab.put("insns/GET, " + name, guest, nic, value)
        if name != "off":
            lab.put("insns, %s, %% more" % name, guest, nic, 100 * (value / medians["off"] - 1))
