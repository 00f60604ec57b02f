#!/usr/bin/env python3
"""Breaks the pure domain, one mutant of mutants.py at a time, and runs the model on it.

    tests/model/mutate.py [--write FILE] [--jobs N] [NAME-PART]

Each mutant is compiled in a folder of its own and has to be noticed, by the model or, failing that,
by a unit test of target, plan or validate. Prints TAP; --write makes the table of docs/mutations.md.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
from mutants import MUTANTS  # noqa: E402

CC = os.environ.get("CC", "cc")
FLAGS = ["-std=c17", "-O1", "-D_XOPEN_SOURCE=700", "-w",
         "-iquote", os.path.join(ROOT, "src/domain"), "-iquote", os.path.join(ROOT, "src/base"),
         "-iquote", HERE, "-iquote", os.path.join(ROOT, "tests/unit")]
MUTATED = ["target.c", "plan.c", "validate.c"]
DOMAIN = MUTATED + ["facts.c", "inventory.c", "names.c", "policy.c", "snapshot.c"]
BASE = ["err.c", "hash.c", "mem.c", "str.c", "strpool.c", "text.c", "u64map.c"]
UNIT = ["test_domain_target", "test_domain_plan", "test_domain_validate"]
SECONDS = 180  # a mutant that runs for longer does not end: it is noticed

def cc(*args):
    done = subprocess.run([CC, *FLAGS, *args], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip()[:2000])

def compile_to(folder, source):
    out = os.path.join(folder, os.path.basename(source) + ".o")
    cc("-c", source, "-o", out)
    return out

class Parts:
    """Everything but the mutated file, compiled once."""

    def __init__(self, folder, jobs):
        sources = [os.path.join(ROOT, "src/domain", f) for f in DOMAIN]
        sources += [os.path.join(ROOT, "src/base", f) for f in BASE]
        model = sorted(os.path.join(HERE, f) for f in os.listdir(HERE)
                       if f.endswith(".c") and f != "libc.c")
        unit = [os.path.join(ROOT, "tests/unit", f + ".c") for f in ["fixture"] + UNIT]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            made = list(pool.map(lambda s: compile_to(folder, s), sources + model + unit))
        objects = dict(zip(sources + model + unit, made))
        self.model = [objects[s] for s in model]
        self.fixture = objects[unit[0]]
        self.unit = {name: objects[source] for name, source in zip(UNIT, unit[1:])}
        self.library = {os.path.basename(s): objects[s] for s in sources}

def complaint(program):
    """What a test program says that fails; None where it passes."""
    env = dict(os.environ, CMOCKA_MESSAGE_OUTPUT="TAP")
    try:
        done = subprocess.run([program], capture_output=True, text=True, timeout=SECONDS, env=env,
                              errors="replace")
    except subprocess.TimeoutExpired:
        return "does not end"
    if done.returncode == 0:
        return None
    if done.returncode < 0:
        return "crashes"
    for line in done.stdout.splitlines():
        if line.startswith("not ok"):
            return line.split(" - ", 1)[-1].strip()
    return "fails"

def verdict(parts, folder, library):
    """Who notices that the library is broken, and how; None where nobody does."""
    objects = list(library.values())
    program = os.path.join(folder, "model")
    cc(*parts.model, *objects, "-o", program)
    said = complaint(program)
    if said is not None:
        return "model", said
    for name, unit in parts.unit.items():
        program = os.path.join(folder, name)
        cc(unit, parts.fixture, *objects, "-lcmocka", "-o", program)
        said = complaint(program)
        if said is not None:
            return name, said
    return None

def try_mutant(parts, mutant):
    """(whether it was noticed, by whom, how)"""
    _, file, old, new = mutant
    with open(os.path.join(ROOT, "src/domain", file), encoding="utf-8") as source:
        text = source.read()
    if text.count(old) != 1:
        return False, "", f"its old text is there {text.count(old)} times"
    with tempfile.TemporaryDirectory() as folder:
        changed = os.path.join(folder, file)
        with open(changed, "w", encoding="utf-8") as out:
            out.write(text.replace(old, new))
        try:
            library = dict(parts.library, **{file: compile_to(folder, changed)})
            found = verdict(parts, folder, library)
        except RuntimeError as error:
            return False, "", f"does not compile: {error}"
    if found is None:
        return False, "", "nothing notices it"
    return True, *found

def write_table(path, mutants, results):
    rows = "".join(f"| {m[0]} | `{m[1]}` | {r[1] if r[1] == 'model' else '`' + r[1] + '`'}: "
                   f"{r[2].replace('|', '/')} |\n" for m, r in zip(mutants, results))
    by_model = sum(r[1] == "model" for r in results)
    with open(path, "w", encoding="utf-8") as out:
        out.write("# What the tests of the domain notice\n\n"
                  "Each line is one change to `src/domain`, made by `tests/model/mutate.py` from the list in\n"
                  "`tests/model/mutants.py`, and the first that notices it: the model in its quick settings, or\n"
                  f"a unit test where the model does not. {len(results)} mutants; {by_model} are noticed by the model,\n"
                  f"{len(results) - by_model} by the unit tests. Written by `tests/model/mutate.py --write "
                  "docs/mutations.md`.\n\n"
                  "| mutant | file | noticed by |\n| --- | --- | --- |\n" + rows)

def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", metavar="FILE")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("part", nargs="?", default="")
    options = parser.parse_args()
    mutants = [m for m in MUTANTS if options.part in m[0]]
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(folder, options.jobs)
        found = verdict(parts, folder, parts.library)
        if found is not None:
            print(f"not ok 1 - the sources as they are pass\n# {found[0]}: {found[1]}\n1..1")
            return 1
        print("ok 1 - the sources as they are pass", flush=True)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = []
            for mutant, result in zip(mutants, pool.map(lambda m: try_mutant(parts, m), mutants)):
                results.append(result)
                noticed, by, how = result
                print(f"{'ok' if noticed else 'not ok'} {len(results) + 1} - noticed: {mutant[1]}: "
                      f"{mutant[0]}\n# {by}{': ' if by else ''}{how}", flush=True)
    print(f"1..{len(results) + 1}")
    failed = sum(not r[0] for r in results)
    if options.write and not failed:
        write_table(options.write, mutants, results)
    return 1 if failed else 0

if __name__ == "__main__":
    sys.exit(main())
