# SPDX-License-Identifier: MIT
"""The far end of a link, where each frame is made by hand: of a tap with the guest behind it, or with PEER=linux of one whose
near end is this host's own stack, so that the same cases show what Linux answers.

    far = Far("virtio-net")                  # boots the guest, or sets up Linux
    far.send(far.ip() / ICMP() / b"hello")
    reply = far.wait(lambda p: ICMP in p)    # a scapy packet, or None when the time is over

The far end answers ARP requests for the addresses in far.owned (far.arp = False: it does not), as a neighbour would.
"""
import fcntl
import os
import select
import socket
import struct
import threading
import time

from guest import Guest
from net import GUEST_IP, HOST_IP, PREFIX, make_tap, need_private_network, put, sh, sysctl
from tap import skip_all

try:
    from scapy.all import ARP, IP, Ether, conf
except ImportError:
    skip_all("scapy is not installed (Debian: python3-scapy)")

conf.verb = 0
LINUX = os.environ.get("PEER") == "linux"
FAR_MAC, NEAR_MAC = "02:00:00:00:00:01", "52:54:00:ba:2e:01"
OTHER, OTHER_MAC = "10.77.0.50", "02:00:00:00:00:50"
TUNSETIFF, IFF_TAP, IFF_NO_PI, PF_PACKET_ALL, SIOCGSTAMP = 0x400454CA, 2, 0x1000, 3, 0x8906
SECONDS = 120  # an answer's limit: the machine may be slow
SILENCE = 0.3  # how long a silence is listened to, behind an answer that proves the link to be alive

# What the guest and Linux are set to alike: name -> value. Reassembly gives up soon, errors have no rate.
SYSCTLS = {"net.ipv4.ipfrag_time": 2, "net.ipv4.icmp_ratelimit": 0}


