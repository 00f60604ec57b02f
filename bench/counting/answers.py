"""How long the daemon lets others wait while cycles run, and how long its loop does one thing."""

import http.client
import mmap
import multiprocessing
import struct
import time

TURNS = struct.Struct("QQQ")  # of turns.c

# What `backupd status` asks, which the web process answers, and a command, which goes through the engine's loop:
# method, path, status, seconds between two, and how many at most: the web process hands on sixty at once, and then
# one a second (web_limits.h).
QUESTIONS = (("GET", "/api/v1/state", 200, 0.005, 1 << 30), ("POST", "/api/v1/sync", 202, 0.25, 25))


class Turns:
    """What turns.c writes."""

    def __init__(self, path):
        path.write_bytes(bytes(TURNS.size))
        with path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), TURNS.size)

    def clear(self):
        self.map[:] = bytes(TURNS.size)

    def read(self):
        """How many; seconds of the longest, of the processor and by the clock."""
        count, longest, wall = TURNS.unpack(self.map[:])
        return count, longest / 1e9, wall / 1e9


def connect(port):
    """Until somebody listens."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.connect()
            return connection
        except ConnectionRefusedError:
            time.sleep(0.002)


def ask(port, question, ended, results):
    """Asks again and again until `ended`, and hands on the seconds of each answer and the statuses that were odd."""
    method, path, status, pause, most = question
    waits, odd = [], set()
    connection = connect(port)
    while not ended.is_set() and len(waits) < most:
        begin = time.monotonic()
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        waits.append(time.monotonic() - begin)
        if answer.status != status:
            odd.add(answer.status)
        time.sleep(pause)
    results.put((method, waits, odd))


class Askers:
    """Processes that ask all the time, from here to `stop`."""

    def __init__(self, port):
        context = multiprocessing.get_context("fork")
        self.ended, self.results = context.Event(), context.Queue()
        self.processes = [
            context.Process(target=ask, args=(port, question, self.ended, self.results), daemon=True)
            for question in QUESTIONS
        ]
        for process in self.processes:
            process.start()

    def stop(self):
        """Seconds of the answers by method, in order."""
        self.ended.set()
        found = [self.results.get(timeout=120) for _ in self.processes]
        for process in self.processes:
            process.join()
        odd = set().union(*(statuses for _, _, statuses in found))
        if odd:
            raise ValueError(f"answers with status {sorted(odd)}")
        return {method: sorted(waits) for method, waits, _ in found}
