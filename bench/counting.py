#!/usr/bin/env python3
"""counting.py [--check | --answers | --all] [OPTIONS] [BACKUPD [METER]]: what a cycle costs, counted at the command line.

zfs and ssh are bench/counting's: they keep a tree of N datasets with M snapshots on two machines, log every process,
and take as long as they are told to. The real daemon runs over ssh; after its first cycle SIGUSR1 starts the one
that is measured. syncoid, where it is installed, does the same work beside it. No figure counts before both sides
hold exactly the snapshots that they should.

  --check          the bars about counts at 100 datasets, as TAP; no times
  --all            every N and M of 10, 100 and 1000 with every workload (hours), not the choice of some minutes
  --only PATTERN   rows whose title has the pattern, like 'no-op' or 'new 100x'
  --no-syncoid     without it
  --answers        nothing but how long people wait for an answer while cycles over 1000x1000 run
  --svg FILE       writes the picture of the processes of a no-op cycle, unless there is --only

Exit status 1: a bar was missed, or a run did not arrive where it should.
"""

import argparse
import dataclasses
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "counting"))

import answers
import picture
import worlds
from worlds import Failed, Figures

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Milliseconds for each zfs command and for each round trip of ssh.
NONE, BOTH, FAR = worlds.NO_DELAYS, (20, 20), (0, 100)


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
        return worlds.longest_chain(self.figures[FAR].spans) if FAR in self.figures else None


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
    workload = worlds.WORKLOADS[row.workload]()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="w.", dir=top))
    runner = None
    try:
        world = worlds.World(folder / "w", meter, row.n, row.m)
        if row.program == "backupd":
            world.add_bookmarks()
        workload.start(world)
        world.set_delays(NONE)
        untouched = world.expect(lambda _, here, there: (here, there))
        runner = (worlds.Backupd if row.program == "backupd" else worlds.Syncoid)(world, program, workload.keep(world))
        row.first = runner.first
        world.check(untouched)
        workload.settle(runner)
        for number, delays in enumerate(row.delays):
            workload.prepare(world, number)
            expected = world.expect(workload.rule)
            world.set_delays(delays)
            figures = run_quickest(runner, workload.repeats if row.program == "backupd" else 1)
            try:
                runner.check(workload.failures)
                world.check(expected)
            except Failed as e:
                raise Failed(f"{e}\n{runner.tail()}") from None
            row.figures[delays] = figures
            if row.workload in IDLE and row.program == "backupd" and delays == NONE:
                row.shims_alone = worlds.shims_alone(world, figures.commands)
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

IDLE = ("no-op", "listed")  # workloads with nothing to do


def delays_of(program, workload, n):
    """What is slow to wait for is measured where the tree is small: the counts are the same."""
    if program == "backupd" and workload in IDLE:
        return NONE, BOTH, FAR
    limit = 10 if program == "syncoid" else 100
    return (NONE, BOTH, FAR) if n <= limit else (NONE,)


def choose_rows(options):
    rows = []
    sizes = [(n, m) for n in (10, 100, 1000) for m in (10, 100, 1000)]
    for name, workload in worlds.WORKLOADS.items():
        few = [(10, 100)] if name == "24 behind" else [(10, 100), (100, 100)]
        for n, m in sizes if options.all or name in IDLE else few:
            rows.append(Row("backupd", name, n, m, delays_of("backupd", name, n)))
            known = m == 10 or name != "no-op"  # how many processes it starts does not depend on M
            if not options.no_syncoid and not workload.prunes and name != "listed" and (known or options.all):
                rows.append(Row("syncoid", name, n, m, delays_of("syncoid", name, n)))
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


# --- how long people wait ---

ANSWERS_N, ANSWERS_M, ANSWERS_CYCLES = 1000, 1000, 3
WAIT_MAX = TURN_MAX = 0.1
AFTER = 4  # seconds: what the end of a cycle costs comes after it


@dataclasses.dataclass
class Answers:
    """While the first cycle of a daemon runs, or some more of it: seconds."""

    title: str
    waits: dict  # by method, in order
    turns: tuple  # how many, the longest of the processor, the longest by the clock