class Far:
    def __init__(self, nic="virtio-net", sysctls=None, cmdline="", kind=Guest, ready=True):
        """ready: after the boot; else while it goes on, with all that it says still to be heard."""
        self.owned = {HOST_IP: FAR_MAC, OTHER: OTHER_MAC}
        self.arp, self.guest, self.heard = True, None, []
        self.sysctls = {**SYSCTLS, **(sysctls or {})}
        if LINUX:
            self._open_linux()
        else:
            make_tap("tap0", None)
            sh("ip", "link", "set", "tap0", "up")
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PF_PACKET_ALL))
            self.sock.bind(("tap0", 0))
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            words = " ".join("%s=%s" % i for i in self.sysctls.items())
            # Frames as large as the link's MTU at most, however the device could do it.
            whole = ("-global", "virtio-net-pci.host_tso4=off", "-global", "virtio-net-pci.host_tso6=off")
            words += " ethtool=eth0:K,tso=off" if nic == "e1000e" else ""  # QEMU hands its frames on as they are
            self.guest = kind(nic=nic, cmdline=words + " " + cmdline, qemu=whole)
            self.guest = self.guest.__enter__() if ready else self.guest.start()
        if ready: # what was said during the boot
            self.drain()

    def _open_linux(self):
        self.tun = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tun, TUNSETIFF, struct.pack("16sH", b"near0", IFF_TAP | IFF_NO_PI))
        if os.path.exists("/proc/sys/net/ipv6"):
            sysctl("net.ipv6.conf.near0.disable_ipv6", 1)
        sh("ip", "link", "set", "near0", "address", NEAR_MAC, "up")
        sh("ip", "addr", "add", "%s/%d" % (GUEST_IP, PREFIX), "brd", "+", "dev", "near0")
        sh("ip", "route", "add", "default", "via", HOST_IP)
        for name, value in {**self.sysctls, "net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.near0.rp_filter": 0}.items():
            for n in {name, name.replace("neigh.default", "neigh.near0")}:
                if os.path.exists("/proc/sys/" + n.replace(".", "/")):
                    put("/proc/sys/" + n.replace(".", "/"), value)
        self.echo = socket.create_server((GUEST_IP, 7))
        threading.Thread(target=self._echo, daemon=True).start()

    def _echo(self):
        while True:
            threading.Thread(target=self._echo_one, args=(self.echo.accept()[0],), daemon=True).start()

    @staticmethod
    def _echo_one(c):
        try:
            for part in iter(lambda: c.recv(65536), b""):
                c.sendall(part)
        except ConnectionResetError:
            c.close()

    def set(self, name, value):
        """A tunable of the near end, which is Linux or kind=Typed."""
        if LINUX:
            put("/proc/sys/" + name.replace("neigh.default", "neigh.near0").replace(".", "/"), value)
        else:
            self.guest.type("sysctl %s=%s" % (name, value))

    def close(self):
        if self.guest:
            self.guest.stop()
            self.sock.close()
        elif LINUX:
            self.echo.close()
            os.close(self.tun)

    # ------------------------------------------------------------ frames
    def eth(self, **kw):
        return Ether(**{"src": FAR_MAC, "dst": NEAR_MAC, **kw})

    def ip(self, **kw):
        src = kw.setdefault("src", HOST_IP)
        return self.eth(src=self.owned.get(src, FAR_MAC)) / IP(**{"dst": GUEST_IP, **kw})

    def send(self, *frames):
        for f in frames:
            b = bytes(f)
            if LINUX:
                os.write(self.tun, b)
            else:
                self.sock.send(b)

    def _next(self, limit):
        """The next frame from the near end, and when it came; or None."""
        fd = self.tun if LINUX else self.sock
        if not select.select([fd], [], [], max(limit, 0))[0]:
            return None
        if LINUX:
            return os.read(fd, 65536), time.time()
        data, (_, _, kind, _, _) = fd.recvfrom(65536)
        at = struct.unpack("ll", fcntl.ioctl(fd, SIOCGSTAMP, bytes(16)))  # not when this process had its turn
        return data if kind != socket.PACKET_OUTGOING else b"", at[0] + at[1] / 1e6

    def frames(self, limit):
        """Yields what the near end sends within `limit` seconds, as scapy packets; answers ARP on the way."""
        end = time.monotonic() + limit
        while True:
            came = self._next(end - time.monotonic())
            if came is None:
                return
            raw, at = came
            if not raw:
                continue
            p = Ether(raw)
            p.time = at
            if ARP in p and p[ARP].op == 1 and self.arp and p[ARP].psrc != p[ARP].pdst and p[ARP].pdst in self.owned:
                self.answer_arp(p)
            yield p

    def answer_arp(self, request):
        a, mac = request[ARP], self.owned[request[ARP].pdst]
        self.send(Ether(src=mac, dst=request.src) / ARP(op=2, hwsrc=mac, psrc=a.pdst, hwdst=a.hwsrc, pdst=a.psrc))

    def wait(self, wanted, limit=SECONDS):
        """The first frame for which wanted() holds, or None."""
        for p in self.frames(limit):
            if wanted(p):
                return p
        return None

    def silent(self, unwanted, limit=SILENCE):
        """Does nothing come for which unwanted() holds?"""
        return self.wait(unwanted, limit) is None

    def drain(self):
        for _ in self.frames(0.1):
            pass

    # ------------------------------------------------------------ a case
    def meet(self):
        """Both ends know each other: no ARP stands between the frames of a case."""
        for address in self.owned:
            if not self.ping(address):
                raise AssertionError("no answer to %s" % address)
        self.drain()

    def ping(self, src=HOST_IP, data=b"are you there", ident=None):
        from scapy.all import ICMP
        ident = ident or int.from_bytes(os.urandom(2), "big")
        self.send(self.ip(src=src) / ICMP(id=ident, seq=1) / data)
        return self.wait(lambda p: ICMP in p and p[ICMP].type == 0 and p[ICMP].id == ident)


need_private_network()
