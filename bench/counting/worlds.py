"""Two simulated machines, the programs that copy one to the other, and what they are given to do."""

import bisect
import dataclasses
import hashlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

# syncoid looks for a receive into its target among all processes of the machine, which here is one for all worlds.
SOURCE, COPY = "tank/data", f"vault/copy{os.getpid()}"
NO_DELAYS = (0, 0)
FAILING = "/d000005"

CONFIG = """[local]
root = "tank/data"
[local.policy]
hourly = {keep}
[remote]
root = "{copy}"
ssh_host = "root@nas"
[remote.policy]
hourly = {keep}
[sync]
interval = "24h"
[history]
path = "{folder}/history.sqlite"
"""

# What somebody types who has taken snapshots by other means. The copy's side is root's, so nothing needs sudo.
SYNCOID = ["-r", "--no-sync-snap", "--no-privilege-elevation", "--quiet", SOURCE, f"root@nas:{COPY}"]


class Failed(Exception):
    """A run that did not arrive."""


# --- the two machines ---


def fingerprint(guids):
    return len(guids), hashlib.sha256(b"\n".join(sorted(guids))).hexdigest()


def read_guids(path):
    """The guids of one dataset's snapshots, oldest first."""
    return [line.split(b"\t", 3)[2] for line in path.read_bytes().splitlines() if line.startswith(b"S\t")]


