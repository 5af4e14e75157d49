#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The live page in a browser (headless Chromium): it draws what the counters say, follows load, lives through the loss of its
feed and a restart of the guest, is usable by keyboard and by name, and says the same in tables without a script.
PICTURES=1 writes the pictures of docs/ anew."""
import json
import os
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser
from guest import LIMIT, Guest
from net import ROOT, make_tap, need_private_network
from qemu import Site
from tap import case, check, check_eq, note, run, skip_all

LARGEST = 100 << 10  # bytes of the document
LIVE = "document.getElementById('link').classList.contains('on')"
STAGES = ("nic rxring irq napi gro tapin ipin hookin tcpin sockin app sockout tcpout hookout ipout tapout qdisc txring").split()

if not browser.find():
    skip_all("chromium is not installed")
need_private_network()
make_tap()
g = Guest(cpus=2)
b = None


def text(selector):
    return b.js("document.querySelector(%r).textContent" % selector)


@case("the document is one answer under 100 KiB that needs no other")
def _():
    global b
    g.__enter__()
    b = browser.Browser()
    status, head, body = g.get("/")
    check_eq((status, head["Content-Type"]), (200, "text/html; charset=utf-8"))
    note("%d bytes" % len(body))
    check(len(body) < LARGEST, "%d bytes" % len(body))
    check(not re.search(rb"""(src|@import|url\()\s*=?\s*["']?(https?:)?/""", body), "it asks for something else")
    check_eq(g.get("/debug/live")[0], 200, "its fixed place")


@case("it draws: every stage with its figures, rings, both CPUs, the feed's own connection")
def _():
    b.open(g.url("/"))
    b.wait(LIVE)
    check_eq(b.js("[...document.querySelectorAll('#path .box')].map(x => x.id.slice(4))"), STAGES)
    b.wait("document.querySelectorAll('#rings svg').length >= 2")
    for ring in b.js("[...document.querySelectorAll('#rings .ring')].map(r => [r.textContent, [...r.querySelectorAll('path')]"
                     ".map(p => p.getAttribute('d').split('M').length - 1).reduce((a, b) => a + b)])"):
        check_eq(int(re.search(r"of (\d+)", ring[0]).group(1)), ring[1], "cells of " + ring[0])
    check_eq(b.js("document.querySelectorAll('#cpus .cpu').length"), 2)
    b.wait("document.querySelectorAll('#conns tbody tr').length >= 1")
    check("accounted for" in text("#balance"), text("#balance"))
    check("pfifo_fast" in text("#qdiscs"), text("#qdiscs"))


@case("it follows load: requests, frames, latency, counters")
def _():
    before = int(g.metrics()["http_requests_total"])
    with subprocess.Popen(["wrk", "-t1", "-c8", "-d600s", "--timeout", "60s", g.url("/health")], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as load:
        try:
            for name in "tile-req dd", "box-ipin .rate", "box-tcpout .rate", "box-app .rate":
                b.wait("parseFloat(document.querySelector('#%s').textContent) > 0" % name)
            b.wait("document.querySelectorAll('#conns tbody tr').length >= 9")
            b.wait("document.querySelectorAll('#lat li').length > 2")
            b.wait("/TcpInSegs\\+/.test(document.getElementById('stats').textContent)")
            for name in STAGES:  # a rate at each, depth and high-water mark where something can wait
                b.wait("document.querySelector('#box-%s .rate').textContent.length > 1" % name)
            for name in "rxring", "txring":
                b.wait("/waiting, high [1-9]/.test(document.querySelector('#box-%s .deep').textContent)" % name)
            for name, most in (("napi", ""), ("qdisc", ""), ("tcpin", "[1-9]"), ("app", "[1-9]"), ("sockin", ""), ("sockout", "")):
                b.wait("/high %s\\d*/.test(document.querySelector('#box-%s .deep').textContent)" % (most, name))
            for context in "NET_RX", "NET_TX", "TIMER", "INBOX", "base", "idle":
                b.wait("[...document.querySelectorAll('#cpus .cpu')].every(c => /%s \\d+\\.\\d %%/.test(c.textContent))" % context)
            note("%s requests/s on the page" % text("#tile-req dd"))
            check("accounted for" in text("#balance"), text("#balance"))
            if os.environ.get("PICTURES"):
                pictures()
        finally:
            load.terminate()
    check(int(g.metrics()["http_requests_total"]) > before, "the guest counts no request")
    b.wait("document.querySelectorAll('#conns tbody tr').length < 9")


def pictures():
    time.sleep(20)  # for the graphs to have something to show
    for name, width, height, dark in (("live", 1280, 800, False), ("live-dark", 1280, 800, True), ("live-phone", 390, 844, False)):
        b.look(width, height, dark)
        time.sleep(2)
        b.picture(os.path.join(ROOT, "docs", name + ".png"))
    b.look(1280, 900)


@case("a dropped frame shows with its reason and decoded, at its stage")
def _():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"to nobody", (g.ip, 5555))
    b.wait("/NO_SOCKET/.test(document.getElementById('drops').textContent)")
    b.wait("/\\.5555: UDP, length 9/.test(document.getElementById('drops').textContent)")
    b.wait("/[1-9].* lost/.test(document.querySelector('#box-tcpin .lost').textContent)")


