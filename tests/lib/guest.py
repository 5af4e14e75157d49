# SPDX-License-Identifier: MIT
"""One booted barewire: started by tools/run, its serial console kept, its end waited for.

    with Guest(boot="pvh", nic="e1000") as g:      # waits for "barewire ready"
        g.get("/"), g.echo(b"hello"), g.metrics()["TcpInSegs"]

`net` is "user" (QEMU's own network, ports forwarded to g.http_port and g.echo_port), "tap" (an existing tap device; the
guest is GUEST_IP and the host may be anybody on that link), the path of a socket of tools/wire, or QEMU's words for datagrams
(dgram,...). `queues` above 1: so many pairs, with RSS, on a tap that was made for it (virtio-net only); `hashes`: the card
reports the hash of each frame (likewise).
"""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from net import BUILD, CPUS, GUEST_IP, HOST_IP, PREFIX, QUEUES, ROOT, STEER, die_with_parent
from terminal import shown, unlogged

READY = "barewire ready.*\n"  # the whole line: the console is slower than its reader
LIMIT = 300  # seconds: an answer on a busy machine without KVM. Nothing is measured by it: it ends what would never end
BOOT_LIMIT = LIMIT
EXIT_CODES_H = os.path.join(ROOT, "kernel/core/exit_codes.h")


def exit_codes():
    """name -> the status that tools/run ends with, from the kernel's own table."""
    with open(EXIT_CODES_H, encoding="ascii") as f:
        rows = re.findall(r"X\((\w+), (0x[0-9a-f]+),", f.read())
    return {name: 0 if name == "CLEAN" else int(value, 16) << 1 | 1 for name, value in rows}


