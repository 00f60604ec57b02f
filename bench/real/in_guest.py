#!/usr/bin/env python3
"""in_guest.py [--rounds N] [--pairs N] [--mib N] [no-op] [new] [bulk]: cycles and transfers on real ZFS, timed beside others.

real.sh runs it in a guest that has backupd, syncoid and an sshd on port 2222. One pool is the machine, others are those of
the machine behind ssh that its copies are on. Each program has a copy of its own of the same tree:

  backupd   the daemon, whose cycle is started by SIGUSR1; "-once" is the same as a command of its own
  syncoid   as somebody types who has taken snapshots by other means
  bare      zfs send | ssh zfs receive, which knows what to send: four at a time over one connection that is open
            already, or, in bulk, one over a connection of its own

  no-op     21 datasets of 20 snapshots, nothing to do. A copy is as its program leaves it: that of syncoid is mounted,
            that of backupd is not, which makes zfs list its snapshots more slowly. The daemon has seen twice that there
            is nothing to do, and asks only what changed; "listed" are the two cycles before that, and "-once" always lists
  new       one new snapshot in each of them
  bulk      one dataset of --mib MiB that compress no further, sent from the beginning

All take turns, --rounds times (bulk: --pairs), and the one that begins is another each time. After each turn both
sides must hold the same snapshots. The figures are medians. Exit status 1: a bar was missed, or a copy is not one.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import os
import pathlib
import re
import signal
import statistics
import struct
import subprocess
import sys
import time

WORK = pathlib.Path("/var/tmp/bench")
HOST = "root@127.0.0.1"
SSH = ["ssh", "-p", "2222", HOST]
NAMES = ["tank/data"] + [f"tank/data/d{number:02}" for number in range(20)]
SNAPSHOTS, AT_A_TIME = 20, 4
BULK = "source/bulk"
COPIES = [f"{name}/data" for name in ("backupd", "syncoid", "bare")]

CONFIG = """[local]
root = "{source}"
[local.policy]
hourly = 1000
[remote]
root = "{copy}"
ssh_host = "{host}"
ssh_options = ["-p", "2222"]
[remote.policy]
hourly = 1000
[sync]
interval = "24h"
parallel = {parallel}
[history]
path = ""
"""

SYNCOID = ["syncoid", "-r", "--no-sync-snap", "--no-privilege-elevation", "--quiet", "--sshport", "2222"]


class Failed(Exception):
    """A run that did not arrive."""


def run(*words, **options):
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


# --- the processes that have ended, as the kernel accounts for them (acct(5), version 3) ---

RECORD = struct.Struct("=BBHIIIIIIf8H16s")
ACCOUNT_TICK = 100  # a second: AHZ, whatever the kernel's own


def expand(number):
    return (number & 0x1FFF) << (3 * (number >> 13))


class Accounts:
    """With `with`: the records of what ended meanwhile, each (name, seconds of life, seconds of processor)."""

    def __enter__(self):
        self.path = WORK / "acct"
        self.path.write_bytes(b"")
        self.switch(os.fsencode(self.path))
        self.records = []
        return self

    def __exit__(self, *_):
        self.switch(None)
        data = self.path.read_bytes()
        for at in range(0, len(data) - len(data) % RECORD.size, RECORD.size):
            fields = RECORD.unpack_from(data, at)
            name = fields[-1].rstrip(b"\0").decode(errors="replace")
            cpu = (expand(fields[10]) + expand(fields[11])) / ACCOUNT_TICK
            self.records.append((name, fields[9] / ACCOUNT_TICK, cpu))

    @staticmethod
    def switch(path):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.acct(path) != 0:
            raise Failed(f"acct: {os.strerror(ctypes.get_errno())}")

    def by_name(self):
        """Seconds of processor and number of processes of each program, the most first."""
        found = {}
        for name, _, cpu in self.records:
            seconds, count = found.get(name, (0, 0))
            found[name] = (seconds + cpu, count + 1)
        return sorted(found.items(), key=lambda item: -item[1][0])

    def cpu(self, *names):
        return sum(cpu for name, _, cpu in self.records if name in names)

    def longest(self, name):
        return max(life for found, life, _ in self.records if found == name)


# --- the tree and its copies ---


def make_pool(name, size):
    run("truncate", "-s", size, f"{WORK}/{name}.img")
    run("zpool", "create", "-O", "atime=off", "-m", f"{WORK}/mnt/{name}", name, f"{WORK}/{name}.img")


def fill(dataset, name, size):
    with (WORK / "mnt" / dataset / name).open("wb") as file:
        for _ in range(max(1, size >> 20)):
            file.write(os.urandom(min(size, 1 << 20)))


def make_tree():
    for name in NAMES:
        run("zfs", "create", name)
    for number in range(SNAPSHOTS):
        add_snapshot(f"hourly-{number:04}")


def add_snapshot(name):
    for dataset in NAMES:
        fill(dataset, "file", 65536)
    run("zfs", "snapshot", "-r", f"tank/data@{name}")


def guids(root):
    lines = run("zfs", "list", "-Hp", "-t", "snapshot", "-o", "name,guid", "-r", root).splitlines()
    return sorted(line.removeprefix(root) for line in lines)


def check_copy(source, copy):
    if guids(source) != guids(copy):
        raise Failed(f"{copy} does not hold what {source} holds")


def make_copies():
    """Each in a pool of its own, which begins as the same bytes: receiving 20 x 21 snapshots three times takes long."""
    run("zpool", "export", "tank")
    for copy in COPIES:
        pool, image = copy.partition("/")[0], f"{WORK}/{copy.partition('/')[0]}.img"
        run("cp", "--sparse=always", f"{WORK}/tank.img", image)
        run("zpool", "import", "-N", "-d", image, "tank", pool)
        run("zpool", "reguid", pool)
        unmount(pool)
    run("zpool", "import", "-d", f"{WORK}/tank.img", "tank")
    mount("syncoid")


def mount(pool):
    run("zfs", "set", f"mountpoint={WORK}/mnt/{pool}", pool)
    run("zfs", "mount", "-a")


def unmount(pool):
    run("zfs", "set", "mountpoint=none", pool)


def run_from(send, *words):
    """The second half of a pipe, to the end of both."""
    done = subprocess.run(words, stdin=send.stdout, capture_output=True, text=True, check=False)
    send.stdout.close()
    if send.wait() != 0 or done.returncode != 0:
        raise Failed(f"zfs send | {' '.join(words)}: status {send.returncode}, {done.returncode}\n{done.stderr}")


# --- who does the work ---


class Backupd:
    def __init__(self, name, source, copy, parallel=AT_A_TIME):
        self.config = WORK / f"{name}.toml"
        self.config.write_text(CONFIG.format(source=source, copy=copy, host=HOST, parallel=parallel))
        self.log = WORK / f"{name}.log"
        (WORK / f"run-{name}").mkdir(mode=0o700)
        self.environment = {**os.environ, "RUNTIME_DIRECTORY": f"{WORK}/run-{name}"}
        self.cycle = 0
        self.process = None

    def start(self):
        command = ["backupd", "-config", self.config, "-addr", "127.0.0.1:0", "-logfile", self.log]
        self.process = subprocess.Popen(
            command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.await_cycle()

    def await_cycle(self):
        deadline = time.monotonic() + 1800
        while time.monotonic() < deadline and self.process.poll() is None:
            text = self.log.read_text() if self.log.exists() else ""
            found = re.search(rf" cycle {self.cycle + 1}: (?!started)(.*)", text)
            if found:
                self.cycle += 1
                if " 0 failed," not in found[1]:
                    raise Failed(f"a cycle of backupd failed:\n{text[-3000:]}")
                return
            time.sleep(0.02)
        raise Failed("a cycle of backupd did not end")

    def run(self):
        self.process.send_signal(signal.SIGUSR1)
        self.await_cycle()

    def run_once(self):
        run("backupd", "-config", self.config, "-once", env=self.environment)

    def processor(self):
        """Seconds that the daemon and its roles have used so far; of what has ended the kernel's records tell."""
        total = 0
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if (folder / "comm").read_text().strip() == "backupd":
                    total += int(fields[11]) + int(fields[12])
        return total / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)


