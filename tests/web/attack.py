"""attack.py BACKUPD [--slow] [--judge] [WORD]: attacks on the web role of the real daemon, as TAP.

A test's name is the sentence that it proves; WORD runs those that have it in their name. After each of them the
daemon must be as it was: the same processes, an honest request answered, little memory taken, nothing in the log but
what is expected, and not much of that. --slow adds those that wait for a minute and more; --judge also fails where an
honest answer after an attack took more than a second, which a busy machine may be the cause of.
"""

import base64
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from daemon import Conn, Daemon, Events, Failure, claim, cpu_seconds, resident_mib, wait_until

# As in src/web/limits.h.
REQUEST_SECONDS = 20
CONNECTIONS_MAX = 4096
LOG_LINES = 30

MEMORY_MIB = 200
HONEST_SECONDS = 1.0
TOKEN = "a-token-of-28-characters-:-)"
HOSTILE = "<script>alert(1)</script>\"'&"

TESTS = []


def test(slow=False, daemon="plain", restarts=False, noisy=False):
    """Marks a test, and says which daemon it attacks, whether it ends the role, and whether the log may say more."""

    def mark(fn):
        TESTS.append((fn, slow, daemon, restarts, noisy))
        return fn

    return mark


def statuses(data):
    """The statuses of all answers in these bytes."""
    return [int(found) for found in re.findall(rb"(?:^|\n|\}|>)HTTP/1\.[01] (\d{3}) ", data)]


def request(path="/healthz", method="GET", host="localhost", version="HTTP/1.1", lines=(), body=""):
    head = [f"{method} {path} {version}"] + ([f"Host: {host}"] if host is not None else []) + list(lines)
    return "\r\n".join(head) + "\r\n\r\n" + body


def status_of(daemon, data):
    found = statuses(daemon.raw(data))
    return found[0] if found else None


# --- slow requests: begun before all other tests, looked at after them ---


class Late:
    """Connections that never finish their request."""

    def __init__(self):
        self.half_open = []
        self.trickling = []
        self.handshakes = []
        self.begun = 0.0
        self.thread = None
        self.over = {}

    def begin(self, daemons):
        port = daemons["plain"].port
        self.begun = time.monotonic()
        for i in range(1000):
            conn = Conn(port)
            conn.send(["GET /heal", "GET / HTTP/1.1\r\nHo", "POST /snapshot?periodicity=daily HTTP/1.1\r\nHost: localh",
                       ""][i % 4])
            self.half_open.append(conn)
        for i in range(20):
            conn = Conn(port)
            conn.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            self.trickling.append(conn)
        for i in range(20):
            conn = Conn(port)
            conn.send("POST /api/v1/sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n")
            self.trickling.append(conn)
        for i in range(20):
            conn = Conn(daemons["tls"].port)
            conn.send("\x16\x03\x01\x02\x00\x01" if i % 2 else "")
            self.handshakes.append(conn)
        self.thread = threading.Thread(target=self.trickle, daemon=True)
        self.thread.start()

    def trickle(self):
        """A byte every second to each, until it is closed."""
        while time.monotonic() - self.begun < 4 * REQUEST_SECONDS and len(self.over) < len(self.trickling):
            for conn in self.trickling:
                if conn not in self.over and not conn.send("x"):
                    self.over[conn] = time.monotonic() - self.begun
            time.sleep(1)

    def wait(self):
        rest = self.begun + REQUEST_SECONDS + 2 - time.monotonic()
        if rest > 0:
            time.sleep(rest)


LATE = Late()


def assert_closed(conns):
    for conn in conns:
        conn.sock.settimeout(5)
        try:
            data = conn.all()
        except TimeoutError:
            raise Failure("a connection is still open after the time that a request may take") from None
        claim(200 not in statuses(data), "half a request was answered")
        conn.sock.close()


def test_a_thousand_half_requests_are_closed_in_time(_):
    LATE.wait()
    assert_closed(LATE.half_open)


def test_a_request_that_trickles_in_byte_by_byte_is_closed_in_time(_):
    LATE.wait()
    LATE.thread.join(10)
    claim(len(LATE.over) == len(LATE.trickling), f"{len(LATE.trickling) - len(LATE.over)} are still open")


def test_a_handshake_that_stalls_is_closed_in_time(_):
    LATE.wait()
    assert_closed(LATE.handshakes)


# --- what is too long ---


def pour(daemon, begin, piece, most):
    """Sends pieces until the other side has enough. Returns how many bytes it took and what it said."""
    sent = 0
    with daemon.connect() as conn:
        conn.send(begin)
        while sent < most and conn.send(piece):
            sent += len(piece)
        conn.sock.settimeout(5)
        try:
            return sent, statuses(conn.all())
        except TimeoutError:
            return sent, []


@test()
def endless_headers_are_cut_off(daemon):
    sent, said = pour(daemon, "GET / HTTP/1.1\r\nHost: localhost\r\n", "X-Header: value\r\n" * 64, 64 << 20)
    claim(sent < 32 << 20, f"{sent} bytes were taken")
    claim(all(s in (400, 413, 431) for s in said), f"it said {said}")


@test()
def a_header_without_an_end_is_cut_off(daemon):
    sent, said = pour(daemon, "GET / HTTP/1.1\r\nHost: localhost\r\nX: ", "x" * 65536, 64 << 20)
    claim(sent < 32 << 20, f"{sent} bytes were taken")
    claim(all(s in (400, 413, 431) for s in said), f"it said {said}")


@test()
def a_request_line_without_an_end_is_cut_off(daemon):
    for begin in ("GET /", "GET /?a=", "G"):
        sent, said = pour(daemon, begin, "x" * 65536, 64 << 20)
        claim(sent < 32 << 20, f"{sent} bytes were taken")
        claim(all(s in (400, 413, 414, 431) for s in said), f"it said {said}")


@test()
def a_body_of_two_gigabytes_is_refused_before_it_comes(daemon):
    for length in ("2147483648", "4294967296", "18446744073709551615", "4097"):
        data = request("/api/v1/sync", "POST", lines=[f"Content-Length: {length}"])
        claim(status_of(daemon, data) == 413, f"a body of {length} bytes: {status_of(daemon, data)}")
    claim(status_of(daemon, request("/api/v1/sync", "POST", lines=["Content-Length: 99999999999999999999999"])) != 202,
          "an impossible length was taken")