class Guest:
    def __init__(self, boot="pvh", nic="virtio-net", cpus=CPUS, mem=None, net="tap", tap="tap0", cmdline="",
                 site=None, gdb=False, options=(), qemu=(), elf=None, queues=None, machine=None, hashes=False):
        self.dir = tempfile.mkdtemp(prefix="barewire-guest-")
        self.serial, self.errors = os.path.join(self.dir, "serial"), os.path.join(self.dir, "errors")
        self.qmp_path = os.path.join(self.dir, "qmp")
        self.proc = None
        if queues is None:
            queues = QUEUES if nic == "virtio-net" and (net, tap) == ("tap", "tap0") else 1
        if STEER and "steer=" not in cmdline:
            cmdline += " steer=" + STEER
        self.elf = elf or os.path.join(BUILD, "barewire.elf")
        self.ip, self.http_port, self.echo_port = GUEST_IP, 80, 7
        words = {"BOOT": boot, "MACHINE": machine, "NIC": nic, "CPUS": cpus, "MEM": mem, "SITE": site}
        self.gdb_path = os.path.join(self.dir, "gdb")
        options = ["--build", BUILD, "--elf", self.elf, "--qmp", self.qmp_path, *(["--gdb", self.gdb_path] if gdb else []), *options]
        if net == "user":
            self.ip, self.http_port, self.echo_port = "127.0.0.1", free_port(), free_port()
            words.update(HTTP_PORT=self.http_port, ECHO_PORT=self.echo_port)
        else:
            cmdline = "ip=%s/%d,%s %s" % (GUEST_IP, PREFIX, HOST_IP, cmdline)
            options += ["--netdev", self.netdev(net, tap) + (",queues=%d" % queues if queues > 1 else "")]
            nic_opts = ["mq=on,rss=on,vectors=%d" % (2 * queues + 2)] * (queues > 1) + ["hash=on"] * hashes
            if nic_opts:
                options += ["--nic-opts", ",".join(nic_opts)]
        words["CMDLINE"] = cmdline.strip()
        self.command = [os.path.join(ROOT, "tools/run"), *options,
                        *("%s=%s" % (k, v) for k, v in words.items() if v), "--", *qemu]

    @staticmethod
    def netdev(net, tap):
        if net == "tap":
            return "tap,ifname=%s,script=no,downscript=no" % tap
        if net.startswith("dgram,"):
            return net
        return "stream,server=off,addr.type=unix,addr.path=" + net

    # ------------------------------------------------------------ life
    def start(self):
        with open(self.serial, "wb") as out, open(self.errors, "wb") as errors:
            self.proc = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                                         stderr=errors, preexec_fn=die_with_parent)
        return self

    def __enter__(self):
        self.start()
        try:
            self.wait_console(READY)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.terminate()
        if self.proc:
            self.proc.wait()
            self.proc = None
        subprocess.run(["rm", "-rf", self.dir], check=True)

    def sent(self):
        """All that came over the serial line."""
        with open(self.serial, encoding="utf-8", errors="replace", newline="") as f:
            return f.read()

    def console(self):
        """What a terminal shows of it; behind that what QEMU and tools/run said, which could stand in the middle of any row."""
        with open(self.errors, encoding="utf-8", errors="replace") as f:
            return shown(self.sent()) + f.read()

    def wait_console(self, text, limit=BOOT_LIMIT):
        """Waits until the console shows the text (a regular expression)."""
        end = time.monotonic() + limit
        while True:
            seen, ended = self.console(), self.proc.poll() is not None
            if re.search(text, seen):
                return seen
            if ended or time.monotonic() > end:
                raise AssertionError("no %r on the console%s; it ends:\n%s" % (
                    text, ", the guest ended with %d" % self.proc.returncode if ended else "", seen[-3000:]))
            time.sleep(0.05)

    def wait_exit(self, limit=BOOT_LIMIT):
        """The status that the guest ends with."""
        try:
            return self.proc.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError("the guest does not end; its console ends:\n" + self.console()[-3000:]) from None

    def qmp(self, command, **arguments):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.qmp_path)
            f = s.makefile("rw")
            f.readline()
            for c in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                f.write(json.dumps(c) + "\n")
                f.flush()
                answer = json.loads(f.readline())
                while "event" in answer:
                    answer = json.loads(f.readline())
        return answer.get("return")

    def qemu_pid(self):
        """tools/run's child."""
        with open("/proc/%d/task/%d/children" % (self.proc.pid, self.proc.pid), encoding="ascii") as f:
            return int(f.read().split()[0])

    def rss_mib(self):
        with open("/proc/%d/status" % self.qemu_pid(), encoding="ascii") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    # ------------------------------------------------------------ its services
    def url(self, path="/"):
        return "http://%s:%d%s" % (self.ip, self.http_port, path)

    def get(self, path="/", method="GET", limit=LIMIT):
        """(status, headers, body)."""
        c = http.client.HTTPConnection(self.ip, self.http_port, timeout=limit)
        try:
            c.request(method, path)
            r = c.getresponse()
            return r.status, r.headers, r.read()
        finally:
            c.close()

    def echo(self, data, limit=LIMIT):
        """Sends data to the TCP echo, then ends the stream; all that comes back."""
        back = b""
        with socket.create_connection((self.ip, self.echo_port), limit) as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while True:
                part = s.recv(65536)
                if not part:
                    return back
                back += part

    def metrics(self):
        """name, or name{labels} -> value, from /metrics."""
        status, _, body = self.get("/metrics")
        if status != 200:
            raise AssertionError("/metrics answers %d" % status)
        rows = re.findall(r"^(\w+(?:\{[^}]*\})?) ([-+.\deE]+)$", body.decode(), re.M)
        return {name.removeprefix("barewire_"): float(value) for name, value in rows}


class Typed(Guest):
    """A guest whose serial line has a keyboard."""

    def start(self):
        with open(self.serial, "wb") as out, open(self.errors, "wb") as errors:
            self.proc = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out,
                                         stderr=errors, preexec_fn=die_with_parent)
        return self

    def type(self, line):
        """What the console shows from the line on, up to its next prompt."""
        before = len(self.sent())
        self.proc.stdin.write(line.encode() + b"\r")
        self.proc.stdin.flush()
        end = time.monotonic() + LIMIT
        pattern = re.compile(r"^(?:barewire# )?(%s\n(?s:.*)barewire# )$" % re.escape(line), re.M)
        while not (said := pattern.search(shown(self.sent()[before:]))):
            if time.monotonic() > end:
                raise AssertionError("no prompt after %r: %r" % (line, self.sent()[before:]))
            time.sleep(0.02)
        return said.group(1)

    def says(self, line):
        """What the command prints on the console: without the line itself, the prompt, and what the log wrote there meanwhile."""
        return "".join(r + "\n" for r in unlogged(self.type(line).split("\n")[1:-1]))


_given_ports = set()


def free_port():
    """A port that nobody has, and that no guest of this test was given before: several may be starting."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _given_ports:
            _given_ports.add(port)
            return port


def end_quietly(*_):
    sys.exit(1)


signal.signal(signal.SIGTERM, end_quietly)