def run_answers(options, top):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="w.", dir=top))
    world = worlds.World(folder / "w", options.meter, ANSWERS_N, ANSWERS_M)
    world.add_bookmarks()
    world.set_delays(NONE)
    turns = answers.Turns(folder / "turns")
    env = {"LD_PRELOAD": str(options.meter.with_name("turns.so")), "METER_TURNS": str(folder / "turns")}
    asking, found = [], []

    def settle(title):
        time.sleep(AFTER)
        found.append(Answers(f"{title} {ANSWERS_N}x{ANSWERS_M}", asking.pop().stop(), turns.read()))
        turns.clear()

    daemon = worlds.Backupd(
        world, options.backupd, 1000000, env, lambda started: asking.append(answers.Askers(started.port))
    )
    try:
        settle("first")
        asking.append(answers.Askers(daemon.port))
        for _ in range(ANSWERS_CYCLES):
            daemon.run()
        settle("no-op")
    finally:
        daemon.end()
        shutil.rmtree(folder, ignore_errors=True)
    return found


def percentile(waits, part):
    return waits[min(len(waits) - 1, int(len(waits) * part))]


def print_answers(found):
    print(f"{'answers while':17} {'':4} {'asked':>6} {'median':>8} {'99th':>8} {'longest, ms':>12}")
    for row in found:
        for method, waits in sorted(row.waits.items()):
            figures = [1000 * w for w in (percentile(waits, 0.5), percentile(waits, 0.99), waits[-1])]
            print(f"{row.title:17} {method:4} {len(waits):6} {figures[0]:8.1f} {figures[1]:8.1f} {figures[2]:12.1f}")
        print(f"{row.title:17} {'turn':4} {row.turns[0]:6} {'':8} {'':8} {1000 * row.turns[1]:12.1f} of the processor")


def answer_bars(found):
    bars_of = []
    for row in found:
        for method, waits in sorted(row.waits.items()):
            bars_of.append((f"{row.title}: longest wait for a {method}", waits[-1], WAIT_MAX, " s"))
        bars_of.append((f"{row.title}: longest turn of the loop, CPU", row.turns[1], TURN_MAX, " s"))
    return bars_of


# --- bars ---

ZFS_MAX, SSH_MAX, HANDSHAKES_MAX, TRIPS_MAX, SLACK = 2, 2, 0, 3, 0.1


def most(row, what):
    return max(what(f) for f in row.figures.values())


def bars(rows):
    """Of every cycle of ours with nothing to do: sentence, figure, limit, unit."""
    found = []
    for row in rows:
        if row.program != "backupd" or row.workload not in IDLE or row.failed:
            continue
        for side in ("local", "remote"):
            found.append((f"{row.title}: zfs processes, {side}", most(row, lambda f, s=side: f.zfs[s]), ZFS_MAX, ""))
        found.append((f"{row.title}: ssh executions", most(row, lambda f: f.ssh), SSH_MAX, ""))
        found.append((f"{row.title}: handshakes", most(row, lambda f: f.handshakes), HANDSHAKES_MAX, ""))
        if FAR in row.figures:
            limit = TRIPS_MAX * FAR[1] / 1000 * (1 + SLACK) + row.shims_alone
            found.append((f"{row.title}: wall at 100 ms a round trip", row.figures[FAR].wall, limit, " s"))
    return found


def print_bars(found):
    missed = 0
    for sentence, figure, limit, unit in found:
        shown = (f"{figure:.2f}", f"{limit:.2f}") if unit else (figure, limit)
        missed += figure > limit
        print(f"{'MISS' if figure > limit else 'pass'}  {sentence}: {shown[0]}{unit} (at most {shown[1]}{unit})")
    return missed


# --- the check: counts alone ---


