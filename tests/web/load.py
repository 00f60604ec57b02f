"""load.py BACKUPD [--short] [--judge]: what many readers cost a running transfer, as TAP.

2,000 clients of the stream of changes and 200 requests a second, on loopback, while a dataset is sent at a set rate.
Each claim is measured first without them. It takes two minutes and a half, with --short under one. Only an error makes a claim
fail; with --judge, so do figures beyond the bars, which a machine that has other work may be the cause of.
"""

import multiprocessing
import os
import re
import resource
import select
import shutil
import signal
import sys
import tempfile
import threading
import time

from daemon import Conn, Daemon, Events, claim, cpu_seconds, resident_mib, wait_until

STREAMS = 2000
REQUESTS = 200
RATE = 4000000
LATENCY_MS = 200
BAR = 0.05


def stream_clients(port, ready, over, result):
    """Opens the streams and throws away what comes; counts those that end."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(5)
    poll = select.epoll()
    socks = {}
    for _ in range(STREAMS):
        conn = Conn(port)
        conn.send("GET /api/v1/changes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        conn.sock.setblocking(False)
        socks[conn.sock.fileno()] = conn.sock
        poll.register(conn.sock.fileno(), select.EPOLLIN)
    ready.set()
    ended, chunks = 0, 0
    while not over.is_set():
        for fd, _ in poll.poll(0.2):
            try:
                data = socks[fd].recv(65536)
            except BlockingIOError:
                continue
            except ConnectionResetError:
                data = b""
            chunks += 1
            if data == b"":
                ended += 1
                poll.unregister(fd)
    result.put(("streams", ended, chunks))


def request_client(port, seconds, result):
    """Sends 200 requests a second, each when it is due, over ten connections."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.nice(5)
    paths = ["/healthz", "/api/v1/state", "/global", "/api/v1/datasets/", "/metrics"]
    conns = [Conn(port) for _ in range(10)]
    begun = time.monotonic()
    count, errors, slowest = 0, 0, 0.0
    while time.monotonic() - begun < seconds:
        rest = begun + count / REQUESTS - time.monotonic()
        if rest > 0:
            time.sleep(rest)
        before = time.monotonic()
        answer = conns[count % len(conns)].ask(paths[count % len(paths)])
        slowest = max(slowest, time.monotonic() - before)
        errors += answer is None or answer.status not in (200, 503)
        count += 1
    result.put(("requests", errors, count, slowest, time.monotonic() - begun))


class Watcher:
    """Notes when events arrive."""

    def __init__(self, port):
        self.stream = Events(port, "/api/v1/events")
        self.seen = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            message = self.stream.next()
            if message is None:
                return
            self.seen.append((time.monotonic(), message[2]))

    def when(self, kind, after):
        for at, data in list(self.seen):
            if at >= after and re.search(kind, data):
                return at
        return None


def transfer(daemon, watcher, seconds, number, during=None):
    """Sends for so many seconds; returns how long it took and what the engine used of a processor meanwhile."""
    daemon.wait_idle()
    daemon.sim("write", "tank/data", str(RATE * seconds))
    daemon.zfs("snapshot", f"tank/data@hourly-9{number:05d}")
    begun = time.monotonic()
    daemon.ask("/api/v1/sync", "POST")
    started = wait_until(lambda: watcher.when('"kind":"step_started"', begun), "the transfer's begin")
    used = cpu_seconds(daemon.pid)
    if during:
        during()
    finished = wait_until(lambda: watcher.when('"kind":"step_finished"', begun), "its end", 3 * seconds + 60)
    return finished - started, (cpu_seconds(daemon.pid) - used) / (finished - started)


def measure_latency(daemon, watcher, count):
    found = []
    for i in range(count):
        # A snapshot is told of each time; a cycle that is wanted already is not.
        name = f"latency{time.monotonic_ns()}x{i}"
        before = time.monotonic()
        answer = daemon.ask("/snapshot?periodicity=" + name, "POST")
        claim(answer.status == 200, f"a snapshot was refused with {answer.status}")
        at = wait_until(lambda: watcher.when(name, before), "the event", step=0.002)
        found.append((at - before) * 1000)
        time.sleep(0.3)
    return sorted(found)


