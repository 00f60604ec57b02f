#!/usr/bin/env python3
"""kills.py [--work WORK] [--every N] [BACKUPD-KILLED [BACKUPD [SIM]]]: SIGKILL at every point of a cycle.

BACKUPD-KILLED is build/tests/sim/backupd-killed (killed/killed.c): backupd that kills its engine, or the worker that gets
there, at a point that is chosen by its number; a point is an event that is about to be told, or a child that was just
started. For every number, until a cycle ends unharmed: a copy of a prepared world (WORK, simworld.py), a cycle that is killed
there, and two cycles of BACKUPD. Nothing that stays may be gone after any of the three, no child may be left, and after
the last everything is as if nobody had been killed. Prints TAP; 1 if a test failed.
"""

import argparse
import concurrent.futures
import pathlib
import sys
import tempfile

import simworld

AT_ONCE = 6

SENTENCES = {
    "ENGINE": "an engine that is killed at any point takes all its children along, loses nothing and goes on",
    "WORKER": "a worker that is killed at any point is told, loses nothing and goes on",
}


def judge(whom, status, said):
    """What is wrong with how it ended, and whether anybody was killed."""
    if status == 0:
        return [], "its worker was ended by signal 9; what it had left is done one by one" in said
    if whom == "ENGINE":
        return ([] if status == -9 else [f"the cycle ended with {status}"]), True
    if status != 1:
        return [f"the cycle ended with {status}"], True
    if "its worker was ended by signal 9" not in said:
        return ["no line names the worker's end"], True
    return [], True


def run(standard, killed, whom, number):
    """(what is wrong, what it said, whether anybody was killed)"""
    world = standard.copy(f"{whom}{number}")
    status, said = world.cycle(killed, {f"BACKUPD_KILL_{whom}": str(number)})
    wrong, _ = standard.check_after(world, "the kill")
    mistakes, was_killed = judge(whom, status, said)
    worse, more = standard.finish(world)
    world.remove()
    return wrong + mistakes + worse, said + more, was_killed


def run_whom(standard, killed, whom, every):
    """Failures, and how many cycles were killed."""
    failures, kills, number, ends = [], 0, 1, False
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        while not ends:
            numbers = [number + i * every for i in range(AT_ONCE)]
            number += AT_ONCE * every
            for at, (wrong, said, was_killed) in zip(
                numbers, pool.map(lambda n: run(standard, killed, whom, n), numbers), strict=True
            ):
                kills += was_killed
                ends = ends or not was_killed
                if wrong:
                    failures.append((f"{whom.lower()}, point {at}", wrong, said))
    return failures, kills


def main():
    build = simworld.ROOT / "build"
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", choices=simworld.WORKS, default="everything")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("killed", nargs="?", default=build / "tests/sim/backupd-killed")
    parser.add_argument("backupd", nargs="?", default=build / "backupd")
    parser.add_argument("sim", nargs="?")
    options = parser.parse_intermixed_args()
    killed = pathlib.Path(options.killed).resolve()
    passed = True
    print(f"1..{len(SENTENCES)}")
    with tempfile.TemporaryDirectory(prefix="kills.") as top:
        backupd = pathlib.Path(options.backupd).resolve()
        standard = simworld.Standard(top, backupd, options.sim or simworld.built_sim(), options.work)
        for number, whom in enumerate(SENTENCES, 1):
            failures, kills = run_whom(standard, killed, whom, options.every)
            if kills < 20 // options.every:
                failures.append((whom.lower(), [f"only {kills} cycles were killed"], ""))
            print(f"{'not ' if failures else ''}ok {number} - {SENTENCES[whom]} ({kills} killed cycles)")
            simworld.tell_failures(failures)
            passed = passed and not failures
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
