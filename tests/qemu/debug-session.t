#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a newcomer does: the lines of docs/debugging.md as they stand there, a triple fault, two CPUs, drgn."""
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import BOOT_LIMIT, LIMIT, Guest
from net import BUILD, ROOT, die_with_parent, make_tap, need_private_network
from qemu import gdb, make_core
from tap import case, check, check_eq, check_in, note, run, Skip

ENV = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}


def make(line, **more):
    """A line `make ...` of the document, in the build directory of this test: build/san is that of SAN=1."""
    folder, name = os.path.split(BUILD)
    words = line.split("#")[0].split() + (["B=" + folder, "SAN=1"] if name == "san" else ["B=" + BUILD])
    return subprocess.Popen(words, cwd=ROOT, env=ENV, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            preexec_fn=die_with_parent, **more)


def section(title):
    """The indented lines of a section of docs/debugging.md, without their comments."""
    with open(os.path.join(ROOT, "docs/debugging.md"), encoding="utf-8") as f:
        text = f.read().split("## " + title + "\n")[1].split("\n## ")[0]
    return [re.sub(r"\s{2,}#.*", "", line.strip()) for line in text.split("\n") if line.startswith("    ")]


def gdb_lines(lines):
    return "".join(line[len("(gdb) "):] + "\n" for line in lines if line.startswith("(gdb) "))


class Background:
    """Calls something again and again, whatever becomes of it."""

    def __init__(self, call):
        self.over = threading.Event()

        def loop():
            while not self.over.wait(0.1):
                try:
                    call()
                except (OSError, subprocess.SubprocessError):
                    pass
        self.thread = threading.Thread(target=loop, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over.set()


def try_curl(url):
    subprocess.run(["curl", "-s", "-o", "/dev/null", "--max-time", "20", url], check=False)


need_private_network()
make_tap()


@case("the document's own lines lead to a breakpoint that curl hits")
def _():
    lines = section("A breakpoint in tcp_rcv, hit by curl")
    start, url = time.monotonic(), next(l for l in lines if l.startswith("curl ")).split()[1]
    served = make(lines[0], stdin=subprocess.DEVNULL)
    try:
        for said in served.stdout:
            if "barewire ready" in said:
                break
            check(time.monotonic() - start < BOOT_LIMIT, "no boot")
        with Background(lambda: try_curl(url)):
            out = make(lines[1], stdin=subprocess.PIPE).communicate(gdb_lines(lines), timeout=LIMIT)[0]
    finally:
        served.terminate()
        served.wait()
    check(re.search(r"Breakpoint 1(\.\d+)?, tcp_rcv", out), out[-3000:])
    check_in("-- softirq", out.replace("softirq --", "-- softirq"), "k bt")
    check(re.search(r"TCP \d+ > 80 ", out), "k skb: " + out[-3000:])
    note("%.0f s" % (time.monotonic() - start))


@case("a triple fault under make debug stops at the instruction that caused it")
def _():
    p = make("make debug NET=none CMDLINE=crash=triple", stdin=subprocess.PIPE)
    out = p.communicate("continue\nx/i $pc\nbt\nkill\nquit\n", timeout=LIMIT)[0]
    check_in("received signal SIGQUIT", out)
    check(re.search(r"=> 0x\w+ <crash_triple\+\d+>:\s+ud2", out), out[-2000:])
    check_in("boot_crash", out, "the trace")


@case("make debug takes every variable of make run")
def _():
    with open(os.path.join(ROOT, "Makefile"), encoding="utf-8") as f:
        names = re.search(r"^RUNVARS\s*:= (.*)$", f.read(), re.M).group(1).split()
    listed = subprocess.run([os.path.join(ROOT, "tools/run"), "--help"], capture_output=True, text=True).stdout
    check_eq(sorted(re.findall(r"^    ([A-Z_]+)=", listed, re.M)), sorted(names), "variables of tools/run and of the Makefile")
    out = make("make -n debug " + " ".join("%s=x%d" % (n, i) for i, n in enumerate(names) if n != "BOOT")).communicate()[0]
    for i, name in enumerate(names):
        check(name == "BOOT" or "%s='x%d'" % (name, i) in out, "%s is not passed on: %s" % (name, out[-500:]))


@case("k break-drop stops at a frame that dies so, and k break-state at a change of state")
def _():
    with Guest(gdb=True) as g:
        def traffic():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"nobody", (g.ip, 4444))
            try_curl(g.url("/"))
        with Background(traffic):
            dropped = gdb(g, "k break-drop NO_SOCKET", "continue", "p reason", "bt", "delete")
            changed = gdb(g, "k break-state ESTABLISHED CLOSE_WAIT", "continue", "p (int)t->sk.state", "p (int)state", "delete")
    check(re.search(r"= DROP_NO_SOCKET at \w+:\d+", dropped), dropped[-2000:])
    check_in("virtnet_poll", dropped, "the trace")
    check_eq(re.findall(r"^\$\d+ = (\d+)", changed, re.M), ["1", "8"], "from ESTABLISHED to CLOSE_WAIT\n" + changed[-1500:])