@test()
def an_endless_chunked_body_is_cut_off(daemon):
    begin = request("/api/v1/sync", "POST", lines=["Transfer-Encoding: chunked"])
    sent, said = pour(daemon, begin, "400\r\n" + "x" * 1024 + "\r\n", 64 << 20)
    claim(sent < 32 << 20, f"{sent} bytes were taken")
    claim(202 not in said, "it was believed")


# --- what is not well formed ---


@test()
def bytes_that_are_no_utf8_are_just_another_name(daemon):
    for path in ("/%ff%fe%c0%af", "/\xff\xfe", "/global/dataset/%f0%28%8c%28", "/global/assets/%ff"):
        claim(status_of(daemon, request(path, lines=["Connection: close"])) in (400, 404), f"{path!r}")
    found = daemon.ask("/api/v1/datasets/%ff%fe")
    claim(found.status == 404 and found.json()["error"]["code"] == "not_found", f"{found.status} {found.body!r}")
    for value in ("%ff", "a%00b", "a%0ab", "%ed%a0%80", "daily%2f", "a@b", "a%09b"):
        found = daemon.ask("/snapshot?periodicity=" + value, "POST")
        claim(found.status == 400, f"periodicity {value}: {found.status}")
    found = daemon.ask("/healthz", headers={"X-Odd": "\xff\xfe\x80", "User-Agent": "\xf0\x28", "Accept": "\xff"})
    claim(found.status in (200, 503), f"{found.status}")


@test()
def a_type_of_a_snapshot_in_the_syntax_of_a_shell_reaches_no_zfs(daemon):
    pwned = os.path.join(daemon.folder, "pwned")
    claim(daemon.ask("/snapshot?periodicity=hourly", "POST").status == 200, "an honest one is refused")
    claim("zfs snapshot" in daemon.sim("calls"), "zfs was not asked for an honest one")
    before = daemon.zfs("list", "-H", "-t", "snapshot", "-o", "name")
    daemon.sim("calls", "clear")
    for value in ("x;y", f"$(touch {pwned})", f"`touch {pwned}`", f"x;touch {pwned}", "x|y", "x&y", "x>y", "x<y", "x'y",
                  'x"y', "x\\y", "x\ny", "x\r\ny", "x\ty", "x\0y", "*", "?", "[a]", "{a,b}", "~", "!!", "#", "%", "%s%n",
                  "a,b", "a@b", "a/b", "..", "../..", "\x1b[2J", "\x7f", "ä", "\U0001f600", "x" * 4096):
        found = daemon.ask("/snapshot?periodicity=" + urllib.parse.quote(value, safe=""), "POST")
        claim(found.status in ((400, 414) if len(value) > 1000 else (400,)), f"{value[:40]!r}: {found.status}")
        claim(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f-\xff]", found.body), f"{value[:40]!r} comes back as {found.body!r}")
    claim("zfs snapshot" not in daemon.sim("calls"), "zfs was asked")
    claim(daemon.zfs("list", "-H", "-t", "snapshot", "-o", "name") == before, "there is another snapshot")
    claim(not os.path.exists(pwned), "it was executed")


@test()
def dots_and_nuls_in_a_path_lead_nowhere(daemon):
    for path in ("/../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/global/assets/../../../etc/passwd",
                 "/global/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/global/assets/..%00", "/etc/passwd%00.css",
                 "/global/assets/%00", "/api/v1/../../etc/passwd", "/api/v1/datasets/../../..", "//etc/passwd",
                 "/./.", "/%2f%2fa", "/\\..\\..", "/%", "/%2", "/%zz", "/" + "a/" * 2000, "/a%00"):
        data = daemon.raw(request(path, lines=["Connection: close"]))
        claim(statuses(data) and statuses(data)[0] in (400, 404), f"{path[:40]!r}: {data[:200]!r}")
        claim(b"root:" not in data, f"{path} was read")


@test()
def a_host_that_is_not_ours_is_refused(daemon):
    close = ["Connection: close"]
    for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", "[::1", "[]",
                 ":80", "localhost:80:80", "localhost:x", "user@localhost", "localhost/", "nas.example.evil", " ", ".",
                 "a" * 300, "localhost\t.evil"):
        found = status_of(daemon, request(host=host, lines=close))
        claim(found in (400, 421), f"{host[:40]!r}: {found}")
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8888", "10.1.2.3", "nas.example", "NAS.example.",
                 "other.example:8888", "localhost."):
        found = status_of(daemon, request(host=host, lines=close))
        claim(found in (200, 503), f"{host}: {found}")


@test()
def no_host_and_two_hosts_are_refused(daemon):
    claim(status_of(daemon, request(host=None)) in (400, 421), "no Host")
    claim(status_of(daemon, request(host=None, version="HTTP/1.0")) in (400, 421), "HTTP/1.0 without Host")
    for second in ("localhost", "evil.example"):
        claim(status_of(daemon, request(lines=["Host: " + second])) == 400, f"two Hosts, {second}")
    claim(status_of(daemon, request(host="evil.example", lines=["Host: localhost"])) == 400, "the foreign Host first")


@test()
def an_origin_that_is_not_ours_is_refused(daemon):
    own = f"localhost:{daemon.port}"
    for origin in ("http://evil.example", "null", "", f"http://{own}.evil", "http://localhost:1",
                   "http://localhost", f"file://{own}", own, f"http://{own}/", "http://" + own.upper() + "x"):
        for path, method in (("/healthz", "GET"), ("/api/v1/sync", "POST"), ("/api/v1/changes", "GET")):
            found = daemon.ask(path, method, {"Host": own, "Origin": origin})
            claim(found.status == 403, f"{origin!r} at {path}: {found.status}")
            claim("/api/" not in path or found.json()["error"]["code"] == "forbidden", f"{path}: {found.body!r}")
    claim(daemon.ask("/healthz", headers={"Host": own, "Origin": "http://" + own}).status in (200, 503), "its own")


