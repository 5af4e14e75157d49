# SPDX-License-Identifier: MIT
"""Where a rate ends: how busy QEMU's main thread, which is the machine's devices and its tap, and the threads of its vCPUs are while 64
connections ask, in per cent of a core of this machine. A vCPU's thread at 100 is a guest at its limit; a main thread at 100 is QEMU's, whatever
guest is in it; both well below are this machine's, whose cores others use. And what the guest does to spare that thread, by
its own counters: interrupts and doorbells per operation, which are all that it says to a device beside memory."""
import glob
import os
import time

import datapath

CONNECTIONS = 64
ASKED = (("GET 128 B", ("http", 80, ("-p", "/128"))), ("TCP echo 64 B", ("echo", 7, ())))


def cpu_seconds(pid):
    """Seconds of a core that QEMU's main thread has taken, and all its other threads."""
    tick, main, others = os.sysconf("SC_CLK_TCK"), 0, 0
    for path in glob.glob("/proc/%d/task/*/stat" % pid):
        try:
            with open(path, encoding="ascii", errors="replace") as f:
                fields = f.read().rsplit(")", 1)[1].split()
        except OSError:  # a thread of QEMU's pool that has just ended
            continue
        taken = (int(fields[11]) + int(fields[12])) / tick
        if path.split("/")[4] == str(pid):
            main += taken
        else:
            others += taken
    return main, others


def measure(lab, guest, nic, load):
    ours = guest.label == "barewire"
    for name, (service, port, words) in ASKED:
        what = "%s, %d conns" % (name, CONNECTIONS)
        counted = datapath.counters(guest) if ours else {}
        before, start = cpu_seconds(guest.qemu_pid()), time.monotonic()
        r = load(service, guest.ip, port, *words, "-c", CONNECTIONS, "-d", lab.seconds)
        took, after = time.monotonic() - start, cpu_seconds(guest.qemu_pid())
        if not r:
            continue
        lab.put(what + ", /s", guest, nic, r["rate"])
        lab.put(what + ", QEMU's main thread %", guest, nic, 100 * (after[0] - before[0]) / took)
        lab.put(what + ", vCPU threads %", guest, nic, 100 * (after[1] - before[1]) / took)
        if not ours:
            continue
        d = {key: value - counted.get(key, 0) for key, value in datapath.counters(guest).items()}
        done = r["rate"] * took
        lab.put("interrupts/%s" % what, guest, nic, (d["rx_interrupts"] + d["tx_interrupts"]) / done)
        lab.put("doorbells/%s" % what, guest, nic, (d["rx_kicks"] + d["tx_kicks"]) / done)