@case("on two CPUs that serve flows k cpus, k irq, k bt -a, k steer, k ss and k check see both")
def _():
    with Guest(cpus=2, gdb=True) as g:
        load = subprocess.Popen(["wrk", "-t1", "-c8", "-d600s", "--timeout", "60s", g.url("/health")], stdout=subprocess.DEVNULL,
                                preexec_fn=die_with_parent)
        held = [socket.create_connection((g.ip, g.echo_port)) for _ in range(8)]
        for s in held:
            s.sendall(b"x")
            s.recv(1)
        busy = gdb(g, "k cpus", "k bt -a", "k irq", "k steer", "k ss -ti", "k gro")
        load.kill()
        load.wait()
        for bad in "broken:", "memory ends here", "Python Exception", "Error":
            check(bad not in busy, busy[-3000:])
        counts = re.findall(r"^ *\d+ \S.*? cpu\d (\d+) (\d+)", busy, re.M)  # k irq: by CPU
        check(all(any(int(row[i]) for row in counts) for i in range(2)), "k irq: " + busy[-3000:])
        check_eq(re.findall(r"^cpu(\d): 64 of 128 slots", busy, re.M), ["0", "1"], "k steer")
        while len(re.findall(r":80 ", g.get("/debug/ss?-tn")[2].decode())) > 1:  # but for the one that asks
            time.sleep(0.1)
        out = gdb(g, "k cpus", "k bt -a", "k ss", "k check")
        for i in range(2):
            check(re.search(r"^cpu%d apic %d online" % (i, i), out, re.M), "k cpus: " + out[:1000])
        check_in("ap_entry", out, "k bt -a of the second CPU")
        for s in held:
            check_in(":%d" % s.getsockname()[1], out, "k ss")
            s.close()
        check(re.search(r"^\d+ checks, 0 wrong", out, re.M), out[-1500:])


@case("drgn opens a core by the document's line")
def _():
    if not shutil.which("drgn"):
        raise Skip("drgn is not installed, and tools/setup could not")
    with open(os.path.join(ROOT, "docs/debugging.md"), encoding="utf-8") as f:
        line = re.search(r"`(drgn -c build/barewire.core -s build/barewire.elf)`", f.read()).group(1)
    with Guest(net="user") as g:
        core, script = make_core(g), os.path.join(g.dir, "script.py")
        with open(script, "w", encoding="ascii") as f:
            f.write('net = prog["cpus"][0].net.net\nprint(net.devs[1].name.string_().decode(), net.nr_cpus.value_())\n')
        words = line.replace("build/barewire.core", core).replace("build/barewire.elf", g.elf).split()
        p = subprocess.run([*words, "-q", script], capture_output=True, text=True)
    check_eq((p.returncode, p.stdout), (0, "eth0 1\n"), p.stderr)


run()
