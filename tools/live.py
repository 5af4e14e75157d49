# SPDX-License-Identifier: MIT
"""live.py - the guests that tools/run started and that still run: where their sockets are."""
import glob
import os
import socket

QMP, GDB = "qmp.sock", "gdb.sock"  # in the folder of a run: BUILD/run.*/
PATH_MAX = 107  # bytes of a unix socket's path


class NoGuest(Exception):
    """None runs; its text says how to start one."""


def short(path):
    """The same place with fewer bytes, where it is near."""
    return min(os.path.abspath(path), os.path.relpath(path), key=len)


def usable(path):
    return len(os.fsencode(short(path))) <= PATH_MAX


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(short(path))
        except OSError:
            return False
    return True


def find(build, name):
    """The socket of that name of the guest that was started last."""
    for run in sorted(glob.glob(os.path.join(glob.escape(build), "run.*")), key=os.path.getmtime, reverse=True):
        path = os.path.join(run, name)
        # Only QMP is asked: a connection to gdb's socket would stop the guest.
        if os.path.exists(path) and answers(os.path.join(run, QMP)):
            return path
    raise NoGuest(f"no guest of {build} runs: `make run` starts one")
