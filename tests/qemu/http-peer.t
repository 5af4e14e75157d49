#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same requests to barewire and to nginx: the heads of tests/unit/test_http_parse.c and some about content. Both answer
alike, or barewire is stricter; where one takes what the other refuses, the case's own text says why ("nginx ...")."""
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from guest import LIMIT, Guest
from net import ROOT, die_with_parent, make_tap, need_private_network
from tap import case, check, check_eq, note, run, skip_all

NGINX_PORT = 8081
HOST = "Host: a\r\n"

# What is asked about a file; {etag} is the answering server's own.
CONTENT = [(what, "GET /page.html HTTP/1.1\r\n%s%s\r\nConnection: close\r\n\r\n" % (HOST, field)) for what, field in [
    ("a matching If-None-Match", "If-None-Match: {etag}"),
    ("a weak matching If-None-Match", "If-None-Match: W/{etag}"),
    ("an If-None-Match list", 'If-None-Match: "x", {etag}'),
    ("another If-None-Match", 'If-None-Match: "x"'),
    ("If-None-Match: *", "If-None-Match: *"),
    ("a matching If-Match", "If-Match: {etag}"),
    ("another If-Match", 'If-Match: "x"'),
    ("If-Match: *", "If-Match: *"),
    ("an old If-Modified-Since; nginx wants the exact date by default", "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
    ("the exact If-Modified-Since", "If-Modified-Since: {date}"),
    ("an If-Modified-Since that is no date", "If-Modified-Since: yesterday"),
    ("the exact If-Unmodified-Since", "If-Unmodified-Since: {date}"),
    ("an old If-Unmodified-Since", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
    ("a first range", "Range: bytes=0-3"),
    ("a last range", "Range: bytes=-3"),
    ("an open range", "Range: bytes=5-"),
    ("a range beyond the end", "Range: bytes=100000-"),
    ("a range that ends beyond the end", "Range: bytes=5-100000"),
    ("a range of nothing", "Range: bytes=-0"),
    ("a range with its ends exchanged; nginx says 416, RFC 9110 14.1.1 calls it invalid and to be ignored", "Range: bytes=5-3"),
    ("a range of another unit", "Range: lines=0-3"),
    ("a range that is none; nginx says 416, RFC 9110 14.2 lets it be ignored", "Range: bytes=a-b"),
    ("a range with the right If-Range", "Range: bytes=0-3\r\nIf-Range: {etag}"),
    ("a range with a wrong If-Range", 'Range: bytes=0-3\r\nIf-Range: "x"'),
    ("a range with the right date", "Range: bytes=0-3\r\nIf-Range: {date}"),
]]
PATHS = [("the path " + path, "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (path, HOST)) for path in [
    "/", "/page.html", "/page.html?x=y", "/page.html/", "/nothing", "/dir", "/dir/", "/dir?x=y", "/empty", "/empty/", "//page.html",
    "/./page.html", "/dir/../page.html", "/dir/..", "/..", "/../page.html", "/%2e%2e/page.html", "/%70age.html", "/page%2ehtml",
    "/%", "/%4", "/%zz", "/page.html%00", "/a%20b.txt", "/%C3%BC.txt", "/dir/%2e%2e/%2e%2e/page.html", "/dir%2fpage.html",
    "/.hidden", "/page.html%3Fx"]]
PATHS += [("a fragment, which no client sends; nginx cuts it off", "GET /page.html#x HTTP/1.1\r\n" + HOST + "\r\n")]


def parser_cases():
    """(what, bytes) of each row of the unit test's table."""
    with open(os.path.join(ROOT, "tests/unit/test_http_parse.c"), encoding="latin-1") as f:
        text = f.read()
    table = text[text.index("cases[] = {"):text.index("static const struct http_limits")]
    literal = r'"(?:[^"\\]|\\.)*"'
    for m in re.finditer(r'CASE\((%s),\s*((?:%s|H|\s)+),\s*\w+\)' % (literal, literal), table):
        parts = re.findall(literal + "|H", m.group(2))
        yield m.group(1)[1:-1], "".join(HOST if p == "H" else p[1:-1].encode().decode("unicode_escape") for p in parts)


def ask(address, request):
    """All that comes back for these bytes; the client's side is closed behind them."""
    with socket.create_connection(address, timeout=LIMIT) as s:
        s.sendall(request.encode("latin-1"))
        s.shutdown(socket.SHUT_WR)
        got = b""
        try:
            while part := s.recv(65536):
                got += part
        except ConnectionResetError:
            pass
    return got


def status(got):
    """The first final status; 0: the connection was closed without one."""
    m = re.match(rb"(?:HTTP/1\.1 100 [^\r]*\r\n(?:[^\r]+\r\n)*\r\n)?HTTP/1\.1 (\d+)", got)
    return int(m.group(1)) if m else 0


def accepts(code):
    return 200 <= code < 400


def fill(address, request):
    if "{" in request:
        whole = ask(address, "GET /page.html HTTP/1.0\r\n\r\n").decode("latin-1")
        request = request.replace("{etag}", re.search(r"ETag: (\S+)", whole).group(1))
        request = request.replace("{date}", re.search(r"Last-Modified: ([^\r]+)", whole).group(1))
    return request


def make_site(root):
    for path, text in {"index.html": "index", "page.html": "0123456789", "dir/index.html": "dir", "empty/sub/x": "x",
                       "a b.txt": "blank", "\u00fc.txt": "umlaut", ".hidden": "hidden"}.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


def start_nginx(root, work):
    """nginx as Debian has it, with the site as its only configuration."""
    conf = os.path.join(work, "nginx.conf")
    with open(conf, "w", encoding="ascii") as f:
        f.write("daemon off; master_process off; pid %(w)s/pid; error_log %(w)s/error.log;\n"
                "%(user)s\nevents {}\nhttp { access_log off; types { text/html html; }\n"
                " client_body_temp_path %(w)s/1; proxy_temp_path %(w)s/2; fastcgi_temp_path %(w)s/3;\n"
                " uwsgi_temp_path %(w)s/4; scgi_temp_path %(w)s/5;\n"
                " server { listen 127.0.0.1:%(port)d; root %(root)s; } }\n"
                % {"w": work, "root": root, "port": NGINX_PORT, "user": "user root;" if not os.getuid() else ""})
    proc = subprocess.Popen([shutil.which("nginx") or "/usr/sbin/nginx", "-c", conf, "-p", work], preexec_fn=die_with_parent,
                            stderr=subprocess.DEVNULL)
    while proc.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", NGINX_PORT), timeout=1).close()
            return proc
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nginx does not listen")


need_private_network()
if not (shutil.which("nginx") or os.path.exists("/usr/sbin/nginx")):
    skip_all("nginx is not installed")
make_tap()
site, work = tempfile.mkdtemp(prefix="barewire-site-"), tempfile.mkdtemp(prefix="barewire-nginx-")
make_site(site)
guest = Guest(site=site)
answers = {}


@case("both servers start")
def _():
    guest.__enter__()
    start_nginx(site, work)


def compare(cases, least):
    cases = list(cases)
    check(len(cases) >= least, "%d cases" % len(cases))
    wrong, same, stricter = [], 0, 0
    for what, request in cases:
        ours = status(ask((guest.ip, guest.http_port), fill((guest.ip, guest.http_port), request)))
        theirs = status(ask(("127.0.0.1", NGINX_PORT), fill(("127.0.0.1", NGINX_PORT), request)))
        same += ours == theirs
        stricter += accepts(theirs) and not accepts(ours)
        if accepts(ours) != accepts(theirs) and "nginx" not in what:
            wrong.append("%s: barewire %d, nginx %d" % (what, ours, theirs))
        elif ours != theirs:
            note("%d, nginx %s: %s" % (ours, theirs or "closes", what))
    note("%d cases: %d alike, %d stricter, %d otherwise" % (len(cases), same, stricter, len(cases) - same - stricter))
    check_eq(wrong, [], "not explained")


@case("heads of all kinds are answered as nginx answers, or stricter")
def _():
    compare(parser_cases(), 100)


@case("conditions and ranges are judged alike")
def _():
    compare(CONTENT, 20)


@case("paths lead to the same places")
def _():
    compare(PATHS, 20)


try:
    run()
finally:
    guest.__exit__(None, None, None)
    shutil.rmtree(site)
    shutil.rmtree(work, ignore_errors=True)
