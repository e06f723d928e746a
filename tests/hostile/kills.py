"""Ends runs before one file operation after another, or at random moments, as SIGKILL does, and finishes them.

A killed run loses what was in flight and nothing else: finished by the same command it ends at the bytes of a run
that nobody killed, and no file is left over. Of commands that only read a folder the folder stays as it was.
"""

import contextlib
import io
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import SMALL, compose, nobody_left
from warm import Warm, start

from experiments.execution import session

OPERATIONS = ((os, "replace"), (os, "fsync"), (Path, "unlink"), (Path, "mkdir"), (Path, "rmdir"))
BASE = (*SMALL, "grid.hidden=3", "grid.init=he", "seeds.count=4", "base.epochs=5")
SUMMARY, CERTIFY = ("record=summary",), ("certify=true", "base.epochs=60")

CASES: dict[str, tuple[tuple[str, ...] | None, tuple[str, ...]]] = {
    "first": (None, ()),
    "growing": ((), ("seeds.count=6",)),
    "overwriting": (("base.lr=null", "grid.lr=[0.5]"), ("overwrite=true",)),
    "counts only": (None, SUMMARY),
    "counts only and growing": (SUMMARY, (*SUMMARY, "seeds.count=6")),
    "certificates": (None, CERTIFY),
}
CASES |= {f"{case} in small batches": (held, (*asked, "parallel.batch=1")) for case, (held, asked) in CASES.items()}
"""What a folder holds before (None: nothing), and what the run that is killed is asked for."""

FILES = {
    ".lock", "config.yaml", "counts.parquet", "datapackage.json", "exemplars.json", "laws.json", "manifest.json",
    "summary.csv", "trials.parquet",
}  # fmt: skip

LONG = (
    "study=smoke", "seeds.count=32", "base.epochs=400", "grid.init=he", "report=false", "parallel.n_jobs=2",
    "parallel.batch=8",
)  # fmt: skip
LITTLE = ("study=smoke", "seeds.count=8", "base.epochs=100", "grid.hidden=3", "grid.init=he", "grid.lr=[0.1]")
MADE = ("experiments.run", *LITTLE, "report=false", "output={done}")
"""What makes the folder that commands read."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "threads": ("experiments.run", *LONG, "output={new}"),
    "loky": ("experiments.run", *LONG, "parallel=loky", "output={new}"),
    "dask": ("experiments.run", *LONG, "parallel=dask", "output={new}"),
    "report": ("analysis.report", "{done}"),
    "notebooks": ("analysis.notebooks", "{done}"),
}
"""Commands that are killed at random moments, before as much time has passed as they take."""

COLD = 1 / 8
"""Share of them that start a Python anew; the others are forked from one that has imported everything."""

LIKELY = 0.5
"""Share of the time that a run takes in which it is killed: one that goes on has less to do."""

TOLD = {"exemplars.json", "laws.json", "summary.csv"}
"""What tells of the tables, in the case "first"; in the others the runs end when the tables are written."""


def quietly(*overrides: str, told: bool = False) -> int:
    """Run a study without its output; returns the exit status."""
    with contextlib.redirect_stdout(io.StringIO()), pytest.MonkeyPatch.context() as patch:
        if not told:
            patch.setattr("experiments.execution.reporting.report", lambda *_: None)
        return session.run(compose(*BASE, *overrides))


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


def killed(operation: int, told: bool, *overrides: str) -> bool:
    """Whether a run in a child process was ended at that operation (it had that many)."""
    child = os.fork()
    if child == 0:
        die_at(operation)
        os._exit(quietly(*overrides, told=told))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def at_operations(root: Path, share: slice, case: str) -> tuple[int, list[str]]:
    """Kill a case's run at a share of its operations; how many kills, and what went wrong."""
    before, change = CASES[case]
    told = case == "first"
    prepared = root / "prepared"
    whole = root / "whole"
    for folder in (prepared, whole):
        shutil.rmtree(folder, ignore_errors=True)
    if before is not None:
        quietly(f"output={prepared}", *before)
    quietly(f"output={whole}", *(each for each in change if each != "overwrite=true"))
    kept = [name for name in ("trials.parquet", "counts.parquet") if (whole / name).exists()]
    expected = {name: (whole / name).read_bytes() for name in kept}
    wrong: list[str] = []
    kills = 0
    for operation in range(share.start or 0, 10**9, share.step or 1):
        output = root / "killed"
        shutil.rmtree(output, ignore_errors=True)
        if before is not None:
            shutil.copytree(prepared, output)
        alive = killed(operation, told, f"output={output}", *change)
        status = quietly(f"output={output}", *change, told=told)
        same = {name: (output / name).read_bytes() for name in kept} == expected
        missing = ({"trials.parquet"} if len(kept) == 1 else set()) | (set() if told else TOLD)
        left = {path.name for path in output.iterdir()} ^ (FILES - missing)
        if status or not same or left:
            wrong.append(f"{case}, operation {operation}: status {status}, same bytes {same}, odd files {left}")
        if not alive:
            break
        kills += 1
    return kills, wrong


def at_moments(root: Path, name: str, times: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Kill a command at random moments; how many kills (some of a command that started anew), and what went wrong."""
    moment, wrong, kills = random.Random(seed), list[str](), {"": 0, "of new processes": 0}
    new, done, err = root / "new", root / "done", root / "err"
    words = [word.format(new=new, done=done) for word in COMMANDS[name]]
    grows = str(new) in words[-1]
    made = [word.format(new=new, done=done) for word in (COMMANDS["threads"] if grows else MADE)]
    with Warm() as warm:
        assert start(made, err, warm).wait() == 0, err.read_text()
        table = (new if grows else done) / "trials.parquet"
        expected = table.read_bytes()
        last: dict[bool, float] = {}
        for n in range(times):
            cold = moment.random() < COLD
            if grows and n % 4 == 0:  # a run that was killed is killed again while it goes on
                shutil.rmtree(new, ignore_errors=True)
            if cold not in last:
                last[cold] = seconds(words, err, None if cold else warm)
                shutil.rmtree(new, ignore_errors=True)
            work = start(words, err, None if cold else warm)
            time.sleep(moment.uniform(0, last[cold] * (LIKELY if grows else 1)))
            if work.poll() is None:
                os.kill(work.pid, signal.SIGKILL)
                kills[""] += 1
                kills["of new processes"] += cold
            work.wait()
            if not nobody_left(work.pid):
                wrong.append(f"{name}, kill {n}: a process is left")
                os.killpg(work.pid, signal.SIGKILL)
            if grows and n % 4 == 3 and start(words, err, warm).wait():
                wrong.append(f"{name}, kill {n}: {err.read_text()[:300]}")
            if (n % 4 == 3 or not grows) and table.read_bytes() != expected:
                wrong.append(f"{name}, kill {n}: other bytes")
    return kills, wrong


def seconds(words: list[str], err: Path, warm: Warm | None) -> float:
    """How long a command takes if nobody kills it."""
    began = time.monotonic()
    assert start(words, err, warm).wait() == 0, err.read_text()
    return time.monotonic() - began
