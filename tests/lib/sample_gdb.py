# SPDX-License-Identifier: MIT
"""Runs inside gdb: stops the guest at random moments, $samples times, and prints where each back trace ends.

`continue` blocks, so a thread presses Ctrl-C. A trace is right when gdb finds a marked root; the others are printed whole."""
import os
import random
import signal
import threading

import gdb


def one_stop():
    threading.Timer(random.uniform(0.003, 0.03), os.kill, (os.getpid(), signal.SIGINT)).start()
    gdb.execute("continue", to_string=True)


def ends_at_root():
    frame, names = gdb.newest_frame(), []
    while frame is not None:
        names.append(frame.name() or hex(frame.pc()))
        older, reason = frame.older(), frame.unwind_stop_reason()
        if older is None:
            return reason in (gdb.FRAME_UNWIND_NO_REASON, gdb.FRAME_UNWIND_OUTERMOST), names
        frame = older
    return False, names


good, taken, roots, innermost = 0, 0, set(), set()
total = int(gdb.parse_and_eval("$samples"))
while taken < total:
    try:
        one_stop()
        right, trace = ends_at_root()
    except KeyboardInterrupt:  # it came too early, or too late: no sample
        continue
    taken += 1
    innermost.add(trace[0])
    roots.add(trace[-1])
    good += right
    if not right:
        print("sample broken: " + " < ".join(trace))
print("samples %d good %d places %d roots %s" % (taken, good, len(innermost), " ".join(sorted(roots))))
