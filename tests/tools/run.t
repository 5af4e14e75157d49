#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/run: values it refuses by name, the guest's end as its status, and the console's two ways, with a tiny guest."""
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from net import die_with_parent, need_private_network
from tap import case, check, check_eq, check_in, run

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUN = os.path.join(ROOT, "tools/run")
LIMIT = 300  # seconds

need_private_network()  # its ports are all free, and its taps nobody's
work = tempfile.TemporaryDirectory(prefix="barewire-run-")
TINY = os.path.join(work.name, "tiny.elf")
subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-Wl,-Ttext=0x200000,--build-id=none", "-Wl,-z,noexecstack",
                "-Wl,-e,start", os.path.join(HERE, "tiny.S"), "-o", TINY], check=True)


def command(*words):
    return [RUN, "--build", work.name, "--elf", TINY, *words]


def finish(*words, stdin=b""):
    """(status, stdout, stderr) of a run that ends by itself."""
    p = subprocess.run(command(*words), input=stdin, capture_output=True, timeout=LIMIT)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def start(*words, **kw):
    return subprocess.Popen(command(*words), stdin=kw.pop("stdin", subprocess.DEVNULL), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, preexec_fn=die_with_parent, **kw)


def read_until(fd, text, limit=LIMIT):
    seen, end = b"", time.monotonic() + limit
    while text not in seen:
        check(select.select([fd], [], [], max(0, end - time.monotonic()))[0], f"no {text!r} in {seen!r}")
        chunk = os.read(fd, 4096)
        check(chunk, f"the output ended without {text!r}: {seen!r}")
        seen += chunk
    return seen


REFUSED = {
    "NIC=rtl8139": "NIC=rtl8139: allowed are virtio-net, e1000",
    "BOOT=floppy": "BOOT=floppy: allowed are pvh, grub, grub-efi, efi",
    "NET=bridge": "NET=bridge: allowed are user, tap, none",
    "CPUS=0": "CPUS=0: allowed is a number of CPUs from 1 to 16",
    "CPUS=two": "CPUS=two: allowed is",
    "MEM=64X": "MEM=64X: allowed is",
    "MEM=4": "MEM=4: allowed is",
    "HTTP_PORT=65536": "HTTP_PORT=65536: allowed is a port from 1 to 65535",
    "ECHO_PORT=8080": "they must differ",
    "SITE=/nowhere": "SITE=/nowhere: there is no such directory",
    "CMDLINE=" + "x" * 2048: "the kernel keeps 2047",
    "CMDLINE=a\nb": "cannot be printed",
    "COLOUR=red": "COLOUR=red: not a variable; there are BOOT,",
    "QEMU=no-such-qemu": "QEMU=no-such-qemu is missing",
}


@case("a value that cannot be is refused by name, with what is allowed")
def _():
    for word, text in REFUSED.items():
        status, out, err = finish(word)
        check_eq((status, out), (2, ""), word)
        check_in(text, err)
        check_eq(err.count("\n"), 1, word)


@case("a kernel that is not built is missed by name")
def _():
    status, _, err = finish("--elf", "/nowhere/barewire.elf")
    check_eq(status, 2)
    check_in("/nowhere/barewire.elf is not there", err)


@case("a busy host port is named, and another offered; TCP and UDP")
def _():
    for kind, variable in (socket.SOCK_STREAM, "HTTP_PORT"), (socket.SOCK_DGRAM, "ECHO_PORT"):
        with socket.socket(socket.AF_INET, kind) as s:
            s.bind(("127.0.0.1", 5555))
            if kind == socket.SOCK_STREAM:
                s.listen()
            status, _, err = finish(variable + "=5555")
        check_eq(status, 2)
        check_in(variable + "=5555: this host port cannot be had (another program uses it)", err)


@case("a site that does not fit the memory is refused with the size that would do")
def _():
    with tempfile.TemporaryDirectory() as site:
        with open(os.path.join(site, "big"), "wb") as f:
            f.truncate(40 << 20)
        status, _, err = finish("SITE=" + site, "MEM=64")
    check_eq(status, 2)
    check_in("MEM=64 is too small, try MEM=", err)


@case("the guest's clean end is status 0, and its console and the addresses are on stdout")
def _():
    status, out, err = finish("CMDLINE=clean, with spaces and 'quotes'")
    check_eq((status, err), (0, ""))
    check_in("http://localhost:8080/", out)
    check_in("clean, with spaces and 'quotes'\n", out)


@case("another end is told in the kernel's own words, and is the status")
def _():
    status, _, err = finish("CMDLINE=panic")
    check_eq(status, 0x21 * 2 + 1)
    check_in("the guest ended: panic (code 0x21", err)


