#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Clients that nobody here wrote are served: curl, wget, Python, ab, siege, h2load, wrk with 1 to 1000 connections and pipelined, a
WebSocket library. While slowhttptest holds 1000 connections in each of its four modes, an honest client waits under a second."""
import asyncio
import http.client
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import link_drops, make_tap, need_private_network
from qemu import MIB, Site, curl, noise, pick, sha
from tap import Skip, case, check, check_eq, check_in, note, run

SECONDS = pick(1, 15)
IDLE = pick(4000, 10000)
BIG = noise(pick(4, 256) * MIB)
FILES = {"index.html": b"<title>site</title>\n" * 40, "small.txt": b"x" * 128, "big.bin": BIG,
         **{"part%02d.js" % i: b"// %d\n" % i * 20 for i in range(50)}}


def tool(name):
    path = shutil.which(name)
    if not path:
        raise Skip(name + " is not installed")
    return path


def output(*words, limit=900, ok=(0,)):
    p = subprocess.run([tool(words[0]), *map(str, words[1:])], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=limit)
    check(p.returncode in ok, "%s: status %d: %s" % (words[0], p.returncode, p.stdout[-1500:]))
    return p.stdout


def wrk(g, connections, *options):
    out = output("wrk", "-t%d" % min(2, connections), "-c%d" % connections, "-d%ds" % SECONDS, "--timeout", "%ds" % LIMIT, "--latency", *options,
                 g.url("/small.txt"))
    check("Socket errors" not in out and "Non-2xx" not in out, out)
    note("wrk -c%d %s: %s, %s" % (connections, " ".join(options), re.search(r"Requests/sec:\s*\S+", out).group(0),
                               re.search(r"^ +(99%\s+\S+)", out, re.M).group(1)))


def settled():
    """Waits until the server holds no connection but the asker's; its metrics."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        m = g.metrics()
        busy = sum(v for k, v in m.items() if k.startswith("http_connections{"))
        if busy <= 1:
            return m
        time.sleep(1)
    raise AssertionError("%d connections" % busy)


need_private_network()
make_tap()
site = Site(FILES)
g = Guest(site=site.name, mem=pick(256, 768), cmdline="http.idle_timeout_ms=86400000")  # however long thousands take to come


@case("the guest boots with a site")
def _():
    g.__enter__()


@case("curl: a page, HEAD, a range, a condition, an upload")
def _():
    check_eq(curl(g.url("/")), FILES["index.html"])
    check_in(b"Content-Length: %d" % len(BIG), curl("-I", g.url("/big.bin")))
    check_eq(curl("-r", "1000-1999", g.url("/big.bin")), BIG[1000:2000])
    etag = re.search(rb"ETag: (\S+)", curl("-I", g.url("/"))).group(1).decode()
    check_eq(curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "If-None-Match: " + etag, g.url("/")), b"304")
    check_eq(curl("--data-binary", "hello", g.url("/echo")), b"hello")
    check_eq(curl("-H", "Transfer-Encoding: chunked", "--data-binary", "hello", g.url("/echo")), b"hello")


@case("a large file down and the same bytes echoed back are equal")
def _():
    check_eq(sha(curl(g.url("/big.bin"))), sha(BIG))
    path = os.path.join(site.name, "big.bin")
    check_eq(sha(curl("-T", path, "-X", "POST", "-H", "Expect: 100-continue", g.url("/echo"))), sha(BIG))


@case("wget fetches a page and continues a download")
def _():
    out = os.path.join(site.name, "part.out")
    with open(out, "wb") as f:
        f.write(BIG[:100000])
    output("wget", "-q", "-c", "-O", out, g.url("/big.bin"))
    with open(out, "rb") as f:
        check_eq(sha(f.read()), sha(BIG))


@case("Python's http.client: fifty resources over one connection")
def _():
    c = http.client.HTTPConnection(g.ip, g.http_port, timeout=LIMIT)
    for i in range(50):
        c.request("GET", "/part%02d.js" % i)
        r = c.getresponse()
        check_eq((r.status, r.read()), (200, FILES["part%02d.js" % i]))
    c.close()


@case("ab with and without keep-alive")
def _():
    for options in (["-k"], []):
        out = output("ab", "-q", "-n", pick(500, 10000), "-c", 20, *options, g.url("/small.txt"))
        check(re.search(r"Failed requests:\s+0\n", out) and "Non-2xx" not in out, out)


