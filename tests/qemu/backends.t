#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Copies and back ends. Payload goes through the guest without a copy on both NICs: a site file downloaded, an upload consumed in
place, an echo that returns the pages it came in, told by CopyInBytes and CopyOutBytes; what the device sums is not touched by
the processor either. And virtio-net works over each of QEMU's back ends (tap, user, stream, dgram), as a transitional device, and
with few or none of its features."""
import fcntl
import os
import select
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest, free_port
from net import Wire, make_tap, need_private_network, remove_tap
from qemu import MIB, NICS, Site, curl, echo_stream, noise, pick, sha
from tap import case, check, check_eq, note, run

SIZE = pick(4, 64) * MIB
ODDS = 16 << 10  # bytes: headers of answers, metrics, segments too short to be worth a reference
FEW = ["csum=off,guest_csum=off,mrg_rxbuf=off", "event_idx=off,indirect_desc=off", "mrg_rxbuf=off,ctrl_vq=off,status=off",
       "guest_tso4=off,host_tso6=off,guest_ecn=off,host_ecn=off"]
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454ca, 0x0002, 0x1000


def grown(g, what):
    """How the counts of copied and summed bytes grew by it, less what the look at them takes."""
    first, before = g.metrics(), g.metrics()
    what()
    after = g.metrics()
    return {name: int(after[name] - 2 * before[name] + first[name]) for name in ("CopyInBytes", "CopyOutBytes", "CsumSoftBytes")}


def upload(g):
    with socket.create_connection((g.ip, 9), 600) as s:
        s.sendall(blob)
        s.shutdown(socket.SHUT_WR)
        check_eq(s.recv(1), b"", "the end")


def download_and_echo(g):
    check_eq(sha(curl(g.url("/blob"))), sha(blob), "download")
    check_eq(echo_stream((g.ip, g.echo_port), blob), (sha(blob), SIZE), "echo")


def copies(nic):
    with Guest(nic=nic, site=site.name, mem=SIZE // MIB + 128) as g:
        for name, what in (("download", lambda: curl(g.url("/blob"))), ("upload", lambda: upload(g)),
                           ("echo", lambda: echo_stream((g.ip, g.echo_port), blob))):
            n = grown(g, what)
            note(nic, name, n)
            check(n["CopyInBytes"] + n["CopyOutBytes"] < ODDS, "%s: %d bytes copied of %d" % (
                name, n["CopyInBytes"] + n["CopyOutBytes"], SIZE))
            # QEMU's e1000 sums nothing on the way in (it says so by IXSM): there it is done here, once
            once = nic == "e1000" and name != "download"
            check(n["CsumSoftBytes"] < SIZE * once + SIZE // 8, "%s: %d bytes summed by the processor" % (name, n["CsumSoftBytes"]))


class Datagrams:
    """A tap of this host on one side, QEMU's datagrams on the other: a frame each."""

    def __init__(self):
        make_tap()
        self.tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(self.tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI))
        self.mine, theirs = free_port(), free_port()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", self.mine))
        self.sock.connect(("127.0.0.1", theirs))
        self.spec = "dgram,local.type=inet,local.host=127.0.0.1,local.port=%d,remote.type=inet,remote.host=127.0.0.1,remote.port=%d" % (
            theirs, self.mine)
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()

    def carry(self):
        while not self.over.is_set():
            for fd in select.select([self.tap, self.sock], [], [], 0.1)[0]:
                try:
                    if fd == self.tap:
                        self.sock.send(os.read(self.tap, 65536))
                    else:
                        os.write(self.tap, self.sock.recv(65536))
                except (BlockingIOError, ConnectionRefusedError, OSError):
                    pass  # nobody there yet, or a queue is full: the frame is lost

    def stop(self):
        self.over.set()
        self.thread.join()
        self.sock.close()
        os.close(self.tap)


need_private_network()
blob = noise(SIZE)
site = Site({"blob": blob})

for nic in NICS:
    @case("%s: a download, an upload and an echo copy no payload, and the device sums it" % nic)
    def _(nic=nic):
        make_tap()
        copies(nic)

for opts in pick(["disable-legacy=off," + FEW[0]], ["disable-legacy=off", *FEW]):
    @case("virtio-net over a tap with " + opts)
    def _(opts=opts):
        make_tap()
        with Guest(site=site.name, mem=SIZE // MIB + 128, options=["--nic-opts", opts]) as g:
            download_and_echo(g)

@case("virtio-net over user, which has no header of virtio's")
def _():
    with Guest(net="user", site=site.name, mem=SIZE // MIB + 128) as g:
        download_and_echo(g)

@case("virtio-net over stream")
def _():
    wire = Wire()
    try:
        with Guest(net=wire.path, site=site.name, mem=SIZE // MIB + 128) as g:
            download_and_echo(g)
    finally:
        wire.stop()

@case("virtio-net over dgram")
def _():
    remove_tap()
    link = Datagrams()
    try:
        with Guest(net=link.spec, site=site.name, mem=SIZE // MIB + 128) as g:
            download_and_echo(g)
    finally:
        link.stop()

run()