@case("a chosen connection has its words as ss prints them, a graph, and a capture of it alone")
def _():
    with socket.create_connection((g.ip, 7)) as s:
        port = s.getsockname()[1]
        s.sendall(b"x" * 10000)
        row = "[...document.querySelectorAll('#conns button')].find(x => x.textContent.endsWith(':%d'))" % port
        b.wait("!!" + row)
        b.js(row + ".click()")
        words = b.wait("(t => t.includes(':%d') && t)(document.getElementById('conn').textContent)" % port)
        check(re.search(r"cubic .*rto:\d+ rtt:[\d.]+/[\d.]+ .*cwnd:\d+ .*bytes_received:10000 ", words), words)
        check_eq(b.js("document.querySelectorAll('#conn svg path').length"), 2)
        link = b.js(row + ".closest('tr').querySelector('a').getAttribute('href')")
        check_eq(link, "/debug/pcap?filter=host+%s+and+port+%d+and+port+7" % (s.getsockname()[0], port))
        p = subprocess.Popen(["curl", "-sN", "--max-time", str(LIMIT), g.url(link)], stdout=subprocess.PIPE)
        check_eq(p.stdout.read(4), b"\n\r\r\n", "a pcapng section")
        p.terminate()
        p.wait()
    b.wait("!%s" % row)


@case("light and dark differ")
def _():
    papers = []
    for dark in False, True:
        b.look(1280, 900, dark)
        papers.append(b.js("getComputedStyle(document.body).backgroundColor"))
    b.look(1280, 900)
    light, dark = (sum(int(x) for x in re.findall(r"\d+", paper)[:3]) for paper in papers)
    check(light > 600 > 150 > dark, "%s and %s" % tuple(papers))


@case("the keyboard reaches every stage in the order of the path, and opens what it says")
def _():
    b.js("document.querySelector('#pause').focus()")
    order = []
    for _ in STAGES:
        b.key("Tab")
        order.append(b.js("document.activeElement.id.slice(4)"))
    check_eq(order, STAGES)
    b.key("Enter")
    check_eq(b.js("document.activeElement.getAttribute('aria-expanded')"), "true")
    b.wait("!document.getElementById('stage').hidden")
    check("doorbell" in text("#stage"), text("#stage"))
    b.key("Enter")
    b.wait("document.getElementById('stage').hidden")


@case("a screen reader meets names: headings, buttons, rings and graphs with words")
def _():
    names = b.names()
    headings = [n for role, n in names if role == "heading"]
    check_eq(headings[0], "barewire")
    for want in ("The way of a frame", "Rings", "CPUs", "Connections", "HTTP latency", "Queueing and tracking", "Drops", "Counters"):
        check(want in headings, "no heading %r in %r" % (want, headings))
    check(all(n for role, n in names if role in ("button", "link", "textbox", "searchbox", "checkbox")), "something to press has no name")
    check(any(role in ("image", "img") and n.startswith("eth0.rx0: ") for role, n in names), "the ring has no words")
    check([r for r in names if r[0] == "main"] and [r for r in names if r[0] == "status"], "no landmark, no status")


@case("pause ends the feed, and then nothing is collected; resume begins it again")
def _():
    b.js("document.querySelector('#pause').click()")
    end = time.monotonic() + LIMIT
    while "softirq_times = 1" in g.get("/debug/sysctl?net.core.softirq_times")[2].decode():
        check(time.monotonic() < end, "softirq rows are still timed")
        time.sleep(0.1)
    check_eq(int(g.metrics()['http_connections{state="stream"}']), 0, "streams")
    b.js("document.querySelector('#pause').click()")
    b.wait(LIVE)
    check("softirq_times = 1" in g.get("/debug/sysctl?net.core.softirq_times")[2].decode(), "softirq rows are not timed")


