# SPDX-License-Identifier: MIT
"""A headless Chromium by its own protocol (Chrome DevTools Protocol) over two pipes: nothing between the test and the browser.

    with Browser() as b:
        b.open("http://10.77.0.2/")
        b.wait("document.title == 'barewire'")
        b.js("1 + 1"), b.key("Tab"), b.picture("page.png"), b.errors
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from net import die_with_parent

KEYS = {"Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"), " ": ("Space", 32, " ")}


def find():
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Browser:
    def __init__(self, width=1280, height=900):
        self.home = tempfile.mkdtemp(prefix="barewire-chromium-")
        to_child, self.out = os.pipe()
        self.inp, from_child = os.pipe()

        def pipes():  # 3 and 4 are where Chromium reads and writes
            die_with_parent()
            high = [os.dup2(fd, 20 + i) for i, fd in enumerate((to_child, from_child))]
            for fd, want in zip(high, (3, 4)):
                os.dup2(fd, want)

        self.proc = subprocess.Popen(
            [find(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
             "--remote-debugging-pipe", "--user-data-dir=" + self.home, "--window-size=%d,%d" % (width, height), "about:blank"],
            env={**os.environ, "HOME": self.home}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=pipes, close_fds=False)
        os.close(to_child)
        os.close(from_child)
        self.rest, self.last, self.session, self.errors = b"", 0, None, []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Log", "Network", "Accessibility":
            self.send(domain + ".enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()
        os.close(self.out)
        os.close(self.inp)
        shutil.rmtree(self.home, ignore_errors=True)

    # ------------------------------------------------------------ the protocol
    def read(self, limit):
        """One message, or None after `limit` seconds."""
        end = time.monotonic() + limit
        while b"\0" not in self.rest:
            if not select.select([self.inp], [], [], max(0, end - time.monotonic()))[0]:
                return None
            data = os.read(self.inp, 1 << 20)
            if not data:
                raise AssertionError("the browser ended")
            self.rest += data
        message, _, self.rest = self.rest.partition(b"\0")
        return json.loads(message)

    def note(self, m):
        p = m.get("params", {})
        if m.get("method") == "Runtime.exceptionThrown":
            d = p["exceptionDetails"]
            self.errors.append(d.get("exception", {}).get("description", d["text"]))
        elif m.get("method") == "Log.entryAdded" and p["entry"]["level"] == "error":
            self.errors.append("%s %s" % (p["entry"]["text"], p["entry"].get("url", "")))
        elif m.get("method") == "Runtime.consoleAPICalled" and p["type"] == "error":
            self.errors.append(str(p["args"]))

    def send(self, method, limit=300, **params):
        self.last += 1
        m = {"id": self.last, "method": method, "params": params}
        if self.session:
            m["sessionId"] = self.session
        os.write(self.out, json.dumps(m).encode() + b"\0")
        end = time.monotonic() + limit
        while True:
            got = self.read(max(0, end - time.monotonic()))
            if got is None:
                raise AssertionError("%s: no answer from the browser" % method)
            if got.get("id") == self.last:
                if "error" in got:
                    raise AssertionError("%s: %s" % (method, got["error"]))
                return got["result"]
            self.note(got)

    # ------------------------------------------------------------ what a user does
    def open(self, url):
        self.send("Page.navigate", url=url)
        self.wait("document.readyState == 'complete' && location.href != 'about:blank'")

    def js(self, expression):
        r = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in r:
            raise AssertionError("%s: %s" % (expression, r["exceptionDetails"]))
        return r["result"].get("value")

    def wait(self, expression, limit=300):
        """Until it is true; what it is then."""
        end = time.monotonic() + limit
        while True:
            value = self.js(expression)
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError("never true: " + expression)
            time.sleep(0.1)

    def key(self, key):
        name, code, text = KEYS[key]
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=name, windowsVirtualKeyCode=code,
                      **({"text": text} if text and kind == "keyDown" else {}))

    def script(self, on):
        self.send("Emulation.setScriptExecutionDisabled", value=not on)

    def look(self, width, height, dark=False, scale=1):
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def picture(self, path, whole=False):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]))

    def names(self):
        """(role, name) of all that a screen reader meets."""
        nodes = self.send("Accessibility.getFullAXTree")["nodes"]
        return [(n["role"]["value"], n.get("name", {}).get("value", "")) for n in nodes if not n["ignored"]]
