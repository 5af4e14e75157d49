#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A browser (headless Chromium) loads a page with fifty resources over a few kept connections, posts to /echo, talks to the
WebSocket and hears server-sent events; its script posts what it found out to this test."""
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import HOST_IP, die_with_parent, make_tap, need_private_network
from qemu import Site
from tap import case, check, check_eq, note, run, skip_all

RESOURCES = 50
PAGE = """<!doctype html><meta charset="utf-8"><title>browser</title><link rel="stylesheet" href="style.css">
<script>let loaded = 0;</script>
%s
<script type="module">
function socket() {
  return new Promise((done, fail) => {
    const ws = new WebSocket("ws://" + location.host + "/ws"), got = [];
    ws.onopen = () => { ws.send("gr\\u00fc\\u00dfe"); ws.send(new Uint8Array([0, 255, 128])); ws.send("x".repeat(100000)); };
    ws.onmessage = m => { got.push(m.data.size ?? m.data); if (got.length == 3) ws.close(1000, "done"); };
    ws.onclose = e => done([got[0], got[1], got[2].length, e.code, e.wasClean]);
    ws.onerror = () => fail("WebSocket");
  });
}
function events() {
  return new Promise((done, fail) => {
    const source = new EventSource("/events"), got = [];
    source.onmessage = m => { got.push(JSON.parse(m.data)); if (got.length == 3) { source.close(); done(got); } };
    source.onerror = () => fail("EventSource");
  });
}
const out = {};
try {
  out.loaded = loaded;
  out.style = getComputedStyle(document.body).color;
  out.echo = await (await fetch("/echo", {method: "POST", body: "from the browser"})).text();
  out.range = (await fetch("/index.html", {headers: {Range: "bytes=0-3"}})).status;
  out.missing = (await fetch("/missing")).status;
  out.ws = await socket();
  const e = await events();
  out.events = e.length;
  out.rises = e[2].uptime_ms > e[0].uptime_ms;
} catch (e) { out.error = String(e); }
fetch("http://REPORT/", {method: "POST", mode: "no-cors", body: JSON.stringify(out)});
</script>
""" % "\n".join('<script src="part%d.js"></script>' % i for i in range(RESOURCES))



class Report(http.server.BaseHTTPRequestHandler):
    """Takes the page's findings."""

    def do_POST(self):
        found.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()
        arrived.set()

    def log_message(self, *_):
        pass


found, arrived = {}, threading.Event()
chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if not chromium:
    skip_all("chromium is not installed")
need_private_network()
make_tap()
report = http.server.HTTPServer((HOST_IP, 0), Report)
threading.Thread(target=report.serve_forever, daemon=True).start()
site = Site({"index.html": PAGE.replace("REPORT", "%s:%d" % report.server_address).encode(),
             "style.css": b"body { color: rgb(1, 2, 3); }", **{"part%d.js" % i: b"loaded++;\n" for i in range(RESOURCES)}})
g = Guest(site=site.name)


@case("the guest boots and the browser comes back with its findings")
def _():
    g.__enter__()
    with tempfile.TemporaryDirectory(prefix="barewire-chromium-", ignore_cleanup_errors=True) as home:
        p = subprocess.Popen([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                              "--remote-debugging-port=0", "--user-data-dir=" + home, g.url("/")], env={**os.environ, "HOME": home},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=die_with_parent)
        arrived.wait(LIMIT)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
    check(arrived.is_set(), "no findings")
    note(found)
    check("error" not in found, found.get("error"))


@case("all fifty resources were loaded over a few connections")
def _():
    check_eq((found["loaded"], found["style"]), (RESOURCES, "rgb(1, 2, 3)"))
    accepted = g.metrics()["http_accepted_total"]
    note("%d connections" % accepted)
    check(accepted <= 16, "%d connections" % accepted)


@case("a post comes back, a range is a range, what is missing is missing")
def _():
    check_eq((found["echo"], found["range"], found["missing"]), ("from the browser", 206, 404))


@case("the WebSocket sends back text, bytes and a long message, and closes cleanly")
def _():
    check_eq(found["ws"], ["gr\u00fc\u00dfe", 3, 100000, 1000, True])


@case("server-sent events arrive one after another")
def _():
    check_eq((found["events"], found["rises"]), (3, True))


try:
    run()
finally:
    g.__exit__(None, None, None)
    site.cleanup()
