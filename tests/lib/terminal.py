# SPDX-License-Identifier: MIT
"""What tests need that type: a terminal's view of what comes, and the guest's serial line on a pseudo-terminal."""
import os
import pty
import re
import select
import subprocess
import time


def shown(text):
    """The rows that a terminal shows of what came: where the log took the place of an unfinished row, that is drawn again behind it."""
    return re.sub(r"[^\n]*\r\x1b\[K", "", text.replace("\r\n", "\n")).replace("\r", "")


def unlogged(rows):
    """Rows of what is shown without the log's, which may stand between any two."""
    return [r for r in rows if not re.match(r"\[ *\d+\.\d{6}\] ", r)]


class Terminal:
    """A pseudo-terminal with the guest's serial line behind it."""

    def __init__(self, g):
        self.fd, theirs = pty.openpty()
        self.proc = subprocess.Popen(g.command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def wait(self, pattern, limit=300):
        """What came until the pattern did; it is taken away."""
        end = time.monotonic() + limit
        while not (m := re.search(pattern, self.seen)):
            if time.monotonic() > end or not select.select([self.fd], [], [], limit)[0]:
                raise AssertionError("no %r on the terminal; it ends:\n%s" % (pattern, self.seen[-2000:]))
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        before, self.seen = self.seen[:m.end()], self.seen[m.end():]
        return before

    def type(self, line):
        """What the command prints: without the line itself, the prompt, and what the log wrote there meanwhile."""
        os.write(self.fd, line.encode() + b"\r")
        self.wait(re.escape(line) + r"\r*\n")
        return "\n".join(unlogged(shown(self.wait("barewire# ")).split("\n")[:-1]))

    def end(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        self.proc.wait()
        os.close(self.fd)
