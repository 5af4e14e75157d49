#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Names: dig, ping and wget ask the name server that DHCP's option 6 named (RFC 2132 3.8), or a router's advertisement (RFC 8106),
for both kinds of addresses; a server that is asked by nobody's advice is not needed."""
import os
import re
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from names import Names
from net import GUEST_IP, HOST_IP, make_tap, need_private_network, sh, sysctl
from tap import case, check, check_eq, check_in, run, skip_all

try:
    from scapy.all import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, ICMPv6NDOptRDNSS, Ether, IPv6, conf, sendp
except ImportError:
    skip_all("scapy is not installed (Debian: python3-scapy)")

conf.verb = 0
HOST6, NET6, LOCAL6 = "2001:db8:53::1", "2001:db8:53::", "fe80::53"
NAMES = {"www.example": {1: "192.0.2.80", 28: "2001:db8::80"}, "host.example": {1: HOST_IP, 28: HOST6}}


class Dhcp(threading.Thread):
    """A server that gives GUEST_IP to everybody, with HOST_IP as name server (option 6)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"tap0")
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.sock.bind(("", 67))
        self.start()

    def run(self):
        while True:
            p = self.sock.recv(2048)
            at, kind = 240, None
            while p[at] != 255:
                if p[at] == 53:
                    kind = p[at + 2]
                at += 1 if not p[at] else 2 + p[at + 1]
            if kind not in (1, 3):
                continue
            us = socket.inet_aton(HOST_IP)
            opts = bytes([53, 1, 2 if kind == 1 else 5]) + b"\x36\x04" + us + b"\x33\x04" + struct.pack("!I", 3600)
            opts += b"\x01\x04\xff\xff\xff\x00" + b"\x03\x04" + us + b"\x06\x04" + us + b"\xff"
            head = struct.pack("!BBBBIHH4s4s4s4s", 2, 1, 6, 0, struct.unpack_from("!I", p, 4)[0], 0, 0x8000, bytes(4),
                               socket.inet_aton(GUEST_IP), us, bytes(4))
            self.sock.sendto(head + p[28:44] + bytes(192) + b"\x63\x82\x53\x63" + opts, ("255.255.255.255", 68))


def advertise():
    """A router's advertisement with a prefix and the name server, now and then: the first may come too early."""
    ra = (Ether(src=sh("ip", "-br", "link", "show", "dev", "tap0").split()[2], dst="33:33:00:00:00:01") /
          IPv6(src=LOCAL6, dst="ff02::1", hlim=255) / ICMPv6ND_RA(routerlifetime=1800) /
          ICMPv6NDOptPrefixInfo(prefixlen=64, L=1, A=1, validlifetime=3600, preferredlifetime=3600, prefix=NET6) /
          ICMPv6NDOptRDNSS(dns=[HOST6], lifetime=600))
    sendp(ra, iface="tap0")


def asked(g, words):
    """The addresses that dig printed, and the server that it asked."""
    said = g.type("dig " + words)
    return re.findall(r"^www\.example\.\s+\d+\s+IN\s+A+\s+(\S+)\s*$", said.replace("\r", ""), re.M), re.search(r";; SERVER: (\S+)", said).group(1)


need_private_network()
make_tap()
sysctl("net.ipv6.conf.tap0.disable_ipv6", 0)
sysctl("net.ipv6.conf.tap0.accept_dad", 0)
sh("ip", "addr", "add", HOST6 + "/64", "dev", "tap0", "nodad")
sh("ip", "addr", "add", LOCAL6 + "/64", "dev", "tap0", "nodad")
four, six = Names(HOST_IP, NAMES), Names(HOST6, NAMES)


@case("the server of DHCP's option 6 is asked for A and AAAA by name; ping takes names too")
def _():
    Dhcp()
    with Typed(cmdline="ip=dhcp ipv6.disable=1") as g:
        g.wait_console("by DHCP from " + HOST_IP)
        g.type("")
        check_eq(asked(g, "www.example"), (["192.0.2.80"], HOST_IP + "#53"))
        check_eq(asked(g, "www.example AAAA"), (["2001:db8::80"], HOST_IP + "#53"))
        check_in("NXDOMAIN", g.type("dig nosuch.example"))
        check_in("PING host.example (%s)" % HOST_IP, g.type("ping -c 1 host.example"))
        check(("www.example", 1) in four.asked and ("www.example", 28) in four.asked, four.asked)
        check_eq(six.asked, [], "what the other server was asked")


@case("the server of a router's advertisement (RDNSS) is asked over IPv6 for both")
def _():
    four.asked.clear()
    with Typed(cmdline="ip=%s/24,%s" % (GUEST_IP, HOST_IP)) as g:
        g.type("")
        end = time.monotonic() + LIMIT
        while "resolver " + HOST6 not in g.type("ip -6 route") or "tentative" in g.type("ip -6 addr"):
            check(time.monotonic() < end, "no resolver was learned from the advertisement")
            advertise()
            time.sleep(1)
        check_eq(asked(g, "www.example"), (["192.0.2.80"], HOST6 + "#53"))
        check_eq(asked(g, "www.example AAAA"), (["2001:db8::80"], HOST6 + "#53"))
        check_in("PING host.example", g.type("ping -6 -c 1 host.example"))
        check_eq(four.asked, [], "what the other server was asked")


run()
