#!/usr/bin/env python3
"""faults.py [--work WORK] [--every N] [--kind KIND] [--call TEXT] [--jobs N] [BACKUPD [SIM]]: every fault at every call.

A prepared world has work for one cycle, by WORK (simworld.py): "everything", or "increments", which go over one command.
A cycle without a fault counts the calls of zfs and ssh. Then, for every call and every kind of fault: a copy of that
world, a cycle of the real backupd with that one fault, and two cycles without. Nothing that stays may be gone after any of
the three, and after the last everything is as if there had been no fault. Prints TAP, a test for each kind of fault; 1 if
one failed.

--every N takes one of N pairs of call and fault, always the same. --kind and --call take those of one kind, and of calls
that hold the text.
"""

import argparse
import collections
import concurrent.futures
import pathlib
import re
import sys
import tempfile

import simworld

TEXT = "the simulation was told to fail"

# Which words of the log name the failure.
KINDS = {
    "fail": re.escape(TEXT),
    "exit255": "255|connection|ssh",
    "late": re.escape(TEXT),
    "hang": "no output for|not one byte more in|no connection",
    "kill": "signal|killed",
    "cut": "cannot|failed",
    "garble": "cannot|failed",
    "delay": "nothing",
}

SENTENCES = {
    "fail": "a call that fails",
    "exit255": "a call whose connection is lost before it began",
    "late": "a call that is done and then said to have failed",
    "hang": "a call that hangs",
    "kill": "a call that is killed",
    "cut": "a call whose stream or output ends too early",
    "garble": "a call whose stream or output is garbled",
    "delay": "a call that is slow",
}


class Call:
    """The nth of the calls that look like this."""

    def __init__(self, machine, words, nth):
        self.machine, self.words, self.nth = machine, words, nth

    def __str__(self):
        return f"{self.machine} {self.words}" + (f" ({self.nth})" if self.nth > 1 else "")

    def condition(self):
        pattern = re.sub(r"([\\*?\[])", r"\\\1", f"{self.machine} {self.words}").replace("CONTROL", "*")
        return 'nth {} "{}"'.format(self.nth, pattern.replace("\\", "\\\\").replace('"', '\\"'))

    def middle(self):
        """A place in the stream or output, in the middle of a block or line; None: the call has neither."""
        if "zfs send -n" in self.words or "zfs list" in self.words:
            return 30
        if "zfs send" in self.words or "zfs receive" in self.words:
            return 200000 if re.search(r"/a(@\S*)?$|/copy/a$| -t ", self.words) else 600
        return None


def number_calls(calls):
    """In an order that is always the same, although listings run side by side."""
    seen = collections.Counter()
    found = []
    for machine, words in calls:
        words = re.sub(r"ControlPath=\S+", "ControlPath=CONTROL", words)
        seen[machine, words] += 1
        found.append(Call(machine, words, seen[machine, words]))
    return sorted(found, key=lambda c: (c.machine, c.words, c.nth))


def fault_of(kind, call):
    """The line for state/faults without its condition; None: such a fault cannot be told from none."""
    middle = call.middle()
    if kind in ("fail", "late"):
        return f"{kind} 1 '{TEXT}'"
    if kind in ("hang", "kill"):
        return f"{kind} {middle or 0}"
    if kind in ("cut", "garble"):
        return None if middle is None else f"{kind} {middle}"
    return "delay 300" if kind == "delay" else kind


def judge(standard, kind, status, said, now):
    """What is wrong with what was told, and whether it was told."""
    if status == 0 and "discarding the interrupted receive" in said:
        return [], True  # what that leads to is seen after the clean cycles
    if status == 0:
        missing = simworld.different(standard.first, now)
        return [f"it was not told, and {line}" for line in missing], False
    if status != 1:
        return [f"the faulty cycle ended with {status}"], False
    if not re.search(KINDS[kind], said):
        return ["no line names the failure"], False
    return [], True


def run(standard, kind, call, name):
    """(what is wrong, what it said, whether it was told)"""
    world = standard.copy(name)
    if kind == "hang":
        world.configure(stall="10s")
    world.fault(f"{call.condition()} {fault_of(kind, call)}")
    status, said = world.cycle(standard.backupd)
    wrong, now = standard.check_after(world, "the fault")
    if not world.was_hit():
        wrong.append("the call was never made")
    mistakes, told = judge(standard, kind, status, said, now)
    world.clear_faults()
    world.configure()
    worse, more = standard.finish(world)
    world.remove()
    return wrong + mistakes + worse, said + more, told


def choose(options, calls):
    pairs = [(kind, call) for call in calls for kind in KINDS]
    pairs = pairs[:: options.every]
    if options.kind:
        pairs = [pair for pair in pairs if pair[0] == options.kind]
    return [pair for pair in pairs if options.call in str(pair[1])]


def tell(number, kind, results):
    failures = [(f"{kind}: {call}", wrong, said) for call, (wrong, said, _) in results if wrong]
    told = sum(1 for _, (_, _, t) in results if t)
    print(
        f"{'not ' if failures else ''}ok {number} - {SENTENCES[kind]} loses nothing, is told and is made good"
        f" ({len(results)} cycles: {told} told, {len(results) - told} without harm)"
    )
    simworld.tell_failures(failures)
    sys.stdout.flush()
    return not failures


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", choices=simworld.WORKS, default="everything")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--call", default="")
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("backupd", nargs="?", default=simworld.ROOT / "build/backupd")
    parser.add_argument("sim", nargs="?")
    options = parser.parse_intermixed_args()
    options.backupd = pathlib.Path(options.backupd).resolve()
    options.sim = options.sim or simworld.built_sim()
    with tempfile.TemporaryDirectory(prefix="faults.") as top:
        standard = simworld.Standard(top, options.backupd, options.sim, options.work)
        return run_all(standard, options)


def run_all(standard, options):
    calls = number_calls(standard.calls)
    chosen = choose(options, calls)
    runs = collections.defaultdict(list)
    # What hangs only sleeps: many at once.
    with (
        concurrent.futures.ThreadPoolExecutor(options.jobs) as few,
        concurrent.futures.ThreadPoolExecutor(16) as many,
    ):
        for number, (kind, call) in enumerate(chosen):
            if fault_of(kind, call) is not None:
                pool = many if kind == "hang" else few
                runs[kind].append((call, pool.submit(run, standard, kind, call, str(number))))
        kinds = [kind for kind in KINDS if runs[kind]]
        print(f"1..{len(kinds)}")
        passed = True
        for number, kind in enumerate(kinds, 1):
            results = [(call, future.result()) for call, future in runs[kind]]
            passed = tell(number, kind, results) and passed
    cycles = sum(len(r) for r in runs.values())
    print(
        f"# {len(calls)} calls x {len(KINDS)} kinds of fault: {cycles} faulty cycles"
        + (f", one of {options.every}" if options.every > 1 else "")
        + f"; {len(chosen) - cycles} pairs have no stream or output to cut or garble"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
