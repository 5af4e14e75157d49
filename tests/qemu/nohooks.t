#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The image of make HOOKS=0, which `make bench` holds beside the usual one: it boots, serves, and nothing looks into it."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import Guest
from net import BUILD, make_tap, need_private_network
from tap import case, check, check_eq, run

TOKEN = "a-token-of-the-test"
IMAGES = {"barewire.elf": True, "nohooks/barewire.elf": False}


def curl(g, words):
    return subprocess.run(["curl", "-sf", "-H", "Authorization: Bearer " + TOKEN, g.url("/debug/" + words)], check=True,
                          capture_output=True, text=True, timeout=60).stdout


if os.path.basename(BUILD) == "san":
    print("1..0 # SKIP there is no such sanitized image")
    sys.exit()
need_private_network()
make_tap()


@case("without hooks a guest serves as with them, and a trace that is on records nothing of it")
def _():
    for image, hooks in IMAGES.items():
        with Guest(elf=os.path.join(BUILD, image), cmdline="console.token=" + TOKEN) as g:
            curl(g, "trace?on")
            check_eq(g.get("/health")[2], b"ok\n")
            check_eq(g.echo(b"hello"), b"hello")
            check_eq("netif_receive_skb" in curl(g, "trace?show"), hooks)
            check(json.loads(curl(g, "balance?--json"))["balanced"], "its frames balance")


run()
