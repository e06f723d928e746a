"""`make hostile`: all that is bad, given to commands, folders and runs; prints figures, and what was wrong."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
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

Told = tuple[str, list[str]]


def steps(root: Path) -> dict[str, Callable[[], Told]]:
    """What is done, by name: a line of figures, and what was wrong."""

    def plain(main: Callable[[Path], tuple[object, list[str]]], name: str) -> Told:
        folder = root / name
        folder.mkdir()
        figures, wrong = main(folder)
        counts = figures if isinstance(figures, dict) else {name: figures}
        return ", ".join(f"{each} {n:,}" for each, n in counts.items()) + f" ({sum(counts.values()):,} in all)", wrong

    return {
        "bad inputs": lambda: plain(inputs.main, "inputs"),
        "damaged folders": lambda: plain(damage.main, "folders"),
        "flipped bits": lambda: plain(flips.main, "flips"),
        "fuzzing": lambda: plain(lambda folder: fuzzing.main(folder, SECONDS), "fuzzing"),
        "kills": lambda: plain(lambda folder: kills.main(folder, 1, MOMENTS), "kills"),
    }


def main(chosen: list[str]) -> int:
    """Do all steps, or those that are named; returns the exit status."""
    problems = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, step in steps(Path(folder)).items():
            if chosen and name.split()[-1] not in chosen:
                continue
            began = time.monotonic()
            figures, wrong = step()
            problems += len(wrong)
            print(
                "\n".join([f"{name}: {figures}: {len(wrong)} wrong, {time.monotonic() - began:.0f} s", *wrong]),
                flush=True,
            )
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
