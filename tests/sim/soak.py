#!/usr/bin/env python3
"""soak.py CYCLES [--seed S] [BACKUPD [SIM]]: one daemon, many cycles without a pause, and nothing that grows.

Between the cycles snapshots come and faults are put in the way of zfs and ssh, both at random from the seed, which is
printed. SIGUSR1 starts each cycle as soon as the one before has ended, and what failed is tried again in it. After a
warm-up, and at the end, descriptors, children and memory of the engine and its roles are counted. BACKUPD must be
built without sanitizers, which keep what is freed. Prints TAP; 1 if a test failed.
"""

import argparse
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

import simworld

# The log that the page shows and the chronicle are full after so many cycles; before, memory grows as it should.
WARM_UP = 50

# What the allocator and sqlite's page cache may take more than at the warm-up, in KiB, by VmRSS and by VmData; and the
# web role, which keeps up to WEB_STREAM_BYTES_MAX of each of two streams, of which one gets a frame or two a cycle.
ALLOCATOR_SLACK = 1024
STREAM_SLACK = 16384

# Of a hundred cycles.
WITH_FAULT, WITH_HANG, WITH_SNAPSHOTS = 60, 1, 40

KINDS = [
    "fail 1 'the simulation was told to fail'",
    "exit255",
    "late 1 'the simulation was told to be late'",
    "late 255",
    "kill 0",
    "kill 30",
    "kill 200000",
    "cut 30",
    "cut 200000",
    "cut 700 1",
    "garble 30",
    "garble 150000",
    "delay 50",
]