class World:
    def __init__(self, folder, meter, n, m):
        self.folder = pathlib.Path(folder)
        self.state = self.folder / "state"
        self.n, self.m = n, m
        for name in ("bin", "far", "state/local", "state/remote", "state/cache"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "run").mkdir(mode=0o700)
        for name in ("bin/zfs", "bin/zpool", "bin/ssh", "bin/sim", "far/zfs", "far/zpool"):
            (self.folder / name).symlink_to(meter)
        self.env = {
            "PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "RUNTIME_DIRECTORY": str(self.folder / "run"),
            "LC_ALL": "C",
            "HOME": str(self.folder),
        }
        self.sim("make-tree", "-l", SOURCE, "-r", COPY, "-k", m, "-b", 4096, n, m)

    def sim(self, *words):
        subprocess.run([self.folder / "bin/sim", *map(str, words)], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def file(self, side, name):
        return self.state / side / (SOURCE if side == "local" else COPY) / name.lstrip("/") / "@"

    def names(self):
        return [""] + [f"/d{i:06}" for i in range(1, self.n)]

    def add_bookmarks(self):
        """What the cycles before would have left: a bookmark of the newest shared snapshot."""
        for name in self.names():
            with self.file("local", name).open("a+b") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
                newest = [line for line in file.read().splitlines() if line.startswith(b"S\t")][-1].split(b"\t")
                file.write(b"\t".join([b"B", b"backupd-" + newest[2], *newest[2:6], b"0", b"0"]) + b"\n")

    def set_delays(self, delays):
        (self.state / "delays").write_text("%d %d\n" % delays)

    def snapshot(self, name):
        self.sim("on", "local", "zfs", "snapshot", "-r", f"{SOURCE}@{name}")

    def expect(self, rule):
        """What both sides are to hold: by `rule`, from what a dataset's sides hold now."""
        expected = {}
        for name in self.names():
            here, there = rule(name, read_guids(self.file("local", name)), read_guids(self.file("remote", name)))
            expected[name] = fingerprint(here), fingerprint(there)
        return expected

    def check(self, expected):
        for name, sides in expected.items():
            for side, wanted in zip(("local", "remote"), sides, strict=True):
                found = fingerprint(read_guids(self.file(side, name)))
                if found != wanted:
                    raise Failed(
                        f"{side} {name or '<root>'} holds {found[0]} snapshots, not the {wanted[0]} that it should"
                    )

    def log_size(self):
        log = self.state / "log"
        return log.stat().st_size if log.exists() else 0


# --- what is measured ---


@dataclasses.dataclass
class Figures:
    zfs: dict  # by side
    ssh: int
    handshakes: int
    commands: list  # pairs of side and words of each zfs
    spans: list  # of each ssh that used the wire: when it began, when it ended, its round trips
    wall: float = 0.0  # seconds; so are the next two
    cpu: float = 0.0  # of the program and its children, without the shims
    shims: float = 0.0
    engine: float = 0.0  # of the engine alone; 0 for a program that has none
    peak: int = 0  # KiB

    @property
    def processes(self):
        return self.zfs["local"] + self.zfs["remote"] + self.ssh


def read_log(world, offset):
    """The processes that began after `offset` of the log. What runs in the shell of an ssh is among its children."""
    figures = Figures({"local": 0, "remote": 0}, 0, 0, [], [])
    begun = {}
    with (world.state / "log").open() as log:
        log.seek(offset)
        for line in log:
            kind, pid, when, *rest = line.rstrip("\n").split("\t")
            if kind == "B":
                side, handshakes, trips, words = rest
                begun[pid] = side, int(when), int(trips)
                figures.handshakes += int(handshakes)
                if words.startswith("ssh"):
                    figures.ssh += 1
                else:
                    figures.zfs[side] += 1
                    figures.commands.append((side, words))
            elif pid in begun:
                side, began, trips = begun[pid]
                if side == "local":
                    figures.shims += int(rest[0]) / 1e6
                if trips > 0:
                    figures.spans.append((began, int(when), trips))
    return figures


def longest_chain(spans):
    """The most round trips of ssh commands of which each began after the one before had ended."""
    ends, best = [], [0]  # in the order of their ends: when, and the longest chain up to there
    for began, ended, trips in sorted(spans, key=lambda span: span[1]):
        chain = best[bisect.bisect_right(ends, began)] + trips
        ends.append(ended)
        best.append(max(best[-1], chain))
    return best[-1]


def shims_alone(world, commands):
    """Seconds that the cycle's listings take where nobody reads them: the shim's own time, without delays."""
    world.set_delays(NO_DELAYS)
    begin = time.monotonic()
    running = []
    for side, words in commands:
        env = {**world.env, "METER_SIDE": side}
        zfs = subprocess.Popen([world.folder / "bin/zfs", *words.split()[1:]], env=env, stdout=subprocess.PIPE)
        running.append((zfs, subprocess.Popen(["cat"], stdin=zfs.stdout, stdout=subprocess.DEVNULL)))
        zfs.stdout.close()
    for pair in running:
        for process in pair:
            process.wait()
    return time.monotonic() - begin


TICK = os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Backupd:
    """The daemon, from its first cycle on."""

    def __init__(self, world, program, keep, env=None, on_start=lambda daemon: None):
        config = world.folder / "backupd.toml"
        config.write_text(CONFIG.format(copy=COPY, folder=world.folder, keep=keep))
        self.port = free_port()
        self.world = world
        self.log_path = world.folder / "backupd.log"
        self.reader = None
        self.cycle = 0
        self.summary = ""
        begin = world.log_size()
        self.process = subprocess.Popen(
            [program, "-config", config, "-addr", f"127.0.0.1:{self.port}", "-logfile", self.log_path],
            env={**world.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        on_start(self)
        self.await_cycle(1)
        self.first = read_log(world, begin)

    def await_cycle(self, number):
        deadline = time.monotonic() + 3600
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.reader is None and self.log_path.exists():
                self.reader = self.log_path.open()
            line = self.reader.readline() if self.reader else ""
            found = re.search(r" cycle (\d+): (?!started)(.*)", line)
            if found and int(found[1]) >= number:
                self.cycle, self.summary = int(found[1]), found[2]
                return
            if not line:
                time.sleep(0.001)
        raise Failed(f"cycle {number} did not end (status {self.process.poll()})\n" + self.tail())

    def check(self, failures):
        """Whether the newest cycle said that so many datasets failed."""
        if f" {failures} failed," not in self.summary:
            raise Failed(f"{failures} were to fail, and it says: {self.summary}")

    def tail(self):
        return "".join(self.log_path.read_text().splitlines(True)[-10:])

    def processor(self):
        """Seconds: of the engine, and of it and all children that have ended."""
        folder = pathlib.Path("/proc", str(self.process.pid))
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        engine = int((folder / "schedstat").read_text().split()[0]) / 1e9
        return engine, sum(map(int, fields[11:15])) / TICK

    def run(self):
        begin = self.world.log_size()
        engine, everything = self.processor()
        start = time.monotonic()
        self.process.send_signal(signal.SIGUSR1)
        self.await_cycle(self.cycle + 1)
        wall = time.monotonic() - start
        figures = read_log(self.world, begin)
        engine_after, everything_after = self.processor()
        figures.wall = wall
        figures.engine = engine_after - engine
        figures.cpu = max(figures.engine, everything_after - everything - figures.shims)
        status = pathlib.Path("/proc", str(self.process.pid), "status").read_text()
        figures.peak = int(re.search(r"VmHWM:\s*(\d+)", status)[1])
        return figures

    def end(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Syncoid:
    """A run of it is a cycle."""

    first = None

    def __init__(self, world, program, _):
        self.world, self.program = world, program
        self.said = ""
        self.status = None

    def run(self):
        begin = self.world.log_size()
        start = time.monotonic()
        with open(self.world.folder / "syncoid.out", "w+") as out:
            process = subprocess.Popen(
                [self.program, *SYNCOID], env=self.world.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
            peak = [0]
            ended = threading.Event()
            watcher = threading.Thread(target=self.watch, args=(process.pid, peak, ended))
            watcher.start()
            _, status, usage = os.wait4(process.pid, 0)
            self.status = process.returncode = os.waitstatus_to_exitcode(status)
            wall = time.monotonic() - start
            ended.set()
            watcher.join()
            out.seek(0)
            self.said = out.read()
        figures = read_log(self.world, begin)
        figures.wall = wall
        figures.cpu = usage.ru_utime + usage.ru_stime - figures.shims
        figures.peak = peak[0]
        return figures

    def check(self, failures):
        if (self.status == 0) != (failures == 0):
            raise Failed(f"{failures} were to fail, and its exit status is {self.status}")

    @staticmethod
    def watch(pid, peak, ended):
        while not ended.wait(0.05):
            try:
                status = pathlib.Path("/proc", str(pid), "status").read_text()
                peak[0] = int(re.search(r"VmHWM:\s*(\d+)", status)[1])
            except (OSError, TypeError):
                return

    def tail(self):
        return self.said[-1000:]

    def end(self):
        pass


# --- workloads: what is done before a cycle, and what both sides hold after it ---


class NoOp:
    name = "no-op"
    prunes = False
    repeats = 3  # nothing changes, so the machine's moods can be left out
    failures = 0  # datasets that the cycle is to call failed

    def start(self, world):
        pass

    def settle(self, runner):
        """A daemon that has seen twice, two seconds apart, that there is nothing to do (engine/quiet.h)."""
        if isinstance(runner, Backupd):
            runner.run()
            time.sleep(2.1)
            runner.run()

    def keep(self, world):
        return 1000000

    def prepare(self, world, number):
        pass

    def rule(self, name, here, there):
        return here, there


class Listed(NoOp):
    """The cycles right after the first, which list all snapshots of both sides."""

    name = "listed"
    repeats = 1  # three cycles in all: quick ones prove nothing

    def settle(self, runner):
        pass


class New(Listed):
    name = "new"
    count = 1

    def prepare(self, world, number):
        for i in range(self.count):
            world.snapshot(f"hourly-n{number}-{i + 1:03}")

    def rule(self, name, here, there):
        return here, list(set(there) | set(here))


class Behind(New):
    name = "24 behind"
    count = 24


class Failing(New):
    """The other machine refuses what one dataset is sent."""

    name = "one fails"
    failures = 1

    def prepare(self, world, number):
        super().prepare(world, number)
        world.sim("faults", "clear")
        world.sim("fault", f"match 'remote zfs rec*{FAILING}' fail 1 'cannot receive: the test says so'")

    def rule(self, name, here, there):
        return (here, there) if name == FAILING else super().rule(name, here, there)


class Prune(Listed):
    """Both sides have twice as many as they are to keep: the older half is put back before each cycle."""

    name = "prune half"
    prunes = True

    def __init__(self):
        self.full = {}

    def keep(self, world):
        return world.m // 2

    def files(self, world):
        return [world.file(side, name) for side in ("local", "remote") for name in world.names()]

    def start(self, world):
        for path in self.files(world):
            self.full[path] = path.read_bytes()
            lines = self.full[path].splitlines(True)
            places = [i for i, line in enumerate(lines) if line.startswith(b"S\t")]
            gone = set(places[1 : len(places) - self.keep(world)])
            path.write_bytes(b"".join(line for i, line in enumerate(lines) if i not in gone))

    def prepare(self, world, number):
        time.sleep(1.1)  # so that the time of the change is another one
        for path, text in self.full.items():
            fields = text.split(b"\t", 8)
            path.write_bytes(b"\t".join([*fields[:7], str(int(time.time())).encode(), fields[8]]))
        world.sim("clock")  # for its side effect: kept listings are out of date

    def rule(self, name, here, there):
        """The oldest one, which is critical, and the newest half."""
        half = len(here) // 2
        return here[:1] + here[-half:], there[:1] + there[-half:]


WORKLOADS = {w.name: w for w in (NoOp, Listed, New, Behind, Prune, Failing)}
