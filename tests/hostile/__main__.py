"""`make hostile`: all that is bad, given to commands, folders and runs; prints figures, and what was wrong.

make hostile                              everything, two steps at a time (half an hour on two cores)
make hostile ARGS="inputs kills part=2/5"    the second fifth of those steps whose names hold one of the words
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

import damage
import flips
import fuzzing
import inputs
import interrupt_anywhere
import kills

MOMENTS = {"threads": 200, "loky": 40, "dask": 16, "report": 24, "notebooks": 8}
"""Kills at random moments, by command; those at file operations come to many hundreds more."""

INTERRUPTS = 500

SECONDS = 600.0
"""Seconds of fuzzing."""

TOGETHER = 2
"""Steps at a time."""

Step = Callable[[Path, slice], tuple[int | dict[str, int], list[str]]]
"""Does a share of something bad in a folder; how often, perhaps by kind, and what was wrong."""


def fuzz(folder: Path, share: slice) -> tuple[dict[str, int], list[str]]:
    """Fuzz for a share of the time."""
    return fuzzing.main(folder, SECONDS / (share.step or 1), seed=share.start or 0)


def kill(folder: Path, share: slice, name: str) -> tuple[dict[str, int], list[str]]:
    """A share of the kills at random moments, at moments of its own."""
    return kills.at_moments(folder, name, -(-MOMENTS[name] // (share.step or 1)), seed=share.start or 0)


def interrupt(folder: Path, share: slice) -> tuple[dict[str, int], list[str]]:
    """A share of the interrupts, at moments of its own."""
    return interrupt_anywhere.interrupts(folder, -(-INTERRUPTS // (share.step or 1)), seed=share.start or 0)


STEPS: dict[str, Step] = {  # those that take longest come first
    "interrupts": interrupt,
    "fuzzing": fuzz,
    **{f"kills: {name}": partial(kill, name=name) for name in MOMENTS},
    "flipped bits": flips.main,
    "bad inputs": inputs.main,
    "damaged folders": damage.main,
    **{f"kills: {case}": partial(kills.at_operations, case=case) for case in kills.CASES},
}


def do(name: str, share: slice) -> int:
    """Do a share of a step, and say what was done, how long it took, and what was wrong; returns the exit status."""
    out = os.fdopen(os.dup(1), "w")  # a command that takes standard output for broken closes it
    began, before = time.monotonic(), cpu()
    with tempfile.TemporaryDirectory() as folder:
        figures, wrong = STEPS[name](Path(folder), share)
    kinds = figures if isinstance(figures, dict) else {"": figures}
    told = ", ".join(f"{each} {n:,}".strip() for each, n in kinds.items())
    taken = f"{time.monotonic() - began:.0f} s, {cpu() - before:.0f} s of processors"
    print("\n".join([f"{name}: {told}; {len(wrong)} wrong; {taken}", *wrong]), file=out, flush=True)
    return int(bool(wrong))


def cpu() -> float:
    """Seconds of processors that this process and those that it waited for have had."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def main(arguments: list[str]) -> int:
    """Do all steps, or a part of those that are named, each in a process of its own; returns the exit status."""
    parts = [argument for argument in arguments if argument.startswith("part=")]
    chosen = [argument for argument in arguments if argument not in parts]
    if len(chosen) == 1 and chosen[0] in STEPS:
        part, of = map(int, parts[0].removeprefix("part=").split("/")) if parts else (1, 1)
        return do(chosen[0], slice(part - 1, None, of))

    def apart(name: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, Path(__file__).parent, name, *parts], stdout=subprocess.PIPE, text=True)

    problems, began = 0, time.monotonic()
    with ThreadPoolExecutor(TOGETHER) as pool:
        names = [name for name in STEPS if any(each in name for each in chosen or [name])]
        for step in as_completed(pool.submit(apart, name) for name in names):
            problems += bool(step.result().returncode)
            print(step.result().stdout or f"{step.result().args}: no answer\n", end="", flush=True)
    print(f"{len(names)} steps in {(time.monotonic() - began) / 60:.0f} min; in {problems} of them something was wrong")
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
