"""A simulated world for whole cycles of the real backupd: made, prepared, copied, run, and looked into.

What both sides hold is read from the files in state/ (tests/sim/README.md says what is in them), not asked for with
zfs: no call is logged for it, and nothing that backupd believes is taken for true.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SOURCE = "tank/data"
COPY = "vault/copy"

# Below both roots. The new ones are made after the first cycle; /plain never has a snapshot.
DATASETS = ["", "/a", "/a/b", "/secret", "/volume", "/with space"]
NEW = ["/new", "/plain/child"]

CONFIG = """[local]
root = "tank/data"
[local.policy]
daily = {keep[0]}
[remote]
root = "vault/copy"
ssh_host = "root@nas"
[remote.policy]
daily = {keep[1]}
[sync]
interval = "{interval}"
stall_timeout = "{stall}"
parallel = {parallel}
"""


def built_sim():
    """The newest built tests/sim/sim, as sim.sh takes it."""
    found = [p for pattern in ("build*/tests/sim/sim", "build*/*/tests/sim/sim") for p in ROOT.glob(pattern)]
    if not found:
        raise SystemExit("tests/sim/sim is not built: meson setup build-sim && ninja -C build-sim")
    return max(found, key=lambda p: p.stat().st_mtime)


class Holding:
    """What one dataset of one side holds."""

    def __init__(self):
        self.snapshots = {}  # guid: name, oldest first
        self.bookmarks = {}  # name: guid
        self.holds = []
        self.receiving = False
        self.inconsistent = False


def read_holding(folder):
    holding = Holding()
    holding.receiving = (folder / "@recv").exists()
    for line in (folder / "@").read_text().splitlines():
        kind, *columns = line.split("\t")
        if kind == "S":
            holding.snapshots[columns[1]] = columns[0]
        elif kind == "B":
            holding.bookmarks[columns[0]] = columns[1]
        elif kind == "H":
            holding.holds.append(columns[0])
        elif kind == "D":
            holding.inconsistent = columns[2] != "0"
    return holding


class World:
    def __init__(self, folder, sim):
        self.folder = pathlib.Path(folder)
        self.run_dir = self.folder / "run"
        self.state = self.folder / "state"
        self.config = self.folder / "backupd.toml"
        self.keep = (2, 3)
        self.env = {
            "PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "RUNTIME_DIRECTORY": str(self.run_dir),
            "LC_ALL": "C",
            "HOME": str(self.folder),
        }
        for name in os.environ:
            if name.endswith("SAN_OPTIONS"):
                self.env[name] = os.environ[name]
        if sim is not None:
            self.run_dir.mkdir(parents=True, mode=0o700)
            subprocess.run([HERE / "sim.sh", "make", self.folder, sim], check=True)

    def copy_to(self, folder):
        shutil.copytree(self.folder, folder, symlinks=True)
        world = World(folder, None)
        world.keep = self.keep
        return world

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def configure(self, stall="60s", parallel=1, interval="1h"):
        self.config.write_text(CONFIG.format(stall=stall, parallel=parallel, interval=interval, keep=self.keep))

    # --- what the machines are told ---

    def tell(self, *words):
        done = subprocess.run(
            [self.folder / "bin/sim", "on", *words], env=self.env, stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    def here(self, *words):
        return self.tell("local", *words)

    def there(self, *words):
        return self.tell("remote", *words)

    def snapshot(self, day, *datasets):
        """A day passes, and these datasets get a snapshot."""
        self.here("clock", "+86400")
        for name in datasets:
            self.here("zfs", "snapshot", f"{SOURCE}{name}@daily-{day}")

    def fault(self, line):
        (self.state / "hits").unlink(missing_ok=True)
        (self.state / "faults").write_text(line + "\n")

    def was_hit(self):
        hits = self.state / "hits"
        return hits.exists() and any(int(n) > 0 for n in hits.read_text().split())

    def clear_faults(self):
        for name in ("faults", "hits"):
            (self.state / name).unlink(missing_ok=True)

    def calls(self):
        """Pairs of machine and command, in their order."""
        log = self.state / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [tuple(line.split("\t")[1:3]) for line in lines]

    def forget_calls(self):
        for name in ("calls", "calls.number"):
            (self.state / name).unlink(missing_ok=True)

    # --- what they hold ---

    def holdings(self, side):
        """Dataset name below the root ("" is the root): Holding."""
        top = self.state / ("local/" + SOURCE if side == "local" else "remote/" + COPY)
        found = {}
        if not (top / "@").exists():
            return found
        for path in [top, *sorted(top.rglob("*"))]:
            if path.is_dir() and (path / "@").exists():
                name = str(path.relative_to(top))
                found["" if name == "." else "/" + name] = read_holding(path)
        return found

    def look(self):
        return {side: self.holdings(side) for side in ("local", "remote")}

    # --- cycles ---

    def cycle(self, backupd, extra_env=None, timeout=300):
        """One run to the end. Its status (minus the signal's number, if one killed it) and all that it said."""
        with open(self.folder / "out", "w+b") as out:
            process = subprocess.Popen(
                [backupd, "-config", self.config, "-once"],
                env={**self.env, **(extra_env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            try:
                status = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                status = "timeout"
            out.seek(0)
            return status, out.read().decode(errors="replace")

    def leftover_processes(self):
        """Lines that say what still runs in this world: by the words or the environment it was started with."""
        mark = (str(self.folder) + "/").encode()
        found = []
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                words = pathlib.Path(entry.path, "cmdline").read_bytes()
                if words != b"" and (mark in words or mark in pathlib.Path(entry.path, "environ").read_bytes()):
                    found.append(f"{entry.name} {words.replace(bytes(1), b' ').decode(errors='replace')}")
            except OSError:
                continue  # it has ended, or is another user's
        return found

    def wait_until_quiet(self, seconds):
        """What is still there after so long; []: nothing. Nothing may be left, but a killed child takes a moment."""
        end = time.monotonic() + seconds
        while True:
            left = self.leftover_processes()
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)


def make_copied(world, backupd):
    """A tree, and what one cycle makes of it."""
    world.configure()
    world.here("pool", "tank")
    world.here("zfs", "create", SOURCE)
    for name in DATASETS[1:]:
        options = []
        if name == "/volume":
            options = ["-V", "64M"]
        elif name == "/secret":
            options = ["-o", "encryption=on", "-o", "keyformat=passphrase"]
        world.here("zfs", "create", *options, SOURCE + name)
    world.there("pool", "vault")
    world.here("clock", "1700000000")
    for day in (1, 2, 3):
        world.here("write", SOURCE + "/a", "300000")
        world.here("write", SOURCE + "/with space", "70000")
        world.snapshot(day, *DATASETS)
    run_clean(world, backupd)


def prepare_everything(world, backupd):
    """Leaves a world in which one cycle has every kind of work: deletions on both sides, a first transfer, increments
    from a snapshot and from a bookmark alone, the end of an interrupted receive, a bookmark that is missing."""
    make_copied(world, backupd)
    # More days than the policies keep, of some; the first transfer of /a ends half way.
    world.here("write", SOURCE + "/a", "300000")
    world.snapshot(4, "/a", "/volume")
    world.fault("once 'local zfs send*/a@daily-4' cut 200000")
    status, said = world.cycle(backupd)
    if status != 1 or not world.was_hit():
        raise SystemExit(f"the transfer of /a was not cut:\n{said}")
    world.clear_faults()
    for name in ("/new", "/plain"):
        world.here("zfs", "create", SOURCE + name)
    world.here("zfs", "create", "-V", "64M", SOURCE + "/plain/child")
    world.here("write", SOURCE + "/with space", "70000")
    world.snapshot(5, "/a", "/a/b", "/with space", "/secret", *NEW)
    world.here("zfs", "destroy", f"{SOURCE}/a/b@daily-1%daily-3")
    for name in world.holdings("local")["/secret"].bookmarks:
        world.here("zfs", "destroy", f"{SOURCE}/secret#{name}")
    world.forget_calls()


def prepare_increments(world, backupd):
    """Leaves a world in which one cycle has nothing but small increments, which go over one command; two of /a."""
    world.keep = (9, 9)
    make_copied(world, backupd)
    world.here("write", SOURCE + "/a", "300000")
    world.here("write", SOURCE + "/with space", "70000")
    world.snapshot(4, *DATASETS)
    world.snapshot(5, "/a")
    world.forget_calls()


WORKS = {"everything": prepare_everything, "increments": prepare_increments}


def run_clean(world, backupd):
    status, said = world.cycle(backupd)
    if status != 0:
        raise SystemExit(f"a cycle without a fault ended with {status}:\n{said}")
    return said


# --- claims: each gives lines that say what is wrong ---


def guids(look):
    """Of both sides: (side, dataset): the set of its snapshots' guids."""
    return {(side, name): set(h.snapshots) for side in look for name, h in look[side].items()}


def lost(start, end, now):
    """What was there at the start and is to be there in the end, and is not there now."""
    wrong = []
    start, end, now = guids(start), guids(end), guids(now)
    for key, before in start.items():
        gone = (before & end.get(key, set())) - now.get(key, set())
        if gone:
            wrong.append(f"LOST on {key[0]} {key[1] or '/'}: {sorted(gone)}")
    return wrong


def bases(look):
    """Datasets that have something from which the remote's newest state goes on."""
    found = set()
    for name, here in look["local"].items():
        there = look["remote"].get(name)
        known = set(here.snapshots) | set(here.bookmarks.values())
        if there is not None and known & set(there.snapshots):
            found.add(name)
    return found


def lost_bases(start, now):
    return [f"{name or '/'} has no shared base any more" for name in sorted(bases(start) - bases(now))]


def different(end, now):
    wrong = []
    end, now = guids(end), guids(now)
    for key in sorted(set(end) | set(now)):
        if end.get(key) != now.get(key):
            wrong.append(f"{key[0]} {key[1] or '/'} holds {now.get(key)}, not {end.get(key)}")
    return wrong


def untidy(look):
    """Holds, tokens, and bookmarks other than one of the newest shared snapshot for each dataset."""
    wrong = []
    for side in look:
        for name, holding in look[side].items():
            where = f"{side} {name or '/'}"
            if holding.holds:
                wrong.append(f"{where} has holds: {holding.holds}")
            if holding.receiving or holding.inconsistent:
                wrong.append(f"{where} has an interrupted receive")
    for name, here in look["local"].items():
        there = look["remote"].get(name, Holding())
        shared = [guid for guid in here.snapshots if guid in there.snapshots]
        ours = sorted(b for b in here.bookmarks if b.startswith("backupd-"))
        expected = [f"backupd-{shared[-1]}"] if shared else []
        if ours != expected:
            wrong.append(f"{name or '/'} has the bookmarks {ours}, not {expected}")
    if any(b.startswith("backupd-") for h in look["remote"].values() for b in h.bookmarks):
        wrong.append("the remote has bookmarks of ours")
    return wrong


class Standard:
    """A prepared world, and what a cycle without a fault and two more make of it: what the others are held against."""

    def __init__(self, top, backupd, sim, work):
        self.top, self.backupd = pathlib.Path(top), backupd
        self.prepared = World(self.top / "prepared", sim)
        WORKS[work](self.prepared, backupd)
        self.start = self.prepared.look()
        world = self.prepared.copy_to(self.top / "without")
        run_clean(world, backupd)
        self.calls = world.calls()
        self.first = world.look()
        for _ in range(2):
            run_clean(world, backupd)
        self.end = world.look()
        wrong = untidy(self.end) + lost(self.start, self.end, self.end) + world.wait_until_quiet(3)
        if wrong:
            raise SystemExit("without a fault:\n" + "\n".join(wrong))

    def copy(self, name):
        return self.prepared.copy_to(self.top / name)

    def check_after(self, world, which):
        """What is gone that must never be, and what still runs."""
        now = world.look()
        wrong = lost(self.start, self.end, now) + lost_bases(self.start, now)
        wrong += [f"still runs: {line}" for line in world.wait_until_quiet(3)]
        return [f"after {which}: {line}" for line in wrong], now

    def finish(self, world):
        """Two cycles without a fault, after which all must be well. What is wrong, and what was said."""
        wrong, said, now = [], "", None
        for which in ("the first clean cycle", "the second clean cycle"):
            status, more = world.cycle(self.backupd)
            said += f"-- {which} --\n{more}"
            if status != 0:
                wrong.append(f"{which} ended with {status}")
            worse, now = self.check_after(world, which)
            wrong += worse
        wrong += different(self.end, now) + untidy(now)
        left = [p.name for p in world.run_dir.iterdir() if p.suffix not in (".lock", ".facts")]
        if left:
            wrong.append(f"left in the run directory: {left}")
        return wrong, said


def tell_failures(failures):
    """Of (title, what is wrong, what was said)."""
    for title, wrong, said in failures:
        print(f"# {title}")
        for line in wrong:
            print(f"#   {line}")
        for line in said.splitlines():
            print(f"#     {line}")
