# SPDX-License-Identifier: MIT
"""The far end of a link over IPv6, where each packet is made by hand; the host's own stack answers neighbour discovery.

    far = Far6("virtio-net")
    far.send(far.ip(nh=58), echo_request(...))
    p = far.wait(lambda p: ICMPv6ParamProblem in p)

Addresses: GUEST6 of the guest, HOST6 and OTHER6 of this host, which also knows the link-local FE80.
"""
import os
import select
import socket
import time

from guest import Guest
from net import make_tap, need_private_network, sh, sysctl
from tap import skip_all

try:
    from scapy.all import Ether, ICMPv6EchoRequest, IPv6, conf
except ImportError:
    skip_all("scapy is not installed (Debian: python3-scapy)")

conf.verb = 0
GUEST6, HOST6, OTHER6, FE80 = "2001:db8:66::2", "2001:db8:66::1", "2001:db8:66::50", "fe80::77"
NEAR_MAC = "52:54:00:ba:2e:01"
ETH_P_ALL, IPPROTO_ICMPV6, ECHO_REPLY = 3, 58, 129
SECONDS = 120  # an answer's limit: the machine may be slow
SILENCE = 0.3  # how long a silence is listened to, behind an answer that proves the link to be alive


class Far6:
    def __init__(self, nic="virtio-net", cmdline="", **options):
        make_tap("tap0")
        sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
        sysctl("net.ipv6.conf.tap0.accept_dad", 0)
        for address in (HOST6, OTHER6, FE80):
            if address not in sh("ip", "-6", "addr", "show", "dev", "tap0"):
                sh("ip", "-6", "addr", "add", address + "/64", "dev", "tap0", "nodad")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.bind(("tap0", 0))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self.mac = self.sock.getsockname()[4].hex(":")
        # Frames as large as the link's MTU at most, however the device could do it.
        whole = ("-global", "virtio-net-pci.host_tso4=off", "-global", "virtio-net-pci.host_tso6=off")
        words = "ip6=%s/64 net.ipv6.icmp.ratelimit=0 %s" % (GUEST6, cmdline)
        words += " ethtool=eth0:K,tso=off" if nic == "e1000e" else ""  # QEMU hands its frames on as they are
        self.guest = Guest(nic=nic, cmdline=words, qemu=whole, **options).__enter__()
        end = time.monotonic() + SECONDS
        while not self.ping(limit=1):  # the address is asked for first
            if time.monotonic() > end:
                raise AssertionError("no answer from " + GUEST6)

    def close(self):
        self.guest.stop()
        self.sock.close()

    # ------------------------------------------------------------ packets
    def ip(self, **kw):
        kw.setdefault("src", HOST6)
        return Ether(src=self.mac, dst=NEAR_MAC) / IPv6(**{"dst": GUEST6, **kw})

    def send(self, *frames):
        for f in frames:
            self.sock.send(f if isinstance(f, bytes) else bytes(f))

    def frames(self, limit):
        """Yields the IPv6 packets that the guest sends within `limit` seconds, as bytes of frames."""
        end = time.monotonic() + limit
        while select.select([self.sock], [], [], max(end - time.monotonic(), 0))[0]:
            data, (_, _, kind, _, _) = self.sock.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING and data[12:14] == b"\x86\xdd":
                yield data

    def packets(self, limit):
        """The same as packets of scapy's, which takes some hundred in a second."""
        return (Ether(data)[IPv6] for data in self.frames(limit))

    def wait(self, wanted, limit=SECONDS):
        """The first packet for which wanted() holds, or None."""
        for p in self.packets(limit):
            if wanted(p):
                return p
        return None

    def drain(self):
        for _ in self.frames(0.05):
            pass

    def ping(self, src=HOST6, dst=GUEST6, limit=SECONDS):
        """Does an honest echo come back?"""
        ident = int.from_bytes(os.urandom(2), "big")
        self.send(self.ip(src=src, dst=dst) / ICMPv6EchoRequest(id=ident, seq=1, data=b"are you there"))
        reply = (IPPROTO_ICMPV6, ECHO_REPLY, ident.to_bytes(2, "big"))
        return any(len(f) > 60 and (f[20], f[54], f[58:60]) == reply for f in self.frames(limit))


def echo_request(ident, data, src=HOST6, dst=GUEST6):
    """The bytes of an ICMPv6 echo request, its checksum right for these addresses."""
    return bytes(IPv6(src=src, dst=dst) / ICMPv6EchoRequest(id=ident, seq=1, data=data))[40:]


need_private_network()
