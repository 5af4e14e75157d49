# SPDX-License-Identifier: MIT
"""One vCPU beside two: requests and echo round trips per second at 64 connections, instructions of all CPUs for a request (which say what
the second CPU costs, on a busy machine too), and how evenly the frames of 64 connections are spread. Rates grow only where
this machine has a core for each vCPU, one for QEMU's I/O thread and one for the load: tell them from the instructions."""
import re

import insns

CONNECTIONS, REQUESTS = 64, 10000
ASKED = (("GET 128 B", ("http", 80, ("-p", "/128"))), ("TCP echo 64 B", ("echo", 7, ())))


def owned(guest):
    """Frames that each CPU has worked on as their flow's owner: one that hops was polled by the first CPU, and counted there too."""
    m = guest.metrics()
    taken, hopped = ([int(v) for k, v in sorted(m.items()) if re.match(r'softnet_%s_total{cpu="\d+"}' % what, k)] for what in (
        "processed", "received_rps"))
    return [taken[0] - sum(hopped[1:]), *taken[1:]]


def measure(lab, guest, path, nic, boot, load, cpus, symbols):
    """symbols: of the image, when the functions are asked for too; else None."""
    boot(guest)
    try:
        for name, (service, port, words) in ASKED:
            what = "%s, 64 conns, %d vCPU" % (name, cpus)
            load(service, guest.ip, port, *words, "-c", CONNECTIONS, "-n", REQUESTS)  # warms caches
            first, before = owned(guest), insns.Counts(path)
            r = load(service, guest.ip, port, *words, "-c", CONNECTIONS, "-n", REQUESTS)
            if not r:
                continue
            after = insns.Counts(path)
            spent = after.since(before)["insns"]
            taken = [n - m for n, m in zip(owned(guest), first)]
            lab.put(what + ", /s", guest, nic, r["rate"])
            lab.put("insns/" + what, guest, nic, spent / REQUESTS)
            if symbols:
                lab.profiles += ["insns/%s, %s" % (what, nic), *insns.profile(symbols, after, before, REQUESTS)]
            if cpus > 1:
                lab.put("%s, least CPU's frames %%" % what, guest, nic, 100 * min(taken) / max(1, sum(taken)))
    finally:
        guest.stop()
