#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every door x every NIC: the guest boots, gets its address, and serves curl and nc. Over QEMU's user network (DHCP) by every
door; over a tap (static address) by the fastest, in the long form by all. In the short form firmware, which is slow, boots each
of its two doors with one NIC: what they differ in ends before the first driver looks for its device."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import SANITIZED, make_tap, need_private_network
from qemu import NICS, curl, pick
from tap import case, check, check_eq, check_in, run

DOORS = {"pvh": "pvh", "grub": "multiboot2", "grub-efi": "multiboot2", "efi": "efi"}  # and what boot_info calls them


def serves(g):
    head, body = curl("-i", g.url("/")).decode().split("\r\n\r\n", 1)
    check(head.startswith("HTTP/1.1 200 "), head)
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
    check_eq(int(fields["content-length"]), len(body.encode()), "Content-Length")
    check("gmt" in fields["date"], "no Date in " + head)
    nc = subprocess.run(["nc", "-q1", "-w300", g.ip, str(g.echo_port)], input=b"hello", capture_output=True)
    check_eq(nc.stdout, b"hello", "echo")


need_private_network()
make_tap()
FIRMWARE = {"grub-efi": NICS[:1], "efi": NICS[1:]}
if SANITIZED:  # the EFI loader puts an image where it is linked for: this one reaches to where the firmware has its own
    del DOORS["efi"]
for door, name in DOORS.items():
    for nic in pick(FIRMWARE.get(door, NICS), NICS):
        @case("%s, %s, user network: curl gets a 200, nc its echo" % (door, nic))
        def _(door=door, nic=nic, name=name):
            with Guest(boot=door, nic=nic, net="user") as g:
                serves(g)
                check_in(name, g.console(), "the console does not name the door")

        if door == "pvh" or pick(False, True):
            @case("%s, %s, tap: curl gets a 200, nc its echo" % (door, nic))
            def _(door=door, nic=nic):
                with Guest(boot=door, nic=nic) as g:
                    serves(g)

run()