class Daemon:
    def __init__(self, world, backupd):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.world = world
        self.log = world.folder / "log"
        self.process = subprocess.Popen(
            [backupd, "-config", world.config, "-addr", f"127.0.0.1:{port}", "-logfile", self.log],
            env=world.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.cycle = 0
        self.reader = None
        self.await_cycle(1)

    def await_cycle(self, number):
        """Until the log says that this cycle is over; True: nothing failed in it."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            if self.reader is None and self.log.exists():
                self.reader = self.log.open()
            line = self.reader.readline() if self.reader else ""
            found = re.search(r" cycle (\d+): (?!started)(.*)", line)
            if found and int(found[1]) >= number:
                self.cycle = int(found[1])
                return " 0 failed," in found[2]
            if not line:
                time.sleep(0.005)
        tail = "".join(self.log.read_text().splitlines(True)[-20:])
        raise SystemExit(f"cycle {number} did not end (status {self.process.poll()}):\n{tail}")

    def run_cycle(self):
        self.process.send_signal(signal.SIGUSR1)
        return self.await_cycle(self.cycle + 1)

    def measure(self):
        """By role, of how many processes: descriptors, KiB of VmRSS and of VmData. The connection of ssh is one."""
        found = {}
        for entry in os.scandir("/proc"):
            if not entry.name.isdigit():
                continue
            try:
                folder = pathlib.Path(entry.path)
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if int(entry.name) != self.process.pid and parent != self.process.pid:
                    continue
                words = (folder / "cmdline").read_bytes().split(b"\0")
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                role = "engine" if int(entry.name) == self.process.pid else words[0].decode().rpartition("/")[2]
                if role == "backupd":
                    role = words[1].decode()
                memory = [int(status[key].split()[0]) for key in ("VmRSS", "VmData")]
                found.setdefault(role, []).append((len(os.listdir(folder / "fd")), *memory))
            except (FileNotFoundError, ProcessLookupError, KeyError):
                continue
        return found

    def end(self):
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "too late"


class Soak:
    def __init__(self, world, daemon, seed):
        self.world, self.daemon = world, daemon
        self.random = random.Random(seed)
        self.day = 100
        self.faults = self.failed = 0
        self.wrong = []

    def settle(self):
        """Cycles without a fault, until one has nothing to do; the snapshots that came are everywhere then."""
        self.world.clear_faults()
        fine = [self.daemon.run_cycle() for _ in range(3)]
        time.sleep(1)  # the history is still writing, and has a journal open
        return all(fine)

    def new_snapshots(self):
        self.day += 1
        names = self.random.sample(simworld.DATASETS + simworld.NEW, self.random.randint(1, 4))
        self.world.here("write", simworld.SOURCE + self.random.choice(names[:1] + ["/a"]), "300000")
        self.world.snapshot(self.day, *names)

    def one(self):
        before = simworld.bases(self.world.look())
        dice = self.random.randrange(100)
        self.world.forget_calls()
        self.world.clear_faults()
        if self.random.randrange(100) < WITH_SNAPSHOTS:
            self.new_snapshots()
        if dice < WITH_HANG:
            self.world.fault(f"{self.random.randint(1, 10)} hang")
        elif dice < WITH_FAULT:
            self.world.fault(f"{self.random.randint(1, 25)} {self.random.choice(KINDS)}")
        self.faults += dice < WITH_FAULT
        self.failed += not self.daemon.run_cycle()
        gone = before - simworld.bases(self.world.look())
        if gone:
            self.wrong.append(f"cycle {self.daemon.cycle}: no shared base any more: {sorted(gone)}")


def grown(before, after):
    wrong = []
    if {role: len(v) for role, v in before.items()} != {role: len(v) for role, v in after.items()}:
        return [f"children: {before} before, {after} after"]
    for role, processes in before.items():
        for was, now in zip(sorted(processes), sorted(after[role]), strict=True):
            if now[0] != was[0]:
                wrong.append(f"{role} has {now[0]} descriptors, and had {was[0]}")
            for what, old, new in zip(("VmRSS", "VmData"), was[1:], now[1:], strict=True):
                growing = STREAM_SLACK if role == "web-role" else 0
                if new - old > ALLOCATOR_SLACK + growing:
                    wrong.append(f"{role} has {new} KiB of {what}, and had {old}")
    return wrong


def unlike(look):
    """Datasets whose newest snapshot is not on both sides."""
    wrong = []
    for name, here in look["local"].items():
        newest = list(here.snapshots)[-1:]
        there = look["remote"].get(name, simworld.Holding())
        if newest and newest != list(there.snapshots)[-1:]:
            wrong.append(f"{name or '/'}: the newest is not on both sides")
    return wrong


def test(number, sentence, wrong):
    print(f"{'not ' if wrong else ''}ok {number} - {sentence}")
    for line in wrong:
        print(f"# {line}")
    sys.stdout.flush()
    return not wrong


def run(options, top):
    world = simworld.World(pathlib.Path(top) / "w", options.sim or simworld.built_sim())
    simworld.prepare_everything(world, options.backupd)
    world.configure(stall="10s", parallel=3)
    with world.config.open("a") as config:
        config.write(f'[history]\npath = "{world.folder}/history.sqlite"\n')
    print(f"# seed {options.seed}\n1..4", flush=True)
    warm_up = min(WARM_UP, options.cycles // 2)
    daemon = Daemon(world, options.backupd)
    try:
        soak = Soak(world, daemon, options.seed)
        for _ in range(warm_up):
            soak.one()
        soak.settle()
        before = daemon.measure()
        for _ in range(options.cycles - warm_up):
            soak.one()
        fine = soak.settle()
        after = daemon.measure()
        look = world.look()
        status = daemon.end()
        left = world.wait_until_quiet(5)
    finally:
        daemon.process.kill()
    print(f"# {daemon.cycle} cycles, {soak.faults} with a fault, {soak.failed} of them failed")
    print(f"# after {warm_up}: {before}\n# at the end: {after}")
    wrong = [] if soak.failed > options.cycles // 20 else ["hardly a fault made a cycle fail"]
    passed = test(1, "after many cycles with faults no dataset is without a shared base", wrong + soak.wrong)
    wrong = simworld.untidy(look) + unlike(look) + ([] if fine else ["a clean cycle failed"])
    passed &= test(2, "both sides hold the same in the end, and nothing is left of any fault", wrong)
    passed &= test(3, "after many cycles no process has more memory, descriptors or children", grown(before, after))
    wrong = ([] if status == 0 else [f"it ended with {status}"]) + [f"still runs: {line}" for line in left]
    passed &= test(4, "after many cycles it ends when it is told to, with all its children", wrong)
    if not passed:
        print("".join("# " + line for line in (world.folder / "log").read_text().splitlines(True)[-40:]))
    return 0 if passed else 1


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("cycles", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("backupd", nargs="?", default=simworld.ROOT / "build/backupd")
    parser.add_argument("sim", nargs="?")
    options = parser.parse_intermixed_args()
    options.backupd = pathlib.Path(options.backupd).resolve()
    with tempfile.TemporaryDirectory(prefix="soak.") as top:
        return run(options, top)


if __name__ == "__main__":
    sys.exit(main())
