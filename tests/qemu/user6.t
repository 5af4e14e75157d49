#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""IPv6 on QEMU's user network, as `make run` has it: its router's advertisement forms an address, and over it the guest reaches
what this host serves on ::1, which that network calls fec0::2. (It forwards no port of the host over IPv6: the way in is
tests/qemu/ipv6.t's.)"""
import hashlib
import http.server
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Typed
from tap import case, check, check_eq, check_in, req, run, skip_all

HOST6 = "fec0::2"
BODY = bytes(i * 7 & 255 for i in range(300000))
asked = []  # the Host fields that came


class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.headers["Host"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY)

    def log_message(self, *_):
        pass


try:
    server = Server(("::1", 0), Handler)
except OSError as e:
    skip_all("this host has no ::1: %s" % e)
threading.Thread(target=server.serve_forever, daemon=True).start()
port = server.server_address[1]
guest = Typed(net="user").start()
guest.wait_console("barewire ready")
guest.type("")


@case("the network's router gives an address and a route without configuration")
def _():
    req("4862 5.5", "4861 6.3.4")
    end = time.monotonic() + LIMIT
    while True:
        shown = guest.type("ip -6 addr")
        if re.search(r"inet6 fec0:[0-9a-f:]+/64 (?!.*tentative)", shown):
            break
        check(time.monotonic() < end, "no address of fec0::/64: " + shown)
        time.sleep(0.2)
    check_in("default via fe80::2", guest.type("ip -6 route"))


@case("an echo request to the host and back")
def _():
    check_in(" 0% packet loss", guest.type("ping -6 -c 3 -i 0.2 " + HOST6))


@case("a page of the host's arrives whole over it")
def _():
    shown = guest.type("wget http://[%s]:%d/" % (HOST6, port))
    check_in(hashlib.sha256(BODY).hexdigest(), shown)
    check(asked and asked[0].startswith("[%s]" % HOST6), "asked: %s" % asked)


@case("HTTP and echo are served beside it over IPv4, as always")
def _():
    check_eq(guest.get("/")[0], 200)
    check_eq(guest.echo(b"hello"), b"hello")


try:
    run()
finally:
    guest.stop()
