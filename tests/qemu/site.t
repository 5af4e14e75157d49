#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What is served, from archives of all kinds: a folder of ten thousand files packed by SITE=, archives that GNU tar and GNU cpio
wrote, and files that are no archive, which are refused with the reason while the built-in site is served."""
import http.client
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import make_tap, need_private_network
from tap import case, check, check_eq, check_in, note, run

FILES, ASKED = 10000, 500
DEEP = "/".join("folder-number-%d-of-a-deep-tree" % i for i in range(7))  # longer than a tar name without its prefix
SMALL = {"a.txt": b"A", "dir/page.html": b"<p>page", "dir/empty": b"", DEEP + "/b.txt": b"B", "gr\u00fc\u00dfe.txt": b"text"}


def write(root, files):
    for name, data in files.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(data)


def archive(name, command, folder):
    """Path of an archive of the folder, made by a shell command that writes it to its output."""
    path = os.path.join(work, name)
    with open(path, "wb") as f:
        subprocess.run(["sh", "-ec", command], cwd=folder, stdout=f, stderr=subprocess.DEVNULL, check=True)
    return path


def booted_with(path):
    """A guest that is given these bytes as its site, without the packer in between."""
    return Guest(qemu=("-initrd", path))


def check_small(g, more=()):
    for name, data in [*SMALL.items(), *more]:
        status, _, body = g.get("/" + name.replace("\u00fc", "%C3%BC").replace("\u00df", "%C3%9F"))
        check_eq((status, body), (200, data), name)


need_private_network()
make_tap()
tmp = tempfile.TemporaryDirectory(prefix="barewire-site-")
work, small, many = (os.path.join(tmp.name, name) for name in ("work", "small", "many"))
os.mkdir(work)
write(small, SMALL)
os.link(os.path.join(small, "a.txt"), os.path.join(small, "dir/hard.html"))
os.link(os.path.join(small, "a.txt"), os.path.join(small, "zz.txt"))
os.symlink("../a.txt", os.path.join(small, "dir/soft"))
LINKS = [("dir/hard.html", b"A"), ("zz.txt", b"A"), ("dir/soft", b"A")]


@case("SITE= with %d files: each is found, what is not there is 404, a folder without index is 403 and never a listing" % FILES)
def _():
    write(many, {"d%d/f%d.txt" % (i % 100, i): b"file %d" % i for i in range(FILES)})
    pick = random.Random(1)
    with Guest(site=many, mem=64) as g:
        check_in("(%d files)" % FILES, g.console())
        c = http.client.HTTPConnection(g.ip, g.http_port, timeout=LIMIT)
        for i in pick.sample(range(FILES), ASKED):
            for path, want in (("/d%d/f%d.txt" % (i % 100, i), (200, b"file %d" % i)), ("/d%d/f%d.txt" % ((i + 1) % 100, i), (404, None))):
                c.request("GET", path)
                r = c.getresponse()
                body = r.read()
                check_eq((r.status, body if r.status == 200 else None), want, path)
        c.close()
        for path, want in (("/", 200), ("/d7/", 403), ("/d7", 301), ("/health", 200)):
            status, _, body = g.get(path)
            check_eq(status, want, path)
            check(b"f7.txt" not in body and b"/d7" not in body and b">d7" not in body, "a listing: %r" % body)


WRITERS = [("GNU tar", "tar c ."), ("GNU tar, pax records", "tar c --format=pax ."), ("GNU tar, ustar", "tar c --format=ustar ."),
           ("GNU cpio, newc", "find . | cpio -o -H newc")]
for number, (writer, command) in enumerate(WRITERS):
    @case("an archive by %s: long names, links of both kinds, an empty file" % writer)
    def _(number=number, command=command):
        with booted_with(archive("good%d" % number, command, small)) as g:
            check("refused" not in g.console(), g.console())
            check_small(g, LINKS)
            check_in("text/html", g.get("/dir/hard.html")[1]["Content-Type"], "a link has the type of its own name")


WRONG = [("a compressed archive", "tar cz .", "neither tar nor newc cpio"), ("a text", "yes barewire | head -c 5000", "neither tar nor newc cpio"),
         ("an archive cut off", "tar c --format=ustar . | head -c 2700", "the archive|within a header|longer"),
         ("a cpio archive cut off", "find . | cpio -o -H newc | head -c 300", "cut|within a header|longer"),
         ("a header with a wrong sum", "tar c --format=ustar a.txt dir | sed s/dir/bir/", "checksum"),
         ("a few bytes", "printf hello", "too short")]
for number, (what, command, why) in enumerate(WRONG):
    @case("%s is refused with the reason, and the built-in site is served" % what)
    def _(number=number, command=command, why=why):
        with booted_with(archive("wrong%d" % number, command, small)) as g:
            said = re.search(r"archive refused at byte \d+: (.*); serving the built-in site", g.console())
            check(said, "nothing was said:\n" + g.console())
            note(said.group(0))
            check(re.search(why, said.group(1)), said.group(0))
            status, _, body = g.get("/")
            check_eq((status, b"<h1>barewire</h1>" in body), (200, True))


try:
    run()
finally:
    tmp.cleanup()