@case("siege and h2load (HTTP/1.1)")
def _():
    out = output("siege", "-q", "-b", "-c", 10, "-r", pick(20, 500), "-R", "/dev/null", g.url("/small.txt"))
    check("failed" not in out.lower() or re.search(r'"failed_transactions":\s+0', out), out)
    out = output("h2load", "--h1", "-n", pick(500, 20000), "-c", 20, "-m", 4, g.url("/small.txt"))
    check(re.search(r"0 failed, 0 errored, 0 timeout", out), out)


@case("wrk with 1, 64 and 1000 connections, kept and one per request, and pipelined")
def _():
    script = os.path.join(site.name, "pipeline.lua")
    with open(script, "w", encoding="ascii") as f:
        f.write('init = function(args) local r = {} for i = 1, 16 do r[i] = wrk.format("GET", "/small.txt") end\n'
                'request_all = table.concat(r) end\nrequest = function() return request_all end\n')
    for connections in (1, 64, 1000):
        wrk(g, connections)
        wrk(g, connections, "-H", "Connection: close")
    wrk(g, 16, "-s", script)


def websocket():
    """A connection by the library to /ws."""
    try:
        import websockets
    except ImportError:
        raise Skip("python3-websockets is not installed") from None
    return websockets.connect("ws://%s:%d/ws" % (g.ip, g.http_port), compression=None, max_size=None, open_timeout=LIMIT, close_timeout=LIMIT,
                              ping_interval=None)


@case("a WebSocket library: text, binary, fragments, a long message, ping, close")
def _():
    async def talk():
        async with websocket() as ws:
            for message in ("hello", "", "gr\u00fc\u00dfe \U0001f600", b"\x00\xff" * 100, BIG[:300000], "x" * 70000):
                await ws.send(message)
                check_eq(await ws.recv(), message, "message")
            await ws.send(["frag", "men", "ted"])
            check_eq(await ws.recv(), "fragmented")
            await asyncio.wait_for(await ws.ping(), LIMIT)
            await ws.close(4000, "done")
            check_eq(ws.close_code, 4000)
    asyncio.run(talk())


CONT, TEXT, BINARY, PING, PONG = 0, 1, 2, 9, 10
# Frames (last, opcode, bytes) that the library sends as they are; what comes back, or the code that the connection ends with.
FRAMES = [
    ("a character cut between two fragments", [(False, TEXT, b"\xe2\x82"), (True, CONT, b"\xac")], "\u20ac"),
    ("pings within a fragmented message", [(False, TEXT, b"a"), (True, PING, b"1"), (False, CONT, b"b"), (True, PING, b""),
                                           (True, CONT, b"c")], "abc"),
    ("a pong that nobody asked for", [(True, PONG, b"x"), (True, TEXT, b"after")], "after"),
    ("a hundred fragments of one byte", [(i == 99, CONT if i else BINARY, b"%d" % (i % 10)) for i in range(100)], b"0123456789" * 10),
    ("fragments without bytes", [(False, TEXT, b""), (False, CONT, b""), (True, CONT, b"")], ""),
    ("a ping of 125 bytes", [(True, PING, b"p" * 125), (True, TEXT, b"after")], "after"),
    ("every length at which the header grows", [(True, BINARY, b"x" * n) for n in (125, 126, 65535, 65536)], b"x" * 125),
    ("text that is no UTF-8", [(True, TEXT, b"a\xffb")], 1007),
    ("a surrogate", [(True, TEXT, b"\xed\xa0\x80")], 1007),
    ("text that ends within a character", [(False, TEXT, b"\xe2"), (True, CONT, b"\x82")], 1007),
    ("a continuation of nothing", [(True, CONT, b"x")], 1002),
    ("a message within a message", [(False, TEXT, b"x"), (True, TEXT, b"y")], 1002),
]


