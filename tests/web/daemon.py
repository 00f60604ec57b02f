"""The real daemon on a simulated zfs, as the tests of the web role need it, and raw HTTP to talk to it.

Everything is on 127.0.0.1 and below a temporary folder. Python's standard library alone.
"""

import glob
import json
import os
import signal
import socket
import ssl
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SIM_SH = os.path.join(HERE, "..", "sim", "sim.sh")

# What turns a hang into a failure; nothing is judged by it.
PATIENCE = 60


class Failure(Exception):
    """What a test found wrong."""


def claim(condition, words):
    if not condition:
        raise Failure(words)


def wait_until(condition, words, patience=PATIENCE, step=0.05):
    """Waits for what must come, and returns it."""
    end = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        claim(time.monotonic() < end, "in vain: " + words)
        time.sleep(step)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# --- HTTP, byte by byte ---


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # (lower-case name, value)
        self.body = body

    def header(self, name):
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def json(self):
        return json.loads(self.body.decode("utf-8"))


class Conn:
    """One connection; what was read and not yet used is kept."""

    def __init__(self, where, tls=False, timeout=PATIENCE):
        if isinstance(where, str):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(where)
        else:
            self.sock = socket.create_connection(("127.0.0.1", where), timeout)
        if tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
        self.buf = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, data):
        """Sends; False where the other side has closed."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        try:
            self.sock.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def more(self):
        """Reads what comes; False at the end."""
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            return False
        self.buf += data
        return data != b""

    def all(self):
        while self.more():
            pass
        data, self.buf = self.buf, b""
        return data

    def until(self, mark):
        while mark not in self.buf:
            if not self.more():
                return None
        data, self.buf = self.buf.split(mark, 1)
        return data

    def exactly(self, count):
        while len(self.buf) < count:
            if not self.more():
                return None
        data, self.buf = self.buf[:count], self.buf[count:]
        return data

    def head(self):
        """The head of an answer, or None at the end."""
        text = self.until(b"\r\n\r\n")
        if text is None:
            return None
        lines = text.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        claim(words[0] in ("HTTP/1.1", "HTTP/1.0"), "an answer begins with " + repr(lines[0]))
        headers = []
        for line in lines[1:]:
            key, value = line.split(":", 1)
            headers.append((key.strip().lower(), value.strip()))
        return Answer(int(words[1]), headers, b"")

    def chunk(self):
        size = self.until(b"\r\n")
        if size is None:
            return None
        size = int(size.split(b";")[0], 16)
        data = self.exactly(size + 2)
        return None if data is None else data[:-2]

    def answer(self, is_head=False):
        """A whole answer, or None at the end."""
        found = self.head()
        while found is not None and found.status == 100:
            found = self.head()
        if found is None or is_head or found.status in (204, 304):
            return found
        if found.header("transfer-encoding") == "chunked":
            while True:
                data = self.chunk()
                if not data:
                    return found
                found.body += data
        length = found.header("content-length")
        if length is None:
            found.body = self.all()
        else:
            found.body = self.exactly(int(length)) or b""
            claim(len(found.body) == int(length), "a body was cut off")
        return found

    def ask(self, path, method="GET", headers=None, body=None, version="HTTP/1.1"):
        fields = {"Host": "localhost"}
        fields.update(headers or {})
        if body is not None:
            fields.setdefault("Content-Length", str(len(body)))
        lines = [f"{method} {path} {version}"] + [f"{k}: {v}" for k, v in fields.items() if v is not None]
        self.send("\r\n".join(lines) + "\r\n\r\n")
        if body:
            self.send(body)
        return self.answer(method == "HEAD")


class Events:
    """A client of a stream of events."""

    def __init__(self, where, path, last=None, headers=None):
        self.conn = Conn(where)
        fields = dict(headers or {})
        if last is not None:
            fields["Last-Event-ID"] = last
        lines = [f"GET {path} HTTP/1.1", "Host: localhost"] + [f"{k}: {v}" for k, v in fields.items()]
        self.conn.send("\r\n".join(lines) + "\r\n\r\n")
        head = self.conn.head()
        claim(head is not None and head.status == 200, f"the stream was answered by {head and head.status}")
        claim(head.header("content-type") == "text/event-stream", "it is no stream of events")
        self.text = b""

    def next(self):
        """The next message: (id, event, data); None at the end. Comments and retry are left out."""
        while True:
            while b"\n\n" not in self.text:
                data = self.conn.chunk()
                if not data:
                    return None
                self.text += data
            message, self.text = self.text.split(b"\n\n", 1)
            found = {"id": None, "event": None, "data": None}
            for line in message.decode("utf-8").split("\n"):
                key, _, value = line.partition(": ")
                if key in found:
                    found[key] = value
            if found["data"] is not None:
                return found["id"], found["event"], found["data"]

    def close(self):
        self.conn.sock.close()


# --- processes ---


def stat_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as f:
            return f.read().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_seconds(pid):
    """User and system time of a process alone, without its children."""
    fields = stat_of(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    return int(stat_of(pid)[21]) * os.sysconf("SC_PAGE_SIZE") / 1048576


def children(pid):
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        fields = stat_of(os.path.basename(path))
        if fields is not None and int(fields[1]) == pid:
            found.append(int(os.path.basename(path)))
    return found


class Daemon:
    """backupd in a world of its own."""

    def __init__(self, folder, backupd, web=(), args=(), datasets=4, snapshots=6, shared=6, size=100000,
                 interval="1m", nofile=None, port=None, keep=48):
        self.folder = folder
        self.port = port or free_port()
        os.mkdir(folder)
        subprocess.run([SIM_SH, "make", folder] + ([os.environ["SIM"]] if os.environ.get("SIM") else []), check=True)
        self.env = dict(os.environ, PATH=f"{folder}/bin:" + os.environ["PATH"], LC_ALL="C",
                        RUNTIME_DIRECTORY=f"{folder}/run", ASAN_OPTIONS="detect_leaks=0")
        os.mkdir(f"{folder}/run", 0o700)
        self.sim("make-tree", "-l", "tank/data", "-r", "vault/copy", "-k", str(shared), "-b", str(size), str(datasets),
                 str(snapshots))
        with open(f"{folder}/backupd.toml", "w", encoding="utf-8") as f:
            f.write('[local]\nroot = "tank/data"\n[local.policy]\n'
                    f'hourly = {keep}\ndaily = {keep}\n[remote]\nroot = "vault/copy"\nssh_host = "root@nas"\n'
                    f'[remote.policy]\nhourly = {keep}\ndaily = {keep}\n[sync]\ninterval = "{interval}"\n'
                    f'[history]\npath = "{folder}/history.sqlite"\n[web]\n')
            f.write("\n".join(web) + "\n")
        self.log_path = f"{folder}/log"
        command = [backupd, "-config", f"{folder}/backupd.toml", "-addr", f"127.0.0.1:{self.port}", *args]
        if nofile is not None:
            command = ["prlimit", f"--nofile={nofile}:{nofile}"] + command
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        self.tls = any(line.startswith("tls_cert") for line in web)

    def sim(self, *words):
        return subprocess.run([f"{self.folder}/bin/sim", *words], env=self.env, check=True, capture_output=True,
                              text=True).stdout

    def zfs(self, *words):
        return self.sim("on", "local", "zfs", *words)

    def wait_ready(self):
        def ready():
            claim(self.process.poll() is None, "backupd has ended:\n" + self.log())
            try:
                with self.connect() as conn:
                    found = conn.ask("/api/v1/state")
            except (ConnectionRefusedError, ConnectionResetError):
                return False
            return found is not None and found.status != 503

        wait_until(ready, "a web role that answers")
        return self

    def connect(self, timeout=PATIENCE):
        return Conn(self.port, self.tls, timeout)

    def ask(self, path, method="GET", headers=None, body=None, **more):
        with self.connect() as conn:
            return conn.ask(path, method, headers, body, **more)

    def raw(self, data):
        """Sends bytes, and returns every byte that comes until the other side closes."""
        with self.connect() as conn:
            conn.send(data)
            return conn.all()

    def state(self, headers=None):
        return self.ask("/api/v1/state", headers=headers).json()

    def web_pid(self):
        """The web role's process, or None while there is none."""
        for pid in children(self.pid):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    words = f.read().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if len(words) > 1 and words[1] == b"web-role":
                return pid
        return None

    def unix_path(self):
        return glob.glob(f"{self.folder}/run/*.sock")[0]

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def cycle(self):
        """Asks for a cycle, past the web role."""
        self.process.send_signal(signal.SIGUSR1)

    def wait_idle(self):
        """Waits for a cycle's end."""
        wait_until(lambda: not self.state()["cycle"]["running"] and self.state()["cycle"]["finished"] > 0,
                   "the end of a cycle")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