def run_syncoid():
    run(*SYNCOID, "tank/data", f"{HOST}:syncoid/data")


class Bare:
    """The increments of all datasets, four at a time over one connection."""

    def __init__(self):
        self.socket = f"{WORK}/bare.ctl"
        # It stays in the background and keeps what it was given as output open.
        subprocess.run(
            [*SSH[:-1], "-M", "-N", "-f", "-S", self.socket, HOST],
            check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def send(self, dataset, older, newer):
        command = ["zfs", "send", "-w", "-i", f"@{older}", f"{dataset}@{newer}"]
        send = subprocess.Popen(command, stdout=subprocess.PIPE)
        copy = "bare" + dataset.removeprefix("tank")
        run_from(send, "ssh", "-S", self.socket, "-p", "2222", HOST, "zfs", "receive", "-s", "-u", copy)

    def run(self, older, newer):
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            for future in [pool.submit(self.send, dataset, older, newer) for dataset in NAMES]:
                future.result()

    def end(self):
        subprocess.run(["ssh", "-S", self.socket, "-p", "2222", "-O", "exit", HOST], check=False, capture_output=True)


# --- what is measured ---


def do_nothing(_):
    pass


def take_turns(programs, rounds, prepare=do_nothing, settle=do_nothing):
    """Seconds of each program in each round, by name. Not counted: `prepare` before a round, `settle` after a turn."""
    took = {name: [] for name in programs}
    names = list(programs)
    for number in range(rounds):
        prepare(number)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begin = time.monotonic()
            programs[name]()
            took[name].append(time.monotonic() - begin)
            settle(name)
        print(f"# round {number + 1}: " + ", ".join(f"{name} {took[name][-1]:.2f} s" for name in names), flush=True)
    return took


class Bars:
    def __init__(self):
        self.missed = False

    def at_least(self, sentence, figure, limit):
        self.show(sentence, figure, f"at least {limit}", figure >= limit)

    def below(self, sentence, figure, limit):
        self.show(sentence, figure, f"below {limit}", figure < limit)

    def show(self, sentence, figure, limit, met):
        self.missed |= not met
        print(f"{'pass' if met else 'MISS'}  {sentence}: {figure:.3g} ({limit})", flush=True)


def print_medians(title, took):
    for name, seconds in took.items():
        spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
        print(f"{title:8}{name:18}{statistics.median(seconds):8.2f} s   ({spread}, {len(seconds)} times)", flush=True)


def ratio(took, other, ours):
    """Of the pairs of a round, the median."""
    return statistics.median(a / b for a, b in zip(took[other], took[ours], strict=True))


def measure_noop(daemon, bars, rounds):
    programs = {
        "backupd": daemon.run,
        "backupd -once": Backupd("once", "tank/data", "backupd/data").run_once,
        "syncoid": run_syncoid,
    }
    listed = take_turns({"backupd, listed": daemon.run}, 2, settle=lambda _: time.sleep(2))  # engine/quiet.h
    took = take_turns(programs, rounds)
    check_copies()
    print_medians("no-op", {**listed, **took})
    bars.at_least("no-op, times faster than syncoid", ratio(took, "syncoid", "backupd"), 15)


def check_copies():
    for copy in COPIES:
        check_copy("tank/data", copy)


def accounted(name, fn):
    """The same, and what the processes that ended meanwhile have used."""

    def run_it():
        with Accounts() as accounts:
            fn()
        used = ", ".join(f"{program} {cpu:.2f} s ({count})" for program, (cpu, count) in accounts.by_name()[:6])
        print(f"# {name}: {used}", flush=True)

    return run_it


def measure_new(daemon, bars, rounds):
    bare = Bare()
    names = sorted({line.partition("@")[2].partition("\t")[0] for line in guids("tank/data")})

    def prepare(number):
        names.append(f"hourly-{SNAPSHOTS + number:04}")
        add_snapshot(names[-1])

    try:
        programs = {
            "backupd": daemon.run,
            "bare": lambda: bare.run(names[-2], names[-1]),
            "syncoid": run_syncoid,
        }
        programs = {name: accounted(name, fn) for name, fn in programs.items()}
        took = take_turns(programs, rounds, prepare, settle=lambda name: check_copy("tank/data", f"{name}/data"))
    finally:
        bare.end()
    print_medians("new", took)
    bars.at_least("one new snapshot in each, times faster than syncoid", ratio(took, "syncoid", "backupd"), 5)
    bars.at_least("one new snapshot in each, against the bare pipe", ratio(took, "bare", "backupd"), 1)


def measure_bulk(bars, pairs, mib):
    make_pool("source", f"{2 * mib}M")
    make_pool("vault", f"{4 * mib}M")
    run("zfs", "create", "-o", "compression=off", BULK)
    fill(BULK, "file", mib << 20)
    run("zfs", "snapshot", f"{BULK}@hourly-1")
    daemon = Backupd("bulk", BULK, "vault/bulk-backupd", 1)
    shares = []
    took = {"backupd": [], "bare": []}

    def once_bare():
        send = subprocess.Popen(["zfs", "send", "-w", f"{BULK}@hourly-1"], stdout=subprocess.PIPE)
        run_from(send, *SSH, "zfs", "receive", "-s", "-u", "vault/bulk-bare")

    def turn(name):
        with Accounts() as accounts:
            before = daemon.processor()
            daemon.run() if name == "backupd" else once_bare()
            own = daemon.processor() - before
        took[name].append(accounts.longest("ssh"))
        if name == "backupd":
            shares.append((own + accounts.cpu("backupd")) / accounts.cpu("zfs", "ssh", "sshd"))
        check_copy(BULK, f"vault/bulk-{name}")
        run("zfs", "destroy", "-r", f"vault/bulk-{name}")

    try:
        daemon.start()
        run("zfs", "destroy", "-r", "vault/bulk-backupd")
        for number in range(pairs):
            order = ["backupd", "bare"]
            for name in order if number % 2 else reversed(order):
                turn(name)
            print(f"# pair {number + 1}: " + ", ".join(f"{name} {took[name][-1]:.2f} s" for name in order), flush=True)
    finally:
        daemon.end()
    print_medians("bulk", took)
    bars.at_least(f"bulk, {mib} MiB, against the bare pipe", ratio(took, "bare", "backupd"), 0.98)
    bars.below("bulk, percent of the transfer's processor time that is backupd's", 100 * statistics.median(shares), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("what", nargs="*", choices=["no-op", "new", "bulk", []])
    options = parser.parse_args()
    what = options.what or ["no-op", "new", "bulk"]
    WORK.mkdir()
    bars = Bars()
    try:
        if "no-op" in what or "new" in what:
            make_pool("tank", "2G")
            make_tree()
            make_copies()
            daemon = Backupd("daemon", "tank/data", "backupd/data")
            try:
                daemon.start()
                if "no-op" in what:
                    measure_noop(daemon, bars, options.rounds)
                if "new" in what:
                    measure_new(daemon, bars, options.rounds)
            finally:
                daemon.end()
        if "bulk" in what:
            measure_bulk(bars, options.pairs, options.mib)
    except Failed as e:
        print(f"FAILED: {e}")
        return 1
    return 1 if bars.missed else 0


if __name__ == "__main__":
    sys.exit(main())