class Results:
    def __init__(self, judge):
        self.judge = judge
        self.number = 0
        self.failed = 0

    def add(self, name, good, figures, decides=False):
        """`decides`: also where figures are not judged."""
        self.number += 1
        failed = not good and (decides or self.judge)
        self.failed += failed
        print(f"{'not ok' if failed else 'ok'} {self.number} - {name}")
        print(f"# {figures}{'' if good else ': beyond the bar'}", flush=True)


def run(daemon, seconds, results):
    watcher = Watcher(daemon.port)
    idle = measure_latency(daemon, watcher, 10)
    alone, alone_cpu = transfer(daemon, watcher, seconds, 1)
    context = multiprocessing.get_context("fork")
    ready, over, queue = context.Event(), context.Event(), context.Queue()
    streams = context.Process(target=stream_clients, args=(daemon.port, ready, over, queue), daemon=True)
    streams.start()
    claim(ready.wait(60), "the streams were not opened")
    web = daemon.web_pid()
    before = cpu_seconds(web)
    time.sleep(2)
    still = (cpu_seconds(web) - before) / 2
    requests = context.Process(target=request_client, args=(daemon.port, seconds, queue), daemon=True)
    before = cpu_seconds(web)
    latency = []
    loaded, loaded_cpu = transfer(daemon, watcher, seconds, 2,
                                  lambda: (requests.start(),
                                           latency.extend(measure_latency(daemon, watcher, 10 if seconds < 20 else 30))))
    web_cpu = (cpu_seconds(web) - before) / loaded
    memory = resident_mib(web)
    over.set()
    found = {}
    for _ in range(2):
        kind, *figures = queue.get(timeout=120)
        found[kind] = figures
    ended, chunks = found["streams"]
    errors, count, slowest, took = found["requests"]
    results.add("two thousand streams stay open", ended == 0 and daemon.web_pid() == web,
                f"{ended} of {STREAMS} ended; {chunks} pieces came; the role has {memory:.0f} MiB and used "
                f"{100 * still:.1f} % of a processor with the streams alone, {100 * web_cpu:.1f} % in all", True)
    results.add("two hundred requests a second are answered without an error", errors == 0 and count > 0,
                f"{errors} errors in {count} requests, {count / took:.0f} a second; the slowest took "
                f"{slowest * 1000:.0f} ms", True)
    results.add("a transfer under this load is as fast as without it", loaded < alone * (1 + BAR),
                f"{RATE * seconds / alone / 1e6:.3f} MB/s alone, {RATE * seconds / loaded / 1e6:.3f} MB/s under load: "
                f"{100 * (alone / loaded - 1):+.1f} %")
    results.add("the engine needs no more of a processor for it", loaded_cpu - alone_cpu < BAR,
                f"{100 * alone_cpu:.1f} % of one alone, {100 * loaded_cpu:.1f} % under load")
    for name, values in (("an event reaches a client at once", idle),
                         ("an event reaches a client at once under this load", latency)):
        middle, worst = values[len(values) // 2], values[-1]
        results.add(name, middle < LATENCY_MS, f"from the request: median {middle:.0f} ms, worst {worst:.0f} ms of "
                    f"{len(values)}; the bar is {LATENCY_MS} ms")


def main():
    short, judge = "--short" in sys.argv, "--judge" in sys.argv
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, limit[1]), limit[1]))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    top = tempfile.mkdtemp(prefix="load.")
    results = Results(judge)
    daemon = None
    try:
        daemon = Daemon(f"{top}/d", os.path.realpath(sys.argv[1]), interval="1h", datasets=20, keep=200)
        daemon.wait_ready()
        daemon.sim("fault", f"match 'zfs send*' rate {RATE}")
        print("1..6", flush=True)
        run(daemon, 8 if short else 60, results)
    finally:
        if daemon:
            daemon.stop()
        shutil.rmtree(top)
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
