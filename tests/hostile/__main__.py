"""`make hostile`: all that is bad, given to commands, folders and runs; prints figures, and what was wrong.

make hostile                              everything (half an hour on two cores)
make hostile ARGS="inputs kills part=2/5"    the second fifth of those steps whose names hold one of the words
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import damage
import flips
import fuzzing
import inputs
import kills

MOMENTS = {"threads": 160, "loky": 40, "dask": 16, "report": 24, "notebooks": 8}
"""Kills at random moments, by command; those at file operations come to many hundreds more."""

SECONDS = 180.0
"""Seconds of fuzzing."""

Step = Callable[[Path, slice], tuple[int | dict[str, int], list[str]]]
"""Does a share of something bad in a folder; how often, perhaps by kind, and what was wrong."""


def fuzz(folder: Path, share: slice) -> tuple[dict[str, int], list[str]]:
    """Fuzz for a share of the time."""
    return fuzzing.main(folder, SECONDS / (share.step or 1), seed=share.start or 0)


def kill(folder: Path, share: slice, name: str) -> tuple[int, list[str]]:
    """A share of the kills at random moments, at moments of its own."""
    return kills.at_moments(folder, name, -(-MOMENTS[name] // (share.step or 1)), seed=share.start or 0)


STEPS: dict[str, Step] = {
    "bad inputs": inputs.main,
    "damaged folders": damage.main,
    "flipped bits": flips.main,
    "fuzzing": fuzz,
    **{f"kills: {case}": partial(kills.at_operations, case=case) for case in kills.CASES},
    **{f"kills: {name}": partial(kill, name=name) for name in MOMENTS},
}


def main(arguments: list[str]) -> int:
    """Do all steps, or a part of those that are named; returns the exit status."""
    problems, chosen, share = 0, [], slice(None)
    out = os.fdopen(os.dup(1), "w")  # a command that takes standard output for broken closes it
    for argument in arguments:
        if argument.startswith("part="):
            part, of = map(int, argument.removeprefix("part=").split("/"))
            share = slice(part - 1, None, of)
        else:
            chosen.append(argument)
    with tempfile.TemporaryDirectory() as root:
        for name, step in STEPS.items():
            if not any(each in name for each in chosen or [name]):
                continue
            folder, began = Path(root) / name.replace(": ", "_").replace(" ", "_"), time.monotonic()
            folder.mkdir()
            figures, wrong = step(folder, share)
            problems += len(wrong)
            kinds = figures if isinstance(figures, dict) else {"": figures}
            told = ", ".join(f"{each} {n:,}".strip() for each, n in kinds.items())
            line = f"{name}: {told}; {len(wrong)} wrong; {time.monotonic() - began:.0f} s"
            print("\n".join([line, *wrong]), file=out, flush=True)
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