def check(program, meter, top):
    new = run_row(Row("backupd", "new", 100, 10, (NONE,)), program, meter, top)
    listed = run_row(Row("backupd", "listed", 100, 10, (NONE,)), program, meter, top)
    quiet = run_row(Row("backupd", "no-op", 100, 10, (NONE,)), program, meter, top)
    broken = [row for row in (listed, quiet, new) if row.failed]
    if broken:
        print("1..1\nnot ok 1 - both sides hold what they should before anything is counted")
        for row in broken:
            print(f"# {row.title}: " + row.failed.replace("\n", "\n# "))
        return 1
    f, g, q = listed.figures[NONE], new.figures[NONE], quiet.figures[NONE]
    tests = [
        ("with nothing to do for 100 datasets, zfs runs at most twice here", f.zfs["local"], 0, ZFS_MAX),
        ("with nothing to do for 100 datasets, zfs runs at most twice there", f.zfs["remote"], 0, ZFS_MAX),
        ("with nothing to do for 100 datasets, ssh runs at most twice", f.ssh, 0, SSH_MAX),
        ("the counter sees the handshake of the first cycle, and one only", listed.first.handshakes, 1, 1),
        ("with nothing to do, no cycle after the first makes a handshake", f.handshakes, 0, HANDSHAKES_MAX),
        ("once nothing has changed for a while, zfs runs once here, for the datasets", q.zfs["local"], 1, 1),
        ("once nothing has changed for a while, zfs runs once there, for the datasets", q.zfs["remote"], 1, 1),
        ("once nothing has changed for a while, ssh runs once", q.ssh, 1, 1),
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
            run = q if "a while" in sentence else f if "nothing" in sentence else None
            for side, words in (run.commands if run else [])[:10]:
                print(f"#   {side} {words}")
    return 1 if bad else 0


# --- the whole ---


def programs(options):
    found = {"backupd": options.backupd, "syncoid": shutil.which("syncoid", path="/usr/sbin:/usr/bin:/usr/local/bin")}
    if not options.no_syncoid and found["syncoid"] is None:
        print("skipped: the comparison with syncoid, which is not installed (Debian's package is sanoid)")
        options.no_syncoid = True
    return found


def no_op_processes(rows):
    """By number of datasets, by program."""
    counts = {}
    for row in rows:
        if row.workload == "no-op" and row.m == 10 and not row.failed:
            counts.setdefault(row.n, {})[row.program] = row.figures[NONE].processes
    return counts


def sweep(options, top):
    found = programs(options)
    rows = []
    print(HEAD, flush=True)
    for row in choose_rows(options):
        if rows and rows[-1].workload != row.workload:
            print()
        rows.append(run_row(row, found[row.program], options.meter, top))
        print(format_row(row), flush=True)
    if options.svg is not None and options.only is None:  # a picture of some rows is none of them
        options.svg.write_text(picture.draw(no_op_processes(rows)))
    failed = sum(bool(row.failed) for row in rows)
    print()
    answered = run_answers(options, top) if options.only is None else []
    if answered:
        print_answers(answered)
        print()
    missed = print_bars(bars(rows) + answer_bars(answered))
    print(f"\n{len(rows)} cycles, {failed} did not arrive; {missed} bars missed")
    return 1 if failed or missed else 0


def answer(options, top):
    found = run_answers(options, top)
    print_answers(found)
    print()
    return 1 if print_bars(answer_bars(found)) else 0


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--answers", action="store_true")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only")
    parser.add_argument("--no-syncoid", action="store_true")
    parser.add_argument("--svg", type=pathlib.Path)
    parser.add_argument("backupd", nargs="?", default=ROOT / "build/bench/backupd", type=pathlib.Path)
    parser.add_argument("meter", nargs="?", default=ROOT / "build/bench/bench/counting/meter", type=pathlib.Path)
    options = parser.parse_intermixed_args()
    options.backupd, options.meter = options.backupd.resolve(), options.meter.resolve()
    for program in (options.backupd, options.meter):
        if not os.access(program, os.X_OK):
            raise SystemExit(f"counting.py: {program} is not built (meson setup -Dbench=true, on Linux)")
    with tempfile.TemporaryDirectory(prefix="counting.") as top:
        if options.check:
            return check(options.backupd, options.meter, top)
        return answer(options, top) if options.answers else sweep(options, top)


if __name__ == "__main__":
    sys.exit(main())
