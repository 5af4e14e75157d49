#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image without symbols and site is at most 1 MiB, and 16 MiB of memory are enough to boot and to serve: requests
over many connections at once, and an echo; what was taken for them comes back."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import BUILD, make_tap, need_private_network
from qemu import MIB, NICS, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, check_in, note, run

MEM = 16  # MiB
SIZE = pick(1, 4) * MIB
AT_ONCE, REQUESTS = 64, pick(1000, 20000)


if os.path.basename(BUILD) == "san":
    print("1..0 # SKIP checks of every access need more")
    sys.exit()


@case("the image is at most 1 MiB")
def _():
    with tempfile.NamedTemporaryFile() as f:
        subprocess.run(["strip", "-o", f.name, os.path.join(BUILD, "barewire.elf")], check=True)
        size = os.path.getsize(f.name)
    note("%d bytes" % size)
    check(size <= MIB, "%d bytes" % size)


need_private_network()
make_tap()
blob = noise(SIZE)
for nic in NICS:
    @case("%s: %d MiB of memory boot and serve" % (nic, MEM))
    def _(nic=nic):
        with Guest(nic=nic, mem=MEM) as g:
            check_eq(echo_stream((g.ip, g.echo_port), blob), (sha(blob), SIZE), "echo")
            out = subprocess.run([os.path.join(BUILD, "load"), "http", g.ip, "80", "-p", "/health", "-c", str(AT_ONCE), "-n", str(REQUESTS)],
                                 capture_output=True, text=True)
            check_eq((out.returncode, out.stderr), (0, ""), "requests")
            check_in("balanced", curl(g.url("/debug/balance")).decode())

run()
