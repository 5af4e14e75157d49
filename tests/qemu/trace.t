#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looking inside a booted guest: the token for changes, tracepoints, the profiler, and the console's network tools."""
import hashlib
import http.server
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import HOST_IP, ROOT, make_tap, need_private_network
from tap import case, check, check_eq, run
from terminal import Terminal

TOKEN = "a-token-of-the-test"
BODY = bytes(range(256)) * 300


def ask(g, path, token=None):
    request = urllib.request.Request(g.url("/debug/" + path), headers={"Authorization": "Bearer " + token} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as r:
            return r.status, r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.read().decode()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


def name_server(s):
    """Answers every question with 192.0.2.33, after one answer with a wrong id."""
    while True:
        try:
            query, peer = s.recvfrom(512)
        except OSError:
            return
        answer = bytes([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]) + query[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4)
        s.sendto(bytes([query[0] ^ 1]) + query[1:2] + answer + bytes([192, 0, 2, 66]), peer)
        s.sendto(query[:2] + answer + bytes([192, 0, 2, 33]), peer)


need_private_network()
make_tap()


@case("changes over HTTP need the token, and nothing shows it")
def _():
    with Guest(cmdline="console.token=" + TOKEN) as g:
        for token in (None, "wrong", TOKEN + "x", TOKEN[:-1]):
            status, page = ask(g, "sysctl?net.ipv4.tcp_sack%3d0", token)
            check(status == 403 and "console.token" in page, "token %r: %d %s" % (token, status, page))
        check_eq(ask(g, "sysctl?net.ipv4.tcp_sack%3d0", TOKEN), (200, "net.ipv4.tcp_sack = 0\n"), "with the token")
        status, page = ask(g, "sysctl?net.ipv4.tcp_sack%3d7", TOKEN)
        check(status == 400 and "0..1" in page, "a bad value is refused with the range: " + page)
        names = [line.split()[0] for line in ask(g, "help")[1].splitlines()]
        check(len(names) > 25, "commands: %r" % names)
        for name in names:
            check(TOKEN not in ask(g, name)[1], name + " shows the token")
        check(TOKEN not in ask(g, "sysctl?-a")[1], "sysctl -a shows the token")


@case("one packet is followed through its stages; hops have histograms; the profile makes a flame graph")
def _():
    with Guest(cmdline="console.token=" + TOKEN) as g:
        check_eq(ask(g, "trace?follow+udp+dst+port+7", TOKEN)[0], 200, "trace follow")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(LIMIT)
            for _ in range(3):
                s.sendto(b"x", (g.ip, 7))
                s.recv(10)
        rows = []
        while "consume_skb" not in rows:  # when the device says that it has sent
            rows = [re.split(r"  +| \+| len ", line.strip())[0].split()[3] for line in ask(g, "trace?show")[1].splitlines()]
        # the echo answers in the very skb that came
        check_eq(rows, ["netif_receive_skb", "ip_local_deliver", "skb_queue", "dev_queue_xmit", "start_xmit", "consume_skb"],
                 "the stages of one datagram")
        check("from ip_local_deliver to the next event: 1 frames" in ask(g, "trace?hist")[1], "no histogram")
        metrics = g.get("/metrics")[2].decode()
        check('barewire_hop_ns_count{from="ip_local_deliver"} 1\n' in metrics, "/metrics has no histogram of hops")
        status, page = ask(g, "trace?on+nosuch", TOKEN)
        check(status == 400 and "'nosuch'" in page and "netif_receive_skb" in page, page)
        ask(g, "trace?off", TOKEN)
        ask(g, "profile?on", TOKEN)
        for _ in range(400):
            g.get("/")
        folded = ask(g, "profile?show")[1]
        check(re.search(r"^cpu0;.*net_poll.* \d+$", folded, re.M), "no stack goes through net_poll:\n" + folded[:2000])
        with tempfile.TemporaryDirectory() as d:
            with open(d + "/folded", "w", encoding="utf-8") as f:
                f.write(folded)
            subprocess.run([ROOT + "/tools/flame", "--folded", d + "/folded", "-o", d + "/flame.svg"], check=True,
                           stdout=subprocess.DEVNULL)
            with open(d + "/flame.svg", encoding="utf-8") as f:
                check("net_poll" in f.read(), "the graph lacks net_poll")


@case("on the serial line: tcpdump prints what the host's prints, wget, dig, traceroute, top, history, completion")
def _():
    web = http.server.ThreadingHTTPServer((HOST_IP, 8099), Page)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    dns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dns.bind((HOST_IP, 53))
    threading.Thread(target=name_server, args=(dns,), daemon=True).start()
    g = Guest()
    t = Terminal(g)
    try:
        t.wait("barewire ready")
        os.write(t.fd, b"\r")
        t.wait("barewire# ")
        page = t.type("wget http://%s:8099/x" % HOST_IP)
        check("Length: %d" % len(BODY) in page and hashlib.sha256(BODY).hexdigest() in page, page)
        check_eq(t.type("dig @%s www.example.org +short" % HOST_IP).split()[0], "192.0.2.33", "dig, with a forged answer before")
        check(re.search(r" 1  %s  \d" % re.escape(HOST_IP), t.type("traceroute -q 1 " + HOST_IP)), "traceroute")
        check("%idle" in t.type("top"), "top")
        check("  wget http" in t.type("history"), "history")
        check("usage: tcpdump" in t.type("tcpdump -Z"), "tcpdump -Z")
        host = subprocess.Popen(["tcpdump", "-nlSi", "tap0", "-c", "2", "icmp"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)
        host.stderr.readline()
        os.write(t.fd, b"tcpdump -c 2 -i eth0 icmp\r")
        t.wait("listening on eth0")
        subprocess.run(["ping", "-c", "1", "-W", str(LIMIT), g.ip], stdout=subprocess.DEVNULL)
        seen = [line.split(" ", 1)[1].strip() for line in t.wait("packets captured").splitlines() if " IP " in line]
        want = [line.split(" ", 1)[1].strip() for line in host.communicate(timeout=LIMIT)[0].splitlines()]
        check_eq(seen, want, "lines of tcpdump")
        t.wait("barewire# ")
        os.write(t.fd, b"tracer\t")
        t.wait("traceroute ")
    finally:
        t.end()
        web.shutdown()
        dns.close()


run()
