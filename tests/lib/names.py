# SPDX-License-Identifier: MIT
"""A name server in the test's namespace: `Names(address, {"www.example": {1: "10.0.0.1", 28: "2001:db8::1"}})` answers questions
for A and AAAA at that address, of either family, until the test ends. `asked` has the questions, as (name, type)."""
import socket
import struct
import threading


class Names(threading.Thread):
    def __init__(self, address, names):
        super().__init__(daemon=True)
        self.names, self.asked = names, []
        self.sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, 53))
        self.start()

    def run(self):
        while True:
            query, who = self.sock.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            name, at = [], 12
            while query[at]:
                name.append(query[at + 1:at + 1 + query[at]].decode())
                at += 1 + query[at]
            kind = struct.unpack_from("!H", query, end - 4)[0]
            self.asked.append((".".join(name), kind))
            found = self.names.get(".".join(name), {})
            address = found.get(kind)
            answer = b""
            if address:
                data = socket.inet_pton(socket.AF_INET if kind == 1 else socket.AF_INET6, address)
                answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 300, len(data)) + data
            self.sock.sendto(query[:2] + struct.pack("!HHHHH", 0x8180 if found else 0x8183, 1, bool(address), 0, 0) + query[12:end] + answer, who)
