# SPDX-License-Identifier: MIT
"""The guest's serial line on a pseudo-terminal, for tests that type."""
import os
import pty
import re
import select
import subprocess
import time


class Terminal:
    """A pseudo-terminal with the guest's serial line behind it."""

    def __init__(self, g):
        self.fd, theirs = pty.openpty()
        self.proc = subprocess.Popen(g.command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        os.close(theirs)
        self.seen = ""

    def wait(self, pattern, limit=120):
        """What came until the pattern did; it is taken away."""
        end = time.monotonic() + limit
        while not (m := re.search(pattern, self.seen)):
            if time.monotonic() > end or not select.select([self.fd], [], [], limit)[0]:
                raise AssertionError("no %r on the terminal; it ends:\n%s" % (pattern, self.seen[-2000:]))
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        before, self.seen = self.seen[:m.end()], self.seen[m.end():]
        return before

    def type(self, line):
        os.write(self.fd, line.encode() + b"\r")
        self.wait(re.escape(line))
        return self.wait("barewire# ")

    def end(self):
        if self.proc.poll() is None:
            self.proc.terminate()
        self.proc.wait()
        os.close(self.fd)
