#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tools/livepage: what it packs, and what it refuses."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
from net import ROOT
from tap import case, check, check_eq, run


def pack(html, style="", script=""):
    """(status, what it says, head, tail)."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in ("index.html", html), ("style.css", style), ("app.js", script):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        out = os.path.join(folder, "out.c")
        p = subprocess.run([os.path.join(ROOT, "tools/livepage"), folder, out], capture_output=True, text=True)
        parts = ["", ""]
        if not p.returncode:
            with open(out, encoding="ascii") as f:
                arrays = re.findall(r"\[\] = \{([^}]*)\}", f.read())
            parts = [bytes(int(n) for n in a.split(",") if n.strip()).decode() for a in arrays]
        return p.returncode, p.stderr, *parts


@case("style and script go into the markup, comments and indentation out, and it is cut where the tables go")
def _():
    check_eq(pack("<!-- no -->\n<style>{{style}}</style>\n  <script>{{script}}</script>{{tables}}</html>",
                  "/* no */\n  a { b: c; }\n", "  // no\nx = 'a // b';\n")[2:],
             ("<style>a { b: c; }</style>\n<script>x = 'a // b';</script>", "</html>"))


@case("a mark that is missing or unknown is refused, and so is a document that leaves no room for the tables")
def _():
    for html in "<p>{{style}}", "{{tables}}{{script}}{{other}}", "{{tables}}{{tables}}":
        status, said, _, _ = pack(html)
        check(status and "livepage: index.html" in said, "%r: %d %r" % (html, status, said))
    status, said, _, _ = pack("{{script}}{{tables}}", script="x" * (73 << 10))
    check(status and "are allowed" in said, said)


run()
