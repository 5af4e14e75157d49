#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""TCP Fast Open (RFC 7413) with this host's Linux at the other end: as client of the guest's echo server, then as server of the
guest's wget. What each end counts is what the other does."""
import os
import re
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Typed
from net import GUEST_IP, HOST_IP, make_tap, need_private_network, sh, sysctl
from tap import case, check_eq, req, run

SYN_DATA = 32  # TCPI_OPT_SYN_DATA
TELLS = ("CookieReqd", "Passive", "PassiveAltKey", "PassiveFail", "Active", "ActiveFail")

need_private_network()
make_tap()
sysctl("net.ipv4.tcp_fastopen", 3)
g = Typed(cmdline="net.ipv4.tcp_fastopen=0x403").start()


def here():
    with open("/proc/net/netstat", encoding="ascii") as f:
        names, values = [line.split()[1:] for line in f if line.startswith("TcpExt:")]
    found = dict(zip(names, map(int, values)))
    return {name: found["TCPFastOpen" + name] for name in TELLS}


def there():
    found = dict(re.findall(r"TcpExtTCPFastOpen(\w+) +(\d+)", g.type("nstat -z")))
    return {name: int(found[name]) for name in TELLS}


def counted(act):
    """What an act adds to the counters of each end: only what is not nothing."""
    before = here(), there()
    act()
    after = here(), there()
    return tuple({k: a[k] - b[k] for k in TELLS if a[k] != b[k]} for a, b in zip(after, before))


def echoed(data, early):
    """A connection whose SYN wants to carry the data; whether the guest took it from there."""
    with socket.socket() as s:
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):  # Python's own would make it non-blocking
            s.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", 60, 0))
        s.sendto(data, socket.MSG_FASTOPEN, (GUEST_IP, 7))
        back = b""
        while len(back) < len(data):
            back += s.recv(65536)
        check_eq(back, data)
        options = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5]
        check_eq(bool(options & SYN_DATA), early, "data was taken with the SYN")


def new_key(n):
    g.type("sysctl net.ipv4.tcp_fastopen_key=%s" % "-".join(["%08x" % n] * 4))


class Server(threading.Thread):
    """HTTP/1.0, for so many requests, with Fast Open."""

    def __init__(self, requests):
        super().__init__(daemon=True)
        self.listener, self.requests, self.early = socket.socket(), requests, []
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        self.listener.bind((HOST_IP, 8000))
        self.listener.listen(5)
        self.start()

    def run(self):
        for _ in range(self.requests):
            c = self.listener.accept()[0]
            head = b""
            while b"\r\n\r\n" not in head:
                head += c.recv(4096)
            self.early.append(bool(c.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5] & SYN_DATA))
            c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            c.close()


@case("Linux asks for a cookie with its first SYN, and is given one")
def _():
    req("7413 4.1.2/give")
    g.wait_console("barewire ready")
    g.type("")
    sh("ip", "tcp_metrics", "flush")
    check_eq(counted(lambda: echoed(b"first" * 20, False)), ({}, {"CookieReqd": 1}))


@case("with the cookie, data in Linux's SYN is taken before the handshake is over")
def _():
    req("7413 4.2.2/accept", "7413 4.1.3/cache")
    check_eq(counted(lambda: echoed(b"second" * 20, True)), ({"Active": 1}, {"Passive": 1}))
    check_eq(counted(lambda: echoed(b"third" * 200, True)), ({"Active": 1}, {"Passive": 1}))


@case("a cookie of the key before is taken once more; one of an older key is refused, and the data comes behind the handshake")
def _():
    req("7413 4.1.2/rotate", "7413 4.2.2/invalid")
    new_key(1)
    check_eq(counted(lambda: echoed(b"fourth" * 20, True)), ({"Active": 1}, {"Passive": 1, "PassiveAltKey": 1}))
    check_eq(counted(lambda: echoed(b"fifth" * 20, True)), ({"Active": 1}, {"Passive": 1}))  # Linux had the new one with it
    new_key(2)
    new_key(3)
    check_eq(counted(lambda: echoed(b"sixth" * 20, False)), ({"ActiveFail": 1}, {"PassiveFail": 1}))
    check_eq(counted(lambda: echoed(b"seventh" * 20, True)), ({"Active": 1}, {"Passive": 1}))


@case("as client the guest gets Linux's cookie, and its next request leaves with the SYN")
def _():
    server = Server(2)
    page = "wget http://%s:8000/" % HOST_IP
    check_eq(counted(lambda: g.type(page)), ({"CookieReqd": 1}, {}))
    check_eq(counted(lambda: g.type(page)), ({"Passive": 1}, {"Active": 1}))
    server.join(60)
    check_eq(server.early, [False, True])


@case("the guest ends clean")
def _():
    g.proc.stdin.write(b"poweroff\r")
    g.proc.stdin.flush()
    check_eq(g.wait_exit(), 0)


run()
