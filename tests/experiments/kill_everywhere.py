"""Ends a small run at its N-th file operation, for N all along it, then resumes it; prints what went wrong.

Run by test_killing.py in a process of its own, because it forks: `python kill_everywhere.py FOLDER`.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import SMALL, compose

from experiments.execution.session import run

OPERATIONS = ((os, "replace"), (os, "fsync"), (Path, "unlink"), (Path, "mkdir"), (Path, "rmdir"))
BASE = (*SMALL, "grid.hidden=4", "grid.init=he", "seeds.count=4", "base.epochs=5")


def quietly(*overrides: str) -> int:
    """Run a study without its output; returns the exit status."""
    with contextlib.redirect_stdout(io.StringIO()):
        return run(compose(*BASE, *overrides))


def die_at(operation: int) -> None:
    """Make this process end, as if killed, at that file operation, counted from 0."""
    count = 0

    def dying(do: Callable[..., Any]) -> Callable[..., Any]:
        def replaced(*arguments: Any, **options: Any) -> Any:
            nonlocal count
            if count == operation:
                os._exit(9)
            count += 1
            return do(*arguments, **options)

        return replaced

    for owner, name in OPERATIONS:
        setattr(owner, name, dying(getattr(owner, name)))


def killed(operation: int, *overrides: str) -> bool:
    """Whether a run in a child process was ended at that operation (it had that many)."""
    child = os.fork()
    if child == 0:
        die_at(operation)
        os._exit(quietly(*overrides))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def main(root: Path) -> None:
    """Kill a first run at every third of its operations, a growing and an overwriting run at every seventh."""
    quietly(f"output={root / 'small'}")
    quietly(f"output={root / 'grown'}", "seeds.count=6")
    small, grown = ((root / name / "trials.parquet").read_bytes() for name in ("small", "grown"))
    for case, prepared, change, expected in (
        ("first", (), (), small),
        ("growing", (), ("seeds.count=6",), grown),
        ("overwriting", ("base.lr=null", "grid.lr=[0.5]"), ("overwrite=true",), small),
    ):
        operation = 0
        while True:
            output = root / f"{case}-{operation}"
            if case != "first":
                quietly(f"output={output}", *prepared)
            alive = killed(operation, f"output={output}", *change)
            status = quietly(f"output={output}", *change)
            same = (output / "trials.parquet").read_bytes() == expected
            left = {path.name for path in output.iterdir()} ^ {
                ".lock", "config.yaml", "counts.parquet", "datapackage.json", "manifest.json", "summary.csv",
                "trials.parquet",
            }  # fmt: skip
            if status or not same or left:
                print(f"{case}, operation {operation}: status {status}, same bytes {same}, odd files {left}")
            if not alive:
                break
            operation += 3 if case == "first" else 7
        print(f"{case}: {operation} operations")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