@test()
def other_versions_of_http_are_refused(daemon):
    for line in ("GET /", "GET / HTTP/0.9", "GET / HTTP/3.7", "GET / HTTP/2.0", "GET / HTTP/1.2", "GET / HTTP/9999.1",
                 "GET / FTP/1.1", "GET / http/1.1", "GET / HTTP/1.1x", "GET", "", "\x00", "PRI * HTTP/2.0"):
        data = daemon.raw(line + "\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        found = statuses(data)
        claim(not found or found[0] >= 400, f"{line!r}: {found}")


@test()
def absurd_methods_are_refused(daemon):
    for method in ("BREW", "get", "PUT", "DELETE", "TRACE", "CONNECT", "PATCH", "OPTIONS", "G\xcbT", "X" * 9000, "<script>"):
        for path in ("/healthz", "/snapshot?periodicity=daily", "/api/v1/sync", "*"):
            found = status_of(daemon, request(path, method, lines=["Connection: close"]))
            claim(found is None or found in (400, 404, 405, 413, 414, 431, 501), f"{method[:20]} {path}: {found}")
    for path in ("/healthz", "/global", "/poll", "/api/v1/state", "/api/v1/events", "/metrics", "/", "/global/assets/x"):
        found = daemon.ask(path, "POST")
        claim(found.status == 405 and "GET" in found.header("allow"), f"POST {path}: {found.status}")
        claim(("error" in found.json()) if path.startswith("/api") else found.body, f"POST {path}: {found.body!r}")


@test()
def what_two_servers_could_read_as_two_requests_is_one_refusal(daemon):
    smuggled = request("/smuggled")
    chunked = "0\r\n\r\n"
    shapes = {
        "length and chunks": (["Content-Length: 5", "Transfer-Encoding: chunked"], chunked),
        "chunks and length": (["Transfer-Encoding: chunked", "Content-Length: 5"], chunked),
        "two lengths": (["Content-Length: 0", f"Content-Length: {len(smuggled)}"], ""),
        "the same length twice": (["Content-Length: 0", "Content-Length: 0"], ""),
        "a list of lengths": (["Content-Length: 0, 0"], ""),
        "a length with a sign": (["Content-Length: +0"], ""),
        "a negative length": (["Content-Length: -1"], ""),
        "a hexadecimal length": (["Content-Length: 0x0"], ""),
        "a length with a blank inside": (["Content-Length: 0 0"], ""),
        "no length": (["Content-Length:"], ""),
        "a length of letters": (["Content-Length: zero"], ""),
        "xchunked": (["Transfer-Encoding: xchunked"], chunked),
        "chunks and identity": (["Transfer-Encoding: chunked, identity"], chunked),
        "identity and chunks": (["Transfer-Encoding: identity", "Transfer-Encoding: chunked"], chunked),
        "chunks twice": (["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"], chunked),
        "gzip and chunks": (["Transfer-Encoding: gzip, chunked"], chunked),
        "chunks with a tab": (["Transfer-Encoding: \x0bchunked"], chunked),
        "a blank before the colon": (["Transfer-Encoding : chunked"], chunked),
        "a tab before the colon": (["Content-Length\t: 5"], ""),
        "a folded length": (["X: y", " Content-Length: 5", "Content-Length: 0", "Content-Length: 5"], ""),
        "folded chunks": (["Transfer-Encoding:", " chunked", "Content-Length: 5"], chunked),
        "a chunk size that is none": (["Transfer-Encoding: chunked"], "g\r\n\r\n"),
        "a chunk size with a sign": (["Transfer-Encoding: chunked"], "+0\r\n\r\n"),
        "a chunk size beyond every number": (["Transfer-Encoding: chunked"], "ffffffffffffffffff0\r\n"),
        "a chunk longer than said": (["Transfer-Encoding: chunked"], "1\r\nxyz\r\n0\r\n\r\n"),
    }
    for name, (lines, body) in shapes.items():
        for method, path in (("POST", "/global"), ("GET", "/healthz")):
            data = daemon.raw(request(path, method, lines=lines, body=body + smuggled))
            found = statuses(data)
            # libmicrohttpd begins its own refusals twice; /smuggled would be a 404
            claim(len(found) <= 2 and all(s in (400, 403, 405, 413) for s in found),
                  f"{name}, {method}: {found} {data[:300]!r}")


@test()
def a_refused_body_is_not_the_next_request(daemon):
    smuggled = request("/smuggled")
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        for host, origin in (("evil.example", ""), ("localhost", "Origin: http://evil.example")):
            lines = [f"Content-Length: {len(smuggled)}"] + ([origin] if origin else [])
            data = daemon.raw(request(method=method, host=host, lines=lines, body=smuggled))
            claim(len(statuses(data)) == 1, f"{method} at {host}: {statuses(data)}")


@test()
def the_body_of_an_honest_request_is_not_the_next_one(daemon):
    inside = request("/smuggled")
    with daemon.connect() as conn:
        for method, want in (("GET", (200, 503)), ("POST", (405,)), ("GET", (200, 503))):
            for lines, body in (([f"Content-Length: {len(inside)}"], inside),
                                (["Transfer-Encoding: chunked"], f"{len(inside):x};a=b\r\n{inside}\r\n0\r\nT: u\r\n\r\n")):
                conn.send(request("/healthz", method, lines=lines, body=body))
                found = conn.answer()
                claim(found is not None and found.status in want, f"{method}: {found and found.status}")
        claim(conn.ask("/healthz").status in (200, 503), "the next one")


@test()
def lines_that_end_oddly_are_read_in_one_way(daemon):
    found = statuses(daemon.raw("GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n"))
    claim(len(found) == 1, f"bare newlines: {found}")
    found = statuses(daemon.raw(request(lines=["X: a\rHost: evil.example", "Connection: close"])))
    claim(len(found) == 1, f"a bare carriage return: {found}")
    found = statuses(daemon.raw(request(lines=["X: a\x00b", "Connection: close"])))
    claim(len(found) <= 1, f"a NUL in a header: {found}")
    found = statuses(daemon.raw(request(lines=["no colon here", "Connection: close"])))
    claim(len(found) <= 1, f"a line without a colon: {found}")


@test()
def noise_is_no_request(daemon):
    for seed in range(200):
        noise = os.urandom(1 + seed * 7)
        with daemon.connect() as conn:
            conn.send(noise + b"\r\n\r\n")
            try:
                conn.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it is closed already
            found = statuses(conn.all())
        claim(all(s >= 400 for s in found), f"{noise!r}: {found}")


@test()
def requests_sent_at_once_are_answered_in_their_order(daemon):
    paths = ["/healthz", "/nothing", "/global", "/api/v1/nothing", "/global/assets/nothing"] * 40
    with daemon.connect() as conn:
        threading.Thread(target=conn.send, args=("".join(request(p) for p in paths),), daemon=True).start()
        for path in paths:
            found = conn.answer()
            claim(found is not None, "it closed in the middle")
            want = {"/healthz": (200, 503), "/global": (200,)}.get(path, (404,))
            claim(found.status in want, f"{path}: {found.status}")


@test()
def a_client_that_waits_for_100_continue_gets_it(daemon):
    with daemon.connect() as conn:
        conn.send(request("/healthz", "GET", lines=["Content-Length: 2", "Expect: 100-continue"]))
        claim(conn.head().status == 100, "no 100")
        conn.send("ab")
        claim(conn.answer().status in (200, 503), "no answer")
    found = statuses(daemon.raw(request("/api/v1/sync", "POST", lines=["Content-Length: 5000", "Expect: 100-continue"])))
    claim(found == [413], f"a body that nobody wants: {found}")


# --- what is there to be read ---


@test()
def every_answer_tells_the_browser_to_be_careful(daemon):
    for path in ("/", "/global", "/root", "/nothing", "/global/activity", "/global/assets/nothing", "/api/v1/state",
                 "/api/v1/activity", "/api/v1/nothing", "/healthz", "/metrics", "/api/v1/events"):
        found = daemon.ask(path, "HEAD")
        claim("default-src 'none'" in (found.header("content-security-policy") or ""), f"{path}: no policy")
        claim(found.header("x-content-type-options") == "nosniff", f"{path}: may be sniffed")
        claim(found.header("cache-control") is not None, f"{path}: may be kept")


@test()
def names_of_every_kind_have_their_pages(daemon):
    for name in ("/with space", "/dot.ted", "/co:lon", "/with space/dash-ed", "/global", "/api/state"):
        for path, status in (("/global/dataset" + name, 200), ("/api/v1/datasets" + name, 200)):
            quoted = path.replace(" ", "%20")
            found = daemon.ask(quoted)
            claim(found.status == status, f"{quoted}: {found.status}")
            claim(daemon.ask(quoted + "/").status == status, f"{quoted}/")
    claim(daemon.ask("/api/v1/datasets/").json()["name"] == "", "the root")
    claim("/with space" in [d["name"] for d in daemon.state()["datasets"]], "the state")


@test()
def a_head_is_a_get_without_a_body(daemon):
    with daemon.connect() as conn:
        for path in ("/global", "/api/v1/state", "/healthz", "/metrics", "/nothing"):
            head, get = conn.ask(path, "HEAD"), conn.ask(path)
            claim(head.status == get.status and head.header("content-type") == get.header("content-type"), path)
            claim(head.header("content-length") is not None, f"{path}: how long?")
        claim(conn.ask("/api/v1/events", "HEAD").status == 200, "a stream")
        claim(conn.ask("/healthz").status in (200, 503), "the next one")


@test()
def an_asset_that_is_known_is_not_sent_again(daemon):
    page = daemon.ask("/global").body.decode("utf-8")
    assets = re.findall(r'(?:src|href)="(/global/assets/[^"]+)"', page)
    claim(assets, "the page names none")
    for path in assets:
        found = daemon.ask(path)
        etag = found.header("etag")
        claim(found.status == 200 and etag and found.body, f"{path}: {found.status}")
        again = daemon.ask(path, headers={"If-None-Match": etag})
        claim(again.status == 304 and again.body == b"" and again.header("etag") == etag, f"{path}: {again.status}")
        claim(daemon.ask(path, headers={"If-None-Match": '"x"'}).status == 200, f"{path}: another tag")


@test(noisy=True)
def hostile_words_of_zfs_are_escaped_everywhere(daemon):
    stream = Events(daemon.port, "/api/v1/changes")
    daemon.sim("fault", f"match 'zfs send*' fail 1 'cannot send: {HOSTILE.replace(chr(39), '')}\x01\xff'")
    daemon.sim("fault", f"match 'zfs snapshot*' fail 1 'cannot create snapshots : {HOSTILE.replace(chr(39), '')}'")
    try:
        for accept in ("*/*", "text/html"):
            found = daemon.ask("/snapshot?periodicity=hostile", "POST", {"Accept": accept})
            claim(found.status == 500, f"{found.status}")
            claim(accept != "*/*" or b"<script>alert(1)" in found.body, "its words are not told as they are")
            claim(accept != "*/*" or found.header("content-type").startswith("text/plain"), "no plain text")
            claim(accept == "*/*" or b"<script>alert" not in found.body, "a script in a page")
        daemon.zfs("snapshot", "tank/data@hourly-900001")
        daemon.cycle()
        wait_until(lambda: daemon.state()["datasets"][0]["status"] == "failed", "a failure")
        for path in ("/global", "/root", "/global/activity", "/global/dataset/"):
            body = daemon.ask(path).body
            claim(b"<script>alert" not in body, f"a script in {path}")
            body.decode("utf-8")
        claim(b"&lt;script&gt;alert(1)" in daemon.ask("/root").body, "the words are not in the page")
        for path in ("/api/v1/state", "/api/v1/activity", "/api/v1/datasets/"):
            claim("<script>alert(1)" in json.dumps(daemon.ask(path).json()), f"the words are not in {path}")
        daemon.ask("/metrics").body.decode("utf-8")
        while "<script>alert(1)" not in stream.next()[2]:
            pass
    finally:
        daemon.sim("faults", "clear")
        daemon.zfs("destroy", "tank/data@hourly-900001")
        stream.close()
    daemon.cycle()
    wait_until(lambda: daemon.state()["datasets"][0]["status"] == "ok", "its end")


# --- what is asked of the daemon ---


def curl(*words):
    done = subprocess.run(["curl", "-s", "-o", "-", "-w", "\n%{http_code}", "--max-time", "60", *words], check=False,
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


@test(noisy=True)
def a_snapshot_is_asked_for_by_one_line_of_curl(daemon):
    status, body = curl("-X", "POST", f"http://localhost:{daemon.port}/snapshot?periodicity=daily")
    claim(status == 200, f"{status} {body}")
    claim(re.fullmatch(r"tank/data@daily-\d{4}-\d\d-\d\d-\d{6}\n", body), body)
    claim(body.strip() in daemon.zfs("list", "-H", "-t", "snapshot", "-o", "name", "tank/data"), "it is not there")
    done = subprocess.run(["/bin/sh", "-c",
                           f"curl -fsS -o /dev/null -X POST 'http://localhost:{daemon.port}/snapshot?periodicity=cron-tab'"],
                          check=False, capture_output=True, text=True)
    claim(done.returncode == 0 and done.stdout == "" and done.stderr == "", f"as in a crontab: {done}")


@test(noisy=True)
def a_snapshot_without_a_type_or_by_another_method_is_refused(daemon):
    base = f"http://localhost:{daemon.port}/snapshot"
    for url in (base, base + "?periodicity=", base + "?periodicity", base + "?other=daily"):
        claim(curl("-X", "POST", url)[0] == 400, url)
    claim(curl("-X", "POST", base + "?periodicity=" + "x" * 250)[0] == 400, "a type that is too long")
    for method in ("GET", "PUT", "DELETE"):
        claim(curl("-X", method, base + "?periodicity=daily")[0] == 405, method)
        claim(daemon.ask("/snapshot", method).header("allow"), f"{method}: what is allowed?")


@test(noisy=True)
def the_second_snapshot_of_a_type_within_a_second_is_a_conflict(daemon):
    def twice():
        found = [daemon.ask("/snapshot?periodicity=twice", "POST") for _ in range(2)]
        claim(all(a.status in (200, 409) for a in found), f"{[a.status for a in found]}")
        return any(a.status == 409 for a in found)

    wait_until(twice, "two within a second")


@test(noisy=True)
def a_snapshot_that_zfs_refuses_is_told_in_its_words(daemon):
    daemon.sim("fault", "match 'zfs snapshot*' fail 1 'cannot create snapshots : permission denied'")
    try:
        status, body = curl("-X", "POST", f"http://localhost:{daemon.port}/snapshot?periodicity=daily")
    finally:
        daemon.sim("faults", "clear")
    claim(status == 500 and "permission denied" in body, f"{status} {body}")


@test(daemon="dryrun")
def a_dry_run_takes_no_snapshot(daemon):
    status, body = curl("-X", "POST", f"http://localhost:{daemon.port}/snapshot?periodicity=daily")
    claim(status == 503 and "-dryrun" in body, f"{status} {body}")


@test(noisy=True)
def a_flood_of_posts_is_slowed_down(daemon):
    found = []

    def flood(path):
        with daemon.connect() as conn:
            for _ in range(100):
                answer = conn.ask(path, "POST")
                found.append(answer.status if answer else None)

    before = len(daemon.log().splitlines())
    threads = [threading.Thread(target=flood, args=(p,)) for p in ["/api/v1/sync"] * 8 + ["/snapshot?periodicity=flood"] * 8]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claim(len(found) == 1600, f"{len(found)} answers of 1600")
    claim(set(found) <= {200, 202, 409, 429, 503}, f"{set(found)}")
    claim(429 in found, "nobody was told to slow down")
    lines = len(daemon.log().splitlines()) - before
    claim(lines < 700, f"{lines} lines in the log")
    wait_until(lambda: daemon.ask("/api/v1/sync", "POST").status == 202, "an end of slowing down", step=0.3)


# --- tokens ---


def basic(text):
    return "Basic " + base64.b64encode(text.encode("latin-1")).decode("latin-1")


@test(daemon="token")
def a_token_that_is_wrong_is_refused_and_many_are_slowed_down(daemon):
    right = daemon.ask("/api/v1/state", headers={"Authorization": "Bearer " + TOKEN})
    claim(right.status == 200, f"the right one: {right.status}")
    claim(daemon.ask("/api/v1/state", headers={"Authorization": basic("any:" + TOKEN)}).status == 200, "as a password")
    claim(daemon.ask("/healthz").status in (200, 503), "without one, from here")
    wrong = ["Bearer x", "Bearer", "Bearer " + TOKEN + "x", "Bearer " + TOKEN[:-1], basic("any:wrong"), basic(TOKEN),
             "Basic !!!!", "Basic", "Basic " + "A" * 8000, "Digest username=x", "", "\xff\xfe", "Basic " + "=" * 100,
             basic("a:\x00" + TOKEN), "Bearer  "]
    found = [daemon.ask("/healthz", headers={"Authorization": w}) for w in wrong]
    for answer, header in zip(found, wrong):
        claim(answer.status in (401, 429), f"{header[:30]!r}: {answer.status}")
    claim(found[0].status == 401 and "Basic realm=" in (found[0].header("www-authenticate") or ""), "nobody is asked")
    claim(found[-1].status == 429 and int(found[-1].header("retry-after")) > 0, "nobody is slowed down")
    claim(daemon.ask("/healthz").status in (200, 503), "those without a token are not slowed down")
    claim(TOKEN not in daemon.log(), "the token is in the log")


@test(daemon="token", noisy=True)
def the_unix_socket_is_roots_alone_and_needs_no_token(daemon):
    path = daemon.unix_path()
    mode = os.stat(path)
    claim(stat.S_IMODE(mode.st_mode) == 0o600 and mode.st_uid == os.getuid(), f"{oct(mode.st_mode)}")
    with Conn(path) as conn:
        claim(conn.ask("/api/v1/state").status == 200, "the state")
        claim(conn.ask("/api/v1/sync", "POST").status == 202, "a cycle")
        claim(conn.ask("/api/v1/state", headers={"Host": "any", "Authorization": "Bearer wrong"}).status == 200, "whatever")


@test(daemon="tls")
def tls_is_spoken_and_nothing_else(daemon):
    claim(daemon.ask("/healthz").status in (200, 503), "over TLS")
    own = f"localhost:{daemon.port}"
    claim(daemon.ask("/healthz", headers={"Host": own, "Origin": "https://" + own}).status in (200, 503), "its own origin")
    claim(daemon.ask("/healthz", headers={"Host": own, "Origin": "http://" + own}).status == 403, "the other scheme")
    for noise in (request().encode(), b"\x16\x03\x01\xff\xff" + os.urandom(5000), os.urandom(3000), b"\x80\x2e\x01\x03\x01"):
        with Conn(daemon.port) as conn:
            conn.send(noise + b"\r\n\r\n" * 3000)
            claim(b"HTTP/" not in conn.all(), "it was answered in the clear")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with Conn(daemon.port) as conn:
        conn.sock = context.wrap_socket(conn.sock)
        claim(conn.ask("/healthz").status in (200, 503), "TLS 1.2")
        conn.send("GET /heal")
    stream = daemon.connect()
    stream.send(request("/api/v1/changes"))
    claim(stream.head().status == 200, "a stream")
    stream.sock.close()


# --- many ---


@test()
def five_thousand_connections_come_and_go(daemon):
    for i in range(5000):
        conn = Conn(daemon.port)
        if i % 3 == 0:
            conn.send("GET / HTTP/1.1\r\n")
        elif i % 3 == 1:
            conn.send(request("/global"))
        if i % 2:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.sock.close()


@test()
def a_full_house_is_soon_let_go_and_never_shuts_root_out(daemon):
    conns = []
    for i in range(CONNECTIONS_MAX + 100):
        conn = socket.socket()
        conn.setblocking(False)
        conn.connect_ex(("127.0.0.1", daemon.port))
        conns.append(conn)
        if i % 256 == 0:
            time.sleep(0.02)
    try:
        with Conn(daemon.unix_path()) as conn:
            claim(conn.ask("/healthz").status in (200, 503), "root is shut out")

        def answered():
            try:
                with daemon.connect() as conn:
                    return conn.ask("/healthz") is not None
            except (ConnectionResetError, BrokenPipeError):
                return False

        began = time.monotonic()
        wait_until(answered, "room for an honest client")
        print(f"# room after {time.monotonic() - began:.1f} s")
    finally:
        for conn in conns:
            conn.close()


@test()
def three_hundred_streams_are_begun_and_left(daemon):
    streams = []
    for i in range(300):
        conn = Conn(daemon.port)
        conn.send(request(["/api/v1/changes", "/api/v1/events", "/poll"][i % 3]))
        streams.append(conn)
    daemon.cycle()
    daemon.wait_idle()
    for i, conn in enumerate(streams):
        if i % 2:
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        conn.sock.close()
    daemon.cycle()

    def left():
        return "\nbackupd_web_streams 0\n" in daemon.ask("/metrics").body.decode("utf-8")

    wait_until(left, "an end of the streams", 60)


@test()
def every_one_of_fifty_long_polls_is_told(daemon):
    daemon.wait_idle()
    polls = [Conn(daemon.port) for _ in range(50)]
    for conn in polls:
        conn.send(request("/poll"))
    time.sleep(0.3)
    daemon.cycle()
    for conn in polls:
        found = conn.answer()
        claim(found.status == 200 and found.body == b"refresh", f"{found.status} {found.body!r}")
        conn.sock.close()


@test()
def more_connections_than_descriptors_are_no_busy_loop(daemon):
    few = daemon.few
    conns = []
    for _ in range(400):
        conn = socket.socket()
        conn.setblocking(False)
        conn.connect_ex(("127.0.0.1", few.port))
        conns.append(conn)
    time.sleep(0.5)
    web = few.web_pid()
    try:
        assert_idle(few)
    finally:
        for conn in conns:
            conn.close()
    claim(few.web_pid() == web, "the role is another one")
    claim(few.ask("/healthz").status in (200, 503), "it does not answer any more")


def assert_idle(daemon, seconds=2):
    """A loop without end would take all of the time."""
    web = daemon.web_pid()
    before = cpu_seconds(web)
    time.sleep(seconds)
    used = cpu_seconds(web) - before
    print(f"# {used:.2f} s of processor time in {seconds} s")
    claim(used < seconds / 4, f"it was busy for {used} s of {seconds} s")


def assert_odd_clients_cost_nothing(daemon, tails):
    conns = []
    for path in ("/api/v1/changes", "/api/v1/events", "/poll"):
        for tail in tails * 5:
            conn = daemon.connect()
            conn.send(request(path))
            conns.append(conn)
            if tail is None:
                conn.sock.shutdown(socket.SHUT_WR)
            else:
                conn.sock.settimeout(0.2)
                try:
                    conn.send(tail)
                except TimeoutError:
                    pass  # it does not take all of it
    try:
        assert_idle(daemon)
    finally:
        for conn in conns:
            conn.sock.close()


@test()
def clients_that_go_on_talking_cost_no_processor_time(daemon):
    assert_odd_clients_cost_nothing(daemon, ["G", "x" * 100, "x" * 4000000, request("/poll") * 2, None])


@test(daemon="tls")
def clients_that_go_on_talking_over_tls_cost_no_processor_time(daemon):
    assert_odd_clients_cost_nothing(daemon, ["G", "x" * 100, "x" * 400000, request("/poll") * 2])


@test(daemon="tls")
def handshakes_that_stop_halfway_cost_no_processor_time(daemon):
    conns = [Conn(daemon.port) for _ in range(50)]
    for conn in conns:
        conn.send("\x16\x03\x01\x02\x00\x01")
    try:
        assert_idle(daemon)
    finally:
        for conn in conns:
            conn.sock.close()


@test()
def a_connection_is_closed_where_that_is_asked_for_and_else_kept(daemon):
    for version, header, closes in (("HTTP/1.1", None, False), ("HTTP/1.1", "close", True), ("HTTP/1.1", "Close, x", True),
                                    ("HTTP/1.0", None, True), ("HTTP/1.0", "keep-alive", False)):
        with daemon.connect() as conn:
            for path in ("/healthz", "/nothing", "/global"):
                found = conn.ask(path, headers={"Connection": header}, version=version)
                claim(found is not None, f"{version}, {header}: closed before {path}")
                if closes:
                    claim(conn.all() == b"", f"{version}, {header}: more came")
                    break
            said = (found.header("connection") or "").lower()
            claim(not closes or version == "HTTP/1.0" or "close" in said, f"{version}, {header}: it says {said!r}")


# --- streams ---


def numbers(messages):
    return [int(m[0].rsplit("-", 1)[1]) for m in messages]


class Noise:
    """Cycles, one after the other, so that there are events."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.1):
            self.daemon.cycle()

    def end(self):
        self.over.set()
        self.thread.join()


@test(noisy=True)
def a_stream_is_resumed_without_loss_or_repetition(daemon):
    for path in ("/api/v1/events", "/api/v1/changes"):
        whole, piece = Events(daemon.port, path), Events(daemon.port, path)
        noise = Noise(daemon)
        first = piece.next()
        while first[0] != whole.next()[0]:
            pass
        pieces = []
        for i in range(6):
            pieces += [piece.next() for _ in range(3)]
            piece.close()
            time.sleep(0.3)
            last = pieces[-1][0]
            piece = Events(daemon.port, path, last) if i % 2 else Events(daemon.port, f"{path}?after={last}")
        noise.end()
        claim([whole.next() for _ in pieces] == pieces, f"{path}: the pieces are not the whole")
        claim(numbers(pieces) == sorted(set(numbers(pieces))), f"{path}: {numbers(pieces)}")
        whole.close()
        piece.close()


@test(noisy=True)
def an_identifier_that_is_not_ours_begins_anew(daemon):
    for last in ("x", "00000000-5", "-", "99999999999999999999-1", "\xff", "a" * 5000,
                 daemon.state()["stream"].split("-")[0] + "-99999999", daemon.state()["stream"] + "x",
                 daemon.state()["stream"].split("-")[0] + "-18446744073709551615"):
        stream = Events(daemon.port, "/api/v1/changes", last)
        claim(stream.next() == (None, "reset", "{}"), f"{last[:30]!r} was believed")
        stream.close()
    stream = Events(daemon.port, "/api/v1/events", daemon.state()["stream"])
    claim(stream.next() == (None, "reset", "{}"), "an identifier of the other stream was believed")
    stream.close()


@test(noisy=True, slow=True)
def a_client_that_does_not_read_is_dropped_and_the_others_are_not_disturbed(daemon):
    reading = Events(daemon.port, "/api/v1/events")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect(("127.0.0.1", daemon.port))
    deaf.sendall(request("/api/v1/events").encode())
    stop = threading.Event()
    seen = []

    def read():
        while not stop.is_set():
            seen.append(reading.next())

    threading.Thread(target=read, daemon=True).start()
    noise = Noise(daemon)

    def dropped():
        with open("/proc/net/tcp", encoding="ascii") as f:
            own = f"{deaf.getsockname()[1]:04X}"
            return not any(line.split()[2].endswith(":" + own) and line.split()[3] == "01" for line in f.readlines()[1:])

    wait_until(dropped, "an end of the client that does not read", 240, 1)
    count = len(seen)
    wait_until(lambda: len(seen) > count, "the other's events")
    stop.set()
    noise.end()
    claim(None not in seen, "the other client was dropped, too")
    claim(numbers(seen) == sorted(set(numbers(seen))), "the other client lost its order")
    deaf.close()


# --- the role's end ---


def slow_transfer(daemon):
    daemon.wait_idle()
    daemon.sim("write", "tank/data", "3000000")
    daemon.sim("fault", "match 'zfs send*' rate 1000000")
    daemon.zfs("snapshot", "tank/data@hourly-%06d" % (910000 + int(time.time()) % 80000))
    daemon.cycle()

    def running():
        return any("step" in d and d["step"].get("bytes", 0) > 0 for d in daemon.state()["datasets"])

    wait_until(running, "a transfer")


def transfers(daemon):
    return len([t for t in daemon.ask("/api/v1/activity").json()["transfers"] if t["code"] == "none"])


@test(restarts=True, noisy=True)
def the_end_of_the_role_disturbs_no_transfer_and_clients_begin_anew(daemon):
    slow_transfer(daemon)
    before, number = transfers(daemon), daemon.state()["cycle"]["number"]
    last = daemon.state()["stream"]
    stream = Events(daemon.port, "/api/v1/changes", last)
    old = daemon.web_pid()
    os.kill(old, signal.SIGKILL)
    claim(stream.conn.all() is not None, "")
    wait_until(lambda: daemon.web_pid() not in (None, old), "another role")
    daemon.wait_ready()
    stream = Events(daemon.port, "/api/v1/changes", last)
    claim(stream.next()[1] == "reset", "the client was not told to begin anew")
    stream.close()
    claim(daemon.state()["cycle"]["number"] >= number, "the state was lost")
    wait_until(lambda: transfers(daemon) > before, "the end of the transfer")
    daemon.sim("faults", "clear")
    daemon.wait_idle()
    claim("signal 9" in daemon.log(), "the log does not tell of it")


@test(restarts=True, noisy=True, slow=True)
def a_role_that_stands_still_disturbs_no_transfer_and_is_replaced(daemon):
    slow_transfer(daemon)
    old = daemon.web_pid()
    finished = daemon.log().count("done: send")
    os.kill(old, signal.SIGSTOP)
    wait_until(lambda: daemon.log().count("done: send") > finished, "the end of the transfer")
    daemon.sim("faults", "clear")
    # it is noticed where there is more to tell than the kernel keeps
    name = 0

    def replaced():
        nonlocal name
        name += 1
        daemon.cycle()
        return daemon.web_pid() not in (None, old)

    wait_until(replaced, "another role", 600, 0.2)
    daemon.wait_ready()
    claim("does not read" in daemon.log(), "the log does not say why")


@test(noisy=True)
def an_address_in_use_is_told_and_backups_go_on(daemon):
    blocked = daemon.blocked
    wait_until(lambda: "Address already in use" in blocked.log(), "a word about it")
    wait_until(lambda: re.search(r"cycle 1: .*(finished|done|datasets)", blocked.log()), "the cycle")
    with Conn(blocked.unix_path()) as conn:
        claim(conn.ask("/healthz").status in (200, 503), "the Unix socket")


@test(slow=True, restarts=True, noisy=True)
def an_address_that_becomes_free_is_taken(daemon):
    blocked = daemon.blocked
    blocked.holder.close()
    wait_until(lambda: "the dashboard is at" in blocked.log(), "the address", 120, 1)
    blocked.wait_ready()


@test(slow=True)
def a_hundred_thousand_requests_leave_nothing_behind(daemon):
    def batch(count):
        for path in ("/healthz", "/global", "/api/v1/state", "/nothing", "/global/assets/nothing"):
            with daemon.connect() as conn:
                for _ in range(count // 100):
                    conn.send(request(path) * 20)
                    for _ in range(20):
                        conn.answer()

    batch(5000)
    before = resident_mib(daemon.web_pid())
    batch(100000)
    for _ in range(3000):
        with daemon.connect() as conn:
            conn.ask("/healthz", headers={"Connection": "close"})
    after = resident_mib(daemon.web_pid())
    print(f"# resident memory: {before:.1f} MiB before, {after:.1f} MiB after")
    claim(after < before + 8 or daemon.sanitized, f"from {before:.1f} to {after:.1f} MiB")


# --- running them ---


EXPECTED = re.compile(r"the web role: (refused 127\.0\.0\.1: |\d+ connections are open|\d+ more lines in the minute|"
                      r"too many commands|no further connection)")


class Watch:
    """What must be the same after an attack as it was before."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.web = daemon.web_pid()
        self.lines = len(daemon.log().splitlines())
        self.slowest = 0.0

    def check(self, restarts, noisy, judge):
        daemon = self.daemon
        claim(daemon.process.poll() is None, "the engine has ended")
        claim(restarts or daemon.web_pid() == self.web, "the role is another one:\n" + daemon.log()[-2000:])
        began = time.monotonic()
        found = daemon.ask("/healthz")
        took = time.monotonic() - began
        self.slowest = max(self.slowest, took)
        claim(found is not None and found.status in (200, 503), "an honest request is not answered")
        claim(not judge or took < HONEST_SECONDS, f"an honest request took {took:.2f} s")
        resident = resident_mib(daemon.web_pid())
        claim(resident < MEMORY_MIB or daemon.sanitized, f"the role has {resident:.0f} MiB")
        fresh = daemon.log().splitlines()[self.lines:]
        claim(not any("Sanitizer" in line or "runtime error" in line for line in fresh), "\n".join(fresh))
        attacks = [line for line in fresh if "the web role" in line]
        claim(len(attacks) <= 2 * LOG_LINES + 10, f"{len(attacks)} lines in the log")
        for line in attacks:
            claim(restarts or EXPECTED.search(line), "the log says: " + line)
        for line in fresh:
            claim(noisy or line in attacks or not re.search(r" (warning|error) ", line), "the log says: " + line)


def start_daemons(top, backupd, daemons):
    """Adds them one by one, so that those that were started are ended where another cannot be."""
    pem = f"{top}/pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", pem + ".key", "-out", pem + ".crt", "-days", "2", "-subj", "/CN=localhost"],
                   check=True, capture_output=True)
    hosts = 'hosts = ["nas.example", "other.example"]'
    daemons["plain"] = Daemon(f"{top}/plain", backupd, [hosts])
    daemons["token"] = Daemon(f"{top}/token", backupd, [hosts, f'token = "{TOKEN}"'])
    daemons["tls"] = Daemon(f"{top}/tls", backupd, [f'tls_cert = "{pem}.crt"', f'tls_key = "{pem}.key"'])
    daemons["dryrun"] = Daemon(f"{top}/dryrun", backupd, args=["-dryrun"], interval="1h")
    daemons["few"] = Daemon(f"{top}/few", backupd, nofile=200, interval="1h")
    holder = socket.create_server(("127.0.0.1", 0))
    daemons["blocked"] = Daemon(f"{top}/blocked", backupd, port=holder.getsockname()[1], interval="1h")
    daemons["blocked"].holder = holder
    with open(backupd, "rb") as f:
        sanitized = b"__asan_init" in f.read()
    for name, daemon in daemons.items():
        daemon.sanitized = sanitized
        if name != "blocked":
            daemon.wait_ready()
    plain = daemons["plain"]
    plain.few, plain.blocked = daemons["few"], daemons["blocked"]
    for name in ("with space", "dot.ted", "co:lon", "with space/dash-ed", "global", "api", "api/state"):
        plain.zfs("create", "tank/data/" + name)
    plain.zfs("snapshot", "-r", "tank/data@hourly-900000")
    plain.cycle()
    wait_until(lambda: "/api/state" in [d["name"] for d in plain.state()["datasets"]], "the new datasets")
    plain.wait_idle()