@case("the WebSocket library's frames, sound and broken: %d cases" % len(FRAMES))
def _():
    async def talk(what, frames, want):
        import websockets
        async with websocket() as ws:
            for frame in frames:
                await ws.write_frame(*frame)
            try:
                check_eq(await asyncio.wait_for(ws.recv(), LIMIT), want, what)
            except websockets.ConnectionClosed as e:
                check_eq(e.code, want, what)
    for row in FRAMES:
        asyncio.run(talk(*row))
    for code in (1000, 1001, 1011, 3000, 4999):
        async def end(code=code):
            ws = await websocket()
            await ws.close(code, "bye")
            check_eq(ws.close_code, code)
        asyncio.run(end())


@case("%d idle keep-alive connections cost at most 4 KiB each" % IDLE)
def _():
    want = IDLE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < want + 200:
        raise Skip("only %d open files are allowed" % hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, want + 200), hard))
    before, idle = g.metrics()["memory_free_bytes"], []
    for _ in range(want):
        s = socket.create_connection((g.ip, g.http_port), timeout=LIMIT)
        s.sendall(b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        idle.append(s)
    for s in idle:
        check_in(b"200 OK", s.recv(4096))
    m = g.metrics()
    check(m['http_connections{state="idle"}'] >= want, "not all are idle")
    each = (before - m["memory_free_bytes"]) / want
    note("%.0f bytes each" % each)
    for s in idle:
        s.close()
    settled()  # thousands of FINs are not what the next case measures
    check(each <= 4096, "%.0f bytes each" % each)


class Honest:
    """Asks for a page all the time, each time on a new connection; how long each answer took is kept."""

    def __init__(self):
        self.waits, self.failed, self.stop = [], [], threading.Event()
        self.thread = threading.Thread(target=self.loop, daemon=True)

    def loop(self):
        while not self.stop.is_set():
            start = time.monotonic()
            try:
                c = http.client.HTTPConnection(g.ip, g.http_port, timeout=LIMIT)
                c.request("GET", "/small.txt")
                if c.getresponse().read() != FILES["small.txt"]:
                    self.failed.append("wrong bytes")
                c.close()
            except OSError as e:
                self.failed.append(str(e))
            self.waits.append(1000 * (time.monotonic() - start))
            time.sleep(0.02)

    def report(self):
        waits = sorted(self.waits)
        note("%d requests: median %.0f ms, 99%% %.0f ms, slowest %.0f ms, %d of a second or more" % (
            len(waits), waits[len(waits) // 2], waits[len(waits) * 99 // 100], waits[-1], sum(w >= 1000 for w in waits)))


for mode, options in (("slow headers", ["-H"]), ("slow body", ["-B"]), ("ranges", ["-R", "-a", "1", "-b", "2000"]),
                      ("slow read", ["-X", "-w", "1", "-y", "8", "-n", "5", "-z", "1", "-k", "3"])):
    @case("slowhttptest, %s: an honest client is served throughout" % mode)
    def _(mode=mode, options=options):
        honest, lost = Honest(), link_drops()
        honest.thread.start()
        output("slowhttptest", *options, "-c", 1000, "-r", 500, "-i", 2, "-l", pick(5, 60), "-p", 5,
               "-u", g.url("/echo" if mode == "slow body" else "/big.bin"), ok=(0, 1, 255))
        honest.stop.set()
        honest.thread.join(LIMIT)
        check(honest.waits, "the honest client never had an answer")
        honest.report()
        note("frames lost on the way to the guest: %d" % (link_drops() - lost))
        check_eq(honest.failed, [])


@case("afterwards the server still answers and holds no connection")
def _():
    m = settled()
    note({k: v for k, v in m.items() if k.startswith("http_") and "connections{" not in k and v})


@case("the power button: no new connection, the answer under way is finished, and the machine ends")
def _():
    s = socket.create_connection((g.ip, g.http_port), timeout=LIMIT)
    s.sendall(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
    answer = b""
    while not answer.endswith(b"01234"):
        answer += s.recv(4096) or b"(closed)01234"
    check(b"closed" not in answer, answer)
    g.qmp("system_powerdown")
    g.wait_console("going down")
    try:
        socket.create_connection((g.ip, g.http_port), timeout=LIMIT).close()
        check(False, "a new connection was taken")
    except ConnectionRefusedError:
        pass
    s.sendall(b"56789")
    check_eq(s.recv(4096), b"56789")
    s.close()
    check_eq(g.wait_exit(), 0, "status")


try:
    run()
finally:
    g.__exit__(None, None, None)
    site.cleanup()
