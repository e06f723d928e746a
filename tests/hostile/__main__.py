"""`make hostile`: all that is bad, given to commands, folders and runs; prints figures, and what was wrong."""

from __future__ import annotations

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

MOMENTS = {"threads": 60, "loky": 24, "dask": 12, "report": 16, "notebooks": 8}
"""Kills at random moments, by command; those at file operations come to some hundreds more."""

SECONDS = 180.0
"""Seconds of fuzzing."""

Step = Callable[[Path], tuple[int | dict[str, int], list[str]]]
"""Does something bad in a folder; how often, perhaps by kind, and what was wrong."""

STEPS: dict[str, Step] = {
    "bad inputs": inputs.main,
    "damaged folders": damage.main,
    "flipped bits": flips.main,
    "fuzzing": partial(fuzzing.main, seconds=SECONDS),
    **{f"kills: {case}": partial(kills.at_operations, case=case, step=1) for case in kills.CASES},
    **{f"kills: {name}": partial(kills.at_moments, name=name, times=n, seed=n) for name, n in MOMENTS.items()},
}


def main(chosen: list[str]) -> int:
    """Do all steps, or those that are named; returns the exit status."""
    problems = 0
    with tempfile.TemporaryDirectory() as root:
        for name, step in STEPS.items():
            if not any(each in name for each in chosen or [name]):
                continue
            folder, began = Path(root) / name.replace(": ", "_").replace(" ", "_"), time.monotonic()
            folder.mkdir()
            figures, wrong = step(folder)
            problems += len(wrong)
            kinds = figures if isinstance(figures, dict) else {"": figures}
            told = ", ".join(f"{each} {n:,}".strip() for each, n in kinds.items())
            line = f"{name}: {told}; {len(wrong)} wrong; {time.monotonic() - began:.0f} s"
            print("\n".join([line, *wrong]), flush=True)
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