def run_one(number, entry, daemons, judge):
    fn, _, which, restarts, noisy = entry
    watch = Watch(daemons[which])
    name = fn.__name__.removeprefix("test_").replace("_", " ")
    began = time.monotonic()
    try:
        fn(daemons[which])
        watch.check(restarts, noisy, judge)
    except (Failure, OSError, ValueError, AssertionError, KeyError, IndexError, TypeError, AttributeError,
            subprocess.SubprocessError) as e:
        print(f"not ok {number} - {name}")
        print("# " + f"{type(e).__name__}: {e}".replace("\n", "\n# "), flush=True)
        return False
    print(f"ok {number} - {name}")
    print(f"# {time.monotonic() - began:.1f} s; the honest answer after it took {watch.slowest * 1000:.0f} ms, "
          f"the role has {resident_mib(daemons[which].web_pid()):.0f} MiB", flush=True)
    return True


def main():
    words = [w for w in sys.argv[2:] if not w.startswith("--")]
    slow, judge = "--slow" in sys.argv, "--judge" in sys.argv
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, limit[1]), limit[1]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    entries = TESTS + [(fn, False, which, False, False)
                       for fn, which in ((test_a_thousand_half_requests_are_closed_in_time, "plain"),
                                         (test_a_request_that_trickles_in_byte_by_byte_is_closed_in_time, "plain"),
                                         (test_a_handshake_that_stalls_is_closed_in_time, "tls"))]
    entries = [e for e in entries if not words or any(w in e[0].__name__ for w in words)]
    # those that end the role come last: what is slow is looked at before
    entries.sort(key=lambda e: (e[3], e[1]))
    top = tempfile.mkdtemp(prefix="atk.")
    daemons = {}
    failed = 0
    try:
        start_daemons(top, os.path.realpath(sys.argv[1]), daemons)
        print(f"1..{len(entries)}", flush=True)
        if any(e[0].__name__.endswith("closed_in_time") for e in entries):
            LATE.begin(daemons)
        for number, entry in enumerate(entries, 1):
            name = entry[0].__name__.replace("_", " ")
            if entry[1] and not slow:
                print(f"ok {number} - {name} # SKIP only with --slow", flush=True)
            elif not run_one(number, entry, daemons, judge):
                failed += 1
    finally:
        for daemon in daemons.values():
            daemon.process.terminate()
        for daemon in daemons.values():
            daemon.stop()
        if failed and os.environ.get("WEB_TEST_KEEP"):
            print("# kept: " + top)
        else:
            shutil.rmtree(top)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
