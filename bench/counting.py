#!/usr/bin/env python3
"""counting.py [--check | --all] [OPTIONS] [BACKUPD [METER]]: what a cycle costs, counted at the command line.

zfs and ssh are bench/counting's: they keep a tree of N datasets with M snapshots on two machines, log every process,
and take as long as they are told to. The real daemon runs over ssh; after its first cycle SIGUSR1 starts the one
that is measured. syncoid, where it is installed, does the same work beside it. No figure counts before both sides
hold exactly the snapshots that they should.

  --check          the bars about counts at 100 datasets, as TAP; no times
  --all            every N and M of 10, 100 and 1000 with every workload (an hour), not the choice of some minutes
  --only PATTERN   rows whose title has the pattern, like 'no-op' or 'new 100x'
  --no-syncoid     without it
  --svg FILE       writes the picture of the processes of a no-op cycle

Exit status 1: a bar was missed, or a run did not arrive where it should.
"""

import argparse
import bisect
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCE, COPY = "tank/data", "vault/copy"

CONFIG = """[local]
root = "tank/data"
[local.policy]
hourly = {keep}
[remote]
root = "vault/copy"
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

# Milliseconds for each zfs command and for each round trip of ssh.
NONE, BOTH, FAR = (0, 0), (20, 20), (0, 100)

FAILING = "/d000005"


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
        subprocess.run([self.folder / "bin/sim", *map(str, words)], env=self.env, check=True)

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
    world.set_delays(NONE)
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


class Backupd:
    """The daemon, from its first cycle on."""

    def __init__(self, world, program, keep):
        config = world.folder / "backupd.toml"
        config.write_text(CONFIG.format(folder=world.folder, keep=keep))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.world = world
        self.log_path = world.folder / "backupd.log"
        self.reader = None
        self.cycle = 0
        self.summary = ""
        begin = world.log_size()
        self.process = subprocess.Popen(
            [program, "-config", config, "-addr", f"127.0.0.1:{port}", "-logfile", self.log_path],
            env=world.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
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
        self.run()

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
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
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

    def start(self, world):
        pass

    def keep(self, world):
        return 1000000

    def prepare(self, world, number):
        pass

    def rule(self, name, here, there):
        return here, there


class New(NoOp):
    name = "new"
    repeats = 1
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

    def prepare(self, world, number):
        super().prepare(world, number)
        world.sim("faults", "clear")
        world.sim("fault", f"match 'remote zfs rec*{FAILING}' fail 1 'cannot receive: the test says so'")

    def rule(self, name, here, there):
        return (here, there) if name == FAILING else super().rule(name, here, there)


class Prune(NoOp):
    """Both sides have twice as many as they are to keep: the older half is put back before each cycle."""

    name = "prune half"
    prunes = True
    repeats = 1

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
        world.sim("clock")  # what was kept of listings is out of date

    def rule(self, name, here, there):
        """The oldest one, which is critical, and the newest half."""
        half = len(here) // 2
        return here[:1] + here[-half:], there[:1] + there[-half:]


WORKLOADS = {w.name: w for w in (NoOp, New, Behind, Prune, Failing)}


# --- rows ---


@dataclasses.dataclass
class Row:
    program: str
    workload: str
    n: int
    m: int
    delays: tuple
    figures: dict = dataclasses.field(default_factory=dict)  # by delays
    first: Figures = None
    shims_alone: float = 0.0
    failed: str = ""

    @property
    def title(self):
        return f"{self.workload} {self.n}x{self.m}"

    @property
    def trips(self):
        """Round trips on the longest chain of ssh commands, where the delay says which waits for which."""
        return longest_chain(self.figures[FAR].spans) if FAR in self.figures else None


def run_quickest(runner, times):
    """The shortest of some cycles, with the highest counts of all of them."""
    found = [runner.run() for _ in range(times)]
    best = min(found, key=lambda f: f.wall)
    return dataclasses.replace(
        best,
        zfs={side: max(f.zfs[side] for f in found) for side in best.zfs},
        ssh=max(f.ssh for f in found),
        handshakes=max(f.handshakes for f in found),
    )


def run_row(row, program, meter, top):
    workload = WORKLOADS[row.workload]()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="w.", dir=top))
    runner = None
    try:
        world = World(folder / "w", meter, row.n, row.m)
        if row.program == "backupd":
            world.add_bookmarks()
        workload.start(world)
        world.set_delays(NONE)
        untouched = world.expect(lambda _, here, there: (here, there))
        runner = (Backupd if row.program == "backupd" else Syncoid)(world, program, workload.keep(world))
        row.first = runner.first
        world.check(untouched)
        for number, delays in enumerate(row.delays):
            workload.prepare(world, number)
            expected = world.expect(workload.rule)
            world.set_delays(delays)
            figures = run_quickest(runner, workload.repeats if row.program == "backupd" else 1)
            try:
                world.check(expected)
            except Failed as e:
                raise Failed(f"{e}\n{runner.tail()}") from None
            row.figures[delays] = figures
            if row.workload == "no-op" and delays == NONE:
                row.shims_alone = shims_alone(world, figures.commands)
    except Failed as e:
        row.failed = str(e)
    except subprocess.CalledProcessError as e:
        row.failed = f"the simulation failed: {e}"
    finally:
        if runner is not None:
            runner.end()
        shutil.rmtree(folder, ignore_errors=True)
    return row


# --- what is run ---


def choose_rows(options):
    ours, theirs = [], []
    sizes = [(n, m) for n in (10, 100, 1000) for m in (10, 100, 1000)]
    for n, m in sizes:
        ours.append(Row("backupd", "no-op", n, m, (NONE, BOTH, FAR)))
        if m == 10 or options.all:
            theirs.append(Row("syncoid", "no-op", n, m, (NONE, FAR) if n == 10 or options.all else (NONE,)))
    for workload in ("new", "24 behind", "prune half", "one fails"):
        for n, m in sizes if options.all else [(10, 100), (100, 100)]:
            slow = workload == "24 behind" and n > 10
            delays = (NONE,) if (slow or n > 100) and not options.all else (NONE, BOTH, FAR)
            ours.append(Row("backupd", workload, n, m, delays))
            if not WORKLOADS[workload].prunes and (n == 10 or workload != "24 behind" or options.all):
                theirs.append(Row("syncoid", workload, n, m, (NONE, FAR) if n == 10 or options.all else (NONE,)))
    rows = ours if options.no_syncoid else ours + theirs
    order = list(WORKLOADS)
    rows.sort(key=lambda r: (order.index(r.workload), r.n, r.m, r.program))
    return [r for r in rows if options.only is None or options.only in r.title]


HEAD = (
    f"{'':19}{'':9}{'zfs':>13} {'ssh':>6} {'hand-':>5} {'trips':>6} {'':26} {'CPU, s':>13} {'peak':>6}\n"
    f"{'cycle':19}{'':9}{'local':>6} {'remote':>6} {'':>6} {'shake':>5} {'waited':>6} "
    f"{'0':>8} {'20':>8} {'100':>8} {'own':>6} {'engine':>6} {'MB':>6}"
)


def format_row(row):
    if row.failed:
        return f"{row.title:19}{row.program:9}FAILED: {row.failed}"
    f = row.figures[NONE]
    walls = "".join(f" {row.figures[d].wall:8.2f}" if d in row.figures else f" {'-':>8}" for d in (NONE, BOTH, FAR))
    trips = f"{row.trips:6}" if row.trips is not None else f"{'-':>6}"
    engine = f"{f.engine:6.2f}" if row.program == "backupd" else f"{'-':>6}"
    return (
        f"{row.title:19}{row.program:9}{f.zfs['local']:6} {f.zfs['remote']:6} {f.ssh:6} {f.handshakes:5} {trips}"
        f"{walls} {f.cpu:6.2f} {engine} {f.peak / 1024:6.1f}"
    )


# --- bars ---

ZFS_MAX, SSH_MAX, HANDSHAKES_MAX, TRIPS_MAX, SLACK = 2, 2, 0, 3, 0.1


def most(row, what):
    return max(what(f) for f in row.figures.values())


def bars(rows):
    """Of every no-op cycle of ours: sentence, figure, limit, unit."""
    found = []
    for row in rows:
        if row.program != "backupd" or row.workload != "no-op" or row.failed:
            continue
        for side in ("local", "remote"):
            found.append((f"{row.title}: zfs processes, {side}", most(row, lambda f, s=side: f.zfs[s]), ZFS_MAX, ""))
        found.append((f"{row.title}: ssh executions", most(row, lambda f: f.ssh), SSH_MAX, ""))
        found.append((f"{row.title}: handshakes", most(row, lambda f: f.handshakes), HANDSHAKES_MAX, ""))
        if FAR in row.figures:
            limit = TRIPS_MAX * FAR[1] / 1000 * (1 + SLACK) + row.shims_alone
            found.append((f"{row.title}: wall at 100 ms a round trip", row.figures[FAR].wall, limit, " s"))
    return found


def print_bars(rows):
    missed = 0
    for sentence, figure, limit, unit in bars(rows):
        shown = (f"{figure:.2f}", f"{limit:.2f}") if unit else (figure, limit)
        missed += figure > limit
        print(f"{'MISS' if figure > limit else 'pass'}  {sentence}: {shown[0]}{unit} (at most {shown[1]}{unit})")
    return missed


# --- the check: counts alone ---


def check(program, meter, top):
    new = run_row(Row("backupd", "new", 100, 10, (NONE,)), program, meter, top)
    quiet = run_row(Row("backupd", "no-op", 100, 10, (NONE,)), program, meter, top)
    broken = [row for row in (quiet, new) if row.failed]
    if broken:
        print("1..1\nnot ok 1 - both sides hold what they should before anything is counted")
        for row in broken:
            print(f"# {row.title}: " + row.failed.replace("\n", "\n# "))
        return 1
    f, g = quiet.figures[NONE], new.figures[NONE]
    tests = [
        ("with nothing to do for 100 datasets, zfs runs at most twice here", f.zfs["local"], 0, ZFS_MAX),
        ("with nothing to do for 100 datasets, zfs runs at most twice there", f.zfs["remote"], 0, ZFS_MAX),
        ("with nothing to do for 100 datasets, ssh runs at most twice", f.ssh, 0, SSH_MAX),
        ("the counter sees the handshake of the first cycle, and one only", quiet.first.handshakes, 1, 1),
        ("with nothing to do, no cycle after the first makes a handshake", f.handshakes, 0, HANDSHAKES_MAX),
        ("the counter sees a send for each of 100 new snapshots", sum(" send " in w for _, w in g.commands), 100, 100),
        ("with a new snapshot in each of 100 datasets no handshake is made either", g.handshakes, 0, HANDSHAKES_MAX),
    ]
    print(f"1..{len(tests)}")
    bad = 0
    for number, (sentence, figure, least, limit) in enumerate(tests, 1):
        fine = least <= figure <= limit
        bad += not fine
        print(f"{'ok' if fine else 'not ok'} {number} - {sentence}")
        if not fine:
            print(f"# counted {figure}, and it may be {least} to {limit}")
            for side, words in (f.commands if "nothing" in sentence else [])[:10]:
                print(f"#   {side} {words}")
    return 1 if bad else 0


# --- the whole ---


def programs(options):
    found = {"backupd": options.backupd, "syncoid": shutil.which("syncoid", path="/usr/sbin:/usr/bin:/usr/local/bin")}
    if not options.no_syncoid and found["syncoid"] is None:
        print("skipped: the comparison with syncoid, which is not installed (Debian's package is sanoid)")
        options.no_syncoid = True
    return found


def sweep(options, top):
    found = programs(options)
    rows = []
    print(HEAD, flush=True)
    for row in choose_rows(options):
        rows.append(run_row(row, found[row.program], options.meter, top))
        print(format_row(row), flush=True)
    failed = sum(bool(row.failed) for row in rows)
    print()
    missed = print_bars(rows)
    print(f"\n{len(rows)} cycles, {failed} did not arrive; {missed} bars missed")
    return 1 if failed or missed else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--no-syncoid", action="store_true")
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("backupd", nargs="?", default=ROOT / "build/bench/backupd", type=pathlib.Path)
    parser.add_argument("meter", nargs="?", default=ROOT / "build/bench/bench/counting/meter", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    options.backupd, options.meter = options.backupd.resolve(), options.meter.resolve()
    with tempfile.TemporaryDirectory(prefix="counting.") as top:
        if options.check:
            return check(options.backupd, options.meter, top)
        return sweep(options, top)


if __name__ == "__main__":
    sys.exit(main())
