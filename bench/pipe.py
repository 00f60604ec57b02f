#!/usr/bin/env python3
"""pipe.py [--pairs N] [--mib N] [BACKUPD [METER]]: one large transfer beside the bare pipe, with nothing emulated.

zfs is that of bench/counting, which makes and takes in a stream about as fast as it can be copied; ssh and sshd are this
machine's own, over the loopback. So the figure is what backupd adds to a pipe between two programs and ssh, where no
emulated processor is in the way and no disk. Where there is no sshd on this machine it says so and ends with 0.

  backupd   the time of the longest ssh of a cycle that sends one dataset of --mib MiB from the beginning
  bare      that of zfs send | ssh zfs receive of the same snapshot, over a connection of its own, too

They take turns, and the one that begins is another in each pair. "-P -v" and "1 MiB" are the bare pipe with what
backupd does otherwise: the progress that zfs send tells, and a larger pipe. Exit status 1: a bar was missed.
"""

import argparse
import contextlib
import fcntl
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("tests/sim", "bench/counting", "bench/real")]

import simworld
from in_guest import Bars, ratio
from worlds import free_port

BAR = 0.98
SOURCE, COPY = "tank/data", "vault/copy"
SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 1031)

CONFIG = """[local]
root = "{source}"
[local.policy]
daily = 9
[remote]
root = "{copy}"
ssh_host = "{host}"
ssh_key = "{key}"
ssh_options = {options}
[remote.policy]
daily = 9
"""