@case("nothing was wrong in the browser's eyes so far")
def _():
    check_eq(b.errors, [])


@case("frames that do not balance make the edges red, with a sign and in words")
def _():
    feed = subprocess.Popen(["curl", "-sN", "--max-time", str(LIMIT), g.url("/debug/live/feed")], stdout=subprocess.PIPE, text=True)
    event = next(line[len("data: "):] for line in feed.stdout if line.startswith("data: "))
    feed.terminate()
    feed.wait()
    full = json.loads(event)
    full["v"][full["names"].index("balance.in_known")] += 1
    ident = b.send("Page.addScriptToEvaluateOnNewDocument", source="""
        window.EventSource = class { constructor() { window.feed = this; this.heard = {}; } close() {}
                                     addEventListener(name, fn) { this.heard[name] = fn; } };""")["identifier"]
    b.open(g.url("/"))
    b.js("feed.heard.full({data: %s})" % json.dumps(json.dumps(full)))
    check(text("#balance").startswith("\u2260 frames in differ"), text("#balance"))
    check_eq(b.js("document.querySelectorAll('.in > .edge.bad').length"), 9)
    check_eq(b.js("document.querySelectorAll('.out > .edge.bad').length"), 0)
    sign, color = b.js("(s => [s.content, s.color])(getComputedStyle(document.querySelector('.in > .edge'), '::after'))")
    check_eq(sign, '"\u2260"')
    check(color != b.js("getComputedStyle(document.querySelector('.out > .edge')).color"), "the same colour")
    full["v"][full["names"].index("balance.in_known")] -= 1
    for stage, where in (("rxring", 1), ("ip", 2), ("output", 4), ("qdisc", 1), ("txring", 1), ("receive", 1), ("send", 1)):  # and those of a stage alone, when only it forgets a frame
        full["v"][full["names"].index("stage.%s.known" % stage)] += 1
        b.js("feed.heard.full({data: %s})" % json.dumps(json.dumps(full)))
        check_eq(b.js("document.querySelectorAll('.edge.bad').length"), where, stage)
        check("stage %s" % stage in text("#balance"), text("#balance"))
        full["v"][full["names"].index("stage.%s.known" % stage)] -= 1
    b.js("feed.heard.full({data: %s})" % json.dumps(json.dumps(full)))
    check_eq(b.js("document.querySelectorAll('.edge.bad').length"), 0)
    b.send("Page.removeScriptToEvaluateOnNewDocument", identifier=ident)
    b.open(g.url("/"))
    b.wait(LIVE)


@case("the guest starts anew: the page says so, and goes on by itself")
def _():
    global g
    g.stop()  # no connection is ended: to the browser it falls silent
    b.wait("!" + LIVE)
    check("reconnecting" in text("#link"), text("#link"))
    check("no rule asks for it" in text("#qdiscs"), text("#qdiscs"))
    g = Guest(cpus=2, cmdline='nft="add rule input ct state established accept"')
    g.__enter__()
    b.wait(LIVE)
    b.wait("/[1-9]\\d* connections tracked: found \\d/.test(document.getElementById('qdiscs').textContent)")
    b.wait("/up \\d/.test(document.getElementById('where').textContent)")
    check("accounted for" in text("#balance"), text("#balance"))
    b.errors.clear()  # that the guest was not there is an error in the browser's eyes, and rightly


@case("without a script the same numbers are in tables")
def _():
    b.script(False)
    b.open(g.url("/"))
    b.send("DOM.enable")
    names = b.names()
    b.script(True)
    rows = [n for role, n in names if role == "rowheader"]
    for want in ("rx ring", "TCP, in", "qdisc", "IpInReceives", "eth0"):
        check(want in rows, "no row %r in %r" % (want, rows))
    check(not any(role == "button" for role, _ in names), "a button that does nothing")
    check_eq(b.errors, [])


@case("a site with a page of its own keeps the root; the live page is at /debug/live")
def _():
    g.stop()
    with Site({"index.html": b"<title>mine</title>"}) as site, Guest(site=site) as other:
        check(b"mine" in other.get("/")[2], "the site's page")
        check(b"The way of a frame" in other.get("/debug/live")[2], "the live page")
    with Site({"file.txt": b"no index"}) as site, Guest(site=site) as other:
        check(b"The way of a frame" in other.get("/")[2], "the live page where the site has none")


try:
    run()
finally:
    if b:
        b.__exit__(None, None, None)
    if g.proc:
        g.stop()