@case("a triple fault is no clean end")
def _():
    status, _, err = finish("CMDLINE=reset")
    check_eq(status, 1)
    check_in("triple fault", err)


@case("a QEMU that does not start is no clean end")
def _():
    status, _, _ = finish("CMDLINE=clean", "--", "-device", "no-such-device")
    check_eq(status, 1)


@case("with stdin at its end the guest runs on until it is ended, by a signal or by --timeout")
def _():
    p = start("CMDLINE=stay")
    read_until(p.stdout.fileno(), b"stay\n")
    p.send_signal(signal.SIGTERM)
    check_eq(p.wait(LIMIT), 128 + signal.SIGTERM)
    p.stdout.close()
    p.stderr.close()
    # A second may be over before a QEMU on a busy machine has begun: whether the guest ran is shown above.
    status, _, err = finish("CMDLINE=stay", "--timeout", "1")
    check_eq(status, 124)
    check_in("time is up", err)


@case("what comes over a pipe reaches the guest's serial line")
def _():
    p = start("CMDLINE=stay", stdin=subprocess.PIPE)
    read_until(p.stdout.fileno(), b"stay\n")
    os.write(p.stdin.fileno(), b"hello")
    p.stdin.close()
    p.stdin = None
    read_until(p.stdout.fileno(), b"hello")
    p.terminate()
    p.communicate(timeout=LIMIT)


@case("when nobody reads its output any more, the guest ends")
def _():
    p = start("CMDLINE=stay")
    read_until(p.stdout.fileno(), b"stay\n")
    p.stdout.close()
    check_eq(p.wait(LIMIT), 128 + signal.SIGPIPE)
    p.stderr.close()


@case("the guest does not outlive a runner that is killed")
def _():
    p = start("CMDLINE=stay")
    read_until(p.stdout.fileno(), b"stay\n")
    with open(f"/proc/{p.pid}/task/{p.pid}/children", encoding="ascii") as f:
        qemu = int(f.read().split()[0])
    p.kill()
    p.communicate(timeout=LIMIT)
    end = time.monotonic() + LIMIT
    while os.path.exists(f"/proc/{qemu}") and time.monotonic() < end:
        time.sleep(0.05)
    check(not os.path.exists(f"/proc/{qemu}"), "QEMU is still there")
    for left in os.listdir(work.name):  # the killed one could not tidy up
        if left.startswith("run."):
            shutil.rmtree(os.path.join(work.name, left))


@case("on a terminal keys go to the guest, Ctrl-C too, and Ctrl-A X leaves with status 0")
def _():
    pid, fd = pty.fork()
    if not pid:
        os.execv(RUN, command("CMDLINE=stay"))
    read_until(fd, b"Ctrl-A X leaves")
    read_until(fd, b"stay\r\n")
    os.write(fd, b"key\x03s")
    read_until(fd, b"key\x03s")
    os.write(fd, b"\x01x")
    try:
        read_until(fd, b"Terminated")
    except OSError:  # the terminal closes with its last process
        pass
    check_eq(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
    os.close(fd)


@case("NET=tap makes a device with the host's address, tells the guest its own, and takes the device with it")
def _():
    p = start("NET=tap", "CMDLINE=stay")
    seen = read_until(p.stdout.fileno(), b"stay ip=10.77.0.2/24,10.77.0.1\n")
    check_in(b"http://10.77.0.2/", seen)
    check_in("10.77.0.1/24", subprocess.run(["ip", "addr", "show", "bw0"], capture_output=True, text=True).stdout)
    p.terminate()
    p.communicate(timeout=LIMIT)
    check("bw0" not in [name for _, name in socket.if_nameindex()], "the tap is still there")


@case("NET=tap leaves an ip= that the user gave alone")
def _():
    status, out, _ = finish("NET=tap", "CMDLINE=clean ip=dhcp")
    check_eq(status, 0)
    check_in("clean ip=dhcp\n", out)


@case("--print-cmd shows what would run: TCG by name, one CPU with a second that is absent")
def _():
    status, out, _ = finish("--print-cmd", "NIC=e1000")
    check_eq(status, 0)
    for part in "-accel tcg,thread=multi", "-smp 1,maxcpus=2", "e1000,netdev=n0", "isa-debug-exit", "-no-reboot":
        check_in(part, out)
    check(re.search(r"-smp 4( |$)", finish("--print-cmd", "CPUS=4")[1]), "CPUS=4")


@case("nothing is left in the build directory")
def _():
    check_eq(sorted(os.listdir(work.name)), ["tiny.elf"])


run()