SSHD = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/id.pub
PidFile {folder}/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
SetEnv PATH={folder}/far:/usr/bin:/bin
"""


class Wire:
    """An sshd of this machine's on a port of its own, that leads to the simulation's other machine."""

    def __init__(self, folder):
        self.port = free_port()
        for name in ("host", "id"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        self.key = folder / "id"
        self.options = ["-p", str(self.port), "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={folder}/known"]
        self.host = f"{os.environ.get('USER', 'root')}@127.0.0.1"
        config = folder / "sshd_config"
        config.write_text(SSHD.format(port=self.port, folder=folder))
        if os.geteuid() == 0:
            pathlib.Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", config], stdin=subprocess.DEVNULL, stderr=(folder / "sshd.log").open("w")
        )
        self.log = folder / "sshd.log"

    def command(self, *words):
        return ["ssh", "-i", self.key, "-o", "BatchMode=yes", *self.options, self.host, *words]

    def wait(self):
        for _ in range(100):
            if subprocess.run(self.command("true"), stdin=subprocess.DEVNULL, capture_output=True).returncode == 0:
                return
            time.sleep(0.1)
        raise SystemExit(f"no connection to this machine's sshd:\n{self.log.read_text()}")

    def end(self):
        self.process.terminate()
        self.process.wait()


def make_far(folder, world):
    """The zfs and zpool of the other machine."""
    far = folder / "far"
    far.mkdir()
    for name in ("zfs", "zpool"):
        (far / name).write_text(f'#!/bin/sh\nexec {world.folder}/bin/sim on remote {name} "$@"\n')
        (far / name).chmod(0o755)


class Timer:
    """The ssh that backupd starts is this one, which notes how long each took."""

    def __init__(self, world, folder):
        self.notes = folder / "ssh-times"
        ssh = world.folder / "bin/ssh"
        ssh.unlink()
        ssh.write_text(
            "#!/bin/bash\nbegin=$EPOCHREALTIME\n"
            f'{shutil.which("ssh")} "$@"\nrc=$?\necho "$begin $EPOCHREALTIME" >>{self.notes}\nexit $rc\n'
        )
        ssh.chmod(0o755)

    def longest(self):
        spans = [line.split() for line in self.notes.read_text().splitlines()]
        self.notes.unlink()
        return max(float(end) - float(begin) for begin, end in spans)


class Bench:
    def __init__(self, folder, options, stack):
        self.world = simworld.World(folder / "world", options.meter)
        (self.world.state / "cache").mkdir()
        self.backupd = options.backupd
        self.world.here("pool", "tank")
        self.world.here("zfs", "create", SOURCE)
        self.world.there("pool", "vault")
        self.world.here("clock", "1700000000")
        self.world.here("write", SOURCE, str(options.mib << 20))
        self.world.here("zfs", "snapshot", f"{SOURCE}@daily-1")
        make_far(folder, self.world)
        self.wire = Wire(folder)
        stack.callback(self.wire.end)
        self.timer = Timer(self.world, folder)
        words = ", ".join(f'"{word}"' for word in self.wire.options)
        self.world.config.write_text(
            CONFIG.format(source=SOURCE, copy=COPY, host=self.wire.host, key=self.wire.key, options=f"[{words}]")
        )
        self.wire.wait()

    def forget(self):
        """As before the transfer, without what it left: bookmarks and the copy."""
        self.world.there("zfs", "destroy", "-r", COPY)
        for name in self.world.holdings("local")[""].bookmarks:
            self.world.here("zfs", "destroy", f"{SOURCE}#{name}")

    def run_backupd(self):
        status, said = self.world.cycle(self.backupd, timeout=600)
        if status != 0:
            raise SystemExit(f"a cycle ended with {status}:\n{said}")
        return self.timer.longest()

    def run_bare(self, *words, pipe_size=0):
        send = subprocess.Popen(
            [self.world.folder / "bin/zfs", "send", "-w", *words, f"{SOURCE}@daily-1"],
            env=self.world.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        if pipe_size > 0:
            fcntl.fcntl(send.stdout, SET_PIPE_SIZE, pipe_size)
        begin = time.monotonic()
        receive = subprocess.run(self.wire.command("zfs", "receive", "-s", "-u", COPY), stdin=send.stdout, check=False)
        took = time.monotonic() - begin
        send.stdout.close()
        if send.wait() != 0 or receive.returncode != 0:
            raise SystemExit(f"the bare pipe ended with {send.returncode} and {receive.returncode}")
        return took

    def turn(self, fn):
        took = fn()
        if len(self.world.holdings("remote")[""].snapshots) != 1:
            raise SystemExit("the snapshot did not arrive")
        self.forget()
        return took


def measure(bench, options):
    ways = {
        "backupd": bench.run_backupd,
        "bare": bench.run_bare,
        "bare, -P -v": lambda: bench.run_bare("-P", "-v"),
        "bare, 1 MiB": lambda: bench.run_bare(pipe_size=1 << 20),
    }
    took = {name: [] for name in ways}
    names = list(ways)
    for number in range(options.pairs):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            took[name].append(bench.turn(ways[name]))
    for name in names:
        spread = f"{min(took[name]):.2f} to {max(took[name]):.2f}"
        rate = options.mib / statistics.median(took[name])
        print(f"{name:12}{statistics.median(took[name]):8.2f} s   ({spread}; {rate:.0f} MiB/s)   {ratio(took, 'bare', name):.3f} of the bare pipe")
    bars = Bars()
    bars.at_least(f"one transfer of {options.mib} MiB, against the bare pipe", ratio(took, "bare", "backupd"), BAR)
    return bars


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--mib", type=int, default=512)
    parser.add_argument("backupd", nargs="?", type=pathlib.Path, default=ROOT / "build/bench/backupd")
    parser.add_argument("meter", nargs="?", type=pathlib.Path, default=ROOT / "build/bench/bench/counting/meter")
    options = parser.parse_args()
    options.backupd, options.meter = options.backupd.resolve(), options.meter.resolve()
    if not pathlib.Path("/usr/sbin/sshd").exists():
        print("skipped  there is no sshd on this machine (the package openssh-server)")
        return 0
    with tempfile.TemporaryDirectory(prefix="pipe.") as top, contextlib.ExitStack() as stack:
        return 1 if measure(Bench(pathlib.Path(top), options, stack), options).missed else 0


if __name__ == "__main__":
    sys.exit(main())
